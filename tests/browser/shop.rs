//! A service with apps in every state and a catalog, and a page of it in a browser.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storekeeper::library::{ARCH, OS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::devtools::{Browser, Page};
use crate::support::{Service, child, zip};

/// A service and a browser.
pub(super) struct Shop {
    pub(super) service: Service,
    pub(super) browser: Browser,
}

impl Shop {
    /// An empty one.
    pub(super) async fn open() -> Self {
        let service = Service::start_new().await;
        let browser = Browser::open(service.scratch()).await;
        Self { service, browser }
    }

    /// The address of a screen.
    pub(super) fn url(&self, hash: &str) -> String {
        format!("http://{}/{hash}", self.service.address())
    }

    /// The page, open at a screen.
    pub(super) async fn page(&self, hash: &str) -> Page {
        let page = self.browser.page().await;
        page.open(&self.url(hash)).await;
        page.until(
            "the page is there",
            "Boolean(document.querySelector('main h1'))",
        )
        .await;
        page
    }

    /// Adds a catalog that is a folder with these entries and files.
    pub(super) async fn catalog(
        &self,
        name: &str,
        entries: Value,
        files: &[(&str, Vec<u8>)],
    ) -> PathBuf {
        let root = self.service.scratch().join(name);
        let folder = root.join(OS).join(ARCH);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("utilities.json"), entries.to_string()).unwrap();
        for (file, content) in files {
            fs::write(folder.join(file), content).unwrap();
        }
        self.service
            .post("/api/catalogs", &json!({ "name": name, "address": root }))
            .await
            .must_be(201);
        root
    }
}

/// The package of the demo app `hello`, with a port of its own.
pub(super) fn hello(port: u16) -> Vec<u8> {
    let demo = |name: &str| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("demo/hello")
            .join(name);
        fs::read_to_string(path).unwrap()
    };
    let info = demo("install.json").replace("\"isDev\": true", "\"isDev\": false");
    let store = demo("store.json").replace("8180", &port.to_string());
    // So large that its download takes more than one breath.
    let bulk = vec![7; 1 << 20];
    zip(&[
        ("install.json", info.as_bytes()),
        ("store.json", store.as_bytes()),
        ("hello.conf.tpl", demo("hello.conf.tpl").as_bytes()),
        ("static/icon.svg", demo("static/icon.svg").as_bytes()),
        ("static/index.html", demo("static/index.html").as_bytes()),
        (
            "static/settings.css",
            demo("static/settings.css").as_bytes(),
        ),
        ("static/settings.js", demo("static/settings.js").as_bytes()),
        ("bulk.bin", &bulk),
    ])
}

/// Bytes that a slow source gives at once.
const DROP: usize = 128;

/// A catalog on the web with the app `hello`; its package's second half comes drop by drop until it
/// is told to go on.
pub(super) struct SlowCatalog {
    port: u16,
    gate: Arc<Notify>,
    task: JoinHandle<()>,
}

impl SlowCatalog {
    pub(super) async fn start(package: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Notify::new());
        let list = json!([{
            "name": "hello", "version": "1.0.0", "desc": "打招呼 greets", "url": "hello.zip",
            "size": package.len(), "hasStart": true,
        }]);
        let (list, package) = (list.to_string().into_bytes(), Arc::new(package));
        let go = Arc::clone(&gate);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (list, package, go) = (list.clone(), Arc::clone(&package), Arc::clone(&go));
                tokio::spawn(async move {
                    // A client goes away as it likes.
                    let _ = answer(stream, &list, &package, &go).await;
                });
            }
        });
        Self { port, gate, task }
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Gives the rest.
    pub(super) fn go_on(&self) {
        self.gate.notify_one();
    }
}

async fn answer(
    mut stream: TcpStream,
    list: &[u8],
    package: &[u8],
    go: &Notify,
) -> std::io::Result<()> {
    let mut head = [0; 4096];
    let length = stream.read(&mut head).await?;
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path.rsplit('/').next() {
        Some("utilities.json") => ("200 OK", list),
        Some("hello.zip") => ("200 OK", package),
        _ => ("404 Not Found", &[][..]),
    };
    let begin = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(begin.as_bytes()).await?;
    if path.rsplit('.').next() == Some("zip") {
        let (first, mut rest) = body.split_at(body.len() / 2);
        stream.write_all(first).await?;
        // Drop by drop: how far a download is is told when something comes.
        while let Some((drop, others)) = rest.split_at_checked(DROP) {
            tokio::select! {
                () = go.notified() => break,
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    stream.write_all(drop).await?;
                    stream.flush().await?;
                    rest = others;
                }
            }
        }
        stream.write_all(rest).await?;
    } else {
        stream.write_all(body).await?;
    }
    stream.shutdown().await
}

impl Drop for SlowCatalog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An app that listens, with settings of every kind and a file that is made of them.
pub(super) fn web(port: u16) -> Value {
    json!({
        "setting": { "isOn": true, "ready": { "port": "{port}", "timeout": 5 } },
        "config": { "port": port, "root": "{exePath}/www", "password": "", "verbose": false, "mode": "quick" },
        "configSchema": { "properties": {
            "port": { "title": { "en": "Port", "zh": "端口" }, "x-kind": "port", "minimum": 1, "maximum": 65535 },
            "root": { "title": { "en": "Folder", "zh": "文件夹" }, "x-kind": "folder", "pattern": "^[^*?]+$",
                "description": { "en": "Where its files are.", "zh": "文件所在位置。" } },
            "mode": { "title": { "en": "Mode", "zh": "模式" }, "enum": ["quick", "thorough"] },
            "verbose": { "title": { "en": "Tell more", "zh": "详细输出" }, "x-advanced": true },
        } },
        "commands": {
            "setting": [
                { "name": "changeFile", "tplPath": "{exePath}/web.conf.tpl", "filePath": "{exePath}/web.conf" },
                { "name": "restart" },
            ],
            "backup": [{ "name": "exec", "binPath": child(), "cmds": ["print:saved"] }],
        },
    })
}

/// The template of its file.
pub(super) const WEB_CONF: &str = "listen {port}\nroot {root}\nmode {mode}\n";
