//! The folder that an archive is unpacked into. Whatever lies in it already (a link that leads
//! elsewhere, for example), nothing is written outside. Everything is put into a folder beside first,
//! and into its place when all of it is there: of an archive that breaks off nothing is left.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::name;

/// A folder that is written to.
pub(super) struct Target {
    /// Canonical, so that what is below it can be recognised. It may still have to be made.
    root: PathBuf,
    /// Folders below it that were seen to be inside.
    known: HashSet<PathBuf>,
    /// On the same disk, so that files come into their place at once.
    staging: TempDir,
    /// Folders to make, with their modes.
    dirs: Vec<(PathBuf, Option<u32>)>,
    /// Files to put into their place.
    files: Vec<Staged>,
    /// Where they will be.
    taken: HashSet<PathBuf>,
    /// Links to make at the end: while files are written there are none of the archive's.
    links: Vec<(PathBuf, String, String)>,
}

/// A file that waits for the others.
struct Staged {
    from: PathBuf,
    to: PathBuf,
    entry: String,
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

impl Target {
    /// Prepares to fill the folder, which is made at the end where it is missing.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let folder = std::path::absolute(folder)?;
        let there = folder
            .ancestors()
            .find(|path| fs::symlink_metadata(path).is_ok())
            .unwrap_or(Path::new("/"));
        let base = fs::canonicalize(there)?;
        let rest = folder.strip_prefix(there).unwrap_or(Path::new(""));
        Ok(Self {
            root: base.join(rest),
            known: HashSet::new(),
            staging: tempfile::Builder::new()
                .prefix(".storekeeper-")
                .tempdir_in(&base)?,
            dirs: Vec::new(),
            files: Vec::new(),
            taken: HashSet::new(),
            links: Vec::new(),
        })
    }

    /// Takes a folder.
    pub(super) fn dir(&mut self, path: &Path, mode: Option<u32>) -> io::Result<()> {
        self.inside(path, Missing::Leave)?;
        self.dirs.push((path.to_owned(), mode));
        Ok(())
    }

    /// Takes a file of at most `size` bytes.
    pub(super) fn file(
        &mut self,
        path: &Path,
        mode: Option<u32>,
        size: u64,
        content: &mut dyn Read,
        entry: &str,
    ) -> io::Result<u64> {
        let (parent, file) = self.place(path, Missing::Leave)?;
        let place = parent.join(file);
        if self.known.contains(&place) || fs::symlink_metadata(&place).is_ok_and(|it| it.is_dir()) {
            return Err(io::Error::other("has the name of a folder that is there"));
        }
        let from = self.staging.path().join(self.files.len().to_string());
        let mut staged = fs::File::create_new(&from)?;
        let mut buffer = vec![0_u8; 64 * 1024];
        let mut written = 0_u64;
        loop {
            let count = content.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            written += u64::try_from(count).unwrap_or(u64::MAX);
            if written > size {
                let message = format!("is larger than the {size} bytes that it declares");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            staged.write_all(buffer.get(..count).unwrap_or_default())?;
        }
        // No setuid, setgid or sticky bit, nothing that others could write to.
        set_mode(
            &from,
            Some(mode.map_or(0o644, |mode| (mode & 0o755) | 0o600)),
        )?;
        self.taken.insert(place);
        self.files.push(Staged {
            from,
            to: path.to_owned(),
            entry: entry.to_owned(),
        });
        Ok(written)
    }

    /// Takes a link.
    pub(super) fn link(&mut self, path: &Path, to: String, entry: String) {
        self.links.push((path.to_owned(), to, entry));
    }

    /// Puts everything into its place.
    pub(super) fn finish(mut self) -> Result<(), Misplaced> {
        let fail = |entry: &str, reason: String| Misplaced {
            entry: entry.to_owned(),
            reason,
        };
        let written =
            |entry: &str, error: io::Error| fail(entry, format!("cannot be written: {error}"));
        for (path, to, entry) in self.links.clone() {
            let depth = path.components().count().saturating_sub(1);
            self.place(&path, Missing::Leave)
                .map_err(|error| written(&entry, error))?;
            name::safe_link(&to, depth).map_err(|reason| fail(&entry, reason))?;
        }
        self.known.clear();
        self.taken.clear();
        fs::create_dir_all(&self.root).map_err(|error| written(".", error))?;
        for (path, mode) in std::mem::take(&mut self.dirs) {
            self.inside(&path, Missing::Make)
                .and_then(|real| set_mode(&real, mode.map(|mode| (mode & 0o755) | 0o700)))
                .map_err(|error| written(&path.to_string_lossy(), error))?;
        }
        for file in std::mem::take(&mut self.files) {
            self.place(&file.to, Missing::Make)
                .and_then(|(parent, name)| fs::rename(&file.from, parent.join(name)))
                .map_err(|error| written(&file.entry, error))?;
        }
        for (path, to, entry) in std::mem::take(&mut self.links) {
            // The parent may be a link of this archive by now: what counts is where it really is.
            self.known.clear();
            let (parent, file) = self
                .place(&path, Missing::Make)
                .map_err(|error| written(&entry, error))?;
            let depth = parent
                .strip_prefix(&self.root)
                .map_or(0, |below| below.components().count());
            let to = name::safe_link(&to, depth).map_err(|reason| fail(&entry, reason))?;
            make_link(&to, &parent.join(file))
                .map_err(|error| fail(&entry, format!("cannot be linked: {error}")))?;
        }
        Ok(())
    }

    fn place<'a>(
        &mut self,
        path: &'a Path,
        missing: Missing,
    ) -> io::Result<(PathBuf, &'a std::ffi::OsStr)> {
        let file = path
            .file_name()
            .ok_or_else(|| io::Error::other("has no name"))?;
        let parent = self.inside(path.parent().unwrap_or(Path::new("")), missing)?;
        Ok((parent, file))
    }

    /// The real folder that `path` means; never one outside the root.
    fn inside(&mut self, path: &Path, missing: Missing) -> io::Result<PathBuf> {
        let mut at = self.root.clone();
        for part in path.components() {
            at.push(part);
            if self.known.contains(&at) {
                continue;
            }
            let a_file = |at: &Path| {
                io::Error::other(format!(
                    "needs the folder `{}`, which is a file",
                    at.display()
                ))
            };
            if self.taken.contains(&at) {
                return Err(a_file(&at));
            }
            match fs::symlink_metadata(&at) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if missing == Missing::Make {
                        fs::create_dir(&at)?;
                    }
                }
                Err(error) => return Err(error),
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() => {
                    at = fs::canonicalize(&at)?;
                    if !at.starts_with(&self.root) {
                        return Err(io::Error::other("lies behind a link that leads out"));
                    }
                }
                Ok(_) => return Err(a_file(&at)),
            }
            self.known.insert(at.clone());
        }
        Ok(at)
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: Option<u32>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match mode {
        Some(mode) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same function fails on unix")]
fn set_mode(_path: &Path, _mode: Option<u32>) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn make_link(to: &Path, at: &Path) -> io::Result<()> {
    match fs::symlink_metadata(at) {
        Ok(found) if found.is_dir() => return Err(io::Error::other("a folder is in its place")),
        Ok(_) => fs::remove_file(at)?,
        Err(_) => {}
    }
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn make_link(_to: &Path, _at: &Path) -> io::Result<()> {
    Err(io::Error::other("this system has no such links"))
}
