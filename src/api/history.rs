//! What the apps used over the last hour: one sample every ten seconds while any of them runs, in a ring
//! of fixed size for each. Nothing is looked at while none runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::apps::{Answer, unknown};
use super::state::State;
use crate::app::AppName;
use crate::platform;
use crate::supervisor::Supervisor;

/// Time between two samples. A look at 200 apps costs some milliseconds.
const INTERVAL: Duration = Duration::from_secs(10);

/// Samples that are kept of each app: an hour's.
const POINTS: usize = 360;

/// Apps whose samples are kept; of more, those that ran longest ago are forgotten.
const MAX_APPS: usize = 1000;

/// After so many samples it is looked anew which processes an app has, although its main process is
/// still the same.
const MEMBERS_AGE: u32 = 18;

/// No sample.
const NO_CPU: u16 = u16::MAX;

/// Likewise.
const NO_MEMORY: u32 = u32::MAX;

/// The samples of all apps.
#[derive(Debug)]
pub(super) struct History {
    begin: Instant,
    kept: Mutex<HashMap<AppName, Ring>>,
}

/// The samples of one app; slot `number % POINTS` has sample `number`.
#[derive(Debug)]
struct Ring {
    /// Tenths of a percent of one core.
    cpu: Box<[u16]>,
    /// KiB.
    memory: Box<[u32]>,
    /// Number of the newest sample.
    newest: u64,
}

impl Ring {
    fn new(number: u64) -> Self {
        Self {
            cpu: vec![NO_CPU; POINTS].into(),
            memory: vec![NO_MEMORY; POINTS].into(),
            newest: number,
        }
    }

    fn put(&mut self, number: u64, cpu: u16, memory: u32) {
        let gap = number.saturating_sub(self.newest + 1);
        let first = number.saturating_sub(gap.min(length()));
        for missed in first..number {
            self.set(missed, NO_CPU, NO_MEMORY);
        }
        self.set(number, cpu, memory);
        self.newest = number;
    }

    fn set(&mut self, number: u64, cpu: u16, memory: u32) {
        let at = slot(number);
        if let (Some(cpu_slot), Some(memory_slot)) = (self.cpu.get_mut(at), self.memory.get_mut(at))
        {
            *cpu_slot = cpu;
            *memory_slot = memory;
        }
    }

    /// The last `count` samples up to `now`, oldest first.
    fn last(&self, now: u64, count: usize) -> Samples {
        let count = u64::try_from(count.min(POINTS)).unwrap_or_default();
        let mut samples = Samples::default();
        // The service is younger than what is asked for.
        for _ in now + 1..count {
            samples.cpu.push(None);
            samples.memory.push(None);
        }
        for number in (now + 1).saturating_sub(count)..=now {
            let is_kept = number <= self.newest && self.newest - number < length();
            let at = slot(number);
            let cpu = self.cpu.get(at).copied();
            let memory = self.memory.get(at).copied();
            samples.cpu.push(
                cpu.filter(|it| is_kept && *it != NO_CPU)
                    .map(|it| f64::from(it) / 10.0),
            );
            samples.memory.push(
                memory
                    .filter(|it| is_kept && *it != NO_MEMORY)
                    .map(|it| u64::from(it) * 1024),
            );
        }
        samples
    }
}

fn length() -> u64 {
    u64::try_from(POINTS).unwrap_or(u64::MAX)
}

fn slot(number: u64) -> usize {
    usize::try_from(number % length()).unwrap_or_default()
}

/// One value for each interval, oldest first; null where the app did not run.
#[derive(Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Samples {
    /// CPU in percent of one core.
    cpu: Vec<Option<f64>>,
    /// Resident memory in bytes.
    memory: Vec<Option<u64>>,
}

/// What one app used.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AppHistory {
    /// The app.
    #[schema(value_type = String)]
    app: AppName,
    /// Seconds between two values.
    interval: u64,
    /// When the last value was taken, in milliseconds since 1970.
    end: u64,
    #[serde(flatten)]
    samples: Samples,
}

/// What all apps used.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Histories {
    /// Seconds between two values.
    interval: u64,
    /// When the last value was taken, in milliseconds since 1970.
    end: u64,
    /// The apps that ran in that time.
    #[schema(value_type = HashMap<String, Samples>)]
    apps: BTreeMap<AppName, Samples>,
}

/// `?points=30`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct HistoryQuery {
    /// How many values, the newest; all of the last hour when left out.
    points: Option<usize>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            kept: Mutex::default(),
        }
    }
}

impl History {
    /// Number of the newest sample there can be.
    fn number(&self) -> u64 {
        self.begin.elapsed().as_secs() / INTERVAL.as_secs()
    }

    /// When that sample was due, in milliseconds since 1970.
    fn end(&self) -> u64 {
        let elapsed = self.begin.elapsed();
        let since = elapsed.saturating_sub(INTERVAL * u32::try_from(self.number()).unwrap_or(0));
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(now.saturating_sub(since).as_millis()).unwrap_or_default()
    }

    fn put(&self, number: u64, samples: Vec<(AppName, u16, u32)>) {
        let mut kept = self.kept();
        for (app, cpu, memory) in samples {
            kept.entry(app)
                .or_insert_with(|| Ring::new(number))
                .put(number, cpu, memory);
        }
        kept.retain(|_, ring| number.saturating_sub(ring.newest) < length());
        while kept.len() > MAX_APPS {
            let oldest = kept.iter().min_by_key(|(_, ring)| ring.newest);
            let Some(oldest) = oldest.map(|(app, _)| app.clone()) else {
                return;
            };
            kept.remove(&oldest);
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<AppName, Ring>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes samples as long as the service runs.
    pub(super) async fn run(
        self: Arc<Self>,
        supervisor: Supervisor,
        events: crate::job::event::Events,
    ) {
        let mut watcher = Watcher::default();
        loop {
            // Taken before the look, so that a start in between wakes us.
            let (_, mut news) = events.after(events.newest());
            if running(&supervisor).is_empty() {
                watcher = Watcher::default();
                match news.recv().await {
                    Ok(_) | Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                }
            }
            drop(news);
            let next = self.begin + INTERVAL * u32::try_from(self.number() + 1).unwrap_or(u32::MAX);
            tokio::time::sleep_until(next.into()).await;
            let number = self.number();
            watcher.meet(&supervisor).await;
            let look = tokio::task::spawn_blocking(move || {
                let samples = watcher.sample();
                (watcher, samples)
            });
            let Ok((back, samples)) = look.await else {
                return;
            };
            watcher = back;
            self.put(number, samples);
        }
    }
}

fn running(supervisor: &Supervisor) -> Vec<(AppName, u32)> {
    let statuses = supervisor.statuses().into_iter();
    statuses
        .filter_map(|(app, status)| Some((app, status.pid?)))
        .collect()
}

/// Whom to look at, and what was seen last.
#[derive(Default)]
struct Watcher {
    apps: HashMap<AppName, Members>,
    /// CPU time of a process at a moment.
    burnt: HashMap<u32, (platform::Burnt, Instant)>,
}

/// The processes of an app.
struct Members {
    main: u32,
    pids: Vec<u32>,
    age: u32,
}

impl Watcher {
    /// Learns which processes the apps have.
    async fn meet(&mut self, supervisor: &Supervisor) {
        let running = running(supervisor);
        let mut apps = HashMap::with_capacity(running.len());
        for (number, (app, main)) in (0..).zip(running) {
            let known = self.apps.remove(&app).filter(|it| it.main == main);
            let members = match known {
                Some(known) if known.age < MEMBERS_AGE => Members {
                    age: known.age + 1,
                    ..known
                },
                known => Members {
                    main,
                    pids: supervisor.processes(&app).await,
                    // Not all of them are looked at anew at the same time.
                    age: if known.is_some() {
                        0
                    } else {
                        number % MEMBERS_AGE
                    },
                },
            };
            apps.insert(app, members);
        }
        self.apps = apps;
    }

    /// Looks at them. Blocks.
    fn sample(&mut self) -> Vec<(AppName, u16, u32)> {
        let mut burnt = HashMap::with_capacity(self.burnt.len());
        let mut samples = Vec::with_capacity(self.apps.len());
        for (app, members) in &self.apps {
            let (mut cpu, mut memory, mut seen) = (0.0, 0, false);
            for pid in &members.pids {
                let Some(now) = platform::burnt(*pid) else {
                    continue;
                };
                let at = Instant::now();
                seen = true;
                memory += now.memory;
                cpu += percent(self.burnt.get(pid), now, at);
                burnt.insert(*pid, (now, at));
            }
            if seen {
                samples.push((app.clone(), tenths(cpu), kibibytes(memory)));
            }
        }
        self.burnt = burnt;
        samples
    }
}

/// CPU since the last look at the same process; of one that is new, at most since the last sample.
fn percent(before: Option<&(platform::Burnt, Instant)>, now: platform::Burnt, at: Instant) -> f64 {
    let (cpu, time) = match before {
        Some((before, then)) if before.start == now.start => (
            now.cpu.saturating_sub(before.cpu),
            at.saturating_duration_since(*then),
        ),
        // What it used before is no affair of this moment.
        _ => (now.cpu.min(INTERVAL), INTERVAL),
    };
    if time.is_zero() {
        return 0.0;
    }
    cpu.as_secs_f64() / time.as_secs_f64() * 100.0
}

/// Rounded, and within what a slot takes.
fn tenths(percent: f64) -> u16 {
    let text = format!("{:.0}", (percent * 10.0).clamp(0.0, f64::from(NO_CPU - 1)));
    text.parse().unwrap_or(NO_CPU - 1)
}

fn kibibytes(bytes: u64) -> u32 {
    u32::try_from(bytes / 1024)
        .unwrap_or(NO_MEMORY)
        .min(NO_MEMORY - 1)
}

/// What an app used over the last hour.
#[utoipa::path(get, path = "/api/apps/{name}/history", tag = "apps",
    params(("name" = String, Path, description = "The app"), HistoryQuery),
    responses((status = 200, description = "Its samples", body = AppHistory),
              (status = 404, description = "There is no such app")))]
pub(super) async fn of_app(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<HistoryQuery>,
) -> Answer {
    let history = &state.history;
    let (app, now) = (name.into_inner(), history.number());
    let count = query.points.unwrap_or(POINTS);
    let samples = history.kept().get(&app).map(|ring| ring.last(now, count));
    let samples = if let Some(samples) = samples {
        samples
    } else {
        let folder = state.service.library.app_dir(&app);
        if !web::block(move || folder.is_dir()).await? {
            return Err(unknown(&app));
        }
        Ring::new(now).last(now, count)
    };
    Ok(HttpResponse::Ok().json(AppHistory {
        app,
        interval: INTERVAL.as_secs(),
        end: history.end(),
        samples,
    }))
}

/// What all apps used lately.
#[utoipa::path(get, path = "/api/history", tag = "apps", params(HistoryQuery),
    responses((status = 200, description = "The samples of the apps that ran", body = Histories)))]
pub(super) async fn of_all(state: web::Data<State>, query: web::Query<HistoryQuery>) -> Answer {
    let history = &state.history;
    let now = history.number();
    let count = query.points.unwrap_or(POINTS);
    let apps = history
        .kept()
        .iter()
        .map(|(app, ring)| (app.clone(), ring.last(now, count)))
        .filter(|(_, samples)| samples.memory.iter().any(Option::is_some))
        .collect();
    Ok(HttpResponse::Ok().json(Histories {
        interval: INTERVAL.as_secs(),
        end: history.end(),
        apps,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_has_an_hour_and_gaps_where_nothing_ran() {
        let mut ring = Ring::new(5);
        ring.put(5, 10, 1);
        ring.put(6, 20, 2);
        ring.put(9, 30, 3);
        let shown = ring.last(10, 7);
        let cpu = [None, Some(1.0), Some(2.0), None, None, Some(3.0), None];
        assert_eq!(shown.cpu, cpu);
        assert_eq!(shown.memory[5], Some(3072));
        for number in 10..10 + length() {
            ring.put(number, 1, 1);
        }
        let all = ring.last(9 + length(), POINTS * 2);
        assert_eq!(all.cpu.len(), POINTS);
        assert!(all.cpu.iter().all(|it| *it == Some(0.1)));
        let young = Ring::new(0).last(0, 3);
        assert_eq!((young.cpu.len(), young.memory.len()), (3, 3));
        // Long after, nothing of it is shown.
        let later = ring.last(10 + 3 * length(), 10);
        assert!(later.cpu.iter().all(Option::is_none));
    }

    #[test]
    fn a_gap_longer_than_the_ring_leaves_nothing_old() {
        let mut ring = Ring::new(0);
        ring.put(0, 1, 1);
        ring.put(5 * length(), 2, 2);
        let shown = ring.last(5 * length(), POINTS);
        assert_eq!(shown.cpu.iter().flatten().count(), 1);
    }

    #[test]
    fn cpu_counts_since_the_last_look_at_the_same_process() {
        let at = Instant::now();
        let burnt = |start, millis| platform::Burnt {
            start,
            cpu: Duration::from_millis(millis),
            memory: 0,
        };
        let later = at + Duration::from_secs(2);
        let check = |before: Option<platform::Burnt>, now, expected: f64| {
            let before = before.map(|before| (before, at));
            let found = percent(before.as_ref(), now, later);
            assert!((found - expected).abs() < 0.01, "{found} {expected}");
        };
        check(Some(burnt(1, 500)), burnt(1, 1500), 50.0);
        check(Some(burnt(9, 500)), burnt(1, 1000), 10.0);
        check(None, burnt(1, 1_000_000), 100.0);
    }

    #[test]
    fn numbers_stay_within_their_slots() {
        assert_eq!(tenths(12.34), 123);
        assert_eq!(tenths(1e9), NO_CPU - 1);
        assert_eq!(tenths(f64::NAN), NO_CPU - 1);
        assert_eq!(kibibytes(u64::MAX), NO_MEMORY - 1);
    }

    #[test]
    fn our_own_process_burns() {
        let mut watcher = Watcher::default();
        let pid = std::process::id();
        let members = Members {
            main: pid,
            pids: vec![pid],
            age: 0,
        };
        watcher.apps.insert(AppName::parse("x").unwrap(), members);
        let samples = watcher.sample();
        assert!(samples.len() == 1 && samples[0].2 > 0);
    }
}
