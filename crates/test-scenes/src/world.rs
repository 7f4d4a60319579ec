//! What stands where, on which date. Metres to the right and downwards from the upper left corner.

use crate::{
    Changes, Date, SceneSpec,
    chance::{Chance, hash, unit},
};

/// What a structure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Flat concrete roof with a parapet and units on it.
    FlatHall,
    /// Corrugated metal with a ridge.
    MetalHall,
    /// North lights: a roof of many small slopes.
    SawtoothHall,
    /// A round tank.
    Tank,
    /// A house with a hipped roof.
    House,
    /// A small shed.
    Shed,
}

impl Kind {
    /// Name for the truth file.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::FlatHall => "flat-hall",
            Kind::MetalHall => "metal-hall",
            Kind::SawtoothHall => "sawtooth-hall",
            Kind::Tank => "tank",
            Kind::House => "house",
            Kind::Shed => "shed",
        }
    }
}

/// A structure: a rectangle, or a circle for a tank.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// What it is.
    pub kind: Kind,
    /// Its middle.
    pub middle: [f64; 2],
    /// Half its length and half its width; the radius twice for a tank.
    pub half: [f64; 2],
    /// Direction of its length, radians from the right towards down.
    pub angle: f64,
    /// Height of its eaves.
    pub height_m: f64,
    /// Whether it stands on the first date.
    pub before: bool,
    /// Whether it stands on the second date.
    pub after: bool,
    /// Chooses its colours and details.
    pub look: u64,
    /// Painted anew between the dates.
    pub repainted: bool,
}

/// Corners of the polygon that stands for a tank.
const TANK_CORNERS: usize = 32;

impl Structure {
    pub(crate) fn stands(&self, date: Date) -> bool {
        match date {
            Date::Before => self.before,
            Date::After => self.after,
        }
    }

    /// A place in the structure's own frame: along its length and across.
    pub(crate) fn own(&self, x: f64, y: f64) -> [f64; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let (dx, dy) = (x - self.middle[0], y - self.middle[1]);
        [dx * cos + dy * sin, dy * cos - dx * sin]
    }

    pub(crate) fn holds(&self, [along, across]: [f64; 2]) -> bool {
        if self.kind == Kind::Tank {
            along.hypot(across) <= self.half[0]
        } else {
            along.abs() <= self.half[0] && across.abs() <= self.half[1]
        }
    }

    /// Whether any point from a place up to `(dx, dy)` beyond lies on the footprint.
    pub(crate) fn meets(&self, x: f64, y: f64, dx: f64, dy: f64) -> bool {
        let from = self.own(x, y);
        let to = self.own(x + dx, y + dy);
        let step = [to[0] - from[0], to[1] - from[1]];
        if self.kind == Kind::Tank {
            let length = step[0] * step[0] + step[1] * step[1];
            let t = if length > 0.0 { -(from[0] * step[0] + from[1] * step[1]) / length } else { 0.0 };
            let t = t.clamp(0.0, 1.0);
            return (from[0] + t * step[0]).hypot(from[1] + t * step[1]) <= self.half[0];
        }
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        for axis in 0..2 {
            if step[axis].abs() < 1e-12 {
                if from[axis].abs() > self.half[axis] {
                    return false;
                }
                continue;
            }
            let a = (-self.half[axis] - from[axis]) / step[axis];
            let b = (self.half[axis] - from[axis]) / step[axis];
            first = first.max(a.min(b));
            last = last.min(a.max(b));
        }
        first <= last
    }

    /// Its outline, first corner repeated at the end.
    pub fn corners(&self) -> Vec<[f64; 2]> {
        let (sin, cos) = self.angle.sin_cos();
        let placed = |along: f64, across: f64| {
            [self.middle[0] + along * cos - across * sin, self.middle[1] + along * sin + across * cos]
        };
        let [length, width] = self.half;
        if self.kind == Kind::Tank {
            let step = 2.0 * std::f64::consts::PI / TANK_CORNERS as f64;
            return (0..=TANK_CORNERS)
                .map(|index| (index % TANK_CORNERS) as f64 * -step)
                .map(|angle| placed(length * angle.cos(), length * angle.sin()))
                .collect();
        }
        vec![
            placed(-length, -width),
            placed(-length, width),
            placed(length, width),
            placed(length, -width),
            placed(-length, -width),
        ]
    }

    fn reach(&self) -> f64 {
        self.half[0].hypot(self.half[1])
    }
}

/// A patch of ground that looks different after: a paved yard, or earth that was moved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Groundwork {
    pub(crate) middle: [f64; 2],
    pub(crate) half: [f64; 2],
    pub(crate) angle: f64,
    pub(crate) paved: bool,
}

/// Side of a cell of the index, metres.
const CELL_M: f64 = 64.0;
/// Longest shadow that is looked for, metres.
const SHADOW_M_MAX: f64 = 48.0;
/// Distance between streets, metres.
pub(crate) const BLOCK_M: f64 = 170.0;
/// Half the width of a street, metres.
pub(crate) const STREET_HALF_M: f64 = 4.5;

/// What a block between streets is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Industry,
    Housing,
    Field,
    Wood,
    Wasteland,
}

/// Everything that stands.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) structures: Vec<Structure>,
    pub(crate) groundworks: Vec<Groundwork>,
    cells: Vec<Vec<usize>>,
    cells_a_side: usize,
}

impl World {
    pub(crate) fn of(spec: &SceneSpec) -> World {
        let side_m = f64::from(spec.side_px) * spec.pixel_m;
        let blocks = (side_m / BLOCK_M).ceil() as i64;
        let mut structures = Vec::new();
        let mut groundworks = Vec::new();
        for row in 0..blocks {
            for col in 0..blocks {
                fill_block(spec, row, col, &mut structures, &mut groundworks);
            }
        }
        // nothing stands across the edge of the scene
        let inside = |structure: &Structure| {
            let reach = structure.reach() + 3.0;
            structure.middle.iter().all(|at| *at > reach && *at < side_m - reach)
        };
        structures.retain(inside);
        let cells_a_side = (side_m / CELL_M).ceil() as usize;
        let mut cells = vec![Vec::new(); cells_a_side * cells_a_side];
        for (index, structure) in structures.iter().enumerate() {
            let reach = structure.reach() + SHADOW_M_MAX;
            let cell = |at: f64| ((at / CELL_M).floor().max(0.0) as usize).min(cells_a_side - 1);
            for row in cell(structure.middle[1] - reach)..=cell(structure.middle[1] + reach) {
                for col in cell(structure.middle[0] - reach)..=cell(structure.middle[0] + reach) {
                    cells[row * cells_a_side + col].push(index);
                }
            }
        }
        World { seed: spec.seed, structures, groundworks, cells, cells_a_side }
    }

    /// Structures whose roof or shadow may reach a place.
    pub(crate) fn near(&self, x: f64, y: f64, date: Date) -> impl Iterator<Item = &Structure> {
        let cell = |at: f64| ((at / CELL_M).floor().max(0.0) as usize).min(self.cells_a_side - 1);
        self.cells[cell(y) * self.cells_a_side + cell(x)]
            .iter()
            .map(|&index| &self.structures[index])
            .filter(move |structure| structure.stands(date))
    }
}

/// What the block at a place is used for: industry in the middle of each 3 x 3 blocks.
pub(crate) fn use_of_block(seed: u64, row: i64, col: i64) -> Use {
    match unit(seed ^ 0xb10c, col, row) {
        share if share < 0.38 => Use::Industry,
        share if share < 0.55 => Use::Housing,
        share if share < 0.75 => Use::Field,
        share if share < 0.87 => Use::Wood,
        _ => Use::Wasteland,
    }
}

fn fill_block(
    spec: &SceneSpec,
    row: i64,
    col: i64,
    structures: &mut Vec<Structure>,
    groundworks: &mut Vec<Groundwork>,
) {
    let mut chance = Chance::new(hash(spec.seed ^ 0x5eed, col, row));
    let corner = [col as f64 * BLOCK_M + STREET_HALF_M, row as f64 * BLOCK_M + STREET_HALF_M];
    let side = BLOCK_M - 2.0 * STREET_HALF_M;
    match use_of_block(spec.seed, row, col) {
        Use::Industry => industry(spec, &mut chance, corner, side, structures),
        Use::Housing => housing(spec, &mut chance, corner, side, structures),
        Use::Field | Use::Wasteland => {
            if chance.happens(0.5) {
                groundworks.push(Groundwork {
                    middle: [
                        corner[0] + chance.within(40.0, side - 40.0),
                        corner[1] + chance.within(40.0, side - 40.0),
                    ],
                    half: [chance.within(12.0, 35.0), chance.within(10.0, 25.0)],
                    angle: chance.within(-0.6, 0.6),
                    paved: chance.happens(0.4),
                });
            }
            // the first building on open ground
            if chance.happens(0.35) {
                let middle = [corner[0] + side / 2.0, corner[1] + side / 2.0];
                let mut hall = hall(&mut chance, middle, [chance_length(side), side * 0.16]);
                date(spec, &mut chance, &mut hall, 0.9);
                structures.push(hall);
            }
        }
        Use::Wood => {}
    }
}

fn chance_length(side: f64) -> f64 {
    side * 0.26
}

/// Lots in two to three columns and rows, most of them with a hall, some with tanks.
fn industry(
    spec: &SceneSpec,
    chance: &mut Chance,
    corner: [f64; 2],
    side: f64,
    structures: &mut Vec<Structure>,
) {
    let (columns, rows) = (if chance.happens(0.5) { 2 } else { 3 }, if chance.happens(0.6) { 2 } else { 3 });
    let lot = [side / f64::from(columns), side / f64::from(rows)];
    for lot_row in 0..rows {
        for lot_col in 0..columns {
            let middle = [
                corner[0] + (f64::from(lot_col) + 0.5) * lot[0],
                corner[1] + (f64::from(lot_row) + 0.5) * lot[1],
            ];
            match chance.within(0.0, 1.0) {
                share if share < 0.62 => {
                    let half = [lot[0] * chance.within(0.25, 0.38), lot[1] * chance.within(0.2, 0.36)];
                    let mut hall = hall(chance, middle, half);
                    date(spec, chance, &mut hall, 0.22);
                    structures.push(hall);
                }
                share if share < 0.78 => tanks(spec, chance, middle, lot, structures),
                share if share < 0.92 => {
                    let at = [middle[0] + chance.within(-12.0, 12.0), middle[1] + chance.within(-12.0, 12.0)];
                    let mut shed = Structure {
                        kind: Kind::Shed,
                        middle: at,
                        half: [chance.within(3.0, 6.0), chance.within(2.5, 4.0)],
                        angle: chance.within(-0.1, 0.1),
                        height_m: chance.within(2.8, 4.0),
                        before: true,
                        after: true,
                        look: look(chance),
                        repainted: false,
                    };
                    date(spec, chance, &mut shed, 0.5);
                    structures.push(shed);
                }
                _ => {}
            }
        }
    }
}

fn hall(chance: &mut Chance, middle: [f64; 2], half: [f64; 2]) -> Structure {
    let kind = match chance.within(0.0, 1.0) {
        share if share < 0.4 => Kind::MetalHall,
        share if share < 0.75 => Kind::FlatHall,
        _ => Kind::SawtoothHall,
    };
    Structure {
        kind,
        middle,
        half: [half[0].max(half[1]), half[0].min(half[1])],
        angle: if half[0] >= half[1] { 0.0 } else { std::f64::consts::FRAC_PI_2 }
            + chance.within(-0.05, 0.05),
        height_m: chance.within(6.0, 13.0),
        before: true,
        after: true,
        look: look(chance),
        repainted: chance.happens(0.12),
    }
}

fn tanks(
    spec: &SceneSpec,
    chance: &mut Chance,
    middle: [f64; 2],
    lot: [f64; 2],
    structures: &mut Vec<Structure>,
) {
    let radius = (lot[0].min(lot[1]) * chance.within(0.1, 0.17)).min(11.0);
    let mut first = Structure {
        kind: Kind::Tank,
        middle,
        half: [radius, radius],
        angle: 0.0,
        height_m: chance.within(6.0, 12.0),
        before: true,
        after: true,
        look: look(chance),
        repainted: false,
    };
    date(spec, chance, &mut first, 0.35);
    for side in [-1.0, 1.0] {
        let at = [middle[0] + side * (radius + 2.5), middle[1] + side * chance.within(0.0, 3.0)];
        structures.push(Structure { middle: at, ..first.clone() });
    }
}

/// Rows of houses along the streets.
fn housing(
    spec: &SceneSpec,
    chance: &mut Chance,
    corner: [f64; 2],
    side: f64,
    structures: &mut Vec<Structure>,
) {
    let plots = 7;
    let rows = 4;
    for row in 0..rows {
        let new_row = chance.happens(0.25);
        for plot in 0..plots {
            if chance.happens(0.1) {
                continue;
            }
            let middle = [
                corner[0] + (f64::from(plot) + 0.5) * side / f64::from(plots) + chance.within(-1.5, 1.5),
                corner[1] + (f64::from(row) + 0.5) * side / f64::from(rows) + chance.within(-3.0, 3.0),
            ];
            let mut house = Structure {
                kind: Kind::House,
                middle,
                half: [chance.within(5.0, 7.5), chance.within(3.8, 5.0)],
                angle: if chance.happens(0.8) { 0.0 } else { std::f64::consts::FRAC_PI_2 }
                    + chance.within(-0.05, 0.05),
                height_m: chance.within(3.5, 6.0),
                before: true,
                after: true,
                look: look(chance),
                repainted: chance.happens(0.08),
            };
            date(spec, chance, &mut house, if new_row { 0.85 } else { 0.02 });
            structures.push(house);
        }
    }
}

/// Decides when a structure stands: there all along, built between the dates, or now and then demolished.
fn date(spec: &SceneSpec, chance: &mut Chance, structure: &mut Structure, new_share: f64) {
    let draw = chance.within(0.0, 1.0);
    if spec.changes == Changes::DistractorsOnly {
        return;
    }
    if draw < new_share {
        structure.before = false;
    } else if draw > 0.96 {
        structure.after = false;
    }
    if structure.before != structure.after {
        structure.repainted = false;
    }
}

fn look(chance: &mut Chance) -> u64 {
    (chance.within(0.0, 1.0) * (1_u64 << 32) as f64) as u64
}
