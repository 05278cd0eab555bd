//! Who may ask, and what is told of ports.

use std::net::TcpListener;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Service, free_port};

/// B23
#[tokio::test]
async fn listport_tells_each_listening_port_once_as_a_number() {
    let service = Service::start_new().await;
    let (one, two) = (free_port(), free_port());
    let orders = [format!("listen:{one}"), format!("listen:{two}")];
    service
        .app("x")
        .runs(
            &[&orders[0], &orders[1], "forever"],
            json!({ "setting": { "ready": { "port": two } } }),
        )
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    // A client of the port must not be taken for its owner, and IPv6 counts as well.
    let _client = std::net::TcpStream::connect(("127.0.0.1", one)).unwrap();
    let six = TcpListener::bind("[::1]:0").ok();

    let answer = service.get("/store/listport").await.must_be(200).json();
    let rows = answer["processes"].as_array().unwrap();
    let of = |port: u16| -> Vec<&Value> { rows.iter().filter(|row| row["port"] == port).collect() };
    for port in [one, two] {
        let found = of(port);
        assert_eq!(found.len(), 1, "{answer}");
        assert_eq!(found[0]["pid"], pid);
        assert!(!found[0]["name"].as_str().unwrap().is_empty());
        assert!(!found[0]["proto"].as_str().unwrap().is_empty());
    }
    if let Some(six) = six {
        assert_eq!(of(six.local_addr().unwrap().port()).len(), 1, "{answer}");
    }
    assert!(of(0).is_empty(), "{answer}");
}

/// B24
#[tokio::test]
async fn a_page_of_another_origin_can_change_nothing() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(
            &["forever"],
            json!({ "commands": { "work": [
                { "name": "writeFile", "filePath": "{exePath}/out", "content": "moved" },
            ] } }),
        )
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    let body = json!({ "name": "x", "cmdKey": "work" }).to_string();
    let own_port = service.address().rsplit(':').next().unwrap().to_owned();
    let far: [(&str, &str, u16); 8] = [
        ("Origin", "http://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "http://localhost:1", 403),
        ("Origin", "http://localhost.evil.example", 403),
        ("Host", "evil.example", 421),
        ("Host", "evil.example:56780", 421),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
    ];
    for (name, value, status) in far {
        for path in [
            "/store/stop/x",
            "/store/restart/x",
            "/store/stopall",
            "/store/uninstall?name=x",
            "/store/install?name=x",
            "/store/killport?name=x",
            "/store/listporgress",
        ] {
            let request = service.request(Method::GET, path).header(name, value);
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, status, "{name}: {value}, {path}: {answer:?}");
            assert!(answer.headers.get("access-control-allow-origin").is_none());
        }
        for kind in ["application/json", "text/plain;charset=UTF-8"] {
            let request = service
                .request(Method::POST, "/store/setting")
                .header(name, value)
                .header("Content-Type", kind)
                .body(body.clone());
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, status, "{name}: {value}: {answer:?}");
        }
        let preflight = service
            .request(Method::OPTIONS, "/store/setting")
            .header("Access-Control-Request-Method", "POST")
            .header(name, value);
        let answer = Answer::of(preflight).await;
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    assert_eq!(service.app_pid("x").await, pid);
    assert_eq!(app.read("out"), "");

    // The desktop and the app's own page may.
    for origin in [
        format!("http://localhost:{own_port}"),
        format!("http://127.0.0.1:{own_port}"),
        "wails://wails".to_owned(),
        "http://wails.localhost".to_owned(),
    ] {
        let request = service
            .request(Method::POST, "/store/setting")
            .header("Origin", &origin)
            .header("Content-Type", "application/json")
            .body(body.clone());
        let answer = Answer::of(request).await.must_succeed();
        let allowed = answer.headers.get("access-control-allow-origin");
        assert_eq!(allowed.unwrap().to_str().unwrap(), origin);
        assert!(answer.headers.get_all("vary").iter().any(|vary| {
            vary.to_str()
                .unwrap()
                .to_ascii_lowercase()
                .contains("origin")
        }));
    }
    assert_eq!(app.read("out"), "moved");
}

/// B24
#[tokio::test]
async fn it_listens_on_loopback_only() {
    let service = Service::start_new().await;
    let port: u16 = service
        .address()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    // A socket of another address of this computer can only be bound while nobody listens on all.
    TcpListener::bind(("127.0.0.2", port)).expect("the service listens on every address");
}
