//! Installing and uninstalling: the author's files stay as they are.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Service, alive, child};

const PICTURE: &str = r#"<svg xmlns="http://www.w3.org/2000/svg"/>"#;

/// B14
#[tokio::test]
async fn static_files_are_copied_and_brought_up_to_date() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(&["forever"], json!({}))
        .file("static/index.html", "<p>first")
        .file("static/deep/old.txt", "old")
        .install()
        .await;
    assert_eq!(
        app.read("static/index.html"),
        "<p>first",
        "it was moved away"
    );
    let page = service.get("/static/x/").await.must_be(200);
    assert_eq!(page.text, "<p>first");
    service.get("/static/x/deep/old.txt").await.must_be(200);

    let app = app.file("static/index.html", "<p>second");
    fs::remove_dir_all(app.path().join("static/deep")).unwrap();
    app.install().await;
    let page = service.get("/static/x/").await.must_be(200);
    assert_eq!(page.text, "<p>second");
    service.get("/static/x/deep/old.txt").await.must_be(404);
}

/// B15
#[tokio::test]
async fn the_icon_is_store_jsons_file_if_it_exists_else_install_jsons() {
    let service = Service::start_new().await;
    let remote = "http://pictures.example/x.png";
    for (name, in_store, in_install, expected) in [
        ("both", "own.svg", "other.svg", Some("/static/both/own.svg")),
        (
            "missing",
            "gone.svg",
            "other.svg",
            Some("/static/missing/other.svg"),
        ),
        (
            "install",
            "",
            "other.svg",
            Some("/static/install/other.svg"),
        ),
        ("remote", "", remote, Some(remote)),
        ("kept", "own.svg", remote, Some("/static/kept/own.svg")),
        ("nothing", "", "", None),
        ("nowhere", "", "gone.svg", None),
    ] {
        let app = service
            .app(name)
            .install_json(json!({ "icon": in_install }))
            .runs(&["forever"], json!({ "icon": in_store }))
            .file("static/own.svg", PICTURE)
            .file("static/other.svg", PICTURE);
        let before = app.read("install.json");
        let app = app.install().await;
        assert_eq!(
            app.read("install.json"),
            before,
            "the author's file was changed"
        );

        let info = service
            .get(&format!("/store/installInfo?name={name}"))
            .await
            .must_succeed()
            .json();
        let icon = info["data"]["icon"].as_str().unwrap_or_default();
        let Some(expected) = expected else {
            assert!(!icon.ends_with('/'), "{name}: a folder as icon: {icon}");
            continue;
        };
        assert!(icon.ends_with(expected), "{name}: {icon}");
        if let Some(path) = icon.split_once("/static/").map(|(_, path)| path) {
            service.get(&format!("/static/{path}")).await.must_be(200);
        }
    }
}

/// B16
#[tokio::test]
async fn only_missing_dependencies_are_in_the_way() {
    let service = Service::start_new().await;
    service
        .app("there")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let needs = json!([{ "name": "there", "value": "" }]);
    service
        .app("fine")
        .install_json(json!({ "dependencies": needs }))
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let needs = json!([{ "name": "there", "value": 1 }, { "name": "gone", "value": "" }]);
    service
        .app("lacking")
        .install_json(json!({ "dependencies": needs }))
        .runs(&["forever"], json!({}));
    service.install("lacking").await.must_fail_with("gone");
    service.uninstall("there").await.must_fail_with("fine");
}

/// B17
#[tokio::test]
async fn uninstalling_a_dev_app_runs_its_list_and_leaves_its_folder() {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .runs(
            &["forever"],
            json!({ "commands": { "uninstall": [
                { "name": "exec", "binPath": child(), "cmds": ["sleep:0.3", "append:journal=cleaned"] },
            ] } }),
        )
        .file("static/index.html", "<p>page")
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    let store = app.read("store.json");

    let answer = service.uninstall("x").await.must_succeed();
    assert_eq!(answer.json()["data"], "success");
    assert!(!alive(pid));
    assert_eq!(app.read("journal"), "cleaned\n", "it was not waited for");
    assert_eq!(app.read("store.json"), store);
    assert_eq!(app.read("static/index.html"), "<p>page");
    assert!(!service.home().join("static/x").exists());
    assert!(service.row("x").await.is_none_or(|row| !row.running));
}

/// B26
#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let service = Service::start_new().await;
    let outside = service.home().join("outside");
    fs::create_dir_all(outside.join("static")).unwrap();
    fs::write(outside.join("secret.txt"), "a s3cret").unwrap();
    fs::write(
        outside.join("install.json"),
        r#"{"name":"outside","isDev":true}"#,
    )
    .unwrap();
    let before = tree(&outside);
    for name in [
        "../../outside",
        "..%2f..%2foutside",
        "..%5C..%5Coutside",
        ".",
        "..",
        "",
        "x%00y",
        "x%0Ay",
        "%2Fetc",
        "C:%5Cx",
        "con",
        "a%2Fb",
        "%2e%2e%2f%2e%2e%2foutside",
    ] {
        for path in [
            format!("/store/install?name={name}"),
            format!("/store/installInfo?name={name}"),
            format!("/store/uninstall?name={name}"),
            format!("/store/start/{name}"),
            format!("/store/stop/{name}"),
            format!("/store/restart/{name}"),
        ] {
            let answer = service.get_raw(&path).await;
            let refused = answer.starts_with("HTTP/1.1 4") || answer.contains("\"code\":-1");
            assert!(refused, "{path}: {answer}");
        }
        for path in [
            format!("/static/{name}/secret.txt"),
            format!("/static/{name}/../secret.txt"),
            "/static/../outside/secret.txt".to_owned(),
            "/static//../outside/secret.txt".to_owned(),
        ] {
            let answer = service.get_raw(&path).await;
            assert!(!answer.contains("s3cret"), "{path}: {answer}");
        }
    }
    assert_eq!(tree(&outside), before);
    assert!(service.rows().await.is_empty());
    let mistaken: Value = json!({ "name": "other", "isDev": true });
    service
        .app("x")
        .install_json(mistaken)
        .runs(&["forever"], json!({}));
    service.install("x").await.must_fail_with("other");
}

fn tree(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
