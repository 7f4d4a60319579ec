//! Classical cues beside a detector's evidence: what became a bright compact thing, and where shadow fell.
//!
//! Both are made at half the resolution, where they cost a twentieth of a network, and told as signed changes: gain is
//! above [`NONE`], loss below.
//!
//! The building index follows the morphological building index (Huang and Zhang, "A multidirectional and multiscale
//! morphological index for automatic building extraction", Photogrammetric Engineering and Remote Sensing 77, 2011):
//! brightness less what is left of it when everything narrower than a building is opened away along lines in four
//! directions. Its profile is a sum of differences between neighbouring scales; with plain openings along lines these
//! cancel but for the first and the last scale.

use crate::{evidence::EvidenceMaps, pair::AlignedPair, raster::Raster};

/// The value of "nothing changed" in a signed map.
pub const NONE: u8 = 128;

/// Brightness that goes on for more than this along a line is no building, pixels of half the resolution.
const LONGEST_PX: usize = 41;
/// Specks shorter than this do not count, pixels of half the resolution.
const SHORTEST_PX: usize = 3;
/// Brightness (share of the display range) under which ground lies in shadow.
const SHADOW_BRIGHTNESS: f32 = 0.25;
/// How far from a structure its shadow is looked for, pixels of half the resolution.
const SHADOW_REACH_PX: usize = 5;

/// Fills `building_index_change` and `shadow_change` from a normalised pair.
pub(crate) fn cues(pair: &AlignedPair, seen: &[bool], maps: &mut EvidenceMaps) {
    let full = (maps.rows as usize, maps.cols as usize);
    let [before, after] = [pair.before(), pair.after()].map(|raster| Half::of(raster, seen));
    let index = [&before, &after].map(Half::building_index);
    let gain: Vec<f32> = index[1].iter().zip(&index[0]).map(|(after, before)| after - before).collect();
    enlarge(&gain, before.cols, full, seen, &mut maps.building_index_change);
    let [dark_before, dark_after] = [&before, &after].map(Half::darkness);
    let fallen: Vec<f32> =
        dark_after.iter().zip(&dark_before).map(|(after, before)| after - before).collect();
    let near = before.farthest_near(&fallen);
    enlarge(&near, before.cols, full, seen, &mut maps.shadow_change);
}

/// Share of the full range that a signed value stands for, -1 to 1.
pub(crate) fn signed(value: u8) -> f64 {
    (f64::from(value) - f64::from(NONE)) / 127.0
}

/// Brightness of one date, the largest of its bands, at half the resolution; 0 where nothing was seen.
struct Half {
    rows: usize,
    cols: usize,
    brightness: Vec<f32>,
}

impl Half {
    fn of(raster: &Raster, seen: &[bool]) -> Half {
        let (full_rows, full_cols) = (raster.grid().rows as usize, raster.grid().cols as usize);
        let (rows, cols) = (full_rows.div_ceil(2), full_cols.div_ceil(2));
        let brightest = |at: usize| {
            (0..raster.bands()).map(|band| raster.band(band)[at]).fold(0.0_f32, f32::max).min(1.0)
        };
        let mut brightness = Vec::with_capacity(rows * cols);
        for row in (0..full_rows).step_by(2) {
            for col in (0..full_cols).step_by(2) {
                let under = [(row, col), (row, col + 1), (row + 1, col), (row + 1, col + 1)];
                let inside = under.iter().filter(|(row, col)| *row < full_rows && *col < full_cols);
                let (sum, count) = inside
                    .map(|(row, col)| row * full_cols + col)
                    .filter(|at| seen[*at])
                    .fold((0.0, 0.0), |(sum, count), at| (sum + brightest(at), count + 1.0));
                brightness.push(if count > 0.0 { sum / count } else { 0.0 });
            }
        }
        Half { rows, cols, brightness }
    }

    /// 0 to 1: how much brighter a pixel is than what goes on around it, the mean over four directions.
    fn building_index(&self) -> Vec<f32> {
        let mut sum = vec![0.0; self.brightness.len()];
        for line in self.lines() {
            let along: Vec<f32> = line.places().map(|at| self.brightness[at]).collect();
            let (fine, coarse) = (opened(&along, SHORTEST_PX), opened(&along, LONGEST_PX));
            for ((at, fine), coarse) in line.places().zip(fine).zip(coarse) {
                sum[at] += (fine - coarse) / DIRECTIONS as f32;
            }
        }
        sum
    }

    /// 0 to 1: how deep in shadow, averaged over 3 x 3 pixels.
    fn darkness(&self) -> Vec<f32> {
        let depth: Vec<f32> =
            self.brightness.iter().map(|value| (1.0 - value / SHADOW_BRIGHTNESS).max(0.0)).collect();
        let mut mean = vec![0.0; depth.len()];
        for row in 0..self.rows {
            for col in 0..self.cols {
                let (top, bottom) = (row.saturating_sub(1), (row + 1).min(self.rows - 1));
                let (left, right) = (col.saturating_sub(1), (col + 1).min(self.cols - 1));
                let sum: f32 = (top..=bottom)
                    .map(|row| depth[row * self.cols + left..=row * self.cols + right].iter().sum::<f32>())
                    .sum();
                mean[row * self.cols + col] = sum / ((bottom - top + 1) * (right - left + 1)) as f32;
            }
        }
        mean
    }

    /// The value farthest from 0 within reach of each pixel, rows first, then columns.
    fn farthest_near(&self, values: &[f32]) -> Vec<f32> {
        let farther = |a: f32, b: f32| if b.abs() > a.abs() { b } else { a };
        let mut across = vec![0.0; values.len()];
        for (at, value) in across.iter_mut().enumerate() {
            let (row, col) = (at / self.cols, at % self.cols);
            let reach = col.saturating_sub(SHADOW_REACH_PX)..(col + SHADOW_REACH_PX + 1).min(self.cols);
            *value = reach.map(|col| values[row * self.cols + col]).fold(0.0, farther);
        }
        let mut near = vec![0.0; values.len()];
        for (at, value) in near.iter_mut().enumerate() {
            let (row, col) = (at / self.cols, at % self.cols);
            let reach = row.saturating_sub(SHADOW_REACH_PX)..(row + SHADOW_REACH_PX + 1).min(self.rows);
            *value = reach.map(|row| across[row * self.cols + col]).fold(0.0, farther);
        }
        near
    }

    /// Every row, column and diagonal.
    fn lines(&self) -> impl Iterator<Item = Line> + use<> {
        let (rows, cols) = (self.rows, self.cols);
        let line = move |row: usize, col: usize, step: isize, count: usize| Line {
            start: row * cols + col,
            step,
            count,
        };
        let falling =
            move |row: usize, col: usize| line(row, col, cols as isize + 1, (rows - row).min(cols - col));
        let rising =
            move |row: usize, col: usize| line(row, col, 1 - cols as isize, (row + 1).min(cols - col));
        (0..rows)
            .map(move |row| line(row, 0, 1, cols))
            .chain((0..cols).map(move |col| line(0, col, cols as isize, rows)))
            .chain((0..rows).map(move |row| falling(row, 0)))
            .chain((1..cols).map(move |col| falling(0, col)))
            .chain((0..rows).map(move |row| rising(row, 0)))
            .chain((1..cols).map(move |col| rising(rows - 1, col)))
    }
}

/// Number of directions of [`Half::lines`].
const DIRECTIONS: usize = 4;

/// Places in a raster, one step apart.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    step: isize,
    count: usize,
}

impl Line {
    fn places(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |at| self.start.wrapping_add_signed(at as isize * self.step))
    }
}

/// Opening along a line: brightness that does not go on for `length` pixels is taken down to its surroundings.
fn opened(values: &[f32], length: usize) -> Vec<f32> {
    let mut worn: Vec<f32> = values.to_vec();
    worn.reverse();
    let mut worn = extremes(&worn, length, f32::min);
    worn.reverse();
    extremes(&worn, length, f32::max)
}

/// The extreme of each value and those before it, `length` in all.
///
/// A run of `length` values is the end of one block of as many and the start of the next, and both extremes are kept
/// from one value to its neighbour: van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and
/// octagonal kernels", Pattern Recognition Letters 13, 1992.
fn extremes(values: &[f32], length: usize, extreme: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let (mut from_start, mut to_end) = (values.to_vec(), values.to_vec());
    for block in from_start.chunks_mut(length) {
        for at in 1..block.len() {
            block[at] = extreme(block[at - 1], block[at]);
        }
    }
    for block in to_end.chunks_mut(length) {
        for at in (1..block.len()).rev() {
            block[at - 1] = extreme(block[at], block[at - 1]);
        }
    }
    let place = |at: usize| match (at + 1).checked_sub(length) {
        Some(first) => extreme(to_end[first], from_start[at]),
        None => from_start[at],
    };
    (0..values.len()).map(place).collect()
}

/// Writes values -1 to 1 of half the resolution into a signed map; 0 where nothing was seen.
fn enlarge(values: &[f32], half_cols: usize, (rows, cols): (usize, usize), seen: &[bool], map: &mut [u8]) {
    for row in 0..rows {
        for col in 0..cols {
            let at = row * cols + col;
            let value = values[row / 2 * half_cols + col / 2].clamp(-1.0, 1.0);
            map[at] = if seen[at] { (f32::from(NONE) + 127.0 * value).round() as u8 } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;

    const SIDE: usize = 240;

    fn raster(value: impl Fn(usize, usize) -> f32) -> Raster {
        let values = (0..SIDE * SIDE).map(|at| value(at / SIDE, at % SIDE)).collect();
        Raster::new(Grid::pixels(SIDE as u32, SIDE as u32), 1, values, vec![true; SIDE * SIDE]).unwrap()
    }

    /// The cues where the ground is grey before, and as told after; at a place.
    fn cues_at(after: impl Fn(usize, usize) -> f32, row: usize, col: usize) -> (f64, f64) {
        let pair = AlignedPair::new(raster(|_, _| 0.4), raster(after)).unwrap();
        let mut maps = EvidenceMaps::empty(SIDE as u32, SIDE as u32);
        cues(&pair, &vec![true; SIDE * SIDE], &mut maps);
        let at = row * SIDE + col;
        (signed(maps.building_index_change[at]), signed(maps.shadow_change[at]))
    }

    fn hall(row: usize, col: usize) -> bool {
        (100..130).contains(&row) && (90..140).contains(&col)
    }

    #[test]
    fn a_bright_hall_gains_and_its_shadow_is_near() {
        let after = |row: usize, col: usize| match (
            hall(row, col),
            (130..136).contains(&row) && (90..140).contains(&col),
        ) {
            (true, _) => 0.9,
            (_, true) => 0.05,
            _ => 0.4,
        };
        let (index, shadow) = cues_at(after, 126, 110);
        assert!((index - 0.5).abs() < 0.02, "{index}");
        assert!(shadow > 0.6, "{shadow}");
        let (index, shadow) = cues_at(after, 30, 30);
        assert!(index.abs() < 0.01 && shadow.abs() < 0.01, "{index} {shadow}");
    }

    #[test]
    fn ground_that_became_brighter_all_over_is_no_building() {
        let (index, shadow) = cues_at(|_, _| 0.8, 120, 120);
        assert!(index.abs() < 0.01 && shadow.abs() < 0.01, "{index} {shadow}");
    }

    #[test]
    fn a_road_gains_less_than_a_hall() {
        let (road, _) = cues_at(|row, _| if (110..120).contains(&row) { 0.9 } else { 0.4 }, 114, 120);
        let (hall, _) = cues_at(|row, col| if hall(row, col) { 0.9 } else { 0.4 }, 114, 110);
        assert!(road < 0.8 * hall, "{road} {hall}");
    }

    #[test]
    fn an_opening_keeps_what_is_long_enough() {
        let values = [0.0, 5.0, 5.0, 0.0, 7.0, 7.0, 7.0, 1.0];
        assert_eq!(opened(&values, 3), [0.0, 0.0, 0.0, 0.0, 7.0, 7.0, 7.0, 1.0]);
        assert_eq!(opened(&values, 1), values);
    }
}
