//! What a roof looks like from above.

use crate::{
    Date,
    chance::{noise, unit},
    ground::{Colour, scaled},
    sensor::Season,
    world::{Kind, Structure},
};

const ROOF_COLOURS: [Colour; 8] = [
    [0.50, 0.50, 0.49],
    [0.62, 0.63, 0.64],
    [0.20, 0.32, 0.50],
    [0.50, 0.20, 0.15],
    [0.74, 0.74, 0.72],
    [0.18, 0.18, 0.19],
    [0.33, 0.44, 0.38],
    [0.42, 0.38, 0.34],
];
const TILE_COLOURS: [Colour; 4] =
    [[0.45, 0.22, 0.15], [0.36, 0.20, 0.16], [0.30, 0.29, 0.30], [0.50, 0.32, 0.22]];

/// Colour of a roof at a place in the structure's own frame.
pub(crate) fn roof(structure: &Structure, [along, across]: [f64; 2], date: Date, season: &Season) -> Colour {
    let look = structure.look ^ if structure.repainted && date == Date::After { 0x77 } else { 0 };
    let dirt = 1.0 + 0.07 * noise(look, along, across, 7.0) + 0.05 * noise(look ^ 1, along, across, 1.5);
    let [length, width] = structure.half;
    let paint = ROOF_COLOURS[(look % 8) as usize];
    let colour = match structure.kind {
        Kind::FlatHall => flat(look, paint, along, across, length, width),
        Kind::MetalHall => metal(structure, paint, along, across, season),
        Kind::SawtoothHall => sawtooth(structure, paint, along, season),
        Kind::Tank => tank(structure, along, across, season),
        Kind::House => house(structure, look, along, across, season),
        Kind::Shed => scaled(paint, if along.rem_euclid(1.0) < 0.5 { 0.96 } else { 1.03 }),
    };
    scaled(colour, dirt)
}

/// How much light a slope gets that faces a direction of the structure's own frame.
fn lit(structure: &Structure, facing: [f64; 2], season: &Season) -> f64 {
    let (sin, cos) = structure.angle.sin_cos();
    let on_ground = [facing[0] * cos - facing[1] * sin, facing[0] * sin + facing[1] * cos];
    1.0 + 0.28 * (on_ground[0] * season.sun[0] + on_ground[1] * season.sun[1])
}

fn flat(look: u64, paint: Colour, along: f64, across: f64, length: f64, width: f64) -> Colour {
    let from_edge = (length - along.abs()).min(width - across.abs());
    if from_edge < 0.7 {
        return scaled(paint, 1.3);
    }
    // ventilation units, and the seams of the sheets between
    let (row, col) = ((across / 9.0).floor() as i64, (along / 9.0).floor() as i64);
    let inside = [(along.rem_euclid(9.0) - 4.5).abs(), (across.rem_euclid(9.0) - 4.5).abs()];
    if unit(look ^ 2, col, row) < 0.18 && inside[0] < 1.6 && inside[1] < 1.1 && from_edge > 3.0 {
        return [0.70, 0.71, 0.72];
    }
    let seam = if along.rem_euclid(6.0) < 0.2 { 0.93 } else { 1.0 };
    scaled(paint, seam)
}

fn metal(structure: &Structure, paint: Colour, along: f64, across: f64, season: &Season) -> Colour {
    if across.abs() < 0.35 {
        return scaled(paint, 1.25);
    }
    let ribs = if along.rem_euclid(1.2) < 0.6 { 1.03 } else { 0.97 };
    let skylight = along.rem_euclid(14.0) < 1.2 && (across.abs() / structure.half[1] - 0.5).abs() < 0.22;
    if skylight {
        return [0.72, 0.75, 0.74];
    }
    scaled(paint, ribs * lit(structure, [0.0, across.signum()], season))
}

fn sawtooth(structure: &Structure, paint: Colour, along: f64, season: &Season) -> Colour {
    let phase = along.rem_euclid(8.0);
    if phase < 2.2 {
        return scaled([0.30, 0.36, 0.42], lit(structure, [-1.0, 0.0], season));
    }
    scaled(paint, lit(structure, [1.0, 0.0], season))
}

fn tank(structure: &Structure, along: f64, across: f64, season: &Season) -> Colour {
    let share = along.hypot(across) / structure.half[0];
    let slope = 0.12 * (along * season.sun[0] + across * season.sun[1]) / structure.half[0];
    let rim = if share > 0.94 { 0.8 } else { 1.0 };
    scaled([0.72, 0.72, 0.70], rim * (1.0 + slope))
}

fn house(structure: &Structure, look: u64, along: f64, across: f64, season: &Season) -> Colour {
    let tiles = TILE_COLOURS[(look >> 3) as usize % 4];
    let [length, width] = structure.half;
    // hipped: the end slopes begin where the distance to the end is less than that to the side
    let facing = if length - along.abs() < width - across.abs() {
        [along.signum(), 0.0]
    } else {
        [0.0, across.signum()]
    };
    scaled(tiles, lit(structure, facing, season))
}
