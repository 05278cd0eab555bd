//! A folder that is new, and filled from an archive by several threads. Nothing foreign lies in it,
//! and [`super::tree`] lets no entry through a link, so that files are written straight into their
//! places. Unless it is kept it goes as it came.

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tree::Folder;
use super::{Canceled, Progress, disk, length, name};

/// The mode of folders.
const FOLDER_MODE: u32 = 0o755;

/// Bytes between two words to the caller.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Bytes of a large file that are handled at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A folder that is being filled.
pub(super) struct Fresh<'a> {
    root: PathBuf,
    /// The mode with which files are made is the one they get: the user's umask takes nothing away.
    modes_hold: bool,
    kept: bool,
    written: AtomicU64,
    total: u64,
    /// The number that was told last.
    told: Mutex<u64>,
    progress: Progress<'a>,
    canceled: Canceled<'a>,
}

/// Why a file is not whole.
pub(super) enum Broken {
    /// Its content cannot be read.
    Reading(io::Error),
    /// It is larger than it declares.
    TooLong,
    /// It cannot be written.
    Writing(io::Error),
    /// The caller asked for the end.
    Canceled,
}

impl<'a> Fresh<'a> {
    /// Makes the folder, which must not be there. `total` is what will be written, 0 when nobody
    /// knows.
    pub(super) fn create(
        root: &Path,
        total: u64,
        progress: Progress<'a>,
        canceled: Canceled<'a>,
    ) -> io::Result<Self> {
        fs::create_dir(root)?;
        let fresh = Self {
            root: root.to_owned(),
            modes_hold: fs::metadata(root)
                .ok()
                .and_then(|data| disk::mode(&data))
                .is_none_or(|mode| mode & FOLDER_MODE == FOLDER_MODE),
            kept: false,
            written: AtomicU64::new(0),
            total,
            told: Mutex::new(0),
            progress,
            canceled,
        };
        if !fresh.modes_hold {
            disk::set_mode(root, FOLDER_MODE)?;
        }
        Ok(fresh)
    }

    /// Whether the caller wants the end.
    pub(super) fn is_canceled(&self) -> bool {
        (self.canceled)()
    }

    /// Makes a folder, whose parent is there.
    pub(super) fn folder(&self, path: &str) -> io::Result<()> {
        let place = name::below(&self.root, path);
        fs::create_dir(&place)?;
        if self.modes_hold {
            return Ok(());
        }
        disk::set_mode(&place, FOLDER_MODE)
    }

    /// Writes a whole file.
    pub(super) fn file(&self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut file = self.open(path, mode)?;
        file.write_all(content)?;
        self.wrote(length(content.len()));
        Ok(())
    }

    /// Writes a file of at most `size` bytes; answers their number and CRC-32.
    pub(super) fn stream(
        &self,
        path: &str,
        mode: u32,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(u64, u32), Broken> {
        let mut file = self.open(path, mode).map_err(Broken::Writing)?;
        let room = usize::try_from(size).map_or(BUFFER_BYTES, |size| size.min(BUFFER_BYTES));
        // One byte more, which must stay empty.
        let mut buffer = vec![0_u8; room + 1];
        let mut crc = crc32fast::Hasher::new();
        let mut written = 0_u64;
        loop {
            if self.is_canceled() {
                return Err(Broken::Canceled);
            }
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok((written, crc.finalize())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Reading(error)),
            };
            written += length(count);
            if written > size {
                return Err(Broken::TooLong);
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            crc.update(bytes);
            file.write_all(bytes).map_err(Broken::Writing)?;
            self.wrote(length(count));
        }
    }

    /// Writes a file as a copy of one that is there.
    pub(super) fn copy(&self, from: &str, path: &str, mode: u32, size: u64) -> Result<(), Broken> {
        let mut content = fs::File::open(name::below(&self.root, from)).map_err(Broken::Writing)?;
        self.stream(path, mode, size, &mut content).map(|_| ())
    }

    /// Makes a link; where it leads was checked.
    pub(super) fn link(&self, path: &str, to: &Path) -> io::Result<()> {
        disk::make_link(to, &name::below(&self.root, path))
    }

    /// Gives the folders the modes of their entries, when all files are in them, and leaves
    /// everything in its place.
    pub(super) fn keep(mut self, folders: &[Folder]) -> io::Result<()> {
        for folder in folders.iter().rev() {
            let mode = folder.mode.map(folder_mode);
            if let Some(mode) = mode.filter(|mode| *mode != FOLDER_MODE) {
                disk::set_mode(&name::below(&self.root, &folder.path), mode)?;
            }
        }
        self.kept = true;
        let written = self.written.load(Ordering::Relaxed);
        (self.progress)(written, self.total);
        Ok(())
    }

    fn open(&self, path: &str, mode: u32) -> io::Result<fs::File> {
        let place = name::below(&self.root, path);
        let file = disk::create(&place, mode)?;
        if !self.modes_hold {
            disk::set_mode(&place, mode)?;
        }
        Ok(file)
    }

    fn wrote(&self, count: u64) {
        let before = self.written.fetch_add(count, Ordering::Relaxed);
        if before / PROGRESS_BYTES == (before + count) / PROGRESS_BYTES {
            return;
        }
        // Another thread that tells it at this moment tells nearly the same.
        if let Ok(mut told) = self.told.try_lock() {
            let now = self.written.load(Ordering::Relaxed);
            if now > *told {
                *told = now;
                (self.progress)(now, self.total);
            }
        }
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed was in nobody's way before either; the error that led here counts.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// No setuid, setgid or sticky bit, nothing that others could write to; the owner may read and write.
pub(super) fn file_mode(mode: Option<u32>) -> u32 {
    mode.map_or(0o644, |mode| (mode & 0o755) | 0o600)
}

/// Likewise; the owner may also enter.
pub(super) fn folder_mode(mode: u32) -> u32 {
    (mode & 0o755) | 0o700
}
