//! Making packages: of a folder, and of a package one with another signature.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::{Compression, GzBuilder};
use icu_normalizer::ComposingNormalizerBorrowed;
use tar::EntryType;

use super::content::length;
use super::digest::Digest;
use super::entries::HEADER;
use super::header::{Footer, Header};
use super::inspect::Read;
use super::manifest::{MANIFEST, MAX_MANIFEST_BYTES, Manifest};
use super::signature::{Signer, Who, verify_digest};
use super::writer;
use super::yaml::Value;
use super::{PackageError, SigningPlan, TrustStore};
use crate::app::Sha256;
use crate::archive::Limits;
use crate::platform;

/// What the original takes a folder for when it adds up what a package needs: one block of its disk.
const FOLDER_BYTES: u64 = 4096;

/// The operating system of a gzip file: Unix (RFC 1952).
const UNIX: u8 = 3;

/// Code that is built into the program that runs it, and no file.
const BUILT_IN: &str = ":/";

/// What a package says beyond its files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// Not signed: a map.
    pub plain: Option<Value>,
    /// Signed: a map.
    pub signed: Option<Value>,
}

/// A package that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: String,
    /// Its digest.
    pub digest: Sha256,
    /// Names of its files and folders, in their order.
    pub entries: Vec<String>,
    /// What was left out and what a device will not like, as sentences.
    pub warnings: Vec<String>,
}

/// Makes a package of a folder with an `info.yaml`. The same files give the same package, byte for byte.
///
/// # Errors
/// When the folder is no package's, or something cannot be read or written. What was at `package` before
/// stays then.
pub fn create(folder: &Path, package: &Path, extra: Extra) -> Result<Created, PackageError> {
    let manifest = manifest(folder)?;
    let output = Output::new(package)?;
    let mut list = List {
        root: folder,
        package: [
            fs::canonicalize(package).ok(),
            fs::canonicalize(output.path()).ok(),
        ],
        items: Vec::new(),
        warnings: Vec::new(),
    };
    list.walk(folder, "")?;
    let List {
        items,
        mut warnings,
        ..
    } = list;
    let items = arranged(items, manifest.icon.as_deref());
    if manifest.icon.is_none() {
        warnings.push(format!(
            "`{MANIFEST}` names no icon; devices take no package without one"
        ));
    }
    check_names(&items)?;
    let header = Header {
        version: 2,
        id: manifest.id.clone(),
        disk_space: disk_space(&items),
        extra: extra.plain,
        extra_signed: extra.signed,
    };
    let file = BufWriter::with_capacity(256 << 10, output.file());
    let mut gzip = GzBuilder::new()
        .operating_system(UNIX)
        .write(file, Compression::default());
    let digest = write(&mut gzip, &header, &items).and_then(|digest| {
        gzip.finish()?.flush()?;
        Ok(digest)
    });
    let digest = digest.map_err(|error| match error.source {
        Some(path) => failed(&path, "packed", &error.error),
        None => failed(package, "written", &error.error),
    })?;
    output.keep(package)?;
    Ok(Created {
        id: manifest.id,
        digest,
        entries: items.into_iter().map(|item| item.name).collect(),
        warnings,
    })
}

fn failed(path: &Path, verb: &str, error: &io::Error) -> PackageError {
    PackageError::refused(format!("`{}` cannot be {verb}: {error}", path.display()))
}

/// Reads the manifest, and looks for the files that it names.
fn manifest(folder: &Path) -> Result<Manifest, PackageError> {
    let is_folder = fs::metadata(folder).map_err(|error| failed(folder, "read", &error))?;
    if !is_folder.is_dir() {
        return Err(failed(folder, "read", &io::ErrorKind::NotADirectory.into()));
    }
    let path = folder.join(MANIFEST);
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_MANIFEST_BYTES).read_to_end(&mut text))
        .map_err(|error| failed(&path, "read", &error))?;
    let manifest = Manifest::read(&text)
        .map_err(|error| PackageError::refused(format!("`{}`: {error}", path.display())))?;
    let icons = manifest.icon.iter().chain(&manifest.further_icons);
    let codes = manifest
        .codes
        .iter()
        .filter(|code| !code.starts_with(BUILT_IN));
    for (what, named) in icons
        .map(|icon| ("icon", icon))
        .chain(codes.map(|code| ("code", code)))
    {
        if !folder.join(named).is_file() {
            return Err(PackageError::refused(format!(
                "the {what} `{named}`, which `{}` names, is no file there",
                path.display()
            )));
        }
    }
    Ok(manifest)
}

/// A file or a folder that comes into the package.
struct Item {
    /// With forward slashes; a folder's with one at its end.
    name: String,
    path: PathBuf,
    is_folder: bool,
    is_executable: bool,
    size: u64,
}

/// Finds what comes into a package.
struct List<'a> {
    root: &'a Path,
    /// It may lie in the folder that it is made of, before and after it has its name.
    package: [Option<PathBuf>; 2],
    items: Vec<Item>,
    warnings: Vec<String>,
}

impl List<'_> {
    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<(), PackageError> {
        let read = |error: io::Error| failed(folder, "read", &error);
        let mut children = fs::read_dir(folder)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(read)?;
        children.sort_by_key(fs::DirEntry::file_name);
        for child in children {
            let path = child.path();
            let Ok(name) = child.file_name().into_string() else {
                return Err(PackageError::refused(format!(
                    "`{}` has a name that is not UTF-8; rename it",
                    path.display()
                )));
            };
            if name.starts_with('.') {
                continue;
            }
            if prefix.is_empty() && name.starts_with("--") {
                return Err(PackageError::refused(format!(
                    "`{}` has a name that begins with `--`, as only a package's own entries do; rename it",
                    path.display()
                )));
            }
            let name: String = ComposingNormalizerBorrowed::new_nfc()
                .normalize(&format!("{prefix}{name}"))
                .into_owned();
            let data =
                fs::symlink_metadata(&path).map_err(|error| failed(&path, "read", &error))?;
            if data.is_dir() {
                let name = format!("{name}/");
                self.items.push(Item {
                    name: name.clone(),
                    path: path.clone(),
                    is_folder: true,
                    is_executable: true,
                    size: 0,
                });
                self.walk(&path, &name)?;
            } else if !data.is_file() {
                let what = if data.is_symlink() {
                    "a link"
                } else {
                    "no file"
                };
                let inside = path.strip_prefix(self.root).unwrap_or(&path);
                let warning = format!("`{}` is {what} and was left out", inside.display());
                self.warnings.push(warning);
            } else if self.package.contains(&fs::canonicalize(&path).ok()) {
                // The package itself.
            } else {
                self.items.push(Item {
                    name,
                    path,
                    is_folder: false,
                    is_executable: is_executable(&data),
                    size: data.len(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn is_executable(data: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    data.permissions().mode() & 0o100 != 0
}

/// Other systems do not tell; a device asks for nothing else than this mark.
#[cfg(not(unix))]
fn is_executable(_data: &fs::Metadata) -> bool {
    true
}

/// Devices read the manifest first and then the icon; a folder comes before what is in it.
fn arranged(items: Vec<Item>, icon: Option<&str>) -> Vec<Item> {
    let icon = icon.unwrap_or_default();
    let rank = |item: &Item| {
        if item.name == MANIFEST {
            0
        } else if item.is_folder && icon.starts_with(&item.name) {
            1
        } else if item.name == icon {
            2
        } else {
            3
        }
    };
    let mut items = items;
    items.sort_by_key(rank);
    items
}

/// Two names that differ on this disk may be one in a package.
fn check_names(items: &[Item]) -> Result<(), PackageError> {
    let mut names = std::collections::HashSet::new();
    for item in items {
        if !names.insert(&item.name) {
            return Err(PackageError::refused(format!(
                "there are two files with the name `{}`, written in different ways; rename one",
                item.name
            )));
        }
    }
    Ok(())
}

/// Bytes that a device needs, as the original estimates them.
fn disk_space(items: &[Item]) -> u64 {
    let blocks: u64 = items
        .iter()
        .map(|item| {
            if item.is_folder {
                FOLDER_BYTES
            } else {
                item.size
            }
        })
        .map(|bytes| bytes.div_ceil(1024))
        .sum();
    1024 * (500 + (blocks + length(items.len()) + 50) * 11 / 10)
}

/// What failed, and on which file if it was not the package.
struct Failure {
    source: Option<PathBuf>,
    error: io::Error,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            source: None,
            error,
        }
    }
}

fn write(out: &mut dyn Write, header: &Header, items: &[Item]) -> Result<Sha256, Failure> {
    // Nothing of this moment, so that the same files give the same package.
    let moment = UNIX_EPOCH;
    writer::file(out, HEADER, header.written().as_bytes(), moment)?;
    let mut digest = Digest::new(header.extra_signed.as_ref());
    let mut buffer = vec![0; 128 << 10];
    for item in items {
        let mode = if item.is_executable { 0o500 } else { 0o400 };
        if item.is_folder {
            writer::header(out, &item.name, EntryType::Directory, mode, 0, 0)?;
            digest.folder(item.name.trim_end_matches('/'));
            continue;
        }
        let fail = |error: io::Error| Failure {
            source: Some(item.path.clone()),
            error,
        };
        writer::header(out, &item.name, EntryType::Regular, mode, item.size, 0)?;
        let mut file = File::open(&item.path).map_err(fail)?;
        let mut left = item.size;
        loop {
            let count = file.read(&mut buffer).map_err(fail)?;
            let Some(rest) = left.checked_sub(length(count)) else {
                return Err(fail(io::Error::other("it grew while it was packed")));
            };
            if count == 0 && left > 0 {
                return Err(fail(io::Error::other("it shrank while it was packed")));
            }
            if count == 0 {
                break;
            }
            left = rest;
            let piece = buffer.get(..count).unwrap_or_default();
            digest.content(piece);
            out.write_all(piece)?;
        }
        out.write_all(writer::filling(item.size))?;
        digest.file(item.size, &item.name);
    }
    let digest = digest.finish();
    let footer = Footer {
        digest,
        developer_signature: None,
        store_signature: None,
    };
    out.write_all(&writer::end(&footer, moment).0)?;
    Ok(digest)
}

/// A file beside its place, until it is whole.
struct Output(tempfile::NamedTempFile);

impl Output {
    fn new(place: &Path) -> Result<Self, PackageError> {
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        tempfile::Builder::new()
            .prefix(".storekeeper-")
            .suffix(".part")
            .tempfile_in(parent)
            .map(Self)
            .map_err(|error| failed(place, "written", &error))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self) -> &File {
        self.0.as_file()
    }

    fn keep(self, place: &Path) -> Result<(), PackageError> {
        let fail = |error: io::Error| failed(place, "written", &error);
        platform::set_default_mode(self.file()).map_err(fail)?;
        self.file().sync_all().map_err(fail)?;
        self.0.persist(place).map_err(|error| fail(error.error))?;
        Ok(())
    }
}

/// Reads a package with all checks of its form.
fn read(package: &Path) -> Result<Read, PackageError> {
    let open = || {
        let file = File::open(package)?;
        let bytes = file.metadata()?.len();
        Ok((file, bytes))
    };
    let (file, bytes) = open().map_err(|error| failed(package, "read", &error))?;
    Read::whole(file, bytes, &Limits::default())
}

/// Signs a package: `target` becomes a copy of it with this signature in place of a former one. The files
/// in it and the other signature stay. Only a store's signature is bound to a device.
///
/// # Errors
/// When the package is none, or something cannot be read, written or signed.
pub fn sign(
    package: &Path,
    target: &Path,
    key: &Signer,
    who: Who,
    hardware_id: Option<&str>,
) -> Result<(), PackageError> {
    let read = read(package)?;
    let mut footer = read.footer.clone();
    match who {
        Who::Developer => {
            footer.developer_signature = Some(key.sign_digest(&footer.digest, None)?);
        }
        Who::Store => {
            footer.store_signature = Some(key.sign_digest(&footer.digest, hardware_id)?);
        }
    }
    let plan = SigningPlan::new(
        &mut File::open(package)?,
        &read.header,
        read.files,
        &read.footers,
        &read.footer,
    );
    let output = Output::new(target)?;
    let mut copy = plan.apply(package, &footer)?;
    io::copy(&mut copy, &mut output.file()).map_err(|error| failed(target, "written", &error))?;
    output.keep(target)
}

/// Verifies the form of a package and one of its signatures.
///
/// # Errors
/// Why it does not hold.
pub fn verify(
    package: &Path,
    who: Who,
    trusted: &TrustStore,
    hardware_id: Option<&str>,
) -> Result<(), PackageError> {
    let footer = read(package)?.footer;
    let signature = match who {
        Who::Developer => footer.developer_signature.as_deref(),
        Who::Store => footer.store_signature.as_deref(),
    };
    Ok(verify_digest(
        who,
        signature,
        &footer.digest,
        hardware_id,
        trusted,
    )?)
}
