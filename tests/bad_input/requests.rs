//! Bodies and names that make no sense.

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Calm;
use crate::support::{Answer, Service};

async fn with_x() -> Service {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(
            &["forever"],
            json!({
                "config": { "word": "still" },
                "commands": {
                    "work": [{ "name": "writeFile", "filePath": "{exePath}/out", "content": "{word}" }],
                    "other": [],
                },
            }),
        )
        .installed_and_started()
        .await;
    service
}

/// Every route that takes a body.
const WITH_BODY: [(&str, &str); 4] = [
    ("POST", "/store/setting"),
    ("POST", "/store/download"),
    ("POST", "/api/apps"),
    ("PATCH", "/api/apps/x/config"),
];

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let service = with_x().await;
    let calm = Calm::before(&service, "x").await;
    let deep = "[".repeat(200_000);
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"{\"name\": \"x\"",
        b"name=x&cmdKey=work",
        b"{'name': 'x'}",
        b"{\"name\": \"x\", \"cmdKey\": \"work\"} and more",
        b"[\"x\", \"work\"]",
        b"\"x\"",
        b"{\"name\": \"\xff\"}",
        deep.as_bytes(),
    ];
    for (method, path) in WITH_BODY {
        for body in bodies {
            let request = service
                .request(method.parse().unwrap(), path)
                .header("Content-Type", "application/json")
                .body(body.to_vec());
            let answer = Answer::of(request).await.must_be(400);
            answer.must_fail_with("JSON");
        }
    }
    calm.holds().await;
}

#[tokio::test]
async fn a_setting_without_name_or_list_or_with_unknown_ones_is_refused() {
    let service = with_x().await;
    let calm = Calm::before(&service, "x").await;
    let bodies: [(Value, u16, &[&str]); 11] = [
        (json!({}), 400, &["name is required"]),
        (json!({ "cmdKey": "work" }), 400, &["name is required"]),
        (
            json!({ "name": "", "cmdKey": "work" }),
            400,
            &["name is required"],
        ),
        (
            json!({ "name": null, "cmdKey": "work" }),
            400,
            &["name is required"],
        ),
        (
            json!({ "name": ["x"], "cmdKey": "work" }),
            400,
            &["name is required"],
        ),
        (json!({ "name": "x" }), 400, &["cmdKey is required"]),
        (
            json!({ "name": "x", "cmdKey": "" }),
            400,
            &["cmdKey is required"],
        ),
        (
            json!({ "name": "x", "cmdKey": 7 }),
            400,
            &["cmdKey is required"],
        ),
        (json!({ "name": "y", "cmdKey": "work" }), 404, &["`y`"]),
        (
            json!({ "name": "x", "cmdKey": "wrok" }),
            400,
            &["`x`", "`wrok`", "work, other"],
        ),
        // What starts an app is no list of it.
        (json!({ "name": "x", "cmdKey": "start" }), 400, &["`start`"]),
    ];
    for (mut body, status, words) in bodies {
        body.as_object_mut()
            .unwrap()
            .insert("word".to_owned(), json!("moved"));
        let answer = service.post("/store/setting", &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        for word in words {
            assert!(answer.message().contains(word), "{word}: {}", answer.text);
        }
    }
    for (path, status) in [
        ("/store/installInfo?name=y", 404),
        ("/store/start/y", 404),
        ("/store/stop/y", 404),
        ("/store/restart/y", 404),
    ] {
        let answer = service.get(path).await.must_be(status);
        assert!(answer.text.contains('y'), "{path}: {}", answer.text);
    }
    for path in ["/store/install?name=y", "/store/uninstall?name=y"] {
        // The desktop looks at the code alone here.
        service.get(path).await.must_be(200).must_fail_with("`y`");
    }
    for (path, status, words) in [
        ("/api/apps/y/start?wait=true", 404, "`y`"),
        ("/api/apps/y/stop?wait=true", 404, "`y`"),
        ("/api/apps/y/install?wait=true", 404, "`y`"),
        ("/api/apps/y/uninstall?wait=true", 404, "`y`"),
        ("/api/apps/y/run/work?wait=true", 404, "`y`"),
        ("/api/apps/x/run/wrok?wait=true", 404, "work, other"),
    ] {
        let answer = service.post(path, &json!({})).await.must_be(status);
        answer.must_fail_with(words);
    }
    for path in [
        "",
        "/config",
        "/config/word",
        "/problems",
        "/doctor",
        "/logs",
        "/plan/work",
    ] {
        let answer = service
            .get(&format!("/api/apps/y{path}"))
            .await
            .must_be(404);
        answer.must_fail_with("`y`");
    }
    let answer = service.get("/api/apps/x/config/wrod").await.must_be(404);
    answer.must_fail_with("`wrod`");
    calm.holds().await;
}

/// Names that are no app's, as they would stand in a body.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "../x",
        "..",
        ".",
        "./x",
        "x/",
        "x/../x",
        "/etc",
        "x\\..\\x",
        "C:\\x",
        "c:x",
        "~",
        ".x",
        "-x",
        "x.",
        "x ",
        " x",
        "x\ny",
        "x\0",
        "x\u{202e}",
        "ｘ",
        "con",
        "NUL.txt",
        "com1",
        "x:y",
        "x%2F..",
        "$(id)",
        "`id`",
        "x;id",
        "*",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(65));
    names.push("x".repeat(100_000));
    names
}

#[tokio::test]
async fn a_name_that_is_no_apps_name_is_refused_wherever_it_comes_in() {
    let service = with_x().await;
    let calm = Calm::before(&service, "x").await;
    for name in names() {
        let body = json!({ "name": name, "cmdKey": "work", "word": "moved" });
        let answer = service.post("/store/setting", &body).await;
        assert_eq!(answer.status, 400, "{name:?}: {}", answer.text);
        answer.must_fail_with("name");
        let body = json!({ "name": name });
        let answer = service.post("/store/download", &body).await;
        // In the desktop's window any other status than 200 says less than the message.
        assert_eq!(answer.status, 200, "{name:?}: {}", answer.text);
        answer.must_fail_with("name");
        if name.len() > 1000 {
            continue;
        }
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in ["/store/install", "/store/uninstall"] {
            let answer = service.get(&format!("{path}?name={encoded}")).await;
            answer.must_be(200).must_fail_with("name");
        }
        let answer = service
            .get(&format!("/store/installInfo?name={encoded}"))
            .await;
        answer.must_be(400).must_fail_with("name");
        for verb in ["start", "stop", "restart"] {
            for (method, path) in [
                (Method::GET, format!("/store/{verb}/{encoded}")),
                (
                    Method::POST,
                    format!("/api/apps/{encoded}/{verb}?wait=true"),
                ),
            ] {
                let answer = Answer::of(service.request(method, &path)).await;
                assert!(
                    // `.` and `..` do not even reach the service: clients tidy them away.
                    matches!(answer.status, 400 | 404 | 405),
                    "{name:?} {path}: {} {}",
                    answer.status,
                    answer.text
                );
                assert!(!answer.text.is_empty(), "{name:?} {path}");
            }
        }
    }
    calm.holds().await;
}

#[tokio::test]
async fn a_value_with_a_control_character_is_refused_and_nothing_is_set() {
    let service = with_x().await;
    let calm = Calm::before(&service, "x").await;
    for bad in ["two\nlines", "\r", "a\0b", "\u{1b}[2J", "\u{7f}", "\u{85}"] {
        for values in [
            json!({ "word": bad }),
            json!({ "word": "moved", "new": bad }),
            json!({ bad: "moved" }),
            json!({ "word": [bad] }),
            json!({ "word": { "inner": bad } }),
        ] {
            let answer = service.setting("x", "work", values.clone()).await;
            assert_eq!(answer.status, 400, "{values}: {}", answer.text);
            answer.must_be_refused_with("control character");
            let change = json!({ "set": values, "run": "work" });
            let request = service
                .request(Method::PATCH, "/api/apps/x/config?wait=true")
                .json(&change);
            Answer::of(request)
                .await
                .must_be(400)
                .must_fail_with("control character");
        }
    }
    calm.holds().await;
}

#[tokio::test]
async fn a_body_of_100_mb_is_refused_without_being_kept() {
    let service = with_x().await;
    let calm = Calm::before(&service, "x").await;
    let before = memory(&service);
    for (method, path) in WITH_BODY {
        for chunked in [false, true] {
            let answer = pour(&service, method, path, 100 << 20, chunked).await;
            assert!(
                answer.starts_with("HTTP/1.1 413 "),
                "{method} {path}: {answer}"
            );
            assert!(answer.contains("1 MiB"), "{answer}");
        }
    }
    let grown = memory(&service).saturating_sub(before);
    assert!(grown < 16 << 20, "it grew by {grown} bytes");

    // Just below the limit a body is read; then it is a value like any other.
    let mut values = Map::new();
    values.insert("word".to_owned(), "x".repeat((1 << 20) - 100).into());
    let body = json!({ "name": "x", "cmdKey": "nothing", "values": values });
    service
        .post("/store/setting", &body)
        .await
        .must_be(400)
        .must_fail_with("nothing");
    calm.holds().await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let service = with_x().await;
    let calm = Calm::before(&service, "x").await;
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let line = format!("X-Long: {}\r\n", "x".repeat(8000));
    let start = format!("GET /ping HTTP/1.1\r\nHost: {}\r\n", service.address());
    let (mut reader, mut writer) = stream.split();
    let write = async {
        writer.write_all(start.as_bytes()).await?;
        for _ in 0..10_000 {
            writer.write_all(line.as_bytes()).await?;
        }
        writer.flush().await
    };
    let mut answer = Vec::new();
    let read = reader.read_to_end(&mut answer);
    // It may hang up while we still write.
    let (_, _) = tokio::join!(write, read);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    calm.holds().await;
}

/// Sends a body of so many bytes, as far as it is taken; gives back the answer.
async fn pour(service: &Service, method: &str, path: &str, length: usize, chunked: bool) -> String {
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let kind = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {length}")
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{kind}\r\n\r\n",
        service.address()
    );
    let piece = "x".repeat(64 << 10);
    let piece = if chunked {
        format!("{:x}\r\n{piece}\r\n", piece.len())
    } else {
        piece
    };
    let write = async {
        writer.write_all(head.as_bytes()).await?;
        for _ in 0..length / (64 << 10) {
            writer.write_all(piece.as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let mut answer = Vec::new();
    let read = async {
        let mut chunk = [0; 4096];
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") || !answer.ends_with(b"}") {
            match reader.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(length) => answer.extend_from_slice(&chunk[..length]),
            }
        }
    };
    // The answer may come long before the body is out: then the rest is spared.
    tokio::select! {
        biased;
        () = read => {}
        () = async { let _ = write.await; std::future::pending::<()>().await } => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Resident memory of the service.
fn memory(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: u64 = line.trim().split(' ').next().unwrap().parse().unwrap();
    kib << 10
}
