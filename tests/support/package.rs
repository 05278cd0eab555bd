//! Packages made up on the spot.

use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip archive that stores its files as they are.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        archive.start_file(*name, stored).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The package of an app that has a page and no program; `more` is laid over its `install.json`, and
/// `bulk` bytes make it large.
pub(crate) fn package(name: &str, version: &str, more: Value, bulk: usize) -> Vec<u8> {
    let mut info = json!({ "name": name, "version": version, "desc": "made up" });
    let Value::Object(more) = more else {
        panic!("only an object can be laid over another");
    };
    info.as_object_mut().unwrap().extend(more);
    let page = format!("<p>{name} {version}");
    zip(&[
        ("install.json", info.to_string().as_bytes()),
        ("store.json", b"{\"commands\": {}}"),
        ("static/index.html", page.as_bytes()),
        ("bulk.bin", &vec![7; bulk]),
    ])
}
