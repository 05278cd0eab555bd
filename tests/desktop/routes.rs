//! Our own routes for packages, versions and the trash.

use reqwest::Method;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::support::{Answer, Service, package};

async fn patch(service: &Service, path: &str, body: &Value) -> Answer {
    Answer::of(service.request(Method::PATCH, path).json(body)).await
}

async fn delete(service: &Service, path: &str) -> Answer {
    Answer::of(service.request(Method::DELETE, path)).await
}

async fn detail(service: &Service, name: &str) -> Value {
    service
        .get(&format!("/api/apps/{name}"))
        .await
        .must_be(200)
        .json()
}

/// Writes a package beside the home, and answers its path.
fn file(service: &Service, name: &str, version: &str) -> String {
    let path = service.scratch().join(format!("{name}-{version}.zip"));
    std::fs::write(&path, package(name, version, json!({}), 0)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_package_file_is_installed_upgraded_and_rolled_back() {
    let service = Service::start_new().await;
    let (old, new) = (file(&service, "x", "1.0"), file(&service, "x", "2.0"));
    let add = async |body: Value| service.post("/api/apps?wait=true", &body).await;
    add(json!({ "package": old })).await.must_be(200);
    let app = detail(&service, "x").await;
    assert_eq!(app["installed"], "1.0");
    assert_eq!(
        (&app["origin"]["kind"], &app["origin"]["path"]),
        (&json!("file"), &json!(old))
    );
    assert_eq!(
        (&app["previous"], &app["pinned"]),
        (&Value::Null, &json!(false))
    );

    add(json!({ "package": new })).await.must_be(200);
    let app = detail(&service, "x").await;
    assert_eq!(app["installed"], "2.0");
    assert_eq!(app["previous"]["version"], "1.0");

    service
        .post("/api/apps/x/rollback?wait=true", &json!({}))
        .await
        .must_be(200);
    assert_eq!(detail(&service, "x").await["installed"], "1.0");

    add(json!({ "package": new })).await.must_be(200);
    let older = add(json!({ "package": old })).await;
    assert_eq!(older.status, 409, "{}", older.text);
    add(json!({ "package": old, "older": true }))
        .await
        .must_be(200);
    add(json!({ "package": new, "name": "y" }))
        .await
        .must_be_refused_with("x");
    let relative = add(json!({ "package": "x-1.0.zip" })).await;
    relative.must_be_refused_with("absolute");
}

#[tokio::test]
async fn an_address_is_installed_under_the_name_that_its_package_bears() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let url = shop.offer("/download.zip", package("my.app", "1.0", json!({}), 0));
    let job = service
        .post("/api/apps?wait=true", &json!({ "url": url }))
        .await;
    let job = job.must_be(200).json();
    assert_eq!(
        (&job["app"], &job["found"]),
        (&json!("download"), &json!("my.app"))
    );
    let app = detail(&service, "my.app").await;
    assert_eq!(
        (&app["origin"]["kind"], &app["origin"]["url"]),
        (&json!("address"), &json!(url))
    );

    let wrong = "0".repeat(64);
    let body = json!({ "url": url, "name": "my.app", "sha256": wrong });
    let answer = service.post("/api/apps?wait=true", &body).await;
    assert!(answer.status >= 400, "{}", answer.text);
}

#[tokio::test]
async fn which_versions_are_offered_is_kept() {
    let service = Service::start_new().await;
    let body = json!({ "package": file(&service, "x", "1.0") });
    service
        .post("/api/apps?wait=true", &body)
        .await
        .must_be(200);
    let offers = "/api/apps/x/offers?wait=true";
    patch(&service, offers, &json!({ "pinned": true }))
        .await
        .must_be(200);
    patch(&service, offers, &json!({ "skip": "2.0" }))
        .await
        .must_be(200);
    patch(&service, offers, &json!({}))
        .await
        .must_be_refused_with("pinned");
    let app = detail(&service, "x").await;
    assert_eq!(
        (&app["pinned"], &app["skipped"]),
        (&json!(true), &json!(["2.0"]))
    );
    let list = service.get("/api/apps").await.json();
    assert_eq!(list[0]["pinned"], true);
    patch(&service, offers, &json!({ "pinned": false }))
        .await
        .must_be(200);
    assert_eq!(detail(&service, "x").await["pinned"], false);
}

#[tokio::test]
async fn an_app_goes_to_another_computer_and_comes_back_from_the_trash() {
    let service = Service::start_new().await;
    let body = json!({ "package": file(&service, "x", "1.0") });
    service
        .post("/api/apps?wait=true", &body)
        .await
        .must_be(200);
    let note = service.run_dir().join("x/note.txt");
    std::fs::write(&note, "mine").unwrap();
    let export = service.scratch().join("x.export.zip");
    let body = json!({ "file": export });
    service
        .post("/api/apps/x/export?wait=true", &body)
        .await
        .must_be(200);

    service
        .post("/api/apps/x/uninstall?wait=true", &json!({}))
        .await
        .must_be(200);
    assert!(!note.exists());
    let trash = service.get("/api/trash").await.must_be(200).json();
    assert_eq!(trash[0]["app"], "x", "{trash}");
    let id = trash[0]["id"].as_str().unwrap();
    let restore = format!("/api/trash/{id}/restore?wait=true");
    service.post(&restore, &json!({})).await.must_be(200);
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "mine");
    service.post(&restore, &json!({})).await.must_be(404);

    service
        .post("/api/apps/x/uninstall?wait=true", &json!({}))
        .await
        .must_be(200);
    let body = json!({ "file": export });
    service
        .post("/api/import?wait=true", &body)
        .await
        .must_be(200);
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "mine");
    let removed = delete(&service, "/api/trash").await.must_be(200).json();
    assert_eq!(removed["entries"], 1, "{removed}");
    assert_eq!(service.get("/api/trash").await.json(), json!([]));
    delete(&service, "/api/trash/none").await.must_be(404);
    let body = json!({ "file": file(&service, "y", "1.0") });
    let refused = service.post("/api/import", &body).await;
    refused.must_be_refused_with("export");
}

#[tokio::test]
async fn only_what_is_installed_is_upgraded() {
    let service = Service::start_new().await;
    let answer = service.post("/api/apps/x/upgrade", &json!({})).await;
    answer.must_be(409).must_fail_with("not installed");
    let _app = service.app("x").runs(&["forever"], json!({}));
    service
        .post("/api/apps/x/install?wait=true", &json!({}))
        .await
        .must_be(200);
    let answer = service
        .post("/api/apps/x/install?wait=true&version=9", &json!({}))
        .await;
    assert!(answer.status >= 400, "{}", answer.text);
}
