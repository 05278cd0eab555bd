//! Options, the configuration, the lock, and how it ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;

use rustix::process::{Pid, Signal, kill_process};

use super::make::Ampkg;
use super::server::{Data, Server, program, refused};

const HEADER: &str = "%YAML 1.1\n---\nformatType: amps-configuration\nformatVersion: 1\n---\n";

#[test]
fn what_it_does_not_know_ends_it_with_one() {
    let data = Data::new();
    for options in [&["--what"][..], &["-dd", "x"], &["--dd"], &["-x"]] {
        let ran = refused(&data.path(""), options);
        assert_eq!(ran.code, 1, "{options:?}");
        assert_eq!(ran.out, "");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn help_and_version_are_results() {
    let data = Data::new();
    for options in [&["--help"][..], &["-h"], &[]] {
        let ran = refused(&data.path(""), options);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("--data-directory"), "{}", ran.out);
        assert_eq!(ran.err, "");
    }
    let version = refused(&data.path(""), &["--version"]);
    assert_eq!(version.out, "Qt ApplicationManager Package Server 6.8.0\n");
}

#[test]
fn what_it_cannot_do_ends_it_with_two() {
    let data = Data::new();
    data.write("file", "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("localhost:{}", taken.local_addr().unwrap().port());
    data.write("bad/amps-config.yaml", "formatType: other\n");
    data.write("unknown/amps-config.yaml", format!("{HEADER}port: 1\n"));
    for (options, words) in [
        (&["--dd", "x", "--pi", ""][..], "project"),
        (
            &["--dd", "x", "--la", ""],
            "the listen address needs to have a host part: ",
        ),
        (
            &["--dd", "x", "--la", "localhost:99999"],
            "the listen address needs to have a host part: ",
        ),
        (&["--dd", "x", "--la", "example.com:80"], "failed to listen"),
        (&["--dd=file/x"], "file/x"),
        (&["--dd", "x", "--dc", "missing.pem"], "missing.pem"),
        (&["--dd", "x", "--sc", "missing.p12"], "missing.p12"),
        (
            &["--dd", "bad"],
            "Failed to parse config file amps-config.yaml: ",
        ),
        (
            &["--dd", "unknown"],
            "Failed to parse config file amps-config.yaml: ",
        ),
    ] {
        let ran = refused(&data.path(""), options);
        assert_eq!(ran.code, 2, "{options:?}: {}", ran.err);
        assert!(ran.err.starts_with("ERROR: "), "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    let listener = TcpListener::bind(taken.replace("localhost", "127.0.0.1"));
    let ran = refused(&data.path(""), &["--dd", "x", "--la", &taken]);
    drop(listener);
    assert_eq!(ran.code, 2);
    assert!(!data.path("x/.lock").exists());
}

#[tokio::test]
async fn settings_are_written_and_read_again() {
    let data = Data::new();
    let mut command = program();
    command
        .current_dir(data.path(""))
        .args([
            "--data-directory=new/folder",
            "--listen-address",
            "LOCALHOST",
        ])
        .args(["more", "--project-id=it's", "--create-config"]);
    let mut server = Server::spawn(&mut command).ready().await;
    assert!(server.has_said("> Project: it's"));
    assert!(server.has_said(&format!(
        "> Data directory: {}",
        data.path("new/folder").display()
    )));
    assert!(server.address().starts_with("127.0.0.1:"));
    let config = fs::read_to_string(data.path("new/folder/amps-config.yaml")).unwrap();
    assert!(config.starts_with("%YAML 1.1\n"), "{config}");
    assert!(config.contains("listenAddress: 'LOCALHOST'"), "{config}");
    assert!(config.contains("projectId: 'it''s'"), "{config}");
    server.end();
    // In the folder no option is needed, and one wins over the file.
    let mut command = program();
    command
        .current_dir(data.path("new/folder"))
        .args(["--pi", "other"]);
    let server = Server::spawn(&mut command).ready().await;
    assert!(server.has_said("> Project: other"));
    assert_eq!(
        server.client().get("/hello?project-id=other").json()["status"],
        "ok"
    );
}

#[tokio::test]
async fn colours_are_for_terminals_or_on_demand() {
    let data = Data::new();
    let server = data.serve().await;
    assert!(server.lines().iter().all(|line| !line.contains('\u{1b}')));
    drop(server);
    let mut command = program();
    command
        .arg("--dd")
        .arg(data.path(""))
        .args(["--la", "localhost"]);
    let server = Server::spawn(command.env("AM_FORCE_COLOR_OUTPUT", "on"));
    crate::support::until_true("a coloured line", || {
        server.lines().iter().any(|line| line.contains('\u{1b}'))
    })
    .await;
}

#[tokio::test]
async fn all_addresses_and_those_of_ipv6_are_listened_on() {
    let data = Data::new();
    for (address, begin) in [
        ("any", "0.0.0.0:"),
        ("::1", "::1:"),
        ("http://127.0.0.1/x", "127.0.0.1:"),
    ] {
        let mut command = program();
        command
            .arg("--dd")
            .arg(data.path(""))
            .args(["--la", address]);
        let server = Server::spawn(&mut command).ready().await;
        assert!(server.address().starts_with(begin), "{}", server.address());
        let port = server.address().rsplit(':').next().unwrap();
        let host = if begin == "::1:" {
            "[::1]"
        } else {
            "127.0.0.1"
        };
        let mut client = super::client::Client::connect(&format!("{host}:{port}"));
        assert_eq!(client.get("/hello").status(), 200);
    }
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let data = Data::new();
    let mut server = data.serve().await;
    let pid = server.pid().to_string();
    let lock = fs::read_to_string(data.path(".lock")).unwrap();
    assert_eq!(lock.lines().next(), Some(&*pid));
    let folder = data.path("");
    let folder = folder.to_str().unwrap().trim_end_matches('/');
    let second = refused(&data.path(""), &["--dd", folder, "--la", "localhost"]);
    assert_eq!(second.code, 2);
    assert_eq!(
        second.err,
        format!(
            "ERROR: could not lock the data directory {folder} - there is an existing .lock file (belonging to pid {pid})\n"
        )
    );
    assert_eq!(server.client().get("/hello").status(), 200);
    // What a killed one leaves is taken over.
    server.kill_9();
    assert!(data.path(".lock").exists());
    let mut next = data.serve().await;
    assert_eq!(next.end().signal(), Some(15));
    assert!(!data.path(".lock").exists());
}

#[tokio::test]
async fn it_dies_by_the_signal_and_gives_its_folder_back() {
    let data = Data::new();
    for (signal, number, stays) in [
        (Signal::INT, 2, false),
        (Signal::TERM, 15, false),
        (Signal::QUIT, 3, false),
        (Signal::HUP, 1, true),
    ] {
        let mut server = data.serve().await;
        server
            .client()
            .upload(&Ampkg::new("a", &number.to_string()).build());
        let pid = Pid::from_raw(server.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        assert_eq!(server.wait().signal(), Some(number));
        assert_eq!(data.path(".lock").exists(), stays);
    }
}

#[tokio::test]
async fn what_is_no_package_on_the_shelf_stays_and_is_told() {
    let data = Data::new();
    let package = Ampkg::new("a", "1").build();
    data.write(".packages/a_all.ampkg", &package);
    data.write(".packages/other-name.ampkg", &package);
    data.write(".packages/b_all.ampkg", "nothing");
    data.write(".packages/folder/c_all.ampkg", &package);
    data.write(".packages/.hidden", "hidden");
    data.write(".packages/.storekeeper-left", "half a package");
    let server = data.serve().await;
    assert!(server.has_said(" + adding   a [all]"));
    let skipped = |name: &str| {
        let begin = format!(" = skipping {name} (");
        server.lines().iter().any(|line| line.starts_with(&begin))
    };
    assert!(skipped("other-name.ampkg") && skipped("b_all.ampkg"));
    assert_eq!(server.client().list().len(), 1);
    assert_eq!(
        data.names(".packages"),
        ["a_all.ampkg", "b_all.ampkg", "folder", "other-name.ampkg"]
    );
    assert!(data.path(".packages/.hidden").exists());
    assert!(!data.path(".packages/.storekeeper-left").exists());
}

/// What was learned of a file is not believed of another one.
#[tokio::test]
async fn a_file_that_changed_between_two_runs_is_read_again() {
    let data = Data::new();
    let mut server = data.serve().await;
    server.client().upload(&Ampkg::new("a", "1").build());
    server.client().upload(&Ampkg::new("b", "1").build());
    server.end();
    data.write(".packages/a_all.ampkg", Ampkg::new("a", "2").build());
    let mut broken = fs::read(data.path(".packages/b_all.ampkg")).unwrap();
    broken[40..60].fill(0x55);
    data.write(".packages/b_all.ampkg", broken);
    let server = data.serve().await;
    let list = server.client().list();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0]["version"], "2");
    assert!(server.client().get("/package/icon?id=a").status() == 200);
}
