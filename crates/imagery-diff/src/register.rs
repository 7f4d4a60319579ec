//! How far the after image lies from the before image, and whether that can be said at all.
//!
//! Windows all over the scene are phase-correlated (Kuglin and Hines 1975) on their gradient magnitude,
//! each with a parabola through its peak for the fraction of a pixel. Construction between the dates makes
//! many windows useless, so a window counts only with a peak that stands out, and the shift is what most of
//! those windows agree on. Coarse first, on an overview, then at full resolution around the coarse shift. Where the
//! windows then differ smoothly over the scene, as hills seen from two sides do, a field takes the shift's place
//! (`displacement.rs`).

use rayon::prelude::*;
use rustfft::{FftPlanner, num_complex::Complex32};

use crate::{
    candidate::Fit,
    displacement::{Displacement, FieldOptions, Sighting},
    grid::{Grid, Shift, Window},
    pair::AlignedPair,
    raster::Raster,
    source::PairSource,
};

/// How registration looks for the shift.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterOptions {
    /// Windows along a side of the scene, at most.
    pub windows_a_side: u32,
    /// How many times the peak of a window must exceed the next peak elsewhere in it.
    pub peak_ratio_min: f32,
    /// Windows whose shifts lie this close agree, pixels.
    pub agreement_px: f64,
    /// Share of the windows with a peak that must agree.
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
            peak_ratio_min: 1.25,
            agreement_px: 2.0,
            agreement_share_min: 0.3,
            residual_px_max: 3.0,
            field: FieldOptions::default(),
        }
    }
}

/// The shift that was found, and how far to trust it.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// Displacement of the after image in pixels of the grid.
    pub displacement: Displacement,
    /// The same for people.
    pub fit: Fit,
    /// What every window with a clear peak says of its own place.
    sightings: Vec<Sighting>,
}

impl Registration {
    /// Median distance of the windows nearest to a place (pixels to the right and down) from the displacement applied
    /// there, pixels; a window far from what is applied counts with [`RESIDUAL_PX_MAX`].
    pub fn residual_px_near(&self, place: [f64; 2]) -> f64 {
        let mut near: Vec<&Sighting> = self.sightings.iter().collect();
        near.sort_by(|a, b| a.away(place).total_cmp(&b.away(place)));
        let left = near.iter().take(WINDOWS_NEAR).map(|seen| left_px(&self.displacement, seen));
        median(left.map(|px| px.min(RESIDUAL_PX_MAX)).collect())
    }
}

/// Longer side of the overview for the coarse search, pixels.
const OVERVIEW_PX: u32 = 1_024;
/// Sides of windows, largest first: the largest that leaves a few windows is taken.
const WINDOW_SIDES_PX: [u32; 3] = [256, 128, 64];
/// Share of a window that must be observed on both dates.
const WINDOW_VALID_SHARE_MIN: f64 = 0.6;
/// Pixels around the peak that do not count as another peak.
const PEAK_RADIUS_PX: i64 = 3;
/// Shifts below this are measured as nothing and cost a resampling: none is applied.
const SHIFT_PX_MIN: f64 = 0.08;
/// Fewest agreeing windows that say anything.
const AGREEING_MIN: usize = 3;
/// Windows that speak for the ground around a place.
const WINDOWS_NEAR: usize = 3;
/// A window that says something else altogether lies this far from what is applied, pixels.
const RESIDUAL_PX_MAX: f64 = 8.0;

/// Reduction of the overview that registration and radiometry look at.
pub fn overview_reduction(grid: &Grid) -> u32 {
    grid.rows.max(grid.cols).div_ceil(OVERVIEW_PX).max(1)
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
    let reduction = overview_reduction(source.grid());
    let coarse = if reduction == 1 {
        Shift::default()
    } else {
        let small = crate::source::MemoryPair::display(overview.clone());
        let peaks = window_peaks(&small, Shift::default(), options).unwrap_or_else(|never| match never {});
        let sightings: Vec<Sighting> = peaks.into_iter().flatten().collect();
        agreed(&sightings, options).map_or(Shift::default(), |shift| Shift {
            right_px: (shift.right_px * f64::from(reduction)).round(),
            down_px: (shift.down_px * f64::from(reduction)).round(),
        })
    };
    let peaks = window_peaks(source, coarse, options)?;
    Ok(registration(source.grid(), valid_share(overview), &peaks, options))
}

/// What each window says of its own place; `None` where its peak does not stand out.
type Peaks = Vec<Option<Sighting>>;

fn registration(grid: &Grid, valid_share: f64, peaks: &Peaks, options: &RegisterOptions) -> Registration {
    let sightings: Vec<Sighting> = peaks.iter().flatten().copied().collect();
    let agreed = agreed(&sightings, options);
    let shift = agreed.map_or(Shift::default(), applied);
    let displacement = match agreed {
        Some(_) => Displacement::fitted(grid, shift, &sightings, &options.field),
        None => Displacement::default(),
    };
    let left_px: Vec<f64> = sightings.iter().map(|seen| left_px(&displacement, seen)).collect();
    let used: Vec<f64> = left_px.iter().copied().filter(|left| *left <= options.agreement_px).collect();
    // windows that agree on nothing are told as what they are: far apart
    let residual_px = median(if agreed.is_some() { used.clone() } else { left_px });
    let reason = if valid_share == 0.0 {
        Some("no pixel was observed on both dates".to_owned())
    } else if agreed.is_none() {
        let (clear, tried) = (sightings.len(), peaks.len());
        Some(format!(
            "the windows do not agree on a shift: {clear} of {tried} have a clear one, and those differ"
        ))
    } else if residual_px > options.residual_px_max {
        Some(format!("windows lie {residual_px:.1} px from the shift they agree on"))
    } else {
        None
    };
    let fit = Fit {
        shift_east_m: shift.right_px * grid.pixel_m,
        shift_north_m: -shift.down_px * grid.pixel_m,
        residual_m: (!sightings.is_empty()).then_some(residual_px * grid.pixel_m),
        valid_share,
        windows_used: agreed.map_or(0, |_| used.len() as u32),
        windows_tried: peaks.len() as u32,
        registrable: reason.is_none(),
        reason,
    };
    Registration { displacement, fit, sightings }
}

/// How far a window's own shift is from the displacement applied at its middle, pixels.
fn left_px(displacement: &Displacement, seen: &Sighting) -> f64 {
    seen.shift.apart(displacement.at(seen.middle[0], seen.middle[1]))
}

/// A shift to a hundredth of a pixel, or none where it is too small to be worth a resampling.
fn applied(shift: Shift) -> Shift {
    if shift.right_px.hypot(shift.down_px) < SHIFT_PX_MIN {
        return Shift::default();
    }
    let rounded = |px: f64| (px * 100.0).round() / 100.0;
    Shift { right_px: rounded(shift.right_px), down_px: rounded(shift.down_px) }
}

fn valid_share(overview: &AlignedPair) -> f64 {
    let pixels = overview.grid().len();
    (0..pixels).filter(|&index| overview.both_valid(index)).count() as f64 / pixels.max(1) as f64
}

/// The shift that the most windows agree on, if enough do.
fn agreed(sightings: &[Sighting], options: &RegisterOptions) -> Option<Shift> {
    let near = |centre: Shift| -> Vec<Shift> {
        let shifts = sightings.iter().map(|seen| seen.shift);
        shifts.filter(|shift| shift.apart(centre) <= options.agreement_px).collect()
    };
    // ties go to the first window, so that the result does not depend on the order of threads
    let mut best: Vec<Shift> = Vec::new();
    for centre in sightings {
        let agreeing = near(centre.shift);
        if agreeing.len() > best.len() {
            best = agreeing;
        }
    }
    let enough = AGREEING_MIN.max((sightings.len() as f64 * options.agreement_share_min).ceil() as usize);
    (best.len() >= enough).then(|| Shift {
        right_px: median(best.iter().map(|shift| shift.right_px).collect()),
        down_px: median(best.iter().map(|shift| shift.down_px).collect()),
    })
}

/// Middle of the values, 0 where there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Looks at windows all over the scene, in a fixed order.
fn window_peaks<S: PairSource>(
    source: &S,
    around: Shift,
    options: &RegisterOptions,
) -> Result<Peaks, S::Error> {
    let windows = windows(source.grid(), options);
    windows
        .par_iter()
        .map(|window| {
            let pair = source.read(*window, &around.into())?;
            Ok(peak(&pair, options).map(|shift| Sighting {
                middle: window.middle(),
                shift: Shift {
                    right_px: around.right_px + shift.right_px,
                    down_px: around.down_px + shift.down_px,
                },
            }))
        })
        .collect()
}

fn windows(grid: &Grid, options: &RegisterOptions) -> Vec<Window> {
    let shorter = grid.rows.min(grid.cols);
    let Some(side) = WINDOW_SIDES_PX.into_iter().find(|side| side * 2 <= shorter || *side == 64) else {
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

/// The displacement of the after image in one window; `None` where no peak stands out.
fn peak(pair: &AlignedPair, options: &RegisterOptions) -> Option<Shift> {
    let side = pair.grid().rows as usize;
    let seen = (0..side * side).filter(|&index| pair.both_valid(index)).count();
    if (seen as f64) < WINDOW_VALID_SHARE_MIN * (side * side) as f64 {
        return None;
    }
    let seen_on_both: Vec<bool> = (0..side * side).map(|index| pair.both_valid(index)).collect();
    let correlation = phase_correlation(
        gradient(pair.before(), &seen_on_both, side)?,
        gradient(pair.after(), &seen_on_both, side)?,
        side,
    );
    stand_out(&correlation, side, options.peak_ratio_min)
}

/// Gradient magnitude of the mean of the bands, tapered towards the window's edge; `None` without any.
fn gradient(raster: &Raster, seen: &[bool], side: usize) -> Option<Vec<Complex32>> {
    let grey = |index: usize| (0..raster.bands()).map(|band| raster.band(band)[index]).sum::<f32>();
    let taper: Vec<f32> = (0..side)
        .map(|at| 0.5 - 0.5 * (2.0 * std::f32::consts::PI * (at as f32 + 0.5) / side as f32).cos())
        .collect();
    let mut magnitude = vec![0.0; side * side];
    for row in 1..side - 1 {
        for col in 1..side - 1 {
            let index = row * side + col;
            if [index, index - 1, index + 1, index - side, index + side].iter().all(|&at| seen[at]) {
                let right = grey(index + 1) - grey(index - 1);
                let down = grey(index + side) - grey(index - side);
                magnitude[index] = right.hypot(down);
            }
        }
    }
    let mean = magnitude.iter().sum::<f32>() / magnitude.len() as f32;
    if mean <= 0.0 {
        return None;
    }
    let tapered = magnitude.iter().enumerate().map(|(index, value)| {
        Complex32::new((value - mean) * taper[index / side] * taper[index % side], 0.0)
    });
    Some(tapered.collect())
}

/// Correlation by displacement of the second against the first, wrapped around.
fn phase_correlation(mut before: Vec<Complex32>, mut after: Vec<Complex32>, side: usize) -> Vec<f32> {
    let mut planner = FftPlanner::new();
    let forward = planner.plan_fft_forward(side);
    let inverse = planner.plan_fft_inverse(side);
    for image in [&mut before, &mut after] {
        transform_both_ways(image, side, forward.as_ref());
    }
    let largest = before.iter().zip(&after).map(|(b, a)| (a * b.conj()).norm()).fold(0.0, f32::max);
    // frequencies with next to no power carry noise only
    let floor = largest * 1e-4 + f32::MIN_POSITIVE;
    let mut cross: Vec<Complex32> = before
        .iter()
        .zip(&after)
        .map(|(b, a)| {
            let product = a * b.conj();
            product / (product.norm() + floor)
        })
        .collect();
    transform_both_ways(&mut cross, side, inverse.as_ref());
    cross.iter().map(|value| value.re).collect()
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

/// The peak of a correlation as a shift, if it exceeds every other peak by `ratio_min`.
fn stand_out(correlation: &[f32], side: usize, ratio_min: f32) -> Option<Shift> {
    let (at, highest) = correlation
        .iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (at, value)| if *value > best.1 { (at, *value) } else { best });
    let (row, col) = ((at / side) as i64, (at % side) as i64);
    let wrapped = |a: i64, b: i64| {
        let apart = (a - b).rem_euclid(side as i64);
        apart.min(side as i64 - apart)
    };
    let next = correlation
        .iter()
        .enumerate()
        .filter(|(other, _)| {
            let (r, c) = ((other / side) as i64, (other % side) as i64);
            wrapped(r, row).max(wrapped(c, col)) > PEAK_RADIUS_PX
        })
        .map(|(_, value)| *value)
        .fold(0.0, f32::max);
    if highest <= 0.0 || highest < next * ratio_min {
        return None;
    }
    let value = |r: i64, c: i64| {
        let (r, c) = (r.rem_euclid(side as i64), c.rem_euclid(side as i64));
        f64::from(correlation[r as usize * side + c as usize])
    };
    let signed = |at: i64| if at > side as i64 / 2 { at - side as i64 } else { at } as f64;
    Some(Shift {
        right_px: signed(col) + vertex(value(row, col - 1), value(row, col), value(row, col + 1)),
        down_px: signed(row) + vertex(value(row - 1, col), value(row, col), value(row + 1, col)),
    })
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
        let values = (0..side * side)
            .map(|at| ground(f64::from(at % side) - right, f64::from(at / side) - down))
            .collect();
        Raster::new(Grid::pixels(side, side), 1, values, vec![true; (side * side) as usize]).unwrap()
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
        let shift = found.displacement.everywhere();
        assert!(shift.apart(Shift { right_px: 2.4, down_px: -1.7 }) < 0.25, "{shift:?}");
        assert!(!found.displacement.varies());
        assert!(found.fit.registrable);
        assert!((found.fit.shift_north_m - 1.7).abs() < 0.2);
    }

    #[test]
    fn identical_images_have_no_shift_at_all() {
        let found = registered(scene(300, 0.0, 0.0), scene(300, 0.0, 0.0));
        assert_eq!(found.displacement, Displacement::default());
        assert!(found.fit.registrable);
    }

    #[test]
    fn images_of_two_places_do_not_fit() {
        let found = registered(scene(512, 0.0, 0.0), scene(512, 9_000.0, 4_000.0));
        assert!(!found.fit.registrable, "{:?}", found.fit);
        assert!(found.fit.reason.is_some());
        assert!(found.fit.residual_m.unwrap() > 3.0, "{:?}", found.fit);
    }

    #[test]
    fn images_without_anything_to_hold_on_to_tell_no_residual() {
        let flat =
            || Raster::new(Grid::pixels(256, 256), 1, vec![7.0; 256 * 256], vec![true; 256 * 256]).unwrap();
        let found = registered(flat(), flat());
        assert!(!found.fit.registrable, "{:?}", found.fit);
        assert_eq!(found.fit.residual_m, None);
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
