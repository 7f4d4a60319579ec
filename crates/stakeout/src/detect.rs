//! `stakeout detect`.

use std::{ops::ControlFlow, path::Path, time::Instant};

use imagery_diff::{DetectOptions, Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use raster_io::write_whole;
use record::{Change, geojson::Coordinates, geojson::Run, geojson::run_collection};
use serde_json::{Value, json};
use stakeout_server::detection::{self, Found, detect_files};

use crate::{arguments::Detect, output::check_writable};

/// Structures shown on the terminal; the file has all.
const SHOWN_MAX: usize = 20;

pub(crate) fn run(arguments: &Detect, quiet: bool) -> anyhow::Result<()> {
    let outputs = std::iter::once(&arguments.out).chain(&arguments.report);
    check_writable(outputs, &[&arguments.before, &arguments.after])?;
    let started = Instant::now();
    let detector = detection::detector(&arguments.model, arguments.onnx_runtime.as_deref())?;
    let mut options = DetectOptions::default();
    if let Some(score_min) = arguments.min_score {
        options.score_min = score_min;
    }
    let bar = bar(quiet);
    let progress = |progress: Progress| show(&bar, progress);
    let found = detect_files(&arguments.before, &arguments.after, &detector, &options, &progress);
    bar.finish_and_clear();
    let found = found?;
    let run = Run {
        before: &name(&arguments.before),
        after: &name(&arguments.after),
        detector: &found.detector,
        fit: &found.fit,
        cautions: &found.cautions,
        coordinates: found.coordinates,
    };
    write_whole(&arguments.out, format!("{:#}\n", run_collection(&run, &found.candidates)).as_bytes())?;
    if let Some(path) = &arguments.report {
        write_whole(path, format!("{:#}\n", report(&found, started.elapsed().as_secs_f64())).as_bytes())?;
    }
    if !quiet {
        tell(&found, detector.licence());
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A bar on a terminal, nothing in a pipe.
fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:28} {bar:40} {percent:>3} %  {eta} left")
        .expect("the template is well formed");
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar
}

fn show(bar: &ProgressBar, progress: Progress) -> ControlFlow<()> {
    bar.set_message(match progress.stage {
        Stage::Register => "finding how the images fit",
        Stage::Search => "searching for structures",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
    ControlFlow::Continue(())
}

fn report(found: &Found, elapsed_s: f64) -> Value {
    let [rows, cols] = found.grid_px;
    json!({
        "fit": found.fit,
        "detector": found.detector,
        "cautions": found.cautions,
        "candidates": found.candidates.len(),
        "grid": {"rows": rows, "cols": cols, "pixel_m": found.pixel_m},
        "elapsed_s": elapsed_s,
        "megapixels_per_s": f64::from(rows) * f64::from(cols) / 1e6 / elapsed_s,
    })
}

fn tell(found: &Found, licence: Option<&str>) {
    let unit = if found.coordinates == Coordinates::Pixels { "px" } else { "m" };
    let fit = &found.fit;
    let residual = fit.residual_m.map_or("unknown".to_owned(), |residual| format!("{residual:.2} {unit}"));
    eprintln!(
        "the after image lies {:.2} {unit} east and {:.2} {unit} north of the before image, residual {residual}; {:.0} % was seen on both dates",
        fit.shift_east_m,
        fit.shift_north_m,
        fit.valid_share * 100.0
    );
    if let Some(reason) = &fit.reason {
        eprintln!("WARNING: the images do not fit, so the candidates cannot be believed: {reason}");
    }
    for caution in &found.cautions {
        eprintln!("CAUTION: {caution}");
    }
    eprintln!("{} structures by {} {}", found.candidates.len(), found.detector.name, found.detector.version);
    if let Some(licence) = licence {
        eprintln!("terms of the model: {licence}");
    }
    if !found.candidates.is_empty() {
        eprintln!("   score  change     area {unit}2   size {unit}            at");
    }
    for candidate in found.candidates.iter().take(SHOWN_MAX) {
        let at = candidate.outline.exterior().0[0];
        let change = match candidate.change {
            Change::New => "new",
            Change::Removed => "removed",
            Change::Altered => "altered",
        };
        eprintln!(
            "   {:>5.2}  {change:8} {:>9.0}   {:>6.1} x {:<6.1}   {:.5}, {:.5}",
            candidate.score.unwrap_or_default(),
            candidate.area_m2,
            candidate.length_m,
            candidate.width_m,
            at.x,
            at.y
        );
    }
    if found.candidates.len() > SHOWN_MAX {
        eprintln!("   and {} more", found.candidates.len() - SHOWN_MAX);
    }
}
