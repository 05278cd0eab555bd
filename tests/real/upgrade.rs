//! A real MariaDB that is installed from packages, upgraded, brought back, removed and restored: its rows
//! are there each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::mariadb::ask;
use crate::support::{Answer, Service, demo_files, free_port, until};

const PASSWORD: &str = "change-me";

/// Makes a package of the demo app: of a version, with a template that tells it, and with a program that
/// works or falls.
fn package(service: &Service, version: &str, port: u16, works: bool) -> PathBuf {
    let folder = service.scratch().join(version).join("mariadb");
    demo_files("mariadb", &folder);
    let change = |file: &str, change: &dyn Fn(&mut Value)| {
        let path = folder.join(file);
        let mut json: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut json);
        fs::write(path, json.to_string()).unwrap();
    };
    change("install.json", &|info| {
        info["version"] = json!(version);
        info["isDev"] = json!(false);
    });
    change("store.json", &|store| store["config"]["port"] = json!(port));
    let template = folder.join("my.cnf.tpl");
    let text = fs::read_to_string(&template).unwrap();
    fs::write(template, format!("# of version {version}\n{text}")).unwrap();
    if !works {
        let program = folder.join("program/usr/sbin/mariadbd");
        // A name of its own: the other packages share the file.
        fs::remove_file(&program).unwrap();
        fs::write(&program, "#!/bin/sh\necho 'no such option' >&2\nexit 7\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&program, mode).unwrap();
    }
    let package = service.scratch().join(format!("mariadb-{version}.zip"));
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .arg("pack")
        .arg(&folder)
        .arg("-o")
        .arg(&package)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    fs::remove_dir_all(folder).unwrap();
    package
}

async fn add(service: &Service, package: &Path) -> Answer {
    let body = json!({ "package": package });
    service.post("/api/apps?wait=true", &body).await
}

async fn post(service: &Service, path: &str) {
    let done = service.post(&format!("{path}wait=true"), &json!({})).await;
    done.must_be(200);
}

async fn installed(service: &Service) -> Value {
    let app = service.get("/api/apps/mariadb").await.must_be(200).json();
    json!([app["installed"], app["previous"]["version"]])
}

#[tokio::test]
async fn mariadb_keeps_its_rows_through_upgrades_a_broken_version_a_rollback_and_the_trash() {
    let service = Service::start_new().await;
    let port = free_port();
    let one = package(&service, "10.11.1", port, true);
    let two = package(&service, "10.11.2", port, true);
    let broken = package(&service, "10.11.3", port, false);
    add(&service, &one).await.must_be(200);
    let app = service.existing_app("mariadb");
    let sql = "CREATE DATABASE shop; CREATE TABLE shop.item (n INT) ENGINE=InnoDB; \
        INSERT INTO shop.item VALUES (1), (2)";
    ask(&app, port, PASSWORD, sql).unwrap();
    let rows = async || {
        until("the server answers", async || {
            ask(&app, port, PASSWORD, "SELECT n FROM shop.item ORDER BY n").ok()
        })
        .await
    };
    let insert = |row: u32| {
        let sql = format!("INSERT INTO shop.item VALUES ({row})");
        ask(&app, port, PASSWORD, &sql).unwrap();
    };
    assert_eq!(rows().await, "1\n2");

    add(&service, &two).await.must_be(200);
    assert_eq!(installed(&service).await, json!(["10.11.2", "10.11.1"]));
    assert_eq!(rows().await, "1\n2");
    assert!(app.read("my.cnf").contains("# of version 10.11.2"));
    insert(3);

    let answer = add(&service, &broken).await;
    assert!(answer.status >= 400, "{}", answer.text);
    for word in ["version 10.11.2 is back as it was", "no such option"] {
        assert!(answer.message().contains(word), "{word}: {}", answer.text);
    }
    assert_eq!(installed(&service).await, json!(["10.11.2", "10.11.1"]));
    assert!(service.runs("mariadb").await);
    assert_eq!(rows().await, "1\n2\n3");
    assert!(app.read("my.cnf").contains("# of version 10.11.2"));
    insert(4);

    post(&service, "/api/apps/mariadb/rollback?").await;
    assert_eq!(installed(&service).await, json!(["10.11.1", "10.11.2"]));
    assert_eq!(rows().await, "1\n2\n3\n4");
    assert!(app.read("my.cnf").contains("# of version 10.11.1"));
    insert(5);

    post(&service, "/api/apps/mariadb/uninstall?").await;
    assert!(!app.path().exists());
    let trash = service.get("/api/trash").await.must_be(200).json();
    let id = trash[0]["id"].as_str().unwrap().to_owned();
    post(&service, &format!("/api/trash/{id}/restore?")).await;
    assert_eq!(installed(&service).await, json!(["10.11.1", null]));
    service.start("mariadb").await.must_be(200);
    assert_eq!(rows().await, "1\n2\n3\n4\n5");

    post(&service, "/api/apps/mariadb/uninstall?purge=true&").await;
    for place in [
        app.path(),
        &service.home().join("static/mariadb"),
        &service.home().join("data/log/mariadb.log"),
    ] {
        assert!(!place.exists(), "{} is left", place.display());
    }
    assert_eq!(fs::read_dir(service.run_dir()).unwrap().count(), 0);
    let gone = Answer::of(service.request(Method::GET, "/api/apps/mariadb")).await;
    gone.must_be(404);
    assert_eq!(service.get("/api/trash").await.json(), json!([]));
}
