//! A client that writes its requests byte by byte and reads the answers likewise.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    /// Its lines, without their ends.
    pub(super) head: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn status(&self) -> u16 {
        let word = self.head[0].split(' ').nth(1).unwrap();
        word.parse().unwrap()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let begin = format!("{name}: ");
        self.head.iter().find_map(|line| line.strip_prefix(&begin))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        assert_eq!(self.field("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A status, nothing else, in the original's form.
    pub(super) fn is_empty(&self, status: u16) {
        assert_eq!(self.status(), status, "{self:?}");
        assert_eq!(self.field("content-type"), Some("application/x-empty"));
        assert_eq!(self.field("content-length"), Some("0"));
    }
}

impl Client {
    pub(super) fn connect(address: &str) -> Self {
        Self::try_connect(address).expect("the server accepts connections")
    }

    pub(super) fn try_connect(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        Some(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends bytes; that the server may have gone is told by what comes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The head of a request as the original's clients send it.
    pub(super) fn head(method: &str, target: &str, fields: &str) -> String {
        format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost:8020\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en,*\r\nUser-Agent: Mozilla/5.0\r\n{fields}\r\n"
        )
    }

    pub(super) fn get(&mut self, target: &str) -> Reply {
        self.send(Self::head("GET", target, "").as_bytes());
        self.reply()
    }

    /// A form without anything in it, as the test clients of the original send it.
    pub(super) fn post(&mut self, target: &str) -> Reply {
        let fields = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n";
        self.send(Self::head("POST", target, fields).as_bytes());
        self.reply()
    }

    pub(super) fn put(&mut self, target: &str, body: &[u8]) -> Reply {
        let fields = format!("Content-Length: {}\r\n", body.len());
        self.send(Self::head("PUT", target, &fields).as_bytes());
        self.send(body);
        self.reply()
    }

    /// Uploads a package.
    pub(super) fn upload(&mut self, package: &[u8]) -> Value {
        let reply = self.put("/package/upload", package);
        assert_eq!(reply.status(), 200, "{reply:?}");
        reply.json()
    }

    pub(super) fn list(&mut self) -> Vec<Value> {
        let reply = self.get("/package/list?architecture=linux_x86_64");
        reply.json().as_array().unwrap().clone()
    }

    pub(super) fn reply(&mut self) -> Reply {
        self.try_reply().expect("an answer comes")
    }

    /// An answer; none when the connection ends.
    pub(super) fn try_reply(&mut self) -> Option<Reply> {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap();
            }
            self.read()?;
        };
        let head: Vec<String> = head
            .lines()
            .filter(|it| !it.is_empty())
            .map(Into::into)
            .collect();
        let mut reply = Reply {
            head,
            body: Vec::new(),
        };
        if reply.status() == 100 {
            return Some(reply);
        }
        let length: usize = reply.field("content-length").unwrap().parse().unwrap();
        while self.buffer.len() < length {
            self.read()?;
        }
        reply.body = self.buffer.drain(..length).collect();
        Some(reply)
    }

    fn read(&mut self) -> Option<()> {
        let mut block = vec![0; 65_536];
        match self.stream.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing comes, and the connection stays")
            }
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.buffer.extend_from_slice(&block[..count]);
                Some(())
            }
        }
    }

    /// Whether the server closed the connection.
    pub(super) fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && self.read().is_none()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|it| it == wanted)
}
