//! Where each site stands, counted.

use jiff::Timestamp;
use serde::Serialize;

use super::Store;
use crate::{error::RecordError, id::SiteId};

/// Where a site stands; its parts are not counted in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteSummary {
    /// Which site.
    pub id: SiteId,
    /// Scenes it has.
    pub scenes: u64,
    /// When the last of them was taken.
    pub last_scene: Option<Timestamp>,
    /// Candidates that wait for a review.
    pub pending: u64,
    /// Structures that people recorded and nobody withdrew: appeared, changed and removed ones.
    pub structures: u64,
}

impl Store {
    /// Where every site stands for a person ([`crate::Actor::reader`]), in the order in which sites were made.
    ///
    /// # Errors
    /// When the database fails.
    pub fn site_summaries(&self, reader: Option<&str>) -> Result<Vec<SiteSummary>, RecordError> {
        let connection = self.read()?;
        let mut statement = connection.prepare_cached(
            "SELECT id,
                    (SELECT count(*) FROM scene WHERE scene.site = sites.id AND scene.hidden = 0),
                    (SELECT max(datetime) FROM scene WHERE scene.site = sites.id AND scene.hidden = 0),
                    coalesce((SELECT sum(items) FROM item_pending WHERE item_pending.site = sites.id), 0)
                    + (SELECT count(*) FROM item AS candidate WHERE candidate.collection = 'candidates'
                       AND candidate.hidden = 0 AND candidate.site = sites.id
                       AND candidate.state <> 'pending' AND candidate.sole_reviewer <> ?1),
                    coalesce((SELECT items FROM item_count WHERE item_count.collection = 'annotations'
                       AND item_count.site = sites.id), 0)
                    - (SELECT count(*) FROM item AS unseen WHERE unseen.collection = 'annotations'
                       AND unseen.hidden = 0 AND unseen.site = sites.id AND unseen.sole_reviewer <> ?1)
             FROM item AS sites WHERE collection = 'sites' AND hidden = 0 ORDER BY n",
        )?;
        let rows = statement.query_map([reader], |row| {
            Ok(SiteSummary {
                id: SiteId(row.get(0)?),
                scenes: row.get(1)?,
                last_scene: row
                    .get::<_, Option<i64>>(2)?
                    .and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok()),
                pending: row.get(3)?,
                structures: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
