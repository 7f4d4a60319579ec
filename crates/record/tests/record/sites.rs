//! Sites, their tokens and their types of structures.

use record::{
    Actor, IfMatch, NewReview, RecordError, Role, SiteId, Store, StructureType, Verdict,
    geojson::{read_polygon, read_site},
    verify::{VerifyError, verify},
};
use serde_json::json;

use crate::support::{
    actor, add_site, copy_of, drawn_elsewhere, square, store_with_candidates, tamper, verdict,
};

#[test]
fn a_name_that_is_taken_gets_the_next_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let named = |name: &str, id: Option<&str>| {
        let feature = json!({
            "type": "Feature", "id": id, "geometry": square(127.6, 39.9), "properties": {"name": name},
        });
        let site = store.create_site(&actor("root", Role::Admin), read_site(&feature).unwrap());
        site.map(|site| site.id.to_string()).map_err(|error| error.to_string())
    };
    let numbered = ["함흥", "흥남", "함흥 (2)"].map(|name| named(name, None).unwrap());
    assert_eq!(numbered, ["site", "site-2", "2"]);
    for id in ["site-1500", "site-9-a", "site-20000", "site-b"] {
        named("Elsewhere", Some(id)).unwrap();
    }
    assert_eq!(named("신포", None).unwrap(), "site-1501");
    named("Elsewhere", Some("site-9999")).unwrap();
    let refused = named("신포", None).unwrap_err();
    assert!(refused.starts_with("id is left out but must be given"), "{refused}");
    let long = "a".repeat(200);
    let ids = [named(&long, None).unwrap(), named(&long, None).unwrap()];
    assert_eq!(ids[1], format!("{}-2", ids[0]));
    assert_eq!(ids[0].len() + "-9999".len(), 64);
}

#[test]
fn a_site_cannot_lie_below_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let complex = add_site(&store, "Ryongsong Machine Complex");
    let plant = add_site(&store, "February 11 plant");
    let admin = actor("root", Role::Admin);
    let under = |name: &str, parent: &SiteId| {
        let feature = json!({
            "type": "Feature", "geometry": square(127.6, 39.9), "properties": {"name": name, "parent": parent},
        });
        read_site(&feature).unwrap()
    };
    store.update_site(&admin, &plant, IfMatch::Revision(1), under("February 11 plant", &complex)).unwrap();
    let error = store.update_site(&admin, &complex, IfMatch::Any, under("Complex", &plant)).unwrap_err();
    assert!(matches!(error, RecordError::Invalid { field: "parent", .. }));
}

#[test]
fn a_site_is_counted_without_its_parts_and_without_what_was_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ids) = store_with_candidates(folder.path(), 3);
    add_site(&store, "Assembly hall");
    let ann = actor("ann", Role::Analyst);
    let reviewed = store.add_review(&ann, &ids[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let counted = || {
        let summaries = store.site_summaries(None).unwrap();
        summaries.into_iter().map(|site| (site.scenes, site.pending, site.structures)).collect::<Vec<_>>()
    };
    assert_eq!(counted(), [(2, 2, 1), (0, 0, 0)]);
    let last = store.site_summaries(None).unwrap().remove(0).last_scene;
    assert_eq!(last, Some("2024-10-21T02:25:00Z".parse().unwrap()));
    store.undo_review(&ann, &reviewed.review.id).unwrap();
    assert_eq!(counted(), [(2, 3, 0), (0, 0, 0)]);
}

#[test]
fn a_token_opens_until_it_is_revoked_and_its_secret_is_not_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let admin = actor("root", Role::Admin);
    let store = Store::open(folder.path()).unwrap();
    let made = store.create_token(&admin, "ann", Role::Analyst).unwrap();
    assert_eq!(store.actor_of_secret(&made.secret).unwrap(), Some(actor("ann", Role::Analyst)));
    for _ in 0..2 {
        store.revoke_token(&admin, &made.token.id).unwrap();
        assert_eq!(store.actor_of_secret(&made.secret).unwrap(), None);
    }
    let events = store.events_of(&format!("token/{}", made.token.id)).unwrap();
    assert_eq!(events.len(), 2, "made, and revoked once");
    drop(store);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(made.secret.len()).any(|window| window == made.secret.as_bytes()));
        }
    }
}

#[test]
fn the_taxonomy_is_changed_under_an_event_and_keeps_the_types_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 2);
    let (ann, ida) = (actor("ann", Role::Analyst), actor("ida", Role::Admin));
    store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    // where no image shows it nothing but its revisions names what it was
    let beside = record::AnnotationDraft {
        outline: read_polygon(&square(128.6, 39.9)).unwrap(),
        ..drawn_elsewhere(None, None)
    };
    let shed = record::AnnotationDraft { structure_type: Some("shed".to_owned()), ..beside.clone() };
    let made = store.create_annotation(&ann, shed).unwrap();
    store.update_annotation(&ann, &made.id, IfMatch::Any, beside).unwrap();
    let first = store.taxonomy().unwrap();
    assert_eq!((first.revision, first.types.len()), (1, 14));

    let kind = |id: &str, label: &str, key: Option<&str>| StructureType {
        id: id.to_owned(),
        label: label.to_owned(),
        key: key.map(str::to_owned),
    };
    let types = vec![kind("radar", "Radar", Some("r")), kind("warehouse", "Store house", None)];
    let change = |actor: &Actor, based_on: u64, types: &[StructureType]| {
        store.change_taxonomy(actor, IfMatch::Revision(based_on), types.to_vec())
    };
    assert!(matches!(change(&ann, 1, &types), Err(RecordError::Forbidden { .. })));
    let used = change(&ida, 1, &types[..1]).unwrap_err();
    assert!(matches!(&used, RecordError::Conflict { id, .. } if id == "warehouse"), "{used}");
    let changed = change(&ida, 1, &types).unwrap();
    assert_eq!((changed.revision, &changed.types), (2, &types));
    assert!(matches!(change(&ida, 1, &types), Err(RecordError::Stale { current: 2, .. })));
    assert_eq!(store.taxonomy().unwrap(), changed);
    let restored = store.restore_annotation(&ann, &made.id, IfMatch::Any, 1).unwrap_err();
    assert!(matches!(&restored, RecordError::Invalid { field: "structure_type", .. }), "{restored}");

    let of = |kind: &str| NewReview { structure_type: Some(kind.to_owned()), ..verdict(Verdict::Confirm) };
    assert!(store.add_review(&ann, &candidates[1], IfMatch::Any, of("shed"), None).is_err());
    store.add_review(&ann, &candidates[1], IfMatch::Any, of("radar"), None).unwrap();
    drop(store);
    assert_eq!(Store::open(folder.path()).unwrap().taxonomy().unwrap(), changed);
    assert!(verify(folder.path(), None).is_ok());
    for sql in [
        "UPDATE structure_type SET label = 'Tower' WHERE id = 'radar'",
        "UPDATE structure_type SET position = 2 - position",
        "DELETE FROM structure_type",
    ] {
        let copy = copy_of(folder.path());
        tamper(copy.path(), sql);
        let error = verify(copy.path(), None).expect_err(sql);
        let is_told =
            matches!(&error, VerifyError::ChangedState { subject, .. } if subject.starts_with("taxonomy/"));
        assert!(is_told, "{sql}: {error}");
    }
}

#[test]
fn a_site_with_annotations_alone_is_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (site, admin) = (add_site(&store, "February 11 plant"), actor("root", Role::Admin));
    let drawn = record::AnnotationDraft { site: site.clone(), ..drawn_elsewhere(None, None) };
    let made = store.create_annotation(&admin, drawn).unwrap();
    let refused = store.delete_site(&admin, &site, IfMatch::Any).unwrap_err();
    assert!(refused.to_string().contains("annotations"), "{refused}");
    store.withdraw_annotation(&admin, &made.id, IfMatch::Any).unwrap();
    store.delete_site(&admin, &site, IfMatch::Any).unwrap();
    let back = store.restore_annotation(&admin, &made.id, IfMatch::Any, 1).unwrap_err();
    assert!(back.to_string().contains("which was deleted"), "{back}");
}
