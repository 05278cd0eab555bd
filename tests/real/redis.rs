//! A real Redis.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::support::{Service, alive, free_port, listens, real_app};

/// What the server answers to commands in its plain form, one answer per line.
fn ask(port: u16, commands: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let text = commands.iter().map(|line| format!("{line}\r\n"));
    stream
        .write_all(text.collect::<String>().as_bytes())
        .unwrap();
    stream.write_all(b"QUIT\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn redis_answers_after_a_restart_as_another_process_with_its_data() {
    let service = Service::start_new().await;
    let port = free_port();
    let _app = real_app(&service, "redis")
        .default("port", json!(port))
        .installed_and_started()
        .await;
    assert_eq!(
        ask(port, &["PING", "SET fruit pear"])[..2],
        ["+PONG", "+OK"]
    );
    let old = service.app_pid("redis").await;

    service.restart("redis").await.must_be(200);
    let new = service.app_pid("redis").await;
    assert_ne!(old, new);
    assert!(!alive(old));
    assert_eq!(
        ask(port, &["PING", "GET fruit"])[..3],
        ["+PONG", "$4", "pear"]
    );
}

#[tokio::test]
async fn redis_moves_asks_for_a_password_and_frees_its_port() {
    let service = Service::start_new().await;
    let first = free_port();
    let _app = real_app(&service, "redis")
        .default("port", json!(first))
        .installed_and_started()
        .await;
    let second = free_port();
    service
        .setting("redis", "setting", json!({ "port": second }))
        .await
        .must_succeed();
    assert!(!listens(first));
    service
        .setting(
            "redis",
            "changePassword",
            json!({ "password": "open{sesame}" }),
        )
        .await
        .must_succeed();
    let refused = ask(second, &["PING"]);
    assert!(refused[0].starts_with("-NOAUTH"), "{refused:?}");
    assert_eq!(
        ask(second, &["AUTH open{sesame}", "PING"])[..2],
        ["+OK", "+PONG"]
    );
    service
        .setting("redis", "changePassword", json!({ "password": "" }))
        .await
        .must_succeed();
    assert_eq!(ask(second, &["PING"])[0], "+PONG");

    let pid = service.app_pid("redis").await;
    service.stop("redis").await.must_be(200);
    assert!(!alive(pid) && !listens(second));
}
