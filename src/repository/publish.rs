//! What lies in a repository under its own name, and the index: the note, the package, the note, the
//! index, in this order, so that each step can be told from what lies there.

use std::time::Duration;

use super::cache::Memory;
use super::error::RepositoryError;
use super::index::{Entry, INDEX_FILE, Index};
use super::place::{Only, Tag, Written};
use super::{MAX_NOTE_BYTES, MAX_TRIES, Note, Repository, note_file, now, pause, write_index};

/// A name that was claimed so long ago is free: longer than a copy may take, or a server's patience
/// with it.
const CLAIM_LEASE: Duration = Duration::from_mins(30);

/// Whether a package may be put under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may.
    Granted,
    /// It is there already, byte for byte.
    Done,
}

/// What a note says to somebody who wants its name.
enum Standing {
    /// It may be replaced.
    Free,
    /// All but the note is done.
    Whole,
    /// All is done.
    Done,
}

impl Repository {
    /// Writes the note of a package on its way to its name, unless the version is another's already.
    pub(super) async fn claim(&self, note: &Note, package: &str) -> Result<Claim, RepositoryError> {
        let place = &self.inner.place;
        let file = note_file(&note.entry.name, &note.entry.version);
        for attempt in 0..MAX_TRIES {
            let read = match place.read(&file, MAX_NOTE_BYTES).await {
                // Whoever's it is, it is no note of ours.
                Err(RepositoryError::Oversized { .. }) => return Err(taken(&note.entry)),
                read => read?,
            };
            let (text, only, claim) = match read {
                // A package that came by other means has no note.
                None if place.head(package).await?.is_some() => return Err(taken(&note.entry)),
                None => (note.write()?, Only::New, Claim::Granted),
                Some((bytes, tag)) => {
                    let known = Note::read(&bytes).filter(|known| {
                        let (known, wanted) = (&known.entry, &note.entry);
                        known.name == wanted.name && known.version == wanted.version
                    });
                    // Somebody else's file of that name is no note of ours.
                    let known = known.ok_or_else(|| taken(&note.entry))?;
                    match self.standing(&known, note).await? {
                        Standing::Done => return Ok(Claim::Done),
                        Standing::Free => (note.write()?, Only::Same(tag), Claim::Granted),
                        Standing::Whole => {
                            let whole = Note {
                                uploading: None,
                                published: true,
                                ..known
                            };
                            (whole.write()?, Only::Same(tag), Claim::Done)
                        }
                    }
                }
            };
            if self.write(&file, text, only).await? == Written::Done {
                return Ok(claim);
            }
            pause(attempt).await;
        }
        Err(RepositoryError::Contended(self.inner.name.clone()))
    }

    async fn standing(&self, known: &Note, note: &Note) -> Result<Standing, RepositoryError> {
        let wanted = &note.entry;
        let is_ours = known.owner == note.owner;
        let is_same = is_ours && known.entry.digest == wanted.digest;
        let there = match known.entry.file() {
            Some(file) => self.inner.place.head(file).await?,
            None => None,
        };
        let is_there = there.is_some_and(|it| it.size == known.entry.size);
        Ok(match known.uploading {
            None if is_there && is_same => Standing::Done,
            Some(_) if is_there && is_same => Standing::Whole,
            // What is hidden was withdrawn, and that was cut off.
            None if is_there && (known.published || !is_ours) => return Err(taken(wanted)),
            Some(since) if !is_same => {
                let age = u128::from(now().saturating_sub(since));
                if age < CLAIM_LEASE.as_millis() {
                    return Err(RepositoryError::Uploading {
                        name: wanted.name.clone(),
                        version: wanted.version.clone(),
                    });
                }
                Standing::Free
            }
            Some(_) | None => Standing::Free,
        })
    }

    /// Removes a package, from the index first. One that is not there is no mistake.
    pub(super) async fn remove_package(
        &self,
        name: &str,
        version: &str,
    ) -> Result<(), RepositoryError> {
        let place = &self.inner.place;
        let note_name = note_file(name, version);
        let note = self.note(name, version).await?;
        let mut file = note
            .as_ref()
            .and_then(|note| note.entry.file())
            .map(str::to_owned);
        self.remove_from_index_noting(name, version, &mut file)
            .await?;
        if let Some(file) = file {
            place.remove(&file).await?;
        }
        // The note goes last: without it a package counts as one that came by other means.
        place.remove(&note_name).await
    }

    /// Puts a version whose package lies there into the index, where others see it. One that is there
    /// already is replaced; of `entry`, all but where its package is and what that must be counts.
    pub(super) async fn add_to_index(&self, entry: &Entry) -> Result<(), RepositoryError> {
        let note = self.note(&entry.name, &entry.version).await?;
        let note = note.filter(|note| note.uploading.is_none());
        let note = note.ok_or_else(|| self.no_version(&entry.name, &entry.version))?;
        let entry = Entry {
            urls: note.entry.urls,
            digest: note.entry.digest,
            size: note.entry.size,
            created: note.entry.created,
            ..entry.clone()
        };
        let note = Note {
            entry: entry.clone(),
            published: true,
            uploading: None,
            owner: note.owner,
        };
        // The note first: if this is cut off, the next sync puts the version into the index.
        let file = note_file(&entry.name, &entry.version);
        self.write(&file, note.write()?, Only::Always).await?;
        self.change_or_heal_index(|index| {
            let known = index.get(&entry.name, &entry.version);
            if known == Some(&entry) {
                return false;
            }
            index.put(entry.clone());
            true
        })
        .await
    }

    async fn remove_from_index_noting(
        &self,
        name: &str,
        version: &str,
        file: &mut Option<String>,
    ) -> Result<(), RepositoryError> {
        let note_name = note_file(name, version);
        let known = match self.note(name, version).await? {
            Some(note) => Some(note),
            // A package that came by other means gets a note, or the next sync would find it again.
            None => self.index().await?.get(name, version).map(|entry| Note {
                entry: entry.clone(),
                published: true,
                uploading: None,
                owner: None,
            }),
        };
        if let Some(note) = known.filter(|note| note.published) {
            let hidden = Note {
                published: false,
                ..note
            };
            self.write(&note_name, hidden.write()?, Only::Always)
                .await?;
        }
        self.change_or_heal_index(|index| {
            let removed = index.remove(name, version);
            if let Some(named) = removed.as_ref().and_then(Entry::file)
                && file.is_none()
            {
                *file = Some(named.to_owned());
            }
            removed.is_some()
        })
        .await
    }

    /// [`Self::change_index`]; an index that cannot be read is made anew first.
    async fn change_or_heal_index(
        &self,
        mut change: impl FnMut(&mut Index) -> bool,
    ) -> Result<(), RepositoryError> {
        match self.change_index(&mut change).await {
            Err(RepositoryError::Index { .. }) => {
                let scratch = tempfile::tempdir().map_err(|source| RepositoryError::File {
                    path: std::env::temp_dir(),
                    source,
                })?;
                let mut memory = Memory::default();
                self.sync(None, &mut memory, scratch.path()).await?;
                self.change_index(change).await
            }
            changed => changed,
        }
    }

    /// Changes the index: reads it, lets `change` change it, and writes it unless another has written
    /// meanwhile; then once more. `change` answers whether there is anything to write. An index that
    /// cannot be read is not written over.
    async fn change_index(
        &self,
        mut change: impl FnMut(&mut Index) -> bool,
    ) -> Result<(), RepositoryError> {
        let _turn = self.turn().await?;
        for attempt in 0..MAX_TRIES {
            let (mut index, only) = match self.read_index().await {
                Ok(Some((index, tag))) => (index, Only::Same(tag)),
                Ok(None) => (Index::default(), Only::New),
                Err(error) => return Err(error),
            };
            if !change(&mut index) {
                return Ok(());
            }
            let text = write_index(index).await;
            if self.write(INDEX_FILE, text, only).await? == Written::Done {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(RepositoryError::Contended(self.inner.name.clone()))
    }

    pub(super) async fn note(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Option<Note>, RepositoryError> {
        let file = note_file(name, version);
        let read = self.read_note(&file).await?;
        // Somebody else's file of that name is no note of ours.
        let is_it = |note: &Note| note.entry.name == name && note.entry.version == version;
        Ok(read.map(|(note, _)| note).filter(is_it))
    }

    /// The note in a file. A file that is too large for one is none.
    async fn read_note(&self, file: &str) -> Result<Option<(Note, Tag)>, RepositoryError> {
        match self.inner.place.read(file, MAX_NOTE_BYTES).await {
            Ok(read) => Ok(read.and_then(|(bytes, tag)| Some((Note::read(&bytes)?, tag)))),
            Err(error @ RepositoryError::Oversized { .. }) => {
                tracing::warn!(repository = self.inner.name, "{error}; it is no note");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn taken(entry: &Entry) -> RepositoryError {
    RepositoryError::VersionTaken {
        name: entry.name.clone(),
        version: entry.version.clone(),
    }
}
