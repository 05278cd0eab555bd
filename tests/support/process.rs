//! Looking at processes from outside, and ending those that a test may end.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Whether a process lives; one that ended and was not yet waited for does not.
pub(crate) fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// All processes that descend from one, nearest first.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all()
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.remove(0);
    found
}

/// SIGKILL.
pub(crate) fn kill_9(pid: u32) {
    signal(pid, Signal::KILL);
}

/// SIGTERM.
pub(crate) fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process has a positive pid");
    // It may have ended by itself in the meantime.
    let _ = kill_process(pid, signal);
}

/// The living processes that belong to a folder: their program, working directory or one of their
/// arguments lies in it. Its name being unlike any other, no stranger is among them.
pub(super) fn of_folder(folder: &Path) -> Vec<u32> {
    let text = folder.to_str().expect("the test's folder has a plain name");
    all()
        .filter(|&pid| {
            let within = |name: &str| {
                fs::read_link(format!("/proc/{pid}/{name}"))
                    .is_ok_and(|path| path.starts_with(folder))
            };
            let mentioned = fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(text));
            pid != std::process::id() && alive(pid) && (within("exe") || within("cwd") || mentioned)
        })
        .collect()
}

/// A process' command line.
pub(super) fn arguments(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

fn all() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .expect("these tests need /proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

struct Stat {
    state: char,
    parent: u32,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything, brackets as well.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
    })
}
