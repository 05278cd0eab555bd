//! Each command, for people and with `--json`.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use super::run;
use crate::support::{Service, alive, child, until};

/// An app's folder somewhere else, as a developer has it.
fn source(service: &Service, name: &str) -> String {
    let folder = service.scratch().join("sources").join(name);
    fs::create_dir_all(folder.join("static")).unwrap();
    let info = json!({
        "name": name, "version": "1.2.3", "isDev": true,
        "hasStart": true, "hasRestart": true, "setting": true,
    });
    let store = json!({
        "setting": { "binPath": child() },
        "config": { "port": 1, "word": "old", "password": "hush" },
        "start": { "startCmds": ["print:word {word}", "forever"] },
        "commands": {
            "write": [
                { "name": "changeFile", "tplPath": "{exePath}/c.tpl", "filePath": "{exePath}/c.txt" },
                { "name": "exec", "binPath": child(), "cmds": ["print:from the step"] },
            ],
            "warn": [{ "name": "exec", "binPath": child(), "cmds": ["print:oh", "exit:4"] }],
            "wait": [{ "name": "exec", "binPath": child(), "cmds": ["forever"] }],
        },
    });
    fs::write(folder.join("install.json"), info.to_string()).unwrap();
    fs::write(folder.join("store.json"), store.to_string()).unwrap();
    fs::write(folder.join("static/index.html"), "<p>settings").unwrap();
    fs::write(folder.join("c.tpl"), "first\nport = {port}\nlast\n").unwrap();
    folder.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_app_is_installed_started_listed_stopped_and_uninstalled() {
    let service = Service::start_new().await;
    run(&service, &["ps"]).ok().says(&["there are no apps yet"]);
    assert_eq!(run(&service, &["ps", "--json"]).ok().json(), json!([]));
    run(&service, &["jobs"])
        .ok()
        .says(&["there were no jobs yet"]);
    assert_eq!(run(&service, &["jobs", "--json"]).ok().json(), json!([]));

    let folder = source(&service, "x");
    run(&service, &["install", &folder])
        .ok()
        .says(&["x is installed"]);
    // In place already: by its name, and by a relative path.
    run(&service, &["install", "x"])
        .ok()
        .says(&["x is installed"]);
    run(&service, &["install", "./sources/x"])
        .ok()
        .says(&["x is installed"]);
    let job = run(&service, &["install", "x", "--json"]).ok().json();
    assert_eq!(job["kind"], "install");
    assert_eq!(job["state"], "succeeded");
    let out = run(&service, &["ps"]).ok().out;
    let line = out
        .lines()
        .find(|line| line.trim().starts_with("x "))
        .unwrap();
    assert!(line.contains("1.2.3") && line.contains("stopped"), "{out}");

    run(&service, &["start", "x"]).ok().says(&["x runs"]);
    let pid = service.app_pid("x").await;
    run(&service, &["start", "x"]).ok().says(&["x runs"]);
    assert_eq!(service.app_pid("x").await, pid);
    let out = run(&service, &["ps"]).ok().out;
    let line = out
        .lines()
        .find(|line| line.trim().starts_with("x "))
        .unwrap();
    assert!(
        line.contains("running") && line.contains(&pid.to_string()),
        "{out}"
    );
    assert!(out.lines().all(|line| line == line.trim_end()), "{out:?}");
    let apps = run(&service, &["ps", "--json"]).ok().json();
    assert_eq!(apps[0]["name"], "x");
    assert_eq!(apps[0]["status"]["pid"], pid);
    assert!(apps[0]["usage"]["memory"].as_u64().unwrap() > 0, "{apps}");

    run(&service, &["restart", "x"]).ok().says(&["x runs"]);
    assert_ne!(service.app_pid("x").await, pid);
    for (verb, word) in [
        ("restart", "running"),
        ("stop", "stopped"),
        ("start", "running"),
    ] {
        let job = run(&service, &[verb, "x", "--json"]).ok().json();
        assert_eq!(
            (&job["kind"], &job["state"]),
            (&json!(verb), &json!("succeeded"))
        );
        run(&service, &["ps"]).ok().says(&[word]);
    }
    let pid = service.app_pid("x").await;
    run(&service, &["stop", "x"]).ok().says(&["x is stopped"]);
    assert!(!alive(pid));

    run(&service, &["uninstall", "x"])
        .ok()
        .says(&["x is uninstalled"]);
    assert!(std::path::Path::new(&folder).join("store.json").exists());
    run(&service, &["install", &folder]).ok();
    let job = run(&service, &["uninstall", "x", "--purge", "--json"])
        .ok()
        .json();
    assert_eq!(job["state"], "succeeded");
    assert!(std::path::Path::new(&folder).join("store.json").exists());
}

#[tokio::test]
async fn all_apps_are_started_and_stopped_at_once() {
    let service = Service::start_new().await;
    for name in ["a", "b", "c"] {
        run(&service, &["install", &source(&service, name)]).ok();
    }
    run(&service, &["start", "a", "b"])
        .ok()
        .says(&["a runs\nb runs\n"]);
    let a = service.app_pid("a").await;
    run(&service, &["start", "--all"])
        .ok()
        .says(&["a runs", "b runs", "c runs"]);
    assert_eq!(service.app_pid("a").await, a);
    run(&service, &["restart", "--all"]).ok();
    assert_ne!(service.app_pid("a").await, a);
    run(&service, &["stop", "c"]).ok();
    // What is stopped already is not stopped again.
    let ran = run(&service, &["stop", "--all"])
        .ok()
        .says(&["a is stopped", "b is stopped"]);
    assert!(
        !ran.out.contains('c') || !ran.out.contains("c is"),
        "{ran:?}"
    );
    for name in ["a", "b", "c"] {
        assert!(!service.runs(name).await);
    }
}

#[tokio::test]
async fn settings_are_shown_set_and_run() {
    let service = Service::start_new().await;
    let folder = source(&service, "x");
    run(&service, &["install", &folder]).ok();
    let file = || fs::read_to_string(format!("{folder}/c.txt")).unwrap_or_default();

    run(&service, &["config", "get", "x"])
        .ok()
        .says(&["port=1\n", "word=old\n", "password=***\n"]);
    let all = run(&service, &["config", "get", "x", "--json"]).ok().json();
    assert_eq!(all, json!({ "port": 1, "word": "old", "password": "***" }));
    // One that is asked for by its name is shown, also a secret.
    assert_eq!(
        run(&service, &["config", "get", "x", "password"]).ok().out,
        "hush\n"
    );
    assert_eq!(
        run(&service, &["config", "get", "x", "port"]).ok().out,
        "1\n"
    );
    assert_eq!(
        run(&service, &["config", "get", "x", "word", "--json"])
            .ok()
            .json(),
        "old"
    );

    run(&service, &["config", "set", "x", "port=2", "word=a b"])
        .ok()
        .says(&["the settings of x are saved"]);
    assert_eq!(file(), "", "nobody asked for the file");
    let set = ["config", "set", "x", "port=3", "--run", "write"];
    run(&service, &set).ok().says(&["saved", "`write` was run"]);
    assert_eq!(file(), "first\nport = 3\nlast\n");
    let set = ["config", "set", "x", "port=4", "--run", "write", "--json"];
    let job = run(&service, &set).ok().json();
    assert_eq!(
        (&job["state"], &job["list"]),
        (&json!("succeeded"), &json!("write"))
    );
    assert_eq!(file(), "first\nport = 4\nlast\n");
    let unset = ["config", "unset", "x", "port", "--run", "write"];
    run(&service, &unset).ok();
    assert_eq!(file(), "first\nport = 1\nlast\n");
    let word = run(&service, &["config", "get", "x", "word"]).ok().out;
    assert_eq!(word, "a b\n");

    run(&service, &["run", "x", "write"])
        .ok()
        .says(&["`write` of x was run"]);
    let job = run(&service, &["run", "x", "write", "--json"]).ok().json();
    assert_eq!(job["steps"].as_array().unwrap().len(), 2);
    // A warning is said beside the result, and is no failure.
    let ran = run(&service, &["run", "x", "warn"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.starts_with("warning: ") && ran.err.contains("exit code 4"),
        "{ran:?}"
    );
    assert!(ran.err.contains("oh"), "{ran:?}");
}

#[tokio::test]
async fn a_plan_shows_the_difference_and_changes_nothing() {
    let service = Service::start_new().await;
    let folder = source(&service, "x");
    run(&service, &["install", &folder]).ok();
    run(
        &service,
        &["config", "set", "x", "port=2", "--run", "write"],
    )
    .ok();
    run(&service, &["config", "set", "x", "port=3"]).ok();
    let jobs = run(&service, &["jobs", "--json"]).ok().json();
    let file = || fs::read_to_string(format!("{folder}/c.txt")).unwrap();

    let ran = run(&service, &["plan", "x", "write"]).ok();
    let ran = ran.says(&["-port = 2", "+port = 3", "c.txt", "from the step"]);
    assert!(!ran.out.contains("-first"), "{ran:?}");
    let steps = run(&service, &["plan", "x", "write", "--json"]).ok().json();
    let steps = steps.as_array().unwrap();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[0]["files"][0]["change"], "changed", "{steps:?}");
    assert!(
        steps[0]["files"][0]["diff"]
            .as_str()
            .unwrap()
            .contains("+port = 3")
    );
    assert_eq!(file(), "first\nport = 2\nlast\n");
    assert_eq!(run(&service, &["jobs", "--json"]).ok().json(), jobs);

    // What it said is what happens; then there is nothing left to change.
    run(&service, &["run", "x", "write"]).ok();
    assert_eq!(file(), "first\nport = 3\nlast\n");
    run(&service, &["plan", "x", "write"])
        .ok()
        .says(&["as it is"]);
}

#[tokio::test]
async fn output_and_jobs_are_shown() {
    let service = Service::start_new().await;
    run(&service, &["install", &source(&service, "x")]).ok();
    run(&service, &["start", "x"]).ok();
    run(&service, &["config", "set", "x", "word=new"]).ok();
    run(&service, &["restart", "x"]).ok();
    assert_eq!(
        run(&service, &["logs", "x"]).ok().out,
        "word old\nword new\n"
    );
    assert_eq!(
        run(&service, &["logs", "x", "-n", "1"]).ok().out,
        "word new\n"
    );
    assert_eq!(run(&service, &["logs", "x", "-n", "0"]).ok().out, "");
    let lines = run(&service, &["logs", "x", "--json"]).ok().json();
    assert_eq!(lines, json!(["word old", "word new"]));

    let job = run(&service, &["run", "x", "write", "--json"]).ok().json();
    let id = job["id"].to_string();
    run(&service, &["jobs"])
        .ok()
        .says(&["setting write", "restart", "install", "succeeded"]);
    let jobs = run(&service, &["jobs", "--json"]).ok().json();
    assert_eq!(jobs[0]["id"].to_string(), id, "the newest comes first");
    assert_eq!(
        run(&service, &["jobs", "-n", "2", "--json"])
            .ok()
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        run(&service, &["jobs", "--app", "y", "--json"]).ok().json(),
        json!([])
    );
    run(&service, &["jobs", &id])
        .ok()
        .says(&["setting write x: succeeded", "exit code 0"]);
    assert_eq!(run(&service, &["jobs", &id, "--json"]).ok().json(), job);
    assert_eq!(
        run(&service, &["jobs", &id, "--log"]).ok().out,
        "from the step\n"
    );
    let lines = run(&service, &["jobs", &id, "--log", "--json"]).ok().json();
    assert_eq!(lines, json!(["from the step"]));
}

#[tokio::test]
async fn a_job_is_canceled() {
    let service = Service::start_new().await;
    run(&service, &["install", &source(&service, "x")]).ok();
    let before = service.processes().len();
    let mut waiting = super::command(&service, &["run", "x", "wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = until("its program runs", async || {
        let jobs = service.get("/api/jobs?limit=1").await.json();
        let running =
            jobs[0]["steps"][0]["state"] == "running" && service.processes().len() > before;
        running.then(|| jobs[0]["id"].to_string())
    })
    .await;
    run(&service, &["jobs", &id, "--cancel"]).ok().says(&[&id]);
    let status = until("who waits for it is told", async || {
        waiting.try_wait().unwrap()
    })
    .await;
    assert_eq!(status.code(), Some(1));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut waiting.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("cancel"), "{said}");
    run(&service, &["jobs", &id]).ok().says(&["canceled"]);
    run(&service, &["jobs", &id, "--cancel"]).fails(1, &[&id, "ended"]);
    run(&service, &["jobs", "999"]).fails(1, &["999"]);
    run(&service, &["jobs", "999", "--cancel"]).fails(1, &["999"]);
}

#[tokio::test]
async fn manifests_are_checked_without_a_service() {
    let mut service = Service::start_new().await;
    let good = source(&service, "good");
    let bad = source(&service, "bad");
    service.terminate().await;
    fs::write(
        format!("{bad}/store.json"),
        "{\n  \"commands\": {\n    \"a\": [ { \"name\": \"exce\" } ]\n  }\n}\n",
    )
    .unwrap();
    run(&service, &["validate", &good])
        .ok()
        .says(&["1 app checked: 0 errors"]);
    let ran = run(&service, &["validate", &good, &bad]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let ran = ran.says(&[
        "store.json:3:",
        "`exce`",
        "did you mean `exec`",
        "2 apps checked",
    ]);
    assert_eq!(ran.err, "");
    assert_eq!(
        run(&service, &["validate", &good, "--json"]).ok().json(),
        json!([])
    );
    let ran = run(&service, &["validate", &bad, "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let problems = ran.json();
    let found = problems
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["line"] == 3)
        .unwrap();
    assert!(
        found["message"].as_str().unwrap().contains("exce"),
        "{found}"
    );
    let ran = run(&service, &["validate", "nowhere"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("nowhere"), "{ran:?}");
}

#[tokio::test]
async fn shells_are_taught_to_complete() {
    let service = Service::start_new().await;
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef storekeeper"),
        ("fish", "complete -c storekeeper"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        run(&service, &["completions", shell])
            .ok()
            .says(&[word, "uninstall", "validate"]);
    }
    run(&service, &["completions", "tcl"]).fails(2, &["tcl", "bash"]);
    // Bash understands it, and completes a command with it.
    let script = run(&service, &["completions", "bash"]).ok().out;
    let ask = "\nCOMP_WORDS=(storekeeper unin); COMP_CWORD=1; _storekeeper storekeeper unin storekeeper; echo \"${COMPREPLY[@]}\"";
    // The script is longer than an argument may be.
    let file = service.scratch().join("complete.bash");
    fs::write(&file, script + ask).unwrap();
    let output = Command::new("bash").arg(&file).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "uninstall",
        "{output:?}"
    );
}

#[tokio::test]
async fn help_and_version_are_told() {
    let service = Service::start_new().await;
    let version = run(&service, &["--version"]).ok().out;
    assert_eq!(
        version.trim(),
        format!("storekeeper {}", env!("CARGO_PKG_VERSION"))
    );
    let help = run(&service, &["--help"]).ok().out;
    let commands = [
        "serve",
        "install",
        "uninstall",
        "start",
        "stop",
        "restart",
        "ps",
        "logs",
        "config",
        "run",
        "plan",
        "validate",
        "doctor",
        "jobs",
        "completions",
    ];
    for name in commands {
        let line = help
            .lines()
            .find(|line| line.trim().starts_with(&format!("{name} ")));
        assert!(
            line.is_some_and(|line| line.trim().len() > name.len() + 5),
            "{name}: {help}"
        );
        let own = run(&service, &[name, "--help"]).ok().out;
        assert!(own.contains("--home"), "{name}: {own}");
        if !matches!(name, "serve" | "completions" | "config") {
            assert!(own.contains("--json"), "{name}: {own}");
        }
    }
    for action in ["get", "set", "unset"] {
        run(&service, &["config", action, "--help"])
            .ok()
            .says(&["--json"]);
    }
}
