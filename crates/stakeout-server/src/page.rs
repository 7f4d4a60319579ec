//! The page, embedded: `web/dist` as `npm run build` made it.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use include_dir::{Dir, include_dir};

use crate::{ApiError, App, etag, path::Path};

static DIST: Dir<'_> = include_dir!("$OUT_DIR/page");

/// Nothing loads from another site, but for the images of a backdrop where one is configured.
fn policy(app: &App) -> String {
    let backdrop = app.config.backdrop.as_ref().and_then(|backdrop| backdrop.origin()).unwrap_or_default();
    format!(
        "default-src 'self'; img-src 'self' data: blob: {backdrop}; style-src 'self' 'unsafe-inline'; \
         worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
    )
}

pub(crate) async fn index(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let mut response = file("index.html", &headers)?;
    let policy = HeaderValue::from_str(&policy(&app)).map_err(|error| ApiError::internal(&error))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    file(&name, &headers)
}

fn file(name: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let file = DIST.get_file(name).ok_or_else(|| ApiError::not_found(format!("there is no page {name}")))?;
    let media_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response: Response<Body> = etag::answer(headers, media_type, file.contents()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
