//! The record through its public door.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::{collections::BTreeMap, path::Path};

use record::{
    Actor, AnnotationStatus, CandidateId, CandidateState, Change, Collection, ComparisonId, Cursor, Detector,
    Drawing, Filter, Fit, IfMatch, JobStatus, NewCandidate, NewComparison, NewReview, NewScene, PageStart,
    Query, RecordError, Role, Seen, Sha256Hex, SiteId, Store, StructureType, Timestamp, Verdict,
    geojson::{read_polygon, read_site},
    verify::{Mark, VerifyError, verify},
};
use serde_json::{Value, json};

use common::plain_scene;

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
    add_scene_at(store, site, datetime, &square(127.6, 39.9))
}

fn add_scene_at(store: &Store, site: &SiteId, datetime: &str, footprint: &Value) -> record::SceneId {
    let footprint = read_polygon(footprint).unwrap();
    let facts = NewScene {
        platform: Some("rendered".to_owned()),
        ..plain_scene(store, datetime.as_bytes(), datetime, Some(footprint))
    };
    store.add_scene(&actor("ann", Role::Analyst), site, facts).unwrap().id
}

fn found(index: u32) -> NewCandidate {
    NewCandidate {
        outline: read_polygon(&square(127.6 + f64::from(index) * 0.01, 39.9)).unwrap(),
        change: Change::New,
        score: Some(0.9),
        area_m2: 500.0,
        length_m: 25.0,
        width_m: 20.0,
        orientation_deg: 45.0,
        evidence: BTreeMap::from([("probability_mean".to_owned(), 0.8)]),
    }
}

/// What a detector found in two new scenes of a site.
fn comparison(store: &Store, site: &SiteId, candidates: u32) -> NewComparison {
    NewComparison {
        before: add_scene(store, site, "2023-05-14T02:10:00Z"),
        after: add_scene(store, site, "2024-10-21T02:25:00Z"),
        fit: Fit {
            shift_east_m: 0.4,
            shift_north_m: -0.2,
            residual_m: Some(0.3),
            valid_share: 1.0,
            registrable: true,
            reason: None,
        },
        cautions: Vec::new(),
        detector: Detector { name: "classical".to_owned(), version: "0.1.0".to_owned(), model_sha256: None },
        candidates: (0..candidates).map(found).collect(),
    }
}

/// A store with one site, two scenes and a comparison with so many candidates.
fn store_with_candidates(folder: &Path, candidates: u32) -> (Store, Vec<CandidateId>) {
    let store = Store::open(folder).unwrap();
    let site = add_site(&store, "February 11 plant");
    let new = comparison(&store, &site, candidates);
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
        (&format!("state LIKE CASEI('{}')", "%a".repeat(101)), "200 characters at most"),
        ("after_datetime >= '2024-05-01T12:00:00'", "RFC 3339"),
        ("after_datetime >= '20240501'", "RFC 3339"),
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
    assert_eq!(store.requeue_jobs("detect-new-structures", "stopped").unwrap(), 1);
    assert_eq!(store.claim_job().unwrap().unwrap().id, first.id);
    store.dismiss_job(&ann, &second.id).unwrap();
    assert_eq!(store.fail_job(&second.id, "too late").unwrap().status, JobStatus::Dismissed);
    assert!(store.claim_job().unwrap().is_none());
}

#[test]
fn a_queue_that_is_full_takes_no_more_jobs_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ann) = (Store::open(folder.path()).unwrap(), actor("ann", Role::Analyst));
    let enqueue = || store.enqueue(&ann, "detect-new-structures", json!({}));
    let begin = |kind| store.begin_job(&ann, kind, json!({}), "runs");
    enqueue().unwrap();
    tamper(
        folder.path(),
        "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 999)
         INSERT INTO job (id, status, document) SELECT more.n, status, document FROM more, job",
    );
    assert!(matches!(enqueue(), Err(RecordError::Full { jobs_max: 1_000, .. })));
    tamper(folder.path(), "UPDATE job SET status = 'running'");
    assert!(enqueue().is_ok());
    assert!(begin("prepare-scene").is_ok(), "comparisons that run are no scenes being prepared");
    assert!(matches!(begin("detect-new-structures"), Err(RecordError::Full { .. })));
}

#[test]
fn what_a_job_found_is_recorded_once_and_only_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let found = comparison(&store, &site, 2);
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let running = || {
        let job = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
        assert_eq!(store.claim_job().unwrap().unwrap().id, job.id);
        job.id
    };
    let recorded = || store.comparisons(None, &site).unwrap().len();
    let finish = |id| store.finish_job(id, found.clone(), |made| json!({"comparison": made.id})).unwrap();

    let dismissed = running();
    store.dismiss_job(&bob, &dismissed).unwrap();
    assert!(finish(&dismissed).is_none() && recorded() == 0, "a dismissed job records nothing");
    let told = store.events_of(&format!("job/{dismissed}")).unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("job.dismissed", "bob"));

    let done = running();
    let (job, made) = finish(&done).unwrap();
    assert_eq!(
        (job.status, job.progress, &job.result),
        (JobStatus::Successful, 100, &Some(json!({"comparison": made.id})))
    );
    assert_eq!(
        store.requeue_jobs("detect-new-structures", "stopped").unwrap(),
        0,
        "a stop after that takes nothing up again"
    );
    assert!(finish(&done).is_none() && recorded() == 1);
    // a comparison that cannot be recorded leaves the job running
    let broken = running();
    let nowhere = NewComparison { after: record::SceneId("nowhere".to_owned()), ..found.clone() };
    assert!(store.finish_job(&broken, nowhere, |_| Value::Null).is_err());
    assert_eq!((store.job(&broken).unwrap().status, recorded()), (JobStatus::Running, 1));
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn a_found_outline_that_nobody_could_draw_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let new = comparison(&store, &site, 2);
    let around = |turn: f64| [turn.cos(), turn.sin()];
    let many = (0..10_001).map(|at| around(f64::from(at) / 10_001.0 * std::f64::consts::TAU));
    let twice_through_a_corner = [[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]];
    let ann = actor("ann", Role::Analyst);
    for positions in [many.collect::<Vec<_>>(), twice_through_a_corner.to_vec()] {
        let outline = geo::Polygon::new(positions.into_iter().collect(), Vec::new());
        let odd = NewCandidate { outline, ..found(1) };
        let new = NewComparison { candidates: vec![found(0), odd], ..new.clone() };
        let refused = store.add_comparison(&ann, new.clone()).unwrap_err();
        assert!(matches!(refused, RecordError::FoundOutline { index: 1, .. }), "{refused:?}");
        let job = store.enqueue(&ann, "detect-new-structures", json!({})).unwrap();
        store.claim_job().unwrap();
        assert!(store.finish_job(&job.id, new, |_| Value::Null).is_err());
        store.fail_job(&job.id, "refused").unwrap();
    }
    assert_eq!(store.comparisons(None, &site).unwrap(), []);
}

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
    let cases: [(&str, Expect); 22] = [
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

/// What a person with that name may see of a collection: ids and states.
fn seen(store: &Store, reader: Option<&str>, collection: Collection) -> Vec<(String, String)> {
    let query = Query { reader: reader.map(str::to_owned), ..Query::first(collection, 100) };
    let page = store.items(&query).unwrap();
    assert_eq!(page.number_matched, page.items.len() as u64);
    let state = |value: &Value| {
        let properties = &value["properties"];
        properties["state"].as_str().or(properties["status"].as_str()).unwrap().to_owned()
    };
    page.items.iter().map(|item| (item.id.clone(), state(&item.value()))).collect()
}

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

#[test]
fn a_store_of_a_former_version_is_counted_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 3);
    let ann = actor("ann", Role::Analyst);
    store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let pending = |store: &Store| {
        let site = &store.site_summaries(Some("bob")).unwrap()[0];
        (site.pending, store.comparisons(Some("bob"), &site.id).unwrap()[0].1)
    };
    assert_eq!(pending(&store), (3, 3));
    drop(store);
    let former = former_store(folder.path(), 5);
    let store = Store::open(former.path()).unwrap();
    assert_eq!(pending(&store), (3, 3));
    store.add_review(&ann, &candidates[1], IfMatch::Any, verdict(Verdict::Reject), None).unwrap();
    store
        .add_review(
            &actor("bob", Role::Analyst),
            &candidates[0],
            IfMatch::Any,
            verdict(Verdict::Reject),
            None,
        )
        .unwrap();
    assert_eq!(pending(&store), (2, 2));
}

/// A database of a former schema with the rows of a store, as far as that schema had them.
fn former_store(whole: &Path, schema: usize) -> tempfile::TempDir {
    let folder = copy_of(whole);
    let path = folder.path().join(record::DATABASE_FILE);
    std::fs::remove_file(&path).unwrap();
    let database = rusqlite::Connection::open(path).unwrap();
    let mut migrations: Vec<_> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().collect();
    migrations.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    for migration in migrations.drain(..schema) {
        database.execute_batch(&std::fs::read_to_string(migration.unwrap().path()).unwrap()).unwrap();
    }
    database.execute("ATTACH ?1 AS whole", [whole.join(record::DATABASE_FILE).to_str()]).unwrap();
    for table in tables(&database) {
        let columns = lines(&database, &format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
        // what triggers counted is replaced too
        let copy = format!(
            "DELETE FROM {table}; INSERT INTO {table} ({columns}) SELECT {columns} FROM whole.{table}"
        );
        database.execute_batch(&copy).unwrap();
    }
    database.pragma_update(None, "user_version", schema).unwrap();
    folder
}

/// The tables of a database in the order in which they were made, without those that SQLite keeps for others.
fn tables(database: &rusqlite::Connection) -> Vec<String> {
    lines(
        database,
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'item_box_%'",
    )
}

/// The first column of what a database answers.
fn lines(database: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// All rows of a store by table.
fn rows(folder: &Path) -> Vec<(String, Vec<String>)> {
    let database = rusqlite::Connection::open(folder.join(record::DATABASE_FILE)).unwrap();
    let rows = |table: &String| {
        let columns =
            lines(&database, &format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"));
        lines(
            &database,
            &format!("SELECT json_array({}) AS row FROM {table} ORDER BY row", columns.join(", ")),
        )
    };
    tables(&database).into_iter().map(|table| (table.clone(), rows(&table))).collect()
}

#[test]
fn a_store_of_any_former_schema_is_whole_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 3);
    let review = |name: &str, candidate: &CandidateId, said| {
        store
            .add_review(&actor(name, Role::Analyst), candidate, IfMatch::Any, verdict(said), Some("key"))
            .unwrap()
    };
    review("ann", &candidates[0], Verdict::Confirm);
    review("bob", &candidates[1], Verdict::Reject);
    review("cat", &candidates[1], Verdict::Confirm);
    drop(store);
    let wanted = rows(folder.path());
    let newest = rusqlite::Connection::open(folder.path().join(record::DATABASE_FILE))
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get::<_, usize>(0))
        .unwrap();
    for schema in 1..newest {
        let former = former_store(folder.path(), schema);
        match verify(former.path(), None) {
            Err(VerifyError::Record(RecordError::OlderSchema { found, least: 3 })) => {
                assert_eq!(found as usize, schema);
            }
            verified => assert!(schema >= 3 && verified.is_ok(), "of schema {schema}"),
        }
        drop(Store::open(former.path()).unwrap());
        assert_eq!(rows(former.path()), wanted, "of schema {schema}");
        assert!(verify(former.path(), None).is_ok(), "of schema {schema}");
    }
}

fn drawing(comparison: &ComparisonId) -> Drawing {
    Drawing {
        comparison: comparison.clone(),
        outline: read_polygon(&square(127.8, 39.9)).unwrap(),
        change: Change::New,
        said: verdict(Verdict::Confirm),
    }
}

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

/// An annotation as another program posts it, with a construction window.
fn drawn_elsewhere(start: Option<&str>, end: Option<&str>) -> record::AnnotationDraft {
    record::AnnotationDraft {
        site: SiteId("february-11-plant".to_owned()),
        outline: read_polygon(&square(127.6, 39.9)).unwrap(),
        structure_type: Some("warehouse".to_owned()),
        change: Change::New,
        title: Some("Hall".to_owned()),
        note: None,
        confidence: None,
        start_datetime: start.map(|time| time.parse().unwrap()),
        end_datetime: end.map(|time| time.parse().unwrap()),
    }
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
fn who_rejects_after_a_confirmation_was_taken_back_is_told_of_no_annotation() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 1);
    let (ann, bob) = (actor("ann", Role::Analyst), actor("bob", Role::Analyst));
    let yes = store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    store.undo_review(&ann, &yes.review.id).unwrap();
    let no = store.add_review(&bob, &candidates[0], IfMatch::Any, verdict(Verdict::Reject), None).unwrap();
    assert_eq!((no.state, no.annotation), (CandidateState::Rejected, None));
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

#[test]
fn an_earlier_image_is_no_after_image_nor_is_the_same_one_or_one_of_another_site() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let site = add_site(&store, "February 11 plant");
    let new = comparison(&store, &site, 1);
    let ann = actor("ann", Role::Analyst);
    let elsewhere = add_scene(&store, &add_site(&store, "Annex"), "2024-10-21T02:25:00Z");
    for after in [&new.before, &new.after, &elsewhere] {
        let refused = store.enqueue_comparison(&ann, "detect", [&new.after, after], json!({})).unwrap_err();
        assert!(matches!(refused, RecordError::Invalid { field: "after", .. }), "{refused:?}");
        let other = NewComparison { before: new.after.clone(), after: after.clone(), ..new.clone() };
        let refused = store.add_comparison(&ann, other).unwrap_err();
        assert!(matches!(refused, RecordError::Invalid { field: "after", .. }), "{refused:?}");
    }
    let job = store.enqueue_comparison(&ann, "detect", [&new.before, &new.after], json!({"model": "m"}));
    let input = json!({"before": new.before, "after": new.after, "model": "m"});
    assert_eq!(job.unwrap().input, input);
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

#[test]
fn a_long_filter_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store_with_candidates(folder.path(), 3);
    let numbers: Vec<String> = (1..2_000).map(|number| number.to_string()).collect();
    assert_eq!(matched(&store, &format!("area_m2 IN ({})", numbers.join(","))), Ok(3));
    assert_eq!(matched(&store, &format!("NOT (area_m2 IN ({}))", numbers.join(","))), Ok(0));
    let any: Vec<String> = (1..1_200).map(|number| format!("score={number}")).collect();
    assert_eq!(matched(&store, &any.join(" OR ")), Ok(0));
    let sum = |op: &str, operands: Vec<Value>| {
        let filter = json!({"op": "=", "args": [{"op": op, "args": operands}, {"property": "area_m2"}]});
        let filter = Some(Filter::from_json(&filter.to_string()).unwrap());
        store.items(&Query { filter, ..Query::first(Collection::Candidates, 10) })
    };
    let with = |neutral: u8, others: usize| {
        std::iter::once(json!(500)).chain(std::iter::repeat_n(json!(neutral), others)).collect::<Vec<_>>()
    };
    for (op, neutral, others) in [("+", 0, 1_100), ("*", 1, 1_100), ("-", 0, 19), ("/", 1, 19)] {
        assert_eq!(sum(op, with(neutral, others)).unwrap().number_matched, 3, "{op}");
    }
    for op in ["-", "/"] {
        let refused = sum(op, with(1, 1_100)).unwrap_err();
        assert_eq!(refused.to_string(), format!("{op} has 1101 numbers but takes 20 at most"));
        // as deep as a filter nests, each level as long as it may be
        let nested = (0..28).fold(json!(500), |inner, _| {
            json!({"op": op, "args": std::iter::once(inner).chain(std::iter::repeat_n(json!(1), 19)).collect::<Vec<_>>()})
        });
        assert!(sum(op, vec![nested, json!(1)]).is_ok(), "{op}");
    }
}
