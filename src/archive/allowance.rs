//! How much an archive may still write.

use std::fs;
use std::path::Path;

use super::{FREE_RATIO_BYTES, Limits, RESERVE_BYTES, disk};

/// What one archive may write to one disk.
pub(super) struct Allowance<'a> {
    limits: &'a Limits,
    /// Bytes of the archive itself.
    packed: u64,
    /// Bytes that are free on the disk; none when nothing is written or nobody knows.
    room: Option<u64>,
}

impl<'a> Allowance<'a> {
    /// For an archive of `packed` bytes that is unpacked at `place`, which need not exist.
    pub(super) fn new(limits: &'a Limits, packed: u64, place: Option<&Path>) -> Self {
        let there = place.and_then(|place| {
            place
                .ancestors()
                .map(|path| {
                    if path.as_os_str().is_empty() {
                        Path::new(".")
                    } else {
                        path
                    }
                })
                .find(|path| fs::metadata(path).is_ok())
        });
        Self {
            limits,
            packed,
            room: there.and_then(disk::free),
        }
    }

    /// Checks the number of entries.
    ///
    /// # Errors
    /// The limit, as the reason of [`super::ArchiveError::Limit`].
    pub(super) fn entries(&self, count: u64) -> Result<(), String> {
        let allowed = self.limits.entries;
        if usize::try_from(count).is_ok_and(|count| count <= allowed) {
            return Ok(());
        }
        Err(format!("it has {count} entries, {allowed} are allowed"))
    }

    /// Checks the bytes of the files. `so_far` says that more may follow.
    ///
    /// # Errors
    /// The limit, as the reason of [`super::ArchiveError::Limit`].
    pub(super) fn bytes(&self, total: u64, so_far: bool) -> Result<(), String> {
        let more = if so_far { " or more" } else { "" };
        let allowed = self.limits.bytes;
        if total > allowed {
            return Err(format!(
                "its files have {total} bytes{more}, {allowed} are allowed"
            ));
        }
        let ratio = total / self.packed.max(1);
        if total > FREE_RATIO_BYTES && ratio > self.limits.ratio {
            return Err(format!(
                "its files are {ratio} times{more} larger than itself, {} times are allowed",
                self.limits.ratio
            ));
        }
        if let Some(room) = self.room
            && total.saturating_add(RESERVE_BYTES) > room
        {
            return Err(format!(
                "its files need {total} bytes{more} and the disk has {room} left; free some space"
            ));
        }
        Ok(())
    }
}
