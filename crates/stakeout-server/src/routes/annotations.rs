//! What annotations take beyond the standard's changes.

use axum::{extract::State, http::HeaderMap, response::Response};
use record::{AnnotationId, Collection};

use super::features;
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    etag,
    guard::Who,
    parameters::Parameters,
    path::Path,
};

/// Brings back what an earlier revision said, as a new revision.
pub(crate) async fn restore(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let given = sent.value()?;
    if !given.is_object() {
        return Err(ApiError::body("the body is no object with a revision".to_owned()));
    }
    body::only(&given, "", &["revision"])?;
    // the store counts in i64
    let revision =
        given["revision"].as_i64().and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
            ApiError::parameter(
                "revision",
                &given["revision"].to_string(),
                "the number of an earlier revision",
            )
        })?;
    let item = app
        .blocking(move |app| {
            let item = app.store.item_ever_seen_by(actor.reader(), Collection::Annotations, &id)?;
            let if_match = etag::based_on(app, &headers, Collection::Annotations, &item)?;
            let annotation = app.store.restore_annotation(&actor, &AnnotationId(id), if_match, revision)?;
            features::tell(app, &actor, &annotation);
            Ok(features::item_of(&annotation))
        })
        .await?;
    Ok(features::written(item))
}
