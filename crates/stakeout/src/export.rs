//! `stakeout export`.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use raster_io::{VectorFormat, folder_of, put_in_place};
use record::SiteId;
use stakeout_server::export::{ExportFormat, export};

use crate::{
    arguments::Export,
    count::counted,
    data_folder::open_read_only,
    output::{Output, Outputs, print, say},
    stopped::remove_when_stopped,
};

/// How the folders begin in which files are made.
const MADE_PREFIX: &str = ".export-";
/// Endings of the logs that lie beside a database while it is open.
const LOGS: [&str; 2] = ["-wal", "-journal"];
/// Side files of shapefiles that programs make of them, and that come with none that is written here.
const MADE_OF_SHAPEFILES: [&str; 9] = ["qix", "sbn", "sbx", "idm", "ind", "ain", "aih", "qpj", "shp.xml"];

pub(crate) fn run(arguments: &Export, quiet: bool) -> anyhow::Result<()> {
    let store = open_read_only(&arguments.data)?;
    let out = Outputs::beside([]).place(&arguments.out)?;
    let (folder, name) = match &out {
        Output::StandardOutput => (std::env::temp_dir(), "export".into()),
        Output::File(place) => {
            (folder_of(place), place.file_name().context("a file that can be written has a name")?.to_owned())
        }
    };
    if let Output::File(place) = &out {
        must_be_replaceable(place, arguments.format)?;
    }
    let made = tempfile::Builder::new().prefix(MADE_PREFIX).tempdir_in(&folder)?;
    let _watch = remove_when_stopped(made.path())?;
    let site = SiteId(arguments.site.clone());
    let collection = arguments.collection.into();
    let file = made.path().join(name);
    let written = export(&store, None, &site, collection, arguments.format, &file)?;
    match out {
        Output::StandardOutput => print(&std::fs::read_to_string(file)?)?,
        Output::File(place) => {
            // it may have been opened meanwhile
            must_be_replaceable(&place, arguments.format)?;
            if arguments.format == ExportFormat::Table(VectorFormat::Shapefile) {
                remove_side_files(&place)?;
            }
            move_all(made.path(), &folder)?;
        }
    }
    if !quiet {
        let what = counted(written as u64, collection.singular());
        say(format_args!("{what} written to {}", arguments.out.display()));
    }
    Ok(())
}

/// Refuses to replace a GeoPackage that another program has open, or was at when it ended: what waits in the log beside it
/// would be laid over the new one (SQLite, How To Corrupt An SQLite Database File, 2.4).
fn must_be_replaceable(place: &Path, format: ExportFormat) -> anyhow::Result<()> {
    if format != ExportFormat::Table(VectorFormat::GeoPackage) {
        return Ok(());
    }
    for log in LOGS {
        let mut beside = place.as_os_str().to_owned();
        beside.push(log);
        let beside = PathBuf::from(beside);
        ensure!(
            !beside.exists(),
            "{} cannot be replaced: {} says that another program has it open; close it there, or name another file",
            place.display(),
            beside.display()
        );
    }
    Ok(())
}

/// Removes what programs made of the shapefile that is replaced, such as spatial indexes, which would hide structures of
/// the new one.
fn remove_side_files(place: &Path) -> anyhow::Result<()> {
    for extension in MADE_OF_SHAPEFILES {
        let side_file = place.with_extension(extension);
        match std::fs::remove_file(&side_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} cannot be removed", side_file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A shapefile is several files.
fn move_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        put_in_place(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
