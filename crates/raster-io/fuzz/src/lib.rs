//! What all targets ask of the header check, which is compiled here alone, without GDAL.

#![allow(dead_code, unreachable_pub, reason = "the module is a part of another crate")]

#[path = "../../src/header/mod.rs"]
pub mod header;

use std::io::Cursor;

use header::{HeaderLimits, Refusal, inspect};

/// Checks bytes that begin as a file of a format does: no panic, no endless walk, and what is let through is within
/// the limits.
pub fn check(start: &[u8], rest: &[u8]) {
    let bytes = [start, rest].concat();
    let limits = HeaderLimits::default();
    match inspect(Cursor::new(&bytes), bytes.len() as u64, &limits) {
        Ok(header) => {
            assert!(header.cols > 0 && header.rows > 0 && header.bands > 0 && header.bits > 0);
            assert!(u64::from(header.cols) <= limits.side_px_max && u64::from(header.rows) <= limits.side_px_max);
            assert!(u64::from(header.cols) * u64::from(header.rows) <= limits.pixels_max);
            assert!(header.bands <= limits.bands_max);
            assert!(header.decoded_bytes <= limits.decoded_bytes_max);
            assert_eq!(Some(header.format), header::Format::of_content(start), "the format is that of the first bytes");
        }
        Err(Refusal::Unreadable(error)) => panic!("bytes in memory can be read: {error}"),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}
