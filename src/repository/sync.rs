//! Brings an index and what lies beside it together. What lies there counts: the index is a summary of
//! it, so one that is broken, cut off or lost is made anew, and never takes anything away. Only what is
//! new or changed is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use bytes::Bytes;
use chrono::Utc;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncWriteExt as _;

use super::cache::{Memory, Seen};
use super::error::RepositoryError;
use super::index::{Entry, INDEX_FILE, Index, is_file_name, rfc3339};
use super::inspect::{Description, inspect};
use super::place::{Object, Only, Written};
use super::{
    MAX_INDEX_BYTES, MAX_NOTE_BYTES, MAX_TRIES, Note, Repository, blocking, parse_index, pause,
    write_index,
};

/// Notes that are read at once.
const NOTES_AT_ONCE: usize = 16;

/// Largest package that is read to learn what it is, bytes.
const MAX_PACKAGE_BYTES: u64 = 16 << 30;

/// What is wrong: so many sentences are told.
const MAX_PROBLEMS: usize = 100;

/// What a sync found.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// The index as it is now.
    pub index: Index,
    /// Whether it is another than before.
    pub changed: bool,
    /// Packages that were read to learn what they are.
    pub read: usize,
    /// What is wrong with single packages, as sentences.
    pub problems: Vec<String>,
    /// `found`, `absent` or `invalid`: how the index was before.
    pub found: String,
}

impl Synced {
    fn blame(&mut self, sentence: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(sentence);
        }
    }
}

/// The notes that were read, by the files that they are of.
#[derive(Default)]
struct Notes {
    of: HashMap<String, Note>,
    /// The files of those that could not be read.
    unread: HashSet<String>,
}

/// What the index lacks, and what it has too much.
#[derive(Default)]
struct Differences {
    put: Vec<Entry>,
    /// Only when it is still the one that was seen.
    remove: Vec<Entry>,
}

impl Differences {
    fn is_empty(&self) -> bool {
        self.put.is_empty() && self.remove.is_empty()
    }

    /// Answers whether anything changed.
    fn apply(&self, index: &mut Index) -> bool {
        let mut changed = false;
        for entry in &self.remove {
            if index.get(&entry.name, &entry.version) == Some(entry) {
                changed |= index.remove(&entry.name, &entry.version).is_some();
            }
        }
        for entry in &self.put {
            if index.get(&entry.name, &entry.version) != Some(entry) {
                index.put(entry.clone());
                changed = true;
            }
        }
        changed
    }
}

impl Repository {
    /// Brings the index up to date. `known` is the index as it was last known, `memory` what was seen of
    /// the files; packages lie in `scratch` while they are looked at.
    ///
    /// # Errors
    /// When the repository cannot be read or written as a whole; what is wrong with one package is told
    /// in the answer.
    pub(super) async fn sync(
        &self,
        known: Option<&Index>,
        memory: &mut Memory,
        scratch: &Path,
    ) -> Result<Synced, RepositoryError> {
        if self.is_read_only() {
            return self.sync_index(known).await;
        }
        let mut synced = Synced::default();
        // The index before the list: what it names was there before.
        let before = match self.read_index().await {
            Ok(Some((index, _))) => {
                "found".clone_into(&mut synced.found);
                Some(index)
            }
            Ok(None) => {
                "absent".clone_into(&mut synced.found);
                None
            }
            Err(error @ RepositoryError::Index { .. }) => {
                "invalid".clone_into(&mut synced.found);
                synced.blame(format!("{error}; it is made anew"));
                None
            }
            Err(error) => return Err(error),
        };
        let is_invalid = synced.found == "invalid";
        let listing = self.inner.place.list().await?.unwrap_or_default();
        let before = before.unwrap_or_default();
        let files = Files::of(&listing);
        let known_files = known.map_or(0, Index::len).max(before.len());
        if files.packages.is_empty() && known_files > 0 && listing.is_empty() {
            return Err(RepositoryError::Unreadable {
                address: self.inner.address.to_string(),
                reason: format!(
                    "nothing at all lies there, but {known_files} versions did; nothing was removed: if that is right, remove the repository"
                ),
                code: self.inner.address.code(),
            });
        }
        let notes = self.notes(&before, &files, memory, &mut synced).await;
        let differences = self
            .compare(&before, &files, &notes, memory, scratch, &mut synced)
            .await?;
        memory.files.retain(|file, _| files.is_there(file));
        for problem in &before.problems {
            synced.blame(problem.clone());
        }
        synced.index = if differences.is_empty() && !is_invalid {
            before
        } else {
            self.write_differences(&differences).await?
        };
        synced.changed = known.map(Index::fingerprint) != Some(synced.index.fingerprint());
        Ok(synced)
    }

    /// A web server's index is all that is known of it.
    async fn sync_index(&self, known: Option<&Index>) -> Result<Synced, RepositoryError> {
        let broken = |reason: String| RepositoryError::Index {
            address: self.index_address(),
            reason,
        };
        let Some((index, _)) = self.read_index().await? else {
            return Err(RepositoryError::Unreadable {
                address: self.inner.address.to_string(),
                reason: "there is no index.yaml".to_owned(),
                code: 109,
            });
        };
        let had = known.map_or(0, Index::len);
        if had > 0 && index.is_empty() {
            return Err(broken(format!(
                "it is empty, but had {had} versions; nothing was removed"
            )));
        }
        if index.is_cut(known) {
            return Err(broken(
                "it seems to be cut off; nothing was removed, try again later".to_owned(),
            ));
        }
        Ok(Synced {
            changed: known.map(Index::fingerprint) != Some(index.fingerprint()),
            problems: index.problems.clone(),
            found: "found".to_owned(),
            read: 0,
            index,
        })
    }

    /// The notes that changed since they were last read, and those of packages that the index lacks, by
    /// the files that they are of.
    async fn notes(
        &self,
        before: &Index,
        files: &Files<'_>,
        memory: &mut Memory,
        synced: &mut Synced,
    ) -> Notes {
        let indexed: HashSet<String> = before
            .entries()
            .filter_map(|entry| entry.file().map(note_of))
            .collect();
        let changed = files.notes.values().filter(|note| {
            let seen = memory.files.get(&note.file);
            let is_same = seen.is_some_and(|seen| seen.tag == note.tag);
            let is_lacking = seen.is_some_and(|seen| !seen.hidden) && !indexed.contains(&note.file);
            !is_same || is_lacking
        });
        // Each owns what it needs: borrowed parts would not go from thread to thread.
        let reads: Vec<_> = changed
            .map(|object| {
                let (repository, object) = (self.clone(), (*object).clone());
                let read = async move {
                    let place = &repository.inner.place;
                    let read = place.read(&object.file, MAX_NOTE_BYTES).await;
                    (object, read)
                };
                read.boxed()
            })
            .collect();
        let mut reads = futures_util::stream::iter(reads).buffer_unordered(NOTES_AT_ONCE);
        let mut notes = Notes::default();
        while let Some((object, read)) = reads.next().await {
            let read = match read {
                Ok(read) => read,
                Err(error @ RepositoryError::Oversized { .. }) => {
                    synced.blame(format!("{error}; it is no note"));
                    None
                }
                Err(error) => {
                    synced.blame(format!(
                        "{error}; what `{}` belongs to stays as it is",
                        object.file
                    ));
                    notes.unread.insert(object.file);
                    continue;
                }
            };
            let note = read.and_then(|(bytes, _)| Note::read(&bytes));
            let hidden = note
                .as_ref()
                .is_some_and(|note| !note.published || note.uploading.is_some());
            let under_way = note.as_ref().is_some_and(|note| note.uploading.is_some());
            // The note of an upload that is under way changes without our seeing its tag change.
            if !under_way {
                let seen = Seen {
                    tag: object.tag.clone(),
                    problem: String::new(),
                    hidden,
                };
                memory.files.insert(object.file.clone(), seen);
            }
            if let Some(note) = note
                && let Some(file) = note.entry.file()
            {
                notes.of.insert(file.to_owned(), note);
            }
        }
        notes
    }

    async fn compare(
        &self,
        before: &Index,
        files: &Files<'_>,
        notes: &Notes,
        memory: &mut Memory,
        scratch: &Path,
        synced: &mut Synced,
    ) -> Result<Differences, RepositoryError> {
        let mut differences = Differences::default();
        let mut indexed: HashMap<&str, &Entry> = HashMap::new();
        for entry in before.entries() {
            let file = entry.file();
            if let Some(file) = file.filter(|file| files.packages.contains_key(*file)) {
                indexed.insert(file, entry);
            } else if !is_elsewhere(entry) {
                synced.blame(format!(
                    "version {} of `{}` is no longer offered: its package is gone",
                    entry.version, entry.name
                ));
                differences.remove.push(entry.clone());
            }
        }
        for (file, object) in &files.packages {
            let note_file = note_of(file);
            if notes.unread.contains(&note_file) {
                // It may say that the package is not to be seen.
                continue;
            }
            let has_note = files.notes.contains_key(note_file.as_str());
            let is_hidden = match notes.of.get(*file) {
                Some(note) => !note.published || note.uploading.is_some(),
                None => has_note && memory.files.get(&note_file).is_some_and(|it| it.hidden),
            };
            let entry = indexed.get(file).copied();
            if is_hidden {
                differences.remove.extend(entry.cloned());
                continue;
            }
            if let Some(note) = notes.of.get(*file)
                && entry.is_none()
            {
                if note.entry.size == object.size {
                    remember(memory, object, String::new());
                    differences.put.push(note.entry.clone());
                } else {
                    synced.blame(format!(
                        "`{file}` has {} bytes and was published with {}; it is not offered",
                        object.size, note.entry.size
                    ));
                }
                continue;
            }
            let seen = memory.files.get(*file);
            let is_same = seen.is_some_and(|seen| seen.tag == object.tag);
            let is_as_indexed = entry.is_some_and(|entry| {
                entry.digest.is_some() && (entry.size == 0 || entry.size == object.size)
            });
            if is_same && (entry.is_some() || seen.is_some_and(|seen| !seen.problem.is_empty())) {
                let problem = seen.map(|seen| seen.problem.clone());
                if let Some(problem) = problem.filter(|problem| !problem.is_empty()) {
                    synced.blame(problem);
                }
                continue;
            }
            if seen.is_none() && is_as_indexed {
                // The first look at a repository that has an index: its word is good until somebody
                // fetches the package, which is checked then.
                remember(memory, object, String::new());
                continue;
            }
            synced.read += 1;
            let problem = match self.look_at(object, scratch).await? {
                Err(reason) => format!("`{file}` is left out: {reason}"),
                Ok(found) => take(before, entry, file, &found, &mut differences),
            };
            remember(memory, object, problem.clone());
            if !problem.is_empty() {
                synced.blame(problem);
            }
        }
        Ok(differences)
    }

    /// Reads a package to learn what it is. The inner error is the package's.
    async fn look_at(
        &self,
        object: &Object,
        scratch: &Path,
    ) -> Result<Result<Description, String>, RepositoryError> {
        if object.size > MAX_PACKAGE_BYTES {
            return Ok(Err("it is too large".to_owned()));
        }
        let folder = scratch.to_owned();
        let made = blocking(move || {
            crate::platform::create_private_dir(&folder)?;
            tempfile::Builder::new()
                .prefix("package-")
                .tempfile_in(&folder)
        });
        let file_error = |source| RepositoryError::File {
            path: scratch.to_owned(),
            source,
        };
        let temporary = made.await.map_err(file_error)?;
        let place = &self.inner.place;
        let content = place
            .content(&object.file, &object.file, None, None)
            .await?;
        let Some((_, mut content)) = content else {
            return Ok(Err("it vanished while it was read".to_owned()));
        };
        let handle = temporary.as_file().try_clone().map_err(file_error)?;
        let mut target = tokio::fs::File::from_std(handle);
        while let Some(piece) = content.try_next().await? {
            target.write_all(&piece).await.map_err(file_error)?;
        }
        target.flush().await.map_err(file_error)?;
        Ok(blocking(move || inspect(temporary.path()))
            .await
            .map_err(|error| match error {
                RepositoryError::Package { .. } => {
                    let text = error.to_string();
                    let reason = text.strip_prefix("the package cannot be used: ");
                    reason.unwrap_or(&text).to_owned()
                }
                other => other.to_string(),
            }))
    }

    /// Writes the differences into whatever index is there by then; a broken one is replaced.
    async fn write_differences(&self, differences: &Differences) -> Result<Index, RepositoryError> {
        let _turn = self.turn().await?;
        for attempt in 0..MAX_TRIES {
            let read = self.inner.place.read(INDEX_FILE, MAX_INDEX_BYTES).await?;
            let (index, only) = match read {
                Some((bytes, tag)) => (parse_index(bytes).await.ok(), Only::Same(tag)),
                None => (None, Only::New),
            };
            let is_new = index.is_none();
            let mut index = index.unwrap_or_default();
            if !differences.apply(&mut index) && !is_new {
                return Ok(index);
            }
            index.generated = rfc3339(Utc::now());
            let text: Bytes = write_index(index.clone()).await;
            if self.write(INDEX_FILE, text, only).await? == Written::Done {
                return Ok(index);
            }
            pause(attempt).await;
        }
        Err(RepositoryError::Contended(self.inner.name.clone()))
    }
}

/// What becomes of a package that was read; answers what is wrong.
fn take(
    before: &Index,
    entry: Option<&Entry>,
    file: &str,
    found: &Description,
    differences: &mut Differences,
) -> String {
    let Some(entry) = entry else {
        let is_taken = |known: &Entry| known.file() != Some(file);
        let other = before
            .get(&found.name, &found.version)
            .filter(|it| is_taken(it));
        let other = other.or_else(|| {
            let mut new = differences.put.iter();
            new.find(|it| it.name == found.name && it.version == found.version)
        });
        if let Some(other) = other {
            return format!(
                "`{file}` is left out: `{}` is version {} of `{}` already",
                other.file().unwrap_or_default(),
                found.version,
                found.name
            );
        }
        differences.put.push(Entry {
            urls: vec![file.to_owned()],
            created: rfc3339(Utc::now()),
            ..Entry::from(found)
        });
        return String::new();
    };
    if entry.digest.is_none() {
        // An index without checksums: from now on they are held to.
        differences.put.push(Entry {
            digest: found.digest,
            size: found.size,
            ..entry.clone()
        });
        return String::new();
    }
    if entry.digest == found.digest {
        return String::new();
    }
    format!(
        "the package of version {} of `{}` is another than was published: its SHA-256 was {} and is {}; it is not installed from here, look who changed `{file}`",
        entry.version,
        entry.name,
        entry.digest.map(|it| it.to_string()).unwrap_or_default(),
        found.digest.map(|it| it.to_string()).unwrap_or_default(),
    )
}

fn remember(memory: &mut Memory, object: &Object, problem: String) {
    let seen = Seen {
        tag: object.tag.clone(),
        problem,
        hidden: false,
    };
    memory.files.insert(object.file.clone(), seen);
}

/// Whether an entry's package lies on another server.
fn is_elsewhere(entry: &Entry) -> bool {
    let url = entry.urls.first().map_or("", String::as_str);
    url.contains("://")
}

/// The files of a repository, by what they are.
struct Files<'a> {
    packages: BTreeMap<&'a str, &'a Object>,
    notes: BTreeMap<&'a str, &'a Object>,
}

const ENDINGS: [&str; 5] = [".zip", ".tgz", ".tar.gz", ".tar.bz2", ".tar"];

impl<'a> Files<'a> {
    fn of(listing: &'a [Object]) -> Self {
        let mut files = Self {
            packages: BTreeMap::new(),
            notes: BTreeMap::new(),
        };
        for object in listing {
            let name = object.file.as_str();
            if !is_file_name(name) {
                continue;
            }
            if is_package_file(name) {
                files.packages.insert(name, object);
            } else if name.strip_suffix(".json").is_some() {
                files.notes.insert(name, object);
            }
        }
        // A note is one only beside its package.
        let packages: Vec<String> = files.packages.keys().map(|file| note_of(file)).collect();
        let packages: HashSet<&str> = packages.iter().map(String::as_str).collect();
        files.notes.retain(|file, _| packages.contains(file));
        files
    }

    fn is_there(&self, file: &str) -> bool {
        self.packages.contains_key(file) || self.notes.contains_key(file)
    }
}

/// Whether a file's name is that of a package.
pub(super) fn is_package_file(name: &str) -> bool {
    is_file_name(name) && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The file of the note beside a package.
pub(super) fn note_of(package: &str) -> String {
    let stem = ENDINGS
        .iter()
        .find_map(|ending| package.strip_suffix(ending));
    format!("{}.json", stem.unwrap_or(package))
}
