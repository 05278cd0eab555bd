//! Linux.
#![expect(unsafe_code, reason = "the system's interfaces that no library wraps")]

mod autostart;
mod connect;
mod keeper;
mod machine;
mod memory;
mod process;
mod spawn;
mod watch;

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

pub use autostart::{autostart_place, leave_session, start_with_session, starts_with_session};
pub use connect::{connect_keeper, run_keeper_if_asked};
pub use machine::{boot_id, ending, host_name, send_file, stamp, sync_folder, takes_more};
pub use memory::{release_memory, share_heap};
pub use process::{Burnt, Identity, burnt, has_name, identify, is_alive};
pub use watch::{FolderWatch, being_written};

/// Makes a folder and its parents; those that it makes are the user's alone (mode 0700).
///
/// # Errors
/// What the system says.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Gives a file made with a private mode the mode that new files get.
///
/// # Errors
/// What the system says.
pub fn set_default_mode(file: &File) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// Makes a file the user's alone.
///
/// # Errors
/// What the system says.
pub fn set_private_mode(file: &File) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// Whether copies of files beside `path` share their blocks with what they are copied from, so that a
/// copy costs neither time nor room (Btrfs, XFS).
pub fn shares_blocks(path: &Path) -> bool {
    let Some(dir) = path.parent() else {
        return false;
    };
    let (Ok(mut from), Ok(to)) = (tempfile::tempfile_in(dir), tempfile::tempfile_in(dir)) else {
        return false;
    };
    io::Write::write_all(&mut from, &[0; 4096]).is_ok()
        && rustix::fs::ioctl_ficlone(&to, &from).is_ok()
}
