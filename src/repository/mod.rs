//! Repositories: where packages are published. In a bucket, a folder or on a web server there lie the
//! packages and an `index.yaml` that lists them; the latter is only a summary of the former.
//!
//! ```text
//! <prefix>/index.yaml              what is published
//! <prefix>/<name>-<version>.zip    a package; its bytes never change
//! <prefix>/<name>-<version>.json   what is known of it, written before it: its note
//! ```
//!
//! [`Repository`] is one of them, opened; [`Repositories`] are those that are configured. `place` knows
//! the three kinds of places, `index` the file, `inspect` what is in a package, and `sync` brings an
//! index and what lies beside it together.

mod address;
mod cache;
mod credentials;
mod error;
mod folder_index;
mod index;
mod inspect;
mod keep;
mod name;
mod node;
mod openpitrix;
mod place;
mod publish;
mod registry;
mod served;
mod sync;
#[cfg(test)]
mod tests;
mod validate;

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use self::address::User;
use self::index::{is_package_name, is_usable_version};
use self::place::{Place, Tag};
use crate::app::Sha256;
use crate::database::shared::{Held, LockError};
use crate::database::{DatabaseError, RepositoryStore};
use crate::download::Downloader;

pub(crate) use self::address::resolve;
pub use self::address::{Address, Bucket, Kind};
pub use self::cache::{Cached, cached, cached_address};
pub use self::credentials::AccessKey;
pub use self::error::RepositoryError;
pub use self::folder_index::index_folder;
pub use self::index::{
    Entry, INDEX_FILE, Index, MAX_INDEX_BYTES, Maintainer, PackageKind, rfc3339, semver,
};
pub use self::inspect::{Description, Parameter, inspect};
pub use self::name::{InvalidRepositoryName, RepositoryName};
pub use self::registry::{
    Change, Event, EventStatus, NewRepository, Record, Repositories, Status, SyncState,
};
pub use self::served::Served;
pub use self::sync::Synced;
pub use self::validate::Validation;

/// The repository that is there from the start, in the home.
pub const LOCAL: &str = "local";

/// Largest note of a package, bytes.
const MAX_NOTE_BYTES: u64 = 1 << 20;

/// Others may change the index so many times while we do.
const MAX_TRIES: u32 = 60;

/// An opened repository. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    address: Address,
    place: Place,
    /// Whether the server refuses a write whose condition does not hold; tried when nobody knows yet.
    conditional: std::sync::Mutex<Option<bool>>,
    /// One of ours changes the index at a time. It saves tries.
    turn: Mutex<()>,
    /// Where several servers share this repository; none for one that is not configured.
    store: Option<Arc<dyn RepositoryStore>>,
    /// The index as it was served last.
    served: served::Memo,
}

/// What is known of a repository beside its address and key.
#[derive(Default)]
struct Shared {
    /// Where several servers share it.
    store: Option<Arc<dyn RepositoryStore>>,
    /// What was found out about the server's conditions.
    conditional: Option<bool>,
}

/// Changing the index, alone.
struct Turn<'a> {
    _ours: MutexGuard<'a, ()>,
    _all: Option<Held>,
}

/// A package on its way out of a repository.
pub struct Package {
    /// Its file name.
    pub file: String,
    /// Bytes of all of it.
    pub size: u64,
    /// What the repository says it must be.
    pub digest: Option<Sha256>,
    /// Its content, or the part of it that was asked for.
    pub stream: BoxStream<'static, Result<Bytes, RepositoryError>>,
}

/// What lies beside a package: what the index says of it, and whether it is in there.
#[derive(Clone, Debug)]
struct Note {
    entry: Entry,
    /// It is in the index, or is to be.
    published: bool,
    /// Its upload has not ended; in milliseconds since 1970, when it began.
    uploading: Option<u64>,
    /// The store that published it, when it was one: nobody else withdraws it.
    owner: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenNote {
    published: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uploading: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    entry: serde_json::Value,
}

impl Note {
    fn read(bytes: &[u8]) -> Option<Self> {
        let written: WrittenNote = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            entry: Entry::of_json(&written.entry).ok()?,
            published: written.published,
            uploading: written.uploading,
            owner: written.owner,
        })
    }

    /// Whether it is of this package, published by this store.
    fn is_of(&self, owner: &str, digest: Sha256) -> bool {
        self.entry.digest == Some(digest) && self.owner.as_deref() == Some(owner)
    }

    /// The note as it lies there. One that nobody would read again is not written.
    ///
    /// # Errors
    /// [`RepositoryError::Package`]
    fn write(&self) -> Result<Bytes, RepositoryError> {
        let written = WrittenNote {
            published: self.published,
            uploading: self.uploading,
            owner: self.owner.clone(),
            entry: self.entry.to_json(),
        };
        // Text, numbers and lists can always be written.
        let text = serde_json::to_vec_pretty(&written).unwrap_or_default();
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_NOTE_BYTES {
            let reason = "all that it says of itself is more than 1 MiB; shorten it";
            return Err(RepositoryError::Package {
                details: vec![(String::new(), reason.to_owned())],
            });
        }
        Ok(text.into())
    }
}

/// The file of a package's note.
fn note_file(name: &str, version: &str) -> String {
    format!("{name}-{version}.json")
}

/// Checks what becomes part of a file's name.
fn check_words(name: &str, version: &str) -> Result<(), RepositoryError> {
    let unusable = |text: &str, what, reason| RepositoryError::Unusable {
        text: text.escape_debug().take(80).collect(),
        what,
        reason,
    };
    if !is_package_name(name) {
        return Err(unusable(
            name,
            "the name of a package",
            "it has letters, digits, `.`, `_` and `-` and begins with a letter or a digit",
        ));
    }
    if !is_usable_version(version) || semver(version).is_none() || version.starts_with('v') {
        return Err(unusable(
            version,
            "the version of a package",
            "it is no semantic version; write three numbers, such as 1.0.0",
        ));
    }
    Ok(())
}

impl Repository {
    /// Opens a repository. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When its address must not be connected to, or its key is not complete.
    async fn open(
        name: &str,
        address: &Address,
        user: User,
        key: Option<&AccessKey>,
        downloader: &Downloader,
        shared: Shared,
    ) -> Result<Self, RepositoryError> {
        Ok(Self {
            inner: Arc::new(Inner {
                name: name.to_owned(),
                address: address.clone(),
                place: Place::open(address, user, key, downloader).await?,
                conditional: std::sync::Mutex::new(shared.conditional),
                turn: Mutex::new(()),
                store: shared.store,
                served: served::Memo::default(),
            }),
        })
    }

    /// A repository in a folder, without a configuration.
    pub fn of_folder(path: &Path) -> Self {
        let address = Address::Folder(path.to_owned());
        Self {
            inner: Arc::new(Inner {
                name: address.to_string(),
                place: Place::of_folder(path),
                address,
                conditional: std::sync::Mutex::new(Some(true)),
                turn: Mutex::new(()),
                store: None,
                served: served::Memo::default(),
            }),
        }
    }

    /// Waits until nobody of ours changes the index. Where the server knows no conditions, no other server
    /// on our database does, either: that is all that can be done there.
    async fn turn(&self) -> Result<Turn<'_>, RepositoryError> {
        let ours = self.inner.turn.lock().await;
        let all = match &self.inner.store {
            Some(store) if !self.conditional().await? => {
                let name = format!("index:{}", self.inner.address);
                store.lock(&name).await.map_err(|error| match error {
                    LockError::Busy => RepositoryError::Contended(self.inner.name.clone()),
                    LockError::Store(error) => RepositoryError::Database(DatabaseError {
                        path: self.inner.name.clone(),
                        reason: error.to_string(),
                    }),
                })?
            }
            Some(_) | None => None,
        };
        Ok(Turn {
            _ours: ours,
            _all: all,
        })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// Whether it can only be read.
    pub fn is_read_only(&self) -> bool {
        self.inner.place.is_read_only()
    }

    /// What an entry's package holds, or a part of it.
    ///
    /// # Errors
    /// [`RepositoryError::NoVersion`], and those of reading.
    pub async fn content(
        &self,
        entry: &Entry,
        range: Option<Range<u64>>,
    ) -> Result<Package, RepositoryError> {
        let missing = || self.no_version(&entry.name, &entry.version);
        let file = entry.file().ok_or_else(missing)?;
        let link = entry.urls.first().map_or("", String::as_str);
        let place = &self.inner.place;
        let content = place.content(file, link, entry.digest, range).await?;
        let (size, stream) = content.ok_or_else(missing)?;
        Ok(Package {
            file: file.to_owned(),
            size,
            digest: entry.digest,
            stream,
        })
    }

    /// Its index; empty when it has none.
    ///
    /// # Errors
    /// [`RepositoryError::Unreadable`], [`RepositoryError::Index`].
    pub async fn index(&self) -> Result<Index, RepositoryError> {
        Ok(self
            .read_index()
            .await?
            .map(|(index, _)| index)
            .unwrap_or_default())
    }

    async fn read_index(&self) -> Result<Option<(Index, Tag)>, RepositoryError> {
        let read = self.inner.place.read(INDEX_FILE, MAX_INDEX_BYTES).await?;
        let Some((bytes, tag)) = read else {
            return Ok(None);
        };
        let index = parse_index(bytes).await;
        index
            .map(|index| Some((index, tag)))
            .map_err(|reason| RepositoryError::Index {
                address: self.index_address(),
                reason,
            })
    }

    fn index_address(&self) -> String {
        let address = self.inner.address.to_string();
        format!("{}/{INDEX_FILE}", address.trim_end_matches('/'))
    }

    /// An address by which the package of an entry can be fetched for a while, for the downloader;
    /// none where it is a file of this computer or has an address of its own.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn signed(&self, file: &str) -> Result<Option<url::Url>, RepositoryError> {
        if !index::is_file_name(file) {
            return Ok(None);
        }
        self.inner.place.signed(file).await
    }

    fn no_version(&self, name: &str, version: &str) -> RepositoryError {
        RepositoryError::NoVersion {
            repository: self.inner.name.clone(),
            name: name.escape_debug().take(80).collect(),
            version: version.escape_debug().take(80).collect(),
        }
    }
}

/// A large index takes a moment: not on a thread that others wait for.
async fn parse_index(bytes: Bytes) -> Result<Index, String> {
    blocking(move || {
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text in UTF-8".to_owned())?;
        Index::parse(text)
    })
    .await
}

async fn write_index(mut index: Index) -> Bytes {
    blocking(move || index.write(Utc::now()).into()).await
}

/// Longer with every try, and not the same for everybody.
async fn pause(attempt: u32) {
    let mut random = [0_u8; 1];
    let _ = getrandom::fill(&mut random);
    let longest = 10_u64 << attempt.min(5);
    let pause = longest * u64::from(random[0]) / 255;
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

async fn size_of(file: &Path) -> Result<u64, RepositoryError> {
    let data = tokio::fs::metadata(file).await;
    data.map(|data| data.len())
        .map_err(|source| RepositoryError::File {
            path: file.to_owned(),
            source,
        })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Sixteen random letters and digits.
fn random_word() -> String {
    let mut random = [0_u8; 8];
    // Without randomness, the moment: it is only to be another than the last one.
    if getrandom::fill(&mut random).is_err() {
        random = now().to_be_bytes();
    }
    random.iter().fold(String::new(), |mut word, byte| {
        let _ = write!(word, "{byte:02x}");
        word
    })
}

/// Now, in milliseconds since 1970.
fn now() -> u64 {
    u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default()
}
