//! OGC API Tiles: the features of a collection as vector tiles in the Web Mercator quad tree.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use record::{
    Collection, Page, Query,
    vector_tile::{self, FEATURES_PER_TILE_MAX, TILE_FEATURE_BYTES_MAX, TileAddress, ZOOM_MAX},
};
use serde_json::{Value, json};

use super::{feature_query, json as answer, ogc};
use crate::{
    ApiError, App, etag,
    guard::Who,
    links::Base,
    parameters::Parameters,
    path::Path,
    tilesets::{MatrixSet, TILING_SCHEME, WEB_MERCATOR_QUAD, WEB_MERCATOR_QUAD_URI, limits},
};

pub(crate) const MVT: &str = "application/vnd.mapbox-vector-tile";
/// Type of the links to the tile sets of a collection.
pub(super) const TILESETS_VECTOR: &str = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector";
pub(super) const TILING_SCHEMES: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes";
const MERCATOR_URI: &str = "http://www.opengis.net/def/crs/EPSG/0/3857";
/// How many features of a tile were left out since there were more than a tile may have.
const LEFT_OUT: HeaderName = HeaderName::from_static("stakeout-features-left-out");

/// Parameters that pick the features of a tile.
const PARAMETERS: [&str; 5] = ["f", "datetime", "filter", "filter-lang", "site"];

pub(crate) async fn tile(
    State(app): State<App>,
    Path((name, zoom, row, col)): Path<(String, u32, u32, String)>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let collection = tiled(&name)?;
    parameters.only(&PARAMETERS)?;
    if let Some(other) = parameters.get("f").filter(|format| *format != "mvt") {
        return Err(ApiError::parameter("f", other, "mvt"));
    }
    let number = col.strip_suffix(".mvt").unwrap_or(&col).parse().ok();
    let tile = number.and_then(|col| TileAddress::new(zoom, row, col)).ok_or_else(|| {
        ApiError::not_found(format!("there is no tile {zoom}/{row}/{col}: zoom is 0 to {ZOOM_MAX}"))
    })?;
    let is_filtered = parameters.get("filter").is_some();
    let (page, bytes) = app
        .asking(is_filtered, move |app| {
            let reader = actor.reader().map(str::to_owned);
            let page = app.store.items(&Query { reader, ..query(collection, tile, &parameters)? })?;
            let features = page.items.iter().map(record::Item::value);
            let bytes = vector_tile::encode(tile, collection.as_str(), features)?;
            Ok((page, bytes))
        })
        .await?;
    Ok(answered(&headers, &page, bytes))
}

fn answered(headers: &HeaderMap, page: &Page, bytes: Vec<u8>) -> Response {
    if bytes.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mut response = etag::answer(headers, MVT, bytes);
    let left_out = page.number_matched - page.items.len() as u64;
    response.headers_mut().insert(LEFT_OUT, left_out.into());
    response
}

fn query(collection: Collection, tile: TileAddress, parameters: &Parameters) -> Result<Query, ApiError> {
    Ok(Query {
        site: parameters.get("site").map(str::to_owned),
        boxes: vec![tile.bounds()],
        interval_ms: parameters.interval_ms()?,
        filter: record::Filter::all(feature_query::filters(collection, parameters)?),
        bytes_max: TILE_FEATURE_BYTES_MAX,
        ..Query::first(collection, FEATURES_PER_TILE_MAX)
    })
}

/// A collection that has tiles.
fn tiled(name: &str) -> Result<Collection, ApiError> {
    match ogc::by_name(name)? {
        Collection::Sites => {
            Err(ApiError::not_found("sites have no tiles: they are few and large".to_owned()))
        }
        collection => Ok(collection),
    }
}

/// The tile sets of a collection.
pub(crate) async fn tilesets(
    Path(name): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let collection = tiled(&name)?;
    let path = format!("/ogc/collections/{name}/tiles");
    let mut set = tileset_summary(collection, &base);
    set["links"] = json!([base.link(
        "self",
        "application/json",
        &format!("{path}/{WEB_MERCATOR_QUAD}"),
        "The tile set"
    )]);
    let document = json!({
        "tilesets": [set],
        "links": [
            base.link("self", "application/json", &path, "Tile sets"),
            base.link("alternate", "text/html", &format!("{path}?f=html"), "Tile sets, for reading"),
        ],
    });
    let title = format!("Tile sets of {name}");
    ogc::answered(&parameters, &headers, &base, &path, &title, &document, "application/json")
}

fn tileset_summary(collection: Collection, base: &Base) -> Value {
    let scheme = format!("/ogc/tileMatrixSets/{WEB_MERCATOR_QUAD}");
    json!({
        "title": format!("{} as vector tiles", collection.as_str()),
        "dataType": "vector",
        "crs": MERCATOR_URI,
        "tileMatrixSetURI": WEB_MERCATOR_QUAD_URI,
        "links": [base.link(TILING_SCHEME, "application/json", &scheme, "How tiles are numbered")],
    })
}

/// The tile set of a collection, as OGC API or as TileJSON (`f=tilejson`).
pub(crate) async fn tileset(
    Path(name): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let collection = tiled(&name)?;
    if parameters.get("f") == Some("tilejson") {
        return Ok(answer(&tilejson(collection, &base)));
    }
    let path = format!("/ogc/collections/{name}/tiles/{WEB_MERCATOR_QUAD}");
    let mut item = base.link("item", MVT, "", "The tiles");
    item["href"] = json!(format!("{}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", base.to(&path)));
    item["templated"] = json!(true);
    let mut document = tileset_summary(collection, &base);
    document["tileMatrixSetLimits"] = limits(&MatrixSet::web_mercator_quad(ZOOM_MAX + 1).whole());
    document["layers"] = json!([{"id": collection.as_str(), "dataType": "vector", "geometryDimension": 2}]);
    let links = [
        base.link("self", "application/json", &path, "This tile set"),
        base.link("alternate", "text/html", &format!("{path}?f=html"), "This tile set, for reading"),
        base.link(
            "describedby",
            "application/json",
            &format!("{path}?f=tilejson"),
            "This tile set as TileJSON",
        ),
        item,
    ];
    document["links"].as_array_mut().expect("the summary has links").extend(links);
    let title = format!("{name} as vector tiles");
    ogc::answered(&parameters, &headers, &base, &path, &title, &document, "application/json")
}

fn tilejson(collection: Collection, base: &Base) -> Value {
    let path = format!("/ogc/collections/{}/tiles/{WEB_MERCATOR_QUAD}", collection.as_str());
    let fields: serde_json::Map<String, Value> = std::iter::once(("id".to_owned(), json!("Id")))
        .chain(record::schema::queryables(collection).map(|own| (own.name.to_owned(), json!(own.title))))
        .collect();
    json!({
        "tilejson": "3.0.0",
        "name": collection.as_str(),
        "tiles": [format!("{}/{{z}}/{{y}}/{{x}}", base.to(&path))],
        "minzoom": 0,
        "maxzoom": ZOOM_MAX,
        "bounds": [-180.0, -85.051_129, 180.0, 85.051_129],
        "vector_layers": [{"id": collection.as_str(), "fields": fields, "minzoom": 0, "maxzoom": ZOOM_MAX}],
    })
}

#[cfg(test)]
mod tests {
    use record::{AnnotationDraft, Change, SiteId, geojson};

    use super::*;
    use crate::{Config, app::tests::opened};

    #[tokio::test]
    async fn features_that_are_too_long_together_are_left_out_of_a_tile_and_counted() {
        let (_folder, me, app) = opened(Config::default());
        let geometry = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]});
        let feature = json!({"type": "Feature", "geometry": geometry, "properties": {"name": "Plant"}});
        app.store.create_site(&me, geojson::read_site(&feature).unwrap()).unwrap();
        let third = "x".repeat(TILE_FEATURE_BYTES_MAX as usize / 3);
        let annotation = || AnnotationDraft {
            site: SiteId("plant".to_owned()),
            outline: geojson::read_polygon(&geometry).unwrap(),
            structure_type: None,
            change: Change::New,
            title: None,
            note: Some(third.clone()),
            confidence: None,
            start_datetime: None,
            end_datetime: None,
        };
        app.store.create_annotations(&me, vec![annotation(), annotation(), annotation()]).unwrap();
        let at = Path(("annotations".to_owned(), 0, 0, "0.mvt".to_owned()));
        let told = tile(State(app), at, Who(me), Parameters::default(), HeaderMap::new()).await.unwrap();
        assert_eq!((told.status(), &told.headers()[LEFT_OUT]), (StatusCode::OK, &"1".parse().unwrap()));
    }
}
