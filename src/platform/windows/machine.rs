//! This computer, its folders, and the end of this process.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::platform::{Ending, FolderNews, Stamp};

/// The computer's name.
pub fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// What is another one after each start of the computer: Windows has no such thing.
pub fn boot_id() -> String {
    String::new()
}

/// Waits for what ends a program in a console.
pub async fn ending() -> Ending {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Ending(2),
        Err(_) => std::future::pending().await,
    }
}

impl Ending {
    /// Ends this process.
    pub fn end(self) -> ! {
        std::process::exit(128 + self.0)
    }
}

/// What changes when a file does.
pub fn stamp(metadata: &fs::Metadata) -> Stamp {
    let time = i64::try_from(metadata.last_write_time()).unwrap_or(i64::MAX);
    Stamp {
        bytes: metadata.file_size(),
        // 100 ns since 1601.
        modified: time
            .saturating_sub(116_444_736_000_000_000)
            .saturating_mul(100),
        changed: i64::try_from(metadata.creation_time()).unwrap_or(i64::MAX),
        inode: 0,
    }
}

/// Sends a part of a file without carrying it through our memory: not on this system.
///
/// # Errors
/// `Unsupported`.
pub fn send_file<S>(_socket: S, _file: &File, _offset: u64, _count: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits until a receiver takes more: here others wait.
pub fn takes_more<S>(_socket: S, _timeout: Duration) -> bool {
    false
}

/// Nothing to do: NTFS notes renames in its journal.
///
/// # Errors
/// None; the same function fails on unix.
#[expect(clippy::unnecessary_wraps, reason = "the same function fails on unix")]
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Time between two looks at folders.
const LOOK: Duration = Duration::from_millis(500);

/// Lets its owner look at the folders from time to time: Windows tells of changes, but not that a
/// writer is done.
#[derive(Debug)]
pub struct FolderWatch {
    pause: mpsc::Receiver<()>,
    _never: mpsc::Sender<()>,
}

impl FolderWatch {
    /// Watches these folders.
    ///
    /// # Errors
    /// None; the same function fails on unix.
    pub fn new(_folders: &[&Path]) -> io::Result<Self> {
        let (never, pause) = mpsc::channel();
        Ok(Self {
            pause,
            _never: never,
        })
    }

    /// Waits for a while. Blocks.
    pub fn wait(&mut self, timeout: Duration) -> Vec<FolderNews> {
        let _ = self.pause.recv_timeout(timeout.min(LOOK));
        Vec::new()
    }
}

/// Those of some files that somebody else has open: nobody may while we open one for ourselves alone.
pub fn being_written(files: &[PathBuf]) -> HashSet<PathBuf> {
    let is_open = |path: &&PathBuf| {
        let opened = OpenOptions::new().read(true).share_mode(0).open(path);
        opened.is_err()
    };
    files.iter().filter(is_open).cloned().collect()
}
