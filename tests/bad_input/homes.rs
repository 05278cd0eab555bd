//! Homes, ports and options that the service cannot take.

use std::net::TcpListener;

use super::{must_fail, storekeeper};
use crate::support::{Service, alive};

#[tokio::test]
async fn a_second_service_on_a_home_says_who_holds_it() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(&["forever"], serde_json::json!({}))
        .installed_and_started()
        .await;
    let pid = service.app_pid("x").await;
    let home = service.home();
    let home = home.to_str().unwrap();
    let second = storekeeper(
        &["serve", "--home", home, "--listen", "127.0.0.1:0"],
        service.scratch(),
    );
    must_fail(
        &second,
        1,
        &[
            home,
            &format!("pid {}", service.pid()),
            port_of(&service),
            "--home",
        ],
    );
    // The first one notices nothing, and the command line still finds it.
    assert_eq!(service.app_pid("x").await, pid);
    let ps = storekeeper(&["ps", "--home", home], service.scratch());
    assert!(ps.status.success(), "{ps:?}");
}

#[tokio::test]
async fn the_home_of_a_killed_service_is_free() {
    let mut service = Service::start_new().await;
    service.kill_9();
    service.start_again().await;
    service.get("/ping").await.must_be(200);
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("home");
    // A place where not even root may write.
    for home in [
        file.to_str().unwrap(),
        below.to_str().unwrap(),
        "/proc/storekeeper",
    ] {
        let output = storekeeper(
            &["serve", "--home", home, "--listen", "127.0.0.1:0"],
            folder.path(),
        );
        must_fail(&output, 1, &[home, "--home"]);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_home_on_a_disk_that_is_read_only_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let output = in_a_world_of_its_own(&format!(
        "mount -t tmpfs -o ro tmpfs '{0}' && exec \"$STOREKEEPER\" serve --home '{0}' --listen 127.0.0.1:0",
        home.display()
    ));
    must_fail(&output, 1, &[home.to_str().unwrap(), "--home"]);
}

#[test]
fn a_taken_port_is_named_with_its_holder_and_nothing_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(stranger) = TcpListener::bind(address) else {
            // This computer has no IPv6.
            continue;
        };
        let port = stranger.local_addr().unwrap().port();
        let output = storekeeper(
            &[
                "serve",
                "--home",
                home.to_str().unwrap(),
                "--listen",
                &format!("127.0.0.1:{port}"),
            ],
            folder.path(),
        );
        must_fail(
            &output,
            1,
            &[
                &format!("port {port}"),
                &format!("pid {}", std::process::id()),
                "--listen",
            ],
        );
        assert!(!home.exists(), "a home was made");
        assert!(alive(std::process::id()));
    }
}

#[test]
fn options_that_make_no_sense_are_told_before_anything_happens() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    for (options, words) in [
        (
            &["--listen", "nowhere"][..],
            ["`nowhere`", "127.0.0.1:8080"],
        ),
        (
            &["--listen", "127.0.0.1:99999"],
            ["`127.0.0.1:99999`", "127.0.0.1:8080"],
        ),
        (&["--allow-origin", "*"], ["`*`", "http://localhost:8215"]),
        (
            &["--allow-origin", "null"],
            ["`null`", "http://localhost:8215"],
        ),
        (
            &["--allow-origin", "localhost:8215"],
            ["`localhost:8215`", "http://localhost:8215"],
        ),
        (
            &["--allow-origin", "http://x/path"],
            ["`http://x/path`", "http://localhost:8215"],
        ),
        (&["--wrong"], ["--wrong", "--help"]),
    ] {
        let mut arguments = vec!["serve", "--home", home.to_str().unwrap()];
        arguments.extend(options);
        must_fail(&storekeeper(&arguments, folder.path()), 2, &words);
    }
    assert!(!home.exists(), "a home was made");
}

/// Runs a script where it may mount things that nobody else sees, root or not.
pub(super) fn in_a_world_of_its_own(script: &str) -> std::process::Output {
    std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env("STOREKEEPER", env!("CARGO_BIN_EXE_storekeeper"))
        .env_remove("STOREKEEPER_HOME")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("unshare of util-linux is there")
}

fn port_of(service: &Service) -> &str {
    service.address().rsplit_once(':').unwrap().1
}
