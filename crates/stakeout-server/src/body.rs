//! JSON bodies of requests, within their limit.

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use futures_util::StreamExt;
use serde_json::Value;

use crate::{ApiError, App, error::causes};

/// The bytes of a body that should be JSON.
pub(crate) struct JsonBody(Vec<u8>);

impl JsonBody {
    #[cfg(test)]
    pub(crate) fn of(text: &'static str) -> JsonBody {
        JsonBody(text.as_bytes().to_vec())
    }

    /// The JSON, once the request is otherwise one that can be answered.
    ///
    /// # Errors
    /// 400 where the bytes are no JSON.
    pub(crate) fn value(&self) -> Result<Value, ApiError> {
        read(&self.0)
    }
}

/// Reads JSON that came as bytes.
///
/// # Errors
/// 400 where the bytes are no JSON.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::body(format!("the body is no JSON: {error}")))
}

/// Refuses members that are not among `known`: what is dropped in silence is lost. `within` is what stands before their
/// names, such as `inputs.`.
///
/// # Errors
/// 400 with the first such member.
pub(crate) fn only(value: &Value, within: &str, known: &[&str]) -> Result<(), ApiError> {
    let unknown = value.as_object().into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |(name, _)| Err(ApiError::unknown_parameter(&format!("{within}{name}"), known)))
}

/// Asks that a body says what it is, and is one of these media types.
///
/// # Errors
/// 400 without `Content-Type`, as OGC API Features Part 4 wants; 415 with another.
pub(crate) fn must_be(headers: &HeaderMap, media_types: &[&str]) -> Result<(), ApiError> {
    let wanted = media_types.join(", ");
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Err(ApiError::parameter("Content-Type", "", &format!("one of {wanted}")));
    };
    let given = given.to_str().unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if media_types.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    let detail = format!("the body came as {given:?} but is taken as {wanted}");
    let title = "The media type is not taken";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", title, detail).at("Content-Type"))
}

impl FromRequest<App> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<JsonBody, ApiError> {
        within(request, app.config.body_bytes_max).await.map(JsonBody)
    }
}

/// The bytes of a body that may have so many.
///
/// # Errors
/// 413 where it has more, 400 where it does not come whole.
pub(crate) async fn within(request: Request, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced: Option<u64> = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    // told before it is read
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large("a JSON body", bytes_max));
    }
    let mut pieces = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|error| ApiError::body(format!("the body did not come whole: {}", causes(&error))))?;
        if bytes.len() + piece.len() > bytes_max {
            return Err(too_large("a JSON body", bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Refuses what has more bytes than it may have.
pub(crate) fn too_large(what: &str, bytes_max: usize) -> ApiError {
    let detail = format!("{what} may have {bytes_max} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[tokio::test]
    async fn a_body_of_unknown_length_is_read_up_to_its_limit() {
        let sent = |pieces: &'static [&str]| {
            let pieces = pieces.iter().map(|piece| Ok::<_, std::io::Error>(*piece));
            Request::new(Body::from_stream(futures_util::stream::iter(pieces)))
        };
        assert_eq!(within(sent(&["[1,", "2]"]), 5).await.unwrap(), b"[1,2]");
        let refused = within(sent(&["[1,", "2,3]"]), 5).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused.detail(), "a JSON body may have 5 bytes");
    }
}
