//! What can go wrong with the record.

use std::path::PathBuf;

use crate::{blobs::Sha256Hex, filter::FilterError, geojson::GeoJsonError};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// Kind of thing, such as `site`.
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// A thing of that id is there already.
    #[error("{what} {id} exists already")]
    Exists {
        /// Kind of thing.
        what: &'static str,
        /// The id that is taken.
        id: String,
    },
    /// Somebody else changed it in between.
    #[error("{what} {id} is at revision {current} but the change was made to revision {given}")]
    Stale {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// Revision in the store.
        current: u64,
        /// Revision the change was based on.
        given: u64,
    },
    /// A value that cannot be taken.
    #[error("{field} is {got} but must be {wanted}")]
    Invalid {
        /// Which value.
        field: &'static str,
        /// What was given.
        got: String,
        /// What would do.
        wanted: String,
    },
    /// A change that the state of the thing does not allow.
    #[error("{what} {id} is {state}, so {change} is not possible")]
    Conflict {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// State it is in.
        state: String,
        /// What was asked for.
        change: &'static str,
    },
    /// No more jobs are taken now.
    #[error("{jobs_max} jobs {what}, as many as may; try again later")]
    Full {
        /// What those do that are there, such as `wait`.
        what: &'static str,
        /// How many may.
        jobs_max: u64,
    },
    /// The role does not allow it.
    #[error("{actor} is {role} but {action} takes {wanted}")]
    Forbidden {
        /// Who asked.
        actor: String,
        /// Their role.
        role: &'static str,
        /// What for.
        action: &'static str,
        /// Least role that may.
        wanted: &'static str,
    },
    /// GeoJSON that cannot be taken.
    #[error(transparent)]
    GeoJson(#[from] GeoJsonError),
    /// An outline of a detector that could not be read again where it is exported or changed.
    #[error("the outline of candidate {index} (the first is 0) cannot be taken")]
    FoundOutline {
        /// Which of the candidates that were found.
        index: usize,
        /// Why not.
        #[source]
        source: GeoJsonError,
    },
    /// A filter that cannot be taken.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A blob that is not there.
    #[error("blob {sha256} is missing")]
    BlobMissing {
        /// Its SHA-256.
        sha256: Sha256Hex,
    },
    /// The database refused.
    #[error("the database failed")]
    Database(#[source] rusqlite::Error),
    /// No room for the database on its disk.
    #[error("the disk of the database is full")]
    DiskFull,
    /// A question that the database could not answer in time, or that no reader was free for.
    #[error("reading took longer than {limit_s} s; ask for less, or with a simpler filter")]
    TooSlow {
        /// How long it may take.
        limit_s: u64,
    },
    /// A stored document that cannot be read back.
    #[error("the stored {what} {id} cannot be read")]
    Stored {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A stored feature that does not say what it should.
    #[error("the stored {what} {id} cannot be read")]
    StoredFeature {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// Why not.
        #[source]
        source: GeoJsonError,
    },
    /// The file system refused.
    #[error("{path} cannot be {action}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried: `read`, `written`, ...
        action: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A write that was part of a transaction which could not be committed.
    #[error("the write could not be kept: {cause}")]
    NotKept {
        /// What the database says.
        cause: String,
    },
    /// The database was written by a program that did not know all that is needed.
    #[error(
        "the database is of schema {found} but can {to} from schema {least} on, to which it comes when it is served"
    )]
    OlderSchema {
        /// Schema of the database.
        found: u32,
        /// Oldest schema that would do.
        least: u32,
        /// What for: `be verified`, ...
        to: &'static str,
    },
    /// The database was written by a newer program.
    #[error("the database is of schema {found} but this program knows schemas up to {known}")]
    NewerSchema {
        /// Schema of the database.
        found: u32,
        /// Newest schema known here.
        known: u32,
    },
}

impl From<rusqlite::Error> for RecordError {
    fn from(error: rusqlite::Error) -> RecordError {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => {
                RecordError::TooSlow { limit_s: crate::store::READ_S_MAX }
            }
            Some(rusqlite::ErrorCode::DiskFull) => RecordError::DiskFull,
            _ => RecordError::Database(error),
        }
    }
}

impl RecordError {
    pub(crate) fn io(
        path: &std::path::Path,
        action: &'static str,
    ) -> impl FnOnce(std::io::Error) -> RecordError {
        let path = path.to_owned();
        move |source| RecordError::Io { path, action, source }
    }
}
