//! The task that owns one app: it feeds the [`Machine`] and does what that decides.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::keeper::Keepers;
use super::last_lines::last_lines;
use super::probe;
use super::state::{Effect, Event, Machine};
use super::{AppSpec, Condition, LastExit, SETTLE, State, Status, SupervisorError, describe_exit};
use crate::app::AppName;
use crate::platform::protocol::{Exit, Order, ProcessKey, Role};

/// How long an app that is not ready in time is left alone between two looks.
const UNHEALTHY_PAUSE: Duration = Duration::from_secs(2);

/// How often another keeper is asked to end an app, and the pause before it: a keeper starts in less.
const MAX_TRIES_TO_END: u32 = 10;
const PAUSE_TO_END: Duration = Duration::from_millis(300);

/// What an actor is told.
pub(super) enum Message {
    Start(Box<AppSpec>, Reply),
    Adopt(Box<Adoption>),
    Stop(Option<Duration>, Reply),
    Spawned(Box<Birth>),
    NotSpawned(Box<str>),
    Exited(Box<Death>),
    Probed {
        run: u32,
        ready: bool,
    },
    Holder(Box<str>),
    LastLines(Box<LastLines>),
    WaitedEnough(u32),
    /// What was to be ended has ended; false when the keeper went meanwhile.
    Ended(bool),
    EndAgain,
}

/// The process runs.
pub(super) struct Birth {
    pub(super) pid: u32,
    pub(super) started_at: u64,
    pub(super) log_start: u64,
}

/// The process ended.
pub(super) struct Death {
    pub(super) pid: u32,
    pub(super) exit: Exit,
    pub(super) at: u64,
    pub(super) log_end: u64,
}

/// What is known of a process that ended, once its log was looked at.
pub(super) struct LastLines {
    run: u32,
    lines: Vec<String>,
    /// Who has the port that it was waited for at.
    holder: Option<String>,
}

/// A process of an earlier service.
pub(super) struct Adoption {
    pub(super) spec: AppSpec,
    pub(super) birth: Birth,
}

pub(super) type Reply = oneshot::Sender<Result<(), SupervisorError>>;

/// One app's supervisor.
pub(super) struct Actor {
    app: AppName,
    keepers: Keepers,
    status: Arc<RwLock<Status>>,
    on_change: Arc<super::OnChange>,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// Sends to itself.
    me: mpsc::WeakUnboundedSender<Message>,
    machine: Machine,
    spec: Option<Box<AppSpec>>,
    birth: Option<Birth>,
    ready_since: Option<Instant>,
    /// Counts starts of the process, so that news of an earlier one are known as such.
    run: u32,
    starters: Vec<Reply>,
    stoppers: Vec<Reply>,
    /// A start that came while it was stopping.
    next_start: Option<(Box<AppSpec>, Vec<Reply>)>,
    grace: Option<Duration>,
    is_ending: bool,
    end_again: bool,
    /// How often a keeper went while it ended the app.
    tries_to_end: u32,
    probe: Option<AbortHandle>,
    /// Why a port that answers does not count: somebody else holds it.
    holder: Option<Box<str>>,
    /// Who waits for the last lines of a start that failed.
    disappointed: Vec<(u32, String, Vec<Reply>)>,
}

impl Actor {
    pub(super) fn spawn(
        app: AppName,
        keepers: Keepers,
        status: Arc<RwLock<Status>>,
        on_change: Arc<super::OnChange>,
    ) -> mpsc::UnboundedSender<Message> {
        let (sender, inbox) = mpsc::unbounded_channel();
        let actor = Self {
            app,
            keepers,
            status,
            on_change,
            inbox,
            me: sender.downgrade(),
            machine: Machine::default(),
            spec: None,
            birth: None,
            ready_since: None,
            run: 0,
            starters: Vec::new(),
            stoppers: Vec::new(),
            next_start: None,
            grace: None,
            is_ending: false,
            end_again: false,
            tries_to_end: 0,
            probe: None,
            holder: None,
            disappointed: Vec::new(),
        };
        tokio::spawn(actor.live());
        sender
    }

    async fn live(mut self) {
        while let Some(message) = self.inbox.recv().await {
            self.hear(message);
        }
        self.stop_probe();
    }

    fn key(&self) -> ProcessKey {
        ProcessKey {
            app: self.app.as_str().to_owned(),
            number: 0,
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Start(spec, reply) => self.start(spec, vec![reply]),
            Message::Adopt(adoption) => {
                let restart = adoption.spec.restart;
                self.spec = Some(Box::new(adoption.spec));
                self.run += 1;
                self.birth = Some(adoption.birth);
                self.happened(Event::Adopted { restart });
            }
            Message::Stop(grace, reply) => {
                self.grace = grace;
                self.stoppers.push(reply);
                self.give_up_starts();
                self.happened(Event::StopAsked);
            }
            Message::Spawned(birth) => {
                self.birth = Some(*birth);
                self.happened(Event::Spawned);
            }
            Message::NotSpawned(reason) => {
                for starter in self.starters.drain(..) {
                    let _ = starter.send(Err(SupervisorError::Spawn(reason.to_string())));
                }
                self.set_problem(Some(&reason));
                self.happened(Event::NotSpawned);
            }
            Message::Exited(death) => self.exited(&death),
            Message::Probed { run, ready } if run == self.run => self.probed(ready),
            Message::WaitedEnough(run) if run == self.run => self.happened(Event::WaitedEnough),
            Message::Holder(problem) => {
                self.set_problem(Some(&problem));
                self.holder = Some(problem);
            }
            Message::LastLines(news) => self.told_last_lines(&news),
            Message::Ended(answered) => self.ended(answered),
            Message::EndAgain if self.machine.state() == State::Stopping => self.end(),
            // News of an earlier process.
            Message::Probed { .. } | Message::WaitedEnough(_) | Message::EndAgain => {}
        }
    }

    fn start(&mut self, spec: Box<AppSpec>, mut replies: Vec<Reply>) {
        match self.machine.state() {
            State::Stopping => {
                let mut all = self.forget_next_start();
                all.append(&mut replies);
                self.next_start = Some((spec, all));
            }
            State::Running => {
                for reply in replies {
                    let _ = reply.send(Ok(()));
                }
            }
            State::Unhealthy => {
                let error = self.not_ready();
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
            State::Starting => self.starters.append(&mut replies),
            State::Stopped | State::BackingOff | State::Failed => {
                self.starters.append(&mut replies);
                let restart = spec.restart;
                self.spec = Some(spec);
                {
                    let mut status = self.write_status();
                    status.restarts = 0;
                    status.problem = None;
                }
                self.happened(Event::StartAsked { restart });
            }
        }
    }

    /// Feeds the machine, does what it says and tells the world.
    fn happened(&mut self, event: Event) {
        let before = self.machine.state();
        let (machine, effect) = self.machine.on(event);
        self.machine = machine;
        match effect {
            Some(Effect::Spawn) => self.spawn_process(before),
            Some(Effect::Probe) => self.begin_probe(),
            Some(Effect::Wait(wait)) => self.wait(wait),
            Some(Effect::End) => self.end(),
            None => {}
        }
        let replies = match self.machine.state() {
            State::Running if before != State::Running => {
                self.ready_since = Some(Instant::now());
                self.set_problem(None);
                std::mem::take(&mut self.starters)
            }
            State::Stopped => {
                self.set_problem(None);
                std::mem::take(&mut self.stoppers)
            }
            State::Running
            | State::Starting
            | State::Unhealthy
            | State::BackingOff
            | State::Stopping
            | State::Failed => Vec::new(),
        };
        // Before the answers: who gets one and looks must see the new state.
        self.publish();
        for reply in replies {
            let _ = reply.send(Ok(()));
        }
        if self.machine.state() == State::Stopped
            && let Some((spec, replies)) = self.next_start.take()
        {
            self.start(spec, replies);
        }
    }

    fn spawn_process(&mut self, before: State) {
        let Some(spec) = &self.spec else { return };
        self.run += 1;
        self.ready_since = None;
        self.holder = None;
        if matches!(
            before,
            State::Running | State::Unhealthy | State::Starting | State::BackingOff
        ) && self.starters.is_empty()
        {
            self.write_status().restarts += 1;
        }
        let order = Order::Spawn {
            key: self.key(),
            role: Role::Main,
            spec: spec.process.clone(),
            note: serde_json::to_string(spec).unwrap_or_default(),
        };
        if self.keepers.order(order).is_err()
            && let Some(me) = self.me.upgrade()
        {
            let _ = me.send(Message::NotSpawned("the keeper does not answer".into()));
        }
    }

    fn wait(&self, wait: Duration) {
        let (me, run) = (self.me.clone(), self.run);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(me) = me.upgrade() {
                let _ = me.send(Message::WaitedEnough(run));
            }
        });
    }

    fn end(&mut self) {
        self.stop_probe();
        if self.is_ending {
            self.end_again = true;
            return;
        }
        self.is_ending = true;
        let grace = self.grace.unwrap_or_else(|| {
            self.spec
                .as_ref()
                .map_or(super::STOP_TIMEOUT, |spec| spec.stop_timeout)
        });
        let answer = self.keepers.ask(|question| Order::EndApp {
            app: self.app.as_str().to_owned(),
            grace: super::milliseconds(grace),
            question,
        });
        let me = self.me.clone();
        tokio::spawn(async move {
            let answered = answer.await.is_ok();
            if let Some(me) = me.upgrade() {
                let _ = me.send(Message::Ended(answered));
            }
        });
    }

    fn ended(&mut self, answered: bool) {
        self.is_ending = false;
        if std::mem::take(&mut self.end_again) {
            self.end();
            return;
        }
        if answered {
            self.birth = None;
            self.grace = None;
            self.tries_to_end = 0;
            self.happened(Event::Ended);
        } else if self.tries_to_end < MAX_TRIES_TO_END {
            // The keeper went. The next one takes the processes over, and knows of no wish to end them.
            self.tries_to_end += 1;
            let me = self.me.clone();
            tokio::spawn(async move {
                tokio::time::sleep(PAUSE_TO_END).await;
                if let Some(me) = me.upgrade() {
                    let _ = me.send(Message::EndAgain);
                }
            });
        } else {
            self.tries_to_end = 0;
            for stopper in self.stoppers.drain(..) {
                let lost = "it ended while it stopped the app".to_owned();
                let _ = stopper.send(Err(SupervisorError::Keeper(lost)));
            }
        }
    }

    fn exited(&mut self, death: &Death) {
        if self
            .birth
            .as_ref()
            .is_none_or(|birth| birth.pid != death.pid)
        {
            return;
        }
        self.stop_probe();
        let log_start = self.birth.take().map_or(0, |birth| birth.log_start);
        let was = self.machine.state();
        let reason = describe_exit(death.exit);
        self.write_status().last_exit = Some(Arc::new(LastExit::new(death, &reason)));
        if was == State::Starting && !self.starters.is_empty() {
            let starters = std::mem::take(&mut self.starters);
            self.disappointed.push((self.run, reason.clone(), starters));
        }
        if was != State::Stopping {
            let text = format!("it ended by itself: {reason}");
            self.set_problem(Some(&text));
        }
        let ended_run = self.run;
        let ready_since = self.ready_since.take();
        self.happened(Event::Exited {
            well: death.exit == Exit::Code(0),
            healthy_for: ready_since.map_or(Duration::ZERO, |since| since.elapsed()),
        });
        let Some(spec) = &self.spec else { return };
        let (log, log_end, me) = (spec.process.log.clone(), death.log_end, self.me.clone());
        let is_awaited = self.disappointed.iter().any(|(run, ..)| *run == ended_run);
        let port = match spec.ready.as_ref().map(|ready| &ready.condition) {
            Some(Condition::Port(port)) if is_awaited => Some(*port),
            _ => None,
        };
        tokio::task::spawn_blocking(move || {
            // A program that found its port taken mostly ends; who has it, it cannot tell.
            let holder = port.and_then(|port| {
                let (pid, name) = probe::holder_of_port(port)?;
                Some(format!("port {port} is held by {name} with pid {pid}"))
            });
            let news = LastLines {
                run: ended_run,
                lines: last_lines(&log, log_start, log_end),
                holder,
            };
            if let Some(me) = me.upgrade() {
                let _ = me.send(Message::LastLines(Box::new(news)));
            }
        });
    }

    fn told_last_lines(&mut self, news: &LastLines) {
        let lines = &news.lines;
        {
            let mut status = self.write_status();
            if let Some(last) = &mut status.last_exit {
                Arc::make_mut(last).last_lines.clone_from(lines);
            }
        }
        let app = self.app.clone();
        self.disappointed.retain_mut(|(of, reason, replies)| {
            if *of == news.run {
                if let Some(holder) = &news.holder {
                    *reason = format!("{reason}, and {holder}");
                }
                for reply in replies.drain(..) {
                    let _ = reply.send(Err(SupervisorError::EndedEarly {
                        app: app.clone(),
                        reason: reason.clone(),
                        last_lines: lines.clone(),
                    }));
                }
            }
            *of != news.run
        });
        self.publish();
    }

    fn forget_next_start(&mut self) -> Vec<Reply> {
        self.next_start
            .take()
            .map(|(_, replies)| replies)
            .unwrap_or_default()
    }

    fn give_up_starts(&mut self) {
        let given_up = self.forget_next_start();
        for starter in self.starters.drain(..).chain(given_up) {
            let _ = starter.send(Err(SupervisorError::Stopped(self.app.clone())));
        }
    }

    fn not_ready(&self) -> SupervisorError {
        let ready = self.spec.as_ref().and_then(|spec| spec.ready.as_ref());
        SupervisorError::NotReady {
            app: self.app.clone(),
            waited_for: match (&self.holder, ready) {
                (Some(holder), _) => holder.to_string(),
                (None, Some(ready)) => probe::describe(&ready.condition),
                (None, None) => String::new(),
            },
            timeout: ready.map_or(SETTLE, |ready| ready.timeout),
        }
    }

    fn probed(&mut self, ready: bool) {
        if ready {
            self.happened(Event::Ready);
            return;
        }
        let error = self.not_ready();
        if self.read_status().problem.is_none() {
            self.set_problem(Some(&error.to_string()));
        }
        self.happened(Event::NotReady);
        for starter in self.starters.drain(..) {
            let _ = starter.send(Err(error.clone()));
        }
    }

    fn stop_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            probe.abort();
        }
    }

    fn begin_probe(&mut self) {
        self.stop_probe();
        let (Some(spec), Some(birth)) = (&self.spec, &self.birth) else {
            return;
        };
        let (me, run) = (self.me.clone(), self.run);
        let tell = move |ready| {
            if let Some(me) = me.upgrade() {
                let _ = me.send(Message::Probed { run, ready });
            }
        };
        let Some(ready) = spec.ready.clone() else {
            // What lives since long is settled: only the rest of the time is waited.
            let lived = super::now().saturating_sub(birth.started_at);
            let rest = SETTLE.saturating_sub(Duration::from_millis(lived));
            self.probe = Some(
                tokio::spawn(async move {
                    tokio::time::sleep(rest).await;
                    tell(true);
                })
                .abort_handle(),
            );
            return;
        };
        let (log, from) = (spec.process.log.clone(), birth.log_start);
        let (keepers, app, me) = (self.keepers.clone(), self.app.clone(), self.me.clone());
        let task = async move {
            let growth = || keepers.watch_log(&log);
            let first = async {
                loop {
                    probe::until(&ready.condition, &log, from, growth).await;
                    let Some(problem) = held_by_another(&ready.condition, &keepers, &app).await
                    else {
                        return;
                    };
                    if let Some(me) = me.upgrade() {
                        let _ = me.send(Message::Holder(problem.into()));
                    }
                    tokio::time::sleep(SETTLE).await;
                }
            };
            tokio::pin!(first);
            if tokio::time::timeout(ready.timeout, &mut first)
                .await
                .is_err()
            {
                tell(false);
                // It may still come, only that nobody waits for it any more.
                tokio::time::sleep(UNHEALTHY_PAUSE).await;
                first.await;
            }
            tell(true);
        };
        self.probe = Some(tokio::spawn(task).abort_handle());
    }

    fn set_problem(&self, problem: Option<&str>) {
        self.write_status().problem = problem.map(Arc::from);
    }

    fn write_status(&self) -> std::sync::RwLockWriteGuard<'_, Status> {
        self.status
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn read_status(&self) -> std::sync::RwLockReadGuard<'_, Status> {
        self.status
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn publish(&self) {
        let copy = {
            let mut status = self.write_status();
            status.state = self.machine.state();
            status.pid = self.birth.as_ref().map(|birth| birth.pid);
            status.started_at = self.birth.as_ref().map(|birth| birth.started_at);
            status.clone()
        };
        (self.on_change)(&self.app, &copy);
    }
}

/// A port that answers may be somebody else's: then the app is not ready, and that is the reason.
async fn held_by_another(
    condition: &Condition,
    keepers: &Keepers,
    app: &AppName,
) -> Option<String> {
    let Condition::Port(port) = *condition else {
        return None;
    };
    let holder = tokio::task::spawn_blocking(move || probe::holder_of_port(port)).await;
    let (pid, name) = holder.ok()??;
    let ours = keepers.processes(app).await;
    (!ours.is_empty() && !ours.contains(&pid)).then(|| {
        format!("port {port} is held by another program: {name} with pid {pid}; stop it, or give this app another port")
    })
}
