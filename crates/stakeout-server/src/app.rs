//! What every handler shares.

use std::{io::ErrorKind, path::PathBuf, sync::Arc};

use raster_io::IngestWorker;
use record::{Actor, READERS, RecordError, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::{
    config::Config,
    error::ApiError,
    jobs,
    outgoing::{self, Outgoing},
    preparation,
    rate::Rates,
    shares::{Share, Shares},
    tile_cache::TileCache,
    uploads::Uploads,
};

/// Notices that a slow listener may lag behind before it has to start anew.
const NOTICES_KEPT: usize = 256;

/// Exports made at once: each holds all features of a site.
const EXPORTS_PARALLEL: usize = 2;
/// Exports that are being sent, from a file on the disk of the data folder each.
const EXPORTS_SENT_MAX: u64 = 16;
/// Questions with a filter that are answered at once: each may read all features, and others are answered meanwhile.
const FILTERS_PARALLEL: usize = READERS - 1;

/// The running service: cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// What an [`App`] shares; its fields are the service's own.
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) tiles: TileCache,
    pub(crate) notices: broadcast::Sender<Notice>,
    /// Whether the service is being stopped: what would go on for ever ends then.
    pub(crate) stopping: watch::Sender<bool>,
    /// Rung when a job was added.
    pub(crate) job_added: Notify,
    /// Who acts where no tokens are configured.
    pub(crate) local_actor: Actor,
    blocking: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    /// Large answers that are being sent.
    pub(crate) outgoing: Arc<Outgoing>,
    /// Exports that are being made and sent, by whom.
    exports_sent: Arc<Shares<String>>,
    filters: Arc<Semaphore>,
    pub(crate) uploads: Uploads,
    pub(crate) rates: Rates,
    pub(crate) ingest_worker: IngestWorker,
    ingests: Arc<Semaphore>,
}

/// Something that listeners of `/api/events` are told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// `job`, `candidate`, `annotation`, `scene`, `site` or `taxonomy`.
    pub(crate) kind: &'static str,
    pub(crate) data: serde_json::Value,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl App {
    /// Opens the store, which no other process may serve: an older schema becomes this program's. `ingest_program` is a program and its one argument, which must do nothing but call
    /// [`raster_io::work`].
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn open(
        data: &std::path::Path,
        config: Config,
        ingest_program: (PathBuf, &'static str),
        local_actor: Actor,
    ) -> Result<App, RecordError> {
        let store = Store::open(data)?;
        let inner = Inner {
            tiles: TileCache::new(config.tile_cache_bytes, config.block_cache_bytes, config.open_scenes_max),
            notices: broadcast::channel(NOTICES_KEPT).0,
            stopping: watch::channel(false).0,
            job_added: Notify::new(),
            blocking: Arc::new(Semaphore::new(config.blocking_max)),
            exports: Arc::new(Semaphore::new(EXPORTS_PARALLEL)),
            outgoing: outgoing::room(),
            exports_sent: Shares::halves_of(EXPORTS_SENT_MAX),
            filters: Arc::new(Semaphore::new(FILTERS_PARALLEL)),
            rates: Rates::new(&config),
            uploads: Uploads::new(data, config.uploads.clone()),
            ingest_worker: IngestWorker::new(ingest_program.0, ingest_program.1, config.ingest.clone()),
            ingests: Arc::new(Semaphore::new(config.ingests_parallel)),
            local_actor,
            config,
            store,
        };
        Ok(App { inner: Arc::new(inner) })
    }

    /// Takes up what a stop interrupted: comparisons that ran go back into the queue, scenes that were prepared have
    /// failed, files that were on their way are removed. Then starts the workers that run jobs. Call once, inside the
    /// runtime.
    ///
    /// # Errors
    /// When the database fails or a file cannot be removed.
    pub fn start(&self) -> Result<(), RecordError> {
        self.uploads.sweep();
        self.store.requeue_jobs(jobs::DETECT, preparation::STOPPED)?;
        let folder = self.incoming_folder();
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(RecordError::Io { path: folder, action: "emptied", source: error });
            }
            _ => {}
        }
        for _ in 0..self.config.jobs_parallel {
            tokio::spawn(jobs::work(self.clone()));
        }
        Ok(())
    }

    /// Leaves the record whole in its database file, for copies that are made of a stopped service.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settle(&self) -> Result<(), RecordError> {
        self.store.settle()
    }

    fn incoming_folder(&self) -> PathBuf {
        self.store.folder().join("incoming")
    }

    /// Whether clients must show tokens.
    ///
    /// # Errors
    /// When the database fails.
    pub fn has_tokens(&self) -> Result<bool, RecordError> {
        self.store.has_tokens()
    }

    /// Runs blocking work on a thread of its own, a bounded number at a time. Work that has begun is done to its end and
    /// counts until then, also where the client that asked for it has gone away: what must happen belongs into it.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = turn(&self.blocking).await;
        let app = self.clone();
        let work = move || {
            let _permit = permit;
            work(&app)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panic) => Err(ApiError::internal(&panic)),
        }
    }

    /// Waits until a file may be decoded. The permit belongs into the work that decodes it.
    pub(crate) async fn ingest_turn(&self) -> OwnedSemaphorePermit {
        turn(&self.ingests).await
    }

    /// Waits until an export may be made. The permit belongs into the work that makes it.
    pub(crate) async fn export_turn(&self) -> OwnedSemaphorePermit {
        turn(&self.exports).await
    }

    /// Runs blocking work that asks for features; where a filter chooses them, once it has its turn among those that do.
    pub(crate) async fn asking<T: Send + 'static>(
        &self,
        is_filtered: bool,
        work: impl FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = if is_filtered { Some(turn(&self.filters).await) } else { None };
        self.blocking(move |app| {
            let _turn = turn;
            work(app)
        })
        .await
    }

    /// A place among the exports that are being sent, which belongs into the body that is. Each has half of them at most.
    ///
    /// # Errors
    /// 503 where there is none.
    pub(crate) fn export_place(&self, actor: &Actor) -> Result<Share<String>, ApiError> {
        let busy = || {
            let own = EXPORTS_SENT_MAX / 2;
            ApiError::busy(format!(
                "{own} exports of yours, or {EXPORTS_SENT_MAX} of all, are being made or sent"
            ))
        };
        self.exports_sent.take(actor.name.clone(), 1).ok_or_else(busy)
    }

    pub(crate) fn notify(&self, kind: &'static str, data: serde_json::Value) {
        // nobody listening is no fault
        let _ = self.notices.send(Notice { kind, data });
    }

    /// A folder for files on their way into the store, on the same disk.
    pub(crate) fn incoming(&self) -> Result<tempfile::TempDir, ApiError> {
        let folder = self.incoming_folder();
        std::fs::create_dir_all(&folder)
            .and_then(|()| tempfile::tempdir_in(&folder))
            .map_err(|error| ApiError::internal(&error))
    }
}

async fn turn(door: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(door).acquire_owned().await.expect("the semaphore is never closed")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::mpsc;

    use record::Role;
    use tokio::task::JoinHandle;

    use super::*;

    /// A service over a new folder, with its one person.
    pub(crate) fn opened(config: Config) -> (tempfile::TempDir, Actor, App) {
        let folder = tempfile::tempdir().unwrap();
        let me = Actor { name: "me".to_owned(), role: Role::Admin };
        let app = App::open(folder.path(), config, ("/bin/false".into(), ""), me.clone()).unwrap();
        (folder, me, app)
    }

    /// Work that has begun, and goes on until it is told to.
    pub(crate) async fn busy(app: &App) -> (JoinHandle<Result<(), ApiError>>, mpsc::Sender<()>) {
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let own = app.clone();
        let work = tokio::spawn(async move {
            own.blocking(move |_| {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok(())
            })
            .await
        });
        has_begun.await.unwrap();
        (work, go_on)
    }

    #[tokio::test]
    async fn work_counts_until_it_is_done_also_where_nobody_waits_for_it_any_more() {
        let (_folder, _, app) = opened(Config { blocking_max: 1, ..Config::default() });
        let (asked, go_on) = busy(&app).await;
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled(), "the client went away");
        assert_eq!(app.blocking.available_permits(), 0);
        go_on.send(()).unwrap();
        app.blocking(|_| Ok(())).await.unwrap();
    }
}
