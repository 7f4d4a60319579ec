//! Whether the service lives, is ready, and what it has done.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use record::{Collection, Query};

use crate::{ApiError, App};

pub(crate) async fn live() -> &'static str {
    "live"
}

pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, ApiError> {
    app.blocking(|app| Ok(app.store.ping()?)).await?;
    Ok("ready")
}

/// Prometheus text format.
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let text = app
        .blocking(|app| {
            let mut text = String::from(
                "# HELP stakeout_features Features by collection.\n# TYPE stakeout_features gauge\n",
            );
            for collection in Collection::ALL {
                let count = app.store.items(&Query::first(collection, 1))?.number_matched;
                text.push_str(&format!(
                    "stakeout_features{{collection=\"{}\"}} {count}\n",
                    collection.as_str()
                ));
            }
            Ok(text)
        })
        .await?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
