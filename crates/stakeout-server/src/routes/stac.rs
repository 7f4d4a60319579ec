//! The catalogue of scenes.

use axum::{extract::State, response::Response};
use record::{Collection, Query, Scene, SceneId, Site, SiteId};
use serde_json::{Value, json};

use super::{geojson, json as answer};
use crate::{ApiError, App, links::Base, parameters::Parameters, path::Path, stac};

/// Most sites in one answer.
const SITES_MAX: u32 = 10_000;
/// Most scenes in one answer.
const SCENES_MAX: u64 = 1_000;
const SCENES_DEFAULT: u64 = 100;

pub(crate) async fn landing(State(app): State<App>, base: Base) -> Result<Response, ApiError> {
    let sites = app.blocking(sites).await?;
    Ok(answer(&stac::landing(&sites, &base)))
}

pub(crate) async fn conformance() -> Response {
    answer(&json!({"conformsTo": stac::conformance()}))
}

pub(crate) async fn collections(State(app): State<App>, base: Base) -> Result<Response, ApiError> {
    let described = app
        .blocking(move |app| {
            sites(app)?
                .iter()
                .map(|site| Ok(stac::collection(site, &app.store.scenes(&site.id)?, &base)))
                .collect::<Result<Vec<Value>, ApiError>>()
                .map(|collections| {
                    let own = base.link("self", "application/json", "/stac/collections", "All sites");
                    json!({"collections": collections, "links": [own]})
                })
        })
        .await?;
    Ok(answer(&described))
}

pub(crate) async fn collection(
    State(app): State<App>,
    Path(site): Path<String>,
    base: Base,
) -> Result<Response, ApiError> {
    let id = SiteId(site);
    let (site, scenes) = app.blocking(move |app| Ok((app.store.site(&id)?, app.store.scenes(&id)?))).await?;
    Ok(answer(&stac::collection(&site, &scenes, &base)))
}

pub(crate) async fn items(
    State(app): State<App>,
    Path(site): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    let own = format!("/stac/collections/{site}/items");
    let scenes = app.blocking(move |app| Ok(app.store.scenes(&SiteId(site))?)).await?;
    page(scenes, &parameters, &base, &own)
}

pub(crate) async fn item(
    State(app): State<App>,
    Path((site, scene)): Path<(String, String)>,
    base: Base,
) -> Result<Response, ApiError> {
    let scene = app.blocking(move |app| Ok(app.store.scene(&SceneId(scene))?)).await?;
    if scene.site.as_str() != site {
        return Err(ApiError::not_found(format!("scene {} is not of site {site}", scene.id)));
    }
    Ok(geojson(&stac::item(&scene, &base)))
}

pub(crate) async fn search(
    State(app): State<App>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    let wanted =
        parameters.get("collections").map(|names| names.split(',').map(str::to_owned).collect::<Vec<_>>());
    let scenes = app
        .blocking(move |app| {
            let mut scenes = Vec::new();
            for site in sites(app)? {
                if wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == site.id.as_str())) {
                    scenes.extend(app.store.scenes(&site.id)?);
                }
            }
            Ok(scenes)
        })
        .await?;
    page(scenes, &parameters, &base, "/stac/search")
}

/// Scenes that meet `bbox` and `datetime`, from `offset` on, at most `limit`.
fn page(scenes: Vec<Scene>, parameters: &Parameters, base: &Base, own: &str) -> Result<Response, ApiError> {
    parameters.only(&["limit", "offset", "bbox", "datetime", "collections"])?;
    let limit = parameters.number("limit", 1, u64::from(u32::MAX))?.unwrap_or(SCENES_DEFAULT).min(SCENES_MAX);
    let offset = parameters.number("offset", 0, u64::from(u32::MAX))?.unwrap_or(0);
    let (boxes, interval) = (parameters.boxes()?, parameters.interval_ms()?);
    let meets = |scene: &Scene| {
        let time = scene.facts.datetime.as_millisecond();
        let in_time = interval
            .is_none_or(|(from, to)| from.is_none_or(|from| from <= time) && to.is_none_or(|to| time <= to));
        let [w, s, e, n] = scene.facts.footprint.as_ref().map_or([f64::NAN; 4], record::geojson::bounds);
        let in_place = boxes.is_empty()
            || boxes
                .iter()
                .any(|[west, south, east, north]| w <= *east && e >= *west && s <= *north && n >= *south);
        in_time && in_place
    };
    let matched: Vec<&Scene> = scenes.iter().filter(|scene| meets(scene)).collect();
    let features: Vec<Value> = matched
        .iter()
        .skip(offset as usize)
        .take(limit as usize)
        .map(|scene| stac::item(scene, base))
        .collect();
    let mut links = vec![
        base.link("self", "application/geo+json", own, "This page"),
        base.link("root", "application/json", "/stac", "All sites"),
    ];
    let end = offset + features.len() as u64;
    if end < matched.len() as u64 {
        let rest = parameters.without(&["offset", "limit"]);
        let rest = if rest.is_empty() { rest } else { format!("&{rest}") };
        links.push(base.link(
            "next",
            "application/geo+json",
            &format!("{own}?offset={end}&limit={limit}{rest}"),
            "The next page",
        ));
    }
    Ok(geojson(&json!({
        "type": "FeatureCollection",
        "numberMatched": matched.len(),
        "numberReturned": features.len(),
        "features": features,
        "links": links,
    })))
}

fn sites(app: &App) -> Result<Vec<Site>, ApiError> {
    let page = app.store.items(&Query::first(Collection::Sites, SITES_MAX))?;
    page.items.iter().map(|item| Ok(record::geojson::site_from_feature(&item.value())?)).collect()
}
