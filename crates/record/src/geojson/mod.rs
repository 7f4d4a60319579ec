//! The one place where things become GeoJSON (RFC 7946) and GeoJSON becomes things.

mod annotation;
mod candidate;
mod geometry;
mod members;
mod site;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use annotation::{annotation_feature, annotation_from_feature, read_annotation};
pub use candidate::{Coordinates, Run, candidate_feature, candidate_from_feature, run_collection};
pub(crate) use geometry::written_degrees;
pub use geometry::{
    bounds, flat_bounds, geodesic_area_m2, must_be_outline, parts, polygon_value, read_polygon,
    stored_outline, stored_polygon,
};
pub use members::{must_be_feature, optional_text, text};
pub use site::{SiteDraft, read_site, site_feature, site_from_feature};

/// Most positions in one polygon.
pub const POSITIONS_MAX: usize = 10_000;
/// Longest name, title or tag in characters.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// Longest note in characters.
pub const NOTE_CHARACTERS_MAX: usize = 20_000;
/// Most tags of a site.
pub const TAGS_MAX: usize = 50;
/// Digits after the point of a degree: 0.1 mm on the ground.
const DEGREE_DIGITS: i32 = 9;

/// GeoJSON that cannot be taken: what, where, got, wanted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GeoJsonError {
    /// Not JSON, or not the JSON of this member.
    #[error("{member} cannot be read: {cause}")]
    Malformed {
        /// Which member.
        member: String,
        /// What the parser says.
        cause: String,
    },
    /// A member that is not there or has another type.
    #[error("{member} is {got} but must be {wanted}")]
    Member {
        /// Which member.
        member: String,
        /// What was given.
        got: String,
        /// What would do.
        wanted: String,
    },
    /// Too many positions.
    #[error("geometry has {got} positions but may have {POSITIONS_MAX}")]
    TooManyPositions {
        /// Number that was given.
        got: usize,
    },
    /// A position that is not on Earth.
    #[error(
        "geometry has position [{lon}, {lat}] but longitude must be within -180 to 180 and latitude within -90 to 90"
    )]
    OutsideWorld {
        /// Longitude given.
        lon: f64,
        /// Latitude given.
        lat: f64,
    },
    /// A ring that does not end where it begins.
    #[error("ring {ring} begins at [{lon}, {lat}] but does not end there")]
    OpenRing {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of its first position.
        lon: f64,
        /// Latitude of its first position.
        lat: f64,
    },
    /// A ring without three different positions.
    #[error("ring {ring} has no area at [{lon}, {lat}]")]
    FlatRing {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of its first position.
        lon: f64,
        /// Latitude of its first position.
        lat: f64,
    },
    /// A boundary that crosses or touches itself.
    #[error("ring {ring} crosses or touches itself near [{lon}, {lat}]")]
    CrossesItself {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of the crossing.
        lon: f64,
        /// Latitude of the crossing.
        lat: f64,
    },
    /// Two boundaries that cross, run along each other, or lie within each other.
    #[error("rings {ring} and {other} cross or overlap near [{lon}, {lat}]")]
    RingsCross {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Which other ring.
        other: usize,
        /// Longitude of the place.
        lon: f64,
        /// Latitude of the place.
        lat: f64,
    },
    /// A hole that is not within the exterior.
    #[error("ring {ring} lies outside the exterior at [{lon}, {lat}]")]
    HoleOutside {
        /// Which ring, the exterior being 0.
        ring: usize,
        /// Longitude of the place.
        lon: f64,
        /// Latitude of the place.
        lat: f64,
    },
}

impl GeoJsonError {
    fn member(member: &str, got: &Value, wanted: &str) -> GeoJsonError {
        let got = match got {
            Value::Null => "missing".to_owned(),
            Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string(),
        };
        GeoJsonError::Member { member: member.to_owned(), got, wanted: wanted.to_owned() }
    }
}

fn feature(id: &str, geometry: Value, properties: impl Serialize) -> Value {
    json!({
        "type": "Feature",
        "id": id,
        "geometry": geometry,
        "properties": serde_json::to_value(properties).expect("properties are plain data"),
    })
}

fn properties<'de, P: Deserialize<'de>>(feature: &'de Value) -> Result<P, GeoJsonError> {
    P::deserialize(&feature["properties"]).map_err(|error| GeoJsonError::Malformed {
        member: "properties".to_owned(),
        cause: error.to_string(),
    })
}

fn id_of(feature: &Value) -> Result<String, GeoJsonError> {
    feature["id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| GeoJsonError::member("id", &feature["id"], "a string"))
}
