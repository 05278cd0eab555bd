//! Puts a staged version of an app into its place: what is the user's goes along, the folders are
//! switched, the app is set up and has to become ready. Whatever fails, everything is put back.

use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::json;

use super::carry::{self, Carry, Knowledge};
use super::change::{self, Places, fail_point, for_tests, note, settle_earlier};
use super::contents::{Contents, displaced, stale};
use super::obtain::Pace;
use super::progress::Phase;
use super::queue::Inner;
use super::set_up::{copy_failed, examine, install_list, set_up};
use super::work::{Work, refuse_cycles, scope};
use super::{Failure, FailureCode, Stage, folder, now, trash};
use crate::app::{App, AppName, Origin};
use crate::command::{Command, Host as _, written};
use crate::database::{Change, ChangeKind, ChangeStep, Manner, Previous};
use crate::library::Library;
use crate::supervisor::State;

/// Data up to this size are copied for an upgrade, so that what a broken version does to them can be
/// undone. Larger ones are, where the file system shares blocks between copies.
const COPY_BYTES: u64 = 1 << 30;

/// After an upgrade the app must go on running so long.
const PROBATION: Duration = Duration::from_secs(2);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// What is true of the app once a change has succeeded.
pub(super) struct Done {
    /// The version.
    pub(super) version: String,
    /// Where its program came from.
    pub(super) origin: Option<Origin>,
    /// The version that is kept beside it.
    pub(super) previous: Option<Previous>,
}

/// Does a change as a transaction: with an error of `body` everything is put back, and the app runs
/// again if it ran.
pub(super) async fn in_transaction(
    work: &Work,
    kind: ChangeKind,
    trash: Option<String>,
    body: impl AsyncFnOnce(&mut Change) -> Result<Done, Failure>,
) -> Result<(), Failure> {
    let (inner, name) = (&work.inner, work.name());
    settle_earlier(inner, name).await?;
    let before = inner.database.app(name);
    let mut change = Change {
        trash,
        ..Change::new(kind, before.wanted)
    };
    note(inner, name, &change).await?;
    // A fault of ours must not keep the files from being put back.
    let done = AssertUnwindSafe(body(&mut change)).catch_unwind().await;
    let done = match done {
        Ok(Ok(done)) => commit(work, &mut change, done).await,
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::new(
            FailureCode::Failed,
            "a fault in Storekeeper itself ended it; its log tells more",
        )),
    };
    match done {
        Ok(()) => {
            fail_point("committed");
            if let Err(failure) = finish(inner, name, &change).await {
                work.recorder
                    .warn(format!("something was left behind: {failure}"));
            }
            inner.events.publish("apps", &json!({ "name": name }));
            Ok(())
        }
        Err(failure) => Err(put_back(work, &change, failure).await),
    }
}

/// From here on it is done, but for what was kept for the way back.
async fn commit(work: &Work, change: &mut Change, done: Done) -> Result<(), Failure> {
    let finishing = Change {
        step: ChangeStep::Removing,
        ..change.clone()
    };
    let committed = finishing.clone();
    let commit = work.inner.database.update_app(work.name(), move |record| {
        record.installed = Some(done.version);
        record.installed_at = Some(now());
        record.origin = done.origin;
        record.previous = done.previous;
        record.change = Some(committed);
    });
    commit.await?;
    *change = finishing;
    Ok(())
}

/// Removes what was kept only for the case that a change fails, wherever an earlier attempt stopped.
///
/// # Errors
/// What the system says of what is left behind, which then is forgotten: it does no harm.
pub(super) async fn finish(
    inner: &Arc<Inner>,
    name: &AppName,
    change: &Change,
) -> Result<(), Failure> {
    let (library, app, noted) = (inner.library.clone(), name.clone(), change.clone());
    let cleaned = tokio::task::spawn_blocking(move || clean(&library, &app, &noted)).await;
    let cleaned = cleaned.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    fail_point("cleaned");
    let forget = inner
        .database
        .update_app(name, |record| record.change = None);
    forget.await?;
    cleaned.map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))
}

fn clean(library: &Library, name: &AppName, change: &Change) -> io::Result<()> {
    let places = Places::of(library, name);
    folder::delete_beside(&places.older)?;
    folder::delete_beside(&places.new)?;
    folder::remove(&displaced(&places.app))?;
    folder::remove(&stale(&places.app))?;
    match &change.trash {
        Some(entry) => folder::delete_beside(&trash::entry_dir(library, entry)),
        None => Ok(()),
    }
}

/// Puts everything back, and answers the failure with what became of the app.
async fn put_back(work: &Work, change: &Change, failure: Failure) -> Failure {
    let (inner, name) = (&work.inner, work.name());
    let number = work
        .recorder
        .begin("put everything back".to_owned(), Vec::new());
    let mut problems = change::take_back(inner, name, change).await;
    let is_upgrade = change.kind != ChangeKind::Install && change.step >= ChangeStep::Carrying;
    if problems.is_empty()
        && change.was_wanted
        && is_upgrade
        && !work.recorder.is_closing()
        && let Err(failure) = work.start_again().await
    {
        problems.push(format!("`{name}` did not start again: {failure}"));
    }
    let end = if problems.is_empty() {
        crate::command::StepEnd::Done
    } else {
        crate::command::StepEnd::Failed
    };
    work.recorder.end(number, end, None);
    let is_whole = problems.is_empty();
    for problem in problems {
        work.recorder
            .warn(format!("not everything could be put back: {problem}"));
    }
    if !is_whole || failure.code == FailureCode::Canceled {
        return failure;
    }
    let back = match inner.database.app(name).installed {
        Some(version) if is_upgrade => format!("version {version} is back as it was"),
        _ => "nothing was changed".to_owned(),
    };
    Failure {
        message: format!("{}; {back}", failure.message.trim_end_matches(['.', ';'])),
        ..failure
    }
}

/// How the new version has to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    /// Start it, whether it ran before or not.
    pub(super) start: bool,
    /// The data of the version that is there go along.
    pub(super) take_data: bool,
}

/// Puts the staged version into its place. Answers the version that it replaced.
pub(super) async fn put_in_place(
    work: &Work,
    change: &mut Change,
    staged: &Arc<App>,
    gate: Gate,
) -> Result<Option<Previous>, Failure> {
    let (inner, name) = (Arc::clone(&work.inner), work.name().clone());
    let app = Arc::clone(staged);
    let checked = work.blocking(move |inner| {
        let warnings = examine(&app)?;
        let plan = install_list(&app)?;
        refuse_cycles(inner, &app, false, &plan)?;
        let scope = scope(inner, &app, &inner.apps.config(&app))?;
        drop(scope);
        Ok((plan, warnings))
    });
    let (plan, warnings) = checked.await?;
    work.recorder.enter(Stage::Configure);
    for warning in warnings {
        work.recorder.warn(warning);
    }
    fail_point("staged");
    let ran = change.was_wanted || is_up(work);
    let mut kept = BTreeMap::new();
    let mut previous = None;
    let places = Places::of(&inner.library, &name);
    if places.app.exists() {
        change.step = ChangeStep::Carrying;
        note(&inner, &name, change).await?;
        work.stop().await?;
        let carry = if gate.take_data {
            take_along(work, change, staged).await?
        } else {
            Carry::default()
        };
        for path in &carry.kept {
            let version = &staged.install.version;
            let beside = carry::beside(path, version, &|_| false);
            kept.insert(places.app.join(path), places.app.join(beside));
        }
        let record = inner.database.app(&name);
        previous = Some(Previous {
            version: record.installed.unwrap_or_default(),
            origin: record.origin,
            with_data: !gate.take_data || change.manner == Manner::Copy,
        });
    }
    let room = places.clone();
    work.blocking(move |_| {
        change::make_room(&room).map_err(|error| copy_failed(&room.new, &room.app, &error))
    })
    .await?;
    change.step = ChangeStep::Switching;
    note(&inner, &name, change).await?;
    let kind = change.kind;
    work.step("put the new files in place", async {
        let places = places.clone();
        work.blocking(move |_| {
            let switch = || {
                crate::archive::sync(&places.new)?;
                change::switch(&places, kind)
            };
            switch().map_err(|error| copy_failed(&places.new, &places.app, &error))
        })
        .await
    })
    .await?;
    change.step = ChangeStep::SettingUp;
    note(&inner, &name, change).await?;
    set_up(work, &plan, kept).await?;
    fail_point("set up");
    prove(work, change, ran, gate.start).await?;
    fail_point("proved");
    Ok(previous)
}

/// Whether there is a process of the app, or one to come.
pub(super) fn is_up(work: &Work) -> bool {
    match work.inner.supervisor.status(work.name()).state {
        State::Starting | State::Running | State::Unhealthy | State::BackingOff => true,
        State::Stopped | State::Stopping | State::Failed => false,
    }
}

/// Brings along what is the user's.
async fn take_along(work: &Work, change: &mut Change, staged: &Arc<App>) -> Result<Carry, Failure> {
    let (name, new) = (work.name().clone(), staged.dir.clone());
    let found = work.blocking(move |inner| {
        let places = Places::of(&inner.library, &name);
        let brought = Contents::read(&places.app);
        let contents = Contents::read(&new).unwrap_or_default();
        let carry = carry::find(
            &places.app,
            brought.as_ref(),
            &knowledge(inner, &name),
            Some((&new, &contents)),
        )
        .map_err(|error| refused(&error))?;
        let manner = manner(&places.app, carry.bytes);
        Ok((carry, manner, places))
    });
    let (carry, manner, places) = found.await?;
    for note in &carry.notes {
        work.recorder.warn(note.clone());
    }
    if manner == Manner::Move {
        work.recorder.warn(format!(
            "its data ({} MB) are too large to be copied first; when the new version does not come up, they are put back as it leaves them",
            carry.bytes / 1_000_000
        ));
    }
    change.take.clone_from(&carry.take);
    change.manner = manner;
    note(&work.inner, work.name(), change).await?;
    let (take, total) = (carry.take.clone(), carry.bytes);
    let cancel = work.job.cancel.clone();
    let pace = Pace::new(
        Arc::clone(&work.recorder),
        Phase::Copy,
        format!("the data of {}", work.name()),
    );
    let carried = work.step("take its data and settings along", async {
        work.blocking(move |_| {
            let mut completed = 0;
            let mut progress = |bytes: u64| {
                completed += bytes;
                pace.tell(completed, Some(total));
            };
            let (from, to) = (&places.app, &places.new);
            let canceled = || cancel.is_cancelled();
            carry::carry_out(&take, manner, from, to, &mut progress, &canceled)
                .and_then(|()| written::take_along(from, to))
                .map_err(|error| copy_failed(from, to, &error))
        })
        .await
    });
    let carried = carried.await;
    work.recorder.progress(None);
    carried?;
    fail_point("carried");
    Ok(carry)
}

fn refused(error: &io::Error) -> Failure {
    Failure::new(
        FailureCode::Conflict,
        format!("its data cannot be taken along: {error}"),
    )
}

/// What the settings and lists of the app that is in place say. One that cannot be read says nothing.
pub(super) fn knowledge(inner: &Inner, name: &AppName) -> Knowledge {
    let Ok(app) = inner.apps.read(name) else {
        return Knowledge::default();
    };
    let config = inner.apps.config(&app);
    match scope(inner, &app, &config) {
        Ok(scope) => Knowledge::of(&app, &config, &scope),
        Err(_) => Knowledge::default(),
    }
}

/// Whether data of this size are copied.
pub(super) fn manner(place: &std::path::Path, bytes: u64) -> Manner {
    if let Some(most) = for_tests::<u64>("STOREKEEPER_COPY_BYTES") {
        return if bytes <= most {
            Manner::Copy
        } else {
            Manner::Move
        };
    }
    let fits = crate::archive::free_bytes(place).is_none_or(|free| free / 2 > bytes);
    if bytes == 0 || (bytes <= COPY_BYTES && fits) || crate::platform::shares_blocks(place) {
        Manner::Copy
    } else {
        Manner::Move
    }
}

/// The last gate: the app becomes ready, and after an upgrade it goes on running for a while.
async fn prove(work: &Work, change: &Change, ran: bool, start: bool) -> Result<(), Failure> {
    let is_upgrade = change.kind != ChangeKind::Install;
    let was_started = is_up(work);
    if start || (ran && is_upgrade) {
        work.start(&Command::Start).await?;
    }
    if !is_upgrade || !is_up(work) {
        return Ok(());
    }
    work.recorder.enter(Stage::Ready);
    work.step("see whether it goes on running", watch(work))
        .await?;
    if was_started && !ran && !start {
        // Its list started it; the user had stopped it.
        work.stop().await?;
    }
    Ok(())
}

async fn watch(work: &Work) -> Result<(), Failure> {
    let status = || work.inner.supervisor.status(work.name());
    let first = status();
    let probation = for_tests("STOREKEEPER_PROBATION").map_or(PROBATION, Duration::from_millis);
    let begin = tokio::time::Instant::now();
    loop {
        let now = status();
        if now.state != State::Running || now.pid != first.pid || now.restarts != first.restarts {
            let why = now.last_exit.map_or_else(String::new, |exit| {
                let mut why = format!(" ({})", exit.reason);
                if !exit.last_lines.is_empty() {
                    why = format!("{why}; its last output:\n{}", exit.last_lines.join("\n"));
                }
                why
            });
            return Err(Failure::new(
                FailureCode::Failed,
                format!("`{}` did not go on running{why}", work.name()),
            ));
        }
        if begin.elapsed() >= probation {
            return Ok(());
        }
        tokio::select! {
            () = work.job.cancel.cancelled() => {
                return Err(Failure::new(FailureCode::Canceled, "it was canceled"));
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
