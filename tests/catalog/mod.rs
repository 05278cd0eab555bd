//! Catalogs from a server and from a folder: the real service, the real command line.

mod installs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use storekeeper::library::{ARCH, OS};

use crate::cli::{Ran, run};
use crate::support::server::{Reply, Server};
use crate::support::{Answer, Service};

/// Its type, and its content.
type File = (String, Vec<u8>);

/// Files by path, and a server that has them as long as it is up.
#[derive(Clone, Default)]
struct Files {
    files: Arc<Mutex<BTreeMap<String, File>>>,
    down: Arc<Mutex<bool>>,
}

impl Files {
    fn put(&self, path: &str, kind: &str, content: impl AsRef<[u8]>) {
        let content = content.as_ref().to_vec();
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), (kind.to_owned(), content));
    }

    fn list(&self, category: &str, content: &str) {
        let path = format!("/store/{OS}/{ARCH}/{category}.json");
        self.put(&path, "application/json", content);
    }

    fn remove(&self, category: &str) {
        let path = format!("/store/{OS}/{ARCH}/{category}.json");
        self.files.lock().unwrap().remove(&path);
    }

    fn is_down(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }

    async fn serve(&self) -> Server {
        let this = self.clone();
        Server::start(move |_, head| this.answer(head)).await
    }

    fn answer(&self, head: &str) -> Reply {
        if *self.down.lock().unwrap() {
            // The connection is closed without a word.
            return Reply::ok("", b"").cut(usize::MAX);
        }
        let path = head.split(' ').nth(1).unwrap();
        let files = self.files.lock().unwrap();
        let Some((kind, content)) = files.get(path) else {
            return Reply::new("404 Not Found\r\nContent-Length: 0", b"");
        };
        let sum: usize = content.iter().map(|byte| usize::from(*byte)).sum();
        let etag = format!("\"{}-{sum}\"", content.len());
        if head.contains(&format!("if-none-match: {etag}")) {
            return Reply::new(&format!("304 Not Modified\r\nETag: {etag}"), b"");
        }
        Reply::ok(&format!("ETag: {etag}\r\nContent-Type: {kind}"), content)
    }
}

fn entry(name: &str, version: &str) -> Value {
    json!({ "name": name, "version": version, "url": format!("{name}.zip"), "desc": format!("{name} as an app") })
}

/// A folder that is a catalog.
fn folder(service: &Service, name: &str, category: &str, entries: &Value) -> PathBuf {
    let folder = service.scratch().join(name);
    let lists = folder.join(OS).join(ARCH);
    fs::create_dir_all(&lists).unwrap();
    fs::write(lists.join(format!("{category}.json")), entries.to_string()).unwrap();
    folder
}

async fn add(service: &Service, name: &str, address: impl ToString) -> Answer {
    let body = json!({ "name": name, "address": address.to_string() });
    service.post("/api/catalogs", &body).await
}

async fn offers(service: &Service, query: &str) -> Value {
    service
        .get(&format!("/api/catalog{query}"))
        .await
        .must_be(200)
        .json()
}

async fn only(service: &Service) -> Value {
    let list = service.get("/api/catalogs").await.must_be(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    list[0].clone()
}

fn names(list: &Value) -> Vec<&str> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap()).collect()
}

async fn store_list(service: &Service, category: &str) -> Value {
    let path = format!("/store/storelist?cate={category}");
    service.get(&path).await.must_succeed().json()["data"].clone()
}

/// The command line blocks, and the servers of these tests live on this thread's runtime.
fn ran(service: &Service, arguments: &[&str]) -> Ran {
    tokio::task::block_in_place(|| run(service, arguments))
}

#[tokio::test]
async fn catalogs_have_an_order_and_the_first_one_wins() {
    let service = Service::start_new().await;
    let one = folder(
        &service,
        "one",
        "hots",
        &json!([entry("a", "1.0"), entry("b", "1.0")]),
    );
    let two = folder(
        &service,
        "two",
        "hots",
        &json!([entry("a", "2.0"), entry("c", "1.0")]),
    );
    add(&service, "one", one.display()).await.must_be(201);
    add(&service, "two", two.display()).await.must_be(201);
    let all = offers(&service, "").await;
    assert_eq!(names(&all), ["a", "b", "c"]);
    assert_eq!(
        (&all[0]["version"], &all[0]["catalog"]),
        (&json!("1.0"), &json!("one"))
    );
    assert_eq!(
        all[0]["alsoIn"],
        json!([{ "catalog": "two", "version": "2.0" }])
    );
    assert_eq!(names(&offers(&service, "?source=two").await), ["a", "c"]);

    service
        .request(Method::DELETE, "/api/catalogs/two")
        .send()
        .await
        .unwrap();
    let body = json!({ "name": "two", "address": two.display().to_string(), "position": 0 });
    service.post("/api/catalogs", &body).await.must_be(201);
    assert_eq!(
        names(&service.get("/api/catalogs").await.json()),
        ["two", "one"]
    );
    assert_eq!(offers(&service, "?query=a").await[0]["version"], "2.0");
}

#[tokio::test]
async fn lists_are_used_without_a_network_and_after_a_new_start() {
    let mut service = Service::start_new().await;
    let files = Files::default();
    files.list("hots", &json!([entry("a", "1.0")]).to_string());
    let server = files.serve().await;
    add(&service, "main", server.url("/store"))
        .await
        .must_be(201);
    assert!(only(&service).await["syncedAt"].is_u64());

    files.is_down(true);
    service
        .post("/api/catalogs/main/refresh", &json!({}))
        .await
        .must_be_refused_with("connection closed");
    let catalog = only(&service).await;
    assert!(catalog["error"]["at"].is_u64(), "{catalog}");
    assert_eq!(catalog["entries"], json!({ "hots": 1 }));
    assert_eq!(names(&offers(&service, "").await), ["a"]);
    service.terminate().await;
    service.start_again().await;
    assert_eq!(names(&offers(&service, "").await), ["a"]);
    assert_eq!(names(&store_list(&service, "hots").await), ["a"]);

    files.is_down(false);
    service
        .post("/api/catalogs/refresh", &json!({}))
        .await
        .must_be(200);
    assert_eq!(only(&service).await["error"], Value::Null);
}

#[tokio::test]
async fn only_what_changed_is_fetched() {
    let service = Service::start_new().await;
    let files = Files::default();
    files.list("hots", &json!([entry("a", "1.0")]).to_string());
    files.list("work", &json!([entry("b", "1.0")]).to_string());
    let server = files.serve().await;
    add(&service, "main", server.url("/store/"))
        .await
        .must_be(201);
    let before = server.requests().len();
    files.list(
        "hots",
        &json!([entry("a", "1.1"), entry("c", "1.0")]).to_string(),
    );
    files.remove("work");
    service
        .post("/api/catalogs/main/refresh", &json!({}))
        .await
        .must_be(200);
    let requests = server.requests();
    let with_etag = requests[before..]
        .iter()
        .filter(|head| head.contains("if-none-match"));
    assert_eq!(with_etag.count(), 2);
    assert_eq!(names(&offers(&service, "").await), ["a", "c"]);
    assert_eq!(only(&service).await["entries"], json!({ "hots": 2 }));
    service
        .post("/api/catalogs/main/refresh", &json!({}))
        .await
        .must_be(200);
    assert_eq!(offers(&service, "?query=a").await[0]["version"], "1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_as_people_write_them_and_a_bad_entry_costs_only_itself() {
    let service = Service::start_new().await;
    let files = Files::default();
    files.list(
        "hots",
        r#"{ "message": "", "code": 0, "data": [
            // the first
            { "Name": "a", "VERSION": 1.5, "dependencies": null, },
            { "name": "../b" },
            { "name": "c", "sha256": "abc" },
            "d",
            { "name": "e", "hasStart": "true" },
        ] }"#,
    );
    files.list("games", "[]");
    files.list("work", r#"{"message": "", "code": 0, "data": null}"#);
    let server = files.serve().await;
    add(&service, "main", server.url("/store"))
        .await
        .must_be(201);
    let all = offers(&service, "").await;
    assert_eq!(names(&all), ["a", "e"]);
    assert_eq!(all[0]["version"], "1.5");
    let catalog = only(&service).await;
    let problems = catalog["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 3, "{catalog}");
    assert!(
        problems[1]
            .as_str()
            .unwrap()
            .contains("entry 3 (`c`) is left out"),
        "{catalog}"
    );
    let listed = ran(&service, &["catalog", "list"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.err.contains("entry 2 (`../b`)"), "{listed:?}");
}

#[tokio::test]
async fn what_is_no_list_does_not_replace_one() {
    let service = Service::start_new().await;
    let files = Files::default();
    files.list("hots", &json!([entry("a", "1.0")]).to_string());
    let server = files.serve().await;
    add(&service, "main", server.url("/store"))
        .await
        .must_be(201);
    let path = format!("/store/{OS}/{ARCH}/hots.json");
    for (kind, content, expected) in [
        (
            "text/html",
            "<p>Please log in",
            "web page instead of a file",
        ),
        (
            "application/json",
            "<!DOCTYPE html>",
            "web page instead of a file",
        ),
        ("application/json", "[{", "is not a list of apps"),
        (
            "application/json",
            "{\"a\": 1}",
            "neither a list of apps nor",
        ),
        ("application/json", "", "neither a list of apps nor"),
    ] {
        files.put(&path, kind, content);
        service
            .post("/api/catalogs/main/refresh", &json!({}))
            .await
            .must_be_refused_with(expected);
        assert_eq!(names(&offers(&service, "").await), ["a"], "{content}");
    }
}

#[tokio::test]
async fn the_desktop_sees_what_is_here_and_what_is_offered() {
    let service = Service::start_new().await;
    service
        .app("local")
        .install_json(json!({ "category": "work" }));
    service.app("a").install_json(json!({ "version": "0.9" }));
    assert_eq!(names(&store_list(&service, "hots").await), ["a", "local"]);
    let files = Files::default();
    files.list(
        "hots",
        &json!([entry("a", "1.0"), entry("b", "1.0")]).to_string(),
    );
    files.list("work", &json!([entry("c", "1.0")]).to_string());
    let server = files.serve().await;
    add(&service, "main", server.url("/store"))
        .await
        .must_be(201);
    let list = store_list(&service, "hots").await;
    assert_eq!(names(&list), ["a", "local", "b"]);
    assert_eq!(list[0]["version"], "0.9");
    assert_eq!(list[0].get("url"), None, "{list}");
    let expected = server.url(&format!("/store/{OS}/{ARCH}/b.zip")).to_string();
    assert_eq!(list[2]["url"], json!(expected));
    assert_eq!(list[2]["isDev"], json!(false));
    assert_eq!(names(&store_list(&service, "work").await), ["local", "c"]);
    files.is_down(true);
    assert_eq!(names(&store_list(&service, "work").await), ["local", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_adds_searches_and_tells_what_is_outdated() {
    let service = Service::start_new().await;
    ran(&service, &["catalog", "list"]).ok();
    let files = Files::default();
    let mysql =
        json!({ "name": "mysql", "version": "8.0.40", "desc": "关系型数据库", "notes": "faster" });
    files.list(
        "hots",
        &json!([entry("a", "1.10"), entry("b", "1.0"), mysql]).to_string(),
    );
    let server = files.serve().await;
    let address = server.url("/store").to_string();
    let added = ran(&service, &["catalog", "add", "main", &address]).ok();
    assert_eq!(added.out, "main was added\n");
    let listed = ran(&service, &["catalog", "list"]).ok();
    assert!(listed.out.contains("/store/"), "{listed:?}");

    let found = ran(&service, &["search", "数据库"]).ok();
    assert!(
        found.out.contains("mysql  8.0.40") || found.out.contains("mysql"),
        "{found:?}"
    );
    assert_eq!(
        names(&ran(&service, &["search", "sjk", "--json"]).ok().json()),
        ["mysql"]
    );
    ran(&service, &["search", "nothing"]).ok();

    assert_eq!(
        ran(&service, &["outdated"]).ok().out,
        "everything is up to date\n"
    );
    for (app, version) in [("a", "1.9"), ("b", "1.0"), ("c", "1.0")] {
        let _app = service
            .app(app)
            .install_json(json!({ "version": version, "hasStart": false }));
        service.install(app).await.must_succeed();
    }
    let outdated = ran(&service, &["outdated"]).ok();
    assert!(outdated.out.contains("1.9"), "{outdated:?}");
    let rows = ran(&service, &["outdated", "--json"]).ok().json();
    assert_eq!(names(&rows), ["a"]);
    assert_eq!(
        (&rows[0]["installed"], &rows[0]["version"]),
        (&json!("1.9"), &json!("1.10"))
    );

    files.is_down(true);
    ran(&service, &["catalog", "refresh"]).fails(1, &["connection closed"]);
    ran(&service, &["catalog", "refresh", "other"]).fails(1, &["there is no catalog `other`"]);
    ran(&service, &["catalog", "remove", "main"]).ok();
    ran(&service, &["catalog", "remove", "main"]).fails(1, &["there is no catalog `main`"]);
    assert!(!service.home().join("cache/catalog/main").exists());
}

#[tokio::test]
async fn what_cannot_be_a_catalog_is_refused() {
    let service = Service::start_new().await;
    for address in ["ftp://x/", "store", "", "http://"] {
        let refused = add(&service, "main", address).await.must_be(400);
        assert!(
            refused.message().contains("cannot be a catalog"),
            "{}",
            refused.text
        );
    }
    add(&service, "../x", "http://x/").await.must_be(400);
    let empty = service.scratch().join("empty");
    fs::create_dir_all(&empty).unwrap();
    let added = add(&service, "main", empty.display()).await.must_be(201);
    assert!(
        added.message().contains("there are no lists"),
        "{}",
        added.text
    );
    add(&service, "Main", empty.display()).await.must_be(409);
    // Ourselves is nobody's catalog.
    let own = format!("http://{}/store", service.address());
    let added = add(&service, "own", own).await.must_be(201);
    assert!(
        added.message().contains("this service itself"),
        "{}",
        added.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_a_catalog_with_its_packages() {
    let service = Service::start_new().await;
    let files = Files::default();
    let (app, program) = (vec![7; 100_000], vec![8; 50_000]);
    let base = format!("/store/{OS}/{ARCH}");
    files.put(&format!("{base}/a.zip"), "application/zip", &app);
    files.put(&format!("{base}/old.zip"), "application/zip", "old");
    files.put("/second/a%20b.tgz", "application/gzip", &program);
    files.put(
        &format!("{base}/wrong.zip"),
        "application/zip",
        "not what was promised",
    );
    let mut a = entry("a", "1.0");
    a["pkg"] = json!("/first/gone.tgz");
    a["pkgMirrors"] = json!(["/second/a%20b.tgz"]);
    a["history"] = json!([{ "version": "0.9", "url": "old.zip" }]);
    let mut wrong = entry("wrong", "1.0");
    wrong["sha256"] = json!("0".repeat(64));
    files.list("hots", &json!([a, wrong]).to_string());
    files.list("work", &json!([a]).to_string());
    let server = files.serve().await;
    let address = server.url("/store").to_string();
    let target = service.scratch().join("mirror");
    let arguments = [
        "mirror",
        target.to_str().unwrap(),
        "--catalog",
        &address,
        "--history",
        "--json",
    ];
    let first = ran(&service, &arguments).fails(1, &["`wrong` is left out"]);
    let report = first.json();
    assert_eq!(
        (&report["lists"], &report["apps"], &report["fetched"]),
        (&json!(2), &json!(2), &json!(3))
    );

    let fetched = |server: &Server| {
        server
            .requests()
            .iter()
            .filter(|head| head.contains("a.zip"))
            .count()
    };
    let before = fetched(&server);
    let again = ran(&service, &arguments).json();
    assert_eq!((&again["fetched"], &again["kept"]), (&json!(0), &json!(3)));
    assert_eq!(fetched(&server), before);
    only_whole_files(&target);

    // The way a machine without a network uses it.
    files.is_down(true);
    let list = fs::read_to_string(target.join(OS).join(ARCH).join("hots.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(names(&list), ["a"]);
    let lists = target.join(OS).join(ARCH);
    let content = |address: &Value| {
        fs::read(lists.join(address.as_str().unwrap().replace("%20", " "))).unwrap()
    };
    assert_eq!(content(&list[0]["url"]), app);
    assert_eq!(content(&list[0]["pkg"]), program);
    assert_eq!(content(&list[0]["history"][0]["url"]), b"old");
    assert_eq!(list[0].get("pkgMirrors"), None);
    assert_eq!(list[0]["pkgSha256"].as_str().unwrap().len(), 64);
    ran(
        &service,
        &["catalog", "add", "copy", target.to_str().unwrap()],
    )
    .ok();
    assert_eq!(names(&offers(&service, "?source=copy").await), ["a"]);
    let url = store_list(&service, "work").await[0]["url"].clone();
    assert!(url.as_str().unwrap().starts_with("file:///"), "{url}");

    // And a mirror of the mirror, from the folder.
    let second = service.scratch().join("second");
    let copied = ran(
        &service,
        &[
            "mirror",
            second.to_str().unwrap(),
            "--app",
            "a",
            "--category",
            "hots",
        ],
    );
    assert!(
        copied
            .ok()
            .out
            .contains("1 apps in 1 lists; 2 files fetched")
    );
    ran(&service, &["mirror", "x", "--catalog", "none"])
        .fails(1, &["no catalog `none`", "there are copy"]);
}

/// Nothing half done lies in a mirror.
fn only_whole_files(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(
            !name.starts_with(".storekeeper-") && !name.contains(".part"),
            "{name}"
        );
        if entry.file_type().unwrap().is_dir() {
            only_whole_files(&entry.path());
        }
    }
}
