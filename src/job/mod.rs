//! Every change is a job: one at a time per app, others queue. A job outlives the request that
//! asked for it and the service that ran it.

pub mod apps;
mod carry;
mod change;
mod contents;
mod dependencies;
pub mod event;
mod export;
mod folder;
mod install;
pub mod notice;
mod obtain;
pub mod progress;
mod queue;
mod recorder;
mod replace;
mod restore;
mod rollback;
mod set_up;
pub mod snapshot;
pub mod source;
#[cfg(test)]
mod tests;
pub mod trash;
mod uninstall;
mod wait;
mod work;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::AppName;
use crate::command::{StepError, StepErrorKind};

pub use progress::Progress;
pub use queue::{Jobs, Ticket};
pub use source::{Install, Source};
pub(crate) use work::lay;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Install an app; over one that is there, upgrade it and keep its data.
    Install(Install),
    /// Bring the version back that was there before the last upgrade.
    Rollback {
        /// With the data as they were then, where they were copied; the present ones stay with the
        /// present version.
        with_data: bool,
    },
    /// Say which versions are offered.
    Offers {
        /// Stay at the version that is there, or no longer.
        pin: Option<bool>,
        /// Do not offer this version.
        skip: Option<String>,
    },
    /// Put the data of an uninstalled app back, with its program.
    Restore {
        /// The entry of the trash.
        entry: String,
        /// The package that holds its program, where it cannot be fetched again.
        package: Option<PathBuf>,
    },
    /// Write config, data and where the program came from into one file.
    Export {
        /// The file.
        file: PathBuf,
        /// With the program itself, too.
        with_program: bool,
    },
    /// Install what an export holds.
    Import {
        /// The file.
        file: PathBuf,
        /// The package that holds its program, where it cannot be fetched.
        package: Option<PathBuf>,
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
        /// Restart the app afterwards, if it runs.
        restart: bool,
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
    /// The stage of an installation that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

/// The stages of an installation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Files are fetched, their checksums compared as they come.
    Download,
    /// The package and its manifests are checked.
    Verify,
    /// The package is unpacked, or its files copied.
    Unpack,
    /// The files are put in place, with data and configuration.
    Configure,
    /// The install list runs.
    Initialize,
    /// The app starts, and becomes ready.
    Start,
    /// It is seen whether it goes on running.
    Ready,
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

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

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
    /// install, rollback, offers, restore, export, import, uninstall, setting, start, stop, restart.
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
    /// The app that was installed, when the name it was asked for by was a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub found: Option<AppName>,
    /// It did not succeed, and can be asked for again as it was. Told, not written down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub can_retry: bool,
    /// How far its long step is, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

impl Action {
    /// What records call it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Install(_) => "install",
            Self::Rollback { .. } => "rollback",
            Self::Offers { .. } => "offers",
            Self::Restore { .. } => "restore",
            Self::Export { .. } => "export",
            Self::Import { .. } => "import",
            Self::Uninstall { .. } => "uninstall",
            Self::Setting { .. } => "setting",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// The list that it runs by name.
    fn list(&self) -> Option<&str> {
        match self {
            Self::Setting { list, .. } => list.as_deref(),
            Self::Install(_)
            | Self::Rollback { .. }
            | Self::Offers { .. }
            | Self::Restore { .. }
            | Self::Export { .. }
            | Self::Import { .. }
            | Self::Uninstall { .. }
            | Self::Start
            | Self::Stop
            | Self::Restart => None,
        }
    }

    /// Whether it can be done once more as it was asked for: what was sent for it alone is gone.
    fn can_be_repeated(&self) -> bool {
        match self {
            Self::Install(wish) => !matches!(wish.source, Source::Upload { .. }),
            Self::Rollback { .. }
            | Self::Offers { .. }
            | Self::Restore { .. }
            | Self::Export { .. }
            | Self::Import { .. }
            | Self::Uninstall { .. }
            | Self::Setting { .. }
            | Self::Start
            | Self::Stop
            | Self::Restart => true,
        }
    }

    /// A stop makes it pointless.
    fn starts(&self) -> bool {
        match self {
            Self::Start | Self::Restart => true,
            Self::Install(_)
            | Self::Rollback { .. }
            | Self::Offers { .. }
            | Self::Restore { .. }
            | Self::Export { .. }
            | Self::Import { .. }
            | Self::Uninstall { .. }
            | Self::Setting { .. }
            | Self::Stop => false,
        }
    }
}

impl JobRecord {
    /// The app that it was about in the end.
    pub fn subject(&self) -> &AppName {
        self.found.as_ref().unwrap_or(&self.app)
    }
}

impl JobState {
    /// Whether nothing more will happen.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Canceled | Self::Interrupted => true,
        }
    }
}

impl Failure {
    /// A failure without further data.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: Value::Null,
        }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        let code = match error.kind {
            StepErrorKind::NotFound => FailureCode::NotFound,
            StepErrorKind::Invalid => FailureCode::Invalid,
            StepErrorKind::Manifest => FailureCode::Manifest,
            StepErrorKind::Conflict => FailureCode::Conflict,
            StepErrorKind::Failed => FailureCode::Failed,
            StepErrorKind::Canceled => FailureCode::Canceled,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Failure> for StepError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.code {
            FailureCode::NotFound => StepErrorKind::NotFound,
            FailureCode::Invalid => StepErrorKind::Invalid,
            FailureCode::Manifest => StepErrorKind::Manifest,
            FailureCode::Conflict => StepErrorKind::Conflict,
            FailureCode::Failed => StepErrorKind::Failed,
            FailureCode::Canceled => StepErrorKind::Canceled,
        };
        Self::new(kind, failure.message)
    }
}

impl From<crate::database::DatabaseError> for Failure {
    fn from(error: crate::database::DatabaseError) -> Self {
        Self::new(FailureCode::Failed, error.to_string())
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
