//! `stakeout detect`.

use std::{ops::ControlFlow, path::Path, time::Instant};

use imagery_diff::{DetectOptions, Detector, Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use record::{Change, geojson::Coordinates, geojson::Run, geojson::run_collection};
use serde_json::{Value, json};
use stakeout_server::detection::{self, Found, detect_files};

use crate::{
    arguments::Detect,
    count::counted,
    output::{Outputs, say},
};

/// Least displacement that two digits after the point show.
const SHOWN_MIN: f64 = 0.005;
/// Structures shown on the terminal; the file has all.
const SHOWN_MAX: usize = 20;

pub(crate) fn run(arguments: &Detect, quiet: bool) -> anyhow::Result<()> {
    let model_files = detection::files_of(&arguments.model, arguments.onnx_runtime.as_deref());
    let images = [arguments.before.as_path(), arguments.after.as_path()];
    let mut outputs =
        Outputs::beside(images.into_iter().chain(model_files.iter().map(|file| file.as_path())));
    let out = outputs.place(&arguments.out)?;
    let report_out = arguments.report.as_deref().map(|path| outputs.place(path)).transpose()?;
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
        units: units(&found, pixel_units(&detector)),
    };
    out.write(&format!("{:#}\n", run_collection(&run, &found.candidates)))?;
    if let Some(report_out) = report_out {
        report_out.write(&format!("{:#}\n", report(&found, started.elapsed().as_secs_f64())))?;
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

/// Units of candidates without georeference; their evidence takes a pixel to be as large as the detector wants it.
fn pixel_units(detector: &Detector) -> Value {
    json!({
        "area_m2": "square pixels",
        "length_m": "pixels",
        "width_m": "pixels",
        "evidence": format!("metres, if a pixel were {} m", detector.gsd_m()),
    })
}

/// What the members of the fit and these are in, though named after metres, where the images carry no georeference.
fn units(found: &Found, mut units: Value) -> Option<Value> {
    if found.coordinates != Coordinates::Pixels {
        return None;
    }
    for member in ["fit.shift_east_m", "fit.shift_north_m", "fit.residual_m"] {
        units[member] = json!("pixels");
    }
    Some(units)
}

fn report(found: &Found, elapsed_s: f64) -> Value {
    let [rows, cols] = found.grid_px;
    let [before, after] =
        found.images.each_ref().map(|image| json!({"bands": image.bands, "bands_used": image.bands_used}));
    let mut report = json!({
        "fit": found.fit,
        "detector": found.detector,
        "cautions": found.cautions,
        "candidates": found.candidates.len(),
        "images": {"before": before, "after": after},
        "grid": {"rows": rows, "cols": cols, "pixel_m": found.pixel_m},
        "elapsed_s": elapsed_s,
        "megapixels_per_s": f64::from(rows) * f64::from(cols) / 1e6 / elapsed_s,
    });
    if let Some(units) = units(found, json!({"grid.pixel_m": "pixels"})) {
        report["units"] = units;
    }
    report
}

/// A displacement along an axis, told without a sign.
fn towards(displacement: f64, unit: &str, [ahead, behind]: [&str; 2]) -> String {
    // what is shown as nothing has no direction of its own
    let way = if displacement <= -SHOWN_MIN { behind } else { ahead };
    format!("{:.2} {unit} {way}", displacement.abs())
}

fn tell(found: &Found, licence: Option<&str>) {
    let unit = if found.coordinates == Coordinates::Pixels { "px" } else { "m" };
    let fit = &found.fit;
    let lies = fit.residual_m.map_or(
        "how the after image lies to the before image could not be measured".to_owned(),
        |residual| {
            let east = towards(fit.shift_east_m, unit, ["east", "west"]);
            let north = towards(fit.shift_north_m, unit, ["north", "south"]);
            format!(
                "the after image lies {east} and {north} of the before image, residual {residual:.2} {unit}"
            )
        },
    );
    say(format_args!("{lies}; {:.0} % was seen on both dates", fit.valid_share * 100.0));
    if let Some(reason) = &fit.reason {
        say(format_args!("WARNING: the images do not fit, so the candidates cannot be believed: {reason}"));
    }
    for caution in &found.cautions {
        say(format_args!("CAUTION: {caution}"));
    }
    let structures = counted(found.candidates.len() as u64, "structure");
    say(format_args!("{structures} by {} {}", found.detector.name, found.detector.version));
    if let Some(licence) = licence {
        say(format_args!("terms of the model: {licence}"));
    }
    if !found.candidates.is_empty() {
        say(format_args!("   score  change     area {unit}2   size {unit}            at"));
    }
    for candidate in found.candidates.iter().take(SHOWN_MAX) {
        let at = candidate.outline.exterior().0[0];
        let change = match candidate.change {
            Change::New => "new",
            Change::Removed => "removed",
            Change::Altered => "altered",
        };
        say(format_args!(
            "   {:>5.2}  {change:8} {:>9.0}   {:>6.1} x {:<6.1}   {:.5}, {:.5}",
            candidate.score.unwrap_or_default(),
            candidate.area_m2,
            candidate.length_m,
            candidate.width_m,
            at.x,
            at.y
        ));
    }
    if found.candidates.len() > SHOWN_MAX {
        say(format_args!("   and {} more", found.candidates.len() - SHOWN_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displacement_is_told_by_the_way_it_goes() {
        let east = |metres| towards(metres, "m", ["east", "west"]);
        assert_eq!([east(1.0), east(-1.0), east(-0.001)], ["1.00 m east", "1.00 m west", "0.00 m east"]);
    }
}
