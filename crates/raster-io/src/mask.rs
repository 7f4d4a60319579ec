//! Masks: labels of one band, where anything but zero is set.

use std::path::Path;

use crate::{RasterError, open};

/// Most pixels of a mask that is read whole.
const MASK_PX_MAX: u64 = 400_000_000;

/// A mask in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Height in pixels.
    pub rows: u32,
    /// Width in pixels.
    pub cols: u32,
    /// Row-major.
    pub set: Vec<bool>,
}

/// Reads the first band of an image as a mask.
///
/// # Errors
/// When the file cannot be opened or read, or is too large to be read whole.
pub fn read_mask(path: &Path) -> Result<Mask, RasterError> {
    let source = open(path)?;
    let (rows, cols) = (source.info().rows, source.info().cols);
    if u64::from(rows) * u64::from(cols) > MASK_PX_MAX {
        return Err(RasterError::Header {
            path: path.to_owned(),
            what: "the size",
            got: format!("{cols}x{rows} px"),
            wanted: format!("at most {MASK_PX_MAX} px for a mask"),
        });
    }
    let fails = RasterError::gdal(path, "read");
    let values = source.with_dataset(|dataset| {
        let size = (cols as usize, rows as usize);
        dataset.rasterband(1).and_then(|band| band.read_as::<f32>((0, 0), size, size, None)).map_err(&fails)
    })?;
    Ok(Mask { rows, cols, set: values.data().iter().map(|value| *value > 0.0).collect() })
}
