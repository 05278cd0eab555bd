//! Starts a program in a job of its own, with its output in its log.

use std::fs::File;
use std::io;
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use windows_sys::Win32::Foundation::{
    ERROR_BAD_EXE_FORMAT, ERROR_ELEVATION_REQUIRED, ERROR_EXE_MACHINE_TYPE_MISMATCH,
    INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_SUSPENDED, OpenThread, ResumeThread,
    THREAD_SUSPEND_RESUME,
};

use super::job::Job;
use super::process::{self, Identity};
use super::size_of;
use crate::platform::TAG;
use crate::platform::protocol::ProcessSpec;

/// A program that was started.
pub(super) struct Spawned {
    pub(super) process: Identity,
    pub(super) handle: OwnedHandle,
    /// It and all that it starts.
    pub(super) job: Job,
}

/// Starts a program in the job `job_name`, with `tag` in its environment. Its output goes straight
/// to the log: it needs nobody to read it, so it outlives the service.
///
/// # Errors
/// A sentence that names the program, what is wrong with it, and the remedy.
pub(super) fn spawn(
    spec: &ProcessSpec,
    base_env: &[(String, String)],
    tag: &str,
    job_name: &str,
    output: File,
) -> Result<Spawned, String> {
    let about = |what: &str, error: &io::Error| format!("{what} for `{}`: {error}", spec.program);
    let stderr = output
        .try_clone()
        .map_err(|error| about("no handle", &error))?;
    let job = Job::create(job_name).map_err(|error| about("no job object", &error))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that starts programs"
    )]
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(base_env.iter().map(|(name, value)| (name, value)))
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .env(TAG, tag)
        // Suspended until it is in its job: nothing that it starts is outside.
        .creation_flags(CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(stderr);
    let mut child = command.spawn().map_err(|error| explain(spec, &error))?;
    let pid = child.id();
    let prepared = job
        .add(child.as_handle())
        .and_then(|()| job.give_to(child.as_handle()))
        .and_then(|()| process::start_of(child.as_handle()).ok_or_else(io::Error::last_os_error))
        .and_then(|start| resume(pid).map(|()| start));
    match prepared {
        Ok(start) => Ok(Spawned {
            process: Identity { pid, start },
            handle: OwnedHandle::from(child),
            job,
        }),
        Err(error) => {
            // It has not run yet. A failure means that it is gone, which is what is wanted.
            let _ = child.kill();
            Err(about("no job object", &error))
        }
    }
}

/// Lets a process run that was started suspended.
fn resume(pid: u32) -> io::Result<()> {
    // SAFETY: takes plain numbers.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open and ours alone.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot) };
    let mut entry = THREADENTRY32 {
        dwSize: size_of::<THREADENTRY32>(),
        ..THREADENTRY32::default()
    };
    // SAFETY: the snapshot is open, and the structure knows its size and outlives the call.
    let mut found = unsafe { Thread32First(snapshot.as_raw_handle(), &raw mut entry) };
    let mut resumed = false;
    while found != 0 {
        if entry.th32OwnerProcessID == pid {
            // SAFETY: takes plain numbers.
            let thread = unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, entry.th32ThreadID) };
            if thread.is_null() {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: it is open and ours alone.
            let thread = unsafe { OwnedHandle::from_raw_handle(thread) };
            // SAFETY: the handle is open.
            resumed |= unsafe { ResumeThread(thread.as_raw_handle()) } != u32::MAX;
        }
        // SAFETY: as above.
        found = unsafe { Thread32Next(snapshot.as_raw_handle(), &raw mut entry) };
    }
    if resumed {
        Ok(())
    } else {
        Err(io::Error::other("its first thread is not there"))
    }
}

/// Why a program cannot be started, and what to do about it.
fn explain(spec: &ProcessSpec, error: &io::Error) -> String {
    let program = &spec.program;
    if !spec.cwd.is_dir() {
        return format!(
            "cannot start `{program}`: its working directory `{}` is not there",
            spec.cwd.display()
        );
    }
    let has_separator = program.contains(['\\', '/']);
    let code = error.raw_os_error().map(i32::cast_unsigned);
    match error.kind() {
        _ if matches!(
            code,
            Some(ERROR_BAD_EXE_FORMAT | ERROR_EXE_MACHINE_TYPE_MISMATCH)
        ) =>
        {
            format!("cannot start `{program}`: it is not a program for this system and processor")
        }
        _ if code == Some(ERROR_ELEVATION_REQUIRED) => format!(
            "cannot start `{program}`: it wants an administrator's rights; start the service with them, or use another program"
        ),
        io::ErrorKind::NotFound if !has_separator => format!(
            "cannot start `{program}`: no program of that name is in PATH; install it, or give its path"
        ),
        io::ErrorKind::NotFound => format!(
            "cannot start `{program}`: there is no such file; put the program there, or correct binPath"
        ),
        io::ErrorKind::PermissionDenied if Path::new(program).is_dir() => {
            format!("cannot start `{program}`: it is a folder; name the program in it")
        }
        io::ErrorKind::PermissionDenied => format!(
            "cannot start `{program}`: you may not run it; look at its permissions, and whether a virus scanner holds it"
        ),
        _ => format!("cannot start `{program}`: {error}"),
    }
}
