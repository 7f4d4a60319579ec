//! From an uploaded file to a working copy that everything else reads.

use std::path::{Path, PathBuf};

use gdal::{Dataset, Metadata, raster::RasterCreationOptions};
use serde::{Deserialize, Serialize};

use crate::{
    RasterError, drivers,
    error::plain,
    perspective::{Canvas, draw},
    placement::spatial_ref,
    placing::{Fitted, Mapping, Placing, PlacingError},
    plain,
    sampling::is_measured,
    source::{Piece, Source, SourceInfo, open},
};

/// Pixels along the longer side of the overview that percentiles are taken from.
const STATISTICS_PX: usize = 1_024;
/// Shares of the darkest and brightest pixels that the display may saturate.
const STRETCH_SHARES: [f64; 2] = [0.02, 0.98];

/// What to ingest, and where to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IngestRequest {
    /// The original.
    pub input: PathBuf,
    /// The working copy to be written; appears only when it is whole.
    pub output: PathBuf,
    /// Where a file without georeference lies.
    pub placing: Option<Placing>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestedScene {
    /// What is known of the working copy.
    pub info: SourceInfo,
    /// Media type of the original by content.
    pub media_type: &'static str,
    /// Lowest and highest displayed value of each picture band: 2nd and 98th percentile, or 0 and 255 for
    /// 8-bit images that use that range.
    pub stretch: Vec<[f64; 2]>,
    /// What the given points lie off where they came to lie, root mean square in metres; `None` for a file that was
    /// not placed by hand.
    pub residual_m: Option<f64>,
}

/// Makes the working copy: a cloud optimised GeoTIFF in the original's CRS, lossless, with overviews.
///
/// Gives the display range of each picture band, as in [`IngestedScene::stretch`].
///
/// # Errors
/// When the original cannot be opened, has a georeference and is to be placed by hand all the same, or the copy cannot
/// be written.
pub(crate) fn make_working_copy(
    request: &IngestRequest,
    fitted: Option<&Fitted>,
) -> Result<Vec<[f64; 2]>, RasterError> {
    let source = open(&request.input)?;
    let beside = |extension: &str| request.output.with_extension(extension);
    let [partial, tiled, placed] = ["partial.tif", "tiled.tif", "placed.tif"].map(beside);
    let made = source
        .with_dataset(|dataset| match fitted {
            Some(fitted) => copy(&place(dataset, &source, fitted, &tiled, &placed)?, &partial),
            None if source.is_copied_whole() => copy(dataset, &partial),
            None => copy(&plain::copy(dataset, &source, &tiled, plain::IN_ROWS)?, &partial),
        })
        .and_then(|()| {
            std::fs::rename(&partial, &request.output)
                .map_err(|error| RasterError::Write { path: request.output.clone(), source: error })
        });
    for left in [&partial, &tiled, &placed] {
        // what was never made cannot be removed, and what went wrong is told below
        let _ = std::fs::remove_file(left);
    }
    made?;
    let working = open(&request.output)?;
    working.with_dataset(|dataset| stretch(dataset, &working))
}

fn copy(dataset: &Dataset, partial: &Path) -> Result<(), RasterError> {
    let fails = RasterError::gdal(partial, "written");
    let cog = drivers::writer("COG", partial)?;
    let predictor =
        if has_own_bit_depth(dataset).map_err(&fails)? { "PREDICTOR=NO" } else { "PREDICTOR=YES" };
    let options = RasterCreationOptions::from_iter([
        "COMPRESS=DEFLATE",
        predictor,
        "LEVEL=6",
        "BLOCKSIZE=512",
        "BIGTIFF=IF_SAFER",
        // those of the file may show something else than its pixels
        "OVERVIEWS=IGNORE_EXISTING",
        "RESAMPLING=AVERAGE",
        "NUM_THREADS=2",
    ]);
    let made = dataset.create_copy(&cog, partial, &options).map_err(&fails)?;
    made.close().map_err(|error| RasterError::Gdal {
        path: partial.to_owned(),
        action: "written",
        cause: plain(&error),
    })
}

/// Whether the samples have so many bits that differences from one to the next cannot be stored; GDAL keeps the depth.
fn has_own_bit_depth(dataset: &Dataset) -> gdal::errors::Result<bool> {
    let depth = dataset.rasterband(1)?.metadata_item("NBITS", "IMAGE_STRUCTURE");
    Ok(depth.is_some_and(|bits| !["8", "16", "32", "64"].contains(&bits.as_str())))
}

/// The image where it was said to lie, in files of tiles: neither is in memory as a whole, and what is drawn anew is
/// read here and there, which formats that are decoded from their beginning do not bear.
fn place(
    dataset: &Dataset,
    source: &Source,
    fitted: &Fitted,
    tiled: &Path,
    placed: &Path,
) -> Result<Dataset, RasterError> {
    if source.placement.is_some() {
        let fault = PlacingError::OwnGeoreference;
        return Err(RasterError::Placing { path: source.path.clone(), fault });
    }
    let fails = RasterError::gdal(&source.path, "placed");
    let in_tiles = || {
        let options = RasterCreationOptions::from_iter(drivers::TILES);
        dataset.create_copy(&drivers::writer("GTiff", tiled)?, tiled, &options).map_err(&fails)
    };
    let (mut lying, affine) = match &fitted.mapping {
        Mapping::Affine(affine) if source.is_copied_whole() => (in_tiles()?, affine),
        Mapping::Affine(affine) => (plain::copy(dataset, source, tiled, plain::IN_ROWS)?, affine),
        Mapping::Perspective { affine, cols, rows, back } => {
            let canvas = Canvas { cols: *cols, rows: *rows, back: *back };
            (draw(&in_tiles()?, source, canvas, placed)?, affine)
        }
    };
    lying.set_geo_transform(affine).map_err(&fails)?;
    lying.set_spatial_ref(&spatial_ref(&fitted.crs)?).map_err(&fails)?;
    Ok(lying)
}

/// Display range of each picture band.
fn stretch(dataset: &Dataset, source: &Source) -> Result<Vec<[f64; 2]>, RasterError> {
    let fails = RasterError::gdal(&source.path, "read");
    let (cols, rows) = dataset.raster_size();
    let reduction = cols.max(rows).div_ceil(STATISTICS_PX).max(1);
    let shape = (cols.div_ceil(reduction), rows.div_ceil(reduction));
    let whole = Piece { overview: None, place: (0, 0), size: (cols, rows) };
    let mask = source.observed_as(dataset, whole, shape)?;
    let bands = source.info().bands as usize;
    (1..=bands)
        .map(|index| {
            let band = dataset.rasterband(index).map_err(&fails)?;
            let values = band.read_as::<f32>((0, 0), (cols, rows), shape, None).map_err(&fails)?;
            let observed = |at: usize| mask.as_ref().is_none_or(|mask| mask[at] > 127);
            let mut seen: Vec<f32> = (0..values.len())
                .filter(|&at| observed(at))
                .map(|at| values.data()[at])
                .filter(|value| is_measured(*value))
                .collect();
            Ok(percentiles(&mut seen))
        })
        .collect()
}

fn percentiles(values: &mut [f32]) -> [f64; 2] {
    if values.is_empty() {
        return [0.0, 1.0];
    }
    values.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| f64::from(values[((values.len() - 1) as f64 * share).round() as usize]);
    let [low, high] = STRETCH_SHARES.map(at);
    if high > low { [low, high] } else { [low, low + 1.0] }
}
