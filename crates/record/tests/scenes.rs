//! Scenes through the public door: searched, described anew, placed anew, withdrawn.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::path::Path;

use record::{
    Actor, Cursor, Detector, Filter, Fit, HandPlacement, IfMatch, JobId, JobStatus, NewComparison,
    NewPlacement, NewScene, Placed, RecordError, Role, Scene, SceneDescription, SceneDetails, SceneId,
    SceneQuery, Sha256Hex, SiteId, SortKey, Store,
    geojson::{read_polygon, read_site},
    scene::Original,
    verify::{VerifyError, verify},
};
use serde_json::{Value, json};

use common::plain_scene;

fn ann() -> Actor {
    Actor { name: "ann".to_owned(), role: Role::Analyst }
}

fn square(west: f64) -> Value {
    let (south, east, north) = (39.9, west + 0.01, 39.91);
    json!({"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]})
}

fn store(folder: &Path, sites: &[&str]) -> Store {
    let store = Store::open(folder).unwrap();
    let admin = Actor { name: "root".to_owned(), role: Role::Admin };
    for site in sites {
        let feature =
            json!({"type": "Feature", "geometry": square(127.6), "id": site, "properties": {"name": site}});
        store.create_site(&admin, read_site(&feature).unwrap()).unwrap();
    }
    store
}

fn facts(store: &Store, day: u32, west: f64, cloud: Option<f64>) -> NewScene {
    let corners = [[west, 39.91], [west + 0.01, 39.91], [west + 0.01, 39.9], [west, 39.9]];
    let footprint = read_polygon(&square(west)).unwrap();
    let plain = plain_scene(store, b"one image", &format!("2024-10-{day:02}T02:00:00Z"), Some(footprint));
    NewScene {
        platform: Some(if day.is_multiple_of(2) { "even" } else { "odd" }.to_owned()),
        details: SceneDetails { cloud_cover_percent: cloud, ..SceneDetails::default() },
        placement: Some(HandPlacement { placed: Placed::Corners { footprint: corners }, residual_m: 0.2 }),
        working_bytes: Some(plain.original.bytes),
        ..plain
    }
}

fn add(store: &Store, site: &str, day: u32, west: f64, cloud: Option<f64>) -> Scene {
    store.add_scene(&ann(), &SiteId(site.to_owned()), facts(store, day, west, cloud)).unwrap()
}

fn any() -> SceneQuery {
    SceneQuery {
        sites: Vec::new(),
        ids: Vec::new(),
        boxes: Vec::new(),
        interval_ms: None,
        filter: None,
        order: Vec::new(),
        limit: 100,
        after: None,
    }
}

fn days(store: &Store, query: &SceneQuery) -> Vec<i8> {
    let page = store.search_scenes(query).unwrap();
    assert_eq!(page.number_matched, page.scenes.len() as u64);
    page.scenes.iter().map(|scene| scene.facts.datetime.strftime("%d").to_string().parse().unwrap()).collect()
}

fn key(property: &str, descending: bool) -> SortKey {
    SortKey { property: property.to_owned(), descending }
}

/// A scene whose footprint is this geometry.
fn add_at(store: &Store, day: u32, footprint: &Value) -> Scene {
    let footprint = Some(read_polygon(footprint).unwrap());
    let scene = NewScene { footprint, ..facts(store, day, 127.6, None) };
    store.add_scene(&ann(), &SiteId("plant".to_owned()), scene).unwrap()
}

#[test]
fn a_box_in_a_corner_that_a_slanted_footprint_leaves_free_does_not_find_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let diamond = json!({"type": "Polygon", "coordinates":
        [[[127.60, 39.95], [127.65, 39.90], [127.70, 39.95], [127.65, 40.0], [127.60, 39.95]]]});
    add_at(&store, 1, &diamond);
    let meet = |boxes: &[[f64; 4]]| days(&store, &SceneQuery { boxes: boxes.to_vec(), ..any() });
    assert_eq!(meet(&[[127.60, 39.90, 127.62, 39.92]]), [0_i8; 0], "in its bounds alone");
    assert_eq!(meet(&[[127.60, 39.90, 127.63, 39.93]]), [1], "across its edge");
    assert_eq!(meet(&[[127.64, 39.94, 127.66, 39.96]]), [1], "within it");
    assert_eq!(meet(&[[127.0, 39.0, 128.0, 41.0]]), [1], "around it");
    assert_eq!(meet(&[[127.6, 39.95, 127.6, 39.95]]), [1], "a point that is its corner");
    assert_eq!(
        meet(&[[127.60, 39.90, 127.62, 39.92], [127.69, 39.94, 127.8, 40.0]]),
        [1],
        "one of two boxes"
    );
}

#[test]
fn a_scene_across_the_antimeridian_is_found_from_either_side() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let part = |west: f64, east: f64| {
        json!([[[west, -17.0], [east, -17.0], [east, -16.0], [west, -16.0], [west, -17.0]]])
    };
    let cut = json!({"type": "MultiPolygon", "coordinates": [part(179.9, 180.0), part(-180.0, -179.8)]});
    let recorded = add_at(&store, 1, &cut);
    add(&store, "plant", 2, 0.0, None);
    let read = store.scene(&recorded.id).unwrap();
    assert_eq!(read, recorded, "what is read is what was answered");
    let footprint = read.facts.footprint.as_ref().unwrap();
    assert_eq!(record::geojson::bounds(footprint), [179.9, -17.0, -179.8, -16.0]);
    let written = record::geojson::polygon_value(footprint);
    assert_eq!(
        (&written["type"], written["coordinates"].as_array().unwrap().len()),
        (&json!("MultiPolygon"), 2)
    );
    let event = &store.scene_versions(&recorded.id).unwrap()[0];
    assert!(serde_json::to_string(event).unwrap().contains("MultiPolygon"), "so does the log");

    let meet = |boxes: &[[f64; 4]]| days(&store, &SceneQuery { boxes: boxes.to_vec(), ..any() });
    assert_eq!(meet(&[[179.0, -18.0, 179.95, -15.0]]), [1]);
    assert_eq!(meet(&[[-179.9, -18.0, -179.0, -15.0]]), [1]);
    assert_eq!(meet(&[[179.0, -18.0, 180.0, -15.0], [-180.0, -18.0, -179.0, -15.0]]), [1]);
    assert_eq!(meet(&[[-170.0, -18.0, 170.0, -15.0]]), [0_i8; 0]);
    let by =
        |text: &str| days(&store, &SceneQuery { filter: Some(Filter::from_text(text).unwrap()), ..any() });
    assert_eq!(by("S_INTERSECTS(geometry, POINT(179.95 -16.5))"), [1]);
    assert_eq!(by("S_INTERSECTS(geometry, POINT(-179.85 -16.5))"), [1]);
    assert_eq!(by("S_INTERSECTS(geometry, POINT(100 -16.5))"), [0_i8; 0]);
    assert_eq!(by("S_INTERSECTS(geometry, BBOX(179.5, -17, -179.5, -16))"), [1]);
}

#[test]
fn scenes_are_found_by_site_id_place_time_and_filter() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant", "annex"]);
    let first = add(&store, "plant", 1, 127.60, Some(10.0));
    add(&store, "plant", 2, 127.70, Some(60.0));
    add(&store, "annex", 3, 127.80, None);
    assert_eq!(days(&store, &any()), [1, 2, 3]);
    assert_eq!(days(&store, &SceneQuery { sites: vec!["annex".to_owned()], ..any() }), [3]);
    assert_eq!(
        days(&store, &SceneQuery { ids: vec![first.id.to_string(), "none".to_owned()], ..any() }),
        [1]
    );
    assert_eq!(days(&store, &SceneQuery { boxes: vec![[127.705, 39.0, 127.9, 40.0]], ..any() }), [2, 3]);
    let from = "2024-10-02T00:00:00Z".parse::<record::Timestamp>().unwrap().as_millisecond();
    assert_eq!(days(&store, &SceneQuery { interval_ms: Some((Some(from), None)), ..any() }), [2, 3]);
    assert_eq!(days(&store, &SceneQuery { interval_ms: Some((None, Some(from))), ..any() }), [1]);
    let by =
        |text: &str| days(&store, &SceneQuery { filter: Some(Filter::from_text(text).unwrap()), ..any() });
    assert_eq!(by("eo:cloud_cover < 50"), [1]);
    assert_eq!(by("eo:cloud_cover IS NULL"), [3]);
    assert_eq!(by("collection = 'plant' AND platform LIKE 'ev%'"), [2]);
    assert_eq!(by("datetime > TIMESTAMP('2024-10-02T02:00:00Z')"), [3]);
    assert_eq!(by("gsd BETWEEN 0.4 AND 0.6 AND \"proj:code\" = 'EPSG:32652'"), [1, 2, 3]);
    assert_eq!(by("S_INTERSECTS(geometry, POINT(127.605 39.905))"), [1]);
    let triangle = json!({"type": "Polygon", "coordinates": [[[127.69, 39.0], [127.95, 39.0], [127.7, 40.0], [127.69, 39.0]]]});
    let filter = Some(Filter::intersecting(triangle).unwrap());
    assert_eq!(days(&store, &SceneQuery { filter, ..any() }), [2], "within the bounds is not within");
    assert!(Filter::intersecting(json!({"type": "Polygon", "coordinates": [[["a"]]]})).is_err());
    let unknown = SceneQuery { filter: Some(Filter::from_text("colour = 'red'").unwrap()), ..any() };
    assert!(store.search_scenes(&unknown).unwrap_err().to_string().contains("eo:cloud_cover"));
}

#[test]
fn every_order_is_paged_through_without_loss_or_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    for (day, cloud) in [(5, Some(1.0)), (1, None), (4, Some(1.0)), (2, Some(0.5)), (3, None)] {
        add(&store, "plant", day, 127.6, cloud);
    }
    let orders = [
        (vec![], vec![1, 2, 3, 4, 5]),
        (vec![key("datetime", true)], vec![5, 4, 3, 2, 1]),
        (vec![key("eo:cloud_cover", false), key("datetime", true)], vec![2, 5, 4, 3, 1]),
        (vec![key("eo:cloud_cover", true), key("datetime", false)], vec![4, 5, 2, 1, 3]),
        (vec![key("platform", false)], vec![4, 2, 5, 1, 3]),
    ];
    for (order, wanted) in orders {
        let whole = SceneQuery { order: order.clone(), ..any() };
        assert_eq!(days(&store, &whole), wanted, "{order:?}");
        for limit in 1..=5 {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let page =
                    store.search_scenes(&SceneQuery { order: order.clone(), limit, after, ..any() }).unwrap();
                assert_eq!(page.number_matched, 5);
                seen.extend(page.scenes.iter().map(|scene| scene.id.clone()));
                let Some(next) = page.next else { break };
                after = Some(next);
            }
            let all: Vec<SceneId> =
                store.search_scenes(&whole).unwrap().scenes.into_iter().map(|scene| scene.id).collect();
            assert_eq!(seen, all, "{order:?} by {limit}");
        }
    }
    let wrong = SceneQuery { order: vec![key("instruments", false)], ..any() };
    assert!(matches!(store.search_scenes(&wrong), Err(RecordError::Invalid { field: "sortby", .. })));
    let back = SceneQuery { after: Some(Cursor::Before(3)), ..any() };
    assert!(matches!(store.search_scenes(&back), Err(RecordError::Invalid { field: "token", .. })));
}

fn description(scene: &Scene) -> SceneDescription {
    let facts = scene.facts.clone();
    SceneDescription {
        datetime: facts.datetime,
        platform: facts.platform,
        provider: facts.provider,
        license: facts.license,
        details: facts.details,
    }
}

fn elsewhere(store: &Store, scene: &Scene) -> NewPlacement {
    let working = store.blobs().receive(&b"the working copy, elsewhere"[..]).unwrap();
    let footprint = [[128.0, 39.91], [128.01, 39.91], [128.01, 39.9], [128.0, 39.9]];
    NewPlacement {
        placement: HandPlacement { placed: Placed::Corners { footprint }, residual_m: 0.0 },
        footprint: Some(read_polygon(&square(128.0)).unwrap()),
        working,
        raster: scene.facts.raster.clone(),
    }
}

#[test]
fn what_is_said_and_placed_anew_is_an_event_and_the_old_stays_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let scene = add(&store, "plant", 1, 127.6, None);
    let mut said = description(&scene);
    said.datetime = "2024-10-09T02:00:00Z".parse().unwrap();
    said.details.cloud_cover_percent = Some(5.0);
    let described = store.describe_scene(&ann(), &scene.id, IfMatch::Revision(1), said.clone()).unwrap();
    assert_eq!((described.revision, described.facts.original.clone()), (2, scene.facts.original.clone()));
    assert!(matches!(
        store.describe_scene(&ann(), &scene.id, IfMatch::Revision(1), said),
        Err(RecordError::Stale { current: 2, given: 1, .. })
    ));
    let placed =
        store.place_scene(&ann(), &scene.id, IfMatch::Revision(2), elsewhere(&store, &scene), None).unwrap();
    assert_ne!(placed.facts.working, scene.facts.working);
    assert_eq!(days(&store, &SceneQuery { boxes: vec![[127.9, 39.0, 128.9, 40.0]], ..any() }), [9]);
    assert_eq!(days(&store, &SceneQuery { boxes: vec![[127.5, 39.0, 127.7, 40.0]], ..any() }), [0; 0]);
    let kinds: Vec<String> = store
        .events_of(&format!("scene/{}", scene.id))
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(kinds, ["scene.added", "scene.described", "scene.placed"]);
    store.withdraw_scene(&ann(), &scene.id, IfMatch::Any).unwrap();
    assert!(matches!(store.scene(&scene.id), Err(RecordError::NotFound { .. })));
    assert_eq!(days(&store, &any()), [0; 0]);
    assert!(store.scenes(&SiteId("plant".to_owned())).unwrap().is_empty());
    assert!(store.blobs().path(&scene.facts.original.sha256).is_ok(), "the evidence stays");
    assert_eq!(verify(folder.path(), None).unwrap().events(), 5);
}

#[test]
fn what_a_comparison_rests_on_does_not_change_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let (before, after) = (add(&store, "plant", 1, 127.6, None), add(&store, "plant", 2, 127.6, None));
    let waiting = store.enqueue(&ann(), "detect", json!({"before": before.id, "after": after.id})).unwrap();
    assert!(matches!(
        store.withdraw_scene(&ann(), &after.id, IfMatch::Any),
        Err(RecordError::Conflict { .. })
    ));
    store.dismiss_job(&ann(), &waiting.id).unwrap();
    let new = NewComparison {
        before: before.id.clone(),
        after: after.id,
        fit: Fit {
            shift_east_m: 0.0,
            shift_north_m: 0.0,
            residual_m: Some(0.1),
            valid_share: 1.0,
            registrable: true,
            reason: None,
        },
        cautions: Vec::new(),
        detector: Detector { name: "classical".to_owned(), version: "0.1.0".to_owned(), model_sha256: None },
        candidates: Vec::new(),
    };
    store.add_comparison(&ann(), new).unwrap();
    let mut said = description(&before);
    said.details.title = Some("before the fire".to_owned());
    assert_eq!(
        store.describe_scene(&ann(), &before.id, IfMatch::Any, said.clone()).unwrap().facts.details.title,
        said.details.title
    );
    said.datetime = "2023-01-01T00:00:00Z".parse().unwrap();
    for refused in [
        store.describe_scene(&ann(), &before.id, IfMatch::Any, said),
        store.place_scene(&ann(), &before.id, IfMatch::Any, elsewhere(&store, &before), None),
        store.withdraw_scene(&ann(), &before.id, IfMatch::Any),
    ] {
        assert!(refused.unwrap_err().to_string().contains("what a comparison rests on"));
    }
    let checked = store.check_placeable(&ann(), &before.id, IfMatch::Any).unwrap_err();
    assert!(checked.to_string().contains("what a comparison rests on"), "{checked}");
    let refused_copy = elsewhere(&store, &before).working.sha256.clone();
    assert!(store.blobs().path(&refused_copy).is_err(), "a copy that was refused is not kept");
}

#[test]
fn a_scene_that_its_own_file_places_is_not_placed_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let facts = NewScene { placement: None, ..facts(&store, 1, 127.6, None) };
    let scene = store.add_scene(&ann(), &SiteId("plant".to_owned()), facts).unwrap();
    let refused =
        store.place_scene(&ann(), &scene.id, IfMatch::Any, elsewhere(&store, &scene), None).unwrap_err();
    assert!(refused.to_string().contains("placed by its own file"), "{refused}");
}

#[test]
fn the_files_of_a_scene_that_is_refused_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let plant = SiteId("plant".to_owned());
    let first = add(&store, "plant", 1, 127.6, None);
    let received = |bytes: &'static [u8]| store.blobs().receive(bytes).unwrap();
    let scene = |original: &record::Incoming| {
        let facts = facts(&store, 2, 127.6, None);
        let original =
            Original { sha256: original.sha256.clone(), bytes: original.bytes, ..facts.original.clone() };
        NewScene { original, ..facts }
    };

    let refused = received(b"another image");
    let (sha256, facts) = (refused.sha256.clone(), scene(&refused));
    store.receive_scene(&ann(), &plant, Some(first.id), facts, [refused], None).unwrap_err();
    store.blobs().path(&sha256).unwrap_err();

    let taken = received(b"another image");
    let facts = scene(&taken);
    store.receive_scene(&ann(), &plant, None, facts, [taken], None).unwrap();
    assert_eq!(std::fs::read(store.blobs().path(&sha256).unwrap()).unwrap(), b"another image");
}

#[test]
fn a_scene_and_the_end_of_the_job_that_made_it_are_one_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let plant = SiteId("plant".to_owned());
    let begin = || store.begin_job(&ann(), "prepare-scene", json!({"site": "plant"}), "prepares").unwrap();
    let job = begin();
    assert!(store.claim_job().unwrap().is_none(), "its work is done elsewhere");
    let receive = |bytes: &'static [u8], job: &JobId| {
        let received = store.blobs().receive(bytes).unwrap();
        let facts = facts(&store, 2, 127.6, None);
        let (sha256, bytes) = (received.sha256.clone(), received.bytes);
        let original = Original { sha256, bytes, ..facts.original.clone() };
        store.receive_scene(&ann(), &plant, None, NewScene { original, ..facts }, [received], Some(job))
    };
    let scene = receive(b"another image", &job.id).unwrap();
    let done = store.job(&job.id).unwrap();
    assert_eq!((done.status, done.progress), (JobStatus::Successful, 100));
    assert_eq!(done.result, Some(json!({"scene": scene.id, "site": "plant"})));

    let dismissed = begin();
    store.dismiss_job(&ann(), &dismissed.id).unwrap();
    let refused = receive(b"a third image", &dismissed.id).unwrap_err();
    assert!(matches!(refused, RecordError::Conflict { what: "job", .. }), "{refused}");
    assert_eq!(store.scenes(&plant).unwrap().len(), 1);
    store.blobs().path(&Sha256Hex::of(b"a third image")).unwrap_err();

    let placing = begin();
    store.place_scene(&ann(), &scene.id, IfMatch::Any, elsewhere(&store, &scene), Some(&placing.id)).unwrap();
    assert_eq!(store.job(&placing.id).unwrap().status, JobStatus::Successful);

    // the work of one that was begun ends with the server
    let begun = begin();
    let waiting = store.enqueue(&ann(), "detect", json!({})).unwrap();
    store.claim_job().unwrap();
    assert_eq!(store.requeue_jobs("detect", "the server was stopped").unwrap(), 1);
    assert_eq!(store.job(&waiting.id).unwrap().status, JobStatus::Accepted);
    let failed = store.job(&begun.id).unwrap();
    assert_eq!((failed.status, failed.message.as_str()), (JobStatus::Failed, "the server was stopped"));
    assert!(verify(folder.path(), None).is_ok());
}

#[test]
fn verification_hashes_the_working_copies_of_earlier_placements_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant"]);
    let (working, bytes) = store.blobs().put(&b"the first working copy"[..]).unwrap();
    let facts =
        NewScene { working: working.clone(), working_bytes: Some(bytes), ..facts(&store, 1, 127.6, None) };
    let scene = store.add_scene(&ann(), &SiteId("plant".to_owned()), facts).unwrap();
    store.place_scene(&ann(), &scene.id, IfMatch::Revision(1), elsewhere(&store, &scene), None).unwrap();
    assert_eq!(verify(folder.path(), None).unwrap().blobs, 3);
    std::fs::write(store.blobs().path(&working).unwrap(), b"another").unwrap();
    let error = verify(folder.path(), None).unwrap_err();
    assert!(matches!(&error, VerifyError::ChangedBlob { wanted, .. } if *wanted == working), "{error}");
}

#[test]
fn the_newest_scenes_go_on_where_a_page_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["plant", "annex"]);
    let scenes = [("plant", 4), ("annex", 3), ("plant", 2), ("plant", 1)]
        .map(|(site, day)| add(&store, site, day, 127.6, None));
    store.withdraw_scene(&ann(), &scenes[2].id, IfMatch::Any).unwrap();
    let newest = |site: Option<&str>, older_than: Option<usize>, offset| -> Vec<usize> {
        let site = site.map(|site| SiteId(site.to_owned()));
        let older_than = older_than.map(|index| &scenes[index].id);
        let told = store.newest_scenes(site.as_ref(), older_than, offset, 2).unwrap();
        told.iter().map(|scene| scenes.iter().position(|known| known.id == scene.id).unwrap()).collect()
    };
    assert_eq!(newest(None, None, 0), [3, 1]);
    assert_eq!(newest(None, None, 1), [1, 0]);
    assert_eq!(newest(None, Some(2), 0), [1, 0], "those before one that was withdrawn");
    assert_eq!(newest(Some("plant"), None, 0), [3, 0]);
    assert_eq!(newest(Some("plant"), Some(3), 0), [0]);
    assert_eq!(newest(Some("annex"), None, 1), [0; 0]);
}
