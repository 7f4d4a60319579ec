//! Images of a site.

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    blobs::Sha256Hex,
    id::{SceneId, SiteId},
};

/// One image of a site at one time. Scenes never change.
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
    /// All that the uploader and the ingest said of it.
    #[serde(flatten)]
    pub facts: NewScene,
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
    /// Where it lies: longitude and latitude in degrees. `None` where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "polygon")]
    pub footprint: Option<Polygon<f64>>,
    /// The original, byte for byte.
    pub original: Original,
    /// SHA-256 of the working copy that was derived from it.
    pub working: Sha256Hex,
    /// Shape and sample facts of the working copy.
    pub raster: RasterFacts,
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

mod polygon {
    //! A polygon as a GeoJSON geometry.

    use geo::Polygon;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

    pub(super) fn serialize<S: Serializer>(polygon: &Option<Polygon<f64>>, to: S) -> Result<S::Ok, S::Error> {
        match polygon {
            None => to.serialize_none(),
            Some(polygon) => {
                let value =
                    serde_json::to_value(geojson::Geometry::from(polygon)).map_err(S::Error::custom)?;
                serde::Serialize::serialize(&value, to)
            }
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Polygon<f64>>, D::Error> {
        Option::<geojson::Geometry>::deserialize(from)?
            .map(|geometry| Polygon::try_from(geometry).map_err(D::Error::custom))
            .transpose()
    }
}
