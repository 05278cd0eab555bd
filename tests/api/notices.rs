//! What a person hears of.

use serde_json::json;

use super::{Stream, get_json, packed, write_shelf};
use crate::support::{Service, kill_9};

#[tokio::test]
async fn a_crash_is_told_once_for_all_windows() {
    let service = Service::start_new().await;
    let config = json!({ "setting": { "isOn": true } });
    let _app = service
        .app("a")
        .runs(&["forever"], config)
        .installed_and_started()
        .await;
    let mut stream = Stream::open(&service, "/api/events").await;
    let old = service.app_pid("a").await;
    kill_9(old);
    let told = stream.until("notice", |data| data["kind"] == "crash").await;
    assert_eq!(
        (&told.data["app"], &told.data["seen"]),
        (&json!("a"), &json!(false))
    );
    assert!(
        told.data["data"]["reason"]
            .as_str()
            .unwrap()
            .contains("SIGKILL")
    );
    service.pid_after("a", old).await;
    let up_to = told.data["id"].as_u64().unwrap();
    let body = json!({ "upTo": up_to });
    let seen = service
        .post("/api/notices/seen", &body)
        .await
        .must_be(200)
        .json();
    assert!(
        seen["notices"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["seen"] == true)
    );
    stream.until("notice", |data| data["seen"] == up_to).await;
}

#[tokio::test]
async fn a_stop_is_no_crash_and_a_failed_start_is_a_failed_job() {
    let service = Service::start_new().await;
    let _a = service
        .app("a")
        .runs(&["forever"], json!({}))
        .installed_and_started()
        .await;
    service.stop("a").await.must_be(200);
    service.start("a").await.must_be(200);
    let _b = service
        .app("b")
        .runs(&["exit:3"], json!({}))
        .install()
        .await;
    service
        .post("/api/apps/b/start?wait=true", &json!({}))
        .await
        .must_be(500);
    let notices = get_json(&service, "/api/notices").await;
    let kinds = super::texts(&notices["notices"], "kind");
    assert_eq!(kinds, ["job-failed", "job-done", "job-done"], "{notices}");
    assert_eq!(notices["notices"][0]["app"], "b");
}

#[tokio::test]
async fn updates_that_a_refresh_brings_are_told() {
    let service = Service::start_new().await;
    let offer = |version: &str| {
        let list = json!([{ "name": "a", "version": version, "url": "a.zip" }]);
        let package = packed("a", version, &json!({}));
        write_shelf(&service, &list, &[("a.zip", package)])
    };
    let shelf = offer("1.0");
    let body = json!({ "name": "shelf", "address": shelf });
    service.post("/api/catalogs", &body).await.must_be(201);
    let install = "/api/apps/a/install?catalog=shelf&wait=true";
    service.post(install, &json!({})).await.must_be(200);
    let mut stream = Stream::open(&service, "/api/events").await;
    offer("2.0");
    service
        .post("/api/catalogs/refresh", &json!({}))
        .await
        .must_be(200);
    stream.until("catalogs", |_| true).await;
    let told = stream
        .until("notice", |data| data["kind"] == "updates")
        .await;
    let update = json!([{ "name": "a", "from": "1.0", "to": "2.0" }]);
    assert_eq!(told.data["data"]["apps"], update);
}
