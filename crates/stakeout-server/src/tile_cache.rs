//! Encoded tiles and opened scenes kept in memory, both with a limit.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::body::Bytes;
use quick_cache::{Weighter, sync::Cache};
use raster_io::{BlockCache, CacheState, TileReader};
use record::{SceneId, Sha256Hex};

use crate::{ApiError, App};

/// Bytes that a tile costs besides its own.
const ENTRY_BYTES: u64 = 256;
/// Size of a tile that the number of entries is guessed by.
const TILE_BYTES_TYPICAL: u64 = 32 << 10;
/// Changes when the same parameters give other pictures than before, so that no old ones are taken for new.
const RENDERING: &str = "1";
/// Digits of a hash that tell one version of a scene's pictures from another.
const VERSION_DIGITS: usize = 16;

/// Says how much a tile weighs.
#[derive(Clone)]
struct Weight;

impl Weighter<Sha256Hex, Bytes> for Weight {
    fn weight(&self, _: &Sha256Hex, tile: &Bytes) -> u64 {
        tile.len() as u64 + ENTRY_BYTES
    }
}

pub(crate) struct TileCache {
    tiles: Cache<Sha256Hex, Bytes, Weight>,
    asked: AtomicU64,
    made: AtomicU64,
    scenes: Cache<SceneId, Arc<OpenScene>>,
    blocks: Arc<BlockCache>,
}

/// A scene ready to be tiled.
pub(crate) struct OpenScene {
    pub(crate) reader: TileReader,
    /// Follows from the content and from how it is rendered.
    pub(crate) version: String,
    /// Display range of each band.
    stretch: Vec<[f64; 2]>,
}

impl OpenScene {
    /// Display range of a band, counted from 1.
    pub(crate) fn stretch_of(&self, band: u32) -> [f64; 2] {
        let known = self.stretch.get(band as usize - 1).or(self.stretch.first());
        known.copied().unwrap_or([0.0, 255.0])
    }
}

/// What tells the pictures of a working copy from all others, as addresses carry it.
pub(crate) fn version(working: &Sha256Hex) -> String {
    let both = format!("{RENDERING}/{working}");
    Sha256Hex::of(both.as_bytes()).as_str()[..VERSION_DIGITS].to_owned()
}

impl TileCache {
    pub(crate) fn new(tile_bytes: u64, block_bytes: u64, scenes: usize) -> TileCache {
        let tiles = (tile_bytes / TILE_BYTES_TYPICAL) as usize;
        TileCache {
            tiles: Cache::with_weighter(tiles, tile_bytes, Weight),
            asked: AtomicU64::new(0),
            made: AtomicU64::new(0),
            scenes: Cache::new(scenes),
            blocks: Arc::new(BlockCache::new(block_bytes)),
        }
    }

    /// The picture of a tag where it is at hand.
    pub(crate) fn held(&self, tag: &Sha256Hex) -> Option<Bytes> {
        let held = self.tiles.get(tag)?;
        self.asked.fetch_add(1, Relaxed);
        Some(held)
    }

    /// The picture of a tag, made where it is not there.
    pub(crate) fn tile(
        &self,
        tag: &Sha256Hex,
        make: impl FnOnce() -> Result<Bytes, ApiError>,
    ) -> Result<Bytes, ApiError> {
        self.asked.fetch_add(1, Relaxed);
        self.tiles.get_or_insert_with(tag, || {
            self.made.fetch_add(1, Relaxed);
            make()
        })
    }

    /// Opens a scene anew when it is asked for next: it was placed anew, or is no more. A thread that is opening it
    /// meanwhile, as it was before, keeps that to itself.
    pub(crate) fn forget(&self, id: &SceneId) {
        self.scenes.remove(id);
    }

    /// An opened scene, where it is open.
    pub(crate) fn open_scene(&self, id: &SceneId) -> Option<Arc<OpenScene>> {
        self.scenes.get(id)
    }

    /// A scene, opened where it is not.
    pub(crate) fn scene(&self, app: &App, id: &SceneId) -> Result<Arc<OpenScene>, ApiError> {
        self.scene_or(id, || {
            let facts = app.store.scene(id)?.facts;
            let reader = TileReader::open(&app.store.blobs().path(&facts.working)?, &self.blocks)?;
            let version = version(&facts.working);
            Ok(OpenScene { reader, version, stretch: facts.raster.stretch })
        })
    }

    /// A scene, opened by `open` where it is not. The cache takes what is opened only if the scene was not forgotten
    /// since it was begun.
    fn scene_or(
        &self,
        id: &SceneId,
        open: impl FnOnce() -> Result<OpenScene, ApiError>,
    ) -> Result<Arc<OpenScene>, ApiError> {
        self.scenes.get_or_insert_with(id, || open().map(Arc::new))
    }

    /// What the caches hold and have done, by name.
    pub(crate) fn state(&self) -> [(&'static str, CacheState); 2] {
        let tiles = CacheState {
            bytes: self.tiles.weight(),
            bytes_max: self.tiles.capacity(),
            asked: self.asked.load(Relaxed),
            missed: self.made.load(Relaxed),
        };
        [("tiles", tiles), ("blocks", self.blocks.state())]
    }
}

#[cfg(test)]
mod tests {
    use imagery_diff::{Grid, Raster};

    use super::*;

    #[test]
    fn a_scene_that_is_placed_anew_while_it_is_opened_is_not_kept_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scene.tif");
        let raster = Raster::new(Grid::pixels(8, 8), 1, vec![9.0; 64], vec![true; 64]).unwrap();
        raster_io::write_geotiff(&file, &raster).unwrap();
        let cache = TileCache::new(1 << 20, 1 << 20, 8);
        let id = SceneId("a".to_owned());
        let opened = |version: &str| {
            let reader = TileReader::open(&file, &cache.blocks).unwrap();
            Ok(OpenScene { reader, version: version.to_owned(), stretch: Vec::new() })
        };
        let version = |scene: Option<Arc<OpenScene>>| scene.map(|scene| scene.version.clone());

        let slow = cache.scene_or(&id, || {
            // what was read of the record is old when it is opened
            cache.forget(&id);
            let other = cache.scene_or(&id, || opened("new")).map_err(|_| "opened").unwrap();
            assert_eq!(other.version, "new", "who comes after the change does not wait for the old");
            opened("old")
        });
        assert_eq!(version(slow.ok()).as_deref(), Some("old"), "who came before the change is answered");
        assert_eq!(version(cache.open_scene(&id)).as_deref(), Some("new"));

        let alone = cache.scene_or(&SceneId("b".to_owned()), || {
            cache.forget(&SceneId("b".to_owned()));
            opened("old")
        });
        assert!(alone.is_ok() && cache.open_scene(&SceneId("b".to_owned())).is_none());
    }
}
