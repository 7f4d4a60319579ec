//! What must hold for every detector, through the public door.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::ops::ControlFlow;

use geo::{Area, BooleanOps, BoundingRect, Centroid, Intersects, Line, coord};
use imagery_diff::{
    AlignedPair, Change, DetectOptions, Detection, Detector, Grid, MemoryPair, Raster, Samples, Window,
    detect,
};
use test_scenes::{RenderedPair, SceneSpec, render};

const DETECTORS: [&str; 3] = ["classical", "open", "research"];

fn run(pair: AlignedPair, samples: [Samples; 2], name: &str) -> Detection {
    let detector = Detector::named(name).unwrap();
    let source = MemoryPair { pair, samples };
    detect(&source, &detector, &DetectOptions::default(), &|_| ControlFlow::Continue(())).unwrap()
}

fn detection(pair: AlignedPair, name: &str) -> Detection {
    run(pair, [Samples::Display; 2], name)
}

fn scene() -> RenderedPair {
    render(&SceneSpec { side_px: 384, ..SceneSpec::small(2) })
}

fn edited(raster: &Raster, edit: impl Fn(usize, f32) -> f32, valid: impl Fn(usize) -> bool) -> Raster {
    let pixels = raster.grid().len();
    let values = (0..raster.bands())
        .flat_map(|band| {
            raster.band(band).iter().enumerate().map(|(at, value)| edit(at, *value)).collect::<Vec<_>>()
        })
        .collect();
    Raster::new(raster.grid().clone(), raster.bands(), values, (0..pixels).map(valid).collect()).unwrap()
}

fn cut(raster: &Raster, window: Window) -> Raster {
    let cols = raster.grid().cols as usize;
    let places: Vec<usize> = (0..window.rows as usize)
        .flat_map(|row| {
            let first = (row + window.row as usize) * cols + window.col as usize;
            first..first + window.cols as usize
        })
        .collect();
    let values =
        (0..raster.bands()).flat_map(|band| places.iter().map(move |&at| raster.band(band)[at])).collect();
    Raster::new(raster.grid().cut(window), raster.bands(), values, vec![true; window.len()]).unwrap()
}

/// The same pixels elsewhere.
fn on_grid(raster: &Raster, grid: Grid) -> Raster {
    let values = (0..raster.bands()).flat_map(|band| raster.band(band).to_vec()).collect();
    Raster::new(grid, raster.bands(), values, raster.valid().to_vec()).unwrap()
}

#[test]
fn an_image_and_itself_give_nothing() {
    let image = scene().pair.before().clone();
    for name in DETECTORS {
        let found = detection(AlignedPair::new(image.clone(), image.clone()).unwrap(), name);
        assert!(found.candidates.is_empty(), "{name}: {:?}", found.candidates);
        assert!(found.fit.registrable);
        assert_eq!((found.fit.shift_east_m, found.fit.shift_north_m), (0.0, 0.0));
    }
}

#[test]
fn scores_do_not_depend_on_the_georeference() {
    let (before, after) = scene().pair.into_parts();
    assert_eq!(before.grid().pixel_m, 0.5, "what networks are made for");
    let unplaced = |raster: &Raster| on_grid(raster, Grid::pixels(raster.grid().rows, raster.grid().cols));
    let scores = |before: Raster, after: Raster| -> Vec<f64> {
        let found = detection(AlignedPair::new(before, after).unwrap(), "research");
        found.candidates.iter().map(|candidate| candidate.score).collect()
    };
    let without = scores(unplaced(&before), unplaced(&after));
    assert!(!without.is_empty());
    assert_eq!(without, scores(before, after));
}

#[test]
fn swapped_images_turn_new_into_removed() {
    let (before, after) = scene().pair.into_parts();
    for name in ["open", "research"] {
        let forth = detection(AlignedPair::new(before.clone(), after.clone()).unwrap(), name);
        let back = detection(AlignedPair::new(after.clone(), before.clone()).unwrap(), name);
        let sure: Vec<_> = forth
            .candidates
            .iter()
            .filter(|found| found.change == Change::New && found.score > 0.5)
            .collect();
        assert!(!sure.is_empty(), "{name} finds something");
        for found in sure {
            let again = back.candidates.iter().find(|other| {
                other.outline.0.intersection(&found.outline.0).unsigned_area()
                    > 0.5 * found.outline.0.unsigned_area()
            });
            let again = again.unwrap_or_else(|| panic!("{name}: {found:?} is not found when swapped"));
            assert_eq!(again.change, Change::Removed, "{name}");
            assert!((again.score - found.score).abs() < 0.1, "{name}: {} {}", found.score, again.score);
        }
    }
}

#[test]
fn a_gain_of_a_whole_scene_changes_nothing() {
    let (before, after) = scene().pair.into_parts();
    let measured = |after: &Raster| {
        let pair = AlignedPair::new(before.clone(), after.clone()).unwrap();
        run(pair, [Samples::Measured; 2], "classical").candidates
    };
    let plain = measured(&after);
    let brighter = measured(&edited(&after, |_, value| value * 4.0 + 64.0, |_| true));
    assert!(!plain.is_empty());
    assert_eq!(plain, brighter);
}

#[test]
fn moving_both_images_moves_what_is_found() {
    let wide = render(&SceneSpec { side_px: 1024, ..SceneSpec::small(1) }).pair;
    // Multiples of what the network's coarsest features span, so that it sees the same.
    let window = |row, col| Window { row, col, rows: 896, cols: 896 };
    let found = |window| {
        let pair = AlignedPair::new(cut(wide.before(), window), cut(wide.after(), window)).unwrap();
        detection(pair, "research").candidates
    };
    let (first, second) = (found(window(0, 0)), found(window(128, 128)));
    let grid = wide.grid();
    // Away from the edges of both, which the network sees from afar.
    let inner = geo::Rect::new(grid.to_map(256.0, 768.0), grid.to_map(768.0, 256.0));
    let mut compared = 0;
    for candidate in first.iter().filter(|candidate| {
        candidate.score > 0.5
            && candidate.outline.0.bounding_rect().is_some_and(|bounds| bounds.intersects(&inner))
    }) {
        let middle = candidate.outline.0.centroid().unwrap();
        if !inner.intersects(&middle) {
            continue;
        }
        compared += 1;
        let apart = |other: &imagery_diff::Candidate| {
            let at = other.outline.0.centroid().unwrap();
            (at.x() - middle.x()).hypot(at.y() - middle.y())
        };
        let nearest = second.iter().map(apart).fold(f64::INFINITY, f64::min);
        assert!(nearest < 1.0, "{nearest} m off");
    }
    assert!(compared > 0, "there is something to compare");
}

#[test]
fn a_structure_is_outlined_where_the_image_that_shows_it_has_it() {
    let wide = render(&SceneSpec { side_px: 448, ..SceneSpec::small(2) }).pair;
    let at = |col| Window { row: 0, col, rows: 384, cols: 384 };
    let before = cut(wide.before(), at(8));
    // The second image lies `px` columns farther to the right than the first one's georeference says.
    let after_moved = |px: u32| on_grid(&cut(wide.after(), at(8 - px)), before.grid().clone());
    let found = |px| detection(AlignedPair::new(before.clone(), after_moved(px)).unwrap(), "research");
    let (plain, moved) = (found(0), found(8));
    assert!((moved.fit.shift_east_m - plain.fit.shift_east_m - 4.0).abs() < 0.2, "{:?}", moved.fit);
    let middles = |detection: &Detection, change: Change, east_m: f64| -> Vec<geo::Point> {
        let sure = detection.candidates.iter().filter(|found| found.change == change && found.score > 0.5);
        sure.map(|found| found.outline.0.centroid().unwrap() + geo::Point::new(east_m, 0.0)).collect()
    };
    for (change, east_m) in [(Change::New, 4.0), (Change::Removed, 0.0)] {
        let (wanted, got) = (middles(&plain, change, east_m), middles(&moved, change, 0.0));
        assert!(change == Change::Removed || !wanted.is_empty(), "there is something to compare");
        for place in wanted {
            let apart = |other: &geo::Point| (other.x() - place.x()).hypot(other.y() - place.y());
            let nearest = got.iter().map(apart).fold(f64::INFINITY, f64::min);
            assert!(nearest < 1.5, "{change:?}: {nearest} m off");
        }
    }
}

#[test]
fn nothing_is_said_of_ground_that_was_not_seen() {
    let rendered = scene();
    let largest = &rendered.truth[0].outline.0;
    let (before, after) = rendered.pair.into_parts();
    let grid = before.grid().clone();
    let bounds = largest.bounding_rect().unwrap();
    let hidden = |at: usize| {
        let place =
            grid.to_map((at % grid.cols as usize) as f64 + 0.5, (at / grid.cols as usize) as f64 + 0.5);
        bounds.intersects(&place)
    };
    let holed = edited(&after, |at, value| if hidden(at) { 0.0 } else { value }, |at| !hidden(at));
    for name in DETECTORS {
        let found = detection(AlignedPair::new(before.clone(), holed.clone()).unwrap(), name);
        assert!(found.fit.valid_share < 1.0);
        for candidate in &found.candidates {
            let inside = candidate.outline.0.intersection(&bounds.to_polygon()).unsigned_area();
            assert!(inside < 0.2 * candidate.outline.0.unsigned_area(), "{name}: {candidate:?}");
        }
    }
}

#[test]
fn an_object_that_crosses_strips_is_one_object() {
    // a tall hall over the border of two strips, drawn into otherwise equal ground
    let (rows, cols) = (1_100_u32, 256_u32);
    let ground = |at: usize| {
        let h = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        100.0 + (h % 8) as f32
    };
    let hall = |row: usize, col: usize| (440..600).contains(&row) && (90..150).contains(&col);
    let image = |with_hall: bool| {
        let value = |at: usize| {
            let (row, col) = (at / cols as usize, at % cols as usize);
            if with_hall && hall(row, col) { if row % 8 < 4 { 220.0 } else { 180.0 } } else { ground(at) }
        };
        let pixels = (rows * cols) as usize;
        Raster::new(Grid::pixels(rows, cols), 1, (0..pixels).map(value).collect(), vec![true; pixels])
            .unwrap()
    };
    let found = detection(AlignedPair::new(image(false), image(true)).unwrap(), "classical");
    let border = f64::from(rows - 512);
    let line = Line::new(coord! {x: 0.0, y: border}, coord! {x: f64::from(cols), y: border});
    let crossing: Vec<_> =
        found.candidates.iter().filter(|found| found.outline.0.intersects(&line)).collect();
    assert_eq!(crossing.len(), 1, "{:?}", found.candidates);
    assert!(crossing[0].outline.0.unsigned_area() > 0.7 * 160.0 * 60.0, "{:?}", crossing[0]);
}

#[test]
fn a_run_can_be_called_off() {
    let detector = Detector::named("classical").unwrap();
    let source = MemoryPair::display(scene().pair);
    let called_off = detect(&source, &detector, &DetectOptions::default(), &|_| ControlFlow::Break(()));
    assert!(matches!(called_off, Err(imagery_diff::DetectError::Cancelled)));
}
