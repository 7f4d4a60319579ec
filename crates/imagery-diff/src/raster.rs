//! Pixel values with the mask that says which of them are real.

use crate::grid::Grid;

/// Values, mask and grid of a piece of imagery.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    grid: Grid,
    bands: usize,
    values: Vec<f32>,
    valid: Vec<bool>,
}

/// A raster whose buffers do not fit its grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{buffer} of a raster of {pixels} px and {bands} bands must hold {wanted} entries but holds {got}")]
pub struct RasterShapeError {
    /// Which buffer.
    pub buffer: &'static str,
    /// Pixels of the grid.
    pub pixels: usize,
    /// Bands asked for.
    pub bands: usize,
    /// Length that was given.
    pub got: usize,
    /// Length that fits.
    pub wanted: usize,
}

impl Raster {
    /// Joins buffers to a raster.
    ///
    /// `values` is band-sequential (`bands x rows x cols`, raw sample values of the source), `valid`
    /// is `rows x cols`. A value under a `false` mask entry has no meaning.
    ///
    /// # Errors
    /// When a buffer does not have the length that the grid and the number of bands ask for.
    pub fn new(
        grid: Grid,
        bands: usize,
        values: Vec<f32>,
        valid: Vec<bool>,
    ) -> Result<Raster, RasterShapeError> {
        let pixels = grid.len();
        let fits = |buffer, got, wanted| {
            if got == wanted { Ok(()) } else { Err(RasterShapeError { buffer, pixels, bands, got, wanted }) }
        };
        fits("values", values.len(), bands * pixels)?;
        fits("mask", valid.len(), pixels)?;
        Ok(Raster { grid, bands, values, valid })
    }

    /// Where the pixels lie.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Row-major values of one band, counted from zero.
    pub fn band(&self, band: usize) -> &[f32] {
        let pixels = self.grid.len();
        &self.values[band * pixels..(band + 1) * pixels]
    }

    /// Row-major values of one band, to change in place.
    pub fn band_mut(&mut self, band: usize) -> &mut [f32] {
        let pixels = self.grid.len();
        &mut self.values[band * pixels..(band + 1) * pixels]
    }

    /// Row-major mask: `true` where the pixel was observed.
    pub fn valid(&self) -> &[bool] {
        &self.valid
    }
}
