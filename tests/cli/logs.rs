//! `logs -f`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::json;

use super::command;
use crate::support::{Service, terminate, until, until_true};

/// A follower, and the file with what it printed.
struct Follower {
    process: Child,
    file: PathBuf,
}

impl Follower {
    fn new(service: &Service, arguments: &[&str]) -> Self {
        let file = service.scratch().join("followed.txt");
        let output = File::create(&file).unwrap();
        let errors = File::create(service.scratch().join("followed.err")).unwrap();
        let process = command(service, arguments)
            .stdout(Stdio::from(output))
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { process, file }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    async fn has(&self, line: &str) {
        until_true(&format!("{line:?} is followed"), || {
            self.text().lines().any(|one| one == line)
        })
        .await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// More than one file's worth: logs are rotated at 10 MB.
const MANY: usize = 1_000_000;

#[tokio::test]
async fn following_goes_on_over_a_rotation_and_a_restart_without_losing_a_line() {
    let mut service = Service::start_new().await;
    let go = service.scratch().join("go");
    let wait = format!("wait-for:{}", go.display());
    let lines = format!("lines:{MANY}:0");
    let app = service
        .app("x")
        .runs(
            &["print:begin", &wait, &lines, "print:end", "forever"],
            json!({ "setting": { "ready": { "log": "begin" } } }),
        )
        .installed_and_started()
        .await;
    drop(app);
    let mut follower = Follower::new(&service, &["logs", "-f", "x"]);
    // What was there before comes first.
    follower.has("begin").await;
    fs::write(&go, "").unwrap();
    until("everything is followed", async || {
        follower.text().trim_end().ends_with("\nend").then_some(())
    })
    .await;
    let log = service.home().join("data/log");
    assert!(log.join("x.log.1").exists(), "the log was not rotated");
    let expected = |times: usize| -> Vec<String> {
        let one = || {
            std::iter::once("begin".to_owned())
                .chain((1..=MANY).map(|number| format!("line {number}")))
                .chain(std::iter::once("end".to_owned()))
        };
        (0..times).flat_map(|_| one()).collect()
    };
    let found: Vec<String> = follower.text().lines().map(str::to_owned).collect();
    assert!(
        found == expected(1),
        "lines are missing, twice, or in another order"
    );

    service.restart("x").await.must_be(200);
    until("the second run is followed", async || {
        (follower.text().matches("\nend\n").count() == 2).then_some(())
    })
    .await;
    let found: Vec<String> = follower.text().lines().map(str::to_owned).collect();
    assert!(
        found == expected(2),
        "lines are missing, twice, or in another order"
    );

    // It lives as long as the service.
    service.stop("x").await.must_be(200);
    assert!(follower.process.try_wait().unwrap().is_none());
    service.terminate().await;
    let status = until("it ends with the service", async || {
        follower.process.try_wait().unwrap()
    })
    .await;
    assert_eq!(status.code(), Some(1));
    let said = fs::read_to_string(service.scratch().join("followed.err")).unwrap();
    assert!(said.starts_with("error: the service ended"), "{said}");
}

#[tokio::test]
async fn a_quiet_apps_line_is_followed_at_once_as_text_or_json() {
    let service = Service::start_new().await;
    let go = service.scratch().join("go");
    let wait = format!("wait-for:{}", go.display());
    service
        .app("x")
        .runs(
            &[
                "print:one",
                "print:two",
                "part:thr",
                &wait,
                "part:ee\n",
                "forever",
            ],
            json!({ "setting": { "ready": { "log": "thr" } } }),
        )
        .installed_and_started()
        .await;
    let follower = Follower::new(&service, &["logs", "-f", "-n", "1", "--json", "x"]);
    follower.has("\"two\"").await;
    // A line is told when it is whole.
    assert_eq!(follower.text(), "\"two\"\n");
    fs::write(&go, "").unwrap();
    follower.has("\"three\"").await;
    assert_eq!(follower.text(), "\"two\"\n\"three\"\n");
}

#[tokio::test]
async fn a_follower_ends_when_it_is_told_to() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(&["print:one", "forever"], json!({}))
        .installed_and_started()
        .await;
    let mut follower = Follower::new(&service, &["logs", "-f", "x"]);
    follower.has("one").await;
    terminate(follower.process.id());
    until("it ends", async || follower.process.try_wait().unwrap()).await;
    assert!(service.runs("x").await);
}
