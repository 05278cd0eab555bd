//! What the tests from outside share: a service of their own, apps made up on the spot, waiting for
//! conditions, and the real programs of the demo apps.

mod app;
mod child;
mod demo;
mod package;
mod process;
pub(crate) mod server;
mod service;
pub(crate) mod wheel;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub(crate) use app::AppFolder;
pub(crate) use child::{child, place_child};
pub(crate) use demo::{demo, demo_app, demo_files, real_app};
pub(crate) use package::{package, zip};
pub(crate) use process::{alive, descendants, kill_9, terminate};
pub(crate) use service::{Answer, Service};

/// How long anything may take that a test waits for. Generous, because nothing but a failing test
/// waits so long.
const DEADLINE: Duration = Duration::from_secs(40);

/// Time between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until `check` gives something; fails the test when it does not within the deadline.
pub(crate) async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "not within {} s: {what}",
            DEADLINE.as_secs()
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until a condition that needs no waiting in itself holds.
pub(crate) async fn until_true(what: &str, mut check: impl FnMut() -> bool) {
    until(what, async || check().then_some(())).await;
}

/// A TCP port that was free a moment ago. It lies below those that the system gives to clients, so
/// that none of them takes it before the test's program does.
pub(crate) fn free_port() -> u16 {
    const LOWEST: u16 = 11_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at the same time begin at different places.
    static BEGIN: OnceLock<u64> = OnceLock::new();
    let begin = *BEGIN.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let begin = u16::try_from(begin % u64::from(COUNT)).unwrap();
    loop {
        let port = LOWEST + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Whether something accepts connections on a port of this computer.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// What the server of the child program, or a similar one, answers on a port.
pub(crate) async fn answer_of(port: u16) -> Option<String> {
    storekeeper::download::local_client()
        .build()
        .unwrap()
        .get(format!("http://127.0.0.1:{port}/"))
        .send()
        .await
        .ok()?
        .text()
        .await
        .ok()
}
