//! The only place that touches processes. `unix` and `windows` have the same functions in the same
//! order.
//!
//! Processes belong to the **keeper**: on Unix a small process of its own (this program, started
//! as `storekeeper keeper`) that outlives the service, so that a killed service loses no process,
//! no exit code and no line of output; on Windows, where the system keeps job objects and files
//! open, a thread of the service. Both obey the same orders.

#[cfg(unix)]
mod log_file;
mod older;
pub mod protocol;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

use tokio::sync::mpsc;

/// Both ends of the conversation with the keeper. The reports end when the keeper does.
#[derive(Debug)]
pub struct Keeper {
    /// To the keeper.
    pub orders: mpsc::UnboundedSender<protocol::Order>,
    /// From the keeper.
    pub reports: mpsc::UnboundedReceiver<protocol::Report>,
}

/// Name of the variable that marks every process of an app, whatever it does to get away:
/// `<home>:<app>:<number>`, the home as a hash.
pub const TAG: &str = "STOREKEEPER_PROCESS";

/// Something that happened in a watched folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderNews {
    /// Which of the watched folders.
    pub folder: usize,
    /// The file.
    pub name: std::ffi::OsString,
    /// What.
    pub happened: Happened,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It was made or written to, and may be written to on.
    Changing,
    /// Whoever wrote it closed it, or it was moved in.
    Finished,
    /// So much happened that some of it was not told.
    Missed,
}

/// A signal that ends a program.
#[derive(Clone, Copy, Debug)]
pub struct Ending(i32);

/// What changes when a file does: one with the same stamp is the same with the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stamp {
    /// Its size.
    pub bytes: u64,
    /// When it was written to, in nanoseconds since 1970.
    pub modified: i64,
    /// When anything about it changed, which nobody can set.
    pub changed: i64,
    /// Its number.
    pub inode: u64,
}
