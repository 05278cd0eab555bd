//! Uninstalling an app: what it installed goes, what the user made of it stays unless asked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::queue::Inner;
use super::work::{Work, scope};
use super::{Failure, FailureCode, folder, now};
use crate::app::AppName;
use crate::command::plan;
use crate::command::{Host as _, run};

/// The list that is run when an app is uninstalled.
const LIST: &str = "uninstall";

/// Refuses while installed apps depend on it. Blocks.
pub(super) fn refuse_dependents(inner: &Inner, name: &AppName) -> Result<(), Failure> {
    let installed: Vec<AppName> = inner.database.with_apps(|apps| {
        apps.iter()
            .filter(|(other, record)| record.installed.is_some() && *other != name)
            .map(|(other, _)| other.clone())
            .collect()
    });
    let dependents: Vec<&str> = installed
        .iter()
        .filter(|other| {
            inner.apps.read(other).is_ok_and(|app| {
                let mut needs = app.install.dependencies.iter();
                needs.any(|needed| needed.name == name.as_str())
            })
        })
        .map(AppName::as_str)
        .collect();
    if dependents.is_empty() {
        return Ok(());
    }
    Err(Failure {
        data: json!({ "dependents": dependents }),
        ..Failure::new(
            FailureCode::Conflict,
            format!(
                "`{name}` is needed by {}; uninstall that first",
                dependents.join(", ")
            ),
        )
    })
}

/// Uninstalls it.
pub(super) async fn uninstall(work: &Work, purge: bool) -> Result<(), Failure> {
    let name = work.name().clone();
    let is_dev = work
        .blocking(move |inner| {
            refuse_dependents(inner, &name)?;
            let app = inner.apps.read(&name);
            Ok(app.map_or(None, |app| Some(app.install.is_dev)))
        })
        .await?;
    work.stop().await?;
    run_list(work).await?;
    forget(work, purge).await?;
    let name = work.name().clone();
    let removed = work
        .step("remove the files", async {
            work.blocking(move |inner| {
                folder::delete(&inner.library.app_static_dir(&name), &name)
                    .map_err(|error| failed(&inner.library.app_static_dir(&name), &error))?;
                remove_folder(inner, &name, is_dev, purge)
            })
            .await
        })
        .await?;
    if let Some(told) = removed {
        work.recorder.warn(told);
    }
    work.inner
        .events
        .publish("apps", &json!({ "name": work.name() }));
    Ok(())
}

/// Runs the app's `uninstall` list, if it has one. Its errors do not keep the app from going.
async fn run_list(work: &Work) -> Result<(), Failure> {
    let name = work.name().clone();
    let list = work
        .blocking(move |inner| {
            let app = inner.apps.read(&name)?;
            let plan = match &app.store {
                Some(store) if store.commands.contains_key(LIST) => plan::compile(store, LIST),
                _ => return Ok(None),
            };
            let plan = plan.map_err(|problems| super::work::mistakes(&app, problems))?;
            let scope = scope(inner, &app, &inner.apps.config(&app))?;
            Ok(Some((app, scope, plan)))
        })
        .await;
    let done = match list {
        Ok(None) => Ok(()),
        Ok(Some((app, scope, plan))) => run(&plan, &work.context(app, scope))
            .await
            .map_err(Failure::from),
        Err(failure) if failure.code == FailureCode::NotFound => Ok(()),
        Err(failure) => Err(failure),
    };
    match done {
        Err(failure) if failure.code == FailureCode::Canceled => Err(failure),
        Err(failure) => {
            let message = failure.message;
            work.recorder.warn(format!(
                "the list `{LIST}` was not run to its end: {message}"
            ));
            // A list may have started the app again.
            work.stop().await
        }
        Ok(()) if work.inner.database.app(work.name()).wanted => work.stop().await,
        Ok(()) => Ok(()),
    }
}

/// Forgets that it is installed. This comes before the files go, so that a crash in between leaves
/// files without a record, which can be installed or uninstalled again.
async fn forget(work: &Work, purge: bool) -> Result<(), Failure> {
    let database = &work.inner.database;
    if purge {
        database.forget_app(work.name()).await?;
        return Ok(());
    }
    database
        .update_app(work.name(), |record| {
            record.installed = None;
            record.installed_at = None;
            record.wanted = false;
        })
        .await?;
    Ok(())
}

/// Removes the app's folder, and answers what is to be told about it.
fn remove_folder(
    inner: &Inner,
    name: &AppName,
    is_dev: Option<bool>,
    purge: bool,
) -> Result<Option<String>, Failure> {
    let place = inner.library.app_dir(name);
    let shown = place.display();
    let found = match fs::symlink_metadata(&place) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&place, &error)),
    };
    if purge {
        remove_logs(inner, name);
    }
    if found.is_symlink() {
        fs::remove_file(&place)
            .or_else(|_| fs::remove_dir(&place))
            .map_err(|error| failed(&place, &error))?;
        return Ok(None);
    }
    match is_dev {
        Some(true) => Ok(Some(format!(
            "the folder `{shown}` belongs to its developer and was left alone"
        ))),
        None => Ok(Some(format!(
            "the folder `{shown}` was left alone, because its install.json does not tell whether it belongs to a developer; delete it yourself"
        ))),
        Some(false) if purge => {
            folder::delete(&place, name).map_err(|error| failed(&place, &error))?;
            Ok(None)
        }
        Some(false) => {
            let trash = inner.library.home().join("trash");
            let kept = free_name(&trash, name);
            let bytes = folder::size(&place);
            crate::platform::create_private_dir(&trash)
                .and_then(|()| fs::rename(&place, &kept))
                .map_err(|error| failed(&kept, &error))?;
            Ok(Some(format!(
                "its files and data ({:.1} MB) are kept in `{}`; delete them when you need them no more",
                megabytes(bytes),
                kept.display()
            )))
        }
    }
}

/// A name in the trash that nothing has yet.
fn free_name(trash: &Path, name: &AppName) -> PathBuf {
    let mut second = now() / 1000;
    loop {
        let path = trash.join(format!("{name}-{second}"));
        if fs::symlink_metadata(&path).is_err() {
            return path;
        }
        second += 1;
    }
}

/// Deletes the app's output. What cannot be deleted does no harm.
fn remove_logs(inner: &Inner, name: &AppName) {
    let log = inner.library.app_log(name);
    let _ = fs::remove_file(&log);
    for number in 1..=9 {
        let mut rotated = log.clone().into_os_string();
        rotated.push(format!(".{number}"));
        let _ = fs::remove_file(rotated);
    }
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 100_000).unwrap_or(u32::MAX)) / 10.0
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let message = format!("`{}` cannot be removed: {error}", path.display());
    Failure::new(FailureCode::Failed, message)
}
