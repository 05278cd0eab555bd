//! Apps of catalogs: installed by name, with what they need, in older versions, and brought up to date.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{add, folder, ran};
use crate::support::{Service, package, zip};

/// Puts a package among the files of a folder's catalog.
fn put(catalog: &Path, name: &str, content: &[u8]) {
    use storekeeper::library::{ARCH, OS};
    fs::write(catalog.join(OS).join(ARCH).join(name), content).unwrap();
}

async fn version(service: &Service, app: &str) -> Value {
    let answer = service.get(&format!("/api/apps/{app}")).await;
    if answer.status == 404 {
        return Value::Null;
    }
    answer.json()["installed"].clone()
}

fn page(service: &Service, app: &str) -> String {
    fs::read_to_string(service.home().join("static").join(app).join("index.html")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_installed_in_any_version_and_brought_up_to_date() {
    let service = Service::start_new().await;
    let list = |newest: &str| {
        json!([{
            "name": "x", "version": newest, "url": format!("x-{newest}.zip"),
            "history": [{ "version": "1.0", "url": "x-1.0.zip" }],
        }])
    };
    let shop = folder(&service, "shop", "hots", &list("1.1"));
    for version in ["1.0", "1.1", "1.2", "1.3"] {
        let name = format!("x-{version}.zip");
        put(&shop, &name, &package("x", version, json!({}), 0));
    }
    add(&service, "shop", shop.display()).await.must_be(201);

    ran(&service, &["install", "x@1.0"])
        .ok()
        .says(&["x is installed"]);
    assert_eq!(version(&service, "x").await, "1.0");
    ran(&service, &["outdated"]).ok().says(&["1.0", "1.1"]);
    ran(&service, &["install", "x@0.9"]).fails(1, &["`x` 0.9 is not offered", "1.1, 1.0"]);
    ran(&service, &["upgrade", "--all"])
        .ok()
        .says(&["x is up to date"]);
    assert_eq!(version(&service, "x").await, "1.1");
    assert!(page(&service, "x").contains("1.1"));
    // Who names an older version means it.
    ran(&service, &["install", "x@1.0"]).ok();
    assert_eq!(version(&service, "x").await, "1.0");

    folder(&service, "shop", "hots", &list("1.2"));
    ran(&service, &["catalog", "refresh"]).ok();
    ran(&service, &["pin", "x"]).ok();
    ran(&service, &["upgrade", "x"]).fails(1, &["`x` is pinned at 1.0"]);
    ran(&service, &["pin", "x", "--off"]).ok();
    ran(&service, &["skip", "x", "1.2"]).ok();
    ran(&service, &["upgrade", "x"]).ok();
    assert_eq!(version(&service, "x").await, "1.0");
    folder(&service, "shop", "hots", &list("1.3"));
    ran(&service, &["catalog", "refresh"]).ok();
    ran(&service, &["upgrade", "x"]).ok();
    assert_eq!(version(&service, "x").await, "1.3");
    // What is up to date is left alone.
    let before = service.get("/api/apps/x").await.json()["installedAt"].clone();
    ran(&service, &["upgrade", "x"]).ok();
    assert_eq!(
        service.get("/api/apps/x").await.json()["installedAt"],
        before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_needs_is_installed_before_it_and_circles_are_refused() {
    let service = Service::start_new().await;
    let needs = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| json!({ "name": name, "value": "" }))
            .collect()
    };
    let apps = [
        ("web", needs(&["db", "cache"])),
        ("db", needs(&["disk"])),
        ("cache", needs(&[])),
        ("disk", needs(&[])),
        ("egg", needs(&["hen"])),
        ("hen", needs(&["egg"])),
    ];
    let list: Vec<Value> = apps
        .iter()
        .map(|(name, needs)| {
            json!({ "name": name, "version": "1", "url": format!("{name}.zip"), "dependencies": needs })
        })
        .collect();
    let shop = folder(&service, "shop", "hots", &list.into());
    for (name, needs) in &apps {
        let content = package(name, "1", json!({ "dependencies": needs }), 0);
        put(&shop, &format!("{name}.zip"), &content);
    }
    add(&service, "shop", shop.display()).await.must_be(201);

    ran(&service, &["install", "web", "--no-dependencies"])
        .fails(1, &["needs apps that are not there: db, cache"]);
    ran(&service, &["install", "web"]).ok();
    let jobs = ran(&service, &["jobs", "--json"]).ok().json();
    let mut ended: Vec<(u64, &str)> = jobs
        .as_array()
        .unwrap()
        .iter()
        .filter(|job| job["state"] == "succeeded")
        .map(|job| {
            (
                job["endedAt"].as_u64().unwrap(),
                job["app"].as_str().unwrap(),
            )
        })
        .collect();
    ended.sort_unstable();
    let order: Vec<&str> = ended.iter().map(|(_, app)| *app).collect();
    assert_eq!(order, ["disk", "db", "cache", "web"]);
    ran(&service, &["uninstall", "db"]).fails(1, &["is needed by web"]);
    ran(&service, &["install", "egg"]).fails(1, &["egg → hen → egg"]);
    assert_eq!(version(&service, "egg").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_is_laid_over_the_official_archive() {
    let service = Service::start_new().await;
    let official = zip(&[
        ("program-5.7/bin/tool", b"official"),
        ("program-5.7/my.ini", b"official"),
        ("program-5.7/share/readme", b"official"),
    ]);
    let store = br#"{"setting": {"binPath": "{exePath}/bin/tool"}, "commands": {}}"#;
    let adapter = zip(&[
        ("x/install.json", br#"{"name": "x", "version": "5.7"}"#),
        ("x/store.json", store),
        ("x/my.ini", b"adapter"),
    ]);
    let list =
        json!([{ "name": "x", "version": "5.7", "url": "adapter.zip", "pkg": "official.zip" }]);
    let shop = folder(&service, "shop", "hots", &list);
    put(&shop, "adapter.zip", &adapter);
    put(&shop, "official.zip", &official);
    add(&service, "shop", shop.display()).await.must_be(201);
    // The program is not executable here, which is worth a warning and no more.
    let job = ran(&service, &["install", "x", "--json"]);
    assert_eq!(job.code, 0, "{job:?}");
    let read = |path: &str| fs::read_to_string(service.run_dir().join("x").join(path)).unwrap();
    assert_eq!(read("my.ini"), "adapter");
    assert_eq!(read("bin/tool"), "official");
    assert_eq!(read("share/readme"), "official");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_catalogs_app_does_not_take_the_place_of_an_app_by_accident() {
    let service = Service::start_new().await;
    for (name, version) in [("a", "1"), ("b", "2")] {
        let list = json!([{ "name": "x", "version": version, "url": "x.zip" }]);
        let shop = folder(&service, name, "hots", &list);
        put(&shop, "x.zip", &package("x", version, json!({}), 0));
        add(&service, name, shop.display()).await.must_be(201);
    }
    ran(&service, &["install", "x"]).ok();
    ran(&service, &["upgrade", "x", "--catalog", "b"])
        .fails(1, &["was installed from the catalog `a`", "--replace"]);
    assert_eq!(version(&service, "x").await, "1");
    ran(&service, &["upgrade", "x", "--catalog", "b", "--replace"]).ok();
    assert_eq!(version(&service, "x").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_not_what_its_catalog_says_is_refused() {
    let service = Service::start_new().await;
    let sha256 = "0".repeat(64);
    let list = json!([{ "name": "x", "version": "1", "url": "x.zip", "sha256": sha256 }]);
    let shop = folder(&service, "shop", "hots", &list);
    put(&shop, "x.zip", &package("x", "1", json!({}), 0));
    add(&service, "shop", shop.display()).await.must_be(201);
    ran(&service, &["install", "x"])
        .fails(1, &["its SHA-256 should be 0000", "nothing was installed"]);
    assert_eq!(version(&service, "x").await, Value::Null);
    assert_eq!(fs::read_dir(service.run_dir()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_set_shown_without_its_password_and_kept() {
    let mut service = Service::start_new().await;
    ran(&service, &["settings"])
        .ok()
        .says(&["proxy: as the environment says"]);
    ran(
        &service,
        &["settings", "proxy=http://me:secret@127.0.0.1:1"],
    )
    .ok()
    .says(&["proxy: http://me:***@127.0.0.1:1/"]);
    service.terminate().await;
    service.start_again().await;
    // What is not on this computer is asked of the proxy, which is not there.
    ran(&service, &["install", "http://192.0.32.1/x.zip"]).fails(1, &["192.0.32.1"]);
    for (value, why) in [
        ("proxy=file:///x", "`file` is not understood"),
        ("proxy=x", "is no proxy"),
        ("proxy", "KEY=VALUE"),
        ("port=1", "unknown field"),
    ] {
        ran(&service, &["settings", value]).fails(1, &[why]);
    }
    ran(&service, &["settings", "proxy="])
        .ok()
        .says(&["as the environment says"]);
}
