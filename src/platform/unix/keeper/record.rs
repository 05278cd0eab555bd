//! One file for each process, so that the next keeper finds what this one left when both it and
//! the service were killed.

use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::platform::protocol::{Exit, ProcessKey, Role};
use crate::platform::unix::process::{self, Identity};

#[derive(Serialize, Deserialize)]
struct Record {
    app: String,
    number: u64,
    role: Role,
    pid: u32,
    start: u64,
    boot: String,
    started_at: u64,
    log: PathBuf,
    log_start: u64,
    cwd: PathBuf,
    note: String,
    ended: Option<(Exit, u64)>,
}

/// What a file told.
pub(super) struct Saved {
    pub(super) key: ProcessKey,
    pub(super) entry: Entry,
    /// Its output pipe, opened again.
    pub(super) pipe: Option<OwnedFd>,
}

fn path(dir: &Path, key: &ProcessKey) -> PathBuf {
    dir.join(format!("{}.{}", key.app, key.number))
}

/// Tells this run of the system from others: pids and start times count from its start.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Remembers a process. A failure is no reason to end it: then only a killed keeper loses it.
pub(super) fn save(dir: &Path, key: &ProcessKey, entry: &Entry) {
    let record = Record {
        app: key.app.clone(),
        number: key.number,
        role: entry.role,
        pid: entry.process.pid,
        start: entry.process.start,
        boot: boot(),
        started_at: entry.started_at,
        log: entry.log.clone(),
        log_start: entry.log_start,
        cwd: entry.cwd.clone(),
        note: entry.note.clone(),
        ended: entry.ended,
    };
    if let Ok(text) = serde_json::to_vec(&record) {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path(dir, key));
        if let Ok(mut file) = file {
            let _ = std::io::Write::write_all(&mut file, &text);
        }
    }
}

/// Forgets a process.
pub(super) fn remove(dir: &Path, key: &ProcessKey) {
    let _ = fs::remove_file(path(dir, key));
}

/// Reads all files. One that cannot be read (the machine died while it was written) is removed.
pub(super) fn load(dir: &Path) -> Vec<Saved> {
    let boot = boot();
    let mut saved = Vec::new();
    for file in fs::read_dir(dir).into_iter().flatten().flatten() {
        let record = fs::read(file.path())
            .ok()
            .and_then(|text| serde_json::from_slice::<Record>(&text).ok());
        let Some(record) = record else {
            let _ = fs::remove_file(file.path());
            continue;
        };
        let process = Identity {
            pid: record.pid,
            start: record.start,
        };
        let lives = record.ended.is_none() && record.boot == boot && process::is_alive(process);
        let ended = match record.ended {
            None if record.boot != boot => Some((Exit::Unknown, record.started_at)),
            ended => ended,
        };
        saved.push(Saved {
            key: ProcessKey {
                app: record.app,
                number: record.number,
            },
            entry: Entry {
                role: record.role,
                process,
                started_at: record.started_at,
                log: record.log,
                log_start: record.log_start,
                cwd: record.cwd,
                note: record.note,
                output: None,
                ended,
                watch: None,
            },
            pipe: lives.then(|| open_output(record.pid)).flatten(),
        });
    }
    saved
}

/// Opens the pipe that a living process writes its output to.
fn open_output(pid: u32) -> Option<OwnedFd> {
    let path = format!("/proc/{pid}/fd/1");
    let is_pipe =
        fs::read_link(&path).is_ok_and(|link| link.to_string_lossy().starts_with("pipe:"));
    if !is_pipe {
        return None;
    }
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .ok()
        .map(OwnedFd::from)
}
