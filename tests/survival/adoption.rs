//! Taking over what a killed service left.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Service, alive, kill_9, until, until_true};

/// Endless numbered lines, one each millisecond.
const CHATTY: [&str; 2] = ["append-pid:pids", "lines:1000000:1"];
const SILENT: [&str; 2] = ["append-pid:pids", "forever"];

/// Starts three silent and three chatty apps; gives back their names.
async fn start_six(service: &Service) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..3 {
        for (kind, actions) in [("silent", SILENT), ("chatty", CHATTY)] {
            let name = format!("{kind}{number}");
            service
                .app(&name)
                .runs(&actions, json!({ "setting": { "isOn": true } }))
                .installed_and_started()
                .await;
            names.push(name);
        }
    }
    names
}

async fn pids(service: &Service, names: &[String]) -> Vec<u32> {
    let mut pids = Vec::new();
    for name in names {
        pids.push(service.app_pid(name).await);
    }
    pids
}

/// The numbers of the lines of an app's log, which must count up.
fn lines(service: &Service, app: &str) -> Vec<u64> {
    let log = service.log(app);
    let complete = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
    let numbers: Vec<u64> = complete
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.parse().ok())
        .collect();
    assert!(
        numbers.is_sorted_by(|one, next| one < next),
        "a line of {app} is there twice"
    );
    numbers
}

fn last_line(service: &Service, app: &str) -> u64 {
    lines(service, app).last().copied().unwrap_or_default()
}

/// Every line that an app wrote is in its log.
fn no_line_is_missing(service: &Service, app: &str) {
    let lines = lines(service, app);
    let count = u64::try_from(lines.len()).unwrap();
    assert_eq!(lines.last().copied().unwrap_or_default(), count, "of {app}");
}

async fn grows(service: &Service, app: &str) {
    let before = last_line(service, app);
    until_true("the log goes on", || last_line(service, app) > before).await;
}

async fn status(service: &Service, app: &str) -> Value {
    let answer = service.get(&format!("/api/apps/{app}")).await.must_be(200);
    answer.json()["status"].clone()
}

/// All six are there once, their logs are whole, and they obey.
async fn everything_is_as_before(service: &Service, names: &[String], old: &[u32]) {
    assert_eq!(pids(service, names).await, old);
    for name in names {
        assert_eq!(
            service.existing_app(name).numbers("pids").len(),
            1,
            "{name} started twice"
        );
        if name.starts_with("chatty") {
            grows(service, name).await;
        }
    }
    // One that is killed comes back, one that is stopped stays away.
    kill_9(old[0]);
    service.pid_after(&names[0], old[0]).await;
    service.stop(&names[1]).await.must_be(200);
    assert!(!alive(old[1]));
    assert!(!service.runs(&names[1]).await);
}

#[tokio::test]
async fn a_killed_service_loses_no_app_and_no_line() {
    let mut service = Service::start_new().await;
    let names = start_six(&service).await;
    let old = pids(&service, &names).await;
    service.kill_9();
    // The apps go on without it, and so do their logs.
    grows(&service, "chatty0").await;
    assert!(old.iter().copied().all(alive));
    service.start_again().await;
    everything_is_as_before(&service, &names, &old).await;
    for name in names.iter().filter(|name| name.starts_with("chatty")) {
        no_line_is_missing(&service, name);
    }
}

#[tokio::test]
async fn a_killed_keeper_is_replaced_under_a_running_service() {
    let service = Service::start_new().await;
    let names = start_six(&service).await;
    let old = pids(&service, &names).await;
    kill_9(service.keeper());
    everything_is_as_before(&service, &names, &old).await;
}

#[tokio::test]
async fn a_stop_goes_on_when_the_keeper_is_killed_meanwhile() {
    let service = Service::start_new().await;
    let store = json!({ "setting": { "stopTimeout": 60 } });
    let _app = service
        .app("a")
        .runs(&["ignore-term", "forever"], store)
        .installed_and_started()
        .await;
    let pid = service.app_pid("a").await;
    let keeper = service.keeper();
    let stop = service.stop("a");
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        kill_9(keeper);
        tokio::time::sleep(Duration::from_millis(700)).await;
        // It would have ended in its time; now is its time.
        kill_9(pid);
    };
    let (stopped, ()) = tokio::join!(stop, kill);
    stopped.must_be(200);
    assert!(!alive(pid));
    service.start("a").await.must_be(200);
    assert!(service.runs("a").await);
}

#[tokio::test]
async fn even_when_service_and_keeper_are_killed_the_apps_live_on_and_are_taken_over() {
    let mut service = Service::start_new().await;
    let names = start_six(&service).await;
    let old = pids(&service, &names).await;
    let keeper = service.keeper();
    service.kill_9();
    kill_9(keeper);
    until_true("the keeper is gone", || !alive(keeper)).await;
    assert!(old.iter().copied().all(alive));
    service.start_again().await;
    everything_is_as_before(&service, &names, &old).await;
}

#[tokio::test]
async fn how_an_app_ended_without_a_service_is_known() {
    let mut service = Service::start_new().await;
    let go = service.scratch().join("go");
    let wait = format!("wait-for:{}", go.display());
    let app = service
        .app("x")
        .runs(
            &["append-pid:pids", &wait, "print:farewell", "exit:7"],
            json!({}),
        )
        .installed_and_started()
        .await;
    let pid = app.numbers("pids")[0];
    service.kill_9();
    std::fs::write(&go, "").unwrap();
    until_true("it has ended", || !alive(pid)).await;
    service.start_again().await;
    let status = status(&service, "x").await;
    assert_eq!(status["lastExit"]["code"], 7, "{status}");
    assert!(!service.runs("x").await, "it has no isOn and stays away");
    assert!(service.log("x").contains("farewell"));
}

#[tokio::test]
async fn how_an_adopted_app_ends_is_known() {
    let mut service = Service::start_new().await;
    let go = service.scratch().join("go");
    let wait = format!("wait-for:{}", go.display());
    service
        .app("x")
        .runs(&[&wait, "exit:9"], json!({}))
        .installed_and_started()
        .await;
    service.kill_9();
    service.start_again().await;
    std::fs::write(&go, "").unwrap();
    let exit = until("its exit is known", async || {
        let status = status(&service, "x").await;
        status["lastExit"]["code"].as_i64()
    })
    .await;
    assert_eq!(exit, 9);
}

#[tokio::test]
async fn a_service_that_is_told_to_end_stops_its_apps_and_brings_them_back() {
    let mut service = Service::start_new().await;
    for (name, is_on) in [("runs", true), ("stopped", true), ("plain", false)] {
        service
            .app(name)
            .runs(&SILENT, json!({ "setting": { "isOn": is_on } }))
            .installed_and_started()
            .await;
    }
    service.stop("stopped").await.must_be(200);
    let old = service.app_pid("runs").await;
    service.terminate().await;
    assert!(!alive(old));
    service.start_again().await;
    service.pid_after("runs", old).await;
    until("the other one too", async || {
        service.runs("plain").await.then_some(())
    })
    .await;
    assert!(!service.runs("stopped").await);
}

#[tokio::test]
async fn a_program_of_an_interrupted_job_is_ended_by_the_next_service() {
    let mut service = Service::start_new().await;
    let app = service.app("x").runs(&SILENT, json!({ "commands": { "long": [
        { "name": "exec", "binPath": crate::support::child(), "cmds": ["append-pid:step", "forever"] },
    ] } }));
    let app = app.install().await;
    let job = service
        .request(reqwest::Method::POST, "/api/apps/x/run/long")
        .send()
        .await
        .unwrap();
    let job: Value = serde_json::from_str(&job.text().await.unwrap()).unwrap();
    until_true("it runs", || app.numbers("step").len() == 1).await;
    let step = app.numbers("step")[0];
    service.kill_9();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(alive(step), "the keeper keeps it");
    service.start_again().await;
    assert!(!alive(step));
    let path = format!("/api/jobs/{}", job["job"]);
    let record = service.get(&path).await.must_be(200).json();
    assert_eq!(record["state"], "interrupted", "{record}");
}
