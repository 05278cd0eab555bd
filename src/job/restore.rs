//! An app comes back as it was: from the trash, or from an export.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use super::carry::{self, Knowledge};
use super::change::{Places, fail_point, note};
use super::contents::Contents;
use super::obtain::{self, Staged};
use super::replace::{Done, Gate, in_transaction, manner, put_in_place};
use super::set_up::copy_failed;
use super::snapshot::{DATA, Snapshot};
use super::work::Work;
use super::{Failure, FailureCode, Source, folder, trash};
use crate::app::Origin;
use crate::archive::{self, Limits};
use crate::command::Host as _;
use crate::database::{Change, ChangeKind, ChangeStep, Manner, Take};

/// Puts an entry of the trash back, with its program.
pub(super) async fn restore(
    work: &Work,
    entry: &str,
    package: Option<&Path>,
) -> Result<(), Failure> {
    // What was uninstalled here was installed here, from where its user said.
    restore_from(work, entry, package, true).await
}

async fn restore_from(
    work: &Work,
    entry: &str,
    package: Option<&Path>,
    given: bool,
) -> Result<(), Failure> {
    let (name, id) = (work.name().clone(), entry.to_owned());
    let read = work.blocking(move |inner| {
        let entry = trash::find(&inner.library, &id)?;
        if entry.app != name {
            let message = format!("`{id}` holds the data of `{}`, not of `{name}`", entry.app);
            return Err(Failure::new(FailureCode::Invalid, message));
        }
        if fs::symlink_metadata(inner.library.app_dir(&name)).is_ok() {
            let message = format!(
                "there is an app `{name}`; uninstall it first: its data go to the trash as well"
            );
            return Err(Failure::new(FailureCode::Conflict, message));
        }
        Snapshot::read(&trash::entry_dir(&inner.library, &id)).ok_or_else(|| {
            let message = format!("the description of `{id}` in the trash cannot be read");
            Failure::new(FailureCode::Failed, message)
        })
    });
    let snapshot = read.await?;
    bring_back(work, entry, &snapshot, package, given).await
}

async fn bring_back(
    work: &Work,
    entry: &str,
    snapshot: &Snapshot,
    package: Option<&Path>,
    given: bool,
) -> Result<(), Failure> {
    let files = if snapshot.whole {
        None
    } else {
        let source = source(snapshot, package, given)?;
        match &source {
            Source::Folder(_) => None,
            _ => Some(obtain::fetch(work, &source).await?),
        }
    };
    let kind = ChangeKind::Restore;
    in_transaction(work, kind, Some(entry.to_owned()), async |change| {
        let (app, origin) = if snapshot.whole {
            (
                take_whole(work, change, entry).await?,
                snapshot.origin.clone(),
            )
        } else {
            let staged = match &files {
                Some(files) => obtain::stage(work, files).await?,
                None => copied(work, snapshot).await?,
            };
            refuse_other_version(work, snapshot, &staged)?;
            take_data(work, change, entry).await?;
            (staged.app, Some(staged.origin))
        };
        set_config(work, change, snapshot.config.clone()).await?;
        let gate = Gate {
            start: false,
            take_data: true,
        };
        put_in_place(work, change, &app, gate).await?;
        Ok(Done {
            version: app.install.version.clone(),
            origin,
            previous: None,
        })
    })
    .await
}

async fn copied(work: &Work, snapshot: &Snapshot) -> Result<Staged, Failure> {
    match &snapshot.origin {
        Some(Origin::Folder { path }) => obtain::copy_folder(work, Path::new(path)).await,
        _ => Err(no_program(snapshot)),
    }
}

/// Where the program can be had.
fn source(snapshot: &Snapshot, package: Option<&Path>, given: bool) -> Result<Source, Failure> {
    if let Some(package) = package {
        super::install::refuse_relative(package)?;
        return Ok(Source::File(package.to_owned()));
    }
    match &snapshot.origin {
        Some(origin @ (Origin::Address(addresses) | Origin::Catalog { addresses, .. }))
            if !addresses.is_empty() =>
        {
            Ok(Source::Again {
                origin: origin.clone(),
                given,
            })
        }
        Some(Origin::File { path, .. }) if Path::new(path).is_file() => {
            Ok(Source::File(path.into()))
        }
        Some(Origin::Folder { path }) if Path::new(path).is_dir() => {
            Ok(Source::Folder(path.into()))
        }
        _ => Err(no_program(snapshot)),
    }
}

fn no_program(snapshot: &Snapshot) -> Failure {
    let whence = match &snapshot.origin {
        Some(origin) => format!(
            "it was installed from {}, which is not there",
            origin.in_words()
        ),
        None => "nobody knows where it came from".to_owned(),
    };
    Failure::new(
        FailureCode::Conflict,
        format!(
            "the program of `{}` {} cannot be had again ({whence}); give its package (--package FILE)",
            snapshot.app, snapshot.version
        ),
    )
}

/// Data of one version are not given to another by accident.
fn refuse_other_version(work: &Work, snapshot: &Snapshot, staged: &Staged) -> Result<(), Failure> {
    let found = &staged.app.install.version;
    if *found == snapshot.version {
        return Ok(());
    }
    let message = format!(
        "the data are of `{}` {}, and the program that is there to be had is {found}; give the package of {} (--package FILE), and upgrade afterwards",
        work.name(),
        snapshot.version,
        snapshot.version
    );
    Err(Failure::new(FailureCode::Conflict, message))
}

/// Gives the app the settings that it had.
pub(super) async fn set_config(
    work: &Work,
    change: &mut Change,
    config: Map<String, Value>,
) -> Result<(), Failure> {
    let database = &work.inner.database;
    change.config = Some(database.app(work.name()).config);
    let noted = change.clone();
    let set = database.update_app(work.name(), move |record| {
        record.change = Some(noted);
        record.config = config;
    });
    set.await?;
    fail_point("settings are back");
    Ok(())
}

/// Takes program and data together.
async fn take_whole(
    work: &Work,
    change: &mut Change,
    entry: &str,
) -> Result<std::sync::Arc<crate::app::App>, Failure> {
    change.step = ChangeStep::Carrying;
    change.manner = Manner::Move;
    change.take = vec![Take {
        path: String::new(),
        beside: None,
        fresh: false,
    }];
    note(&work.inner, work.name(), change).await?;
    let (name, id) = (work.name().clone(), entry.to_owned());
    work.step("take its files out of the trash", async {
        work.blocking(move |inner| {
            let (from, to) = (
                trash::data_dir(&inner.library, &id),
                Places::of(&inner.library, &name).new,
            );
            folder::remove(&to)
                .and_then(|()| folder::move_exactly(&from, &to))
                .map_err(|error| copy_failed(&from, &to, &error))?;
            inner.apps.read_from(&name, &to)
        })
        .await
    })
    .await
}

/// Takes the data to the staged program.
async fn take_data(work: &Work, change: &mut Change, entry: &str) -> Result<(), Failure> {
    let (name, id) = (work.name().clone(), entry.to_owned());
    let found = work.blocking(move |inner| {
        let from = trash::data_dir(&inner.library, &id);
        let to = Places::of(&inner.library, &name).new;
        if !from.is_dir() {
            return Ok((carry::Carry::default(), from, to));
        }
        let contents = Contents::read(&to).unwrap_or_default();
        // All of it is the user's: that is why it was kept.
        let nothing = Contents::default();
        let carry = carry::find(
            &from,
            Some(&nothing),
            &Knowledge::of_what_is_kept(),
            Some((&to, &contents)),
        )
        .map_err(|error| copy_failed(&from, &to, &error))?;
        Ok((carry, from, to))
    });
    let (carry, from, to) = found.await?;
    change.step = ChangeStep::Carrying;
    change.manner = manner(&from, carry.bytes);
    let manner = change.manner;
    change.take.clone_from(&carry.take);
    note(&work.inner, work.name(), change).await?;
    for told in carry.notes {
        work.recorder.warn(told);
    }
    work.step("take its data out of the trash", async {
        work.blocking(move |_| {
            let take = &carry.take;
            carry::carry_out(take, manner, &from, &to, &mut |_| (), &|| false)
                .map_err(|error| copy_failed(&from, &to, &error))
        })
        .await
    })
    .await?;
    fail_point("taken out");
    Ok(())
}

/// Installs what an export holds: it goes through the trash, so that there is one way back.
pub(super) async fn import(
    work: &Work,
    file: &Path,
    package: Option<&Path>,
) -> Result<(), Failure> {
    super::install::refuse_relative(file)?;
    let (name, from) = (work.name().clone(), file.to_owned());
    let cancel = work.job.cancel.clone();
    let unpacked = work
        .step(&format!("unpack `{}`", file.display()), async {
            work.blocking(move |inner| {
                let snapshot = Snapshot::peek(&from)?;
                if snapshot.app != name {
                    let message = format!(
                        "`{}` holds `{}`, not `{name}`",
                        from.display(),
                        snapshot.app
                    );
                    return Err(Failure::new(FailureCode::Invalid, message));
                }
                let id = trash::free_name(&inner.library, &name);
                let under_way = trash::hidden_dir(&inner.library, &id);
                let make = || -> io::Result<()> {
                    crate::platform::create_private_dir(&inner.library.trash_dir())?;
                    folder::remove(&under_way)
                };
                make().map_err(|error| copy_failed(&from, &under_way, &error))?;
                let unpacked =
                    archive::unpack_new(&from, &under_way, &Limits::default(), &|_, _| (), &|| {
                        cancel.is_cancelled()
                    })
                    .map_err(|error| Failure::from(crate::command::StepError::from(error)))?;
                // The data come to lie one folder higher than they did there.
                let leads_out = |(path, to): &&(String, String)| {
                    let below = path.strip_prefix(DATA).and_then(|it| it.strip_prefix('/'));
                    below.is_some_and(|path| !archive::stays_inside(path, to))
                };
                if let Some((path, _)) = unpacked.links.iter().find(leads_out) {
                    let message = format!(
                        "`{}` cannot be imported: `{path}` is a link that leads out of the app's folder",
                        from.display()
                    );
                    let refused = Failure::new(FailureCode::Manifest, message);
                    folder::remove(&under_way)
                        .map_err(|error| copy_failed(&from, &under_way, &error))?;
                    return Err(refused);
                }
                let entry = trash::entry_dir(&inner.library, &id);
                fs::rename(&under_way, &entry)
                    .map_err(|error| copy_failed(&under_way, &entry, &error))?;
                Ok(id)
            })
            .await
        })
        .await;
    let id = unpacked?;
    // An address in a file that came from elsewhere is a stranger's.
    let done = restore_from(work, &id, package, false).await;
    if done.is_err() {
        // The file is still there: nothing is lost with its copy.
        let library = work.inner.library.clone();
        let removed = work.blocking(move |_| trash::remove(&library, &id)).await;
        if let Err(failure) = removed {
            work.recorder.warn(failure.message);
        }
    }
    done
}
