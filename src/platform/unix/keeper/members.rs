//! Which processes belong to an app, whatever they did to get away.
//!
//! A descendant of a main process is found by walking down. One whose parent died comes to the
//! keeper (a subreaper), also after a double fork or `setsid`; whose it is tells the tag in its
//! environment, else its group or session, else that it appeared when a main process died, else
//! that its program or working directory lies in the app's folder.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use super::{Entry, Target};
use crate::platform::protocol::{ProcessKey, Role};
use crate::platform::unix::process::{self, Identity};

/// What is known of the processes that came to the keeper.
pub(super) struct Family {
    home: String,
    /// Processes that came to us, and whose they are, if that is known.
    orphans: HashMap<u32, (Identity, Option<ProcessKey>)>,
    /// Some processes are not our descendants: an earlier keeper started them. Then the whole
    /// system is searched for tags.
    scan_everything: bool,
}

impl Family {
    pub(super) fn new(home: &str) -> Self {
        Self {
            home: home.to_owned(),
            orphans: HashMap::new(),
            scan_everything: false,
        }
    }

    pub(super) fn scan_everything(&mut self) {
        self.scan_everything = true;
    }

    /// A process that came to us was reaped.
    pub(super) fn forget(&mut self, pid: u32) {
        self.orphans.remove(&pid);
    }

    /// A main process ended: strangers that came to us with its death are its own.
    /// Other apps' main processes (`by_pid`) are children of ours as well, but no strangers.
    pub(super) fn main_ended(
        &mut self,
        key: &ProcessKey,
        main: Identity,
        folder: &Path,
        by_pid: &HashMap<u32, ProcessKey>,
    ) {
        let known: HashSet<u32> = self.orphans.keys().copied().collect();
        self.meet(by_pid);
        for (pid, (process, owner)) in &mut self.orphans {
            if owner.is_none() && process.start >= main.start {
                let group = process::group_and_session(*pid);
                let is_its_own = group
                    .is_some_and(|(group, session)| group == main.pid || session == main.pid)
                    || !known.contains(pid)
                    || lies_in(*pid, folder);
                if is_its_own {
                    *owner = Some(key.clone());
                }
            }
        }
    }

    /// Looks who has come to us since the last time.
    fn meet(&mut self, by_pid: &HashMap<u32, ProcessKey>) {
        for pid in process::children(std::process::id()) {
            if by_pid.contains_key(&pid) {
                continue;
            }
            let Some(process) = process::start_of(pid) else {
                continue;
            };
            if let Some((known, owner)) = self.orphans.get(&pid)
                && *known == process
                && owner.is_some()
            {
                continue;
            }
            let owner = process::tag(pid, &self.home).or_else(|| {
                let (group, session) = process::group_and_session(pid)?;
                by_pid.get(&group).or_else(|| by_pid.get(&session)).cloned()
            });
            self.orphans.insert(pid, (process, owner));
        }
    }

    /// The living processes of a target.
    pub(super) fn members(
        &mut self,
        target: &Target,
        entries: &HashMap<ProcessKey, Entry>,
        by_pid: &HashMap<u32, ProcessKey>,
    ) -> Vec<Identity> {
        self.meet(by_pid);
        let is_running_step = |key: &ProcessKey| {
            entries
                .get(key)
                .is_some_and(|entry| entry.role == Role::Step && entry.ended.is_none())
        };
        let belongs = |key: &ProcessKey| match target {
            Target::Process(wanted) => key == wanted,
            Target::App(app) => key.app == *app && !is_running_step(key),
            Target::Named(app, _) => key.app == *app,
        };
        let mut found: Vec<Identity> = entries
            .iter()
            .filter(|(key, entry)| entry.ended.is_none() && belongs(key))
            .filter_map(|(_, entry)| process::identify(entry.process.pid))
            .filter(|process| {
                by_pid
                    .get(&process.pid)
                    .and_then(|key| entries.get(key))
                    .is_some_and(|entry| entry.process == *process)
            })
            .collect();
        let folder = entries
            .iter()
            .find(|(key, _)| belongs(key))
            .map(|(_, entry)| entry.cwd.as_path());
        for (pid, (orphan, owner)) in &self.orphans {
            let is_member = match owner {
                Some(key) => belongs(key),
                None => folder.is_some_and(|folder| lies_in(*pid, folder)),
            };
            if is_member && process::is_alive(*orphan) {
                found.push(*orphan);
            }
        }
        if self.scan_everything {
            for pid in process::all_pids() {
                if process::tag(pid, &self.home).is_some_and(|key| belongs(&key)) {
                    found.extend(process::identify(pid));
                }
            }
        }
        let mut all = with_descendants(found, by_pid);
        if let Target::Named(app, name) = target {
            let main = entries
                .get(&ProcessKey {
                    app: app.clone(),
                    number: 0,
                })
                .map(|entry| entry.process);
            all.retain(|process| Some(*process) != main && process::has_name(process.pid, name));
        }
        all
    }
}

/// Whether a process' program or working directory lies in a folder.
fn lies_in(pid: u32, folder: &Path) -> bool {
    ["exe", "cwd"].iter().any(|link| {
        fs::read_link(format!("/proc/{pid}/{link}")).is_ok_and(|path| path.starts_with(folder))
    })
}

/// The processes with all that descends from them, without other apps' main processes.
fn with_descendants(roots: Vec<Identity>, by_pid: &HashMap<u32, ProcessKey>) -> Vec<Identity> {
    let mut seen: HashSet<Identity> = HashSet::new();
    let mut all = Vec::new();
    let mut next = roots;
    while let Some(process) = next.pop() {
        if !seen.insert(process) {
            continue;
        }
        next.extend(
            process::children(process.pid)
                .into_iter()
                .filter(|child| !by_pid.contains_key(child))
                .filter_map(process::identify),
        );
        all.push(process);
    }
    all
}
