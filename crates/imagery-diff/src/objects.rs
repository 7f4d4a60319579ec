//! Splits a patch into structures.
//!
//! Neighbouring roofs often touch in the evidence. Seeds are the pixels of which the detector is sure, less
//! where it sees a boundary between buildings, parted where the evidence sinks between two of its peaks; from the seeds, basins grow
//! downhill in the evidence and stop where they meet (watershed by flooding, Vincent and Soille 1991, seeds as in the winning entries of
//! SpaceNet 7). Basins that are parts of one structure are joined again ([`crate::partition`]). A part of a patch without a seed is no
//! structure: that is hysteresis (Canny 1986).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use crate::{
    blobs::Patch,
    candidate::Change,
    evidence::EvidenceMaps,
    grid::Window,
    partition::{Joined, Partition},
};

/// What makes a structure.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectOptions {
    /// Evidence, boundary taken off, from which on a pixel is a seed, 0 to 255.
    pub seed_min: u8,
    /// Evidence down to which a structure grows, 0 to 255.
    pub grow_min: u8,
    /// Share of the boundary evidence that is taken off, 0 to 1.
    pub boundary_share: f32,
    /// How far the evidence sinks between two peaks that are seeds of their own, of a detector that knows boundaries.
    pub dip_min: u8,
    /// Fewest pixels of a seed.
    pub seed_px_min: usize,
    /// Fewest pixels of a structure.
    pub object_px_min: usize,
    /// Holes of fewer pixels are filled.
    pub hole_px_min: usize,
    /// Mean evidence for a building on both dates from which on a structure was altered, 0 to 255.
    pub altered_min: f32,
}

impl Default for ObjectOptions {
    fn default() -> ObjectOptions {
        ObjectOptions {
            seed_min: 150,
            grow_min: 115,
            boundary_share: 0.7,
            dip_min: 12,
            seed_px_min: 8,
            object_px_min: 24,
            hole_px_min: 24,
            altered_min: 150.0,
        }
    }
}

/// One structure: 4-connected pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bounding box in the grid.
    pub window: Window,
    /// Which pixels of the box are its own, row-major.
    pub mask: Vec<bool>,
    /// What happened to it.
    pub change: Change,
}

const NONE: u32 = u32::MAX;

/// Finds the structures of a patch, in the order of their first seed pixel.
pub fn objects(patch: &Patch, options: &ObjectOptions) -> Vec<Object> {
    let field = Field::of(&patch.maps, options);
    let (mut labels, count) = field.seeds(options);
    if count == 0 {
        return Vec::new();
    }
    field.flood(&mut labels, options);
    if field.knows_boundaries {
        field.join(&mut labels, count);
    }
    let mut pixels = vec![Vec::new(); count as usize];
    for (at, label) in labels.iter().enumerate().filter(|(_, label)| **label != NONE) {
        pixels[*label as usize].push(at);
    }
    pixels.iter().filter_map(|own| object(patch, own, options)).collect()
}

/// The evidence as a relief: `height` is high where a structure is sure.
struct Field<'a> {
    maps: &'a EvidenceMaps,
    cols: usize,
    rows: usize,
    height: Vec<u8>,
    /// Whether the detector says anything about boundaries: one that does not gives no ground to part what it says is one.
    knows_boundaries: bool,
}

impl<'a> Field<'a> {
    fn of(maps: &'a EvidenceMaps, options: &ObjectOptions) -> Field<'a> {
        let height = (0..maps.new.len())
            .map(|at| {
                let taken = f32::from(maps.boundary[at]) * options.boundary_share;
                (f32::from(maps.strength(at)) - taken).max(0.0) as u8
            })
            .collect();
        let knows_boundaries = maps.boundary.iter().any(|boundary| *boundary > 0);
        Field { maps, cols: maps.cols as usize, rows: maps.rows as usize, height, knows_boundaries }
    }

    fn is_new(&self, at: usize) -> bool {
        self.maps.new[at] >= self.maps.removed[at]
    }

    fn neighbours(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let (row, col, rows, cols) = (at / self.cols, at % self.cols, self.rows, self.cols);
        [
            (row > 0).then(|| at - cols),
            (col > 0).then(|| at - 1),
            (col + 1 < cols).then_some(at + 1),
            (row + 1 < rows).then_some(at + cols),
        ]
        .into_iter()
        .flatten()
    }

    /// Labels of seeds: 4-connected regions of one direction around peaks, which meet where the evidence sinks between them. Regions
    /// that are too small stay unlabelled.
    fn seeds(&self, options: &ObjectOptions) -> (Vec<u32>, u32) {
        let dip_min = if self.knows_boundaries { options.dip_min } else { u8::MAX };
        let mut labels = vec![NONE; self.height.len()];
        let (mut joined, mut peaks) = (Joined::of(0), Vec::new());
        for at in self.highest_first(options.seed_min) {
            let alike = |other: &usize| labels[*other] != NONE && self.is_new(*other) == self.is_new(at);
            // The highest peak, or the oldest of those, has the pixel, and through it those that hardly rise from here.
            let met = self.neighbours(at).filter(alike).map(|other| joined.root(labels[other]));
            let Some(own) = met.max_by_key(|label| (peaks[*label as usize], Reverse(*label))) else {
                peaks.push(self.height[at]);
                labels[at] = joined.push();
                continue;
            };
            for other in self.neighbours(at).filter(alike) {
                let lower = joined.root(labels[other]);
                if lower != own && peaks[lower as usize] - self.height[at] < dip_min {
                    joined.unite(own, lower);
                }
            }
            labels[at] = own;
        }
        let mut sizes = vec![0; peaks.len()];
        for label in labels.iter_mut().filter(|label| **label != NONE) {
            *label = joined.root(*label);
            sizes[*label as usize] += 1;
        }
        numbered(labels, |label| sizes[label as usize] >= options.seed_px_min)
    }

    /// Pixels of at least a height, the highest first, in the order of the patch among those of one height.
    fn highest_first(&self, height_min: u8) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.height.len()).filter(|at| self.height[*at] >= height_min).collect();
        order.sort_by_key(|at| Reverse(self.height[*at]));
        order
    }

    /// Grows the labels downhill; where two meet at one height the one that came first keeps the pixel.
    fn flood(&self, labels: &mut [u32], options: &ObjectOptions) {
        // highest first, then in the order of arrival, so that the result has one order
        let mut front = BinaryHeap::new();
        let mut arrivals = 0_u64;
        let push = |front: &mut BinaryHeap<_>, arrivals: &mut u64, at: usize, label: u32| {
            *arrivals += 1;
            front.push((self.height[at], Reverse(*arrivals), at, label));
        };
        for (at, label) in labels.iter().enumerate().filter(|(_, label)| **label != NONE) {
            push(&mut front, &mut arrivals, at, *label);
        }
        while let Some((_, _, at, label)) = front.pop() {
            for other in self.neighbours(at) {
                let grows = labels[other] == NONE
                    && self.maps.strength(other) >= options.grow_min
                    && self.is_new(other) == self.is_new(at);
                if grows {
                    labels[other] = label;
                    push(&mut front, &mut arrivals, other, label);
                }
            }
        }
    }

    /// Gives basins that are one structure one label.
    fn join(&self, labels: &mut [u32], count: u32) {
        let mut partition = Partition::of(count);
        let share = |byte: u8| f32::from(byte) / 255.0;
        for at in (0..labels.len()).filter(|at| labels[*at] != NONE) {
            partition.pixel(labels[at]);
            for other in self.neighbours(at).filter(|other| *other > at) {
                let apart = labels[other] != NONE && labels[other] != labels[at];
                if apart && self.is_new(other) == self.is_new(at) {
                    let evidence = share(self.height[at].min(self.height[other]));
                    let boundary = share(self.maps.boundary[at].max(self.maps.boundary[other]));
                    partition.meet(labels[at], labels[other], evidence, boundary);
                }
            }
        }
        let mut joined = partition.join();
        for label in labels.iter_mut().filter(|label| **label != NONE) {
            *label = joined.root(*label);
        }
    }
}

/// Labels that stay, numbered from 0 on in the order in which they come, and how many there are; the others become [`NONE`].
fn numbered(mut labels: Vec<u32>, stays: impl Fn(u32) -> bool) -> (Vec<u32>, u32) {
    let (mut numbers, mut count) = (HashMap::new(), 0);
    for label in labels.iter_mut().filter(|label| **label != NONE) {
        *label = *numbers.entry(*label).or_insert_with_key(|label| {
            if !stays(*label) {
                return NONE;
            }
            count += 1;
            count - 1
        });
    }
    (labels, count)
}

/// The structure of some pixels of a patch, in their order.
fn object(patch: &Patch, own: &[usize], options: &ObjectOptions) -> Option<Object> {
    let cols = patch.maps.cols as usize;
    if own.len() < options.object_px_min {
        return None;
    }
    let top = own.iter().map(|at| at / cols).min()?;
    let bottom = own.iter().map(|at| at / cols).max()?;
    let left = own.iter().map(|at| at % cols).min()?;
    let right = own.iter().map(|at| at % cols).max()?;
    let (height, width) = (bottom - top + 1, right - left + 1);
    let mut mask = vec![false; height * width];
    for at in own {
        mask[(at / cols - top) * width + at % cols - left] = true;
    }
    fill_holes(&mut mask, height, width, options.hole_px_min);
    let window = Window {
        row: patch.window.row + top as u32,
        col: patch.window.col + left as u32,
        rows: height as u32,
        cols: width as u32,
    };
    Some(Object { window, mask, change: direction(&patch.maps, own, options) })
}

fn direction(maps: &EvidenceMaps, own: &[usize], options: &ObjectOptions) -> Change {
    let mean = |map: &[u8]| own.iter().map(|&at| f32::from(map[at])).sum::<f32>() / own.len() as f32;
    if mean(&maps.building_before) >= options.altered_min && mean(&maps.building_after) >= options.altered_min
    {
        return Change::Altered;
    }
    if mean(&maps.new) >= mean(&maps.removed) { Change::New } else { Change::Removed }
}

/// Fills background regions (8-connected) of fewer than `px_min` pixels that do not reach the rim.
fn fill_holes(mask: &mut [bool], rows: usize, cols: usize, px_min: usize) {
    let mut visited = vec![false; mask.len()];
    for start in 0..mask.len() {
        if mask[start] || visited[start] {
            continue;
        }
        let mut region = vec![start];
        visited[start] = true;
        let mut reaches_rim = false;
        let mut next = 0;
        while next < region.len() {
            let (row, col) = (region[next] / cols, region[next] % cols);
            reaches_rim |= row == 0 || col == 0 || row + 1 == rows || col + 1 == cols;
            for r in row.saturating_sub(1)..(row + 2).min(rows) {
                for c in col.saturating_sub(1)..(col + 2).min(cols) {
                    let other = r * cols + c;
                    if !mask[other] && !visited[other] {
                        visited[other] = true;
                        region.push(other);
                    }
                }
            }
            next += 1;
        }
        if !reaches_rim && region.len() < px_min {
            for at in region {
                mask[at] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Evidence for a new structure: each digit is a tenth.
    fn patch(rows: &[&str]) -> Patch {
        let mut maps = EvidenceMaps::empty(rows.len() as u32, rows[0].len() as u32);
        for (at, digit) in rows.iter().flat_map(|row| row.bytes()).enumerate() {
            maps.new[at] = (digit - b'0') * 25;
            maps.edge_distance_px[at] = 9;
        }
        let window = Window { row: 10, col: 20, rows: maps.rows, cols: maps.cols };
        Patch { window, maps }
    }

    fn small() -> ObjectOptions {
        ObjectOptions { seed_px_min: 1, object_px_min: 1, hole_px_min: 2, ..ObjectOptions::default() }
    }

    #[test]
    fn two_roofs_joined_by_weak_evidence_are_two_structures() {
        let found = objects(&patch(&["99599", "99599", "99599"]), &small());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].mask.len() + found[1].mask.len(), 15);
    }

    #[test]
    fn a_boundary_between_two_sure_roofs_splits_them() {
        let mut joined = patch(&["99999", "99999", "99999"]);
        assert_eq!(objects(&joined, &small()).len(), 1);
        for row in 0..3 {
            joined.maps.boundary[row * 5 + 2] = 255;
        }
        assert_eq!(objects(&joined, &small()).len(), 2);
    }

    #[test]
    fn weak_evidence_without_a_seed_is_nothing() {
        assert_eq!(objects(&patch(&["5555", "5555"]), &small()), []);
    }

    #[test]
    fn a_pinhole_is_filled_and_a_courtyard_stays() {
        let pinhole = objects(&patch(&["999", "909", "999"]), &small());
        assert!(pinhole[0].mask.iter().all(|own| *own));
        let courtyard = objects(&patch(&["9999", "9009", "9999"]), &small());
        assert_eq!(courtyard[0].mask.iter().filter(|own| !**own).count(), 2);
    }

    #[test]
    fn a_removed_structure_beside_a_new_one_is_another() {
        let mut both = patch(&["9999", "9999"]);
        for at in [2, 3, 6, 7] {
            both.maps.removed[at] = both.maps.new[at];
            both.maps.new[at] = 0;
        }
        let found = objects(&both, &small());
        assert_eq!(
            found.iter().map(|object| object.change).collect::<Vec<_>>(),
            [Change::New, Change::Removed]
        );
    }

    /// Pixels of a mask that are reached from its first one by steps across and down.
    fn reached(mask: &[bool], cols: usize) -> usize {
        let mut left = mask.to_vec();
        let mut stack: Vec<usize> = mask.iter().position(|own| *own).into_iter().collect();
        let mut count = 0;
        while let Some(at) = stack.pop() {
            if !std::mem::take(&mut left[at]) {
                continue;
            }
            count += 1;
            let sides = [(at % cols > 0, at.wrapping_sub(1)), (at % cols + 1 < cols, at + 1)];
            let ends = [(at >= cols, at.wrapping_sub(cols)), (at + cols < mask.len(), at + cols)];
            stack.extend(sides.into_iter().chain(ends).filter(|(inside, _)| *inside).map(|(_, next)| next));
        }
        count
    }

    proptest! {
        #[test]
        fn a_structure_is_in_one_piece(
            evidence in proptest::collection::vec(120_u8.., 14 * 14),
            boundary in proptest::collection::vec(0_u8..40, 14 * 14),
        ) {
            let mut all = patch(&["00000000000000"; 14]);
            (all.maps.new, all.maps.boundary) = (evidence, boundary);
            // the seeds alone, which nothing has mended yet
            let options = small();
            let field = Field::of(&all.maps, &options);
            let (labels, count) = field.seeds(&options);
            for number in 0..count {
                let mask: Vec<bool> = labels.iter().map(|label| *label == number).collect();
                prop_assert_eq!(reached(&mask, 14), mask.iter().filter(|own| **own).count());
            }
            for object in objects(&all, &options) {
                let own = object.mask.iter().filter(|own| **own).count();
                prop_assert_eq!(reached(&object.mask, object.window.cols as usize), own);
            }
        }
    }
}
