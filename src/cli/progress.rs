//! Follows a job to its end, with a spinner where a person watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client::{Client, Stream};
use super::printer::Printer;
use super::{Failed, Outcome};
use crate::job::{JobRecord, JobState};

/// Listens to the service from before jobs are asked for, so that no end is missed. May follow
/// several jobs, one after the other.
pub(super) struct Watch {
    events: Stream,
}

impl Watch {
    /// Begins to listen.
    pub(super) async fn begin(client: &Client) -> Result<Self, Failed> {
        Ok(Self {
            events: client.events().await?,
        })
    }

    /// Waits for the job's end, shows it meanwhile, and tells how it went. `done` is printed when
    /// it went well.
    pub(super) async fn finish(
        &mut self,
        client: &Client,
        id: u64,
        json: bool,
        done: impl FnOnce(&JobRecord) -> String,
        printer: &mut Printer,
    ) -> Outcome {
        let bar = if Printer::is_watched() {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                    .expect("the template is ours and sound"),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        } else {
            ProgressBar::hidden()
        };
        // It may be over before its first event came.
        let mut job = client.job_record(id).await?;
        while !is_over(&job) {
            bar.set_message(doing(&job));
            let Some(event) = self.events.next().await? else {
                bar.finish_and_clear();
                return Err(Failed::because(format!(
                    "the service ended while job {id} was at work; start it again and look at `storekeeper jobs {id}`"
                )));
            };
            match event.kind.as_str() {
                "job" if is_about(&event.data, id) => job = client.job_record(id).await?,
                "reset" => job = client.job_record(id).await?,
                _ => {}
            }
        }
        bar.finish_and_clear();
        tell(&job, json, done, printer)
    }
}

fn tell(
    job: &JobRecord,
    json: bool,
    done: impl FnOnce(&JobRecord) -> String,
    printer: &mut Printer,
) -> Outcome {
    if json {
        printer.json(job)?;
    }
    for warning in &job.warnings {
        printer.warning(warning);
    }
    if job.state == JobState::Succeeded {
        if !json {
            printer.line(done(job))?;
        }
        return Ok(());
    }
    match &job.error {
        Some(error) => {
            printer.error(&error.message);
            for problem in problems(&error.data) {
                printer.error(&problem);
            }
        }
        None => printer.error(&format!(
            "job {} was ended before it was done; ask for it again",
            job.id
        )),
    }
    Err(Failed::Quietly)
}

/// The problems of manifests in an error's data.
fn problems(data: &Value) -> Vec<String> {
    let list = data.get("problems").unwrap_or(data);
    let text = |problem: &Value, key: &str| {
        problem
            .get(key)
            .map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            })
            .unwrap_or_default()
    };
    list.as_array()
        .into_iter()
        .flatten()
        .filter(|problem| problem.get("message").is_some())
        .map(|problem| {
            format!(
                "{}:{}:{}: {}",
                text(problem, "file"),
                text(problem, "line"),
                text(problem, "column"),
                text(problem, "message")
            )
        })
        .collect()
}

fn is_over(job: &JobRecord) -> bool {
    !matches!(job.state, JobState::Queued | JobState::Running)
}

fn is_about(data: &str, id: u64) -> bool {
    serde_json::from_str::<Value>(data)
        .ok()
        .and_then(|job| job.get("id")?.as_u64())
        == Some(id)
}

/// What a job does now, in a line.
fn doing(job: &JobRecord) -> String {
    let step = job
        .steps
        .iter()
        .enumerate()
        .find(|(_, step)| step.state == JobState::Running);
    match step {
        Some((place, step)) => format!(
            "{} {}: step {} of {}, {}",
            job.kind,
            job.app,
            place + 1,
            job.steps.len(),
            step.title
        ),
        None if job.state == JobState::Queued => {
            format!("{} {}: waits for an earlier job", job.kind, job.app)
        }
        None => format!("{} {}", job.kind, job.app),
    }
}
