//! The decoding child by itself, for the tests of this crate; `stakeout ingest-worker` is the same.

fn main() -> std::process::ExitCode {
    raster_io::work()
}
