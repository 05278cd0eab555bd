//! How much room there is.

use std::path::Path;

/// Bytes that the user may still write to the disk of `path`; none when the system does not tell.
#[cfg(unix)]
pub(super) fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

/// Bytes that the user may still write to the disk of `path`; none when the system does not tell.
#[cfg(windows)]
pub(super) fn free(path: &Path) -> Option<u64> {
    let path = std::fs::canonicalize(path).ok()?;
    // A canonical path begins with `\\?\`, a mount point does not.
    let path = path.to_str()?.trim_start_matches(r"\\?\").to_owned();
    sysinfo::Disks::new_with_refreshed_list()
        .ok()?
        .iter()
        .filter(|disk| Path::new(&path).starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
}
