//! What a person may see: a first verdict is hidden from those who have yet to give theirs.
//!
//! A candidate on which one analyst alone has spoken looks to everybody else who may review as if
//! nobody had: its state is `pending`, its annotation is not there. That holds for every way of asking,
//! since all readers of features go through the rows given here. Its ETag differs all the same, so that a verdict that
//! was meant to be the first is told that it comes second; it is made of how often somebody spoke, never of what they
//! said, so that trying all states does not tell which one it stands for.

use rusqlite::Connection;

use super::{Writing, condition::Sql};
use crate::{error::RecordError, id::CandidateId};

/// Rows with the state of a candidate, its text and its ETag as somebody sees them who must not know yet.
const SEEN: &str = "(SELECT n, collection, id, site, comparison, candidate, revision, hidden, start_ms, end_ms,
         minx, miny, maxx, maxy, event, sole_reviewer,
         CASE WHEN sole_reviewer <> {} THEN 'pending' ELSE state END AS state,
         CASE WHEN sole_reviewer <> {} THEN id || '-' || revision || '-unseen' ELSE sha256 END AS sha256,
         CASE WHEN sole_reviewer <> {} THEN json_set(feature, '$.properties.state', 'pending') ELSE feature END
             AS feature
     FROM item WHERE collection <> 'annotations' OR sole_reviewer IS NULL OR sole_reviewer = {})";

/// All rows, for who may see everything.
pub(super) fn everything() -> Sql {
    Sql::plain("item")
}

/// The rows of `item` as a reader may see them, without a name: the table itself where nothing is hidden from them.
pub(super) fn items_seen_by(connection: &Connection, reader: Option<&str>) -> Result<Sql, RecordError> {
    let Some(reader) = reader else { return Ok(everything()) };
    let something_waits = connection
        .prepare_cached("SELECT 1 FROM item WHERE sole_reviewer <> ?1 LIMIT 1")?
        .exists([reader])?;
    if !something_waits {
        return Ok(everything());
    }
    Ok(blindly(reader))
}

/// The rows as a reader may see them from whom something is hidden.
pub(super) fn blindly(reader: &str) -> Sql {
    let name = Sql::bound(reader.to_owned());
    Sql::of(SEEN, &[&name, &name, &name, &name])
}

/// Notes who alone has spoken of a candidate, on it and on its annotation.
pub(super) fn set_sole_reviewer(
    writing: &Writing<'_>,
    candidate: &CandidateId,
    sole_reviewer: Option<&str>,
) -> Result<(), RecordError> {
    for rows in ["collection = 'candidates' AND id = ?1", "collection = 'annotations' AND candidate = ?1"] {
        writing
            .transaction
            .prepare_cached(&format!("UPDATE item SET sole_reviewer = ?2 WHERE {rows}"))?
            .execute((candidate.as_str(), sole_reviewer))?;
    }
    Ok(())
}

/// Who alone has spoken of a feature, where that is hidden from the reader.
pub(super) fn hidden_by(
    connection: &Connection,
    reader: Option<&str>,
    collection: super::Collection,
    id: &str,
) -> Result<Option<String>, RecordError> {
    use rusqlite::OptionalExtension;
    let Some(reader) = reader else { return Ok(None) };
    Ok(connection
        .prepare_cached(
            "SELECT sole_reviewer FROM item WHERE collection = ?1 AND id = ?2 AND sole_reviewer <> ?3",
        )?
        .query_row((collection.as_str(), id, reader), |row| row.get(0))
        .optional()?)
}
