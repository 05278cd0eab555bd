//! Runs a plan: one step after the other, until the end or the first error.

use super::context::{Context, StepEnd, StepError, StepErrorKind};
use super::plan::Plan;
use super::restart::restart;
use super::start::start;
use super::stop::stop;
use super::title::title;
use super::{
    Command, change_file, delete_file, exec, mkdir, start_app, stop_app, unzip, write_file, zip,
};

/// Runs the steps strictly one after the other.
///
/// # Errors
/// That of the first step that failed; those after it were not run.
pub async fn run(plan: &Plan, context: &Context) -> Result<(), StepError> {
    for step in &plan.steps {
        context.check_canceled()?;
        let mut context = context.clone();
        context.lists.extend(step.lists.iter().cloned());
        let number = context
            .host
            .begin(title(&step.command, &context.scope), context.lists.clone());
        // Boxed, because a step may start the app, which runs lists.
        let done = Box::pin(perform(&step.command, &context)).await;
        let done = done.map_err(|error| error.at(&step.place));
        let end = done.as_ref().map_or_else(end_of, |_| StepEnd::Done);
        context
            .host
            .end(number, end, done.as_ref().ok().copied().flatten());
        done?;
    }
    Ok(())
}

/// Runs one command that no list holds, as a step of its own.
///
/// # Errors
/// That of the command.
pub async fn run_one(command: &Command, context: &Context) -> Result<(), StepError> {
    let title = title(command, &context.scope);
    let number = context.host.begin(title, context.lists.clone());
    let done = Box::pin(perform(command, context)).await;
    let end = done.as_ref().map_or_else(end_of, |_| StepEnd::Done);
    context
        .host
        .end(number, end, done.as_ref().ok().copied().flatten());
    done.map(drop)
}

/// How a step with this error ended.
fn end_of(error: &StepError) -> StepEnd {
    match error.kind {
        StepErrorKind::Canceled => StepEnd::Canceled,
        StepErrorKind::NotFound
        | StepErrorKind::Invalid
        | StepErrorKind::Manifest
        | StepErrorKind::Conflict
        | StepErrorKind::Failed => StepEnd::Failed,
    }
}

/// Answers the exit code of the step's program, if it has one.
async fn perform(command: &Command, context: &Context) -> Result<Option<i32>, StepError> {
    match command {
        Command::Start => start(context).await?,
        Command::Stop => stop(context).await?,
        Command::Restart => restart(context).await?,
        Command::Exec(exec) => return exec::exec(exec, context).await,
        Command::WriteFile { file, content } => {
            write_file::write_file(file, content, context).await?;
        }
        Command::ChangeFile { template, file } => {
            change_file::change_file(template, file, context).await?;
        }
        Command::DeleteFile { file } => delete_file::delete_file(file, context).await?,
        Command::Unzip { archive, folder } => unzip::unzip(archive, folder, context).await?,
        Command::Zip { folder, archive } => zip::zip(folder, archive, context).await?,
        Command::Mkdir { folder } => mkdir::mkdir(folder, context).await?,
        Command::StartApp { app } => start_app::start_app(app, context).await?,
        Command::StopApp { app } => stop_app::stop_app(app, context).await?,
    }
    Ok(None)
}
