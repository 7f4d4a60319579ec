//! Runs comparisons one after the other, each in the queue of the database until it has ended.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::{Duration, Instant},
};

use imagery_diff::{DetectOptions, Progress, Stage};
use record::{Comparison, Job, JobStatus, NewComparison, RecordError, SceneId, geojson::Coordinates};
use serde_json::json;

use crate::{
    App,
    detection::{self, DetectionError},
    error::causes,
};

/// The one process that is offered.
pub(crate) const DETECT: &str = "detect-new-structures";
/// Progress is written down at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// A worker looks for work at least this often, should a ring have been missed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs jobs until the process ends.
pub(crate) async fn work(app: App) {
    loop {
        let own = app.clone();
        let worked = tokio::task::spawn_blocking(move || run_next(&own)).await;
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

/// Runs the job that waits longest; `false` when none waits.
fn run_next(app: &App) -> Result<bool, RecordError> {
    let Some(job) = app.store.claim_job()? else { return Ok(false) };
    tell(app, &job);
    // a job that breaks fails; it does not take its worker along
    let ran = catch_unwind(AssertUnwindSafe(|| run(app, &job))).unwrap_or(Err(JobError::Broke));
    let ended = match ran {
        Ok(finished) => finished,
        Err(JobError::Detection(DetectionError::Cancelled)) => app.store.job(&job.id)?,
        Err(error) => app.store.fail_job(&job.id, &causes(&error))?,
    };
    tell(app, &ended);
    Ok(true)
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
    let working = |id: &SceneId| -> Result<_, RecordError> {
        app.store.blobs().path(&app.store.scene(id)?.facts.working)
    };
    let (before, after) = (working(&input.before)?, working(&input.after)?);
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
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "input": job.input,
        "result": job.result,
    });
    app.notify("job", state);
}
