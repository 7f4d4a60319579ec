//! Candidates: recorded ones, and those that a run found and nobody has recorded.

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    GeoJsonError, feature,
    geometry::{plain_polygon_value, polygon_value, rounded, stored_polygon},
    id_of, properties,
};
use crate::{
    candidate::{Candidate, Detector, Fit, NewCandidate},
    id::{CandidateId, SiteId},
};

#[derive(Serialize, Deserialize)]
struct CandidateProperties {
    site: SiteId,
    comparison: crate::id::ComparisonId,
    before: crate::id::SceneId,
    after: crate::id::SceneId,
    before_datetime: Timestamp,
    after_datetime: Timestamp,
    state: crate::candidate::CandidateState,
    #[serde(flatten)]
    found: FoundProperties,
    detector: Detector,
}

/// The part of a candidate's properties that the detector knows.
#[derive(Serialize, Deserialize)]
struct FoundProperties {
    change: crate::candidate::Change,
    score: Option<f64>,
    area_m2: f64,
    length_m: f64,
    width_m: f64,
    orientation_deg: f64,
    evidence: std::collections::BTreeMap<String, f64>,
}

impl FoundProperties {
    fn of(found: &NewCandidate) -> FoundProperties {
        FoundProperties {
            change: found.change,
            score: found.score.map(|score| rounded(score, 4)),
            area_m2: rounded(found.area_m2, 2),
            length_m: rounded(found.length_m, 2),
            width_m: rounded(found.width_m, 2),
            orientation_deg: rounded(found.orientation_deg, 1),
            evidence: found.evidence.iter().map(|(name, value)| (name.clone(), rounded(*value, 4))).collect(),
        }
    }

    fn with_outline(self, outline: Polygon<f64>) -> NewCandidate {
        NewCandidate {
            outline,
            change: self.change,
            score: self.score,
            area_m2: self.area_m2,
            length_m: self.length_m,
            width_m: self.width_m,
            orientation_deg: self.orientation_deg,
            evidence: self.evidence,
        }
    }
}

/// A recorded candidate as a feature.
pub fn candidate_feature(candidate: &Candidate) -> Value {
    feature(
        candidate.id.as_str(),
        polygon_value(&candidate.found.outline),
        CandidateProperties {
            site: candidate.site.clone(),
            comparison: candidate.comparison.clone(),
            before: candidate.before.clone(),
            after: candidate.after.clone(),
            before_datetime: candidate.before_datetime,
            after_datetime: candidate.after_datetime,
            state: candidate.state,
            found: FoundProperties::of(&candidate.found),
            detector: candidate.detector.clone(),
        },
    )
}

/// A candidate from a feature that [`candidate_feature`] made.
///
/// # Errors
/// When it is not one.
pub fn candidate_from_feature(feature: &Value) -> Result<Candidate, GeoJsonError> {
    let properties: CandidateProperties = properties(feature)?;
    Ok(Candidate {
        id: CandidateId(id_of(feature)?),
        site: properties.site,
        comparison: properties.comparison,
        before: properties.before,
        after: properties.after,
        before_datetime: properties.before_datetime,
        after_datetime: properties.after_datetime,
        state: properties.state,
        detector: properties.detector,
        found: properties.found.with_outline(stored_polygon(&feature["geometry"])?),
    })
}

/// What the coordinates of a written collection mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// Longitude and latitude in degrees, as RFC 7946 wants it.
    LonLat,
    /// Pixels right and up from the lower left corner: the images had no georeference.
    Pixels,
}

/// Where unrecorded candidates come from, for the file of a command line run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<'a> {
    /// File name of the first image.
    pub before: &'a str,
    /// File name of the second image.
    pub after: &'a str,
    /// Which detector spoke.
    pub detector: &'a Detector,
    /// How well the images fit.
    pub fit: &'a Fit,
    /// What must be known before the candidates are believed, or that there are none.
    pub cautions: &'a [String],
    /// What the coordinates mean.
    pub coordinates: Coordinates,
    /// What members are in that are not in the units of their names: member -> unit, those of candidates as they are.
    pub units: Option<Value>,
}

/// Candidates of a run outside the record as one FeatureCollection; their ids count from 1 in order.
pub fn run_collection(run: &Run<'_>, candidates: &[NewCandidate]) -> Value {
    let features: Vec<Value> = candidates
        .iter()
        .enumerate()
        .map(|(index, found)| {
            let mut properties =
                serde_json::to_value(FoundProperties::of(found)).expect("properties are plain data");
            let members = properties.as_object_mut().expect("a struct is an object");
            members.insert("state".to_owned(), json!("pending"));
            members.insert("before".to_owned(), json!(run.before));
            members.insert("after".to_owned(), json!(run.after));
            members.insert("detector".to_owned(), json!(run.detector));
            let geometry = match run.coordinates {
                Coordinates::LonLat => polygon_value(&found.outline),
                Coordinates::Pixels => plain_polygon_value(&found.outline),
            };
            feature(&(index + 1).to_string(), geometry, properties)
        })
        .collect();
    let mut collection = Map::new();
    collection.insert("type".to_owned(), json!("FeatureCollection"));
    collection.insert("fit".to_owned(), json!(run.fit));
    collection.insert("detector".to_owned(), json!(run.detector));
    collection.insert("cautions".to_owned(), json!(run.cautions));
    if run.coordinates == Coordinates::Pixels {
        let meaning = "pixels right and up from the lower left corner: the images carry no georeference";
        collection.insert("coordinates".to_owned(), json!(meaning));
    }
    if let Some(units) = &run.units {
        collection.insert("units".to_owned(), units.clone());
    }
    collection.insert("features".to_owned(), Value::Array(features));
    Value::Object(collection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_in_pixels_know_no_antimeridian() {
        let ring = vec![(150.0, 10.0), (400.0, 10.0), (400.0, 90.0), (150.0, 90.0), (150.0, 10.0)];
        let found = NewCandidate {
            outline: Polygon::new(ring.into(), Vec::new()),
            change: crate::Change::New,
            score: Some(0.9),
            area_m2: 20_000.0,
            length_m: 250.0,
            width_m: 80.0,
            orientation_deg: 90.0,
            evidence: Default::default(),
        };
        let fit = Fit {
            shift_east_m: 0.0,
            shift_north_m: 0.0,
            residual_m: None,
            valid_share: 1.0,
            registrable: true,
            reason: None,
        };
        let detector = Detector { name: "research".to_owned(), version: "1".to_owned(), model_sha256: None };
        let geometry = |coordinates: Coordinates| {
            let run = Run {
                before: "a",
                after: "b",
                detector: &detector,
                fit: &fit,
                cautions: &[],
                coordinates,
                units: None,
            };
            run_collection(&run, std::slice::from_ref(&found))["features"][0]["geometry"].clone()
        };
        let pixels = geometry(Coordinates::Pixels);
        assert_eq!(pixels["type"], "Polygon");
        assert_eq!(pixels["coordinates"][0].as_array().unwrap().len(), 5);
        assert!(pixels["coordinates"][0].as_array().unwrap().contains(&json!([400.0, 90.0])), "{pixels}");
        assert_eq!(geometry(Coordinates::LonLat)["type"], "MultiPolygon");
    }
}
