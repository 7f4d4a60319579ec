//! Two files read as one pair, window by window.

use std::path::Path;

use imagery_diff::{AlignedPair, Grid, PairSource, Shift, Window};

use crate::{common_grid::CommonGridOptions, error::RasterError, source::SourceInfo};

/// Two rasters of any CRS, resolution, extent, band count and sample type, on one common grid.
///
/// Without georeference on either the grid is the pixels themselves, and both must have the same size.
pub struct ScenePair {
    grid: Grid,
    before: SourceInfo,
    after: SourceInfo,
}

impl ScenePair {
    /// Opens two files and chooses their common grid.
    ///
    /// # Errors
    /// When a file cannot be read, when only one has a CRS, when they do not overlap.
    pub fn open(
        before: &Path,
        _after: &Path,
        _options: &CommonGridOptions,
    ) -> Result<ScenePair, RasterError> {
        Err(crate::source::not_yet(before))
    }

    /// What is known of the before file.
    pub fn before(&self) -> &SourceInfo {
        &self.before
    }

    /// What is known of the after file.
    pub fn after(&self) -> &SourceInfo {
        &self.after
    }
}

impl PairSource for ScenePair {
    type Error = RasterError;

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bands(&self) -> usize {
        1
    }

    fn read(&self, _window: Window, _after_shift: Shift) -> Result<AlignedPair, RasterError> {
        Err(crate::source::not_yet(&self.before.path))
    }

    fn overview(&self, _reduction: u32) -> Result<AlignedPair, RasterError> {
        Err(crate::source::not_yet(&self.before.path))
    }
}
