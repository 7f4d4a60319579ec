//! How far the after image lies from the before image, and whether that can be said at all.
//!
//! Windows all over the scene are phase-correlated (Kuglin and Hines 1975) on the strength and on the direction of
//! their gradients. Construction between the dates makes many windows useless and leaves little in the others, so no
//! window decides: the correlations of all of them are summed, as particle image velocimetry sums those of many
//! exposures (Meinhart, Wereley and Santiago 2000), and the sum must have one peak that stands out. Coarse first, on
//! overviews, then at full resolution around the coarse shift. What a window, or it and its neighbours, then say of its
//! own place, near that shift, is its residual; where the windows differ smoothly over the scene, as hills seen from two
//! sides do, a field takes the shift's place (`displacement.rs`).
//!
//! ```text
//! window ── gradients ── cross-spectrum, whitened, its fine part damped ─┬─ sum ── peak ── shift of the scene
//!                                                                        └─ peak near it ── sighting ── field
//! ```

use rayon::prelude::*;
use rustfft::{FftPlanner, num_complex::Complex32};

use crate::{
    candidate::Fit,
    displacement::{Displacement, FieldOptions, Sighting},
    grid::{Grid, Shift, Window},
    pair::AlignedPair,
    raster::Raster,
    source::{MemoryPair, PairSource},
};

/// How registration looks for the shift.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterOptions {
    /// Windows along a side of the scene, at most.
    pub windows_a_side: u32,
    /// How many times the peak of the scene must exceed the next peak elsewhere.
    pub scene_ratio_min: f32,
    /// How much more it must for every pixel that it lies away from where it was looked for.
    pub scene_ratio_per_px: f32,
    /// How many times the peak of a window must exceed the next peak elsewhere to speak for itself.
    pub window_ratio_min: f32,
    /// How many times that of a window and its neighbours together must.
    pub neighbours_ratio_min: f32,
    /// Windows whose shifts lie this close to what is applied there agree with it, pixels.
    pub agreement_px: f64,
    /// Share of the windows that must agree with it.
    pub agreement_share_min: f64,
    /// A median distance from what is applied above this is no fit, pixels.
    pub residual_px_max: f64,
    /// When a field is laid over the shift.
    pub field: FieldOptions,
}

impl Default for RegisterOptions {
    fn default() -> RegisterOptions {
        RegisterOptions {
            windows_a_side: 7,
            scene_ratio_min: 1.32,
            scene_ratio_per_px: 0.03,
            window_ratio_min: 1.6,
            neighbours_ratio_min: 1.4,
            agreement_px: 2.0,
            agreement_share_min: 0.2,
            residual_px_max: 2.0,
            field: FieldOptions::default(),
        }
    }
}

/// The shift that was found, and how far to trust it.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// Displacement of the after image in pixels of the grid, in whole ones where it is the same everywhere: a network
    /// bears half a pixel of misfit better than an image that is blurred by half a pixel.
    pub displacement: Displacement,
    /// The same for people.
    pub fit: Fit,
    /// Median distance of the windows from the displacement applied at each, pixels, if any window said something.
    pub residual_px: Option<f64>,
    /// What every window with a clear peak says of its own place.
    sightings: Vec<Sighting>,
}

impl Registration {
    /// Median distance of the windows nearest to a place (pixels to the right and down) from the displacement applied
    /// there, pixels; a window far from what is applied counts with [`RESIDUAL_PX_MAX`]. `None` where no shift of the
    /// scene stands out, so that no window could say anything.
    pub fn residual_px_near(&self, place: [f64; 2]) -> Option<f64> {
        let mut near: Vec<&Sighting> = self.sightings.iter().collect();
        near.sort_by(|a, b| a.away(place).total_cmp(&b.away(place)));
        let left = near.iter().take(WINDOWS_NEAR).map(|seen| left_px(&self.displacement, seen));
        median(left.map(|px| px.min(RESIDUAL_PX_MAX)).collect())
    }
}

/// Longer side of the overview for the coarse search, pixels.
const OVERVIEW_PX: u32 = 1_024;
/// How many times the overview is reduced for the first look, which sees the farthest; less where it is too thin.
const FIRST_LOOK: u32 = 4;
/// Shorter side that the overview of a thin scene keeps for the search, pixels, unless it becomes too large.
const THIN_OVERVIEW_PX: u32 = 256;
/// Most pixels of that.
const THIN_OVERVIEW_AREA_PX: u64 = 4 << 20;
/// Sides of windows, largest first: the largest that leaves a few windows is taken.
const WINDOW_SIDES_PX: [u32; 2] = [128, 64];
/// Scenes with so many windows along their shorter side have the larger ones.
const WINDOWS_ALONG_MIN: u32 = 4;
/// Share of a window that must be observed on both dates.
const WINDOW_VALID_SHARE_MIN: f64 = 0.6;
/// Share of a window's side that a shift of the scene may be; farther, too little of the window is seen twice.
const REACH_SHARE: f64 = 0.375;
/// Pixels around the peak that do not count as another peak: as wide as the damped peak is.
const PEAK_RADIUS_PX: i64 = 6;
/// Standard deviation of what is left of the spectrum, cycles a pixel: finer detail differs between dates by season,
/// sun and compression.
const SPECTRUM_SIGMA: f32 = 0.1;
/// Share of a spectrum's largest power below which a frequency carries noise only.
const SPECTRUM_FLOOR: f32 = 1e-4;
/// Fewest windows that say anything together.
const WINDOWS_MIN: usize = 3;
/// Windows that speak for the ground around a place.
const WINDOWS_NEAR: usize = 3;
/// A window that says something else altogether lies this far from what is applied, pixels.
const RESIDUAL_PX_MAX: f64 = 8.0;

/// Reduction of the overview that registration and radiometry look at: a thin scene is reduced to one row at most.
pub fn overview_reduction(grid: &Grid) -> u32 {
    grid.rows.max(grid.cols).div_ceil(OVERVIEW_PX).min(grid.rows.min(grid.cols)).max(1)
}

/// Finds the displacement of the after image.
///
/// # Errors
/// When the source cannot be read.
pub fn register<S: PairSource>(
    source: &S,
    overview: &AlignedPair,
    options: &RegisterOptions,
) -> Result<Registration, S::Error> {
    let reduction = search_reduction(source.grid());
    let small = if reduction == overview_reduction(source.grid()) {
        MemoryPair::display(overview.clone())
    } else {
        MemoryPair::display(source.overview(reduction)?)
    };
    let mut around = Shift::default();
    let first_look = FIRST_LOOK.min(shorter_side(small.grid()) / WINDOW_SIDES_PX[1]);
    if first_look > 1 {
        let smaller = small.overview(first_look).unwrap_or_else(|never| match never {});
        around = nearer(&MemoryPair::display(smaller), first_look * reduction, around, options);
    }
    if reduction > 1 {
        around = nearer(&small, reduction, around, options);
    }
    let seen = Seen::of(source, around.rounded(), options)?;
    Ok(registration(source.grid(), valid_share(overview), &seen, options))
}

/// How far a scene is reduced for the search: as for its radiometry, but a thin one less, or no window would fit in.
fn search_reduction(grid: &Grid) -> u32 {
    let thin = (shorter_side(grid) / THIN_OVERVIEW_PX).max(1);
    let within = (grid.len() as u64).div_ceil(THIN_OVERVIEW_AREA_PX).isqrt() as u32 + 1;
    overview_reduction(grid).min(thin.max(within))
}

fn shorter_side(grid: &Grid) -> u32 {
    grid.rows.min(grid.cols)
}

/// What an overview says of a shift in pixels of the whole scene; the shift itself where no other stands out.
fn nearer(overview: &MemoryPair, reduction: u32, around: Shift, options: &RegisterOptions) -> Shift {
    let scale = f64::from(reduction);
    let near = around.scaled(1.0 / scale).rounded();
    let seen = Seen::of(overview, near, options).unwrap_or_else(|never| match never {});
    seen.shift(options).map_or(around, |shift| shift.scaled(scale))
}

fn registration(grid: &Grid, valid_share: f64, seen: &Seen, options: &RegisterOptions) -> Registration {
    let agreed = seen.shift(options);
    let shift = agreed.unwrap_or_default();
    let sightings = agreed.map_or_else(Vec::new, |shift| seen.sightings(shift, options));
    let measured = Displacement::fitted(grid, shift, &sightings, &options.field);
    let displacement = if measured.varies() { measured } else { Displacement::from(shift.rounded()) };
    let left_px: Vec<f64> = sightings.iter().map(|seen| left_px(&displacement, seen)).collect();
    let windows_used = left_px.iter().filter(|left| **left <= options.agreement_px).count() as u32;
    let residual_px = median(left_px);
    let apart_px = residual_px.filter(|px| *px > options.residual_px_max);
    let agreeing_min = options.agreement_share_min * seen.observed() as f64;
    let reason = if valid_share == 0.0 {
        Some("no pixel was observed on both dates".to_owned())
    } else if seen.observed() < WINDOWS_MIN {
        let (observed, tried) = (seen.observed(), seen.windows.len());
        Some(format!("{observed} of {tried} windows can be compared but {WINDOWS_MIN} are needed"))
    } else if agreed.is_none() {
        Some("no shift of the after image brings the two together".to_owned())
    } else if f64::from(windows_used) < agreeing_min {
        let observed = seen.observed();
        Some(format!(
            "only {windows_used} of {observed} windows agree with the shift that they have together"
        ))
    } else {
        apart_px.map(|px| format!("windows lie {px:.1} px from the shift that they have together"))
    };
    let fit = Fit {
        shift_east_m: told(shift.right_px) * grid.pixel_m,
        shift_north_m: told(-shift.down_px) * grid.pixel_m,
        residual_m: residual_px.map(|px| px * grid.pixel_m),
        valid_share,
        windows_used,
        windows_tried: seen.windows.len() as u32,
        registrable: reason.is_none(),
        reason,
    };
    Registration { displacement, fit, residual_px, sightings }
}

/// A shift to a hundredth of a pixel, since more is not known of it; none is 0, not minus 0.
fn told(px: f64) -> f64 {
    (px * 100.0).round() / 100.0 + 0.0
}

/// How far a window's own shift is from the displacement applied at its middle, pixels.
fn left_px(displacement: &Displacement, seen: &Sighting) -> f64 {
    seen.shift.apart(displacement.at(seen.middle[0], seen.middle[1]))
}

fn valid_share(overview: &AlignedPair) -> f64 {
    let pixels = overview.grid().len();
    (0..pixels).filter(|&index| overview.both_valid(index)).count() as f64 / pixels.max(1) as f64
}

/// Middle of the values, if there are any.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (lower, upper) = (values.get(values.len().saturating_sub(1) / 2)?, values[values.len() / 2]);
    Some((lower + upper) / 2.0)
}

/// What the windows of a scene saw.
struct Seen {
    /// Side of a window, pixels.
    side: usize,
    /// Where the after image was looked for.
    around: Shift,
    /// In rows.
    windows: Vec<Window>,
    /// Windows of a row.
    across: usize,
    /// The whitened cross-spectrum of each window; `None` where too little was observed.
    spectra: Vec<Option<Vec<Complex32>>>,
}

impl Seen {
    /// Looks at windows all over the scene, in a fixed order.
    fn of<S: PairSource>(source: &S, around: Shift, options: &RegisterOptions) -> Result<Seen, S::Error> {
        let windows = windows(source.grid(), options);
        let spectra = windows
            .par_iter()
            .map(|window| Ok(cross_spectrum(&source.read(*window, &around.into())?)))
            .collect::<Result<_, _>>()?;
        let side = windows.first().map_or(0, |window| window.rows as usize);
        let across = windows.iter().take_while(|window| window.row == windows[0].row).count();
        Ok(Seen { side, around, windows, across, spectra })
    }

    /// Windows of which enough was observed.
    fn observed(&self) -> usize {
        self.spectra.iter().flatten().count()
    }

    /// The shift that the windows have together, if it stands out.
    fn shift(&self, options: &RegisterOptions) -> Option<Shift> {
        if self.observed() < WINDOWS_MIN {
            return None;
        }
        let sum = self.sum(0..self.windows.len());
        let peak = Correlation::of(sum, self.side).peak(Shift::default(), self.reach())?;
        let away = peak.shift.apart(Shift::default()) as f32;
        (peak.ratio >= options.scene_ratio_min + options.scene_ratio_per_px * away)
            .then(|| self.around.plus(peak.shift))
    }

    /// How far from where it was looked for a shift may be, pixels.
    fn reach(&self) -> i64 {
        (self.side as f64 * REACH_SHARE) as i64
    }

    /// The spectra of some windows together, in their order, so that the result does not depend on that of threads.
    fn sum(&self, numbers: impl Iterator<Item = usize>) -> Vec<Complex32> {
        let mut sum = vec![Complex32::default(); self.side * self.side];
        for spectrum in numbers.filter_map(|number| self.spectra[number].as_ref()) {
            sum.iter_mut().zip(spectrum).for_each(|(sum, value)| *sum += value);
        }
        sum
    }

    /// A window and those next to it.
    fn neighbours(&self, number: usize) -> impl Iterator<Item = usize> {
        let (row, col) = (number / self.across, number % self.across);
        let rows = row.saturating_sub(1)..=(row + 1).min(self.windows.len() / self.across - 1);
        let cols = col.saturating_sub(1)..=(col + 1).min(self.across - 1);
        rows.flat_map(move |row| cols.clone().map(move |col| row * self.across + col))
    }

    /// What each window says of its own place near a shift of the scene, or, where its own peak does not stand out, what
    /// it says together with its neighbours.
    fn sightings(&self, shift: Shift, options: &RegisterOptions) -> Vec<Sighting> {
        let from_around = shift.plus(self.around.scaled(-1.0));
        let clear = |spectrum: Vec<Complex32>, ratio_min: f32| {
            let peak = Correlation::of(spectrum, self.side).peak(from_around, self.reach())?;
            let near = peak.shift.apart(from_around) <= options.field.offset_px_max;
            (near && peak.ratio >= ratio_min).then(|| self.around.plus(peak.shift))
        };
        (0..self.windows.len())
            .into_par_iter()
            .filter_map(|number| {
                let own = self.spectra[number].clone()?;
                let shift = clear(own, options.window_ratio_min)
                    .or_else(|| clear(self.sum(self.neighbours(number)), options.neighbours_ratio_min))?;
                Some(Sighting { middle: self.windows[number].middle(), shift })
            })
            .collect()
    }
}

fn windows(grid: &Grid, options: &RegisterOptions) -> Vec<Window> {
    let shorter = shorter_side(grid);
    let smallest = WINDOW_SIDES_PX[WINDOW_SIDES_PX.len() - 1];
    let Some(side) =
        WINDOW_SIDES_PX.into_iter().find(|side| side * WINDOWS_ALONG_MIN <= shorter || *side == smallest)
    else {
        return Vec::new();
    };
    if side > shorter {
        return Vec::new();
    }
    let starts = |size: u32| -> Vec<u32> {
        // half overlapping at the most
        let count = (2 * size / side - 1).clamp(1, options.windows_a_side);
        (0..count).map(|at| if count == 1 { 0 } else { at * (size - side) / (count - 1) }).collect()
    };
    let cols = starts(grid.cols);
    starts(grid.rows)
        .into_iter()
        .flat_map(|row| cols.iter().map(move |col| Window { row, col: *col, rows: side, cols: side }))
        .collect()
}

/// The whitened cross-spectrum of a window, its fine part damped; `None` where too little was observed or there is
/// nothing to see.
fn cross_spectrum(pair: &AlignedPair) -> Option<Vec<Complex32>> {
    let side = pair.grid().rows as usize;
    let seen = pair.all_both_valid();
    let observed = seen.iter().filter(|seen| **seen).count();
    if (observed as f64) < WINDOW_VALID_SHARE_MIN * (side * side) as f64 {
        return None;
    }
    let before = Gradients::of(pair.before(), &seen, side)?;
    let after = Gradients::of(pair.after(), &seen, side)?;
    let fft = FftPlanner::new().plan_fft_forward(side);
    let mut sum = vec![Complex32::default(); side * side];
    for (mut before, mut after) in [(before.strength, after.strength), (before.direction, after.direction)] {
        transform_both_ways(&mut before, side, fft.as_ref());
        transform_both_ways(&mut after, side, fft.as_ref());
        let largest = before.iter().zip(&after).map(|(b, a)| (a * b.conj()).norm()).fold(0.0, f32::max);
        let floor = largest * SPECTRUM_FLOOR + f32::MIN_POSITIVE;
        for (sum, (b, a)) in sum.iter_mut().zip(before.iter().zip(&after)) {
            let product = a * b.conj();
            *sum += product / (product.norm() + floor);
        }
    }
    let damped: Vec<f32> = (0..side)
        .map(|at| {
            let cycles = at.min(side - at) as f32 / side as f32;
            (-0.5 * (cycles / SPECTRUM_SIGMA).powi(2)).exp()
        })
        .collect();
    for (index, value) in sum.iter_mut().enumerate() {
        *value *= damped[index / side] * damped[index % side];
    }
    // a fill value that nothing declares would make every other window useless
    sum.iter().all(|value| value.is_finite()).then_some(sum)
}

/// Gradients of the mean of the bands of a window, tapered towards its edge and without their mean.
struct Gradients {
    /// Their length.
    strength: Vec<Complex32>,
    /// Their length, at twice their angle: edges of bright on dark and of dark on bright look alike (after Fitch and
    /// others 2002).
    direction: Vec<Complex32>,
}

impl Gradients {
    /// `None` where there are none.
    fn of(raster: &Raster, seen: &[bool], side: usize) -> Option<Gradients> {
        let mut grey = vec![0.0; side * side];
        for band in 0..raster.bands() {
            grey.iter_mut().zip(raster.band(band)).for_each(|(sum, value)| *sum += value);
        }
        let mut strength = vec![Complex32::default(); side * side];
        let mut direction = strength.clone();
        let mut told = vec![false; side * side];
        for row in 1..side - 1 {
            for col in 1..side - 1 {
                let index = row * side + col;
                if ![index, index - 1, index + 1, index - side, index + side].iter().all(|&at| seen[at]) {
                    continue;
                }
                let gradient = Complex32::new(
                    grey[index + 1] - grey[index - 1],
                    grey[index + side] - grey[index - side],
                );
                let length = gradient.norm();
                strength[index] = length.into();
                direction[index] = gradient * gradient / (length + f32::MIN_POSITIVE);
                told[index] = true;
            }
        }
        let taper: Vec<f32> = (0..side)
            .map(|at| 0.5 - 0.5 * (2.0 * std::f32::consts::PI * (at as f32 + 0.5) / side as f32).cos())
            .collect();
        let count = told.iter().filter(|told| **told).count() as f32;
        if strength.iter().all(|length| length.re == 0.0) {
            return None;
        }
        for values in [&mut strength, &mut direction] {
            let mean = values.iter().sum::<Complex32>() / count;
            for (index, value) in values.iter_mut().enumerate().filter(|(index, _)| told[*index]) {
                *value = (*value - mean) * taper[index / side] * taper[index % side];
            }
        }
        Some(Gradients { strength, direction })
    }
}

fn transform_both_ways(image: &mut [Complex32], side: usize, fft: &dyn rustfft::Fft<f32>) {
    for _ in 0..2 {
        fft.process(image);
        for row in 0..side {
            for col in row + 1..side {
                image.swap(row * side + col, col * side + row);
            }
        }
    }
}

/// A peak of a correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Peak {
    shift: Shift,
    /// How many times it is as high as the next one.
    ratio: f32,
}

/// Correlation by displacement of the after image against the before image, wrapped around.
struct Correlation {
    side: usize,
    values: Vec<f32>,
}

impl Correlation {
    fn of(mut spectrum: Vec<Complex32>, side: usize) -> Correlation {
        transform_both_ways(&mut spectrum, side, FftPlanner::new().plan_fft_inverse(side).as_ref());
        Correlation { side, values: spectrum.iter().map(|value| value.re).collect() }
    }

    fn at(&self, right: i64, down: i64) -> f32 {
        let wrapped = |at: i64| at.rem_euclid(self.side as i64) as usize;
        self.values[wrapped(down) * self.side + wrapped(right)]
    }

    /// The highest place within `reach` pixels of a shift to either side.
    fn peak(&self, about: Shift, reach: i64) -> Option<Peak> {
        let (about_right, about_down) = (about.right_px.round() as i64, about.down_px.round() as i64);
        let places = || {
            let across = (about_right - reach)..=(about_right + reach);
            ((about_down - reach)..=(about_down + reach))
                .flat_map(move |down| across.clone().map(move |right| (right, down)))
        };
        let (mut right, mut down, mut highest) = (0, 0, f32::NEG_INFINITY);
        for (r, d) in places() {
            if self.at(r, d) > highest {
                (right, down, highest) = (r, d, self.at(r, d));
            }
        }
        let next = places()
            .filter(|(r, d)| (r - right).abs().max((d - down).abs()) > PEAK_RADIUS_PX)
            .map(|(r, d)| self.at(r, d))
            .fold(0.0, f32::max);
        let value = |right: i64, down: i64| f64::from(self.at(right, down));
        (highest > 0.0).then(|| Peak {
            shift: Shift {
                right_px: right as f64
                    + vertex(value(right - 1, down), value(right, down), value(right + 1, down)),
                down_px: down as f64
                    + vertex(value(right, down - 1), value(right, down), value(right, down + 1)),
            },
            ratio: highest / next.max(f32::MIN_POSITIVE),
        })
    }
}

/// Place of the highest point of the parabola through three values, from the middle one, -0.5 to 0.5.
fn vertex(left: f64, middle: f64, right: f64) -> f64 {
    let bend = left - 2.0 * middle + right;
    if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryPair;

    /// Value noise: random heights every few pixels, bilinear between, the same for the same place.
    fn ground(right: f64, down: f64) -> f32 {
        let hash = |x: i64, y: i64| {
            let mut h = (x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ (y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
            h ^= h >> 29;
            h = h.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((h >> 40) & 0xff) as f64
        };
        let (x, y) = (right / 5.0, down / 5.0);
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let at = |dx: i64, dy: i64| hash(x0 as i64 + dx, y0 as i64 + dy);
        let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * fx;
        let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * fx;
        (upper + (lower - upper) * fy) as f32
    }

    fn scene(side: u32, right: f64, down: f64) -> Raster {
        strip(side, side, right, down)
    }

    fn strip(rows: u32, cols: u32, right: f64, down: f64) -> Raster {
        let values = (0..rows * cols)
            .map(|at| ground(f64::from(at % cols) - right, f64::from(at / cols) - down))
            .collect();
        Raster::new(Grid::pixels(rows, cols), 1, values, vec![true; (rows * cols) as usize]).unwrap()
    }

    fn registered(before: Raster, after: Raster) -> Registration {
        let source = MemoryPair::display(AlignedPair::new(before, after).unwrap());
        let reduction = overview_reduction(source.grid());
        let overview = source.overview(reduction).unwrap();
        register(&source, &overview, &RegisterOptions::default()).unwrap()
    }

    #[test]
    fn a_shift_is_found_to_a_fraction_of_a_pixel() {
        let found = registered(scene(512, 0.0, 0.0), scene(512, 2.4, -1.7));
        assert!(found.fit.registrable);
        assert!((found.fit.shift_east_m - 2.4).abs() < 0.2, "{:?}", found.fit);
        assert!((found.fit.shift_north_m - 1.7).abs() < 0.2, "{:?}", found.fit);
        assert_eq!(found.displacement, Shift { right_px: 2.0, down_px: -2.0 }.into());
    }

    #[test]
    fn a_thin_scene_is_searched_as_far_as_it_is_wide() {
        for (rows, cols, right) in [(240, 1_000, 60.0), (300, 6_000, 90.0)] {
            let found = registered(strip(rows, cols, 0.0, 0.0), strip(rows, cols, right, -3.0));
            assert!(found.fit.registrable, "{:?}", found.fit);
            assert_eq!(found.displacement, Shift { right_px: right, down_px: -3.0 }.into());
        }
    }

    #[test]
    fn a_fill_value_that_nothing_declares_makes_its_own_window_useless_alone() {
        let mut after: Vec<f32> = scene(512, 5.0, 2.0).band(0).to_vec();
        after[100 * 512 + 100] = f32::MIN;
        let after = Raster::new(Grid::pixels(512, 512), 1, after, vec![true; 512 * 512]).unwrap();
        let found = registered(scene(512, 0.0, 0.0), after);
        assert_eq!(found.displacement, Shift { right_px: 5.0, down_px: 2.0 }.into(), "{:?}", found.fit);
    }

    #[test]
    fn identical_images_have_no_shift_at_all() {
        let found = registered(scene(300, 0.0, 0.0), scene(300, 0.0, 0.0));
        assert_eq!(found.displacement, Displacement::default());
        assert!(found.fit.registrable);
    }

    #[test]
    fn images_of_two_places_do_not_fit() {
        for side in [256, 512] {
            let found = registered(scene(side, 0.0, 0.0), scene(side, 9_000.0, 4_000.0));
            assert!(!found.fit.registrable, "{:?}", found.fit);
            assert!(found.fit.reason.is_some());
            assert_eq!(found.displacement, Displacement::default());
        }
    }

    /// The second image, of which all but the stripes of `kept` columns in every 64 is another place.
    fn rebuilt(side: u32, kept: u32, same: &Raster, other: &Raster) -> Raster {
        let value = |at: u32| if at % side % 64 < kept { same.band(0) } else { other.band(0) }[at as usize];
        let values = (0..side * side).map(value).collect();
        Raster::new(Grid::pixels(side, side), 1, values, vec![true; (side * side) as usize]).unwrap()
    }

    #[test]
    fn a_place_that_was_rebuilt_is_known_by_what_is_left_of_it() {
        let side = 256;
        let after = rebuilt(side, 24, &scene(side, 3.0, -2.0), &scene(side, 9_000.0, 4_000.0));
        let found = registered(scene(side, 0.0, 0.0), after);
        assert!(found.fit.registrable, "{:?}", found.fit);
        assert_eq!(found.displacement, Shift { right_px: 3.0, down_px: -2.0 }.into());
    }

    #[test]
    fn a_shift_of_many_pixels_is_found_from_afar() {
        let found = registered(scene(1_024, 0.0, 0.0), scene(1_024, -61.0, 40.0));
        assert!(found.fit.registrable, "{:?}", found.fit);
        assert_eq!(found.displacement, Shift { right_px: -61.0, down_px: 40.0 }.into());
    }

    #[test]
    fn what_was_not_observed_on_both_dates_does_not_hold_the_images_together() {
        let side = 256_u32;
        let framed = |raster: Raster| {
            let valid = (0..side * side).map(|at| (at % side).abs_diff(side / 2) < 100).collect();
            Raster::new(Grid::pixels(side, side), 1, raster.band(0).to_vec(), valid).unwrap()
        };
        let found = registered(framed(scene(side, 0.0, 0.0)), framed(scene(side, 4.0, 5.0)));
        assert_eq!(found.displacement, Shift { right_px: 4.0, down_px: 5.0 }.into(), "{:?}", found.fit);
        let found = registered(framed(scene(side, 0.0, 0.0)), framed(scene(side, 9_000.0, 4_000.0)));
        assert!(!found.fit.registrable, "{:?}", found.fit);
    }

    #[test]
    fn images_without_anything_to_hold_on_to_tell_no_residual() {
        let flat =
            || Raster::new(Grid::pixels(256, 256), 1, vec![7.0; 256 * 256], vec![true; 256 * 256]).unwrap();
        let found = registered(flat(), flat());
        assert!(!found.fit.registrable, "{:?}", found.fit);
        assert_eq!(found.fit.residual_m, None);
        assert_eq!(found.residual_px_near([128.0, 128.0]), None);
    }

    #[test]
    fn a_hill_seen_from_two_sides_is_followed() {
        let side = 1_024_u32;
        let lean = |right: f64, down: f64| {
            let away = (right - 512.0).hypot(down - 512.0) / 260.0;
            1.0 + 4.0 * (-0.5 * away * away).exp()
        };
        let values = (0..side * side)
            .map(|at| (f64::from(at % side), f64::from(at / side)))
            .map(|(right, down)| ground(right - lean(right, down), down))
            .collect();
        let after =
            Raster::new(Grid::pixels(side, side), 1, values, vec![true; (side * side) as usize]).unwrap();
        let found = registered(scene(side, 0.0, 0.0), after);
        assert!(found.fit.registrable && found.displacement.varies(), "{:?}", found.fit);
        for place in [[512.0, 512.0], [128.0, 128.0], [896.0, 512.0], [512.0, 300.0]] {
            let apart = found.displacement.at(place[0], place[1]).right_px - lean(place[0], place[1]);
            assert!(apart.abs() < 1.0, "{apart} px off at {place:?}");
        }
        assert!(found.fit.residual_m.unwrap() < 0.7, "{:?}", found.fit);
    }
}
