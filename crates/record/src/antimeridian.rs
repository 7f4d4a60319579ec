//! Outlines across the antimeridian: one polygon within the program, cut at 180 degrees outside of it (RFC 7946,
//! section 3.1.9).
//!
//! ```text
//!        179      180      181                 179      180│-180    -179
//!  within ┌────────┼────────┐    cut ──►  outside ┌─────────┐│┌─────────┐
//!         └────────┼────────┘    ◄── join         └─────────┘│└─────────┘
//! ```
//! Within, longitudes go on beyond 180 without a jump and the western edge lies within -180 to 180, so that areas,
//! lengths and overlaps are computed as everywhere else.

use std::collections::HashMap;

use geo::{Area, BoundingRect, Contains, Coord, LineString, Orient, Polygon, orient::Direction};

/// Longitude of the antimeridian, degrees.
pub(crate) const ANTIMERIDIAN_DEG: f64 = 180.0;
/// A turn around the Earth, degrees.
pub(crate) const TURN_DEG: f64 = 360.0;

/// Whether an outline goes on beyond 180 degrees.
pub(crate) fn is_crossed_by(polygon: &Polygon<f64>) -> bool {
    polygon.bounding_rect().is_some_and(|bounds| bounds.max().x > ANTIMERIDIAN_DEG)
}

/// The parts of an outline on both sides, from west to east within -180 to 180 degrees; the outline itself where it
/// does not cross.
pub(crate) fn cut(polygon: &Polygon<f64>) -> Vec<Polygon<f64>> {
    if !is_crossed_by(polygon) {
        return vec![polygon.clone()];
    }
    let oriented = polygon.orient(Direction::Default);
    let rings: Vec<&LineString<f64>> =
        std::iter::once(oriented.exterior()).chain(oriented.interiors()).collect();
    let mut parts = polygons(Side::Before.part_of(&rings));
    parts.extend(polygons(Side::Beyond.part_of(&rings)).iter().map(|part| moved(part, -TURN_DEG)));
    parts
}

/// An outline a turn further on where it lies nearer to another there: the same place may be told as -179 and as 181.
pub(crate) fn beside(other: &Polygon<f64>, polygon: &Polygon<f64>) -> Polygon<f64> {
    let middle = |outline: &Polygon<f64>| outline.bounding_rect().map_or(0.0, |bounds| bounds.center().x);
    let turns = ((middle(other) - middle(polygon)) / TURN_DEG).round();
    moved(polygon, turns * TURN_DEG)
}

fn moved(polygon: &Polygon<f64>, by_deg: f64) -> Polygon<f64> {
    geo::Translate::translate(polygon, by_deg, 0.0)
}

/// A side of the antimeridian. What lies on the line is beyond it.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Before,
    Beyond,
}

impl Side {
    fn holds(self, at: Coord<f64>) -> bool {
        (at.x >= ANTIMERIDIAN_DEG) == (self == Side::Beyond)
    }

    /// How far along the line the edge of a part has come there: with the inside to its left it goes north before the
    /// line and south beyond it.
    fn along(self, at: Coord<f64>) -> f64 {
        if self == Side::Before { at.y } else { -at.y }
    }

    /// The rings of the part on this side, wound as those of the whole.
    fn part_of(self, rings: &[&LineString<f64>]) -> Vec<LineString<f64>> {
        let (mut whole, mut chains) = (Vec::new(), Vec::new());
        for ring in rings {
            let open = &ring.0[..ring.0.len().saturating_sub(1)];
            if open.iter().all(|at| self.holds(*at)) {
                whole.push((*ring).clone());
            } else {
                self.add_chains(open, &mut chains);
            }
        }
        while let Some(mut ring) = chains.pop() {
            while let Some(next) = self.next_chain(&ring, &chains) {
                ring.extend(chains.swap_remove(next));
            }
            whole.extend(without_spikes(ring).map(LineString::new));
        }
        whole
    }

    /// Stretches of a ring on this side, each from where it crosses the line to where it crosses it again.
    fn add_chains(self, open: &[Coord<f64>], chains: &mut Vec<Vec<Coord<f64>>>) {
        let edge = |at: usize| (open[at % open.len()], open[(at + 1) % open.len()]);
        let enters = |at: &usize| !self.holds(edge(*at).0) && self.holds(edge(*at).1);
        let Some(first) = (0..open.len()).find(enters) else { return };
        let mut chain = Vec::new();
        for at in first..first + open.len() {
            let (from, to) = edge(at);
            match (self.holds(from), self.holds(to)) {
                (false, true) => chain.extend([crossing(from, to), to]),
                (true, true) => chain.push(to),
                (true, false) => {
                    chain.push(crossing(from, to));
                    chains.push(std::mem::take(&mut chain));
                }
                (false, false) => {}
            }
        }
    }

    /// The chain that begins next along the line from the end of an open ring; `None` where the ring itself does.
    fn next_chain(self, ring: &[Coord<f64>], chains: &[Vec<Coord<f64>>]) -> Option<usize> {
        let here = self.along(*ring.last()?);
        let ahead = |chain: &[Coord<f64>]| Some(self.along(chain[0])).filter(|along| *along >= here);
        let nearest = (0..chains.len())
            .filter_map(|index| Some((ahead(&chains[index])?, index)))
            .min_by(|a, b| a.0.total_cmp(&b.0))?;
        let closes = ahead(ring).is_some_and(|own| own <= nearest.0);
        (!closes).then_some(nearest.1)
    }
}

/// A closed ring without positions between two others along the line, where it may run forth and back; `None` where
/// nothing of it is off the line.
fn without_spikes(mut ring: Vec<Coord<f64>>) -> Option<Vec<Coord<f64>>> {
    let is_on_line = |at: Coord<f64>| at.x == ANTIMERIDIAN_DEG;
    let off_line = ring.iter().position(|at| !is_on_line(*at))?;
    ring.rotate_left(off_line);
    ring.push(ring[0]);
    let mut kept: Vec<Coord<f64>> = Vec::with_capacity(ring.len());
    for (index, at) in ring.iter().enumerate() {
        let neighbours = [kept.last(), ring.get(index + 1)];
        let is_between =
            is_on_line(*at) && neighbours.iter().all(|other| other.is_some_and(|other| is_on_line(*other)));
        if !is_between {
            kept.push(*at);
        }
    }
    kept.dedup();
    Some(kept)
}

/// Where an edge meets the line: the same for the parts on both sides.
fn crossing(from: Coord<f64>, to: Coord<f64>) -> Coord<f64> {
    let y = if to.x == ANTIMERIDIAN_DEG {
        to.y
    } else if from.x == ANTIMERIDIAN_DEG {
        from.y
    } else {
        from.y + (to.y - from.y) * (ANTIMERIDIAN_DEG - from.x) / (to.x - from.x)
    };
    Coord { x: ANTIMERIDIAN_DEG, y }
}

/// Polygons of rings: those wound counter-clockwise are exteriors, the others holes in one of them.
fn polygons(rings: Vec<LineString<f64>>) -> Vec<Polygon<f64>> {
    let with_area = rings.into_iter().map(|ring| Polygon::new(ring, Vec::new()));
    let (mut exteriors, holes): (Vec<_>, Vec<_>) =
        with_area.filter(|ring| ring.signed_area() != 0.0).partition(|ring| ring.signed_area() > 0.0);
    for hole in holes {
        let ring = hole.exterior();
        if let Some(around) = exteriors.iter_mut().find(|exterior| exterior.contains(&ring.0[0])) {
            around.interiors_push(ring.clone());
        }
    }
    exteriors
}

/// The outline that was cut into some parts; `None` where they do not make one.
pub(crate) fn join(parts: Vec<Polygon<f64>>) -> Option<Polygon<f64>> {
    if parts.len() <= 1 {
        return parts.into_iter().next();
    }
    let mut edges = Edges::default();
    for part in parts {
        let begins_at_the_line =
            part.bounding_rect().is_some_and(|bounds| bounds.min().x == -ANTIMERIDIAN_DEG);
        let part = if begins_at_the_line { moved(&part, TURN_DEG) } else { part };
        let oriented = part.orient(Direction::Default);
        std::iter::once(oriented.exterior()).chain(oriented.interiors()).for_each(|ring| edges.add(ring));
    }
    let mut joined = polygons(edges.rings()?);
    let only = joined.pop();
    if joined.is_empty() { only } else { None }
}

/// Directed edges of the parts of an outline; those along the line, by their latitudes, are kept apart.
#[derive(Default)]
struct Edges {
    off_line: Vec<[Coord<f64>; 2]>,
    on_line: Vec<[f64; 2]>,
}

impl Edges {
    fn add(&mut self, ring: &LineString<f64>) {
        for edge in ring.lines() {
            if edge.start.x == ANTIMERIDIAN_DEG && edge.end.x == ANTIMERIDIAN_DEG {
                self.on_line.push([edge.start.y, edge.end.y]);
            } else {
                self.off_line.push([edge.start, edge.end]);
            }
        }
    }

    /// Closed rings of what is left when edges along the line that run both ways are gone.
    fn rings(self) -> Option<Vec<LineString<f64>>> {
        let mut left = self.off_line;
        left.extend(open_stretches(&self.on_line));
        // zero has two signs
        let key = |at: Coord<f64>| [(at.x + 0.0).to_bits(), (at.y + 0.0).to_bits()];
        let mut from: HashMap<_, Vec<Coord<f64>>> = HashMap::new();
        left.iter().for_each(|[start, end]| from.entry(key(*start)).or_default().push(*end));
        let mut rings = Vec::new();
        for [start, _] in left {
            let mut ring = vec![start];
            while let Some(next) = from.get_mut(&key(*ring.last()?)).and_then(Vec::pop) {
                ring.push(next);
            }
            if ring.len() > 1 {
                // a chain that ends elsewhere: the parts do not fit together
                (key(*ring.last()?) == key(start)).then_some(())?;
                rings.push(LineString::new(ring));
            }
        }
        Some(rings)
    }
}

/// Edges along the line that are left where those to the north and those to the south cancel each other.
fn open_stretches(on_line: &[[f64; 2]]) -> Vec<[Coord<f64>; 2]> {
    let mut heights: Vec<f64> = on_line.iter().flatten().copied().collect();
    heights.sort_by(f64::total_cmp);
    heights.dedup();
    let at = |y: f64| heights.partition_point(|height| *height < y);
    // how often more to the north than to the south, from each height to the next
    let mut north = vec![0_i32; heights.len()];
    for [from, to] in on_line {
        let (from, to) = (at(*from), at(*to));
        let step = if from < to { 1 } else { -1 };
        north[from.min(to)..from.max(to)].iter_mut().for_each(|count| *count += step);
    }
    let place = |index: usize| Coord { x: ANTIMERIDIAN_DEG, y: heights[index] };
    let stretch = |(index, count): (usize, &i32)| match count.signum() {
        1 => Some([place(index), place(index + 1)]),
        -1 => Some([place(index + 1), place(index)]),
        _ => None,
    };
    north.iter().enumerate().filter_map(stretch).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn polygon(rings: &[&[[f64; 2]]]) -> Polygon<f64> {
        let mut rings = rings.iter().map(|ring| ring.iter().copied().collect::<LineString<f64>>());
        Polygon::new(rings.next().unwrap(), rings.collect())
    }

    /// Cuts, looks at the parts, and joins them again.
    fn check(whole: &Polygon<f64>, count: usize) -> Vec<Polygon<f64>> {
        let parts = cut(whole);
        assert_eq!(parts.len(), count, "{parts:?}");
        for part in &parts {
            let bounds = part.bounding_rect().unwrap();
            assert!(bounds.min().x >= -180.0 && bounds.max().x <= 180.0, "{bounds:?}");
            assert!(crate::validity::check(part).is_ok(), "{part:?}");
        }
        let area: f64 = parts.iter().map(Area::signed_area).sum();
        assert!((area - whole.unsigned_area()).abs() < 1e-9 * (1.0 + area), "{area}");
        let joined = join(parts.clone()).unwrap();
        assert_eq!(joined.bounding_rect(), whole.bounding_rect());
        assert!((joined.signed_area() - area).abs() < 1e-9 * (1.0 + area));
        assert_eq!(cut(&joined).len(), count);
        parts
    }

    #[test]
    fn a_box_across_the_line_is_two_boxes() {
        let whole = polygon(&[&[[179.0, -17.0], [181.0, -17.0], [181.0, -16.0], [179.0, -16.0]]]);
        let parts = check(&whole, 2);
        let bounds = |index: usize| {
            let bounds = parts[index].bounding_rect().unwrap();
            [bounds.min().x, bounds.max().x]
        };
        assert_eq!((bounds(0), bounds(1)), ([179.0, 180.0], [-180.0, -179.0]));
    }

    #[test]
    fn an_outline_that_ends_at_the_line_is_not_cut() {
        let whole = polygon(&[&[[179.0, -17.0], [180.0, -17.0], [180.0, -16.0], [179.0, -16.0]]]);
        assert_eq!(cut(&whole), [whole]);
    }

    #[test]
    fn a_comb_is_cut_into_its_teeth_and_joined_again() {
        let comb: &[[f64; 2]] = &[
            [179.0, 0.0],
            [181.0, 0.0],
            [181.0, 1.0],
            [179.5, 1.0],
            [179.5, 2.0],
            [181.0, 2.0],
            [181.0, 3.0],
            [179.0, 3.0],
        ];
        check(&polygon(&[comb]), 3);
        let other: Vec<[f64; 2]> = comb.iter().map(|[x, y]| [360.0 - x, *y]).collect();
        check(&polygon(&[&other]), 3);
    }

    #[test]
    fn holes_stay_in_their_part_and_those_on_the_line_open_it() {
        let exterior: &[[f64; 2]] = &[[178.0, 0.0], [182.0, 0.0], [182.0, 4.0], [178.0, 4.0]];
        let beyond: &[[f64; 2]] = &[[181.0, 1.0], [181.0, 2.0], [181.5, 2.0], [181.5, 1.0]];
        let across: &[[f64; 2]] = &[[179.5, 1.0], [179.5, 2.0], [180.5, 2.0], [180.5, 1.0]];
        let parts = check(&polygon(&[exterior, beyond, across]), 2);
        assert_eq!(parts.iter().map(|part| part.interiors().len()).collect::<Vec<_>>(), [0, 1]);
        let joined = join(parts).unwrap();
        assert_eq!(joined.interiors().len(), 2);
    }

    #[test]
    fn vertices_on_the_line_are_met_once() {
        let diamond = polygon(&[&[[179.0, 1.0], [180.0, 0.0], [181.0, 1.0], [180.0, 2.0]]]);
        check(&diamond, 2);
        let touching =
            polygon(&[&[[179.0, 0.0], [180.5, 0.0], [180.5, 0.5], [179.5, 1.0], [180.0, 2.0], [179.0, 3.0]]]);
        check(&touching, 2);
        let along =
            polygon(&[&[[179.0, 0.0], [181.0, 0.0], [181.0, 1.0], [180.0, 1.0], [180.0, 2.0], [179.0, 2.0]]]);
        let parts = check(&along, 2);
        let beyond = parts[1].exterior();
        assert_eq!(beyond.0.len(), 5, "nothing runs forth and back: {beyond:?}");
    }

    #[test]
    fn the_cap_around_a_pole_is_cut_at_the_line_alone() {
        let cap = polygon(&[&[
            [-100.0, 80.0],
            [20.0, 81.0],
            [140.0, 79.0],
            [260.0, 80.0],
            [260.0, 90.0],
            [-100.0, 90.0],
        ]]);
        check(&cap, 2);
    }

    #[test]
    fn parts_that_do_not_meet_are_no_outline() {
        let part = |west: f64, south: f64| {
            polygon(&[&[[west, south], [west + 1.0, south], [west + 1.0, south + 1.0], [west, south + 1.0]]])
        };
        assert!(join(vec![part(179.0, 0.0), part(-180.0, 0.0)]).is_some());
        assert!(join(vec![part(179.0, 0.0), part(-180.0, 0.5)]).is_some(), "half of an edge is shared");
        assert!(join(vec![part(179.0, 0.0), part(-180.0, 5.0)]).is_none());
        assert!(join(vec![part(179.0, 0.0), part(10.0, 0.0)]).is_none());
    }

    proptest! {
        /// Outlines seen whole from a point, so that they do not cross themselves.
        #[test]
        fn any_star_is_cut_and_joined(
            middle in 178.5..181.5_f64,
            radii in prop::collection::vec(0.2..3.0_f64, 3..40),
        ) {
            let step = std::f64::consts::TAU / radii.len() as f64;
            let ring: Vec<[f64; 2]> = radii.iter().enumerate().map(|(index, radius)| {
                let (sin, cos) = (index as f64 * step).sin_cos();
                [middle + radius * cos, radius * sin]
            }).collect();
            let whole = polygon(&[&ring]);
            let bounds = whole.bounding_rect().unwrap();
            prop_assume!(bounds.min().x < 180.0 && bounds.max().x > 180.0);
            let count = cut(&whole).len();
            prop_assert!(count >= 2);
            check(&whole, count);
        }
    }
}
