//! `stakeout verify`.

use crate::arguments::Verify;

pub(crate) fn run(verify: &Verify, quiet: bool) -> anyhow::Result<()> {
    let verified = record::verify::verify(&verify.data, verify.event.as_ref())?;
    if !quiet {
        eprintln!(
            "whole: {} events, {} features and documents, {} blobs",
            verified.events(),
            verified.states,
            verified.blobs
        );
        if let Some(last) = verified.last {
            eprintln!("last event: {last}");
        }
    }
    Ok(())
}
