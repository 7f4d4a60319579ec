//! Writes a rendered pair of scenes and its truth.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use raster_io::{LonLat, write_geotiff};
use serde_json::{Value, json};
use test_scenes::{RenderedPair, SceneSpec, render};

/// Renders an industrial site on two dates: before.tif, after.tif and truth.geojson. The same seed and size
/// give the same bytes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder to write to; made where it is not there.
    folder: PathBuf,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Side of the square scene, pixels of 0.5 m.
    #[arg(long, default_value_t = 2_048)]
    size: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder)
        .with_context(|| format!("{} cannot be made", arguments.folder.display()))?;
    let spec = SceneSpec { side_px: arguments.size, ..SceneSpec::industrial(arguments.seed) };
    let rendered = render(&spec);
    write_geotiff(&arguments.folder.join("before.tif"), rendered.pair.before())?;
    write_geotiff(&arguments.folder.join("after.tif"), rendered.pair.after())?;
    let truth = truth(&spec, &rendered)?;
    std::fs::write(arguments.folder.join("truth.geojson"), format!("{truth:#}\n"))?;
    Ok(())
}

fn truth(spec: &SceneSpec, rendered: &RenderedPair) -> anyhow::Result<Value> {
    let lonlat = LonLat::of(&spec.grid())?;
    let features = rendered
        .truth
        .iter()
        .map(|structure| {
            let outline = lonlat.polygon(&structure.outline)?;
            let ring: Vec<Value> = outline.exterior().coords().map(|at| json!([at.x, at.y])).collect();
            Ok(json!({
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {
                    "change": structure.change,
                    "kind": structure.kind.as_str(),
                    "height_m": structure.height_m,
                    "area_m2": structure.area_m2,
                },
            }))
        })
        .collect::<anyhow::Result<Vec<Value>>>()?;
    Ok(json!({
        "type": "FeatureCollection",
        "description": format!("what changed in the rendered scene of seed {}", spec.seed),
        "features": features,
    }))
}
