//! Writes rendered pairs as a labelled folder, for training and for `stakeout evaluate`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use raster_io::write_geotiff;
use test_scenes::{SceneSpec, labels, render};

/// Renders industrial sites on two dates: GeoTIFFs under A (before), B (after), label (what is new), removed,
/// built-before and built-after, each label where its own image shows it, 0 or 255. The same seeds and size give the
/// same bytes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder to write to; made where it is not there.
    folder: PathBuf,
    /// Seed of the first pair; each further one has the next.
    #[arg(long, default_value_t = 10_000)]
    seed: u64,
    /// How many pairs.
    #[arg(long, default_value_t = 120)]
    count: u64,
    /// Side of the square scenes, pixels of 0.5 m.
    #[arg(long, default_value_t = 768)]
    size: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    for seed in arguments.seed..arguments.seed + arguments.count {
        let spec = SceneSpec { side_px: arguments.size, ..SceneSpec::industrial(seed) };
        let rendered = render(&spec);
        let labels = labels(&spec);
        let written = [
            ("A", rendered.pair.before()),
            ("B", rendered.pair.after()),
            ("label", &labels.new),
            ("removed", &labels.removed),
            ("built-before", &labels.built_before),
            ("built-after", &labels.built_after),
        ];
        for (part, raster) in written {
            let folder = arguments.folder.join(part);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
            write_geotiff(&folder.join(format!("{seed}.tif")), raster)?;
        }
    }
    Ok(())
}
