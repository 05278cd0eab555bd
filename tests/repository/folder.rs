//! A folder as a repository, the one that is built in, and our repositories as http repositories for
//! others.

use std::fs;

use reqwest::Method;
use serde_json::json;

use super::{names, ran, synced};
use crate::support::{Answer, Service, package, until};

#[tokio::test(flavor = "multi_thread")]
async fn packages_of_a_folder_are_found_offered_installed_and_given_to_others() {
    let service = Service::start_new().await;
    let folder = service.scratch().join("shop");
    fs::create_dir(&folder).unwrap();
    for version in ["1.0.0", "1.1.0", "2.0.0-beta"] {
        let name = format!("x-{version}.zip");
        fs::write(folder.join(name), package("x", version, json!({}), 0)).unwrap();
    }
    fs::write(folder.join("broken.zip"), "nothing").unwrap();
    let path = folder.display().to_string();
    ran(
        &service,
        &["repo", "add", "shop", &path, "--description", "Ours"],
    )
    .ok()
    .says(&["shop was added"]);
    let record = synced(&service, "shop").await;
    assert_eq!(record["sync"]["status"], "successful", "{record}");
    assert_eq!(record["sync"]["versions"], 3);
    assert!(
        record["sync"]["problems"][0]
            .as_str()
            .unwrap()
            .contains("broken.zip")
    );
    assert!(names(&folder).contains(&"index.yaml".to_owned()));

    // It is a catalog: the newest that is released is offered, the others are to be had.
    ran(&service, &["search", "x"])
        .ok()
        .says(&["1.1.0", "shop"]);
    ran(&service, &["install", "x@1.0.0"]).ok();
    ran(&service, &["upgrade", "x"]).ok();
    let app = service.get("/api/apps/x").await.json();
    assert_eq!(app["installed"], "1.1.0", "{app}");

    // A package that is put there later is there after the next sync.
    fs::write(folder.join("y.zip"), package("y", "0.1.0", json!({}), 0)).unwrap();
    let index = ran(&service, &["repo", "index", "shop"]);
    assert_eq!(index.code, 0, "{index:?}");
    index.says(&["4 versions of 2 packages"]);
    ran(&service, &["install", "y"]).ok();

    // Another store reads it from us.
    let other = Service::start_new().await;
    let address = format!("http://{}/repo/shop", service.address());
    ran(&other, &["repo", "add", "theirs", &address]).ok();
    let record = synced(&other, "theirs").await;
    assert_eq!(record["sync"]["versions"], 4, "{record}");
    assert_eq!(record["type"], "http");
    ran(&other, &["install", "y"]).ok();
    ran(&service, &["repo", "rm", "shop"])
        .ok()
        .says(&["removed"]);
    ran(&service, &["repo", "show", "shop"]).fails(2, &["no repository `shop`"]);
    let all = service.get("/api/repositories?deleted=true").await.json();
    let deleted = all
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "shop");
    assert_eq!(deleted.unwrap()["status"], "deleted");
    // What was installed from it stays.
    assert_eq!(
        service.get("/api/apps/y").await.json()["installed"],
        "0.1.0"
    );
    ran(&service, &["repo", "add", "shop", &path]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_has_an_etag_and_ranges_and_is_only_what_is_published() {
    let service = Service::start_new().await;
    let folder = service.scratch().join("shop");
    fs::create_dir(&folder).unwrap();
    let bytes = package("x", "1.0.0", json!({}), 5000);
    fs::write(folder.join("x-1.0.0.zip"), &bytes).unwrap();
    fs::write(folder.join("secret.txt"), "secret").unwrap();
    let path = folder.display().to_string();
    ran(&service, &["repo", "add", "shop", &path]).ok();
    synced(&service, "shop").await;

    let index = service.get("/repo/shop/index.yaml").await.must_be(200);
    assert!(
        index.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/yaml")
    );
    assert!(index.text.contains("x-1.0.0.zip"), "{}", index.text);
    let same = service
        .request(Method::GET, "/repo/shop/index.yaml")
        .header("if-none-match", index.headers["etag"].clone());
    Answer::of(same).await.must_be(304);

    let file = "/repo/shop/x-1.0.0.zip";
    let whole = service.request(Method::GET, file).send().await.unwrap();
    let etag = whole.headers()["etag"].clone();
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let head = service.request(Method::HEAD, file).send().await.unwrap();
    assert_eq!(
        head.headers()["content-length"],
        bytes.len().to_string().as_str()
    );
    assert_eq!(head.headers()["etag"], etag);
    let part = service
        .request(Method::GET, file)
        .header("range", "bytes=10-19");
    let part = part.header("if-range", etag.clone()).send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 10-19/{}", bytes.len()).as_str()
    );
    assert_eq!(part.bytes().await.unwrap(), bytes[10..20]);
    let known = service
        .request(Method::GET, file)
        .header("if-none-match", etag);
    Answer::of(known).await.must_be(304);
    let beyond = service
        .request(Method::GET, file)
        .header("range", "bytes=99999-");
    Answer::of(beyond).await.must_be(416);
    for hidden in [
        "secret.txt",
        "x-1.0.0.json",
        "..%2fx",
        "nothing.zip",
        ".storekeeper.lock",
    ] {
        service
            .get(&format!("/repo/shop/{hidden}"))
            .await
            .must_be(404);
    }
    service.get("/repo/nowhere/index.yaml").await.must_be(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_has_a_name_and_an_address_of_its_own() {
    let service = Service::start_new().await;
    let folder = service.scratch().join("shop");
    fs::create_dir(&folder).unwrap();
    let path = folder.display().to_string();
    ran(&service, &["repo", "list"])
        .ok()
        .says(&["local", "directory"]);
    for name in ["1repo", "repo_underscore", "REPO", ""] {
        ran(&service, &["repo", "add", name, &path]).fails(2, &["cannot be called"]);
    }
    for (address, code) in [
        ("", 107),
        (":::///", 107),
        ("other://x", 111),
        ("ftp://x/y", 111),
    ] {
        let body = json!({ "name": "r", "url": address });
        let refused = service.post("/api/repositories", &body).await.must_be(400);
        assert_eq!(refused.json()["data"]["errorCode"], code, "{address}");
    }
    let missing = service.scratch().join("nowhere").display().to_string();
    ran(&service, &["repo", "add", "r", &missing]).fails(6, &["cannot be read"]);

    ran(&service, &["repo", "add", "shop", &path]).ok();
    synced(&service, "shop").await;
    ran(&service, &["repo", "add", "shop", "/"]).fails(4, &["there is a repository `shop`"]);
    let again = service
        .post("/api/repositories", &json!({ "name": "two", "url": path }))
        .await;
    assert_eq!(
        again.must_be(409).json()["data"]["name"],
        "conflict_repo_url"
    );
    ran(&service, &["repo", "set", "shop", "--address", &missing]).fails(6, &["cannot be read"]);
    let kept = service.get("/api/repositories/shop").await.json();
    assert_eq!(kept["url"], path.as_str());
    ran(
        &service,
        &[
            "repo",
            "set",
            "shop",
            "--description",
            "New",
            "--sync-period",
            "5",
        ],
    )
    .ok();
    let changed = service.get("/api/repositories/shop").await.json();
    assert_eq!(
        (&changed["description"], &changed["syncPeriod"]),
        (&json!("New"), &json!(60))
    );
    ran(&service, &["repo", "set", "shop", "--rename", "store"]).ok();
    ran(&service, &["repo", "rm", "local"]).fails(4, &["built in"]);
    let events = ran(&service, &["repo", "events", "store", "--json"])
        .ok()
        .json();
    assert_eq!(
        events[events.as_array().unwrap().len() - 1]["owner"],
        "created"
    );
    ran(&service, &["repo", "validate", "store"])
        .ok()
        .says(&["conditional writing", "works"]);
    assert!(names(&folder).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_was_killed_is_told_and_does_not_block_the_next() {
    use storekeeper::database::{Database, EventRow, RepositoryStore as _};
    let mut service = Service::start_new().await;
    service.terminate().await;
    let database = Database::open(&service.home().join("data/storekeeper.db")).unwrap();
    let event = json!({
        "id": "repoe-1", "repository": "repo-local", "status": "working", "result": "",
        "owner": "schedule", "createdAt": 1, "endedAt": null,
    });
    let row = EventRow {
        id: "repoe-1".to_owned(),
        repository: "repo-local".to_owned(),
        open: true,
        lease: u64::MAX / 4,
        at: 1,
        record: event.to_string(),
    };
    database.save_event(row).await.unwrap();
    drop(database);
    service.start_again().await;
    let events = service.get("/api/repositories/local/events").await.json();
    assert_eq!(events[0]["status"], "failed", "{events}");
    assert!(events[0]["result"].as_str().unwrap().contains("cut off"));
    ran(&service, &["repo", "index", "local"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_cluster_is_shown_and_says_so_when_it_is_to_be_installed() {
    let service = Service::start_new().await;
    let folder = service.scratch().join("shop");
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("wordpress-0.1.0.tgz"),
        super::pkg::openpitrix(&service),
    )
    .unwrap();
    let bytes = package("win", "1.0.0", json!({ "platforms": ["plan9"] }), 0);
    fs::write(folder.join("win.zip"), bytes).unwrap();
    let path = folder.display().to_string();
    ran(&service, &["repo", "add", "shop", &path]).ok();
    synced(&service, "shop").await;
    ran(&service, &["repo", "show", "shop"])
        .ok()
        .says(&["wordpress", "openpitrix", "0.1.0"]);
    ran(&service, &["search", "wordpress"])
        .ok()
        .says(&["wordpress"]);
    ran(&service, &["install", "wordpress"]).fails(1, &["cluster runtime"]);
    ran(&service, &["install", "win"]).fails(1, &["made for plan9"]);
    let file = folder.join("wordpress-0.1.0.tgz").display().to_string();
    ran(&service, &["install", &file]).fails(1, &["cluster runtime"]);
}

/// One file that is too large for a note is that file's fault alone.
#[tokio::test]
async fn a_note_that_is_too_large_is_none_and_is_told() {
    let service = Service::start_new().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["large", "small"] {
        let bytes = package(name, "1.0.0", json!({}), 0);
        fs::write(folder.path().join(format!("{name}-1.0.0.zip")), bytes).unwrap();
    }
    let note = folder.path().join("large-1.0.0.json");
    fs::write(&note, vec![b' '; 2 << 20]).unwrap();
    ran(
        &service,
        &["repo", "add", "shop", folder.path().to_str().unwrap()],
    )
    .ok();
    let record = synced(&service, "shop").await;
    assert_eq!(record["sync"]["status"], "successful", "{record}");
    assert_eq!(record["sync"]["versions"], 2, "{record}");
    let problem = record["sync"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("large-1.0.0.json"), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_synced_by_the_schedule() {
    let mut service = Service::start_new().await;
    service.terminate().await;
    let folder = service.home().join("repository");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("due.zip"),
        package("due", "1.0.0", json!({}), 0),
    )
    .unwrap();
    service.start_again().await;
    until("the schedule syncs it", async || {
        let events = service.get("/api/repositories/local/events").await.json();
        let first = events.as_array()?.last()?;
        (first["owner"] == "schedule" && first["status"] == "successful").then_some(())
    })
    .await;
    ran(&service, &["search", "due"]).ok().says(&["1.0.0"]);
}
