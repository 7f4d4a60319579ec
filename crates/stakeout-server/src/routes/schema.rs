//! What the features of a collection hold: queryables (Part 3) and schema (Part 5), as JSON Schema.

use axum::{http::HeaderMap, response::Response};
use record::{
    Collection,
    schema::{self, Kind, Property, SetBy},
};
use serde_json::{Map, Value, json};

use super::ogc;
use crate::{ApiError, links::Base, parameters::Parameters, path::Path};

const SCHEMA_JSON: &str = "application/schema+json";
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const POLYGON_FORMAT: &str = "geometry-polygon";

pub(crate) async fn queryables(
    Path(name): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let collection = ogc::by_name(&name)?;
    let mut properties = Map::new();
    properties.insert("id".to_owned(), id());
    properties.insert("geometry".to_owned(), geometry());
    properties.extend(described(collection, schema::queryables(collection)));
    let path = format!("/ogc/collections/{name}/queryables");
    let title = format!("What {name} can be asked for");
    let mut document = document(&base, &path, &title, properties);
    // anything else in a filter is refused
    document["additionalProperties"] = json!(false);
    ogc::answered(&parameters, &headers, &base, &path, &title, &document, SCHEMA_JSON)
}

pub(crate) async fn schema(
    Path(name): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let collection = ogc::by_name(&name)?;
    let mut properties = Map::new();
    let mut id = id();
    id["readOnly"] = json!(true);
    properties.insert("id".to_owned(), id);
    properties.insert("geometry".to_owned(), geometry());
    properties.extend(described(collection, schema::properties(collection).iter()));
    let path = format!("/ogc/collections/{name}/schema");
    let title = format!("What {name} hold");
    let document = document(&base, &path, &title, properties);
    ogc::answered(&parameters, &headers, &base, &path, &title, &document, SCHEMA_JSON)
}

fn document(base: &Base, path: &str, title: &str, properties: Map<String, Value>) -> Value {
    json!({"$schema": DIALECT, "$id": base.to(path), "title": title, "type": "object", "properties": properties})
}

fn id() -> Value {
    json!({"title": "Id", "type": "string", "x-ogc-role": "id", "x-ogc-propertySeq": 1})
}

fn geometry() -> Value {
    json!({"title": "Outline", "format": POLYGON_FORMAT, "x-ogc-role": "primary-geometry", "x-ogc-propertySeq": 2})
}

fn described<'a>(
    collection: Collection,
    properties: impl Iterator<Item = &'a Property>,
) -> impl Iterator<Item = (String, Value)> {
    let [start, end] = schema::time_properties(collection);
    properties.enumerate().map(move |(at, property)| {
        let mut described = kind(property.kind);
        described["title"] = json!(property.title);
        described["x-ogc-propertySeq"] = json!(at + 3);
        if property.set_by == SetBy::Server {
            described["readOnly"] = json!(true);
        }
        if start == end && property.name == start {
            described["x-ogc-role"] = json!("primary-instant");
        } else if property.name == start {
            described["x-ogc-role"] = json!("primary-interval-start");
        } else if property.name == end {
            described["x-ogc-role"] = json!("primary-interval-end");
        }
        (property.name.to_owned(), described)
    })
}

/// What a property may hold, as JSON Schema.
pub(super) fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Words(words) => json!({"type": "string", "enum": words}),
        Kind::Number => json!({"type": "number"}),
        Kind::Integer => json!({"type": "integer"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Document => json!({"type": "object"}),
        Kind::Documents => json!({"type": "array", "items": {"type": "object"}}),
    }
}
