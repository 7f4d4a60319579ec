//! `stakeout detect` as people run it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use std::{os::unix::fs::FileTypeExt, process::Command};

use serde_json::Value;
use support::{rendered_pair, run, stakeout, text, write_pair};
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
        assert_eq!(
            json(&report)["images"]["before"],
            serde_json::json!({"bands": 3, "bands_used": [1, 2, 3]})
        );
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
    let report = folder.path().join("report.json");
    let outputs = ["--out", text(&out), "--report", text(&report)];
    let arguments = [&["detect", text(&before), text(&after), "--model", "classical"], &outputs[..]].concat();
    let done = run(&arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let found = json(&out);
    assert!(found["coordinates"].as_str().unwrap().contains("pixels"));
    let units = &found["units"];
    assert_eq!((&units["area_m2"], &units["length_m"]), (&"square pixels".into(), &"pixels".into()));
    assert_eq!(units["fit.residual_m"], "pixels");
    // the evidence of one file is in other units than its fit, and says so
    assert_eq!(units["evidence"], "metres, if a pixel were 0.3 m");
    assert_eq!(json(&report)["units"]["grid.pixel_m"], "pixels");
    let (before, after) = rendered_pair(folder.path());
    assert!(run(&["detect", text(&before), text(&after), "--out", text(&out)]).status.success());
    assert!(json(&out)["units"].is_null());
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
fn a_link_is_written_through_and_what_is_no_file_stays_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let detect =
        |out: &str| run(&["detect", text(&before), text(&after), "--model", "classical", "--out", out]);
    let (target, link) = (folder.path().join("target.geojson"), folder.path().join("link.geojson"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(detect(text(&link)).status.success());
    assert!(link.is_symlink());
    assert_eq!(json(&target)["type"], "FeatureCollection");

    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let dangling = folder.path().join("dangling");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    for (out, words) in [
        (text(&pipe), "pipe is not a regular file"),
        (text(&dangling), "dangling is a link to a file that is not there"),
        ("no-such-folder/x.geojson", "x.geojson cannot be written: there is no folder no-such-folder"),
    ] {
        let done = detect(out);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && told.contains(words), "{told}");
    }
    assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(dangling.is_symlink() && !folder.path().join("nowhere").exists());
}

#[test]
fn a_hyphen_is_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let arguments = ["detect", text(&before), text(&after), "--model", "classical", "--out", "-"];
    let done = stakeout().current_dir(folder.path()).args(arguments).output().unwrap();
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(found["type"], "FeatureCollection");
    assert!(!folder.path().join("-").exists());
}

#[test]
fn a_model_is_not_written_over_and_neither_is_what_lies_in_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = rendered_pair(folder.path());
    let foreign = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../imagery-diff/tests/foreign");
    let (onnx, card) = (folder.path().join("difference.onnx"), folder.path().join("difference.json"));
    std::fs::copy(foreign.join("difference.onnx"), &onnx).unwrap();
    std::fs::copy(foreign.join("difference.json"), &card).unwrap();
    let data = folder.path().join("data");
    drop(record::Store::open(&data).unwrap());
    let (database, blob) = (data.join("stakeout.sqlite"), data.join("blobs/found.geojson"));
    let out = folder.path().join("out.geojson");
    let kept = [&onnx, &card].map(|path| std::fs::read(path).unwrap());
    for (more, words) in [
        (vec!["--out", text(&onnx)], "is read or written besides"),
        (vec!["--out", text(&out), "--report", text(&card)], "is read or written besides"),
        (vec!["--out", text(&database)], "lies in the data folder"),
        (vec!["--out", text(&blob)], "lies in the data folder"),
    ] {
        let detect = vec!["detect", text(&before), text(&after), "--model", text(&onnx)];
        let done = run(&[detect, more].concat());
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && told.contains(words), "{told}");
    }
    for out in [&database, &blob] {
        let export = ["export", "--data", text(&data), "--site", "x", "--format", "gpkg", "--out", text(out)];
        let told = String::from_utf8(run(&export).stderr).unwrap();
        assert!(told.contains("lies in the data folder"), "{told}");
    }
    assert!([&onnx, &card].map(|path| std::fs::read(path).unwrap()) == kept);
    assert!(std::fs::read(&database).unwrap().starts_with(b"SQLite format 3"));
    assert!(!out.exists() && !blob.exists());

    std::fs::write(&card, "{").unwrap();
    let done = run(&["detect", text(&before), text(&after), "--model", text(&onnx), "--out", text(&out)]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(told.contains("difference.json is no card of a model: EOF"), "{told}");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    for arguments in [["model", "list"].as_slice(), &["model", "show", "research"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut quitted = stakeout();
        let done =
            quitted.args(arguments).stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn what_nobody_hears_stops_nothing_and_a_secret_that_nobody_saw_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let create = |name: &str| {
        let mut command = stakeout();
        command.args(["token", "create", "--data", text(&data), "--role", "admin", "--name", name]);
        command
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let made = create("eve").stderr(writer).output().unwrap();
    assert!(made.status.success() && made.stdout.starts_with(b"stk_"), "{made:?}");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let unseen = create("ida").stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&unseen.stderr);
    assert!(unseen.status.code() == Some(1) && told.contains("the token was revoked"), "{told}");
    let listed = run(&["token", "list", "--data", text(&data)]);
    let tokens: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let held: Vec<_> = tokens.iter().filter(|token| token["revoked"].is_null()).collect();
    assert!(held.len() == 1 && held[0]["name"] == "eve", "{tokens:?}");
}

#[test]
fn a_token_is_for_somebody_with_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let long = "a".repeat(201);
    for name in ["", "  ", "an\tn", &long] {
        let done = run(&["token", "create", "--data", text(&data), "--role", "viewer", "--name", name]);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(2) && told.contains("1 to 200 characters"), "{told}");
    }
    assert!(!data.exists());
}

#[test]
fn a_server_that_may_not_or_cannot_listen_makes_no_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let _held = std::net::TcpListener::bind(&taken);
    for (listen, words) in [("0.0.0.0:0", "it takes tokens"), (&taken, "cannot be listened on")] {
        let done = run(&["serve", "--data", text(&data), "--listen", listen]);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && told.contains(words), "{told}");
        assert!(!data.exists());
    }
}

#[test]
fn a_folder_that_is_verified_must_be_one_and_an_empty_record_is_said_to_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let verify = || {
        let done = run(&["verify", "--data", text(&data)]);
        (done.status.code(), String::from_utf8(done.stderr).unwrap(), done.stdout)
    };
    let (code, told, _) = verify();
    assert!(code == Some(1) && told.contains("data is no data folder"), "{told}");
    drop(record::Store::open(&data).unwrap());
    let (code, told, out) = verify();
    assert_eq!(code, Some(0));
    assert!(told.contains("whole: 0 events") && told.contains("; nothing was ever written"), "{told}");
    assert!(out.is_empty());
    std::fs::write(data.join("stakeout.sqlite"), "no database at all, but long enough to be one").unwrap();
    let (code, told, _) = verify();
    assert!(code == Some(1) && told.contains("data cannot be verified"), "{told}");
    assert_eq!(told.matches("file is not a database").count(), 1, "{told}");
}

#[test]
fn the_log_has_colours_on_a_terminal_alone() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut serving = stakeout()
        .args(["serve", "--listen", "127.0.0.1:0", "--data", text(&folder.path().join("data"))])
        .env("RUST_LOG", "tower_http=debug")
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let told = || std::fs::read_to_string(&log).unwrap();
    let until = |words: &str| {
        for _ in 0..600 {
            if told().contains(words) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{words} did not come: {}", told());
    };
    until("serving ");
    let url = told().trim().rsplit(' ').next().unwrap().to_owned();
    assert!(ureq::get(format!("{url}health/live")).call().is_ok());
    until("finished processing request");
    until(r#"path="/health/live""#);
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(!told().contains('\u{1b}'), "{}", told());
}

#[test]
fn a_log_that_cannot_be_made_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = stakeout();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data", text(folder.path())]);
    let refused = serve.env("RUST_LOG", "foo=bar=baz").output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && told.contains("RUST_LOG cannot be read"), "{told}");
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
    for (arguments, words) in [
        (vec!["model", "show", "none"], "possible values: research, "),
        (vec!["detect", "a", "b", "--out", "c", "--model", "nope"], "there is no detector \"nope\""),
        (vec!["evaluate", "a", "--model", "nope"], "there is no detector \"nope\""),
        (vec!["serve", "--data", "a", "--listen", "localhost:8080"], "such as 127.0.0.1:8080"),
    ] {
        let done = run(&arguments);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(2) && told.contains(words), "{told}");
    }
}

#[test]
fn an_export_goes_where_its_format_can_be_read() {
    for (format, out, words) in [
        ("shp", "x", "ends in .shp"),
        ("shp", "x", "Usage: stakeout export"),
        ("gpkg", "-", "only csv and geojson go to standard output"),
        ("exe", "x", "possible values: gpkg, fgb"),
    ] {
        let done = run(&["export", "--data", "d", "--site", "s", "--format", format, "--out", out]);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(2) && told.contains(words), "{told}");
    }
}

#[test]
fn help_names_values_exit_codes_and_the_log() {
    // lines end where the terminal does
    let help = |arguments: &[&str]| {
        let told = String::from_utf8(run(arguments).stdout).unwrap();
        told.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(help(&["--help"]).contains("Exit codes: 0 when it worked"));
    assert!(help(&["serve", "--help"]).contains("RUST_LOG"));
    for (command, value) in [
        ("detect", "--out <FILE.geojson>"),
        ("evaluate", "--json <FILE>"),
        ("serve", "--data <DIR>"),
        ("export", "--site <ID>"),
        ("export", "[possible values: gpkg, fgb, kmz, geoparquet, shp, csv, geojson]"),
    ] {
        assert!(help(&[command, "-h"]).contains(value), "{value}");
    }
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
