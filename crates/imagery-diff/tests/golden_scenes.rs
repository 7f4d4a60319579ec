//! How much of what was built in rendered scenes is found, and how much else. The bounds fail for a model
//! of noise, and for a stage that loses or joins structures.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::ops::{ControlFlow, Range};

use geo::{Area, BooleanOps};
use imagery_diff::{Card, Change, DetectOptions, Detector, MODELS, MemoryPair, Model, detect};
use sha2::{Digest, Sha256};
use test_scenes::{SceneSpec, render};

/// Structures of at least this area count, square metres.
const AREA_M2_MIN: f64 = 60.0;
const SCORE_MIN: f64 = 0.5;
/// Tensors up to this size say how far to enlarge and not what to see.
const SCALES_BYTES_MAX: usize = 16;

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
            .filter(|truth| sure.iter().any(|found| iou(&truth.outline.0, &found.outline.0) >= 0.6))
            .count();
    }
    sum
}

impl Found {
    fn recall(&self) -> f64 {
        self.hits as f64 / self.truth as f64
    }

    fn precision(&self) -> f64 {
        self.hits as f64 / self.candidates.max(1) as f64
    }

    /// What a model must reach on [`built`] to be shipped.
    fn good_enough(&self) -> bool {
        self.recall() >= 0.9 && self.precision() >= 0.85
    }
}

fn built() -> Vec<SceneSpec> {
    [2, 3, 8, 11, 14].map(SceneSpec::small).to_vec()
}

#[test]
fn the_default_model_finds_most_of_what_was_built_and_little_else() {
    let found = found_in(&built(), &Detector::named(imagery_diff::DEFAULT_DETECTOR).unwrap());
    println!("{} of {} found, {} candidates", found.hits, found.truth, found.candidates);
    assert!(found.good_enough(), "recall {}, precision {}", found.recall(), found.precision());
}

/// Where the bytes of each tensor of 32-bit floats lie in an ONNX file: `ModelProto.graph.initializer.raw_data`.
fn float_tensors(onnx: &[u8]) -> Vec<Range<usize>> {
    let graph = fields(onnx, 0..onnx.len()).find(|(number, _)| *number == 7).unwrap().1;
    let tensors = fields(onnx, graph).filter(|(number, _)| *number == 5).map(|(_, tensor)| tensor);
    let raw = |tensor: Range<usize>| {
        let of_floats = fields(onnx, tensor.clone()).any(|(number, at)| number == 2 && onnx[at.start] == 1);
        fields(onnx, tensor).find(|(number, _)| of_floats && *number == 9).map(|(_, bytes)| bytes)
    };
    tensors.filter_map(raw).collect()
}

/// Numbers and contents of the fields of a protocol buffer's message; a number's content is its varint.
fn fields(bytes: &[u8], message: Range<usize>) -> impl Iterator<Item = (u64, Range<usize>)> + '_ {
    let varint = |at: &mut usize| {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[*at];
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    };
    let mut at = message.start;
    std::iter::from_fn(move || {
        if at >= message.end {
            return None;
        }
        let key = varint(&mut at);
        let start = at;
        let content = match key & 7 {
            0 => {
                varint(&mut at);
                start..at
            }
            1 => start..start + 8,
            2 => {
                let length = varint(&mut at) as usize;
                at..at + length
            }
            5 => start..start + 4,
            other => panic!("wire type {other}"),
        };
        at = content.end;
        Some((key >> 3, content))
    })
}

/// The default model with the numbers of each tensor in another order: the same network, the same numbers, no
/// knowledge.
fn shuffled() -> Detector {
    let shipped = MODELS.iter().find(|shipped| shipped.name == imagery_diff::DEFAULT_DETECTOR).unwrap();
    let mut onnx = shipped.onnx().to_vec();
    let mut random = 1_u64;
    for tensor in float_tensors(&onnx).into_iter().filter(|tensor| tensor.len() > SCALES_BYTES_MAX) {
        for at in (1..tensor.len() / 4).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = (random >> 33) as usize % (at + 1);
            for byte in 0..4 {
                onnx.swap(tensor.start + 4 * at + byte, tensor.start + 4 * other + byte);
            }
        }
    }
    let sha256 = Sha256::digest(&onnx).iter().map(|byte| format!("{byte:02x}")).collect();
    let card = Card { sha256, ..shipped.card() };
    Detector::Network(Box::new(Model::load(&onnx, card).unwrap()))
}

#[test]
fn a_model_of_noise_does_not_pass() {
    let found = found_in(&built(), &shuffled());
    println!("{} of {} found, {} candidates", found.hits, found.truth, found.candidates);
    assert!(!found.good_enough(), "recall {}, precision {}", found.recall(), found.precision());
}

#[test]
fn the_default_model_stays_quiet_where_nothing_was_built() {
    let specs: Vec<SceneSpec> = [2, 3, 8, 11].map(SceneSpec::unchanged).to_vec();
    let found = found_in(&specs, &Detector::named(imagery_diff::DEFAULT_DETECTOR).unwrap());
    println!("{} candidates on unchanged scenes", found.candidates);
    assert!(found.candidates <= 2, "{} candidates where nothing was built", found.candidates);
}
