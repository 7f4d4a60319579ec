//! The only crate that knows GDAL: opens, warps, ingests and tiles rasters.
//!
//! ```text
//! file -> header::check -> Source -> common grid -> ScenePair -> imagery_diff
//!                            |
//!                            +----> ingest (in a sandboxed child) -> working COG -> TileReader
//! ```
//!
//! GDAL never sees a file that has not passed [`header::check`], and it is set up with four drivers,
//! without sidecar files and without network ([`engine`]).

mod affine;
mod common_grid;
pub mod engine;
mod error;
mod geotiff;
pub mod header;
mod ingest;
mod lon_lat;
mod pair;
pub mod sandbox;
mod source;
pub mod tiles;

pub use affine::Affine;
pub use common_grid::CommonGridOptions;
pub use error::RasterError;
pub use geotiff::{GeotiffOptions, GeotiffSamples, write_geotiff};
pub use ingest::{BandStretch, IngestLimits, IngestRequest, IngestedScene, ingest};
pub use lon_lat::LonLat;
pub use pair::ScenePair;
pub use source::{SampleType, Source, SourceInfo, open};
pub use tiles::TileReader;
