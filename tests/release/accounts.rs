//! Who may: without accounts everybody on this computer, with accounts what the role says, on every
//! route.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Someone, names, shop, start};
use crate::cli::run;
use crate::support::{Answer, Service, package};

#[tokio::test]
async fn the_first_user_switches_accounts_on_and_the_last_one_off() {
    let service = start().await;
    let nobody = Someone::local(&service);
    let me = nobody.get("/v1/me").await.must_be(200).json();
    assert_eq!(
        me,
        json!({ "accounts": false, "name": "local", "role": "admin" })
    );
    nobody.get("/api/apps").await.must_be(200);
    let user = Someone::new(&service, "mei", "user").await;
    for path in [
        "/v1/apps",
        "/api/apps",
        "/api/settings",
        "/store/storelist",
        "/api/nothing",
    ] {
        nobody.get(path).await.must_be(401);
    }
    nobody.get("/ping").await.must_be(200);
    nobody.get("/").await.must_be(200);
    let me = nobody.get("/v1/me").await.must_be(200).json();
    assert_eq!(me, json!({ "accounts": true, "name": null, "role": null }));
    let me = user.get("/v1/me").await.json();
    assert_eq!(
        me,
        json!({ "accounts": true, "name": "mei", "role": "user" })
    );
    // The owner's command line goes on.
    run(&service, &["ps"]).ok();
    run(&service, &["user", "list"]).ok().says(&["mei", "user"]);
    run(&service, &["user", "rm", "mei"]).ok();
    nobody.get("/api/apps").await.must_be(200);
    user.get("/v1/me").await.must_be(200);
}

#[tokio::test]
async fn a_path_written_in_an_unusual_way_needs_the_same_role() {
    let service = start().await;
    let store = json!({ "config": { "password": "s3cret" } });
    let _app = service.app("a").runs(&["forever"], store).install().await;
    let user = Someone::new(&service, "reader", "user").await;
    for (method, path) in [
        (Method::GET, "/api/apps/a/%63onfig/password"),
        (Method::GET, "/v1/%72epos/validate?url=/etc"),
        (Method::POST, "/v1/%72epos"),
        (Method::DELETE, "/v1/rep%6Fs"),
        (Method::GET, "/store/%75ninstall?name=a"),
        (Method::GET, "/%73tore/stopall"),
    ] {
        let answer = Answer::of(user.request(method.clone(), path)).await;
        assert!(
            matches!(answer.status, 403 | 404),
            "{method} {path}: {}",
            answer.text
        );
        assert!(!answer.text.contains("s3cret"));
    }
    let app = user.get("/api/apps/a").await.must_be(200).json();
    assert_ne!(app["installed"], json!(null));
}

#[tokio::test]
async fn roles_hold_on_every_route() {
    let service = start().await;
    let developer = Someone::new(&service, "dev", "developer").await;
    let user = Someone::new(&service, "reader", "user").await;
    let admin = Someone::new(&service, "boss", "admin").await;
    let (app, version) = developer.upload("mine", "1.0.0").await;
    let body = json!({ "version_id": version, "app_id": app, "name": "x", "type": "icon" });
    for (method, path, of_developer) in [
        (Method::PATCH, "/api/settings", 403),
        (Method::POST, "/api/repositories", 403),
        (Method::DELETE, "/api/repositories/local", 403),
        (Method::POST, "/v1/repos", 403),
        (
            Method::GET,
            "/v1/repos/validate?url=http://127.0.0.1:1/",
            403,
        ),
        (Method::POST, "/api/catalogs", 403),
        (Method::DELETE, "/api/trash", 403),
        (Method::GET, "/v1/users", 403),
        (Method::POST, "/v1/categories", 403),
        (Method::PATCH, "/v1/categories", 403),
        (Method::GET, "/v1/apps/statistics", 403),
        (Method::POST, "/v1/app_version/action/pass", 403),
        (Method::POST, "/v1/app_version/action/submit", 200),
    ] {
        for (who, expected) in [(&user, 403), (&developer, of_developer)] {
            let mut body = body.clone();
            if path == "/v1/categories" {
                body["category_id"] = json!("ctg-uncategorized");
            }
            let request = who.request(method.clone(), path).json(&body);
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text);
        }
    }
    let package = package("theirs", "1.0.0", json!({}), 0);
    user.send(Method::POST, "/v1/apps", package)
        .await
        .must_be(403);
    admin.get("/v1/users").await.must_be(200);
    admin.get("/v1/apps/statistics").await.must_be(200);
}

#[tokio::test]
async fn a_draft_is_its_developers_and_the_administrators_alone() {
    let service = start().await;
    let developer = Someone::new(&service, "dev", "developer").await;
    let stranger = Someone::new(&service, "other", "developer").await;
    let user = Someone::new(&service, "reader", "user").await;
    let admin = Someone::new(&service, "boss", "admin").await;
    let (app, version) = developer.upload("secret", "1.0.0").await;
    let paths = [
        format!("/v1/app_version/package?version_id={version}"),
        format!("/v1/app_version/package/files?version_id={version}"),
        format!("/v1/app_version_audits?version_id={version}"),
        format!("/v1/app_version_audits?app_id={app}"),
    ];
    for path in &paths {
        for who in [&stranger, &user] {
            who.get(path).await.must_be(403);
        }
        for who in [&developer, &admin] {
            who.get(path).await.must_be(200);
        }
    }
    // Nobody gets at the file past the rules.
    let sha256 = developer.version(&version).await["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        format!("/repo/{}/.versions%2F{sha256}", shop()),
        format!("/repo/{}/{sha256}", shop()),
        format!("/repo/{}/secret-1.0.0.zip", shop()),
    ] {
        assert!(matches!(user.get(&path).await.status, 400 | 404), "{path}");
    }
    for who in [&stranger, &user] {
        assert!(names(&who.get("/v1/apps").await.json()).is_empty());
        let list = who
            .get(&format!("/v1/app_versions?version_id={version}"))
            .await
            .json();
        assert_eq!(list["total_count"], 0);
        assert_eq!(who.act(&version, "submit").await.status, 403);
    }
    developer.lead(&version, &["submit"]).await;
    admin.lead(&version, &["pass"]).await;
    developer.lead(&version, &["release"]).await;
    user.get(&paths[0]).await.must_be(200);
    user.get(&format!("/repo/{}/secret-1.0.0.zip", shop()))
        .await
        .must_be(200);
    assert_eq!(user.store().await, ["secret"]);
    admin.lead(&version, &["suspend"]).await;
    user.get(&paths[0]).await.must_be(403);
    user.get(&format!("/repo/{}/secret-1.0.0.zip", shop()))
        .await
        .must_be(404);
}

#[tokio::test]
async fn nobody_passes_his_own_version_while_another_could() {
    let service = start().await;
    let alone = Someone::new(&service, "alone", "admin").await;
    let (_, version) = alone.upload("own", "1.0.0").await;
    alone
        .lead(&version, &["submit", "pass", "cancel", "submit"])
        .await;
    let second = Someone::new(&service, "second", "admin").await;
    let answer = alone.act(&version, "pass").await.must_be(403);
    assert_eq!(answer.json()["name"], "cannot_review_own");
    let actions = alone.version(&version).await["actions"].clone();
    assert!(actions.as_array().unwrap().contains(&Value::from("cancel")));
    second.lead(&version, &["pass"]).await;
}

/// What an administrator put in a developer's place is his own work as well.
#[tokio::test]
async fn nobody_passes_what_he_put_there_for_another() {
    let service = start().await;
    let developer = Someone::new(&service, "dev", "developer").await;
    let first = Someone::new(&service, "first", "admin").await;
    let second = Someone::new(&service, "second", "admin").await;
    let (_, version) = developer.upload("helped", "1.0.0").await;
    let path = format!("/v1/app_versions?version_id={version}");
    let other = super::package_of("helped", "1.0.1");
    first.send(Method::PATCH, &path, other).await.must_be(200);
    developer.lead(&version, &["submit"]).await;
    let answer = first.act(&version, "pass").await.must_be(403);
    assert_eq!(answer.json()["name"], "cannot_review_own");
    second.lead(&version, &["pass"]).await;
}

#[tokio::test]
async fn tokens_are_stored_hashed_and_can_be_revoked() {
    let service = Service::start_new().await;
    let user = Someone::new(&service, "mei", "developer").await;
    let made = user
        .post("/v1/tokens", &json!({ "label": "ci" }))
        .await
        .must_be(200)
        .json();
    let token = made["token"].as_str().unwrap();
    let with = |token: &str| {
        let request = service.request(Method::GET, "/v1/apps").bearer_auth(token);
        Answer::of(request)
    };
    with(token).await.must_be(200);
    with(&token[1..]).await.must_be(401);
    let list = user.get("/v1/tokens").await.must_be(200);
    assert!(!list.text.contains(token));
    assert_eq!(list.json()["total_count"], 2);
    // Neither the token nor the password lies in any file.
    let database = std::fs::read(service.home().join("data/storekeeper.db")).unwrap();
    let wal = std::fs::read(service.home().join("data/storekeeper.db-wal")).unwrap_or_default();
    let all = [database, wal].concat();
    let has = |word: &str| all.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(has("mei") && !has(token) && !has("a good password"));
    assert!(has("$argon2id$"));
    let body = json!({ "token_id": [made["token_id"]] });
    user.delete("/v1/tokens", &body).await.must_be(200);
    with(token).await.must_be(401);
    let wrong = json!({ "name": "mei", "password": "not that one" });
    let answer = service.post("/v1/login", &wrong).await.must_be(401);
    assert_eq!(answer.json()["name"], "auth_failure");
    user.post("/v1/logout", &json!({})).await.must_be(200);
    user.get("/v1/apps").await.must_be(401);
}

#[tokio::test]
async fn an_account_works_where_the_service_wants_a_token() {
    let service = Service::start_with(&["--token"], &[]).await;
    service.get("/v1/apps").await.must_be(401);
    service
        .post("/v1/login", &json!({ "name": "a", "password": "b" }))
        .await
        .must_be(401);
    let user = Someone::new(&service, "mei", "user").await;
    user.get("/v1/active_apps").await.must_be(200);
    service.get("/v1/apps").await.must_be(401);
    // The gate still stands before all this.
    let request = user.request(Method::GET, "/v1/apps");
    let request = request.header("origin", "http://evil.example");
    assert_eq!(Answer::of(request).await.status, 403);
}
