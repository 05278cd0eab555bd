//! Whatever a file holds: unpacking it neither panics nor writes outside of its folder, and what is
//! refused leaves nothing.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use storekeeper::archive::{Limits, read_entry, unpack_new};

/// Everything happens in here; nothing but the archive and its folder may ever lie in it.
fn place() -> &'static Path {
    static PLACE: OnceLock<tempfile::TempDir> = OnceLock::new();
    PLACE.get_or_init(|| tempfile::tempdir().expect("there is a folder for temporary files")).path()
}

fuzz_target!(|bytes: &[u8]| {
    let (archive, out) = (place().join("archive"), place().join("out"));
    fs::write(&archive, bytes).expect("the disk has room");
    let limits = Limits {
        entries: 50,
        bytes: 1 << 20,
        ratio: 200,
        depth: 8,
    };
    let _ = read_entry(&archive, "install.json", 1000, &limits);
    let result = unpack_new(&archive, &out, &limits, &|_, _| {}, &|| false);
    let mut left: Vec<_> = fs::read_dir(place())
        .expect("the folder is there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    left.sort();
    match result {
        Ok(unpacked) => {
            assert_eq!(left, ["archive", "out"]);
            for file in &unpacked.files {
                let real = fs::canonicalize(out.join(&file.path)).expect("it was unpacked");
                assert!(real.starts_with(fs::canonicalize(&out).expect("it is there")));
                assert_eq!(fs::metadata(real).expect("it is there").len(), file.bytes);
            }
            for (link, _) in &unpacked.links {
                if let Ok(real) = fs::canonicalize(out.join(link)) {
                    assert!(real.starts_with(fs::canonicalize(&out).expect("it is there")));
                }
            }
            fs::remove_dir_all(&out).expect("it can be removed");
        }
        Err(_) => assert_eq!(left, ["archive"]),
    }
});
