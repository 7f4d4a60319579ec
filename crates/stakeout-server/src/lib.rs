//! The HTTP service: OGC API, STAC, tiles, uploads, jobs, review, and the page.
//!
//! [`router`] is a value made from an [`App`]; `stakeout serve` binds it to a socket. Handlers extract, call
//! one function of the domain, and wrap. Work on pixels, files and the database is blocking and goes through
//! [`App::blocking`], which is bounded.

mod app;
mod arrival;
mod body;
pub mod config;
mod connections;
mod cors;
mod crs;
pub mod detection;
mod error;
mod etag;
pub mod export;
mod guard;
mod html;
mod jobs;
mod links;
mod look;
mod onnx_runtime;
mod outgoing;
mod page;
mod parameters;
mod path;
mod pieces;
mod preparation;
mod ranges;
mod rate;
mod request_body;
mod routes;
mod scene_properties;
mod sending;
mod shares;
mod stac;
mod tile_cache;
mod tilesets;
mod uploads;
mod wmts;

pub use app::App;
pub use config::Config;
pub use connections::serve;
pub use error::ApiError;
pub use guard::is_loopback;
pub use routes::router;
pub use uploads::UploadLimits;
