//! The shared tables in the home's own file: one server alone.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio::sync::Notify;

use super::{
    ApplyError, Held, LockError, MetaStore, Row, Statement, StoreError, Value, like, words,
};
use crate::database::Database;

/// Connections that stay open for the next questions. Each costs memory.
const IDLE_READERS: usize = 2;

/// Statements that a connection remembers.
const REMEMBERED_STATEMENTS: usize = 64;

const ALL: &str = "a String takes everything";

/// Shorter words are not in the index.
const TRIGRAM: usize = 3;

/// The SQLite file as a shared store.
#[derive(Clone)]
pub struct SharedSqlite {
    database: Database,
    readers: Arc<Mutex<Vec<Connection>>>,
    locks: Arc<Locks>,
}

#[derive(Default)]
struct Locks {
    held: Mutex<HashSet<String>>,
    given_back: Notify,
}

/// A lock among the requests of one process: nobody else may open the home.
struct Local {
    name: String,
    locks: Arc<Locks>,
}

impl Drop for Local {
    fn drop(&mut self) {
        let mut held = self
            .locks
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.name);
        drop(held);
        self.locks.given_back.notify_waiters();
    }
}

impl SharedSqlite {
    /// The shared store in a home's database.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            readers: Arc::default(),
            locks: Arc::default(),
        }
    }

    fn take(&self, name: &str) -> Option<Held> {
        let mut held = self
            .locks
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.insert(name.to_owned()).then(|| {
            Held(Box::new(Local {
                name: name.to_owned(),
                locks: Arc::clone(&self.locks),
            }))
        })
    }

    /// Reads on a connection that is kept. Blocks.
    fn read(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, StoreError> {
        let fail = |error: &rusqlite::Error| StoreError(self.database.error(error).to_string());
        let idle = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let connection = if let Some(connection) = taken {
            connection
        } else {
            let connection = self.database.reader().map_err(|error| fail(&error))?;
            connection.set_prepared_statement_cache_capacity(REMEMBERED_STATEMENTS);
            connection
        };
        let answers = statements
            .iter()
            .map(|statement| ask(&connection, statement))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| fail(&error))?;
        let mut idle = idle();
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(answers)
    }
}

impl MetaStore for SharedSqlite {
    fn query_all(
        &self,
        statements: Vec<Statement>,
    ) -> BoxFuture<'_, Result<Vec<Vec<Row>>, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || store.read(&statements));
            match read.await {
                Ok(answers) => answers,
                Err(error) => Err(StoreError(format!("the database was not read: {error}"))),
            }
        })
    }

    fn apply(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), ApplyError>> {
        Box::pin(self.database.apply(statements))
    }

    fn generation(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        let generation = self.database.shared_generation();
        Box::pin(async move { Ok(generation) })
    }

    fn try_lock(&self, name: &str) -> BoxFuture<'_, Result<Option<Held>, StoreError>> {
        let held = self.take(name);
        Box::pin(async move { Ok(held) })
    }

    fn lock(&self, name: &str) -> BoxFuture<'_, Result<Held, LockError>> {
        let name = name.to_owned();
        Box::pin(async move {
            loop {
                let mut given_back = std::pin::pin!(self.locks.given_back.notified());
                // From here on nothing that is given back is missed.
                given_back.as_mut().enable();
                if let Some(held) = self.take(&name) {
                    return Ok(held);
                }
                given_back.await;
            }
        })
    }

    fn containing(&self, column: &'static str, text: &str, first: usize) -> (String, Vec<Value>) {
        let (mut condition, mut values) = (String::from("1 = 1"), Vec::new());
        for word in words(text) {
            let place = first + values.len();
            if word.chars().count() < TRIGRAM {
                write!(
                    condition,
                    " AND release_app.{column} LIKE ${place} ESCAPE '\\'"
                )
                .expect(ALL);
                values.push(like(&word).into());
            } else {
                write!(
                    condition,
                    " AND release_app.number IN (SELECT rowid FROM release_search WHERE release_search MATCH ${place})"
                )
                .expect(ALL);
                values.push(format!("{column} : \"{}\"", word.replace('"', "\"\"")).into());
            }
        }
        (condition, values)
    }

    fn describe(&self) -> String {
        "SQLite".to_owned()
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// The statement as SQLite numbers its parameters.
fn text(statement: &Statement) -> String {
    statement.sql.replace('$', "?")
}

fn ask(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
    let mut prepared = connection.prepare_cached(&text(statement))?;
    let columns = prepared.column_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(&statement.values))?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null | ValueRef::Real(_) => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
            })
        });
        answer.push(Row(values.collect::<rusqlite::Result<_>>()?));
    }
    Ok(answer)
}

/// Runs the statements of one change within the writer's transaction: all of them, or none.
///
/// # Errors
/// What SQLite says, when the transaction is lost; the inner error is this change's alone, after which
/// the transaction goes on.
pub(in crate::database) fn write(
    connection: &Connection,
    statements: &[Statement],
) -> rusqlite::Result<Result<(), ApplyError>> {
    connection.execute_batch("SAVEPOINT change")?;
    for statement in statements {
        let changed = connection
            .prepare_cached(&text(statement))?
            .execute(rusqlite::params_from_iter(&statement.values));
        let refused = match (changed, statement.unique, statement.must_change) {
            (Ok(0), _, Some(name)) => ApplyError::Refused(name),
            (Ok(_), _, _) => continue,
            (Err(error), Some(name), _) if is_duplicate(&error) => ApplyError::Refused(name),
            (Err(error), _, _) => StoreError(error.to_string()).into(),
        };
        connection.execute_batch("ROLLBACK TO change; RELEASE change")?;
        return Ok(Err(refused));
    }
    connection.execute_batch("RELEASE change")?;
    Ok(Ok(()))
}

fn is_duplicate(error: &rusqlite::Error) -> bool {
    let code = match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code,
        _ => return false,
    };
    code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
        || code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
