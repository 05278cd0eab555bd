//! From a folder to an archive. The same content gives the same bytes: entries in the order of their
//! paths, no times, no owners, whatever the number of threads.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ::zip::result::ZipError;
use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, PreparedZipFile, ZipWriter};
use flate2::{Compress, FlushCompress, Status};

use super::chunks::{Queue, work_in_order};
use super::kind::{self, Compression};
use super::tree::{Kind, Tree};
use super::{ArchiveError, Canceled, Limits, Report, UNFINISHED, disk, length, name, threads};

/// Contents are compressed in pieces of this size, each by any thread.
const PIECE_BYTES: usize = 1 << 20;

/// The largest block of bzip2, which compresses better the larger its blocks are.
const BZIP2_BYTES: usize = 900_000;

/// As hard as other programs try when they are not told.
const LEVEL: u32 = 6;

/// Files of up to this size are compressed by threads while others are written to the archive.
const WHOLE_BYTES: u64 = 2 << 20;

/// A file that may grow beyond this gets fields for large sizes in a zip archive.
const LARGE: u64 = 0xF000_0000;

/// 1980-01-01, the first day that zip knows, so that both kinds give the same.
const TIME_SECONDS: u64 = 315_532_800;

/// Packs a folder into an archive, its entries below `top` when one is given. The name of the archive
/// says its kind: `.zip`, `.tar`, `.tar.gz`, `.tgz`, `.tar.bz2`. Files keep their modes, without
/// setuid and the like. It appears when it is complete.
///
/// # Errors
/// [`ArchiveError::File`] names the file that cannot be read or written, or whose name no archive may
/// have.
pub fn pack(
    folder: &Path,
    archive: &Path,
    top: Option<&str>,
    canceled: Canceled<'_>,
) -> Result<Report, ArchiveError> {
    let how = How {
        keeps_modes: true,
        ..How::default()
    };
    pack_listed(folder, archive, top, &|_| false, how, canceled)
}

/// As [`pack`], for other machines: without the files and folders whose names `leave_out` answers to,
/// and of the modes only whether a file may be executed, so that the same files give the same
/// archive, byte for byte.
///
/// # Errors
/// Those of [`pack`].
pub fn pack_without(
    folder: &Path,
    archive: &Path,
    top: Option<&str>,
    leave_out: &dyn Fn(&OsStr) -> bool,
    canceled: Canceled<'_>,
) -> Result<Report, ArchiveError> {
    pack_listed(folder, archive, top, leave_out, How::default(), canceled)
}

/// Likewise without a top folder, for the user's own eyes: others cannot read the archive.
///
/// # Errors
/// As [`pack`].
pub fn pack_private(
    folder: &Path,
    archive: &Path,
    canceled: Canceled<'_>,
) -> Result<Report, ArchiveError> {
    let how = How {
        keeps_modes: true,
        is_private: true,
    };
    pack_listed(folder, archive, None, &|_| false, how, canceled)
}

/// How an archive is made.
#[derive(Clone, Copy, Default)]
struct How {
    /// The modes of files go into it as they are.
    keeps_modes: bool,
    /// Only its owner may read it.
    is_private: bool,
}

fn pack_listed(
    folder: &Path,
    archive: &Path,
    top: Option<&str>,
    leave_out: &dyn Fn(&OsStr) -> bool,
    how: How,
    canceled: Canceled<'_>,
) -> Result<Report, ArchiveError> {
    let write = |source: io::Error| ArchiveError::file(archive, "written", source);
    let read = |source: io::Error| ArchiveError::file(folder, "read", source);
    let root = fs::canonicalize(folder).map_err(read)?;
    if !root.is_dir() {
        return Err(read(io::ErrorKind::NotADirectory.into()));
    }
    let Some(kind) = kind::of_name(archive) else {
        let message = format!("its name does not say its kind; {}", kind::UNDERSTOOD);
        return Err(write(io::Error::other(message)));
    };
    let parent = match archive.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(write)?;
    let temporary = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .suffix(".part")
        .tempfile_in(parent)
        .map_err(write)?;
    let mut list = List {
        root: &root,
        // The archive may lie in the folder that it is made of.
        archives: [
            fs::canonicalize(temporary.path()).unwrap_or_default(),
            fs::canonicalize(archive).unwrap_or_default(),
        ],
        leave_out,
        keeps_modes: how.keeps_modes,
        items: Vec::new(),
        report: Report::default(),
        canceled,
    };
    let top = top.map_or_else(String::new, |top| format!("{top}/"));
    if !top.is_empty() {
        list.add(top.clone(), &root, What::Folder);
    }
    list.walk(&root, &top)?;
    let List {
        mut items,
        mut report,
        ..
    } = list;
    items.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    check_names(&items)?;

    let output = temporary.as_file().try_clone().map_err(write)?;
    let output = BufWriter::with_capacity(256 << 10, output);
    let job = Job {
        archive,
        items: &items,
        report: &mut report,
        canceled,
    };
    let mut output = match kind {
        kind::Kind::Zip => job.zip(output)?,
        kind::Kind::Tar(compression) => job.tar(output, compression)?,
    };
    output.flush().map_err(write)?;
    if !how.is_private {
        crate::platform::set_default_mode(temporary.as_file()).map_err(write)?;
    }
    temporary.as_file().sync_all().map_err(write)?;
    temporary
        .persist(archive)
        .map_err(|error| write(error.error))?;
    Ok(report)
}

/// Something that goes into the archive.
struct Item {
    /// Its path in the archive; that of a folder ends with `/`.
    name: String,
    path: PathBuf,
    what: What,
}

enum What {
    Folder,
    File { mode: u32, size: u64 },
    Link(String),
}

impl Item {
    fn mode(&self) -> u32 {
        match self.what {
            What::Folder => 0o755,
            What::File { mode, .. } => mode,
            What::Link(_) => 0o777,
        }
    }

    /// Whether a thread compresses it, whole.
    fn is_small(&self) -> bool {
        matches!(self.what, What::File { size, .. } if size <= WHOLE_BYTES)
    }

    fn failed(&self, verb: &'static str, error: impl Into<io::Error>) -> ArchiveError {
        ArchiveError::file(&self.path, verb, error.into())
    }
}

/// What is to be packed.
struct List<'a> {
    root: &'a Path,
    archives: [PathBuf; 2],
    leave_out: &'a dyn Fn(&OsStr) -> bool,
    keeps_modes: bool,
    items: Vec<Item>,
    report: Report,
    canceled: Canceled<'a>,
}

impl List<'_> {
    fn walk(&mut self, dir: &Path, prefix: &str) -> Result<(), ArchiveError> {
        let read = |source: io::Error| ArchiveError::file(dir, "read", source);
        for entry in fs::read_dir(dir).map_err(read)? {
            let entry = entry.map_err(read)?;
            if (self.canceled)() {
                return Err(ArchiveError::Canceled);
            }
            let path = entry.path();
            if self.archives.contains(&path) || (self.leave_out)(&entry.file_name()) {
                continue;
            }
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                self.skip(&path, "its name is not Unicode");
                continue;
            };
            let name = format!("{prefix}{name}");
            let read = |source| ArchiveError::file(&path, "read", source);
            let data = entry.metadata().map_err(read)?;
            if data.is_dir() {
                let name = format!("{name}/");
                self.add(name.clone(), &path, What::Folder);
                self.walk(&path, &name)?;
            } else if data.is_symlink() {
                self.add_link(name, &path)?;
            } else if data.is_file() {
                let mode = match disk::mode(&data) {
                    Some(mode) if self.keeps_modes => mode & 0o777,
                    Some(mode) if mode & 0o111 != 0 => 0o755,
                    Some(_) | None => 0o644,
                };
                let what = What::File {
                    mode,
                    size: data.len(),
                };
                self.add(name, &path, what);
            } else {
                self.skip(&path, "it is a device, a pipe or a socket");
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, path: &Path, what: What) {
        self.items.push(Item {
            name,
            path: path.to_owned(),
            what,
        });
    }

    /// A link inside the folder stays one; one that leads out would be refused when unpacking.
    fn add_link(&mut self, name: String, path: &Path) -> Result<(), ArchiveError> {
        let to = fs::read_link(path).map_err(|source| ArchiveError::file(path, "read", source))?;
        let inside = fs::canonicalize(path).is_ok_and(|real| real.starts_with(self.root));
        let depth = name.matches('/').count();
        match to.to_str() {
            Some(to) if inside && name::safe_link(to, depth).is_ok() => {
                self.add(name, path, What::Link(to.to_owned()));
            }
            _ => self.skip(
                path,
                "it is a link that leads out of the folder, or to nothing",
            ),
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        let path = path.display();
        self.report
            .skipped
            .push(format!("`{path}` was left out of the archive: {reason}"));
    }
}

/// What could not be unpacked is not packed.
fn check_names(items: &[Item]) -> Result<(), ArchiveError> {
    let mut tree = Tree::default();
    for item in items {
        let refuse = |reason: String| {
            let message = format!("it {reason}, and no archive with it could be unpacked");
            ArchiveError::file(&item.path, "packed", io::Error::other(message))
        };
        if item.name.contains('\\') {
            return Err(refuse("has a `\\` in its name".to_owned()));
        }
        let path = name::safe(&item.name, Limits::default().depth).map_err(refuse)?;
        let kind = match item.what {
            What::Folder => Kind::Folder,
            What::File { .. } => Kind::File,
            What::Link(_) => Kind::Link,
        };
        tree.take(&path, kind, 0).map_err(refuse)?;
    }
    Ok(())
}

/// Packs what was listed.
struct Job<'a> {
    archive: &'a Path,
    items: &'a [Item],
    report: &'a mut Report,
    canceled: Canceled<'a>,
}

type ZipQueue<'a> = Queue<&'a Item, Result<PreparedZipFile, ArchiveError>>;

impl<'a> Job<'a> {
    fn zip(self, output: BufWriter<File>) -> Result<BufWriter<File>, ArchiveError> {
        let worker = || {
            let (mut probe, mut content) = (Probe::new(), Vec::new());
            move |item: &'a Item| prepare(item, &mut probe, &mut content)
        };
        let mut zip = ZipWriter::new(output);
        let mut probe = Probe::new();
        work_in_order(threads(), worker, |queue: &mut ZipQueue<'a>| {
            let mut small = self.items.iter().filter(|item| item.is_small());
            for item in self.items {
                if (self.canceled)() {
                    return Err(ArchiveError::Canceled);
                }
                queue.fill(&mut small);
                let options = zip_options(item, CompressionMethod::Stored);
                let (packed, bytes) = match &item.what {
                    What::Folder => (zip.add_directory(&*item.name, options), None),
                    What::Link(to) => (zip.add_symlink(&item.name, to, options), Some(0)),
                    What::File { .. } if item.is_small() => {
                        let file = queue.result().expect("every small file was ordered")?;
                        let bytes = file.uncompressed_size();
                        (zip.add_prepared_file(file), Some(bytes))
                    }
                    What::File { .. } => {
                        let bytes = stream(item, &mut zip, &mut probe, self.canceled)?;
                        (Ok(()), Some(bytes))
                    }
                };
                packed.map_err(|error| item.failed("packed", error))?;
                self.report.files += usize::from(bytes.is_some());
                self.report.bytes += bytes.unwrap_or(0);
            }
            Ok(())
        })?;
        let written = zip.finish();
        written.map_err(|error| ArchiveError::file(self.archive, "written", error.into()))
    }

    fn tar(
        self,
        output: BufWriter<File>,
        compression: Compression,
    ) -> Result<BufWriter<File>, ArchiveError> {
        let archive = self.archive;
        let write = |source| ArchiveError::file(archive, "written", source);
        match compression {
            Compression::None => self.tar_into(output),
            Compression::Gzip => {
                let worker = || {
                    let mut pieces = Pieces::new();
                    move |(bytes, is_last): (Vec<u8>, bool)| {
                        let crc = crc32fast::Hasher::new_with_initial_len(
                            crc32fast::hash(&bytes),
                            length(bytes.len()),
                        );
                        (pieces.deflate(&bytes, is_last), crc, bytes.len())
                    }
                };
                work_in_order(threads(), worker, |queue| {
                    let sink = Gzip::begin(queue, output).map_err(write)?;
                    self.tar_into(sink)?.end().map_err(write)
                })
            }
            Compression::Bzip2 => {
                let worker = || {
                    |bytes: Vec<u8>| -> io::Result<Vec<u8>> {
                        let level = bzip2::Compression::best();
                        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), level);
                        bzip2.write_all(&bytes)?;
                        bzip2.finish()
                    }
                };
                work_in_order(threads(), worker, |queue| {
                    let sink = Bzip2 {
                        queue,
                        buffer: Vec::new(),
                        output,
                    };
                    self.tar_into(sink)?.end().map_err(write)
                })
            }
        }
    }

    /// Writes the tar archive itself.
    fn tar_into<W: Write>(self, sink: W) -> Result<W, ArchiveError> {
        let mut tar = tar::Builder::new(sink);
        for item in self.items {
            if (self.canceled)() {
                return Err(ArchiveError::Canceled);
            }
            let mut header = tar::Header::new_gnu();
            header.set_mode(item.mode());
            header.set_mtime(TIME_SECONDS);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            let packed = match &item.what {
                What::Folder => {
                    header.set_entry_type(tar::EntryType::Directory);
                    tar.append_data(&mut header, &item.name, io::empty())
                }
                What::Link(to) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    self.report.files += 1;
                    tar.append_link(&mut header, &item.name, to)
                }
                What::File { size, .. } => {
                    header.set_size(*size);
                    let file = File::open(&item.path);
                    let content = Watched {
                        input: file.map_err(|error| item.failed("read", error))?,
                        left: *size,
                        canceled: self.canceled,
                    };
                    self.report.files += 1;
                    self.report.bytes += size;
                    tar.append_data(&mut header, &item.name, content)
                }
            };
            match packed {
                Ok(()) => {}
                Err(_) if (self.canceled)() => return Err(ArchiveError::Canceled),
                Err(error) => return Err(item.failed("packed", error)),
            }
        }
        tar.into_inner()
            .map_err(|source| ArchiveError::file(self.archive, "written", source))
    }
}

/// A content of a size that was promised, whose reader may be told to end.
struct Watched<'a> {
    input: File,
    left: u64,
    canceled: Canceled<'a>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.canceled)() {
            return Err(io::Error::other("it was canceled"));
        }
        let bytes = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self
            .input
            .read(buffer.get_mut(..bytes).unwrap_or_default())?;
        if count == 0 && bytes > 0 {
            return Err(io::Error::other("it became shorter while it was packed"));
        }
        self.left -= length(count);
        Ok(count)
    }
}

/// What an entry of a zip archive tells beside its name: "made by a Unix", so that modes count, and no
/// time.
fn zip_options(item: &Item, method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::DEFAULT
        .system(::zip::System::Unix)
        .unix_permissions(item.mode())
        .compression_method(method)
}

/// Reads and compresses a file, whole.
fn prepare(
    item: &Item,
    probe: &mut Probe,
    content: &mut Vec<u8>,
) -> Result<PreparedZipFile, ArchiveError> {
    let read = |error| item.failed("read", error);
    content.clear();
    File::open(&item.path)
        .and_then(|file| file.take(WHOLE_BYTES + 1).read_to_end(content))
        .map_err(read)?;
    if length(content.len()) > WHOLE_BYTES {
        let message = "it became larger while it was packed";
        return Err(read(io::Error::other(message)));
    }
    let options = zip_options(item, probe.method(content));
    PreparedZipFile::from_data(&item.name, options, content)
        .map_err(|error| item.failed("packed", error))
}

/// Writes a large file to a zip archive, piece by piece; answers its size.
fn stream(
    item: &Item,
    zip: &mut ZipWriter<BufWriter<File>>,
    probe: &mut Probe,
    canceled: Canceled<'_>,
) -> Result<u64, ArchiveError> {
    let read = |error: io::Error| item.failed("read", error);
    let packed = |error: ZipError| item.failed("packed", error);
    let mut file = File::open(&item.path).map_err(read)?;
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let mut bytes = 0;
    loop {
        if canceled() {
            return Err(ArchiveError::Canceled);
        }
        piece.clear();
        let mut part = Read::by_ref(&mut file).take(length(PIECE_BYTES));
        part.read_to_end(&mut piece).map_err(read)?;
        if bytes == 0 {
            let is_large = matches!(item.what, What::File { size, .. } if size >= LARGE);
            let options = zip_options(item, probe.method(&piece)).large_file(is_large);
            zip.start_file(&item.name, options).map_err(packed)?;
        }
        if piece.is_empty() {
            return Ok(bytes);
        }
        zip.write_all(&piece)
            .map_err(|error| item.failed("packed", error))?;
        bytes += length(piece.len());
    }
}

/// Tells by samples whether a content is worth the work: pictures, music and archives are not.
struct Probe {
    fast: libdeflater::Compressor,
    space: Vec<u8>,
}

/// Samples of a content, and the bytes of each.
const SAMPLES: usize = 4;
const SAMPLE_BYTES: usize = 4 << 10;

impl Probe {
    fn new() -> Self {
        Self {
            // The library's own `fastest` only stores, which would say that nothing shrinks.
            fast: libdeflater::Compressor::new(
                libdeflater::CompressionLvl::new(1).expect("there is a level 1"),
            ),
            space: Vec::new(),
        }
    }

    fn method(&mut self, content: &[u8]) -> CompressionMethod {
        if self.shrinks(content) {
            CompressionMethod::Deflated
        } else {
            CompressionMethod::Stored
        }
    }

    /// Whether it becomes noticeably smaller. Of a small content nobody can tell, so it is tried.
    fn shrinks(&mut self, content: &[u8]) -> bool {
        if content.len() < 2 * SAMPLES * SAMPLE_BYTES {
            return !content.is_empty();
        }
        let step = content.len() / SAMPLES;
        content.chunks(step).take(SAMPLES).any(|part| {
            let sample = part.get(..SAMPLE_BYTES).unwrap_or(part);
            self.space
                .resize(self.fast.deflate_compress_bound(sample.len()), 0);
            let count = self.fast.deflate_compress(sample, &mut self.space);
            count.is_ok_and(|count| count < sample.len() - sample.len() / 32)
        })
    }
}

/// Deflates pieces, each on its own, so that they are one content when they are put together.
struct Pieces {
    probe: Probe,
    compress: Compress,
    store: Compress,
}

impl Pieces {
    fn new() -> Self {
        Self {
            probe: Probe::new(),
            compress: Compress::new(flate2::Compression::new(LEVEL), false),
            store: Compress::new(flate2::Compression::none(), false),
        }
    }

    fn deflate(&mut self, bytes: &[u8], is_last: bool) -> io::Result<Vec<u8>> {
        let compress = if self.probe.shrinks(bytes) {
            &mut self.compress
        } else {
            &mut self.store
        };
        let flush = if is_last {
            FlushCompress::Finish
        } else {
            FlushCompress::Sync
        };
        compress.reset();
        let mut output = Vec::with_capacity(bytes.len() / 2 + 1024);
        loop {
            let done = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
            let rest = bytes.get(done..).unwrap_or_default();
            let status = compress.compress_vec(rest, &mut output, flush)?;
            let has_room = output.len() < output.capacity();
            let is_done = match status {
                Status::StreamEnd => true,
                // Everything is flushed when there was room for more.
                Status::Ok | Status::BufError => {
                    !is_last && has_room && compress.total_in() == length(bytes.len())
                }
            };
            if is_done {
                return Ok(output);
            }
            output.reserve(output.capacity() / 2 + 1024);
        }
    }
}

type Deflated = (io::Result<Vec<u8>>, crc32fast::Hasher, usize);

/// One gzip member whose pieces are deflated by several threads.
struct Gzip<'q> {
    queue: &'q mut Queue<(Vec<u8>, bool), Deflated>,
    buffer: Vec<u8>,
    output: BufWriter<File>,
    crc: crc32fast::Hasher,
    size: u32,
}

impl<'q> Gzip<'q> {
    fn begin(
        queue: &'q mut Queue<(Vec<u8>, bool), Deflated>,
        mut output: BufWriter<File>,
    ) -> io::Result<Self> {
        // Deflate, no flags, no time, no special level, no system.
        output.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")?;
        Ok(Self {
            queue,
            buffer: Vec::with_capacity(PIECE_BYTES),
            output,
            crc: crc32fast::Hasher::new(),
            size: 0,
        })
    }

    fn put(&mut self, deflated: Option<Deflated>) -> io::Result<()> {
        let Some((bytes, crc, size)) = deflated else {
            return Ok(());
        };
        self.crc.combine(&crc);
        // The format counts modulo 2^32.
        self.size = self.size.wrapping_add(u32::try_from(size).unwrap_or(0));
        self.output.write_all(&bytes?)
    }

    fn end(mut self) -> io::Result<BufWriter<File>> {
        let last = std::mem::take(&mut self.buffer);
        let done = self.queue.order((last, true));
        self.put(done)?;
        while let Some(done) = self.queue.result() {
            self.put(Some(done))?;
        }
        let crc = self.crc.finalize();
        self.output.write_all(&crc.to_le_bytes())?;
        self.output.write_all(&self.size.to_le_bytes())?;
        Ok(self.output)
    }
}

impl Write for Gzip<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = fill_up(&mut self.buffer, bytes, PIECE_BYTES);
        if self.buffer.len() == PIECE_BYTES {
            let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE_BYTES));
            let done = self.queue.order((piece, false));
            self.put(done)?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Streams of bzip2 one behind the other, each of one block, made by several threads.
struct Bzip2<'q> {
    queue: &'q mut Queue<Vec<u8>, io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
    output: BufWriter<File>,
}

impl Bzip2<'_> {
    fn order(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.buffer);
        match self.queue.order(block) {
            Some(stream) => self.output.write_all(&stream?),
            None => Ok(()),
        }
    }

    fn end(mut self) -> io::Result<BufWriter<File>> {
        if !self.buffer.is_empty() {
            self.order()?;
        }
        while let Some(stream) = self.queue.result() {
            self.output.write_all(&stream?)?;
        }
        Ok(self.output)
    }
}

impl Write for Bzip2<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = fill_up(&mut self.buffer, bytes, BZIP2_BYTES);
        if self.buffer.len() == BZIP2_BYTES {
            self.order()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fills a buffer up to its size; answers the bytes taken.
fn fill_up(buffer: &mut Vec<u8>, bytes: &[u8], size: usize) -> usize {
    let count = bytes.len().min(size.saturating_sub(buffer.len()));
    buffer.extend_from_slice(bytes.get(..count).unwrap_or_default());
    count
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, unpack};
    use super::*;

    #[test]
    fn what_was_packed_comes_out_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        fs::create_dir_all(folder.join("sub/empty")).unwrap();
        fs::write(folder.join("sub/a"), "hello").unwrap();
        fs::write(folder.join("数据"), "").unwrap();
        let archive = folder.join("out.zip");
        for round in 0..2 {
            let report = pack(&folder, &archive, Some("data"), &|| false).unwrap();
            assert_eq!((report.files, report.bytes), (2, 5), "round {round}");
        }
        let out = dir.path().join("out");
        unpack(&archive, &out, &Limits::default(), &|| false).unwrap();
        assert_eq!(fs::read_to_string(out.join("data/sub/a")).unwrap(), "hello");
        assert!(out.join("data/sub/empty").is_dir());
        assert!(out.join("data/数据").is_file());
    }

    #[cfg(unix)]
    #[test]
    fn modes_and_inner_links_are_kept_and_outer_links_left_out() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("run"), "#!").unwrap();
        fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("run", folder.join("inner")).unwrap();
        symlink("/etc", folder.join("outer")).unwrap();
        let archive = dir.path().join("out.zip");
        let report = pack(&folder, &archive, None, &|| false).unwrap();
        assert_eq!(report.skipped.len(), 1);
        let out = dir.path().join("out");
        unpack(&archive, &out, &Limits::default(), &|| false).unwrap();
        let mode = fs::metadata(out.join("run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read_link(out.join("inner")).unwrap(), Path::new("run"));
        assert!(!out.join("outer").exists());
    }

    #[test]
    fn what_shrinks_is_told_from_what_does_not() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(100_000)
        .collect();
        let text = b"words and more words\n".repeat(5000);
        let mut probe = Probe::new();
        assert!(probe.shrinks(&text));
        assert!(!probe.shrinks(&noise));
        assert!(probe.shrinks(&[&*noise, &text].concat()));
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(dir.path().join("data/text"), &text).unwrap();
        fs::write(dir.path().join("data/large"), text.repeat(30)).unwrap();
        for name in ["a.zip", "a.tar.gz", "a.tar.bz2"] {
            let archive = dir.path().join(name);
            pack(&dir.path().join("data"), &archive, None, &|| false).unwrap();
            assert!(fs::metadata(&archive).unwrap().len() < 100_000, "{name}");
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = pack(
            &dir.path().join("no"),
            &dir.path().join("x.zip"),
            None,
            &|| false,
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("/no` cannot be read")
        );
        assert!(!dir.path().join("x.zip").exists());
    }
}
