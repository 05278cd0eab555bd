//! Packages that wait beside what is published: each is kept under the checksum of its content, where no
//! list shows it, and published from there under its own name. Everything here may be done twice: what a
//! killed service left half done is done once more.
//!
//! Several stores may share a bucket without knowing of each other, so each has a folder of its own, and
//! the note of a published package says whose it is: nobody takes away what is another's.
//!
//! ```text
//! <prefix>/.packages/<owner>/<sha256>      a package, for as long as a version of its owner needs it
//! ```

use std::collections::HashSet;
use std::path::Path;

use super::error::RepositoryError;
use super::index::{Entry, Index, is_file_name};
use super::place::Only;
use super::publish::Claim;
use super::registry::Repositories;
use super::{MAX_NOTE_BYTES, Note, Package, Repository, check_words, note_file, now};
use crate::app::Sha256;

/// Where they are kept. Not `.versions`: SeaweedFS keeps the versions of an object in a folder of such a name, and
/// no list shows that.
const FOLDER: &str = ".packages";

fn kept_file(owner: &str, digest: Sha256) -> String {
    format!("{FOLDER}/{owner}/{digest}")
}

impl Repository {
    /// Keeps a package that must have this checksum. One that is kept already is no mistake.
    ///
    /// # Errors
    /// [`RepositoryError::ReadOnly`], [`RepositoryError::Unwritable`].
    pub async fn keep(
        &self,
        owner: &str,
        digest: Sha256,
        file: &Path,
    ) -> Result<(), RepositoryError> {
        self.must_be_writable()?;
        let size = super::size_of(file).await?;
        let kept = kept_file(owner, digest);
        let known = self.inner.place.head(&kept).await?;
        if known.is_some_and(|known| known.size == size) {
            return Ok(());
        }
        self.inner.place.send(&kept, file, size, digest).await
    }

    /// A package that is kept.
    ///
    /// # Errors
    /// [`RepositoryError::NoVersion`], and those of reading.
    pub async fn kept(&self, owner: &str, digest: Sha256) -> Result<Package, RepositoryError> {
        let file = kept_file(owner, digest);
        let content = self
            .inner
            .place
            .content(&file, "", Some(digest), None)
            .await?;
        let (size, stream) = content.ok_or_else(|| self.not_kept(digest))?;
        Ok(Package {
            file: digest.to_string(),
            size,
            digest: Some(digest),
            stream,
        })
    }

    /// Forgets a package that is kept. One that is not there is no mistake.
    ///
    /// # Errors
    /// [`RepositoryError::ReadOnly`], [`RepositoryError::Unwritable`].
    pub async fn forget(&self, owner: &str, digest: Sha256) -> Result<(), RepositoryError> {
        self.must_be_writable()?;
        self.inner.place.remove(&kept_file(owner, digest)).await
    }

    /// Publishes a package that is kept: puts it where others see it, then into the index.
    ///
    /// # Errors
    /// [`RepositoryError::VersionTaken`] when there is another package of this name and version, or
    /// another's, [`RepositoryError::Uploading`] when another is on its way there,
    /// [`RepositoryError::NoVersion`] when it is not kept; those of writing.
    pub async fn publish(
        &self,
        owner: &str,
        entry: &Entry,
        digest: Sha256,
    ) -> Result<(), RepositoryError> {
        self.must_be_writable()?;
        check_words(&entry.name, &entry.version)?;
        let file = entry.file().map(str::to_owned);
        let file = file.ok_or_else(|| self.not_kept(digest))?;
        let mut entry = entry.clone();
        entry.digest = Some(digest);
        let place = &self.inner.place;
        // What a sync finds meanwhile is on its way, and none of its business.
        let mut note = Note {
            entry,
            published: false,
            uploading: Some(now()),
            owner: Some(owner.to_owned()),
        };
        // Where the server knows no conditions, no other comes between the question and the claim.
        let turn = if self.conditional().await? {
            None
        } else {
            Some(self.turn().await?)
        };
        if self.claim(&note, &file).await? == Claim::Granted {
            if !place.copy(&kept_file(owner, digest), &file).await? {
                return Err(self.not_kept(digest));
            }
            note.uploading = None;
            note.published = true;
            let note_name = note_file(&note.entry.name, &note.entry.version);
            self.write(&note_name, note.write()?, Only::Always).await?;
        }
        drop(turn);
        self.add_to_index(&note.entry).await
    }

    /// What lies there and is not in the index: what a publishing or a withdrawal that was cut off left,
    /// or what is under way. What trying it out left is removed.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn left_over(&self, index: &Index) -> Result<Vec<Entry>, RepositoryError> {
        let listed: HashSet<String> = index
            .entries()
            .map(|entry| note_file(&entry.name, &entry.version))
            .collect();
        let place = &self.inner.place;
        let mut found = Vec::new();
        let files = place.list().await?.unwrap_or_default();
        self.remove_old_probes(&files).await?;
        for object in files {
            let is_note = object.file.strip_suffix(".json").is_some();
            if !is_note || !is_file_name(&object.file) || listed.contains(&object.file) {
                continue;
            }
            let read = place.read(&object.file, MAX_NOTE_BYTES).await;
            let Some(note) = read?.and_then(|(bytes, _)| Note::read(&bytes)) else {
                continue;
            };
            if note_file(&note.entry.name, &note.entry.version) == object.file {
                found.push(note.entry);
            }
        }
        Ok(found)
    }

    /// Takes a version out of the index and away from where others see it, if its package is this one
    /// and was published by this owner.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn withdraw(
        &self,
        owner: &str,
        name: &str,
        version: &str,
        digest: Sha256,
    ) -> Result<(), RepositoryError> {
        self.must_be_writable()?;
        check_words(name, version)?;
        let is_ours = if let Some(note) = self.note(name, version).await? {
            note.is_of(owner, digest)
        } else {
            let index = self.index().await?;
            let entry = index.get(name, version);
            entry.is_some_and(|entry| entry.digest == Some(digest))
        };
        if is_ours {
            self.remove_package(name, version).await?;
        }
        Ok(())
    }

    fn must_be_writable(&self) -> Result<(), RepositoryError> {
        if self.is_read_only() {
            return Err(RepositoryError::ReadOnly(self.inner.address.to_string()));
        }
        Ok(())
    }

    fn not_kept(&self, digest: Sha256) -> RepositoryError {
        RepositoryError::NoVersion {
            repository: self.inner.name.clone(),
            name: "package".to_owned(),
            version: digest.to_string(),
        }
    }
}

impl Repositories {
    /// Tells everybody who looks at a repository's offers what its index has now.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`], and those of reading.
    pub async fn look_again(&self, name: &str) -> Result<(), RepositoryError> {
        let configured = self.named(name).await?;
        let index: Index = self.open_configured(&configured).await?.index().await?;
        let cache = self.cache(&configured);
        let folder = cache.folder().to_owned();
        let saved = super::blocking(move || {
            let (known, memory) = cache.load();
            if known.is_some_and(|known| known.fingerprint() == index.fingerprint()) {
                return Ok(false);
            }
            cache.save(Some(&index), &memory)?;
            Ok(true)
        });
        let is_new = saved.await.map_err(|source| RepositoryError::File {
            path: folder,
            source,
        })?;
        if is_new {
            self.told(&configured.name);
        }
        Ok(())
    }
}

/// Pieces of a package in one.
#[cfg(test)]
async fn whole(package: Package) -> Vec<u8> {
    use futures_util::TryStreamExt as _;
    let pieces: Vec<bytes::Bytes> = package.stream.try_collect().await.unwrap();
    pieces.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;

    const OWNER: &str = "0123/repo-local";

    struct Kept {
        folder: tempfile::TempDir,
        repository: Repository,
        file: std::path::PathBuf,
        digest: Sha256,
    }

    async fn kept() -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("incoming");
        std::fs::write(&file, b"a package").unwrap();
        let digest = Sha256(sha2::Sha256::digest(b"a package").into());
        let repository = Repository::of_folder(&folder.path().join("shelf"));
        repository.keep(OWNER, digest, &file).await.unwrap();
        repository.keep(OWNER, digest, &file).await.unwrap();
        Kept {
            folder,
            repository,
            file,
            digest,
        }
    }

    fn entry(kept: &Kept) -> Entry {
        Entry {
            name: "hello".to_owned(),
            version: "1.0.0".to_owned(),
            urls: vec!["hello-1.0.0.zip".to_owned()],
            size: 9,
            digest: Some(kept.digest),
            ..Entry::default()
        }
    }

    #[tokio::test]
    async fn a_kept_package_is_in_no_list_until_it_is_published() {
        let kept = kept().await;
        let repository = &kept.repository;
        assert!(repository.index().await.unwrap().is_empty());
        assert!(
            repository
                .inner
                .place
                .list()
                .await
                .unwrap()
                .unwrap()
                .is_empty()
        );
        // Twice, as after a crash.
        for _ in 0..2 {
            repository
                .publish(OWNER, &entry(&kept), kept.digest)
                .await
                .unwrap();
            let index = repository.index().await.unwrap();
            assert_eq!(index.len(), 1);
            assert_eq!(
                index.get("hello", "1.0.0").unwrap().digest,
                Some(kept.digest)
            );
        }
        let published = kept.folder.path().join("shelf/hello-1.0.0.zip");
        assert_eq!(std::fs::read(&published).unwrap(), b"a package");
        for _ in 0..2 {
            repository
                .withdraw(OWNER, "hello", "1.0.0", kept.digest)
                .await
                .unwrap();
            assert!(repository.index().await.unwrap().is_empty());
            assert!(!published.exists());
        }
        assert_eq!(
            whole(repository.kept(OWNER, kept.digest).await.unwrap()).await,
            b"a package"
        );
        repository.forget(OWNER, kept.digest).await.unwrap();
        assert!(repository.kept(OWNER, kept.digest).await.is_err());
        assert!(kept.file.exists());
    }

    #[tokio::test]
    async fn what_others_published_is_neither_replaced_nor_taken_away() {
        let kept = kept().await;
        let theirs = kept.folder.path().join("shelf/hello-1.0.0.zip");
        std::fs::write(&theirs, b"theirs").unwrap();
        let refused = kept
            .repository
            .publish(OWNER, &entry(&kept), kept.digest)
            .await;
        assert!(matches!(refused, Err(RepositoryError::VersionTaken { .. })));
        kept.repository
            .withdraw(OWNER, "hello", "1.0.0", kept.digest)
            .await
            .unwrap();
        assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
    }

    #[tokio::test]
    async fn another_store_in_the_same_place_has_its_own() {
        const OTHER: &str = "4567/repo-local";
        let kept = kept().await;
        let repository = &kept.repository;
        repository
            .keep(OTHER, kept.digest, &kept.file)
            .await
            .unwrap();
        repository
            .publish(OWNER, &entry(&kept), kept.digest)
            .await
            .unwrap();
        // The same bytes are no reason to take them away from the one who published them.
        let refused = repository.publish(OTHER, &entry(&kept), kept.digest).await;
        assert!(matches!(refused, Err(RepositoryError::VersionTaken { .. })));
        repository
            .withdraw(OTHER, "hello", "1.0.0", kept.digest)
            .await
            .unwrap();
        repository.forget(OTHER, kept.digest).await.unwrap();
        assert_eq!(repository.index().await.unwrap().len(), 1);
        assert!(repository.kept(OWNER, kept.digest).await.is_ok());
        assert!(repository.kept(OTHER, kept.digest).await.is_err());
    }
}
