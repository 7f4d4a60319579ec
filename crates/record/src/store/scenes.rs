//! Writing and reading scenes.

use geo::Polygon;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::{
    REVISIONS_MAX, Store, Writing,
    items::{self, Collection, IfMatch},
    jobs, read_document, read_documents,
};
use crate::{
    blobs::{Incoming, Sha256Hex},
    error::RecordError,
    events::{Actor, Event, Role},
    id::{JobId, SceneId, SiteId},
    scene::{HandPlacement, NewScene, RasterFacts, Scene, SceneDescription},
};

const CHANGING: &str = "changing a scene";

/// Where an image was put, and what was made of it there.
#[derive(Debug)]
pub struct NewPlacement {
    /// What was given.
    pub placement: HandPlacement,
    /// Outline in degrees.
    pub footprint: Option<Polygon<f64>>,
    /// The working copy, which is kept if the placement is.
    pub working: Incoming,
    /// Facts of the working copy.
    pub raster: RasterFacts,
}

impl Store {
    /// Records a scene whose blobs are kept already, as tests do.
    ///
    /// # Errors
    /// When the site or a blob is not there, or the role is less than analyst.
    #[doc(hidden)]
    pub fn add_scene(&self, actor: &Actor, site: &SiteId, facts: NewScene) -> Result<Scene, RecordError> {
        self.receive_scene(actor, site, None, facts, [], None)
    }

    /// Records a scene with files that are kept if it is, and under an id that the caller may choose; one that was ever
    /// given is not given again. A running job that made the scene ends with it.
    ///
    /// # Errors
    /// When the site or a blob is not there, a file cannot be kept, the id is taken or none, the job does not run any more,
    /// or the role is less than analyst.
    pub fn receive_scene<const N: usize>(
        &self,
        actor: &Actor,
        site: &SiteId,
        id: Option<SceneId>,
        facts: NewScene,
        files: [Incoming; N],
        job: Option<&JobId>,
    ) -> Result<Scene, RecordError> {
        actor.must_be(Role::Analyst, "adding a scene")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            items::stored(transaction, Collection::Sites, site.as_str())?;
            let id = match id {
                Some(id) => free_id(transaction, id)?,
                None => SceneId::random(),
            };
            end_job(&writing, job, &id, site)?;
            for file in files {
                file.keep()?;
            }
            self.blobs().path(&facts.original.sha256)?;
            self.blobs().path(&facts.working)?;
            let scene = Scene {
                id,
                site: site.clone(),
                created: writing.time,
                created_by: actor.name.clone(),
                revision: 1,
                updated: None,
                withdrawn: false,
                facts,
            };
            write(&writing, &scene, "scene.added")
        })
    }

    /// Says anew what an image shows and where it comes from. Its time stays once a comparison rests on it.
    ///
    /// # Errors
    /// When there is no such scene, it was changed meanwhile, its time may not change, or the role is less than
    /// analyst.
    pub fn describe_scene(
        &self,
        actor: &Actor,
        id: &SceneId,
        if_match: IfMatch,
        said: SceneDescription,
    ) -> Result<Scene, RecordError> {
        self.change_scene(actor, id, if_match, ("scene.described", None), |transaction, scene| {
            if said.datetime != scene.facts.datetime {
                must_be_free(transaction, scene, "changing its time")?;
            }
            scene.facts.describe(said);
            Ok(())
        })
    }

    /// Whether a new scene may have an id; asked before its file is decoded.
    ///
    /// # Errors
    /// When it is taken or no id.
    pub fn check_new_scene_id(&self, id: &SceneId) -> Result<(), RecordError> {
        free_id(&*self.read()?, id.clone()).map(|_| ())
    }

    /// Whether [`Store::place_scene`] would take a placement now; asked before a working copy is derived for it.
    ///
    /// # Errors
    /// As [`Store::place_scene`].
    pub fn check_placeable(&self, actor: &Actor, id: &SceneId, if_match: IfMatch) -> Result<(), RecordError> {
        actor.must_be(Role::Analyst, CHANGING)?;
        let reader = self.read()?;
        must_be_placeable(&reader, &changeable(&reader, id, if_match)?)
    }

    /// Puts an image that was placed by hand elsewhere. Not once a comparison rests on it: what was found there would
    /// lie elsewhere in the image. A running job that placed it ends with it.
    ///
    /// # Errors
    /// When there is no such scene, it has a georeference of its own, it was changed meanwhile or often, a comparison
    /// rests on it, the job does not run any more, or the role is less than analyst.
    pub fn place_scene(
        &self,
        actor: &Actor,
        id: &SceneId,
        if_match: IfMatch,
        placed: NewPlacement,
        job: Option<&JobId>,
    ) -> Result<Scene, RecordError> {
        self.change_scene(actor, id, if_match, ("scene.placed", job), |transaction, scene| {
            must_be_placeable(transaction, scene)?;
            let NewPlacement { placement, footprint, working, raster } = placed;
            scene.facts.placement = Some(placement);
            scene.facts.footprint = footprint;
            scene.facts.working = working.sha256.clone();
            scene.facts.working_bytes = Some(working.bytes);
            scene.facts.raster = raster;
            working.keep()
        })
    }

    /// Takes a scene out of the catalogue. Its files stay, and so does what the log says of it.
    ///
    /// # Errors
    /// When there is no such scene, it was changed meanwhile, a comparison rests on it, or the role is less than
    /// analyst.
    pub fn withdraw_scene(
        &self,
        actor: &Actor,
        id: &SceneId,
        if_match: IfMatch,
    ) -> Result<Scene, RecordError> {
        self.change_scene(actor, id, if_match, ("scene.withdrawn", None), |transaction, scene| {
            must_be_free(transaction, scene, "withdrawing it")?;
            scene.withdrawn = true;
            Ok(())
        })
    }

    fn change_scene(
        &self,
        actor: &Actor,
        id: &SceneId,
        if_match: IfMatch,
        (kind, job): (&str, Option<&JobId>),
        with: impl FnOnce(&Connection, &mut Scene) -> Result<(), RecordError>,
    ) -> Result<Scene, RecordError> {
        actor.must_be(Role::Analyst, CHANGING)?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            let mut scene = changeable(transaction, id, if_match)?;
            end_job(&writing, job, &scene.id, &scene.site)?;
            with(transaction, &mut scene)?;
            scene.revision += 1;
            scene.updated = Some(writing.time);
            write(&writing, &scene, kind)
        })
    }

    /// Reads a scene.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn scene(&self, id: &SceneId) -> Result<Scene, RecordError> {
        scene(&*self.read()?, id)
    }

    /// All that was done to a scene, oldest first; a withdrawn one has its history still.
    ///
    /// # Errors
    /// When there was never one of that id.
    pub fn scene_versions(&self, id: &SceneId) -> Result<Vec<Event>, RecordError> {
        let events = self.events_of(&format!("scene/{id}"))?;
        if events.is_empty() {
            return Err(RecordError::NotFound { what: "scene", id: id.to_string() });
        }
        Ok(events)
    }

    /// Scenes of a site, oldest image first.
    ///
    /// # Errors
    /// When the site is not there.
    pub fn scenes(&self, site: &SiteId) -> Result<Vec<Scene>, RecordError> {
        let reader = self.read()?;
        items::stored(&reader, Collection::Sites, site.as_str())?;
        let mut statement = reader.prepare_cached(
            "SELECT id, document FROM scene WHERE site = ?1 AND hidden = 0 ORDER BY datetime, n",
        )?;
        read_documents("scene", &mut statement, [site.as_str()])
    }

    /// The scenes recorded last, of a site or of all, newest first; those before `older_than`, which may be withdrawn by now.
    ///
    /// # Errors
    /// When the site is not there, or there was never such a scene.
    pub fn newest_scenes(
        &self,
        site: Option<&SiteId>,
        older_than: Option<&SceneId>,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Scene>, RecordError> {
        let reader = self.read()?;
        if let Some(site) = site {
            items::stored(&reader, Collection::Sites, site.as_str())?;
        }
        let below = older_than.map_or(Ok(i64::MAX), |id| number(&reader, id))?;
        let Some(site) = site else {
            // the plus keeps the planner from sorting all scenes of an index instead of walking back from the last
            let mut statement = reader.prepare_cached(
                "SELECT id, document FROM scene WHERE +hidden = 0 AND n < ?1 ORDER BY n DESC LIMIT ?2 OFFSET ?3",
            )?;
            return read_documents("scene", &mut statement, (below, limit, offset));
        };
        // numbers are sorted, and documents read of those that are told
        let mut statement = reader.prepare_cached(
            "SELECT id, document FROM scene WHERE n IN (
                 SELECT n FROM scene WHERE site = ?1 AND hidden = 0 AND n < ?2 ORDER BY n DESC LIMIT ?3 OFFSET ?4
             ) ORDER BY n DESC",
        )?;
        read_documents("scene", &mut statement, (site.as_str(), below, limit, offset))
    }
}

pub(super) fn scene(connection: &Connection, id: &SceneId) -> Result<Scene, RecordError> {
    let text: String = connection
        .prepare_cached("SELECT document FROM scene WHERE id = ?1 AND hidden = 0")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: "scene", id: id.to_string() })?;
    read_document("scene", id.as_str(), &text)
}

/// The place of a scene, also of a withdrawn one, among all that were recorded.
fn number(connection: &Connection, id: &SceneId) -> Result<i64, RecordError> {
    connection
        .prepare_cached("SELECT n FROM scene WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: "scene", id: id.to_string() })
}

/// A scene at the revision that a change was based on, if it may have another.
fn changeable(connection: &Connection, id: &SceneId, if_match: IfMatch) -> Result<Scene, RecordError> {
    let scene = scene(connection, id)?;
    if let IfMatch::Revision(given) = if_match
        && given != scene.revision
    {
        return Err(RecordError::Stale { what: "scene", id: id.to_string(), current: scene.revision, given });
    }
    if scene.revision >= REVISIONS_MAX {
        return Err(conflict(id, format!("at revision {REVISIONS_MAX}, the last"), "changing it again"));
    }
    Ok(scene)
}

/// Ends the job that made a scene what it is about to be; asked before a file is kept, which no rollback takes back.
fn end_job(
    writing: &Writing<'_>,
    job: Option<&JobId>,
    scene: &SceneId,
    site: &SiteId,
) -> Result<(), RecordError> {
    job.map_or(Ok(()), |job| jobs::ended_with(writing, job, json!({"scene": scene, "site": site})))
}

/// Appends the event that holds the scene, and writes the scene: new, or over the one of its id. Gives the scene as
/// whoever reads it next will see it.
fn write(writing: &Writing<'_>, scene: &Scene, kind: &str) -> Result<Scene, RecordError> {
    let document = serde_json::to_value(scene).expect("scenes are plain data");
    let event = writing.event(&format!("scene/{}", scene.id), kind, &document)?;
    let text = document.to_string();
    let [minx, miny, maxx, maxy] = scene.facts.flat_bounds().map_or([None; 4], |bounds| bounds.map(Some));
    writing
        .transaction
        .prepare_cached(
            "INSERT INTO scene (id, site, datetime, original, working, sha256, event, document, revision, hidden,
                                minx, miny, maxx, maxy)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (id) DO UPDATE SET
                 datetime = excluded.datetime, working = excluded.working, sha256 = excluded.sha256,
                 event = excluded.event, document = excluded.document, revision = excluded.revision,
                 hidden = excluded.hidden, minx = excluded.minx, miny = excluded.miny, maxx = excluded.maxx,
                 maxy = excluded.maxy",
        )?
        .execute(params![
            scene.id.as_str(),
            scene.site.as_str(),
            scene.facts.datetime.as_millisecond(),
            scene.facts.original.sha256.as_str(),
            scene.facts.working.as_str(),
            Sha256Hex::of(text.as_bytes()).as_str(),
            event,
            &text,
            scene.revision,
            scene.withdrawn,
            minx,
            miny,
            maxx,
            maxy,
        ])?;
    read_document("scene", scene.id.as_str(), &text)
}

/// Longest id that a client may choose.
const ID_LETTERS_MAX: usize = 100;

fn free_id(transaction: &Connection, id: SceneId) -> Result<SceneId, RecordError> {
    let letters =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let text = id.as_str();
    if text.is_empty() || text.len() > ID_LETTERS_MAX || !letters(text) || text.starts_with('.') {
        return Err(RecordError::Invalid {
            field: "id",
            got: format!("{:?}", text.chars().take(ID_LETTERS_MAX).collect::<String>()),
            wanted: format!("1 to {ID_LETTERS_MAX} of A-Z, a-z, 0-9, -, _ and ., not beginning with ."),
        });
    }
    let taken = transaction.prepare_cached("SELECT 1 FROM scene WHERE id = ?1")?.exists([text])?;
    if taken { Err(RecordError::Exists { what: "scene", id: id.0 }) } else { Ok(id) }
}

fn conflict(id: &SceneId, state: String, change: &'static str) -> RecordError {
    RecordError::Conflict { what: "scene", id: id.to_string(), state, change }
}

/// Only what a person said can be said anew, as long as no comparison rests on it: a georeference in the file is
/// evidence.
fn must_be_placeable(connection: &Connection, scene: &Scene) -> Result<(), RecordError> {
    const CHANGE: &str = "placing it anew";
    let facts = &scene.facts;
    if facts.placement.is_none() && (facts.raster.crs.is_some() || facts.raster.wkt.is_some()) {
        return Err(conflict(&scene.id, "placed by its own file".to_owned(), CHANGE));
    }
    must_be_free(connection, scene, CHANGE)
}

/// What a comparison rests on, or is about to, does not change under it.
fn must_be_free(transaction: &Connection, scene: &Scene, change: &'static str) -> Result<(), RecordError> {
    let uses = [
        (
            "what a comparison rests on",
            "SELECT 1 FROM comparison
             WHERE site = ?2 AND ?1 IN (json_extract(document, '$.before'), json_extract(document, '$.after'))",
        ),
        (
            "what a job compares",
            "SELECT 1 FROM job
             WHERE status IN ('accepted', 'running') AND ?2 IS NOT NULL
               AND ?1 IN (json_extract(document, '$.input.before'), json_extract(document, '$.input.after'))",
        ),
    ];
    for (state, sql) in uses {
        if transaction.prepare_cached(sql)?.exists((scene.id.as_str(), scene.site.as_str()))? {
            return Err(conflict(&scene.id, state.to_owned(), change));
        }
    }
    Ok(())
}
