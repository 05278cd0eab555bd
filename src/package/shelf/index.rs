//! What was learned of the packages on a shelf, so that a start need not read them all again.
//!
//! It is a cache: what it says of a file holds while the file's stamp is the same, and without it all
//! files are read.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::library;
use crate::package::Package;
use crate::platform::Stamp;

/// Another number when what is checked or kept changes.
const FORMAT: u32 = 2;

/// In `.packages`; hidden files there are nobody's packages.
const FILE: &str = ".index";

/// What was learned of one file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) stamp: Stamp,
    pub(super) has_icon: bool,
    pub(super) package: Package,
}

#[derive(Serialize, Deserialize)]
struct Index {
    format: u32,
    program: String,
    /// By whom the developers' signatures were checked, and on which day.
    checked: String,
    packages: HashMap<String, Known>,
}

#[derive(Serialize)]
struct Saved<'a> {
    format: u32,
    program: &'a str,
    checked: &'a str,
    packages: HashMap<String, SavedEntry<'a>>,
}

#[derive(Serialize)]
struct SavedEntry<'a> {
    stamp: Stamp,
    has_icon: bool,
    package: &'a Package,
}

/// What is known of the files of a folder; nothing when it was learned by other rules. Blocks.
pub(super) fn load(folder: &Path, checked: &str) -> HashMap<String, Known> {
    let Ok(text) = fs::read(folder.join(FILE)) else {
        return HashMap::new();
    };
    match serde_json::from_slice::<Index>(&text) {
        Ok(index)
            if index.format == FORMAT
                && index.program == env!("CARGO_PKG_VERSION")
                && index.checked == checked =>
        {
            index.packages
        }
        Ok(_) | Err(_) => HashMap::new(),
    }
}

/// Writes it anew. Blocks.
pub(super) fn save(folder: &Path, checked: &str, entries: &[Arc<Entry>]) -> io::Result<()> {
    let name_of = |entry: &Entry| {
        let name = entry.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let saved = Saved {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION"),
        checked,
        packages: entries
            .iter()
            .map(|entry| {
                let saved = SavedEntry {
                    stamp: entry.stamp,
                    has_icon: entry.has_icon,
                    package: &entry.package,
                };
                (name_of(entry), saved)
            })
            .collect(),
    };
    let text = serde_json::to_vec(&saved).map_err(io::Error::other)?;
    library::save(&folder.join(FILE), &text)
}
