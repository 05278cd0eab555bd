//! Follows a job to its end, with a spinner or a bar where a person watches.

use std::time::Duration;

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;

use super::client::{Client, Stream};
use super::printer::Printer;
use super::ps::duration;
use super::{Failed, Outcome};
use crate::job::progress::Phase;
use crate::job::{JobRecord, JobState, Progress};

/// Shown of an address or a path at most.
const MAX_ITEM: usize = 40;

/// Listens to the service from before jobs are asked for, so that no end is missed. May follow
/// several jobs, one after the other.
pub(super) struct Watch {
    events: Stream,
}

/// The data of an event `progress`.
#[derive(Deserialize)]
struct Told {
    job: u64,
    progress: Option<Progress>,
}

/// Asks for jobs one after the other and follows each to its end. A failure of one keeps none of the
/// others.
pub(super) async fn one_by_one<T>(
    client: &Client,
    wanted: Vec<T>,
    ask: impl AsyncFn(T) -> Result<u64, Failed>,
    json: bool,
    done: impl Fn(&JobRecord) -> String,
    printer: &mut Printer,
) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let mut failed = false;
    for one in wanted {
        let outcome = match ask(one).await {
            Ok(job) => watch.finish(client, job, json, &done, printer).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(()) => {}
            Err(
                Failed::Because(reason) | Failed::Refused(_, reason) | Failed::Coded(_, reason),
            ) => {
                printer.error(&reason);
                failed = true;
            }
            Err(Failed::Quietly) => failed = true,
            Err(other) => return Err(other),
        }
    }
    if failed { Err(Failed::Quietly) } else { Ok(()) }
}

impl Watch {
    /// Begins to listen.
    pub(super) async fn begin(client: &Client) -> Result<Self, Failed> {
        Ok(Self {
            events: client.events().await?,
        })
    }

    /// Waits for the job's end, shows it meanwhile, and tells how it went. `done` is printed when
    /// it went well. Where a person watches, Ctrl-C asks the job to end; a second one leaves it
    /// alone and ends only us.
    pub(super) async fn finish(
        &mut self,
        client: &Client,
        id: u64,
        json: bool,
        done: impl FnOnce(&JobRecord) -> String,
        printer: &mut Printer,
    ) -> Outcome {
        let watched = Printer::is_watched();
        let mut display = Display::new(watched);
        let mut asked = false;
        // It may be over before its first event came.
        let mut job = client.job_record(id).await?;
        let mut progress = job.progress.clone();
        while !is_over(&job) {
            display.show(&job, progress.as_ref());
            let event = tokio::select! {
                event = self.events.next() => event?,
                // Whoever does not watch did not press a key: there the signal keeps its meaning.
                pressed = tokio::signal::ctrl_c(), if watched => {
                    pressed.map_err(Failed::because)?;
                    if asked {
                        display.clear();
                        return Err(Failed::because(format!(
                            "job {id} was asked to end and is still at it; look at `storekeeper jobs {id}`"
                        )));
                    }
                    asked = true;
                    let said = ask_to_end(client, id).await;
                    display.bar.suspend(|| printer.note(&said));
                    continue;
                }
            };
            let Some(event) = event else {
                display.clear();
                return Err(Failed::because(format!(
                    "the service ended while job {id} was at work; start it again and look at `storekeeper jobs {id}`"
                )));
            };
            match event.kind.as_str() {
                "job" if is_about(&event.data, id) => job = client.job_record(id).await?,
                "reset" => {
                    job = client.job_record(id).await?;
                    progress.clone_from(&job.progress);
                }
                "progress" => {
                    if let Ok(told) = serde_json::from_str::<Told>(&event.data)
                        && told.job == id
                    {
                        progress = told.progress;
                    }
                }
                _ => {}
            }
        }
        display.clear();
        tell(&job, json, done, printer)
    }
}

/// Asks a job to end, and tells what came of it.
async fn ask_to_end(client: &Client, id: u64) -> String {
    match client.cancel(id).await {
        Err(Failed::Because(reason) | Failed::Refused(_, reason) | Failed::Coded(_, reason)) => {
            reason
        }
        Ok(()) | Err(Failed::Quietly | Failed::With(_) | Failed::NobodyReads) => {
            format!("the service was asked to end job {id}; press Ctrl-C again to leave it alone")
        }
    }
}

/// What a person sees meanwhile.
struct Display {
    bar: ProgressBar,
    is_bar: bool,
}

impl Display {
    fn new(watched: bool) -> Self {
        let bar = if watched {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        let display = Self { bar, is_bar: false };
        if watched {
            display.bar.set_style(spinner());
            display.bar.enable_steady_tick(Duration::from_millis(120));
        }
        display
    }

    fn show(&mut self, job: &JobRecord, progress: Option<&Progress>) {
        if self.bar.is_hidden() {
            return;
        }
        let total = progress.and_then(|progress| progress.total);
        if total.is_some() != self.is_bar {
            self.is_bar = total.is_some();
            self.bar
                .set_style(if self.is_bar { bar() } else { spinner() });
        }
        let Some(progress) = progress else {
            self.bar.set_message(doing(job));
            return;
        };
        if let Some(total) = total {
            self.bar.set_length(total);
            self.bar.set_position(progress.completed.min(total));
        }
        self.bar.set_prefix(what(progress));
        self.bar.set_message(if self.is_bar {
            amounts(progress)
        } else {
            format!("{} {}", what(progress), amounts(progress))
        });
    }

    /// Makes room for lines.
    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
        .expect("the template is ours and sound")
}

fn bar() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} [{bar:24}] {msg}")
        .expect("the template is ours and sound")
        .progress_chars("=> ")
}

/// What a long step does, and with what.
fn what(progress: &Progress) -> String {
    let verb = match progress.phase {
        Phase::Download => "downloading",
        Phase::Unpack => "unpacking",
        Phase::Copy => "copying",
        Phase::Pack => "packing",
    };
    let item = progress.item.trim_end_matches('/');
    let last = item.rsplit(['/', '\\']).next().unwrap_or(item);
    let mut shown: String = last.chars().take(MAX_ITEM).collect();
    if last.chars().nth(MAX_ITEM).is_some() {
        shown.push('…');
    }
    format!("{verb} {shown}").trim_end().to_owned()
}

/// Bytes, speed and time left, as far as they are known.
fn amounts(progress: &Progress) -> String {
    let mut text = DecimalBytes(progress.completed).to_string();
    if let Some(total) = progress.total {
        text = format!("{text} of {}", DecimalBytes(total));
    }
    if progress.bytes_per_second > 0 {
        text = format!("{text}, {}/s", DecimalBytes(progress.bytes_per_second));
    }
    if let Some(seconds) = progress.seconds_left {
        text = format!("{text}, {} left", duration(Duration::from_secs(seconds)));
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_speed_and_time_are_told_as_far_as_they_are_known() {
        let mut progress = Progress {
            phase: Phase::Download,
            item: "http://x/y/redis.zip".to_owned(),
            completed: 1_500_000,
            total: None,
            bytes_per_second: 0,
            seconds_left: None,
        };
        assert_eq!(what(&progress), "downloading redis.zip");
        assert_eq!(amounts(&progress), "1.50 MB");
        progress.total = Some(40_000_000);
        progress.bytes_per_second = 3_000_000;
        progress.seconds_left = Some(75);
        assert_eq!(
            amounts(&progress),
            "1.50 MB of 40.00 MB, 3.00 MB/s, 1m 15s left"
        );
        progress.item = "y".repeat(50);
        assert_eq!(what(&progress), format!("downloading {}…", "y".repeat(40)));
    }
}
