//! Who is alive, and who descends from whom: read from `/proc`.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};

use crate::platform::TAG;
use crate::platform::protocol::{Exit, ProcessKey};

/// A process, told apart from a later one with the same pid by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The pid.
    pub pid: u32,
    /// Start time in clock ticks since the system started (field 22 of `/proc/<pid>/stat`).
    pub start: u64,
}

/// What a process has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burnt {
    /// Start time; tells it apart from a later process with the same pid.
    pub start: u64,
    /// Time on the processor, in all.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// What a process has used; `None` when there is none. Reads one file.
pub fn burnt(pid: u32) -> Option<Burnt> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    // Behind the name: state is field 3, utime 14, stime 15, starttime 22, rss 24.
    let mut fields = fields.split(' ').map(|field| field.parse::<u64>().ok());
    let (user, system) = (fields.nth(11)??, fields.next()??);
    let (start, pages) = (fields.nth(6)??, fields.nth(1)??);
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    Some(Burnt {
        start,
        cpu: Duration::from_millis((user + system).saturating_mul(1000) / ticks),
        memory: pages.saturating_mul(page),
    })
}

/// The fields of `/proc/<pid>/stat` that are needed here.
struct Stat {
    state: u8,
    parent: u32,
    group: u32,
    session: u32,
    start: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold spaces and parentheses.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some(Stat {
        state: *fields.next()?.as_bytes().first()?,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        session: fields.next()?.parse().ok()?,
        start: fields.nth(15)?.parse().ok()?,
    })
}

/// The process that has this pid now; `None` when there is none or it is a zombie.
pub fn identify(pid: u32) -> Option<Identity> {
    let stat = stat(pid)?;
    (!matches!(stat.state, b'Z' | b'X')).then_some(Identity {
        pid,
        start: stat.start,
    })
}

/// The process that has this pid now, zombies included.
pub(super) fn start_of(pid: u32) -> Option<Identity> {
    stat(pid).map(|stat| Identity {
        pid,
        start: stat.start,
    })
}

/// Whether this very process still lives.
pub fn is_alive(process: Identity) -> bool {
    identify(process.pid) == Some(process)
}

/// Group and session of a process.
pub(super) fn group_and_session(pid: u32) -> Option<(u32, u32)> {
    stat(pid).map(|stat| (stat.group, stat.session))
}

/// The children of a process that live or wait to be reaped.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(text) => found.extend(
                text.split_ascii_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            ),
            // Kernels without CONFIG_PROC_CHILDREN have no such file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::metadata(task.path()).is_ok() {
                    return all_pids()
                        .filter(|child| stat(*child).is_some_and(|stat| stat.parent == pid))
                        .collect();
                }
            }
            Err(_) => {}
        }
    }
    found
}

/// Every pid of the system.
pub(super) fn all_pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whose process it is, from the tag in the environment it was started with.
pub(super) fn tag(pid: u32, home: &str) -> Option<ProcessKey> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|&byte| byte == 0).find_map(|variable| {
        let value = std::str::from_utf8(variable)
            .ok()?
            .strip_prefix(TAG)?
            .strip_prefix('=')?;
        let mut parts = value.split(':');
        let (of, app, number) = (parts.next()?, parts.next()?, parts.next()?);
        (of == home).then(|| {
            Some(ProcessKey {
                app: app.to_owned(),
                number: number.parse().ok()?,
            })
        })?
    })
}

/// The value of the tag.
pub(super) fn tag_value(home: &str, key: &ProcessKey) -> String {
    format!("{home}:{}:{}", key.app, key.number)
}

/// Whether the process runs a program of this name, with or without `.exe`: looked for in the
/// names of the program's file, of the script and in the first two arguments.
pub fn has_name(pid: u32, name: &str) -> bool {
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let is_it = |path: &str| {
        let base = path.rsplit('/').next().unwrap_or(path);
        base.strip_suffix(".exe").unwrap_or(base) == name
    };
    if fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| is_it(&path.to_string_lossy())) {
        return true;
    }
    let Ok(arguments) = fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    arguments
        .split(|&byte| byte == 0)
        .take(2)
        .any(|argument| is_it(&String::from_utf8_lossy(argument)))
}

/// Sends a signal to this very process; one that is gone is fine.
pub(super) fn signal(process: Identity, signal: Signal) {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    // The descriptor pins the process: between looking and signalling its pid cannot be reused.
    if let Ok(descriptor) = rustix::process::pidfd_open(pid, PidfdFlags::empty())
        && is_alive(process)
    {
        let _ = rustix::process::pidfd_send_signal(&descriptor, signal);
    }
}

/// A descriptor that becomes readable when the process ends; for processes that are not ours to
/// wait for.
pub(super) fn watch(process: Identity) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let descriptor = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
    is_alive(process).then_some(descriptor)
}

/// How a process that is not our child ended; Linux 6.15 and later can tell.
pub(super) fn exit_of(descriptor: &OwnedFd) -> Exit {
    /// `struct pidfd_info` of `linux/pidfd.h` in its first version (64 bytes).
    #[repr(C)]
    #[derive(Default)]
    struct PidfdInfo {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const PIDFD_INFO_EXIT: u64 = 1 << 3;
    // _IOWR(0xFF, 11, struct pidfd_info)
    const PIDFD_GET_INFO: libc::c_ulong = (3 << 30) | (64 << 16) | (0xFF << 8) | 0x0B;
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the descriptor is open, and the kernel writes at most the 64 bytes that the request
    // number names, which is the size of `info`.
    let result = unsafe { libc::ioctl(descriptor.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    if result != 0 || info.mask & PIDFD_INFO_EXIT == 0 {
        return Exit::Unknown;
    }
    exit_from_wait_status(info.exit_code)
}

/// Decodes a status as `wait` gives it.
fn exit_from_wait_status(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    }
}

/// Reaps one child that has ended.
pub(super) fn reap() -> Option<(u32, Exit)> {
    let (pid, status) = rustix::process::wait(rustix::process::WaitOptions::NOHANG).ok()??;
    let exit = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    };
    Some((u32::try_from(pid.as_raw_nonzero().get()).ok()?, exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_apart_by_its_start_time() {
        let me = identify(std::process::id()).unwrap();
        assert!(is_alive(me));
        assert!(!is_alive(Identity {
            start: me.start + 1,
            ..me
        }));
    }

    #[test]
    fn the_exit_code_of_a_stranger_is_decoded() {
        assert_eq!(exit_from_wait_status(3 << 8), Exit::Code(3));
        assert_eq!(exit_from_wait_status(9), Exit::Signal(9));
    }
}
