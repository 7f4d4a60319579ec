//! JSON bodies of requests, within their limit.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde_json::Value;

use crate::{ApiError, App};

/// The bytes of a body that should be JSON.
pub(crate) struct JsonBody(Bytes);

impl JsonBody {
    #[cfg(test)]
    pub(crate) fn of(text: &'static str) -> JsonBody {
        JsonBody(Bytes::from_static(text.as_bytes()))
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
        let bytes_max = app.config.body_bytes_max;
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced: Option<u64> = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        // told before it is read
        if announced.is_some_and(|length| length > bytes_max as u64) {
            return Err(too_large(bytes_max));
        }
        let bytes = Bytes::from_request(request, app).await.map_err(|refusal| match refusal.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(bytes_max),
            _ => ApiError::body(format!("the body did not come whole: {}", refusal.body_text())),
        })?;
        Ok(JsonBody(bytes))
    }
}

fn too_large(bytes_max: usize) -> ApiError {
    let detail = format!("a JSON body may have {bytes_max} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
}
