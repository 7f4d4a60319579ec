//! Brings raw sample values of both dates to a common range.

use crate::{
    displacement::Displacement,
    grid::{Grid, Window},
    pair::AlignedPair,
    raster::Raster,
    source::{PairSource, Samples},
};

/// Shares of the darkest and brightest pixels left outside the range of measured values.
const MEASURED_SHARES: [f64; 2] = [0.005, 0.995];
/// A date of 8-bit values of which all but the brightest lie below this is stretched as measured values are: it was
/// reduced from more bits by the largest value that a sensor could give, or holds fewer bits.
const DARK_BELOW: f32 = 64.0;
/// Shares between which the classical evidence measures contrast.
const CONTRAST_SHARES: [f64; 2] = [0.02, 0.98];

/// Windows along each side of a scene that the shares are measured in, at full resolution: the means of an overview are
/// darker than roofs and brighter than shadows, the more so the larger the scene.
const TONE_WINDOWS_A_SIDE: u32 = 5;
/// Side of such a window, pixels.
const TONE_WINDOW_PX: u32 = 256;

/// How to reach the common range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// As a person sees the image: 8-bit values as they are, measured values, and those of a very dark image, stretched.
    Display,
    /// Each band by its own contrast, so that gain, offset and haze of a whole scene do not count.
    Contrast,
}

/// The value that becomes 0 and the value that becomes 1, for one band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// Becomes 0.
    pub low: f32,
    /// Becomes 1.
    pub high: f32,
}

/// The tone of 8-bit values as they are.
const DISPLAY: Tone = Tone { low: 0.0, high: 255.0 };

/// Tones of every band of both dates.
#[derive(Clone, Debug, PartialEq)]
pub struct PairTones {
    before: Vec<Tone>,
    after: Vec<Tone>,
}

impl PairTones {
    /// Finds the tones in windows all over the scene; pixels that were not observed do not count.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn of<S: PairSource>(source: &S, normalisation: Normalisation) -> Result<PairTones, S::Error> {
        let samples = source.samples();
        let here = Displacement::default();
        let seen: Vec<AlignedPair> = tone_windows(source.grid())
            .into_iter()
            .map(|window| source.read(window, &here))
            .collect::<Result<_, _>>()?;
        let before: Vec<&Raster> = seen.iter().map(AlignedPair::before).collect();
        let after: Vec<&Raster> = seen.iter().map(AlignedPair::after).collect();
        let bands = source.bands();
        Ok(PairTones {
            before: tones(&before, bands, samples[0], normalisation),
            after: tones(&after, bands, samples[1], normalisation),
        })
    }
}

/// Windows evenly over a grid; all of a small one.
fn tone_windows(grid: &Grid) -> Vec<Window> {
    let starts = |size: u32| -> Vec<(u32, u32)> {
        let side = TONE_WINDOW_PX.min(size);
        let count = size.div_ceil(side).min(TONE_WINDOWS_A_SIDE);
        let step = |at: u32| u64::from(at) * u64::from(size - side) / u64::from((count - 1).max(1));
        (0..count).map(|at| (step(at) as u32, side)).collect()
    };
    let across = starts(grid.cols);
    starts(grid.rows)
        .into_iter()
        .flat_map(|(row, rows)| across.iter().map(move |&(col, cols)| Window { row, col, rows, cols }))
        .collect()
}

/// Brings a window of a pair to the common range of its scene, about 0 to 1, not cut off.
pub fn normalise(pair: AlignedPair, tones: &PairTones) -> AlignedPair {
    let (mut before, mut after) = pair.into_parts();
    apply(&mut before, &tones.before);
    apply(&mut after, &tones.after);
    AlignedPair::new(before, after).expect("values change, grids do not")
}

fn apply(raster: &mut Raster, tones: &[Tone]) {
    for (band, tone) in tones.iter().enumerate() {
        let scale = 1.0 / (tone.high - tone.low);
        for value in raster.band_mut(band) {
            *value = (*value - tone.low) * scale;
        }
    }
}

fn tones(seen: &[&Raster], bands: usize, samples: Samples, normalisation: Normalisation) -> Vec<Tone> {
    let between = |shares| (0..bands).map(|band| percentiles(seen, band, shares)).collect::<Vec<Tone>>();
    if normalisation == Normalisation::Contrast {
        return between(CONTRAST_SHARES);
    }
    let measured = between(MEASURED_SHARES);
    let is_dark = measured.iter().all(|tone| tone.high < DARK_BELOW);
    if samples == Samples::Display && !is_dark { vec![DISPLAY; bands] } else { measured }
}

fn percentiles(rasters: &[&Raster], band: usize, shares: [f64; 2]) -> Tone {
    let mut seen: Vec<f32> = rasters
        .iter()
        .flat_map(|raster| raster.band(band).iter().zip(raster.valid()))
        .filter(|(_, valid)| **valid)
        .map(|(value, _)| *value)
        .collect();
    if seen.is_empty() {
        return Tone { low: 0.0, high: 1.0 };
    }
    let [low, high] = shares.map(|share| {
        let at = ((seen.len() - 1) as f64 * share).round() as usize;
        *seen.select_nth_unstable_by(at, f32::total_cmp).1
    });
    // a scene without contrast has no scale of its own
    Tone { low, high: if high > low { high } else { low + low.abs().max(1.0) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryPair;

    fn measured(pair: AlignedPair) -> MemoryPair {
        MemoryPair { pair, samples: [Samples::Measured; 2] }
    }

    fn grey(values: [f32; 4], valid: [bool; 4]) -> Raster {
        Raster::new(Grid::pixels(2, 2), 1, values.to_vec(), valid.to_vec()).unwrap()
    }

    #[test]
    fn a_gain_and_an_offset_of_the_whole_scene_do_not_count() {
        let before = grey([10.0, 20.0, 30.0, 40.0], [true; 4]);
        let after = grey([25.0, 45.0, 65.0, 85.0], [true; 4]);
        let pair = AlignedPair::new(before, after).unwrap();
        let tones = PairTones::of(&measured(pair.clone()), Normalisation::Contrast).unwrap();
        let pair = normalise(pair, &tones);
        assert_eq!(pair.before().band(0), pair.after().band(0));
    }

    #[test]
    fn a_scene_of_one_large_value_stays_a_number() {
        let flat = || grey([3e8; 4], [true; 4]);
        let pair = AlignedPair::new(flat(), flat()).unwrap();
        for normalisation in [Normalisation::Display, Normalisation::Contrast] {
            let tones = PairTones::of(&measured(pair.clone()), normalisation).unwrap();
            let pair = normalise(pair.clone(), &tones);
            assert!(pair.before().band(0).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn what_was_not_observed_has_no_say() {
        let raster = grey([0.0, 10.0, 20.0, 9_999.0], [true, true, true, false]);
        assert_eq!(percentiles(&[&raster], 0, [0.0, 1.0]), Tone { low: 0.0, high: 20.0 });
    }

    #[test]
    fn a_dark_image_of_8_bits_is_stretched_and_any_other_is_as_it_is() {
        let of = |brightest: f32| {
            let values = (0..10_000).map(|at| (at % 100) as f32 / 99.0 * brightest).collect();
            let raster = Raster::new(Grid::pixels(100, 100), 1, values, vec![true; 10_000]).unwrap();
            let pair = AlignedPair::new(raster.clone(), raster).unwrap();
            let source = MemoryPair { pair, samples: [Samples::Display; 2] };
            PairTones::of(&source, Normalisation::Display).unwrap().before[0]
        };
        assert_eq!(of(20.0), Tone { low: 0.0, high: 20.0 });
        assert_eq!(of(90.0), DISPLAY);
    }

    #[test]
    fn a_large_scene_has_the_tones_of_its_parts() {
        // a fine pattern of 0 and 1000, of which an overview would keep the mean
        let of = |rows: u32, cols: u32| {
            let pixels = (rows * cols) as usize;
            let values: Vec<f32> = (0..pixels).map(|at| if at % 2 == 0 { 0.0 } else { 1_000.0 }).collect();
            let raster = Raster::new(Grid::pixels(rows, cols), 1, values, vec![true; pixels]).unwrap();
            let pair = AlignedPair::new(raster.clone(), raster).unwrap();
            PairTones::of(&measured(pair), Normalisation::Display).unwrap()
        };
        assert_eq!(of(3_001, 2_001), of(101, 201));
        assert_eq!(of(3_001, 2_001).before, [Tone { low: 0.0, high: 1_000.0 }]);
    }

    #[test]
    fn the_windows_of_the_tones_lie_within_the_grid_from_end_to_end() {
        let windows = tone_windows(&Grid::pixels(100, 3_000));
        assert_eq!(windows.len(), 5);
        assert_eq!(windows[0], Window { row: 0, col: 0, rows: 100, cols: 256 });
        assert_eq!(windows[4], Window { row: 0, col: 2_744, rows: 100, cols: 256 });
    }
}
