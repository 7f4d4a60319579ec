//! Whether a polygon is one: rings that neither cross nor touch themselves, holes inside, each fault with its place.
//!
//! Stricter than `geo`'s own validation, which lets a ring pass twice through one of its vertices, and fast enough
//! for the most positions that a polygon may have: segments are swept from west to east, and only those whose
//! longitudes overlap meet.

use geo::{
    Coord, CoordinatePosition, Line, LineIntersection, LineString, Polygon, coordinate_position::CoordPos,
    line_intersection::line_intersection,
};

use crate::geojson::GeoJsonError;

/// One segment of a boundary. A ring's segments are counted from 0, rings from the exterior.
struct Segment {
    ring: usize,
    index: usize,
    /// Number of segments of its ring.
    of: usize,
    line: Line<f64>,
}

impl Segment {
    fn west(&self) -> f64 {
        self.line.start.x.min(self.line.end.x)
    }

    fn east(&self) -> f64 {
        self.line.start.x.max(self.line.end.x)
    }

    fn misses(&self, other: &Segment) -> bool {
        let south = |line: Line<f64>| line.start.y.min(line.end.y);
        let north = |line: Line<f64>| line.start.y.max(line.end.y);
        south(self.line) > north(other.line) || south(other.line) > north(self.line)
    }

    fn is_neighbour(&self, other: &Segment) -> bool {
        let apart = self.index.abs_diff(other.index);
        self.ring == other.ring && (apart == 1 || apart == self.of - 1)
    }
}

/// Asks that a polygon with closed rings is valid.
///
/// # Errors
/// The first fault in the order of rings and positions, with its place.
pub(crate) fn check(polygon: &Polygon<f64>) -> Result<(), GeoJsonError> {
    let rings: Vec<&LineString<f64>> =
        std::iter::once(polygon.exterior()).chain(polygon.interiors()).collect();
    for (ring, line) in rings.iter().enumerate() {
        if line.lines().filter(|segment| segment.start != segment.end).count() < 3 {
            let Coord { x: lon, y: lat } = line.0.first().copied().unwrap_or_default();
            return Err(GeoJsonError::FlatRing { ring, lon, lat });
        }
    }
    first_crossing(&rings).map_or(Ok(()), Err)?;
    (1..rings.len()).try_for_each(|hole| check_hole(&rings, hole))
}

fn first_crossing(rings: &[&LineString<f64>]) -> Option<GeoJsonError> {
    let mut segments: Vec<Segment> = Vec::new();
    for (ring, line) in rings.iter().enumerate() {
        // a position that is repeated makes a segment of no length, which crosses nothing
        let lines: Vec<Line<f64>> = line.lines().filter(|line| line.start != line.end).collect();
        let of = lines.len();
        segments.extend(lines.into_iter().enumerate().map(|(index, line)| Segment { ring, index, of, line }));
    }
    segments.sort_by(|a, b| a.west().total_cmp(&b.west()));
    let mut open: Vec<&Segment> = Vec::new();
    let mut first: Option<([usize; 4], Coord<f64>)> = None;
    for segment in &segments {
        open.retain(|other| other.east() >= segment.west());
        for other in open.iter().filter(|other| !segment.misses(other)) {
            let Some(at) = meets(segment, other) else { continue };
            let (a, b) = ((segment.ring, segment.index), (other.ring, other.index));
            let ((ring, index), (other_ring, other_index)) = if a < b { (a, b) } else { (b, a) };
            let order = [ring, index, other_ring, other_index];
            if first.is_none_or(|(earlier, _)| order < earlier) {
                first = Some((order, at));
            }
        }
        open.push(segment);
    }
    first.map(|([ring, _, other, _], Coord { x: lon, y: lat })| {
        if ring == other {
            GeoJsonError::CrossesItself { ring, lon, lat }
        } else {
            GeoJsonError::RingsCross { ring, other, lon, lat }
        }
    })
}

/// Where two segments meet that must not.
fn meets(a: &Segment, b: &Segment) -> Option<Coord<f64>> {
    match line_intersection(a.line, b.line)? {
        // going back over the segment before is a spike
        LineIntersection::Collinear { intersection } if intersection.start != intersection.end => {
            Some(intersection.start)
        }
        LineIntersection::Collinear { .. } if a.is_neighbour(b) => None,
        LineIntersection::Collinear { intersection } => (a.ring == b.ring).then_some(intersection.start),
        LineIntersection::SinglePoint { .. } if a.is_neighbour(b) => None,
        // two rings may touch at a point
        LineIntersection::SinglePoint { intersection, is_proper } => {
            (is_proper || a.ring == b.ring).then_some(intersection)
        }
    }
}

/// Asks that a hole lies within the exterior and outside the other holes; no two rings cross any more.
fn check_hole(rings: &[&LineString<f64>], hole: usize) -> Result<(), GeoJsonError> {
    let exterior = Polygon::new(rings[0].clone(), Vec::new());
    let middles = rings[hole].lines().map(|line| (line.start + line.end) / 2.0);
    let outside = rings[hole]
        .coords()
        .copied()
        .chain(middles)
        .find(|at| exterior.coordinate_position(at) == CoordPos::Outside);
    if let Some(Coord { x: lon, y: lat }) = outside {
        return Err(GeoJsonError::HoleOutside { ring: hole, lon, lat });
    }
    for other in (1..rings.len()).filter(|other| *other != hole) {
        let around = Polygon::new(rings[other].clone(), Vec::new());
        let inside = rings[hole].coords().find(|at| around.coordinate_position(*at) == CoordPos::Inside);
        if let Some(&Coord { x: lon, y: lat }) = inside {
            return Err(GeoJsonError::RingsCross { ring: hole, other, lon, lat });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use geo::{Validation, polygon};
    use proptest::prelude::*;

    use super::*;

    fn fault(polygon: &Polygon<f64>) -> String {
        check(polygon).unwrap_err().to_string()
    }

    fn ring(positions: &[[f64; 2]]) -> Polygon<f64> {
        Polygon::new(positions.iter().copied().collect(), Vec::new())
    }

    #[test]
    fn a_ring_that_crosses_itself_in_a_segment_or_in_a_vertex_is_refused_there() {
        let segment = ring(&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]);
        assert_eq!(fault(&segment), "ring 0 crosses or touches itself near [1, 1]");
        let vertex = ring(&[[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [2.0, 2.0], [1.0, 1.0], [0.0, 2.0]]);
        assert_eq!(fault(&vertex), "ring 0 crosses or touches itself near [1, 1]");
    }

    #[test]
    fn a_spike_is_refused_and_a_repeated_position_is_not() {
        let spike = ring(&[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [6.0, 4.0], [3.0, 4.0], [0.0, 4.0]]);
        assert!(fault(&spike).starts_with("ring 0 crosses or touches itself"), "{}", fault(&spike));
        let repeated = ring(&[[0.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]);
        assert_eq!(check(&repeated), Ok(()));
        assert_eq!(fault(&ring(&[[3.0, 2.0]; 4])), "ring 0 has no area at [3, 2]");
        let line = ring(&[[0.0, 0.0], [4.0, 0.0], [2.0, 0.0]]);
        assert!(fault(&line).starts_with("ring 0 crosses or touches itself"), "{}", fault(&line));
    }

    #[test]
    fn holes_lie_inside_and_apart() {
        let square = |w: f64, e: f64| LineString::from(vec![(w, w), (e, w), (e, e), (w, e), (w, w)]);
        let with = |holes: &[(f64, f64)]| {
            Polygon::new(square(0.0, 9.0), holes.iter().map(|(w, e)| square(*w, *e)).collect())
        };
        assert_eq!(check(&with(&[(1.0, 2.0), (3.0, 4.0)])), Ok(()));
        // two holes may touch at a point
        assert_eq!(check(&with(&[(1.0, 2.0), (2.0, 4.0)])), Ok(()));
        assert_eq!(fault(&with(&[(10.0, 12.0)])), "ring 1 lies outside the exterior at [10, 10]");
        assert_eq!(fault(&with(&[(8.0, 12.0)])), "rings 0 and 1 cross or overlap near [9, 8]");
        assert_eq!(fault(&with(&[(1.0, 5.0), (2.0, 3.0)])), "rings 2 and 1 cross or overlap near [2, 2]");
        assert!(fault(&with(&[(1.0, 5.0), (1.0, 5.0)])).starts_with("rings 1 and 2 cross or overlap"));
    }

    #[test]
    fn a_hole_that_leaves_through_two_vertices_of_a_notch_is_refused() {
        let notched = polygon!(
            exterior: [(x: 0.0, y: 0.0), (x: 8.0, y: 0.0), (x: 8.0, y: 8.0), (x: 4.0, y: 4.0), (x: 0.0, y: 8.0)],
            interiors: [[(x: 2.0, y: 6.0), (x: 4.0, y: 2.0), (x: 6.0, y: 6.0)]],
        );
        assert_eq!(fault(&notched), "ring 1 lies outside the exterior at [4, 6]");
    }

    #[test]
    fn the_most_positions_are_checked_in_a_moment() {
        let count = crate::geojson::POSITIONS_MAX - 1;
        let comb = (0..count).map(|at| {
            let turn = at as f64 / count as f64 * std::f64::consts::TAU;
            let reach = if at % 2 == 0 { 1.0 } else { 0.5 };
            [turn.cos() * reach, turn.sin() * reach]
        });
        let comb = Polygon::new(comb.collect(), Vec::new());
        assert_eq!(check(&comb), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_called_valid_is_valid_for_geo_too(
            positions in prop::collection::vec((0..6_i32, 0..6_i32), 3..8)
        ) {
            let positions: Vec<[f64; 2]> =
                positions.iter().map(|(x, y)| [f64::from(*x), f64::from(*y)]).collect();
            let polygon = ring(&positions);
            if check(&polygon).is_ok() {
                prop_assert!(polygon.is_valid());
            }
            if !polygon.is_valid() {
                prop_assert!(check(&polygon).is_err());
            }
        }
    }
}
