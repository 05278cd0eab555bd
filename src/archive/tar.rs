//! Reading tar archives. The library knows the format, with the long names of GNU tar and of pax; in
//! here are our rules and limits.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

use ::tar::{Entries, Header, PaxExtensions};

use super::allowance::Allowance;
use super::stream::Stream;
use super::tree::{Kind, Tree};
use super::{ArchiveError, Blame, Limits, length, name};

/// Everything in a tar archive fills up blocks of this size.
pub(super) const BLOCK: usize = 512;

/// Long names and pax headers before one entry may have this many bytes.
const MAX_NOTE_BYTES: u64 = 1 << 20;

/// So many bytes may follow the end mark: tapes are filled up.
const MAX_REST_BYTES: u64 = 64 << 20;

/// The label of a tape, as an entry of its own type.
const LABEL: u8 = b'V';

/// How header and footers of a package for Qt's application manager begin: they say something of the
/// package and are no files of it.
const PACKAGE_NOTES: [&[u8]; 2] = [b"--PACKAGE-HEADER--", b"--PACKAGE-FOOTER--"];

const DAMAGED: &str = "it is damaged, or holds no tar archive; download it again";

/// Whether a file that begins so is a tar archive.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return false;
    };
    let header = Header::from_byte_slice(block);
    let mut right = header.clone();
    right.set_cksum();
    is_zero(block)
        || header
            .cksum()
            .is_ok_and(|sum| right.cksum().is_ok_and(|right| sum == right))
}

fn is_note(entry: &::tar::Entry<'_, Source>) -> bool {
    let path = entry.path_bytes();
    PACKAGE_NOTES.iter().any(|note| path.starts_with(note))
}

/// What an archive is read from. The library reads names of any length into memory, so a limit stands
/// in its way.
#[derive(Clone)]
pub(super) struct Source(Rc<State>);

struct State {
    input: RefCell<Stream>,
    /// Bytes that were read, and may be read.
    at: Cell<u64>,
    limit: Cell<u64>,
    ended: Cell<bool>,
}

impl Source {
    pub(super) fn new(input: Stream) -> Self {
        Self(Rc::new(State {
            input: RefCell::new(input),
            at: Cell::new(0),
            limit: Cell::new(u64::MAX),
            ended: Cell::new(false),
        }))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let state = &*self.0;
        let left = state.limit.get().saturating_sub(state.at.get());
        let bytes = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if bytes == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the limit was reached"));
        }
        let buffer = buffer.get_mut(..bytes).unwrap_or_default();
        loop {
            // The library takes an interruption for an error.
            match state.input.borrow_mut().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => {
                    state.ended.set(true);
                    return Ok(0);
                }
                Ok(count) => {
                    state.at.set(state.at.get().saturating_add(length(count)));
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Walks through an archive, checking each entry before it is handed out.
pub(super) struct Walk<'a> {
    entries: Entries<'a, Source>,
    source: Source,
    pub(super) tree: Tree,
    allowance: &'a Allowance<'a>,
    limits: &'a Limits,
    blame: Blame<'a>,
    count: u64,
    /// Where the next header begins.
    next: u64,
    /// Sizes of the files by number, and their sum.
    sizes: Vec<u64>,
    total: u64,
}

/// One entry whose name was checked; reading it gives its content.
pub(super) struct Entry<'a> {
    pub(super) path: String,
    pub(super) what: What,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) content: ::tar::Entry<'a, Source>,
}

pub(super) enum What {
    Folder,
    File,
    /// To this target.
    Link(String),
    /// The number of the file that it is.
    HardLink(usize),
}

impl What {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Folder => Kind::Folder,
            Self::File | Self::HardLink(_) => Kind::File,
            Self::Link(_) => Kind::Link,
        }
    }
}

impl<'a> Walk<'a> {
    /// `archive` is new, and reads from `source`.
    pub(super) fn new(
        source: Source,
        archive: &'a mut ::tar::Archive<Source>,
        allowance: &'a Allowance<'a>,
        limits: &'a Limits,
        blame: Blame<'a>,
    ) -> Result<Self, ArchiveError> {
        Ok(Self {
            entries: archive.entries().map_err(|error| blame.open(error))?,
            source,
            tree: Tree::default(),
            allowance,
            limits,
            blame,
            count: 0,
            next: 0,
            sizes: Vec::new(),
            total: 0,
        })
    }

    /// The next entry; none behind the last. What was not read of the one before is left out.
    pub(super) fn next(&mut self) -> Result<Option<Entry<'a>>, ArchiveError> {
        loop {
            let state = &*self.source.0;
            let limit = self.next.saturating_add(MAX_NOTE_BYTES);
            state.limit.set(limit);
            let entry = self.entries.next().transpose();
            let entry = entry.map_err(|error| self.unreadable(&error))?;
            state.limit.set(u64::MAX);
            let Some(mut entry) = entry else {
                self.rest()?;
                return Ok(None);
            };
            self.count += 1;
            self.allowance
                .entries(self.count)
                .map_err(|reason| self.blame.limit(reason))?;
            self.next = entry
                .raw_file_position()
                .saturating_add(entry.size())
                .saturating_add(length(BLOCK));
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                self.global(&mut entry)?;
            } else if kind.as_byte() != LABEL
                && !is_note(&entry)
                && let Some(entry) = self.take(entry)?
            {
                return Ok(Some(entry));
            }
        }
    }

    /// Checks an entry; none for the folder itself.
    fn take(
        &mut self,
        mut entry: ::tar::Entry<'a, Source>,
    ) -> Result<Option<Entry<'a>>, ArchiveError> {
        let blame = self.blame;
        let written_name = name::decode(&entry.path_bytes());
        let refuse = |reason: String| blame.entry(&written_name, reason);
        let records = entry.pax_extensions();
        let records = records.map_err(|error| self.unreadable(&error))?;
        for record in records.into_iter().flatten() {
            let record = record.map_err(|_| blame.format(DAMAGED))?;
            let is_size = |value: &str| value.parse::<u64>().is_ok();
            match record.key_bytes() {
                b"size" if !record.value().is_ok_and(is_size) => {
                    return Err(blame.format(DAMAGED));
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(refuse(
                        "is a file with holes; pack it without --sparse".to_owned(),
                    ));
                }
                _ => {}
            }
        }
        let path = name::safe(&written_name, self.limits.depth).map_err(refuse)?;
        let link = || name::decode(&entry.link_name_bytes().unwrap_or_default());
        let mut size = entry.size();
        let what = match entry.header().entry_type().as_byte() {
            // Before POSIX a folder was a file whose name ends so.
            b'0' | b'7' if written_name.ends_with('/') => What::Folder,
            b'0' | b'7' => What::File,
            b'1' => {
                let to = link();
                let number = name::safe(&to, self.limits.depth)
                    .map_err(|reason| refuse(format!("is a hard link whose target {reason}")))
                    .map(|to| self.tree.file(&to))?;
                let Some(number) = number else {
                    let to = name::shown(&to);
                    return Err(refuse(format!(
                        "is a hard link to `{to}`, which is no file before it"
                    )));
                };
                size = self.sizes.get(number).copied().unwrap_or(0);
                What::HardLink(number)
            }
            b'2' => What::Link(link()),
            b'5' => What::Folder,
            b'3' | b'4' | b'6' => {
                return Err(refuse("is a device, a pipe or a socket".to_owned()));
            }
            b'S' => {
                return Err(refuse(
                    "is a file with holes; pack it without --sparse".to_owned(),
                ));
            }
            kind => {
                let kind = char::from(kind).escape_default();
                return Err(refuse(format!("is of the unknown type `{kind}`")));
            }
        };
        if path.is_empty() {
            // The folder itself; a file of that name would have no place.
            return match what {
                What::Folder => Ok(None),
                What::File | What::Link(_) | What::HardLink(_) => {
                    Err(refuse("has no name".to_owned()))
                }
            };
        }
        self.tree
            .take(&path, what.kind(), self.sizes.len())
            .map_err(|reason| blame.entry(&path, reason))?;
        let mode = entry.header().mode().unwrap_or(0o644) & 0o7777;
        match &what {
            What::Folder => self.tree.set_mode(&path, Some(mode)),
            What::Link(_) => {}
            What::File | What::HardLink(_) => {
                self.sizes.push(size);
                self.total = self.total.saturating_add(size);
                self.allowance
                    .bytes(self.total, true)
                    .map_err(|reason| blame.limit(reason))?;
            }
        }
        Ok(Some(Entry {
            path,
            what,
            mode,
            size,
            content: entry,
        }))
    }

    /// Comments as a rule; a name or size for all entries is nobody's wish.
    fn global(&self, entry: &mut ::tar::Entry<'_, Source>) -> Result<(), ArchiveError> {
        if entry.size() > MAX_NOTE_BYTES {
            return Err(self.too_long());
        }
        let mut note = Vec::new();
        entry
            .read_to_end(&mut note)
            .map_err(|error| self.unreadable(&error))?;
        for record in PaxExtensions::new(&note) {
            let record = record.map_err(|_| self.blame.format(DAMAGED))?;
            if matches!(record.key_bytes(), b"path" | b"linkpath" | b"size") {
                let reason = "it gives all its entries one name or size";
                return Err(self.blame.format(reason));
            }
        }
        Ok(())
    }

    /// Reads what follows the end mark, so that the checksums of a compressed archive are compared.
    fn rest(&mut self) -> Result<(), ArchiveError> {
        let cut_off = || self.blame.format("it is cut off; download it again");
        if self.source.0.ended.get() {
            return Err(cut_off());
        }
        let mut buffer = [0; 16 * BLOCK];
        let mut seen = 0;
        loop {
            let count = match self.source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => return Err(self.unreadable(&error)),
            };
            seen += length(count);
            if !is_zero(buffer.get(..count).unwrap_or_default()) {
                return Err(self.blame.format("something follows its end mark"));
            }
            if seen > MAX_REST_BYTES {
                return Err(self.blame.limit(format!(
                    "more than {MAX_REST_BYTES} bytes follow its end mark"
                )));
            }
        }
    }

    fn too_long(&self) -> ArchiveError {
        self.blame.limit(format!(
            "a name in it has more than the {MAX_NOTE_BYTES} bytes that are allowed"
        ))
    }

    fn unreadable(&self, error: &io::Error) -> ArchiveError {
        let state = &*self.source.0;
        if state.at.get() >= state.limit.get() {
            return self.too_long();
        }
        if state.ended.get() || error.kind() == io::ErrorKind::UnexpectedEof {
            return self.blame.format("it is cut off; download it again");
        }
        // So the library calls everything that it finds wrong itself.
        if error.kind() == io::ErrorKind::Other {
            return self.blame.format(DAMAGED);
        }
        self.blame.format(format!("{error}; download it again"))
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
