//! Whole packages: what is taken, what is refused, and what a store makes of them.

mod make;

use std::io::{Read as _, Write as _};

use proptest::prelude::*;

use self::make::{
    MANIFEST, PNG, Package, file, folder, gnu, gzip, header, of_kind, own, package, pax, saved,
    sound,
};
use super::header::Footer;
use super::inspect::Read;
use super::{Checks, Inspected, Kind, PackageError, inspect};
use crate::archive::Limits;

fn inspected(bytes: &[u8]) -> Result<Inspected, String> {
    let (_dir, path) = saved(bytes);
    inspect(&path, &Checks::default()).map_err(|error| error.to_string())
}

fn taken(package: &Package) -> Inspected {
    inspected(&package.bytes()).unwrap()
}

fn refused(package: &Package, reason: &str) {
    let error = inspected(&package.bytes()).unwrap_err();
    assert!(error.contains(reason), "{error}\nwanted: {reason}");
}

#[test]
fn a_package_is_what_its_manifest_says() {
    let bytes = sound().bytes();
    let Inspected { package, icon } = inspected(&bytes).unwrap();
    assert_eq!((package.id.as_str(), package.kind), ("a", Kind::Ampkg));
    assert_eq!(package.architecture, None);
    assert_eq!(package.version, "1.10");
    assert_eq!(package.names["de"], "Ä");
    assert_eq!(package.descriptions["en"], "Something");
    assert_eq!(package.categories, ["Alpha", "zeta", "zeta"]);
    assert_eq!(package.bytes, u64::try_from(bytes.len()).unwrap());
    assert!(!package.developer_signed);
    assert_eq!(icon.as_deref(), Some(PNG));
    let kept = serde_json::to_string(&package).unwrap();
    assert_eq!(
        serde_json::from_str::<super::Package>(&kept).unwrap(),
        package
    );
}

#[test]
fn what_follows_the_compressed_members_does_not_matter() {
    let tar = sound().tar();
    let whole = gzip(&tar, 6);
    for behind in [&[0; 5000][..], b"junk", b"\x1f\x8bjunk"] {
        assert!(inspected(&[&whole, behind].concat()).is_ok());
    }
    for at in [1, 511, 512, 700, tar.len() - 1] {
        let (first, second) = tar.split_at(at);
        let members = [gzip(first, 9), gzip(b"", 6), gzip(second, 0), vec![0; 100]];
        assert!(inspected(&members.concat()).is_ok(), "{at}");
    }
}

#[test]
fn a_package_that_is_cut_off_anywhere_is_refused() {
    let bytes = sound().bytes();
    for length in 0..bytes.len() {
        let error = inspected(&bytes[..length]).unwrap_err();
        assert!(
            error.contains("cut off") || error.contains("wrong package format"),
            "{length}: {error}"
        );
    }
    let tar = sound().tar();
    // Cut off before it was compressed; the end mark alone may be missing.
    for length in (0..tar.len() - 1024).step_by(256) {
        assert!(inspected(&gzip(&tar[..length], 6)).is_err(), "{length}");
    }
    assert!(inspected(&gzip(&tar[..tar.len() - 1024], 6)).is_ok());
}

#[test]
fn a_package_of_another_format_is_refused() {
    for bytes in [
        &b""[..],
        b"\x1f",
        b"BZh9",
        b"\xfd7zXZ\0",
        &sound().tar(),
        b"MZ",
    ] {
        assert_eq!(inspected(bytes).unwrap_err(), "wrong package format");
    }
    let error = inspected(&gzip(b"", 6)).unwrap_err();
    assert!(error.contains("it is empty"), "{error}");
    let error = inspected(&gzip(&[b'x'; 2000], 6)).unwrap_err();
    assert!(error.contains("no tar archive"), "{error}");
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let bytes = gzip(&sound().tar(), 0);
    // Behind the headers of gzip and of its one block, parts of which do not matter.
    for at in (15..bytes.len()).step_by(37) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        assert!(inspected(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn long_and_unusual_names_are_read() {
    let long = format!("{}/x", "d".repeat(180));
    let long_folder = format!("{}/", "d".repeat(180));
    let base = || package(vec![file("info.yaml", MANIFEST)]);
    let with_pax = base()
        .with(pax("path", &long_folder))
        .with(folder(&long_folder))
        .with(pax("path", &long))
        .with(file(&long, "content"));
    taken(&with_pax);
    let with_gnu = base()
        .with(gnu(&long_folder))
        .with(folder(&long_folder))
        .with(gnu(&long))
        .with(file(&long, "content"));
    taken(&with_gnu);
    taken(
        &base()
            .with(of_kind(0, "old", "content"))
            .with(pax("comment", "x"))
            .with(file("b", "")),
    );
    // Some programs write the folder itself, and names below it.
    let dotted = package(vec![
        folder("./"),
        file("./info.yaml", MANIFEST),
        folder("./sub/"),
        file("./sub/x", ""),
        file("./--x", ""),
        file("./icon.png", PNG),
    ]);
    assert!(taken(&dotted).icon.is_some());
    // The digest is made of composed characters, whatever the name has.
    let mut decomposed = base().with(file("\u{e4}", "x"));
    decomposed.digest = Some(digest_of(&decomposed));
    decomposed.files[1].name = "a\u{308}".to_owned();
    taken(&decomposed);
}

/// The digest that a package has.
fn digest_of(package: &Package) -> String {
    let (_dir, path) = saved(&package.bytes());
    let file = std::fs::File::open(&path).unwrap();
    let bytes = file.metadata().unwrap().len();
    let read = Read::whole(file, bytes, &Limits::default());
    read.ok().unwrap().footer.digest.to_string()
}

#[test]
fn the_order_of_entries_is_held() {
    let mut none = sound();
    none.header.clear();
    refused(&none, "comes before `--PACKAGE-HEADER--`");
    let mut twice = sound();
    twice.files.insert(1, twice.header[0].clone());
    refused(&twice, "begins with `--`");
    refused(&sound().with(file("--x", "")), "begins with `--`");
    let mut behind = sound();
    behind.footers.push(own("b", ""));
    refused(&behind, "follows the footer");
    let mut headerless = sound();
    headerless.header = vec![folder("--PACKAGE-HEADER--/")];
    refused(&headerless, "comes before");
    let tar = sound().tar();
    let footer = tar
        .windows(18)
        .position(|name| name == b"--PACKAGE-FOOTER--")
        .unwrap();
    let mut footerless = tar[..footer].to_vec();
    footerless.resize(footer + 1024, 0);
    let error = inspected(&gzip(&footerless, 6)).unwrap_err();
    assert!(error.contains("it has no footer"), "{error}");
}

#[test]
fn only_files_and_folders_with_safe_names_are_taken() {
    for kind in [b'1', b'2', b'3', b'4', b'6', b'S', b'V', b'Z'] {
        refused(
            &sound().with(of_kind(kind, "x", "")),
            "neither a file nor a folder",
        );
    }
    refused(&sound().with(folder("x")), "does not end in `/`");
    refused(
        &sound().with(of_kind(b'5', "x/", "content")),
        "is a folder with content",
    );
    refused(&sound().with(file("../x", "")), "leads out of the package");
    refused(
        &sound().with(file("sub/../x", "")),
        "leads out of the package",
    );
    refused(&sound().with(file("/x", "")), "absolute path");
    refused(&sound().with(file("none/x", "")), "does not come before it");
    refused(
        &sound().with(file("icon.png/x", "")),
        "does not come before it",
    );
    refused(&sound().with(folder("sub/")), "is there twice");
    refused(&sound().with(file("icon.png", "")), "is there twice");
    refused(&sound().with(file("./icon.png", "")), "is there twice");
    refused(&sound().with(folder("icon.png/")), "is there twice");
    refused(
        &sound().with(folder("./")).with(folder("./")),
        "is there twice",
    );
    refused(
        &sound().with(pax("path", "a\0b")).with(file("x", "")),
        "no system takes",
    );
    refused(
        &sound()
            .with(pax("GNU.sparse.major", "1"))
            .with(file("x", "")),
        "with holes",
    );
    refused(
        &sound().with(gnu(&"x".repeat(5000))).with(file("x", "")),
        "4096 bytes",
    );
    refused(
        &sound()
            .with(of_kind(b'x', "p", vec![b'x'; 2 << 20]))
            .with(file("x", "")),
        "1048576 bytes",
    );
    let mut name = sound();
    name.files.push(gnu("\u{fffd}"));
    let bytes = name.files.len() - 1;
    name.files[bytes].content = b"\xff\xfe\0".to_vec();
    refused(&name.with(file("x", "")), "not UTF-8");
    let mut deep = sound();
    let mut path = String::new();
    for _ in 0..70 {
        path.push_str("d/");
        if path.len() > 100 {
            deep = deep.with(pax("path", &path));
        }
        deep = deep.with(folder(&path));
    }
    refused(&deep, "lies deeper than 64 folders");
}

#[test]
fn headers_and_footers_are_checked() {
    let with_header = |text: &str| Package {
        header: header(text),
        ..sound()
    };
    refused(&with_header("packageId: a"), "`diskSpaceUsed` is missing");
    refused(&with_header("diskSpaceUsed: 1"), "`packageId` is missing");
    refused(&with_header("packageId: ':'\ndiskSpaceUsed: 1"), "is no id");
    refused(
        &with_header("packageId: b\ndiskSpaceUsed: 1"),
        "says the id `b`",
    );
    refused(&with_header("packageId: [b\n"), "header is wrong");
    let mut old = sound();
    old.header[0].content = b"formatType: am-package-header\nformatVersion: 1\n---\napplicationId: a\ndiskSpaceUsed: 1\n".to_vec();
    taken(&old);
    let mut large = sound();
    large.header[0].content = vec![b'#'; 300_000];
    refused(&large, "262144 are allowed");

    let with_digest = |digest: &str| Package {
        digest: Some(digest.to_owned()),
        ..sound()
    };
    refused(&with_digest(&"0".repeat(64)), "digest does not match");
    refused(&with_digest("x"), "not 64 hexadecimal digits");
    let mut first = sound();
    first.footer_format = "formatType: am-package-footer\nformatVersion: 1\n".to_owned();
    taken(&first);
    first.footer_format = "formatType: am-package-footer\nformatVersion: 3\n".to_owned();
    refused(&first, "footer is wrong");
    let mut more = sound();
    more.footers = vec![
        own("--PACKAGE-FOOTER--", "developerSignature: 'x'\n"),
        own(
            "--PACKAGE-FOOTER--2",
            "%YAML 1.1\n---\nstoreSignature: 'y'\n",
        ),
    ];
    assert!(taken(&more).package.developer_signed);
    more.footers[0].content = b"digest: '00'\n".to_vec();
    refused(&more, "is there twice");
    more.footers[0].content = vec![b'#'; 300_000];
    refused(&more, "are allowed");
}

#[test]
fn signed_data_enters_the_digest() {
    let mut signed = sound();
    signed.header =
        header("packageId: a\ndiskSpaceUsed: 1\nextraSigned: {a: 5, b: yes}\nextra: {c: 1}");
    signed.signed = vec![
        0, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0,
        b'b', 0, 0, 0, 1, 0, 1,
    ];
    taken(&signed);
    signed.header = header("packageId: a\ndiskSpaceUsed: 1\nextraSigned: {a: 6, b: yes}");
    refused(&signed, "digest does not match");
    signed.header = header("packageId: a\ndiskSpaceUsed: 1\nextraSigned: {}");
    signed.signed = vec![0, 0, 0, 8, 0, 0, 0, 0, 0];
    taken(&signed);
    signed.header = header("packageId: a\ndiskSpaceUsed: 1\nextraSigned: [1]");
    refused(&signed, "a map was expected");
}

#[test]
fn the_manifest_must_be_there_and_right() {
    refused(&package(vec![file("icon.png", PNG)]), "info.yaml is wrong");
    refused(
        &package(vec![file("info.yaml", "a: [")]),
        "info.yaml is wrong",
    );
    refused(
        &package(vec![file("info.yaml", vec![b'#'; 2 << 20])]),
        "are allowed",
    );
    let legacy =
        "formatType: am-application\nformatVersion: 1\n---\nid: a\ncode: x\nruntime: native\n";
    assert_eq!(
        taken(&package(vec![file("info.yaml", legacy)]))
            .package
            .version,
        ""
    );
}

#[test]
fn the_icon_is_icon_png_or_else_the_manifests() {
    let icon = |files: Vec<make::Entry>| taken(&package(files)).icon;
    let other = MANIFEST.replace("icon.png", "sub/./other.png");
    let info = || file("info.yaml", other.as_str());
    let picture = || file("sub/other.png", PNG);
    assert_eq!(
        icon(vec![info(), folder("sub/"), picture()]).as_deref(),
        Some(PNG)
    );
    // The manifest need not come first.
    assert_eq!(
        icon(vec![folder("sub/"), picture(), info()]).as_deref(),
        Some(PNG)
    );
    let both = vec![
        info(),
        folder("sub/"),
        picture(),
        file("icon.png", "anything"),
    ];
    assert_eq!(icon(both).as_deref(), Some(&b"anything"[..]));
    assert_eq!(
        icon(vec![
            info(),
            folder("sub/"),
            file("sub/other.png", "no PNG")
        ]),
        None
    );
    assert_eq!(icon(vec![info()]), None);
    assert_eq!(
        icon(vec![file("info.yaml", MANIFEST), file("icon.png", "")]),
        None
    );
    let large = vec![1; 1 << 20];
    assert_eq!(
        icon(vec![
            file("info.yaml", MANIFEST),
            file("icon.png", large.as_slice())
        ]),
        None
    );
    let largest = &large[1..];
    let found = icon(vec![file("info.yaml", MANIFEST), file("icon.png", largest)]);
    assert_eq!(found.as_deref(), Some(largest));
}

/// A program for this machine (ELF).
fn elf(machine: u8) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01\0".to_vec();
    elf.resize(18, 0);
    elf.push(machine);
    elf.resize(64, 0);
    elf
}

#[test]
fn all_programs_of_a_package_are_for_one_architecture() {
    let native = sound()
        .with(file("one", elf(0x3e)))
        .with(file("two", elf(0x3e)));
    assert_eq!(
        taken(&native).package.architecture.as_deref(),
        Some("linux_x86_64")
    );
    refused(
        &native.with(file("three", elf(0xb7))),
        "mixed architectures: linux_arm_64 and linux_x86_64",
    );
}

#[test]
fn a_small_package_that_unpacks_to_very_much_is_refused() {
    let mut bomb = sound().with(file("zeros", ""));
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let last = bomb.files.len() - 1;
    bomb.files[last].content = vec![0; 2 << 20];
    let (_dir, path) = saved(&bomb.bytes());
    let checks = |limits: &Limits| Checks {
        limits: limits.clone(),
        ..Checks::default()
    };
    let error = inspect(&path, &checks(&limits)).unwrap_err().to_string();
    assert!(
        error.contains("unpacks to more than 1048576 bytes"),
        "{error}"
    );
    let limits = Limits {
        entries: 3,
        ..Limits::default()
    };
    let error = inspect(&path, &checks(&limits)).unwrap_err().to_string();
    assert!(error.contains("too many files"), "{error}");
    let small = Checks {
        max_bytes: 100,
        ..Checks::default()
    };
    let error = inspect(&path, &small).unwrap_err().to_string();
    assert!(error.starts_with("package file is too large"), "{error}");
}

#[test]
fn a_stream_of_zeros_is_refused_long_before_its_end() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = sound().with(file("zeros", "")).tar();
    let name = tar.windows(5).position(|name| name == b"zeros").unwrap();
    let size = format!("{:011o}", 4_u64 << 30);
    tar[name + 124..name + 135].copy_from_slice(size.as_bytes());
    tar[name + 148..name + 156].fill(b' ');
    let sum: u32 = tar[name..name + 512]
        .iter()
        .map(|byte| u32::from(*byte))
        .sum();
    tar[name + 148..name + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    gzip.write_all(&tar[..name + 512]).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..300 {
        gzip.write_all(&zeros).unwrap();
    }
    let error = inspected(&gzip.finish().unwrap()).unwrap_err();
    assert!(error.contains("200 times its size"), "{error}");
}

/// What a store hands out for a package, with this as its signature; and whether the length was known.
fn handed_out(bytes: &[u8], signature: &str) -> (Vec<u8>, Option<u64>) {
    let (_dir, path) = saved(bytes);
    let plan = inspect(&path, &Checks::default())
        .unwrap()
        .package
        .plan
        .unwrap();
    let plan: super::SigningPlan =
        serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    let footer = Footer {
        store_signature: Some(signature.to_owned()),
        ..plan.footer()
    };
    let mut copy = plan.apply(&path, &footer).unwrap();
    let length = super::Signed::bytes(&copy);
    let mut signed = Vec::new();
    copy.read_to_end(&mut signed).unwrap();
    (signed, length)
}

/// The unpacked content of all members.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_end(&mut content)
        .unwrap();
    content
}

fn check_signed(bytes: &[u8], tar: &[u8]) {
    let (signed, length) = handed_out(bytes, "new");
    assert_eq!(length, Some(u64::try_from(signed.len()).unwrap()));
    let content = unpacked(&signed);
    let footer = tar
        .windows(18)
        .position(|name| name == b"--PACKAGE-FOOTER--")
        .unwrap();
    assert!(
        content[..footer] == tar[..footer],
        "the files are not the same"
    );
    let (_dir, path) = saved(&signed);
    let file = std::fs::File::open(&path).unwrap();
    let size = file.metadata().unwrap().len();
    let read = Read::whole(file, size, &Limits::default()).ok().unwrap();
    assert_eq!(read.footer.store_signature.as_deref(), Some("new"));
    assert_eq!(content.windows(3).filter(|text| text == b"old").count(), 0);
    // A signed one is signed again like any other.
    let (again, _) = handed_out(&signed, "newer");
    assert!(inspected(&again).is_ok());
}

#[test]
fn a_store_changes_nothing_but_the_end_of_a_package() {
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let text = "some text that is there again and again; ".repeat(5_000);
    let mut large = sound().with(file("noise", noise)).with(file("text", text));
    large.footers = vec![
        own(
            "--PACKAGE-FOOTER--",
            "%YAML 1.1\n---\ndeveloperSignature: 'dev'\n",
        ),
        own(
            "--PACKAGE-FOOTER--",
            "%YAML 1.1\n---\nstoreSignature: 'old'\n",
        ),
    ];
    for package in [sound(), large] {
        let tar = package.tar();
        for level in [0, 1, 6, 9] {
            check_signed(&gzip(&tar, level), &tar);
        }
        for at in [100, tar.len() / 2, tar.len() - 3000, tar.len() - 1] {
            let (first, second) = tar.split_at(at);
            check_signed(
                &[gzip(first, 6), gzip(second, 6), vec![0; 10]].concat(),
                &tar,
            );
        }
    }
}

#[test]
fn the_developers_signature_stays() {
    let mut package = sound();
    package.footers = vec![own(
        "--PACKAGE-FOOTER--",
        "%YAML 1.1\n---\ndeveloperSignature: 'dev'\n",
    )];
    let (signed, _) = handed_out(&package.bytes(), "new");
    assert!(inspected(&signed).unwrap().package.developer_signed);
}

#[test]
fn a_header_of_the_first_version_becomes_one_of_the_second() {
    let mut old = sound().with(file("text", "some text. ".repeat(50_000)));
    old.header[0].content =
        b"formatType: am-package-header\nformatVersion: 1\n---\napplicationId: a\ndiskSpaceUsed: 1\n".to_vec();
    let (signed, length) = handed_out(&old.bytes(), "new");
    assert_eq!(length, None);
    let again = inspected(&signed).unwrap().package;
    assert_eq!(again.id, "a");
    let content = unpacked(&signed);
    let text = String::from_utf8_lossy(&content);
    assert!(text.contains("packageId: 'a'") && !text.contains("applicationId"));
    assert!(handed_out(&signed, "newer").1.is_some());
}

/// What is wrong with a disk is told apart, because then a package is tried again.
#[test]
fn an_archive_that_goes_on_where_no_file_does_is_its_senders_mistake() {
    let mut zip = b"PK\x03\x04PK\x06\x07\0\0\0\0".to_vec();
    zip.extend([0xff; 8]);
    zip.extend(b"\x01\0\0\0PK\x05\x06");
    zip.extend([0; 18]);
    let (_dir, path) = saved(&zip);
    let error = inspect(&path, &Checks::default()).unwrap_err();
    assert!(matches!(error, PackageError::Refused(_)), "{error:?}");
    let error = inspect(&path.with_file_name("none"), &Checks::default()).unwrap_err();
    assert!(matches!(error, PackageError::Read(_)), "{error:?}");
}

#[test]
fn an_app_of_ours_is_a_package_too() {
    let zip = |files: &[(&str, &[u8])]| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let install = br#"{"name": "demo", "version": "1.10", "desc": "A demo", "category": "work", "icon": "logo.png"}"#;
    let store = br#"{"setting": {"binPath": "{exePath}/bin/{name}-{version}"}}"#;
    let program = elf(0xb7);
    for top in ["", "demo/"] {
        let files: Vec<(String, &[u8])> = [
            ("install.json", &install[..]),
            ("store.json", store),
            ("static/logo.png", PNG),
            ("bin/demo-1.10", &program),
            ("bin/other", b"MZ"),
        ]
        .iter()
        .map(|(name, content)| (format!("{top}{name}"), *content))
        .collect();
        let files: Vec<_> = files
            .iter()
            .map(|(name, content)| (name.as_str(), *content))
            .collect();
        let bytes = zip(&files);
        let Inspected { package, icon } = inspected(&bytes).unwrap();
        assert_eq!((package.id.as_str(), package.kind), ("demo", Kind::App));
        assert_eq!(package.architecture.as_deref(), Some("linux_arm_64"));
        assert_eq!(
            (package.version.as_str(), package.names["en"].as_str()),
            ("1.10", "demo")
        );
        assert_eq!(package.descriptions["en"], "A demo");
        assert_eq!(package.categories, ["work"]);
        assert_eq!((icon.as_deref(), package.plan), (Some(PNG), None));
        for length in [bytes.len() - 1, bytes.len() / 2, 10] {
            assert!(inspected(&bytes[..length]).is_err());
        }
    }
    let refused = |files: &[(&str, &[u8])], reason: &str| {
        let error = inspected(&zip(files)).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    refused(&[("x", b"")], "has no install.json");
    refused(&[("install.json", b"{")], "install.json");
    refused(
        &[("install.json", br#"{"name": "../x"}"#)],
        "is not an app name",
    );
    refused(&[("install.json", install), ("../x", b"")], "leads out");
    let damaged = zip(&[("install.json", install), ("big", &[7; 5000])]);
    let at = damaged.windows(3).position(|name| name == b"big").unwrap() + 6;
    let mut changed = damaged.clone();
    changed[at] ^= 0xff;
    assert!(inspected(&changed).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_files_are_taken_and_signed(
        contents in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..2000),
                (any::<u8>(), 0_usize..20_000).prop_map(|(byte, count)| vec![byte; count]),
            ],
            0..6,
        ),
        level in 0_u32..10,
        cut in 0_usize..1000,
    ) {
        let mut package = sound();
        for (number, content) in contents.iter().enumerate() {
            package = package.with(file(&format!("sub/{number}"), content.as_slice()));
        }
        let tar = package.tar();
        let whole = gzip(&tar, level);
        // Random bytes may begin like a program.
        if inspected(&whole).is_ok() {
            check_signed(&whole, &tar);
            let at = tar.len() * cut / 1000;
            let (first, second) = tar.split_at(at);
            check_signed(&[gzip(first, level), gzip(second, 6)].concat(), &tar);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let _ = inspected(&gzip(&bytes, 1));
        let _ = inspected(&[b"\x1f\x8b\x08\0", bytes.as_slice()].concat());
    }
}
