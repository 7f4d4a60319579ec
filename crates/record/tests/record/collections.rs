//! Pages, boxes, intervals and filters of the collections.

use record::{
    CandidateId, Collection, Cursor, Filter, IfMatch, PageStart, Query, Role, Store, Timestamp, Verdict,
};
use serde_json::{Value, json};

use crate::support::{actor, store_with_candidates, verdict};

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
