//! The last lines of a program's output.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// How many lines are given.
const LINES: usize = 20;

/// How much is looked at.
const BYTES: u64 = 16 << 10;

/// Reads the last lines that were written between two lengths of the log. Blocks.
pub(super) fn last_lines(log: &Path, start: u64, end: u64) -> Vec<String> {
    let mut text = Vec::new();
    if end < start {
        // Rotated meanwhile: the older part is in the file before.
        let older = PathBuf::from(format!("{}.1", log.display()));
        let length = older.metadata().map_or(0, |meta| meta.len());
        read(&older, start, length, &mut text);
        read(log, 0, end, &mut text);
    } else {
        read(log, start, end, &mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let skip = lines.len().saturating_sub(LINES);
    lines
        .into_iter()
        .skip(skip)
        .map(|line| line.chars().take(1000).collect())
        .collect()
}

fn read(log: &Path, start: u64, end: u64, text: &mut Vec<u8>) {
    let start = start.max(end.saturating_sub(BYTES));
    if let Ok(mut file) = File::open(log)
        && file.seek(SeekFrom::Start(start)).is_ok()
    {
        let _ = file.take(end.saturating_sub(start)).read_to_end(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_of_this_run_are_given() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a.log");
        let numbers: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        std::fs::write(&log, format!("old\n{}\n", numbers.join("\n"))).unwrap();
        let end = log.metadata().unwrap().len();
        assert_eq!(last_lines(&log, 4, end), numbers[10..]);
        assert_eq!(last_lines(&log, end, end), Vec::<String>::new());
    }
}
