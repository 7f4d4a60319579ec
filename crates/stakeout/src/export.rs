//! `stakeout export`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use raster_io::folder_of;
use record::SiteId;
use stakeout_server::export::export;

use crate::{
    arguments::Export,
    count::counted,
    data_folder::open,
    output::{Output, Outputs, print},
    stopped::remove_when_stopped,
};

/// How the folders begin in which files are made.
const MADE_PREFIX: &str = ".export-";

pub(crate) fn run(arguments: &Export, quiet: bool) -> anyhow::Result<()> {
    let store = open(&arguments.data)?;
    let out = Outputs::beside([]).place(&arguments.out)?;
    let (folder, name) = match &out {
        Output::StandardOutput => (std::env::temp_dir(), "export".into()),
        Output::File(place) => {
            (folder_of(place), place.file_name().context("a file that can be written has a name")?.to_owned())
        }
    };
    let made = tempfile::Builder::new().prefix(MADE_PREFIX).tempdir_in(&folder)?;
    let _watch = remove_when_stopped(made.path())?;
    let site = SiteId(arguments.site.clone());
    let collection = arguments.collection.into();
    let file = made.path().join(name);
    let written = export(&store, None, &site, collection, arguments.format, &file)?;
    match out {
        Output::StandardOutput => print(&std::fs::read_to_string(file)?)?,
        Output::File(_) => move_all(made.path(), &folder)?,
    }
    if !quiet {
        let what = counted(written as u64, collection.singular());
        eprintln!("{what} written to {}", arguments.out.display());
    }
    Ok(())
}

/// A shapefile is several files.
fn move_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place: PathBuf = to.join(entry.file_name());
        std::fs::rename(entry.path(), &place)
            .with_context(|| format!("{} cannot be written", place.display()))?;
    }
    Ok(())
}
