//! Writing and reading sites.

use super::{
    Store, Writing,
    items::{self, Collection, IfMatch, Written},
    writer::Transaction,
};
use crate::{
    error::RecordError,
    events::{Actor, Role},
    geojson::{self, SiteDraft},
    id::{SITE_NUMBER_DIGITS, SiteId},
    site::Site,
};

impl Store {
    /// Records a site. Where the draft has no id, one is made from its name.
    ///
    /// # Errors
    /// When the id is taken or no slug, the parent is not there, or the role is less than admin.
    pub fn create_site(&self, actor: &Actor, draft: SiteDraft) -> Result<Site, RecordError> {
        actor.must_be(Role::Admin, "making a site")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let id = free_id(transaction, &draft)?;
            must_have_parent(transaction, &id, draft.parent.as_ref())?;
            let site = Site {
                id,
                name: draft.name,
                parent: draft.parent,
                tags: draft.tags,
                area: draft.area,
                created: writing.time,
                updated: writing.time,
                revision: 1,
            };
            written(&site, false).write(&writing, "site.created")?;
            Ok(site)
        })
    }

    /// Replaces a site's name, parent, tags and area.
    ///
    /// # Errors
    /// When it is not there or at another revision, the parent is not there or below it, or the role
    /// is less than admin.
    pub fn update_site(
        &self,
        actor: &Actor,
        id: &SiteId,
        if_match: IfMatch,
        draft: SiteDraft,
    ) -> Result<Site, RecordError> {
        actor.must_be(Role::Admin, "changing a site")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let item = items::stored(transaction, Collection::Sites, id.as_str())?;
            items::must_match(Collection::Sites, &item, if_match)?;
            must_have_parent(transaction, id, draft.parent.as_ref())?;
            let old = item.site()?;
            let site = Site {
                name: draft.name,
                parent: draft.parent,
                tags: draft.tags,
                area: draft.area,
                updated: writing.time,
                revision: old.revision + 1,
                ..old
            };
            written(&site, false).write(&writing, "site.changed")?;
            Ok(site)
        })
    }

    /// Takes a site out of the collection. A site with scenes or with sites below it stays.
    ///
    /// # Errors
    /// When it is not there, at another revision, not empty, or the role is less than admin.
    pub fn delete_site(&self, actor: &Actor, id: &SiteId, if_match: IfMatch) -> Result<(), RecordError> {
        actor.must_be(Role::Admin, "deleting a site")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let item = items::stored(transaction, Collection::Sites, id.as_str())?;
            items::must_match(Collection::Sites, &item, if_match)?;
            let used = transaction
                .prepare_cached(
                    "SELECT 1 FROM scene WHERE site = ?1 AND hidden = 0 UNION ALL
                     SELECT 1 FROM item WHERE collection = 'annotations' AND site = ?1 AND hidden = 0 UNION ALL
                     SELECT 1 FROM item WHERE collection = 'sites' AND hidden = 0
                         AND json_extract(feature, '$.properties.parent') = ?1 LIMIT 1",
                )?
                .exists([id.as_str()])?;
            if used {
                return Err(RecordError::Conflict {
                    what: "site",
                    id: id.to_string(),
                    state: "not empty (it has scenes, annotations or sites below it)".to_owned(),
                    change: "deleting it",
                });
            }
            let old = item.site()?;
            let site = Site { revision: old.revision + 1, updated: writing.time, ..old };
            written(&site, true).write(&writing, "site.deleted")
        })
    }

    /// Reads a site.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn site(&self, id: &SiteId) -> Result<Site, RecordError> {
        self.item(Collection::Sites, id.as_str())?.site()
    }
}

pub(super) fn written(site: &Site, hidden: bool) -> Written<'_> {
    let created_ms = site.created.as_millisecond();
    Written {
        collection: Collection::Sites,
        id: site.id.as_str(),
        site: &site.id,
        comparison: None,
        candidate: None,
        state: None,
        revision: site.revision,
        hidden,
        start_ms: Some(created_ms),
        end_ms: Some(created_ms),
        bounds: items::polygon_bounds(&site.area),
        feature: geojson::site_feature(site),
    }
}

fn free_id(transaction: &Transaction<'_>, draft: &SiteDraft) -> Result<SiteId, RecordError> {
    if let Some(id) = &draft.id {
        let id = SiteId::new(id)?;
        if items::is_taken(transaction, Collection::Sites, id.as_str())? {
            return Err(RecordError::Exists { what: "site", id: id.to_string() });
        }
        return Ok(id);
    }
    let plain = SiteId::from_name(&draft.name);
    if !items::is_taken(transaction, Collection::Sites, plain.as_str())? {
        return Ok(plain);
    }
    // ids that begin with the plain one and a hyphen; in their order a full stop follows the hyphen
    let (after, below) = (format!("{plain}-"), format!("{plain}."));
    let highest: Option<u32> = transaction
        .prepare_cached(
            "SELECT max(CAST(substr(id, length(?1) + 1) AS INTEGER)) FROM item
             WHERE collection = 'sites' AND id > ?1 AND id < ?2
                 AND length(id) <= length(?1) + ?3 AND substr(id, length(?1) + 1) NOT GLOB '*[^0-9]*'",
        )?
        .query_row((after, below, SITE_NUMBER_DIGITS), |row| row.get(0))?;
    let number = highest.unwrap_or(1).max(1) + 1;
    if number.ilog10() >= SITE_NUMBER_DIGITS {
        return Err(RecordError::Invalid {
            field: "id",
            got: "left out".to_owned(),
            wanted: format!(
                "given: {plain}-{}, the last id that is made from this name, is taken",
                number - 1
            ),
        });
    }
    Ok(plain.numbered(number))
}

/// Asks that the parent is there and that following parents upwards does not come back to the site.
fn must_have_parent(
    transaction: &Transaction<'_>,
    id: &SiteId,
    parent: Option<&SiteId>,
) -> Result<(), RecordError> {
    let mut above = parent.cloned();
    while let Some(site) = above {
        if site == *id {
            return Err(RecordError::Invalid {
                field: "parent",
                got: format!("{site:?}"),
                wanted: "a site that does not lie below this one".to_owned(),
            });
        }
        let item = items::stored(transaction, Collection::Sites, site.as_str())?;
        above = item.site()?.parent;
    }
    Ok(())
}
