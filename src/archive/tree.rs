//! Which entries an archive has: no two of one name, on no system, and none behind a link.

use std::borrow::Cow;
use std::collections::HashMap;

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Files, folders and links, those folders included that an archive has only as parents of others: each
/// is remembered, and made. More than entries are allowed, since many archives leave folders out.
const MAX_NODES: usize = 1_000_000;

/// Bytes of all their names, each from the root.
const MAX_NAMES_BYTES: usize = 128 << 20;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
}

/// A folder that an archive has, with an entry or only as the parent of others.
#[derive(Debug)]
pub(super) struct Folder {
    /// Below the archive's root, with forward slashes.
    pub(super) path: String,
    /// The mode that its entry gives.
    pub(super) mode: Option<u32>,
}

/// The entries seen so far.
#[derive(Default)]
pub(super) struct Tree {
    /// By their names as a system sees them that takes `A` for `a`.
    nodes: HashMap<Box<str>, Node>,
    /// All folders, parents first.
    folders: Vec<Folder>,
    names_bytes: usize,
}

struct Node {
    kind: Kind,
    /// The name as written, where it is not the key.
    spelled: Option<Box<str>>,
    /// Which of the folders or, for the caller, which of its files.
    number: usize,
}

impl Tree {
    /// Takes an entry. `path` has passed [`super::name::safe`]; `number` is the caller's own for a
    /// file.
    ///
    /// # Errors
    /// The rule that it breaks, to be read after the entry's name.
    pub(super) fn take(&mut self, path: &str, kind: Kind, number: usize) -> Result<(), String> {
        let key = fold(path);
        let ends = path.match_indices('/').zip(key.match_indices('/'));
        for ((end, _), (key_end, _)) in ends {
            let (parent, key) = (
                path.get(..end).unwrap_or_default(),
                key.get(..key_end).unwrap_or_default(),
            );
            match self.nodes.get(key) {
                None => self.add(key, parent, Kind::Folder, 0)?,
                Some(node) => match node.kind {
                    Kind::Folder => same_spelling(node, key, parent)?,
                    Kind::File => {
                        return Err(format!("needs the folder `{parent}`, which is a file"));
                    }
                    Kind::Link => {
                        return Err(format!("lies behind `{parent}`, which is a link"));
                    }
                },
            }
        }
        let Some(node) = self.nodes.get(&*key) else {
            return self.add(&key, path, kind, number);
        };
        same_spelling(node, &key, path)?;
        match (node.kind, kind) {
            (Kind::Folder, Kind::Folder) => Ok(()),
            (Kind::Folder, Kind::File | Kind::Link) => {
                Err("has the name of a folder that is there".to_owned())
            }
            (Kind::File | Kind::Link, Kind::Folder) => {
                Err("is a folder with the name of a file that is there".to_owned())
            }
            (Kind::File | Kind::Link, Kind::File | Kind::Link) => Err("is there twice".to_owned()),
        }
    }

    /// Notes the mode that a folder's entry gives it.
    pub(super) fn set_mode(&mut self, path: &str, mode: Option<u32>) {
        if let Some(node) = self.nodes.get(&*fold(path))
            && let Some(folder) = self.folders.get_mut(node.number)
            && folder.path == path
        {
            folder.mode = mode;
        }
    }

    /// All folders so far, parents first.
    pub(super) fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// Likewise, when nothing more comes.
    pub(super) fn into_folders(self) -> Vec<Folder> {
        self.folders
    }

    /// The caller's number of a file that was taken.
    pub(super) fn file(&self, path: &str) -> Option<usize> {
        let key = fold(path);
        let node = self.nodes.get(&*key)?;
        let is_it = node.kind == Kind::File && same_spelling(node, &key, path).is_ok();
        is_it.then_some(node.number)
    }

    fn add(&mut self, key: &str, path: &str, kind: Kind, number: usize) -> Result<(), String> {
        self.names_bytes += path.len();
        if self.nodes.len() >= MAX_NODES {
            return Err(format!(
                "makes more than the {MAX_NODES} files and folders that are allowed"
            ));
        }
        if self.names_bytes > MAX_NAMES_BYTES {
            return Err(format!(
                "makes the names of all files and folders longer than the {MAX_NAMES_BYTES} bytes that are allowed"
            ));
        }
        let number = if kind == Kind::Folder {
            self.folders.push(Folder {
                path: path.to_owned(),
                mode: None,
            });
            self.folders.len() - 1
        } else {
            number
        };
        let node = Node {
            kind,
            spelled: (key != path).then(|| path.into()),
            number,
        };
        self.nodes.insert(key.into(), node);
        Ok(())
    }
}

/// A name as Windows and macOS see it: capital letters as small ones, accents apart.
fn fold(path: &str) -> Cow<'_, str> {
    if !path.is_ascii() {
        let small = path.to_lowercase();
        let apart = DecomposingNormalizerBorrowed::new_nfd().normalize(&small);
        return Cow::Owned(apart.into_owned());
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(path.to_ascii_lowercase());
    }
    Cow::Borrowed(path)
}

fn same_spelling(node: &Node, key: &str, path: &str) -> Result<(), String> {
    let other = node.spelled.as_deref().unwrap_or(key);
    if other == path {
        return Ok(());
    }
    Err(format!(
        "has a name that is the same as `{other}` on Windows and macOS; rename one of them"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes entries in turn (`/` behind a folder, `@` behind a link); answers the first rule
    /// broken.
    fn check(entries: &[&str], expected: Option<&str>) {
        let mut tree = Tree::default();
        let result = entries.iter().enumerate().try_for_each(|(number, entry)| {
            let (path, kind) = match entry.strip_suffix('/') {
                Some(path) => (path, Kind::Folder),
                None => match entry.strip_suffix('@') {
                    Some(path) => (path, Kind::Link),
                    None => (*entry, Kind::File),
                },
            };
            tree.take(path, kind, number)
        });
        let said = result.err();
        let fits = match (&said, expected) {
            (Some(said), Some(expected)) => said.contains(expected),
            (None, None) => true,
            _ => false,
        };
        assert!(fits, "{entries:?}: {said:?}");
    }

    #[test]
    fn ordinary_trees_pass() {
        check(&["a/b", "a/", "a/", "a/c/d", "a/c/e@", "b"], None);
    }

    #[test]
    fn one_name_is_one_entry() {
        check(&["a", "a"], Some("twice"));
        check(&["a", "a@"], Some("twice"));
        check(&["a", "a/"], Some("the name of a file"));
        check(&["a/b", "a"], Some("the name of a folder"));
        check(&["a", "a/b"], Some("needs the folder `a`"));
        check(&["a@", "a/b"], Some("behind `a`, which is a link"));
    }

    #[test]
    fn names_that_other_systems_take_for_one_are_refused() {
        check(&["a", "A"], Some("the same as `a` on Windows"));
        check(&["Lib/a", "lib/b"], Some("the same as `Lib`"));
        check(&["é", "e\u{301}"], Some("the same as"));
        check(&["É", "e\u{301}"], Some("the same as"));
        check(&["Ä/x", "ä/y"], Some("the same as"));
    }

    #[test]
    fn folders_that_are_only_parents_count_too() {
        let mut tree = Tree::default();
        let part = "d".repeat(60);
        let refused = (0..).find_map(|number: usize| {
            let path = format!("{number}/{}", vec![part.as_str(); 62].join("/"));
            let error = tree.take(&path, Kind::File, number).err()?;
            Some((number, error))
        });
        let (number, error) = refused.unwrap();
        // Each brings 62 names of 1,900 bytes on average.
        assert!((500..2_000).contains(&number), "{number}");
        assert!(error.contains("longer than"), "{error}");
    }

    proptest! {
        #[test]
        fn every_file_has_its_folders_before_it(paths in proptest::collection::vec("[abAB]{1,2}(/[abéÉ]{1,2}){0,3}", 1..12)) {
            let mut tree = Tree::default();
            for (number, path) in paths.iter().enumerate() {
                if tree.take(path, Kind::File, number).is_ok() {
                    prop_assert_eq!(tree.file(path), Some(number));
                    if let Some((parent, _)) = path.rsplit_once('/') {
                        prop_assert!(tree.folders().iter().any(|folder| folder.path == parent));
                    }
                }
            }
            for (at, folder) in tree.folders().iter().enumerate() {
                if let Some((parent, _)) = folder.path.rsplit_once('/') {
                    prop_assert!(tree.folders()[..at].iter().any(|before| before.path == parent));
                }
            }
        }
    }
}
