//! Several stores, or one under several names, on one place: nobody takes away what is another's.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use super::{Someone, package_of, start};
use crate::support::{Service, until};

/// A service of its own, with a folder as the repository `shop`.
async fn shop(folder: &Path) -> Service {
    let service = Service::start_new().await;
    add(&service, folder).await;
    service
}

async fn add(service: &Service, folder: &Path) {
    let body = json!({ "name": "shop", "url": folder });
    let answer = service.post("/api/repositories", &body).await;
    assert!(answer.status < 300, "{answer:?}");
}

/// Uploads an app into the repository; answers its first version.
async fn upload(service: &Service, name: &str) -> String {
    let package = package_of(name, "1.0.0");
    let me = Someone::local(service);
    let sent = me.send(Method::POST, "/v1/apps?repo_id=shop", package);
    let made = sent.await.must_be(200).json();
    made["version_id"].as_str().unwrap().to_owned()
}

async fn has_package(service: &Service, version: &str) -> bool {
    let path = format!("/v1/app_version/package?version_id={version}");
    let got = service.request(Method::GET, &path).send().await.unwrap();
    got.status() == 200
}

/// A start sets all repositories right; the log tells when it is done with one that had something.
async fn start_again(service: &mut Service) {
    service.terminate().await;
    service.start_again().await;
    // The other work of a start is over soon after.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}

#[tokio::test]
async fn two_stores_on_one_folder_leave_each_other_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = shop(folder.path()).await;
    let mut other = shop(folder.path()).await;
    let draft = upload(&one, "one").await;
    let released = upload(&other, "other").await;
    let them = Someone::local(&other);
    them.lead(&released, &["submit", "pass", "release"]).await;
    start_again(&mut one).await;
    start_again(&mut other).await;
    assert!(has_package(&one, &draft).await);
    assert!(has_package(&other, &released).await);
    // A database that knows nothing of them, as after it was lost.
    let new = shop(folder.path()).await;
    upload(&new, "new").await;
    assert!(has_package(&one, &draft).await);
    assert!(has_package(&other, &released).await);
}

/// The database was made where the home lay before.
#[tokio::test]
async fn a_home_that_was_moved_publishes_where_it_lies_now() {
    let mut service = Service::start_new().await;
    let me = Someone::local(&service);
    let (app, version) = me.upload("moved", "1.0.0").await;
    me.lead(&version, &["submit", "pass", "release"]).await;
    service.terminate().await;
    service.move_home();
    service.start_again().await;
    let me = Someone::local(&service);
    let local = me.get("/api/repositories/local").await.json();
    assert_eq!(local["url"], json!(service.home().join("repository")));
    assert!(has_package(&service, &version).await);
    let next = me.add(&app, "moved", "1.1.0").await;
    me.lead(&next, &["submit", "pass", "release"]).await;
    assert_eq!(super::index(&service), ["moved 1.0.0", "moved 1.1.0"]);
}

#[tokio::test]
async fn one_folder_is_configured_once() {
    let service = start().await;
    let folder = tempfile::tempdir().unwrap();
    add(&service, folder.path()).await;
    let link = service.scratch().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let shown = folder.path().display();
    let again = [
        format!("{shown}/"),
        format!("{shown}/."),
        format!("file://{shown}/"),
        link.display().to_string(),
        service.home().join("repository").display().to_string(),
    ];
    for url in again {
        let body = json!({ "name": "again", "url": url });
        let answer = service.post("/api/repositories", &body).await;
        assert_eq!(answer.status, 409, "{url}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_repository_that_is_added_again_keeps_what_the_first_one_had() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = shop(folder.path()).await;
    let version = upload(&service, "first").await;
    let me = Someone::local(&service);
    me.lead(&version, &["submit", "pass", "release"]).await;
    let removed = Someone::local(&service)
        .delete("/api/repositories/shop", &json!({}))
        .await;
    removed.must_be(204);
    add(&service, folder.path()).await;
    upload(&service, "second").await;
    start_again(&mut service).await;
    assert!(folder.path().join("first-1.0.0.zip").exists());
    until("what was released stays in the index", async || {
        let text = std::fs::read_to_string(folder.path().join("index.yaml")).ok()?;
        (super::index_of(&text) == ["first 1.0.0"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_published_in_a_repository_leaves_the_store_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = shop(folder.path()).await;
    let me = Someone::local(&service);
    let (released, draft) = (
        upload(&service, "shown").await,
        upload(&service, "draft").await,
    );
    me.lead(&released, &["submit", "pass", "release"]).await;
    assert_eq!(me.store().await, ["shown"]);
    me.delete("/api/repositories/shop", &json!({}))
        .await
        .must_be(204);
    assert!(me.store().await.is_empty());
    for version in [&released, &draft] {
        assert_eq!(me.status(version).await, "deleted");
        assert_eq!(me.history(version).await.last().unwrap(), "deleted");
    }
    let path = format!("/v1/app_version_audits?version_id={released}");
    let told = me.get(&path).await.json();
    let row = told["app_version_audit_set"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (&row["operator"], &row["action"]),
        (&json!("local"), &json!("delete"))
    );
    let list = me.get("/v1/apps").await.json();
    assert!(super::names(&list).is_empty(), "{list}");
    // What lies there stays, and nothing more can be put there.
    assert!(folder.path().join("shown-1.0.0.zip").exists());
    let app = me.version(&released).await["app_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/app_versions?app_id={app}");
    me.send(Method::POST, &path, package_of("shown", "2.0.0"))
        .await
        .must_be(404);
}
