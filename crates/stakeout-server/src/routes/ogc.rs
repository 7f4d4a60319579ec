//! Landing page, conformance and collections of OGC API.

use axum::{extract::State, http::HeaderMap, response::Response};
use record::Collection;
use serde_json::{Value, json};

use super::{
    vector_tiles::{TILESETS_VECTOR, TILING_SCHEMES},
    with_type,
};
use crate::{
    ApiError, App,
    crs::FeatureCrs,
    etag,
    html::{self, Format},
    links::Base,
    parameters::Parameters,
    path::Path,
};

const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/update",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/accent-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/temporal-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/array-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/property-property",
    "http://www.opengis.net/spec/cql2/1.0/conf/arithmetic",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/dataset-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/jpeg",
    "http://www.opengis.net/spec/tms/2.0/conf/tilematrixset",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixset",
    "http://www.opengis.net/spec/tms/2.0/conf/tilematrixsetlimits",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixsetlimits",
    "http://www.opengis.net/spec/tms/2.0/conf/tilesetmetadata",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilesetmetadata",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss",
];
const JSON: &str = "application/json";
const OPENAPI_TYPE: &str = "application/vnd.oai.openapi+json;version=3.0";

pub(crate) async fn landing(
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let document = json!({
        "title": "Stakeout",
        "description": "Sites that are watched, candidates that a detector found, and structures that analysts confirmed",
        "links": [
            base.link("self", "application/json", "/ogc", "This page"),
            base.link("alternate", "text/html", "/ogc?f=html", "This page, for reading"),
            base.link("service-desc", OPENAPI_TYPE, "/openapi.json", "This interface"),
            base.link("service-doc", "text/html", "/ogc?f=html", "This interface, for reading"),
            base.link("conformance", "application/json", "/ogc/conformance", "Standards that are followed"),
            base.link("data", "application/json", "/ogc/collections", "The collections"),
            base.link(TILING_SCHEMES, "application/json", "/ogc/tileMatrixSets", "How tiles are numbered"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/tilesets-map", "application/json", "/ogc/tiles", "Tile sets of all scenes"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/processes", "application/json", "/ogc/processes", "The processes"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/job-list", "application/json", "/ogc/jobs", "The jobs"),
        ],
    });
    answered(&parameters, &headers, &base, "/ogc", "Stakeout", &document, JSON)
}

pub(crate) async fn conformance(
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let document = json!({"conformsTo": CONFORMANCE});
    answered(&parameters, &headers, &base, "/ogc/conformance", "Standards that are followed", &document, JSON)
}

pub(crate) async fn collections(
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = "/ogc/collections";
    let document = json!({
        "collections": Collection::ALL.map(|collection| described(collection, &base)),
        "links": [
            base.link("self", "application/json", path, "The collections"),
            base.link("alternate", "text/html", "/ogc/collections?f=html", "The collections, for reading"),
        ],
    });
    answered(&parameters, &headers, &base, path, "Collections", &document, JSON)
}

pub(crate) async fn collection(
    Path(name): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let mut document = described(by_name(&name)?, &base);
    let wanted = Format::wanted(&parameters, &headers)?;
    if wanted == Format::Html {
        // a hundred addresses that no person reads
        document["crs"] = json!("CRS84, EPSG 4326, 3857 and the UTM zones");
    }
    let path = format!("/ogc/collections/{name}");
    answered(&parameters, &headers, &base, &path, &name, &document, JSON)
}

/// A document in the format that the client wants: a page for reading, or JSON of a media type.
pub(super) fn answered(
    parameters: &Parameters,
    headers: &HeaderMap,
    base: &Base,
    path: &str,
    title: &str,
    document: &Value,
    media_type: &'static str,
) -> Result<Response, ApiError> {
    Ok(match Format::wanted(parameters, headers)? {
        Format::Html => html::document(base, path, title, document),
        Format::Json => with_type(media_type, document),
    })
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
    let crs: Vec<String> = FeatureCrs::all().map(FeatureCrs::uri).collect();
    let storage = FeatureCrs::Crs84.uri();
    let schema = "application/schema+json";
    let mut described = json!({
        "id": collection.as_str(),
        "title": title,
        "description": description,
        "itemType": "feature",
        "crs": crs,
        "storageCrs": storage,
        "extent": {"spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]], "crs": storage}},
        "links": [
            base.link("self", "application/json", &own, title),
            base.link("alternate", "text/html", &format!("{own}?f=html"), "This page, for reading"),
            base.link("items", "application/geo+json", &format!("{own}/items"), title),
            base.link("items", "text/html", &format!("{own}/items?f=html"), &format!("{title}, for reading")),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/queryables", schema, &format!("{own}/queryables"), "What can be asked for"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/schema", schema, &format!("{own}/schema"), "What the features hold"),
            base.link("describedby", schema, &format!("{own}/schema"), "What the features hold"),
        ],
    });
    if collection != Collection::Sites {
        let tiles = base.link(TILESETS_VECTOR, "application/json", &format!("{own}/tiles"), "Vector tiles");
        described["links"].as_array_mut().expect("links are a list").push(tiles);
    }
    described
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
