//! Damage is found, and told as what it is.

use std::{os::unix::fs::PermissionsExt, path::Path};

use record::{
    Collection, IfMatch, Query, RecordError, Role, SiteId, Store, Verdict,
    verify::{Mark, VerifyError, verify},
};

use crate::support::{actor, copy_into, copy_of, store_with_candidates, tamper, verdict};

#[test]
fn damage_to_what_is_stored_is_no_fault_of_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let admin = actor("root", Role::Admin);
    store.create_token(&admin, "ann", Role::Analyst).unwrap();
    tamper(folder.path(), "UPDATE token SET created = 'yesterday'");
    assert!(matches!(store.tokens(), Err(RecordError::Stored { what: "token", .. })));
    tamper(
        folder.path(),
        "UPDATE item SET feature = json_remove(feature, '$.geometry.coordinates') WHERE collection <> 'annotations'",
    );
    let review = store.add_review(&admin, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None);
    assert!(matches!(review, Err(RecordError::StoredFeature { what: "candidate", .. })), "{review:?}");
    let site = store.site(&SiteId("february-11-plant".to_owned()));
    assert!(matches!(site, Err(RecordError::StoredFeature { what: "site", .. })), "{site:?}");
}

#[test]
fn verification_finds_a_changed_event_a_missing_one_a_changed_state_and_a_changed_blob() {
    let whole = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(whole.path(), 3);
    store
        .add_review(
            &actor("ann", Role::Analyst),
            &candidates[0],
            IfMatch::Any,
            verdict(Verdict::Confirm),
            None,
        )
        .unwrap();
    store.create_token(&actor("ida", Role::Admin), "ben", Role::Analyst).unwrap();
    drop(store);
    let report = verify(whole.path(), None).unwrap();
    // a site, two scenes, a comparison with its candidates, a review, an annotation and a token
    assert_eq!((report.events(), report.blobs, report.states), (7, 2, 10));

    type Expect = fn(&VerifyError) -> bool;
    let cases: [(&str, Expect); 34] = [
        ("UPDATE event SET actor = 'nobody' WHERE seq = 3", |error| {
            matches!(error, VerifyError::ChangedEvent { seq: 3, .. })
        }),
        ("PRAGMA foreign_keys = OFF; DELETE FROM event WHERE seq = 4", |error| {
            matches!(error, VerifyError::MissingEvent { expected: 4, found: 5 })
        }),
        ("DELETE FROM event WHERE seq = 7", |error| {
            matches!(error, VerifyError::UnknownState { subject } if subject.starts_with("token/"))
        }),
        ("UPDATE item SET feature = replace(feature, 'warehouse', 'housing')", |error| {
            matches!(error, VerifyError::ChangedState { .. })
        }),
        ("UPDATE item SET hidden = 1 WHERE collection = 'annotations'", |error| {
            matches!(error, VerifyError::ChangedState { subject, seq: 6 } if subject.starts_with("annotation/"))
        }),
        ("DELETE FROM item WHERE collection = 'annotations'", |error| {
            matches!(error, VerifyError::MissingState { subject, seq: 6 } if subject.starts_with("annotation/"))
        }),
        // as it was before it was reviewed, under the event of then
        (
            "UPDATE item SET event = 4, feature = replace(feature, '\"state\":\"confirmed\"', '\"state\":\"pending\"')
             WHERE collection = 'candidates' AND event = 5",
            |error| {
                matches!(error, VerifyError::ChangedState { subject, seq: 5 } if subject.starts_with("candidate/"))
            },
        ),
        ("UPDATE scene SET document = replace(document, 'rendered', 'satellite')", |error| {
            matches!(error, VerifyError::ChangedState { .. })
        }),
        ("UPDATE review SET document = replace(document, 'ann', 'ben')", |error| {
            matches!(error, VerifyError::ChangedState { subject, seq: 5 } if subject.starts_with("review/"))
        }),
        ("UPDATE review SET undone = 1", |error| matches!(error, VerifyError::ChangedState { seq: 5, .. })),
        ("DELETE FROM review", |error| matches!(error, VerifyError::MissingState { seq: 5, .. })),
        ("UPDATE token SET role = 'admin'", |error| {
            matches!(error, VerifyError::ChangedState { subject, seq: 7 } if subject.starts_with("token/"))
        }),
        ("UPDATE token SET revoked = created", |error| {
            matches!(error, VerifyError::ChangedState { seq: 7, .. })
        }),
        ("UPDATE event SET time = 'x' WHERE seq = 2", |error| {
            matches!(error, VerifyError::UnreadableEvent { seq: 2, .. })
        }),
        ("UPDATE item SET feature = CAST(feature AS BLOB) WHERE collection = 'sites'", |error| {
            matches!(error, VerifyError::UnreadableState { subject, .. } if subject == "site/february-11-plant")
        }),
        ("UPDATE item SET hidden = 'x' WHERE collection = 'sites'", |error| {
            matches!(error, VerifyError::UnreadableState { subject, .. } if subject == "site/february-11-plant")
        }),
        // columns that repeat what a feature or a document says
        ("UPDATE item SET state = 'pending' WHERE event = 5", |error| {
            matches!(error, VerifyError::ChangedState { seq: 5, .. })
        }),
        ("UPDATE item SET candidate = 'another' WHERE collection = 'annotations'", |error| {
            matches!(error, VerifyError::ChangedState { seq: 6, .. })
        }),
        ("UPDATE scene SET site = 'elsewhere' WHERE event = 2", |error| {
            matches!(error, VerifyError::ChangedState { seq: 2, .. })
        }),
        ("UPDATE comparison SET site = 'elsewhere'", |error| {
            matches!(error, VerifyError::ChangedState { seq: 4, .. })
        }),
        ("UPDATE review SET candidate = 'another'", |error| {
            matches!(error, VerifyError::ChangedState { seq: 5, .. })
        }),
        // where and when a thing is, its revision, its tag and its event
        ("UPDATE item SET minx = minx + 1e-6 WHERE collection = 'annotations'", |error| {
            matches!(error, VerifyError::ChangedState { seq: 6, .. })
        }),
        ("UPDATE item SET end_ms = end_ms - 1 WHERE collection = 'annotations'", |error| {
            matches!(error, VerifyError::ChangedState { seq: 6, .. })
        }),
        ("UPDATE item SET revision = 3 WHERE collection = 'candidates' AND event = 5", |error| {
            matches!(error, VerifyError::ChangedState { seq: 5, .. })
        }),
        ("UPDATE item SET sha256 = replace(sha256, 'a', 'b') WHERE collection = 'sites'", |error| {
            matches!(error, VerifyError::ChangedState { seq: 1, .. })
        }),
        ("UPDATE item SET event = 4 WHERE collection = 'candidates' AND event = 5", |error| {
            matches!(error, VerifyError::ChangedState { seq: 5, .. })
        }),
        ("UPDATE scene SET datetime = datetime + 1 WHERE event = 2", |error| {
            matches!(error, VerifyError::ChangedState { seq: 2, .. })
        }),
        ("UPDATE scene SET maxy = 0 WHERE event = 3", |error| {
            matches!(error, VerifyError::ChangedState { seq: 3, .. })
        }),
        // who must not see a first verdict
        ("UPDATE item SET sole_reviewer = NULL WHERE collection = 'annotations'", |error| {
            matches!(error, VerifyError::ChangedState { subject, seq: 6 } if subject.starts_with("annotation/"))
        }),
        // counts and places
        ("UPDATE item_count SET items = items + 1 WHERE collection = 'candidates'", |error| {
            matches!(error, VerifyError::Miscounted { table: "item_count" })
        }),
        ("DELETE FROM item_pending", |error| {
            matches!(error, VerifyError::Miscounted { table: "item_pending" })
        }),
        ("UPDATE item_box SET minx = minx - 1 WHERE n = 2", |error| {
            matches!(error, VerifyError::Miscounted { table: "item_box" })
        }),
        ("UPDATE item_block SET maxx = maxx + 1 WHERE level = 2", |error| {
            matches!(error, VerifyError::Miscounted { table: "item_block" })
        }),
        ("PRAGMA user_version = 1000", |error| {
            matches!(error, VerifyError::Record(RecordError::NewerSchema { found: 1000, .. }))
        }),
    ];
    for (sql, expected) in cases {
        let copy = copy_of(whole.path());
        tamper(copy.path(), sql);
        let error = verify(copy.path(), None).expect_err(sql);
        assert!(expected(&error), "{sql}: {error}");
    }
    let copy = copy_of(whole.path());
    let blob = first_file(&copy.path().join("blobs"));
    std::fs::write(&blob, b"other bytes").unwrap();
    assert!(matches!(verify(copy.path(), None), Err(VerifyError::ChangedBlob { .. })));
    std::fs::remove_file(&blob).unwrap();
    assert!(matches!(verify(copy.path(), None), Err(VerifyError::MissingBlob { .. })));
}

#[test]
fn a_settled_store_is_its_database_file_and_a_log_that_was_laid_over_a_later_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 3);
    let ann = actor("ann", Role::Analyst);
    store.settle().unwrap();
    store.create_token(&actor("root", Role::Admin), "ben", Role::Analyst).unwrap();
    let stale = copy_of(folder.path());
    for candidate in &candidates {
        store.add_review(&ann, candidate, IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    }
    store.settle().unwrap();
    assert_eq!(std::fs::metadata(folder.path().join("stakeout.sqlite-wal")).unwrap().len(), 0);
    let database = |folder: &Path| folder.join(record::DATABASE_FILE);
    let alone = copy_of(folder.path());
    for beside in ["stakeout.sqlite-wal", "stakeout.sqlite-shm"] {
        std::fs::remove_file(alone.path().join(beside)).unwrap();
    }
    let whole = verify(alone.path(), None).unwrap();
    assert_eq!(whole, verify(folder.path(), None).unwrap());
    // a log of before beside the database of now, as a copy over an older copy leaves it
    std::fs::copy(database(folder.path()), database(stale.path())).unwrap();
    assert!(verify(stale.path(), None).is_err());
    let indexes = "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'event_subject')
        WHERE name = 'item_site'";
    tamper(alone.path(), indexes);
    let told = verify(alone.path(), None);
    assert!(matches!(told, Err(VerifyError::Damaged { .. })), "{told:?}");
}

#[test]
fn a_store_that_is_read_only_is_read_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 2);
    drop(store);
    let before = std::fs::read(folder.path().join(record::DATABASE_FILE)).unwrap();
    let store = Store::open_read_only(folder.path()).unwrap();
    let found = store.items(&Query::first(Collection::Candidates, 10)).unwrap();
    assert_eq!(found.items.len(), candidates.len());
    let ann = actor("ann", Role::Analyst);
    let refused = store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None);
    assert!(matches!(refused, Err(RecordError::Database(_))), "{refused:?}");
    drop(store);
    assert_eq!(std::fs::read(folder.path().join(record::DATABASE_FILE)).unwrap(), before);
    let none = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_read_only(none.path()), Err(RecordError::NotFound { .. })));
    assert_eq!(std::fs::read_dir(none.path()).unwrap().count(), 0);
}

#[test]
fn a_new_folder_is_for_nobody_else() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("sites/data");
    drop(Store::open(&folder).unwrap());
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_ne!(std::fs::metadata(above.path().join("sites")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_copy_in_a_write_protected_folder_is_verified_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    drop(store);
    tamper(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let odd = tempfile::Builder::new().prefix("100% #1? ").tempdir().unwrap();
    copy_into(folder.path(), odd.path());
    // what SQLite would make beside the database cannot be made
    let beside = ["-wal", "-shm"].map(|end| odd.path().join(format!("{}{end}", record::DATABASE_FILE)));
    for path in &beside {
        std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
    }
    let wanted = verify(folder.path(), None).unwrap();
    assert_eq!(verify(odd.path(), None).unwrap(), wanted);
    assert!(beside.iter().all(|path| path.is_symlink()));
    // but not without the writes that wait in a log
    let store = Store::open(folder.path()).unwrap();
    let ann = actor("ann", Role::Analyst);
    store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Reject), None).unwrap();
    std::fs::remove_file(&beside[0]).unwrap();
    std::fs::copy(folder.path().join(format!("{}-wal", record::DATABASE_FILE)), &beside[0]).unwrap();
    assert!(matches!(verify(odd.path(), None), Err(VerifyError::Record(RecordError::Database(_)))));
}

#[test]
fn a_chain_that_was_cut_off_or_told_otherwise_does_not_hold_an_event_that_was_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 2);
    let earlier = verify(folder.path(), None).unwrap().last.unwrap();
    drop(store);
    let [cut, other] = [copy_of(folder.path()), copy_of(folder.path())];
    let review = |folder: &Path, verdict_given| {
        let store = Store::open(folder).unwrap();
        let ann = actor("ann", Role::Analyst);
        store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(verdict_given), None).unwrap();
    };
    review(folder.path(), Verdict::Reject);
    review(other.path(), Verdict::Unsure);
    let noted = verify(folder.path(), Some(&earlier)).unwrap().last.unwrap();
    assert_eq!(noted.seq, earlier.seq + 1);
    assert_eq!(noted.to_string().parse::<Mark>().unwrap(), noted);
    assert!(verify(folder.path(), Some(&noted)).is_ok());
    let error = verify(cut.path(), Some(&noted)).unwrap_err();
    assert!(matches!(error, VerifyError::CutOff { last, .. } if last == earlier.seq), "{error}");
    let error = verify(other.path(), Some(&noted)).unwrap_err();
    assert!(matches!(error, VerifyError::OtherEvent { .. }), "{error}");
    for text in ["", "7", "7:ab", "0:", &noted.to_string().to_uppercase(), &format!("0:{}", noted.sha256)] {
        let error = text.parse::<Mark>().map(|mark| mark.to_string()).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

fn first_file(folder: &Path) -> std::path::PathBuf {
    let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if entry.is_dir() { first_file(&entry) } else { entry }
}
