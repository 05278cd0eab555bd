//! Strangers at the gate, byte by byte: what no well-behaved client would send.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Calm, must_fail, storekeeper};
use crate::support::{Answer, Service};

async fn with_x(options: &[&str]) -> Service {
    let service = Service::start_with(options, &[]).await;
    let app = service
        .app("x")
        .runs(&["forever"], json!({ "config": { "word": "still" } }));
    drop(app);
    service
}

/// Sends lines as they are; gives back the status, 0 for a connection that was just closed.
async fn status(service: &Service, lines: &[&str]) -> u16 {
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let request = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    if code.is_some_and(|code: u16| code >= 400) {
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert!(!body.contains("\"installed\""), "{answer}");
        assert!(
            !answer.to_ascii_lowercase().contains("access-control-allow"),
            "{answer}"
        );
    }
    code.unwrap_or(0)
}

#[tokio::test]
async fn a_forged_or_missing_host_is_turned_away() {
    let service = with_x(&[]).await;
    service.install("x").await.must_succeed();
    service.start("x").await.must_be(200);
    let calm = Calm::before(&service, "x").await;
    let own = service.address();
    let port = own.rsplit_once(':').unwrap().1;
    for (host, expected) in [
        (own.to_owned(), 200),
        (format!("localhost:{port}"), 200),
        (format!("LocalHost:{port}"), 200),
        (format!("wails.localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("evil.test".to_owned(), 421),
        (format!("evil.test:{port}"), 421),
        (format!("localhost.evil.test:{port}"), 421),
        (format!("127.0.0.1.nip.io:{port}"), 421),
        (format!("evil.localhost:{port}"), 421),
        (format!("localhost.:{port}"), 421),
        ("localhost".to_owned(), 421),
        ("localhost:1".to_owned(), 421),
        (format!("127.1:{port}"), 421),
        (format!("0.0.0.0:{port}"), 421),
        (format!("2130706433:{port}"), 421),
        (format!("user@localhost:{port}"), 421),
        (format!("localhost:{port}@evil.test"), 421),
        (format!("localhost:{port}, evil.test"), 421),
        (format!("localhost:{port}/evil.test"), 421),
        (String::new(), 421),
    ] {
        for path in [
            "/ping",
            "/api/apps",
            "/store/listporgress",
            "/static/x/",
            "/nowhere",
        ] {
            let line = format!("GET {path} HTTP/1.1");
            let found = status(&service, &[&line, &format!("Host: {host}")]).await;
            if expected == 200 {
                assert!(matches!(found, 200 | 404), "{host} {path}: {found}");
            } else {
                assert!(matches!(found, 421 | 400), "{host} {path}: {found}");
            }
        }
        if expected != 200 {
            let found = status(
                &service,
                &["GET /store/stop/x HTTP/1.1", &format!("Host: {host}")],
            )
            .await;
            assert!(matches!(found, 421 | 400), "{host}: {found}");
        }
    }
    let own = format!("Host: {own}");
    for lines in [
        &["GET /store/stop/x HTTP/1.1"][..],
        &["GET /store/stop/x HTTP/1.0"],
        &["GET /store/stop/x HTTP/1.1", &own, "Host: evil.test"],
        &["GET /store/stop/x HTTP/1.1", "Host: evil.test", &own],
        &[
            "GET /store/stop/x HTTP/1.1",
            "Host: evil.test",
            &format!("X-Forwarded-{own}"),
        ],
        &[
            "GET /store/stop/x HTTP/1.1",
            "Host: evil.test",
            &format!("Forwarded: host={own}"),
        ],
        &[
            "GET http://evil.test/store/stop/x HTTP/1.1",
            "Host: evil.test",
        ],
        &["GET /store/stop/x HTTP/1.1", " Host: evil.test"],
        &["GET /store/stop/x HTTP/1.1", "Host : evil.test"],
    ] {
        let found = status(&service, lines).await;
        assert!(matches!(found, 0 | 400 | 421), "{lines:?}: {found}");
    }
    calm.holds().await;
    assert!(service.runs("x").await);
}

#[tokio::test]
async fn a_foreign_origin_is_turned_away_whatever_it_asks_for() {
    let service = with_x(&[]).await;
    service.install("x").await.must_succeed();
    service.start("x").await.must_be(200);
    let calm = Calm::before(&service, "x").await;
    let host = format!("Host: {}", service.address());
    let port: u16 = service
        .address()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let own = format!("http://localhost:{port}");
    let neighbour = format!("http://localhost:{}", port ^ 1);
    let origins = [
        "null",
        "",
        "http://evil.test",
        "http://localhost",
        &neighbour,
        &format!("https://localhost:{port}"),
        &format!("{own}.evil.test"),
        &format!("{own}/"),
        &format!("{own}, http://evil.test"),
        &format!("{own} http://evil.test"),
        "file://",
        "wails://wails.evil.test",
        "tauri://localhost.evil.test",
        "chrome-extension://abcdefghijklmnop",
    ];
    for origin in origins {
        let origin = format!("Origin: {origin}");
        for line in [
            "GET /store/stop/x HTTP/1.1",
            "GET /store/uninstall?name=x HTTP/1.1",
            "GET /%73tore/stop/x HTTP/1.1",
            "GET //store/stop/x HTTP/1.1",
            "GET /static/../store/stop/x HTTP/1.1",
            "GET /store/listporgress HTTP/1.1",
            "GET /api/apps HTTP/1.1",
            "GET /static/x/ HTTP/1.1",
            "GET /ping HTTP/1.1",
            "HEAD /ping HTTP/1.1",
            "OPTIONS /store/setting HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "POST /api/apps/x/stop HTTP/1.1",
            "PATCH /api/apps/x/config HTTP/1.1",
            "DELETE /api/jobs/1 HTTP/1.1",
            "STOP /store/stop/x HTTP/1.1",
        ] {
            let found = status(&service, &[line, &host, &origin]).await;
            assert!(matches!(found, 403 | 400 | 404), "{line} {origin}: {found}");
        }
    }
    // An allowed one does not help a second.
    let (good, bad) = (format!("Origin: {own}"), "Origin: http://evil.test");
    for two in [[good.as_str(), bad], [bad, good.as_str()]] {
        let found = status(
            &service,
            &["GET /store/stop/x HTTP/1.1", &host, two[0], two[1]],
        )
        .await;
        assert_eq!(found, 403, "{two:?}");
    }
    for line in [
        "GET /store/stop/x HTTP/1.1",
        "GET /%73tore/stop/x HTTP/1.1",
        "GET /store/stop/%78 HTTP/1.1",
        "GET /api/apps HTTP/1.1",
        "POST /api/apps/x/stop HTTP/1.1",
    ] {
        for site in ["cross-site", "same-site", "none", "nonsense", ""] {
            let site = format!("Sec-Fetch-Site: {site}");
            assert_eq!(
                status(&service, &[line, &host, &site]).await,
                403,
                "{line} {site}"
            );
        }
    }
    // From our own pages a link or an image changes nothing either.
    for mode in ["navigate", "no-cors"] {
        let (site, mode) = (
            "Sec-Fetch-Site: same-origin",
            format!("Sec-Fetch-Mode: {mode}"),
        );
        let found = status(
            &service,
            &["GET /store/stop/x HTTP/1.1", &host, site, &mode],
        )
        .await;
        assert_eq!(found, 403, "{mode}");
    }
    calm.holds().await;
    assert!(service.runs("x").await);
}

#[tokio::test]
async fn with_a_token_only_who_bears_it_is_let_in() {
    let service = with_x(&["--token"]).await;
    let file = service.home().join("data/token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(token.len() >= 32);
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {token}"),
        token.clone(),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[1..]),
        format!(
            "Bearer {}",
            token.to_uppercase().replace(char::is_numeric, "A")
        ),
        format!("Bearer  {token}"),
    ];
    for path in [
        "/api/apps",
        "/store/listporgress",
        "/store/install?name=x",
        "/api/openapi.json",
    ] {
        let answer = service.get(path).await.must_be(401);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.must_fail_with("data/token");
        for value in &wrong {
            let request = service
                .request(Method::GET, path)
                .header("Authorization", value);
            Answer::of(request).await.must_be(401);
        }
    }
    service.get("/ping").await.must_be(200);
    let right = service
        .request(Method::GET, "/api/apps")
        .bearer_auth(&token);
    let apps = Answer::of(right).await.must_be(200).json();
    assert_eq!(apps[0]["installed"], json!(null), "something was installed");
    // The command line knows where it lies, and fails with a sentence when it may not read it.
    let home = service.home();
    let home = home.to_str().unwrap();
    let ps = storekeeper(&["ps", "--home", home], service.scratch());
    assert!(ps.status.success(), "{ps:?}");
    std::fs::rename(&file, service.home().join("data/token.away")).unwrap();
    let ps = storekeeper(&["ps", "--home", home], service.scratch());
    must_fail(&ps, 1, &["token", file.to_str().unwrap()]);
    // The service itself does not need the file.
    let right = service
        .request(Method::GET, "/api/apps")
        .bearer_auth(&token);
    Answer::of(right).await.must_be(200);
}

#[tokio::test]
async fn what_is_no_http_harms_nobody() {
    let service = with_x(&[]).await;
    let calm = Calm::before(&service, "x").await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"GET /ping HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /store/setting HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /store/setting HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(service.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{bytes:?}: {answer}");
    }
    calm.holds().await;
}
