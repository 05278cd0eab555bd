//! Where the packages of versions lie: the repositories, as publishing needs them.
//!
//! Every version's package is kept at a name made of its checksum, which no list shows, until the
//! version is deleted. `owner` is the folder for that: other stores may have theirs in the same bucket. A
//! released one lies beside that under its own name and in the index. All of it
//! can be done twice without harm, which is how what a crash cut off is mended.

use std::path::Path;

use futures_util::future::BoxFuture;

use crate::app::Sha256;
use crate::database::shared::Statement;
use crate::repository::{
    Entry, Package, Record, Repositories, Repository, RepositoryError, Status,
};

/// What publishing needs to know of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `repo-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It can be written.
    pub writable: bool,
    /// It was not removed.
    pub active: bool,
}

/// What a repository has.
#[derive(Clone, Debug, Default)]
pub struct Stock {
    /// What its index has.
    pub listed: Vec<Entry>,
    /// What lies there without being in the index: what was cut off left it, or it is on its way.
    pub left_over: Vec<Entry>,
}

/// The answer of a shelf.
type Answer<'a, T> = BoxFuture<'a, Result<T, RepositoryError>>;

/// The changes beside the removal of a repository of this id.
pub(super) type Also<'a> = Box<dyn FnOnce(&str) -> Vec<Statement> + Send + 'a>;

/// The repositories, as publishing needs them.
pub trait Shelves: Send + Sync {
    /// A repository by its id or name.
    fn place<'a>(&'a self, id_or_name: &'a str) -> Answer<'a, Place>;

    /// All repositories that can be written.
    fn places(&self) -> Answer<'_, Vec<Place>>;

    /// Keeps a package by its checksum. One that is kept already is no mistake.
    fn keep<'a>(
        &'a self,
        repo: &'a str,
        owner: &'a str,
        sha256: Sha256,
        file: &'a Path,
    ) -> Answer<'a, ()>;

    /// A package that is kept.
    fn kept<'a>(&'a self, repo: &'a str, owner: &'a str, sha256: Sha256) -> Answer<'a, Package>;

    /// Forgets a package that was kept. One that is not there is no mistake.
    fn forget<'a>(&'a self, repo: &'a str, owner: &'a str, sha256: Sha256) -> Answer<'a, ()>;

    /// Puts a package that is kept where others see it, and into the index.
    fn publish<'a>(
        &'a self,
        repo: &'a str,
        owner: &'a str,
        entry: &'a Entry,
        sha256: Sha256,
    ) -> Answer<'a, ()>;

    /// Takes a version out of the index and away from where others see it.
    fn withdraw<'a>(
        &'a self,
        repo: &'a str,
        owner: &'a str,
        name: &'a str,
        version: &'a str,
        sha256: Sha256,
    ) -> Answer<'a, ()>;

    /// Whether the index has a package of this name, in this version when one is given.
    fn has<'a>(
        &'a self,
        repo: &'a str,
        name: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, bool>;

    /// Removes a repository, with what changes beside it by its id: both, or nothing.
    fn remove<'a>(&'a self, name: &'a str, also: Also<'a>) -> Answer<'a, ()>;

    /// Shows in the catalogs what the index has now.
    fn look_again<'a>(&'a self, repo: &'a str) -> Answer<'a, ()>;

    /// What there is, once index and files agree.
    fn stock<'a>(&'a self, repo: &'a str) -> Answer<'a, Stock>;
}

impl Place {
    fn of(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            name: record.name.to_string(),
            writable: record.writable,
            active: record.status == Status::Active,
        }
    }
}

/// A repository by its id or its name. Names never begin as ids do.
async fn record(all: &Repositories, id_or_name: &str) -> Result<Record, RepositoryError> {
    match all.by_id(id_or_name).await {
        Err(RepositoryError::Unknown(_)) => all.get(id_or_name).await,
        other => other,
    }
}

async fn open(all: &Repositories, id: &str) -> Result<Repository, RepositoryError> {
    let record = record(all, id).await?;
    if record.status != Status::Active {
        // Another one may bear its name now.
        return Err(RepositoryError::Unknown(record.name.to_string()));
    }
    all.open(record.name.as_str()).await
}

/// The catalogs show what the index has now; they are behind for a while when that fails.
async fn look_again(all: &Repositories, id: &str) {
    let looked = async {
        let record = record(all, id).await?;
        all.look_again(record.name.as_str()).await
    };
    if let Err(error) = looked.await {
        tracing::warn!("the store shows what was before: {error}");
    }
}

impl Shelves for Repositories {
    fn place<'a>(&'a self, id_or_name: &'a str) -> Answer<'a, Place> {
        Box::pin(async move { Ok(Place::of(&record(self, id_or_name).await?)) })
    }

    fn places(&self) -> Answer<'_, Vec<Place>> {
        Box::pin(async move {
            let records = self.list(false).await?;
            let writable = records.iter().filter(|record| record.writable);
            Ok(writable.map(Place::of).collect())
        })
    }

    fn keep<'a>(
        &'a self,
        repo: &'a str,
        owner: &'a str,
        sha256: Sha256,
        file: &'a Path,
    ) -> Answer<'a, ()> {
        Box::pin(async move { open(self, repo).await?.keep(owner, sha256, file).await })
    }

    fn kept<'a>(&'a self, repo: &'a str, owner: &'a str, sha256: Sha256) -> Answer<'a, Package> {
        Box::pin(async move { open(self, repo).await?.kept(owner, sha256).await })
    }

    fn forget<'a>(&'a self, repo: &'a str, owner: &'a str, sha256: Sha256) -> Answer<'a, ()> {
        Box::pin(async move { open(self, repo).await?.forget(owner, sha256).await })
    }

    fn publish<'a>(
        &'a self,
        repo: &'a str,
        owner: &'a str,
        entry: &'a Entry,
        sha256: Sha256,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let repository = open(self, repo).await?;
            repository.publish(owner, entry, sha256).await?;
            look_again(self, repo).await;
            Ok(())
        })
    }

    fn withdraw<'a>(
        &'a self,
        repo: &'a str,
        owner: &'a str,
        name: &'a str,
        version: &'a str,
        sha256: Sha256,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let repository = open(self, repo).await?;
            repository.withdraw(owner, name, version, sha256).await?;
            look_again(self, repo).await;
            Ok(())
        })
    }

    fn has<'a>(
        &'a self,
        repo: &'a str,
        name: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let index = match open(self, repo).await?.index().await {
                Ok(index) => index,
                // One that is broken is made anew by the next sync.
                Err(RepositoryError::Index { .. }) => return Ok(false),
                Err(error) => return Err(error),
            };
            Ok(match version {
                Some(version) => index.get(name, version).is_some(),
                None => !index.versions(name).is_empty(),
            })
        })
    }

    fn remove<'a>(&'a self, name: &'a str, also: Also<'a>) -> Answer<'a, ()> {
        Box::pin(async move { Repositories::remove(self, name, also).await })
    }

    fn look_again<'a>(&'a self, repo: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            look_again(self, repo).await;
            Ok(())
        })
    }

    fn stock<'a>(&'a self, repo: &'a str) -> Answer<'a, Stock> {
        Box::pin(async move {
            let repository = open(self, repo).await?;
            let record = record(self, repo).await?;
            // One that is only synced by hand stays as it is, index and all.
            if record.sync_period > 0 {
                let name = record.name.as_str();
                let event = self.sync_next(name, "settling").await?;
                tracing::debug!(repository = name, "{}", event.result);
            }
            let index = repository.index().await?;
            Ok(Stock {
                left_over: repository.left_over(&index).await?,
                listed: index.entries().cloned().collect(),
            })
        })
    }
}
