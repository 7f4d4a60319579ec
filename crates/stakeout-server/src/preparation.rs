//! The making of a scene from its file, which may outlast the request that asks for it.
//!
//! ```text
//! request ── prepares ──┬─ done in time ─── the scene
//!                       └─ not yet ──────── 202 with a job ── prepares on ── the job ends with the scene
//! ```

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::HeaderMap;
use record::{Actor, Job, JobId, Scene};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{ApiError, App, jobs};

/// Kind of a job that adds or places a scene.
pub(crate) const PREPARE: &str = "prepare-scene";
/// How long a client waits before it is told of a job instead: some proxies give up after 30 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// What becomes of such a job when the server is stopped.
pub(crate) const STOPPED: &str =
    "the server was stopped while the image was prepared; add or place it again (a finished upload is kept)";
const GOES_ON: &str = "the image is checked and prepared";
/// Pause before the end of a job is written again that could not be, as where the disk is full.
const END_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The job that a client was told of, if any; it ends with the scene.
#[derive(Default)]
pub(crate) struct Promise(Mutex<Promised>);

#[derive(Default)]
enum Promised {
    #[default]
    Nothing,
    Job(JobId),
    /// The scene was recorded, or refused: no job is told of any more.
    Over,
}

impl Promise {
    /// Records a scene, with the job that was promised until then.
    pub(crate) fn keep<T>(&self, record: impl FnOnce(Option<&JobId>) -> T) -> T {
        let mut promised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match &*promised {
            Promised::Job(job) => record(Some(job)),
            Promised::Nothing | Promised::Over => record(None),
        };
        *promised = Promised::Over;
        kept
    }

    /// Promises a job, unless the scene is recorded by now.
    fn make(&self, app: &App, actor: &Actor, input: Value) -> Result<Option<Job>, ApiError> {
        let mut promised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*promised, Promised::Over) {
            return Ok(None);
        }
        let job = app.store.begin_job(actor, PREPARE, input, GOES_ON)?;
        *promised = Promised::Job(job.id.clone());
        jobs::tell(app, &job);
        Ok(Some(job))
    }
}

/// What a client is answered.
pub(crate) enum Prepared {
    /// The scene.
    Scene(Box<Scene>),
    /// A job that goes on with it.
    Job(Box<Job>),
}

impl Prepared {
    fn of(scene: Scene) -> Prepared {
        Prepared::Scene(Box::new(scene))
    }
}

/// Waits for a scene, or promises a job where it takes long or the client would not wait; `input` tells what the job is
/// about. Where the client goes away before, what has not begun is not begun.
pub(crate) async fn in_time(
    app: &App,
    actor: Actor,
    headers: &HeaderMap,
    input: Value,
    promise: Arc<Promise>,
    preparing: impl Future<Output = Result<Scene, ApiError>> + Send + 'static,
) -> Result<Prepared, ApiError> {
    let mut preparing = Box::pin(preparing);
    if !would_not_wait(headers)
        && let Ok(done) = tokio::time::timeout(ANSWER_WITHIN, &mut preparing).await
    {
        return done.map(Prepared::of);
    }
    // a job that was made is ended, also where the client goes away meanwhile
    let (mut tell, told) = oneshot::channel();
    let app = app.clone();
    tokio::spawn(async move {
        // not through the door: what is prepared may hold the last permit there, and is not asked for meanwhile
        let own = app.clone();
        match tokio::task::spawn_blocking(move || promise.make(&own, &actor, input)).await {
            Ok(Ok(Some(job))) => {
                let id = job.id.clone();
                let _ = tell.send(Ok(Prepared::Job(Box::new(job))));
                end(app, id, preparing.await).await;
            }
            // it is done by now, or there is no room for a job
            _ => tokio::select! {
                done = preparing => {
                    let _ = tell.send(done.map(Prepared::of));
                }
                () = tell.closed() => {}
            },
        }
    });
    told.await.unwrap_or_else(|gone| Err(ApiError::internal(&gone)))
}

/// Whether a client would rather have a job than wait (RFC 7240).
fn would_not_wait(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(',')).filter_map(|one| one.split(';').next());
    preferences.any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

/// Tells how a job ended. One that failed is running until that can be written down.
async fn end(app: App, job: JobId, done: Result<Scene, ApiError>) {
    let cause = done.err().map(|error| error.detail().to_owned());
    loop {
        let (id, cause) = (job.clone(), cause.clone());
        let ended = app.blocking(move |app| match cause {
            None => Ok(app.store.job(&id)?),
            Some(cause) => Ok(app.store.fail_job(&id, &cause)?),
        });
        match ended.await {
            Ok(job) => return jobs::tell(&app, &job),
            Err(error) => {
                tracing::error!(error = error.detail(), "the end of a job cannot be written down yet")
            }
        }
        tokio::time::sleep(END_AGAIN_AFTER).await;
    }
}

#[cfg(test)]
mod tests {
    use record::JobStatus;

    use super::*;
    use crate::{
        Config,
        app::tests::{busy, opened},
        jobs::tests::{FULL, sql},
    };

    #[test]
    fn a_client_that_would_not_wait_says_so_among_other_preferences() {
        let asked = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", value.parse().unwrap());
            would_not_wait(&headers)
        };
        assert!(asked("respond-async") && asked("wait=10, Respond-Async") && asked("respond-async;x=1"));
        assert!(!asked("return=minimal;respond-async") && !asked("respond-asynchronously"));
    }

    #[tokio::test]
    async fn a_job_ends_with_what_went_wrong() {
        let (_folder, me, app) = opened(Config::default());
        let mut headers = HeaderMap::new();
        headers.insert("prefer", "respond-async".parse().unwrap());
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let preparing = async move {
            may_go_on.await.unwrap();
            Err(ApiError::body("it is no image".to_owned()))
        };
        let mut notices = app.notices.subscribe();
        let told = in_time(&app, me, &headers, Value::Null, Arc::default(), preparing).await.unwrap();
        let Prepared::Job(job) = told else { panic!("there is no scene") };
        assert_eq!(app.store.job(&job.id).unwrap().status, JobStatus::Running);
        assert_eq!(notices.recv().await.unwrap().data["status"], "running");
        go_on.send(()).unwrap();
        assert_eq!(notices.recv().await.unwrap().data["status"], "failed");
        assert_eq!(app.store.job(&job.id).unwrap().message, "it is no image");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_cannot_be_written_down_is_written_as_soon_as_it_can_be() {
        let (folder, me, app) = opened(Config::default());
        sql(folder.path(), FULL);
        let job = app.store.begin_job(&me, PREPARE, Value::Null, GOES_ON).unwrap().id;
        let ending = tokio::spawn(end(app.clone(), job.clone(), Err(ApiError::body("no image".to_owned()))));
        tokio::time::sleep(3 * END_AGAIN_AFTER).await;
        assert_eq!(app.store.job(&job).unwrap().status, JobStatus::Running);
        sql(folder.path(), "DROP TRIGGER full");
        ending.await.unwrap();
        assert_eq!(app.store.job(&job).unwrap().message, "no image");
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_is_promised_though_what_is_prepared_waits_for_the_one_turn_there_is() {
        let (_folder, me, app) = opened(Config { blocking_max: 1, ..Config::default() });
        let (busy, go_on) = busy(&app).await;
        let own = app.clone();
        let preparing = async move { own.blocking(|_| Err(ApiError::body("no image".to_owned()))).await };
        let own = app.clone();
        let asked = tokio::spawn(async move {
            in_time(&own, me, &HeaderMap::new(), Value::Null, Arc::default(), preparing).await
        });
        tokio::task::yield_now().await;
        tokio::time::advance(2 * ANSWER_WITHIN).await;
        tokio::task::yield_now().await;
        go_on.send(()).unwrap();
        busy.await.unwrap().unwrap();
        let told =
            tokio::time::timeout(Duration::from_secs(3600), asked).await.expect("nobody waits for ever");
        assert!(matches!(told.unwrap().unwrap(), Prepared::Job(_)));
        app.blocking(|_| Ok(())).await.unwrap();
    }

    #[test]
    fn no_job_is_promised_of_what_is_over_and_what_was_promised_ends_with_the_scene() {
        let (_folder, me, app) = opened(Config::default());
        let promise = Promise::default();
        let job = promise.make(&app, &me, Value::Null).unwrap().expect("nothing is recorded yet");
        assert!(promise.keep(|promised| promised == Some(&job.id)));
        assert!(promise.make(&app, &me, Value::Null).unwrap().is_none());

        let unasked = Promise::default();
        assert!(unasked.keep(|promised| promised.is_none()));
        assert!(unasked.make(&app, &me, Value::Null).unwrap().is_none());
    }
}
