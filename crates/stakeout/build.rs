//! Keeps the SQLite that is built into the binary to the binary.

fn main() {
    // The linker exports what a shared library also names: GDAL and PROJ would then call the built-in SQLite for some
    // functions and the system's for the rest, and crash where the two meet (writing a GeoPackage does).
    println!("cargo:rustc-link-arg-bins=-Wl,--exclude-libs,ALL");
    println!("cargo:rerun-if-changed=build.rs");
}
