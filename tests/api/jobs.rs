//! Jobs as a page shows them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{get_json, packed, texts, write_shelf};
use crate::support::{Answer, Service};

#[tokio::test]
async fn a_job_that_failed_can_be_asked_for_again() {
    let service = Service::start_new().await;
    let marker = service.scratch().join("once");
    let fail = format!("fail-once:{}", marker.display());
    let _app = service
        .app("a")
        .runs(&[&fail, "forever"], json!({}))
        .install()
        .await;
    let failed = service
        .post("/api/apps/a/start?wait=true", &json!({}))
        .await
        .must_be(500);
    let id = failed.json()["job"]["id"].as_u64().unwrap();
    let record = get_json(&service, &format!("/api/jobs/{id}")).await;
    assert_eq!(record["canRetry"], true);
    let retry = format!("/api/jobs/{id}/retry?wait=true");
    let done = service.post(&retry, &json!({})).await.must_be(200).json();
    assert_eq!(
        (&done["kind"], &done["state"]),
        (&json!("start"), &json!("succeeded"))
    );
    assert!(service.runs("a").await);
    let id = done["id"].as_u64().unwrap();
    let again = service
        .post(&format!("/api/jobs/{id}/retry"), &json!({}))
        .await;
    again.must_be(409);
    service
        .post("/api/jobs/99999/retry", &json!({}))
        .await
        .must_be(404);
}

#[tokio::test]
async fn an_install_is_told_in_stages() {
    let service = Service::start_new().await;
    let store = json!({
        "setting": { "binPath": crate::support::child() },
        "commands": { "init": [{ "name": "mkdir", "filePath": "{exePath}/data" }] },
        "install": { "installCmds": ["init"] },
        "start": { "startCmds": ["forever"] },
    });
    let bytes = packed("a", "1.0", &store);
    let request = service
        .request(
            Method::POST,
            "/api/packages?start=true&wait=true&set=%7B%22word%22%3A1%7D",
        )
        .header("content-type", "application/octet-stream")
        .body(bytes);
    let record = Answer::of(request).await.must_be(200).json();
    let mut stages: Vec<String> = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["stage"].as_str().map(str::to_owned))
        .collect();
    stages.dedup();
    assert_eq!(
        stages,
        ["verify", "unpack", "configure", "initialize", "start"],
        "{:?}",
        texts(&record["steps"], "title")
    );
    assert_eq!(get_json(&service, "/api/apps/a/config").await["word"], 1);
}

#[tokio::test]
async fn a_package_is_looked_into_before_it_is_installed() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "port": 4711, "password": "s3cret" },
        "commands": { "init": [{ "name": "writeFile", "filePath": "{exePath}/x.conf", "content": "{port}" }] },
        "install": { "installCmds": ["init"] },
    });
    let request = service
        .request(Method::POST, "/api/packages/inspect")
        .header("content-type", "application/octet-stream")
        .body(packed("a", "1.0", &store));
    let told = Answer::of(request).await.must_be(200).json();
    assert_eq!(
        (&told["name"], &told["version"]),
        (&json!("a"), &json!("1.0"))
    );
    assert_eq!(told["installed"], Value::Null);
    assert_eq!(texts(&told["form"]["fields"], "key"), ["port", "password"]);
    assert_eq!(told["effects"]["install"][0]["files"][0]["path"], "x.conf");
    assert_eq!(told["effects"]["outside"], json!([]));
    assert!(!service.run_dir().join("a").exists());
    let uploads = service.home().join("cache/upload");
    crate::support::until("nothing is left of it", async || {
        let left = std::fs::read_dir(&uploads).unwrap().count();
        (left == 0).then_some(())
    })
    .await;
    let request = service
        .request(Method::POST, "/api/packages/inspect")
        .header("content-type", "application/octet-stream")
        .body("no archive");
    Answer::of(request).await.must_be(422);
}

#[tokio::test]
async fn an_offer_is_told_with_all_that_is_known_before_it_is_fetched() {
    let service = Service::start_new().await;
    let store = json!({ "config": { "port": 4711 } });
    let list = json!([{
        "name": "a", "version": "2.0", "desc": "an app", "url": "a.zip", "notes": "new",
        "sha256": "", "dependencies": [{ "name": "b", "value": ">=1" }],
        "history": [{ "version": "1.0", "url": "a1.zip", "notes": "old" }],
    }]);
    let shelf = write_shelf(&service, &list, &[("a.zip", packed("a", "2.0", &store))]);
    let body = json!({ "name": "shelf", "address": shelf });
    service.post("/api/catalogs", &body).await.must_be(201);
    let offer = get_json(&service, "/api/catalog/a").await;
    assert_eq!(
        (&offer["version"], &offer["catalog"]),
        (&json!("2.0"), &json!("shelf"))
    );
    assert_eq!(texts(&offer["versions"], "version"), ["2.0", "1.0"]);
    assert_eq!(offer["dependencies"][0]["version"], ">=1");
    assert_eq!(offer["dependencies"][0]["available"], false);
    assert_eq!(
        (&offer["addresses"][0]["part"], &offer["unchecked"]),
        (&json!("app"), &json!(true))
    );
    let told = service
        .post("/api/catalog/a/inspect", &json!({}))
        .await
        .must_be(200)
        .json();
    assert_eq!(texts(&told["form"]["fields"], "key"), ["port"]);
    service.get("/api/catalog/none").await.must_be(404);
    service.get("/api/catalog/a?version=9").await.must_be(404);
}
