//! Ending processes: those of the app, all of them, and no other.

use std::process::{Child, Command};

use serde_json::json;

use crate::support::{Service, alive, child, free_port, kill_9, place_child, until_true};

/// A process that is none of the service's. Ended with the test.
struct Stranger(Child);

impl Stranger {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn lives(&self) -> bool {
        alive(self.0.id())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const EVERY_KIND: [&str; 7] = [
    "pids:pids",
    "append-pid:pids",
    "spawn:group",
    "spawn:setsid",
    "spawn:daemon",
    "spawn:ignterm",
    "forever",
];

/// B13
#[tokio::test]
async fn a_stop_ends_every_kind_of_child() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(&EVERY_KIND, json!({ "setting": { "stopTimeout": 1 } }))
        .installed_and_started()
        .await;
    until_true("all are there", || app.numbers("pids").len() == 5).await;
    let pids = app.numbers("pids");
    assert!(pids.iter().copied().all(alive));
    service.stop("x").await.must_be(200);
    let left: Vec<u32> = pids.into_iter().filter(|pid| alive(*pid)).collect();
    assert!(left.is_empty(), "{left:?} live on");
}

/// B13
#[tokio::test]
async fn what_a_killed_app_left_is_ended_before_it_returns() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(
            &EVERY_KIND,
            json!({ "setting": { "isOn": true, "stopTimeout": 1 } }),
        )
        .installed_and_started()
        .await;
    until_true("all are there", || app.numbers("pids").len() == 5).await;
    let old = app.numbers("pids");
    kill_9(old[0]);
    service.pid_after("x", old[0]).await;
    let left: Vec<u32> = old.into_iter().filter(|pid| alive(*pid)).collect();
    assert!(left.is_empty(), "{left:?} live on");
}

/// B13
#[tokio::test]
async fn a_stop_asks_politely_first() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(&["on-term:asked", "forever"], json!({}))
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    service.stop("x").await.must_be(200);
    assert_eq!(app.read("asked"), format!("term {pid}\n"));
}

/// B13
#[tokio::test]
async fn strangers_with_the_same_name_or_arguments_are_left_alone() {
    let service = Service::start_new().await;
    let elsewhere = service.scratch().join("worker");
    place_child(&elsewhere);
    let mut same_name = Command::new(&elsewhere);
    same_name.arg("forever");
    let mut named_in_argument = Command::new(child());
    named_in_argument.args(["print:worker x", "forever"]);
    let strangers = [same_name, named_in_argument].map(Stranger::start);

    service
        .app("x")
        .program("worker")
        .store(json!({
            "setting": { "binPath": "{exePath}/worker", "progressName": "worker" },
            "start": { "startCmds": ["forever"] },
            "commands": { "again": [
                { "name": "exec", "binPath": "{exePath}/worker", "cmds": ["forever"],
                  "waiting": 0, "kill": true, "content": "worker" },
            ] },
        }))
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    service
        .setting("x", "again", json!({}))
        .await
        .must_succeed();
    service.start("x").await.must_be(200);
    service.restart("x").await.must_be(200);
    assert!(!alive(pid));
    service.get("/store/killport?name=worker").await;
    service.stop("x").await.must_be(200);
    for stranger in &strangers {
        assert!(stranger.lives());
    }
}

/// B13
#[tokio::test]
async fn killport_ends_our_apps_processes_and_nothing_else() {
    let service = Service::start_new().await;
    let (ours, theirs) = (free_port(), free_port());
    let mut command = Command::new(child());
    command.args([&format!("listen:{theirs}"), "forever"]);
    let stranger = Stranger::start(command);
    let order = format!("listen:{ours}");
    let ready = json!({ "setting": { "ready": { "port": ours } } });
    service
        .app("x")
        .runs(&[&order, "forever"], ready)
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;

    for query in [
        "",
        "?name=",
        &format!("?port={theirs}"),
        "?name=storekeeper",
    ] {
        let answer = service.get(&format!("/store/killport{query}")).await;
        assert!(answer.status >= 400, "{query}: {answer:?}");
        assert!(!answer.text.is_empty());
    }
    assert!(stranger.lives() && alive(pid));
    service
        .get(&format!("/store/killport?port={ours}"))
        .await
        .must_be(200);
    until_true("it is gone", || !alive(pid)).await;
    assert!(stranger.lives());
}
