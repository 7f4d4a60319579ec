//! `stakeout evaluate`: runs a detector over labelled pairs and tells how good it is.

mod page;
mod stress;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use geo::{Contains, Coord, Intersects, MapCoords, Polygon};
use imagery_diff::{
    Candidate, Change, DetectOptions, Detector, MapPoint, PairSource, detect,
    evaluate::{CUT_M2_MIN, Figure, Figures, Place, Region, Tally, regions},
};
use indicatif::{ProgressBar, ProgressDrawTarget};
use raster_io::{Mask, ScenePair, read_mask};
use serde_json::{Value, json};
use stakeout_server::detection;

use crate::{
    arguments::{Counted, Evaluate},
    count::counted,
    output::{self, Outputs, say},
};

/// Places shown on the page.
const WORST_SHOWN: usize = 24;

/// Extensions of images and labels; other files beside them, such as world files, are none.
const IMAGES: [&str; 6] = ["tif", "tiff", "png", "jpg", "jpeg", "jp2"];

/// A labelled pair of files.
struct Labelled {
    name: String,
    before: PathBuf,
    after: PathBuf,
    label: PathBuf,
}

/// A place with what was found in it, in pixels of its label (x right, y down).
struct Evaluated {
    files: Labelled,
    mask: Mask,
    found: Vec<(Polygon<f64>, Candidate)>,
    place: Place,
}

pub(crate) fn run(arguments: &Evaluate, quiet: bool) -> anyhow::Result<()> {
    let images = Images::of(&arguments.folder)?;
    let library = arguments.onnx_runtime.as_deref();
    let model_files = detection::files_of(&arguments.model, library);
    let mut outputs = Outputs::beside(images.files().chain(&model_files).map(PathBuf::as_path));
    let report_path = arguments.json.as_deref().or_else(|| output::unnamed());
    let report_out = report_path.map(|path| outputs.place(path)).transpose()?;
    let page_out = arguments.html.as_deref().map(|path| outputs.place(path)).transpose()?;
    let detector = detection::detector(&arguments.model, library)?;
    let pairs = images.pairs(&arguments.folder, &arguments.prefix)?;
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(pairs.len() as u64), target);
    let mut stressed = arguments.stress.then(stress::Stressed::default);
    let mut tally = Tally::default();
    let mut evaluated = Vec::with_capacity(pairs.len());
    for files in pairs {
        let one = evaluate(files, &detector, arguments)?;
        if let Some(stressed) = &mut stressed {
            stressed.add(&one.files.before, &one.files.after, &detector, arguments)?;
        }
        tally.add(&one.place);
        evaluated.push(one);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let figures = tally.figures();
    let report = json!({
        "folder": arguments.folder.file_name().map(|name| name.to_string_lossy()),
        "prefix": arguments.prefix,
        "detector": detector.id(),
        "gsd_m_of_unplaced_pairs": arguments.gsd,
        "figures": figures,
        "stress": stressed.as_ref().map(stress::Stressed::report),
        "places": tally.by_place(),
        "candidates": candidates(&tally, &evaluated),
    });
    if let Some(report_out) = report_out {
        report_out.write(&format!("{report:#}\n"))?;
    }
    if let Some(page_out) = page_out {
        let page = page::page(&figures, stressed.as_ref(), worst(&mut evaluated), &detector.id().name)?;
        page_out.write(&page)?;
    }
    if !quiet {
        tell(&figures);
        if let Some(stressed) = &stressed {
            stressed.tell();
        }
    }
    Ok(())
}

/// Every candidate with its evidence and whether it is real: what a score can be fitted to.
fn candidates(tally: &Tally, evaluated: &[Evaluated]) -> Vec<Value> {
    tally
        .by_place()
        .iter()
        .zip(evaluated)
        .flat_map(|(place, one)| {
            place.real.iter().zip(&one.found).map(|(real, (_, candidate))| {
                json!({
                    "place": place.name,
                    "change": candidate.change,
                    "score": candidate.score,
                    "real": real,
                    "evidence": candidate.evidence,
                })
            })
        })
        .collect()
}

/// The images of a folder by name, which may differ in their extension.
struct Images {
    before: BTreeMap<String, PathBuf>,
    after: BTreeMap<String, PathBuf>,
    labels: BTreeMap<String, PathBuf>,
}

impl Images {
    fn of(folder: &Path) -> anyhow::Result<Images> {
        let part = |name: &str| by_stem(&folder.join(name));
        Ok(Images { before: part("A")?, after: part("B")?, labels: part("label")? })
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.before, &self.after, &self.labels].into_iter().flat_map(BTreeMap::values)
    }

    /// The labelled pairs whose name begins so.
    fn pairs(mut self, folder: &Path, prefix: &str) -> anyhow::Result<Vec<Labelled>> {
        let image = |name: &str, found: Option<PathBuf>, part: &str| {
            found.with_context(|| format!("{}/label has {name} but {part} has not", folder.display()))
        };
        let pairs: Vec<Labelled> = self
            .labels
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, label)| {
                let before = image(&name, self.before.remove(&name), "A")?;
                let after = image(&name, self.after.remove(&name), "B")?;
                Ok(Labelled { name, before, after, label })
            })
            .collect::<anyhow::Result<_>>()?;
        let named =
            if prefix.is_empty() { String::new() } else { format!(" whose name begins with {prefix:?}") };
        ensure!(!pairs.is_empty(), "{}/label holds no image{named}", folder.display());
        Ok(pairs)
    }
}

fn by_stem(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let Some(stem) = path.file_stem().filter(|_| IMAGES.contains(&extension.as_str())) else {
            continue;
        };
        if let Some(other) = files.insert(stem.to_string_lossy().into_owned(), path.clone()) {
            bail!("{} and {} are two images of one name", other.display(), path.display());
        }
    }
    Ok(files)
}

fn evaluate(files: Labelled, detector: &Detector, arguments: &Evaluate) -> anyhow::Result<Evaluated> {
    let mask = read_mask(&files.label)?;
    let pair = ScenePair::open(&files.before, &files.after, &detection::grid_options(detector))?;
    let before = pair.before().info();
    ensure!(
        (mask.rows, mask.cols) == (before.rows, before.cols),
        "{} has {}x{} px but its before image has {}x{}",
        files.label.display(),
        mask.cols,
        mask.rows,
        before.cols,
        before.rows
    );
    let detection = detect(&pair, detector, &detect_options(arguments), &|_| ControlFlow::Continue(()))
        .with_context(|| format!("{} cannot be evaluated", files.name))?;
    // the label has the pixels of the before image
    let to_label = |at: Coord<f64>| {
        let [x, y] = pair.place_in_before(pair.grid().to_pixels(MapPoint { x: at.x, y: at.y }));
        Coord { x, y }
    };
    let is_asked_for = |change: Change| arguments.change == Counted::Any || change != Change::Removed;
    let (found, regions_found): (Vec<_>, Vec<_>) = detection
        .candidates
        .into_iter()
        .filter(|candidate| is_asked_for(candidate.change))
        .map(|candidate| {
            let polygon = candidate.outline.0.map_coords(to_label);
            let region = Region { pixels: pixels_in(&polygon, &mask), score: candidate.score };
            ((polygon, candidate), region)
        })
        .filter(|(_, region)| !region.pixels.is_empty())
        .unzip();
    let pixel_m = before.gsd_m.unwrap_or(arguments.gsd);
    let place = Place {
        name: files.name.clone(),
        pixel_m2: pixel_m * pixel_m,
        rows: mask.rows as usize,
        cols: mask.cols as usize,
        found: regions_found,
        truth: regions(&mask.set, mask.cols as usize),
    };
    Ok(Evaluated { files, mask, found, place })
}

fn detect_options(arguments: &Evaluate) -> DetectOptions {
    let options = DetectOptions::default();
    DetectOptions { score_min: arguments.min_score.unwrap_or(options.score_min), ..options }
}

/// Pixels whose centres a polygon holds.
fn pixels_in(polygon: &Polygon<f64>, mask: &Mask) -> Vec<usize> {
    use geo::BoundingRect;
    let Some(bounds) = polygon.bounding_rect() else { return Vec::new() };
    let range = |low: f64, high: f64, size: u32| {
        let limit = f64::from(size);
        low.floor().clamp(0.0, limit) as usize..high.ceil().clamp(0.0, limit) as usize
    };
    let cols = range(bounds.min().x, bounds.max().x, mask.cols);
    range(bounds.min().y, bounds.max().y, mask.rows)
        .flat_map(|row| cols.clone().map(move |col| (row, col)))
        .filter(|(row, col)| {
            let centre = geo::Point::new(*col as f64 + 0.5, *row as f64 + 0.5);
            polygon.contains(&centre) || polygon.exterior().intersects(&centre)
        })
        .map(|(row, col)| row * mask.cols as usize + col)
        .collect()
}

/// The places with the most wrong pixels first.
fn worst(evaluated: &mut [Evaluated]) -> &[Evaluated] {
    let wrong = |one: &Evaluated| {
        let mut tally = Tally::default();
        tally.add(&one.place);
        let counts = tally.by_place()[0].pixel;
        counts.false_alarms + counts.misses
    };
    evaluated.sort_by_cached_key(|one| (std::cmp::Reverse(wrong(one)), one.files.name.clone()));
    &evaluated[..evaluated.len().min(WORST_SHOWN)]
}

fn tell(figures: &Figures) {
    let of = |name: &str, quality: &imagery_diff::evaluate::Quality| {
        say(format_args!(
            "{name:22} precision {}  recall {}  F1 {}",
            share(quality.precision.value),
            share(quality.recall.value),
            with_interval(&quality.f1)
        ));
    };
    say(format_args!("{}, {:.3} km2", counted(figures.places as u64, "place"), figures.area_km2));
    if figures.set_aside > 0 {
        say(format_args!(
            "cut to under {CUT_M2_MIN:.0} m2 by the edge and set aside: {}",
            counted(figures.set_aside, "true structure")
        ));
    }
    of("pixels", &figures.pixel);
    of("structures, IoU 0.25", &figures.object_25);
    of("structures, IoU 0.5", &figures.object_50);
    say(format_args!("false alarms a km2     {:.1}", figures.false_alarms_km2.value.unwrap_or_default()));
    say(format_args!("calibration error      {:.3}", figures.calibration_error));
    for class in &figures.by_size {
        let to = class.to_m2.map_or_else(|| "and more".to_owned(), |to| format!("to {to:.0}"));
        say(format_args!(
            "recall, {:>5.0} {to:9} m2 {} of {}",
            class.from_m2,
            share(class.recall),
            class.structures
        ));
    }
}

/// A share, or that there is nothing of which it would be one.
fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "none".to_owned(), |share| format!("{share:.3}"))
}

/// A figure with its interval, where it has them.
fn with_interval(figure: &Figure) -> String {
    let interval = figure.low.zip(figure.high);
    let interval = interval.map(|(low, high)| format!(" ({low:.3} to {high:.3})")).unwrap_or_default();
    format!("{}{interval}", share(figure.value))
}
