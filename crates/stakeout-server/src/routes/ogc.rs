//! Landing page, conformance and collections of OGC API.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use record::Collection;
use serde_json::{Value, json};

use super::json as answer;
use crate::{ApiError, App, etag, links::Base, parameters::Parameters};

const CONFORMANCE: [&str; 7] = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss",
];
const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
const OPENAPI_TYPE: &str = "application/vnd.oai.openapi+json;version=3.0";

pub(crate) async fn landing(parameters: Parameters, base: Base) -> Result<Response, ApiError> {
    parameters.json_only()?;
    Ok(answer(&json!({
        "title": "Stakeout",
        "description": "Sites that are watched, candidates that a detector found, and structures that analysts confirmed",
        "links": [
            base.link("self", "application/json", "/ogc", "This page"),
            base.link("service-desc", OPENAPI_TYPE, "/openapi.json", "This interface"),
            base.link("conformance", "application/json", "/ogc/conformance", "Standards that are followed"),
            base.link("data", "application/json", "/ogc/collections", "The collections"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/processes", "application/json", "/ogc/processes", "The processes"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/job-list", "application/json", "/ogc/jobs", "The jobs"),
        ],
    })))
}

pub(crate) async fn conformance(parameters: Parameters) -> Result<Response, ApiError> {
    parameters.json_only()?;
    Ok(answer(&json!({"conformsTo": CONFORMANCE})))
}

pub(crate) async fn collections(parameters: Parameters, base: Base) -> Result<Response, ApiError> {
    parameters.json_only()?;
    Ok(answer(&json!({
        "collections": Collection::ALL.map(|collection| described(collection, &base)),
        "links": [base.link("self", "application/json", "/ogc/collections", "The collections")],
    })))
}

pub(crate) async fn collection(
    Path(name): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    Ok(answer(&described(by_name(&name)?, &base)))
}

/// A collection by the name in its address.
pub(crate) fn by_name(name: &str) -> Result<Collection, ApiError> {
    Collection::ALL.into_iter().find(|collection| collection.as_str() == name).ok_or_else(|| {
        ApiError::not_found(format!(
            "there is no collection {name:?}: there are sites, candidates and annotations"
        ))
    })
}

fn described(collection: Collection, base: &Base) -> Value {
    let (title, description) = match collection {
        Collection::Sites => ("Sites", "Places that are watched"),
        Collection::Candidates => {
            ("Candidates", "Structures that a detector found, with the state of their review")
        }
        Collection::Annotations => {
            ("Annotations", "Structures that analysts confirmed, with their construction window")
        }
    };
    let own = format!("/ogc/collections/{}", collection.as_str());
    json!({
        "id": collection.as_str(),
        "title": title,
        "description": description,
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": CRS84,
        "extent": {"spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]], "crs": CRS84}},
        "links": [
            base.link("self", "application/json", &own, title),
            base.link("items", "application/geo+json", &format!("{own}/items"), title),
        ],
    })
}

/// The description of the interface, with this server's own address in it.
pub(crate) async fn openapi(
    State(_): State<App>,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let mut document: Value = serde_json::from_str(include_str!("../openapi.json"))
        .expect("the document is part of the program, and a test reads it");
    document["servers"] = json!([{"url": base.0}]);
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    Ok(etag::answer(&headers, OPENAPI_TYPE, document.to_string()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_openapi_document_is_json() {
        let document: serde_json::Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.0"));
    }
}
