//! Files that appear whole or not at all.

use std::{
    fs::{self, Permissions},
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

/// Writes a file by way of a temporary one beside it, through to the disk; a file that is there is replaced, and who may read
/// and write it stays as it was.
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
    if let Some(permissions) = permissions_of(path) {
        file.as_file().set_permissions(permissions).map_err(fails)?;
    }
    file.as_file().sync_all().map_err(fails)?;
    file.persist(path).map_err(|error| fails(error.error))?;
    Ok(())
}

/// Puts a file that was made in the place of one that may be there, whose readers and writers it gets.
///
/// # Errors
/// When it cannot be put there; both are left as they were.
pub fn put_in_place(made: &Path, place: &Path) -> Result<(), RasterError> {
    let fails = |source| RasterError::Write { path: place.to_owned(), source };
    if let Some(permissions) = permissions_of(place) {
        fs::set_permissions(made, permissions).map_err(fails)?;
    }
    fs::rename(made, place).map_err(fails)
}

/// Who may read and write a file that is there.
fn permissions_of(path: &Path) -> Option<Permissions> {
    Some(fs::metadata(path).ok()?.permissions())
}
