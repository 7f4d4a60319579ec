//! Pages of other origins that may read, such as a web map: Cross-Origin Resource Sharing, as the Fetch standard has it.
//!
//! Such a page shows a token of its own; the cookie of the review page is not lent to it. Writes from other origins are
//! refused by the guard.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::App;

/// Headers of answers that such a page may read, beside those that every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Crs, Content-Disposition, Content-Range, ETag, Link, Location, Retry-After, WWW-Authenticate",
);
/// How long a browser may keep what it was told before a request, seconds.
const KEPT_S: HeaderValue = HeaderValue::from_static("600");

/// Tells browsers which pages of other origins may read, and answers what they ask before they send a token.
pub(crate) async fn share(State(app): State<App>, request: Request, next: Next) -> Response {
    let allowed = &app.config.allowed_origins;
    if allowed.is_empty() {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).filter(|origin| is_allowed(allowed, origin)).cloned();
    let mut response = match &origin {
        Some(_) if is_preflight(request.method(), request.headers()) => preflight(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

fn is_allowed(allowed: &[String], origin: &HeaderValue) -> bool {
    allowed.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}

/// Whether a browser asks what a page may send. Another OPTIONS asks what the address takes.
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization")),
        (header::ACCESS_CONTROL_MAX_AGE, KEPT_S),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
