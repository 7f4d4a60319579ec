//! Outlines as geometries, and geometries as outlines.

use geo::{BoundingRect, Coord, GeodesicArea, LineString, MultiPolygon, Orient, Polygon, orient::Direction};
use geojson::Geometry;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{DEGREE_DIGITS, GeoJsonError, POSITIONS_MAX};
use crate::{
    antimeridian::{self, ANTIMERIDIAN_DEG, TURN_DEG},
    error::RecordError,
    validity,
};

/// A polygon from an untrusted GeoJSON geometry: checked, and wound as RFC 7946 wants it.
///
/// A MultiPolygon of one part, as many desktop programs write every polygon, is that part; one of parts that meet at
/// the antimeridian is the outline that was cut there, and its longitudes go on beyond 180.
///
/// # Errors
/// When it is not a polygon, has too many positions or one outside the world, a ring that is open, or
/// a boundary that crosses itself. Wrong winding is not an error; it is mended.
pub fn read_polygon(geometry: &Value) -> Result<Polygon<f64>, GeoJsonError> {
    let parts = match (geometry["type"].as_str(), &geometry["coordinates"]) {
        (Some("Polygon"), coordinates) => std::slice::from_ref(coordinates),
        (Some("MultiPolygon"), Value::Array(parts)) if !parts.is_empty() => parts,
        _ => return Err(GeoJsonError::member("geometry.type", &geometry["type"], "\"Polygon\"")),
    };
    let of_ring = |ring: &Value| ring.as_array().map_or(0, Vec::len);
    let of_part = |part: &Value| part.as_array().into_iter().flatten().map(of_ring).sum::<usize>();
    let got: usize = parts.iter().map(of_part).sum();
    if got > POSITIONS_MAX {
        return Err(GeoJsonError::TooManyPositions { got });
    }
    let [only] = parts else { return read_parts(parts) };
    checked(read_part("geometry.coordinates", only)?)
}

/// Asks of an outline that was not read that [`read_polygon`] takes it as it is written.
///
/// # Errors
/// As [`read_polygon`].
pub fn must_be_outline(outline: &Polygon<f64>) -> Result<(), GeoJsonError> {
    read_polygon(&polygon_value(outline)).map(drop)
}

fn read_parts(parts: &[Value]) -> Result<Polygon<f64>, GeoJsonError> {
    let read = parts
        .iter()
        .enumerate()
        .map(|(at, part)| checked(read_part(&format!("geometry.coordinates[{at}]"), part)?))
        .collect::<Result<Vec<_>, _>>()?;
    let joined = antimeridian::join(read).ok_or_else(|| GeoJsonError::Member {
        member: "geometry".to_owned(),
        got: format!("a MultiPolygon of {} parts", parts.len()),
        wanted: "a Polygon, or a MultiPolygon of parts that meet along the antimeridian".to_owned(),
    })?;
    checked(joined)
}

fn read_part(member: &str, coordinates: &Value) -> Result<Polygon<f64>, GeoJsonError> {
    let rings = coordinates
        .as_array()
        .ok_or_else(|| GeoJsonError::member(member, coordinates, "an array of rings"))?;
    let mut rings = rings
        .iter()
        .enumerate()
        .map(|(index, ring)| read_ring(index, &format!("{member}[{index}]"), ring))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let exterior = rings
        .next()
        .ok_or_else(|| GeoJsonError::member(member, &Value::Array(Vec::new()), "at least one ring"))?;
    Ok(Polygon::new(exterior, rings.collect()))
}

fn read_ring(index: usize, member: &str, ring: &Value) -> Result<LineString<f64>, GeoJsonError> {
    let positions =
        ring.as_array().ok_or_else(|| GeoJsonError::member(member, ring, "an array of positions"))?;
    if positions.len() < 4 {
        return Err(GeoJsonError::Member {
            member: member.to_owned(),
            got: format!("{} positions", positions.len()),
            wanted: "at least 4, the last equal to the first".to_owned(),
        });
    }
    let ring = positions
        .iter()
        .enumerate()
        .map(|(at, position)| read_position(&format!("{member}[{at}]"), position))
        .collect::<Result<LineString<f64>, _>>()?;
    if ring.0.first() != ring.0.last() {
        let Coord { x: lon, y: lat } = ring.0[0];
        return Err(GeoJsonError::OpenRing { ring: index, lon, lat });
    }
    Ok(ring)
}

fn read_position(member: &str, position: &Value) -> Result<Coord<f64>, GeoJsonError> {
    let numbers: Option<Vec<f64>> =
        position.as_array().and_then(|numbers| numbers.iter().map(Value::as_f64).collect());
    match numbers.as_deref() {
        Some([lon, lat, ..]) if (-180.0..=180.0).contains(lon) && (-90.0..=90.0).contains(lat) => {
            // as it will be stored: what is checked is what is kept
            Ok(Coord { x: rounded(*lon, DEGREE_DIGITS), y: rounded(*lat, DEGREE_DIGITS) })
        }
        Some([lon, lat, ..]) => Err(GeoJsonError::OutsideWorld { lon: *lon, lat: *lat }),
        _ => Err(GeoJsonError::member(member, position, "[longitude, latitude]")),
    }
}

fn checked(polygon: Polygon<f64>) -> Result<Polygon<f64>, GeoJsonError> {
    validity::check(&polygon)?;
    Ok(polygon.orient(Direction::Default))
}

/// Geodesic area of a polygon in degrees, square metres (Karney 2013, as `geo` implements it).
pub fn geodesic_area_m2(polygon: &Polygon<f64>) -> f64 {
    polygon.geodesic_area_unsigned()
}

/// A polygon as a GeoJSON geometry, positions rounded to 0.1 mm, wound as RFC 7946 wants it: a MultiPolygon where it
/// crosses the antimeridian and is cut there.
pub fn polygon_value(polygon: &Polygon<f64>) -> Value {
    match &antimeridian::cut(polygon)[..] {
        [whole] => plain_polygon_value(whole),
        parts => {
            json!({"type": "MultiPolygon", "coordinates": parts.iter().map(coordinates).collect::<Value>()})
        }
    }
}

/// The same in coordinates that have no antimeridian.
pub(super) fn plain_polygon_value(polygon: &Polygon<f64>) -> Value {
    json!({"type": "Polygon", "coordinates": coordinates(polygon)})
}

pub(super) fn coordinates(polygon: &Polygon<f64>) -> Value {
    let polygon = polygon.orient(Direction::Default);
    let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    rings
        .map(|ring| {
            ring.coords()
                .map(|at| json!([rounded(at.x, DEGREE_DIGITS), rounded(at.y, DEGREE_DIGITS)]))
                .collect::<Value>()
        })
        .collect()
}

/// The parts of an outline on both sides of the antimeridian, within -180 to 180 degrees; one where it does not cross.
pub fn parts(polygon: &Polygon<f64>) -> MultiPolygon<f64> {
    MultiPolygon::new(antimeridian::cut(polygon))
}

/// A number with so many decimal digits after the point.
pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}

/// Degrees as features are written with them.
pub(crate) fn written_degrees(degrees: f64) -> f64 {
    rounded(degrees, DEGREE_DIGITS)
}

/// West, south, east, north of a polygon as a `bbox`: west is greater than east where it crosses the antimeridian (RFC
/// 7946, section 5.2). Zeros for an empty one.
pub fn bounds(polygon: &Polygon<f64>) -> [f64; 4] {
    let [west, south, east, north] = flat_bounds(polygon);
    match polygon.bounding_rect() {
        // around a pole all longitudes are met
        Some(rect) if antimeridian::is_crossed_by(polygon) && rect.width() < TURN_DEG => {
            [rect.min().x, south, rect.max().x - TURN_DEG, north]
        }
        _ => [west, south, east, north],
    }
}

/// The same for who knows no box across the antimeridian: from -180 to 180 there.
pub fn flat_bounds(polygon: &Polygon<f64>) -> [f64; 4] {
    let Some(rect) = polygon.bounding_rect() else { return [0.0; 4] };
    let (south, north) = (rect.min().y, rect.max().y);
    if antimeridian::is_crossed_by(polygon) {
        return [-ANTIMERIDIAN_DEG, south, ANTIMERIDIAN_DEG, north];
    }
    [rect.min().x, south, rect.max().x, north]
}

/// The polygon of a geometry that was checked when it was recorded.
///
/// # Errors
/// When it is no polygon.
pub fn stored_polygon(geometry: &Value) -> Result<Polygon<f64>, GeoJsonError> {
    let malformed = |cause: String| GeoJsonError::Malformed { member: "geometry".to_owned(), cause };
    let geometry = Geometry::deserialize(geometry).map_err(|error| malformed(error.to_string()))?;
    match geo::Geometry::try_from(geometry) {
        Ok(geo::Geometry::Polygon(polygon)) => Ok(polygon),
        Ok(geo::Geometry::MultiPolygon(parts)) => antimeridian::join(parts.0)
            .ok_or_else(|| malformed("its parts do not meet along the antimeridian".to_owned())),
        Ok(_) => Err(malformed("it is no polygon".to_owned())),
        Err(error) => Err(malformed(error.to_string())),
    }
}

/// The outline of a stored feature: that it cannot be read is no fault of who asks.
///
/// # Errors
/// When it has no polygon.
pub fn stored_outline(feature: &Value) -> Result<Polygon<f64>, RecordError> {
    stored_polygon(&feature["geometry"]).map_err(|source| {
        let id = feature["id"].as_str().unwrap_or_default().to_owned();
        RecordError::StoredFeature { what: "feature", id, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(rings: Value) -> Value {
        json!({"type": "Polygon", "coordinates": rings})
    }

    #[test]
    fn a_ring_that_crosses_itself_is_refused_with_the_place() {
        let bow_tie = polygon(json!([[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]));
        let error = read_polygon(&bow_tie).unwrap_err();
        assert_eq!(error.to_string(), "ring 0 crosses or touches itself near [1, 1]");
    }

    #[test]
    fn wrong_winding_is_mended() {
        let clockwise = polygon(json!([[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]]));
        let read = read_polygon(&clockwise).unwrap();
        assert_eq!(read.exterior().0[1], Coord { x: 1.0, y: 0.0 });
    }

    #[test]
    fn faults_name_the_member() {
        for (geometry, message) in [
            (json!(null), "geometry.type is missing but must be \"Polygon\""),
            (json!({"type": "Point"}), "geometry.type is \"Point\" but must be \"Polygon\""),
            (polygon(json!(3)), "geometry.coordinates is 3 but must be an array of rings"),
            (
                polygon(json!([[[0, 0], [1, 0], [1, 1], [0, 1]]])),
                "ring 0 begins at [0, 0] but does not end there",
            ),
            (
                polygon(json!([[[0, 0], [1, 0], ["x", 1], [0, 0]]])),
                "geometry.coordinates[0][2] is an array but must be [longitude, latitude]",
            ),
            (
                polygon(json!([[[0, 0], [190, 0], [1, 1], [0, 0]]])),
                "geometry has position [190, 0] but longitude must be within -180 to 180 and latitude within -90 to 90",
            ),
        ] {
            assert_eq!(read_polygon(&geometry).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn an_outline_that_was_cut_at_the_antimeridian_is_one_and_is_cut_again() {
        let part = |west: f64, east: f64, south: f64| {
            json!([[[west, south], [east, south], [east, south + 1.0], [west, south + 1.0], [west, south]]])
        };
        let cut = |parts: Value| json!({"type": "MultiPolygon", "coordinates": parts});
        let given = cut(json!([part(179.5, 180.0, -17.0), part(-180.0, -179.0, -17.0)]));
        let whole = read_polygon(&given).unwrap();
        assert_eq!(bounds(&whole), [179.5, -17.0, -179.0, -16.0]);
        assert_eq!(flat_bounds(&whole), [-180.0, -17.0, 180.0, -16.0]);
        // 1.5 degrees of 106 km by one of 111 km
        let area_km2 = geodesic_area_m2(&whole) / 1e6;
        assert!((17_600.0..17_800.0).contains(&area_km2), "{area_km2}");
        let written = polygon_value(&whole);
        assert_eq!(written["type"], "MultiPolygon");
        assert_eq!(read_polygon(&written).unwrap(), stored_polygon(&written).unwrap());
        assert_eq!(
            polygon_value(&read_polygon(&written).unwrap())["coordinates"].as_array().unwrap().len(),
            2
        );
        let apart = cut(json!([part(179.5, 180.0, -17.0), part(-180.0, -179.0, 3.0)]));
        assert!(read_polygon(&apart).unwrap_err().to_string().contains("meet along the antimeridian"));
        let corner = cut(json!([part(179.5, 180.0, -17.0), part(-180.0, -179.0, -16.0)]));
        assert!(read_polygon(&corner).is_err(), "a corner is not enough");
        let alone = read_polygon(&cut(json!([part(179.5, 180.0, -17.0)]))).unwrap();
        assert_eq!(bounds(&alone), [179.5, -17.0, 180.0, -16.0]);
    }
}
