//! The repositories' records in a PostgreSQL: the twin of what `database/repository.rs` does in SQLite.

use futures_util::future::BoxFuture;

use super::{ApplyError, Held, LockError, MetaStore, Postgres, Row, Statement, StoreError};
use crate::database::repository::removed;
use crate::database::{DatabaseError, EventRow, RepositoryAnswer, RepositoryRow, RepositoryStore};

/// Events that are kept of each repository.
const KEPT_EVENTS: i64 = 200;

impl Postgres {
    fn as_database(&self, error: &StoreError) -> DatabaseError {
        DatabaseError {
            path: self.describe(),
            reason: error.to_string(),
        }
    }

    async fn rows(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        let store: &dyn MetaStore = self;
        let rows = store.query(statement).await;
        rows.map_err(|error| self.as_database(&error))
    }

    /// Answers false when the change was refused.
    async fn changed(&self, statements: Vec<Statement>) -> Result<bool, DatabaseError> {
        match self.apply(statements).await {
            Ok(()) => Ok(true),
            Err(ApplyError::Refused(_)) => Ok(false),
            Err(ApplyError::Store(error)) => Err(self.as_database(&error)),
        }
    }

    /// The events that are open and whose lease ended before `now`.
    async fn dead(
        &self,
        repository: &str,
        now: u64,
    ) -> Result<Vec<(String, String)>, DatabaseError> {
        let statement = Statement::new(
            "SELECT id, record FROM repository_event
             WHERE open = 1 AND lease < $1 AND ($2 = '' OR repository = $2)",
            [now.into(), repository.into()],
        );
        let rows = self.rows(statement).await?;
        Ok(rows.iter().map(|row| (row.text(0), row.text(1))).collect())
    }
}

/// Closes one of them, if its worker has not come back to life.
fn close(id: &str, record: &str, now: u64, cut_off: fn(&str) -> String) -> Statement {
    Statement::new(
        "UPDATE repository_event SET open = 0, record = $2 WHERE id = $1 AND open = 1 AND lease < $3",
        [id.into(), cut_off(record).into(), now.into()],
    )
}

fn event(row: &Row) -> EventRow {
    EventRow {
        id: row.text(0),
        repository: row.text(1),
        open: row.integer(2) == 1,
        lease: row.count(3),
        at: row.count(4),
        record: row.text(5),
    }
}

impl RepositoryStore for Postgres {
    fn lock(&self, name: &str) -> BoxFuture<'_, Result<Option<Held>, LockError>> {
        let name = name.to_owned();
        Box::pin(async move { Ok(Some(MetaStore::lock(self, &name).await?)) })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn repositories(&self) -> RepositoryAnswer<'_, Vec<RepositoryRow>> {
        Box::pin(async move {
            let statement = Statement::new(
                "SELECT id, name, active, record FROM repository ORDER BY name, id",
                [],
            );
            let rows = self.rows(statement).await?;
            Ok(rows
                .iter()
                .map(|row| RepositoryRow {
                    id: row.text(0),
                    name: row.text(1),
                    active: row.integer(2) == 1,
                    record: row.text(3),
                })
                .collect())
        })
    }

    fn save_repository(&self, row: RepositoryRow) -> RepositoryAnswer<'_, bool> {
        Box::pin(async move {
            let save = Statement::new(
                "INSERT INTO repository (id, name, active, record) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (id) DO UPDATE SET name = $2, active = $3, record = $4",
                [
                    row.id.into(),
                    row.name.into(),
                    i64::from(row.active).into(),
                    row.record.into(),
                ],
            )
            .unique_or("taken");
            self.changed(vec![save]).await
        })
    }

    fn remove_repository(
        &self,
        row: RepositoryRow,
        also: Vec<Statement>,
    ) -> RepositoryAnswer<'_, ()> {
        Box::pin(async move {
            let mut statements = vec![removed(row)];
            statements.extend(also);
            self.changed(statements).await?;
            Ok(())
        })
    }

    fn begin_event(
        &self,
        row: EventRow,
        now: u64,
        cut_off: fn(&str) -> String,
    ) -> RepositoryAnswer<'_, bool> {
        Box::pin(async move {
            let dead = self.dead(&row.repository, now).await?;
            let mut statements: Vec<Statement> = dead
                .iter()
                .map(|(id, record)| close(id, record, now, cut_off))
                .collect();
            let repository = row.repository.clone();
            statements.push(insert(row).unique_or("under-way"));
            statements.push(Statement::new(
                "DELETE FROM repository_event WHERE repository = $1 AND at < (
                     SELECT at FROM repository_event WHERE repository = $1
                     ORDER BY at DESC LIMIT 1 OFFSET $2)",
                [repository.into(), KEPT_EVENTS.into()],
            ));
            self.changed(statements).await
        })
    }

    fn save_event(&self, row: EventRow) -> RepositoryAnswer<'_, ()> {
        Box::pin(async move {
            self.changed(vec![insert(row)]).await?;
            Ok(())
        })
    }

    fn close_events(&self, now: u64, cut_off: fn(&str) -> String) -> RepositoryAnswer<'_, usize> {
        Box::pin(async move {
            let dead = self.dead("", now).await?;
            let statements: Vec<Statement> = dead
                .iter()
                .map(|(id, record)| close(id, record, now, cut_off))
                .collect();
            if !statements.is_empty() {
                self.changed(statements).await?;
            }
            Ok(dead.len())
        })
    }

    fn events(&self, repository: &str, limit: usize) -> RepositoryAnswer<'_, Vec<EventRow>> {
        let repository = repository.to_owned();
        Box::pin(async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let statement = Statement::new(
                "SELECT id, repository, open, lease, at, record FROM repository_event
                 WHERE repository = $1 ORDER BY at DESC, id DESC LIMIT $2",
                [repository.into(), limit.into()],
            );
            Ok(self.rows(statement).await?.iter().map(event).collect())
        })
    }
}

/// A repository has at most one open event: a unique index says so.
fn insert(row: EventRow) -> Statement {
    Statement::new(
        "INSERT INTO repository_event (id, repository, open, lease, at, record)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET open = $3, lease = $4, record = $6",
        [
            row.id.into(),
            row.repository.into(),
            i64::from(row.open).into(),
            row.lease.into(),
            row.at.into(),
            row.record.into(),
        ],
    )
}
