//! A log that is rotated by size, never in the middle of a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::older;
use super::protocol::Rotation;

/// A line longer than the limit by this much is cut after all: a program that never ends its line
/// must not fill the disk.
const LONGEST_LINE: u64 = 1 << 20;

/// One log, open for appending. Older parts are `<name>.1` (the newest), `<name>.2`, …
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    length: u64,
    /// Whether the last byte written ended a line.
    at_line_start: bool,
}

impl LogFile {
    /// Opens the log, making it and its folder when missing.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = match append_to(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(dir) = path.parent() {
                    super::create_private_dir(dir)?;
                }
                append_to(path)?
            }
            other => other?,
        };
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            rotation,
            file,
            length,
            at_line_start: true,
        })
    }

    /// Length of the current file, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends output as it came from a program.
    pub(crate) fn append(&mut self, mut output: &[u8]) -> io::Result<()> {
        while !output.is_empty() {
            let room = self.rotation.max_bytes.saturating_sub(self.length);
            let fits = usize::try_from(room).unwrap_or(usize::MAX);
            if output.len() <= fits {
                return self.write(output);
            }
            // What still belongs to this file: whole lines that fit, or the rest of a line begun.
            let head = output.get(..fits).unwrap_or(output);
            let cut = match head.iter().rposition(|&byte| byte == b'\n') {
                Some(newline) => newline + 1,
                None if self.at_line_start && self.length > 0 => 0,
                None => {
                    let over = self.length.saturating_sub(self.rotation.max_bytes);
                    let end = output.iter().position(|&byte| byte == b'\n');
                    match end {
                        Some(newline) => newline + 1,
                        None if over < LONGEST_LINE => output.len(),
                        None => 0,
                    }
                }
            };
            let (now, later) = output.split_at(cut);
            self.write(now)?;
            output = later;
            let line_is_endless =
                self.length.saturating_sub(self.rotation.max_bytes) >= LONGEST_LINE;
            if self.at_line_start || line_is_endless {
                self.rotate()?;
            }
        }
        Ok(())
    }

    fn write(&mut self, output: &[u8]) -> io::Result<()> {
        let Some(last) = output.last() else {
            return Ok(());
        };
        self.file.write_all(output)?;
        self.at_line_start = *last == b'\n';
        self.length += u64::try_from(output.len()).unwrap_or_default();
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        older::make_room(&self.path, self.rotation.keep)?;
        if self.rotation.keep > 0 {
            fs::rename(&self.path, older::part(&self.path, 1))?;
        } else {
            fs::remove_file(&self.path)?;
        }
        self.file = append_to(&self.path)?;
        self.length = 0;
        self.at_line_start = true;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends the chunks to a log of 20 bytes a file and gives back its files, newest first.
    fn check(chunks: &[&str], files: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let rotation = Rotation {
            max_bytes: 20,
            keep: 2,
        };
        let mut log = LogFile::open(&path, rotation).unwrap();
        for chunk in chunks {
            log.append(chunk.as_bytes()).unwrap();
        }
        let mut found = vec![fs::read_to_string(&path).unwrap()];
        for number in 1.. {
            match fs::read_to_string(dir.path().join(format!("a.log.{number}"))) {
                Ok(text) => found.push(text),
                Err(_) => break,
            }
        }
        assert_eq!(found, files);
    }

    #[test]
    fn small_output_stays_in_one_file() {
        check(&["one\n", "two\n"], &["one\ntwo\n"]);
    }

    #[test]
    fn a_full_file_is_rotated_at_a_line() {
        check(
            &["0123456789\n", "abcdefghij\n", "x\n"],
            &["abcdefghij\nx\n", "0123456789\n"],
        );
    }

    #[test]
    fn a_line_that_came_in_parts_is_not_cut() {
        check(
            &["0123456789\nabc", "defghijklmnop\nx\n"],
            &["x\n", "0123456789\nabcdefghijklmnop\n"],
        );
    }

    #[test]
    fn a_long_chunk_fills_several_files_and_only_the_newest_are_kept() {
        check(
            &["1aaaaaaaaaaaa\n2bbbbbbbbbbbb\n3cccccccccccc\n4dddddddddddd\n"],
            &["4dddddddddddd\n", "3cccccccccccc\n", "2bbbbbbbbbbbb\n"],
        );
    }

    #[test]
    fn a_line_longer_than_a_file_stays_whole() {
        check(
            &["0123456789012345678901234567890\nx\n"],
            &["x\n", "0123456789012345678901234567890\n"],
        );
    }

    proptest::proptest! {
        #[test]
        fn no_byte_is_lost_and_no_line_is_cut(chunks in proptest::collection::vec("[a-c\n]{0,30}", 0..20)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.log");
            let mut log = LogFile::open(&path, Rotation { max_bytes: 16, keep: 1000 }).unwrap();
            for chunk in &chunks {
                log.append(chunk.as_bytes()).unwrap();
            }
            let mut parts = vec![fs::read_to_string(&path).unwrap()];
            for number in 1.. {
                match fs::read_to_string(dir.path().join(format!("a.log.{number}"))) {
                    Ok(text) => parts.push(text),
                    Err(_) => break,
                }
            }
            parts.reverse();
            for part in parts.iter().rev().skip(1) {
                proptest::prop_assert!(part.ends_with('\n'), "{part:?} is cut");
            }
            proptest::prop_assert_eq!(parts.concat(), chunks.concat());
        }
    }
}
