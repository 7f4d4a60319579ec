//! Boxes behind a JP2's signature, and a bare codestream.

#![no_main]

const STARTS: [&[u8]; 2] =
    [&[0, 0, 0, 12, b'j', b'P', b' ', b' ', b'\r', b'\n', 0x87, b'\n'], &[0xff, 0x4f, 0xff, 0x51]];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    raster_io_fuzz::check(STARTS[usize::from(*first) % STARTS.len()], rest);
});
