//! `.lock`: one server at a time uses a data folder.
//!
//! The file tells who: pid, program, computer, nothing, and what is another one after each start of the
//! computer, a line each, as the original has it. What counts is the system's lock on the file, which a
//! killed server leaves by itself.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::platform;

/// How long a server may take to give the folder back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// The program that the file names.
const PROGRAM: &str = "storekeeper";

/// Held while a server uses a folder.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    /// Another server has it.
    #[error("there is an existing .lock file (belonging to pid {0})")]
    Held(String),
    /// The system says no.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Lock {
    /// Takes the lock of a folder. A file that a killed server left is taken over. Blocks for a second at
    /// most.
    pub(super) fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(".lock");
        let begin = Instant::now();
        loop {
            match attempt(&path) {
                Err(LockError::Held(_)) if begin.elapsed() < PATIENCE => {
                    let (_never, pause) = std::sync::mpsc::channel::<()>();
                    let _ = pause.recv_timeout(PAUSE);
                }
                Err(error) => return Err(error),
                Ok(file) => {
                    return Ok(Self {
                        path,
                        file: Mutex::new(Some(file)),
                    });
                }
            }
        }
    }

    /// Gives the folder back.
    pub(super) fn release(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.take() {
            // First the name, then the lock: whoever locks a file that has no name tries anew.
            let _ = fs::remove_file(&self.path);
            let _ = file.unlock();
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

fn attempt(path: &Path) -> Result<File, LockError> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let same = fs::metadata(path).is_ok_and(|named| {
        let own = file.metadata().map(|own| platform::stamp(&own).inode);
        own.is_ok_and(|own| own == platform::stamp(&named).inode)
    });
    if !same {
        return Err(LockError::Held("unknown".to_owned()));
    }
    if let Some(pid) = foreign_holder(&mut file) {
        return Err(LockError::Held(pid));
    }
    let content = format!(
        "{}\n{PROGRAM}\n{}\n-\n{}\n",
        std::process::id(),
        platform::host_name(),
        platform::boot_id()
    );
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(content.as_bytes())?;
    Ok(file)
}

fn content(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.take(4096).read_to_string(&mut text));
    if read.is_err() {
        text.clear();
    }
    text
}

fn holder(file: &mut File) -> String {
    let text = content(file);
    let pid = text.lines().next().unwrap_or_default();
    if pid.parse::<u32>().is_ok() {
        pid.to_owned()
    } else {
        "unknown".to_owned()
    }
}

/// The server that wrote the file and lives, though it holds no lock that we see: one that locks in
/// another way. A pid of another start of the computer, or that now is another program, is nobody's.
fn foreign_holder(file: &mut File) -> Option<String> {
    let text = content(file);
    let mut lines = text.lines();
    let pid: u32 = lines.next()?.parse().ok()?;
    let program = lines.next()?;
    let host = lines.next()?;
    let boot = lines.nth(1).unwrap_or_default();
    let is_held = pid != std::process::id()
        && (boot.is_empty() || boot == platform::boot_id())
        && (host.is_empty() || host == platform::host_name())
        // Ours always hold the lock.
        && program != PROGRAM
        && platform::identify(pid).is_some()
        && platform::has_name(pid, program);
    is_held.then(|| pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let lock = Lock::take(folder.path()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let pid = std::process::id().to_string();
        assert_eq!(text.lines().next(), Some(pid.as_str()));
        assert_eq!(text.lines().count(), 5);
        match Lock::take(folder.path()) {
            Err(LockError::Held(by)) => assert_eq!(by, pid),
            other => panic!("{other:?}"),
        }
        lock.release();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_server_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        for left in ["4194304\nappman-package-server\nx\n\ny\n", "rubbish", ""] {
            fs::write(&path, left).unwrap();
            drop(Lock::take(folder.path()).unwrap());
        }
    }
}
