//! Features of the three collections: written with their text ready to be served, read in pages.

use rusqlite::{OptionalExtension, Row, Transaction, params, params_from_iter};
use serde_json::Value;

use super::{
    Change, Store,
    condition::{Sql, touches_boxes},
    cql2_sql,
};
use crate::{blobs::Sha256Hex, error::RecordError, filter::Filter, geojson, id::SiteId};

/// One of the feature collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collection {
    /// Places that are watched.
    Sites,
    /// What detectors found.
    Candidates,
    /// What people confirmed.
    Annotations,
}

impl Collection {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Collection; 3] = [Collection::Sites, Collection::Candidates, Collection::Annotations];

    /// Name as in the address of the collection.
    pub fn as_str(self) -> &'static str {
        match self {
            Collection::Sites => "sites",
            Collection::Candidates => "candidates",
            Collection::Annotations => "annotations",
        }
    }

    /// Name of one thing in it.
    pub fn singular(self) -> &'static str {
        match self {
            Collection::Sites => "site",
            Collection::Candidates => "candidate",
            Collection::Annotations => "annotation",
        }
    }

    fn subject(self, id: &str) -> String {
        format!("{}/{id}", self.singular())
    }
}

/// What a change to a thing was based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whatever is there.
    Any,
    /// This revision and no other.
    Revision(u64),
}

/// A stored feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Counts its changes from 1.
    pub revision: u64,
    /// SHA-256 of the text: its strong validator.
    pub sha256: String,
    /// The GeoJSON feature.
    pub feature: String,
}

impl Item {
    /// The feature as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.feature).expect("stored features are JSON that this crate wrote")
    }
}

/// A place between two features of a collection.
///
/// A page that begins after a cursor loses and repeats nothing, whatever is written meanwhile: the
/// number it holds is that of a feature and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// After the feature of this number.
    After(i64),
    /// Before the feature of this number.
    Before(i64),
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cursor::After(n) => write!(f, "a{n:x}"),
            Cursor::Before(n) => write!(f, "b{n:x}"),
        }
    }
}

impl std::str::FromStr for Cursor {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Cursor, RecordError> {
        let number = |digits: &str| i64::from_str_radix(digits, 16).ok().filter(|n| *n >= 0);
        text.strip_prefix('a')
            .and_then(number)
            .map(Cursor::After)
            .or_else(|| text.strip_prefix('b').and_then(number).map(Cursor::Before))
            .ok_or_else(|| RecordError::Invalid {
                field: "cursor",
                got: format!("{text:?}"),
                wanted: "the cursor of a next or prev link".to_owned(),
            })
    }
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// At the first feature.
    First,
    /// Behind so many features.
    Offset(u64),
    /// At a cursor.
    At(Cursor),
}

/// Which features, and how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Of this collection.
    pub collection: Collection,
    /// Of this site.
    pub site: Option<String>,
    /// Touching any of these boxes: west, south, east, north in degrees.
    pub boxes: Vec<[f64; 4]>,
    /// Whose time meets this interval, in milliseconds since 1970; `None` is open.
    pub interval_ms: Option<(Option<i64>, Option<i64>)>,
    /// Meeting this filter.
    pub filter: Option<Filter>,
    /// At most so many.
    pub limit: u32,
    /// Beginning here.
    pub start: PageStart,
}

impl Query {
    /// The first `limit` features of a collection.
    pub fn first(collection: Collection, limit: u32) -> Query {
        Query {
            collection,
            site: None,
            boxes: Vec::new(),
            interval_ms: None,
            filter: None,
            limit,
            start: PageStart::First,
        }
    }

    fn counts_are_kept(&self) -> bool {
        self.boxes.is_empty() && self.interval_ms.is_none() && self.filter.is_none()
    }
}

/// A page of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The features, in the order in which they were first recorded.
    pub items: Vec<Item>,
    /// How many features match in all.
    pub number_matched: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// Where the page before ends, if there is one.
    pub previous: Option<Cursor>,
}

/// The condition that a query sets on rows of `item`.
fn condition(query: &Query) -> Result<Sql, RecordError> {
    let collection = Sql::bound(query.collection.as_str().to_owned());
    let mut condition = Sql::of("collection = {} AND hidden = 0", &[&collection]);
    if let Some(site) = &query.site {
        condition.and(&Sql::of("site = {}", &[&Sql::bound(site.clone())]));
    }
    if !query.boxes.is_empty() {
        condition.and(&touches_boxes(&query.boxes));
    }
    if let Some((from, to)) = query.interval_ms {
        if let Some(to) = to {
            condition.and(&Sql::of("start_ms <= {}", &[&Sql::bound(to)]));
        }
        if let Some(from) = from {
            condition.and(&Sql::of("end_ms >= {}", &[&Sql::bound(from)]));
        }
    }
    if let Some(filter) = &query.filter {
        condition.and(&cql2_sql::condition(filter, query.collection)?);
    }
    Ok(condition)
}

impl Store {
    /// Reads a page of features.
    ///
    /// # Errors
    /// When the database fails.
    pub fn items(&self, query: &Query) -> Result<Page, RecordError> {
        let reader = self.read()?;
        // one snapshot for the count and the page
        let snapshot = reader.unchecked_transaction()?;
        let condition = condition(query)?;
        let number_matched = count(&snapshot, query, &condition)?;
        page(&snapshot, query, condition, number_matched)
    }

    /// Reads one feature.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn item(&self, collection: Collection, id: &str) -> Result<Item, RecordError> {
        stored(&*self.read()?, collection, id)
    }
}

fn count(snapshot: &Transaction<'_>, query: &Query, condition: &Sql) -> Result<u64, RecordError> {
    if query.counts_are_kept() {
        let sum = "SELECT coalesce(sum(items), 0) FROM item_count WHERE collection = ?1 AND (?2 IS NULL OR site = ?2)";
        let kept = (query.collection.as_str(), &query.site);
        return Ok(snapshot.prepare_cached(sum)?.query_row(kept, |row| row.get(0))?);
    }
    let sql = format!("SELECT count(*) FROM item WHERE {}", condition.text);
    Ok(snapshot.prepare_cached(&sql)?.query_row(params_from_iter(&condition.values), |row| row.get(0))?)
}

fn page(
    snapshot: &Transaction<'_>,
    query: &Query,
    mut condition: Sql,
    number_matched: u64,
) -> Result<Page, RecordError> {
    let mut backwards = false;
    let mut offset = 0;
    match query.start {
        PageStart::First => {}
        PageStart::Offset(skipped) => offset = skipped,
        PageStart::At(Cursor::After(n)) => condition.and(&Sql::of("n > {}", &[&Sql::bound(n)])),
        PageStart::At(Cursor::Before(n)) => {
            condition.and(&Sql::of("n < {}", &[&Sql::bound(n)]));
            backwards = true;
        }
    }
    let order = if backwards { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT id, revision, sha256, feature, n FROM item WHERE {} ORDER BY n {order} LIMIT ? OFFSET ?",
        condition.text
    );
    // one more than asked for tells whether there is another page
    condition.values.push((i64::from(query.limit) + 1).into());
    condition.values.push(i64::try_from(offset).unwrap_or(i64::MAX).into());
    let mut found = snapshot
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&condition.values), |row| {
            Ok((item_from_row(row)?, row.get::<_, i64>(4)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let more = found.len() > query.limit as usize;
    found.truncate(query.limit as usize);
    if backwards {
        found.reverse();
    }
    let first = found.first().map(|(_, n)| *n);
    let last = found.last().map(|(_, n)| *n);
    let (more_after, more_before) = match query.start {
        PageStart::First => (more, false),
        PageStart::Offset(skipped) => (more, skipped > 0),
        PageStart::At(Cursor::After(_)) => (more, true),
        PageStart::At(Cursor::Before(_)) => (true, more),
    };
    Ok(Page {
        items: found.into_iter().map(|(item, _)| item).collect(),
        number_matched,
        next: last.filter(|_| more_after).map(Cursor::After),
        previous: first.filter(|_| more_before).map(Cursor::Before),
    })
}

fn item_from_row(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item { id: row.get(0)?, revision: row.get(1)?, sha256: row.get(2)?, feature: row.get(3)? })
}

/// Reads a visible feature.
pub(super) fn stored(
    connection: &rusqlite::Connection,
    collection: Collection,
    id: &str,
) -> Result<Item, RecordError> {
    connection
        .prepare_cached(
            "SELECT id, revision, sha256, feature FROM item WHERE collection = ?1 AND id = ?2 AND hidden = 0",
        )?
        .query_row((collection.as_str(), id), item_from_row)
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: collection.singular(), id: id.to_owned() })
}

/// Asks that a feature is at the revision that a change was based on.
pub(super) fn must_match(collection: Collection, item: &Item, if_match: IfMatch) -> Result<(), RecordError> {
    match if_match {
        IfMatch::Revision(given) if given != item.revision => Err(RecordError::Stale {
            what: collection.singular(),
            id: item.id.clone(),
            current: item.revision,
            given,
        }),
        _ => Ok(()),
    }
}

/// A feature to be written with what its row needs beside it.
pub(super) struct Written<'a> {
    pub(super) collection: Collection,
    pub(super) id: &'a str,
    pub(super) site: &'a SiteId,
    pub(super) comparison: Option<&'a str>,
    pub(super) candidate: Option<&'a str>,
    pub(super) state: Option<String>,
    pub(super) revision: u64,
    pub(super) hidden: bool,
    pub(super) start_ms: Option<i64>,
    pub(super) end_ms: Option<i64>,
    pub(super) bounds: [f64; 4],
    pub(super) feature: Value,
}

impl Written<'_> {
    /// Appends the event that holds the feature, and writes the feature: new, or over the one of its id.
    pub(super) fn write(self, change: &Change<'_>, kind: &str) -> Result<(), RecordError> {
        let event = change.event(
            &self.collection.subject(self.id),
            kind,
            &serde_json::json!({"hidden": self.hidden, "feature": &self.feature}),
        )?;
        self.write_under(change, event)
    }

    /// Writes the feature under an event that holds it already.
    pub(super) fn write_under(self, change: &Change<'_>, event: u64) -> Result<(), RecordError> {
        let text = self.feature.to_string();
        let [minx, miny, maxx, maxy] = self.bounds;
        change
            .transaction
            .prepare_cached(
                "INSERT INTO item (collection, id, site, comparison, candidate, state, revision, hidden,
                                   start_ms, end_ms, minx, miny, maxx, maxy, sha256, event, feature)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
                 ON CONFLICT (collection, id) DO UPDATE SET
                     state = excluded.state, revision = excluded.revision, hidden = excluded.hidden,
                     start_ms = excluded.start_ms, end_ms = excluded.end_ms,
                     minx = excluded.minx, miny = excluded.miny, maxx = excluded.maxx, maxy = excluded.maxy,
                     sha256 = excluded.sha256, event = excluded.event, feature = excluded.feature",
            )?
            .execute(params![
                self.collection.as_str(),
                self.id,
                self.site.as_str(),
                self.comparison,
                self.candidate,
                self.state,
                self.revision,
                self.hidden,
                self.start_ms,
                self.end_ms,
                minx,
                miny,
                maxx,
                maxy,
                Sha256Hex::of(text.as_bytes()).as_str(),
                event,
                text,
            ])?;
        Ok(())
    }
}

/// Whether a feature of that id was ever written, visible or not.
pub(super) fn is_taken(
    transaction: &Transaction<'_>,
    collection: Collection,
    id: &str,
) -> Result<bool, RecordError> {
    Ok(transaction
        .prepare_cached("SELECT 1 FROM item WHERE collection = ?1 AND id = ?2")?
        .exists((collection.as_str(), id))?)
}

/// Serde's word for a plain enum value.
pub(super) fn word(value: impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned))
}

pub(super) fn polygon_bounds(polygon: &geo::Polygon<f64>) -> [f64; 4] {
    geojson::bounds(polygon)
}
