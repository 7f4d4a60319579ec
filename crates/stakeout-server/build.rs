//! Copies the built page where it is embedded from; without one, a page that says how to build it.

use std::{env, fs, path::Path};

fn main() {
    let source = Path::new("web/dist");
    let target = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("page");
    println!("cargo::rerun-if-changed=web/dist");
    let _ = fs::remove_dir_all(&target);
    fs::create_dir_all(&target).expect("OUT_DIR can be written");
    let built = fs::read_dir(source).into_iter().flatten().flatten().filter(|entry| entry.path().is_file());
    let mut copied = 0;
    for entry in built {
        fs::copy(entry.path(), target.join(entry.file_name())).expect("OUT_DIR can be written");
        copied += 1;
    }
    if copied == 0 {
        let text = "<!doctype html><title>Stakeout</title><p>This server was built without its page: run <code>make web</code>, then build again.";
        fs::write(target.join("index.html"), text).expect("OUT_DIR can be written");
    }
}
