//! Archives with bytes turned over, cut and put together anew: whatever becomes of them, nothing
//! lies outside of the folder, and what is refused leaves nothing.

use std::fs;

use proptest::prelude::*;
use storekeeper::archive::{Limits, read_entry, unpack_new};

use super::make::{Entry, bzip2, entry, file, folder, gzip, link, pax, special, tar, zip};
use super::tree;

fn whole(kind: usize) -> Vec<u8> {
    let entries = [
        folder("app/"),
        file("app/install.json"),
        entry("app/run", 0o100_755, "0123456789".repeat(100)),
        link("app/link", "../app/run"),
        file("a/".repeat(60) + "b"),
    ];
    let mut of_tar = entries.to_vec();
    of_tar.push(pax(&[("path", "app/pax"), ("size", "7")]));
    of_tar.push(file("x"));
    of_tar.push(special("app/hard", b'1', "app/run"));
    match kind {
        0 => zip(&entries),
        1 => zip(&entries.map(|entry| Entry {
            method: Some(0),
            ..entry
        })),
        2 => tar(&of_tar),
        3 => gzip(&tar(&of_tar)),
        _ => bzip2(&tar(&of_tar)),
    }
}

proptest! {
    #[test]
    fn nothing_is_outside_and_nothing_is_left(
        kind in 0_usize..5,
        turned in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = whole(kind);
        for (at, byte) in turned {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let dir = tempfile::tempdir().unwrap();
        let (archive, out) = (dir.path().join("archive"), dir.path().join("out"));
        fs::write(&archive, bytes).unwrap();
        let limits = Limits { entries: 50, bytes: 1 << 20, ..Limits::default() };
        let _ = read_entry(&archive, "install.json", 100, &limits);
        let result = unpack_new(&archive, &out, &limits, &|_, _| {}, &|| false);
        let Ok(unpacked) = result else {
            prop_assert_eq!(tree(dir.path()), ["archive"]);
            return Ok(());
        };
        let root = fs::canonicalize(&out).unwrap();
        for file in &unpacked.files {
            let real = fs::canonicalize(out.join(&file.path)).unwrap();
            prop_assert!(real.starts_with(&root));
            prop_assert_eq!(fs::metadata(&real).unwrap().len(), file.bytes);
        }
        for (link, _) in &unpacked.links {
            if let Ok(real) = fs::canonicalize(out.join(link)) {
                prop_assert!(real.starts_with(&root));
            }
        }
        fs::remove_dir_all(&out).unwrap();
        prop_assert_eq!(tree(dir.path()), ["archive"]);
    }
}
