//! Reading all that is in a package without unpacking it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::allowance::Allowance;
use super::tree::Kind;
use super::unpack::Tops;
use super::{ArchiveError, Blame, Limits, length, zip};

/// Reads every file of a zip archive, so that a damaged one is found out. `see` is told each piece of a
/// file's content with the file's path, which is that below the one top folder if there is one.
///
/// # Errors
/// [`ArchiveError`], as when it is unpacked; nothing else is read then.
pub fn visit_zip(
    archive: &Path,
    limits: &Limits,
    see: &mut dyn FnMut(&str, &[u8]),
) -> Result<(), ArchiveError> {
    let blame = Blame { archive };
    let file = File::open(archive).map_err(|error| blame.open(error))?;
    let packed = file.metadata().map_err(|error| blame.open(error))?.len();
    let allowance = Allowance::new(limits, packed, None);
    let mut directory = zip::Directory::read(&file, &allowance, limits, blame)?;
    directory.check(blame)?;
    let mut tops = Tops::default();
    for entry in &directory.entries {
        tops.see(&entry.path, entry.kind);
    }
    let top = tops.single().map(|top| format!("{top}/"));
    let mut reader = zip::Reader::new(&file, blame);
    let mut buffer = vec![0; 64 << 10];
    for entry in &directory.entries {
        if entry.kind != Kind::File {
            continue;
        }
        let path = match &top {
            Some(top) => entry.path.strip_prefix(top).unwrap_or(&entry.path),
            None => &entry.path,
        };
        let (mut size, mut crc32) = (0, crc32fast::Hasher::new());
        match reader.content(entry)? {
            zip::Content::Whole(content) => {
                see(path, content);
                continue;
            }
            zip::Content::Stream(mut content) => loop {
                let count = content
                    .read(&mut buffer)
                    .map_err(|error| blame.content(&entry.path, &error))?;
                if count == 0 {
                    break;
                }
                let piece = buffer.get(..count).unwrap_or_default();
                crc32.update(piece);
                size += length(count);
                if size > entry.size {
                    break;
                }
                see(path, piece);
            },
        }
        reader.check(entry, size, crc32.finalize())?;
    }
    Ok(())
}
