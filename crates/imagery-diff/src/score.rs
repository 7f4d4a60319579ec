//! How likely a structure is real, from named evidence that is kept and shown.

use std::collections::BTreeMap;

use geo::{Area, Euclidean, Length};
use serde::{Deserialize, Serialize};

use crate::{
    blobs::Patch, candidate::Change, evidence::cues::signed, grid::PixelIndex, objects::Object,
    outline::PixelPolygon, regularise::Extent,
};

/// Coefficients of a logistic regression on the evidence: `score = 1 / (1 + exp(-(intercept + sum)))`.
///
/// A model's card may carry its own, fitted by `training/fit_score.py`; then scores are calibrated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreOptions {
    /// Log odds where all evidence is zero.
    pub intercept: f64,
    /// Log odds by unit of the evidence of that name.
    pub weights: BTreeMap<String, f64>,
}

/// Names of all evidence, which a card may give weights to.
pub(crate) const EVIDENCE: [&str; 14] = [
    "probability_mean",
    "probability_max",
    "building_before_mean",
    "building_after_mean",
    "boundary_mean",
    "change_mean",
    "building_index_gain",
    "shadow_gain",
    "rectangularity",
    "compactness",
    "area_log10",
    "edge_distance_m",
    "registration_residual_m",
    "registration_residual_near_m",
];

impl ScoreOptions {
    /// For the classical detector: set by hand, not calibrated.
    pub fn classical() -> ScoreOptions {
        ScoreOptions::of(
            -6.0,
            [("probability_mean", 5.0), ("rectangularity", 2.0), ("area_log10", 0.4), ("change_mean", 0.8)],
        )
    }

    /// For a network whose card has none: set by hand, not calibrated.
    pub fn network() -> ScoreOptions {
        ScoreOptions::of(
            -5.0,
            [
                ("probability_mean", 5.5),
                ("probability_max", 1.0),
                ("rectangularity", 0.6),
                ("area_log10", 0.3),
            ],
        )
    }

    fn of(intercept: f64, weights: [(&str, f64); 4]) -> ScoreOptions {
        ScoreOptions { intercept, weights: weights.map(|(name, weight)| (name.to_owned(), weight)).into() }
    }
}

/// What the score of a structure rests on besides its own pixels.
#[derive(Clone, Copy, Debug)]
pub struct ScoreContext {
    /// Side of a pixel on the ground, metres.
    pub pixel_m: f64,
    /// Residual of the registration over the scene, metres, if it could be measured.
    pub registration_residual_m: Option<f64>,
    /// Residual of the registration around the structure, metres, likewise.
    pub registration_residual_near_m: Option<f64>,
}

/// Scores a structure: 0 to 1, with the evidence by name.
///
/// The weights speak of new structures; of removed ones they take the dates the other way round.
/// `probability_mean`, `probability_max`, `building_before_mean`, `building_after_mean`, `boundary_mean` and
/// `change_mean` are shares, 0 to 1; `building_index_gain` (-1 to 1, mean) and `shadow_gain` (0 to 1, strongest nearby) tell
/// what became of building index and shadow on the date on which the structure stands; `rectangularity` is the area over that of the smallest rectangle,
/// `compactness` that of a circle of the same length of outline (Polsby and Popper 1991), both 0 to 1;
/// `edge_distance_m` is the least distance to ground that was not observed, as far as it is followed. The residuals are
/// medians of the windows' own shifts against the one applied there, over the scene and around the structure, and left
/// out where no shift of the scene stood out.
pub fn score(
    patch: &Patch,
    object: &Object,
    outline: &PixelPolygon,
    extent: &Extent,
    context: &ScoreContext,
    options: &ScoreOptions,
) -> (f64, BTreeMap<String, f64>) {
    let evidence = evidence(patch, object, outline, extent, context);
    let told = |name: &str| evidence.get(role(name, object.change)).copied().unwrap_or(0.0);
    let sum: f64 = options.weights.iter().map(|(name, weight)| weight * told(name)).sum();
    (1.0 / (1.0 + (-(options.intercept + sum)).exp()), evidence)
}

/// The evidence that plays a part in the score of a change, by its name for a new structure: for a removed one the
/// dates change places, so that a pair and the swapped pair are scored alike.
fn role(name: &str, change: Change) -> &str {
    match (change, name) {
        (Change::Removed, "building_before_mean") => "building_after_mean",
        (Change::Removed, "building_after_mean") => "building_before_mean",
        _ => name,
    }
}

fn evidence(
    patch: &Patch,
    object: &Object,
    outline: &PixelPolygon,
    extent: &Extent,
    context: &ScoreContext,
) -> BTreeMap<String, f64> {
    // in a hole that was filled nothing is known
    let own: Vec<usize> = own_pixels(patch, object).filter(|&at| patch.maps.strength(at) > 0).collect();
    let pixel_m = context.pixel_m;
    let mean = |map: &[u8]| own.iter().map(|&at| f64::from(map[at])).sum::<f64>() / own.len() as f64 / 255.0;
    let strongest = own.iter().map(|&at| patch.maps.strength(at)).max().unwrap_or(0);
    let strength =
        own.iter().map(|&at| f64::from(patch.maps.strength(at))).sum::<f64>() / own.len() as f64 / 255.0;
    let edge_px = own.iter().map(|&at| patch.maps.edge_distance_px[at]).min().unwrap_or(0);
    // the date on which the structure stands is the one that gains
    let gain = if object.change == Change::Removed { -1.0 } else { 1.0 };
    let index_gain = own.iter().map(|&at| gain * signed(patch.maps.building_index_change[at])).sum::<f64>();
    let shadow_gain = own.iter().map(|&at| gain * signed(patch.maps.shadow_change[at])).fold(0.0, f64::max);
    let area_px = outline.0.unsigned_area();
    let around_px = Euclidean.length(outline.0.exterior());
    let area_m2 = area_px * pixel_m * pixel_m;
    [
        ("probability_mean", strength),
        ("probability_max", f64::from(strongest) / 255.0),
        ("building_before_mean", mean(&patch.maps.building_before)),
        ("building_after_mean", mean(&patch.maps.building_after)),
        ("boundary_mean", mean(&patch.maps.boundary)),
        ("change_mean", mean(&patch.maps.change)),
        ("building_index_gain", index_gain / own.len() as f64),
        ("shadow_gain", shadow_gain),
        ("rectangularity", (area_px / (extent.length_px * extent.width_px).max(1.0)).min(1.0)),
        ("compactness", 4.0 * std::f64::consts::PI * area_px / (around_px * around_px).max(1.0)),
        ("area_log10", area_m2.max(1.0).log10()),
        ("edge_distance_m", f64::from(edge_px) * pixel_m),
    ]
    .into_iter()
    .chain(context.registration_residual_m.map(|residual_m| ("registration_residual_m", residual_m)))
    .chain(context.registration_residual_near_m.map(|near_m| ("registration_residual_near_m", near_m)))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Places of the structure's pixels in the patch.
fn own_pixels<'a>(patch: &'a Patch, object: &'a Object) -> impl Iterator<Item = usize> + 'a {
    let cols = object.window.cols as usize;
    let down = (object.window.row - patch.window.row) as usize;
    let right = (object.window.col - patch.window.col) as usize;
    let place = move |at: usize| (at / cols + down) * patch.window.cols as usize + at % cols + right;
    (0..object.mask.len()).filter(|&at| object.mask[at]).map(place)
}

/// Upper left pixel of a structure, by which equal scores are ordered.
pub(crate) fn place(object: &Object) -> PixelIndex {
    PixelIndex { row: object.window.row, col: object.window.col }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::EvidenceMaps,
        grid::Window,
        objects::{ObjectOptions, objects},
        outline::outline,
        regularise::extent,
    };

    #[test]
    fn a_hole_that_was_filled_says_nothing() {
        let mut maps = EvidenceMaps::empty(12, 12);
        // a patch knows nothing outside the blob it was cut from
        for at in (0..144).filter(|at| *at != 5 * 12 + 5) {
            maps.removed[at] = 200;
            (maps.building_before[at], maps.edge_distance_px[at]) = (180, 9);
            (maps.building_index_change[at], maps.shadow_change[at]) = (128, 128);
        }
        let patch = Patch { window: Window { row: 0, col: 0, rows: 12, cols: 12 }, maps };
        let found = objects(&patch, &ObjectOptions::default());
        let [object] = &found[..] else { panic!("{found:?}") };
        assert!(object.mask.iter().all(|own| *own), "the hole is filled");
        let raw = outline(object);
        let context =
            ScoreContext { pixel_m: 0.5, registration_residual_m: None, registration_residual_near_m: None };
        let (_, evidence) = score(&patch, object, &raw, &extent(&raw), &context, &ScoreOptions::network());
        assert_eq!((evidence["shadow_gain"], evidence["building_index_gain"]), (0.0, 0.0));
        assert!((evidence["probability_mean"] - 200.0 / 255.0).abs() < 1e-9);
        assert!(!evidence.contains_key("registration_residual_near_m"));

        let registered = ScoreContext {
            registration_residual_m: Some(0.1),
            registration_residual_near_m: Some(0.2),
            ..context
        };
        let (_, evidence) = score(&patch, object, &raw, &extent(&raw), &registered, &ScoreOptions::network());
        let mut names = EVIDENCE;
        names.sort_unstable();
        assert!(evidence.keys().eq(names), "{evidence:?}");
    }
}
