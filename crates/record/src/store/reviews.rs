//! Reviews: a verdict, the state it gives the candidate, and the annotation it makes, in one transaction.

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::{
    Store, Writing, annotations, comparisons,
    items::{self, Collection, IfMatch},
    read_document, read_documents, scenes, sight,
    writer::Transaction,
};
use crate::{
    annotation::{Annotation, AnnotationStatus, SourceImage},
    candidate::Candidate,
    error::RecordError,
    events::{Actor, Role},
    geojson,
    id::{AnnotationId, CandidateId, ReviewId},
    review::{self, NewReview, Review, ReviewOutcome, Verdict},
};

/// Reviews of a candidate as somebody may see them.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenReviews {
    /// Oldest first, undone ones among them.
    pub reviews: Vec<Review>,
    /// Whose reviews are held back until the reader has given their own.
    pub hidden: Option<String>,
}

/// Most reviews of a candidate, undone ones among them: all are read at each new one.
const REVIEWS_MAX: usize = 1_000;
/// Most of them by one person, so that nobody alone keeps others from speaking.
const REVIEWS_OF_ONE_MAX: usize = 100;
/// Longest idempotency key in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 200;

impl Store {
    /// Records a review of a candidate; a confirmation makes or strengthens its annotation.
    ///
    /// With an `idempotency_key` that the same actor has used before, nothing is written: the review of then is told
    /// again, with what stands of its candidate now.
    ///
    /// # Errors
    /// When the candidate is not there or at another revision, the structure type is not in the
    /// taxonomy, the key was used for another candidate, there are too many reviews, or the role is less than analyst.
    pub fn add_review(
        &self,
        actor: &Actor,
        candidate: &CandidateId,
        if_match: IfMatch,
        new: NewReview,
        idempotency_key: Option<&str>,
    ) -> Result<ReviewOutcome, RecordError> {
        actor.must_be(Role::Analyst, "reviewing a candidate")?;
        self.write(|transaction| {
            if let Some(done) = answered_of(transaction, actor, candidate, idempotency_key)? {
                return outcome(transaction, done);
            }
            let writing = Writing::begin(transaction, actor);
            let item = items::stored(transaction, Collection::Candidates, candidate.as_str())?;
            items::must_match(Collection::Candidates, &item, if_match)?;
            spoken(&writing, &item, &new, idempotency_key)
        })
    }

    /// Takes a review back: the candidate and its annotation stand as if it had not been made.
    ///
    /// # Errors
    /// When it is not there, taken back already, or somebody else's and the role is less than reviewer.
    pub fn undo_review(&self, actor: &Actor, id: &ReviewId) -> Result<ReviewOutcome, RecordError> {
        actor.must_be(Role::Analyst, "undoing a review")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let mut review = review_of_id(transaction, id)?;
            if review.actor != actor.name {
                actor.must_be(Role::Reviewer, "undoing another person's review")?;
            }
            if review.undone {
                return Err(RecordError::Conflict {
                    what: "review",
                    id: id.to_string(),
                    state: "undone already".to_owned(),
                    change: "undoing it",
                });
            }
            taken_back(&writing, &mut review)
        })
    }

    /// A review of a candidate that the same actor has sent under this key before, with what stands of the candidate
    /// now.
    ///
    /// # Errors
    /// When the key is empty or too long, or was used for another candidate.
    pub fn answered_review(
        &self,
        actor: &Actor,
        candidate: &CandidateId,
        key: &str,
    ) -> Result<Option<ReviewOutcome>, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        let done = answered_of(&snapshot, actor, candidate, Some(key))?;
        done.map(|done| outcome(&snapshot, done)).transpose()
    }

    /// Reviews of a candidate as a person may see them ([`Actor::reader`]): what somebody else has said
    /// alone is held back.
    ///
    /// # Errors
    /// When the candidate is not there.
    pub fn reviews(&self, reader: Option<&str>, candidate: &CandidateId) -> Result<SeenReviews, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        items::stored(&snapshot, Collection::Candidates, candidate.as_str())?;
        let hidden = sight::hidden_by(&snapshot, reader, Collection::Candidates, candidate.as_str())?;
        let mut reviews = reviews_of(&snapshot, candidate)?;
        if hidden.is_some() {
            reviews.retain(|review| Some(review.actor.as_str()) == reader);
        }
        Ok(SeenReviews { reviews, hidden })
    }
}

/// Records what somebody says of a candidate, and what becomes of it.
pub(super) fn spoken(
    writing: &Writing<'_>,
    item: &items::Item,
    new: &NewReview,
    idempotency_key: Option<&str>,
) -> Result<ReviewOutcome, RecordError> {
    must_be_structure_type(writing.transaction, new.structure_type.as_deref())?;
    let candidate = CandidateId(item.id.clone());
    let earlier = reviews_of(writing.transaction, &candidate)?;
    let own = earlier.iter().filter(|review| review.actor == writing.actor.name).count();
    if own >= REVIEWS_OF_ONE_MAX || earlier.len() >= REVIEWS_MAX {
        return Err(RecordError::Conflict {
            what: "candidate",
            id: item.id.clone(),
            state: format!(
                "reviewed {own} times by {} and {} times in all",
                writing.actor.name,
                earlier.len()
            ),
            change: "another review",
        });
    }
    let review = Review {
        independent: review::is_independent(&earlier, &writing.actor.name),
        ..recorded(writing, &candidate, new)
    };
    insert(writing, &review)?;
    if let Some(key) = idempotency_key {
        writing
            .transaction
            .prepare_cached("INSERT INTO answered (key, actor, review) VALUES (?1, ?2, ?3)")?
            .execute((key, &writing.actor.name, review.id.as_str()))?;
    }
    settle(writing, item, Some(&review), "review.added", &review)
}

/// Takes a review back that stands, and settles what becomes of its candidate.
fn taken_back(writing: &Writing<'_>, review: &mut Review) -> Result<ReviewOutcome, RecordError> {
    review.undone = true;
    writing
        .transaction
        .prepare_cached("UPDATE review SET undone = 1, document = ?2 WHERE id = ?1")?
        .execute((review.id.as_str(), document(review)))?;
    let item = items::stored(writing.transaction, Collection::Candidates, review.candidate.as_str())?;
    settle(writing, &item, None, "review.undone", review)
}

/// Takes back what the actor alone has said for a structure that a person drew: it is not there any more. Says whether
/// there was such a thing.
pub(super) fn own_drawing_taken_back(
    writing: &Writing<'_>,
    candidate: &CandidateId,
) -> Result<bool, RecordError> {
    let item = items::stored(writing.transaction, Collection::Candidates, candidate.as_str())?;
    let mut standing = reviews_of(writing.transaction, candidate)?;
    standing.retain(|review| !review.undone);
    let is_own = standing.iter().all(|review| review.actor == writing.actor.name);
    if !is_own || !item.candidate()?.is_drawn() {
        return Ok(false);
    }
    for review in &mut standing {
        taken_back(writing, review)?;
    }
    Ok(true)
}

fn recorded(writing: &Writing<'_>, candidate: &CandidateId, new: &NewReview) -> Review {
    Review {
        id: ReviewId::random(),
        candidate: candidate.clone(),
        actor: writing.actor.name.clone(),
        role: writing.actor.role,
        verdict: new.verdict,
        structure_type: new.structure_type.clone(),
        confidence: new.confidence,
        title: new.title.clone(),
        note: new.note.clone(),
        geometry: new.geometry.as_ref().map(geojson::polygon_value),
        seen: new.seen.clone(),
        created: writing.time,
        undone: false,
        independent: false,
    }
}

fn insert(writing: &Writing<'_>, review: &Review) -> Result<(), RecordError> {
    writing
        .transaction
        .prepare_cached("INSERT INTO review (id, candidate, document) VALUES (?1, ?2, ?3)")?
        .execute((review.id.as_str(), review.candidate.as_str(), document(review)))?;
    Ok(())
}

fn document(review: &Review) -> String {
    serde_json::to_string(review).expect("reviews are plain data")
}

/// Brings the candidate and its annotation to what the reviews now say, under one event for the
/// candidate and one for the annotation if it changes.
fn settle(
    writing: &Writing<'_>,
    item: &items::Item,
    newest: Option<&Review>,
    kind: &str,
    subject: &Review,
) -> Result<ReviewOutcome, RecordError> {
    let mut candidate = item.candidate()?;
    let reviews = reviews_of(writing.transaction, &candidate.id)?;
    candidate.state = review::candidate_state(&reviews);
    let feature = geojson::candidate_feature(&candidate);
    // what was drawn and is spoken for by nobody any more is not there
    let hidden = candidate.is_drawn() && reviews.iter().all(|review| review.undone);
    let event = writing.event(
        &format!("candidate/{}", candidate.id),
        kind,
        &json!({"review": subject, "feature": feature, "hidden": hidden}),
    )?;
    let written = comparisons::written(&candidate, item.revision + 1, feature);
    items::Written { hidden, ..written }.write_under(writing, event)?;
    let before = review::annotation_status(&before_last(&reviews, newest.is_some(), subject));
    let annotation = settle_annotation(writing, &candidate, &reviews, newest, before)?;
    sight::set_sole_reviewer(writing, &candidate.id, review::sole_reviewer(&reviews))?;
    Ok(ReviewOutcome { review: subject.clone(), state: candidate.state, annotation })
}

/// Reviews as they stood before the last change: without the one that was given, or with the one that was taken back.
fn before_last(reviews: &[Review], was_given: bool, subject: &Review) -> Vec<Review> {
    let stood = reviews.iter().filter(|review| !(was_given && review.id == subject.id));
    stood
        .map(|review| Review { undone: review.undone && review.id != subject.id, ..review.clone() })
        .collect()
}

/// `status_before` is what the reviews gave before the last change: an annotation that is withdrawn all the same was
/// withdrawn by hand, and only a new confirmation brings it back.
fn settle_annotation(
    writing: &Writing<'_>,
    candidate: &Candidate,
    reviews: &[Review],
    newest: Option<&Review>,
    status_before: Option<AnnotationStatus>,
) -> Result<Option<Annotation>, RecordError> {
    let existing = annotations::of_candidate(writing.transaction, &candidate.id)?;
    let confirming = newest.filter(|review| review.verdict == Verdict::Confirm);
    match (existing, review::annotation_status(reviews)) {
        (None, None) => Ok(None),
        (None, Some(status)) => {
            let words = confirming.or_else(|| reviews.iter().rev().find(|review| is_confirmation(review)));
            let words = words.expect("a status comes from a confirmation that stands");
            let annotation = from_review(writing, candidate, words, status)?;
            annotations::written(&annotation).write(writing, "annotation.created")?;
            Ok(Some(annotation))
        }
        (Some(old), _) if is_withdrawn(&old) && status_before.is_some() && confirming.is_none() => Ok(None),
        (Some(old), status) => {
            let status = status.unwrap_or(AnnotationStatus::Withdrawn);
            let mut annotation = match confirming {
                None => old.clone(),
                // what was taken back is not said again by somebody else
                Some(review) if is_withdrawn(&old) => Annotation {
                    id: old.id.clone(),
                    created: old.created,
                    revision: old.revision,
                    ..from_review(writing, candidate, review, status)?
                },
                // who could not see the first words adds what they left open, and does not overwrite them
                Some(review) if is_second(reviews, review) => with_gaps_filled(&old, review),
                Some(review) if review.role < Role::Reviewer && !is_draft(&old, status) => {
                    with_dispute_settled(&old, status, review)
                }
                Some(review) => with_words(&old, review)?,
            };
            annotation.status = status;
            if annotation == old {
                return Ok(Some(old).filter(|old| !is_withdrawn(old)));
            }
            annotation.updated = writing.time;
            annotation.revision += 1;
            annotations::written(&annotation).write(writing, annotations::kind(&old, &annotation))?;
            Ok(Some(annotation).filter(|annotation| !is_withdrawn(annotation)))
        }
    }
}

fn is_withdrawn(annotation: &Annotation) -> bool {
    annotation.status == AnnotationStatus::Withdrawn
}

/// Whether a review was given without sight of a confirmation by somebody else that stands.
fn is_second(reviews: &[Review], newest: &Review) -> bool {
    let by_another = |review: &Review| is_confirmation(review) && review.actor != newest.actor;
    newest.independent && reviews.iter().any(by_another)
}

fn is_confirmation(review: &Review) -> bool {
    review.verdict == Verdict::Confirm && !review.undone
}

/// Whether an annotation is one analyst's own to change: a draft, or one that comes back as a draft.
fn is_draft(old: &Annotation, status: AnnotationStatus) -> bool {
    match old.status {
        AnnotationStatus::Withdrawn => status == AnnotationStatus::Draft,
        was => was == AnnotationStatus::Draft,
    }
}

/// A new annotation from a candidate and the words of the review that confirmed it.
fn from_review(
    writing: &Writing<'_>,
    candidate: &Candidate,
    words: &Review,
    status: AnnotationStatus,
) -> Result<Annotation, RecordError> {
    let plain = Annotation {
        id: AnnotationId::random(),
        site: candidate.site.clone(),
        candidate: Some(candidate.id.clone()),
        outline: candidate.found.outline.clone(),
        structure_type: None,
        change: candidate.found.change,
        title: None,
        note: None,
        confidence: None,
        start_datetime: Some(candidate.before_datetime),
        end_datetime: Some(candidate.after_datetime),
        area_m2: candidate.found.area_m2,
        sources: sources(writing.transaction, candidate)?,
        status,
        created: writing.time,
        created_by: words.actor.clone(),
        updated: writing.time,
        revision: 1,
    };
    with_words(&plain, words)
}

/// The images that what is said of a candidate rests on.
pub(super) fn sources(
    connection: &Connection,
    candidate: &Candidate,
) -> Result<Vec<SourceImage>, RecordError> {
    let source = |id| {
        let scene = scenes::scene(connection, id)?;
        Ok(SourceImage { scene: scene.id, sha256: scene.facts.original.sha256 })
    };
    [&candidate.before, &candidate.after].into_iter().map(source).collect()
}

/// An annotation with what a review says of it where the annotation leaves something open.
fn with_gaps_filled(annotation: &Annotation, review: &Review) -> Annotation {
    let mut changed = annotation.clone();
    changed.structure_type = changed.structure_type.or_else(|| review.structure_type.clone());
    changed.confidence = changed.confidence.or(review.confidence);
    changed.title = changed.title.or_else(|| review.title.clone());
    changed.note = changed.note.or_else(|| review.note.clone());
    changed
}

/// The same for the words of an analyst on what is no draft any more. Of two types that were in dispute it gets the one
/// that all who confirm it name now.
fn with_dispute_settled(old: &Annotation, status: AnnotationStatus, review: &Review) -> Annotation {
    let mut changed = with_gaps_filled(old, review);
    if (old.status, status) == (AnnotationStatus::Disputed, AnnotationStatus::Confirmed) {
        changed.structure_type = review.structure_type.clone().or(changed.structure_type);
    }
    changed
}

/// An annotation with what a confirming review says of it; what the review leaves open stays.
fn with_words(annotation: &Annotation, review: &Review) -> Result<Annotation, RecordError> {
    let mut changed = annotation.clone();
    changed.structure_type = review.structure_type.clone().or(changed.structure_type);
    changed.confidence = review.confidence.or(changed.confidence);
    changed.title = review.title.clone().or(changed.title);
    changed.note = review.note.clone().or(changed.note);
    if let Some(outline) = review.outline()? {
        changed.outline = outline;
        changed.area_m2 = geojson::geodesic_area_m2(&changed.outline);
    }
    Ok(changed)
}

pub(super) fn reviews_of(
    connection: &Connection,
    candidate: &CandidateId,
) -> Result<Vec<Review>, RecordError> {
    let mut statement =
        connection.prepare_cached("SELECT id, document FROM review WHERE candidate = ?1 ORDER BY n")?;
    read_documents("review", &mut statement, [candidate.as_str()])
}

fn review_of_id(transaction: &Connection, id: &ReviewId) -> Result<Review, RecordError> {
    let text: String = transaction
        .prepare_cached("SELECT document FROM review WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: "review", id: id.to_string() })?;
    read_document("review", id.as_str(), &text)
}

/// A review of this candidate that the actor has sent under a key before.
fn answered_of(
    connection: &Connection,
    actor: &Actor,
    candidate: &CandidateId,
    key: Option<&str>,
) -> Result<Option<Review>, RecordError> {
    match answered(connection, actor, key)? {
        Some(done) if done.candidate != *candidate => Err(used_otherwise(key)),
        done => Ok(done),
    }
}

/// Refuses a key under which the actor has sent something else: to answer with that would lose what is sent now.
pub(super) fn used_otherwise(key: Option<&str>) -> RecordError {
    RecordError::Conflict {
        what: "Idempotency-Key",
        id: key.unwrap_or_default().to_owned(),
        state: "that of something else that was sent".to_owned(),
        change: "using it again",
    }
}

pub(super) fn answered(
    transaction: &Connection,
    actor: &Actor,
    key: Option<&str>,
) -> Result<Option<Review>, RecordError> {
    let Some(key) = key else { return Ok(None) };
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(RecordError::Invalid {
            field: "Idempotency-Key",
            got: format!("{} bytes", key.len()),
            wanted: format!("1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes"),
        });
    }
    let id: Option<String> = transaction
        .prepare_cached("SELECT review FROM answered WHERE actor = ?1 AND key = ?2")?
        .query_row((&actor.name, key), |row| row.get(0))
        .optional()?;
    id.map(|id| review_of_id(transaction, &ReviewId(id))).transpose()
}

/// What stands now, for a review that was recorded before.
pub(super) fn outcome(transaction: &Connection, review: Review) -> Result<ReviewOutcome, RecordError> {
    let state = review::candidate_state(&reviews_of(transaction, &review.candidate)?);
    let annotation = annotations::of_candidate(transaction, &review.candidate)?
        .filter(|annotation| annotation.status != AnnotationStatus::Withdrawn);
    Ok(ReviewOutcome { review, state, annotation })
}

pub(super) fn must_be_structure_type(
    transaction: &Transaction<'_>,
    structure_type: Option<&str>,
) -> Result<(), RecordError> {
    let Some(id) = structure_type else { return Ok(()) };
    if transaction.prepare_cached("SELECT 1 FROM structure_type WHERE id = ?1")?.exists([id])? {
        return Ok(());
    }
    Err(RecordError::Invalid {
        field: "structure_type",
        got: format!("{id:?}"),
        wanted: "an id of the taxonomy".to_owned(),
    })
}
