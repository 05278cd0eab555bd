//! What is packed: the same bytes each time, and everything comes out again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use storekeeper::archive::{Limits, pack, pack_without, unpack_new};

use super::tree;

const KINDS: [&str; 5] = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2"];

/// Makes the same content, in another order, at another time, with another umask.
fn make(folder: &Path, is_other: bool) {
    fs::create_dir_all(folder.join("d")).unwrap();
    let mut files = vec![
        ("d/empty", Vec::new()),
        ("d/text", b"words and words\n".repeat(5000)),
        ("d.txt", b"sorts before d/".to_vec()),
        ("数据", b"x".to_vec()),
        // Several pieces, of which some cannot be compressed.
        (
            "large",
            (0..5_000_000_u32)
                .map(|at| (at.wrapping_mul(2_654_435_761) >> (at / 1_000_000)).to_le_bytes()[3])
                .collect(),
        ),
        ("exact", vec![7; 2 << 20]),
    ];
    let long = format!("d/{}", "n".repeat(200));
    files.push((&long, b"long".to_vec()));
    if is_other {
        files.reverse();
    }
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
        let mode = if is_other { 0o600 } else { 0o664 };
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let mode = if is_other { 0o700 } else { 0o775 };
    fs::set_permissions(folder.join("d.txt"), fs::Permissions::from_mode(mode)).unwrap();
    std::os::unix::fs::symlink("d/text", folder.join("link")).unwrap();
    if is_other {
        let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        fs::File::open(folder.join("large"))
            .unwrap()
            .set_times(times)
            .unwrap();
    }
}

#[test]
fn the_same_content_gives_the_same_bytes_and_comes_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    make(&one, false);
    make(&other, true);
    for kind in KINDS {
        let archive = dir.path().join(kind);
        let pack = |folder| pack_without(folder, &archive, Some("top"), &|_| false, &|| false);
        let report = pack(&one).unwrap();
        assert_eq!((report.files, report.skipped.len()), (8, 0));
        let bytes = fs::read(&archive).unwrap();
        pack(&other).unwrap();
        assert!(bytes == fs::read(&archive).unwrap(), "{kind} differs");
        let out = dir.path().join("out");
        let unpacked =
            unpack_new(&archive, &out, &Limits::default(), &|_, _| {}, &|| false).unwrap();
        assert_eq!(unpacked.report, report, "{kind}");
        assert_eq!(tree(&out.join("top")), tree(&one), "{kind}");
        for file in &unpacked.files {
            let original = one.join(file.path.strip_prefix("top/").unwrap());
            assert!(fs::read(original).unwrap() == fs::read(out.join(&file.path)).unwrap());
            assert_eq!(file.executable, file.path == "top/d.txt");
        }
        fs::remove_dir_all(&out).unwrap();
        fs::create_dir(&out).unwrap();
        // Other programs, where they are installed, read the same.
        let programs: &[&[&str]] = if kind == "a.zip" {
            &[
                &["unzip", "-q"],
                &["bsdtar", "-xf"],
                &["7z", "x", "-bd", "-y", "-snld"],
            ]
        } else {
            &[&["tar", "-xf"], &["bsdtar", "-xf"]]
        };
        for program in programs {
            let done = Command::new(program[0])
                .args(&program[1..])
                .arg(&archive)
                .current_dir(&out)
                .output();
            if let Ok(done) = done {
                assert!(done.status.success(), "{program:?} {kind}: {done:?}");
                assert_eq!(tree(&out.join("top")), tree(&one), "{program:?} {kind}");
                assert!(
                    fs::read(out.join("top/large")).unwrap()
                        == fs::read(one.join("large")).unwrap()
                );
                fs::remove_dir_all(out.join("top")).unwrap();
            }
        }
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_name_that_says_no_kind_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("a.rar");
    let error = pack(dir.path(), &archive, None, &|| false).unwrap_err();
    let place = format!("{}/", dir.path().display());
    insta::assert_snapshot!(error.to_string().replace(&place, ""), @"`a.rar` cannot be written: its name does not say its kind; .zip, .tar, .tar.gz, .tgz and .tar.bz2 are understood");
}

#[test]
fn what_could_not_be_unpacked_is_not_packed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f");
    for name in ["a\\b", "a:b", "con", "A"] {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "").unwrap();
        fs::write(folder.join(name), "").unwrap();
        let error = pack(&folder, &dir.path().join("a.zip"), None, &|| false).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("cannot be packed: it has") && error.contains("could be unpacked"),
            "{error}"
        );
        fs::remove_dir_all(&folder).unwrap();
    }
    assert_eq!(tree(dir.path()), Vec::<String>::new());
}

#[test]
fn it_ends_when_it_is_canceled_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("f");
    make(&folder, false);
    for kind in KINDS {
        let result = pack(&folder, &dir.path().join(kind), None, &|| true);
        assert!(matches!(
            result,
            Err(storekeeper::archive::ArchiveError::Canceled)
        ));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
