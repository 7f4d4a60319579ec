//! Reviews of candidates.

use axum::{extract::State, http::HeaderMap, response::Response};
use record::{
    Actor, AnnotationStatus, CandidateId, Change, Collection, ComparisonId, Drawing, NewReview, QueueEntry,
    ReviewId, ReviewOutcome, Seen, SiteId, Verdict, geojson,
};
use serde_json::{Value, json};

use super::{created, geojson as geojson_answer, json as answer};
use crate::{
    ApiError, App,
    body::{self, JsonBody},
    etag,
    guard::Who,
    links::Base,
    parameters::{NoParameters, Parameters},
    path::Path,
};

/// Largest description of what the reviewer saw, bytes.
const SEEN_BYTES_MAX: usize = 16 << 10;
/// Name of the header with the key of a request that may be repeated.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// Members of a review.
const REVIEW: [&str; 7] = ["verdict", "structure_type", "confidence", "title", "note", "geometry", "seen"];
/// Members of a drawing.
const DRAWING: [&str; 7] = ["geometry", "change", "structure_type", "confidence", "title", "note", "seen"];

pub(crate) async fn add(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    base: Base,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let (candidate, described) = app
        .blocking(move |app| {
            let review = new_review(&sent.value()?)?;
            let outcome = recorded(app, &actor, &id, &headers, review)?;
            tell(app, &outcome, None);
            let described = described(app, &actor, &outcome)?;
            Ok((outcome.review.candidate, described))
        })
        .await?;
    Ok(created(&base.to(&format!("/api/candidates/{candidate}/reviews")), answer(&described)))
}

fn recorded(
    app: &App,
    actor: &Actor,
    id: &str,
    headers: &HeaderMap,
    review: NewReview,
) -> Result<ReviewOutcome, ApiError> {
    let key = idempotency_key(headers)?;
    etag::must_say(headers, id)?;
    // a repeated request carries the ETag of before its first try; its key says that it is the same
    let candidate = CandidateId(id.to_owned());
    let answered = |key| app.store.answered_review(actor, &candidate, key);
    if let Some(done) = key.map(answered).transpose()?.flatten() {
        return Ok(done);
    }
    let item = app.store.item_seen_by(actor.reader(), Collection::Candidates, id)?;
    let if_match = etag::based_on(app, headers, Collection::Candidates, &item)?;
    app.store
        .add_review(actor, &candidate, if_match, review, key)
        .map_err(|error| etag::naming_who(app, Collection::Candidates, id, error.into()))
}

/// The key by which a repeated request is known, if it has one. A key that cannot be kept is refused: what it came with
/// would be written twice.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (keys.next().map(|key| key.to_str()).transpose(), keys.next()) {
        (Ok(key), None) => Ok(key),
        _ => {
            let given: Vec<_> = headers.get_all(IDEMPOTENCY_KEY).iter().collect();
            let detail = format!("{IDEMPOTENCY_KEY} is {given:?} but must be one text of visible ASCII");
            Err(ApiError::wrong_parameter(IDEMPOTENCY_KEY, detail))
        }
    }
}

/// A structure that a person drew and no detector found: a candidate that who drew it confirms.
pub(crate) async fn draw(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
    base: Base,
    headers: HeaderMap,
    sent: JsonBody,
) -> Result<Response, ApiError> {
    let comparison = ComparisonId(id);
    let (candidate, described) = app
        .blocking(move |app| {
            let drawing = new_drawing(comparison.clone(), &sent.value()?)?;
            let outcome = app.store.draw_candidate(&actor, drawing, idempotency_key(&headers)?)?;
            tell(app, &outcome, Some(&comparison));
            let described = described(app, &actor, &outcome)?;
            Ok((outcome.review.candidate, described))
        })
        .await?;
    Ok(created(&base.to(&format!("/ogc/collections/candidates/items/{candidate}")), answer(&described)))
}

fn new_drawing(comparison: ComparisonId, value: &Value) -> Result<Drawing, ApiError> {
    let change = match &value["change"] {
        Value::Null => Change::New,
        given => serde_json::from_value(given.clone())
            .map_err(|_| ApiError::value("change", given, "new, removed or altered"))?,
    };
    if !value["verdict"].is_null() {
        let detail = "left out: who draws a structure says that it is there";
        return Err(ApiError::value("verdict", &value["verdict"], detail));
    }
    body::only(value, "", &DRAWING)?;
    let outline = geojson::read_polygon(&value["geometry"])?;
    Ok(Drawing { comparison, outline, change, said: said(value, Verdict::Confirm)? })
}

fn new_review(value: &Value) -> Result<NewReview, ApiError> {
    body::only(value, "", &REVIEW)?;
    let verdict = serde_json::from_value(value["verdict"].clone()).map_err(|_| {
        ApiError::parameter(
            "verdict",
            &value["verdict"].to_string(),
            "confirm, reject, unsure or bad-imagery",
        )
    })?;
    let geometry = match &value["geometry"] {
        Value::Null => None,
        geometry => Some(geojson::read_polygon(geometry)?),
    };
    Ok(NewReview { geometry, ..said(value, verdict)? })
}

/// What is said beside a verdict; without an outline.
fn said(value: &Value, verdict: Verdict) -> Result<NewReview, ApiError> {
    let word = |name: &'static str, wanted: &'static str| {
        let given = &value[name];
        move |_| ApiError::value(name, given, wanted)
    };
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
    Ok(NewReview {
        verdict,
        structure_type: text("structure_type", geojson::NAME_CHARACTERS_MAX)?,
        confidence,
        title: text("title", geojson::NAME_CHARACTERS_MAX)?,
        note: text("note", geojson::NOTE_CHARACTERS_MAX)?,
        geometry: None,
        seen,
    })
}

/// Reviews of a candidate; who has yet to give theirs is told whose are held back, and not what they say.
pub(crate) async fn list(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&[])?;
    let seen = app.blocking(move |app| Ok(app.store.reviews(actor.reader(), &CandidateId(id))?)).await?;
    Ok(answer(&json!({"reviews": seen.reviews, "hidden": seen.hidden})))
}

/// A comparison's candidates as the one who asks goes through them.
pub(crate) async fn queue(
    State(app): State<App>,
    Who(actor): Who,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&["comparison"])?;
    let id = parameters
        .get("comparison")
        .ok_or_else(|| ApiError::parameter("comparison", "", "the id of a comparison"))?;
    let id = ComparisonId(id.to_owned());
    app.blocking(move |app| {
        let unknown = |error| ApiError::of_reference(error, "comparison");
        let comparison = app.store.comparison(&id).map_err(unknown)?;
        let queue = app.store.queue(actor.reader(), &id)?;
        Ok(geojson_answer(&json!({
            "type": "FeatureCollection",
            "fit": comparison.fit,
            "detector": comparison.detector,
            "cautions": comparison.cautions,
            "features": queue.entries.iter().map(queued).collect::<Vec<_>>(),
            "standing": queue.standing,
        })))
    })
    .await
}

/// A candidate with what changes about it with its reviews, as the reader may know it.
fn queued(entry: &QueueEntry) -> Value {
    let mut feature = entry.item.value();
    for (name, value) in standing(entry) {
        feature[name] = value;
    }
    feature
}

/// What changes about a candidate with its reviews, as the reader may know it.
fn standing(entry: &QueueEntry) -> [(&'static str, Value); 4] {
    let outline =
        entry.outline.as_deref().map(|text| serde_json::from_str(text).expect("stored features are JSON"));
    [
        ("etag", json!(etag::quoted(&entry.item.sha256))),
        ("look", json!(entry.look)),
        ("annotation", json!(entry.annotation)),
        ("outline", outline.unwrap_or(Value::Null)),
    ]
}

/// How far people agree who looked independently.
pub(crate) async fn agreement(State(app): State<App>, parameters: Parameters) -> Result<Response, ApiError> {
    parameters.only(&["site"])?;
    let site = parameters.get("site").map(|site| SiteId(site.to_owned()));
    let unknown = |error| ApiError::of_reference(error, "site");
    let agreement = app.blocking(move |app| app.store.agreement(site.as_ref()).map_err(unknown)).await?;
    Ok(answer(&json!(agreement)))
}

/// Takes no `If-Match`: a review never changes, its id says all that it is based on, and the second time is 409.
pub(crate) async fn undo(
    State(app): State<App>,
    Path(id): Path<String>,
    Who(actor): Who,
    _: NoParameters,
) -> Result<Response, ApiError> {
    let described = app
        .blocking(move |app| {
            let outcome = app.store.undo_review(&actor, &ReviewId(id))?;
            tell(app, &outcome, None);
            described(app, &actor, &outcome)
        })
        .await?;
    Ok(answer(&described))
}

/// Tells that somebody spoke, and not what they said: a second person may be yet to look.
fn tell(app: &App, outcome: &ReviewOutcome, drawn_in: Option<&ComparisonId>) {
    let mut told = json!({"id": outcome.review.candidate, "by": outcome.review.actor});
    // a candidate that is new to others is told with its comparison, so that they look for it
    if let Some(comparison) = drawn_in {
        told["comparison"] = json!(comparison);
    }
    app.notify("candidate", told);
    let settled = |annotation: &&record::Annotation| annotation.status != AnnotationStatus::Draft;
    if let Some(annotation) = outcome.annotation.as_ref().filter(settled) {
        app.notify("annotation", json!({"id": annotation.id}));
    }
}

/// What a review did, and how its candidate stands now for the one who gave it.
fn described(app: &App, actor: &Actor, outcome: &ReviewOutcome) -> Result<Value, ApiError> {
    let entry = app.store.queue_entry(actor.reader(), &outcome.review.candidate)?;
    let state = &entry.item.value()["properties"]["state"];
    // what a second person alone has said since stays hidden, in the answer to a repeated request too
    let annotation = outcome.annotation.as_ref().filter(|_| entry.annotation.is_some());
    let mut candidate = json!({"state": state});
    for (name, value) in standing(&entry) {
        candidate[name] = value;
    }
    Ok(json!({
        "review": outcome.review,
        "state": state,
        "annotation": annotation.map(geojson::annotation_feature),
        "candidate": candidate,
    }))
}
