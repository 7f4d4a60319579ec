//! Settings of the service, each with a name, a unit and a default.

use std::path::Path;

use raster_io::WorkerLimits;
use serde::Deserialize;

use crate::uploads::UploadLimits;

/// Settings; a file holds those that differ from the defaults, as JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address under which clients reach the service, such as `https://stakeout.example`; else what the
    /// request says. Its host is accepted beside loopback.
    pub public_url: Option<String>,
    /// Detector for comparisons that name none.
    pub model: String,
    /// Comparisons that run at the same time.
    pub jobs_parallel: usize,
    /// Requests that work on files or the database at the same time; others wait.
    pub blocking_max: usize,
    /// Largest uploaded file, bytes.
    pub upload_bytes_max: u64,
    /// Largest JSON body, bytes.
    pub body_bytes_max: usize,
    /// Features on a page where the client does not say.
    pub limit_default: u32,
    /// Features on a page at most; a larger `limit` is cut to it, as the standard wants.
    pub limit_max: u32,
    /// Encoded tiles kept in memory, bytes.
    pub tile_cache_bytes: u64,
    /// Working copies kept open for tiles.
    pub open_scenes_max: usize,
    /// Bounds on resumable uploads.
    pub uploads: UploadLimits,
    /// Files that are decoded at the same time, each in a process of its own.
    pub ingests_parallel: usize,
    /// What such a process may use up.
    pub ingest: WorkerLimits,
    /// Longest time for a request that is not an upload, seconds.
    pub request_timeout_s: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            public_url: None,
            model: imagery_diff::DEFAULT_DETECTOR.to_owned(),
            jobs_parallel: 1,
            blocking_max: 16,
            upload_bytes_max: 16 << 30,
            body_bytes_max: 4 << 20,
            limit_default: 100,
            limit_max: 10_000,
            tile_cache_bytes: 128 << 20,
            open_scenes_max: 16,
            uploads: UploadLimits::default(),
            ingests_parallel: 2,
            ingest: WorkerLimits::default(),
            request_timeout_s: 60,
        }
    }
}

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("the configuration {path} cannot be read")]
    Read {
        /// Which file.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not what settings look like.
    #[error("the configuration {path} is wrong")]
    Content {
        /// Which file.
        path: std::path::PathBuf,
        /// What and where.
        #[source]
        source: serde_json::Error,
    },
}

impl Config {
    /// Reads settings from a JSON file.
    ///
    /// # Errors
    /// When it cannot be read, or holds an unknown name or a value of the wrong type.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        serde_json::from_str(&text).map_err(|source| ConfigError::Content { path: path.to_owned(), source })
    }
}
