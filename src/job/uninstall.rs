//! Uninstalling an app: what it installed goes, what the user made of it stays unless asked.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::change::{Places, fail_point, note, settle_earlier, take_back};
use super::contents::Contents;
use super::queue::Inner;
use super::replace::knowledge;
use super::snapshot::Snapshot;
use super::work::{Work, scope};
use super::{Failure, FailureCode, carry, folder, trash};
use crate::app::AppName;
use crate::command::plan;
use crate::command::{Host as _, StepEnd, run};
use crate::database::{Change, ChangeKind, ChangeStep, Take};
use crate::library::Library;

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
    let (inner, name) = (&work.inner, work.name());
    settle_earlier(inner, name).await?;
    let app = name.clone();
    let is_dev = work
        .blocking(move |inner| {
            refuse_dependents(inner, &app)?;
            Ok(is_dev(inner, &app))
        })
        .await?;
    let mut change = Change::new(ChangeKind::Uninstall, inner.database.app(name).wanted);
    change.purge = purge;
    note(inner, name, &change).await?;
    let told = match leave(work, &mut change, is_dev).await {
        Ok(told) => told,
        Err(failure) => {
            stay(work, &change).await;
            return Err(failure);
        }
    };
    // No cancel counts any more.
    let number = work
        .recorder
        .begin("remove the files".to_owned(), Vec::new());
    let finished = finish(inner, name, &change).await;
    let end = match &finished {
        Ok(()) => StepEnd::Done,
        Err(_) => StepEnd::Failed,
    };
    work.recorder.end(number, end, None);
    finished?;
    for told in told {
        work.recorder.warn(told);
    }
    inner.events.publish("apps", &json!({ "name": name }));
    Ok(())
}

/// Does what can still be taken back by the service that does it. Answers what is to be told.
async fn leave(
    work: &Work,
    change: &mut Change,
    is_dev: Option<bool>,
) -> Result<Vec<String>, Failure> {
    let (inner, name) = (&work.inner, work.name());
    work.stop().await?;
    change.step = ChangeStep::Leaving;
    note(inner, name, change).await?;
    run_list(work).await?;
    let (app, noted) = (name.clone(), change.clone());
    let prepared = work.blocking(move |inner| prepare(inner, &app, is_dev, noted));
    let (prepared, told) = prepared.await?;
    *change = prepared;
    // From here on nothing goes back: the next start would finish it.
    let removing = Change {
        step: ChangeStep::Removing,
        ..change.clone()
    };
    note(inner, name, &removing).await?;
    *change = removing;
    Ok(told)
}

/// The app stays after all, and runs again if it ran.
async fn stay(work: &Work, change: &Change) {
    let mut problems = take_back(&work.inner, work.name(), change).await;
    if problems.is_empty() && change.was_wanted && !work.recorder.is_closing() {
        let started = work.start_again().await;
        problems.extend(started.err().map(|failure| failure.message));
    }
    for problem in problems {
        work.recorder.warn(problem);
    }
}

/// Whether the app belongs to a developer; none when it does not tell.
fn is_dev(inner: &Inner, name: &AppName) -> Option<bool> {
    let found = inner.apps.read(name);
    found.ok().map(|found| found.install.is_dev)
}

/// Looks what is kept, and makes the trash's entry for it. Answers what is to be told. Blocks.
fn prepare(
    inner: &Inner,
    name: &AppName,
    is_dev: Option<bool>,
    mut change: Change,
) -> Result<(Change, Vec<String>), Failure> {
    let place = inner.library.app_dir(name);
    let shown = place.display();
    match fs::symlink_metadata(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((change, Vec::new())),
        Err(error) => return Err(failed(&place, &error)),
        // The link is ours, what it leads to is not.
        Ok(found) if found.is_symlink() => return Ok((change, Vec::new())),
        Ok(_) => {}
    }
    let left = match is_dev {
        Some(false) => None,
        Some(true) => Some(format!(
            "the folder `{shown}` belongs to its developer and was left alone"
        )),
        None => Some(format!(
            "the folder `{shown}` was left alone, because its install.json does not tell whether it belongs to a developer; delete it yourself"
        )),
    };
    if let Some(left) = left {
        change.leaves_folder = true;
        return Ok((change, vec![left]));
    }
    if change.purge {
        return Ok((change, Vec::new()));
    }
    let record = inner.database.app(name);
    let version = inner
        .apps
        .read(name)
        .map(|app| app.install.version.clone())
        .unwrap_or_default();
    let mut snapshot = Snapshot {
        origin: record.origin,
        config: record.config,
        ..Snapshot::new(name.clone(), version)
    };
    if let Some(brought) = Contents::read(&place) {
        let carry = carry::find(&place, Some(&brought), &knowledge(inner, name), None)
            .map_err(|error| failed(&place, &error))?;
        if carry.take.is_empty() && snapshot.config.is_empty() {
            return Ok((change, Vec::new()));
        }
        snapshot.bytes = carry.bytes;
        change.take = carry.take;
    } else {
        // Nobody knows what of it is program and what is data.
        snapshot.whole = true;
        snapshot.bytes = folder::size(&place);
        change.take = vec![Take {
            path: String::new(),
            beside: None,
            fresh: false,
        }];
    }
    let id = trash::free_name(&inner.library, name);
    let entry = trash::entry_dir(&inner.library, &id);
    trash::make(&inner.library, &id, &snapshot).map_err(|error| failed(&entry, &error))?;
    fail_point("entry is made");
    let what = if snapshot.whole {
        "files and data"
    } else {
        "data and settings"
    };
    let told = format!(
        "its {what} ({:.1} MB) are kept in `{}`: `storekeeper trash restore {id}` brings them back, `storekeeper trash empty {id}` deletes them",
        megabytes(snapshot.bytes),
        entry.display()
    );
    change.trash = Some(id);
    Ok((change, vec![told]))
}

/// Goes on where a killed service stopped: what the list undid, nobody can do again.
pub(super) async fn go_on(
    inner: &Arc<Inner>,
    name: &AppName,
    change: &Change,
) -> Result<(), Failure> {
    if change.step >= ChangeStep::Removing {
        return finish(inner, name, change).await;
    }
    let stopped = inner.supervisor.stop(name, None).await;
    stopped.map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))?;
    let (looking, app, noted) = (Arc::clone(inner), name.clone(), change.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        let is_dev = is_dev(&looking, &app);
        prepare(&looking, &app, is_dev, noted)
    });
    let prepared = prepared.await;
    let prepared = prepared.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let (mut change, _told) = prepared?;
    change.step = ChangeStep::Removing;
    note(inner, name, &change).await?;
    finish(inner, name, &change).await
}

/// Removes what is to be removed, wherever an earlier attempt stopped.
async fn finish(inner: &Arc<Inner>, name: &AppName, change: &Change) -> Result<(), Failure> {
    let (library, app, noted) = (inner.library.clone(), name.clone(), change.clone());
    let removed = tokio::task::spawn_blocking(move || remove_files(&library, &app, &noted)).await;
    match removed {
        Ok(removed) => removed.map_err(|error| {
            let message = format!("`{name}` cannot be removed whole: {error}");
            Failure::new(FailureCode::Failed, message)
        })?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
    fail_point("removed");
    if change.purge {
        inner.database.forget_app(name).await?;
        return Ok(());
    }
    let forget = inner.database.update_app(name, |record| {
        record.installed = None;
        record.installed_at = None;
        record.origin = None;
        record.previous = None;
        record.wanted = false;
        record.change = None;
    });
    forget.await?;
    Ok(())
}

fn remove_files(library: &Library, name: &AppName, change: &Change) -> io::Result<()> {
    let places = Places::of(library, name);
    if let Some(id) = &change.trash {
        trash::show(library, id)?;
        fail_point("entry is shown");
        let data = trash::data_dir(library, id);
        for take in &change.take {
            let (from, to) = if take.path.is_empty() {
                (places.app.clone(), data.clone())
            } else {
                (places.app.join(&take.path), data.join(&take.path))
            };
            let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
            if !is_there(&from) || is_there(&to) {
                continue;
            }
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            folder::move_exactly(&from, &to)?;
            fail_point("kept one");
        }
    }
    match fs::symlink_metadata(&places.app) {
        Ok(found) if found.is_symlink() => {
            fs::remove_file(&places.app).or_else(|_| fs::remove_dir(&places.app))?;
        }
        Ok(_) if !change.leaves_folder => folder::delete_beside(&places.app)?,
        Ok(_) | Err(_) => {}
    }
    fail_point("app is gone");
    for place in [&places.previous, &places.new, &places.older] {
        folder::delete_beside(place)?;
    }
    folder::delete(&library.app_static_dir(name), name)?;
    if change.purge {
        remove_logs(library, name);
    }
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

/// Deletes the app's output. What cannot be deleted does no harm.
fn remove_logs(library: &Library, name: &AppName) {
    let log = library.app_log(name);
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
