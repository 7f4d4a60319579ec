//! Work that outlasts a request.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// Where a job stands, in the words of OGC API Processes.
///
/// ```text
/// accepted -> running -> successful | failed
///     |          |-----> accepted     (the server stopped; another run takes it up)
///     '----------'-----> dismissed
/// ```
///
/// The preparation of a scene runs from the start, since its request has begun it; the event that it was asked for is
/// `job.accepted` all the same. Where the server stops it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Waits for its turn.
    Accepted,
    /// Is being worked on.
    Running,
    /// Ended well.
    Successful,
    /// Ended with an error.
    Failed,
    /// Was called off.
    Dismissed,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What to do, such as `detect-new-structures`.
    pub kind: String,
    /// What to do it with.
    pub input: serde_json::Value,
    /// Who asked for it.
    pub actor: String,
    /// Where it stands.
    pub status: JobStatus,
    /// 0 to 100.
    pub progress: u8,
    /// What it is doing, or why it failed.
    pub message: String,
    /// What came of it.
    pub result: Option<serde_json::Value>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When work on it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
}

impl JobStatus {
    /// Whether the job has ended.
    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Successful | JobStatus::Failed | JobStatus::Dismissed)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            JobStatus::Accepted => "accepted",
            JobStatus::Running => "running",
            JobStatus::Successful => "successful",
            JobStatus::Failed => "failed",
            JobStatus::Dismissed => "dismissed",
        }
    }
}
