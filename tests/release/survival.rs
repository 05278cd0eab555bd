//! Killed between file, index and database: the next start sets it right.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{Someone, index, package_of, start, storage};
use crate::support::{Service, package, until};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn put_back(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    copy(from, to);
}

fn database(service: &Service, to: &Path, is_back: bool) {
    std::fs::create_dir_all(to).unwrap();
    for file in ["storekeeper.db", "storekeeper.db-wal", "storekeeper.db-shm"] {
        let (mut from, mut to) = (service.home().join("data").join(file), to.join(file));
        if is_back {
            std::mem::swap(&mut from, &mut to);
        }
        let _ = std::fs::remove_file(&to);
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// Changes the database behind the service's back.
fn change(service: &Service, sql: &str) {
    let path = service.home().join("data/storekeeper.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// A release that was killed when the package lay in the store and the database did not know it yet.
async fn half_released(service: &Service, name: &str) -> String {
    let me = Someone::local(service);
    let (_, version) = me.upload(name, "1.0.0").await;
    me.lead(&version, &["submit", "pass", "release"]).await;
    let undo =
        format!("UPDATE release_version SET status = 'passed' WHERE version_id = '{version}'");
    change(service, &undo);
    version
}

#[tokio::test]
async fn what_a_cut_off_release_left_goes_with_its_version() {
    let mut service = Service::start_new().await;
    let lies_there = |service: &Service, name: &str| {
        let file = service.home().join(format!("repository/{name}-1.0.0.zip"));
        file.exists() || index(service).contains(&format!("{name} 1.0.0"))
    };
    // Its owner takes it back, or deletes it.
    for (name, action) in [("taken-back", "cancel"), ("deleted", "delete")] {
        let version = half_released(&service, name).await;
        assert!(lies_there(&service, name));
        Someone::local(&service).lead(&version, &[action]).await;
        assert!(!lies_there(&service, name), "{name}");
    }
    // Another package took its place meanwhile, so that its checksum is in no version any more.
    let version = half_released(&service, "replaced").await;
    let other = "ab".repeat(32);
    let replace = format!(
        "UPDATE release_version SET status = 'draft', sha256 = '{other}' WHERE version_id = '{version}'"
    );
    change(&service, &replace);
    assert!(lies_there(&service, "replaced"));
    service.kill_9();
    service.start_again().await;
    until("the old package is taken away", async || {
        (!lies_there(&service, "replaced")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_version_that_cannot_be_set_right_does_not_stop_the_others() {
    let mut service = Service::start_new().await;
    let me = Someone::local(&service);
    for name in ["broken", "gone", "good"] {
        let (_, version) = me.upload(name, "1.0.0").await;
        me.lead(&version, &["submit", "pass", "release"]).await;
        match name {
            "broken" => change(
                &service,
                &format!("UPDATE release_version SET sha256 = 'x' WHERE version_id = '{version}'"),
            ),
            // What it would be published from is lost.
            "gone" => {
                let kept = storage(&service);
                let kept = kept.iter().filter(|(name, _)| name.contains(".versions/"));
                for (file, bytes) in kept {
                    if *bytes == package_of("gone", "1.0.0") {
                        std::fs::remove_file(super::repository(&service).join(file)).unwrap();
                    }
                }
            }
            _ => {}
        }
    }
    service.kill_9();
    for name in ["gone", "good"] {
        let file = super::repository(&service).join(format!("{name}-1.0.0.zip"));
        std::fs::remove_file(file).unwrap();
    }
    std::fs::remove_file(super::repository(&service).join("index.yaml")).unwrap();
    service.start_again().await;
    until("the good one is back", async || {
        index(&service)
            .contains(&"good 1.0.0".to_owned())
            .then_some(())
    })
    .await;
}

/// A release that is under way, and its owner who changes his mind: one of both happens.
#[tokio::test]
async fn a_release_and_another_package_do_not_get_into_each_others_way() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, _) = me.upload("torn", "0.1.0").await;
    let mut expected = Vec::new();
    for round in 0..10 {
        let number = format!("1.{round}.0");
        let version = me.add(&app, "torn", &number).await;
        me.lead(&version, &["submit", "pass"]).await;
        let other = package("torn", &number, json!({ "notes": "other" }), 3000);
        let path = format!("/v1/app_versions?version_id={version}");
        let (released, ()) = tokio::join!(me.act(&version, "release"), async {
            me.act(&version, "cancel").await;
            me.send(Method::PATCH, &path, other).await;
        });
        let is_active = me.status(&version).await == "active";
        assert_eq!(released.status == 200, is_active, "{released:?}");
        expected.extend(is_active.then(|| format!("torn {number}")));
    }
    assert_eq!(index(&service), expected);
}

/// The states in which a kill leaves file, index and database, made by taking one of them back.
#[tokio::test]
async fn what_a_kill_cut_off_is_set_right_at_the_next_start() {
    let mut service = Service::start_new().await;
    let saved = service.scratch().join("saved");
    let repository = service.home().join("repository");
    let (_, version) = {
        let me = Someone::local(&service);
        let ids = me.upload("cut", "1.0.0").await;
        me.lead(&ids.1, &["submit", "pass"]).await;
        ids
    };
    service.kill_9();
    database(&service, &saved.join("passed"), false);
    copy(&repository, &saved.join("unpublished"));
    service.start_again().await;
    Someone::local(&service).lead(&version, &["release"]).await;
    assert_eq!(index(&service), ["cut 1.0.0"]);
    service.kill_9();
    database(&service, &saved.join("active"), false);
    copy(&repository, &saved.join("published"));

    // File and index were written, the database was not: the release did not happen.
    database(&service, &saved.join("passed"), true);
    service.start_again().await;
    until("index and files follow the database", async || {
        let file = repository.join("cut-1.0.0.zip");
        (index(&service).is_empty() && !file.exists()).then_some(())
    })
    .await;
    assert_eq!(Someone::local(&service).status(&version).await, "passed");
    Someone::local(&service).lead(&version, &["release"]).await;
    service.kill_9();

    // The database was written, what lies in the repository was lost.
    database(&service, &saved.join("active"), true);
    put_back(&saved.join("unpublished"), &repository);
    service.start_again().await;
    until("the index follows the database", async || {
        (index(&service) == ["cut 1.0.0"]).then_some(())
    })
    .await;
    assert!(repository.join("cut-1.0.0.zip").exists());
    service.kill_9();

    // Only the file was written: it is nobody's. One that was not noted is another's.
    let kept = storage(&service);
    let (kept, _) = kept
        .iter()
        .find(|(name, _)| name.contains(".packages/"))
        .unwrap();
    let folder = repository.join(kept).parent().unwrap().to_owned();
    let (orphan, foreign) = (folder.join("ab".repeat(32)), folder.join("cd".repeat(32)));
    std::fs::write(&orphan, b"half a package").unwrap();
    std::fs::write(&foreign, b"another's package").unwrap();
    let noted = format!(
        "INSERT INTO release_kept (repo_id, sha256, since) VALUES ('repo-local', '{}', 1)",
        "ab".repeat(32)
    );
    change(&service, &noted);
    service.start_again().await;
    until("what is nobody's is swept away", async || {
        (!orphan.exists()).then_some(())
    })
    .await;
    assert!(foreign.exists());
    assert_eq!(Someone::local(&service).store().await, ["cut"]);
}

/// Kills at any moment while versions are uploaded, released and suspended: what was answered holds, and
/// the repository follows the database.
#[tokio::test]
async fn kills_at_any_moment_lose_nothing_that_was_answered() {
    let mut service = start().await;
    let (app, _) = Someone::local(&service).upload("killed", "0.0.1").await;
    let mut answered: Vec<(String, &'static str)> = Vec::new();
    let mut number = 0;
    for kill in 0..8_u32 {
        let moment = Duration::from_millis(u64::from(kill * 37 % 150 + 30));
        let deadline = tokio::time::Instant::now() + moment;
        let me = Someone::local(&service);
        loop {
            number += 1;
            let version = format!("1.{number}.0");
            let path = format!("/v1/app_versions?app_id={app}");
            let upload = me.send(Method::POST, &path, package_of("killed", &version));
            let Ok(answer) = tokio::time::timeout_at(deadline, upload).await else {
                break;
            };
            let id = answer.must_be(200).json()["version_id"]
                .as_str()
                .unwrap()
                .to_owned();
            answered.push((id.clone(), "draft"));
            let mut cut = false;
            for (action, state) in [
                ("submit", "submitted"),
                ("pass", "passed"),
                ("release", "active"),
                ("suspend", "suspended"),
                ("recover", "active"),
            ] {
                let acted = tokio::time::timeout_at(deadline, me.act(&id, action)).await;
                let Ok(answer) = acted else {
                    cut = true;
                    break;
                };
                answer.must_be(200);
                answered.last_mut().unwrap().1 = state;
            }
            if cut {
                break;
            }
        }
        service.kill_9();
        service.start_again().await;
        let me = Someone::local(&service);
        for (id, state) in &mut answered {
            let now = me.status(id).await;
            // The action that was cut off may have been done.
            let next = match *state {
                "draft" => "submitted",
                "submitted" => "passed",
                "passed" | "suspended" => "active",
                _ => "suspended",
            };
            assert!(now == *state || now == next, "{id}: {now} after {state}");
            *state = if now == next { next } else { *state };
            let history = me.history(id).await;
            assert_eq!(history.last().unwrap(), &now);
        }
        let active = me.get("/v1/active_app_versions?limit=200").await.json();
        let mut expected: Vec<String> = active["app_version_set"]
            .as_array()
            .unwrap()
            .iter()
            .map(|version| format!("killed {}", version["version"].as_str().unwrap()))
            .collect();
        expected.sort();
        until("the index has what is in the store", async || {
            (index(&service) == expected).then_some(())
        })
        .await;
    }
    let me = Someone::local(&service);
    let path = "/v1/app_versions?limit=200";
    let all = me.get(path).await.json();
    let count = all["app_version_set"].as_array().unwrap().len();
    // Of several servers another may be in the middle of an upload: there it takes a day.
    let alone = std::env::var_os("STOREKEEPER_TEST_POSTGRES").is_none();
    until(
        "each version has its file, and nothing else lies there",
        async || {
            let kept = storage(&service);
            let kept = kept
                .iter()
                .filter(|(name, _)| name.contains(".packages/"))
                .count();
            (kept == count || !alone && kept > count).then_some(())
        },
    )
    .await;
}
