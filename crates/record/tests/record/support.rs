//! What several of these tests begin with.

use std::{collections::BTreeMap, path::Path};

use record::{
    Actor, CandidateId, Change, Collection, ComparisonId, Detector, Drawing, Fit, NewCandidate,
    NewComparison, NewReview, NewScene, Query, Role, Seen, SiteId, Store, Verdict,
    geojson::{read_polygon, read_site},
};
use serde_json::{Value, json};

use crate::common::plain_scene;

pub(crate) fn actor(name: &str, role: Role) -> Actor {
    Actor { name: name.to_owned(), role }
}

pub(crate) fn square(west: f64, south: f64) -> Value {
    let (east, north) = (west + 0.001, south + 0.001);
    json!({"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]})
}

pub(crate) fn add_site(store: &Store, name: &str) -> SiteId {
    let feature = json!({"type": "Feature", "geometry": square(127.6, 39.9), "properties": {"name": name}});
    store.create_site(&actor("root", Role::Admin), read_site(&feature).unwrap()).unwrap().id
}

pub(crate) fn add_scene(store: &Store, site: &SiteId, datetime: &str) -> record::SceneId {
    add_scene_at(store, site, datetime, &square(127.6, 39.9))
}

pub(crate) fn add_scene_at(
    store: &Store,
    site: &SiteId,
    datetime: &str,
    footprint: &Value,
) -> record::SceneId {
    let footprint = read_polygon(footprint).unwrap();
    let facts = NewScene {
        platform: Some("rendered".to_owned()),
        ..plain_scene(store, datetime.as_bytes(), datetime, Some(footprint))
    };
    store.add_scene(&actor("ann", Role::Analyst), site, facts).unwrap().id
}

pub(crate) fn found(index: u32) -> NewCandidate {
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
pub(crate) fn comparison(store: &Store, site: &SiteId, candidates: u32) -> NewComparison {
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
pub(crate) fn store_with_candidates(folder: &Path, candidates: u32) -> (Store, Vec<CandidateId>) {
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

pub(crate) fn verdict(verdict: Verdict) -> NewReview {
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

/// Opens the database as an intruder would and runs some SQL.
pub(crate) fn tamper(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join("stakeout.sqlite")).unwrap().execute_batch(sql).unwrap();
}

pub(crate) fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(folder, copy.path());
    copy
}

pub(crate) fn copy_into(from: &Path, to: &Path) {
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

/// What a person with that name may see of a collection: ids and states.
pub(crate) fn seen(store: &Store, reader: Option<&str>, collection: Collection) -> Vec<(String, String)> {
    let query = Query { reader: reader.map(str::to_owned), ..Query::first(collection, 100) };
    let page = store.items(&query).unwrap();
    assert_eq!(page.number_matched, page.items.len() as u64);
    let state = |value: &Value| {
        let properties = &value["properties"];
        properties["state"].as_str().or(properties["status"].as_str()).unwrap().to_owned()
    };
    page.items.iter().map(|item| (item.id.clone(), state(&item.value()))).collect()
}

pub(crate) fn drawing(comparison: &ComparisonId) -> Drawing {
    Drawing {
        comparison: comparison.clone(),
        outline: read_polygon(&square(127.8, 39.9)).unwrap(),
        change: Change::New,
        said: verdict(Verdict::Confirm),
    }
}

/// An annotation as another program posts it, with a construction window.
pub(crate) fn drawn_elsewhere(start: Option<&str>, end: Option<&str>) -> record::AnnotationDraft {
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
