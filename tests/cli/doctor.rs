//! `doctor APP`: why is it not up?

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::run;
use crate::support::{Service, free_port};

/// The findings of one check that are errors.
fn errors(service: &Service, check: &str) -> Vec<Value> {
    let ran = run(service, &["doctor", "x", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let diagnosis = ran.json();
    assert_eq!(diagnosis["app"], "x");
    assert_eq!(diagnosis["up"], false);
    let findings = diagnosis["findings"].as_array().unwrap();
    // What is worst comes first.
    assert_eq!(findings[0]["level"], "error", "{diagnosis}");
    findings
        .iter()
        .filter(|finding| finding["check"] == check && finding["level"] == "error")
        .cloned()
        .collect()
}

/// There is one error of this check; it and its help have these words, for people as well.
fn finds(service: &Service, check: &str, words: &[&str]) {
    let found = errors(service, check);
    assert_eq!(found.len(), 1, "{found:?}");
    let (message, help) = (&found[0]["message"], &found[0]["help"]);
    let text = format!("{}\n{}", message.as_str().unwrap(), help.as_str().unwrap());
    for word in words {
        assert!(text.contains(word), "{word:?}: {text}");
    }
    assert!(!help.as_str().unwrap().is_empty(), "no help: {text}");
    let ran = run(service, &["doctor", "x"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
    let mark = format!("✗ {check}: ");
    ran.says(&[&mark]).says(words);
}

#[tokio::test]
async fn an_app_that_is_up_is_well() {
    let service = Service::start_new().await;
    let port = free_port();
    service
        .app("x")
        .runs(
            &["listen:{port}", "forever"],
            json!({ "config": { "port": port }, "setting": { "ready": { "port": "{port}" } } }),
        )
        .installed_and_started()
        .await;
    let ran = run(&service, &["doctor", "x"]).ok();
    let pid = service.app_pid("x").await.to_string();
    let ran = ran.says(&["✓ state: it runs", &pid, &format!("listens on port {port}")]);
    assert!(!ran.out.contains('✗'), "{ran:?}");
    let diagnosis = run(&service, &["doctor", "x", "--json"]).ok().json();
    assert_eq!(diagnosis["up"], true);
}

#[tokio::test]
async fn a_missing_program_is_found() {
    let service = Service::start_new().await;
    service
        .app("x")
        .store(json!({ "setting": { "binPath": "{exePath}/bin/server" } }))
        .install()
        .await;
    finds(&service, "program", &["x/bin/server", "setting.binPath"]);
}

#[tokio::test]
async fn a_program_that_may_not_be_executed_is_found() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .file("server", "#!/bin/sh\n")
        .store(json!({ "setting": { "binPath": "{exePath}/server" } }));
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(app.path().join("server"), mode).unwrap();
    app.install().await;
    finds(
        &service,
        "program",
        &["x/server", "may not be executed", "chmod +x"],
    );
}

#[tokio::test]
async fn a_taken_port_is_found_with_its_holder() {
    let service = Service::start_new().await;
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    service
        .app("x")
        .runs(
            &["listen:{port}", "forever"],
            json!({ "config": { "port": port } }),
        )
        .install()
        .await;
    service.start("x").await.must_be(500);
    let holder = format!("pid {}", std::process::id());
    finds(&service, "port", &[&format!("port {port}"), &holder]);
    // So is what the program said about it.
    let output = errors(&service, "output");
    assert!(
        output[0]["message"].as_str().unwrap().contains("in use"),
        "{output:?}"
    );
    assert!(!errors(&service, "state").is_empty());
}

/// Not even root may write to a place below /proc.
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_found() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(
            &["forever"],
            json!({
                "config": { "dataDir": "/proc/fs/data" },
                "commands": { "work": [
                    { "name": "writeFile", "filePath": "{dataDir}/x.conf", "content": "" },
                ] },
            }),
        )
        .install()
        .await;
    finds(&service, "folder", &["/proc/fs", "cannot be written"]);
}

#[tokio::test]
async fn a_broken_manifest_is_found_although_nothing_else_can_be_looked_at() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    app.file("store.json", "{ \"setting\": ");
    finds(
        &service,
        "manifest",
        &["store.json", "storekeeper validate"],
    );
}

#[tokio::test]
async fn a_lock_of_a_process_that_is_gone_is_a_warning() {
    let service = Service::start_new().await;
    service
        .app("x")
        .file("data/server.pid", "4194305\n")
        .runs(&["forever"], json!({}))
        .installed_and_started()
        .await;
    let ran = run(&service, &["doctor", "x"]).ok();
    ran.says(&[
        "! lock: ",
        "x/data/server.pid",
        "4194305",
        "delete this file",
    ]);
}
