//! Strong validators: a client need not fetch what it has, and cannot overwrite what it has not seen.
//!
//! An answer that leaves compressed is another sequence of bytes and so has another tag: the plain one with the name of
//! the encoding behind it (RFC 9110, 8.8.3.3). Both stand for the same state, so either may come back in a condition.

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use record::{Collection, IfMatch, Item, Sha256Hex};

use crate::{ApiError, App};

/// The one encoding that answers are compressed in.
const ENCODING: &str = "gzip";

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

/// 304 for a client that has what the tag stands for, with the tag under which it has it.
pub(crate) fn unchanged(headers: &HeaderMap, tag: &str) -> Option<Response> {
    let known = known(headers, tag)?;
    Some((StatusCode::NOT_MODIFIED, [(header::ETAG, known)]).into_response())
}

/// The tag under which a client has what the tag stands for.
fn known(headers: &HeaderMap, tag: &str) -> Option<HeaderValue> {
    let known = given(headers, header::IF_NONE_MATCH)
        .map(|given| given.strip_prefix("W/").unwrap_or(given))
        .find(|given| *given == "*" || stands_for(given, tag))?;
    let known = if known == "*" { quoted(tag) } else { known.to_owned() };
    Some(HeaderValue::from_str(&known).expect("it came in a header, or is a hash"))
}

/// A layer's function: tags what is read, is whole in memory and has no tag yet by its bytes.
pub(crate) async fn tagged(request: Request, next: Next) -> Result<Response, ApiError> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let conditions = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let conditions: HeaderMap = conditions.map(|value| (header::IF_NONE_MATCH, value.clone())).collect();
    let response = next.run(request).await;
    let is_tagged = response.headers().contains_key(header::ETAG);
    let bytes = response.body().size_hint().exact().filter(|bytes| *bytes > 0);
    let (true, StatusCode::OK, false, Some(bytes)) = (is_read, response.status(), is_tagged, bytes) else {
        return Ok(response);
    };
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, bytes as usize).await.map_err(|error| ApiError::internal(&error))?;
    let tag = Sha256Hex::of(&body);
    if let Some(known) = known(&conditions, tag.as_str()) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.insert(header::ETAG, known);
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    let tag = HeaderValue::from_str(&quoted(tag.as_str())).expect("a hash is visible ASCII");
    parts.headers.insert(header::ETAG, tag);
    Ok(Response::from_parts(parts, body.into()))
}

/// A layer's function: tells in the tag how an answer was compressed, and of one that is not sent again what it varies by.
pub(crate) async fn with_encoding(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
        return response;
    }
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let encoding = text(header::CONTENT_ENCODING).unwrap_or_default();
    let plain = text(header::ETAG).and_then(|tag| tag.strip_suffix('"'));
    let tag = plain.filter(|_| encoding == ENCODING).map(|plain| format!("{plain}-{ENCODING}\""));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(crate) fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

/// The revision that a write is based on.
///
/// # Errors
/// 428 without `If-Match`, 400 when it holds no entity tags, 412 when it names another state of the item.
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
    must_say(headers, id)?;
    if given(headers, header::IF_MATCH).any(|given| given == "*" || stands_for(given, tag)) {
        return match known(headers, tag) {
            None => Ok(IfMatch::Revision(revision)),
            Some(_) => Err(ApiError::new(
                StatusCode::PRECONDITION_FAILED,
                "not-another",
                "The write was only to be done on another state",
                format!("If-None-Match names the state of {id}, or any by *"),
            )
            .at("If-None-Match")),
        };
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

/// The tags of a conditional header.
fn given(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Refuses a write that does not say what it is based on, or says so by what is neither `*` nor entity tags.
///
/// # Errors
/// 428 without `If-Match`, 400 when it holds no entity tags: nobody could ever meet it.
pub(crate) fn must_say(headers: &HeaderMap, id: &str) -> Result<(), ApiError> {
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
    for value in headers.get_all(header::IF_MATCH) {
        if value.as_bytes().trim_ascii() != b"*" && !are_tags(value.as_bytes()) {
            let got = String::from_utf8_lossy(value.as_bytes());
            let wanted = "* or entity tags in double quotes, with commas between them";
            return Err(ApiError::parameter("If-Match", &got, wanted));
        }
    }
    Ok(())
}

/// Whether a text is a list of one and more entity tags, strong or weak (RFC 9110, 8.8.3).
fn are_tags(mut text: &[u8]) -> bool {
    let is_inner = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    loop {
        text = text.trim_ascii();
        let opened = text.strip_prefix(b"W/").unwrap_or(text).strip_prefix(b"\"");
        let Some(inner) = opened else { return false };
        let length = inner.iter().take_while(|byte| is_inner(byte)).count();
        match inner[length..].strip_prefix(b"\"").map(<[u8]>::trim_ascii_start) {
            Some([]) => return true,
            Some([b',', rest @ ..]) => text = rest,
            _ => return false,
        }
    }
}

/// Whether a quoted tag is ours, plain or with the encoding behind it.
fn stands_for(given: &str, tag: &str) -> bool {
    let inner = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let behind = inner.and_then(|inner| inner.strip_prefix(tag));
    behind.is_some_and(|behind| behind.is_empty() || behind.strip_prefix('-') == Some(ENCODING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_very_many_tags_is_read() {
        assert!(are_tags("\"a\",".repeat(200_000).as_bytes().strip_suffix(b",").unwrap()));
    }

    #[test]
    fn a_write_that_wants_another_state_than_there_is_is_not_done() {
        for (condition, is_met) in [("*", false), ("\"abc\"", false), ("W/\"abc\"", false), ("\"x\"", true)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static("\"abc\""));
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(condition));
            assert_eq!(if_match_tag(&headers, "a", "abc", 1).is_ok(), is_met, "{condition}");
        }
    }

    #[test]
    fn a_condition_that_holds_no_entity_tags_is_refused_and_not_stale() {
        let answer = |condition: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(condition));
            if_match_tag(&headers, "a", "abc", 1).map_err(|error| error.status())
        };
        for met in ["*", "\"abc\"", "\"x\" , \"abc\"", "\"a,b\",\"abc-gzip\""] {
            assert!(answer(met).is_ok(), "{met}");
        }
        for stale in ["\"\"", "\"x\"", "W/\"abc\"", "\"x\",W/\"y\"", "\"*\""] {
            assert_eq!(answer(stale).unwrap_err(), StatusCode::PRECONDITION_FAILED, "{stale}");
        }
        for wrong in [
            "",
            "abc",
            "uW@",
            "\"abc",
            "abc\"",
            "\"a\" \"abc\"",
            "*, \"abc\"",
            "\"abc\",",
            "w/\"abc\"",
            "\"a b\"",
        ] {
            assert_eq!(answer(wrong).unwrap_err(), StatusCode::BAD_REQUEST, "{wrong}");
        }
    }

    #[test]
    fn a_tag_is_known_again_with_its_encoding_and_no_other_is() {
        for known in ["\"abc\"", "\"abc-gzip\""] {
            assert!(stands_for(known, "abc"), "{known}");
        }
        for other in ["abc", "\"ab\"", "\"abcd\"", "\"abc-br\"", "\"abc-unseen\"", "W/\"abc\"", "\""] {
            assert!(!stands_for(other, "abc"), "{other}");
        }
    }
}
