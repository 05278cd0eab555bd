//! The conversation of the original's own test, and what its endpoints answer beside it.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::{Value, json};

use super::make::{Ampkg, icon, program};
use super::server::Data;
use super::{not_taken, taken};
use crate::support::{package, zip};

#[tokio::test]
async fn the_fourteen_steps_of_the_originals_test() {
    let data = Data::new();
    let package = Ampkg::new("com.pelagicore.test", "1.0")
        .says("categories: [ 'test-category' ]")
        .build();
    data.write(".packages/com.pelagicore.test_all.ampkg", &package);
    let mut server = data.serve().await;
    assert_eq!(
        server.lines(),
        [
            "Qt ApplicationManager Package Server".to_owned(),
            format!(
                "> Data directory: {}",
                data.path("").display().to_string().trim_end_matches('/')
            ),
            "> Project: PROJECT".to_owned(),
            "> Verify developer signature on upload: no".to_owned(),
            "> Add store signature on download: no".to_owned(),
            "> Scanning .packages".to_owned(),
            " + adding   com.pelagicore.test [all]".to_owned(),
            format!("> HTTP server listening on: {}", server.address()),
        ]
    );
    let mut client = server.client();
    let hello = client.get("/hello");
    assert_eq!(hello.text(), r#"{"status":"incompatible-project-id"}"#);
    let hello = client.get("/hello?project-id=PROJECT");
    assert_eq!(hello.text(), r#"{"status":"ok"}"#);
    let fields = [
        "HTTP/1.1 200 OK",
        "content-type: application/json",
        "content-length: 15",
    ];
    assert_eq!(hello.head, fields);
    assert_eq!(client.get("/category/list").text(), r#"["test-category"]"#);
    assert_eq!(
        client.get("/package/list").text(),
        r#"[{"architecture":"","categories":["test-category"],"descriptions":{},"iconUrl":"package/icon?id=com.pelagicore.test&architecture=all","id":"com.pelagicore.test","names":{"de":"com.pelagicore.test auf Deutsch","en":"com.pelagicore.test in English"},"version":"1.0"}]"#
    );
    client.get("/package/icon").is_empty(404);
    let picture = client.get("/package/icon?id=com.pelagicore.test");
    assert_eq!(picture.field("content-type"), Some("image/png"));
    assert_eq!(picture.body, icon());
    client.get("/package/download").is_empty(404);
    let download = client.get("/package/download?id=com.pelagicore.test");
    assert_eq!(
        download.field("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(download.body, package);
    let remove = "/package/remove?id=com.pelagicore.test";
    let removed = client.post(&format!("{remove}&architecture=x86_64"));
    assert_eq!(removed.text(), r#"{"removed":0,"status":"fail"}"#);
    assert_eq!(client.post(remove).text(), r#"{"removed":1,"status":"ok"}"#);
    assert_eq!(client.get("/category/list").text(), "[]");
    assert_eq!(client.get("/package/list").text(), "[]");
    assert_eq!(
        client.put("/package/upload", &package).text(),
        r#"{"architecture":"all","id":"com.pelagicore.test","result":"added","status":"ok"}"#
    );
    let again = client.upload(&package);
    assert_eq!(again, taken("com.pelagicore.test", "all", "no changes"));
    assert_eq!(server.end().signal(), Some(15));
    assert_eq!(server.errors(), "");
}

#[tokio::test]
async fn every_endpoint_has_its_methods_and_nothing_else_is_there() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let package = Ampkg::new("a", "1").build();
    client.upload(&package);
    for target in [
        "/hello",
        "/package/list",
        "/package/icon?id=a",
        "/package/download?id=a",
        "/category/list",
    ] {
        assert_eq!(client.get(target).status(), 200);
        assert_eq!(client.post(target).status(), 200);
        client.put(target, b"").is_empty(404);
        for method in ["HEAD", "OPTIONS", "DELETE", "PATCH"] {
            client.send(super::client::Client::head(method, target, "").as_bytes());
            client.reply().is_empty(404);
        }
    }
    client.get("/package/upload").is_empty(404);
    client.post("/package/upload").is_empty(404);
    client.get("/package/remove?id=a").is_empty(404);
    for nowhere in ["/", "/Hello", "/hello/", "/package", "/../hello", "*"] {
        client.get(nowhere).is_empty(404);
    }
    assert_eq!(client.get("/%68ello").status(), 200);
    // A form does not count.
    let form = "project-id=PROJECT";
    let fields = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        form.len()
    );
    client.send(super::client::Client::head("POST", "/hello", &fields).as_bytes());
    client.send(form.as_bytes());
    assert_eq!(client.reply().json()["status"], "incompatible-project-id");
    for wrong in [
        "project-id=project",
        "project-id=",
        "Project-Id=PROJECT",
        "project-id=X&project-id=PROJECT",
    ] {
        let hello = client.get(&format!("/hello?{wrong}"));
        assert_eq!(hello.json()["status"], "incompatible-project-id", "{wrong}");
    }
    assert_eq!(
        client.get("/hello?x=1&%70roject-id=PROJECT&y").json()["status"],
        "ok"
    );
}

#[tokio::test]
async fn an_architecture_gets_its_own_package_else_the_independent_one() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let (all, native) = (
        Ampkg::new("a", "1").build(),
        Ampkg::new("a", "2").file("program", &program()).build(),
    );
    let only = Ampkg::new("b", "1")
        .bare()
        .file("program", &program())
        .build();
    assert_eq!(client.upload(&native), taken("a", "linux_x86_64", "added"));
    assert_eq!(client.upload(&all), taken("a", "all", "added"));
    assert_eq!(client.upload(&only), taken("b", "linux_x86_64", "added"));
    let listed = |client: &mut super::client::Client, query: &str| -> Vec<(String, String)> {
        let list = client.get(&format!("/package/list{query}")).json();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
        let entries = list.as_array().unwrap().iter();
        entries
            .map(|it| (text(it, "id"), text(it, "architecture")))
            .collect()
    };
    let pair = |id: &str, architecture: &str| (id.to_owned(), architecture.to_owned());
    let independent = vec![pair("a", "")];
    for query in [
        "",
        "?architecture=all",
        "?architecture=LINUX_x86_64",
        "?architecture=",
    ] {
        assert_eq!(listed(&mut client, query), independent, "{query}");
    }
    assert_eq!(
        listed(&mut client, "?architecture=linux_x86_64"),
        [pair("a", "linux_x86_64"), pair("b", "linux_x86_64")]
    );
    let download = |client: &mut super::client::Client, query: &str| {
        let reply = client.get(&format!("/package/download?id={query}"));
        (reply.status() == 200).then_some(reply.body)
    };
    assert_eq!(download(&mut client, "a"), Some(all.clone()));
    assert_eq!(
        download(&mut client, "a&architecture=linux_x86_64"),
        Some(native)
    );
    assert_eq!(
        download(&mut client, "a&architecture=other&hardware-id=x"),
        Some(all)
    );
    assert_eq!(download(&mut client, "b"), None);
    client
        .get("/package/icon?id=b&architecture=linux_x86_64")
        .is_empty(404);
    // `all` is the independent one alone.
    let removed = client.post("/package/remove?id=a&architecture=all").json();
    assert_eq!(removed, json!({ "removed": 1, "status": "ok" }));
    client.upload(&Ampkg::new("a", "3").build());
    assert_eq!(client.post("/package/remove?id=a").json()["removed"], 2);
    assert_eq!(data.names(".packages"), ["b_linux_x86_64.ampkg"]);
}

/// D1: as the manual says, not as the original does; which a switch brings back.
#[tokio::test]
async fn category_and_filter_say_what_is_listed() {
    let data = Data::new();
    data.write(
        ".packages/a_all.ampkg",
        Ampkg::new("a", "1")
            .says("categories: [Tools, büro]")
            .build(),
    );
    data.write(
        ".packages/b_all.ampkg",
        Ampkg::new("b", "1").says("categories: tools").build(),
    );
    let ids = |client: &mut super::client::Client, query: &str| -> String {
        let list = client.get(&format!("/package/list?{query}")).json();
        let ids = list.as_array().unwrap().iter();
        ids.map(|entry| entry["id"].as_str().unwrap()).collect()
    };
    let server = data.serve().await;
    let mut client = server.client();
    for (query, expected) in [
        ("category=Tools", "a"),
        ("category=b%C3%BCro", "a"),
        ("category=Tool", ""),
        ("filter=Deutsch", "ab"),
        ("filter=b%20in", "b"),
        ("filter=deutsch", ""),
        ("category=tools&filter=a", "b"),
        ("category=tools&filter=a%20in", ""),
        ("category=&filter=", "ab"),
    ] {
        assert_eq!(ids(&mut client, query), expected, "{query}");
    }
    // Code units: capitals before small letters.
    assert_eq!(
        client.get("/category/list").text(),
        r#"["Tools","büro","tools"]"#
    );
    drop(server);
    let server = data.serve_with(&["--inverted-filters"]).await;
    let mut client = server.client();
    assert_eq!(ids(&mut client, "category=Tools"), "b");
    assert_eq!(ids(&mut client, "filter=a%20in"), "b");
}

/// D2: what the list names can be asked for.
#[tokio::test]
async fn odd_ids_are_found_by_the_address_of_their_icon() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    for id in ["a + b", "a%b", "a;b", "a&b=c", "a#b", "..", "@"] {
        assert_eq!(
            client.upload(&Ampkg::new(id, "1").build()),
            taken(id, "all", "added")
        );
    }
    let list = client.list();
    assert_eq!(list.len(), 7);
    for entry in list {
        let address = entry["iconUrl"].as_str().unwrap();
        assert_eq!(
            client.get(&format!("/{address}")).status(),
            200,
            "{address}"
        );
        let id = address.split(['=', '&']).nth(1).unwrap();
        assert_eq!(
            client.get(&format!("/package/download?id={id}")).status(),
            200,
            "{id}"
        );
        assert_eq!(
            client.post(&format!("/package/remove?id={id}")).json()["removed"],
            1
        );
    }
    // A plus is a plus.
    client.upload(&Ampkg::new("a b", "1").build());
    client.get("/package/download?id=a+b").is_empty(404);
}

/// D4: a version takes the other's place whatever lies there; the version does not matter.
#[tokio::test]
async fn one_version_takes_the_place_of_another() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let (new, old) = (Ampkg::new("a", "2").build(), Ampkg::new("a", "1").build());
    assert_eq!(client.upload(&new), taken("a", "all", "added"));
    assert_eq!(client.upload(&old), taken("a", "all", "updated"));
    assert_eq!(client.list()[0]["version"], "1");
    data.write(".packages/b_all.ampkg", "a stray file");
    let b = Ampkg::new("b", "1").build();
    assert_eq!(client.upload(&b), taken("b", "all", "added"));
    assert_eq!(client.get("/package/download?id=b").body, b);
    // Somebody deletes it: it is listed, cannot be had, and comes back by being sent again.
    std::fs::remove_file(data.path(".packages/b_all.ampkg")).unwrap();
    assert_eq!(client.list().len(), 2);
    assert_eq!(client.get("/package/icon?id=b").status(), 200);
    client.get("/package/download?id=b").is_empty(404);
    assert_eq!(client.upload(&b)["status"], "ok");
    assert_eq!(client.get("/package/download?id=b").body, b);
}

/// D9: `icon.png`, else the manifest's icon if it is a PNG.
#[tokio::test]
async fn the_manifests_icon_is_shown_where_there_is_no_other() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let package = || Ampkg::new("a", "1").icon("logo.png", &icon());
    assert_eq!(client.upload(&package().build())["status"], "ok");
    assert_eq!(client.get("/package/icon?id=a").body, icon());
    let both = package().file("icon.png", b"anything");
    assert_eq!(client.upload(&both.build())["result"], "updated");
    assert_eq!(client.get("/package/icon?id=a").body, b"anything");
    let none = Ampkg::new("a", "1").icon("logo.png", b"no PNG");
    assert_eq!(client.upload(&none.build())["result"], "updated");
    client.get("/package/icon?id=a").is_empty(404);
}

#[tokio::test]
async fn a_package_and_an_app_do_not_take_each_others_place() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let qt = Ampkg::new("greeter", "1").build();
    let ours = package("greeter", "2", json!({}), 10);
    for (there, other, name) in [
        (&ours, &qt, "greeter_all.zip"),
        (&qt, &ours, "greeter_all.ampkg"),
    ] {
        assert_eq!(client.upload(there), taken("greeter", "all", "added"));
        let message = not_taken(&client.upload(other));
        assert!(message.contains("remove that one first"), "{message}");
        assert_eq!(data.names(".packages"), [name]);
        assert_eq!(client.get("/package/download?id=greeter").body, *there);
        let removed = client.post("/package/remove?id=greeter").json();
        assert_eq!(removed["removed"], 1);
    }
    // Somebody puts both there by hand.
    drop(server);
    data.write(".packages/greeter_all.ampkg", &qt);
    data.write(".packages/greeter_all.zip", &ours);
    let server = data.serve().await;
    let list = server.client().list();
    assert_eq!((list.len(), &list[0]["version"]), (1, &json!("1")));
    let mut lines = server.lines().into_iter();
    assert!(lines.any(|line| line.starts_with(" = skipping greeter_all.zip (")));
}

/// D11: a header with another id is refused.
#[tokio::test]
async fn what_a_device_could_not_take_is_refused() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let answer = client.upload(&Ampkg::new("a", "1").header_id("b").build());
    let message = not_taken(&answer);
    assert!(message.contains('a') && message.contains('b'), "{message}");
    assert_eq!(client.list(), Vec::<Value>::new());
    assert_eq!(data.names(".packages"), Vec::<String>::new());
}

#[tokio::test]
async fn apps_of_ours_stand_on_the_same_shelf() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let install =
        json!({ "name": "greeter", "version": "1.2", "desc": "Greets", "category": "work" });
    let store = json!({ "setting": { "binPath": "{exePath}/greet" } });
    let package = zip(&[
        ("install.json", install.to_string().as_bytes()),
        ("store.json", store.to_string().as_bytes()),
        ("greet", &program()),
    ]);
    assert_eq!(
        client.upload(&package),
        taken("greeter", "linux_x86_64", "added")
    );
    let entry = client.list()[0].clone();
    assert_eq!(entry["id"], "greeter");
    assert_eq!(entry["version"], "1.2");
    assert_eq!(entry["categories"], json!(["work"]));
    let download = client.get("/package/download?id=greeter&architecture=linux_x86_64");
    assert_eq!(download.body, package);
    assert_eq!(client.upload(&package)["result"], "no changes");
    // The next start knows it, too.
    drop(server);
    let server = data.serve().await;
    assert!(server.has_said(" + adding   greeter [linux_x86_64]"));
    assert_eq!(
        server.client().post("/package/remove?id=greeter").json()["removed"],
        1
    );
    assert_eq!(data.names(".packages"), Vec::<String>::new());
}
