//! The whole way from a pair of images to candidates.

use std::{
    ops::{ControlFlow, Range},
    sync::Mutex,
};

use rayon::prelude::*;

use crate::{
    blobs::{Blob, BlobOptions, BlobTracker, Patch},
    candidate::{Candidate, Change, Detection, DetectorId},
    edge_distance::{clip_to_scene, edge_distance},
    evidence::{
        EvidenceMaps, Strip,
        classical::{self, ClassicalOptions, classical},
        network::{self, network},
    },
    grid::{Grid, PixelIndex, Reference, Shift, Window},
    model::{Model, ModelError, Shipped},
    normalise::{Normalisation, PairTones, normalise},
    objects::{Object, ObjectOptions, objects},
    outline::outline,
    pair::AlignedPair,
    register::{RegisterOptions, Registration, overview_reduction, register},
    regularise::{RegulariseOptions, extent, regularise},
    score::{self, ScoreContext, ScoreOptions, score},
    source::PairSource,
    workers,
};

/// Name of the baseline without a network.
pub const CLASSICAL: &str = "classical";
/// The detector that is used where none is named; `docs/detector.md` says why.
pub const DEFAULT_DETECTOR: &str = "research";

/// Most rows of a strip.
const STRIP_ROWS_MAX: u32 = 384;
/// Most columns of a window of a strip.
const WINDOW_COLS_MAX: u32 = 512;
/// Rows of strips and columns of windows are a multiple of this, pixels, so that every window lies alike on a network's grid.
const STEP_PX: u32 = 32;
/// Most candidates that one run tells: the best are kept.
pub const CANDIDATES_MAX: usize = 20_000;
/// Networks see most in images enlarged to the resolution that they were made for, but not in those enlarged further
/// than so many times; `training/tried.md` has the figures.
const ENLARGE_MAX: f64 = 3.0;

/// Images so many times coarser than a card's coarsest are still as it says: pixels are seldom exactly of a length.
const GSD_SLACK: f64 = 1.05;

/// What turns a window of a pair into evidence.
#[derive(Debug)]
pub enum Detector {
    /// The baseline.
    Classical(ClassicalOptions),
    /// A network.
    Network(Box<Model>),
}

/// How to detect.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectOptions {
    /// How registration looks for the shift.
    pub register: RegisterOptions,
    /// What counts as a blob.
    pub blobs: BlobOptions,
    /// What makes a structure.
    pub objects: ObjectOptions,
    /// How far an outline may be changed.
    pub regularise: RegulariseOptions,
    /// Candidates of a lower score are dropped.
    pub score_min: f64,
}

impl Default for DetectOptions {
    fn default() -> DetectOptions {
        DetectOptions {
            register: RegisterOptions::default(),
            blobs: BlobOptions::default(),
            objects: ObjectOptions::default(),
            regularise: RegulariseOptions::default(),
            score_min: 0.1,
        }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looks at the whole scene and finds the shift.
    Register,
    /// Goes through the scene strip by strip.
    Search,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Rows that are done.
    pub done: u64,
    /// Rows in all.
    pub total: u64,
}

/// Told how far a run is; may call it off.
pub type OnProgress<'a> = dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a;

/// Why a run gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError<E: std::error::Error + 'static> {
    /// The pair could not be read.
    #[error(transparent)]
    Source(E),
    /// The network could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It was called off.
    #[error("the detection was called off")]
    Cancelled,
}

impl Detector {
    /// The baseline or a shipped model by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(name: &str) -> Result<Detector, ModelError> {
        if name == CLASSICAL {
            return Ok(Detector::Classical(ClassicalOptions::default()));
        }
        Ok(Detector::Network(Box::new(Shipped::named(name)?.load()?)))
    }

    /// Who speaks.
    pub fn id(&self) -> DetectorId {
        match self {
            Detector::Classical(_) => DetectorId {
                name: CLASSICAL.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                model_sha256: None,
            },
            Detector::Network(model) => model.id(),
        }
    }

    /// Terms of its weights; `None` for the baseline, which has none.
    pub fn licence(&self) -> Option<&str> {
        match self {
            Detector::Classical(_) => None,
            Detector::Network(model) => Some(&model.card().licence),
        }
    }

    /// The ground sample distance that it wants, metres: finer images are reduced to it.
    pub fn gsd_m(&self) -> f64 {
        match self {
            Detector::Classical(_) => 0.3,
            Detector::Network(model) => model.card().input.gsd_m_best,
        }
    }

    /// How many times coarser images may be enlarged for it.
    pub fn enlarge_max(&self) -> f64 {
        match self {
            Detector::Classical(_) => 1.0,
            Detector::Network(_) => ENLARGE_MAX,
        }
    }

    /// What its user must know before they believe what it says, or that it says nothing, of images of a ground sample
    /// distance in metres, the coarser of the two; `None` where that is not known.
    pub fn cautions(&self, gsd_m: Option<f64>) -> Vec<String> {
        let DetectorId { name, version, .. } = self.id();
        let Detector::Network(model) = self else {
            return vec![format!("scores of {name} {version} order the candidates and are not calibrated")];
        };
        let input = &model.card().input;
        let coarse = match gsd_m {
            None => Some(format!(
                "the images carry no georeference: {name} {version} takes their pixels for {} m",
                input.gsd_m_best
            )),
            Some(gsd_m) if gsd_m > input.gsd_m_max * GSD_SLACK => Some(format!(
                "the coarser image has pixels of {gsd_m:.1} m, and {name} {version} was made for {} to {} m: it \
                 overlooks structures, and its scores are not calibrated there",
                input.gsd_m_min, input.gsd_m_max
            )),
            Some(_) => None,
        };
        let plain = model.card().score.is_none().then(|| {
            format!("scores of {name} {version} are not calibrated: its card has no coefficients for them")
        });
        coarse.into_iter().chain(plain).collect()
    }

    fn normalisation(&self) -> Normalisation {
        match self {
            Detector::Classical(_) => Normalisation::Contrast,
            Detector::Network(_) => Normalisation::Display,
        }
    }

    fn halo_px(&self) -> u32 {
        match self {
            Detector::Classical(_) => classical::HALO_PX,
            Detector::Network(_) => network::HALO_PX,
        }
    }

    fn evidence(&self, pair: &AlignedPair) -> Result<EvidenceMaps, ModelError> {
        match self {
            Detector::Classical(options) => Ok(classical(pair, options)),
            Detector::Network(model) => network(pair, model),
        }
    }

    /// What a detector without direction finds was altered, as far as anybody knows.
    fn directed(&self, object: Object) -> Object {
        match self {
            Detector::Network(model) if !model.tells_direction() => {
                Object { change: Change::Altered, ..object }
            }
            _ => object,
        }
    }

    fn score_options(&self) -> ScoreOptions {
        match self {
            Detector::Classical(_) => ScoreOptions::classical(),
            Detector::Network(model) => model.card().score.clone().unwrap_or_else(ScoreOptions::network),
        }
    }
}

/// Finds the structures that changed between the two images of a pair.
///
/// Memory is bounded by the width of the grid and by the blobs that are open, not by its height. The
/// result does not depend on the number of threads. A pair that does not fit still gives its candidates,
/// and [`crate::Fit::registrable`] says that they cannot be believed.
///
/// # Errors
/// When the source cannot be read, the network cannot be run, or `progress` calls the run off.
pub fn detect<S: PairSource>(
    source: &S,
    detector: &Detector,
    options: &DetectOptions,
    progress: &OnProgress<'_>,
) -> Result<Detection, DetectError<S::Error>> {
    let total = u64::from(source.grid().rows);
    tell(progress, Stage::Register, 0, total)?;
    let overview = source.overview(overview_reduction(source.grid())).map_err(DetectError::Source)?;
    let tones = PairTones::of(source, detector.normalisation()).map_err(DetectError::Source)?;
    let registration = register(source, &overview, &options.register).map_err(DetectError::Source)?;
    drop(overview);
    let score = detector.score_options();
    let run = Run { source, detector, options, tones: &tones, registration: &registration, score: &score };
    let mut tracker = BlobTracker::new(source.grid().cols, &options.blobs);
    let mut found: Vec<Found> = Vec::new();
    for Range { start, end } in parts(source.grid().rows, STRIP_ROWS_MAX) {
        tell(progress, Stage::Search, u64::from(start), total)?;
        let blobs = tracker.push(&run.strip(start, end - start)?);
        found.extend(run.structures(blobs));
        if found.len() > 2 * CANDIDATES_MAX {
            keep_best(&mut found);
        }
    }
    found.extend(run.structures(tracker.finish()));
    tell(progress, Stage::Search, total, total)?;
    keep_best(&mut found);
    let candidates = found.into_iter().map(|found| found.candidate).collect();
    Ok(Detection { candidates, fit: registration.fit, detector: detector.id() })
}

fn tell<E: std::error::Error>(
    progress: &OnProgress<'_>,
    stage: Stage,
    done: u64,
    total: u64,
) -> Result<(), DetectError<E>> {
    match progress(Progress { stage, done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(DetectError::Cancelled),
    }
}

/// A side cut into as few parts as may be, all about as long: of a last one of some pixels a network would see next to
/// nothing.
fn parts(side: u32, length_max: u32) -> impl Iterator<Item = Range<u32>> {
    let count = side.div_ceil(length_max);
    let start = move |part: u32| (part * side).div_ceil(count).next_multiple_of(STEP_PX).min(side);
    (0..count).map(move |part| start(part)..start(part + 1))
}

/// What every window of a run needs.
struct Run<'a, S: PairSource> {
    source: &'a S,
    detector: &'a Detector,
    options: &'a DetectOptions,
    tones: &'a PairTones,
    registration: &'a Registration,
    score: &'a ScoreOptions,
}

struct Found {
    candidate: Candidate,
    place: PixelIndex,
}

/// The first [`CANDIDATES_MAX`] by score, of equal ones by place: in order, so that what is kept is the same whenever this is done.
fn keep_best(found: &mut Vec<Found>) {
    found.sort_by(|a, b| b.candidate.score.total_cmp(&a.candidate.score).then(a.place.cmp(&b.place)));
    found.truncate(CANDIDATES_MAX);
}

impl<S: PairSource> Run<'_, S> {
    /// Evidence over the full width for a few rows, its windows made in parallel.
    fn strip(&self, row: u32, rows: u32) -> Result<Strip, DetectError<S::Error>> {
        let grid = self.source.grid();
        let windows: Vec<Window> = parts(grid.cols, WINDOW_COLS_MAX)
            .map(|cols| Window { row, col: cols.start, rows, cols: cols.end - cols.start })
            .collect();
        let maps = Mutex::new(EvidenceMaps::empty(rows, grid.cols));
        workers::each(windows.len(), |number| {
            let window = windows[number];
            let part = self.window(window)?;
            let mut maps = maps.lock().expect("copying does not panic");
            for (to, from) in maps.layers_mut().into_iter().zip(part.layers()) {
                copy(from, window.cols as usize, to, grid.cols as usize, window.col as usize);
            }
            Ok(())
        })
        .map(|()| Strip { row, maps: maps.into_inner().expect("copying does not panic") })
    }

    /// Evidence of one window, made with a margin that is then cut off.
    fn window(&self, window: Window) -> Result<EvidenceMaps, DetectError<S::Error>> {
        let grid = self.source.grid();
        let grown = window.grown(self.detector.halo_px(), grid.rows, grid.cols);
        let pair = self.source.read(grown, &self.registration.displacement).map_err(DetectError::Source)?;
        let pair = pair.with_pinholes_filled();
        let seen = pair.all_both_valid();
        if !seen.contains(&true) {
            return Ok(EvidenceMaps::empty(window.rows, window.cols));
        }
        let mut wide = self.detector.evidence(&normalise(pair, self.tones))?;
        wide.edge_distance_px = edge_distance(&seen, grown.rows as usize, grown.cols as usize);
        let mut maps = cut(&wide, grown, window);
        abstain(&mut maps, window, grid);
        Ok(maps)
    }

    /// Structures of blobs that have ended, scored, in the order of the blobs. Each thread has one patch at a time.
    fn structures(&self, blobs: Vec<Blob>) -> Vec<Found> {
        blobs
            .into_par_iter()
            .flat_map_iter(|blob| {
                let patch = blob.into_patch();
                let objects = objects(&patch, &self.options.objects).into_iter();
                let directed = objects.map(|object| self.detector.directed(object));
                directed.filter_map(|object| self.found(&patch, object)).collect::<Vec<Found>>()
            })
            .collect()
    }

    /// Side of a pixel on the ground for the score, metres; without georeference it counts as what the detector wants.
    fn ground_pixel_m(&self) -> f64 {
        let grid = self.source.grid();
        match grid.reference {
            Reference::Projected(_) => grid.pixel_m,
            Reference::Pixels => self.detector.gsd_m(),
        }
    }

    /// How far from its place in the evidence, which has the before image's places, a structure stands in the image that
    /// shows it: what is gone is shown before, all else after.
    fn displacement(&self, change: Change, middle: [f64; 2]) -> Shift {
        match change {
            Change::Removed => Shift::default(),
            Change::New | Change::Altered => self.registration.displacement.at(middle[0], middle[1]),
        }
    }

    fn found(&self, patch: &Patch, object: Object) -> Option<Found> {
        let grid = self.source.grid();
        let raw = outline(&object);
        let regular = regularise(&raw, &self.options.regularise);
        let extent = extent(&regular);
        let middle = object.window.middle();
        let pixel_m = self.ground_pixel_m();
        let context = ScoreContext {
            pixel_m,
            registration_residual_m: self.registration.residual_px.map(|px| px * pixel_m),
            registration_residual_near_m: self.registration.residual_px_near(middle).map(|px| px * pixel_m),
        };
        let (score, evidence) = score(patch, &object, &raw, &extent, &context, self.score);
        (score >= self.options.score_min).then(|| Found {
            candidate: Candidate {
                outline: regular.moved(self.displacement(object.change, middle)).to_map(grid),
                change: object.change,
                score,
                length_m: extent.length_px * grid.pixel_m,
                width_m: extent.width_px * grid.pixel_m,
                orientation_deg: extent.orientation_deg,
                evidence,
            },
            place: score::place(&object),
        })
    }
}

/// Copies a map of `cols` columns into a wider one, beginning at a column.
fn copy(from: &[u8], cols: usize, to: &mut [u8], to_cols: usize, at_col: usize) {
    for (line, target) in from.chunks_exact(cols).zip(to.chunks_exact_mut(to_cols)) {
        target[at_col..at_col + cols].copy_from_slice(line);
    }
}

/// Cuts a window out of the maps of a larger one.
fn cut(wide: &EvidenceMaps, grown: Window, window: Window) -> EvidenceMaps {
    let mut maps = EvidenceMaps::empty(window.rows, window.cols);
    let (down, right) = ((window.row - grown.row) as usize, (window.col - grown.col) as usize);
    let (cols, wide_cols) = (window.cols as usize, wide.cols as usize);
    for (to, from) in maps.layers_mut().into_iter().zip(wide.layers()) {
        for (row, line) in to.chunks_exact_mut(cols).enumerate() {
            let start = (row + down) * wide_cols + right;
            line.copy_from_slice(&from[start..start + cols]);
        }
    }
    maps
}

/// Takes back what was said of pixels that were not observed on both dates.
fn abstain(maps: &mut EvidenceMaps, window: Window, grid: &Grid) {
    let cols = window.cols as usize;
    for at in 0..maps.edge_distance_px.len() {
        let (row, col) = (window.row + (at / cols) as u32, window.col + (at % cols) as u32);
        maps.edge_distance_px[at] = clip_to_scene(maps.edge_distance_px[at], row, col, grid.rows, grid.cols);
        if maps.edge_distance_px[at] == 0 {
            for layer in maps.layers_mut() {
                layer[at] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_side_is_a_leftover() {
        for side in 1..4_000 {
            let cut: Vec<Range<u32>> = parts(side, STRIP_ROWS_MAX).collect();
            assert_eq!((cut[0].start, cut[cut.len() - 1].end), (0, side));
            assert!(
                cut.windows(2).all(|two| two[0].end == two[1].start && two[1].start.is_multiple_of(STEP_PX))
            );
            let lengths = || cut.iter().map(|part| part.end - part.start);
            assert!(lengths().all(|length| length <= STRIP_ROWS_MAX), "{side} px: {cut:?}");
            assert!(
                cut.len() == 1 || lengths().all(|length| length > STRIP_ROWS_MAX / 3),
                "{side} px: {cut:?}"
            );
        }
    }
}
