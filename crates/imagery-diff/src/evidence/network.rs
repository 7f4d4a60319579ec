//! Evidence from a network.

use rten_tensor::{NdTensor, prelude::*};

use crate::{
    card::LOOKS_MAX,
    evidence::{EvidenceMaps, cues::cues},
    model::{CHANNELS_IN, MAPS_OUT, Model, ModelError},
    pair::AlignedPair,
};

/// Pixels around a window that the network sees besides it; what it says of them is dropped.
pub const HALO_PX: u32 = 64;

/// How a network looks at a window, as often as its card says; the means of what it says are the evidence.
///
/// A second look from another side at another scale decides much of what lies near the threshold: what a window's
/// place on the network's own grid made likely or unlikely is not said twice. `training/tried.md` has the figures
/// of other looks.
const LOOKS: [Look; LOOKS_MAX] =
    [Look { enlarged: 1.0, turned: false }, Look { enlarged: 1.25, turned: true }];

/// Where the first look says less than this of every pixel, the window is not looked at again: the mean of two looks
/// could not reach the evidence that a structure begins with ([`crate::objects::ObjectOptions::seed_min`]).
const NOTHING: f32 = 0.17;

/// The maps that tell a change come first: new, removed.
const CHANGE_MAPS: usize = 2;

/// A window as the network is shown it: so many times enlarged, and by half a turn or not.
#[derive(Clone, Copy)]
struct Look {
    enlarged: f32,
    turned: bool,
}

/// Evidence of a window in [`crate::normalise::Normalisation::Display`].
///
/// Pixels that were not observed are shown to the network as black. A grey pair is shown as three equal
/// bands.
///
/// # Errors
/// When the network cannot be run.
pub fn network(pair: &AlignedPair, model: &Model) -> Result<EvidenceMaps, ModelError> {
    let grid = pair.grid();
    let seen: Vec<bool> = (0..grid.len()).map(|index| pair.both_valid(index)).collect();
    let mut sums = vec![0.0; MAPS_OUT * grid.len()];
    let (rows, cols) = (grid.rows as usize, grid.cols as usize);
    let mut looks = 0;
    for look in LOOKS.into_iter().take(model.looks()) {
        if looks > 0 && sums[..CHANGE_MAPS * grid.len()].iter().all(|said| *said < NOTHING) {
            break;
        }
        looks += 1;
        let shown = Shown { look, rows, cols, multiple_px: model.multiple_px() };
        let output = model.run(shown.input(pair, &seen).view())?;
        shown.add(output.data().expect("a network's result lies in one piece"), &mut sums);
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

/// A window of `rows` by `cols` pixels and how it is shown.
struct Shown {
    look: Look,
    rows: usize,
    cols: usize,
    multiple_px: usize,
}

impl Shown {
    /// Rows and columns of what the network reads: the window enlarged, filled up to whole steps of the network.
    fn size(&self) -> (usize, usize) {
        let side = |px: usize| (px as f32 * self.look.enlarged).ceil() as usize;
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
        let rows = between(height, 1.0 / self.look.enlarged, self.rows);
        let cols = between(width, 1.0 / self.look.enlarged, self.cols);
        for (channel, plane) in data.chunks_exact_mut(height * width).enumerate() {
            let raster = if channel < CHANNELS_IN / 2 { pair.before() } else { pair.after() };
            let band = raster.band(if raster.bands() == 1 { 0 } else { channel % (CHANNELS_IN / 2) });
            let dark: Vec<f32> = band
                .iter()
                .zip(seen)
                .map(|(value, seen)| if *seen { value.clamp(0.0, 1.0) } else { 0.0 })
                .collect();
            resample(&dark, self.cols, &rows, &cols, |at, value| plane[self.turned(at, plane.len())] = value);
        }
        input
    }

    /// Adds what the network said to sums over the window, map by map.
    fn add(&self, output: &[f32], sums: &mut [f32]) {
        let (height, width) = self.size();
        let rows = between(self.rows, self.look.enlarged, height);
        let cols = between(self.cols, self.look.enlarged, width);
        for (plane, sum) in
            output.chunks_exact(height * width).zip(sums.chunks_exact_mut(self.rows * self.cols))
        {
            let upright: Vec<f32> = (0..plane.len()).map(|at| plane[self.turned(at, plane.len())]).collect();
            resample(&upright, width, &rows, &cols, |at, value| sum[at] += value);
        }
    }

    /// Where a pixel of a plane of so many pixels is shown.
    fn turned(&self, at: usize, pixels: usize) -> usize {
        if self.look.turned { pixels - 1 - at } else { at }
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

/// Bilinear values of a plane of `width` columns at the given rows and columns, each given with its place.
fn resample(
    plane: &[f32],
    width: usize,
    rows: &[Between],
    cols: &[Between],
    mut give: impl FnMut(usize, f32),
) {
    for (row, &(upper, lower, down)) in rows.iter().enumerate() {
        let (upper, lower) = (&plane[upper * width..][..width], &plane[lower * width..][..width]);
        for (col, &(left, right, across)) in cols.iter().enumerate() {
            let above = upper[left] + (upper[right] - upper[left]) * across;
            let below = lower[left] + (lower[right] - lower[left]) * across;
            give(row * cols.len() + col, above + (below - above) * down);
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
    use crate::objects::ObjectOptions;

    #[test]
    fn no_window_is_left_in_which_a_second_look_could_find_a_structure() {
        let highest = (NOTHING + 1.0) / LOOKS_MAX as f32 * 255.0;
        assert!(highest < f32::from(ObjectOptions::default().seed_min));
    }
}
