//! What comes out of archives that other programs make.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use storekeeper::archive::{ArchiveError, Limits, read_entry, single_top, sync, unpack_new};

use super::make::{
    Entry, bzip2, entry, file, folder, gzip, link, pax, special, tar, tar_entry, zip,
};
use super::{tree, unpack_both};

/// The archive brings these, in every kind.
fn check(entries: &[Entry], expected: &[&str]) {
    for bytes in [
        zip(entries),
        tar(entries),
        gzip(&tar(entries)),
        bzip2(&tar(entries)),
    ] {
        brings(&bytes, expected);
    }
}

fn brings(bytes: &[u8], expected: &[&str]) {
    let (dir, unpacked) = unpack_both(bytes, &Limits::default()).unwrap();
    let new = dir.path().join("inner/new");
    assert_eq!(tree(&new), expected);
    for file in &unpacked.files {
        let content = fs::read(new.join(&file.path)).unwrap();
        assert_eq!(file.bytes, u64::try_from(content.len()).unwrap());
        assert_eq!(file.crc32, crc32fast::hash(&content));
        let mode = fs::metadata(new.join(&file.path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(file.executable, mode & 0o100 != 0);
    }
    for (path, to) in &unpacked.links {
        assert_eq!(fs::read_link(new.join(path)).unwrap(), Path::new(to));
    }
    sync(&new).unwrap();
}

#[test]
fn files_folders_and_links() {
    check(&[], &[]);
    check(&[folder("./"), file("./a")], &["a"]);
    check(
        &[file("d/e/f"), folder("empty/")],
        &["d/", "d/e/", "d/e/f", "empty/"],
    );
    check(
        &[
            folder("d/"),
            folder("./d/"),
            file("d/x"),
            entry("d/nothing", 0o100_644, ""),
        ],
        &["d/", "d/nothing", "d/x"],
    );
    brings(&tar(&[folder("d/"), folder("d/")]), &["d/"]);
    check(
        &[
            file("lib/x.so.1"),
            link("lib/x.so", "x.so.1"),
            link("bin/up", "../lib"),
            link("nowhere", "later"),
        ],
        &[
            "bin/",
            "bin/up",
            "lib/",
            "lib/x.so",
            "lib/x.so.1",
            "nowhere",
        ],
    );
    let large: Vec<u8> = (0..5_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    check(
        &[entry("large", 0o100_755, large), file("small")],
        &["large", "small"],
    );
}

#[test]
fn names_in_gbk_and_names_in_their_own_field() {
    let (gbk, _, _) = encoding_rs::GBK.encode("数据/配置.ini");
    check(&[file(&gbk)], &["数据/", "数据/配置.ini"]);
    let mut extra = b"up\x0b\0\x01".to_vec();
    extra.extend(crc32fast::hash(b"e.txt").to_le_bytes());
    extra.extend("ä.txt".as_bytes());
    let named = Entry {
        extra,
        ..file("e.txt")
    };
    brings(&zip(std::slice::from_ref(&named)), &["ä.txt"]);
    // It belongs to another name.
    let stale = Entry {
        name: b"f.txt".to_vec(),
        ..named
    };
    brings(&zip(&[stale]), &["f.txt"]);
}

#[test]
fn long_names_of_tar() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let folder = format!("{}/", "d".repeat(120));
    check(&[file(&long)], &[&folder, &long]);
    brings(
        &tar(&[pax(&[("path", &long), ("mtime", "1.5")]), file("short")]),
        &[&folder, &long],
    );
    brings(&tar(&[pax(&[("linkpath", "b")]), link("a", "x")]), &["a"]);
    let mut global = pax(&[("comment", "0123456789")]);
    global.kind = b'g';
    brings(&tar(&[global, file("a")]), &["a"]);
}

#[test]
fn hard_links_become_files() {
    let entries = [
        entry("a", 0o100_755, "content"),
        special("d/b", b'1', "./a"),
        special("c", b'1', "d/b"),
    ];
    brings(&tar(&entries), &["a", "c", "d/", "d/b"]);
    let (dir, unpacked) = unpack_both(&tar(&entries), &Limits::default()).unwrap();
    assert_eq!(
        fs::read(dir.path().join("inner/old/c")).unwrap(),
        b"content"
    );
    assert!(
        unpacked
            .files
            .iter()
            .all(|file| file.executable && file.bytes == 7)
    );
}

#[test]
fn modes_lose_what_is_dangerous() {
    for bytes in [
        zip(&[
            entry("a", 0o104_777, ""),
            entry("b", 0o100_400, ""),
            entry("d/", 0o043_777, ""),
        ]),
        tar(&[
            entry("a", 0o104_777, ""),
            entry("b", 0o100_400, ""),
            entry("d/", 0o043_777, ""),
        ]),
    ] {
        let (dir, _) = unpack_both(&bytes, &Limits::default()).unwrap();
        for folder in ["inner/new", "inner/old"] {
            let modes = ["a", "b", "d"].map(|name| {
                let path = dir.path().join(folder).join(name);
                fs::metadata(path).unwrap().permissions().mode() & 0o7777
            });
            assert_eq!(modes, [0o755, 0o600, 0o755], "{folder}");
        }
    }
}

#[test]
fn gzip_of_several_members_with_zeros_behind() {
    let whole = tar(&[file("a"), file("b")]);
    let (one, other) = whole.split_at(700);
    let mut bytes = [gzip(one), gzip(b""), gzip(other)].concat();
    bytes.resize(bytes.len() + 5000, 0);
    brings(&bytes, &["a", "b"]);
    brings(&[bzip2(one), bzip2(other)].concat(), &["a", "b"]);
}

/// The programs that people use, where they are installed.
#[test]
fn archives_of_other_programs() {
    let dir = tempfile::tempdir().unwrap();
    let app = dir.path().join("app");
    fs::create_dir_all(app.join("bin/empty")).unwrap();
    fs::write(app.join("bin/run"), "#!").unwrap();
    fs::set_permissions(app.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(app.join("x".repeat(120)), vec![7; 300_000]).unwrap();
    std::os::unix::fs::symlink("bin/run", app.join("link")).unwrap();
    fs::hard_link(app.join("bin/run"), app.join("hard")).unwrap();
    let mut tried = 0;
    for (name, command) in [
        ("a.tar", "tar -cf a.tar app"),
        ("b.tar.gz", "tar --format=posix -czf b.tar.gz app"),
        ("c.tar.bz2", "tar --format=gnu -cjf c.tar.bz2 ./app"),
        ("d.zip", "zip -qry d.zip app"),
        ("e.zip", "bsdtar --format zip -cf e.zip app"),
        ("f.tgz", "bsdtar -czf f.tgz app"),
        ("g.zip", "7z a -bd -snl g.zip app"),
    ] {
        let mut words = command.split(' ');
        let program = words.next().unwrap();
        let done = Command::new(program).args(words).current_dir(&dir).output();
        let Ok(done) = done else {
            continue;
        };
        assert!(done.status.success(), "{command}");
        tried += 1;
        let (out, archive) = (
            dir.path().join(format!("{name}.out")),
            dir.path().join(name),
        );
        unpack_new(&archive, &out, &Limits::default(), &|_, _| {}, &|| false).unwrap();
        assert_eq!(tree(&out.join("app")), tree(&app), "{command}");
        let mode = fs::metadata(out.join("app/bin/run"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755, "{command}");
        assert_eq!(
            fs::read_link(out.join("app/link")).unwrap(),
            Path::new("bin/run")
        );
        assert_eq!(single_top(&out).unwrap().as_deref(), Some("app"));
    }
    assert!(tried > 0, "there is not even tar");
}

#[test]
fn one_file_is_read_without_the_others() {
    let read = |entries: &[Entry], name: &str| {
        let mut found = Vec::new();
        for bytes in [zip(entries), gzip(&tar(entries))] {
            let dir = tempfile::tempdir().unwrap();
            let archive = dir.path().join("a");
            fs::write(&archive, bytes).unwrap();
            let content = read_entry(&archive, name, 10, &Limits::default());
            found.push(match content {
                Ok(content) => content.map(|content| String::from_utf8(content).unwrap()),
                Err(error) => Some(error.to_string().replace(archive.to_str().unwrap(), "a")),
            });
        }
        assert_eq!(found[0], found[1]);
        found.remove(0)
    };
    let info = |name: &str, content: &str| entry(name, 0o100_644, content);
    let check = |entries: &[Entry], expected: Option<&str>| {
        assert_eq!(read(entries, "./install.json").as_deref(), expected);
    };
    check(&[info("install.json", "root")], Some("root"));
    check(&[info("./install.json", "root")], Some("root"));
    check(
        &[file("app/a"), info("app/install.json", "below")],
        Some("below"),
    );
    check(
        &[
            info("app/install.json", "below"),
            info("install.json", "root"),
        ],
        Some("root"),
    );
    check(&[info("app/install.json", "below"), file("other/x")], None);
    check(&[info("app/install.json", "below"), file("x")], None);
    check(&[file("x"), info("app/install.json", "below")], None);
    check(&[info("a/b/install.json", "deep")], None);
    check(&[file("x")], None);
    check(
        &[
            info("app/install.json", "below"),
            file("__MACOSX/app/._install.json"),
        ],
        Some("below"),
    );
    let large = "the entry `install.json` of `a` has 11 bytes, 10 are allowed; make it smaller; the archive was not unpacked";
    check(&[info("install.json", "01234567890")], Some(large));
    assert_eq!(
        read(&[info("app/static/x", "x")], "static/x").as_deref(),
        Some("x")
    );
}

#[test]
fn a_single_top_folder_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let top = || single_top(dir.path()).unwrap();
    assert_eq!(top(), None);
    fs::create_dir(dir.path().join("app")).unwrap();
    assert_eq!(top().as_deref(), Some("app"));
    fs::create_dir(dir.path().join("__MACOSX")).unwrap();
    assert_eq!(top().as_deref(), Some("app"));
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(top(), None);
    assert!(single_top(&dir.path().join("no")).is_err());
}

#[test]
fn the_caller_sees_how_far_it_is_and_may_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let large = entry("large", 0o100_644, vec![b'x'; 6 << 20]);
    let entries: Vec<Entry> = (0..3)
        .map(|at| Entry {
            name: format!("{at}").into_bytes(),
            ..large.clone()
        })
        .collect();
    for (bytes, total) in [(zip(&entries), 18 << 20), (tar(&entries), 0)] {
        let (archive, out) = (dir.path().join("a"), dir.path().join("out"));
        fs::write(&archive, bytes).unwrap();
        let (last, calls) = (AtomicU64::new(0), AtomicU64::new(0));
        let progress = |written, all| {
            assert_eq!(all, total);
            let before = last.swap(written, Ordering::Relaxed);
            assert!(before <= written);
            calls.fetch_add(1, Ordering::Relaxed);
        };
        unpack_new(&archive, &out, &Limits::default(), &progress, &|| false).unwrap();
        assert_eq!(last.load(Ordering::Relaxed), 18 << 20);
        assert!((3..=20).contains(&calls.load(Ordering::Relaxed)));
        fs::remove_dir_all(&out).unwrap();
        // In the middle of it.
        let seen = AtomicU64::new(0);
        let progress = |written, _| seen.store(written, Ordering::Relaxed);
        let canceled = || seen.load(Ordering::Relaxed) > 0;
        let result = unpack_new(&archive, &out, &Limits::default(), &progress, &canceled);
        assert!(matches!(result, Err(ArchiveError::Canceled)));
        assert!(!out.exists());
    }
}

#[test]
fn a_folder_that_is_there_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), tar_entry(&file("x"))).unwrap();
    fs::write(dir.path().join("mine"), "").unwrap();
    for place in ["", "mine"] {
        let place = dir.path().join(place);
        let result = unpack_new(
            &dir.path().join("a"),
            &place,
            &Limits::default(),
            &|_, _| {},
            &|| false,
        );
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("cannot be written")
        );
    }
    assert_eq!(tree(dir.path()), ["a", "mine"]);
}
