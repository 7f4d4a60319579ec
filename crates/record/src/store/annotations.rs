//! Writing annotations directly, and reading their versions.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::{
    REVISIONS_MAX, Store, Writing, comparisons, drawing,
    items::{self, Collection, IfMatch, Written},
    reviews, sight,
};
use crate::{
    annotation::{Annotation, AnnotationDraft, AnnotationStatus},
    error::RecordError,
    events::{self, Actor, Event, Role},
    geojson,
    id::{AnnotationId, CandidateId},
    review,
};

/// Most bytes of the versions of an annotation that are told together.
const VERSIONS_BYTES_MAX: usize = 8 << 20;

/// What was said of an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The newest versions, oldest first, each as the event that made it.
    pub events: Vec<Event>,
    /// How many older ones are left out, since all together would be too long.
    pub left_out: u64,
}

impl Store {
    /// Records an annotation that a person drew. Its status is `draft` unless the role is at least reviewer. A draft that a
    /// comparison of its site shows comes before a second person as a candidate of that comparison.
    ///
    /// # Errors
    /// When the site is not there, the structure type unknown, or the role is less than analyst.
    pub fn create_annotation(
        &self,
        actor: &Actor,
        drawn: AnnotationDraft,
    ) -> Result<Annotation, RecordError> {
        actor.must_be(Role::Analyst, "drawing an annotation")?;
        self.write(|transaction| draw(&Writing::begin(transaction, actor), drawn))
    }

    /// Records many annotations, each under an event of its own, or none of them.
    ///
    /// # Errors
    /// As [`Store::create_annotation`].
    pub fn create_annotations(
        &self,
        actor: &Actor,
        drawn: Vec<AnnotationDraft>,
    ) -> Result<Vec<Annotation>, RecordError> {
        actor.must_be(Role::Analyst, "drawing annotations")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            drawn.into_iter().map(|drawn| draw(&writing, drawn)).collect()
        })
    }

    /// Replaces what people may change of an annotation: outline, type, change, title, note,
    /// confidence, construction window. A draft that no candidate stands for is confirmed by a reviewer who changes it.
    ///
    /// # Errors
    /// When it is not there, at another revision, at its last one or of another site, the structure type is unknown, or the
    /// role is too low: analysts change drafts, reviewers anything.
    pub fn update_annotation(
        &self,
        actor: &Actor,
        id: &AnnotationId,
        if_match: IfMatch,
        drawn: AnnotationDraft,
    ) -> Result<Annotation, RecordError> {
        actor.must_be(Role::Analyst, "changing an annotation")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let old = current(&writing, id, if_match)?;
            must_have_another_revision(&old)?;
            if old.status != AnnotationStatus::Draft {
                actor.must_be(Role::Reviewer, "changing an annotation that is not a draft")?;
            }
            if drawn.site != old.site {
                return Err(RecordError::Conflict {
                    what: "annotation",
                    id: id.to_string(),
                    state: format!("one of the site {}", old.site),
                    change: "moving it to another",
                });
            }
            reviews::must_be_structure_type(transaction, drawn.structure_type.as_deref())?;
            let status = status_when_changed(&old, actor);
            let annotation = Annotation { status, ..with_content(old.clone(), drawn, writing.time) };
            written(&annotation).write(&writing, kind(&old, &annotation))?;
            Ok(annotation)
        })
    }

    /// Withdraws an annotation: it leaves the collection, its versions stay readable, and only a new confirmation or its
    /// restoring brings it back. A drawing for which nobody else has spoken leaves the queue with it.
    ///
    /// # Errors
    /// When it is not there or at another revision, or the role is too low: analysts withdraw drafts,
    /// reviewers anything.
    pub fn withdraw_annotation(
        &self,
        actor: &Actor,
        id: &AnnotationId,
        if_match: IfMatch,
    ) -> Result<Annotation, RecordError> {
        actor.must_be(Role::Analyst, "withdrawing an annotation")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let old = current(&writing, id, if_match)?;
            if old.status != AnnotationStatus::Draft {
                actor.must_be(Role::Reviewer, "withdrawing an annotation that is not a draft")?;
            }
            if let Some(candidate) = &old.candidate
                && reviews::own_drawing_taken_back(&writing, candidate)?
            {
                let item = whether_hidden_or_not(&writing, id)?;
                return item.annotation();
            }
            let annotation = Annotation {
                status: AnnotationStatus::Withdrawn,
                updated: writing.time,
                revision: old.revision + 1,
                ..old
            };
            written(&annotation).write(&writing, "annotation.withdrawn")?;
            Ok(annotation)
        })
    }

    /// Reads an annotation as it is, whoever may see it, as tests do.
    ///
    /// # Errors
    /// When there is none of that id in the collection.
    #[doc(hidden)]
    pub fn annotation(&self, id: &AnnotationId) -> Result<Annotation, RecordError> {
        self.item(Collection::Annotations, id.as_str())?.annotation()
    }

    /// Brings back what an earlier revision said, as a new revision: outline, type, change, title, note,
    /// confidence, construction window. A withdrawn annotation comes back with it.
    ///
    /// # Errors
    /// When it is not there, at another revision or at its last one, it never had the revision asked for, its site was
    /// deleted, its candidate is confirmed by nobody any more, or the role is too low: analysts restore drafts, reviewers
    /// anything.
    pub fn restore_annotation(
        &self,
        actor: &Actor,
        id: &AnnotationId,
        if_match: IfMatch,
        revision: u64,
    ) -> Result<Annotation, RecordError> {
        actor.must_be(Role::Analyst, "restoring an annotation")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let item = whether_hidden_or_not(&writing, id)?;
            items::must_match(Collection::Annotations, &item, if_match)?;
            let old = item.annotation()?;
            must_have_another_revision(&old)?;
            must_have_site(transaction, &old)?;
            let then = at_revision(transaction, id, revision)?;
            reviews::must_be_structure_type(transaction, then.structure_type.as_deref())?;
            let status = match old.status {
                AnnotationStatus::Withdrawn => status_again(&writing, &old)?,
                status => status,
            };
            if status != AnnotationStatus::Draft {
                actor.must_be(Role::Reviewer, "restoring an annotation that is not a draft")?;
            }
            let annotation = Annotation { status, ..with_content(old, then.into(), writing.time) };
            written(&annotation).write(&writing, "annotation.restored")?;
            Ok(annotation)
        })
    }

    /// Whether an annotation, withdrawn or not, is hidden from those who have yet to speak of its candidate.
    ///
    /// # Errors
    /// When the database fails.
    pub fn awaits_second_look(&self, id: &AnnotationId) -> Result<bool, RecordError> {
        Ok(self
            .read()?
            .prepare_cached(
                "SELECT 1 FROM item WHERE collection = 'annotations' AND id = ?1 AND sole_reviewer IS NOT NULL",
            )?
            .exists([id.as_str()])?)
    }

    /// The versions of an annotation. Readable for withdrawn annotations too, by who may see it ([`Actor::reader`]).
    ///
    /// # Errors
    /// When there never was an annotation of that id.
    pub fn annotation_versions(
        &self,
        reader: Option<&str>,
        id: &AnnotationId,
    ) -> Result<Versions, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        let hidden = sight::hidden_by(&snapshot, reader, Collection::Annotations, id.as_str())?;
        let (events, left_out) =
            events::newest_of_subject(&snapshot, &format!("annotation/{id}"), VERSIONS_BYTES_MAX)?;
        if events.is_empty() || hidden.is_some() {
            return Err(RecordError::NotFound { what: "annotation", id: id.to_string() });
        }
        Ok(Versions { events, left_out })
    }
}

fn draw(writing: &Writing<'_>, drawn: AnnotationDraft) -> Result<Annotation, RecordError> {
    items::stored(writing.transaction, Collection::Sites, drawn.site.as_str())?;
    reviews::must_be_structure_type(writing.transaction, drawn.structure_type.as_deref())?;
    let annotation = Annotation {
        id: AnnotationId::random(),
        site: drawn.site,
        candidate: None,
        area_m2: geojson::geodesic_area_m2(&drawn.outline),
        outline: drawn.outline,
        structure_type: drawn.structure_type,
        change: drawn.change,
        title: drawn.title,
        note: drawn.note,
        confidence: drawn.confidence,
        start_datetime: drawn.start_datetime,
        end_datetime: drawn.end_datetime,
        sources: Vec::new(),
        status: status_of_author(writing.actor),
        created: writing.time,
        created_by: writing.actor.name.clone(),
        updated: writing.time,
        revision: 1,
    };
    if annotation.status == AnnotationStatus::Draft
        && let Some(comparison) = drawing::comparison_showing(writing, &annotation)?
    {
        return drawing::drawn_elsewhere(writing, &comparison, annotation);
    }
    written(&annotation).write(writing, "annotation.created")?;
    Ok(annotation)
}

/// An annotation whose next revision says what people may change as `content` says it.
fn with_content(old: Annotation, content: AnnotationDraft, time: Timestamp) -> Annotation {
    Annotation {
        area_m2: geojson::geodesic_area_m2(&content.outline),
        outline: content.outline,
        structure_type: content.structure_type,
        change: content.change,
        title: content.title,
        note: content.note,
        confidence: content.confidence,
        start_datetime: content.start_datetime,
        end_datetime: content.end_datetime,
        updated: time,
        revision: old.revision + 1,
        ..old
    }
}

/// What an annotation said at a revision, from the event that made it.
fn at_revision(
    connection: &rusqlite::Connection,
    id: &AnnotationId,
    revision: u64,
) -> Result<Annotation, RecordError> {
    let feature: Option<String> = connection
        .prepare_cached(
            "SELECT json_extract(change, '$.feature') FROM event
             WHERE subject = ?1 AND json_extract(change, '$.feature.properties.revision') = ?2",
        )?
        .query_row((format!("annotation/{id}"), revision), |row| row.get(0))
        .optional()?;
    let feature = feature.ok_or_else(|| RecordError::NotFound {
        what: "revision",
        id: format!("{revision} of annotation {id}"),
    })?;
    items::read("annotation", id.as_str(), &feature, geojson::annotation_from_feature)
}

/// What an annotation said when it was last in the collection, from the event that made it so.
fn last_in_collection(
    connection: &rusqlite::Connection,
    id: &AnnotationId,
) -> Result<Annotation, RecordError> {
    let feature: String = connection
        .prepare_cached(
            "SELECT json_extract(change, '$.feature') FROM event
             WHERE subject = ?1 AND NOT json_extract(change, '$.hidden') ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([format!("annotation/{id}")], |row| row.get(0))?;
    items::read("annotation", id.as_str(), &feature, geojson::annotation_from_feature)
}

/// The status of an annotation that was withdrawn and comes back: what the reviews of its candidate give;
/// for one without a candidate the status in which it was withdrawn, whichever revision comes back.
fn status_again(writing: &Writing<'_>, old: &Annotation) -> Result<AnnotationStatus, RecordError> {
    let Some(candidate) = &old.candidate else {
        return Ok(last_in_collection(writing.transaction, &old.id)?.status);
    };
    let reviews = reviews::reviews_of(writing.transaction, candidate)?;
    if let Some(status) = review::annotation_status(&reviews) {
        return Ok(status);
    }
    let is_drawn = comparisons::candidate_ever(writing.transaction, candidate)?.is_drawn();
    Err(RecordError::Conflict {
        what: "annotation",
        id: old.id.to_string(),
        state: "of a candidate that nobody confirms any more".to_owned(),
        // a drawing that was taken back is not in the queue any more
        change: if is_drawn {
            "restoring it; draw the structure again instead"
        } else {
            "restoring it; review the candidate instead"
        },
    })
}

/// A draft that no candidate stands for has no second look: a reviewer who changes it puts their name to it.
fn status_when_changed(old: &Annotation, actor: &Actor) -> AnnotationStatus {
    match (old.status, &old.candidate) {
        (AnnotationStatus::Draft, None) => status_of_author(actor),
        (status, _) => status,
    }
}

fn status_of_author(actor: &Actor) -> AnnotationStatus {
    if actor.role >= Role::Reviewer { AnnotationStatus::Confirmed } else { AnnotationStatus::Draft }
}

fn current(writing: &Writing<'_>, id: &AnnotationId, if_match: IfMatch) -> Result<Annotation, RecordError> {
    let item = whether_hidden_or_not(writing, id)?;
    let annotation = item.annotation()?;
    if annotation.status == AnnotationStatus::Withdrawn {
        return Err(RecordError::NotFound { what: "annotation", id: id.to_string() });
    }
    items::must_match(Collection::Annotations, &item, if_match)?;
    Ok(annotation)
}

/// Withdrawing and reviews need no such care: the first happens once in between, and those are counted.
fn must_have_another_revision(annotation: &Annotation) -> Result<(), RecordError> {
    if annotation.revision < REVISIONS_MAX {
        return Ok(());
    }
    Err(RecordError::Conflict {
        what: "annotation",
        id: annotation.id.to_string(),
        state: format!("at revision {}, the last", annotation.revision),
        change: "changing it again",
    })
}

/// A site is deleted once all annotations in it are withdrawn: none comes back after that.
fn must_have_site(transaction: &rusqlite::Connection, annotation: &Annotation) -> Result<(), RecordError> {
    match items::stored(transaction, Collection::Sites, annotation.site.as_str()) {
        Err(RecordError::NotFound { .. }) => Err(RecordError::Conflict {
            what: "annotation",
            id: annotation.id.to_string(),
            state: format!("one of the site {}, which was deleted", annotation.site),
            change: "restoring it",
        }),
        found => found.map(drop),
    }
}

/// An annotation, withdrawn or not, that the actor may see.
fn whether_hidden_or_not(writing: &Writing<'_>, id: &AnnotationId) -> Result<items::Item, RecordError> {
    let seen = sight::items_seen_by(writing.transaction, writing.actor.reader())?;
    items::stored_ever(writing.transaction, &seen, Collection::Annotations, id.as_str())
}

/// The annotation of a candidate, withdrawn or not.
pub(super) fn of_candidate(
    connection: &rusqlite::Connection,
    candidate: &CandidateId,
) -> Result<Option<Annotation>, RecordError> {
    let feature: Option<String> = connection
        .prepare_cached("SELECT feature FROM item WHERE candidate = ?1 AND collection = 'annotations'")?
        .query_row([candidate.as_str()], |row| row.get(0))
        .optional()?;
    let read = |feature: String| {
        items::read("annotation of candidate", candidate.as_str(), &feature, geojson::annotation_from_feature)
    };
    feature.map(read).transpose()
}

/// What to call the step from one version to the next.
pub(super) fn kind(old: &Annotation, new: &Annotation) -> &'static str {
    match (old.status, new.status) {
        (was, is) if was == is => "annotation.changed",
        (_, AnnotationStatus::Draft) => "annotation.drafted",
        (_, AnnotationStatus::Confirmed) => "annotation.confirmed",
        (_, AnnotationStatus::Disputed) => "annotation.disputed",
        (_, AnnotationStatus::Withdrawn) => "annotation.withdrawn",
    }
}

pub(super) fn written(annotation: &Annotation) -> Written<'_> {
    Written {
        collection: Collection::Annotations,
        id: annotation.id.as_str(),
        site: &annotation.site,
        comparison: None,
        candidate: annotation.candidate.as_ref().map(CandidateId::as_str),
        state: items::word(annotation.status),
        revision: annotation.revision,
        hidden: annotation.status == AnnotationStatus::Withdrawn,
        // an open end of the window is open in queries too
        start_ms: Some(annotation.start_datetime.map_or(i64::MIN, |time| time.as_millisecond())),
        end_ms: Some(annotation.end_datetime.map_or(i64::MAX, |time| time.as_millisecond())),
        bounds: items::polygon_bounds(&annotation.outline),
        feature: geojson::annotation_feature(annotation),
    }
}
