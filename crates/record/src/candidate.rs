//! What a detector found, or a person drew, before others have looked at it. Candidates never change; reviews do.

use std::collections::BTreeMap;

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CandidateId, ComparisonId, SceneId, SiteId};

/// What happened to the structure between the two dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Not there before, there after.
    New,
    /// There before, not there after.
    Removed,
    /// There on both dates but rebuilt, extended or partly demolished.
    Altered,
}

/// Where the reviews of a candidate stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CandidateState {
    /// Nobody has looked at it.
    Pending,
    /// It is a structure that changed.
    Confirmed,
    /// It is not.
    Rejected,
    /// Somebody looked and could not tell.
    Unsure,
    /// The imagery does not allow to tell.
    BadImagery,
}

/// Which detector spoke; [`Detector::hand`] where a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detector {
    /// Name of the detector or of its model.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the model file; `None` where there is none.
    pub model_sha256: Option<String>,
}

impl Detector {
    /// A person's hand.
    pub fn hand() -> Detector {
        Detector { name: "hand".to_owned(), version: "1".to_owned(), model_sha256: None }
    }
}

/// How well the two images fit onto each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Displacement of the after image to the east, metres.
    pub shift_east_m: f64,
    /// Displacement of the after image to the north, metres.
    pub shift_north_m: f64,
    /// What the displacement that was applied leaves unexplained, metres; `None` where nothing could be measured.
    pub residual_m: Option<f64>,
    /// Share of pixels observed on both dates, 0 to 1.
    pub valid_share: f64,
    /// Whether the images fit well enough for the candidates to be believed.
    pub registrable: bool,
    /// Why not, where they do not.
    pub reason: Option<String>,
}

/// A candidate as the detector, or the person who drew it, hands it over.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCandidate {
    /// Outline, longitude and latitude in degrees (or pixels, where the images have no georeference).
    pub outline: Polygon<f64>,
    /// What happened.
    pub change: Change,
    /// Probability that it is real, 0 to 1, calibrated; `None` where a person drew it and nothing computed one.
    pub score: Option<f64>,
    /// Geodesic area, square metres.
    pub area_m2: f64,
    /// Longer side of the smallest enclosing rectangle, metres.
    pub length_m: f64,
    /// Shorter side of the smallest enclosing rectangle, metres.
    pub width_m: f64,
    /// Direction of the longer side, degrees clockwise from north, 0 to 180.
    pub orientation_deg: f64,
    /// Named numbers that the score was made from.
    pub evidence: BTreeMap<String, f64>,
}

/// A recorded candidate with the state that its reviews give it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub id: CandidateId,
    /// Site of the scenes.
    pub site: SiteId,
    /// The comparison that found it.
    pub comparison: ComparisonId,
    /// Scene of the first date.
    pub before: SceneId,
    /// Scene of the second date.
    pub after: SceneId,
    /// When the first scene was taken.
    pub before_datetime: Timestamp,
    /// When the second scene was taken.
    pub after_datetime: Timestamp,
    /// Where its reviews stand.
    pub state: CandidateState,
    /// Which detector spoke.
    pub detector: Detector,
    /// What the detector said.
    pub found: NewCandidate,
}

impl Candidate {
    /// Whether a person drew it.
    pub fn is_drawn(&self) -> bool {
        self.detector == Detector::hand()
    }
}

/// One run of a detector over two scenes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Its id.
    pub id: ComparisonId,
    /// Site of the scenes.
    pub site: SiteId,
    /// Scene of the first date.
    pub before: SceneId,
    /// Scene of the second date.
    pub after: SceneId,
    /// When the first scene was taken.
    pub before_datetime: Timestamp,
    /// When the second scene was taken.
    pub after_datetime: Timestamp,
    /// How well the images fit.
    pub fit: Fit,
    /// Which detector spoke.
    pub detector: Detector,
    /// What must be known before its candidates are believed, or that there are none.
    #[serde(default)]
    pub cautions: Vec<String>,
    /// How many candidates it found.
    pub candidates: u64,
    /// When it was recorded.
    pub created: Timestamp,
}
