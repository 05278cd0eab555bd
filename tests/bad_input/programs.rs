//! Programs that misbehave.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Calm, processes};
use crate::support::{Service, alive, free_port, until, until_true};

/// Installs `x` with these actions and settings, and starts it, which must fail.
async fn fails_to_start<'a>(
    service: &'a Service,
    actions: &[&str],
    setting: Value,
) -> (Calm<'a>, String) {
    service
        .app("x")
        .runs(actions, json!({ "setting": setting }))
        .install()
        .await;
    let calm = Calm::before(service, "x").await;
    let answer = service.start("x").await.must_be(500);
    (calm, answer.text)
}

async fn status(service: &Service, app: &str) -> Value {
    let answer = service.get(&format!("/api/apps/{app}")).await.must_be(200);
    answer.json()["status"].clone()
}

#[tokio::test]
async fn one_that_dies_at_once_is_answered_with_its_last_output() {
    for ready in [json!({}), json!({ "ready": { "log": "never" } })] {
        let service = Service::start_new().await;
        let orders = [
            "print:first",
            "error:cannot read my.cnf",
            "print:last",
            "exit:3",
        ];
        let (calm, said) = fails_to_start(&service, &orders, ready).await;
        for word in ["`x`", "exit code 3", "cannot read my.cnf", "last"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        calm.holds().await;
        let status = status(&service, "x").await;
        assert_eq!(status["state"], "failed");
        assert_eq!(status["lastExit"]["code"], 3);
        // A failed start is not brought back, and the next one is a start like any other.
        assert!(!service.runs("x").await);
        let again = service.start("x").await.must_be(500);
        assert_eq!(again.text, said);
    }
}

#[tokio::test]
async fn one_that_is_killed_while_it_starts_is_answered_with_the_signal() {
    let service = Service::start_new().await;
    let ready = json!({ "ready": { "log": "never" } });
    let (calm, said) = fails_to_start(&service, &["abort"], ready).await;
    assert!(said.contains("SIGABRT"), "{said}");
    calm.holds().await;
}

#[tokio::test]
async fn an_endless_last_line_is_cut() {
    let service = Service::start_new().await;
    let long = format!("part:{}", "x".repeat(100_000));
    let ready = json!({ "ready": { "log": "never" } });
    let (calm, said) = fails_to_start(&service, &[&long, "exit:1"], ready).await;
    assert!(said.len() < 20_000, "{} bytes", said.len());
    calm.holds().await;
}

#[tokio::test]
async fn one_that_never_gets_ready_is_told_and_can_be_stopped() {
    let service = Service::start_new().await;
    let port = free_port();
    let ready = json!({ "ready": { "port": port, "timeout": 0.5 } });
    service
        .app("x")
        .runs(&["forever"], json!({ "setting": ready }))
        .install()
        .await;
    let calm = Calm::before(&service, "x").await;
    let answer = service.start("x").await.must_be(500);
    for word in ["`x`", "0.5 s", &format!("port {port}")] {
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
    // It may need longer than was thought, so it is left running; it is said how it is.
    let row = status(&service, "x").await;
    assert_eq!(row["state"], "unhealthy", "{row}");
    assert!(
        row["problem"].as_str().unwrap().contains(&port.to_string()),
        "{row}"
    );
    service.stop("x").await.must_be(200);
    calm.holds().await;
}

#[tokio::test]
async fn one_that_ignores_the_polite_signal_is_ended_hard() {
    let service = Service::start_new().await;
    let calm = Calm::before(&service, "x").await;
    service
        .app("x")
        .runs(
            &["ignore-term", "print:up", "forever"],
            json!({ "setting": { "stopTimeout": 0.3, "ready": { "log": "up" } } }),
        )
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    let begin = Instant::now();
    service.stop("x").await.must_be(200);
    assert!(!alive(pid), "it lives when the stop is answered");
    assert!(
        begin.elapsed() >= Duration::from_millis(300),
        "it was given its time"
    );
    until("only the others are left", async || {
        // The keeper came with the first app.
        let left: Vec<u32> = processes(&service);
        left.iter()
            .all(|pid| calm.processes.contains(pid))
            .then_some(())
    })
    .await;
    assert_eq!(service.app_pid("neighbour").await, calm.neighbour);
}

#[tokio::test]
async fn one_that_forks_and_leaves_is_told_and_nothing_of_it_stays() {
    let service = Service::start_new().await;
    let file = service.scratch().join("pids");
    let pids = format!("pids:{}", file.display());
    let wait = format!("wait-for:{}", file.display());
    let ready = json!({ "ready": { "log": "never" } });
    service
        .app("x")
        .runs(
            &[&pids, "spawn:daemon", &wait, "exit:0"],
            json!({ "setting": ready }),
        )
        .install()
        .await;
    let calm = Calm::before(&service, "x").await;
    let answer = service.start("x").await.must_be(500);
    for word in ["`x`", "exit code 0"] {
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
    let daemon: u32 = std::fs::read_to_string(&file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    service.stop("x").await.must_be(200);
    until_true("what it left is ended", || !alive(daemon)).await;
    calm.holds().await;
}

/// A stranger holds the port: the app says in its own words that it cannot listen there.
#[tokio::test]
async fn a_port_in_use_is_named_with_its_holder_when_the_program_gives_up() {
    let service = Service::start_new().await;
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let listen = format!("listen:{port}");
    let setting = json!({ "ready": { "port": port } });
    let (calm, said) = fails_to_start(&service, &[&listen, "forever"], setting).await;
    for word in [
        "`x`",
        &format!("port {port}"),
        &format!("pid {}", std::process::id()),
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    calm.holds().await;
    drop(stranger);
    service.start("x").await.must_be(200);
}

/// The port answers, but it is the stranger who does.
#[tokio::test]
async fn a_port_in_use_is_named_with_its_holder_when_the_program_waits() {
    let service = Service::start_new().await;
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let setting = json!({ "ready": { "port": port, "timeout": 1 } });
    service
        .app("x")
        .runs(&["forever"], json!({ "setting": setting }))
        .install()
        .await;
    let calm = Calm::before(&service, "x").await;
    let answer = service.start("x").await.must_be(500);
    for word in [
        "`x`",
        &format!("port {port}"),
        &format!("pid {}", std::process::id()),
    ] {
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
    let row = status(&service, "x").await;
    assert_eq!(row["state"], "unhealthy", "{row}");
    service.stop("x").await.must_be(200);
    calm.holds().await;
    // The stranger was not ended, although it holds our port.
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[tokio::test]
async fn a_program_of_a_step_that_does_not_end_is_ended_when_its_time_is_over() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(
            &["forever"],
            json!({
                "commands": { "work": [
                    { "name": "exec", "binPath": crate::support::child(), "timeout": 0.5,
                      "cmds": ["pids:{exePath}/pids", "spawn:group", "print:still here", "forever"] },
                    { "name": "writeFile", "filePath": "{exePath}/after", "content": "" },
                ] },
            }),
        )
        .file("pids", "")
        .install()
        .await;
    let calm = Calm::before(&service, "x").await;
    let answer = service.setting("x", "work", json!({})).await.must_be(500);
    let message = answer.message();
    for word in ["0.5 s", "still here", "timeout"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    calm.holds().await;
}
