//! Writes, many to one sync.
//!
//! An acknowledged write must survive a power loss, so every commit waits for the disk. Writers that come while others
//! write join their transaction, and the last of them commits for all:
//!
//! ```text
//! thread 1   lock  BEGIN  savepoint, change, release  ─ unlock ─┐ waits ......................┐
//! thread 2         waits for the lock                  lock  savepoint, change, release ─ unlock ┤ waits ... all told
//! thread 3         waits for the lock                                    lock  savepoint, ..., COMMIT (one sync) ┘
//! ```
//!
//! A change that fails or panics is rolled back to its savepoint and leaves the others alone. Nobody is told that a write
//! succeeded before the commit that holds it has.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode};

use super::lock;
use crate::error::RecordError;

/// The transaction that a change runs in: a savepoint in that of its batch.
pub(super) type Transaction<'a> = rusqlite::Savepoint<'a>;

/// Writes that are committed together at most, so that the first of them is not kept waiting for ever.
const BATCH_WRITES_MAX: u32 = 64;

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    open: Mutex<Open>,
    /// Threads that want the lock; each of them will get it, and commit if nobody comes after it.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Writes of the transaction that is open, if one is.
    batch: Option<Arc<Batch>>,
    writes: u32,
}

/// Writes that are kept together or lost together.
#[derive(Debug, Default)]
struct Batch {
    /// Why it was lost, or nothing if it was kept; not there before it is known.
    outcome: Mutex<Option<Result<(), Lost>>>,
    known: Condvar,
}

/// Why a batch was lost.
#[derive(Clone, Debug)]
enum Lost {
    /// No room on the disk.
    DiskFull,
    /// What the database says.
    Otherwise(String),
}

impl Lost {
    fn of(error: &rusqlite::Error) -> Lost {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Lost::DiskFull,
            _ => Lost::Otherwise(error.to_string()),
        }
    }
}

impl From<Lost> for RecordError {
    fn from(lost: Lost) -> RecordError {
        match lost {
            Lost::DiskFull => RecordError::DiskFull,
            Lost::Otherwise(cause) => RecordError::NotKept { cause },
        }
    }
}

impl Batch {
    fn settle(&self, outcome: Result<(), Lost>) {
        *lock(&self.outcome) = Some(outcome);
        self.known.notify_all();
    }

    fn wait(&self) -> Result<(), RecordError> {
        let outcome = self
            .known
            .wait_while(lock(&self.outcome), |outcome| outcome.is_none())
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let outcome = outcome.clone().expect("waited until the outcome is known");
        outcome.map_err(RecordError::from)
    }
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Writer {
        Writer { open: Mutex::new(Open { connection, batch: None, writes: 0 }), waiting: AtomicUsize::new(0) }
    }

    /// Runs a change and returns when it is kept on disk, or rolled back.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut open = lock(&self.open);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let batch = open.batch()?;
        let result = catch_unwind(AssertUnwindSafe(|| open.apply(change)));
        let gave_up = match &result {
            Ok(Err(RecordError::DiskFull)) => Lost::DiskFull,
            _ => Lost::Otherwise("the database gave up a transaction that it was part of".to_owned()),
        };
        let last = self.waiting.load(Ordering::SeqCst) == 0 || open.writes >= BATCH_WRITES_MAX;
        if last || open.is_lost() {
            open.commit(gave_up);
        }
        drop(open);
        let value = result.unwrap_or_else(|panic| resume_unwind(panic))?;
        batch.wait()?;
        Ok(value)
    }

    /// Empties the write-ahead log into the database file.
    pub(super) fn settle(&self) -> Result<(), RecordError> {
        let mut open = lock(&self.open);
        open.commit(Lost::Otherwise("the store was being closed".to_owned()));
        let is_busy: bool =
            open.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !is_busy {
            return Ok(());
        }
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        Err(RecordError::Database(rusqlite::Error::SqliteFailure(busy, None)))
    }
}

impl Open {
    /// The batch that is open, or a new one.
    fn batch(&mut self) -> Result<Arc<Batch>, RecordError> {
        if let Some(batch) = &self.batch {
            return Ok(batch.clone());
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let batch = Arc::new(Batch::default());
        (self.batch, self.writes) = (Some(batch.clone()), 0);
        Ok(batch)
    }

    /// Runs a change in a savepoint, which is rolled back when dropped on the way.
    fn apply<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        self.writes += 1;
        let savepoint = self.connection.savepoint()?;
        let value = change(&savepoint)?;
        savepoint.commit()?;
        Ok(value)
    }

    /// Whether the database gave the whole transaction up, as it does when the disk is full.
    fn is_lost(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// Commits and tells everyone in the batch; `gave_up` is why the database would have given it up.
    fn commit(&mut self, gave_up: Lost) {
        let Some(batch) = self.batch.take() else { return };
        let lost = self.is_lost();
        let committed = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if committed.is_err() && !self.is_lost() {
            // nothing of it may stay open; what was lost is lost either way
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        batch.settle(match committed {
            Ok(_) => Ok(()),
            Err(_) if lost => Err(gave_up),
            Err(error) => Err(Lost::of(&error)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(path: &std::path::Path) -> Writer {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("CREATE TABLE number (n INTEGER PRIMARY KEY)").unwrap();
        Writer::new(connection)
    }

    fn insert(n: u32) -> impl FnOnce(&Transaction<'_>) -> Result<u32, RecordError> {
        move |transaction| {
            transaction.execute("INSERT INTO number VALUES (?1)", [n])?;
            Ok(n)
        }
    }

    fn numbers(path: &std::path::Path) -> Vec<u32> {
        let reader = Connection::open(path).unwrap();
        let mut statement = reader.prepare("SELECT n FROM number ORDER BY n").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn what_is_told_as_written_is_committed_and_what_fails_or_panics_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.sqlite");
        let writer = writer(&path);
        std::thread::scope(|scope| {
            for thread in 0..8_u32 {
                let (writer, path) = (&writer, &path);
                scope.spawn(move || {
                    for turn in 0..40_u32 {
                        let n = turn * 8 + thread;
                        match n % 5 {
                            0 => {
                                let failing = writer.write(|transaction| {
                                    insert(n)(transaction)?;
                                    insert(n)(transaction)
                                });
                                assert!(matches!(failing, Err(RecordError::Database(_))));
                            }
                            1 => {
                                let panicking = catch_unwind(AssertUnwindSafe(|| {
                                    writer.write::<u32>(|transaction| {
                                        insert(n)(transaction)?;
                                        std::panic::panic_any(n)
                                    })
                                }));
                                assert!(panicking.is_err());
                            }
                            _ => {
                                writer.write(insert(n)).unwrap();
                                // another connection sees what is committed only
                                assert!(numbers(path).contains(&n));
                            }
                        }
                    }
                });
            }
        });
        let wanted: Vec<u32> = (0..320).filter(|n| n % 5 > 1).collect();
        assert_eq!(numbers(&path), wanted);
    }

    /// What two writers of one batch are told, of whom the second loses the transaction and tells why.
    fn lost_together(
        writer: &Writer,
        why: fn() -> Result<u32, RecordError>,
    ) -> [Result<u32, RecordError>; 2] {
        std::thread::scope(|scope| {
            // holds the lock until the second writer waits for it, so that both are of one batch
            let first = scope.spawn(|| {
                writer.write(|transaction| {
                    while writer.waiting.load(Ordering::SeqCst) == 0 {
                        std::thread::yield_now();
                    }
                    insert(1)(transaction)
                })
            });
            while writer.open.try_lock().is_ok() {
                std::thread::yield_now();
            }
            let second = scope.spawn(move || {
                writer.write(|transaction| {
                    insert(2)(transaction)?;
                    transaction.execute_batch("ROLLBACK")?;
                    why()
                })
            });
            [first.join().unwrap(), second.join().unwrap()]
        })
    }

    #[test]
    fn a_transaction_that_the_database_gave_up_is_told_to_all_of_its_batch_and_the_next_one_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.sqlite");
        let writer = writer(&path);
        let refused = lost_together(&writer, || Ok(2));
        assert!(matches!(refused[0], Err(RecordError::NotKept { .. })), "{refused:?}");
        assert!(refused[1].is_err(), "{refused:?}");
        let refused = lost_together(&writer, || Err(RecordError::DiskFull));
        assert!(refused.iter().all(|told| matches!(told, Err(RecordError::DiskFull))), "{refused:?}");
        assert_eq!(numbers(&path), Vec::<u32>::new());
        writer.write(insert(3)).unwrap();
        assert_eq!(numbers(&path), [3]);
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.sqlite");
        let writer = writer(&path);
        lock(&writer.open).connection.pragma_update(None, "max_page_count", 4).unwrap();
        let many = |transaction: &Transaction<'_>| {
            let sql =
                "INSERT INTO number WITH RECURSIVE more (n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM more)
                       SELECT n FROM more LIMIT 100000";
            Ok(transaction.execute_batch(sql)?)
        };
        assert!(matches!(writer.write(many), Err(RecordError::DiskFull)));
        writer.write(insert(3)).unwrap();
        assert_eq!(numbers(&path), [3]);
    }
}
