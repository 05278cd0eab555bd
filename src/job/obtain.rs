//! From a source to an app's files, laid down beside their place and checked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use url::Url;

use super::change::{Places, fail_point};
use super::contents::{Contents, Mark, OURS};
use super::progress::Phase;
use super::queue::Inner;
use super::recorder::Recorder;
use super::set_up::copy_failed;
use super::work::Work;
use super::{Failure, FailureCode, Progress, Source, Stage, folder};
use crate::app::install::History;
use crate::app::origin::Addresses;
use crate::app::parse::{INSTALL_FILE, STORE_FILE};
use crate::app::{App, AppName, Origin, Sha256 as Checksum, parse};
use crate::archive::{self, Limits};
use crate::catalog::{self, Offer, Part};
use crate::command::Host as _;
use crate::download::{DownloadError, Fetched, Request, Trust};
use crate::package::{self, Checks, peek};
use crate::repository::PackageKind;

/// A package is smaller than this; what it unpacks to has limits of its own.
const MAX_PACKAGE_BYTES: u64 = 16 << 30;

/// A manifest is smaller than this.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// An app's files beside their place.
#[derive(Debug)]
pub(super) struct Staged {
    /// The app, in the folder where it is staged.
    pub(super) app: Arc<App>,
    /// Where it came from.
    pub(super) origin: Origin,
}

/// The files of a source, at hand: the package, and what it is laid over.
#[derive(Debug)]
pub(super) struct Files {
    /// The package, which holds the manifests.
    package: PathBuf,
    /// What messages call it.
    shown: String,
    /// The official archive, which the package is laid over.
    below: Option<PathBuf>,
    /// Where they came from.
    pub(super) origin: Origin,
    /// What was fetched stays in the cache as long as this is held.
    _holds: Vec<Fetched>,
}

/// Fetches what a source names, unless it is at hand. Nothing of the app is touched.
///
/// # Errors
/// Of the network or the disk.
pub(super) async fn fetch(work: &Work, source: &Source) -> Result<Files, Failure> {
    match source {
        Source::InPlace | Source::Folder(_) => {
            let message = "files that are in a folder need not be fetched";
            Err(Failure::new(FailureCode::Failed, message))
        }
        Source::File(path) => of_file(work, path).await,
        Source::Upload { path, name } => of_upload(work, path, name).await,
        Source::Address(addresses) => {
            of_addresses(
                work,
                addresses,
                &Trust::Given,
                LocalFiles::Refused,
                Origin::Address,
            )
            .await
        }
        Source::Again { origin, given } => of_origin(work, origin, *given).await,
        Source::Catalog { version, catalog } => {
            of_catalog(work, version.as_deref(), catalog.as_deref()).await
        }
    }
}

/// Lays fetched files down beside the app's place.
///
/// # Errors
/// Of the archive or the disk, and the package's own mistakes. What was laid down stays for the caller
/// to remove.
pub(super) async fn stage(work: &Work, files: &Files) -> Result<Staged, Failure> {
    check_ampkg(work, files).await?;
    let contents = unpack(work, files).await?;
    let name = work.name().clone();
    let (shown, origin) = (files.shown.clone(), files.origin.clone());
    let app = work
        .step("check the package", async {
            work.blocking(move |inner| staged_app(inner, &name, contents, &shown))
                .await
        })
        .await?;
    Ok(Staged { app, origin })
}

/// A package for Qt's application manager is what it says it is, and an app of ours besides.
async fn check_ampkg(work: &Work, files: &Files) -> Result<(), Failure> {
    let (package, shown) = (files.package.clone(), files.shown.clone());
    work.blocking(move |_| {
        if !peek::is_ampkg(&package) {
            return Ok(());
        }
        let refuse = |message: String| Err(Failure::new(FailureCode::Manifest, message));
        let checks = Checks {
            max_bytes: MAX_PACKAGE_BYTES,
            ..Checks::default()
        };
        if let Err(error) = package::inspect(&package, &checks) {
            return refuse(format!(
                "the package `{shown}` is damaged or no package: {error}"
            ));
        }
        let limits = Limits::default();
        let manifest = archive::read_entry(&package, INSTALL_FILE, MAX_MANIFEST_BYTES, &limits)
            .map_err(|error| package_failure(error, &package, &shown))?;
        match manifest {
            Some(_) => Ok(()),
            None => refuse(peek::needs_qt(&format!("`{shown}`"))),
        }
    })
    .await
}

async fn of_file(work: &Work, path: &Path) -> Result<Files, Failure> {
    let (package, shown) = (path.to_owned(), path.display().to_string());
    let sha256 = hash(work, path, &shown).await?;
    Ok(Files {
        origin: Origin::File {
            path: shown.clone(),
            sha256,
        },
        package,
        shown,
        below: None,
        _holds: Vec::new(),
    })
}

async fn of_upload(work: &Work, path: &Path, name: &str) -> Result<Files, Failure> {
    let sha256 = hash(work, path, name).await?;
    Ok(Files {
        origin: Origin::Upload {
            name: name.to_owned(),
            sha256,
        },
        package: path.to_owned(),
        shown: name.to_owned(),
        below: None,
        _holds: Vec::new(),
    })
}

/// What a package file holds, as 64 hexadecimal digits.
async fn hash(work: &Work, path: &Path, shown: &str) -> Result<String, Failure> {
    let (path, shown) = (path.to_owned(), shown.to_owned());
    let cancel = work.job.cancel.clone();
    work.recorder.enter(Stage::Verify);
    work.step(&format!("read `{shown}`"), async {
        work.blocking(move |_| {
            let mut hasher = Sha256::new();
            let mut read = || {
                let mut file = fs::File::open(&path)?;
                let mut buffer = vec![0_u8; 256 * 1024];
                loop {
                    let count = io::Read::read(&mut file, &mut buffer)?;
                    if count == 0 || cancel.is_cancelled() {
                        return Ok(());
                    }
                    hasher.update(buffer.get(..count).unwrap_or_default());
                }
            };
            read().map_err(|error: io::Error| {
                let code = match error.kind() {
                    io::ErrorKind::NotFound => FailureCode::NotFound,
                    _ => FailureCode::Failed,
                };
                Failure::new(
                    code,
                    format!("the package `{shown}` cannot be read: {error}"),
                )
            })?;
            Ok(Checksum(hasher.finalize().into()).to_string())
        })
        .await
    })
    .await
}

/// Whether an address may be that of a file on this computer, as a folder's catalog has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LocalFiles {
    Allowed,
    Refused,
}

/// Refuses a file that is not what it was said to be.
fn refuse_mismatch(shown: &str, expected: Option<Checksum>, found: &str) -> Result<(), Failure> {
    match expected.map(|expected| expected.to_string()) {
        Some(expected) if expected != found => Err(Failure::new(
            FailureCode::Failed,
            format!(
                "`{shown}` is not the file that was promised: its SHA-256 should be {expected} and is {found}; nothing was installed"
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Fetches both parts of an app. The adapter is the package; without one the archive is.
async fn of_addresses(
    work: &Work,
    addresses: &Addresses,
    trust: &Trust,
    files: LocalFiles,
    origin: impl FnOnce(Addresses) -> Origin,
) -> Result<Files, Failure> {
    let mut known = addresses.clone();
    let mut holds = Vec::new();
    let mut parts = Vec::new();
    for (address, mirrors, sha256) in [
        (
            &addresses.pkg,
            &addresses.pkg_mirrors,
            &mut known.pkg_sha256,
        ),
        (&addresses.url, &addresses.mirrors, &mut known.sha256),
    ] {
        if address.is_empty() {
            continue;
        }
        let addresses = urls(address, mirrors)?;
        let file = addresses
            .first()
            .filter(|address| address.scheme() == "file");
        if let Some(path) = file.and_then(|address| address.to_file_path().ok())
            && files == LocalFiles::Allowed
        {
            let (shown, expected) = (path.display().to_string(), checksum(sha256)?);
            *sha256 = hash(work, &path, &shown).await?;
            refuse_mismatch(&shown, expected, sha256)?;
            parts.push((path, shown));
            continue;
        }
        let of_repository = addresses
            .first()
            .filter(|address| address.scheme() == catalog::REPOSITORY);
        let request = match of_repository {
            Some(url) => of_repository_request(work, url, checksum(sha256)?).await?,
            None => Request {
                addresses,
                sha256: checksum(sha256)?,
                max_bytes: MAX_PACKAGE_BYTES,
                trust: trust.clone(),
            },
        };
        let fetched = fetch_one(work, &request).await?;
        *sha256 = fetched.sha256.to_string();
        parts.push((fetched.path.clone(), fetched.file_name.clone()));
        holds.push(fetched);
    }
    let Some((package, shown)) = parts.pop() else {
        let message = format!("nobody says where `{}` can be fetched", work.name());
        return Err(Failure::new(FailureCode::Invalid, message));
    };
    Ok(Files {
        package,
        shown,
        below: parts.pop().map(|(path, _)| path),
        origin: origin(known),
        _holds: holds,
    })
}

/// What is to be fetched from a repository that does not give its packages to everybody. Its address
/// is a secret, and good for a while only: it is not remembered.
async fn of_repository_request(
    work: &Work,
    url: &Url,
    sha256: Option<Checksum>,
) -> Result<Request, Failure> {
    let catalogs = &work.inner.catalogs;
    let request = catalogs.request_of(url, sha256, MAX_PACKAGE_BYTES).await;
    request.map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))
}

fn urls(address: &str, mirrors: &[String]) -> Result<Vec<Url>, Failure> {
    std::iter::once(address)
        .chain(mirrors.iter().map(String::as_str))
        .map(|address| {
            Url::parse(address.trim()).map_err(|error| {
                let shown: String = address.escape_debug().take(200).collect();
                let message = format!("`{shown}` is no address ({error}); give one that begins with https:// or http://");
                Failure::new(FailureCode::Invalid, message)
            })
        })
        .collect()
}

fn checksum(text: &str) -> Result<Option<Checksum>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let shown: String = text.escape_debug().take(80).collect();
        let message = format!("`{shown}` is no SHA-256; give 64 hexadecimal digits, or none");
        Failure::new(FailureCode::Invalid, message)
    })
}

async fn fetch_one(work: &Work, request: &Request) -> Result<Fetched, Failure> {
    let host = request.addresses.first().and_then(Url::host_str);
    let title = format!("download from {}", host.unwrap_or("nowhere"));
    let recorder = Arc::clone(&work.recorder);
    let progress = move |progress: &crate::download::Progress| {
        recorder.progress(Some(Progress {
            phase: Phase::Download,
            item: progress.address.clone(),
            completed: progress.completed,
            total: progress.total,
            bytes_per_second: progress.bytes_per_second,
            seconds_left: progress.seconds_left,
        }));
    };
    let fetched = work
        .step(&title, async {
            let downloader = &work.inner.downloader;
            let fetched = downloader.fetch(request, &work.job.cancel, &progress);
            fetched.await.map_err(|error| download_failure(&error))
        })
        .await;
    work.recorder.progress(None);
    fetched
}

fn download_failure(error: &DownloadError) -> Failure {
    let code = match error {
        DownloadError::Canceled => FailureCode::Canceled,
        DownloadError::NoAddress
        | DownloadError::Address { .. }
        | DownloadError::Refused { .. } => FailureCode::Invalid,
        _ => FailureCode::Failed,
    };
    Failure::new(code, error.to_string())
}

/// Fetches what the catalogs offer under the job's name.
async fn of_catalog(
    work: &Work,
    version: Option<&str>,
    catalog: Option<&str>,
) -> Result<Files, Failure> {
    let name = work.name();
    // The lists may have to be read from the disk first.
    let (app, wanted) = (name.clone(), catalog.map(str::to_owned));
    let offers = work
        .blocking(move |inner| {
            let mut offers = inner.catalogs.find(&app);
            if let Some(wanted) = wanted {
                offers.retain(|offer| offer.catalog.as_str() == wanted);
            }
            Ok(offers)
        })
        .await?;
    let Some((offer, older)) = choose(&offers, version) else {
        if catalog.is_none()
            && let Some((addresses, trust)) = own_history(work, version).await?
        {
            let files = LocalFiles::Refused;
            return of_addresses(work, &addresses, &trust, files, Origin::Address).await;
        }
        return Err(not_offered(name, version, catalog, &offers));
    };
    if let Some(reason) = &offer.refusal {
        let message = format!("`{name}` cannot be installed: {reason}");
        return Err(Failure::new(FailureCode::Invalid, message));
    }
    let part = |part| match older {
        Some(older) => offer.source_of(older, part, MAX_PACKAGE_BYTES),
        None => offer.source(part, MAX_PACKAGE_BYTES),
    };
    let mut addresses = Addresses::default();
    let mut holds = Vec::new();
    let mut parts = Vec::new();
    for (source, which) in [
        (part(Part::Program), Part::Program),
        (part(Part::App), Part::App),
    ] {
        let Some(source) = source else {
            continue;
        };
        let (first, others, sha256, path, shown) = match source {
            catalog::Source::Web(request) => {
                let fetched = fetch_one(work, &request).await?;
                let mut addresses = request.addresses.iter().map(Url::to_string);
                let first = addresses.next().unwrap_or_default();
                let found = (fetched.path.clone(), fetched.file_name.clone());
                let sha256 = fetched.sha256.to_string();
                let others = addresses.collect();
                holds.push(fetched);
                (first, others, sha256, found.0, found.1)
            }
            catalog::Source::Repository { url, sha256 } => {
                let request = of_repository_request(work, &url, sha256).await?;
                let fetched = fetch_one(work, &request).await?;
                let found = (fetched.path.clone(), fetched.file_name.clone());
                let sha256 = fetched.sha256.to_string();
                holds.push(fetched);
                (url.into(), Vec::new(), sha256, found.0, found.1)
            }
            catalog::Source::File { path, sha256 } => {
                let shown = path.display().to_string();
                let found = hash(work, &path, &shown).await?;
                refuse_mismatch(&shown, sha256, &found)?;
                let address =
                    Url::from_file_path(&path).map_or_else(|()| shown.clone(), Into::into);
                (address, Vec::new(), found, path, shown)
            }
        };
        match which {
            Part::App => {
                (addresses.url, addresses.mirrors, addresses.sha256) = (first, others, sha256);
            }
            Part::Program => {
                (addresses.pkg, addresses.pkg_mirrors, addresses.pkg_sha256) =
                    (first, others, sha256);
            }
        }
        parts.push((path, shown));
    }
    let Some((package, shown)) = parts.pop() else {
        let message = format!(
            "the catalog `{}` lists `{name}` without saying where it can be fetched",
            offer.catalog
        );
        return Err(Failure::new(FailureCode::NotFound, message));
    };
    Ok(Files {
        package,
        shown,
        below: parts.pop().map(|(path, _)| path),
        origin: Origin::Catalog {
            catalog: offer.catalog.to_string(),
            addresses,
        },
        _holds: holds,
    })
}

/// Where the app that is there says itself that another of its versions can be fetched.
async fn own_history(
    work: &Work,
    version: Option<&str>,
) -> Result<Option<(Addresses, Trust)>, Failure> {
    let (name, version) = (work.name().clone(), version.map(str::to_owned));
    work.blocking(move |inner| {
        let Ok(app) = inner.apps.read(&name) else {
            return Ok(None);
        };
        let mut history = app.install.history.iter();
        let older = history.find(|older| Some(&older.version) == version.as_ref());
        let addresses = older.map(|older| Addresses {
            url: older.url.clone(),
            pkg: older.pkg.clone(),
            sha256: older.sha256.clone(),
            pkg_sha256: older.pkg_sha256.clone(),
            mirrors: older.mirrors.clone(),
            pkg_mirrors: older.pkg_mirrors.clone(),
        });
        // The server that the user named for this version may have the others, too.
        let given = match inner.database.app(&name).origin {
            Some(Origin::Address(given)) => Url::parse(&given.url).ok(),
            _ => None,
        };
        let trust = given.map_or(Trust::Public, Trust::Source);
        Ok(addresses.map(|addresses| (addresses, trust)))
    })
    .await
}

/// The offer that is meant, and which of its older versions.
fn choose<'a>(
    offers: &'a [Arc<Offer>],
    version: Option<&str>,
) -> Option<(&'a Offer, Option<&'a History>)> {
    let Some(version) = version else {
        return offers.first().map(|offer| (&**offer, None));
    };
    offers.iter().find_map(|offer| {
        if offer.info.version == version {
            return Some((&**offer, None));
        }
        let mut history = offer.info.history.iter();
        let older = history.find(|older| older.version == version)?;
        Some((&**offer, Some(older)))
    })
}

fn not_offered(
    name: &AppName,
    version: Option<&str>,
    catalog: Option<&str>,
    offers: &[Arc<Offer>],
) -> Failure {
    let mut versions: Vec<&str> = Vec::new();
    for offer in offers {
        versions.push(&offer.info.version);
        versions.extend(offer.info.history.iter().map(|older| &*older.version));
    }
    let message = match (version, catalog) {
        (Some(version), _) if !versions.is_empty() => format!(
            "`{name}` {version} is not offered; there are {}",
            versions.join(", ")
        ),
        (_, Some(catalog)) => format!(
            "the catalog `{catalog}` does not offer `{name}`; `storekeeper search {name}` shows who does"
        ),
        (_, None) => format!(
            "no catalog offers `{name}`; `storekeeper catalog list` shows the catalogs, `storekeeper catalog refresh` asks them anew"
        ),
    };
    Failure::new(FailureCode::NotFound, message)
}

/// Fetches what an origin names, for an app that is to come back.
async fn of_origin(work: &Work, origin: &Origin, given: bool) -> Result<Files, Failure> {
    match origin {
        Origin::File { path, .. } => of_file(work, Path::new(path)).await,
        Origin::Address(addresses) => {
            let trust = if given { Trust::Given } else { Trust::Public };
            of_addresses(
                work,
                addresses,
                &trust,
                LocalFiles::Refused,
                Origin::Address,
            )
            .await
        }
        Origin::Catalog { catalog, addresses } => {
            let name = catalog.clone();
            let trust = work
                .blocking(move |inner| Ok(inner.catalogs.trust_of(&name)))
                .await?;
            let again = |addresses| Origin::Catalog {
                catalog: catalog.clone(),
                addresses,
            };
            let files = if given {
                LocalFiles::Allowed
            } else {
                LocalFiles::Refused
            };
            of_addresses(work, addresses, &trust, files, again).await
        }
        Origin::Folder { .. } | Origin::Upload { .. } => {
            let message = "what was sent or copied cannot be fetched again";
            Err(Failure::new(FailureCode::Failed, message))
        }
    }
}

/// The name in the package's install.json; none when it says nothing of use, which the checks tell
/// later.
pub(super) async fn name_of(work: &Work, files: &Files) -> Result<Option<AppName>, Failure> {
    let (package, shown) = (files.package.clone(), files.shown.clone());
    work.blocking(move |_| {
        let limits = Limits::default();
        let text = archive::read_entry(&package, INSTALL_FILE, MAX_MANIFEST_BYTES, &limits)
            .map_err(|error| package_failure(error, &package, &shown))?;
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(text.and_then(|text| AppName::parse(&parse::install(&text).0.name).ok()))
    })
    .await
}

fn archive_failure(error: archive::ArchiveError) -> Failure {
    crate::command::StepError::from(error).into()
}

/// Unpacks the program and lays the adapter over it, whatever came first.
async fn unpack(work: &Work, files: &Files) -> Result<Contents, Failure> {
    let place = Places::of(&work.inner.library, work.name()).new;
    let Some(below) = &files.below else {
        let mut contents = unpack_one(work, &files.package, &files.shown, &place).await?;
        return on_files(work, &files.shown, move || {
            lift(&place, &mut contents, &has_manifest)?;
            Ok(contents)
        })
        .await;
    };
    let shown = below.file_name().unwrap_or_default().to_string_lossy();
    let mut contents = unpack_one(work, below, &shown, &place).await?;
    let mut beside = place.clone().into_os_string();
    beside.push("~adapter");
    let adapter = PathBuf::from(beside);
    let mut over = unpack_one(work, &files.package, &files.shown, &adapter).await?;
    on_files(work, &files.shown, move || {
        lift(&adapter, &mut over, &has_manifest)?;
        // Where the adapter says that its program lies tells whether the archive's top is meant.
        let program = program_of(&adapter);
        let is_there = |dir: &Path| {
            let mut program = program.iter();
            program.any(|program| dir.join(program).exists())
        };
        lift(&place, &mut contents, &is_there)?;
        lay_over(&adapter, &place)?;
        folder::remove(&adapter)?;
        contents.files.extend(over.files);
        contents.links.extend(over.links);
        Ok(contents)
    })
    .await
}

fn has_manifest(dir: &Path) -> bool {
    dir.join(INSTALL_FILE).is_file()
}

async fn on_files<T: Send + 'static>(
    work: &Work,
    shown: &str,
    files: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let shown = shown.to_owned();
    work.blocking(move |_| {
        files().map_err(|error| {
            let message = format!("the files of `{shown}` cannot be put in order: {error}");
            Failure::new(FailureCode::Failed, message)
        })
    })
    .await
}

/// What is wrong with a package, by the name under which the user knows it: a file that was fetched
/// has another one in our cache.
fn package_failure(error: archive::ArchiveError, path: &Path, called: &str) -> Failure {
    use archive::ArchiveError;
    let is_its_own = match error {
        ArchiveError::Format { .. } | ArchiveError::Entry { .. } | ArchiveError::Limit { .. } => {
            true
        }
        ArchiveError::Open { .. } | ArchiveError::File { .. } | ArchiveError::Canceled => false,
    };
    let failure = archive_failure(error);
    let code = if is_its_own {
        FailureCode::Manifest
    } else {
        failure.code
    };
    let message = failure.message.replace(&path.display().to_string(), called);
    Failure::new(code, message)
}

/// Unpacks one archive into a folder that is not there yet.
async fn unpack_one(
    work: &Work,
    archive: &Path,
    shown: &str,
    to: &Path,
) -> Result<Contents, Failure> {
    let (archive, to, item) = (archive.to_owned(), to.to_owned(), shown.to_owned());
    let called = item.clone();
    let cancel = work.job.cancel.clone();
    let recorder = Arc::clone(&work.recorder);
    let done = work
        .step(&format!("unpack `{shown}`"), async {
            work.blocking(move |_| {
                folder::remove(&to).map_err(|error| copy_failed(&archive, &to, &error))?;
                let pace = Pace::new(recorder, Phase::Unpack, item);
                let unpacked = archive::unpack_new(
                    &archive,
                    &to,
                    &Limits::default(),
                    &|completed, total| {
                        pace.tell(completed, Some(total).filter(|total| *total > 0));
                    },
                    &|| cancel.is_cancelled(),
                );
                unpacked.map_err(|error| package_failure(error, &archive, &called))
            })
            .await
        })
        .await;
    work.recorder.progress(None);
    let unpacked = done?;
    for skipped in unpacked.report.skipped {
        work.recorder.warn(skipped);
    }
    fail_point("unpacked");
    let mark = |file: archive::UnpackedFile| (file.path, Mark(file.bytes, file.crc32));
    Ok(Contents {
        version: String::new(),
        files: unpacked.files.into_iter().map(mark).collect(),
        links: unpacked.links.into_iter().collect(),
    })
}

/// Lifts what lies in the one top folder of an archive, unless the folder is right as it is.
fn lift(dir: &Path, contents: &mut Contents, is_right: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    if is_right(dir) {
        return Ok(());
    }
    let Some(top) = archive::single_top(dir)? else {
        return Ok(());
    };
    let mut lifted = dir.to_owned().into_os_string();
    lifted.push("~lifted");
    let lifted = PathBuf::from(lifted);
    folder::remove(&lifted)?;
    fs::rename(dir.join(&top), &lifted)?;
    fs::remove_dir(dir)?;
    fs::rename(&lifted, dir)?;
    contents.strip(&top);
    // It was checked where it lay: one folder deeper.
    match contents.link_out() {
        Some(link) => Err(io::Error::other(format!(
            "`{link}` is a link that leads out of the package"
        ))),
        None => Ok(()),
    }
}

/// The program that an adapter names, below the app's folder.
fn program_of(adapter: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(adapter.join(STORE_FILE)).ok()?;
    let program = parse::store(&text).0.setting.bin_path;
    let below = program.strip_prefix("{exePath}").unwrap_or(&program);
    let below = Path::new(below.trim_start_matches(['/', '\\']));
    (!below.as_os_str().is_empty()).then(|| below.to_owned())
}

/// Moves everything of `from` into `to`; its files win.
fn lay_over(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_dir = entry.file_type()?.is_dir();
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_dir() && is_dir => {
                lay_over(&source, &target)?;
                continue;
            }
            // A file of the adapter's name that is a folder in the archive, or the other way round.
            Ok(found) if found.is_dir() != is_dir => folder::remove(&target)?,
            Ok(_) | Err(_) => {}
        }
        fs::rename(&source, &target)?;
    }
    Ok(())
}

/// Copies a folder of the user's beside the app's place.
pub(super) async fn copy_folder(work: &Work, from: &Path) -> Result<Staged, Failure> {
    let (name, source) = (work.name().clone(), from.to_owned());
    let cancel = work.job.cancel.clone();
    let (app, skipped) = work
        .step(&format!("take `{}`", from.display()), async {
            work.blocking(move |inner| {
                let place = Places::of(&inner.library, &name).new;
                let copy = || {
                    folder::remove(&place)?;
                    let skipped = folder::copy(&source, &place, &|| cancel.is_cancelled())?;
                    Ok((Contents::of_folder(&place, "")?, skipped))
                };
                let (contents, skipped) =
                    copy().map_err(|error| copy_failed(&source, &place, &error))?;
                let app = staged_app(inner, &name, contents, &source.display().to_string())?;
                Ok((app, skipped))
            })
            .await
        })
        .await?;
    for skipped in skipped {
        work.recorder.warn(skipped);
    }
    Ok(Staged {
        app,
        origin: Origin::Folder {
            path: from.display().to_string(),
        },
    })
}

/// Reads what was staged, and notes what it brought. Blocks.
fn staged_app(
    inner: &Inner,
    name: &AppName,
    mut contents: Contents,
    shown: &str,
) -> Result<Arc<App>, Failure> {
    let place = Places::of(&inner.library, name).new;
    let refuse = |message: String| Failure::new(FailureCode::Manifest, message);
    if !has_manifest(&place) {
        if let Some(reason) = foreign(&place) {
            return Err(refuse(format!("`{shown}` cannot be installed: {reason}")));
        }
        return Err(refuse(format!(
            "`{shown}` is no app: it has no install.json, neither at its top nor in its one top folder; give the package of an app"
        )));
    }
    let text = fs::read_to_string(place.join(INSTALL_FILE)).unwrap_or_default();
    let written = parse::install(&text).0.name;
    if !written.is_empty() && written != name.as_str() {
        return Err(refuse(format!(
            "`{shown}` is the app `{}`, not `{name}`; install it by its own name",
            written.escape_debug()
        )));
    }
    let app = inner.apps.read_from(name, &place)?;
    // What a package brings under the name of our notes is no note of ours.
    let is_ours = |path: &str| path.split('/').next() == Some(OURS);
    contents.files.retain(|path, _| !is_ours(path));
    contents.links.retain(|path, _| !is_ours(path));
    folder::remove(&place.join(OURS)).map_err(|error| copy_failed(&place, &place, &error))?;
    contents.version.clone_from(&app.install.version);
    contents.write(&place).map_err(|error| {
        let message = format!("`{}` cannot be written: {error}", place.display());
        Failure::new(FailureCode::Failed, message)
    })?;
    Ok(app)
}

/// Why a package that is none of ours cannot be installed, if it is one of those that we know.
fn foreign(place: &Path) -> Option<&'static str> {
    let top = archive::single_top(place).ok().flatten();
    let is_there = |file: &str| {
        place.join(file).is_file()
            || top
                .as_ref()
                .is_some_and(|top| place.join(top).join(file).is_file())
    };
    if is_there("cluster.json.tmpl") {
        PackageKind::Openpitrix.refusal()
    } else if is_there("Chart.yaml") {
        PackageKind::Helm.refusal()
    } else {
        None
    }
}

/// Tells how far something is, some times a second.
pub(super) struct Pace {
    recorder: Arc<Recorder>,
    phase: Phase,
    item: String,
    begin: Instant,
    told: Mutex<Instant>,
}

/// Time between two reports.
const PACE: Duration = Duration::from_millis(100);

impl Pace {
    pub(super) fn new(recorder: Arc<Recorder>, phase: Phase, item: String) -> Self {
        let now = Instant::now();
        Self {
            recorder,
            phase,
            item,
            begin: now,
            told: Mutex::new(now),
        }
    }

    /// So many bytes are done.
    pub(super) fn tell(&self, completed: u64, total: Option<u64>) {
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.elapsed() < PACE {
                return;
            }
            *told = Instant::now();
        }
        let millis = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let bytes_per_second = completed.saturating_mul(1000) / millis.max(1);
        let seconds_left = total
            .filter(|_| bytes_per_second > 0)
            .map(|total| total.saturating_sub(completed).div_ceil(bytes_per_second));
        self.recorder.progress(Some(Progress {
            phase: self.phase,
            item: self.item.clone(),
            completed,
            total,
            bytes_per_second,
            seconds_left,
        }));
    }
}
