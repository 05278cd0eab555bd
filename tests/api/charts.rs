//! What apps used over time.

use serde_json::json;

use super::get_json;
use crate::support::{Service, until};

#[tokio::test]
async fn an_app_that_runs_is_sampled_and_one_that_does_not_is_a_gap() {
    let service = Service::start_new().await;
    let _a = service
        .app("a")
        .runs(&["forever"], json!({}))
        .installed_and_started()
        .await;
    let _b = service
        .app("b")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let sampled = until("the app was sampled", async || {
        let history = get_json(&service, "/api/apps/a/history?points=3").await;
        history["memory"][2].as_u64().map(|_| history)
    })
    .await;
    assert_eq!(sampled["cpu"].as_array().unwrap().len(), 3);
    assert!(sampled["memory"][2].as_u64().unwrap() > 10_000);
    assert!(sampled["interval"].as_u64().unwrap() <= 10);
    let all = get_json(&service, "/api/history?points=3").await;
    assert!(all["apps"]["a"].is_object() && all["apps"].get("b").is_none());
    let none = get_json(&service, "/api/apps/b/history").await;
    assert_eq!(none["memory"].as_array().unwrap().len(), 360);
    assert!(
        none["memory"]
            .as_array()
            .unwrap()
            .iter()
            .all(serde_json::Value::is_null)
    );
    service.get("/api/apps/none/history").await.must_be(404);
}
