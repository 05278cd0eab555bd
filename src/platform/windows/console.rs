//! Ctrl-Break: the polite signal.
//!
//! A program without a window has a console all the same (`CREATE_NO_WINDOW` makes one that nobody
//! sees), and only who is attached to that console can send Ctrl-Break there.

use std::collections::HashSet;

use windows_sys::Win32::System::Console::{
    AttachConsole, CTRL_BREAK_EVENT, FreeConsole, GenerateConsoleCtrlEvent, GetConsoleProcessList,
    SetConsoleCtrlHandler,
};

/// Keeps the sender alive: it is attached to the console while the signal is sent.
unsafe extern "system" fn ignore(_event: u32) -> i32 {
    1
}

/// Sends Ctrl-Break to every console of these processes that no other process shares. Leaves the
/// calling process without a console.
pub(super) fn send_break(pids: &[u32]) {
    // SAFETY: `ignore` touches nothing and lives as long as the program.
    unsafe { SetConsoleCtrlHandler(Some(ignore), 1) };
    let mut asked = HashSet::new();
    for &pid in pids {
        if asked.contains(&pid) {
            continue;
        }
        // SAFETY: these take plain numbers. A process that is gone or has no console is refused.
        let attached = unsafe {
            FreeConsole();
            AttachConsole(pid) != 0
        };
        if !attached {
            continue;
        }
        let sharing = processes_of_console();
        let myself = std::process::id();
        // Somebody else's program on that console would be ended with the app.
        if sharing
            .iter()
            .all(|process| pids.contains(process) || *process == myself)
        {
            // SAFETY: plain numbers; group 0 is everybody on this console.
            unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0) };
        }
        asked.extend(sharing);
    }
    // SAFETY: takes nothing.
    unsafe { FreeConsole() };
}

/// The processes that share our console.
fn processes_of_console() -> Vec<u32> {
    let mut pids = vec![0; 64];
    loop {
        let room = u32::try_from(pids.len()).unwrap_or(u32::MAX);
        // SAFETY: the buffer has room for the `room` numbers that may be written.
        let count = unsafe { GetConsoleProcessList(pids.as_mut_ptr(), room) };
        let count = usize::try_from(count).unwrap_or_default();
        let enough = count <= pids.len();
        pids.resize(count, 0);
        if enough {
            return pids;
        }
    }
}
