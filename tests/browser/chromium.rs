//! A real Chromium without a window.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{descendants, kill_9};

/// One that is open on a page; it ends with the test.
pub(super) struct Chromium(Child);

impl Chromium {
    /// Opens an empty page; it listens on a port that it writes into `chromium/DevToolsActivePort`.
    pub(super) fn controlled(folder: &Path) -> Self {
        Self::start(
            &[
                "--remote-debugging-port=0",
                "--hide-scrollbars",
                "about:blank",
            ],
            folder,
        )
    }

    /// Opens a page. `names` are rules such as `MAP evil.test 127.0.0.1`, instead of a name server.
    /// What it writes lies in `folder`.
    pub(super) fn open(url: &str, names: &str, folder: &Path) -> Self {
        Self::start(&[&format!("--host-resolver-rules={names}"), url], folder)
    }

    fn start(arguments: &[&str], folder: &Path) -> Self {
        let output = File::create(folder.join("chromium.txt")).unwrap();
        let child = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-breakpad",
                "--disable-component-update",
                "--disable-dev-shm-usage",
                "--disable-popup-blocking",
                "--disable-sync",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.join("chromium").display()
            ))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "chromium cannot be started ({error}); these tests drive a real browser: \
                     apt-get install chromium"
                )
            });
        Self(child)
    }

    /// Its main process.
    #[allow(dead_code, reason = "the bench asks for it, the tests do not")]
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let helpers = descendants(self.0.id());
        let _ = self.0.kill();
        let _ = self.0.wait();
        for pid in helpers {
            kill_9(pid);
        }
    }
}
