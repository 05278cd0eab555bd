//! The developer's manual walked through from the command line: by a developer, an administrator and
//! another user, each with a token of his own.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Someone;
use crate::support::{Service, child, until};

/// What a command says, run by somebody.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn run(service: &Service, token: &str, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(arguments)
        .env("STOREKEEPER_HOME", service.home())
        .env("STOREKEEPER_TOKEN", token)
        .current_dir(service.scratch())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{} {}", self.out, self.err);
        self
    }

    fn fails(self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{} {}", self.out, self.err);
        assert!(self.err.contains(words), "{words:?} is not in {}", self.err);
    }

    fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words), "{words:?} is not in {}", self.out);
        self
    }

    fn json(self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// The app's folder as its developer has it, packed.
fn pack(service: &Service, token: &str, version: &str) -> String {
    let folder = service.scratch().join("source/greeter");
    fs::create_dir_all(folder.join("static")).unwrap();
    let install = json!({
        "name": "greeter", "version": version, "desc": "says hello again and again",
        "hasStart": true, "hasRestart": true,
    });
    let store = json!({
        "setting": { "binPath": child() },
        "start": { "startCmds": ["lines:1000000:1"] },
        "commands": {},
    });
    fs::write(folder.join("install.json"), install.to_string()).unwrap();
    fs::write(folder.join("store.json"), store.to_string()).unwrap();
    let file = format!("greeter-{version}.zip");
    let from = folder.display().to_string();
    run(service, token, &["pkg", "pack", &from]).ok();
    assert!(
        service.scratch().join(&file).exists(),
        "{file} was not written"
    );
    file
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one walk, read from its begin to its end"
)]
async fn the_manual_is_walked_through_from_the_command_line() {
    let service = Service::start_new().await;
    let developer = Someone::new(&service, "dev", "developer").await;
    let admin = Someone::new(&service, "boss", "admin").await;
    let user = Someone::new(&service, "reader", "user").await;
    let by = |who: &Someone<'_>| who.token.clone().unwrap();
    let (dev, boss, reader) = (by(&developer), by(&admin), by(&user));

    // The repository.
    let shelf = service.scratch().join("shelf");
    fs::create_dir(&shelf).unwrap();
    let at = shelf.display().to_string();
    run(&service, &dev, &["repo", "add", "apps", &at]).fails(5, "admin");
    run(&service, &boss, &["repo", "add", "apps", &at]).ok();
    run(&service, &dev, &["repo", "list"]).ok().says("apps");

    // The package, and its upload.
    let first = pack(&service, &dev, "1.0.0");
    run(
        &service,
        &reader,
        &["app", "upload", &first, "--repo", "apps"],
    )
    .fails(5, "");
    let made = run(
        &service,
        &dev,
        &["app", "upload", &first, "--repo", "apps", "--json"],
    )
    .ok()
    .json();
    assert!(made["app_id"].is_string());
    run(&service, &dev, &["app", "upload", &first, "--repo", "apps"]).fails(4, "greeter");
    run(&service, &dev, &["app", "list"]).ok().says("draft");
    run(
        &service,
        &dev,
        &["app", "edit", "greeter", "--keywords", "hello,问候"],
    )
    .ok();

    // Submitted, taken back, submitted, rejected, corrected, passed, released.
    let version = "greeter@1.0.0";
    run(&service, &dev, &["version", "submit", version]).ok();
    run(&service, &dev, &["version", "cancel", version]).ok();
    run(&service, &dev, &["version", "submit", version]).ok();
    run(&service, &dev, &["version", "pass", version]).fails(5, "");
    run(&service, &boss, &["version", "reject", version]).fails(2, "message");
    run(
        &service,
        &boss,
        &["version", "reject", version, "-m", "no licence"],
    )
    .ok();
    run(&service, &dev, &["version", "list", "greeter"])
        .ok()
        .says("no licence");
    run(&service, &dev, &["version", "release", version]).fails(4, "passed");
    let corrected = pack(&service, &dev, "1.0.0");
    run(&service, &dev, &["version", "replace", version, &corrected]).ok();
    run(&service, &dev, &["version", "submit", version]).ok();
    run(&service, &boss, &["version", "pass", version]).ok();
    run(&service, &reader, &["store", "list"])
        .ok()
        .says("no apps");
    run(&service, &dev, &["version", "release", version]).ok();
    run(&service, &dev, &["version", "replace", version, &corrected]).fails(4, "never changes");

    // Seen by another user, found by his words, installed, running.
    run(&service, &reader, &["store", "list", "问候"])
        .ok()
        .says("greeter");
    run(&service, &reader, &["store", "show", "greeter"])
        .ok()
        .says("1.0.0");
    run(&service, &reader, &["store", "install", "greeter"]).ok();
    run(&service, &reader, &["start", "greeter"]).ok();
    run(&service, &reader, &["ps"]).ok().says("running");

    // A second version is offered as an update when it is released, and not before.
    let second = pack(&service, &dev, "1.1.0");
    run(
        &service,
        &dev,
        &[
            "version",
            "add",
            "greeter",
            &second,
            "--description",
            "louder",
        ],
    )
    .ok();
    assert!(!run(&service, &reader, &["outdated"]).out.contains("1.1.0"));
    run(
        &service,
        &dev,
        &["version", "release", "greeter@1.1.0", "--yes"],
    )
    .fails(5, "");
    run(
        &service,
        &boss,
        &["version", "release", "greeter@1.1.0", "--yes"],
    )
    .ok();
    until("the update is offered", async || {
        let said = run(&service, &reader, &["outdated"]);
        said.out.contains("1.1.0").then_some(())
    })
    .await;

    // Suspended: not offered, not installed; what runs goes on.
    run(
        &service,
        &boss,
        &["version", "suspend", "greeter@1.1.0", "-m", "too loud"],
    )
    .ok();
    until("it is not offered any more", async || {
        let said = run(&service, &reader, &["outdated"]);
        (!said.out.contains("1.1.0")).then_some(())
    })
    .await;
    let refused = run(&service, &reader, &["store", "install", "greeter@1.1.0"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    run(&service, &reader, &["ps"]).ok().says("running");
    run(&service, &boss, &["version", "recover", "greeter@1.1.0"]).ok();
    run(&service, &reader, &["store", "show", "greeter"])
        .ok()
        .says("1.1.0");
    run(&service, &dev, &["version", "rm", "greeter@1.1.0"]).fails(4, "suspends it first");
    run(&service, &boss, &["version", "suspend", "greeter@1.1.0"]).ok();
    run(&service, &dev, &["version", "rm", "greeter@1.1.0"]).ok();
    run(&service, &dev, &["app", "rm", "greeter"]).fails(4, "versions");

    // The package comes back as it was, and the history tells all of it.
    run(
        &service,
        &reader,
        &["version", "download", version, "--to", "again.zip"],
    )
    .ok();
    let (again, there) = (
        service.scratch().join("again.zip"),
        service.scratch().join(&corrected),
    );
    assert_eq!(fs::read(again).unwrap(), fs::read(there).unwrap());
    run(&service, &dev, &["version", "audits", version])
        .ok()
        .says("no licence")
        .says("boss");

    run(&service, &boss, &["category", "add", "greeters"]).ok();
    run(&service, &dev, &["category", "list"])
        .ok()
        .says("greeters");
    run(&service, &boss, &["user", "list"])
        .ok()
        .says("developer");
    run(&service, &dev, &["user", "list"]).fails(5, "");
    let token = run(&service, &dev, &["user", "token", "create", "--json"])
        .ok()
        .json();
    let id = token["token_id"].as_str().unwrap();
    run(&service, token["token"].as_str().unwrap(), &["app", "list"]).ok();
    run(&service, &dev, &["user", "token", "revoke", id]).ok();
    run(&service, token["token"].as_str().unwrap(), &["app", "list"]).fails(5, "");
}
