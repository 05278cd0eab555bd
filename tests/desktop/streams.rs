//! The two downloads, read by read.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::reader::Reader;
use super::shop::Shop;
use crate::support::{Service, package, until, until_true};

/// The least time between the last line of progress and the end: else both may come with one read.
const PAUSE: Duration = Duration::from_millis(100);

const BULK: usize = 400_000;

fn progress_of(line: &Value) -> u64 {
    assert!(line.get("code").is_none(), "{line}");
    line["progress"].as_u64().expect("a whole number")
}

/// 1.4.2
#[tokio::test]
async fn what_a_list_says_nothing_of_may_be_null() {
    let service = Service::start_new().await;
    let _app = service.app("here").runs(&["forever"], json!({}));
    let body = json!({ "name": "here", "url": null, "pkg": null });
    let answer = service.post("/store/download", &body).await.must_be(200);
    assert_eq!(answer.json()["code"], 0, "{}", answer.text);
    let body = json!({ "name": null });
    let answer = service.post("/store/download", &body).await.must_be(200);
    assert_eq!(answer.json()["code"], -1, "{}", answer.text);
}

#[tokio::test]
async fn an_app_that_is_here_is_installed_in_place_and_answered_at_once() {
    let service = Service::start_new().await;
    let page = json!({ "webUrl": "http://localhost:1/", "url": "http://127.0.0.1:1/x.zip" });
    let _app = service
        .app("x")
        .install_json(page)
        .runs(&["forever"], json!({}));
    for body in [
        json!({ "name": "x" }),
        json!({ "name": "x", "url": "", "pkg": "", "needInstall": true }),
        json!({ "name": "x", "url": "http://127.0.0.1:1/x.zip" }),
        json!({ "name": service.run_dir().join("x") }),
    ] {
        let answer = Reader::post(&service, "/store/download", &body).await;
        let answer = answer.only().await;
        assert_eq!(answer["code"], 0, "{answer}");
        let data = &answer["data"];
        assert_eq!(data["name"], "x");
        assert_eq!(data["isDev"], false);
        assert_eq!(
            (&data["haStart"], &data["needInstall"]),
            (&json!(true), &json!(true))
        );
        // Later desktops throw on it, and never mark the app as installed.
        assert!(data.get("webUrl").is_none(), "{data}");
    }
    let info = service.get("/store/installInfo?name=x").await.json();
    assert_eq!(info["data"]["webUrl"], "http://localhost:1/");
}

#[tokio::test]
async fn what_makes_no_sense_is_told_with_status_200() {
    let service = Service::start_new().await;
    for (body, word) in [
        (
            json!({ "name": "../x", "url": "http://127.0.0.1:1/x.zip" }),
            "name",
        ),
        (json!({ "name": "", "url": "" }), "name"),
        (json!({ "name": "nobody-has-it" }), "nobody-has-it"),
    ] {
        let answer = Reader::post(&service, "/store/download", &body).await;
        let answer = answer.only().await;
        assert_eq!(answer["code"], -1, "{answer}");
        assert!(
            answer["message"].as_str().unwrap().contains(word),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_fast_download_has_no_line_of_progress() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let url = shop.offer("/my.app-1.0.zip", package("my.app", "1.0", json!({}), 0));
    let body = json!({ "name": "my.app", "url": url, "pkg": "" });
    let begin = Instant::now();
    let answer = Reader::post(&service, "/store/download", &body).await;
    let mut texts = answer.all().await;
    // On a machine that is busy elsewhere it is not fast.
    assert!(texts.len() == 1 || begin.elapsed() > PAUSE, "{texts:?}");
    let answer = texts.pop().unwrap().json;
    assert_eq!(answer["code"], 0, "{answer}");
    assert_eq!(answer["data"]["name"], "my.app");
    assert_eq!(answer["data"]["version"], "1.0");
    service.get("/static/my.app/").await.must_be(200);
}

/// 1.3
#[tokio::test]
async fn a_slow_download_tells_its_progress_line_by_line_and_then_its_end() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let url = shop.offer("/x.zip", package("x", "1.0", json!({}), BULK));
    shop.send_up_to(1);
    let body = json!({ "name": "x", "url": url, "pkg": "", "needInstall": true });
    let mut answer = Reader::post(&service, "/store/download", &body).await;
    let (mut lines, mut highest) = (Vec::new(), None);
    for quarter in 1..4 {
        shop.send_up_to(quarter * BULK / 4);
        let before = highest;
        // One line more than the one that tells of it: the lines go on while nothing comes.
        let mut is_told = false;
        loop {
            let line = answer.next().await.unwrap();
            let progress = Some(progress_of(&line.json));
            assert!(progress >= highest && progress < Some(100), "{line:?}");
            highest = progress;
            let keys: Vec<_> = line.json.as_object().unwrap().keys().collect();
            assert_eq!(
                keys,
                ["progress", "is_finished", "total", "completed", "status"]
            );
            assert_eq!(line.json["status"], "loading");
            assert_eq!(line.json["is_finished"], false);
            lines.push(line);
            if is_told {
                break;
            }
            is_told = highest > before;
        }
    }
    assert!(highest >= Some(50), "{lines:?}");
    shop.send_up_to(usize::MAX);
    let mut end = None;
    while let Some(text) = answer.next().await {
        if text.json.get("code").is_some() {
            end = Some(text);
        } else {
            assert!(end.is_none(), "a line came behind the end");
            lines.push(text);
        }
    }
    let end = end.expect("the last text is the envelope");
    assert_eq!(end.json["code"], 0, "{end:?}");
    assert_eq!(end.json["data"]["name"], "x");
    let last = lines.last().unwrap().at;
    assert!(end.at - last >= PAUSE, "{:?}", end.at - last);
    assert!(lines.len() >= 3, "{lines:?}");
}

#[tokio::test]
async fn a_download_that_fails_says_which_and_leaves_nothing() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let garbage = shop.offer("/garbage.zip", b"no archive at all".to_vec());
    let other = shop.offer("/other.zip", package("other", "1.0", json!({}), 0));
    for (url, word) in [
        (shop.at("/gone.zip"), "gone.zip"),
        (garbage, "garbage.zip"),
        (other, "other"),
        ("no-address".to_owned(), "no-address"),
        ("file:///etc/passwd".to_owned(), "http"),
    ] {
        let body = json!({ "name": "x", "url": url });
        let answer = Reader::post(&service, "/store/download", &body).await;
        let texts = answer.all().await;
        let end = &texts.last().unwrap().json;
        assert_eq!(end["code"], -1, "{end}");
        let message = end["message"].as_str().unwrap();
        assert!(message.contains(word), "{word:?} is not in: {message}");
        assert!(!service.run_dir().join("x").exists());
    }
}

#[tokio::test]
async fn missing_dependencies_are_listed() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let needs = json!({ "dependencies": [{ "name": "redis", "value": "7" }] });
    let url = shop.offer("/x.zip", package("x", "1.0", needs, 0));
    let body = json!({ "name": "x", "url": url });
    let answer = Reader::post(&service, "/store/download", &body).await;
    let texts = answer.all().await;
    let end = &texts.last().unwrap().json;
    assert_eq!(end["code"], -1, "{end}");
    assert_eq!(
        end["data"]["dependencies"],
        json!([{ "name": "redis", "value": "7" }])
    );
}

#[tokio::test]
async fn a_download_goes_on_when_its_reader_goes_away() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let url = shop.offer("/x.zip", package("x", "1.0", json!({}), BULK));
    shop.send_up_to(BULK / 2);
    let body = json!({ "name": "x", "url": url });
    let mut answer = Reader::post(&service, "/store/download", &body).await;
    progress_of(&answer.next().await.unwrap().json);
    drop(answer);
    shop.send_up_to(usize::MAX);
    until("the app is installed all the same", async || {
        let answer = service.get("/api/apps/x").await;
        (answer.status == 200 && answer.json()["installed"] == "1.0").then_some(())
    })
    .await;
}

/// 1.3: a name with dots survives only in a path that has them as `%2E`.
#[tokio::test]
async fn the_form_for_addresses_ends_with_the_apps_own_name() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let url = shop.offer(
        "/download.zip?a=1&b=2",
        package("my.app1.2", "1.0", json!({}), BULK),
    );
    shop.send_up_to(BULK / 2);
    let mut answer = Reader::get(&service, &format!("/store/download?url={url}")).await;
    let first = answer.next().await.unwrap().json;
    let keys: Vec<_> = first.as_object().unwrap().keys().collect();
    let expected = [
        "name",
        "path",
        "url",
        "current",
        "size",
        "speed",
        "progress",
        "downloading",
        "done",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (&first["downloading"], &first["done"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first["url"], url);
    shop.send_up_to(usize::MAX);
    let texts = answer.all().await;
    let (end, lines) = texts.split_last().unwrap();
    assert!(lines.iter().all(|line| line.json["done"] == false));
    assert_eq!(end.json["done"], true, "{end:?}");
    assert_eq!(end.json["name"], "my.app1.2");
    let path = end.json["path"].as_str().unwrap();
    assert!(path.ends_with("/my%2Eapp1%2E2"), "{path}");
    // What the window does with it.
    let name = path.rsplit('/').next().unwrap().split('.').next().unwrap();
    let info = service
        .get(&format!("/store/installInfo?name={name}"))
        .await;
    assert_eq!(info.must_succeed().json()["data"]["name"], "my.app1.2");
}

#[tokio::test]
async fn the_form_for_addresses_never_ends_a_failure_with_done() {
    let (service, shop) = (Service::start_new().await, Shop::open().await);
    let url = shop.at("/gone.zip");
    let answer = Reader::get(&service, &format!("/store/download?url={url}")).await;
    let texts = answer.all().await;
    let end = &texts.last().unwrap().json;
    assert_eq!((&end["code"], &end["done"]), (&json!(-1), &json!(false)));
    assert!(
        end["message"].as_str().unwrap().contains("gone.zip"),
        "{end}"
    );
    for query in ["", "?url=", "?url=x", "?url=file:///x.zip", "?name=x"] {
        let answer = service.get(&format!("/store/download{query}")).await;
        answer.must_be(400).must_fail_with("address");
    }
    until_true("nothing is left", || {
        std::fs::read_dir(service.run_dir())
            .unwrap()
            .next()
            .is_none()
    })
    .await;
}
