//! Command lists: their order, their errors, their environment.

use serde_json::{Value, json};

use crate::support::{AppFolder, Service, alive, child};

fn exec(actions: &[&str]) -> Value {
    json!({ "name": "exec", "binPath": child(), "cmds": actions })
}

/// An app that has a program nobody starts and these lists.
fn with_lists(service: &Service, lists: Value) -> AppFolder<'_> {
    service
        .app("x")
        .runs(&["forever"], json!({ "commands": lists }))
}

/// B2
#[tokio::test]
async fn steps_run_one_after_another_and_a_step_that_never_ends_is_ended() {
    let service = Service::start_new().await;
    let mut endless = exec(&["append-pid:journal", "forever"]);
    endless["waiting"] = json!(1);
    endless["kill"] = json!(true);
    let app = with_lists(
        &service,
        json!({ "work": [
            exec(&["append:journal=first begins", "sleep:0.5", "append:journal=first ends"]),
            endless,
            exec(&["append:journal=last"]),
        ] }),
    )
    .install()
    .await;
    service.setting("x", "work", json!({})).await.must_succeed();
    let journal = app.read("journal");
    let lines: Vec<&str> = journal.lines().collect();
    assert_eq!(lines[..2], ["first begins", "first ends"]);
    assert!(!alive(lines[2].parse().unwrap()));
    assert_eq!(lines[3..], ["last"]);
}

/// B2
#[tokio::test]
async fn an_exit_code_is_a_warning_unless_the_step_is_strict() {
    let service = Service::start_new().await;
    let mut strict = exec(&["error:the disk is on fire", "exit:3"]);
    strict["strict"] = json!(true);
    let app = with_lists(
        &service,
        json!({
            "lax": [exec(&["exit:3"]), exec(&["append:journal=lax went on"])],
            "strict": [strict, exec(&["append:journal=strict went on"])],
        }),
    )
    .install()
    .await;
    service.setting("x", "lax", json!({})).await.must_succeed();
    service
        .setting("x", "strict", json!({}))
        .await
        .must_be_refused_with("exit code 3");
    assert_eq!(app.read("journal"), "lax went on\n");
}

/// B11
#[tokio::test]
async fn an_error_ends_the_list_and_reaches_the_caller() {
    let service = Service::start_new().await;
    let app = with_lists(
        &service,
        json!({
            "template": [
                { "name": "changeFile", "tplPath": "{exePath}/gone.tpl", "filePath": "{exePath}/y" },
                exec(&["append:journal=went on"]),
            ],
            "program": [
                { "name": "inner" },
                exec(&["append:journal=went on"]),
            ],
            "inner": [{ "name": "exec", "binPath": "{exePath}/gone", "cmds": ["x"] }],
            "folder": [
                exec(&["write:file=not a folder"]),
                { "name": "mkdir", "filePath": "{exePath}/file/inner" },
                exec(&["append:journal=went on"]),
            ],
        }),
    )
    .install()
    .await;
    for (list, culprit) in [
        ("template", "gone.tpl"),
        ("program", "gone"),
        ("folder", "file/inner"),
        ("no such list", "no such list"),
    ] {
        service
            .setting("x", list, json!({}))
            .await
            .must_be_refused_with(culprit);
    }
    assert_eq!(app.read("journal"), "");
}

/// B11
#[tokio::test]
async fn an_unknown_command_is_an_error() {
    let service = Service::start_new().await;
    let app = with_lists(
        &service,
        json!({ "work": [exec(&["append:journal=ran"]), { "name": "exce" }] }),
    );
    service.install("x").await;
    service
        .setting("x", "work", json!({}))
        .await
        .must_be_refused_with("exce");
    assert_eq!(app.read("journal"), "", "a broken list ran in part");
}

/// B12
#[tokio::test]
async fn lists_that_call_themselves_are_refused_before_anything_runs() {
    let service = Service::start_new().await;
    let app = with_lists(
        &service,
        json!({
            "self": [exec(&["append:journal=ran"]), { "name": "self" }],
            "a": [exec(&["append:journal=ran"]), { "name": "b" }],
            "b": [{ "name": "a" }],
        }),
    );
    service.install("x").await;
    for (list, path) in [("self", "self → self"), ("a", "a → b → a")] {
        service
            .setting("x", list, json!({}))
            .await
            .must_be_refused_with(path);
    }
    assert_eq!(app.read("journal"), "");
    service.get("/ping").await.must_be(200);
}

/// B12
#[tokio::test]
async fn a_start_that_starts_itself_is_refused() {
    let service = Service::start_new().await;
    let app = service.app("x").runs(
        &["append-pid:pids", "forever"],
        json!({ "start": { "beforeCmds": ["up"] }, "commands": { "up": [{ "name": "start" }] } }),
    );
    service.install("x").await;
    let answer = service.start("x").await;
    assert!(answer.status >= 400, "{answer:?}");
    assert!(answer.text.contains("start"), "{}", answer.text);
    assert!(app.numbers("pids").is_empty());
    service.get("/ping").await.must_be(200);
}

/// The manual: a list named like a built-in takes its place, and inside it the name means the built-in.
#[tokio::test]
async fn a_list_may_bear_a_built_ins_name_and_use_it() {
    let service = Service::start_new().await;
    let app = with_lists(
        &service,
        json!({
            "restart": [exec(&["append:journal=own restart"]), { "name": "restart" }],
            "setting": [{ "name": "restart" }],
        }),
    )
    .installed_and_started()
    .await;
    let old = service.app_pid("x").await;
    service
        .setting("x", "setting", json!({}))
        .await
        .must_succeed();
    assert_ne!(service.app_pid("x").await, old);
    assert_eq!(app.read("journal"), "own restart\n");
}

/// B10
#[tokio::test]
async fn environment_variables_reach_their_program_and_no_other() {
    let service = Service::start_new().await;
    let report = [
        "env:FROM_INSTALL",
        "env:FROM_START",
        "env:FROM_STEP",
        "env:EMPTY",
    ];
    let mut step = exec(&report);
    step["envs"] = json!([{ "name": "FROM_STEP", "value": 7 }, { "name": "EMPTY", "value": "" }]);
    let mut actions = report.to_vec();
    actions.push("forever");
    let _first = service
        .app("first")
        .runs(
            &actions,
            json!({
                "commands": { "report": [step], "plain": [exec(&report)] },
                "install": {
                    "installEnvs": [{ "name": "FROM_INSTALL", "value": "{exePath}" }],
                    "installCmds": ["report"],
                },
                "start": { "startEnvs": [{ "name": "FROM_START", "value": true }] },
            }),
        )
        .installed_and_started()
        .await;
    let _second = service
        .app("second")
        .runs(&actions, json!({}))
        .installed_and_started()
        .await;

    let folder = service.run_dir().join("first");
    let folder = folder.to_str().unwrap();
    let install = job_output(&service);
    for line in [
        &format!("FROM_INSTALL={folder}"),
        "FROM_STEP=7",
        "EMPTY=",
        "FROM_START is not set",
    ] {
        assert!(install.lines().any(|one| one == line), "{line}: {install}");
    }
    let first = service.log("first");
    for line in [
        "FROM_START=true",
        "FROM_INSTALL is not set",
        "FROM_STEP is not set",
    ] {
        assert!(first.lines().any(|one| one == line), "{line}: {first}");
    }
    let second = service.log("second");
    assert_eq!(second.matches("is not set").count(), 4, "{second}");
}

/// The output of all jobs' programs.
fn job_output(service: &Service) -> String {
    std::fs::read_dir(service.home().join("data/log/job"))
        .unwrap()
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .collect()
}
