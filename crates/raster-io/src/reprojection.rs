//! Positions between longitude and latitude and another CRS.

use gdal::spatial_ref::CoordTransform;

use crate::{
    RasterError,
    placement::{spatial_ref, transform, transform_points},
};

/// Equatorial radius of WGS 84, metres.
const WGS84_RADIUS_M: f64 = 6_378_137.0;

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

/// How a CRS of EPSG writes positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrsAxes {
    /// Metres of one unit; of a degree along the equator for degrees.
    pub metres_per_unit: f64,
    /// Whether its authority writes latitude or northing first.
    pub north_first: bool,
}

impl CrsAxes {
    /// Of an EPSG code.
    ///
    /// # Errors
    /// When PROJ does not know the code.
    pub fn of_epsg(code: u32) -> Result<CrsAxes, RasterError> {
        let crs = spatial_ref(&format!("EPSG:{code}"))?;
        // SAFETY: the handle is alive and both functions only read it
        let north_first = unsafe {
            gdal_sys::OSREPSGTreatsAsLatLong(crs.to_c_hsrs()) != 0
                || gdal_sys::OSREPSGTreatsAsNorthingEasting(crs.to_c_hsrs()) != 0
        };
        let radius_m = crs.semi_major().unwrap_or(WGS84_RADIUS_M);
        let metres_per_unit = if crs.is_geographic() { radius_m.to_radians() } else { crs.linear_units() };
        Ok(CrsAxes { metres_per_unit, north_first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_told_as_their_authority_orders_them() {
        let axes = |code| CrsAxes::of_epsg(code).unwrap();
        assert_eq!(axes(32652), CrsAxes { metres_per_unit: 1.0, north_first: false });
        // ETRS89-LAEA: northing first
        assert_eq!(axes(3035), CrsAxes { metres_per_unit: 1.0, north_first: true });
        let degrees = axes(4326);
        assert!(degrees.north_first && (degrees.metres_per_unit - 111_319.49).abs() < 0.01);
        // US survey feet
        assert!((axes(2263).metres_per_unit - 0.304_800_6).abs() < 1e-7);
    }

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
