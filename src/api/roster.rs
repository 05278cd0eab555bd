//! The apps as lists show them, kept in memory: a list of 200 apps must not read 400 files.
//!
//! What a job changes is seen at once, an app folder that is added or removed too. An edit inside
//! an app's folder is seen after a second at the latest. Whoever needs more asks for one app.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::files;
use crate::app::form::{self, FieldKind};
use crate::app::{App, AppName, InstallInfo};
use crate::library::Library;
use crate::service::Service;

/// How old the look at the apps' files may be.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Folders get their times from a clock that ticks this seldom: a time younger than that may hide
/// a second change.
const CLOCK_TICK: Duration = Duration::from_millis(50);

/// Shown for an app without an icon.
pub(super) const DEFAULT_ICON: &str = "/static/_/app.svg";

/// One app.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name.
    pub name: AppName,
    /// Its `install.json`; empty but for the name when it cannot be read.
    pub install: InstallInfo,
    /// Path of its icon below our address, or the address of an icon elsewhere.
    pub icon: String,
    /// Whether it has a program to start.
    pub has_program: bool,
    /// `setting.progressName`.
    pub process_name: String,
    /// `setting.isOn`.
    pub is_on: bool,
    /// The keys of `commands`.
    pub lists: Vec<String>,
    /// Its settings that are ports, with their defaults.
    pub ports: Vec<(String, Value)>,
    /// The port of `setting.ready`, as it is written.
    pub ready_port: Option<String>,
    /// Why it cannot be used.
    pub error: Option<String>,
    stamp: Stamp,
}

/// What tells that an app's files have changed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Stamp([Option<(SystemTime, u64)>; 3]);

/// The list.
#[derive(Debug, Default)]
pub(super) struct Roster {
    known: Mutex<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    entries: Arc<[Arc<Entry>]>,
    looked: Option<Instant>,
    folder: Option<SystemTime>,
    /// Number of the newest event that was looked at.
    event: u64,
}

impl Roster {
    /// The apps in order of name. Blocks: it may have to read files.
    pub(super) fn entries(&self, service: &Service) -> Arc<[Arc<Entry>]> {
        let mut known = self.known().clone();
        let folder = modified(&service.library.run_dir());
        let changed = !events_are_quiet(service, &mut known.event);
        let settled = folder.is_some_and(|time| time.elapsed().is_ok_and(|age| age > CLOCK_TICK));
        let fresh = known.looked.is_some_and(|at| at.elapsed() < MAX_AGE)
            && known.folder == folder
            && settled
            && !changed;
        if !fresh {
            known.entries = look(service, &known.entries);
            known.folder = folder;
            known.looked = Some(Instant::now());
        }
        let entries = known.entries.clone();
        // Two who look at once both write what they saw; the later one wins.
        *self.known() = known;
        entries
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Every value of it is whole, whoever panicked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no event since `seen` says that the list changed; brings `seen` up to date.
fn events_are_quiet(service: &Service, seen: &mut u64) -> bool {
    let newest = service.events.newest();
    if newest == *seen {
        return true;
    }
    let (events, _) = service.events.after(*seen);
    *seen = newest;
    events.is_some_and(|events| events.iter().all(|event| event.kind != "apps"))
}

fn look(service: &Service, old: &[Arc<Entry>]) -> Arc<[Arc<Entry>]> {
    let mut old = old.iter().peekable();
    service
        .names()
        .into_iter()
        .map(|name| {
            // Both are in order of name.
            while old.next_if(|entry| entry.name < name).is_some() {}
            let stamp = Stamp::of(&service.library.app_dir(&name));
            match old.next_if(|entry| entry.name == name && entry.stamp == stamp) {
                Some(entry) => entry.clone(),
                None => Arc::new(Entry::read(service, name, stamp)),
            }
        })
        .collect()
}

impl Entry {
    fn read(service: &Service, name: AppName, stamp: Stamp) -> Self {
        match service.app(&name) {
            Ok(app) => Self::of(&service.library, &app, stamp),
            Err(failure) => Self {
                install: InstallInfo {
                    name: name.to_string(),
                    ..InstallInfo::default()
                },
                name,
                icon: DEFAULT_ICON.to_owned(),
                has_program: false,
                process_name: String::new(),
                is_on: false,
                lists: Vec::new(),
                ports: Vec::new(),
                ready_port: None,
                error: Some(failure.message),
                stamp,
            },
        }
    }

    fn of(library: &Library, app: &App, stamp: Stamp) -> Self {
        let setting = app.store.as_ref().map(|store| &store.setting);
        Self {
            name: app.name.clone(),
            install: app.install.clone(),
            icon: icon(library, app),
            has_program: setting.is_some_and(|setting| !setting.bin_path.is_empty()),
            process_name: setting.map_or_else(String::new, |s| s.progress_name.clone()),
            is_on: setting.is_some_and(|setting| setting.is_on),
            lists: app
                .store
                .as_ref()
                .map_or_else(Vec::new, |store| store.commands.keys().cloned().collect()),
            ports: app.store.as_ref().map_or_else(Vec::new, |store| {
                form::fields(store, &Map::new())
                    .into_iter()
                    .filter(|field| field.kind == FieldKind::Port)
                    .map(|field| (field.key, field.default))
                    .collect()
            }),
            ready_port: setting
                .and_then(|setting| setting.ready.as_ref())
                .and_then(|ready| ready.port.clone()),
            error: None,
            stamp,
        }
    }

    /// A fresh look at one app, past the list.
    pub(super) fn fresh(service: &Service, app: &App) -> Self {
        Self::of(&service.library, app, Stamp::default())
    }
}

impl Stamp {
    fn of(dir: &Path) -> Self {
        Self(["install.json", "store.json", "static"].map(|name| {
            let data = std::fs::metadata(dir.join(name)).ok()?;
            Some((data.modified().ok()?, data.len()))
        }))
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// `store.json`'s icon when that file is there, else `install.json`'s, else a plain one of ours.
fn icon(library: &Library, app: &App) -> String {
    let from_store = app.store.as_ref().map_or("", |store| store.icon.as_str());
    [from_store, app.install.icon.as_str()]
        .into_iter()
        .filter(|icon| !icon.is_empty())
        .find_map(|icon| {
            if icon.starts_with("http://") || icon.starts_with("https://") {
                return Some(icon.to_owned());
            }
            let relative = icon.trim_start_matches("./");
            let tail = format!("{}/{relative}", app.name);
            files::find(library, &tail).map(|_| format!("/static/{tail}"))
        })
        .unwrap_or_else(|| DEFAULT_ICON.to_owned())
}

/// An app's manifest as the API tells it: the truth, unlike what the desktop needs to hear.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct About<'a> {
    /// Its name.
    #[schema(value_type = String)]
    pub name: &'a AppName,
    /// Its version.
    pub version: &'a str,
    /// What it is, in a sentence.
    pub desc: &'a str,
    /// Its icon: a path below this service's address, or an address.
    pub icon: &'a str,
    /// Category.
    pub category: &'a str,
    /// Page that the desktop opens for it.
    pub web_url: &'a str,
    /// The folder belongs to the developer.
    pub is_dev: bool,
    /// Whether start and stop are offered.
    pub has_start: bool,
    /// Whether restart is offered.
    pub has_restart: bool,
    /// Its settings page, when it has one.
    pub settings_page: Option<String>,
    /// Its command lists.
    pub lists: &'a [String],
    /// Why it cannot be used.
    pub error: Option<&'a str>,
}

impl<'a> From<&'a Entry> for About<'a> {
    fn from(entry: &'a Entry) -> Self {
        let install = &entry.install;
        Self {
            name: &entry.name,
            version: &install.version,
            desc: &install.desc,
            icon: &entry.icon,
            category: &install.category,
            web_url: &install.web_url,
            is_dev: install.is_dev,
            has_start: install.has_start,
            has_restart: install.has_restart,
            settings_page: install.setting.then(|| format!("/static/{}/", entry.name)),
            lists: &entry.lists,
            error: entry.error.as_deref(),
        }
    }
}
