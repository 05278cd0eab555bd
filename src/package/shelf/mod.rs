//! A shelf: a folder of packages from which a package server serves.
//!
//! `.packages` holds the packages under their ids and architectures, each whole: a package is checked
//! beside its place and then renamed into it, and the memory follows the disk. What is in `upload` and
//! `remove` is dealt with by [`drop_folder`].

pub mod drop_folder;
mod entry;
mod index;
mod lock;
mod note;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use sha2::{Digest as _, Sha256 as Hasher};
use tempfile::TempPath;

pub use self::entry::Entry;
use self::entry::{by_code_unit, file_name, key_of};
use self::index::Known;
use self::lock::{Lock, LockError};
pub use self::note::{ALL, Key, Note};
use super::{Checks, Inspected, Kind, PackageError, Signed, StoreSigner, TrustStore, inspect};
use crate::app::Sha256;
use crate::archive::Limits;
use crate::platform::{self, Stamp};

/// Where the packages are, below the data folder.
const PACKAGES: &str = ".packages";

/// Their icons, below that.
const ICONS: &str = ".icons";

/// How the names of files begin that are not whole yet. Our own saving uses it, too.
const UNFINISHED: &str = ".storekeeper-";

/// So many lists are kept ready, one for each architecture that is asked for.
const MAX_LISTS: usize = 16;

/// How a shelf is run.
#[derive(Debug, Default)]
pub struct Rules {
    /// The largest package that is taken, bytes.
    pub max_bytes: u64,
    /// Who must have signed what is taken; none when everything is.
    pub developers: Option<Developers>,
    /// Who signs what is downloaded.
    pub store: Option<Store>,
    /// Leave out what `category` and `filter` match, as the original does, instead of everything
    /// else, as its manual says.
    pub inverted_filters: bool,
}

/// The certificates by which developers' signatures are checked.
#[derive(Debug)]
pub struct Developers {
    /// They.
    pub trust: TrustStore,
    /// What their files hold: with others, everything is checked anew.
    pub fingerprint: Sha256,
}

/// The store's own certificate; or why it cannot be used, which every download then tells.
#[derive(Debug)]
pub struct Store(pub Result<StoreSigner, String>);

/// Is told what happens; lines that belong together come together.
pub type Report = Box<dyn Fn(&[Note]) + Send + Sync>;

/// A folder of packages. Cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    packages: PathBuf,
    icons: PathBuf,
    rules: Rules,
    report: Report,
    contents: RwLock<Contents>,
    ready: Mutex<Ready>,
    /// Held while the disk and then the memory is changed, so that both agree.
    turn: Mutex<()>,
    /// What the index file says is out of date.
    unsaved: AtomicBool,
    closed: AtomicBool,
    lock: Lock,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shelf").field(&self.inner.folder).finish()
    }
}

/// The packages by id and architecture; `""` stands for the independent one, which so comes first.
type Packages = BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Entry>>>;

#[derive(Default)]
struct Contents {
    packages: Packages,
    /// Counts the changes: what was made ready for one state is of no use in the next.
    generation: u64,
}

/// Answers that are asked for often.
#[derive(Default)]
struct Ready {
    generation: u64,
    lists: Vec<(Option<Box<str>>, Bytes)>,
    categories: Option<Bytes>,
}

/// What is to be listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// For this architecture, else only what is independent.
    pub architecture: Option<&'a str>,
    /// What is in this category.
    pub category: Option<&'a str>,
    /// What has this in a name.
    pub filter: Option<&'a str>,
}

/// What became of a package that was put on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Which one it is.
    pub key: Key,
    /// What became of it.
    pub change: Change,
}

/// What a package changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It took the place of another one.
    Updated,
    /// It was there already, byte for byte.
    Nothing,
}

impl Put {
    fn note(&self) -> Note {
        let key = self.key.clone();
        match self.change {
            Change::Added => Note::Adding(key),
            Change::Updated => Note::Updating(key),
            Change::Nothing => Note::Unchanged(key),
        }
    }
}

impl Change {
    /// As the original's clients read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Nothing => "no changes",
        }
    }
}

/// Why a shelf cannot be used, or a package not be put on it.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The data folder cannot be made or read.
    #[error("could not use the data directory {folder}: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// Another server uses it.
    #[error("could not lock the data directory {folder} - {reason}")]
    Locked {
        /// The folder.
        folder: String,
        /// Who, or what the system says.
        reason: String,
    },
    /// It is no package that can be taken.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// It cannot be put in place; nothing has changed.
    #[error("the package cannot be kept: {0}; make room for it, or make the data folder writable")]
    Disk(io::Error),
    /// The check ended by a mistake of ours.
    #[error("the check ended by a fault in Storekeeper; its log tells more")]
    Fault,
    /// So many packages are on their way that none was let in for a while.
    #[error("too many packages are being sent at the moment; send it again later")]
    Busy,
    /// What is on the shelf by this name is something else.
    #[error(
        "{key} on the shelf is {} and this is {}, which does not take its place; remove that one first",
        there.shown(),
        kind.shown()
    )]
    OtherKind {
        /// The name.
        key: Key,
        /// What is there.
        there: Kind,
        /// What was to be put there.
        kind: Kind,
    },
    /// Somebody wrote to the file while it was read.
    #[error("the package was changed while it was checked; put it here again when it is complete")]
    Changing,
}

impl ShelfError {
    /// Whether it tells nothing of the package: the same one may be taken another time.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Disk(_) | Self::Fault | Self::Busy | Self::Package(PackageError::Read(_)) => true,
            Self::Folder { .. }
            | Self::Locked { .. }
            | Self::Package(PackageError::Refused(_) | PackageError::Signature(_))
            | Self::OtherKind { .. }
            | Self::Changing => false,
        }
    }
}

/// A package that is to be put on the shelf.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// A file beside the packages that is ours.
    Received(TempPath),
    /// A file that somebody put into `upload`.
    Dropped(&'a Path),
}

impl Incoming<'_> {
    fn path(&self) -> &Path {
        match self {
            Self::Received(path) => path,
            Self::Dropped(path) => path,
        }
    }
}

impl Shelf {
    /// Takes a data folder, which is made if it is not there. Its packages are not known before
    /// [`Shelf::scan`]. Blocks, for a second if another server has it.
    ///
    /// # Errors
    /// [`ShelfError::Folder`] and [`ShelfError::Locked`].
    pub fn open(folder: &Path, rules: Rules, report: Report) -> Result<Self, ShelfError> {
        let shown = folder.display().to_string();
        let fail = |source| ShelfError::Folder {
            folder: shown.clone(),
            source,
        };
        let packages = folder.join(PACKAGES);
        let icons = packages.join(ICONS);
        for made in [&icons, &folder.join("upload"), &folder.join("remove")] {
            fs::create_dir_all(made).map_err(fail)?;
        }
        let lock = Lock::take(folder).map_err(|error: LockError| ShelfError::Locked {
            folder: shown.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                folder: folder.to_owned(),
                packages,
                icons,
                rules,
                report,
                contents: RwLock::default(),
                ready: Mutex::default(),
                turn: Mutex::default(),
                unsaved: AtomicBool::new(false),
                closed: AtomicBool::new(false),
                lock,
            }),
        })
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// How it is run.
    pub fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// Says something about the shelf.
    pub fn report(&self, notes: &[Note]) {
        (self.inner.report)(notes);
    }

    /// Says what became of a package that came over HTTP.
    pub fn report_put(&self, from: &str, put: &Result<Put, ShelfError>) {
        let note = match put {
            Ok(put) => put.note(),
            Err(error) => Note::Failed {
                file: from.to_owned(),
                reason: error.to_string(),
            },
        };
        self.report(&[Note::Heading("Upload via HTTP:".to_owned()), note]);
    }

    /// Says what was removed over HTTP.
    pub fn report_removed(&self, id: &str, architecture: Option<String>, removed: &[Key]) {
        let mut notes = vec![Note::Heading("Remove via HTTP:".to_owned())];
        if removed.is_empty() {
            let id = id.to_owned();
            notes.push(Note::NotThere { id, architecture });
        }
        notes.extend(removed.iter().cloned().map(Note::Removing));
        self.report(&notes);
    }

    /// Looks which packages there are, and removes what a killed server left. Those that did not change
    /// since the last time are not read again. Blocks.
    pub fn scan(&self) {
        self.report(&[Note::Heading(format!("Scanning {PACKAGES}"))]);
        let inner = &*self.inner;
        let mut notes = Vec::new();
        let checked = inner.checked();
        let mut known = index::load(&inner.packages, &checked);
        let icons = icons_in(&inner.icons);
        let mut found: Vec<Found> = Vec::new();
        for name in names_in(&inner.packages) {
            let path = inner.packages.join(&name);
            let learned = known.remove(&name);
            // An id may begin as hidden files do, and as ours do before they are whole.
            let is_hidden = name.starts_with('.') && !Kind::ALL.iter().any(|it| it.names(&name));
            if is_hidden {
                if name.starts_with(UNFINISHED) {
                    let _ = fs::remove_file(&path);
                }
                continue;
            }
            let Some(metadata) = fs::metadata(&path).ok().filter(fs::Metadata::is_file) else {
                continue;
            };
            let stamp = platform::stamp(&metadata);
            let learned = learned.filter(|learned| {
                learned.stamp == stamp
                    && (!learned.has_icon || icons.contains(&icon_name(&learned.package.sha256)))
            });
            found.push(Found {
                name,
                path,
                stamp,
                learned,
            });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let mut learned = self.learn(&found);
        let mut packages = Packages::new();
        let mut read_anew = !known.is_empty();
        for (place, file) in found.into_iter().enumerate() {
            let result = if let Some(learned) = file.learned {
                Ok(learned)
            } else {
                read_anew = true;
                learned.remove(&place).unwrap_or(Err(ShelfError::Changing))
            };
            let skipping = |reason: String| Note::Skipping {
                file: file.name.clone(),
                reason,
            };
            match result {
                Ok(known) if file_name(&known.package) != file.name => {
                    notes.push(skipping(format!(
                        "the name of this package is {}",
                        file_name(&known.package)
                    )));
                }
                Ok(known) => {
                    let key = key_of(&known.package);
                    // Somebody put them there: of the names, which differ in their endings, the first
                    // one counts.
                    if let Some(there) = at(&packages, &key) {
                        let (there, kind) = (there.package.kind, known.package.kind);
                        let error = ShelfError::OtherKind { key, there, kind };
                        notes.push(skipping(error.to_string()));
                        continue;
                    }
                    let entry = Entry::new(known.package, file.path, known.stamp, known.has_icon);
                    insert(&mut packages, Arc::new(entry));
                    notes.push(Note::Adding(key));
                }
                Err(error) => notes.push(skipping(error.to_string())),
            }
        }
        if notes.is_empty() {
            notes.push(Note::NoneFound);
        }
        let wanted: HashSet<String> = packages
            .values()
            .flat_map(BTreeMap::values)
            .filter(|entry| entry.has_icon)
            .map(|entry| icon_name(&entry.package.sha256))
            .collect();
        for name in names_in(&inner.icons).difference(&wanted) {
            let _ = fs::remove_file(inner.icons.join(name));
        }
        {
            let mut contents = inner.write();
            contents.packages = packages;
            contents.generation += 1;
        }
        inner.unsaved.store(read_anew, Ordering::Release);
        self.report(&notes);
        self.save();
    }

    /// Reads the files of which nothing is known, on all processors.
    fn learn(&self, found: &[Found]) -> HashMap<usize, Result<Known, ShelfError>> {
        let unknown: Vec<(usize, &Found)> = found
            .iter()
            .enumerate()
            .filter(|(_, file)| file.learned.is_none())
            .collect();
        let next = AtomicUsize::new(0);
        let results = Mutex::new(HashMap::new());
        let work = || {
            while let Some((place, file)) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = self.inspect(&file.path).and_then(|inspected| {
                    self.inner.keep_icon(&inspected).map_err(ShelfError::Disk)?;
                    Ok(Known {
                        stamp: file.stamp,
                        has_icon: inspected.icon.is_some(),
                        package: inspected.package,
                    })
                });
                lock(&results).insert(*place, result);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..threads.min(unknown.len()) {
                scope.spawn(work);
            }
            work();
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn inspect(&self, path: &Path) -> Result<Inspected, ShelfError> {
        let rules = &self.inner.rules;
        let checks = Checks {
            max_bytes: rules.max_bytes,
            developers: rules.developers.as_ref().map(|it| &it.trust),
            limits: Limits::default(),
        };
        // A package that brings out a fault of ours costs this package, not the shelf.
        let inspected = catch_unwind(AssertUnwindSafe(|| inspect(path, &checks)));
        Ok(inspected.map_err(|_| ShelfError::Fault)??)
    }

    /// A new file for a package that is on its way; it is on the same disk as the packages. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub fn receive(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.inner.packages)
    }

    /// Checks a package and puts it on the shelf. A file of ours is gone afterwards, however it ends; one
    /// that was dropped stays where it is when this fails. Blocks.
    ///
    /// # Errors
    /// [`ShelfError::Package`], [`ShelfError::OtherKind`], [`ShelfError::Disk`], [`ShelfError::Fault`] and
    /// [`ShelfError::Changing`]; the shelf is then as it was.
    pub fn put(&self, incoming: Incoming<'_>) -> Result<Put, ShelfError> {
        let inner = &*self.inner;
        let path = incoming.path();
        let stamp_of = |path: &Path| fs::metadata(path).map(|it| platform::stamp(&it));
        let before = stamp_of(path).map_err(ShelfError::Disk)?;
        // What is on the shelf survives a power failure; the disk writes while we read.
        let (synced, inspected) = std::thread::scope(|scope| {
            let sync = scope.spawn(|| sync(path));
            let inspected = self.inspect(path);
            (sync.join().unwrap_or(Ok(())), inspected)
        });
        let inspected = inspected?;
        synced.map_err(ShelfError::Disk)?;
        if stamp_of(path).map_err(ShelfError::Disk)? != before {
            return Err(ShelfError::Changing);
        }
        let key = key_of(&inspected.package);
        let turn = lock(&inner.turn);
        let there = self.at(&key);
        let change = match &there {
            None => Change::Added,
            Some(there) if there.package.kind != inspected.package.kind => {
                let (there, kind) = (there.package.kind, inspected.package.kind);
                return Err(ShelfError::OtherKind { key, there, kind });
            }
            Some(there)
                if there.package.sha256 == inspected.package.sha256 && there.path.exists() =>
            {
                if let Incoming::Dropped(path) = incoming {
                    let _ = fs::remove_file(path);
                }
                return Ok(Put {
                    key,
                    change: Change::Nothing,
                });
            }
            Some(_) => Change::Updated,
        };
        inner.keep_icon(&inspected).map_err(ShelfError::Disk)?;
        let target = inner.packages.join(file_name(&inspected.package));
        let placed = match incoming {
            Incoming::Received(file) => File::open(&file)
                .and_then(|file| platform::set_default_mode(&file))
                .and_then(|()| file.persist(&target).map_err(|error| error.error)),
            Incoming::Dropped(path) => match fs::rename(path, &target) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    self.carry(path, &inspected.package.sha256, &target)
                }
                renamed => renamed,
            },
        };
        let stamp = placed.and_then(|()| stamp_of(&target)).map_err(|error| {
            inner.forget_icon(&inspected.package.sha256);
            match error.kind() {
                io::ErrorKind::InvalidData => ShelfError::Changing,
                _ => ShelfError::Disk(error),
            }
        })?;
        let has_icon = inspected.icon.is_some();
        let entry = Arc::new(Entry::new(inspected.package, target, stamp, has_icon));
        {
            let mut contents = inner.write();
            insert(&mut contents.packages, Arc::clone(&entry));
            contents.generation += 1;
        }
        if let Some(there) = there {
            inner.forget_icon(&there.package.sha256);
        }
        inner.unsaved.store(true, Ordering::Release);
        drop(turn);
        // The package is in place; that its name outlives a power failure is worth a line, no more.
        if let Err(error) = platform::sync_folder(&inner.packages) {
            tracing::warn!("{}: {error}", inner.packages.display());
        }
        Ok(Put { key, change })
    }

    /// Brings a package that was checked from another disk. What comes over is compared with what was
    /// checked, and is whole before it has its name.
    ///
    /// # Errors
    /// What the system says; `InvalidData` when the file is another one by now.
    fn carry(&self, path: &Path, sha256: &Sha256, target: &Path) -> io::Result<()> {
        let mut copy = self.receive()?;
        let mut from = Hashing(File::open(path)?, Hasher::new());
        io::copy(&mut from, &mut copy)?;
        if from.1.finalize()[..] != sha256.0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        platform::set_default_mode(copy.as_file())?;
        copy.as_file().sync_all()?;
        copy.persist(target).map_err(|error| error.error)?;
        let _ = fs::remove_file(path);
        Ok(())
    }

    /// Takes packages off the shelf: that of an architecture (`all` is the independent one), or all of
    /// an id. Answers which there were. Blocks.
    pub fn remove(&self, id: &str, architecture: Option<&str>) -> Vec<Key> {
        let wanted = |key: &Key| {
            key.id == id && architecture.is_none_or(|it| it == key.architecture_or_all())
        };
        self.remove_those(&self.keys_of(id), wanted)
    }

    /// The same for a name as files in `remove` have it: an id, or an id with an architecture.
    pub fn remove_named(&self, name: &str) -> Vec<Key> {
        let wanted = |key: &Key| {
            key.id == name || format!("{}_{}", key.id, key.architecture_or_all()) == name
        };
        let mut candidates = self.keys_of(name);
        let cuts = name.match_indices('_').map(|(cut, _)| cut);
        candidates.extend(cuts.flat_map(|cut| self.keys_of(name.get(..cut).unwrap_or_default())));
        self.remove_those(&candidates, wanted)
    }

    fn keys_of(&self, id: &str) -> Vec<Key> {
        let contents = self.inner.read();
        let entries = contents
            .packages
            .get(id)
            .into_iter()
            .flat_map(BTreeMap::values);
        entries.map(|entry| entry.key()).collect()
    }

    fn remove_those(&self, candidates: &[Key], wanted: impl Fn(&Key) -> bool) -> Vec<Key> {
        let inner = &*self.inner;
        let turn = lock(&inner.turn);
        let mut removed = Vec::new();
        for key in candidates.iter().filter(|key| wanted(key)) {
            let Some(entry) = self.at(key) else { continue };
            match fs::remove_file(&entry.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.report(&[Note::Failed {
                        file: entry.path.display().to_string(),
                        reason: error.to_string(),
                    }]);
                    continue;
                }
                Ok(()) | Err(_) => {}
            }
            let mut contents = inner.write();
            take(&mut contents.packages, key);
            contents.generation += 1;
            drop(contents);
            inner.forget_icon(&entry.package.sha256);
            removed.push(key.clone());
        }
        drop(turn);
        if !removed.is_empty() {
            inner.unsaved.store(true, Ordering::Release);
            if let Err(error) = platform::sync_folder(&inner.packages) {
                tracing::warn!("{}: {error}", inner.packages.display());
            }
        }
        removed
    }

    /// The package for an architecture: its own, else the independent one.
    pub fn find(&self, id: &str, architecture: Option<&str>) -> Option<Arc<Entry>> {
        let contents = self.inner.read();
        choose(contents.packages.get(id)?, architecture).cloned()
    }

    fn at(&self, key: &Key) -> Option<Arc<Entry>> {
        at(&self.inner.read().packages, key).cloned()
    }

    /// All packages, by id.
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        let contents = self.inner.read();
        let all = contents.packages.values().flat_map(BTreeMap::values);
        all.cloned().collect()
    }

    /// The list for an architecture, if it was made before and holds still.
    pub fn ready_list(&self, architecture: Option<&str>) -> Option<Bytes> {
        let contents = self.inner.read();
        let ready = lock(&self.inner.ready);
        let mut lists = ready.lists.iter();
        let (_, list) = lists.find(|(of, _)| of.as_deref() == architecture)?;
        (ready.generation == contents.generation).then(|| list.clone())
    }

    /// The list as JSON: of each id the package that an architecture gets, by id. Takes its time when
    /// there are many.
    pub fn list(&self, wish: &Wish<'_>) -> Bytes {
        let plain = wish.category.is_none() && wish.filter.is_none();
        if plain && let Some(list) = self.ready_list(wish.architecture) {
            return list;
        }
        let contents = self.inner.read();
        let mut list = vec![b'['];
        for architectures in contents.packages.values() {
            let chosen = choose(architectures, wish.architecture);
            if let Some(entry) = chosen.filter(|entry| self.is_wished(entry, wish)) {
                if list.len() > 1 {
                    list.push(b',');
                }
                list.extend_from_slice(&entry.json);
            }
        }
        list.push(b']');
        let list = Bytes::from(list);
        if plain {
            let mut ready = self.ready_for(contents.generation);
            if ready.lists.len() >= MAX_LISTS {
                ready.lists.remove(0);
            }
            let of = wish.architecture.map(Box::from);
            ready.lists.push((of, list.clone()));
        }
        list
    }

    fn is_wished(&self, entry: &Entry, wish: &Wish<'_>) -> bool {
        let inverted = self.inner.rules.inverted_filters;
        wish.category
            .is_none_or(|category| entry.has_category(category) != inverted)
            && wish
                .filter
                .is_none_or(|filter| entry.has_name_with(filter) != inverted)
    }

    /// All categories as JSON, each once.
    ///
    /// # Panics
    /// Never: texts are JSON.
    pub fn categories(&self) -> Bytes {
        let contents = self.inner.read();
        {
            let ready = lock(&self.inner.ready);
            if ready.generation == contents.generation
                && let Some(categories) = &ready.categories
            {
                return categories.clone();
            }
        }
        let all = contents.packages.values().flat_map(BTreeMap::values);
        let distinct: BTreeSet<&String> = all.flat_map(|entry| &entry.package.categories).collect();
        let mut sorted: Vec<&String> = distinct.into_iter().collect();
        sorted.sort_by(|one, other| by_code_unit(one, other));
        let list = Bytes::from(serde_json::to_vec(&sorted).expect("texts are JSON"));
        self.ready_for(contents.generation).categories = Some(list.clone());
        list
    }

    fn ready_for(&self, generation: u64) -> MutexGuard<'_, Ready> {
        let mut ready = lock(&self.inner.ready);
        if ready.generation != generation {
            *ready = Ready {
                generation,
                ..Ready::default()
            };
        }
        ready
    }

    /// The icon of a package. Blocks.
    pub fn icon(&self, entry: &Entry) -> Option<Vec<u8>> {
        if !entry.has_icon {
            return None;
        }
        fs::read(self.inner.icons.join(icon_name(&entry.package.sha256))).ok()
    }

    /// The copy of a package that the store signs for a device, of its new version if it was updated
    /// meanwhile; none when nothing is signed: nobody does, or it is an app of ours. Blocks.
    ///
    /// # Errors
    /// A sentence: the store's certificate cannot be used, the package cannot be read.
    pub fn signed(
        &self,
        entry: &Entry,
        hardware_id: Option<&str>,
    ) -> Option<Result<Signed, String>> {
        let Store(signer) = self.inner.rules.store.as_ref()?;
        entry.package.plan.as_ref()?;
        let signer = match signer {
            Ok(signer) => signer,
            Err(reason) => return Some(Err(reason.clone())),
        };
        if let Some(copy) = sign(signer, entry, hardware_id) {
            return Some(copy);
        }
        // It is being updated, the disk before the memory. In our turn both agree and stay.
        let _turn = lock(&self.inner.turn);
        let now = self.at(&entry.key());
        let copy = now.and_then(|now| sign(signer, &now, hardware_id));
        Some(copy.unwrap_or_else(|| {
            Err("somebody changed its file; put the package on the shelf again".to_owned())
        }))
    }

    /// Writes down what was learned, if there is something new. Blocks.
    pub fn save(&self) {
        let inner = &*self.inner;
        if !inner.unsaved.swap(false, Ordering::AcqRel) {
            return;
        }
        // It only saves time at the next start.
        if let Err(error) = index::save(&inner.packages, &inner.checked(), &self.entries()) {
            tracing::debug!("{}: {error}", inner.packages.display());
        }
    }

    /// Gives the data folder back. Blocks.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
        // Nothing is to be half done: whoever is at it finishes first.
        let _turn = lock(&self.inner.turn);
        self.save();
        self.inner.lock.release();
    }

    /// Gives the data folder back at once; what was learned is learned again.
    pub fn abandon(&self) {
        self.inner.lock.release();
    }

    fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Acquire)
    }
}

/// A file that may be a package.
struct Found {
    name: String,
    path: PathBuf,
    stamp: Stamp,
    learned: Option<Known>,
}

impl Inner {
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// By whom and when signatures are checked. A certificate may expire, so what was learned of them
    /// holds for a day.
    fn checked(&self) -> String {
        let Some(developers) = &self.rules.developers else {
            return String::new();
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let day = now.map_or(0, |since| since.as_secs() / 86_400);
        format!("{} {day}", developers.fingerprint)
    }

    /// Not synced: an icon that a power failure took is taken from its package again.
    fn keep_icon(&self, inspected: &Inspected) -> io::Result<()> {
        let Some(icon) = &inspected.icon else {
            return Ok(());
        };
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.icons)?;
        file.write_all(icon)?;
        file.persist(self.icons.join(icon_name(&inspected.package.sha256)))?;
        Ok(())
    }

    /// Deletes an icon that no package on the shelf has any more.
    fn forget_icon(&self, sha256: &Sha256) {
        let contents = self.read();
        let mut all = contents.packages.values().flat_map(BTreeMap::values);
        if all.all(|entry| entry.package.sha256 != *sha256) {
            let _ = fs::remove_file(self.icons.join(icon_name(sha256)));
        }
    }
}

fn icon_name(sha256: &Sha256) -> String {
    format!("{sha256}.png")
}

/// What passes by is hashed.
struct Hashing(File, Hasher);

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// A signed copy; none when the file is not the one that is known.
fn sign(
    signer: &StoreSigner,
    entry: &Entry,
    hardware_id: Option<&str>,
) -> Option<Result<Signed, String>> {
    let plan = entry.package.plan.as_ref()?;
    // The plan is for this very file, which may be replaced at any moment.
    let is_it = || {
        fs::metadata(&entry.path).is_ok_and(|metadata| platform::stamp(&metadata) == entry.stamp)
    };
    let copy = is_it().then(|| signer.signed(&entry.path, plan, hardware_id))?;
    is_it().then(|| copy.map_err(|error| error.to_string()))
}

/// What an architecture gets.
fn choose<'a>(
    architectures: &'a BTreeMap<Box<str>, Arc<Entry>>,
    architecture: Option<&str>,
) -> Option<&'a Arc<Entry>> {
    architecture
        .and_then(|architecture| architectures.get(architecture))
        .or_else(|| architectures.get(""))
}

fn at<'a>(packages: &'a Packages, key: &Key) -> Option<&'a Arc<Entry>> {
    let architecture = key.architecture.as_deref().unwrap_or_default();
    packages.get(key.id.as_str())?.get(architecture)
}

/// Puts an entry in its place.
fn insert(packages: &mut Packages, entry: Arc<Entry>) {
    let architecture = entry.package.architecture.as_deref().unwrap_or_default();
    let architecture = Box::from(architecture);
    let id = Box::from(entry.package.id.as_str());
    packages.entry(id).or_default().insert(architecture, entry);
}

fn take(packages: &mut Packages, key: &Key) {
    let architecture = key.architecture.as_deref().unwrap_or_default();
    if let Some(architectures) = packages.get_mut(key.id.as_str()) {
        architectures.remove(architecture);
        if architectures.is_empty() {
            packages.remove(key.id.as_str());
        }
    }
}

/// The names of icons that are not empty.
fn icons_in(folder: &Path) -> HashSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.metadata().is_ok_and(|it| it.len() > 0))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn names_in(folder: &Path) -> HashSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // Our names are text; others cannot be ours.
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn sync(path: &Path) -> io::Result<()> {
    // Windows lets only a writer do so.
    let file = File::options().read(true).write(cfg!(windows)).open(path)?;
    file.sync_all()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
