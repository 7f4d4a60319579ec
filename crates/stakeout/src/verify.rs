//! `stakeout verify`.

use std::io::Write;

use crate::arguments::Verify;

pub(crate) fn run(verify: &Verify, quiet: bool) -> anyhow::Result<()> {
    let verified = record::verify::verify(&verify.data, verify.event.as_ref())?;
    if !quiet {
        eprintln!(
            "whole: {} events, {} features and documents, {} blobs; the last event:",
            verified.events(),
            verified.states,
            verified.blobs
        );
    }
    if let Some(last) = verified.last {
        writeln!(std::io::stdout().lock(), "{last}")?;
    }
    Ok(())
}
