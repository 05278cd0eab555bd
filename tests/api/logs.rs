//! Logs by the numbers of their lines.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::{Stream, get_json};
use crate::support::{Service, until};

fn line(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_log_of_a_million_lines_is_scrolled_and_searched_by_number() {
    let service = Service::start_new().await;
    let _app = service
        .app("a")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let mut text = String::new();
    for number in 0..1_000_000 {
        writeln!(text, "line {number}").unwrap();
    }
    fs::write(service.home().join("data/log/a.log"), text).unwrap();
    let end = get_json(&service, "/api/apps/a/log?from=-2&count=10").await;
    assert_eq!(end["total"], 1_000_000);
    assert_eq!(end["lines"], json!(["line 999998", "line 999999"]));
    let begin = std::time::Instant::now();
    for from in [0, 123_456, 500_000, 999_990] {
        let window = get_json(&service, &format!("/api/apps/a/log?from={from}&count=5")).await;
        assert_eq!(window["from"], from);
        assert_eq!(line(&window["lines"][0]), format!("line {from}"));
        assert_eq!(window["lines"].as_array().unwrap().len(), 5);
    }
    // Reading the whole of it each time would take much longer, even in a build for tests.
    assert!(begin.elapsed() < std::time::Duration::from_secs(2));
    let found = get_json(&service, "/api/apps/a/log/search?find=LINE+77777&limit=3").await;
    assert_eq!(found["matches"][0]["line"], 77_777);
    assert_eq!(found["matches"][0]["at"], json!([0, 10]));
    assert_eq!(found["matches"].as_array().unwrap().len(), 3);
    let next = found["next"].as_u64().unwrap();
    let more = get_json(
        &service,
        &format!("/api/apps/a/log/search?find=line+77777&limit=3&from={next}"),
    )
    .await;
    assert_eq!(more["matches"][0]["line"], 777_772);
    let up = get_json(
        &service,
        "/api/apps/a/log/search?find=line+77777&up=true&limit=1",
    )
    .await;
    assert_eq!(up["matches"][0]["line"], 777_779);
    service
        .get("/api/apps/a/log/search?find=")
        .await
        .must_be(400);
    service.get("/api/apps/none/log").await.must_be(404);
}

#[tokio::test]
async fn a_log_is_downloaded_over_all_its_parts() {
    let service = Service::start_new().await;
    let _app = service
        .app("a")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let log = service.home().join("data/log/a.log");
    fs::write(&log, "c\n").unwrap();
    fs::write(log.with_extension("log.1"), "b\n").unwrap();
    fs::write(log.with_extension("log.2"), "a\n").unwrap();
    let whole = service.get("/api/apps/a/log/download").await.must_be(200);
    assert_eq!(whole.text, "a\nb\nc\n");
    let name = whole.headers["content-disposition"].to_str().unwrap();
    assert!(name.contains("a.log"), "{name}");
    let window = get_json(&service, "/api/apps/a/log?from=0").await;
    assert_eq!(window["lines"], json!(["a", "b", "c"]));
}

#[tokio::test]
async fn a_follower_gets_new_lines_with_their_numbers_and_comes_back() {
    let service = Service::start_new().await;
    let go = service.scratch().join("go");
    let wait = format!("wait-for:{}", go.display());
    let _app = service
        .app("a")
        .runs(&["lines:3:0", &wait, "lines:2000:0", "forever"], json!({}))
        .installed_and_started()
        .await;
    until("three lines are there", async || {
        (get_json(&service, "/api/apps/a/log").await["total"] == 3).then_some(())
    })
    .await;
    let mut stream = Stream::open(&service, "/api/apps/a/log/follow?from=1").await;
    let first = stream.next().await;
    assert_eq!(
        (first.kind.as_str(), &first.data["from"]),
        ("lines", &json!(1))
    );
    assert_eq!(first.data["lines"], json!(["line 2", "line 3"]));
    fs::write(&go, "").unwrap();
    let last = stream.until("lines", |data| data["total"] == 2003).await;
    let count = last.data["lines"].as_array().unwrap().len();
    assert!(count <= 500);
    let from = last.data["from"].as_u64().unwrap();
    assert_eq!(from + u64::try_from(count).unwrap(), 2003);
    assert_eq!(line(&last.data["lines"][count - 1]), "line 2000");
    let back = format!("/api/apps/a/log/follow?lastEventId={}", first.id);
    let again = Stream::open(&service, &back).await.next().await;
    assert_eq!(again.data["from"], 2003 - 500);
}
