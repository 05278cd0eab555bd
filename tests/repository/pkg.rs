//! `storekeeper pkg`, which needs no service.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{names, ran, synced};
use crate::cli::Ran;
use crate::support::{Service, package, zip};

fn pkg(dir: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .arg("pkg")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The files of an OpenPitrix package in a folder `wordpress`.
fn openpitrix_folder(dir: &Path) {
    let folder = dir.join("wordpress");
    fs::create_dir_all(folder.join("locale")).unwrap();
    let write = |name: &str, content: &Value| {
        fs::write(folder.join(name), content.to_string()).unwrap();
    };
    write(
        "package.json",
        &json!({
            "api_version": "v1", "name": "wordpress", "version": "0.1.0", "app_version": "4.8",
            "description": "A blog", "keywords": ["blog"], "home": "https://wordpress.example",
            "maintainers": [{ "name": "Dev", "email": "dev@wordpress.example" }],
        }),
    );
    write(
        "config.json",
        &json!({ "type": "array", "properties": [
            { "key": "cluster", "type": "array", "properties": [
                { "key": "name", "type": "string", "label": "Name", "description": "The cluster's name",
                  "default": "blog", "required": true },
                { "key": "count", "type": "integer", "label": "Nodes", "default": 1, "min": 1 },
            ]},
        ]}),
    );
    write(
        "locale/zh-cn.json",
        &json!({ "Name": "名称", "Nodes": "节点数", "A blog": "博客" }),
    );
    let template = r#"{"name": "{{.cluster.name}}", "description": "", "subnet": "{{.cluster.subnet}}",
        "nodes": [{"container": {"type": "docker", "image": "wordpress"}, "count": "{{.cluster.count}}"}]}"#;
    fs::write(folder.join("cluster.json.tmpl"), template).unwrap();
}

/// An OpenPitrix package.
pub(super) fn openpitrix(service: &Service) -> Vec<u8> {
    let dir = service.scratch().join("sources");
    openpitrix_folder(&dir);
    pkg(&dir, &["pack", "wordpress"]).ok();
    fs::read(dir.join("wordpress-0.1.0.tgz")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_made_checked_packed_listed_served_and_installed() {
    let service = Service::start_new().await;
    let dir = service.scratch();
    pkg(dir, &["create", "greeter"]).says(&["greeter/install.json", "greeter/static/index.html"]);
    fs::write(dir.join("greeter/store.json.bak"), "mine").unwrap();
    let install = dir.join("greeter/install.json");
    let edited = fs::read_to_string(&install)
        .unwrap()
        .replace("0.1.0", "0.2.0");
    fs::write(&install, &edited).unwrap();
    pkg(dir, &["create", "greeter"]).fails(0, &["install.json was there and stays"]);
    assert_eq!(fs::read_to_string(&install).unwrap(), edited);
    fs::write(dir.join("taken"), "a file").unwrap();
    pkg(dir, &["create", "taken"]).fails(4, &["is a file"]);
    pkg(dir, &["create", "../a b"]).fails(2, &["a b"]);

    pkg(dir, &["lint", "greeter"])
        .ok()
        .says(&["can be published"]);
    fs::create_dir(dir.join("shop")).unwrap();
    pkg(dir, &["pack", "greeter", "-d", "shop"])
        .ok()
        .says(&["shop/greeter-0.2.0.zip", "sha256"]);
    let first = fs::read(dir.join("shop/greeter-0.2.0.zip")).unwrap();
    pkg(dir, &["pack", "greeter", "-d", "shop"]).ok();
    assert!(first == fs::read(dir.join("shop/greeter-0.2.0.zip")).unwrap());
    pkg(dir, &["pack", "greeter", "--format", "tgz"]).ok();
    for file in ["greeter-0.2.0.tgz", "shop/greeter-0.2.0.zip"] {
        let found = pkg(dir, &["inspect", file, "--json"]).ok().json();
        assert_eq!(
            (&found["name"], &found["version"]),
            (&json!("greeter"), &json!("0.2.0"))
        );
        assert_eq!(found["parameters"][0]["key"], "port");
    }

    let mut server = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args([
            "pkg",
            "serve",
            "--repo-path",
            "shop",
            "--address",
            "127.0.0.1:0",
        ])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let output = server.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut address).unwrap();
    let address = address.trim();
    let page = reqwest_get(address).await;
    assert!(page.contains("greeter-0.2.0.zip"), "{page}");
    ran(&service, &["repo", "add", "theirs", address]).ok();
    let record = synced(&service, "theirs").await;
    assert_eq!(record["sync"]["status"], "successful", "{record}");
    let packages = service
        .get("/api/repositories/theirs/packages")
        .await
        .json();
    assert_eq!(packages.as_array().unwrap().len(), 1);
    ran(&service, &["install", "greeter"]).ok();
    server.kill().unwrap();
    server.wait().unwrap();
}

async fn reqwest_get(address: &str) -> String {
    let client = storekeeper::download::local_client().build().unwrap();
    client
        .get(address)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[test]
fn what_is_not_good_for_publishing_is_told_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    pkg(dir.path(), &["create", "a"]);
    let store = dir.path().join("a/store.json");
    let text = fs::read_to_string(&store).unwrap();
    fs::write(
        &store,
        text.replace("\"demo-hello\"", "\"demo-hello\", \"{prot}\""),
    )
    .unwrap();
    let install = dir.path().join("a/install.json");
    let text = fs::read_to_string(&install).unwrap();
    fs::write(&install, text.replace("0.1.0", "1.0")).unwrap();
    pkg(dir.path(), &["lint", "a"]).fails(3, &["{prot}", "config", "no semantic version"]);
    pkg(dir.path(), &["pack", "a"]).fails(3, &["was not packed"]);
    assert_eq!(names(dir.path()), ["a"]);
    let told = pkg(dir.path(), &["lint", "a", "--json"]);
    assert_eq!(told.code, 3);
    let problems = told.json()[0]["problems"].clone();
    let files: Vec<&str> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["file"].as_str().unwrap())
        .collect();
    assert!(
        files.contains(&"store.json") && files.contains(&"install.json"),
        "{problems}"
    );
}

#[test]
fn what_is_no_package_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let check = |content: &[u8], words: &[&str]| {
        fs::write(dir.path().join("p.zip"), content).unwrap();
        pkg(dir.path(), &["inspect", "p.zip"]).fails(3, words);
    };
    let install = |text: &str| zip(&[("install.json", text.as_bytes())]);
    check(b"", &["empty"]);
    check(b"hello", &["no archive"]);
    check(&zip(&[]), &["no files"]);
    check(&zip(&[("a.txt", b"x")]), &["install.json: not found"]);
    check(
        &install(r#"{"version": "1.0.0"}"#),
        &["install.json", "`name` is missing"],
    );
    check(&install(r#"{"name": "a"}"#), &["`version` is missing"]);
    check(
        &install(r#"{"name": "a", "version": "one"}"#),
        &["no semantic version"],
    );
    check(
        &install(r#"{"name": "../x", "version": "1.0.0"}"#),
        &["install.json"],
    );
    check(&install("{"), &["install.json"]);
    check(&zip(&[("../x", b"y"), ("install.json", b"{}")]), &["../x"]);
    check(&zip(&[("/abs", b"y")]), &["/abs"]);
    check(
        &zip(&[(
            "other/install.json",
            br#"{"name": "a", "version": "1.0.0"}"#,
        )]),
        &["`other`", "`a`"],
    );
    pkg(dir.path(), &["inspect", "nothing.zip"]).fails(1, &["nothing.zip"]);
}

#[test]
fn a_folder_is_indexed_with_what_is_good_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, content: Vec<u8>| fs::write(dir.path().join(name), content).unwrap();
    put("x-1.0.0.zip", package("x", "1.0.0", json!({}), 0));
    put("x-1.1.0.zip", package("x", "1.1.0", json!({}), 0));
    put("twice.zip", package("x", "1.1.0", json!({}), 1));
    put("bad.zip", b"bad".to_vec());
    pkg(dir.path(), &["index", ".", "--strict"]).fails(3, &["bad.zip", "nothing was written"]);
    assert!(!dir.path().join("index.yaml").exists());
    pkg(dir.path(), &["index", "."]).fails(0, &["bad.zip", "is version 1.1.0 of `x` already"]);
    let index = || {
        let text = fs::read_to_string(dir.path().join("index.yaml")).unwrap();
        storekeeper::repository::Index::parse(&text).unwrap()
    };
    let entry = index().get("x", "1.0.0").unwrap().clone();
    assert_eq!(entry.urls, ["x-1.0.0.zip"]);
    assert!(entry.digest.is_some() && entry.size > 0);

    // Earlier versions stay, with their age.
    fs::rename(dir.path().join("index.yaml"), dir.path().join("old.yaml")).unwrap();
    fs::remove_file(dir.path().join("x-1.0.0.zip")).unwrap();
    put("x-1.2.0.zip", package("x", "1.2.0", json!({}), 0));
    let url = "https://shop.example/packages";
    pkg(
        dir.path(),
        &["index", ".", "--url", url, "--merge", "old.yaml"],
    );
    let merged = index();
    assert_eq!(merged.len(), 3);
    assert_eq!(merged.get("x", "1.0.0").unwrap(), &entry);
    let newest = merged.get("x", "1.2.0").unwrap();
    assert_eq!(newest.urls, ["https://shop.example/packages/x-1.2.0.zip"]);
}

#[test]
fn an_openpitrix_package_is_checked_and_described() {
    let dir = tempfile::tempdir().unwrap();
    openpitrix_folder(dir.path());
    let folder = dir.path().join("wordpress");
    pkg(dir.path(), &["lint", "wordpress"]).ok();
    pkg(dir.path(), &["pack", "wordpress"])
        .ok()
        .says(&["wordpress-0.1.0.tgz"]);
    let found = pkg(
        dir.path(),
        &["inspect", "wordpress-0.1.0.tgz", "--locale", "zh-cn"],
    );
    let found = found.fails(0, &["cluster runtime"]);
    found.says(&[
        "openpitrix",
        "cluster.name",
        "blog",
        "名称",
        "节点数",
        "博客",
    ]);
    let told = pkg(dir.path(), &["inspect", "wordpress-0.1.0.tgz", "--json"]).json();
    assert_eq!(told["locales"]["zh-cn"]["Name"], "名称");
    assert_eq!(told["parameters"][1]["type"], "integer");

    let broken = |file: &str, content: &str, words: &[&str]| {
        let before = fs::read(folder.join(file)).unwrap();
        fs::write(folder.join(file), content).unwrap();
        pkg(dir.path(), &["lint", "wordpress"]).fails(3, words);
        fs::write(folder.join(file), before).unwrap();
    };
    broken("package.json", "{", &["package.json: decode failed"]);
    broken(
        "package.json",
        r#"{"version": "1.0.0"}"#,
        &["`name` is missing"],
    );
    broken("config.json", r#"{"type": "string"}"#, &["config.json"]);
    broken(
        "cluster.json.tmpl",
        "{\"a\": \"{{",
        &["cluster.json.tmpl: render failed"],
    );
    broken("cluster.json.tmpl", "{}", &["`nodes` is missing"]);
    fs::remove_file(folder.join("config.json")).unwrap();
    pkg(dir.path(), &["lint", "wordpress"]).fails(3, &["config.json: not found"]);
    let at_top = zip(&[
        ("package.json", b"{}"),
        ("config.json", b"{}"),
        ("cluster.json.tmpl", b"{}"),
    ]);
    fs::write(dir.path().join("top.zip"), at_top).unwrap();
    pkg(dir.path(), &["inspect", "top.zip"]).fails(3, &["not found in a top folder"]);
}
