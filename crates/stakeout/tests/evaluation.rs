//! `stakeout evaluate` as people run it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use support::{rendered_pair, run, text};

/// Runs one of GDAL's programs.
fn gdal(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A folder with one labelled pair, `place`: its label holds what the detector finds there.
fn labelled(folder: &Path) -> PathBuf {
    let pairs = folder.join("pairs");
    for part in ["A", "B", "label"] {
        std::fs::create_dir_all(pairs.join(part)).unwrap();
    }
    let (before, after) = rendered_pair(folder);
    let (found, outlines) = (folder.join("found.geojson"), folder.join("found.gpkg"));
    assert!(run(&["detect", text(&before), text(&after), "--out", text(&found)]).status.success());
    gdal("ogr2ogr", &["-t_srs", "EPSG:32652", text(&outlines), text(&found)]);
    let label = pairs.join("label/place.tif");
    gdal(
        "gdal_create",
        &["-q", "-if", text(&before), "-bands", "1", "-burn", "0", "-ot", "Byte", text(&label)],
    );
    gdal("gdal_rasterize", &["-q", "-burn", "255", text(&outlines), text(&label)]);
    std::fs::copy(before, pairs.join("A/place.tif")).unwrap();
    std::fs::copy(after, pairs.join("B/place.tif")).unwrap();
    pairs
}

/// The report on a folder of pairs.
fn evaluated(pairs: &Path, more: &[&str]) -> Value {
    let report = pairs.join("report.json");
    let done = run(&[&["evaluate", text(pairs), "--json", text(&report)], more].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap()
}

fn pixel_f1(report: &Value) -> f64 {
    report["figures"]["pixel"]["f1"]["value"].as_f64().unwrap()
}

#[test]
fn what_is_found_is_laid_onto_the_label_whatever_the_crs_of_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = labelled(folder.path());
    let own = pixel_f1(&evaluated(&pairs, &[]));
    assert!(own > 0.97, "{own}");
    for (part, resampling) in [("A", "cubic"), ("label", "near")] {
        let (plain, warped) = (pairs.join(part).join("place.tif"), folder.path().join("warped.tif"));
        gdal(
            "gdalwarp",
            &["-q", "-overwrite", "-t_srs", "EPSG:4326", "-r", resampling, text(&plain), text(&warped)],
        );
        std::fs::copy(warped, plain).unwrap();
    }
    let in_degrees = pixel_f1(&evaluated(&pairs, &["--change", "any"]));
    assert!(in_degrees > 0.8, "{in_degrees}");
}

#[test]
fn the_page_shows_what_was_found_and_what_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = labelled(folder.path());
    let page = folder.path().join("page.html");
    let report = evaluated(&pairs, &["--html", text(&page)]);
    let page = std::fs::read_to_string(page).unwrap();
    let found = report["candidates"].as_array().unwrap().len();
    assert_eq!(page.matches("class=found").count(), found);
    assert!(found > 0 && page.contains("class=true"));
}

#[test]
fn a_label_of_another_size_or_without_an_image_and_two_images_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = labelled(folder.path());
    let refused = |wanted: &str| {
        let done = run(&["evaluate", text(&pairs)]);
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() && told.contains(wanted), "{told}");
    };
    // a world file is no image
    std::fs::write(pairs.join("A/place.tfw"), "1\n0\n0\n-1\n0\n0\n").unwrap();
    evaluated(&pairs, &[]);
    let png = pairs.join("A/place.png");
    gdal("gdal_translate", &["-q", "-of", "PNG", text(&pairs.join("A/place.tif")), text(&png)]);
    refused("two images of one name");
    std::fs::remove_file(png).unwrap();
    let (label, small) = (pairs.join("label/place.tif"), folder.path().join("small.tif"));
    gdal("gdal_translate", &["-q", "-outsize", "50%", "50%", text(&label), text(&small)]);
    std::fs::copy(small, label).unwrap();
    refused("192x192 px but its before image has 384x384");
    std::fs::remove_file(pairs.join("B/place.tif")).unwrap();
    refused("label has place but B has not");
}

#[test]
fn what_is_evaluated_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = labelled(folder.path());
    let label = pairs.join("label/place.tif");
    let kept = std::fs::read(&label).unwrap();
    // also what the prefix leaves out
    for more in [vec!["--json", text(&label)], vec!["--prefix", "other", "--html", text(&label)]] {
        let done = run(&[vec!["evaluate", text(&pairs)], more].concat());
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && told.contains("is read or written besides"), "{told}");
    }
    assert_eq!(std::fs::read(&label).unwrap(), kept);
}

#[test]
fn where_nothing_is_true_no_share_of_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = labelled(folder.path());
    let (label, nothing) = (pairs.join("label/place.tif"), folder.path().join("nothing.tif"));
    gdal("gdal_create", &["-q", "-if", text(&label), "-bands", "1", "-burn", "0", text(&nothing)]);
    std::fs::copy(nothing, label).unwrap();
    let page = folder.path().join("page.html");
    let done = run(&["evaluate", text(&pairs), "--html", text(&page)]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(told.contains("recall none  F1 none") && told.contains("none of 0"), "{told}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(report["figures"]["object_50"]["f1"]["value"].is_null());
    assert!(report["figures"]["by_size"][0]["recall"].is_null());
    assert!(std::fs::read_to_string(page).unwrap().contains("<td>none<td>none"));
}

#[test]
fn a_terminal_shows_the_figures_and_a_pipe_has_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = labelled(folder.path());
    let piped = run(&["evaluate", text(&pairs), "--model", "classical"]);
    assert!(String::from_utf8_lossy(&piped.stdout).contains("\"figures\""));
    let command = format!(
        "{} evaluate {} --model classical",
        text(support::stakeout().get_program().as_ref()),
        text(&pairs)
    );
    // a program of util-linux that runs another one on a terminal of its own
    let shown = Command::new("script")
        .args(["-qec", &command, text(&folder.path().join("typescript"))])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("1 place,") && !shown.contains("\"figures\""), "{shown}");
}

/// Real pairs lie in the folder that `STAKEOUT_DATA` names; their licence keeps them out of the repository.
#[test]
fn real_structures_are_found() {
    let Some(data) = std::env::var_os("STAKEOUT_DATA").map(PathBuf::from) else {
        eprintln!("SKIPPED: STAKEOUT_DATA names no folder of labelled pairs");
        return;
    };
    for (pairs, prefix) in [("eval/levir", "training"), ("eval/fotbcd", "")] {
        let report = tempfile::NamedTempFile::new().unwrap();
        let folder = data.join(pairs);
        let done = run(&[
            "evaluate",
            text(&folder),
            "--prefix",
            prefix,
            "--gsd",
            "0.5",
            "--json",
            text(report.path()),
        ]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let report: Value = serde_json::from_str(&std::fs::read_to_string(report.path()).unwrap()).unwrap();
        let f1 = pixel_f1(&report);
        assert!(f1 > 0.7, "{pairs}: {f1}");
    }
}
