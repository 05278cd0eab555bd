//! The running service: everything opened in order, and closed in the reverse.

use std::path::Path;
use std::sync::Arc;

use crate::app::{App, AppName, Config, Problem};
use crate::database::Database;
use crate::job::event::Events;
use crate::job::{Failure, Jobs};
use crate::library::Library;
use crate::supervisor::Supervisor;

/// The parts that a request needs. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Paths.
    pub library: Library,
    /// What is remembered.
    pub database: Database,
    /// The processes.
    pub supervisor: Supervisor,
    /// The changes.
    pub jobs: Jobs,
    /// What happens.
    pub events: Events,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl Service {
    /// Opens a home: takes its lock (a second service is refused, naming the first), opens the
    /// database, takes over living apps, brings back those that should run.
    ///
    /// # Errors
    /// One sentence: the home cannot be written, or somebody holds it.
    pub async fn open(home: &Path) -> Result<Self, StartError> {
        let _ = home;
        todo!()
    }

    /// Reads an app's files. Not cached: for jobs and plans.
    ///
    /// # Errors
    /// [`crate::job::FailureCode::NotFound`], or Manifest with the problems in `data`.
    pub fn app(&self, name: &AppName) -> Result<Arc<App>, Failure> {
        let _ = name;
        todo!()
    }

    /// The names of all folders below the run directory that may be apps, in order.
    pub fn names(&self) -> Vec<AppName> {
        todo!()
    }

    /// The problems of an app's manifests, for lists: errors and warnings.
    pub fn problems(&self, name: &AppName) -> Vec<Problem> {
        let _ = name;
        todo!()
    }

    /// The settings in force.
    pub fn config(&self, app: &App) -> Config {
        let _ = app;
        todo!()
    }

    /// Stops the apps, remembering which ran, and gives the home back.
    pub async fn close(self) {
        todo!()
    }
}
