//! Settings reach everything, every time.

use serde_json::{Value, json};

use crate::support::{Service, child};

/// B6
#[tokio::test]
async fn settings_reach_files_and_arguments_every_time() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .file("c.tpl", "port = {port}\n")
        .runs(
            &["forever"],
            json!({
                "config": { "port": 1 },
                "commands": { "setting": [
                    { "name": "writeFile", "filePath": "{exePath}/w.txt", "content": "w {port}" },
                    { "name": "changeFile", "tplPath": "{exePath}/c.tpl", "filePath": "{exePath}/c.txt" },
                    { "name": "exec", "binPath": child(), "cmds": ["write:e.txt=e {port}"] },
                ] },
            }),
        )
        .install()
        .await;
    for port in [json!(2), json!("3"), json!(268_435_456_u64)] {
        service
            .setting("x", "setting", json!({ "port": port }))
            .await
            .must_succeed();
        let text = port.to_string().replace('"', "");
        assert_eq!(app.read("w.txt"), format!("w {text}"));
        assert_eq!(app.read("c.txt"), format!("port = {text}\n"));
        assert_eq!(app.read("e.txt"), format!("e {text}"));
    }
    // A value that is not sent keeps what was set before.
    service
        .setting("x", "setting", json!({}))
        .await
        .must_succeed();
    assert_eq!(app.read("w.txt"), "w 268435456");
    assert!(
        app.read("store.json").contains("{port}"),
        "store.json was rewritten"
    );
}

/// B7
#[tokio::test]
async fn settings_are_put_in_everywhere() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .program("tool")
        .file("t.tpl", "{word}")
        .store(json!({
            "config": { "word": "a b", "program": "tool", "file": "out", "template": "t" },
            "setting": { "binPath": "{exePath}/{program}" },
            "commands": { "work": [
                { "name": "mkdir", "filePath": "{exePath}/{file}-folder" },
                { "name": "changeFile", "tplPath": "{exePath}/{template}.tpl", "filePath": "{exePath}/{file}.txt" },
                { "name": "exec", "binPath": "{exePath}/{program}",
                  "cmds": ["env:WORD"], "envs": [{ "name": "WORD", "value": "{word}" }] },
            ] },
            "start": {
                "startEnvs": [{ "name": "WORD", "value": "{word}!" }],
                "startCmds": ["args:{word} {exePath}", "env:WORD", "print:{unknown}", "forever"],
            },
        }))
        .installed_and_started()
        .await;
    let path = app.path().to_str().unwrap();
    let log = service.log("x");
    for line in [&format!("[a b {path}]"), "WORD=a b!", "{unknown}"] {
        assert!(log.lines().any(|one| one == line), "{line}: {log}");
    }
    service.setting("x", "work", json!({})).await.must_succeed();
    assert_eq!(app.read("out.txt"), "a b");
    assert!(app.path().join("out-folder").is_dir());

    service
        .setting("x", "work", json!({ "word": "c", "file": "other" }))
        .await
        .must_succeed();
    assert_eq!(app.read("other.txt"), "c");
    service.restart("x").await.must_be(200);
    assert!(service.log("x").contains(&format!("[c {path}]")));
}

/// B8
#[tokio::test]
async fn a_setting_may_hold_a_placeholder_and_a_circle_of_them_is_an_error() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(
            &["forever"],
            json!({
                "config": { "z": "{y}/z", "y": "{x}/y", "x": "{exePath}/x" },
                "commands": { "write": [
                    { "name": "writeFile", "filePath": "{exePath}/out", "content": "{z} {y}" },
                ] },
            }),
        )
        .install()
        .await;
    let path = app.path().to_str().unwrap();
    service
        .setting("x", "write", json!({}))
        .await
        .must_succeed();
    assert_eq!(app.read("out"), format!("{path}/x/y/z {path}/x/y"));
    service
        .setting("x", "write", json!({ "x": "{z}" }))
        .await
        .must_be_refused_with("→");
    service
        .setting("x", "write", json!({ "x": "fine" }))
        .await
        .must_succeed();
    assert_eq!(app.read("out"), "fine/y/z fine/y");
}

/// B9
#[tokio::test]
async fn an_app_without_config_takes_settings() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(
            &["forever"],
            json!({ "commands": { "write": [
                { "name": "writeFile", "filePath": "{exePath}/out", "content": "{new}" },
            ] } }),
        )
        .install()
        .await;
    service
        .setting("x", "write", json!({ "new": "value" }))
        .await
        .must_succeed();
    assert_eq!(app.read("out"), "value");
}

/// B9
#[tokio::test]
async fn a_setting_that_makes_no_sense_is_answered_with_the_reason() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(&["forever"], json!({ "commands": { "nothing": [] } }))
        .install()
        .await;
    let bodies: [(Value, &str); 8] = [
        (json!({ "name": 7, "cmdKey": "nothing" }), "name"),
        (json!({ "name": "x", "cmdKey": ["nothing"] }), "cmdKey"),
        (json!({ "cmdKey": "nothing" }), "name"),
        (json!({ "name": "x" }), "cmdKey"),
        (json!({ "name": "y", "cmdKey": "nothing" }), "y"),
        (json!({ "name": "../x", "cmdKey": "nothing" }), "../x"),
        (
            json!({ "name": "x", "cmdKey": "nothing", "key": "two\nlines" }),
            "key",
        ),
        (json!(["x"]), ""),
    ];
    for (body, culprit) in bodies {
        let answer = service.post("/store/setting", &body).await;
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
        answer.must_be_refused_with(culprit);
    }
}
