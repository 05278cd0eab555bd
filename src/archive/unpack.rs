//! From an archive to a folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::allowance::Allowance;
use super::fresh::{Broken, Fresh, file_mode};
use super::kind::{self, Compression};
use super::merge::{Misplaced, Staged, merge};
use super::stream::Stream;
use super::tree::{Folder, Kind, Tree};
use super::{
    ArchiveError, Blame, Canceled, Limits, MAX_LINK_BYTES, Progress, Report, UNFINISHED, Unpacked,
    UnpackedFile, length, name, tar, threads, zip,
};

/// Entries that a thread takes at once: neighbours, which mostly lie in one folder.
const BATCH: usize = 16;

/// What programs for macOS put beside the content of every archive.
const FOREIGN: [&str; 2] = ["__MACOSX", ".DS_Store"];

/// Unpacks an archive into a folder, which is made where it is missing. Only when all of it could be
/// read and fits does anything come into its place; files that are there are replaced then, each at
/// once. `canceled` is asked between the entries.
///
/// # Errors
/// [`ArchiveError`]. Nothing is left of an archive that breaks a rule.
pub fn unpack(
    archive: &Path,
    folder: &Path,
    limits: &Limits,
    canceled: Canceled<'_>,
) -> Result<Report, ArchiveError> {
    let written = |source| ArchiveError::file(folder, "written", source);
    let whole = std::path::absolute(folder).map_err(written)?;
    let there = whole
        .ancestors()
        .find(|path| fs::symlink_metadata(path).is_ok())
        .unwrap_or(Path::new("/"));
    let base = fs::canonicalize(there).map_err(written)?;
    // Joining nothing would add a separator, behind which no folder could be made.
    let root = match whole.strip_prefix(there) {
        Ok(rest) if !rest.as_os_str().is_empty() => base.join(rest),
        _ => base.clone(),
    };
    // On the same disk, so that files come into their place at once.
    let staging = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&base)
        .map_err(written)?;
    let content = staging.path().join("content");
    let (unpacked, folders) = fill(archive, &content, limits, &|_, _| {}, canceled)?;
    let staged = Staged {
        root: &content,
        folders: &folders,
        unpacked: &unpacked,
    };
    merge(&staged, &root).map_err(|Misplaced { entry, reason }| ArchiveError::Entry {
        archive: archive.to_owned(),
        entry,
        reason,
    })?;
    Ok(unpacked.report)
}

/// Unpacks an archive into a folder that is not there yet, in a folder that is. Files are written
/// straight into their places, several at a time; unless all of it succeeds the folder is removed
/// again. `progress` is told every megabyte at most; both it and `canceled` are called from several
/// threads. The caller makes it durable by [`super::sync`].
///
/// # Errors
/// [`ArchiveError`]; the folder is then not there.
pub fn unpack_new(
    archive: &Path,
    folder: &Path,
    limits: &Limits,
    progress: Progress<'_>,
    canceled: Canceled<'_>,
) -> Result<Unpacked, ArchiveError> {
    fill(archive, folder, limits, progress, canceled).map(|(unpacked, _)| unpacked)
}

/// The name of the one folder that a folder holds and nothing beside it (but what macOS leaves in
/// every archive): the app's own folder in a package that was made with one.
///
/// # Errors
/// What the system says.
pub fn single_top(folder: &Path) -> io::Result<Option<String>> {
    let mut top = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if FOREIGN.iter().any(|foreign| name == *foreign) {
            continue;
        }
        if top.is_some() || !entry.file_type()?.is_dir() {
            return Ok(None);
        }
        let Ok(name) = name.into_string() else {
            return Ok(None);
        };
        top = Some(name);
    }
    Ok(top)
}

/// Reads one small file of an archive, such as `install.json`, without unpacking it: the one of this
/// path or, where there is none and everything lies in one top folder, the one in that folder. None
/// when there is neither.
///
/// # Errors
/// [`ArchiveError`], also for an archive that would not be unpacked, as far as it was looked at, and
/// for a file of more than `max_bytes`.
pub fn read_entry(
    archive: &Path,
    name: &str,
    max_bytes: u64,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, ArchiveError> {
    let blame = Blame { archive };
    let file = File::open(archive).map_err(|error| blame.open(error))?;
    let packed = file.metadata().map_err(|error| blame.open(error))?.len();
    let allowance = Allowance::new(limits, packed, None);
    let wanted = name.trim_start_matches("./");
    let fits = |path: &str, size: u64| {
        if size <= max_bytes {
            return Ok(());
        }
        Err(blame.entry(
            path,
            format!("has {size} bytes, {max_bytes} are allowed; make it smaller"),
        ))
    };
    match kind::of_content(&file, blame)? {
        kind::Kind::Zip => {
            let mut directory = zip::Directory::read(&file, &allowance, limits, blame)?;
            let mut tops = Tops::default();
            for entry in &directory.entries {
                tops.see(&entry.path, entry.kind);
            }
            let find = |path: &str| directory.tree.file(path);
            let below_top = || find(&format!("{}/{wanted}", tops.single()?));
            let Some(number) = find(wanted).or_else(below_top) else {
                return Ok(None);
            };
            if let Some(entry) = directory.entries.get(number) {
                fits(&entry.path, entry.size)?;
            }
            directory.content(number, blame).map(Some)
        }
        kind::Kind::Tar(compression) => {
            let stream = Stream::new(file, compression);
            let source = tar::Source::new(stream);
            let mut tar = ::tar::Archive::new(source.clone());
            let mut walk = tar::Walk::new(source, &mut tar, &allowance, limits, blame)?;
            let mut tops = Tops::default();
            let mut below_top = None;
            while let Some(mut entry) = walk.next()? {
                let kind = entry.what.kind();
                tops.see(&entry.path, kind);
                let is_below = || {
                    let rest = entry.path.split_once('/').map(|(_, rest)| rest);
                    rest == Some(wanted) && below_top.is_none() && tops.single().is_some()
                };
                let is_it = entry.path == wanted;
                if kind != Kind::File || !(is_it || is_below()) {
                    continue;
                }
                fits(&entry.path, entry.size)?;
                let mut content = Vec::new();
                entry
                    .content
                    .read_to_end(&mut content)
                    .and_then(|count| whole(length(count), entry.size))
                    .map_err(|error| blame.content(&entry.path, &error))?;
                if is_it {
                    return Ok(Some(content));
                }
                below_top = Some(content);
            }
            Ok(below_top.filter(|_| tops.single().is_some()))
        }
    }
}

/// The path of every file of an archive, in its order, without unpacking it. All its names and links are
/// checked on the way.
///
/// # Errors
/// [`ArchiveError`], for an archive that would not be unpacked; what its files hold is not read.
pub fn names(archive: &Path, limits: &Limits) -> Result<Vec<String>, ArchiveError> {
    let blame = Blame { archive };
    let file = File::open(archive).map_err(|error| blame.open(error))?;
    let packed = file.metadata().map_err(|error| blame.open(error))?.len();
    let allowance = Allowance::new(limits, packed, None);
    let check_link = |path: &str, target: &str| {
        let depth = path.split('/').count() - 1;
        let link = name::safe_link(target, depth);
        link.map(drop).map_err(|reason| blame.entry(path, reason))
    };
    let mut names = Vec::new();
    match kind::of_content(&file, blame)? {
        kind::Kind::Zip => {
            let mut directory = zip::Directory::read(&file, &allowance, limits, blame)?;
            let mut links = Vec::new();
            for (number, entry) in directory.entries.iter().enumerate() {
                match entry.kind {
                    Kind::File => names.push(entry.path.clone()),
                    Kind::Link if entry.size > MAX_LINK_BYTES => {
                        return Err(blame.entry(&entry.path, "is a link that is too long"));
                    }
                    Kind::Link => links.push((number, entry.path.clone())),
                    Kind::Folder => {}
                }
            }
            for (number, path) in links {
                let target = directory.content(number, blame)?;
                check_link(&path, &name::decode(&target))?;
            }
        }
        kind::Kind::Tar(compression) => {
            let source = tar::Source::new(Stream::new(file, compression));
            let mut tar = ::tar::Archive::new(source.clone());
            let mut walk = tar::Walk::new(source, &mut tar, &allowance, limits, blame)?;
            while let Some(entry) = walk.next()? {
                match &entry.what {
                    tar::What::File | tar::What::HardLink(_) => names.push(entry.path),
                    tar::What::Link(target) => check_link(&entry.path, target)?,
                    tar::What::Folder => {}
                }
            }
        }
    }
    Ok(names)
}

/// What lies at the root of an archive.
#[derive(Default)]
pub(super) struct Tops {
    first: Option<String>,
    is_other: bool,
}

impl Tops {
    pub(super) fn see(&mut self, path: &str, kind: Kind) {
        let (top, is_folder) = match path.split_once('/') {
            Some((top, _)) => (top, true),
            None => (path, kind == Kind::Folder),
        };
        if FOREIGN.contains(&top) {
            return;
        }
        match &self.first {
            None if is_folder => self.first = Some(top.to_owned()),
            Some(first) if first == top => {}
            None | Some(_) => self.is_other = true,
        }
    }

    /// The one folder, when there is nothing else.
    pub(super) fn single(&self) -> Option<&str> {
        self.first.as_deref().filter(|_| !self.is_other)
    }
}

/// Fills a new folder; answers also the folders with their modes.
fn fill(
    archive: &Path,
    folder: &Path,
    limits: &Limits,
    progress: Progress<'_>,
    canceled: Canceled<'_>,
) -> Result<(Unpacked, Vec<Folder>), ArchiveError> {
    let blame = Blame { archive };
    let file = File::open(archive).map_err(|error| blame.open(error))?;
    let packed = file.metadata().map_err(|error| blame.open(error))?.len();
    let allowance = Allowance::new(limits, packed, Some(folder));
    let place = Place {
        folder,
        blame,
        progress,
        canceled,
    };
    match kind::of_content(&file, blame)? {
        kind::Kind::Zip => {
            let mut directory = zip::Directory::read(&file, &allowance, limits, blame)?;
            directory.check(blame)?;
            place.fill_from_zip(&file, directory)
        }
        kind::Kind::Tar(compression) => place.fill_from_tar(file, compression, &allowance, limits),
    }
}

/// Where an archive is unpacked, and who watches.
struct Place<'a> {
    folder: &'a Path,
    blame: Blame<'a>,
    progress: Progress<'a>,
    canceled: Canceled<'a>,
}

/// A link whose entry was read.
struct Link {
    path: String,
    to: String,
}

impl<'a> Place<'a> {
    fn create(&self, total: u64) -> Result<Fresh<'a>, ArchiveError> {
        Fresh::create(self.folder, total, self.progress, self.canceled)
            .map_err(|source| ArchiveError::file(self.folder, "written", source))
    }

    /// The error of an entry that our side cannot take.
    fn unwritten(&self, entry: &str, error: &io::Error) -> ArchiveError {
        self.blame.entry(
            entry,
            format!("cannot be unpacked to `{}`: {error}", self.folder.display()),
        )
    }

    fn fill_from_zip(
        &self,
        file: &File,
        mut directory: zip::Directory,
    ) -> Result<(Unpacked, Vec<Folder>), ArchiveError> {
        let mut unpacked = Unpacked::default();
        let links = self.zip_links(&mut directory)?;
        let zip::Directory {
            entries,
            tree,
            total,
            ..
        } = directory;
        let fresh = self.create(total)?;
        for folder in tree.folders() {
            fresh
                .folder(&folder.path)
                .map_err(|error| self.unwritten(&folder.path, &error))?;
        }
        let mut files: Vec<&zip::Entry> = entries
            .iter()
            .filter(|entry| entry.kind == Kind::File)
            .collect();
        // As they lie in the archive, so that it is read from front to back.
        files.sort_by_key(|entry| entry.at);
        self.write_zip_files(file, &files, &fresh)?;
        for entry in entries {
            if entry.kind == Kind::File {
                unpacked.add(entry.path, entry.size, entry.crc32, file_mode(entry.mode));
            }
        }
        self.finish(unpacked, links, fresh, tree)
    }

    /// Reads and checks the links before anything is written.
    fn zip_links(&self, directory: &mut zip::Directory) -> Result<Vec<Link>, ArchiveError> {
        let mut links = Vec::new();
        for number in 0..directory.entries.len() {
            let Some(entry) = directory.entries.get(number) else {
                break;
            };
            if entry.kind != Kind::Link {
                continue;
            }
            let path = entry.path.clone();
            if entry.size > MAX_LINK_BYTES {
                let reason = format!("is a link of more than {MAX_LINK_BYTES} bytes");
                return Err(self.blame.entry(&path, reason));
            }
            let to = name::decode(&directory.content(number, self.blame)?);
            self.check_link(&path, &to)?;
            links.push(Link { path, to });
        }
        Ok(links)
    }

    fn check_link(&self, path: &str, to: &str) -> Result<(), ArchiveError> {
        let depth = path.matches('/').count();
        name::safe_link(to, depth)
            .map(|_| ())
            .map_err(|reason| self.blame.entry(path, reason))
    }

    /// Writes the files on several threads. Of several errors the first entry's is told.
    fn write_zip_files(
        &self,
        file: &File,
        files: &[&zip::Entry],
        fresh: &Fresh<'_>,
    ) -> Result<(), ArchiveError> {
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<(usize, ArchiveError)>> = Mutex::new(None);
        let work = || {
            let mut reader = zip::Reader::new(file, self.blame);
            loop {
                let begin = next.fetch_add(BATCH, Ordering::Relaxed);
                let batch = files.iter().enumerate().skip(begin).take(BATCH);
                if batch.len() == 0 {
                    return;
                }
                for (number, entry) in batch {
                    let Err(error) = self.write_zip_file(&mut reader, entry, fresh) else {
                        continue;
                    };
                    // The others end at their next batch.
                    next.store(files.len(), Ordering::Relaxed);
                    let mut failed = failed.lock().expect("no thread panics with the lock");
                    if failed.as_ref().is_none_or(|(other, _)| number < *other) {
                        *failed = Some((number, error));
                    }
                    return;
                }
            }
        };
        let threads = threads().min(files.len().div_ceil(BATCH)).max(1);
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let failed = failed.into_inner().expect("no thread panics with the lock");
        failed.map_or(Ok(()), |(_, error)| Err(error))
    }

    fn write_zip_file(
        &self,
        reader: &mut zip::Reader<'_>,
        entry: &zip::Entry,
        fresh: &Fresh<'_>,
    ) -> Result<(), ArchiveError> {
        if fresh.is_canceled() {
            return Err(ArchiveError::Canceled);
        }
        let mode = file_mode(entry.mode);
        let result = match reader.content(entry)? {
            zip::Content::Whole(content) => {
                return fresh
                    .file(&entry.path, mode, content)
                    .map_err(|error| self.unwritten(&entry.path, &error));
            }
            zip::Content::Stream(mut content) => {
                fresh.stream(&entry.path, mode, entry.size, &mut content)
            }
        };
        match result {
            Ok((size, crc32)) => reader.check(entry, size, crc32),
            Err(Broken::TooLong) => Err(reader.too_long(entry)),
            Err(broken) => Err(self.broken(&entry.path, broken)),
        }
    }

    fn broken(&self, path: &str, broken: Broken) -> ArchiveError {
        match broken {
            Broken::Canceled => ArchiveError::Canceled,
            Broken::Reading(error) => self.blame.content(path, &error),
            Broken::Writing(error) => self.unwritten(path, &error),
            Broken::TooLong => self.blame.entry(path, "is larger than it declares"),
        }
    }

    fn fill_from_tar(
        &self,
        file: File,
        compression: Compression,
        allowance: &Allowance<'_>,
        limits: &Limits,
    ) -> Result<(Unpacked, Vec<Folder>), ArchiveError> {
        let source = tar::Source::new(Stream::new(file, compression));
        let mut tar = ::tar::Archive::new(source.clone());
        let mut walk = tar::Walk::new(source, &mut tar, allowance, limits, self.blame)?;
        let mut unpacked = Unpacked::default();
        let mut links = Vec::new();
        let fresh = self.create(0)?;
        let mut made = 0;
        while let Some(entry) = walk.next()? {
            if fresh.is_canceled() {
                return Err(ArchiveError::Canceled);
            }
            // Those that the entry is the first to need.
            for folder in walk.tree.folders().iter().skip(made) {
                fresh
                    .folder(&folder.path)
                    .map_err(|error| self.unwritten(&folder.path, &error))?;
            }
            made = walk.tree.folders().len();
            let tar::Entry {
                path,
                what,
                mode,
                size,
                mut content,
            } = entry;
            match what {
                tar::What::Folder => {}
                tar::What::Link(to) => {
                    self.check_link(&path, &to)?;
                    links.push(Link { path, to });
                }
                tar::What::File => {
                    let own_mode = file_mode(Some(mode));
                    let (written, crc32) = fresh
                        .stream(&path, own_mode, size, &mut content)
                        .map_err(|broken| self.broken(&path, broken))?;
                    whole(written, size).map_err(|error| self.blame.content(&path, &error))?;
                    unpacked.add(path, size, crc32, own_mode);
                }
                tar::What::HardLink(number) => {
                    let Some(from) = unpacked.files.get(number).cloned() else {
                        return Err(self.blame.entry(&path, "is a link to nothing"));
                    };
                    let like_it = if from.executable { 0o755 } else { 0o644 };
                    fresh
                        .copy(&from.path, &path, like_it, from.bytes)
                        .map_err(|broken| self.broken(&path, broken))?;
                    unpacked.add(path, from.bytes, from.crc32, like_it);
                }
            }
        }
        self.finish(unpacked, links, fresh, walk.tree)
    }

    /// Makes the links, when no file can come through them any more, and keeps the folder.
    fn finish(
        &self,
        mut unpacked: Unpacked,
        links: Vec<Link>,
        fresh: Fresh<'_>,
        tree: Tree,
    ) -> Result<(Unpacked, Vec<Folder>), ArchiveError> {
        for Link { path, to } in links {
            let depth = path.matches('/').count();
            let target =
                name::safe_link(&to, depth).map_err(|reason| self.blame.entry(&path, reason))?;
            fresh.link(&path, &target).map_err(|error| {
                self.blame
                    .entry(&path, format!("cannot be linked: {error}"))
            })?;
            unpacked.report.files += 1;
            unpacked.links.push((path, to));
        }
        // A cancel that comes while the last file is written is still one.
        if fresh.is_canceled() {
            return Err(ArchiveError::Canceled);
        }
        let folders = tree.into_folders();
        fresh
            .keep(&folders)
            .map_err(|source| ArchiveError::file(self.folder, "written", source))?;
        Ok((unpacked, folders))
    }
}

impl Unpacked {
    fn add(&mut self, path: String, bytes: u64, crc32: u32, mode: u32) {
        self.report.files += 1;
        self.report.bytes += bytes;
        self.files.push(UnpackedFile {
            path,
            bytes,
            crc32,
            executable: mode & 0o100 != 0,
        });
    }
}

/// The library ends a content that is cut off as if it were whole.
fn whole(bytes: u64, size: u64) -> io::Result<()> {
    if bytes < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ::zip::ZipWriter;
    use ::zip::write::SimpleFileOptions;

    use super::*;

    fn never() -> bool {
        false
    }

    /// Writes a zip file: name, mode, content; a mode of a link makes one.
    fn zip(path: &Path, entries: &[(&str, u32, &str)]) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        for (name, mode, content) in entries {
            let options = SimpleFileOptions::default().unix_permissions(mode & 0o7777);
            if mode & 0o170_000 == 0o120_000 {
                zip.add_symlink(*name, *content, options).unwrap();
            } else if name.ends_with('/') {
                zip.add_directory(*name, options).unwrap();
            } else {
                zip.start_file(*name, options).unwrap();
                zip.write_all(content.as_bytes()).unwrap();
            }
        }
        zip.finish().unwrap();
    }

    fn check(entries: &[(&str, u32, &str)]) -> (tempfile::TempDir, Result<Report, String>) {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        zip(&archive, entries);
        let folder = dir.path().join("out/in");
        let result = unpack(&archive, &folder, &Limits::default(), &never)
            .map_err(|error| error.to_string());
        (dir, result)
    }

    #[test]
    fn files_come_out_with_folders_that_have_no_entry() {
        let (dir, result) = check(&[("a/b/c.txt", 0o644, "hello"), ("empty/", 0o755, "")]);
        assert_eq!(result.unwrap().files, 1);
        let out = dir.path().join("out/in");
        assert_eq!(fs::read_to_string(out.join("a/b/c.txt")).unwrap(), "hello");
        assert!(out.join("empty").is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn modes_are_kept_without_setuid() {
        use std::os::unix::fs::PermissionsExt as _;
        let (dir, result) = check(&[("run", 0o4777, ""), ("data", 0o400, "")]);
        result.unwrap();
        let mode = |name| {
            let path = dir.path().join("out/in").join(name);
            fs::metadata(path).unwrap().permissions().mode() & 0o7777
        };
        assert_eq!((mode("run"), mode("data")), (0o755, 0o600));
    }

    #[test]
    fn a_name_that_leads_out_is_refused_before_anything_is_written() {
        for name in ["../x", "/x", "C:\\x", "a/../../x", "nul"] {
            let (dir, result) = check(&[("good", 0o644, ""), (name, 0o644, "bad")]);
            let error = result.unwrap_err();
            assert!(error.contains("the entry `"), "{error}");
            assert!(!dir.path().join("out").exists(), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_made_when_they_stay_inside() {
        let (dir, result) = check(&[
            ("lib/libx.so", 0o120_777, "libx.so.1"),
            ("lib/libx.so.1", 0o644, "code"),
            ("bin/up", 0o120_777, "../lib"),
        ]);
        result.unwrap();
        let out = dir.path().join("out/in");
        assert_eq!(fs::read_to_string(out.join("lib/libx.so")).unwrap(), "code");
        assert_eq!(
            fs::read_to_string(out.join("bin/up/libx.so")).unwrap(),
            "code"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_is_refused_also_through_another_link() {
        for entries in [
            &[("l", 0o120_777, "/etc")][..],
            &[("l", 0o120_777, "../..")],
            &[("a/b/l", 0o120_777, "../../.."), ("a/x", 0o644, "")],
            // `up` is the folder itself, so that `up/l` lies less deep than it seems.
            &[("a/up", 0o120_777, ".."), ("a/up/l", 0o120_777, "../../x")],
        ] {
            let (_dir, result) = check(entries);
            assert!(result.unwrap_err().contains("link"), "{entries:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_already_there_is_not_followed_out() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, out) = (dir.path().join("a.zip"), dir.path().join("out"));
        zip(&archive, &[("logs/x", 0o644, "bad")]);
        fs::create_dir_all(&out).unwrap();
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), out.join("logs")).unwrap();
        let error = unpack(&archive, &out, &Limits::default(), &never).unwrap_err();
        assert!(error.to_string().contains("leads out"), "{error}");
        assert!(!dir.path().join("elsewhere/x").exists());
    }

    #[test]
    fn too_much_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        zip(
            &archive,
            &[("a", 0o644, "12345"), ("b/c/d", 0o644, "12345")],
        );
        let refused = |limits: Limits| {
            unpack(&archive, &dir.path().join("out"), &limits, &never)
                .unwrap_err()
                .to_string()
        };
        let limits = Limits::default();
        assert!(
            refused(Limits {
                entries: 1,
                ..limits.clone()
            })
            .contains("2 entries")
        );
        assert!(
            refused(Limits {
                bytes: 9,
                ..limits.clone()
            })
            .contains("10 bytes")
        );
        assert!(refused(Limits { depth: 2, ..limits }).contains("`b/c/d`"));
        assert!(!dir.path().join("out").exists());
    }

    #[test]
    fn a_file_that_is_no_zip_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        fs::write(&archive, "no zip").unwrap();
        let error = unpack(&archive, dir.path(), &Limits::default(), &never).unwrap_err();
        assert!(error.to_string().contains("unknown kind"), "{error}");
        let missing = dir.path().join("b.zip");
        let error = unpack(&missing, dir.path(), &Limits::default(), &never).unwrap_err();
        assert!(error.to_string().contains("b.zip"), "{error}");
    }

    /// What a folder holds, names only.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn of_an_archive_that_is_broken_in_its_middle_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        let text = "0123456789".repeat(1000);
        let entries: Vec<(String, &str)> = (0..9).map(|n| (format!("d{n}/f"), &*text)).collect();
        let entries: Vec<(&str, u32, &str)> = entries
            .iter()
            .map(|(name, text)| (&**name, 0o644, *text))
            .collect();
        zip(&archive, &entries);
        // A byte of the content of an entry in the middle is turned over.
        let mut bytes = fs::read(&archive).unwrap();
        let needle = b"d5/f";
        let name = bytes
            .windows(needle.len())
            .position(|four| four == needle)
            .unwrap();
        bytes[name + needle.len() + 20] ^= 0xff;
        fs::write(&archive, bytes).unwrap();
        let out = dir.path().join("out");
        for is_there in [false, true] {
            if is_there {
                fs::create_dir(&out).unwrap();
                fs::write(out.join("mine"), "").unwrap();
            }
            let error = unpack(&archive, &out, &Limits::default(), &never).unwrap_err();
            assert!(error.to_string().contains("`d5/f`"), "{error}");
            let expected: &[&str] = if is_there { &["mine"] } else { &[] };
            assert_eq!(names(&out), expected);
        }
    }

    #[test]
    fn a_file_and_a_folder_of_one_name_are_refused_before_anything_is_in_place() {
        for entries in [
            &[("x", 0o644, ""), ("a", 0o644, ""), ("a/b", 0o644, "")][..],
            &[("x", 0o644, ""), ("a/b", 0o644, ""), ("a", 0o644, "")],
            &[("x", 0o644, ""), ("a/", 0o755, ""), ("a", 0o644, "")],
        ] {
            let (dir, result) = check(entries);
            assert!(result.unwrap_err().contains("folder"), "{entries:?}");
            assert_eq!(names(&dir.path().join("out/in")), Vec::<String>::new());
        }
    }

    #[test]
    fn it_stops_when_it_is_canceled() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        zip(&archive, &[("a", 0o644, "")]);
        let result = unpack(
            &archive,
            &dir.path().join("out"),
            &Limits::default(),
            &|| true,
        );
        assert!(matches!(result, Err(ArchiveError::Canceled)));
    }
}
