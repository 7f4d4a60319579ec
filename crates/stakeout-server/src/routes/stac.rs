//! The catalogue of scenes, for reading.

use axum::{extract::State, http::HeaderMap, response::Response};
use record::{Collection, Cursor, PageStart, Query, RecordError, Scene, SceneId, Site, SiteId};
use serde_json::{Value, json};

use super::{GEOJSON, geojson, json as answer, schema, with_type};
use crate::{
    ApiError, App,
    body::JsonBody,
    etag,
    links::Base,
    parameters::Parameters,
    path::Path,
    stac::{
        self,
        search::{self, Search},
    },
};

/// Most sites in one answer.
const SITES_MAX: u32 = 10_000;

pub(crate) async fn landing(
    State(app): State<App>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let sites = app.blocking(sites).await?;
    Ok(answer(&stac::landing(&sites, &base)))
}

pub(crate) async fn conformance(parameters: Parameters) -> Result<Response, ApiError> {
    parameters.json_only()?;
    Ok(answer(&json!({"conformsTo": stac::conformance()})))
}

pub(crate) async fn collections(
    State(app): State<App>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let described = app
        .blocking(move |app| {
            sites(app)?
                .iter()
                .filter_map(|site| match app.store.scenes(&site.id) {
                    // deleted since the sites were read
                    Err(RecordError::NotFound { .. }) => None,
                    Err(error) => Some(Err(error.into())),
                    Ok(scenes) => Some(Ok(stac::collection(site, &scenes, &base))),
                })
                .collect::<Result<Vec<Value>, ApiError>>()
                .map(|collections| {
                    let links = [
                        base.link("self", "application/json", "/stac/collections", "All sites"),
                        base.link("root", "application/json", "/stac", "This catalogue"),
                    ];
                    json!({"collections": collections, "links": links})
                })
        })
        .await?;
    Ok(answer(&described))
}

pub(crate) async fn collection(
    State(app): State<App>,
    Path(site): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let id = SiteId(site);
    let (site, scenes) = app.blocking(move |app| Ok((app.store.site(&id)?, app.store.scenes(&id)?))).await?;
    Ok(answer(&stac::collection(&site, &scenes, &base)))
}

pub(crate) async fn items(
    State(app): State<App>,
    Path(site): Path<String>,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let own = format!("/stac/collections/{site}/items");
    let page = app
        .blocking(move |app| {
            let asked = search::in_site(&parameters, &site)?;
            app.store.site(&SiteId(site))?;
            found(app, &asked, &base, |next| by_get(&base, &own, &parameters, next))
        })
        .await?;
    Ok(etag::answer(&headers, GEOJSON, page.to_string()))
}

pub(crate) async fn item(
    State(app): State<App>,
    Path((site, scene)): Path<(String, String)>,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let scene = app.blocking(move |app| of_site(app, &site, scene)).await?;
    Ok(etag::answer(&headers, GEOJSON, stac::item(&scene, &base).to_string()))
}

/// A scene of a site.
pub(super) fn of_site(app: &App, site: &str, scene: String) -> Result<Scene, ApiError> {
    let scene = app.store.scene(&SceneId(scene))?;
    if scene.site.as_str() != site {
        return Err(ApiError::not_found(format!("scene {} is not of site {site}", scene.id)));
    }
    Ok(scene)
}

pub(crate) async fn search(
    State(app): State<App>,
    parameters: Parameters,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let page = app
        .blocking(move |app| {
            let asked = search::from_parameters(&parameters)?;
            found(app, &asked, &base, |next| by_get(&base, "/stac/search", &parameters, next))
        })
        .await?;
    Ok(etag::answer(&headers, GEOJSON, page.to_string()))
}

pub(crate) async fn search_by_body(
    State(app): State<App>,
    parameters: Parameters,
    base: Base,
    body: JsonBody,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let page = app
        .blocking(move |app| {
            let body = body.value()?;
            let asked = search::from_body(&body)?;
            found(app, &asked, &base, |next| {
                next.into_iter()
                    .map(|next| {
                        let mut link = base.link("next", GEOJSON, "/stac/search", "The next page");
                        link["method"] = json!("POST");
                        link["body"] = search::next_body(&body, next);
                        // the body is whole: nothing of the first one is to be mixed in
                        link["merge"] = json!(false);
                        link
                    })
                    .collect()
            })
        })
        .await?;
    Ok(geojson(&page))
}

/// Links of a page that was asked for by GET: to itself, and to the next one.
fn by_get(base: &Base, own: &str, parameters: &Parameters, next: Option<Cursor>) -> Vec<Value> {
    let at = |query: String| if query.is_empty() { own.to_owned() } else { format!("{own}?{query}") };
    let mut links = vec![base.link("self", GEOJSON, &at(parameters.without(&[])), "This page")];
    links.extend(next.map(|next| {
        let rest = parameters.without(&["token"]);
        let rest = if rest.is_empty() { rest } else { format!("{rest}&") };
        base.link("next", GEOJSON, &at(format!("{rest}token={next}")), "The next page")
    }));
    links
}

/// A page of items.
fn found(
    app: &App,
    asked: &Search,
    base: &Base,
    links_to: impl FnOnce(Option<Cursor>) -> Vec<Value>,
) -> Result<Value, ApiError> {
    let page = app.store.search_scenes(&asked.query)?;
    let features: Vec<Value> =
        page.scenes.iter().map(|scene| asked.fields.of_item(stac::item(scene, base))).collect();
    let mut links = vec![base.link("root", "application/json", "/stac", "All sites")];
    links.extend(links_to(page.next));
    Ok(json!({
        "type": "FeatureCollection",
        "numberMatched": page.number_matched,
        "numberReturned": features.len(),
        "features": features,
        "links": links,
    }))
}

/// What scenes can be asked for, over all sites.
pub(crate) async fn queryables(parameters: Parameters, base: Base) -> Result<Response, ApiError> {
    parameters.json_only()?;
    Ok(with_type("application/schema+json", &queryables_at(&base, "/stac/queryables")))
}

/// The same for one site.
pub(crate) async fn site_queryables(
    State(app): State<App>,
    Path(site): Path<String>,
    parameters: Parameters,
    base: Base,
) -> Result<Response, ApiError> {
    parameters.json_only()?;
    let own = format!("/stac/collections/{site}/queryables");
    app.blocking(move |app| Ok(app.store.site(&SiteId(site))?)).await?;
    Ok(with_type("application/schema+json", &queryables_at(&base, &own)))
}

fn queryables_at(base: &Base, path: &str) -> Value {
    let mut properties = serde_json::Map::new();
    properties.insert("id".to_owned(), json!({"title": "Id", "type": "string"}));
    properties.insert("collection".to_owned(), json!({"title": "Site", "type": "string"}));
    properties.insert("geometry".to_owned(), json!({"title": "Footprint", "format": "geometry-polygon"}));
    for scene in record::schema::SCENES {
        let mut described = schema::kind(scene.property.kind);
        described["title"] = json!(scene.property.title);
        properties.insert(scene.property.name.to_owned(), described);
    }
    json!({
        // the draft that the Filter extension names
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": base.to(path),
        "title": "What scenes can be asked for",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn sites(app: &App) -> Result<Vec<Site>, ApiError> {
    let (mut sites, mut query) = (Vec::new(), Query::first(Collection::Sites, SITES_MAX));
    loop {
        let page = app.store.items(&query)?;
        for item in &page.items {
            sites.push(item.site()?);
        }
        match page.next {
            Some(next) if sites.len() < SITES_MAX as usize => {
                query.limit = SITES_MAX - sites.len() as u32;
                query.start = PageStart::At(next);
            }
            _ => return Ok(sites),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        Config,
        app::tests::{busy, opened},
        guard::Who,
        parameters::NoParameters,
        routes::reviews,
    };

    #[tokio::test]
    async fn what_is_asked_and_said_is_read_where_work_is_bounded() {
        let (_folder, me, app) = opened(Config { blocking_max: 1, ..Config::default() });
        let (work, go_on) = busy(&app).await;
        let (state, base) = (|| State(app.clone()), || Base("http://localhost".to_owned()));
        let wrong = || Parameters::parse("filter=nonsense").unwrap();
        let (headers, path) = (HeaderMap::new, || Path("plant".to_owned()));
        let told = [
            search(state(), wrong(), base(), headers()).now_or_never(),
            items(state(), path(), wrong(), base(), headers()).now_or_never(),
            search_by_body(state(), Parameters::default(), base(), JsonBody::of("[]")).now_or_never(),
            reviews::add(
                state(),
                path(),
                Who(me.clone()),
                NoParameters,
                base(),
                headers(),
                JsonBody::of("[]"),
            )
            .now_or_never(),
            reviews::draw(state(), path(), Who(me), NoParameters, base(), headers(), JsonBody::of("[]"))
                .now_or_never(),
        ];
        assert!(told.iter().all(Option::is_none), "all wait for their turn");
        go_on.send(()).unwrap();
        work.await.unwrap().unwrap();
    }
}
