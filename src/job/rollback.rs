//! Going back to the version that was there before the last upgrade, and with it the other way round.

use std::fs;
use std::io;
use std::path::Path;

use super::carry::{self, Knowledge};
use super::change::{Places, fail_point, note};
use super::contents::{Contents, displaced, stale};
use super::replace::{Done, Gate, in_transaction, put_in_place};
use super::set_up::copy_failed;
use super::work::Work;
use super::{Failure, FailureCode, folder};
use crate::database::{ChangeKind, ChangeStep};

/// Brings the version before back. The present one is kept in its stead.
pub(super) async fn rollback(work: &Work, with_data: bool) -> Result<(), Failure> {
    let name = work.name();
    let places = Places::of(&work.inner.library, name);
    let Some(previous) = work.inner.database.app(name).previous else {
        return Err(none_is_kept(work));
    };
    if with_data && !previous.with_data {
        let message = format!(
            "the data of `{name}` as they were before its upgrade were not kept, because they are too large; roll back without them"
        );
        return Err(Failure::new(FailureCode::Conflict, message));
    }
    in_transaction(work, ChangeKind::Rollback, None, async |change| {
        if !places.previous.is_dir() {
            return Err(none_is_kept(work));
        }
        change.step = ChangeStep::Carrying;
        note(&work.inner, name, change).await?;
        work.stop().await?;
        let moved = places.clone();
        work.blocking(move |_| {
            let take = || -> io::Result<()> {
                fs::rename(&moved.previous, &moved.new)?;
                fail_point("previous is staged");
                // Rubbish of an earlier change must not be taken for what this one laid there.
                folder::remove(&displaced(&moved.new))?;
                folder::remove(&stale(&moved.new))?;
                if !with_data {
                    set_stale_aside(&moved)?;
                }
                Ok(())
            };
            take().map_err(|error| copy_failed(&moved.previous, &moved.new, &error))
        })
        .await?;
        let app = work.name().clone();
        let new = places.new.clone();
        let staged = work
            .blocking(move |inner| inner.apps.read_from(&app, &new))
            .await?;
        let gate = Gate {
            start: false,
            take_data: !with_data,
        };
        let replaced = put_in_place(work, change, &staged, gate).await?;
        Ok(Done {
            version: staged.install.version.clone(),
            origin: previous.origin,
            previous: replaced,
        })
    })
    .await
}

fn none_is_kept(work: &Work) -> Failure {
    let message = format!(
        "no earlier version of `{}` is kept; one is kept at every upgrade",
        work.name()
    );
    Failure::new(FailureCode::Conflict, message)
}

/// Of the data as they were then, those that are gone now must not come back.
pub(super) fn set_stale_aside(places: &Places) -> io::Result<()> {
    let brought = Contents::read(&places.new);
    let then = carry::find(&places.new, brought.as_ref(), &Knowledge::default(), None)?;
    for take in then.take {
        if fs::symlink_metadata(places.app.join(&take.path)).is_ok() {
            continue;
        }
        let aside = stale(&places.new).join(&take.path);
        if let Some(parent) = aside.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(places.new.join(&take.path), aside)?;
        fail_point("stale is aside");
    }
    Ok(())
}

/// Undoes [`set_stale_aside`], wherever it stopped, and may itself be stopped and done again. Blocks.
///
/// # Errors
/// What the system says.
pub(super) fn put_stale_back(new: &Path) -> io::Result<()> {
    move_into(&stale(new), new)?;
    folder::remove(&stale(new))
}

fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if fs::symlink_metadata(&target).is_err() {
            fs::rename(entry.path(), target)?;
        } else if entry.file_type()?.is_dir() {
            move_into(&entry.path(), &target)?;
        }
    }
    Ok(())
}
