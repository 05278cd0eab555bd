//! `upload` and `remove`: what is put into these folders is done.
//!
//! A package that is copied in is not whole before its writer is done, so nothing is looked at before
//! that: the kernel tells when a writer closes its file, and `/proc` who still has one open. What turns
//! out to be no package is given a moment more, for writers that open it again to append.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::{Incoming, Note, Shelf, ShelfError};
use crate::platform::{self, FolderNews, FolderWatch, Happened, Stamp};

/// The folders, by their places in the news.
const FOLDERS: [&str; 2] = [UPLOAD, REMOVE];
const UPLOAD: &str = "upload";
const REMOVE: &str = "remove";

/// Folders are looked at from time to time even without news, which a disk of another computer does not
/// send.
const LOOK: Duration = Duration::from_secs(5);

/// How soon a file is looked at again that was not finished.
const AGAIN: Duration = Duration::from_millis(250);

/// A file that is no package is deleted when nobody wrote to it for so long.
const GRACE: Duration = Duration::from_secs(1);

/// A file that could not be read or put in place is tried again after [`STABLE`], and then after twice as
/// long each time, up to this.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// A file of whose writer nothing is known is finished when it did not change for so long.
const STABLE: Duration = Duration::from_secs(10);

/// Does what both folders hold, and then watches them on a thread of its own, until the shelf is closed.
/// Blocks for the first part.
///
/// # Errors
/// When the folders cannot be watched.
pub fn watch(shelf: &Shelf) -> std::io::Result<()> {
    let folder = |name| shelf.folder().join(name);
    let mut folders = DropFolders {
        shelf: shelf.clone(),
        upload: folder(UPLOAD),
        remove: folder(REMOVE),
        files: HashMap::new(),
    };
    // Watched before they are read, so that nothing falls between.
    let mut watch = FolderWatch::new(&[&folders.upload, &folders.remove])?;
    folders.look_at_uploads(true);
    folders.look_at_removals();
    std::thread::Builder::new()
        .name("drop-folders".to_owned())
        .spawn(move || {
            while !folders.shelf.is_closed() {
                let pause = if folders.files.is_empty() {
                    LOOK
                } else {
                    AGAIN
                };
                let news = watch.wait(pause);
                let is_of = |folder: &str| {
                    let mut of = news.iter().map(|news| FOLDERS.get(news.folder));
                    of.any(|name| name == Some(&folder))
                };
                let (uploads, removals) = (is_of(UPLOAD), is_of(REMOVE));
                for news in news {
                    folders.note(news);
                }
                if uploads || !removals {
                    folders.look_at_uploads(false);
                }
                if removals || !uploads {
                    folders.look_at_removals();
                }
                folders.shelf.save();
            }
        })?;
    Ok(())
}

struct DropFolders {
    shelf: Shelf,
    upload: PathBuf,
    remove: PathBuf,
    /// What is known of the files in `upload` that are not done.
    files: HashMap<OsString, Known>,
}

/// What is known of a file.
#[derive(Debug)]
struct Known {
    writer: Writer,
    /// How it was when it was last looked at, and since when.
    stamp: Stamp,
    since: Instant,
    /// It is no package, in this state.
    failed: Option<Stamp>,
    /// It is not tried again before, and rests so long the next time.
    rests_until: Option<Instant>,
    rest: Duration,
}

/// Whoever writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// Nothing was told of one.
    Unknown,
    /// Is at it.
    Busy,
    /// Closed it.
    Done,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            writer: Writer::Unknown,
            stamp: Stamp::default(),
            since: Instant::now(),
            failed: None,
            rests_until: None,
            rest: STABLE,
        }
    }
}

impl DropFolders {
    fn note(&mut self, news: FolderNews) {
        match news.happened {
            Happened::Missed => {
                for known in self.files.values_mut() {
                    known.writer = Writer::Unknown;
                }
            }
            Happened::Changing | Happened::Finished
                if FOLDERS.get(news.folder) != Some(&UPLOAD) => {}
            Happened::Changing => self.files.entry(news.name).or_default().writer = Writer::Busy,
            Happened::Finished => self.files.entry(news.name).or_default().writer = Writer::Done,
        }
    }

    /// Takes what is finished. At the start nobody's news are known yet, but who has a file open is.
    fn look_at_uploads(&mut self, at_start: bool) {
        let candidates = files_in(&self.upload);
        self.files
            .retain(|name, _| candidates.iter().any(|file| file.file_name() == Some(name)));
        if candidates.is_empty() {
            return;
        }
        // Asking who writes means looking through all processes: not for those of which it is known.
        let is_unsure = |file: &Path| {
            let known = file.file_name().and_then(|name| self.files.get(name));
            known.is_none_or(|known| match known.writer {
                Writer::Unknown => true,
                Writer::Busy => known.since.elapsed() >= STABLE,
                Writer::Done => false,
            })
        };
        let unsure: Vec<PathBuf> = candidates
            .iter()
            .filter(|file| is_unsure(file))
            .cloned()
            .collect();
        let written = if unsure.is_empty() {
            std::collections::HashSet::new()
        } else {
            platform::being_written(&unsure)
        };
        let mut said = false;
        for file in candidates {
            let Some(name) = file.file_name().map(ToOwned::to_owned) else {
                continue;
            };
            let Ok(metadata) = fs::symlink_metadata(&file) else {
                continue;
            };
            let stamp = platform::stamp(&metadata);
            let known = self.files.entry(name.clone()).or_default();
            if known.stamp != stamp {
                known.stamp = stamp;
                known.since = Instant::now();
                known.rests_until = None;
                known.rest = STABLE;
            }
            let finished = match known.writer {
                Writer::Done => true,
                _ if written.contains(&file) => false,
                _ if metadata.is_symlink() => true,
                Writer::Unknown if at_start => true,
                // Perhaps a link to a finished file; perhaps somebody whom we may not see.
                Writer::Unknown | Writer::Busy => known.since.elapsed() >= STABLE,
            };
            // What is no package stays none until it changes, and goes when it does not.
            if known.failed == Some(stamp) {
                if finished && is_quiet(&metadata) {
                    let _ = fs::remove_file(&file);
                    self.files.remove(&name);
                }
                continue;
            }
            let rests = known
                .rests_until
                .is_some_and(|until| Instant::now() < until);
            if !finished || rests {
                continue;
            }
            let mut notes = Vec::new();
            if !said {
                said = true;
                notes.push(Note::Heading(format!("Scanning {UPLOAD}")));
            }
            match self.shelf.put(Incoming::Dropped(&file)) {
                Ok(put) => {
                    self.files.remove(&name);
                    notes.push(put.note());
                }
                Err(ShelfError::Changing) => {
                    if let Some(known) = self.files.get_mut(&name) {
                        known.writer = Writer::Unknown;
                    }
                }
                Err(error) => {
                    // A full disk is not the package's fault: it stays, and is tried again.
                    let is_ours = error.is_ours();
                    if let Some(known) = self.files.get_mut(&name) {
                        if is_ours {
                            known.rests_until = Some(Instant::now() + known.rest);
                            known.rest = LONGEST_REST.min(known.rest * 2);
                        } else {
                            known.failed = Some(stamp);
                        }
                    }
                    notes.push(Note::Failed {
                        file: file.display().to_string(),
                        reason: error.to_string(),
                    });
                    if at_start && !is_ours {
                        let _ = fs::remove_file(&file);
                        self.files.remove(&name);
                    }
                }
            }
            self.shelf.report(&notes);
        }
    }

    fn look_at_removals(&self) {
        let files = files_in(&self.remove);
        if files.is_empty() {
            return;
        }
        let mut notes = vec![Note::Heading(format!("Scanning {REMOVE}"))];
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let wanted = name.strip_suffix(".ampkg").unwrap_or(&name);
            let removed = self.shelf.remove_named(wanted);
            if removed.is_empty() {
                notes.push(Note::NoMatch(wanted.to_owned()));
            }
            notes.extend(removed.into_iter().map(Note::Removing));
            // A file that stays would be done again and again; that it does is told.
            if let Err(error) = fs::remove_file(&file) {
                notes.push(Note::Failed {
                    file: file.display().to_string(),
                    reason: error.to_string(),
                });
            }
        }
        self.shelf.report(&notes);
    }
}

/// The files of a folder that are not hidden, by name. Links to files count.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// Whether nobody wrote to a file for a while.
fn is_quiet(metadata: &fs::Metadata) -> bool {
    let modified = metadata.modified().ok();
    let age = modified.and_then(|at| SystemTime::now().duration_since(at).ok());
    // A time in the future says nothing.
    age.is_none_or(|age| age >= GRACE)
}
