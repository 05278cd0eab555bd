//! Installing an app: from files in place, a developer's folder, or a package; over one that is there it
//! is an upgrade.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::dependencies::{Missing, refuse_circle};
use super::obtain::{self, Files, Staged};
use super::queue::Inner;
use super::replace::{Done, Gate, in_transaction, put_in_place};
use super::restore::set_config;
use super::set_up::{examine, install_list, set_up};
use super::work::{Work, check_settings, lay, refuse_cycles};
use super::{Action, Failure, FailureCode, Install, Source, Stage, folder, now};
use crate::app::{App, AppName, Origin, Version, config};
use crate::catalog;
use crate::command::Command;
use crate::command::Host as _;
use crate::database::ChangeKind;

/// Refuses what can be told at once to make no sense. Blocks.
///
/// # Errors
/// A folder or package that is not there, or another app in its place.
pub(super) fn accept(inner: &Inner, name: &AppName, wish: Install) -> Result<Install, Failure> {
    match &wish.source {
        Source::InPlace => {
            inner.apps.read(name)?;
        }
        Source::Folder(folder) => {
            let source = accept_folder(inner, name, folder)?;
            return Ok(Install { source, ..wish });
        }
        Source::File(path) => {
            refuse_relative(path)?;
            if !path.is_file() {
                let message = format!("the package `{}` is not there", path.display());
                return Err(Failure::new(FailureCode::NotFound, message));
            }
        }
        Source::Address(addresses) if addresses.is_empty() => {
            let message = format!("neither `url` nor `pkg` says where `{name}` can be fetched");
            return Err(Failure::new(FailureCode::Invalid, message));
        }
        Source::Upload { .. }
        | Source::Address(_)
        | Source::Again { .. }
        | Source::Catalog { .. } => {}
    }
    Ok(wish)
}

/// Refuses a path whose meaning depends on where the service runs.
pub(super) fn refuse_relative(path: &Path) -> Result<(), Failure> {
    if path.is_absolute() {
        return Ok(());
    }
    let message = format!("`{}` is not an absolute path; give one", path.display());
    Err(Failure::new(FailureCode::Invalid, message))
}

/// The folder to install from; what is in its place already is installed there.
fn accept_folder(inner: &Inner, name: &AppName, source: &Path) -> Result<Source, Failure> {
    let place = inner.library.app_dir(name);
    refuse_relative(source)?;
    let real = fs::canonicalize(source).map_err(|error| {
        let message = format!("the folder `{}` cannot be read: {error}", source.display());
        Failure::new(FailureCode::NotFound, message)
    })?;
    let app = inner.apps.read_from(name, &real)?;
    match fs::canonicalize(&place) {
        Ok(there) if there == real => Ok(Source::InPlace),
        // What was copied before may be followed by a newer version.
        Ok(_) if !app.install.is_dev && inner.database.app(name).origin.is_some() => {
            Ok(Source::Folder(real))
        }
        Ok(_) => Err(in_the_way(name, &place)),
        Err(_) if fs::symlink_metadata(&place).is_ok() => Err(in_the_way(name, &place)),
        Err(_) => Ok(Source::Folder(real)),
    }
}

fn in_the_way(name: &AppName, place: &Path) -> Failure {
    let message = format!(
        "there is an app `{name}` in `{}` already; uninstall it first",
        place.display()
    );
    Failure::new(FailureCode::Conflict, message)
}

/// Installs it.
pub(super) async fn install(work: &Work, wish: Install) -> Result<(), Failure> {
    match &wish.source {
        Source::InPlace => in_place(work, &wish).await,
        Source::Folder(folder) => of_folder(work, folder, &wish).await,
        Source::File(_) | Source::Address(_) | Source::Again { .. } | Source::Catalog { .. } => {
            of_package(work, &wish).await
        }
        Source::Upload { path, .. } => {
            let done = of_package(work, &wish).await;
            // It was sent for this job alone. What cannot be removed now goes with the next start.
            let _ = tokio::fs::remove_file(path).await;
            done
        }
    }
}

/// Sets an app up whose files are in place. They are never touched.
async fn in_place(work: &Work, wish: &Install) -> Result<(), Failure> {
    let name = work.name().clone();
    let read = work.blocking(move |inner| {
        let app = inner.apps.read(&name)?;
        examine(&app).map(|warnings| (app, warnings))
    });
    work.recorder.enter(Stage::Verify);
    let (app, warnings) = work
        .step("check the manifests and dependencies", read)
        .await?;
    for warning in warnings {
        work.recorder.warn(warning);
    }
    provide(work, &app, wish).await?;
    let read = Arc::clone(&app);
    let plan = work
        .blocking(move |inner| {
            let plan = install_list(&read)?;
            refuse_cycles(inner, &read, false, &plan)?;
            Ok(plan)
        })
        .await?;
    if !wish.settings.is_empty() {
        settle(work, &app, wish).await?;
    }
    let app = set_up(work, &plan, BTreeMap::new()).await?;
    if wish.start {
        work.start(&Command::Start).await?;
    }
    let version = app.install.version.clone();
    let database = &work.inner.database;
    database
        .update_app(work.name(), move |record| {
            record.installed = Some(version);
            record.installed_at = Some(now());
        })
        .await?;
    work.inner
        .events
        .publish("apps", &json!({ "name": work.name() }));
    Ok(())
}

/// Saves the settings that the app is to be installed with.
async fn settle(work: &Work, app: &Arc<App>, wish: &Install) -> Result<(), Failure> {
    let config = wished_config(work, app, wish)?;
    let keys: Vec<&str> = wish.settings.keys().map(String::as_str).collect();
    work.step(&format!("set {}", keys.join(", ")), async {
        let change = work
            .inner
            .database
            .update_app(work.name(), move |record| record.config = config);
        change.await.map(drop).map_err(Failure::from)
    })
    .await
}

/// The settings of the app with those laid over them that it is to be installed with.
fn wished_config(work: &Work, app: &App, wish: &Install) -> Result<Map<String, Value>, Failure> {
    let mut set = work.inner.database.app(work.name()).config;
    let settings = config::accept(wish.settings.clone())
        .map_err(|error| Failure::new(FailureCode::Invalid, error.to_string()))?;
    lay(&mut set, &settings, &[]);
    if let Some(store) = &app.store {
        check_settings(store, &set, settings.keys().map(String::as_str))?;
    }
    Ok(set)
}

/// Sees to it that what the app needs is there.
async fn provide(work: &Work, app: &Arc<App>, wish: &Install) -> Result<(), Failure> {
    let missing = look(work, app).await?;
    if wish.dependencies {
        missing.install(work).await?;
        look(work, app).await?.refuse(app)
    } else {
        missing.refuse(app)
    }
}

async fn look(work: &Work, app: &Arc<App>) -> Result<Missing, Failure> {
    let app = Arc::clone(app);
    work.blocking(move |inner| Ok(Missing::of(inner, &app)))
        .await
}

/// Installs from a folder: a developer's is linked, any other copied.
async fn of_folder(work: &Work, folder: &Path, wish: &Install) -> Result<(), Failure> {
    let (name, from) = (work.name().clone(), folder.to_owned());
    // Once more: since it was accepted another job may have changed something.
    let accepted = work.blocking(move |inner| {
        let source = accept_folder(inner, &name, &from)?;
        let Source::Folder(from) = source else {
            return Ok(None);
        };
        let app = inner.apps.read_from(&name, &from)?;
        examine(&app)?;
        Ok(Some((from, app.install.is_dev)))
    });
    match accepted.await? {
        None => in_place(work, wish).await,
        Some((from, true)) if link(work, &from).await? => {
            let done = in_place(work, wish).await;
            if done.is_err() {
                unlink(work).await;
            }
            done
        }
        Some((from, _)) => {
            transaction(work, wish, async || obtain::copy_folder(work, &from).await).await
        }
    }
}

/// Links a developer's folder to its place. Where the system has no links, answers that.
async fn link(work: &Work, from: &Path) -> Result<bool, Failure> {
    let (name, source) = (work.name().clone(), from.to_owned());
    let title = format!("link `{}`", from.display());
    work.step(&title, async {
        work.blocking(move |inner| {
            let place = inner.library.app_dir(&name);
            Ok(folder::link(&source, &place).is_ok())
        })
        .await
    })
    .await
}

/// Takes back what this job linked, after it failed.
async fn unlink(work: &Work) {
    let name = work.name().clone();
    let stopped = work.inner.supervisor.stop(&name, None).await;
    let noted = work
        .inner
        .database
        .update_app(&name, |record| record.wanted = false)
        .await;
    let removed = work
        .blocking(move |inner| {
            folder::delete(&inner.library.app_dir(&name), &name)
                .and_then(|()| folder::delete(&inner.library.app_static_dir(&name), &name))
                .map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))
        })
        .await;
    let errors = [
        stopped.err().map(|error| error.to_string()),
        noted.err().map(|error| error.to_string()),
        removed.err().map(|failure| failure.message),
    ];
    for error in errors.into_iter().flatten() {
        work.recorder
            .warn(format!("not everything could be taken back: {error}"));
    }
}

/// Installs a package, fetching it first where it is not at hand.
async fn of_package(work: &Work, wish: &Install) -> Result<(), Failure> {
    if wish.dependencies && matches!(wish.source, Source::Catalog { .. }) {
        let name = work.name().clone();
        work.blocking(move |inner| refuse_circle(inner, &name))
            .await?;
    }
    if wish.only_newer && !is_offered_newer(work, &wish.source).await? {
        return work
            .step("it is up to date already", async { Ok(()) })
            .await;
    }
    work.recorder.enter(Stage::Download);
    let files = obtain::fetch(work, &wish.source).await?;
    work.recorder.enter(Stage::Unpack);
    if !wish.name_is_given
        && let Some(name) = obtain::name_of(work, &files).await?
        && name != *work.name()
    {
        return under_its_name(work, &name, wish, files).await;
    }
    transaction(work, wish, async || obtain::stage(work, &files).await).await
}

/// Whether the catalogs have a version that the user may want instead of the one that is there.
async fn is_offered_newer(work: &Work, source: &Source) -> Result<bool, Failure> {
    let Source::Catalog {
        version: None,
        catalog,
    } = source
    else {
        return Ok(true);
    };
    let (name, wanted) = (work.name().clone(), catalog.clone());
    work.blocking(move |inner| {
        let record = inner.database.app(&name);
        if record.pinned {
            let message = format!(
                "`{name}` is pinned at {}; let it go first (`storekeeper pin {name} --off`)",
                record.installed.unwrap_or_default()
            );
            return Err(Failure::new(FailureCode::Conflict, message));
        }
        let mut offers = inner.catalogs.find(&name);
        offers.retain(|offer| {
            wanted
                .as_ref()
                .is_none_or(|wanted| offer.catalog.as_str() == wanted)
        });
        // What is not offered at all is told when it is fetched.
        let offer = offers.first();
        Ok(offer.is_none_or(|offer| catalog::is_update(&record, &offer.info.version)))
    })
    .await
}

/// The job's name was a guess: the package is installed by a job of its own name.
async fn under_its_name(
    work: &Work,
    name: &AppName,
    wish: &Install,
    files: Files,
) -> Result<(), Failure> {
    let source = match (&wish.source, files.origin) {
        // With what was learned of them they are not fetched again.
        (Source::Address(_), Origin::Address(addresses)) => Source::Address(addresses),
        (source, _) => source.clone(),
    };
    let wish = Install {
        source,
        name_is_given: true,
        ..wish.clone()
    };
    work.recorder.found(name);
    let installed = work.recorder.other(name, Action::Install(wish));
    work.step(&format!("install {name}"), installed).await
}

/// Puts what `stage` lays down into the app's place.
async fn transaction(
    work: &Work,
    wish: &Install,
    stage: impl AsyncFnOnce() -> Result<Staged, Failure>,
) -> Result<(), Failure> {
    let place = work.inner.library.app_dir(work.name());
    let kind = if place.is_symlink() || place.exists() {
        ChangeKind::Upgrade
    } else {
        ChangeKind::Install
    };
    in_transaction(work, kind, None, async |change| {
        let staged = stage().await?;
        may_follow(work, &staged, wish).await?;
        provide(work, &staged.app, wish).await?;
        if !wish.settings.is_empty() {
            let config = wished_config(work, &staged.app, wish)?;
            set_config(work, change, config).await?;
        }
        let gate = Gate {
            start: wish.start,
            take_data: true,
        };
        let previous = put_in_place(work, change, &staged.app, gate).await?;
        Ok(Done {
            version: staged.app.install.version.clone(),
            origin: Some(staged.origin),
            previous,
        })
    })
    .await
}

/// Whether a staged app may take the place of the one that is there.
async fn may_follow(work: &Work, staged: &Staged, wish: &Install) -> Result<(), Failure> {
    let (name, wish) = (work.name().clone(), wish.clone());
    let (app, origin) = (Arc::clone(&staged.app), staged.origin.clone());
    work.blocking(move |inner| {
        let place = inner.library.app_dir(&name);
        if fs::symlink_metadata(&place).is_err() {
            return Ok(());
        }
        let there = inner.apps.read(&name).ok();
        let is_dev = there.as_ref().is_some_and(|there| there.install.is_dev);
        if is_dev || place.is_symlink() {
            let message = format!(
                "`{name}` is a developer's app, and its folder `{}` belongs to its developer; uninstall it first",
                place.display()
            );
            return Err(Failure::new(FailureCode::Conflict, message));
        }
        if !wish.replace {
            refuse_stranger(inner, &name, there.as_deref(), &origin, &place)?;
        }
        let old = there.map_or_else(String::new, |there| there.install.version.clone());
        let new = &app.install.version;
        // Who names a version means it.
        let is_named = matches!(&wish.source, Source::Catalog { version: Some(_), .. });
        if !wish.older && !is_named && Version::parse(new) < Version::parse(&old) {
            let message = format!(
                "`{name}` {old} is there, and this is the older version {new}; ask for older versions to be taken (--older), or for the version before (`storekeeper rollback {name}`)"
            );
            return Err(Failure::new(FailureCode::Conflict, message));
        }
        Ok(())
    })
    .await
}

/// Refuses a package that may be another app of the same name.
fn refuse_stranger(
    inner: &Inner,
    name: &AppName,
    there: Option<&App>,
    origin: &Origin,
    place: &Path,
) -> Result<(), Failure> {
    let old = inner.database.app(name).origin;
    let whence = match (&old, there) {
        (Some(old), _) if old.is_succeeded_by(origin) => return Ok(()),
        (Some(old), _) => format!("was installed from {}", old.in_words()),
        // What somebody put there says itself where it can be fetched.
        (None, Some(there)) if names(there, origin) => return Ok(()),
        (None, _) => format!("was put into `{}` by hand", place.display()),
    };
    let message = format!(
        "the app `{name}` that is there {whence}, and this one comes from {}: it may be another app of the same name; uninstall the old one, or ask for it to be replaced (--replace)",
        origin.in_words()
    );
    Err(Failure::new(FailureCode::Conflict, message))
}

/// Whether an app's own manifest names the addresses of an origin.
fn names(app: &App, origin: &Origin) -> bool {
    let addresses = match origin {
        Origin::Address(addresses) | Origin::Catalog { addresses, .. } => addresses,
        Origin::Folder { .. } | Origin::File { .. } | Origin::Upload { .. } => return false,
    };
    let same = |a: &str, b: &str| !a.is_empty() && a == b;
    same(&app.install.url, &addresses.url) || same(&app.install.pkg, &addresses.pkg)
}
