//! What features a request asks for.

use record::{
    Collection, Cursor, Filter, FilterError, PageStart, Query, RecordError,
    schema::{self, Kind, Property},
};
use serde_json::json;

use crate::{ApiError, App, crs::FeatureCrs, parameters::Parameters};

/// Parameters of `/items` beside the properties of the collection that can be asked for.
const PARAMETERS: [&str; 12] = [
    "id",
    "limit",
    "offset",
    "cursor",
    "bbox",
    "bbox-crs",
    "datetime",
    "crs",
    "filter",
    "filter-lang",
    "filter-crs",
    "f",
];
/// Largest whole number that every reader of JSON tells from its neighbours (RFC 8259, 6).
const WHOLE_NUMBER_MAX: u64 = (1 << 53) - 1;

pub(super) fn query(app: &App, collection: Collection, parameters: &Parameters) -> Result<Query, ApiError> {
    let names = schema::queryables(collection).map(|property| property.name);
    let known: Vec<&str> = PARAMETERS.into_iter().chain(names).collect();
    parameters.only(&known)?;
    let limit =
        parameters.number("limit", 1, u64::from(u32::MAX))?.unwrap_or(u64::from(app.config.limit_default));
    let start = match (parameters.get("cursor"), parameters.number("offset", 0, u64::from(u32::MAX))?) {
        (Some(_), Some(_)) => {
            return Err(ApiError::parameter("offset", "given with cursor", "given without"));
        }
        (Some(cursor), None) => PageStart::At(cursor.parse::<Cursor>().map_err(ApiError::from)?),
        (None, Some(offset)) => PageStart::Offset(offset),
        (None, None) => PageStart::First,
    };
    let box_crs = crs_of(parameters, "bbox-crs")?;
    let way = box_crs.way()?;
    let mut filters = filters(collection, parameters)?;
    let mut boxes = Vec::new();
    if let FeatureCrs::Projected(_) = box_crs {
        // its edges are curved in degrees: an outline, no box
        filters.extend(parameters.box_outlines(&way)?.map(Filter::meets_any));
    } else {
        boxes = parameters.boxes_in(&way)?;
    }
    Ok(Query {
        site: parameters.get("site").map(str::to_owned),
        boxes,
        interval_ms: parameters.interval_ms()?,
        filter: Filter::all(filters),
        start,
        ..Query::first(collection, limit.min(u64::from(app.config.limit_max)) as u32)
    })
}

/// The `filter` parameter and the properties that are asked for by value.
pub(super) fn filters(collection: Collection, parameters: &Parameters) -> Result<Vec<Filter>, ApiError> {
    let mut filters: Vec<Filter> =
        parameters.get("id").map(|id| Filter::property_is("id", id)).into_iter().collect();
    for property in schema::queryables(collection).filter(|property| property.name != "site") {
        if let Some(text) = parameters.get(property.name) {
            filters.push(property_filter(property, text)?);
        }
    }
    // how a filter is written is checked where there is none too
    let read: fn(&str) -> Result<Filter, FilterError> = match parameters.get("filter-lang") {
        None | Some("cql2-text") => Filter::from_text,
        Some("cql2-json") => Filter::from_json,
        Some(other) => return Err(ApiError::parameter("filter-lang", other, "cql2-text or cql2-json")),
    };
    let filter_crs = crs_of(parameters, "filter-crs")?;
    if let Some(text) = parameters.get("filter") {
        let way = filter_crs.way()?;
        let filter = read(text).map_err(RecordError::from)?;
        filters.push(filter.turn_positions(&mut |at| way.to_degrees(at))?);
    }
    Ok(filters)
}

fn whole_number_is(name: &str, text: &str) -> Result<Filter, ApiError> {
    let number = text.parse::<u64>().ok();
    let number = number.filter(|number| *number <= WHOLE_NUMBER_MAX && !text.starts_with('+'));
    let wrong = || ApiError::parameter(name, text, &format!("a whole number from 0 to {WHOLE_NUMBER_MAX}"));
    Ok(Filter::property_is(name, number.ok_or_else(wrong)?))
}

/// What a property must be for `name=text`.
fn property_filter(property: &Property, text: &str) -> Result<Filter, ApiError> {
    let wrong = |wanted: &str| ApiError::parameter(property.name, text, wanted);
    let value = match property.kind {
        Kind::Number => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            json!(number.ok_or_else(|| wrong("a number"))?)
        }
        Kind::Integer => return whole_number_is(property.name, text),
        Kind::Words(words) if !words.contains(&text) => {
            return Err(wrong(&format!("one of {}", words.join(", "))));
        }
        Kind::Time if record::time_of(text).is_none() => return Err(wrong("an RFC 3339 time")),
        Kind::Texts => return Ok(Filter::list_holds(property.name, text)),
        _ => json!(text),
    };
    Ok(Filter::property_is(property.name, value))
}

/// The CRS that a parameter names.
pub(super) fn crs_of(parameters: &Parameters, name: &str) -> Result<FeatureCrs, ApiError> {
    parameters.get(name).map_or(Ok(FeatureCrs::Crs84), |uri| FeatureCrs::of_uri(name, uri))
}
