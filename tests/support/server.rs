//! A server that answers by a script: every connection gets one answer, byte for byte.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

/// What a connection gets.
pub(crate) struct Reply {
    bytes: Vec<u8>,
    hangs: bool,
}

impl Reply {
    /// A status line with fields, and a body.
    pub(crate) fn new(head: &str, body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Self {
            bytes,
            hangs: false,
        }
    }

    /// 200 with the length of the body.
    pub(crate) fn ok(fields: &str, body: &[u8]) -> Self {
        let separator = if fields.is_empty() { "" } else { "\r\n" };
        let head = format!(
            "200 OK\r\nContent-Length: {}{separator}{fields}",
            body.len()
        );
        Self::new(&head, body)
    }

    /// Sends so many bytes less than it promised.
    pub(crate) fn cut(mut self, missing: usize) -> Self {
        self.bytes
            .truncate(self.bytes.len().saturating_sub(missing));
        self
    }

    /// Keeps the connection open and sends nothing more.
    pub(crate) fn hang(mut self) -> Self {
        self.hangs = true;
        self
    }
}

/// The server.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one. The script gets the number of the request, from 0, and its head.
    pub(crate) async fn start(
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (known, script) = (Arc::clone(&requests), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (known, script) = (Arc::clone(&known), Arc::clone(&script));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut block = [0; 4096];
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut block).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => head.extend_from_slice(&block[..count]),
                        }
                    }
                    let head = String::from_utf8_lossy(&head).to_lowercase();
                    let number = {
                        let mut known = known.lock().unwrap();
                        known.push(head.clone());
                        known.len() - 1
                    };
                    let reply = script(number, &head);
                    let _ = stream.write_all(&reply.bytes).await;
                    let _ = stream.flush().await;
                    if reply.hangs {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { port, requests }
    }

    /// An address on it.
    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .unwrap()
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The heads of all requests, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// The first byte that a request asks for.
pub(crate) fn range(head: &str) -> Option<usize> {
    let (_, rest) = head.split_once("range: bytes=")?;
    rest.split('-').next()?.parse().ok()
}
