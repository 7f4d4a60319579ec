//! A data folder that is there: opening one that is not would make it.

use std::path::Path;

use anyhow::{Context, ensure};
use record::Store;

pub(crate) fn is_data_folder(data: &Path) -> bool {
    data.join(record::DATABASE_FILE).is_file()
}

/// Opens a data folder; makes none.
pub(crate) fn open(data: &Path) -> anyhow::Result<Store> {
    ensure!(is_data_folder(data), "{} is no data folder", data.display());
    Store::open(data).with_context(|| format!("{} cannot be opened", data.display()))
}
