//! The crates depend on each other in one direction only, and the pure core stays pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// Names of all crates that a workspace member links in a normal build, itself left out.
fn linked_by() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--edges",
            "normal",
            "--prefix",
            "depth",
            "--format",
            " {p}",
            "--no-dedupe",
        ])
        .args(["--offline", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let mut linked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut member = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let depth = words.next().expect("a line begins with its depth");
        let name = words.next().expect("a depth is followed by a name").to_owned();
        if depth == "0" {
            member = name;
            linked.entry(member.clone()).or_default();
        } else {
            linked.entry(member.clone()).or_default().insert(name);
        }
    }
    linked
}

#[track_caller]
fn assert_links_none(linked: &BTreeMap<String, BTreeSet<String>>, member: &str, forbidden: &[&str]) {
    let found: Vec<_> = forbidden.iter().filter(|name| linked[member].contains(**name)).collect();
    assert!(found.is_empty(), "{member} must not link {found:?}");
}

#[test]
fn dependencies_point_down_only() {
    let linked = linked_by();
    assert_links_none(
        &linked,
        "imagery-diff",
        &[
            "gdal",
            "gdal-sys",
            "tokio",
            "axum",
            "rusqlite",
            "raster-io",
            "record",
            "stakeout-server",
            "test-scenes",
        ],
    );
    assert_links_none(
        &linked,
        "raster-io",
        &["record", "stakeout-server", "axum", "tokio", "rusqlite", "test-scenes"],
    );
    assert_links_none(
        &linked,
        "record",
        &["imagery-diff", "raster-io", "gdal", "gdal-sys", "rten", "axum", "tokio", "stakeout-server"],
    );
    assert_links_none(&linked, "stakeout-server", &["test-scenes"]);
    assert_links_none(&linked, "stakeout", &["test-scenes"]);
}

#[test]
fn the_core_does_no_input_or_output() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../imagery-diff/src");
    let mut folders = vec![std::path::PathBuf::from(source)];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the source is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("source is text");
            for word in ["std::fs", "std::net", "std::process", "std::env", "async fn", "println!"] {
                assert!(!text.contains(word), "{} uses {word}", path.display());
            }
            read += 1;
        }
    }
    assert!(read > 5, "only {read} source files were looked at");
}
