//! The page's own files, and what a browser sees.

use std::io::Read as _;

use reqwest::Method;
use serde_json::json;

use super::get_json;
use crate::support::{Answer, Service};

async fn get(service: &Service, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = service.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    let value = answer.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[tokio::test]
async fn the_page_and_its_files_come_compressed_and_only_once() {
    let service = Service::start_new().await;
    let page = get(&service, "/", &[BROWSER]).await;
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text().await.unwrap();
    assert!(!text.contains("{{"), "{text}");
    let scripts: Vec<&str> = text
        .split('"')
        .filter(|it| it.rsplit('.').next() == Some("js"))
        .collect();
    assert!(!scripts.is_empty(), "{text}");
    for script in scripts {
        let gzip = ("accept-encoding", "gzip, br");
        let packed = get(&service, script, &[gzip]).await;
        assert_eq!(packed.status(), 200, "{script}");
        assert_eq!(header(&packed, "content-encoding"), "gzip");
        assert!(header(&packed, "content-type").starts_with("text/javascript"));
        assert!(header(&packed, "cache-control").contains("immutable"));
        assert_eq!(header(&packed, "x-content-type-options"), "nosniff");
        let tag = header(&packed, "etag");
        let packed = packed.bytes().await.unwrap();
        let mut unpacked = String::new();
        let mut reader = flate2::read::GzDecoder::new(&packed[..]);
        reader.read_to_string(&mut unpacked).unwrap();
        let plain = get(&service, script, &[]).await;
        assert_eq!(header(&plain, "content-encoding"), "");
        assert_eq!(plain.text().await.unwrap(), unpacked);
        let again = get(&service, script, &[gzip, ("if-none-match", &tag)]).await;
        assert_eq!(again.status(), 304);
        assert_eq!(again.bytes().await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn the_first_load_speaks_the_language_that_is_wanted() {
    let service = Service::start_new().await;
    let lang = async |accept: &str| {
        let page = get(&service, "/", &[("accept-language", accept)]).await;
        let text = page.text().await.unwrap();
        let (_, rest) = text.split_once("lang=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(lang("zh-CN,zh;q=0.9,en;q=0.8").await, "zh-CN");
    assert_eq!(lang("en-GB,en;q=0.9").await, "en");
    let wanted = json!({ "language": "zh", "theme": "dark" });
    let answer = super::patch(&service, "/api/settings", &wanted).await;
    assert_eq!(answer.must_be(200).json()["theme"], "dark");
    assert_eq!(lang("en-GB").await, "zh-CN");
    let mut service = service;
    service.terminate().await;
    service.start_again().await;
    assert_eq!(get_json(&service, "/api/settings").await["language"], "zh");
    let wanted = json!({ "language": null });
    let answer = super::patch(&service, "/api/settings", &wanted).await;
    assert_eq!(answer.must_be(200).json()["theme"], "dark");
    let page = get(&service, "/", &[("accept-language", "en")]).await;
    assert!(page.text().await.unwrap().contains("lang=\"en\""));
}

#[tokio::test]
async fn a_browser_that_goes_astray_gets_a_page_and_a_program_json() {
    let service = Service::start_new().await;
    for (path, status) in [
        ("/nowhere", 404),
        ("/static/none/", 404),
        ("/api/apps/none", 404),
    ] {
        let page = get(&service, path, &[BROWSER, ("accept-language", "zh")]).await;
        assert_eq!(page.status(), status, "{path}");
        assert!(header(&page, "content-type").starts_with("text/html"));
        assert!(header(&page, "content-security-policy").contains("default-src 'none'"));
        let text = page.text().await.unwrap();
        assert!(
            text.contains("找不到") && text.contains("lang=\"zh-CN\""),
            "{text}"
        );
        let answer = service.get(path).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &json!(-1))
        );
    }
    // The desktop shows an app's page in a frame, and so what became of it.
    let framed = get(&service, "/static/none/", &[BROWSER]).await;
    assert_eq!(header(&framed, "x-frame-options"), "");
    let policies = framed.headers().get_all("content-security-policy");
    let policies: Vec<&str> = policies.iter().map(|it| it.to_str().unwrap()).collect();
    assert!(policies.concat().contains("wails://wails"), "{policies:?}");
    assert!(
        !policies.concat().contains("frame-ancestors 'none'"),
        "{policies:?}"
    );
    let page = get(&service, "/%3Cscript%3Ealert(1)%3C/script%3E", &[BROWSER]).await;
    assert!(!page.text().await.unwrap().contains("<script>alert"));
}

#[tokio::test]
async fn the_apps_pages_are_listed() {
    let service = Service::start_new().await;
    let empty = service.get("/static/").await.must_be(200);
    assert!(empty.text.contains("No app has a page"), "{}", empty.text);
    let info = json!({ "desc": "a <b>bold</b> app" });
    let _app = service
        .app("paged")
        .install_json(info)
        .runs(&["forever"], json!({}))
        .file("static/index.html", "hello");
    let _other = service.app("bare").runs(&["forever"], json!({}));
    let list = service.get("/static/").await.must_be(200);
    assert!(
        list.text.contains("href=\"/static/paged/\""),
        "{}",
        list.text
    );
    assert!(list.text.contains("a &lt;b&gt;bold"), "{}", list.text);
    assert!(!list.text.contains("/static/bare/"), "{}", list.text);
}

#[tokio::test]
async fn files_of_a_folder_are_served_as_they_are_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("index.html", "<!doctype html><p>{{base}}</p>");
    file("a.js", "1");
    let path = folder.path().to_str().unwrap();
    let service = Service::start_with(&["--static", path], &[]).await;
    let page = service.get("/").await.must_be(200);
    assert!(page.text.contains("<p>/static/_</p>"), "{}", page.text);
    assert_eq!(service.get("/static/_/a.js").await.must_be(200).text, "1");
    file("a.js", "2");
    file("b.js", "3");
    let again = service.get("/static/_/a.js").await.must_be(200);
    assert_eq!(
        (again.text.as_str(), &again.headers["cache-control"]),
        ("2", &"no-cache".parse().unwrap())
    );
    assert_eq!(service.get("/static/_/b.js").await.must_be(200).text, "3");
    assert_eq!(service.get("/static/_/index.html").await.status, 301);
    assert_eq!(service.get("/static/_/%2e%2e/x").await.status, 404);
}

#[tokio::test]
async fn a_folder_without_a_page_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_storekeeper"));
    let home = folder.path().join("home");
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--home"])
        .arg(&home);
    let output = command.arg("--static").arg(folder.path()).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("index.html") && said.contains("--static"),
        "{said}"
    );
    assert!(!home.exists());
}

#[tokio::test]
async fn the_icon_of_a_tab_is_there() {
    let service = Service::start_new().await;
    let icon = Answer::of(service.request(Method::GET, "/favicon.ico")).await;
    assert!(
        icon.must_be(200).headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("image/")
    );
}
