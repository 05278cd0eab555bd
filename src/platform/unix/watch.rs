//! What happens in folders, as the kernel tells it, and who still writes to a file.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use crate::platform::{FolderNews, Happened};

/// Watches folders, not what is below theirs.
#[derive(Debug)]
pub struct FolderWatch {
    descriptor: OwnedFd,
    watches: Vec<i32>,
}

impl FolderWatch {
    /// Watches these folders; news name them by their place here.
    ///
    /// # Errors
    /// What the system says, e.g. when a user's watches are used up.
    pub fn new(folders: &[&Path]) -> io::Result<Self> {
        let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let add = |folder: &&Path| Ok(inotify::add_watch(&descriptor, *folder, flags)?);
        let watches = folders.iter().map(add).collect::<io::Result<_>>()?;
        Ok(Self {
            descriptor,
            watches,
        })
    }

    /// Waits for news, at most so long; none when there were none. Blocks.
    pub fn wait(&mut self, timeout: Duration) -> Vec<FolderNews> {
        let timeout = Timespec::try_from(timeout).ok();
        let mut polled = [PollFd::new(&self.descriptor, PollFlags::IN)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) | Err(_) => return Vec::new(),
            Ok(_) => {}
        }
        let mut news = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(self.descriptor.as_fd(), &mut buffer);
        while let Ok(event) = reader.next() {
            let happened = if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                Happened::Missed
            } else if event
                .events()
                .intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO)
            {
                Happened::Finished
            } else {
                Happened::Changing
            };
            let folder = self.watches.iter().position(|watch| *watch == event.wd());
            let name = event.file_name().map(|name| name.to_bytes().to_vec());
            news.push(FolderNews {
                folder: folder.unwrap_or_default(),
                name: OsString::from_vec(name.unwrap_or_default()),
                happened,
            });
        }
        news
    }
}

/// Those of some files that a process has open for writing, as far as we may look: other users'
/// processes show their files to root alone.
pub fn being_written(files: &[PathBuf]) -> HashSet<PathBuf> {
    let mut found = HashSet::new();
    let wanted: Vec<(PathBuf, &PathBuf)> = files
        .iter()
        .filter_map(|file| Some((file.canonicalize().ok()?, file)))
        .collect();
    if wanted.is_empty() {
        return found;
    }
    for pid in super::process::all_pids() {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let Ok(target) = fs::read_link(descriptor.path()) else {
                continue;
            };
            let Some((_, file)) = wanted.iter().find(|(real, _)| *real == target) else {
                continue;
            };
            let number = descriptor.file_name();
            let info = format!("/proc/{pid}/fdinfo/{}", number.to_string_lossy());
            if fs::read_to_string(info).is_ok_and(|info| is_for_writing(&info)) {
                found.insert((*file).clone());
            }
        }
    }
    found
}

/// Reads the `flags` line of `/proc/<pid>/fdinfo/<fd>`: octal, the last two bits are how it is open
/// (`O_ACCMODE`).
fn is_for_writing(info: &str) -> bool {
    info.lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| matches!(flags & 3, 1 | 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_writer_is_seen_until_it_closes_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = FolderWatch::new(&[folder.path()]).unwrap();
        let path = folder.path().join("x");
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(b"x").unwrap();
        let files = [path.clone()];
        assert!(being_written(&files).contains(&path));
        let news = watch.wait(Duration::from_secs(10));
        assert!(news.iter().all(|it| it.happened == Happened::Changing));
        assert!(news.iter().all(|it| it.name == "x"));
        drop(file);
        assert!(!being_written(&files).contains(&path));
        let reader = fs::File::open(&path).unwrap();
        assert!(!being_written(&files).contains(&path));
        drop(reader);
        let news = watch.wait(Duration::from_secs(10));
        assert_eq!(news.last().unwrap().happened, Happened::Finished);
    }
}
