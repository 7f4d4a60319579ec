//! Two rasters that are known to lie on one grid.

use crate::{grid::Grid, raster::Raster};

/// A before and an after raster of the same grid and number of bands: proven once, carried from here on.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignedPair {
    before: Raster,
    after: Raster,
}

/// Two rasters that do not make a pair.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// The grids differ in size, place, pixel or reference.
    #[error("before grid is {before} but after grid is {after}")]
    Grid {
        /// Grid of the before raster.
        before: Box<Grid>,
        /// Grid of the after raster.
        after: Box<Grid>,
    },
    /// The rasters differ in their number of bands.
    #[error("before has {before} bands but after has {after}")]
    Bands {
        /// Bands of the before raster.
        before: usize,
        /// Bands of the after raster.
        after: usize,
    },
}

impl AlignedPair {
    /// Joins two rasters.
    ///
    /// # Errors
    /// When their grids or numbers of bands differ.
    pub fn new(before: Raster, after: Raster) -> Result<AlignedPair, PairError> {
        if before.grid() != after.grid() {
            return Err(PairError::Grid {
                before: Box::new(before.grid().clone()),
                after: Box::new(after.grid().clone()),
            });
        }
        if before.bands() != after.bands() {
            return Err(PairError::Bands { before: before.bands(), after: after.bands() });
        }
        Ok(AlignedPair { before, after })
    }

    /// The grid of both.
    pub fn grid(&self) -> &Grid {
        self.before.grid()
    }

    /// The raster of the first date.
    pub fn before(&self) -> &Raster {
        &self.before
    }

    /// The raster of the second date.
    pub fn after(&self) -> &Raster {
        &self.after
    }

    /// The pair as its two rasters.
    pub fn into_parts(self) -> (Raster, Raster) {
        (self.before, self.after)
    }

    /// The pair with the pinholes of each date filled ([`Raster::with_pinholes_filled`]).
    pub fn with_pinholes_filled(self) -> AlignedPair {
        AlignedPair { before: self.before.with_pinholes_filled(), after: self.after.with_pinholes_filled() }
    }

    /// Whether a pixel was observed on both dates.
    pub fn both_valid(&self, index: usize) -> bool {
        self.before.valid()[index] && self.after.valid()[index]
    }

    /// The same of every pixel.
    pub(crate) fn all_both_valid(&self) -> Vec<bool> {
        (0..self.grid().len()).map(|index| self.both_valid(index)).collect()
    }
}
