//! Where an image lies that was placed by hand: shown with what was given, and changed.

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use record::{Role, Scene, SceneId, Sha256Hex};
use serde_json::{Value, json};

use crate::{
    ApiError, App, arrival, body, etag, guard::Who, links::Base, parameters::Parameters, path::Path,
    scene_properties, stac,
};

const JSON: &str = "application/json";
/// Largest body, bytes.
const BODY_BYTES_MAX: usize = 64 << 10;

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(id))?)).await?;
    Ok(etag::answer(&headers, JSON, shown(&scene).to_string()))
}

/// What was given, where it came to lie, and whether a hand may put it elsewhere.
fn shown(scene: &Scene) -> Value {
    let facts = &scene.facts;
    json!({
        "scene": scene.id,
        "revision": scene.revision,
        "by_hand": facts.placement.is_some() || facts.footprint.is_none(),
        "placement": facts.placement,
        "geometry": facts.footprint.as_ref().map(record::geojson::polygon_value),
        "crs": facts.raster.crs,
        "gsd_m": facts.raster.gsd_m,
    })
}

/// Puts the image elsewhere: `footprint`, `control_points`, or `world_file` with `crs`. Its working copy is derived
/// from the original again.
pub(crate) async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    base: Base,
    headers: HeaderMap,
    parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    actor.must_be(Role::Analyst, "changing a scene")?;
    const KNOWN: [&str; 4] = ["footprint", "control_points", "world_file", "crs"];
    let given = body::read(&body::within(request, BODY_BYTES_MAX).await?)?;
    let names = given.as_object().into_iter().flatten().map(|(name, _)| name);
    if let Some(name) = names.into_iter().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(ApiError::unknown_parameter(name, &KNOWN));
    }
    let placing = scene_properties::placing(&given, given["world_file"].as_str())?.ok_or_else(|| {
        ApiError::parameter("footprint", "missing", "given, or control_points, or world_file with crs")
    })?;
    let turn = app.ingest_turn().await;
    let item = app
        .blocking(move |app| {
            let _turn = turn;
            let scene = app.store.scene(&SceneId(id))?;
            let tag = Sha256Hex::of(shown(&scene).to_string().as_bytes());
            let if_match = etag::if_match_tag(&headers, scene.id.as_str(), tag.as_str(), scene.revision)?;
            let scene = arrival::place_anew(app, &actor, &scene, if_match, placing)?;
            app.notify("scene", json!({"id": scene.id, "site": scene.site}));
            Ok(stac::item(&scene, &base))
        })
        .await?;
    Ok(etag::answer(&HeaderMap::new(), "application/geo+json", item.to_string()))
}
