//! OGC API Tiles: tile sets and tile matrix sets.

use axum::{extract::State, http::HeaderMap, response::Response};
use record::{Scene, SceneId};
use serde_json::{Value, json};

use super::{JSON, ogc::answered};
use crate::{
    ApiError, App,
    links::Base,
    parameters::Parameters,
    path::Path,
    tilesets::{self, Grid, MatrixSet, WEB_MERCATOR_LEVELS, WEB_MERCATOR_QUAD},
};

/// Scenes on a page of tile sets where the client does not say, and at most.
const SCENES_DEFAULT: u64 = 100;
const SCENES_MAX: u64 = 1_000;
/// Where the tile sets of all scenes are listed.
const ALL: &str = "/ogc/tiles";

/// The tile sets of all scenes, newest first; `cursor` is the last scene of the page before.
pub(crate) async fn all(
    State(app): State<App>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f", "limit", "offset", "cursor"])?;
    let limit = parameters.number("limit", 1, u64::from(u32::MAX))?.unwrap_or(SCENES_DEFAULT).min(SCENES_MAX);
    let offset = parameters.number("offset", 0, u64::from(u32::MAX))?.unwrap_or(0);
    let cursor = parameters.get("cursor").map(|id| SceneId(id.to_owned()));
    if cursor.is_some() && parameters.get("offset").is_some() {
        return Err(ApiError::parameter("offset", "given with cursor", "given without"));
    }
    app.blocking(move |app| {
        let scenes = app.store.newest_scenes(None, cursor.as_ref(), offset, limit + 1);
        let scenes = scenes.map_err(|error| ApiError::of_reference(error, "cursor"))?;
        let shown = &scenes[..scenes.len().min(limit as usize)];
        let at = |without: &[&str], more: &str| {
            let query = [parameters.without(without).as_str(), more].join("&");
            let query = query.trim_matches('&');
            if query.is_empty() { ALL.to_owned() } else { format!("{ALL}?{query}") }
        };
        let mut links = vec![
            base.link("self", JSON, &at(&[], ""), "Tile sets of all scenes"),
            base.link(
                "alternate",
                "text/html",
                &at(&["f"], "f=html"),
                "Tile sets of all scenes, for reading",
            ),
        ];
        if let Some(last) = shown.last().filter(|_| scenes.len() > shown.len()) {
            let next = at(&["offset", "cursor"], &format!("cursor={}", last.id));
            links.push(base.link("next", JSON, &next, "The scenes before these"));
        }
        let document = json!({"tilesets": summaries(shown, &base), "links": links});
        answered(&parameters, &headers, &base, ALL, "Tile sets", &document, JSON)
    })
    .await
}

fn summaries(scenes: &[Scene], base: &Base) -> Vec<Value> {
    let tilesets = scenes.iter().flat_map(tilesets::of_scene);
    tilesets.map(|tileset| tileset.summary(base)).collect()
}

/// The tile sets of a scene.
pub(crate) async fn of_scene(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    app.blocking(move |app| {
        let scene = app.store.scene(&SceneId(id))?;
        let path = format!("/tiles/{}", scene.id);
        let html = format!("{path}?f=html");
        let document = json!({
            "tilesets": summaries(std::slice::from_ref(&scene), &base),
            "links": [
                base.link("self", JSON, &path, "Tile sets of this scene"),
                base.link("alternate", "text/html", &html, "Tile sets of this scene, for reading"),
            ],
        });
        answered(&parameters, &headers, &base, &path, &tilesets::title(&scene), &document, JSON)
    })
    .await
}

/// One tile set of a scene.
pub(crate) async fn tileset(
    State(app): State<App>,
    Path((id, set)): Path<(String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let none = ApiError::not_found(format!("scene {id} has no tile set {set}"));
    let Some(grid) = Grid::named(&set, &id) else { return Err(none) };
    app.blocking(move |app| {
        let scene = app.store.scene(&SceneId(id))?;
        let wanted = if grid == Grid::Native { scene.id.as_str() } else { WEB_MERCATOR_QUAD };
        let tilesets = tilesets::of_scene(&scene);
        let tileset = tilesets.iter().find(|tileset| tileset.set.id == wanted).ok_or(none)?;
        let path = format!("/tiles/{}/{wanted}", scene.id);
        let title = tilesets::title(&scene);
        answered(&parameters, &headers, &base, &path, &title, &tileset.metadata(&base), JSON)
    })
    .await
}

/// Tile matrix sets that do not depend on a scene; tile sets link to those that do.
pub(crate) async fn matrix_sets(
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = "/ogc/tileMatrixSets";
    let set = MatrixSet::web_mercator_quad(WEB_MERCATOR_LEVELS).json();
    let own = format!("{path}/{WEB_MERCATOR_QUAD}");
    let document = json!({
        "tileMatrixSets": [{
            "id": set["id"],
            "title": set["title"],
            "uri": set["uri"],
            "crs": set["crs"],
            "links": [base.link("self", JSON, &own, WEB_MERCATOR_QUAD)],
        }],
        "links": [base.link("self", JSON, path, "Tile matrix sets")],
    });
    answered(&parameters, &headers, &base, path, "Tile matrix sets", &document, JSON)
}

/// A tile matrix set by its name: WebMercatorQuad, or a scene.
pub(crate) async fn matrix_set(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.only(&["f"])?;
    let path = format!("/ogc/tileMatrixSets/{id}");
    app.blocking(move |app| {
        let set = if id == WEB_MERCATOR_QUAD {
            MatrixSet::web_mercator_quad(WEB_MERCATOR_LEVELS)
        } else {
            let none = ApiError::not_found(format!("there is no tile matrix set {id}"));
            MatrixSet::of_scene(&app.store.scene(&SceneId(id))?).ok_or(none)?
        };
        answered(&parameters, &headers, &base, &path, &set.id, &set.json(), JSON)
    })
    .await
}
