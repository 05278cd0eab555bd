//! What differs between the contents of two packages: which files, and which lines of texts. It
//! blocks: it reads files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use similar::TextDiff;

use crate::app::parse::{INSTALL_FILE, STORE_FILE};
use crate::archive::Unpacked;

/// Larger files are only told to differ, bytes.
const MAX_TEXT_BYTES: u64 = 256 << 10;

/// So much of differences is told in all, bytes.
const MAX_DIFFERENCES: usize = 1 << 20;

/// So many files are told; of the others only how many there are.
const MAX_FILES: usize = 500;

/// Lines that stay around those that change.
const CONTEXT: usize = 3;

/// Time after which a coarser difference will do.
const TIMEOUT: Duration = Duration::from_millis(500);

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Added,
    /// It has another content.
    Changed,
    /// It is gone.
    Removed,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FileDifference {
    /// Its path below the app's folder.
    pub path: String,
    /// What happened to it.
    pub change: Change,
    /// Its size before, bytes; null for what is new, and for links.
    pub before: Option<u64>,
    /// Its size now, likewise.
    pub after: Option<u64>,
    /// The unified difference; empty for what is no text, or too large.
    pub diff: String,
}

/// All that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Comparison {
    /// The files, the manifests first.
    pub files: Vec<FileDifference>,
    /// How many more there are.
    pub omitted: usize,
}

/// A package's content, laid down in a folder.
pub struct Content<'a> {
    folder: &'a Path,
    nodes: BTreeMap<&'a str, Node<'a>>,
}

#[derive(PartialEq, Eq)]
enum Node<'a> {
    File {
        bytes: u64,
        crc32: u32,
        executable: bool,
    },
    Link(&'a str),
}

impl<'a> Content<'a> {
    /// What was unpacked into a folder; `top` is the one folder that all of it lies in, if it does.
    pub fn new(folder: &'a Path, unpacked: &'a Unpacked, top: Option<&str>) -> Self {
        let below = |path: &'a str| match top {
            Some(top) => path.strip_prefix(top)?.strip_prefix('/'),
            None => Some(path),
        };
        let files = unpacked.files.iter().filter_map(|file| {
            let node = Node::File {
                bytes: file.bytes,
                crc32: file.crc32,
                executable: file.executable,
            };
            Some((below(&file.path)?, node))
        });
        let links = unpacked.links.iter();
        let links =
            links.filter_map(|(path, target)| Some((below(path)?, Node::Link(target.as_str()))));
        Self {
            folder,
            nodes: files.chain(links).collect(),
        }
    }

    /// A file's text, when it is one, and of a size that people read.
    fn text(&self, path: &str) -> Option<String> {
        match self.nodes.get(path)? {
            Node::File { bytes, .. } if *bytes > MAX_TEXT_BYTES => None,
            Node::File { .. } => {
                let text = String::from_utf8(fs::read(self.folder.join(path)).ok()?).ok()?;
                (!text.contains('\0')).then_some(text)
            }
            Node::Link(target) => Some(format!("→ {target}\n")),
        }
    }

    fn size(&self, path: &str) -> Option<u64> {
        match self.nodes.get(path)? {
            Node::File { bytes, .. } => Some(*bytes),
            Node::Link(_) => None,
        }
    }
}

/// What a package has that the one before did not, and the other way round. Without one before, all
/// of it is new, and only its manifests are told line by line.
pub fn compare(old: Option<&Content<'_>>, new: &Content<'_>) -> Comparison {
    let mut paths: Vec<&str> = new.nodes.keys().copied().collect();
    if let Some(old) = old {
        paths.extend(
            old.nodes
                .keys()
                .filter(|path| !new.nodes.contains_key(*path)),
        );
    }
    paths.sort_by_key(|path| (!is_manifest(path), *path));
    let changed = paths.into_iter().filter_map(|path| {
        let before = old.and_then(|old| old.nodes.get(path));
        let change = match (before, new.nodes.get(path)) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(_), Some(_)) => Change::Changed,
            (Some(_), None) => Change::Removed,
            (None, _) => Change::Added,
        };
        Some((path, change))
    });
    let mut found = Comparison::default();
    let mut left = MAX_DIFFERENCES;
    for (path, change) in changed {
        if found.files.len() == MAX_FILES {
            found.omitted += 1;
            continue;
        }
        let tells_lines = old.is_some() || is_manifest(path);
        let mut diff = if tells_lines {
            difference(old, new, path).unwrap_or_default()
        } else {
            String::new()
        };
        match left.checked_sub(diff.len()) {
            Some(rest) => left = rest,
            None => diff.clear(),
        }
        found.files.push(FileDifference {
            before: old.and_then(|old| old.size(path)),
            after: new.size(path),
            path: path.to_owned(),
            change,
            diff,
        });
    }
    found
}

fn is_manifest(path: &str) -> bool {
    path == INSTALL_FILE || path == STORE_FILE
}

/// The unified difference of two texts; none where one of them is no text.
fn difference(old: Option<&Content<'_>>, new: &Content<'_>, path: &str) -> Option<String> {
    // What is not there is empty.
    let text = |content: Option<&Content<'_>>| match content {
        Some(content) if content.nodes.contains_key(path) => content.text(path),
        _ => Some(String::new()),
    };
    let (before, after) = (text(old)?, text(Some(new))?);
    let difference = TextDiff::configure()
        .timeout(TIMEOUT)
        .diff_lines(&before, &after)
        .unified_diff()
        .context_radius(CONTEXT)
        .to_string();
    Some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Limits, UnpackedFile, pack, unpack_new};

    /// Packs and unpacks files of these contents.
    fn laid(dir: &Path, name: &str, files: &[(&str, &str)]) -> Unpacked {
        let source = dir.join(format!("{name}-source"));
        for (path, text) in files {
            let path = source.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let archive = dir.join(format!("{name}.zip"));
        pack(&source, &archive, None, &|| false).unwrap();
        unpack_new(
            &archive,
            &dir.join(name),
            &Limits::default(),
            &|_, _| {},
            &|| false,
        )
        .unwrap()
    }

    #[test]
    fn what_differs_is_told_with_its_lines_and_the_manifests_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let old = laid(
            dir.path(),
            "old",
            &[
                ("a.txt", "same"),
                ("gone.txt", "x\n"),
                ("store.json", "1\n2\n"),
            ],
        );
        let new = laid(
            dir.path(),
            "new",
            &[
                ("a.txt", "same"),
                ("added.txt", "y\n"),
                ("store.json", "1\n3\n"),
            ],
        );
        let (old_folder, new_folder) = (dir.path().join("old"), dir.path().join("new"));
        let old = Content::new(&old_folder, &old, None);
        let found = compare(Some(&old), &Content::new(&new_folder, &new, None));
        let told: Vec<_> = found
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.change, file.before, file.after))
            .collect();
        assert_eq!(
            told,
            [
                ("store.json", Change::Changed, Some(4), Some(4)),
                ("added.txt", Change::Added, None, Some(2)),
                ("gone.txt", Change::Removed, Some(2), None),
            ]
        );
        let diffs: Vec<_> = found.files.iter().map(|file| file.diff.as_str()).collect();
        assert_eq!(
            diffs,
            [
                "@@ -1,2 +1,2 @@\n 1\n-2\n+3\n",
                "@@ -0,0 +1 @@\n+y\n",
                "@@ -1 +0,0 @@\n-x\n"
            ]
        );
        assert_eq!(found.omitted, 0);
    }

    #[test]
    fn of_a_first_version_only_the_manifests_are_told_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let new = laid(
            dir.path(),
            "new",
            &[("x/install.json", "{}\n"), ("x/readme.txt", "hello\n")],
        );
        let folder = dir.path().join("new/x");
        let found = compare(None, &Content::new(&folder, &new, Some("x")));
        let told: Vec<_> = found
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.diff.as_str()))
            .collect();
        assert_eq!(
            told,
            [("install.json", "@@ -0,0 +1 @@\n+{}\n"), ("readme.txt", "")]
        );
    }

    #[test]
    fn what_is_no_text_and_what_is_too_much_is_only_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("program"), b"\0\xff").unwrap();
        let file = |path: String, crc32| UnpackedFile {
            path,
            bytes: 2,
            crc32,
            executable: true,
        };
        let mut old = Unpacked::default();
        let mut new = Unpacked::default();
        old.files.push(file("program".to_owned(), 1));
        new.files.push(file("program".to_owned(), 2));
        let many = (0..MAX_FILES + 6).map(|number| file(format!("z{number:04}"), 3));
        new.files.extend(many);
        let old = Content::new(dir.path(), &old, None);
        let found = compare(Some(&old), &Content::new(dir.path(), &new, None));
        assert_eq!(found.files.len(), MAX_FILES);
        assert_eq!(found.omitted, 7);
        let first = found.files.first().unwrap();
        assert_eq!((first.path.as_str(), first.diff.as_str()), ("program", ""));
    }
}
