//! A server that asks for the developers' signatures and gives its own.

use std::fs;
use std::thread::{self, ScopedJoinHandle};

use serde_json::json;

use super::client::Client;
use super::make::Ampkg;
use super::not_taken;
use super::server::Data;
use crate::ampkg::openssl::{Authorities, PASSWORD};
use crate::ampkg::{ampkg, app};
use crate::support::package;

#[tokio::test]
async fn developers_are_verified_at_the_upload_and_the_store_signs_at_the_download() {
    let authorities = Authorities::new();
    let dir = authorities.path();
    let p12 = authorities.p12("dev", &[]);
    authorities.root("other");
    authorities.issue("foreign", "other", "EC", "basicConstraints=CA:FALSE");
    authorities.issue_expired("expired");
    authorities.p12("foreign", &[]);
    authorities.p12("expired", &[]);
    app(dir);
    ampkg(dir, &["create", "a.ampkg", "app"]).check(0, "");
    let sign = |name: &str| {
        let (key, signed) = (format!("{name}.p12"), format!("{name}.ampkg"));
        ampkg(dir, &["dev-sign", "a.ampkg", &signed, &key, PASSWORD]).check(0, "");
        fs::read(dir.join(signed)).unwrap()
    };
    let (root, sub) = (dir.join("root.pem"), dir.join("sub.pem"));
    let (root, sub) = (root.to_str().unwrap(), sub.to_str().unwrap());
    let p12 = p12.to_str().unwrap();
    let data = Data::new();
    let trusted = ["--dc", root, "--dc", sub, "--sc", p12, "--sp"];
    let options = [&trusted[..], &[PASSWORD]].concat();
    let mut server = data.serve_with(&options).await;
    assert!(server.has_said("> Verify developer signature on upload: yes"));
    assert!(server.has_said("> Add store signature on download: yes"));
    let mut client = server.client();

    let unsigned = client.upload(&fs::read(dir.join("a.ampkg")).unwrap());
    assert_eq!(not_taken(&unsigned), "no developer signature");
    for stranger in ["foreign", "expired"] {
        let message = not_taken(&client.upload(&sign(stranger)));
        assert!(
            message.starts_with("invalid developer signature ("),
            "{message}"
        );
    }
    assert_eq!(client.list().len(), 0);
    assert_eq!(client.upload(&sign("dev"))["result"], "added");
    // Nobody signs an app of ours, so that none comes by the name of what is signed.
    let ours = |name: &str| package(name, "1.0", json!({}), 10);
    for name in ["org.example.app", "other"] {
        let answer = client.upload(&ours(name));
        assert_eq!(not_taken(&answer), "no developer signature");
    }
    assert_eq!(data.names(".packages"), ["org.example.app_all.ampkg"]);

    for device in ["", "a%2Bb"] {
        let address = format!("/package/download?id=org.example.app&hardware-id={device}");
        let reply = client.get(&address);
        assert_eq!(reply.status(), 200);
        fs::write(dir.join("sold.ampkg"), &reply.body).unwrap();
        let device = device.replace("%2B", "+");
        ampkg(dir, &["store-verify", "sold.ampkg", root, sub, &device]).check(0, "valid");
        ampkg(dir, &["store-verify", "sold.ampkg", root, sub, "another"])
            .check(2, "invalid store signature");
        ampkg(dir, &["dev-verify", "sold.ampkg", root, sub]).check(0, "valid");
    }
    server.end();

    // A wrong password is told when something is to be signed, as the original does.
    let options = [&trusted[..], &["wrong"]].concat();
    data.write(".packages/other_all.zip", ours("other"));
    let server = data.serve_with(&options).await;
    assert!(server.has_said(" = skipping other_all.zip (no developer signature)"));
    let reply = server.client().get("/package/download?id=org.example.app");
    reply.is_empty(500);
}

/// D12: names that do not fit the oldest form of the archive come out as they went in.
#[tokio::test]
async fn packages_with_long_names_are_signed_and_names_that_come_twice_are_refused() {
    let authorities = Authorities::new();
    let (dir, p12) = (authorities.path(), authorities.p12("dev", &[]));
    let data = Data::new();
    let options = ["--sc", p12.to_str().unwrap(), "--sp", PASSWORD];
    let server = data.serve_with(&options).await;
    let mut client = server.client();
    let long = format!("{}-ä", "long".repeat(60));
    let package = || Ampkg::new("a", "1").file(&long, b"content");
    for package in [package(), package().by_pax()] {
        assert_eq!(client.upload(&package.build())["status"], "ok");
        let sold = client.get("/package/download?id=a").body;
        fs::write(dir.join("sold.ampkg"), &sold).unwrap();
        ampkg(
            dir,
            &["store-verify", "sold.ampkg", "root.pem", "sub.pem", ""],
        )
        .check(0, "valid");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&sold[..]));
        let mut entries = archive.entries().unwrap().map(Result::unwrap);
        assert!(entries.any(|entry| entry.path_bytes() == long.as_bytes()));
    }
    for package in [
        package().file(&long, b"content"),
        package().file("icon.png", b""),
    ] {
        let message = not_taken(&client.upload(&package.build()));
        assert!(message.contains("twice"), "{message}");
    }
}

/// On the disk a package is replaced a moment before that is known.
#[tokio::test]
async fn a_download_gets_one_version_or_the_other_while_they_change() {
    let authorities = Authorities::new();
    let p12 = authorities.p12("dev", &[]);
    let data = Data::new();
    let options = ["--sc", p12.to_str().unwrap(), "--sp", PASSWORD];
    let server = data.serve_with(&options).await;
    let versions = ["1", "2"].map(|version| Ampkg::new("a", version).build());
    let mut client = server.client();
    client.upload(&versions[0]);
    thread::scope(|scope| {
        let downloads: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(server.address());
                    for _ in 0..300 {
                        let reply = client.get("/package/download?id=a");
                        assert_eq!(reply.status(), 200);
                    }
                })
            })
            .collect();
        for version in versions.iter().rev().cycle() {
            assert_eq!(client.upload(version)["result"], "updated");
            if downloads.iter().all(ScopedJoinHandle::is_finished) {
                break;
            }
        }
    });
}
