//! What people say of candidates, and what all of it makes of an annotation.

use record::{
    AnnotationStatus, CandidateId, CandidateState, Collection, ComparisonId, IfMatch, NewReview, Query,
    RecordError, Role, SiteId, Timestamp, Verdict, geojson::read_polygon, verify::verify,
};

use crate::support::{actor, add_site, comparison, drawing, square, store_with_candidates, verdict};

#[test]
fn a_confirmation_makes_an_annotation_with_its_window_and_sources() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let outcome = store
        .add_review(
            &actor("ann", Role::Analyst),
            &candidates[0],
            IfMatch::Revision(1),
            verdict(Verdict::Confirm),
            None,
        )
        .unwrap();
    let annotation = outcome.annotation.unwrap();
    assert_eq!(outcome.state, CandidateState::Confirmed);
    assert_eq!(annotation.status, AnnotationStatus::Draft);
    assert_eq!(annotation.start_datetime, Some("2023-05-14T02:10:00Z".parse::<Timestamp>().unwrap()));
    assert_eq!(annotation.sources.len(), 2);
    assert_eq!(store.annotation(&annotation.id).unwrap(), annotation);
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn the_later_of_two_reviewers_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let review = |name: &str| {
        store.add_review(
            &actor(name, Role::Analyst),
            &candidates[0],
            IfMatch::Revision(1),
            verdict(Verdict::Confirm),
            None,
        )
    };
    review("ann").unwrap();
    assert!(matches!(review("bob"), Err(RecordError::Stale { current: 2, given: 1, .. })));
    assert_eq!(store.reviews(None, &candidates[0]).unwrap().reviews.len(), 1);
}

#[test]
fn a_second_opinion_confirms_or_disputes_and_an_undo_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let review = |name: &str, what: Verdict| {
        store
            .add_review(&actor(name, Role::Analyst), &candidates[0], IfMatch::Any, verdict(what), None)
            .unwrap()
    };
    review("ann", Verdict::Confirm);
    let second = review("bob", Verdict::Reject);
    assert_eq!(second.annotation.unwrap().status, AnnotationStatus::Disputed);
    let undone = store.undo_review(&actor("bob", Role::Analyst), &second.review.id).unwrap();
    assert_eq!(undone.annotation.unwrap().status, AnnotationStatus::Draft);
    assert_eq!(review("bob", Verdict::Confirm).annotation.unwrap().status, AnnotationStatus::Confirmed);
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn undoing_the_only_confirmation_withdraws_the_annotation_and_keeps_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let ann = actor("ann", Role::Analyst);
    let outcome =
        store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let id = outcome.annotation.unwrap().id;
    let undone = store.undo_review(&ann, &outcome.review.id).unwrap();
    assert_eq!((undone.state, undone.annotation), (CandidateState::Pending, None));
    assert!(matches!(store.annotation(&id), Err(RecordError::NotFound { .. })));
    assert_eq!(store.annotation_versions(None, &id).unwrap().events.len(), 2);
    assert_eq!(store.items(&Query::first(Collection::Annotations, 10)).unwrap().number_matched, 0);
}

#[test]
fn a_review_sent_twice_with_one_key_is_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let send = || {
        store.add_review(
            &actor("ann", Role::Analyst),
            &candidates[0],
            IfMatch::Revision(1),
            verdict(Verdict::Confirm),
            Some("key-1"),
        )
    };
    let first = send().unwrap();
    let second = send().unwrap();
    assert_eq!(first, second);
    assert_eq!(store.reviews(None, &candidates[0]).unwrap().reviews.len(), 1);
}

#[test]
fn a_key_that_was_used_for_something_else_loses_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 2);
    let ann = actor("ann", Role::Analyst);
    let [first, second] = &candidates[..] else { panic!("two candidates were recorded") };
    let here = store.candidate(first).unwrap().comparison;
    let new = comparison(&store, &add_site(&store, "Elsewhere"), 0);
    let elsewhere = store.add_comparison(&ann, new).unwrap().id;
    let review = |candidate: &CandidateId, key| {
        store.add_review(&ann, candidate, IfMatch::Any, verdict(Verdict::Reject), Some(key))
    };
    let draw = |comparison: &ComparisonId, key| store.draw_candidate(&ann, drawing(comparison), Some(key));
    review(first, "key-1").unwrap();
    let drawn = draw(&here, "key-2").unwrap();
    let refused =
        [review(second, "key-1"), review(first, "key-2"), draw(&here, "key-1"), draw(&elsewhere, "key-2")];
    for refused in refused {
        assert!(matches!(refused, Err(RecordError::Conflict { what: "Idempotency-Key", .. })), "{refused:?}");
    }
    assert_eq!(draw(&here, "key-2").unwrap(), drawn);
    review(second, "key-3").unwrap();
}

#[test]
fn a_viewer_may_not_review_and_an_analyst_may_not_make_sites() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let error = store
        .add_review(
            &actor("eve", Role::Viewer),
            &candidates[0],
            IfMatch::Any,
            verdict(Verdict::Confirm),
            None,
        )
        .unwrap_err();
    assert_eq!(error.to_string(), "eve is viewer but reviewing a candidate takes analyst");
}

#[test]
fn a_second_person_who_could_not_see_them_does_not_overwrite_the_first_words() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let said = |name: &str, title: &str, note: Option<&str>| {
        let review = NewReview {
            title: Some(title.to_owned()),
            note: note.map(str::to_owned),
            ..verdict(Verdict::Confirm)
        };
        let who = actor(name, Role::Analyst);
        store.add_review(&who, &candidates[0], IfMatch::Any, review, None).unwrap().annotation.unwrap()
    };
    said("ann", "Assembly hall", None);
    let second = said("bob", "Some hall", Some("roof of two colours"));
    assert_eq!(second.title.as_deref(), Some("Assembly hall"));
    assert_eq!(second.note.as_deref(), Some("roof of two colours"));
}

#[test]
fn an_analysts_review_of_what_is_no_draft_fills_gaps_and_a_reviewers_says_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let moved = read_polygon(&square(127.7, 39.8)).unwrap();
    let said = |name: &str, role: Role, title: &str| {
        let review = NewReview {
            title: Some(title.to_owned()),
            note: Some(format!("noted by {name}")),
            confidence: Some(record::Confidence::Low),
            geometry: Some(moved.clone()),
            ..verdict(Verdict::Confirm)
        };
        let spoken =
            store.add_review(&actor(name, role), &candidates[0], IfMatch::Any, review, None).unwrap();
        assert_eq!(spoken.review.title.as_deref(), Some(title), "the review keeps its own words");
        spoken.annotation.unwrap()
    };
    let ann = actor("ann", Role::Analyst);
    store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let draft = said("ann", Role::Analyst, "Shed");
    assert_eq!(
        (draft.title.as_deref(), &draft.outline),
        (Some("Shed"), &moved),
        "a draft is its author's own"
    );

    let bob = actor("bob", Role::Reviewer);
    let confirmed =
        store.add_review(&bob, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let confirmed = confirmed.annotation.unwrap();
    assert_eq!(confirmed.status, AnnotationStatus::Confirmed);
    for name in ["cat", "ann"] {
        assert_eq!(said(name, Role::Analyst, "Nothing of note"), confirmed, "{name}");
    }
    assert_eq!(said("rob", Role::Reviewer, "Assembly hall").title.as_deref(), Some("Assembly hall"));
}

#[test]
fn who_gives_way_in_a_dispute_of_types_gives_the_annotation_the_type_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let typed = |name: &str, kind: &str| {
        let review = NewReview { structure_type: Some(kind.to_owned()), ..verdict(Verdict::Confirm) };
        let who = actor(name, Role::Analyst);
        store.add_review(&who, &candidates[0], IfMatch::Any, review, None).unwrap().annotation.unwrap()
    };
    typed("ann", "warehouse");
    assert_eq!(typed("bob", "housing").status, AnnotationStatus::Disputed);
    let settled = typed("ann", "housing");
    assert_eq!(
        (settled.status, settled.structure_type.as_deref()),
        (AnnotationStatus::Confirmed, Some("housing"))
    );
}

#[test]
fn agreement_is_told_over_independent_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 4);
    let review = |name: &str, at: usize, what: Verdict| {
        store
            .add_review(&actor(name, Role::Analyst), &candidates[at], IfMatch::Any, verdict(what), None)
            .unwrap();
    };
    use Verdict::{Confirm, Reject};
    for (at, (first, second)) in
        [(Confirm, Confirm), (Confirm, Reject), (Reject, Reject)].into_iter().enumerate()
    {
        review("ann", at, first);
        review("bob", at, second);
    }
    // bob gives way after seeing what ann said: that is no agreement
    review("bob", 1, Confirm);
    review("ann", 3, Confirm);
    let agreement = store.agreement(None).unwrap();
    // observed 2/3, expected (2x1 + 1x2)/9 = 4/9: kappa = (6/9 - 4/9) / (5/9)
    assert_eq!(agreement.verdicts.all.candidates, 3);
    assert!((agreement.verdicts.all.kappa.unwrap() - 0.4).abs() < 1e-9);
    assert_eq!(agreement.outlines.len(), 1);
    assert!((agreement.iou_mean.unwrap() - 1.0).abs() < 1e-9);
    assert!(store.agreement(Some(&SiteId("nowhere".to_owned()))).is_err());
}

#[test]
fn what_was_taken_back_is_not_said_again_by_the_next_person() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Reviewer));
    let wrong = NewReview {
        note: Some("a reactor".to_owned()),
        geometry: Some(read_polygon(&square(127.7, 39.8)).unwrap()),
        ..verdict(Verdict::Confirm)
    };
    let first = store.add_review(&ann, &candidates[0], IfMatch::Any, wrong, None).unwrap();
    store.undo_review(&ann, &first.review.id).unwrap();
    let plain = NewReview { title: None, structure_type: None, ..verdict(Verdict::Confirm) };
    let second = store.add_review(&bob, &candidates[0], IfMatch::Any, plain, None).unwrap();
    let annotation = second.annotation.unwrap();
    assert_eq!(annotation.id, first.annotation.unwrap().id);
    assert_eq!((annotation.title, annotation.note, annotation.structure_type), (None, None, None));
    assert_eq!(annotation.created_by, "bob");
    assert_eq!(annotation.outline, store.candidate(&candidates[0]).unwrap().found.outline);
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn who_rejects_after_a_confirmation_was_taken_back_is_told_of_no_annotation() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let yes = store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    store.undo_review(&ann, &yes.review.id).unwrap();
    let no = store.add_review(&bob, &candidates[0], IfMatch::Any, verdict(Verdict::Reject), None).unwrap();
    assert_eq!((no.state, no.annotation), (CandidateState::Rejected, None));
}
