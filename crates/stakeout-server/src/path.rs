//! Parts of an address, refused as every other error is.

use axum::{
    extract::{FromRequestParts, Path as AxumPath},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::ApiError;

/// The variable parts of an address: text, or numbers where the address says so.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, ApiError> {
        match AxumPath::from_request_parts(parts, state).await {
            Ok(AxumPath(values)) => Ok(Path(values)),
            Err(refusal) => {
                let cause = refusal.body_text();
                Err(ApiError::not_found(format!("there is nothing at this address: {cause}")))
            }
        }
    }
}
