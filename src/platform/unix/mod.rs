//! Linux.
#![expect(unsafe_code, reason = "the system's interfaces that no library wraps")]

mod connect;
mod keeper;
mod memory;
mod process;
mod spawn;

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

pub use connect::{connect_keeper, run_keeper_if_asked};
pub use memory::{release_memory, share_heap};
pub use process::{Identity, has_name, identify, is_alive};

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
