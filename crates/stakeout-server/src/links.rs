//! Addresses in answers are absolute.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use serde_json::{Value, json};

use crate::{ApiError, App};

/// The address of the service as the client knows it, without a slash at the end.
#[derive(Clone, Debug)]
pub(crate) struct Base(pub(crate) String);

impl Base {
    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// A link to a path of this service.
    pub(crate) fn link(&self, rel: &str, media_type: &str, path: &str, title: &str) -> Value {
        json!({"rel": rel, "type": media_type, "href": self.to(path), "title": title})
    }
}

impl FromRequestParts<App> for Base {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Base, ApiError> {
        if let Some(url) = &app.config.public_url {
            return Ok(Base(url.trim_end_matches('/').to_owned()));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        Ok(Base(format!("http://{host}")))
    }
}
