//! Where the pixels of a pair come from, window by window.

use crate::{
    grid::{Grid, Shift, Window},
    pair::AlignedPair,
};

/// A pair of scenes on one common grid that can be read in pieces, from several threads at once.
///
/// Bands are either one (grey) or three (red, green, blue), the same for both dates. Values are raw
/// samples of the source; [`crate::normalise`] brings them to a common range.
pub trait PairSource: Sync {
    /// What can go wrong while reading.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The grid of the whole pair.
    fn grid(&self) -> &Grid;

    /// Number of bands of both rasters: 1 or 3.
    fn bands(&self) -> usize;

    /// Reads one window at full resolution, the after raster displaced by `after_shift`.
    ///
    /// The pixel of the result at `(row, col)` holds the before image at that position and the after
    /// image at `position + after_shift` (bilinear or better). Where that leaves the after image the
    /// mask is `false`. `window` lies inside the grid.
    ///
    /// # Errors
    /// When a source cannot be read.
    fn read(&self, window: Window, after_shift: Shift) -> Result<AlignedPair, Self::Error>;

    /// Reads the whole pair on `grid().reduced(reduction)`, each pixel the mean of the valid pixels
    /// under it, the after raster not displaced.
    ///
    /// # Errors
    /// When a source cannot be read.
    fn overview(&self, reduction: u32) -> Result<AlignedPair, Self::Error>;
}

/// A pair that is already in memory.
#[derive(Clone, Debug)]
pub struct MemoryPair {
    /// The rasters.
    pub pair: AlignedPair,
}
