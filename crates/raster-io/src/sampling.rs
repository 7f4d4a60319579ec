//! Reads a window of the common grid out of one source.
//!
//! Positions come from the lattice. Where the source is finer it is first reduced by a whole factor (area
//! mean, from its overviews where it has them), then read bilinearly between pixel centres. Blocks of the
//! reduction lie on fixed places of the source, so that neighbouring windows fit without a seam.

use std::ops::Range;

use gdal::{Dataset, raster::ResampleAlg};
use imagery_diff::{Displacement, Grid, Raster};

use crate::{
    RasterError,
    lattice::Lattice,
    source::{Colours, Source},
};

/// Source pixels per grid pixel from which on a finer source is reduced before it is read.
const REDUCE_FROM: f64 = 1.5;
/// Shares of a pixel that are too small to matter: a source on the same grid is copied, not mixed.
const SHARE_MIN: f64 = 1e-3;
/// Mask values from here on mean "observed".
const MASK_MIN: f32 = 127.5;

/// Where the pixels of a window lie in the common grid: the centre of its pixel `(row, col)` is at
/// `first + (col, row) * step_px` in pixels of the grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) first: [f64; 2],
    pub(crate) step_px: f64,
}

/// Which values are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Grey,
    Rgb,
}

/// Pixels of a window that lie evenly spaced in the source, column and row counted from its corner.
struct Stretch {
    first: [f64; 2],
    /// From one to the next.
    step: [f64; 2],
    count: usize,
}

impl Stretch {
    fn at(&self, index: usize) -> [f64; 2] {
        [0, 1].map(|axis| self.first[axis] + index as f64 * self.step[axis])
    }
}

/// A rectangle of the source, reduced.
struct Block {
    col: f64,
    row: f64,
    reduction: f64,
    cols: usize,
    rows: usize,
    bands: Vec<Vec<f32>>,
    valid: Option<Vec<f32>>,
}

/// Reads the pixels of `grid` (a window) as they lie in the source, displaced.
pub(crate) fn sample(
    source: &Source,
    lattice: &Lattice,
    grid: Grid,
    placed: Placed,
    displaced: &Displacement,
    wanted: Wanted,
) -> Result<Raster, RasterError> {
    let stretches = stretches(lattice, &grid, placed, displaced);
    let reduction = reduction(lattice, &grid, placed);
    let block = source.with_dataset(|dataset| read_block(source, dataset, &stretches, reduction, wanted))?;
    let bands = if wanted == Wanted::Rgb { 3 } else { 1 };
    let mut values = vec![0.0; bands * grid.len()];
    let mut valid = vec![false; grid.len()];
    if let Some(block) = block {
        let mut first = 0;
        for stretch in &stretches {
            block.read(stretch, first, &mut values, &mut valid);
            first += stretch.count;
        }
    }
    Ok(Raster::new(grid, bands, values, valid).expect("buffers were made for the grid"))
}

/// The places of a window's pixels in the source, row by row.
fn stretches(lattice: &Lattice, grid: &Grid, placed: Placed, displaced: &Displacement) -> Vec<Stretch> {
    let [first_right, first_down] = placed.first;
    let (rows, cols) = (grid.rows as usize, grid.cols as usize);
    let mut stretches = Vec::with_capacity(if displaced.varies() { rows * cols } else { rows });
    for row in 0..rows {
        let down = first_down + row as f64 * placed.step_px;
        if displaced.varies() {
            stretches.extend((0..cols).map(|col| {
                let right = first_right + col as f64 * placed.step_px;
                let shift = displaced.at(right, down);
                let first = lattice.at(right + shift.right_px, down + shift.down_px);
                Stretch { first, step: [0.0; 2], count: 1 }
            }));
            continue;
        }
        let shift = displaced.everywhere();
        let first = [first_right + shift.right_px, down + shift.down_px];
        lattice.along(first, placed.step_px, cols, |indices, first, step| {
            stretches.push(Stretch { first, step, count: indices.len() });
        });
    }
    stretches
}

/// The whole factor by which the source is reduced before it is read.
fn reduction(lattice: &Lattice, grid: &Grid, placed: Placed) -> u32 {
    let [right, down] = placed.first;
    let middle =
        [right + f64::from(grid.cols / 2) * placed.step_px, down + f64::from(grid.rows / 2) * placed.step_px];
    let at = |right, down| lattice.at(middle[0] + right, middle[1] + down);
    let (here, east, south) = (at(0.0, 0.0), at(placed.step_px, 0.0), at(0.0, placed.step_px));
    let length = |to: [f64; 2]| (to[0] - here[0]).hypot(to[1] - here[1]);
    let finer = length(east).min(length(south));
    if finer < REDUCE_FROM { 1 } else { finer.round() as u32 }
}

fn read_block(
    source: &Source,
    dataset: &Dataset,
    stretches: &[Stretch],
    reduction: u32,
    wanted: Wanted,
) -> Result<Option<Block>, RasterError> {
    let info = source.info();
    let range = |axis: usize, size: u32| block_range(stretches, axis, reduction, size);
    let (Some((col, cols)), Some((row, rows))) = (range(0, info.cols), range(1, info.rows)) else {
        return Ok(None);
    };
    let step = reduction as usize;
    let read = |index: usize, resampling: Option<ResampleAlg>| -> Result<Vec<f32>, RasterError> {
        let band = dataset.rasterband(index).map_err(RasterError::gdal(&source.path, "read"))?;
        let place = (col as isize * step as isize, row as isize * step as isize);
        let buffer = band
            .read_as::<f32>(place, (cols * step, rows * step), (cols, rows), resampling)
            .map_err(RasterError::gdal(&source.path, "read"))?;
        Ok(buffer.into_shape_and_vec().1)
    };
    let mean = (reduction > 1).then_some(ResampleAlg::Average);
    let valid = if info.has_mask {
        let band = dataset.rasterband(1).map_err(RasterError::gdal(&source.path, "read"))?;
        let mask = band.open_mask_band().map_err(RasterError::gdal(&source.path, "read"))?;
        let place = (col as isize * step as isize, row as isize * step as isize);
        let buffer = mask
            .read_as::<f32>(place, (cols * step, rows * step), (cols, rows), mean)
            .map_err(RasterError::gdal(&source.path, "read"))?;
        Some(buffer.into_shape_and_vec().1)
    } else {
        None
    };
    let colour = match &source.colours {
        Colours::Grey(band) => vec![read(*band, mean)?],
        Colours::Rgb(bands) => bands.iter().map(|band| read(*band, mean)).collect::<Result<_, _>>()?,
        Colours::Palette(band, palette) => {
            let indices = read(*band, None)?;
            let look_up = |channel: usize| {
                indices
                    .iter()
                    .map(|index| palette.get(*index as usize).map_or(0.0, |rgb| rgb[channel]))
                    .collect()
            };
            vec![look_up(0), look_up(1), look_up(2)]
        }
    };
    Ok(Some(Block {
        col: (col * step) as f64,
        row: (row * step) as f64,
        reduction: f64::from(reduction),
        cols,
        rows,
        bands: as_wanted(colour, wanted),
        valid,
    }))
}

/// First block and number of blocks that cover the stretches along an axis, within whole blocks of the
/// source.
fn block_range(stretches: &[Stretch], axis: usize, reduction: u32, size: u32) -> Option<(usize, usize)> {
    let step = f64::from(reduction);
    let ends =
        || stretches.iter().flat_map(|stretch| [stretch.first[axis], stretch.at(stretch.count - 1)[axis]]);
    let least = ends().fold(f64::INFINITY, f64::min);
    let most = ends().fold(f64::NEG_INFINITY, f64::max);
    let blocks = f64::from(size / reduction);
    let first = (least / step - 1.0).floor().clamp(0.0, blocks);
    let end = (most / step + 1.0).ceil().clamp(0.0, blocks);
    (end > first).then_some((first as usize, (end - first) as usize))
}

/// Luma of ITU-R BT.601, which keeps grey as it is.
fn as_wanted(colour: Vec<Vec<f32>>, wanted: Wanted) -> Vec<Vec<f32>> {
    match (wanted, colour.as_slice()) {
        (Wanted::Grey, [red, green, blue]) => {
            let luma = |((r, g), b): ((&f32, &f32), &f32)| 0.299 * r + 0.587 * g + 0.114 * b;
            vec![red.iter().zip(green).zip(blue).map(luma).collect()]
        }
        (Wanted::Rgb, [grey]) => vec![grey.clone(), grey.clone(), grey.clone()],
        _ => colour,
    }
}

impl Block {
    /// Writes the pixels of a stretch from `first` on: a plane of values for each band, and whether they are observed.
    fn read(&self, stretch: &Stretch, first: usize, values: &mut [f32], valid: &mut [bool]) {
        let pixels = valid.len();
        let bands = values.len() / pixels;
        let fast = self.shifted(stretch, first, values, valid);
        for index in (0..stretch.count).filter(|index| !fast.contains(index)) {
            let mut colour = [0.0; 3];
            if self.at(stretch.at(index), &mut colour[..bands]) {
                valid[first + index] = true;
                for (band, value) in colour[..bands].iter().enumerate() {
                    values[band * pixels + first + index] = *value;
                }
            }
        }
    }

    /// Writes those pixels of a stretch that lie as they do in a row of the block, but for one shift, and tells which they are.
    fn shifted(
        &self,
        stretch: &Stretch,
        first: usize,
        values: &mut [f32],
        valid: &mut [bool],
    ) -> Range<usize> {
        let [across, down] = stretch.step.map(|step| step / self.reduction);
        if ((across - 1.0).abs() + down.abs()) * stretch.count as f64 > SHARE_MIN {
            return 0..0;
        }
        let [col, row] = self.place(stretch.first);
        let Some((top, bottom, fy)) = neighbours(row, self.rows) else { return 0..0 };
        let begin = (-col).ceil().max(0.0);
        let Some((left, right, fx)) = neighbours(col + begin, self.cols) else { return 0..0 };
        let begin = begin as usize;
        let count = stretch.count.saturating_sub(begin).min(self.cols - right);
        let line = |row: usize, col: usize| row * self.cols + col..row * self.cols + col + count;
        let (pixels, at) = (valid.len(), first + begin);
        let seen = &mut valid[at..][..count];
        seen.fill(true);
        if let Some(mask) = &self.valid {
            for (row, col) in [(top, left), (top, right), (bottom, left), (bottom, right)] {
                for (seen, mask) in seen.iter_mut().zip(&mask[line(row, col)]) {
                    *seen &= *mask >= MASK_MIN;
                }
            }
        }
        for (band, values) in self.bands.iter().zip(values.chunks_exact_mut(pixels)) {
            let above = band[line(top, left)].iter().zip(&band[line(top, right)]);
            let below = band[line(bottom, left)].iter().zip(&band[line(bottom, right)]);
            let to = values[at..][..count].iter_mut().zip(seen.iter_mut());
            for (((a, b), (c, d)), (value, seen)) in above.zip(below).zip(to) {
                let (upper, lower) = (a + (b - a) * fx, c + (d - c) * fx);
                *value = upper + (lower - upper) * fy;
                *seen &= value.is_finite();
            }
        }
        for (index, _) in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
            for values in values.chunks_exact_mut(pixels) {
                values[at + index] = 0.0;
            }
        }
        begin..begin + count
    }

    /// A position of the source counted between the centres of the block's pixels.
    fn place(&self, [col, row]: [f64; 2]) -> [f64; 2] {
        [(col - self.col) / self.reduction - 0.5, (row - self.row) / self.reduction - 0.5]
    }

    /// The colour at a position of the source; `false` where any pixel that has a share is not observed.
    fn at(&self, position: [f64; 2], colour: &mut [f32]) -> bool {
        let [col, row] = self.place(position);
        let (Some((left, right, fx)), Some((top, bottom, fy))) =
            (neighbours(col, self.cols), neighbours(row, self.rows))
        else {
            return false;
        };
        let corners = [
            top * self.cols + left,
            top * self.cols + right,
            bottom * self.cols + left,
            bottom * self.cols + right,
        ];
        if self.valid.as_ref().is_some_and(|valid| corners.iter().any(|&corner| valid[corner] < MASK_MIN)) {
            return false;
        }
        for (value, band) in colour.iter_mut().zip(&self.bands) {
            let [a, b, c, d] = corners.map(|corner| band[corner]);
            let upper = a + (b - a) * fx;
            let lower = c + (d - c) * fx;
            *value = upper + (lower - upper) * fy;
        }
        colour.iter().all(|value| value.is_finite())
    }
}

/// The two pixels around a position counted between pixel centres, and the share of the second.
///
/// Half a pixel beyond the outer centres still belongs to the outer pixels; further out is nothing.
fn neighbours(at: f64, size: usize) -> Option<(usize, usize, f32)> {
    let last = size as f64 - 1.0;
    if at < -0.5 - SHARE_MIN || at > last + 0.5 + SHARE_MIN {
        return None;
    }
    let at = at.clamp(0.0, last);
    // Not negative, so that cutting off rounds down; a call of `floor` takes longer than all the rest.
    let first = at as usize;
    let share = at - first as f64;
    if share < SHARE_MIN {
        return Some((first, first, 0.0));
    }
    if share > 1.0 - SHARE_MIN {
        return Some((first + 1, first + 1, 0.0));
    }
    Some((first, first + 1, share as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_that_is_only_shifted_is_read_as_pixel_by_pixel() {
        let (rows, cols) = (4, 9);
        let band = |number: usize| -> Vec<f32> {
            (0..rows * cols).map(|at| ((at * (7 + number)) % 23) as f32).collect()
        };
        let mut bands = vec![band(0), band(1), band(2)];
        bands[1][2 * cols + 5] = f32::NAN;
        let mut mask = vec![255.0; rows * cols];
        mask[cols + 3] = 0.0;
        for reduction in [1.0, 2.0] {
            for mask in [None, Some(mask.clone())] {
                let block =
                    Block { col: 10.0, row: 20.0, reduction, cols, rows, bands: bands.clone(), valid: mask };
                for (col, row) in
                    [(12.5, 21.5), (12.7, 21.8), (9.6, 20.2), (3.2, 23.1), (40.0, 21.0), (12.0, 50.0)]
                {
                    let stretch = Stretch { first: [col, row], step: [reduction, 0.0], count: 12 };
                    let (mut values, mut valid) = (vec![0.0; 3 * 14], vec![false; 14]);
                    block.read(&stretch, 1, &mut values, &mut valid);
                    for index in 0..14 {
                        let mut colour = [0.0; 3];
                        let inside = (1..13).contains(&index);
                        let seen = inside && block.at(stretch.at(index.max(1) - 1), &mut colour);
                        let wanted = if seen { colour } else { [0.0; 3] };
                        let got = [values[index], values[14 + index], values[28 + index]];
                        assert_eq!((valid[index], got), (seen, wanted), "{col} {row} {index}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_centre_is_one_pixel_and_an_edge_is_shared() {
        assert_eq!(neighbours(2.0, 5), Some((2, 2, 0.0)));
        assert_eq!(neighbours(2.5, 5), Some((2, 3, 0.5)));
        assert_eq!(neighbours(-0.5, 5), Some((0, 0, 0.0)));
        assert_eq!(neighbours(-0.6, 5), None);
        assert_eq!(neighbours(4.6, 5), None);
    }
}
