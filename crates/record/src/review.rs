//! What people say of candidates.

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    annotation::{Annotation, AnnotationStatus, Confidence},
    candidate::CandidateState,
    events::Role,
    id::{CandidateId, ReviewId, SceneId},
};

/// What a reviewer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is a structure that changed.
    Confirm,
    /// It is not.
    Reject,
    /// Cannot tell.
    Unsure,
    /// The imagery does not allow to tell.
    BadImagery,
}

impl Verdict {
    /// The state a candidate has after this verdict.
    pub fn state(self) -> CandidateState {
        match self {
            Verdict::Confirm => CandidateState::Confirmed,
            Verdict::Reject => CandidateState::Rejected,
            Verdict::Unsure => CandidateState::Unsure,
            Verdict::BadImagery => CandidateState::BadImagery,
        }
    }
}

/// What the reviewer saw while deciding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Scene shown as before.
    pub before: Option<SceneId>,
    /// Scene shown as after.
    pub after: Option<SceneId>,
    /// Stretch, nudge and view as the page describes them; kept as given.
    #[serde(flatten)]
    pub view: serde_json::Map<String, serde_json::Value>,
}

/// A review before it has an id.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReview {
    /// What was decided.
    pub verdict: Verdict,
    /// Id of the structure type, for a confirmation.
    pub structure_type: Option<String>,
    /// How sure the reviewer is.
    pub confidence: Option<Confidence>,
    /// Title for the annotation.
    pub title: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// A better outline than the candidate's.
    pub geometry: Option<Polygon<f64>>,
    /// What the reviewer saw.
    pub seen: Seen,
}

/// A recorded review. Reviews are never changed; undoing one is another event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// The candidate it speaks of.
    pub candidate: CandidateId,
    /// Who decided.
    pub actor: String,
    /// Their role then.
    pub role: Role,
    /// What was decided.
    pub verdict: Verdict,
    /// Id of the structure type.
    pub structure_type: Option<String>,
    /// How sure the reviewer was.
    pub confidence: Option<Confidence>,
    /// Title for the annotation.
    pub title: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// The reviewer's own outline as a GeoJSON geometry.
    pub geometry: Option<serde_json::Value>,
    /// What the reviewer saw.
    pub seen: Seen,
    /// When it was recorded.
    pub created: Timestamp,
    /// Whether it was taken back.
    pub undone: bool,
}

/// What a review did.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewOutcome {
    /// The review.
    pub review: Review,
    /// State of the candidate now.
    pub state: CandidateState,
    /// The annotation of the candidate now, where there is one.
    pub annotation: Option<Annotation>,
}

/// State of a candidate under its reviews, in the order in which they were made.
pub fn candidate_state(reviews: &[Review]) -> CandidateState {
    standing(reviews).last().map_or(CandidateState::Pending, |review| review.verdict.state())
}

/// Status that the reviews of a candidate give its annotation; `None` when no confirmation stands.
///
/// Only the last standing verdict of each person counts.
///
/// ```text
/// confirmations   rejections   status
/// none            any          no annotation
/// some            some         disputed
/// one, analyst    none         draft
/// one, reviewer   none         confirmed
/// two people      none         confirmed
/// ```
pub fn annotation_status(reviews: &[Review]) -> Option<AnnotationStatus> {
    let mut last_words: Vec<&Review> = Vec::new();
    for review in standing(reviews) {
        last_words.retain(|earlier| earlier.actor != review.actor);
        last_words.push(review);
    }
    let confirmations: Vec<_> =
        last_words.iter().filter(|review| review.verdict == Verdict::Confirm).collect();
    let rejected = last_words.iter().any(|review| review.verdict == Verdict::Reject);
    if confirmations.is_empty() {
        return None;
    }
    if rejected {
        return Some(AnnotationStatus::Disputed);
    }
    let settled = confirmations.len() > 1 || confirmations.iter().any(|review| review.role >= Role::Reviewer);
    Some(if settled { AnnotationStatus::Confirmed } else { AnnotationStatus::Draft })
}

fn standing(reviews: &[Review]) -> impl Iterator<Item = &Review> {
    reviews.iter().filter(|review| !review.undone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(actor: &str, role: Role, verdict: Verdict) -> Review {
        Review {
            id: ReviewId::random(),
            candidate: CandidateId("c".to_owned()),
            actor: actor.to_owned(),
            role,
            verdict,
            structure_type: None,
            confidence: None,
            title: None,
            note: None,
            geometry: None,
            seen: Seen::default(),
            created: Timestamp::UNIX_EPOCH,
            undone: false,
        }
    }

    #[test]
    fn one_analyst_drafts_and_a_second_confirms() {
        let first = review("ann", Role::Analyst, Verdict::Confirm);
        let second = review("bob", Role::Analyst, Verdict::Confirm);
        assert_eq!(annotation_status(std::slice::from_ref(&first)), Some(AnnotationStatus::Draft));
        assert_eq!(annotation_status(&[first, second]), Some(AnnotationStatus::Confirmed));
    }

    #[test]
    fn two_people_who_disagree_make_a_dispute_until_one_gives_way() {
        let yes = review("ann", Role::Analyst, Verdict::Confirm);
        let no = review("bob", Role::Reviewer, Verdict::Reject);
        let gives_way = review("bob", Role::Reviewer, Verdict::Confirm);
        assert_eq!(annotation_status(&[yes.clone(), no.clone()]), Some(AnnotationStatus::Disputed));
        assert_eq!(annotation_status(&[yes, no, gives_way]), Some(AnnotationStatus::Confirmed));
    }

    #[test]
    fn an_undone_review_does_not_count() {
        let mut yes = review("ann", Role::Admin, Verdict::Confirm);
        yes.undone = true;
        assert_eq!(annotation_status(std::slice::from_ref(&yes)), None);
        assert_eq!(candidate_state(&[yes]), CandidateState::Pending);
    }
}
