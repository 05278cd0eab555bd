//! Hostile archives, each made here byte by byte, with the sentence that refuses it, and archives
//! that other programs make, which come out whole.

mod make;
mod mutated;
mod packed;
mod refused;
mod understood;

use std::fs;
use std::path::Path;

use storekeeper::archive::{ArchiveError, Limits, Unpacked, unpack, unpack_new};

/// Unpacks an archive into a new folder and into one with content. Of one that is refused nothing
/// is left, nowhere; both say the same.
fn unpack_both(bytes: &[u8], limits: &Limits) -> Result<(tempfile::TempDir, Unpacked), String> {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("a");
    fs::write(&archive, bytes).unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let (new, old) = (inner.join("new"), inner.join("old"));
    fs::create_dir(&old).unwrap();
    fs::write(old.join("mine"), "mine").unwrap();
    let said = |error: ArchiveError| {
        let text = error.to_string();
        let place = format!("{}/", dir.path().display());
        assert!(text.contains(&place), "{text}");
        text.replace(&place, "")
    };
    let created = unpack_new(&archive, &new, limits, &|_, _| {}, &|| false).map_err(said);
    let merged = unpack(&archive, &old, limits, &|| false).map_err(said);
    match (created, merged) {
        (Ok(unpacked), Ok(report)) => {
            assert_eq!(unpacked.report, report);
            assert_eq!(
                tree(&new),
                tree(&old)
                    .into_iter()
                    .filter(|path| path != "mine")
                    .collect::<Vec<_>>()
            );
            Ok((dir, unpacked))
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            assert_eq!(
                tree(dir.path()),
                ["a", "inner/", "inner/old/", "inner/old/mine"]
            );
            Err(one)
        }
        (one, other) => panic!("{one:?} {other:?}"),
    }
}

/// Everything below a folder, sorted.
fn tree(folder: &Path) -> Vec<String> {
    fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                found.push(format!("{name}/"));
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}
