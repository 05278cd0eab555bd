//! What a reviewer is told of a version, and the cookie by which a browser is known.

use reqwest::Method;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use super::{Someone, start};
use crate::support::{Answer, Service, zip};

/// The package of an app that writes into its folder when it is installed.
fn writing(version: &str, text: &str) -> Vec<u8> {
    let info = json!({ "name": "writes", "version": version, "desc": "Writes", "url": "https://example.org/x.zip" });
    let store = json!({
        "install": { "installCmds": ["init"] },
        "commands": { "init": [{ "name": "writeFile", "filePath": "{exePath}/greeting.txt", "content": text }] },
    });
    // With a folder around it, as people pack it.
    zip(&[
        ("writes/install.json", info.to_string().as_bytes()),
        ("writes/store.json", store.to_string().as_bytes()),
    ])
}

/// Files that lie where packages come in.
fn left_over(service: &Service) -> usize {
    let folder = service.home().join("cache/upload");
    std::fs::read_dir(folder).into_iter().flatten().count()
}

#[tokio::test]
async fn a_reviewer_is_told_what_a_version_does_and_what_changed() {
    let service = start().await;
    let me = Someone::local(&service);
    let review = async |version: &str| {
        let path = format!("/v1/app_version/review?version_id={version}");
        me.get(&path).await.must_be(200).json()
    };
    let made = me
        .send(Method::POST, "/v1/apps", writing("1.0.0", "hello"))
        .await
        .must_be(200)
        .json();
    let first = made["version_id"].as_str().unwrap();

    // Nothing is in the store: all of it is new. It is told as if it lay where it would be installed.
    let told = review(first).await;
    assert_eq!(told["changes"]["since"], Value::Null);
    assert_eq!(told["changes"]["files"][0]["path"], "install.json");
    assert_eq!(told["changes"]["files"][0]["change"], "added");
    let step = &told["effects"]["install"][0];
    assert_eq!(step["files"][0]["change"], "created", "{step}");
    assert!(!told.to_string().contains("review-"), "{told}");
    assert_eq!(told["effects"]["outside"], json!([]));
    assert_eq!(told["effects"]["hosts"], json!(["example.org"]));

    // Then it is told what differs from what is in the store.
    me.lead(first, &["submit", "pass", "release"]).await;
    let path = format!(
        "/v1/app_versions?app_id={}",
        made["app_id"].as_str().unwrap()
    );
    let made = me
        .send(Method::POST, &path, writing("1.1.0", "good day"))
        .await
        .must_be(200)
        .json();
    let told = review(made["version_id"].as_str().unwrap()).await;
    assert_eq!(told["changes"]["since"], "1.0.0");
    let diff = told["changes"]["files"][1]["diff"].as_str().unwrap();
    assert!(
        diff.contains("good day") && diff.contains("hello"),
        "{diff}"
    );

    // Nothing of it stays, and nothing was installed.
    crate::support::until_true("what was unpacked is gone", || left_over(&service) == 0).await;
    assert_eq!(service.get("/api/apps").await.json(), json!([]));
    me.get("/v1/app_version/review?version_id=appv-none")
        .await
        .must_be(404);
}

#[tokio::test]
async fn a_review_is_for_its_developer_and_for_administrators() {
    let service = start().await;
    let owner = Someone::owner(&service);
    let (_, version) = owner.upload("draft", "1.0.0").await;
    let stranger = Someone::new(&service, "li", "developer").await;
    let path = format!("/v1/app_version/review?version_id={version}");
    stranger.get(&path).await.must_be(403);
    owner.get(&path).await.must_be(200);
}

#[tokio::test]
async fn a_browser_is_known_by_a_cookie_until_it_signs_out() {
    let service = start().await;
    Someone::new(&service, "li", "developer").await;
    let body = json!({ "name": "li", "password": "a wrong password" });
    service.post("/v1/session", &body).await.must_be(401);
    let body = json!({ "name": "li", "password": "a good password" });
    let answer = service
        .request(Method::POST, "/v1/session")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    // The token itself is told to nobody else.
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "name": "li" })
    );
    let pair = cookie.split(';').next().unwrap().to_owned();
    let with = |method: Method, path: &str| {
        let cookies = format!("other=1; {pair}");
        Answer::of(service.request(method, path).header(COOKIE, cookies))
    };
    let me = with(Method::GET, "/v1/me").await.must_be(200).json();
    assert_eq!(
        (me["name"].as_str(), me["role"].as_str()),
        (Some("li"), Some("developer"))
    );
    with(Method::GET, "/v1/apps").await.must_be(200);
    with(Method::DELETE, "/v1/session").await.must_be(204);
    with(Method::GET, "/v1/apps").await.must_be(401);
    // Without one there is nothing to sign out of, and no mistake.
    Answer::of(service.request(Method::DELETE, "/v1/session"))
        .await
        .must_be(204);
}
