//! WMTS 1.0: capabilities and tiles by key-value pairs; tiles by path are those of every other client.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use record::{SceneId, SiteId};

use super::tiles::{Address, tile};
use crate::{
    ApiError, App,
    error::OTHER_VERSIONS,
    links::Base,
    look::{Format, Look},
    parameters::Parameters,
    path::Path,
    tilesets::Grid,
    wmts,
};

/// The one version of the protocol that is spoken here.
const VERSION: &str = "1.0.0";
/// Scenes in one document at most, the newest of a site or of all.
const LAYERS_MAX: u64 = 500;
const CAPABILITIES: [&str; 7] =
    ["service", "request", "version", "acceptversions", "acceptformats", "sections", "updatesequence"];
const TILE: [&str; 10] = [
    "service",
    "request",
    "version",
    "layer",
    "style",
    "format",
    "tilematrixset",
    "tilematrix",
    "tilerow",
    "tilecol",
];

/// The service over all scenes, or over those of a site.
pub(crate) async fn all(
    State(app): State<App>,
    parameters: Result<Parameters, ApiError>,
    headers: HeaderMap,
    base: Base,
) -> Response {
    told(serve(&app, None, parameters, &headers, &base).await)
}

/// The capabilities over all scenes at an address of their own.
pub(crate) async fn all_document(
    State(app): State<App>,
    parameters: Result<Parameters, ApiError>,
    base: Base,
) -> Response {
    told(capabilities(&app, None, parameters, &base).await)
}

/// The capabilities over one scene at an address of their own.
pub(crate) async fn one_document(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Result<Parameters, ApiError>,
    base: Base,
) -> Response {
    told(capabilities(&app, Some(id), parameters, &base).await)
}

/// The service over one scene.
pub(crate) async fn of_scene(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Result<Parameters, ApiError>,
    headers: HeaderMap,
    base: Base,
) -> Response {
    told(serve(&app, Some(id), parameters, &headers, &base).await)
}

/// Clients of this service read errors as exception reports.
fn told(answer: Result<Response, ApiError>) -> Response {
    answer.unwrap_or_else(|error| {
        let kind = HeaderValue::from_static("application/xml");
        (error.status(), [(header::CONTENT_TYPE, kind)], wmts::exception_report(&error)).into_response()
    })
}

async fn serve(
    app: &App,
    scene: Option<String>,
    parameters: Result<Parameters, ApiError>,
    headers: &HeaderMap,
    base: &Base,
) -> Result<Response, ApiError> {
    let parameters = parameters?.in_lower_case()?;
    if is_tile(&parameters)? {
        return by_parameters(app, &parameters, scene.as_deref(), headers).await;
    }
    capabilities_of(app, scene, &parameters, base).await
}

async fn capabilities(
    app: &App,
    scene: Option<String>,
    parameters: Result<Parameters, ApiError>,
    base: &Base,
) -> Result<Response, ApiError> {
    let parameters = parameters?.in_lower_case()?;
    if is_tile(&parameters)? {
        return Err(ApiError::parameter("request", "GetTile", "GetCapabilities at this address"));
    }
    capabilities_of(app, scene, &parameters, base).await
}

async fn capabilities_of(
    app: &App,
    scene: Option<String>,
    parameters: &Parameters,
    base: &Base,
) -> Result<Response, ApiError> {
    must_know_version(parameters)?;
    let own = [&CAPABILITIES[..], &Look::PARAMETERS].concat();
    let (path, known) = match &scene {
        Some(id) => (format!("/tiles/{id}/wmts"), own),
        None => ("/tiles/wmts".to_owned(), [&own[..], &["site"]].concat()),
    };
    parameters.only(&known)?;
    Look::of(parameters)?;
    let look = parameters.without(&[&CAPABILITIES[..], &["site"]].concat());
    // what the client said of scenes and looks has to come along with its next requests
    let kept = parameters.without(&CAPABILITIES);
    let path = if kept.is_empty() { path } else { format!("{path}?{kept}") };
    let site = parameters.get("site").map(|site| SiteId(site.to_owned()));
    let base = base.clone();
    let document = app
        .blocking(move |app| {
            let scenes = match scene {
                Some(id) => vec![app.store.scene(&SceneId(id))?],
                None => {
                    let scenes = app.store.newest_scenes(site.as_ref(), None, 0, LAYERS_MAX);
                    scenes.map_err(|error| ApiError::of_reference(error, "site"))?
                }
            };
            Ok(wmts::capabilities(&scenes, &path, &look, &base))
        })
        .await?;
    let kind = HeaderValue::from_static("application/xml");
    Ok(([(header::CONTENT_TYPE, kind)], document).into_response())
}

/// Refuses a client that knows other versions only (OGC 06-121r3).
fn must_know_version(parameters: &Parameters) -> Result<(), ApiError> {
    let knows = |versions: &str| versions.split(',').any(|version| version.trim() == VERSION);
    let Some(versions) = parameters.get("acceptversions").filter(|versions| !knows(versions)) else {
        return Ok(());
    };
    let detail = format!("acceptversions is {versions:?} but {VERSION} is what there is");
    Err(ApiError::new(StatusCode::BAD_REQUEST, OTHER_VERSIONS, "The protocol is another", detail))
}

/// Which of the two requests it is.
fn is_tile(parameters: &Parameters) -> Result<bool, ApiError> {
    if let Some(other) = parameters.get("service").filter(|service| !service.eq_ignore_ascii_case("WMTS")) {
        return Err(ApiError::parameter("service", other, "WMTS"));
    }
    if let Some(other) = parameters.get("version").filter(|version| *version != VERSION) {
        return Err(ApiError::parameter("version", other, VERSION));
    }
    match parameters.get("request") {
        None => Ok(false),
        Some(request) if request.eq_ignore_ascii_case("GetCapabilities") => Ok(false),
        Some(request) if request.eq_ignore_ascii_case("GetTile") => Ok(true),
        Some(other) => Err(ApiError::parameter("request", other, "GetCapabilities or GetTile")),
    }
}

async fn by_parameters(
    app: &App,
    parameters: &Parameters,
    of_scene: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&[&TILE[..], &Look::PARAMETERS, &["site"]].concat())?;
    let text = |name: &str| parameters.get(name).ok_or_else(|| ApiError::missing_parameter(name, "GetTile"));
    let number = |name: &str| {
        text(name)?
            .parse()
            .map_err(|_| ApiError::parameter(name, text(name).unwrap_or_default(), "a whole number"))
    };
    let layer = text("layer")?;
    if of_scene.is_some_and(|scene| scene != layer) {
        return Err(ApiError::parameter("layer", layer, "the scene of this service"));
    }
    if let Some(other) = parameters.get("style").filter(|style| !matches!(*style, "" | "default")) {
        return Err(ApiError::parameter("style", other, "default"));
    }
    let format = parameters.get("format").unwrap_or("image/png");
    let set = text("tilematrixset")?;
    let address = Address {
        scene: SceneId(layer.to_owned()),
        grid: Grid::named(set, layer)
            .ok_or_else(|| ApiError::parameter("tilematrixset", set, "WebMercatorQuad or the layer's own"))?,
        level: number("tilematrix")?,
        col: number("tilecol")?,
        row: number("tilerow")?,
        format: Format::ALL
            .into_iter()
            .find(|known| known.media_type() == format)
            .ok_or_else(|| ApiError::parameter("format", format, "image/png, image/jpeg or image/webp"))?,
    };
    if app.tiles.open_scene(&address.scene).is_none() {
        let id = address.scene.clone();
        let opened = app.blocking(move |app| app.tiles.scene(app, &id).map(drop)).await;
        opened.map_err(|error| error.at("layer"))?;
    }
    tile(app, address, Look::of(parameters)?, None, headers).await
}
