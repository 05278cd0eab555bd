//! Finds lines of a log by their number, however long the log is: where some of the lines begin is kept,
//! and brought up to date when the log grew or was rotated. Everything here blocks.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::log::{self, identity, parts};

/// Lines between two places that are kept.
const LINES: u64 = 256;

/// Bytes between two places that are kept, where lines are long.
const BYTES: u64 = 128 << 10;

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// A line is shown up to here.
const MAX_LINE_BYTES: usize = 8 << 10;

/// Bytes that one search looks through; it is asked again for more.
const MAX_SEARCH_BYTES: u64 = 32 << 20;

/// Logs whose places are kept.
const MAX_LOGS: usize = 32;

/// The places of the logs that were looked at lately.
#[derive(Debug, Default)]
pub(super) struct LogIndexes {
    known: Mutex<HashMap<PathBuf, Known>>,
}

/// A log with when it was last asked for.
type Known = (Instant, Arc<Mutex<LogIndex>>);

impl LogIndexes {
    /// The places of a log.
    pub(super) fn of(&self, log: &Path) -> Arc<Mutex<LogIndex>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_LOGS && !known.contains_key(log) {
            let oldest = known.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(log, _)| log.clone()) {
                known.remove(&oldest);
            }
        }
        let entry = known
            .entry(log.to_owned())
            .or_insert_with(|| (Instant::now(), Arc::new(Mutex::new(LogIndex::new(log)))));
        entry.0 = Instant::now();
        entry.1.clone()
    }
}

/// Where the lines of one log are. A line keeps its number while the log is rotated.
#[derive(Debug)]
pub(super) struct LogIndex {
    log: PathBuf,
    /// Another one whenever numbers mean other lines than before.
    epoch: u64,
    /// Number of the first line that is kept.
    first: u64,
    /// Oldest first.
    parts: Vec<Part>,
}

/// One file of a log.
#[derive(Debug)]
struct Part {
    identity: u64,
    path: PathBuf,
    /// Whole lines.
    lines: u64,
    /// Bytes of them.
    bytes: u64,
    /// Whether there is something behind them.
    has_rest: bool,
    /// Every so often: the number of a line in this part, and where it begins.
    marks: Vec<(u64, u64)>,
}

/// What is there of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Extent {
    /// Another one whenever numbers mean other lines than before.
    pub epoch: String,
    /// Number of the first line that is kept.
    pub first: u64,
    /// Number behind the last line.
    pub total: u64,
}

/// Lines in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Window {
    #[serde(flatten)]
    pub extent: Extent,
    /// Number of the first of these lines.
    pub from: u64,
    /// The lines; a long one is cut, and ends in `…` then.
    pub lines: Vec<String>,
    /// The log's last line has no end yet.
    pub partial: bool,
}

/// A line in which something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Match {
    /// Its number.
    pub line: u64,
    /// The line; a long one is cut.
    pub text: String,
    /// Where it was found first: begin and end in UTF-16 units, as a page counts. Null where the line
    /// is cut before.
    pub at: Option<(usize, usize)>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Found {
    #[serde(flatten)]
    pub extent: Extent,
    /// In the order of the search.
    pub matches: Vec<Match>,
    /// The line to ask on from; null when all was looked through.
    pub next: Option<u64>,
}

/// What is searched for.
#[derive(Clone, Debug)]
pub(super) struct Search<'a> {
    /// The text.
    pub text: &'a str,
    /// Upper and lower case of ASCII differ.
    pub case: bool,
    /// Towards older lines.
    pub up: bool,
    /// The line to begin with; the first or last when not given.
    pub from: Option<u64>,
    /// How many matches at most.
    pub limit: usize,
}

impl LogIndex {
    fn new(log: &Path) -> Self {
        Self {
            log: log.to_owned(),
            epoch: next_epoch(),
            first: 0,
            parts: Vec::new(),
        }
    }

    /// Brings the places up to date.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let there = opened(&self.log)?;
        let mut old = std::mem::take(&mut self.parts);
        let mut forgotten = 0;
        if let Some(oldest) = there.first().map(|it| identity(&it.metadata)) {
            match old.iter().position(|part| part.identity == oldest) {
                Some(gone) => {
                    forgotten = old.drain(..gone).map(|part| part.lines_in_all()).sum();
                }
                // Nothing of what was known is there any more.
                None if old.is_empty() => {}
                None => {
                    old.clear();
                    self.epoch = next_epoch();
                    self.first = 0;
                }
            }
        } else if !old.is_empty() {
            old.clear();
            self.epoch = next_epoch();
            self.first = 0;
        }
        self.first += forgotten;
        let mut old = old.into_iter();
        for Opened {
            path,
            mut file,
            metadata,
        } in there
        {
            let identity = identity(&metadata);
            let mut part = match old.next() {
                Some(part) if part.identity == identity && part.bytes <= metadata.len() => {
                    Part { path, ..part }
                }
                Some(_) => {
                    // Another file, or one that became shorter: its lines have new numbers.
                    self.epoch = next_epoch();
                    old = Vec::new().into_iter();
                    Part::new(identity, path)
                }
                None => Part::new(identity, path),
            };
            part.scan(&mut file, metadata.len())?;
            self.parts.push(part);
        }
        Ok(())
    }

    /// What is there.
    pub(super) fn extent(&self) -> Extent {
        let lines: u64 = self.parts.iter().map(Part::lines_in_all).sum();
        Extent {
            epoch: format!("{:x}", self.epoch),
            first: self.first,
            total: self.first + lines,
        }
    }

    /// Whether the last line has no end yet.
    pub(super) fn is_partial(&self) -> bool {
        self.parts.last().is_some_and(|part| part.has_rest)
    }

    /// `count` lines from `from` on; a negative `from` counts from the end.
    pub(super) fn window(&self, from: i64, count: usize) -> io::Result<Window> {
        let extent = self.extent();
        let wanted = match u64::try_from(from) {
            Ok(from) => from,
            Err(_) => extent.total.saturating_sub(from.unsigned_abs()),
        };
        let from = wanted.clamp(extent.first, extent.total);
        let mut lines = Vec::new();
        let mut begin = self.first;
        for part in &self.parts {
            let end = begin + part.lines_in_all();
            let next = from + u64::try_from(lines.len()).unwrap_or(u64::MAX);
            if next < end && lines.len() < count {
                part.read(next - begin, count - lines.len(), &mut lines)?;
            }
            begin = end;
        }
        Ok(Window {
            partial: self.is_partial(),
            extent,
            from,
            lines,
        })
    }

    /// Looks for a text.
    pub(super) fn search(&self, search: &Search<'_>) -> io::Result<Found> {
        let extent = self.extent();
        let from = match (search.from, search.up) {
            (Some(from), _) => from,
            (None, false) => extent.first,
            (None, true) => extent.total.saturating_sub(1),
        };
        let mut matches = Vec::new();
        let mut next = None;
        let mut left = MAX_SEARCH_BYTES;
        let mut chunks = self.chunks();
        if search.up {
            chunks.reverse();
        }
        for chunk in chunks {
            let is_ahead = if search.up {
                chunk.begin <= from
            } else {
                chunk.end > from
            };
            if !is_ahead {
                continue;
            }
            if matches.len() >= search.limit || left == 0 {
                let last = if search.up {
                    chunk.end.saturating_sub(1)
                } else {
                    chunk.begin
                };
                next = Some(last);
                break;
            }
            left = left.saturating_sub(chunk.bytes);
            let mut found = chunk.search(search)?;
            found.retain(|it| {
                if search.up {
                    it.line <= from
                } else {
                    it.line >= from
                }
            });
            if search.up {
                found.reverse();
            }
            matches.append(&mut found);
        }
        if matches.len() > search.limit {
            let surplus = matches.split_off(search.limit);
            next = surplus.first().map(|it| it.line);
        }
        Ok(Found {
            extent,
            matches,
            next,
        })
    }

    /// All pieces between two kept places, oldest first.
    fn chunks(&self) -> Vec<Chunk<'_>> {
        let mut chunks = Vec::new();
        let mut begin = self.first;
        for part in &self.parts {
            let end = (part.lines_in_all(), u64::MAX);
            let ends = part.marks.iter().skip(1).chain([&end]);
            for ((line, offset), (next_line, next_offset)) in part.marks.iter().zip(ends) {
                if next_line > line {
                    chunks.push(Chunk {
                        path: &part.path,
                        begin: begin + line,
                        end: begin + next_line,
                        offset: *offset,
                        bytes: (*next_offset)
                            .min(part.bytes + BYTES)
                            .saturating_sub(*offset),
                    });
                }
            }
            begin += part.lines_in_all();
        }
        chunks
    }

    /// The files, oldest first, for a download.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.parts.iter().map(|part| part.path.clone()).collect()
    }
}

/// A file of a log.
struct Opened {
    path: PathBuf,
    file: File,
    metadata: Metadata,
}

/// The files of a log, oldest first. While they are renamed one of them may be missing for a moment, or
/// be met twice.
fn opened(log: &Path) -> io::Result<Vec<Opened>> {
    let mut there: Vec<Opened> = Vec::new();
    let mut missing = 0;
    for path in parts(log) {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing == 0 => {
                missing += 1;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        missing = 0;
        let metadata = file.metadata()?;
        // On Windows an identity is a time, which two files may share.
        let is_met = there.last().is_some_and(|last| {
            identity(&last.metadata) == identity(&metadata) && last.metadata.len() == metadata.len()
        });
        if !is_met {
            there.push(Opened {
                path,
                file,
                metadata,
            });
        }
    }
    there.reverse();
    Ok(there)
}

fn next_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0_u8; 6];
    // Without randomness the counter still tells two of this run apart.
    let _ = getrandom::fill(&mut random);
    let random = random
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    random.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed) << 48)
}

impl Part {
    fn new(identity: u64, path: PathBuf) -> Self {
        Self {
            identity,
            path,
            lines: 0,
            bytes: 0,
            has_rest: false,
            marks: vec![(0, 0)],
        }
    }

    fn lines_in_all(&self) -> u64 {
        self.lines + u64::from(self.has_rest)
    }

    /// Counts what was appended.
    fn scan(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        if length > self.bytes {
            file.seek(SeekFrom::Start(self.bytes))?;
            let mut file = file.take(length - self.bytes);
            let mut block = vec![0; BLOCK];
            let mut at = self.bytes;
            loop {
                let count = file.read(&mut block)?;
                if count == 0 {
                    break;
                }
                let read = block.get(..count).unwrap_or_default();
                for newline in memchr::memchr_iter(b'\n', read) {
                    self.line_ends(at + u64::try_from(newline).unwrap_or_default() + 1);
                }
                at += u64::try_from(count).unwrap_or_default();
            }
            self.has_rest = at > self.bytes;
        } else {
            self.has_rest = false;
        }
        Ok(())
    }

    fn line_ends(&mut self, offset: u64) {
        self.lines += 1;
        self.bytes = offset;
        let (line, begin) = self.marks.last().copied().unwrap_or_default();
        if self.lines - line >= LINES || offset - begin >= BYTES {
            self.marks.push((self.lines, offset));
        }
    }

    /// Reads lines of this part from a number on.
    fn read(&self, from: u64, count: usize, lines: &mut Vec<String>) -> io::Result<()> {
        let after = self.marks.partition_point(|(line, _)| *line <= from);
        let mark = self.marks.get(after.saturating_sub(1));
        let (line, offset) = mark.copied().unwrap_or_default();
        let mut file = File::open(&self.path)?;
        // Rotated since: what is called so now is another file.
        if identity(&file.metadata()?) != self.identity {
            return Ok(());
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut reader = Lines::new(file);
        for _ in line..from {
            if !reader.skip()? {
                return Ok(());
            }
        }
        let left = usize::try_from(self.lines_in_all().saturating_sub(from)).unwrap_or(usize::MAX);
        for _ in 0..count.min(left) {
            match reader.next()? {
                Some(line) => lines.push(line),
                None => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Lines between two kept places.
struct Chunk<'a> {
    path: &'a Path,
    begin: u64,
    end: u64,
    offset: u64,
    bytes: u64,
}

impl Chunk<'_> {
    fn search(&self, search: &Search<'_>) -> io::Result<Vec<Match>> {
        let mut file = File::open(self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(self.bytes).read_to_end(&mut bytes)?;
        let mut folded = bytes.clone();
        let mut needle = search.text.as_bytes().to_vec();
        if !search.case {
            folded.make_ascii_lowercase();
            needle.make_ascii_lowercase();
        }
        let mut matches = Vec::new();
        let mut number = self.begin;
        let mut counted = 0;
        let mut from = 0;
        let finder = memchr::memmem::Finder::new(&needle);
        while let Some(found) = folded.get(from..).and_then(|rest| finder.find(rest)) {
            let at = from + found;
            let before = folded.get(counted..at).unwrap_or_default();
            number += u64::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or_default();
            if number >= self.end {
                break;
            }
            let begin = memchr::memrchr(b'\n', folded.get(..at).unwrap_or_default());
            let begin = begin.map_or(0, |newline| newline + 1);
            let rest = folded.get(at..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(folded.len(), |newline| at + newline);
            let line = bytes.get(begin..end).unwrap_or_default();
            matches.push(Match {
                line: number,
                at: place(line, at - begin, needle.len()),
                text: shown(line),
            });
            // On with the next line.
            counted = at;
            from = end;
        }
        Ok(matches)
    }
}

/// Where bytes of a line are in UTF-16 units, when that part of it is shown.
fn place(line: &[u8], at: usize, length: usize) -> Option<(usize, usize)> {
    if at + length > MAX_LINE_BYTES {
        return None;
    }
    let units = |end: usize| {
        let text = String::from_utf8_lossy(line.get(..end).unwrap_or_default());
        text.encode_utf16().count()
    };
    Some((units(at), units(at + length)))
}

fn shown(line: &[u8]) -> String {
    if line.len() <= MAX_LINE_BYTES {
        return log::line(line);
    }
    let mut text = log::line(line.get(..MAX_LINE_BYTES).unwrap_or_default());
    text.push('…');
    text
}

/// Reads lines of which only the beginning is kept.
struct Lines {
    reader: BufReader<File>,
}

impl Lines {
    fn new(file: File) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, file),
        }
    }

    fn skip(&mut self) -> io::Result<bool> {
        Ok(self.take(None)? > 0)
    }

    fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = self.take(Some(&mut line))?;
        Ok((read > 0).then(|| shown(&line)))
    }

    /// Reads to the end of a line. Answers how many bytes it had; 0 at the end of the file.
    fn take(&mut self, mut line: Option<&mut Vec<u8>>) -> io::Result<usize> {
        let mut read = 0;
        loop {
            let block = self.reader.fill_buf()?;
            if block.is_empty() {
                return Ok(read);
            }
            let newline = memchr::memchr(b'\n', block);
            let text = block
                .get(..newline.unwrap_or(block.len()))
                .unwrap_or_default();
            if let Some(line) = line.as_deref_mut() {
                // One byte more than is shown tells that it is cut.
                let room = (MAX_LINE_BYTES + 1).saturating_sub(line.len());
                line.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
            }
            let used = newline.map_or(block.len(), |newline| newline + 1);
            read += used;
            self.reader.consume(used);
            if newline.is_some() {
                return Ok(read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;

    use super::*;

    struct Log {
        _dir: tempfile::TempDir,
        path: PathBuf,
        index: LogIndex,
    }

    impl Log {
        fn new(text: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.log");
            fs::write(&path, text).unwrap();
            Self {
                index: LogIndex::new(&path),
                _dir: dir,
                path,
            }
        }

        fn append(&self, text: &str) {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new()
                .append(true)
                .open(&self.path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn rotate(&self, keep: usize) {
            let part = |number| parts(&self.path).nth(number).unwrap();
            let _ = fs::remove_file(part(keep));
            for number in (0..keep).rev() {
                let _ = fs::rename(part(number), part(number + 1));
            }
            fs::write(&self.path, "").unwrap();
        }

        fn lines(&mut self, from: i64, count: usize) -> Vec<String> {
            self.index.refresh().unwrap();
            self.index.window(from, count).unwrap().lines
        }

        fn find(
            &mut self,
            text: &str,
            up: bool,
            from: Option<u64>,
            limit: usize,
        ) -> (Vec<u64>, Option<u64>) {
            self.index.refresh().unwrap();
            let search = Search {
                text,
                case: false,
                up,
                from,
                limit,
            };
            let found = self.index.search(&search).unwrap();
            let lines = found.matches.iter().map(|it| it.line).collect();
            (lines, found.next)
        }
    }

    fn numbered(count: u64) -> String {
        (0..count).fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "line {number}");
            text
        })
    }

    #[test]
    fn a_line_is_found_by_its_number() {
        let mut log = Log::new(&numbered(10_000));
        for number in [0, 1, 255, 256, 257, 5000, 9999] {
            let expected = format!("line {number}");
            assert_eq!(log.lines(number, 1), [expected]);
        }
        assert_eq!(log.lines(9998, 10), ["line 9998", "line 9999"]);
        assert_eq!(log.lines(-2, 10), ["line 9998", "line 9999"]);
        assert!(log.lines(10_000, 10).is_empty());
        let extent = log.index.extent();
        assert_eq!((extent.first, extent.total), (0, 10_000));
    }

    #[test]
    fn what_is_appended_is_found_and_an_unfinished_line_is_told() {
        let mut log = Log::new("a\nb");
        assert_eq!(log.lines(0, 9), ["a", "b"]);
        assert!(log.index.is_partial());
        log.append("c\nd\n");
        assert_eq!(log.lines(0, 9), ["a", "bc", "d"]);
        assert!(!log.index.is_partial());
    }

    #[test]
    fn lines_keep_their_numbers_when_the_log_is_rotated() {
        let mut log = Log::new("a\nb\n");
        assert_eq!(log.lines(0, 9), ["a", "b"]);
        let epoch = log.index.extent().epoch;
        log.rotate(2);
        log.append("c\n");
        assert_eq!(log.lines(0, 9), ["a", "b", "c"]);
        log.rotate(2);
        log.append("d\n");
        log.rotate(2);
        log.append("e\n");
        assert_eq!(log.lines(2, 9), ["c", "d", "e"]);
        let extent = log.index.extent();
        assert_eq!((extent.first, extent.total), (2, 5));
        assert_eq!(extent.epoch, epoch);
        assert_eq!(log.lines(0, 1), ["c"]);
    }

    #[test]
    fn a_log_that_is_just_being_rotated_keeps_its_numbers() {
        let mut log = Log::new("a\nb\n");
        log.lines(0, 9);
        let epoch = log.index.extent().epoch;
        let part = |number| parts(&log.path).nth(number).unwrap();
        fs::rename(part(0), part(1)).unwrap();
        assert_eq!(log.lines(0, 9), ["a", "b"]);
        fs::write(&log.path, "c\n").unwrap();
        assert_eq!(log.lines(0, 9), ["a", "b", "c"]);
        assert_eq!(log.index.extent().epoch, epoch);
    }

    #[test]
    fn another_log_in_its_place_has_another_epoch() {
        let mut log = Log::new("a\nb\n");
        log.lines(0, 9);
        let epoch = log.index.extent().epoch;
        fs::write(&log.path, "x\n").unwrap();
        assert_eq!(log.lines(0, 9), ["x"]);
        assert_ne!(log.index.extent().epoch, epoch);
        fs::remove_file(&log.path).unwrap();
        assert!(log.lines(0, 9).is_empty());
        fs::write(&log.path, "y\n").unwrap();
        assert_eq!(log.lines(0, 9), ["y"]);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let filler = "x".repeat(MAX_LINE_BYTES * 40);
        let mut log = Log::new(&format!("a\n{filler}\n{filler}\nb\n"));
        let lines = log.lines(0, 9);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1].len(), MAX_LINE_BYTES + '…'.len_utf8());
        assert_eq!(lines[3], "b");
        assert_eq!(log.lines(3, 1), ["b"]);
    }

    #[test]
    fn a_search_goes_down_and_up_and_on() {
        let mut log = Log::new(&numbered(2000));
        assert_eq!(
            log.find("LINE 100", false, None, 3),
            (vec![100, 1000, 1001], Some(1002))
        );
        assert_eq!(
            log.find("line 100", false, Some(1009), 3),
            (vec![1009], None)
        );
        assert_eq!(
            log.find("line 100", true, None, 2),
            (vec![1009, 1008], Some(1007))
        );
        assert_eq!(
            log.find("line 100", true, Some(1000), 5),
            (vec![1000, 100], None)
        );
        assert_eq!(log.find("nothing", false, None, 5), (vec![], None));
    }

    #[test]
    fn a_match_tells_its_place_as_a_page_counts() {
        let mut log = Log::new("数据 Fehler\n");
        log.index.refresh().unwrap();
        let search = Search {
            text: "fehler",
            case: false,
            up: false,
            from: None,
            limit: 9,
        };
        let found = log.index.search(&search).unwrap();
        assert_eq!(found.matches[0].at, Some((3, 9)));
        let search = Search {
            case: true,
            ..search
        };
        assert!(log.index.search(&search).unwrap().matches.is_empty());
    }
}
