//! What detection finds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A polygon in map units of a [`crate::Grid`] (metres, or pixels): exterior ring counter-clockwise
/// in a y-up frame, holes clockwise.
#[derive(Clone, Debug, PartialEq)]
pub struct MapPolygon(pub geo::Polygon<f64>);

/// What happened to the structure between the two dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Not there before, there after.
    New,
    /// There before, not there after.
    Removed,
    /// There on both dates but rebuilt, extended or partly demolished.
    Altered,
}

/// Which detector spoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorId {
    /// `classical`, the name of a shipped model, or the name on a foreign model's card.
    pub name: String,
    /// Version of the detector (the crate's for the classical one, the card's for a model).
    pub version: String,
    /// SHA-256 of the model file in lower-case hex; `None` for the classical detector.
    pub model_sha256: Option<String>,
}

/// One structure that appears to have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Outline in map units of the pair's grid.
    pub outline: MapPolygon,
    /// What happened.
    pub change: Change,
    /// Probability that this is real, 0 to 1, calibrated.
    pub score: f64,
    /// Longer side of the smallest enclosing rectangle, map units.
    pub length_m: f64,
    /// Shorter side of the smallest enclosing rectangle, map units.
    pub width_m: f64,
    /// Direction of the longer side, degrees clockwise from grid north, 0 to 180.
    pub orientation_deg: f64,
    /// Named numbers the score was made from.
    pub evidence: BTreeMap<String, f64>,
}

/// How well the two images fit onto each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Displacement of the after image to the east, in metres (pixels without georeference).
    pub shift_east_m: f64,
    /// Displacement of the after image to the north, in metres (pixels without georeference).
    pub shift_north_m: f64,
    /// Median distance of the windows' own shifts from the one applied there, metres; `None` where no window has one.
    pub residual_m: Option<f64>,
    /// Share of the grid's pixels observed on both dates, 0 to 1.
    pub valid_share: f64,
    /// Windows that agree with the displacement that is applied.
    pub windows_used: u32,
    /// Windows that were tried.
    pub windows_tried: u32,
    /// Whether the images fit well enough for the candidates to be believed.
    pub registrable: bool,
    /// Why not, in one sentence, where `registrable` is false.
    pub reason: Option<String>,
}

/// All that one run of the detector says.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Candidates by falling score, then by place (rows, then columns).
    pub candidates: Vec<Candidate>,
    /// How well the images fit.
    pub fit: Fit,
    /// Which detector spoke.
    pub detector: DetectorId,
}
