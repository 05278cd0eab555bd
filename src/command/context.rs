//! What a running list works with, and what it tells about itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::install::Item;
use crate::app::placeholder::PlaceholderError;
use crate::app::store::Until;
use crate::app::{App, AppName, Scope, StoreInfo};
use crate::archive::ArchiveError;
use crate::database::{Database, DatabaseError};
use crate::library::Library;
use crate::supervisor::{Condition, Ready, Supervisor, SupervisorError};

/// Seconds that a condition may take unless it says otherwise.
const UNTIL_TIMEOUT: f64 = 60.0;

/// Seconds between the polite signal and the kill unless the app says otherwise.
const STOP_TIMEOUT: f64 = 10.0;

/// A longer time than this is for ever.
const MAX_SECONDS: f64 = 31_536_000.0;

/// What a list needs of the world beyond its app, and where it tells what it does: the job.
pub trait Host: Send + Sync {
    /// A step begins; answers its number.
    fn begin(&self, title: String, lists: Vec<String>) -> usize;
    /// A step ended.
    fn end(&self, step: usize, end: StepEnd, exit_code: Option<i32>);
    /// Something went wrong without ending the list.
    fn warn(&self, warning: String);
    /// The service ends: what was wanted stays wanted.
    fn is_closing(&self) -> bool;
    /// Starts another app and waits until it is ready.
    fn start_app<'a>(&'a self, app: &'a AppName) -> Answer<'a>;
    /// Stops another app and waits until it is.
    fn stop_app<'a>(&'a self, app: &'a AppName) -> Answer<'a>;
}

/// What [`Host`] answers later.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send + 'a>>;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// Done; there may be warnings.
    Done,
    /// By an error.
    Failed,
    /// On request.
    Canceled,
}

/// Kinds of errors of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepErrorKind {
    /// The app that it names is not there.
    NotFound,
    /// What it says makes no sense.
    Invalid,
    /// The manifests have errors.
    Manifest,
    /// Something stands against it: a cycle.
    Conflict,
    /// A program or the system failed.
    Failed,
    /// It was ended on request.
    Canceled,
}

/// Why a list ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", place.as_deref().map(|place| format!("{place}: ")).unwrap_or_default())]
pub struct StepError {
    /// Kind of the error.
    pub kind: StepErrorKind,
    /// What is wrong with which thing, and what to do about it.
    pub message: String,
    /// The step's place in `store.json`.
    pub place: Option<String>,
}

impl StepError {
    /// An error of a kind.
    pub fn new(kind: StepErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            place: None,
        }
    }

    /// A program or the system failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(StepErrorKind::Failed, message)
    }

    /// It was ended on request.
    pub fn canceled() -> Self {
        Self::new(StepErrorKind::Canceled, "it was canceled")
    }

    /// With the place of the step, unless an inner step was named already.
    #[must_use]
    pub(super) fn at(mut self, place: &str) -> Self {
        self.place.get_or_insert_with(|| place.to_owned());
        self
    }
}

impl From<PlaceholderError> for StepError {
    fn from(error: PlaceholderError) -> Self {
        Self::new(StepErrorKind::Invalid, error.to_string())
    }
}

impl From<DatabaseError> for StepError {
    fn from(error: DatabaseError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<ArchiveError> for StepError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Canceled => Self::canceled(),
            ArchiveError::Open { .. }
            | ArchiveError::Format { .. }
            | ArchiveError::Entry { .. }
            | ArchiveError::Limit { .. }
            | ArchiveError::File { .. } => Self::failed(error.to_string()),
        }
    }
}

/// What a running list works with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The app.
    pub app: Arc<App>,
    /// What the placeholders mean.
    pub scope: Arc<Scope>,
    /// Environment of the programs that are run, beside the service's own.
    pub envs: Vec<(String, String)>,
    /// The lists that led here.
    pub lists: Vec<String>,
    /// Files that the user edited and that stay as they are: what a list would write to one is laid
    /// beside it, under the name that stands here.
    pub kept: Arc<BTreeMap<PathBuf, PathBuf>>,
    /// Number of the job.
    pub job: u64,
    /// Fires when the job is to end.
    pub cancel: CancellationToken,
    /// Where it tells what it does.
    pub host: Arc<dyn Host>,
    /// Paths.
    pub library: Library,
    /// What is remembered.
    pub database: Database,
    /// The processes.
    pub supervisor: Supervisor,
}

impl Context {
    /// The same with another environment.
    #[must_use]
    pub fn with_envs(&self, envs: &[Item]) -> Self {
        Self {
            envs: self.envs(envs),
            ..self.clone()
        }
    }

    /// The same, one list further in.
    #[must_use]
    pub fn within(&self, list: &str) -> Self {
        let mut within = self.clone();
        within.lists.push(list.to_owned());
        within
    }

    /// The app's `store.json`.
    ///
    /// # Errors
    /// When it has none.
    pub fn store(&self) -> Result<&StoreInfo, StepError> {
        self.app.store.as_ref().ok_or_else(|| {
            let message = format!(
                "`{}` has no store.json, so it has no commands",
                self.app.name
            );
            StepError::new(StepErrorKind::Invalid, message)
        })
    }

    /// Ends the list when that was asked for.
    ///
    /// # Errors
    /// [`StepErrorKind::Canceled`].
    pub fn check_canceled(&self) -> Result<(), StepError> {
        if self.cancel.is_cancelled() {
            return Err(StepError::canceled());
        }
        Ok(())
    }

    /// Runs something that may be dropped at any moment, until it ends or the job is to end.
    pub(super) async fn unless_canceled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, StepError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(StepError::canceled()),
            done = work => Ok(done),
        }
    }

    /// Expands a text. A word that nobody knows stays, with a warning.
    pub(super) fn text(&self, text: &str) -> String {
        let mut unknown = Vec::new();
        let expanded = self.scope.text(text, &mut unknown);
        self.warn_unknown(&unknown, "the command");
        expanded
    }

    /// Tells about words that stayed as they were in `what`.
    pub(super) fn warn_unknown(&self, unknown: &[String], what: &str) {
        for word in unknown {
            self.host.warn(format!(
                "`{{{word}}}` in {what} stays as it is, because it is not a key of `config`"
            ));
        }
    }

    /// Expands a path. A relative one is meant from the app's folder.
    pub(crate) fn path(&self, text: &str) -> Result<PathBuf, StepError> {
        let path = self.scope.path(text)?;
        if path.is_empty() {
            let message = format!("the path `{text}` is empty; give its config key a value");
            return Err(StepError::new(StepErrorKind::Invalid, message));
        }
        if path.contains(char::is_control) {
            let message = format!("the path `{}` has a control character", path.escape_debug());
            return Err(StepError::new(StepErrorKind::Invalid, message));
        }
        Ok(self.app.dir.join(path))
    }

    /// Where a list's text for `file` goes: to the file itself, or beside one that is kept.
    pub(super) fn place(&self, file: PathBuf) -> PathBuf {
        match self.kept.get(&file) {
            None => file,
            Some(beside) => {
                self.host.warn(format!(
                    "`{}` was edited and stays as it is; what the new version would write is in `{}`",
                    self.shown(&file),
                    self.shown(beside)
                ));
                beside.clone()
            }
        }
    }

    /// Expands environment variables; an empty value is an empty variable.
    pub(super) fn envs(&self, items: &[Item]) -> Vec<(String, String)> {
        use serde_json::Value;
        items
            .iter()
            .filter(|item| !item.name.is_empty())
            .map(|item| {
                let value = match &item.value {
                    Value::Null => String::new(),
                    Value::String(text) => self.text(text),
                    value => value.to_string(),
                };
                (item.name.clone(), value)
            })
            .collect()
    }

    /// A condition with everything expanded.
    pub(super) fn ready(&self, until: Option<&Until>) -> Result<Option<Ready>, StepError> {
        let Some(until) = until else {
            return Ok(None);
        };
        let condition = if let Some(port) = &until.port {
            let port = self.scope.path(port)?;
            let number = port.trim().parse().map_err(|_| {
                let message = format!("`{port}` is not a port; give a number from 1 to 65535");
                StepError::new(StepErrorKind::Invalid, message)
            })?;
            Condition::Port(number)
        } else if let Some(http) = &until.http {
            Condition::Http(self.scope.path(http)?)
        } else if let Some(file) = &until.file {
            Condition::File(self.path(file)?)
        } else if let Some(log) = &until.log {
            Condition::Log(self.text(log))
        } else {
            return Ok(None);
        };
        Ok(Some(Ready {
            condition,
            timeout: seconds(until.timeout.unwrap_or(UNTIL_TIMEOUT)),
        }))
    }

    /// Time between the polite signal and the kill.
    pub(super) fn grace(&self) -> Duration {
        let setting = self.app.store.as_ref().map(|store| &store.setting);
        seconds(
            setting
                .and_then(|setting| setting.stop_timeout)
                .unwrap_or(STOP_TIMEOUT),
        )
    }

    /// What the supervisor says, secrets masked.
    pub(super) fn refused(&self, error: &SupervisorError) -> StepError {
        match error {
            SupervisorError::Stopped(_) => StepError::canceled(),
            SupervisorError::Spawn(_)
            | SupervisorError::EndedEarly { .. }
            | SupervisorError::NotReady { .. }
            | SupervisorError::Keeper(_) => StepError::failed(self.mask(&error.to_string())),
        }
    }

    /// A text for messages, secrets masked. The home's path stays: a password `root` must not make
    /// `/root/.godoos` unreadable.
    pub(super) fn mask(&self, text: &str) -> String {
        let home = self.library.home().to_string_lossy();
        let parts: Vec<_> = text
            .split(&*home)
            .map(|part| self.scope.mask(part))
            .collect();
        parts.join(&home)
    }

    /// A path for messages, secrets masked.
    pub(super) fn shown(&self, path: &Path) -> String {
        self.mask(&path.to_string_lossy())
    }
}

/// A number of seconds from a manifest; what makes no sense is none.
pub(super) fn seconds(seconds: f64) -> Duration {
    if seconds.is_nan() {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds.clamp(0.0, MAX_SECONDS)).unwrap_or_default()
}

/// A condition in words.
pub(super) fn in_words(ready: &Ready) -> String {
    match &ready.condition {
        Condition::Port(port) => format!("port {port}"),
        Condition::Http(address) => address.clone(),
        Condition::File(path) => format!("file {}", path.display()),
        Condition::Log(text) => format!("`{text}` in the output"),
    }
}

/// Runs something that blocks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_that_make_no_sense_are_none_and_endless_ones_a_year() {
        for (given, expected) in [
            (0.25, Duration::from_millis(250)),
            (-1.0, Duration::ZERO),
            (f64::NAN, Duration::ZERO),
            (f64::INFINITY, Duration::from_hours(365 * 24)),
        ] {
            assert_eq!(seconds(given), expected, "{given}");
        }
    }

    #[test]
    fn an_error_names_the_innermost_step() {
        let error = StepError::failed("no")
            .at("commands.a[1]")
            .at("start.beforeCmds[0]");
        assert_eq!(error.to_string(), "commands.a[1]: no");
    }
}
