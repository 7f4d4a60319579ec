//! Evidence without a network: the named baseline.
//!
//! Change vector analysis (Malila 1980) that tolerates a shift, times the direction in which edges became
//! denser or thinner. What is built has edges; bare ground and fields have few. It cannot tell a roof from
//! a paved yard with cars, which is why it is a baseline.

use crate::{
    evidence::{EDGE_DISTANCE_PX_MAX, EvidenceMaps, cues::cues, sigmoid},
    pair::AlignedPair,
    raster::Raster,
};

/// How the baseline turns differences into probabilities. Values are shares of the scene's contrast.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicalOptions {
    /// A pixel is compared with all pixels this far, so that a shift of as much is not a change.
    pub tolerance_px: usize,
    /// Change that is as likely real as not.
    pub change_middle: f32,
    /// Change from the middle that multiplies the odds by e.
    pub change_spread: f32,
    /// Radius of the square in which edges are counted, pixels.
    pub edge_radius_px: usize,
    /// Gain of edge density that multiplies the odds of "new" by e.
    pub edge_spread: f32,
    /// Radius of the square over which the probability is averaged, pixels.
    pub smooth_radius_px: usize,
}

impl Default for ClassicalOptions {
    fn default() -> ClassicalOptions {
        ClassicalOptions {
            tolerance_px: 2,
            change_middle: 0.2,
            change_spread: 0.03,
            edge_radius_px: 6,
            edge_spread: 0.008,
            smooth_radius_px: 2,
        }
    }
}

/// Pixels around a window that it is read with: as far as the distance to the edge is followed.
pub const HALO_PX: u32 = EDGE_DISTANCE_PX_MAX as u32;

/// Evidence of a window in [`crate::normalise::Normalisation::Contrast`]; pixels near its edge see less than
/// they want, so windows are read with [`HALO_PX`] more on every side.
pub fn classical(pair: &AlignedPair, options: &ClassicalOptions) -> EvidenceMaps {
    let grid = pair.grid();
    let (rows, cols) = (grid.rows as usize, grid.cols as usize);
    let seen = pair.all_both_valid();
    let change = change(pair, &seen, options);
    let before = edge_density(pair.before(), &seen, options.edge_radius_px);
    let after = edge_density(pair.after(), &seen, options.edge_radius_px);
    let mut new = vec![0.0; grid.len()];
    let mut removed = vec![0.0; grid.len()];
    for index in 0..grid.len() {
        if seen[index] {
            let changed = sigmoid((change[index] - options.change_middle) / options.change_spread);
            let built = sigmoid((after[index] - before[index]) / options.edge_spread);
            new[index] = changed * built;
            removed[index] = changed * (1.0 - built);
        }
    }
    let mut maps = EvidenceMaps::empty(grid.rows, grid.cols);
    maps.new = as_bytes(&box_mean(&new, &seen, rows, cols, options.smooth_radius_px));
    maps.removed = as_bytes(&box_mean(&removed, &seen, rows, cols, options.smooth_radius_px));
    maps.change = as_bytes(&change);
    cues(pair, &seen, &mut maps);
    maps
}

fn as_bytes(probabilities: &[f32]) -> Vec<u8> {
    probabilities.iter().map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8).collect()
}

/// Mean absolute difference over the bands, the least over all displacements within the tolerance, in both
/// directions: a pixel has changed if neither image has its colour near there.
fn change(pair: &AlignedPair, seen: &[bool], options: &ClassicalOptions) -> Vec<f32> {
    let (rows, cols) = (pair.grid().rows as usize, pair.grid().cols as usize);
    let forward = least_difference(pair.before(), pair.after(), seen, rows, cols, options.tolerance_px);
    let backward = least_difference(pair.after(), pair.before(), seen, rows, cols, options.tolerance_px);
    forward.iter().zip(&backward).map(|(a, b)| a.max(*b)).collect()
}

/// For each pixel of `of`, how far its colour is from the nearest colour of `among` within the tolerance.
fn least_difference(
    of: &Raster,
    among: &Raster,
    seen: &[bool],
    rows: usize,
    cols: usize,
    tolerance_px: usize,
) -> Vec<f32> {
    let bands = of.bands();
    let mut least = vec![f32::INFINITY; rows * cols];
    let reach = tolerance_px as isize;
    for down in -reach..=reach {
        for right in -reach..=reach {
            for row in 0..rows {
                let other_row = row as isize + down;
                if other_row < 0 || other_row >= rows as isize {
                    continue;
                }
                let first = (-right).max(0) as usize;
                let last = (cols as isize - right).clamp(0, cols as isize) as usize;
                for col in first..last {
                    let index = row * cols + col;
                    let other = other_row as usize * cols + (col as isize + right) as usize;
                    if !seen[index] || !seen[other] {
                        continue;
                    }
                    let mut sum = 0.0;
                    for band in 0..bands {
                        sum += (of.band(band)[index] - among.band(band)[other]).abs();
                    }
                    least[index] = least[index].min(sum / bands as f32);
                }
            }
        }
    }
    least.iter_mut().for_each(|value| {
        if !value.is_finite() {
            *value = 0.0;
        }
    });
    least
}

/// Mean gradient magnitude in a square around each pixel.
fn edge_density(raster: &Raster, seen: &[bool], radius: usize) -> Vec<f32> {
    let (rows, cols) = (raster.grid().rows as usize, raster.grid().cols as usize);
    let share = 1.0 / raster.bands() as f32;
    let grey: Vec<f32> = (0..rows * cols)
        .map(|at| (0..raster.bands()).map(|band| raster.band(band)[at]).sum::<f32>() * share)
        .collect();
    let mut magnitude = vec![0.0; rows * cols];
    for row in 1..rows.saturating_sub(1) {
        for col in 1..cols.saturating_sub(1) {
            let at = row * cols + col;
            if [at, at - 1, at + 1, at - cols, at + cols].iter().all(|&index| seen[index]) {
                let (right, down) = (grey[at + 1] - grey[at - 1], grey[at + cols] - grey[at - cols]);
                magnitude[at] = 0.5 * right.hypot(down);
            }
        }
    }
    box_mean(&magnitude, seen, rows, cols, radius)
}

/// Mean over the observed pixels of a square, by running sums along columns and rows.
pub(crate) fn box_mean(values: &[f32], seen: &[bool], rows: usize, cols: usize, radius: usize) -> Vec<f32> {
    let mut down = vec![(0.0_f32, 0.0_f32); rows * cols];
    for col in 0..cols {
        let mut sum = (0.0_f64, 0_u32);
        let get = |row: usize| {
            let at = row * cols + col;
            if seen[at] { (f64::from(values[at]), 1) } else { (0.0, 0) }
        };
        for row in 0..rows.min(radius) {
            let (value, count) = get(row);
            sum = (sum.0 + value, sum.1 + count);
        }
        for row in 0..rows {
            if row + radius < rows {
                let (value, count) = get(row + radius);
                sum = (sum.0 + value, sum.1 + count);
            }
            if row > radius {
                let (value, count) = get(row - radius - 1);
                sum = (sum.0 - value, sum.1 - count);
            }
            down[row * cols + col] = (sum.0 as f32, sum.1 as f32);
        }
    }
    let mut mean = vec![0.0; rows * cols];
    for row in 0..rows {
        let line = &down[row * cols..(row + 1) * cols];
        let mut sum = (0.0_f64, 0.0_f64);
        for &(value, count) in line.iter().take(radius) {
            sum = (sum.0 + f64::from(value), sum.1 + f64::from(count));
        }
        for col in 0..cols {
            if let Some(&(value, count)) = line.get(col + radius) {
                sum = (sum.0 + f64::from(value), sum.1 + f64::from(count));
            }
            if col > radius {
                let (value, count) = line[col - radius - 1];
                sum = (sum.0 - f64::from(value), sum.1 - f64::from(count));
            }
            if seen[row * cols + col] && sum.1 > 0.0 {
                mean[row * cols + col] = (sum.0 / sum.1).max(0.0) as f32;
            }
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_mean_is_the_plain_mean() {
        let (rows, cols) = (7, 9);
        let values: Vec<f32> = (0..rows * cols).map(|at| ((at * 37) % 11) as f32).collect();
        let seen: Vec<bool> = (0..rows * cols).map(|at| at % 5 != 0).collect();
        let fast = box_mean(&values, &seen, rows, cols, 2);
        for row in 0..rows {
            for col in 0..cols {
                let near = (0..rows * cols).filter(|&at| {
                    seen[at] && (at / cols).abs_diff(row) <= 2 && (at % cols).abs_diff(col) <= 2
                });
                let (sum, count) = near.fold((0.0, 0.0), |(sum, count), at| (sum + values[at], count + 1.0));
                let wanted = if seen[row * cols + col] { sum / count } else { 0.0 };
                assert!((fast[row * cols + col] - wanted).abs() < 1e-4);
            }
        }
    }
}
