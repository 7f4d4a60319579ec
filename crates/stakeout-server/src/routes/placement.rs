//! Where an image lies that was placed by hand: shown with what was given, and changed.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use raster_io::Placing;
use record::{Actor, IfMatch, Role, Scene, SceneId, Sha256Hex};
use serde_json::{Value, json};

use super::{JSON, processes};
use crate::{
    ApiError, App, arrival, body, etag,
    guard::Who,
    links::Base,
    parameters::Parameters,
    path::Path,
    preparation::{self, Prepared, Promise},
    scene_properties, stac,
};

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
    body::only(&given, "", &KNOWN)?;
    let placing = scene_properties::placing(&given, given["world_file"].as_str())?.ok_or_else(|| {
        ApiError::parameter("footprint", "missing", "given, or control_points, or world_file with crs")
    })?;
    let (id, asks, condition) = (SceneId(id), actor.clone(), headers.clone());
    // what can be told at once is not told by a job
    let (scene, if_match) = app
        .blocking(move |app| {
            let scene = app.store.scene(&id)?;
            let tag = Sha256Hex::of(shown(&scene).to_string().as_bytes());
            let if_match = etag::if_match_tag(&condition, scene.id.as_str(), tag.as_str(), scene.revision)?;
            app.store.check_placeable(&asks, &scene.id, if_match)?;
            Ok((scene, if_match))
        })
        .await?;
    let promise = Arc::new(Promise::default());
    let input = json!({"scene": scene.id});
    let preparing = place(app.clone(), actor.clone(), scene, if_match, placing, Arc::clone(&promise));
    match preparation::in_time(&app, actor, &headers, input, promise, preparing).await? {
        Prepared::Scene(scene) => {
            let item = stac::item(&scene, &base).to_string();
            Ok(etag::answer(&HeaderMap::new(), "application/geo+json", item))
        }
        Prepared::Job(job) => Ok(processes::goes_on(&job, &base)),
    }
}

/// Derives the working copy again, when it is its turn.
async fn place(
    app: App,
    actor: Actor,
    scene: Scene,
    if_match: IfMatch,
    placing: Placing,
    promise: Arc<Promise>,
) -> Result<Scene, ApiError> {
    let turn = app.ingest_turn().await;
    app.blocking(move |app| {
        let _turn = turn;
        let scene = arrival::place_anew(app, &actor, &scene, if_match, placing, &promise)?;
        app.notify("scene", json!({"id": scene.id, "site": scene.site}));
        Ok(scene)
    })
    .await
}
