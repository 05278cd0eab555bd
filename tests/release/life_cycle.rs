//! The life of apps and versions, as OpenPitrix's and its successors' tests and users want it.

use reqwest::Method;
use serde_json::json;

use super::{Someone, index, names, shop, start, storage};
use crate::support::{Answer, package};

const UP: [&str; 3] = ["submit", "pass", "release"];

#[tokio::test]
async fn a_name_is_taken_once_in_a_repository_and_free_in_another() {
    let service = start().await;
    let me = Someone::local(&service);
    me.upload("twice", "1.0.0").await;
    let before = storage(&service);
    let second = package("twice", "2.0.0", json!({}), 0);
    let answer = me
        .send(Method::POST, "/v1/apps", second.clone())
        .await
        .must_be(409);
    assert_eq!(answer.json()["name"], "app_name_exists");
    assert_eq!(answer.json()["message_zh"], "应用名称已存在");
    assert_eq!(storage(&service), before);
    let folder = service.scratch().join("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let other = json!({ "name": "elsewhere", "url": folder, "credential": "{}" });
    let added = me.post("/v1/repos", &other).await.must_be(200).json();
    let list = me.get("/v1/repos?name=elsewhere").await.must_be(200).json();
    assert_eq!(list["repo_set"][0]["repo_id"], added["repo_id"]);
    assert_eq!(list["repo_set"][0]["credential"], "{}");
    me.send(Method::POST, "/v1/apps?repo_id=elsewhere", second)
        .await
        .must_be(200);
}

#[tokio::test]
async fn a_version_keeps_the_name_of_its_app_and_a_number_of_its_own() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, first) = me.upload("numbers", "0.0.1").await;
    let path = format!("/v1/app_versions?app_id={app}");
    let stranger = package("other", "1.0.0", json!({}), 0);
    let answer = me.send(Method::POST, &path, stranger).await.must_be(400);
    assert_eq!(answer.json()["name"], "cannot_change_app_name");
    let taken = package("numbers", "0.0.1", json!({ "notes": "x" }), 0);
    let answer = me.send(Method::POST, &path, taken).await.must_be(409);
    assert_eq!(answer.json()["name"], "app_version_exists");
    // A draft may get another number, but no taken one.
    let replace = format!("/v1/app_versions?version_id={first}");
    for number in ["0.0.2", "0.0.3"] {
        let package = package("numbers", number, json!({}), 0);
        me.send(Method::PATCH, &replace, package).await.must_be(200);
        assert_eq!(me.version(&first).await["version"], number);
    }
    let second = me.add(&app, "numbers", "0.1.0").await;
    let package = package("numbers", "0.0.3", json!({}), 0);
    let path = format!("/v1/app_versions?version_id={second}");
    let answer = me.send(Method::PATCH, &path, package).await.must_be(409);
    assert_eq!(answer.json()["name"], "app_version_exists");
    for version in [&first, &second] {
        me.act(version, "delete").await.must_be(200);
    }
    // Nothing of them lies there any more, replaced packages included.
    let kept = storage(&service);
    assert!(
        kept.iter().all(|(name, _)| !name.contains(".packages/")),
        "{kept:?}"
    );
}

#[tokio::test]
async fn the_usual_way_has_a_history_with_who_and_why() {
    let service = start().await;
    let developer = Someone::new(&service, "dev", "developer").await;
    let admin = Someone::new(&service, "boss", "admin").await;
    let (_, version) = developer.upload("way", "1.0.0").await;
    developer.lead(&version, &["submit"]).await;
    let silent = json!({ "version_id": version, "message": " " });
    let answer = admin.post("/v1/app_version/action/reject", &silent).await;
    assert_eq!(answer.must_be(400).json()["name"], "missing_parameter");
    admin.lead(&version, &["reject"]).await;
    assert_eq!(developer.version(&version).await["message"], "because");
    developer.lead(&version, &["submit"]).await;
    // By the paths of OpenPitrix 0.4, too.
    let body = json!({ "version_id": version });
    let path = "/v1/app_version/action/pass/admin";
    admin.post(path, &body).await.must_be(200);
    developer.lead(&version, &["release"]).await;
    admin.lead(&version, &["suspend"]).await;
    developer.lead(&version, &["delete"]).await;
    let states = [
        "draft",
        "submitted",
        "rejected",
        "submitted",
        "passed",
        "active",
        "suspended",
        "deleted",
    ];
    assert_eq!(admin.history(&version).await, states);
    let path = format!("/v1/app_version_audits?version_id={version}");
    let audits = admin.get(&path).await.json()["app_version_audit_set"].clone();
    let audits = audits.as_array().unwrap();
    let by: Vec<_> = audits
        .iter()
        .map(|row| {
            (
                row["operator"].as_str().unwrap(),
                row["operator_type"].as_str().unwrap(),
            )
        })
        .collect();
    let (dev, boss) = (("dev", "developer"), ("boss", "admin"));
    assert_eq!(by, [dev, dev, boss, dev, boss, dev, boss, dev]);
    assert_eq!(audits[2]["message"], "because");
    let times: Vec<&str> = audits
        .iter()
        .map(|row| row["status_time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn the_store_shows_what_was_released_and_nothing_else() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, first) = me.upload("shown", "1.0.0").await;
    me.lead(&first, &["submit", "pass"]).await;
    assert!(me.store().await.is_empty());
    assert!(index(&service).is_empty());
    me.lead(&first, &["release"]).await;
    assert_eq!(me.store().await, ["shown"]);
    assert_eq!(index(&service), ["shown 1.0.0"]);
    // The latest in the store is the latest that was released.
    let second = me.add(&app, "shown", "2.0.0").await;
    me.lead(&second, &["submit", "pass"]).await;
    let shown = me.get("/v1/active_apps").await.json()["app_set"][0].clone();
    assert_eq!(shown["latest_app_version"]["version"], "1.0.0");
    assert_eq!(shown["status"], "active");
    me.lead(&second, &["release"]).await;
    let shown = me.get("/v1/active_apps").await.json()["app_set"][0].clone();
    assert_eq!(shown["latest_app_version"]["version"], "2.0.0");
    me.lead(&second, &["suspend"]).await;
    let shown = me.get("/v1/active_apps").await.json()["app_set"][0].clone();
    assert_eq!(shown["latest_app_version"]["version"], "1.0.0");
    assert_eq!(index(&service), ["shown 1.0.0"]);
    me.lead(&first, &["suspend"]).await;
    assert!(me.store().await.is_empty());
    assert!(index(&service).is_empty());
    let all = me.get("/v1/apps").await.json()["app_set"][0].clone();
    assert_eq!(all["status"], "suspended");
    // A sync finds nothing of what was taken out.
    let sync = format!("/api/repositories/{}/index", shop());
    me.post(&sync, &json!({})).await;
    assert!(index(&service).is_empty());
    me.lead(&second, &["recover"]).await;
    assert_eq!(index(&service), ["shown 2.0.0"]);
}

#[tokio::test]
async fn what_was_released_never_changes() {
    let service = start().await;
    let me = Someone::local(&service);
    let (_, version) = me.upload("fixed", "1.0.0").await;
    me.lead(&version, &UP).await;
    let package_path = format!("/v1/app_version/package?version_id={version}");
    let (before, bytes) = (storage(&service), me.get(&package_path).await.text);
    let path = format!("/v1/app_versions?version_id={version}");
    for (name, number) in [("fixed", "1.0.0"), ("fixed", "1.0.1"), ("other", "1.0.0")] {
        let changed = package(name, number, json!({ "notes": "changed" }), 0);
        let answer = me.send(Method::PATCH, &path, changed).await.must_be(409);
        assert_eq!(answer.json()["name"], "app_version_incorrect_status");
        assert!(
            answer.message().contains("never changes"),
            "{}",
            answer.text
        );
    }
    let body = json!({ "version_id": version, "description": "changed" });
    me.patch("/v1/app_versions", &body).await.must_be(409);
    assert_eq!(storage(&service), before);
    assert_eq!(me.get(&package_path).await.text, bytes);
}

#[tokio::test]
async fn what_an_app_is_shows_with_the_next_release() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, first) = me.upload("edited", "1.0.0").await;
    me.lead(&first, &UP).await;
    let edit = json!({ "app_id": app, "description": "一个数据库", "keywords": "sql,数据" });
    me.patch("/v1/apps", &edit).await.must_be(200);
    let icon = b"\x89PNG\r\n\x1a\nicon";
    let body = json!({ "app_id": app, "type": "icon", "attachment_content": base64(icon) });
    me.patch("/v1/app/attachment", &body).await.must_be(200);
    let shown = || async { me.get("/v1/active_apps").await.json()["app_set"][0].clone() };
    assert_eq!(shown().await["description"], "made up");
    assert_eq!(shown().await["icon"], "");
    assert!(names(&me.get("/v1/active_apps?search_word=数据库").await.json()).is_empty());
    assert_eq!(
        names(&me.get("/v1/apps?search_word=数据库").await.json()),
        ["edited"]
    );
    let second = me.add(&app, "edited", "1.1.0").await;
    me.lead(&second, &["submit"]).await;
    // While a version is under review, what is reviewed does not change.
    let answer = me.patch("/v1/apps", &edit).await.must_be(409);
    assert_eq!(answer.json()["name"], "app_version_in_review");
    let other = base64(b"GIF89a....");
    for (kind, content) in [
        ("icon", other.as_str()),
        ("icon", ""),
        ("screenshot", &other),
    ] {
        let body = json!({ "app_id": app, "type": kind, "attachment_content": content });
        let answer = me.patch("/v1/app/attachment", &body).await.must_be(409);
        assert_eq!(answer.json()["name"], "app_version_in_review");
    }
    // Nor is what is not released yet found by it.
    let path = "/v1/active_app_versions?search_word=数据库";
    assert_eq!(me.get(path).await.json()["total_count"], 0);
    me.lead(&second, &["pass", "release"]).await;
    assert_eq!(me.get(path).await.json()["total_count"], 2);
    assert_eq!(shown().await["description"], "一个数据库");
    let address = shown().await["icon"].as_str().unwrap().to_owned();
    let picture = me.request(Method::GET, &address).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    assert_eq!(picture.bytes().await.unwrap(), &icon[..]);
    // Three characters and more by the index, fewer without.
    for words in ["数据库", "数", "EDITED 数据", "sql"] {
        let path = format!("/v1/active_apps?search_word={words}");
        assert_eq!(names(&me.get(&path).await.json()), ["edited"], "{words}");
    }
    assert!(names(&me.get("/v1/active_apps?search_word=数据库%25").await.json()).is_empty());
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn pictures_have_six_places_and_are_pictures() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, _) = me.upload("pictures", "1.0.0").await;
    let attach = |kind: &str, sequence: u32, content: &[u8]| json!({ "app_id": app, "type": kind, "sequence": sequence, "attachment_content": base64(content) });
    let path = "/v1/app/attachment";
    let gif = b"GIF89a....";
    me.patch(path, &attach("screenshot", 5, gif))
        .await
        .must_be(200);
    me.patch(path, &attach("screenshot", 6, gif))
        .await
        .must_be(400);
    me.patch(path, &attach("icon", 0, b"<html>"))
        .await
        .must_be(400);
    me.patch(path, &attach("portrait", 0, gif))
        .await
        .must_be(400);
    let large = [&gif[..], &vec![0; 2 << 20]].concat();
    me.patch(path, &attach("icon", 0, &large))
        .await
        .must_be(413);
    let address = format!("{path}?app_id={app}&type=screenshot&sequence=5");
    me.get(&address).await.must_be(200);
    me.patch(path, &attach("screenshot", 5, b""))
        .await
        .must_be(200);
    me.get(&address).await.must_be(404);
}

#[tokio::test]
async fn an_app_goes_when_its_versions_are_gone() {
    let service = start().await;
    let me = Someone::local(&service);
    let (app, version) = me.upload("gone", "1.0.0").await;
    let body = json!({ "app_id": [app] });
    let answer = me.delete("/v1/apps", &body).await.must_be(409);
    assert_eq!(answer.json()["name"], "exists_no_delete_versions");
    me.lead(&version, &UP).await;
    let answer = me.act(&version, "delete").await.must_be(409);
    assert!(
        answer.message().contains("suspends it first"),
        "{}",
        answer.text
    );
    me.lead(&version, &["suspend", "delete"]).await;
    me.delete("/v1/apps", &body).await.must_be(200);
    me.delete("/v1/apps", &body).await.must_be(404);
    assert!(names(&me.get("/v1/apps").await.json()).is_empty());
    let deleted = me.get("/v1/apps?status=deleted").await.json();
    assert_eq!(names(&deleted), ["gone"]);
    // The name is free again.
    me.upload("gone", "1.0.0").await;
}

#[tokio::test]
async fn categories_are_used_and_kept_while_they_are() {
    let service = start().await;
    let me = Someone::local(&service);
    let list = me.get("/v1/categories").await.must_be(200).json();
    let known: Vec<&str> = list["category_set"]
        .as_array()
        .unwrap()
        .iter()
        .map(|category| category["category_id"].as_str().unwrap())
        .collect();
    // Those of the desktop's store are there from the start, and a package's own is where it is put.
    for id in ["ctg-uncategorized", "ctg-development", "ctg-utilities"] {
        assert!(known.contains(&id), "{known:?}");
    }
    for (name, category, id) in [
        ("tool", "utilities", "ctg-utilities"),
        ("odd", "unheard-of", "ctg-uncategorized"),
    ] {
        let package = package(name, "1.0.0", json!({ "category": category }), 0);
        me.send(Method::POST, "/v1/apps", package)
            .await
            .must_be(200);
        let path = format!("/v1/apps?category_id={id}");
        assert_eq!(names(&me.get(&path).await.json()), [name]);
    }
    let body = json!({ "name": "databases", "locale": "{\"zh_cn\":\"数据库\"}" });
    let made = me.post("/v1/categories", &body).await.must_be(200).json();
    let id = made["category_id"].as_str().unwrap();
    me.post("/v1/categories", &body).await.must_be(409);
    let (app, version) = me.upload("sorted", "1.0.0").await;
    let set = |category: &str| json!({ "app_id": app, "category_id": category });
    me.patch("/v1/apps", &set("ctg-unknown")).await.must_be(404);
    let twice = json!({
        "version_package": base64(&package("twice", "1.0.0", json!({}), 0)),
        "category_id": [id, format!(" {id}")],
    });
    me.post("/v1/apps", &twice).await.must_be(200);
    me.patch("/v1/apps", &set(id)).await.must_be(200);
    me.lead(&version, &UP).await;
    let path = format!("/v1/active_apps?category_id={id}");
    assert_eq!(names(&me.get(&path).await.json()), ["sorted"]);
    let path = "/v1/active_apps?category_id=ctg-uncategorized";
    assert!(names(&me.get(path).await.json()).is_empty());
    let answer = me
        .delete("/v1/categories", &json!({ "category_id": [id] }))
        .await;
    assert_eq!(answer.must_be(409).json()["name"], "category_in_use");
    let default = json!({ "category_id": ["ctg-uncategorized"] });
    me.delete("/v1/categories", &default).await.must_be(403);
    let rename = json!({ "category_id": id, "name": "数据库" });
    me.patch("/v1/categories", &rename).await.must_be(200);
}

#[tokio::test]
async fn numbers_are_told_of_what_is_published() {
    let service = start().await;
    let me = Someone::local(&service);
    let (_, version) = me.upload("counted", "1.0.0").await;
    me.upload("draft", "1.0.0").await;
    me.lead(&version, &UP).await;
    let told = me.get("/v1/apps/statistics").await.must_be(200).json();
    assert_eq!(told["app_count"], 2);
    assert_eq!(told["active_app_count"], 1);
    assert_eq!(told["version_count"], 2);
    let repos = told["top_ten_repos"].as_object().unwrap();
    assert_eq!(repos.values().collect::<Vec<_>>(), [2]);
    let days = told["last_two_week_created"].as_object().unwrap();
    assert_eq!(days.len(), 14);
    assert_eq!(
        days.values().map(|day| day.as_u64().unwrap()).sum::<u64>(),
        2
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let service = start().await;
    let me = Someone::local(&service);
    for number in 0..23 {
        me.upload(&format!("app{number:02}"), "1.0.0").await;
    }
    let list = me.get("/v1/apps").await.json();
    assert_eq!(list["total_count"], 23);
    assert_eq!(names(&list).len(), 20);
    assert_eq!(names(&list)[0], "app22");
    let list = me
        .get("/v1/apps?reverse=true&limit=2&offset=21&sort_key=name")
        .await;
    assert_eq!(names(&list.json()), ["app21", "app22"]);
    me.get("/v1/apps?offset=-1").await.must_be(400);
    me.get("/v1/apps?sort_key=owner;").await.must_be(400);
    me.get("/v1/apps?status=nonsense").await.must_be(400);
    assert_eq!(
        names(&me.get("/v1/apps?limit=100000").await.json()).len(),
        23
    );
    let many = vec!["app03"; 201].join(",");
    for list in ["/v1/apps", "/v1/active_apps", "/v1/app_versions"] {
        let path = format!("{list}?name={many}");
        let answer = me.get(&path).await.must_be(400);
        assert!(answer.message().contains("200 values"), "{}", answer.text);
    }
    let list = me
        .get("/v1/apps?name=app03&name=app04&reverse=1")
        .await
        .json();
    assert_eq!(names(&list), ["app03", "app04"]);
}

#[tokio::test]
async fn what_was_looked_at_is_what_is_decided_on() {
    let service = start().await;
    let me = Someone::local(&service);
    let (_, version) = me.upload("seen", "1.0.0").await;
    let path = format!("/v1/app_version/package?version_id={version}");
    let head = me.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), 200);
    let seen = head.headers()["etag"].to_str().unwrap().to_owned();
    assert!(head.bytes().await.unwrap().is_empty());
    let list = me.request(Method::HEAD, "/v1/apps").send().await.unwrap();
    assert_eq!(list.status(), 200);
    let replace = async |notes: &str, seen: &str| {
        let path = format!("/v1/app_versions?version_id={version}");
        let request = me.request(Method::PATCH, &path).header("if-match", seen);
        let request = request.header("content-type", "application/octet-stream");
        let package = package("seen", "1.0.0", json!({ "notes": notes }), 0);
        Answer::of(request.body(package)).await
    };
    let pass = async |seen: &str| {
        let request = me.request(Method::POST, "/v1/app_version/action/pass");
        let body = json!({ "version_id": version });
        Answer::of(request.header("if-match", seen).json(&body)).await
    };
    replace("new", &seen).await.must_be(200);
    let stale = replace("newer", &seen).await.must_be(412);
    assert_eq!(stale.json()["name"], "precondition_failed");
    me.lead(&version, &["submit"]).await;
    pass(&seen).await.must_be(412);
    assert_eq!(me.status(&version).await, "submitted");
    let now = me.version(&version).await;
    let now = format!("\"{}\"", now["sha256"].as_str().unwrap());
    pass(&now).await.must_be(200);
}

#[tokio::test]
async fn an_administrator_deletes_directly_and_the_history_tells_each_step() {
    let service = start().await;
    let developer = Someone::new(&service, "dev", "developer").await;
    let admin = Someone::new(&service, "boss", "admin").await;
    for (name, way, history) in [
        ("draft", &[][..], &["draft", "deleted"][..]),
        (
            "submitted",
            &["submit"],
            &["draft", "submitted", "draft", "deleted"],
        ),
        (
            "active",
            &UP,
            &[
                "draft",
                "submitted",
                "passed",
                "active",
                "suspended",
                "deleted",
            ],
        ),
    ] {
        let (_, version) = admin.upload(name, "1.0.0").await;
        Someone::owner(&service).lead(&version, way).await;
        let body = json!({ "version_id": version, "direct_delete": true });
        let path = "/v1/app_version/action/delete";
        developer.post(path, &body).await.must_be(403);
        admin.post(path, &body).await.must_be(200);
        assert_eq!(admin.history(&version).await, history, "{name}");
    }
    assert!(index(&service).is_empty());
}
