//! Web servers as repositories: Helm's, OpenPitrix's, ones with a password, and what is none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{ran, synced};
use crate::support::server::{Reply, Server};
use crate::support::{Service, package};

/// A server that has an index and the package `x` beside it, for `me:secret` only when `locked`.
async fn shop(index: Arc<Mutex<String>>, locked: bool) -> Server {
    Server::start(move |_, head| {
        // `me:secret`.
        if locked && !head.contains("authorization: basic bwu6c2vjcmv0") {
            return Reply::new("401 Unauthorized\r\nContent-Length: 0", b"");
        }
        match head.split(' ').nth(1).unwrap() {
            "/r/index.yaml" => {
                let index = index.lock().unwrap().clone();
                Reply::ok("Content-Type: text/yaml", index.as_bytes())
            }
            "/r/x-1.0.0.zip" => Reply::ok("", &package("x", "1.0.0", json!({}), 0)),
            _ => Reply::new("404 Not Found\r\nContent-Length: 0", b""),
        }
    })
    .await
}

fn index(versions: &[&str]) -> String {
    let mut text = "apiVersion: v1\nentries:\n  x:\n".to_owned();
    for version in versions {
        let entry = [
            "  - {name: x, version: ",
            version,
            ", urls: [x-",
            version,
            ".zip]}\n",
        ];
        text += &entry.concat();
    }
    text + "generated: \"2026-01-01T00:00:00Z\"\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_with_a_password_is_read_and_never_shows_it() {
    let service = Service::start_new().await;
    let server = shop(Arc::new(Mutex::new(index(&["1.0.0"]))), true).await;
    let address = format!("http://127.0.0.1:{}/r", server.port());
    ran(&service, &["repo", "add", "shop", &address]).fails(6, &["401"]);
    let with_user = format!("http://me:secret@127.0.0.1:{}/r", server.port());
    ran(&service, &["repo", "add", "shop", &with_user]).ok();
    let record = synced(&service, "shop").await;
    assert_eq!(record["sync"]["versions"], 1, "{record}");
    ran(&service, &["install", "x"]).ok();
    let origin = service.get("/api/apps/x").await.text;
    assert!(origin.contains("repository://shop/x-1.0.0.zip"), "{origin}");
    for path in [
        "/api/repositories",
        "/api/repositories/shop",
        "/api/apps/x",
        "/api/jobs",
        "/api/repositories/shop/events",
    ] {
        let answer = service.get(path).await;
        assert!(!answer.text.contains("secret"), "{path}: {}", answer.text);
    }
    assert!(!service.output().contains("secret"));
    let database = std::fs::read(service.home().join("data/storekeeper.db")).unwrap();
    assert!(!String::from_utf8_lossy(&database).contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_empty_or_cut_off_takes_nothing_away() {
    let service = Service::start_new().await;
    let text = Arc::new(Mutex::new(index(&["1.0.0", "1.1.0"])));
    let server = shop(Arc::clone(&text), false).await;
    let address = format!("http://127.0.0.1:{}/r", server.port());
    ran(&service, &["repo", "add", "shop", &address]).ok();
    synced(&service, "shop").await;
    let whole = index(&["1.0.0", "1.1.0"]);
    let cut = whole.get(..whole.len() - 50).unwrap();
    for bad in [
        "",
        "entries: {}\n",
        cut,
        "<html></html>",
        "apiVersion: v1\nentries:\n",
    ] {
        bad.clone_into(&mut text.lock().unwrap());
        let failed = ran(&service, &["repo", "index", "shop"]);
        assert_eq!(failed.code, 6, "{bad}: {failed:?}");
        ran(&service, &["search", "x"]).ok().says(&["1.1.0"]);
    }
    let state = service.get("/api/repositories/shop").await.json();
    assert_eq!(state["sync"]["status"], "failed");
    assert_eq!(state["sync"]["versions"], 2);
    *text.lock().unwrap() = index(&["1.2.0"]);
    ran(&service, &["repo", "index", "shop"])
        .ok()
        .says(&["1 versions"]);
    // Only the moment of its writing is another.
    *text.lock().unwrap() = index(&["1.2.0"]).replace("2026-01", "2026-02");
    ran(&service, &["repo", "index", "shop"])
        .ok()
        .says(&["nothing new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_repository_is_refused_with_its_code() {
    let service = Service::start_new().await;
    let server = Server::start(|_, head| match head.split(' ').nth(1).unwrap() {
        "/page/index.yaml" => Reply::ok("Content-Type: text/html", b"<!doctype html><p>hello"),
        "/text/index.yaml" => Reply::ok("", b"hello"),
        "/forbidden/index.yaml" => Reply::new("403 Forbidden\r\nContent-Length: 0", b""),
        "/good/index.yaml" => Reply::ok("", b"apiVersion: v1\nentries: {}\n"),
        _ => Reply::new("404 Not Found\r\nContent-Length: 0", b""),
    })
    .await;
    let at = |path: &str| format!("http://127.0.0.1:{}/{path}", server.port());
    for (address, kind, code) in [
        (at("page"), "http", 109),
        (at("text"), "http", 109),
        (at("forbidden"), "http", 109),
        (at("nothing"), "http", 109),
        ("http://repository.invalid/".to_owned(), "http", 109),
        (at("good").replace("http:", "https:"), "http", 108),
        (at("good"), "https", 110),
        (at("good"), "s3", 114),
        (at("good"), "ftp", 111),
        ("http://".to_owned(), "", 107),
        (at("good"), "http", 0),
    ] {
        let body = json!({ "url": address, "type": kind });
        let found = service.post("/api/repositories/validate", &body).await;
        let found = found.must_be(200).json();
        assert_eq!(found["error_code"], code, "{address} {kind}: {found}");
        assert_eq!(found["ok"], code == 0, "{found}");
        assert_eq!(found["writable"], false);
        if code != 0 && code != 110 && code != 114 {
            let body = json!({ "name": "r", "url": address, "type": kind });
            let refused = service.post("/api/repositories", &body).await;
            assert!(refused.status >= 400, "{address}: {}", refused.text);
        }
    }
    let list = service.get("/api/repositories").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_that_fails_is_told_in_words() {
    let service = Service::start_new().await;
    let answer = Arc::new(Mutex::new(("500 Internal Server Error", "InternalError")));
    let writes = Arc::new(AtomicUsize::new(0));
    let (script, count) = (Arc::clone(&answer), Arc::clone(&writes));
    let server = Server::start(move |_, head| {
        if head.starts_with("put") || head.starts_with("post") {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let (status, code) = *script.lock().unwrap();
        let body = format!("<Error><Code>{code}</Code><Message>signature abcdef</Message></Error>");
        Reply::new(
            &format!("{status}\r\nContent-Length: {}", body.len()),
            body.as_bytes(),
        )
    })
    .await;
    let check = async |status: &'static str, code: &'static str, words: &str| {
        *answer.lock().unwrap() = (status, code);
        let body = json!({
            "url": format!("s3://127.0.0.1:{}/bucket", server.port()),
            "accessKeyId": "id", "secretAccessKey": "hidden",
        });
        let found = service.post("/api/repositories/validate", &body).await;
        let found = found.must_be(200).json();
        assert_eq!(found["error_code"], 106, "{found}");
        let detail = found["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{detail}");
        assert!(
            !detail.contains("abcdef") && !detail.contains("hidden"),
            "{detail}"
        );
    };
    check("403 Forbidden", "RequestTimeTooSkewed", "clock").await;
    check(
        "403 Forbidden",
        "InvalidAccessKeyId",
        "does not know the access key id",
    )
    .await;
    check(
        "403 Forbidden",
        "SignatureDoesNotMatch",
        "secret access key is not",
    )
    .await;
    check("404 Not Found", "NoSuchBucket", "no such bucket").await;
    check(
        "500 Internal Server Error",
        "InternalError",
        "InternalError",
    )
    .await;
    assert_eq!(
        writes.load(Ordering::Relaxed),
        0,
        "what cannot be read is not written"
    );
    for (id, secret, code) in [("", "", 104), ("id", "", 105), ("", "hidden", 104)] {
        let url = format!("s3://127.0.0.1:{}/bucket", server.port());
        let body = json!({ "url": url, "accessKeyId": id, "secretAccessKey": secret });
        let found = service
            .post("/api/repositories/validate", &body)
            .await
            .json();
        assert_eq!(found["error_code"], code, "{found}");
    }
    let body = json!({ "url": "s3://x/b", "credential": "no json" });
    let found = service
        .post("/api/repositories/validate", &body)
        .await
        .json();
    assert_eq!(found["error_code"], 103, "{found}");
    // A cloud's metadata service is no S3 server, whoever says so.
    let body =
        json!({ "url": "s3://169.254.169.254/b", "accessKeyId": "a", "secretAccessKey": "b" });
    let found = service
        .post("/api/repositories/validate", &body)
        .await
        .json();
    assert!(
        found["detail"].as_str().unwrap().contains("link-local"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helm_chart_is_listed_and_says_that_it_needs_a_cluster() {
    let service = Service::start_new().await;
    let index = "apiVersion: v1\nentries:\n  alpine:\n  - apiVersion: v2\n    appVersion: 3.3.0\n    description: Deploy a pod\n    name: alpine\n    urls: [alpine-0.2.0.tgz]\n    version: 0.2.0\ngenerated: \"2026-10-06T16:23:20Z\"\n";
    let server = Server::start(move |_, head| match head.split(' ').nth(1).unwrap() {
        "/index.yaml" => Reply::ok("", index.as_bytes()),
        _ => Reply::new("404 Not Found\r\nContent-Length: 0", b""),
    })
    .await;
    let address = format!("http://127.0.0.1:{}/", server.port());
    ran(&service, &["repo", "add", "charts", &address]).ok();
    synced(&service, "charts").await;
    ran(&service, &["repo", "show", "charts"])
        .ok()
        .says(&["alpine", "helm", "0.2.0"]);
    ran(&service, &["search", "alpine"]).ok().says(&["alpine"]);
    ran(&service, &["install", "alpine"]).fails(1, &["cluster runtime"]);
}

/// A change is made as a whole or not at all, its password as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_leaves_the_password_as_it_was() {
    let service = Service::start_new().await;
    let text = Arc::new(Mutex::new(index(&["1.0.0"])));
    let server = shop(Arc::clone(&text), true).await;
    let open = shop(text, false).await;
    let address = format!("http://me:secret@127.0.0.1:{}/r", server.port());
    ran(&service, &["repo", "add", "shop", &address]).ok();
    let folder = service.scratch().join("other");
    std::fs::create_dir(&folder).unwrap();
    ran(
        &service,
        &["repo", "add", "other", folder.to_str().unwrap()],
    )
    .ok();
    synced(&service, "shop").await;
    let keys = service.home().join("data/repository-keys.json");
    let before = std::fs::read(&keys).unwrap();
    let change = json!({
        "name": "other",
        "url": format!("http://you:else@127.0.0.1:{}/r", open.port()),
    });
    let request = service.request(reqwest::Method::PATCH, "/api/repositories/shop");
    let answer = crate::support::Answer::of(request.json(&change)).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    assert_eq!(std::fs::read(&keys).unwrap(), before);
    ran(&service, &["repo", "index", "shop"]).ok();
}
