//! One file for each process, so that the next service finds what a killed one left.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::platform::protocol::{Exit, ProcessKey, Role};
use crate::platform::windows::job::Job;
use crate::platform::windows::process::{self, Identity};

#[derive(Serialize, Deserialize)]
struct Record {
    app: String,
    number: u64,
    role: Role,
    pid: u32,
    start: u64,
    started_at: u64,
    log: PathBuf,
    log_start: u64,
    note: String,
    ended: Option<(Exit, u64)>,
    told: bool,
}

fn path(dir: &Path, key: &ProcessKey) -> PathBuf {
    dir.join(format!("{}.{}", key.app, key.number))
}

/// Remembers a process. A failure is no reason to end it: then only a killed service loses it.
pub(super) fn save(dir: &Path, key: &ProcessKey, entry: &Entry) {
    let record = Record {
        app: key.app.clone(),
        number: key.number,
        role: entry.role,
        pid: entry.process.pid,
        start: entry.process.start,
        started_at: entry.started_at,
        log: entry.log.clone(),
        log_start: entry.log_start,
        note: entry.note.clone(),
        ended: entry.ended,
        told: entry.told,
    };
    if let Ok(text) = serde_json::to_vec(&record) {
        let _ = fs::write(path(dir, key), text);
    }
}

/// Forgets a process.
pub(super) fn remove(dir: &Path, key: &ProcessKey) {
    let _ = fs::remove_file(path(dir, key));
}

/// Reads all files. One that cannot be read (the machine died while it was written) is removed.
pub(super) fn load(dir: &Path, home: &str) -> Vec<(ProcessKey, Entry)> {
    let mut saved = Vec::new();
    for file in fs::read_dir(dir).into_iter().flatten().flatten() {
        let record = fs::read(file.path())
            .ok()
            .and_then(|text| serde_json::from_slice::<Record>(&text).ok());
        let Some(record) = record else {
            let _ = fs::remove_file(file.path());
            continue;
        };
        let key = ProcessKey {
            app: record.app,
            number: record.number,
        };
        let entry = Entry {
            role: record.role,
            process: Identity {
                pid: record.pid,
                start: record.start,
            },
            job: Job::open(&process::job_name(home, &key)).ok(),
            started_at: record.started_at,
            log: record.log,
            log_start: record.log_start,
            note: record.note,
            ended: record.ended,
            told: record.told,
        };
        saved.push((key, entry));
    }
    saved
}
