//! The store: a folder with a database and blobs.
//!
//! One connection writes, a few read (write-ahead log), all of them blocking: callers with an async
//! runtime put them on their blocking pool. Each write, with few exceptions that `docs/architecture.md` names, also appends
//! its event, in the same transaction; writes that come at the same time share one commit (`writer.rs`).

mod agreement;
mod annotations;
pub(crate) mod columns;
mod comparisons;
mod condition;
mod cql2_sql;
mod drawing;
mod extent;
mod functions;
mod items;
mod jobs;
mod pages;
mod people;
mod queue;
mod reviews;
mod scene_search;
mod scenes;
mod sight;
mod sites;
mod summaries;
mod writer;

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use serde_json::Value;

pub use annotations::Versions;
pub use comparisons::NewComparison;
pub use drawing::Drawing;
pub use extent::Extent;
pub(crate) use functions::read_filter_geometry;
pub use items::{Collection, IfMatch, Item};
pub use pages::{Cursor, Page, PageStart, PageText, Query};
pub use queue::{AwaitedLook, Queue, QueueEntry, QueuedAnnotation, Standing};
pub use reviews::SeenReviews;
pub use scene_search::{ScenePage, SceneQuery, SortKey};
pub use scenes::NewPlacement;
pub use summaries::SiteSummary;

use self::writer::{Transaction, Writer};
use crate::{
    blobs::Blobs,
    error::RecordError,
    events::{self, Actor, Event},
};

/// Migrations in order; a database holds the number of those it has seen as its `user_version`.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_pages.sql"),
    include_str!("../../migrations/0003_scenes_change.sql"),
    include_str!("../../migrations/0004_second_look.sql"),
    include_str!("../../migrations/0005_extents.sql"),
    include_str!("../../migrations/0006_pending.sql"),
    include_str!("../../migrations/0007_versions.sql"),
    include_str!("../../migrations/0008_scenes_of_a_site.sql"),
];
/// The schema of this program.
const SCHEMA: u32 = MIGRATIONS.len() as u32;
/// Oldest schema that has all columns which verification looks at.
const VERIFIABLE_SCHEMA_MIN: u32 = 3;
const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// Name of the database in a data folder.
pub const DATABASE_FILE: &str = "stakeout.sqlite";
const BLOB_FOLDER: &str = "blobs";
/// Who may look into a new data folder: whose it is. Accounts of the machine read past all roles.
const FOLDER_MODE: u32 = 0o700;
/// Connections that read at the same time: so many questions that take long leave none for others.
pub const READERS: usize = 4;
/// Most revisions of a scene, of which each that places it anew keeps a working copy, and of an annotation, whose versions
/// are told all at once.
const REVISIONS_MAX: u64 = 1_000;
/// How long a connection waits for another process (such as `stakeout verify`) to let go.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a question to the database may take, and how long one waits for a reader, seconds: longer ones would keep
/// everybody else's waiting.
pub(crate) const READ_S_MAX: u64 = 60;
/// Instructions of the database between two looks at the clock: some tenths of a millisecond.
const INSTRUCTIONS_A_LOOK: i32 = 10_000;
const STATEMENTS_CACHED: usize = 128;
/// Bytes of the database that a reader maps instead of copying them page by page.
const MAPPED_BYTES_MAX: i64 = 1 << 30;

/// Sites, scenes, candidates, reviews and annotations in a folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    blobs: Blobs,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    reader_free: Condvar,
    matches: pages::Matches,
    /// Reads tokens. A connection of its own, so that whoever knocks never waits for a reader at a long query.
    keys: Mutex<Connection>,
}

/// A reading connection that goes back to the pool when dropped.
struct Reader<'a> {
    store: &'a Store,
    connection: Option<Connection>,
}

impl std::ops::Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader holds its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            lock(&self.store.readers).push(connection);
            self.store.reader_free.notify_one();
        }
    }
}

/// A panic while a lock was held leaves nothing half done: transactions roll back when dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Store {
    /// Opens the store in a folder, making what is missing. A database of an older schema comes to that of this program,
    /// which no other may work with meanwhile: [`Store::is_of_older_schema`] tells.
    ///
    /// # Errors
    /// When the folder or the database cannot be opened, or a newer program wrote it.
    pub fn open(folder: &Path) -> Result<Store, RecordError> {
        make_folder(folder)?;
        let blobs = Blobs::open(&folder.join(BLOB_FOLDER))?;
        let path = folder.join(DATABASE_FILE);
        let mut writer = Connection::open(&path)?;
        configure(&writer)?;
        migrate(&mut writer)?;
        let store = Store::with(folder, blobs, writer, || open_reader(&path))?;
        store.write(people::fill_taxonomy)?;
        Ok(store)
    }

    /// Opens the store in a folder for reading alone, also one that is write-protected. It changes nothing: every write fails.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or its schema is not that of this program.
    pub fn open_read_only(folder: &Path) -> Result<Store, RecordError> {
        let (found, connection) = open_as_it_is(folder)?;
        must_be_known(found)?;
        if found < SCHEMA {
            return Err(RecordError::OlderSchema { found, least: SCHEMA, to: "be read" });
        }
        Store::with(folder, Blobs::at(&folder.join(BLOB_FOLDER)), connection, || Ok(open_as_it_is(folder)?.1))
    }

    /// Whether opening the store in a folder changes its schema. One that is not there yet has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_of_older_schema(folder: &Path) -> Result<bool, RecordError> {
        let is_there = folder.join(DATABASE_FILE).try_exists().map_err(RecordError::io(folder, "read"))?;
        Ok(is_there && open_as_it_is(folder)?.0 < SCHEMA)
    }

    fn with(
        folder: &Path,
        blobs: Blobs,
        writer: Connection,
        open: impl Fn() -> Result<Connection, RecordError>,
    ) -> Result<Store, RecordError> {
        Ok(Store {
            folder: folder.to_owned(),
            blobs,
            writer: Writer::new(writer),
            readers: Mutex::new((0..READERS).map(|_| open()).collect::<Result<Vec<_>, _>>()?),
            reader_free: Condvar::new(),
            matches: pages::matches(),
            keys: Mutex::new(open()?),
        })
    }

    /// Brings all that waits in the write-ahead log into the database file and empties the log, so that the file alone is the
    /// whole record: a log that is left could be laid over a later copy of the file. Waits for those who write.
    ///
    /// # Errors
    /// When the database fails, or another process reads it for longer than ten seconds.
    pub fn settle(&self) -> Result<(), RecordError> {
        self.writer.settle()
    }

    /// The folder of the store.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The blobs of the store.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Asks the database for a trivial answer.
    ///
    /// # Errors
    /// When it does not give one.
    pub fn ping(&self) -> Result<(), RecordError> {
        // not by a reader: long questions of others are no fault of the database
        Ok(lock(&self.keys).query_row("SELECT 1", [], |_| Ok(()))?)
    }

    /// Events of one subject, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn events_of(&self, subject: &str) -> Result<Vec<Event>, RecordError> {
        events::of_subject(&*self.read()?, subject)
    }

    fn read(&self) -> Result<Reader<'_>, RecordError> {
        let limit = Duration::from_secs(READ_S_MAX);
        let (mut free, _) = self
            .reader_free
            .wait_timeout_while(lock(&self.readers), limit, |free| free.is_empty())
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let connection = free.pop().ok_or(RecordError::TooSlow { limit_s: READ_S_MAX })?;
        drop(free);
        let mut reader = Reader { store: self, connection: Some(connection) };
        if let Some(connection) = &mut reader.connection {
            let end = Instant::now() + limit;
            connection.progress_handler(INSTRUCTIONS_A_LOOK, Some(move || Instant::now() >= end))?;
        }
        Ok(reader)
    }

    /// Runs `change` as a whole: all of it is kept, or nothing. Returns when it is kept on disk.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        self.writer.write(change)
    }
}

fn open_reader(path: &Path) -> Result<Connection, RecordError> {
    configured_reader(Connection::open_with_flags(path, READ_ONLY)?)
}

fn configured_reader(connection: Connection) -> Result<Connection, RecordError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "mmap_size", MAPPED_BYTES_MAX)?;
    functions::add(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), RecordError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // An acknowledged write must survive a power loss: sync the log at every commit.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Makes a folder for a store where there is none, which nobody but its owner may look into, with those above it.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), RecordError> {
    let fails = || RecordError::io(folder, "made");
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above).map_err(fails())?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(_) if folder.is_dir() => Ok(()),
        made => made.map_err(fails()),
    }
}

fn migrate(connection: &mut Connection) -> Result<(), RecordError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = schema(&transaction)?;
    must_be_known(found)?;
    for migration in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()?;
    Ok(())
}

fn schema(connection: &Connection) -> Result<u32, RecordError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn must_be_known(found: u32) -> Result<(), RecordError> {
    if found > SCHEMA { Err(RecordError::NewerSchema { found, known: SCHEMA }) } else { Ok(()) }
}

/// Opens the database of a store for verification.
pub(crate) fn open_for_verification(folder: &Path) -> Result<(u32, Connection, Blobs), RecordError> {
    let (found, connection) = open_as_it_is(folder)?;
    must_be_known(found)?;
    if found < VERIFIABLE_SCHEMA_MIN {
        return Err(RecordError::OlderSchema { found, least: VERIFIABLE_SCHEMA_MIN, to: "be verified" });
    }
    Ok((found, connection, Blobs::at(&folder.join(BLOB_FOLDER))))
}

/// Opens the database of a store for reading only, with its schema. SQLite makes its `-wal` and `-shm` beside it where they
/// are not there, and leaves them; where it cannot, as in a folder that is write-protected, the database is read as it is,
/// if no log waits to be read with it.
fn open_as_it_is(folder: &Path) -> Result<(u32, Connection), RecordError> {
    let path = folder.join(DATABASE_FILE);
    if !path.is_file() {
        return Err(RecordError::NotFound { what: "store", id: folder.display().to_string() });
    }
    let with_schema = |connection: Connection| Ok((schema(&connection)?, connection));
    match open_reader(&path).and_then(with_schema) {
        Err(error) if cannot_be_opened(&error) && !has_log(folder) => {
            open_unchanging(&path).and_then(with_schema)
        }
        opened => opened,
    }
}

fn cannot_be_opened(error: &RecordError) -> bool {
    let RecordError::Database(error) = error else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether writes wait in the log that are not in the database file.
fn has_log(folder: &Path) -> bool {
    let log = folder.join(format!("{DATABASE_FILE}-wal"));
    log.metadata().is_ok_and(|log| log.len() > 0)
}

/// Opens a database to which nobody writes.
fn open_unchanging(path: &Path) -> Result<Connection, RecordError> {
    let path = path.canonicalize().map_err(RecordError::io(path, "opened"))?;
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    configured_reader(Connection::open_with_flags(uri, READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?)
}

/// A write in progress: who, when, and the transaction.
struct Writing<'a> {
    transaction: &'a Transaction<'a>,
    actor: &'a Actor,
    time: Timestamp,
}

impl<'a> Writing<'a> {
    fn begin(transaction: &'a Transaction<'a>, actor: &'a Actor) -> Writing<'a> {
        Writing { transaction, actor, time: now() }
    }

    fn event(&self, subject: &str, kind: &str, change: &Value) -> Result<u64, RecordError> {
        events::append(self.transaction, self.actor, self.time, subject, kind, change)
    }
}

/// The time to the millisecond, which is what features show.
fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond())
        .expect("a time of today can be told in milliseconds")
}

/// The documents of the rows of a statement that selects id and document.
fn read_documents<T: serde::de::DeserializeOwned>(
    what: &'static str,
    statement: &mut rusqlite::Statement<'_>,
    parameters: impl rusqlite::Params,
) -> Result<Vec<T>, RecordError> {
    let rows = statement
        .query_map(parameters, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    rows.iter().map(|(id, text)| read_document(what, id, text)).collect()
}

fn read_document<T: serde::de::DeserializeOwned>(
    what: &'static str,
    id: &str,
    text: &str,
) -> Result<T, RecordError> {
    serde_json::from_str(text).map_err(|source| RecordError::Stored { what, id: id.to_owned(), source })
}
