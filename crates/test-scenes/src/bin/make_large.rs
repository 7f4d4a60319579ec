//! Writes a scene that is larger than memory should be.

use std::{fs::File, io::BufWriter, path::PathBuf};

use anyhow::Context;
use clap::Parser;
use test_scenes::{SceneSpec, render, write_mosaic};

/// Writes a GeoTIFF of three bands in UTM: mirrored copies of a rendered scene with grain of its own in every pixel.
/// It is written as it is made; the same seed and size give the same bytes.
#[derive(Debug, Parser)]
struct Arguments {
    /// File to write.
    file: PathBuf,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Side of the square scene, pixels of 0.5 m.
    #[arg(long, default_value_t = 30_000)]
    size: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let file = File::create(&arguments.file)
        .with_context(|| format!("{} cannot be written", arguments.file.display()))?;
    let rendered = render(&SceneSpec::industrial(arguments.seed));
    write_mosaic(rendered.pair.before(), arguments.size, arguments.seed, &mut BufWriter::new(file))?;
    Ok(())
}
