//! Evidence from a network.

use rten_tensor::{NdTensor, prelude::*};

use crate::{
    card::LOOKS_MAX,
    evidence::{EvidenceMaps, cues::cues},
    model::{CHANNELS_IN, MAPS_OUT, Model, ModelError},
    pair::AlignedPair,
};

/// Pixels around a window that the network sees besides it; what it says of them is dropped.
pub const HALO_PX: u32 = 48;

/// How a network looks at a window, as often as its card says; the means of what it says are the evidence.
///
/// A second look from another side decides much of what lies near the threshold: what a window's place on the network's
/// own grid made likely or unlikely is not said twice. `training/tried.md` has the figures of other looks.
const LOOKS: [Look; LOOKS_MAX] = [Look::Upright, Look::Turned];

/// Where the first look says less than this of every pixel, the window is not looked at again: the mean of two looks
/// could not reach the evidence that a structure begins with ([`crate::objects::ObjectOptions::seed_min`]).
const NOTHING: f32 = 0.17;

/// The maps that tell a change come first: new, removed.
const CHANGE_MAPS: usize = 2;

/// A window as the network is shown it: as it is, or turned by half a turn.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    Upright,
    Turned,
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
    /// Rows and columns of what the network reads: the window, filled up to whole steps of the network.
    fn size(&self) -> (usize, usize) {
        (self.rows.next_multiple_of(self.multiple_px), self.cols.next_multiple_of(self.multiple_px))
    }

    /// The six bands that the network reads, the last row and column repeated to fill them.
    fn input(&self, pair: &AlignedPair, seen: &[bool]) -> NdTensor<f32, 4> {
        let (height, width) = self.size();
        let mut input = NdTensor::zeros([1, CHANNELS_IN, height, width]);
        let data = input.data_mut().expect("a tensor just made lies in one piece");
        for (channel, plane) in data.chunks_exact_mut(height * width).enumerate() {
            let raster = if channel < CHANNELS_IN / 2 { pair.before() } else { pair.after() };
            let band = raster.band(if raster.bands() == 1 { 0 } else { channel % (CHANNELS_IN / 2) });
            for (row, line) in plane.chunks_exact_mut(width).enumerate() {
                let start = row.min(self.rows - 1) * self.cols;
                for (col, shown) in line.iter_mut().enumerate() {
                    let at = start + col.min(self.cols - 1);
                    *shown = if seen[at] { band[at].clamp(0.0, 1.0) } else { 0.0 };
                }
            }
            if self.look == Look::Turned {
                plane.reverse();
            }
        }
        input
    }

    /// Adds what the network said to sums over the window, map by map.
    fn add(&self, output: &[f32], sums: &mut [f32]) {
        let (height, width) = self.size();
        let maps = output.chunks_exact(height * width).zip(sums.chunks_exact_mut(self.rows * self.cols));
        for (plane, sum) in maps {
            for (row, line) in sum.chunks_exact_mut(self.cols).enumerate() {
                let start = row * width;
                match self.look {
                    Look::Upright => add_all(line, plane[start..].iter()),
                    Look::Turned => add_all(line, plane[..plane.len() - start].iter().rev()),
                }
            }
        }
    }
}

/// Adds as many values as there are sums.
fn add_all<'a>(sums: &mut [f32], values: impl Iterator<Item = &'a f32>) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
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
