//! What is remembered of repositories: each with its record, and what happened with it. A server that is
//! shared by many keeps the same in a database that they share; the trait is what both can do.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::schema::number;
use super::shared::{Held, LockError, Statement};
use super::{Database, DatabaseError};

/// Events that are kept of each repository.
const KEPT_EVENTS: i64 = 200;

/// A repository as it is stored: `record` is JSON text, the rest is what rules need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryRow {
    /// `repo-…`, for ever.
    pub id: String,
    /// Its name; of those that are active, each has another.
    pub name: String,
    /// It was not removed.
    pub active: bool,
    /// The record.
    pub record: String,
}

/// Something that happens or happened with a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its own id.
    pub id: String,
    /// That of the repository.
    pub repository: String,
    /// It has not ended. A repository has at most one such event.
    pub open: bool,
    /// Until when its worker is believed to live, in milliseconds since 1970.
    pub lease: u64,
    /// When it began, likewise.
    pub at: u64,
    /// The record.
    pub record: String,
}

/// The answer of a [`RepositoryStore`].
pub type RepositoryAnswer<'a, T> = BoxFuture<'a, Result<T, DatabaseError>>;

/// Remembers repositories.
pub trait RepositoryStore: Send + Sync {
    /// All of them, in the order of their names; removed ones, too.
    fn repositories(&self) -> RepositoryAnswer<'_, Vec<RepositoryRow>>;

    /// Adds or replaces one. Answers false, and changes nothing, when another active one has its
    /// name.
    fn save_repository(&self, row: RepositoryRow) -> RepositoryAnswer<'_, bool>;

    /// Writes that one was removed, and makes these changes of the shared tables in the same
    /// transaction.
    fn remove_repository(
        &self,
        row: RepositoryRow,
        also: Vec<Statement>,
    ) -> RepositoryAnswer<'_, ()>;

    /// Begins an event. Answers false when one is under way whose lease has not run out; one whose
    /// lease has is closed with the record that `cut_off` makes of its own.
    fn begin_event(
        &self,
        row: EventRow,
        now: u64,
        cut_off: fn(&str) -> String,
    ) -> RepositoryAnswer<'_, bool>;

    /// Writes an event that has begun.
    fn save_event(&self, row: EventRow) -> RepositoryAnswer<'_, ()>;

    /// Closes the events whose lease ended before `now`, with the record that `cut_off` makes of each.
    fn close_events(&self, now: u64, cut_off: fn(&str) -> String) -> RepositoryAnswer<'_, usize>;

    /// The newest events of a repository, newest first.
    fn events(&self, repository: &str, limit: usize) -> RepositoryAnswer<'_, Vec<EventRow>>;

    /// Waits until no other server holds this lock; none is needed where there is no other.
    fn lock(&self, name: &str) -> BoxFuture<'_, Result<Option<Held>, LockError>>;

    /// Whether several servers work with these repositories.
    fn is_shared(&self) -> bool;
}

impl RepositoryStore for Database {
    fn lock(&self, _: &str) -> BoxFuture<'_, Result<Option<Held>, LockError>> {
        Box::pin(async { Ok(None) })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn repositories(&self) -> RepositoryAnswer<'_, Vec<RepositoryRow>> {
        Box::pin(self.look(|connection| {
            connection
                .prepare("SELECT id, name, active, record FROM repository ORDER BY name, id")?
                .query_map([], |row| {
                    Ok(RepositoryRow {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        active: row.get(2)?,
                        record: row.get(3)?,
                    })
                })?
                .collect()
        }))
    }

    fn save_repository(&self, row: RepositoryRow) -> RepositoryAnswer<'_, bool> {
        Box::pin(self.change(move |connection| {
            let other: Option<String> = connection
                .prepare_cached("SELECT id FROM repository WHERE name = ?1 AND active = 1")?
                .query_row([&row.name], |row| row.get(0))
                .optional()?;
            if row.active && other.is_some_and(|other| other != row.id) {
                return Ok(false);
            }
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO repository (id, name, active, record)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![row.id, row.name, row.active, row.record])?;
            Ok(true)
        }))
    }

    fn remove_repository(
        &self,
        row: RepositoryRow,
        also: Vec<Statement>,
    ) -> RepositoryAnswer<'_, ()> {
        Box::pin(async move {
            let mut statements = vec![removed(row)];
            statements.extend(also);
            let applied = self.apply(statements).await;
            applied.map_err(|error| DatabaseError {
                path: self.inner.path.display().to_string(),
                reason: error.to_string(),
            })
        })
    }

    fn begin_event(
        &self,
        row: EventRow,
        now: u64,
        cut_off: fn(&str) -> String,
    ) -> RepositoryAnswer<'_, bool> {
        Box::pin(self.change(move |connection| {
            close(connection, Some(&row.repository), now, cut_off)?;
            let open: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM repository_event WHERE repository = ?1 AND open = 1",
                )?
                .query_row([&row.repository], |row| row.get(0))?;
            if open > 0 {
                return Ok(false);
            }
            save(connection, &row)?;
            connection
                .prepare_cached(
                    "DELETE FROM repository_event WHERE repository = ?1 AND at < (
                        SELECT at FROM repository_event WHERE repository = ?1
                        ORDER BY at DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![row.repository, KEPT_EVENTS])?;
            Ok(true)
        }))
    }

    fn save_event(&self, row: EventRow) -> RepositoryAnswer<'_, ()> {
        Box::pin(self.change(move |connection| save(connection, &row)))
    }

    fn close_events(&self, now: u64, cut_off: fn(&str) -> String) -> RepositoryAnswer<'_, usize> {
        Box::pin(self.change(move |connection| close(connection, None, now, cut_off)))
    }

    fn events(&self, repository: &str, limit: usize) -> RepositoryAnswer<'_, Vec<EventRow>> {
        let repository = repository.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Box::pin(self.look(move |connection| {
            connection
                .prepare(
                    "SELECT id, repository, open, lease, at, record FROM repository_event
                     WHERE repository = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
                )?
                .query_map(params![repository, limit], read)?
                .collect()
        }))
    }
}

/// The statement that a repository was removed, for both engines.
pub(super) fn removed(row: RepositoryRow) -> Statement {
    Statement::new(
        "UPDATE repository SET active = 0, record = $2 WHERE id = $1",
        [row.id.into(), row.record.into()],
    )
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<EventRow> {
    let moment = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(EventRow {
        id: row.get(0)?,
        repository: row.get(1)?,
        open: row.get(2)?,
        lease: moment(row.get(3)?),
        at: moment(row.get(4)?),
        record: row.get(5)?,
    })
}

fn save(connection: &Connection, row: &EventRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO repository_event (id, repository, open, lease, at, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.id,
            row.repository,
            row.open,
            number(row.lease),
            number(row.at),
            row.record
        ])
        .map(drop)
}

/// Closes the events, of one repository or of all, whose worker must be dead.
fn close(
    connection: &Connection,
    repository: Option<&str>,
    now: u64,
    cut_off: fn(&str) -> String,
) -> rusqlite::Result<usize> {
    let dead: Vec<EventRow> = connection
        .prepare_cached(
            "SELECT id, repository, open, lease, at, record FROM repository_event
             WHERE open = 1 AND lease < ?1 AND (?2 IS NULL OR repository = ?2)",
        )?
        .query_map(params![number(now), repository], read)?
        .collect::<Result<_, _>>()?;
    for mut row in dead.iter().cloned() {
        row.record = cut_off(&row.record);
        row.open = false;
        save(connection, &row)?;
    }
    Ok(dead.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Database) {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("storekeeper.db")).unwrap();
        (dir, database)
    }

    fn repository(id: &str, name: &str, active: bool) -> RepositoryRow {
        RepositoryRow {
            id: id.to_owned(),
            name: name.to_owned(),
            active,
            record: "{}".to_owned(),
        }
    }

    fn event(id: &str, at: u64, lease: u64) -> EventRow {
        EventRow {
            id: id.to_owned(),
            repository: "repo-1".to_owned(),
            open: true,
            lease,
            at,
            record: "under way".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_name_is_given_once_and_is_free_after_a_removal() {
        let (_dir, database) = open();
        let save = |id: &str, active| database.save_repository(repository(id, "a", active));
        assert!(save("repo-1", true).await.unwrap());
        assert!(save("repo-1", true).await.unwrap());
        assert!(!save("repo-2", true).await.unwrap());
        assert!(save("repo-1", false).await.unwrap());
        assert!(save("repo-2", true).await.unwrap());
        assert_eq!(database.repositories().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn one_event_is_under_way_and_a_dead_one_is_closed() {
        let (_dir, database) = open();
        let cut_off = |record: &str| format!("{record}, cut off");
        let begin = |row: EventRow, now| database.begin_event(row, now, cut_off);
        assert!(begin(event("e1", 10, 20), 10).await.unwrap());
        assert!(!begin(event("e2", 15, 25), 15).await.unwrap());
        assert!(begin(event("e3", 30, 40), 30).await.unwrap());
        let events = database.events("repo-1", 9).await.unwrap();
        let told: Vec<_> = events
            .iter()
            .map(|it| (it.id.as_str(), it.open, it.record.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("e3", true, "under way"),
                ("e1", false, "under way, cut off")
            ]
        );
        assert_eq!(database.close_events(99, cut_off).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn what_fails_in_a_change_is_undone_and_nothing_else() {
        let (_dir, database) = open();
        let good = database.save_repository(repository("repo-1", "a", true));
        let bad = database.change(|connection| {
            connection.execute("DELETE FROM repository", [])?;
            connection.execute("INSERT INTO nothing VALUES (1)", [])
        });
        let (good, bad) = tokio::join!(good, bad);
        assert!(good.unwrap());
        assert!(bad.is_err());
        assert_eq!(database.repositories().await.unwrap().len(), 1);
    }
}
