//! What a package brought, so that what the user and the app made of it can be told apart later. It is
//! noted in the app's folder itself and so goes wherever the folder goes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use crate::command::written::OURS;

/// Whether something in an app's folder is what a list was unpacking or packing when the service was
/// killed: nobody's data.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with(crate::archive::UNFINISHED)
}

/// The note in it.
const FILE: &str = "contents.json";

/// The files of a package, by their path below the app's folder, with forward slashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Contents {
    /// Version of the package.
    pub(super) version: String,
    /// The files.
    pub(super) files: BTreeMap<String, Mark>,
    /// The links, with what they lead to.
    pub(super) links: BTreeMap<String, String>,
}

/// By what a file is known again: its bytes and their CRC-32. It finds edits; nobody is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark(pub(super) u64, pub(super) u32);

impl Mark {
    /// The mark of a file.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0_u8; 64 * 1024];
        let mut bytes = 0_u64;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(Self(bytes, hasher.finalize()));
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
            bytes += u64::try_from(count).unwrap_or(u64::MAX);
        }
    }

    /// Whether a file still holds it.
    pub(super) fn is_of(self, path: &Path) -> bool {
        // The length is looked at first: it tells most edits without reading.
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == self.0)
            && Self::of(path).is_ok_and(|mark| mark == self)
    }
}

impl Contents {
    /// What a folder holds.
    pub(super) fn of_folder(dir: &Path, version: &str) -> io::Result<Self> {
        let mut contents = Self {
            version: version.to_owned(),
            ..Self::default()
        };
        contents.add_folder(dir, "")?;
        Ok(contents)
    }

    fn add_folder(&mut self, dir: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                // Such a name cannot be written down: it counts as the user's and is kept.
                continue;
            };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if path == OURS || is_unfinished(name) {
                continue;
            }
            if kind.is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path())?;
                self.links.insert(path, to.to_string_lossy().into_owned());
            } else if kind.is_file() {
                self.files.insert(path, Mark::of(&entry.path())?);
            }
        }
        Ok(())
    }

    /// The note in an app's folder; none for an app that somebody put there by hand.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let text = fs::read(dir.join(OURS).join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes the note into an app's folder.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let ours = dir.join(OURS);
        fs::create_dir_all(&ours)?;
        let text = serde_json::to_vec(self)?;
        crate::library::save(&ours.join(FILE), &text)
    }

    /// A link that leads out of the folder.
    pub(super) fn link_out(&self) -> Option<&str> {
        let mut links = self.links.iter();
        let out = links.find(|(path, to)| !crate::archive::stays_inside(path, to));
        out.map(|(path, _)| path.as_str())
    }

    /// Takes a top folder off every path.
    pub(super) fn strip(&mut self, top: &str) {
        let prefix = format!("{top}/");
        let strip = |path: String| match path.strip_prefix(&prefix) {
            Some(below) => below.to_owned(),
            None => path,
        };
        self.files = std::mem::take(&mut self.files)
            .into_iter()
            .map(|(path, mark)| (strip(path), mark))
            .collect();
        self.links = std::mem::take(&mut self.links)
            .into_iter()
            .map(|(path, to)| (strip(path), to))
            .collect();
    }

    /// Whether the package brought something below a folder.
    pub(super) fn reaches_below(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        let after = || prefix.clone()..;
        let first = |path: Option<&String>| path.is_some_and(|path| path.starts_with(&prefix));
        first(self.files.range(after()).next().map(|(path, _)| path))
            || first(self.links.range(after()).next().map(|(path, _)| path))
    }

    /// Whether the package brought a file or link of this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.links.contains_key(path)
    }
}

/// A path with forward slashes, as it is noted.
pub(super) fn noted(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path
        .components()
        .map(|part| match part {
            std::path::Component::Normal(part) => part.to_str(),
            std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::CurDir
            | std::path::Component::ParentDir => None,
        })
        .collect();
    parts.map(|parts| parts.join("/"))
}

/// The folder that displaced files of an app wait in, until it is clear that they are not needed.
pub(super) fn displaced(dir: &Path) -> PathBuf {
    dir.join(OURS).join("displaced")
}

/// The folder that data wait in that an app had then and has no more, while it goes back to that time.
pub(super) fn stale(dir: &Path) -> PathBuf {
    dir.join(OURS).join("stale")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_noted_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("bin/deep")).unwrap();
        fs::write(dir.path().join("bin/deep/x"), "hello").unwrap();
        fs::write(dir.path().join("y"), "").unwrap();
        let contents = Contents::of_folder(dir.path(), "1.0").unwrap();
        contents.write(dir.path()).unwrap();
        // The note is no part of what it tells of.
        assert_eq!(Contents::of_folder(dir.path(), "1.0").unwrap(), contents);
        let contents = Contents::read(dir.path()).unwrap();
        assert_eq!(contents.files["bin/deep/x"], Mark(5, 0x3610_a686));
        assert!(contents.reaches_below("bin") && contents.reaches_below("bin/deep"));
        assert!(!contents.reaches_below("bi") && !contents.reaches_below("y"));
    }

    #[test]
    fn a_top_folder_is_taken_off() {
        let mut contents = Contents::default();
        contents.files.insert("top/bin/x".to_owned(), Mark(0, 0));
        contents.strip("top");
        assert!(contents.has("bin/x") && !contents.has("top/bin/x"));
    }

    #[test]
    fn an_edit_is_seen_also_when_the_length_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "12345").unwrap();
        let mark = Mark::of(&path).unwrap();
        assert!(mark.is_of(&path));
        fs::write(&path, "12346").unwrap();
        assert!(!mark.is_of(&path));
    }
}
