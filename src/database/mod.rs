//! The one SQLite file. A thread of its own does the writing and commits what is queued together;
//! what the service asks often is kept in memory beside it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::AppName;

/// What is remembered of one app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppRecord {
    /// The version that was installed; none when it is not installed.
    pub installed: Option<String>,
    /// When, in milliseconds since 1970.
    pub installed_at: Option<u64>,
    /// It should be running: it comes back when the service starts.
    pub wanted: bool,
    /// The settings that were set; they lie over the defaults of `store.json`.
    pub config: Map<String, Value>,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    _inner: std::sync::Arc<()>,
}

/// Why the database could not do it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database `{path}` cannot be used: {reason}")]
pub struct DatabaseError {
    /// Its file.
    pub path: String,
    /// What SQLite says.
    pub reason: String,
}

impl Database {
    /// Opens the file, brings its tables up to date and reads the apps' records.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let _ = path;
        todo!()
    }

    /// What is remembered of one app; the default for an unknown one.
    pub fn app(&self, app: &AppName) -> AppRecord {
        let _ = app;
        todo!()
    }

    /// Every app something is remembered of.
    pub fn apps(&self) -> Vec<(AppName, AppRecord)> {
        todo!()
    }

    /// Changes one app's record; done when it is on disk.
    ///
    /// # Errors
    /// What SQLite says; nothing is changed then.
    pub async fn update_app(
        &self,
        app: &AppName,
        change: impl FnOnce(&mut AppRecord) + Send + 'static,
    ) -> Result<AppRecord, DatabaseError> {
        let _ = (app, change);
        todo!()
    }

    /// Forgets an app.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn forget_app(&self, app: &AppName) -> Result<(), DatabaseError> {
        let _ = app;
        todo!()
    }
}
