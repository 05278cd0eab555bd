//! How far a long step is.

use serde::{Deserialize, Serialize};

/// How far a long step of a job is. It is told as the event `progress` and in the job's record while
/// it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is done.
    pub phase: Phase,
    /// The file that is fetched or unpacked: its address or name, without secrets.
    pub item: String,
    /// Bytes that are done.
    pub completed: u64,
    /// Bytes in all, when that is known.
    pub total: Option<u64>,
    /// Bytes per second, lately.
    pub bytes_per_second: u64,
    /// Seconds that are left, when that can be told.
    pub seconds_left: Option<u64>,
}

/// What a long step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Fetches a file.
    Download,
    /// Unpacks an archive.
    Unpack,
    /// Copies an app's data.
    Copy,
    /// Packs an archive.
    Pack,
}
