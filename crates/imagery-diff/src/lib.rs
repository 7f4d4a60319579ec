//! Finds the structures that appeared between two rasters of one place.
//!
//! Pure: no files, no network, no async, no GDAL. Bytes come in through [`PairSource`], and the
//! data path reads in this order:
//!
//! ```text
//! PairSource -> register -> normalise -> evidence -> objects -> outline -> score -> Candidate
//! ```

pub mod blobs;
pub mod candidate;
pub mod card;
pub mod detect;
pub mod displacement;
mod edge_distance;
pub mod evaluate;
pub mod evidence;
pub mod grid;
pub mod model;
pub mod normalise;
pub mod objects;
mod orthogonal;
pub mod outline;
pub mod pair;
mod partition;
pub mod raster;
pub mod register;
pub mod regularise;
pub mod runtime;
pub mod score;
pub mod source;
pub mod stress;
mod workers;

pub use blobs::{Blob, BlobOptions, BlobTracker, Patch};
pub use candidate::{Candidate, Change, Detection, DetectorId, Fit, MapPolygon};
pub use card::Card;
pub use detect::{
    CLASSICAL, DEFAULT_DETECTOR, DetectError, DetectOptions, Detector, OnProgress, Progress, Stage, detect,
};
pub use displacement::Displacement;
pub use evidence::{EvidenceMaps, Strip};
pub use grid::{Grid, MapPoint, PixelIndex, Reference, Shift, Window};
pub use model::{MODELS, Model, ModelError};
pub use pair::{AlignedPair, PairError};
pub use raster::{Raster, RasterShapeError};
pub use runtime::Runtime;
pub use source::{MemoryPair, PairSource, Samples};
