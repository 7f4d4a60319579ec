//! Structures that a person drew: candidates like those of a detector, with who drew them as the first to speak.
//!
//! What is drawn on the page names its comparison. What another program posts as an annotation does not: it belongs to
//! the comparison of its site that shows it best.

use geo::{Intersects, Polygon};

use super::{
    Store, Writing, annotations, comparisons,
    items::{self, Collection},
    reviews, scenes,
};
use crate::{
    annotation::Annotation,
    antimeridian,
    candidate::{self, Candidate, Comparison, Detector, NewCandidate},
    error::RecordError,
    events::{Actor, Role},
    extent::extent,
    geojson,
    id::{ComparisonId, SceneId},
    review::{NewReview, ReviewOutcome, Seen, Verdict},
};

/// A structure that a person saw between the two scenes of a comparison and no detector found.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The comparison whose scenes show it.
    pub comparison: ComparisonId,
    /// Outline, longitude and latitude in degrees.
    pub outline: geo::Polygon<f64>,
    /// What happened to it.
    pub change: candidate::Change,
    /// What who drew it says of it; its verdict counts as a confirmation, whatever it is.
    pub said: NewReview,
}

impl Store {
    /// Records a structure that a person drew: as a candidate of the comparison that nobody has scored, confirmed by
    /// who drew it. A second person looks at it as at any other candidate.
    ///
    /// With an `idempotency_key` that the same actor has used before, nothing is written: the drawing of then is told
    /// again, with what stands of it now.
    ///
    /// # Errors
    /// When the comparison is not there, the structure type is not in the taxonomy, the key was used for something else
    /// than a drawing in the comparison, or the role is less than analyst.
    pub fn draw_candidate(
        &self,
        actor: &Actor,
        drawing: Drawing,
        idempotency_key: Option<&str>,
    ) -> Result<ReviewOutcome, RecordError> {
        actor.must_be(Role::Analyst, "drawing a structure")?;
        self.write(|transaction| {
            if let Some(done) = reviews::answered(transaction, actor, idempotency_key)? {
                let candidate = comparisons::candidate_ever(transaction, &done.candidate)?;
                if !candidate.is_drawn() || candidate.comparison != drawing.comparison {
                    return Err(reviews::used_otherwise(idempotency_key));
                }
                return reviews::outcome(transaction, done);
            }
            let writing = Writing::begin(transaction, actor);
            let comparison = comparisons::stored(transaction, &drawing.comparison)?;
            let drawn = record_candidate(&writing, &comparison, &drawing.outline, drawing.change)?;
            let said = NewReview { verdict: Verdict::Confirm, geometry: None, ..drawing.said.clone() };
            spoken_for(&writing, &drawn, &said, idempotency_key)
        })
    }
}

/// Records an annotation that somebody drew in another program as a candidate of the comparison, confirmed by them: its
/// words are their words, its construction window stays as they gave it.
pub(super) fn drawn_elsewhere(
    writing: &Writing<'_>,
    comparison: &Comparison,
    annotation: Annotation,
) -> Result<Annotation, RecordError> {
    let drawn = record_candidate(writing, comparison, &annotation.outline, annotation.change)?;
    let annotation = Annotation {
        candidate: Some(drawn.id.clone()),
        sources: reviews::sources(writing.transaction, &drawn)?,
        start_datetime: annotation.start_datetime.or(Some(comparison.before_datetime)),
        end_datetime: annotation.end_datetime.or(Some(comparison.after_datetime)),
        ..annotation
    };
    annotations::written(&annotation).write(writing, "annotation.created")?;
    let said = NewReview {
        verdict: Verdict::Confirm,
        structure_type: annotation.structure_type.clone(),
        confidence: annotation.confidence,
        title: annotation.title.clone(),
        note: annotation.note.clone(),
        geometry: None,
        // another program does not say what it showed
        seen: Seen::default(),
    };
    spoken_for(writing, &drawn, &said, None)?;
    Ok(annotation)
}

/// The comparison of its site that shows a drawn annotation best: both images meet the outline, their dates overlap the
/// construction window and come nearest to its ends; the latest of several. An end that was left open is as near
/// to every date.
pub(super) fn comparison_showing(
    writing: &Writing<'_>,
    annotation: &Annotation,
) -> Result<Option<Comparison>, RecordError> {
    let mut near: Vec<(i64, Comparison)> =
        comparisons::newest_of_site(writing.transaction, &annotation.site)?
            .into_iter()
            .filter_map(|comparison| Some((distance_ms(&comparison, annotation)?, comparison)))
            .collect();
    near.sort_by_key(|(distance_ms, _)| *distance_ms);
    for (_, comparison) in near {
        if shows(writing, &comparison.before, &annotation.outline)?
            && shows(writing, &comparison.after, &annotation.outline)?
        {
            return Ok(Some(comparison));
        }
    }
    Ok(None)
}

/// How far the dates of a comparison lie from the ends of a construction window; `None` where they do not overlap.
fn distance_ms(comparison: &Comparison, annotation: &Annotation) -> Option<i64> {
    let [before, after] = [comparison.before_datetime, comparison.after_datetime];
    let (start, end) =
        (annotation.start_datetime.unwrap_or(before), annotation.end_datetime.unwrap_or(after));
    let overlap = before < end && start < after;
    let apart = |a: crate::Timestamp, b: crate::Timestamp| (a.as_millisecond() - b.as_millisecond()).abs();
    overlap.then(|| apart(before, start) + apart(after, end))
}

fn shows(writing: &Writing<'_>, scene: &SceneId, outline: &Polygon<f64>) -> Result<bool, RecordError> {
    let footprint = scenes::scene(writing.transaction, scene)?.facts.footprint;
    let meets = |footprint: Polygon<f64>| footprint.intersects(&antimeridian::beside(&footprint, outline));
    Ok(footprint.is_some_and(meets))
}

/// Records a candidate that a person drew; nobody has spoken for it yet.
fn record_candidate(
    writing: &Writing<'_>,
    comparison: &Comparison,
    outline: &Polygon<f64>,
    what: candidate::Change,
) -> Result<Candidate, RecordError> {
    let found = found(outline, what);
    let drawn = Candidate { detector: Detector::hand(), ..comparisons::candidate(comparison, found) };
    let feature = geojson::candidate_feature(&drawn);
    comparisons::written(&drawn, 1, feature).write(writing, "candidate.drawn")?;
    Ok(drawn)
}

fn spoken_for(
    writing: &Writing<'_>,
    drawn: &Candidate,
    said: &NewReview,
    idempotency_key: Option<&str>,
) -> Result<ReviewOutcome, RecordError> {
    let item = items::stored(writing.transaction, Collection::Candidates, drawn.id.as_str())?;
    reviews::spoken(writing, &item, said, idempotency_key)
}

fn found(outline: &Polygon<f64>, change: candidate::Change) -> NewCandidate {
    let extent = extent(outline);
    NewCandidate {
        outline: outline.clone(),
        change,
        score: None,
        area_m2: geojson::geodesic_area_m2(outline),
        length_m: extent.length_m,
        width_m: extent.width_m,
        orientation_deg: extent.orientation_deg,
        evidence: std::collections::BTreeMap::new(),
    }
}
