//! Brings raw sample values of both dates to a common range.

use crate::{pair::AlignedPair, raster::Raster, source::Samples};

/// Shares of the darkest and brightest pixels left outside the range of measured values.
const MEASURED_SHARES: [f64; 2] = [0.005, 0.995];
/// Shares between which the classical evidence measures contrast.
const CONTRAST_SHARES: [f64; 2] = [0.02, 0.98];

/// How to reach the common range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// As a person sees the image: 8-bit values as they are, measured values stretched.
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

/// Tones of every band of both dates.
#[derive(Clone, Debug, PartialEq)]
pub struct PairTones {
    before: Vec<Tone>,
    after: Vec<Tone>,
}

impl PairTones {
    /// Finds the tones from an overview of the whole scene; pixels that were not observed do not count.
    pub fn of(overview: &AlignedPair, samples: [Samples; 2], normalisation: Normalisation) -> PairTones {
        PairTones {
            before: tones(overview.before(), samples[0], normalisation),
            after: tones(overview.after(), samples[1], normalisation),
        }
    }
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

fn tones(raster: &Raster, samples: Samples, normalisation: Normalisation) -> Vec<Tone> {
    (0..raster.bands())
        .map(|band| match (normalisation, samples) {
            (Normalisation::Display, Samples::Display) => Tone { low: 0.0, high: 255.0 },
            (Normalisation::Display, Samples::Measured) => percentiles(raster, band, MEASURED_SHARES),
            (Normalisation::Contrast, _) => percentiles(raster, band, CONTRAST_SHARES),
        })
        .collect()
}

fn percentiles(raster: &Raster, band: usize, shares: [f64; 2]) -> Tone {
    let mut seen: Vec<f32> = raster
        .band(band)
        .iter()
        .zip(raster.valid())
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
    use crate::grid::Grid;

    fn grey(values: [f32; 4], valid: [bool; 4]) -> Raster {
        Raster::new(Grid::pixels(2, 2), 1, values.to_vec(), valid.to_vec()).unwrap()
    }

    #[test]
    fn a_gain_and_an_offset_of_the_whole_scene_do_not_count() {
        let before = grey([10.0, 20.0, 30.0, 40.0], [true; 4]);
        let after = grey([25.0, 45.0, 65.0, 85.0], [true; 4]);
        let pair = AlignedPair::new(before, after).unwrap();
        let tones = PairTones::of(&pair, [Samples::Measured; 2], Normalisation::Contrast);
        let pair = normalise(pair, &tones);
        assert_eq!(pair.before().band(0), pair.after().band(0));
    }

    #[test]
    fn a_scene_of_one_large_value_stays_a_number() {
        let flat = || grey([3e8; 4], [true; 4]);
        let pair = AlignedPair::new(flat(), flat()).unwrap();
        for normalisation in [Normalisation::Display, Normalisation::Contrast] {
            let tones = PairTones::of(&pair, [Samples::Measured; 2], normalisation);
            let pair = normalise(pair.clone(), &tones);
            assert!(pair.before().band(0).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn what_was_not_observed_has_no_say() {
        let raster = grey([0.0, 10.0, 20.0, 9_999.0], [true, true, true, false]);
        assert_eq!(percentiles(&raster, 0, [0.0, 1.0]), Tone { low: 0.0, high: 20.0 });
    }
}
