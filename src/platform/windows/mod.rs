//! Windows.
#![expect(unsafe_code, reason = "the system's interfaces that no library wraps")]

mod autostart;
mod connect;
mod console;
mod job;
mod keeper;
mod machine;
mod process;
mod spawn;

use std::fs::File;
use std::io;
use std::path::Path;

pub use autostart::{autostart_place, leave_session, start_with_session, starts_with_session};
pub use connect::{connect_keeper, run_keeper_if_asked};
pub use machine::{
    FolderWatch, being_written, boot_id, ending, host_name, send_file, stamp, sync_folder,
    takes_more,
};
pub use process::{Burnt, Identity, burnt, has_name, identify, is_alive};

/// Makes a folder and its parents. A folder below the user's profile is the user's alone.
///
/// # Errors
/// What the system says.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Nothing to do: a new file inherits the folder's access list.
///
/// # Errors
/// None.
pub fn set_default_mode(_file: &File) -> io::Result<()> {
    Ok(())
}

/// The home's folder is the user's alone already.
///
/// # Errors
/// None; the same function fails on unix.
#[expect(clippy::unnecessary_wraps, reason = "the same function fails on unix")]
pub fn set_private_mode(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Whether copies share their blocks with what they are copied from: NTFS has no such thing.
pub fn shares_blocks(_path: &Path) -> bool {
    false
}

/// A text as the system's wide functions take it.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// What the system says when a function answered false.
fn check(answer: i32) -> io::Result<()> {
    if answer == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Size of a structure, as the system's functions take it.
fn size_of<T>() -> u32 {
    u32::try_from(std::mem::size_of::<T>()).expect("the system's structures are small")
}

/// Nothing to do: the heap of Windows is one for all threads.
pub fn share_heap() {}

/// Gives back what a burst of work left: the pages that are not used leave the working set.
pub fn release_memory() {
    // The system trims working sets by itself when memory is short, and its heap needs no help.
}
