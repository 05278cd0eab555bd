//! Publishing: the note, the package, the note, the index, in this order, so that each step can be told
//! from what lies there.

use std::path::Path;
use std::time::Duration;

use chrono::Utc;

use super::cache::Memory;
use super::error::RepositoryError;
use super::index::{Entry, INDEX_FILE, Index, rfc3339};
use super::place::{Only, Tag, Written};
use super::{
    MAX_NOTE_BYTES, MAX_TRIES, Note, Repository, Stored, check_words, inspect, note_file, now,
    pause, size_of, write_index,
};

/// An upload that says nothing for so long was cut off: another may take its place.
const UPLOAD_LEASE: Duration = Duration::from_hours(1);

/// Whether an upload may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// It may.
    Granted,
    /// It is there already, byte for byte.
    Done,
}

impl Repository {
    /// Puts a package there: what is said of it first, then the file, piece by piece. It is not yet in
    /// the index. Doing it once more with the same file is no mistake. `entry.digest` spares reading the
    /// file twice, and must be right.
    ///
    /// # Errors
    /// [`RepositoryError::VersionTaken`] when another file has this name and version,
    /// [`RepositoryError::Uploading`] when one is on its way; [`RepositoryError::ReadOnly`],
    /// [`RepositoryError::Unwritable`].
    pub async fn put_package(&self, entry: &Entry, file: &Path) -> Result<Stored, RepositoryError> {
        let place = &self.inner.place;
        if place.is_read_only() {
            return Err(RepositoryError::ReadOnly(self.inner.address.to_string()));
        }
        check_words(&entry.name, &entry.version)?;
        let (size, digest) = match entry.digest {
            Some(digest) => (size_of(file).await?, digest),
            None => inspect::digest(file).await?,
        };
        let ending = inspect::ending(file).await?;
        let name = format!("{}-{}{ending}", entry.name, entry.version);
        let stored = Stored {
            url: name.clone(),
            digest,
            size,
        };
        let mut entry = entry.clone();
        entry.urls = vec![name.clone()];
        entry.digest = Some(digest);
        entry.size = size;
        if entry.created.is_empty() {
            entry.created = rfc3339(Utc::now());
        }
        let mut note = Note {
            entry,
            published: false,
            uploading: Some(now()),
            owner: None,
        };
        let note_name = note_file(&note.entry.name, &note.entry.version);
        // Without conditions on the server, at least none of ours comes between.
        let conditional = self.conditional().await?;
        let turn = if conditional {
            None
        } else {
            Some(self.turn().await?)
        };
        if self.claim(&note, &name).await? == Claim::Done {
            return Ok(stored);
        }
        if let Err(error) = place.send(&name, file, size, digest).await {
            // The name is free for the next try at once. If that fails too, the lease runs out.
            let _ = place.remove(&note_name).await;
            return Err(error);
        }
        note.uploading = None;
        self.write(&note_name, note.write()?, Only::Always).await?;
        drop(turn);
        Ok(stored)
    }

    /// Writes the note of an upload, unless the version is another's already.
    async fn claim(&self, note: &Note, package: &str) -> Result<Claim, RepositoryError> {
        let place = &self.inner.place;
        let (name, version) = (&note.entry.name, &note.entry.version);
        let file = note_file(name, version);
        let taken = || RepositoryError::VersionTaken {
            name: name.clone(),
            version: version.clone(),
        };
        let busy = || RepositoryError::Uploading {
            name: name.clone(),
            version: version.clone(),
        };
        if self.write(&file, note.write()?, Only::New).await? == Written::Done {
            if place.head(package).await?.is_none() {
                return Ok(Claim::Granted);
            }
            // A package that came by other means has no note.
            place.remove(&file).await?;
            return Err(taken());
        }
        let known = self.read_note(&file).await?;
        let (known, tag) = known.ok_or_else(taken)?;
        let is_same = known.entry.digest == note.entry.digest;
        let there = match known.entry.file() {
            Some(file) => place.head(file).await?,
            None => None,
        };
        let is_there = there.is_some_and(|it| it.size == known.entry.size);
        if is_there && is_same {
            if known.uploading.is_some() {
                // It was cut off when all but the note was done.
                let whole = Note {
                    uploading: None,
                    ..known
                };
                self.write(&file, whole.write()?, Only::Same(tag)).await?;
            }
            return Ok(Claim::Done);
        }
        if is_there && known.uploading.is_none() {
            return Err(taken());
        }
        let age = now().saturating_sub(known.uploading.unwrap_or_default());
        if !is_same && u128::from(age) < UPLOAD_LEASE.as_millis() {
            return Err(busy());
        }
        // What was cut off is begun again, by one of us.
        match self.write(&file, note.write()?, Only::Same(tag)).await? {
            Written::Done => Ok(Claim::Granted),
            Written::Refused => Err(busy()),
        }
    }

    /// Removes a package, from the index first. One that is not there is no mistake.
    ///
    /// # Errors
    /// [`RepositoryError::ReadOnly`], [`RepositoryError::Unwritable`].
    pub async fn remove_package(&self, name: &str, version: &str) -> Result<(), RepositoryError> {
        let place = &self.inner.place;
        if place.is_read_only() {
            return Err(RepositoryError::ReadOnly(self.inner.address.to_string()));
        }
        check_words(name, version)?;
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

    /// Puts a version that was stored into the index, where others see it. One that is there already
    /// is replaced; of `entry`, all but where its package is and what that must be counts.
    ///
    /// # Errors
    /// [`RepositoryError::NoVersion`] when its package was not put there before.
    pub async fn add_to_index(&self, entry: &Entry) -> Result<(), RepositoryError> {
        let place = &self.inner.place;
        if place.is_read_only() {
            return Err(RepositoryError::ReadOnly(self.inner.address.to_string()));
        }
        check_words(&entry.name, &entry.version)?;
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

    /// Takes a version out of the index; its package stays. One that is not there is no mistake.
    ///
    /// # Errors
    /// [`RepositoryError::ReadOnly`], [`RepositoryError::Unwritable`].
    pub async fn remove_from_index(
        &self,
        name: &str,
        version: &str,
    ) -> Result<(), RepositoryError> {
        if self.is_read_only() {
            return Err(RepositoryError::ReadOnly(self.inner.address.to_string()));
        }
        check_words(name, version)?;
        self.remove_from_index_noting(name, version, &mut None)
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
