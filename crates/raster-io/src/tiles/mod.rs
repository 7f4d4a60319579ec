//! Tiles of a working copy, in its own CRS and in Web Mercator.

use std::path::Path;

use crate::{error::RasterError, ingest::BandStretch};

/// How samples become colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// Side of a tile: 256 or 512.
    pub size_px: u32,
    /// Range that becomes 0 to 255, for each of the three `bands` in order.
    pub stretch: [BandStretch; 3],
    /// Exponent is `1 / gamma`: over 1 brightens the middle.
    pub gamma: f64,
    /// Bands shown as red, green and blue, from zero; three times the same is grey.
    pub bands: [usize; 3],
}

/// Picture formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless, transparent where there is no imagery.
    Png,
    /// Lossy, quality 85, black where there is no imagery.
    Jpeg,
    /// Lossless, transparent where there is no imagery.
    Webp,
}

/// A rendered tile: `size_px x size_px`, four bytes a pixel, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
    /// Red, green, blue, alpha of each pixel.
    pub rgba: Vec<u8>,
}

/// How a working copy is cut into native tiles.
///
/// ```text
/// level 0: the whole image in one tile      resolution(z) = resolution_max * 2^(level_max - z)
/// level_max: one tile pixel a source pixel  tile (x, y) counts from the extent's upper left
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TileInfo {
    /// CRS: authority code or WKT; `None` where coordinates are pixels (y up, origin lower left).
    pub crs: Option<String>,
    /// West, south, east, north in that CRS.
    pub extent: [f64; 4],
    /// Map units a pixel for tiles of 256 px, level 0 first, halving each time.
    pub resolutions: Vec<f64>,
    /// West, south, east, north in degrees; `None` without georeference.
    pub bounds_lon_lat: Option<[f64; 4]>,
    /// Columns of the source.
    pub cols: u32,
    /// Rows of the source.
    pub rows: u32,
    /// Bands of the source.
    pub bands: usize,
    /// Finest Web Mercator zoom that shows no less than the source does; `None` without georeference.
    pub web_mercator_zoom_max: Option<u8>,
}

/// Reads tiles from one working copy; shared between threads.
pub struct TileReader {
    info: TileInfo,
}

impl TileReader {
    /// Opens a working copy.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<TileReader, RasterError> {
        Err(crate::source::not_yet(path))
    }

    /// How it is cut into tiles.
    pub fn info(&self) -> &TileInfo {
        &self.info
    }

    /// Renders a tile in the source's own CRS; `None` outside of the matrix or where no pixel is valid.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn native_tile(
        &self,
        _z: u8,
        _x: u32,
        _y: u32,
        _render: &Render,
    ) -> Result<Option<Tile>, RasterError> {
        Ok(None)
    }

    /// Renders a WebMercatorQuad tile; `None` where there is no imagery.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn web_mercator_tile(
        &self,
        _z: u8,
        _x: u32,
        _y: u32,
        _render: &Render,
    ) -> Result<Option<Tile>, RasterError> {
        Ok(None)
    }

    /// Renders the whole scene in its own grid, its longer side `side_px` at most.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn thumbnail(&self, _side_px: u32, _render: &Render) -> Result<Tile, RasterError> {
        Ok(Tile { cols: 0, rows: 0, rgba: Vec::new() })
    }
}

/// Encodes a tile.
///
/// # Errors
/// When the encoder fails.
pub fn encode(_tile: &Tile, _format: Format) -> Result<Vec<u8>, RasterError> {
    Ok(Vec::new())
}
