//! Whatever a package holds: looking at it does not panic, and what is taken can be taken again.
//!
//! The first byte says whether the others are a file or the tar archive in one, which is then compressed
//! here: else nearly every input would fail at its checksum. The digest is put right for the same reason.

#![no_main]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use storekeeper::archive::Limits;
use storekeeper::package::{Checks, inspect};

/// Everything happens in here; nothing but the package may ever lie in it.
fn place() -> &'static Path {
    static PLACE: OnceLock<tempfile::TempDir> = OnceLock::new();
    PLACE.get_or_init(|| tempfile::tempdir().expect("there is a folder for temporary files")).path()
}

/// Writes the digest of the files into the footer, if the archive is as simple as most are.
fn with_right_digest(mut tar: Vec<u8>) -> Vec<u8> {
    let mut digest = Sha256::new();
    let mut at = 0;
    while let Some(block) = tar.get(at..at + 512) {
        let name = block[..100].split(|byte| *byte == 0).next().unwrap_or_default();
        let size = String::from_utf8_lossy(&block[124..135]).into_owned();
        let size = usize::from_str_radix(&size, 8).unwrap_or(0).min(1 << 20);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>()
            - block[148..156].iter().map(|byte| u32::from(*byte)).sum::<u32>()
            + 8 * u32::from(b' ');
        let name = String::from_utf8_lossy(name).into_owned();
        if name.is_empty() {
            break;
        }
        tar[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let content = tar.get(at + 512..(at + 512 + size).min(tar.len())).unwrap_or_default();
        if name.starts_with("--PACKAGE-FOOTER--") {
            let text = String::from_utf8_lossy(content).into_owned();
            if let Some(place) = text.find("digest: '") {
                let hex: String =
                    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                let from = at + 512 + place + 9;
                if let Some(old) = tar.get_mut(from..from + 64) {
                    old.copy_from_slice(hex.as_bytes());
                }
            }
            break;
        }
        if !name.starts_with("--") {
            digest.update(content);
            digest.update(match name.strip_suffix('/') {
                Some(name) => format!("D/0/{name}"),
                None => format!("F/{size}/{name}"),
            });
        }
        at += 512 + size.next_multiple_of(512);
    }
    tar
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = match kind % 8 {
        0 => rest.to_vec(),
        1 => [&b"\x1f\x8b\x08\0\0\0\0\0\0\0"[..], rest].concat(),
        2 => [b"PK\x03\x04", rest].concat(),
        kind => {
            let level = Compression::new(u32::from(kind));
            let mut gzip = GzEncoder::new(Vec::new(), level);
            gzip.write_all(&with_right_digest(rest.to_vec())).expect("memory takes it");
            gzip.finish().expect("memory takes it")
        }
    };
    let path = place().join("a.ampkg");
    fs::write(&path, &file).expect("the disk has room");
    let checks = Checks {
        limits: Limits {
            entries: 50,
            bytes: 1 << 20,
            ratio: 200,
            depth: 8,
        },
        ..Checks::default()
    };
    if let Ok(found) = inspect(&path, &checks) {
        assert!(!found.package.id.is_empty());
        assert_eq!(found.package.bytes, file.len() as u64);
        let again = inspect(&path, &checks).expect("it was taken before");
        assert_eq!(again.package, found.package);
    }
    assert_eq!(fs::read_dir(place()).expect("it is there").count(), 1);
});
