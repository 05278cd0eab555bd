//! Reading zip archives. The library knows the format; in here are our rules and limits, and the
//! reading of contents by several threads.

use std::fs::File;
use std::io::{self, BufReader, Read};

use ::zip::read::{ArchiveOffset, Config, ZipFileEntry};
use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::allowance::Allowance;
use super::tree::{Kind, Tree};
use super::{ArchiveError, Blame, Limits, disk, length, name, u32_at, u64_at};

/// A directory of more bytes has names that nobody wrote.
const MAX_DIRECTORY_BYTES: u64 = 256 << 20;

/// Contents of up to this many bytes, packed and unpacked, are handled in one piece.
const WHOLE_BYTES: u64 = 4 << 20;

/// Enough for a header: the library seeks from one to the next.
const HEADER_BYTES: usize = 1 << 10;

/// Flags (APPNOTE.TXT 4.4.4).
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const UTF_8: u16 = 1 << 11;

/// The records at the end and their lengths without comments (APPNOTE.TXT 4.3.14 to 4.3.16).
const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const END_64: [u8; 4] = *b"PK\x06\x06";
const END_64_BYTES: usize = 56;
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_64_BYTES: usize = 20;

/// How the directory begins.
const CENTRAL: [u8; 4] = *b"PK\x01\x02";

/// Methods that people meet and we do not understand.
const METHODS: [(CompressionMethod, &str); 6] = [
    (CompressionMethod::DEFLATE64, "deflate64"),
    (CompressionMethod::BZIP2, "bzip2"),
    (CompressionMethod::LZMA, "lzma"),
    (CompressionMethod::ZSTD, "zstd"),
    (CompressionMethod::XZ, "xz"),
    (CompressionMethod::PPMD, "ppmd"),
];

/// One entry whose name was checked.
pub(super) struct Entry {
    /// Below the archive's root, with forward slashes.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) mode: Option<u32>,
    pub(super) size: u64,
    pub(super) crc32: u32,
    /// Where its content begins; its header before [`Directory::check`].
    pub(super) at: u64,
    packed: u64,
    is_deflated: bool,
    /// The library's number.
    index: usize,
}

/// Everything that an archive holds.
pub(super) struct Directory {
    pub(super) entries: Vec<Entry>,
    pub(super) tree: Tree,
    /// Bytes of all files.
    pub(super) total: u64,
    archive: ZipArchive<BufReader<File>>,
}

impl Directory {
    /// Reads it and checks every name and size.
    pub(super) fn read(
        file: &File,
        allowance: &Allowance<'_>,
        limits: &Limits,
        blame: Blame<'_>,
    ) -> Result<Self, ArchiveError> {
        check_end(file, allowance, blame)?;
        let input = file.try_clone().map_err(|error| blame.open(error))?;
        let input = BufReader::with_capacity(HEADER_BYTES, input);
        // The library would look for archives behind other data; a package is nothing else.
        let config = Config {
            archive_offset: ArchiveOffset::Known(0),
        };
        let archive = ZipArchive::with_config(config, input)
            .map_err(|error| blame.format(unreadable(error)))?;
        allowance
            .entries(length(archive.len()))
            .map_err(|reason| blame.limit(reason))?;
        // The library keeps only one of them.
        if archive.has_duplicate_names() {
            return Err(blame.format("it has a name twice; pack it anew"));
        }
        let mut entries = Vec::with_capacity(archive.len());
        let mut tree = Tree::default();
        let mut total = 0_u64;
        for index in 0..archive.len() {
            let data = archive
                .by_index_data(index)
                .map_err(|error| blame.format(unreadable(error)))?;
            let entry = read_entry(&data, index, limits, blame)?;
            let refuse = |reason| blame.entry(&entry.path, reason);
            if entry.path.is_empty() {
                // The folder itself; a file of that name would have no place.
                match entry.kind {
                    Kind::Folder => continue,
                    Kind::File | Kind::Link => return Err(refuse("has no name".to_owned())),
                }
            }
            tree.take(&entry.path, entry.kind, entries.len())
                .map_err(refuse)?;
            match entry.kind {
                Kind::Folder => tree.set_mode(&entry.path, entry.mode),
                Kind::File | Kind::Link => total = total.saturating_add(entry.size),
            }
            entries.push(entry);
        }
        allowance
            .bytes(total, false)
            .map_err(|reason| blame.limit(reason))?;
        Ok(Self {
            entries,
            tree,
            total,
            archive,
        })
    }

    /// Compares the headers before the contents with the directory, that no two entries share bytes
    /// (which is how a small archive becomes a large one), and finds where the contents begin.
    pub(super) fn check(&mut self, blame: Blame<'_>) -> Result<(), ArchiveError> {
        if let Err(error) = self.archive.validate_header_consistency() {
            // The library does not tell the entry.
            for number in 0..self.entries.len() {
                self.open(number, blame)?;
            }
            return Err(blame.format(unreadable(error)));
        }
        for entry in &mut self.entries {
            let found = self.archive.by_index_raw(entry.index);
            let at = found.map(|content| content.data_start());
            entry.at = at
                .map_err(|error| blame.entry(&entry.path, cannot(error)))?
                .ok_or_else(|| blame.entry(&entry.path, "is not in the archive"))?;
        }
        Ok(())
    }

    /// All of a small content; `number` counts the entries.
    pub(super) fn content(
        &mut self,
        number: usize,
        blame: Blame<'_>,
    ) -> Result<Vec<u8>, ArchiveError> {
        let size = self.entries.get(number).map_or(0, |entry| entry.size);
        let (path, content) = self.open(number, blame)?;
        let mut bytes = Vec::new();
        // One byte more, with which the library compares size and checksum.
        content
            .take(size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| blame.content(path, &error))?;
        if length(bytes.len()) == size {
            return Ok(bytes);
        }
        Err(blame.entry(path, lies(length(bytes.len()), size)))
    }

    /// One content by the library, compared with the directory.
    fn open(&mut self, number: usize, blame: Blame<'_>) -> Result<(&str, impl Read), ArchiveError> {
        let entry = self
            .entries
            .get(number)
            .expect("the tree and the loops count these entries");
        let options = ZipReadOptions::new().enforce_header_consistency(true);
        let content = self
            .archive
            .by_index_with_options(entry.index, options)
            .map_err(|error| blame.entry(&entry.path, cannot(error)))?;
        Ok((&entry.path, content))
    }
}

/// Looks at the records at the end before the library does, which makes room for as many entries as
/// they declare.
fn check_end(file: &File, allowance: &Allowance<'_>, blame: Blame<'_>) -> Result<(), ArchiveError> {
    let size = file.metadata().map_err(|error| blame.open(error))?.len();
    let read = |offset: u64, bytes: usize| {
        let mut buffer = vec![0; bytes];
        match read_exact_at(file, &mut buffer, offset) {
            Ok(()) => Ok(buffer),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
            Err(error) => Err(blame.open(error)),
        }
    };
    let tail_bytes = LOCATOR_64_BYTES + END_BYTES + usize::from(u16::MAX);
    let tail_bytes = usize::try_from(size).map_or(tail_bytes, |size| size.min(tail_bytes));
    let tail = read(size - length(tail_bytes), tail_bytes)?;
    let mut found = false;
    // Each may be the one: a comment, or a file that is stored at the end, can hold others.
    for (at, _) in tail
        .windows(END.len())
        .enumerate()
        .rev()
        .filter(|(_, four)| *four == END)
    {
        let (before, end) = tail.split_at(at);
        if end.len() < END_BYTES {
            continue;
        }
        found = true;
        let mut offset = u64::from(u32_at(end, 16));
        let locator = before.len().checked_sub(LOCATOR_64_BYTES);
        let locator = locator.and_then(|at| before.get(at..)).unwrap_or_default();
        if locator.starts_with(&LOCATOR_64) {
            let record = read(u64_at(locator, 8), END_64_BYTES)?;
            if record.starts_with(&END_64) {
                allowance
                    .entries(u64_at(&record, 32))
                    .map_err(|reason| blame.limit(reason))?;
                offset = u64_at(&record, 48);
            }
        }
        let bytes = size.saturating_sub(offset);
        if bytes > MAX_DIRECTORY_BYTES && read(offset, CENTRAL.len())? == CENTRAL {
            return Err(blame.limit(format!(
                "its directory has {bytes} bytes, {MAX_DIRECTORY_BYTES} are allowed"
            )));
        }
    }
    if found {
        return Ok(());
    }
    Err(blame.format("its end is missing, so it is cut off; download it again"))
}

/// Takes over one entry of the directory.
fn read_entry(
    data: &ZipFileEntry<'_>,
    index: usize,
    limits: &Limits,
    blame: Blame<'_>,
) -> Result<Entry, ArchiveError> {
    let written_name = name::decode(data.name_raw());
    let refuse = |reason: String| blame.entry(&written_name, reason);
    let flags = data.flags().as_u16();
    if flags & UTF_8 != 0 && std::str::from_utf8(data.name_raw()).is_err() {
        return Err(refuse(
            "has a name that is not the UTF-8 it says".to_owned(),
        ));
    }
    let path = name::safe(&written_name, limits.depth).map_err(refuse)?;

    // The mode stands there when a Unix wrote the archive, or says that it gave it all the same,
    // which the library does not know.
    let attributes = data.external_attributes();
    let is_unix = matches!(data.system(), ::zip::System::Unix | ::zip::System::OsDarwin);
    let mode = (is_unix || attributes & 0x8000 != 0)
        .then_some(attributes >> 16)
        .filter(|mode| *mode != 0);
    let is_folder = written_name.ends_with(['/', '\\']);
    let kind = match mode.map_or(0, |mode| mode & 0o170_000) {
        0o120_000 => Kind::Link,
        0o040_000 => Kind::Folder,
        0 | 0o100_000 if is_folder => Kind::Folder,
        0 | 0o100_000 => Kind::File,
        _ => return Err(refuse("is a device, a pipe or a socket".to_owned())),
    };
    let method = data.compression();
    if flags & ENCRYPTED != 0 || method == CompressionMethod::AES {
        return Err(refuse(
            "is encrypted; pack it without a password".to_owned(),
        ));
    }
    if method != CompressionMethod::Stored && method != CompressionMethod::Deflated {
        let known = METHODS.iter().find(|(other, _)| *other == method);
        let known = known.map_or("an unknown method", |(_, name)| name);
        return Err(refuse(format!(
            "is compressed by {known}, which is not understood; pack it with deflate"
        )));
    }
    Ok(Entry {
        path,
        kind,
        mode,
        size: data.size(),
        crc32: data.crc32(),
        at: data.header_start(),
        packed: data.compressed_size(),
        is_deflated: method == CompressionMethod::Deflated,
        index,
    })
}

/// What the library says, as a reason.
fn unreadable(error: ZipError) -> String {
    let said = match error {
        ZipError::InvalidArchive(said) => said.into_owned(),
        error => error.to_string(),
    };
    format!("{said}; download it again")
}

/// Likewise of one entry.
fn cannot(error: ZipError) -> String {
    format!("cannot be read: {}", unreadable(error))
}

fn lies(size: u64, declared: u64) -> String {
    if size > declared {
        return format!("is larger than the {declared} bytes that it declares");
    }
    format!("has {size} bytes and declares {declared}; download the archive again")
}

/// Reads the contents of entries that were checked; each thread has its own.
pub(super) struct Reader<'a> {
    file: &'a File,
    blame: Blame<'a>,
    inflate: libdeflater::Decompressor,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

/// The content of an entry.
pub(super) enum Content<'a> {
    /// All of it, checked.
    Whole(&'a [u8]),
    /// A large one, to be read and then to be compared with the entry's size and checksum.
    Stream(Box<dyn Read + 'a>),
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a File, blame: Blame<'a>) -> Self {
        Self {
            file,
            blame,
            inflate: libdeflater::Decompressor::new(),
            packed: Vec::new(),
            unpacked: Vec::new(),
        }
    }

    /// The content of an entry.
    pub(super) fn content(&mut self, entry: &Entry) -> Result<Content<'_>, ArchiveError> {
        if entry.size > WHOLE_BYTES || entry.packed > WHOLE_BYTES {
            let section = Section {
                file: self.file,
                at: entry.at,
                end: entry.at.saturating_add(entry.packed),
            };
            return Ok(Content::Stream(if entry.is_deflated {
                let input = BufReader::with_capacity(128 << 10, section);
                Box::new(flate2::bufread::DeflateDecoder::new(input))
            } else {
                Box::new(section)
            }));
        }
        let bytes = usize::try_from(entry.packed).unwrap_or(usize::MAX);
        self.packed.resize(bytes, 0);
        read_exact_at(self.file, &mut self.packed, entry.at)
            .map_err(|error| self.blame.content(&entry.path, &error))?;
        let content = if entry.is_deflated {
            let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
            if self.unpacked.len() < size {
                self.unpacked.resize(size, 0);
            }
            let space = self.unpacked.get_mut(..size).unwrap_or_default();
            match self.inflate.deflate_decompress(&self.packed, space) {
                Ok(count) => self.unpacked.get(..count).unwrap_or_default(),
                Err(libdeflater::DecompressionError::InsufficientSpace) => {
                    return Err(self.too_long(entry));
                }
                Err(libdeflater::DecompressionError::BadData) => {
                    let reason = "is damaged; download the archive again";
                    return Err(self.blame.entry(&entry.path, reason));
                }
            }
        } else {
            &self.packed
        };
        self.check(entry, length(content.len()), crc32fast::hash(content))?;
        Ok(Content::Whole(content))
    }

    /// Compares what came out with what was declared.
    pub(super) fn check(&self, entry: &Entry, size: u64, crc32: u32) -> Result<(), ArchiveError> {
        if size != entry.size {
            return Err(self.blame.entry(&entry.path, lies(size, entry.size)));
        }
        if crc32 != entry.crc32 {
            return Err(self.blame.entry(
                &entry.path,
                "is damaged, its checksum is another; download the archive again",
            ));
        }
        Ok(())
    }

    /// The error of a content that does not end where it should.
    pub(super) fn too_long(&self, entry: &Entry) -> ArchiveError {
        let more = entry.size.saturating_add(1);
        self.blame.entry(&entry.path, lies(more, entry.size))
    }
}

/// A part of a file.
struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let bytes = buffer.len().min(left);
        let buffer = buffer.get_mut(..bytes).unwrap_or_default();
        let count = disk::read_at(self.file, buffer, self.at)?;
        self.at += length(count);
        Ok(count)
    }
}

fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..)
        && !rest.is_empty()
    {
        match disk::read_at(file, rest, offset.saturating_add(length(done))) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
