//! The lists as they lie in the cache, and what they offer.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::location::Location;
use super::offer::{self, Offer};
use super::package_server;
use super::{CatalogError, Configured, MAX_ENTRIES, MAX_PROBLEMS, Trouble};
use crate::app::parse::{self, CATEGORIES};
use crate::app::{AppName, InstallInfo};
use crate::download::Validators;
use crate::library::{self, Library};

/// What is known of a catalog's lists.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct State {
    /// The catalog's address: the lists of another one are of no use.
    address: String,
    pub(super) synced_at: Option<u64>,
    pub(super) error: Option<Trouble>,
    pub(super) lists: BTreeMap<String, List>,
}

/// What is known of one list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct List {
    pub(super) validators: Validators,
    /// Where it came from in the end: its relative addresses begin there.
    from: Option<Url>,
    pub(super) entries: usize,
    pub(super) problems: Vec<String>,
}

/// Everything that the catalogs offer, in their order.
pub(super) struct Shelf {
    pub(super) offers: Arc<[Arc<Offer>]>,
}

/// The lists of one catalog.
pub(super) fn folder(library: &Library, name: &AppName) -> PathBuf {
    library.catalog_dir().join(name.as_str())
}

impl State {
    /// Empty when nothing is known. Blocks.
    pub(super) fn load(library: &Library, catalog: &Configured) -> Self {
        let folder = folder(library, &catalog.name);
        let state: Option<Self> = fs::read(folder.join("state"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let state = state.filter(|state| state.address == catalog.address);
        let mut state = state.unwrap_or_else(|| Self {
            address: catalog.address.clone(),
            ..Self::default()
        });
        // What is no longer there has to be fetched again.
        state
            .lists
            .retain(|category, _| folder.join(format!("{category}.json")).is_file());
        state
    }

    /// Blocks.
    pub(super) fn save(&self, library: &Library, catalog: &Configured) -> Result<(), CatalogError> {
        let folder = folder(library, &catalog.name);
        let text = serde_json::to_vec(self).map_err(io::Error::other);
        let path = folder.join("state");
        text.and_then(|text| write(&path, &text))
            .map_err(|source| CatalogError::File { path, source })
    }
}

/// Puts a list into the cache, if it is one. Blocks.
pub(super) fn accept(
    path: &Path,
    bytes: &[u8],
    from: &Url,
    validators: Validators,
) -> Result<List, CatalogError> {
    let text = String::from_utf8_lossy(bytes);
    let entries = parse::list(&text, MAX_ENTRIES).map_err(|reason| {
        let mut address = from.clone();
        let _ = address.set_username("");
        let _ = address.set_password(None);
        CatalogError::List {
            address: address.to_string(),
            reason,
        }
    })?;
    let mut list = List {
        validators,
        from: Some(from.clone()),
        entries: 0,
        problems: Vec::new(),
    };
    let category = path.file_stem().unwrap_or_default().to_string_lossy();
    for (number, (info, problems)) in (1..).zip(&entries) {
        match problems.iter().find(|problem| problem.is_error()) {
            None => list.entries += 1,
            Some(problem) if list.problems.len() < MAX_PROBLEMS => {
                let name: String = info.name.escape_debug().take(80).collect();
                list.problems.push(format!(
                    "{category}.json, entry {number} (`{name}`) is left out: {}",
                    problem.sentence()
                ));
            }
            Some(_) => {}
        }
    }
    write(path, bytes).map_err(|source| CatalogError::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(list)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    crate::platform::create_private_dir(path.parent().unwrap_or(path))?;
    library::save(path, content)
}

impl Shelf {
    /// Reads all lists. Blocks.
    pub(super) fn load(library: &Library, configured: &[Configured]) -> Self {
        let mut offers: Vec<Offer> = Vec::new();
        for catalog in configured {
            let Ok(location) = Location::parse(&catalog.address) else {
                continue;
            };
            let state = State::load(library, catalog);
            let folder = folder(library, &catalog.name);
            let mut places: HashMap<AppName, usize> = HashMap::new();
            for list in CATEGORIES.into_iter().chain([package_server::LIST]) {
                let Some(from) = state.lists.get(list).and_then(|it| it.from.as_ref()) else {
                    continue;
                };
                let path = folder.join(format!("{list}.json"));
                for info in entries(&path, from, &location) {
                    let Ok(name) = AppName::parse(&info.name) else {
                        continue;
                    };
                    // A package server has one list for all categories.
                    let category = match list {
                        package_server::LIST => info.category.clone(),
                        category => category.to_owned(),
                    };
                    if let Some(known) = places.get(&name).and_then(|place| offers.get_mut(*place))
                    {
                        if !known.categories.contains(&category) {
                            known.categories.push(category);
                        }
                        continue;
                    }
                    places.insert(name.clone(), offers.len());
                    offers.push(Offer {
                        catalog: catalog.name.clone(),
                        name,
                        categories: vec![category],
                        info,
                        refusal: None,
                        trust: location.trust(),
                    });
                }
            }
        }
        offers.extend(super::published::offers(library));
        Self {
            offers: offers.into_iter().map(Arc::new).collect(),
        }
    }
}

/// The usable entries of a list in the cache.
fn entries(path: &Path, from: &Url, location: &Location) -> Vec<InstallInfo> {
    let Ok(bytes) = fs::read(path) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let listed = parse::list(&text, MAX_ENTRIES).unwrap_or_default();
    let usable = listed.into_iter().filter_map(|(mut info, problems)| {
        if problems.iter().any(crate::app::Problem::is_error) {
            return None;
        }
        if let Err(reason) = offer::make_whole(&mut info, from, location) {
            tracing::warn!(
                "`{}` in {} is left out: {reason}",
                info.name,
                path.display()
            );
            return None;
        }
        Some(info)
    });
    usable.collect()
}
