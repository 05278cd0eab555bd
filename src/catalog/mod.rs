//! Catalogs: lists of apps that can be installed, from a server or from a folder.
//!
//! A package server is a catalog with one list. Any other catalog has a list for each system, architecture and category: `<base>/<os>/<arch>/<cate>.json`, in
//! Go's names. Its lists are kept in `<home>/cache/catalog/<name>/`, so they serve without a network;
//! refreshing asks only for what changed. Parsed lists stay in memory as long as somebody asks. Every
//! repository is a catalog, too: its index is its list.

mod location;
pub mod mirror;

mod offer;
mod package_server;
mod published;
mod search;
mod shelf;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

use crate::app::parse::CATEGORIES;
use crate::app::version::Version;
use crate::app::{AppName, Sha256};
use crate::database::{AppRecord, Database, DatabaseError};
use crate::download::{Answer, DownloadError, Downloader, Request, Trust, Validators};
use crate::library::{ARCH, Library, OS};
use crate::repository::{Repositories, RepositoryError};

pub use self::location::Location;
pub(crate) use self::offer::REPOSITORY;
pub use self::offer::{Offer, Part, Source};
use self::package_server::Greeting;
use self::shelf::{Shelf, State};

/// The list that holds what is recommended.
pub const HOTS: &str = "hots";

/// Largest list, bytes.
pub const MAX_LIST_BYTES: u64 = 16 << 20;

/// Most entries of a list; what follows is left out.
pub const MAX_ENTRIES: usize = 20_000;

/// Where the configured catalogs are kept.
const SETTING: &str = "catalogs";

/// Parsed lists are forgotten when nobody asked for so long.
const KEEP: Duration = Duration::from_mins(1);

/// The first refresh waits for the service to be at rest.
const FIRST_REFRESH: Duration = Duration::from_secs(5);

/// The next ones.
const REFRESH: Duration = Duration::from_hours(6);

/// Entries that could not be read: so many are named.
const MAX_PROBLEMS: usize = 20;

/// The catalogs. Cheap to clone.
#[derive(Clone)]
pub struct Catalogs {
    inner: Arc<Inner>,
}

/// See [`Catalogs::downgrade`].
#[derive(Clone)]
pub(crate) struct Weak(std::sync::Weak<Inner>);

struct Inner {
    library: Library,
    database: Database,
    downloader: Downloader,
    repositories: Repositories,
    configured: Mutex<Vec<Configured>>,
    /// The parsed lists, and when they were last asked for.
    shelf: Mutex<Option<(Arc<Shelf>, Instant)>>,
    /// Counts the changes of the lists: what was read before one must not be kept after it.
    generation: AtomicU64,
    changed: Notify,
    /// One change or refresh at a time.
    turn: Semaphore,
    /// The service's own: who asks may be on a thread without one.
    runtime: OnceLock<tokio::runtime::Handle>,
    /// Told of every change: of which catalog, or of all.
    listener: OnceLock<Listener>,
}

/// Hears of a catalog that was added, removed or refreshed; of all when none is named.
pub type Listener = Box<dyn Fn(Option<&str>) + Send + Sync>;

/// A catalog as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    /// Its name.
    pub name: AppName,
    /// Where its lists are: `https://…`, `http://…` or a folder.
    pub address: String,
    /// The project that a package server there must serve; none for the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// A catalog and how it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its name.
    pub name: AppName,
    /// Where its lists are, without a password.
    pub address: String,
    /// When all its lists were last brought up to date, in milliseconds since 1970.
    pub synced_at: Option<u64>,
    /// Why the last refresh failed; what was there before is used on.
    pub error: Option<Trouble>,
    /// How many apps each of its lists has.
    pub entries: BTreeMap<String, usize>,
    /// Entries that are left out because they cannot be read, as sentences.
    pub problems: Vec<String>,
}

/// What went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Milliseconds since 1970.
    pub at: u64,
    /// A sentence.
    pub message: String,
}

/// Why something about a catalog did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The name cannot be used.
    #[error("a catalog cannot be called `{name}`: {reason}")]
    Name {
        /// The name.
        name: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// There is one of that name already.
    #[error("there is a catalog `{0}` already; remove it first, or choose another name")]
    Exists(AppName),
    /// There is none of that name.
    #[error("there is no catalog `{0}`; `storekeeper catalog list` lists them")]
    Unknown(String),
    /// It is no address of a catalog.
    #[error(
        "`{address}` cannot be a catalog: {reason}; give the http or https address of its folder, or a folder of this computer"
    )]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A list was not fetched.
    #[error("{0}")]
    Download(#[from] DownloadError),
    /// A list is no list.
    #[error("`{address}` is not a list of apps: {reason}")]
    List {
        /// Its address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no list at all.
    #[error(
        "there are no lists at `{address}`; a catalog has them at `<address>/{OS}/{ARCH}/hots.json` and the like, or is a package server"
    )]
    Empty {
        /// The catalog's address.
        address: String,
    },
    /// A package server serves somebody else.
    #[error(
        "the package server at `{address}` does not serve the project `{project}`; add it with the project that it serves: `--project-id ID`"
    )]
    Project {
        /// Its address.
        address: String,
        /// The project that was asked for.
        project: String,
    },
    /// A file cannot be read or written.
    #[error("`{path}` cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

impl Catalogs {
    /// The configured catalogs of a home. Blocks.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(
        library: &Library,
        database: &Database,
        downloader: &Downloader,
        repositories: &Repositories,
    ) -> Result<Self, DatabaseError> {
        let configured = database.setting(SETTING)?.unwrap_or_default();
        Ok(Self {
            inner: Arc::new(Inner {
                library: library.clone(),
                database: database.clone(),
                downloader: downloader.clone(),
                repositories: repositories.clone(),
                configured: Mutex::new(configured),
                shelf: Mutex::new(None),
                generation: AtomicU64::new(0),
                changed: Notify::new(),
                turn: Semaphore::new(1),
                runtime: OnceLock::new(),
                listener: OnceLock::new(),
            }),
        })
    }

    /// The catalogs that a home has, without a service. Blocks.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn configured_in(library: &Library) -> Result<Vec<Configured>, DatabaseError> {
        Ok(Database::setting_of(&library.database(), SETTING)?.unwrap_or_default())
    }

    /// Tells of every change from now on. Only the first listener counts.
    pub fn listen(&self, listener: Listener) {
        let _ = self.inner.listener.set(listener);
    }

    fn tell(&self, catalog: Option<&str>) {
        if let Some(listener) = self.inner.listener.get() {
            listener(catalog);
        }
    }

    /// Refreshes them soon and then every few hours, until the runtime ends. Does nothing while there
    /// are none.
    pub fn keep_fresh(&self) {
        let catalogs = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let _ = self.inner.runtime.set(runtime);
        tokio::spawn(async move {
            let mut pause = FIRST_REFRESH;
            loop {
                if catalogs.configured().is_empty() {
                    catalogs.inner.changed.notified().await;
                    continue;
                }
                tokio::time::sleep(pause).await;
                // Failures are kept with the catalogs.
                let _ = catalogs.refresh(None).await;
                pause = REFRESH.mul_f64(jitter());
            }
        });
    }

    /// The catalogs in their order, with how they are. Blocks.
    pub fn list(&self) -> Vec<Status> {
        let status = |catalog: Configured| {
            let state = State::load(&self.inner.library, &catalog);
            let entries = state.lists.iter();
            Status {
                address: Location::parse(&catalog.address)
                    .map_or_else(|_| catalog.address.clone(), |location| location.to_string()),
                name: catalog.name,
                synced_at: state.synced_at,
                entries: entries
                    .map(|(name, list)| (name.clone(), list.entries))
                    .collect(),
                problems: state
                    .lists
                    .into_values()
                    .flat_map(|it| it.problems)
                    .collect(),
                error: state.error,
            }
        };
        self.configured().into_iter().map(status).collect()
    }

    /// Adds a catalog, at a place in their order (from 0) or at the end. Its lists come with the
    /// next refresh.
    ///
    /// # Errors
    /// [`CatalogError::Name`], [`CatalogError::Exists`], [`CatalogError::Address`], and the database's.
    pub async fn add(
        &self,
        name: &str,
        address: &str,
        position: Option<usize>,
        project: Option<String>,
    ) -> Result<(), CatalogError> {
        let name = AppName::parse(name).map_err(|error| CatalogError::Name {
            name: error.name,
            reason: error.reason.to_owned(),
        })?;
        // What is stored is what it is found by after a change of the working directory, too.
        let location = Location::parse(address)?;
        let catalog = Configured {
            name: name.clone(),
            address: location.whole(),
            project,
        };
        let _turn = self.inner.turn.acquire().await;
        let mut configured = self.configured();
        // On a system that does not tell cases apart they would share a folder.
        let is_same = |other: &Configured| other.name.as_str().eq_ignore_ascii_case(name.as_str());
        if configured.iter().any(is_same) {
            return Err(CatalogError::Exists(name));
        }
        let place = position.unwrap_or(configured.len()).min(configured.len());
        configured.insert(place, catalog);
        self.store(configured).await?;
        self.tell(Some(name.as_str()));
        Ok(())
    }

    /// Removes a catalog with its lists. What was installed from it stays.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`], and the database's.
    pub async fn remove(&self, name: &str) -> Result<(), CatalogError> {
        let _turn = self.inner.turn.acquire().await;
        let mut configured = self.configured();
        let place = configured
            .iter()
            .position(|catalog| catalog.name.as_str() == name)
            .ok_or_else(|| CatalogError::Unknown(name.to_owned()))?;
        let removed = configured.remove(place);
        self.store(configured).await?;
        let folder = shelf::folder(&self.inner.library, &removed.name);
        // What stays would only be in the way of one of the same name, whose address differs.
        let _ = blocking(move || std::fs::remove_dir_all(folder)).await;
        self.tell(Some(name));
        Ok(())
    }

    /// Brings the lists of one catalog, or of all, up to date. What cannot be fetched stays as it was,
    /// and the failure is remembered with the catalog.
    ///
    /// # Errors
    /// The first failure; with all catalogs, the others are refreshed all the same.
    pub async fn refresh(&self, name: Option<&str>) -> Result<(), CatalogError> {
        let _turn = self.inner.turn.acquire().await;
        let mut configured = self.configured();
        if let Some(name) = name {
            configured.retain(|catalog| catalog.name.as_str() == name);
            if configured.is_empty() {
                return Err(CatalogError::Unknown(name.to_owned()));
            }
        }
        let mut result = Ok(());
        for catalog in &configured {
            if let Err(error) = self.refresh_one(catalog).await {
                tracing::warn!(catalog = catalog.name.as_str(), "{error}");
                result = result.and(Err(error));
            }
        }
        self.forget_parsed();
        self.tell(name);
        result
    }

    /// What the catalogs offer in a category, in their order; of an app that several offer, the
    /// first. Blocks.
    pub fn category(&self, category: &str) -> Vec<Arc<Offer>> {
        let parsed = self.shelf();
        let mut seen = std::collections::HashSet::new();
        let offers = parsed.offers.iter();
        offers
            .filter(|offer| offer.categories.iter().any(|it| it == category))
            .filter(|offer| seen.insert(offer.name.clone()))
            .cloned()
            .collect()
    }

    /// Who offers an app, in the catalogs' order. Blocks.
    pub fn find(&self, app: &AppName) -> Vec<Arc<Offer>> {
        let parsed = self.shelf();
        let offers = parsed.offers.iter();
        offers.filter(|offer| offer.name == *app).cloned().collect()
    }

    /// What has all words of a query in its name or description, or begins so when its Chinese name is
    /// written by the first letters of its syllables; best first. Blocks.
    pub fn search(&self, query: &str) -> Vec<Arc<Offer>> {
        let parsed = self.shelf();
        search::search(&parsed.offers, query)
    }

    /// Everything that is offered, in the catalogs' order. Blocks.
    pub fn offers(&self) -> Arc<[Arc<Offer>]> {
        Arc::clone(&self.shelf().offers)
    }

    /// The installed apps that a newer version is offered of and that do not stay at theirs, each with
    /// the version that is there and the one on offer. Blocks.
    pub fn updates(&self, database: &Database) -> Vec<(AppName, String, String)> {
        let parsed = self.shelf();
        let mut seen = std::collections::HashSet::new();
        database.with_apps(|records| {
            let offers = parsed
                .offers
                .iter()
                .filter(|offer| seen.insert(&offer.name));
            offers
                .filter_map(|offer| {
                    let record = records.get(&offer.name)?;
                    let version = &offer.info.version;
                    let is_news = !record.pinned && is_update(record, version);
                    is_news.then(|| {
                        let installed = record.installed.clone().unwrap_or_default();
                        (offer.name.clone(), installed, version.clone())
                    })
                })
                .collect()
        })
    }

    /// A handle that does not keep the catalogs.
    pub(crate) fn downgrade(&self) -> Weak {
        Weak(Arc::downgrade(&self.inner))
    }

    /// The catalogs, while somebody keeps them.
    pub(crate) fn upgrade(weak: &Weak) -> Option<Self> {
        Some(Self {
            inner: weak.0.upgrade()?,
        })
    }

    /// Forgets what was read of the lists, because a repository has others now. The answer holds on to
    /// nothing.
    pub fn forgetter(&self) -> impl Fn() + Send + Sync + 'static {
        let inner = Arc::downgrade(&self.inner);
        move || {
            if let Some(inner) = inner.upgrade() {
                Self { inner }.forget_parsed();
            }
        }
    }

    /// What to fetch for a [`Source::Repository`]. Its address is good for a while, and a secret.
    ///
    /// # Errors
    /// When the repository is gone or cannot be opened.
    pub async fn request_of(
        &self,
        url: &url::Url,
        sha256: Option<Sha256>,
        max_bytes: u64,
    ) -> Result<Request, RepositoryError> {
        let address = self.inner.repositories.download_address(url).await?;
        Ok(Request {
            addresses: vec![address],
            sha256,
            max_bytes,
            trust: Trust::Given,
        })
    }

    /// What may be fetched for an app that came from a catalog or a repository: where that is, if it is
    /// still configured. Blocks.
    pub fn trust_of(&self, name: &str) -> Trust {
        let configured = self.configured();
        let mut named = configured.iter().filter(|it| it.name.as_str() == name);
        match named.next().map(|it| Location::parse(&it.address)) {
            Some(Ok(Location::Web(url))) => Trust::Source(url),
            Some(Ok(Location::Folder(_)) | Err(_)) => Trust::Public,
            None => published::trust_of(&self.inner.library, name),
        }
    }

    fn configured(&self) -> Vec<Configured> {
        lock(&self.inner.configured).clone()
    }

    async fn store(&self, configured: Vec<Configured>) -> Result<(), CatalogError> {
        let database = &self.inner.database;
        database.save_setting(SETTING, Some(&configured)).await?;
        *lock(&self.inner.configured) = configured;
        self.forget_parsed();
        self.inner.changed.notify_one();
        Ok(())
    }

    fn forget_parsed(&self) {
        let mut parsed = lock(&self.inner.shelf);
        self.inner.generation.fetch_add(1, Ordering::AcqRel);
        *parsed = None;
    }

    /// The parsed lists; read from the disk when nobody asked for a while. Blocks.
    fn shelf(&self) -> Arc<Shelf> {
        if let Some((parsed, asked)) = &mut *lock(&self.inner.shelf) {
            *asked = Instant::now();
            return Arc::clone(parsed);
        }
        let generation = self.inner.generation.load(Ordering::Acquire);
        let configured = self.configured();
        let parsed = Arc::new(Shelf::load(&self.inner.library, &configured));
        if !parsed.offers.is_empty() {
            let mut kept = lock(&self.inner.shelf);
            if self.inner.generation.load(Ordering::Acquire) == generation && kept.is_none() {
                *kept = Some((Arc::clone(&parsed), Instant::now()));
                self.forget_later();
            }
        }
        parsed
    }

    fn forget_later(&self) {
        let inner = Arc::downgrade(&self.inner);
        let Some(runtime) = self.inner.runtime.get() else {
            return;
        };
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(KEEP).await;
                let Some(inner) = inner.upgrade() else { return };
                let mut parsed = lock(&inner.shelf);
                match &*parsed {
                    Some((_, asked)) if asked.elapsed() < KEEP => {}
                    Some(_) | None => {
                        *parsed = None;
                        return;
                    }
                }
            }
        });
    }

    async fn refresh_one(&self, catalog: &Configured) -> Result<(), CatalogError> {
        let library = self.inner.library.clone();
        let (known, place) = (catalog.clone(), library.clone());
        let mut state = blocking(move || State::load(&place, &known)).await;
        let refreshed = self.refresh_lists(catalog, &mut state).await;
        match &refreshed {
            Ok(()) => {
                state.synced_at = Some(now());
                state.error = None;
            }
            Err(error) => {
                state.error = Some(Trouble {
                    at: now(),
                    message: error.to_string(),
                });
            }
        }
        let catalog = catalog.clone();
        let saved = blocking(move || state.save(&library, &catalog)).await;
        refreshed.and(saved)
    }

    async fn refresh_lists(
        &self,
        catalog: &Configured,
        state: &mut State,
    ) -> Result<(), CatalogError> {
        let location = Location::parse(&catalog.address)?;
        // What was a package server is asked as one first.
        let was = state.lists.contains_key(package_server::LIST);
        if was && self.refresh_packages(catalog, &location, state).await? {
            return Ok(());
        }
        let mut found = false;
        let mut result = Ok(());
        for category in CATEGORIES {
            match self.refresh_list(catalog, &location, category, state).await {
                Ok(is_there) => found |= is_there,
                // A server that cannot be reached for one list cannot be reached for the next.
                Err(error @ CatalogError::Download(DownloadError::Connection { .. })) => {
                    return Err(error);
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result?;
        if found || (!was && self.refresh_packages(catalog, &location, state).await?) {
            Ok(())
        } else {
            Err(CatalogError::Empty {
                address: location.to_string(),
            })
        }
    }

    /// Whether it is a package server.
    async fn refresh_packages(
        &self,
        catalog: &Configured,
        location: &Location,
        state: &mut State,
    ) -> Result<bool, CatalogError> {
        let Location::Web(base) = location else {
            return Ok(false);
        };
        let project = catalog.project.as_deref();
        let (Some(hello), Some(list)) = (
            package_server::hello(base, project),
            package_server::list(base),
        ) else {
            return Ok(false);
        };
        let read = async |address| {
            let downloader = &self.inner.downloader;
            let nothing_known = Validators::default();
            // The user configured it, so it may lie in his own network.
            let trust = Trust::Given;
            let answer = downloader.read(address, &trust, &nothing_known, MAX_LIST_BYTES);
            Ok::<_, CatalogError>(match answer.await? {
                Answer::Body { bytes, .. } => Some(bytes),
                Answer::Same | Answer::Missing => None,
            })
        };
        let greeting = read(&hello).await?;
        match greeting.map(|bytes| package_server::greeting(&bytes)) {
            Some(Greeting::Ours) => {}
            Some(Greeting::OtherProject) => {
                return Err(CatalogError::Project {
                    address: location.to_string(),
                    project: project
                        .unwrap_or(package_server::DEFAULT_PROJECT)
                        .to_owned(),
                });
            }
            Some(Greeting::Stranger) | None => return Ok(false),
        }
        let Some(bytes) = read(&list).await? else {
            return Ok(false);
        };
        let path = shelf::folder(&self.inner.library, &catalog.name)
            .join(format!("{}.json", package_server::LIST));
        let base = base.clone();
        let accepted = blocking(move || {
            let (bytes, problems) =
                package_server::convert(&bytes, &base).map_err(|reason| CatalogError::List {
                    address: list.to_string(),
                    reason,
                })?;
            let mut accepted = shelf::accept(&path, &bytes, &base, Validators::default())?;
            accepted.problems.extend(problems);
            Ok::<_, CatalogError>(accepted)
        });
        let accepted = accepted.await?;
        state.lists = BTreeMap::from([(package_server::LIST.to_owned(), accepted)]);
        Ok(true)
    }

    /// Whether there is such a list.
    async fn refresh_list(
        &self,
        catalog: &Configured,
        location: &Location,
        category: &str,
        state: &mut State,
    ) -> Result<bool, CatalogError> {
        let known = state.lists.get(category).cloned().unwrap_or_default();
        let path =
            shelf::folder(&self.inner.library, &catalog.name).join(format!("{category}.json"));
        let answer = location
            .read(
                &self.inner.downloader,
                OS,
                ARCH,
                category,
                &known.validators,
            )
            .await?;
        match answer {
            Answer::Same => Ok(true),
            Answer::Missing => {
                state.lists.remove(category);
                let removed = blocking(move || std::fs::remove_file(path)).await;
                // Mostly there was none before.
                let _ = removed;
                Ok(false)
            }
            Answer::Body {
                bytes,
                validators,
                from,
            } => {
                let list =
                    blocking(move || shelf::accept(&path, &bytes, &from, validators)).await?;
                state.lists.insert(category.to_owned(), list);
                Ok(true)
            }
        }
    }
}

/// A name for a catalog that was given none: its host, or its folder.
pub fn name_of(address: &str) -> String {
    let word = match Location::parse(address) {
        Ok(Location::Web(url)) => url.host_str().unwrap_or_default().to_owned(),
        Ok(Location::Folder(path)) => {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        }
        Err(_) => String::new(),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = word.chars().filter(|c| allowed(*c)).take(64).collect();
    let name = name.trim_matches(['.', '-', '_']);
    if AppName::parse(name).is_ok() {
        name.to_owned()
    } else {
        "catalog".to_owned()
    }
}

/// Whether what is offered is an update for an app that is installed.
///
/// What a user does not want to hear of an app belongs here.
pub fn is_update(record: &AppRecord, offered: &str) -> bool {
    let installed = record.installed.as_deref();
    let is_skipped = record.skipped.iter().any(|version| version == offered);
    !is_skipped
        && installed.is_some_and(|installed| Version::parse(offered) > Version::parse(installed))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Between 0.9 and 1.1: not everybody shall ask a server at the same moment.
fn jitter() -> f64 {
    let mut random = [0_u8; 1];
    // Without randomness it is the middle.
    let byte = match getrandom::fill(&mut random) {
        Ok(()) => random[0],
        Err(_) => 128,
    };
    0.9 + f64::from(byte) / 1275.0
}

/// Now, in milliseconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
