//! The keeper: starts, watches and ends the processes of all apps.
//!
//! A thread of the service that sleeps until something happens. Unlike on Unix it need not outlive
//! the service: the programs write their logs themselves, and each holds its own job object, so a
//! later service finds everything again by name.

mod output;
mod record;

use std::collections::HashMap;
use std::io;
use std::os::windows::io::{AsHandle as _, OwnedHandle};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use self::output::Outputs;
use super::job::Job;
use super::process::{self, Identity};
use super::{connect, spawn};
use crate::platform::protocol::{
    Exit, Known, Order, PROTOCOL, ProcessKey, ProcessSpec, Report, Role, Rotation,
};

/// How often a tree that is being ended is looked at when no program of ours in it ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long after the hard end a process may take to go before it is reported as left.
const HARD_LIMIT: Duration = Duration::from_secs(5);

/// A thread that only waits needs little.
const STACK_BYTES: usize = 64 << 10;

/// One process of an app.
struct Entry {
    role: Role,
    process: Identity,
    /// It and all that it started; `None` when nobody holds it any more.
    job: Option<Job>,
    started_at: u64,
    log: PathBuf,
    log_start: u64,
    note: String,
    ended: Option<(Exit, u64)>,
    /// Somebody was told of its end. It is here still for what it left running.
    told: bool,
}

impl Entry {
    /// The processes that it stands for and that live.
    fn members(&self) -> Vec<Identity> {
        match &self.job {
            Some(job) => job
                .pids()
                .into_iter()
                .filter_map(process::identify)
                .collect(),
            None => Vec::from_iter(process::is_alive(self.process).then_some(self.process)),
        }
    }
}

/// What happens to the keeper.
enum Event {
    Order(Order),
    /// The service is gone.
    NoMoreOrders,
    Exited(ProcessKey, Identity, Exit),
}

/// What is to be ended.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    /// One process with its descendants.
    Process(ProcessKey),
    /// Everything of an app except running steps.
    App(String),
    /// An app's processes of that program name, except the main one.
    Named(String, String),
}

/// What is said when it is gone.
enum Then {
    Answer(u64),
    ReportExit(ProcessKey),
    Nothing,
}

/// A tree on its way out.
struct Ending {
    target: Target,
    then: Then,
    /// When the polite phase is over.
    deadline: Instant,
    hard: bool,
    /// Everybody was asked politely. Nobody is asked twice: to some programs a second Ctrl-Break
    /// means to drop everything.
    asked: bool,
    look: Instant,
}

struct Keeper {
    home: String,
    pid_dir: PathBuf,
    base_env: Vec<(String, String)>,
    rotation: Rotation,
    reports: UnboundedSender<Report>,
    /// For the threads that wait for processes.
    events: Sender<Event>,
    entries: HashMap<ProcessKey, Entry>,
    outputs: Outputs,
    endings: Vec<Ending>,
    quitting: bool,
}

/// Starts the keeper of a home.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(
    data_dir: &Path,
    home: &str,
    mut orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    let (events, happened) = channel();
    let mut keeper = Keeper {
        home: home.to_owned(),
        pid_dir: data_dir.join("pid"),
        base_env: Vec::new(),
        rotation: Rotation::default(),
        reports,
        events: events.clone(),
        entries: HashMap::new(),
        outputs: Outputs::new(),
        endings: Vec::new(),
        quitting: false,
    };
    thread::Builder::new()
        .name("keeper".to_owned())
        .spawn(move || {
            keeper.take_over();
            keeper.serve(&happened);
        })?;
    thread::Builder::new()
        .name("orders".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            while let Some(order) = orders.blocking_recv() {
                if events.send(Event::Order(order)).is_err() {
                    return;
                }
            }
            // The keeper may have ended before the service.
            let _ = events.send(Event::NoMoreOrders);
        })?;
    Ok(())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

impl Keeper {
    fn serve(&mut self, happened: &Receiver<Event>) {
        while !self.is_idle() {
            let event = match self.next_deadline() {
                Some(deadline) => {
                    happened.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                }
                None => happened.recv().map_err(RecvTimeoutError::from),
            };
            match event {
                Ok(Event::Order(order)) => self.obey(order),
                // What lives lives on, for the next service.
                Ok(Event::NoMoreOrders) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Event::Exited(key, process, exit)) => self.on_exit(&key, process, exit),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_at_endings();
            for (log, length) in self.outputs.grown() {
                self.tell(Report::Grew { log, length });
            }
            let logs = self
                .entries
                .values()
                .filter(|entry| !entry.told)
                .map(|entry| entry.log.as_path());
            self.outputs.rotate_full(logs, self.rotation);
        }
    }

    /// Nothing lives, and the service said that it goes.
    fn is_idle(&self) -> bool {
        self.quitting
            && self.endings.is_empty()
            && self.entries.values().all(|entry| entry.ended.is_some())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let endings = self.endings.iter().map(|ending| {
            if ending.hard {
                ending.look
            } else {
                ending.look.min(ending.deadline)
            }
        });
        let somebody_writes = self.entries.values().any(|entry| entry.ended.is_none());
        endings.chain(self.outputs.next_look(somebody_writes)).min()
    }

    fn tell(&self, report: Report) {
        // A service that hears no more reports will drop its orders as well.
        let _ = self.reports.send(report);
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Hello {
                protocol: _,
                env,
                rotation,
            } => {
                self.base_env = env;
                self.rotation = rotation;
                self.welcome();
            }
            Order::Spawn {
                key,
                role,
                spec,
                note,
            } => self.spawn(key, role, &spec, note),
            Order::End {
                key,
                grace,
                question,
            } => self.end(Target::Process(key), Then::Answer(question), Some(grace)),
            Order::EndApp {
                app,
                grace,
                question,
            } => self.end(Target::App(app), Then::Answer(question), Some(grace)),
            Order::EndNamed {
                app,
                name,
                grace,
                question,
            } => self.end(
                Target::Named(app, name),
                Then::Answer(question),
                Some(grace),
            ),
            Order::List { app, question } => {
                let mut pids: Vec<u32> = self
                    .members(&Target::App(app.clone()))
                    .iter()
                    .map(|process| process.pid)
                    .collect();
                let main = self.entries.get(&ProcessKey { app, number: 0 });
                let main = main.map(|entry| entry.process.pid);
                pids.sort_unstable();
                pids.sort_by_key(|pid| Some(*pid) != main);
                self.tell(Report::Processes { question, pids });
            }
            Order::Watch { log, on } => self.outputs.watch(&log, on),
            Order::Quit => self.quitting = true,
        }
    }

    /// Tells a new service what there is. What ended is forgotten with that.
    fn welcome(&mut self) {
        let known = self
            .entries
            .iter()
            .filter(|(_, entry)| !entry.told)
            .map(|(key, entry)| Known {
                key: key.clone(),
                role: entry.role,
                pid: entry.process.pid,
                started_at: entry.started_at,
                log_start: entry.log_start,
                note: entry.note.clone(),
                ended: entry.ended,
            })
            .collect();
        self.tell(Report::Welcome {
            protocol: PROTOCOL,
            known,
        });
        let ended: Vec<ProcessKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.ended.is_some())
            .map(|(key, _)| key.clone())
            .collect();
        for key in ended {
            self.forget(&key);
        }
    }

    /// Forgets a process that has ended; what it left running stays known.
    fn forget(&mut self, key: &ProcessKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let left: Vec<OwnedHandle> = entry.job.as_ref().map_or_else(Vec::new, |_| {
            entry
                .members()
                .into_iter()
                .filter_map(process::watch)
                .collect()
        });
        if left.is_empty() {
            self.entries.remove(key);
            record::remove(&self.pid_dir, key);
            return;
        }
        for process in left {
            // The program that held the job for a later service is gone: these hold it now.
            // One that ends meanwhile need not.
            let _ = entry
                .job
                .as_ref()
                .map(|job| job.give_to(process.as_handle()));
        }
        entry.told = true;
        record::save(&self.pid_dir, key, entry);
    }

    fn spawn(&mut self, key: ProcessKey, role: Role, spec: &ProcessSpec, note: String) {
        self.forget_what_is_gone();
        if let Some(old) = self.entries.get(&key)
            && old.ended.is_none()
        {
            let reason = format!("`{}` runs already with pid {}", key.app, old.process.pid);
            self.tell(Report::NotSpawned { key, reason });
            return;
        }
        match self.try_spawn(&key, spec) {
            Err(reason) => self.tell(Report::NotSpawned { key, reason }),
            Ok((spawned, log_start)) => {
                let entry = Entry {
                    role,
                    process: spawned.process,
                    job: Some(spawned.job),
                    started_at: now(),
                    log: spec.log.clone(),
                    log_start,
                    note,
                    ended: None,
                    told: false,
                };
                self.tell(Report::Spawned {
                    key: key.clone(),
                    pid: entry.process.pid,
                    started_at: entry.started_at,
                    log_start,
                });
                record::save(&self.pid_dir, &key, &entry);
                self.entries.insert(key.clone(), entry);
                self.wait_for(&key, spawned.process, spawned.handle);
            }
        }
    }

    fn try_spawn(
        &self,
        key: &ProcessKey,
        spec: &ProcessSpec,
    ) -> Result<(spawn::Spawned, u64), String> {
        let output = Outputs::open(&spec.log, self.rotation).map_err(|error| {
            format!(
                "cannot start `{}`: its log `{}` cannot be written: {error}",
                spec.program,
                spec.log.display()
            )
        })?;
        let log_start = output::length(&spec.log);
        let tag = process::tag_value(&self.home, key);
        let job_name = process::job_name(&self.home, key);
        let spawned = spawn::spawn(spec, &self.base_env, &tag, &job_name, output)?;
        Ok((spawned, log_start))
    }

    /// Learns of the end of a process.
    fn wait_for(&mut self, key: &ProcessKey, process: Identity, handle: OwnedHandle) {
        let events = self.events.clone();
        let name = key.clone();
        let waiting = thread::Builder::new()
            .name(format!("wait {}", process.pid))
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let exit = process::wait(handle.as_handle());
                // The keeper may have ended.
                let _ = events.send(Event::Exited(name, process, exit));
            });
        if waiting.is_err() {
            // A process that nobody waits for must not stay: its app would count as running for
            // ever.
            process::kill(process);
            self.on_exit(key, process, Exit::Unknown);
        }
    }

    /// Takes over the processes of a service that was killed.
    fn take_over(&mut self) {
        for (key, mut entry) in record::load(&self.pid_dir, &self.home) {
            let process = entry.process;
            if entry.ended.is_some() {
                self.entries.insert(key, entry);
            } else if let Some(handle) = process::watch(process) {
                self.entries.insert(key.clone(), entry);
                self.wait_for(&key, process, handle);
            } else {
                entry.ended = Some((Exit::Unknown, now()));
                let is_main = entry.role == Role::Main;
                self.entries.insert(key.clone(), entry);
                if is_main {
                    self.end(Target::Process(key), Then::Nothing, None);
                }
            }
        }
    }

    fn on_exit(&mut self, key: &ProcessKey, process: Identity, exit: Exit) {
        for ending in &mut self.endings {
            ending.look = Instant::now();
        }
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if entry.process != process || entry.ended.is_some() {
            return;
        }
        entry.ended = Some((exit, now()));
        if entry.role == Role::Main {
            // What it left must be gone before its replacement starts.
            self.end(
                Target::Process(key.clone()),
                Then::ReportExit(key.clone()),
                None,
            );
        } else {
            self.report_exit(key);
        }
    }

    fn report_exit(&mut self, key: &ProcessKey) {
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        let Some((exit, at)) = entry.ended else {
            return;
        };
        let report = Report::Exited {
            key: key.clone(),
            pid: entry.process.pid,
            exit,
            at,
            log_end: output::length(&entry.log),
        };
        // First, so that a service that is killed meanwhile leaves no false record.
        self.forget(key);
        self.tell(report);
    }

    /// Forgets the ended processes of which nothing lives any more.
    fn forget_what_is_gone(&mut self) {
        let gone: Vec<ProcessKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.told && entry.members().is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.forget(&key);
        }
    }

    /// The entries that a target is about.
    fn targeted(&self, target: &Target) -> Vec<&Entry> {
        let of_app = |app: &str, wanted: &dyn Fn(&Entry) -> bool| {
            self.entries
                .iter()
                .filter(|(key, entry)| key.app == app && wanted(entry))
                .map(|(_, entry)| entry)
                .collect()
        };
        match target {
            Target::Process(key) => self.entries.get(key).into_iter().collect(),
            Target::App(app) => of_app(app, &|entry| {
                entry.role != Role::Step || entry.ended.is_some()
            }),
            Target::Named(app, _) => of_app(app, &|_| true),
        }
    }

    /// The living processes that a target means.
    fn members(&self, target: &Target) -> Vec<Identity> {
        let entries = self.targeted(target);
        let members = entries.iter().flat_map(|entry| entry.members());
        match target {
            Target::Process(_) | Target::App(_) => members.collect(),
            Target::Named(_, name) => {
                let mains: Vec<u32> = entries
                    .iter()
                    .filter(|entry| entry.role == Role::Main)
                    .map(|entry| entry.process.pid)
                    .collect();
                members
                    .filter(|process| {
                        !mains.contains(&process.pid) && process::has_name(process.pid, name)
                    })
                    .collect()
            }
        }
    }

    /// Begins to end something; without `grace` hard at once.
    fn end(&mut self, target: Target, then: Then, grace: Option<u64>) {
        let now = Instant::now();
        self.endings.push(Ending {
            target,
            then,
            deadline: now + grace.map_or(HARD_LIMIT, Duration::from_millis),
            hard: grace.is_none(),
            asked: false,
            look: now,
        });
    }

    /// Looks at the trees that are being ended whose time has come.
    fn look_at_endings(&mut self) {
        let mut waiting = Vec::new();
        while let Some(mut ending) = self.endings.pop() {
            let now = Instant::now();
            let turns_hard = !ending.hard && now >= ending.deadline;
            if ending.look > now && !turns_hard {
                waiting.push(ending);
                continue;
            }
            if turns_hard {
                ending.hard = true;
                ending.deadline = now + HARD_LIMIT;
            }
            let members = self.members(&ending.target);
            let given_up = ending.hard && now >= ending.deadline;
            if members.is_empty() || given_up {
                self.finish(ending.then, &members);
                continue;
            }
            if ending.hard {
                self.end_hard(&ending.target, &members);
            } else if !ending.asked {
                ending.asked = true;
                let pids: Vec<u32> = members.iter().map(|process| process.pid).collect();
                // Without the helper the hard end follows when the time is over.
                let _ = connect::ask_to_end(&pids);
            }
            ending.look = now + LOOK_AGAIN;
            waiting.push(ending);
        }
        self.endings = waiting;
    }

    fn end_hard(&self, target: &Target, members: &[Identity]) {
        if !matches!(target, Target::Named(..)) {
            for job in self
                .targeted(target)
                .iter()
                .filter_map(|entry| entry.job.as_ref())
            {
                job.terminate();
            }
        }
        // Also those without a job.
        for &process in members {
            process::kill(process);
        }
    }

    fn finish(&mut self, then: Then, left: &[Identity]) {
        match then {
            Then::Answer(question) => {
                self.tell(Report::Ended {
                    question,
                    left: left.iter().map(|process| process.pid).collect(),
                });
            }
            Then::ReportExit(key) => self.report_exit(&key),
            Then::Nothing => {}
        }
        self.forget_what_is_gone();
    }
}
