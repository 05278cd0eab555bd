//! The commands, their exit codes and what they make.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use storekeeper::package::{Checks, StoreSigner, inspect};

use super::openssl::{Authorities, PASSWORD};
use super::{ampkg, app};

/// Entries of a package: names and contents.
fn entries(package: &Path) -> Vec<(String, Vec<u8>)> {
    let gzip = flate2::read::MultiGzDecoder::new(fs::File::open(package).unwrap());
    let mut archive = tar::Archive::new(gzip);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let name = String::from_utf8(entry.path_bytes().to_vec()).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (name, content)
        })
        .collect()
}

/// A field of a package's footers.
fn footer(package: &Path, key: &str) -> String {
    let texts: String = entries(package)
        .into_iter()
        .filter(|(name, _)| name == "--PACKAGE-FOOTER--")
        .map(|(_, text)| String::from_utf8(text).unwrap())
        .collect();
    let (_, rest) = texts.rsplit_once(&format!("{key}: '")).unwrap();
    rest.split('\'').next().unwrap().to_owned()
}

#[test]
fn a_folder_becomes_a_package_and_always_the_same_one() {
    let dir = tempfile::tempdir().unwrap();
    app(dir.path());
    std::os::unix::fs::symlink("main.qml", dir.path().join("app/link")).unwrap();
    let ran = ampkg(dir.path(), &["create", "a.ampkg", "app", "--verbose"]);
    ran.check(0, "`org.example.app`, 6 entries");
    assert!(
        ran.err.contains("`link` is a link and was left out"),
        "{}",
        ran.err
    );
    let package = dir.path().join("a.ampkg");
    let names: Vec<_> = entries(&package)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "--PACKAGE-HEADER--",
            "info.yaml",
            "icon.png",
            "assets/",
            "assets/sub/",
            "assets/sub/täst.txt",
            "main.qml",
            "--PACKAGE-FOOTER--"
        ]
    );
    let found = inspect(&package, &Checks::default()).unwrap();
    assert_eq!(found.package.id, "org.example.app");
    let first = fs::read(&package).unwrap();
    // Times do not matter, and not where the package lies.
    let file = fs::File::options()
        .append(true)
        .open(dir.path().join("app/main.qml"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let ran = ampkg(
        dir.path(),
        &["create-package", "app/b.ampkg", "app", "--json"],
    );
    ran.check(0, "org.example.app");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["digest"], footer(&package, "digest"));
    assert_eq!(fs::read(dir.path().join("app/b.ampkg")).unwrap(), first);
}

#[test]
fn further_data_comes_into_the_header() {
    let dir = tempfile::tempdir().unwrap();
    app(dir.path());
    fs::write(dir.path().join("more.yaml"), "list: [1, 2]\n").unwrap();
    ampkg(
        dir.path(),
        &[
            "create",
            "a.ampkg",
            "app",
            "-m",
            "{foo: bar}",
            "-M",
            "more.yaml",
            "-s",
            "{obj: {num: 5, flag: true, k1: v1}, sfoo: sbar}",
        ],
    )
    .check(0, "digest");
    let (_, header) = entries(&dir.path().join("a.ampkg")).remove(0);
    assert_eq!(
        String::from_utf8(header).unwrap(),
        "%YAML 1.1\n---\nformatType: 'am-package-header'\nformatVersion: 2\n---\ndiskSpaceUsed: 587776\nextra:\n  \
         foo: 'bar'\n  list:\n  - 1\n  - 2\nextraSigned:\n  obj:\n    flag: true\n    k1: 'v1'\n    num: 5\n  \
         sfoo: 'sbar'\npackageId: 'org.example.app'\n"
    );
    assert!(inspect(&dir.path().join("a.ampkg"), &Checks::default()).is_ok());
    ampkg(dir.path(), &["create", "a.ampkg", "app", "-m", "[1]"]).check(1, "a map was expected");
    ampkg(dir.path(), &["create", "a.ampkg", "app", "-M", "none.yaml"])
        .check(1, "`none.yaml` cannot be read");
}

#[test]
fn what_makes_no_package_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let check = |change: &dyn Fn(&Path), reason: &str| {
        let _ = fs::remove_dir_all(dir.path().join("app"));
        app(dir.path());
        change(&dir.path().join("app"));
        ampkg(dir.path(), &["create", "a.ampkg", "app"]).check(1, reason);
        assert!(!dir.path().join("a.ampkg").exists());
    };
    check(
        &|app| fs::remove_dir_all(app).unwrap(),
        "`app` cannot be read",
    );
    check(
        &|app| fs::remove_file(app.join("info.yaml")).unwrap(),
        "info.yaml` cannot be read",
    );
    check(
        &|app| fs::remove_file(app.join("icon.png")).unwrap(),
        "the icon `icon.png`",
    );
    check(
        &|app| fs::remove_file(app.join("main.qml")).unwrap(),
        "the code `main.qml`",
    );
    check(
        &|app| fs::write(app.join("--PACKAGE-X"), "").unwrap(),
        "begins with `--`",
    );
    let manifest = |from: &'static str, to: &'static str| {
        move |app: &Path| {
            let path = app.join("info.yaml");
            let text = fs::read_to_string(&path).unwrap().replace(from, to);
            fs::write(path, text).unwrap();
        }
    };
    check(
        &manifest(", runtime: qml", ""),
        "Required fields are missing: runtime",
    );
    check(
        &manifest("id: org.example.app\nicon", "icon"),
        "Required fields are missing: id",
    );
    check(
        &manifest("code: main.qml, ", ""),
        "Required fields are missing: code",
    );
    check(
        &manifest("applications:", "apps:"),
        "the field `apps` is not known",
    );
    app(dir.path());
    ampkg(dir.path(), &["create", "none/a.ampkg", "app"]).check(1, "cannot be written");
    // Code that is built into the runtime is no file.
    manifest("code: main.qml", "code: ':/main.qml'")(&dir.path().join("app"));
    fs::remove_file(dir.path().join("app/main.qml")).unwrap();
    ampkg(dir.path(), &["create", "a.ampkg", "app"]).check(0, "5 entries");
    // Wrong arguments are an error like any other; 2 means an invalid signature.
    ampkg(dir.path(), &["create"]).check(1, "Usage");
    ampkg(dir.path(), &["nonsense"]).check(1, "Usage");
    ampkg(dir.path(), &["--help"]).check(0, "dev-sign");
}

#[test]
fn packages_are_signed_and_verified() {
    let authorities = Authorities::new();
    let dir = authorities.path();
    authorities.issue("store", "root", "RSA", "basicConstraints=CA:FALSE");
    authorities.p12("dev", &[]);
    authorities.p12("store", &["-legacy"]);
    authorities.root("other");
    app(dir);
    ampkg(dir, &["create", "a.ampkg", "app"]).check(0, "");
    ampkg(
        dir,
        &["dev-sign", "a.ampkg", "b.ampkg", "dev.p12", PASSWORD],
    )
    .check(0, "");
    ampkg(dir, &["dev-verify", "b.ampkg", "root.pem", "sub.pem"])
        .check(0, "developer signature is valid");
    ampkg(dir, &["dev-verify-package", "a.ampkg", "root.pem"]).check(1, "no developer signature");
    ampkg(dir, &["dev-verify", "b.ampkg", "other.pem"]).check(2, "invalid developer signature");
    ampkg(dir, &["dev-verify", "b.ampkg", "sub.pem"]).check(2, "invalid developer signature");
    ampkg(dir, &["dev-verify", "b.ampkg", "none.pem"]).check(1, "cannot be read");

    ampkg(
        dir,
        &[
            "store-sign",
            "b.ampkg",
            "c.ampkg",
            "store.p12",
            PASSWORD,
            "foobar",
        ],
    )
    .check(0, "");
    ampkg(dir, &["store-verify", "c.ampkg", "root.pem", "foobar"])
        .check(0, "store signature is valid");
    ampkg(dir, &["store-verify", "c.ampkg", "root.pem", "other"])
        .check(2, "invalid store signature");
    ampkg(dir, &["store-verify", "b.ampkg", "root.pem", "foobar"]).check(1, "no store signature");
    // The developer's signature is still there, and no less valid.
    ampkg(dir, &["dev-verify", "c.ampkg", "root.pem", "sub.pem"]).check(0, "valid");
    // Another one takes the place of the first.
    ampkg(
        dir,
        &[
            "store-sign",
            "c.ampkg",
            "c.ampkg",
            "store.p12",
            PASSWORD,
            "",
        ],
    )
    .check(0, "");
    ampkg(dir, &["store-verify", "c.ampkg", "root.pem", ""]).check(0, "valid");
    assert_eq!(
        entries(&dir.join("c.ampkg")).len(),
        entries(&dir.join("a.ampkg")).len() + 2
    );

    ampkg(
        dir,
        &["dev-sign", "none.ampkg", "d.ampkg", "dev.p12", PASSWORD],
    )
    .check(1, "cannot be read");
    ampkg(
        dir,
        &["dev-sign", "dev.pem", "d.ampkg", "dev.p12", PASSWORD],
    )
    .check(1, "wrong package format");
    ampkg(
        dir,
        &["dev-sign", "a.ampkg", "none/d.ampkg", "dev.p12", PASSWORD],
    )
    .check(1, "cannot be written");
    ampkg(dir, &["dev-sign", "a.ampkg", "d.ampkg", "dev.p12", "wrong"])
        .check(1, "password is wrong");
    assert!(!dir.join("d.ampkg").exists());
}

#[test]
fn openssl_verifies_what_a_store_hands_out() {
    let authorities = Authorities::new();
    let dir = authorities.path();
    authorities.p12("dev", &[]);
    app(dir);
    fs::copy("/bin/true", dir.join("app/program")).unwrap();
    ampkg(dir, &["create", "a.ampkg", "app"]).check(0, "");
    let path = dir.join("a.ampkg");
    let package = inspect(&path, &Checks::default()).unwrap().package;
    let expected = if cfg!(target_arch = "aarch64") {
        "linux_arm_64"
    } else {
        "linux_x86_64"
    };
    assert_eq!(package.architecture.as_deref(), Some(expected));
    let signer = StoreSigner::load(&dir.join("dev.p12"), PASSWORD).unwrap();
    let plan = package.plan.unwrap();
    let mut copy = signer.signed(&path, &plan, None).unwrap();
    let mut bytes = Vec::new();
    copy.read_to_end(&mut bytes).unwrap();
    let result = dir.join("signed.ampkg");
    fs::write(&result, &bytes).unwrap();
    // Nearly all of it is what it was, and where it was.
    let old = fs::read(&path).unwrap();
    let same = old
        .iter()
        .zip(&bytes)
        .filter(|(old, new)| old == new)
        .count();
    assert!(same * 10 > old.len() * 8, "{same} of {}", old.len());
    let digest = footer(&result, "digest");
    let digest: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let signature = STANDARD.decode(footer(&result, "storeSignature")).unwrap();
    authorities.verify(&signature, &STANDARD.encode(digest));
    ampkg(
        dir,
        &["store-verify", "signed.ampkg", "root.pem", "sub.pem", ""],
    )
    .check(0, "valid");
    let unpacked = entries(&result);
    assert_eq!(
        unpacked[..unpacked.len() - 2],
        entries(&path)[..unpacked.len() - 2]
    );
}

#[test]
fn yaml_is_shown_as_json() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("a.yaml"),
        "a: 0x10\nb: yes\n---\n- ~\n- '5'\n- 1.5\n",
    )
    .unwrap();
    let ran = ampkg(dir.path(), &["yaml-to-json", "a.yaml"]);
    ran.check(0, "");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        told,
        serde_json::json!([{"a": 16, "b": true}, [null, "5", 1.5]])
    );
    let ran = ampkg(dir.path(), &["yaml-to-json", "-i", "0", "a.yaml"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told, serde_json::json!({"a": 16, "b": true}));
    ampkg(dir.path(), &["yaml-to-json", "-i", "2", "a.yaml"]).check(1, "there is no document 2");
    fs::write(dir.path().join("a.yaml"), "a: [\n").unwrap();
    ampkg(dir.path(), &["yaml-to-json", "a.yaml"]).check(1, "line ");
}
