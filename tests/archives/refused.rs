//! What is refused, and how it is told.

use storekeeper::archive::Limits;

use super::make::{
    Entry, bzip2, entry, file, folder, gzip, link, pax, special, tar, tar_entry, zip,
};
use super::unpack_both;

/// The archive is refused with this sentence.
fn check(bytes: &[u8], sentence: &str) {
    check_with(&Limits::default(), bytes, sentence);
}

fn check_with(limits: &Limits, bytes: &[u8], sentence: &str) {
    let said = unpack_both(bytes, limits).expect_err(sentence);
    assert_eq!(said, sentence);
}

/// An entry among good ones is refused in an archive of every kind, as this entry and for this
/// reason.
fn check_entry(entries: &[Entry], shown: &str, reason: &str) {
    let mut entries = entries.to_vec();
    entries.insert(0, file("good"));
    let sentence = format!("the entry `{shown}` of `a` {reason}; the archive was not unpacked");
    for bytes in [
        zip(&entries),
        tar(&entries),
        gzip(&tar(&entries)),
        bzip2(&tar(&entries)),
    ] {
        check(&bytes, &sentence);
    }
}

#[test]
fn names_that_lead_out() {
    for (name, reason) in [
        ("../x", "leads out of the folder by `..`"),
        ("a/../../x", "leads out of the folder by `..`"),
        ("..\\x", "leads out of the folder by `..`"),
        ("/etc/passwd", "has an absolute path"),
        ("\\x", "has an absolute path"),
        ("C:/x", "has a `:` (a drive or a hidden stream)"),
        ("C:x", "has a `:` (a drive or a hidden stream)"),
        ("a.txt:hidden", "has a `:` (a drive or a hidden stream)"),
        ("CON", "has the name of a Windows device"),
        ("a/aux.txt", "has the name of a Windows device"),
        (
            "x.",
            "has a name that ends with a dot or a space, which Windows drops",
        ),
        ("a\nb", "has a control character in its name"),
    ] {
        let shown: String = name.escape_debug().collect();
        check_entry(&[file(name)], &shown, reason);
    }
    let long = "x".repeat(256);
    check_entry(
        &[file(&long)],
        &long[..200],
        "has a name longer than 255 bytes",
    );
    let deep = "d/".repeat(64) + "x";
    check_entry(&[file(&deep)], &deep, "lies deeper than 64 folders");
    check_entry(
        &[file(b"a\xff\xff")],
        "a\u{fffd}\u{fffd}",
        "has a name that is neither UTF-8 nor GBK",
    );
}

#[test]
fn names_that_meet() {
    let meets = |other| {
        format!("has a name that is the same as `{other}` on Windows and macOS; rename one of them")
    };
    check_entry(&[file("a"), file("A")], "A", &meets("a"));
    check_entry(&[file("Lib/a"), file("lib/b")], "lib/b", &meets("Lib"));
    check_entry(&[file("é"), file("e\u{301}")], "e\u{301}", &meets("é"));
    check_entry(&[file("a"), file("./a")], "a", "is there twice");
    check_entry(&[file("a"), link("./a", "b")], "a", "is there twice");
    for twice in [[file("a"), file("a")], [file("a"), link("a", "b")]] {
        check_format(&zip(&twice), "it has a name twice; pack it anew");
        let sentence = "the entry `a` of `a` is there twice; the archive was not unpacked";
        check(&tar(&twice), sentence);
    }
    check_entry(
        &[file("a/b"), file("a")],
        "a",
        "has the name of a folder that is there",
    );
    check_entry(
        &[file("a"), file("a/b")],
        "a/b",
        "needs the folder `a`, which is a file",
    );
    let reason = "is a folder with the name of a file that is there";
    check_entry(&[file("a"), folder("a/")], "a", reason);
}

#[test]
fn links() {
    check_entry(&[link("l", "/etc")], "l", "is a link with an absolute path");
    check_entry(&[link("l", "C:/x")], "l", "is a link with an absolute path");
    check_entry(&[link("l", "..")], "l", "is a link that leads out");
    check_entry(&[link("a/l", "../../x")], "a/l", "is a link that leads out");
    check_entry(&[link("l", "a/../..")], "l", "is a link that leads out");
    let behind = "lies behind `l`, which is a link";
    check_entry(&[link("l", "d"), file("l/x")], "l/x", behind);
    check_entry(&[link("l", "d"), link("l/x", "y")], "l/x", behind);
}

/// The entry `x` of one archive is refused for this reason.
fn check_x(bytes: &[u8], reason: &str) {
    check(
        bytes,
        &format!("the entry `x` of `a` {reason}; the archive was not unpacked"),
    );
}

/// The archive is refused as none that can be read.
fn check_format(bytes: &[u8], reason: &str) {
    check(
        bytes,
        &format!("`a` is not an archive that can be read: {reason}"),
    );
}

const DAMAGED: &str = "it is damaged, or holds no tar archive; download it again";

#[test]
fn hard_links_and_devices_of_tar() {
    for (to, reason) in [
        (
            "../y",
            "is a hard link whose target leads out of the folder by `..`",
        ),
        (
            "/etc/passwd",
            "is a hard link whose target has an absolute path",
        ),
        (
            "later",
            "is a hard link to `later`, which is no file before it",
        ),
        (
            "link",
            "is a hard link to `link`, which is no file before it",
        ),
    ] {
        let entries = [link("link", "y"), special("x", b'1', to), file("later")];
        check_x(&tar(&entries), reason);
    }
    for kind in *b"346" {
        let reason = "is a device, a pipe or a socket";
        check_x(&tar(&[special("x", kind, "")]), reason);
    }
    // With holes, and without telling where they are.
    check_format(&tar(&[special("x", b'S', "")]), DAMAGED);
    check_x(
        &tar(&[special("x", b'Q', "")]),
        "is of the unknown type `Q`",
    );
}

#[test]
fn devices_of_zip() {
    for kind in [0o010_000, 0o020_000, 0o060_000, 0o140_000] {
        let bytes = zip(&[entry("x", kind | 0o644, "")]);
        check_x(&bytes, "is a device, a pipe or a socket");
    }
}

#[test]
fn what_is_no_archive() {
    check_format(b"", "it is empty; download it again");
    for (bytes, what) in [
        (&b"no archive"[..], "its content is of an unknown kind"),
        (b"<!DOCTYPE html>", "it is a page of the web"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "it is a 7z archive"),
        (b"Rar!\x1a\x07\x01\0", "it is a rar archive"),
        (b"\xfd7zXZ\0\0", "it is compressed by xz"),
        (b"MZ\x90", "it is a program for Windows"),
    ] {
        let understood = ".zip, .tar, .tar.gz, .tgz and .tar.bz2 are understood";
        check_format(bytes, &format!("{what}; {understood}"));
    }
    check_format(&gzip(&[b'x'; 2000]), DAMAGED);
    check_format(&bzip2(&[b'x'; 2000]), DAMAGED);
}

/// Bytes that do not become smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn archives_that_are_cut_off() {
    let entries = [file("a"), entry("x", 0o100_644, noise(20_000)), file("c")];
    let whole = zip(&entries);
    for cut in [whole.len() - 1, whole.len() / 2] {
        let reason = "its end is missing, so it is cut off; download it again";
        check_format(&whole[..cut], reason);
    }
    let whole = tar(&entries);
    let reason = "it is cut off; download it again";
    let reason_of_x = "is cut off; download the archive again";
    check_format(&whole[..whole.len() - 1024], reason);
    check_x(&whole[..whole.len() / 2], reason_of_x);
    for packed in [gzip(&whole), bzip2(&whole)] {
        check_format(&packed[..packed.len() - 4], reason);
    }
    let packed = gzip(&whole);
    check_x(&packed[..packed.len() / 2], reason_of_x);
}

#[test]
fn contents_that_are_damaged() {
    let wrong = Entry {
        crc32: Some(1),
        ..file("x")
    };
    let reason = "is damaged, its checksum is another; download the archive again";
    check_x(&zip(std::slice::from_ref(&wrong)), reason);
    check_format(&tar(&[file("a"), wrong]), DAMAGED);
    let whole = tar(&[entry("x", 0o100_644, noise(3000))]);
    for packed in [gzip(&whole), bzip2(&whole)] {
        // A byte of its middle, and one of the checksum at its end.
        for at in [packed.len() / 2, packed.len() - 6] {
            let mut bytes = packed.clone();
            bytes[at] ^= 1;
            let said = unpack_both(&bytes, &Limits::default()).unwrap_err();
            assert!(said.contains("download"), "{said}");
        }
    }
}

#[test]
fn sizes_that_lie() {
    let lies = |size, method| {
        zip(&[Entry {
            size: Some(size),
            method,
            ..file("x")
        }])
    };
    let reason = "is larger than the 3 bytes that it declares";
    check_x(&lies(3, None), reason);
    check_x(&lies(3, Some(0)), reason);
    let reason = "has 7 bytes and declares 9; download the archive again";
    check_x(&lies(9, None), reason);
    // Also where it is too large to be unpacked in one piece.
    let reason = "has 7 bytes and declares 9437184; download the archive again";
    check_x(&lies(9 << 20, None), reason);
    let large = Entry {
        size: Some(5 << 20),
        ..entry("x", 0o100_644, vec![1; 6 << 20])
    };
    let reason = "is larger than the 5242880 bytes that it declares";
    check_x(&zip(&[large]), reason);
}

#[test]
fn what_zip_can_do_and_we_do_not() {
    let with = |change: fn(&mut Entry)| {
        let mut entry = file("x");
        change(&mut entry);
        zip(&[file("a"), entry])
    };
    let reason = "is encrypted; pack it without a password";
    check_x(&with(|entry| entry.flags = 1), reason);
    check_x(&with(|entry| entry.method = Some(99)), reason);
    for (method, name) in [
        (1, "an unknown method"),
        (9, "deflate64"),
        (12, "bzip2"),
        (14, "lzma"),
        (93, "zstd"),
    ] {
        let mut entry = file("x");
        entry.method = Some(method);
        let reason =
            format!("is compressed by {name}, which is not understood; pack it with deflate");
        check_x(&zip(&[entry]), &reason);
    }
    let reason = "cannot be read: header inconsistency detected: Local file header filename mismatch \
        (does not match central directory); download it again";
    check_x(
        &with(|entry| entry.local_name = Some(b"y".to_vec())),
        reason,
    );
    check_x(&with(|entry| entry.offset = Some(0)), reason);
    // A name that the first one's content is to have, too.
    let mut within = zip(&[file("x")]);
    within.truncate(within.len() - 22 - 47);
    let around = Entry {
        method: Some(0),
        ..entry("a", 0o100_644, &within)
    };
    let at = u32::try_from(30 + 1).unwrap();
    let inside = Entry {
        offset: Some(at),
        ..file("x")
    };
    check_format(
        &zip(&[around, inside]),
        "header inconsistency detected: archive contains overlapping entries; download it again",
    );
    let mut entry = file(b"\xb0\xa1");
    entry.flags = 1 << 11;
    check(
        &zip(&[entry]),
        "the entry `啊` of `a` has a name that is not the UTF-8 it says; the archive was not unpacked",
    );
}

#[test]
fn directories_of_zip_that_lie() {
    let whole = zip(&[file("a"), file("b")]);
    let end = whole.len() - 22;
    for (places, byte, reason) in [
        (
            &[8, 10][..],
            1,
            "header inconsistency detected: local file header missing from central directory",
        ),
        (
            &[8, 10],
            4,
            "Unexpected end of zip::format::blocks::ZipCentralEntryBlock",
        ),
        (&[10], 1, "Multi-disk ZIP files are not supported"),
        (&[4], 1, "Multi-disk ZIP files are not supported"),
        (&[17], 9, "Invalid CDFH offset in EOCD"),
        (&[16], 0, "No CDFH found"),
    ] {
        let mut bytes = whole.clone();
        for at in places {
            bytes[end + at] = byte;
        }
        check_format(&bytes, &format!("{reason}; download it again"));
    }
}

fn check_limit(limits: &Limits, bytes: &[u8], reason: &str) {
    check_with(
        limits,
        bytes,
        &format!("the archive `a` is refused: {reason}"),
    );
}

#[test]
fn three_hundred_megabytes_in_three_hundred_kilobytes() {
    let limits = Limits::default();
    let zeros = entry("zeros", 0o100_644, vec![0; 300_000_000]);
    for (bytes, more) in [
        (zip(std::slice::from_ref(&zeros)), ""),
        (gzip(&tar(&[zeros])), " or more"),
    ] {
        assert!(bytes.len() < 300_000);
        let ratio = 300_000_000 / bytes.len();
        let reason =
            format!("its files are {ratio} times{more} larger than itself, 200 times are allowed");
        check_limit(&limits, &bytes, &reason);
    }
    // Sixty files of five megabytes are no way around it, nor are zeros behind the end mark.
    let five = vec![0_u8; 5 << 20];
    let many: Vec<Entry> = (0..60)
        .map(|at| entry(format!("{at}"), 0o100_644, &five))
        .collect();
    let said = unpack_both(&zip(&many), &limits).unwrap_err();
    assert!(said.contains("times larger than itself"), "{said}");
    let mut bytes = tar(&[file("a")]);
    bytes.resize(70 << 20, 0);
    check_limit(
        &limits,
        &gzip(&bytes),
        "more than 67108864 bytes follow its end mark",
    );
}

#[test]
fn more_than_is_allowed() {
    let limits = Limits {
        entries: 2,
        bytes: 13,
        ..Limits::default()
    };
    let three = [file("a"), folder("b/"), folder("c/")];
    let reason = "it has 3 entries, 2 are allowed";
    check_limit(&limits, &zip(&three), reason);
    check_limit(&limits, &tar(&three), reason);
    let two = [file("a"), file("b")];
    check_limit(
        &limits,
        &zip(&two),
        "its files have 14 bytes, 13 are allowed",
    );
    let reason = "its files have 14 bytes or more, 13 are allowed";
    check_limit(&limits, &tar(&two), reason);
}

#[test]
fn more_entries_than_anybody_has() {
    let limits = Limits::default();
    let mut many = tar_entry(&folder("a")).repeat(501_000);
    many.extend([0; 1024]);
    check_limit(
        &limits,
        &gzip(&many),
        "it has 500001 entries, 500000 are allowed",
    );
    // A zip archive says how many it has, so that it is refused before they are read.
    let mut bytes = b"PK\x05\x06".to_vec();
    bytes.resize(46_000_000, 0);
    let record = bytes.len();
    bytes.extend(b"PK\x06\x06");
    bytes.resize(record + 56, 0);
    bytes[record + 32..record + 40].copy_from_slice(&1_000_000_u64.to_le_bytes());
    bytes[record + 40..record + 48].copy_from_slice(&46_000_000_u64.to_le_bytes());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(u64::try_from(record).unwrap().to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([0xff; 12]);
    bytes.extend([0; 2]);
    check_limit(
        &limits,
        &bytes,
        "it has 1000000 entries, 500000 are allowed",
    );
}

#[test]
fn headers_of_tar_that_cost_memory_or_mislead() {
    for kind in *b"LKxg" {
        let note = entry("x", 0, vec![b'n'; 2 << 20]);
        let note = Entry { kind, ..note };
        check_limit(
            &Limits::default(),
            &gzip(&tar(&[note, file("a")])),
            "a name in it has more than the 1048576 bytes that are allowed",
        );
    }
    let note = Entry {
        size: Some((1 << 33) - 1),
        ..special("x", b'L', "")
    };
    check_format(&tar_entry(&note), "it is cut off; download it again");
    let notes = vec![pax(&[("comment", "x")]); 2];
    check_format(&tar(&notes), DAMAGED);
    let entries = [pax(&[("GNU.sparse.major", "1")]), file("x")];
    check_x(
        &tar(&entries),
        "is a file with holes; pack it without --sparse",
    );
    check_format(&tar(&[pax(&[("size", "-1")]), file("a")]), DAMAGED);
    check(
        &tar(&[pax(&[("path", "../x")]), file("a")]),
        "the entry `../x` of `a` leads out of the folder by `..`; the archive was not unpacked",
    );
    let mut global = pax(&[("path", "x")]);
    global.kind = b'g';
    check_format(
        &tar(&[global, file("a")]),
        "it gives all its entries one name or size",
    );
}

#[test]
fn what_follows_the_end() {
    let mut bytes = tar(&[file("a")]);
    bytes.extend(tar(&[file("b")]));
    check_format(&bytes, "something follows its end mark");
    let mut bytes = gzip(&tar(&[file("a")]));
    bytes.extend(b"\0junk");
    check_format(
        &bytes,
        "something follows the zeros behind its end; download it again",
    );
}
