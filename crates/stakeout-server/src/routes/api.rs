//! What else the page needs.

use std::convert::Infallible;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, request::Parts},
    response::{
        Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt};
use record::{Sha256Hex, SiteId, StructureType, Taxonomy, TokenId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::wrappers::BroadcastStream;

use super::{JSON, json as answer};
use crate::{
    ApiError, App,
    body::JsonBody,
    etag,
    guard::{self, Who},
    parameters::{NoParameters, Parameters},
    path::Path,
};

/// What the page is to know of the configuration.
pub(crate) async fn settings(State(app): State<App>, parameters: Parameters) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    Ok(answer(&json!({"backdrop": app.config.backdrop})))
}

/// Where every site stands.
pub(crate) async fn sites(
    State(app): State<App>,
    Who(actor): Who,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let sites = app.blocking(move |app| Ok(app.store.site_summaries(actor.reader())?)).await?;
    Ok(answer(&json!({"sites": sites})))
}

pub(crate) async fn taxonomy(
    State(app): State<App>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let taxonomy = app.blocking(|app| Ok(app.store.taxonomy()?)).await?;
    Ok(etag::answer(&headers, JSON, told(&taxonomy)))
}

fn told(taxonomy: &Taxonomy) -> String {
    json!({"types": taxonomy.types}).to_string()
}

/// A taxonomy as clients send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenTaxonomy {
    types: Vec<StructureType>,
}

/// Replaces the taxonomy as a whole.
pub(crate) async fn change_taxonomy(
    State(app): State<App>,
    Who(actor): Who,
    _: NoParameters,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let given: GivenTaxonomy = serde_json::from_value(sent.value()?)
        .map_err(|error| ApiError::body(format!("the body is no taxonomy: {error}")).at("types"))?;
    let changed = app
        .blocking(move |app| {
            let old = app.store.taxonomy()?;
            let tag = Sha256Hex::of(told(&old).as_bytes());
            let if_match = etag::if_match_tag(&headers, "the taxonomy", tag.as_str(), old.revision)?;
            let changed = app.store.change_taxonomy(&actor, if_match, given.types)?;
            app.notify("taxonomy", json!({"revision": changed.revision}));
            Ok(changed)
        })
        .await?;
    Ok(etag::answer(&HeaderMap::new(), JSON, told(&changed)))
}

pub(crate) async fn comparisons(
    State(app): State<App>,
    Who(actor): Who,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&["site"])?;
    let site = parameters.get("site").ok_or_else(|| ApiError::parameter("site", "", "the id of a site"))?;
    let site = SiteId(site.to_owned());
    let unknown = |error| ApiError::of_reference(error, "site");
    let comparisons =
        app.blocking(move |app| app.store.comparisons(actor.reader(), &site).map_err(unknown)).await?;
    let described: Vec<Value> = comparisons
        .iter()
        .map(|(comparison, pending)| {
            let mut value = json!(comparison);
            value["pending"] = json!(pending);
            value
        })
        .collect();
    Ok(answer(&json!({"comparisons": described})))
}

/// Server-sent events: `open` at first, then `job`, `scene`, `candidate`, `annotation`, `site`, `taxonomy`; `lagged` when
/// some were missed. Ends where there is something to tell and the listener may not come in any more.
pub(crate) async fn events(
    State(app): State<App>,
    _: NoParameters,
    asked: Parts,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let notices = BroadcastStream::new(app.notices.subscribe());
    let mut stopping = app.stopping.subscribe();
    let stopped = async move {
        // it is not dropped before all who listen
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    };
    let may_listen = move || guard::who_asks(&app, &asked.headers, &asked.extensions).is_ok();
    let notices = notices.take_while(move |_| std::future::ready(may_listen())).map(|notice| {
        Ok(match notice {
            Ok(notice) => Event::default().event(notice.kind).data(notice.data.to_string()),
            Err(lagged) => {
                Event::default().event("lagged").data(json!({"why": lagged.to_string()}).to_string())
            }
        })
    });
    // a listener learns at once that it is heard
    let open = futures_util::stream::once(async { Ok(Event::default().event("open").data("{}")) });
    Sse::new(open.chain(notices).take_until(Box::pin(stopped))).keep_alive(KeepAlive::default())
}

pub(crate) async fn revoke_token(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
) -> Result<StatusCode, ApiError> {
    app.blocking(move |app| Ok(app.store.revoke_token(&actor, &TokenId(id))?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
