//! Reads logs that are rotated while they are read: `x.log` is the newest part, `x.log.1` the one
//! before, and so on. Everything here blocks.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// Most bytes that a tail may have.
const MAX_TAIL_BYTES: usize = 8 << 20;

/// More parts than any rotation keeps.
const MAX_PARTS: u32 = 100;

/// A place in a log that stays the same when the log is rotated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Identity of the part; 0 for the oldest there is.
    part: u64,
    /// Byte in it.
    offset: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}.{:x}", self.part, self.offset)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text| u64::from_str_radix(text, 16).map_err(|_| ());
        let (part, offset) = text.split_once('.').ok_or(())?;
        Ok(Self {
            part: number(part)?,
            offset: number(offset)?,
        })
    }
}

/// The end of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tail {
    /// The last lines, oldest first.
    pub lines: Vec<String>,
    /// Behind the last whole line: where a follower goes on.
    pub end: Position,
}

/// The last `count` lines. A log that is not there has none. A last line without its newline is
/// told only when `unfinished` asks for it: a follower gets it when it is whole.
pub(super) fn tail(log: &Path, count: usize, unfinished: bool) -> io::Result<Tail> {
    let mut tail = Tail::default();
    // The text from the back, blocks in reverse order.
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut newlines = 0;
    let mut bytes = 0;
    let mut is_newest = true;
    'parts: for part in parts(log) {
        let mut file = match File::open(&part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let mut at = metadata.len();
        let mut found_end = !is_newest;
        if is_newest {
            tail.end = Position {
                part: identity(&metadata),
                offset: 0,
            };
        }
        while at > 0 {
            let size = BLOCK.min(usize::try_from(at).unwrap_or(BLOCK));
            at -= u64::try_from(size).unwrap_or_default();
            file.seek(SeekFrom::Start(at))?;
            let mut block = vec![0; size];
            file.read_exact(&mut block)?;
            if !found_end && let Some(last) = block.iter().rposition(|&byte| byte == b'\n') {
                found_end = true;
                tail.end.offset = at + u64::try_from(last).unwrap_or_default() + 1;
            }
            newlines += block.split(|&byte| byte == b'\n').count() - 1;
            bytes += size;
            blocks.push(block);
            // One more than asked for, so that the first line is whole.
            if newlines > count || bytes >= MAX_TAIL_BYTES {
                break 'parts;
            }
        }
        is_newest = false;
    }
    let text: Vec<u8> = blocks.into_iter().rev().flatten().collect();
    let (whole, rest) = match text.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => text.split_at(last + 1),
        None => (
            text.as_slice().get(..0).unwrap_or_default(),
            text.as_slice(),
        ),
    };
    let mut lines = split(whole);
    if unfinished && !rest.is_empty() {
        lines.push(line(rest));
    }
    let surplus = lines.len().saturating_sub(count);
    tail.lines = lines.split_off(surplus);
    Ok(tail)
}

/// Reads a log forward from a position, over the borders of its parts.
#[derive(Debug)]
pub(super) struct Reader {
    log: PathBuf,
    at: Position,
    file: Option<File>,
}

impl Reader {
    /// A reader that goes on at `at`. A part that is gone is replaced by the oldest there is.
    pub(super) fn new(log: PathBuf, at: Position) -> Self {
        Self {
            log,
            at,
            file: None,
        }
    }

    /// Behind the last line that was read.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// The next whole lines, at most about a block of them; none when there are no more yet.
    pub(super) fn read(&mut self) -> io::Result<Vec<String>> {
        loop {
            if self.file.is_none() && !self.open()? {
                return Ok(Vec::new());
            }
            // Looked at before reading: once there is a newer part, nothing is added to this one.
            let is_newest = !matches!(
                std::fs::metadata(&self.log),
                Ok(newest) if identity(&newest) != self.at.part
            );
            let Some(file) = &mut self.file else {
                return Ok(Vec::new());
            };
            file.seek(SeekFrom::Start(self.at.offset))?;
            let mut block = Vec::with_capacity(BLOCK);
            file.take(BLOCK.try_into().unwrap_or(u64::MAX))
                .read_to_end(&mut block)?;
            let end = match block.iter().rposition(|&byte| byte == b'\n') {
                Some(last) => last + 1,
                // A line longer than a block is cut; the rest of an old part is a line.
                None if block.len() == BLOCK || !is_newest => block.len(),
                None => 0,
            };
            if end > 0 {
                self.at.offset += u64::try_from(end).unwrap_or_default();
                block.truncate(end);
                return Ok(split(&block));
            }
            if is_newest || !self.next_part()? {
                return Ok(Vec::new());
            }
        }
    }

    fn open(&mut self) -> io::Result<bool> {
        let mut oldest = None;
        for part in parts(&self.log) {
            let Ok(file) = File::open(&part) else { break };
            let metadata = file.metadata()?;
            let found = identity(&metadata);
            if found == self.at.part && metadata.len() >= self.at.offset {
                self.file = Some(file);
                return Ok(true);
            }
            oldest = Some((file, found));
        }
        let Some((file, part)) = oldest else {
            return Ok(false);
        };
        self.at = Position { part, offset: 0 };
        self.file = Some(file);
        Ok(true)
    }

    /// Goes on to the part after this one. False while a rotation is under way.
    fn next_part(&mut self) -> io::Result<bool> {
        let mut newer: Option<(File, u64)> = None;
        for part in parts(&self.log) {
            let Ok(file) = File::open(&part) else { break };
            let found = identity(&file.metadata()?);
            if found == self.at.part {
                let Some((file, part)) = newer else {
                    return Ok(false);
                };
                self.at = Position { part, offset: 0 };
                self.file = Some(file);
                return Ok(true);
            }
            newer = Some((file, found));
        }
        // This part is forgotten; the oldest comes next.
        let Some((file, part)) = newer else {
            return Ok(false);
        };
        self.at = Position { part, offset: 0 };
        self.file = Some(file);
        Ok(true)
    }
}

/// The paths of a log's parts, newest first; the last ones are not there.
pub(super) fn parts(log: &Path) -> impl Iterator<Item = PathBuf> {
    let older = (1..MAX_PARTS).map(|number| PathBuf::from(format!("{}.{number}", log.display())));
    std::iter::once(log.to_owned()).chain(older)
}

/// What a file keeps when it is renamed.
#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// What a file keeps when it is renamed: all parts look alike here, so a reader takes a part that
/// has become shorter than its position for a new one.
#[cfg(windows)]
pub(super) fn identity(metadata: &Metadata) -> u64 {
    std::os::windows::fs::MetadataExt::creation_time(metadata)
}

fn split(whole_lines: &[u8]) -> Vec<String> {
    let text = whole_lines.strip_suffix(b"\n").unwrap_or(whole_lines);
    if whole_lines.is_empty() {
        return Vec::new();
    }
    text.split(|&byte| byte == b'\n').map(line).collect()
}

pub(super) fn line(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Log {
        _dir: tempfile::TempDir,
        path: PathBuf,
    }

    impl Log {
        /// A log with these parts, newest first.
        fn with(texts: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.log");
            for (part, text) in parts(&path).zip(texts) {
                fs::write(part, text).unwrap();
            }
            Self { _dir: dir, path }
        }

        fn part(&self, number: usize) -> PathBuf {
            parts(&self.path).nth(number).unwrap()
        }

        fn rotate(&self, keep: usize) {
            for number in (0..keep).rev() {
                let _ = fs::rename(self.part(number), self.part(number + 1));
            }
            fs::write(&self.path, "").unwrap();
        }

        fn append(&self, text: &str) {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new()
                .append(true)
                .open(&self.path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    fn read_all(reader: &mut Reader) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let more = reader.read().unwrap();
            if more.is_empty() {
                return lines;
            }
            lines.extend(more);
        }
    }

    fn check_tail(parts: &[&str], count: usize, expected: &[&str]) {
        let log = Log::with(parts);
        assert_eq!(tail(&log.path, count, true).unwrap().lines, expected);
    }

    #[test]
    fn a_tail_goes_back_over_the_parts() {
        check_tail(&[], 3, &[]);
        check_tail(&[""], 3, &[]);
        check_tail(&["a\nb\n"], 1, &["b"]);
        check_tail(&["a\nb\n"], 0, &[]);
        check_tail(&["a\r\n\nb"], 5, &["a", "", "b"]);
        check_tail(&["d\n", "b\nc\n", "a\n"], 3, &["b", "c", "d"]);
        check_tail(&["", "b\nc\n"], 1, &["c"]);
    }

    #[test]
    fn a_tail_of_long_lines_is_whole() {
        let filler = "x".repeat(BLOCK);
        let text = format!("{filler}1\n{filler}2\n{filler}3\n");
        let log = Log::with(&[&text]);
        let lines = tail(&log.path, 2, true).unwrap().lines;
        assert_eq!(lines, [format!("{filler}2"), format!("{filler}3")]);
    }

    #[test]
    fn a_follower_goes_on_where_the_tail_ended() {
        let log = Log::with(&["a\nb\nunfin"]);
        let tail = tail(&log.path, 1, false).unwrap();
        assert_eq!(tail.lines, ["b"]);
        let mut reader = Reader::new(log.path.clone(), tail.end);
        assert!(reader.read().unwrap().is_empty());
        log.append("ished\nc\n");
        assert_eq!(read_all(&mut reader), ["unfinished", "c"]);
    }

    #[test]
    fn no_line_is_missed_when_the_log_is_rotated() {
        let log = Log::with(&["a\n"]);
        let mut reader = Reader::new(log.path.clone(), Position::default());
        assert_eq!(read_all(&mut reader), ["a"]);
        log.append("b\n");
        log.rotate(5);
        log.append("c\n");
        log.rotate(5);
        log.append("d\n");
        assert_eq!(read_all(&mut reader), ["b", "c", "d"]);
        log.rotate(5);
        assert!(reader.read().unwrap().is_empty());
        log.append("e\n");
        assert_eq!(read_all(&mut reader), ["e"]);
    }

    #[test]
    fn a_reader_that_comes_back_later_misses_no_line() {
        let log = Log::with(&["a\n"]);
        let mut reader = Reader::new(log.path.clone(), Position::default());
        assert_eq!(read_all(&mut reader), ["a"]);
        let at: Position = reader.position().to_string().parse().unwrap();
        log.append("b\n");
        log.rotate(5);
        log.append("c\n");
        let mut later = Reader::new(log.path.clone(), at);
        assert_eq!(read_all(&mut later), ["b", "c"]);
    }

    #[test]
    fn a_reader_whose_part_is_gone_takes_the_oldest() {
        let log = Log::with(&["c\n", "b\n"]);
        let gone = Position { part: 1, offset: 7 };
        let mut reader = Reader::new(log.path.clone(), gone);
        assert_eq!(read_all(&mut reader), ["b", "c"]);
    }

    #[test]
    fn a_log_that_comes_later_is_read_from_its_begin() {
        let log = Log::with(&[]);
        let mut reader = Reader::new(log.path.clone(), Position::default());
        assert!(reader.read().unwrap().is_empty());
        fs::write(&log.path, "a\n").unwrap();
        assert_eq!(read_all(&mut reader), ["a"]);
    }
}
