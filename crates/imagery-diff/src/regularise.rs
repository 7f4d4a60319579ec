//! From a staircase of pixel edges to the outline a person would draw: a circle or a rectangle where one fits, else
//! walls along the building's own axes and diagonals where they fit, else fewer corners.

use geo::{
    Area, BooleanOps, Centroid, Coord, CoordsIter, Distance, Euclidean, LineString, MinimumRotatedRect,
    MultiPolygon, Polygon, Simplify, Validation,
};

use crate::{orthogonal::orthogonal, outline::PixelPolygon};

/// How far an outline may be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct RegulariseOptions {
    /// Simplification may move the outline this far, pixels.
    pub simplify_px: f64,
    /// A rectangle or circle takes the outline's place if they overlap this much (intersection over union).
    pub shape_iou_min: f64,
    /// An outline of right angles and diagonals takes its place if they overlap this much.
    pub orthogonal_iou_min: f64,
    /// A simplified outline takes its place if they overlap this much.
    pub simplified_iou_min: f64,
    /// Fewest square pixels of a circle: a smaller one looks like a square.
    pub circle_px_min: f64,
}

impl Default for RegulariseOptions {
    fn default() -> RegulariseOptions {
        RegulariseOptions {
            simplify_px: 1.5,
            shape_iou_min: 0.88,
            orthogonal_iou_min: 0.88,
            simplified_iou_min: 0.8,
            circle_px_min: 120.0,
        }
    }
}

/// Corners of the polygon that stands for a circle.
const CIRCLE_CORNERS: usize = 32;

/// Most corners of an outline that takes another's place: to check it each edge is compared with every other.
const CORNERS_MAX: usize = 4_000;

/// The smallest enclosing rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Longer side.
    pub length_px: f64,
    /// Shorter side.
    pub width_px: f64,
    /// Direction of the longer side, degrees clockwise from up, 0 to 180.
    pub orientation_deg: f64,
}

/// Replaces an outline by a circle or a rectangle where one fits, else by walls along its axes, else simplifies it; an
/// outline that would become invalid or too different stays as it is.
pub fn regularise(raw: &PixelPolygon, options: &RegulariseOptions) -> PixelPolygon {
    let shapes = [circle(&raw.0, options), rectangle(&raw.0)];
    let fitting = shapes
        .into_iter()
        .flatten()
        .map(|shape| (overlap(&raw.0, &shape), shape))
        .filter(|(iou, _)| *iou >= options.shape_iou_min)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, shape)) = fitting {
        return PixelPolygon(shape);
    }
    let stands_for = |outline: &Polygon<f64>, iou_min: f64| {
        outline.coords_count() <= CORNERS_MAX
            && outline.unsigned_area() > 0.0
            && overlap(&raw.0, outline) >= iou_min
            && outline.is_valid()
    };
    let walls = orthogonal(&raw.0, options.simplify_px);
    if let Some(walls) = walls.filter(|walls| stands_for(walls, options.orthogonal_iou_min)) {
        return PixelPolygon(walls);
    }
    let simplified = raw.0.simplify(options.simplify_px);
    if stands_for(&simplified, options.simplified_iou_min) { PixelPolygon(simplified) } else { raw.clone() }
}

/// The smallest rectangle around an outline.
pub fn extent(outline: &PixelPolygon) -> Extent {
    let Some(rectangle) = outline.0.minimum_rotated_rect() else {
        return Extent { length_px: 0.0, width_px: 0.0, orientation_deg: 0.0 };
    };
    let corners = &rectangle.exterior().0;
    let side = |a: Coord<f64>, b: Coord<f64>| (b - a, Euclidean.distance(a, b));
    let (first, second) = (side(corners[0], corners[1]), side(corners[1], corners[2]));
    let (along, length_px, width_px) =
        if first.1 >= second.1 { (first.0, first.1, second.1) } else { (second.0, second.1, first.1) };
    // x right, y down: clockwise from up is atan2(x, -y)
    let orientation_deg = along.x.atan2(-along.y).to_degrees().rem_euclid(180.0);
    Extent { length_px, width_px, orientation_deg }
}

/// The smallest enclosing rectangle, drawn in about its middle to the area of the outline.
fn rectangle(raw: &Polygon<f64>) -> Option<Polygon<f64>> {
    let around = raw.minimum_rotated_rect()?;
    let (middle, share) = (around.centroid()?, raw.unsigned_area() / around.unsigned_area());
    let scale = share.sqrt();
    let corner = |at: &Coord<f64>| Coord {
        x: middle.x() + (at.x - middle.x()) * scale,
        y: middle.y() + (at.y - middle.y()) * scale,
    };
    Some(like(raw, around.exterior().coords().map(corner).collect()))
}

/// The circle of the area of the outline about its middle.
fn circle(raw: &Polygon<f64>, options: &RegulariseOptions) -> Option<Polygon<f64>> {
    let area = raw.unsigned_area();
    if area < options.circle_px_min || !raw.interiors().is_empty() {
        return None;
    }
    let middle = raw.centroid()?;
    // a regular polygon has less area than its circle
    let step = 2.0 * std::f64::consts::PI / CIRCLE_CORNERS as f64;
    let radius = (area / (0.5 * CIRCLE_CORNERS as f64 * step.sin())).sqrt();
    let corner = |index: usize| {
        let angle = index as f64 * step;
        Coord { x: middle.x() + radius * angle.cos(), y: middle.y() + radius * angle.sin() }
    };
    Some(like(raw, (0..=CIRCLE_CORNERS).map(|index| corner(index % CIRCLE_CORNERS)).collect()))
}

/// A polygon without holes, wound as another is.
fn like(raw: &Polygon<f64>, mut ring: Vec<Coord<f64>>) -> Polygon<f64> {
    let plain = Polygon::new(LineString::new(ring.clone()), Vec::new());
    if plain.signed_area().signum() == raw.signed_area().signum() {
        return plain;
    }
    ring.reverse();
    Polygon::new(LineString::new(ring), Vec::new())
}

/// Intersection over union.
fn overlap(a: &Polygon<f64>, b: &Polygon<f64>) -> f64 {
    let shared: MultiPolygon<f64> = a.intersection(b);
    let shared = shared.unsigned_area();
    shared / (a.unsigned_area() + b.unsigned_area() - shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{candidate::Change, grid::Window, objects::Object, outline::outline};

    /// The pixels whose centres a shape holds.
    fn drawn(side: u32, inside: impl Fn(f64, f64) -> bool) -> PixelPolygon {
        let mask = (0..side * side)
            .map(|at| inside(f64::from(at % side) + 0.5, f64::from(at / side) + 0.5))
            .collect();
        let window = Window { row: 0, col: 0, rows: side, cols: side };
        outline(&Object { window, mask, change: Change::New })
    }

    #[test]
    fn a_turned_hall_becomes_a_rectangle_again() {
        let (sin, cos) = 0.4_f64.sin_cos();
        let raw = drawn(80, |x, y| {
            let (x, y) = (x - 40.0, y - 40.0);
            (x * cos + y * sin).abs() < 30.0 && (y * cos - x * sin).abs() < 12.0
        });
        let regular = regularise(&raw, &RegulariseOptions::default());
        assert_eq!(regular.0.exterior().0.len(), 5);
        assert!((regular.0.unsigned_area() - raw.0.unsigned_area()).abs() < 1.0);
        let extent = extent(&regular);
        assert!((extent.length_px - 60.0).abs() < 2.0, "{extent:?}");
        assert!((extent.width_px - 24.0).abs() < 2.0, "{extent:?}");
        assert!((extent.orientation_deg - (90.0 + 0.4_f64.to_degrees())).abs() < 3.0, "{extent:?}");
    }

    #[test]
    fn a_tank_becomes_a_circle() {
        let raw = drawn(40, |x, y| (x - 20.0).hypot(y - 20.0) < 15.0);
        let regular = regularise(&raw, &RegulariseOptions::default());
        assert_eq!(regular.0.exterior().0.len(), CIRCLE_CORNERS + 1);
    }

    #[test]
    fn an_angled_building_keeps_its_angle() {
        let raw = drawn(60, |x, y| (x < 20.0 || y > 40.0) && x > 2.0 && y > 2.0 && x < 58.0 && y < 58.0);
        let regular = regularise(&raw, &RegulariseOptions::default());
        assert_eq!(regular.0.exterior().0.len(), 7);
    }
}
