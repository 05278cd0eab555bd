//! `storekeeper jobs`.

use std::time::Duration;

use comfy_table::{Table, presets};

use super::client::{Client, Lines};
use super::printer::Printer;
use super::ps::{age, duration};
use super::{Outcome, Output};
use crate::app::AppName;
use crate::job::{JobRecord, JobState, JobStep};

/// Lists the newest jobs, or shows one
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Number of the job to show
    id: Option<u64>,
    /// Only jobs of this app
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    app: Option<AppName>,
    /// How many
    #[arg(short = 'n', long, default_value_t = 20, value_name = "NUMBER")]
    number: usize,
    /// Show what the programs of the job printed
    #[arg(long, requires = "id")]
    log: bool,
    /// Ask the job to end
    #[arg(long, requires = "id", conflicts_with = "log")]
    cancel: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let Some(id) = args.id else {
        let jobs = client.jobs(args.app.as_ref(), args.number).await?;
        if args.output.json {
            return Ok(printer.json(&jobs)?);
        }
        return list(&jobs, printer);
    };
    if args.cancel {
        client.cancel(id).await?;
        printer.line(format!("job {id} was asked to end"))?;
        return Ok(());
    }
    if args.log {
        let Lines { lines } = client.job_log(id, 10_000).await?;
        if args.output.json {
            return Ok(printer.json(&lines)?);
        }
        for line in lines {
            printer.line(line)?;
        }
        return Ok(());
    }
    let job = client.job_record(id).await?;
    if args.output.json {
        return Ok(printer.json(&job)?);
    }
    show(&job, printer)
}

fn list(jobs: &[JobRecord], printer: &mut Printer) -> Outcome {
    if jobs.is_empty() {
        printer.line("there were no jobs yet")?;
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["ID", "APP", "JOB", "STATE", "AGO", "TOOK"]);
    for job in jobs {
        table.add_row([
            job.id.to_string(),
            job.app.to_string(),
            title(job),
            state(job.state).to_owned(),
            duration(age(job.queued_at)),
            took(job.started_at, job.ended_at),
        ]);
    }
    for line in table.to_string().lines() {
        printer.line(line.trim_end())?;
    }
    Ok(())
}

fn show(job: &JobRecord, printer: &mut Printer) -> Outcome {
    printer.line(format!(
        "job {}: {} {}: {}",
        job.id,
        title(job),
        job.app,
        state(job.state)
    ))?;
    for JobStep {
        title,
        state: at,
        started_at,
        ended_at,
        exit_code,
        ..
    } in &job.steps
    {
        let code = exit_code.map_or_else(String::new, |code| format!(", exit code {code}"));
        printer.line(format!(
            "  {} ({}{code}): {title}",
            state(*at),
            took(*started_at, *ended_at)
        ))?;
    }
    for warning in &job.warnings {
        printer.line(format!("  warning: {warning}"))?;
    }
    if let Some(error) = &job.error {
        printer.line(format!("  error: {}", error.message))?;
    }
    Ok(())
}

fn title(job: &JobRecord) -> String {
    match &job.list {
        Some(list) => format!("{} {list}", job.kind),
        None => job.kind.clone(),
    }
}

fn state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "failed",
        JobState::Canceled => "canceled",
        JobState::Interrupted => "interrupted",
    }
}

fn took(begin: Option<u64>, end: Option<u64>) -> String {
    match (begin, end) {
        (Some(begin), Some(end)) => {
            let took = Duration::from_millis(end.saturating_sub(begin));
            format!("{:.1}s", took.as_secs_f64())
        }
        _ => "-".to_owned(),
    }
}
