//! Categories: by which the store is looked through.

use super::account::{Actor, need_admin, random};
use super::error::{Kind, ReleaseError};
use super::model::{Category, UNCATEGORIZED};
use super::{Releases, clock};
use crate::database::shared::{Row, Statement};

/// More categories than these nobody finds his way in.
const MAX_OF_APP: usize = 20;

/// The statements that put an app into categories, which must be there; into none: uncategorised.
pub(super) fn put(app_id: &str, categories: &[String]) -> Vec<Statement> {
    let mut statements = vec![Statement::new(
        "DELETE FROM release_app_category WHERE app_id = $1 AND published = 0",
        [app_id.into()],
    )];
    let mut wanted: Vec<&str> = categories.iter().map(|category| category.trim()).collect();
    wanted.retain(|category| !category.is_empty());
    wanted.sort_unstable();
    wanted.dedup();
    wanted.truncate(MAX_OF_APP);
    if wanted.is_empty() {
        wanted.push(UNCATEGORIZED);
    }
    for category in wanted {
        statements.push(
            Statement::new(
                "INSERT INTO release_app_category (app_id, category_id, published)
                 SELECT CAST($1 AS TEXT), category_id, 0 FROM release_category
                 WHERE category_id = $2",
                [app_id.into(), category.into()],
            )
            .or_refuse("no_category"),
        );
    }
    statements
}

/// The statements that show an app's categories in the store.
pub(super) fn publish(app_id: &str) -> [Statement; 2] {
    [
        Statement::new(
            "DELETE FROM release_app_category WHERE app_id = $1 AND published = 1",
            [app_id.into()],
        ),
        Statement::new(
            "INSERT INTO release_app_category (app_id, category_id, published)
             SELECT app_id, category_id, 1 FROM release_app_category
             WHERE app_id = $1 AND published = 0",
            [app_id.into()],
        ),
    ]
}

/// The columns of [`category`].
pub(super) const COLUMNS: &str = "release_category.category_id, release_category.name, release_category.locale, release_category.description, release_category.icon, release_category.created";

pub(super) fn category(row: &Row) -> Category {
    Category {
        category_id: row.text(0),
        name: row.text(1),
        locale: row.text(2),
        description: row.text(3),
        icon: row.text(4),
        create_time: clock::rfc3339(row.count(5)),
    }
}

impl Releases {
    /// All categories by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn categories(&self) -> Result<Vec<Category>, ReleaseError> {
        let statement = Statement::new(
            format!("SELECT {COLUMNS} FROM release_category ORDER BY name"),
            [],
        );
        let rows = self.store.query(statement).await?;
        Ok(rows.iter().map(category).collect())
    }

    /// The id of the category of this name, if there is one.
    pub(super) async fn category_named(&self, name: &str) -> Result<Option<String>, ReleaseError> {
        let statement = Statement::new(
            "SELECT category_id FROM release_category WHERE name = $1",
            [name.trim().to_lowercase().into()],
        );
        let rows = self.store.query(statement).await?;
        Ok(rows.first().map(|row| row.text(0)))
    }

    /// Adds a category. Answers its id.
    ///
    /// # Errors
    /// The name is empty or taken. Only for administrators.
    pub async fn add_category(
        &self,
        actor: &Actor,
        new: &Category,
    ) -> Result<String, ReleaseError> {
        need_admin(actor)?;
        check(&new.name)?;
        let id = format!("ctg-{}", random(8)?);
        let insert = Statement::new(
            "INSERT INTO release_category (category_id, name, locale, description, icon, created)
             VALUES ($1, $2, $3, $4, $5, $6)",
            [
                (&id).into(),
                new.name.trim().into(),
                (&new.locale).into(),
                (&new.description).into(),
                (&new.icon).into(),
                clock::now().into(),
            ],
        )
        .unique_or("category_exists");
        self.store
            .apply(vec![insert])
            .await
            .map_err(|error| ReleaseError::from(error).or_category())?;
        Ok(id)
    }

    /// Changes a category; what is none stays.
    ///
    /// # Errors
    /// There is none of this id, or the name is taken. Only for administrators.
    pub async fn change_category(
        &self,
        actor: &Actor,
        id: &str,
        change: [Option<String>; 4],
    ) -> Result<(), ReleaseError> {
        need_admin(actor)?;
        let mut statements = Vec::new();
        for (column, value) in ["name", "locale", "description", "icon"].iter().zip(change) {
            let Some(value) = value else { continue };
            if *column == "name" {
                check(&value)?;
            }
            statements.push(
                Statement::new(
                    format!("UPDATE release_category SET {column} = $2 WHERE category_id = $1"),
                    [id.into(), value.trim().into()],
                )
                .or_refuse("no_category")
                .unique_or("category_exists"),
            );
        }
        self.store
            .apply(statements)
            .await
            .map_err(|error| ReleaseError::from(error).or_category())
    }

    /// Removes categories that no app is in.
    ///
    /// # Errors
    /// It is the one for what is in none, or an app is in it. Only for administrators.
    pub async fn remove_categories(
        &self,
        actor: &Actor,
        ids: &[String],
    ) -> Result<(), ReleaseError> {
        need_admin(actor)?;
        if ids.is_empty() {
            return Err(ReleaseError::missing("category_id"));
        }
        if ids.iter().any(|id| id == UNCATEGORIZED) {
            return Err(ReleaseError::new(
                Kind::Denied,
                "cannot_delete_default_category",
                "the category of what is in no other cannot be removed",
                "默认分类不能删除",
            ));
        }
        let mut statements = Vec::new();
        for id in ids {
            statements.push(
                Statement::new(
                    "UPDATE release_category SET created = created WHERE category_id = $1",
                    [id.into()],
                )
                .or_refuse("no_category"),
            );
            statements.push(
                Statement::new(
                    "DELETE FROM release_category WHERE category_id = $1 AND NOT EXISTS (
                         SELECT 1 FROM release_app_category JOIN release_app USING (app_id)
                         WHERE category_id = $1 AND release_app.status <> 'deleted')",
                    [id.into()],
                )
                .or_refuse("category_in_use"),
            );
        }
        self.store
            .apply(statements)
            .await
            .map_err(|error| ReleaseError::from(error).or_category())
    }
}

fn check(name: &str) -> Result<(), ReleaseError> {
    let length = name.trim().chars().count();
    if (1..=100).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ReleaseError::parameter(
        "name",
        "1 to 100 characters are taken",
    ))
}

impl ReleaseError {
    /// The same in better words, if it is about a category.
    pub(super) fn or_category(self) -> Self {
        let (kind, name, message, zh) = match self.name {
            "no_category" => (
                Kind::NotFound,
                "resource_not_found",
                "there is no such category; `storekeeper category list` tells which there are",
                "分类不存在",
            ),
            "category_exists" => (
                Kind::Exists,
                "category_exists",
                "there is a category of this name already; choose another name",
                "分类名称已存在",
            ),
            "category_in_use" => (
                Kind::State,
                "category_in_use",
                "apps are in this category; put them into another one first",
                "仍有应用属于该分类，不能删除",
            ),
            _ => return self,
        };
        Self::new(kind, name, message, zh)
    }
}
