//! What differs from system to system: room, modes, links, and reading at a place of a file.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Bytes that the user may still write to the disk of `path`; none when the system does not tell.
#[cfg(unix)]
pub(crate) fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

/// Bytes that the user may still write to the disk of `path`; none when the system does not tell.
#[cfg(windows)]
pub(crate) fn free(path: &Path) -> Option<u64> {
    let path = fs::canonicalize(path).ok()?;
    // A canonical path begins with `\\?\`, a mount point does not.
    let path = path.to_str()?.trim_start_matches(r"\\?\").to_owned();
    sysinfo::Disks::new_with_refreshed_list()
        .ok()?
        .iter()
        .filter(|disk| Path::new(&path).starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
}

/// Reads from a place of the file, which other threads do at the same time.
#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads from a place of the file, which other threads do at the same time.
#[cfg(windows)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Makes a file that is not there, with this mode as far as the user's umask allows.
#[cfg(unix)]
pub(super) fn create(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

/// Makes a file that is not there.
#[cfg(windows)]
pub(super) fn create(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The mode of what is there, where there are modes.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "there are none on Windows")]
pub(super) fn mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o7777)
}

/// The mode of what is there, where there are modes.
#[cfg(windows)]
pub(super) fn mode(_metadata: &Metadata) -> Option<u32> {
    None
}

/// Gives a file or folder exactly this mode.
#[cfg(unix)]
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Gives a file or folder exactly this mode.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "the same function fails on unix")]
pub(super) fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Makes a symbolic link.
#[cfg(unix)]
pub(super) fn make_link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// Makes a symbolic link.
#[cfg(windows)]
pub(super) fn make_link(_to: &Path, _at: &Path) -> io::Result<()> {
    Err(io::Error::other("this system has no such links"))
}

/// Waits until everything below the folder is safely on the disk: what was unpacked survives a
/// power failure from here on. One call for a whole package, instead of one for each file.
///
/// # Errors
/// What the system says.
#[cfg(target_os = "linux")]
pub fn sync(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Waits until everything below the folder is safely on the disk: what was unpacked survives a
/// power failure from here on.
///
/// # Errors
/// What the system says.
#[cfg(not(target_os = "linux"))]
pub fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync(&entry.path())?;
        } else if kind.is_file() {
            // Windows wants to write to what it flushes.
            OpenOptions::new()
                .append(true)
                .open(entry.path())?
                .sync_all()?;
        }
    }
    Ok(())
}
