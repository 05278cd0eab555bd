//! The index of a folder of packages, for a web server: made by reading each of them.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use url::Url;

use super::Note;
use super::address::resolve;
use super::error::RepositoryError;
use super::index::{Entry, Index, rfc3339};
use super::inspect::inspect;
use super::sync::{is_package_file, note_of};

/// Reads the packages of a folder, not of those below it. A package that is not good is told and left
/// out. `url` is the address that they will have; what `earlier` has stays. Blocks.
///
/// # Errors
/// When the folder cannot be read.
pub fn index_folder(
    folder: &Path,
    url: Option<&Url>,
    earlier: Index,
) -> Result<(Index, Vec<String>), RepositoryError> {
    let unread = |source| RepositoryError::File {
        path: folder.to_owned(),
        source,
    };
    let mut files: Vec<(String, DateTime<Utc>)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let data = entry.metadata().map_err(unread)?;
        if let Ok(name) = entry.file_name().into_string()
            && data.is_file()
            && is_package_file(&name)
        {
            let modified = data.modified().map_or_else(|_| Utc::now(), DateTime::from);
            files.push((name, modified));
        }
    }
    files.sort();
    let mut index = earlier;
    let mut problems = std::mem::take(&mut index.problems);
    let mut seen: Vec<(String, String, String)> = Vec::new();
    for (file, modified) in files {
        let note = fs::read(folder.join(note_of(&file))).ok();
        let note = note.and_then(|bytes| Note::read(&bytes));
        if note.is_some_and(|note| note.entry.file() == Some(&file) && !note.published) {
            // A draft is nobody's business yet.
            continue;
        }
        let found = match inspect(&folder.join(&file)) {
            Ok(found) => found,
            Err(error) => {
                problems.push(format!("`{file}` is left out: {error}"));
                continue;
            }
        };
        let same = seen
            .iter()
            .find(|(name, version, _)| *name == found.name && *version == found.version);
        if let Some((name, version, other)) = same {
            problems.push(format!(
                "`{file}` is left out: `{other}` is version {version} of `{name}` already"
            ));
            continue;
        }
        let link = match url {
            None => file.clone(),
            Some(base) => resolve(base, &file).map_or_else(|_| file.clone(), String::from),
        };
        seen.push((found.name.clone(), found.version.clone(), file));
        index.put(Entry {
            urls: vec![link],
            created: rfc3339(modified),
            ..Entry::from(&found)
        });
    }
    Ok((index, problems))
}
