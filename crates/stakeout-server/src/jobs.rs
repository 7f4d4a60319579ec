//! Runs comparisons one after the other, each in the queue of the database until it has ended.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use imagery_diff::{DetectOptions, Progress, Stage};
use record::{Comparison, Job, JobId, JobStatus, NewComparison, RecordError, SceneId, geojson::Coordinates};
use serde_json::json;

use crate::{
    App,
    detection::{self, DetectionError},
    error::{causes, naming},
};

/// The one process that is offered.
pub(crate) const DETECT: &str = "detect-new-structures";
/// Progress is written down at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// A worker looks for work at least this often, should a ring have been missed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A job that failed, before that is written down.
struct Failed {
    job: JobId,
    cause: String,
}

/// Runs jobs until the process ends.
pub(crate) async fn work(app: App) {
    let unwritten = Arc::new(Mutex::new(None));
    loop {
        let (own, kept) = (app.clone(), Arc::clone(&unwritten));
        let worked = tokio::task::spawn_blocking(move || run_next(&own, &kept)).await;
        match worked {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::error!(error = %causes(&error), "the queue of jobs cannot be read"),
            Err(panic) => {
                tracing::error!(%panic, "a job broke its worker; the job is taken up at the next start")
            }
        }
        let _ = tokio::time::timeout(LOOK_EVERY, app.job_added.notified()).await;
    }
}

/// Runs the job that waits longest; `false` when none waits. A failure that cannot be written down, on a full disk, is kept
/// in `unwritten` and written the next time: until then its job would block its scenes.
fn run_next(app: &App, unwritten: &Mutex<Option<Failed>>) -> Result<bool, RecordError> {
    let mut unwritten = unwritten.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(failed) = unwritten.take() {
        tell(app, &write(app, failed, &mut unwritten)?);
    }
    let Some(job) = app.store.claim_job()? else { return Ok(false) };
    tell(app, &job);
    // a job that breaks fails; it does not take its worker along
    let ran = catch_unwind(AssertUnwindSafe(|| run(app, &job))).unwrap_or(Err(JobError::Broke));
    let ended = match ran {
        Ok(finished) => finished,
        Err(JobError::Detection(DetectionError::Cancelled)) => app.store.job(&job.id)?,
        Err(error) => {
            let cause = naming_scenes(app, &job, causes(&error));
            write(app, Failed { job: job.id, cause }, &mut unwritten)?
        }
    };
    tell(app, &ended);
    Ok(true)
}

/// Writes a failure down; one that cannot be is kept.
fn write(app: &App, failed: Failed, unwritten: &mut Option<Failed>) -> Result<Job, RecordError> {
    let written = app.store.fail_job(&failed.job, &failed.cause);
    if written.is_err() {
        *unwritten = Some(failed);
    }
    written
}

/// What went wrong with the scenes of a job, which people know by their ids, in the place of the files of this machine.
fn naming_scenes(app: &App, job: &Job, mut cause: String) -> String {
    let ids =
        ["before", "after"].map(|name| SceneId(job.input[name].as_str().unwrap_or_default().to_owned()));
    for id in ids {
        if let Ok(path) = working_copy(app, &id) {
            cause = naming(&cause, &path, &format!("scene {id}"));
        }
    }
    cause
}

fn working_copy(app: &App, id: &SceneId) -> Result<PathBuf, RecordError> {
    app.store.blobs().path(&app.store.scene(id)?.facts.working)
}

#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Detection(#[from] DetectionError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("the inputs of the job cannot be read")]
    Input(#[from] serde_json::Error),
    #[error("neither image has a place, so what was found would lie nowhere; place them first")]
    Unplaced,
    #[error("the job broke; the server's log says where")]
    Broke,
}

/// What a comparison is asked to do.
#[derive(serde::Deserialize)]
struct DetectInput {
    before: SceneId,
    after: SceneId,
    model: Option<String>,
}

/// Compares, and ends the job with what it found.
fn run(app: &App, job: &Job) -> Result<Job, JobError> {
    let input: DetectInput = serde_json::from_value(job.input.clone())?;
    let (before, after) = (working_copy(app, &input.before)?, working_copy(app, &input.after)?);
    let model = input.model.as_deref().unwrap_or(&app.config.model);
    let detector = detection::detector(model, app.config.onnx_runtime.as_deref())?;
    let last_told = Mutex::new(Instant::now() - PROGRESS_EVERY);
    let progress = |progress: Progress| note(app, job, progress, &last_told);
    let found = detection::detect_files(&before, &after, &detector, &DetectOptions::default(), &progress)?;
    if found.coordinates == Coordinates::Pixels {
        return Err(JobError::Unplaced);
    }
    let new = NewComparison {
        before: input.before,
        after: input.after,
        fit: found.fit,
        cautions: found.cautions,
        detector: found.detector,
        candidates: found.candidates,
    };
    let finished = app.store.finish_job(&job.id, new, result)?;
    // one that does not run any more was dismissed
    let (finished, comparison) = finished.ok_or(DetectionError::Cancelled)?;
    app.notify("candidate", json!({"comparison": comparison.id, "site": comparison.site}));
    Ok(finished)
}

fn result(comparison: &Comparison) -> serde_json::Value {
    json!({
        "comparison": comparison.id,
        "site": comparison.site,
        "fit": comparison.fit,
        "cautions": comparison.cautions,
        "candidates": comparison.candidates,
    })
}

/// Writes progress down and asks whether the job was dismissed meanwhile.
fn note(app: &App, job: &Job, progress: Progress, last_told: &Mutex<Instant>) -> ControlFlow<()> {
    let Ok(mut last) = last_told.lock() else { return ControlFlow::Continue(()) };
    if last.elapsed() < PROGRESS_EVERY {
        return ControlFlow::Continue(());
    }
    *last = Instant::now();
    let (share, message) = match progress.stage {
        Stage::Register => (2, "finds how the images fit"),
        Stage::Search => (5 + (progress.done * 93 / progress.total.max(1)) as u8, "searches for structures"),
    };
    let noted = app.store.note_progress(&job.id, share, message).and_then(|()| app.store.job(&job.id));
    match noted {
        Ok(current) if current.status == JobStatus::Dismissed => ControlFlow::Break(()),
        Ok(current) => {
            tell(app, &current);
            ControlFlow::Continue(())
        }
        Err(error) => {
            tracing::warn!(error = %causes(&error), "progress of a job cannot be noted");
            ControlFlow::Continue(())
        }
    }
}

pub(crate) fn tell(app: &App, job: &Job) {
    let state = json!({
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "input": job.input,
        "result": job.result,
    });
    app.notify("job", state);
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{path::Path, process::Command};

    use super::*;
    use crate::{Config, app::tests::opened};

    /// Changes a database behind the server's back.
    pub(crate) fn sql(data: &Path, text: &str) {
        let mut ogrinfo = Command::new("ogrinfo");
        let done = ogrinfo.arg("-q").arg(data.join("stakeout.sqlite")).args(["-sql", text]).status().unwrap();
        assert!(done.success());
    }

    /// Lets no job fail, as a full disk would.
    pub(crate) const FULL: &str = "CREATE TRIGGER full BEFORE UPDATE ON job WHEN NEW.status = 'failed'
        BEGIN SELECT RAISE(ABORT, 'full'); END";

    #[test]
    fn a_failure_that_cannot_be_written_down_is_written_as_soon_as_it_can_be() {
        let (folder, me, app) = opened(Config::default());
        sql(folder.path(), FULL);
        let job = app.store.enqueue(&me, DETECT, json!({"before": "none"})).unwrap();
        let unwritten = Mutex::new(None);
        let status = || app.store.job(&job.id).unwrap().status;
        for _ in 0..2 {
            assert!(run_next(&app, &unwritten).is_err());
            assert_eq!(status(), JobStatus::Running);
        }
        sql(folder.path(), "DROP TRIGGER full");
        assert!(!run_next(&app, &unwritten).unwrap(), "no other job waits");
        assert_eq!(status(), JobStatus::Failed);
        assert!(unwritten.lock().unwrap().is_none());
    }
}
