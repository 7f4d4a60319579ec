//! Proves that a store is what its writers left.

use std::{collections::BTreeSet, path::Path};

use rusqlite::Connection;
use serde_json::Value;

use crate::{
    blobs::{Blobs, Sha256Hex},
    error::RecordError,
    events::{self, Event},
    store,
};

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Events in the chain.
    pub events: u64,
    /// Blobs hashed anew.
    pub blobs: u64,
    /// Features and documents compared with the events that made them.
    pub states: u64,
}

/// The first place where a store is not what its writers left, or why it could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
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
    /// Stored state that no event made.
    #[error("{subject} is not as event {seq} left it")]
    ChangedState {
        /// Which feature or document.
        subject: String,
        /// The event that wrote it last.
        seq: u64,
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

/// Walks the event chain, compares every feature and document with the event that wrote it last, and
/// hashes every blob anew. Writes nothing; a server may run meanwhile.
///
/// # Errors
/// At the first break.
pub fn verify(folder: &Path) -> Result<Verified, VerifyError> {
    let (connection, blobs) = store::open_for_verification(folder)?;
    let snapshot = connection.unchecked_transaction().map_err(RecordError::from)?;
    Ok(Verified {
        events: walk_chain(&snapshot)?,
        states: compare_states(&snapshot)?,
        blobs: rehash_blobs(&snapshot, &blobs)?,
    })
}

fn walk_chain(connection: &Connection) -> Result<u64, VerifyError> {
    let mut statement = connection.prepare(
        "SELECT seq, time, actor, subject, kind, change, previous, sha256 FROM event ORDER BY seq",
    )?;
    let mut last = (0, events::no_previous().to_owned());
    for event in statement.query_map([], Event::from_row)? {
        let event = event?;
        if event.seq != last.0 + 1 {
            return Err(VerifyError::MissingEvent { expected: last.0 + 1, found: event.seq });
        }
        if event.previous != last.1 {
            return Err(VerifyError::BrokenChain { seq: event.seq, got: event.previous, wanted: last.1 });
        }
        let computed = event.computed_sha256();
        if computed.as_str() != event.sha256 {
            return Err(VerifyError::ChangedEvent {
                seq: event.seq,
                kind: event.kind,
                subject: event.subject,
                got: computed.to_string(),
                wanted: event.sha256,
            });
        }
        last = (event.seq, event.sha256);
    }
    Ok(last.0)
}

fn compare_states(connection: &Connection) -> Result<u64, VerifyError> {
    let mut states = 0;
    for (sql, holds) in [
        (
            "SELECT item.id, item.event, item.feature, event.change FROM item LEFT JOIN event ON event.seq = item.event",
            event_holds_feature as fn(&Value, &Value) -> bool,
        ),
        (
            "SELECT scene.id, scene.event, scene.document, event.change FROM scene
             LEFT JOIN event ON event.seq = scene.event",
            |change, document| change == document,
        ),
        (
            "SELECT comparison.id, comparison.event, comparison.document, event.change FROM comparison
             LEFT JOIN event ON event.seq = comparison.event",
            |change, document| change["comparison"] == *document,
        ),
    ] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (subject, seq): (String, u64) = (row.get(0)?, row.get(1)?);
            let state: Value = json(&row.get::<_, String>(2)?);
            let change: Value = json(&row.get::<_, Option<String>>(3)?.unwrap_or_default());
            if state.is_null() || !holds(&change, &state) {
                return Err(VerifyError::ChangedState { subject, seq });
            }
            states += 1;
        }
    }
    Ok(states)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A comparison's event holds all its candidates; every other event holds one feature.
fn event_holds_feature(change: &Value, feature: &Value) -> bool {
    change["feature"] == *feature
        || change["candidates"].as_array().is_some_and(|candidates| candidates.contains(feature))
}

fn rehash_blobs(connection: &Connection, blobs: &Blobs) -> Result<u64, VerifyError> {
    let mut statement = connection
        .prepare("SELECT id, original FROM scene UNION ALL SELECT id, working FROM scene ORDER BY 1, 2")?;
    let mut rows = statement.query([])?;
    let mut seen = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let subject = format!("scene {}", row.get::<_, String>(0)?);
        let wanted = Sha256Hex::parse(&row.get::<_, String>(1)?)?;
        if !seen.insert(wanted.clone()) {
            continue;
        }
        match blobs.rehash(&wanted) {
            Ok(got) if got == wanted => {}
            Ok(got) => return Err(VerifyError::ChangedBlob { subject, got, wanted }),
            Err(RecordError::BlobMissing { sha256 }) => {
                return Err(VerifyError::MissingBlob { subject, sha256 });
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(seen.len() as u64)
}
