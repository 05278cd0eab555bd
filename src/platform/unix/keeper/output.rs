//! The output of the programs, from their pipes to the logs.
//!
//! A pipe is read as soon as something is in it, and then left alone for a millisecond: a program
//! that writes line by line fills it meanwhile, and one wake-up serves thousands of lines.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};

use crate::platform::log_file::LogFile;
use crate::platform::protocol::Rotation;

/// How long a pipe is left alone after it was emptied.
const PAUSE: Duration = Duration::from_millis(1);

/// What is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A pipe whose program fills it is given this much, which most systems allow everybody.
const BIG_PIPE_BYTES: usize = 1 << 20;

/// What comes at once from a pipe that its program fills: half of a pipe's first size (64 KiB),
/// because small writes do not fill its pages to the last byte.
const MUCH_BYTES: usize = 32 << 10;

/// What is read of one pipe before the others get their turn.
const TURN_BYTES: usize = 4 << 20;

struct Output {
    pipe: OwnedFd,
    log: PathBuf,
    is_big: bool,
}

struct Log {
    file: LogFile,
    users: usize,
    is_watched: bool,
    has_grown: bool,
    /// Bytes that could not be written since the last that could.
    lost: u64,
}

/// All pipes and logs.
#[derive(Default)]
pub(super) struct Outputs {
    pipes: HashMap<u64, Output>,
    logs: HashMap<PathBuf, Log>,
    watched: Vec<PathBuf>,
    resting: Vec<(Instant, u64)>,
    buffer: Vec<u8>,
}

enum Read {
    /// Nothing more for now; this many bytes came.
    Empty(usize),
    /// There may be more.
    More,
    /// Every writer is gone.
    End,
}

impl Outputs {
    /// Begins to read a pipe.
    pub(super) fn add(
        &mut self,
        queue: &OwnedFd,
        token: u64,
        pipe: OwnedFd,
        log: &Path,
        rotation: Rotation,
    ) -> io::Result<()> {
        epoll::add(
            queue,
            &pipe,
            EventData::new_u64(token),
            EventFlags::IN | EventFlags::ONESHOT,
        )?;
        if let Some(log) = self.open(log, rotation) {
            log.users += 1;
        }
        self.pipes.insert(
            token,
            Output {
                pipe,
                log: log.to_owned(),
                is_big: false,
            },
        );
        Ok(())
    }

    fn open(&mut self, path: &Path, rotation: Rotation) -> Option<&mut Log> {
        // A log that was deleted since its last program ended would take new output to nowhere.
        self.logs
            .retain(|known, log| known != path || log.users > 0 || path.exists());
        if !self.logs.contains_key(path) {
            let file = LogFile::open(path, rotation).ok()?;
            let log = Log {
                file,
                users: 0,
                is_watched: self.watched.iter().any(|watched| watched == path),
                has_grown: false,
                lost: 0,
            };
            self.logs.insert(path.to_owned(), log);
        }
        self.logs.get_mut(path)
    }

    /// Length of a log, in bytes.
    pub(super) fn length(&mut self, path: &Path, rotation: Rotation) -> u64 {
        self.open(path, rotation).map_or(0, |log| log.file.length())
    }

    /// Reads the pipe with this token; false when there is none.
    pub(super) fn read(&mut self, queue: &OwnedFd, token: u64) -> bool {
        if !self.pipes.contains_key(&token) {
            return false;
        }
        let mut total = 0;
        loop {
            match self.read_once(token) {
                Read::End => {
                    self.close(queue, token);
                    return true;
                }
                Read::More if total < TURN_BYTES => total += BUFFER_BYTES,
                Read::More => {
                    self.resting.push((Instant::now(), token));
                    return true;
                }
                Read::Empty(_) => {
                    self.resting.push((Instant::now() + PAUSE, token));
                    return true;
                }
            }
        }
    }

    /// Reads what is in the pipe now, for the last lines of a program that ended.
    pub(super) fn drain(&mut self, queue: &OwnedFd, token: u64) {
        let mut total = 0;
        while total < TURN_BYTES {
            match self.read_once(token) {
                Read::More => total += BUFFER_BYTES,
                Read::Empty(0) => return,
                Read::Empty(count) => total += count,
                Read::End => {
                    self.close(queue, token);
                    return;
                }
            }
        }
    }

    fn read_once(&mut self, token: u64) -> Read {
        let Some(output) = self.pipes.get_mut(&token) else {
            return Read::End;
        };
        if self.buffer.is_empty() {
            // Zeroed by the system, so only what is really read costs memory.
            self.buffer = vec![0; BUFFER_BYTES];
        }
        let count = match rustix::io::read(&output.pipe, self.buffer.as_mut_slice()) {
            Ok(0) => return Read::End,
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return Read::More,
            Err(rustix::io::Errno::AGAIN) => return Read::Empty(0),
            Err(_) => return Read::End,
        };
        if count >= MUCH_BYTES && !output.is_big {
            output.is_big = true;
            let _ = rustix::pipe::fcntl_setpipe_size(&output.pipe, BIG_PIPE_BYTES);
        }
        if let Some(log) = self.logs.get_mut(&output.log) {
            log.append(self.buffer.get(..count).unwrap_or_default());
        }
        if count == BUFFER_BYTES {
            Read::More
        } else {
            Read::Empty(count)
        }
    }

    fn close(&mut self, queue: &OwnedFd, token: u64) {
        self.resting.retain(|(_, resting)| *resting != token);
        let Some(output) = self.pipes.remove(&token) else {
            return;
        };
        let _ = epoll::delete(queue, &output.pipe);
        if let Some(log) = self.logs.get_mut(&output.log) {
            log.users = log.users.saturating_sub(1);
        }
    }

    /// When the next pipe has rested enough.
    pub(super) fn next_rearm(&self) -> Option<Instant> {
        self.resting.iter().map(|(due, _)| *due).min()
    }

    /// Listens again to the pipes that have rested enough.
    pub(super) fn rearm(&mut self, queue: &OwnedFd) {
        if self.resting.is_empty() {
            return;
        }
        let now = Instant::now();
        let pipes = &self.pipes;
        self.resting.retain(|(due, token)| {
            if *due > now {
                return true;
            }
            if let Some(output) = pipes.get(token) {
                let _ = epoll::modify(
                    queue,
                    &output.pipe,
                    EventData::new_u64(*token),
                    EventFlags::IN | EventFlags::ONESHOT,
                );
            }
            false
        });
        if self.resting.is_empty() {
            self.logs.retain(|_, log| log.users > 0 || log.has_grown);
        }
    }

    /// Reports growth of this log from now on, or no longer.
    pub(super) fn watch(&mut self, path: &Path, on: bool) {
        self.watched.retain(|watched| watched != path);
        if on {
            self.watched.push(path.to_owned());
        }
        if let Some(log) = self.logs.get_mut(path) {
            log.is_watched = on;
            log.has_grown = on;
        }
    }

    pub(super) fn unwatch_all(&mut self) {
        self.watched.clear();
        for log in self.logs.values_mut() {
            log.is_watched = false;
        }
    }

    /// The watched logs that grew since the last call, with their lengths.
    pub(super) fn grown(&mut self) -> Vec<(PathBuf, u64)> {
        if self.watched.is_empty() {
            return Vec::new();
        }
        self.logs
            .iter_mut()
            .filter(|(_, log)| log.is_watched)
            .filter_map(|(path, log)| {
                std::mem::take(&mut log.has_grown).then(|| (path.clone(), log.file.length()))
            })
            .collect()
    }
}

impl Log {
    /// Appends output. What the disk does not take is counted and told in the log when it takes
    /// again: a full disk must not stop the program.
    fn append(&mut self, output: &[u8]) {
        if self.lost > 0 {
            let note = format!("\n[storekeeper: {} bytes of output lost here]\n", self.lost);
            if self.file.append(note.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        if self.lost > 0 || self.file.append(output).is_err() {
            self.lost += u64::try_from(output.len()).unwrap_or_default();
        }
        self.has_grown = self.is_watched;
    }
}
