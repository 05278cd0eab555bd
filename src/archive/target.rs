//! The folder that an archive is unpacked into. Whatever lies in it already (a link that leads
//! elsewhere, for example), nothing is written outside.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::name;

/// A folder that is written to.
pub(super) struct Target {
    /// Canonical, so that what is below it can be recognised.
    root: PathBuf,
    /// Folders below it that were seen to be inside.
    known: HashSet<PathBuf>,
    /// Links to make at the end: while files are written there are none of the archive's.
    links: Vec<(PathBuf, String, String)>,
}

/// Why a link was not made: the entry and the rule.
pub(super) struct BadLink {
    pub(super) entry: String,
    pub(super) reason: String,
}

impl Target {
    /// Makes the folder where it is missing.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            root: fs::canonicalize(folder)?,
            known: HashSet::new(),
            links: Vec::new(),
        })
    }

    /// Makes a folder.
    pub(super) fn dir(&mut self, path: &Path, mode: Option<u32>) -> io::Result<()> {
        let real = self.inside(path)?;
        set_mode(&real, mode.map(|mode| (mode & 0o755) | 0o700))
    }

    /// Writes a file of at most `size` bytes through a temporary one beside it.
    pub(super) fn file(
        &mut self,
        path: &Path,
        mode: Option<u32>,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<u64> {
        let (parent, file) = self.place(path)?;
        let mut temporary = tempfile::Builder::new()
            .prefix(".storekeeper-")
            .tempfile_in(&parent)?;
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
            temporary.write_all(buffer.get(..count).unwrap_or_default())?;
        }
        // No setuid, setgid or sticky bit, nothing that others could write to.
        set_mode(
            temporary.path(),
            Some(mode.map_or(0o644, |mode| (mode & 0o755) | 0o600)),
        )?;
        temporary.persist(parent.join(file))?;
        Ok(written)
    }

    /// Remembers a link; [`Target::finish`] makes it.
    pub(super) fn link(&mut self, path: &Path, to: String, entry: String) {
        self.links.push((path.to_owned(), to, entry));
    }

    /// Makes the links.
    pub(super) fn finish(mut self) -> Result<(), BadLink> {
        for (path, to, entry) in std::mem::take(&mut self.links) {
            let fail = |reason: String| BadLink {
                entry: entry.clone(),
                reason,
            };
            // The parent may be a link of this archive by now: what counts is where it really is.
            self.known.clear();
            let (parent, file) = self
                .place(&path)
                .map_err(|error| fail(format!("cannot be written: {error}")))?;
            let depth = parent
                .strip_prefix(&self.root)
                .map_or(0, |below| below.components().count());
            let to = name::safe_link(&to, depth).map_err(&fail)?;
            make_link(&to, &parent.join(file))
                .map_err(|error| fail(format!("cannot be linked: {error}")))?;
        }
        Ok(())
    }

    fn place<'a>(&mut self, path: &'a Path) -> io::Result<(PathBuf, &'a std::ffi::OsStr)> {
        let file = path
            .file_name()
            .ok_or_else(|| io::Error::other("has no name"))?;
        let parent = self.inside(path.parent().unwrap_or(Path::new("")))?;
        Ok((parent, file))
    }

    /// The real folder that `path` means, made where it is missing; never one outside the root.
    fn inside(&mut self, path: &Path) -> io::Result<PathBuf> {
        let mut at = self.root.clone();
        for part in path.components() {
            at.push(part);
            if self.known.contains(&at) {
                continue;
            }
            match fs::symlink_metadata(&at) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&at)?,
                Err(error) => return Err(error),
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() => {
                    at = fs::canonicalize(&at)?;
                    if !at.starts_with(&self.root) {
                        return Err(io::Error::other("lies behind a link that leads out"));
                    }
                }
                Ok(_) => {
                    let message = format!("needs the folder `{}`, which is a file", at.display());
                    return Err(io::Error::other(message));
                }
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
