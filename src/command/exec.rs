//! `exec`: runs a program and waits for it the way the step says.

use std::path::Path;
use std::time::Duration;

use super::Exec;
use super::context::{Context, StepError, in_words, seconds};
use super::output::last_lines;
use crate::supervisor::{Exit, ProcessSpec, Ready, Running};

/// How the waiting ended.
enum Outcome {
    /// The program ended by itself.
    Ended(Exit),
    /// It was left alone, or it is to be ended now.
    Goes,
    /// It took longer than `timeout`.
    TooLong,
    /// The condition did not come true.
    NotYet,
}

/// Runs the program, without a shell.
///
/// # Errors
/// A program that cannot be run, one that takes too long, a condition that does not come true; a
/// non-zero exit only when the step is strict.
pub(super) async fn exec(exec: &Exec, context: &Context) -> Result<Option<i32>, StepError> {
    let log = context.library.job_log(context.job);
    let mut env = context.envs.clone();
    env.extend(context.envs(&exec.envs));
    let spec = ProcessSpec {
        program: context.program(&exec.program).await?,
        args: exec.args.iter().map(|arg| context.text(arg)).collect(),
        cwd: if exec.cwd.is_empty() {
            context.app.dir.clone()
        } else {
            context.path(&exec.cwd)?
        },
        env,
        log: log.clone(),
    };
    let until = context.ready(exec.until.as_ref())?;
    let program = context.shown(Path::new(&spec.program));
    let from = tokio::fs::metadata(&log).await.map_or(0, |log| log.len());
    let app = &context.app.name;
    let mut running = context
        .supervisor
        .run(app, spec, exec.detach)
        .await
        .map_err(|error| context.refused(&error))?;

    let follow = follow(exec, context, until.as_ref(), from, &mut running);
    let outcome = match context.unless_canceled(follow).await {
        Ok(outcome) => outcome,
        Err(canceled) => {
            running.end(context.grace()).await;
            return Err(canceled);
        }
    };
    let left = exec.detach && matches!(outcome, Outcome::Goes);
    if !left && (exec.kill || !matches!(outcome, Outcome::Ended(_))) {
        end(exec, context, &mut running).await?;
    }
    match outcome {
        Outcome::Goes => Ok(None),
        Outcome::Ended(exit) => {
            report(exec, context, &program, &exit, &log, from).await?;
            Ok(exit.code)
        }
        Outcome::TooLong => Err(StepError::failed(with_output(
            &format!(
                "the program `{program}` did not end within {} s and was ended; raise `timeout`, or set `kill` or `detach` when it is meant to run on",
                exec.timeout
            ),
            context,
            &last_lines(&log, from).await,
        ))),
        Outcome::NotYet => {
            let waited_for = until.as_ref().map(in_words).unwrap_or_default();
            Err(StepError::failed(with_output(
                &format!("`{program}` was run, and {waited_for} was waited for in vain"),
                context,
                &last_lines(&log, from).await,
            )))
        }
    }
}

/// Waits as the step says. May be dropped at any moment.
async fn follow(
    exec: &Exec,
    context: &Context,
    until: Option<&Ready>,
    from: u64,
    running: &mut Running,
) -> Outcome {
    let log = context.library.job_log(context.job);
    let waiting = seconds(exec.waiting);
    let ready = async {
        if let Some(ready) = until {
            context.supervisor.wait_for(ready, &log, from).await
        } else {
            tokio::time::sleep(waiting).await;
            true
        }
    };
    if exec.detach {
        return if ready.await {
            Outcome::Goes
        } else {
            Outcome::NotYet
        };
    }
    let limit = if exec.timeout > 0.0 {
        seconds(exec.timeout)
    } else {
        Duration::MAX
    };
    let too_long = tokio::time::sleep(limit);
    if exec.kill {
        return tokio::select! {
            biased;
            exit = running.wait() => Outcome::Ended(exit),
            ready = ready => if ready { Outcome::Goes } else { Outcome::NotYet },
            () = too_long => Outcome::TooLong,
        };
    }
    let exit = tokio::select! {
        biased;
        exit = running.wait() => exit,
        () = too_long => return Outcome::TooLong,
    };
    if ready.await {
        Outcome::Ended(exit)
    } else {
        Outcome::NotYet
    }
}

/// Ends the program's tree, and what bears the name that the step gives: a launcher may be gone
/// while what it launched lives.
async fn end(exec: &Exec, context: &Context, running: &mut Running) -> Result<(), StepError> {
    let grace = context.grace();
    running.end(grace).await;
    if !exec.kill || exec.process_name.is_empty() {
        return Ok(());
    }
    let name = context.text(&exec.process_name);
    context
        .supervisor
        .end_named(&context.app.name, &name, grace)
        .await
        .map_err(|error| context.refused(&error))
}

/// Tells of an end that was no success.
async fn report(
    exec: &Exec,
    context: &Context,
    program: &str,
    exit: &Exit,
    log: &Path,
    from: u64,
) -> Result<(), StepError> {
    let how = match (exit.code, exit.signal) {
        (Some(0), _) => return Ok(()),
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended, nobody knows how".to_owned(),
    };
    let message = with_output(
        &format!("the program `{program}` {how}"),
        context,
        &last_lines(log, from).await,
    );
    if exec.strict {
        return Err(StepError::failed(message));
    }
    context.host.warn(message);
    Ok(())
}

fn with_output(message: &str, context: &Context, lines: &str) -> String {
    if lines.is_empty() {
        return format!("{message}; it wrote nothing");
    }
    format!("{message}; its last output:\n{}", context.mask(lines))
}
