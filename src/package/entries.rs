//! The entries of a package: a tar archive whose every header is told where it lies.
//!
//! The library knows what the fields of a header mean; the walk from one to the next is ours, because a
//! store that signs a package must know where its footers begin (`store`), and because the digest is
//! made of names as they were written.

use std::collections::HashMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use tar::{Header, PaxExtensions};

use super::PackageError;
use super::content::{Content, Place, length};
use crate::archive::Limits;

/// Everything in a tar archive fills up blocks of this size.
pub(super) const BLOCK: usize = 512;

/// How the names of a package's own entries begin.
const RESERVED: &str = "--";
pub(super) const HEADER: &str = "--PACKAGE-HEADER--";
pub(super) const FOOTER: &str = "--PACKAGE-FOOTER--";

/// Long names and other notes before one entry.
const MAX_NOTE_BYTES: u64 = 1 << 20;

/// No system takes a longer path.
const MAX_NAME_BYTES: usize = 4096;

/// All names together: they are kept, so that none comes twice.
const MAX_NAMES_BYTES: usize = 16 << 20;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Header,
    Footer,
    Folder,
    File,
}

/// One entry; its content is read by [`Entries::read_some`].
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) what: What,
    /// As it was written, in normal form C, a folder's without its slash: so it enters the digest.
    pub(super) name: String,
    /// The file that it means, below the package's folder: `./a//b` means `a/b`.
    pub(super) path: String,
    pub(super) size: u64,
}

/// Walks through a package.
pub(super) struct Entries {
    content: Content,
    limits: Limits,
    /// Of the entry before: bytes that were not read, and those that fill up its last block.
    unread: u64,
    filling: u64,
    /// Where the entry begins, its notes included, that was answered last.
    begin: Place,
    /// Which paths are there, and whether they are folders.
    seen: HashMap<String, bool>,
    names_bytes: usize,
    /// What may follow.
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The header.
    Begin,
    /// Files and folders, or a footer.
    Files,
    /// Footers only.
    Footers,
}

/// What stands before an entry and belongs to it.
#[derive(Default)]
struct Notes {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    bytes: u64,
}

impl Entries {
    pub(super) fn new(content: Content, limits: Limits) -> Self {
        Self {
            begin: content.place(),
            content,
            limits,
            unread: 0,
            filling: 0,
            seen: HashMap::from([(String::new(), true)]),
            names_bytes: 0,
            stage: Stage::Begin,
        }
    }

    /// Where the entry that was answered last begins; at the end, where the end begins.
    pub(super) fn begin(&self) -> &Place {
        &self.begin
    }

    /// The content, from where it was read to.
    pub(super) fn into_content(self) -> Content {
        self.content
    }

    /// The next entry, its name checked; none behind the last. What was not read of the one before is
    /// left out.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, PackageError> {
        self.skip(self.unread + self.filling)?;
        (self.unread, self.filling) = (0, 0);
        self.begin = self.content.place();
        let mut notes = Notes::default();
        loop {
            let mut block = [0; BLOCK];
            // Some programs leave out the end mark.
            let first = self.content.read_some(&mut block)?;
            let rest = block.get_mut(first..).unwrap_or_default();
            if first > 0 {
                self.content.read_all(rest)?;
            }
            if block.iter().all(|byte| *byte == 0) {
                return self.end(&notes);
            }
            let header = Header::from_byte_slice(&block);
            check_sum(&block, header)?;
            let damaged = || PackageError::refused("the package is damaged: a header has no size");
            let size = header.entry_size().map_err(|_| damaged())?;
            match header.entry_type().as_byte() {
                b'x' | b'L' | b'K' => self.note(header, size, &mut notes)?,
                // Comments for all entries.
                b'g' => self.skip(filled(size)?)?,
                kind => return self.entry(kind, header, size, notes).map(Some),
            }
        }
    }

    /// The content of the entry, at least one byte except at its end.
    pub(super) fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, PackageError> {
        let most = usize::try_from(self.unread)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self
            .content
            .read_some(buffer.get_mut(..most).unwrap_or_default())?;
        if count == 0 {
            return Err(PackageError::refused("the package is cut off"));
        }
        self.unread -= length(count);
        Ok(count)
    }

    /// The whole content of the entry.
    ///
    /// # Errors
    /// When it has more than `max_bytes`.
    pub(super) fn read_whole(
        &mut self,
        entry: &Entry,
        max_bytes: u64,
    ) -> Result<Vec<u8>, PackageError> {
        if entry.size > max_bytes {
            return Err(refuse(
                &entry.name,
                &format!("has {} bytes, {max_bytes} are allowed", entry.size),
            ));
        }
        let mut bytes = vec![0; usize::try_from(entry.size).unwrap_or(0)];
        self.content.read_all(&mut bytes)?;
        self.unread = 0;
        Ok(bytes)
    }

    fn end(&self, notes: &Notes) -> Result<Option<Entry>, PackageError> {
        let missing = match self.stage {
            _ if notes.bytes > 0 => "it ends before an entry whose name it gives",
            Stage::Begin => "it is empty",
            Stage::Files => "it has no footer",
            Stage::Footers => return Ok(None),
        };
        Err(PackageError::refused(format!(
            "the package is no package: {missing}"
        )))
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), PackageError> {
        let mut buffer = [0; 16 * BLOCK];
        while bytes > 0 {
            let most = usize::try_from(bytes)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let piece = buffer.get_mut(..most).unwrap_or_default();
            self.content.read_all(piece)?;
            bytes -= length(most);
        }
        Ok(())
    }

    /// Reads a note: a pax header, or a long name of GNU tar.
    fn note(&mut self, header: &Header, size: u64, notes: &mut Notes) -> Result<(), PackageError> {
        notes.bytes = notes.bytes.saturating_add(size).max(1);
        if notes.bytes > MAX_NOTE_BYTES {
            return Err(PackageError::refused(format!(
                "a name in the package has more than the {MAX_NOTE_BYTES} bytes that are allowed"
            )));
        }
        let mut note = vec![0; usize::try_from(size).unwrap_or(0)];
        self.content.read_all(&mut note)?;
        self.skip(filled(size)? - size)?;
        match header.entry_type().as_byte() {
            b'L' => {
                let end = note.iter().position(|byte| *byte == 0);
                note.truncate(end.unwrap_or(note.len()));
                notes.name = Some(note);
            }
            b'x' => {
                for record in PaxExtensions::new(&note) {
                    let damaged =
                        || PackageError::refused("the package is damaged: a pax header is none");
                    let record = record.map_err(|_| damaged())?;
                    match record.key_bytes() {
                        b"path" => notes.name = Some(record.value_bytes().to_vec()),
                        b"size" => {
                            let size = record.value().ok().and_then(|size| size.parse().ok());
                            notes.size = Some(size.ok_or_else(damaged)?);
                        }
                        key if key.starts_with(b"GNU.sparse.") => {
                            return Err(PackageError::refused(
                                "the package has a file with holes, which is not allowed",
                            ));
                        }
                        _ => {}
                    }
                }
            }
            // The target of a link, which is refused itself.
            _ => {}
        }
        Ok(())
    }

    /// Checks an entry.
    fn entry(
        &mut self,
        kind: u8,
        header: &Header,
        size: u64,
        notes: Notes,
    ) -> Result<Entry, PackageError> {
        let name = notes
            .name
            .unwrap_or_else(|| header.path_bytes().into_owned());
        if name.len() > MAX_NAME_BYTES {
            return Err(PackageError::refused(format!(
                "a name in the package has more than the {MAX_NAME_BYTES} bytes that are allowed"
            )));
        }
        let name = String::from_utf8(name).map_err(|error| {
            let name = String::from_utf8_lossy(error.as_bytes()).into_owned();
            refuse(&name, "has a name that is not UTF-8")
        })?;
        let name = ComposingNormalizerBorrowed::new_nfc()
            .normalize(&name)
            .into_owned();
        let size = notes.size.unwrap_or(size);
        let is_folder = match kind {
            b'0' | b'7' | 0 => name.ends_with('/'),
            b'5' if name.ends_with('/') => true,
            b'5' => return Err(refuse(&name, "is a folder whose name does not end in `/`")),
            _ => return Err(refuse(&name, "is neither a file nor a folder")),
        };
        if is_folder && size > 0 {
            return Err(refuse(&name, "is a folder with content"));
        }
        self.unread = size;
        self.filling = filled(size)? - size;

        let what = match self.stage {
            Stage::Begin if name == HEADER => What::Header,
            Stage::Begin => {
                return Err(refuse(&name, &format!("comes before `{HEADER}`")));
            }
            _ if name.starts_with(FOOTER) && !is_folder => What::Footer,
            Stage::Footers => return Err(refuse(&name, "follows the footer")),
            Stage::Files if name.starts_with(RESERVED) => {
                return Err(refuse(
                    &name,
                    &format!("has a name that begins with `{RESERVED}`, which is not allowed"),
                ));
            }
            Stage::Files if is_folder => What::Folder,
            Stage::Files => What::File,
        };
        self.stage = match what {
            What::Footer => Stage::Footers,
            What::Header | What::Folder | What::File => Stage::Files,
        };
        let path = match what {
            What::Header | What::Footer => String::new(),
            What::Folder | What::File => self.place(&name, is_folder)?,
        };
        let name = match name.strip_suffix('/') {
            Some(name) => name.to_owned(),
            None => name,
        };
        Ok(Entry {
            what,
            name,
            path,
            size,
        })
    }

    /// The path that a name means. Its folder must be there, and it itself must not.
    fn place(&mut self, name: &str, is_folder: bool) -> Result<String, PackageError> {
        if name.starts_with('/') {
            return Err(refuse(name, "has an absolute path"));
        }
        if name.contains('\0') {
            return Err(refuse(name, "has a name that no system takes"));
        }
        let mut parts = Vec::new();
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(refuse(name, "leads out of the package by `..`")),
                part => parts.push(part),
            }
        }
        if parts.len() > self.limits.depth {
            let depth = self.limits.depth;
            return Err(refuse(name, &format!("lies deeper than {depth} folders")));
        }
        let path = parts.join("/");
        let own = parts.pop();
        let Some(_) = own else {
            // The package's folder itself, which is there already and may be named once.
            return if is_folder && self.seen.insert(".".to_owned(), true).is_none() {
                Ok(path)
            } else {
                Err(refuse(name, "is there twice, or has no name"))
            };
        };
        if self.seen.get(&parts.join("/")) != Some(&true) {
            return Err(refuse(
                name,
                "lies in a folder that does not come before it",
            ));
        }
        self.names_bytes += path.len();
        if self.seen.len() > self.limits.entries || self.names_bytes > MAX_NAMES_BYTES {
            return Err(PackageError::refused(format!(
                "the package has too many files: {} and {MAX_NAMES_BYTES} bytes of names are allowed",
                self.limits.entries
            )));
        }
        if self.seen.insert(path.clone(), is_folder).is_some() {
            return Err(refuse(name, "is there twice"));
        }
        Ok(path)
    }
}

fn refuse(name: &str, why: &str) -> PackageError {
    let name: String = name.escape_debug().take(200).collect();
    PackageError::refused(format!("the entry `{name}` {why}"))
}

/// A size with what fills up its last block.
fn filled(size: u64) -> Result<u64, PackageError> {
    size.checked_next_multiple_of(length(BLOCK))
        .ok_or_else(|| PackageError::refused("the package is damaged: a size is too large"))
}

/// Old programs took the bytes of a header for numbers with a sign; where none is above 127 that makes no
/// difference.
fn check_sum(block: &[u8; BLOCK], header: &Header) -> Result<(), PackageError> {
    let (mut plain, mut signed) = (0_i64, 0_i64);
    for (at, byte) in block.iter().enumerate() {
        // The sum itself counts as blanks.
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        plain += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    match header.cksum().map(i64::from) {
        Ok(sum) if sum == plain || sum == signed => Ok(()),
        _ => Err(PackageError::refused(
            "the package is damaged: the checksum of a header is wrong, or it is no tar archive",
        )),
    }
}
