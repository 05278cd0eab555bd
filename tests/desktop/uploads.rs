//! Packages that are sent: by the desktop's form, and as they are.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::coming_in;
use crate::support::{Answer, Service, package, until_true, zip};

const BOUNDARY: &str = "----form";

const MIB: u64 = 1 << 20;

/// What stands before and behind a file in a form.
fn frame(field: &str, file: &str) -> (String, String) {
    let before = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{file}\"\r\nContent-Type: application/zip\r\n\r\n"
    );
    (before, format!("\r\n--{BOUNDARY}--\r\n"))
}

fn form(field: &str, file: &str, content: &[u8]) -> Vec<u8> {
    let (before, behind) = frame(field, file);
    [before.as_bytes(), content, behind.as_bytes()].concat()
}

async fn send(service: &Service, body: Vec<u8>) -> Answer {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = service
        .request(Method::POST, "/store/upload")
        .header("Content-Type", kind)
        .body(body);
    Answer::of(request).await
}

/// Opens a connection and sends the head of a form of `length` bytes.
async fn begin(service: &Service, length: u64) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let head = format!(
        "POST /store/upload HTTP/1.1\r\nHost: {}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n",
        service.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn nothing_is_left(service: &Service) {
    until_true("the package is deleted", || coming_in(service).is_empty()).await;
}

#[tokio::test]
async fn an_upload_is_installed_and_answered_by_the_apps_name() {
    let service = Service::start_new().await;
    let flat = package("my.app", "1.0", json!({}), 0);
    let folder = zip(&[
        (
            "top/install.json",
            b"{\"name\": \"deep\", \"version\": \"1\"}",
        ),
        ("top/store.json", b"{}"),
    ]);
    for (name, content) in [("my.app", flat), ("deep", folder)] {
        let answer = send(&service, form("files", "any name.zip", &content)).await;
        let answer = answer.must_succeed().json();
        assert_eq!(answer["data"], name, "{answer}");
        let info = service
            .get(&format!("/store/installInfo?name={name}"))
            .await;
        info.must_succeed();
        let detail = service.get(&format!("/api/apps/{name}")).await.json();
        assert_eq!(detail["origin"]["kind"], "upload", "{detail}");
        assert_eq!(detail["origin"]["name"], "any name.zip");
    }
    nothing_is_left(&service).await;
}

#[tokio::test]
async fn a_form_without_the_file_is_refused_in_text() {
    let service = Service::start_new().await;
    let content = package("x", "1.0", json!({}), 0);
    for body in [
        form("file", "x.zip", &content),
        format!("--{BOUNDARY}--\r\n").into_bytes(),
        Vec::new(),
    ] {
        let answer = send(&service, body).await.must_be(400);
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/plain"), "{kind}");
    }
    let request = service
        .request(Method::POST, "/store/upload")
        .json(&json!({ "files": "x.zip" }));
    Answer::of(request).await.must_be(400);
    nothing_is_left(&service).await;
}

#[tokio::test]
async fn what_is_no_package_is_refused_and_leaves_nothing() {
    let service = Service::start_new().await;
    for (content, word) in [
        (b"garbage".to_vec(), "archive"),
        (Vec::new(), "archive"),
        (zip(&[("readme.txt", b"hello")]), "install.json"),
        (zip(&[("install.json", b"{ \"name\": ")]), "mistake"),
        (zip(&[("install.json", b"{ \"name\": \"../x\" }")]), "name"),
    ] {
        let answer = send(&service, form("files", "x.zip", &content)).await;
        let answer = answer.must_be_refused_with(word);
        let home = service.home();
        assert!(
            !answer.message().contains(home.to_str().unwrap()),
            "{answer:?}"
        );
    }
    assert_eq!(service.get("/api/apps").await.json(), json!([]));
    nothing_is_left(&service).await;
}

#[tokio::test]
async fn an_upload_is_for_this_user_alone_and_leaves_nothing_when_it_is_cut_off() {
    let service = Service::start_new().await;
    let (before, _) = frame("files", "x.zip");
    let mut stream = begin(&service, 100_000_000).await;
    stream.write_all(before.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; 1_000_000]).await.unwrap();
    until_true("the package comes in", || coming_in(&service).len() == 1).await;
    let mode = std::fs::metadata(&coming_in(&service)[0])
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(stream);
    nothing_is_left(&service).await;
}

#[tokio::test]
async fn what_a_killed_service_left_is_deleted_by_the_next() {
    let mut service = Service::start_new().await;
    let (before, _) = frame("files", "x.zip");
    let mut stream = begin(&service, 100_000_000).await;
    stream.write_all(before.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; 1_000_000]).await.unwrap();
    until_true("the package comes in", || coming_in(&service).len() == 1).await;
    service.kill_9();
    assert_eq!(coming_in(&service).len(), 1);
    service.start_again().await;
    nothing_is_left(&service).await;
}

#[tokio::test]
async fn a_large_upload_costs_no_memory() {
    let service = Service::start_new().await;
    // Everything that is made once is made.
    send(&service, form("files", "x.zip", b"garbage")).await;
    let length = 300 * MIB;
    let (before, behind) = frame("files", "x.zip");
    let whole = length + u64::try_from(before.len() + behind.len()).unwrap();
    let idle = memory(&service, "VmRSS:");
    // From now on the peak is this upload's.
    std::fs::write(format!("/proc/{}/clear_refs", service.pid()), "5").unwrap();
    let mut stream = begin(&service, whole).await;
    stream.write_all(before.as_bytes()).await.unwrap();
    let block = vec![0; usize::try_from(MIB).unwrap()];
    for _ in 0..300 {
        stream.write_all(&block).await.unwrap();
    }
    stream.write_all(behind.as_bytes()).await.unwrap();
    let mut head = vec![0; 4096];
    let count = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..count]).into_owned();
    assert!(head.starts_with("HTTP/1.1 422 "), "{head}");
    let peak = memory(&service, "VmHWM:");
    assert!(peak < idle + 32 * MIB, "{} MiB more", (peak - idle) / MIB);
    nothing_is_left(&service).await;
}

/// Bytes of a line of `/proc/<pid>/status`.
fn memory(service: &Service, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

#[tokio::test]
async fn a_package_may_be_sent_as_it_is() {
    let service = Service::start_new().await;
    let send = |query: &str, kind: &str, content: Vec<u8>| {
        let request = service
            .request(Method::POST, &format!("/api/packages?{query}"))
            .header("Content-Type", kind)
            .body(content);
        Answer::of(request)
    };
    let content = package("x", "1.0", json!({}), 100_000);
    let kind = "application/octet-stream";
    let job = send("wait=true&file=x.zip", kind, content.clone())
        .await
        .must_be(200)
        .json();
    assert_eq!(
        (&job["app"], &job["state"]),
        (&json!("x"), &json!("succeeded")),
        "{job}"
    );
    let accepted = send("", "application/zip", content.clone())
        .await
        .must_be(202)
        .json();
    assert!(accepted["job"].is_u64(), "{accepted}");
    for form in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        send("", form, content.clone())
            .await
            .must_be(415)
            .must_fail_with("octet-stream");
    }
    send("", kind, b"garbage".to_vec())
        .await
        .must_be(422)
        .must_fail_with("archive");
    nothing_is_left(&service).await;
}
