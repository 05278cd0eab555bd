//! Lists: what there is, filtered, in order, a page at a time.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::account::Actor;
use super::error::ReleaseError;
use super::model::{self, App, Category, Version};
use super::state::{Role, State};
use super::{Releases, category, sees_all};
use crate::database::shared::{Row, Statement, Value};

/// A page when nobody says how long it is.
const DEFAULT_LIMIT: u64 = 20;

/// The longest page.
const MAX_LIMIT: u64 = 200;

/// Lists that are remembered. Most have a few kilobytes.
const REMEMBERED: usize = 256;

/// What they may have together with their keys, bytes.
const REMEMBERED_BYTES: usize = 16 << 20;

/// So many values a filter may have: more than the longest page has rows.
const MAX_VALUES: usize = 200;

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many.
    limit: u64,
    /// After how many others.
    offset: u64,
    /// By what they are ordered.
    sort_key: String,
    /// The smallest first; else the largest.
    reverse: bool,
}

impl Page {
    /// A page as it was asked for.
    ///
    /// # Errors
    /// A number that makes no sense.
    pub fn new(
        limit: Option<i64>,
        offset: Option<i64>,
        sort_key: Option<&str>,
        reverse: bool,
    ) -> Result<Self, ReleaseError> {
        let number = |name: &str, value: Option<i64>, default: u64| match value {
            None => Ok(default),
            Some(value) => u64::try_from(value)
                .map_err(|_| ReleaseError::parameter(name, "it is a number from 0 on")),
        };
        let limit = match number("limit", limit, DEFAULT_LIMIT)? {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        Ok(Self {
            limit,
            offset: number("offset", offset, 0)?,
            sort_key: sort_key.unwrap_or("create_time").to_owned(),
            reverse,
        })
    }

    /// The part of a list that is there as a whole, in its own order.
    pub fn part_of<T>(&self, list: Vec<T>) -> Vec<T> {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        list.into_iter().skip(offset).take(limit).collect()
    }

    /// The order of a statement on a table whose columns these are, and its limits.
    fn sql(
        &self,
        table: &str,
        columns: &[(&str, &str)],
        values: &mut Vec<Value>,
    ) -> Result<(String, String), ReleaseError> {
        let known = columns.iter().find(|(key, _)| *key == self.sort_key);
        let Some((_, column)) = known else {
            let keys: Vec<&str> = columns.iter().map(|(key, _)| *key).collect();
            return Err(ReleaseError::parameter(
                "sort_key",
                &format!("it is one of {}", keys.join(", ")),
            ));
        };
        let direction = if self.reverse { "ASC" } else { "DESC" };
        values.push(self.limit.into());
        let limit = values.len();
        values.push(self.offset.into());
        let offset = values.len();
        Ok((
            format!(" ORDER BY {table}.{column} {direction}, {table}.number {direction}"),
            format!(" LIMIT ${limit} OFFSET ${offset}"),
        ))
    }
}

/// Which apps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppFilter {
    /// Those that have all these words.
    pub search_word: String,
    /// Those of these ids.
    pub app_id: Vec<String>,
    /// Those of these names.
    pub name: Vec<String>,
    /// Those in these repositories.
    pub repo_id: Vec<String>,
    /// Those in these states; when empty, all that are not deleted.
    pub status: Vec<String>,
    /// Those of these owners.
    pub owner: Vec<String>,
    /// Those in these categories.
    pub category_id: Vec<String>,
}

/// Which versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionFilter {
    /// Those whose number or app has this in it.
    pub search_word: String,
    /// Those of these ids.
    pub version_id: Vec<String>,
    /// Those of these apps.
    pub app_id: Vec<String>,
    /// Those in these repositories.
    pub repo_id: Vec<String>,
    /// Those in these states; when empty, all that are not deleted.
    pub status: Vec<String>,
    /// Those of these owners.
    pub owner: Vec<String>,
    /// Those with these numbers.
    pub name: Vec<String>,
}

/// An app in a list.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// The app.
    pub app: App,
    /// The newest of its versions that the list is about.
    pub latest: Option<Version>,
    /// Its categories.
    pub categories: Vec<Category>,
    /// Which pictures were uploaded: kind and place.
    pub pictures: Vec<(String, u64)>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// How many there are on all pages.
    pub total: u64,
    /// Those of this page.
    pub rows: Vec<T>,
}

/// The conditions of a statement as they come together.
#[derive(Default)]
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    fn and(&mut self, condition: &str) {
        self.text.push_str(if self.text.is_empty() {
            " WHERE "
        } else {
            " AND "
        });
        self.text.push_str(condition);
    }

    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn one_of(&mut self, column: &str, wanted: &[String]) {
        let list = self.list(wanted);
        if !list.is_empty() {
            self.and(&format!("{column} IN ({list})"));
        }
    }

    fn list(&mut self, wanted: &[String]) -> String {
        let wanted = wanted.iter().filter(|value| !value.is_empty());
        let places: Vec<String> = wanted.map(|value| self.value(value)).collect();
        places.join(", ")
    }
}

/// Lists as they were made at one generation of the store.
#[derive(Clone, Default)]
pub(super) struct Remembered(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    generation: i64,
    lists: HashMap<String, Bytes>,
    counts: HashMap<String, u64>,
    /// Of all that is in both.
    bytes: usize,
}

impl Memory {
    /// Forgets what is older, and what is too much. Answers false when there is no room for so many
    /// bytes at all.
    fn make_room(&mut self, generation: i64, bytes: usize) -> bool {
        if self.generation != generation
            || self.lists.len() >= REMEMBERED
            || self.counts.len() >= REMEMBERED
            || self.bytes + bytes > REMEMBERED_BYTES
        {
            self.generation = generation;
            self.lists.clear();
            self.counts.clear();
            self.bytes = 0;
        }
        let fits = bytes <= REMEMBERED_BYTES;
        self.bytes += if fits { bytes } else { 0 };
        fits
    }
}

impl Releases {
    /// What `make` makes, or what it made before as long as nothing was changed since, by whichever
    /// server. `key` says what it is, and for whom.
    ///
    /// # Errors
    /// What `make` says.
    pub async fn remembered<E: From<ReleaseError>>(
        &self,
        key: String,
        make: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        let memory = || self.lists.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked before the list is made: what changes meanwhile counts as newer.
        let generation = self.store.generation().await.map_err(ReleaseError::from)?;
        let known = {
            let memory = memory();
            (memory.generation == generation)
                .then(|| memory.lists.get(&key).cloned())
                .flatten()
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let body = make.await?;
        let mut memory = memory();
        if memory.make_room(generation, key.len() + body.len()) {
            memory.lists.insert(key, body.clone());
        }
        Ok(body)
    }

    /// The apps that the actor may see: all, his own, or those in the store.
    ///
    /// # Errors
    /// A filter or page that makes no sense.
    pub async fn apps(
        &self,
        actor: &Actor,
        filter: &AppFilter,
        page: &Page,
    ) -> Result<Listed<AppRow>, ReleaseError> {
        if !actor.is(Role::Developer) {
            return self.active_apps(filter, page).await;
        }
        let mut conditions = Conditions::default();
        if !sees_all(actor) {
            let owner = conditions.value(&actor.name);
            conditions.and(&format!("release_app.owner = {owner}"));
        }
        if filter.status.is_empty() {
            conditions.and("release_app.status <> 'deleted'");
        }
        states(&filter.status)?;
        conditions.one_of("release_app.status", &filter.status);
        self.list_apps(conditions, filter, page, false).await
    }

    /// The apps in the store, as they were at their last release.
    ///
    /// # Errors
    /// A filter or page that makes no sense.
    pub async fn active_apps(
        &self,
        filter: &AppFilter,
        page: &Page,
    ) -> Result<Listed<AppRow>, ReleaseError> {
        let mut conditions = Conditions::default();
        conditions.and("release_app.status = 'active'");
        states(&filter.status)?;
        conditions.one_of("release_app.status", &filter.status);
        self.list_apps(conditions, filter, page, true).await
    }

    async fn list_apps(
        &self,
        mut conditions: Conditions,
        filter: &AppFilter,
        page: &Page,
        published: bool,
    ) -> Result<Listed<AppRow>, ReleaseError> {
        few(&[
            ("app_id", &filter.app_id),
            ("name", &filter.name),
            ("repo_id", &filter.repo_id),
            ("status", &filter.status),
            ("owner", &filter.owner),
            ("category_id", &filter.category_id),
        ])?;
        conditions.one_of("release_app.app_id", &filter.app_id);
        conditions.one_of("release_app.name", &filter.name);
        conditions.one_of("release_app.repo_id", &filter.repo_id);
        conditions.one_of("release_app.owner", &filter.owner);
        let categories = conditions.list(&filter.category_id);
        if !categories.is_empty() {
            let published = i64::from(published);
            conditions.and(&format!(
                "release_app.app_id IN (SELECT app_id FROM release_app_category
                     WHERE published = {published} AND category_id IN ({categories}))"
            ));
        }
        if !filter.search_word.trim().is_empty() {
            let column = if published {
                "published_search"
            } else {
                "search"
            };
            let first = conditions.values.len() + 1;
            let (found, values) = self.store.containing(column, &filter.search_word, first);
            conditions.values.extend(values);
            conditions.and(&found);
        }
        let Conditions { text, mut values } = conditions;
        let counted = self
            .count(format!("SELECT count(*) FROM release_app{text}"), &values)
            .await?;
        let (order, limit) = page.sql(
            "release_app",
            &[
                ("create_time", "created"),
                ("update_time", "updated"),
                ("status_time", "status_time"),
                ("name", "name"),
                ("status", "status"),
            ],
            &mut values,
        )?;
        let columns = model::APP;
        // Of those that are passed over no more is read than the index has.
        let rows = Statement::new(
            format!(
                "SELECT {columns} FROM release_app WHERE number IN (
                     SELECT release_app.number FROM release_app{text}{order}{limit}){order}"
            ),
            values,
        );
        let (total, rows) = self.counted_and(counted, rows).await?;
        let apps: Vec<App> = rows.iter().map(model::app).collect();
        let rows = self.with_more(apps, published).await?;
        Ok(Listed { total, rows })
    }

    /// Apps with what lists tell of them besides.
    pub(super) async fn with_more(
        &self,
        apps: Vec<App>,
        published: bool,
    ) -> Result<Vec<AppRow>, ReleaseError> {
        if apps.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = Conditions::default();
        let ids: Vec<String> = apps.iter().map(|app| app.app_id.clone()).collect();
        let list = conditions.list(&ids);
        let values = conditions.values;
        // The newest that the list is about: in the store the newest that was released.
        let counted = if published {
            "= 'active'"
        } else {
            "<> 'deleted'"
        };
        let columns = model::VERSION;
        let latest = Statement::new(
            format!(
                "SELECT {columns} FROM release_version WHERE number IN (
                     SELECT (SELECT v.number FROM release_version v
                         WHERE v.app_id = release_app.app_id AND v.status {counted}
                         ORDER BY v.sort_key DESC, v.number DESC LIMIT 1)
                     FROM release_app WHERE release_app.app_id IN ({list}))"
            ),
            values.clone(),
        );
        let columns = category::COLUMNS;
        let published = i64::from(published);
        let categories = Statement::new(
            format!(
                "SELECT {columns}, release_app_category.app_id
                 FROM release_app_category JOIN release_category USING (category_id)
                 WHERE published = {published} AND release_app_category.app_id IN ({list})
                 ORDER BY release_category.name"
            ),
            values.clone(),
        );
        let pictures = Statement::new(
            format!(
                "SELECT app_id, kind, sequence FROM release_attachment
                 WHERE published = {published} AND app_id IN ({list}) ORDER BY kind, sequence"
            ),
            values,
        );
        let answers = self
            .store
            .query_all(vec![latest, categories, pictures])
            .await?;
        let mut newest: HashMap<String, Version> = rows_of(&answers, 0)
            .iter()
            .map(model::version)
            .map(|version| (version.app_id.clone(), version))
            .collect();
        let mut in_categories: HashMap<String, Vec<Category>> = HashMap::new();
        for row in rows_of(&answers, 1) {
            let of = in_categories.entry(row.text(6)).or_default();
            of.push(category::category(row));
        }
        let mut pictures: HashMap<String, Vec<(String, u64)>> = HashMap::new();
        for row in rows_of(&answers, 2) {
            let of = pictures.entry(row.text(0)).or_default();
            of.push((row.text(1), row.count(2)));
        }
        let row = |app: App| AppRow {
            latest: newest.remove(&app.app_id),
            categories: in_categories.remove(&app.app_id).unwrap_or_default(),
            pictures: pictures.remove(&app.app_id).unwrap_or_default(),
            app,
        };
        Ok(apps.into_iter().map(row).collect())
    }

    /// The versions that the actor may see, with the names of their apps.
    ///
    /// # Errors
    /// A filter or page that makes no sense.
    pub async fn versions(
        &self,
        actor: &Actor,
        filter: &VersionFilter,
        page: &Page,
    ) -> Result<Listed<(Version, String)>, ReleaseError> {
        if !actor.is(Role::Developer) {
            return self.active_versions(filter, page).await;
        }
        let mut conditions = Conditions::default();
        if !sees_all(actor) {
            let owner = conditions.value(&actor.name);
            conditions.and(&format!("release_version.owner = {owner}"));
        }
        if filter.status.is_empty() {
            conditions.and("release_version.status <> 'deleted'");
        }
        states(&filter.status)?;
        conditions.one_of("release_version.status", &filter.status);
        self.list_versions(conditions, filter, page, "search").await
    }

    /// The versions in the store.
    ///
    /// # Errors
    /// A filter or page that makes no sense.
    pub async fn active_versions(
        &self,
        filter: &VersionFilter,
        page: &Page,
    ) -> Result<Listed<(Version, String)>, ReleaseError> {
        let mut conditions = Conditions::default();
        conditions.and("release_version.status = 'active'");
        states(&filter.status)?;
        conditions.one_of("release_version.status", &filter.status);
        self.list_versions(conditions, filter, page, "published_search")
            .await
    }

    /// `searched` is the column in which words are looked for.
    async fn list_versions(
        &self,
        mut conditions: Conditions,
        filter: &VersionFilter,
        page: &Page,
        searched: &'static str,
    ) -> Result<Listed<(Version, String)>, ReleaseError> {
        few(&[
            ("version_id", &filter.version_id),
            ("app_id", &filter.app_id),
            ("repo_id", &filter.repo_id),
            ("status", &filter.status),
            ("owner", &filter.owner),
            ("name", &filter.name),
        ])?;
        conditions.one_of("release_version.version_id", &filter.version_id);
        conditions.one_of("release_version.app_id", &filter.app_id);
        conditions.one_of("release_version.owner", &filter.owner);
        conditions.one_of("release_version.version", &filter.name);
        let mut joined = "";
        if filter.repo_id.iter().any(|id| !id.is_empty()) {
            joined = " JOIN release_app USING (app_id)";
            conditions.one_of("release_app.repo_id", &filter.repo_id);
        }
        if !filter.search_word.trim().is_empty() {
            let first = conditions.values.len() + 1;
            let (found, values) = self.store.containing(searched, &filter.search_word, first);
            conditions.values.extend(values);
            let number = conditions.value(format!("{}%", prefix(filter.search_word.trim())));
            conditions.and(&format!(
                "(release_version.version LIKE {number} ESCAPE '\\' OR release_version.app_id IN (
                     SELECT release_app.app_id FROM release_app WHERE {found}))"
            ));
        }
        let Conditions { text, mut values } = conditions;
        let counted = self
            .count(
                format!("SELECT count(*) FROM release_version{joined}{text}"),
                &values,
            )
            .await?;
        let (order, limit) = page.sql(
            "release_version",
            &[
                ("create_time", "created"),
                ("update_time", "updated"),
                ("status_time", "status_time"),
                ("sequence", "sort_key"),
                ("name", "sort_key"),
                ("status", "status"),
            ],
            &mut values,
        )?;
        let columns = model::VERSION;
        let rows = Statement::new(
            format!(
                "SELECT {columns}, named.name FROM release_version
                 JOIN release_app named ON named.app_id = release_version.app_id
                 WHERE release_version.number IN (
                     SELECT release_version.number FROM release_version{joined}{text}{order}{limit}){order}"
            ),
            values,
        );
        let (total, rows) = self.counted_and(counted, rows).await?;
        Ok(Listed {
            total,
            rows: rows
                .iter()
                .map(|row| (model::version(row), row.text(15)))
                .collect(),
        })
    }

    /// How many there are on all pages: known, or still to be asked.
    async fn count(&self, sql: String, values: &[Value]) -> Result<Counted, ReleaseError> {
        let generation = self.store.generation().await?;
        let key = format!("{sql} {values:?}");
        let memory = self.lists.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (memory.generation == generation)
            .then(|| memory.counts.get(&key).copied())
            .flatten();
        Ok(match known {
            Some(total) => Counted::Known(total),
            None => Counted::Asked {
                statement: Statement::new(sql, values.to_vec()),
                generation,
                key,
            },
        })
    }

    /// The total and the rows of a page, asked together.
    async fn counted_and(
        &self,
        counted: Counted,
        rows: Statement,
    ) -> Result<(u64, Vec<Row>), ReleaseError> {
        match counted {
            Counted::Known(total) => Ok((total, self.store.query(rows).await?)),
            Counted::Asked {
                statement,
                generation,
                key,
            } => {
                let mut answers = self.store.query_all(vec![statement, rows]).await?;
                let rows = answers.pop().unwrap_or_default();
                let total = rows_of(&answers, 0).first().map_or(0, |row| row.count(0));
                let mut memory = self.lists.0.lock().unwrap_or_else(PoisonError::into_inner);
                if memory.make_room(generation, key.len()) {
                    memory.counts.insert(key, total);
                }
                Ok((total, rows))
            }
        }
    }
}

/// How many there are on all pages.
enum Counted {
    Known(u64),
    Asked {
        statement: Statement,
        generation: i64,
        key: String,
    },
}

fn rows_of(answers: &[Vec<Row>], at: usize) -> &[Row] {
    answers.get(at).map(Vec::as_slice).unwrap_or_default()
}

/// A state that there is not would give an empty list, which tells nothing.
fn states(wanted: &[String]) -> Result<(), ReleaseError> {
    for status in wanted.iter().filter(|status| !status.is_empty()) {
        status
            .parse::<State>()
            .map_err(|reason| ReleaseError::parameter("status", &reason))?;
    }
    Ok(())
}

/// Each number of values is a statement of its own to the database.
fn few(filters: &[(&str, &Vec<String>)]) -> Result<(), ReleaseError> {
    let too_long = filters.iter().find(|(_, values)| values.len() > MAX_VALUES);
    match too_long {
        Some((name, _)) => Err(ReleaseError::parameter(
            name,
            &format!("at most {MAX_VALUES} values are taken; ask several times"),
        )),
        None => Ok(()),
    }
}

/// A text as the beginning of a pattern of `LIKE … ESCAPE '\'`.
fn prefix(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_in_bytes_and_by_changes() {
        let mut memory = Memory::default();
        let mebibyte = 1 << 20;
        for number in 0..100 {
            assert!(memory.make_room(1, mebibyte));
            let body = Bytes::from(vec![0; mebibyte]);
            memory.lists.insert(number.to_string(), body);
            assert!(memory.lists.len() <= 16);
        }
        assert!(!memory.make_room(1, REMEMBERED_BYTES + 1));
        assert!(memory.make_room(2, 1));
        assert!(memory.lists.is_empty());
    }
}
