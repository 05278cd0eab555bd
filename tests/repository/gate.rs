//! A gate before an S3 server: it lets requests through, and can hold back the answer to the nth that
//! changes something, so that a test kills whoever waits for it at exactly that moment; or answer some by
//! a failure of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// No request begins so.
const NONE: &str = "-";

/// A gate; it ends with the test.
pub(crate) struct Gate {
    port: u16,
    state: Arc<State>,
}

struct State {
    server: u16,
    /// Changes that still get their answer; those after them are held.
    left: AtomicUsize,
    held: Notify,
    /// Requests that begin so are answered by 500.
    broken: Mutex<&'static str>,
}

impl Gate {
    /// Opens one before the server on this port.
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            server,
            left: AtomicUsize::new(usize::MAX),
            held: Notify::new(),
            broken: Mutex::new(NONE),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A client that is killed ends it.
                tokio::spawn(async move { pass(client, &state).await });
            }
        });
        Self { port, state }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets this many changes through with their answers; the next one is made and never answered.
    pub(crate) fn hold_after(&self, changes: usize) {
        self.state.left.store(changes, Ordering::SeqCst);
    }

    /// Lets everything through.
    pub(crate) fn open(&self) {
        self.hold_after(usize::MAX);
        self.break_down(NONE);
    }

    /// Answers requests that begin so by 500, without passing them on.
    pub(crate) fn break_down(&self, beginning: &'static str) {
        *self.state.broken.lock().unwrap() = beginning;
    }

    /// Waits until a change was made whose answer is held.
    pub(crate) async fn holds(&self) {
        self.state.held.notified().await;
    }
}

/// One connection: a request, its answer, and the end of it, so that every request is seen.
async fn pass(mut client: TcpStream, state: &State) -> Option<()> {
    let mut request = Vec::new();
    let head = loop {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = request.windows(4).position(|it| it == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse::<usize>().ok())?
    });
    while request.len() < head + length.unwrap_or(0) {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let broken = *state.broken.lock().unwrap();
    if text.starts_with(broken) {
        let answer =
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(answer.as_bytes()).await.ok();
    }
    let mut server = TcpStream::connect(("127.0.0.1", state.server)).await.ok()?;
    let line = text.find("\r\n")? + 2;
    server.write_all(&request[..line]).await.ok()?;
    server.write_all(b"Connection: close\r\n").await.ok()?;
    server.write_all(&request[line..]).await.ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.ok()?;
    let changes = !text.starts_with("GET ") && !text.starts_with("HEAD ");
    if changes {
        let left = state.left.load(Ordering::SeqCst);
        if left == 0 {
            state.held.notify_one();
            std::future::pending::<()>().await;
        }
        if left != usize::MAX {
            state.left.store(left - 1, Ordering::SeqCst);
        }
    }
    client.write_all(&answer).await.ok()
}
