//! Images of a site.

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    blobs::Sha256Hex,
    id::{SceneId, SiteId},
};

/// One image of a site at one time. Its original never changes; what is said of it may, and where it was placed by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Its id.
    pub id: SceneId,
    /// The site it shows.
    pub site: SiteId,
    /// When the image was recorded by the server.
    pub created: Timestamp,
    /// Who recorded it.
    pub created_by: String,
    /// Counts its changes from 1.
    #[serde(default = "first_revision")]
    pub revision: u64,
    /// When it was changed last; `None` where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Taken out of the catalogue; its files stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// All that the uploader and the ingest said of it.
    #[serde(flatten)]
    pub facts: NewScene,
}

fn first_revision() -> u64 {
    1
}

/// A scene before it has an id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewScene {
    /// When the image was taken.
    pub datetime: Timestamp,
    /// Satellite, aircraft or other carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Who provided the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Licence of the image: an SPDX id or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// What else is said of it.
    #[serde(flatten)]
    pub details: SceneDetails,
    /// How it was placed, where that was done by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<HandPlacement>,
    /// Where it lies: longitude and latitude in degrees, longitudes beyond 180 where it crosses the antimeridian. `None`
    /// where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "polygon")]
    pub footprint: Option<Polygon<f64>>,
    /// The original, byte for byte.
    pub original: Original,
    /// SHA-256 of the working copy that was derived from it.
    pub working: Sha256Hex,
    /// Its bytes; `None` for scenes that older programs recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_bytes: Option<u64>,
    /// Shape and sample facts of the working copy.
    pub raster: RasterFacts,
}

/// What is said of an image beside its time and source; all of it may be said anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneDetails {
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Group of carriers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constellation: Option<String>,
    /// Mission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mission: Option<String>,
    /// Sensors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instruments: Vec<String>,
    /// Share of the image under cloud, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_cover_percent: Option<f64>,
    /// Angle of the line of sight from straight down, 0 to 90 degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_nadir_deg: Option<f64>,
    /// Angle of the line of sight from the zenith, measured on the ground, 0 to 90 degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incidence_deg: Option<f64>,
    /// Direction from the place to the carrier, degrees from north, 0 to 360.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azimuth_deg: Option<f64>,
    /// Direction from the place to the sun, degrees from north, 0 to 360.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sun_azimuth_deg: Option<f64>,
    /// Height of the sun above the horizon, -90 to 90 degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sun_elevation_deg: Option<f64>,
}

/// All of a scene that may be said anew.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneDescription {
    /// When the image was taken.
    pub datetime: Timestamp,
    /// Satellite, aircraft or other carrier.
    pub platform: Option<String>,
    /// Who provided the image.
    pub provider: Option<String>,
    /// Licence of the image.
    pub license: Option<String>,
    /// What else is said of it.
    pub details: SceneDetails,
}

/// How an image without a georeference of its own was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandPlacement {
    /// What was given.
    #[serde(flatten)]
    pub placed: Placed,
    /// Root mean square of the distances between where the given points were said to lie and where they came to lie,
    /// metres.
    pub residual_m: f64,
}

/// What a person gave to place an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Placed {
    /// Its four corners.
    Corners {
        /// Longitude and latitude in degrees, from the upper left, clockwise.
        footprint: [[f64; 2]; 4],
    },
    /// Points that were found in it.
    ControlPoints {
        /// At least three.
        control_points: Vec<ControlPoint>,
    },
    /// The six numbers of a world file.
    WorldFile {
        /// In the order of the file.
        world_file: [f64; 6],
        /// Authority code of the CRS that they are in.
        crs: String,
    },
}

/// A point of an image whose place is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlPoint {
    /// Column and row from the upper left corner, pixels.
    pub pixel: [f64; 2],
    /// Longitude and latitude, degrees.
    pub position: [f64; 2],
}

/// The uploaded file: the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// SHA-256 of the bytes, and their name in the blob store.
    pub sha256: Sha256Hex,
    /// Number of bytes.
    pub bytes: u64,
    /// Media type by content.
    pub media_type: String,
    /// Name that the uploader gave it, without folders.
    pub file_name: String,
}

/// What a raster is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RasterFacts {
    /// Width in pixels.
    pub cols: u32,
    /// Height in pixels.
    pub rows: u32,
    /// Number of bands, masks and alpha left out.
    pub bands: u32,
    /// `uint8`, `uint16`, ... as the STAC raster extension names them.
    pub sample_type: String,
    /// Authority code such as `EPSG:32652`; `None` without georeference or without a code.
    pub crs: Option<String>,
    /// WKT of the CRS; `None` without georeference.
    pub wkt: Option<String>,
    /// Affine transform from pixel corners to the CRS, in GDAL's order; `None` without georeference.
    pub geotransform: Option<[f64; 6]>,
    /// Ground sample distance in metres; `None` without georeference.
    pub gsd_m: Option<f64>,
    /// Lowest and highest displayed value of each band (2nd and 98th percentile).
    pub stretch: Vec<[f64; 2]>,
}

impl NewScene {
    /// Takes over what is said anew.
    pub(crate) fn describe(&mut self, said: SceneDescription) {
        let SceneDescription { datetime, platform, provider, license, details } = said;
        *self = NewScene { datetime, platform, provider, license, details, ..self.clone() };
    }

    /// West, south, east, north in degrees, where it lies somewhere; all longitudes where it crosses the antimeridian.
    pub(crate) fn flat_bounds(&self) -> Option<[f64; 4]> {
        self.footprint.as_ref().map(crate::geojson::flat_bounds)
    }
}

mod polygon {
    //! A polygon as a GeoJSON geometry, cut at the antimeridian.

    use geo::Polygon;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

    use crate::geojson::{parts, stored_polygon};

    pub(super) fn serialize<S: Serializer>(polygon: &Option<Polygon<f64>>, to: S) -> Result<S::Ok, S::Error> {
        let Some(polygon) = polygon else { return to.serialize_none() };
        let parts = parts(polygon);
        let geometry = match parts.0.as_slice() {
            [only] => geojson::Geometry::from(only),
            _ => geojson::Geometry::from(&parts),
        };
        serde::Serialize::serialize(&serde_json::to_value(geometry).map_err(S::Error::custom)?, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Polygon<f64>>, D::Error> {
        Option::<serde_json::Value>::deserialize(from)?
            .map(|geometry| stored_polygon(&geometry).map_err(D::Error::custom))
            .transpose()
    }
}
