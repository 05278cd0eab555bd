//! A folder of this computer, which others may write to as well.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::Digest as _;

use super::super::error::RepositoryError;
use super::{Content, Object, Only, Tag, Written, blocking, stream_file};
use crate::app::Sha256;

/// Held while a file is replaced on a condition, against other processes on this computer.
const LOCK_FILE: &str = ".storekeeper.lock";

/// A folder of packages. It is made when something is put there.
pub(in super::super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<Object>, RepositoryError> {
        let path = self.path.clone();
        let listed = blocking(move || list(&path)).await;
        listed.map_err(|error| self.unreadable(&error))
    }

    pub(super) async fn read(
        &self,
        file: &str,
        max_bytes: u64,
    ) -> Result<Option<(Bytes, Tag)>, RepositoryError> {
        let path = self.path.join(file);
        let read = blocking(move || read(&path, max_bytes)).await;
        read.map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => RepositoryError::Oversized {
                address: self.path.display().to_string(),
                file: file.to_owned(),
                max_bytes,
            },
            _ => self.unreadable(&error),
        })
    }

    pub(super) async fn head(&self, file: &str) -> Result<Option<Object>, RepositoryError> {
        let (path, file) = (self.path.join(file), file.to_owned());
        let found = blocking(move || regular(&path)).await;
        let found = found.map_err(|error| self.unreadable(&error))?;
        Ok(found.map(|data| object(file, &data)))
    }

    pub(super) async fn write(
        &self,
        file: &str,
        content: Bytes,
        only: &Only,
    ) -> Result<Written, RepositoryError> {
        let (folder, file, only) = (self.path.clone(), file.to_owned(), only.clone());
        let written = blocking(move || write(&folder, &file, &content, &only)).await;
        written.map_err(|error| self.unwritable(&error))
    }

    pub(super) async fn send(
        &self,
        file: &str,
        from: &Path,
        expected: Sha256,
    ) -> Result<(), RepositoryError> {
        let (folder, name, from) = (self.path.clone(), file.to_owned(), from.to_owned());
        let sent = blocking(move || copy(&folder, &name, &from, expected)).await;
        match sent.map_err(|error| self.unwritable(&error))? {
            None => Ok(()),
            Some(found) => Err(RepositoryError::Mismatch {
                file: file.to_owned(),
                expected: expected.to_string(),
                found: found.to_string(),
            }),
        }
    }

    pub(super) async fn content(
        &self,
        file: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<(u64, Content)>, RepositoryError> {
        let Some(Object { size, .. }) = self.head(file).await? else {
            return Ok(None);
        };
        let range = range.unwrap_or(0..size);
        let content = stream_file(&self.path.join(file), range, ()).await?;
        Ok(Some((size, content)))
    }

    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<bool, RepositoryError> {
        let (folder, from, to) = (self.path.clone(), self.path.join(from), to.to_owned());
        let copied = blocking(move || link(&folder, &from, &to)).await;
        copied.map_err(|error| self.unwritable(&error))
    }

    pub(super) async fn remove(&self, file: &str) -> Result<(), RepositoryError> {
        let path = self.path.join(file);
        let removed = blocking(move || match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        });
        removed.await.map_err(|error| self.unwritable(&error))
    }

    fn unreadable(&self, error: &io::Error) -> RepositoryError {
        RepositoryError::Unreadable {
            address: self.path.display().to_string(),
            reason: error.to_string(),
            code: 901,
        }
    }

    fn unwritable(&self, error: &io::Error) -> RepositoryError {
        let reason = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full; free some space and try again".to_owned()
            }
            _ => error.to_string(),
        };
        RepositoryError::Unwritable {
            address: self.path.display().to_string(),
            reason,
        }
    }
}

/// A regular file; a link is none, because it may lead out.
fn regular(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_file() => Ok(Some(data)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn object(file: String, data: &fs::Metadata) -> Object {
    let modified = data.modified().ok();
    let since = modified.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
    Object {
        file,
        size: data.len(),
        tag: format!("{}-{}", since.unwrap_or_default().as_nanos(), data.len()),
    }
}

fn list(folder: &Path) -> io::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file that vanishes meanwhile is none; a link is none, because it may lead out.
        let Ok(data) = entry.metadata() else { continue };
        if let Ok(file) = entry.file_name().into_string()
            && data.is_file()
        {
            objects.push(object(file, &data));
        }
    }
    Ok(objects)
}

fn read(path: &Path, max_bytes: u64) -> io::Result<Option<(Bytes, Tag)>> {
    let Some(data) = regular(path)? else {
        return Ok(None);
    };
    if data.len() > max_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut content = Vec::new();
    File::open(path)?
        .take(max_bytes)
        .read_to_end(&mut content)?;
    let tag = tag(&content);
    Ok(Some((content.into(), tag)))
}

fn tag(content: &[u8]) -> Tag {
    Tag(Sha256(sha2::Sha256::digest(content).into()).to_string())
}

fn write(folder: &Path, file: &str, content: &[u8], only: &Only) -> io::Result<Written> {
    fs::create_dir_all(folder)?;
    let lock = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK_FILE))?;
    lock.lock()?;
    let path = folder.join(file);
    let holds = match only {
        Only::Always => true,
        Only::New => fs::symlink_metadata(&path).is_err(),
        Only::Same(expected) => match regular(&path)? {
            Some(_) => tag(&fs::read(&path)?) == *expected,
            None => false,
        },
    };
    if !holds {
        return Ok(Written::Refused);
    }
    crate::library::save(&path, content)?;
    Ok(Written::Done)
}

/// Gives a file a second name, or copies it where the disk knows no such thing; it appears whole.
fn link(folder: &Path, from: &Path, to: &str) -> io::Result<bool> {
    if regular(from)?.is_none() {
        return Ok(false);
    }
    let to = folder.join(to);
    // Many disks have no second names; and what is there already, a copy that was cut off left: the
    // caller has looked.
    if fs::hard_link(from, &to).is_ok() {
        return Ok(true);
    }
    let mut target = tempfile::Builder::new()
        .prefix(".storekeeper-")
        .suffix(".part")
        .tempfile_in(folder)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    crate::platform::set_default_mode(target.as_file())?;
    target.as_file().sync_all()?;
    target.persist(to)?;
    Ok(true)
}

/// Copies a file, which then appears whole. Answers another checksum than the expected one.
fn copy(folder: &Path, name: &str, from: &Path, expected: Sha256) -> io::Result<Option<Sha256>> {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    let mut source = File::open(from)?;
    let mut target = tempfile::Builder::new()
        .prefix(".storekeeper-")
        .suffix(".part")
        .tempfile_in(folder)?;
    let mut digest = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = source.read(&mut buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        digest.update(piece);
        target.write_all(piece)?;
    }
    let found = Sha256(digest.finalize().into());
    if found != expected {
        return Ok(Some(found));
    }
    crate::platform::set_default_mode(target.as_file())?;
    target.as_file().sync_all()?;
    match target.persist_noclobber(&path) {
        Ok(_) => {}
        // The caller has looked: what is there is what an upload that was cut off left.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            error.file.persist(&path)?;
        }
        Err(error) => return Err(error.error),
    }
    Ok(None)
}
