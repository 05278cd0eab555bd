//! Every change of a version's state, in one place.

use serde_json::json;

use super::account::{Actor, need_admin};
use super::error::{Kind, ReleaseError};
use super::model::{About, App, Version};
use super::shelf::Place;
use super::state::{self, Action, State};
use super::upload::digest;
use super::{Releases, app_follows, attachment, audit, category, clock, not_yours};
use crate::database::shared::{ApplyError, Statement};
use crate::repository::{Entry, Package, PackageKind};

/// The longest reason, bytes.
const MAX_MESSAGE: usize = 8 << 10;

/// The states that an action is possible in, as SQL wants them.
pub(super) fn from(action: Action) -> String {
    let states = state::transition(action).from.iter();
    let quoted: Vec<String> = states.map(|state| format!("'{state}'")).collect();
    quoted.join(", ")
}

impl Releases {
    /// Takes an action on a version: all of them but [`Action::Create`] and [`Action::Modify`], which
    /// need a package. `expected` is the checksum that its package must still have.
    ///
    /// # Errors
    /// The state does not allow it, the actor may not, a reason is missing, the package is another, or the
    /// repository fails.
    pub async fn act(
        &self,
        actor: &Actor,
        version_id: &str,
        action: Action,
        message: &str,
        expected: Option<&str>,
    ) -> Result<(), ReleaseError> {
        let message = message.trim();
        let version = self.find_version(version_id).await?;
        if expected.is_some_and(|expected| expected != version.sha256) {
            return Err(ReleaseError::changed(version_id));
        }
        self.check(actor, &version, action, message).await?;
        match action {
            Action::Release
            | Action::Recover
            | Action::Suspend
            | Action::Cancel
            | Action::Delete => {}
            Action::Create
            | Action::Modify
            | Action::Submit
            | Action::Review
            | Action::Pass
            | Action::Reject => return self.commit(actor, &version, action, message).await,
        }
        // What lies in the repository follows, so nobody else may be at it.
        let _held = self.store.lock(&version_lock(version_id)).await?;
        let version = self.find_version(version_id).await?;
        if expected.is_some_and(|expected| expected != version.sha256) {
            return Err(ReleaseError::changed(version_id));
        }
        self.check(actor, &version, action, message).await?;
        let app = self.find_app(&version.app_id).await?;
        let place = self.shelves.place(&app.repo_id).await?;
        let done = match action {
            Action::Release | Action::Recover => {
                let about = match (action, &app.published) {
                    (Action::Recover, Some(published)) => published,
                    _ => &app.about,
                };
                match self.show(&place, &app, about, &version).await {
                    Ok(()) => self.commit(actor, &version, action, message).await,
                    Err(error) => Err(error),
                }
            }
            Action::Suspend => {
                let withdrawn = self.withdraw(&place, &app, &version).await;
                match withdrawn {
                    Ok(()) => self.commit(actor, &version, action, message).await,
                    Err(error) => Err(error),
                }
            }
            _ => self.commit(actor, &version, action, message).await,
        };
        if let Err(error) = done {
            // The repository may be ahead of the database: it goes back to what that says.
            if let Err(error) = self.settle(&place, version_id).await {
                tracing::warn!(version_id, "a version was not set right: {error}");
            }
            return Err(error);
        }
        if matches!(action, Action::Cancel | Action::Delete) {
            self.withdraw_left(&place, version_id).await;
        }
        if action == Action::Delete {
            self.forget_unused(&place, &version.sha256).await;
        }
        Ok(())
    }

    /// Deletes a version in whatever state it is: what has to happen first is done, each step with its row
    /// of the history. Only for administrators.
    ///
    /// # Errors
    /// Those of [`Self::act`].
    pub async fn delete_directly(
        &self,
        actor: &Actor,
        version_id: &str,
        message: &str,
        expected: Option<&str>,
    ) -> Result<(), ReleaseError> {
        need_admin(actor)?;
        let first = match self.find_version(version_id).await?.status {
            State::Submitted | State::InReview => Some(Action::Cancel),
            State::Active => Some(Action::Suspend),
            State::Draft | State::Passed | State::Rejected | State::Suspended | State::Deleted => {
                None
            }
        };
        for action in first.into_iter().chain([Action::Delete]) {
            self.act(actor, version_id, action, message, expected)
                .await?;
        }
        Ok(())
    }

    /// Puts a version's package where others see it. That it may be there is noted before: whatever
    /// becomes of the version, the package is found again.
    pub(super) async fn show(
        &self,
        place: &Place,
        app: &App,
        about: &About,
        version: &Version,
    ) -> Result<(), ReleaseError> {
        let (entry, digest) = (entry(app, about, version)?, version.digest()?);
        let owner = self.owner(&place.id).await?;
        let noted = Statement::new(
            "INSERT INTO release_shown (repo_id, name, version, sha256, version_id)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (repo_id, name, version, sha256) DO UPDATE SET version_id = $5",
            [
                (&place.id).into(),
                (&app.name).into(),
                (&version.version).into(),
                (&version.sha256).into(),
                (&version.version_id).into(),
            ],
        );
        self.store.apply(vec![noted]).await?;
        self.shelves
            .publish(&place.id, &owner, &entry, digest)
            .await?;
        Ok(())
    }

    pub(super) async fn withdraw(
        &self,
        place: &Place,
        app: &App,
        version: &Version,
    ) -> Result<(), ReleaseError> {
        let shown = Shown {
            name: app.name.clone(),
            version: version.version.clone(),
            sha256: version.sha256.clone(),
            version_id: version.version_id.clone(),
        };
        self.take_away(place, &shown).await
    }

    /// Takes a package away from where others see it, and forgets that it may be there.
    pub(super) async fn take_away(&self, place: &Place, shown: &Shown) -> Result<(), ReleaseError> {
        // From a repository that was removed nothing is offered, and nobody has a key to it.
        if place.active {
            let owner = self.owner(&place.id).await?;
            let digest = digest(&shown.version_id, &shown.sha256)?;
            self.shelves
                .withdraw(&place.id, &owner, &shown.name, &shown.version, digest)
                .await?;
        }
        let gone = Statement::new(
            "DELETE FROM release_shown
             WHERE repo_id = $1 AND name = $2 AND version = $3 AND sha256 = $4",
            [
                (&place.id).into(),
                (&shown.name).into(),
                (&shown.version).into(),
                (&shown.sha256).into(),
            ],
        );
        Ok(self.store.apply(vec![gone]).await?)
    }

    /// The packages that others may see though no version in the store is behind them: of one
    /// version, or of all. A release that was cut off left them.
    pub(super) async fn left(
        &self,
        place: &Place,
        version_id: Option<&str>,
    ) -> Result<Vec<Shown>, ReleaseError> {
        let statement = Statement::new(
            "SELECT name, version, sha256, version_id FROM release_shown
             WHERE repo_id = $1 AND ($2 = '' OR version_id = $2) AND NOT EXISTS (
                 SELECT 1 FROM release_version v JOIN release_app a ON a.app_id = v.app_id
                 WHERE v.sha256 = release_shown.sha256 AND v.version = release_shown.version
                     AND a.repo_id = release_shown.repo_id AND a.name = release_shown.name
                     AND v.status = 'active')",
            [(&place.id).into(), version_id.unwrap_or_default().into()],
        );
        let rows = self.store.query(statement).await?;
        let shown = rows.iter().map(|row| Shown {
            name: row.text(0),
            version: row.text(1),
            sha256: row.text(2),
            version_id: row.text(3),
        });
        Ok(shown.collect())
    }

    /// Takes away what a release of this version that was cut off left. A failure is mended when the
    /// repository is set right.
    pub(super) async fn withdraw_left(&self, place: &Place, version_id: &str) {
        let done = async {
            for shown in self.left(place, Some(version_id)).await? {
                self.take_away(place, &shown).await?;
            }
            Ok::<(), ReleaseError>(())
        };
        if let Err(error) = done.await {
            tracing::warn!(version_id, "its package may still be offered: {error}");
        }
    }

    /// Whether the actor may do it, and whether the state allows it.
    async fn check(
        &self,
        actor: &Actor,
        version: &Version,
        action: Action,
        message: &str,
    ) -> Result<(), ReleaseError> {
        let is_owner = actor.owns(&version.owner);
        if !state::may(actor.role, is_owner, action) {
            return Err(
                ReleaseError::denied(&format!("{action} this version"), "执行该操作")
                    .with(json!({ "action": action, "role": actor.role })),
            );
        }
        if state::transition(action).needs_message && message.is_empty() {
            return Err(ReleaseError::missing("message"));
        }
        if message.len() > MAX_MESSAGE {
            return Err(ReleaseError::parameter(
                "message",
                "it is longer than 8 KiB; say it in fewer words",
            ));
        }
        if state::after(version.status, action).is_none() {
            return Err(ReleaseError::status(
                &version.version_id,
                version.status,
                action,
            ));
        }
        if action == Action::Pass
            && self.accounts.has_other_admin(actor).await?
            && (is_owner || self.last_hand(&version.version_id).await? == actor.name)
        {
            return Err(ReleaseError::new(
                Kind::Denied,
                "cannot_review_own",
                "you may not pass your own version while there is another administrator; let that one review it",
                "存在其他管理员时，不能审核自己提交的版本",
            ));
        }
        Ok(())
    }

    /// Who uploaded a version or changed it last: an administrator may do that for a developer, and it is
    /// his own work then.
    async fn last_hand(&self, version_id: &str) -> Result<String, ReleaseError> {
        let statement = Statement::new(
            "SELECT operator FROM release_audit
             WHERE version_id = $1 AND action IN ('create', 'modify')
             ORDER BY number DESC LIMIT 1",
            [version_id.into()],
        );
        let rows = self.store.query(statement).await?;
        Ok(rows.first().map(|row| row.text(0)).unwrap_or_default())
    }

    /// Changes the state, with the row of the history, the app's state and, at a release, what the
    /// store shows: all of it or nothing.
    async fn commit(
        &self,
        actor: &Actor,
        version: &Version,
        action: Action,
        message: &str,
    ) -> Result<(), ReleaseError> {
        let row = state::transition(action);
        let (version_id, app_id) = (&version.version_id, &version.app_id);
        let kept = match action {
            Action::Reject | Action::Suspend => message,
            Action::Cancel | Action::Review | Action::Delete => &version.message,
            _ => "",
        };
        let mut statements = vec![
            Statement::new(
                format!(
                    "UPDATE release_version
                     SET status = $2, message = $3, updated = $4, status_time = $4
                     WHERE version_id = $1 AND sha256 = $5 AND status IN ({})",
                    from(action)
                ),
                [
                    version_id.into(),
                    row.to.as_str().into(),
                    kept.into(),
                    clock::now().into(),
                    (&version.sha256).into(),
                ],
            )
            .or_refuse("app_version_incorrect_status"),
            audit::row(
                actor,
                actor.owns(&version.owner),
                version_id,
                app_id,
                action,
                row.to,
                message,
            ),
            app_follows(app_id),
        ];
        if action == Action::Release {
            statements.push(Statement::new(
                "UPDATE release_app SET published = about, published_search = search
                 WHERE app_id = $1",
                [app_id.into()],
            ));
            statements.extend(attachment::publish(app_id));
            statements.extend(category::publish(app_id));
        }
        let applied = self.store.apply(statements).await;
        self.explain(version_id, action, applied).await
    }

    /// A refusal because somebody else was quicker is told with the state that it left.
    pub(super) async fn explain(
        &self,
        version_id: &str,
        action: Action,
        applied: Result<(), ApplyError>,
    ) -> Result<(), ReleaseError> {
        match applied {
            Ok(()) => Ok(()),
            Err(ApplyError::Refused("app_version_incorrect_status")) => {
                let now = self.find_version(version_id).await?;
                Err(ReleaseError::status(version_id, now.status, action))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The package of a version, if it may be had: a released one by everybody, others by their
    /// developer and by administrators.
    ///
    /// # Errors
    /// There is no such version, it is not the actor's, or the repository fails.
    pub async fn package(
        &self,
        actor: &Actor,
        version_id: &str,
    ) -> Result<(App, Version, Package), ReleaseError> {
        let version = self.find_version(version_id).await?;
        let sees =
            version.status == State::Active || super::sees_all(actor) || actor.owns(&version.owner);
        if !sees {
            return Err(not_yours("package"));
        }
        if version.status == State::Deleted {
            return Err(ReleaseError::not_found("version", "应用版本", version_id));
        }
        let app = self.find_app(&version.app_id).await?;
        let owner = self.owner(&app.repo_id).await?;
        let kept = self.shelves.kept(&app.repo_id, &owner, version.digest()?);
        let package = kept.await?;
        Ok((app, version, package))
    }
}

/// A package that others may see.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
    pub(super) version_id: String,
}

/// Held while a version and what lies of it in the repository change together.
pub(super) fn version_lock(version_id: &str) -> String {
    format!("version:{version_id}")
}

/// What the index says of a version.
pub(super) fn entry(app: &App, about: &About, version: &Version) -> Result<Entry, ReleaseError> {
    let manifest = &version.manifest;
    let mut entry = Entry::default();
    entry.name.clone_from(&app.name);
    entry.version.clone_from(&version.version);
    entry.app_version.clone_from(&manifest.app_version);
    entry.description.clone_from(&about.description);
    entry.home.clone_from(&about.home);
    entry.icon.clone_from(&about.icon);
    entry.keywords.clone_from(&about.keywords);
    entry.maintainers.clone_from(&about.maintainers);
    entry.sources.clone_from(&about.sources);
    entry.screenshots.clone_from(&about.screenshots);
    entry.kind = match manifest.package_type.as_str() {
        "godoos" => PackageKind::Godoos,
        "openpitrix" => PackageKind::Openpitrix,
        "helm" => PackageKind::Helm,
        _ => PackageKind::Unknown,
    };
    entry.category.clone_from(&manifest.category);
    entry.platforms.clone_from(&manifest.platforms);
    entry.pkg.clone_from(&manifest.pkg);
    entry.pkg_digest = manifest.pkg_sha256.parse().ok();
    entry.size = version.size;
    entry.urls = vec![format!("{}-{}.{}", app.name, version.version, version.kind)];
    entry.digest = Some(version.digest()?);
    entry.created = clock::rfc3339(version.created);
    Ok(entry)
}
