//! Pages are read along indexes, blocks and kept lists; here they are compared with the slow and obvious: all features,
//! one by one.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use geo::{BoundingRect, Rect, polygon};
use proptest::prelude::*;
use record::{
    Actor, Annotation, AnnotationDraft, Change, Collection, Cursor, Extent, Filter, IfMatch, PageStart,
    Query, Role, SiteId, Store, Timestamp,
    geojson::{annotation_from_feature, read_site},
};
use serde_json::{Value, json};

/// Degrees between neighbouring places; a building is half as wide.
const STEP_DEG: f64 = 0.01;
const PLACES: u8 = 8;
const DAY_MS: i64 = 86_400_000;
const KINDS: [&str; 3] = ["warehouse", "housing", "shed"];

fn admin() -> Actor {
    Actor { name: "root".to_owned(), role: Role::Admin }
}

/// What matters of an annotation to a query.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    site: u8,
    column: u8,
    row: u8,
    first_day: u8,
    days: u8,
    kind: u8,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (0..3_u8, 0..PLACES, 0..PLACES, 0..20_u8, 0..5_u8, 0..3_u8).prop_map(
        |(site, column, row, first_day, days, kind)| Drawn { site, column, row, first_day, days, kind },
    )
}

fn site(number: u8) -> SiteId {
    SiteId(format!("site-{number}"))
}

fn annotation(drawn: Drawn) -> AnnotationDraft {
    let (west, south) = (f64::from(drawn.column) * STEP_DEG, f64::from(drawn.row) * STEP_DEG);
    let (east, north) = (west + STEP_DEG / 2.0, south + STEP_DEG / 2.0);
    let day = |number: u8| Timestamp::from_millisecond(i64::from(number) * DAY_MS).unwrap();
    AnnotationDraft {
        site: site(drawn.site),
        outline: polygon![(x: west, y: south), (x: east, y: south), (x: east, y: north), (x: west, y: north)],
        structure_type: Some(KINDS[usize::from(drawn.kind)].to_owned()),
        change: Change::New,
        title: None,
        note: None,
        confidence: None,
        start_datetime: Some(day(drawn.first_day)),
        end_datetime: Some(day(drawn.first_day + drawn.days)),
    }
}

/// A store with three sites, whose next feature has a number of our choice: blocks begin at multiples of 256 and 65,536.
fn store(folder: &Path, next_number: u32) -> Store {
    let store = Store::open(folder).unwrap();
    for number in 0..3 {
        let ring = json!([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]]);
        let feature = json!({
            "type": "Feature", "id": site(number), "geometry": {"type": "Polygon", "coordinates": ring},
            "properties": {"name": "Site"},
        });
        store.create_site(&admin(), read_site(&feature).unwrap()).unwrap();
    }
    connection(folder)
        .execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'item'", [next_number - 1])
        .unwrap();
    store
}

fn connection(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join(record::DATABASE_FILE)).unwrap()
}

/// Every visible annotation in order, read by a full scan.
fn all(folder: &Path) -> Vec<(String, Annotation)> {
    let connection = connection(folder);
    let mut statement = connection
        .prepare("SELECT feature FROM item NOT INDEXED WHERE collection = 'annotations' AND hidden = 0 ORDER BY +n")
        .unwrap();
    let texts = statement.query_map([], |row| row.get(0)).unwrap();
    texts
        .map(|text: rusqlite::Result<String>| {
            let text = text.unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            (text, annotation_from_feature(&value).unwrap())
        })
        .collect()
}

/// What to ask for, in a form that is easy to check by hand.
#[derive(Clone, Debug)]
struct Asked {
    site: Option<u8>,
    places: Option<[u8; 4]>,
    days: Option<[u8; 2]>,
    kind: Option<u8>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let places = (0..PLACES, 0..PLACES, 1..PLACES, 1..PLACES)
        .prop_map(|(column, row, columns, rows)| [column, row, column + columns, row + rows]);
    let days = (0..25_u8, 0..5_u8).prop_map(|(first, days)| [first, first + days]);
    (
        proptest::option::weighted(0.3, 0..3_u8),
        proptest::option::weighted(0.4, places),
        proptest::option::weighted(0.3, days),
        proptest::option::weighted(0.3, 0..3_u8),
    )
        .prop_map(|(site, places, days, kind)| Asked { site, places, days, kind })
}

impl Asked {
    fn bbox(&self) -> Option<[f64; 4]> {
        // a quarter of a step off, so that no edge is only touched
        self.places.map(|places| places.map(|place| (f64::from(place) - 0.25) * STEP_DEG))
    }

    fn interval_ms(&self) -> Option<(Option<i64>, Option<i64>)> {
        self.days.map(|[from, to]| (Some(i64::from(from) * DAY_MS), Some(i64::from(to) * DAY_MS)))
    }

    fn query(&self, limit: u32, start: PageStart) -> Query {
        let kind = self.kind.map(|kind| Filter::property_is("structure_type", KINDS[usize::from(kind)]));
        Query {
            site: self.site.map(|number| site(number).to_string()),
            boxes: self.bbox().into_iter().collect(),
            interval_ms: self.interval_ms(),
            filter: kind,
            start,
            ..Query::first(Collection::Annotations, limit)
        }
    }

    fn matches(&self, annotation: &Annotation) -> bool {
        let bounds = annotation.outline.bounding_rect().unwrap();
        let meets = |[west, south, east, north]: [f64; 4]| {
            let asked = Rect::new((west, south), (east, north));
            bounds.min().x <= asked.max().x
                && bounds.max().x >= asked.min().x
                && bounds.min().y <= asked.max().y
                && bounds.max().y >= asked.min().y
        };
        let ms = |time: Option<Timestamp>| time.unwrap().as_millisecond();
        self.site.is_none_or(|number| annotation.site == site(number))
            && self.bbox().is_none_or(meets)
            && self.days.is_none_or(|[from, to]| {
                ms(annotation.start_datetime) <= i64::from(to) * DAY_MS
                    && ms(annotation.end_datetime) >= i64::from(from) * DAY_MS
            })
            && self
                .kind
                .is_none_or(|kind| annotation.structure_type.as_deref() == Some(KINDS[usize::from(kind)]))
    }
}

/// Follows `next` or `previous` from a page to the end and tells the pages.
fn follow(store: &Store, mut query: Query, forwards: bool) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = store.items(&query).unwrap();
        pages.push(page.items.into_iter().map(|item| item.feature).collect());
        match if forwards { page.next } else { page.previous } {
            Some(cursor) => query.start = PageStart::At(cursor),
            None => return pages,
        }
        assert!(pages.len() < 10_000, "the links lead in a circle");
    }
}

/// Compares the extent of the annotations with that of all of them, one by one.
fn check_extent(store: &Store, folder: &Path) {
    let all = all(folder);
    let bounds = all.iter().map(|(_, made)| made.outline.bounding_rect().unwrap()).reduce(|one, other| {
        let low = (one.min().x.min(other.min().x), one.min().y.min(other.min().y));
        let high = (one.max().x.max(other.max().x), one.max().y.max(other.max().y));
        Rect::new(low, high)
    });
    let starts = all.iter().filter_map(|(_, made)| made.start_datetime).min();
    let ends = all.iter().filter_map(|(_, made)| made.end_datetime).max();
    let ms = |(start, end): (Timestamp, Timestamp)| (start.as_millisecond(), end.as_millisecond());
    let wanted = bounds.map(|bounds| Extent {
        bounds: [bounds.min().x, bounds.min().y, bounds.max().x, bounds.max().y],
        interval_ms: starts.zip(ends).map(ms),
    });
    assert_eq!(store.extent(None, Collection::Annotations).unwrap(), wanted);
}

/// Compares every way to a page of one query with the list of all that match.
fn check(store: &Store, folder: &Path, asked: &Asked, limit: u32, offsets: &[u64]) {
    let wanted: Vec<String> = all(folder)
        .into_iter()
        .filter(|(_, annotation)| asked.matches(annotation))
        .map(|(text, _)| text)
        .collect();
    assert_eq!(
        follow(store, asked.query(limit, PageStart::First), true).concat(),
        wanted,
        "by next: {asked:?}"
    );
    for &offset in offsets {
        let from = usize::try_from(offset).unwrap().min(wanted.len());
        let to = (from + limit as usize).min(wanted.len());
        let query = asked.query(limit, PageStart::Offset(offset));
        let page = store.items(&query).unwrap();
        let texts: Vec<&String> = page.items.iter().map(|item| &item.feature).collect();
        assert_eq!(texts, wanted[from..to].iter().collect::<Vec<_>>(), "behind {offset}: {asked:?}");
        assert_eq!(page.number_matched, wanted.len() as u64, "count: {asked:?}");
        assert_eq!(page.next.is_some(), from < to && to < wanted.len(), "next behind {offset}: {asked:?}");
        assert_eq!(page.previous.is_some(), from < to && from > 0, "prev behind {offset}: {asked:?}");
        let rest = follow(store, query.clone(), true).concat();
        assert_eq!(rest, wanted[from..], "by next from {offset}: {asked:?}");
        let mut back = follow(store, query.clone(), false);
        back.reverse();
        if from < to {
            assert_eq!(back.concat(), wanted[..to], "by prev from {offset}: {asked:?}");
        }
        let text = store.page_text(&query).unwrap();
        assert_eq!(text.features, wanted[from..to].join(","), "as text behind {offset}: {asked:?}");
        assert_eq!(
            (text.number_returned, text.number_matched, text.next, text.previous),
            (page.items.len() as u64, page.number_matched, page.next, page.previous)
        );
    }
}

/// Pages that end early, for want of room, lose and repeat nothing, there and back, and end no earlier than they must.
fn check_room(store: &Store, folder: &Path, asked: &Asked, limit: u32, bytes_max: u64) {
    let wanted: Vec<String> = all(folder)
        .into_iter()
        .filter(|(_, annotation)| asked.matches(annotation))
        .map(|(text, _)| text)
        .collect();
    let query = |start| Query { bytes_max, ..asked.query(limit, start) };
    let bytes = |texts: &[String]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
    let fits = |page: &[String]| page.len() <= 1 || bytes(page) <= bytes_max;
    let there = follow(store, query(PageStart::First), true);
    assert_eq!(there.concat(), wanted, "by next in {bytes_max} bytes: {asked:?}");
    for (page, next) in there.iter().zip(&there[1..]) {
        let is_full = page.len() == limit as usize || bytes(page) + bytes(&next[..1]) > bytes_max;
        assert!(is_full && fits(page), "{bytes_max} bytes: {asked:?}");
    }
    let mut back = follow(store, query(PageStart::At(Cursor::Before(i64::MAX))), false);
    assert!(back.iter().all(|page| fits(page)), "{bytes_max} bytes: {asked:?}");
    back.reverse();
    assert_eq!(back.concat(), wanted, "by prev in {bytes_max} bytes: {asked:?}");
    let page = store.page_text(&query(PageStart::First)).unwrap();
    assert_eq!(page.features, there[0].join(","));
    assert_eq!((page.number_returned, page.number_matched), (there[0].len() as u64, wanted.len() as u64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_way_to_a_page_gives_what_a_full_scan_gives(
        first in proptest::collection::vec(drawn(), 1..400),
        withdrawn in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
        changed in proptest::collection::vec((any::<prop::sample::Index>(), drawn()), 0..10),
        later in proptest::collection::vec(drawn(), 0..40),
        next_number in prop_oneof![Just(100_u32), Just(65_300), Just(131_000)],
        questions in proptest::collection::vec(asked(), 1..6),
        limit in 1..60_u32,
        offsets in proptest::collection::vec(0..450_u64, 1..5),
        bytes_max in 0..20_000_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), next_number);
        let made = store.create_annotations(&admin(), first.into_iter().map(annotation).collect()).unwrap();
        let questions: Vec<Asked> = questions.into_iter().chain([Asked { site: None, places: None, days: None, kind: None }]).collect();
        // asked before the changes too, so that what was kept of the first answers must not be told again
        for asked in &questions {
            check(&store, folder.path(), asked, limit, &offsets);
        }
        check_extent(&store, folder.path());
        let gone: BTreeSet<usize> = withdrawn.iter().map(|index| index.index(made.len())).collect();
        for &index in &gone {
            store.withdraw_annotation(&admin(), &made[index].id, IfMatch::Any).unwrap();
        }
        for (index, drawn) in changed {
            let index = index.index(made.len());
            if !gone.contains(&index) {
                let site = made[index].site.clone();
                let drawn = AnnotationDraft { site, ..annotation(drawn) };
                store.update_annotation(&admin(), &made[index].id, IfMatch::Any, drawn).unwrap();
            }
        }
        store.create_annotations(&admin(), later.into_iter().map(annotation).collect()).unwrap();
        for asked in &questions {
            check(&store, folder.path(), asked, limit, &offsets);
            check_room(&store, folder.path(), asked, limit, bytes_max);
        }
        check_extent(&store, folder.path());
        for (_, made) in all(folder.path()) {
            store.withdraw_annotation(&admin(), &made.id, IfMatch::Any).unwrap();
        }
        check_extent(&store, folder.path());
    }
}

#[test]
fn pages_by_cursor_lose_and_repeat_nothing_while_a_writer_adds_and_withdraws() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 4);
    let place = |number: u16| Drawn {
        site: 0,
        column: (number % 4) as u8,
        row: (number / 4 % 4) as u8,
        first_day: 0,
        days: 1,
        kind: 0,
    };
    let draw = |count: u16| {
        store
            .create_annotations(&admin(), (0..count).map(|number| annotation(place(number))).collect())
            .unwrap()
    };
    let steady: BTreeSet<String> = draw(300).into_iter().map(|made| made.id.0).collect();
    let (west, east) = (-STEP_DEG, 2.0 * STEP_DEG);
    let boxed = |made: &Annotation| made.outline.bounding_rect().unwrap().min().x <= east;
    let steady_in_box: BTreeSet<String> =
        all(folder.path()).into_iter().filter(|(_, made)| boxed(made)).map(|(_, made)| made.id.0).collect();
    let read = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = SetWhenDropped(&read);
        scope.spawn(|| {
            while !read.load(Ordering::Relaxed) {
                for passing in draw(7).into_iter().step_by(2) {
                    store.withdraw_annotation(&admin(), &passing.id, IfMatch::Any).unwrap();
                }
            }
        });
        for (boxes, wanted) in [(vec![], &steady), (vec![[west, -1.0, east, 1.0]], &steady_in_box)] {
            for round in 0..3 {
                let mut query =
                    Query { boxes: boxes.clone(), ..Query::first(Collection::Annotations, 17 + round) };
                let mut seen = BTreeSet::new();
                // the writer may be faster than the reader and keep the end away: what was there at first is enough
                while !wanted.is_subset(&seen) {
                    let page = store.items(&query).unwrap();
                    for item in page.items {
                        assert!(seen.insert(item.id.clone()), "{} was told twice", item.id);
                    }
                    let lost = wanted.difference(&seen).count();
                    let Some(next) = page.next else {
                        assert_eq!(lost, 0, "features were lost");
                        break;
                    };
                    query.start = PageStart::At(next);
                }
            }
        }
    });
}

/// Ends the writer whether the reader succeeds or not.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
