//! Starts a program with its output in a pipe.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::pipe::PipeFlags;

use super::process::{self, Identity};
use crate::platform::TAG;
use crate::platform::protocol::ProcessSpec;

/// A program that was started.
pub(super) struct Spawned {
    pub(super) process: Identity,
    /// Reading end of the pipe that its output goes to; does not block.
    pub(super) output: OwnedFd,
}

/// Starts a program as leader of a group of its own, with `tag` in its environment.
///
/// # Errors
/// A sentence that names the program, what is wrong with it, and the remedy.
pub(super) fn spawn(
    spec: &ProcessSpec,
    base_env: &[(String, String)],
    tag: &str,
) -> Result<Spawned, String> {
    let pipe = || -> io::Result<(OwnedFd, File)> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Opened anew for reading and writing: a program that can read its own output never gets
        // SIGPIPE, whoever dies at the other end. Opened anew also because O_NONBLOCK belongs to
        // the open file, and programs do not expect it of their output.
        let write = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_CLOEXEC)
            .open(format!("/proc/self/fd/{}", write.as_raw_fd()))?;
        Ok((read, write))
    };
    let (output, write) =
        pipe().map_err(|error| format!("no pipe for `{}`: {error}", spec.program))?;
    let stderr = write
        .try_clone()
        .map_err(|error| format!("no pipe for `{}`: {error}", spec.program))?;
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
        // A group and no `pre_exec`: so the standard library can use posix_spawn, which does not
        // copy our page tables.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(write)
        .stderr(stderr);
    let child = command.spawn().map_err(|error| explain(spec, &error))?;
    let pid = child.id();
    // A child that is gone already is a zombie until it is reaped, so its entry is still there.
    let process = process::start_of(pid).unwrap_or(Identity { pid, start: 0 });
    Ok(Spawned { process, output })
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
    let path = Path::new(program);
    let has_separator = program.contains('/');
    match error.kind() {
        io::ErrorKind::NotFound if !has_separator => format!(
            "cannot start `{program}`: no program of that name is in PATH; install it, or give its path"
        ),
        io::ErrorKind::NotFound if path.exists() => format!(
            "cannot start `{program}`: the interpreter or loader that it names is missing; is it a program for this system?"
        ),
        io::ErrorKind::NotFound => format!(
            "cannot start `{program}`: there is no such file; put the program there, or correct binPath"
        ),
        io::ErrorKind::PermissionDenied if path.is_dir() => {
            format!("cannot start `{program}`: it is a folder; name the program in it")
        }
        io::ErrorKind::PermissionDenied => {
            format!("cannot start `{program}`: it is not executable; run: chmod +x '{program}'")
        }
        _ if error.raw_os_error() == Some(libc::ENOEXEC) => format!(
            "cannot start `{program}`: it is not a program for this system and processor (a script needs a first line such as #!/bin/sh)"
        ),
        _ => format!("cannot start `{program}`: {error}"),
    }
}
