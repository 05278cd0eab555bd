//! A real MariaDB.

use std::process::Command;

use serde_json::json;

use crate::support::{
    AppFolder, Service, alive, free_port, kill_9, listens, real_app, until, until_true,
};

/// What the real client prints for a statement, or its error.
pub(super) fn ask(
    app: &AppFolder<'_>,
    port: u16,
    password: &str,
    sql: &str,
) -> Result<String, String> {
    let output = Command::new(app.at("program/usr/bin/mariadb"))
        .args(["--no-defaults", "--protocol=tcp", "-h127.0.0.1", "-uroot"])
        .arg(format!("-P{port}"))
        .arg(format!("-p{password}"))
        .args(["--skip-column-names", "--batch", "-e", sql])
        .env("LD_LIBRARY_PATH", app.at("program/lib"))
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

async fn installed(service: &Service, port: u16) -> AppFolder<'_> {
    real_app(service, "mariadb")
        .default("port", json!(port))
        .install()
        .await
}

#[tokio::test]
async fn mariadb_is_made_by_its_own_list_and_moves_to_new_ports_with_its_data() {
    let service = Service::start_new().await;
    let mut old = free_port();
    let app = installed(&service, old).await;
    let sql =
        "CREATE DATABASE shop; CREATE TABLE shop.item (n INT); INSERT INTO shop.item VALUES (7)";
    ask(&app, old, "change-me", sql).unwrap();
    assert!(
        ask(&app, old, "", "SELECT 1").is_err(),
        "without a password"
    );
    assert!(ask(&app, old, "wrong", "SELECT 1").is_err());

    for _ in 0..2 {
        let new = free_port();
        service
            .setting("mariadb", "setting", json!({ "port": new }))
            .await
            .must_succeed();
        let answer = ask(&app, new, "change-me", "SELECT n, @@port FROM shop.item");
        assert_eq!(answer, Ok(format!("7\t{new}")));
        assert!(!listens(old), "the old port is still open");
        old = new;
    }
}

#[tokio::test]
async fn mariadb_takes_a_new_password_returns_after_a_kill_and_leaves_nothing_after_a_stop() {
    let service = Service::start_new().await;
    let port = free_port();
    let app = installed(&service, port).await;

    service
        .setting(
            "mariadb",
            "changePassword",
            json!({ "password": "n€w p{a}ss" }),
        )
        .await
        .must_succeed();
    assert!(ask(&app, port, "change-me", "SELECT 1").is_err());
    assert_eq!(ask(&app, port, "n€w p{a}ss", "SELECT 1"), Ok("1".into()));
    assert!(
        !app.path().join("password.sql").exists(),
        "a password was left"
    );

    let old = service.app_pid("mariadb").await;
    kill_9(old);
    let new = service.pid_after("mariadb", old).await;
    let answer = until("a client logs in again", async || {
        ask(&app, port, "n€w p{a}ss", "SELECT 2").ok()
    })
    .await;
    assert_eq!(answer, "2");

    service.stop("mariadb").await.must_be(200);
    assert!(!alive(new));
    assert!(!listens(port));
    let left: Vec<_> = service
        .processes()
        .into_iter()
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/exe"))
                .is_ok_and(|path| path.starts_with(app.path()))
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");

    service.start("mariadb").await.must_be(200);
    until_true("it listens", || listens(port)).await;
    assert_eq!(ask(&app, port, "n€w p{a}ss", "SELECT 3"), Ok("3".into()));
}
