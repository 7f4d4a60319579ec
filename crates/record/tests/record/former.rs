//! Databases of former versions.

use std::path::Path;

use record::{
    CandidateId, IfMatch, RecordError, Role, Store, Verdict,
    verify::{VerifyError, verify},
};

use crate::support::{actor, copy_of, store_with_candidates, verdict};

#[test]
fn a_store_of_a_former_version_is_counted_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 3);
    let ann = actor("ann", Role::Analyst);
    store.add_review(&ann, &candidates[0], IfMatch::Any, verdict(Verdict::Confirm), None).unwrap();
    let pending = |store: &Store| {
        let site = &store.site_summaries(Some("bob")).unwrap()[0];
        (site.pending, store.comparisons(Some("bob"), &site.id).unwrap()[0].1)
    };
    assert_eq!(pending(&store), (3, 3));
    drop(store);
    let former = former_store(folder.path(), 5);
    let store = Store::open(former.path()).unwrap();
    assert_eq!(pending(&store), (3, 3));
    store.add_review(&ann, &candidates[1], IfMatch::Any, verdict(Verdict::Reject), None).unwrap();
    store
        .add_review(
            &actor("bob", Role::Analyst),
            &candidates[0],
            IfMatch::Any,
            verdict(Verdict::Reject),
            None,
        )
        .unwrap();
    assert_eq!(pending(&store), (2, 2));
}

/// A database of a former schema with the rows of a store, as far as that schema had them.
fn former_store(whole: &Path, schema: usize) -> tempfile::TempDir {
    let folder = copy_of(whole);
    let path = folder.path().join(record::DATABASE_FILE);
    std::fs::remove_file(&path).unwrap();
    let database = rusqlite::Connection::open(path).unwrap();
    let mut migrations: Vec<_> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().collect();
    migrations.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    for migration in migrations.drain(..schema) {
        database.execute_batch(&std::fs::read_to_string(migration.unwrap().path()).unwrap()).unwrap();
    }
    database.execute("ATTACH ?1 AS whole", [whole.join(record::DATABASE_FILE).to_str()]).unwrap();
    for table in tables(&database) {
        let columns = lines(&database, &format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
        // what triggers counted is replaced too
        let copy = format!(
            "DELETE FROM {table}; INSERT INTO {table} ({columns}) SELECT {columns} FROM whole.{table}"
        );
        database.execute_batch(&copy).unwrap();
    }
    database.pragma_update(None, "user_version", schema).unwrap();
    folder
}

/// The tables of a database in the order in which they were made, without those that SQLite keeps for others.
fn tables(database: &rusqlite::Connection) -> Vec<String> {
    lines(
        database,
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'item_box_%'",
    )
}

/// The first column of what a database answers.
fn lines(database: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// All rows of a store by table.
fn rows(folder: &Path) -> Vec<(String, Vec<String>)> {
    let database = rusqlite::Connection::open(folder.join(record::DATABASE_FILE)).unwrap();
    let rows = |table: &String| {
        let columns =
            lines(&database, &format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"));
        lines(
            &database,
            &format!("SELECT json_array({}) AS row FROM {table} ORDER BY row", columns.join(", ")),
        )
    };
    tables(&database).into_iter().map(|table| (table.clone(), rows(&table))).collect()
}

#[test]
fn a_store_of_any_former_schema_is_whole_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (store, candidates) = store_with_candidates(folder.path(), 3);
    let review = |name: &str, candidate: &CandidateId, said| {
        store
            .add_review(&actor(name, Role::Analyst), candidate, IfMatch::Any, verdict(said), Some("key"))
            .unwrap()
    };
    review("ann", &candidates[0], Verdict::Confirm);
    review("bob", &candidates[1], Verdict::Reject);
    review("cat", &candidates[1], Verdict::Confirm);
    drop(store);
    let wanted = rows(folder.path());
    let newest = rusqlite::Connection::open(folder.path().join(record::DATABASE_FILE))
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get::<_, usize>(0))
        .unwrap();
    for schema in 1..newest {
        let former = former_store(folder.path(), schema);
        match verify(former.path(), None) {
            Err(VerifyError::Record(RecordError::OlderSchema { found, least: 3, .. })) => {
                assert_eq!(found as usize, schema);
            }
            verified => assert!(schema >= 3 && verified.is_ok(), "of schema {schema}"),
        }
        assert!(Store::is_of_older_schema(former.path()).unwrap());
        let refused = Store::open_read_only(former.path());
        assert!(matches!(refused, Err(RecordError::OlderSchema { .. })), "{refused:?}");
        drop(Store::open(former.path()).unwrap());
        assert!(!Store::is_of_older_schema(former.path()).unwrap());
        assert_eq!(rows(former.path()), wanted, "of schema {schema}");
        assert!(verify(former.path(), None).is_ok(), "of schema {schema}");
    }
}
