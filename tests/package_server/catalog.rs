//! A package server as a catalog, and the one that runs inside the service.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::make::Ampkg;
use super::server::Data;
use super::taken;
use crate::cli::{Ran, run};
use crate::support::{Service, package, until};

fn ran(service: &Service, arguments: &[&str]) -> Ran {
    tokio::task::block_in_place(|| run(service, arguments))
}

/// An app of ours, as a package for Qt's application manager.
fn disguised(id: &str, version: &str) -> Vec<u8> {
    let install = json!({ "name": id, "version": version, "desc": "made up" });
    Ampkg::new(id, version)
        .file("install.json", install.to_string().as_bytes())
        .file("store.json", b"{\"commands\": {}}")
        .build()
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_installed_from_a_package_server() {
    let data = Data::new();
    let server = data.serve().await;
    let mut shelf = server.client();
    shelf.upload(&package("plain", "1.0", json!({}), 10));
    shelf.upload(&disguised("org.example.both", "2.0"));
    shelf.upload(&Ampkg::new("org.example.qt", "3.0").build());
    let odd = shelf.upload(&Ampkg::new("not an app name", "1").build());
    assert_eq!(odd, taken("not an app name", "all", "added"));
    let service = Service::start_new().await;
    let address = format!("http://{}", server.address());
    ran(&service, &["catalog", "add", "dev", &address]).ok();
    let offers = service.get("/api/catalog").await.json();
    let names: Vec<&str> = offers
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["org.example.both", "org.example.qt", "plain"]);
    let found = ran(&service, &["search", "deutsch"]);
    assert!(
        found.out.is_empty() || !found.out.contains("3.0"),
        "{found:?}"
    );
    assert!(
        ran(&service, &["search", "english"])
            .ok()
            .out
            .contains("org.example.qt")
    );
    let catalogs = service.get("/api/catalogs").await.json();
    let mut catalogs = catalogs.as_array().unwrap().iter();
    let problems = catalogs.find(|it| it["name"] == "dev").unwrap()["problems"].to_string();
    assert!(problems.contains("not an app name"), "{problems}");

    ran(&service, &["install", "plain"]);
    ran(&service, &["install", "org.example.both"]);
    for (name, version) in [("plain", "1.0"), ("org.example.both", "2.0")] {
        let app = service
            .get(&format!("/api/apps/{name}"))
            .await
            .must_be(200)
            .json();
        assert_eq!(app["installed"], version, "{app}");
    }
    // What is the store's of a package is no file of the app.
    let folder = service.run_dir().join("org.example.both");
    assert!(folder.join("info.yaml").exists() && folder.join("icon.png").exists());
    let names = std::fs::read_dir(&folder).unwrap().flatten();
    assert!(
        names
            .into_iter()
            .all(|it| !it.file_name().to_string_lossy().starts_with("--"))
    );

    ran(&service, &["install", "org.example.qt"])
        .fails(1, &["Qt's application manager", "install.json"]);
    assert!(!service.run_dir().join("org.example.qt").exists());

    // A new version is an update.
    shelf.upload(&disguised("org.example.both", "2.1"));
    let refreshed = ran(&service, &["catalog", "refresh"]);
    assert!(
        refreshed.code == 0 && refreshed.err.contains("`not an app name`"),
        "{refreshed:?}"
    );
    assert!(ran(&service, &["outdated"]).ok().out.contains("2.1"));
    ran(&service, &["upgrade", "org.example.both"]);
    let app = service.get("/api/apps/org.example.both").await.json();
    assert_eq!(app["installed"], "2.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_server_of_another_project_is_told_apart() {
    let data = Data::new();
    let server = data.serve_with(&["--pi", "a & b"]).await;
    server
        .client()
        .upload(&package("plain", "1.0", json!({}), 10));
    let service = Service::start_new().await;
    let address = format!("http://{}", server.address());
    let added = ran(&service, &["catalog", "add", "wrong", &address]);
    assert!(added.err.contains("--project-id"), "{added:?}");
    ran(&service, &["catalog", "remove", "wrong"]).ok();
    ran(
        &service,
        &["catalog", "add", "right", &address, "--project-id", "a & b"],
    )
    .ok();
    let offers = service.get("/api/catalog").await.json();
    assert_eq!(offers[0]["name"], "plain");
    // While it is down, what it had is known.
    drop(server);
    ran(&service, &["catalog", "refresh"]);
    assert_eq!(service.get("/api/catalog").await.json()[0]["name"], "plain");
}

/// A package that was changed on its way is not installed.
#[tokio::test(flavor = "multi_thread")]
async fn a_package_whose_digest_is_wrong_is_not_installed() {
    let folder = TempDir::new().unwrap();
    let mut bytes = disguised("org.example.both", "2.0");
    let content = flate2::read::GzDecoder::new(&bytes[..]);
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut { content }, &mut tar).unwrap();
    let place = tar.windows(7).position(|it| it == b"made up").unwrap();
    tar[place] = b'M';
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &tar).unwrap();
    bytes = gzip.finish().unwrap();
    let path = folder.path().join("changed.ampkg");
    std::fs::write(&path, bytes).unwrap();
    let service = Service::start_new().await;
    ran(&service, &["install", path.to_str().unwrap()]).fails(1, &["changed.ampkg", "digest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_inside_the_service_and_the_page_sees_its_shelf() {
    let service = Service::start_with(&["--package-server", "localhost"], &[]).await;
    let shown = service.get("/api/shelf").await.must_be(200).json();
    let url = shown["server"]["url"].as_str().unwrap().to_owned();
    let folder = shown["server"]["folder"].as_str().unwrap().to_owned();
    assert!(folder.ends_with("/packages"), "{folder}");
    let address = url
        .strip_prefix("http://")
        .unwrap()
        .replace("localhost", "127.0.0.1");
    let mut client = super::client::Client::connect(&address);
    let package = Ampkg::new("a", "1").build();
    client.upload(&package);
    std::fs::write(format!("{folder}/upload/b"), Ampkg::new("b", "1").build()).unwrap();
    let shelf = async || service.get("/api/shelf").await.json()["packages"].clone();
    let both = until("both are on the shelf", async || {
        let packages = shelf().await;
        (packages.as_array().unwrap().len() == 2).then_some(packages)
    })
    .await;
    assert_eq!(both[0]["id"], "a");
    assert_eq!(both[0]["architecture"], Value::Null);
    assert_eq!(both[0]["kind"], "ampkg");
    let send = async |body: Vec<u8>| {
        let request = service.request(reqwest::Method::PUT, "/api/shelf/packages");
        let request = request
            .header("content-type", "application/octet-stream")
            .body(body);
        crate::support::Answer::of(request).await
    };
    let put = send(Ampkg::new("a", "2").build()).await.must_be(200).json();
    assert_eq!(put["result"], "updated");
    assert!(
        send(b"nothing".to_vec())
            .await
            .must_be(422)
            .message()
            .contains("wrong package format")
    );
    let icon = service.get("/api/shelf/packages/a/icon").await.must_be(200);
    assert!(icon.text.contains("PNG"));
    let remove = async |path: &str| {
        crate::support::Answer::of(service.request(reqwest::Method::DELETE, path)).await
    };
    remove("/api/shelf/packages/a?architecture=x")
        .await
        .must_be(404);
    remove("/api/shelf/packages/a").await.must_be(200);
    assert_eq!(client.list().len(), 1);
}

#[tokio::test]
async fn without_a_package_server_there_is_no_shelf() {
    let service = Service::start_new().await;
    let shown = service.get("/api/shelf").await.must_be(200).json();
    assert_eq!(shown, json!({ "server": null, "packages": [] }));
    service.get("/api/shelf/packages/a/icon").await.must_be(404);
}
