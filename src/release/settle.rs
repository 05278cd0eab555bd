//! Sets right what a crash cut off. The database is right; the repository follows it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Releases;
use super::clock;
use super::error::ReleaseError;
use super::model::{self, Version};
use super::publish::version_lock;
use super::shelf::Place;
use super::state::State;
use crate::app::Sha256;
use crate::database::shared::Statement;
use crate::repository::Entry;

/// How soon the catalogs of one server show what another one released.
const FOLLOW_PERIOD: Duration = Duration::from_secs(2);

/// The longest upload; what was put into a repository before that is no part of one.
const GRACE: Duration = Duration::from_hours(24);

/// What was set right in a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Versions that were put into the index.
    pub published: Vec<String>,
    /// Versions that were taken out of it.
    pub withdrawn: Vec<String>,
    /// Packages that belonged to no version.
    pub swept: usize,
    /// Released versions whose package in the repository is another one, as `name version`.
    pub altered: Vec<String>,
}

impl Releases {
    /// Sets every repository right that can be written. Another server that is at it does it for us.
    pub async fn settle_all(&self) {
        let places = match self.shelves.places().await {
            Ok(places) => places,
            Err(error) => {
                tracing::warn!("the repositories were not set right: {error}");
                return;
            }
        };
        for place in places {
            match self.settle_place(&place).await {
                Ok(settled) if settled != Settled::default() => {
                    tracing::info!(repository = place.name, ?settled, "set right");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(repository = place.name, "was not set right: {error}");
                }
            }
        }
    }

    /// Shows in this server's catalogs what other servers release and suspend, as long as it runs.
    pub async fn follow(&self) {
        let mut known = None;
        loop {
            tokio::time::sleep(FOLLOW_PERIOD).await;
            // A database that is away for a while is asked again.
            let Ok(generation) = self.store.generation().await else {
                continue;
            };
            if known == Some(generation) {
                continue;
            }
            known = Some(generation);
            for place in self.shelves.places().await.unwrap_or_default() {
                // What went wrong is in the log.
                let _ = self.shelves.look_again(&place.id).await;
            }
        }
    }

    /// Sets one repository right.
    ///
    /// # Errors
    /// What the repository or the database says.
    pub async fn settle_place(&self, place: &Place) -> Result<Settled, ReleaseError> {
        let mut settled = Settled::default();
        let lock = format!("settle:{}", place.id);
        let Some(_held) = self.store.try_lock(&lock).await? else {
            return Ok(settled);
        };
        let versions = self.versions_of(&place.id).await?;
        if !versions.is_empty() {
            let stock = self.shelves.stock(&place.id).await?;
            let of = |entries: &[Entry]| -> BTreeMap<(String, String), Option<Sha256>> {
                let pairs = entries.iter();
                pairs
                    .map(|it| ((it.name.clone(), it.version.clone()), it.digest))
                    .collect()
            };
            let (listed, left_over) = (of(&stock.listed), of(&stock.left_over));
            for (name, version) in &versions {
                let key = (name.clone(), version.version.clone());
                let Ok(ours) = version.digest() else {
                    tracing::error!(
                        repository = place.name,
                        "`{name}` {} has no checksum in the database, and is left as it is",
                        version.version
                    );
                    continue;
                };
                let shown = || format!("{name} {}", version.version);
                let is_active = version.status == State::Active;
                match (is_active, listed.get(&key)) {
                    (true, Some(digest)) if *digest != Some(ours) => {
                        // Somebody wrote to the repository by himself.
                        tracing::error!(
                            repository = place.name,
                            "`{name}` {} is released, and its package in the repository is another one",
                            version.version
                        );
                        settled.altered.push(shown());
                    }
                    (true, None) if self.settle_version(place, version).await => {
                        settled.published.push(shown());
                    }
                    (false, Some(digest))
                        if *digest == Some(ours) && self.settle_version(place, version).await =>
                    {
                        settled.withdrawn.push(shown());
                    }
                    (false, None)
                        if left_over.get(&key) == Some(&Some(ours))
                            && self.settle_version(place, version).await =>
                    {
                        settled.withdrawn.push(shown());
                    }
                    _ => {}
                }
            }
        }
        for shown in self.left(place, None).await? {
            let Some(_held) = self
                .store
                .try_lock(&version_lock(&shown.version_id))
                .await?
            else {
                continue;
            };
            // Whoever held it before may have released it.
            self.withdraw_left(place, &shown.version_id).await;
            settled
                .withdrawn
                .push(format!("{} {}", shown.name, shown.version));
        }
        for sha256 in self.nobodys(&place.id).await? {
            self.forget_unused(place, &sha256).await;
            settled.swept += 1;
        }
        Ok(settled)
    }

    /// The checksums of packages that this store put into a repository and that no version needs. What
    /// else lies there is another store's, or was put there before this database was brought back from
    /// a copy: nobody here knows what it is good for.
    async fn nobodys(&self, repo_id: &str) -> Result<Vec<String>, ReleaseError> {
        // Whoever is alone has no upload from before its start. Of several servers another may be
        // in the middle of one, also when its lock was lost with a connection.
        let before = if self.store.is_shared() {
            let grace = u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX);
            clock::now().saturating_sub(grace)
        } else {
            self.began
        };
        let statement = Statement::new(
            "SELECT sha256 FROM release_kept WHERE repo_id = $1 AND since < $2 AND NOT EXISTS (
                 SELECT 1 FROM release_version JOIN release_app USING (app_id)
                 WHERE release_version.sha256 = release_kept.sha256
                     AND release_app.repo_id = release_kept.repo_id
                     AND release_version.status <> 'deleted')",
            [repo_id.into(), before.into()],
        );
        let rows = self.store.query(statement).await?;
        Ok(rows.iter().map(|row| row.text(0)).collect())
    }

    /// Sets one version right, when nobody is at it. What is wrong with it is no reason to leave the
    /// others; answers whether it is right now.
    async fn settle_version(&self, place: &Place, version: &Version) -> bool {
        let version_id = &version.version_id;
        let done = async {
            let Some(_held) = self.store.try_lock(&version_lock(version_id)).await? else {
                return Ok(false);
            };
            self.settle(place, version_id).await.map(|()| true)
        };
        done.await.unwrap_or_else(|error: ReleaseError| {
            tracing::warn!(
                repository = place.name,
                version_id,
                "a version was not set right: {error}"
            );
            false
        })
    }

    /// Likewise, by the one who is at it.
    pub(super) async fn settle(&self, place: &Place, version_id: &str) -> Result<(), ReleaseError> {
        let version = self.find_version(version_id).await?;
        let app = self.find_app(&version.app_id).await?;
        if version.status == State::Active {
            let about = app.published.as_ref().unwrap_or(&app.about);
            return self.show(place, &app, about, &version).await;
        }
        self.withdraw(place, &app, &version).await
    }

    /// The versions of a repository that are not deleted, with their names.
    async fn versions_of(&self, repo_id: &str) -> Result<Vec<(String, Version)>, ReleaseError> {
        let columns = model::VERSION;
        let statement = Statement::new(
            format!(
                "SELECT {columns}, release_app.name
                 FROM release_version JOIN release_app USING (app_id)
                 WHERE release_app.repo_id = $1 AND release_version.status <> 'deleted'"
            ),
            [repo_id.into()],
        );
        let rows = self.store.query(statement).await?;
        Ok(rows
            .iter()
            .map(|row| (row.text(15), model::version(row)))
            .collect())
    }
}
