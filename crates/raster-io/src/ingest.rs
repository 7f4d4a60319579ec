//! From an uploaded file to a working copy that everything else reads.

use std::path::{Path, PathBuf};

use gdal::{Dataset, raster::RasterCreationOptions};
use serde::{Deserialize, Serialize};

use crate::{
    RasterError, drivers,
    error::plain,
    placement::{Affine, spatial_ref, transform, transform_points, utm_code},
    source::{Source, SourceInfo, open},
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
    /// Corners in degrees (longitude, latitude) from the upper left, clockwise, for a file without
    /// georeference.
    pub corners: Option<[[f64; 2]; 4]>,
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
}

/// Makes the working copy: a cloud optimised GeoTIFF in the original's CRS, lossless, with overviews.
///
/// Gives the display range of each picture band, as in [`IngestedScene::stretch`].
///
/// # Errors
/// When the original cannot be opened, the corners make no sense, or the copy cannot be written.
pub(crate) fn make_working_copy(request: &IngestRequest) -> Result<Vec<[f64; 2]>, RasterError> {
    let source = open(&request.input)?;
    let partial = request.output.with_extension("partial.tif");
    let made = source.with_dataset(|dataset| copy(dataset, &source, request, &partial)).and_then(|()| {
        std::fs::rename(&partial, &request.output)
            .map_err(|error| RasterError::Write { path: request.output.clone(), source: error })
    });
    if made.is_err() {
        // the cause is told; a partial copy that was never made cannot be removed
        let _ = std::fs::remove_file(&partial);
    }
    made?;
    let working = open(&request.output)?;
    working.with_dataset(|dataset| stretch(dataset, &working))
}

fn copy(
    dataset: &Dataset,
    source: &Source,
    request: &IngestRequest,
    partial: &Path,
) -> Result<(), RasterError> {
    let fails = RasterError::gdal(partial, "written");
    let cog = drivers::writer("COG", partial)?;
    let options = RasterCreationOptions::from_iter([
        "COMPRESS=DEFLATE",
        "PREDICTOR=YES",
        "LEVEL=6",
        "BLOCKSIZE=512",
        "BIGTIFF=IF_SAFER",
        "OVERVIEWS=AUTO",
        "RESAMPLING=AVERAGE",
        "NUM_THREADS=2",
    ]);
    let placed = match (&source.placement, request.corners) {
        (None, Some(corners)) => Some(place(dataset, source, corners)?),
        _ => None,
    };
    let made = placed.as_ref().unwrap_or(dataset).create_copy(&cog, partial, &options).map_err(&fails)?;
    made.close().map_err(|error| RasterError::Gdal {
        path: partial.to_owned(),
        action: "written",
        cause: plain(&error),
    })
}

/// A copy in memory that lies where its corners were said to be: in the UTM zone of its middle, by the
/// affine transform that fits the four corners best.
fn place(dataset: &Dataset, source: &Source, corners: [[f64; 2]; 4]) -> Result<Dataset, RasterError> {
    let fails = RasterError::gdal(&source.path, "placed");
    let mean = |axis: usize| corners.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0;
    let metres = spatial_ref(&utm_code(mean(0), mean(1)))?;
    let at = transform_points(&transform(&spatial_ref("EPSG:4326")?, &metres)?, &corners)?;
    let affine = fitted_affine(&at, f64::from(source.info().cols), f64::from(source.info().rows));
    if affine.inverse().is_none() {
        return Err(RasterError::Header {
            path: source.path.clone(),
            what: "the footprint",
            got: format!("{corners:?}"),
            wanted: "four corners that enclose an area".to_owned(),
        });
    }
    let memory = drivers::writer("MEM", &source.path)?;
    let mut copy = dataset.create_copy(&memory, "", &RasterCreationOptions::default()).map_err(&fails)?;
    copy.set_geo_transform(&affine.0).map_err(&fails)?;
    copy.set_spatial_ref(&metres).map_err(&fails)?;
    Ok(copy)
}

/// Least squares over the four corners of a rectangle has a closed form: the means of opposite edges.
fn fitted_affine(at: &[[f64; 2]], cols: f64, rows: f64) -> Affine {
    let axis = |axis: usize| {
        let [ul, ur, lr, ll] = [at[0][axis], at[1][axis], at[2][axis], at[3][axis]];
        let right = ((ur - ul) + (lr - ll)) / 2.0;
        let down = ((ll - ul) + (lr - ur)) / 2.0;
        let middle = (ul + ur + lr + ll) / 4.0;
        [middle - (right + down) / 2.0, right / cols, down / rows]
    };
    let ([x, xc, xr], [y, yc, yr]) = (axis(0), axis(1));
    Affine([x, xc, xr, y, yc, yr])
}

/// Display range of each picture band.
fn stretch(dataset: &Dataset, source: &Source) -> Result<Vec<[f64; 2]>, RasterError> {
    let fails = RasterError::gdal(&source.path, "read");
    let (cols, rows) = dataset.raster_size();
    let reduction = cols.max(rows).div_ceil(STATISTICS_PX).max(1);
    let shape = (cols.div_ceil(reduction), rows.div_ceil(reduction));
    let first = dataset.rasterband(1).map_err(&fails)?;
    let mask = if source.info().has_mask {
        let mask = first.open_mask_band().map_err(&fails)?;
        Some(mask.read_as::<u8>((0, 0), (cols, rows), shape, None).map_err(&fails)?)
    } else {
        None
    };
    let bands = source.info().bands as usize;
    (1..=bands)
        .map(|index| {
            let band = dataset.rasterband(index).map_err(&fails)?;
            let values = band.read_as::<f32>((0, 0), (cols, rows), shape, None).map_err(&fails)?;
            let observed = |at: usize| mask.as_ref().is_none_or(|mask| mask.data()[at] > 127);
            let mut seen: Vec<f32> = (0..values.len())
                .filter(|&at| observed(at))
                .map(|at| values.data()[at])
                .filter(|value| value.is_finite())
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
