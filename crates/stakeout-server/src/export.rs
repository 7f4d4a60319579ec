//! The features of a site as a file that other programs open.

use std::path::Path;

use raster_io::{
    Cell, Column, ColumnKind, PlacemarkColumns, RasterError, Table, VectorFormat, write_table, write_whole,
};
use record::{
    Collection, Item, Query, RecordError, SiteId, Store, Timestamp,
    geojson::{parts, stored_outline},
    schema::{Kind, Property, properties},
};
use serde_json::{Value, json};

/// Most features in one file: their texts, or the rows of a table, are gathered in memory.
pub const EXPORT_FEATURES_MAX: u32 = 1_000_000;

/// Most bytes that its features have as GeoJSON.
const EXPORT_BYTES_MAX: u64 = 2 << 30;

/// A format that features are exported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// GeoJSON, all there is to a feature.
    GeoJson,
    /// A table, nested properties as JSON text.
    Table(VectorFormat),
}

impl ExportFormat {
    /// The formats by their names.
    pub const ALL: [(&'static str, ExportFormat); 7] = [
        ("gpkg", ExportFormat::Table(VectorFormat::GeoPackage)),
        ("fgb", ExportFormat::Table(VectorFormat::FlatGeobuf)),
        ("kmz", ExportFormat::Table(VectorFormat::Kmz)),
        ("geoparquet", ExportFormat::Table(VectorFormat::GeoParquet)),
        ("shp", ExportFormat::Table(VectorFormat::Shapefile)),
        ("csv", ExportFormat::Table(VectorFormat::Csv)),
        ("geojson", ExportFormat::GeoJson),
    ];

    /// A format by its name.
    pub fn named(name: &str) -> Option<ExportFormat> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
    }

    /// Ending of a file's name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            ExportFormat::GeoJson => "geojson",
            ExportFormat::Table(format) => format.extension(),
        }
    }

    /// Media type of the one file that it makes; `None` for a shapefile, which is several.
    pub fn media_type(self) -> Option<&'static str> {
        match self {
            ExportFormat::GeoJson => Some("application/geo+json"),
            ExportFormat::Table(VectorFormat::GeoPackage) => Some("application/geopackage+sqlite3"),
            ExportFormat::Table(VectorFormat::FlatGeobuf) => Some("application/vnd.flatgeobuf"),
            ExportFormat::Table(VectorFormat::Kmz) => Some("application/vnd.google-earth.kmz"),
            ExportFormat::Table(VectorFormat::GeoParquet) => Some("application/vnd.apache.parquet"),
            ExportFormat::Table(VectorFormat::Csv) => Some("text/csv; charset=utf-8"),
            ExportFormat::Table(VectorFormat::Shapefile) => None,
        }
    }
}

/// An export that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The record cannot be read, or there is no such site.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] RasterError),
    /// More features than fit one file.
    #[error("the site has {got} features but a file takes {EXPORT_FEATURES_MAX}")]
    TooMany {
        /// How many there are.
        got: u64,
    },
    /// Longer features than fit one file.
    #[error("the features of the site have more than {EXPORT_BYTES_MAX} bytes, which is what a file takes")]
    TooLong,
}

/// Writes the candidates or annotations of a site to a file, as `reader` may see them ([`record::Actor::reader`]), whole
/// or not at all, and gives their number. What was withdrawn is left out.
///
/// # Errors
/// When there is no such site, it has too many features, or the file cannot be written.
pub fn export(
    store: &Store,
    reader: Option<&str>,
    site: &SiteId,
    collection: Collection,
    format: ExportFormat,
    path: &Path,
) -> Result<usize, ExportError> {
    store.site(site)?;
    // one page: what is written meanwhile is in the file as a whole or not at all
    let query = Query {
        site: Some(site.to_string()),
        reader: reader.map(str::to_owned),
        bytes_max: EXPORT_BYTES_MAX,
        ..Query::first(collection, EXPORT_FEATURES_MAX)
    };
    match format {
        ExportFormat::GeoJson => {
            let page = store.page_text(&query)?;
            must_be_whole(page.number_matched, page.next.is_some())?;
            // read after its candidates, so that none is without it
            let comparisons = match collection {
                Collection::Candidates => comparisons_member(store, reader, site)?,
                _ => String::new(),
            };
            let features = page.features;
            let document =
                format!("{{{comparisons}\"features\":[{features}],\"type\":\"FeatureCollection\"}}");
            write_whole(path, document.as_bytes())?;
            Ok(page.number_returned as usize)
        }
        ExportFormat::Table(format) => {
            let page = store.items(&query)?;
            must_be_whole(page.number_matched, page.next.is_some())?;
            let table = table(collection, page.items)?;
            write_table(path, format, &table, placemarks(collection))?;
            Ok(table.rows.len())
        }
    }
}

/// Refuses a page that does not hold all that there is.
fn must_be_whole(number_matched: u64, is_cut: bool) -> Result<(), ExportError> {
    if number_matched > u64::from(EXPORT_FEATURES_MAX) {
        return Err(ExportError::TooMany { got: number_matched });
    }
    if is_cut { Err(ExportError::TooLong) } else { Ok(()) }
}

/// The comparisons of a site as the member of a GeoJSON document that comes before its others.
fn comparisons_member(store: &Store, reader: Option<&str>, site: &SiteId) -> Result<String, RecordError> {
    let comparisons = store.comparisons(reader, site)?.into_iter().map(|(comparison, _)| comparison);
    let told = json!(comparisons.collect::<Vec<_>>());
    Ok(format!("\"comparisons\":{told},"))
}

/// The features as rows; each text is given up when its row is there.
fn table(collection: Collection, features: Vec<Item>) -> Result<Table, RecordError> {
    let properties = properties(collection);
    let mut columns = vec![Column { name: "id", short_name: "id", kind: ColumnKind::Text }];
    columns.extend(properties.iter().map(column));
    let rows = features
        .into_iter()
        .map(|item| {
            let feature = item.value();
            let outline = parts(&stored_outline(&feature)?);
            let own = |property: &Property| cell(property.kind, &feature["properties"][property.name]);
            let cells = std::iter::once(cell(Kind::Text, &feature["id"])).chain(properties.iter().map(own));
            Ok((outline, cells.collect()))
        })
        .collect::<Result<_, RecordError>>()?;
    Ok(Table { name: collection.as_str().to_owned(), columns, rows })
}

fn column(property: &Property) -> Column {
    let kind = match property.kind {
        Kind::Number => ColumnKind::Real,
        Kind::Integer => ColumnKind::Integer,
        Kind::Time => ColumnKind::Time,
        Kind::Text | Kind::Words(_) | Kind::Texts | Kind::Document | Kind::Documents => ColumnKind::Text,
    };
    Column { name: property.name, short_name: short_name(property.name), kind }
}

/// Names of at most ten letters, told apart.
fn short_name(name: &'static str) -> &'static str {
    match name {
        "before_datetime" => "before_dt",
        "after_datetime" => "after_dt",
        "start_datetime" => "start_dt",
        "end_datetime" => "end_dt",
        "orientation_deg" => "orient_deg",
        "structure_type" => "struct_typ",
        _ => &name[..name.len().min(10)],
    }
}

fn cell(kind: Kind, value: &Value) -> Cell {
    let as_text = || match value {
        Value::Null => Cell::Null,
        Value::String(text) => Cell::Text(text.clone()),
        other => Cell::Text(other.to_string()),
    };
    match kind {
        Kind::Number => value.as_f64().map_or(Cell::Null, Cell::Real),
        Kind::Integer => value.as_i64().map_or(Cell::Null, Cell::Integer),
        Kind::Time => {
            let time = value.as_str().and_then(|text| Some((text, text.parse::<Timestamp>().ok()?)));
            time.map_or(Cell::Null, |(text, time)| Cell::Time(text.to_owned(), time.as_millisecond()))
        }
        Kind::Texts => match value.as_array() {
            Some(texts) => Cell::Text(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
            None => Cell::Null,
        },
        Kind::Text | Kind::Words(_) | Kind::Document | Kind::Documents => as_text(),
    }
}

fn placemarks(collection: Collection) -> PlacemarkColumns {
    match collection {
        Collection::Annotations => PlacemarkColumns {
            name: "title",
            description: "note",
            begin: "start_datetime",
            end: "end_datetime",
        },
        Collection::Candidates | Collection::Sites => PlacemarkColumns {
            name: "id",
            description: "state",
            begin: "before_datetime",
            end: "after_datetime",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_that_nobody_could_draw_is_exported_as_it_is() {
        let bow_tie = json!([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]);
        let feature = json!({
            "type": "Feature", "id": "a", "properties": {},
            "geometry": {"type": "Polygon", "coordinates": bow_tie},
        });
        let table = table(Collection::Candidates, vec![Item::of("a", 1, &feature)]).unwrap();
        assert_eq!(table.rows[0].0.0[0].exterior().0.len(), 5);
    }

    #[test]
    fn short_names_are_short_and_told_apart() {
        for collection in Collection::ALL {
            let mut names: Vec<_> =
                properties(collection).iter().map(|property| short_name(property.name)).collect();
            assert!(names.iter().all(|name| name.len() <= 10), "{names:?}");
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), properties(collection).len());
        }
    }
}
