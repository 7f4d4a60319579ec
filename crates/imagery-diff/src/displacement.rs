//! How far the after image lies from the before image, at every place of a scene.
//!
//! Two images of rough ground taken from two directions do not fit by one shift: hills lean. What the windows of a
//! registration say of their own places is then smoothed to a field.
//!
//! ```text
//! windows' shifts ── drop those whose neighbours say otherwise ── kernel mean at the nodes of a lattice
//!                         ── does it foretell each window from the others better than one shift does? ── field
//! ```
//!
//! Method: Nadaraya-Watson kernel regression (1964), shrunk towards the shift of the whole scene, judged by leaving
//! out one window after the other.

use crate::grid::{Grid, Shift};

/// Cells of the lattice along each side.
const CELLS: usize = 12;
/// Weight of the shift of the whole scene beside a window's weight of 1 at its own middle.
const SHRINK: f64 = 0.15;
/// Neighbours that must agree before a window is believed.
const NEIGHBOURS_MIN: usize = 2;
/// Reach of the kernel as a share of the distance between windows.
const REACH: f64 = 0.7;

/// When and how a field is laid over the shift of the whole scene.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldOptions {
    /// A window farther from the shift of the whole scene is not believed, pixels.
    pub offset_px_max: f64,
    /// Neighbouring windows that differ by less agree, pixels.
    pub neighbours_px: f64,
    /// No field where one shift already fits this well (root mean square over windows), pixels.
    pub rms_px_min: f64,
    /// No field unless the windows left out are foretold better than this share of the distance that one shift leaves.
    pub left_share_max: f64,
}

impl Default for FieldOptions {
    fn default() -> FieldOptions {
        FieldOptions { offset_px_max: 8.0, neighbours_px: 1.5, rms_px_min: 1.0, left_share_max: 0.6 }
    }
}

/// What a window says of its own place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Middle of the window, pixels to the right and down from the corner of the scene.
    pub middle: [f64; 2],
    /// Displacement of the after image there.
    pub shift: Shift,
}

impl Sighting {
    /// How far its middle is from a place, pixels.
    pub(crate) fn away(&self, place: [f64; 2]) -> f64 {
        (self.middle[0] - place[0]).hypot(self.middle[1] - place[1])
    }
}

/// The displacement of the after image against the before image: one shift, or a field that varies smoothly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Displacement {
    everywhere: Shift,
    field: Option<Field>,
}

/// Shifts at `(CELLS + 1)^2` nodes over a grid, bilinear in between.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    cell_px: [f64; 2],
    nodes: Vec<Shift>,
}

impl From<Shift> for Displacement {
    fn from(everywhere: Shift) -> Displacement {
        Displacement { everywhere, field: None }
    }
}

impl Displacement {
    /// The shift of the scene as a whole.
    pub fn everywhere(&self) -> Shift {
        self.everywhere
    }

    /// Whether it varies over the scene.
    pub fn varies(&self) -> bool {
        self.field.is_some()
    }

    /// The shift at a place, pixels from the corner of the grid.
    pub fn at(&self, right_px: f64, down_px: f64) -> Shift {
        match &self.field {
            None => self.everywhere,
            Some(field) => field.at(right_px, down_px),
        }
    }

    /// `everywhere`, with a field over it where the windows ask for one.
    pub fn fitted(
        grid: &Grid,
        everywhere: Shift,
        sightings: &[Sighting],
        options: &FieldOptions,
    ) -> Displacement {
        let kernel = Kernel::over(sightings);
        let believed: Vec<Sighting> = sightings
            .iter()
            .filter(|seen| seen.shift.apart(everywhere) <= options.offset_px_max)
            .filter(|seen| kernel.agreeing(seen, sightings, options.neighbours_px) >= NEIGHBOURS_MIN)
            .copied()
            .collect();
        let rms = |left: &dyn Fn(&Sighting) -> f64| {
            (believed.iter().map(|seen| left(seen).powi(2)).sum::<f64>() / believed.len().max(1) as f64)
                .sqrt()
        };
        let by_one_shift = rms(&|seen| seen.shift.apart(everywhere));
        let by_the_others = rms(&|seen| {
            let others = believed.iter().filter(|other| other.middle != seen.middle);
            seen.shift.apart(kernel.mean(seen.middle, everywhere, others))
        });
        if by_one_shift < options.rms_px_min || by_the_others > options.left_share_max * by_one_shift {
            return Displacement::from(everywhere);
        }
        let cell_px = [f64::from(grid.cols), f64::from(grid.rows)].map(|side| side / CELLS as f64);
        let node = |at: usize| {
            let place = [(at % (CELLS + 1)) as f64 * cell_px[0], (at / (CELLS + 1)) as f64 * cell_px[1]];
            kernel.mean(place, everywhere, believed.iter())
        };
        let nodes = (0..(CELLS + 1) * (CELLS + 1)).map(node).collect();
        Displacement { everywhere, field: Some(Field { cell_px, nodes }) }
    }
}

impl Field {
    fn at(&self, right_px: f64, down_px: f64) -> Shift {
        let along = |px: f64, cell_px: f64| {
            let cells = (px / cell_px).clamp(0.0, CELLS as f64);
            let first = (cells as usize).min(CELLS - 1);
            (first, cells - first as f64)
        };
        let (col, across) = along(right_px, self.cell_px[0]);
        let (row, down) = along(down_px, self.cell_px[1]);
        let node = |row: usize, col: usize| self.nodes[row * (CELLS + 1) + col];
        let upper = node(row, col).towards(node(row, col + 1), across);
        let lower = node(row + 1, col).towards(node(row + 1, col + 1), across);
        upper.towards(lower, down)
    }
}

/// Weights by distance, counted along each axis in the spacing of the windows: those of a long scene lie farther apart along it.
struct Kernel {
    spacing_px: [f64; 2],
}

impl Kernel {
    fn over(sightings: &[Sighting]) -> Kernel {
        let spacing = |axis: usize| {
            let mut along: Vec<f64> = sightings.iter().map(|seen| seen.middle[axis]).collect();
            along.sort_by(f64::total_cmp);
            along.windows(2).map(|two| two[1] - two[0]).filter(|gap| *gap > 0.0).min_by(f64::total_cmp)
        };
        let (across, down) = (spacing(0), spacing(1));
        // one row or column of windows has the spacing of its own axis
        let either = across.or(down).unwrap_or(1.0);
        Kernel { spacing_px: [across.unwrap_or(either), down.unwrap_or(either)] }
    }

    /// How far apart two places are, in windows.
    fn apart(&self, one: [f64; 2], other: [f64; 2]) -> f64 {
        let [across, down] = [0, 1].map(|axis| (one[axis] - other[axis]) / self.spacing_px[axis]);
        across.hypot(down)
    }

    /// How many of the windows next to one say what it says.
    fn agreeing(&self, seen: &Sighting, sightings: &[Sighting], within_px: f64) -> usize {
        sightings
            .iter()
            .filter(|other| other.middle != seen.middle)
            .filter(|other| self.apart(other.middle, seen.middle) <= 1.5)
            .filter(|other| other.shift.apart(seen.shift) <= within_px)
            .count()
    }

    fn mean<'a>(
        &self,
        place: [f64; 2],
        everywhere: Shift,
        sightings: impl Iterator<Item = &'a Sighting>,
    ) -> Shift {
        let (mut weights, mut right, mut down) =
            (SHRINK, SHRINK * everywhere.right_px, SHRINK * everywhere.down_px);
        for seen in sightings {
            let weight = (-0.5 * (self.apart(seen.middle, place) / REACH).powi(2)).exp();
            weights += weight;
            right += weight * seen.shift.right_px;
            down += weight * seen.shift.down_px;
        }
        Shift { right_px: right / weights, down_px: down / weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows 100 px apart that say what `truth` says at their middles.
    fn sightings(truth: impl Fn([f64; 2]) -> Shift) -> Vec<Sighting> {
        (0..49)
            .map(|at| [f64::from(at % 7) * 100.0 + 50.0, f64::from(at / 7) * 100.0 + 50.0])
            .map(|middle| Sighting { middle, shift: truth(middle) })
            .collect()
    }

    fn hill(middle: [f64; 2]) -> Shift {
        let away = (middle[0] - 350.0).hypot(middle[1] - 350.0) / 180.0;
        Shift { right_px: 1.0 + 4.0 * (-0.5 * away * away).exp(), down_px: -0.5 }
    }

    fn fitted(sightings: &[Sighting], everywhere: Shift) -> Displacement {
        Displacement::fitted(&Grid::pixels(700, 700), everywhere, sightings, &FieldOptions::default())
    }

    const LEVEL: Shift = Shift { right_px: 1.0, down_px: -0.5 };

    #[test]
    fn a_hill_leans_where_it_stands_and_nowhere_else() {
        let found = fitted(&sightings(hill), LEVEL);
        assert!(found.varies());
        for place in [[350.0, 350.0], [200.0, 350.0], [60.0, 60.0], [640.0, 350.0]] {
            let apart = found.at(place[0], place[1]).apart(hill(place));
            assert!(apart < 0.8, "{apart} px off at {place:?}");
        }
    }

    #[test]
    fn a_long_scene_that_drifts_is_followed_between_its_windows_too() {
        let drift = |down: f64| Shift { right_px: 4.0 * (down / 5_000.0 - 1.0), down_px: 0.0 };
        let seen: Vec<Sighting> = (0..49)
            .map(|at| [f64::from(at % 7) * 140.0 + 80.0, f64::from(at / 7) * 1_640.0 + 80.0])
            .map(|middle| Sighting { middle, shift: drift(middle[1]) })
            .collect();
        let grid = Grid::pixels(10_000, 1_000);
        let found = Displacement::fitted(&grid, Shift::default(), &seen, &FieldOptions::default());
        assert!(found.varies());
        for down in (500..9_500).step_by(250).map(f64::from) {
            let apart = found.at(500.0, down).apart(drift(down));
            assert!(apart < 0.8, "{apart} px off {down} px down");
        }
    }

    #[test]
    fn windows_that_differ_at_random_make_no_field() {
        let random = sightings(|middle| {
            let by = |times: f64| ((middle[0] * times + middle[1]).sin() * 43_758.5).fract();
            Shift { right_px: 1.0 + by(12.98), down_px: by(78.23) - 0.5 }
        });
        assert!(!fitted(&random, LEVEL).varies());
    }

    #[test]
    fn a_wild_window_is_not_believed() {
        let mut seen = sightings(hill);
        seen[24].shift = Shift { right_px: -5.0, down_px: 6.0 };
        let found = fitted(&seen, LEVEL);
        assert!(found.varies());
        assert!(found.at(350.0, 350.0).apart(hill([350.0, 350.0])) < 1.5);
    }

    #[test]
    fn a_level_scene_keeps_its_one_shift() {
        assert_eq!(fitted(&sightings(|_| LEVEL), LEVEL), Displacement::from(LEVEL));
        assert_eq!(fitted(&[], LEVEL), Displacement::from(LEVEL));
    }
}
