//! This computer, and the end of this process.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

use crate::platform::{Ending, Stamp};

/// The computer's name.
pub fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// What is another one after each start of the computer; empty where it cannot be told.
pub fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Waits for one of the signals that end a program, other than SIGHUP.
pub async fn ending() -> Ending {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind: SignalKind| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
                Ending(kind.as_raw_value())
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ending = wait(SignalKind::terminate()) => ending,
        ending = wait(SignalKind::interrupt()) => ending,
        ending = wait(SignalKind::quit()) => ending,
    }
}

impl Ending {
    /// Ends this process as if the signal had not been caught, so that its parent sees by which.
    pub fn end(self) -> ! {
        let _ = signal_hook::low_level::emulate_default_handler(self.0);
        std::process::exit(128 + self.0)
    }
}

/// What changes when a file does.
pub fn stamp(metadata: &fs::Metadata) -> Stamp {
    let nanoseconds =
        |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Stamp {
        bytes: metadata.size(),
        modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
    }
}

/// Sends a part of a file without carrying it through our memory; answers how many bytes went. Blocks
/// while the disk is read, not for the receiver.
///
/// # Errors
/// What the system says; `WouldBlock` when the receiver is slower.
#[cfg(target_os = "linux")]
pub fn send_file(socket: impl AsFd, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let mut offset = offset;
    Ok(rustix::fs::sendfile(
        socket,
        file,
        Some(&mut offset),
        count,
    )?)
}

/// Sends a part of a file without carrying it through our memory: not on this system.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn send_file(
    _socket: impl AsFd,
    _file: &File,
    _offset: u64,
    _count: usize,
) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits until a receiver takes more, at most so long. Blocks.
pub fn takes_more(socket: impl AsFd, timeout: std::time::Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let timeout = Timespec::try_from(timeout).ok();
    let mut polled = [PollFd::new(&socket, PollFlags::OUT)];
    matches!(poll(&mut polled, timeout.as_ref()), Ok(1))
}

/// Makes renames and deletions in a folder survive a power failure.
///
/// # Errors
/// What the system says.
pub fn sync_folder(folder: &std::path::Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
