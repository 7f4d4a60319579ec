//! The outline of a structure along the edges of its pixels.

use std::collections::BTreeMap;

use geo::{Coord, LineString, Polygon, Translate};

use crate::{
    candidate::MapPolygon,
    grid::{Grid, Shift},
    objects::Object,
};

/// A polygon in pixels of the grid: x to the right, y *down*, counted from the upper left corner of the
/// grid. Its exterior is counter-clockwise as seen on the image, its holes clockwise.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelPolygon(pub Polygon<f64>);

impl PixelPolygon {
    /// The polygon moved as a whole.
    pub fn moved(&self, shift: Shift) -> PixelPolygon {
        PixelPolygon(self.0.translate(shift.right_px, shift.down_px))
    }

    /// The polygon in map units.
    pub fn to_map(&self, grid: &Grid) -> MapPolygon {
        let ring = |ring: &LineString<f64>| {
            ring.coords().map(|at| grid.to_map(at.x, at.y)).collect::<LineString<f64>>()
        };
        MapPolygon(Polygon::new(ring(self.0.exterior()), self.0.interiors().iter().map(ring).collect()))
    }
}

/// Corner of a pixel: (right, down).
type Corner = (i64, i64);

/// Traces the outline: its area is the number of pixels.
///
/// ```text
///   (c,r) <---- (c+1,r)       edges of one pixel, interior on the left hand of the walker;
///     |            ^          an edge between two pixels of the structure is left out
///     v            |
///  (c,r+1) --> (c+1,r+1)
/// ```
pub fn outline(object: &Object) -> PixelPolygon {
    let mut edges = boundary_edges(object);
    let mut rings = Vec::new();
    while let Some((&start, _)) = edges.iter().next() {
        rings.push(trace(&mut edges, start));
    }
    // the structure is 4-connected, so one ring encloses it and all others are holes
    let areas: Vec<i64> = rings.iter().map(|ring| twice_area(ring)).collect();
    let outer = (0..rings.len()).max_by_key(|&index| areas[index].abs()).expect("a structure has pixels");
    let exterior = placed(&rings.swap_remove(outer), object);
    PixelPolygon(Polygon::new(exterior, rings.iter().map(|ring| placed(ring, object)).collect()))
}

/// Directed edges by their start; at a corner where two pixels touch diagonally there are two.
fn boundary_edges(object: &Object) -> BTreeMap<Corner, Vec<Corner>> {
    let (rows, cols) = (i64::from(object.window.rows), i64::from(object.window.cols));
    let own = |row: i64, col: i64| {
        (0..rows).contains(&row) && (0..cols).contains(&col) && object.mask[(row * cols + col) as usize]
    };
    let mut edges: BTreeMap<Corner, Vec<Corner>> = BTreeMap::new();
    for row in 0..rows {
        for col in (0..cols).filter(|&col| own(row, col)) {
            let sides = [
                (own(row - 1, col), (col + 1, row), (col, row)),
                (own(row, col - 1), (col, row), (col, row + 1)),
                (own(row + 1, col), (col, row + 1), (col + 1, row + 1)),
                (own(row, col + 1), (col + 1, row + 1), (col + 1, row)),
            ];
            for (_, from, to) in sides.into_iter().filter(|(shared, _, _)| !shared) {
                edges.entry(from).or_default().push(to);
            }
        }
    }
    edges
}

/// Follows edges until they close, corners only where the direction changes.
fn trace(edges: &mut BTreeMap<Corner, Vec<Corner>>, start: Corner) -> Vec<Corner> {
    let mut ring = Vec::new();
    let mut heading = (0, 0);
    let mut at = start;
    loop {
        let next = take(edges, at, heading);
        let turned = (next.0 - at.0, next.1 - at.1);
        if turned != heading {
            ring.push(at);
        }
        heading = turned;
        at = next;
        if at == start {
            break;
        }
    }
    // the start lies on a straight edge if the walk comes home in the direction it left
    let first = (ring[1 % ring.len()].0 - start.0, ring[1 % ring.len()].1 - start.1);
    if ring[0] == start && (first.0.signum(), first.1.signum()) == heading {
        ring.remove(0);
    }
    ring
}

/// Takes the edge that goes on from a corner; where there are two, the right turn, which crosses over to
/// the pixel that touches diagonally: the structure is 4-connected, so one of the two gaps at such a corner
/// is enclosed, and becomes a hole of its own that touches another ring in one point.
fn take(edges: &mut BTreeMap<Corner, Vec<Corner>>, at: Corner, heading: (i64, i64)) -> Corner {
    let leaving = edges.get_mut(&at).expect("boundary edges close");
    // right of (dx, dy) with y down is (-dy, dx)
    let right = (at.0 - heading.1, at.1 + heading.0);
    let index = leaving.iter().position(|to| *to == right).unwrap_or(0);
    let next = leaving.swap_remove(index);
    if leaving.is_empty() {
        edges.remove(&at);
    }
    next
}

fn twice_area(ring: &[Corner]) -> i64 {
    let closed = ring.iter().zip(ring.iter().cycle().skip(1));
    closed.map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
}

fn placed(ring: &[Corner], object: &Object) -> LineString<f64> {
    let (left, top) = (f64::from(object.window.col), f64::from(object.window.row));
    let mut line: Vec<Coord<f64>> =
        ring.iter().map(|(x, y)| Coord { x: *x as f64 + left, y: *y as f64 + top }).collect();
    line.push(line[0]);
    LineString::new(line)
}

#[cfg(test)]
mod tests {
    use geo::{Area, Validation};
    use proptest::prelude::*;

    use super::*;
    use crate::{candidate::Change, grid::Window};

    fn object(rows: &[&str]) -> Object {
        let mask = rows.iter().flat_map(|row| row.bytes()).map(|symbol| symbol == b'#').collect();
        let window = Window { row: 5, col: 7, rows: rows.len() as u32, cols: rows[0].len() as u32 };
        Object { window, mask, change: Change::New }
    }

    #[test]
    fn a_block_of_four_by_three_pixels_has_area_twelve_and_four_corners() {
        let outline = outline(&object(&["####", "####", "####"]));
        assert_eq!(outline.0.unsigned_area(), 12.0);
        assert_eq!(outline.0.exterior().0.len(), 5);
        assert_eq!(outline.0.exterior().0[0], Coord { x: 7.0, y: 5.0 });
    }

    #[test]
    fn a_courtyard_is_a_hole() {
        let outline = outline(&object(&["####", "#..#", "####"]));
        assert_eq!(outline.0.interiors().len(), 1);
        assert_eq!(outline.0.unsigned_area(), 10.0);
    }

    #[test]
    fn in_map_units_the_exterior_is_counter_clockwise() {
        let grid = Grid::pixels(20, 20);
        assert!(outline(&object(&["##", "#."])).to_map(&grid).0.signed_area() > 0.0);
    }

    /// The largest 4-connected part of random pixels.
    fn largest_part(mask: &[bool], rows: usize, cols: usize) -> Vec<bool> {
        let mut best = Vec::new();
        let mut visited = vec![false; mask.len()];
        for start in 0..mask.len() {
            if !mask[start] || visited[start] {
                continue;
            }
            let mut part = vec![start];
            visited[start] = true;
            let mut next = 0;
            while next < part.len() {
                let (row, col) = (part[next] / cols, part[next] % cols);
                for other in 0..mask.len() {
                    let near = (other / cols).abs_diff(row) + (other % cols).abs_diff(col) == 1;
                    if near && mask[other] && !visited[other] {
                        visited[other] = true;
                        part.push(other);
                    }
                }
                next += 1;
            }
            if part.len() > best.len() {
                best = part;
            }
        }
        let mut kept = vec![false; rows * cols];
        for at in best {
            kept[at] = true;
        }
        kept
    }

    proptest! {
        #[test]
        fn the_area_of_an_outline_is_the_number_of_its_pixels_and_it_is_valid(
            cells in proptest::collection::vec(any::<bool>(), 8 * 7),
        ) {
            let mask = largest_part(&cells, 8, 7);
            let pixels = mask.iter().filter(|own| **own).count();
            prop_assume!(pixels > 0);
            let window = Window { row: 0, col: 0, rows: 8, cols: 7 };
            let outline = outline(&Object { window, mask, change: Change::New });
            prop_assert_eq!(outline.0.unsigned_area(), pixels as f64);
            prop_assert!(outline.0.is_valid(), "{:?}", outline.0);
        }
    }
}
