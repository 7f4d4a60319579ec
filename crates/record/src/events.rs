//! The append-only log: who did what, when, to what, chained by hashes.
//!
//! The hash of an event is the SHA-256 of this text, in UTF-8 without a line break at the end:
//!
//! ```text
//! ["stakeout-event-1",SEQ,"TIME","ACTOR","SUBJECT","KIND",CHANGE,"PREVIOUS"]
//! ```
//!
//! `SEQ` is a decimal number from 1, `TIME` RFC 3339 in UTC, `CHANGE` the JSON text byte for byte as it
//! is stored, `PREVIOUS` the hash of the event before as hex (64 zeros for the first); strings are
//! JSON strings as `serde_json` writes them. Whoever changes one event has to change all that follow.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::{blobs::Sha256Hex, error::RecordError};

const FORM: &str = "stakeout-event-1";
const NO_PREVIOUS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a person or program may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Writes drafts and first reviews, adds scenes, runs comparisons.
    Analyst,
    /// Confirms.
    Reviewer,
    /// Manages sites and tokens.
    Admin,
}

impl Role {
    /// The role as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Analyst => "analyst",
            Role::Reviewer => "reviewer",
            Role::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Role, RecordError> {
        [Role::Viewer, Role::Analyst, Role::Reviewer, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| RecordError::Invalid {
                field: "role",
                got: format!("{text:?}"),
                wanted: "viewer, analyst, reviewer or admin".to_owned(),
            })
    }
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Name: of the token, or of the person on a loopback server without tokens.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Actor {
    /// The name under which the actor reads: who may review is shown nobody's first verdict before their
    /// own is given; who may not, needs no such care and reads as `None`.
    pub fn reader(&self) -> Option<&str> {
        (self.role >= Role::Analyst).then_some(self.name.as_str())
    }

    /// Asks for a role.
    ///
    /// # Errors
    /// When the actor's role is less than `least`.
    pub fn must_be(&self, least: Role, action: &'static str) -> Result<(), RecordError> {
        if self.role >= least {
            return Ok(());
        }
        Err(RecordError::Forbidden {
            actor: self.name.clone(),
            role: self.role.as_str(),
            action,
            wanted: least.as_str(),
        })
    }
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What it was done to, such as `annotation/018f...`.
    pub subject: String,
    /// What was done, such as `annotation.created`.
    pub kind: String,
    /// The change as JSON text.
    #[serde(serialize_with = "as_json")]
    pub change: String,
    /// Hash of the event before.
    pub previous: String,
    /// Hash of this event.
    pub sha256: String,
}

fn as_json<S: serde::Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(serde::ser::Error::custom)?;
    value.serialize(to)
}

impl Event {
    /// The hash that this event must have.
    pub fn computed_sha256(&self) -> Sha256Hex {
        let text = |part: &str| serde_json::to_string(part).expect("a string is JSON");
        let form = format!(
            "[{},{},{},{},{},{},{},{}]",
            text(FORM),
            self.seq,
            text(&self.time.to_string()),
            text(&self.actor),
            text(&self.subject),
            text(&self.kind),
            self.change,
            text(&self.previous),
        );
        Sha256Hex::of(form.as_bytes())
    }

    /// Reads an event from a row of `SELECT seq, time, actor, subject, kind, change, previous, sha256`.
    pub(crate) fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Event> {
        Ok(Event {
            seq: row.get(0)?,
            time: time_from_row(row, 1)?,
            actor: row.get(2)?,
            subject: row.get(3)?,
            kind: row.get(4)?,
            change: row.get(5)?,
            previous: row.get(6)?,
            sha256: row.get(7)?,
        })
    }
}

/// Events of one subject, oldest first.
pub(crate) fn of_subject(connection: &Connection, subject: &str) -> Result<Vec<Event>, RecordError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, time, actor, subject, kind, change, previous, sha256 FROM event
         WHERE subject = ?1 ORDER BY seq",
    )?;
    let events = statement.query_map([subject], Event::from_row)?.collect::<Result<_, _>>()?;
    Ok(events)
}

/// The newest events of one subject whose changes have no more than so many bytes together, but always one; oldest first.
/// With them, how many older ones are left out.
pub(crate) fn newest_of_subject(
    connection: &Connection,
    subject: &str,
    bytes_max: usize,
) -> Result<(Vec<Event>, u64), RecordError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, time, actor, subject, kind, change, previous, sha256, octet_length(change) FROM event
         WHERE subject = ?1 ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([subject])?;
    let (mut events, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        bytes += row.get::<_, usize>(8)?;
        if events.is_empty() || bytes <= bytes_max {
            events.push(Event::from_row(row)?);
        } else {
            left_out += 1;
        }
    }
    events.reverse();
    Ok((events, left_out))
}

/// Reads the time of an event from a column.
pub(crate) fn time_from_row(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Appends an event inside the caller's transaction and returns its number.
pub(crate) fn append(
    transaction: &Connection,
    actor: &Actor,
    time: Timestamp,
    subject: &str,
    kind: &str,
    change: &serde_json::Value,
) -> Result<u64, RecordError> {
    let last: Option<(u64, String)> = transaction
        .prepare_cached("SELECT seq, sha256 FROM event ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last_seq, previous) = last.unwrap_or((0, NO_PREVIOUS.to_owned()));
    let mut event = Event {
        seq: last_seq + 1,
        time,
        actor: actor.name.clone(),
        subject: subject.to_owned(),
        kind: kind.to_owned(),
        change: change.to_string(),
        previous,
        sha256: String::new(),
    };
    event.sha256 = event.computed_sha256().to_string();
    transaction
        .prepare_cached(
            "INSERT INTO event (seq, time, actor, subject, kind, change, previous, sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            event.seq,
            event.time.to_string(),
            event.actor,
            event.subject,
            event.kind,
            event.change,
            event.previous,
            event.sha256
        ])?;
    Ok(event.seq)
}

/// The hash that stands before the first event.
pub(crate) fn no_previous() -> &'static str {
    NO_PREVIOUS
}
