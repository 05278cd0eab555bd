//! Publishing: from a developer's package into the store.
//!
//! [`state`] is the table of what may be done when and by whom. Every change of a version is one
//! transaction with its row of the history; the condition on the state stands in the statement, so that
//! two servers cannot both make it. What lies in repositories follows in a fixed order, file, then
//! index, then database, and is set right by `settle` when something was cut off.

pub mod account;
mod attachment;
mod audit;
mod category;
pub mod clock;
pub mod compare;
mod error;
mod list;
mod model;
mod publish;
mod settle;
mod shelf;
pub mod state;
mod statistics;
mod upload;

use std::sync::Arc;

use serde_json::json;
use tokio::sync::OnceCell;

use self::account::{Accounts, Actor};
use self::state::{Action, Role, State};
use crate::database::shared::{MetaStore, Statement};
use crate::repository::RepositoryError;

pub use self::account::need_developer;
pub use self::attachment::{Attachment, Picture};
pub use self::error::{Kind, ReleaseError};
pub use self::list::{AppFilter, AppRow, Listed, Page, VersionFilter};
pub use self::model::{
    About, AboutChange, App, Audit, Category, MAX_PICTURE_BYTES, Manifest, OneOrMany,
    UNCATEGORIZED, Version,
};
pub use self::shelf::{Place, Shelves};
pub use self::statistics::{Count, Statistics};
pub use self::upload::{NewApp, NewVersion, Replacement, Upload};

/// Publishing. Cheap to clone.
#[derive(Clone)]
pub struct Releases {
    store: Arc<dyn MetaStore>,
    shelves: Arc<dyn Shelves>,
    /// Who uses the store.
    pub accounts: Accounts,
    lists: list::Remembered,
    /// By which its files in repositories are told from those of other stores.
    id: Arc<OnceCell<String>>,
    /// When this server began, in milliseconds since 1970.
    began: u64,
}

impl Releases {
    /// Publishing on these tables and into these repositories.
    pub fn new(store: Arc<dyn MetaStore>, shelves: Arc<dyn Shelves>) -> Self {
        Self {
            accounts: Accounts::new(Arc::clone(&store)),
            store,
            shelves,
            lists: list::Remembered::default(),
            id: Arc::default(),
            began: clock::now(),
        }
    }

    /// The folder of this store's packages in a repository: of the store, which has an id in its
    /// database, and of the repository, which may be configured once more.
    async fn owner(&self, repo_id: &str) -> Result<String, ReleaseError> {
        let asked = async {
            let statement = Statement::new("SELECT id FROM shared_store", []);
            let rows = self.store.query(statement).await?;
            Ok::<_, ReleaseError>(rows.first().map(|row| row.text(0)).unwrap_or_default())
        };
        let id = self.id.get_or_try_init(|| asked).await?;
        Ok(format!("{id}/{repo_id}"))
    }

    /// One app, if it may be seen.
    ///
    /// # Errors
    /// There is no such app, or it is not the actor's.
    pub async fn app(&self, actor: &Actor, app_id: &str) -> Result<App, ReleaseError> {
        let app = self.find_app(app_id).await?;
        let is_shown = app.status == State::Active && app.published.is_some();
        if is_shown || sees_all(actor) || actor.owns(&app.owner) {
            return Ok(app);
        }
        Err(not_yours("app"))
    }

    /// One version, if it may be seen.
    ///
    /// # Errors
    /// There is no such version, or it is not the actor's.
    pub async fn version(&self, actor: &Actor, version_id: &str) -> Result<Version, ReleaseError> {
        let version = self.find_version(version_id).await?;
        if version.status == State::Active || sees_all(actor) || actor.owns(&version.owner) {
            return Ok(version);
        }
        Err(not_yours("version"))
    }

    /// The newest version of an app that is in the store.
    ///
    /// # Errors
    /// There is none.
    pub async fn latest(&self, app_id: &str) -> Result<Version, ReleaseError> {
        let columns = model::VERSION;
        let statement = Statement::new(
            format!(
                "SELECT {columns} FROM release_version WHERE app_id = $1 AND status = 'active'
                 ORDER BY sort_key DESC, number DESC LIMIT 1"
            ),
            [app_id.into()],
        );
        let rows = self.store.query(statement).await?;
        rows.first().map(model::version).ok_or_else(|| {
            ReleaseError::not_found("released version of the app", "已上架的版本", app_id)
        })
    }

    /// The history of a version or of an app, oldest first.
    ///
    /// # Errors
    /// There is no such thing, or it is not the actor's.
    pub async fn audits(
        &self,
        actor: &Actor,
        version_id: Option<&str>,
        app_id: Option<&str>,
    ) -> Result<Vec<Audit>, ReleaseError> {
        let (owner, condition, id) = match (version_id, app_id) {
            (Some(id), _) => (self.find_version(id).await?.owner, "version_id", id),
            (None, Some(id)) => (self.find_app(id).await?.owner, "app_id", id),
            (None, None) => return Err(ReleaseError::missing("version_id")),
        };
        if !sees_all(actor) && !actor.owns(&owner) {
            return Err(not_yours("history"));
        }
        let columns = audit::COLUMNS;
        let statement = Statement::new(
            format!("SELECT {columns} FROM release_audit WHERE {condition} = $1 ORDER BY number"),
            [id.into()],
        );
        let rows = self.store.query(statement).await?;
        Ok(rows.iter().map(audit::read).collect())
    }

    /// Changes what an app is. The store shows it with the next release.
    ///
    /// # Errors
    /// There is no such app, it is not the actor's, or a version of it is under review.
    pub async fn edit(
        &self,
        actor: &Actor,
        app_id: &str,
        change: AboutChange,
        categories: Option<Vec<String>>,
    ) -> Result<(), ReleaseError> {
        let app = self.own_app(actor, app_id).await?;
        let mut about = app.about;
        change.lay_over(&mut about)?;
        let mut statements = vec![
            Statement::new(
                format!(
                    "UPDATE release_app SET about = $2, search = $3, updated = $4
                     WHERE {NOT_IN_REVIEW}"
                ),
                [
                    app_id.into(),
                    model::json(&about).into(),
                    about.search(&app.name).into(),
                    clock::now().into(),
                ],
            )
            .or_refuse("app_version_in_review"),
        ];
        if let Some(categories) = categories {
            statements.extend(category::put(app_id, &categories));
        }
        let applied = self.store.apply(statements).await;
        applied.map_err(|error| in_review(error).or_category())
    }

    /// Deletes apps without versions.
    ///
    /// # Errors
    /// One has versions that are not deleted.
    pub async fn delete_apps(&self, actor: &Actor, ids: &[String]) -> Result<(), ReleaseError> {
        if ids.is_empty() {
            return Err(ReleaseError::missing("app_id"));
        }
        let mut statements = Vec::new();
        for id in ids {
            let app = self.own_app(actor, id).await?;
            if app.status == State::Deleted {
                return Err(ReleaseError::not_found("app", "应用", id));
            }
            statements.push(
                Statement::new(
                    "UPDATE release_app SET status = 'deleted', status_time = $2, updated = $2
                     WHERE app_id = $1 AND status <> 'deleted' AND NOT EXISTS (
                         SELECT 1 FROM release_version
                         WHERE app_id = $1 AND status <> 'deleted')",
                    [id.into(), clock::now().into()],
                )
                .or_refuse("exists_no_delete_versions"),
            );
        }
        self.store.apply(statements).await.map_err(|error| {
            refused(error, "exists_no_delete_versions", || {
                ReleaseError::new(
                    Kind::State,
                    "exists_no_delete_versions",
                    "the app still has versions; delete them first (one in the store is suspended before that), then the app",
                    "应用仍有未删除的版本，请先删除这些版本",
                )
            })
        })
    }

    /// Removes a repository: what was published in it leaves the store with it, each version with a row
    /// in its history.
    ///
    /// # Errors
    /// There is no such repository, or it cannot be removed.
    pub async fn remove_repository(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<(), RepositoryError> {
        let also = Box::new(|repo_id: &str| gone_with(actor, repo_id));
        self.shelves.remove(name, also).await
    }

    async fn find_app(&self, app_id: &str) -> Result<App, ReleaseError> {
        let columns = model::APP;
        let statement = Statement::new(
            format!("SELECT {columns} FROM release_app WHERE app_id = $1"),
            [app_id.into()],
        );
        let rows = self.store.query(statement).await?;
        rows.first()
            .map(model::app)
            .ok_or_else(|| ReleaseError::not_found("app", "应用", app_id))
    }

    async fn find_version(&self, version_id: &str) -> Result<Version, ReleaseError> {
        let columns = model::VERSION;
        let statement = Statement::new(
            format!("SELECT {columns} FROM release_version WHERE version_id = $1"),
            [version_id.into()],
        );
        let rows = self.store.query(statement).await?;
        rows.first()
            .map(model::version)
            .ok_or_else(|| ReleaseError::not_found("version", "应用版本", version_id))
    }

    /// An app that the actor may change.
    async fn own_app(&self, actor: &Actor, app_id: &str) -> Result<App, ReleaseError> {
        let app = self.find_app(app_id).await?;
        if state::may(actor.role, actor.owns(&app.owner), Action::Modify) {
            Ok(app)
        } else {
            Err(not_yours("app"))
        }
    }
}

/// Whether an actor sees what is not released.
fn sees_all(actor: &Actor) -> bool {
    actor.is(Role::Admin)
}

fn not_yours(what: &'static str) -> ReleaseError {
    ReleaseError::denied(
        &format!("see or change this {what}: it is another developer's, and not in the store"),
        "查看或修改其他开发者的应用",
    )
    .with(json!({ "what": what }))
}

/// The condition that the app of `$1` may be changed: nobody looks at a version of it just now.
const NOT_IN_REVIEW: &str = "app_id = $1 AND status <> 'deleted' AND NOT EXISTS (
     SELECT 1 FROM release_version WHERE app_id = $1 AND status IN ('submitted', 'in-review'))";

/// The refusal by [`NOT_IN_REVIEW`] in better words.
fn in_review(error: crate::database::shared::ApplyError) -> ReleaseError {
    refused(error, "app_version_in_review", || {
        ReleaseError::new(
            Kind::State,
            "app_version_in_review",
            "a version of the app is under review; cancel it, or wait until it is decided, and change the app then",
            "应用有版本正在审核中，暂时不能修改",
        )
    })
}

/// The error in better words, when the change was refused by this name.
fn refused(
    error: crate::database::shared::ApplyError,
    name: &str,
    better: impl FnOnce() -> ReleaseError,
) -> ReleaseError {
    match error {
        crate::database::shared::ApplyError::Refused(refusal) if refusal == name => better(),
        other => other.into(),
    }
}

/// The statements that delete all that was published in a repository which is removed.
fn gone_with(actor: &Actor, repo_id: &str) -> Vec<Statement> {
    let now = clock::now();
    vec![
        audit::rows_of_removal(actor, repo_id, now),
        Statement::new(
            "UPDATE release_version SET status = 'deleted', updated = $2, status_time = $2
             WHERE status <> 'deleted'
                 AND app_id IN (SELECT app_id FROM release_app WHERE repo_id = $1)",
            [repo_id.into(), now.into()],
        ),
        Statement::new(
            "UPDATE release_app SET status = 'deleted', updated = $2, status_time = $2
             WHERE repo_id = $1 AND status <> 'deleted'",
            [repo_id.into(), now.into()],
        ),
        Statement::new(
            "DELETE FROM release_shown WHERE repo_id = $1",
            [repo_id.into()],
        ),
        Statement::new(
            "DELETE FROM release_kept WHERE repo_id = $1",
            [repo_id.into()],
        ),
    ]
}

/// An app's own state, after one of its versions changed.
fn app_follows(app_id: &str) -> Statement {
    // In the order of `state::of_app`, which a test holds equal.
    Statement::new(
        "UPDATE release_app SET updated = $2, status_time = $2, status = CASE
             WHEN EXISTS (SELECT 1 FROM release_version v
                 WHERE v.app_id = $1 AND v.status = 'active') THEN 'active'
             WHEN EXISTS (SELECT 1 FROM release_version v WHERE v.app_id = $1
                 AND v.status IN ('draft', 'submitted', 'in-review', 'passed', 'rejected'))
                 THEN 'draft'
             WHEN EXISTS (SELECT 1 FROM release_version v
                 WHERE v.app_id = $1 AND v.status = 'suspended') THEN 'suspended'
             ELSE 'draft' END
         WHERE app_id = $1 AND status <> 'deleted'",
        [app_id.into(), clock::now().into()],
    )
}
