//! Networks of other layouts than ours, read as their cards say.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::ops::ControlFlow;

use imagery_diff::{
    Card, Change, DetectOptions, Detector, MemoryPair, Model, ModelError,
    card::{Activation, Dates},
    detect,
};
use rten_tensor::{NdTensor, prelude::*};
use test_scenes::{SceneSpec, render};

const ONNX: &[u8] = include_bytes!("foreign/difference.onnx");
const CARD: &str = include_str!("foreign/difference.json");

fn card() -> Card {
    Model::read_card(CARD).unwrap()
}

/// What is wrong with a card that was changed.
fn refused(change: impl FnOnce(&mut Card)) -> String {
    let mut card = card();
    change(&mut card);
    Model::load(ONNX, card).unwrap_err().to_string()
}

#[test]
fn values_come_in_and_go_out_as_the_card_says() {
    let model = Model::load(ONNX, card()).unwrap();
    let mut pair = NdTensor::<f32, 4>::zeros([1, 6, 32, 32]);
    for band in 0..3 {
        pair[[0, band, 4, 5]] = 0.2;
        pair[[0, 3 + band, 4, 5]] = 0.7;
    }
    let maps = model.run(pair.view()).unwrap();
    let apart = [0.229, 0.224, 0.225].map(|deviation| 0.5_f32 / deviation).iter().sum::<f32>() / 3.0;
    let wanted = |apart: f32| 1.0 / (1.0 + (4.0 - 8.0 * apart).exp());
    assert!((maps[[0, 0, 4, 5]] - wanted(apart)).abs() < 1e-4, "{}", maps[[0, 0, 4, 5]]);
    assert!((maps[[0, 0, 9, 9]] - wanted(0.0)).abs() < 1e-4, "{}", maps[[0, 0, 9, 9]]);
    assert_eq!(maps[[0, 1, 4, 5]], 0.0);
}

#[test]
fn what_has_no_direction_was_altered() {
    let detector = Detector::Network(Box::new(Model::load(ONNX, card()).unwrap()));
    let source = MemoryPair::display(render(&SceneSpec::small(2)).pair);
    let found =
        detect(&source, &detector, &DetectOptions::default(), &|_| ControlFlow::Continue(())).unwrap();
    assert!(!found.candidates.is_empty());
    assert!(found.candidates.iter().all(|candidate| candidate.change == Change::Altered));
    assert_eq!(found.detector.name, "difference");
}

#[test]
fn a_card_that_does_not_fit_its_network_is_refused_by_name() {
    let stacked = refused(|card| card.input.dates = Dates::Stacked);
    assert!(stacked.starts_with("model difference reads 2 tensors but its card says 1"), "{stacked}");
    let short = refused(|card| card.outputs = vec!["change".to_owned()]);
    assert!(short.contains("gives [1, 2, 32, 32]") && short.contains("must give [1, 1, 32, 32]"), "{short}");
}

#[test]
fn a_card_that_means_nothing_is_refused_by_field() {
    let told = [
        refused(|card| card.input.layout = "NHWC".to_owned()),
        refused(|card| card.input.scale = "-1..1".to_owned()),
        refused(|card| card.input.std = Some([0.2, 0.0, 0.2])),
        refused(|card| card.input.mean = Some([f32::NAN; 3])),
        refused(|card| card.input.multiple_of_px = 0),
        refused(|card| card.input.looks = Vec::new()),
        refused(|card| card.input.looks = vec![1.0, 3.0]),
        refused(|card| card.input.gsd_m_best = -0.5),
        refused(|card| {
            let score = r#"{"intercept": -5.0, "weights": {"probability": 1.0}}"#;
            card.score = serde_json::from_str(score).unwrap();
        }),
        refused(|card| card.outputs = vec!["-".to_owned(), "ships".to_owned()]),
        refused(|card| card.outputs = vec!["new".to_owned(), "change".to_owned()]),
        refused(|card| card.outputs = vec!["removed".to_owned(), "-".to_owned()]),
    ];
    let fields = [
        "input.layout",
        "input.scale",
        "input.std",
        "input.mean",
        "input.multiple_of_px",
        "input.looks",
        "input.looks",
        "input.gsd_m_best",
        "score.weights",
        "outputs",
        "outputs",
        "outputs",
    ];
    for (told, field) in told.iter().zip(fields) {
        assert!(told.starts_with(&format!("the card of model difference says {field} is ")), "{told}");
    }
}

#[test]
fn log_odds_of_each_channel_become_probabilities() {
    let mut card = card();
    card.activation = Activation::Logits;
    let model = Model::load(ONNX, card).unwrap();
    let maps = model.run(NdTensor::zeros([1, 6, 32, 32]).view()).unwrap();
    assert!((maps[[0, 0, 0, 0]] - 1.0 / (1.0 + 4.0_f32.exp())).abs() < 1e-4);
}

#[test]
fn a_pair_that_the_network_cannot_take_is_an_error() {
    let model = Model::load(ONNX, card()).unwrap();
    assert!(matches!(model.run(NdTensor::zeros([2, 6, 32, 32]).view()), Err(ModelError::Shape { .. })));
}
