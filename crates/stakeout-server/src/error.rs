//! Every error as RFC 9457 `application/problem+json` with a stable type.

use std::io::ErrorKind;

use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use raster_io::RasterError;
use record::{RecordError, geojson::GeoJsonError};
use serde_json::{Value, json};

use crate::detection::DetectionError;

/// Kind of [`ApiError::missing_parameter`].
pub(crate) const MISSING_PARAMETER: &str = "missing-parameter";

/// Kind of an error where no more jobs are taken.
const FULL: &str = "full";
/// Bytes of a wrong value that are told.
const VALUE_BYTES_TOLD: usize = 200;

/// When to come back after that, seconds: a comparison takes about as long.
const FULL_RETRY_S: HeaderValue = HeaderValue::from_static("60");

/// Kind of an error for a client that knows other versions of a protocol only.
pub(crate) const OTHER_VERSIONS: &str = "other-versions";

/// What a client is told when something is refused or fails.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    /// The problem's type, or the last part of one of our own; stable.
    kind: &'static str,
    title: &'static str,
    detail: String,
    /// Parameter, header or member at fault.
    parameter: Option<String>,
    /// Who was first, and when, where the client came second; boxed, since errors travel in many results.
    first: Option<Box<(String, record::Timestamp)>>,
    /// Methods that the address takes, where it was asked with another.
    allowed: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: String,
    ) -> ApiError {
        ApiError { status, kind, title, detail, parameter: None, first: None, allowed: None }
    }

    /// A parameter with a wrong value.
    pub(crate) fn parameter(name: &str, got: &str, wanted: &str) -> ApiError {
        ApiError::wrong_parameter(name, format!("{name} is {got:?} but must be {wanted}"))
    }

    /// The same for a value of a JSON body.
    pub(crate) fn value(name: &str, got: &Value, wanted: &str) -> ApiError {
        let mut got = got.to_string();
        if got.len() > VALUE_BYTES_TOLD {
            got.truncate(got.floor_char_boundary(VALUE_BYTES_TOLD));
            got.push('…');
        }
        ApiError::wrong_parameter(name, format!("{name} is {got} but must be {wanted}"))
    }

    /// The same in words of its own.
    pub(crate) fn wrong_parameter(name: &str, detail: String) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid-parameter", "A parameter has a wrong value", detail)
            .at(name)
    }

    /// A parameter that a request cannot do without.
    pub(crate) fn missing_parameter(name: &str, with: &str) -> ApiError {
        let detail = format!("{name} is not given but must be with {with}");
        ApiError::new(StatusCode::BAD_REQUEST, MISSING_PARAMETER, "A parameter is missing", detail).at(name)
    }

    /// A parameter that is not known here.
    pub(crate) fn unknown_parameter(name: &str, known: &[&str]) -> ApiError {
        let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let detail = format!("{name} is not a parameter of this resource; it has {has}");
        ApiError::new(StatusCode::BAD_REQUEST, "unknown-parameter", "A parameter is not known", detail)
            .at(name)
    }

    /// A fault with a thing that a request names beside its address: one that is not there is a wrong value.
    pub(crate) fn of_reference(error: RecordError, parameter: &str) -> ApiError {
        match error {
            RecordError::NotFound { .. } => ApiError::wrong_parameter(parameter, error.to_string()),
            other => other.into(),
        }
    }

    /// A body that cannot be taken.
    pub(crate) fn body(detail: String) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid-body", "The body cannot be taken", detail)
    }

    /// An address that does not take a method.
    pub(crate) fn method(method: &Method) -> ApiError {
        let detail =
            format!("this address does not take {method}; OPTIONS or /openapi.json say what it takes");
        ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not allowed",
            detail,
        )
    }

    /// More than is done or held at a time: it may be asked for again in a while.
    pub(crate) fn busy(detail: String) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, FULL, "Too much at a time", detail)
    }

    pub(crate) fn not_found(detail: String) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    pub(crate) fn at(mut self, parameter: &str) -> ApiError {
        self.parameter = Some(parameter.to_owned());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem's type, or the last part of one of our own.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// What is at fault, where that has a name.
    pub(crate) fn at_fault(&self) -> Option<&str> {
        self.parameter.as_deref()
    }

    /// Says which methods the address takes.
    pub(crate) fn allowing(mut self, methods: &'static str) -> ApiError {
        self.allowed = Some(methods);
        self
    }

    /// Whether the client's change was based on a state that is gone.
    pub(crate) fn is_stale(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    /// Says who was first, and when.
    pub(crate) fn by(mut self, who: &str, when: record::Timestamp) -> ApiError {
        self.detail = format!("{who} was first, at {when}: {}", self.detail);
        self.first = Some(Box::new((who.to_owned(), when)));
        self
    }

    /// Says `name` where the detail names a path of this machine.
    pub(crate) fn naming(mut self, path: &std::path::Path, name: &str) -> ApiError {
        self.detail = naming(&self.detail, path, name);
        self
    }

    /// An image that cannot be taken.
    pub(crate) fn image(error: &RasterError) -> ApiError {
        match error {
            RasterError::Write { source, .. } => {
                return ApiError::unwritten(source, "nothing is kept of the image");
            }
            RasterError::Worker { .. } => return ApiError::internal(error),
            _ => {}
        }
        let title = "The image cannot be taken";
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-image", title, causes(error))
    }

    /// Something broke here; the cause is logged, not told.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> ApiError {
        tracing::error!(error = %causes(error), "a request failed");
        let detail = "the server failed; its log says why".to_owned();
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
    }

    /// Something could not be written: a full disk is told with what became of what had come, all else is logged.
    pub(crate) fn unwritten(error: &std::io::Error, became: &str) -> ApiError {
        if !is_full(error) {
            return ApiError::internal(error);
        }
        ApiError::disk_full(became)
    }

    fn disk_full(became: &str) -> ApiError {
        tracing::error!("the disk is full; {became}");
        let detail = format!("the disk of the server is full; {became}");
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full", detail)
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

/// A text that says `name` where it names a path of this machine.
pub(crate) fn naming(text: &str, path: &std::path::Path, name: &str) -> String {
    text.replace(&*path.to_string_lossy(), name)
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// An error with all that caused it, on one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let is_of_a_standard = self.kind.starts_with("http:");
        let mut problem = json!({
            "type": if is_of_a_standard { self.kind.to_owned() } else { format!("/problems/{}", self.kind) },
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(parameter) = self.parameter {
            problem["parameter"] = json!(parameter);
        }
        if let Some(first) = self.first {
            problem["by"] = json!(first.0);
            problem["at"] = json!(first.1);
        }
        let media_type = HeaderValue::from_static("application/problem+json");
        let mut response =
            (self.status, [(header::CONTENT_TYPE, media_type)], problem.to_string()).into_response();
        if let Some(methods) = self.allowed {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if self.kind == FULL {
            response.headers_mut().insert(header::RETRY_AFTER, FULL_RETRY_S);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750: a client that showed a token is told that it was the token
            let challenge = match self.kind {
                "invalid-token" => r#"Bearer realm="stakeout", error="invalid_token""#,
                _ => r#"Bearer realm="stakeout""#,
            };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> ApiError {
        let detail = error.to_string();
        match error {
            RecordError::NotFound { .. } => ApiError::not_found(detail),
            RecordError::Exists { .. } => {
                ApiError::new(StatusCode::CONFLICT, "exists", "It exists already", detail).at("id")
            }
            RecordError::Stale { .. } => ApiError::new(
                StatusCode::PRECONDITION_FAILED,
                "stale",
                "Somebody changed it in between",
                detail,
            )
            .at("If-Match"),
            RecordError::Invalid { field, .. } => {
                ApiError::new(StatusCode::BAD_REQUEST, "invalid-value", "A value cannot be taken", detail)
                    .at(field)
            }
            RecordError::Filter(_) => {
                ApiError::new(StatusCode::BAD_REQUEST, "invalid-filter", "The filter cannot be taken", detail)
                    .at("filter")
            }
            RecordError::Conflict { .. } => {
                ApiError::new(StatusCode::CONFLICT, "conflict", "Its state does not allow that", detail)
            }
            RecordError::Full { .. } => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, FULL, "No more jobs are taken now", detail)
            }
            RecordError::Forbidden { .. } => {
                ApiError::new(StatusCode::FORBIDDEN, "forbidden", "The role does not allow that", detail)
            }
            RecordError::TooSlow { .. } => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "The request took too long", detail)
            }
            RecordError::GeoJson(fault) => {
                let title = "The GeoJSON cannot be taken";
                ApiError::new(StatusCode::BAD_REQUEST, "invalid-geojson", title, detail).at(member_of(&fault))
            }
            RecordError::Io { source, .. } if is_full(&source) => {
                ApiError::unwritten(&source, "nothing of the request is kept")
            }
            RecordError::DiskFull => ApiError::disk_full("nothing of the request is kept"),
            other => ApiError::internal(&other),
        }
    }
}

/// The member at fault; what is wrong with rings and positions is wrong with the geometry.
fn member_of(fault: &GeoJsonError) -> &str {
    match fault {
        GeoJsonError::Malformed { member, .. } | GeoJsonError::Member { member, .. } => member,
        _ => "geometry",
    }
}

impl From<GeoJsonError> for ApiError {
    fn from(error: GeoJsonError) -> ApiError {
        RecordError::from(error).into()
    }
}

/// What goes wrong with our own files is no fault of who asks; what is wrong with one that is sent is told by
/// [`ApiError::image`].
impl From<RasterError> for ApiError {
    fn from(error: RasterError) -> ApiError {
        match error {
            RasterError::Crs { .. } => ApiError::image(&error),
            other => ApiError::internal(&other),
        }
    }
}

impl From<DetectionError> for ApiError {
    fn from(error: DetectionError) -> ApiError {
        let detail = causes(&error);
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "detection-failed", "The detection failed", detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_here_is_no_fault_of_who_asks() {
        let sha256 = record::Sha256Hex::of(b"evidence");
        let source = GeoJsonError::Malformed { member: "geometry".to_owned(), cause: "it is cut".to_owned() };
        let id = "018f".to_owned();
        for broken in [
            RecordError::BlobMissing { sha256 },
            RecordError::StoredFeature { what: "candidate", id, source },
        ] {
            assert_eq!(ApiError::from(broken).status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
    #[test]
    fn a_full_disk_of_the_database_is_told_as_one_of_files_is() {
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let of_files = RecordError::Io { path: "blobs".into(), action: "written", source: full };
        let [database, files] = [RecordError::DiskFull, of_files].map(ApiError::from);
        assert_eq!(database.status(), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!((files.status(), files.detail()), (database.status(), database.detail()));
    }
    #[test]
    fn who_meets_a_full_queue_is_told_when_to_come_back() {
        let told = ApiError::from(RecordError::Full { what: "wait", jobs_max: 1_000 }).into_response();
        assert_eq!(
            (told.status(), &told.headers()[header::RETRY_AFTER]),
            (StatusCode::SERVICE_UNAVAILABLE, &FULL_RETRY_S)
        );
    }
}
