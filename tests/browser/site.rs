//! Web sites of the test: a few pages on a port of their own, and a place where the pages report.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::until;

/// What a site answers.
#[derive(Default)]
pub(super) struct Pages {
    /// HTML by path.
    html: HashMap<String, String>,
    /// Further header lines of the pages, each with its end.
    headers: String,
    /// Where everything goes that is no page: the bytes of the connection, as they are.
    others_go_to: Option<String>,
}

impl Pages {
    /// One page.
    pub(super) fn one(path: &str, html: String) -> Self {
        Self {
            html: HashMap::from([(path.to_owned(), html)]),
            ..Self::default()
        }
    }

    /// The pages are sandboxed: their origin is `null`.
    pub(super) fn sandboxed(mut self) -> Self {
        "Content-Security-Policy: sandbox allow-scripts allow-forms allow-popups\r\n"
            .clone_into(&mut self.headers);
        self
    }

    /// From the view of the service and of the browser this is what DNS rebinding looks like: the
    /// pages came from this name and port, everything after them goes to `address`.
    pub(super) fn others_go_to(mut self, address: &str) -> Self {
        self.others_go_to = Some(address.to_owned());
        self
    }
}

/// A running site.
pub(super) struct Site {
    port: u16,
    reports: mpsc::UnboundedReceiver<Value>,
    task: JoinHandle<()>,
}

impl Site {
    /// Opens one on an address, e.g. `127.0.0.1:0`.
    pub(super) async fn open(address: &str, pages: Pages) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, reports) = mpsc::unbounded_channel();
        let pages = Arc::new(pages);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pages, sender) = (Arc::clone(&pages), sender.clone());
                tokio::spawn(async move {
                    // A browser drops connections as it likes.
                    let _ = answer(stream, &pages, &sender).await;
                });
            }
        });
        Self {
            port,
            reports,
            task,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The next report of a page.
    pub(super) async fn report(&mut self) -> Value {
        until("the page reports", async || self.reports.try_recv().ok()).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    pages: &Pages,
    reports: &mpsc::UnboundedSender<Value>,
) -> std::io::Result<()> {
    let mut begin = [0; 2048];
    let length = stream.peek(&mut begin).await?;
    let line = String::from_utf8_lossy(&begin[..length]).into_owned();
    let target = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    if let Some(html) = pages.html.get(path) {
        read(&mut stream).await?;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{}",
            pages.headers
        );
        return send(&mut stream, &head, html).await;
    }
    if let Some(address) = &pages.others_go_to {
        let mut there = TcpStream::connect(address).await?;
        copy_bidirectional(&mut stream, &mut there).await?;
        return Ok(());
    }
    let body = read(&mut stream).await?;
    match path {
        "/report" => {
            let _ = reports.send(serde_json::from_slice(&body).unwrap_or(Value::Null));
            send(&mut stream, "HTTP/1.1 200 OK\r\n", "").await
        }
        "/go" => {
            let head = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {query}\r\n\
                 Access-Control-Allow-Origin: *\r\n"
            );
            send(&mut stream, &head, "").await
        }
        _ => send(&mut stream, "HTTP/1.1 404 Not Found\r\n", "").await,
    }
}

/// Reads a request to its end; gives back its body.
async fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            if request.len() >= end + 4 + length {
                return Ok(request.split_off(end + 4));
            }
        }
        let mut chunk = [0; 8192];
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&chunk[..length]);
    }
}

async fn send(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let text = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
