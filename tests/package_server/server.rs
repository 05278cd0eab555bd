//! The real package server, each test's own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::client::Client;
use crate::support::{kill_9, terminate, until_true};

/// A server on a data folder.
pub(super) struct Server {
    process: Child,
    /// What it printed.
    lines: Arc<Mutex<Vec<String>>>,
    address: String,
}

/// A data folder that goes with the test.
pub(super) struct Data(TempDir);

impl Data {
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("storekeeper-test-")
            .tempdir();
        Self(folder.unwrap())
    }

    /// A path in it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The names in a folder of it, hidden ones left out.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// A server on it, on any free port.
    pub(super) async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    pub(super) async fn serve_with(&self, options: &[&str]) -> Server {
        let server = self.spawn(options);
        server.ready().await
    }

    fn spawn(&self, options: &[&str]) -> Server {
        let mut command = program();
        command
            .arg("--dd")
            .arg(self.0.path())
            .args(["--la", "localhost"]);
        Server::spawn(command.args(options))
    }
}

/// The program with its subcommand.
pub(super) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
    command
        .arg("package-server")
        .env_remove("STOREKEEPER_HOME")
        .env_remove("AM_FORCE_COLOR_OUTPUT")
        .stdin(Stdio::null());
    command
}

impl Server {
    pub(super) fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                seen.lock().unwrap().push(line);
            }
        });
        Self {
            process,
            lines,
            address: String::new(),
        }
    }

    /// One on a data folder with a small disk somewhere in it that only this server sees. It needs no root:
    /// the mount is in a user namespace.
    pub(super) async fn with_disk(folder: &Path, disk: &Path, size: &str) -> Self {
        fs::create_dir(disk).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs '{}' && \
             exec \"$STOREKEEPER\" package-server --dd '{}' --la localhost",
            disk.display(),
            folder.display()
        );
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .env("STOREKEEPER", env!("CARGO_BIN_EXE_storekeeper"));
        Self::spawn(&mut command).ready().await
    }

    /// A path as this server sees it, as we reach it.
    pub(super) fn sees(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), path.display()))
    }

    /// Waits until it listens.
    pub(super) async fn ready(mut self) -> Self {
        const BEGIN: &str = "> HTTP server listening on: ";
        until_true("the package server listens", || {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("it ended ({status}): {}{:?}", self.errors(), self.lines());
            }
            let lines = self.lines.lock().unwrap();
            let mut found = lines.iter().filter_map(|line| line.strip_prefix(BEGIN));
            let Some(address) = found.next() else {
                return false;
            };
            address.clone_into(&mut self.address);
            true
        })
        .await;
        self
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn client(&self) -> Client {
        Client::connect(&self.address)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The lines that it printed so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(super) fn has_said(&self, line: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|said| said == line)
    }

    /// What it wrote to its standard error; to be asked for when it has ended.
    pub(super) fn errors(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut errors) = self.process.stderr.take() {
            std::io::Read::read_to_string(&mut errors, &mut text).unwrap();
        }
        text
    }

    pub(super) fn kill_9(&mut self) {
        kill_9(self.pid());
        self.process.wait().unwrap();
    }

    /// Ends it politely.
    pub(super) fn end(&mut self) -> ExitStatus {
        terminate(self.pid());
        self.process.wait().unwrap()
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- lines of the package server ---\n{:#?}", self.lines());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How a start went that is no start.
pub(super) struct Refused {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs it in a folder, until it ends by itself.
pub(super) fn refused(folder: &Path, options: &[&str]) -> Refused {
    let output = program()
        .current_dir(folder)
        .args(options)
        .output()
        .unwrap();
    Refused {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
