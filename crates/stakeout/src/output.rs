//! Files that appear whole or not at all.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// The folder that a file lies in.
fn folder(path: &Path) -> PathBuf {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Proves before the work that a file can be written after it.
pub(crate) fn check_writable(path: &Path) -> anyhow::Result<()> {
    let folder = folder(path);
    anyhow::ensure!(!path.is_dir(), "{} is a folder but must be a file", path.display());
    tempfile::NamedTempFile::new_in(&folder)
        .with_context(|| format!("{} cannot be written", path.display()))
        .map(drop)
}

/// Writes a file by way of a temporary one beside it.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder(path))
        .with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}
