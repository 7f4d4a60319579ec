//! Evidence from a network.

use rten_tensor::{NdTensor, prelude::*};

use crate::{
    evidence::{EvidenceMaps, cues::cues},
    model::{CHANNELS_IN, MAPS_OUT, Model, ModelError},
    pair::AlignedPair,
};

/// Pixels around a window that the network sees besides it; what it says of them is dropped.
pub const HALO_PX: u32 = 48;

/// Where the first look says less than this of every pixel, the window is not looked at again: the mean of two looks
/// could not reach the evidence that a structure begins with ([`crate::objects::ObjectOptions::seed_min`]).
const NOTHING: f32 = 0.17;

/// The maps that tell a change come first: new, removed.
const CHANGE_MAPS: usize = 2;

/// Evidence of a window in [`crate::normalise::Normalisation::Display`].
///
/// Pixels that were not observed are shown to the network as black. A grey pair is shown as three equal
/// bands.
///
/// The network looks as often as its card says; the mean of what it says is the evidence. A second look from another side at
/// another scale decides much of what lies near the threshold: what a window's place on the network's own grid made likely or
/// unlikely is not said twice. `training/tried.md` has the figures of other looks.
///
/// # Errors
/// When the network cannot be run.
pub fn network(pair: &AlignedPair, model: &Model) -> Result<EvidenceMaps, ModelError> {
    let grid = pair.grid();
    let seen: Vec<bool> = (0..grid.len()).map(|index| pair.both_valid(index)).collect();
    let mut sums = vec![0.0; MAPS_OUT * grid.len()];
    let (rows, cols) = (grid.rows as usize, grid.cols as usize);
    let mut looks = 0;
    for &enlarged in model.looks() {
        if looks > 0 && sums[..CHANGE_MAPS * grid.len()].iter().all(|said| *said < NOTHING) {
            break;
        }
        let turned = looks % 2 == 1;
        looks += 1;
        let shown = Shown { enlarged, turned, rows, cols, multiple_px: model.multiple_px() };
        let mut output = model.run(shown.input(pair, &seen).view())?;
        shown.add(output.data_mut().expect("a network's result lies in one piece"), &mut sums);
    }
    let mut maps = EvidenceMaps::empty(grid.rows, grid.cols);
    let [new, removed, before, after, boundary, change, ..] = maps.layers_mut();
    let said = [new, removed, before, after, boundary];
    for (map, sum) in said.into_iter().zip(sums.chunks_exact(grid.len())) {
        for (byte, probability) in map.iter_mut().zip(sum) {
            *byte = (probability / looks as f32 * 255.0).round().clamp(0.0, 255.0) as u8;
        }
    }
    difference(pair, &seen, change);
    cues(pair, &seen, &mut maps);
    Ok(maps)
}

/// A window of `rows` by `cols` pixels and how it is shown: so many times enlarged, and turned by half a turn or not.
struct Shown {
    enlarged: f32,
    turned: bool,
    rows: usize,
    cols: usize,
    multiple_px: usize,
}

impl Shown {
    /// Rows and columns of what the network reads: the window enlarged, filled up to whole steps of the network.
    fn size(&self) -> (usize, usize) {
        let side = |px: usize| (px as f32 * self.enlarged).ceil() as usize;
        (
            side(self.rows).next_multiple_of(self.multiple_px),
            side(self.cols).next_multiple_of(self.multiple_px),
        )
    }

    /// The six bands that the network reads, the last row and column repeated to fill them.
    fn input(&self, pair: &AlignedPair, seen: &[bool]) -> NdTensor<f32, 4> {
        let (height, width) = self.size();
        let mut input = NdTensor::zeros([1, CHANNELS_IN, height, width]);
        let data = input.data_mut().expect("a tensor just made lies in one piece");
        let rows = between(height, 1.0 / self.enlarged, self.rows);
        let cols = between(width, 1.0 / self.enlarged, self.cols);
        let mut dark = vec![0.0; seen.len()];
        for (channel, plane) in data.chunks_exact_mut(height * width).enumerate() {
            let raster = if channel < CHANNELS_IN / 2 { pair.before() } else { pair.after() };
            let band = raster.band(if raster.bands() == 1 { 0 } else { channel % (CHANNELS_IN / 2) });
            for ((dark, value), seen) in dark.iter_mut().zip(band).zip(seen) {
                *dark = if *seen { value.clamp(0.0, 1.0) } else { 0.0 };
            }
            let lines = plane.chunks_exact_mut(width);
            resample(&dark, self.cols, &rows, &cols, lines, |to, value| *to = value);
            if self.turned {
                plane.reverse();
            }
        }
        input
    }

    /// Adds what the network said to sums over the window, map by map.
    fn add(&self, output: &mut [f32], sums: &mut [f32]) {
        let (height, width) = self.size();
        let rows = between(self.rows, self.enlarged, height);
        let cols = between(self.cols, self.enlarged, width);
        let maps = output.chunks_exact_mut(height * width).zip(sums.chunks_exact_mut(self.rows * self.cols));
        for (plane, sums) in maps {
            if self.turned {
                plane.reverse();
            }
            let lines = sums.chunks_exact_mut(self.cols);
            resample(plane, width, &rows, &cols, lines, |sum, value| *sum += value);
        }
    }
}

/// Two neighbouring rows or columns, and the share of the second.
type Between = (usize, usize, f32);

/// For each of `count` pixel centres, spaced `step` source pixels, the source pixels on both sides of it, the last
/// one again beyond the end.
fn between(count: usize, step: f32, source: usize) -> Vec<Between> {
    (0..count)
        .map(|at| {
            let place = ((at as f32 + 0.5) * step - 0.5).clamp(0.0, (source - 1) as f32);
            let first = place as usize;
            (first, (first + 1).min(source - 1), place - first as f32)
        })
        .collect()
}

/// Bilinear values of a plane of `width` columns at the given rows and columns, each given to its place in `lines`.
fn resample<'a>(
    plane: &[f32],
    width: usize,
    rows: &[Between],
    cols: &[Between],
    lines: impl Iterator<Item = &'a mut [f32]>,
    give: impl Fn(&mut f32, f32),
) {
    let mut line = vec![0.0; width];
    for (to, &(upper, lower, down)) in lines.zip(rows) {
        let (upper, lower) = (&plane[upper * width..][..width], &plane[lower * width..][..width]);
        for ((value, above), below) in line.iter_mut().zip(upper).zip(lower) {
            *value = above + (below - above) * down;
        }
        for (to, &(left, right, across)) in to.iter_mut().zip(cols) {
            give(to, line[left] + (line[right] - line[left]) * across);
        }
    }
}

/// Mean absolute difference over the bands.
fn difference(pair: &AlignedPair, seen: &[bool], change: &mut [u8]) {
    let bands = pair.before().bands();
    for (at, byte) in change.iter_mut().enumerate().filter(|(at, _)| seen[*at]) {
        let apart = (0..bands)
            .map(|band| (pair.before().band(band)[at] - pair.after().band(band)[at]).abs())
            .sum::<f32>();
        *byte = (apart / bands as f32 * 255.0).round().clamp(0.0, 255.0) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{card::LOOKS_MAX, grid::Grid, objects::ObjectOptions, raster::Raster};

    #[test]
    fn what_a_network_says_of_a_look_is_read_at_its_place() {
        let (rows, cols) = (37, 50);
        // A slope, which resampling keeps.
        let slope = |at: usize| ((at / cols) as f32 * 0.01 + (at % cols) as f32 * 0.008) * 0.9;
        let raster = || {
            let values = (0..rows * cols).map(slope).collect();
            Raster::new(Grid::pixels(rows as u32, cols as u32), 1, values, vec![true; rows * cols]).unwrap()
        };
        let pair = AlignedPair::new(raster(), raster()).unwrap();
        for (enlarged, turned) in [(1.0, false), (1.0, true), (1.25, true), (2.0, false)] {
            let shown = Shown { enlarged, turned, rows, cols, multiple_px: 16 };
            let mut said = shown.input(&pair, &vec![true; rows * cols]).into_data();
            let mut sums = vec![0.0; MAPS_OUT * rows * cols];
            shown.add(&mut said, &mut sums);
            for (at, sum) in sums.iter().enumerate() {
                let (wanted, at_edge) = (slope(at % (rows * cols)), enlarged != 1.0);
                assert!((sum - wanted).abs() < if at_edge { 0.01 } else { 1e-6 }, "{enlarged} {turned} {at}");
            }
        }
    }

    #[test]
    fn no_window_is_left_in_which_a_second_look_could_find_a_structure() {
        let highest = (NOTHING + 1.0) / LOOKS_MAX as f32 * 255.0;
        assert!(highest < f32::from(ObjectOptions::default().seed_min));
    }
}
