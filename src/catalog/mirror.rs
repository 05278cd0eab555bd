//! A copy of a catalog with its packages, in a folder that is a catalog itself: for machines without
//! a network.
//!
//! ```text
//! <folder>/<os>/<arch>/<cate>.json            the lists, with relative addresses and checksums
//! <folder>/<os>/<arch>/files/<app>/<id>/<file>  what they name
//! <folder>/.mirror/                           what was fetched before, and parts of files
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::location::Location;
use super::offer::{self, Offer, Part, Source};
use super::{CatalogError, MAX_ENTRIES, blocking};
use crate::app::install::{History, InstallInfo};
use crate::app::parse::{self, CATEGORIES};
use crate::app::{AppName, Sha256};
use crate::download::{Answer, Downloader, Progress, Validators};

/// The systems and architectures that catalogs have.
pub const SYSTEMS: [&str; 3] = ["linux", "windows", "darwin"];

/// Likewise.
pub const ARCHITECTURES: [&str; 5] = ["amd64", "arm64", "386", "arm", "loong64"];

/// Largest package, bytes.
const MAX_PACKAGE_BYTES: u64 = 64 << 30;

/// What to copy; an empty list means all.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Categories.
    pub categories: Vec<String>,
    /// Apps.
    pub apps: Vec<AppName>,
    /// Systems, by Go's names.
    pub systems: Vec<String>,
    /// Architectures, likewise.
    pub architectures: Vec<String>,
    /// Older versions, too.
    pub history: bool,
}

/// What was copied.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Lists that were written.
    pub lists: usize,
    /// Apps in them.
    pub apps: usize,
    /// Files that were fetched.
    pub fetched: usize,
    /// Files that were there already.
    pub kept: usize,
    /// Bytes that were fetched.
    pub bytes: u64,
    /// What was left out, as sentences.
    pub failures: Vec<String>,
}

/// What was fetched before, by address.
#[derive(Default, Serialize, Deserialize)]
struct Known(BTreeMap<String, File>);

#[derive(Clone, Serialize, Deserialize)]
struct File {
    /// Of the version that was fetched: an address may get a new file with it.
    version: String,
    sha256: Sha256,
    bytes: u64,
    /// Below the mirror.
    path: PathBuf,
}

/// Copies a catalog into a folder. What is there already and did not change is not fetched again; it
/// may be interrupted at any time. What cannot be fetched is told in the report.
///
/// # Errors
/// When the catalog's lists cannot be fetched, or the folder cannot be written.
pub async fn mirror(
    location: &Location,
    folder: &Path,
    wanted: &Wanted,
    cancel: &CancellationToken,
    progress: &(dyn Fn(&str, &Progress) + Send + Sync),
) -> Result<Report, CatalogError> {
    let state = folder.join(".mirror");
    let mut mirror = Mirror {
        location,
        folder,
        wanted,
        cancel,
        progress,
        downloader: Downloader::new(&state.join("download")),
        known: Known::default(),
        known_path: state.join("files.json"),
        report: Report::default(),
    };
    let place = mirror.known_path.clone();
    let text = blocking(move || fs::read(place)).await.unwrap_or_default();
    mirror.known = serde_json::from_slice(&text).unwrap_or_default();
    for os in all_or(&wanted.systems, &SYSTEMS) {
        for arch in all_or(&wanted.architectures, &ARCHITECTURES) {
            // The same package stands in several lists.
            let mut done = HashMap::new();
            for category in all_or(&wanted.categories, &CATEGORIES) {
                mirror.list(os, arch, category, &mut done).await?;
            }
        }
    }
    if mirror.report.lists == 0 {
        return Err(CatalogError::Empty {
            address: location.to_string(),
        });
    }
    Ok(mirror.report)
}

fn all_or<'a>(wanted: &'a [String], all: &'a [&'a str]) -> Vec<&'a str> {
    if wanted.is_empty() {
        all.to_vec()
    } else {
        wanted.iter().map(String::as_str).collect()
    }
}

struct Mirror<'a> {
    location: &'a Location,
    folder: &'a Path,
    wanted: &'a Wanted,
    cancel: &'a CancellationToken,
    progress: &'a (dyn Fn(&str, &Progress) + Send + Sync),
    downloader: Downloader,
    known: Known,
    known_path: PathBuf,
    report: Report,
}

impl Mirror<'_> {
    async fn list(
        &mut self,
        os: &str,
        arch: &str,
        category: &str,
        done: &mut HashMap<AppName, Option<InstallInfo>>,
    ) -> Result<(), CatalogError> {
        let none = Validators::default();
        let answer = self
            .location
            .read(&self.downloader, os, arch, category, &none)
            .await?;
        let Answer::Body { bytes, from, .. } = answer else {
            return Ok(());
        };
        let text = String::from_utf8_lossy(&bytes);
        let entries = parse::list(&text, MAX_ENTRIES).map_err(|reason| CatalogError::List {
            address: format!("{}{os}/{arch}/{category}.json", self.location),
            reason,
        })?;
        let dir = self.folder.join(os).join(arch);
        let mut copied = Vec::new();
        for (mut info, problems) in entries {
            let Ok(name) = AppName::parse(&info.name) else {
                self.leave_out(&info.name, "it has no name that can be used");
                continue;
            };
            if !self.wanted.apps.is_empty() && !self.wanted.apps.contains(&name) {
                continue;
            }
            if let Some(problem) = problems.iter().find(|problem| problem.is_error()) {
                self.leave_out(&info.name, &problem.sentence());
                continue;
            }
            if let Some(known) = done.get(&name) {
                copied.extend(known.clone());
                continue;
            }
            if let Err(reason) = offer::make_whole(&mut info, &from, self.location) {
                self.leave_out(&info.name, &reason);
                continue;
            }
            let entry = self.entry(name.clone(), info, &dir).await?;
            done.insert(name, entry.clone());
            copied.extend(entry);
        }
        self.report.lists += 1;
        self.report.apps += copied.len();
        let path = dir.join(format!("{category}.json"));
        let text = serde_json::to_vec_pretty(&copied).map_err(io::Error::other);
        let list = path.clone();
        let saved = blocking(move || {
            fs::create_dir_all(dir)?;
            crate::library::save(&path, &text?)
        });
        saved.await.map_err(|error| file_error(&list, error))
    }

    fn leave_out(&mut self, name: &str, reason: &str) {
        let name: String = name.escape_debug().take(80).collect();
        let sentence = format!("`{name}` is left out: {reason}");
        if !self.report.failures.contains(&sentence) {
            self.report.failures.push(sentence);
        }
    }

    /// An entry whose files are in the mirror; none when one of them is not.
    async fn entry(
        &mut self,
        name: AppName,
        info: InstallInfo,
        dir: &Path,
    ) -> Result<Option<InstallInfo>, CatalogError> {
        let offer = Offer {
            catalog: name.clone(),
            name,
            categories: Vec::new(),
            info,
            refusal: None,
            trust: self.location.trust(),
        };
        let mut info = offer.info.clone();
        info.mirrors.clear();
        info.pkg_mirrors.clear();
        info.history.clear();
        for part in [Part::App, Part::Program] {
            let source = offer.source(part, MAX_PACKAGE_BYTES);
            let file = match self.file(&offer, &info.version, source, dir).await? {
                Ok(file) => file,
                Err(reason) => {
                    self.leave_out(&info.name, &reason);
                    return Ok(None);
                }
            };
            let Some(file) = file else { continue };
            let address = relative(&file.path, dir, self.folder);
            match part {
                Part::App => {
                    info.url = address;
                    info.sha256 = file.sha256.to_string();
                    info.size = file.bytes;
                }
                Part::Program => {
                    info.pkg = address;
                    info.pkg_sha256 = file.sha256.to_string();
                }
            }
        }
        if self.wanted.history {
            for older in &offer.info.history {
                match self.older(&offer, older, dir).await? {
                    Ok(copy) => info.history.push(copy),
                    Err(reason) => {
                        let name = format!("{} {}", offer.name, older.version);
                        self.leave_out(&name, &reason);
                    }
                }
            }
        }
        Ok(Some(info))
    }

    async fn older(
        &mut self,
        offer: &Offer,
        older: &History,
        dir: &Path,
    ) -> Result<Result<History, String>, CatalogError> {
        let mut copy = older.clone();
        copy.mirrors.clear();
        copy.pkg_mirrors.clear();
        for part in [Part::App, Part::Program] {
            let source = offer.source_of(older, part, MAX_PACKAGE_BYTES);
            let file = match self.file(offer, &older.version, source, dir).await? {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(reason) => return Ok(Err(reason)),
            };
            let address = relative(&file.path, dir, self.folder);
            match part {
                Part::App => {
                    copy.url = address;
                    copy.sha256 = file.sha256.to_string();
                    copy.size = file.bytes;
                }
                Part::Program => {
                    copy.pkg = address;
                    copy.pkg_sha256 = file.sha256.to_string();
                }
            }
        }
        Ok(Ok(copy))
    }

    /// A file of an app in the mirror: none when there is no such file, a sentence when it cannot be
    /// had.
    async fn file(
        &mut self,
        offer: &Offer,
        version: &str,
        source: Option<Source>,
        dir: &Path,
    ) -> Result<Result<Option<File>, String>, CatalogError> {
        let (address, expected) = match &source {
            None => return Ok(Ok(None)),
            // No list has such an address: only a repository's index gives it.
            Some(Source::Repository { url, .. }) => {
                return Ok(Err(format!("`{url}` is in a repository, not in a catalog")));
            }
            Some(Source::File { path, sha256 }) => (path.display().to_string(), *sha256),
            Some(Source::Web(request)) => {
                let first = request.addresses.first().map(Url::to_string);
                (first.unwrap_or_default(), request.sha256)
            }
        };
        // The address may hold a password, and a mirror is given away.
        let key = Sha256(sha2::Sha256::digest(address.as_bytes()).into()).to_string();
        let key = format!("{}/{key}", below(dir, self.folder).display());
        if let Some(known) = self.known.0.get(&key).cloned()
            && known.version == version
            && expected.is_none_or(|expected| expected == known.sha256)
        {
            let path = self.folder.join(&known.path);
            let size = blocking(move || fs::metadata(path).map(|data| data.len())).await;
            if size.is_ok_and(|size| size == known.bytes) {
                self.report.kept += 1;
                return Ok(Ok(Some(known)));
            }
        }
        let got = match source {
            None | Some(Source::Repository { .. }) => return Ok(Ok(None)),
            Some(Source::Web(request)) => {
                let tell = |progress: &Progress| (self.progress)(offer.name.as_str(), progress);
                match self.downloader.fetch(&request, self.cancel, &tell).await {
                    Ok(fetched) => (fetched.path, fetched.file_name, fetched.sha256, true),
                    // What says more about this computer ends it; the rest is one app's loss.
                    Err(error) if error.is_final() => return Err(error.into()),
                    Err(error) => return Ok(Err(error.to_string())),
                }
            }
            Some(Source::File { path, sha256 }) => {
                let name = path.file_name().unwrap_or_default();
                let name = name.to_string_lossy().into_owned();
                let place = path.clone();
                match (blocking(move || sum(&place)).await, sha256) {
                    (Ok(found), Some(expected)) if found != expected => {
                        return Ok(Err(format!(
                            "`{}` is not the file that was promised: its SHA-256 should be {expected} and is {found}",
                            path.display()
                        )));
                    }
                    (Ok(found), _) => (path, name, found, false),
                    (Err(error), _) => {
                        return Ok(Err(format!("`{}` cannot be read: {error}", path.display())));
                    }
                }
            }
        };
        let (from, name, sha256, is_ours) = got;
        let id: String = sha256.to_string().chars().take(16).collect();
        let target = dir
            .join("files")
            .join(offer.name.as_str())
            .join(id)
            .join(name);
        let (to, start) = (target.clone(), from.clone());
        let placed = blocking(move || place(&start, &to)).await;
        let bytes = placed.map_err(|error| file_error(&target, error))?;
        if is_ours {
            self.downloader.forget(&from).await;
        }
        self.report.fetched += 1;
        self.report.bytes += bytes;
        let file = File {
            version: version.to_owned(),
            sha256,
            bytes,
            path: below(&target, self.folder).to_owned(),
        };
        self.known.0.insert(key, file.clone());
        self.save_known().await?;
        Ok(Ok(Some(file)))
    }

    async fn save_known(&self) -> Result<(), CatalogError> {
        let path = self.known_path.clone();
        let text = serde_json::to_vec(&self.known).map_err(io::Error::other);
        let saved = blocking(move || {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            crate::library::save(&path, &text?)
        });
        saved
            .await
            .map_err(|error| file_error(&self.known_path, error))
    }
}

fn file_error(path: &Path, source: io::Error) -> CatalogError {
    CatalogError::File {
        path: path.to_owned(),
        source,
    }
}

fn below<'a>(path: &'a Path, folder: &Path) -> &'a Path {
    path.strip_prefix(folder).unwrap_or(path)
}

/// A file's address as seen from the lists of `dir`.
fn relative(path: &Path, dir: &Path, folder: &Path) -> String {
    let full = folder.join(path);
    let parts = full.strip_prefix(dir).unwrap_or(path).components();
    let parts: Vec<String> = parts
        .map(|part| escaped(&part.as_os_str().to_string_lossy()))
        .collect();
    parts.join("/")
}

fn escaped(part: &str) -> String {
    part.bytes()
        .map(|byte| match byte {
            b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Puts a file in its place, whole; answers its size.
fn place(from: &Path, to: &Path) -> io::Result<u64> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder)?;
    let copy = tempfile::Builder::new()
        .prefix(".storekeeper-")
        .tempfile_in(folder)?;
    let bytes = fs::copy(from, copy.path())?;
    crate::platform::set_default_mode(copy.as_file())?;
    copy.as_file().sync_all()?;
    copy.persist(to)?;
    Ok(bytes)
}

fn sum(path: &Path) -> io::Result<Sha256> {
    let mut file = fs::File::open(path)?;
    let mut digest = sha2::Sha256::new();
    let mut block = vec![0; 256 << 10];
    loop {
        match io::Read::read(&mut file, &mut block)? {
            0 => return Ok(Sha256(digest.finalize().into())),
            count => digest.update(block.get(..count).unwrap_or_default()),
        }
    }
}
