//! Starting, watching, bringing back.

use serde_json::json;

use crate::support::{Service, alive, kill_9, until, until_true};

/// B1
#[tokio::test]
async fn start_starts_and_says_so_and_an_unknown_app_is_an_error() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let answer = service.start("x").await.must_be(200);
    assert_eq!(answer.text, "Process x started.");
    assert!(alive(service.app_pid("x").await));

    let answer = service.start("nobody").await;
    assert!(answer.status >= 400, "{answer:?}");
    assert!(answer.text.contains("nobody"), "{}", answer.text);
}

/// B3
#[tokio::test]
async fn an_app_with_is_on_returns_after_a_crash_but_not_after_a_stop() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(
            &["append-pid:pids", "forever"],
            json!({ "setting": { "isOn": true } }),
        )
        .installed_and_started()
        .await;
    let first = service.app_pid("x").await;
    kill_9(first);
    let second = service.pid_after("x", first).await;
    kill_9(second);
    let third = service.pid_after("x", second).await;

    service.stop("x").await.must_be(200);
    assert!(!alive(third));
    assert!(!service.runs("x").await);
    // A restart would come within the first backoff: an app that is started now comes later.
    service
        .app("later")
        .runs(&["forever"], json!({}))
        .installed_and_started()
        .await;
    assert_eq!(app.numbers("pids"), [first, second, third]);
}

/// B3
#[tokio::test]
async fn a_dead_app_is_not_listed_as_running() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(&["forever"], json!({}))
        .installed_and_started()
        .await;
    kill_9(service.app_pid("x").await);
    until("the end is noticed", async || {
        (!service.runs("x").await).then_some(())
    })
    .await;
}

/// B4
#[tokio::test]
async fn stopping_a_dead_app_is_a_success() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(&["forever"], json!({}))
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    kill_9(pid);
    until_true("it is dead", || !alive(pid)).await;
    service.stop("x").await.must_be(200);
    assert!(!service.runs("x").await);
    service.start("x").await.must_be(200);
    assert_ne!(service.app_pid("x").await, pid);
}

/// B5
#[tokio::test]
async fn starting_twice_gives_one_process() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(&["append-pid:pids", "forever"], json!({}))
        .install()
        .await;
    let (one, two) = tokio::join!(service.start("x"), service.start("x"));
    one.must_be(200);
    two.must_be(200);
    service.start("x").await.must_be(200);
    assert_eq!(app.numbers("pids"), [service.app_pid("x").await]);
}

/// B21
#[tokio::test]
async fn startall_and_stopall_do_it_for_every_app() {
    let service = Service::start_new().await;
    for name in ["a", "b", "c"] {
        service
            .app(name)
            .runs(&["pids:pids", "spawn:group", "forever"], json!({}))
            .install()
            .await;
    }
    service.start("b").await.must_be(200);
    let b = service.app_pid("b").await;
    let answer = service.get("/store/startall").await.must_be(200);
    assert_eq!(answer.text, "All processes started.");
    assert_eq!(service.app_pid("b").await, b, "b ran already");
    let mut pids = vec![b, service.app_pid("a").await, service.app_pid("c").await];
    for name in ["a", "b", "c"] {
        let file = service.run_dir().join(name).join("pids");
        until_true("its child is there", || file.exists()).await;
        let text = std::fs::read_to_string(file).unwrap();
        pids.extend(text.lines().map(|pid| pid.parse::<u32>().unwrap()));
    }
    let answer = service.get("/store/stopall").await.must_be(200);
    assert_eq!(answer.text, "All processes stopped.");
    assert!(!pids.into_iter().any(alive));
}

/// B22
#[tokio::test]
async fn the_service_takes_its_apps_with_it_and_brings_them_back() {
    let mut service = Service::start_new().await;
    for name in ["on", "off"] {
        service
            .app(name)
            .runs(&["forever"], json!({}))
            .installed_and_started()
            .await;
    }
    service.stop("off").await.must_be(200);
    let old = service.app_pid("on").await;
    service.terminate().await;
    assert!(!alive(old));
    let left = service.processes();
    assert!(left.is_empty(), "{left:?} live on");

    service.start_again().await;
    service.pid_after("on", old).await;
    assert!(!service.runs("off").await);
}

/// B22
#[tokio::test]
async fn the_apps_of_a_service_that_was_killed_are_taken_over() {
    let mut service = Service::start_new().await;
    let pids = service.scratch().join("pids");
    let order = format!("append-pid:{}", pids.display());
    service
        .app("x")
        .runs(
            &[&order, "lines:100000:5", "forever"],
            json!({ "setting": { "isOn": true } }),
        )
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    service.kill_9();
    service.start_again().await;
    assert_eq!(service.app_pid("x").await, pid);
    service.start("x").await.must_be(200);
    let started = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(started.trim(), pid.to_string(), "it was started again");

    // It is watched as before.
    kill_9(pid);
    let new = service.pid_after("x", pid).await;
    service.stop("x").await.must_be(200);
    assert!(!alive(new));
    // The output of the first process has no gap where the service was killed.
    let log = service.log("x");
    let numbers: Vec<usize> = log
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.parse().ok())
        .collect();
    let first: Vec<usize> = numbers
        .iter()
        .copied()
        .enumerate()
        .take_while(|(index, number)| *number == index + 1)
        .map(|(_, number)| number)
        .collect();
    assert!(first.len() > 10, "{numbers:?}");
    assert_eq!(numbers.get(first.len()).copied().unwrap_or(1), 1, "a gap");
}

/// B25
#[tokio::test]
async fn reading_while_apps_restart_does_no_harm() {
    let service = Service::start_new().await;
    for name in ["a", "b"] {
        service
            .app(name)
            .runs(
                &["print:up", "forever"],
                json!({ "setting": { "ready": { "log": "up" } } }),
            )
            .installed_and_started()
            .await;
    }
    let restarts = async |name| {
        for _ in 0..10 {
            service.restart(name).await.must_be(200);
        }
    };
    let reads = async || {
        for _ in 0..200 {
            assert_eq!(service.rows().await.len(), 2);
        }
    };
    tokio::join!(restarts("a"), restarts("b"), reads(), reads(), reads());
    assert!(service.runs("a").await && service.runs("b").await);
}
