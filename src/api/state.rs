//! What every handler can reach.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix_web::http::StatusCode;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::history::History;
use super::log_index::LogIndexes;
use super::origins::Origins;
use super::page::Pages;
use super::policy::Policy;
use super::roster::Roster;
use super::server::Served;
use super::usage::Sampler;
use crate::app::AppName;
use crate::job::{Action, JobRecord, Ticket};
use crate::service::Service;

/// Shared by all workers.
pub(super) struct State {
    /// The running service.
    pub service: Service,
    /// The rules of the gate.
    pub policy: Arc<Policy>,
    /// The token of this computer's own user, which the command line reads.
    pub owner_token: Box<str>,
    /// The port that is listened on.
    pub port: u16,
    /// When the service came up.
    pub since: SystemTime,
    /// Likewise, by a clock that nobody sets.
    pub started: Instant,
    /// Fires when the service is told to end: streams and waits end at once.
    pub ending: CancellationToken,
    /// The runtime that the service lives in. A worker's own ends with the worker.
    pub main: Handle,
    /// The apps as lists show them.
    pub roster: Arc<Roster>,
    /// CPU, memory and ports.
    pub sampler: Arc<Sampler>,
    /// What the apps used over the last hour.
    pub history: Arc<History>,
    /// Where the lines of logs are.
    pub log_indexes: LogIndexes,
    /// Who was turned away, and what was decided on them.
    pub origins: Arc<Origins>,
    /// The command that starts the service like this again, or why there is none.
    pub command: Result<Vec<OsString>, String>,
    /// One decision at a time.
    pub deciding: tokio::sync::Mutex<()>,
    /// The page and its files.
    pub pages: Arc<Pages>,
    /// The package server that runs beside.
    pub shelf: Option<Served>,
}

impl State {
    /// Asks for a job. In the service's own runtime: what a job spawns outlives this worker.
    pub(super) async fn submit(&self, app: &AppName, action: Action) -> Result<Ticket, ApiError> {
        let (jobs, app) = (self.service.jobs.clone(), app.clone());
        let submitted = self
            .main
            .spawn(async move { jobs.submit(&app, action).await });
        match submitted.await {
            Ok(ticket) => Ok(ticket?),
            Err(_) => Err(ApiError::internal(
                "the job was not accepted because of a fault in Storekeeper; its log tells more",
            )),
        }
    }

    /// Waits for a job's end; gives up, without ending the job, when the service ends.
    pub(super) async fn finished(&self, ticket: Ticket) -> Result<Arc<JobRecord>, ApiError> {
        let id = ticket.id;
        tokio::select! {
            record = ticket.finished() => Ok(record),
            () = self.ending.cancelled() => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the service was told to end while job {id} was at work; ask for the job when it is back"),
            )),
        }
    }

    /// An app's name as the desktop sends it: in its window a click fills in the path of a folder
    /// directly below the run directory, which counts as that folder's name.
    pub(super) fn desktop_name(&self, text: &str) -> Result<AppName, ApiError> {
        let name = match text.rfind(['/', '\\']) {
            Some(cut) => {
                let (parent, last) = text.split_at(cut);
                let slashes = |path: &str| path.replace('\\', "/");
                let run_dir = self.service.library.run_dir();
                let run_dir = slashes(&run_dir.to_string_lossy());
                let same = if cfg!(windows) {
                    slashes(parent).eq_ignore_ascii_case(&run_dir)
                } else {
                    slashes(parent) == run_dir
                };
                if same {
                    last.get(1..).unwrap_or("")
                } else {
                    text
                }
            }
            None => text,
        };
        Ok(AppName::parse(name)?)
    }
}
