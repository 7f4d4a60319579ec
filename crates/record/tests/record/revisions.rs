//! Former revisions of annotations, and how many there may be.

use record::{
    Actor, AnnotationStatus, IfMatch, RecordError, Role, Store, Verdict, geojson::read_polygon,
    verify::verify,
};

use crate::support::{actor, add_site, drawn_elsewhere, square, store_with_candidates, tamper, verdict};

#[test]
fn an_earlier_revision_comes_back_as_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let ann = actor("ann", Role::Analyst);
    let made = store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let made = made.annotation.unwrap();
    let moved = read_polygon(&square(127.7, 39.8)).unwrap();
    let drawn =
        record::AnnotationDraft { title: Some("Shed".to_owned()), outline: moved, ..made.clone().into() };
    store.update_annotation(&ann, &made.id, IfMatch::Revision(1), drawn).unwrap();
    let stale = store.restore_annotation(&ann, &made.id, IfMatch::Revision(1), 1);
    assert!(matches!(stale, Err(RecordError::Stale { .. })));
    let back = store.restore_annotation(&ann, &made.id, IfMatch::Revision(2), 1).unwrap();
    assert_eq!((back.revision, back.title.as_deref()), (3, Some("Hall")));
    assert_eq!(back.outline, made.outline);
    assert_eq!(
        store.annotation_versions(None, &made.id).unwrap().events.last().unwrap().kind,
        "annotation.restored"
    );
    assert!(store.restore_annotation(&ann, &made.id, IfMatch::Any, 9).is_err());

    store.withdraw_annotation(&ann, &made.id, IfMatch::Any).unwrap();
    let again = store.restore_annotation(&ann, &made.id, IfMatch::Revision(4), 2).unwrap();
    assert_eq!((again.revision, again.title.as_deref()), (5, Some("Shed")));
    assert_eq!(store.annotation(&made.id).unwrap().status, AnnotationStatus::Draft);
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn a_withdrawn_annotation_that_nobody_confirms_any_more_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let ann = actor("ann", Role::Analyst);
    let made = store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    store.undo_review(&ann, &made.review.id).unwrap();
    let refused = store.restore_annotation(&ann, &made.annotation.unwrap().id, IfMatch::Any, 1);
    assert!(matches!(refused, Err(RecordError::Conflict { .. })), "{refused:?}");
}

#[test]
fn what_was_withdrawn_by_hand_comes_back_only_by_a_confirmation() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let review = |name: &str, said: Verdict| {
        store
            .add_review(&actor(name, Role::Analyst), &candidates[0], IfMatch::Any, verdict(said), None)
            .unwrap()
    };
    review("ann", Verdict::Confirm);
    let confirmed = review("bob", Verdict::Confirm).annotation.unwrap();
    store.withdraw_annotation(&actor("rita", Role::Reviewer), &confirmed.id, IfMatch::Any).unwrap();
    for said in [Verdict::Unsure, Verdict::Reject] {
        assert_eq!(review("cat", said).annotation, None);
        assert!(store.annotation(&confirmed.id).is_err(), "{said:?} is no confirmation");
    }
    assert!(review("dan", Verdict::Confirm).annotation.is_some());
    assert!(store.annotation(&confirmed.id).is_ok());
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn reviews_of_a_candidate_and_revisions_of_an_annotation_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let (ann, rita) = (actor("ann", Role::Analyst), actor("rita", Role::Reviewer));
    let review = |actor: &Actor| {
        store.add_review(actor, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None)
    };
    let annotation = review(&ann).unwrap().annotation.unwrap();
    let more_reviews = |actor: &str, count: u32| {
        tamper(
            folder.path(),
            &format!(
                "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < {count})
                 INSERT INTO review (id, candidate, document)
                     SELECT '{actor}-' || more.n, candidate, json_set(document, '$.actor', '{actor}')
                     FROM more, (SELECT * FROM review LIMIT 1)"
            ),
        );
    };
    more_reviews("ann", 99);
    let refused = review(&ann).unwrap_err();
    assert!(refused.to_string().contains("reviewed 100 times by ann"), "{refused}");
    review(&rita).unwrap();
    more_reviews("many", 899);
    let refused = review(&rita).unwrap_err();
    assert!(refused.to_string().contains("1000 times in all"), "{refused}");

    tamper(
        folder.path(),
        "UPDATE item SET revision = 1000, feature = json_set(feature, '$.properties.revision', 1000)
         WHERE collection = 'annotations'",
    );
    let last = store.annotation(&annotation.id).unwrap();
    for refused in [
        store.update_annotation(&rita, &last.id, IfMatch::Any, last.clone().into()),
        store.restore_annotation(&rita, &last.id, IfMatch::Any, 1),
    ] {
        assert!(refused.unwrap_err().to_string().contains("at revision 1000, the last"));
    }
    assert!(store.withdraw_annotation(&rita, &last.id, IfMatch::Any).is_ok());
}

#[test]
fn versions_that_are_too_long_together_are_told_from_the_newest_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add_site(&store, "February 11 plant");
    let rob = actor("rob", Role::Reviewer);
    let made = store.create_annotation(&rob, drawn_elsewhere(None, None)).unwrap();
    let note = Some("x".repeat(3 << 20));
    for _ in 0..3 {
        let long = record::AnnotationDraft { note: note.clone(), ..made.clone().into() };
        store.update_annotation(&rob, &made.id, IfMatch::Any, long).unwrap();
    }
    let told = store.annotation_versions(None, &made.id).unwrap();
    assert_eq!((told.events.len(), told.left_out), (2, 2));
    assert!(told.events[0].seq < told.events[1].seq);
}
