//! Makes the pictures of the README, see `demo/pictures`: the page with the demo apps, running.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a command for developers: it may end at any fault, starts a browser and prints what it does"
)]

#[path = "../tests/browser/chromium.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod chromium;
#[path = "../tests/browser/devtools.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod devtools;
#[path = "../tests/support/process.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod process;
#[path = "../bench/store.rs"]
mod store;
mod support {
    pub(crate) use super::process::{descendants, kill_9};
}

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use storekeeper::library::{ARCH, OS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use devtools::{Browser, Page};
use store::Store;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");

#[tokio::main]
async fn main() {
    let target = PathBuf::from(std::env::args().nth(1).expect("the folder of the pictures"));
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(folder.path());
    let catalog = serve(folder.path()).await;
    store
        .post(
            "/api/catalogs",
            &json!({ "name": "godoos", "address": catalog }),
        )
        .await;
    for app in ["mariadb", "nginx", "redis", "hello"] {
        copy(&Path::new(DEMO).join(app), &store.run.join(app));
        store
            .post(
                &format!("/api/apps/{app}/install?start=true&wait=true"),
                &json!({}),
            )
            .await;
    }
    // One that needs somebody.
    store.put(
        "backup",
        json!({ "desc": "Copies the databases every night", "version": "0.3.1" }),
        &json!({ "setting": { "binPath": "false", "isOn": true }, "start": { "startCmds": [] } }),
    );
    store
        .post("/api/apps/backup/install?wait=true", &json!({}))
        .await;
    store.post("/api/apps/backup/start", &json!({})).await;

    let browser = Browser::open(folder.path()).await;
    let page = look(&store, &browser, "en", false).await;
    page.sees(".trouble", "backup").await;
    page.until(
        "usage is shown",
        "document.querySelectorAll('app-row .sparkline path[d]').length >= 3",
    )
    .await;
    save(&page, &target, "installed.png").await;
    page.go("#/catalog").await;
    page.until("icons are there", "[...document.querySelectorAll('.card img')].length >= 5 && [...document.querySelectorAll('.card img')].every((it) => it.complete)")
        .await;
    save(&page, &target, "catalog.png").await;

    let page = look(&store, &browser, "zh-CN", true).await;
    page.go("#/app/mariadb").await;
    // Some minutes of the hour.
    for _ in 0..4 {
        page.until(
            "the chart has a line",
            "document.querySelectorAll('.chart .line[d]').length === 2",
        )
        .await;
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    }
    save(&page, &target, "overview-dark.png").await;

    let page = look(&store, &browser, "en", false).await;
    page.go("#/app/redis/settings?view=form").await;
    page.sees("settings-form", "Port").await;
    page.eval("(() => { const field = document.querySelector('[data-key=port] input'); field.value = '3306'; field.dispatchEvent(new Event('input', { bubbles: true })); return true; })()").await;
    page.sees(".problem", "Use").await;
    page.sees(".changes-box", "redis.conf").await;
    save(&page, &target, "settings.png").await;

    let page = look(&store, &browser, "zh-CN", false).await;
    page.view(390, 760).await;
    page.sees("app-row", "nginx").await;
    save(&page, &target, "narrow.png").await;
}

/// The page in a language and colours, open at its first screen.
async fn look(store: &Store, browser: &Browser, language: &str, dark: bool) -> Page {
    let page = browser.page().await;
    page.view(1180, 720).await;
    page.language(language).await;
    page.dark(dark).await;
    page.open(&format!("{}/#/", store.url)).await;
    page.sees("app-row", "mariadb").await;
    page
}

async fn save(page: &Page, folder: &Path, name: &str) {
    page.eval("(document.activeElement.blur(), document.querySelector('.messages').replaceChildren(), true)")
        .await;
    let picture = decode(&page.picture().await);
    let path = folder.join(name);
    std::fs::write(&path, picture).unwrap();
    println!(
        "{} ({} bytes)",
        path.display(),
        path.metadata().unwrap().len()
    );
}

/// Base64, as RFC 4648 has it.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    bytes
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// A catalog of the demo apps on a port of this computer: its list, and their icons.
async fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let apps = ["hello", "mariadb", "mysql5.7", "mysql8.0", "nginx", "redis"];
    let entries: Vec<Value> = apps
        .iter()
        .map(|app| {
            let text = std::fs::read_to_string(Path::new(DEMO).join(app).join("install.json"));
            let mut entry: Value = serde_json::from_str(&text.unwrap()).unwrap();
            entry["url"] = format!("{app}.zip").into();
            entry["icon"] = format!("{address}/{app}.svg").into();
            entry["isDev"] = false.into();
            entry
        })
        .collect();
    let of = |category: &str| {
        let those = entries.iter().filter(|entry| entry["category"] == category);
        Value::Array(those.cloned().collect())
    };
    let lists = folder.join("lists");
    std::fs::create_dir_all(&lists).unwrap();
    for category in ["development", "utilities"] {
        std::fs::write(
            lists.join(format!("{category}.json")),
            of(category).to_string(),
        )
        .unwrap();
    }
    for app in apps {
        let icon = Path::new(DEMO).join(app).join("static/icon.svg");
        std::fs::copy(icon, lists.join(format!("{app}.svg"))).unwrap();
    }
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned();
            let path = head.split(' ').nth(1).unwrap_or("/");
            let path = path.trim_start_matches(&format!("/{OS}/{ARCH}"));
            let file = lists.join(path.trim_start_matches('/'));
            let kind = if path.rsplit('.').next() == Some("svg") {
                "image/svg+xml"
            } else {
                "application/json"
            };
            let (status, body) = match std::fs::read(file) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // A client goes away as it likes.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
    });
    address
}
