//! Why a file was not downloaded.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::app::Sha256;

/// Why a file was not downloaded. Addresses are shown without passwords and queries.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// No address at all.
    #[error("there is no address to download from; give one")]
    NoAddress,
    /// It is no address to download from.
    #[error("`{address}` cannot be downloaded: {reason}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It leads to where downloads must not go.
    #[error("`{address}` is not downloaded: {reason}")]
    Refused {
        /// The address.
        address: String,
        /// The rule.
        reason: String,
    },
    /// The server was not reached, or the connection broke off.
    #[error("`{address}` cannot be downloaded: {reason}; look at the network and try again")]
    Connection {
        /// The address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// Nothing came for too long.
    #[error(
        "`{address}` cannot be downloaded: the server sent nothing for {} s; try again later",
        after.as_secs_f64()
    )]
    Stalled {
        /// The address.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server says no.
    #[error("`{address}` cannot be downloaded: the server answers {status}{}", hint(*status))]
    Status {
        /// The address.
        address: String,
        /// HTTP status.
        status: u16,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server sent something that is not the file.
    #[error("`{address}` cannot be downloaded: {reason}")]
    Content {
        /// The address.
        address: String,
        /// What came.
        reason: String,
    },
    /// It is larger than allowed.
    #[error("`{address}` is larger than the {limit} bytes that are allowed here")]
    TooLarge {
        /// The address.
        address: String,
        /// The limit, bytes.
        limit: u64,
    },
    /// What came is not what was promised.
    #[error(
        "`{address}` is not the file that was promised: its SHA-256 should be {expected} and is {found}; nothing was installed"
    )]
    Mismatch {
        /// The address.
        address: String,
        /// The promised checksum.
        expected: Sha256,
        /// That of what came.
        found: Sha256,
    },
    /// There is no room for it.
    #[error("the disk of `{folder}` is full{}; free some space and try again", room(*needed, *free))]
    DiskFull {
        /// The folder that it was to go to.
        folder: String,
        /// Bytes that are needed; 0 when not known.
        needed: u64,
        /// Bytes that are free; 0 when not known.
        free: u64,
    },
    /// A file of ours cannot be written or read.
    #[error("`{path}` cannot be used: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It was canceled; what came so far is kept.
    #[error("the download was canceled")]
    Canceled,
    /// None of several addresses gave it.
    #[error("{first}; {others} other {} failed as well, the last: {last}", addresses(*others))]
    AllFailed {
        /// Why the first address did not.
        first: Box<DownloadError>,
        /// How many others there were.
        others: usize,
        /// Why the last one did not.
        last: Box<DownloadError>,
    },
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; it wants a password or refuses you",
        404 | 410 => "; the file is not there (any more)",
        407 => "; the proxy wants a password",
        429 | 503 => "; it is busy, try again later",
        _ => "",
    }
}

fn room(needed: u64, free: u64) -> String {
    if needed == 0 {
        String::new()
    } else {
        format!(": {needed} bytes are needed, {free} are free")
    }
}

fn addresses(count: usize) -> &'static str {
    if count == 1 { "address" } else { "addresses" }
}

impl DownloadError {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            let folder = path.parent().unwrap_or(path);
            return Self::DiskFull {
                folder: folder.display().to_string(),
                needed: 0,
                free: 0,
            };
        }
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }

    /// Whether it says more about this computer than about the address: another one will not help.
    pub fn is_final(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::File { .. } | Self::Canceled | Self::NoAddress => true,
            Self::Address { .. }
            | Self::Refused { .. }
            | Self::Connection { .. }
            | Self::Stalled { .. }
            | Self::Status { .. }
            | Self::Content { .. }
            | Self::TooLarge { .. }
            | Self::Mismatch { .. }
            | Self::AllFailed { .. } => false,
        }
    }

    /// Whether the same address may do better a moment later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Stalled { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::NoAddress
            | Self::Address { .. }
            | Self::Refused { .. }
            | Self::Content { .. }
            | Self::TooLarge { .. }
            | Self::Mismatch { .. }
            | Self::DiskFull { .. }
            | Self::File { .. }
            | Self::Canceled
            | Self::AllFailed { .. } => false,
        }
    }
}
