//! Jobs with the real supervisor and programs that `/bin/sh` runs.
#![cfg(target_os = "linux")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` is written where it is used"
)]

mod packages;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Map, Value, json};

use super::*;
use crate::database::JobRow;
use crate::service::Service;
use crate::supervisor::State;

/// The supervisor starts its keeper from the program that runs, which is the test. So the test looks
/// whether it is one, before the test harness reads the arguments.
#[expect(unsafe_code, reason = "nothing else runs before the test harness")]
#[used]
#[unsafe(link_section = ".init_array")]
static KEEPER: extern "C" fn() = {
    extern "C" fn keeper() {
        crate::platform::run_keeper_if_asked();
    }
    keeper
};

/// A home with its service.
struct Home {
    dir: tempfile::TempDir,
    service: Service,
}

/// Runs a test on a home of its own, and ends the service whatever happens.
async fn on_a_home(test: impl AsyncFnOnce(&Home)) {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::open(dir.path()).await.unwrap();
    let home = Home { dir, service };
    let done = std::panic::AssertUnwindSafe(test(&home))
        .catch_unwind()
        .await;
    let Home { dir, service } = home;
    service.close().await;
    drop(dir);
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

fn name(name: &str) -> AppName {
    AppName::parse(name).unwrap()
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// An app's files; its `store.json` gets `/bin/sh` as its program when it says nothing else.
fn write_app(dir: &Path, name: &str, install: Value, store: Value) {
    let mut whole = json!({ "name": name, "version": "1.0" });
    whole
        .as_object_mut()
        .unwrap()
        .extend(install.as_object().unwrap().clone());
    write(&dir.join("install.json"), &whole.to_string());
    write(&dir.join("store.json"), &store.to_string());
}

/// The `setting` and `start` of an app that says `up` and lives until it is ended.
fn sleeper() -> Value {
    json!({
        "setting": { "binPath": "/bin/sh", "ready": { "log": "up" } },
        "start": { "startCmds": ["-c", "echo up; while :; do sleep 0.05; done"] },
    })
}

/// With further keys.
fn and(mut store: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        match (store.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new.clone()),
            _ => {
                store[key] = value.clone();
            }
        }
    }
    store
}

fn sh(script: &str) -> Value {
    json!({ "name": "exec", "binPath": "/bin/sh", "cmds": ["-c", script] })
}

impl Home {
    fn app_dir(&self, app: &str) -> PathBuf {
        self.service.library.app_dir(&name(app))
    }

    fn put(&self, app: &str, store: Value) {
        write_app(&self.app_dir(app), app, json!({}), store);
    }

    async fn submit(&self, app: &str, action: Action) -> Result<Ticket, Failure> {
        self.service.jobs.submit(&name(app), action).await
    }

    async fn run(&self, app: &str, action: Action) -> Arc<JobRecord> {
        self.submit(app, action).await.unwrap().finished().await
    }

    async fn list(&self, app: &str, list: &str) -> Arc<JobRecord> {
        self.run(app, setting(Some(list), json!({}))).await
    }

    async fn refused(&self, app: &str, action: Action) -> Failure {
        self.submit(app, action).await.err().unwrap()
    }

    fn state(&self, app: &str) -> State {
        self.service.supervisor.status(&name(app)).state
    }

    fn wanted(&self, app: &str) -> bool {
        self.service.database.app(&name(app)).wanted
    }

    fn read(&self, app: &str, file: &str) -> String {
        fs::read_to_string(self.app_dir(app).join(file)).unwrap()
    }

    async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let wait = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
        assert!(waited.is_ok(), "waited in vain until {what}");
    }
}

fn setting(list: Option<&str>, changes: Value) -> Action {
    Action::Setting {
        list: list.map(str::to_owned),
        changes: changes.as_object().unwrap().clone(),
        unset: Vec::new(),
        restart: false,
    }
}

fn succeeded(record: &Arc<JobRecord>) {
    assert_eq!(record.state, JobState::Succeeded, "{record:#?}");
    assert_eq!(record.warnings, [""; 0]);
}

fn failed(record: &Arc<JobRecord>, code: FailureCode, message: &str) {
    assert_eq!(record.state, JobState::Failed, "{record:#?}");
    let error = record.error.as_ref().unwrap();
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[tokio::test]
async fn an_app_starts_once_and_stops() {
    on_a_home(async |home| {
        home.put("a", sleeper());
        succeeded(&home.run("a", Action::Start).await);
        let status = home.service.supervisor.status(&name("a"));
        assert_eq!(status.state, State::Running);
        assert!(home.wanted("a"));
        let again = home.run("a", Action::Start).await;
        succeeded(&again);
        assert_eq!(again.steps.len(), 1);
        assert_eq!(home.service.supervisor.status(&name("a")).pid, status.pid);
        succeeded(&home.run("a", Action::Restart).await);
        assert_ne!(home.service.supervisor.status(&name("a")).pid, status.pid);
        succeeded(&home.run("a", Action::Stop).await);
        assert_eq!(home.state("a"), State::Stopped);
        assert!(!home.wanted("a"));
        succeeded(&home.run("a", Action::Stop).await);
    })
    .await;
}

#[tokio::test]
async fn the_lists_around_a_start_see_its_environment_and_run_in_order() {
    on_a_home(async |home| {
        let store = and(
            sleeper(),
            json!({
                "commands": {
                    "before": [sh("echo before $WHO $EMPTY- >> order")],
                    "after": [sh("echo after >> order")],
                    "restart": [{ "name": "restart" }],
                },
                "start": {
                    "startEnvs": [{ "name": "WHO", "value": "{name}" }, { "name": "EMPTY" }],
                    "beforeCmds": ["before"],
                    "afterCmds": ["after"],
                },
            }),
        );
        home.put("a", store);
        let record = home.run("a", Action::Start).await;
        succeeded(&record);
        assert_eq!(home.read("a", "order"), "before a -\nafter\n");
        assert_eq!(record.steps.len(), 3);
        assert_eq!(record.steps[1].lists, ["start", "before"]);
        assert!(
            record
                .steps
                .iter()
                .all(|step| step.state == JobState::Succeeded)
        );
        assert_eq!(record.steps[1].exit_code, Some(0));
        succeeded(&home.list("a", "restart").await);
        assert_eq!(home.read("a", "order").lines().count(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_ends_at_once_fails_the_start_with_its_last_words() {
    on_a_home(async |home| {
        home.put(
            "a",
            json!({
                "setting": { "binPath": "/bin/sh" },
                "start": { "startCmds": ["-c", "echo port 80 is taken; exit 3"] },
            }),
        );
        let record = home.run("a", Action::Start).await;
        failed(&record, FailureCode::Failed, "port 80 is taken");
        assert!(!home.wanted("a"));
        home.put(
            "a",
            json!({ "setting": { "binPath": "{exePath}/bin/none" } }),
        );
        let record = home.run("a", Action::Start).await;
        failed(&record, FailureCode::Failed, "bin/none` is not there");
        write(&home.app_dir("a").join("bin/none"), "#!/bin/sh");
        let record = home.run("a", Action::Start).await;
        failed(&record, FailureCode::Failed, "chmod +x");
        home.put("a", json!({}));
        let record = home.run("a", Action::Start).await;
        failed(&record, FailureCode::Invalid, "no program to start");
    })
    .await;
}

#[tokio::test]
async fn settings_are_saved_and_used_every_time_anew() {
    on_a_home(async |home| {
        let store = json!({
            "config": { "port": 1, "dir": "{exePath}/data", "password": "old" },
            "commands": { "set": [
                { "name": "changeFile", "tplPath": "a.tpl", "filePath": "{dir}/a.conf" },
                { "name": "writeFile", "filePath": "sub/b", "content": "{port} {password}" },
                { "name": "exec", "binPath": "/bin/sh", "cmds": ["-c", "echo \"$0\" > c", "{port} 'x'"],
                  "envs": [{ "name": "P", "value": "{port}" }] },
            ] },
        });
        home.put("a", store);
        write(&home.app_dir("a").join("a.tpl"), "port={port}\n{nobody}");
        for port in [json!(3307), json!("4\\5")] {
            let change = json!({ "port": port, "password": "hush" });
            let record = home.run("a", setting(Some("set"), change)).await;
            assert_eq!(record.state, JobState::Succeeded, "{record:#?}");
            assert_eq!(record.warnings.len(), 1);
            assert!(record.warnings[0].contains("{nobody}"));
            assert!(!serde_json::to_string(&*record).unwrap().contains("hush"));
        }
        assert_eq!(home.read("a", "data/a.conf"), "port=4/5\n{nobody}");
        assert_eq!(home.read("a", "sub/b"), "4/5 hush");
        assert_eq!(home.read("a", "c"), "4/5 'x'\n");
        // `***` is what a page was shown, and no new password.
        let record = home.run("a", setting(None, json!({ "password": "***" }))).await;
        succeeded(&record);
        assert!(record.steps.is_empty());
        let unset = Action::Setting {
            list: Some("set".to_owned()),
            changes: Map::new(),
            unset: vec!["port".to_owned()],
            restart: false,
        };
        home.run("a", unset).await;
        assert_eq!(home.read("a", "sub/b"), "1 hush");
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_at_once() {
    on_a_home(async |home| {
        home.put(
            "a",
            json!({ "config": { "x": "1" }, "commands": { "one": [], "two": [] } }),
        );
        let failure = home.refused("b", Action::Start).await;
        assert_eq!(failure.code, FailureCode::NotFound);
        let failure = home.refused("b", Action::Stop).await;
        assert_eq!(failure.code, FailureCode::NotFound);
        let failure = home.refused("a", setting(Some("three"), json!({}))).await;
        assert_eq!(failure.code, FailureCode::NotFound);
        assert!(failure.message.contains("one, two"), "{failure}");
        let failure = home
            .refused("a", setting(None, json!({ "x": "a\nb" })))
            .await;
        assert_eq!(failure.code, FailureCode::Invalid, "{failure}");
        let failure = home
            .refused("a", setting(None, json!({ "x": "{y}", "y": "{x}" })))
            .await;
        assert_eq!(failure.code, FailureCode::Invalid, "{failure}");
        assert!(home.service.database.app(&name("a")).config.is_empty());
        home.put(
            "a",
            json!({ "commands": { "one": [{ "name": "one" }], "two": [{ "name": "exce" }] } }),
        );
        for list in ["one", "two"] {
            let failure = home
                .refused("a", setting(Some(list), json!({ "x": "2" })))
                .await;
            assert_eq!(failure.code, FailureCode::Manifest, "{failure}");
        }
        write(&home.app_dir("a").join("store.json"), "{");
        let failure = home
            .refused("a", setting(Some("one"), json!({ "x": "2" })))
            .await;
        assert_eq!(failure.code, FailureCode::Manifest, "{failure}");
        assert!(failure.data["problems"][0]["message"].is_string());
        // A start reads the files only when it is its turn.
        let record = home.run("a", Action::Start).await;
        failed(&record, FailureCode::Manifest, "store.json");
        succeeded(&home.run("a", Action::Stop).await);
    })
    .await;
}

#[tokio::test]
async fn a_non_zero_exit_is_a_warning_unless_strict_and_a_missing_program_an_error() {
    on_a_home(async |home| {
        let strict = and(sh("exit 2"), json!({ "strict": true }));
        home.put(
            "a",
            json!({ "commands": {
                "lax": [sh("echo oh no >&2; exit 7"), sh("echo done > done")],
                "strict": [strict, sh("echo no > strict")],
                "missing": [{ "name": "exec", "binPath": "bin/x", "cmds": [] }, sh("echo no > missing")],
            } }),
        );
        let record = home.list("a", "lax").await;
        assert_eq!(record.state, JobState::Succeeded);
        assert_eq!(record.steps[0].exit_code, Some(7));
        assert!(record.warnings[0].contains("exit code 7"), "{record:?}");
        assert!(record.warnings[0].contains("oh no"), "{record:?}");
        assert_eq!(home.read("a", "done"), "done\n");
        let log = home.service.library.job_log(record.id);
        assert_eq!(fs::read_to_string(log).unwrap(), "oh no\n");
        let record = home.list("a", "strict").await;
        failed(&record, FailureCode::Failed, "commands.strict[0]");
        failed(&home.list("a", "missing").await, FailureCode::Failed, "bin/x` is not there");
        assert!(!home.app_dir("a").join("strict").exists());
        assert!(!home.app_dir("a").join("missing").exists());
    })
    .await;
}

#[tokio::test]
async fn steps_wait_end_and_give_up_as_they_say() {
    on_a_home(async |home| {
        let forever = "echo up; while :; do sleep 0.05; done";
        home.put(
            "a",
            json!({ "commands": {
                "kill": [and(sh(forever), json!({ "kill": true, "waiting": "0.2" })), sh("echo next > next")],
                "timeout": [and(sh(forever), json!({ "timeout": 0.2 }))],
                "until": [and(sh(forever), json!({ "kill": true, "until": { "log": "up" } }))],
                "never": [and(sh(forever), json!({ "kill": true, "until": { "file": "none", "timeout": 0.2 } }))],
                "after": [and(sh("sleep 0.1"), json!({ "waiting": 0.2 }))],
                "helper": [and(sh(forever), json!({ "detach": true, "until": { "log": "up" } }))],
                "stop": [{ "name": "stop" }],
            } }),
        );
        succeeded(&home.list("a", "kill").await);
        assert_eq!(home.read("a", "next"), "next\n");
        failed(&home.list("a", "timeout").await, FailureCode::Failed, "did not end within 0.2 s");
        succeeded(&home.list("a", "until").await);
        failed(&home.list("a", "never").await, FailureCode::Failed, "was waited for in vain");
        let record = home.list("a", "after").await;
        let step = &record.steps[0];
        assert!(step.ended_at.unwrap() - step.started_at.unwrap() >= 290, "{step:?}");
        let supervisor = &home.service.supervisor;
        assert_eq!(supervisor.processes(&name("a")).await, [0; 0]);
        succeeded(&home.list("a", "helper").await);
        assert!(!supervisor.processes(&name("a")).await.is_empty());
        succeeded(&home.list("a", "stop").await);
        assert_eq!(supervisor.processes(&name("a")).await, [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn file_steps_do_what_they_say() {
    on_a_home(async |home| {
        home.put(
            "a",
            json!({ "config": { "empty": "" }, "commands": {
                "all": [
                    { "name": "mkdir", "FilePath": "{exePath}/x/y" },
                    { "name": "mkdir", "FilePath": "x/y" },
                    { "name": "writeFile", "filePath": "x/y/run.sh", "content": "" },
                    sh("echo text > x/y/run.sh; chmod 750 x/y/run.sh"),
                    { "name": "zip", "filePath": "x/y", "content": "out/y.zip" },
                    { "name": "unzip", "filePath": "out/y.zip", "content": "z" },
                    { "name": "deleteFile", "filePath": "x/y/run.sh" },
                    { "name": "deleteFile", "filePath": "x/y" },
                    { "name": "deleteFile", "filePath": "x/y" },
                ],
                "full": [{ "name": "deleteFile", "filePath": "z" }],
                "nothing": [{ "name": "deleteFile", "filePath": "{empty}" }],
                "template": [{ "name": "changeFile", "filePath": "q", "tplPath": "none.tpl" }],
                "archive": [{ "name": "unzip", "filePath": "none.zip", "content": "q" }],
                "unknown": [{ "name": "mkdir", "filePath": "{who}/x" }],
                "blocked": [{ "name": "writeFile", "filePath": "install.json/x", "content": "" }],
            } }),
        );
        succeeded(&home.list("a", "all").await);
        assert_eq!(home.read("a", "z/y/run.sh"), "text\n");
        let mode = fs::metadata(home.app_dir("a").join("z/y/run.sh")).unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
            0o750
        );
        assert!(!home.app_dir("a").join("x/y").exists());
        for (list, message) in [
            ("full", "is not empty"),
            ("template", "none.tpl` is not there"),
            ("archive", "none.zip"),
            ("blocked", "install.json/x` cannot be written"),
        ] {
            failed(&home.list("a", list).await, FailureCode::Failed, message);
        }
        failed(
            &home.list("a", "nothing").await,
            FailureCode::Invalid,
            "is empty",
        );
        failed(
            &home.list("a", "unknown").await,
            FailureCode::Invalid,
            "{who}",
        );
    })
    .await;
}

#[tokio::test]
async fn one_job_at_a_time_per_app_and_a_queued_one_can_be_canceled() {
    on_a_home(async |home| {
        let list = [sh("echo begin >> order; sleep 0.2; echo end >> order")];
        home.put("a", json!({ "commands": { "slow": list } }));
        let slow = || setting(Some("slow"), json!({}));
        let first = home.submit("a", slow()).await.unwrap();
        let second = home.submit("a", slow()).await.unwrap();
        let third = home.submit("a", slow()).await.unwrap();
        let jobs = &home.service.jobs;
        jobs.cancel(third.id).unwrap();
        let listed = jobs.list(Some(&name("a")), 2).await;
        assert_eq!(listed[0].id, third.id);
        assert_eq!(listed[1].state, JobState::Queued);
        let id = third.id;
        assert_eq!(third.finished().await.state, JobState::Canceled);
        succeeded(&first.finished().await);
        succeeded(&second.finished().await);
        assert_eq!(home.read("a", "order"), "begin\nend\nbegin\nend\n");
        assert_eq!(jobs.get(id).await.unwrap().state, JobState::Canceled);
        assert_eq!(jobs.cancel(id).unwrap_err().code, FailureCode::Conflict);
        assert_eq!(jobs.cancel(999).unwrap_err().code, FailureCode::NotFound);
        assert!(jobs.get(999).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_cancel_ends_the_program_of_the_step() {
    on_a_home(async |home| {
        let list = [sh("echo $$ > pid; while :; do sleep 0.05; done")];
        home.put("a", json!({ "commands": { "long": list } }));
        let job = home
            .submit("a", setting(Some("long"), json!({})))
            .await
            .unwrap();
        let file = home.app_dir("a").join("pid");
        home.until("it runs", || {
            fs::read_to_string(&file).is_ok_and(|pid| !pid.is_empty())
        })
        .await;
        home.service.jobs.cancel(job.id).unwrap();
        let record = job.finished().await;
        assert_eq!(record.state, JobState::Canceled);
        assert_eq!(record.steps[0].state, JobState::Canceled);
        let pid = fs::read_to_string(file).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    })
    .await;
}

#[tokio::test]
async fn a_stop_ends_a_start_that_is_under_way() {
    on_a_home(async |home| {
        let never = json!({ "setting": { "ready": { "file": "never", "timeout": 60 } } });
        home.put("a", and(sleeper(), never));
        let start = home.submit("a", Action::Start).await.unwrap();
        home.until("it starts", || home.state("a") == State::Starting)
            .await;
        succeeded(&home.run("a", Action::Stop).await);
        assert_eq!(start.finished().await.state, JobState::Canceled);
        assert_eq!(home.state("a"), State::Stopped);
        assert!(!home.wanted("a"));
    })
    .await;
}

#[tokio::test]
async fn apps_start_and_stop_each_other() {
    on_a_home(async |home| {
        home.put("a", sleeper());
        home.put(
            "b",
            and(
                sleeper(),
                json!({
                    "commands": {
                        "up": [{ "name": "startApp", "content": "a" }],
                        "down": [{ "name": "stopApp", "content": "a" }],
                        "none": [{ "name": "startApp", "content": "c" }],
                    },
                    "start": { "beforeCmds": ["up"] },
                }),
            ),
        );
        succeeded(&home.run("b", Action::Start).await);
        assert_eq!(home.state("a"), State::Running);
        succeeded(&home.list("b", "up").await);
        succeeded(&home.list("b", "down").await);
        assert_eq!(home.state("a"), State::Stopped);
        failed(
            &home.list("b", "none").await,
            FailureCode::NotFound,
            "no app `c`",
        );
    })
    .await;
}

#[tokio::test]
async fn apps_that_start_each_other_are_refused_before_anything_runs() {
    on_a_home(async |home| {
        for (app, other) in [("a", "b"), ("b", "a")] {
            let more = json!({
                "commands": { "other": [sh("echo no > ran"), { "name": "startApp", "content": other }] },
                "start": { "beforeCmds": ["other"] },
            });
            home.put(app, and(sleeper(), more));
        }
        let record = home.run("a", Action::Start).await;
        failed(&record, FailureCode::Conflict, "a → b → a");
        assert!(!home.app_dir("a").join("ran").exists());
        assert_eq!(home.state("b"), State::Stopped);
    })
    .await;
}

#[tokio::test]
async fn lists_that_wait_for_each_other_do_not_hang() {
    on_a_home(async |home| {
        for (app, other) in [("a", "b"), ("b", "a")] {
            let list = json!([sh("sleep 0.2"), { "name": "startApp", "content": other }]);
            home.put(
                app,
                and(sleeper(), json!({ "commands": { "other": list } })),
            );
        }
        let first = home
            .submit("a", setting(Some("other"), json!({})))
            .await
            .unwrap();
        let second = home
            .submit("b", setting(Some("other"), json!({})))
            .await
            .unwrap();
        let both = [first.finished().await, second.finished().await];
        let refused: Vec<_> = both
            .iter()
            .filter_map(|record| record.error.as_ref())
            .collect();
        assert_eq!(refused.len(), 1, "{both:#?}");
        assert_eq!(refused[0].code, FailureCode::Conflict);
        assert!(
            refused[0].message.contains("wait for each other"),
            "{}",
            refused[0]
        );
    })
    .await;
}

#[tokio::test]
async fn an_app_is_installed_in_place_with_its_config_file_and_pages() {
    on_a_home(async |home| {
        let dir = home.app_dir("a");
        home.put(
            "a",
            json!({
                "setting": { "binPath": "/bin/sh", "confPath": "{exePath}/a.conf" },
                "config": { "port": 268_435_456 },
                "commands": { "init": [sh("echo $WHO > who; cat a.conf >> who")] },
                "install": {
                    "installEnvs": [{ "name": "WHO", "value": 5 }],
                    "installCmds": ["init"],
                },
            }),
        );
        write(&dir.join("a.conf.tpl"), "port={port}\n");
        write(&dir.join("static/index.html"), "one");
        let install = Action::Install(Source::InPlace.into());
        let record = home.run("a", install.clone()).await;
        succeeded(&record);
        assert_eq!(home.read("a", "who"), "5\nport=268435456\n");
        let record = home.service.database.app(&name("a"));
        assert_eq!(record.installed.as_deref(), Some("1.0"));
        let page = home
            .service
            .library
            .app_static_dir(&name("a"))
            .join("index.html");
        assert_eq!(fs::read_to_string(&page).unwrap(), "one");
        write(&dir.join("static/index.html"), "two");
        succeeded(&home.run("a", install).await);
        assert_eq!(fs::read_to_string(&page).unwrap(), "two");
        assert_eq!(home.read("a", "static/index.html"), "two");
    })
    .await;
}

#[tokio::test]
async fn dependencies_are_asked_for_and_held_against_an_uninstall() {
    on_a_home(async |home| {
        let needs = json!({ "dependencies": [
            { "name": "lib", "value": ">=1.0" }, { "name": "gone", "value": "" },
        ] });
        write_app(&home.app_dir("a"), "a", needs, json!({}));
        home.put("lib", json!({}));
        let install = Action::Install(Source::InPlace.into());
        let record = home.run("a", install.clone()).await;
        failed(&record, FailureCode::Conflict, "gone");
        let data = &record.error.as_ref().unwrap().data;
        assert_eq!(
            data["dependencies"],
            json!([{ "name": "gone", "value": "" }])
        );
        home.put("gone", json!({}));
        succeeded(&home.run("a", install).await);
        let uninstall = Action::Uninstall { purge: false };
        let failure = home.refused("lib", uninstall.clone()).await;
        assert_eq!(failure.code, FailureCode::Conflict);
        assert!(failure.message.contains("needed by a"), "{failure}");
        home.run("a", uninstall.clone()).await;
        assert_eq!(home.run("lib", uninstall).await.state, JobState::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_copied_and_its_uninstall_keeps_the_data() {
    on_a_home(async |home| {
        let source = tempfile::tempdir().unwrap();
        let store = and(
            sleeper(),
            json!({
                "commands": { "uninstall": [sh("echo bye > data/bye")], "go": [{ "name": "start" }] },
                "install": { "installCmds": ["go"] },
            }),
        );
        write_app(source.path(), "a", json!({}), store);
        write(&source.path().join("data/x"), "x");
        let install = Action::Install(Source::Folder(source.path().to_owned()).into());
        succeeded(&home.run("a", install.clone()).await);
        assert_eq!(home.state("a"), State::Running);
        assert_eq!(home.read("a", "data/x"), "x");
        let pid = home.service.supervisor.status(&name("a")).pid;
        write(&home.app_dir("a").join("data/y"), "mine");
        succeeded(&home.run("a", install.clone()).await);
        assert_eq!(home.read("a", "data/y"), "mine");
        assert_ne!(home.service.supervisor.status(&name("a")).pid, pid);
        let record = home.run("a", Action::Uninstall { purge: false }).await;
        assert_eq!(record.state, JobState::Succeeded, "{record:#?}");
        assert_eq!(home.state("a"), State::Stopped);
        assert!(!home.app_dir("a").exists());
        let trash = home.dir.path().join("trash");
        let kept = fs::read_dir(trash).unwrap().next().unwrap().unwrap().path();
        assert_eq!(fs::read_to_string(kept.join("data/data/bye")).unwrap(), "bye\n");
        assert_eq!(fs::read_to_string(kept.join("data/data/y")).unwrap(), "mine");
        assert!(!kept.join("data/store.json").exists());
        assert!(source.path().join("data/x").exists());

        succeeded(&home.run("a", install).await);
        succeeded(&home.run("a", setting(None, json!({ "x": "1" }))).await);
        succeeded(&home.run("a", Action::Uninstall { purge: true }).await);
        assert!(!home.app_dir("a").exists());
        assert_eq!(home.service.database.apps(), []);
        assert_eq!(home.service.names(), []);
    })
    .await;
}

#[tokio::test]
async fn a_developers_folder_is_linked_and_never_touched() {
    on_a_home(async |home| {
        let source = tempfile::tempdir().unwrap();
        let store = json!({ "commands": { "uninstall": [sh("echo bye > bye")] } });
        write_app(source.path(), "a", json!({ "isDev": true }), store);
        let install = Action::Install(Source::Folder(source.path().to_owned()).into());
        succeeded(&home.run("a", install.clone()).await);
        succeeded(&home.run("a", install).await);
        assert!(home.app_dir("a").is_symlink());
        assert_eq!(home.service.names(), [name("a")]);
        succeeded(&home.run("a", Action::Uninstall { purge: true }).await);
        assert!(!home.app_dir("a").exists());
        assert!(source.path().join("install.json").exists());
        assert!(source.path().join("bye").exists());
    })
    .await;
}

#[tokio::test]
async fn an_install_that_fails_is_taken_back() {
    on_a_home(async |home| {
        let source = tempfile::tempdir().unwrap();
        let store = and(
            sleeper(),
            json!({
                "commands": { "go": [{ "name": "start" }, { "name": "unzip", "filePath": "no.zip", "content": "x" }] },
                "install": { "installCmds": ["go"] },
            }),
        );
        write_app(source.path(), "a", json!({}), store);
        write(&source.path().join("static/index.html"), "");
        let install = Action::Install(Source::Folder(source.path().to_owned()).into());
        failed(&home.run("a", install).await, FailureCode::Failed, "no.zip");
        assert!(!home.app_dir("a").exists());
        assert!(!home.service.library.app_static_dir(&name("a")).exists());
        assert_eq!(home.state("a"), State::Stopped);
        assert!(!home.wanted("a"));
        assert_eq!(home.service.database.app(&name("a")).installed, None);
    })
    .await;
}

#[tokio::test]
async fn what_ran_comes_back_with_the_service_and_what_was_stopped_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::open(dir.path()).await.unwrap();
    let home = Home { dir, service };
    for app in ["a", "b"] {
        home.put(app, sleeper());
        home.run(app, Action::Start).await;
    }
    home.run("b", Action::Stop).await;
    let held = Service::open(home.dir.path()).await.err().unwrap();
    let pid = std::process::id().to_string();
    assert!(held.to_string().contains(&pid), "{held}");
    let Home { dir, service } = home;
    let left = JobRecord {
        state: JobState::Running,
        ..(*service.jobs.list(None, 1).await[0]).clone()
    };
    let row = JobRow {
        id: left.id,
        app: left.app.clone(),
        unfinished: true,
        record: serde_json::to_string(&left).unwrap(),
    };
    service.database.save_job(row).await.unwrap();
    service.close().await;

    let service = Service::open(dir.path()).await.unwrap();
    let home = Home { dir, service };
    home.until("it is back", || home.state("a") == State::Running)
        .await;
    assert_eq!(home.state("b"), State::Stopped);
    let record = home.service.jobs.get(left.id).await.unwrap();
    assert_eq!(record.state, JobState::Interrupted);
    assert!(record.error.is_some());
    let newest = home.service.jobs.list(None, 1).await[0].id;
    assert!(newest > left.id);
    home.service.close().await;
}

#[tokio::test]
async fn an_app_that_ended_by_itself_is_not_brought_back() {
    on_a_home(async |home| {
        let once = json!({
            "setting": { "binPath": "/bin/sh", "ready": { "log": "up" } },
            "start": { "startCmds": ["-c", "echo up; sleep 0.3"] },
        });
        home.put("a", once);
        succeeded(&home.run("a", Action::Start).await);
        assert!(home.wanted("a"));
        home.until("it is no longer wanted", || !home.wanted("a"))
            .await;
    })
    .await;
}
