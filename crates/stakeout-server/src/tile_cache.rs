//! Encoded tiles and opened scenes kept in memory, both with a limit.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use raster_io::TileReader;
use record::{SceneId, Sha256Hex};

use crate::{ApiError, App};

/// Bytes that a tile costs besides its own.
const ENTRY_BYTES: u64 = 128;
/// Size of a tile that the number of entries is guessed by.
const TILE_BYTES_TYPICAL: u64 = 32 << 10;

/// Says how much a tile weighs.
#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<[u8]>> for Bytes {
    fn weight(&self, _: &String, tile: &Arc<[u8]>) -> u64 {
        tile.len() as u64 + ENTRY_BYTES
    }
}

pub(crate) struct TileCache {
    tiles: Cache<String, Arc<[u8]>, Bytes>,
    scenes: Cache<SceneId, Arc<OpenScene>>,
}

/// A scene ready to be tiled.
pub(crate) struct OpenScene {
    pub(crate) reader: TileReader,
    pub(crate) working: Sha256Hex,
    /// Default display range of each of the three colours.
    pub(crate) stretch: [[f64; 2]; 3],
}

impl TileCache {
    pub(crate) fn new(tile_bytes: u64, scenes: usize) -> TileCache {
        let tiles = (tile_bytes / TILE_BYTES_TYPICAL) as usize;
        TileCache { tiles: Cache::with_weighter(tiles, tile_bytes, Bytes), scenes: Cache::new(scenes) }
    }

    /// The tile of a key, made where it is not there.
    pub(crate) fn tile(
        &self,
        key: String,
        make: impl FnOnce() -> Result<Vec<u8>, ApiError>,
    ) -> Result<Arc<[u8]>, ApiError> {
        self.tiles.get_or_insert_with(&key, || make().map(Arc::from))
    }

    /// Opens a scene anew when it is asked for next: it was placed anew, or is no more.
    pub(crate) fn forget(&self, id: &SceneId) {
        self.scenes.remove(id);
    }

    pub(crate) fn scene(&self, app: &App, id: &SceneId) -> Result<Arc<OpenScene>, ApiError> {
        self.scenes.get_or_insert_with(id, || {
            let facts = app.store.scene(id)?.facts;
            let reader = TileReader::open(&app.store.blobs().path(&facts.working)?)?;
            let band = |index: usize| facts.raster.stretch.get(index).or(facts.raster.stretch.first());
            let stretch = [0, 1, 2].map(|index| band(index).copied().unwrap_or([0.0, 255.0]));
            Ok(Arc::new(OpenScene { reader, working: facts.working, stretch }))
        })
    }
}
