//! What the lists of an app wrote last, so that an edit by hand can be told from their work. It is noted
//! in the app's folder, where the note of its package lies; a folder without one is not ours to write
//! notes into.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The folder in an app's folder that is ours.
pub const OURS: &str = ".storekeeper";

/// The note in it.
const FILE: &str = "written.json";

/// By what the text of a file is known again: its bytes and their CRC-32.
type Mark = (u64, u32);

/// The files that lists wrote, by their path below the app's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written(BTreeMap<String, Mark>);

impl Written {
    /// Reads the note of an app's folder; empty without one.
    pub fn read(dir: &Path) -> Self {
        let text = fs::read(dir.join(OURS).join(FILE)).unwrap_or_default();
        Self(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Whether a file below the app's folder holds what a list wrote there last.
    pub fn holds(&self, dir: &Path, path: &str) -> bool {
        let Some(mark) = self.0.get(path) else {
            return false;
        };
        fs::read(dir.join(path)).is_ok_and(|content| self::mark(&content) == *mark)
    }
}

/// Notes that a list wrote a file. Blocks.
///
/// # Errors
/// What the system says.
pub(super) fn note(dir: &Path, file: &Path, content: &[u8]) -> io::Result<()> {
    let path = file.strip_prefix(dir).ok().and_then(Path::to_str);
    let Some(path) = path.filter(|_| dir.join(OURS).is_dir()) else {
        return Ok(());
    };
    let path = path.replace('\\', "/");
    let mut written = Written::read(dir);
    let mark = mark(content);
    if written.0.insert(path, mark) == Some(mark) {
        return Ok(());
    }
    let text = serde_json::to_vec(&written.0)?;
    crate::library::save(&dir.join(OURS).join(FILE), &text)
}

/// Takes the note along to the folder of a new version. Blocks.
///
/// # Errors
/// What the system says.
pub fn take_along(from: &Path, to: &Path) -> io::Result<()> {
    match fs::copy(from.join(OURS).join(FILE), to.join(OURS).join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn mark(content: &[u8]) -> Mark {
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
    (length, crc32fast::hash(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_wrote_is_known_until_it_is_edited() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("conf/a.ini");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "port=1").unwrap();
        note(dir.path(), &file, b"port=1").unwrap();
        assert_eq!(Written::read(dir.path()), Written::default());
        fs::create_dir(dir.path().join(OURS)).unwrap();
        note(dir.path(), &file, b"port=1").unwrap();
        let written = Written::read(dir.path());
        assert!(written.holds(dir.path(), "conf/a.ini"));
        fs::write(&file, "port=2").unwrap();
        assert!(!written.holds(dir.path(), "conf/a.ini"));
        assert!(!written.holds(dir.path(), "other"));
    }
}
