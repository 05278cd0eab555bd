//! Starts, watches, restarts and stops the one main process of each app with all that it started,
//! and runs the programs of steps. It knows no commands: it starts a spec.

mod actor;
mod keeper;
mod last_lines;
mod probe;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use self::actor::{Actor, Adoption, Birth, Death, Message};
use self::keeper::{Keepers, StepNews};
use crate::app::AppName;
use crate::library::Library;
use crate::platform::protocol::{self, Known, Order, ProcessKey, Role};

pub use crate::platform::protocol::ProcessSpec;

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

/// Time between the polite signal and the kill, where nobody says otherwise.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

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

/// How a program of a step ended. Both are none when nobody who could tell was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when it was killed by one.
    pub signal: Option<i32>,
}

impl From<protocol::Exit> for Exit {
    fn from(exit: protocol::Exit) -> Self {
        let (code, signal) = match exit {
            protocol::Exit::Code(code) => (Some(code), None),
            protocol::Exit::Signal(signal) => (None, Some(signal)),
            protocol::Exit::Unknown => (None, None),
        };
        Self { code, signal }
    }
}

impl LastExit {
    fn new(death: &Death, reason: &str) -> Self {
        let exit = Exit::from(death.exit);
        Self {
            code: exit.code,
            signal: exit.signal,
            reason: reason.to_owned(),
            at: death.at,
            last_lines: Vec::new(),
        }
    }
}

/// `exit code 1`, `killed by SIGKILL`.
fn describe_exit(exit: protocol::Exit) -> String {
    match exit {
        protocol::Exit::Code(code) => format!("exit code {code}"),
        protocol::Exit::Signal(signal) => match signal_name(signal) {
            Some(name) => format!("killed by {name}"),
            None => format!("killed by signal {signal}"),
        },
        protocol::Exit::Unknown => "ended while nobody watched".to_owned(),
    }
}

/// The signals that end programs in practice; their numbers are those of Linux on every processor
/// that Rust runs on, except MIPS and SPARC for some.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

/// The table of the apps' supervisors. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    keepers: Keepers,
    apps: Arc<RwLock<BTreeMap<AppName, Handle>>>,
    on_change: Arc<OnChange>,
}

struct Handle {
    inbox: mpsc::UnboundedSender<Message>,
    status: Arc<RwLock<Status>>,
}

/// Called at every change of an app's status, from the app's task: must not block.
pub type OnChange = Box<dyn Fn(&AppName, &Status) + Send + Sync>;

/// What an earlier service left.
#[derive(Clone, Debug, Default)]
pub struct Inheritance {
    /// Living main processes that were taken over, with their pids.
    pub living: Vec<(AppName, u32)>,
    /// Apps whose main process ended by itself while no service was there, and that are not to be
    /// restarted in such a case.
    pub ended: Vec<AppName>,
}

impl Inheritance {
    /// What it was is no longer true of these.
    pub(crate) fn without(mut self, apps: &[AppName]) -> Self {
        self.living.retain(|(app, _)| !apps.contains(app));
        self.ended.retain(|app| !apps.contains(app));
        self
    }
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
    ) -> Result<(Self, Inheritance), SupervisorError> {
        let (keepers, known) = Keepers::connect(&library.data_dir()).await?;
        let supervisor = Self {
            keepers,
            apps: Arc::default(),
            on_change: Arc::new(on_change),
        };
        let mut inheritance = Inheritance::default();
        let mut steps = Vec::new();
        for known in known {
            let Ok(app) = AppName::parse(&known.key.app) else {
                continue;
            };
            match (known.role, known.ended) {
                (Role::Main, None) => {
                    inheritance.living.push((app.clone(), known.pid));
                    supervisor.adopt(&app, &known);
                }
                (Role::Main, Some((exit, at))) => {
                    let spec: Option<AppSpec> = serde_json::from_str(&known.note).ok();
                    if spec.is_some_and(|spec| !spec.restart) {
                        inheritance.ended.push(app.clone());
                    }
                    let death = Death {
                        pid: known.pid,
                        exit,
                        at,
                        log_end: known.log_start,
                    };
                    let last = LastExit::new(&death, &describe_exit(exit));
                    supervisor.with(&app, |handle| {
                        let mut status = write(&handle.status);
                        status.last_exit = Some(Arc::new(last));
                    });
                }
                (Role::Step, None) => steps.push(supervisor.keepers.ask(|question| Order::End {
                    key: known.key,
                    grace: LEFT_STEP_GRACE_MS,
                    question,
                })),
                (Role::Step | Role::Helper, _) => {}
            }
        }
        for step in steps {
            // A keeper that died meanwhile is replaced by one that is asked anew at the next stop.
            let _ = step.await;
        }
        Ok((supervisor, inheritance))
    }

    fn adopt(&self, app: &AppName, known: &Known) {
        let Ok(spec) = serde_json::from_str(&known.note) else {
            return;
        };
        let adoption = Adoption {
            spec,
            birth: Birth {
                pid: known.pid,
                started_at: known.started_at,
                log_start: known.log_start,
            },
        };
        self.with(app, |handle| {
            {
                // Known at once, before the app's task has had its turn.
                let mut status = write(&handle.status);
                status.state = State::Starting;
                status.pid = Some(known.pid);
                status.started_at = Some(known.started_at);
            }
            let _ = handle.inbox.send(Message::Adopt(Box::new(adoption)));
        });
    }

    /// Uses an app's handle, made when missing.
    fn with<T>(&self, app: &AppName, use_it: impl FnOnce(&Handle) -> T) -> T {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = apps.get(app) {
            return use_it(handle);
        }
        drop(apps);
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let handle = apps.entry(app.clone()).or_insert_with(|| {
            let status = Arc::<RwLock<Status>>::default();
            let inbox = Actor::spawn(
                app.clone(),
                self.keepers.clone(),
                status.clone(),
                self.on_change.clone(),
            );
            self.keepers.add_actor(app, inbox.clone());
            Handle { inbox, status }
        });
        use_it(handle)
    }

    async fn ask(
        &self,
        app: &AppName,
        message: impl FnOnce(actor::Reply) -> Message,
    ) -> Result<(), SupervisorError> {
        let (reply, answer) = oneshot::channel();
        self.with(app, |handle| {
            // An actor that is gone drops the reply, and that is told below.
            let _ = handle.inbox.send(message(reply));
        });
        answer
            .await
            .unwrap_or_else(|_| Err(SupervisorError::Keeper("the app's task ended".to_owned())))
    }

    /// Starts an app's main process and waits until it is ready. A running app is a success.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn start(&self, app: &AppName, spec: AppSpec) -> Result<(), SupervisorError> {
        self.ask(app, |reply| Message::Start(Box::new(spec), reply))
            .await
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
        self.ask(app, |reply| Message::Stop(grace, reply)).await
    }

    /// What is known of one app.
    pub fn status(&self, app: &AppName) -> Status {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.get(app)
            .map(|handle| read(&handle.status))
            .unwrap_or_default()
    }

    /// Every app that was started since the service runs, or taken over, in order of name.
    pub fn statuses(&self) -> Vec<(AppName, Status)> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.iter()
            .map(|(app, handle)| (app.clone(), read(&handle.status)))
            .collect()
    }

    /// The pids of an app: main process first, then all that it started and its helpers.
    pub async fn processes(&self, app: &AppName) -> Vec<u32> {
        self.keepers.processes(app).await
    }

    /// Starts a program of a step. `detach` makes it a helper of the app: it lives until the app is
    /// stopped.
    ///
    /// # Errors
    /// [`SupervisorError::Spawn`].
    pub async fn run(
        &self,
        app: &AppName,
        spec: ProcessSpec,
        detach: bool,
    ) -> Result<Running, SupervisorError> {
        let key = ProcessKey {
            app: app.as_str().to_owned(),
            number: self.keepers.next_number(),
        };
        let order = Order::Spawn {
            key: key.clone(),
            role: if detach { Role::Helper } else { Role::Step },
            spec,
            note: String::new(),
        };
        let StepNews { born, ended } = self.keepers.run_step(&key, order)?;
        match born.await {
            Ok(Ok(pid)) => Ok(Running {
                pid,
                key,
                ended,
                keepers: self.keepers.clone(),
            }),
            Ok(Err(reason)) => Err(SupervisorError::Spawn(reason)),
            Err(_) => Err(SupervisorError::Keeper("it is gone".to_owned())),
        }
    }

    /// Ends processes of this app whose program has this name (`mysqld` or `mysqld.exe`), its main
    /// process included.
    ///
    /// # Errors
    /// [`SupervisorError::Keeper`].
    pub async fn end_named(
        &self,
        app: &AppName,
        name: &str,
        grace: Duration,
    ) -> Result<(), SupervisorError> {
        // The main process is stopped by its supervisor: else its end would be taken for a crash.
        let main = self.status(app).pid;
        if main.is_some_and(|pid| crate::platform::has_name(pid, name)) {
            return self.stop(app, Some(grace)).await;
        }
        self.keepers
            .ask(|question| Order::EndNamed {
                app: app.as_str().to_owned(),
                name: name.to_owned(),
                grace: milliseconds(grace),
                question,
            })
            .await
            .map_err(|_| SupervisorError::Keeper("it is gone".to_owned()))
    }

    /// Waits for a condition outside a start (`until` of a step). `log` is the file a
    /// [`Condition::Log`] looks into, from byte `from` on. False when the time ran out.
    pub async fn wait_for(&self, ready: &Ready, log: &Path, from: u64) -> bool {
        let growth = || self.keepers.watch_log(log);
        let until = probe::until(&ready.condition, log, from, growth);
        tokio::time::timeout(ready.timeout, until).await.is_ok()
    }

    /// Tells the log's new length each time something was appended to an app's log or a job's.
    pub fn watch_log(&self, log: &Path) -> watch::Receiver<u64> {
        self.keepers.watch_log(log)
    }

    /// Stops everything and ends the keeper.
    pub async fn close(self) {
        let apps: Vec<AppName> = {
            let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
            apps.keys().cloned().collect()
        };
        let stops = apps.iter().map(|app| self.stop(app, None));
        futures_util::future::join_all(stops).await;
        self.keepers.quit();
    }
}

/// Time that a program of a job gets that was interrupted with the service, in milliseconds.
const LEFT_STEP_GRACE_MS: u64 = 3000;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn read(status: &RwLock<Status>) -> Status {
    status
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn write(status: &RwLock<Status>) -> std::sync::RwLockWriteGuard<'_, Status> {
    status.write().unwrap_or_else(PoisonError::into_inner)
}

/// A program of a step.
pub struct Running {
    /// Its pid.
    pub pid: u32,
    key: ProcessKey,
    ended: watch::Receiver<Option<protocol::Exit>>,
    keepers: Keepers,
}

impl Running {
    /// Waits for its end. May be called again after a timeout around it.
    pub async fn wait(&mut self) -> Exit {
        match self.ended.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(protocol::Exit::Unknown).into(),
            Err(_) => protocol::Exit::Unknown.into(),
        }
    }

    /// Ends its process tree: politely, and hard after `grace`. Done when nothing of it lives.
    pub async fn end(&mut self, grace: Duration) {
        let gone = self.keepers.ask(|question| Order::End {
            key: self.key.clone(),
            grace: milliseconds(grace),
            question,
        });
        // A keeper that died is replaced by one that ends programs of steps itself.
        let _ = gone.await;
    }
}
