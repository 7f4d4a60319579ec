//! Where the features of a collection lie, and when they were there.

use rusqlite::{Row, params_from_iter};

use super::{Collection, Store, condition::Sql, sight};
use crate::{error::RecordError, geojson::written_degrees};

/// Bounds of a collection in space and time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// West, south, east, north in degrees.
    pub bounds: [f64; 4],
    /// First and last instant in milliseconds since 1970: `i64::MIN` and `i64::MAX` where the window of an annotation is
    /// open; `None` where no feature has a time.
    pub interval_ms: Option<(i64, i64)>,
}

const ENDS: &str = "min(minx), min(miny), max(maxx), max(maxy), min(start_ms), max(end_ms)";

impl Store {
    /// The extent of a collection for a reader ([`crate::Actor::reader`]); `None` where they see nothing in it.
    ///
    /// It comes from the extents of its coarsest blocks, one for 65,536 features. Annotations of which some are hidden
    /// from the reader are looked at one by one.
    ///
    /// # Errors
    /// When the database fails.
    pub fn extent(
        &self,
        reader: Option<&str>,
        collection: Collection,
    ) -> Result<Option<Extent>, RecordError> {
        let connection = self.read()?;
        let snapshot = connection.unchecked_transaction()?;
        let seen = sight::items_seen_by(&snapshot, reader)?;
        let name = Sql::bound(collection.as_str().to_owned());
        // of candidates the state is hidden, never the place
        let all = seen == sight::everything() || collection != Collection::Annotations;
        let ends = Sql::plain(ENDS);
        let sql = if all {
            Sql::of("SELECT {} FROM item_block WHERE collection = {} AND level = 2", &[&ends, &name])
        } else {
            Sql::of("SELECT {} FROM {} WHERE collection = {} AND hidden = 0", &[&ends, &seen, &name])
        };
        let mut statement = snapshot.prepare_cached(&sql.text)?;
        Ok(statement.query_row(params_from_iter(&sql.values), extent_from_row)?)
    }
}

fn extent_from_row(row: &Row<'_>) -> rusqlite::Result<Option<Extent>> {
    let end = |at: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<f64>>(at)?.map(written_degrees));
    let bounds = match [end(0)?, end(1)?, end(2)?, end(3)?] {
        [Some(west), Some(south), Some(east), Some(north)] => [west, south, east, north],
        _ => return Ok(None),
    };
    let (start, last): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
    Ok(Some(Extent { bounds, interval_ms: start.zip(last) }))
}
