//! Files that appear whole or not at all.

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::RasterError;

/// Who may read a file that was written for its user.
const MODE: u32 = 0o644;

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> PathBuf {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Bytes that may still be written to the disk of a folder; `None` where that cannot be told.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Writes a file by way of a temporary one beside it, through to the disk; a file that is there is replaced.
///
/// # Errors
/// When it cannot be written; then what was there is still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RasterError> {
    let fails = |source| RasterError::Write { path: path.to_owned(), source };
    let mut file = tempfile::Builder::new()
        .permissions(PermissionsExt::from_mode(MODE))
        .tempfile_in(folder_of(path))
        .map_err(fails)?;
    file.write_all(bytes).map_err(fails)?;
    file.as_file().sync_all().map_err(fails)?;
    file.persist(path).map_err(|error| fails(error.error))?;
    Ok(())
}
