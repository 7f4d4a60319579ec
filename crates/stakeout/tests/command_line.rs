//! `stakeout detect` as people run it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{rendered_pair, run, text, write_pair};
use test_scenes::{SceneSpec, render};

fn json(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn detect_writes_geojson_that_ogr_reads_and_says_how_well_the_images_fit() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    for model in ["classical", "open", "research"] {
        let (out, report) = (folder.path().join("out.geojson"), folder.path().join("report.json"));
        let done = run(&[
            "detect",
            text(&before),
            text(&after),
            "--out",
            text(&out),
            "--report",
            text(&report),
            "--model",
            model,
        ]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(done.stdout.is_empty());
        let found = json(&out);
        let count = found["features"].as_array().unwrap().len();
        assert_eq!(found["detector"]["name"], model);
        assert!(found["fit"]["registrable"].is_boolean());
        assert_eq!(json(&report)["candidates"].as_u64(), Some(count as u64));
        // the baseline alone has a score that is not calibrated
        assert_eq!(found["cautions"].as_array().unwrap().len(), usize::from(model == "classical"));
        assert_eq!(found["cautions"], json(&report)["cautions"]);
        let ogr = Command::new("ogrinfo").args(["-ro", "-so", "-al", text(&out)]).output().unwrap();
        let told = String::from_utf8_lossy(&ogr.stdout);
        assert!(told.contains(&format!("Feature Count: {count}")), "{told}");
    }
}

#[test]
fn images_too_coarse_for_the_detector_are_searched_with_a_caution() {
    let folder = tempfile::tempdir().unwrap();
    let coarse = SceneSpec { side_px: 128, pixel_m: 3.0, ..SceneSpec::industrial(3) };
    let (before, after) = write_pair(folder.path(), &render(&coarse).pair);
    let out = folder.path().join("out.geojson");
    let done = run(&["detect", text(&before), text(&after), "--out", text(&out)]);
    assert!(done.status.success());
    let caution = json(&out)["cautions"][0].as_str().unwrap().to_owned();
    assert!(caution.contains("pixels of 3.0 m") && caution.contains("0.3 to 1.5 m"), "{caution}");
    assert!(String::from_utf8_lossy(&done.stderr).contains(&format!("CAUTION: {caution}")));
}

#[test]
fn a_network_of_another_layout_is_read_by_its_card() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let (out, onnx) = (folder.path().join("out.geojson"), folder.path().join("difference.onnx"));
    let foreign = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../imagery-diff/tests/foreign");
    std::fs::copy(foreign.join("difference.onnx"), &onnx).unwrap();
    let arguments = ["detect", text(&before), text(&after), "--out", text(&out), "--model", text(&onnx)];
    let alone = run(&arguments);
    assert_eq!(alone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("difference.json"));
    assert!(!out.exists());
    std::fs::copy(foreign.join("difference.json"), folder.path().join("difference.json")).unwrap();
    assert!(run(&arguments).status.success());
    let found = json(&out);
    assert_eq!(found["detector"]["name"], "difference");
    let features = found["features"].as_array().unwrap();
    assert!(features.iter().all(|feature| feature["properties"]["change"] == "altered"));
}

#[test]
fn the_same_images_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let bytes = |threads: &str| {
        let out = folder.path().join(threads);
        let done = support::stakeout()
            .env("RAYON_NUM_THREADS", threads)
            .args(["detect", text(&before), text(&after), "--out", text(&out), "--quiet"])
            .output()
            .unwrap();
        assert!(done.status.success() && done.stderr.is_empty());
        std::fs::read(out).unwrap()
    };
    assert_eq!(bytes("1"), bytes("3"));
}

#[test]
fn an_image_and_itself_give_nothing_and_that_is_working() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    for model in ["classical", "open", "research"] {
        let out = folder.path().join("out.geojson");
        let done = run(&["detect", text(&before), text(&before), "--out", text(&out), "--model", model]);
        assert!(done.status.success());
        assert_eq!(json(&out)["features"], serde_json::json!([]), "{model}");
    }
}

#[test]
fn images_without_georeference_give_pixels_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let plain = |from: &std::path::Path, name: &str| {
        let to = folder.path().join(name);
        let done = Command::new("gdal_translate")
            .args(["-q", "-of", "PNG", text(from), text(&to)])
            .status()
            .unwrap();
        assert!(done.success());
        // the side file that GDAL wrote would place the image again for GDAL, not for us
        to
    };
    let (before, after) = (plain(&before, "a.png"), plain(&after, "b.png"));
    let out = folder.path().join("out.geojson");
    let done = run(&["detect", text(&before), text(&after), "--out", text(&out), "--model", "classical"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(json(&out)["coordinates"].as_str().unwrap().contains("pixels"));
}

#[test]
fn what_cannot_be_compared_gives_one_line_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = rendered_pair(folder.path());
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(&before).unwrap();
    let elsewhere = folder.path().join("elsewhere.tif");
    let moved = Command::new("gdal_translate")
        .args(["-q", "-a_ullr", "600000", "4300128", "600128", "4300000", text(&before), text(&elsewhere)])
        .status()
        .unwrap();
    assert!(moved.success());
    let unplaced = folder.path().join("unplaced.tif");
    let stripped = Command::new("gdal_translate")
        .args(["-q", "-co", "PROFILE=BASELINE", text(&before), text(&unplaced)])
        .status()
        .unwrap();
    assert!(stripped.success());
    let cases = [
        (file("text.tif", b"not an image at all"), "text.tif"),
        (file("cut.tif", &whole[..whole.len() / 3]), "cut.tif"),
        (file("empty.tif", b""), "empty.tif"),
        (elsewhere, "does not overlap"),
        (unplaced, "has none"),
        (folder.path().join("missing.tif"), "missing.tif"),
    ];
    let out = folder.path().join("out.geojson");
    for (after, words) in cases {
        let done = run(&["detect", text(&before), text(&after), "--out", text(&out)]);
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{told}");
        assert!(told.contains(words), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!out.exists());
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_read_or_is_no_file_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let image = std::fs::read(&before).unwrap();
    // the same place by another way
    let beside = folder.path().join(".").join(before.file_name().unwrap());
    let out = folder.path().join("out.geojson");
    for (more, words) in [
        (vec!["--out", text(&before)], "is read or written besides"),
        (vec!["--out", text(&beside)], "is read or written besides"),
        (vec!["--out", text(&out), "--report", text(&out)], "is read or written besides"),
        (vec!["--out", "/dev/null"], "/dev/null is not a regular file"),
    ] {
        let done = run(&[vec!["detect", text(&before), text(&after)], more].concat());
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{told}");
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(std::fs::read(&before).unwrap(), image);
    assert!(!out.exists());
}

#[test]
fn tokens_are_listed_and_revoked_only_where_there_is_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mistyped");
    for more in [vec!["list", "--data", text(&data)], vec!["revoke", "--data", text(&data), "some-id"]] {
        let done = run(&[vec!["token"], more].concat());
        assert_eq!(done.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&done.stderr).contains("mistyped is no data folder"));
    }
    assert!(!data.exists());
    let made = run(&["token", "create", "--data", text(&data), "--role", "viewer"]);
    assert!(
        String::from_utf8_lossy(&made.stderr).contains("mistyped was no data folder: a new one was made")
    );
}

#[test]
fn bad_arguments_exit_with_two() {
    assert_eq!(run(&["evaluate", "pairs", "--gsd", "0"]).status.code(), Some(2));
    assert_eq!(run(&["detect"]).status.code(), Some(2));
    assert_eq!(run(&["detect", "a", "b", "--out", "c", "--min-score", "7"]).status.code(), Some(2));
    assert_eq!(run(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn models_are_listed_with_their_licence_and_shown_with_their_card() {
    let listed = String::from_utf8(run(&["model", "list"]).stdout).unwrap();
    assert!(listed.contains("open\t") && listed.contains("classical\t"), "{listed}");
    let card: Value = serde_json::from_slice(&run(&["model", "show", "open"]).stdout).unwrap();
    assert_eq!(card["sha256"].as_str().unwrap().len(), 64);
    for line in listed.lines() {
        let (name, version) = (line.split('\t').next().unwrap(), line.split('\t').nth(1).unwrap());
        let shown = run(&["model", "show", name]);
        assert!(shown.status.success(), "{name}: {}", String::from_utf8_lossy(&shown.stderr));
        let card: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!((card["name"].as_str(), card["version"].as_str()), (Some(name), Some(version)));
    }
    assert_eq!(run(&["model", "show", "none"]).status.code(), Some(1));
}

#[test]
fn a_token_that_is_made_quietly_is_its_secret_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let make = |more: &[&str]| {
        let arguments = ["token", "create", "--data", text(folder.path()), "--role", "viewer"];
        run(&[&arguments, more].concat())
    };
    let quiet = make(&["--quiet"]);
    assert!(quiet.status.success() && quiet.stderr.is_empty());
    assert!(String::from_utf8(quiet.stdout).unwrap().starts_with("stk_"));
    assert!(String::from_utf8(make(&[]).stderr).unwrap().contains("shown this once"));
}
