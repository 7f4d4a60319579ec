//! Writing and reading scenes.

use rusqlite::OptionalExtension;

use super::{
    Change, Store,
    items::{self, Collection},
    read_document,
};
use crate::{
    blobs::Sha256Hex,
    error::RecordError,
    events::{Actor, Role},
    id::{SceneId, SiteId},
    scene::{NewScene, Scene},
};

impl Store {
    /// Records a scene whose blobs are kept already.
    ///
    /// # Errors
    /// When the site or a blob is not there, or the role is less than analyst.
    pub fn add_scene(&self, actor: &Actor, site: &SiteId, facts: NewScene) -> Result<Scene, RecordError> {
        actor.must_be(Role::Analyst, "adding a scene")?;
        self.blobs().path(&facts.original.sha256)?;
        self.blobs().path(&facts.working)?;
        self.write(|transaction| {
            let change = Change::begin(transaction, actor);
            items::stored(transaction, Collection::Sites, site.as_str())?;
            let scene = Scene {
                id: SceneId::random(),
                site: site.clone(),
                created: change.time,
                created_by: actor.name.clone(),
                facts,
            };
            let document = serde_json::to_value(&scene).expect("scenes are plain data");
            let event = change.event(&format!("scene/{}", scene.id), "scene.added", &document)?;
            let text = document.to_string();
            transaction
                .prepare_cached(
                    "INSERT INTO scene (id, site, datetime, original, working, sha256, event, document)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute((
                    scene.id.as_str(),
                    site.as_str(),
                    scene.facts.datetime.as_millisecond(),
                    scene.facts.original.sha256.as_str(),
                    scene.facts.working.as_str(),
                    Sha256Hex::of(text.as_bytes()).as_str(),
                    event,
                    &text,
                ))?;
            Ok(scene)
        })
    }

    /// Reads a scene.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn scene(&self, id: &SceneId) -> Result<Scene, RecordError> {
        scene(&*self.read()?, id)
    }

    /// Scenes of a site, oldest image first.
    ///
    /// # Errors
    /// When the site is not there.
    pub fn scenes(&self, site: &SiteId) -> Result<Vec<Scene>, RecordError> {
        let reader = self.read()?;
        items::stored(&reader, Collection::Sites, site.as_str())?;
        let mut statement =
            reader.prepare_cached("SELECT id, document FROM scene WHERE site = ?1 ORDER BY datetime, n")?;
        let rows = statement
            .query_map([site.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        rows.iter().map(|(id, text)| read_document("scene", id, text)).collect()
    }
}

pub(super) fn scene(connection: &rusqlite::Connection, id: &SceneId) -> Result<Scene, RecordError> {
    let text: String = connection
        .prepare_cached("SELECT document FROM scene WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: "scene", id: id.to_string() })?;
    read_document("scene", id.as_str(), &text)
}
