//! Reviews of candidates.

use axum::{extract::State, http::HeaderMap, response::Response};
use record::{CandidateId, Collection, NewReview, ReviewId, ReviewOutcome, Seen, geojson};
use serde_json::{Value, json};

use super::{created, json as answer};
use crate::{
    ApiError, App, body::JsonBody, etag, guard::Who, links::Base, parameters::Parameters, path::Path,
};

/// Largest description of what the reviewer saw, bytes.
const SEEN_BYTES_MAX: usize = 16 << 10;

pub(crate) async fn add(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    base: Base,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let review = new_review(&sent.value()?)?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let outcome = app
        .blocking(move |app| {
            let item = app.store.item(Collection::Candidates, &id)?;
            // a repeated request carries the ETag of before its first try; its key says that it is the same
            let if_match = match (etag::if_match(&headers, &item), &key) {
                (Err(_), Some(_)) if headers.contains_key("if-match") => record::IfMatch::Revision(0),
                (result, _) => result?,
            };
            Ok(app.store.add_review(&actor, &CandidateId(id), if_match, review, key.as_deref())?)
        })
        .await?;
    tell(&app, &outcome);
    let location = base.to(&format!("/api/candidates/{}/reviews", outcome.review.candidate));
    Ok(created(&location, answer(&described(&outcome))))
}

fn new_review(value: &Value) -> Result<NewReview, ApiError> {
    let word = |name: &'static str, wanted: &'static str| {
        let given = &value[name];
        move |_| ApiError::parameter(name, &given.to_string(), wanted)
    };
    let verdict = serde_json::from_value(value["verdict"].clone())
        .map_err(word("verdict", "confirm, reject, unsure or bad-imagery"))?;
    let confidence = serde_json::from_value(value["confidence"].clone())
        .map_err(word("confidence", "low, moderate or high"))?;
    let seen: Seen = match &value["seen"] {
        Value::Null => Seen::default(),
        seen if seen.to_string().len() > SEEN_BYTES_MAX => {
            return Err(ApiError::parameter("seen", "longer", &format!("at most {SEEN_BYTES_MAX} bytes")));
        }
        seen => {
            serde_json::from_value(seen.clone()).map_err(word("seen", "an object with before and after"))?
        }
    };
    let text = |name: &str, characters_max: usize| geojson::optional_text(name, &value[name], characters_max);
    let geometry = match &value["geometry"] {
        Value::Null => None,
        geometry => Some(geojson::read_polygon(geometry)?),
    };
    Ok(NewReview {
        verdict,
        structure_type: text("structure_type", geojson::NAME_CHARACTERS_MAX)?,
        confidence,
        title: text("title", geojson::NAME_CHARACTERS_MAX)?,
        note: text("note", geojson::NOTE_CHARACTERS_MAX)?,
        geometry,
        seen,
    })
}

pub(crate) async fn list(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let reviews = app.blocking(move |app| Ok(app.store.reviews(&CandidateId(id))?)).await?;
    Ok(answer(&json!({"reviews": reviews})))
}

pub(crate) async fn undo(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
) -> Result<Response, ApiError> {
    let outcome = app.blocking(move |app| Ok(app.store.undo_review(&actor, &ReviewId(id))?)).await?;
    tell(&app, &outcome);
    Ok(answer(&described(&outcome)))
}

fn tell(app: &App, outcome: &ReviewOutcome) {
    app.notify("candidate", json!({"id": outcome.review.candidate, "state": outcome.state}));
    if let Some(annotation) = &outcome.annotation {
        app.notify("annotation", json!({"id": annotation.id}));
    }
}

fn described(outcome: &ReviewOutcome) -> Value {
    json!({
        "review": outcome.review,
        "state": outcome.state,
        "annotation": outcome.annotation.as_ref().map(geojson::annotation_feature),
    })
}
