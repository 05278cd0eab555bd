//! The repositories that are configured: their records, what happened with them, and the schedule by
//! which they are brought up to date.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::address::{Address, Kind, resolve};
use super::cache::{Cache, cached_one};
use super::credentials::{AccessKey, Credentials, Secret};
use super::error::RepositoryError;
use super::index::Index;
use super::name::RepositoryName;
use super::sync::Synced;
use super::{LOCAL, Repository, Shared, Validation, blocking, now, random_word};
use crate::database::shared::Statement;
use crate::database::{EventRow, RepositoryRow, RepositoryStore};
use crate::download::Downloader;
use crate::library::Library;

/// The id of the repository that is there from the start.
const LOCAL_ID: &str = "repo-local";

/// How often a repository is brought up to date when nobody says otherwise, seconds.
const SYNC_PERIOD: u64 = 6 * 3600;

/// The shortest time between two syncs by the schedule, seconds.
const MIN_SYNC_PERIOD: u64 = 60;

/// The schedule waits for the service to be at rest.
const FIRST_SYNC: Duration = Duration::from_secs(5);

/// A worker that says nothing for so long is dead.
const LEASE: Duration = Duration::from_mins(1);

/// How often it says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Who wants a sync while one is under way waits for so long.
const TURN_PATIENCE: Duration = Duration::from_mins(10);

/// How often he looks whether it has ended; another server may be at it.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Events that are looked through for how a repository is.
const LOOK_BACK: usize = 50;

/// Longest description, characters.
const MAX_DESCRIPTION: usize = 2000;

/// Whether a repository is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    #[default]
    Active,
    /// It was removed; what was installed from it stays.
    Deleted,
}

/// A repository as it is configured, and how it is.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// `repo-…`, for ever.
    pub id: String,
    /// Its name.
    #[schema(value_type = String)]
    pub name: RepositoryName,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Where it is, without a password.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Whether it is used.
    pub status: Status,
    /// It is there from the start and cannot be removed.
    pub built_in: bool,
    /// Seconds between two syncs; 0: only by hand.
    pub sync_period: u64,
    /// Whether packages can be published to it.
    pub writable: bool,
    /// Whether it has an access key or a password. Nothing shows them.
    pub has_credential: bool,
    /// How it is.
    pub sync: SyncState,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Likewise, of the last change.
    pub changed_at: u64,
}

/// How a repository is, by what happened last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncState {
    /// How the last sync went; none when there was none.
    pub status: Option<EventStatus>,
    /// When the last successful one ended, in milliseconds since 1970.
    pub synced_at: Option<u64>,
    /// Why the last one failed; empty when it did not.
    pub error: String,
    /// Packages that it has.
    pub packages: usize,
    /// Versions of them.
    pub versions: usize,
    /// What is wrong with single packages, as sentences.
    pub problems: Vec<String>,
}

/// How far an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// It waits for its turn.
    Pending,
    /// It is at work.
    Working,
    /// It did what it was to do.
    Successful,
    /// It did not.
    Failed,
}

/// Something that happened with a repository: it was brought up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `repoe-…`.
    pub id: String,
    /// The repository's id.
    pub repository: String,
    /// How far it is.
    pub status: EventStatus,
    /// What came of it, as a sentence.
    pub result: String,
    /// What is wrong with single packages, as sentences.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Who asked for it: `user`, `schedule`, `created`, `changed`.
    pub owner: String,
    /// Packages that the repository has; of a successful one.
    #[serde(default)]
    pub packages: usize,
    /// Versions of them.
    #[serde(default)]
    pub versions: usize,
    /// Packages that were read to learn what they are.
    #[serde(default)]
    pub read: usize,
    /// Whether there was anything new.
    #[serde(default)]
    pub changed: bool,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Likewise; none while it is at work.
    pub ended_at: Option<u64>,
}

/// What is kept of a repository's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Configured {
    id: String,
    pub(super) name: RepositoryName,
    url: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    sync_period: u64,
    #[serde(default)]
    has_credential: bool,
    /// Whether its server heeds the conditions of writes; none: nobody has tried.
    #[serde(default)]
    conditional: Option<bool>,
    created_at: u64,
    changed_at: u64,
}

/// A repository that is to be added.
#[derive(Clone, Debug, Default)]
pub struct NewRepository {
    /// Its name.
    pub name: String,
    /// `s3`, `http`, `https` or `directory`; by the address when empty.
    pub kind: String,
    /// Where it is.
    pub url: String,
    /// The key of an S3 repository.
    pub key: Option<AccessKey>,
    /// What it is for.
    pub description: String,
    /// Seconds between two syncs; 0: only by hand.
    pub sync_period: Option<u64>,
}

/// What is to be changed; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// The key of an S3 repository.
    pub key: Option<AccessKey>,
    /// What it is for.
    pub description: Option<String>,
    /// Seconds between two syncs; 0: only by hand.
    pub sync_period: Option<u64>,
}

/// The repositories. Cheap to clone.
#[derive(Clone)]
pub struct Repositories {
    inner: Arc<Inner>,
}

/// Is told of a repository whose offers or state changed.
type Listener = Box<dyn Fn(&RepositoryName) + Send + Sync>;

struct Inner {
    library: Library,
    store: Arc<dyn RepositoryStore>,
    downloader: Downloader,
    credentials: Credentials,
    /// By id, with the address that they were opened with.
    opened: Mutex<HashMap<String, (String, Repository)>>,
    changed: Notify,
    listener: OnceLock<Listener>,
    /// One change of the configuration at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Repositories {
    /// The repositories of a home.
    pub fn new(
        library: &Library,
        store: Arc<dyn RepositoryStore>,
        downloader: &Downloader,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                library: library.clone(),
                store,
                downloader: downloader.clone(),
                credentials: Credentials::new(&library.repository_keys()),
                opened: Mutex::default(),
                changed: Notify::new(),
                listener: OnceLock::new(),
                turn: tokio::sync::Mutex::new(()),
            }),
        }
    }

    /// Who is told of a repository whose offers or state changed. The first one counts.
    pub fn on_change(&self, listener: impl Fn(&RepositoryName) + Send + Sync + 'static) {
        let _ = self.inner.listener.set(Box::new(listener));
    }

    /// Makes the built-in repository where it is missing, and ends what a killed service left under way.
    /// `alone` says that no other service works on this database.
    ///
    /// # Errors
    /// What the database says.
    pub async fn recover(&self, alone: bool) -> Result<(), RepositoryError> {
        let store = &self.inner.store;
        let dead = if alone { u64::MAX } else { now() };
        store.close_events(dead, cut_off).await?;
        let known = store.repositories().await?;
        if known.iter().any(|row| row.id == LOCAL_ID) {
            return Ok(());
        }
        let local = Configured {
            id: LOCAL_ID.to_owned(),
            name: RepositoryName::parse(LOCAL)?,
            url: self.local_address(),
            description: "What is published on this computer".to_owned(),
            status: Status::Active,
            sync_period: SYNC_PERIOD,
            has_credential: false,
            conditional: None,
            created_at: now(),
            changed_at: now(),
        };
        self.save(&local).await?;
        Ok(())
    }

    /// All repositories in the order of their names; removed ones only when they are wanted.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list(&self, with_deleted: bool) -> Result<Vec<Record>, RepositoryError> {
        let mut records = Vec::new();
        for configured in self.configured().await? {
            if configured.status == Status::Active || with_deleted {
                records.push(self.record(configured).await?);
            }
        }
        Ok(records)
    }

    /// One repository, by its name.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and the database's.
    pub async fn get(&self, name: &str) -> Result<Record, RepositoryError> {
        let configured = self.named(name).await?;
        self.record(configured).await
    }

    /// One repository, by its id; a removed one, too.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and the database's.
    pub async fn by_id(&self, id: &str) -> Result<Record, RepositoryError> {
        let all = self.configured().await?;
        let found = all.into_iter().find(|it| it.id == id);
        self.record(found.ok_or_else(|| unknown(id))?).await
    }

    /// Says what works with a repository that is not configured.
    ///
    /// # Errors
    /// When its address, type or key is none: with OpenPitrix's code.
    pub async fn try_out(
        &self,
        url: &str,
        kind: &str,
        key: Option<&AccessKey>,
    ) -> Result<Validation, RepositoryError> {
        let (address, user) = parse(url, kind)?;
        let downloader = &self.inner.downloader;
        let repository =
            Repository::open("new", &address, user, key, downloader, Shared::default()).await?;
        Ok(repository.validate().await)
    }

    /// Says what works with a repository, and remembers whether its server heeds conditions.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and those of its address, its key and the database.
    pub async fn validate(&self, name: &str) -> Result<Validation, RepositoryError> {
        let found = self.open(name).await?.validate().await;
        let _turn = self.inner.turn.lock().await;
        let mut configured = self.named(name).await?;
        if found.writable && configured.conditional != Some(found.conditional) {
            configured.conditional = Some(found.conditional);
            self.save(&configured).await?;
        }
        Ok(found)
    }

    /// Adds a repository that can be read. Its packages come with the sync that the caller asks for.
    ///
    /// # Errors
    /// [`RepositoryError::Name`], [`RepositoryError::NameTaken`], [`RepositoryError::AddressTaken`], those
    /// of its address and key, and [`RepositoryError::Unreadable`].
    pub async fn add(&self, new: NewRepository) -> Result<Record, RepositoryError> {
        let name = RepositoryName::parse(&new.name)?;
        let (address, user) = parse(&new.url, &new.kind)?;
        let _turn = self.inner.turn.lock().await;
        let all = self.configured().await?;
        let mut active = all.iter().filter(|it| it.status == Status::Active);
        if active.any(|it| it.name == name) {
            return Err(RepositoryError::NameTaken(name));
        }
        self.must_be_free(&address, "").await?;
        let url = address.to_string();
        let secret = Secret {
            key: new.key.filter(|_| address.kind() == Kind::S3),
            user,
        };
        let conditional = self
            .must_be_readable(name.as_str(), &address, &secret)
            .await?;
        let configured = Configured {
            id: format!("repo-{}", random_word()),
            name: name.clone(),
            url,
            description: shortened(&new.description),
            status: Status::Active,
            sync_period: period(new.sync_period.unwrap_or(SYNC_PERIOD)),
            has_credential: secret != Secret::default(),
            conditional,
            created_at: now(),
            changed_at: now(),
        };
        self.keep_secret(&configured.id, secret).await?;
        if !self.save(&configured).await? {
            self.keep_secret(&configured.id, Secret::default()).await?;
            return Err(RepositoryError::NameTaken(name));
        }
        self.told(&configured.name);
        self.record(configured).await
    }

    /// Changes a repository. A new address or key must be good before anything is changed.
    ///
    /// # Errors
    /// Those of [`Self::add`], and [`RepositoryError::BuiltIn`].
    pub async fn change(&self, name: &str, change: Change) -> Result<Record, RepositoryError> {
        let _turn = self.inner.turn.lock().await;
        let mut configured = self.named(name).await?;
        let before = configured.name.clone();
        if configured.id == LOCAL_ID
            && (change.url.is_some() || change.name.is_some() || change.key.is_some())
        {
            return Err(RepositoryError::BuiltIn(configured.name));
        }
        if let Some(name) = &change.name {
            configured.name = RepositoryName::parse(name)?;
            self.must_have_no_namesake(&configured).await?;
        }
        let mut secret = None;
        let mut known = Secret::default();
        if change.url.is_some() || change.key.is_some() {
            known = self.secret(&configured.id).await?;
            let url = change.url.as_deref().unwrap_or(&configured.url);
            let (address, user) = Address::parse(url, None)?;
            let url = address.to_string();
            self.must_be_free(&address, &configured.id).await?;
            let new = Secret {
                key: change
                    .key
                    .or(known.key.clone())
                    .filter(|_| address.kind() == Kind::S3),
                // What was for another address is not told to the new one.
                user: user.or(known.user.clone().filter(|_| change.url.is_none())),
            };
            configured.conditional = self
                .must_be_readable(configured.name.as_str(), &address, &new)
                .await?;
            configured.url = url;
            configured.has_credential = new != Secret::default();
            secret = Some(new);
        }
        if let Some(description) = &change.description {
            configured.description = shortened(description);
        }
        if let Some(seconds) = change.sync_period {
            configured.sync_period = period(seconds);
        }
        configured.changed_at = now();
        let has_new = secret.is_some();
        if let Some(secret) = secret {
            self.keep_secret(&configured.id, secret).await?;
        }
        let saved = match self.save(&configured).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(RepositoryError::NameTaken(configured.name.clone())),
            Err(error) => Err(error),
        };
        if has_new {
            if saved.is_err() {
                // Another server was quicker, or the database failed: what was good before stays.
                self.keep_secret(&configured.id, known).await?;
            }
            self.opened().remove(&configured.id);
        }
        saved?;
        if before != configured.name {
            let old = Cache::new(&self.inner.library, &before, "", "", false);
            blocking(move || old.remove()).await;
            self.opened().remove(&configured.id);
        }
        self.told(&configured.name);
        self.record(configured).await
    }

    /// Removes a repository. What lies in it stays there, and what was installed from it stays, too.
    /// `also` says, by its id, what changes with it: both is done, or nothing.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], [`RepositoryError::BuiltIn`], and the database's.
    pub async fn remove(
        &self,
        name: &str,
        also: impl FnOnce(&str) -> Vec<Statement>,
    ) -> Result<(), RepositoryError> {
        let _turn = self.inner.turn.lock().await;
        let mut configured = self.named(name).await?;
        if configured.id == LOCAL_ID {
            return Err(RepositoryError::BuiltIn(configured.name));
        }
        configured.status = Status::Deleted;
        configured.has_credential = false;
        configured.changed_at = now();
        let also = also(&configured.id);
        let removed = self
            .inner
            .store
            .remove_repository(row_of(&configured), also);
        removed.await?;
        self.keep_secret(&configured.id, Secret::default()).await?;
        self.opened().remove(&configured.id);
        let cache = self.cache(&configured);
        blocking(move || cache.remove()).await;
        self.told(&configured.name);
        Ok(())
    }

    /// A repository, opened.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and those of its address and key.
    pub async fn open(&self, name: &str) -> Result<Repository, RepositoryError> {
        let configured = self.named(name).await?;
        self.open_configured(&configured).await
    }

    pub(super) async fn open_configured(
        &self,
        configured: &Configured,
    ) -> Result<Repository, RepositoryError> {
        if let Some((url, known)) = self.opened().get(&configured.id)
            && *url == configured.url
        {
            return Ok(known.clone());
        }
        let secret = self.secret(&configured.id).await?;
        let (address, _) = Address::parse(&configured.url, None)?;
        let key = secret.key.as_ref();
        let name = configured.name.as_str();
        let downloader = &self.inner.downloader;
        let shared = Shared {
            store: Some(Arc::clone(&self.inner.store)),
            conditional: configured.conditional,
        };
        let user = secret.user;
        let opened = Repository::open(name, &address, user, key, downloader, shared).await?;
        let mut all = self.opened();
        // Two who open one at once must share its turns.
        let entry = all.entry(configured.id.clone());
        let (url, known) = entry.or_insert_with(|| (configured.url.clone(), opened.clone()));
        if *url != configured.url {
            (*url, *known) = (configured.url.clone(), opened);
        }
        Ok(known.clone())
    }

    /// The index of a repository as it was last known; none before the first sync.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and the database's.
    pub async fn known_index(&self, name: &str) -> Result<Option<Index>, RepositoryError> {
        let configured = self.named(name).await?;
        let library = self.inner.library.clone();
        let known = blocking(move || cached_one(&library, &configured.name)).await;
        Ok(known.map(|known| known.index))
    }

    /// What happened with a repository, the newest first.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and the database's.
    pub async fn events(&self, name: &str, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        let configured = self.named(name).await?;
        self.events_of(&configured.id, limit).await
    }

    async fn events_of(&self, id: &str, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        let rows = self.inner.store.events(id, limit).await?;
        let events = rows.iter().map(|row| serde_json::from_str(&row.record));
        Ok(events.filter_map(Result::ok).collect())
    }

    /// Brings a repository up to date. Answers the event that tells how it went: also a failure is one.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], [`RepositoryError::Busy`], and the database's.
    pub async fn sync(&self, name: &str, owner: &str) -> Result<Event, RepositoryError> {
        let configured = self.named(name).await?;
        let mut event = Event {
            id: format!("repoe-{}", random_word()),
            repository: configured.id.clone(),
            status: EventStatus::Pending,
            result: String::new(),
            problems: Vec::new(),
            owner: owner.to_owned(),
            packages: 0,
            versions: 0,
            read: 0,
            changed: false,
            created_at: now(),
            ended_at: None,
        };
        let store = &self.inner.store;
        if !store.begin_event(row(&event), now(), cut_off).await? {
            return Err(RepositoryError::Busy(configured.name));
        }
        self.told(&configured.name);
        event.status = EventStatus::Working;
        store.save_event(row(&event)).await?;
        let synced = {
            let work = self.work(&configured);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    synced = &mut work => break synced,
                    () = tokio::time::sleep(HEARTBEAT) => store.save_event(row(&event)).await?,
                }
            }
        };
        match synced {
            Ok(synced) => {
                event.status = EventStatus::Successful;
                event.packages = synced.index.packages().count();
                event.versions = synced.index.len();
                event.read = synced.read;
                event.changed = synced.changed;
                event.problems = synced.problems;
                event.result = format!(
                    "{} versions of {} packages{}",
                    event.versions,
                    event.packages,
                    if event.changed { "" } else { "; nothing new" }
                );
            }
            Err(error) => {
                event.status = EventStatus::Failed;
                event.result = error.to_string();
                tracing::warn!(repository = configured.name.as_str(), "{error}");
            }
        }
        event.ended_at = Some(now());
        store.save_event(row(&event)).await?;
        self.told(&configured.name);
        Ok(event)
    }

    /// [`Self::sync`], after the one that is under way.
    ///
    /// # Errors
    /// Those of [`Self::sync`]; [`RepositoryError::Busy`] when the other one takes too long.
    pub async fn sync_next(&self, name: &str, owner: &str) -> Result<Event, RepositoryError> {
        let deadline = Instant::now() + TURN_PATIENCE;
        loop {
            match self.sync(name, owner).await {
                Err(RepositoryError::Busy(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                done => return done,
            }
        }
    }

    async fn work(&self, configured: &Configured) -> Result<Synced, RepositoryError> {
        if configured.id == LOCAL_ID {
            let folder = self.inner.library.local_repository_dir();
            let made = blocking(move || std::fs::create_dir_all(folder)).await;
            made.map_err(|source| RepositoryError::File {
                path: self.inner.library.local_repository_dir(),
                source,
            })?;
        }
        let repository = self.open_configured(configured).await?;
        let cache = self.cache(configured);
        let reader = cache.clone();
        let (known, mut memory) = blocking(move || reader.load()).await;
        let seen = memory.clone();
        let synced = repository
            .sync(known.as_ref(), &mut memory, cache.folder())
            .await?;
        if synced.changed || known.is_none() || memory != seen {
            let index = (synced.changed || known.is_none()).then(|| synced.index.clone());
            let folder = cache.folder().to_owned();
            let saved = blocking(move || cache.save(index.as_ref(), &memory)).await;
            saved.map_err(|source| RepositoryError::File {
                path: folder,
                source,
            })?;
        }
        Ok(synced)
    }

    /// Brings them up to date by their schedules, until the runtime ends.
    pub fn keep_fresh(&self) {
        let repositories = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(FIRST_SYNC).await;
            loop {
                let pause = match repositories.sync_due().await {
                    Ok(pause) => pause,
                    Err(error) => {
                        tracing::warn!("{error}");
                        Some(Duration::from_mins(1))
                    }
                };
                let changed = repositories.inner.changed.notified();
                match pause {
                    Some(pause) => {
                        let _ = tokio::time::timeout(pause, changed).await;
                    }
                    None => changed.await,
                }
            }
        });
    }

    /// Brings up to date what is due; answers when the next one is.
    async fn sync_due(&self) -> Result<Option<Duration>, RepositoryError> {
        let mut next: Option<Duration> = None;
        for configured in self.configured().await? {
            if configured.status != Status::Active || configured.sync_period == 0 {
                continue;
            }
            // Nobody has published here yet.
            if configured.id == LOCAL_ID && !self.inner.library.local_repository_dir().is_dir() {
                continue;
            }
            let period = Duration::from_secs(configured.sync_period);
            let last = self.events_of(&configured.id, 1).await?;
            let age = last
                .first()
                .map(|event| Duration::from_millis(now().saturating_sub(event.created_at)));
            let rest = age.map_or(Duration::ZERO, |age| period.saturating_sub(age));
            let rest = if rest.is_zero() {
                match self.sync(configured.name.as_str(), "schedule").await {
                    // One that is at work, or was removed meanwhile, is no reason to leave the others.
                    Ok(_) | Err(RepositoryError::Busy(_) | RepositoryError::Unknown(_)) => {}
                    Err(error) => tracing::warn!("{error}"),
                }
                period
            } else {
                rest
            };
            next = Some(next.map_or(rest, |next| next.min(rest)));
        }
        Ok(next.map(|next| next.max(Duration::from_secs(1))))
    }

    /// The address of a package for the downloader, from one that a catalog gives:
    /// `repository://<name>/<file>`.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and those of opening.
    pub async fn download_address(&self, url: &url::Url) -> Result<url::Url, RepositoryError> {
        let name = url.host_str().unwrap_or_default();
        let file = url.path().trim_start_matches('/').to_owned();
        let configured = self.named(name).await?;
        let repository = self.open_configured(&configured).await?;
        // What is not in the index is not given away: it may be a draft.
        let (library, wanted) = (self.inner.library.clone(), configured.name.clone());
        let known = blocking(move || cached_one(&library, &wanted)).await;
        let entry = known.as_ref().and_then(|known| {
            let mut entries = known.index.entries();
            entries.find(|entry| entry.file() == Some(&file))
        });
        let link = entry.and_then(|entry| entry.urls.first());
        let link = link.ok_or_else(|| RepositoryError::Unreadable {
            address: configured.url.clone(),
            reason: format!("its index no longer has `{}`", file.escape_debug()),
            code: repository.address().code(),
        })?;
        if let Some(signed) = repository.signed(&file).await? {
            return Ok(signed);
        }
        let Address::Web(base) = repository.address() else {
            return Err(unknown(name));
        };
        let mut base = base.clone();
        if let Some((user, password)) = self.secret(&configured.id).await?.user {
            // An http address always takes them.
            let _ = base.set_username(&user);
            let _ = base.set_password(Some(&password));
        }
        resolve(&base, link).map_err(|reason| RepositoryError::Unreadable {
            address: configured.url,
            reason,
            code: 109,
        })
    }

    /// No other repository has its name.
    async fn must_have_no_namesake(&self, new: &Configured) -> Result<(), RepositoryError> {
        let all = self.configured().await?;
        let is_same =
            |it: &Configured| it.status == Status::Active && it.id != new.id && it.name == new.name;
        if all.iter().any(is_same) {
            return Err(RepositoryError::NameTaken(new.name.clone()));
        }
        Ok(())
    }

    /// No other repository is there.
    async fn must_be_free(&self, address: &Address, but: &str) -> Result<(), RepositoryError> {
        let all = self.configured().await?;
        let others = all
            .into_iter()
            .filter(|it| it.status == Status::Active && it.id != but);
        let (address, others) = (address.clone(), others.collect::<Vec<_>>());
        blocking(move || {
            let wanted = real(&address);
            let same = others.into_iter().find(|other| {
                let known = Address::parse(&other.url, None);
                known.is_ok_and(|(known, _)| real(&known) == wanted)
            });
            match same {
                Some(same) => Err(RepositoryError::AddressTaken {
                    name: same.name,
                    address: address.to_string(),
                }),
                None => Ok(()),
            }
        })
        .await
    }

    /// Answers whether its server heeds conditions, if that could be tried.
    async fn must_be_readable(
        &self,
        name: &str,
        address: &Address,
        secret: &Secret,
    ) -> Result<Option<bool>, RepositoryError> {
        let user = secret.user.clone();
        let key = secret.key.as_ref();
        let downloader = &self.inner.downloader;
        let shared = Shared::default();
        let repository = Repository::open(name, address, user, key, downloader, shared).await?;
        let found = repository.validate().await;
        if found.ok {
            return Ok(found.writable.then_some(found.conditional));
        }
        Err(RepositoryError::Unreadable {
            address: address.to_string(),
            reason: found.detail,
            code: found.error_code,
        })
    }

    async fn configured(&self) -> Result<Vec<Configured>, RepositoryError> {
        let rows = self.inner.store.repositories().await?;
        let read = |row: &RepositoryRow| {
            serde_json::from_str(&row.record)
                .inspect_err(|error| {
                    tracing::warn!(repository = row.name, "its record cannot be read: {error}");
                })
                .ok()
        };
        let mut all: Vec<Configured> = rows.iter().filter_map(read).collect();
        // Wherever the home lies now; and of several servers each has its own.
        for local in all.iter_mut().filter(|it| it.id == LOCAL_ID) {
            local.url = self.local_address();
        }
        Ok(all)
    }

    fn local_address(&self) -> String {
        let folder = self.inner.library.local_repository_dir();
        Address::Folder(folder).to_string()
    }

    pub(super) async fn named(&self, name: &str) -> Result<Configured, RepositoryError> {
        let all = self.configured().await?;
        let mut active = all.into_iter().filter(|it| it.status == Status::Active);
        active
            .find(|it| it.name.as_str() == name)
            .ok_or_else(|| unknown(name))
    }

    async fn save(&self, configured: &Configured) -> Result<bool, RepositoryError> {
        Ok(self.inner.store.save_repository(row_of(configured)).await?)
    }

    async fn record(&self, configured: Configured) -> Result<Record, RepositoryError> {
        let events = self.events_of(&configured.id, LOOK_BACK).await?;
        let (address, _) = Address::parse(&configured.url, None)?;
        let good = events
            .iter()
            .find(|it| it.status == EventStatus::Successful);
        let last = events.first();
        let sync = SyncState {
            status: last.map(|event| event.status),
            synced_at: good.and_then(|event| event.ended_at),
            error: match last {
                Some(event) if event.status == EventStatus::Failed => event.result.clone(),
                Some(_) | None => String::new(),
            },
            packages: good.map_or(0, |event| event.packages),
            versions: good.map_or(0, |event| event.versions),
            problems: good.map(|event| event.problems.clone()).unwrap_or_default(),
        };
        let kind = address.kind();
        let built_in = configured.id == LOCAL_ID;
        // What one of several servers has in its home, the others do not have.
        let is_here_only = built_in && self.inner.store.is_shared();
        Ok(Record {
            built_in,
            id: configured.id,
            name: configured.name,
            kind,
            url: configured.url,
            description: configured.description,
            status: configured.status,
            sync_period: configured.sync_period,
            writable: matches!(kind, Kind::S3 | Kind::Directory) && !is_here_only,
            has_credential: configured.has_credential,
            sync,
            created_at: configured.created_at,
            changed_at: configured.changed_at,
        })
    }

    async fn secret(&self, id: &str) -> Result<Secret, RepositoryError> {
        let (credentials, id) = (self.inner.credentials.clone(), id.to_owned());
        blocking(move || credentials.get(&id)).await
    }

    async fn keep_secret(&self, id: &str, secret: Secret) -> Result<(), RepositoryError> {
        let (credentials, id) = (self.inner.credentials.clone(), id.to_owned());
        blocking(move || credentials.set(&id, secret)).await
    }

    pub(super) fn cache(&self, configured: &Configured) -> Cache {
        let library = &self.inner.library;
        Cache::new(
            library,
            &configured.name,
            &configured.id,
            &configured.url,
            configured.has_credential,
        )
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<String, (String, Repository)>> {
        self.inner
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn told(&self, name: &RepositoryName) {
        self.inner.changed.notify_one();
        if let Some(listener) = self.inner.listener.get() {
            listener(name);
        }
    }
}

fn parse(url: &str, kind: &str) -> Result<(Address, super::address::User), RepositoryError> {
    let kind = match kind {
        "" => None,
        word => Some(Kind::parse(word)?),
    };
    Address::parse(url, kind)
}

/// The address by which two of the same place are known. Blocks.
fn real(address: &Address) -> Address {
    match address {
        // Links lead to it, too.
        Address::Folder(path) => Address::Folder(path.canonicalize().unwrap_or(path.clone())),
        Address::S3(_) | Address::Web(_) => address.clone(),
    }
}

fn unknown(name: &str) -> RepositoryError {
    RepositoryError::Unknown(name.escape_debug().take(80).collect())
}

fn shortened(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control() || *c == '\n');
    kept.take(MAX_DESCRIPTION).collect()
}

/// A period that asks nobody too often.
fn period(seconds: u64) -> u64 {
    if seconds == 0 {
        0
    } else {
        seconds.max(MIN_SYNC_PERIOD)
    }
}

fn row_of(configured: &Configured) -> RepositoryRow {
    RepositoryRow {
        id: configured.id.clone(),
        name: configured.name.to_string(),
        active: configured.status == Status::Active,
        // Text and numbers can always be written.
        record: serde_json::to_string(configured).unwrap_or_default(),
    }
}

fn row(event: &Event) -> EventRow {
    EventRow {
        id: event.id.clone(),
        repository: event.repository.clone(),
        open: event.ended_at.is_none(),
        lease: now() + u64::try_from(LEASE.as_millis()).unwrap_or_default(),
        at: event.created_at,
        // Text and numbers can always be written.
        record: serde_json::to_string(event).unwrap_or_default(),
    }
}

/// The record of an event whose worker died.
fn cut_off(record: &str) -> String {
    let Ok(mut event) = serde_json::from_str::<Event>(record) else {
        return record.to_owned();
    };
    event.status = EventStatus::Failed;
    "it was cut off: the service ended meanwhile".clone_into(&mut event.result);
    event.ended_at = Some(now());
    serde_json::to_string(&event).unwrap_or_default()
}
