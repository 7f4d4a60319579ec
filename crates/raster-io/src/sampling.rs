//! Reads a window of the common grid out of one source.
//!
//! Positions come from the lattice. Where the source is finer it is first reduced (its coarsest overview that is
//! still as fine as the grid, then the mean of whole squares of that), and read bilinearly between the centres of what
//! is left, at four places for a pixel that is larger than those squares. How far is the same for all of a source, and
//! squares lie on fixed places of it, so that neighbouring windows fit without a seam. Pixels are read one by one and
//! averaged here: asked for fewer pixels than a window has, GDAL takes whole pixels of an overview, which lie elsewhere
//! for each window.

use std::ops::Range;

use gdal::Dataset;
use imagery_diff::{Displacement, Grid, Raster};

use crate::{
    RasterError,
    lattice::Lattice,
    source::{Colours, Piece, Source},
};

/// Share by which a source may be coarser than the grid and count as exactly so many times finer.
const ROUNDING: f64 = 1e-6;
/// Pixels of a source that are read at once to be averaged; a row of squares at the least.
const AT_ONCE_PX: usize = 1 << 21;
/// Squares to a pixel of the grid from which on it is the mean of four places between them: one alone would leave out
/// what lies between.
const MEAN_FROM: f64 = 1.05;
/// Larger values are no measurements: fill values that nothing declares.
const VALUE_MAX: f32 = 1e18;
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

/// How a source is reduced before it is read between its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reduction {
    /// Number of the overview that is read; all pixels where there is none.
    overview: Option<usize>,
    /// Size of what is read, columns and rows.
    size: [u32; 2],
    /// Side of the squares of its pixels that are averaged.
    square: usize,
    /// Source pixels to a square along each axis.
    step: [f64; 2],
    /// Half of the distance between the four places whose mean is a pixel of the grid, source pixels; 0 where squares
    /// are as large as those, and one place is enough.
    apart: f64,
}

/// A rectangle of the source, reduced.
struct Block {
    /// Its corner in the source, column and row.
    corner: [f64; 2],
    /// Source pixels to one of its pixels along each axis.
    step: [f64; 2],
    /// As of [`Reduction`].
    apart: f64,
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
    let reduction = Reduction::of(source, placed.step_px * lattice.finer());
    let block = source.with_dataset(|dataset| read_block(source, dataset, &stretches, &reduction, wanted))?;
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

impl Reduction {
    /// How a source that is so many times finer than what is wanted is reduced: never below what is wanted.
    fn of(source: &Source, finer: f64) -> Reduction {
        let finer = finer * (1.0 + ROUNDING);
        let whole = source.size();
        let scales = |size: [u32; 2]| [0, 1].map(|axis| f64::from(whole[axis]) / f64::from(size[axis]));
        let overviews = source.overviews.iter().enumerate().map(|(number, size)| (Some(number), *size));
        let (overview, size) = overviews
            .filter(|(_, size)| scales(*size).iter().all(|scale| *scale <= finer))
            .min_by_key(|(_, [cols, rows])| u64::from(*cols) * u64::from(*rows))
            .unwrap_or((None, whole));
        let scale = scales(size);
        let square = (finer / scale[0].max(scale[1])).floor().max(1.0);
        let step = scale.map(|scale| scale * square);
        let apart = if finer > MEAN_FROM * step[0].max(step[1]) { finer / 4.0 } else { 0.0 };
        Reduction { overview, size, square: square as usize, step, apart }
    }

    /// First square and number of squares that cover the stretches along an axis, within the whole ones of the source.
    fn range(&self, stretches: &[Stretch], axis: usize) -> Option<(usize, usize)> {
        let ends = || {
            stretches.iter().flat_map(|stretch| [stretch.first[axis], stretch.at(stretch.count - 1)[axis]])
        };
        let least = ends().fold(f64::INFINITY, f64::min);
        let most = ends().fold(f64::NEG_INFINITY, f64::max);
        let squares = (self.size[axis] as usize / self.square) as f64;
        let first = (least / self.step[axis] - 1.0).floor().clamp(0.0, squares);
        let end = (most / self.step[axis] + 1.0).ceil().clamp(0.0, squares);
        (end > first).then_some((first as usize, (end - first) as usize))
    }
}

fn read_block(
    source: &Source,
    dataset: &Dataset,
    stretches: &[Stretch],
    reduction: &Reduction,
    wanted: Wanted,
) -> Result<Option<Block>, RasterError> {
    let (Some((col, cols)), Some((row, rows))) =
        (reduction.range(stretches, 0), reduction.range(stretches, 1))
    else {
        return Ok(None);
    };
    let square = reduction.square;
    let planes = if matches!(source.colours, Colours::Grey(_)) { 1 } else { 3 };
    let mut colour = vec![Vec::with_capacity(rows * cols); planes];
    let mut valid = source.info().has_mask.then(|| Vec::with_capacity(rows * cols));
    let rows_at_once = (AT_ONCE_PX / (cols * square * square)).max(1);
    for first in (row..row + rows).step_by(rows_at_once) {
        let rows = rows_at_once.min(row + rows - first);
        let piece = Piece {
            overview: reduction.overview,
            place: ((col * square) as isize, (first * square) as isize),
            size: (cols * square, rows * square),
        };
        let mask = source.observed(dataset, piece)?;
        for (plane, read) in colour.iter_mut().zip(source.planes(dataset, piece)?) {
            average(read, mask.as_deref(), piece.size.0, square, plane);
        }
        if let (Some(valid), Some(mask)) = (&mut valid, mask) {
            average(mask.into_iter().map(f32::from).collect(), None, piece.size.0, square, valid);
        }
    }
    Ok(Some(Block {
        corner: [col as f64 * reduction.step[0], row as f64 * reduction.step[1]],
        step: reduction.step,
        apart: reduction.apart,
        cols,
        rows,
        bands: as_wanted(colour, wanted),
        valid,
    }))
}

/// Appends the means over squares of a piece `cols` wide; what is not observed has no share, and squares of which
/// nothing is are 0.
fn average(values: Vec<f32>, mask: Option<&[u8]>, cols: usize, square: usize, to: &mut Vec<f32>) {
    if square == 1 {
        to.extend_from_slice(&values);
        return;
    }
    let observed = |at: usize| mask.is_none_or(|mask| f32::from(mask[at]) >= MASK_MIN);
    for top in (0..values.len() / cols).step_by(square) {
        for left in (0..cols).step_by(square) {
            let rows = (top..top + square).map(|row| row * cols + left);
            let (sum, count) = rows
                .flat_map(|start| start..start + square)
                .filter(|at| observed(*at))
                .fold((0.0, 0.0_f32), |(sum, count), at| (sum + values[at], count + 1.0));
            to.push(sum / count.max(1.0));
        }
    }
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
            if self.around(stretch.at(index), &mut colour[..bands]) {
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
        let [across, down] = [0, 1].map(|axis| stretch.step[axis] / self.step[axis]);
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
                *seen &= is_measured(*value);
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
    fn place(&self, position: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| (position[axis] - self.corner[axis]) / self.step[axis] - 0.5)
    }

    /// The colour of a pixel of the grid around a position of the source; `false` where any of its places is not observed.
    fn around(&self, [col, row]: [f64; 2], colour: &mut [f32]) -> bool {
        if self.apart == 0.0 {
            return self.at([col, row], colour);
        }
        let mut sum = [0.0; 3];
        for (right, down) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
            if !self.at([col + right * self.apart, row + down * self.apart], colour) {
                return false;
            }
            sum.iter_mut().zip(&*colour).for_each(|(sum, value)| *sum += value / 4.0);
        }
        colour.copy_from_slice(&sum[..colour.len()]);
        true
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
        colour.iter().all(|value| is_measured(*value))
    }
}

/// Whether a value was measured: it is a number, and none that nobody measures.
pub(crate) fn is_measured(value: f32) -> bool {
    value.abs() <= VALUE_MAX
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
                let (corner, step) = ([10.0, 20.0], [reduction; 2]);
                let block = Block { corner, step, apart: 0.0, cols, rows, bands: bands.clone(), valid: mask };
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
