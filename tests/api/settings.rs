//! Settings as a form: previewed, applied, and gone back from.

use serde_json::{Value, json};

use super::{get_json, patch, texts};
use crate::support::{Answer, Service, free_port, until};

/// An app whose program listens on its port, and whose list writes it to a file.
fn store(port: u16) -> Value {
    json!({
        "config": { "port": port, "password": "root", "mode": "fast", "dataDir": "{exePath}/data" },
        "configSchema": {
            "title": { "en": "Test", "zh": "测试" },
            "properties": {
                "mode": { "enum": ["fast", "safe"], "title": { "en": "Mode", "zh": "模式" }, "order": 1 },
                "port": { "x-kind": "port", "minimum": 1024 },
            },
            "required": ["password"],
        },
        "setting": { "ready": { "port": "{port}" } },
        "commands": { "setting": [
            { "name": "writeFile", "filePath": "{exePath}/x.conf", "content": "port={port}\nmode={mode}\n" },
            { "name": "restart" },
        ]},
    })
}

async fn running(service: &Service, port: u16) {
    let _app = service
        .app("a")
        .runs(&["listen:{port}", "forever"], store(port))
        .installed_and_started()
        .await;
}

#[tokio::test]
async fn a_form_says_what_there_is_to_set() {
    let service = Service::start_new().await;
    running(&service, free_port()).await;
    let form = get_json(&service, "/api/apps/a/form").await;
    assert_eq!(form["title"]["zh"], "测试");
    assert_eq!(form["apply"], "setting");
    assert_eq!(
        texts(&form["fields"], "key"),
        ["mode", "port", "password", "dataDir"]
    );
    assert_eq!(
        texts(&form["fields"], "kind"),
        ["choice", "port", "secret", "folder"]
    );
    let [mode, port, password, _] = form["fields"].as_array().unwrap().as_slice() else {
        panic!("{form}");
    };
    assert_eq!(mode["choices"][1]["value"], "safe");
    assert_eq!(
        (&port["min"], &port["max"]),
        (&json!(1024.0), &json!(65535.0))
    );
    assert_eq!(
        (&password["value"], &password["required"]),
        (&json!("***"), &json!(true))
    );
    service.get("/api/apps/none/form").await.must_be(404);
}

#[tokio::test]
async fn a_preview_shows_what_changes_in_which_file_and_saves_nothing() {
    let service = Service::start_new().await;
    let port = free_port();
    running(&service, port).await;
    let new = free_port();
    let wish = json!({ "set": { "port": new, "password": "s3cret" } });
    let preview = service
        .post("/api/apps/a/preview", &wish)
        .await
        .must_be(200);
    assert!(!preview.text.contains("s3cret"), "{}", preview.text);
    let preview = preview.json();
    assert_eq!(preview["ok"], true, "{preview}");
    let change = json!({ "key": "port", "from": port, "to": new });
    assert_eq!(preview["settings"][0], change);
    assert_eq!(preview["settings"][1]["to"], "***");
    let file = &preview["files"][0];
    assert_eq!(
        (&file["path"], &file["change"]),
        (&json!("x.conf"), &json!("created"))
    );
    let line = format!("+port={new}");
    assert!(file["diff"].as_str().unwrap().contains(&line), "{file}");
    assert_eq!(preview["outside"], json!([]));
    let config = get_json(&service, "/api/apps/a/config").await;
    assert_eq!(config["port"], port);
    assert_eq!(service.existing_app("a").read("x.conf"), "");
    let unknown = service.post("/api/apps/a/preview/none", &wish).await;
    unknown.must_be(404);
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_what_would() {
    let service = Service::start_new().await;
    let port = free_port();
    running(&service, port).await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().port();
    let problems = async |set: Value| {
        let wish = json!({ "set": set });
        let answer = service.post("/api/apps/a/preview", &wish).await;
        answer.must_be(200).json()
    };
    let held = problems(json!({ "port": taken })).await;
    assert_eq!(held["ok"], false);
    let problem = &held["problems"][0];
    assert_eq!(problem["key"], "port");
    let suggestion = problem["suggestion"].as_u64().unwrap();
    let better = problems(json!({ "port": suggestion })).await;
    assert_eq!(
        (&better["ok"], &better["problems"]),
        (&json!(true), &json!([]))
    );
    for (key, value) in [
        ("port", json!(80)),
        ("mode", json!("wild")),
        ("password", json!("")),
    ] {
        let told = problems(json!({ key: value })).await;
        assert_eq!(
            (&told["ok"], &told["problems"][0]["key"]),
            (&json!(false), &json!(key))
        );
        let body = json!({ "set": { key: value } });
        let refused = patch(&service, "/api/apps/a/config", &body)
            .await
            .must_be(400);
        assert_eq!(refused.json()["data"]["problems"][0]["key"], key);
    }
    // Its own port is no conflict.
    assert_eq!(
        problems(json!({ "port": port })).await["problems"],
        json!([])
    );
}

#[tokio::test]
async fn settings_that_do_not_work_are_gone_back_from() {
    let service = Service::start_new().await;
    let port = free_port();
    running(&service, port).await;
    let detail = get_json(&service, "/api/apps/a").await;
    assert_eq!(detail["lastWorking"], Value::Null);
    service
        .post("/api/apps/a/config/revert", &json!({}))
        .await
        .must_be(409);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().port();
    let body = json!({ "set": { "port": taken }, "run": "setting" });
    let applied = patch(&service, "/api/apps/a/config?wait=true", &body).await;
    applied.must_be(500);
    let last = get_json(&service, "/api/apps/a").await["lastWorking"].clone();
    assert_eq!(
        last["changes"],
        json!([{ "key": "port", "from": taken, "to": port }])
    );
    let mut service = service;
    service.kill_9();
    service.start_again().await;
    let form = get_json(&service, "/api/apps/a/form").await;
    assert_eq!(form["lastWorking"]["changes"], last["changes"]);
    let body = json!({ "run": "setting" });
    let reverted = service
        .post("/api/apps/a/config/revert?wait=true", &body)
        .await;
    reverted.must_be(200);
    until("it runs again", async || {
        service.runs("a").await.then_some(())
    })
    .await;
    let line = format!("port={port}");
    assert!(service.existing_app("a").read("x.conf").contains(&line));
    assert_eq!(
        get_json(&service, "/api/apps/a").await["lastWorking"],
        Value::Null
    );
}

#[tokio::test]
async fn an_app_without_a_list_is_restarted_with_its_new_settings() {
    let service = Service::start_new().await;
    let config = json!({ "config": { "word": "one" } });
    let _app = service
        .app("a")
        .runs(&["print:{word}", "forever"], config)
        .installed_and_started()
        .await;
    let old = service.app_pid("a").await;
    assert_eq!(
        get_json(&service, "/api/apps/a/form").await["apply"],
        Value::Null
    );
    let body = json!({ "set": { "word": "two" }, "restart": true });
    let applied = patch(&service, "/api/apps/a/config?wait=true", &body).await;
    applied.must_be(200);
    assert_ne!(service.app_pid("a").await, old);
    until("the new word is printed", async || {
        service.log("a").contains("two").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_app_is_installed_with_settings() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "port": 1, "password": "x" },
        "commands": { "init": [{ "name": "writeFile", "filePath": "{exePath}/x.conf", "content": "{port} {password}" }] },
        "install": { "installCmds": ["init"] },
    });
    let app = service.app("a").runs(&["forever"], store);
    let body = json!({ "set": { "port": 4711, "password": "generated" } });
    let installed = service.post("/api/apps/a/install?wait=true", &body).await;
    installed.must_be(200);
    assert_eq!(app.read("x.conf"), "4711 generated");
    assert_eq!(get_json(&service, "/api/apps/a/config").await["port"], 4711);
    let nonsense = service
        .request(reqwest::Method::POST, "/api/apps/a/install")
        .body("{");
    Answer::of(nonsense).await.must_be(400);
}

#[tokio::test]
async fn what_an_app_does_is_told() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "port": 4711 },
        "commands": { "init": [{ "name": "writeFile", "filePath": "/outside/x.conf", "content": "x" }] },
        "install": { "installCmds": ["init"] },
    });
    let info = json!({ "url": "https://a.example/x.zip" });
    let _app = service
        .app("a")
        .install_json(info)
        .runs(&["forever"], store);
    let effects = get_json(&service, "/api/apps/a/effects").await;
    assert_eq!(effects["outside"], json!(["/outside/x.conf"]));
    assert_eq!(effects["ports"], json!(["4711"]));
    assert_eq!(effects["hosts"], json!(["a.example"]));
    assert_eq!(effects["programs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_service_starts_with_the_session_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().to_str().unwrap();
    let environment = [("HOME", config), ("XDG_CONFIG_HOME", config)];
    let options = ["--allow-host", "nas", "--package-server", "127.0.0.1:0"];
    let service = Service::start_with(&options, &environment).await;
    let before = get_json(&service, "/api/settings").await["autostart"].clone();
    assert_eq!(
        (&before["enabled"], &before["possible"]),
        (&json!(false), &json!(true))
    );
    let place = before["place"].as_str().unwrap().to_owned();
    assert!(place.starts_with(config), "{place}");
    let set = async |wanted: bool| {
        let body = json!({ "autostart": wanted });
        let answer = patch(&service, "/api/settings", &body).await.must_be(200);
        answer.json()["autostart"]["enabled"].clone()
    };
    assert_eq!(set(true).await, true);
    let text = std::fs::read_to_string(&place).unwrap();
    let home = service.home();
    for part in [
        "[Desktop Entry]",
        "\"serve\" \"--home\"",
        home.to_str().unwrap(),
        "\"--allow-host\" \"nas\"",
        "\"--package-server\" \"127.0.0.1:0\"",
    ] {
        assert!(text.contains(part), "{part} {text}");
    }
    assert_eq!(set(false).await, false);
    assert!(!std::path::Path::new(&place).exists());
    assert_eq!(set(false).await, false);
}

#[tokio::test]
async fn a_secret_that_the_author_marked_is_shown_nowhere() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "pin": "s3cret-pin" },
        "configSchema": { "properties": { "pin": { "x-kind": "secret" } } },
        "commands": { "setting": [{ "name": "writeFile", "filePath": "{exePath}/x", "content": "{pin}" }] },
    });
    let _app = service.app("a").runs(&["forever"], store).install().await;
    let body = json!({ "set": { "pin": "0ther-pin" }, "run": "setting" });
    let applied = patch(&service, "/api/apps/a/config?wait=true", &body)
        .await
        .must_be(200);
    let wish = json!({ "set": { "pin": "third-pin" } });
    let preview = service
        .post("/api/apps/a/preview", &wish)
        .await
        .must_be(200);
    let mut shown = applied.text + &preview.text;
    for path in [
        "/api/apps/a",
        "/api/apps/a/form",
        "/api/apps/a/config",
        "/api/apps/a/plan/setting",
    ] {
        shown += &service.get(path).await.must_be(200).text;
    }
    for secret in ["s3cret-pin", "0ther-pin", "third-pin"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let same = json!({ "set": { "pin": "***" } });
    patch(&service, "/api/apps/a/config?wait=true", &same)
        .await
        .must_be(200);
    assert_eq!(
        get_json(&service, "/api/apps/a/config/pin").await["value"],
        "0ther-pin"
    );
}

#[tokio::test]
async fn what_does_not_match_its_pattern_is_refused() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "user": "admin" },
        "configSchema": { "properties": { "user": { "pattern": "^[a-z]+$" } } },
        "commands": { "setting": [] },
    });
    let _app = service.app("a").runs(&["forever"], store).install().await;
    let form = get_json(&service, "/api/apps/a/form").await;
    assert_eq!(form["fields"][0]["pattern"], "^[a-z]+$");
    let told = "`user` must match `^[a-z]+$`, not be `Admin 1`";
    let wish = json!({ "set": { "user": "Admin 1" } });
    let preview = service
        .post("/api/apps/a/preview", &wish)
        .await
        .must_be(200)
        .json();
    assert_eq!(preview["ok"], false);
    assert_eq!(preview["problems"][0]["message"], told);
    let refused = patch(&service, "/api/apps/a/config?wait=true", &wish).await;
    assert!(refused.must_be(400).message().contains(told));
    let fits = json!({ "set": { "user": "root" } });
    patch(&service, "/api/apps/a/config?wait=true", &fits)
        .await
        .must_be(200);
}

#[tokio::test]
async fn a_pattern_that_cannot_be_used_is_told_with_its_key() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "user": "admin" },
        "configSchema": { "properties": { "user": { "pattern": "^(a" } } },
    });
    let _app = service.app("a").runs(&["forever"], store);
    let problems = get_json(&service, "/api/apps/a/problems").await;
    let mut all = problems.as_array().unwrap().iter();
    let problem = all.find(|it| it["severity"] == "error").unwrap();
    assert_eq!(problem["path"], "configSchema.properties.user.pattern");
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("the `pattern` of `user`"), "{message}");
}

#[tokio::test]
async fn a_description_that_does_not_fit_the_settings_is_told() {
    let service = Service::start_new().await;
    let store = json!({
        "config": { "port": 80, "mode": "x" },
        "configSchema": {
            "properties": { "port": { "minimum": 1024 }, "mod": { "enum": ["x"] } },
            "required": ["none"], "x-apply": "seting",
        },
        "commands": { "setting": [] },
    });
    let _app = service.app("a").runs(&["forever"], store);
    let problems = get_json(&service, "/api/apps/a/problems").await;
    let told = |path: &str| {
        let problems = problems.as_array().unwrap();
        let found = problems.iter().find(|it| it["path"] == path);
        let found = found.unwrap_or_else(|| panic!("{path} is not in {problems:?}"));
        format!("{} {}", found["message"], found["help"])
    };
    assert!(told("config.port").contains("from 1024"));
    assert!(told("configSchema.properties.mod").contains("did you mean `mode`"));
    assert!(told("configSchema.required[0]").contains("`none`"));
    assert!(told("configSchema.x-apply").contains("did you mean `setting`"));
}
