//! What a check or a preview may know of the disk.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Size limit of a file that is looked into.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Limit of the entries that are looked at when templates are searched for.
const MAX_ENTRIES: usize = 20_000;

/// How deep below the app's folder templates are searched for.
const MAX_DEPTH: usize = 2;

/// The files of one app, as a check sees them.
pub trait Files {
    /// Whether there is a file or folder.
    fn exists(&self, path: &Path) -> bool;
    /// A file's text; `None` when it is not there, too long, or no text.
    fn read(&self, path: &Path) -> Option<String>;
    /// The templates (`*.tpl`, `*.hbs`) in the app's folder.
    fn templates(&self) -> Vec<PathBuf>;
}

/// The real files.
#[derive(Clone, Debug)]
pub struct Disk<'a> {
    dir: &'a Path,
}

impl<'a> Disk<'a> {
    /// The files of the app in `dir`.
    pub fn new(dir: &'a Path) -> Self {
        Self { dir }
    }
}

impl Files for Disk<'_> {
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn read(&self, path: &Path) -> Option<String> {
        // Anything but a file (a pipe, a device) might never end.
        if !fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let mut text = String::new();
        let file = fs::File::open(path).ok()?;
        let length = file
            .take(MAX_FILE_BYTES + 1)
            .read_to_string(&mut text)
            .ok()?;
        (u64::try_from(length).ok()? <= MAX_FILE_BYTES).then_some(text)
    }

    fn templates(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![(self.dir.to_owned(), 0)];
        let mut left = MAX_ENTRIES;
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                left = match left.checked_sub(1) {
                    Some(left) => left,
                    None => return found,
                };
                // Links are not followed: they may lead anywhere, or round and round.
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                let path = entry.path();
                if kind.is_dir() && depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                } else if kind.is_file() && is_template(&path) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// Whether a file is a template by its name.
pub fn is_template(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("tpl") || extension.eq_ignore_ascii_case("hbs")
    })
}
