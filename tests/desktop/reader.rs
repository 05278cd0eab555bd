//! Reads an answer as the desktop's window does: what each read of the network brings is one JSON
//! text.

use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::Service;

/// An answer that is being read.
pub(super) struct Reader {
    stream: TcpStream,
    /// What came behind the head in the same read.
    rest: Vec<u8>,
    is_chunked: bool,
    is_over: bool,
}

/// One text, and when it came.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) json: Value,
    pub(super) at: Instant,
}

impl Reader {
    /// Asks as the window does: JSON that says it is text, no encoding of addresses. The status must
    /// be 200.
    pub(super) async fn post(service: &Service, path: &str, body: &Value) -> Self {
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}",
            service.address()
        );
        Self::ask(service, &head).await
    }

    /// The same for GET.
    pub(super) async fn get(service: &Service, path: &str) -> Self {
        let host = service.address();
        Self::ask(
            service,
            &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        )
        .await
    }

    async fn ask(service: &Service, request: &str) -> Self {
        let mut stream = TcpStream::connect(service.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(head.contains("content-type: text/plain"), "{head}");
        Self {
            stream,
            rest: Vec::new(),
            is_chunked: head.contains("transfer-encoding: chunked"),
            is_over: false,
        }
    }

    /// The text of the next read; none when the answer is over.
    pub(super) async fn next(&mut self) -> Option<Text> {
        if self.is_over {
            return None;
        }
        let mut block = vec![0; 1 << 20];
        let count = self.stream.read(&mut block).await.unwrap();
        let at = Instant::now();
        assert!(count > 0, "the connection ended within the answer");
        block.truncate(count);
        assert!(self.rest.is_empty());
        let body = if self.is_chunked {
            self.chunks(&block)
        } else {
            self.is_over = true;
            block
        };
        if body.is_empty() {
            assert!(self.is_over);
            return None;
        }
        // Throws, as the window does, when two texts share a read or one is cut.
        let json = serde_json::from_slice(&body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
        Some(Text { json, at })
    }

    /// What the chunks of a read hold.
    fn chunks(&mut self, mut block: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        while !block.is_empty() {
            let end = block.windows(2).position(|two| two == b"\r\n").unwrap();
            let size = std::str::from_utf8(&block[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let from = end + 2;
            body.extend_from_slice(&block[from..from + size]);
            assert_eq!(&block[from + size..from + size + 2], b"\r\n");
            block = &block[from + size + 2..];
            if size == 0 {
                self.is_over = true;
            }
        }
        body
    }

    /// All texts to the end.
    pub(super) async fn all(mut self) -> Vec<Text> {
        let mut texts = Vec::new();
        while let Some(text) = self.next().await {
            texts.push(text);
        }
        texts
    }

    /// The only text there is.
    pub(super) async fn only(self) -> Value {
        let mut texts = self.all().await;
        assert_eq!(texts.len(), 1, "{texts:?}");
        texts.remove(0).json
    }
}
