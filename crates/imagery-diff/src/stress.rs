//! Pairs in which nothing was built: an image beside itself, differently lit, sensed, placed or covered.
//!
//! Whatever a detector finds in them is a false alarm. Everything random follows from the place of a pixel, so the
//! same image gives the same pair.

use std::f32::consts::{PI, SQRT_2};

use crate::{
    grid::Shift,
    pair::AlignedPair,
    raster::Raster,
    source::{MemoryPair, PairSource},
};

/// What differs between the two dates of an unchanged pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stress {
    /// Nothing.
    Same,
    /// The second date is displaced by so many pixels to the right and down.
    Shifted(f64, f64),
    /// The second date went through a tone curve of this exponent.
    Gamma(f32),
    /// A veil of this share of white.
    Haze(f32),
    /// Vegetation turned dry.
    Season,
    /// A box blur of this radius, pixels.
    Blurred(usize),
    /// Noise of this standard deviation, of 255.
    Noise(f32),
    /// Coefficients of 8 x 8 px blocks were rounded as JPEG of this quality does.
    Jpeg(f32),
    /// Slow light and dark: thin cloud, relief under another sun.
    LightField,
    /// Blocks without data on the second date.
    NoData,
}

/// The suite, in the order in which it is told.
pub const CASES: [Stress; 15] = [
    Stress::Same,
    Stress::Shifted(1.0, 0.0),
    Stress::Shifted(0.6, 0.8),
    Stress::Shifted(-1.4, 1.4),
    Stress::Shifted(2.1, -2.1),
    Stress::Shifted(0.0, 3.0),
    Stress::Gamma(0.6),
    Stress::Gamma(1.6),
    Stress::Haze(0.4),
    Stress::Season,
    Stress::Blurred(1),
    Stress::Noise(8.0),
    Stress::Jpeg(40.0),
    Stress::LightField,
    Stress::NoData,
];

/// Luminance quantisation of JPEG at quality 50 (ITU-T T.81, table K.1).
const QUANTISATION: [f32; 64] = [
    16., 11., 10., 16., 24., 40., 51., 61., 12., 12., 14., 19., 26., 58., 60., 55., 14., 13., 16., 24., 40.,
    57., 69., 56., 14., 17., 22., 29., 51., 87., 80., 62., 18., 22., 37., 56., 68., 109., 103., 77., 24.,
    35., 55., 64., 81., 104., 113., 92., 49., 64., 78., 87., 103., 121., 120., 101., 72., 92., 95., 98.,
    112., 100., 103., 99.,
];
const BLOCK: usize = 8;
/// Dry grass, as red, green and blue of 255.
const DRY: [f32; 3] = [150.0, 130.0, 88.0];
/// Side of the blocks without data and their distance, pixels.
const NO_DATA_PX: usize = 40;
const NO_DATA_STEP_PX: usize = 120;
/// Waves of light and dark: length in pixels, and how far they go from the mean.
const LIGHT_WAVE_PX: f32 = 180.0;
const LIGHT_DEPTH: f32 = 0.25;

impl Stress {
    /// Its name in a report.
    pub fn name(self) -> String {
        match self {
            Stress::Same => "same".to_owned(),
            Stress::Shifted(right, down) => format!("shifted {right:+.1} {down:+.1} px"),
            Stress::Gamma(exponent) => format!("gamma {exponent}"),
            Stress::Haze(share) => format!("haze {share}"),
            Stress::Season => "dry season".to_owned(),
            Stress::Blurred(radius) => format!("blurred {radius} px"),
            Stress::Noise(spread) => format!("noise {spread}"),
            Stress::Jpeg(quality) => format!("jpeg {quality}"),
            Stress::LightField => "light field".to_owned(),
            Stress::NoData => "no data".to_owned(),
        }
    }

    /// An image of 0 to 255 and what this makes of it.
    pub fn pair(self, image: &Raster) -> AlignedPair {
        let twice = AlignedPair::new(image.clone(), image.clone()).expect("an image has its own grid");
        if let Stress::Shifted(right_px, down_px) = self {
            let source = MemoryPair::display(twice);
            let shifted = source.read(source.grid().window(), &Shift { right_px, down_px }.into());
            return shifted.unwrap_or_else(|never| match never {});
        }
        let (before, after) = twice.into_parts();
        AlignedPair::new(before, self.changed(after)).expect("no case but the shifted one touches the grid")
    }

    fn changed(self, mut image: Raster) -> Raster {
        let cols = image.grid().cols as usize;
        match self {
            Stress::Same | Stress::Shifted(..) => image,
            Stress::Gamma(exponent) => each(image, |value, _, _| 255.0 * (value / 255.0).powf(exponent)),
            Stress::Haze(share) => each(image, |value, _, _| value + (255.0 - value) * share),
            Stress::Noise(spread) => each(image, |value, at, band| value + spread * normal(at, band)),
            Stress::LightField => each(image, |value, at, _| {
                let (row, col) = ((at / cols) as f32, (at % cols) as f32);
                let wave = (row * 2.0 * PI / LIGHT_WAVE_PX).sin() * (col * 1.3 * PI / LIGHT_WAVE_PX).cos();
                value * (1.0 + LIGHT_DEPTH * wave)
            }),
            Stress::Season => dried(image),
            Stress::Blurred(radius) => {
                let rows = image.grid().rows as usize;
                for band in 0..image.bands() {
                    blur(image.band_mut(band), rows, cols, radius);
                }
                image
            }
            Stress::Jpeg(quality) => {
                let rows = image.grid().rows as usize;
                for band in 0..image.bands() {
                    quantise(image.band_mut(band), rows, cols, quality);
                }
                image
            }
            Stress::NoData => {
                let valid = (0..image.grid().len())
                    .map(|at| {
                        let gone = |place: usize| place % NO_DATA_STEP_PX >= NO_DATA_STEP_PX - NO_DATA_PX;
                        image.valid()[at] && !(gone(at / cols) && gone(at % cols))
                    })
                    .collect();
                let values = (0..image.bands()).flat_map(|band| image.band(band).to_vec()).collect();
                Raster::new(image.grid().clone(), image.bands(), values, valid).expect("sizes stay the same")
            }
        }
    }
}

/// Maps every value from itself, the place of its pixel and its band; the result stays within 0 to 255.
fn each(mut image: Raster, change: impl Fn(f32, usize, usize) -> f32) -> Raster {
    for band in 0..image.bands() {
        for (at, value) in image.band_mut(band).iter_mut().enumerate() {
            *value = change(*value, at, band).clamp(0.0, 255.0);
        }
    }
    image
}

/// Moves what is green towards dry grass of the same brightness; a grey image stays as it is.
fn dried(mut image: Raster) -> Raster {
    if image.bands() < DRY.len() {
        return image;
    }
    for at in 0..image.grid().len() {
        let colour = [0, 1, 2].map(|band| image.band(band)[at]);
        let green = ((2.0 * colour[1] - colour[0] - colour[2]) / 40.0).clamp(0.0, 1.0);
        let shade = colour.iter().sum::<f32>() / 3.0 / 110.0;
        for (band, dry) in DRY.into_iter().enumerate() {
            let value = colour[band] + 0.6 * green * (dry * shade - colour[band]);
            image.band_mut(band)[at] = value.clamp(0.0, 255.0);
        }
    }
    image
}

/// Mean over a square, the edge repeated beyond itself.
fn blur(values: &mut [f32], rows: usize, cols: usize, radius: usize) {
    let old = values.to_vec();
    let inside = |place: usize, by: usize, size: usize| (place + by).saturating_sub(radius).min(size - 1);
    let count = ((2 * radius + 1) * (2 * radius + 1)) as f32;
    for (at, value) in values.iter_mut().enumerate() {
        let sum: f32 = (0..=2 * radius)
            .flat_map(|down| (0..=2 * radius).map(move |right| (down, right)))
            .map(|(down, right)| old[inside(at / cols, down, rows) * cols + inside(at % cols, right, cols)])
            .sum();
        *value = sum / count;
    }
}

/// Rounds the cosine coefficients of whole blocks; a strip that is no whole block stays as it is.
fn quantise(values: &mut [f32], rows: usize, cols: usize, quality: f32) {
    let coarseness = if quality < 50.0 { 50.0 / quality } else { 2.0 - quality / 50.0 };
    let waves = waves();
    for top in (0..rows / BLOCK).map(|block| block * BLOCK) {
        for left in (0..cols / BLOCK).map(|block| block * BLOCK) {
            let place = |index: usize| (top + index / BLOCK) * cols + left + index % BLOCK;
            let block: [f32; 64] = std::array::from_fn(|index| values[place(index)] - 128.0);
            let rounded: [f32; 64] = std::array::from_fn(|index| {
                let step = (QUANTISATION[index] * coarseness).max(1.0);
                let coefficient: f32 = (0..64)
                    .map(|at| block[at] * waves[index / BLOCK][at / BLOCK] * waves[index % BLOCK][at % BLOCK])
                    .sum();
                (coefficient / step).round() * step
            });
            for at in 0..64 {
                let value: f32 = (0..64)
                    .map(|index| {
                        rounded[index] * waves[index / BLOCK][at / BLOCK] * waves[index % BLOCK][at % BLOCK]
                    })
                    .sum();
                values[place(at)] = (value + 128.0).clamp(0.0, 255.0);
            }
        }
    }
}

/// The orthonormal cosine waves of a block: `[frequency][place]`.
fn waves() -> [[f32; BLOCK]; BLOCK] {
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 { 0.5 / SQRT_2 } else { 0.5 };
        std::array::from_fn(|at| scale * ((2 * at + 1) as f32 * frequency as f32 * PI / 16.0).cos())
    })
}

/// A draw from a normal distribution (sum of twelve, Irwin-Hall), a function of place and band.
fn normal(at: usize, band: usize) -> f32 {
    let mut state = (at as u64) << 2 | band as u64;
    let sum: f32 = (0..12)
        .map(|_| {
            // splitmix64 (Steele, Lea and Flood 2014)
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed >> 40) as f32 / (1u64 << 24) as f32
        })
        .sum();
    sum - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;

    fn image() -> Raster {
        let grid = Grid::pixels(32, 40);
        let values = (0..3 * grid.len()).map(|at| (at * 37 % 251) as f32).collect();
        let valid = vec![true; grid.len()];
        Raster::new(grid, 3, values, valid).expect("buffers of the grid's size")
    }

    #[test]
    fn every_case_but_the_first_changes_something_and_keeps_the_range() {
        let image = image();
        for case in CASES {
            let pair = case.pair(&image);
            let differs = pair.before() != pair.after();
            assert_eq!(differs, case != Stress::Same && case != Stress::NoData, "{}", case.name());
            assert!(
                (0..3).all(|band| pair.after().band(band).iter().all(|value| (0.0..=255.0).contains(value)))
            );
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::BTreeSet<String> = CASES.into_iter().map(Stress::name).collect();
        assert_eq!(names.len(), CASES.len(), "{names:?}");
    }

    #[test]
    fn the_cosine_waves_are_orthonormal() {
        let waves = waves();
        for (a, b) in (0..BLOCK).flat_map(|a| (0..BLOCK).map(move |b| (a, b))) {
            let product: f32 = (0..BLOCK).map(|at| waves[a][at] * waves[b][at]).sum();
            assert!((product - f32::from(u8::from(a == b))).abs() < 1e-5);
        }
    }

    #[test]
    fn noise_has_the_spread_that_was_asked_for() {
        let draws: Vec<f32> = (0..20_000).map(|at| normal(at, 1)).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let spread =
            (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f32>() / draws.len() as f32).sqrt();
        assert!(mean.abs() < 0.03 && (spread - 1.0).abs() < 0.03, "{mean} {spread}");
    }
}
