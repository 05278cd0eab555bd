//! Who is alive.

use std::io;
use std::os::windows::io::{
    AsHandle as _, AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle,
};
use std::time::Duration;

use windows_sys::Win32::Foundation::{FILETIME, WAIT_OBJECT_0};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, GetProcessTimes, INFINITE, OpenProcess, PROCESS_ACCESS_RIGHTS,
    PROCESS_DUP_HANDLE, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, QueryFullProcessImageNameW, TerminateProcess, WaitForSingleObject,
};

use super::{check, size_of};
use crate::platform::TAG;
use crate::platform::protocol::{Exit, ProcessKey};

/// Exit code of what was ended hard; the one that the system's own tools give.
pub(super) const KILLED: u32 = 1;

/// A process, told apart from a later one with the same pid by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The pid.
    pub pid: u32,
    /// Start time in units of 100 ns since 1601 (`FILETIME`).
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

/// What a process has used; `None` when there is none.
pub fn burnt(pid: u32) -> Option<Burnt> {
    let process = open(pid, 0)?;
    let mut times = [FILETIME::default(); 4];
    let [creation, exit, kernel, user] = &mut times;
    // SAFETY: the handle is open, and the structures outlive the call.
    check(unsafe { GetProcessTimes(process.as_raw_handle(), creation, exit, kernel, user) })
        .ok()?;
    let mut memory = PROCESS_MEMORY_COUNTERS {
        cb: size_of::<PROCESS_MEMORY_COUNTERS>(),
        ..PROCESS_MEMORY_COUNTERS::default()
    };
    // SAFETY: the handle is open, and the structure outlives the call and says its size.
    check(unsafe { K32GetProcessMemoryInfo(process.as_raw_handle(), &raw mut memory, memory.cb) })
        .ok()?;
    let number =
        |time: FILETIME| u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    let [creation, _, kernel, user] = times;
    Some(Burnt {
        start: number(creation),
        // In units of 100 ns.
        cpu: Duration::from_micros((number(kernel) + number(user)) / 10),
        memory: u64::try_from(memory.WorkingSetSize).unwrap_or_default(),
    })
}

fn open(pid: u32, access: PROCESS_ACCESS_RIGHTS) -> Option<OwnedHandle> {
    // SAFETY: takes plain numbers.
    let handle = unsafe {
        OpenProcess(
            access | PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE,
            0,
            pid,
        )
    };
    // SAFETY: a handle that is not null is open and ours alone.
    (!handle.is_null()).then(|| unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Start time of a process, also of one that has ended.
pub(super) fn start_of(process: BorrowedHandle) -> Option<u64> {
    let mut times = [FILETIME::default(); 4];
    let [creation, exit, kernel, user] = &mut times;
    // SAFETY: the handle is open, and the structures outlive the call.
    check(unsafe { GetProcessTimes(process.as_raw_handle(), creation, exit, kernel, user) })
        .ok()?;
    let [creation, ..] = times;
    Some(u64::from(creation.dwHighDateTime) << 32 | u64::from(creation.dwLowDateTime))
}

fn has_ended(process: BorrowedHandle) -> bool {
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(process.as_raw_handle(), 0) == WAIT_OBJECT_0 }
}

/// The process that has this pid now; `None` when there is none or it has ended.
pub fn identify(pid: u32) -> Option<Identity> {
    let handle = open(pid, 0)?;
    if has_ended(handle.as_handle()) {
        return None;
    }
    let start = start_of(handle.as_handle())?;
    Some(Identity { pid, start })
}

/// Whether this very process still lives.
pub fn is_alive(process: Identity) -> bool {
    identify(process.pid) == Some(process)
}

/// The value of the tag.
pub(super) fn tag_value(home: &str, key: &ProcessKey) -> String {
    format!("{home}:{}:{}", key.app, key.number)
}

/// Name of the job object of a process of an app.
pub(super) fn job_name(home: &str, key: &ProcessKey) -> String {
    format!(r"Local\{TAG}-{home}-{}-{}", key.app, key.number)
}

/// A handle of this very process that waits for its end and can be given a job. It keeps the pid
/// from being used again.
pub(super) fn watch(process: Identity) -> Option<OwnedHandle> {
    let handle = open(process.pid, PROCESS_DUP_HANDLE)?;
    (start_of(handle.as_handle()) == Some(process.start) && !has_ended(handle.as_handle()))
        .then_some(handle)
}

/// Waits for the end of a process, and tells how it ended.
pub(super) fn wait(process: BorrowedHandle) -> Exit {
    let mut code = 0;
    // SAFETY: the handle is open, and `code` outlives the call.
    let answer = unsafe {
        WaitForSingleObject(process.as_raw_handle(), INFINITE);
        GetExitCodeProcess(process.as_raw_handle(), &raw mut code)
    };
    match check(answer) {
        Ok(()) => Exit::Code(code.cast_signed()),
        Err(_) => Exit::Unknown,
    }
}

/// Ends this very process, hard; one that is gone is fine.
pub(super) fn kill(process: Identity) {
    // The handle pins the process: between looking and ending its pid cannot be reused.
    let handle = open(process.pid, PROCESS_TERMINATE)
        .filter(|handle| start_of(handle.as_handle()) == Some(process.start));
    if let Some(handle) = handle {
        // SAFETY: the handle is open. Who asked looks again at what lives.
        unsafe { TerminateProcess(handle.as_raw_handle(), KILLED) };
    }
}

/// Whether the process runs a program of this name, with or without `.exe`.
pub fn has_name(pid: u32, name: &str) -> bool {
    program(pid).is_ok_and(|path| is_named(&path, name))
}

fn program(pid: u32) -> io::Result<String> {
    let handle = open(pid, 0).ok_or_else(io::Error::last_os_error)?;
    let mut buffer = vec![0; 32 << 10];
    let mut length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    // SAFETY: the handle is open, and the buffer has room for `length` units.
    check(unsafe {
        QueryFullProcessImageNameW(
            handle.as_raw_handle(),
            PROCESS_NAME_WIN32,
            buffer.as_mut_ptr(),
            &raw mut length,
        )
    })?;
    buffer.truncate(usize::try_from(length).unwrap_or_default());
    Ok(String::from_utf16_lossy(&buffer))
}

fn is_named(path: &str, name: &str) -> bool {
    fn stem(name: &str) -> String {
        let name = name.to_lowercase();
        name.strip_suffix(".exe").unwrap_or(&name).to_owned()
    }
    let file = path.rsplit(['\\', '/']).next().unwrap_or(path);
    stem(file) == stem(name)
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
    fn programs_are_compared_as_windows_names() {
        assert!(is_named(r"C:\apps\mysql\bin\MYSQLD.EXE", "mysqld"));
        assert!(is_named(r"C:\apps\mysql\bin\mysqld.exe", "mysqld.exe"));
        assert!(!is_named(r"C:\apps\mysql\bin\mysqldump.exe", "mysqld"));
    }
}
