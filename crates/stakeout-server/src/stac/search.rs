//! Searches for scenes, as GET and POST ask for them: read strictly, each fault with the name of its parameter.

use record::{Cursor, Filter, RecordError, SceneQuery, SortKey};
use serde_json::{Map, Value, json};

use super::fields::Fields;
use crate::{
    ApiError,
    crs::FeatureCrs,
    parameters::{Parameters, boxes_of, interval_of},
};

/// Parameters of a search.
const PARAMETERS: [&str; 12] = [
    "limit",
    "token",
    "ids",
    "collections",
    "bbox",
    "datetime",
    "intersects",
    "filter",
    "filter-lang",
    "filter-crs",
    "sortby",
    "fields",
];
/// Most scenes on a page; a larger `limit` is cut to it.
const LIMIT_MAX: u64 = 1_000;
const LIMIT_DEFAULT: u64 = 100;
/// Largest `limit` that is understood at all.
const LIMIT_GIVEN_MAX: u64 = u32::MAX as u64;
/// Most ids or collections that a request names.
const NAMES_MAX: usize = 1_000;

/// What is searched for, and what is answered of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Search {
    pub(crate) query: SceneQuery,
    pub(crate) fields: Fields,
}

/// Reads the parameters of `GET /stac/search`.
pub(crate) fn from_parameters(parameters: &Parameters) -> Result<Search, ApiError> {
    let sites = listed(parameters, "collections")?;
    within(parameters, sites)
}

/// Reads the parameters of the items of one site. Clients that search there name it as the collection as well.
pub(crate) fn in_site(parameters: &Parameters, site: &str) -> Result<Search, ApiError> {
    let named = listed(parameters, "collections")?;
    if !named.is_empty() && !named.iter().any(|name| name == site) {
        return Err(ApiError::parameter("collections", &named.join(","), &format!("{site:?} or left out")));
    }
    within(parameters, vec![site.to_owned()])
}

fn listed(parameters: &Parameters, name: &str) -> Result<Vec<String>, ApiError> {
    match parameters.get(name) {
        Some(text) => names(name, text.split(',').map(str::to_owned).collect()),
        None => Ok(Vec::new()),
    }
}

fn within(parameters: &Parameters, sites: Vec<String>) -> Result<Search, ApiError> {
    parameters.only(&PARAMETERS)?;
    let intersects = parameters.get("intersects").map(|text| {
        serde_json::from_str(text).map_err(|_| ApiError::parameter("intersects", text, "a GeoJSON geometry"))
    });
    let language = parameters.get("filter-lang").unwrap_or("cql2-text");
    let filter = match (parameters.get("filter"), language) {
        (None, "cql2-text" | "cql2-json") => None,
        (Some(text), "cql2-text") => Some(Filter::from_text(text)),
        (Some(text), "cql2-json") => Some(Filter::from_json(text)),
        (_, other) => return Err(ApiError::parameter("filter-lang", other, "cql2-text or cql2-json")),
    };
    let asked = Asked {
        sites,
        ids: listed(parameters, "ids")?,
        boxes: parameters.boxes()?,
        interval_ms: parameters.interval_ms()?,
        intersects: intersects.transpose()?,
        filter: filter.transpose().map_err(RecordError::from)?,
        filter_crs: parameters.get("filter-crs").map(str::to_owned),
        order: parameters.get("sortby").map(order_of).transpose()?.unwrap_or_default(),
        limit: parameters.number("limit", 1, LIMIT_GIVEN_MAX)?,
        token: parameters.get("token").map(str::to_owned),
        fields: parameters.get("fields").map(Fields::from_text).transpose()?.unwrap_or_default(),
    };
    asked.search()
}

/// Reads the body of `POST /stac/search`.
pub(crate) fn from_body(body: &Value) -> Result<Search, ApiError> {
    let members = body.as_object().ok_or_else(|| {
        ApiError::body("the body is no object: send the parameters of the search as its members".to_owned())
    })?;
    if let Some(name) = members.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
        return Err(ApiError::unknown_parameter(name, &PARAMETERS));
    }
    let asked = Asked {
        sites: list(members, "collections")?,
        ids: list(members, "ids")?,
        boxes: members.get("bbox").map(body_boxes).transpose()?.unwrap_or_default(),
        interval_ms: text(members, "datetime")?.map(interval_of).transpose()?,
        intersects: members.get("intersects").cloned(),
        filter: body_filter(members)?,
        filter_crs: text(members, "filter-crs")?.map(str::to_owned),
        order: members.get("sortby").map(body_order).transpose()?.unwrap_or_default(),
        limit: members.get("limit").map(body_limit).transpose()?,
        token: text(members, "token")?.map(str::to_owned),
        fields: members.get("fields").map(Fields::from_json).transpose()?.unwrap_or_default(),
    };
    asked.search()
}

/// What either way asks for.
struct Asked {
    sites: Vec<String>,
    ids: Vec<String>,
    boxes: Vec<[f64; 4]>,
    interval_ms: Option<(Option<i64>, Option<i64>)>,
    intersects: Option<Value>,
    filter: Option<Filter>,
    filter_crs: Option<String>,
    order: Vec<SortKey>,
    limit: Option<u64>,
    token: Option<String>,
    fields: Fields,
}

impl Asked {
    fn search(self) -> Result<Search, ApiError> {
        if self.intersects.is_some() && !self.boxes.is_empty() {
            return Err(ApiError::parameter("intersects", "given with bbox", "given without"));
        }
        let crs =
            self.filter_crs.map_or(Ok(FeatureCrs::Crs84), |uri| FeatureCrs::of_uri("filter-crs", &uri))?;
        let way = crs.way()?;
        let mut filters = Vec::new();
        if let Some(filter) = self.filter {
            filters.push(filter.turn_positions(&mut |position| way.to_degrees(position))?);
        }
        if let Some(geometry) = self.intersects {
            let meets = Filter::intersecting(geometry).map_err(RecordError::from);
            filters.push(meets.map_err(|error| ApiError::from(error).at("intersects"))?);
        }
        let after = self.token.as_deref().map(str::parse::<Cursor>).transpose();
        Ok(Search {
            query: SceneQuery {
                sites: self.sites,
                ids: self.ids,
                boxes: self.boxes,
                interval_ms: self.interval_ms,
                filter: Filter::all(filters),
                order: self.order,
                limit: self.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX) as u32,
                after: after.map_err(|_| {
                    let given = self.token.unwrap_or_default();
                    ApiError::parameter("token", &given, "the token of a next link")
                })?,
            },
            fields: self.fields,
        })
    }
}

fn names(parameter: &str, given: Vec<String>) -> Result<Vec<String>, ApiError> {
    if given.len() > NAMES_MAX {
        let wanted = format!("at most {NAMES_MAX} names");
        return Err(ApiError::parameter(parameter, &format!("{} names", given.len()), &wanted));
    }
    Ok(given)
}

/// `+a,-b,c`, where a plus sign may have become a space on its way.
fn order_of(text: &str) -> Result<Vec<SortKey>, ApiError> {
    text.split(',')
        .map(|key| {
            let (property, descending) = match key.strip_prefix('-') {
                Some(property) => (property, true),
                None => (key.trim_start_matches(['+', ' ']), false),
            };
            sort_key(property, descending, text)
        })
        .collect()
}

/// Items are put in order by what filters may name; the extension writes properties with their whole path.
fn sort_key(property: &str, descending: bool, given: &str) -> Result<SortKey, ApiError> {
    let property = property.strip_prefix("properties.").unwrap_or(property);
    if property.is_empty() {
        return Err(ApiError::parameter("sortby", given, "names of properties, each after + or -"));
    }
    Ok(SortKey { property: property.to_owned(), descending })
}

fn body_order(given: &Value) -> Result<Vec<SortKey>, ApiError> {
    let wrong = || {
        let wanted = r#"a list of {"field": "...", "direction": "asc" or "desc"}"#;
        ApiError::value("sortby", given, wanted)
    };
    let keys = given.as_array().ok_or_else(wrong)?;
    keys.iter()
        .map(|key| {
            let descending = match key.get("direction").map(Value::as_str) {
                Some(Some("desc")) => true,
                Some(Some("asc")) | None => false,
                _ => return Err(wrong()),
            };
            sort_key(key["field"].as_str().ok_or_else(wrong)?, descending, &given.to_string())
        })
        .collect()
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, ApiError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(ApiError::value(name, other, "a text")),
    }
}

fn list(members: &Map<String, Value>, name: &str) -> Result<Vec<String>, ApiError> {
    let Some(given) = members.get(name) else { return Ok(Vec::new()) };
    let given_names: Option<Vec<String>> = given
        .as_array()
        .and_then(|given| given.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names(name, given_names.ok_or_else(|| ApiError::value(name, given, "a list of texts"))?)
}

fn body_boxes(given: &Value) -> Result<Vec<[f64; 4]>, ApiError> {
    let numbers: Option<Vec<f64>> =
        given.as_array().and_then(|numbers| numbers.iter().map(Value::as_f64).collect());
    let wanted = "a list of four numbers, west, south, east, north in degrees, or six with heights";
    boxes_of(&numbers.ok_or_else(|| ApiError::value("bbox", given, wanted))?)
}

fn body_limit(given: &Value) -> Result<u64, ApiError> {
    given.as_u64().filter(|limit| (1..=LIMIT_GIVEN_MAX).contains(limit)).ok_or_else(|| {
        let wanted = format!("a whole number from 1 to {LIMIT_GIVEN_MAX}");
        ApiError::value("limit", given, &wanted)
    })
}

/// JSON unless the request says text.
fn body_filter(members: &Map<String, Value>) -> Result<Option<Filter>, ApiError> {
    let language = text(members, "filter-lang")?;
    let filter = match (members.get("filter"), language) {
        (None, None | Some("cql2-text" | "cql2-json")) => return Ok(None),
        (Some(Value::String(text)), None | Some("cql2-text")) => Filter::from_text(text),
        (Some(filter @ Value::Object(_)), None | Some("cql2-json")) => Filter::from_json(&filter.to_string()),
        (Some(other), Some("cql2-text" | "cql2-json") | None) => {
            let wanted = "an expression in the language that filter-lang names";
            return Err(ApiError::value("filter", other, wanted));
        }
        (_, Some(other)) => return Err(ApiError::parameter("filter-lang", other, "cql2-text or cql2-json")),
    };
    Ok(Some(filter.map_err(RecordError::from)?))
}

/// The body that asks for the next page.
pub(crate) fn next_body(body: &Value, next: Cursor) -> Value {
    let mut body = body.clone();
    body["token"] = json!(next.to_string());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        result.unwrap_err().detail().to_owned()
    }

    #[test]
    fn both_ways_ask_for_the_same() {
        let by_get = Parameters::parse(
            "collections=a,b&ids=x&bbox=1,2,3,4&datetime=2024-01-01T00:00:00Z/..&limit=7&token=a5\
             &filter=gsd%20<%201&sortby=-properties.datetime,+id&fields=id,-assets",
        )
        .unwrap();
        let by_post = json!({
            "collections": ["a", "b"], "ids": ["x"], "bbox": [1, 2, 3, 4], "datetime": "2024-01-01T00:00:00Z/..",
            "limit": 7, "token": "a5", "filter": {"op": "<", "args": [{"property": "gsd"}, 1]},
            "sortby": [{"field": "datetime", "direction": "desc"}, {"field": "id", "direction": "asc"}],
            "fields": {"include": ["id"], "exclude": ["assets"]},
        });
        assert_eq!(from_parameters(&by_get).unwrap(), from_body(&by_post).unwrap());
    }

    #[test]
    fn each_fault_names_its_parameter() {
        for (body, name) in [
            (json!({"colour": "red"}), "colour is not a parameter"),
            (json!({"limit": 0}), "limit"),
            (json!({"limit": "ten"}), "limit"),
            (json!({"bbox": [1, 2, 3]}), "bbox"),
            (json!({"bbox": "1,2,3,4"}), "bbox"),
            (json!({"datetime": 2024}), "datetime"),
            (json!({"ids": "a"}), "ids"),
            (json!({"collections": [1]}), "collections"),
            (json!({"sortby": "datetime"}), "sortby"),
            (json!({"sortby": [{"field": "datetime", "direction": "up"}]}), "sortby"),
            (json!({"fields": null}), "fields"),
            (json!({"filter": 7}), "filter"),
            (json!({"filter": "a = 1", "filter-lang": "cql-text"}), "filter-lang"),
            (json!({"token": "next"}), "token"),
            (json!({"intersects": {"type": "Point", "coordinates": []}}), "intersection"),
            (
                json!({"bbox": [1, 2, 3, 4], "intersects": {"type": "Point", "coordinates": [1, 2]}}),
                "intersects",
            ),
        ] {
            let told = refused(from_body(&body));
            assert!(told.contains(name), "{body}: {told}");
        }
        assert!(refused(from_body(&json!([]))).contains("no object"));
    }
}
