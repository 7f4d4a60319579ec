//! Where the pixels of the common grid lie in a source, as plain numbers.
//!
//! Coordinate transformations are slow and bound to a thread. They are asked once, at the nodes of a
//! lattice over the whole grid; between nodes positions are bilinear. The lattice is refined until the
//! positions in the middle of its cells are right to [`TOLERANCE_PX`]. GDAL's approximating transformer
//! bounds its error the same way.

use crate::RasterError;

/// Largest error of a position, source pixels.
const TOLERANCE_PX: f64 = 0.03;
/// Most cells along a side of the lattice.
const CELLS_MAX: usize = 256;

/// Positions in a source at the nodes of a lattice over a grid.
#[derive(Clone, Debug)]
pub(crate) struct Lattice {
    cells: usize,
    rows: f64,
    cols: f64,
    /// Source (column, row), counted from the corner, at `(cells + 1)^2` nodes.
    nodes: Vec<[f64; 2]>,
}

/// Turns positions in pixels of the grid (right, down) into positions in pixels of the source.
pub(crate) type ToSource<'a> = dyn Fn(&[[f64; 2]]) -> Result<Vec<[f64; 2]>, RasterError> + 'a;

impl Lattice {
    /// A lattice over `rows x cols` pixels.
    pub(crate) fn fit(rows: u32, cols: u32, to_source: &ToSource<'_>) -> Result<Lattice, RasterError> {
        let mut cells = 1;
        loop {
            let lattice = Lattice::of(f64::from(rows), f64::from(cols), cells, to_source)?;
            if cells >= CELLS_MAX || lattice.worst_error(to_source)? <= TOLERANCE_PX {
                return Ok(lattice);
            }
            cells *= 4;
        }
    }

    fn of(rows: f64, cols: f64, cells: usize, to_source: &ToSource<'_>) -> Result<Lattice, RasterError> {
        let share = |index: usize| index as f64 / cells as f64;
        let places: Vec<[f64; 2]> = (0..=cells)
            .flat_map(|row| (0..=cells).map(move |col| [share(col) * cols, share(row) * rows]))
            .collect();
        Ok(Lattice { cells, rows, cols, nodes: to_source(&places)? })
    }

    fn worst_error(&self, to_source: &ToSource<'_>) -> Result<f64, RasterError> {
        let middle = |index: usize| (index as f64 + 0.5) / self.cells as f64;
        let places: Vec<[f64; 2]> = (0..self.cells)
            .flat_map(|row| {
                (0..self.cells).map(move |col| [middle(col) * self.cols, middle(row) * self.rows])
            })
            .collect();
        let exact = to_source(&places)?;
        let error = |(place, exact): (&[f64; 2], &[f64; 2])| {
            let got = self.at(place[0], place[1]);
            (got[0] - exact[0]).hypot(got[1] - exact[1])
        };
        Ok(places.iter().zip(&exact).map(error).fold(0.0, f64::max))
    }

    /// How many pixels of the source go to one of the grid along the axis with fewer, in the middle.
    pub(crate) fn finer(&self) -> f64 {
        let middle = [self.cols / 2.0, self.rows / 2.0];
        let at = |right: f64, down: f64| self.at(middle[0] + right, middle[1] + down);
        let along = |from: [f64; 2], to: [f64; 2]| (to[0] - from[0]).hypot(to[1] - from[1]);
        along(at(-0.5, 0.0), at(0.5, 0.0)).min(along(at(0.0, -0.5), at(0.0, 0.5)))
    }

    /// Goes along a row of positions `step_px` apart, from `(right_px, down_px)` on, in stretches within which
    /// positions in the source are evenly spaced: each is told by its indices, its first position, and the step to
    /// the next.
    pub(crate) fn along(
        &self,
        [right_px, down_px]: [f64; 2],
        step_px: f64,
        count: usize,
        mut each: impl FnMut(std::ops::Range<usize>, [f64; 2], [f64; 2]),
    ) {
        let cells = self.cells as f64;
        let cell_px = self.cols / cells;
        let mut index = 0;
        while index < count {
            let right = right_px + index as f64 * step_px;
            let cell = (right / cell_px).floor().clamp(0.0, cells - 1.0);
            // the outer cell has no end
            let end = if cell + 1.0 < cells {
                let steps = (((cell + 1.0) * cell_px - right_px) / step_px).ceil();
                (steps.max(0.0) as usize).clamp(index + 1, count)
            } else {
                count
            };
            let first = self.at(right, down_px);
            let a_cell_on = self.in_cell(cell, right + cell_px, down_px);
            let step = [0, 1].map(|axis| (a_cell_on[axis] - first[axis]) * step_px / cell_px);
            each(index..end, first, step);
            index = end;
        }
    }

    /// Source (column, row) of a position (right, down) in pixels of the grid; beyond the grid the outer
    /// cells go on.
    pub(crate) fn at(&self, right_px: f64, down_px: f64) -> [f64; 2] {
        let cells = self.cells as f64;
        let col = (right_px / self.cols * cells).floor().clamp(0.0, cells - 1.0);
        self.in_cell(col, right_px, down_px)
    }

    /// The same by the bilinear function of a given column of cells.
    fn in_cell(&self, col: f64, right_px: f64, down_px: f64) -> [f64; 2] {
        let cells = self.cells as f64;
        let (x, y) = (right_px / self.cols * cells, down_px / self.rows * cells);
        let row = y.floor().clamp(0.0, cells - 1.0);
        let (fx, fy) = (x - col, y - row);
        let node = |row: f64, col: f64| self.nodes[row as usize * (self.cells + 1) + col as usize];
        let (a, b) = (node(row, col), node(row, col + 1.0));
        let (c, d) = (node(row + 1.0, col), node(row + 1.0, col + 1.0));
        [0, 1].map(|axis| {
            let upper = a[axis] + (b[axis] - a[axis]) * fx;
            let lower = c[axis] + (d[axis] - c[axis]) * fx;
            upper + (lower - upper) * fy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_affine_map_is_exact_everywhere() {
        let affine = |places: &[[f64; 2]]| {
            Ok(places.iter().map(|[x, y]| [3.0 + 2.0 * x - y, 1.0 + 0.5 * x + 4.0 * y]).collect())
        };
        let lattice = Lattice::fit(1_000, 2_000, &affine).unwrap();
        assert_eq!(lattice.cells, 1);
        let [col, row] = lattice.at(-7.5, 1_020.25);
        assert!((col - (3.0 - 15.0 - 1_020.25)).abs() < 1e-9);
        assert!((row - (1.0 - 3.75 + 4_081.0)).abs() < 1e-9);
    }

    #[test]
    fn a_row_in_stretches_is_the_row_point_by_point() {
        let curved = |places: &[[f64; 2]]| {
            Ok(places.iter().map(|[x, y]| [x + 1e-4 * x * x, y + 2e-4 * x * y]).collect())
        };
        let lattice = Lattice::fit(300, 500, &curved).unwrap();
        assert!(lattice.cells > 1);
        for (first, step) in [([-20.0, 7.5], 1.3), ([3.25, 250.0], 0.4), ([400.0, 299.0], 17.0)] {
            let mut next = 0;
            lattice.along(first, step, 90, |indices, at, by| {
                assert_eq!(indices.start, next);
                next = indices.end;
                for index in indices.clone() {
                    let steps = (index - indices.start) as f64;
                    let exact = lattice.at(first[0] + index as f64 * step, first[1]);
                    let got = [at[0] + steps * by[0], at[1] + steps * by[1]];
                    assert!((got[0] - exact[0]).abs() < 1e-6 && (got[1] - exact[1]).abs() < 1e-6, "{index}");
                }
            });
            assert_eq!(next, 90);
        }
    }

    #[test]
    fn a_curved_map_is_refined_until_it_is_right() {
        let curved = |places: &[[f64; 2]]| {
            Ok(places.iter().map(|[x, y]| [x + 1e-5 * x * x, y + 2e-5 * x * y]).collect())
        };
        let lattice = Lattice::fit(4_000, 4_000, &curved).unwrap();
        let [col, row] = lattice.at(1_234.5, 3_210.5);
        assert!((col - (1_234.5 + 1e-5 * 1_234.5 * 1_234.5)).abs() < 0.05);
        assert!((row - (3_210.5 + 2e-5 * 1_234.5 * 3_210.5)).abs() < 0.05);
    }
}
