//! From a file that has come to a scene in the record.

use std::path::{Path, PathBuf};

use raster_io::{IngestRequest, IngestedScene, Placing, RasterError};
use record::{
    Actor, HandPlacement, IfMatch, Incoming, NewPlacement, NewScene, RasterFacts, Scene, SceneDescription,
    SceneId, SiteId, scene::Original,
};
use serde_json::Value;

use crate::{ApiError, App, preparation::Promise, scene_properties};

/// A file that has come whole, with what is said of it.
pub(crate) struct Arrival {
    pub(crate) original: PathBuf,
    /// Name that its sender gave it, to show.
    pub(crate) file_name: String,
    /// Id that its sender gave it, if any.
    pub(crate) id: Option<SceneId>,
    pub(crate) properties: Value,
    pub(crate) world_file: Option<String>,
    /// For files on their way; removed with all that is in it.
    pub(crate) folder: tempfile::TempDir,
}

/// What is said of a file: what it shows, and where it lies if it does not say so itself.
pub(crate) type Said = (SceneDescription, Option<Placing>);

/// Reads what is said of a file, before anybody looks into it.
pub(crate) fn said(arrival: &Arrival) -> Result<Said, ApiError> {
    let description = scene_properties::description(&arrival.properties)?;
    let placing = scene_properties::placing(&arrival.properties, arrival.world_file.as_deref())?;
    Ok((description, placing))
}

/// Ingests a file and records the scene, with the end of the job that was promised; nothing is recorded where anything
/// fails.
pub(crate) fn record_scene(
    app: &App,
    actor: &Actor,
    site: &SiteId,
    arrival: &Arrival,
    (said, placing): Said,
    promise: &Promise,
) -> Result<Scene, ApiError> {
    let placed = placing.as_ref().map(scene_properties::placed);
    let (made, working) = derive(app, &arrival.original, &arrival.file_name, arrival.folder.path(), placing)?;
    let original = app.store.blobs().receive_file(&arrival.original)?;
    let residual_m = made.residual_m.unwrap_or(0.0);
    let facts = NewScene {
        datetime: said.datetime,
        platform: said.platform,
        provider: said.provider,
        license: said.license,
        details: said.details,
        placement: placed.map(|placed| HandPlacement { placed, residual_m }),
        footprint: made.info.footprint.clone(),
        original: Original {
            sha256: original.sha256.clone(),
            bytes: original.bytes,
            media_type: made.media_type.to_owned(),
            file_name: arrival.file_name.clone(),
        },
        raster: raster_facts(&made),
        working: working.sha256.clone(),
        working_bytes: Some(working.bytes),
    };
    let (id, files) = (arrival.id.clone(), [original, working]);
    Ok(promise.keep(|job| app.store.receive_scene(actor, site, id, facts, files, job))?)
}

/// Derives the working copy of a scene again, where it was put anew; nothing is derived that would not be taken.
pub(crate) fn place_anew(
    app: &App,
    actor: &Actor,
    scene: &Scene,
    if_match: IfMatch,
    placing: Placing,
    promise: &Promise,
) -> Result<Scene, ApiError> {
    app.store.check_placeable(actor, &scene.id, if_match)?;
    let original = app.store.blobs().path(&scene.facts.original.sha256)?;
    let folder = app.incoming()?;
    let placed = scene_properties::placed(&placing);
    let (made, working) =
        derive(app, &original, &scene.facts.original.file_name, folder.path(), Some(placing))?;
    let residual_m = made.residual_m.unwrap_or(0.0);
    let placement = NewPlacement {
        placement: HandPlacement { placed, residual_m },
        footprint: made.info.footprint.clone(),
        raster: raster_facts(&made),
        working,
    };
    let scene = promise.keep(|job| app.store.place_scene(actor, &scene.id, if_match, placement, job))?;
    app.tiles.forget(&scene.id);
    Ok(scene)
}

/// Makes the working copy of a file; it is not kept yet.
fn derive(
    app: &App,
    original: &Path,
    file_name: &str,
    folder: &Path,
    placing: Option<Placing>,
) -> Result<(IngestedScene, Incoming), ApiError> {
    // the process that decodes may write in a folder of its own, where nothing else is
    let folder = folder.join("made");
    std::fs::create_dir(&folder).map_err(|error| ApiError::internal(&error))?;
    let output = folder.join("working.tif");
    let request = IngestRequest { input: original.to_owned(), output: output.clone(), placing };
    let made = app.ingest_worker.ingest(&request).map_err(|error| match error {
        RasterError::Placing { fault, .. } => scene_properties::placing_fault(fault),
        error => ApiError::image(&error).naming(original, file_name).naming(&folder, "its working copy"),
    })?;
    Ok((made, app.store.blobs().receive_file(&output)?))
}

fn raster_facts(made: &IngestedScene) -> RasterFacts {
    let info = made.info.clone();
    RasterFacts {
        cols: info.cols,
        rows: info.rows,
        bands: info.bands,
        sample_type: info.sample_type.to_owned(),
        crs: info.crs,
        wkt: info.wkt,
        geotransform: info.geotransform,
        gsd_m: info.gsd_m,
        stretch: made.stretch.clone(),
    }
}
