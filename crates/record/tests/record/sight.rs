//! What of the others' verdicts a person sees, and when.

use record::{
    CandidateId, Collection, Filter, IfMatch, Query, RecordError, Role, Sha256Hex, SiteId, Store, Verdict,
    verify::verify,
};
use serde_json::json;

use crate::support::{actor, seen, store_with_candidates, verdict};

fn filtered(store: &Store, reader: &str, filter: &str) -> usize {
    let filter = Some(Filter::from_text(filter).unwrap());
    let reader = Some(reader.to_owned());
    let query = Query { reader, filter, ..Query::first(Collection::Candidates, 100) };
    store.items(&query).unwrap().items.len()
}

#[test]
fn a_first_verdict_is_hidden_from_the_second_person_by_every_way_of_asking() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 2);
    let [candidate, _] = &candidates[..] else { unreachable!() };
    let ann = actor("ann", Role::Analyst);
    let first = store.add_review(&ann, candidate, IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let annotation = first.annotation.unwrap().id;

    for reader in [None, Some("ann")] {
        assert_eq!(seen(&store, reader, Collection::Annotations).len(), 1);
        assert_eq!(seen(&store, reader, Collection::Candidates)[0].1, "confirmed");
        assert_eq!(store.annotation_versions(reader, &annotation).unwrap().events.len(), 1);
        assert_eq!(store.reviews(reader, candidate).unwrap().reviews.len(), 1);
    }
    let bob = Some("bob");
    assert_eq!(seen(&store, bob, Collection::Annotations), []);
    assert_eq!(seen(&store, bob, Collection::Candidates)[0].1, "pending");
    assert_eq!(filtered(&store, "bob", "state = 'confirmed'"), 0);
    assert_eq!(filtered(&store, "bob", "state = 'pending'"), 2);
    assert!(store.annotation_versions(bob, &annotation).is_err());
    assert!(store.item_seen_by(bob, Collection::Annotations, annotation.as_str()).is_err());
    let held_back = store.reviews(bob, candidate).unwrap();
    assert_eq!((held_back.reviews.len(), held_back.hidden.as_deref()), (0, Some("ann")));
    let (truth, shown) = (
        store.item(Collection::Candidates, candidate.as_str()).unwrap(),
        store.item_seen_by(bob, Collection::Candidates, candidate.as_str()).unwrap(),
    );
    assert_eq!(shown.value()["properties"]["state"], "pending");
    assert_ne!(shown.sha256, truth.sha256);
    // nor by trying which state the tag stands for
    let mut feature = truth.value();
    for state in ["pending", "confirmed", "rejected", "unsure", "bad-imagery"] {
        feature["properties"]["state"] = json!(state);
        let tag = Sha256Hex::of(feature.to_string().as_bytes());
        assert!(!shown.sha256.contains(tag.as_str()), "the tag tells {state}");
    }
    // not even by trying to change it
    let bob = actor("bob", Role::Reviewer);
    let drawn = store.annotation(&annotation).unwrap();
    let refused = store.update_annotation(&bob, &annotation, IfMatch::Any, drawn.into());
    assert!(matches!(refused, Err(RecordError::NotFound { .. })), "{refused:?}");
}

#[test]
fn a_first_verdict_stays_hidden_while_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let (id, ann, bob) = (&candidates[0], actor("ann", Role::Analyst), Some("bob"));
    let speak = || store.add_review(&ann, id, IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let first = speak();
    let annotation = first.annotation.unwrap().id;
    store.undo_review(&ann, &first.review.id).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..90 {
                store.undo_review(&ann, &speak().review.id).unwrap();
            }
        });
        while !writer.is_finished() {
            let candidate = store.item_seen_by(bob, Collection::Candidates, id.as_str()).unwrap();
            assert_eq!(candidate.value()["properties"]["state"], "pending");
            assert_eq!(store.queue_entry(bob, id).unwrap().annotation, None);
            assert!(store.reviews(bob, id).unwrap().reviews.iter().all(|review| review.undone));
            assert_eq!(store.extent(bob, Collection::Annotations).unwrap(), None);
            // each time it is withdrawn again
            if let Ok(item) = store.item_ever_seen_by(bob, Collection::Annotations, annotation.as_str()) {
                assert_eq!(item.value()["properties"]["status"], "withdrawn");
            }
            if let Ok(versions) = store.annotation_versions(bob, &annotation) {
                assert_eq!(versions.events.len() % 2, 0);
            }
        }
    });
}

#[test]
fn who_has_given_their_own_verdict_sees_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let review = |name: &str, what: Verdict| {
        store
            .add_review(&actor(name, Role::Analyst), &candidates[0], IfMatch::Any, verdict(what), None)
            .unwrap()
            .review
    };
    assert!(review("ann", Verdict::Reject).independent);
    assert!(review("bob", Verdict::Confirm).independent);
    for reader in ["ann", "bob", "cat"] {
        assert_eq!(store.reviews(Some(reader), &candidates[0]).unwrap().reviews.len(), 2);
        assert_eq!(seen(&store, Some(reader), Collection::Annotations)[0].1, "disputed");
    }
    assert!(!review("bob", Verdict::Reject).independent, "bob has seen what ann said");
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn the_queue_says_whose_verdict_each_candidate_waits_for() {
    use record::AwaitedLook::{First, Second, Settled, Waiting};
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 3);
    let comparison = store.candidate(&candidates[0]).unwrap().comparison;
    let review = |name: &str, role, at: usize| {
        let outcome = store
            .add_review(&actor(name, role), &candidates[at], IfMatch::Any, verdict(Verdict::Confirm), None)
            .unwrap();
        outcome.review.id
    };
    let by_ann = review("ann", Role::Analyst, 0);
    review("rob", Role::Reviewer, 1);
    let looks = |reader: Option<&str>| {
        let queue = store.queue(reader, &comparison).unwrap();
        let entry = |id: &CandidateId| {
            let entry = queue.entries.iter().find(|entry| entry.item.id == id.as_str()).unwrap();
            (entry.look, entry.annotation.is_some())
        };
        candidates.iter().map(entry).collect::<Vec<_>>()
    };
    assert_eq!(looks(Some("ann")), [(Waiting, true), (Settled, true), (First, false)]);
    assert_eq!(looks(Some("bob")), [(Second, false), (Settled, true), (First, false)]);
    assert_eq!(looks(None), [(Waiting, true), (Settled, true), (First, false)]);
    let standing = store.queue(Some("ann"), &comparison).unwrap().standing;
    assert_eq!(standing.iter().map(|own| &own.review).collect::<Vec<_>>(), [&by_ann]);
    let pending =
        |reader| store.comparisons(Some(reader), &SiteId("february-11-plant".to_owned())).unwrap()[0].1;
    assert_eq!((pending("ann"), pending("bob")), (1, 2));
    store.undo_review(&actor("ann", Role::Analyst), &by_ann).unwrap();
    assert_eq!(looks(Some("bob"))[0], (First, false));
}
