//! Packages that are none, that are others than they should be, and servers that do not send them: each is
//! named in one sentence, and nothing is changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use storekeeper::library::{ARCH, OS};

use crate::support::server::{Reply, Server};
use crate::support::{Answer, Service, package, zip};

/// A service with an app `a` 2.0 from a package, a developer's app `dev` and an app `hand` that somebody
/// put there.
struct World {
    service: Service,
    known: Value,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl World {
    async fn new() -> Self {
        let service = Service::start_new().await;
        let mut world = Self {
            service,
            known: Value::Null,
            files: BTreeMap::new(),
        };
        let two = package("a", "2.0", json!({}), 100);
        let two = world.file("a.zip", &two);
        world.add(json!({ "package": two })).await.must_be(200);
        let service = &world.service;
        service
            .app("dev")
            .runs(&["forever"], json!({}))
            .install()
            .await;
        service
            .app("hand")
            .install_json(json!({ "isDev": false }))
            .runs(&["forever"], json!({}))
            .install()
            .await;
        world.known = world.known().await;
        world.files = world.files();
        world
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.service.scratch().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn add(&self, body: Value) -> Answer {
        self.service.post("/api/apps?wait=true", &body).await
    }

    /// What the database says of the apps.
    async fn known(&self) -> Value {
        let list = self.service.get("/api/apps").await.must_be(200).json();
        let mut known = Vec::new();
        for app in list.as_array().unwrap() {
            let name = app["name"].as_str().unwrap();
            let app = self.service.get(&format!("/api/apps/{name}")).await.json();
            let keys = ["name", "installed", "origin", "previous", "pinned"];
            known.push(keys.map(|key| app[key].clone()));
        }
        json!(known)
    }

    /// Every file of the apps, their pages and the trash, and what lies beside them.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = Vec::new();
        for dir in ["run", "static", "trash", "cache/upload"] {
            super::collect(&self.service.home().join(dir), &mut files);
        }
        let content = |path: PathBuf| {
            let content = fs::read(&path).unwrap_or_default();
            (path, content)
        };
        files.into_iter().map(content).collect()
    }

    /// It is refused with a status and these words, and nothing has changed.
    async fn refuses(&self, body: Value, status: u16, words: &[&str]) -> Answer {
        self.refuses_at("/api/apps?wait=true", body, status, words)
            .await
    }

    async fn refuses_at(&self, path: &str, body: Value, status: u16, words: &[&str]) -> Answer {
        let answer = self.service.post(path, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        let message = answer.message();
        for word in words {
            assert!(message.contains(word), "{word:?} is not in: {message}");
        }
        assert_eq!(message.lines().count(), 1, "{message}");
        assert_eq!(self.known().await, self.known, "after {body}");
        assert_eq!(self.files(), self.files, "after {body}");
        answer
    }

    async fn refuses_file(
        &self,
        name: &str,
        content: &[u8],
        status: u16,
        words: &[&str],
    ) -> Answer {
        let path = self.file(name, content);
        self.refuses(json!({ "package": path }), status, words)
            .await
    }
}

fn manifest(info: &str) -> Vec<u8> {
    zip(&[("install.json", info.as_bytes()), ("store.json", b"{}")])
}

#[tokio::test]
async fn a_file_that_is_no_package_is_named() {
    let world = World::new().await;
    let good = package("b", "1.0", json!({}), 5000);
    let cut = &good[..good.len() / 2];
    for (name, content, status, words) in [
        ("empty.zip", &b""[..], 422, &["empty.zip", "empty"][..]),
        (
            "text.zip",
            b"hello, I am no archive\n",
            422,
            &["text.zip", "not an archive"],
        ),
        ("cut.zip", cut, 422, &["cut.zip", "not an archive"]),
        (
            "bare.zip",
            &zip(&[("read.me", b"hi")]),
            422,
            &["bare.zip", "install.json"],
        ),
        ("unknown.rar", b"Rar!\x1a\x07\x01\0", 422, &["unknown.rar"]),
    ] {
        world.refuses_file(name, content, status, words).await;
    }
    let missing = world.service.scratch().join("missing.zip");
    world
        .refuses(
            json!({ "package": missing }),
            404,
            &["missing.zip", "a file that is there"],
        )
        .await;
}

#[tokio::test]
async fn a_package_that_is_damaged_inside_is_named() {
    let world = World::new().await;
    let mut damaged = package("b", "1.0", json!({}), 5000);
    let at = damaged
        .windows(100)
        .position(|part| part.iter().all(|byte| *byte == 7));
    damaged[at.unwrap() + 50] = 8;
    world
        .refuses_file(
            "damaged.zip",
            &damaged,
            422,
            &["damaged.zip", "bulk.bin", "nothing was changed"],
        )
        .await;
}

#[tokio::test]
async fn the_mistakes_in_a_package_are_listed() {
    let world = World::new().await;
    let answer = world
        .refuses_file(
            "broken.zip",
            &manifest("{ \"name\": \"b\", "),
            422,
            &["broken.zip"],
        )
        .await;
    let problems = answer.json()["data"]["problems"].clone();
    assert!(!problems.as_array().unwrap().is_empty(), "{}", answer.text);
    let info = r#"{ "name": "b", "version": "1", "dependencies": 7 }"#;
    let answer = world
        .refuses_file("wrong.zip", &manifest(info), 422, &["dependencies"])
        .await;
    let problem = &answer.json()["data"]["problems"][0];
    assert_eq!(problem["line"], 1, "{}", answer.text);
    let store =
        br#"{ "commands": { "x": [{ "name": "exce" }] }, "install": { "installCmds": ["x"] } }"#;
    let info = br#"{ "name": "b", "version": "1" }"#;
    let package = zip(&[("install.json", info), ("store.json", store)]);
    let answer = world
        .refuses_file("list.zip", &package, 422, &["exce"])
        .await;
    let problems = answer.json()["data"]["problems"].to_string();
    assert!(problems.contains("store.json"), "{problems}");
    world
        .refuses_file(
            "name.zip",
            &manifest(r#"{ "name": "../b" }"#),
            422,
            &["../b"],
        )
        .await;
}

#[tokio::test]
async fn a_package_that_must_not_follow_is_refused() {
    let world = World::new().await;
    let one = world.file("a-1.zip", &package("a", "1.0", json!({}), 0));
    world
        .refuses(
            json!({ "package": one }),
            409,
            &["`a` 2.0 is there", "older version 1.0", "--older"],
        )
        .await;
    world
        .refuses(
            json!({ "package": one, "name": "b" }),
            422,
            &["is the app `a`, not `b`"],
        )
        .await;
    // Somebody else's app of the same name.
    let shop = world.service.scratch().join("shop");
    let lists = shop.join(OS).join(ARCH);
    fs::create_dir_all(&lists).unwrap();
    fs::write(lists.join("a.zip"), package("a", "3.0", json!({}), 0)).unwrap();
    let offer = json!([{ "name": "a", "version": "3.0", "url": "a.zip", "desc": "another" }]);
    fs::write(lists.join("hots.json"), offer.to_string()).unwrap();
    let shop = json!({ "name": "shop", "address": shop });
    world
        .service
        .post("/api/catalogs", &shop)
        .await
        .must_be(201);
    world
        .refuses_at(
            "/api/apps/a/install?catalog=shop&wait=true",
            json!({}),
            409,
            &["may be another app", "the catalog `shop`", "--replace"],
        )
        .await;
    let dev = world.file("dev.zip", &package("dev", "3.0", json!({}), 0));
    world
        .refuses(
            json!({ "package": dev }),
            409,
            &["developer's app", "uninstall it first"],
        )
        .await;
    world
        .refuses(
            json!({ "package": dev, "replace": true }),
            409,
            &["developer's app"],
        )
        .await;
    let hand = world.file("hand.zip", &package("hand", "3.0", json!({}), 0));
    world
        .refuses(json!({ "package": hand }), 409, &["by hand", "--replace"])
        .await;
}

#[tokio::test]
async fn what_is_fetched_must_be_what_was_promised() {
    let world = World::new().await;
    let server = Server::start(|_, _| Reply::ok("", &package("b", "1.0", json!({}), 0))).await;
    let url = server.url("/b.zip");
    let wrong = "0".repeat(64);
    world
        .refuses(
            json!({ "url": url, "sha256": wrong }),
            500,
            &["SHA-256", &wrong, "nothing was installed"],
        )
        .await;
    world
        .refuses(
            json!({ "url": url, "sha256": "abc" }),
            400,
            &["`abc` is no SHA-256"],
        )
        .await;
    world
        .refuses(
            json!({ "url": url, "name": "c" }),
            422,
            &["is the app `b`, not `c`"],
        )
        .await;
    let page = Server::start(|_, _| Reply::ok("Content-Type: text/html", b"<p>Log in")).await;
    world
        .refuses(
            json!({ "url": page.url("/b.zip") }),
            500,
            &["web page instead of a file"],
        )
        .await;
    let text = Server::start(|_, _| Reply::ok("", b"no archive")).await;
    world
        .refuses(
            json!({ "url": text.url("/b.zip") }),
            422,
            &["`b.zip` is not an archive"],
        )
        .await;
    let gone = Server::start(|_, _| Reply::new("404 Not Found\r\nContent-Length: 0", b"")).await;
    world
        .refuses(json!({ "url": gone.url("/b.zip") }), 500, &["answers 404"])
        .await;
}

#[tokio::test]
async fn an_address_leads_nowhere_that_it_must_not() {
    let world = World::new().await;
    let package = world.file("b.zip", &package("b", "1.0", json!({}), 0));
    for address in [
        format!("file://{package}"),
        "ftp://127.0.0.1/b.zip".to_owned(),
        package,
    ] {
        world
            .refuses(json!({ "url": address }), 400, &[&address, "http://"])
            .await;
    }
    world
        .refuses(
            json!({ "url": "http://169.254.169.254/latest" }),
            400,
            &["link-local"],
        )
        .await;
    let ours = format!("http://{}/api/openapi.json", world.service.address());
    world
        .refuses(json!({ "url": ours }), 400, &["service itself"])
        .await;
    for (to, why) in [
        (
            "http://169.254.169.254/latest/meta-data".to_owned(),
            "link-local",
        ),
        ("http://[fe80::1]/".to_owned(), "link-local"),
        (ours, "service itself"),
        ("file:///etc/passwd".to_owned(), "`file` is no scheme"),
    ] {
        let server = Server::start(move |_, _| {
            Reply::new(
                &format!("302 Found\r\nLocation: {to}\r\nContent-Length: 0"),
                b"",
            )
        })
        .await;
        world
            .refuses(json!({ "url": server.url("/b.zip") }), 400, &[why])
            .await;
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_given_up() {
    let world = World::new().await;
    let server =
        Server::start(|_, _| Reply::ok("", &package("b", "1.0", json!({}), 9000)).cut(4000)).await;
    world
        .refuses(
            json!({ "url": server.url("/b.zip") }),
            500,
            &["broke off", "try again"],
        )
        .await;
    assert!(server.requests().len() > 1, "it is asked again");
}

#[tokio::test]
async fn a_server_that_lies_about_its_length_is_not_believed() {
    let world = World::new().await;
    let short = Server::start(|_, _| {
        let package = package("b", "1.0", json!({}), 9000);
        Reply::new(
            &format!("200 OK\r\nContent-Length: {}", package.len() / 2),
            &package,
        )
    })
    .await;
    world
        .refuses(
            json!({ "url": short.url("/b.zip") }),
            422,
            &["`b.zip` is not an archive"],
        )
        .await;
    let huge =
        Server::start(|_, _| Reply::new("200 OK\r\nContent-Length: 9000000000000000000", b"x"))
            .await;
    world
        .refuses(
            json!({ "url": huge.url("/b.zip") }),
            500,
            &["b.zip", "larger"],
        )
        .await;
}
