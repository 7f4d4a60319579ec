//! Chance that depends on a place and a seed alone, so that no order of evaluation matters.

/// Mixes a seed and two whole coordinates (SplitMix64's finaliser, Steele, Lea and Flood 2014).
pub(crate) fn hash(seed: u64, x: i64, y: i64) -> u64 {
    let mut h = seed
        .wrapping_add((x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add((y as u64).wrapping_mul(0xd1b5_4a32_d192_ed03));
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// 0 to 1.
pub(crate) fn unit(seed: u64, x: i64, y: i64) -> f64 {
    (hash(seed, x, y) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Smooth noise of a wavelength, -1 to 1.
pub(crate) fn noise(seed: u64, x: f64, y: f64, wavelength: f64) -> f64 {
    let (x, y) = (x / wavelength, y / wavelength);
    let (x0, y0) = (x.floor(), y.floor());
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease(x - x0), ease(y - y0));
    let at = |dx: i64, dy: i64| unit(seed, x0 as i64 + dx, y0 as i64 + dy);
    let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * fx;
    let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * fx;
    2.0 * (upper + (lower - upper) * fy) - 1.0
}

/// Noise of several wavelengths, each half as long and a little more than half as strong, about -1 to 1.
pub(crate) fn rough(seed: u64, x: f64, y: f64, wavelength: f64, octaves: u64) -> f64 {
    let mut sum = 0.0;
    let (mut strength, mut length) = (0.5, wavelength);
    for octave in 0..octaves {
        sum += strength * noise(seed ^ (octave + 1), x, y, length);
        strength *= 0.55;
        length /= 2.0;
    }
    sum
}

/// A stream of random numbers.
pub(crate) struct Chance {
    seed: u64,
    drawn: i64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance { seed, drawn: 0 }
    }

    /// A number in a range.
    pub(crate) fn within(&mut self, low: f64, high: f64) -> f64 {
        self.drawn += 1;
        low + (high - low) * unit(self.seed, self.drawn, 0)
    }

    /// `true` with a probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.within(0.0, 1.0) < probability
    }
}
