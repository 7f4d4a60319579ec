//! Filters and outlines as strangers send them: each is refused as theirs or taken, and nothing panics, hangs or
//! makes SQL that the database does not know. `PROPTEST_CASES` says how many are tried.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use record::{
    Actor, AnnotationDraft, Change, Collection, Filter, NewScene, Query, RecordError, Role, SceneDetails,
    SceneQuery, SiteId, Store,
    geojson::{polygon_value, read_polygon, read_site},
};
use serde_json::{Value, json};

use common::plain_scene;

/// Longest that one small filter may take to be read or refused.
const READING_MAX: Duration = Duration::from_secs(20);
type Polygon = geo::Polygon<f64>;

/// Stack of a thread that answers requests.
const STACK_BYTES: usize = 2 << 20;

/// A store with a scene and an annotation, both across the antimeridian and with words, so that filters are asked of
/// something; and the folder that it lives in.
fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let part = |west: f64, east: f64| {
        json!([[[west, -17.0], [east, -17.0], [east, -16.0], [west, -16.0], [west, -17.0]]])
    };
    let across = json!({"type": "MultiPolygon", "coordinates": [part(179.0, 180.0), part(-180.0, -179.0)]});
    let admin = Actor { name: "root".to_owned(), role: Role::Admin };
    let site = json!({"type": "Feature", "geometry": across, "properties": {"name": "plant"}});
    let site = store.create_site(&admin, read_site(&site).unwrap()).unwrap().id;
    let outline = read_polygon(&across).unwrap();
    store.add_scene(&admin, &site, scene(&store, outline.clone())).unwrap();
    store.create_annotation(&admin, annotation(site, outline)).unwrap();
    (folder, store)
}

fn scene(store: &Store, footprint: Polygon) -> NewScene {
    NewScene {
        platform: Some("%a_".to_owned()),
        provider: Some("Provider".to_owned()),
        details: SceneDetails {
            title: Some("Plânt".to_owned()),
            instruments: vec!["a".to_owned(), String::new()],
            cloud_cover_percent: Some(5.0),
            ..SceneDetails::default()
        },
        ..plain_scene(store, b"pixels", "2024-10-21T02:25:00Z", Some(footprint))
    }
}

fn annotation(site: SiteId, outline: Polygon) -> AnnotationDraft {
    AnnotationDraft {
        site,
        outline,
        structure_type: Some("warehouse".to_owned()),
        change: Change::New,
        title: Some("Hall, \"plânt\" 100%".to_owned()),
        note: None,
        confidence: None,
        start_datetime: Some("2024-01-01T00:00:00Z".parse().unwrap()),
        end_datetime: None,
    }
}

fn is_theirs(error: &RecordError) -> bool {
    matches!(error, RecordError::Filter(_) | RecordError::Invalid { .. } | RecordError::GeoJson(_))
}

/// Asks scenes and features with a filter.
fn ask(store: &Store, filter: Filter) -> Result<(), TestCaseError> {
    let scenes = SceneQuery {
        sites: Vec::new(),
        ids: Vec::new(),
        boxes: Vec::new(),
        interval_ms: None,
        filter: Some(filter.clone()),
        order: Vec::new(),
        limit: 10,
        after: None,
    };
    let asked = [
        store.search_scenes(&scenes).map(drop),
        store.items(&Query { filter: Some(filter), ..Query::first(Collection::Annotations, 10) }).map(drop),
    ];
    for answer in asked {
        if let Err(error) = answer {
            prop_assert!(is_theirs(&error), "{error:?}");
        }
    }
    Ok(())
}

/// Words of the language, and some that are not.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "gsd",
        "geometry",
        "datetime",
        "collection",
        "title",
        "\"eo:cloud_cover\"",
        "score",
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        "=",
        "<>",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "div",
        "BETWEEN",
        "IN",
        "LIKE",
        "IS",
        "NULL",
        ",",
        "'plant'",
        "'%a_'",
        "1",
        "-0.5",
        "1e308",
        "TRUE",
        "CASEI(",
        "ACCENTI(",
        "S_INTERSECTS(",
        "S_WITHIN(",
        "T_AFTER(",
        "T_DURING(",
        "A_CONTAINS(",
        "POINT(1 2)",
        "POLYGON((0 0, 1 0, 1 1, 0 0))",
        "BBOX(0,0,1,1)",
        "ENVELOPE(0,0,1,1)",
        "TIMESTAMP('2024-01-01T00:00:00Z')",
        "DATE('2024-01-01')",
        "INTERVAL('..','2024-01-01')",
        "'",
        "\"",
        ";",
        "--",
        "\0",
    ];
    prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => any::<f64>().prop_map(|number| number.to_string()),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    let names = [
        "gsd",
        "geometry",
        "datetime",
        "collection",
        "title",
        "eo:cloud_cover",
        "score",
        "id",
        "instruments",
        "",
    ];
    prop_oneof![
        proptest::sample::select(names.to_vec()).prop_map(|name| json!({"property": name})),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,8}".prop_map(|text| json!(text)),
        any::<bool>().prop_map(|truth| json!(truth)),
        Just(Value::Null),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]".prop_map(|date| json!({"date": date})),
        "\\PC{0,24}".prop_map(|time| json!({"timestamp": time})),
        ("\\PC{0,12}", "\\PC{0,12}").prop_map(|(from, to)| json!({"interval": [from, to]})),
        proptest::collection::vec(any::<f64>(), 0..7).prop_map(|numbers| json!({"bbox": numbers})),
        geometry(),
    ]
}

fn geometry() -> impl Strategy<Value = Value> {
    let kinds = ["Point", "LineString", "Polygon", "MultiPolygon", "GeometryCollection", "polygon"];
    let number = || prop_oneof![-180.0..180.0, any::<f64>(), Just(f64::MAX)];
    let position = proptest::collection::vec(number(), 0..4);
    let ring = proptest::collection::vec(position, 0..7).prop_map(|mut ring| {
        // half of all rings are closed
        if ring.len() % 2 == 0
            && let Some(first) = ring.first().cloned()
        {
            ring.push(first);
        }
        json!(ring)
    });
    let rings = proptest::collection::vec(ring, 0..3);
    (proptest::sample::select(kinds.to_vec()), rings, 0..4).prop_map(|(kind, rings, nesting)| {
        let coordinates = match nesting {
            0 => json!([rings]),
            1 => rings.first().cloned().unwrap_or_default(),
            2 => rings.first().and_then(|ring| ring.get(0)).cloned().unwrap_or_default(),
            _ => json!(rings),
        };
        json!({"type": kind, "coordinates": coordinates})
    })
}

fn expression() -> impl Strategy<Value = Value> {
    let ops = [
        "and",
        "or",
        "not",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "between",
        "in",
        "like",
        "isNull",
        "casei",
        "accenti",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "div",
        "s_intersects",
        "s_disjoint",
        "s_within",
        "s_touches",
        "t_after",
        "t_during",
        "t_equals",
        "a_contains",
        "a_overlaps",
        "a_equals",
        "drop",
        "",
    ];
    leaf().prop_recursive(6, 48, 4, move |inner| {
        let ops = proptest::sample::select(ops.to_vec());
        prop_oneof![
            6 => (ops, proptest::collection::vec(inner.clone(), 0..4))
                .prop_map(|(op, args)| json!({"op": op, "args": args})),
            1 => proptest::collection::vec(inner, 0..3).prop_map(|list| json!(list)),
        ]
    })
}

#[test]
fn any_text_is_a_filter_or_is_refused() {
    let (_folder, store) = store();
    proptest!(|(words in proptest::collection::vec(word(), 0..14))| {
        if let Ok(filter) = Filter::from_text(&words.join(" ")) {
            ask(&store, filter)?;
        }
    });
}

#[test]
fn any_json_is_a_filter_or_is_refused() {
    let (_folder, store) = store();
    proptest!(|(expression in expression())| {
        if let Ok(filter) = Filter::from_json(&expression.to_string()) {
            ask(&store, filter)?;
        }
    });
}

#[test]
fn any_geometry_is_an_outline_that_comes_back_or_is_refused() {
    let (_folder, store) = store();
    proptest!(|(geometry in geometry())| {
        if let Ok(polygon) = read_polygon(&geometry) {
            let again = read_polygon(&polygon_value(&polygon));
            prop_assert_eq!(again.map_err(|error| TestCaseError::fail(error.to_string()))?, polygon);
        }
        let feature = json!({"type": "Feature", "geometry": geometry, "properties": {"name": "a"}});
        let _ = read_site(&feature);
        if let Ok(filter) = Filter::intersecting(geometry) {
            ask(&store, filter)?;
        }
    });
}

#[test]
fn a_filter_that_nests_without_end_is_refused_in_time_and_without_the_stacks_end() {
    let (_folder, store) = store();
    for (opening, middle, closing) in [
        ("(", "gsd = 1", ")"),
        ("NOT ", "gsd = 1", ""),
        ("NOT (", "gsd = 1", ")"),
        ("CASEI(", "title", ")"),
        ("-", "1", ""),
        ("gsd + (", "1", ")"),
        ("(", "", ""),
        ("[", "1", "]"),
        ("{\"op\":\"not\",\"args\":[", "1", "]}"),
        ("{\"op\":\"in\",\"args\":[", "true", ",[true,true]]}"),
        ("{\"op\":\"in\",\"args\":[true,[false,", "true", "]]}"),
    ] {
        for count in [12, 24, 40, 500, 16_000 / opening.len()] {
            let text = format!("{}{middle}{}", opening.repeat(count), closing.repeat(count));
            let store = &store;
            let read = move || {
                let started = Instant::now();
                let read = [Filter::from_text(&text), Filter::from_json(&text)];
                assert!(read.into_iter().flatten().all(|filter| ask(store, filter).is_ok()));
                started.elapsed()
            };
            let took = std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read);
                thread.unwrap().join().unwrap()
            });
            assert!(took < READING_MAX, "{opening:?} x {count} took {took:?}");
        }
    }
}
