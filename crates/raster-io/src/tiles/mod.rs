//! Pictures cut out of a working copy: tiles in its own CRS and in Web Mercator, thumbnails.
//!
//! ```text
//! tile ─ square on the map ─ positions in the scene (lattice) ─ window of a level (blocks) ─ colours ─ PNG, JPEG, WebP
//! tiling                     mod, lattice                        window, blocks              picture   encode
//! ```

mod blocks;
mod encode;
mod picture;
mod tiling;
mod window;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use geo::BoundingRect;
use imagery_diff::MapPoint;

pub use blocks::{BlockCache, CacheState};
pub use encode::{TileFormat, encode};
pub use tiling::{
    NativeTiling, WEB_MERCATOR_HALF_M, WEB_MERCATOR_ZOOM_MAX, web_mercator_limits, web_mercator_of,
};

use crate::{
    RasterError,
    lattice::Lattice,
    placement::{Affine, Placement, spatial_ref},
    sampling::Placed,
    source::{Colours, Source, open},
};
use blocks::Pyramid;
use tiling::{Square, web_mercator_square};
use window::Picture;

/// How values become colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// Side of the tile in pixels.
    pub size_px: u32,
    /// Which bands are shown.
    pub bands: BandChoice,
    /// Values shown as black and as white, for each of the three colours.
    pub stretch: [[f64; 2]; 3],
    /// Exponent of the tone curve; above 1 brightens the middle.
    pub gamma: f64,
}

impl Render {
    /// 8-bit values of the scene's own picture bands as they are.
    pub fn plain(size_px: u32) -> Render {
        Render { size_px, bands: BandChoice::Own, stretch: [[0.0, 255.0]; 3], gamma: 1.0 }
    }
}

/// Which bands make up a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BandChoice {
    /// Those that the scene says are red, green and blue, or its only one, or its palette.
    Own,
    /// Bands for red, green and blue, counted from 1.
    Bands([u32; 3]),
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
    /// How much of it was observed.
    pub observed: Observed,
}

/// How much of a picture was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing: it is transparent.
    Nothing,
    /// Some of it.
    Parts,
    /// All: it is opaque.
    Everything,
}

impl Observed {
    fn of(observed: usize, all: usize) -> Observed {
        match observed {
            0 => Observed::Nothing,
            whole if whole == all => Observed::Everything,
            _ => Observed::Parts,
        }
    }
}

impl Tile {
    /// A transparent picture.
    pub fn empty(cols: u32, rows: u32) -> Tile {
        let rgba = vec![0; cols as usize * rows as usize * 4];
        Tile { cols, rows, rgba, observed: Observed::Nothing }
    }

    /// This picture, and where it shows nothing another one of the same size.
    fn over(mut self, under: Tile) -> Tile {
        let mut observed = 0;
        for (above, below) in self.rgba.chunks_exact_mut(4).zip(under.rgba.chunks_exact(4)) {
            if above[3] == 0 {
                above.copy_from_slice(below);
            }
            observed += usize::from(above[3] > 0);
        }
        self.observed = Observed::of(observed, self.rgba.len() / 4);
        self
    }
}

/// A working copy opened for tiles.
#[derive(Debug)]
pub struct TileReader {
    source: Source,
    pyramid: Pyramid,
    tiling: NativeTiling,
    native: Ground,
    /// Made when first asked for; `None` without georeference.
    web_mercator: OnceLock<Option<WebMercator>>,
}

/// A part of the map with the way from there into the scene. Positions on it are counted in `pixel` map units to
/// the right and down from the upper left.
#[derive(Debug)]
struct Ground {
    upper_left: MapPoint,
    pixel: f64,
    lattice: Lattice,
}

#[derive(Debug)]
struct WebMercator {
    extent: [f64; 4],
    ground: Ground,
}

impl TileReader {
    /// Opens a working copy, whose decoded blocks go into `cache`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, cache: &Arc<BlockCache>) -> Result<TileReader, RasterError> {
        let source = open(path)?;
        let pyramid = Pyramid::of(&source, Arc::clone(cache))?;
        let info = source.info();
        let tiling = NativeTiling::of(info.cols, info.rows, info.geotransform);
        let affine = match &source.placement {
            Some(placement) => placement.affine,
            // y counts upwards from the lower edge
            None => Affine([0.0, 1.0, 0.0, f64::from(info.rows), 0.0, -1.0]),
        };
        let pixel = tiling.resolutions.last().copied().expect("a pyramid has a level");
        let native = Ground::over(tiling.extent, pixel, &|places| Ok(places.to_vec()), &affine)?;
        Ok(TileReader { source, pyramid, tiling, native, web_mercator: OnceLock::new() })
    }

    /// What is known of it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Bands for red, green and blue of the scene's own picture, counted from 1; `None` where that is a palette.
    pub fn picture_bands(&self) -> Option<[u32; 3]> {
        match self.picture(BandChoice::Own) {
            Picture::Bands(bands) => Some(bands),
            Picture::Palette(..) => None,
        }
    }

    /// The pyramid in the scene's own CRS, or in pixels (y up) where it has none.
    pub fn native_tiling(&self) -> &NativeTiling {
        &self.tiling
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
        let square = self.tiling.square(level, col, row);
        square.map(|square| self.tile(&self.native, square, render)).transpose()
    }

    /// A tile of WebMercatorQuad; `None` where the scene has no georeference or does not reach.
    ///
    /// # Errors
    /// When the working copy cannot be read or its CRS cannot be used.
    pub fn web_mercator_tile(
        &self,
        zoom: u32,
        col: u32,
        row: u32,
        render: &Render,
    ) -> Result<Option<Tile>, RasterError> {
        let Some(square) = web_mercator_square(zoom, col, row) else { return Ok(None) };
        let Some(mercator) = self.web_mercator()? else { return Ok(None) };
        // what lies beyond the antimeridian is at the other end of the map; a tile of the whole world shows both
        let mut drawn = [square, square.a_turn_east()]
            .into_iter()
            .filter(|square| square.meets(mercator.extent))
            .map(|square| self.tile(&mercator.ground, square, render));
        let Some(first) = drawn.next().transpose()? else { return Ok(None) };
        Ok(Some(match drawn.next().transpose()? {
            None => first,
            Some(second) => first.over(second),
        }))
    }

    /// West, south, east, north in Web Mercator metres, beyond the edge of the map where it crosses the antimeridian;
    /// `None` without georeference.
    ///
    /// # Errors
    /// When the CRS cannot be used.
    pub fn web_mercator_extent(&self) -> Result<Option<[f64; 4]>, RasterError> {
        Ok(self.web_mercator()?.map(|mercator| mercator.extent))
    }

    /// A small picture of the whole scene, its longer side `render.size_px`.
    ///
    /// # Errors
    /// When the working copy cannot be read.
    pub fn thumbnail(&self, render: &Render) -> Result<Tile, RasterError> {
        let [west, south, east, north] = self.tiling.extent;
        let (width, height) = (east - west, north - south);
        let step = width.max(height) / f64::from(render.size_px.max(1));
        let side = |length: f64| ((length / step).round() as u32).max(1);
        self.draw(&self.native, self.native.upper_left, step, [side(width), side(height)], render)
    }

    fn tile(&self, ground: &Ground, square: Square, render: &Render) -> Result<Tile, RasterError> {
        let step = square.side / f64::from(render.size_px);
        self.draw(ground, square.upper_left, step, [render.size_px; 2], render)
    }

    /// Draws `size` pixels of `step` map units from a corner on.
    fn draw(
        &self,
        ground: &Ground,
        upper_left: MapPoint,
        step: f64,
        size: [u32; 2],
        render: &Render,
    ) -> Result<Tile, RasterError> {
        let step_px = step / ground.pixel;
        let right = (upper_left.x - ground.upper_left.x) / ground.pixel;
        let down = (ground.upper_left.y - upper_left.y) / ground.pixel;
        let placed = Placed { first: [right + step_px / 2.0, down + step_px / 2.0], step_px };
        let picture = self.picture(render.bands);
        picture::draw(&self.source, &self.pyramid, &ground.lattice, placed, size, render, &picture)
    }

    fn picture(&self, choice: BandChoice) -> Picture {
        match (choice, &self.source.colours) {
            (BandChoice::Bands(bands), _) => Picture::Bands(bands),
            (BandChoice::Own, Colours::Grey(band)) => Picture::Bands([*band as u32; 3]),
            (BandChoice::Own, Colours::Rgb(bands)) => Picture::Bands(bands.map(|band| band as u32)),
            (BandChoice::Own, Colours::Palette(band, palette)) => {
                Picture::Palette(*band as u32, palette.clone())
            }
        }
    }

    fn web_mercator(&self) -> Result<Option<&WebMercator>, RasterError> {
        if let Some(made) = self.web_mercator.get() {
            return Ok(made.as_ref());
        }
        let info = self.source.info();
        let made = match &self.source.placement {
            None => None,
            Some(placement) => Some(WebMercator::of(placement, info.rows, info.cols)?),
        };
        // another thread that made it too made the same
        Ok(self.web_mercator.get_or_init(|| made).as_ref())
    }
}

impl WebMercator {
    fn of(placement: &Placement, rows: u32, cols: u32) -> Result<WebMercator, RasterError> {
        let outline = placement.outline(rows, cols, &spatial_ref("EPSG:4326")?)?;
        let bounds = outline.bounding_rect().expect("an outline has points");
        let [west, south] = web_mercator_of([bounds.min().x, bounds.min().y]);
        let [east, north] = web_mercator_of([bounds.max().x, bounds.max().y]);
        let extent = [west, south, east, north];
        let pixel = ((east - west) * (north - south) / (f64::from(rows) * f64::from(cols))).sqrt();
        let way = placement.way_from(&spatial_ref("EPSG:3857")?, rows, cols)?;
        Ok(WebMercator {
            extent,
            ground: Ground::over(extent, pixel, &|places| way.apply(places), &placement.affine)?,
        })
    }
}

impl Ground {
    /// The part of a map within an extent, and the way from there to the scene's CRS and its pixels.
    fn over(
        [west, south, east, north]: [f64; 4],
        pixel: f64,
        to_scene: &crate::lattice::ToSource<'_>,
        affine: &Affine,
    ) -> Result<Ground, RasterError> {
        let inverse = affine.inverse().expect("a placement was checked when its file was opened");
        let side = |length: f64| (length / pixel).ceil().max(1.0) as u32;
        let lattice = Lattice::fit(side(north - south), side(east - west), &|places| {
            let on_map: Vec<[f64; 2]> =
                places.iter().map(|[right, down]| [west + right * pixel, north - down * pixel]).collect();
            Ok(to_scene(&on_map)?.into_iter().map(|at| inverse.apply(at)).collect())
        })?;
        Ok(Ground { upper_left: MapPoint { x: west, y: north }, pixel, lattice })
    }
}
