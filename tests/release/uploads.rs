//! Packages on their way in: in three forms, broken, cut off, too large, two at once.

use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Someone, start, storage};
use crate::support::{Answer, package, until, zip};

#[tokio::test]
async fn a_package_comes_as_base64_as_a_form_or_as_it_is() {
    let service = start().await;
    let me = Someone::local(&service);
    let bytes = package("json", "1.0.0", json!({}), 0);
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let body = json!({ "version_package": text, "name": "json", "version_type": "vmbased" });
    let made = me.post("/v1/apps", &body).await.must_be(200).json();
    let form = |name: &str, file: Vec<u8>, more: &str| {
        let mut body = Vec::new();
        body.extend_from_slice(more.as_bytes());
        body.extend_from_slice(
            format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x.zip\"\r\n\r\n")
                .as_bytes(),
        );
        body.extend_from_slice(&file);
        body.extend_from_slice(b"\r\n--cut--\r\n");
        let request = me.request(Method::POST, "/v1/apps");
        request
            .header("content-type", "multipart/form-data; boundary=cut")
            .body(body)
    };
    let field = "--cut\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\nfirst\r\n";
    let file = package("form", "1.0.0", json!({}), 100_000);
    let answer = Answer::of(form("file", file, field)).await.must_be(200);
    let version = answer.json()["version_id"].as_str().unwrap().to_owned();
    assert_eq!(me.version(&version).await["description"], "first");
    me.upload("raw", "1.0.0").await;
    // It comes out as it went in.
    let path = format!(
        "/v1/app_version/package?version_id={}",
        made["version_id"].as_str().unwrap()
    );
    let got = me.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), bytes);
    let request = me
        .request(Method::GET, &path)
        .header("accept", "application/json");
    assert_eq!(Answer::of(request).await.json()["package"], text);
    let path = path.replace("package?", "package/files?files=install.json&");
    let files = me.get(&path).await.must_be(200).json();
    let install = files["files"]["install.json"].as_str().unwrap();
    let install = base64::engine::general_purpose::STANDARD
        .decode(install)
        .unwrap();
    assert!(String::from_utf8(install).unwrap().contains("\"json\""));
}

#[tokio::test]
async fn what_is_sent_costs_no_more_than_itself() {
    let service = start().await;
    let me = Someone::local(&service);
    let zeros = format!("{{\"a\": [{}0]}}", "0,".repeat(2 << 20));
    let request = me.request(Method::POST, "/v1/apps");
    let request = request
        .header("content-type", "application/json")
        .body(zeros);
    let answer = Answer::of(request).await.must_be(400);
    assert_eq!(answer.json()["name"], "missing_parameter");
    let many: serde_json::Map<String, Value> = (0..100)
        .map(|number| (number.to_string(), json!(1)))
        .collect();
    let answer = me.post("/v1/apps", &many.into()).await.must_be(400);
    assert!(
        answer.message().contains("more than 64 fields"),
        "{}",
        answer.text
    );
    let part =
        |number| format!("--cut\r\nContent-Disposition: form-data; name=\"{number}\"\r\n\r\n\r\n");
    let form: String = (0..100).map(part).collect();
    let request = me
        .request(Method::POST, "/v1/apps")
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(form + "--cut--\r\n");
    Answer::of(request).await.must_be(413);
    let (_, version) = me.upload("many", "1.0.0").await;
    let files = "&files=x".repeat(100);
    let path = format!("/v1/app_version/package/files?version_id={version}{files}");
    let answer = me.get(&path).await.must_be(400);
    assert!(answer.message().contains("32"), "{}", answer.text);
    // Who may not publish is told so before his package is taken in.
    let reader = Someone::new(&service, "reader", "user").await;
    let request = reader.request(Method::POST, "/v1/apps");
    let request = request
        .header("content-type", "application/json")
        .body("no JSON at all");
    Answer::of(request).await.must_be(403);
}

#[tokio::test]
async fn what_is_no_package_is_told_by_file_and_leaves_nothing() {
    let service = start().await;
    let me = Someone::local(&service);
    let before = storage(&service);
    let no_install = zip(&[("readme.txt", b"hello")]);
    let no_json = zip(&[("install.json", b"{\"name\": ")]);
    let no_version = zip(&[("install.json", b"{\"name\": \"a\"}")]);
    let bad_version = package("a", "one", json!({}), 0);
    let bad_name = package("../x", "1.0.0", json!({}), 0);
    for (bytes, file, reason) in [
        (no_install, "install.json", "not found"),
        (no_json, "install.json", ""),
        (no_version, "install.json", "version"),
        (bad_version, "install.json", "version"),
        (bad_name, "install.json", "name"),
        (b"garbage".to_vec(), "", ""),
    ] {
        let answer = me
            .send(Method::POST, "/v1/apps", bytes.clone())
            .await
            .must_be(400);
        let body = answer.json();
        assert_eq!(body["name"], "load_package_failed", "{}", answer.text);
        let told = body["details"]["error_details"][file]
            .as_str()
            .unwrap_or_default();
        assert!(
            !told.is_empty() && told.contains(reason),
            "{file}: {}",
            answer.text
        );
        let answer = me
            .send(Method::POST, "/v1/apps/validate_package", bytes)
            .await;
        let body = answer.must_be(200).json();
        assert!(body["error_details"][file].is_string(), "{body}");
    }
    let empty = me
        .send(Method::POST, "/v1/apps", Vec::new())
        .await
        .must_be(400);
    assert!(!empty.message().is_empty());
    let answer = me.post("/v1/apps", &json!({})).await.must_be(400);
    assert_eq!(answer.json()["name"], "missing_parameter");
    let answer = me
        .post("/v1/apps", &json!({ "package": "%%" }))
        .await
        .must_be(400);
    assert_eq!(answer.json()["name"], "illegal_parameter");
    let good = package("good", "1.0.0", json!({}), 0);
    let answer = me
        .send(Method::POST, "/v1/apps?name=bad", good.clone())
        .await
        .must_be(400);
    assert_eq!(answer.json()["name"], "app_name_conflict_with_package");
    let answer = me
        .send(Method::POST, "/v1/apps?repo_id=nowhere", good.clone())
        .await;
    answer.must_be(404);
    let answer = me
        .send(Method::POST, "/v1/apps/validate_package", good)
        .await;
    assert_eq!(answer.must_be(200).json()["version_name"], "1.0.0");
    assert_eq!(storage(&service), before);
    assert!(
        me.get("/v1/apps").await.json()["app_set"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn too_large_a_package_is_refused_at_once() {
    let service = start().await;
    for (kind, length) in [
        ("application/octet-stream", 9_u64 << 30),
        ("multipart/form-data; boundary=cut", 9 << 30),
        ("application/json", 65 << 20),
    ] {
        let mut stream = tokio::net::TcpStream::connect(service.address())
            .await
            .unwrap();
        let head = format!(
            "POST /v1/apps HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n",
            service.address()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413", "{kind}");
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let service = start().await;
    let mut stream = tokio::net::TcpStream::connect(service.address())
        .await
        .unwrap();
    let head = format!(
        "POST /v1/apps HTTP/1.1\r\nHost: {}\r\nContent-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\n",
        service.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![7; 50_000]).await.unwrap();
    let incoming = service.home().join("cache/upload");
    let count = || std::fs::read_dir(&incoming).map_or(0, Iterator::count);
    until("the file grows", async || (count() > 0).then_some(())).await;
    drop(stream);
    until("the file is gone", async || (count() == 0).then_some(())).await;
    assert!(storage(&service).is_empty());
}

#[tokio::test]
async fn of_two_uploads_at_once_one_wins() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, _) = me.upload("race", "0.1.0").await;
    let path = format!("/v1/app_versions?app_id={app}");
    for round in 0..5 {
        let number = format!("1.{round}.0");
        let one = package("race", &number, json!({ "notes": "one" }), 2000);
        let other = package("race", &number, json!({ "notes": "other" }), 2000);
        let (first, second, same) = tokio::join!(
            me.send(Method::POST, &path, one.clone()),
            me.send(Method::POST, &path, other),
            me.send(Method::POST, &path, one),
        );
        let mut statuses = [first.status, second.status, same.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409], "{first:?} {second:?} {same:?}");
    }
    // One file for each version, and none of those that lost.
    let kept = storage(&service);
    let kept = kept.iter().filter(|(name, _)| name.contains(".packages/"));
    assert_eq!(kept.count(), 6);
    let name = package("name-race", "1.0.0", json!({ "notes": "one" }), 0);
    let other = package("name-race", "2.0.0", json!({ "notes": "other" }), 0);
    let (first, second) = tokio::join!(
        me.send(Method::POST, "/v1/apps", name),
        me.send(Method::POST, "/v1/apps", other),
    );
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

/// What is written with a package is read with it: too much of it is refused when it comes.
#[tokio::test]
async fn a_package_that_says_too_much_of_itself_is_refused() {
    let service = start().await;
    let me = Someone::local(&service);
    let words = |count: usize| package("wordy", "1.0.0", json!({ "desc": "x".repeat(count) }), 0);
    let refused = me.send(Method::POST, "/v1/apps", words(300_000)).await;
    let refused = refused.must_be(400);
    assert!(refused.message().contains("256 KiB"), "{}", refused.text);
    let made = me.send(Method::POST, "/v1/apps", words(100_000)).await;
    let made = made.must_be(200).json();
    let version = made["version_id"].as_str().unwrap();
    me.lead(version, &["submit", "pass", "release"]).await;
    assert_eq!(me.store().await, ["wordy"]);
}
