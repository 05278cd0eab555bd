//! The shared tables in a PostgreSQL that several servers use side by side. Any of them may be killed:
//! what it had begun is undone by the database, what it had locked is free.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls};

use super::schema;
use super::tls::Tls;
use super::{
    ApplyError, Held, LockError, MetaStore, Row, Statement, StoreError, Value, like, words,
};

/// Connections that answer questions; each takes many at once.
const READERS: usize = 2;

/// Connections that change something, one change at a time each.
const WRITERS: usize = 2;

/// Statements that a connection remembers. A list of values has another text for each number of them.
const REMEMBERED_STATEMENTS: usize = 256;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that is overloaded fails a request rather than holding it for ever.
const SESSION: &str = "SET statement_timeout = '30s'; SET lock_timeout = '20s';
     SET idle_in_transaction_session_timeout = '60s'; SET application_name = 'storekeeper'";

/// A PostgreSQL as a shared store.
#[derive(Clone)]
pub struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    tls: Tls,
    /// The runtime that the connections live in: a request's own may end before them.
    runtime: Handle,
    readers: Vec<Mutex<Option<Arc<Connected>>>>,
    writers: Vec<Mutex<Option<Connected>>>,
    next: AtomicUsize,
}

/// A connection with the statements that it knows.
struct Connected {
    client: Client,
    prepared: Mutex<HashMap<String, tokio_postgres::Statement>>,
}

impl Postgres {
    /// Connects, and brings the tables up to date.
    ///
    /// # Errors
    /// A sentence: the address makes no sense, nobody answers there, or the tables cannot be made.
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        let config: Config = address.parse().map_err(|error| {
            StoreError(format!(
                "the database's address cannot be read: {}; write `postgres://USER:PASSWORD@HOST:PORT/DATABASE`",
                whole(&error)
            ))
        })?;
        let mut config = config;
        config.connect_timeout(CONNECT_TIMEOUT);
        let tls = Tls::new().map_err(StoreError)?;
        let store = Self {
            inner: Arc::new(Inner {
                config,
                tls,
                runtime: Handle::current(),
                readers: (0..READERS).map(|_| Mutex::default()).collect(),
                writers: (0..WRITERS).map(|_| Mutex::default()).collect(),
                next: AtomicUsize::new(0),
            }),
        };
        let mut first = store.connect().await?;
        schema::prepare_postgres(&mut first.client)
            .await
            .map_err(|error| {
                StoreError(format!(
                    "the tables in the database {} cannot be made: {}; give its user the right to make them",
                    store.describe(),
                    whole(&error)
                ))
            })?;
        if let Some(writer) = store.inner.writers.first() {
            *writer.lock().await = Some(first);
        }
        Ok(store)
    }

    async fn connect(&self) -> Result<Connected, StoreError> {
        let inner = Arc::clone(&self.inner);
        // In the service's own runtime, which the connection then lives in.
        let connecting = self.inner.runtime.spawn(async move {
            let client = if inner.config.get_ssl_mode() == SslMode::Disable {
                let (client, connection) = inner.config.connect(NoTls).await?;
                tokio::spawn(async move { ended(connection.await) });
                client
            } else {
                let (client, connection) = inner.config.connect(inner.tls.clone()).await?;
                tokio::spawn(async move { ended(connection.await) });
                client
            };
            client.batch_execute(SESSION).await?;
            Ok(client)
        });
        let connected: Result<Client, tokio_postgres::Error> = connecting
            .await
            .map_err(|error| StoreError(format!("the database was not reached: {error}")))?;
        Ok(Connected {
            client: connected.map_err(|error| self.failed(&error))?,
            prepared: Mutex::default(),
        })
    }

    fn failed(&self, error: &tokio_postgres::Error) -> StoreError {
        StoreError(format!(
            "the database {} cannot be used: {}; see that it runs and lets this server in",
            self.describe(),
            whole(error)
        ))
    }

    fn turn(&self, of: usize) -> usize {
        self.inner.next.fetch_add(1, Ordering::Relaxed) % of.max(1)
    }

    /// A connection for questions.
    async fn reader(&self) -> Result<Arc<Connected>, StoreError> {
        let turn = self.turn(READERS);
        let Some(slot) = self.inner.readers.get(turn) else {
            return self.connect().await.map(Arc::new);
        };
        let mut slot = slot.lock().await;
        if let Some(connected) = slot.as_ref().filter(|it| !it.client.is_closed()) {
            return Ok(Arc::clone(connected));
        }
        let connected = Arc::new(self.connect().await?);
        *slot = Some(Arc::clone(&connected));
        Ok(connected)
    }

    async fn ask(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, Failure> {
        let connected = self.reader().await.map_err(Failure::Store)?;
        let answers = statements.iter().map(|statement| connected.ask(statement));
        try_join_all(answers).await.map_err(Failure::Postgres)
    }

    async fn change(&self, statements: &[Statement]) -> Result<(), Failure> {
        let turn = self.turn(WRITERS);
        let Some(slot) = self.inner.writers.get(turn) else {
            return Ok(());
        };
        let mut slot = slot.lock().await;
        let mut connected = match slot.take().filter(|it| !it.client.is_closed()) {
            Some(connected) => connected,
            None => self.connect().await.map_err(Failure::Store)?,
        };
        // A caller that goes away meanwhile takes the connection with it, and the database undoes
        // what was begun.
        let result = connected.change(statements).await;
        if !connected.client.is_closed() {
            *slot = Some(connected);
        }
        result
    }
}

/// Why a statement was not done.
enum Failure {
    Refused(&'static str),
    Store(StoreError),
    Postgres(tokio_postgres::Error),
    /// The connection was lost before the change was told to be made for good.
    Lost(tokio_postgres::Error),
}

impl Connected {
    /// The statement as this connection knows it. Its text is read by the database once.
    async fn prepared(
        &self,
        statement: &Statement,
    ) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
        if let Some(known) = self.prepared.lock().await.get(statement.sql.as_ref()) {
            return Ok(known.clone());
        }
        let prepared = self.client.prepare(&statement.sql).await?;
        let mut known = self.prepared.lock().await;
        if known.len() >= REMEMBERED_STATEMENTS {
            // Those that are used come back; the database forgets them with the last one who has them.
            known.clear();
        }
        known.insert(statement.sql.to_string(), prepared.clone());
        Ok(prepared)
    }

    async fn ask(&self, statement: &Statement) -> Result<Vec<Row>, tokio_postgres::Error> {
        let prepared = self.prepared(statement).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values(statement);
        let rows = self.client.query(&prepared, &values).await?;
        rows.iter().map(read).collect()
    }

    async fn change(&mut self, statements: &[Statement]) -> Result<(), Failure> {
        let mut all = Vec::with_capacity(statements.len());
        for statement in statements {
            all.push(self.prepared(statement).await.map_err(Failure::Lost)?);
        }
        let transaction = self.client.transaction().await.map_err(Failure::Lost)?;
        // First of all, so that changes stand in a row and no two wait for each other.
        transaction
            .batch_execute("UPDATE shared_generation SET value = value + 1")
            .await
            .map_err(Failure::Lost)?;
        for (statement, prepared) in statements.iter().zip(&all) {
            match (
                transaction.execute(prepared, &values(statement)).await,
                statement.must_change,
                statement.unique,
            ) {
                (Ok(0), Some(name), _) => return Err(Failure::Refused(name)),
                (Ok(_), _, _) => {}
                (Err(error), _, Some(name))
                    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) =>
                {
                    return Err(Failure::Refused(name));
                }
                (Err(error), _, _) if error.is_closed() => return Err(Failure::Lost(error)),
                (Err(error), _, _) => return Err(Failure::Postgres(error)),
            }
        }
        transaction.commit().await.map_err(Failure::Postgres)
    }
}

/// Locks of other programs in the same database have other names.
fn lock_name(name: &str) -> Value {
    format!("storekeeper:{name}").into()
}

fn values(statement: &Statement) -> Vec<&(dyn ToSql + Sync)> {
    fn plain(value: &Value) -> &(dyn ToSql + Sync) {
        value
    }
    statement.values.iter().map(plain).collect()
}

fn read(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let columns = row.columns().iter().enumerate();
    let values = columns.map(|(at, column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(at)?.map(i64::from).into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(at)?.map(i64::from).into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.into(),
            _ => row.try_get::<_, Option<String>>(at)?.into(),
        })
    });
    Ok(Row(values.collect::<Result<_, _>>()?))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *kind == Type::INT4 => {
                i32::try_from(*number)?.to_sql(kind, out)
            }
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl MetaStore for Postgres {
    fn query_all(
        &self,
        statements: Vec<Statement>,
    ) -> BoxFuture<'_, Result<Vec<Vec<Row>>, StoreError>> {
        Box::pin(async move {
            let mut result = self.ask(&statements).await;
            if let Err(Failure::Postgres(error)) = &result
                && error.is_closed()
            {
                // The database was started anew since: asking again costs nothing.
                result = self.ask(&statements).await;
            }
            result.map_err(|failure| self.told(failure))
        })
    }

    fn apply(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), ApplyError>> {
        Box::pin(async move {
            let mut result = self.change(&statements).await;
            if let Err(Failure::Lost(error)) = &result
                && error.is_closed()
            {
                // Nothing had been made for good, so it is done once more on a new connection.
                result = self.change(&statements).await;
            }
            match result {
                Ok(()) => Ok(()),
                Err(Failure::Refused(name)) => Err(ApplyError::Refused(name)),
                Err(failure) => Err(self.told(failure).into()),
            }
        })
    }

    fn generation(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        Box::pin(async move {
            let statement = Statement::new("SELECT value FROM shared_generation", []);
            let answers = self.query_all(vec![statement]).await?;
            let row = answers.first().and_then(|rows| rows.first());
            Ok(row.map_or(0, |row| row.integer(0)))
        })
    }

    fn try_lock(&self, name: &str) -> BoxFuture<'_, Result<Option<Held>, StoreError>> {
        let name = name.to_owned();
        Box::pin(async move {
            // A connection of its own: it holds the lock as long as it lives, and no longer.
            let connected = self.connect().await?;
            let statement = Statement::new(
                "SELECT pg_try_advisory_lock(hashtextextended($1, 0))",
                [lock_name(&name)],
            );
            let rows = connected.ask(&statement).await;
            let rows = rows.map_err(|error| self.failed(&error))?;
            let taken = rows.first().is_some_and(|row| row.integer(0) == 1);
            Ok(taken.then(|| Held(Box::new(connected))))
        })
    }

    fn lock(&self, name: &str) -> BoxFuture<'_, Result<Held, LockError>> {
        let name = name.to_owned();
        Box::pin(async move {
            let connected = self.connect().await?;
            // Answered with a text, because nothing cannot be read.
            let statement = Statement::new(
                "SELECT pg_advisory_lock(hashtextextended($1, 0))::text",
                [lock_name(&name)],
            );
            match connected.ask(&statement).await {
                Ok(_) => Ok(Held(Box::new(connected))),
                // The patience of `SESSION` is over.
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    Err(LockError::Busy)
                }
                Err(error) => Err(self.failed(&error).into()),
            }
        })
    }

    fn containing(&self, column: &'static str, text: &str, first: usize) -> (String, Vec<Value>) {
        use std::fmt::Write as _;
        let (mut condition, mut values) = (String::from("1 = 1"), Vec::new());
        for word in words(text) {
            let place = first + values.len();
            write!(
                condition,
                " AND release_app.{column} LIKE ${place} ESCAPE '\\'"
            )
            .expect("a String takes everything");
            values.push(like(&word).into());
        }
        (condition, values)
    }

    fn describe(&self) -> String {
        let config = &self.inner.config;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        // Never the password.
        format!(
            "`{}` of PostgreSQL at {host}",
            config.get_dbname().unwrap_or("postgres")
        )
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl Postgres {
    fn told(&self, failure: Failure) -> StoreError {
        match failure {
            Failure::Store(error) => error,
            Failure::Refused(name) => StoreError(name.to_owned()),
            Failure::Postgres(error) | Failure::Lost(error) => self.failed(&error),
        }
    }
}

/// A connection's end is noticed by the one who uses it next.
fn ended(result: Result<(), tokio_postgres::Error>) {
    if let Err(error) = result {
        tracing::debug!("a connection to the database ended: {}", whole(&error));
    }
}

/// The error with its causes: the library's own first line tells little.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
