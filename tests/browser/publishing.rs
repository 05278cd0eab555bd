//! Publishing in the browser: the manual walked through, from a repository to an app that others run;
//! accounts and roles; the package server's shelf; every screen of them in both languages.

use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use super::axe;
use super::devtools::{Browser, Page};
use super::screens::faults_of;
use crate::repository::s3_server::{ADMIN, BUCKET, S3Server};
use crate::support::{Service, child, free_port, listens, package, until, zip};

/// A service and a browser.
struct Store {
    service: Service,
    browser: Browser,
}

/// The package of an app that answers on a port. `list` is what its install does.
fn answering(version: &str, port: u16, list: &Value) -> Vec<u8> {
    let info = json!({
        "name": "answers", "version": version, "desc": "Answers on a port · 端口应答", "category": "development",
        "isDev": false, "hasStart": true, "hasRestart": true,
    });
    let store = json!({
        "config": { "port": port },
        "setting": { "binPath": child(), "ready": { "port": port } },
        "start": { "startCmds": ["listen:{port}", "forever"] },
        "install": { "installCmds": ["init"] },
        "commands": { "init": list },
    });
    zip(&[
        ("install.json", info.to_string().as_bytes()),
        (
            "store.json",
            serde_json::to_string_pretty(&store).unwrap().as_bytes(),
        ),
    ])
}

fn greeting(text: &str) -> Value {
    json!([{ "name": "writeFile", "filePath": "{exePath}/greeting.txt", "content": text }])
}

impl Store {
    async fn open(options: &[&str]) -> Self {
        let service = Service::start_with(options, &[]).await;
        let browser = Browser::open(service.scratch()).await;
        Self { service, browser }
    }

    /// A page of its own, with a session of its own.
    async fn page(&self, hash: &str) -> Page {
        let page = self.browser.page().await;
        page.open(&format!("http://{}/{hash}", self.service.address()))
            .await;
        page.until(
            "the page is there",
            "Boolean(document.querySelector('main h1'))",
        )
        .await;
        page
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.service.scratch().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The status with which a file of the repository is served.
    async fn served(&self, file: &str) -> u16 {
        let answer = self.service.get(&format!("/repo/team/{file}")).await;
        answer.status
    }

    async fn state_of(&self, version: &str) -> Value {
        let answer = self
            .service
            .get("/v1/app_versions?status=draft,submitted,in-review,passed,rejected,active,suspended,deleted")
            .await
            .must_be(200)
            .json();
        let found = answer["app_version_set"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["version"] == version);
        found.map_or(Value::Null, |it| it["status"].clone())
    }

    async fn becomes(&self, version: &str, state: &str) {
        until(&format!("{version} is {state}"), async || {
            (self.state_of(version).await == state).then_some(())
        })
        .await;
    }
}

/// Drops files on what takes them.
async fn drop_on(page: &Page, selector: &str, files: &[PathBuf]) {
    let place = page
        .until(
            "there is a place to drop files on",
            &format!(
                r"(() => {{
                    const box = document.querySelector({})?.getBoundingClientRect();
                    return box && [box.x + box.width / 2, box.y + box.height / 2];
                }})()",
                json!(selector)
            ),
        )
        .await;
    let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
    for kind in ["dragEnter", "dragOver", "drop"] {
        page.call(
            "Input.dispatchDragEvent",
            json!({ "type": kind, "x": place[0], "y": place[1], "data": data }),
        )
        .await;
    }
}

/// Nothing went wrong that the console was told of; `expected` stands in what may.
fn no_mistakes(page: &Page, expected: &[&str]) {
    let mistakes: Vec<String> = page
        .mistakes()
        .into_iter()
        .filter(|mistake| !expected.iter().any(|it| mistake.contains(it)))
        .collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

async fn fill(page: &Page, selector: &str, text: &str) {
    page.click(selector, "").await;
    page.press("Control+a").await;
    page.write(text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_is_walked_through_from_a_repository_to_a_running_app() {
    let store = Store::open(&[]).await;
    let port = free_port();
    let s3 = S3Server::seaweedfs().await;
    let page = store.page("#/publishing/repositories").await;
    adds_a_repository(&page, &s3).await;
    uploads_a_package(&store, &page, port).await;
    is_rejected_and_corrects(&store, &page, port).await;
    passes_and_releases(&store, &page).await;

    // Another user sees it in the store, installs it, and it runs.
    let other = store.page("#/catalog").await;
    other.click(".card[data-app=answers] a", "Install").await;
    other.sees("main", "SHA-256 is known").await;
    other.click("main button", "Install").await;
    other
        .sees("job-view .note.good", "Install of answers is done")
        .await;
    until("the app answers", async || listens(port).then_some(())).await;

    brings_a_second_version(&store, &page, port).await;
    other.go("#/updates").await;
    other.sees("main", "1.1.0").await;
    is_suspended_recovered_and_deleted(&store, &page, &other).await;
    // What is installed goes on.
    assert!(listens(port));
    no_mistakes(&page, &["400", "validate_package"]);
    no_mistakes(&other, &[]);
}

async fn adds_a_repository(page: &Page, s3: &S3Server) {
    // A repository on a real S3 server: tried with a wrong key first, then added.
    page.sees(".repositories", "local").await;
    let form = "repositories-list form";
    let field = |number: u32| format!("{form} .field:nth-child({number}) input");
    fill(page, &field(1), &s3.url(BUCKET)).await;
    fill(page, &field(2), "team").await;
    fill(page, &field(3), ADMIN.0).await;
    fill(page, &field(4), "a wrong secret").await;
    page.click(&format!("{form} button"), "Try it").await;
    page.sees(".validation", "It cannot be used (code 106)")
        .await;
    fill(page, &field(4), ADMIN.1).await;
    page.click(&format!("{form} button"), "Try it").await;
    page.sees(".validation", "It can be used").await;
    page.sees(".validation li:has(.good)", "Conditional writing")
        .await;
    page.click(&format!("{form} button"), "Add a repository")
        .await;
    page.sees(".repositories [data-repository=team]", "In sync")
        .await;
    assert_eq!(
        page.eval("document.body.innerHTML.includes('admin-secret')")
            .await,
        false
    );
}

async fn uploads_a_package(store: &Store, page: &Page, port: u16) {
    // A package that is wrong is drawn file by file, and not kept.
    let good = answering("1.0.0", port, &greeting("hello"));
    let wrong = store.file(
        "wrong.zip",
        &zip(&[
            ("install.json", b"{ \"name\": \"answers\" "),
            ("store.json", b"{}"),
        ]),
    );
    page.click("publishing-screen .tabs a", "My apps").await;
    page.click("main a", "New app").await;
    page.until(
        "the repositories are listed",
        "document.querySelectorAll('publishing-upload select option').length > 2",
    )
    .await;
    page.eval(
        "(() => { const select = document.querySelector('publishing-upload select'); select.value = [...select.options].find((it) => it.textContent.startsWith('team')).value; })()",
    )
    .await;
    drop_on(page, ".drop", &[wrong]).await;
    page.sees(".lint", "install.json").await;
    page.sees(".found", "Nothing was kept").await;
    assert_eq!(store.state_of("1.0.0").await, Value::Null);

    // Uploaded by drop: a draft.
    let first = store.file("first.zip", &good);
    drop_on(page, ".drop", &[first]).await;
    page.sees(".found", "The package is right").await;
    page.click(".found button", "Create the app").await;
    page.sees("publishing-app h1", "answers").await;
    page.sees(".versions [data-state=draft]", "Draft").await;
    assert_eq!(store.served("answers-1.0.0.zip").await, 404);
}

async fn is_rejected_and_corrects(store: &Store, page: &Page, port: u16) {
    // Submitted, taken back, submitted.
    page.click(".versions [data-action=submit]", "").await;
    page.sees(".versions [data-state=submitted]", "Submitted")
        .await;
    page.click(".versions [data-action=cancel]", "").await;
    page.click("dialog button", "Take back").await;
    page.sees(".versions [data-state=draft]", "Draft").await;
    page.click(".versions [data-action=submit]", "").await;
    store.becomes("1.0.0", "submitted").await;

    // Rejected: without a reason it is not.
    page.go("#/publishing/review").await;
    page.sees("publishing-screen .tabs a", "Review 1").await;
    page.click("review-queue a", "Review").await;
    page.sees("review-version", "What it does on this computer")
        .await;
    page.sees("review-version .facts", &port.to_string()).await;
    page.sees("review-version", "What is in it").await;
    page.click("review-version [data-action=reject]", "").await;
    assert_eq!(store.state_of("1.0.0").await, "submitted");
    fill(page, "#review-reason", "Say hello in Chinese, too").await;
    page.click("review-version [data-action=reject]", "").await;
    store.becomes("1.0.0", "rejected").await;

    // The developer reads why, corrects it, and submits it again.
    page.go("#/publishing").await;
    page.click(".my-apps a", "answers").await;
    page.sees(".versions .bad", "Say hello in Chinese, too")
        .await;
    page.click(".versions .menu-button > button", "").await;
    page.click(".versions .menu a", "Replace the package").await;
    let corrected = store.file(
        "corrected.zip",
        &answering("1.0.0", port, &greeting("你好")),
    );
    drop_on(page, ".drop", &[corrected]).await;
    page.click(".found button", "Replace the package").await;
    page.sees(".versions [data-state=draft]", "Draft").await;
    page.click(".versions [data-action=submit]", "").await;
    store.becomes("1.0.0", "submitted").await;
}

async fn passes_and_releases(store: &Store, page: &Page) {
    // Passed, released; the history tells all of it.
    page.go("#/publishing/review").await;
    page.click("review-queue a", "Review").await;
    page.click("review-version [data-action=pass]", "").await;
    store.becomes("1.0.0", "passed").await;
    page.go("#/publishing").await;
    page.click(".my-apps a", "answers").await;
    page.click(".versions [data-action=release]", "").await;
    page.sees(".versions [data-state=active]", "In the store")
        .await;
    assert_eq!(store.served("answers-1.0.0.zip").await, 200);
    page.click(".versions summary", "History").await;
    page.until(
        "the history is whole",
        "document.querySelectorAll('.audits li').length === 9",
    )
    .await;
    page.sees(".audits", "Say hello in Chinese, too").await;
}

async fn brings_a_second_version(store: &Store, page: &Page, port: u16) {
    // A second version is reviewed by what changed, and offered as an update.
    page.click("main a", "New version").await;
    let second = store.file(
        "second.zip",
        &answering("1.1.0", port, &greeting("你好 again")),
    );
    drop_on(page, ".drop", &[second]).await;
    page.click(".found button", "Add the version").await;
    page.sees(".versions [data-state=draft]", "Draft").await;
    page.click(".versions [data-action=submit]", "").await;
    store.becomes("1.1.0", "submitted").await;
    page.go("#/publishing/review").await;
    page.click("review-queue a", "Review").await;
    page.sees("review-version", "What changed since 1.0.0")
        .await;
    page.sees("review-version .difference .added", "你好 again")
        .await;
    page.click("review-version [data-action=pass]", "").await;
    store.becomes("1.1.0", "passed").await;
    page.go("#/publishing").await;
    page.click(".my-apps a", "answers").await;
    page.click(".versions [data-action=release]", "").await;
    store.becomes("1.1.0", "active").await;
}

async fn is_suspended_recovered_and_deleted(store: &Store, page: &Page, other: &Page) {
    // Suspended: nobody is offered it; recovered, suspended, deleted.
    page.go("#/publishing/review").await;
    page.click("review-queue [data-action=suspend]", "1.1.0")
        .await;
    page.click("dialog button", "Suspend").await;
    store.becomes("1.1.0", "suspended").await;
    other.go("#/catalog").await;
    other.go("#/updates").await;
    other.sees("main", "Everything is up to date").await;
    page.click("review-queue [data-action=recover]", "").await;
    store.becomes("1.1.0", "active").await;
    page.click("review-queue [data-action=suspend]", "1.1.0")
        .await;
    page.click("dialog button", "Suspend").await;
    store.becomes("1.1.0", "suspended").await;
    page.click(
        "review-queue li:has([data-state=suspended]) .menu-button > button",
        "",
    )
    .await;
    page.click(".menu button", "Delete").await;
    page.click("dialog button", "Delete").await;
    store.becomes("1.1.0", "deleted").await;
    assert_eq!(store.served("answers-1.1.0.zip").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_accounts_everybody_signs_in_and_does_what_his_role_allows() {
    let store = Store::open(&[]).await;
    let add = async |name: &str, role: &str| {
        let body = json!({ "name": name, "password": format!("{name} is secret"), "role": role });
        let token = fs::read_to_string(store.service.home().join("data/token")).unwrap_or_default();
        let answer = store
            .service
            .request(Method::POST, "/v1/users")
            .bearer_auth(token.trim())
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    };
    add("mei", "admin").await;
    add("li", "developer").await;
    let sign_in = async |page: &Page, name: &str, password: &str| {
        page.go("#/publishing").await;
        page.sees("form.sign-in", "Sign in").await;
        fill(page, "form.sign-in input[type=text]", name).await;
        fill(page, "form.sign-in input[type=password]", password).await;
        page.press("Enter").await;
    };

    // Nobody is let in without a password, and that is what the page says.
    let li = store.page("#/").await;
    li.sees(".strip", "Sign in").await;
    sign_in(&li, "li", "wrong").await;
    li.sees("form.sign-in .bad", "password").await;
    sign_in(&li, "li", "li is secret").await;
    li.sees("publishing-apps", "No apps of yours yet").await;
    // A script cannot read what the browser is known by.
    assert_eq!(li.eval("document.cookie").await, "");

    // A developer publishes, and does not review.
    li.click("publishing-apps a", "New app").await;
    drop_on(
        &li,
        ".drop",
        &[store.file("x.zip", &package("simple", "1.0.0", json!({}), 10))],
    )
    .await;
    li.click(".found button", "Create the app").await;
    li.click(".versions [data-action=submit]", "").await;
    li.sees(".versions [data-state=submitted]", "Submitted")
        .await;
    assert_eq!(
        li.eval("document.querySelector('[data-action=pass]')")
            .await,
        Value::Null
    );
    li.go("#/publishing/review").await;
    li.sees("main", "Your role does not allow this").await;

    // The administrator does; and gives a token that is shown once.
    let mei = store.page("#/").await;
    sign_in(&mei, "mei", "mei is secret").await;
    mei.click("publishing-screen .tabs a", "Review 1").await;
    mei.sees("review-queue", "by li").await;
    mei.click("review-queue a", "Review").await;
    mei.click("review-version [data-action=pass]", "").await;
    mei.sees("review-queue", "Nothing waits").await;
    mei.go("#/publishing/users").await;
    mei.click(".users a", "li").await;
    fill(&mei, "#token-label", "the build").await;
    mei.click("user-details button", "Make a token").await;
    let token = mei
        .until(
            "the token is shown",
            "document.querySelector('code.token')?.textContent",
        )
        .await;
    let asked = store
        .service
        .request(Method::GET, "/v1/me")
        .bearer_auth(token.as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(asked.json::<Value>().await.unwrap()["name"], "li");
    mei.click(".tokens li:has(strong) button", "Revoke the build")
        .await;
    mei.until(
        "it is revoked",
        "!document.querySelector('.tokens')?.textContent.includes('the build')",
    )
    .await;

    // Signed out, the session's token is worth nothing.
    li.go("#/publishing/account").await;
    li.click("account-section button", "Sign out").await;
    li.sees(".strip", "Sign in").await;
    assert_eq!(li.eval("(await fetch('/v1/apps')).status").await, 401);
    no_mistakes(&mei, &["401"]);
    no_mistakes(&li, &["401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_dropped_on_the_shelf_and_taken_off_it() {
    let address = format!("localhost:{}", free_port());
    let store = Store::open(&["--package-server", &address]).await;
    let page = store.page("#/shelf").await;
    page.sees("shelf-screen", "The shelf is empty").await;
    page.sees("shelf-screen .facts", &address).await;
    let good = store.file(
        "good.zip",
        &package("good", "1.0.0", json!({ "desc": "Good" }), 1 << 20),
    );
    let bad = store.file("bad.ampkg", b"no package");
    drop_on(&page, ".drop", &[good.clone(), bad]).await;
    page.sees(".uploads [data-file='good.zip'] .good", "was added")
        .await;
    page.sees(".uploads [data-file='bad.ampkg'] .bad", "format")
        .await;
    page.sees(".shelf [data-package=good]", "1.0.0").await;
    drop_on(&page, ".drop", &[good]).await;
    page.sees(".uploads .good", "was there already").await;
    page.click(".shelf [data-package=good] button", "Remove good")
        .await;
    page.click("dialog button", "Remove").await;
    page.sees("shelf-screen", "The shelf is empty").await;
    no_mistakes(&page, &["422", "404"]);
}

/// What is looked at; `APP` and `VERSION` stand for ids.
const SCREENS: [&str; 11] = [
    "#/publishing",
    "#/publishing/new",
    "#/publishing/app/APP",
    "#/publishing/version/APP",
    "#/publishing/review",
    "#/publishing/review/VERSION",
    "#/publishing/repositories",
    "#/publishing/categories",
    "#/publishing/statistics",
    "#/publishing/no-such-thing",
    "#/shelf",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_of_publishing_is_whole_in_both_languages_colours_and_widths() {
    let address = format!("localhost:{}", free_port());
    let store = Store::open(&["--package-server", &address]).await;
    let service = &store.service;
    let (app, version) = fill_store(&store).await;
    service
        .request(Method::PUT, "/api/shelf/packages")
        .header("Content-Type", "application/octet-stream")
        .body(package(
            "on-shelf",
            "2.0.0",
            json!({ "desc": "On the shelf" }),
            10,
        ))
        .send()
        .await
        .unwrap();
    let script = axe::script();
    let mut faults = Vec::new();
    for (language, other) in [("en", "发布"), ("zh-CN", "Publishing")] {
        for dark in [false, true] {
            let page = store.browser.page().await;
            page.language(language).await;
            page.dark(dark).await;
            page.open(&format!("http://{}/", service.address())).await;
            for screen in SCREENS {
                let screen = screen.replace("APP", &app).replace("VERSION", &version);
                page.go(&screen).await;
                page.until(
                    &format!("{screen} is shown"),
                    "document.querySelector('main h1') && !document.querySelector('main .placeholder.loading') && document.querySelector('main').innerText.length > 20",
                )
                .await;
                page.eval("(document.querySelectorAll('main details').forEach((it) => it.open = true), new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))))").await;
                faults.extend(faults_of(&page, &screen, language, other, dark, &script).await);
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// An app with a version in the store, one under review and one that was rejected. Gives the app and the
/// version under review.
async fn fill_store(store: &Store) -> (String, String) {
    let service = &store.service;
    let send = async |path: &str, version: &str| {
        let answer = service
            .request(Method::POST, path)
            .header("Content-Type", "application/octet-stream")
            .body(answering(version, 8123, &greeting(version)))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    let act = async |action: &str, version: &Value, message: &str| {
        service
            .post(
                &format!("/v1/app_version/action/{action}"),
                &json!({ "version_id": version, "message": message }),
            )
            .await
            .must_be(200);
    };
    let made = send("/v1/apps?description=The+first", "1.0.0").await;
    let (app, first) = (&made["app_id"], &made["version_id"]);
    for action in ["submit", "pass", "release"] {
        act(action, first, "").await;
    }
    let further = format!("/v1/app_versions?app_id={}", app.as_str().unwrap());
    let rejected = send(&further, "1.1.0").await;
    act("submit", &rejected["version_id"], "").await;
    act("reject", &rejected["version_id"], "It does not stop").await;
    let waiting = send(&further, "1.2.0").await;
    act("submit", &waiting["version_id"], "").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(app), text(&waiting["version_id"]))
}
