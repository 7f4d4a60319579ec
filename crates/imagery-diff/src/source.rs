//! Where the pixels of a pair come from, window by window.

use std::convert::Infallible;

use crate::{
    displacement::Displacement,
    grid::{Grid, Window},
    pair::AlignedPair,
    raster::Raster,
};

/// What the sample values of a raster are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits made to be looked at: 0 is black, 255 is white.
    Display,
    /// Anything else: reflectance, radiance or counts of any range.
    Measured,
}

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

    /// What the values of the before and of the after raster are.
    fn samples(&self) -> [Samples; 2];

    /// Reads one window at full resolution, the after raster displaced.
    ///
    /// The pixel of the result at `(row, col)` holds the before image at that position and the after
    /// image at `position + displacement there` (bilinear or better). Where that leaves the after image
    /// the mask is `false`. `window` lies inside the grid.
    ///
    /// # Errors
    /// When a source cannot be read.
    fn read(&self, window: Window, after: &Displacement) -> Result<AlignedPair, Self::Error>;

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
    /// What their values are.
    pub samples: [Samples; 2],
}

impl MemoryPair {
    /// A pair of 8-bit images made to be looked at.
    pub fn display(pair: AlignedPair) -> MemoryPair {
        MemoryPair { pair, samples: [Samples::Display; 2] }
    }
}

impl PairSource for MemoryPair {
    type Error = Infallible;

    fn grid(&self) -> &Grid {
        self.pair.grid()
    }

    fn bands(&self) -> usize {
        self.pair.before().bands()
    }

    fn samples(&self) -> [Samples; 2] {
        self.samples
    }

    fn read(&self, window: Window, after: &Displacement) -> Result<AlignedPair, Infallible> {
        let before = sample(self.pair.before(), window, &Displacement::default());
        let after = sample(self.pair.after(), window, after);
        Ok(AlignedPair::new(before, after).expect("both were cut from one pair by one window"))
    }

    fn overview(&self, reduction: u32) -> Result<AlignedPair, Infallible> {
        let before = reduce(self.pair.before(), reduction);
        let after = reduce(self.pair.after(), reduction);
        Ok(AlignedPair::new(before, after).expect("both were reduced alike from one pair"))
    }
}

/// Cuts a window out of a raster, displaced, bilinear between pixel centres.
///
/// A pixel whose four neighbours are not all valid is invalid; a shift of whole pixels looks at one.
fn sample(raster: &Raster, window: Window, displacement: &Displacement) -> Raster {
    let grid = raster.grid();
    let (rows, cols) = (i64::from(grid.rows), i64::from(grid.cols));
    let pixels = window.len();
    let mut values = vec![0.0; raster.bands() * pixels];
    let mut valid = vec![false; pixels];
    for out_row in 0..window.rows as usize {
        for out_col in 0..window.cols as usize {
            let (row, col) = (i64::from(window.row) + out_row as i64, i64::from(window.col) + out_col as i64);
            let shift = displacement.at(col as f64 + 0.5, row as f64 + 0.5);
            let (down, right) = (shift.down_px.floor(), shift.right_px.floor());
            let (down_share, right_share) = ((shift.down_px - down) as f32, (shift.right_px - right) as f32);
            let (top, left) = (row + down as i64, col + right as i64);
            let (bottom, far) = (top + i64::from(down_share > 0.0), left + i64::from(right_share > 0.0));
            if top < 0 || bottom >= rows || left < 0 || far >= cols {
                continue;
            }
            let at = |row: i64, col: i64| (row * cols + col) as usize;
            let corners = [at(top, left), at(top, far), at(bottom, left), at(bottom, far)];
            if !corners.iter().all(|&corner| raster.valid()[corner]) {
                continue;
            }
            let out = out_row * window.cols as usize + out_col;
            valid[out] = true;
            for band in 0..raster.bands() {
                let [a, b, c, d] = corners.map(|corner| raster.band(band)[corner]);
                let upper = a + (b - a) * right_share;
                let lower = c + (d - c) * right_share;
                values[band * pixels + out] = upper + (lower - upper) * down_share;
            }
        }
    }
    Raster::new(grid.cut(window), raster.bands(), values, valid).expect("buffers were made for the window")
}

/// Reduces a raster by a whole factor, each pixel the mean of the valid pixels under it.
fn reduce(raster: &Raster, reduction: u32) -> Raster {
    let grid = raster.grid().reduced(reduction);
    let (cols, step) = (raster.grid().cols as usize, reduction as usize);
    let pixels = grid.len();
    let mut values = vec![0.0; raster.bands() * pixels];
    let mut valid = vec![false; pixels];
    for out_row in 0..grid.rows as usize {
        let rows = out_row * step..((out_row + 1) * step).min(raster.grid().rows as usize);
        for out_col in 0..grid.cols as usize {
            let under = out_col * step..((out_col + 1) * step).min(cols);
            let seen: Vec<usize> = rows
                .clone()
                .flat_map(|row| under.clone().map(move |col| row * cols + col))
                .filter(|&index| raster.valid()[index])
                .collect();
            if seen.is_empty() {
                continue;
            }
            let out = out_row * grid.cols as usize + out_col;
            valid[out] = true;
            for band in 0..raster.bands() {
                let sum: f64 = seen.iter().map(|&index| f64::from(raster.band(band)[index])).sum();
                values[band * pixels + out] = (sum / seen.len() as f64) as f32;
            }
        }
    }
    Raster::new(grid, raster.bands(), values, valid).expect("buffers were made for the grid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Shift;

    fn grey(rows: u32, cols: u32, values: &[f32]) -> Raster {
        let valid = values.iter().map(|value| !value.is_nan()).collect();
        Raster::new(Grid::pixels(rows, cols), 1, values.to_vec(), valid).expect("a matrix that fits")
    }

    #[test]
    fn a_shift_brings_displaced_content_back() {
        let before = grey(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let after = grey(2, 3, &[0.0, 1.0, 2.0, 0.0, 4.0, 5.0]);
        let source = MemoryPair::display(AlignedPair::new(before, after).expect("one grid"));
        let read = source
            .read(source.grid().window(), &Shift { right_px: 1.0, down_px: 0.0 }.into())
            .expect("memory can be read");
        assert_eq!(read.after().valid(), [true, true, false, true, true, false]);
        assert_eq!(read.after().band(0)[..2], [1.0, 2.0]);
    }

    #[test]
    fn half_a_pixel_is_the_mean_of_two() {
        let after = grey(1, 3, &[1.0, 3.0, 5.0]);
        let cut = sample(&after, Grid::pixels(1, 3).window(), &Shift { right_px: 0.5, down_px: 0.0 }.into());
        assert_eq!(cut.band(0)[..2], [2.0, 4.0]);
        assert_eq!(cut.valid(), [true, true, false]);
    }

    #[test]
    fn an_overview_ignores_pixels_that_were_not_observed() {
        // the last column fills no pixel of the overview
        let raster = grey(2, 5, &[1.0, f32::NAN, 7.0, f32::NAN, 99.0, 3.0, f32::NAN, 9.0, f32::NAN, 99.0]);
        let small = reduce(&raster, 2);
        assert_eq!(small.band(0), [2.0, 8.0]);
        assert_eq!(small.valid(), [true, true]);
    }
}
