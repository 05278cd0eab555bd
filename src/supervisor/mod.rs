//! Starts, watches, restarts and stops the one main process of each app with all that it started,
//! and runs the programs of steps. It knows no commands: it starts a spec.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::AppName;
use crate::library::Library;

/// A program to run: everything expanded, nothing left to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The program; looked up in `PATH` when it has no separator.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Variables beside those of the service's own environment.
    pub env: Vec<(String, String)>,
    /// The file that its output is appended to; rotated by size.
    pub log: PathBuf,
}

/// How an app is kept running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppSpec {
    /// The main process.
    pub process: ProcessSpec,
    /// Restart it when it ends by itself (`isOn`).
    pub restart: bool,
    /// When it counts as ready; without one, when it has lived for [`SETTLE`].
    pub ready: Option<Ready>,
    /// Time between the polite signal and the kill.
    pub stop_timeout: Duration,
}

/// How long a process without `ready` must live to count as started.
pub const SETTLE: Duration = Duration::from_millis(500);

/// A condition to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The condition.
    pub condition: Condition,
    /// How long it may take.
    pub timeout: Duration,
}

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// A TCP port on this computer accepts a connection.
    Port(u16),
    /// The address answers a GET with a status below 400.
    Http(String),
    /// The file exists.
    File(PathBuf),
    /// The text is in the output since the start.
    Log(String),
}

/// State of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No process, and none is wanted.
    #[default]
    Stopped,
    /// The process is there and not ready yet.
    Starting,
    /// Ready.
    Running,
    /// The process lives and did not become ready in time.
    Unhealthy,
    /// It ended by itself; the next start waits.
    BackingOff,
    /// The process was asked to end.
    Stopping,
    /// It could not be started, or ended by itself with an error and is not restarted.
    Failed,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastExit {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when it was killed by one.
    pub signal: Option<i32>,
    /// `exit code 1`, `killed by SIGKILL`, `ended while nobody watched`.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The last lines of its output, at most 20.
    pub last_lines: Vec<String>,
}

/// What is known of one app's process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// State.
    pub state: State,
    /// The main process.
    pub pid: Option<u32>,
    /// Start of the process, in milliseconds since 1970.
    pub started_at: Option<u64>,
    /// Restarts since the last start by a user.
    pub restarts: u32,
    /// How it ended last.
    pub last_exit: Option<Arc<LastExit>>,
    /// Why it is not running as it should, as a sentence.
    pub problem: Option<Arc<str>>,
}

/// Why a program or an app did not start or stop.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The program cannot be run.
    #[error("{0}")]
    Spawn(String),
    /// It ended before it was ready.
    #[error("`{app}` ended before it was ready: {reason}{}", tail(last_lines))]
    EndedEarly {
        /// The app.
        app: AppName,
        /// `exit code 1`.
        reason: String,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// It was not ready in time; it is left running as `unhealthy`.
    #[error("`{app}` did not become ready within {} s ({waited_for}); it runs on as unhealthy: look at its log, or stop it", timeout.as_secs_f64())]
    NotReady {
        /// The app.
        app: AppName,
        /// `port 3306`.
        waited_for: String,
        /// The limit.
        timeout: Duration,
    },
    /// A stop was asked for while it started.
    #[error("the start of `{0}` was given up because a stop was asked for")]
    Stopped(AppName),
    /// The process that owns the apps' processes does not answer.
    #[error("the keeper of the processes does not answer: {0}; start the service again")]
    Keeper(String),
}

fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!("; its last output:\n{}", lines.join("\n"))
    }
}

/// How a program of a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when it was killed by one.
    pub signal: Option<i32>,
}

/// The table of the apps' supervisors. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    _inner: Arc<()>,
}

/// Called at every change of an app's status, from the supervisor's task: must not block.
pub type OnChange = Box<dyn Fn(&AppName, &Status) + Send + Sync>;

/// A living process that an earlier service left and this one took over.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The app.
    pub app: AppName,
    /// Its main process.
    pub pid: u32,
}

impl Supervisor {
    /// Takes over what an earlier service left running (apps keep their pids; programs of steps
    /// are ended), and is ready for orders.
    ///
    /// # Errors
    /// When the keeper cannot be reached or started.
    pub async fn open(
        library: &Library,
        on_change: OnChange,
    ) -> Result<(Self, Vec<Adopted>), SupervisorError> {
        let _ = (library, on_change);
        todo!()
    }

    /// Starts an app's main process and waits until it is ready. A running app is a success.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn start(&self, app: &AppName, spec: AppSpec) -> Result<(), SupervisorError> {
        let _ = (app, spec);
        todo!()
    }

    /// Ends an app's whole process tree, helpers included; done when nothing of it lives. Wins over
    /// a start that is under way. `grace` replaces the spec's `stop_timeout`.
    ///
    /// # Errors
    /// [`SupervisorError::Keeper`].
    pub async fn stop(
        &self,
        app: &AppName,
        grace: Option<Duration>,
    ) -> Result<(), SupervisorError> {
        let _ = (app, grace);
        todo!()
    }

    /// What is known of one app.
    pub fn status(&self, app: &AppName) -> Status {
        let _ = app;
        todo!()
    }

    /// Every app that was started since the service runs, or taken over, in order of name.
    pub fn statuses(&self) -> Vec<(AppName, Status)> {
        todo!()
    }

    /// The pids of an app: main process first, then all that it started and its helpers.
    pub async fn processes(&self, app: &AppName) -> Vec<u32> {
        let _ = app;
        todo!()
    }

    /// Starts a program of a step. `detach` makes it a helper of the app: it lives until the app is
    /// stopped. `job` and `step` name it, so that a later service knows whose it was.
    ///
    /// # Errors
    /// [`SupervisorError::Spawn`].
    pub async fn run(
        &self,
        app: &AppName,
        job: u64,
        spec: ProcessSpec,
        detach: bool,
    ) -> Result<Running, SupervisorError> {
        let _ = (app, job, spec, detach);
        todo!()
    }

    /// Ends processes of this app whose program has this name (`mysqld` or `mysqld.exe`).
    ///
    /// # Errors
    /// [`SupervisorError::Keeper`].
    pub async fn end_named(
        &self,
        app: &AppName,
        name: &str,
        grace: Duration,
    ) -> Result<(), SupervisorError> {
        let _ = (app, name, grace);
        todo!()
    }

    /// Waits for a condition outside a start (`until` of a step). `log` is the file a
    /// [`Condition::Log`] looks into, from byte `from` on. False when the time ran out.
    pub async fn wait_for(&self, ready: &Ready, log: &std::path::Path, from: u64) -> bool {
        let _ = (ready, log, from);
        todo!()
    }

    /// Answers the log's new length each time something was appended to an app's log or a job's.
    pub fn watch_log(&self, log: &std::path::Path) -> tokio::sync::watch::Receiver<u64> {
        let _ = log;
        todo!()
    }

    /// Stops everything and ends the keeper.
    pub async fn close(self) {
        todo!()
    }
}

/// A program of a step.
pub struct Running {
    /// Its pid.
    pub pid: u32,
}

impl Running {
    /// Waits for its end. May be called again after a timeout around it.
    pub async fn wait(&mut self) -> Exit {
        todo!()
    }

    /// Ends its process tree: politely, and hard after `grace`. Done when nothing of it lives.
    pub async fn end(&mut self, grace: Duration) {
        let _ = grace;
        todo!()
    }
}
