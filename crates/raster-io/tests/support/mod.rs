//! GDAL's own tools, which judge what is written here.

#![allow(unreachable_pub, reason = "each test file is a crate that includes this one")]

use std::{path::Path, process::Command};

/// Runs a tool; one that fails, fails the test with its own words.
pub fn run(tool: &str, arguments: &[&str]) {
    let output =
        Command::new(tool).args(arguments).output().unwrap_or_else(|_| panic!("{tool} is installed"));
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
