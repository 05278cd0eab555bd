//! From a zip file to a folder.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::target::Target;
use super::{ArchiveError, FREE_RATIO_BYTES, Limits, RESERVE_BYTES, Report, disk, name};

/// A link's target may be this long.
const MAX_LINK_BYTES: u64 = 4096;

/// One entry whose name was checked.
struct Entry {
    index: usize,
    name: String,
    path: PathBuf,
    kind: Kind,
    mode: Option<u32>,
    size: u64,
}

enum Kind {
    Dir,
    File,
    Link,
}

/// Unpacks a zip file into a folder, which is made where it is missing. Only when all of it could be
/// read and fits does anything come into its place; files that are there are replaced then, each at
/// once. `canceled` is asked between the entries.
///
/// # Errors
/// [`ArchiveError`]. Names and sizes are checked before the first file is written.
pub fn unpack(
    archive: &Path,
    folder: &Path,
    limits: &Limits,
    canceled: &dyn Fn() -> bool,
) -> Result<Report, ArchiveError> {
    let open = |source| ArchiveError::Open {
        archive: archive.to_owned(),
        source,
    };
    let file = File::open(archive).map_err(open)?;
    let packed = file.metadata().map_err(open)?.len();
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| ArchiveError::Format {
        archive: archive.to_owned(),
        reason: error.to_string(),
    })?;
    let room = nearest(folder).and_then(|path| disk::free(&path));
    let entries = inspect(&zip, archive, packed, room, limits)?;

    let mut target = Target::open(folder).map_err(|source| ArchiveError::File {
        path: folder.to_owned(),
        verb: "written",
        source,
    })?;
    let mut report = Report::default();
    for entry in &entries {
        if canceled() {
            return Err(ArchiveError::Canceled);
        }
        let refuse = |reason: String| ArchiveError::Entry {
            archive: archive.to_owned(),
            entry: entry.name.clone(),
            reason,
        };
        let written = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => refuse(error.to_string()),
            _ => refuse(format!(
                "cannot be unpacked to `{}`: {error}",
                folder.display()
            )),
        };
        match entry.kind {
            Kind::Dir => target.dir(&entry.path, entry.mode).map_err(written)?,
            Kind::File => {
                let mut content = zip
                    .by_index(entry.index)
                    .map_err(|error| refuse(format!("cannot be read: {error}")))?;
                report.bytes += target
                    .file(
                        &entry.path,
                        entry.mode,
                        entry.size,
                        &mut content,
                        &entry.name,
                    )
                    .map_err(written)?;
                report.files += 1;
            }
            Kind::Link => {
                let content = zip
                    .by_index(entry.index)
                    .map_err(|error| refuse(format!("cannot be read: {error}")))?;
                let mut to = String::new();
                content
                    .take(MAX_LINK_BYTES)
                    .read_to_string(&mut to)
                    .map_err(|error| refuse(format!("cannot be read: {error}")))?;
                target.link(&entry.path, to, entry.name.clone());
                report.files += 1;
            }
        }
    }
    target.finish().map_err(|bad| ArchiveError::Entry {
        archive: archive.to_owned(),
        entry: bad.entry,
        reason: bad.reason,
    })?;
    Ok(report)
}

/// Checks every entry without writing anything.
fn inspect(
    zip: &ZipArchive<BufReader<File>>,
    archive: &Path,
    packed: u64,
    room: Option<u64>,
    limits: &Limits,
) -> Result<Vec<Entry>, ArchiveError> {
    let limit = |reason: String| ArchiveError::Limit {
        archive: archive.to_owned(),
        reason,
    };
    if zip.len() > limits.entries {
        return Err(limit(format!(
            "it has {} entries, {} are allowed",
            zip.len(),
            limits.entries
        )));
    }
    let mut entries = Vec::with_capacity(zip.len());
    let mut total = 0_u64;
    for index in 0..zip.len() {
        let data = zip
            .by_index_data(index)
            .map_err(|error| ArchiveError::Format {
                archive: archive.to_owned(),
                reason: error.to_string(),
            })?;
        let name = name::decode(data.name_raw());
        let shown: String = name.escape_debug().take(200).collect();
        let refuse = |reason: String| ArchiveError::Entry {
            archive: archive.to_owned(),
            entry: shown.clone(),
            reason,
        };
        let path = name::safe(&name, limits.depth).map_err(refuse)?;
        let mode = data.unix_mode();
        let kind = match mode.map_or(0, |mode| mode & 0o170_000) {
            0o120_000 => Kind::Link,
            0o040_000 => Kind::Dir,
            0 | 0o100_000 if name.ends_with(['/', '\\']) => Kind::Dir,
            0 | 0o100_000 => Kind::File,
            _ => return Err(refuse("is a device, a pipe or a socket".to_owned())),
        };
        if data.encrypted() {
            return Err(refuse("is encrypted".to_owned()));
        }
        let size = data.size();
        total = total.saturating_add(size);
        if path.as_os_str().is_empty() {
            // The folder itself; a file of that name would have no place.
            match kind {
                Kind::Dir => continue,
                Kind::File | Kind::Link => return Err(refuse("has no name".to_owned())),
            }
        }
        entries.push(Entry {
            index,
            name: shown,
            path,
            kind,
            mode,
            size,
        });
    }
    if total > limits.bytes {
        return Err(limit(format!(
            "its files have {total} bytes, {} are allowed",
            limits.bytes
        )));
    }
    if total > FREE_RATIO_BYTES && total / packed.max(1) > limits.ratio {
        return Err(limit(format!(
            "its files are {} times larger than itself, {} times are allowed",
            total / packed.max(1),
            limits.ratio
        )));
    }
    if let Some(room) = room
        && total.saturating_add(RESERVE_BYTES) > room
    {
        return Err(limit(format!(
            "its files need {total} bytes and the disk has {room} left; free some space"
        )));
    }
    Ok(entries)
}

/// The closest folder above `path` that exists.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .find(|path| fs::metadata(path).is_ok())
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

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
        assert!(error.to_string().contains("not a zip"), "{error}");
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
