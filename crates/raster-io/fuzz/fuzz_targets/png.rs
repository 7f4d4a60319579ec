//! Chunks behind a PNG's signature.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| raster_io_fuzz::check(b"\x89PNG\r\n\x1a\n", bytes));
