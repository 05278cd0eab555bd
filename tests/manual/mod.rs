//! The manual's own example, mysql5.7, with a stand-in that behaves like MySQL's server.

use serde_json::json;

use crate::support::{
    AppFolder, Service, alive, answer_of, demo_app, free_port, listens, until_true,
};

/// The example that the manual explains, in its form: names, order and waiting times of the steps
/// are the manual's; `setting` does not stop the app first.
fn example(service: &Service, port: u16) -> AppFolder<'_> {
    let with_password = json!({
        "name": "exec",
        "binPath": "{exePath}/bin/mysqld.exe",
        "cmds": ["--defaults-file={exePath}/my.ini", "--init-file={exePath}/password.txt"],
        "waiting": 3,
        "content": "mysqld.exe",
        "kill": true,
    });
    service
        .app("mysql5.7")
        .program("bin/mysqld.exe")
        .file(
            "my.ini.tpl",
            "[mysqld]\nbasedir = \"{exePath}\"\ndatadir = \"{dataDir}\"\nport = {port}\nlog-error = \"{logDir}/mysql.log\"\n",
        )
        .file(
            "password.txt.tpl",
            "ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';",
        )
        .file(
            "password.txt",
            "ALTER USER 'root'@'localhost' IDENTIFIED BY '123456';",
        )
        .store(json!({
            "setting": {
                "binPath": "{exePath}/bin/mysqld.exe",
                "confPath": "{exePath}/my.ini",
                "progressName": "mysqld.exe",
                "isOn": true,
            },
            "config": {
                "password": "root",
                "port": port,
                "dataDir": "{exePath}/data",
                "logDir": "{exePath}/logs",
            },
            "commands": {
                "initData": [
                    {
                        "name": "exec",
                        "binPath": "{exePath}/bin/mysqld.exe",
                        "cmds": ["--defaults-file={exePath}/my.ini", "--initialize"],
                        "waiting": 1,
                    },
                    with_password,
                    { "name": "start" },
                ],
                "setting": [
                    {
                        "name": "changeFile",
                        "tplPath": "{exePath}/my.ini.tpl",
                        "filePath": "{exePath}/my.ini",
                    },
                    { "name": "initData" },
                ],
                "changePassword": [
                    {
                        "name": "changeFile",
                        "tplPath": "{exePath}/password.txt.tpl",
                        "filePath": "{exePath}/password.txt",
                    },
                    { "name": "stop" },
                    with_password,
                ],
            },
            "install": { "installEnvs": [], "installCmds": ["initData"] },
            "start": {
                "startEnvs": [],
                "startCmds": ["--defaults-file={exePath}/my.ini"],
            },
        }))
}

/// One program's run, from the stand-in's journal.
#[derive(Debug, PartialEq)]
struct Run {
    pid: u32,
    kind: &'static str,
    /// Exit code; none while it runs.
    end: Option<i32>,
}

/// What ran, in order. Fails the test when a program started before the one before it had ended.
fn runs(app: &AppFolder<'_>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for line in app.read("journal.txt").lines() {
        let mut words = line.split(' ');
        let word = words.next().unwrap();
        let pid = words.next().unwrap().parse().unwrap();
        let rest: Vec<&str> = words.collect();
        if word == "start" {
            assert!(
                runs.last().is_none_or(|last| last.end.is_some()),
                "two at once:\n{}",
                app.read("journal.txt")
            );
            let has = |option| rest.iter().any(|arg| arg.starts_with(option));
            let kind = match (has("--initialize"), has("--init-file")) {
                (true, _) => "initialize",
                (false, true) => "password",
                (false, false) => "server",
            };
            runs.push(Run {
                pid,
                kind,
                end: None,
            });
        } else {
            let run = runs.last_mut().unwrap();
            assert_eq!(run.pid, pid, "an end without its start");
            run.end = Some(rest[0].parse().unwrap());
        }
    }
    runs
}

fn kinds(runs: &[Run]) -> Vec<&'static str> {
    runs.iter().map(|run| run.kind).collect()
}

/// The one that lives, which must be the last and a plain server.
fn living(app: &AppFolder<'_>) -> u32 {
    let runs = runs(app);
    let last = runs.last().unwrap();
    assert_eq!((last.kind, last.end), ("server", None), "{runs:?}");
    assert!(alive(last.pid));
    last.pid
}

#[tokio::test]
async fn the_manuals_example_installs_step_by_step_and_ends_with_one_server() {
    let service = Service::start_new().await;
    let port = free_port();
    let app = example(&service, port).install().await;
    let runs = runs(&app);
    assert_eq!(kinds(&runs), ["initialize", "password", "server"]);
    assert_eq!(runs[0].end, Some(0));
    let server = living(&app);
    assert_eq!(service.app_pid("mysql5.7").await, server);
    // The password of the password.txt that the example brings.
    let answer = answer_of(port).await.unwrap();
    assert!(answer.contains("password=123456 "), "{answer}");
}

#[tokio::test]
async fn the_manuals_example_comes_up_when_only_its_port_changes() {
    let service = Service::start_new().await;
    let (old, new, third) = (free_port(), free_port(), free_port());
    let app = example(&service, old).install().await;
    for (from, to) in [(old, new), (new, third)] {
        service.stop("mysql5.7").await.must_be(200);
        assert!(!listens(from), "stop was answered before the port was free");
        let before = runs(&app).len();
        let values = json!({ "port": to, "dataDir": app.at("data"), "logDir": app.at("logs") });
        service
            .setting("mysql5.7", "setting", values)
            .await
            .must_succeed();
        let runs = runs(&app);
        assert_eq!(kinds(&runs[before..]), ["initialize", "password", "server"]);
        assert_eq!(runs[before].end, Some(1), "the data were not used before");
        assert_eq!(service.app_pid("mysql5.7").await, living(&app));
        assert!(answer_of(to).await.unwrap().contains(&format!("port={to}")));
    }
    assert!(app.read("my.ini").contains(&format!("port = {third}")));
}

#[tokio::test]
async fn the_manuals_example_takes_a_new_password() {
    let service = Service::start_new().await;
    let port = free_port();
    let app = example(&service, port).install().await;
    for password in ["first", "second"] {
        service
            .setting(
                "mysql5.7",
                "changePassword",
                json!({ "password": password }),
            )
            .await
            .must_succeed();
        assert!(
            !service.runs("mysql5.7").await,
            "its list ends with the stop"
        );
        service.start("mysql5.7").await.must_be(200);
        let answer = answer_of(port).await.unwrap();
        assert!(
            answer.contains(&format!("password={password} ")),
            "{answer}"
        );
    }
    living(&app);
}

#[tokio::test]
async fn the_manuals_example_is_kept_running() {
    let service = Service::start_new().await;
    let port = free_port();
    let app = example(&service, port).install().await;
    let old = service.app_pid("mysql5.7").await;
    crate::support::kill_9(old);
    let new = service.pid_after("mysql5.7", old).await;
    until_true("the port is open again", || listens(port)).await;
    assert!(alive(new));
    assert!(app.read("journal.txt").contains(&format!("start {new} ")));
}

#[tokio::test]
async fn our_own_mysql_apps_can_be_set_while_they_run() {
    for name in ["mysql5.7", "mysql8.0"] {
        let service = Service::start_new().await;
        let app = demo_app(&service, name).program("bin/mysqld");
        let app = app.default("port", json!(free_port())).install().await;
        let port = free_port();
        let values = json!({ "port": port, "dataDir": app.at("data"), "logDir": app.at("logs") });
        service
            .setting(name, "setting", values)
            .await
            .must_succeed();
        service
            .setting(name, "changePassword", json!({ "password": "n€w {x}" }))
            .await
            .must_succeed();
        assert_eq!(
            kinds(&runs(&app)),
            [
                "initialize",
                "password",
                "server", // install
                "initialize",
                "password",
                "server", // setting
                "password",
                "server", // changePassword
            ]
        );
        assert_eq!(service.app_pid(name).await, living(&app));
        let answer = answer_of(port).await.unwrap();
        assert!(answer.contains("password=n€w {x} "), "{answer}");
        assert!(
            !app.path().join("password.txt").exists(),
            "a password was left"
        );
    }
}
