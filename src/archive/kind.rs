//! Which kind of archive a file is: by its content when it is read, by its name when it is made.

use std::fs::File;
use std::path::Path;

use super::{ArchiveError, Blame, disk, tar};

/// The kinds of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `.zip`
    Zip,
    /// `.tar`, or one of the others compressed.
    Tar(Compression),
}

/// How a tar archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bzip2,
}

/// What is understood, for people.
pub(super) const UNDERSTOOD: &str = ".zip, .tar, .tar.gz, .tgz and .tar.bz2 are understood";

/// How the files begin that people take for archives.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x07\x08", "it is a part of a split zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
    (b"Rar!\x1a\x07", "it is a rar archive"),
    (b"\xfd7zXZ\0", "it is compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "it is compressed by zstd"),
    (b"LZIP", "it is compressed by lzip"),
    (b"\x04\x22\x4d\x18", "it is compressed by lz4"),
    (b"\x1f\x9d", "it is compressed by compress"),
    (b"MZ", "it is a program for Windows"),
    (b"\x7fELF", "it is a program for Linux"),
    (b"!<arch>\n", "it is a Debian package or a library"),
    (b"<!", "it is a page of the web"),
    (b"<html", "it is a page of the web"),
];

/// Looks at the beginning of a file.
///
/// # Errors
/// [`ArchiveError::Format`] says what the file is instead.
pub(super) fn of_content(file: &File, blame: Blame<'_>) -> Result<Kind, ArchiveError> {
    let mut head = [0; tar::BLOCK];
    let mut count = 0;
    while let Some(rest) = head.get_mut(count..)
        && !rest.is_empty()
    {
        match disk::read_at(file, rest, super::length(count)).map_err(|e| blame.open(e))? {
            0 => break,
            more => count += more,
        }
    }
    let head = head.get(..count).unwrap_or_default();
    if head.is_empty() {
        return Err(blame.format("it is empty; download it again"));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Kind::Zip);
    }
    if head.starts_with(b"\x1f\x8b") {
        return Ok(Kind::Tar(Compression::Gzip));
    }
    if head.starts_with(b"BZh") {
        return Ok(Kind::Tar(Compression::Bzip2));
    }
    if tar::is_header(head) {
        return Ok(Kind::Tar(Compression::None));
    }
    let other = OTHERS.iter().find(|(begin, _)| head.starts_with(begin));
    let what = other.map_or("its content is of an unknown kind", |(_, what)| what);
    Err(blame.format(format!("{what}; {UNDERSTOOD}")))
}

/// What a file of this name is to become.
pub(super) fn of_name(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    [
        (".zip", Kind::Zip),
        (".tar", Kind::Tar(Compression::None)),
        (".tar.gz", Kind::Tar(Compression::Gzip)),
        (".tgz", Kind::Tar(Compression::Gzip)),
        (".tar.bz2", Kind::Tar(Compression::Bzip2)),
    ]
    .into_iter()
    .find_map(|(end, kind)| name.ends_with(end).then_some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_a_file_is_to_become() {
        let check = |name: &str, expected| assert_eq!(of_name(Path::new(name)), expected, "{name}");
        check("a/b.ZIP", Some(Kind::Zip));
        check("a-1.2.tar", Some(Kind::Tar(Compression::None)));
        check("a.tar.gz", Some(Kind::Tar(Compression::Gzip)));
        check("a.tgz", Some(Kind::Tar(Compression::Gzip)));
        check("a.tar.bz2", Some(Kind::Tar(Compression::Bzip2)));
        check("a.gz", None);
        check("a", None);
    }
}
