//! The transaction that replaces, removes or brings back an app's files. Each step is noted in the
//! database before it is taken, so that after a kill at any moment the next start can take the change
//! back, or, once nothing goes back any more, finish it.
//!
//! The folders of an app `a`, side by side so that a rename switches them:
//!
//! | name | holds |
//! | --- | --- |
//! | `a` | the app |
//! | `.new-a` | its successor, until the switch |
//! | `.previous-a` | the version before, kept |
//! | `.older-a` | the version before that, until it is clear that the new one stays |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::queue::Inner;
use super::{Failure, FailureCode, carry, folder, replace, rollback, trash, uninstall};
use crate::app::AppName;
use crate::database::{Change, ChangeKind, ChangeStep};
use crate::library::Library;

/// The places of an app's folders.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The app.
    pub(super) app: PathBuf,
    /// Its successor.
    pub(super) new: PathBuf,
    /// The version before.
    pub(super) previous: PathBuf,
    /// The version before that.
    pub(super) older: PathBuf,
}

impl Places {
    pub(super) fn of(library: &Library, name: &AppName) -> Self {
        let app = library.app_dir(name);
        let beside = |prefix: &str| app.with_file_name(format!("{prefix}{name}"));
        Self {
            new: beside(folder::NEW),
            previous: beside(folder::PREVIOUS),
            older: beside(folder::OLDER),
            app,
        }
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Notes how far a change is; done when that is on disk.
pub(super) async fn note(inner: &Inner, name: &AppName, change: &Change) -> Result<(), Failure> {
    let noted = change.clone();
    inner
        .database
        .update_app(name, move |record| record.change = Some(noted))
        .await?;
    fail_point(match change.step {
        ChangeStep::Staging => "staging",
        ChangeStep::Carrying => "carrying",
        ChangeStep::Switching => "switching",
        ChangeStep::SettingUp => "setting up",
        ChangeStep::Leaving => "leaving",
        ChangeStep::Removing => "removing",
    });
    Ok(())
}

/// Where a test ends the program as `kill -9` would: the variable `STOREKEEPER_DIE_AT` names the
/// place. Only programs that are built for tests know it.
pub(super) fn fail_point(place: &str) {
    tracing::trace!(place, "fail point");
    #[cfg(test)]
    tests::pass();
    if for_tests::<String>("STOREKEEPER_DIE_AT").is_some_and(|at| at == place) {
        std::process::abort();
    }
}

/// What a test asks for by a variable. Only programs that are built for tests look.
pub(super) fn for_tests<T: std::str::FromStr>(variable: &str) -> Option<T> {
    if !cfg!(debug_assertions) {
        return None;
    }
    std::env::var(variable).ok()?.parse().ok()
}

/// Makes sure that what an earlier change left behind does not come back with this one. Before the
/// switch is noted. Blocks.
///
/// # Errors
/// What the system says.
pub(super) fn make_room(places: &Places) -> io::Result<()> {
    folder::remove(&places.older)
}

/// Puts the successor into its place. The app that is there becomes the version before. Blocks.
///
/// # Errors
/// What the system says; [`take_back`] then makes it undone.
pub(super) fn switch(places: &Places, kind: ChangeKind) -> io::Result<()> {
    if is_there(&places.app) {
        // A rollback has taken the version before as its successor.
        if kind != ChangeKind::Rollback && is_there(&places.previous) {
            fs::rename(&places.previous, &places.older)?;
            fail_point("older is aside");
        }
        fs::rename(&places.app, &places.previous)?;
        fail_point("previous is aside");
    }
    fs::rename(&places.new, &places.app)?;
    folder::sync_parent(&places.app)?;
    fail_point("switched");
    Ok(())
}

/// The first half of taking a change back: every folder is at its place again, and so are the pages.
/// May itself be stopped and done again, as long as the second half has not begun. Blocks. The app must
/// not run.
///
/// # Errors
/// What the system says.
fn switch_back(library: &Library, name: &AppName, change: &Change) -> io::Result<()> {
    let places = Places::of(library, name);
    // The successor is in its place when it is no longer beside it.
    if !is_there(&places.new) && is_there(&places.app) {
        fs::rename(&places.app, &places.new)?;
        fail_point("new is aside again");
    }
    if !is_there(&places.app) && is_there(&places.previous) {
        fs::rename(&places.previous, &places.app)?;
        fail_point("previous is back");
    }
    // A rollback puts nothing there: its successor was the version before.
    if change.kind != ChangeKind::Rollback && is_there(&places.older) && !is_there(&places.previous)
    {
        fs::rename(&places.older, &places.previous)?;
        fail_point("older is back");
    }
    folder::sync_parent(&places.app)?;
    if change.step >= ChangeStep::SettingUp {
        static_back(library, name, &places)?;
        fail_point("pages are back");
    }
    Ok(())
}

/// The second half: what went along is at home again, and the successor is gone. May itself be stopped
/// and done again. Blocks.
///
/// # Errors
/// What the system says.
fn unstage(library: &Library, name: &AppName, change: &Change) -> io::Result<()> {
    let places = Places::of(library, name);
    if change.step >= ChangeStep::Carrying && is_there(&places.new) {
        let from = match (&change.kind, &change.trash) {
            (ChangeKind::Restore, Some(entry)) => trash::data_dir(library, entry),
            _ => places.app.clone(),
        };
        carry::put_back(&change.take, change.manner, &from, &places.new)?;
        fail_point("data are back");
        if change.kind == ChangeKind::Rollback && !is_there(&places.previous) {
            rollback::put_stale_back(&places.new)?;
            fs::rename(&places.new, &places.previous)?;
        }
    }
    if change.kind == ChangeKind::Uninstall
        && let Some(entry) = &change.trash
    {
        folder::remove(&trash::hidden_dir(library, entry))?;
    }
    remove_staged(&places)?;
    fail_point("unstaged");
    Ok(())
}

/// Removes what was laid down beside the app's place.
fn remove_staged(places: &Places) -> io::Result<()> {
    folder::delete_beside(&places.new)?;
    let (Some(dir), Some(new)) = (places.new.parent(), places.new.file_name()) else {
        return Ok(());
    };
    // An adapter, and what is lifted out of a top folder, lie there under longer names.
    let longer = format!("{}~", new.to_string_lossy());
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&longer) {
            folder::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The served pages are those of the app that is in its place again.
fn static_back(library: &Library, name: &AppName, places: &Places) -> io::Result<()> {
    let (from, to) = (places.app.join("static"), library.app_static_dir(name));
    if !from.is_dir() {
        return folder::delete(&to, name);
    }
    let staging = folder::staging(&to, name)?;
    folder::copy(&from, &staging, &|| false)?;
    folder::replace(&staging, &to, name)
}

/// Takes a change back: stops what runs of it, puts the files back and forgets the note. Answers what
/// could not be done, as sentences; the note stays then, for the next start.
pub(super) async fn take_back(inner: &Arc<Inner>, name: &AppName, change: &Change) -> Vec<String> {
    match back(inner, name, change).await {
        Ok(()) => Vec::new(),
        Err(failure) => vec![failure.message],
    }
}

async fn back(inner: &Arc<Inner>, name: &AppName, change: &Change) -> Result<(), Failure> {
    let mut change = change.clone();
    if change.step >= ChangeStep::SettingUp {
        let stopped = inner.supervisor.stop(name, None).await;
        stopped.map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))?;
    }
    // The folders of an app that is uninstalled stay where they are until nothing goes back any more.
    if change.kind != ChangeKind::Uninstall && change.step >= ChangeStep::Switching {
        on_files(inner, name, &change, switch_back).await?;
        // From now on the successor's folder may go, so its being there tells nothing any more.
        change.step = ChangeStep::Carrying;
        note(inner, name, &change).await?;
    }
    on_files(inner, name, &change, unstage).await?;
    let forget = inner.database.update_app(name, move |record| {
        record.change = None;
        record.wanted = change.was_wanted;
        if let Some(config) = change.config {
            record.config = config;
        }
    });
    forget.await?;
    Ok(())
}

async fn on_files(
    inner: &Arc<Inner>,
    name: &AppName,
    change: &Change,
    work: fn(&Library, &AppName, &Change) -> io::Result<()>,
) -> Result<(), Failure> {
    let (library, name, change) = (inner.library.clone(), name.clone(), change.clone());
    match tokio::task::spawn_blocking(move || work(&library, &name, &change)).await {
        Ok(done) => done.map_err(|error| Failure::new(FailureCode::Failed, error.to_string())),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Takes back or finishes the changes that a killed service left. Answers the apps that it was about.
pub(super) async fn recover(inner: &Arc<Inner>) -> Vec<AppName> {
    let left: Vec<(AppName, Change)> = inner.database.with_apps(|apps| {
        apps.iter()
            .filter_map(|(name, record)| Some((name.clone(), record.change.clone()?)))
            .collect()
    });
    for (name, change) in &left {
        let what = match change.kind {
            ChangeKind::Install => "install",
            ChangeKind::Upgrade => "upgrade",
            ChangeKind::Rollback => "rollback",
            ChangeKind::Restore => "restore",
            ChangeKind::Uninstall => "uninstall",
        };
        match settle(inner, name, change).await {
            Ok(()) => tracing::info!("the {what} of `{name}` that was cut off is settled"),
            Err(failure) => {
                tracing::error!(
                    "the {what} of `{name}` that was cut off is not settled: {failure}"
                );
            }
        }
    }
    // What is left beside the apps now belongs to nobody.
    let (library, database) = (inner.library.clone(), inner.database.clone());
    let cleaned = tokio::task::spawn_blocking(move || {
        let is_busy = |name: &str| {
            AppName::parse(name).is_ok_and(|name| database.app(&name).change.is_some())
        };
        folder::recover(&library.run_dir(), &is_busy);
        folder::recover(&library.static_dir(), &is_busy);
        folder::remove_unfinished(&library.run_dir());
        trash::clean(&library);
    });
    if let Err(error) = cleaned.await {
        tracing::error!("what was left behind was not removed: {error}");
    }
    left.into_iter().map(|(name, _)| name).collect()
}

/// Takes a change back that was cut off, or finishes it where nothing goes back any more.
async fn settle(inner: &Arc<Inner>, name: &AppName, change: &Change) -> Result<(), Failure> {
    match (change.step, change.kind) {
        (ChangeStep::Leaving | ChangeStep::Removing, ChangeKind::Uninstall) => {
            uninstall::go_on(inner, name, change).await
        }
        (ChangeStep::Removing, _) => replace::finish(inner, name, change).await,
        (
            ChangeStep::Staging
            | ChangeStep::Carrying
            | ChangeStep::Switching
            | ChangeStep::SettingUp
            | ChangeStep::Leaving,
            _,
        ) => back(inner, name, change).await,
    }
}

/// Settles an earlier change of an app that could not be settled when it ended, because the disk was
/// full, say.
///
/// # Errors
/// When it still cannot be.
pub(super) async fn settle_earlier(inner: &Arc<Inner>, name: &AppName) -> Result<(), Failure> {
    let Some(change) = inner.database.app(name).change else {
        return Ok(());
    };
    settle(inner, name, &change).await.map_err(|failure| {
        let message = format!(
            "an earlier change of `{name}` can neither be finished nor taken back: {failure}; mend that and try again"
        );
        Failure::new(FailureCode::Conflict, message)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use proptest::prelude::*;

    use super::super::carry::Knowledge;
    use super::super::contents::Contents;
    use super::*;
    use crate::database::Manner;

    thread_local! {
        /// How many places are still passed until the work is cut off.
        static PASSES: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// What ends the work.
    struct Cut;

    pub(super) fn pass() {
        match PASSES.get() {
            Some(0) => {
                PASSES.set(None);
                resume_unwind(Box::new(Cut));
            }
            Some(left) => PASSES.set(Some(left - 1)),
            None => {}
        }
    }

    /// Whether some work comes to its end before it is cut off.
    fn ends(passes: Option<usize>, work: impl FnOnce()) -> bool {
        PASSES.set(passes);
        let ended = catch_unwind(AssertUnwindSafe(work));
        PASSES.set(None);
        match ended {
            Ok(()) => true,
            Err(cut) if cut.is::<Cut>() => false,
            Err(failure) => resume_unwind(failure),
        }
    }

    /// An app's folders, and the change as it is noted.
    struct Case {
        _home: tempfile::TempDir,
        library: Library,
        name: AppName,
        places: Places,
        noted: Change,
    }

    fn write(dir: &Path, files: &[(&str, &str)]) {
        for (name, content) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// A version's files as its package brought them.
    fn brought(dir: &Path, version: &str) {
        write(
            dir,
            &[
                ("program", version),
                ("a.ini", version),
                ("static/page", version),
                ("data/read.me", version),
            ],
        );
        let contents = Contents::of_folder(dir, version).unwrap();
        contents.write(dir).unwrap();
    }

    impl Case {
        fn new(kind: ChangeKind, manner: Manner, has_previous: bool, has_rubbish: bool) -> Self {
            let home = tempfile::tempdir().unwrap();
            let library = Library::open(home.path()).unwrap();
            let name = AppName::parse("a").unwrap();
            let places = Places::of(&library, &name);
            if kind != ChangeKind::Install {
                brought(&places.app, "2");
                write(
                    &places.app,
                    &[("data/db", "rows"), ("a.ini", "mine"), ("notes/x", "mine")],
                );
                write(&library.app_static_dir(&name), &[("page", "2")]);
            }
            if has_previous || kind == ChangeKind::Rollback {
                brought(&places.previous, "1");
                write(
                    &places.previous,
                    &[
                        ("data/db", "old rows"),
                        ("data/gone", "then"),
                        ("only/x", "1"),
                    ],
                );
            }
            if has_rubbish {
                write(&places.older, &[("rubbish", "")]);
            }
            Self {
                _home: home,
                noted: Change {
                    manner,
                    ..Change::new(kind, false)
                },
                library,
                name,
                places,
            }
        }

        /// Every file of the app, its earlier version and its pages.
        fn files(&self) -> BTreeMap<PathBuf, String> {
            let mut files = BTreeMap::new();
            let mut folders = vec![self.library.run_dir(), self.library.static_dir()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    // What was left there before the change may go or stay.
                    if path.join("rubbish").is_file() {
                        continue;
                    }
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        let content = fs::read_to_string(&path).unwrap();
                        files.insert(path, content);
                    }
                }
            }
            files
        }

        fn note(&mut self, step: ChangeStep) {
            self.noted.step = step;
            pass();
        }

        /// Does it, as the jobs do.
        fn change(&mut self) {
            let places = self.places.clone();
            if self.noted.kind == ChangeKind::Rollback {
                self.note(ChangeStep::Carrying);
                fs::rename(&places.previous, &places.new).unwrap();
                pass();
                rollback::set_stale_aside(&places).unwrap();
            } else {
                brought(&places.new, "3");
            }
            if places.app.is_dir() {
                let contents = Contents::read(&places.new).unwrap();
                let old = Contents::read(&places.app);
                let new = Some((&*places.new, &contents));
                let carry =
                    carry::find(&places.app, old.as_ref(), &Knowledge::default(), new).unwrap();
                self.noted.take.clone_from(&carry.take);
                self.note(ChangeStep::Carrying);
                let (from, to, manner) = (&places.app, &places.new, self.noted.manner);
                carry::carry_out(&carry.take, manner, from, to, &mut |_| (), &|| false).unwrap();
            }
            make_room(&places).unwrap();
            self.note(ChangeStep::Switching);
            switch(&places, self.noted.kind).unwrap();
            self.note(ChangeStep::SettingUp);
            let page = [("page", "of the new one")];
            write(&self.library.app_static_dir(&self.name), &page);
            pass();
        }

        /// Takes it back, as the next start does.
        fn back(&mut self) {
            if self.noted.step >= ChangeStep::Switching {
                switch_back(&self.library, &self.name, &self.noted).unwrap();
                self.note(ChangeStep::Carrying);
            }
            unstage(&self.library, &self.name, &self.noted).unwrap();
        }
    }

    proptest! {
        /// Cut off anywhere, and anywhere again while it is taken back: in the end everything is as it
        /// was, the earlier version included.
        #[test]
        fn a_change_is_taken_back_from_wherever_it_stopped(
            kind in prop::sample::select(vec![
                ChangeKind::Install, ChangeKind::Upgrade, ChangeKind::Rollback,
            ]),
            is_moved: bool,
            has_previous: bool,
            has_rubbish: bool,
            passes in 0..20_usize,
            again in prop::collection::vec(0..12_usize, 0..4),
        ) {
            let manner = if is_moved { Manner::Move } else { Manner::Copy };
            let has_previous = has_previous && kind != ChangeKind::Install;
            let mut case = Case::new(kind, manner, has_previous, has_rubbish);
            let before = case.files();
            ends(Some(passes), || case.change());
            for passes in again {
                if ends(Some(passes), || case.back()) {
                    break;
                }
            }
            ends(None, || case.back());
            prop_assert_eq!(case.files(), before);
        }
    }
}
