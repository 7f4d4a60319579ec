//! Segments behind a JPEG's start.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| raster_io_fuzz::check(&[0xff, 0xd8, 0xff], bytes));
