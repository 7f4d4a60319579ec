//! How much of what was built in rendered scenes is found, and how much else. The bounds fail for a model
//! of noise, and for a stage that loses or joins structures.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::ops::ControlFlow;

use geo::{Area, BooleanOps};
use imagery_diff::{Change, DetectOptions, Detector, MemoryPair, detect};
use test_scenes::{SceneSpec, render};

/// Structures of at least this area count, square metres.
const AREA_M2_MIN: f64 = 60.0;
const SCORE_MIN: f64 = 0.5;

struct Found {
    hits: usize,
    truth: usize,
    candidates: usize,
}

fn found_in(specs: &[SceneSpec], detector: &Detector) -> Found {
    let mut sum = Found { hits: 0, truth: 0, candidates: 0 };
    for spec in specs {
        let rendered = render(spec);
        let source = MemoryPair::display(rendered.pair);
        let detection =
            detect(&source, detector, &DetectOptions::default(), &|_| ControlFlow::Continue(())).unwrap();
        let sure: Vec<_> = detection
            .candidates
            .iter()
            .filter(|found| found.score >= SCORE_MIN && found.change == Change::New)
            .collect();
        let built: Vec<_> = rendered
            .truth
            .iter()
            .filter(|truth| truth.change == Change::New && truth.area_m2 >= AREA_M2_MIN)
            .collect();
        let iou = |a: &geo::Polygon<f64>, b: &geo::Polygon<f64>| {
            let shared = a.intersection(b).unsigned_area();
            shared / (a.unsigned_area() + b.unsigned_area() - shared)
        };
        sum.truth += built.len();
        sum.candidates += sure.len();
        sum.hits += built
            .iter()
            .filter(|truth| sure.iter().any(|found| iou(&truth.outline.0, &found.outline.0) >= 0.4))
            .count();
    }
    sum
}

#[test]
fn the_default_model_finds_most_of_what_was_built_and_little_else() {
    let specs: Vec<SceneSpec> = [2, 3, 8, 11, 14].map(SceneSpec::small).to_vec();
    let found = found_in(&specs, &Detector::named(imagery_diff::DEFAULT_DETECTOR).unwrap());
    let (recall, precision) =
        (found.hits as f64 / found.truth as f64, found.hits as f64 / found.candidates.max(1) as f64);
    println!("{} of {} found, {} candidates", found.hits, found.truth, found.candidates);
    assert!(recall >= 0.6, "recall {recall} of {}", found.truth);
    assert!(precision >= 0.6, "precision {precision} of {}", found.candidates);
}

#[test]
fn the_default_model_stays_quiet_where_nothing_was_built() {
    let specs: Vec<SceneSpec> = [2, 3, 8, 11].map(SceneSpec::unchanged).to_vec();
    let found = found_in(&specs, &Detector::named(imagery_diff::DEFAULT_DETECTOR).unwrap());
    println!("{} candidates on unchanged scenes", found.candidates);
    assert!(found.candidates <= 2, "{} candidates where nothing was built", found.candidates);
}
