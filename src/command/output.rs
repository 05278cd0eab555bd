//! The last lines that a program wrote.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// How many lines are told.
const MAX_LINES: usize = 10;

/// How many bytes of them are looked at.
const MAX_BYTES: u64 = 8 * 1024;

/// The last lines of `log` behind byte `from`, joined for a message; empty when there are none.
pub(super) async fn last_lines(log: &Path, from: u64) -> String {
    let log = log.to_owned();
    tokio::task::spawn_blocking(move || read(&log, from).unwrap_or_default())
        .await
        .unwrap_or_default()
}

fn read(log: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    // A log shorter than before was rotated: what is in it is all new.
    let from = if from > length { 0 } else { from };
    let start = from.max(length.saturating_sub(MAX_BYTES));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be cut.
    let whole = if start > from {
        text.split_once('\n').map_or("", |(_, rest)| rest)
    } else {
        &text
    };
    let lines: Vec<&str> = whole
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let skip = lines.len().saturating_sub(MAX_LINES);
    Ok(lines.get(skip..).unwrap_or_default().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, from: u64, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, content).unwrap();
        assert_eq!(read(&log, from).unwrap(), expected);
    }

    #[test]
    fn only_what_came_after_is_told_and_only_its_end() {
        check("old\nnew\n", 4, "new");
        check("old\n", 4, "");
        check("rotated\n", 400, "rotated");
        check("a\r\n\nb", 0, "a\nb");
        check(&"x\n".repeat(100), 0, &["x"; 10].join("\n"));
        check(&format!("{}\nend\n", "y".repeat(9000)), 0, "end");
    }
}
