//! Coordinate reference systems of features (OGC API Features Part 2).

use geo::{Coord, LineString, Polygon};
use raster_io::{RasterError, Reprojection, WEB_MERCATOR_HALF_M};
use record::{
    filter::{box_edge, turn_coordinates},
    geojson::{POSITIONS_MAX, polygon_value},
};
use serde_json::{Value, json};

use crate::{ApiError, error::causes};

/// Farthest a projected position may lie from its origin, metres: twice around the Earth. Farther out GDAL 3.6 turns
/// longitudes back one by one, for ever.
const METRES_MAX: f64 = 8e7;
/// A turn around the Earth, degrees.
const TURN_DEG: f64 = 360.0;
/// Web Mercator, by EPSG.
pub(crate) const WEB_MERCATOR_CODE: u32 = 3857;
/// Digits after the point of a projected metre: 0.1 mm.
const METRE_DIGITS: f64 = 1e4;
/// Nearer to the antimeridian than this a position lies on it, degrees: what rounding to 0.1 mm moves it by.
const ON_ANTIMERIDIAN_DEG: f64 = 5e-9;

/// A CRS that features can be asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeatureCrs {
    /// Longitude, latitude: the one features are stored in.
    Crs84,
    /// Latitude, longitude.
    Epsg4326,
    /// Web Mercator or a UTM zone, by its code; east, north.
    Projected(u32),
}

impl FeatureCrs {
    /// All of them, the storage CRS first.
    pub(crate) fn all() -> impl Iterator<Item = FeatureCrs> {
        let utm = (1..=60).flat_map(|zone| [32_600 + zone, 32_700 + zone]);
        let projected = std::iter::once(WEB_MERCATOR_CODE).chain(utm).map(FeatureCrs::Projected);
        [FeatureCrs::Crs84, FeatureCrs::Epsg4326].into_iter().chain(projected)
    }

    /// Its address, as the standard writes it.
    pub(crate) fn uri(self) -> String {
        match self {
            FeatureCrs::Crs84 => "http://www.opengis.net/def/crs/OGC/1.3/CRS84".to_owned(),
            FeatureCrs::Epsg4326 => "http://www.opengis.net/def/crs/EPSG/0/4326".to_owned(),
            FeatureCrs::Projected(code) => format!("http://www.opengis.net/def/crs/EPSG/0/{code}"),
        }
    }

    /// The CRS of an address that a parameter or header gives.
    ///
    /// # Errors
    /// When it is none of ours.
    pub(crate) fn of_uri(parameter: &str, uri: &str) -> Result<FeatureCrs, ApiError> {
        let plain = uri.replace("https://", "http://");
        FeatureCrs::all().find(|crs| crs.uri() == plain).ok_or_else(|| {
            ApiError::parameter(
                parameter,
                uri,
                "CRS84, or EPSG 4326, 3857 or a UTM zone, by its opengis.net address",
            )
        })
    }

    /// The CRS of a `Content-Crs`: its address in angle brackets, which QGIS leaves out.
    ///
    /// # Errors
    /// When it is none of ours.
    pub(crate) fn of_header(parameter: &str, value: &str) -> Result<FeatureCrs, ApiError> {
        let within = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        FeatureCrs::of_uri(parameter, within.unwrap_or(value))
    }

    /// The value of `Content-Crs`.
    pub(crate) fn header(self) -> String {
        format!("<{}>", self.uri())
    }

    /// The way of positions from and to degrees. Belongs to one thread.
    ///
    /// # Errors
    /// When PROJ lacks the CRS.
    pub(crate) fn way(self) -> Result<Way, ApiError> {
        Ok(match self {
            FeatureCrs::Crs84 => Way::Same,
            FeatureCrs::Epsg4326 => Way::Swapped,
            FeatureCrs::Projected(WEB_MERCATOR_CODE) => {
                Way::WebMercator(Reprojection::to_epsg(WEB_MERCATOR_CODE)?)
            }
            FeatureCrs::Projected(code) => Way::Utm(Reprojection::to_epsg(code)?),
        })
    }
}

/// How positions get from and to degrees.
pub(crate) enum Way {
    Same,
    Swapped,
    /// Ends at the antimeridian, like degrees.
    WebMercator(Reprojection),
    /// Goes on across the antimeridian.
    Utm(Reprojection),
}

impl Way {
    fn out_of_degrees(&self, [lon, lat]: [f64; 2]) -> Result<[f64; 2], RasterError> {
        Ok(match self {
            Way::Same => [lon, lat],
            Way::Swapped => [lat, lon],
            Way::WebMercator(way) | Way::Utm(way) => {
                way.forward(&[[lon, lat]])?[0].map(|metres| (metres * METRE_DIGITS).round() / METRE_DIGITS)
            }
        })
    }

    pub(crate) fn to_degrees(&self, [x, y]: [f64; 2]) -> Result<[f64; 2], ApiError> {
        Ok(match self {
            Way::Same => [x, y],
            Way::Swapped => [y, x],
            Way::WebMercator(way) => {
                let [_, lat] = way.inverse(&[on_earth([x, y])?])?[0];
                on_antimeridian([mercator_longitude(x), lat])
            }
            Way::Utm(way) => on_antimeridian(way.inverse(&[on_earth([x, y])?])?[0]),
        })
    }

    /// A feature's text with its geometry in this CRS.
    ///
    /// # Errors
    /// 400 where a position lies too far from the area of the CRS to have one in it.
    pub(crate) fn feature_text(&self, text: &str) -> Result<String, ApiError> {
        if matches!(self, Way::Same) {
            return Ok(text.to_owned());
        }
        let mut feature: Value = serde_json::from_str(text).map_err(|error| ApiError::internal(&error))?;
        turn_coordinates(&mut feature["geometry"]["coordinates"], &mut |position| {
            self.out_of_degrees(position)
        })
        .map_err(|error| {
            let got = format!("a CRS in which feature {} has no coordinates", feature["id"]);
            let wanted = format!("one in whose area all features lie ({})", causes(&error));
            ApiError::wrong_parameter("crs", format!("crs is {got} but must be {wanted}"))
        })?;
        Ok(feature.to_string())
    }

    /// A feature from outside with its geometry in degrees.
    pub(crate) fn read(&self, mut feature: Value) -> Result<Value, ApiError> {
        if let Some(coordinates) = feature.pointer_mut("/geometry/coordinates") {
            turn_coordinates(coordinates, &mut |position| self.to_degrees(position))?;
        }
        if let (Way::Utm(_), Some(geometry)) = (self, feature.get_mut("geometry")) {
            if geometry["type"] == "MultiPolygon" {
                keep_parts_whole(geometry);
            } else {
                cut_at_antimeridian(geometry);
            }
        }
        Ok(feature)
    }

    /// The outline of a box in degrees, its curved edges in steps, as GeoJSON polygons: two of the same one turn apart
    /// where it crosses the antimeridian, so that features on either side of it are met.
    pub(crate) fn box_outlines(&self, mut corners: [f64; 4]) -> Result<Vec<Value>, ApiError> {
        let is_whole_map = corners[2] - corners[0] >= 2.0 * WEB_MERCATOR_HALF_M;
        if matches!(self, Way::WebMercator(_)) && is_whole_map {
            corners.chunks_exact(2).try_for_each(|at| on_earth([at[0], at[1]]).map(drop))?;
            (corners[0], corners[2]) = (-WEB_MERCATOR_HALF_M, WEB_MERCATOR_HALF_M);
        }
        let edge = box_edge(corners);
        let mut ring: Vec<[f64; 2]> =
            edge.into_iter().map(|at| self.to_degrees(at)).collect::<Result<_, _>>()?;
        if matches!(self, Way::Utm(_)) {
            for at in 1..ring.len() {
                ring[at][0] = beside(ring[at - 1][0], ring[at][0]);
            }
        }
        let in_world = ring.iter().all(|[lon, lat]| lon.abs() <= 540.0 && lat.abs() <= 90.0);
        let closes = ring.first() == ring.last();
        if !in_world || !closes {
            return Err(ApiError::parameter("bbox", "outside", "within the area of its CRS"));
        }
        let polygon = |turn: f64| {
            let moved: Vec<[f64; 2]> = ring.iter().map(|[lon, lat]| [lon + turn, *lat]).collect();
            json!({"type": "Polygon", "coordinates": [moved]})
        };
        let mut polygons = vec![polygon(0.0)];
        if ring.iter().any(|[lon, _]| *lon > 180.0) {
            polygons.push(polygon(-360.0));
        }
        if ring.iter().any(|[lon, _]| *lon < -180.0) {
            polygons.push(polygon(360.0));
        }
        Ok(polygons)
    }
}

/// Cuts a polygon out of a UTM zone where it crosses the antimeridian: its positions are near each other on its own
/// map, but their longitudes jump. What is no such polygon stays as it is.
fn cut_at_antimeridian(geometry: &mut Value) {
    let rings: Vec<Vec<[f64; 2]>> = match serde_json::from_value(geometry["coordinates"].clone()) {
        Ok(rings) if geometry["type"] == "Polygon" => rings,
        _ => return,
    };
    let jumps =
        rings.iter().any(|ring| ring.windows(2).any(|pair| (pair[1][0] - pair[0][0]).abs() > TURN_DEG / 2.0));
    let is_closed = |ring: &Vec<[f64; 2]>| ring.first() == ring.last();
    let positions: usize = rings.iter().map(Vec::len).sum();
    if !jumps || positions > POSITIONS_MAX || !rings.iter().all(is_closed) {
        return;
    }
    let first = rings[0].first().map_or(0.0, |at| at[0]);
    let west = rings.iter().flatten().map(|at| beside(first, at[0])).fold(f64::INFINITY, f64::min);
    let turn = if west < -TURN_DEG / 2.0 { TURN_DEG } else { 0.0 };
    let ring = |ring: &Vec<[f64; 2]>| -> LineString<f64> {
        ring.iter().map(|[lon, lat]| Coord { x: beside(first, *lon) + turn, y: *lat }).collect()
    };
    let whole = Polygon::new(ring(&rings[0]), rings[1..].iter().map(ring).collect());
    *geometry = polygon_value(&whole);
}

/// Turns the longitudes of each part of a multipolygon to one side: a part that ends at the antimeridian may have come
/// out of a UTM zone with the other side's sign there. What is no such multipolygon stays as it is.
fn keep_parts_whole(geometry: &mut Value) {
    let Ok(mut parts) = serde_json::from_value::<Vec<Vec<Vec<[f64; 2]>>>>(geometry["coordinates"].clone())
    else {
        return;
    };
    for part in &mut parts {
        let Some(inmost) = part.iter().flatten().map(|at| at[0]).min_by(|a, b| a.abs().total_cmp(&b.abs()))
        else {
            continue;
        };
        for at in part.iter_mut().flatten() {
            *at = on_antimeridian([beside(inmost, at[0]), at[1]]);
        }
    }
    geometry["coordinates"] = json!(parts);
}

/// Web Mercator is linear along the equator, and ends at the antimeridian, where PROJ begins it anew.
fn mercator_longitude(x: f64) -> f64 {
    x / WEB_MERCATOR_HALF_M * (TURN_DEG / 2.0)
}

/// A position, on the antimeridian where it lies there but for rounding.
fn on_antimeridian([lon, lat]: [f64; 2]) -> [f64; 2] {
    let half = TURN_DEG / 2.0;
    if (lon.abs() - half).abs() <= ON_ANTIMERIDIAN_DEG { [half.copysign(lon), lat] } else { [lon, lat] }
}

/// A projected position, if it can be one at all.
fn on_earth(at: [f64; 2]) -> Result<[f64; 2], ApiError> {
    if at.iter().all(|metres| metres.abs() <= METRES_MAX) {
        return Ok(at);
    }
    let wanted = format!("at most {METRES_MAX} m from the origin of its CRS");
    Err(ApiError::parameter("coordinates", &format!("{at:?}"), &wanted))
}

/// A longitude as it is counted from another one, the short way round.
fn beside(from: f64, lon: f64) -> f64 {
    let difference = lon - from;
    from + (difference - TURN_DEG * (difference / TURN_DEG).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crs_is_found_by_its_own_address() {
        for crs in FeatureCrs::all() {
            assert_eq!(FeatureCrs::of_uri("crs", &crs.uri()).unwrap(), crs);
        }
        assert!(FeatureCrs::of_uri("crs", "EPSG:4326").is_err());
        let mercator = FeatureCrs::Projected(3857);
        for header in [mercator.header(), mercator.uri()] {
            assert_eq!(FeatureCrs::of_header("Content-Crs", &header).unwrap(), mercator);
        }
        assert!(FeatureCrs::of_header("Content-Crs", &format!("<{}", mercator.header())).is_err());
        assert!(FeatureCrs::of_uri("crs", &mercator.header()).is_err());
    }

    fn bounds(polygon: &Value) -> [f64; 4] {
        let positions = polygon["coordinates"][0].as_array().unwrap();
        positions.iter().fold([180.0, 90.0, -180.0, -90.0], |[w, s, e, n]: [f64; 4], at| {
            let (lon, lat) = (at[0].as_f64().unwrap(), at[1].as_f64().unwrap());
            [w.min(lon), s.min(lat), e.max(lon), n.max(lat)]
        })
    }

    #[test]
    fn a_projected_box_covers_its_curved_edges() {
        let way = FeatureCrs::Projected(32652).way().unwrap();
        let outlines = way.box_outlines([400_000.0, 4_400_000.0, 600_000.0, 4_500_000.0]).unwrap();
        assert_eq!(outlines.len(), 1);
        let [west, south, east, north] = bounds(&outlines[0]);
        assert!(
            west < 127.84 && east > 130.16 && south < 39.75 && north > 40.65,
            "{west} {south} {east} {north}"
        );
    }

    #[test]
    fn positions_far_off_the_earth_are_refused_and_not_computed_for_ever() {
        for code in [3857, 32601] {
            let way = FeatureCrs::Projected(code).way().unwrap();
            for far in [1e9, 1e30, 1e300, f64::INFINITY, f64::NAN] {
                assert!(way.to_degrees([far, 0.0]).is_err() && way.to_degrees([0.0, -far]).is_err());
                assert!(way.box_outlines([-far, 0.0, far, 1.0]).is_err());
            }
        }
    }

    #[test]
    fn a_projected_box_across_the_antimeridian_is_told_from_both_sides() {
        let way = FeatureCrs::Projected(32601).way().unwrap();
        let outlines = way.box_outlines([200_000.0, 5_000_000.0, 400_000.0, 5_100_000.0]).unwrap();
        let widths: Vec<f64> = outlines.iter().map(bounds).map(|[w, _, e, _]| e - w).collect();
        assert_eq!(outlines.len(), 2);
        assert!(widths.iter().all(|width| (2.0..4.0).contains(width)), "{widths:?}");
    }

    #[test]
    fn a_projected_outline_across_the_antimeridian_is_cut_there() {
        let way = FeatureCrs::Projected(32760).way().unwrap();
        let feature = |west: f64, east: f64| {
            let corners =
                [[west, 8_110_000.0], [east, 8_110_000.0], [east, 8_130_000.0], [west, 8_130_000.0]];
            let ring: Vec<[f64; 2]> = corners.into_iter().chain([corners[0]]).collect();
            json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}})
        };
        for (east, kind) in [(810_000.0, "Polygon"), (830_000.0, "MultiPolygon")] {
            let read = way.read(feature(800_000.0, east)).unwrap();
            assert_eq!(read["geometry"]["type"], kind, "{read}");
            let outline = record::geojson::read_polygon(&read["geometry"]).unwrap();
            let [west, _, east, _] = record::geojson::bounds(&outline);
            assert!(west > 179.7 && !(-179.8..=179.7).contains(&east), "{west} {east}");
        }
    }

    #[test]
    fn a_box_of_the_whole_web_map_is_the_whole_world() {
        let way = FeatureCrs::Projected(3857).way().unwrap();
        for half in [20_037_508.342_789_244, 20_037_508.342_8, 2.1e7, 6e7] {
            let outlines = way.box_outlines([-half, -half, half, half]).unwrap();
            let [west, _, east, north] = bounds(&outlines[0]);
            assert!(west == -180.0 && east == 180.0 && north > 85.05, "{half}: {west} {east} {north}");
        }
    }

    #[test]
    fn an_outline_across_the_antimeridian_comes_back_as_it_went_out() {
        let crossing = json!({"type": "MultiPolygon", "coordinates": [
            [[[179.9, -17.0], [180.0, -17.0], [180.0, -16.9], [179.9, -16.9], [179.9, -17.0]]],
            [[[-180.0, -17.0], [-179.9, -17.0], [-179.9, -16.9], [-180.0, -16.9], [-180.0, -17.0]]]]});
        let stored = record::geojson::read_polygon(&crossing).unwrap();
        for code in [3857, 32760, 32701] {
            let way = FeatureCrs::Projected(code).way().unwrap();
            let text = json!({"type": "Feature", "id": "a", "geometry": crossing}).to_string();
            let told: Value = serde_json::from_str(&way.feature_text(&text).unwrap()).unwrap();
            let read = way.read(told).unwrap();
            let back = record::geojson::read_polygon(&read["geometry"]).unwrap();
            let (wanted, got) = (record::geojson::bounds(&stored), record::geojson::bounds(&back));
            assert!(wanted.iter().zip(got).all(|(a, b)| (a - b).abs() < 1e-6), "{code}: {wanted:?} {got:?}");
        }
        let way = FeatureCrs::Projected(3857).way().unwrap();
        let beyond =
            json!([[[2.003e7, 0.0], [2.004e7, 0.0], [2.004e7, 1e4], [2.003e7, 1e4], [2.003e7, 0.0]]]);
        let read = way.read(json!({"geometry": {"type": "Polygon", "coordinates": beyond}})).unwrap();
        assert!(record::geojson::read_polygon(&read["geometry"]).is_err(), "{read}");
    }
}
