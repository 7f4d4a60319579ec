//! Who may come in: the Host header, requests from other sites, tokens.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use record::Actor;

use crate::{ApiError, App};

/// Cookie in which a browser carries its token.
pub(crate) const TOKEN_COOKIE: &str = "stakeout_token";

/// Whether a host, with or without a port, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let name = host_name(host);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Refuses foreign hosts (a page elsewhere that points its own name at this machine) and writes that come
/// from pages of other sites, then finds out who asks.
pub(crate) async fn guard(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check_host(&app, request.headers())?;
    check_site(request.method(), request.headers())?;
    if !is_open(request.method(), request.uri().path()) {
        // microseconds in the database: handing it to another thread would cost more
        let secret = bearer(request.headers()).or_else(|| cookie(request.headers()));
        let actor = actor(&app, secret)?;
        request.extensions_mut().insert(Who(actor));
    }
    Ok(next.run(request).await)
}

/// What takes no token: the state of the service, the page itself (it holds nothing of the record) and signing in and
/// out.
fn is_open(method: &Method, path: &str) -> bool {
    let page = matches!(path, "/" | "/app.js" | "/app.css") || path.starts_with("/assets/");
    let signing = path == "/api/session" && matches!(*method, Method::POST | Method::DELETE);
    page || signing || path.starts_with("/health/")
}

fn check_host(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let public = app.config.public_url.as_deref().and_then(|url| url.split("://").nth(1));
    let public = public.map(|rest| rest.split('/').next().unwrap_or(rest));
    if is_loopback(host) || public.is_some_and(|public| public.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let detail = format!(
        "the Host header is {host:?} but this server answers for loopback and its public address only"
    );
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "foreign-host", "This is not that host", detail)
        .at("Host"))
}

/// Browsers say where a request comes from; programs need not.
fn check_site(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let foreign_fetch = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let foreign_origin =
        text(header::ORIGIN).is_some_and(|origin| origin.split("://").nth(1).is_none_or(|own| own != host));
    if !foreign_fetch && !foreign_origin {
        return Ok(());
    }
    let detail = "a page of another site may not write here".to_owned();
    Err(ApiError::new(StatusCode::FORBIDDEN, "cross-site", "The request comes from another site", detail)
        .at("Origin"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| secret.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let named = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    named
        .filter(|(name, _)| *name == TOKEN_COOKIE)
        .map(|(_, secret)| secret)
        .find(|secret| !secret.is_empty())
}

pub(crate) fn actor(app: &App, secret: Option<&str>) -> Result<Actor, ApiError> {
    let refuse = |kind: &'static str, detail: &str| {
        ApiError::new(StatusCode::UNAUTHORIZED, kind, "A token is needed", detail.to_owned())
            .at("Authorization")
    };
    match secret {
        Some(secret) => {
            let actor = app.store.actor_of_secret(secret)?;
            actor.ok_or_else(|| refuse("invalid-token", "the token is unknown or revoked"))
        }
        None if app.store.has_tokens()? => {
            Err(refuse("unauthorized", "send a token as Authorization: Bearer TOKEN"))
        }
        None => Ok(app.local_actor.clone()),
    }
}

/// The actor of a request, as a handler's argument.
#[derive(Clone, Debug)]
pub(crate) struct Who(pub(crate) Actor);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, ApiError> {
        parts.extensions.get::<Who>().cloned().ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A token is needed",
                "nobody asked".to_owned(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_by_its_names_and_nothing_else() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:80", "127.3.2.1", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "example.org", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1", "0.0.0.0:80"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
