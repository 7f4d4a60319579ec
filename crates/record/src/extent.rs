//! Length, width and direction of an outline in degrees, as detectors tell them of one in metres.

use geo::{Coord, Distance, Geodesic, LineString, MapCoords, MinimumRotatedRect, Point, Polygon};

/// A step that is short beside the Earth and long beside rounding, degrees.
const STEP_DEG: f64 = 1e-3;

/// The smallest rectangle around an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Its longer side, metres.
    pub length_m: f64,
    /// Its shorter side, metres.
    pub width_m: f64,
    /// Direction of the longer side, degrees clockwise from north, 0 to 180.
    pub orientation_deg: f64,
}

/// The smallest rectangle around an outline, measured on the plane that touches the ellipsoid at its first corner:
/// true to a thousandth for outlines of some kilometres. All zeros for one without area.
pub fn extent(outline: &Polygon<f64>) -> Extent {
    let nothing = Extent { length_m: 0.0, width_m: 0.0, orientation_deg: 0.0 };
    let Some(origin) = outline.exterior().coords().next().copied() else { return nothing };
    let metres = |to: Coord<f64>| Geodesic.distance(Point(origin), Point(to)) / STEP_DEG;
    // towards the equator, so that no step leaves the Earth
    let step = if origin.y > 0.0 { -STEP_DEG } else { STEP_DEG };
    let east_m = metres(Coord { x: origin.x + STEP_DEG, y: origin.y });
    let north_m = metres(Coord { x: origin.x, y: origin.y + step });
    let plane =
        outline.map_coords(|at| Coord { x: (at.x - origin.x) * east_m, y: (at.y - origin.y) * north_m });
    let Some(rectangle) = plane.minimum_rotated_rect() else { return nothing };
    let sides = sides(rectangle.exterior());
    let [first, second] = sides;
    let (long, short) = if first.0 >= second.0 { (first, second) } else { (second, first) };
    Extent { length_m: long.0, width_m: short.0, orientation_deg: long.1 }
}

/// Length and direction of the first two sides of a rectangle.
fn sides(ring: &LineString<f64>) -> [(f64, f64); 2] {
    let side = |at: usize| {
        let line = ring.0[at + 1] - ring.0[at];
        (line.x.hypot(line.y), line.x.atan2(line.y).to_degrees().rem_euclid(180.0))
    };
    [side(0), side(1)]
}

#[cfg(test)]
mod tests {
    use geo::polygon;

    use super::*;

    #[test]
    fn a_hall_is_as_long_as_on_the_ground_and_lies_as_it_does() {
        // at 39.9 degrees north a degree is 85,4xx m to the east and 111,03x m to the north
        let hall = polygon![(x: 127.6, y: 39.9), (x: 127.601, y: 39.9), (x: 127.601, y: 39.9002), (x: 127.6, y: 39.9002), (x: 127.6, y: 39.9)];
        let extent = extent(&hall);
        assert!((extent.length_m - 85.5).abs() < 0.2, "{extent:?}");
        assert!((extent.width_m - 22.2).abs() < 0.1, "{extent:?}");
        assert!((extent.orientation_deg - 90.0).abs() < 0.1, "{extent:?}");
    }

    #[test]
    fn a_hall_that_stands_askew_has_the_direction_of_its_long_side() {
        // a thin strip to the north-east, as long to the east as to the north in metres
        let (east, north) = (100.0 / 85_475.0, 100.0 / 111_036.0);
        let (x, y) = (127.6, 39.9);
        let strip = polygon![(x: x, y: y), (x: x + east, y: y + north), (x: x + east - 0.1 * east, y: y + north + 0.1 * north), (x: x - 0.1 * east, y: y + 0.1 * north), (x: x, y: y)];
        let extent = extent(&strip);
        assert!((extent.orientation_deg - 45.0).abs() < 0.5, "{extent:?}");
        assert!((extent.length_m - 141.4).abs() < 0.5, "{extent:?}");
        assert!((extent.width_m - 14.14).abs() < 0.1, "{extent:?}");
    }
}
