//! Procedural before/after scenes with known truth, for tests, the demo and training.
//!
//! A scene is a function of place and date: [`world`] says what stands where, [`ground`] and [`roof`] what it
//! looks like from above under the sun of a date, and [`sensor`] what a camera makes of it. Nothing here is a
//! satellite image, and nothing says it is.

mod chance;
mod ground;
mod mosaic;
mod roof;
mod sensor;
mod world;

use geo::{LineString, Polygon};
use imagery_diff::{AlignedPair, Change, Grid, MapPoint, MapPolygon, Raster, Reference};
use rayon::prelude::*;

pub use mosaic::write_mosaic;
pub use world::{Kind, Structure};

use crate::{sensor::Sensor, world::World};

/// What to render.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneSpec {
    /// Everything random follows from it.
    pub seed: u64,
    /// Side of the square scene, pixels.
    pub side_px: u32,
    /// Side of a pixel, metres.
    pub pixel_m: f64,
    /// How the structures change between the dates.
    pub changes: Changes,
}

/// Whether structures change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Some are built, a few are demolished, among things that change and are no structures.
    Building,
    /// Only what is no structure changes.
    DistractorsOnly,
}

impl SceneSpec {
    /// The fixture: an industrial site of 1 km square at 0.5 m.
    pub fn industrial(seed: u64) -> SceneSpec {
        SceneSpec { seed, side_px: 2_048, pixel_m: 0.5, changes: Changes::Building }
    }

    /// A quarter of a kilometre, for tests.
    pub fn small(seed: u64) -> SceneSpec {
        SceneSpec { side_px: 512, ..SceneSpec::industrial(seed) }
    }

    /// The same without any change of a structure.
    pub fn unchanged(seed: u64) -> SceneSpec {
        SceneSpec { changes: Changes::DistractorsOnly, ..SceneSpec::small(seed) }
    }

    /// The grid of both images: UTM zone 52 north, near 39.9 N 127.6 E.
    pub fn grid(&self) -> Grid {
        Grid {
            rows: self.side_px,
            cols: self.side_px,
            origin: MapPoint { x: 380_500.0, y: 4_417_500.0 },
            pixel_m: self.pixel_m,
            reference: Reference::Projected("EPSG:32652".to_owned()),
        }
    }
}

/// A structure that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthStructure {
    /// Its roof as it lies in the image that shows it: the after image, or the before image of what was removed.
    pub outline: MapPolygon,
    /// What happened to it.
    pub change: Change,
    /// What it is.
    pub kind: Kind,
    /// Height of its eaves, metres.
    pub height_m: f64,
    /// Area of its roof, square metres.
    pub area_m2: f64,
}

/// A rendered pair with what really changed.
#[derive(Clone, Debug)]
pub struct RenderedPair {
    /// Both images, 3 bands of 0 to 255.
    pub pair: AlignedPair,
    /// Structures that changed, in the order of their place.
    pub truth: Vec<TruthStructure>,
}

/// One of the two dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    /// The first.
    Before,
    /// The second.
    After,
}

/// Renders both dates. The same specification gives the same values, on any number of threads.
pub fn render(spec: &SceneSpec) -> RenderedPair {
    let world = World::of(spec);
    let before = photograph(spec, &world, Date::Before);
    let after = photograph(spec, &world, Date::After);
    let pair = AlignedPair::new(before, after).expect("both dates are rendered on one grid");
    RenderedPair { pair, truth: truth(spec, &world) }
}

/// What each pixel of a scene's images shows, as [`labels`] tells it.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Roofs of the after image whose structure is new: 0 or 255, as are the others.
    pub new: Raster,
    /// Roofs of the before image whose structure was removed.
    pub removed: Raster,
    /// All roofs of the before image.
    pub built_before: Raster,
    /// All roofs of the after image.
    pub built_after: Raster,
}

/// Labels every pixel of both dates by what its middle shows, each where its own image shows it.
pub fn labels(spec: &SceneSpec) -> Labels {
    let world = World::of(spec);
    let [before, after] = [Date::Before, Date::After].map(|date| Sensor::of(spec, date));
    let side = spec.side_px as usize;
    let labelled = |sensor: &Sensor, counts: fn(&Structure) -> bool| {
        let shows = |at| sensor.roof_of_pixel(&world, at / side, at % side).is_some_and(counts);
        let values = (0..side * side).into_par_iter().map(|at| if shows(at) { 255.0 } else { 0.0 }).collect();
        Raster::new(spec.grid(), 1, values, vec![true; side * side]).expect("every pixel was labelled")
    };
    Labels {
        new: labelled(&after, |structure| !structure.before),
        removed: labelled(&before, |structure| !structure.after),
        built_before: labelled(&before, |_| true),
        built_after: labelled(&after, |_| true),
    }
}

fn photograph(spec: &SceneSpec, world: &World, date: Date) -> Raster {
    let grid = spec.grid();
    let sensor = Sensor::of(spec, date);
    let side = spec.side_px as usize;
    let rows: Vec<Vec<[f32; 3]>> = (0..side)
        .into_par_iter()
        .map(|row| (0..side).map(|col| sensor.pixel(world, row, col)).collect())
        .collect();
    let values = (0..3).flat_map(|band| rows.iter().flatten().map(move |pixel| pixel[band])).collect();
    Raster::new(grid, 3, values, vec![true; side * side]).expect("every pixel was rendered")
}

fn truth(spec: &SceneSpec, world: &World) -> Vec<TruthStructure> {
    let grid = spec.grid();
    let [before, after] = [Date::Before, Date::After].map(|date| Sensor::of(spec, date));
    let mut changed: Vec<TruthStructure> = world
        .structures
        .iter()
        .filter_map(|structure| {
            let (change, shown_by) = match (structure.before, structure.after) {
                (false, true) => (Change::New, &after),
                (true, false) => (Change::Removed, &before),
                _ => return None,
            };
            let ring: Vec<MapPoint> = structure
                .corners()
                .iter()
                .map(|corner| {
                    let [right_px, down_px] = shown_by.in_image(*corner, structure.height_m);
                    grid.to_map(right_px, down_px)
                })
                .collect();
            use geo::Area;
            let outline = Polygon::new(LineString::from(ring), Vec::new());
            let area_m2 = outline.unsigned_area();
            Some(TruthStructure {
                outline: MapPolygon(outline),
                change,
                kind: structure.kind,
                height_m: structure.height_m,
                area_m2,
            })
        })
        .collect();
    changed.sort_by(|a, b| b.area_m2.total_cmp(&a.area_m2));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_scene_and_another_gives_another() {
        let spec = SceneSpec { side_px: 96, ..SceneSpec::small(7) };
        let first = render(&spec);
        assert_eq!(first.pair, render(&spec).pair);
        assert_ne!(first.pair, render(&SceneSpec { seed: 8, ..spec }).pair);
    }

    #[test]
    fn a_place_is_shown_where_the_pixel_that_shows_it_looks() {
        for date in [Date::Before, Date::After] {
            let sensor = Sensor::of(&SceneSpec::small(3), date);
            let [right_px, down_px] = sensor.in_image(sensor.on_ground(120.5, 31.25), 0.0);
            assert!((right_px - 120.5).hypot(down_px - 31.25) < 1e-9, "{right_px} {down_px}");
        }
    }

    #[test]
    fn the_fixture_has_new_structures_of_many_sizes_and_a_few_removed() {
        let truth = truth(&SceneSpec::industrial(1), &World::of(&SceneSpec::industrial(1)));
        let new: Vec<f64> =
            truth.iter().filter(|found| found.change == Change::New).map(|found| found.area_m2).collect();
        assert!(new.len() >= 10, "{} new", new.len());
        assert!(new.iter().any(|area| *area > 2_000.0) && new.iter().any(|area| *area < 150.0), "{new:?}");
        assert!(truth.iter().any(|found| found.change == Change::Removed));
    }

    #[test]
    fn labels_lie_where_the_truth_does() {
        use geo::Area;
        let spec = SceneSpec { side_px: 1_024, ..SceneSpec::industrial(1) };
        let (labels, told) = (labels(&spec), truth(&spec, &World::of(&spec)));
        let labelled_m2 = |label: &Raster| {
            let labelled_px = label.band(0).iter().filter(|value| **value > 0.0).count();
            labelled_px as f64 * spec.pixel_m * spec.pixel_m
        };
        for (change, label) in [(Change::New, &labels.new), (Change::Removed, &labels.removed)] {
            let told = told.iter().filter(|structure| structure.change == change);
            let told_m2: f64 = told.map(|structure| structure.outline.0.unsigned_area()).sum();
            let off_m2 = (labelled_m2(label) - told_m2).abs();
            assert!(told_m2 > 0.0 && off_m2 < 0.05 * told_m2, "{change:?}: {off_m2} of {told_m2} m2");
        }
        assert!(labelled_m2(&labels.built_after) > 2.0 * labelled_m2(&labels.new));
        assert!(labelled_m2(&labels.built_before) > 2.0 * labelled_m2(&labels.removed));
    }

    #[test]
    fn a_scene_of_distractors_has_no_changed_structure_but_changes() {
        let rendered = render(&SceneSpec { side_px: 128, ..SceneSpec::unchanged(3) });
        assert!(rendered.truth.is_empty());
        assert_ne!(rendered.pair.before().band(0), rendered.pair.after().band(0));
    }
}
