//! Starting with the user's session: a value of the key `Run` in the user's part of the registry.

use std::ffi::OsString;
use std::io;

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY_CURRENT_USER, REG_SZ, RRF_RT_REG_SZ, RegDeleteKeyValueW, RegGetValueW, RegSetKeyValueW,
};

use super::wide;

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";

/// Where it is noted that a program starts with the session, for people.
pub fn autostart_place(name: &str) -> Option<String> {
    Some(format!(r"HKEY_CURRENT_USER\{RUN}\{name}"))
}

/// Whether a program of this name starts with the session.
pub fn starts_with_session(name: &str) -> bool {
    let (key, value) = (wide(RUN), wide(name));
    // SAFETY: both texts end with a zero and outlive the call; nothing is written.
    let answer = unsafe {
        RegGetValueW(
            HKEY_CURRENT_USER,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_SZ,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    answer == ERROR_SUCCESS
}

/// Starts a command with the session from now on.
///
/// # Errors
/// What the system says; a command that is no text.
pub fn start_with_session(name: &str, command: &[OsString]) -> io::Result<()> {
    let command = command
        .iter()
        .map(|argument| argument.to_str().map(quoted))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| io::Error::other("a part of the command is no Unicode"))?;
    let (key, value, data) = (wide(RUN), wide(name), wide(&command.join(" ")));
    let bytes = u32::try_from(data.len() * 2).map_err(io::Error::other)?;
    // SAFETY: the texts end with a zero and outlive the call, and the size is that of the data.
    let answer = unsafe {
        RegSetKeyValueW(
            HKEY_CURRENT_USER,
            key.as_ptr(),
            value.as_ptr(),
            REG_SZ,
            data.as_ptr().cast(),
            bytes,
        )
    };
    done(answer)
}

/// Starts it with the session no longer.
///
/// # Errors
/// What the system says.
pub fn leave_session(name: &str) -> io::Result<()> {
    let (key, value) = (wide(RUN), wide(name));
    // SAFETY: both texts end with a zero and outlive the call.
    let answer = unsafe { RegDeleteKeyValueW(HKEY_CURRENT_USER, key.as_ptr(), value.as_ptr()) };
    if answer == ERROR_FILE_NOT_FOUND {
        return Ok(());
    }
    done(answer)
}

fn done(answer: u32) -> io::Result<()> {
    if answer == ERROR_SUCCESS {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(
        i32::try_from(answer).unwrap_or(i32::MAX),
    ))
}

/// An argument as programs take their command line apart: in quotes, backslashes before a quote doubled.
fn quoted(argument: &str) -> String {
    let mut text = String::from("\"");
    let mut backslashes = 0;
    for c in argument.chars() {
        if c == '"' {
            text.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        text.push(c);
    }
    text.extend(std::iter::repeat_n('\\', backslashes));
    text.push('"');
    text
}
