//! Structures that a person drew: candidates like those of a detector, with who drew them as the first to speak.

use super::{
    Change, Store, comparisons,
    items::{self, Collection},
    reviews,
};
use crate::{
    candidate::{self, Candidate, Detector, NewCandidate},
    error::RecordError,
    events::{Actor, Role},
    extent::extent,
    geojson,
    id::ComparisonId,
    review::{NewReview, ReviewOutcome, Verdict},
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
    /// With an `idempotency_key` that the same actor has used before, nothing is written and the outcome of then is
    /// told again.
    ///
    /// # Errors
    /// When the comparison is not there, the structure type is not in the taxonomy, or the role is less than analyst.
    pub fn draw_candidate(
        &self,
        actor: &Actor,
        drawing: Drawing,
        idempotency_key: Option<&str>,
    ) -> Result<ReviewOutcome, RecordError> {
        actor.must_be(Role::Analyst, "drawing a structure")?;
        self.write(|transaction| {
            if let Some(done) = reviews::answered(transaction, actor, idempotency_key)? {
                return reviews::outcome(transaction, done);
            }
            let change = Change::begin(transaction, actor);
            let comparison = comparisons::stored(transaction, &drawing.comparison)?;
            let said = NewReview { verdict: Verdict::Confirm, geometry: None, ..drawing.said.clone() };
            let drawn = Candidate {
                detector: Detector::hand(),
                ..comparisons::candidate(&comparison, found(&drawing))
            };
            let feature = geojson::candidate_feature(&drawn);
            comparisons::written(&drawn, 1, feature).write(&change, "candidate.drawn")?;
            let item = items::stored(transaction, Collection::Candidates, drawn.id.as_str())?;
            reviews::spoken(&change, &item, &said, idempotency_key)
        })
    }
}

fn found(drawing: &Drawing) -> NewCandidate {
    let extent = extent(&drawing.outline);
    NewCandidate {
        outline: drawing.outline.clone(),
        change: drawing.change,
        score: None,
        area_m2: geojson::geodesic_area_m2(&drawing.outline),
        length_m: extent.length_m,
        width_m: extent.width_m,
        orientation_deg: extent.orientation_deg,
        evidence: std::collections::BTreeMap::new(),
    }
}
