//! Writing a raster as GeoTIFF.

use std::path::Path;

use imagery_diff::Raster;

use crate::error::RasterError;

/// Type that values are written as; they are rounded and clamped to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeotiffSamples {
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, floating point.
    F32,
}

/// How a GeoTIFF is written.
#[derive(Clone, Debug, PartialEq)]
pub struct GeotiffOptions {
    /// Type of a sample.
    pub samples: GeotiffSamples,
}

impl Default for GeotiffOptions {
    fn default() -> GeotiffOptions {
        GeotiffOptions { samples: GeotiffSamples::U8 }
    }
}

/// Writes a raster: tiled, deflated, with an internal mask where some pixels are invalid; the same
/// raster gives the same bytes.
///
/// # Errors
/// When the file cannot be written or the grid's CRS is not known.
pub fn write_geotiff(path: &Path, _raster: &Raster, _options: &GeotiffOptions) -> Result<(), RasterError> {
    Err(crate::source::not_yet(path))
}
