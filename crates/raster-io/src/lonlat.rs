//! From metres to degrees.

use gdal::spatial_ref::CoordTransform;
use geo::{Coord, LineString, Orient, Polygon, orient::Direction};
use imagery_diff::{Grid, MapPolygon, Reference};

use crate::{
    RasterError,
    placement::{TURN_DEG, beside, spatial_ref, transform, transform_points, without_jumps},
};

/// Turns positions of a grid into longitude and latitude (WGS 84). Belongs to one thread.
#[derive(Debug)]
pub struct LonLat {
    transform: Option<CoordTransform>,
}

impl LonLat {
    /// The way from the CRS of a grid; on a grid without georeference positions stay pixels.
    ///
    /// # Errors
    /// When the CRS cannot be used.
    pub fn of(grid: &Grid) -> Result<LonLat, RasterError> {
        let transform = match &grid.reference {
            Reference::Projected(crs) => Some(transform(&spatial_ref(crs)?, &spatial_ref("EPSG:4326")?)?),
            Reference::Pixels => None,
        };
        Ok(LonLat { transform })
    }

    /// A polygon in degrees, longitude first, exterior counter-clockwise (RFC 7946); longitudes go on beyond 180 where
    /// it crosses the antimeridian.
    ///
    /// # Errors
    /// When a position has no place in degrees.
    pub fn polygon(&self, polygon: &MapPolygon) -> Result<Polygon<f64>, RasterError> {
        let Some(transform) = &self.transform else { return Ok(polygon.0.clone()) };
        let ring = |ring: &LineString<f64>| -> Result<Vec<Coord<f64>>, RasterError> {
            let places: Vec<[f64; 2]> = ring.coords().map(|at| [at.x, at.y]).collect();
            Ok(transform_points(transform, &places)?.into_iter().map(|[x, y]| Coord { x, y }).collect())
        };
        let exterior = without_jumps(ring(polygon.0.exterior())?);
        let within = exterior[0].x;
        let hole = |hole: &LineString<f64>| -> Result<LineString<f64>, RasterError> {
            Ok(ring(hole)?
                .into_iter()
                .map(|at| Coord { x: beside(within, at.x, TURN_DEG), y: at.y })
                .collect())
        };
        let holes = polygon.0.interiors().iter().map(hole).collect::<Result<_, _>>()?;
        Ok(Polygon::new(LineString::new(exterior), holes).orient(Direction::Default))
    }
}
