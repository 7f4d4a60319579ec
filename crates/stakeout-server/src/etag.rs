//! Strong validators: a client need not fetch what it has, and cannot overwrite what it has not seen.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use record::{Collection, IfMatch, Item, Sha256Hex};

use crate::{ApiError, App};

/// A body with its strong ETag, or 304 where the client has it already.
pub(crate) fn answer(headers: &HeaderMap, media_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
    let body = body.into();
    let sha256 = Sha256Hex::of(&body);
    answer_tagged(headers, media_type, sha256.as_str(), body)
}

/// The same for a body whose SHA-256 is known.
pub(crate) fn answer_tagged(
    headers: &HeaderMap,
    media_type: &'static str,
    tag: &str,
    body: impl Into<Body>,
) -> Response {
    if let Some(answer) = unchanged(headers, tag) {
        return answer;
    }
    let tag = HeaderValue::from_str(&quoted(tag)).expect("a hash is visible ASCII");
    let kind = HeaderValue::from_static(media_type);
    ([(header::CONTENT_TYPE, kind), (header::ETAG, tag)], body.into()).into_response()
}

/// 304 for a client that has what the tag stands for.
pub(crate) fn unchanged(headers: &HeaderMap, tag: &str) -> Option<Response> {
    let quoted = quoted(tag);
    if !matches_any(headers, header::IF_NONE_MATCH, &quoted) {
        return None;
    }
    let tag = HeaderValue::from_str(&quoted).expect("a hash is visible ASCII");
    Some((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response())
}

pub(crate) fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

/// The revision that a write is based on.
///
/// # Errors
/// 428 without `If-Match`, 412 when it names another state of the item.
pub(crate) fn if_match(headers: &HeaderMap, item: &Item) -> Result<IfMatch, ApiError> {
    if_match_tag(headers, &item.id, &item.sha256, item.revision)
}

/// The same for a thing whose answer has a tag.
pub(crate) fn if_match_tag(
    headers: &HeaderMap,
    id: &str,
    tag: &str,
    revision: u64,
) -> Result<IfMatch, ApiError> {
    if !headers.contains_key(header::IF_MATCH) {
        let detail = format!("send If-Match with the ETag of {id}, so that nobody's change is lost");
        return Err(ApiError::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if-match-required",
            "A write must say what it is based on",
            detail,
        )
        .at("If-Match"));
    }
    if matches_any(headers, header::IF_MATCH, "*") || matches_any(headers, header::IF_MATCH, &quoted(tag)) {
        return Ok(IfMatch::Revision(revision));
    }
    let detail = format!("{id} was changed meanwhile; it is at revision {revision} now");
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "stale", "Somebody changed it in between", detail)
        .at("If-Match"))
}

/// The same; a stale one is told who changed the item last, and when.
///
/// # Errors
/// As [`if_match`].
pub(crate) fn based_on(
    app: &App,
    headers: &HeaderMap,
    collection: Collection,
    item: &Item,
) -> Result<IfMatch, ApiError> {
    if_match(headers, item).map_err(|error| naming_who(app, collection, &item.id, error))
}

/// Adds to a refusal for a stale base who changed the item last, and when.
pub(crate) fn naming_who(app: &App, collection: Collection, id: &str, error: ApiError) -> ApiError {
    if !error.is_stale() {
        return error;
    }
    match app.store.last_change(collection, id) {
        Ok((who, when)) => error.by(&who, when),
        Err(_) => error,
    }
}

fn matches_any(headers: &HeaderMap, name: header::HeaderName, tag: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| given.trim() == tag)
}
