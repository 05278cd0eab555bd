//! Killed again and again, at any moment.

use std::time::Duration;

use serde_json::json;

use crate::support::{Service, alive, until, until_true};

/// How often it is killed.
const KILLS: u32 = 50;

/// The service is killed at random moments while settings are changed: there is never a second
/// copy, never half a file, and the config is an old or a new one.
#[tokio::test]
async fn fifty_kills_leave_nothing_half_done() {
    let mut service = Service::start_new().await;
    let text = format!("begin {{value}}\n{}\nend {{value}}\n", "x".repeat(20_000));
    service
        .app("x")
        .runs(
            &["append-pid:pids", "lines:1000000:1"],
            json!({
                "setting": { "isOn": true, "stopTimeout": 1 },
                "config": { "value": 0 },
                "commands": { "setting": [
                    { "name": "changeFile", "tplPath": "{exePath}/conf.tpl", "filePath": "{exePath}/conf" },
                    { "name": "restart" },
                ] },
            }),
        )
        .file("conf.tpl", &text)
        .installed_and_started()
        .await;
    service
        .setting("x", "setting", json!({ "value": 1 }))
        .await
        .must_be(200);
    let mut posted = 1_u64;
    // What is in force for certain: the last value that was answered or read.
    let mut saved = posted;
    for kill in 0..KILLS {
        let until_kill = Duration::from_millis(u64::from(fraction(kill)) * 700 / 1000);
        let deadline = tokio::time::Instant::now() + until_kill;
        // Requests go on until the kill cuts one off.
        loop {
            posted += 1;
            let request = service.setting("x", "setting", json!({ "value": posted }));
            match tokio::time::timeout_at(deadline, request).await {
                Ok(answer) => {
                    answer.must_be(200);
                    saved = posted;
                }
                Err(_) => break,
            }
        }
        service.kill_9();
        service.start_again().await;
        until("the app runs", async || {
            service.runs("x").await.then_some(())
        })
        .await;
        let app = service.existing_app("x");
        let living = || {
            app.numbers("pids")
                .into_iter()
                .filter(|pid| alive(*pid))
                .count()
        };
        assert!(
            living() <= 1,
            "there are {} copies after kill {kill}",
            living()
        );
        let conf = app.read("conf");
        let first = conf.lines().next().unwrap().strip_prefix("begin ").unwrap();
        let last = conf.lines().last().unwrap().strip_prefix("end ").unwrap();
        assert_eq!(
            (first, conf.len()),
            (last, 2 * first.len() + 20_013),
            "half a file"
        );
        let config = service.get("/api/apps/x/config").await.must_be(200).json();
        let value = config["value"].as_u64().unwrap();
        assert!(
            value == posted || value == saved,
            "{value} is in force, {saved} was saved before {posted} was posted"
        );
        saved = value;
    }
    service.stop("x").await.must_be(200);
    let app = service.existing_app("x");
    until_true("no copy is left", || {
        !app.numbers("pids").into_iter().any(alive)
    })
    .await;
}

/// Spreads the kills over the time that a setting takes, in thousandths; the same in each run.
fn fraction(kill: u32) -> u32 {
    kill.wrapping_mul(618) % 1000
}
