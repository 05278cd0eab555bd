//! What a store shares with other servers beside it: publishing, accounts. One interface with two
//! engines behind it, the SQLite file of this home or a PostgreSQL that several servers use.
//!
//! The text of a statement is the same for both: parameters are `$1`, `$2`, …; columns are `TEXT`
//! (compared byte by byte), `INTEGER` (64 bits) and `BLOB`. A change is a list of statements in one
//! transaction. What has to hold is said in the statements themselves (`WHERE status IN (…)`, unique
//! indexes) and not by reading first, so that it holds for two servers as well as for one.

mod postgres;
mod repositories;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod tls;

use std::any::Any;
use std::borrow::Cow;

use futures_util::future::BoxFuture;

pub use postgres::Postgres;
pub(super) use schema::prepare_sqlite;
pub use sqlite::SharedSqlite;
pub(super) use sqlite::write;

/// A value of a column or of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number; also a time in milliseconds since 1970, and 0 or 1 for no or yes.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// A column's text; empty for none.
    pub fn text(&self, column: usize) -> String {
        match self.0.get(column) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// A column's number; 0 for none.
    pub fn integer(&self, column: usize) -> i64 {
        match self.0.get(column) {
            Some(Value::Integer(number)) => *number,
            _ => 0,
        }
    }

    /// A column's number that is never negative.
    pub fn count(&self, column: usize) -> u64 {
        u64::try_from(self.integer(column)).unwrap_or(0)
    }

    /// A column's bytes; empty for none.
    pub fn bytes(&self, column: usize) -> Vec<u8> {
        match self.0.get(column) {
            Some(Value::Bytes(bytes)) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    /// Whether a column holds nothing.
    pub fn is_null(&self, column: usize) -> bool {
        matches!(self.0.get(column), None | Some(Value::Null))
    }
}

/// A statement with its values, and what its failing means.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text.
    pub sql: Cow<'static, str>,
    /// The values of `$1`, `$2`, …
    pub values: Vec<Value>,
    /// The change is refused by this name when the statement changes no row.
    must_change: Option<&'static str>,
    /// The change is refused by this name when a unique index forbids it.
    unique: Option<&'static str>,
}

impl Statement {
    /// A statement.
    pub fn new(sql: impl Into<Cow<'static, str>>, values: impl Into<Vec<Value>>) -> Self {
        Self {
            sql: sql.into(),
            values: values.into(),
            must_change: None,
            unique: None,
        }
    }

    /// The whole change is refused when this changes no row.
    #[must_use]
    pub fn or_refuse(mut self, name: &'static str) -> Self {
        self.must_change = Some(name);
        self
    }

    /// The whole change is refused by this name when there is such a row already.
    #[must_use]
    pub fn unique_or(mut self, name: &'static str) -> Self {
        self.unique = Some(name);
        self
    }
}

/// Why a shared store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// Why a change was not made. Nothing of it is then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApplyError {
    /// A statement's condition did not hold; the name is the one that it was given.
    #[error("the change is refused: {0}")]
    Refused(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a lock was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it, and has for a while.
    #[error("somebody else is at it just now; try again in a moment")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A lock that one server holds; dropping it gives it back.
pub struct Held(
    #[expect(dead_code, reason = "it is held for its drop")] Box<dyn Any + Send + Sync>,
);

/// What several servers may share.
pub trait MetaStore: Send + Sync {
    /// Asks several questions at once; the answers come in their order.
    fn query_all(
        &self,
        statements: Vec<Statement>,
    ) -> BoxFuture<'_, Result<Vec<Vec<Row>>, StoreError>>;

    /// Runs statements in one transaction: all or none of them.
    fn apply(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), ApplyError>>;

    /// A number that is another one after every change, whichever server made it: what was read under
    /// the same number still holds.
    fn generation(&self) -> BoxFuture<'_, Result<i64, StoreError>>;

    /// Takes a lock by its name when nobody holds it. It is lost with the server that holds it.
    fn try_lock(&self, name: &str) -> BoxFuture<'_, Result<Option<Held>, StoreError>>;

    /// Waits until nobody holds a lock, and takes it; what several servers share does not wait for ever.
    fn lock(&self, name: &str) -> BoxFuture<'_, Result<Held, LockError>>;

    /// The condition that `column` of table `release_app`, which holds text in lower case, contains
    /// `words`, each of them; its parameters begin with `$first`.
    fn containing(&self, column: &'static str, words: &str, first: usize) -> (String, Vec<Value>);

    /// What people call it.
    fn describe(&self) -> String;

    /// Whether other servers may work on it at the same time.
    fn is_shared(&self) -> bool;
}

impl dyn MetaStore + '_ {
    /// Asks one question.
    ///
    /// # Errors
    /// What the store says.
    pub async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let mut answers = self.query_all(vec![statement]).await?;
        Ok(answers.pop().unwrap_or_default())
    }
}

/// A word as a pattern of `LIKE … ESCAPE '\'`.
fn like(word: &str) -> String {
    let mut pattern = String::from("%");
    for character in word.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// The words of a search, as they stand in the columns that are searched.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split_whitespace()
        .take(MAX_WORDS)
        .map(str::to_owned)
        .collect()
}

/// More words than these tell nothing more.
const MAX_WORDS: usize = 16;
