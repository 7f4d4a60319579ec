//! The record through its public door.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{collections::BTreeMap, path::Path};

use record::{
    Actor, AnnotationStatus, CandidateId, CandidateState, Change, Collection, Cursor, Detector, Filter, Fit,
    IfMatch, JobStatus, NewCandidate, NewComparison, NewReview, NewScene, PageStart, Query, RasterFacts,
    RecordError, Role, Seen, SiteId, Store, Timestamp, Verdict,
    geojson::{read_polygon, read_site},
    verify::{VerifyError, verify},
};
use serde_json::{Value, json};

fn actor(name: &str, role: Role) -> Actor {
    Actor { name: name.to_owned(), role }
}

fn square(west: f64, south: f64) -> Value {
    let (east, north) = (west + 0.001, south + 0.001);
    json!({"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]})
}

fn add_site(store: &Store, name: &str) -> SiteId {
    let feature = json!({"type": "Feature", "geometry": square(127.6, 39.9), "properties": {"name": name}});
    store.create_site(&actor("root", Role::Admin), read_site(&feature).unwrap()).unwrap().id
}

fn add_scene(store: &Store, site: &SiteId, datetime: &str) -> record::SceneId {
    let (sha256, bytes) = store.blobs().put(datetime.as_bytes()).unwrap();
    let facts = NewScene {
        datetime: datetime.parse().unwrap(),
        platform: Some("rendered".to_owned()),
        provider: None,
        license: None,
        details: record::SceneDetails::default(),
        placement: None,
        footprint: Some(read_polygon(&square(127.6, 39.9)).unwrap()),
        original: record::scene::Original {
            sha256: sha256.clone(),
            bytes,
            media_type: "image/tiff".to_owned(),
            file_name: "scene.tif".to_owned(),
        },
        working: sha256,
        working_bytes: None,
        raster: RasterFacts {
            cols: 4,
            rows: 4,
            bands: 3,
            sample_type: "uint8".to_owned(),
            crs: Some("EPSG:32652".to_owned()),
            wkt: None,
            geotransform: None,
            gsd_m: Some(0.5),
            stretch: vec![[0.0, 255.0]; 3],
        },
    };
    store.add_scene(&actor("ann", Role::Analyst), site, facts).unwrap().id
}

fn found(index: u32) -> NewCandidate {
    NewCandidate {
        outline: read_polygon(&square(127.6 + f64::from(index) * 0.01, 39.9)).unwrap(),
        change: Change::New,
        score: 0.9,
        area_m2: 500.0,
        length_m: 25.0,
        width_m: 20.0,
        orientation_deg: 45.0,
        evidence: BTreeMap::from([("probability_mean".to_owned(), 0.8)]),
    }
}

/// A store with one site, two scenes and a comparison with so many candidates.
fn store_with_candidates(folder: &Path, candidates: u32) -> (Store, Vec<CandidateId>) {
    let store = Store::open(folder).unwrap();
    let site = add_site(&store, "February 11 plant");
    let new = NewComparison {
        before: add_scene(&store, &site, "2023-05-14T02:10:00Z"),
        after: add_scene(&store, &site, "2024-10-21T02:25:00Z"),
        fit: Fit {
            shift_east_m: 0.4,
            shift_north_m: -0.2,
            residual_m: 0.3,
            valid_share: 1.0,
            registrable: true,
            reason: None,
        },
        detector: Detector { name: "classical".to_owned(), version: "0.1.0".to_owned(), model_sha256: None },
        candidates: (0..candidates).map(found).collect(),
    };
    store.add_comparison(&actor("ann", Role::Analyst), new).unwrap();
    let ids = store
        .items(&Query::first(Collection::Candidates, 1_000))
        .unwrap()
        .items
        .into_iter()
        .map(|item| CandidateId(item.id))
        .collect();
    (store, ids)
}

fn verdict(verdict: Verdict) -> NewReview {
    NewReview {
        verdict,
        structure_type: Some("warehouse".to_owned()),
        confidence: None,
        title: Some("Hall".to_owned()),
        note: None,
        geometry: None,
        seen: Seen::default(),
    }
}

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
    assert!(verify(folder.path()).is_ok());
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
    assert_eq!(store.reviews(&candidates[0]).unwrap().len(), 1);
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
    assert!(verify(folder.path()).is_ok());
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
    assert_eq!(store.annotation_versions(&id).unwrap().len(), 2);
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
    assert_eq!(store.reviews(&candidates[0]).unwrap().len(), 1);
}

#[test]
fn pages_lose_and_repeat_nothing_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 25);
    let mut seen = Vec::new();
    let mut query = Query::first(Collection::Candidates, 4);
    let mut next = None;
    loop {
        if let Some(cursor) = next {
            query.start = PageStart::At(cursor);
        }
        let page = store.items(&query).unwrap();
        assert_eq!(page.number_matched, 25);
        seen.extend(page.items.into_iter().map(|item| CandidateId(item.id)));
        // a change to a feature of an earlier page moves nothing
        store
            .add_review(
                &actor("ann", Role::Analyst),
                &candidates[0],
                IfMatch::Any,
                verdict(Verdict::Unsure),
                None,
            )
            .unwrap();
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen, candidates);
}

#[test]
fn the_page_before_is_the_page_before() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 10);
    let mut query = Query::first(Collection::Candidates, 4);
    let first = store.items(&query).unwrap();
    query.start = PageStart::At(first.next.unwrap());
    let second = store.items(&query).unwrap();
    query.start = PageStart::At(second.previous.unwrap());
    assert_eq!(store.items(&query).unwrap().items, first.items);
    query.start = PageStart::Offset(4);
    assert_eq!(store.items(&query).unwrap().items, second.items);
    assert_eq!(candidates[4].as_str(), second.items[0].id);
}

#[test]
fn a_box_and_an_interval_find_what_they_touch() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 10);
    let mut query = Query::first(Collection::Candidates, 100);
    query.boxes = vec![[127.6295, 39.0, 127.6405, 40.0]];
    let page = store.items(&query).unwrap();
    assert_eq!(
        page.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(),
        [candidates[3].as_str(), candidates[4].as_str()]
    );
    assert_eq!(page.number_matched, 2);
    let ms = |text: &str| Some(text.parse::<Timestamp>().unwrap().as_millisecond());
    query.interval_ms = Some((ms("2024-10-22T00:00:00Z"), None));
    assert_eq!(store.items(&query).unwrap().number_matched, 0);
    query.interval_ms = Some((None, ms("2024-01-01T00:00:00Z")));
    assert_eq!(store.items(&query).unwrap().number_matched, 2);
}

/// How many of ten candidates in a row meet a filter.
fn matched(store: &Store, filter: &str) -> Result<u64, String> {
    let mut query = Query::first(Collection::Candidates, 100);
    query.filter = Some(Filter::from_text(filter).map_err(|error| error.to_string())?);
    store.items(&query).map(|page| page.number_matched).map_err(|error| error.to_string())
}

#[test]
fn a_cql2_filter_finds_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 10);
    for (filter, wanted) in [
        ("score > 0.5 AND state = 'pending'", 10),
        ("score > 0.5 AND NOT (state = 'pending')", 0),
        ("area_m2 BETWEEN 400 AND 500", 10),
        ("area_m2 / 2 + 1 = 251", 10),
        ("state IN ('confirmed', 'rejected')", 0),
        ("state LIKE 'pend%'", 10),
        ("state LIKE 'PEND%'", 0),
        ("CASEI(state) LIKE CASEI('PEND%')", 10),
        ("length_m > width_m", 10),
        ("site IS NULL", 0),
        ("site IS NOT NULL", 10),
        ("S_INTERSECTS(geometry, BBOX(127.6295, 39.0, 127.6405, 40.0))", 2),
        ("S_INTERSECTS(geometry, POINT(127.6305 39.9005))", 1),
        (
            "S_WITHIN(geometry, POLYGON((127.595 39.8, 127.615 39.8, 127.615 40, 127.595 40, 127.595 39.8)))",
            2,
        ),
        ("S_DISJOINT(geometry, POINT(127.6305 39.9005))", 9),
        // within the bounds of the triangle, but not within the triangle
        ("S_INTERSECTS(geometry, POLYGON((127.62 39.91, 127.65 39.91, 127.65 39.89, 127.62 39.91)))", 2),
        ("after_datetime >= DATE('2024-10-21')", 10),
        ("after_datetime > DATE('2024-10-21')", 0),
        ("after_datetime = DATE('2024-10-21')", 10),
        ("after_datetime = TIMESTAMP('2024-10-21T02:25:00Z')", 10),
        ("before_datetime < '2024-01-01T00:00:00Z'", 10),
        ("T_DURING(INTERVAL(before_datetime, after_datetime), INTERVAL('2023-01-01', '2024-12-31'))", 10),
        ("T_AFTER(after_datetime, INTERVAL('..', '2024-12-31'))", 0),
    ] {
        assert_eq!(matched(&store, filter), Ok(wanted), "{filter}");
    }
    assert_eq!(matched(&store, &format!("id = '{}'", candidates[3])), Ok(1));
}

#[test]
fn a_filter_that_cannot_be_is_told_and_never_becomes_sql() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store_with_candidates(folder.path(), 1);
    for (filter, said) in [
        ("colour = 'red'", "names \"colour\""),
        ("\"state') OR ('1'='1\" = 'x'", "cannot be asked for"),
        ("score = 'high'", "= has a text"),
        ("score", "the filter has a number"),
        ("S_INTERSECTS(geometry, state)", "s_intersects has a text"),
        ("launch(state) = 1", "not supported"),
        ("after_datetime > 'yesterday'", "RFC 3339"),
    ] {
        let error = matched(&store, filter).unwrap_err();
        assert!(error.contains(said), "{filter}: {error}");
    }
    assert_eq!(matched(&store, "state = 'x'' OR 1=1 --'"), Ok(0));
}

#[test]
fn a_made_up_cursor_is_refused() {
    assert!("x17".parse::<Cursor>().is_err());
    assert!("a-1".parse::<Cursor>().is_err());
    assert_eq!("a1f".parse::<Cursor>().unwrap(), Cursor::After(31));
}

#[test]
fn jobs_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ann = actor("ann", Role::Analyst);
    let store = Store::open(folder.path()).unwrap();
    let first = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
    let second = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
    assert_eq!(store.claim_job().unwrap().unwrap().id, first.id);
    store.note_progress(&first.id, 40, "finds objects").unwrap();
    assert_eq!(store.job(&first.id).unwrap().progress, 40);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.requeue_jobs().unwrap(), 1);
    assert_eq!(store.claim_job().unwrap().unwrap().id, first.id);
    store.dismiss_job(&ann, &second.id).unwrap();
    assert_eq!(store.finish_job(&second.id, json!({})).unwrap().status, JobStatus::Dismissed);
    assert!(store.claim_job().unwrap().is_none());
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
fn a_site_is_counted_without_its_parts_and_without_what_was_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ids) = store_with_candidates(folder.path(), 3);
    add_site(&store, "Assembly hall");
    let ann = actor("ann", Role::Analyst);
    let reviewed = store.add_review(&ann, &ids[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let counted = || {
        let summaries = store.site_summaries().unwrap();
        summaries.into_iter().map(|site| (site.scenes, site.pending, site.structures)).collect::<Vec<_>>()
    };
    assert_eq!(counted(), [(2, 2, 1), (0, 0, 0)]);
    let last = store.site_summaries().unwrap().remove(0).last_scene;
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
    store.revoke_token(&admin, &made.token.id).unwrap();
    assert_eq!(store.actor_of_secret(&made.secret).unwrap(), None);
    drop(store);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(made.secret.len()).any(|window| window == made.secret.as_bytes()));
        }
    }
}

/// Opens the database as an intruder would and runs some SQL.
fn tamper(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join("stakeout.sqlite")).unwrap().execute_batch(sql).unwrap();
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
    drop(store);
    let report = verify(whole.path()).unwrap();
    assert_eq!((report.events, report.blobs), (6, 2));

    type Expect = fn(&VerifyError) -> bool;
    let cases: [(&str, Expect); 5] = [
        ("UPDATE event SET actor = 'nobody' WHERE seq = 3", |error| {
            matches!(error, VerifyError::ChangedEvent { seq: 3, .. })
        }),
        ("PRAGMA foreign_keys = OFF; DELETE FROM event WHERE seq = 4", |error| {
            matches!(error, VerifyError::MissingEvent { expected: 4, found: 5 })
        }),
        ("PRAGMA foreign_keys = OFF; DELETE FROM event WHERE seq = 6", |error| {
            matches!(error, VerifyError::ChangedState { seq: 6, .. })
        }),
        ("UPDATE item SET feature = replace(feature, 'warehouse', 'housing')", |error| {
            matches!(error, VerifyError::ChangedState { .. })
        }),
        ("UPDATE scene SET document = replace(document, 'rendered', 'satellite')", |error| {
            matches!(error, VerifyError::ChangedState { .. })
        }),
    ];
    for (sql, expected) in cases {
        let copy = copy_of(whole.path());
        tamper(copy.path(), sql);
        let error = verify(copy.path()).expect_err(sql);
        assert!(expected(&error), "{sql}: {error}");
    }
    let copy = copy_of(whole.path());
    let blob = first_file(&copy.path().join("blobs"));
    std::fs::write(&blob, b"other bytes").unwrap();
    assert!(matches!(verify(copy.path()), Err(VerifyError::ChangedBlob { .. })));
    std::fs::remove_file(&blob).unwrap();
    assert!(matches!(verify(copy.path()), Err(VerifyError::MissingBlob { .. })));
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(folder, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_into(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn first_file(folder: &Path) -> std::path::PathBuf {
    let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if entry.is_dir() { first_file(&entry) } else { entry }
}
