//! Archives in and out. What comes in is hostile: every name, link, size and count is checked before
//! the entry is written, what was declared is held to while writing, and of an archive that breaks a
//! rule nothing is left.
//!
//! `kind` tells the formats apart by their content; `zip` and `tar` hold what the libraries of these
//! names read to our rules; `name` and `tree` know what an entry may be called; `fresh` fills a folder
//! that is new, `merge` brings such a folder into one that has content.

mod allowance;
mod chunks;
mod disk;
mod fresh;
mod kind;
mod merge;
mod name;
mod pack;
mod stream;
mod tar;
mod tree;
mod unpack;
mod visit;
mod zip;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use disk::free as free_bytes;
pub use disk::sync;
pub use pack::{pack, pack_private, pack_without};
pub use unpack::{names, read_entry, single_top, unpack, unpack_new};
pub use visit::visit_zip;

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

/// A link's target may be this long.
const MAX_LINK_BYTES: u64 = 4096;

/// Archives are packed and unpacked on this many threads at most: more of them wait for the disk.
const MAX_THREADS: usize = 4;

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

/// Whether a link that lies at `path` below a folder, with forward slashes, stays in that folder.
pub fn stays_inside(path: &str, target: &str) -> bool {
    name::stays_inside(path, target)
}

/// Beginning of the names of what is not finished: it is nobody's when a killed service left it.
pub const UNFINISHED: &str = ".storekeeper-";

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

/// What came out of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// In numbers.
    pub report: Report,
    /// Every regular file, in the archive's order.
    pub files: Vec<UnpackedFile>,
    /// Every link: its path as that of a file, and where it leads.
    pub links: Vec<(String, String)>,
}

/// A file that came out of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpackedFile {
    /// Its path below the folder, with forward slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// CRC-32 of its content.
    pub crc32: u32,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Is told the bytes written so far and those to write in all (0 when that is not known).
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Tells whether the caller wants the end.
pub type Canceled<'a> = &'a (dyn Fn() -> bool + Sync);

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
    /// It is of no kind that is understood, or a broken one.
    #[error("`{}` is not an archive that can be read: {reason}", archive.display())]
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
        /// `read`, `written` or `packed`.
        verb: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The caller asked for the end.
    #[error("it was canceled")]
    Canceled,
}

impl ArchiveError {
    fn file(path: &Path, verb: &'static str, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            verb,
            source,
        }
    }
}

/// Words what is wrong with one archive.
#[derive(Clone, Copy)]
struct Blame<'a> {
    archive: &'a Path,
}

impl Blame<'_> {
    fn open(self, source: io::Error) -> ArchiveError {
        ArchiveError::Open {
            archive: self.archive.to_owned(),
            source,
        }
    }

    fn format(self, reason: impl Into<String>) -> ArchiveError {
        ArchiveError::Format {
            archive: self.archive.to_owned(),
            reason: reason.into(),
        }
    }

    fn entry(self, entry: &str, reason: impl Into<String>) -> ArchiveError {
        ArchiveError::Entry {
            archive: self.archive.to_owned(),
            entry: name::shown(entry),
            reason: reason.into(),
        }
    }

    fn limit(self, reason: impl Into<String>) -> ArchiveError {
        ArchiveError::Limit {
            archive: self.archive.to_owned(),
            reason: reason.into(),
        }
    }

    /// The content of an entry cannot be read to its end.
    fn content(self, entry: &str, error: &io::Error) -> ArchiveError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.entry(entry, "is cut off; download the archive again");
        }
        self.entry(
            entry,
            format!("cannot be read: {error}; download the archive again"),
        )
    }
}

/// How the name of such an archive ends, by its content: `.zip`, `.tgz`, `.tar`, `.tar.bz2`.
///
/// # Errors
/// [`ArchiveError::Open`], and [`ArchiveError::Format`] for what is no archive.
pub fn ending(archive: &Path) -> Result<&'static str, ArchiveError> {
    let blame = Blame { archive };
    let file = std::fs::File::open(archive).map_err(|error| blame.open(error))?;
    Ok(match kind::of_content(&file, blame)? {
        kind::Kind::Zip => ".zip",
        kind::Kind::Tar(kind::Compression::None) => ".tar",
        kind::Kind::Tar(kind::Compression::Gzip) => ".tgz",
        kind::Kind::Tar(kind::Compression::Bzip2) => ".tar.bz2",
    })
}

/// How many threads do the work.
fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS)
}

/// Little-endian numbers at a place of some bytes; 0 behind their end, which every caller rules out.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |number| u32::from_le_bytes(*number))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |number| u64::from_le_bytes(*number))
}

/// A length as a number of bytes in a file.
fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
