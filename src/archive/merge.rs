//! From a new folder into one that may have content. Whatever lies in it already (a link that leads
//! elsewhere, for example), nothing is written outside. Everything is checked before the first file
//! comes into its place.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::tree::Folder;
use super::{Unpacked, disk, name};

/// What an archive brought, and the new folder that it lies in.
pub(super) struct Staged<'a> {
    pub(super) root: &'a Path,
    pub(super) folders: &'a [Folder],
    pub(super) unpacked: &'a Unpacked,
}

/// Why an entry did not come into its place: the entry and the reason.
pub(super) struct Misplaced {
    pub(super) entry: String,
    pub(super) reason: String,
}

/// Whether folders that are missing are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

/// A folder that is written to.
struct Target {
    /// Canonical, so that what is below it can be recognised. It may still have to be made.
    root: PathBuf,
    /// Folders below it that were seen to be inside.
    known: HashSet<PathBuf>,
}

/// Moves everything below `root`, which is canonical as far as it exists. Files that are there are
/// replaced, each at once.
pub(super) fn merge(staged: &Staged<'_>, root: &Path) -> Result<(), Misplaced> {
    if fs::symlink_metadata(root).is_err() {
        let parent = root.parent().unwrap_or(Path::new("/"));
        return fs::create_dir_all(parent)
            .and_then(|()| fs::rename(staged.root, root))
            .map_err(|error| Misplaced {
                entry: ".".to_owned(),
                reason: format!("cannot be written: {error}"),
            });
    }
    for missing in [Missing::Leave, Missing::Make] {
        let mut target = Target {
            root: root.to_owned(),
            known: HashSet::new(),
        };
        target.place_all(staged, missing)?;
    }
    Ok(())
}

impl Target {
    /// Checks the places of everything or, where folders are made, moves everything there.
    fn place_all(&mut self, staged: &Staged<'_>, missing: Missing) -> Result<(), Misplaced> {
        let written = |path: &str| {
            let entry = name::shown(path);
            move |error: io::Error| Misplaced {
                entry: entry.clone(),
                reason: format!("cannot be written: {error}"),
            }
        };
        for folder in staged.folders {
            let from = name::below(staged.root, &folder.path);
            self.folder(&folder.path, Some(&from), missing)
                .map_err(written(&folder.path))?;
        }
        for file in &staged.unpacked.files {
            let place = self.place(&file.path, missing);
            place
                .and_then(|place| match missing {
                    Missing::Leave => Ok(()),
                    Missing::Make => fs::rename(name::below(staged.root, &file.path), place),
                })
                .map_err(written(&file.path))?;
        }
        for (path, to) in &staged.unpacked.links {
            let place = self.place(path, missing).map_err(written(path))?;
            // The parent may be a link of the folder: what counts is where it really is.
            let below = place.strip_prefix(&self.root).unwrap_or(Path::new(""));
            let depth = below.components().count().saturating_sub(1);
            name::safe_link(to, depth).map_err(|reason| Misplaced {
                entry: name::shown(path),
                reason,
            })?;
            if missing == Missing::Make {
                fs::rename(name::below(staged.root, path), place).map_err(written(path))?;
            }
        }
        Ok(())
    }

    /// Where a file or link comes to be.
    fn place(&mut self, path: &str, missing: Missing) -> io::Result<PathBuf> {
        let (parent, file) = path.rsplit_once('/').unwrap_or(("", path));
        let place = self.folder(parent, None, missing)?.join(file);
        if fs::symlink_metadata(&place).is_ok_and(|found| found.is_dir()) {
            return Err(io::Error::other("a folder of its name is there"));
        }
        Ok(place)
    }

    /// The real folder that `path` means; never one outside the root. One that is made gets the
    /// mode of `like`.
    fn folder(&mut self, path: &str, like: Option<&Path>, missing: Missing) -> io::Result<PathBuf> {
        let mut at = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at.push(part);
            if self.known.contains(&at) {
                continue;
            }
            match fs::symlink_metadata(&at) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if missing == Missing::Make {
                        fs::create_dir(&at)?;
                        let mode = like.and_then(|like| disk::mode(&fs::metadata(like).ok()?));
                        mode.map_or(Ok(()), |mode| disk::set_mode(&at, mode))?;
                    }
                }
                Err(error) => return Err(error),
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() => {
                    at = fs::canonicalize(&at)?;
                    if !at.starts_with(&self.root) {
                        return Err(io::Error::other("it lies behind a link that leads out"));
                    }
                }
                Ok(_) => {
                    return Err(io::Error::other(format!(
                        "it needs the folder `{}`, which is a file",
                        at.display()
                    )));
                }
            }
            self.known.insert(at.clone());
        }
        Ok(at)
    }
}
