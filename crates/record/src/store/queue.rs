//! The candidates of a comparison as one person goes through them.

use rusqlite::params_from_iter;

use super::{Store, condition::Sql, items::Item, sight};
use crate::{
    Timestamp,
    error::RecordError,
    events,
    id::{AnnotationId, CandidateId, ComparisonId, ReviewId},
};

/// Most candidates in one queue, best first.
const QUEUE_CANDIDATES_MAX: u32 = 10_000;

/// Whose verdict a candidate waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AwaitedLook {
    /// Nobody has spoken.
    First,
    /// Somebody else has, and what they said is hidden until the reader has spoken too.
    Second,
    /// The reader has spoken (or, for who may not review, somebody has) and a second person has not.
    Waiting,
    /// Nobody's.
    Settled,
}

/// The annotation of a candidate in a queue.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct QueuedAnnotation {
    /// Its id.
    pub id: AnnotationId,
    /// Its status.
    pub status: String,
}

/// A candidate in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// The candidate as the reader may see it.
    pub item: Item,
    /// Whose verdict it waits for.
    pub look: AwaitedLook,
    /// Its annotation, where there is one that the reader may see.
    pub annotation: Option<QueuedAnnotation>,
    /// The geometry of that annotation as GeoJSON text, where people have made it another than the candidate's.
    pub outline: Option<String>,
}

/// A review of the reader that stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Standing {
    /// Its id.
    pub review: ReviewId,
    /// What it speaks of.
    pub candidate: CandidateId,
    /// What the page gave at once with it, and takes back at once: `seen.batch` of the review.
    pub batch: Option<String>,
    /// When it was given.
    pub created: Timestamp,
}

/// A comparison's candidates as one person goes through them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Candidates that people drew, then the others by falling score; at most 10,000.
    pub entries: Vec<QueueEntry>,
    /// The reader's own reviews that stand, oldest first: what can be undone.
    pub standing: Vec<Standing>,
}

impl Store {
    /// Reads one candidate of a queue as a person sees it ([`crate::Actor::reader`]).
    ///
    /// # Errors
    /// When there is no such candidate.
    pub fn queue_entry(&self, reader: Option<&str>, id: &CandidateId) -> Result<QueueEntry, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        let one = Sql::of("item.collection = 'candidates' AND item.id = {}", &[&Sql::bound(id.to_string())]);
        let found = entries(&snapshot, reader, &one)?.pop();
        found.ok_or_else(|| RecordError::NotFound { what: "candidate", id: id.to_string() })
    }

    /// Reads the queue of a comparison as a person sees it ([`crate::Actor::reader`]).
    ///
    /// # Errors
    /// When there is no such comparison.
    pub fn queue(&self, reader: Option<&str>, comparison: &ComparisonId) -> Result<Queue, RecordError> {
        self.comparison(comparison)?;
        let connection = self.read()?;
        // one snapshot for the candidates and the reviews
        let snapshot = connection.unchecked_transaction()?;
        let of_comparison =
            Sql::of("item.comparison = {} AND item.hidden = 0", &[&Sql::bound(comparison.to_string())]);
        Ok(Queue {
            entries: entries(&snapshot, reader, &of_comparison)?,
            standing: standing(&snapshot, reader, comparison)?,
        })
    }
}

fn entries(
    connection: &rusqlite::Connection,
    reader: Option<&str>,
    which: &Sql,
) -> Result<Vec<QueueEntry>, RecordError> {
    let seen = sight::items_seen_by(connection, reader)?;
    let sql = question(&seen, reader, which);
    let mut statement = connection.prepare_cached(&sql.text)?;
    let found = statement.query_map(params_from_iter(&sql.values), |row| {
        let item = Item { id: row.get(0)?, revision: row.get(1)?, sha256: row.get(2)?, feature: row.get(3)? };
        let look = look(row.get(4)?, row.get::<_, Option<bool>>(5)?.unwrap_or(false), row.get(6)?);
        let annotation = row.get::<_, Option<String>>(7)?.zip(row.get::<_, Option<String>>(8)?);
        let annotation = annotation.map(|(id, status)| QueuedAnnotation { id: AnnotationId(id), status });
        Ok(QueueEntry { item, look, annotation, outline: row.get(9)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Asks for candidates with their annotations.
///
/// The plus signs keep the database from looking for annotations by their collection, among all that there are, instead of
/// by their candidate.
fn question(seen: &Sql, reader: Option<&str>, which: &Sql) -> Sql {
    let name = reader.map_or_else(|| Sql::plain("NULL"), |name| Sql::bound(name.to_owned()));
    Sql::of(
        "SELECT * FROM (SELECT item.id, item.revision, item.sha256, item.feature,
                item.sole_reviewer IS NOT NULL, item.sole_reviewer <> {}, item.state = 'pending' AS waits,
                annotation.id, annotation.state,
                NULLIF(annotation.feature -> '$.geometry', item.feature -> '$.geometry'),
                json_extract(item.feature, '$.properties.score') AS score
         FROM {} AS item LEFT JOIN {} AS annotation
             ON annotation.candidate = item.id AND +annotation.collection = 'annotations' AND +annotation.hidden = 0
         WHERE {}
         ORDER BY waits DESC, score DESC NULLS FIRST, item.id LIMIT {})
         ORDER BY score DESC NULLS FIRST, id",
        &[
            &name,
            seen,
            seen,
            which,
            &Sql::bound(i64::from(QUEUE_CANDIDATES_MAX)),
        ],
    )
}

fn look(one_spoke: bool, another_spoke: bool, pending: bool) -> AwaitedLook {
    match (one_spoke, another_spoke, pending) {
        (true, true, _) => AwaitedLook::Second,
        (true, false, _) => AwaitedLook::Waiting,
        (false, _, true) => AwaitedLook::First,
        (false, _, false) => AwaitedLook::Settled,
    }
}

fn standing(
    connection: &rusqlite::Connection,
    reader: Option<&str>,
    comparison: &ComparisonId,
) -> Result<Vec<Standing>, RecordError> {
    let Some(reader) = reader else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT review.id, review.candidate, json_extract(review.document, '$.seen.batch'),
                json_extract(review.document, '$.created')
         FROM item JOIN review ON review.candidate = item.id
         WHERE item.comparison = ?1 AND review.undone = 0 AND json_extract(review.document, '$.actor') = ?2
         ORDER BY review.n",
    )?;
    let rows = statement.query_map((comparison.as_str(), reader), |row| {
        // what the page said it saw is kept as given: a batch that is no text is none
        let batch = row.get_ref(2)?.as_str().ok().map(str::to_owned);
        Ok(Standing {
            review: ReviewId(row.get(0)?),
            candidate: CandidateId(row.get(1)?),
            batch,
            created: events::time_from_row(row, 3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_looked_for_by_their_candidate() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let connection = store.read().unwrap();
        let of_comparison =
            Sql::of("item.comparison = {} AND item.hidden = 0", &[&Sql::bound("a".to_owned())]);
        let of_one =
            Sql::of("item.collection = 'candidates' AND item.id = {}", &[&Sql::bound("a".to_owned())]);
        for seen in [sight::everything(), sight::blindly("bob")] {
            for (which, by) in [(&of_comparison, "item_comparison"), (&of_one, "sqlite_autoindex_item_1")] {
                let sql = question(&seen, Some("bob"), which);
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text)).unwrap();
                let steps = plan
                    .query_map(params_from_iter(&sql.values), |row| row.get::<_, String>(3))
                    .unwrap()
                    .collect::<Result<Vec<_>, _>>()
                    .unwrap();
                for index in [by, "item_candidate"] {
                    assert!(steps.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{steps:?}");
                }
            }
        }
    }
}
