//! How commands fail: 1 with a sentence when something went wrong, 2 when the command makes no
//! sense.

use std::fs;

use serde_json::json;

use super::run;
use crate::support::{Service, until};

/// Each command that needs the service.
const TALKING: [&[&str]; 19] = [
    &["install", "x"],
    &["uninstall", "x"],
    &["start", "x"],
    &["start", "--all"],
    &["stop", "x"],
    &["restart", "x"],
    &["ps"],
    &["ps", "--json"],
    &["logs", "x"],
    &["logs", "-f", "x"],
    &["config", "get", "x"],
    &["config", "set", "x", "a=1"],
    &["config", "unset", "x", "a"],
    &["run", "x", "list"],
    &["plan", "x", "list"],
    &["doctor", "x"],
    &["jobs"],
    &["jobs", "1"],
    &["jobs", "1", "--cancel"],
];

#[tokio::test]
async fn without_a_service_it_says_so_and_how_to_start_one() {
    let mut service = Service::start_new().await;
    // One that was killed leaves the note where it listened.
    service.kill_9();
    assert!(service.home().join("data/service.json").exists());
    let home = service.home();
    let home = home.to_str().unwrap();
    let empty = service.scratch().join("empty");
    for arguments in TALKING {
        let words = [home, "no service", "storekeeper serve"];
        let ran = run(&service, arguments).fails(1, &words);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
        let mut arguments = arguments.to_vec();
        arguments.extend(["--home", empty.to_str().unwrap()]);
        let words = [empty.to_str().unwrap(), "no service", "storekeeper serve"];
        run(&service, &arguments).fails(1, &words);
    }
    assert!(!empty.exists(), "a home was made");
}

/// Another program may listen by now where a killed service did.
#[tokio::test]
async fn a_stranger_on_the_port_of_a_killed_service_is_not_taken_for_it() {
    let mut service = Service::start_new().await;
    let address = service.address().to_owned();
    service.kill_9();
    let stranger = std::net::TcpListener::bind(&address).unwrap();
    let task = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = stranger.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let ran = run(&service, &["ps"]);
    // Whether it was asked or not, it is not believed.
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("torekeeper"), "{ran:?}");
    if !task.is_finished() {
        drop(std::net::TcpStream::connect(&address));
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let service = Service::start_new().await;
    service
        .app("x")
        .runs(
            &["forever"],
            json!({ "commands": { "list": [] }, "config": { "key": 1 } }),
        )
        .install()
        .await;
    let cases: [(&[&str], &[&str]); 17] = [
        (&["install", "y"], &["`y`"]),
        (&["install", "./y"], &["./y"]),
        (&["uninstall", "y"], &["`y`"]),
        (&["start", "y"], &["`y`"]),
        (&["stop", "y"], &["`y`"]),
        (&["restart", "y"], &["`y`"]),
        (&["logs", "y"], &["`y`"]),
        (&["logs", "-f", "y"], &["`y`"]),
        (&["config", "get", "y"], &["`y`"]),
        (&["config", "get", "x", "kye"], &["`kye`", "key"]),
        (&["config", "set", "y", "a=1"], &["`y`"]),
        (
            &["config", "set", "x", "a=1", "--run", "lsit"],
            &["`lsit`", "list"],
        ),
        (
            &["config", "set", "x", "key=two\nlines"],
            &["key", "control character"],
        ),
        (&["run", "x", "lsit"], &["`lsit`", "list"]),
        (&["plan", "x", "lsit"], &["lsit"]),
        (&["plan", "y", "list"], &["`y`"]),
        (&["doctor", "y"], &["`y`"]),
    ];
    for (arguments, words) in cases {
        let ran = run(&service, arguments).fails(1, words);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert!(ran.err.starts_with("error: "), "{ran:?}");
    }
    let config = run(&service, &["config", "get", "x", "--json"]).ok().json();
    assert_eq!(config, json!({ "key": 1 }));
}

#[tokio::test]
async fn a_command_that_makes_no_sense_is_a_matter_of_usage() {
    let service = Service::start_new().await;
    let cases: [(&[&str], &str); 17] = [
        (&[], "Usage"),
        (&["wrong"], "wrong"),
        (&["ps", "--wrong"], "--wrong"),
        (&["start"], "NAME"),
        (&["start", "x", "--all"], "--all"),
        (&["stop", "../x"], "../x"),
        (&["uninstall", "con"], "device"),
        (&["logs", "x", "-n", "many"], "many"),
        (&["config"], "Usage"),
        (&["config", "set", "x"], "KEY=VALUE"),
        (&["config", "set", "x", "port"], "KEY=VALUE"),
        (&["config", "set", "x", "=1"], "KEY=VALUE"),
        (&["run", "x"], "LIST"),
        (&["plan", "x"], "LIST"),
        (&["jobs", "one"], "one"),
        (&["jobs", "--log"], "ID"),
        (&["validate"], "FOLDER"),
    ];
    for (arguments, word) in cases {
        let ran = run(&service, arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(word), "{word}: {ran:?}");
        assert_eq!(ran.out, "");
    }
}

#[tokio::test]
async fn a_job_that_fails_is_told_with_its_reason_and_harms_no_other() {
    let service = Service::start_new().await;
    service
        .app("bad")
        .runs(&["error:no such table", "exit:3"], json!({}))
        .install()
        .await;
    service
        .app("good")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let ran = run(&service, &["start", "bad"]).fails(1, &["`bad`", "exit code 3", "no such table"]);
    assert_eq!(ran.out, "");
    let ran = run(&service, &["start", "bad", "nobody", "good"]);
    let ran = ran.fails(1, &["`bad`", "`nobody`"]).says(&["good runs"]);
    assert!(!ran.out.contains("bad"), "{ran:?}");
    assert!(service.runs("good").await);
    let ran = run(&service, &["start", "bad", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let job = ran.json();
    assert_eq!(job["state"], "failed");
    assert!(
        job["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no such table")
    );
    let id = job["id"].to_string();
    run(&service, &["jobs", &id])
        .ok()
        .says(&["failed", "no such table"]);

    // Mistakes in manifests come with their places.
    fs::write(
        service.run_dir().join("bad/store.json"),
        "{\n\"commands\": { \"a\": [\n{ \"name\": \"exce\" } ] }\n}",
    )
    .unwrap();
    run(&service, &["run", "bad", "a"]).fails(1, &["`exce`", "store.json:3:"]);

    // One that cannot be read at all is listed beside the others.
    fs::write(service.run_dir().join("bad/store.json"), "{ ").unwrap();
    until("the list tells of it", async || {
        let ran = run(&service, &["ps"]).ok().says(&["good"]);
        ran.out.contains("broken manifest").then_some(())
    })
    .await;
}

/// `storekeeper ps | head` is no failure.
#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let service = Service::start_new().await;
    let own = env!("CARGO_BIN_EXE_storekeeper");
    let home = service.home();
    for arguments in ["ps", "completions bash", "jobs --json"] {
        let script = format!(
            "'{own}' {arguments} --home '{}' | true; exit ${{PIPESTATUS[0]}}",
            home.display()
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
