//! GeoParquet 1.1: Parquet with outlines as WKB and a word in the metadata on where they lie.

use std::{fs::File, path::Path, sync::Arc};

use geo::{BoundingRect, MultiPolygon, Polygon, Rect};
use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use serde_json::json;

use super::{Cell, ColumnKind, Table};
use crate::RasterError;

/// Name of the column of outlines.
const GEOMETRY: &str = "geometry";
/// WKB: little-endian, then the number of a polygon.
const WKB_POLYGON: [u8; 5] = [1, 3, 0, 0, 0];
/// The same of several polygons.
const WKB_MULTI_POLYGON: [u8; 5] = [1, 6, 0, 0, 0];

pub(super) fn write(path: &Path, table: &Table) -> Result<(), RasterError> {
    let fails = |source| RasterError::Write { path: path.to_owned(), source };
    let file = File::create(path).map_err(fails)?;
    write_to(file, table).map_err(|error| fails(std::io::Error::other(error)))
}

fn write_to(file: File, table: &Table) -> Result<(), ParquetError> {
    let mut fields: Vec<Arc<Type>> = Vec::with_capacity(table.columns.len() + 1);
    for column in &table.columns {
        let (physical, logical) = match column.kind {
            ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnKind::Real => (Physical::DOUBLE, None),
            ColumnKind::Integer => (Physical::INT64, None),
            ColumnKind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        };
        let field = Type::primitive_type_builder(column.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?;
        fields.push(Arc::new(field));
    }
    let geometry = Type::primitive_type_builder(GEOMETRY, Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .build()?;
    fields.push(Arc::new(geometry));
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new("geo".to_owned(), metadata(table))]))
        .build();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (index, column) in table.columns.iter().enumerate() {
        let cells = || table.rows.iter().map(|(_, cells)| &cells[index]);
        let there: Vec<i16> = cells().map(|cell| i16::from(*cell != Cell::Null)).collect();
        let mut to = group.next_column()?.ok_or_else(no_column)?;
        match column.kind {
            ColumnKind::Text => {
                let values: Vec<ByteArray> = cells().filter_map(text).collect();
                to.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)?;
            }
            ColumnKind::Real => {
                let values: Vec<f64> = cells().filter_map(real).collect();
                to.typed::<DoubleType>().write_batch(&values, Some(&there), None)?;
            }
            ColumnKind::Integer | ColumnKind::Time => {
                let values: Vec<i64> = cells().filter_map(whole).collect();
                to.typed::<Int64Type>().write_batch(&values, Some(&there), None)?;
            }
        }
        to.close()?;
    }
    let outlines: Vec<ByteArray> =
        table.rows.iter().map(|(outline, _)| ByteArray::from(wkb(outline, outline.0.len() == 1))).collect();
    let mut to = group.next_column()?.ok_or_else(no_column)?;
    to.typed::<ByteArrayType>().write_batch(&outlines, None, None)?;
    to.close()?;
    group.close()?;
    writer.close()?;
    Ok(())
}

fn no_column() -> ParquetError {
    ParquetError::General("the schema has fewer columns than the table".to_owned())
}

fn text(cell: &Cell) -> Option<ByteArray> {
    if let Cell::Text(text) = cell { Some(ByteArray::from(text.as_str())) } else { None }
}

fn real(cell: &Cell) -> Option<f64> {
    if let Cell::Real(value) = cell { Some(*value) } else { None }
}

fn whole(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(value) | Cell::Time(_, value) => Some(*value),
        _ => None,
    }
}

/// The `geo` metadata; no `crs` means longitude and latitude on WGS 84.
fn metadata(table: &Table) -> String {
    let bounds = table.rows.iter().filter_map(|(outline, _)| outline.bounding_rect()).reduce(|one, other| {
        Rect::new(
            (one.min().x.min(other.min().x), one.min().y.min(other.min().y)),
            (one.max().x.max(other.max().x), one.max().y.max(other.max().y)),
        )
    });
    let kinds = [("Polygon", true), ("MultiPolygon", false)];
    let kinds = kinds.into_iter().filter(|(_, single)| {
        // a table without rows has none of either
        *single && table.rows.is_empty()
            || table.rows.iter().any(|(outline, _)| (outline.0.len() == 1) == *single)
    });
    let kinds: Vec<&str> = kinds.map(|(kind, _)| kind).collect();
    let mut column = json!({"encoding": "WKB", "geometry_types": kinds, "orientation": "counterclockwise"});
    if let Some(bounds) = bounds {
        column["bbox"] = json!([bounds.min().x, bounds.min().y, bounds.max().x, bounds.max().y]);
    }
    json!({"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}).to_string()
}

/// An outline in the well-known binary form of OGC Simple Features: as a polygon where it has one part and that is
/// wanted, else as several.
pub(super) fn wkb(outline: &MultiPolygon<f64>, as_polygon: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    match outline.0.as_slice() {
        [only] if as_polygon => add_wkb(only, &mut bytes),
        parts => {
            bytes.extend(WKB_MULTI_POLYGON);
            bytes.extend((parts.len() as u32).to_le_bytes());
            parts.iter().for_each(|part| add_wkb(part, &mut bytes));
        }
    }
    bytes
}

fn add_wkb(polygon: &Polygon<f64>, bytes: &mut Vec<u8>) {
    let rings = || std::iter::once(polygon.exterior()).chain(polygon.interiors());
    bytes.extend(WKB_POLYGON);
    bytes.extend((rings().count() as u32).to_le_bytes());
    for ring in rings() {
        bytes.extend((ring.0.len() as u32).to_le_bytes());
        for position in &ring.0 {
            bytes.extend(position.x.to_le_bytes());
            bytes.extend(position.y.to_le_bytes());
        }
    }
}
