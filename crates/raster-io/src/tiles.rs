//! Pictures cut out of a working copy: tiles in its own CRS and in Web Mercator, thumbnails.

use std::path::Path;

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use imagery_diff::{Grid, MapPoint, Raster, Reference};

use crate::{
    RasterError,
    lattice::Lattice,
    placement::{spatial_ref, transform, transform_points},
    sampling::{Placed, Wanted, sample},
    source::{Colours, Source, open},
};

/// Half the side of the square that Web Mercator covers, metres.
const WEB_MERCATOR_HALF_M: f64 = 20_037_508.342_789_244;
/// Deepest zoom of Web Mercator that is served.
const WEB_MERCATOR_ZOOM_MAX: u32 = 24;
/// Side of a native tile, pixels.
const NATIVE_TILE_PX: u32 = 256;
const JPEG_QUALITY: u8 = 85;

/// How values become colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// Side of the tile in pixels.
    pub size_px: u32,
    /// Values shown as black and as white, for each of the three colours.
    pub stretch: [[f64; 2]; 3],
    /// Exponent of the tone curve; above 1 brightens the middle.
    pub gamma: f64,
}

/// A picture: RGBA, 8 bits, row-major; transparent where nothing was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Width in pixels.
    pub cols: u32,
    /// Height in pixels.
    pub rows: u32,
    /// `rows * cols * 4` bytes.
    pub rgba: Vec<u8>,
}

/// A picture format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileFormat {
    /// Lossless, with transparency.
    Png,
    /// Small, without transparency: nothing observed is black.
    Jpeg,
    /// Lossless, with transparency.
    Webp,
}

/// The pyramid of a scene in its own CRS: level 0 is one tile or a few, the last level has its own pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeTiling {
    /// West, south, east, north in map units.
    pub extent: [f64; 4],
    /// Map units a pixel of each level, coarsest first.
    pub resolutions: Vec<f64>,
    /// Side of a tile, pixels.
    pub tile_px: u32,
}

/// A working copy opened for tiles.
#[derive(Debug)]
pub struct TileReader {
    source: Source,
}

impl TileReader {
    /// Opens a working copy.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<TileReader, RasterError> {
        Ok(TileReader { source: open(path)? })
    }

    /// What is known of it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The pyramid in the scene's own CRS, or in pixels (y up) where it has none.
    pub fn native_tiling(&self) -> NativeTiling {
        let grid = self.native_grid();
        let (width, height) = (f64::from(grid.cols) * grid.pixel_m, f64::from(grid.rows) * grid.pixel_m);
        let levels =
            (f64::from(grid.cols.max(grid.rows)) / f64::from(NATIVE_TILE_PX)).log2().ceil().max(0.0) as u32;
        NativeTiling {
            extent: [grid.origin.x, grid.origin.y - height, grid.origin.x + width, grid.origin.y],
            resolutions: (0..=levels).rev().map(|level| grid.pixel_m * f64::from(1_u32 << level)).collect(),
            tile_px: NATIVE_TILE_PX,
        }
    }

    /// A tile of the native pyramid, counted from the upper left; `None` outside of it.
    ///
    /// # Errors
    /// When the working copy cannot be read.
    pub fn native_tile(
        &self,
        level: u32,
        col: u32,
        row: u32,
        render: &Render,
    ) -> Result<Option<Tile>, RasterError> {
        let tiling = self.native_tiling();
        let Some(resolution) = tiling.resolutions.get(level as usize) else { return Ok(None) };
        let side_m = resolution * f64::from(tiling.tile_px);
        let origin = MapPoint {
            x: tiling.extent[0] + f64::from(col) * side_m,
            y: tiling.extent[3] - f64::from(row) * side_m,
        };
        if origin.x >= tiling.extent[2] || origin.y <= tiling.extent[1] {
            return Ok(None);
        }
        let reference = self.native_grid().reference;
        let pixel_m = side_m / f64::from(render.size_px);
        self.picture(Grid { rows: render.size_px, cols: render.size_px, origin, pixel_m, reference }, render)
            .map(Some)
    }

    /// A tile of WebMercatorQuad; `None` where the scene has no georeference or does not reach.
    ///
    /// # Errors
    /// When the working copy cannot be read.
    pub fn web_mercator_tile(
        &self,
        zoom: u32,
        col: u32,
        row: u32,
        render: &Render,
    ) -> Result<Option<Tile>, RasterError> {
        if self.source.placement.is_none() || zoom > WEB_MERCATOR_ZOOM_MAX {
            return Ok(None);
        }
        let side_m = 2.0 * WEB_MERCATOR_HALF_M / f64::from(1_u32 << zoom);
        let origin = MapPoint {
            x: f64::from(col) * side_m - WEB_MERCATOR_HALF_M,
            y: WEB_MERCATOR_HALF_M - f64::from(row) * side_m,
        };
        if !self.reaches_web_mercator([origin.x, origin.y - side_m, origin.x + side_m, origin.y])? {
            return Ok(None);
        }
        let pixel_m = side_m / f64::from(render.size_px);
        let reference = Reference::Projected("EPSG:3857".to_owned());
        self.picture(Grid { rows: render.size_px, cols: render.size_px, origin, pixel_m, reference }, render)
            .map(Some)
    }

    /// West, south, east, north in Web Mercator metres; `None` without georeference.
    ///
    /// # Errors
    /// When the CRS cannot be used.
    pub fn web_mercator_extent(&self) -> Result<Option<[f64; 4]>, RasterError> {
        use geo::BoundingRect;
        let Some(placement) = &self.source.placement else { return Ok(None) };
        let info = self.source.info();
        let outline = placement.outline(info.rows, info.cols, &spatial_ref("EPSG:3857")?)?;
        Ok(outline.bounding_rect().map(|rect| [rect.min().x, rect.min().y, rect.max().x, rect.max().y]))
    }

    /// A small picture of the whole scene, its longer side `side_px`.
    ///
    /// # Errors
    /// When the working copy cannot be read.
    pub fn thumbnail(&self, side_px: u32, render: &Render) -> Result<Tile, RasterError> {
        let grid = self.native_grid();
        let reduction = f64::from(grid.cols.max(grid.rows)) / f64::from(side_px.max(1));
        let side = |px: u32| ((f64::from(px) / reduction).round() as u32).max(1);
        let small =
            Grid { rows: side(grid.rows), cols: side(grid.cols), pixel_m: grid.pixel_m * reduction, ..grid };
        self.picture(small, render)
    }

    fn reaches_web_mercator(&self, [west, south, east, north]: [f64; 4]) -> Result<bool, RasterError> {
        let extent = self.web_mercator_extent()?;
        Ok(extent.is_some_and(|[w, s, e, n]| w < east && west < e && s < north && south < n))
    }

    /// The scene's own pixels as a north-up grid: its own, or the bounding box of a rotated one.
    fn native_grid(&self) -> Grid {
        use geo::BoundingRect;
        let info = self.source.info();
        let placed = self.source.placement.as_ref().and_then(|placement| {
            let crs = placement.crs().ok()?;
            let bounds = placement.outline(info.rows, info.cols, &crs).ok()?.bounding_rect()?;
            let a = placement.affine.0;
            let pixel_m = (a[1] * a[5] - a[2] * a[4]).abs().sqrt();
            let reference =
                Reference::Projected(placement.code.clone().unwrap_or_else(|| placement.wkt.clone()));
            Some(Grid {
                rows: (bounds.height() / pixel_m - 1e-6).ceil() as u32,
                cols: (bounds.width() / pixel_m - 1e-6).ceil() as u32,
                origin: MapPoint { x: bounds.min().x, y: bounds.max().y },
                pixel_m,
                reference,
            })
        });
        placed.unwrap_or_else(|| Grid::pixels(info.rows, info.cols))
    }

    fn picture(&self, grid: Grid, render: &Render) -> Result<Tile, RasterError> {
        let lattice = self.lattice(&grid)?;
        let wanted = if matches!(self.source.colours, Colours::Grey(_)) { Wanted::Grey } else { Wanted::Rgb };
        let placed = Placed { first: [0.5; 2], step_px: 1.0 };
        Ok(coloured(&sample(&self.source, &lattice, grid, placed, wanted)?, render))
    }

    fn lattice(&self, grid: &Grid) -> Result<Lattice, RasterError> {
        let info = self.source.info();
        let Some(placement) = &self.source.placement else {
            // pixels of the scene: y of the grid counts upwards from the lower edge
            let height = f64::from(info.rows);
            return Lattice::fit(grid.rows, grid.cols, &|places| {
                Ok(places
                    .iter()
                    .map(|[right, down]| {
                        let at = grid.to_map(*right, *down);
                        [at.x, height - at.y]
                    })
                    .collect())
            });
        };
        let inverse = placement.affine.inverse().expect("a placement was checked when its file was opened");
        let Reference::Projected(crs) = &grid.reference else {
            return Lattice::fit(grid.rows, grid.cols, &|places| Ok(places.to_vec()));
        };
        let own = placement.code.as_deref() == Some(crs) || placement.wkt == *crs;
        let transform = if own { None } else { Some(transform(&spatial_ref(crs)?, &placement.crs()?)?) };
        Lattice::fit(grid.rows, grid.cols, &|places| {
            let map: Vec<[f64; 2]> = places
                .iter()
                .map(|[right, down]| {
                    let at = grid.to_map(*right, *down);
                    [at.x, at.y]
                })
                .collect();
            let map = match &transform {
                None => map,
                Some(transform) => transform_points(transform, &map)?,
            };
            Ok(map.into_iter().map(|at| inverse.apply(at)).collect())
        })
    }
}

/// Values as colours.
fn coloured(raster: &Raster, render: &Render) -> Tile {
    let grid = raster.grid();
    let exponent = 1.0 / render.gamma;
    let mut rgba = vec![0; grid.len() * 4];
    for channel in 0..3 {
        let values = raster.band(if raster.bands() == 1 { 0 } else { channel });
        let [low, high] = render.stretch[channel];
        for (index, value) in values.iter().enumerate() {
            if raster.valid()[index] {
                let share = ((f64::from(*value) - low) / (high - low)).clamp(0.0, 1.0);
                let toned = if exponent == 1.0 { share } else { share.powf(exponent) };
                rgba[index * 4 + channel] = (toned * 255.0).round() as u8;
                rgba[index * 4 + 3] = 255;
            }
        }
    }
    Tile { cols: grid.cols, rows: grid.rows, rgba }
}

/// Encodes a picture.
///
/// # Errors
/// When the encoder fails.
pub fn encode(tile: &Tile, format: TileFormat) -> Result<Vec<u8>, RasterError> {
    let mut bytes = Vec::new();
    let (cols, rows) = (tile.cols, tile.rows);
    match format {
        TileFormat::Png => {
            PngEncoder::new(&mut bytes).write_image(&tile.rgba, cols, rows, ExtendedColorType::Rgba8)?;
        }
        TileFormat::Webp => {
            WebPEncoder::new_lossless(&mut bytes).write_image(
                &tile.rgba,
                cols,
                rows,
                ExtendedColorType::Rgba8,
            )?;
        }
        TileFormat::Jpeg => {
            let rgb: Vec<u8> = tile.rgba.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(
                &rgb,
                cols,
                rows,
                ExtendedColorType::Rgb8,
            )?;
        }
    }
    Ok(bytes)
}
