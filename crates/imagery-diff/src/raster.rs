//! Pixel values with the mask that says which of them are real.

use crate::grid::Grid;

/// How far around a pixel is looked to tell a pinhole, pixels.
const AROUND_PX: usize = 3;
/// Least number of observed pixels of the 49 around a pinhole, which may be three pixels wide: at a corner of a wide hole there
/// are 33, and along an edge of the raster 21.
const PINHOLE_AROUND_MIN: usize = 35;

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

    /// The same with pixels that were not observed, and most of those around them were, as the mean of these. A value that
    /// means nodata and is a true one too, such as black, is no hole in the ground.
    pub fn with_pinholes_filled(mut self) -> Raster {
        if !self.valid.contains(&false) {
            return self;
        }
        let observed = self.valid.clone();
        let size = (self.grid.rows as usize, self.grid.cols as usize);
        for at in (0..observed.len()).filter(|&at| !observed[at]) {
            let Some(around) = around_pinhole(&observed, size, at) else { continue };
            for values in self.values.chunks_exact_mut(observed.len()) {
                values[at] = around.iter().map(|&at| values[at]).sum::<f32>() / around.len() as f32;
            }
            self.valid[at] = true;
        }
        self
    }
}

/// The observed pixels around one that was not, where it is a pinhole.
fn around_pinhole(observed: &[bool], (rows, cols): (usize, usize), at: usize) -> Option<Vec<usize>> {
    let span = |at: usize, size: usize| at.saturating_sub(AROUND_PX)..(at + AROUND_PX + 1).min(size);
    let (row, col) = (at / cols, at % cols);
    let (down, across) = (span(row, rows), span(col, cols));
    // most that were not observed lie far inside of what was not: this looks at four pixels of them
    let ends = [(down.start, col), (down.end - 1, col), (row, across.start), (row, across.end - 1)];
    if !ends.iter().any(|(row, col)| observed[row * cols + col]) {
        return None;
    }
    let places = down.flat_map(|row| across.clone().map(move |col| row * cols + col));
    let around: Vec<usize> = places.filter(|&at| observed[at]).collect();
    (around.len() >= PINHOLE_AROUND_MIN).then_some(around)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_holes(rows: u32, cols: u32, is_hole: impl Fn(usize, usize) -> bool) -> Raster {
        let grid = Grid::pixels(rows, cols);
        let places = (0..rows as usize).flat_map(|row| (0..cols as usize).map(move |col| (row, col)));
        let valid: Vec<bool> = places.map(|(row, col)| !is_hole(row, col)).collect();
        let values = (0..2 * grid.len())
            .map(|at| if valid[at % grid.len()] { (at / grid.len()) as f32 } else { -9.0 });
        Raster::new(grid.clone(), 2, values.collect(), valid.clone()).unwrap()
    }

    #[test]
    fn pinholes_are_filled_by_what_lies_around_them() {
        let is_hole = |row, col| row % 4 == 3 && (col % 5 == 3 || col % 5 == 4) && row < 10 && col < 10;
        let filled = with_holes(14, 14, is_hole).with_pinholes_filled();
        assert!(filled.valid().iter().all(|valid| *valid));
        assert!(
            filled.band(0).iter().all(|value| *value == 0.0)
                && filled.band(1).iter().all(|value| *value == 1.0)
        );
    }

    #[test]
    fn edges_and_wide_holes_stay_as_they_are() {
        let is_wide = |row, col| (5..9).contains(&row) && (4..8).contains(&col);
        for is_hole in [|_, col| col >= 6, |row, _| row < 3, |_, col| col == 0, is_wide] {
            let raster = with_holes(13, 12, is_hole);
            assert_eq!(raster.clone().with_pinholes_filled(), raster);
        }
    }
}
