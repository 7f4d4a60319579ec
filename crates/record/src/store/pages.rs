//! Pages of features.
//!
//! The features of a whole collection or site are read along an index, and counted from tables that every write keeps
//! true. Every other query is answered from the list of the numbers of all features that match: it is made once for each
//! state of the collection and kept for a while, so that the count is its length and every page of it costs the same.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use rusqlite::{OptionalExtension, Row, Transaction, params_from_iter, types::Value as SqlValue};

use super::{
    Store,
    condition::{Sql, items_meet_boxes},
    cql2_sql::{self, Rows},
    items::{Collection, Item, item_from_row},
    sight,
};
use crate::{error::RecordError, events, filter::Filter};

/// Bytes of lists of matching features that are kept.
const MATCHES_BYTES_MAX: u64 = 64 << 20;
/// Bytes that a kept list costs besides its numbers.
const MATCHES_ENTRY_BYTES: usize = 256;
/// Lists that are expected to be kept at the same time.
const MATCHES_TYPICAL: usize = 256;
/// Numbers in a block of each level of the table `item_block`, as powers of two, coarse first.
const BLOCKS: [(i64, u32); 2] = [(2, 16), (1, 8)];

/// Most bytes of features on a page: some 3,000 for each of 10,000; a single one may have 300,000.
const PAGE_BYTES_MAX: u64 = 32 << 20;
/// Most hex digits of a cursor: no collection will hold 2^60 features.
const CURSOR_DIGITS_MAX: usize = 15;

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
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let number = |digits: &str| {
            let fits = digits.len() <= CURSOR_DIGITS_MAX && digits.bytes().all(is_digit);
            i64::from_str_radix(digits, 16).ok().filter(|_| fits)
        };
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
    /// As this person may see them ([`crate::Actor::reader`]); `None` sees all.
    pub reader: Option<String>,
    /// Of this site.
    pub site: Option<String>,
    /// Meeting any of these boxes: west, south, east, north in degrees.
    pub boxes: Vec<[f64; 4]>,
    /// Whose time meets this interval, in milliseconds since 1970; `None` is open.
    pub interval_ms: Option<(Option<i64>, Option<i64>)>,
    /// Meeting this filter.
    pub filter: Option<Filter>,
    /// At most so many.
    pub limit: u32,
    /// At most so many bytes of them, but always one: a page ends early where the next feature has no room.
    pub bytes_max: u64,
    /// Beginning here.
    pub start: PageStart,
}

impl Query {
    /// The first `limit` features of a collection, as far as a page has room for them.
    pub fn first(collection: Collection, limit: u32) -> Query {
        Query {
            collection,
            reader: None,
            site: None,
            boxes: Vec::new(),
            interval_ms: None,
            filter: None,
            limit,
            bytes_max: PAGE_BYTES_MAX,
            start: PageStart::First,
        }
    }

    /// All of a collection, or all of one site read from cursor to cursor: what the kept counts can answer.
    fn is_whole(&self) -> bool {
        let unfiltered = self.boxes.is_empty() && self.interval_ms.is_none() && self.filter.is_none();
        let blocks_are_kept = self.site.is_none() || !matches!(self.start, PageStart::Offset(_));
        unfiltered && blocks_are_kept
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
    /// State of the collection that was read: as long as it stays, so does the page.
    pub version: String,
}

/// A page of features as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageText {
    /// The features with commas between them: what stands between the brackets of a FeatureCollection.
    pub features: String,
    /// How many features are on this page.
    pub number_returned: u64,
    /// How many features match in all.
    pub number_matched: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// Where the page before ends, if there is one.
    pub previous: Option<Cursor>,
    /// State of the collection that was read: as long as it stays, so does the page.
    pub version: String,
}

/// Lists of the numbers of matching features, by query and state of the collection.
pub(super) type Matches = Cache<MatchesKey, Arc<[i64]>, Bytes>;

/// A query without its limit and start, and the event that changed the collection last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MatchesKey {
    event: i64,
    condition: String,
    values: String,
}

/// Says how much a list weighs.
#[derive(Clone)]
pub(super) struct Bytes;

impl Weighter<MatchesKey, Arc<[i64]>> for Bytes {
    fn weight(&self, key: &MatchesKey, list: &Arc<[i64]>) -> u64 {
        let text = key.condition.len() + key.values.len();
        (size_of_val::<[i64]>(list) + text + MATCHES_ENTRY_BYTES) as u64
    }
}

pub(super) fn matches() -> Matches {
    Cache::with_weighter(MATCHES_TYPICAL, MATCHES_BYTES_MAX, Bytes)
}

/// What a reader sees of a collection: its rows, and the state in which they are.
struct Seen {
    rows: Sql,
    event: i64,
    version: String,
}

impl Seen {
    fn of(
        snapshot: &rusqlite::Connection,
        reader: Option<&str>,
        collection: Collection,
    ) -> Result<Seen, RecordError> {
        let rows = sight::items_seen_by(snapshot, reader)?;
        let (event, version_of_all) = version(snapshot, collection)?;
        let Some(reader) = reader.filter(|_| rows != sight::everything()) else {
            return Ok(Seen { rows, event, version: version_of_all });
        };
        // what is hidden from a person changes with reviews, and every review changes a candidate
        let (reviewed, version_of_reviews) = version(snapshot, Collection::Candidates)?;
        let version = format!("{version_of_all} {version_of_reviews} seen by {reader}");
        Ok(Seen { rows, event: event.max(reviewed), version })
    }

    fn is_everything(&self) -> bool {
        self.rows == sight::everything()
    }
}

/// What surrounds the features of a page.
struct Surroundings {
    number_matched: u64,
    next: Option<Cursor>,
    previous: Option<Cursor>,
}

impl Store {
    /// Reads a page of features.
    ///
    /// # Errors
    /// When the database fails.
    pub fn items(&self, query: &Query) -> Result<Page, RecordError> {
        let reader = self.read()?;
        // one snapshot for the version, the count and the page
        let snapshot = reader.unchecked_transaction()?;
        let seen = Seen::of(&snapshot, query.reader.as_deref(), query.collection)?;
        let mut items = Vec::new();
        let columns = "id, revision, sha256, feature";
        let Surroundings { number_matched, next, previous } =
            self.read_page(&snapshot, query, &seen, columns, &mut |row| {
                items.push(item_from_row(row)?);
                Ok(())
            })?;
        Ok(Page { items, number_matched, next, previous, version: seen.version })
    }

    /// Reads a page of features as text: the stored texts are put together, not parsed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn page_text(&self, query: &Query) -> Result<PageText, RecordError> {
        let reader = self.read()?;
        // one snapshot for the version, the count and the page
        let snapshot = reader.unchecked_transaction()?;
        let seen = Seen::of(&snapshot, query.reader.as_deref(), query.collection)?;
        let (mut features, mut number_returned) = (String::new(), 0);
        let Surroundings { number_matched, next, previous } =
            self.read_page(&snapshot, query, &seen, "feature", &mut |row| {
                if number_returned > 0 {
                    features.push(',');
                }
                features.push_str(row.get_ref(0)?.as_str()?);
                number_returned += 1;
                Ok(())
            })?;
        Ok(PageText { features, number_returned, number_matched, next, previous, version: seen.version })
    }

    /// The state of a collection for a reader ([`crate::Actor::reader`]): what they read of it holds as long as
    /// this stays.
    ///
    /// # Errors
    /// When the database fails.
    pub fn collection_version(
        &self,
        reader: Option<&str>,
        collection: Collection,
    ) -> Result<String, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        Ok(Seen::of(&snapshot, reader, collection)?.version)
    }

    /// Visits the rows of a page in their order.
    fn read_page(
        &self,
        snapshot: &Transaction<'_>,
        query: &Query,
        seen: &Seen,
        columns: &'static str,
        visit: Visit<'_>,
    ) -> Result<Surroundings, RecordError> {
        if query.is_whole() && seen.is_everything() {
            return whole_page(snapshot, query, columns, visit);
        }
        let list = self.matching(snapshot, query, seen)?;
        listed_page(snapshot, query, seen, &list, columns, visit)
    }

    /// The numbers of all features that match, in order.
    fn matching(
        &self,
        snapshot: &Transaction<'_>,
        query: &Query,
        seen: &Seen,
    ) -> Result<Arc<[i64]>, RecordError> {
        let selection = Sql::of("SELECT n FROM {} WHERE {}", &[&seen.rows, &condition(query)?]);
        let values = format!("{:?}", selection.values);
        let key = MatchesKey { event: seen.event, condition: selection.text.clone(), values };
        self.matches.get_or_insert_with(&key, || {
            let mut statement = snapshot.prepare_cached(&selection.text)?;
            let numbers = statement.query_map(params_from_iter(&selection.values), |row| row.get(0))?;
            let mut numbers = numbers.collect::<Result<Vec<i64>, _>>()?;
            numbers.sort_unstable();
            Ok(numbers.into())
        })
    }
}

/// What is done with each row of a page.
type Visit<'a> = &'a mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>;

/// The event that changed a collection last, and its hash.
fn version(snapshot: &rusqlite::Connection, collection: Collection) -> Result<(i64, String), RecordError> {
    let version = snapshot
        .prepare_cached(
            "SELECT event.seq, event.sha256 FROM item_version JOIN event ON event.seq = item_version.event
             WHERE collection = ?1",
        )?
        .query_row([collection.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(version.unwrap_or_else(|| (0, events::no_previous().to_owned())))
}

/// The condition that a query sets on rows of `item`.
fn condition(query: &Query) -> Result<Sql, RecordError> {
    let collection = Sql::bound(query.collection.as_str().to_owned());
    // where there is a box, the R*Tree leads: the plus keeps the planner from walking the collection's index instead
    let lead = if query.boxes.is_empty() { "" } else { "+" };
    let mut condition = Sql::of(&format!("{lead}collection = {{}} AND {lead}hidden = 0"), &[&collection]);
    if let Some(site) = &query.site {
        condition.and(&Sql::of(&format!("{lead}site = {{}}"), &[&Sql::bound(site.clone())]));
    }
    if !query.boxes.is_empty() {
        condition.and(&items_meet_boxes(&query.boxes));
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
        condition.and(&cql2_sql::condition(filter, Rows::Features(query.collection))?);
    }
    Ok(condition)
}

/// A page out of the list of all that match.
fn listed_page(
    snapshot: &Transaction<'_>,
    query: &Query,
    seen: &Seen,
    list: &[i64],
    columns: &'static str,
    visit: Visit<'_>,
) -> Result<Surroundings, RecordError> {
    let (start, end) = match query.start {
        PageStart::First => (0, list.len()),
        PageStart::Offset(skipped) => {
            (usize::try_from(skipped).unwrap_or(usize::MAX).min(list.len()), list.len())
        }
        PageStart::At(Cursor::After(n)) => (list.partition_point(|number| *number <= n), list.len()),
        PageStart::At(Cursor::Before(n)) => {
            let end = list.partition_point(|number| *number < n);
            let back = list[..end].iter().rev();
            (end - visit_listed(snapshot, query, seen, back, "n", &mut |_| Ok(()))?, end)
        }
    };
    let length = visit_listed(snapshot, query, seen, list[start..end].iter(), columns, visit)?;
    let page = &list[start..start + length];
    Ok(Surroundings {
        number_matched: list.len() as u64,
        next: page.last().filter(|_| start + length < list.len()).map(|last| Cursor::After(*last)),
        previous: page.first().filter(|_| start > 0).map(|first| Cursor::Before(*first)),
    })
}

/// Visits the rows of these numbers as far as a page has room for them, and says how many those are.
fn visit_listed<'a>(
    snapshot: &Transaction<'_>,
    query: &Query,
    seen: &Seen,
    numbers: impl Iterator<Item = &'a i64>,
    columns: &'static str,
    visit: Visit<'_>,
) -> Result<usize, RecordError> {
    let one = Sql::of(&format!("SELECT {columns}, {BYTES} FROM {{}} WHERE n = ?"), &[&seen.rows]);
    let mut statement = snapshot.prepare_cached(&one.text)?;
    let bytes = statement.column_count() - 1;
    let mut room = Room::of(query);
    for number in numbers.take(query.limit as usize) {
        let number = std::iter::once(SqlValue::from(*number));
        let values = params_from_iter(one.values.iter().cloned().chain(number));
        let fits = statement.query_row(values, |row| {
            let fits = room.takes(row.get(bytes)?);
            if fits {
                visit(row)?;
            }
            Ok(fits)
        })?;
        if !fits {
            break;
        }
    }
    Ok(room.features)
}

/// Bytes of a feature, which are told without reading it.
const BYTES: &str = "octet_length(feature)";

/// What a page has taken so far, of the bytes that it may.
struct Room {
    features: usize,
    bytes: u64,
    bytes_max: u64,
}

impl Room {
    fn of(query: &Query) -> Room {
        Room { features: 0, bytes: 0, bytes_max: query.bytes_max }
    }

    /// Takes a feature of so many bytes, if it has room; the first always has.
    fn takes(&mut self, bytes: u64) -> bool {
        let fits = self.features == 0 || self.bytes + bytes <= self.bytes_max;
        if fits {
            self.features += 1;
            self.bytes += bytes;
        }
        fits
    }
}

/// A page of a whole collection or site, along its index.
fn whole_page(
    snapshot: &Transaction<'_>,
    query: &Query,
    columns: &'static str,
    visit: Visit<'_>,
) -> Result<Surroundings, RecordError> {
    let whole = Whole { snapshot, collection: query.collection, site: query.site.as_deref() };
    let (from, below) = match query.start {
        PageStart::First => (Some(0), i64::MAX),
        PageStart::Offset(skipped) => (whole.number_behind(skipped)?, i64::MAX),
        PageStart::At(Cursor::After(n)) => (Some(n.saturating_add(1)), i64::MAX),
        PageStart::At(Cursor::Before(n)) => (whole.number_before(n, query)?, n),
    };
    let (mut first, mut last) = (None, None);
    if let Some(from) = from {
        let columns = format!("{columns}, n, {BYTES}");
        let (sql, values) =
            whole.select(&columns, "n >= ? AND n < ? ORDER BY n LIMIT ?", &[from, below, query.limit.into()]);
        let mut statement = snapshot.prepare_cached(&sql)?;
        let bytes = statement.column_count() - 1;
        let mut room = Room::of(query);
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if !room.takes(row.get(bytes)?) {
                break;
            }
            last = Some(row.get(bytes - 1)?);
            first = first.or(last);
            visit(row)?;
        }
    }
    Ok(Surroundings {
        number_matched: whole.count()?,
        next: last.map_or(Ok(None), |n| whole.leads_on(Cursor::After(n)))?,
        previous: first.map_or(Ok(None), |n| whole.leads_on(Cursor::Before(n)))?,
    })
}

/// The visible features of a collection, or of one site in it.
struct Whole<'a> {
    snapshot: &'a Transaction<'a>,
    collection: Collection,
    site: Option<&'a str>,
}

impl Whole<'_> {
    /// A selection from its rows with a further condition, and the values to bind.
    fn select(&self, columns: &str, further: &str, numbers: &[i64]) -> (String, Vec<SqlValue>) {
        let site = if self.site.is_some() { "AND site = ? " } else { "" };
        let sql =
            format!("SELECT {columns} FROM item WHERE collection = ? AND hidden = 0 {site}AND {further}");
        let texts = [Some(self.collection.as_str()), self.site];
        let texts = texts.into_iter().flatten().map(|text| SqlValue::from(text.to_owned()));
        (sql, texts.chain(numbers.iter().copied().map(SqlValue::from)).collect())
    }

    /// One number out of its rows.
    fn number(&self, column: &str, further: &str, numbers: &[i64]) -> Result<Option<i64>, RecordError> {
        let (sql, values) = self.select(column, further, numbers);
        let mut statement = self.snapshot.prepare_cached(&sql)?;
        Ok(statement.query_row(params_from_iter(values), |row| row.get(0)).optional()?)
    }

    /// How many there are.
    fn count(&self) -> Result<u64, RecordError> {
        let sum = "SELECT coalesce(sum(items), 0) FROM item_count WHERE collection = ?1 AND (?2 IS NULL OR site = ?2)";
        let mut statement = self.snapshot.prepare_cached(sum)?;
        Ok(statement.query_row((self.collection.as_str(), self.site), |row| row.get(0))?)
    }

    /// The cursor, if it leads to anything.
    fn leads_on(&self, cursor: Cursor) -> Result<Option<Cursor>, RecordError> {
        let found = match cursor {
            Cursor::After(n) => self.number("n", "n > ? LIMIT 1", &[n])?,
            Cursor::Before(n) => self.number("n", "n < ? LIMIT 1", &[n])?,
        };
        Ok(found.map(|_| cursor))
    }

    /// Where the page before a number begins.
    fn number_before(&self, n: i64, query: &Query) -> Result<Option<i64>, RecordError> {
        let columns = format!("n, {BYTES}");
        let (sql, values) = self.select(&columns, "n < ? ORDER BY n DESC LIMIT ?", &[n, query.limit.into()]);
        let mut statement = self.snapshot.prepare_cached(&sql)?;
        let (mut room, mut first) = (Room::of(query), None);
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if !room.takes(row.get(1)?) {
                break;
            }
            first = Some(row.get(0)?);
        }
        Ok(first)
    }

    /// The number of the feature behind the first `skipped` ones of a collection: down the levels of blocks, then along
    /// the index within one block.
    fn number_behind(&self, mut skipped: u64) -> Result<Option<i64>, RecordError> {
        let mut from = 0;
        for (level, bits) in BLOCKS {
            let Some(block) = self.block_behind(level, from >> bits, &mut skipped)? else { return Ok(None) };
            from = block << bits;
        }
        let left = i64::try_from(skipped).expect("fewer than a block holds are left");
        self.number("n", "n >= ? ORDER BY n LIMIT 1 OFFSET ?", &[from, left])
    }

    /// The block, at or behind `from`, in which the skipped features end; `skipped` becomes those to skip within it.
    fn block_behind(&self, level: i64, from: i64, skipped: &mut u64) -> Result<Option<i64>, RecordError> {
        let mut statement = self.snapshot.prepare_cached(
            "SELECT block, items FROM item_block WHERE collection = ?1 AND level = ?2 AND block >= ?3 ORDER BY block",
        )?;
        let mut rows = statement.query((self.collection.as_str(), level, from))?;
        while let Some(row) = rows.next()? {
            let items: u64 = row.get(1)?;
            if *skipped < items {
                return Ok(Some(row.get(0)?));
            }
            *skipped -= items;
        }
        Ok(None)
    }
}
