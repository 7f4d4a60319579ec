//! The description of the interface: for programs (OpenAPI 3.0) and for people.

use std::fmt::Write as _;

use axum::{http::HeaderMap, response::Response};
use serde_json::{Value, json};

use crate::{
    ApiError, etag,
    html::{self, escaped},
    links::Base,
    parameters::NoParameters,
};

pub(super) const OPENAPI_TYPE: &str = "application/vnd.oai.openapi+json;version=3.0";
/// Where people read it.
pub(crate) const PAGE: &str = "/ogc/api";
const TEXT: &str = "writing to a string does not fail";

/// The OpenAPI document, with this server's own address in it.
pub(crate) async fn openapi(_: NoParameters, base: Base, headers: HeaderMap) -> Response {
    etag::answer(&headers, OPENAPI_TYPE, document(&base).to_string())
}

/// The same as a page.
pub(crate) async fn page(_: NoParameters, base: Base) -> Result<Response, ApiError> {
    let document = document(&base);
    let mut body = format!(
        "<p>{}</p><p>For programs: <a href=\"{}\">OpenAPI 3.0</a>.</p>",
        plain(&document["info"]["description"]),
        escaped(&base.to("/openapi.json"))
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        write!(body, "<h2>{}</h2><p>{}</p>", plain(&tag["name"]), plain(&tag["description"])).expect(TEXT);
        for (path, method, operation) in operations(&document) {
            if operation["tags"][0] == tag["name"] {
                describe(&mut body, &document, path, method, operation);
            }
        }
    }
    Ok(html::page(&base, PAGE, "/openapi.json", "The interface", &body))
}

fn document(base: &Base) -> Value {
    let mut document: Value = serde_json::from_str(include_str!("../openapi.json"))
        .expect("the document is part of the program, and a test reads it");
    document["servers"] = json!([{"url": base.0}]);
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document
}

/// Path, method and operation of all that there is, in the order of the document.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    })
}

/// One operation, folded up: what it is for, what it takes, what it answers.
fn describe(body: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    write!(
        body,
        "<details><summary><code>{} {}</code> {}</summary><table>",
        method.to_uppercase(),
        escaped(path),
        plain(&operation["summary"])
    )
    .expect(TEXT);
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = resolved(document, parameter);
        let need = if parameter["required"] == true { ", required" } else { "" };
        let place = format!("in {}{need}", plain(&parameter["in"]));
        row(
            body,
            &plain(&parameter["name"]),
            &place,
            &parameter["description"],
            &values(&parameter["schema"]),
        );
    }
    if let Some(sent) = operation["requestBody"]["content"].as_object() {
        let kinds: Vec<&str> = sent.keys().map(String::as_str).collect();
        row(body, "body", "sent", &operation["requestBody"]["description"], &kinds.join(", "));
    }
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let answer = resolved(document, answer);
        let kinds: Vec<&str> =
            answer["content"].as_object().into_iter().flatten().map(|(kind, _)| kind.as_str()).collect();
        row(body, status, "answer", &answer["description"], &kinds.join(", "));
    }
    body.push_str("</table></details>");
}

fn row(body: &mut String, name: &str, place: &str, description: &Value, values: &str) {
    let (description, values) = (plain(description), escaped(values));
    let joined = if description.is_empty() || values.is_empty() { "" } else { ": " };
    write!(
        body,
        "<tr><th>{name}</th><td>{place}</td><td>{description}{joined}<code>{values}</code></td></tr>"
    )
    .expect(TEXT);
}

/// What a parameter may be, in a word.
fn values(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> =
            words.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect();
        return words.join(" | ");
    }
    let kind = schema["format"].as_str().or(schema["type"].as_str()).unwrap_or_default();
    kind.to_owned()
}

/// What a reference within the document leads to, or the value itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn plain(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_tag_that_is_described_and_says_what_it_is_for() {
        let document = document(&Base("http://localhost".to_owned()));
        assert!(document["openapi"].as_str().unwrap().starts_with("3.0"));
        let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        assert!(operations(&document).count() > 80);
        for (path, method, operation) in operations(&document) {
            assert!(tags.contains(&&operation["tags"][0]), "{method} {path} has no tag that is described");
            assert!(!plain(&operation["summary"]).is_empty(), "{method} {path} does not say what it is for");
        }
    }

    #[test]
    fn operations_of_tiles_are_known_by_the_suffixes_of_the_standard() {
        // OGC 20-057, requirement oas30/operation-id
        let document = document(&Base("http://localhost".to_owned()));
        let mut ids: Vec<&str> =
            operations(&document).filter_map(|(.., operation)| operation["operationId"].as_str()).collect();
        for origin in [".collection.vector", ".dataset.map"] {
            for resource in [".getTileSetsList", ".getTileSet", ".getTile"] {
                let suffix = format!("{origin}{resource}");
                assert!(ids.iter().any(|id| id.ends_with(&suffix)), "{suffix}");
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "each id is that of one operation");
    }
}
