//! A package that is sent to us: written to a file as it comes, so that its size costs no memory.

use std::path::{Path, PathBuf};

use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, web};
use futures_util::{Stream, StreamExt as _};
use serde_json::json;
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::error::ApiError;
use super::jobs;
use super::pace::Pace;
use super::state::State;
use crate::app::{AppName, parse};
use crate::archive::{self, Limits};
use crate::job::{Action, Failure, FailureCode, Install, Source, Ticket};
use crate::library::Library;
use crate::package::peek;
use crate::repository::PackageKind;

/// The largest package that is taken.
pub(super) const MAX_BYTES: u64 = 8 << 30;

/// What stays free on the disk.
const RESERVE_BYTES: u64 = 64 << 20;

/// How often the disk is asked whether there is still room.
const LOOK_BYTES: u64 = 64 << 20;

/// Written at once: small writes would cost a change of threads each.
const BLOCK: usize = 256 << 10;

/// Larger manifests are mistakes.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// A package that came in whole.
pub(super) struct Package {
    file: Partial,
    /// The name of the app in it.
    pub name: AppName,
}

impl Package {
    /// The file.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Asks for its installation. The file goes with the job, however that ends.
    ///
    /// # Errors
    /// What the jobs refuse at once; nothing is left then.
    pub(super) async fn submit(
        self,
        state: &State,
        sent_as: &str,
        wish: Install,
    ) -> Result<Ticket, ApiError> {
        let install = Install {
            source: Source::Upload {
                path: self.file.path().to_owned(),
                name: shown(sent_as),
            },
            name_is_given: true,
            ..wish
        };
        let ticket = state.submit(&self.name, Action::Install(install)).await?;
        let (service, job, file) = (state.service.clone(), ticket.id, self.file);
        // Not only the job deletes it: one that is canceled while it waits never begins.
        state.main.spawn(async move {
            jobs::ended(service, job).await;
            drop(file);
        });
        Ok(ticket)
    }
}

/// The name that a client gave its file, fit to be shown and kept.
fn shown(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    if name.is_empty() {
        "package".to_owned()
    } else {
        name
    }
}

/// A file on its way in. It is deleted, on a thread for that, when nobody wants it.
pub(super) struct Partial(Option<TempPath>);

impl Partial {
    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        self.0
            .as_deref()
            .expect("it is taken only when it is dropped")
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Deleting a large file takes its time.
            runtime.spawn_blocking(move || drop(path));
        }
    }
}

/// Takes what a client sends, and looks which app is in it.
///
/// # Errors
/// Too large, too slow, cut off, no room, or no package. Nothing is left then.
pub(super) async fn receive<E: std::fmt::Display>(
    request: &HttpRequest,
    library: &Library,
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Package, ApiError> {
    let file = receive_file(request, library, chunks).await?;
    let path = file.path().to_owned();
    let name = web::block(move || name_in(&path, "the file that was sent")).await??;
    Ok(Package { file, name })
}

/// Takes what a client sends, whatever it is.
///
/// # Errors
/// Too large, too slow, cut off, or no room. Nothing is left then.
pub(super) async fn receive_file<E: std::fmt::Display>(
    request: &HttpRequest,
    library: &Library,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Partial, ApiError> {
    let declared = declared(request).unwrap_or(0);
    let folder = library.upload_dir();
    let made = web::block(move || -> Result<_, ApiError> {
        let fail = |error: std::io::Error| cannot_write(&folder, &error);
        crate::platform::create_private_dir(&folder).map_err(fail)?;
        need_room(&folder, declared)?;
        // Made with mode 0600.
        let file = tempfile::Builder::new()
            .prefix("")
            .tempfile_in(&folder)
            .map_err(fail)?;
        let (file, path) = file.into_parts();
        Ok((file, Partial(Some(path)), folder))
    });
    let (file, partial, folder) = made.await??;
    let mut file = File::from_std(file);
    file.set_max_buf_size(BLOCK);
    let mut file = tokio::io::BufWriter::with_capacity(BLOCK, file);
    let mut pace = Pace::begin();
    let (mut written, mut look_at) = (0_u64, LOOK_BYTES);
    loop {
        let chunk = tokio::time::timeout(pace.patience(), chunks.next())
            .await
            .map_err(|_| too_slow())?;
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| {
            ApiError::invalid(format!(
                "the package did not arrive whole: {error}; send it again"
            ))
        })?;
        let count = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        pace.add(count);
        written += count;
        if written > MAX_BYTES {
            return Err(too_large());
        }
        if written > look_at {
            look_at = written + LOOK_BYTES;
            let folder = folder.clone();
            web::block(move || need_room(&folder, LOOK_BYTES)).await??;
        }
        file.write_all(&chunk)
            .await
            .map_err(|error| cannot_write(partial.path(), &error))?;
    }
    file.flush()
        .await
        .map_err(|error| cannot_write(partial.path(), &error))?;
    drop(file);
    Ok(partial)
}

/// How much the client says that it sends.
fn declared(request: &HttpRequest) -> Option<u64> {
    let value = request.headers().get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn need_room(folder: &Path, bytes: u64) -> Result<(), ApiError> {
    if bytes > MAX_BYTES {
        return Err(too_large());
    }
    match archive::free_bytes(folder) {
        Some(free) if free < bytes.saturating_add(RESERVE_BYTES) => Err(ApiError::new(
            StatusCode::INSUFFICIENT_STORAGE,
            format!(
                "the disk of `{}` has {} MB left, too little for the package; free some space and send it again",
                folder.display(),
                free / 1_000_000
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the package is larger than 8 GiB; install it as a file: `storekeeper install FILE`",
    )
}

pub(super) fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "the package came too slowly, or not at all for 30 s; send it again",
    )
}

fn cannot_write(path: &Path, error: &std::io::Error) -> ApiError {
    ApiError::internal(format!(
        "`{}` cannot be written: {error}; make room or make it writable, and send the package again",
        path.display()
    ))
}

/// Why a package without an `install.json` cannot be installed, if it is one of those for clusters.
/// Blocks.
fn needs_cluster(package: &Path) -> Option<&'static str> {
    let has = |file: &str| {
        let read = archive::read_entry(package, file, MAX_MANIFEST_BYTES, &Limits::default());
        matches!(read, Ok(Some(_)))
    };
    if has("cluster.json.tmpl") {
        PackageKind::Openpitrix.refusal()
    } else if has("Chart.yaml") {
        PackageKind::Helm.refusal()
    } else {
        None
    }
}

/// The name of the app in a package; `shown` is how the user knows the package. Blocks.
///
/// # Errors
/// No package, or one without a sound `install.json`.
pub(super) fn name_in(package: &Path, shown: &str) -> Result<AppName, ApiError> {
    let limits = Limits::default();
    let read = archive::read_entry(package, "install.json", MAX_MANIFEST_BYTES, &limits);
    let text = read.map_err(|error| {
        // The name on our disk means nothing to whoever sent it.
        let error = error
            .to_string()
            .replace(&format!("`{}`", package.display()), shown);
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("{error}; send an app's folder as one .zip, .tar, .tar.gz or .tar.bz2"),
        )
    })?;
    let text = text.ok_or_else(|| {
        let message = if peek::is_ampkg(package) {
            peek::needs_qt(shown)
        } else if let Some(reason) = needs_cluster(package) {
            format!("{shown} cannot be installed: {reason}")
        } else {
            format!("{shown} is no package: it has no install.json at its top; add one")
        };
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    })?;
    let text = String::from_utf8_lossy(&text);
    let (info, problems) = parse::install(&text);
    if let Some(first) = problems.iter().find(|problem| problem.is_error()) {
        return Err(Failure {
            code: FailureCode::Manifest,
            message: format!(
                "the install.json of {shown} has a mistake: {}; correct it and pack it again",
                first.message
            ),
            data: json!({ "problems": problems }),
        }
        .into());
    }
    Ok(AppName::parse(&info.name)?)
}

/// What a service that was killed left of packages on their way in. To be looked for before new ones
/// come. Blocks.
pub(super) fn left_over(library: &Library) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(library.upload_dir());
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_sent_file_is_its_last_part() {
        for (name, expected) in [
            ("x.zip", "x.zip"),
            ("C:\\fakepath\\x.zip", "x.zip"),
            ("../../x\n.zip", "x.zip"),
            ("", "package"),
        ] {
            assert_eq!(shown(name), expected);
        }
    }
}
