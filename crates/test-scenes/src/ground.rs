//! What lies on the ground: fields, woods, streets, yards, and the things that move on them.

use crate::{
    Date,
    chance::{hash, noise, rough, unit},
    sensor::Season,
    world::{BLOCK_M, STREET_HALF_M, Use, World, use_of_block},
};

/// Linear reflectance of red, green and blue, 0 to 1.
pub(crate) type Colour = [f64; 3];

const SOIL: Colour = [0.36, 0.29, 0.21];
const ASPHALT: Colour = [0.25, 0.25, 0.26];
const CONCRETE: Colour = [0.46, 0.45, 0.42];
const WATER: Colour = [0.08, 0.12, 0.14];

pub(crate) fn scaled(colour: Colour, share: f64) -> Colour {
    colour.map(|value| value * share)
}

pub(crate) fn mixed(a: Colour, b: Colour, share: f64) -> Colour {
    let share = share.clamp(0.0, 1.0);
    [0, 1, 2].map(|band| a[band] + (b[band] - a[band]) * share)
}

/// The ground at a place, without shadows of structures.
pub(crate) fn ground(world: &World, x: f64, y: f64, date: Date, season: &Season) -> Colour {
    let (row, col) = ((y / BLOCK_M).floor() as i64, (x / BLOCK_M).floor() as i64);
    let (in_x, in_y) = (x - col as f64 * BLOCK_M, y - row as f64 * BLOCK_M);
    let from_street = in_x.min(BLOCK_M - in_x).min(in_y.min(BLOCK_M - in_y));
    let seed = world.seed;
    let grain = 1.0 + 0.10 * rough(seed ^ 1, x, y, 6.0, 4) + 0.08 * noise(seed ^ 2, x, y, 60.0);
    if let Some(stream) = stream(seed, x, y) {
        return mixed(WATER, season.grass, stream);
    }
    if from_street < STREET_HALF_M {
        return street(world, x, y, [in_x, in_y], from_street, date, grain);
    }
    let base = match use_of_block(seed, row, col) {
        Use::Industry => yard(world, x, y, date, grain, season),
        Use::Housing => scaled(garden(seed, x, y, season), grain),
        Use::Field => scaled(field(seed, x, y, [row, col], date, season), grain),
        Use::Wood => scaled(season.grass, 0.8 * grain),
        Use::Wasteland => {
            scaled(mixed(SOIL, season.grass, 0.5 + 0.9 * rough(seed ^ 3, x, y, 40.0, 3)), grain)
        }
    };
    let worked = groundwork(world, x, y, base, date, grain);
    match crown(seed, x, y, use_of_block(seed, row, col), date, season) {
        Some(colour) => colour,
        None => worked,
    }
}

/// A winding stream: 0 in its middle, up to 1 on its banks.
fn stream(seed: u64, x: f64, y: f64) -> Option<f64> {
    let middle = 0.72 * 1_024.0 + 45.0 * noise(seed ^ 4, 0.0, y, 220.0);
    let off = (x - middle).abs();
    (off < 8.0).then(|| ((off - 5.0) / 3.0).clamp(0.0, 1.0))
}

fn street(
    world: &World,
    x: f64,
    y: f64,
    inside: [f64; 2],
    from_street: f64,
    date: Date,
    grain: f64,
) -> Colour {
    let along_x = inside[1].min(BLOCK_M - inside[1]) < STREET_HALF_M;
    let (along, across) = if along_x {
        (x, inside[1].min(BLOCK_M - inside[1]))
    } else {
        (y, inside[0].min(BLOCK_M - inside[0]))
    };
    if across < 0.18 && along.rem_euclid(9.0) < 4.0 {
        return [0.62, 0.62, 0.58];
    }
    if let Some(paint) = vehicle(world.seed, x, y, date, 0.05) {
        return paint;
    }
    let worn = 1.0 - 0.12 * (-((across - 2.0).powi(2)) * 2.0).exp();
    let edge = if from_street > STREET_HALF_M - 0.5 { 1.25 } else { 1.0 };
    scaled(ASPHALT, grain * worn * edge)
}

/// Paved ground between halls, with lorries and containers that are elsewhere on another day.
fn yard(world: &World, x: f64, y: f64, date: Date, grain: f64, season: &Season) -> Colour {
    if let Some(paint) = container(world.seed, x, y, date) {
        return paint;
    }
    if let Some(paint) = vehicle(world.seed, x, y, date, 0.12) {
        return paint;
    }
    let cover = rough(world.seed ^ 5, x, y, 90.0, 2);
    let slab = if x.rem_euclid(12.0) < 0.25 || y.rem_euclid(12.0) < 0.25 { 0.9 } else { 1.0 };
    let stain = 1.0 - 0.15 * rough(world.seed ^ 6, x, y, 14.0, 2).max(0.0);
    let paved = scaled(mixed(CONCRETE, ASPHALT, 0.4 + cover), slab * stain);
    scaled(mixed(paved, season.grass, (cover * 3.0 - 0.9).clamp(0.0, 1.0)), grain)
}

fn garden(seed: u64, x: f64, y: f64, season: &Season) -> Colour {
    let beds = rough(seed ^ 7, x, y, 18.0, 3);
    mixed(season.grass, SOIL, (beds * 1.8).clamp(0.0, 0.8))
}

/// Fields have rows; which crop stands and how it was ploughed differs by date.
fn field(seed: u64, x: f64, y: f64, [row, col]: [i64; 2], date: Date, season: &Season) -> Colour {
    let sown = hash(seed ^ (date as u64 + 11), col, row);
    let angle = unit(seed ^ 12, col, row) * 3.0;
    let rows =
        ((x * angle.cos() + y * angle.sin()) * std::f64::consts::TAU / (1.6 + (sown % 3) as f64)).sin();
    let green = match sown % 4 {
        0 => 0.05,
        1 => 0.35,
        _ => 0.9,
    };
    scaled(mixed(SOIL, season.grass, green), 1.0 + 0.07 * rows)
}

/// Ground that was paved or dug between the dates.
fn groundwork(world: &World, x: f64, y: f64, base: Colour, date: Date, grain: f64) -> Colour {
    if date == Date::Before {
        return base;
    }
    for work in &world.groundworks {
        let (sin, cos) = work.angle.sin_cos();
        let (dx, dy) = (x - work.middle[0], y - work.middle[1]);
        let (along, across) =
            ((dx * cos + dy * sin).abs() / work.half[0], (dy * cos - dx * sin).abs() / work.half[1]);
        if work.paved && along < 1.0 && across < 1.0 {
            return scaled(CONCRETE, grain * 0.95);
        }
        let ragged = 1.0 + 0.35 * noise(world.seed ^ 8, x, y, 9.0);
        if !work.paved && along.hypot(across) < ragged {
            return scaled(SOIL, grain * (1.1 + 0.2 * rough(world.seed ^ 9, x, y, 5.0, 3)));
        }
    }
    base
}

/// A tree's crown, lit from the sun's side; a few are felled between the dates.
fn crown(seed: u64, x: f64, y: f64, used: Use, date: Date, season: &Season) -> Option<Colour> {
    let (pitch, share) = match used {
        Use::Wood => (5.0, 0.9),
        Use::Housing => (11.0, 0.35),
        Use::Wasteland => (13.0, 0.3),
        Use::Field => (30.0, 0.12),
        Use::Industry => return None,
    };
    let (row, col) = ((y / pitch).floor() as i64, (x / pitch).floor() as i64);
    for (r, c) in (row - 1..=row + 1).flat_map(|r| (col - 1..=col + 1).map(move |c| (r, c))) {
        let felled = date == Date::After && unit(seed ^ 14, c, r) < 0.06;
        if unit(seed ^ 13, c, r) > share || felled {
            continue;
        }
        let middle = [
            (c as f64 + 0.2 + 0.6 * unit(seed ^ 15, c, r)) * pitch,
            (r as f64 + 0.2 + 0.6 * unit(seed ^ 16, c, r)) * pitch,
        ];
        let radius = 1.6 + 1.9 * unit(seed ^ 17, c, r);
        let (dx, dy) = ((x - middle[0]) / radius, (y - middle[1]) / radius);
        let ragged = 1.0 + 0.2 * noise(seed ^ 18, x, y, 1.2);
        if dx.hypot(dy) < ragged {
            let lit =
                0.8 + 0.35 * (dx * season.sun[0] + dy * season.sun[1]) + 0.15 * noise(seed ^ 19, x, y, 0.8);
            return Some(scaled(season.leaves, lit));
        }
        // its shadow on the ground beyond
        let (sx, sy) = (dx + season.sun[0] * 1.2, dy + season.sun[1] * 1.2);
        if sx.hypot(sy) < 0.95 {
            return Some(scaled(season.grass, 0.45));
        }
    }
    None
}

/// A parked car or lorry; where they stand depends on the date.
fn vehicle(seed: u64, x: f64, y: f64, date: Date, share: f64) -> Option<Colour> {
    const PITCH: f64 = 6.0;
    let (row, col) = ((y / PITCH).floor() as i64, (x / PITCH).floor() as i64);
    let draw = hash(seed ^ (0xca5 + date as u64), col, row);
    if (draw % 1_000) as f64 >= share * 1_000.0 {
        return None;
    }
    let (dx, dy) = ((x - (col as f64 + 0.5) * PITCH).abs(), (y - (row as f64 + 0.5) * PITCH).abs());
    let (length, width) = if draw >> 20 & 1 == 0 { (2.2, 0.95) } else { (0.95, 2.2) };
    (dx < length && dy < width).then_some(match draw >> 24 & 7 {
        0 => [0.55, 0.10, 0.08],
        1 => [0.10, 0.18, 0.45],
        2 | 3 => [0.80, 0.80, 0.80],
        4 => [0.06, 0.06, 0.07],
        _ => [0.45, 0.46, 0.48],
    })
}

/// Stacks of containers; half of the places are used on each date.
fn container(seed: u64, x: f64, y: f64, date: Date) -> Option<Colour> {
    const PITCH: f64 = 16.0;
    let (row, col) = ((y / PITCH).floor() as i64, (x / PITCH).floor() as i64);
    if unit(seed ^ 0xc0, col / 3, row / 3) > 0.18 {
        return None;
    }
    let draw = hash(seed ^ (0xc1 + date as u64), col, row);
    if draw.is_multiple_of(2) {
        return None;
    }
    let (dx, dy) = ((x - (col as f64 + 0.5) * PITCH).abs(), (y - (row as f64 + 0.5) * PITCH).abs());
    if dx > 6.1 || dy > 1.25 {
        return None;
    }
    let ribs = if x.rem_euclid(0.6) < 0.3 { 1.05 } else { 0.92 };
    let paint = match draw >> 8 & 3 {
        0 => [0.45, 0.16, 0.10],
        1 => [0.12, 0.22, 0.40],
        2 => [0.50, 0.50, 0.46],
        _ => [0.16, 0.32, 0.20],
    };
    Some(scaled(paint, ribs))
}
