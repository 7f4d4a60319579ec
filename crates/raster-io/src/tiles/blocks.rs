//! Decoded blocks of working copies, kept in memory within a limit.
//!
//! ```text
//! picture ─ window of a level ─ blocks ─ cache ─ GDAL
//! ```
//! A block is one band of one block of a level of one working copy, in its own sample type. Threads share it, and
//! two that want the same one decode it once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use gdal::raster::RasterBand;
use quick_cache::{Weighter, sync::Cache};

use crate::{
    RasterError,
    source::{Piece, Source},
};

/// Bytes that a block costs besides its samples.
const ENTRY_BYTES: u64 = 128;
/// Size of a block that the number of entries is guessed by: 512 x 512 px of 8 bits.
const BLOCK_BYTES_TYPICAL: u64 = 256 << 10;
/// Largest side of a block that is read at once; other files than working copies may have whole rows as blocks.
const BLOCK_SIDE_PX_MAX: usize = 1_024;
/// Mask values from here on mean "observed".
const MASK_MIN: u8 = 128;

/// Decoded blocks of all working copies that are tiled.
#[derive(Debug)]
pub struct BlockCache {
    blocks: Cache<BlockKey, Arc<Block>, Bytes>,
    asked: AtomicU64,
    decoded: AtomicU64,
}

/// What a cache holds and has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheState {
    /// Bytes it holds.
    pub bytes: u64,
    /// Bytes it may hold.
    pub bytes_max: u64,
    /// How often something was asked of it.
    pub asked: u64,
    /// How often it did not have that.
    pub missed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct BlockKey {
    pyramid: u64,
    level: u32,
    band: u32,
    col: u32,
    row: u32,
}

/// Samples of one band of a block, row-major.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) cols: usize,
    pub(super) samples: Samples,
}

#[derive(Debug)]
pub(super) enum Samples {
    Bytes(Box<[u8]>),
    Words(Box<[u16]>),
    Floats(Box<[f32]>),
    /// A mask that is the same everywhere: `true` where all was observed.
    Uniform(bool),
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<BlockKey, Arc<Block>> for Bytes {
    fn weight(&self, _: &BlockKey, block: &Arc<Block>) -> u64 {
        let samples = match &block.samples {
            Samples::Bytes(samples) => samples.len(),
            Samples::Words(samples) => size_of_val(&**samples),
            Samples::Floats(samples) => size_of_val(&**samples),
            Samples::Uniform(_) => 0,
        };
        samples as u64 + ENTRY_BYTES
    }
}

impl BlockCache {
    /// A cache of at most so many bytes.
    pub fn new(bytes_max: u64) -> BlockCache {
        let blocks = (bytes_max / BLOCK_BYTES_TYPICAL) as usize;
        BlockCache {
            blocks: Cache::with_weighter(blocks, bytes_max, Bytes),
            asked: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
        }
    }

    /// What it holds and has done.
    pub fn state(&self) -> CacheState {
        CacheState {
            bytes: self.blocks.weight(),
            bytes_max: self.blocks.capacity(),
            asked: self.asked.load(Relaxed),
            missed: self.decoded.load(Relaxed),
        }
    }
}

/// The mask, where a band is asked for.
pub(super) const MASK: u32 = 0;

/// The levels of one working copy, the finest first.
#[derive(Debug)]
pub(super) struct Pyramid {
    /// Tells its blocks from those of every other pyramid that was opened.
    key: u64,
    levels: Vec<Level>,
    cache: Arc<BlockCache>,
}

/// One level: the raster itself or an overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) cols: usize,
    pub(super) rows: usize,
    pub(super) block_cols: usize,
    pub(super) block_rows: usize,
}

impl Pyramid {
    pub(super) fn of(source: &Source, cache: Arc<BlockCache>) -> Result<Pyramid, RasterError> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let fails = RasterError::gdal(&source.path, "read");
        let levels = source.with_dataset(|dataset| {
            let band = dataset.rasterband(1).map_err(&fails)?;
            let mut levels = vec![level(&band)];
            for index in 0..band.overview_count().map_err(&fails)? {
                levels.push(level(&band.overview(index as usize).map_err(&fails)?));
            }
            Ok(levels)
        })?;
        Ok(Pyramid { key: OPENED.fetch_add(1, Relaxed), levels, cache })
    }

    pub(super) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// A block of a level; band [`MASK`] is the mask.
    pub(super) fn block(
        &self,
        source: &Source,
        level: usize,
        band: u32,
        [col, row]: [usize; 2],
    ) -> Result<Arc<Block>, RasterError> {
        let key = BlockKey { pyramid: self.key, level: level as u32, band, col: col as u32, row: row as u32 };
        self.cache.asked.fetch_add(1, Relaxed);
        self.cache.blocks.get_or_insert_with(&key, || {
            self.cache.decoded.fetch_add(1, Relaxed);
            self.decode(source, level, band, [col, row]).map(Arc::new)
        })
    }

    fn decode(
        &self,
        source: &Source,
        level: usize,
        band: u32,
        [col, row]: [usize; 2],
    ) -> Result<Block, RasterError> {
        let shape = self.levels[level];
        let (left, top) = (col * shape.block_cols, row * shape.block_rows);
        let size = (shape.block_cols.min(shape.cols - left), shape.block_rows.min(shape.rows - top));
        let place = (left as isize, top as isize);
        let fails = RasterError::gdal(&source.path, "read");
        source.with_dataset(|dataset| {
            let overview = level.checked_sub(1);
            if band == MASK {
                let piece = Piece { overview, place, size };
                return Ok(mask_block(size.0, source.observed(dataset, piece)?));
            }
            let own = source.band(dataset, band as usize, overview)?;
            let samples = match source.info().sample_type {
                "uint8" => Samples::Bytes(
                    own.read_as(place, size, size, None).map_err(&fails)?.into_shape_and_vec().1.into(),
                ),
                "uint16" => Samples::Words(
                    own.read_as(place, size, size, None).map_err(&fails)?.into_shape_and_vec().1.into(),
                ),
                _ => Samples::Floats(
                    own.read_as(place, size, size, None).map_err(&fails)?.into_shape_and_vec().1.into(),
                ),
            };
            Ok(Block { cols: size.0, samples })
        })
    }
}

fn level(band: &RasterBand<'_>) -> Level {
    let (block_cols, block_rows) = band.block_size();
    Level {
        cols: band.x_size(),
        rows: band.y_size(),
        block_cols: block_cols.min(BLOCK_SIDE_PX_MAX),
        block_rows: block_rows.min(BLOCK_SIDE_PX_MAX),
    }
}

/// Most masks are the same all over a block; then they take no memory and no time.
fn mask_block(cols: usize, mask: Option<Vec<u8>>) -> Block {
    let mask = mask.unwrap_or_else(|| vec![u8::MAX]);
    let observed = mask.first().is_some_and(|first| *first >= MASK_MIN);
    let samples = if mask.iter().all(|value| (*value >= MASK_MIN) == observed) {
        Samples::Uniform(observed)
    } else {
        Samples::Bytes(mask.into())
    };
    Block { cols, samples }
}
