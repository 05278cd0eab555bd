//! Makes packages byte by byte, apart from the code that reads and writes them.

use std::io::Write as _;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The manifest of the package `a`.
pub(super) const MANIFEST: &str = "formatType: am-package\nformatVersion: 1\n---\nid: a\nicon: icon.png\nname:\n  en: A\n  de: Ä\n\
     description:\n  en: Something\nversion: '1.10'\ncategories: [zeta, Alpha, zeta]\napplications:\n\
     - id: a\n  code: main.qml\n  runtime: qml\n";

pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";

/// One entry of a tar archive.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) content: Vec<u8>,
    /// Whether it enters the digest.
    counts: bool,
}

pub(super) fn file(name: &str, content: impl Into<Vec<u8>>) -> Entry {
    of_kind(b'0', name, content)
}

pub(super) fn folder(name: &str) -> Entry {
    of_kind(b'5', name, "")
}

pub(super) fn of_kind(kind: u8, name: &str, content: impl Into<Vec<u8>>) -> Entry {
    Entry {
        name: name.to_owned(),
        kind,
        content: content.into(),
        counts: true,
    }
}

/// One that is not part of the digest.
pub(super) fn own(name: &str, content: impl Into<Vec<u8>>) -> Entry {
    Entry {
        counts: false,
        ..file(name, content)
    }
}

/// A package, all parts of which can be changed.
#[derive(Clone)]
pub(super) struct Package {
    pub(super) header: Vec<Entry>,
    pub(super) files: Vec<Entry>,
    /// Without the first one, which has the digest.
    pub(super) footers: Vec<Entry>,
    /// What is hashed before the files.
    pub(super) signed: Vec<u8>,
    pub(super) footer_format: String,
    /// None for the right one.
    pub(super) digest: Option<String>,
    pub(super) end: Vec<u8>,
}

pub(super) fn header(text: &str) -> Vec<Entry> {
    let text = format!("formatType: am-package-header\nformatVersion: 2\n---\n{text}\n");
    vec![own("--PACKAGE-HEADER--", text)]
}

/// A package of these files.
pub(super) fn package(files: Vec<Entry>) -> Package {
    Package {
        header: header("packageId: a\ndiskSpaceUsed: 1000"),
        files,
        footers: Vec::new(),
        signed: Vec::new(),
        footer_format: "formatType: am-package-footer\nformatVersion: 2\n".to_owned(),
        digest: None,
        end: vec![0; 1024],
    }
}

/// A small one that is right in every way.
pub(super) fn sound() -> Package {
    package(vec![
        file("info.yaml", MANIFEST),
        file("icon.png", PNG),
        folder("sub/"),
        file("sub/main.qml", "Item {}"),
        file("täst.txt", "text"),
    ])
}

impl Package {
    pub(super) fn with(mut self, file: Entry) -> Self {
        self.files.push(file);
        self
    }

    pub(super) fn tar(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        digest.update(&self.signed);
        for entry in self.files.iter().filter(|entry| entry.counts) {
            digest.update(&entry.content);
            let name = entry.name.as_str();
            digest.update(match name.strip_suffix('/') {
                Some(name) => format!("D/0/{name}"),
                None => format!("F/{}/{name}", entry.content.len()),
            });
        }
        let digest = crate::app::Sha256(digest.finalize().into()).to_string();
        let digest = self.digest.clone().unwrap_or(digest);
        let footer = format!(
            "%YAML 1.1\n---\n{}---\ndigest: '{digest}'\n",
            self.footer_format
        );
        let footer = own("--PACKAGE-FOOTER--", footer);
        let mut tar = Vec::new();
        let entries = self.header.iter().chain(&self.files).chain([&footer]);
        for entry in entries.chain(&self.footers) {
            put(&mut tar, entry);
        }
        tar.extend(&self.end);
        tar
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        gzip(&self.tar(), 6)
    }
}

pub(super) fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(level));
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// Writes an entry as ustar; a name that is too long is cut, as if a note had been before it.
fn put(tar: &mut Vec<u8>, entry: &Entry) {
    let mut block = [0_u8; 512];
    let name = entry.name.as_bytes();
    let name = &name[..name.len().min(100)];
    block[..name.len()].copy_from_slice(name);
    let mut field =
        |at: usize, text: String| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(100, "0000400\0".to_owned());
    field(108, "0000000\0".to_owned());
    field(116, "0000000\0".to_owned());
    field(124, format!("{:011o}\0", entry.content.len()));
    field(136, "00000000000\0".to_owned());
    field(148, " ".repeat(8));
    field(257, "ustar\x0000".to_owned());
    block[156] = entry.kind;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend(block);
    tar.extend(&entry.content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// A pax header with one record, for the entry behind it.
pub(super) fn pax(key: &str, value: &str) -> Entry {
    let rest = format!(" {key}={value}\n");
    let length = (1..5000)
        .find(|length: &usize| length.to_string().len() + rest.len() == *length)
        .unwrap();
    Entry {
        counts: false,
        ..of_kind(b'x', "pax", format!("{length}{rest}"))
    }
}

/// A long name of GNU tar, for the entry behind it.
pub(super) fn gnu(name: &str) -> Entry {
    Entry {
        counts: false,
        ..of_kind(b'L', "././@LongLink", format!("{name}\0"))
    }
}

/// Puts a package on the disk.
pub(super) fn saved(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.ampkg");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}
