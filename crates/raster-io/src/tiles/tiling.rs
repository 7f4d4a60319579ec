//! Which tile lies where: the scene's own pyramid and WebMercatorQuad.

use imagery_diff::MapPoint;

use crate::placement::Affine;

/// Half the side of the square that Web Mercator covers, metres.
pub const WEB_MERCATOR_HALF_M: f64 = 20_037_508.342_789_244;
/// Deepest zoom of Web Mercator that is served.
pub const WEB_MERCATOR_ZOOM_MAX: u32 = 24;
/// Side of a tile at its own scale, pixels.
const TILE_PX: u32 = 256;
/// Shares of a pixel that rounding may have added to an extent.
const ROUNDING_PX: f64 = 1e-6;

/// The pyramid of a scene in its own CRS: level 0 is one tile, the last level has the scene's own pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeTiling {
    /// West, south, east, north in map units; in pixels, y up from the lower edge, without georeference.
    pub extent: [f64; 4],
    /// Map units a pixel of each level, coarsest first.
    pub resolutions: Vec<f64>,
    /// Side of a tile, pixels.
    pub tile_px: u32,
}

impl NativeTiling {
    /// The pyramid of `cols x rows` pixels under an affine transform in GDAL's order: the bounding box of a
    /// rotated one, with pixels of the same area.
    pub fn of(cols: u32, rows: u32, geotransform: Option<[f64; 6]>) -> NativeTiling {
        let (width, height) = (f64::from(cols), f64::from(rows));
        let affine = Affine(geotransform.unwrap_or([0.0, 1.0, 0.0, height, 0.0, -1.0]));
        let corners =
            [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]].map(|corner| affine.apply(corner));
        let least = |axis: usize| corners.iter().map(|at| at[axis]).fold(f64::INFINITY, f64::min);
        let most = |axis: usize| corners.iter().map(|at| at[axis]).fold(f64::NEG_INFINITY, f64::max);
        let a = affine.0;
        let pixel = (a[1] * a[5] - a[2] * a[4]).abs().sqrt();
        let pixels = |length: f64| (length / pixel - ROUNDING_PX).ceil().max(1.0);
        let (west, north) = (least(0), most(1));
        let (cols, rows) = (pixels(most(0) - west), pixels(north - least(1)));
        let levels = (cols.max(rows) / f64::from(TILE_PX)).log2().ceil().max(0.0) as i32;
        NativeTiling {
            extent: [west, north - rows * pixel, west + cols * pixel, north],
            resolutions: (0..=levels).rev().map(|level| pixel * 2.0_f64.powi(level)).collect(),
            tile_px: TILE_PX,
        }
    }

    /// Columns and rows of tiles of a level; `None` where there is no such level.
    pub fn matrix(&self, level: u32) -> Option<[u32; 2]> {
        let side = self.resolutions.get(level as usize)? * f64::from(self.tile_px);
        let [west, south, east, north] = self.extent;
        let tiles = |length: f64| (length / side - ROUNDING_PX).ceil().max(1.0) as u32;
        Some([tiles(east - west), tiles(north - south)])
    }

    /// The square of a tile, counted from the upper left; `None` outside of the pyramid.
    pub(crate) fn square(&self, level: u32, col: u32, row: u32) -> Option<Square> {
        let [cols, rows] = self.matrix(level)?;
        let side = self.resolutions[level as usize] * f64::from(self.tile_px);
        let upper_left =
            MapPoint { x: self.extent[0] + f64::from(col) * side, y: self.extent[3] - f64::from(row) * side };
        (col < cols && row < rows).then_some(Square { upper_left, side })
    }
}

/// A square on the map, north up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Square {
    pub(crate) upper_left: MapPoint,
    pub(crate) side: f64,
}

impl Square {
    pub(crate) fn meets(&self, [west, south, east, north]: [f64; 4]) -> bool {
        let MapPoint { x, y } = self.upper_left;
        x < east && west < x + self.side && y - self.side < north && south < y
    }

    /// The same square of Web Mercator as it is reached around the Earth, beyond the eastern edge of the map.
    pub(crate) fn a_turn_east(mut self) -> Square {
        self.upper_left.x += 2.0 * WEB_MERCATOR_HALF_M;
        self
    }
}

/// The square of a tile of WebMercatorQuad; `None` where there is no such tile.
pub(crate) fn web_mercator_square(zoom: u32, col: u32, row: u32) -> Option<Square> {
    let tiles = 1_u32.checked_shl(zoom).filter(|_| zoom <= WEB_MERCATOR_ZOOM_MAX)?;
    let side = 2.0 * WEB_MERCATOR_HALF_M / f64::from(tiles);
    let upper_left = MapPoint {
        x: f64::from(col) * side - WEB_MERCATOR_HALF_M,
        y: WEB_MERCATOR_HALF_M - f64::from(row) * side,
    };
    (col < tiles && row < tiles).then_some(Square { upper_left, side })
}

/// First column, first row, last column, last row of the tiles of a zoom that an extent in Web Mercator metres
/// reaches: all columns, where it goes on beyond the edge of the map and so begins at the other.
pub fn web_mercator_limits(extent: [f64; 4], zoom: u32) -> [u32; 4] {
    let side = 2.0 * WEB_MERCATOR_HALF_M / 2.0_f64.powi(zoom as i32);
    let tiles = 2.0_f64.powi(zoom as i32);
    let [west, south, east, north] = extent;
    let west = if east > WEB_MERCATOR_HALF_M { -WEB_MERCATOR_HALF_M } else { west };
    let from_west = |x: f64| ((x + WEB_MERCATOR_HALF_M) / side).clamp(0.0, tiles);
    let from_north = |y: f64| ((WEB_MERCATOR_HALF_M - y) / side).clamp(0.0, tiles);
    // an extent that ends on the edge of a tile does not reach the next
    let end = |at: f64| (at.ceil() - 1.0).max(0.0) as u32;
    let first = |at: f64| at.min(tiles - 1.0) as u32;
    let (first_col, first_row) = (first(from_west(west)), first(from_north(north)));
    [first_col, first_row, end(from_west(east)).max(first_col), end(from_north(south)).max(first_row)]
}

/// Web Mercator metres of a place in degrees; latitudes that it does not reach are cut, longitudes beyond 180 lie
/// beyond the edge of the map.
pub fn web_mercator_of([lon, lat]: [f64; 2]) -> [f64; 2] {
    let radius = WEB_MERCATOR_HALF_M / std::f64::consts::PI;
    let y = (std::f64::consts::FRAC_PI_4 + lat.clamp(-89.9, 89.9).to_radians() / 2.0).tan().ln() * radius;
    [radius * lon.to_radians(), y.clamp(-WEB_MERCATOR_HALF_M, WEB_MERCATOR_HALF_M)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pyramid_ends_with_the_scenes_own_pixels_and_begins_with_one_tile() {
        let tiling = NativeTiling::of(1_000, 600, Some([100.0, 0.5, 0.0, 900.0, 0.0, -0.5]));
        assert_eq!(tiling.extent, [100.0, 600.0, 600.0, 900.0]);
        assert_eq!(tiling.resolutions, [2.0, 1.0, 0.5]);
        assert_eq!([0, 1, 2].map(|level| tiling.matrix(level).unwrap()), [[1, 1], [2, 2], [4, 3]]);
        assert_eq!(tiling.matrix(3), None);
        assert!(tiling.square(2, 3, 2).is_some() && tiling.square(2, 4, 0).is_none());
        let last = tiling.square(2, 1, 2).unwrap();
        assert_eq!(last, Square { upper_left: MapPoint { x: 228.0, y: 644.0 }, side: 128.0 });
    }

    #[test]
    fn a_rotated_scene_has_the_pyramid_of_its_bounding_box() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let tiling = NativeTiling::of(100, 100, Some([0.0, half, half, 0.0, half, -half]));
        let expected = [0.0, -100.0 * half, 200.0 * half, 100.0 * half];
        assert!(
            tiling.extent.iter().zip(expected).all(|(got, want)| (got - want).abs() <= 1.0),
            "{tiling:?}"
        );
        assert_eq!(tiling.resolutions, [1.0]);
    }

    #[test]
    fn hamhung_lies_in_its_tile_of_web_mercator() {
        let [x, y] = web_mercator_of([127.6015, 39.9]);
        let square = web_mercator_square(17, 111_994, 49_668).unwrap();
        assert!(square.meets([x, y, x + 1e-3, y + 1e-3]));
        assert_eq!(web_mercator_limits([x, y, x + 1e-3, y + 1e-3], 17), [111_994, 49_668, 111_994, 49_668]);
        assert_eq!(web_mercator_limits([-1.0, -1.0, 1.0, 1.0], 1), [0, 0, 1, 1]);
        let (half, beyond) = (WEB_MERCATOR_HALF_M, WEB_MERCATOR_HALF_M + 1.0);
        assert_eq!(web_mercator_limits([half - 1.0, 1.0, half, 2.0], 3), [7, 3, 7, 3]);
        assert_eq!(web_mercator_limits([half - 1.0, 1.0, beyond, 2.0], 3), [0, 3, 7, 3]);
        assert_eq!(web_mercator_square(2, 4, 0), None);
        assert_eq!(web_mercator_square(25, 0, 0), None);
        assert_eq!(web_mercator_of([180.0, 90.0]), [WEB_MERCATOR_HALF_M; 2]);
    }
}
