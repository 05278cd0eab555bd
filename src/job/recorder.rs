//! What a job tells about itself: to its record, to the database and to whoever listens.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::queue::{Job, Jobs};
use super::{Action, Failure, FailureCode, JobRecord, JobState, JobStep, Progress, Stage, now};
use crate::app::AppName;
use crate::command::{Answer, Host, StepEnd};
use crate::database::JobRow;
use crate::supervisor::State;

/// A list in a loop of lists may warn without end; so many warnings are kept.
const MAX_WARNINGS: usize = 200;

/// One job's side of [`Host`].
pub(super) struct Recorder {
    jobs: Jobs,
    job: Arc<Job>,
    /// The stage that coming steps are part of.
    stage: Mutex<Option<Stage>>,
}

impl Recorder {
    pub(super) fn new(jobs: &Jobs, job: &Arc<Job>) -> Self {
        Self {
            jobs: jobs.clone(),
            job: Arc::clone(job),
            stage: Mutex::default(),
        }
    }

    /// The record as the database stores it.
    pub(super) fn row(record: &JobRecord) -> JobRow {
        JobRow {
            id: record.id,
            app: record.app.clone(),
            unfinished: !record.state.has_ended(),
            record: serde_json::to_string(record)
                .expect("a record holds nothing that JSON cannot express"),
        }
    }

    /// Writes the record down with the next commit, and tells everybody.
    pub(super) fn changed(&self) {
        self.change(|_| ());
    }

    /// The job begins.
    pub(super) fn start(&self) {
        self.change(|record| {
            record.state = JobState::Running;
            record.started_at = Some(now());
        });
    }

    /// The steps that come are part of this stage.
    pub(super) fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(stage);
    }

    /// How far the long step is; none when it is over. It is told, and not written down: after a crash
    /// nobody asks for it.
    pub(super) fn progress(&self, progress: Option<Progress>) {
        let text = {
            let mut record = self.job.record();
            record.progress = progress;
            json!({ "job": record.id, "app": record.app, "progress": record.progress }).to_string()
        };
        self.jobs.inner.events.publish_text("progress", text.into());
    }

    /// The job is about another app than its name says, which was a guess.
    pub(super) fn found(&self, name: &AppName) {
        self.change(|record| record.found = Some(name.clone()));
    }

    /// The job ended; done when that is on disk.
    pub(super) async fn finish(&self, done: Result<(), Failure>) -> Arc<JobRecord> {
        let closing = self.jobs.is_closing();
        let record = {
            let mut record = self.job.record();
            record.ended_at = Some(now());
            record.progress = None;
            record.state = match &done {
                Ok(()) => JobState::Succeeded,
                Err(failure) if failure.code == FailureCode::Canceled && closing => {
                    JobState::Interrupted
                }
                Err(failure) if failure.code == FailureCode::Canceled => JobState::Canceled,
                Err(_) => JobState::Failed,
            };
            record.error = done.err();
            let (state, ended_at) = (record.state, record.ended_at);
            // After a panic a step may still seem to run.
            for step in &mut record.steps {
                if !step.state.has_ended() {
                    step.state = state;
                    step.ended_at = ended_at;
                }
            }
            record.clone()
        };
        let inner = &self.jobs.inner;
        match inner.database.save_job(Self::row(&record)).await {
            // From now on it is read from the database.
            Ok(()) => inner.forget_live(record.id),
            Err(error) => tracing::error!(job = record.id, "its end cannot be recorded: {error}"),
        }
        let succeeded = record.state == JobState::Succeeded;
        let record = JobRecord {
            can_retry: !succeeded && inner.keep_for_retry(&self.job),
            ..record
        };
        self.tell(&record);
        inner.notices.job(&self.job.action, &record);
        Arc::new(record)
    }

    fn change(&self, change: impl FnOnce(&mut JobRecord)) {
        let row = {
            let mut record = self.job.record();
            change(&mut record);
            Self::row(&record)
        };
        let inner = &self.jobs.inner;
        inner.events.publish_text("job", row.record.as_str().into());
        inner.database.queue_job(row);
    }

    fn tell(&self, record: &JobRecord) {
        let text = Self::row(record).record;
        self.jobs.inner.events.publish_text("job", text.into());
    }

    /// Lets another app do something in its own queue and waits for it.
    ///
    /// # Errors
    /// Those of that job, with their data; a circle of waiting jobs.
    pub(super) async fn other(&self, app: &AppName, action: Action) -> Result<(), Failure> {
        let own = &self.job.app;
        let kind = action.kind();
        // What is installed for this job alone ends with it; a start or stop is also others' affair.
        let is_ours = matches!(action, Action::Install(_));
        let _waiting = self.jobs.inner.waits.begin(own, app).map_err(|path| {
            let path: Vec<_> = path.iter().map(AppName::as_str).collect();
            Failure::new(
                FailureCode::Conflict,
                format!(
                    "`{own}` cannot {kind} `{app}`, because they would wait for each other for ever ({}); remove one of the steps",
                    path.join(" → ")
                ),
            )
        })?;
        let ticket = self.jobs.submit(app, action).await?;
        let id = ticket.id;
        let finished = ticket.finished();
        tokio::pin!(finished);
        let record = tokio::select! {
            biased;
            () = self.job.cancel.cancelled() => {
                // One that has ended in this moment needs no end.
                if is_ours && self.jobs.cancel(id).is_ok() {
                    finished.await;
                }
                return Err(Failure::new(FailureCode::Canceled, "it was canceled"));
            }
            record = &mut finished => record,
        };
        for warning in &record.warnings {
            self.warn(format!("{app}: {warning}"));
        }
        match &record.error {
            None => Ok(()),
            Some(failure) if failure.code == FailureCode::Canceled => Err(Failure::new(
                FailureCode::Failed,
                format!("the {kind} of `{app}` was canceled"),
            )),
            Some(failure) => Err(failure.clone()),
        }
    }
}

impl Host for Recorder {
    fn begin(&self, title: String, lists: Vec<String>) -> usize {
        let mut number = 0;
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        self.change(|record| {
            number = record.steps.len();
            record.steps.push(JobStep {
                title,
                lists,
                state: JobState::Running,
                started_at: Some(now()),
                ended_at: None,
                exit_code: None,
                stage,
            });
        });
        number
    }

    fn end(&self, step: usize, end: StepEnd, exit_code: Option<i32>) {
        self.change(|record| {
            if let Some(step) = record.steps.get_mut(step) {
                step.state = match end {
                    StepEnd::Done => JobState::Succeeded,
                    StepEnd::Failed => JobState::Failed,
                    StepEnd::Canceled => JobState::Canceled,
                };
                step.ended_at = Some(now());
                step.exit_code = exit_code;
            }
        });
    }

    fn warn(&self, warning: String) {
        self.change(|record| {
            if record.warnings.len() < MAX_WARNINGS && !record.warnings.contains(&warning) {
                record.warnings.push(warning);
            }
        });
    }

    fn is_closing(&self) -> bool {
        self.jobs.is_closing()
    }

    fn start_app<'a>(&'a self, app: &'a AppName) -> Answer<'a> {
        Box::pin(async move {
            if self.jobs.inner.supervisor.status(app).state == State::Running {
                return Ok(());
            }
            Ok(self.other(app, Action::Start).await?)
        })
    }

    fn stop_app<'a>(&'a self, app: &'a AppName) -> Answer<'a> {
        Box::pin(async move { Ok(self.other(app, Action::Stop).await?) })
    }
}
