//! What both engines must do alike. PostgreSQL takes part when `STOREKEEPER_TEST_DATABASE` names one;
//! the tests from outside start one and run everything on it.

use std::sync::Arc;

use super::{ApplyError, MetaStore, Postgres, SharedSqlite, Statement, Value};
use crate::database::Database;

fn category(id: &str, name: &str) -> Statement {
    Statement::new(
        "INSERT INTO release_category (category_id, name, locale, description, icon, created)
         VALUES ($1, $2, '{}', '', '', $3)",
        [id.into(), name.into(), Value::Integer(7)],
    )
    .unique_or("taken")
}

fn rename(id: &str, name: &str) -> Statement {
    Statement::new(
        "UPDATE release_category SET name = $2 WHERE category_id = $1",
        [id.into(), name.into()],
    )
    .or_refuse("unknown")
}

async fn names(store: &dyn MetaStore) -> Vec<String> {
    let statement = Statement::new(
        "SELECT name FROM release_category WHERE created = $1 ORDER BY category_id",
        [Value::Integer(7)],
    );
    let rows = store.query(statement).await.unwrap();
    rows.iter().map(|row| row.text(0)).collect()
}

async fn both_do_alike(store: &dyn MetaStore) {
    let clean = || Statement::new("DELETE FROM release_category WHERE created = 7", []);
    store.apply(vec![clean()]).await.unwrap();
    let before = store.generation().await.unwrap();
    store
        .apply(vec![category("ctg-a", "a"), category("ctg-b", "b")])
        .await
        .unwrap();
    assert_ne!(store.generation().await.unwrap(), before);
    // One refused statement takes the whole change back.
    let taken = vec![rename("ctg-a", "c"), category("ctg-c", "b")];
    assert!(matches!(
        store.apply(taken).await,
        Err(ApplyError::Refused("taken"))
    ));
    let unknown = vec![rename("ctg-a", "c"), rename("ctg-z", "z")];
    assert!(matches!(
        store.apply(unknown).await,
        Err(ApplyError::Refused("unknown"))
    ));
    assert_eq!(names(store).await, ["a", "b"]);
    // A refusal is nobody else's: the change beside it is made.
    let (first, second) = tokio::join!(
        store.apply(vec![rename("ctg-z", "z")]),
        store.apply(vec![rename("ctg-b", "B")])
    );
    assert!(first.is_err());
    second.unwrap();
    assert_eq!(names(store).await, ["a", "B"]);
    // Nor is a mistake in it.
    let wrong = Statement::new(
        "INSERT INTO release_category (category_id, name, locale, description, icon, created)
         VALUES ('ctg-a', 'twice', '{}', '', '', 7)",
        [],
    );
    let (first, second) = tokio::join!(
        store.apply(vec![rename("ctg-b", "lost"), wrong]),
        store.apply(vec![rename("ctg-a", "A")])
    );
    assert!(matches!(first, Err(ApplyError::Store(_))), "{first:?}");
    second.unwrap();
    assert_eq!(names(store).await, ["A", "B"]);
    store.apply(vec![clean()]).await.unwrap();

    let held = store.try_lock("sync").await.unwrap();
    assert!(held.is_some());
    assert!(store.try_lock("sync").await.unwrap().is_none());
    assert!(store.try_lock("other").await.unwrap().is_some());
    drop(held);
    // A database notices a moment later that the holder has gone.
    for _ in 0..200 {
        if store.try_lock("sync").await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a lock that was given back stays taken");
}

#[tokio::test]
async fn sqlite_is_a_shared_store() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(&dir.path().join("storekeeper.db")).unwrap();
    let store: Arc<dyn MetaStore> = Arc::new(SharedSqlite::new(database));
    both_do_alike(&*store).await;
}

#[tokio::test]
async fn postgresql_is_the_same_shared_store() {
    let Some(address) = std::env::var_os("STOREKEEPER_TEST_DATABASE") else {
        return;
    };
    let store = Postgres::open(address.to_str().unwrap()).await.unwrap();
    both_do_alike(&store).await;
}
