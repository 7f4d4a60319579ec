//! What every handler shares.

use std::{path::PathBuf, sync::Arc};

use raster_io::IngestWorker;
use record::{Actor, RecordError, Store};
use tokio::sync::{Notify, Semaphore, broadcast};

use crate::{config::Config, error::ApiError, jobs, rate::Rates, tile_cache::TileCache, uploads::Uploads};

/// Notices that a slow listener may lag behind before it has to start anew.
const NOTICES_KEPT: usize = 256;

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
    /// Rung when a job was added.
    pub(crate) job_added: Notify,
    /// Who acts where no tokens are configured.
    pub(crate) local_actor: Actor,
    blocking: Semaphore,
    pub(crate) uploads: Uploads,
    pub(crate) rates: Rates,
    pub(crate) ingest_worker: IngestWorker,
    /// One permit for each file that is decoded.
    pub(crate) ingests: Semaphore,
}

/// Something that listeners of `/api/events` are told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// `job`, `candidate`, `annotation`, `scene` or `site`.
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
    /// Opens the store and puts jobs that a stop interrupted back into the queue. `ingest_program` is a program and
    /// its one argument, which must do nothing but call [`raster_io::work`].
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
        store.requeue_jobs()?;
        let inner = Inner {
            tiles: TileCache::new(config.tile_cache_bytes, config.block_cache_bytes, config.open_scenes_max),
            notices: broadcast::channel(NOTICES_KEPT).0,
            job_added: Notify::new(),
            blocking: Semaphore::new(config.blocking_max),
            rates: Rates::new(&config),
            uploads: Uploads::new(data, config.uploads.clone()),
            ingest_worker: IngestWorker::new(ingest_program.0, ingest_program.1, config.ingest.clone()),
            ingests: Semaphore::new(config.ingests_parallel),
            local_actor,
            config,
            store,
        };
        inner.uploads.sweep();
        Ok(App { inner: Arc::new(inner) })
    }

    /// Starts the workers that run jobs. Call once, inside the runtime.
    pub fn start_workers(&self) {
        for _ in 0..self.config.jobs_parallel {
            tokio::spawn(jobs::work(self.clone()));
        }
    }

    /// Whether clients must show tokens.
    ///
    /// # Errors
    /// When the database fails.
    pub fn has_tokens(&self) -> Result<bool, RecordError> {
        self.store.has_tokens()
    }

    /// Runs blocking work on a thread of its own, a bounded number at a time.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _permit = self.blocking.acquire().await.expect("the semaphore is never closed");
        let app = self.clone();
        match tokio::task::spawn_blocking(move || work(&app)).await {
            Ok(result) => result,
            Err(panic) => Err(ApiError::internal(&panic)),
        }
    }

    pub(crate) fn notify(&self, kind: &'static str, data: serde_json::Value) {
        // nobody listening is no fault
        let _ = self.notices.send(Notice { kind, data });
    }

    /// A folder for files on their way into the store, on the same disk.
    pub(crate) fn incoming(&self) -> Result<tempfile::TempDir, ApiError> {
        let folder: PathBuf = self.store.folder().join("incoming");
        std::fs::create_dir_all(&folder)
            .and_then(|()| tempfile::tempdir_in(&folder))
            .map_err(|error| ApiError::internal(&error))
    }
}
