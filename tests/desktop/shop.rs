//! A server on this computer that packages are fetched from, as slowly as the test wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The server.
pub(super) struct Shop {
    port: u16,
    goods: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    gate: watch::Sender<usize>,
}

impl Shop {
    /// Opens one that sends everything at once.
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let goods: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let (gate, passing) = watch::channel(usize::MAX);
        let shelf = Arc::clone(&goods);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shelf), passing.clone()));
            }
        });
        Self { port, goods, gate }
    }

    /// Offers a file, and answers its address.
    pub(super) fn offer(&self, path: &str, content: Vec<u8>) -> String {
        let plain = path.split('?').next().unwrap().to_owned();
        self.goods.lock().unwrap().insert(plain, content);
        self.at(path)
    }

    /// An address on it.
    pub(super) fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sends no more than so many bytes of each file until it is told otherwise.
    pub(super) fn send_up_to(&self, bytes: usize) {
        self.gate.send_replace(bytes);
    }
}

async fn serve(
    mut stream: TcpStream,
    goods: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    mut gate: watch::Receiver<usize>,
) {
    let mut head = Vec::new();
    let mut block = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut block).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&block[..count]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap();
    let path = path.split('?').next().unwrap();
    let content = goods.lock().unwrap().get(path).cloned();
    let (status, content) = match content {
        Some(content) => ("200 OK", content),
        None => ("404 Not Found", b"gone".to_vec()),
    };
    let length = content.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let mut sent = 0;
    // Whoever asks may go away at any time.
    let _ = stream.write_all(answer.as_bytes()).await;
    while !head.starts_with("HEAD") && sent < length {
        let Ok(open) = gate.wait_for(|bytes| *bytes > sent).await.map(|it| *it) else {
            return;
        };
        let end = open.min(length);
        if stream.write_all(&content[sent..end]).await.is_err() {
            return;
        }
        sent = end;
    }
    let _ = stream.shutdown().await;
}
