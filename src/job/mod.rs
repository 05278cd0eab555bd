//! Every change is a job: one at a time per app, others queue. A job outlives the request that
//! asked for it and the service that ran it.

pub mod event;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::AppName;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Install the app whose files are in place, or those of a folder.
    Install {
        /// A folder outside the run directory: linked when `isDev`, else copied.
        folder: Option<PathBuf>,
    },
    /// Stop it, run its `uninstall` list, remove its static copy and (unless it is a dev app) its
    /// folder. Its data are kept unless `purge`.
    Uninstall {
        /// Delete its data too.
        purge: bool,
    },
    /// Save `changes` to the config and run `list`, if one is given.
    Setting {
        /// A key of `commands`.
        list: Option<String>,
        /// New values.
        changes: Map<String, Value>,
        /// Keys to set back to their defaults.
        unset: Vec<String>,
    },
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it, if it runs, and start it.
    Restart,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for an earlier job of the same app.
    Queued,
    /// At work.
    Running,
    /// Done; there may be warnings.
    Succeeded,
    /// Ended by an error.
    Failed,
    /// Ended on request.
    Canceled,
    /// The service ended under it.
    Interrupted,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStep {
    /// What it does, secrets masked: `exec bin/mysqld --initialize`.
    pub title: String,
    /// The lists that led to it.
    pub lists: Vec<String>,
    /// Where it stands.
    pub state: JobState,
    /// Begin, in milliseconds since 1970.
    pub started_at: Option<u64>,
    /// End, likewise.
    pub ended_at: Option<u64>,
    /// Exit code of its program.
    pub exit_code: Option<i32>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Kind of the error.
    pub code: FailureCode,
    /// What is wrong with which thing, and what to do about it.
    pub message: String,
    /// Mistakes in the manifests or missing dependencies, when that was it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub data: Value,
}

/// Kinds of errors; `api` has the table of their HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The app, list or job is not there.
    NotFound,
    /// The request makes no sense.
    Invalid,
    /// The manifests have errors.
    Manifest,
    /// Something stands against it: a cycle, dependents, a missing dependency.
    Conflict,
    /// A step, program or the system failed.
    Failed,
    /// Ended on request.
    Canceled,
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobRecord {
    /// Number, counting up.
    pub id: u64,
    /// The app.
    #[schema(value_type = String)]
    pub app: AppName,
    /// install, uninstall, setting, start, stop, restart.
    pub kind: String,
    /// The list it runs, for setting.
    pub list: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Milliseconds since 1970.
    pub queued_at: u64,
    /// Likewise.
    pub started_at: Option<u64>,
    /// Likewise.
    pub ended_at: Option<u64>,
    /// What it did so far, and does now.
    pub steps: Vec<JobStep>,
    /// What went wrong without ending it.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// A job that was accepted.
pub struct Ticket {
    /// Its number.
    pub id: u64,
}

impl Ticket {
    /// Waits for its end. Dropping the future leaves the job alone.
    pub async fn finished(self) -> Arc<JobRecord> {
        todo!()
    }
}

/// Queue and workers. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    _inner: Arc<()>,
}

impl Jobs {
    /// Accepts a job. A stop cancels a start of the same app that is under way.
    ///
    /// # Errors
    /// When it can be told at once that it makes no sense: unknown app or list, broken value.
    pub async fn submit(&self, app: &AppName, action: Action) -> Result<Ticket, Failure> {
        let _ = (app, action);
        todo!()
    }

    /// One job, running or past.
    pub async fn get(&self, id: u64) -> Option<Arc<JobRecord>> {
        let _ = id;
        todo!()
    }

    /// The newest jobs, newest first; of one app when given.
    pub async fn list(&self, app: Option<&AppName>, limit: usize) -> Vec<Arc<JobRecord>> {
        let _ = (app, limit);
        todo!()
    }

    /// Asks a queued or running job to end. Its record tells when it has.
    ///
    /// # Errors
    /// When there is no such job or it has ended.
    pub fn cancel(&self, id: u64) -> Result<(), Failure> {
        let _ = id;
        todo!()
    }
}

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
