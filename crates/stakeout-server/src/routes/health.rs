//! Whether the service lives, is ready, and what it has done.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use raster_io::CacheState;
use record::{Collection, Query};

use crate::{ApiError, App, guard::Who, parameters::NoParameters};

pub(crate) async fn live(_: NoParameters) -> &'static str {
    "live"
}

pub(crate) async fn ready(State(app): State<App>, _: NoParameters) -> Result<&'static str, ApiError> {
    // beside all other work: a service that is busy is ready all the same
    let asked = tokio::task::spawn_blocking(move || app.store.ping()).await;
    asked.map_err(|panic| ApiError::internal(&panic))??;
    Ok("ready")
}

/// Prometheus text format; features are counted as who asks may see them.
pub(crate) async fn metrics(
    State(app): State<App>,
    Who(actor): Who,
    _: NoParameters,
) -> Result<Response, ApiError> {
    let text = app
        .blocking(move |app| {
            let mut text = String::from(
                "# HELP stakeout_features Features by collection.\n# TYPE stakeout_features gauge\n",
            );
            for collection in Collection::ALL {
                let reader = actor.reader().map(str::to_owned);
                let query = Query { reader, ..Query::first(collection, 1) };
                let count = app.store.items(&query)?.number_matched;
                text.push_str(&format!(
                    "stakeout_features{{collection=\"{}\"}} {count}\n",
                    collection.as_str()
                ));
            }
            caches(app, &mut text);
            Ok(text)
        })
        .await?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn caches(app: &App, text: &mut String) {
    type Value = fn(&CacheState) -> u64;
    let families: [(&str, &str, &str, Value); 4] = [
        ("stakeout_cache_bytes", "gauge", "Bytes that a cache holds.", |state| state.bytes),
        ("stakeout_cache_bytes_max", "gauge", "Bytes that a cache may hold.", |state| state.bytes_max),
        ("stakeout_cache_asked_total", "counter", "How often a cache was asked.", |state| state.asked),
        ("stakeout_cache_missed_total", "counter", "How often it did not have it.", |state| state.missed),
    ];
    for (family, kind, help, value) in families {
        text.push_str(&format!("# HELP {family} {help}\n# TYPE {family} {kind}\n"));
        for (cache, state) in app.tiles.state() {
            text.push_str(&format!("{family}{{cache=\"{cache}\"}} {}\n", value(&state)));
        }
    }
}
