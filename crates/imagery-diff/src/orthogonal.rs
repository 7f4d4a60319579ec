//! Outlines whose edges keep to a building's own directions: its axes and the diagonals between them.
//!
//! ```text
//! ring ── simplify ── turn each edge to the nearest of 8 directions ── join neighbours of one direction
//!                                                                            │
//!      None, if an edge would turn round or vanish ── corners where lines meet
//! ```
//!
//! The directions come from the edges themselves: the mean of their angles modulo 90 degrees, by length (the
//! "wall average" of building generalisation, Duchêne and others, "Quantitative and qualitative description of building
//! orientation", ICA workshop 2003).

use geo::{Coord, Distance, Euclidean, LineString, Polygon, Simplify};

/// Directions that an edge may take: multiples of 45 degrees from the axis.
const DIRECTIONS: i32 = 8;
/// An edge keeps to a diagonal only where it is this long, pixels: short ones are corners that were rounded.
const DIAGONAL_PX_MIN: f64 = 5.0;
/// An edge keeps to a diagonal only where it is this close to it, degrees.
const DIAGONAL_OFF_DEG_MAX: f64 = 15.0;
/// Fewest walls of a building: a triangle is none.
const WALLS_MIN: usize = 4;
/// Most corners of a ring that is tried: joining edges looks at all of them again.
const CORNERS_MAX: usize = 512;

/// The polygon with all edges along its own axes and diagonals; `None` where it has none that fit.
///
/// Corners may move further than `simplify_px` (pixels); whoever asks compares the two shapes.
pub(crate) fn orthogonal(raw: &Polygon<f64>, simplify_px: f64) -> Option<Polygon<f64>> {
    let simple = raw.simplify(simplify_px);
    let axis = axis(simple.exterior())?;
    let exterior = ring(simple.exterior(), axis)?;
    let holes = simple.interiors().iter().map(|hole| ring(hole, axis)).collect::<Option<Vec<_>>>()?;
    Some(Polygon::new(exterior, holes))
}

/// The direction of the walls, radians: mean angle of the edges modulo 90 degrees, by length.
fn axis(ring: &LineString<f64>) -> Option<f64> {
    let (sin, cos) = ring.lines().fold((0.0, 0.0), |(sin, cos), line| {
        let angle = 4.0 * line.dy().atan2(line.dx());
        let length = Euclidean.distance(line.start, line.end);
        (sin + length * angle.sin(), cos + length * angle.cos())
    });
    (f64::hypot(sin, cos) > 0.0).then(|| sin.atan2(cos) / 4.0)
}

/// A wall: a line through a point in one of the directions, and how much outline it stands for.
#[derive(Clone, Copy, Debug)]
struct Wall {
    direction: i32,
    middle: Coord<f64>,
    length: f64,
}

fn ring(ring: &LineString<f64>, axis: f64) -> Option<LineString<f64>> {
    if ring.0.len() > CORNERS_MAX {
        return None;
    }
    let mut walls = joined(ring.lines().map(|line| Wall::of(line.start, line.end, axis)).collect());
    // every round takes a wall away, or ends
    while walls.len() >= WALLS_MIN {
        let corners = corners(&walls, axis)?;
        match turned_round(&walls, &corners, axis) {
            None => return Some(closed(corners)),
            Some(at) => {
                walls.remove(at);
                walls = joined(walls);
            }
        }
    }
    None
}

impl Wall {
    fn of(start: Coord<f64>, end: Coord<f64>, axis: f64) -> Wall {
        let along = end - start;
        let eighths = (along.y.atan2(along.x) - axis) / std::f64::consts::FRAC_PI_4;
        let length = along.x.hypot(along.y);
        let nearest = eighths.round();
        let off_deg = (eighths - nearest).abs() * 45.0;
        let diagonal = nearest.rem_euclid(2.0) == 1.0;
        let keeps = !diagonal || (length >= DIAGONAL_PX_MIN && off_deg <= DIAGONAL_OFF_DEG_MAX);
        let direction = if keeps { nearest } else { (eighths / 2.0).round() * 2.0 };
        Wall { direction: (direction as i32).rem_euclid(DIRECTIONS), middle: (start + end) / 2.0, length }
    }

    /// Its direction as a vector of length 1.
    fn along(&self, axis: f64) -> Coord<f64> {
        let angle = axis + f64::from(self.direction) * std::f64::consts::FRAC_PI_4;
        Coord { x: angle.cos(), y: angle.sin() }
    }

    /// Both as one, through the mean of their middles by length.
    fn and(&self, other: &Wall) -> Wall {
        let length = self.length + other.length;
        let middle =
            (self.middle * self.length + other.middle * other.length) / length.max(f64::MIN_POSITIVE);
        Wall { direction: self.direction, middle, length }
    }
}

/// Neighbours of one direction become one wall.
fn joined(walls: Vec<Wall>) -> Vec<Wall> {
    let mut kept: Vec<Wall> = Vec::with_capacity(walls.len());
    for wall in walls {
        match kept.last_mut() {
            Some(last) if last.direction == wall.direction => *last = last.and(&wall),
            _ => kept.push(wall),
        }
    }
    while kept.len() > 1 && kept[0].direction == kept[kept.len() - 1].direction {
        let last = kept.pop().expect("there are at least two");
        kept[0] = kept[0].and(&last);
    }
    kept
}

/// Where each wall's line meets the next one's; `None` where neighbours are parallel.
fn corners(walls: &[Wall], axis: f64) -> Option<Vec<Coord<f64>>> {
    (0..walls.len())
        .map(|at| {
            let (wall, next) = (walls[at], walls[(at + 1) % walls.len()]);
            let (along, across) = (wall.along(axis), next.along(axis));
            let turn = along.x * across.y - along.y * across.x;
            let apart = next.middle - wall.middle;
            let far = (apart.x * across.y - apart.y * across.x) / turn;
            (turn.abs() > 0.5).then(|| wall.middle + along * far)
        })
        .collect()
}

/// The shortest of the walls that the corners would turn round.
fn turned_round(walls: &[Wall], corners: &[Coord<f64>], axis: f64) -> Option<usize> {
    let forward = |at: usize| {
        let begins = corners[(at + walls.len() - 1) % walls.len()];
        let along = walls[at].along(axis);
        let reach = corners[at] - begins;
        reach.x * along.x + reach.y * along.y > 0.0
    };
    (0..walls.len()).filter(|at| !forward(*at)).min_by(|a, b| walls[*a].length.total_cmp(&walls[*b].length))
}

fn closed(mut corners: Vec<Coord<f64>>) -> LineString<f64> {
    corners.push(corners[0]);
    LineString::new(corners)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_4;

    use geo::{Area, Rotate, Translate, polygon};

    use super::*;

    /// Angles at the corners of a ring, degrees, 0 to 180.
    fn turns(ring: &LineString<f64>) -> Vec<f64> {
        let lines: Vec<_> = ring.lines().collect();
        (0..lines.len())
            .map(|at| {
                let (a, b) = (lines[at].delta(), lines[(at + 1) % lines.len()].delta());
                (a.x * b.y - a.y * b.x).atan2(a.x * b.x + a.y * b.y).to_degrees().abs()
            })
            .collect()
    }

    fn shaken(shape: &Polygon<f64>) -> Polygon<f64> {
        let shake = |(at, coord): (usize, &Coord<f64>)| {
            let by = |of: usize| ((of * 7919) % 13) as f64 / 12.0 - 0.5;
            Coord { x: coord.x + by(at), y: coord.y + by(at + 5) }
        };
        let count = shape.exterior().0.len() - 1;
        let corners: Vec<_> = shape.exterior().0.iter().take(count).enumerate().map(shake).collect();
        Polygon::new(closed(corners), Vec::new())
    }

    #[test]
    fn a_shaken_and_turned_wing_gets_its_right_angles_back() {
        let wing = polygon![
            (x: 0.0, y: 0.0), (x: 40.0, y: 0.0), (x: 40.0, y: 15.0), (x: 18.0, y: 15.0), (x: 18.0, y: 50.0),
            (x: 0.0, y: 50.0),
        ];
        let turned =
            shaken(&wing).rotate_around_point(27.0, geo::point!(x: 0.0, y: 0.0)).translate(200.0, 90.0);
        let found = orthogonal(&turned, 1.5).unwrap();
        assert_eq!(found.exterior().0.len(), 7);
        assert!(turns(found.exterior()).iter().all(|turn| (turn - 90.0).abs() < 1e-6));
        assert!((found.unsigned_area() / wing.unsigned_area() - 1.0).abs() < 0.05);
    }

    #[test]
    fn a_cut_corner_stays_cut_along_the_diagonal() {
        let cut = polygon![
            (x: 0.0, y: 0.0), (x: 60.0, y: 0.0), (x: 60.0, y: 25.0), (x: 40.0, y: 45.0), (x: 0.0, y: 45.0),
        ];
        let found = orthogonal(&shaken(&cut), 1.5).unwrap();
        let mut turns = turns(found.exterior());
        turns.sort_by(f64::total_cmp);
        let wanted = [45.0, 45.0, 90.0, 90.0, 90.0];
        assert!(turns.iter().zip(wanted).all(|(turn, wanted)| (turn - wanted).abs() < 1e-6), "{turns:?}");
    }

    #[test]
    fn a_court_keeps_to_the_walls_around_it() {
        let mut block = polygon![
            exterior: [(x: 0.0, y: 0.0), (x: 60.0, y: 0.0), (x: 60.0, y: 40.0), (x: 0.0, y: 40.0)],
            interiors: [[(x: 20.3, y: 12.0), (x: 20.0, y: 28.4), (x: 40.2, y: 28.0), (x: 39.8, y: 11.6)]],
        ];
        block.rotate_around_point_mut(0.2_f64.to_degrees(), geo::point!(x: 0.0, y: 0.0));
        let found = orthogonal(&block, 1.5).unwrap();
        assert_eq!(found.interiors().len(), 1);
        let court = found.interiors()[0].lines().next().unwrap().delta();
        let eighths = (court.y.atan2(court.x) - 0.2) / FRAC_PI_4;
        assert!((eighths - eighths.round()).abs() < 0.02, "{eighths}");
    }

    #[test]
    fn what_has_no_walls_is_left_to_others() {
        assert!(
            orthogonal(&polygon![(x: 0.0, y: 0.0), (x: 30.0, y: 0.0), (x: 15.0, y: 26.0)], 1.5).is_none()
        );
    }
}
