//! One raster file, checked and opened.

use std::path::{Path, PathBuf};

use crate::{affine::Affine, error::RasterError, header::Format};

/// Type of a sample in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleType {
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, signed.
    I16,
    /// 32 bits, floating point; wider integers and 64 bit floats are read as this.
    F32,
}

/// What is known of a raster without reading its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceInfo {
    /// The file.
    pub path: PathBuf,
    /// Format by content.
    pub format: Format,
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
    /// Bands that carry imagery: an alpha band is not counted, a palette counts as three.
    pub bands: usize,
    /// Type of a sample.
    pub sample_type: SampleType,
    /// Coordinate reference system: an authority code (`EPSG:32652`) or, where it has none, WKT.
    pub crs: Option<String>,
    /// From pixel corners to the map; `None` without georeference.
    pub geotransform: Option<Affine>,
    /// Side of a pixel on the ground at the image's centre, metres; `None` without CRS.
    pub gsd_m: Option<f64>,
    /// Corners as longitude and latitude in degrees, clockwise from the image's upper left; `None` without CRS.
    pub footprint: Option<[(f64, f64); 4]>,
    /// Whether some pixels may be invalid (nodata value, alpha band or mask).
    pub has_mask: bool,
}

/// A raster file that passed the header check and that GDAL has opened.
pub struct Source {
    info: SourceInfo,
}

impl Source {
    /// What is known of it.
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// Checks a file's header and opens it.
///
/// # Errors
/// When the file is refused by the header check or cannot be opened by GDAL.
pub fn open(path: &Path) -> Result<Source, RasterError> {
    let _ = crate::header::check(path, &crate::header::HeaderLimits::default())?;
    Err(not_yet(path))
}

pub(crate) fn not_yet(path: &Path) -> RasterError {
    let source = std::io::Error::from(std::io::ErrorKind::Unsupported);
    RasterError::File { path: path.to_owned(), source }
}
