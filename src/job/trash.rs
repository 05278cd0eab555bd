//! `<home>/trash`: the data of uninstalled apps, each entry a snapshot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::snapshot::{DATA, Snapshot};
use super::{Failure, FailureCode, folder, now};
use crate::app::{AppName, Origin};
use crate::library::Library;

/// Begins the name of an entry that is being filled or removed.
const UNDER_WAY: &str = ".";

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrashEntry {
    /// What it is called.
    pub id: String,
    /// The app.
    #[schema(value_type = String)]
    pub app: AppName,
    /// The version that was there.
    pub version: String,
    /// Bytes of what is kept.
    pub bytes: u64,
    /// When it was put there, in milliseconds since 1970.
    pub at: u64,
    /// Whether its program is kept, too, or can be fetched again.
    pub can_be_restored: bool,
    /// Where its program came from.
    pub origin: Option<Origin>,
}

/// The entries, oldest first. Blocks.
pub fn list(library: &Library) -> Vec<TrashEntry> {
    let mut entries: Vec<TrashEntry> = fs::read_dir(library.trash_dir())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.to_owned();
            if id.starts_with(UNDER_WAY) {
                return None;
            }
            let snapshot = Snapshot::read(&entry.path())?;
            Some(TrashEntry {
                id,
                can_be_restored: snapshot.whole || snapshot.origin.as_ref().is_some_and(is_at_hand),
                app: snapshot.app,
                version: snapshot.version,
                bytes: snapshot.bytes,
                at: snapshot.at,
                origin: snapshot.origin,
            })
        })
        .collect();
    entries.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    entries
}

fn is_at_hand(origin: &Origin) -> bool {
    match origin {
        Origin::Folder { path } | Origin::File { path, .. } => Path::new(path).exists(),
        Origin::Upload { .. } => false,
        Origin::Address(addresses) | Origin::Catalog { addresses, .. } => !addresses.is_empty(),
    }
}

/// One entry, by its name. Blocks.
///
/// # Errors
/// [`FailureCode::NotFound`].
pub fn find(library: &Library, id: &str) -> Result<TrashEntry, Failure> {
    // Looked up in the list, so that no path is made of what somebody sent.
    list(library)
        .into_iter()
        .find(|entry| entry.id == id)
        .ok_or_else(|| {
            let id: String = id.escape_debug().take(80).collect();
            let message = format!(
                "the trash has no entry `{id}`; `storekeeper trash list` shows what it has"
            );
            Failure::new(FailureCode::NotFound, message)
        })
}

/// Deletes an entry for ever, and answers its bytes. Blocks.
///
/// # Errors
/// Likewise, or what the system says.
pub fn remove(library: &Library, id: &str) -> Result<u64, Failure> {
    let entry = find(library, id)?;
    let place = entry_dir(library, &entry.id);
    folder::delete_beside(&place).map_err(|error| {
        let message = format!("`{}` cannot be removed: {error}", place.display());
        Failure::new(FailureCode::Failed, message)
    })?;
    Ok(entry.bytes)
}

/// The folder of an entry.
pub(super) fn entry_dir(library: &Library, id: &str) -> PathBuf {
    library.trash_dir().join(id)
}

/// The folder of an entry's data.
pub(super) fn data_dir(library: &Library, id: &str) -> PathBuf {
    entry_dir(library, id).join(DATA)
}

/// The folder of an entry as long as it is not shown.
pub(super) fn hidden_dir(library: &Library, id: &str) -> PathBuf {
    entry_dir(library, &format!("{UNDER_WAY}{id}"))
}

/// A name that no entry has yet.
pub(super) fn free_name(library: &Library, app: &AppName) -> String {
    let mut second = now() / 1000;
    loop {
        let id = format!("{app}-{second}");
        if fs::symlink_metadata(entry_dir(library, &id)).is_err() {
            return id;
        }
        second += 1;
    }
}

/// Makes an entry, still without data and not shown. What a failure leaves of it is removed.
pub(super) fn make(library: &Library, id: &str, snapshot: &Snapshot) -> io::Result<()> {
    crate::platform::create_private_dir(&library.trash_dir())?;
    let dir = hidden_dir(library, id);
    folder::remove(&dir)?;
    let made = crate::platform::create_private_dir(&dir).and_then(|()| snapshot.write(&dir));
    if made.is_err() {
        folder::remove(&dir)?;
    }
    made
}

/// Shows an entry, unless it is shown already.
pub(super) fn show(library: &Library, id: &str) -> io::Result<()> {
    match fs::rename(hidden_dir(library, id), entry_dir(library, id)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes what a killed service left half done.
pub(super) fn clean(library: &Library) {
    for entry in fs::read_dir(library.trash_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let is_under_way = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(UNDER_WAY));
        if is_under_way && let Err(error) = folder::remove(&entry.path()) {
            tracing::warn!("`{}` was left behind: {error}", entry.path().display());
        }
    }
}
