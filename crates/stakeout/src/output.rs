//! Files that a command is going to write.

use std::path::Path;

use anyhow::Context;
use raster_io::folder_of;

/// Proves before the work that a file can be written after it.
pub(crate) fn check_writable(path: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(!path.is_dir(), "{} is a folder but must be a file", path.display());
    tempfile::NamedTempFile::new_in(folder_of(path))
        .with_context(|| format!("{} cannot be written", path.display()))
        .map(drop)
}
