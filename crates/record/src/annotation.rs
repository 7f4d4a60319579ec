//! What people confirmed.

use geo::Polygon;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    blobs::Sha256Hex,
    candidate::Change,
    id::{AnnotationId, CandidateId, SceneId, SiteId},
};

/// How sure the analyst is, as analytic standards use the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Scant, questionable or fragmented evidence.
    Low,
    /// Plausible evidence that does not exclude another reading.
    Moderate,
    /// Good evidence and a solid judgement.
    High,
}

/// Where an annotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnotationStatus {
    /// One analyst has confirmed it.
    Draft,
    /// A second person or a reviewer has confirmed it.
    Confirmed,
    /// Two people disagree.
    Disputed,
    /// It was taken back; its history stays readable.
    Withdrawn,
}

/// An image that an annotation rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceImage {
    /// The scene.
    pub scene: SceneId,
    /// SHA-256 of its original.
    pub sha256: Sha256Hex,
}

/// A structure that people confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// Its id.
    pub id: AnnotationId,
    /// Site it belongs to.
    pub site: SiteId,
    /// The candidate it came from.
    pub candidate: Option<CandidateId>,
    /// Outline, longitude and latitude in degrees.
    pub outline: Polygon<f64>,
    /// Id of a structure type of the taxonomy.
    pub structure_type: Option<String>,
    /// What happened.
    pub change: Change,
    /// Title.
    pub title: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// How sure the analyst is.
    pub confidence: Option<Confidence>,
    /// Begin of the construction window: date of the last image without it.
    pub start_datetime: Option<Timestamp>,
    /// End of the construction window: date of the first image with it.
    pub end_datetime: Option<Timestamp>,
    /// Geodesic area, square metres.
    pub area_m2: f64,
    /// Images it rests on.
    pub sources: Vec<SourceImage>,
    /// Where it stands.
    pub status: AnnotationStatus,
    /// When it was recorded.
    pub created: Timestamp,
    /// Who recorded it.
    pub created_by: String,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Counts its changes from 1.
    pub revision: u64,
}

/// What people may say of an annotation; the record sets the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnotationDraft {
    /// Site it belongs to.
    pub site: SiteId,
    /// Outline, longitude and latitude in degrees.
    pub outline: Polygon<f64>,
    /// Id of a structure type of the taxonomy.
    pub structure_type: Option<String>,
    /// What happened.
    pub change: Change,
    /// Title.
    pub title: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// How sure the analyst is.
    pub confidence: Option<Confidence>,
    /// Begin of the construction window: date of the last image without it.
    pub start_datetime: Option<Timestamp>,
    /// End of the construction window: date of the first image with it.
    pub end_datetime: Option<Timestamp>,
}

impl From<Annotation> for AnnotationDraft {
    fn from(said: Annotation) -> AnnotationDraft {
        AnnotationDraft {
            site: said.site,
            outline: said.outline,
            structure_type: said.structure_type,
            change: said.change,
            title: said.title,
            note: said.note,
            confidence: said.confidence,
            start_datetime: said.start_datetime,
            end_datetime: said.end_datetime,
        }
    }
}
