//! `start`: the lists around it and the app's own process. The only way an app is started, whoever
//! asks; after a crash the supervisor starts only the process again.

use super::context::{Context, StepError, StepErrorKind, seconds};
use super::plan::{Section, compile_section};
use super::run::run;
use crate::app::Problem;
use crate::database::Worked;
use crate::supervisor::{AppSpec, ProcessSpec, State, SupervisorError};

/// Starts the app and waits until it is ready. A running app is a success, and nothing is run.
///
/// # Errors
/// An app without a program, that of a list around the start, or why the process is not ready.
pub(super) async fn start(context: &Context) -> Result<(), StepError> {
    let app = &context.app.name;
    let state = context.supervisor.status(app).state;
    let store = match &context.app.store {
        Some(store) if !store.setting.bin_path.is_empty() => store,
        _ => {
            let message =
                format!("`{app}` has no program to start; set `setting.binPath` in its store.json");
            return Err(StepError::new(StepErrorKind::Invalid, message));
        }
    };
    let before = compile_section(store, Section::Before).map_err(|found| manifest(&found))?;
    let after = compile_section(store, Section::After).map_err(|found| manifest(&found))?;
    let was_wanted = context.database.app(app).wanted;
    let want = async {
        if !was_wanted {
            context
                .database
                .update_app(app, |record| record.wanted = true)
                .await?;
        }
        Ok(())
    };
    if lives(state) {
        return want.await;
    }
    let inner = context.within("start").with_envs(&store.start.start_envs);
    let work = async {
        if state == State::Starting {
            // Its process is there already: a start under way, or one that was taken over.
            return process(&inner).await;
        }
        run(&before, &inner).await?;
        process(&inner).await?;
        run(&after, &inner).await
    };
    // Side by side, because the disk takes longer than a program to start. A service that is
    // killed in between finds the process all the same.
    let (wanted, done) = tokio::join!(want, work);
    let done: Result<(), StepError> = done.and(wanted);
    if done.is_ok() {
        note_settings(context).await?;
    }
    if done.is_err() && !was_wanted && !context.host.is_closing() {
        // What could not be started is not brought back; what lives, although not ready, and what
        // the supervisor goes on restarting, is.
        let goes_on = match context.supervisor.status(app).state {
            State::Starting | State::Running | State::Unhealthy | State::BackingOff => true,
            State::Stopped | State::Stopping | State::Failed => false,
        };
        context
            .database
            .update_app(app, move |record| record.wanted = goes_on)
            .await?;
    }
    done
}

/// Notes the settings as some with which the app became ready, unless they are noted already.
async fn note_settings(context: &Context) -> Result<(), StepError> {
    let (app, version) = (&context.app.name, &context.app.install.version);
    let is_noted = context.database.with_apps(|apps| {
        apps.get(app).is_some_and(|record| {
            let worked = record.worked.as_ref();
            worked.is_some_and(|it| it.config == record.config && it.version == *version)
        })
    });
    if is_noted {
        return Ok(());
    }
    let version = version.clone();
    // Nobody else changes the settings meanwhile: one job at a time per app.
    let note = context.database.update_app(app, move |record| {
        record.worked = Some(Worked {
            at: now(),
            version,
            config: record.config.clone(),
        });
    });
    note.await?;
    Ok(())
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// Whether there is a process that only needs to be left alone.
fn lives(state: State) -> bool {
    match state {
        State::Running | State::Unhealthy => true,
        State::Stopped | State::Starting | State::BackingOff | State::Stopping | State::Failed => {
            false
        }
    }
}

/// Starts the main process alone.
async fn process(context: &Context) -> Result<(), StepError> {
    let app = &context.app.name;
    let spec = spec(context).await?;
    let start = context.supervisor.start(app, spec);
    match context.unless_canceled(start).await {
        Ok(done) => done.map_err(|error| match error {
            SupervisorError::Keeper(_)
            | SupervisorError::Spawn(_)
            | SupervisorError::EndedEarly { .. }
            | SupervisorError::NotReady { .. }
            | SupervisorError::Stopped(_) => context.refused(&error),
        }),
        Err(canceled) => {
            // When the service ends, it stops everything itself.
            if !context.host.is_closing() {
                let stopped = context.supervisor.stop(app, None).await;
                stopped.map_err(|error| context.refused(&error))?;
            }
            Err(canceled)
        }
    }
}

async fn spec(context: &Context) -> Result<AppSpec, StepError> {
    let store = context.store()?;
    Ok(AppSpec {
        process: ProcessSpec {
            program: context.program(&store.setting.bin_path).await?,
            args: store
                .start
                .start_cmds
                .iter()
                .map(|arg| context.text(arg))
                .collect(),
            cwd: context.app.dir.clone(),
            env: context.envs.clone(),
            log: context.library.app_log(&context.app.name),
        },
        restart: store.setting.is_on,
        ready: context.ready(store.setting.ready.as_ref())?,
        stop_timeout: store
            .setting
            .stop_timeout
            .map_or_else(|| context.grace(), seconds),
    })
}

fn manifest(problems: &[Problem]) -> StepError {
    let sentences: Vec<_> = problems.iter().map(Problem::sentence).collect();
    StepError::new(StepErrorKind::Manifest, sentences.join("\n"))
}
