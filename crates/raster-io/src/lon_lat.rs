//! From a grid's map coordinates to longitude and latitude.

use imagery_diff::{Grid, MapPoint, MapPolygon};

use crate::error::RasterError;

/// Turns map coordinates of one grid into longitude and latitude on WGS 84, in degrees.
pub struct LonLat(());

impl LonLat {
    /// Prepares the way from a grid's reference system to longitude and latitude.
    ///
    /// # Errors
    /// [`RasterError::NoLonLat`] for a grid of pixels; when the CRS is not known.
    pub fn of(_grid: &Grid) -> Result<LonLat, RasterError> {
        Err(RasterError::NoLonLat)
    }

    /// One point as (longitude, latitude).
    ///
    /// # Errors
    /// When the point lies where the projection has no inverse.
    pub fn point(&self, _point: MapPoint) -> Result<geo::Coord<f64>, RasterError> {
        Err(RasterError::NoLonLat)
    }

    /// A polygon as (longitude, latitude), exterior ring counter-clockwise, holes clockwise (RFC 7946).
    ///
    /// # Errors
    /// When a corner lies where the projection has no inverse.
    pub fn polygon(&self, _polygon: &MapPolygon) -> Result<geo::Polygon<f64>, RasterError> {
        Err(RasterError::NoLonLat)
    }
}
