//! Files that are not there, or are not what they should be.

use std::fs;
use std::io::Write as _;

use serde_json::{Value, json};

use super::Calm;
use crate::support::{Service, child};

/// An app whose list `work` is one step, after one that leaves a trace and before another.
async fn with_step(service: &Service, step: Value) -> Calm<'_> {
    service
        .app("x")
        .file("file.txt", "no archive")
        .runs(
            &["forever"],
            json!({
                "config": { "word": "still" },
                "commands": { "work": [
                    { "name": "writeFile", "filePath": "{exePath}/before", "content": "" },
                    step,
                    { "name": "writeFile", "filePath": "{exePath}/after", "content": "" },
                ] },
            }),
        )
        .installed_and_started()
        .await;
    fs::write(service.run_dir().join("x/before"), "").unwrap();
    Calm::before(service, "x").await
}

/// The list stops at the step with a sentence that has these words.
async fn stops(step: Value, words: &[&str]) {
    let service = Service::start_new().await;
    let calm = with_step(&service, step.clone()).await;
    let pid = service.app_pid("x").await;
    let answer = service.setting("x", "work", json!({})).await;
    assert_eq!(answer.status, 500, "{step}: {}", answer.text);
    let message = answer.message();
    assert!(message.contains("commands.work[1]"), "{message}");
    for word in words {
        assert!(message.contains(word), "{word}: {message}");
    }
    assert_eq!(service.app_pid("x").await, pid);
    calm.holds().await;
}

#[tokio::test]
async fn a_missing_program_stops_the_list() {
    stops(
        json!({ "name": "exec", "binPath": "{exePath}/bin/tool", "cmds": [] }),
        &["x/bin/tool", "not there"],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_program_stops_the_list() {
    stops(
        json!({ "name": "exec", "binPath": "{exePath}/file.txt", "cmds": [] }),
        &["x/file.txt"],
    )
    .await;
}

#[tokio::test]
async fn a_missing_template_stops_the_list() {
    stops(
        json!({ "name": "changeFile", "tplPath": "{exePath}/c.tpl", "filePath": "{exePath}/c.txt" }),
        &["x/c.tpl", "not there"],
    )
    .await;
}

#[tokio::test]
async fn a_missing_archive_stops_the_list() {
    stops(
        json!({ "name": "unzip", "filePath": "{exePath}/a.zip", "content": "{exePath}/new" }),
        &["x/a.zip"],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_archive_stops_the_list() {
    stops(
        json!({ "name": "unzip", "filePath": "{exePath}/file.txt", "content": "{exePath}/new" }),
        &["x/file.txt"],
    )
    .await;
}

#[tokio::test]
async fn a_folder_to_pack_that_is_missing_stops_the_list() {
    stops(
        json!({ "name": "zip", "filePath": "{exePath}/folder", "content": "{exePath}/new.zip" }),
        &["x/folder"],
    )
    .await;
}

#[tokio::test]
async fn an_app_to_start_that_is_missing_stops_the_list() {
    let service = Service::start_new().await;
    let calm = with_step(&service, json!({ "name": "startApp", "content": "y" })).await;
    let answer = service.setting("x", "work", json!({})).await;
    assert!(answer.status >= 400, "{}", answer.text);
    answer.must_fail_with("`y`");
    calm.holds().await;
}

#[tokio::test]
async fn an_archive_that_breaks_off_leaves_nothing() {
    let service = Service::start_new().await;
    let folder = service.scratch().join("cut");
    fs::create_dir(&folder).unwrap();
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.join("whole.zip")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for number in 0..20 {
        zip.start_file(format!("{number}.txt"), options).unwrap();
        let mut noise = vec![0; 20_000];
        getrandom::fill(&mut noise).unwrap();
        zip.write_all(&noise).unwrap();
    }
    zip.finish().unwrap();
    let whole = fs::read(folder.join("whole.zip")).unwrap();
    let app = service
        .app("x")
        .runs(
            &["forever"],
            json!({ "commands": { "work": [
                { "name": "unzip", "filePath": "{exePath}/cut.zip", "content": "{exePath}/new" },
            ] } }),
        )
        .install()
        .await;
    // Half of it, and all of it with a byte of an entry in its middle turned over.
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 0xff;
    for bytes in [&whole[..whole.len() / 2], &turned] {
        fs::write(app.path().join("cut.zip"), bytes).unwrap();
        let calm = Calm::before(&service, "x").await;
        let answer = service.setting("x", "work", json!({})).await.must_be(500);
        answer.must_fail_with("x/cut.zip");
        calm.holds().await;
    }
}

/// The app's own program.
#[tokio::test]
async fn an_app_whose_program_is_missing_says_so_when_it_is_started() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .store(json!({ "setting": { "binPath": "{exePath}/bin/server", "isOn": true } }));
    // It may come with the install's own list, so this is no reason not to install.
    let answer = service.install("x").await.must_succeed();
    assert!(answer.text.contains("`bin/server`"), "{}", answer.text);
    let calm = Calm::before(&service, "x").await;
    for _ in 0..2 {
        let answer = service.start("x").await.must_be(500);
        assert!(answer.text.contains("x/bin/server"), "{}", answer.text);
        assert!(answer.text.contains("not there"), "{}", answer.text);
        calm.holds().await;
    }
    // It is not tried for ever, although the app is to be kept running.
    let status = service.get("/api/apps/x").await.json()["status"].clone();
    assert_eq!(status["state"], "stopped", "{status}");
    // When it is there, a start is all that is needed.
    let app = app.program("bin/server");
    service.start("x").await;
    assert!(app.path().join("bin/server").exists());
}

#[tokio::test]
async fn an_app_whose_program_may_not_be_executed_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .file("server", "#!/bin/sh\n")
        .store(json!({ "setting": { "binPath": "{exePath}/server" } }));
    let server = app.path().join("server");
    fs::set_permissions(&server, fs::Permissions::from_mode(0o000)).unwrap();
    app.install().await;
    let calm = Calm::before(&service, "x").await;
    let answer = service.start("x").await.must_be(500);
    for word in ["x/server", "execut"] {
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
    calm.holds().await;
}

#[tokio::test]
async fn a_configuration_whose_template_is_broken_stops_the_install() {
    let service = Service::start_new().await;
    service
        .app("x")
        .file("conf.txt.hbs", "{{#if port}}")
        .store(json!({
            "setting": { "binPath": child() },
            "config": { "port": 1 },
            "install": { "installCmds": ["set"] },
            "commands": { "set": [
                { "name": "changeFile", "tplPath": "{exePath}/conf.txt.hbs", "filePath": "{exePath}/conf.txt" },
            ] },
        }));
    let calm = Calm::before(&service, "x").await;
    service.install("x").await.must_fail_with("conf.txt.hbs");
    calm.holds().await;
}

#[tokio::test]
async fn a_folder_that_is_no_app_is_not_installed() {
    let service = Service::start_new().await;
    let calm = Calm::before(&service, "x").await;
    let empty = service.scratch().join("empty");
    fs::create_dir(&empty).unwrap();
    let broken = service.scratch().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("install.json"), "{ \"name\": \"x\", ").unwrap();
    let other = service.scratch().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(
        other.join("install.json"),
        r#"{ "name": "../x", "version": "1" }"#,
    )
    .unwrap();
    for (folder, statuses, word) in [
        (
            json!(service.scratch().join("nowhere")),
            [404, 404],
            "nowhere",
        ),
        (json!(empty), [404, 404], "install.json"),
        (json!(broken), [422, 422], "install.json"),
        (json!(other), [422, 400], "../x"),
        (json!("relative"), [400, 400], "relative"),
        (json!(empty.join("../../etc")), [404, 404], "etc"),
        (json!(7), [400, 400], "JSON"),
    ] {
        let body = json!({ "folder": folder });
        let answer = service.post("/api/apps?wait=true", &body).await;
        assert!(
            statuses.contains(&answer.status),
            "{body}: {} {}",
            answer.status,
            answer.text
        );
        answer.must_fail_with(word);
    }
    calm.holds().await;
}
