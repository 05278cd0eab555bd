//! Archives in and out. What comes in is hostile: every name, link, size and count is checked before
//! the first byte is written, and what was declared is held to while writing.

mod disk;
mod name;
mod pack;
mod target;
mod unpack;

use std::io;
use std::path::PathBuf;

pub use pack::pack;
pub use unpack::unpack;

/// How much an archive may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries: files, folders and links.
    pub entries: usize,
    /// Bytes of all files together; beside it, the free space of the disk counts.
    pub bytes: u64,
    /// How many times larger than the archive its files may be, once they pass [`FREE_RATIO_BYTES`].
    pub ratio: u64,
    /// Folders within folders.
    pub depth: usize,
}

/// Below this size the ratio does not count: a small file of zeros is no attack.
pub const FREE_RATIO_BYTES: u64 = 256 << 20;

/// What stays free on the disk.
const RESERVE_BYTES: u64 = 32 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 500_000,
            bytes: 64 << 30,
            ratio: 200,
            depth: 64,
        }
    }
}

/// What was packed or unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files and links.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What was left out, with the reason, as sentences.
    pub skipped: Vec<String>,
}

/// Why an archive was not packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("the archive `{}` cannot be read: {source}", archive.display())]
    Open {
        /// The archive.
        archive: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not a zip file, or a broken one.
    #[error("`{}` is not a zip archive that can be read: {reason}; only .zip is understood", archive.display())]
    Format {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// One entry breaks a rule.
    #[error("the entry `{entry}` of `{}` {reason}; the archive was not unpacked", archive.display())]
    Entry {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
        /// The rule.
        reason: String,
    },
    /// It holds too much.
    #[error("the archive `{}` is refused: {reason}", archive.display())]
    Limit {
        /// The archive.
        archive: PathBuf,
        /// The limit.
        reason: String,
    },
    /// A file or folder on our side cannot be read or written.
    #[error("`{}` cannot be {verb}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The caller asked for the end.
    #[error("it was canceled")]
    Canceled,
}
