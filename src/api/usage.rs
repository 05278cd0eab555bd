//! CPU, memory and ports of the apps, looked at only when somebody asks, and then at most every
//! two seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::error::ApiError;
use super::ports::{self, Listening};
use crate::app::AppName;
use crate::supervisor::Supervisor;

/// How long a look counts while the same processes run.
const MAX_AGE: Duration = Duration::from_secs(2);

/// What an app uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Usage {
    /// CPU in percent of one core; since the last look, or since the start of each process.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Its processes, the main one first.
    pub processes: Vec<ProcessUsage>,
    /// The ports it listens on.
    pub ports: Vec<Listening>,
}

/// What one process uses.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct ProcessUsage {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// CPU in percent of one core.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// CPU time of a process at a moment.
#[derive(Clone, Copy, Debug)]
struct Burnt {
    /// Tells a process from a later one with the same pid.
    start: u64,
    cpu: Duration,
    at: Instant,
}

/// One look at everything.
#[derive(Debug, Default)]
pub(super) struct Look {
    at: Option<Instant>,
    /// The main processes there were.
    main: Vec<(AppName, u32)>,
    apps: HashMap<AppName, Usage>,
    burnt: HashMap<u32, Burnt>,
}

impl Look {
    /// What one app uses; nothing when it does not run.
    pub(super) fn of(&self, app: &AppName) -> Option<&Usage> {
        self.apps.get(app)
    }

    /// The app that a process belongs to.
    pub(super) fn owner(&self, pid: u32) -> Option<&AppName> {
        self.apps
            .iter()
            .find(|(_, usage)| usage.processes.iter().any(|process| process.pid == pid))
            .map(|(app, _)| app)
    }
}

/// Keeps the last look.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    last: Mutex<Arc<Look>>,
}

impl Sampler {
    /// The last look, or a new one.
    pub(super) async fn look(&self, supervisor: &Supervisor) -> Result<Arc<Look>, ApiError> {
        let last = self.last();
        // What was started since then would seem to use nothing.
        if last.at.is_some_and(|at| at.elapsed() < MAX_AGE) && last.main == running(supervisor) {
            return Ok(last);
        }
        self.anew(supervisor).await
    }

    /// A new look, however young the last one is.
    pub(super) async fn anew(&self, supervisor: &Supervisor) -> Result<Arc<Look>, ApiError> {
        let last = self.last();
        let main = running(supervisor);
        let mut pids = Vec::new();
        for (app, _) in &main {
            pids.push((app.clone(), supervisor.processes(app).await));
        }
        let look = actix_web::web::block(move || take(pids, &last)).await?;
        let look = Arc::new(Look { main, ..look });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = look.clone();
        Ok(look)
    }

    fn last(&self) -> Arc<Look> {
        // An `Arc` is whole, whoever panicked.
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The apps that run, with their main processes.
fn running(supervisor: &Supervisor) -> Vec<(AppName, u32)> {
    let statuses = supervisor.statuses().into_iter();
    statuses
        .filter_map(|(app, status)| Some((app, status.pid?)))
        .collect()
}

fn take(apps: Vec<(AppName, Vec<u32>)>, last: &Look) -> Look {
    let mut look = Look {
        at: Some(Instant::now()),
        ..Look::default()
    };
    let pids: Vec<Pid> = apps
        .iter()
        .flat_map(|(_, pids)| pids.iter().copied().map(Pid::from_u32))
        .collect();
    if pids.is_empty() {
        return look;
    }
    let Ok(mut system) = System::new() else {
        return look;
    };
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&pids),
        true,
        ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks(),
    );
    // Without the ports the rest is still worth showing.
    let ports = ports::scan().unwrap_or_default();
    for (app, pids) in apps {
        let mut usage = Usage {
            ports: ports
                .iter()
                .filter(|port| pids.contains(&port.pid))
                .cloned()
                .collect(),
            ..Usage::default()
        };
        for pid in pids {
            let Some(process) = system.process(Pid::from_u32(pid)) else {
                continue;
            };
            let now = Burnt {
                start: process.start_time(),
                cpu: Duration::from_millis(process.accumulated_cpu_time()),
                at: Instant::now(),
            };
            let process = ProcessUsage {
                pid,
                name: process.name().to_string_lossy().into_owned(),
                cpu: percent(last.burnt.get(&pid), now, process.run_time()),
                memory: process.memory(),
            };
            look.burnt.insert(pid, now);
            usage.cpu += process.cpu;
            usage.memory += process.memory;
            usage.processes.push(process);
        }
        look.apps.insert(app, usage);
    }
    look
}

/// CPU since the last look at the same process, else since its start `run_time` seconds ago.
fn percent(before: Option<&Burnt>, now: Burnt, run_time: u64) -> f64 {
    let (cpu, time) = match before {
        Some(before) if before.start == now.start => (
            now.cpu.saturating_sub(before.cpu),
            now.at.saturating_duration_since(before.at),
        ),
        _ => (now.cpu, Duration::from_secs(run_time.max(1))),
    };
    if time.is_zero() {
        return 0.0;
    }
    let percent = cpu.as_secs_f64() / time.as_secs_f64() * 100.0;
    (percent * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_told_since_the_last_look_at_the_same_process() {
        let at = Instant::now();
        let burnt = |start, millis, after| Burnt {
            start,
            cpu: Duration::from_millis(millis),
            at: at + Duration::from_secs(after),
        };
        for (before, now, run_time, expected) in [
            (None, burnt(1, 500, 0), 10, 5.0),
            (Some(burnt(1, 500, 0)), burnt(1, 1500, 2), 12, 50.0),
            (Some(burnt(9, 500, 0)), burnt(1, 1500, 2), 10, 15.0),
            (None, burnt(1, 100, 0), 0, 10.0),
        ] {
            let found = percent(before.as_ref(), now, run_time);
            assert!((found - expected).abs() < 0.01, "{found} {expected}");
        }
    }

    #[test]
    fn our_own_process_is_seen() {
        let app = AppName::parse("x").unwrap();
        let look = take(
            vec![(app.clone(), vec![std::process::id()])],
            &Look::default(),
        );
        assert!(look.of(&app).unwrap().memory > 0);
        assert_eq!(look.owner(std::process::id()), Some(&app));
    }
}
