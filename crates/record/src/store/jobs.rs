//! Jobs: kept in the database, so that they survive a restart.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{
    Store, Writing,
    comparisons::{self, NewComparison},
    now, read_document,
    writer::Transaction,
};
use crate::{
    candidate::Comparison,
    error::RecordError,
    events::{Actor, Role},
    id::{JobId, SceneId},
    job::{Job, JobStatus},
};

/// Most jobs of a kind that may wait at a time.
const JOBS_WAITING_MAX: u64 = 1_000;
/// Most jobs of a kind that may run at a time, where their work began with a request.
const JOBS_BEGUN_MAX: u64 = 1_000;

impl Store {
    /// Puts a job in the queue whose input nobody looks at, as tests do.
    ///
    /// # Errors
    /// When the queue is full or the role is less than analyst.
    #[doc(hidden)]
    pub fn enqueue(&self, actor: &Actor, kind: &str, input: Value) -> Result<Job, RecordError> {
        actor.must_be(Role::Analyst, "starting a job")?;
        self.write(|transaction| enqueued(&Writing::begin(transaction, actor), kind, input))
    }

    /// Puts the comparison of two scenes in the queue, by their ids as `before` and `after` of its input.
    ///
    /// # Errors
    /// When a scene is not there, the scenes cannot be compared, the queue is full or the role is less than analyst.
    pub fn enqueue_comparison(
        &self,
        actor: &Actor,
        kind: &str,
        scenes: [&SceneId; 2],
        mut input: Value,
    ) -> Result<Job, RecordError> {
        actor.must_be(Role::Analyst, "starting a job")?;
        self.write(|transaction| {
            let [before, after] = comparisons::comparable(transaction, scenes)?;
            input["before"] = json!(before.id);
            input["after"] = json!(after.id);
            enqueued(&Writing::begin(transaction, actor), kind, input)
        })
    }

    /// Keeps a job whose work has begun already, with a request that it outlasts: no worker takes it up.
    ///
    /// # Errors
    /// When too many run or the role is less than analyst.
    pub fn begin_job(
        &self,
        actor: &Actor,
        kind: &str,
        input: Value,
        message: &str,
    ) -> Result<Job, RecordError> {
        actor.must_be(Role::Analyst, "starting a job")?;
        self.write(|transaction| {
            let writing = Writing::begin(transaction, actor);
            must_have_room(transaction, kind, (JobStatus::Running, "run"), JOBS_BEGUN_MAX)?;
            let job = new(&writing, kind, input, JobStatus::Running, message);
            added(&writing, Job { started: Some(writing.time), ..job })
        })
    }

    /// Takes the job that waits longest, and says that it runs.
    ///
    /// # Errors
    /// When the database fails.
    pub fn claim_job(&self) -> Result<Option<Job>, RecordError> {
        self.write(|transaction| {
            let id: Option<String> = transaction
                .prepare_cached("SELECT id FROM job WHERE status = 'accepted' ORDER BY n LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            let Some(id) = id else { return Ok(None) };
            let mut job = job(transaction, &JobId(id))?;
            job.status = JobStatus::Running;
            job.started = Some(now());
            job.message = "runs".to_owned();
            save(transaction, &job)?;
            Ok(Some(job))
        })
    }

    /// Notes how far a running job is. Not an event: nothing rests on it.
    ///
    /// # Errors
    /// When the database fails. A job that has ended stays as it is.
    pub fn note_progress(&self, id: &JobId, progress: u8, message: &str) -> Result<(), RecordError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "UPDATE job SET progress = ?2, message = ?3 WHERE id = ?1 AND status = 'running'",
                )?
                .execute((id.as_str(), progress.min(100), message))?;
            Ok(())
        })
    }

    /// Records what a running job found and ends the job well, both or nothing; `result` says what came of it. `None`
    /// where the job does not run any more, as one that was dismissed meanwhile: nothing is recorded then.
    ///
    /// # Errors
    /// When the job or a scene is not there, the scenes cannot be compared or an outline is none.
    pub fn finish_job(
        &self,
        id: &JobId,
        found: NewComparison,
        result: impl FnOnce(&Comparison) -> Value,
    ) -> Result<Option<(Job, Comparison)>, RecordError> {
        comparisons::must_have_outlines(&found)?;
        self.write(|transaction| {
            let job = job(transaction, id)?;
            if job.status != JobStatus::Running {
                return Ok(None);
            }
            let actor = asked_by(&job);
            let writing = Writing::begin(transaction, &actor);
            let comparison = comparisons::added(&writing, found)?;
            Ok(Some((successful(&writing, job, result(&comparison))?, comparison)))
        })
    }

    /// Ends a job with an error. A job that has ended meanwhile stays as it is.
    ///
    /// # Errors
    /// When the job is not there.
    pub fn fail_job(&self, id: &JobId, message: &str) -> Result<Job, RecordError> {
        self.write(|transaction| {
            let job = job(transaction, id)?;
            if job.status.is_final() {
                return Ok(job);
            }
            failed(transaction, job, message)
        })
    }

    /// Calls a job off.
    ///
    /// # Errors
    /// When the job is not there or has ended, or the role is less than analyst.
    pub fn dismiss_job(&self, actor: &Actor, id: &JobId) -> Result<Job, RecordError> {
        actor.must_be(Role::Analyst, "dismissing a job")?;
        self.write(|transaction| {
            let job = job(transaction, id)?;
            if job.status.is_final() {
                return Err(RecordError::Conflict {
                    what: "job",
                    id: id.to_string(),
                    state: job.status.as_str().to_owned(),
                    change: "dismissing it",
                });
            }
            let (status, message) = (JobStatus::Dismissed, "dismissed".to_owned());
            ended(&Writing::begin(transaction, actor), Job { status, message, ..job })
        })
    }

    /// Puts jobs of a kind that were running when the server stopped back into the queue; returns how many. Those of
    /// other kinds, whose work nobody can take up again, fail with a cause.
    ///
    /// # Errors
    /// When the database fails.
    pub fn requeue_jobs(&self, kind: &str, cause: &str) -> Result<usize, RecordError> {
        self.write(|transaction| {
            let ids: Vec<String> = transaction
                .prepare("SELECT id FROM job WHERE status = 'running' ORDER BY n")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut requeued = 0;
            for id in ids {
                let mut job = job(transaction, &JobId(id))?;
                if job.kind != kind {
                    failed(transaction, job, cause)?;
                    continue;
                }
                requeued += 1;
                job.status = JobStatus::Accepted;
                job.started = None;
                job.progress = 0;
                job.message = "waits for its turn again: the server was restarted".to_owned();
                save(transaction, &job)?;
            }
            Ok(requeued)
        })
    }

    /// Reads a job.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn job(&self, id: &JobId) -> Result<Job, RecordError> {
        job(&*self.read()?, id)
    }

    /// The newest jobs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn jobs(&self, limit: u32) -> Result<Vec<Job>, RecordError> {
        let reader = self.read()?;
        let mut statement = reader
            .prepare_cached("SELECT id, document, progress, message FROM job ORDER BY n DESC LIMIT ?1")?;
        let rows = statement.query_map([limit], stored_job)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(complete).collect()
    }
}

fn enqueued(writing: &Writing<'_>, kind: &str, input: Value) -> Result<Job, RecordError> {
    must_have_room(writing.transaction, kind, (JobStatus::Accepted, "wait"), JOBS_WAITING_MAX)?;
    added(writing, new(writing, kind, input, JobStatus::Accepted, "waits for its turn"))
}

fn must_have_room(
    transaction: &Connection,
    kind: &str,
    (status, what): (JobStatus, &'static str),
    jobs_max: u64,
) -> Result<(), RecordError> {
    let jobs: u64 = transaction
        .prepare_cached(
            "SELECT count(*) FROM job WHERE status = ?1 AND json_extract(document, '$.kind') = ?2",
        )?
        .query_row([status.as_str(), kind], |row| row.get(0))?;
    if jobs < jobs_max { Ok(()) } else { Err(RecordError::Full { what, jobs_max }) }
}

fn new(writing: &Writing<'_>, kind: &str, input: Value, status: JobStatus, message: &str) -> Job {
    Job {
        id: JobId::random(),
        kind: kind.to_owned(),
        input,
        actor: writing.actor.name.clone(),
        status,
        progress: 0,
        message: message.to_owned(),
        result: None,
        created: writing.time,
        started: None,
        finished: None,
    }
}

/// Keeps a new job, under an event of who asked for it.
fn added(writing: &Writing<'_>, job: Job) -> Result<Job, RecordError> {
    writing.event(
        &format!("job/{}", job.id),
        "job.accepted",
        &serde_json::to_value(&job).expect("jobs are plain data"),
    )?;
    writing
        .transaction
        .prepare_cached("INSERT INTO job (id, status, message, document) VALUES (?1, ?2, ?3, ?4)")?
        .execute((job.id.as_str(), job.status.as_str(), &job.message, document(&job)))?;
    Ok(job)
}

/// Ends a running job well in the transaction that records what it made.
///
/// # Errors
/// When it does not run any more, as one that was dismissed meanwhile.
pub(super) fn ended_with(writing: &Writing<'_>, id: &JobId, result: Value) -> Result<(), RecordError> {
    let job = job(writing.transaction, id)?;
    if job.status != JobStatus::Running {
        return Err(RecordError::Conflict {
            what: "job",
            id: id.to_string(),
            state: job.status.as_str().to_owned(),
            change: "recording what it made",
        });
    }
    successful(writing, job, result).map(drop)
}

fn successful(writing: &Writing<'_>, job: Job, result: Value) -> Result<Job, RecordError> {
    let (status, message, progress) = (JobStatus::Successful, "done".to_owned(), 100);
    ended(writing, Job { status, message, progress, result: Some(result), ..job })
}

/// Ends a job that goes wrong by itself, in the name of who asked for it.
fn failed(transaction: &Transaction<'_>, job: Job, cause: &str) -> Result<Job, RecordError> {
    let (status, message) = (JobStatus::Failed, cause.to_owned());
    ended(&Writing::begin(transaction, &asked_by(&job)), Job { status, message, ..job })
}

/// Who a job works for.
fn asked_by(job: &Job) -> Actor {
    Actor { name: job.actor.clone(), role: Role::Analyst }
}

/// Keeps a job that ended just now, under an event of who ended it.
fn ended(writing: &Writing<'_>, job: Job) -> Result<Job, RecordError> {
    let job = Job { finished: Some(writing.time), ..job };
    writing.event(
        &format!("job/{}", job.id),
        &format!("job.{}", job.status.as_str()),
        &serde_json::to_value(&job).expect("jobs are plain data"),
    )?;
    save(writing.transaction, &job)?;
    Ok(job)
}

fn document(job: &Job) -> String {
    serde_json::to_string(job).expect("jobs are plain data")
}

fn save(connection: &Connection, job: &Job) -> Result<(), RecordError> {
    connection
        .prepare_cached(
            "UPDATE job SET status = ?2, progress = ?3, message = ?4, document = ?5 WHERE id = ?1",
        )?
        .execute((job.id.as_str(), job.status.as_str(), job.progress, &job.message, document(job)))?;
    Ok(())
}

fn job(connection: &Connection, id: &JobId) -> Result<Job, RecordError> {
    connection
        .prepare_cached("SELECT id, document, progress, message FROM job WHERE id = ?1")?
        .query_row([id.as_str()], stored_job)
        .optional()?
        .ok_or_else(|| RecordError::NotFound { what: "job", id: id.to_string() })
        .and_then(complete)
}

fn stored_job(row: &Row<'_>) -> rusqlite::Result<(String, String, u8, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

/// Progress changes often and is kept beside the document.
fn complete((id, text, progress, message): (String, String, u8, String)) -> Result<Job, RecordError> {
    let job: Job = read_document("job", &id, &text)?;
    Ok(Job { progress, message, ..job })
}
