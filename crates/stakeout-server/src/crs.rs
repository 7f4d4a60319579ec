//! Coordinate reference systems of features (OGC API Features Part 2).

use raster_io::Reprojection;
use record::filter::turn_coordinates;
use serde_json::Value;

use crate::ApiError;

/// Steps along an edge of a projected box: its outline in degrees is curved.
const BOX_EDGE_STEPS: u32 = 16;
/// Digits after the point of a projected metre: 0.1 mm.
const METRE_DIGITS: f64 = 1e4;

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
        let projected = std::iter::once(3857).chain(utm).map(FeatureCrs::Projected);
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
        let plain = uri.trim().trim_start_matches('<').trim_end_matches('>').replace("https://", "http://");
        FeatureCrs::all().find(|crs| crs.uri() == plain).ok_or_else(|| {
            ApiError::parameter(
                parameter,
                uri,
                "CRS84, or EPSG 4326, 3857 or a UTM zone, by its opengis.net address",
            )
        })
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
            FeatureCrs::Projected(code) => Way::Projected(Reprojection::to_epsg(code)?),
        })
    }
}

/// How positions get from and to degrees.
pub(crate) enum Way {
    Same,
    Swapped,
    Projected(Reprojection),
}

impl Way {
    pub(crate) fn out_of_degrees(&self, [lon, lat]: [f64; 2]) -> Result<[f64; 2], ApiError> {
        Ok(match self {
            Way::Same => [lon, lat],
            Way::Swapped => [lat, lon],
            Way::Projected(way) => {
                way.forward(&[[lon, lat]])?[0].map(|metres| (metres * METRE_DIGITS).round() / METRE_DIGITS)
            }
        })
    }

    pub(crate) fn to_degrees(&self, [x, y]: [f64; 2]) -> Result<[f64; 2], ApiError> {
        Ok(match self {
            Way::Same => [x, y],
            Way::Swapped => [y, x],
            Way::Projected(way) => way.inverse(&[[x, y]])?[0],
        })
    }

    /// A feature's text with its geometry in this CRS.
    pub(crate) fn feature_text(&self, text: &str) -> Result<String, ApiError> {
        if matches!(self, Way::Same) {
            return Ok(text.to_owned());
        }
        let mut feature: Value = serde_json::from_str(text).map_err(|error| ApiError::internal(&error))?;
        turn_coordinates(&mut feature["geometry"]["coordinates"], &mut |position| {
            self.out_of_degrees(position)
        })?;
        Ok(feature.to_string())
    }

    /// A feature from outside with its geometry in degrees.
    pub(crate) fn read(&self, mut feature: Value) -> Result<Value, ApiError> {
        if let Some(coordinates) = feature.pointer_mut("/geometry/coordinates") {
            turn_coordinates(coordinates, &mut |position| self.to_degrees(position))?;
        }
        Ok(feature)
    }

    /// The degrees that a box covers: west, south, east, north.
    pub(crate) fn box_to_degrees(&self, [x0, y0, x1, y1]: [f64; 4]) -> Result<[f64; 4], ApiError> {
        let Way::Projected(way) = self else {
            let ([west, south], [east, north]) = (self.to_degrees([x0, y0])?, self.to_degrees([x1, y1])?);
            return Ok([west, south, east, north]);
        };
        let at =
            |step: u32, from: f64, to: f64| from + (to - from) * f64::from(step) / f64::from(BOX_EDGE_STEPS);
        let edge: Vec<[f64; 2]> = (0..=BOX_EDGE_STEPS)
            .flat_map(|step| {
                let (x, y) = (at(step, x0, x1), at(step, y0, y1));
                [[x, y0], [x, y1], [x0, y], [x1, y]]
            })
            .collect();
        let degrees = way.inverse(&edge)?;
        let bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        Ok(degrees
            .iter()
            .fold(bounds, |[w, s, e, n], [lon, lat]| [w.min(*lon), s.min(*lat), e.max(*lon), n.max(*lat)]))
    }
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
    }

    #[test]
    fn a_projected_box_covers_its_curved_edges() {
        let way = FeatureCrs::Projected(32652).way().unwrap();
        let [west, south, east, north] =
            way.box_to_degrees([400_000.0, 4_400_000.0, 600_000.0, 4_500_000.0]).unwrap();
        assert!(
            west < 127.84 && east > 130.16 && south < 39.75 && north > 40.65,
            "{west} {south} {east} {north}"
        );
    }
}
