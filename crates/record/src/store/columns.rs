//! What rows hold beside the texts of things, held against what these texts give.
//!
//! A row repeats of its text what questions are asked by, and tables of counts repeat it of many rows. Whoever changes a
//! column and not the text hides a thing from those who ask for it by place, time or state.

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::{
    annotations, comparisons,
    items::{Collection, Item, Written},
    read_document, reviews, sites,
};
use crate::{blobs::Sha256Hex, error::RecordError, id::CandidateId, review, scene::Scene};

/// Schema that noted first who alone has spoken of a candidate.
const SOLE_REVIEWER_SCHEMA_MIN: u32 = 4;
/// Most degrees by which bounds differ from those of the text: reading a number back may change its last digit.
const BOUNDS_DEG_MAX: f64 = 1e-9;
/// Name under which bounds stand among the columns.
const BOUNDS: &str = "bounds";

/// The columns of a site, candidate or annotation that its text, revision and event give.
///
/// # Errors
/// When the text is not that of such a thing.
pub(crate) fn of_item(
    collection: Collection,
    id: &str,
    text: &str,
    (revision, event): (u64, u64),
) -> Result<Value, RecordError> {
    let item = Item { id: id.to_owned(), revision, sha256: String::new(), feature: text.to_owned() };
    let told = |written: Written<'_>| {
        json!({
            "site": written.site,
            "comparison": written.comparison,
            "candidate": written.candidate,
            "state": written.state,
            "revision": revision,
            "start_ms": written.start_ms,
            "end_ms": written.end_ms,
            BOUNDS: written.bounds,
            "sha256": Sha256Hex::of(text.as_bytes()),
            "event": event,
        })
    };
    Ok(match collection {
        Collection::Sites => told(sites::written(&item.site()?, false)),
        Collection::Candidates => told(comparisons::written(&item.candidate()?, revision, Value::Null)),
        Collection::Annotations => told(annotations::written(&item.annotation()?)),
    })
}

/// The same of a scene.
///
/// # Errors
/// When the text is not that of a scene.
pub(crate) fn of_scene(id: &str, text: &str, (revision, event): (u64, u64)) -> Result<Value, RecordError> {
    let scene: Scene = read_document("scene", id, text)?;
    Ok(json!({
        "site": scene.site,
        "datetime": scene.facts.datetime.as_millisecond(),
        "original": scene.facts.original.sha256,
        "working": scene.facts.working,
        "revision": revision,
        BOUNDS: scene.facts.flat_bounds().map_or([None; 4], |bounds| bounds.map(Some)),
        "sha256": Sha256Hex::of(text.as_bytes()),
        "event": event,
    }))
}

/// Whether columns are those that a text gives.
pub(crate) fn agree(columns: &Value, given: &Value) -> bool {
    let (Some(columns), Some(given)) = (columns.as_object(), given.as_object()) else { return false };
    columns.len() == given.len()
        && columns.iter().all(|(name, column)| {
            let given = given.get(name).unwrap_or(&Value::Null);
            if name == BOUNDS { are_near(column, given) } else { column == given }
        })
}

fn are_near(bounds: &Value, given: &Value) -> bool {
    let (Some(bounds), Some(given)) = (bounds.as_array(), given.as_array()) else { return false };
    bounds.len() == given.len()
        && bounds.iter().zip(given).all(|(one, other)| match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= BOUNDS_DEG_MAX,
            (one, other) => one == other,
        })
}

/// The first candidate or annotation of which it is noted otherwise than its reviews give who alone has spoken of it: by
/// collection and id.
///
/// # Errors
/// When the database fails or a review cannot be read.
pub(crate) fn sole_reviewer_noted_otherwise(
    connection: &Connection,
    schema: u32,
) -> Result<Option<(&'static str, String)>, RecordError> {
    if schema < SOLE_REVIEWER_SCHEMA_MIN {
        return Ok(None);
    }
    for (collection, candidate) in [(Collection::Candidates, "id"), (Collection::Annotations, "candidate")] {
        let mut statement = connection
            .prepare(&format!("SELECT id, {candidate}, sole_reviewer FROM item WHERE collection = ?1"))?;
        let mut rows = statement.query([collection.as_str()])?;
        while let Some(row) = rows.next()? {
            let candidate: Option<String> = row.get(1)?;
            let noted: Option<String> = row.get(2)?;
            let reviews = candidate.map_or(Ok(Vec::new()), |candidate| {
                reviews::reviews_of(connection, &CandidateId(candidate))
            })?;
            if noted.as_deref() != review::sole_reviewer(&reviews) {
                return Ok(Some((collection.singular(), row.get(0)?)));
            }
        }
    }
    Ok(None)
}

/// Rows that one table of counts holds and those that the features give, from the schema on that has the table.
struct Counted {
    table: &'static str,
    since: u32,
    held: &'static str,
    given: &'static str,
}

const COUNTED: [Counted; 6] = [
    Counted {
        table: "item_count",
        since: 1,
        held: "SELECT collection, site, items FROM item_count WHERE items <> 0",
        given: "SELECT collection, site, count(*) FROM item WHERE hidden = 0 GROUP BY 1, 2",
    },
    Counted { table: "item_box", since: 1, held: "SELECT n FROM item_box", given: "SELECT n FROM item" },
    // its numbers have 24 binary digits and are rounded outwards
    Counted {
        table: "item_box",
        since: 1,
        held: "SELECT n FROM item_box",
        given: "SELECT n FROM item JOIN item_box AS box USING (n)
                WHERE item.minx - box.minx BETWEEN 0 AND 1e-4 AND item.miny - box.miny BETWEEN 0 AND 1e-4
                  AND box.maxx - item.maxx BETWEEN 0 AND 1e-4 AND box.maxy - item.maxy BETWEEN 0 AND 1e-4",
    },
    Counted {
        table: "item_block",
        since: 5,
        held: "SELECT level, collection, block, items, minx, miny, maxx, maxy, start_ms, end_ms FROM item_block
               WHERE items <> 0",
        given: "SELECT level, collection, n >> shift AS block, count(*), min(minx), min(miny), max(maxx), max(maxy),
                       min(start_ms), max(end_ms)
                FROM item, (SELECT 1 AS level, 8 AS shift UNION ALL SELECT 2, 16)
                WHERE hidden = 0 GROUP BY level, collection, block",
    },
    Counted {
        table: "item_pending",
        since: 6,
        held: "SELECT site, comparison, items FROM item_pending WHERE items <> 0",
        given: "SELECT site, comparison, count(*) FROM item
                WHERE collection = 'candidates' AND hidden = 0 AND state = 'pending' GROUP BY 1, 2",
    },
    Counted {
        table: "item_version",
        since: 7,
        held: "SELECT collection, event FROM item_version",
        given: "SELECT collection, max(event) FROM item GROUP BY 1",
    },
];

/// The first table of counts that does not hold what the features give.
///
/// # Errors
/// When the database fails.
pub(crate) fn miscounted(connection: &Connection, schema: u32) -> Result<Option<&'static str>, RecordError> {
    for Counted { table, since, held, given } in COUNTED {
        let differ = format!(
            "SELECT 1 FROM (SELECT * FROM ({held}) EXCEPT SELECT * FROM ({given}))
             UNION ALL SELECT 1 FROM (SELECT * FROM ({given}) EXCEPT SELECT * FROM ({held})) LIMIT 1"
        );
        if since <= schema && connection.query_row(&differ, [], |_| Ok(())).optional()?.is_some() {
            return Ok(Some(table));
        }
    }
    Ok(None)
}
