//! A disk that becomes full while a package is fetched, unpacked, put in place or removed: the app stays as
//! it was, and with room again the same change succeeds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::disk::SmallDisk;
use crate::support::server::{Reply, Server};
use crate::support::{Answer, alive, child, package, until, zip};

const MEGABYTE: usize = 1 << 20;

/// What is left of the disk: a little more than what an unpacked archive must leave.
const LEFT: usize = 33 * MEGABYTE;

/// More than that.
const MORE: usize = 40 * MEGABYTE;

/// An app that runs, whose list writes what the setting `word` says.
fn app(version: &str, template: usize) -> Vec<u8> {
    let info = json!({ "name": "a", "version": version });
    let store = json!({
        "setting": { "binPath": child(), "ready": { "log": "up" } },
        "config": { "word": "w".repeat(1000) },
        "commands": { "write": [
            { "name": "changeFile", "tplPath": "{exePath}/big.tpl", "filePath": "{exePath}/big" },
        ] },
        "install": { "installCmds": ["write"] },
        "start": { "startCmds": ["print:up", "forever"] },
    });
    zip(&[
        ("install.json", info.to_string().as_bytes()),
        ("store.json", store.to_string().as_bytes()),
        ("static/index.html", version.as_bytes()),
        ("big.tpl", "{word}".repeat(template).as_bytes()),
    ])
}

struct World {
    disk: SmallDisk,
}

impl World {
    /// With version 1 of an app that runs and has data.
    async fn new(environment: &[(&str, &str)], data: usize) -> Self {
        let world = Self {
            disk: SmallDisk::with("128m", environment),
        };
        let one = world.file("a-1.zip", &app("1", 1));
        world
            .add(json!({ "package": one, "start": true }))
            .await
            .must_be(200);
        let dir = world.disk.app_file("a", "data");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("db"), vec![1; data]).unwrap();
        world
    }

    /// A file outside the small disk.
    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.disk.scratch().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn add(&self, body: Value) -> Answer {
        self.disk.post("/api/apps?wait=true", &body).await
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = Vec::new();
        for dir in ["run", "static", "trash"] {
            super::collect(&self.disk.path(dir), &mut files);
        }
        let content = |path: PathBuf| {
            let content = fs::read(&path).unwrap_or_default();
            (path, content)
        };
        files.into_iter().map(content).collect()
    }

    async fn known(&self) -> Value {
        let app = self.disk.get("/api/apps/a").await.json();
        json!(["installed", "origin", "previous"].map(|key| app[key].clone()))
    }

    /// With so many bytes left a change fails and says why; everything is as before; with room it
    /// succeeds.
    async fn fails_full(&self, left: usize, path: &str, body: Value, words: &[&str]) {
        let (files, known) = (self.files(), self.known().await);
        self.disk.fill_but(left);
        let answer = self.disk.post(path, &body).await;
        assert!(answer.status >= 400, "{}", answer.text);
        let message = answer.message();
        for word in words {
            assert!(message.contains(word), "{word:?} is not in: {message}");
        }
        self.disk.empty();
        assert_eq!(self.known().await, known);
        let now = self.files();
        let now: Vec<_> = now
            .iter()
            .map(|(path, content)| (path, content.len()))
            .collect();
        let was: Vec<_> = files
            .iter()
            .map(|(path, content)| (path, content.len()))
            .collect();
        assert_eq!(now, was, "{message}");
        self.disk.is_tidy();
        until("it runs again", async || {
            let status = self.disk.get("/api/apps/a").await.json()["status"].clone();
            (status["state"] == "running").then_some(())
        })
        .await;
        self.disk.post(path, &body).await.must_be(200);
    }
}

#[tokio::test]
async fn a_download_that_does_not_fit_changes_nothing() {
    let world = World::new(&[], 10).await;
    let server =
        Server::start(|_, _| Reply::ok("", &package("b", "1", json!({}), 3 * MEGABYTE))).await;
    let body = json!({ "url": server.url("/b.zip"), "name": "b" });
    world
        .fails_full(
            LEFT,
            "/api/apps?wait=true",
            body,
            &["disk of", "is full", "free some space"],
        )
        .await;
}

#[tokio::test]
async fn a_package_that_does_not_fit_unpacked_changes_nothing() {
    let world = World::new(&[], 10).await;
    let file = world.file("b.zip", &package("b", "1", json!({}), 3 * MEGABYTE));
    world
        .fails_full(
            LEFT,
            "/api/apps?wait=true",
            json!({ "package": file }),
            &["b.zip", "the disk has", "free some space"],
        )
        .await;
}

#[tokio::test]
async fn data_that_do_not_fit_twice_are_not_taken_along() {
    let world = World::new(&[("STOREKEEPER_COPY_BYTES", "100000000")], MORE).await;
    let file = world.file("a-2.zip", &app("2", 1));
    world
        .fails_full(
            LEFT,
            "/api/apps?wait=true",
            json!({ "package": file }),
            &["linux/a", "disk is full", "version 1 is back"],
        )
        .await;
}

/// Where there is no room for a second copy they are moved instead.
#[tokio::test]
async fn data_for_whose_copy_there_is_no_room_are_moved() {
    let world = World::new(&[], MORE).await;
    let file = world.file("a-2.zip", &app("2", 1));
    world.disk.fill_but(LEFT);
    world.add(json!({ "package": file })).await.must_be(200);
    let data = fs::metadata(world.disk.app_file("a", "data/db")).unwrap();
    assert_eq!(data.len(), 40 << 20);
}

#[tokio::test]
async fn a_list_that_fills_the_disk_is_taken_back() {
    let world = World::new(&[], 10).await;
    let file = world.file("a-2.zip", &app("2", 40_000));
    world
        .fails_full(
            LEFT,
            "/api/apps?wait=true",
            json!({ "package": file }),
            &["big", "disk is full", "version 1 is back"],
        )
        .await;
}

#[tokio::test]
async fn an_uninstall_on_a_full_disk_leaves_the_app() {
    let world = World::new(&[], 10).await;
    let (files, pid) = (world.files(), world.disk.pid("a").await);
    world.disk.fill();
    let answer = world
        .disk
        .post("/api/apps/a/uninstall?wait=true", &json!({}))
        .await;
    assert!(answer.status >= 400, "{}", answer.text);
    assert!(answer.message().contains("full"), "{}", answer.text);
    assert_eq!(world.files(), files);
    world.disk.empty();
    world
        .disk
        .post("/api/apps/a/uninstall?wait=true", &json!({}))
        .await
        .must_be(200);
    assert!(!alive(pid));
    let trash = world.disk.get("/api/trash").await.json();
    let id = trash[0]["id"].as_str().unwrap();
    let restore = format!("/api/trash/{id}/restore?wait=true");
    world.disk.post(&restore, &json!({})).await.must_be(200);
    assert_eq!(world.files(), files);
}

/// Not even the note can be written that it is taken back: the next change does that first.
#[tokio::test]
async fn an_upgrade_that_cannot_even_be_taken_back_is_so_once_there_is_room() {
    let world = World::new(&[], 10).await;
    let info = json!({ "name": "a", "version": "2" });
    let filler = world.disk.home().join("filler");
    let script = format!("cat /dev/zero > '{}'; exit 1", filler.display());
    let store = json!({
        "setting": { "binPath": child() },
        "commands": { "fill": [
            { "name": "exec", "binPath": "/bin/sh", "cmds": ["-c", script], "strict": true },
        ] },
        "install": { "installCmds": ["fill"] },
    });
    let two = zip(&[
        ("install.json", info.to_string().as_bytes()),
        ("store.json", store.to_string().as_bytes()),
    ]);
    let two = world.file("a-2.zip", &two);
    let answer = world.add(json!({ "package": two })).await;
    assert!(answer.status >= 400, "{}", answer.text);
    world.disk.empty();
    let three = world.file("a-3.zip", &app("3", 1));
    world.add(json!({ "package": three })).await.must_be(200);
    let app = world.disk.get("/api/apps/a").await.json();
    assert_eq!(
        (&app["installed"], &app["previous"]["version"]),
        (&json!("3"), &json!("1"))
    );
    assert!(world.disk.app_file("a", "data/db").exists());
    let status = app["status"].clone();
    assert_eq!(status["state"], "running", "it ran before: {status}");
}
