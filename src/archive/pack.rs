//! From a folder to a zip file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{ArchiveError, Report};

/// Packs a folder into a zip file, its entries below `top` when one is given. Entries are in order
/// of name, so that the same folder gives the same archive. The archive appears when it is complete.
///
/// # Errors
/// [`ArchiveError::File`] names the file that cannot be read or written.
pub fn pack(
    folder: &Path,
    archive: &Path,
    top: Option<&str>,
    canceled: &dyn Fn() -> bool,
) -> Result<Report, ArchiveError> {
    let write = |source: io::Error| failed(archive, "written", source);
    let read = |source: io::Error| failed(folder, "read", source);
    let root = fs::canonicalize(folder).map_err(read)?;
    if !root.is_dir() {
        return Err(read(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    let parent = archive.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(write)?;
    let temporary = tempfile::Builder::new()
        .prefix(".storekeeper-")
        .suffix(".zip")
        .tempfile_in(parent)
        .map_err(write)?;
    let output = temporary.as_file().try_clone().map_err(write)?;
    let mut packer = Packer {
        zip: ZipWriter::new(io::BufWriter::new(output)),
        root,
        // The archive may lie in the folder that it is made of.
        leave_out: [
            fs::canonicalize(temporary.path()).unwrap_or_default(),
            fs::canonicalize(archive).unwrap_or_default(),
        ],
        report: Report::default(),
        canceled,
    };
    let top = top.map_or_else(String::new, |top| format!("{top}/"));
    if !top.is_empty() {
        packer.add_dir(&top, folder)?;
    }
    packer.walk(&packer.root.clone(), &top)?;
    let Packer { zip, report, .. } = packer;
    let buffer = zip
        .finish()
        .map_err(|error| write(io::Error::other(error)))?;
    buffer
        .into_inner()
        .map_err(|error| write(error.into_error()))?;
    crate::platform::set_default_mode(temporary.as_file()).map_err(write)?;
    temporary.as_file().sync_all().map_err(write)?;
    temporary
        .persist(archive)
        .map_err(|error| write(error.error))?;
    Ok(report)
}

fn failed(path: &Path, verb: &'static str, source: io::Error) -> ArchiveError {
    ArchiveError::File {
        path: path.to_owned(),
        verb,
        source,
    }
}

struct Packer<'a> {
    zip: ZipWriter<io::BufWriter<File>>,
    root: PathBuf,
    leave_out: [PathBuf; 2],
    report: Report,
    canceled: &'a dyn Fn() -> bool,
}

impl Packer<'_> {
    fn walk(&mut self, dir: &Path, prefix: &str) -> Result<(), ArchiveError> {
        let read = |source: io::Error| failed(dir, "read", source);
        let mut entries: Vec<_> = fs::read_dir(dir)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(read)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if (self.canceled)() {
                return Err(ArchiveError::Canceled);
            }
            let path = entry.path();
            if self.leave_out.contains(&path) {
                continue;
            }
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                self.skip(&path, "its name is not Unicode");
                continue;
            };
            let name = format!("{prefix}{name}");
            let kind = entry
                .file_type()
                .map_err(|source| failed(&path, "read", source))?;
            if kind.is_dir() {
                self.add_dir(&format!("{name}/"), &path)?;
                self.walk(&path, &format!("{name}/"))?;
            } else if kind.is_symlink() {
                self.add_link(&name, &path)?;
            } else if kind.is_file() {
                self.add_file(&name, &path)?;
            } else {
                self.skip(&path, "it is a device, a pipe or a socket");
            }
        }
        Ok(())
    }

    fn add_dir(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        let options = options(path).map_err(|source| failed(path, "read", source))?;
        self.zip
            .add_directory(name, options)
            .map_err(|error| failed(path, "packed", io::Error::other(error)))
    }

    fn add_file(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        let read = |source: io::Error| failed(path, "read", source);
        let mut file = File::open(path).map_err(read)?;
        let options = options(path).map_err(read)?;
        self.zip
            .start_file(name, options)
            .map_err(|error| failed(path, "packed", io::Error::other(error)))?;
        self.report.bytes +=
            io::copy(&mut file, &mut self.zip).map_err(|source| failed(path, "packed", source))?;
        self.report.files += 1;
        Ok(())
    }

    /// A link inside the folder stays one; one that leads out would be refused when unpacking.
    fn add_link(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        let to = fs::read_link(path).map_err(|source| failed(path, "read", source))?;
        let inside = fs::canonicalize(path).is_ok_and(|real| real.starts_with(&self.root));
        let Some(to) = to.to_str().filter(|_| inside && to.is_relative()) else {
            self.skip(
                path,
                "it is a link that leads out of the folder, or to nothing",
            );
            return Ok(());
        };
        self.zip
            .add_symlink(name, to, SimpleFileOptions::default())
            .map_err(|error| failed(path, "packed", io::Error::other(error)))?;
        self.report.files += 1;
        Ok(())
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        let path = path.display();
        self.report
            .skipped
            .push(format!("`{path}` was left out of the archive: {reason}"));
    }
}

/// Deflated, with the mode of the file, ready for sizes above 4 GB where needed.
fn options(path: &Path) -> io::Result<SimpleFileOptions> {
    let metadata = fs::metadata(path)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(metadata.len() >= u64::from(u32::MAX));
    #[cfg(unix)]
    let options = {
        use std::os::unix::fs::PermissionsExt as _;
        options.unix_permissions(metadata.permissions().mode() & 0o777)
    };
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, unpack};
    use super::*;

    #[test]
    fn what_was_packed_comes_out_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        fs::create_dir_all(folder.join("sub/empty")).unwrap();
        fs::write(folder.join("sub/a"), "hello").unwrap();
        fs::write(folder.join("数据"), "").unwrap();
        let archive = folder.join("out.zip");
        for round in 0..2 {
            let report = pack(&folder, &archive, Some("data"), &|| false).unwrap();
            assert_eq!((report.files, report.bytes), (2, 5), "round {round}");
        }
        let out = dir.path().join("out");
        unpack(&archive, &out, &Limits::default(), &|| false).unwrap();
        assert_eq!(fs::read_to_string(out.join("data/sub/a")).unwrap(), "hello");
        assert!(out.join("data/sub/empty").is_dir());
        assert!(out.join("data/数据").is_file());
    }

    #[cfg(unix)]
    #[test]
    fn modes_and_inner_links_are_kept_and_outer_links_left_out() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("run"), "#!").unwrap();
        fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("run", folder.join("inner")).unwrap();
        symlink("/etc", folder.join("outer")).unwrap();
        let archive = dir.path().join("out.zip");
        let report = pack(&folder, &archive, None, &|| false).unwrap();
        assert_eq!(report.skipped.len(), 1);
        let out = dir.path().join("out");
        unpack(&archive, &out, &Limits::default(), &|| false).unwrap();
        let mode = fs::metadata(out.join("run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read_link(out.join("inner")).unwrap(), Path::new("run"));
        assert!(!out.join("outer").exists());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = pack(
            &dir.path().join("no"),
            &dir.path().join("x.zip"),
            None,
            &|| false,
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("/no` cannot be read")
        );
        assert!(!dir.path().join("x.zip").exists());
    }
}
