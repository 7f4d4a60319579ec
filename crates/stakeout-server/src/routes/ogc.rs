//! Landing page, conformance and collections of OGC API.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use record::{Collection, Extent, Timestamp};
use serde_json::{Value, json};

use super::{
    JSON, interface,
    vector_tiles::{TILESETS_VECTOR, TILING_SCHEMES},
    with_type,
};
use crate::{
    ApiError, App,
    crs::FeatureCrs,
    guard::Who,
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
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/features",
    // Part 5 was published under both names; clients look for the first
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/core-roles-features",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/core-roles-features",
    "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/queryables",
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
/// How times are counted.
const GREGORIAN: &str = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian";

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
            base.link("service-desc", interface::OPENAPI_TYPE, "/openapi.json", "This interface"),
            base.link("service-doc", "text/html", interface::PAGE, "This interface, for reading"),
            base.link("conformance", "application/json", "/ogc/conformance", "Standards that are followed"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/conformance", "application/json", "/ogc/conformance", "Standards that are followed"),
            // Features has the short names of relations, Common the long ones
            base.link("data", "application/json", "/ogc/collections", "The collections"),
            base.link("http://www.opengis.net/def/rel/ogc/1.0/data", "application/json", "/ogc/collections", "The collections"),
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
    State(app): State<App>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = "/ogc/collections";
    let extents = app
        .blocking(move |app| {
            let extent = |collection| Ok(app.store.extent(actor.reader(), collection)?);
            Collection::ALL.into_iter().map(extent).collect::<Result<Vec<_>, ApiError>>()
        })
        .await?;
    let collections = Collection::ALL.into_iter().zip(extents);
    let collections: Vec<Value> =
        collections.map(|(collection, extent)| described(collection, extent, &base)).collect();
    let document = json!({
        "collections": collections,
        "links": [
            base.link("self", "application/json", path, "The collections"),
            base.link("alternate", "text/html", "/ogc/collections?f=html", "The collections, for reading"),
        ],
    });
    answered(&parameters, &headers, &base, path, "Collections", &document, JSON)
}

pub(crate) async fn collection(
    State(app): State<App>,
    Path(name): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let collection = by_name(&name)?;
    let extent = app.blocking(move |app| Ok(app.store.extent(actor.reader(), collection)?)).await?;
    let mut document = described(collection, extent, &base);
    let wanted = Format::wanted(&parameters, &headers)?;
    if wanted == Format::Html {
        // a hundred addresses that no person reads
        document["crs"] = json!("CRS84, EPSG 4326, 3857 and the UTM zones");
    }
    let path = format!("/ogc/collections/{name}");
    let title = document["title"].as_str().unwrap_or(&name).to_owned();
    answered(&parameters, &headers, &base, &path, &title, &document, JSON)
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
        Format::Json => {
            let mut response = with_type(media_type, document);
            response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
            response
        }
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

fn described(collection: Collection, extent: Option<Extent>, base: &Base) -> Value {
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
    if let Some(extent) = extent {
        described["extent"] = extent_document(extent);
    }
    if collection != Collection::Sites {
        let tiles = base.link(TILESETS_VECTOR, "application/json", &format!("{own}/tiles"), "Vector tiles");
        described["links"].as_array_mut().expect("links are a list").push(tiles);
    }
    described
}

/// Where and when the features of a collection are; a collection without features has no extent.
fn extent_document(extent: Extent) -> Value {
    let mut document = json!({"spatial": {"bbox": [extent.bounds], "crs": FeatureCrs::Crs84.uri()}});
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    if let Some((start, end)) = extent.interval_ms {
        let interval = [time(start), time(end)];
        document["temporal"] = json!({"interval": [interval], "trs": GREGORIAN});
    }
    document
}
