//! The files that were downloaded, and the parts of those that were not finished.
//!
//! ```text
//! <sha256>/<file name>   a whole file
//! <id>.part              what came so far; the id is the checksum that was promised, else one of
//!                        the addresses
//! <id>.json              where the part came from, and which whole file it became
//! ```

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use tokio::sync::Notify;
use url::Url;

use super::Validators;
use super::error::DownloadError;
use crate::app::Sha256;

/// Parts that nobody goes on with are forgotten after this time.
const PART_AGE: Duration = Duration::from_hours(7 * 24);

/// Read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// What is known of a download.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record {
    /// Of the part.
    pub(super) part: Option<Part>,
    /// Of the whole file.
    pub(super) whole: Option<Whole>,
}

/// What is known of a part.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    /// Checksum of the address: an address may hold a password.
    pub(super) source: String,
    pub(super) validators: Validators,
    /// Of the whole file.
    pub(super) length: Option<u64>,
}

/// What is known of a whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    pub(super) source: String,
    pub(super) validators: Validators,
    pub(super) sha256: Sha256,
}

/// The folder.
pub(super) struct Cache {
    dir: PathBuf,
    limit: u64,
    busy: Mutex<HashSet<String>>,
    freed: Notify,
    held: Mutex<HashMap<PathBuf, usize>>,
}

/// The right to write one download's part; the next in line waits for its end.
pub(super) struct Turn {
    cache: Arc<Cache>,
    id: String,
}

/// Keeps a whole file from being removed to make room.
pub(super) struct Hold {
    cache: Arc<Cache>,
    path: PathBuf,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hold").field(&self.path).finish()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.cache.busy).remove(&self.id);
        self.cache.freed.notify_waiters();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = lock(&self.cache.held);
        if let Some(count) = held.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.path);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub(super) fn new(dir: &Path, limit: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            limit,
            busy: Mutex::default(),
            freed: Notify::new(),
            held: Mutex::default(),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn part_path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.part"))
    }

    fn record_path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    /// Waits until nobody else downloads the same.
    pub(super) async fn turn(self: &Arc<Self>, id: &str) -> Turn {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Listens from here on, so that an end right after the look is not missed.
            freed.as_mut().enable();
            if lock(&self.busy).insert(id.to_owned()) {
                return Turn {
                    cache: Arc::clone(self),
                    id: id.to_owned(),
                };
            }
            freed.await;
        }
    }

    /// Keeps a file from being removed to make room.
    pub(super) fn hold(self: &Arc<Self>, path: &Path) -> Arc<Hold> {
        *lock(&self.held).entry(path.to_owned()).or_default() += 1;
        Arc::new(Hold {
            cache: Arc::clone(self),
            path: path.to_owned(),
        })
    }

    /// What is known of a download, and the size of its part. Blocks.
    pub(super) fn look(&self, id: &str) -> (Record, u64) {
        let record = fs::read(self.record_path(id))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let size = fs::metadata(self.part_path(id)).map_or(0, |data| data.len());
        (record, size)
    }

    /// Blocks.
    pub(super) fn save(&self, id: &str, record: &Record) -> Result<(), DownloadError> {
        let path = self.record_path(id);
        let text = serde_json::to_vec(record).map_err(io::Error::other);
        text.and_then(|text| {
            crate::platform::create_private_dir(&self.dir)?;
            crate::library::save(&path, &text)
        })
        .map_err(|error| DownloadError::file(&path, error))
    }

    /// Forgets a part. Blocks.
    pub(super) fn drop_part(&self, id: &str) {
        let _ = fs::remove_file(self.part_path(id));
    }

    /// A whole file, checked once more: a power cut may have left it with holes. Blocks.
    pub(super) fn find(&self, sha256: Sha256) -> Option<(PathBuf, u64)> {
        let folder = self.dir.join(sha256.to_string());
        let path = fs::read_dir(&folder).ok()?.flatten().next()?.path();
        let file = File::options().read(true).write(true).open(&path).ok()?;
        let mut digest = sha2::Sha256::new();
        match hash(&file, &mut digest) {
            Ok(bytes) if Sha256(digest.finalize().into()) == sha256 => {
                // What was used last is removed last.
                let _ = file.set_modified(SystemTime::now());
                Some((path, bytes))
            }
            Ok(_) | Err(_) => {
                let _ = fs::remove_dir_all(&folder);
                None
            }
        }
    }

    /// Makes a part that has come to its end a whole file. Blocks.
    pub(super) fn finish(
        &self,
        id: &str,
        sha256: Sha256,
        name: &str,
    ) -> Result<PathBuf, DownloadError> {
        let folder = self.dir.join(sha256.to_string());
        let path = folder.join(name);
        let place = || {
            // It may be there under another name: one name for one file.
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            crate::platform::create_private_dir(&folder)?;
            fs::rename(self.part_path(id), &path)
        };
        // Somebody uses the same file under the name that it had: then that one serves.
        if let Some(used) = self.used_in(&folder) {
            self.drop_part(id);
            return Ok(used);
        }
        place().map_err(|error| DownloadError::file(&path, error))?;
        Ok(path)
    }

    fn used_in(&self, folder: &Path) -> Option<PathBuf> {
        let held = lock(&self.held);
        held.keys()
            .find(|path| path.parent() == Some(folder) && path.exists())
            .cloned()
    }

    /// Removes what was used longest ago until the rest is small enough. Blocks.
    pub(super) fn make_room(&self) {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        let now = SystemTime::now();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                let inside = fs::read_dir(&path).into_iter().flatten().flatten();
                let inside = inside.filter_map(|file| file.metadata().ok());
                let (time, bytes) =
                    inside.fold((SystemTime::UNIX_EPOCH, 0), |(time, sum), data| {
                        let modified = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                        (time.max(modified), sum + data.len())
                    });
                if self.used_in(&path).is_none() {
                    files.push((time, bytes, path));
                }
            } else if let Some(id) = name.strip_suffix(".part") {
                let time = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let is_busy = lock(&self.busy).contains(id);
                if !is_busy && now.duration_since(time).is_ok_and(|age| age > PART_AGE) {
                    self.drop_part(id);
                } else if !is_busy {
                    files.push((time, data.len(), path));
                }
            }
        }
        let mut sum: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        for (_, bytes, path) in files {
            if sum <= self.limit {
                break;
            }
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            if removed.is_ok() {
                sum = sum.saturating_sub(bytes);
            }
        }
        self.drop_orphans();
    }

    /// Forgets what was known of files that are gone.
    fn drop_orphans(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Some(id) = name.strip_suffix(".json") else {
                continue;
            };
            if lock(&self.busy).contains(id) {
                continue;
            }
            let (record, part) = self.look(id);
            let whole = record.whole.map(|whole| whole.sha256.to_string());
            let is_there = whole.is_some_and(|name| self.dir.join(name).is_dir());
            if part == 0 && !is_there {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Removes a whole file. Blocks.
    pub(super) fn forget(&self, path: &Path) {
        if let Some(folder) = path.parent()
            && folder.parent() == Some(&self.dir)
        {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Adds what a file holds to a checksum; answers how many bytes. Blocks.
pub(super) fn hash(mut file: impl io::Read, digest: &mut sha2::Sha256) -> io::Result<u64> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut sum = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(sum),
            count => {
                digest.update(block.get(..count).unwrap_or_default());
                sum += u64::try_from(count).unwrap_or_default();
            }
        }
    }
}

/// What an address is known by here.
pub(super) fn source_of(address: &Url) -> String {
    Sha256(sha2::Sha256::digest(address.as_str()).into()).to_string()
}

/// What a download is known by.
pub(super) fn id_of(sha256: Option<Sha256>, addresses: &[Url]) -> String {
    let of_addresses = || {
        let mut digest = sha2::Sha256::new();
        for address in addresses {
            digest.update(address.as_str());
            digest.update(b"\n");
        }
        Sha256(digest.finalize().into())
    };
    sha256.unwrap_or_else(of_addresses).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Cache, content: &[u8], age: u64) -> PathBuf {
        let sha256 = Sha256(sha2::Sha256::digest(content).into());
        fs::create_dir_all(cache.dir()).unwrap();
        fs::write(cache.part_path("x"), content).unwrap();
        let path = cache.finish("x", sha256, "a.zip").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
        path
    }

    #[test]
    fn what_was_used_longest_ago_makes_room_unless_somebody_uses_it() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Arc::new(Cache::new(dir.path(), 25));
        let oldest = put(&cache, b"0123456789", 300);
        let older = put(&cache, b"1123456789", 200);
        let newest = put(&cache, b"2123456789", 100);
        let hold = cache.hold(&oldest);
        cache.make_room();
        assert!(oldest.exists() && older.exists() && newest.exists());
        drop(hold);
        cache.make_room();
        assert!(!oldest.exists() && older.exists() && newest.exists());
    }

    #[test]
    fn a_file_that_was_changed_on_the_disk_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path(), 1000);
        let path = put(&cache, b"content", 0);
        let sha256 = Sha256(sha2::Sha256::digest(b"content").into());
        assert_eq!(cache.find(sha256), Some((path.clone(), 7)));
        fs::write(&path, b"CONTENT").unwrap();
        assert_eq!(cache.find(sha256), None);
        assert!(!path.exists());
    }
}
