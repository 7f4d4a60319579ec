//! Structures that people drew, on the page or in another program.

use record::{
    AnnotationStatus, CandidateId, CandidateState, Collection, Detector, IfMatch, NewCandidate,
    NewComparison, NewReview, Query, RecordError, Role, SiteId, Store, Verdict, geojson::read_polygon,
    verify::verify,
};
use serde_json::json;

use crate::support::{
    actor, add_scene, add_scene_at, add_site, comparison, drawing, drawn_elsewhere, found, seen, square,
    store_with_candidates, verdict,
};

#[test]
fn what_an_analyst_drew_waits_for_a_second_person_as_any_candidate_does() {
    use record::AwaitedLook::{Second, Waiting};
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 2);
    let comparison = store.candidate(&candidates[0]).unwrap().comparison;
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let drawn = store.draw_candidate(&ann, drawing(&comparison), Some("k")).unwrap();
    assert_eq!(
        store.draw_candidate(&ann, drawing(&comparison), Some("k")).unwrap(),
        drawn,
        "sent twice, drawn once"
    );
    let id = drawn.review.candidate.clone();
    let candidate = store.candidate(&id).unwrap();
    assert!(candidate.is_drawn() && candidate.detector == Detector::hand());
    assert!(candidate.found.length_m >= candidate.found.width_m && candidate.found.width_m > 0.0);
    assert_eq!(drawn.annotation.unwrap().status, AnnotationStatus::Draft);

    let look = |reader| store.queue_entry(Some(reader), &id).unwrap();
    assert_eq!((look("ann").look, look("ann").annotation.is_some()), (Waiting, true));
    assert_eq!((look("bob").look, look("bob").annotation.is_some()), (Second, false));
    assert_eq!(seen(&store, Some("bob"), Collection::Annotations), [], "the words are hidden");
    assert_eq!(
        store.queue(Some("bob"), &comparison).unwrap().entries[0].item.id,
        id.as_str(),
        "drawn ones first"
    );
    let second = store.add_review(&bob, &id, IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    assert_eq!(second.annotation.unwrap().status, AnnotationStatus::Confirmed);
    assert!(second.review.independent);
    assert_eq!(store.agreement(None).unwrap().verdicts.all.candidates, 0, "nobody was asked about it first");
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn a_drawing_that_is_taken_back_is_gone_unless_somebody_else_spoke_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let comparison = store.candidate(&candidates[0]).unwrap().comparison;
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let alone = store.draw_candidate(&ann, drawing(&comparison), None).unwrap();
    store.undo_review(&ann, &alone.review.id).unwrap();
    assert!(matches!(store.candidate(&alone.review.candidate), Err(RecordError::NotFound { .. })));
    assert_eq!(store.queue(Some("ann"), &comparison).unwrap().entries.len(), 1);
    let site = SiteId("february-11-plant".to_owned());
    assert_eq!(store.comparisons(Some("ann"), &site).unwrap()[0].1, 1, "nor does it wait for anybody");

    let shared = store.draw_candidate(&ann, drawing(&comparison), None).unwrap();
    let id = shared.review.candidate.clone();
    store.add_review(&bob, &id, IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    store.undo_review(&ann, &shared.review.id).unwrap();
    assert_eq!(store.candidate(&id).unwrap().state, CandidateState::Confirmed);
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn what_a_detector_found_without_a_score_is_not_drawn_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let ann = actor("ann", Role::Analyst);
    let candidates = vec![NewCandidate { score: None, ..found(0) }];
    store.add_comparison(&ann, NewComparison { candidates, ..comparison(&store, &site, 0) }).unwrap();
    let page = store.items(&Query::first(Collection::Candidates, 1)).unwrap();
    let id = CandidateId(page.items[0].id.clone());
    let said = store.add_review(&ann, &id, IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    store.undo_review(&ann, &said.review.id).unwrap();
    assert_eq!(store.candidate(&id).unwrap().state, CandidateState::Pending);
}

#[test]
fn a_draft_from_another_program_comes_before_a_second_person_as_any_candidate_does() {
    use record::AwaitedLook::{Second, Waiting};
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let comparison = store.candidate(&candidates[0]).unwrap().comparison;
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let made = store.create_annotation(&ann, drawn_elsewhere(Some("2024-01-01T00:00:00Z"), None)).unwrap();
    assert_eq!((made.status, made.revision, made.sources.len()), (AnnotationStatus::Draft, 1, 2));
    assert_eq!(made.start_datetime.unwrap().to_string(), "2024-01-01T00:00:00Z", "the window stays as given");
    assert_eq!(made.end_datetime.unwrap().to_string(), "2024-10-21T02:25:00Z", "an open end is the image's");
    let stored = store.annotation(&made.id).unwrap();
    assert_eq!((stored.revision, &stored.candidate), (1, &made.candidate), "said once, written once");

    let id = made.candidate.unwrap();
    assert_eq!(store.candidate(&id).unwrap().comparison, comparison);
    let look = |reader| store.queue_entry(Some(reader), &id).unwrap().look;
    assert_eq!((look("ann"), look("bob")), (Waiting, Second));
    assert_eq!(seen(&store, Some("bob"), Collection::Annotations), [], "the words are hidden");
    let untitled = NewReview { title: None, ..verdict(Verdict::Confirm) };
    let second = store.add_review(&bob, &id, IfMatch::Any, untitled, None).unwrap();
    let settled = second.annotation.unwrap();
    assert!(second.review.independent);
    assert_eq!((settled.id, settled.status), (made.id, AnnotationStatus::Confirmed));
    assert_eq!(settled.title.as_deref(), Some("Hall"));
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn a_comparison_across_the_antimeridian_shows_what_lies_beyond_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let part = |west: f64, east: f64| {
        json!([[[west, -17.0], [east, -17.0], [east, -16.9], [west, -16.9], [west, -17.0]]])
    };
    let footprint =
        json!({"type": "MultiPolygon", "coordinates": [part(179.9, 180.0), part(-180.0, -179.8)]});
    let scene = |datetime| add_scene_at(&store, &site, datetime, &footprint);
    let new = NewComparison {
        before: scene("2023-05-14T02:10:00Z"),
        after: scene("2024-10-21T02:25:00Z"),
        ..comparison(&store, &site, 0)
    };
    let ann = actor("ann", Role::Analyst);
    store.add_comparison(&ann, new).unwrap();
    for (west, is_shown) in [(-179.85, true), (179.95, true), (-179.7, false)] {
        let outline = read_polygon(&square(west, -16.95)).unwrap();
        let drawn = record::AnnotationDraft { outline, ..drawn_elsewhere(None, None) };
        assert_eq!(store.create_annotation(&ann, drawn).unwrap().candidate.is_some(), is_shown, "{west}");
    }
}

#[test]
fn a_draft_from_another_program_belongs_to_the_comparison_nearest_to_its_window() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let first = store.candidate(&candidates[0]).unwrap();
    let later = add_scene(&store, &first.site, "2025-03-01T00:00:00Z");
    let ann = actor("ann", Role::Analyst);
    let compared = |before: &record::SceneId| {
        let comparison = NewComparison {
            before: before.clone(),
            after: later.clone(),
            fit: store.comparison(&first.comparison).unwrap().fit,
            cautions: Vec::new(),
            detector: Detector {
                name: "classical".to_owned(),
                version: "0.1.0".to_owned(),
                model_sha256: None,
            },
            candidates: Vec::new(),
        };
        store.add_comparison(&ann, comparison).unwrap().id
    };
    let (whole, second) = (compared(&first.before), compared(&first.after));
    let of = |start, end| {
        let made = store.create_annotation(&ann, drawn_elsewhere(start, end)).unwrap();
        made.candidate.map(|candidate| store.candidate(&candidate).unwrap().comparison)
    };
    assert_eq!(of(Some("2023-05-01T00:00:00Z"), Some("2024-10-30T00:00:00Z")), Some(first.comparison));
    assert_eq!(of(Some("2023-06-01T00:00:00Z"), Some("2025-03-01T00:00:00Z")), Some(whole));
    assert_eq!(of(Some("2024-11-01T00:00:00Z"), None), Some(second.clone()));
    assert_eq!(of(None, None), Some(second), "the latest, where nothing is said");
    assert_eq!(of(Some("2025-03-02T00:00:00Z"), None), None, "after all images");
    assert_eq!(of(None, Some("2023-01-01T00:00:00Z")), None, "before all images");
    let beside = record::AnnotationDraft {
        outline: read_polygon(&square(127.7, 39.9)).unwrap(),
        ..drawn_elsewhere(None, None)
    };
    assert_eq!(store.create_annotation(&ann, beside).unwrap().candidate, None, "no image shows it");
}

#[test]
fn a_draft_that_no_comparison_shows_is_confirmed_by_a_reviewer_who_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add_site(&store, "February 11 plant");
    let ann = actor("ann", Role::Analyst);
    let made = store.create_annotation(&ann, drawn_elsewhere(None, None)).unwrap();
    assert_eq!((made.status, &made.candidate), (AnnotationStatus::Draft, &None));
    let again = store.update_annotation(&ann, &made.id, IfMatch::Any, made.clone().into()).unwrap();
    assert_eq!(again.status, AnnotationStatus::Draft, "an analyst's word stays one");
    let rob = actor("rob", Role::Reviewer);
    let changed = store.update_annotation(&rob, &made.id, IfMatch::Any, made.clone().into()).unwrap();
    assert_eq!((changed.status, changed.created_by.as_str()), (AnnotationStatus::Confirmed, "ann"));
    let kinds: Vec<_> = store
        .annotation_versions(None, &made.id)
        .unwrap()
        .events
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(kinds, ["annotation.created", "annotation.changed", "annotation.confirmed"]);
}

#[test]
fn a_drawn_annotation_comes_back_in_the_status_in_which_it_was_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add_site(&store, "February 11 plant");
    let (ann, rob) = (actor("ann", Role::Analyst), actor("rob", Role::Reviewer));
    let made = store.create_annotation(&ann, drawn_elsewhere(None, None)).unwrap();
    store.update_annotation(&rob, &made.id, IfMatch::Any, made.clone().into()).unwrap();
    store.withdraw_annotation(&rob, &made.id, IfMatch::Any).unwrap();
    let undone = store.restore_annotation(&ann, &made.id, IfMatch::Any, 1);
    assert!(matches!(undone, Err(RecordError::Forbidden { .. })), "a draft of then is none now: {undone:?}");
    for revision in [1, 3] {
        let back = store.restore_annotation(&rob, &made.id, IfMatch::Any, revision).unwrap();
        assert_eq!(back.status, AnnotationStatus::Confirmed, "by revision {revision}");
        assert_eq!(store.annotation(&made.id).unwrap().revision, back.revision);
        store.withdraw_annotation(&rob, &made.id, IfMatch::Any).unwrap();
    }
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn who_withdraws_a_drawing_that_nobody_else_spoke_for_takes_it_out_of_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let comparison = store.candidate(&candidates[0]).unwrap().comparison;
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let made = store.create_annotation(&ann, drawn_elsewhere(None, None)).unwrap();
    let gone = store.withdraw_annotation(&ann, &made.id, IfMatch::Revision(1)).unwrap();
    let refused = store.restore_annotation(&ann, &made.id, IfMatch::Any, 1).unwrap_err();
    assert!(refused.to_string().contains("draw the structure again"), "{refused}");
    assert_eq!((gone.status, gone.revision), (AnnotationStatus::Withdrawn, 2));
    assert_eq!(store.queue(Some("bob"), &comparison).unwrap().entries.len(), 1);
    assert!(store.annotation(&made.id).is_err());

    // what bob cannot tell of stays ann's to withdraw, and bob's word stays
    let shared = store.create_annotation(&ann, drawn_elsewhere(None, None)).unwrap();
    let id = shared.candidate.unwrap();
    store.add_review(&bob, &id, IfMatch::Any, verdict(Verdict::Unsure), None).unwrap();
    store.withdraw_annotation(&ann, &shared.id, IfMatch::Any).unwrap();
    assert_eq!(store.reviews(None, &id).unwrap().reviews.iter().filter(|review| !review.undone).count(), 2);
    assert!(verify(folder.path(), None).is_ok());
}
