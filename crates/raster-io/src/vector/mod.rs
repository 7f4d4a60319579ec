//! Tables of outlines as files that other programs open.

mod geoparquet;
mod ogr;

use std::{
    fs,
    path::{Path, PathBuf},
};

use geo::MultiPolygon;

use crate::{
    RasterError,
    whole::{folder_of, put_in_place},
};

/// A file format for outlines with properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VectorFormat {
    /// OGC GeoPackage.
    GeoPackage,
    /// FlatGeobuf.
    FlatGeobuf,
    /// Zipped KML, for Google Earth.
    Kmz,
    /// GeoParquet 1.1.
    GeoParquet,
    /// ESRI Shapefile: names of ten letters, text of 254, times as text.
    Shapefile,
    /// Comma-separated values; outlines as WKT. A text that a spreadsheet would compute (it begins with `=`, `+`, `-` or
    /// `@`) has an apostrophe before it.
    Csv,
}

impl VectorFormat {
    /// Ending of a file's name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            VectorFormat::GeoPackage => "gpkg",
            VectorFormat::FlatGeobuf => "fgb",
            VectorFormat::Kmz => "kmz",
            VectorFormat::GeoParquet => "parquet",
            VectorFormat::Shapefile => "shp",
            VectorFormat::Csv => "csv",
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A number.
    Real,
    /// A whole number.
    Integer,
    /// A time.
    Time,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its name where ten letters must do.
    pub short_name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A number.
    Real(f64),
    /// A whole number.
    Integer(i64),
    /// A time: RFC 3339 in UTC, and milliseconds since 1970.
    Time(String, i64),
}

/// Outlines in longitude and latitude (degrees), with properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of the layer.
    pub name: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows: an outline and as many cells as there are columns, each `Null` or of its column's kind. An outline has one
    /// part, or several where it is cut at the antimeridian.
    pub rows: Vec<(MultiPolygon<f64>, Vec<Cell>)>,
}

impl Table {
    /// Whether every outline has one part, so that they are polygons.
    fn is_of_polygons(&self) -> bool {
        self.rows.iter().all(|(outline, _)| outline.0.len() == 1)
    }
}

/// Which columns a viewer of KML shows as a placemark's name, text and time span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacemarkColumns {
    /// Name.
    pub name: &'static str,
    /// Text.
    pub description: &'static str,
    /// Beginning of its time.
    pub begin: &'static str,
    /// End of its time.
    pub end: &'static str,
}

/// Writes a table as a file, whole or not at all; a file that is there is replaced. A shapefile comes with its side
/// files beside it.
///
/// # Errors
/// When the file cannot be written.
pub fn write_table(
    path: &Path,
    format: VectorFormat,
    table: &Table,
    placemarks: PlacemarkColumns,
) -> Result<(), RasterError> {
    let fails = |source| RasterError::Write { path: path.to_owned(), source };
    let made = tempfile::Builder::new().prefix(".export-").tempdir_in(folder_of(path)).map_err(fails)?;
    // GDAL tells a KMZ from a KML by the name alone
    let stem = path.file_stem().map_or_else(|| "export".into(), std::ffi::OsStr::to_os_string);
    let partial = made.path().join(&stem).with_extension(format.extension());
    match ogr::driver_name(format) {
        Some(driver) => ogr::write(&partial, driver, format, table, placemarks)?,
        None => geoparquet::write(&partial, table)?,
    }
    for entry in fs::read_dir(made.path()).map_err(fails)? {
        let part = entry.map_err(fails)?.path();
        let place = if part == partial { path.to_owned() } else { beside(path, &part) };
        put_in_place(&part, &place)?;
    }
    Ok(())
}

/// Where a side file goes: beside the main one, under its name.
fn beside(path: &Path, part: &Path) -> PathBuf {
    path.with_extension(part.extension().unwrap_or_default())
}
