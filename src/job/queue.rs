//! The queue and the workers: one worker per app that has something to do, gone when it is idle.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::apps::Apps;
use super::event::Events;
use super::notice::Notices;
use super::recorder::Recorder;
use super::wait::Waits;
use super::{Action, Failure, FailureCode, JobRecord, JobState, now, work};
use crate::app::AppName;
use crate::catalog::Catalogs;
use crate::database::{Database, DatabaseError};
use crate::download::Downloader;
use crate::library::Library;
use crate::supervisor::Supervisor;

/// Jobs older than the newest so many are forgotten.
const MAX_JOBS: u64 = 1000;

/// More jobs of one app than this do not queue.
const MAX_QUEUED: usize = 200;

/// So many jobs that did not succeed can be asked for again.
const MAX_RETRIES: usize = 200;

/// Queue and workers. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) library: Library,
    pub(super) database: Database,
    pub(super) supervisor: Supervisor,
    pub(super) events: Events,
    pub(super) notices: Notices,
    pub(super) apps: Apps,
    pub(super) downloader: Downloader,
    pub(super) catalogs: Catalogs,
    pub(super) waits: Waits,
    next: AtomicU64,
    closing: AtomicBool,
    queues: Mutex<HashMap<AppName, Queue>>,
    /// Jobs that have not ended, or whose end could not be written down.
    live: Mutex<BTreeMap<u64, Arc<Job>>>,
    /// What was asked for by jobs that did not succeed. In memory: secrets may be in it.
    failed: Mutex<BTreeMap<u64, (AppName, Action)>>,
}

/// One app's jobs. It exists while there are any.
#[derive(Default)]
struct Queue {
    running: Option<Arc<Job>>,
    waiting: VecDeque<Arc<Job>>,
}

/// A job that has not ended.
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) app: AppName,
    pub(super) action: Action,
    pub(super) cancel: CancellationToken,
    pub(super) record: Mutex<JobRecord>,
    ended: watch::Sender<Option<Arc<JobRecord>>>,
}

impl Job {
    pub(super) fn record(&self) -> MutexGuard<'_, JobRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that was accepted.
pub struct Ticket {
    /// Its number.
    pub id: u64,
    job: Arc<Job>,
}

impl Ticket {
    /// Waits for its end. Dropping the future leaves the job alone.
    pub async fn finished(self) -> Arc<JobRecord> {
        let mut ended = self.job.ended.subscribe();
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(record)) => Arc::clone(record),
            // The sender lives in the job that we hold.
            Ok(None) | Err(_) => Arc::new(self.job.record().clone()),
        }
    }
}

impl Jobs {
    /// Takes up the counting where the last service ended, and marks what it left undone.
    pub(crate) async fn open(
        library: Library,
        database: Database,
        supervisor: Supervisor,
        events: Events,
        notices: Notices,
        downloader: Downloader,
        catalogs: Catalogs,
    ) -> Result<Self, DatabaseError> {
        let (newest, left) = database.left_jobs()?;
        let any_left = !left.is_empty();
        for record in left {
            let Ok(mut record) = serde_json::from_str::<JobRecord>(&record) else {
                continue;
            };
            interrupt(&mut record);
            database.queue_job(Recorder::row(&record));
        }
        if any_left {
            // Nobody shall read that they still run.
            database.flush().await;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                apps: Apps::new(library.clone(), database.clone()),
                library,
                database,
                supervisor,
                events,
                notices,
                downloader,
                catalogs,
                waits: Waits::default(),
                next: AtomicU64::new(newest + 1),
                closing: AtomicBool::new(false),
                queues: Mutex::default(),
                live: Mutex::default(),
                failed: Mutex::default(),
            }),
        })
    }

    /// Takes back or finishes what a killed service left half done among the files of the apps. Before
    /// the first job. Answers which apps: their processes may have been ended with it.
    pub(crate) async fn recover(&self) -> Vec<AppName> {
        super::change::recover(&self.inner).await
    }

    /// Accepts a job. A stop cancels a start of the same app that is under way.
    ///
    /// # Errors
    /// When it can be told at once that it makes no sense: unknown app or list, broken value.
    pub async fn submit(&self, app: &AppName, action: Action) -> Result<Ticket, Failure> {
        let (jobs, name) = (self.clone(), app.clone());
        let checked = tokio::task::spawn_blocking(move || work::accept(&jobs.inner, &name, action));
        let action = match checked.await {
            Ok(action) => action?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.enqueue(app, action)
    }

    /// Accepts a job without looking at it.
    pub(crate) fn enqueue(&self, app: &AppName, action: Action) -> Result<Ticket, Failure> {
        if self.is_closing() {
            let message = "the service ends; try again when it is back";
            return Err(Failure::new(FailureCode::Conflict, message));
        }
        let inner = &self.inner;
        let mut queues = inner.queues();
        let queue = queues.entry(app.clone()).or_default();
        if queue.waiting.len() >= MAX_QUEUED {
            let message = format!("{MAX_QUEUED} jobs of `{app}` wait already; try again later");
            return Err(Failure::new(FailureCode::Conflict, message));
        }
        let id = inner.next.fetch_add(1, Ordering::Relaxed);
        if action == Action::Stop {
            let others = queue.running.iter().chain(&queue.waiting);
            for job in others.filter(|job| job.action.starts()) {
                job.cancel.cancel();
            }
        }
        let job = Arc::new(Job {
            id,
            app: app.clone(),
            cancel: CancellationToken::new(),
            record: Mutex::new(JobRecord {
                id,
                app: app.clone(),
                kind: action.kind().to_owned(),
                list: action.list().map(str::to_owned),
                state: JobState::Queued,
                queued_at: now(),
                started_at: None,
                ended_at: None,
                steps: Vec::new(),
                warnings: Vec::new(),
                error: None,
                found: None,
                can_retry: false,
                progress: None,
            }),
            ended: watch::Sender::new(None),
            action,
        });
        inner.live().insert(id, Arc::clone(&job));
        Recorder::new(self, &job).changed();
        inner.forget_old(id);
        let idle = queue.running.is_none() && queue.waiting.is_empty();
        queue.waiting.push_back(Arc::clone(&job));
        if idle {
            tokio::spawn(self.clone().work(app.clone()));
        }
        Ok(Ticket { id, job })
    }

    /// One job, running or past.
    pub async fn get(&self, id: u64) -> Option<Arc<JobRecord>> {
        let live = self.inner.live().get(&id).cloned();
        if let Some(job) = live {
            return Some(Arc::new(job.record().clone()));
        }
        let record = self.inner.database.job(id).await.ok()??;
        let mut record: JobRecord = serde_json::from_str(&record).ok()?;
        record.can_retry = self.inner.failed().contains_key(&id);
        Some(Arc::new(record))
    }

    /// The newest jobs, newest first; of one app when given.
    pub async fn list(&self, app: Option<&AppName>, limit: usize) -> Vec<Arc<JobRecord>> {
        // First the living: one that ends in between is on disk before it is forgotten here.
        let live: Vec<_> = self.inner.live().values().cloned().collect();
        let past = self.inner.database.jobs(app, limit).await;
        let past = past.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            Vec::new()
        });
        let mut found: BTreeMap<u64, Arc<JobRecord>> = {
            let failed = self.inner.failed();
            past.iter()
                .filter_map(|record| serde_json::from_str::<JobRecord>(record).ok())
                .map(|mut record| {
                    record.can_retry = failed.contains_key(&record.id);
                    (record.id, Arc::new(record))
                })
                .collect()
        };
        for job in live {
            if app.is_none_or(|app| *app == job.app) {
                // What is in memory is never older than what is on disk.
                found.insert(job.id, Arc::new(job.record().clone()));
            }
        }
        found.into_values().rev().take(limit).collect()
    }

    /// Asks a queued or running job to end. Its record tells when it has.
    ///
    /// # Errors
    /// When there is no such job or it has ended.
    pub fn cancel(&self, id: u64) -> Result<(), Failure> {
        let live = self.inner.live().get(&id).cloned();
        let Some(job) = live.filter(|job| !job.record().state.has_ended()) else {
            let newest = self.inner.next.load(Ordering::Relaxed);
            let (code, message) = if (1..newest).contains(&id) {
                (FailureCode::Conflict, format!("job {id} has ended already"))
            } else {
                (FailureCode::NotFound, format!("there is no job {id}"))
            };
            return Err(Failure::new(code, message));
        };
        job.cancel.cancel();
        Ok(())
    }

    /// Asks for what a job that did not succeed was asked for.
    ///
    /// # Errors
    /// When there is no such job, it succeeded or runs, or what it was asked for is not known any more;
    /// and those of [`Jobs::submit`].
    pub async fn retry(&self, id: u64) -> Result<Ticket, Failure> {
        let known = self.inner.failed().get(&id).cloned();
        if let Some((app, action)) = known {
            return self.submit(&app, action).await;
        }
        let Some(record) = self.get(id).await else {
            let message = format!("there is no job {id}");
            return Err(Failure::new(FailureCode::NotFound, message));
        };
        let message = match record.state {
            JobState::Queued | JobState::Running => format!("job {id} has not ended yet"),
            JobState::Succeeded => {
                format!("job {id} was done, so there is nothing to do again")
            }
            JobState::Failed | JobState::Canceled | JobState::Interrupted => format!(
                "what job {id} was asked for is not known any more; ask for the {} of `{}` anew",
                record.kind, record.app
            ),
        };
        Err(Failure::new(FailureCode::Conflict, message))
    }

    /// Whether a job of this app waits or runs.
    pub(crate) fn is_busy(&self, app: &AppName) -> bool {
        self.inner.queues().contains_key(app)
    }

    /// Whether the service ends.
    pub(crate) fn is_closing(&self) -> bool {
        self.inner.closing.load(Ordering::Acquire)
    }

    /// Accepts no more jobs, ends those there are, and waits until they have.
    pub(crate) async fn close(&self) {
        self.inner.closing.store(true, Ordering::Release);
        let live: Vec<_> = self.inner.live().values().cloned().collect();
        for job in &live {
            job.cancel.cancel();
        }
        for job in live {
            let mut ended = job.ended.subscribe();
            let _ = ended.wait_for(Option::is_some).await;
        }
    }

    /// Runs an app's jobs until there are none.
    async fn work(self, app: AppName) {
        loop {
            let job = {
                let mut queues = self.inner.queues();
                let Some(queue) = queues.get_mut(&app) else {
                    return;
                };
                queue.running = queue.waiting.pop_front();
                let Some(job) = queue.running.clone() else {
                    queues.remove(&app);
                    return;
                };
                job
            };
            self.run(&job).await;
        }
    }

    async fn run(&self, job: &Arc<Job>) {
        let recorder = Arc::new(Recorder::new(self, job));
        let done = if job.cancel.is_cancelled() {
            Err(Failure::new(
                FailureCode::Canceled,
                "it was canceled before it began",
            ))
        } else {
            recorder.start();
            // A task of its own, so that a panic is this job's failure and nobody else's.
            let work = tokio::spawn(work::perform(
                Arc::clone(&self.inner),
                Arc::clone(job),
                Arc::clone(&recorder),
            ));
            work.await.unwrap_or_else(|error| {
                let message = format!("a fault in storekeeper itself ended it: {error}; report it");
                Err(Failure::new(FailureCode::Failed, message))
            })
        };
        let record = recorder.finish(done).await;
        job.ended.send_replace(Some(record));
    }
}

impl Inner {
    pub(super) fn forget_live(&self, id: u64) {
        self.live().remove(&id);
    }

    /// Keeps what a job that did not succeed was asked for. Answers whether it can be asked for again.
    pub(super) fn keep_for_retry(&self, job: &Job) -> bool {
        if !job.action.can_be_repeated() {
            return false;
        }
        let mut failed = self.failed();
        failed.insert(job.id, (job.app.clone(), job.action.clone()));
        while failed.len() > MAX_RETRIES {
            failed.pop_first();
        }
        true
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<u64, (AppName, Action)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the newest jobs, with their output.
    fn forget_old(&self, newest: u64) {
        if let Some(old) = newest.checked_sub(MAX_JOBS).filter(|old| *old > 0) {
            self.database.forget_jobs(old);
            let log = self.library.job_log(old);
            tokio::task::spawn_blocking(move || std::fs::remove_file(log));
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<AppName, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Job>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a job whose service was killed.
fn interrupt(record: &mut JobRecord) {
    record.state = JobState::Interrupted;
    record.ended_at = Some(now());
    let at = record
        .steps
        .iter()
        .find(|step| step.state == JobState::Running)
        .map_or_else(String::new, |step| format!(" at `{}`", step.title));
    record.error = Some(Failure::new(
        FailureCode::Failed,
        format!("the service ended under it{at}; run it again"),
    ));
    for step in &mut record.steps {
        if !step.state.has_ended() {
            step.state = JobState::Interrupted;
        }
    }
}
