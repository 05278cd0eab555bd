//! Sees whether a condition holds.

use std::io::SeekFrom;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Condition;

/// Between two looks; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// A condition in words: `port 3306`.
pub(super) fn describe(condition: &Condition) -> String {
    match condition {
        Condition::Port(port) => format!("port {port}"),
        Condition::Http(address) => format!("an answer from {address}"),
        Condition::File(path) => format!("the file `{}`", path.display()),
        Condition::Log(text) => format!("`{text}` in its output"),
    }
}

/// Waits until the condition holds; for ever, if it never does. `growth` tells the log's length.
pub(super) async fn until(
    condition: &Condition,
    log: &Path,
    from: u64,
    growth: impl FnOnce() -> watch::Receiver<u64>,
) {
    match condition {
        Condition::Log(text) => until_in_log(text, log, from, growth()).await,
        Condition::Port(_) | Condition::Http(_) | Condition::File(_) => {
            let mut pause = FIRST_PAUSE;
            while !timeout(ATTEMPT, holds(condition)).await.unwrap_or(false) {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn holds(condition: &Condition) -> bool {
    match condition {
        Condition::Port(port) => {
            TcpStream::connect(("127.0.0.1", *port)).await.is_ok()
                || TcpStream::connect(("::1", *port)).await.is_ok()
        }
        Condition::Http(address) => match client() {
            Some(client) => client
                .get(address)
                .send()
                .await
                .is_ok_and(|answer| answer.status().as_u16() < 400),
            None => false,
        },
        Condition::File(path) => tokio::fs::try_exists(path).await.unwrap_or(false),
        Condition::Log(_) => false,
    }
}

fn client() -> Option<&'static reqwest::Client> {
    static CLIENT: OnceLock<Option<reqwest::Client>> = OnceLock::new();
    CLIENT
        .get_or_init(|| {
            crate::download::local_client()
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(0)
                .timeout(ATTEMPT)
                .build()
                .ok()
        })
        .as_ref()
}

async fn until_in_log(text: &str, log: &Path, from: u64, mut growth: watch::Receiver<u64>) {
    let mut position = from;
    // The end of what was read, in case the text was cut there.
    let mut seen = Vec::new();
    loop {
        growth.mark_unchanged();
        if let Ok(mut file) = tokio::fs::File::open(log).await {
            let length = file.metadata().await.map_or(0, |meta| meta.len());
            if length < position {
                position = 0;
            }
            if file.seek(SeekFrom::Start(position)).await.is_ok() {
                let mut chunk = vec![0; 64 << 10];
                while let Ok(count @ 1..) = file.read(&mut chunk).await {
                    position += u64::try_from(count).unwrap_or_default();
                    seen.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    if contains(&seen, text.as_bytes()) {
                        return;
                    }
                    let keep = seen.len().saturating_sub(text.len());
                    seen.drain(..keep);
                }
            }
        }
        if growth.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || text.windows(needle.len()).any(|window| window == needle)
}

/// Who listens on a port of this computer, when the system tells us: pid and name. Blocks.
pub(super) fn holder_of_port(port: u16) -> Option<(u32, String)> {
    let holder = listeners::get_process_by_port(port, listeners::Protocol::TCP).ok()?;
    Some((holder.pid, holder.name))
}
