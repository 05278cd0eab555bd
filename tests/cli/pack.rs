//! `storekeeper pack`, which needs no service.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::Ran;

/// Packs in a folder that has an app `demo` with these files beside its manifest.
fn app(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let demo = dir.path().join("demo");
    fs::create_dir(&demo).unwrap();
    let info = r#"{"name": "demo", "version": "1.2"}"#;
    fs::write(demo.join("install.json"), info).unwrap();
    for file in files {
        let file = demo.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "content").unwrap();
    }
    dir
}

fn pack(dir: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .arg("pack")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The names in a package, those of folders left out.
fn names(package: &Path) -> Vec<String> {
    let zip = zip::ZipArchive::new(fs::File::open(package).unwrap()).unwrap();
    let names = zip.file_names().map(|name| name.unwrap().into_owned());
    names.filter(|name| !name.ends_with('/')).collect()
}

fn sha256(file: &Path) -> String {
    let digest = Sha256::digest(fs::read(file).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_app_becomes_a_package() {
    let dir = app(&[
        "bin/run",
        ".git/config",
        "sub/.DS_Store",
        "Thumbs.db",
        ".storekeeper-x",
    ]);
    let ran = pack(dir.path(), &["demo"]).ok();
    let package = dir.path().join("demo-1.2.zip");
    let bytes = fs::metadata(&package).unwrap().len();
    let sha256 = sha256(&package);
    assert_eq!(
        ran.out,
        format!("demo-1.2.zip: 2 files, {bytes} bytes\nsha256 {sha256}\n")
    );
    assert_eq!(names(&package), ["demo/bin/run", "demo/install.json"]);

    let json = pack(dir.path(), &["demo", "--json"]).ok().json();
    let expected = serde_json::json!({
        "file": "demo-1.2.zip", "bytes": bytes, "sha256": sha256, "files": 2,
    });
    assert_eq!(json, expected);
}

#[test]
fn the_package_may_lie_in_the_app_and_is_not_in_itself() {
    let dir = app(&["a"]);
    let demo = dir.path().join("demo");
    for _ in 0..2 {
        pack(&demo, &[".", "--output", "out/p.zip"]).ok();
        let package = demo.join("out/p.zip");
        assert_eq!(names(&package), ["demo/a", "demo/install.json"]);
    }
    for output in ["p.tar", "p.tar.gz", "p.tgz", "p.tar.bz2"] {
        pack(dir.path(), &["demo", "-o", output])
            .ok()
            .says(&[output, "sha256 "]);
    }
    pack(dir.path(), &["demo", "-o", "p.rar"]).fails(1, &["p.rar", ".tar.bz2 are understood"]);
}

#[test]
fn an_app_with_mistakes_is_not_packed_and_they_are_drawn() {
    let dir = app(&[]);
    let info = "{\n  \"name\": \"other\", \"version\": \"1\"\n}";
    fs::write(dir.path().join("demo/install.json"), info).unwrap();
    let ran = pack(dir.path(), &["demo", "--json"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    for words in [
        "error: the name `other` is not the name of the folder, `demo`\n --> demo/install.json:2:",
        "error: `demo` was not packed: correct the mistakes above\n",
    ] {
        assert!(ran.err.contains(words), "{ran:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    pack(dir.path(), &["nowhere"]).fails(1, &["`nowhere` cannot be read", "was not packed"]);
    pack(dir.path(), &[]).fails(2, &["FOLDER"]);
}

#[test]
fn what_is_odd_is_told_and_the_rest_is_packed() {
    let dir = app(&[]);
    let demo = dir.path().join("demo");
    let info = r#"{"name": "demo", "version": "a/b", "setting": true}"#;
    fs::write(demo.join("install.json"), info).unwrap();
    let _socket = UnixListener::bind(demo.join("socket")).unwrap();
    let ran = pack(dir.path(), &["demo"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("demo-a-b.zip: 1 file, "), "{ran:?}");
    for words in [
        "warning: `setting` offers",
        "warning: `",
        "socket` was left out",
    ] {
        assert!(ran.err.contains(words), "{ran:?}");
    }
}
