//! `stakeout verify`.

use std::path::Path;

pub(crate) fn run(data: &Path, quiet: bool) -> anyhow::Result<()> {
    let verified = record::verify::verify(data)?;
    if !quiet {
        eprintln!(
            "whole: {} events, {} features and documents, {} blobs",
            verified.events, verified.states, verified.blobs
        );
    }
    Ok(())
}
