//! Who may come in: the Host header, requests from other sites, tokens.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use record::Actor;

use crate::{ApiError, App, connections::client, parameters::decoded};

/// Cookie in which a browser carries its token.
pub(crate) const TOKEN_COOKIE: &str = "stakeout_token";
const TOKEN_WANTED: &str = "send a token as Authorization: Bearer TOKEN";
const NO_TOKENS: &str = "there are no tokens, so only programs of the server's own machine are answered, at a loopback \
                         address; make a token there with `stakeout token create --data DIR --role ROLE --name NAME`";

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
        let actor = who_asks(&app, request.headers(), request.extensions())?;
        must_be_meant(&actor, request.headers())?;
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

fn host_of(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

fn check_host(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = host_of(headers);
    if is_loopback(host) || app.config.public_host().is_some_and(|public| public.eq_ignore_ascii_case(host)) {
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

/// Header that says whose words a request has, percent-encoded; optional.
const MEANT: &str = "stakeout-actor";

/// Who asks: whom a token stands for, or, where there are no tokens, the one person at this machine.
///
/// # Errors
/// 401 for a token that is unknown or revoked, and for none where one is needed.
pub(crate) fn who_asks(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Result<Actor, ApiError> {
    if let Some(secret) = bearer(headers) {
        return holder(app, secret);
    }
    if app.store.has_tokens()? {
        let secret = cookie(headers);
        return secret
            .map_or_else(|| Err(refusal("unauthorized", TOKEN_WANTED)), |secret| holder(app, secret));
    }
    // cookies know no ports: without tokens one that came is another server's
    if is_local(app, headers, extensions) {
        return Ok(app.local_actor.clone());
    }
    Err(refusal("unauthorized", NO_TOKENS))
}

/// Whether the request means to be of the person who asks. A page says whose words it sends: its cookie is that of all
/// tabs, in one of which somebody else may have signed in meanwhile.
fn must_be_meant(actor: &Actor, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(meant) = headers.get(MEANT).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    if decoded(meant)? == actor.name {
        return Ok(());
    }
    Err(refusal("other-person", &format!("{} has signed in here, but this is said by {meant}", actor.name)))
}

/// Whom a token stands for.
///
/// # Errors
/// 401 for one that is unknown or revoked.
pub(crate) fn holder(app: &App, secret: &str) -> Result<Actor, ApiError> {
    let actor = app.store.actor_of_secret(secret)?;
    actor.ok_or_else(|| refusal("invalid-token", "the token is unknown or revoked"))
}

fn refusal(kind: &'static str, detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, kind, "A token is needed", detail.to_owned()).at("Authorization")
}

/// Whether a program of this machine asks this machine. A proxy is one too, but it asks for others: where the service
/// has a public address nobody is known by where they sit.
fn is_local(app: &App, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let is_private = app.config.public_host().is_none_or(is_loopback);
    is_private
        && is_loopback(host_of(headers))
        && client(extensions).is_some_and(|client| client.is_loopback())
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
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use record::Role;

    use super::*;
    use crate::Config;

    fn asked(host: &'static str, more: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.extend(more.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())));
        headers
    }

    #[test]
    fn without_tokens_only_this_machine_asking_itself_comes_in() {
        let (folder, me) = (tempfile::tempdir().unwrap(), Actor { name: "me".to_owned(), role: Role::Admin });
        let app = |public_url: Option<&str>| {
            let config = Config { public_url: public_url.map(str::to_owned), ..Config::default() };
            App::open(folder.path(), config, ("/bin/false".into(), ""), me.clone()).unwrap()
        };
        let comes_in = |app: &App, from: &str, headers: &HeaderMap| {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(from.parse::<SocketAddr>().unwrap()));
            who_asks(app, headers, &extensions).map_err(|error| error.status())
        };
        let refused = Err(StatusCode::UNAUTHORIZED);
        let (own, public) = (app(None), app(Some("https://stakeout.example")));
        for here in ["127.0.0.1:5000", "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
            assert_eq!(comes_in(&own, here, &asked("localhost:8080", &[])), Ok(me.clone()), "{here}");
            assert_eq!(comes_in(&own, here, &asked("stakeout.example", &[])), refused);
            assert_eq!(comes_in(&public, here, &asked("localhost", &[])), refused, "a proxy asks for others");
        }
        for elsewhere in ["192.0.2.1:5000", "[2001:db8::1]:5000"] {
            assert_eq!(comes_in(&own, elsewhere, &asked("localhost", &[])), refused, "{elsewhere}");
        }
        assert_eq!(
            who_asks(&own, &asked("localhost", &[]), &Extensions::new()).unwrap_err().status(),
            StatusCode::UNAUTHORIZED
        );

        // a cookie of another server at the same host, whose port cookies do not know
        let cookie = asked("localhost", &[(header::COOKIE, "stakeout_token=stk_of_another")]);
        let bearer = asked("localhost", &[(header::AUTHORIZATION, "Bearer stk_of_another")]);
        assert_eq!(comes_in(&own, "127.0.0.1:5000", &cookie), Ok(me.clone()));
        assert_eq!(comes_in(&own, "127.0.0.1:5000", &bearer), refused);
        let made = own.store.create_token(&me, "ann", Role::Analyst).unwrap();
        assert_eq!(comes_in(&own, "127.0.0.1:5000", &cookie), refused);
        assert_eq!(holder(&own, &made.secret).unwrap().name, "ann");
    }

    #[test]
    fn what_one_person_said_is_not_taken_from_another() {
        let bob = Actor { name: "Böb +1".to_owned(), role: Role::Analyst };
        let said_by = |name: &'static str| {
            let meant = (header::HeaderName::from_static(MEANT), name);
            must_be_meant(&bob, &asked("localhost", &[meant])).map_err(|error| error.status())
        };
        assert_eq!(said_by("B%C3%B6b%20%2B1"), Ok(()));
        assert_eq!(said_by("ann"), Err(StatusCode::UNAUTHORIZED));
        assert!(must_be_meant(&bob, &asked("localhost", &[])).is_ok());
    }

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
