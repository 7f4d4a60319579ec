//! Positions between longitude and latitude and another CRS.

use gdal::spatial_ref::CoordTransform;

use crate::{
    RasterError,
    placement::{spatial_ref, transform, transform_points},
};

/// The way between WGS 84 (longitude first) and a CRS of EPSG in its traditional order (east first).
/// Belongs to one thread.
#[derive(Debug)]
pub struct Reprojection {
    there: CoordTransform,
    back: CoordTransform,
}

impl Reprojection {
    /// The way to an EPSG code.
    ///
    /// # Errors
    /// When PROJ does not know the code.
    pub fn to_epsg(code: u32) -> Result<Reprojection, RasterError> {
        let (lonlat, other) = (spatial_ref("EPSG:4326")?, spatial_ref(&format!("EPSG:{code}"))?);
        Ok(Reprojection { there: transform(&lonlat, &other)?, back: transform(&other, &lonlat)? })
    }

    /// Positions in the CRS of positions in degrees.
    ///
    /// # Errors
    /// When one has no place there.
    pub fn forward(&self, positions: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, RasterError> {
        transform_points(&self.there, positions)
    }

    /// Positions in degrees of positions in the CRS.
    ///
    /// # Errors
    /// When one has no place on Earth.
    pub fn inverse(&self, positions: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, RasterError> {
        transform_points(&self.back, positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_where_it_began() {
        for code in [3857, 32652, 32733] {
            let way = Reprojection::to_epsg(code).unwrap();
            let place = if code == 32733 { [15.5, -20.25] } else { [127.6, 39.9] };
            let there = way.forward(&[place]).unwrap();
            let [lon, lat] = way.inverse(&there).unwrap()[0];
            assert!((lon - place[0]).abs() < 1e-9 && (lat - place[1]).abs() < 1e-9, "{code}");
        }
    }

    #[test]
    fn the_centre_of_a_zone_is_500_km_east() {
        let [x, _] = Reprojection::to_epsg(32652).unwrap().forward(&[[129.0, 39.9]]).unwrap()[0];
        assert!((x - 500_000.0).abs() < 0.001);
    }
}
