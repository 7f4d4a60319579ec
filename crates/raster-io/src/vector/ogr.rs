//! The formats that GDAL writes.

use std::{
    path::Path,
    sync::{Mutex, Once, PoisonError},
};

use gdal::vector::{Feature, Geometry, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType};

use super::{Cell, Column, ColumnKind, PlacemarkColumns, Table, VectorFormat, geoparquet::wkb};
use crate::{RasterError, drivers, placement::spatial_ref};

/// Longest text in a shapefile, bytes.
const SHAPEFILE_TEXT_BYTES: usize = 254;

/// What XML 1.0 does not hold beside control characters.
const NO_CHARACTERS: [char; 2] = ['\u{FFFE}', '\u{FFFF}'];
/// Beginnings of what a spreadsheet computes when it opens a CSV (OWASP, CSV Injection).
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

// not bound by gdal-sys; declared in GDAL's `ogrsf_frmts.h`
unsafe extern "C" {
    fn RegisterOGRShape();
    fn RegisterOGRGeoPackage();
    fn RegisterOGRFlatGeobuf();
    fn RegisterOGRLIBKML();
    fn RegisterOGRCSV();
}

static REGISTERED: Once = Once::new();

/// One writer at a time: GDAL takes a placemark's columns from settings of the whole process.
static WRITING: Mutex<()> = Mutex::new(());

/// Registers the drivers that write. They are not there before something is exported, so the processes that decode
/// strangers' files never have them.
fn register() {
    drivers::ready();
    // SAFETY: plain C functions without arguments, called once, after GDAL was configured
    REGISTERED.call_once(|| unsafe {
        RegisterOGRShape();
        RegisterOGRGeoPackage();
        RegisterOGRFlatGeobuf();
        RegisterOGRLIBKML();
        RegisterOGRCSV();
    });
}

/// The GDAL driver of a format, where GDAL writes it.
pub(super) fn driver_name(format: VectorFormat) -> Option<&'static str> {
    match format {
        VectorFormat::GeoPackage => Some("GPKG"),
        VectorFormat::FlatGeobuf => Some("FlatGeobuf"),
        VectorFormat::Kmz => Some("LIBKML"),
        VectorFormat::Shapefile => Some("ESRI Shapefile"),
        VectorFormat::Csv => Some("CSV"),
        VectorFormat::GeoParquet => None,
    }
}

pub(super) fn write(
    path: &Path,
    driver: &'static str,
    format: VectorFormat,
    table: &Table,
    placemarks: PlacemarkColumns,
) -> Result<(), RasterError> {
    register();
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let fails = RasterError::gdal(path, "written");
    if format == VectorFormat::Kmz {
        let settings = [
            ("LIBKML_NAME_FIELD", placemarks.name),
            ("LIBKML_DESCRIPTION_FIELD", placemarks.description),
            ("LIBKML_BEGIN_FIELD", placemarks.begin),
            ("LIBKML_END_FIELD", placemarks.end),
        ];
        for (key, column) in settings {
            gdal::config::set_config_option(key, column).map_err(&fails)?;
        }
    }
    let mut file = drivers::writer(driver, path)?.create_vector_only(path).map_err(&fails)?;
    let degrees = spatial_ref("EPSG:4326")?;
    let options: &[&str] = match format {
        VectorFormat::Shapefile => &["ENCODING=UTF-8"],
        VectorFormat::Csv => &["GEOMETRY=AS_WKT"],
        _ => &[],
    };
    let layer = file
        .create_layer(LayerOptions {
            name: &table.name,
            srs: Some(&degrees),
            ty: if table.is_of_polygons() {
                OGRwkbGeometryType::wkbPolygon
            } else {
                OGRwkbGeometryType::wkbMultiPolygon
            },
            options: Some(options),
        })
        .map_err(&fails)?;
    let field = |column: &Column| (name(column, format), field_type(column, format, placemarks));
    let fields: Vec<_> = table.columns.iter().map(field).collect();
    layer.create_defn_fields(&fields).map_err(&fails)?;
    for (outline, cells) in &table.rows {
        let mut feature = Feature::new(layer.defn()).map_err(&fails)?;
        feature
            .set_geometry(Geometry::from_wkb(&wkb(outline, table.is_of_polygons())).map_err(&fails)?)
            .map_err(&fails)?;
        for (index, cell) in cells.iter().enumerate() {
            match cell {
                Cell::Null => feature.set_field_null(index),
                Cell::Text(text) => {
                    let is_description = table.columns[index].name == placemarks.description;
                    feature.set_field_string(index, &written(text, format, is_description))
                }
                Cell::Real(value) => feature.set_field_double(index, *value),
                Cell::Integer(value) => feature.set_field_integer64(index, *value),
                Cell::Time(text, _) => feature.set_field_string(index, text),
            }
            .map_err(&fails)?;
        }
        feature.create(&layer).map_err(&fails)?;
    }
    file.close().map_err(&fails)
}

fn name(column: &Column, format: VectorFormat) -> &'static str {
    if format == VectorFormat::Shapefile { column.short_name } else { column.name }
}

fn field_type(column: &Column, format: VectorFormat, placemarks: PlacemarkColumns) -> OGRFieldType::Type {
    match column.kind {
        ColumnKind::Text => OGRFieldType::OFTString,
        ColumnKind::Real => OGRFieldType::OFTReal,
        ColumnKind::Integer => OGRFieldType::OFTInteger64,
        ColumnKind::Time => match format {
            // a shapefile has days, no times; and GDAL writes times into CSV in a notation of its own
            VectorFormat::Shapefile | VectorFormat::Csv => OGRFieldType::OFTString,
            // so it does into KML, where no column of its schema names them, but for the time span
            VectorFormat::Kmz if ![placemarks.begin, placemarks.end].contains(&column.name) => {
                OGRFieldType::OFTString
            }
            _ => OGRFieldType::OFTDateTime,
        },
    }
}

/// A text as a format holds it.
fn written(text: &str, format: VectorFormat, is_description: bool) -> String {
    // neither XML nor a C string holds them
    let is_held = |letter: &char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r');
    let held: String =
        text.chars().filter(is_held).filter(|letter| !NO_CHARACTERS.contains(letter)).collect();
    match format {
        VectorFormat::Shapefile => cut(&held, SHAPEFILE_TEXT_BYTES).to_owned(),
        VectorFormat::Csv if held.starts_with(FORMULA_STARTS) => format!("'{held}"),
        // viewers show a placemark's description as HTML
        VectorFormat::Kmz if is_description => html_escaped(&held),
        _ => held,
    }
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The beginning of a text, at most so many bytes, whole letters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
