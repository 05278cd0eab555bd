//! What of an app's folder is the user's: the files that were made since it was installed, those that
//! its settings name, and those that were edited. They go along when the program is replaced, and into
//! the trash when it is removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::contents::{Contents, OURS, displaced, is_unfinished, noted};
use super::folder;
use crate::app::parse::{INSTALL_FILE, STORE_FILE};
use crate::app::{App, Config, Scope};
use crate::command::produce::produced;
use crate::command::written::Written;
use crate::database::{Manner, Take};

/// Configuration files are smaller.
const SMALL_BYTES: u64 = 1 << 20;

/// What the settings and lists of an app say of the files in its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Knowledge {
    /// Paths that settings name, below the app's folder.
    data: Vec<String>,
    /// What the lists would write to which file, with the settings in force.
    produced: BTreeMap<String, Vec<String>>,
    /// What the lists wrote last.
    written: Written,
    /// It was kept because it is the user's, program files that he edited included; there is no other copy.
    all_is_kept: bool,
}

/// What goes along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carry {
    /// Files and whole folders, in order of their paths.
    pub(super) take: Vec<Take>,
    /// Files among them that a list wrote and the user edited since: the new lists leave them alone.
    pub(super) kept: Vec<String>,
    /// What the user should know, as sentences.
    pub(super) notes: Vec<String>,
    /// Bytes of all that goes along.
    pub(super) bytes: u64,
}

impl Knowledge {
    /// Of data that were kept at an uninstall.
    pub(super) fn of_what_is_kept() -> Self {
        Self {
            all_is_kept: true,
            ..Self::default()
        }
    }

    /// Looks at an app's settings and lists. Blocks.
    pub(super) fn of(app: &App, config: &Config, scope: &Scope) -> Self {
        let below = |path: &Path| -> Option<String> {
            let path = normal(path)?;
            noted(path.strip_prefix(normal(&app.dir)?).ok()?).filter(|path| !path.is_empty())
        };
        let program = app
            .store
            .as_ref()
            .and_then(|store| scope.path(&store.setting.bin_path).ok())
            .and_then(|path| below(&app.dir.join(path)));
        let holds = |folder: &str, file: &str| {
            file == folder
                || file
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let mut data: Vec<String> = config
            .values()
            .iter()
            .filter(|(_, value)| matches!(value, Value::String(_)))
            .filter_map(|(key, _)| scope.value(key))
            .filter(|value| value.contains('/') || app.dir.join(value).is_dir())
            .filter_map(|value| below(&app.dir.join(value)))
            .filter(|path| {
                // A setting may name the folder of the program itself.
                let program = program.iter().map(String::as_str);
                program
                    .chain([INSTALL_FILE, STORE_FILE, "static", OURS])
                    .all(|ours| !holds(path, ours))
            })
            .collect();
        data.sort();
        data.dedup();
        let produced = produced(app, scope)
            .into_iter()
            .filter_map(|(file, contents)| Some((below(&file)?, contents)))
            .collect();
        Self {
            data,
            produced,
            written: Written::read(&app.dir),
            all_is_kept: false,
        }
    }
}

/// A path without `.` and `..`; none when it leads above the root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    Some(normal)
}

/// Finds what goes along from `old` to `new`. Blocks; reads the files that have the length they were
/// installed with.
///
/// # Errors
/// What the system says, with the path; a file of one where the other has a folder.
pub(super) fn find(
    old: &Path,
    brought: Option<&Contents>,
    knowledge: &Knowledge,
    new: Option<(&Path, &Contents)>,
) -> io::Result<Carry> {
    let mut finder = Finder {
        old,
        brought,
        knowledge,
        new,
        carry: Carry::default(),
    };
    finder.folder("")?;
    Ok(finder.carry)
}

struct Finder<'a> {
    old: &'a Path,
    brought: Option<&'a Contents>,
    knowledge: &'a Knowledge,
    new: Option<(&'a Path, &'a Contents)>,
    carry: Carry,
}

impl Finder<'_> {
    fn folder(&mut self, path: &str) -> io::Result<()> {
        let dir = self.old.join(path);
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", dir.display()))
        };
        let mut entries = fs::read_dir(&dir)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(named)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let path = entry.path();
                let message = format!(
                    "the name of `{}` is no Unicode, so it cannot be kept safely; rename it",
                    path.display()
                );
                return Err(io::Error::other(message));
            };
            let path = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            };
            if path == OURS || is_unfinished(name) {
                continue;
            }
            let kind = entry.file_type().map_err(named)?;
            if self.knowledge.data.contains(&path) && self.is_used(&path, kind.is_dir()) {
                self.take(path, None)?;
            } else if kind.is_dir() {
                self.subfolder(path)?;
            } else if kind.is_file() || kind.is_symlink() {
                self.file(path, kind.is_symlink())?;
            }
            // Sockets and pipes are made anew by whoever needs them.
        }
        Ok(())
    }

    /// Whether anything that a setting names is more than what the package brought.
    fn is_used(&self, path: &str, is_dir: bool) -> bool {
        let Some(brought) = self.brought else {
            return true;
        };
        if !is_dir {
            return !self.is_untouched(path);
        }
        if !brought.reaches_below(path) {
            return true;
        }
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.old.join(&folder))
                .into_iter()
                .flatten()
                .flatten()
            {
                let name = entry.file_name();
                let path = format!("{folder}/{}", name.to_string_lossy());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if !self.is_untouched(&path) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a file is still what the package brought.
    fn is_untouched(&self, path: &str) -> bool {
        let Some(brought) = self.brought else {
            return false;
        };
        let file = self.old.join(path);
        if let Some(to) = brought.links.get(path) {
            return fs::read_link(file).is_ok_and(|found| found.to_string_lossy() == *to);
        }
        brought
            .files
            .get(path)
            .is_some_and(|mark| mark.is_of(&file))
    }

    fn subfolder(&mut self, path: String) -> io::Result<()> {
        let is_brought = self
            .brought
            .is_some_and(|brought| brought.reaches_below(&path));
        let in_new = self
            .new
            .is_some_and(|(_, contents)| contents.reaches_below(&path));
        let holds_data = || {
            let prefix = format!("{path}/");
            let mut data = self.knowledge.data.iter();
            data.any(|data| data.starts_with(&prefix))
        };
        if in_new || is_brought || holds_data() {
            return self.folder(&path);
        }
        // Made since: as a whole.
        self.refuse_mismatch(&path, true)?;
        self.take(path, None)
    }

    /// Refuses a folder where the new version has a file, and the other way round.
    fn refuse_mismatch(&self, path: &str, is_dir: bool) -> io::Result<()> {
        let Some((dir, _)) = self.new else {
            return Ok(());
        };
        let (ours, theirs) = match fs::symlink_metadata(dir.join(path)) {
            Ok(found) if found.is_dir() == is_dir => return Ok(()),
            Ok(_) if is_dir => ("folder", "file"),
            Ok(_) => ("file", "folder"),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => ("folder", "file"),
            Err(_) => return Ok(()),
        };
        Err(io::Error::other(format!(
            "`{path}` belongs to a {ours} of yours, and the new version has a {theirs} in its place; move yours elsewhere"
        )))
    }

    fn file(&mut self, path: String, is_link: bool) -> io::Result<()> {
        if self.is_untouched(&path) {
            return Ok(());
        }
        let file = self.old.join(&path);
        let Some((dir, contents)) = self.new else {
            return self.take(path, None);
        };
        self.refuse_mismatch(&path, false)?;
        let was_brought = self.brought.is_none_or(|brought| brought.has(&path));
        let of_new = contents.files.get(&path).copied();
        let is_in_new = fs::symlink_metadata(dir.join(&path)).is_ok();
        let gives_way = (is_in_new || was_brought) && !self.knowledge.all_is_kept;
        if gives_way && is_of_program(&path, &file) {
            if !of_new.is_some_and(|mark| mark.is_of(&file)) {
                self.of_program(&path);
            }
            return Ok(());
        }
        let is_produced = !is_link && self.is_produced(&path, &file);
        if self.knowledge.produced.contains_key(&path) && !is_produced {
            self.carry.kept.push(path.clone());
        }
        // What its package did not bring lies there because the user had it at that time.
        let is_its_own = of_new.is_some_and(|mark| mark.is_of(&dir.join(&path)));
        // The same in both: nothing to choose.
        if !is_link && is_its_own && of_new.is_some_and(|mark| mark.is_of(&file)) {
            return Ok(());
        }
        let of_old = self.brought.and_then(|brought| brought.files.get(&path));
        let is_changed =
            contents.links.contains_key(&path) || (is_its_own && of_new != of_old.copied());
        if is_produced || !is_changed {
            return self.take(path, None);
        }
        // It may have been laid there before, and gone along since.
        let name = beside(&path, &contents.version, &|_| false);
        if of_new.is_some_and(|mark| mark.is_of(&self.old.join(name))) {
            return self.take(path, None);
        }
        let beside = self.beside(&path);
        self.carry.notes.push(format!(
            "`{path}` was edited and stays as it is; the new version's is beside it as `{beside}`"
        ));
        self.take(path, Some(beside))
    }

    /// The manifests and pages of a version belong to it; only an edit is worth a word.
    fn of_program(&mut self, path: &str) {
        if self.brought.is_some() {
            self.carry.notes.push(format!(
                "`{path}` was changed since it was installed; the new version's is used, and yours stays with the previous version"
            ));
        }
    }

    /// Whether a file holds what a list wrote, or would write.
    fn is_produced(&self, path: &str, file: &Path) -> bool {
        if self.knowledge.written.holds(self.old, path) {
            return true;
        }
        let Some(contents) = self.knowledge.produced.get(path) else {
            return false;
        };
        fs::read(file).is_ok_and(|found| contents.iter().any(|text| text.as_bytes() == found))
    }

    /// A name beside a file that nobody has.
    fn beside(&self, path: &str) -> String {
        let version = self.new.map_or("", |(_, contents)| &contents.version);
        beside(path, version, &|path| {
            self.old.join(path).exists() || self.new.is_some_and(|(dir, _)| dir.join(path).exists())
        })
    }

    fn take(&mut self, path: String, beside: Option<String>) -> io::Result<()> {
        self.refuse_mismatch_above(&path)?;
        let found = self.old.join(&path);
        let bytes = match fs::symlink_metadata(&found) {
            Ok(found_at) if found_at.is_dir() => folder::size(&found),
            Ok(found_at) => found_at.len(),
            Err(_) => 0,
        };
        self.carry.bytes = self.carry.bytes.saturating_add(bytes);
        let fresh = self
            .new
            .is_some_and(|(dir, _)| fs::symlink_metadata(dir.join(&path)).is_err());
        self.carry.take.push(Take {
            path,
            beside,
            fresh,
        });
        Ok(())
    }

    /// A folder above must not be a file of the new version.
    fn refuse_mismatch_above(&self, path: &str) -> io::Result<()> {
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            self.refuse_mismatch(parent, true)?;
            above = parent;
        }
        Ok(())
    }
}

/// The name under which a new version's file is laid beside one that stays: `my.ini.new-5.7.45`.
pub(super) fn beside(path: &str, version: &str, is_taken: &dyn Fn(&str) -> bool) -> String {
    let version: String = version
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(40)
        .collect();
    let version = version.trim_matches('.');
    let first = if version.is_empty() {
        format!("{path}.new")
    } else {
        format!("{path}.new-{version}")
    };
    let mut name = first.clone();
    let mut number = 1;
    while is_taken(&name) {
        number += 1;
        name = format!("{first}-{number}");
    }
    name
}

/// Whether a file is part of the program, so that a new version brings its own: the manifests, the
/// pages, programs, libraries and scripts. All else that was edited is taken for the user's.
fn is_of_program(path: &str, file: &Path) -> bool {
    const CODE: [&str; 31] = [
        "exe", "dll", "so", "dylib", "a", "lib", "jar", "war", "class", "pyc", "pyd", "py", "js",
        "mjs", "cjs", "php", "rb", "pl", "pm", "lua", "sh", "bash", "bat", "cmd", "ps1", "html",
        "css", "wasm", "node", "map", "com",
    ];
    if path == INSTALL_FILE || path == STORE_FILE || path.starts_with("static/") {
        return true;
    }
    let extension = Path::new(path)
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    if let Some(extension) = extension
        && CODE.contains(&extension.as_str())
    {
        return true;
    }
    is_executable(file)
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

/// Windows tells it by the name's ending alone.
#[cfg(windows)]
fn is_executable(_file: &Path) -> bool {
    false
}

/// Brings what goes along from `from` to `to`. Stops at the first error; [`put_back`] then makes it
/// undone. Blocks.
///
/// # Errors
/// What the system says, with the path; Interrupted when it was canceled.
pub(super) fn carry_out(
    take: &[Take],
    manner: Manner,
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64),
    canceled: &dyn Fn() -> bool,
) -> io::Result<()> {
    for one in take {
        if canceled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (source, target) = (from.join(&one.path), to.join(&one.path));
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", source.display()))
        };
        if fs::symlink_metadata(&target).is_ok() {
            let aside = match &one.beside {
                Some(beside) => to.join(beside),
                None => displaced(to).join(&one.path),
            };
            parents(from, to, &one.path)?;
            if let Some(parent) = aside.parent() {
                fs::create_dir_all(parent).map_err(named)?;
            }
            fs::rename(&target, &aside).map_err(named)?;
        } else {
            parents(from, to, &one.path)?;
        }
        match manner {
            Manner::Move if !is_small(&source) => {
                folder::move_exactly(&source, &target).map_err(named)?;
            }
            Manner::Move | Manner::Copy => {
                folder::copy_exactly(&source, &target, progress, canceled)?;
            }
        }
        super::change::fail_point("carried one");
    }
    Ok(())
}

/// Whether something is a file that is rather copied than given away, however large all the rest is: the
/// new version's lists write such files anew, and the old version needs its own.
fn is_small(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir() && found.len() <= SMALL_BYTES)
}

/// Makes the folders above `path` in `to` as they are in `from`.
fn parents(from: &Path, to: &Path, path: &str) -> io::Result<()> {
    let mut at = PathBuf::new();
    for part in Path::new(path)
        .parent()
        .into_iter()
        .flat_map(Path::components)
    {
        at.push(part);
        let made = to.join(&at);
        if !made.is_dir() {
            fs::create_dir(&made)?;
            folder::copy_owner_and_mode(&from.join(&at), &made)?;
        }
    }
    Ok(())
}

/// Undoes [`carry_out`], wherever it stopped, and may itself be stopped and done again. Blocks.
///
/// # Errors
/// What the system says, with the path.
pub(super) fn put_back(take: &[Take], manner: Manner, from: &Path, to: &Path) -> io::Result<()> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    for one in take {
        let (source, target) = (from.join(&one.path), to.join(&one.path));
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", target.display()))
        };
        if manner == Manner::Move && is_there(&target) && !is_there(&source) {
            if let Some(parent) = source.parent() {
                fs::create_dir_all(parent).map_err(named)?;
            }
            folder::move_exactly(&target, &source).map_err(named)?;
            super::change::fail_point("one is at home");
        }
        // Of what was not there, a copy is all that can be there.
        if one.fresh && is_there(&source) {
            folder::remove(&target).map_err(named)?;
        }
        let aside = match &one.beside {
            Some(beside) => to.join(beside),
            None => displaced(to).join(&one.path),
        };
        // Only while ours is still at home may the copy go.
        if is_there(&aside) && is_there(&source) {
            folder::remove(&target).map_err(named)?;
            fs::rename(&aside, &target).map_err(named)?;
        }
        super::change::fail_point("one is back");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files; a name that ends in `*` is executable.
    fn folder(dir: &Path, files: &[(&str, &str)]) {
        for (name, content) in files {
            let path = dir.join(name.trim_end_matches('*'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            #[cfg(unix)]
            if name.ends_with('*') {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
    }

    struct Case {
        dir: tempfile::TempDir,
        brought: Contents,
        new: Contents,
        knowledge: Knowledge,
    }

    impl Case {
        /// A package of two versions, and what became of the first.
        fn new(old: &[(&str, &str)], became: &[(&str, &str)], new: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (a, b) = (dir.path().join("old"), dir.path().join("new"));
            folder(&a, old);
            let brought = Contents::of_folder(&a, "1").unwrap();
            folder(&a, became);
            folder(&b, new);
            let new = Contents::of_folder(&b, "2").unwrap();
            Self {
                dir,
                brought,
                new,
                knowledge: Knowledge::default(),
            }
        }

        fn old(&self) -> PathBuf {
            self.dir.path().join("old")
        }

        fn find(&self) -> io::Result<Carry> {
            let new = self.dir.path().join("new");
            find(
                &self.old(),
                Some(&self.brought),
                &self.knowledge,
                Some((&new, &self.new)),
            )
        }

        fn carry(&self, manner: Manner) -> Carry {
            let carry = self.find().unwrap();
            let new = self.dir.path().join("new");
            carry_out(&carry.take, manner, &self.old(), &new, &mut |_| (), &|| {
                false
            })
            .unwrap();
            carry
        }

        fn read(&self, path: &str) -> Option<String> {
            fs::read_to_string(self.dir.path().join(path)).ok()
        }
    }

    fn paths(carry: &Carry) -> Vec<&str> {
        carry.take.iter().map(|take| &*take.path).collect()
    }

    #[test]
    fn what_was_made_since_goes_along_and_the_old_program_does_not() {
        let case = Case::new(
            &[("bin/x*", "1"), ("gone", "1"), ("same.txt", "1")],
            &[("data/db/a", "rows"), ("bin/cache", "c"), ("note", "mine")],
            &[("bin/x*", "2"), ("same.txt", "2")],
        );
        let carry = case.carry(Manner::Copy);
        assert_eq!(paths(&carry), ["bin/cache", "data", "note"]);
        assert_eq!(carry.notes, Vec::<String>::new());
        assert_eq!(case.read("new/data/db/a").unwrap(), "rows");
        assert_eq!(case.read("old/data/db/a").unwrap(), "rows");
        assert_eq!(case.read("new/bin/x").unwrap(), "2");
        assert_eq!(case.read("new/same.txt").unwrap(), "2");
        assert_eq!(case.read("new/gone"), None);
    }

    #[test]
    fn an_edited_file_stays_and_what_the_new_version_has_is_laid_beside() {
        let case = Case::new(
            &[
                ("a.ini", "1"),
                ("b.ini", "1"),
                ("c.ini", "1"),
                ("tool*", "1"),
            ],
            &[
                ("a.ini", "mine"),
                ("b.ini", "mine"),
                ("c.ini", "2"),
                ("tool*", "mine"),
            ],
            &[
                ("a.ini", "2"),
                ("b.ini", "1"),
                ("c.ini", "2"),
                ("tool*", "2"),
            ],
        );
        let carry = case.carry(Manner::Copy);
        assert_eq!(case.read("new/a.ini").unwrap(), "mine");
        assert_eq!(case.read("new/a.ini.new-2").unwrap(), "2");
        // The new version did not change it, or changed it in the same way.
        assert_eq!(case.read("new/b.ini").unwrap(), "mine");
        assert_eq!(case.read("new/b.ini.new-2"), None);
        assert_eq!(case.read("new/c.ini.new-2"), None);
        assert_eq!(case.read("new/tool").unwrap(), "2");
        assert_eq!(carry.notes.len(), 2, "{:?}", carry.notes);
    }

    #[test]
    fn a_file_that_a_list_wrote_is_kept_from_the_new_lists_only_when_it_was_edited() {
        let mut case = Case::new(
            &[("a.conf", "shipped")],
            &[("a.conf", "port=1"), ("b.conf", "port=1 # mine")],
            &[("a.conf", "shipped anew")],
        );
        for file in ["a.conf", "b.conf"] {
            let contents = vec!["port=1".to_owned()];
            case.knowledge.produced.insert(file.to_owned(), contents);
        }
        let carry = case.carry(Manner::Copy);
        assert_eq!(paths(&carry), ["a.conf", "b.conf"]);
        assert_eq!(carry.kept, ["b.conf"]);
        assert_eq!(carry.notes, Vec::<String>::new());
    }

    #[test]
    fn a_data_folder_that_the_package_began_stays_as_a_whole_once_it_was_used() {
        let shipped: &[(&str, &str)] = &[("data/db", "empty"), ("data/log", "")];
        let mut case = Case::new(
            shipped,
            &[("data/db", "rows")],
            &[("data/db", "newer"), ("data/x", "")],
        );
        case.knowledge.data = vec!["data".to_owned()];
        let carry = case.carry(Manner::Move);
        assert_eq!(paths(&carry), ["data"]);
        assert_eq!(case.read("new/data/db").unwrap(), "rows");
        assert_eq!(case.read("new/data/x"), None);
        let mut case = Case::new(shipped, &[], &[("data/db", "newer")]);
        case.knowledge.data = vec!["data".to_owned()];
        assert_eq!(paths(&case.carry(Manner::Move)), Vec::<&str>::new());
        assert_eq!(case.read("new/data/db").unwrap(), "newer");
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_refused_before_anything_moves() {
        for (became, new) in [
            (("data/db", "rows"), ("data", "a file")),
            (("lib", "a file"), ("lib/x", "")),
            (("lib/deep/mine", ""), ("lib/deep", "")),
        ] {
            let case = Case::new(&[("lib2/x", "")], &[became], &[new]);
            let error = case.find().unwrap_err().to_string();
            assert!(error.contains("move yours elsewhere"), "{error}");
        }
    }

    #[test]
    fn it_is_undone_wherever_it_stopped() {
        for manner in [Manner::Copy, Manner::Move] {
            for stop_after in 0..4 {
                let mut case = Case::new(
                    &[("a.ini", "1")],
                    &[("a.ini", "mine"), ("data/db", "rows"), ("z", "mine")],
                    &[("a.ini", "2"), ("data/db", "stale")],
                );
                case.knowledge.data = vec!["data".to_owned()];
                let carry = case.find().unwrap();
                let (old, new) = (case.old(), case.dir.path().join("new"));
                let left = std::cell::Cell::new(stop_after);
                let canceled = || {
                    left.set(left.get() - 1);
                    left.get() < 0
                };
                let _ = carry_out(&carry.take, manner, &old, &new, &mut |_| (), &canceled);
                for _ in 0..2 {
                    put_back(&carry.take, manner, &old, &new).unwrap();
                }
                let read = |path| case.read(path).unwrap_or_default();
                assert_eq!(read("old/a.ini"), "mine");
                assert_eq!(read("old/data/db"), "rows");
                assert_eq!(read("old/z"), "mine");
                assert_eq!(read("new/a.ini"), "2");
                assert_eq!(read("new/data/db"), "stale");
            }
        }
    }

    /// Going back, the folder holds what the user had at that time.
    #[test]
    fn an_earlier_edit_gives_way_without_a_trace() {
        let case = Case::new(
            &[("a.ini", "1"), ("b.ini", "1"), ("c.ini", "1")],
            &[
                ("a.ini", "mine"),
                ("b.ini", "2"),
                ("c.ini", "mine"),
                ("c.ini.new-2", "2"),
                ("d", "mine"),
            ],
            &[("a.ini", "2"), ("b.ini", "2"), ("c.ini", "2")],
        );
        let then = [
            ("a.ini", "once mine"),
            ("b.ini", "once mine"),
            ("d", "once mine"),
        ];
        folder(&case.dir.path().join("new"), &then);
        let carry = case.carry(Manner::Copy);
        let names = [
            ("a.ini", "mine"),
            ("b.ini", "2"),
            ("c.ini", "mine"),
            ("c.ini.new-2", "2"),
            ("d", "mine"),
        ];
        for (name, content) in names {
            assert_eq!(
                case.read(&format!("new/{name}")).unwrap(),
                content,
                "{name}"
            );
        }
        assert_eq!(carry.notes, Vec::<String>::new());
        let count = fs::read_dir(case.dir.path().join("new")).unwrap().count();
        assert_eq!(count, names.len() + 1, "only what was displaced is beside");
        let (old, new) = (case.old(), case.dir.path().join("new"));
        put_back(&carry.take, Manner::Copy, &old, &new).unwrap();
        for (name, content) in then {
            assert_eq!(
                case.read(&format!("new/{name}")).unwrap(),
                content,
                "{name}"
            );
        }
        assert_eq!(case.read("new/c.ini.new-2"), None);
    }

    #[test]
    fn names_beside_are_free_and_plain() {
        assert_eq!(beside("a/my.ini", "2.0", &|_| false), "a/my.ini.new-2.0");
        assert_eq!(beside("x", "../1", &|_| false), "x.new-1");
        assert_eq!(beside("x", "1", &|path| path == "x.new-1"), "x.new-1-2");
        assert_eq!(beside("x", "", &|_| false), "x.new");
    }
}
