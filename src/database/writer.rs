//! The writing thread: takes everything that is queued into one transaction, so that a hundred
//! changes at once cost one sync of the disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::shared::{self, ApplyError, Statement, StoreError};
use super::{AppRecord, Cache, DatabaseError, JobRow, schema};
use crate::app::AppName;

/// More operations than this wait for the next transaction.
const MAX_BATCH: usize = 1000;

/// Something to write.
pub(super) enum Operation {
    /// Change an app's record.
    UpdateApp {
        app: AppName,
        change: Box<dyn FnOnce(&mut AppRecord) + Send>,
        done: oneshot::Sender<Result<AppRecord, DatabaseError>>,
    },
    /// Forget an app.
    ForgetApp {
        app: AppName,
        done: oneshot::Sender<Result<(), DatabaseError>>,
    },
    /// Write a job's record.
    SaveJob {
        row: JobRow,
        done: Option<oneshot::Sender<Result<(), DatabaseError>>>,
    },
    /// Forget old jobs.
    ForgetJobs { up_to: u64 },
    /// Write a setting of the service, or forget it.
    SaveSetting {
        key: &'static str,
        value: Option<String>,
        done: oneshot::Sender<Result<(), DatabaseError>>,
    },
    /// Change the shared tables: all statements or none.
    Apply {
        statements: Vec<Statement>,
        done: oneshot::Sender<Result<(), ApplyError>>,
    },
    /// Whatever the closure does, in a savepoint of its own: its failure is not the batch's.
    Run { work: Work },
    /// Nothing: its answer says that everything before it is on disk.
    Flush { done: oneshot::Sender<()> },
}

/// Something to write that only its caller knows; called without a connection when there is none.
pub(super) type Work =
    Box<dyn FnOnce(Option<&Connection>) -> (Answer, rusqlite::Result<()>) + Send>;

/// Tells the one who asked, after the commit.
pub(super) type Answer = Box<dyn FnOnce(Result<(), DatabaseError>)>;

/// What the transaction under way changed: the record, or none for a forgotten app.
type Changes = BTreeMap<AppName, Option<AppRecord>>;

/// Starts the thread. It ends when the last sender is gone.
pub(super) fn spawn(
    connection: Connection,
    path: PathBuf,
    cache: Arc<Cache>,
) -> std::io::Result<mpsc::Sender<Operation>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name("database".to_owned())
        .spawn(move || {
            let mut writer = Writer {
                connection,
                path,
                cache,
            };
            while let Ok(first) = receiver.recv() {
                let mut batch = vec![first];
                batch.extend(receiver.try_iter().take(MAX_BATCH));
                writer.commit(batch);
            }
        })?;
    Ok(sender)
}

struct Writer {
    connection: Connection,
    path: PathBuf,
    cache: Arc<Cache>,
}

impl Writer {
    fn commit(&mut self, batch: Vec<Operation>) {
        let mut answers = Vec::with_capacity(batch.len());
        let mut changes = Changes::new();
        let result = self.write(batch, &mut changes, &mut answers);
        if let Err(error) = &result {
            tracing::error!("{error}");
        } else if !changes.is_empty() {
            let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
            let mut apps = self
                .cache
                .apps
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            for (app, record) in changes {
                match record {
                    Some(record) => apps.insert(app, record),
                    None => apps.remove(&app),
                };
            }
            self.cache.generation.fetch_add(count, Ordering::AcqRel);
        }
        for answer in answers {
            answer(result.clone());
        }
    }

    /// All or nothing: a failure is one of the disk, so it hits the whole batch.
    fn write(
        &mut self,
        batch: Vec<Operation>,
        changes: &mut Changes,
        answers: &mut Vec<Answer>,
    ) -> Result<(), DatabaseError> {
        let path = &self.path;
        let transaction = self.connection.transaction();
        let mut result = match &transaction {
            Ok(_) => Ok(()),
            Err(error) => Err(DatabaseError::new(path, error)),
        };
        for operation in batch {
            // After a failure the operations are only taken for their answers.
            let connection = transaction.as_deref().ok().filter(|_| result.is_ok());
            let (answer, written) = apply(operation, connection, &self.cache, changes);
            answers.push(answer);
            if let Err(error) = written {
                result = Err(DatabaseError::new(path, &error));
            }
        }
        result?;
        match transaction {
            Ok(transaction) => transaction
                .commit()
                .map_err(|error| DatabaseError::new(path, &error)),
            Err(error) => Err(DatabaseError::new(path, &error)),
        }
    }
}

fn apply(
    operation: Operation,
    connection: Option<&Connection>,
    cache: &Arc<Cache>,
    changes: &mut Changes,
) -> (Answer, rusqlite::Result<()>) {
    // Whoever dropped the receiving end does not want to know.
    match operation {
        Operation::UpdateApp { app, change, done } => {
            let mut record = if let Some(earlier) = changes.get(&app) {
                earlier.clone().unwrap_or_default()
            } else {
                let apps = cache.apps.read().unwrap_or_else(PoisonError::into_inner);
                apps.get(&app).cloned().unwrap_or_default()
            };
            change(&mut record);
            let written = connection.map_or(Ok(()), |connection| {
                let json = serde_json::to_string(&record)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                connection
                    .prepare_cached("INSERT OR REPLACE INTO app (name, record) VALUES (?1, ?2)")?
                    .execute(params![app.as_str(), json])
                    .map(drop)
            });
            changes.insert(app, Some(record.clone()));
            let answer: Answer = Box::new(move |result| {
                let _ = done.send(result.map(|()| record));
            });
            (answer, written)
        }
        Operation::ForgetApp { app, done } => {
            let written = connection.map_or(Ok(()), |connection| {
                connection
                    .prepare_cached("DELETE FROM app WHERE name = ?1")?
                    .execute([app.as_str()])
                    .map(drop)
            });
            changes.insert(app, None);
            let answer: Answer = Box::new(move |result| {
                let _ = done.send(result);
            });
            (answer, written)
        }
        Operation::SaveJob { row, done } => {
            let written = connection.map_or(Ok(()), |connection| save_job(connection, &row));
            let answer: Answer = Box::new(move |result| {
                if let Some(done) = done {
                    let _ = done.send(result);
                }
            });
            (answer, written)
        }
        Operation::ForgetJobs { up_to } => {
            let written = connection.map_or(Ok(()), |connection| {
                connection
                    .prepare_cached("DELETE FROM job WHERE id <= ?1 AND unfinished = 0")?
                    .execute([schema::number(up_to)])
                    .map(drop)
            });
            (Box::new(|_| ()), written)
        }
        Operation::SaveSetting { key, value, done } => {
            let written = connection.map_or(Ok(()), |connection| match value {
                Some(value) => connection
                    .prepare_cached("INSERT OR REPLACE INTO setting (key, value) VALUES (?1, ?2)")?
                    .execute(params![key, value])
                    .map(drop),
                None => connection
                    .prepare_cached("DELETE FROM setting WHERE key = ?1")?
                    .execute([key])
                    .map(drop),
            });
            let answer: Answer = Box::new(move |result| {
                let _ = done.send(result);
            });
            (answer, written)
        }
        Operation::Apply { statements, done } => {
            change_shared(&statements, done, connection, cache)
        }
        Operation::Run { work } => work(connection),
        Operation::Flush { done } => {
            let answer: Answer = Box::new(move |_| {
                let _ = done.send(());
            });
            (answer, Ok(()))
        }
    }
}

/// A change that is refused or fails is taken back by itself: what others write in the same batch is
/// none of its business.
fn change_shared(
    statements: &[Statement],
    done: oneshot::Sender<Result<(), ApplyError>>,
    connection: Option<&Connection>,
    cache: &Arc<Cache>,
) -> (Answer, rusqlite::Result<()>) {
    let written = connection.map_or(Ok(Ok(())), |connection| {
        shared::write(connection, statements)
    });
    let (failed, written) = match written {
        Ok(done) => (done.err(), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let cache = Arc::clone(cache);
    let answer: Answer = Box::new(move |result| {
        let result = match (result, failed) {
            (Err(error), _) => Err(StoreError(error.to_string()).into()),
            (Ok(()), Some(failed)) => Err(failed),
            (Ok(()), None) => {
                cache.shared_generation.fetch_add(1, Ordering::AcqRel);
                Ok(())
            }
        };
        // Whoever dropped the receiving end does not want to know.
        let _ = done.send(result);
    });
    (answer, written)
}

fn save_job(connection: &Connection, row: &JobRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO job (id, app, unfinished, record) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            schema::number(row.id),
            row.app.as_str(),
            row.unfinished,
            row.record
        ])
        .map(drop)
}

/// Does something in a savepoint. The outer error is the disk's: then nothing of the batch is kept.
pub(super) fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<rusqlite::Result<T>> {
    connection.execute_batch("SAVEPOINT part")?;
    let done = work(connection);
    let end = match &done {
        Ok(_) => "RELEASE part",
        Err(_) => "ROLLBACK TO part; RELEASE part",
    };
    connection.execute_batch(end)?;
    Ok(done)
}
