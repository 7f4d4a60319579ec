//! What people say of candidates.

use std::collections::HashSet;

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    annotation::{Annotation, AnnotationStatus, Confidence},
    candidate::CandidateState,
    error::RecordError,
    events::Role,
    geojson,
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

/// A recorded review. Nothing of it is changed but `undone`, which is set under an event of its own.
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
    /// Whether it was given without sight of anybody else's verdict on the candidate.
    #[serde(default)]
    pub independent: bool,
}

impl Review {
    /// The reviewer's own outline.
    ///
    /// # Errors
    /// When what is stored is no polygon.
    pub(crate) fn outline(&self) -> Result<Option<Polygon<f64>>, RecordError> {
        let outline = self.geometry.as_ref().map(geojson::stored_polygon).transpose();
        outline.map_err(|source| RecordError::StoredFeature {
            what: "review",
            id: self.id.to_string(),
            source,
        })
    }
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
/// confirmations                   rejections   status
/// none                            any          no annotation
/// some                            some         disputed
/// two, of two structure types     none         disputed
/// one, analyst                    none         draft
/// one, reviewer                   none         confirmed
/// two people                      none         confirmed
/// ```
///
/// A reviewer who speaks as the third or later settles it: their word is the status.
pub fn annotation_status(reviews: &[Review]) -> Option<AnnotationStatus> {
    if let Some(settled) = settled_by_third(reviews) {
        return (settled == Verdict::Confirm).then_some(AnnotationStatus::Confirmed);
    }
    let words = last_words(reviews);
    let confirmations: Vec<_> = words.iter().filter(|review| review.verdict == Verdict::Confirm).collect();
    if confirmations.is_empty() {
        return None;
    }
    let rejected = words.iter().any(|review| review.verdict == Verdict::Reject);
    if rejected || structure_types_differ(&confirmations) {
        return Some(AnnotationStatus::Disputed);
    }
    let settled = confirmations.len() > 1 || confirmations.iter().any(|review| review.role >= Role::Reviewer);
    Some(if settled { AnnotationStatus::Confirmed } else { AnnotationStatus::Draft })
}

/// The last word of the last reviewer who spoke after two others and decided. Whoever says something again afterwards
/// does not open it anew.
fn settled_by_third(reviews: &[Review]) -> Option<Verdict> {
    let standing: Vec<&Review> = standing(reviews).collect();
    let others_before = |at: usize, review: &Review| {
        let earlier = standing[..at].iter().map(|earlier| earlier.actor.as_str());
        earlier.filter(|actor| *actor != review.actor).collect::<HashSet<_>>().len()
    };
    let settles = |(at, review): &(usize, &&Review)| {
        review.role >= Role::Reviewer
            && standing[at + 1..].iter().all(|later| later.actor != review.actor)
            && others_before(*at, review) >= 2
    };
    standing
        .iter()
        .enumerate()
        .rev()
        .filter(settles)
        .map(|(_, review)| review.verdict)
        .find(|verdict| matches!(verdict, Verdict::Confirm | Verdict::Reject))
}

fn structure_types_differ(confirmations: &[&&Review]) -> bool {
    let mut named = confirmations.iter().filter_map(|review| review.structure_type.as_deref());
    let first = named.next();
    named.any(|other| Some(other) != first)
}

/// Who alone has spoken of a candidate that waits for a second person; what they said is hidden from
/// everybody else. `None` where nobody has, or two have, or a reviewer, whose word needs no second.
pub fn sole_reviewer(reviews: &[Review]) -> Option<&str> {
    match last_words(reviews)[..] {
        [only] if only.role < Role::Reviewer => Some(&only.actor),
        _ => None,
    }
}

/// Whether a verdict of `actor` that comes after these reviews is given without sight of another's.
pub fn is_independent(reviews: &[Review], actor: &str) -> bool {
    let spoke_before = reviews.iter().any(|review| review.actor == actor);
    let others_spoke = reviews.iter().any(|review| review.actor != actor);
    !others_spoke || (!spoke_before && sole_reviewer(reviews).is_some())
}

/// The last standing review of each person, in the order in which these were given.
pub(crate) fn last_words(reviews: &[Review]) -> Vec<&Review> {
    let mut words: Vec<&Review> = Vec::new();
    for review in standing(reviews) {
        words.retain(|earlier| earlier.actor != review.actor);
        words.push(review);
    }
    words
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
            independent: true,
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

    #[test]
    fn two_confirmations_of_different_structure_types_are_a_dispute() {
        let typed = |actor: &str, structure_type: Option<&str>| Review {
            structure_type: structure_type.map(str::to_owned),
            ..review(actor, Role::Analyst, Verdict::Confirm)
        };
        let status = |second| annotation_status(&[typed("ann", Some("warehouse")), typed("bob", second)]);
        assert_eq!(status(Some("housing")), Some(AnnotationStatus::Disputed));
        assert_eq!(status(Some("warehouse")), Some(AnnotationStatus::Confirmed));
        assert_eq!(status(None), Some(AnnotationStatus::Confirmed));
    }

    #[test]
    fn a_reviewer_who_comes_third_settles_a_dispute_and_an_analyst_does_not() {
        let yes = review("ann", Role::Analyst, Verdict::Confirm);
        let no = review("bob", Role::Analyst, Verdict::Reject);
        let third =
            |role, verdict| annotation_status(&[yes.clone(), no.clone(), review("cat", role, verdict)]);
        assert_eq!(third(Role::Reviewer, Verdict::Confirm), Some(AnnotationStatus::Confirmed));
        assert_eq!(third(Role::Reviewer, Verdict::Reject), None);
        assert_eq!(third(Role::Reviewer, Verdict::Unsure), Some(AnnotationStatus::Disputed));
        assert_eq!(third(Role::Analyst, Verdict::Confirm), Some(AnnotationStatus::Disputed));
    }

    #[test]
    fn what_an_analyst_said_alone_waits_for_a_second_and_a_reviewers_word_does_not() {
        let analyst = review("ann", Role::Analyst, Verdict::Reject);
        let reviewer = review("bob", Role::Reviewer, Verdict::Confirm);
        assert_eq!(sole_reviewer(std::slice::from_ref(&analyst)), Some("ann"));
        assert_eq!(sole_reviewer(std::slice::from_ref(&reviewer)), None);
        assert_eq!(sole_reviewer(&[analyst, reviewer]), None);
        assert_eq!(sole_reviewer(&[]), None);
    }

    #[test]
    fn what_a_third_person_settled_is_not_opened_by_saying_the_same_again() {
        let ann = review("ann", Role::Analyst, Verdict::Confirm);
        let bob = review("bob", Role::Analyst, Verdict::Reject);
        let rita = review("rita", Role::Reviewer, Verdict::Confirm);
        let settled = [ann, bob.clone(), rita.clone(), bob.clone()];
        assert_eq!(annotation_status(&settled), Some(AnnotationStatus::Confirmed));
        let gave_way = Review { verdict: Verdict::Reject, ..rita.clone() };
        let turned: Vec<Review> = settled.into_iter().chain([gave_way]).collect();
        assert_eq!(annotation_status(&turned), None, "the reviewer's last word");
        // spoken as the second, a reviewer settles nothing, whoever repeats themselves
        let second = [bob.clone(), rita, bob];
        assert_eq!(annotation_status(&second), Some(AnnotationStatus::Disputed));
    }

    #[test]
    fn only_who_has_not_seen_anothers_verdict_is_independent() {
        let ann = review("ann", Role::Analyst, Verdict::Confirm);
        let bob = review("bob", Role::Analyst, Verdict::Reject);
        let bob_undone = Review { undone: true, ..bob.clone() };
        assert!(is_independent(&[], "ann"));
        assert!(is_independent(std::slice::from_ref(&ann), "ann"), "nobody else has spoken");
        assert!(is_independent(std::slice::from_ref(&ann), "bob"), "the first verdict is hidden from bob");
        assert!(!is_independent(&[ann.clone(), bob_undone], "bob"), "bob saw it once");
        assert!(!is_independent(&[ann, bob], "cat"), "two have spoken, so cat sees both");
    }
}
