//! What goes in wrong: requests, manifests' files, programs, disks, homes, and strangers at the gate.
//! Each is answered with one clear sentence that names the thing and with the right status or exit
//! code; nothing is left half done, and nothing else notices.

mod disk;
mod full;
mod gate;
mod homes;
mod missing;
mod packages;
mod paths;
mod programs;
mod requests;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Service, until};

/// What a mistake must leave alone, as it was before: another app that runs, and of the app that
/// it hits the settings, whether it is installed, and its files.
struct Calm<'a> {
    service: &'a Service,
    app: String,
    neighbour: u32,
    known: Value,
    files: Vec<PathBuf>,
    processes: Vec<u32>,
}

impl<'a> Calm<'a> {
    /// Looks at everything before the mistake with `app`, which need not exist.
    async fn before(service: &'a Service, app: &str) -> Self {
        if service.row("neighbour").await.is_none() {
            service
                .app("neighbour")
                .runs(&["forever"], json!({}))
                .installed_and_started()
                .await;
        }
        Self {
            service,
            app: app.to_owned(),
            neighbour: service.app_pid("neighbour").await,
            known: known(service, app).await,
            files: files(service),
            processes: processes(service),
        }
    }

    /// Nothing has changed.
    async fn holds(&self) {
        assert_eq!(self.service.app_pid("neighbour").await, self.neighbour);
        assert_eq!(known(self.service, &self.app).await, self.known);
        assert_eq!(files(self.service), self.files, "files came or went");
        // Programs that were ended go a moment after the answer at the latest.
        until("no process is left over", async || {
            (processes(self.service) == self.processes).then_some(())
        })
        .await;
    }
}

async fn known(service: &Service, app: &str) -> Value {
    let name = app.replace('/', "%2F");
    let detail = service.get(&format!("/api/apps/{name}")).await;
    let config = service.get(&format!("/api/apps/{name}/config")).await;
    let told = |answer: &crate::support::Answer, key: &str| match answer.status {
        200 => answer.json()[key].clone(),
        status => json!(status),
    };
    json!({
        "installed": told(&detail, "installed"),
        "config": if config.status == 200 { config.json() } else { Value::Null },
    })
}

/// The files of the apps, and those that a half-done change would leave anywhere in the home.
fn files(service: &Service) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(&service.home(), &mut files);
    let data = service.home().join("data");
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !path.starts_with(&data) || name.contains(".storekeeper-") || name.contains("tmp")
    });
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, files);
        }
        files.push(path);
    }
}

fn processes(service: &Service) -> Vec<u32> {
    let mut pids = service.processes();
    pids.sort_unstable();
    pids
}

/// Runs our program to its end.
fn storekeeper(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(arguments)
        .env_remove("STOREKEEPER_HOME")
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// It failed with this exit code and one sentence that has these words.
fn must_fail(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    // Beside it there may be lines of the log.
    if code == 1 {
        let sentences = said.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(sentences.count(), 1, "{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}
