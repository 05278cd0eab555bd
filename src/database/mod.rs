//! The one SQLite file. A thread of its own does the writing and commits what is queued together;
//! what the service asks often is kept in memory beside it.

mod change;
mod repository;
mod schema;
pub mod shared;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, mpsc};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::app::{AppName, Origin};
pub use change::{Change, ChangeKind, ChangeStep, Manner, Take};
pub use repository::{EventRow, RepositoryAnswer, RepositoryRow, RepositoryStore};
use shared::{ApplyError, Statement, StoreError};
use writer::Operation;

/// What is remembered of one app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppRecord {
    /// The version that was installed; none when it is not installed.
    pub installed: Option<String>,
    /// When, in milliseconds since 1970.
    pub installed_at: Option<u64>,
    /// It should be running: it comes back when the service starts.
    pub wanted: bool,
    /// The settings that were set; they lie over the defaults of `store.json`.
    pub config: Map<String, Value>,
    /// Where its program came from; none when somebody put it there by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The version before, which is kept beside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// Upgrades leave it alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Versions that are not offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// The settings it had when it was last ready: those to go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worked: Option<Worked>,
    /// The change of its files that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// Settings with which an app became ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Worked {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The version that was ready with them.
    pub version: String,
    /// What was set then, over the defaults.
    pub config: Map<String, Value>,
}

/// The version of an app before its last upgrade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Previous {
    /// The version.
    pub version: String,
    /// Where its program came from.
    pub origin: Option<Origin>,
    /// Whether its data, as they were then, are kept with it.
    pub with_data: bool,
}

/// A job as it is stored: `record` is the JSON text, the rest is what is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Its number.
    pub id: u64,
    /// Its app.
    pub app: AppName,
    /// It has not ended yet.
    pub unfinished: bool,
    /// The record, as JSON.
    pub record: String,
}

/// The database. Cheap to clone; the file is closed when the last clone is gone.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    cache: Arc<Cache>,
    writer: mpsc::Sender<Operation>,
}

/// The apps' records as they are on disk. Only the writer changes them, after its commit.
#[derive(Default)]
struct Cache {
    apps: RwLock<BTreeMap<AppName, AppRecord>>,
    generation: AtomicU64,
    shared_generation: AtomicI64,
}

/// Why the database could not do it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database `{path}` cannot be used: {reason}")]
pub struct DatabaseError {
    /// Its file.
    pub path: String,
    /// What SQLite says.
    pub reason: String,
}

impl DatabaseError {
    fn new(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let reason = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                "the disk is full; free some space and try again".to_owned()
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => format!(
                "it is damaged ({error}); put a copy of it back, or move it away to begin anew"
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another program holds it; end that program".to_owned()
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
                format!("{error}; make the file and its folder writable")
            }
            _ => error.to_string(),
        };
        Self {
            path: path.display().to_string(),
            reason,
        }
    }
}

impl Database {
    /// Opens the file, brings its tables up to date and reads the apps' records.
    ///
    /// # Errors
    /// What SQLite says. A damaged file is left as it is.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let fail = |error: rusqlite::Error| DatabaseError::new(path, &error);
        create_private(path).map_err(|error| DatabaseError {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let mut connection = Connection::open(path).map_err(fail)?;
        schema::prepare(&mut connection).map_err(|error| match error {
            schema::SchemaError::Sqlite(error) => fail(error),
            schema::SchemaError::Newer { .. } => DatabaseError {
                path: path.display().to_string(),
                reason: error.to_string(),
            },
        })?;
        shared::prepare_sqlite(&mut connection).map_err(fail)?;
        let cache = Arc::new(Cache::default());
        *cache.apps.write().unwrap_or_else(PoisonError::into_inner) =
            read_apps(&connection).map_err(fail)?;
        let writer =
            writer::spawn(connection, path.to_owned(), Arc::clone(&cache)).map_err(|error| {
                DatabaseError {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                }
            })?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                cache,
                writer,
            }),
        })
    }

    /// What is remembered of one app; the default for an unknown one.
    pub fn app(&self, app: &AppName) -> AppRecord {
        self.with_apps(|apps| apps.get(app).cloned().unwrap_or_default())
    }

    /// Every app something is remembered of.
    pub fn apps(&self) -> Vec<(AppName, AppRecord)> {
        self.with_apps(|apps| {
            apps.iter()
                .map(|(app, record)| (app.clone(), record.clone()))
                .collect()
        })
    }

    /// Looks at the apps' records without copying them. `look` must be quick: the writer waits.
    pub fn with_apps<T>(&self, look: impl FnOnce(&BTreeMap<AppName, AppRecord>) -> T) -> T {
        let apps = &self.inner.cache.apps;
        look(&apps.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts the changes of the apps' records, so that a reader can tell whether it is up to date.
    pub fn generation(&self) -> u64 {
        self.inner.cache.generation.load(Ordering::Acquire)
    }

    /// Changes one app's record; done when it is on disk.
    ///
    /// # Errors
    /// What SQLite says; nothing is changed then.
    pub async fn update_app(
        &self,
        app: &AppName,
        change: impl FnOnce(&mut AppRecord) + Send + 'static,
    ) -> Result<AppRecord, DatabaseError> {
        let (done, answer) = oneshot::channel();
        self.queue(Operation::UpdateApp {
            app: app.clone(),
            change: Box::new(change),
            done,
        });
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Forgets an app.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn forget_app(&self, app: &AppName) -> Result<(), DatabaseError> {
        let (done, answer) = oneshot::channel();
        self.queue(Operation::ForgetApp {
            app: app.clone(),
            done,
        });
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Writes a job's record with the next commit, without waiting for it.
    pub fn queue_job(&self, row: JobRow) {
        self.queue(Operation::SaveJob { row, done: None });
    }

    /// Writes a job's record; done when it is on disk.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn save_job(&self, row: JobRow) -> Result<(), DatabaseError> {
        let (done, answer) = oneshot::channel();
        self.queue(Operation::SaveJob {
            row,
            done: Some(done),
        });
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Forgets every job up to this number, with the next commit.
    pub fn forget_jobs(&self, up_to: u64) {
        self.queue(Operation::ForgetJobs { up_to });
    }

    /// The record of one job, as JSON.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn job(&self, id: u64) -> Result<Option<String>, DatabaseError> {
        self.read(move |connection| {
            connection
                .query_row(
                    "SELECT record FROM job WHERE id = ?1",
                    [schema::number(id)],
                    |row| row.get(0),
                )
                .optional()
        })
        .await
    }

    /// The records of the newest jobs, newest first; of one app when given.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn jobs(
        &self,
        app: Option<&AppName>,
        limit: usize,
    ) -> Result<Vec<String>, DatabaseError> {
        let app = app.cloned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| match app {
            Some(app) => connection
                .prepare("SELECT record FROM job WHERE app = ?1 ORDER BY id DESC LIMIT ?2")?
                .query_map(rusqlite::params![app.as_str(), limit], |row| row.get(0))?
                .collect(),
            None => connection
                .prepare("SELECT record FROM job ORDER BY id DESC LIMIT ?1")?
                .query_map([limit], |row| row.get(0))?
                .collect(),
        })
        .await
    }

    /// The number of the newest job, and the records of those that had not ended, as JSON. Blocks:
    /// for the start of the service.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn left_jobs(&self) -> Result<(u64, Vec<String>), DatabaseError> {
        self.read_now(|connection| {
            let newest: Option<i64> =
                connection.query_row("SELECT max(id) FROM job", [], |row| row.get(0))?;
            let left = connection
                .prepare("SELECT record FROM job WHERE unfinished = 1 ORDER BY id")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let newest = newest.and_then(|id| u64::try_from(id).ok());
            Ok((newest.unwrap_or_default(), left))
        })
    }

    /// A setting of the service; none when it was never set, or cannot be read any more. Blocks: for
    /// the start of the service.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn setting<T: DeserializeOwned>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, DatabaseError> {
        let text = self.read_now(|connection| read_setting(connection, key))?;
        Ok(text.and_then(|text| understood(key, &text)))
    }

    /// Likewise, from a file that another process may have open, and that need not be there. Blocks.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn setting_of<T: DeserializeOwned>(
        path: &Path,
        key: &'static str,
    ) -> Result<Option<T>, DatabaseError> {
        if !path.exists() {
            return Ok(None);
        }
        let text = read_only(path, |connection| {
            let tables: i64 = connection.query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'setting'",
                [],
                |row| row.get(0),
            )?;
            // Written by an older version.
            if tables == 0 {
                return Ok(None);
            }
            read_setting(connection, key)
        })?;
        Ok(text.and_then(|text| understood(key, &text)))
    }

    /// Writes a setting of the service, or forgets it; done when it is on disk.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn save_setting<T: Serialize>(
        &self,
        key: &'static str,
        value: Option<&T>,
    ) -> Result<(), DatabaseError> {
        let value = value.map(serde_json::to_string).transpose();
        let value = value.map_err(|error| DatabaseError {
            path: self.inner.path.display().to_string(),
            reason: format!("`{key}` cannot be written as JSON: {error}"),
        })?;
        let (done, answer) = oneshot::channel();
        self.queue(Operation::SaveSetting { key, value, done });
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Changes the shared tables; done when it is on disk.
    async fn apply(&self, statements: Vec<Statement>) -> Result<(), ApplyError> {
        let (done, answer) = oneshot::channel();
        self.queue(Operation::Apply { statements, done });
        let gone = |_| Err(ApplyError::Store(StoreError(self.gone().to_string())));
        answer.await.unwrap_or_else(gone)
    }

    /// Counts the changes of the shared tables.
    fn shared_generation(&self) -> i64 {
        self.inner.cache.shared_generation.load(Ordering::Acquire)
    }

    /// A connection for reading.
    fn reader(&self) -> rusqlite::Result<Connection> {
        open_reader(&self.inner.path)
    }

    /// What SQLite says, with the file's name.
    fn error(&self, error: &rusqlite::Error) -> DatabaseError {
        DatabaseError::new(&self.inner.path, error)
    }

    /// Changes tables; done when it is on disk. `work` is one transaction of its own: when it fails,
    /// nothing of it is kept. It runs on the writer's thread, so it must be quick.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (done, answer) = oneshot::channel();
        let path = self.inner.path.clone();
        let run = move |connection: Option<&Connection>| {
            let outcome = connection.map(|connection| writer::in_savepoint(connection, work));
            let (outcome, written) = match outcome {
                Some(Ok(outcome)) => (Some(outcome), Ok(())),
                Some(Err(error)) => (None, Err(error)),
                None => (None, Ok(())),
            };
            let answer: writer::Answer = Box::new(move |committed| {
                let result = committed.and_then(|()| match outcome {
                    Some(outcome) => outcome.map_err(|error| DatabaseError::new(&path, &error)),
                    None => Err(DatabaseError {
                        path: path.display().to_string(),
                        reason: "it was not written".to_owned(),
                    }),
                });
                let _ = done.send(result);
            });
            (answer, written)
        };
        self.queue(Operation::Run {
            work: Box::new(run),
        });
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Reads tables, on a connection of its own and on a thread for blocking work.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn look<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.read(query).await
    }

    /// Waits until everything that was queued before is on disk.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        self.queue(Operation::Flush { done });
        let _ = answer.await;
    }

    fn queue(&self, operation: Operation) {
        // Without a writer the operation is dropped with its answer, which the caller sees.
        let _ = self.inner.writer.send(operation);
    }

    /// Reads on a connection of its own, so that a reader never waits for the writer. It is closed
    /// afterwards, because reading old jobs is rare and a connection holds memory.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let database = self.clone();
        match tokio::task::spawn_blocking(move || database.read_now(query)).await {
            Ok(result) => result,
            Err(_) => Err(self.gone()),
        }
    }

    fn read_now<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        read_only(&self.inner.path, query)
    }

    fn gone(&self) -> DatabaseError {
        DatabaseError {
            path: self.inner.path.display().to_string(),
            reason: "its writer has ended; start the service again".to_owned(),
        }
    }
}

fn read_only<T>(
    path: &Path,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, DatabaseError> {
    open_reader(path)
        .and_then(|connection| query(&connection))
        .map_err(|error| DatabaseError::new(path, &error))
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    Ok(connection)
}

fn read_setting(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM setting WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()
}

fn understood<T: DeserializeOwned>(key: &str, text: &str) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!("the setting `{key}` cannot be read: {error}"))
        .ok()
}

/// Makes an empty file that only the user can read; SQLite gives its companions the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    match tempfile::NamedTempFile::new_in(dir)?.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

fn read_apps(connection: &Connection) -> rusqlite::Result<BTreeMap<AppName, AppRecord>> {
    let mut apps = BTreeMap::new();
    let mut statement = connection.prepare("SELECT name, record FROM app")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let record: String = row.get(1)?;
        // A row that cannot be read is one app's loss, not everybody's.
        if let (Ok(name), Ok(record)) = (AppName::parse(&name), serde_json::from_str(&record)) {
            apps.insert(name, record);
        } else {
            tracing::warn!(app = name, "the database has a record that cannot be read");
        }
    }
    Ok(apps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> AppName {
        AppName::parse(name).unwrap()
    }

    fn home() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("storekeeper.db");
        (dir, path)
    }

    fn row(id: u64, app: &str, unfinished: bool) -> JobRow {
        JobRow {
            id,
            app: name(app),
            unfinished,
            record: format!("{{\"id\":{id}}}"),
        }
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_opening_again() {
        let (_dir, path) = home();
        let database = Database::open(&path).unwrap();
        let record = database
            .update_app(&name("a"), |record| {
                record.wanted = true;
                record.config.insert("port".to_owned(), 3307.into());
            })
            .await
            .unwrap();
        assert!(record.wanted);
        assert_eq!(database.app(&name("a")), record);
        assert_eq!(database.app(&name("b")), AppRecord::default());
        drop(database);

        let database = Database::open(&path).unwrap();
        assert_eq!(database.apps(), [(name("a"), record)]);
        database.forget_app(&name("a")).await.unwrap();
        assert_eq!(Database::open(&path).unwrap().apps(), []);
    }

    #[tokio::test]
    async fn a_setting_is_kept_until_it_is_forgotten() {
        let (_dir, path) = home();
        assert_eq!(Database::setting_of::<u16>(&path, "port").unwrap(), None);
        let database = Database::open(&path).unwrap();
        assert_eq!(database.setting::<u16>("port").unwrap(), None);
        database.save_setting("port", Some(&3307)).await.unwrap();
        assert_eq!(database.setting("port").unwrap(), Some(3307));
        assert_eq!(database.setting::<bool>("port").unwrap(), None);
        assert_eq!(Database::setting_of(&path, "port").unwrap(), Some(3307));
        database.save_setting::<u16>("port", None).await.unwrap();
        assert_eq!(database.setting::<u16>("port").unwrap(), None);
    }

    #[tokio::test]
    async fn changes_of_many_callers_at_once_all_count() {
        let (_dir, path) = home();
        let database = Database::open(&path).unwrap();
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move {
                    database
                        .update_app(&name("a"), |record| {
                            let at = record.installed_at.unwrap_or_default() + 1;
                            record.installed_at = Some(at);
                        })
                        .await
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(database.app(&name("a")).installed_at, Some(100));
        assert!(database.generation() > 0);
    }

    #[tokio::test]
    async fn jobs_are_listed_newest_first_and_the_unfinished_are_found() {
        let (_dir, path) = home();
        let database = Database::open(&path).unwrap();
        database.queue_job(row(1, "a", false));
        database.queue_job(row(2, "b", true));
        database.save_job(row(3, "a", true)).await.unwrap();
        database.save_job(row(3, "a", false)).await.unwrap();
        assert_eq!(
            database.jobs(None, 2).await.unwrap(),
            ["{\"id\":3}", "{\"id\":2}"]
        );
        assert_eq!(
            database.jobs(Some(&name("a")), 9).await.unwrap(),
            ["{\"id\":3}", "{\"id\":1}"]
        );
        assert_eq!(
            database.left_jobs().unwrap(),
            (3, vec!["{\"id\":2}".to_owned()])
        );
        database.forget_jobs(2);
        database.flush().await;
        assert_eq!(database.job(1).await.unwrap(), None);
        assert_eq!(database.job(3).await.unwrap().unwrap(), "{\"id\":3}");
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_alone() {
        let (_dir, path) = home();
        std::fs::write(&path, "this was never a database".repeat(100)).unwrap();
        let error = Database::open(&path).err().unwrap();
        assert!(error.to_string().contains("is damaged"), "{error}");
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .starts_with("this was")
        );
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused() {
        let (_dir, path) = home();
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let error = Database::open(&path).err().unwrap();
        assert!(error.to_string().contains("newer"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_dir, path) = home();
        let _database = Database::open(&path).unwrap();
        for file in [path.clone(), path.with_extension("db-wal")] {
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }

    #[tokio::test]
    async fn a_write_that_fails_changes_nothing_in_memory() {
        let (_dir, path) = home();
        let database = Database::open(&path).unwrap();
        database
            .update_app(&name("a"), |record| record.wanted = true)
            .await
            .unwrap();
        // The table vanishes under the writer, which is what a broken disk looks like.
        Connection::open(&path)
            .unwrap()
            .execute_batch("DROP TABLE app")
            .unwrap();
        let result = database
            .update_app(&name("a"), |record| record.wanted = false)
            .await;
        assert!(result.is_err());
        assert!(database.app(&name("a")).wanted);
        database.save_job(row(1, "a", false)).await.unwrap();
    }
}
