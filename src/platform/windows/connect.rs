//! Starts the keeper of a home.

use std::ffi::OsString;
use std::io;
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::sync::mpsc;
use windows_sys::Win32::System::Threading::DETACHED_PROCESS;

use super::{console, keeper};
use crate::platform::Keeper;

/// The first argument of a helper's command line, as on Unix.
const KEEPER_ARGUMENT: &str = "keeper";

/// The second argument of the helper that asks processes to end.
const BREAK_ARGUMENT: &str = "break";

/// A name for the home that fits into the names of its job objects and the tag of its processes.
fn home_hash(data_dir: &Path) -> String {
    // FNV-1a: short, fixed for ever, and nobody attacks it.
    let hash = data_dir
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// Sends Ctrl-Break when this program was started to do that (`storekeeper keeper break <pid>…`),
/// and does not come back then.
pub fn run_keeper_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next() != Some(OsString::from(KEEPER_ARGUMENT))
        || arguments.next() != Some(OsString::from(BREAK_ARGUMENT))
    {
        return;
    }
    let pids: Vec<u32> = arguments
        .filter_map(|pid| pid.to_str()?.parse().ok())
        .collect();
    console::send_break(&pids);
    std::process::exit(0);
}

/// Asks processes to end by Ctrl-Break, all that share their consoles included. A process belongs
/// to one console at a time and the service must not lose its own, so a helper does it.
pub(super) fn ask_to_end(pids: &[u32]) -> io::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the helper for Ctrl-Break is started here"
    )]
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(KEEPER_ARGUMENT)
        .arg(BREAK_ARGUMENT)
        .args(pids.iter().map(u32::to_string))
        .creation_flags(DETACHED_PROCESS)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Takes over what lives, and starts the keeper's thread.
///
/// # Errors
/// When the system gives no thread.
pub fn connect_keeper(data_dir: &Path) -> io::Result<Keeper> {
    let (orders, to_obey) = mpsc::unbounded_channel();
    let (told, reports) = mpsc::unbounded_channel();
    keeper::start(data_dir, &home_hash(data_dir), to_obey, told)?;
    Ok(Keeper { orders, reports })
}
