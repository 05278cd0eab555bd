//! The service's end of the conversation with the keeper: orders out, reports to whom they concern.
//! A keeper that dies is replaced, and the new one takes over what lives.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::SupervisorError;
use super::actor::{Birth, Death, Message};
use crate::app::AppName;
use crate::platform;
use crate::platform::protocol::{Exit, Known, Order, PROTOCOL, ProcessKey, Report, Rotation};

/// The connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Keepers {
    shared: Arc<Shared>,
}

struct Shared {
    data_dir: PathBuf,
    next_number: AtomicU64,
    is_closing: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    orders: Option<mpsc::UnboundedSender<Order>>,
    actors: BTreeMap<AppName, mpsc::UnboundedSender<Message>>,
    questions: HashMap<u64, Question>,
    steps: HashMap<ProcessKey, Step>,
    /// Processes that were ordered and have not ended.
    alive: HashSet<ProcessKey>,
    logs: HashMap<PathBuf, watch::Sender<u64>>,
}

enum Question {
    Gone(oneshot::Sender<()>),
    Pids(oneshot::Sender<Vec<u32>>),
}

struct Step {
    born: Option<oneshot::Sender<Result<u32, String>>>,
    ended: watch::Sender<Option<Exit>>,
}

/// A step's program: told when it runs and when it ended.
pub(super) struct StepNews {
    pub(super) born: oneshot::Receiver<Result<u32, String>>,
    pub(super) ended: watch::Receiver<Option<Exit>>,
}

impl Keepers {
    /// Connects, and tells what an earlier service left.
    pub(super) async fn connect(data_dir: &Path) -> Result<(Self, Vec<Known>), SupervisorError> {
        let keepers = Self {
            shared: Arc::new(Shared {
                data_dir: data_dir.to_owned(),
                next_number: AtomicU64::new(1),
                is_closing: AtomicBool::new(false),
                table: Mutex::default(),
            }),
        };
        let (reports, known) = keepers.greet().await?;
        let newest = known.iter().map(|known| known.key.number).max();
        keepers
            .shared
            .next_number
            .fetch_max(newest.unwrap_or_default() + 1, Ordering::Relaxed);
        {
            let mut table = keepers.table();
            let living = known.iter().filter(|known| known.ended.is_none());
            table.alive.extend(living.map(|known| known.key.clone()));
        }
        tokio::spawn(keepers.clone().listen(reports));
        Ok((keepers, known))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Says hello to the keeper that is there, or to a new one. One that was about to end closes
    /// the connection without a word: then another attempt finds it gone.
    async fn greet(
        &self,
    ) -> Result<(mpsc::UnboundedReceiver<Report>, Vec<Known>), SupervisorError> {
        let mut failure = String::from("it closed the connection");
        for attempt in 0..5_u64 {
            if attempt > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20 * attempt)).await;
            }
            let mut keeper = match platform::connect_keeper(&self.shared.data_dir) {
                Ok(keeper) => keeper,
                Err(error) => {
                    failure = error.to_string();
                    continue;
                }
            };
            let hello = Order::Hello {
                protocol: PROTOCOL,
                env: environment(),
                rotation: Rotation::default(),
            };
            if keeper.orders.send(hello).is_err() {
                continue;
            }
            match keeper.reports.recv().await {
                Some(Report::Welcome { protocol, known }) if protocol == PROTOCOL => {
                    self.table().orders = Some(keeper.orders);
                    return Ok((keeper.reports, known));
                }
                Some(Report::Welcome { protocol, .. }) => {
                    return Err(SupervisorError::Keeper(format!(
                        "it is of another version (protocol {protocol}, this is {PROTOCOL}); stop the apps with the version that started them"
                    )));
                }
                Some(_) => "it did not say welcome".clone_into(&mut failure),
                None => {}
            }
        }
        Err(SupervisorError::Keeper(failure))
    }

    pub(super) fn add_actor(&self, app: &AppName, inbox: mpsc::UnboundedSender<Message>) {
        self.table().actors.insert(app.clone(), inbox);
    }

    /// Gives an order.
    pub(super) fn order(&self, order: Order) -> Result<(), SupervisorError> {
        let mut table = self.table();
        if let Order::Spawn { key, .. } = &order {
            table.alive.insert(key.clone());
        }
        let sent = table
            .orders
            .as_ref()
            .is_some_and(|to| to.send(order).is_ok());
        if sent {
            Ok(())
        } else {
            Err(SupervisorError::Keeper("it is gone".to_owned()))
        }
    }

    pub(super) fn next_number(&self) -> u64 {
        self.shared.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives an order that is answered by [`Report::Ended`]. The answer fails when the keeper dies
    /// before.
    pub(super) fn ask(&self, order: impl FnOnce(u64) -> Order) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        let question = self.next_number();
        self.table()
            .questions
            .insert(question, Question::Gone(answer));
        if self.order(order(question)).is_err() {
            self.table().questions.remove(&question);
        }
        answered
    }

    /// An app's processes, the main one first.
    pub(super) async fn processes(&self, app: &AppName) -> Vec<u32> {
        let (answer, answered) = oneshot::channel();
        let question = self.next_number();
        self.table()
            .questions
            .insert(question, Question::Pids(answer));
        let order = Order::List {
            app: app.as_str().to_owned(),
            question,
        };
        if self.order(order).is_err() {
            return Vec::new();
        }
        answered.await.unwrap_or_default()
    }

    /// Orders a step's program.
    pub(super) fn run_step(
        &self,
        key: &ProcessKey,
        order: Order,
    ) -> Result<StepNews, SupervisorError> {
        let (born, on_birth) = oneshot::channel();
        let (ended, on_end) = watch::channel(None);
        let step = Step {
            born: Some(born),
            ended,
        };
        self.table().steps.insert(key.clone(), step);
        self.order(order)?;
        Ok(StepNews {
            born: on_birth,
            ended: on_end,
        })
    }

    /// Tells the log's length at each growth.
    pub(super) fn watch_log(&self, log: &Path) -> watch::Receiver<u64> {
        let receiver = {
            let mut table = self.table();
            let length = || log.metadata().map_or(0, |meta| meta.len());
            table
                .logs
                .entry(log.to_owned())
                .or_insert_with(|| watch::channel(length()).0)
                .subscribe()
        };
        let _ = self.order(Order::Watch {
            log: log.to_owned(),
            on: true,
        });
        receiver
    }

    /// Lets the keeper end when nothing lives.
    pub(super) fn quit(&self) {
        self.shared.is_closing.store(true, Ordering::Relaxed);
        let _ = self.order(Order::Quit);
        self.table().orders = None;
    }

    async fn listen(self, mut reports: mpsc::UnboundedReceiver<Report>) {
        loop {
            while let Some(report) = reports.recv().await {
                self.heard(report);
            }
            if self.shared.is_closing.load(Ordering::Relaxed) {
                return;
            }
            tracing::warn!("the keeper of the processes ended; starting another one");
            self.table().questions.clear();
            reports = match self.replace().await {
                Ok(reports) => reports,
                Err(error) => {
                    tracing::error!("{error}");
                    return;
                }
            };
        }
    }

    /// Starts another keeper and tells everybody what it could not take over.
    async fn replace(&self) -> Result<mpsc::UnboundedReceiver<Report>, SupervisorError> {
        let (reports, known) = self.greet().await?;
        let (logs, lost) = {
            let table = self.table();
            let living: HashSet<&ProcessKey> = known
                .iter()
                .filter(|known| known.ended.is_none())
                .map(|known| &known.key)
                .collect();
            let lost: Vec<ProcessKey> = table
                .alive
                .iter()
                .filter(|key| !living.contains(key))
                .cloned()
                .collect();
            (table.logs.keys().cloned().collect::<Vec<_>>(), lost)
        };
        for log in logs {
            let _ = self.order(Order::Watch { log, on: true });
        }
        for key in lost {
            let ended = known.iter().find(|known| known.key == key);
            match ended.and_then(|known| known.ended.map(|ended| (known, ended))) {
                Some((known, (exit, at))) => self.heard(Report::Exited {
                    key,
                    pid: known.pid,
                    exit,
                    at,
                    log_end: known.log_start,
                }),
                None => self.heard(Report::NotSpawned {
                    key,
                    reason: "the keeper of the processes ended; try again".to_owned(),
                }),
            }
        }
        Ok(reports)
    }

    fn heard(&self, report: Report) {
        let mut table = self.table();
        match report {
            Report::Welcome { .. } => {}
            Report::Spawned {
                key,
                pid,
                started_at,
                log_start,
            } => {
                if key.number == 0 {
                    table.tell(
                        &key,
                        Message::Spawned(Box::new(Birth {
                            pid,
                            started_at,
                            log_start,
                        })),
                    );
                } else if let Some(born) = table.birth(&key) {
                    let _ = born.send(Ok(pid));
                }
            }
            Report::NotSpawned { key, reason } => {
                table.alive.remove(&key);
                if key.number == 0 {
                    table.tell(&key, Message::NotSpawned(reason.into()));
                } else if let Some(step) = table.steps.remove(&key) {
                    step.ended.send_replace(Some(Exit::Unknown));
                    if let Some(born) = step.born {
                        let _ = born.send(Err(reason));
                    }
                }
            }
            Report::Exited {
                key,
                pid,
                exit,
                at,
                log_end,
            } => {
                table.alive.remove(&key);
                if key.number == 0 {
                    let death = Death {
                        pid,
                        exit,
                        at,
                        log_end,
                    };
                    table.tell(&key, Message::Exited(Box::new(death)));
                } else if let Some(step) = table.steps.remove(&key) {
                    step.ended.send_replace(Some(exit));
                }
            }
            Report::Ended { question, left } => {
                if !left.is_empty() {
                    tracing::warn!("processes that could not be ended: {left:?}");
                }
                if let Some(Question::Gone(answer)) = table.questions.remove(&question) {
                    let _ = answer.send(());
                }
            }
            Report::Processes { question, pids } => {
                if let Some(Question::Pids(answer)) = table.questions.remove(&question) {
                    let _ = answer.send(pids);
                }
            }
            Report::Grew { log, length } => {
                let is_watched = table.logs.get(&log).is_some_and(|watched| {
                    watched.send_replace(length);
                    watched.receiver_count() > 0
                });
                if !is_watched {
                    table.logs.remove(&log);
                    let off = Order::Watch { log, on: false };
                    // A keeper that is gone reports nothing anyway.
                    if let Some(orders) = &table.orders {
                        let _ = orders.send(off);
                    }
                }
            }
        }
    }
}

impl Table {
    fn tell(&self, key: &ProcessKey, message: Message) {
        if let Ok(app) = AppName::parse(&key.app)
            && let Some(actor) = self.actors.get(&app)
        {
            let _ = actor.send(message);
        }
    }

    fn birth(&mut self, key: &ProcessKey) -> Option<oneshot::Sender<Result<u32, String>>> {
        self.steps.get_mut(key).and_then(|step| step.born.take())
    }
}

/// What programs inherit: our environment, with our own program at the end of `PATH`.
fn environment() -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name != platform::TAG)
        .collect();
    let own_folder = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.to_owned()));
    if let Some(folder) = own_folder {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([folder]);
        if let Ok(path) = std::env::join_paths(folders)
            && let Ok(path) = path.into_string()
        {
            environment.retain(|(name, _)| name != "PATH");
            environment.push(("PATH".to_owned(), path));
        }
    }
    environment
}
