//! An app as one file that another computer can take: where its program comes from, its settings, its
//! data, and, when asked, the program.

use std::fs;
use std::io;
use std::path::Path;

use super::change::Places;
use super::contents::{Contents, OURS, is_unfinished};
use super::replace::{is_up, knowledge};
use super::set_up::copy_failed;
use super::snapshot::{DATA, Snapshot};
use super::work::Work;
use super::{Failure, FailureCode, carry, folder};
use crate::archive;
use crate::command::Host as _;
use crate::database::Take;

/// Writes the file. A running app is stopped meanwhile, so that its data are of one moment.
pub(super) async fn export(work: &Work, file: &Path, with_program: bool) -> Result<(), Failure> {
    super::install::refuse_relative(file)?;
    let is_wanted = work.inner.database.app(work.name()).wanted || is_up(work);
    if is_wanted {
        work.stop().await?;
    }
    let written = write(work, file, with_program).await;
    if is_wanted && let Err(failure) = work.start_again().await {
        work.recorder
            .warn(format!("it did not start again: {failure}"));
    }
    written
}

async fn write(work: &Work, file: &Path, with_program: bool) -> Result<(), Failure> {
    let (name, to) = (work.name().clone(), file.to_owned());
    let cancel = work.job.cancel.clone();
    let title = format!("write `{}`", file.display());
    let skipped = work.step(&title, async {
        work.blocking(move |inner| {
            let app = inner.apps.read(&name)?;
            let record = inner.database.app(&name);
            let mut snapshot = Snapshot {
                origin: record.origin,
                config: record.config,
                ..Snapshot::new(name.clone(), app.install.version.clone())
            };
            // A developer's app lies elsewhere, behind a link.
            let place =
                fs::canonicalize(&app.dir).map_err(|error| copy_failed(&app.dir, &to, &error))?;
            let brought = Contents::read(&place);
            snapshot.whole = with_program || brought.is_none();
            let take = if snapshot.whole {
                snapshot.bytes = folder::size(&place);
                all_of(&place).map_err(|error| copy_failed(&place, &to, &error))?
            } else {
                let knowledge = knowledge(inner, &name);
                let carry = carry::find(&place, brought.as_ref(), &knowledge, None)
                    .map_err(|error| copy_failed(&place, &to, &error))?;
                snapshot.bytes = carry.bytes;
                carry.take
            };
            let mut staging = Places::of(&inner.library, &name).new.into_os_string();
            staging.push("~export");
            let staging = Path::new(&staging);
            let lay = || -> io::Result<()> {
                folder::remove(staging)?;
                crate::platform::create_private_dir(staging)?;
                snapshot.write(staging)?;
                for one in &take {
                    let target = staging.join(DATA).join(&one.path);
                    if let Some(parent) = target.parent() {
                        fs::create_dir_all(parent)?;
                    }
                    folder::link_exactly(&place.join(&one.path), &target)?;
                }
                Ok(())
            };
            let packed = lay()
                .map_err(|error| copy_failed(&place, staging, &error))
                .and_then(|()| {
                    archive::pack_private(staging, &to, &|| cancel.is_cancelled())
                        .map_err(|error| Failure::from(crate::command::StepError::from(error)))
                });
            // Only names of files that are elsewhere, too.
            let removed = folder::remove(staging);
            let report = packed?;
            removed.map_err(|error| {
                Failure::new(
                    FailureCode::Failed,
                    format!("`{}` cannot be removed: {error}", staging.display()),
                )
            })?;
            Ok(report.skipped)
        })
        .await
    });
    for skipped in skipped.await? {
        work.recorder.warn(skipped);
    }
    Ok(())
}

/// Everything in an app's folder.
fn all_of(place: &Path) -> io::Result<Vec<Take>> {
    let mut take = Vec::new();
    for entry in fs::read_dir(place)? {
        let name = entry?.file_name();
        let is_ours = |name: &&str| *name == OURS || is_unfinished(name);
        let Some(name) = name.to_str().filter(|name| !is_ours(name)) else {
            continue;
        };
        take.push(Take {
            path: name.to_owned(),
            beside: None,
            fresh: false,
        });
    }
    take.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(take)
}
