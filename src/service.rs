//! The running service: everything opened in order, and closed in the reverse.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::app::{App, AppName, Config, Problem};
use crate::catalog::{Catalogs, Listener};
use crate::database::shared::{MetaStore, Postgres, SharedSqlite};
use crate::database::{AppRecord, Database, DatabaseError, RepositoryStore};
use crate::download::Downloader;
use crate::job::apps::Apps;
use crate::job::event::Events;
use crate::job::notice::Notices;
use crate::job::{Action, Failure, Jobs};
use crate::library::Library;
use crate::release::Releases;
use crate::repository::Repositories;
use crate::supervisor::{Inheritance, State, Status, Supervisor};

/// The parts that a request needs. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Paths.
    pub library: Library,
    /// What is remembered.
    pub database: Database,
    /// The processes.
    pub supervisor: Supervisor,
    /// The changes.
    pub jobs: Jobs,
    /// What happens.
    pub events: Events,
    /// What a person should hear of.
    pub notices: Notices,
    /// The files.
    pub apps: Apps,
    /// What comes from the network.
    pub downloader: Downloader,
    /// What can be installed.
    pub catalogs: Catalogs,
    /// Where packages are published.
    pub repositories: Repositories,
    /// Publishing, and who may.
    pub releases: Releases,
    watcher: Watcher,
    lock: Arc<Lock>,
}

/// The setting that holds the proxy's address.
pub(crate) const PROXY: &str = "proxy";

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl Service {
    /// Opens a home: takes its lock (a second service is refused, naming the first), opens the
    /// database, takes over living apps, brings back those that should run.
    ///
    /// # Errors
    /// One sentence: the home cannot be written, or somebody holds it.
    pub async fn open(home: &Path) -> Result<Self, StartError> {
        Self::open_with(home, None).await
    }

    /// Likewise, with what servers share in the PostgreSQL at this address.
    ///
    /// # Errors
    /// Likewise, or the database cannot be used.
    pub async fn open_with(home: &Path, shared: Option<&str>) -> Result<Self, StartError> {
        let postgres = match shared {
            Some(address) => Some(
                Postgres::open(address)
                    .await
                    .map_err(|error| StartError(error.to_string()))?,
            ),
            None => None,
        };
        let home = home.to_owned();
        let records = postgres.clone();
        let files = tokio::task::spawn_blocking(move || open_files(&home, records));
        let (library, lock, database, catalogs, repositories, downloader) = match files.await {
            Ok(opened) => opened?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let store: Arc<dyn MetaStore> = match postgres {
            Some(postgres) => Arc::new(postgres),
            None => Arc::new(SharedSqlite::new(database.clone())),
        };
        let releases = Releases::new(store, Arc::new(repositories.clone()));
        let events = Events::new();
        let notices = Notices::new(events.clone());
        let watcher = Watcher::default();
        let (supervisor, inheritance) = {
            let (watcher, events) = (watcher.clone(), events.clone());
            let on_change = Box::new(move |app: &AppName, status: &Status| {
                events.publish("app", &json!({ "name": app, "status": status }));
                watcher.changed(app, status);
            });
            Supervisor::open(&library, on_change)
                .await
                .map_err(|error| StartError(error.to_string()))?
        };
        let jobs = Jobs::open(
            library.clone(),
            database.clone(),
            supervisor.clone(),
            events.clone(),
            notices.clone(),
            downloader.clone(),
            catalogs.clone(),
        )
        .await
        .map_err(|error| StartError(error.to_string()))?;
        let settled = jobs.recover().await;
        let service = Self {
            apps: Apps::new(library.clone(), database.clone()),
            downloader,
            catalogs,
            repositories,
            releases,
            library,
            database,
            supervisor,
            jobs,
            events,
            notices,
            watcher: watcher.clone(),
            lock: Arc::new(lock),
        };
        watcher.watch(&service);
        tokio::spawn(bring_back(service.clone(), inheritance.without(&settled)));
        tokio::spawn(rest(service.events.clone()));
        service.catalogs.listen(tell_of_catalogs(&service));
        service.catalogs.keep_fresh();
        let (forget, events) = (service.catalogs.forgetter(), service.events.clone());
        service.repositories.on_change(move |name| {
            forget();
            events.publish("repository", &json!({ "name": name }));
        });
        service
            .repositories
            .recover(shared.is_none())
            .await
            .map_err(|error| StartError(error.to_string()))?;
        service.repositories.keep_fresh();
        tokio::spawn(keep_settled(service.releases.clone()));
        if shared.is_some() {
            let releases = service.releases.clone();
            tokio::spawn(async move { releases.follow().await });
        }
        Ok(service)
    }

    /// Reads an app's files. Not cached: for jobs and plans. Blocks.
    ///
    /// # Errors
    /// [`crate::job::FailureCode::NotFound`], or Manifest with the problems in `data`.
    pub fn app(&self, name: &AppName) -> Result<Arc<App>, Failure> {
        self.apps.read(name)
    }

    /// The names of all folders below the run directory that may be apps, in order. Blocks.
    pub fn names(&self) -> Vec<AppName> {
        self.apps.names()
    }

    /// The problems of an app's manifests, for lists: errors and warnings. Blocks.
    pub fn problems(&self, name: &AppName) -> Vec<Problem> {
        self.apps.problems(name)
    }

    /// The settings in force.
    pub fn config(&self, app: &App) -> Config {
        self.apps.config(app)
    }

    /// Asks a proxy for what is not on this computer; none: as the environment says.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing changes.
    pub async fn set_proxy(&self, proxy: Option<&url::Url>) -> Result<(), DatabaseError> {
        self.database.save_setting(PROXY, proxy).await?;
        self.downloader.set_proxy(proxy);
        Ok(())
    }

    /// Writes the address that is listened on beside our pid into the lock file, so that the
    /// command line finds us and a second service can name it.
    pub fn set_address(&self, address: &str) {
        self.lock.write(Some(address));
    }

    /// Stops the apps, remembering which ran, and gives the home back.
    pub async fn close(self) {
        self.jobs.close().await;
        self.watcher.leave();
        self.supervisor.close().await;
        self.database.flush().await;
        self.lock.release();
    }
}

/// What is opened before anything runs.
type Opened = (Library, Lock, Database, Catalogs, Repositories, Downloader);

/// `shared` is where several servers keep their repositories together.
fn open_files(home: &Path, shared: Option<Postgres>) -> Result<Opened, StartError> {
    let library = Library::open(home).map_err(|error| StartError(error.to_string()))?;
    let lock = Lock::take(&library)?;
    let database =
        Database::open(&library.database()).map_err(|error| StartError(error.to_string()))?;
    let downloader = Downloader::new(&library.download_dir());
    let proxy: Option<url::Url> = database
        .setting(PROXY)
        .map_err(|error| StartError(error.to_string()))?;
    downloader.set_proxy(proxy.as_ref());
    let store: Arc<dyn RepositoryStore> = match shared {
        Some(postgres) => Arc::new(postgres),
        None => Arc::new(database.clone()),
    };
    let repositories = Repositories::new(&library, store, &downloader);
    let catalogs = Catalogs::open(&library, &database, &downloader, &repositories)
        .map_err(|error| StartError(error.to_string()))?;
    Ok((library, lock, database, catalogs, repositories, downloader))
}

/// How often what lies in repositories is held against what the database says.
const SETTLE_PERIOD: Duration = Duration::from_hours(1);

/// Sets right what a crash cut off, and looks again from time to time: another server may have been
/// killed meanwhile.
async fn keep_settled(releases: Releases) {
    loop {
        releases.settle_all().await;
        tokio::time::sleep(SETTLE_PERIOD).await;
    }
}

/// How long nothing must happen until memory is given back: a first time soon, and once more when
/// the threads of the burst are gone, too.
const RESTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Gives memory back when a burst of work is over.
async fn rest(events: Events) {
    let (_, mut news) = events.after(events.newest());
    drop(events);
    loop {
        for rest in RESTS {
            while let Ok(Ok(_) | Err(RecvError::Lagged(_))) =
                tokio::time::timeout(rest, news.recv()).await
            {}
            crate::platform::release_memory();
        }
        // Nothing is done, and nothing is looked at, until something happens again.
        if let Err(RecvError::Closed) = news.recv().await {
            return;
        }
    }
}

/// Starts what should run and does not, what others depend on first.
async fn bring_back(service: Service, inheritance: Inheritance) {
    for app in inheritance.ended {
        let unwanted = |record: &mut AppRecord| record.wanted = false;
        if let Err(error) = service.database.update_app(&app, unwanted).await {
            tracing::warn!("{error}");
        }
    }
    let alive: BTreeSet<AppName> = inheritance.living.into_iter().map(|(app, _)| app).collect();
    let missing: Vec<AppName> = service.database.with_apps(|apps| {
        apps.iter()
            .filter(|(app, record)| record.wanted && !alive.contains(*app))
            .map(|(app, _)| app.clone())
            .collect()
    });
    if missing.is_empty() {
        return;
    }
    let apps = service.apps.clone();
    let read = tokio::task::spawn_blocking(move || with_needs(&apps, missing));
    let Ok(mut waiting) = read.await else {
        return;
    };
    let mut starting = tokio::task::JoinSet::new();
    loop {
        let mut ready: Vec<AppName> = waiting
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(app, _)| app.clone())
            .collect();
        if ready.is_empty() && starting.is_empty() {
            // They depend on each other in a circle: somebody has to be the first.
            ready = waiting.keys().cloned().collect();
        }
        for app in ready {
            waiting.remove(&app);
            let jobs = service.jobs.clone();
            starting.spawn(async move {
                match jobs.enqueue(&app, Action::Start) {
                    Ok(ticket) => {
                        let record = ticket.finished().await;
                        if let Some(error) = &record.error {
                            tracing::warn!("`{app}` was not brought back: {}", error.message);
                        }
                    }
                    Err(failure) => tracing::warn!("`{app}` was not brought back: {failure}"),
                }
                app
            });
        }
        match starting.join_next().await {
            // Ready or not: whoever needs it is started, and tells itself what it misses.
            Some(Ok(app)) => waiting.values_mut().for_each(|needs| {
                needs.remove(&app);
            }),
            Some(Err(error)) => tracing::error!("an app was not brought back: {error}"),
            None if waiting.is_empty() => return,
            None => {}
        }
    }
}

/// The apps with those among them that each depends on.
fn with_needs(apps: &Apps, names: Vec<AppName>) -> BTreeMap<AppName, BTreeSet<AppName>> {
    let all: BTreeSet<AppName> = names.into_iter().collect();
    let needs = |name: &AppName| {
        let app = apps.read(name).ok();
        let dependencies = app.iter().flat_map(|app| &app.install.dependencies);
        dependencies
            .filter_map(|needed| AppName::parse(&needed.name).ok())
            .filter(|needed| needed != name && all.contains(needed))
            .collect()
    };
    all.iter().map(|name| (name.clone(), needs(name))).collect()
}

/// Notices apps that end by themselves and are not restarted: they are not brought back.
#[derive(Clone, Default)]
struct Watcher {
    parts: Arc<Mutex<Option<Watched>>>,
}

/// What it needs; it hangs on the supervisor, which these hold.
#[derive(Clone)]
struct Watched {
    jobs: Jobs,
    apps: Apps,
    database: Database,
    notices: Notices,
    runtime: tokio::runtime::Handle,
}

impl Watcher {
    fn watch(&self, service: &Service) {
        *self.parts() = Some(Watched {
            jobs: service.jobs.clone(),
            apps: service.apps.clone(),
            database: service.database.clone(),
            notices: service.notices.clone(),
            runtime: tokio::runtime::Handle::current(),
        });
    }

    /// Lets go of the parts, which would hold each other for ever.
    fn leave(&self) {
        *self.parts() = None;
    }

    fn parts(&self) -> MutexGuard<'_, Option<Watched>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells people of an app that ended by itself.
    fn notice(&self, app: &AppName, status: &Status) {
        let parts = self.parts();
        if let Some(Watched { jobs, notices, .. }) = &*parts
            && !jobs.is_closing()
        {
            notices.status(app, status, jobs.is_busy(app));
        }
    }

    fn changed(&self, app: &AppName, status: &Status) {
        self.notice(app, status);
        let ended = match status.state {
            State::Stopped | State::Failed => true,
            State::Starting
            | State::Running
            | State::Unhealthy
            | State::BackingOff
            | State::Stopping => false,
        };
        if !ended {
            return;
        }
        let Some(Watched {
            jobs,
            apps,
            database,
            runtime,
            notices: _,
        }) = self.parts().clone()
        else {
            return;
        };
        // A job decides itself what is wanted, and the service's own end changes nothing.
        if jobs.is_closing() || jobs.is_busy(app) || !database.app(app).wanted {
            return;
        }
        let app = app.clone();
        runtime.spawn(async move {
            let name = app.clone();
            let read = tokio::task::spawn_blocking(move || apps.read(&name));
            let is_on = match read.await {
                Ok(Ok(app)) => app.store.as_ref().is_some_and(|store| store.setting.is_on),
                // Its files are gone or broken: the next start tells.
                Ok(Err(_)) | Err(_) => true,
            };
            if is_on || jobs.is_closing() || jobs.is_busy(&app) {
                return;
            }
            if let Err(error) = database
                .update_app(&app, |record| record.wanted = false)
                .await
            {
                tracing::warn!("{error}");
            }
        });
    }
}

/// Tells of catalogs that changed, and of the updates that they bring.
fn tell_of_catalogs(service: &Service) -> Listener {
    // What the catalogs hold must not hold them.
    let (events, notices) = (service.events.clone(), service.notices.clone());
    let database = service.database.clone();
    let catalogs = service.catalogs.downgrade();
    let runtime = tokio::runtime::Handle::current();
    Box::new(move |catalog| {
        events.publish("catalogs", &json!({ "name": catalog }));
        let (notices, database, catalogs) = (notices.clone(), database.clone(), catalogs.clone());
        runtime.spawn_blocking(move || {
            if let Some(catalogs) = Catalogs::upgrade(&catalogs) {
                notices.updates(&catalogs.updates(&database));
            }
        });
    })
}

/// Held while a service runs on a home. The file tells who holds it: the pid, and in a second line
/// the address.
struct Lock {
    file: Mutex<File>,
}

impl Lock {
    fn take(library: &Library) -> Result<Self, StartError> {
        let path = library.lock_file();
        let fail = |error: std::io::Error| {
            StartError(format!("`{}` cannot be locked: {error}", path.display()))
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError(held(library, &mut file)));
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let lock = Self {
            file: Mutex::new(file),
        };
        lock.write(None);
        Ok(lock)
    }

    /// The content is for people and the command line: what cannot be written is no reason to stop.
    fn write(&self, address: Option<&str>) {
        let content = format!("{}\n{}\n", std::process::id(), address.unwrap_or_default());
        self.replace(&content);
    }

    fn release(&self) {
        self.replace("");
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.unlock();
    }

    fn replace(&self, content: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(content.as_bytes()));
        if let Err(error) = written {
            tracing::warn!("the lock file cannot be written: {error}");
        }
    }
}

/// Says who holds the home.
fn held(library: &Library, file: &mut File) -> String {
    let mut content = String::new();
    if file.read_to_string(&mut content).is_err() {
        // Windows does not let us read what another has locked, but who listens tells it too.
        let running = std::fs::read_to_string(library.service_file()).unwrap_or_default();
        let running: Value = serde_json::from_str(&running).unwrap_or_default();
        let pid = running.get("pid").and_then(Value::as_u64);
        let address = running.get("address").and_then(Value::as_str);
        if let (Some(pid), Some(address)) = (pid, address) {
            content = format!("{pid}\nhttp://{address}");
        }
    }
    let mut lines = content.lines().filter(|line| !line.is_empty());
    let pid = lines
        .next()
        .map_or_else(String::new, |pid| format!(" with pid {pid}"));
    let address = lines
        .next()
        .map_or_else(String::new, |address| format!(" ({address})"));
    format!(
        "the home `{}` is in use by the storekeeper service{pid}{address}; stop it or give another --home",
        library.home().display()
    )
}
