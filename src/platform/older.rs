//! The names of a log's older parts: `<log>.1` is the newest, `<log>.2` the one before it, …

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Path of an older part.
pub(crate) fn part(log: &Path, number: u32) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(format!(".{number}"));
    PathBuf::from(path)
}

/// Renames the older parts so that `<log>.1` is free; the one beyond `keep` is dropped.
pub(crate) fn make_room(log: &Path, keep: u32) -> io::Result<()> {
    for number in (1..keep).rev() {
        match fs::rename(part(log, number), part(log, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
