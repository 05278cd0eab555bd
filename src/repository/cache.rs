//! What was last known of each repository, in the home's cache: its index, for the catalogs, and what
//! spares the next sync from reading packages.
//!
//! ```text
//! <home>/cache/repository/<name>/index.yaml     its index
//! <home>/cache/repository/<name>/source.json    whose index that is
//! <home>/cache/repository/<name>/seen.json      its files as they were
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::index::{INDEX_FILE, Index};
use super::name::RepositoryName;
use crate::library::{self, Library};

/// The index of a repository, as it was last known.
pub struct Cached {
    /// The repository.
    pub name: RepositoryName,
    /// Where it is.
    pub address: Address,
    /// Its packages can only be fetched with a key or a password.
    pub locked: bool,
    /// Its index.
    pub index: Index,
}

/// A file as it was when it was looked at last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// What changes with its content.
    #[serde(rename = "t")]
    pub(super) tag: String,
    /// What is wrong with it, as a sentence.
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub(super) problem: String,
    /// Of a note: it says that its package is not to be in the index.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) hidden: bool,
}

/// What was seen of a repository's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) files: BTreeMap<String, Seen>,
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    id: String,
    address: String,
    #[serde(default)]
    locked: bool,
}

/// The cache of one repository.
#[derive(Clone)]
pub(super) struct Cache {
    folder: PathBuf,
    source_id: String,
    address: String,
    locked: bool,
}

impl Cache {
    pub(super) fn new(
        library: &Library,
        name: &RepositoryName,
        id: &str,
        address: &str,
        locked: bool,
    ) -> Self {
        Self {
            folder: library.repository_cache_dir().join(name.as_str()),
            source_id: id.to_owned(),
            address: address.to_owned(),
            locked,
        }
    }

    /// Where packages may lie while they are looked at.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn source(&self) -> Source {
        Source {
            id: self.source_id.clone(),
            address: self.address.clone(),
            locked: self.locked,
        }
    }

    /// What was known; nothing when the cache is that of another. Blocks.
    pub(super) fn load(&self) -> (Option<Index>, Memory) {
        let source = read_json::<Source>(&self.folder.join("source.json"));
        if source != Some(self.source()) {
            return (None, Memory::default());
        }
        let memory = read_json(&self.folder.join("seen.json")).unwrap_or_default();
        (read_index(&self.folder), memory)
    }

    /// Keeps what is known now; an index that did not change is not written. Blocks.
    pub(super) fn save(&self, index: Option<&Index>, memory: &Memory) -> io::Result<()> {
        crate::platform::create_private_dir(&self.folder)?;
        let json = |value: &Memory| serde_json::to_vec(value).map_err(io::Error::other);
        if let Some(index) = index {
            library::save(&self.folder.join(INDEX_FILE), index.text().as_bytes())?;
            let source = serde_json::to_vec(&self.source()).map_err(io::Error::other)?;
            library::save(&self.folder.join("source.json"), &source)?;
        }
        library::save(&self.folder.join("seen.json"), &json(memory)?)
    }

    /// Blocks.
    pub(super) fn remove(&self) {
        // What stays would belong to another id or address, and is not read.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn read_index(folder: &Path) -> Option<Index> {
    let text = fs::read_to_string(folder.join(INDEX_FILE)).ok()?;
    Index::parse(&text).ok()
}

/// The indexes of all repositories as they were last known, in the order of their names. Blocks.
pub fn cached(library: &Library) -> Vec<Cached> {
    let folder = library.repository_cache_dir();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let name = entry.file_name();
        RepositoryName::parse(&name.to_string_lossy()).ok()
    });
    let mut all: Vec<Cached> = names
        .filter_map(|name| cached_one(library, &name))
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// That of one repository. Blocks.
pub(super) fn cached_one(library: &Library, name: &RepositoryName) -> Option<Cached> {
    let folder = library.repository_cache_dir().join(name.as_str());
    let source = read_json::<Source>(&folder.join("source.json"))?;
    let (address, _) = Address::parse(&source.address, None).ok()?;
    Some(Cached {
        name: name.clone(),
        address,
        locked: source.locked,
        index: read_index(&folder)?,
    })
}

/// Where a repository is of which something was cached. Blocks.
pub fn cached_address(library: &Library, name: &str) -> Option<Address> {
    let name = RepositoryName::parse(name).ok()?;
    let folder = library.repository_cache_dir().join(name.as_str());
    let source = read_json::<Source>(&folder.join("source.json"))?;
    Some(Address::parse(&source.address, None).ok()?.0)
}
