//! A camera over the scene on one date: sun, season, view, optics, radiometry, misregistration.

use crate::{
    Date, SceneSpec,
    chance::{Chance, hash, unit},
    ground::{Colour, ground, scaled},
    roof::roof,
    world::{Structure, World},
};

/// Light and plants of a date.
#[derive(Clone, Debug)]
pub(crate) struct Season {
    /// Unit vector on the ground towards the sun.
    pub(crate) sun: [f64; 2],
    /// Length of a shadow for one metre of height.
    shadow: f64,
    pub(crate) grass: Colour,
    pub(crate) leaves: Colour,
}

/// What the camera of a date makes of the scene.
#[derive(Clone, Debug)]
pub(crate) struct Sensor {
    date: Date,
    season: Season,
    /// Metres that a roof is displaced for each metre of height.
    lean: [f64; 2],
    pixel_m: f64,
    /// Metres that the image is displaced, and the turn about its middle in radians.
    offset_m: [f64; 2],
    turn: f64,
    middle_m: f64,
    gain: [f64; 3],
    haze: f64,
    gamma: f64,
    noise: f64,
    blur_px: f64,
    seed: u64,
}

/// Places within a pixel that are looked at; their spread is the camera's blur.
const SAMPLES: [[f64; 2]; 5] = [[0.0, 0.0], [-0.35, -0.15], [0.15, -0.35], [0.35, 0.15], [-0.15, 0.35]];

impl Sensor {
    pub(crate) fn of(spec: &SceneSpec, date: Date) -> Sensor {
        let mut chance = Chance::new(hash(spec.seed ^ 0x5e11, date as i64, 1));
        let azimuth = match date {
            Date::Before => 2.3,
            Date::After => 2.7,
        } + chance.within(-0.2, 0.2);
        let summer = chance.within(0.35, 1.0);
        let dry = |green: Colour, brown: Colour| {
            [0, 1, 2].map(|band| brown[band] + (green[band] - brown[band]) * summer)
        };
        let shift_px = match date {
            Date::Before => 0.0,
            Date::After => chance.within(0.8, 2.8),
        };
        let direction = chance.within(0.0, std::f64::consts::TAU);
        Sensor {
            date,
            season: Season {
                // the sun stands in the south: its direction on the ground points down on the image
                sun: [-azimuth.cos() * 0.6, azimuth.sin()],
                shadow: chance.within(0.8, 1.5),
                grass: dry([0.20, 0.28, 0.13], [0.36, 0.33, 0.22]),
                leaves: dry([0.10, 0.17, 0.08], [0.24, 0.20, 0.13]),
            },
            lean: [chance.within(-0.12, 0.12), chance.within(-0.12, 0.12)],
            pixel_m: spec.pixel_m,
            offset_m: [shift_px * direction.cos() * spec.pixel_m, shift_px * direction.sin() * spec.pixel_m],
            turn: if date == Date::After { chance.within(-0.0008, 0.0008) } else { 0.0 },
            middle_m: f64::from(spec.side_px) * spec.pixel_m / 2.0,
            gain: [chance.within(0.88, 1.12), chance.within(0.9, 1.1), chance.within(0.86, 1.12)],
            haze: chance.within(0.0, 0.06),
            gamma: chance.within(0.85, 1.15),
            noise: chance.within(0.006, 0.014),
            blur_px: chance.within(1.0, 1.7),
            seed: spec.seed ^ (0xa0 + date as u64),
        }
    }

    /// The value of a pixel, 0 to 255 in each band.
    pub(crate) fn pixel(&self, world: &World, row: usize, col: usize) -> [f32; 3] {
        let mut sum = [0.0; 3];
        for [dx, dy] in SAMPLES {
            let at =
                self.on_ground(col as f64 + 0.5 + dx * self.blur_px, row as f64 + 0.5 + dy * self.blur_px);
            let colour = self.scene(world, at);
            for band in 0..3 {
                sum[band] += colour[band] / SAMPLES.len() as f64;
            }
        }
        [0, 1, 2].map(|band| {
            let seen = (sum[band] * self.gain[band] * (1.0 - self.haze) + self.haze).max(0.0);
            let toned = (seen * 1.15).powf(self.gamma / 1.6);
            let grain = unit(self.seed ^ band as u64, col as i64, row as i64)
                + unit(self.seed ^ (band as u64 + 8), col as i64, row as i64)
                - 1.0;
            ((toned + grain * self.noise * 2.0) * 255.0).clamp(0.0, 255.0).round() as f32
        })
    }

    /// The place on the ground that a pixel looks at.
    pub(crate) fn on_ground(&self, right_px: f64, down_px: f64) -> [f64; 2] {
        let (x, y) = (right_px * self.pixel_m - self.middle_m, down_px * self.pixel_m - self.middle_m);
        let (sin, cos) = self.turn.sin_cos();
        [
            x * cos - y * sin + self.middle_m - self.offset_m[0],
            x * sin + y * cos + self.middle_m - self.offset_m[1],
        ]
    }

    /// Where the image shows a place at a height, pixels to the right and down; [`Sensor::on_ground`] turned round.
    pub(crate) fn in_image(&self, [x, y]: [f64; 2], height_m: f64) -> [f64; 2] {
        let [x, y] = [0, 1]
            .map(|axis| [x, y][axis] + self.lean[axis] * height_m + self.offset_m[axis] - self.middle_m);
        let (sin, cos) = self.turn.sin_cos();
        [x * cos + y * sin, y * cos - x * sin].map(|metres| (metres + self.middle_m) / self.pixel_m)
    }

    /// What is seen at a place of the ground plane: the highest roof there, a wall, or the ground.
    fn scene(&self, world: &World, [x, y]: [f64; 2]) -> Colour {
        if let Some(structure) = self.roofed(world, [x, y]) {
            let [rx, ry] = self.under([x, y], structure.height_m);
            let colour = roof(structure, structure.own(rx, ry), self.date, &self.season);
            let shaded = self.in_shadow(world, [rx, ry], structure.height_m);
            return if shaded { scaled(colour, 0.5) } else { colour };
        }
        let wall = world.near(x, y, self.date).find(|structure| {
            let [rx, ry] = self.under([x, y], structure.height_m);
            structure.meets(x, y, rx - x, ry - y)
        });
        if wall.is_some() {
            return [0.30, 0.29, 0.28];
        }
        let colour = ground(world, x, y, self.date, &self.season);
        if !self.in_shadow(world, [x, y], 0.0) {
            return colour;
        }
        // the sky still lights it, and the sky is blue
        [colour[0] * 0.38, colour[1] * 0.41, colour[2] * 0.48]
    }

    /// The structure whose roof a pixel's middle shows.
    pub(crate) fn roof_of_pixel<'w>(
        &self,
        world: &'w World,
        row: usize,
        col: usize,
    ) -> Option<&'w Structure> {
        self.roofed(world, self.on_ground(col as f64 + 0.5, row as f64 + 0.5))
    }

    /// The structure whose roof hides a place of the ground plane: the highest of those.
    fn roofed<'w>(&self, world: &'w World, [x, y]: [f64; 2]) -> Option<&'w Structure> {
        world
            .near(x, y, self.date)
            .filter(|structure| {
                let [rx, ry] = self.under([x, y], structure.height_m);
                structure.holds(structure.own(rx, ry))
            })
            .max_by(|a, b| a.height_m.total_cmp(&b.height_m))
    }

    /// The place at a height that is seen where the ground plane's would be.
    fn under(&self, [x, y]: [f64; 2], height_m: f64) -> [f64; 2] {
        [x - self.lean[0] * height_m, y - self.lean[1] * height_m]
    }

    /// Whether something higher stands between a point and the sun.
    fn in_shadow(&self, world: &World, [x, y]: [f64; 2], height_m: f64) -> bool {
        world.near(x, y, self.date).filter(|structure| structure.height_m > height_m).any(|structure| {
            let reach = (structure.height_m - height_m) * self.season.shadow;
            structure.meets(x, y, self.season.sun[0] * reach, self.season.sun[1] * reach)
        })
    }
}
