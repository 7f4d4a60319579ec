//! Both byte orders, classic and big.

#![no_main]

const STARTS: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    raster_io_fuzz::check(STARTS[usize::from(*first) % STARTS.len()], rest);
});
