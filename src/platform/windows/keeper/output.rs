//! The logs. The programs write them themselves; here they are opened, rotated and looked at.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::platform::older;
use crate::platform::protocol::Rotation;

/// How often a log that somebody reads is looked at.
const LOOK_AT_WATCHED: Duration = Duration::from_millis(50);

/// How often the others are looked at, for rotation.
const LOOK_AT_ALL: Duration = Duration::from_secs(5);

/// The logs that programs write.
pub(super) struct Outputs {
    /// Length at the last look.
    watched: HashMap<PathBuf, u64>,
    next_rotation: Instant,
}

impl Outputs {
    pub(super) fn new() -> Self {
        Self {
            watched: HashMap::new(),
            next_rotation: Instant::now(),
        }
    }

    /// Opens a log for a program to append to, whatever others write there.
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<File> {
        if let Some(dir) = path.parent() {
            crate::platform::create_private_dir(dir)?;
        }
        rotate(path, rotation)?;
        // `append` and not `write`: the end of the file is then looked for at every write, so that
        // several writers and a rotation do not write over each other.
        OpenOptions::new().append(true).create(true).open(path)
    }

    /// Reports growth of a log from now on, or no longer.
    pub(super) fn watch(&mut self, log: &Path, on: bool) {
        if on {
            // Unlike any length: the first look reports it.
            self.watched.insert(log.to_owned(), u64::MAX);
        } else {
            self.watched.remove(log);
        }
    }

    /// The watched logs whose length has changed since the last call.
    pub(super) fn grown(&mut self) -> Vec<(PathBuf, u64)> {
        self.watched
            .iter_mut()
            .filter_map(|(log, before)| {
                let length = length(log);
                (std::mem::replace(before, length) != length).then(|| (log.clone(), length))
            })
            .collect()
    }

    /// Rotates those of the logs that are full, when it is time to look.
    pub(super) fn rotate_full<'log>(
        &mut self,
        logs: impl Iterator<Item = &'log Path>,
        rotation: Rotation,
    ) {
        if Instant::now() < self.next_rotation {
            return;
        }
        self.next_rotation = Instant::now() + LOOK_AT_ALL;
        for log in logs {
            // What fails now (a disk that is full, a log that is open elsewhere) is tried again.
            let _ = rotate(log, rotation);
        }
    }

    /// When there is something to look at; `None` when nobody writes and nobody reads.
    pub(super) fn next_look(&self, somebody_writes: bool) -> Option<Instant> {
        let watched = (!self.watched.is_empty()).then(|| Instant::now() + LOOK_AT_WATCHED);
        let rotation = somebody_writes.then_some(self.next_rotation);
        watched.into_iter().chain(rotation).min()
    }
}

/// Length of a log, in bytes; 0 when it is not there.
pub(super) fn length(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |metadata| metadata.len())
}

/// Moves the content of a full log to `<log>.1`, that of `<log>.1` to `<log>.2`, and so on.
///
/// The file itself stays, because a program may hold it. A line that the program writes between
/// the last look at the length and the cut (microseconds) is lost.
fn rotate(log: &Path, rotation: Rotation) -> io::Result<()> {
    if length(log) < rotation.max_bytes {
        return Ok(());
    }
    older::make_room(log, rotation.keep)?;
    let mut full = OpenOptions::new().read(true).write(true).open(log)?;
    if rotation.keep > 0 {
        let mut copy = File::create(older::part(log, 1))?;
        while full.stream_position()? < full.metadata()?.len() {
            io::copy(&mut full, &mut copy)?;
        }
    }
    full.set_len(0)
}
