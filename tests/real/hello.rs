//! hello: the smallest app with a setting.

use serde_json::json;

use crate::support::{Service, answer_of, demo_app, free_port, listens};

#[tokio::test]
async fn hello_greets_and_its_page_changes_port_and_greeting() {
    let service = Service::start_new().await;
    let first = free_port();
    demo_app(&service, "hello")
        .default("port", json!(first))
        .installed_and_started()
        .await;
    let page = answer_of(first).await.unwrap();
    assert!(page.contains("Hello"), "{page}");

    let second = free_port();
    service
        .setting(
            "hello",
            "setting",
            json!({ "port": second, "greeting": "Grüß <dich>" }),
        )
        .await
        .must_succeed();
    let page = answer_of(second).await.unwrap();
    assert!(page.contains("Grüß &lt;dich&gt;"), "{page}");
    assert!(!listens(first));

    service.get("/static/hello/icon.svg").await.must_be(200);
    let page = service.get("/static/hello/").await.must_be(200);
    assert!(page.text.contains("data-app=\"hello\""), "{}", page.text);
}
