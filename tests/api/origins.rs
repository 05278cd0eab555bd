//! Pages of other origins: turned away, allowed once or always, blocked, revoked.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Stream, delete, get_json, texts};
use crate::support::{Answer, Service};

const FRIEND: &str = "http://localhost:8215";

async fn as_page(service: &Service, origin: &str, method: Method, path: &str) -> Answer {
    let request = service.request(method, path).header("origin", origin);
    Answer::of(request.header("content-type", "application/json")).await
}

async fn status(service: &Service) -> u16 {
    as_page(service, FRIEND, Method::GET, "/api/apps")
        .await
        .status
}

async fn decide(service: &Service, allow: &str) -> Value {
    let body = json!({ "origin": FRIEND, "allow": allow });
    service
        .post("/api/origins", &body)
        .await
        .must_be(200)
        .json()
}

fn forget() -> String {
    "/api/origins?origin=http%3A%2F%2Flocalhost%3A8215".to_owned()
}

#[tokio::test]
async fn a_page_that_was_turned_away_is_shown_and_can_be_allowed() {
    let service = Service::start_new().await;
    let mut stream = Stream::open(&service, "/api/events").await;
    for _ in 0..3 {
        assert_eq!(status(&service).await, 403);
    }
    let news = stream
        .until("origins", |data| data["origin"] == FRIEND)
        .await;
    assert_eq!(news.data["count"], 1);
    let notices = get_json(&service, "/api/notices").await;
    assert_eq!(notices["notices"][0]["kind"], "origin");
    let list = get_json(&service, "/api/origins").await;
    assert_eq!(list["refused"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&list["refused"][0]["origin"], &list["refused"][0]["count"]),
        (&json!(FRIEND), &json!(3))
    );
    let list = decide(&service, "always").await;
    assert_eq!(list["refused"], json!([]));
    assert_eq!(list["paired"][0]["allow"], "always");
    assert_eq!(status(&service).await, 200);
    let answer = as_page(&service, FRIEND, Method::GET, "/api/apps").await;
    assert_eq!(answer.headers["access-control-allow-origin"], FRIEND);
    let own = service.get("/static/_/app.svg").await;
    assert!(own.status == 200);
}

#[tokio::test]
async fn once_ends_with_the_service_and_always_does_not() {
    let mut service = Service::start_new().await;
    decide(&service, "once").await;
    assert_eq!(status(&service).await, 200);
    service.terminate().await;
    service.start_again().await;
    assert_eq!(status(&service).await, 403);
    decide(&service, "always").await;
    service.kill_9();
    service.start_again().await;
    assert_eq!(status(&service).await, 200);
    delete(&service, &forget()).await.must_be(204);
    assert_eq!(status(&service).await, 403);
    service.terminate().await;
    service.start_again().await;
    assert_eq!(status(&service).await, 403);
    delete(&service, "/api/origins?origin=http%3A%2F%2Fnobody")
        .await
        .must_be(404);
}

#[tokio::test]
async fn what_a_page_listens_to_ends_when_its_permission_is_revoked() {
    let service = Service::start_new().await;
    let _app = service
        .app("a")
        .runs(&["print:hello", "forever"], json!({}))
        .installed_and_started()
        .await;
    let mut own = Stream::open(&service, "/api/events").await;
    for (allow, block) in [("always", false), ("once", false), ("always", true)] {
        decide(&service, allow).await;
        let mut open = Vec::new();
        for path in [
            "/api/events",
            "/api/events?logs=a",
            "/api/apps/a/logs?follow=true",
            "/api/apps/a/log/follow",
        ] {
            open.push(Stream::open_from(&service, path, FRIEND).await);
        }
        // What changes nothing for them ends nothing.
        decide(&service, "always").await;
        for stream in &mut open {
            stream.still_goes_on().await;
        }
        if block {
            decide(&service, "block").await;
        } else {
            delete(&service, &forget()).await.must_be(204);
        }
        for stream in open {
            stream.ends().await;
        }
        assert_eq!(status(&service).await, 403);
    }
    // Ours goes on.
    decide(&service, "always").await;
    own.still_goes_on().await;
}

#[tokio::test]
async fn who_is_blocked_is_turned_away_in_silence() {
    let service = Service::start_new().await;
    decide(&service, "block").await;
    assert_eq!(status(&service).await, 403);
    let list = get_json(&service, "/api/origins").await;
    assert_eq!(
        (&list["refused"], &list["paired"][0]["allow"]),
        (&json!([]), &json!("block"))
    );
    assert_eq!(
        get_json(&service, "/api/notices").await["notices"],
        json!([])
    );
}

#[tokio::test]
async fn those_who_were_let_in_decide_on_nobody() {
    let service = Service::start_new().await;
    decide(&service, "always").await;
    for origin in [FRIEND, "wails://wails"] {
        let mine = json!({ "origin": "http://evil.test", "allow": "always" });
        let request = service
            .request(Method::POST, "/api/origins")
            .header("origin", origin);
        Answer::of(request.json(&mine)).await.must_be(403);
        as_page(&service, origin, Method::GET, "/api/origins")
            .await
            .must_be(403);
        as_page(&service, origin, Method::DELETE, &forget())
            .await
            .must_be(403);
    }
    let own = format!("http://{}", service.address());
    let list = as_page(&service, &own, Method::GET, "/api/origins")
        .await
        .must_be(200)
        .json();
    assert_eq!(texts(&list["paired"], "origin"), [FRIEND]);
}

#[tokio::test]
async fn what_is_no_origin_is_neither_allowed_nor_remembered() {
    let service = Service::start_new().await;
    for origin in ["*", "null", "http://*", "http://a/b", "localhost:1", ""] {
        let body = json!({ "origin": origin, "allow": "always" });
        service.post("/api/origins", &body).await.must_be(400);
    }
    for origin in ["null", "file://", "nonsense"] {
        as_page(&service, origin, Method::GET, "/api/apps")
            .await
            .must_be(403);
    }
    let list = get_json(&service, "/api/origins").await;
    assert_eq!(list["refused"], json!([]), "{list}");
}
