//! A file a resource; this one puts them together.

mod allowed;
mod annotations;
mod api;
mod export;
mod feature_query;
mod features;
mod health;
mod interface;
mod ogc;
mod placement;
mod processes;
mod reviews;
mod scenes;
mod schema;
mod session;
mod stac;
mod stac_items;
mod tiles;
mod tilesets;
mod uploads;
mod vector_tiles;
mod wmts;

use std::{any::Any, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, head, post, put},
};
use serde_json::Value;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, trace::TraceLayer};
use tracing::Span;

use crate::{ApiError, App, cors, etag, guard, outgoing, page, path::Path, rate, request_body};

pub(crate) use interface::PAGE as INTERFACE_PAGE;

/// The whole service as one value.
pub fn router(app: App) -> Router {
    let body_bytes_max = app.config.body_bytes_max;
    // uploads and events last as long as they last
    let slow = Router::new()
        .route("/api/sites/{site}/scenes", post(scenes::add))
        .route("/api/scenes/{scene}/placement", put(placement::change))
        .route("/stac/collections/{site}/items", post(stac_items::create).options(stac_items::items_options))
        .route("/api/sites/{site}/export", get(export::export))
        .merge(upload_routes())
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(etag::tagged))
        .layer(middleware::from_fn_with_state(app.clone(), outgoing::bounded))
        .route("/api/events", get(api::events));
    let quick = ogc_routes()
        .merge(api_routes())
        .merge(tile_routes())
        .merge(stac_routes())
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(middleware::from_fn(etag::tagged))
        .layer(middleware::from_fn_with_state(app.clone(), outgoing::bounded))
        .layer(CompressionLayer::new())
        .layer(middleware::map_response(etag::with_encoding))
        .layer(middleware::from_fn_with_state(app.clone(), in_time));
    quick
        .merge(slow)
        .fallback(|| async { ApiError::not_found("there is nothing at this address".to_owned()) })
        .method_not_allowed_fallback(not_taken)
        .layer(middleware::map_response(kept_by_one))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .layer(middleware::from_fn_with_state(app.clone(), rate::limit))
        .layer(middleware::from_fn_with_state(app.clone(), cors::share))
        .layer(CatchPanicLayer::custom(broken))
        .layer(TraceLayer::new_for_http().make_span_with(named))
        .layer(middleware::map_request_with_state(app.clone(), request_body::limited))
        .with_state(app)
}

/// What an address answers to a method that it does not name; the router adds `Allow`.
async fn not_taken(method: Method) -> Response {
    if method == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        ApiError::method(&method).into_response()
    }
}

/// What is answered may differ by who asks: no cache of many keeps it, and that of one asks whether it is still the same.
async fn kept_by_one(mut response: Response) -> Response {
    let caching = response.headers_mut().entry(header::CACHE_CONTROL);
    caching.or_insert(HeaderValue::from_static("private, no-cache"));
    response
}

/// Ends a request that takes too long.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let time_max_s = app.config.request_timeout_s;
    tokio::time::timeout(Duration::from_secs(time_max_s), next.run(request)).await.map_err(|_| {
        let detail = format!("the request took more than {time_max_s} s");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "The request took too long", detail)
    })
}

/// What each line of the log about a request says of it. It is there at every level, so that errors can be told apart. What a
/// client asks with may be long, or what others must not see.
fn named(request: &Request) -> Span {
    tracing::error_span!("request", method = %request.method(), path = request.uri().path())
}

/// A fault of ours must not look like a broken network.
fn broken(_: Box<dyn Any + Send>) -> Response {
    // the panic itself has told the log where it was
    let detail = "the server failed; its log says why".to_owned();
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail).into_response()
}

fn upload_routes() -> Router<App> {
    Router::new()
        .route("/uploads", post(uploads::create).options(uploads::options))
        .route("/uploads/", post(uploads::create).options(uploads::options))
        .route(
            "/uploads/{upload}",
            head(uploads::state)
                .patch(uploads::append)
                .delete(uploads::remove)
                .post(uploads::overridden)
                .options(uploads::options),
        )
        .layer(middleware::map_response(uploads::with_version))
}

fn ogc_routes() -> Router<App> {
    Router::new()
        .route("/ogc", get(ogc::landing))
        .route("/ogc/", get(ogc::landing))
        .route("/ogc/api", get(interface::page))
        .route("/ogc/conformance", get(ogc::conformance))
        .route("/ogc/collections", get(ogc::collections))
        .route("/ogc/collections/{collection}", get(ogc::collection))
        .route(
            "/ogc/collections/{collection}/items",
            get(features::items).post(features::create).options(features::items_options),
        )
        .route(
            "/ogc/collections/{collection}/items/{id}",
            get(features::item)
                .put(features::replace)
                .patch(features::update)
                .delete(features::remove)
                .options(features::item_options),
        )
        .route("/ogc/collections/annotations/items/{id}/versions", get(features::versions))
        .route("/ogc/collections/{collection}/queryables", get(schema::queryables))
        .route("/ogc/collections/{collection}/schema", get(schema::schema))
        .route("/ogc/collections/{collection}/tiles", get(vector_tiles::tilesets))
        .route("/ogc/collections/{collection}/tiles/WebMercatorQuad", get(vector_tiles::tileset))
        .route(
            "/ogc/collections/{collection}/tiles/WebMercatorQuad/{zoom}/{row}/{col}",
            get(vector_tiles::tile),
        )
        .route("/ogc/processes", get(processes::list))
        .route("/ogc/processes/{process}", get(processes::describe))
        .route("/ogc/processes/{process}/execution", post(processes::execute))
        .route("/ogc/tiles", get(tilesets::all))
        .route("/ogc/tileMatrixSets", get(tilesets::matrix_sets))
        .route("/ogc/tileMatrixSets/{set}", get(tilesets::matrix_set))
        .route("/ogc/jobs", get(processes::jobs))
        .route("/ogc/jobs/{job}", get(processes::job).delete(processes::dismiss))
        .route("/ogc/jobs/{job}/results", get(processes::results))
}

fn api_routes() -> Router<App> {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/app.js", get(|headers| page::asset(Path("app.js".to_owned()), headers)))
        .route("/app.css", get(|headers| page::asset(Path("app.css".to_owned()), headers)))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(interface::openapi))
        .route("/api/session", get(session::session).post(session::sign_in).delete(session::sign_out))
        .route("/api/settings", get(api::settings))
        .route("/api/sites", get(api::sites))
        .route("/api/taxonomy", get(api::taxonomy).put(api::change_taxonomy))
        .route("/api/comparisons", get(api::comparisons))
        .route("/api/candidates/{candidate}/reviews", post(reviews::add).get(reviews::list))
        .route("/api/comparisons/{comparison}/candidates", post(reviews::draw))
        .route("/api/queue", get(reviews::queue))
        .route("/api/agreement", get(reviews::agreement))
        .route("/api/annotations/{annotation}/restore", post(annotations::restore))
        .route("/api/reviews/{review}/undo", post(reviews::undo))
        .route("/api/sites/{site}/scenes", get(scenes::list))
        .route("/api/scenes/{scene}/placement", get(placement::show))
        .route("/api/scenes/{scene}/versions", get(scenes::versions))
        .route("/api/scenes/{scene}/original", get(scenes::original))
        .route("/api/scenes/{scene}/working", get(scenes::working))
        .route("/api/tokens/{token}", delete(api::revoke_token))
}

fn tile_routes() -> Router<App> {
    Router::new()
        .route("/tiles/{scene}/tilejson.json", get(tiles::tilejson))
        .route("/tiles/{scene}/native.json", get(tiles::native_json))
        .route("/tiles/{scene}/thumbnail.png", get(tiles::thumbnail))
        .route("/tiles/wmts", get(wmts::all))
        .route("/tiles/WMTSCapabilities.xml", get(wmts::all_document))
        .route("/tiles/{scene}", get(tilesets::of_scene))
        .route("/tiles/{scene}/wmts", get(wmts::of_scene))
        .route("/tiles/{scene}/WMTSCapabilities.xml", get(wmts::one_document))
        .route("/tiles/{scene}/{set}", get(tilesets::tileset))
        .route("/tiles/{scene}/{set}/{level}/{row}/{col}", get(tiles::by_path))
}

fn stac_routes() -> Router<App> {
    Router::new()
        .route("/stac", get(stac::landing))
        .route("/stac/", get(stac::landing))
        .route("/stac/conformance", get(stac::conformance))
        .route("/stac/search", get(stac::search).post(stac::search_by_body))
        .route("/stac/queryables", get(stac::queryables))
        .route("/stac/collections", get(stac::collections))
        .route("/stac/collections/{site}", get(stac::collection))
        .route("/stac/collections/{site}/items", get(stac::items))
        .route("/stac/collections/{site}/queryables", get(stac::site_queryables))
        .route(
            "/stac/collections/{site}/items/{scene}",
            get(stac::item)
                .put(stac_items::replace)
                .patch(stac_items::update)
                .delete(stac_items::withdraw)
                .options(stac_items::item_options),
        )
}

const GEOJSON: &str = "application/geo+json";
const JSON: &str = "application/json";

/// A JSON answer.
fn json(value: &Value) -> Response {
    with_type(JSON, value)
}

/// A GeoJSON answer.
fn geojson(value: &Value) -> Response {
    with_type(GEOJSON, value)
}

fn with_type(media_type: &'static str, value: &Value) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], value.to_string()).into_response()
}

/// 201 with the address of what was made.
fn created(location: &str, value: Response) -> Response {
    let mut response = value;
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
