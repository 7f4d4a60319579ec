//! Files that a command is going to write.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use raster_io::folder_of;

/// Proves before the work that files can be written after it, and that none of them is one that the command reads or
/// writes besides.
pub(crate) fn check_writable<'a>(
    outputs: impl IntoIterator<Item = &'a PathBuf>,
    inputs: &[&Path],
) -> anyhow::Result<()> {
    let mut taken: Vec<PathBuf> = inputs.iter().filter_map(|path| path.canonicalize().ok()).collect();
    for path in outputs {
        ensure!(!path.is_dir(), "{} is a folder but must be a file", path.display());
        // a device or a pipe would be replaced by a file
        ensure!(!path.exists() || path.is_file(), "{} is not a regular file", path.display());
        let folder = folder_of(path);
        tempfile::NamedTempFile::new_in(&folder)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        let place =
            path.canonicalize().ok().or_else(|| Some(folder.canonicalize().ok()?.join(path.file_name()?)));
        if let Some(place) = place {
            ensure!(
                !taken.contains(&place),
                "{} is read or written besides: name another file",
                path.display()
            );
            taken.push(place);
        }
    }
    Ok(())
}
