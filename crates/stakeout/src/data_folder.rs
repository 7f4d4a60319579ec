//! A data folder that is there: opening one that is not would make it.

use std::path::Path;

use anyhow::{Context, ensure};
use record::Store;

pub(crate) fn is_data_folder(data: &Path) -> bool {
    data.join(record::DATABASE_FILE).is_file()
}

pub(crate) fn must_be_there(data: &Path) -> anyhow::Result<()> {
    ensure!(is_data_folder(data), "{} is no data folder", data.display());
    Ok(())
}

/// Opens a data folder; makes none.
pub(crate) fn open(data: &Path) -> anyhow::Result<Store> {
    must_be_there(data)?;
    open_or_make(data)
}

/// Opens a data folder, and makes one where there is none.
pub(crate) fn open_or_make(data: &Path) -> anyhow::Result<Store> {
    Store::open(data).with_context(|| format!("{} cannot be opened", data.display()))
}
