//! The keeper: the parent of all processes of all apps.
//!
//! A small process with one thread that sleeps until something happens. It outlives the service:
//! whoever connects to its socket next is told what lives and what ended meanwhile. It ends when
//! it has nothing left to keep and nobody is connected.

mod link;
mod members;
mod output;
mod record;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::process::Signal;

use self::link::Link;
use self::members::Family;
use self::output::Outputs;
use super::process::{self, Identity};
use super::spawn;
use crate::platform::protocol::{
    Exit, Known, Order, PROTOCOL, ProcessKey, ProcessSpec, Report, Role, Rotation,
};

/// Tokens of the event queue; those from `FIRST` on are counted up.
const LISTENER: u64 = 0;
const SERVICE: u64 = 1;
const CHILDREN: u64 = 2;
const FIRST: u64 = 16;

/// How often a tree that is being ended is looked at when no child of ours in it died: processes
/// that are not our children end without telling us.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long after the hard signal a process may take to go before it is reported as left.
const HARD_LIMIT: Duration = Duration::from_secs(5);

/// Time between the signals for what a main process leaves when it ends by itself: short, for its
/// replacement waits.
const LEFTOVER_GRACE_MS: u64 = 100;

/// How long nothing must happen until memory is given back.
const REST: Duration = Duration::from_secs(1);

/// One process of an app.
struct Entry {
    role: Role,
    process: Identity,
    started_at: u64,
    log: PathBuf,
    log_start: u64,
    cwd: PathBuf,
    note: String,
    output: Option<u64>,
    /// Its end, when nobody was told yet.
    ended: Option<(Exit, u64)>,
    /// For a process that is not our child: tells its end.
    watch: Option<(u64, OwnedFd)>,
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

impl Target {
    fn covers(&self, key: &ProcessKey) -> bool {
        match self {
            Self::Process(wanted) => wanted == key,
            Self::App(app) | Self::Named(app, _) => *app == key.app,
        }
    }
}

/// What is said when it is gone.
enum Then {
    Answer(u64),
    ReportExit(ProcessKey),
}

/// A tree on its way out.
struct Ending {
    target: Target,
    then: Then,
    /// When the polite phase is over.
    deadline: Instant,
    hard: bool,
    signalled: Vec<Identity>,
    look: Instant,
}

struct Keeper {
    queue: OwnedFd,
    home: String,
    pid_dir: PathBuf,
    base_env: Vec<(String, String)>,
    rotation: Rotation,
    link: Option<Link>,
    entries: HashMap<ProcessKey, Entry>,
    by_pid: HashMap<u32, ProcessKey>,
    family: Family,
    outputs: Outputs,
    endings: Vec<Ending>,
    next_token: u64,
    file_limit: Option<rustix::process::Rlimit>,
    quitting: bool,
    /// When memory is given back, if nothing happens until then.
    rest: Option<Instant>,
}

/// Runs the keeper of a home until it has nothing left to keep. `service` is the connection that
/// it was started with.
///
/// # Errors
/// When another keeper lives, or the system refuses what is needed.
pub(super) fn run(data_dir: &Path, home: &str, service: UnixStream) -> io::Result<()> {
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let lock = fs::File::create(data_dir.join("keeper.lock"))?;
    lock.try_lock()
        .map_err(|_| io::Error::other("another keeper holds this home"))?;
    let socket = data_dir.join("keeper.sock");
    let _ = fs::remove_file(&socket);
    let listener = super::connect::bind(&socket)?;
    listener.set_nonblocking(true)?;

    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let (children, notify) = UnixStream::pair()?;
    children.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, notify)?;
    add(&queue, &listener, LISTENER)?;
    add(&queue, &children, CHILDREN)?;

    let mut keeper = Keeper {
        queue,
        home: home.to_owned(),
        pid_dir: data_dir.join("pid"),
        base_env: Vec::new(),
        rotation: Rotation::default(),
        link: None,
        entries: HashMap::new(),
        by_pid: HashMap::new(),
        family: Family::new(home),
        outputs: Outputs::default(),
        endings: Vec::new(),
        next_token: FIRST,
        file_limit: raise_file_limit(),
        quitting: false,
        rest: Some(Instant::now() + REST),
    };
    keeper.take_over();
    keeper.accept(service)?;
    keeper.serve(&listener, &children)?;
    // Gone before the lock is: the next keeper must not find a socket that nobody serves.
    let _ = fs::remove_file(&socket);
    Ok(())
}

fn add(queue: &OwnedFd, source: &impl AsFd, token: u64) -> io::Result<()> {
    Ok(epoll::add(
        queue,
        source,
        EventData::new_u64(token),
        EventFlags::IN,
    )?)
}

/// Lets the keeper hold the files of many apps. The old limit is given to the children: some
/// programs walk through all descriptors up to it.
fn raise_file_limit() -> Option<rustix::process::Rlimit> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let old = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: old
            .maximum
            .map_or(Some(65_536), |hard| Some(hard.min(65_536))),
        maximum: old.maximum,
    };
    setrlimit(Resource::Nofile, raised).ok().map(|()| old)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

impl Keeper {
    fn serve(&mut self, listener: &UnixListener, children: &UnixStream) -> io::Result<()> {
        let mut events = Vec::with_capacity(64);
        loop {
            if self.is_idle() {
                return Ok(());
            }
            let timeout = self.next_deadline().map(|deadline| {
                let rest = deadline.saturating_duration_since(Instant::now());
                Timespec::try_from(rest).unwrap_or(Timespec {
                    tv_sec: 1,
                    tv_nsec: 0,
                })
            });
            events.clear();
            match epoll::wait(
                &self.queue,
                rustix::buffer::spare_capacity(&mut events),
                timeout.as_ref(),
            ) {
                Err(rustix::io::Errno::INTR) => continue,
                result => result?,
            };
            if events.is_empty() {
                self.rest_if_due();
            } else {
                self.rest = Some(Instant::now() + REST);
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => {
                        if let Ok((service, _)) = listener.accept() {
                            self.accept(service)?;
                        }
                    }
                    SERVICE => self.hear(),
                    CHILDREN => {
                        drain(children);
                        self.reap();
                    }
                    token => self.on_token(token),
                }
            }
            self.outputs.rearm(&self.queue);
            self.look_at_endings(false);
            self.tell_growth();
            if let Some(link) = &mut self.link {
                link.flush();
            }
            self.watch_writability();
        }
    }

    /// Nothing lives, and nobody needs us: the last service is gone, or said that it goes.
    fn is_idle(&self) -> bool {
        (self.link.is_none() || self.quitting)
            && self.entries.values().all(|entry| entry.ended.is_some())
            && self.endings.is_empty()
            && process::children(std::process::id()).is_empty()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let endings = self.endings.iter().map(|ending| {
            if ending.hard {
                ending.look
            } else {
                ending.look.min(ending.deadline)
            }
        });
        endings
            .chain(self.outputs.next_rearm())
            .chain(self.rest)
            .min()
    }

    fn rest_if_due(&mut self) {
        if self.rest.is_some_and(|due| due <= Instant::now()) {
            self.rest = None;
            crate::platform::release_memory();
        }
    }

    fn accept(&mut self, service: UnixStream) -> io::Result<()> {
        if let Some(old) = self.link.take() {
            let _ = epoll::delete(&self.queue, old.stream());
        }
        service.set_nonblocking(true)?;
        add(&self.queue, &service, SERVICE)?;
        self.link = Some(Link::new(service));
        Ok(())
    }

    /// Asks to be woken when the service can read again, if something waits for it.
    fn watch_writability(&mut self) {
        if let Some(link) = &mut self.link
            && let Some(blocked) = link.blocked_changed()
        {
            let mut flags = EventFlags::IN;
            flags.set(EventFlags::OUT, blocked);
            let _ = epoll::modify(
                &self.queue,
                link.stream(),
                EventData::new_u64(SERVICE),
                flags,
            );
        }
    }

    fn hear(&mut self) {
        let Some(link) = &mut self.link else { return };
        let (orders, open) = link.receive();
        for order in orders {
            self.obey(order);
        }
        if !open && let Some(old) = self.link.take() {
            let _ = epoll::delete(&self.queue, old.stream());
            self.outputs.unwatch_all();
        }
    }

    fn tell(&mut self, report: &Report) {
        if let Some(link) = &mut self.link {
            link.send(report);
        }
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
                self.quitting = false;
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
                self.tell(&Report::Processes { question, pids });
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
        self.tell(&Report::Welcome {
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

    fn forget(&mut self, key: &ProcessKey) {
        if let Some(entry) = self.entries.remove(key) {
            if self.by_pid.get(&entry.process.pid) == Some(key) {
                self.by_pid.remove(&entry.process.pid);
            }
            record::remove(&self.pid_dir, key);
        }
    }

    fn spawn(&mut self, key: ProcessKey, role: Role, spec: &ProcessSpec, note: String) {
        if let Some(old) = self.entries.get(&key) {
            if old.ended.is_none() {
                let reason = format!("`{}` runs already with pid {}", key.app, old.process.pid);
                self.tell(&Report::NotSpawned { key, reason });
                return;
            }
            self.forget(&key);
        }
        let tag = process::tag_value(&self.home, &key);
        let log_start = self.outputs.length(&spec.log, self.rotation);
        match spawn::spawn(spec, &self.base_env, &tag) {
            Err(reason) => self.tell(&Report::NotSpawned { key, reason }),
            Ok(spawned) => {
                let started_at = now();
                let pid = spawned.process.pid;
                if let Some(limit) = &self.file_limit {
                    let _ = rustix::process::prlimit(
                        i32::try_from(pid)
                            .ok()
                            .and_then(rustix::process::Pid::from_raw),
                        rustix::process::Resource::Nofile,
                        *limit,
                    );
                }
                self.tell(&Report::Spawned {
                    key: key.clone(),
                    pid,
                    started_at,
                    log_start,
                });
                // Sent before the rest is done: the service has work to do meanwhile.
                if let Some(link) = &mut self.link {
                    link.flush();
                }
                let output = self.keep_output(spawned.output, &spec.log);
                let entry = Entry {
                    role,
                    process: spawned.process,
                    started_at,
                    log: spec.log.clone(),
                    log_start,
                    cwd: spec.cwd.clone(),
                    note,
                    output,
                    ended: None,
                    watch: None,
                };
                record::save(&self.pid_dir, &key, &entry);
                self.by_pid.insert(pid, key.clone());
                self.entries.insert(key, entry);
            }
        }
    }

    fn keep_output(&mut self, pipe: OwnedFd, log: &Path) -> Option<u64> {
        let token = self.next_token;
        self.next_token += 1;
        self.outputs
            .add(&self.queue, token, pipe, log, self.rotation)
            .ok()
            .map(|()| token)
    }

    /// Takes over the processes of a keeper that was killed: their pids are in files, their output
    /// pipes are still open in them.
    fn take_over(&mut self) {
        for saved in record::load(&self.pid_dir) {
            let record::Saved {
                key,
                mut entry,
                pipe,
            } = saved;
            if entry.ended.is_none() {
                self.family.scan_everything();
                let token = self.next_token;
                match process::watch(entry.process) {
                    Some(descriptor) if add(&self.queue, &descriptor, token).is_ok() => {
                        self.next_token += 1;
                        entry.watch = Some((token, descriptor));
                        if let Some(pipe) = pipe {
                            entry.output = self.keep_output(pipe, &entry.log);
                        }
                        self.by_pid.insert(entry.process.pid, key.clone());
                    }
                    _ => {
                        entry.ended = Some((Exit::Unknown, now()));
                        self.end(Target::Process(key.clone()), Then::Answer(0), None);
                    }
                }
            }
            self.entries.insert(key, entry);
        }
    }

    fn on_token(&mut self, token: u64) {
        if self.outputs.read(&self.queue, token) {
            return;
        }
        let adopted = self
            .entries
            .iter()
            .find(|(_, entry)| matches!(&entry.watch, Some((watched, _)) if *watched == token))
            .map(|(key, entry)| (key.clone(), entry.process.pid));
        if let Some((key, pid)) = adopted {
            let exit = self
                .entries
                .get_mut(&key)
                .and_then(|entry| entry.watch.take())
                .map_or(Exit::Unknown, |(_, descriptor)| {
                    let _ = epoll::delete(&self.queue, &descriptor);
                    exit_when_reaped(&descriptor)
                });
            self.by_pid.remove(&pid);
            self.on_exit(key, exit);
        }
    }

    fn reap(&mut self) {
        while let Some((pid, exit)) = process::reap() {
            match self.by_pid.remove(&pid) {
                Some(key) => self.on_exit(key, exit),
                None => self.family.forget(pid),
            }
            for ending in &mut self.endings {
                if ending.signalled.iter().any(|process| process.pid == pid) {
                    ending.look = Instant::now();
                }
            }
        }
    }

    fn on_exit(&mut self, key: ProcessKey, exit: Exit) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.ended = Some((exit, now()));
        if let Some(token) = entry.output {
            self.outputs.drain(&self.queue, token);
        }
        let role = entry.role;
        self.family
            .main_ended(&key, entry.process, &entry.cwd, &self.by_pid);
        // The rest of a tree that is being stopped keeps its time to end politely.
        let is_being_stopped = self.endings.iter().any(|ending| ending.target.covers(&key));
        if role == Role::Main && !is_being_stopped {
            // What it left must be gone before its replacement starts.
            self.end(
                Target::Process(key.clone()),
                Then::ReportExit(key),
                Some(LEFTOVER_GRACE_MS),
            );
        } else {
            self.report_exit(&key);
        }
    }

    fn report_exit(&mut self, key: &ProcessKey) {
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        let Some((exit, at)) = entry.ended else {
            return;
        };
        let log_end = self.outputs.length(&entry.log, self.rotation);
        if self.link.is_some() {
            let report = Report::Exited {
                key: key.clone(),
                pid: entry.process.pid,
                exit,
                at,
                log_end,
            };
            self.tell(&report);
            self.forget(key);
        } else {
            record::save(&self.pid_dir, key, entry);
        }
    }

    fn members(&mut self, target: &Target) -> Vec<Identity> {
        self.family.members(target, &self.entries, &self.by_pid)
    }

    /// Begins to end something; without `grace` by the hard signal at once.
    fn end(&mut self, target: Target, then: Then, grace: Option<u64>) {
        let now = Instant::now();
        self.endings.push(Ending {
            target,
            then,
            deadline: now + grace.map_or(HARD_LIMIT, Duration::from_millis),
            hard: grace.is_none(),
            signalled: Vec::new(),
            look: now,
        });
        self.look_at_endings(true);
    }

    /// Looks at the trees that are being ended whose time has come; at the newest one alone when
    /// `newest`.
    fn look_at_endings(&mut self, newest: bool) {
        let now = Instant::now();
        let mut index = if newest {
            self.endings.len().saturating_sub(1)
        } else {
            0
        };
        while index < self.endings.len() {
            let mut ending = self.endings.swap_remove(index);
            let turns_hard = !ending.hard && now >= ending.deadline;
            if ending.look > now && !turns_hard {
                self.put_back(index, ending);
                index += 1;
                continue;
            }
            if turns_hard {
                ending.hard = true;
                ending.deadline = now + HARD_LIMIT;
                ending.signalled.clear();
            }
            let members = self.members(&ending.target);
            let given_up = ending.hard && now >= ending.deadline;
            if members.is_empty() && !given_up && self.is_unreaped(&ending.target) {
                ending.look = now + LOOK_AGAIN;
                self.put_back(index, ending);
                index += 1;
                continue;
            }
            if members.is_empty() || given_up {
                self.finish(ending.then, &members);
                continue;
            }
            for process in members {
                if ending.hard {
                    process::signal(process, Signal::KILL);
                    if !ending.signalled.contains(&process) {
                        ending.signalled.push(process);
                    }
                } else if !ending.signalled.contains(&process) {
                    process::signal(process, Signal::TERM);
                    // A stopped process cannot obey.
                    process::signal(process, Signal::CONT);
                    ending.signalled.push(process);
                }
            }
            ending.look = now + LOOK_AGAIN;
            self.put_back(index, ending);
            index += 1;
        }
    }

    /// Whether a process of a target is dead and nobody told us its exit yet. It has to be known
    /// before the end is told: a start that follows would meet its entry.
    fn is_unreaped(&self, target: &Target) -> bool {
        self.entries.iter().any(|(key, entry)| {
            entry.ended.is_none() && target.covers(key) && !process::is_alive(entry.process)
        })
    }

    /// Undoes a `swap_remove`.
    fn put_back(&mut self, index: usize, ending: Ending) {
        self.endings.push(ending);
        let last = self.endings.len() - 1;
        self.endings.swap(index, last);
    }

    fn finish(&mut self, then: Then, left: &[Identity]) {
        match then {
            Then::Answer(question) => self.tell(&Report::Ended {
                question,
                left: left.iter().map(|process| process.pid).collect(),
            }),
            Then::ReportExit(key) => self.report_exit(&key),
        }
    }

    fn tell_growth(&mut self) {
        for (log, length) in self.outputs.grown() {
            self.tell(&Report::Grew { log, length });
        }
    }
}

/// The exit of a process that another one reaps: told only when that has happened.
fn exit_when_reaped(descriptor: &OwnedFd) -> Exit {
    for _ in 0..20 {
        match process::exit_of(descriptor) {
            Exit::Unknown => {
                let millisecond = Timespec {
                    tv_sec: 0,
                    tv_nsec: 500_000,
                };
                let _ = rustix::thread::nanosleep(&millisecond);
            }
            known => return known,
        }
    }
    Exit::Unknown
}

fn drain(stream: &UnixStream) {
    let mut buffer = [0; 64];
    while matches!(io::Read::read(&mut &*stream, &mut buffer), Ok(1..)) {}
}
