//! Evidence from a network.

use rten_tensor::{NdTensor, prelude::*};

use crate::{
    evidence::{EvidenceMaps, cues::cues},
    grid::{Grid, Window},
    model::{CHANNELS_IN, MAPS_OUT, Model, ModelError},
    pair::AlignedPair,
};

/// Pixels around a window that the network sees besides it; what it says of them is dropped.
pub const HALO_PX: u32 = 48;

/// Pixels of which the first look says less than this are not looked at again: the mean of two looks could not reach the
/// evidence that a structure begins with ([`crate::objects::ObjectOptions::seed_min`]).
const NOTHING: f32 = 0.17;

/// Pixels around those that are looked at again with them.
const AROUND_PX: u32 = 16;

/// An unobserved strip along an edge up to so wide, pixels, is shown as the observed pixels next to it: a displaced image
/// leaves such strips, and a black one beside a structure changes what the network says of it.
const STRIP_PX_MAX: usize = 32;

/// The maps that tell a change come first: new, removed.
const CHANGE_MAPS: usize = 2;

/// Evidence of a window in [`crate::normalise::Normalisation::Display`].
///
/// Pixels that were not observed are shown to the network as black, but for narrow strips at the edges. A grey pair is
/// shown as three equal bands.
///
/// The network looks as often as its card says, from the second time on only at where it saw something; the mean of what it says
/// is the evidence. A second look from another side at another scale decides much of what lies near the threshold: what a window's
/// place on the network's own grid made likely or unlikely is not said twice. `training/tried.md` has the figures of other looks.
///
/// # Errors
/// When the network cannot be run.
pub fn network(pair: &AlignedPair, model: &Model) -> Result<EvidenceMaps, ModelError> {
    let grid = pair.grid();
    let seen = pair.all_both_valid();
    let planes = planes(pair, &seen);
    let mut said = vec![0.0; MAPS_OUT * grid.len()];
    for (number, &enlarged) in model.looks().iter().enumerate() {
        let change = &said[..CHANGE_MAPS * grid.len()];
        let Some(told) = (if number == 0 { Some(grid.window()) } else { of_interest(change, grid) }) else {
            break;
        };
        let shown = Shown {
            enlarged,
            turned: number % 2 == 1,
            window: told.grown(HALO_PX, grid.rows, grid.cols),
            multiple_px: model.multiple_px(),
        };
        let mut output = model.run(shown.input(&planes, grid).view())?;
        let output = output.data_mut().expect("a network's result lies in one piece");
        shown.tell(output, told, 1.0 / (number + 1) as f32, grid, &mut said);
    }
    let mut maps = EvidenceMaps::empty(grid.rows, grid.cols);
    let [new, removed, before, after, boundary, change, ..] = maps.layers_mut();
    for (map, said) in [new, removed, before, after, boundary].into_iter().zip(said.chunks_exact(grid.len()))
    {
        for (byte, probability) in map.iter_mut().zip(said) {
            *byte = byte_of(*probability);
        }
    }
    // Where nothing was seen nobody will ask for the cues.
    if of_interest(&said[..CHANGE_MAPS * grid.len()], grid).is_some() {
        difference(pair, &seen, change);
        cues(pair, &seen, &mut maps);
    }
    Ok(maps)
}

/// The smallest window around all pixels of which maps of change say more than [`NOTHING`], with [`AROUND_PX`] around it.
fn of_interest(change: &[f32], grid: &Grid) -> Option<Window> {
    let cols = grid.cols as usize;
    let mut found: Option<[usize; 4]> = None;
    for (number, line) in change.chunks_exact(cols).enumerate() {
        let speaks = |value: &f32| *value >= NOTHING;
        let Some(left) = line.iter().position(speaks) else { continue };
        let right = line.iter().rposition(speaks).unwrap_or(left);
        let row = number % grid.rows as usize;
        let [top, bottom, first, last] = found.unwrap_or([row, row, left, right]);
        found = Some([top.min(row), bottom.max(row), first.min(left), last.max(right)]);
    }
    found.map(|[top, bottom, left, right]| {
        let window = Window {
            row: top as u32,
            col: left as u32,
            rows: (bottom - top + 1) as u32,
            cols: (right - left + 1) as u32,
        };
        window.grown(AROUND_PX, grid.rows, grid.cols)
    })
}

/// A part of a pair and how it is shown: so many times enlarged, and turned by half a turn or not.
struct Shown {
    enlarged: f32,
    turned: bool,
    window: Window,
    multiple_px: usize,
}

impl Shown {
    /// Rows and columns of what the network reads: the window enlarged, filled up to whole steps of the network.
    fn size(&self) -> (usize, usize) {
        let side = |px: u32| ((px as f32 * self.enlarged).ceil() as usize).next_multiple_of(self.multiple_px);
        (side(self.window.rows), side(self.window.cols))
    }

    /// The part of the planes of a pair on a grid that the network reads, the last row and column repeated to fill them.
    fn input(&self, planes: &[f32], grid: &Grid) -> NdTensor<f32, 4> {
        let (height, width) = self.size();
        let mut input = NdTensor::zeros([1, CHANNELS_IN, height, width]);
        let data = input.data_mut().expect("a tensor just made lies in one piece");
        let down = between(height, 1.0 / self.enlarged, self.window.row, self.window.rows);
        let across = between(width, 1.0 / self.enlarged, self.window.col, self.window.cols);
        for (part, plane) in data.chunks_exact_mut(height * width).zip(planes.chunks_exact(grid.len())) {
            let lines = part.chunks_exact_mut(width);
            resample(plane, grid.cols as usize, &down, &across, lines, |to, value| *to = value);
            if self.turned {
                part.reverse();
            }
        }
        input
    }

    /// Moves maps of the whole pair by `share` towards what the network said of a part, `told`, of the window.
    fn tell(&self, output: &mut [f32], told: Window, share: f32, grid: &Grid, said: &mut [f32]) {
        let (height, width) = self.size();
        let window = self.window;
        let down = between(window.rows as usize, self.enlarged, 0, height as u32);
        let across = between(window.cols as usize, self.enlarged, 0, width as u32);
        let down = &down[(told.row - window.row) as usize..][..told.rows as usize];
        let across = &across[(told.col - window.col) as usize..][..told.cols as usize];
        for (plane, said) in output.chunks_exact_mut(height * width).zip(said.chunks_exact_mut(grid.len())) {
            if self.turned {
                plane.reverse();
            }
            let lines = said.chunks_exact_mut(grid.cols as usize).skip(told.row as usize);
            let lines = lines.map(|line| &mut line[told.col as usize..][..told.cols as usize]);
            resample(plane, width, down, across, lines, |said, value| *said += (value - *said) * share);
        }
    }
}

/// What a network is shown of a pair: three bands of each date, 0 to 1.
fn planes(pair: &AlignedPair, seen: &[bool]) -> Vec<f32> {
    let mut planes = vec![0.0; CHANNELS_IN * seen.len()];
    for (channel, plane) in planes.chunks_exact_mut(seen.len()).enumerate() {
        let raster = if channel < CHANNELS_IN / 2 { pair.before() } else { pair.after() };
        let band = raster.band(if raster.bands() == 1 { 0 } else { channel % (CHANNELS_IN / 2) });
        for (shown, (value, seen)) in plane.iter_mut().zip(band.iter().zip(seen)) {
            *shown = if *seen { value.clamp(0.0, 1.0) } else { 0.0 };
        }
        repeat_into_strips(plane, seen, pair.grid().cols as usize);
    }
    planes
}

/// Repeats the outermost observed pixels of a plane of `cols` columns into narrow strips at its edges that were not observed.
fn repeat_into_strips(plane: &mut [f32], seen: &[bool], cols: usize) {
    for (line, seen) in plane.chunks_exact_mut(cols).zip(seen.chunks_exact(cols)) {
        let (left, right) = unseen_ends(seen.iter().copied());
        let (first, last) = (line[left], line[cols - 1 - right]);
        line[..left].fill(first);
        line[cols - right..].fill(last);
    }
    let rows = seen.len() / cols;
    let (upper, lower) = unseen_ends(seen.chunks_exact(cols).map(|line| line.contains(&true)));
    for row in 0..upper {
        plane.copy_within(upper * cols..(upper + 1) * cols, row * cols);
    }
    for row in rows - lower..rows {
        plane.copy_within((rows - lower - 1) * cols..(rows - lower) * cols, row * cols);
    }
}

/// How many at the beginning and at the end were not observed, where those are no more than [`STRIP_PX_MAX`]; else 0.
fn unseen_ends(seen: impl DoubleEndedIterator<Item = bool> + ExactSizeIterator + Clone) -> (usize, usize) {
    let unseen = |first: Option<usize>| first.filter(|unseen| *unseen <= STRIP_PX_MAX).unwrap_or(0);
    (unseen(seen.clone().position(|seen| seen)), unseen(seen.rev().position(|seen| seen)))
}

/// Two neighbouring rows or columns, and the share of the second.
type Between = (usize, usize, f32);

/// For each of `count` pixel centres, spaced `step` source pixels from the one at `start` on, the source pixels on both
/// sides of it, the last of `source` pixels again beyond the end.
fn between(count: usize, step: f32, start: u32, source: u32) -> Vec<Between> {
    let (start, last) = (start as usize, source as usize - 1);
    (0..count)
        .map(|at| {
            let place = ((at as f32 + 0.5) * step - 0.5).clamp(0.0, last as f32);
            let first = place as usize;
            (start + first, start + (first + 1).min(last), place - first as f32)
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
    let (Some(&(first, ..)), Some(&(_, last, _))) = (cols.first(), cols.last()) else { return };
    let mut line = vec![0.0; last + 1 - first];
    let as_they_lie = cols.iter().zip(first..).all(|(&(left, _, across), at)| left == at && across == 0.0);
    for (to, &(upper, lower, down)) in lines.zip(rows) {
        let (upper, lower) = (&plane[upper * width..][first..=last], &plane[lower * width..][first..=last]);
        let line = if down == 0.0 {
            upper
        } else {
            for ((value, above), below) in line.iter_mut().zip(upper).zip(lower) {
                *value = above + (below - above) * down;
            }
            &line
        };
        if as_they_lie {
            for (to, value) in to.iter_mut().zip(line) {
                give(to, *value);
            }
            continue;
        }
        for (to, &(left, right, across)) in to.iter_mut().zip(cols) {
            let (left, right) = (line[left - first], line[right - first]);
            give(to, left + (right - left) * across);
        }
    }
}

/// A share as a byte, rounded: what lies outside 0 to 1 is cut off there.
fn byte_of(share: f32) -> u8 {
    (share * 255.0 + 0.5) as u8
}

/// Mean absolute difference over the bands.
fn difference(pair: &AlignedPair, seen: &[bool], change: &mut [u8]) {
    let bands = pair.before().bands();
    for (at, byte) in change.iter_mut().enumerate().filter(|(at, _)| seen[*at]) {
        let apart = (0..bands)
            .map(|band| (pair.before().band(band)[at] - pair.after().band(band)[at]).abs())
            .sum::<f32>();
        *byte = byte_of(apart / bands as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{blobs::BlobOptions, card::LOOKS_MAX, grid::Grid, objects::ObjectOptions, raster::Raster};

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
        let planes = planes(&pair, &vec![true; rows * cols]);
        for (enlarged, turned) in [(1.0, false), (1.0, true), (1.25, true), (2.0, false)] {
            for window in [pair.grid().window(), Window { row: 5, col: 9, rows: 29, cols: 31 }] {
                let shown = Shown { enlarged, turned, window, multiple_px: 16 };
                let mut output = shown.input(&planes, pair.grid()).into_data();
                let told = Window { row: window.row + 1, rows: window.rows - 1, ..window };
                let mut said = vec![-1.0; MAPS_OUT * rows * cols];
                shown.tell(&mut output, told, 1.0, pair.grid(), &mut said);
                for (at, said) in said.iter().enumerate().map(|(at, said)| (at % (rows * cols), said)) {
                    let (row, col) = ((at / cols) as u32, (at % cols) as u32);
                    let inside = (told.row..told.row + told.rows).contains(&row)
                        && (told.col..told.col + told.cols).contains(&col);
                    let wanted = if inside { slope(at) } else { -1.0 };
                    let off = if enlarged == 1.0 { 1e-6 } else { 0.01 };
                    assert!((said - wanted).abs() < off, "{enlarged} {turned} {window:?} {at}");
                }
            }
        }
    }

    #[test]
    fn a_narrow_strip_at_an_edge_is_shown_as_what_is_beside_it() {
        let (rows, cols) = (80, 96);
        let raster = |valid: Vec<bool>| {
            let values = (0..rows * cols).map(|at| (at % 7) as f32 * 0.1 + 0.2).collect();
            Raster::new(Grid::pixels(rows as u32, cols as u32), 1, values, valid).unwrap()
        };
        let show = |observed: &dyn Fn(usize, usize) -> bool| {
            let seen: Vec<bool> = (0..rows * cols).map(|at| observed(at / cols, at % cols)).collect();
            let pair = AlignedPair::new(raster(vec![true; rows * cols]), raster(seen.clone())).unwrap();
            planes(&pair, &seen)
        };
        let narrow = show(&|row, col| row >= 3 && col < cols - 2);
        assert_eq!(narrow[..cols - 2], narrow[3 * cols..4 * cols - 2]);
        assert_eq!(narrow[5 * cols - 1], narrow[5 * cols - 3]);
        assert!(narrow.iter().all(|value| *value > 0.0));
        let wide = show(&|_, col| col > STRIP_PX_MAX);
        assert!(wide[..=STRIP_PX_MAX].iter().all(|value| *value == 0.0));
        let hole = show(&|row, col| (row, col) != (40, 40));
        assert_eq!(hole[40 * cols + 40], 0.0);
    }

    #[test]
    fn what_is_looked_at_again_holds_all_that_was_seen() {
        let grid = Grid::pixels(100, 120);
        let mut change = vec![NOTHING / 2.0; CHANGE_MAPS * grid.len()];
        assert_eq!(of_interest(&change, &grid), None);
        change[40 * 120 + 70] = NOTHING;
        change[grid.len() + 44 * 120 + 5] = 1.0;
        let wanted = Window { row: 24, col: 0, rows: 37, cols: 87 };
        assert_eq!(of_interest(&change, &grid), Some(wanted));
    }

    #[test]
    fn no_pixel_is_left_out_in_which_a_second_look_could_find_a_structure() {
        let highest = (NOTHING + 1.0) / LOOKS_MAX as f32 * 255.0;
        assert!(highest < f32::from(ObjectOptions::default().seed_min));
        // Nor is it part of a patch, of which the cues are asked.
        assert!(NOTHING * 255.0 < f32::from(BlobOptions::default().strength_min));
    }
}
