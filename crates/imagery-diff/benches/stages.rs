//! Each stage of detection, then the whole, on rendered scenes. Divan shows pixels (items) a second.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{ops::ControlFlow, sync::OnceLock};

use divan::{Bencher, counter::ItemsCount};
use imagery_diff::{
    AlignedPair, BlobOptions, BlobTracker, DetectOptions, Detector, Displacement, EvidenceMaps, MemoryPair,
    Model, PairSource, Shift, Strip, Window, detect,
    evidence::{
        classical::{ClassicalOptions, classical},
        network::network,
    },
    normalise::{Normalisation, PairTones, normalise},
    objects::{ObjectOptions, objects},
    outline::outline,
    register::{RegisterOptions, overview_reduction, register},
    regularise::{RegulariseOptions, regularise},
};
use rten_tensor::{NdTensor, prelude::*};
use test_scenes::{SceneSpec, render};

const WHOLE_PX: u32 = 4_096;
const WINDOW_PX: u32 = 512;
/// Side of what a network reads for one window with its halo.
const SHOWN_PX: usize = 608;

fn main() {
    divan::main();
}

/// The rendered pair of the whole detection: made once.
fn scene() -> &'static MemoryPair {
    static SCENE: OnceLock<MemoryPair> = OnceLock::new();
    SCENE.get_or_init(|| {
        let spec = SceneSpec { side_px: WHOLE_PX, ..SceneSpec::industrial(1) };
        MemoryPair::display(render(&spec).pair)
    })
}

fn window() -> AlignedPair {
    let window = Window { row: 0, col: 0, rows: WINDOW_PX, cols: WINDOW_PX };
    scene().read(window, &Displacement::default()).unwrap()
}

fn tones(normalisation: Normalisation) -> PairTones {
    PairTones::of(&MemoryPair::display(window()), normalisation).unwrap()
}

fn model() -> Model {
    imagery_diff::MODELS[0].load().unwrap()
}

fn window_pixels() -> ItemsCount {
    ItemsCount::new(u64::from(WINDOW_PX * WINDOW_PX))
}

fn evidence() -> EvidenceMaps {
    network(&normalise(window(), &tones(Normalisation::Display)), &model()).unwrap()
}

#[divan::bench(sample_count = 3)]
fn register_whole_scene(bencher: Bencher) {
    let overview = scene().overview(overview_reduction(scene().grid())).unwrap();
    bencher
        .counter(ItemsCount::new(u64::from(WHOLE_PX) * u64::from(WHOLE_PX)))
        .bench(|| register(scene(), &overview, &RegisterOptions::default()).unwrap());
}

#[divan::bench(sample_count = 10)]
fn read_shifted(bencher: Bencher) {
    let all = Window { row: 64, col: 64, rows: WINDOW_PX, cols: WINDOW_PX };
    let shift = Shift { right_px: 1.4, down_px: -0.7 }.into();
    bencher.counter(window_pixels()).bench(|| scene().read(all, &shift).unwrap());
}

#[divan::bench(sample_count = 10)]
fn normalise_window(bencher: Bencher) {
    let tones = tones(Normalisation::Display);
    bencher.counter(window_pixels()).with_inputs(window).bench_values(|pair| normalise(pair, &tones));
}

#[divan::bench(sample_count = 5)]
fn evidence_classical(bencher: Bencher) {
    let pair = normalise(window(), &tones(Normalisation::Contrast));
    bencher.counter(window_pixels()).bench(|| classical(&pair, &ClassicalOptions::default()));
}

#[divan::bench(sample_count = 5)]
fn evidence_network_on_one_core(bencher: Bencher) {
    let (pair, model) = (normalise(window(), &tones(Normalisation::Display)), model());
    bencher.counter(window_pixels()).bench(|| network(&pair, &model).unwrap());
}

#[divan::bench(args = imagery_diff::MODELS.iter().map(|model| model.name), sample_count = 7)]
fn network_alone_on_one_core(bencher: Bencher, name: &str) {
    let model = imagery_diff::model::Shipped::named(name).unwrap().load().unwrap();
    let pair = NdTensor::from_fn([1, 6, SHOWN_PX, SHOWN_PX], |[_, channel, row, col]| {
        ((row * 7 + col * 13 + channel * 29) % 101) as f32 / 101.0
    });
    bencher.counter(ItemsCount::new(SHOWN_PX * SHOWN_PX)).bench(|| model.run(pair.view()).unwrap());
}

#[divan::bench(sample_count = 10)]
fn blobs_and_objects_and_outlines(bencher: Bencher) {
    let maps = evidence();
    bencher.counter(window_pixels()).bench(|| {
        let mut tracker = BlobTracker::new(maps.cols, &BlobOptions::default());
        let mut blobs = tracker.push(&Strip { row: 0, maps: maps.clone() });
        blobs.extend(tracker.finish());
        let structures =
            blobs.into_iter().flat_map(|blob| objects(&blob.into_patch(), &ObjectOptions::default()));
        structures
            .map(|object| regularise(&outline(&object), &RegulariseOptions::default()))
            .collect::<Vec<_>>()
    });
}

#[divan::bench(args = ["classical", "research"], sample_count = 1, sample_size = 1)]
fn whole_detection(bencher: Bencher, name: &str) {
    let detector = Detector::named(name).unwrap();
    bencher.counter(ItemsCount::new(u64::from(WHOLE_PX) * u64::from(WHOLE_PX))).bench(|| {
        detect(scene(), &detector, &DetectOptions::default(), &|_| ControlFlow::Continue(())).unwrap()
    });
}
