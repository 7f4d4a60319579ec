//! Where a raster lies: affine transforms, coordinate reference systems, footprints.

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use geo::{Coord, LineString, Polygon};

use crate::{RasterError, drivers, error::plain, tiles::WEB_MERCATOR_HALF_M};

/// Points along each edge of a footprint, so that a curved edge is followed.
const EDGE_POINTS: usize = 8;
/// Metres of one pixel that differ less than this share are the same.
const SAME_SHARE: f64 = 1e-6;

/// A turn around the Earth, degrees.
pub(crate) const TURN_DEG: f64 = 360.0;
/// Degrees that rounding may have moved a longitude: less than 0.2 mm.
const ROUNDING_DEG: f64 = 1e-9;
/// Degrees that an image may reach beyond a pole or around the Earth: half a pixel of a coarse grid.
const BEYOND_WORLD_DEG_MAX: f64 = 2.0;
/// Latitude of a pole, degrees.
const POLE_DEG: f64 = 90.0;

/// Farthest that a position may lie from the origin of its CRS, in its units: twice around the Earth in metres.
/// Farther out GDAL 3.6 turns longitudes back one by one, for ever.
const MAP_UNITS_MAX: f64 = 8e7;

/// An affine transform from pixel corners to map units, in GDAL's order:
/// `x = a[0] + col * a[1] + row * a[2]`, `y = a[3] + col * a[4] + row * a[5]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine(pub(crate) [f64; 6]);

impl Affine {
    pub(crate) fn apply(&self, [col, row]: [f64; 2]) -> [f64; 2] {
        let a = &self.0;
        [a[0] + col * a[1] + row * a[2], a[3] + col * a[4] + row * a[5]]
    }

    /// Area of a pixel in map units, negative where the transform mirrors.
    pub(crate) fn determinant(&self) -> f64 {
        let [_, a, b, _, c, d] = self.0;
        a * d - b * c
    }

    /// The transform back, unless the transform is flat or not finite.
    pub(crate) fn inverse(&self) -> Option<Affine> {
        let [x0, a, b, y0, c, d] = self.0;
        let determinant = self.determinant();
        let fits = self.0.iter().all(|number| number.is_finite()) && determinant.abs() > f64::MIN_POSITIVE;
        fits.then(|| {
            let (a, b, c, d) = (d / determinant, -b / determinant, -c / determinant, a / determinant);
            Affine([-(a * x0 + b * y0), a, b, -(c * x0 + d * y0), c, d])
        })
    }

    /// Whether rows go south, columns east, and pixels are square.
    pub(crate) fn is_north_up_square(&self) -> bool {
        let a = &self.0;
        a[2] == 0.0 && a[4] == 0.0 && a[1] > 0.0 && (a[1] + a[5]).abs() < a[1] * SAME_SHARE
    }
}

/// A georeference: transform and CRS.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) affine: Affine,
    pub(crate) wkt: String,
    /// Authority code, such as `EPSG:32652`, where the CRS has one.
    pub(crate) code: Option<String>,
}

/// The way from another CRS to that of an image: where its map repeats itself around the Earth, to positions beside the
/// image, which may lie across or beyond the map's edge.
#[derive(Debug)]
pub(crate) struct Way {
    transform: CoordTransform,
    /// Easting or longitude of the image's middle.
    middle: f64,
    /// What goes once around the Earth, where the map repeats itself.
    turn: Option<f64>,
}

impl Way {
    pub(crate) fn apply(&self, places: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, RasterError> {
        let mut there = transform_points(&self.transform, places)?;
        if let Some(turn) = self.turn {
            there.iter_mut().for_each(|at| at[0] = beside(self.middle, at[0], turn));
        }
        Ok(there)
    }
}

/// A CRS by authority code or WKT, with x to the east and y to the north whatever its authority says.
pub(crate) fn spatial_ref(definition: &str) -> Result<SpatialRef, RasterError> {
    drivers::ready();
    let unusable = |error: gdal::errors::GdalError| RasterError::Crs {
        crs: definition.chars().take(80).collect(),
        cause: plain(&error),
    };
    let epsg = definition.strip_prefix("EPSG:").and_then(|code| code.parse().ok());
    let mut crs = match epsg {
        Some(code) => SpatialRef::from_epsg(code),
        None => SpatialRef::from_wkt(definition),
    }
    .map_err(unusable)?;
    crs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(crs)
}

/// A transformation from one CRS to another.
pub(crate) fn transform(from: &SpatialRef, to: &SpatialRef) -> Result<CoordTransform, RasterError> {
    CoordTransform::new(from, to)
        .map_err(|error| RasterError::Crs { crs: from.name().unwrap_or_default(), cause: plain(&error) })
}

/// Transforms points. Those that cannot be on Earth are refused, not computed.
pub(crate) fn transform_points(
    transform: &CoordTransform,
    points: &[[f64; 2]],
) -> Result<Vec<[f64; 2]>, RasterError> {
    if let Some(far) = points.iter().flatten().find(|number| number.is_nan() || number.abs() > MAP_UNITS_MAX)
    {
        let cause = format!("it is {far} units from its origin, and {MAP_UNITS_MAX} is the most");
        return Err(RasterError::Crs { crs: "of a point".to_owned(), cause });
    }
    let mut x: Vec<f64> = points.iter().map(|point| point[0]).collect();
    let mut y: Vec<f64> = points.iter().map(|point| point[1]).collect();
    let mut z = vec![0.0; points.len()];
    let fails = |cause: String| RasterError::Crs { crs: "of a point".to_owned(), cause };
    transform.transform_coords(&mut x, &mut y, &mut z).map_err(|error| fails(plain(&error)))?;
    if x.iter().chain(&y).any(|number| !number.is_finite()) {
        return Err(fails("a point lies outside its area of use".to_owned()));
    }
    Ok(x.into_iter().zip(y).map(|(x, y)| [x, y]).collect())
}

/// A longitude, or what stands for it on a map, at most half a turn from another one.
pub(crate) fn beside(other: f64, longitude: f64, turn: f64) -> f64 {
    longitude - ((longitude - other) / turn).round() * turn
}

/// A closed ring in degrees that goes on beyond 180 where it crosses the antimeridian, its western edge within -180 to
/// 180. One that goes around a pole, and so does not come back to its beginning, is closed along the pole.
pub(crate) fn without_jumps(mut ring: Vec<Coord<f64>>) -> Vec<Coord<f64>> {
    for at in 1..ring.len() {
        ring[at].x = beside(ring[at - 1].x, ring[at].x, TURN_DEG);
    }
    let (first, last) = (ring[0], ring[ring.len() - 1]);
    if (last.x - first.x).abs() > TURN_DEG / 2.0 {
        let mean = ring.iter().map(|at| at.y).sum::<f64>();
        let pole = POLE_DEG.copysign(mean);
        ring.extend([Coord { x: last.x, y: pole }, Coord { x: first.x, y: pole }, first]);
    }
    let half = TURN_DEG / 2.0;
    let west = ring.iter().map(|at| at.x).fold(f64::INFINITY, f64::min);
    let turns = ((west + half + ROUNDING_DEG) / TURN_DEG).floor() * TURN_DEG;
    for at in &mut ring {
        at.x -= turns;
        // what ends at the antimeridian does not cross it by a rounding
        if (at.x.abs() - half).abs() < ROUNDING_DEG {
            at.x = half.copysign(at.x);
        }
    }
    ring
}

/// A ring without jumps that ends at the poles and goes around the Earth once at most; grids of the whole world reach
/// beyond by half a pixel. One that lies elsewhere is refused.
fn within_world(mut ring: Vec<Coord<f64>>) -> Result<Vec<Coord<f64>>, RasterError> {
    let west = ring.iter().map(|at| at.x).fold(f64::INFINITY, f64::min);
    for at in &mut ring {
        let (lon, lat) = (at.x.min(west + TURN_DEG), at.y.clamp(-POLE_DEG, POLE_DEG));
        let beyond = (at.x - lon).max((at.y - lat).abs());
        if beyond > BEYOND_WORLD_DEG_MAX {
            let cause = format!("the image reaches {beyond:.1} degrees beyond the world");
            return Err(RasterError::Crs { crs: "of the image".to_owned(), cause });
        }
        *at = Coord { x: lon, y: lat };
    }
    Ok(ring)
}

/// The UTM zone of a place, by EPSG code.
pub(crate) fn utm_code(lon: f64, lat: f64) -> String {
    let zone = (((lon + 180.0) / 6.0).floor() as i32).rem_euclid(60) + 1;
    format!("EPSG:{}", if lat < 0.0 { 32700 + zone } else { 32600 + zone })
}

impl Placement {
    pub(crate) fn crs(&self) -> Result<SpatialRef, RasterError> {
        spatial_ref(&self.wkt)
    }

    /// The outline of `rows x cols` pixels in another CRS; in degrees without a jump (see [`without_jumps`]).
    pub(crate) fn outline(
        &self,
        rows: u32,
        cols: u32,
        in_crs: &SpatialRef,
    ) -> Result<Polygon<f64>, RasterError> {
        let (width, height) = (f64::from(cols), f64::from(rows));
        let share = |step: usize| step as f64 / EDGE_POINTS as f64;
        let mut edge: Vec<[f64; 2]> = Vec::new();
        edge.extend((0..EDGE_POINTS).map(|step| [share(step) * width, 0.0]));
        edge.extend((0..EDGE_POINTS).map(|step| [width, share(step) * height]));
        edge.extend((0..EDGE_POINTS).map(|step| [width - share(step) * width, height]));
        edge.extend((0..EDGE_POINTS).map(|step| [0.0, height - share(step) * height]));
        let places: Vec<_> = edge.into_iter().map(|at| self.affine.apply(at)).collect();
        let places = transform_points(&transform(&self.crs()?, in_crs)?, &places)?;
        let mut ring: Vec<Coord<f64>> = places.into_iter().map(|[x, y]| Coord { x, y }).collect();
        ring.push(ring[0]);
        if in_crs.is_geographic() {
            ring = within_world(without_jumps(ring))?;
        }
        Ok(Polygon::new(LineString::new(ring), Vec::new()))
    }

    /// Web Mercator calls its unit a metre, but stretches it by 1 / cos(latitude).
    pub(crate) fn is_web_mercator(&self) -> bool {
        self.code.as_deref() == Some("EPSG:3857") || self.wkt.contains("Pseudo-Mercator")
    }

    /// The way from another CRS to this one, for an image of `rows x cols` pixels.
    pub(crate) fn way_from(&self, other: &SpatialRef, rows: u32, cols: u32) -> Result<Way, RasterError> {
        let own = self.crs()?;
        let turn = match () {
            () if own.is_geographic() => Some(TURN_DEG),
            () if self.is_web_mercator() => Some(2.0 * WEB_MERCATOR_HALF_M),
            () => None,
        };
        let [middle, _] = self.affine.apply([f64::from(cols) / 2.0, f64::from(rows) / 2.0]);
        Ok(Way { transform: transform(other, &own)?, middle, turn })
    }

    /// Four corners in degrees from the upper left, clockwise, longitudes without a jump.
    pub(crate) fn corners_lonlat(&self, rows: u32, cols: u32) -> Result<[[f64; 2]; 4], RasterError> {
        let (width, height) = (f64::from(cols), f64::from(rows));
        let corners =
            [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]].map(|at| self.affine.apply(at));
        let degrees = transform_points(&transform(&self.crs()?, &spatial_ref("EPSG:4326")?)?, &corners)?;
        let first = degrees[0][0];
        Ok([0, 1, 2, 3].map(|at| [beside(first, degrees[at][0], TURN_DEG), degrees[at][1]]))
    }

    /// Ground sample distance at the middle: the side of a square of the area of a pixel, metres.
    pub(crate) fn gsd_m(&self, rows: u32, cols: u32) -> Result<f64, RasterError> {
        let (col, row) = (f64::from(cols) / 2.0, f64::from(rows) / 2.0);
        let middle = self.affine.apply([col, row]);
        let degrees = transform_points(&transform(&self.crs()?, &spatial_ref("EPSG:4326")?)?, &[middle])?[0];
        let metres = spatial_ref(&utm_code(degrees[0], degrees[1]))?;
        let places = [[col, row], [col + 1.0, row], [col, row + 1.0]].map(|at| self.affine.apply(at));
        let at = transform_points(&transform(&self.crs()?, &metres)?, &places)?;
        let (right, down) =
            ([at[1][0] - at[0][0], at[1][1] - at[0][1]], [at[2][0] - at[0][0], at[2][1] - at[0][1]]);
        Ok((right[0] * down[1] - right[1] * down[0]).abs().sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_transform_and_back_is_where_it_began() {
        let affine = Affine([500_000.0, 0.4, 0.3, 4_400_000.0, 0.3, -0.4]);
        let back = affine.inverse().unwrap().apply(affine.apply([12.5, 99.0]));
        assert!((back[0] - 12.5).abs() < 1e-6 && (back[1] - 99.0).abs() < 1e-6);
        assert!(Affine([0.0, 1.0, 2.0, 0.0, 2.0, 4.0]).inverse().is_none());
    }

    #[test]
    fn positions_far_off_the_earth_are_refused_and_not_computed_for_ever() {
        for code in ["EPSG:3857", "EPSG:32652", "EPSG:4326"] {
            let way = transform(&spatial_ref(code).unwrap(), &spatial_ref("EPSG:4326").unwrap()).unwrap();
            for far in [1e9, 1e300, f64::INFINITY, f64::NAN] {
                assert!(transform_points(&way, &[[far, 0.0]]).is_err(), "{code} {far}");
                assert!(transform_points(&way, &[[1.0, 1.0], [0.0, -far]]).is_err(), "{code} {far}");
            }
        }
    }

    #[test]
    fn an_outline_goes_on_beyond_the_antimeridian_and_begins_within_the_world() {
        let ring =
            |lons: &[f64]| -> Vec<Coord<f64>> { lons.iter().map(|lon| Coord { x: *lon, y: 70.0 }).collect() };
        let lons = |lons: &[f64]| -> Vec<f64> { without_jumps(ring(lons)).iter().map(|at| at.x).collect() };
        assert_eq!(lons(&[179.0, -179.0, -178.0, 179.0]), [179.0, 181.0, 182.0, 179.0]);
        assert_eq!(lons(&[-179.0, -178.0, 179.0, -179.0]), [181.0, 182.0, 179.0, 181.0]);
        assert_eq!(lons(&[181.0, 183.0, 182.0, 181.0]), [-179.0, -177.0, -178.0, -179.0]);
        assert_eq!(lons(&[10.0, 20.0, 20.0, 10.0]), [10.0, 20.0, 20.0, 10.0]);
        assert_eq!(lons(&[179.0, 180.0 + 1e-12, 180.0, 179.0]), [179.0, 180.0, 180.0, 179.0]);
        assert_eq!(lons(&[-180.0 - 1e-12, -179.0, -180.0]), [-180.0, -179.0, -180.0]);
        assert_eq!(lons(&[180.0, -180.0, -179.0, 180.0]), [-180.0, -180.0, -179.0, -180.0]);
        let ends =
            |ends: [[f64; 2]; 3]| within_world(ends.iter().map(|[x, y]| Coord { x: *x, y: *y }).collect());
        let grid = ends([[-180.0, -90.5], [180.5, 0.0], [0.0, 90.5]]).unwrap();
        assert_eq!([grid[0].y, grid[1].x, grid[2].y], [-90.0, 180.0, 90.0]);
        assert!(ends([[0.0, 95.0], [1.0, 0.0], [0.0, 0.0]]).is_err());
        assert!(ends([[0.0, 0.0], [400.0, 0.0], [0.0, 0.0]]).is_err());
        let cap = without_jumps(ring(&[0.0, 120.0, -120.0, 0.0]));
        let cap: Vec<[f64; 2]> = cap.iter().map(|at| [at.x, at.y]).collect();
        assert_eq!(cap[3..], [[360.0, 70.0], [360.0, 90.0], [0.0, 90.0], [0.0, 70.0]]);
    }

    #[test]
    fn hamhung_lies_in_zone_52_north() {
        assert_eq!(utm_code(127.6, 39.9), "EPSG:32652");
        assert_eq!(utm_code(-70.0, -33.0), "EPSG:32719");
        assert_eq!(utm_code(180.0, 0.0), "EPSG:32601");
    }
}
