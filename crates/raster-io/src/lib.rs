//! The only crate that knows GDAL: opens, warps, ingests and tiles rasters, and writes outlines for other programs.
//!
//! ```text
//! file -> header check (Rust) -> open (GDAL, four drivers) -> common grid -> windows of an AlignedPair
//! upload -> header check -> ingest, in a confined child process -> working COG -> tiles
//! ```
//!
//! Knows neither sites nor HTTP. Pixel coordinates count from the upper left corner throughout.

mod checked_file;
mod drivers;
mod error;
mod grid;
pub mod header;
mod in_tiles;
mod ingest;
mod lattice;
mod lonlat;
mod mask;
mod observed;
mod overlap;
mod pair;
mod perspective;
mod placement;
mod placing;
mod plain;
mod reprojection;
mod sampling;
mod source;
mod tiles;
mod unused;
mod vector;
mod whole;
mod worker;
mod write;

pub use error::RasterError;
pub use grid::CommonGridOptions;
pub use ingest::{IngestRequest, IngestedScene};
pub use lonlat::LonLat;
pub use mask::{Mask, read_mask};
pub use pair::ScenePair;
pub use placing::{
    CONTROL_POINTS_MAX, CONTROL_POINTS_MIN, PlacedPoint, Placing, PlacingError, WORLD_FILE_BYTES_MAX,
    read_world_file,
};
pub use reprojection::{CrsAxes, Reprojection};
pub use source::{Source, SourceInfo, open};
pub use tiles::{
    BandChoice, BlockCache, CacheState, NativeTiling, Observed, Render, Tile, TileFormat, TileReader,
    WEB_MERCATOR_HALF_M, WEB_MERCATOR_ZOOM_MAX, encode, web_mercator_limits, web_mercator_of,
};
pub use vector::{Cell, Column, ColumnKind, PlacemarkColumns, Table, VectorFormat, write_table};
pub use whole::{folder_of, put_in_place, write_whole};
pub use worker::{IngestWorker, WorkerLimits, work};
pub use write::write_geotiff;
