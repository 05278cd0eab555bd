//! Several servers on one PostgreSQL. It is the real one of this system, each test's own, on a socket
//! in a folder of its own.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use object_store::ObjectStoreExt as _;
use serde_json::json;

use super::{Someone, package_of};
use crate::repository::s3_server::{ADMIN, BUCKET, S3Server};
use crate::support::{Service, until};

/// `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;

/// A running PostgreSQL.
pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    process: Child,
}

/// Where Debian has its programs.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let mut folders: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    folders.sort();
    folders
        .pop()
        .expect("PostgreSQL is missing; these tests drive a real one: apt-get install postgresql")
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Postgres {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("sk-pg-").tempdir().unwrap();
        if rustix::process::getuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&programs.join("initdb"), folder.path())
            .args([
                "-A",
                "trust",
                "-U",
                "storekeeper",
                "-E",
                "UTF8",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb: {made}");
        let process = command(&programs.join("postgres"), folder.path())
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=200",
            ])
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                folder.path().display()
            ))
            .spawn()
            .unwrap();
        let postgres = Self { folder, process };
        until("PostgreSQL answers", async || {
            let address = postgres.address("postgres");
            tokio_postgres::connect(&address, tokio_postgres::NoTls)
                .await
                .ok()
                .map(drop)
        })
        .await;
        postgres
    }

    /// The address of a database in it.
    pub(crate) fn address(&self, database: &str) -> String {
        address(self.folder.path(), database)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a database; answers its address.
    pub(crate) async fn database(&self, name: &str) -> String {
        make_database(self.folder.path(), name).await
    }
}

fn address(folder: &Path, database: &str) -> String {
    let folder = folder.display().to_string().replace('/', "%2F");
    format!("postgres://storekeeper@{folder}/{database}?sslmode=disable")
}

/// Makes a database in the PostgreSQL whose socket lies in a folder.
pub(super) async fn make_database(folder: &Path, name: &str) -> String {
    let (client, connection) =
        tokio_postgres::connect(&address(folder, "postgres"), tokio_postgres::NoTls)
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let sql = format!("CREATE DATABASE {name}");
    client.batch_execute(&sql).await.unwrap();
    drop(client);
    let _ = connection.await;
    address(folder, name)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGTERM would wait for connections; SIGINT ends them.
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.process.wait();
    }
}

/// Runs tests of this program once more, each with a database of its own in a PostgreSQL.
async fn again(tests: &'static [&'static str]) {
    let postgres = Postgres::start().await;
    let folder = postgres.folder().to_owned();
    let run = move || {
        Command::new(std::env::current_exe().unwrap())
            .arg("--test-threads=2")
            .args(tests)
            .env("STOREKEEPER_TEST_POSTGRES", folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(!text.contains(" 0 passed"), "{text}");
}

#[tokio::test]
async fn the_life_cycle_and_uploads_hold_on_postgresql_as_well() {
    again(&["release::life_cycle", "release::uploads"]).await;
}

#[tokio::test]
async fn accounts_hold_on_postgresql_as_well() {
    again(&["release::accounts"]).await;
}

#[tokio::test]
async fn the_model_the_table_and_kills_hold_on_postgresql_as_well() {
    again(&[
        "release::model",
        "release::survival::kills",
        "release::table::in_the_state_passed",
    ])
    .await;
}

/// Two servers, one database, one repository.
struct Two {
    first: Service,
    second: Service,
    folder: tempfile::TempDir,
    postgres: Postgres,
}

async fn two() -> Two {
    let postgres = Postgres::start().await;
    let address = postgres.database("shared").await;
    let options = ["--database", address.as_str()];
    let first = Service::start_with(&options, &[]).await;
    let second = Service::start_with(&options, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let body = json!({ "name": "shared", "url": folder.path() });
    let answer = first.post("/api/repositories", &body).await;
    assert!(answer.status < 300, "{answer:?}");
    Two {
        first,
        second,
        folder,
        postgres,
    }
}

#[tokio::test]
async fn what_one_server_does_the_other_knows_at_once() {
    let two = two().await;
    let admin = Someone::new(&two.first, "boss", "admin").await;
    let there = Someone {
        service: &two.second,
        token: admin.token.clone(),
    };
    // Without its database it would come back with no accounts.
    let autostart = json!({ "autostart": true });
    let refused = admin.patch("/api/settings", &autostart).await;
    assert!(refused.must_be(409).text.contains("--database"));
    let made = admin
        .send(
            reqwest::Method::POST,
            "/v1/apps?repo_id=shared",
            package_of("both", "1.0.0"),
        )
        .await
        .must_be(200)
        .json();
    let version = made["version_id"].as_str().unwrap();
    // Lists are remembered, and never older than the last change of whichever server.
    for (action, from, to) in [
        ("submit", "draft", "submitted"),
        ("pass", "submitted", "passed"),
        ("release", "passed", "active"),
        ("suspend", "active", "suspended"),
        ("recover", "suspended", "active"),
    ] {
        assert_eq!(admin.status(version).await, from);
        there.lead(version, &[action]).await;
        assert_eq!(admin.status(version).await, to);
        assert_eq!(there.status(version).await, to);
    }
    assert_eq!(there.store().await, ["both"]);
    // What one released, the other offers.
    until("both offer it", async || {
        let offers = there.get("/api/catalog").await.json();
        let offers = offers.as_array().unwrap();
        (offers.len() == 1 && offers[0]["name"] == "both").then_some(())
    })
    .await;
    admin.lead(version, &["suspend"]).await;
    until("none offers what was suspended", async || {
        let offers = there.get("/api/catalog").await.json();
        offers.as_array().unwrap().is_empty().then_some(())
    })
    .await;
    // One account, one token, for all; revoked for all.
    admin.post("/v1/logout", &json!({})).await.must_be(200);
    there.get("/v1/apps").await.must_be(401);
}

/// The names and versions in the shared repository's index.
fn listed(two: &Two) -> Vec<String> {
    let text = std::fs::read_to_string(two.folder.path().join("index.yaml")).unwrap_or_default();
    super::index_of(&text)
}

/// Both take uploads and releases at once; one is killed in the middle. What was answered is there, once.
#[tokio::test]
async fn of_two_servers_one_is_killed_and_nothing_is_lost_and_nothing_twice() {
    let mut two = two().await;
    let made = Someone::local(&two.first)
        .send(
            reqwest::Method::POST,
            "/v1/apps?repo_id=shared",
            package_of("kept", "0.0.1"),
        )
        .await
        .must_be(200)
        .json();
    let app = made["app_id"].as_str().unwrap().to_owned();
    let mut answered: BTreeMap<String, &'static str> = BTreeMap::new();
    {
        let work = |service: Elsewhere, from: u32, until: u32| {
            let app = app.clone();
            async move {
                let mut answered = Vec::new();
                for number in from..until {
                    let version = format!("1.{number}.0");
                    let package = package_of("kept", &version);
                    let path = format!("/v1/app_versions?app_id={app}");
                    let Some(id) = service.upload(&path, package).await else {
                        continue;
                    };
                    answered.push((id.clone(), "draft"));
                    for (action, state) in [
                        ("submit", "submitted"),
                        ("pass", "passed"),
                        ("release", "active"),
                    ] {
                        if !service.act(&id, action).await {
                            break;
                        }
                        answered.push((id.clone(), state));
                    }
                }
                answered
            }
        };
        let first = tokio::spawn(work(Elsewhere::of(&two.first), 0, 25));
        let second = tokio::spawn(work(Elsewhere::of(&two.second), 500, 525));
        // As soon as both have released something.
        until("both are at work", async || {
            let listed = listed(&two);
            let has = |number: &str| listed.iter().any(|it| it.starts_with(number));
            (has("kept 1.50") && (has("kept 1.0.") || has("kept 1.1."))).then_some(())
        })
        .await;
        two.second.kill_9();
        for (id, state) in first
            .await
            .unwrap()
            .into_iter()
            .chain(second.await.unwrap())
        {
            answered.insert(id, state);
        }
    }
    two.second.start_again().await;
    let me = Someone::local(&two.first);
    let mut active = Vec::new();
    for (id, state) in &answered {
        let version = me.version(id).await;
        let now = version["status"].as_str().unwrap();
        // What was not answered any more may have been done all the same.
        let rank = |state: &str| {
            ["draft", "submitted", "passed", "active"]
                .iter()
                .position(|it| *it == state)
        };
        assert!(rank(now) >= rank(state), "{id}: {now} after {state}");
        let history = me.history(id).await;
        let expected = &["draft", "submitted", "passed", "active"][..=rank(now).unwrap()];
        assert_eq!(history, expected, "{id}: nothing twice");
    }
    let path = format!("/v1/active_app_versions?app_id={app}&limit=200");
    for version in me.get(&path).await.json()["app_version_set"]
        .as_array()
        .unwrap()
    {
        active.push(format!("kept {}", version["version"].as_str().unwrap()));
    }
    active.sort();
    assert!(active.len() >= 25, "{active:?}");
    until("the index has what is in the store", async || {
        (listed(&two) == active).then_some(())
    })
    .await;
}

/// A bucket whose server ignores the conditions of writes: the two take turns by their database.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_publish_at_once_where_the_bucket_knows_no_conditions() {
    let two = two().await;
    let s3 = S3Server::rclone().await;
    let body = json!({
        "name": "plain", "url": s3.url(BUCKET),
        "accessKeyId": ADMIN.0, "secretAccessKey": ADMIN.1,
    });
    let added = two.first.post("/api/repositories", &body).await;
    added.must_be(201);
    // The key is each server's own.
    let key = json!({ "accessKeyId": ADMIN.0, "secretAccessKey": ADMIN.1 });
    let there = two
        .second
        .request(reqwest::Method::PATCH, "/api/repositories/plain");
    assert_eq!(there.json(&key).send().await.unwrap().status(), 200);
    let work = |service: &Service, name: &'static str| {
        let service = Elsewhere::of(service);
        tokio::spawn(async move {
            for number in 0..8 {
                let name = format!("{name}{number}");
                let package = package_of(&name, "1.0.0");
                let id = service.upload("/v1/apps?repo_id=plain", package).await;
                let id = id.unwrap();
                for action in ["submit", "pass", "release"] {
                    assert!(service.act(&id, action).await, "{name} {action}");
                }
            }
        })
    };
    let (one, other) = (work(&two.first, "one"), work(&two.second, "other"));
    one.await.unwrap();
    other.await.unwrap();
    let store = s3.store(ADMIN);
    let read = store
        .get(&object_store::path::Path::from("index.yaml"))
        .await;
    let text = read.unwrap().bytes().await.unwrap();
    let listed = super::index_of(std::str::from_utf8(&text).unwrap());
    assert_eq!(listed.len(), 16, "{listed:?}");
}

/// A server to be asked from a task of its own, that may be killed meanwhile.
struct Elsewhere {
    client: reqwest::Client,
    base: String,
}

impl Elsewhere {
    fn of(service: &Service) -> Self {
        Self {
            client: storekeeper::download::local_client().build().unwrap(),
            base: format!("http://{}", service.address()),
        }
    }

    async fn upload(&self, path: &str, package: Vec<u8>) -> Option<String> {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/octet-stream");
        let answer = request.body(package).send().await.ok()?;
        assert_eq!(answer.status(), 200);
        let made: serde_json::Value = answer.json().await.ok()?;
        Some(made["version_id"].as_str()?.to_owned())
    }

    async fn act(&self, id: &str, action: &str) -> bool {
        let url = format!("{}/v1/app_version/action/{action}", self.base);
        let body = json!({ "version_id": id });
        let answer = self.client.post(url).json(&body).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }
}

/// A bucket of a server that ignores conditions: who writes the index is decided by the database.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_server_without_conditions_no_release_of_two_servers_is_lost() {
    let bucket = S3Server::rclone().await;
    let two = two().await;
    let body = json!({
        "name": "bucket",
        "url": bucket.url(BUCKET),
        "accessKeyId": ADMIN.0,
        "secretAccessKey": ADMIN.1,
        "syncPeriod": 0,
    });
    let answer = two.first.post("/api/repositories", &body).await;
    assert!(answer.status < 300, "{answer:?}");
    // A key lies in the home of the server that it was given to.
    let key = json!({ "accessKeyId": ADMIN.0, "secretAccessKey": ADMIN.1 });
    let answer = Someone::local(&two.second)
        .patch("/api/repositories/bucket", &key)
        .await;
    assert!(answer.status < 300, "{answer:?}");
    let mut passed = Vec::new();
    for (service, which) in [(&two.first, "one"), (&two.second, "two")] {
        let me = Someone::local(service);
        for number in 0..8 {
            let package = package_of(&format!("{which}{number}"), "1.0.0");
            let path = "/v1/apps?repo_id=bucket";
            let sent = me.send(reqwest::Method::POST, path, package);
            let made = sent.await.must_be(200).json();
            let version = made["version_id"].as_str().unwrap().to_owned();
            me.lead(&version, &["submit", "pass"]).await;
            passed.push((service, version));
        }
    }
    // While somebody has the turn, nobody writes.
    let address = two.postgres.address("shared");
    let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let lock = format!(
        "SELECT pg_advisory_lock(hashtextextended('storekeeper:index:{}', 0))",
        bucket.url(BUCKET)
    );
    client.batch_execute(&lock).await.unwrap();
    let release = passed.iter().map(async |(service, version)| {
        Someone::local(service).lead(version, &["release"]).await;
    });
    let mut released = futures_util::future::join_all(release);
    let early = tokio::time::timeout(std::time::Duration::from_secs(2), &mut released).await;
    assert!(early.is_err(), "the index was written out of turn");
    let read = async || {
        let index = two.first.get("/repo/bucket/index.yaml").await.must_be(200);
        super::index_of(&index.text).len()
    };
    assert_eq!(read().await, 0);
    drop(client);
    released.await;
    assert_eq!(read().await, 16);
}

/// Whoever waits for another server for too long is told so, and may come back.
#[tokio::test]
async fn a_version_that_another_server_is_at_is_no_failure() {
    let two = two().await;
    let me = Someone::local(&two.first);
    let (_, version) = me.upload("busy", "1.0.0").await;
    me.lead(&version, &["submit", "pass"]).await;
    let address = two.postgres.address("shared");
    let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let lock =
        format!("SELECT pg_advisory_lock(hashtextextended('storekeeper:version:{version}', 0))");
    client.batch_execute(&lock).await.unwrap();
    let answer = me.act(&version, "release").await.must_be(409);
    assert_eq!(answer.json()["name"], "try_again");
    drop(client);
    until("the lock is free again", async || {
        (me.act(&version, "release").await.status == 200).then_some(())
    })
    .await;
}

/// The home of one is not the others': nothing is published there, and each looks into its own.
#[tokio::test]
async fn the_built_in_repository_is_each_servers_own() {
    let two = two().await;
    let me = Someone::local(&two.second);
    let local = me.get("/api/repositories/local").await.must_be(200).json();
    let own = two.second.home().join("repository");
    assert_eq!(local["url"], json!(own));
    assert_eq!(local["writable"], false);
    let sent = me.send(
        reqwest::Method::POST,
        "/v1/apps?repo_id=local",
        package_of("here", "1.0.0"),
    );
    let refused = sent.await.must_be(400);
    assert!(
        refused.message().contains("storekeeper repo add"),
        "{}",
        refused.text
    );
    // When nobody says where, it is where all can write.
    me.upload("there", "1.0.0").await;
    let apps = me.get("/v1/apps").await.json();
    assert_ne!(apps["app_set"][0]["repo_id"], "repo-local");
}

/// The password is never told.
#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named() {
    let mut service = Service::start_new().await;
    service.terminate().await;
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(["serve", "--listen", "127.0.0.1:0", "--home"])
        .arg(service.home())
        .args([
            "--database",
            "postgres://user:geheim@127.0.0.1:9/x?sslmode=disable",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        text.contains("PostgreSQL at 127.0.0.1") && !text.contains("geheim"),
        "{text}"
    );
}
