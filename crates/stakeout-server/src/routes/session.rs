//! Who is there: a browser signs in with a token and carries it as a cookie, since pictures and event streams cannot
//! carry an Authorization header.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::json as answer;
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    guard::{self, Who},
    parameters::Parameters,
};

/// How long a browser stays signed in, seconds.
const SIGNED_IN_S: u32 = 30 * 24 * 3600;

/// Name and role of the one who asks, and whether this server knows people apart.
pub(crate) async fn session(
    State(app): State<App>,
    Who(actor): Who,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let people = app.blocking(|app| Ok(app.has_tokens()?)).await?;
    Ok(answer(&json!({"actor": actor.name, "role": actor.role, "people": people})))
}

/// Takes a token and gives it back as a cookie that no script can read and no other site can send.
pub(crate) async fn sign_in(
    State(app): State<App>,
    parameters: Parameters,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let given = sent.value()?;
    body::only(&given, "", &["token"])?;
    let secret = given["token"].as_str().map(str::trim).unwrap_or_default().to_owned();
    let asked = secret.clone();
    let actor = app.blocking(move |app| guard::holder(app, &asked)).await?;
    let cookie = cookie(&app, &secret, SIGNED_IN_S);
    Ok(([(header::SET_COOKIE, cookie)], answer(&json!({"actor": actor.name, "role": actor.role})))
        .into_response())
}

/// Forgets the cookie.
pub(crate) async fn sign_out(State(app): State<App>, parameters: Parameters) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&app, "", 0))]).into_response())
}

fn cookie(app: &App, secret: &str, age_s: u32) -> HeaderValue {
    let encrypted = app.config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if encrypted { "; Secure" } else { "" };
    let text = format!(
        "{}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_s}{secure}",
        guard::TOKEN_COOKIE
    );
    HeaderValue::from_str(&text).expect("a known token is visible ASCII")
}
