//! The tables, and how they get from one version to the next.

use std::time::Duration;

use rusqlite::Connection;

/// How long to wait for another program that has the file open, a backup for example.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One entry for each version, counted by `user_version`. Never change one that was released: add.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE app (
        name TEXT PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE job (
        id INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        unfinished INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX job_app ON job (app, id);
    CREATE INDEX job_unfinished ON job (id) WHERE unfinished = 1;
",
    "
    CREATE TABLE setting (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE repository (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        active INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX repository_name ON repository (name) WHERE active = 1;
    CREATE TABLE repository_event (
        id TEXT PRIMARY KEY,
        repository TEXT NOT NULL,
        open INTEGER NOT NULL,
        lease INTEGER NOT NULL,
        at INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX repository_event_open ON repository_event (repository) WHERE open = 1;
    CREATE INDEX repository_event_at ON repository_event (repository, at);
",
];

/// Why the tables are not what we need.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    /// What SQLite says.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a program that knows more than we do.
    #[error(
        "a newer storekeeper wrote it (its tables have version {found}, this one knows {known}); use that one"
    )]
    Newer {
        /// Version of the tables.
        found: usize,
        /// The last one we know.
        known: usize,
    },
}

/// Sets a connection up for writing and brings the tables up to date.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), SchemaError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // FULL, because a setting that was answered must survive a power cut; commits are grouped.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -256;
         PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 1048576;",
    )?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    let known = MIGRATIONS.len();
    if found > known {
        return Err(SchemaError::Newer { found, known });
    }
    if found == known {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(0))?;
    transaction.commit()?;
    Ok(())
}

/// A job's number as SQLite stores it.
pub(super) fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
