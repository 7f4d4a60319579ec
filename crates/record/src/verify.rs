//! Proves that a store is what its writers left.
//!
//! ```text
//! database is sound -> chain of events holds -> what they left of each thing -> is it what the tables hold, all of it and
//! nothing else -> do columns and counts repeat it
//! ```
//!
//! Not looked at: jobs, the keys under which reviews were sent (`answered`), the structure types before their first change,
//! and the secrets' hashes of tokens.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    str::FromStr,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    blobs::{Blobs, Sha256Hex},
    error::RecordError,
    events::{self, Event},
    store::{self, Collection, columns},
};

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last event of the chain; `None` where nothing was ever written.
    pub last: Option<Mark>,
    /// Blobs hashed anew.
    pub blobs: u64,
    /// Features and documents compared with the events that made them.
    pub states: u64,
}

impl Verified {
    /// Events in the chain, which counts them from 1 without gaps.
    pub fn events(&self) -> u64 {
        number_of(self.last.as_ref())
    }
}

/// An event by its number and hash: whoever notes one down elsewhere can tell later that the chain still holds it, and so
/// that nothing up to it was changed or cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number of the event.
    pub seq: u64,
    /// Its hash.
    pub sha256: Sha256Hex,
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, self.sha256)
    }
}

impl FromStr for Mark {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Mark, RecordError> {
        let parts = text.split_once(':').and_then(|(seq, sha256)| {
            Some(Mark { seq: seq.parse().ok()?, sha256: Sha256Hex::parse(sha256).ok()? })
        });
        parts.filter(|mark| mark.seq > 0).ok_or_else(|| RecordError::Invalid {
            field: "event",
            got: format!("{text:?}"),
            wanted: "its number, a colon and 64 lower-case hex digits, as verification tells the last event"
                .to_owned(),
        })
    }
}

/// The first place where a store is not what its writers left, or why it could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The database itself is damaged: its tables and indexes do not agree.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What the database says, its first fault.
        what: String,
    },
    /// An event is missing from the chain.
    #[error("event {expected} is missing: the next event is {found}")]
    MissingEvent {
        /// Number that should follow.
        expected: u64,
        /// Number that does.
        found: u64,
    },
    /// An event does not follow from the one before.
    #[error("event {seq} does not follow from event {}: it names {got} but that event is {wanted}", seq - 1)]
    BrokenChain {
        /// Number of the event.
        seq: u64,
        /// Hash that it names.
        got: String,
        /// Hash of the event before.
        wanted: String,
    },
    /// An event was changed after it was written.
    #[error(
        "event {seq} ({kind} of {subject}) was changed: its hash is {wanted} but its content gives {got}"
    )]
    ChangedEvent {
        /// Number of the event.
        seq: u64,
        /// What it did.
        kind: String,
        /// To what.
        subject: String,
        /// Hash of its content.
        got: String,
        /// Hash that it carries.
        wanted: String,
    },
    /// The chain does not hold an event that was noted down.
    #[error("event {} was noted as {} but is {got}", noted.seq, noted.sha256)]
    OtherEvent {
        /// What was noted.
        noted: Mark,
        /// Hash of the event of that number.
        got: String,
    },
    /// The chain ends before an event that was noted down.
    #[error("event {} was noted as {} but the chain ends after event {last}", noted.seq, noted.sha256)]
    CutOff {
        /// What was noted.
        noted: Mark,
        /// Number of the last event.
        last: u64,
    },
    /// Stored state that is not what the last event of it left.
    #[error("{subject} is not as event {seq} left it")]
    ChangedState {
        /// Which feature or document.
        subject: String,
        /// The event that wrote it last.
        seq: u64,
    },
    /// A table of counts, extents or places that does not hold what the features give.
    #[error("the table {table} does not hold what the features give")]
    Miscounted {
        /// Which.
        table: &'static str,
    },
    /// Stored state that no event made.
    #[error("{subject} is there but no event made it")]
    UnknownState {
        /// Which feature or document.
        subject: String,
    },
    /// Stored state that is gone.
    #[error("{subject} is gone: event {seq} left it there")]
    MissingState {
        /// Which feature or document.
        subject: String,
        /// The event that wrote it last.
        seq: u64,
    },
    /// An event that is not of the form in which events are written.
    #[error("event {seq} cannot be read")]
    UnreadableEvent {
        /// Number of the event.
        seq: u64,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// Stored state that is not of the form in which it is written.
    #[error("{subject} cannot be read")]
    UnreadableState {
        /// Which feature or document.
        subject: String,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// A blob was changed.
    #[error("blob {wanted} of {subject} was changed: its content gives {got}")]
    ChangedBlob {
        /// The scene that needs it.
        subject: String,
        /// Hash of its content.
        got: Sha256Hex,
        /// Its name.
        wanted: Sha256Hex,
    },
    /// A blob is gone.
    #[error("blob {sha256} of {subject} is missing")]
    MissingBlob {
        /// The scene that needs it.
        subject: String,
        /// Its name.
        sha256: Sha256Hex,
    },
    /// The store could not be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<rusqlite::Error> for VerifyError {
    fn from(error: rusqlite::Error) -> VerifyError {
        VerifyError::Record(error.into())
    }
}

/// Walks the event chain, compares every feature and document with the event that wrote it last, and what the tables repeat
/// of it with that, and hashes every blob anew. A server may run meanwhile. Keeps some 200 bytes for each feature and document.
///
/// Changes nothing of the record; SQLite leaves an empty `-wal` and a `-shm` beside the database where none were. A folder
/// that is write-protected is read as it is.
///
/// `noted` is an event that the chain must hold.
///
/// # Errors
/// At the first break; when the database is of a schema that cannot be verified.
pub fn verify(folder: &Path, noted: Option<&Mark>) -> Result<Verified, VerifyError> {
    verify_telling(folder, noted, &|_, _| {})
}

/// The same, telling how many blobs were hashed, of how many, whenever there is one more.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_telling(
    folder: &Path,
    noted: Option<&Mark>,
    tell: &dyn Fn(u64, u64),
) -> Result<Verified, VerifyError> {
    let (schema, connection, blobs) = store::open_for_verification(folder)?;
    let snapshot = connection.unchecked_transaction().map_err(RecordError::from)?;
    must_be_sound(&snapshot)?;
    let (last, left) = walk_chain(&snapshot, noted)?;
    let states = compare_states(&snapshot, &left.states)?;
    compare_what_is_counted(&snapshot, schema, &left.states)?;
    Ok(Verified { last, states, blobs: rehash_blobs(&left.blobs, &blobs, tell)? })
}

/// Asks SQLite whether the pages, tables and indexes of the database agree: an index that lacks rows would hide events.
fn must_be_sound(connection: &Connection) -> Result<(), VerifyError> {
    let says: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if says == "ok" { Ok(()) } else { Err(VerifyError::Damaged { what: says }) }
}

/// The last event of the chain, and what all of them together left.
fn walk_chain(connection: &Connection, noted: Option<&Mark>) -> Result<(Option<Mark>, AllLeft), VerifyError> {
    let mut statement = connection.prepare(
        "SELECT seq, time, actor, subject, kind, change, previous, sha256 FROM event ORDER BY seq",
    )?;
    let mut left = AllLeft::default();
    let mut last: Option<Mark> = None;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let event = Event::from_row(row).map_err(|source| VerifyError::UnreadableEvent { seq, source })?;
        let mark = follows(&event, last.as_ref())?;
        if let Some(noted) = noted.filter(|noted| noted.seq == mark.seq && **noted != mark) {
            return Err(VerifyError::OtherEvent { noted: noted.clone(), got: event.sha256 });
        }
        left.take(&event);
        last = Some(mark);
    }
    let end = number_of(last.as_ref());
    match noted {
        Some(noted) if noted.seq > end => Err(VerifyError::CutOff { noted: noted.clone(), last: end }),
        _ => Ok((last, left)),
    }
}

/// Number of the last event, 0 where there is none.
fn number_of(last: Option<&Mark>) -> u64 {
    last.map_or(0, |last| last.seq)
}

/// An event's own mark, if it follows from the one before and was not changed.
fn follows(event: &Event, last: Option<&Mark>) -> Result<Mark, VerifyError> {
    let (end, hash) = (number_of(last), last.map_or(events::no_previous(), |last| last.sha256.as_str()));
    if event.seq != end + 1 {
        return Err(VerifyError::MissingEvent { expected: end + 1, found: event.seq });
    }
    if event.previous != hash {
        let (got, wanted) = (event.previous.clone(), hash.to_owned());
        return Err(VerifyError::BrokenChain { seq: event.seq, got, wanted });
    }
    let computed = event.computed_sha256();
    if computed.as_str() != event.sha256 {
        return Err(VerifyError::ChangedEvent {
            seq: event.seq,
            kind: event.kind.clone(),
            subject: event.subject.clone(),
            got: computed.to_string(),
            wanted: event.sha256.clone(),
        });
    }
    Ok(Mark { seq: event.seq, sha256: computed })
}

/// What an event left of a thing.
struct Left {
    seq: u64,
    state: Sha256Hex,
    /// Whether it is withdrawn, deleted, undone or revoked.
    gone: bool,
    /// How often it was left: its revision, if it counts them.
    times: u64,
}

/// What the events left.
#[derive(Default)]
struct AllLeft {
    /// Of each thing, by its subject.
    states: HashMap<String, Left>,
    /// Every blob that a scene ever rested on, with such a scene.
    blobs: BTreeMap<Sha256Hex, String>,
}

impl AllLeft {
    fn take(&mut self, event: &Event) {
        let change = parsed(&event.change);
        let subject = event.subject.clone();
        match subject.split_once('/').map_or("", |(thing, _)| thing) {
            "job" => {}
            "token" if event.kind == "token.revoked" => {
                self.states.entry(subject).and_modify(|token| token.gone = true);
            }
            "token" | "taxonomy" => self.leave(event, subject, &change, false),
            "scene" => {
                for sha256 in [&change["original"]["sha256"], &change["working"]] {
                    let sha256 = sha256.as_str().and_then(|hex| Sha256Hex::parse(hex).ok());
                    self.blobs.extend(sha256.map(|sha256| (sha256, subject.clone())));
                }
                self.leave(event, subject, &change, change["withdrawn"] == true);
            }
            "comparison" => {
                self.leave(event, subject, &change["comparison"], false);
                for feature in change["candidates"].as_array().into_iter().flatten() {
                    self.leave(event, subject_of("candidate", feature), feature, false);
                }
            }
            _ => self.leave(event, subject, &change["feature"], change["hidden"] == true),
        }
        if let review @ Value::Object(_) = &change["review"] {
            self.leave(event, subject_of("review", review), review, review["undone"] == true);
        }
    }

    fn leave(&mut self, event: &Event, subject: String, state: &Value, gone: bool) {
        let times = self.states.get(&subject).map_or(0, |left| left.times) + 1;
        self.states.insert(subject, Left { seq: event.seq, state: told(state), gone, times });
    }
}

fn subject_of(thing: &str, state: &Value) -> String {
    format!("{thing}/{}", state["id"].as_str().unwrap_or_default())
}

/// Every table of things that events tell of: subject, state as JSON, whether it is gone, and columns that repeat what
/// the state says.
const TABLES: [&str; 6] = [
    "SELECT CASE collection WHEN 'sites' THEN 'site/' WHEN 'candidates' THEN 'candidate/' ELSE 'annotation/' END || id,
            feature, hidden,
            json_object('site', site, 'comparison', comparison, 'candidate', candidate, 'state', state,
                        'revision', revision, 'start_ms', start_ms, 'end_ms', end_ms,
                        'bounds', json_array(minx, miny, maxx, maxy), 'sha256', sha256, 'event', event) FROM item",
    "SELECT 'scene/' || id, document, hidden,
            json_object('site', site, 'datetime', datetime, 'original', original, 'working', working, 'revision', revision,
                        'bounds', json_array(minx, miny, maxx, maxy), 'sha256', sha256, 'event', event) FROM scene",
    "SELECT 'comparison/' || id, document, 0, json_object('site', site, 'sha256', sha256, 'event', event) FROM comparison",
    "SELECT 'review/' || id, document, undone, json_object('candidate', candidate) FROM review",
    "SELECT 'token/' || id, json_object('id', id, 'name', name, 'role', role, 'created', created, 'revoked', NULL),
            revoked IS NOT NULL, '{}' FROM token",
    "SELECT subject, json_object('types', json((
                SELECT json_group_array(json_object('id', id, 'label', label, 'key', key) ORDER BY position)
                FROM structure_type))), 0, '{}'
     FROM event WHERE subject = 'taxonomy/structure-types' LIMIT 1",
];

fn compare_states(connection: &Connection, left: &HashMap<String, Left>) -> Result<u64, VerifyError> {
    let mut found = HashSet::new();
    for sql in TABLES {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let subject: String = row.get(0)?;
            let unreadable = |source| VerifyError::UnreadableState { subject: subject.clone(), source };
            let text: String = row.get(1).map_err(unreadable)?;
            let columns = parsed(&row.get::<_, String>(3).map_err(unreadable)?);
            let (state, gone) = (parsed(&text), row.get(2).map_err(unreadable)?);
            let Some((subject, wanted)) = left.get_key_value(subject.as_str()) else {
                return Err(VerifyError::UnknownState { subject });
            };
            let is_left = (told(&state), gone) == (wanted.state.clone(), wanted.gone);
            if !is_left || !columns::agree(&columns, &columns_given(subject, &text, &state, wanted)?) {
                return Err(VerifyError::ChangedState { subject: subject.clone(), seq: wanted.seq });
            }
            found.insert(subject);
        }
    }
    match left.iter().filter(|(subject, _)| !found.contains(subject)).min_by_key(|(_, left)| left.seq) {
        Some((subject, Left { seq, .. })) => {
            Err(VerifyError::MissingState { subject: subject.clone(), seq: *seq })
        }
        None => Ok(found.len() as u64),
    }
}

/// The columns that should stand beside a text.
fn columns_given(subject: &str, text: &str, state: &Value, left: &Left) -> Result<Value, RecordError> {
    let (thing, id) = subject.split_once('/').unwrap_or_default();
    let collection = Collection::ALL.into_iter().find(|collection| collection.singular() == thing);
    if let Some(collection) = collection {
        return columns::of_item(collection, id, text, (left.times, left.seq));
    }
    Ok(match thing {
        "scene" => columns::of_scene(id, text, (left.times, left.seq))?,
        "comparison" => json!({
            "site": state["site"], "sha256": Sha256Hex::of(text.as_bytes()), "event": left.seq
        }),
        "review" => json!({"candidate": state["candidate"]}),
        _ => json!({}),
    })
}

/// Asks who alone has spoken of each candidate, and whether all counts, extents and places hold what the features give.
fn compare_what_is_counted(
    connection: &Connection,
    schema: u32,
    left: &HashMap<String, Left>,
) -> Result<(), VerifyError> {
    if let Some((thing, id)) = columns::sole_reviewer_noted_otherwise(connection, schema)? {
        let subject = format!("{thing}/{id}");
        let seq = left.get(&subject).map_or(0, |left| left.seq);
        return Err(VerifyError::ChangedState { subject, seq });
    }
    match columns::miscounted(connection, schema)? {
        Some(table) => Err(VerifyError::Miscounted { table }),
        None => Ok(()),
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// What a document says, in whatever order.
fn told(document: &Value) -> Sha256Hex {
    let mut document = document.clone();
    document.sort_all_objects();
    Sha256Hex::of(document.to_string().as_bytes())
}

/// Hashes every blob anew, those of earlier placements too; gives their number.
fn rehash_blobs(
    wanted: &BTreeMap<Sha256Hex, String>,
    blobs: &Blobs,
    tell: &dyn Fn(u64, u64),
) -> Result<u64, VerifyError> {
    let all = wanted.len() as u64;
    for (done, (wanted, subject)) in (0..).zip(wanted) {
        tell(done, all);
        let (subject, wanted) = (subject.replace('/', " "), wanted.clone());
        match blobs.rehash(&wanted) {
            Ok(got) if got == wanted => {}
            Ok(got) => return Err(VerifyError::ChangedBlob { subject, got, wanted }),
            Err(RecordError::BlobMissing { sha256 }) => {
                return Err(VerifyError::MissingBlob { subject, sha256 });
            }
            Err(other) => return Err(other.into()),
        }
    }
    tell(all, all);
    Ok(all)
}
