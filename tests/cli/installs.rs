//! Packages and versions: installed, upgraded, rolled back, pinned, exported, thrown away and taken
//! back.

use serde_json::json;

use super::run;
use crate::support::{Service, package};

/// Writes a package beside the home, and answers its path.
fn file(service: &Service, name: &str, version: &str) -> String {
    let path = service.scratch().join(format!("{name}-{version}.zip"));
    std::fs::write(&path, package(name, version, json!({}), 0)).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn installed(service: &Service, name: &str) -> String {
    let app = service.get(&format!("/api/apps/{name}")).await.must_be(200);
    app.json()["installed"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn packages_are_installed_upgraded_and_rolled_back() {
    let service = Service::start_new().await;
    let (old, new) = (file(&service, "x", "1.0"), file(&service, "x", "2.0"));
    let other = file(&service, "y", "1.0");
    // Several in their order, and one by a path that is not written out.
    run(&service, &["install", &old, "y-1.0.zip"])
        .ok()
        .says(&["x is installed", "y is installed"]);
    assert_eq!(installed(&service, "y").await, "1.0");
    run(&service, &["upgrade", "x", "--from", &new])
        .ok()
        .says(&["x is up to date"]);
    assert_eq!(installed(&service, "x").await, "2.0");
    run(&service, &["rollback", "x"])
        .ok()
        .says(&["x is back at the version before"]);
    assert_eq!(installed(&service, "x").await, "1.0");
    let job = run(&service, &["install", &new, "--json"]).ok().json();
    assert_eq!(
        (&job["app"], &job["state"]),
        (&json!("x"), &json!("succeeded"))
    );
    run(&service, &["install", &old]).fails(1, &["older"]);
    run(&service, &["install", &old, "--older"]).ok();
    // One that fails keeps none of the others.
    run(&service, &["install", "./gone.zip", &other]).fails(1, &["gone.zip"]);
    let ran = run(
        &service,
        &["install", "--older", &old, "nobody-has-it", &other],
    );
    let ran = ran.fails(1, &["nobody-has-it"]);
    ran.says(&["x is installed", "y is installed"]);
}

#[tokio::test]
async fn what_belongs_to_one_kind_of_install_is_refused_for_the_others() {
    let service = Service::start_new().await;
    let old = file(&service, "x", "1.0");
    for (arguments, word) in [
        (vec![old.as_str(), "--sha256", "00"], "address"),
        (vec![old.as_str(), "--catalog", "main"], "--catalog"),
        (vec!["x", "--name", "y"], "--name"),
        (
            vec![
                "http://127.0.0.1:1/a.zip",
                "http://127.0.0.1:1/b.zip",
                "--name",
                "y",
            ],
            "one package",
        ),
    ] {
        let arguments = [vec!["install"], arguments].concat();
        run(&service, &arguments).fails(1, &[word]);
    }
    run(&service, &["install"]).fails(2, &["required"]);
    run(&service, &["upgrade"]).fails(2, &["required"]);
}

#[tokio::test]
async fn a_pinned_app_is_left_alone_by_an_upgrade_of_all() {
    let service = Service::start_new().await;
    run(&service, &["install", &file(&service, "x", "1.0")]).ok();
    run(&service, &["pin", "x"]).ok().says(&["x is pinned"]);
    let all = run(&service, &["upgrade", "--all"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert!(all.err.contains("x is pinned at 1.0"), "{all:?}");
    run(&service, &["pin", "x", "--off"])
        .ok()
        .says(&["no longer pinned"]);
    run(&service, &["skip", "x", "2.0"])
        .ok()
        .says(&["x skips 2.0"]);
    run(&service, &["upgrade", "--all"])
        .ok()
        .says(&["nothing to upgrade"]);
}

#[tokio::test]
async fn an_app_is_exported_thrown_away_and_taken_back() {
    let service = Service::start_new().await;
    run(&service, &["install", &file(&service, "x", "1.0")]).ok();
    let note = service.run_dir().join("x/note.txt");
    std::fs::write(&note, "mine").unwrap();
    run(&service, &["export", "x"]).ok().says(&["x.export.zip"]);
    let export = service.scratch().join("x.export.zip");
    assert!(export.is_file());
    // It holds the settings, and those may be secrets.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = export.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    run(&service, &["trash", "list"]).ok().says(&["empty"]);
    // It says where the data went.
    let gone = run(&service, &["uninstall", "x"]).fails(0, &["trash restore"]);
    gone.says(&["x is uninstalled"]);
    run(&service, &["trash", "list"]).ok().says(&["x", "1.0"]);
    let entries = run(&service, &["trash", "list", "--json"]).ok().json();
    let id = entries[0]["id"].as_str().unwrap();
    run(&service, &["trash", "restore", id])
        .ok()
        .says(&["x is back"]);
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "mine");

    // It says where the data went.
    let gone = run(&service, &["uninstall", "x"]).fails(0, &["trash restore"]);
    gone.says(&["x is uninstalled"]);
    run(&service, &["import", "x.export.zip"])
        .ok()
        .says(&["x is installed with its data"]);
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "mine");
    // Without a terminal there is nobody to ask.
    run(&service, &["trash", "empty"]).fails(1, &["--yes", "1 entry"]);
    run(&service, &["trash", "empty", "none", "--yes"]).fails(1, &["none"]);
    run(&service, &["trash", "empty", "--yes"])
        .ok()
        .says(&["1 entry deleted"]);
    run(&service, &["trash", "list"]).ok().says(&["empty"]);
}
