//! A data folder that is there: opening one that is not would make it.

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    path::Path,
};

use anyhow::{Context, bail, ensure};
use record::Store;

/// File in the data folder that the process that serves it has locked.
const LOCK_FILE: &str = "serve.lock";

/// Whether a folder holds a record.
///
/// # Errors
/// When that cannot be looked at, as in a folder of somebody else.
pub(crate) fn is_data_folder(data: &Path) -> anyhow::Result<bool> {
    match data.join(record::DATABASE_FILE).metadata() {
        Ok(found) => Ok(found.is_file()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", data.display())),
    }
}

pub(crate) fn must_be_there(data: &Path) -> anyhow::Result<()> {
    ensure!(is_data_folder(data)?, "{} is no data folder", data.display());
    Ok(())
}

/// Opens a data folder for reading; makes none, and changes nothing.
pub(crate) fn open_read_only(data: &Path) -> anyhow::Result<Store> {
    must_be_there(data)?;
    Store::open_read_only(data).with_context(|| cannot_be_opened(data))
}

/// Opens a data folder; makes none.
pub(crate) fn open(data: &Path) -> anyhow::Result<Store> {
    must_be_there(data)?;
    open_or_make(data)
}

/// Opens a data folder, and makes one where there is none. A server may run over it, but not while its schema changes.
pub(crate) fn open_or_make(data: &Path) -> anyhow::Result<Store> {
    let is_of_older_schema = Store::is_of_older_schema(data).with_context(|| cannot_be_opened(data))?;
    let _alone = if is_of_older_schema {
        let why = "its database has to come to a newer schema";
        Some(alone(data).with_context(|| format!("{}: {why}", cannot_be_opened(data)))?)
    } else {
        None
    };
    Store::open(data).with_context(|| cannot_be_opened(data))
}

/// Keeps other servers off a data folder as long as it is kept: they would take up what this one is at. Makes the folder
/// where there is none.
pub(crate) fn alone(data: &Path) -> anyhow::Result<File> {
    record::make_folder(data)?;
    let path = data.join(LOCK_FILE);
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("{} is served by another process already", data.display()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

fn cannot_be_opened(data: &Path) -> String {
    format!("{} cannot be opened", data.display())
}
