//! Answers as pages for people who open a link: no script, nothing from another site.

use std::fmt::Write as _;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use record::Timestamp;
use serde_json::{Map, Value};

use crate::{ApiError, links::Base, parameters::Parameters};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON or GeoJSON.
    Json,
    /// A page.
    Html,
}

impl Format {
    /// What the client wants: `f` first, then the Accept header, JSON where it does not care.
    ///
    /// # Errors
    /// When `f` names another format.
    pub(crate) fn wanted(parameters: &Parameters, headers: &HeaderMap) -> Result<Format, ApiError> {
        match parameters.get("f") {
            Some("json") => return Ok(Format::Json),
            Some("html") => return Ok(Format::Html),
            Some(other) => return Err(ApiError::parameter("f", other, "json or html")),
            None => {}
        }
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        Ok(if wants_page(accept) { Format::Html } else { Format::Json })
    }
}

/// Whether a client would rather have a page than JSON (RFC 9110, 12.5.1); where it likes both the same, what it names
/// first.
fn wants_page(accept: &str) -> bool {
    let is_json = |kind: &str| kind.ends_with("/json") || kind.ends_with("+json");
    let page = Liking::of(accept, |kind| match kind {
        "text/html" => 3,
        "text/*" => 2,
        _ => u8::from(kind == "*/*"),
    });
    let json = Liking::of(accept, |kind| match kind {
        "application/*" => 2,
        other if is_json(other) => 3,
        _ => u8::from(kind == "*/*"),
    });
    let named_first = page.exactness > 1 && page.quality > 0.0 && page.at < json.at;
    page.quality > json.quality || (page.quality == json.quality && named_first)
}

/// How much a client likes a format, as the most exact range of its Accept header says.
struct Liking {
    exactness: u8,
    quality: f32,
    at: usize,
}

impl Liking {
    /// `exactness` tells how exactly a range names the format, 0 where it does not.
    fn of(accept: &str, exactness: impl Fn(&str) -> u8) -> Liking {
        let mut liking = Liking { exactness: 0, quality: 0.0, at: usize::MAX };
        for (at, range) in accept.split(',').enumerate() {
            let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
            let exactness = exactness(&parts.next().unwrap_or_default());
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            if exactness > 0 && (exactness, quality) > (liking.exactness, liking.quality) {
                liking = Liking { exactness, quality, at };
            }
        }
        liking
    }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1c2430;background:#f6f7f9}\
main{max-width:68rem;margin:0 auto;padding:1.5rem}nav{font-size:.9rem;color:#5a6675}h1{font-size:1.6rem;margin:.4rem 0 1rem}\
a{color:#0b5cad}table{border-collapse:collapse;width:100%;background:#fff;box-shadow:0 1px 3px #0002}\
th,td{text-align:left;vertical-align:top;padding:.4rem .7rem;border-bottom:1px solid #e4e8ee;overflow-wrap:anywhere}\
th{font-weight:600;white-space:nowrap;color:#3c4858}svg{width:100%;height:auto;background:#e9eef2;border-radius:.4rem;margin:0 0 1rem}\
h2{font-size:1.2rem;margin:1.6rem 0 .2rem}details{margin:.3rem 0}summary{cursor:pointer}code{overflow-wrap:anywhere}\
.wide{overflow-x:auto}.wide td{white-space:nowrap}td table{box-shadow:none;background:none}small{color:#5a6675}\
.links{display:flex;gap:1rem;flex-wrap:wrap;margin:0 0 1rem;padding:0;list-style:none}\
@media(prefers-color-scheme:dark){body{background:#12161c;color:#dde4ee}table{background:#1a2029}th,td{border-color:#2c3440}\
th{color:#aab6c6}a{color:#74b3f7}svg{background:#1f2832}nav,small{color:#93a1b3}}";

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Side of the map in its own units.
const MAP_WIDTH: f64 = 1000.0;
const MAP_HEIGHT: f64 = 420.0;
/// Share of the map kept free at its edges.
const MAP_MARGIN: f64 = 0.06;
/// Properties that tell most of a feature at a glance, of any collection.
const COLUMNS: [&str; 13] = [
    "state",
    "status",
    "change",
    "score",
    "confidence",
    "area_m2",
    "site",
    "parent",
    "tags",
    "before_datetime",
    "after_datetime",
    "start_datetime",
    "end_datetime",
];
/// Rows of a table of features.
const ROWS_MAX: usize = 1_000;

/// A JSON document as a page: its links on top, its members as a table.
pub(crate) fn document(base: &Base, path: &str, title: &str, document: &Value) -> Response {
    let mut body = links(document);
    if let Some(collections) = document["collections"].as_array() {
        body.push_str("<table>");
        for collection in collections {
            let (id, title) = (text(&collection["id"]), text(&collection["title"]));
            let _ = write!(
                body,
                "<tr><th><a href=\"{}\">{title}</a></th><td>{}</td></tr>",
                escaped(&base.to(&format!("{path}/{id}"))),
                text(&collection["description"])
            );
        }
        body.push_str("</table>");
    } else {
        body.push_str(&members(document, &["links"]));
    }
    page(base, path, &as_json(path), title, &body)
}

fn as_json(path: &str) -> String {
    format!("{path}?f=json")
}

/// Features as a page: a map and a table.
///
/// `json` is the address of the same as JSON.
pub(crate) fn features(base: &Base, path: &str, json: &str, title: &str, collection: &Value) -> Response {
    let empty = Vec::new();
    let features = collection["features"].as_array().unwrap_or(&empty);
    let mut body = map(features);
    let _ = write!(
        body,
        "<p>{} of {} features</p>",
        features.len(),
        collection["numberMatched"].as_u64().unwrap_or(features.len() as u64)
    );
    body.push_str(&links(collection));
    body.push_str(&listed(base, path, &features[..features.len().min(ROWS_MAX)]));
    page(base, path, json, title, &body)
}

/// Features, a row each; what none of them has, has no column.
fn listed(base: &Base, path: &str, features: &[Value]) -> String {
    let has = |name: &&str| features.iter().any(|feature| !feature["properties"][*name].is_null());
    let columns: Vec<&str> = COLUMNS.into_iter().filter(has).collect();
    let heads: String = columns.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    let mut table = format!(
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\">feature</th>{heads}</tr></thead><tbody>"
    );
    for feature in features {
        let id = text(&feature["id"]);
        let properties = &feature["properties"];
        let named = ["name", "title", "structure_type"].iter().find_map(|name| properties[*name].as_str());
        let cells: String =
            columns.iter().map(|name| format!("<td>{}</td>", glanced(&properties[*name]))).collect();
        let _ = write!(
            table,
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th>{cells}</tr>",
            escaped(&base.to(&format!("{path}/{id}"))),
            named.map_or_else(|| format!("…{}", tail(&id)), escaped),
        );
    }
    table + "</tbody></table></div>"
}

/// The end of an id, which tells it from its neighbours.
fn tail(id: &str) -> &str {
    const CHARACTERS: usize = 8;
    id.char_indices().rev().nth(CHARACTERS - 1).map_or(id, |(at, _)| &id[at..])
}

/// A value in a list: a time to the minute, all else on one line.
fn glanced(value: &Value) -> String {
    let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    time.map_or_else(|| inline(value), |time| time.strftime("%Y-%m-%d %H:%MZ").to_string())
}

/// One feature as a page: a map and its properties.
pub(crate) fn feature(base: &Base, path: &str, feature: &Value) -> Response {
    let title = ["name", "title"]
        .iter()
        .find_map(|name| feature["properties"][*name].as_str())
        .or(feature["id"].as_str())
        .unwrap_or("Feature");
    let shape = map(std::slice::from_ref(feature));
    let body = format!("{shape}{}{}", links(feature), members(&feature["properties"], &[]));
    page(base, path, &as_json(path), title, &body)
}

/// A page at a path of this service, which is at another address as JSON.
pub(crate) fn page(base: &Base, path: &str, json: &str, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Stakeout</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body><main><nav aria-label=\"Path\">{}</nav><h1>{title}</h1>{body}</main></body></html>",
        trail(base, path, json),
        title = escaped(title),
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    (StatusCode::OK, headers, text).into_response()
}

/// The way from the landing page to here, and the same as JSON.
fn trail(base: &Base, path: &str, json: &str) -> String {
    let mut at = String::new();
    let mut steps: Vec<String> = Vec::new();
    for step in path.split('/').filter(|step| !step.is_empty()) {
        at = format!("{at}/{step}");
        steps.push(format!("<a href=\"{}\">{}</a>", escaped(&base.to(&at)), escaped(step)));
    }
    format!("{} · <a href=\"{}\">as JSON</a>", steps.join(" / "), escaped(&base.to(json)))
}

fn links(document: &Value) -> String {
    let Some(links) = document["links"].as_array() else { return String::new() };
    let mut list = "<ul class=\"links\">".to_owned();
    let mut told = Vec::new();
    for link in links.iter().filter(|link| !matches!(link["rel"].as_str(), Some("self" | "alternate"))) {
        // two relations may lead to one place, and a template leads nowhere
        if link["templated"] == true || told.contains(&&link["href"]) {
            continue;
        }
        told.push(&link["href"]);
        let title = link["title"].as_str().or(link["rel"].as_str()).unwrap_or_default();
        let _ = write!(list, "<li><a href=\"{}\">{}</a></li>", text(&link["href"]), escaped(title));
    }
    list + "</ul>"
}

fn members(object: &Value, without: &[&str]) -> String {
    let mut table = "<table>".to_owned();
    for (name, value) in object.as_object().into_iter().flatten() {
        if !without.contains(&name.as_str()) && !value.is_null() {
            let _ = write!(table, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), shown(value));
        }
    }
    table + "</table>"
}

/// Members that are objects themselves, a row each and their members side by side, as the properties of a schema.
fn rows(object: &Map<String, Value>) -> String {
    let mut table = "<table>".to_owned();
    for (name, value) in object {
        let inner = value.as_object().into_iter().flatten();
        let facts: Vec<String> = inner
            .map(|(name, value)| format!("<small>{}</small> {}", escaped(name), inline(value)))
            .collect();
        let _ = write!(table, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), facts.join(" · "));
    }
    table + "</table>"
}

/// A value for reading.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(object) if object.values().all(Value::is_object) => rows(object),
        Value::Object(_) => members(value, &[]),
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            values.iter().map(|value| format!("<div>{}</div>", shown(value))).collect()
        }
        other => inline(other),
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(inline).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            let facts = object.iter().map(|(name, value)| format!("{} {}", escaped(name), inline(value)));
            facts.collect::<Vec<_>>().join(" ")
        }
        other => text(other),
    }
}

/// The rings of a polygon, or of all parts of a multipolygon.
fn rings_of(geometry: &Value) -> Vec<&Value> {
    let parts = geometry["coordinates"].as_array().into_iter().flatten();
    if geometry["type"] == "MultiPolygon" {
        parts.filter_map(Value::as_array).flatten().collect()
    } else {
        parts.collect()
    }
}

/// Outlines drawn to scale, north up, longitudes shortened by the latitude.
fn map(features: &[Value]) -> String {
    let rings: Vec<Vec<[f64; 2]>> = features
        .iter()
        .flat_map(|feature| rings_of(&feature["geometry"]))
        .map(|ring| {
            let position = |at: &Value| Some([at[0].as_f64()?, at[1].as_f64()?]);
            ring.as_array().into_iter().flatten().filter_map(position).collect()
        })
        .collect();
    let all = || rings.iter().flatten();
    let (Some(west), Some(east)) =
        (all().map(|at| at[0]).reduce(f64::min), all().map(|at| at[0]).reduce(f64::max))
    else {
        return String::new();
    };
    let south = all().map(|at| at[1]).fold(f64::INFINITY, f64::min);
    let north = all().map(|at| at[1]).fold(f64::NEG_INFINITY, f64::max);
    let shorten = ((south + north) / 2.0).to_radians().cos().max(0.01);
    let free = 1.0 - 2.0 * MAP_MARGIN;
    let scale = (MAP_WIDTH * free / ((east - west) * shorten).max(1e-9))
        .min(MAP_HEIGHT * free / (north - south).max(1e-9));
    let (middle_lon, middle_lat) = ((west + east) / 2.0, (south + north) / 2.0);
    let mut svg =
        format!("<svg viewBox=\"0 0 {MAP_WIDTH} {MAP_HEIGHT}\" role=\"img\" aria-label=\"Outlines\">");
    for ring in &rings {
        let points: Vec<String> = ring
            .iter()
            .map(|[lon, lat]| {
                let x = MAP_WIDTH / 2.0 + (lon - middle_lon) * shorten * scale;
                let y = MAP_HEIGHT / 2.0 - (lat - middle_lat) * scale;
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = write!(
            svg,
            "<polygon points=\"{}\" fill=\"#e07b00\" fill-opacity=\".25\" stroke=\"#c25e00\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    }
    let _ = write!(
        svg,
        "<text x=\"12\" y=\"{}\" font-size=\"18\" fill=\"#808b99\">{middle_lat:.5}, {middle_lon:.5}</text></svg>",
        MAP_HEIGHT - 12.0
    );
    svg
}

/// A value as text of a page.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => String::new(),
        other => escaped(&other.to_string()),
    }
}

/// Text in which nothing is markup.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(query: &str, accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Format::wanted(&Parameters::parse(query).unwrap(), &headers).unwrap()
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_json() {
        assert_eq!(wanted("", "text/html,application/xhtml+xml,*/*;q=0.8"), Format::Html);
        assert_eq!(wanted("f=json", "text/html"), Format::Json);
        assert_eq!(wanted("", "application/geo+json"), Format::Json);
        assert_eq!(wanted("", "*/*"), Format::Json);
        assert_eq!(wanted("f=html", "*/*"), Format::Html);
        assert_eq!(wanted("", ""), Format::Json);
        assert_eq!(wanted("", "application/xml"), Format::Json);
    }

    #[test]
    fn what_a_client_likes_better_wins_and_then_what_it_names_first() {
        for (accept, format) in [
            ("text/html;q=0.1, application/json", Format::Json),
            ("application/geo+json;q=0.5, text/html", Format::Html),
            ("text/html, application/json", Format::Html),
            ("application/json, text/html", Format::Json),
            ("*/*, text/html", Format::Json),
            ("*/*;q=0.5, text/html;q=0.8", Format::Html),
            ("text/*, application/json;q=0.9", Format::Html),
            ("text/html;q=0", Format::Json),
            ("application/*;q=0.8, TEXT/HTML", Format::Html),
        ] {
            assert_eq!(wanted("", accept), format, "{accept}");
        }
    }

    #[test]
    fn a_page_reads_a_document_out_without_braces() {
        let schema = json!({"type": "object", "properties": {
            "name": {"type": "string", "enum": ["a", "<b>"]},
            "tags": {"type": "array", "items": {"type": "string"}},
        }});
        let table = members(&schema, &[]);
        assert!(table.contains("<small>type</small> string · <small>enum</small> a, &lt;b&gt;"), "{table}");
        assert!(table.contains("<small>items</small> type string"), "{table}");
        assert!(!table.contains('{'), "{table}");
        assert_eq!(inline(&json!([[1, 2], [3]])), "1, 2, 3");
    }

    #[test]
    fn a_place_is_linked_to_once_and_a_template_not_at_all() {
        let link = |rel: &str, href: &str| json!({"rel": rel, "href": href, "title": rel});
        let mut tiles = link("item", "/tiles/{z}");
        tiles["templated"] = json!(true);
        let list = links(&json!({"links": [link("self", "/"), link("a", "/s"), link("b", "/s"), tiles]}));
        assert_eq!(list, "<ul class=\"links\"><li><a href=\"/s\">a</a></li></ul>");
    }

    #[test]
    fn a_list_of_features_has_the_columns_that_they_fill() {
        let feature = |id: &str, properties: Value| json!({"id": id, "properties": properties});
        let features = [
            feature(
                "hall",
                json!({"title": "Hall", "status": null, "start_datetime": "2023-05-14T02:10:00Z"}),
            ),
            feature("01a211e8ee1775ac947bb009ec814a50", json!({"change": "new", "status": null})),
        ];
        let table = listed(&Base("http://h".to_owned()), "/items", &features);
        let heads: Vec<&str> = table.split("<th scope=\"col\">").skip(1).collect();
        assert_eq!(heads.len(), 3, "feature, change, start_datetime: {table}");
        assert!(table.contains("<td>2023-05-14 02:10Z</td>"), "{table}");
        assert!(table.contains("/items/01a211e8ee1775ac947bb009ec814a50\">…ec814a50</a>"), "{table}");
    }

    #[test]
    fn what_people_wrote_cannot_become_markup() {
        assert_eq!(escaped("<script>\"'&"), "&lt;script&gt;&quot;&#39;&amp;");
    }
}
