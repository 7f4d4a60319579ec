//! Sites, scenes, comparisons, candidates, reviews and annotations; the event log, the store, the
//! blobs and the one GeoJSON codec.
//!
//! Knows neither GDAL nor HTTP nor a detector. A [`Store`] is a folder: `stakeout.sqlite` and the
//! blobs by SHA-256. Every write, with few exceptions that `docs/architecture.md` names, appends an [`Event`] to a hash
//! chain in the same transaction.

pub mod agreement;
pub mod annotation;
mod antimeridian;
pub mod blobs;
pub mod candidate;
mod error;
pub mod events;
pub mod extent;
pub mod filter;
pub mod geojson;
pub mod id;
pub mod job;
pub mod review;
pub mod scene;
pub mod schema;
pub mod site;
pub mod store;
pub mod taxonomy;
mod time;
pub mod token;
mod validity;
pub mod vector_tile;
pub mod verify;

pub use agreement::Agreement;
pub use annotation::{Annotation, AnnotationDraft, AnnotationStatus, Confidence, SourceImage};
pub use blobs::{Blobs, Incoming, Sha256Hex};
pub use candidate::{Candidate, CandidateState, Change, Comparison, Detector, Fit, NewCandidate};
pub use error::RecordError;
pub use events::{Actor, Event, Role};
pub use filter::{Filter, FilterError};
pub use id::{AnnotationId, CandidateId, ComparisonId, JobId, ReviewId, SceneId, SiteId, TokenId};
pub use jiff::Timestamp;
pub use job::{Job, JobStatus};
pub use review::{NewReview, Review, ReviewOutcome, Seen, Verdict};
pub use scene::{
    ControlPoint, HandPlacement, NewScene, Placed, RasterFacts, Scene, SceneDescription, SceneDetails,
};
pub use site::Site;
pub use store::{
    AwaitedLook, Collection, Cursor, DATABASE_FILE, Drawing, Extent, IfMatch, Item, NewComparison,
    NewPlacement, Page, PageStart, PageText, Query, Queue, QueueEntry, QueuedAnnotation, READERS, ScenePage,
    SceneQuery, SeenReviews, SiteSummary, SortKey, Standing, Store, Versions, make_folder,
};
pub use taxonomy::{StructureType, Taxonomy};
pub use time::time_of;
pub use token::{NewToken, Token, person_name};
