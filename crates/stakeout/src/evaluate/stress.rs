//! `evaluate --stress`: what is found where nothing was built, and what becomes of a pair that is swapped.

use std::{ops::ControlFlow, path::Path};

use geo::{Area, BooleanOps, Intersects};
use imagery_diff::{
    AlignedPair, Candidate, Change, Detector, Displacement, MemoryPair, PairSource, Raster, Samples, detect,
    stress::{CASES, Stress},
};
use raster_io::ScenePair;
use serde_json::{Value, json};
use stakeout_server::detection;

use super::detect_options;
use crate::{arguments::Evaluate, output::say};

/// Share of a new structure that a removed one must cover in the swapped pair.
const SAME_PLACE_SHARE: f64 = 0.5;
/// Largest image that is taken, pixels: the suite holds a dozen copies of it.
const PIXELS_MAX: usize = 16 << 20;

/// What was found, over all places.
#[derive(Debug)]
pub(super) struct Stressed {
    /// By case, in the order of [`CASES`].
    alarms: [usize; CASES.len()],
    area_km2: f64,
    new: usize,
    new_became_removed: usize,
}

impl Default for Stressed {
    fn default() -> Stressed {
        Stressed { alarms: [0; CASES.len()], area_km2: 0.0, new: 0, new_became_removed: 0 }
    }
}

impl Stressed {
    /// Goes through the suite for one pair of files.
    pub(super) fn add(
        &mut self,
        before: &Path,
        after: &Path,
        detector: &Detector,
        arguments: &Evaluate,
    ) -> anyhow::Result<()> {
        let scenes = ScenePair::open(before, after, &detection::grid_options(detector))?;
        let pixels = scenes.grid().len();
        anyhow::ensure!(
            pixels <= PIXELS_MAX,
            "{} has {pixels} px but the suite takes {PIXELS_MAX}",
            after.display()
        );
        let samples = scenes.samples();
        let pair = scenes.read(scenes.grid().window(), &Displacement::default())?;
        let options = detect_options(arguments);
        let find = |pair: AlignedPair, samples: [Samples; 2]| -> anyhow::Result<Vec<Candidate>> {
            let source = MemoryPair { pair, samples };
            Ok(detect(&source, detector, &options, &|_| ControlFlow::Continue(()))?.candidates)
        };
        if samples[1] == Samples::Display {
            for (alarms, case) in self.alarms.iter_mut().zip(CASES) {
                *alarms += find(case.pair(pair.after()), [Samples::Display; 2])?.len();
            }
            self.area_km2 += seen_km2(pair.after(), arguments.gsd);
        }
        let forth = find(pair.clone(), samples)?;
        let (before, after) = pair.into_parts();
        let swapped = AlignedPair::new(after, before).expect("the pair is only swapped");
        let back = find(swapped, [samples[1], samples[0]])?;
        let new = forth.iter().filter(|found| found.change == Change::New);
        for found in new {
            self.new += 1;
            self.new_became_removed += usize::from(back.iter().any(|other| is_removed(other, found)));
        }
        Ok(())
    }

    /// Name, structures found and how many that is a square kilometre, case by case; none where no after image has 8 bits,
    /// which the cases are made of.
    pub(super) fn cases(&self) -> impl Iterator<Item = (String, usize, f64)> + '_ {
        let cases = CASES.into_iter().map(Stress::name).zip(self.alarms).filter(|_| self.area_km2 > 0.0);
        cases.map(|(name, alarms)| (name, alarms, alarms as f64 / self.area_km2))
    }

    /// What became of new structures in the swapped pairs, in words.
    pub(super) fn direction(&self) -> String {
        format!(
            "{} of {} new structures became removed ones in swapped pairs",
            self.new_became_removed, self.new
        )
    }

    pub(super) fn report(&self) -> Value {
        let cases: Vec<Value> = self
            .cases()
            .map(|(name, found, found_km2)| json!({"case": name, "found": found, "found_a_km2": found_km2}))
            .collect();
        json!({
            "area_km2": self.area_km2,
            "unchanged": cases,
            "swapped": {"new": self.new, "became_removed": self.new_became_removed},
        })
    }

    pub(super) fn tell(&self) {
        for (name, found, found_km2) in self.cases() {
            say(format_args!("unchanged, {name:22} {found:4} found, {found_km2:.2} a km2"));
        }
        if self.area_km2 == 0.0 {
            say("no after image has 8 bits, so that no unchanged pair was made");
        }
        say(self.direction());
    }
}

/// Whether a structure of the swapped pair is the demolition of one that is new in the pair.
fn is_removed(other: &Candidate, new: &Candidate) -> bool {
    if other.change != Change::Removed || !other.outline.0.intersects(&new.outline.0) {
        return false;
    }
    let shared = other.outline.0.intersection(&new.outline.0).unsigned_area();
    shared >= SAME_PLACE_SHARE * new.outline.0.unsigned_area()
}

/// Ground that was observed; pixels of an image without georeference have the side that was given.
fn seen_km2(image: &Raster, gsd_m: f64) -> f64 {
    let pixel_m = match image.grid().reference {
        imagery_diff::Reference::Projected(_) => image.grid().pixel_m,
        imagery_diff::Reference::Pixels => gsd_m,
    };
    image.valid().iter().filter(|seen| **seen).count() as f64 * pixel_m * pixel_m / 1e6
}
