//! From an untrusted file to a working copy that everything after reads.

use std::path::Path;

use crate::{error::RasterError, header::HeaderLimits, source::SampleType};

/// What an ingest may take.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct IngestLimits {
    /// What the file may declare.
    pub header: HeaderLimits,
}

/// What is to be ingested.
#[derive(Clone, Debug)]
pub struct IngestRequest<'a> {
    /// The untrusted file; it is only read.
    pub input: &'a Path,
    /// Where the working copy goes; written beside it first and renamed when whole.
    pub output: &'a Path,
    /// For a file without georeference: its four corners as (longitude, latitude) in degrees, clockwise
    /// from the image's upper left.
    pub footprint: Option<[(f64, f64); 4]>,
    /// Limits.
    pub limits: &'a IngestLimits,
}

/// The display range of one band: the second and 98th percentile of its valid samples.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BandStretch {
    /// Second percentile.
    pub p2: f64,
    /// 98th percentile.
    pub p98: f64,
}

/// What came out of an ingest.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct IngestedScene {
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
    /// Bands of the working copy (a palette becomes three, an alpha band becomes the mask).
    pub bands: usize,
    /// Type of a sample.
    pub sample_type: SampleType,
    /// Authority code of the CRS, where it has one.
    pub crs: Option<String>,
    /// WKT of the CRS; `None` without georeference.
    pub wkt: Option<String>,
    /// Six numbers in GDAL's order; `None` without georeference.
    pub geotransform: Option<[f64; 6]>,
    /// Side of a pixel on the ground, metres; `None` without georeference.
    pub gsd_m: Option<f64>,
    /// Outline as (longitude, latitude) in degrees, clockwise from the image's upper left, not closed;
    /// `None` without georeference.
    pub footprint: Option<[(f64, f64); 4]>,
    /// Display range of each band.
    pub stretch: Vec<BandStretch>,
    /// Whether the working copy carries a mask.
    pub has_nodata: bool,
    /// Share of pixels that are valid, 0 to 1, estimated on an overview.
    pub valid_share: f64,
}

/// Ingests a file in this process; servers call [`crate::sandbox::run_child`], which calls this in a child.
///
/// # Errors
/// When the file is refused, cannot be decoded, cannot be placed, or the copy cannot be written.
pub fn ingest(request: &IngestRequest<'_>) -> Result<IngestedScene, RasterError> {
    Err(crate::source::not_yet(request.input))
}
