//! What people do with the page, from the first click to the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::devtools::Page;
use super::shop::{Shop, SlowCatalog, WEB_CONF, hello, web};
use super::site::{Pages, Site};
use crate::support::server::{Reply, Server};
use crate::support::{Service, child, free_port, listens, until};

/// The state of an app as the service tells it.
async fn state(service: &Service, app: &str) -> Value {
    let answer = service.get(&format!("/api/apps/{app}")).await;
    if answer.status == 404 {
        return Value::Null;
    }
    answer.json()["status"]["state"].clone()
}

async fn becomes(service: &Service, app: &str, wanted: &str) {
    until(&format!("{app} is {wanted}"), async || {
        (state(service, app).await == wanted).then_some(())
    })
    .await;
}

/// The row of an app.
fn row(app: &str, inside: &str) -> String {
    format!("app-row:has(a[href='#/app/{app}']) {inside}")
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

#[tokio::test(flavor = "multi_thread")]
async fn the_hello_app_is_installed_from_a_catalog_while_one_sees_how_far_it_is() {
    let shop = Shop::open().await;
    let port = free_port();
    let source = SlowCatalog::start(hello(port)).await;
    let added = json!({ "name": "shop", "address": source.url() });
    shop.service
        .post("/api/catalogs", &added)
        .await
        .must_be(201);

    let page = shop.page("#/").await;
    page.click("main a", "Look into the catalog").await;
    // The initials of 打招呼.
    page.click("main input[type=search]", "").await;
    page.write("dzh").await;
    page.click(".card a", "Install").await;
    page.sees("main", "127.0.0.1").await;
    page.sees("main", "no checksum").await;
    page.click("main button", "Install").await;
    // Half of it is here: the bar says so, in words too.
    let says = page
        .until(
            "the bar tells how far the download is",
            "(document.querySelector('job-view [role=progressbar]')?.ariaValueText.match(/^[456]\\d % .* of /) ?? [])[0]",
        )
        .await;
    assert!(says.as_str().unwrap().contains('%'), "{says}");
    // Elsewhere it is seen, too: the card has become its own progress.
    page.go("#/catalog").await;
    page.sees(".card .working", "Download").await;
    page.click(".card .working a", "Show the job").await;
    page.sees("job-view .stages .running", "Download").await;
    source.go_on();
    page.sees("job-view .note.good", "Install of hello is done")
        .await;
    page.click("job-view .note a", "Show hello").await;
    page.sees(".app-top .badge", "Running").await;
    assert!(listens(port));
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_replaced_by_the_suggested_one() {
    let shop = Shop::open().await;
    let (first, second) = (free_port(), free_port());
    shop.service
        .app("web")
        .file("web.conf.tpl", WEB_CONF)
        .runs(&["listen:{port}", "forever"], web(first))
        .installed_and_started()
        .await;
    shop.service
        .post("/api/apps/web/run/setting?wait=true", &json!({}))
        .await
        .must_be(200);
    // A program that is no app holds the port that is wanted next.
    let stranger = std::net::TcpListener::bind(("127.0.0.1", second)).unwrap();

    let page = shop.page("#/app/web/settings").await;
    page.click("settings-form [data-key=port] input", "").await;
    page.press("Control+a").await;
    page.write(&second.to_string()).await;
    // Who has it is told, before anything is applied, and what may be taken instead.
    page.sees("[data-key=port] .problem", "held by").await;
    page.sees("[data-key=port] .problem", &std::process::id().to_string())
        .await;
    page.click("[data-key=port] .suggestion", "Use").await;
    let suggested = page
        .until(
            "another port stands in the field",
            &format!("(() => {{ const value = document.querySelector('[data-key=port] input').value; return value !== '{second}' && value; }})()"),
        )
        .await;
    let suggested = suggested.as_str().unwrap();
    // What changes in which file.
    page.sees(".changes-box", "web.conf").await;
    page.sees(".difference .added", &format!("listen {suggested}"))
        .await;
    page.sees(".difference .removed", &format!("listen {first}"))
        .await;
    // What its author does not allow is told by the field itself.
    page.click("settings-form [data-key=root] input", "").await;
    page.press("Control+a").await;
    page.write("/srv/*").await;
    page.sees("[data-key=root] .problem", "must match").await;
    let told = page
        .eval("document.querySelector('[data-key=root] input').validationMessage")
        .await;
    assert!(told.as_str().unwrap().contains("[^*?]"), "{told}");
    page.press("Control+a").await;
    page.write("{exePath}/www").await;
    page.until(
        "the field has nothing to tell",
        "!document.querySelector('[data-key=root] .problem').textContent && document.querySelector('[data-key=root] input').validity.valid",
    )
    .await;
    page.click("form.settings button", "Apply").await;
    page.sees(".outcome .good", "web is ready").await;
    assert!(listens(suggested.parse().unwrap()));
    assert!(!listens(first));
    drop(stranger);
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_do_not_work_are_taken_back() {
    let shop = Shop::open().await;
    let port = free_port();
    shop.service
        .app("web")
        .file("web.conf.tpl", WEB_CONF)
        .runs(&["listen:{port}", "{mode}"], {
            let mut store = web(port);
            store["config"]["mode"] = "forever".into();
            store["configSchema"]["properties"]["mode"]["enum"] = json!(["forever", "exit:4"]);
            store["setting"]["isOn"] = false.into();
            store
        })
        .installed_and_started()
        .await;
    let page = shop.page("#/app/web/settings").await;
    page.sees("settings-form", "Mode").await;
    page.eval("(() => { const field = document.querySelector('[data-key=mode] select'); field.value = '1'; field.dispatchEvent(new Event('input', { bubbles: true })); return true; })()")
        .await;
    page.sees(".changes-box", "exit:4").await;
    page.click("form.settings button", "Apply").await;
    page.sees(".outcome .bad", "not ready").await;
    page.click(".outcome button", "Back to the last settings that worked")
        .await;
    page.sees(".outcome .good", "web is ready").await;
    becomes(&shop.service, "web", "running").await;
    assert!(listens(port));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_crashes_again_and_again_is_seen_and_stopped() {
    let shop = Shop::open().await;
    shop.service
        .app("crasher")
        .runs(
            &["error:fatal: no space left", "exit:3"],
            json!({ "setting": { "isOn": true } }),
        )
        .install()
        .await;
    let page = shop.page("#/").await;
    page.click(&row("crasher", "button"), "Start").await;
    page.sees(".trouble .strip", "crasher ends again and again")
        .await;
    page.sees(".trouble .strip", "exit code 3").await;
    page.sees(&row("crasher", ".badge"), "Crashing").await;
    // The window says it, too, when one looks elsewhere.
    page.until("the title warns", "document.title.startsWith('⚠ 1')")
        .await;
    page.until(
        "the icon warns",
        "document.querySelector('link[rel=icon]').href.endsWith('icon-trouble.svg')",
    )
    .await;
    page.click(".trouble .strip a", "Logs").await;
    page.sees("log-view .line", "fatal: no space left").await;
    page.go("#/app/crasher").await;
    page.sees("app-overview .note pre", "fatal: no space left")
        .await;
    page.go("#/").await;
    page.click(".trouble .strip button", "Stop").await;
    page.sees(&row("crasher", ".badge"), "Stopped").await;
    page.until(
        "the title is calm",
        "!document.title.includes('⚠') && !document.querySelector('.trouble .strip')",
    )
    .await;
    becomes(&shop.service, "crasher", "stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_many_lines_is_followed_and_searched() {
    let shop = Shop::open().await;
    let more = shop.service.scratch().join("more");
    shop.service
        .app("talker")
        .runs(
            &[
                "print:the very first needle",
                "lines:100000:0",
                &format!("wait-for:{}", more.display()),
                "lines:40:5",
                "print:the last of all",
                "forever",
            ],
            json!({}),
        )
        .installed_and_started()
        .await;
    let page = shop.page("#/app/talker/logs").await;
    page.sees("log-view .line", "line 100000").await;
    // However long it is, only what is in the window is in the document.
    let rows = page
        .eval("document.querySelectorAll('log-view .line').length")
        .await;
    assert!(rows.as_u64().unwrap() < 100, "{rows}");
    // Up: it follows no longer.
    page.click("log-view .window", "").await;
    page.press("Home").await;
    page.sees("log-view .line", "the very first needle").await;
    std::fs::write(&more, "").unwrap();
    page.sees("log-view .newer", "41 new lines").await;
    page.sees("log-view .line", "the very first needle").await;
    page.click("log-view .newer", "").await;
    page.sees("log-view .line", "the last of all").await;
    // Searching, over all of it.
    page.click("log-view input[type=search]", "").await;
    page.write("needle").await;
    page.sees("log-view .found mark", "needle").await;
    page.sees("log-view .toolbar", "Line 1").await;
    page.press("Control+a").await;
    page.write("line 77777").await;
    page.sees("log-view .found", "line 77777").await;
    page.press("Control+a").await;
    page.write("nowhere to be found").await;
    page.sees("log-view .toolbar", "Not found").await;
    page.click("log-view button", "Wrap lines").await;
    page.click("log-view button", "Follow").await;
    page.sees("log-view .line", "the last of all").await;
    no_mistakes(&page, &[]);
}

/// The numbers of the lines that are in the document, from top to bottom.
async fn entries(page: &Page) -> Vec<u64> {
    let lines = page
        .eval("[...document.querySelectorAll('log-view .line')].map((line) => Number(line.textContent.replace('entry ', '')))")
        .await;
    let lines = lines.as_array().unwrap();
    lines.iter().map(|line| line.as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_of_a_million_lines_is_at_hand() {
    const LINES: u64 = 1_000_000;
    let shop = Shop::open().await;
    shop.service
        .app("quiet")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    let log: String = (0..LINES).map(|it| format!("entry {it}\n")).collect();
    let folder = shop.service.home().join("data/log");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("quiet.log"), log).unwrap();

    let page = shop.page("#/app/quiet/logs").await;
    page.sees("log-view .line", &format!("entry {}", LINES - 1))
        .await;
    for (share, entry) in [
        (0.0, 0),
        (0.5, LINES / 2),
        (0.9, LINES / 10 * 9),
        (1.0, LINES - 1),
    ] {
        page.eval(&format!(
            "(() => {{ const it = document.querySelector('log-view .window'); it.scrollTop = (it.scrollHeight - it.clientHeight) * {share}; }})()"
        ))
        .await;
        page.sees("log-view .line", &format!("entry {entry}")).await;
        page.until(
            "all lines are there",
            "![...document.querySelectorAll('log-view .line')].some((line) => line.textContent === '…')",
        )
        .await;
        let shown = entries(&page).await;
        assert!(shown.contains(&entry) && shown.len() < 100, "{shown:?}");
        let in_turn = shown.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        assert!(in_turn, "{shown:?}");
        let nodes = page.eval("document.querySelectorAll('*').length").await;
        assert!(nodes.as_u64().unwrap() < 600, "{nodes} elements");
    }
    page.click("log-view input[type=search]", "").await;
    page.write("entry 77777").await;
    page.sees("log-view .found mark", "entry 77777").await;
    page.press("Control+a").await;
    page.write("entry 123456").await;
    page.sees("log-view .found", "entry 123456").await;
    let shown = entries(&page).await;
    assert!(shown.contains(&123_456) && shown.len() < 100, "{shown:?}");
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_loaded_anew_goes_on_with_its_job() {
    let shop = Shop::open().await;
    let end = shop.service.scratch().join("end");
    shop.service
        .app("slow")
        .runs(
            &["forever"],
            json!({ "commands": { "init": [{
                "name": "exec", "binPath": child(),
                "cmds": ["print:halfway there", format!("wait-for:{}", end.display()), "print:all of it"],
            }] }, "install": { "installCmds": ["init"] } }),
        );
    let page = shop.page("#/install/slow").await;
    page.click("main button", "Install").await;
    page.sees("job-output", "halfway there").await;
    page.reload().await;
    page.sees("job-output", "halfway there").await;
    page.sees("job-view .badge", "Running").await;
    // Also without the number of the job in the address.
    page.open(&shop.url("#/install/slow")).await;
    page.reload().await;
    page.sees("job-output", "halfway there").await;
    std::fs::write(&end, "").unwrap();
    page.sees("job-output", "all of it").await;
    page.sees("job-view .note.good", "Install of slow is done")
        .await;
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_is_missed_and_found_again() {
    let mut shop = Shop::open().await;
    // The page finds it again under the same address.
    let port = shop
        .service
        .address()
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    shop.service.terminate().await;
    shop.service.listen_on(&port);
    shop.service.start_again().await;
    let more = shop.service.scratch().join("more");
    shop.service
        .app("talker")
        .runs(
            &[
                "print:before",
                &format!("wait-for:{}", more.display()),
                "print:meanwhile",
                "forever",
            ],
            json!({}),
        )
        .installed_and_started()
        .await;
    let page = shop.page("#/app/talker/logs").await;
    page.sees("log-view .line", "before").await;
    page.mistakes();

    shop.service.kill_9();
    page.sees(".strips .strip", "The service does not answer")
        .await;
    page.until("the title warns", "document.title.startsWith('⚠')")
        .await;
    // The app lives on, and what it says meanwhile is not lost.
    std::fs::write(&more, "").unwrap();
    until("the app goes on", async || {
        shop.service
            .log("talker")
            .contains("meanwhile")
            .then_some(())
    })
    .await;
    shop.service.start_again().await;
    page.sees(".messages", "the service was restarted").await;
    page.sees("log-view .line", "meanwhile").await;
    page.until(
        "the strip is gone",
        "!document.querySelector('.strips .strip')",
    )
    .await;
    page.sees(".app-top .badge", "Running").await;
    // And it works.
    page.click(".app-top button", "Stop").await;
    page.sees(".app-top .badge", "Stopped").await;
    no_mistakes(
        &page,
        &[
            "ERR_CONNECTION_REFUSED",
            "ERR_INCOMPLETE_CHUNKED",
            "ERR_CONNECTION_RESET",
            "ERR_EMPTY_RESPONSE",
            "net::ERR",
        ],
    );
}

/// A browser opens six connections to one server.
#[tokio::test(flavor = "multi_thread")]
async fn many_open_pages_do_not_keep_each_other_out() {
    let shop = Shop::open().await;
    shop.service
        .app("talker")
        .runs(&["print:hello", "forever"], json!({}))
        .installed_and_started()
        .await;
    let first = shop.page("#/").await;
    let mut others = Vec::new();
    for _ in 0..7 {
        let page = shop.browser.page_beside(&first).await;
        page.open(&shop.url("#/")).await;
        page.sees(&row("talker", ".badge"), "Running").await;
        others.push(page);
    }
    let last = others.last().unwrap();
    last.click(&row("talker", "button"), "Stop").await;
    for page in others.iter().chain([&first]) {
        page.bring_to_front().await;
        page.sees(&row("talker", ".badge"), "Stopped").await;
    }
    // The one that listened for all is closed: another one goes on.
    first.call("Page.close", json!({})).await;
    last.bring_to_front().await;
    last.click(&row("talker", "button"), "Start").await;
    for page in &others {
        page.bring_to_front().await;
        page.sees(&row("talker", ".badge"), "Running").await;
        no_mistakes(page, &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_is_let_in_by_the_user() {
    let shop = Shop::open().await;
    let asks = format!(
        "<script>setInterval(() => fetch('http://{}/api/apps').then((answer) => answer.json()).then((apps) => {{ document.title = `${{apps.length}} apps` }}).catch(() => null), 200)</script>",
        shop.service.address()
    );
    let site = Site::open("127.0.0.1:0", Pages::one("/", asks)).await;
    let origin = format!("http://localhost:{}", site.port());
    let page = shop.page("#/").await;
    let other = shop.browser.page().await;
    other.open(&format!("{origin}/")).await;
    page.sees(".strip.pairing", &origin).await;
    assert_eq!(other.eval("document.title").await, "");
    page.click(".strip.pairing button", "Always").await;
    other
        .until("the other page is let in", "document.title === '0 apps'")
        .await;
    page.until("the strip is gone", "!find('.strip.pairing')")
        .await;
    page.go("#/settings").await;
    page.sees(".origins", "always allowed").await;
    page.click(&format!("button[aria-label*='{origin}']"), "Revoke")
        .await;
    page.sees(".strip.pairing", &origin).await;
    page.click(".strip.pairing button", "Block").await;
    page.sees(".origins", "blocked").await;
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_and_the_colours_that_were_chosen_are_kept() {
    let shop = Shop::open().await;
    let page = shop.page("#/settings").await;
    let choose = async |label: &str, value: &str| {
        page.sees("label", label).await;
        page.eval(&format!(
            "(() => {{ const field = document.getElementById(find('label', {}).htmlFor); field.value = {}; field.dispatchEvent(new Event('change')); return true; }})()",
            json!(label), json!(value)
        ))
        .await;
    };
    choose("Language", "zh").await;
    page.sees("h1", "设置").await;
    choose("外观", "dark").await;
    page.until(
        "it is dark",
        "getComputedStyle(document.documentElement).colorScheme === 'dark'",
    )
    .await;
    page.reload().await;
    page.sees("h1", "设置").await;
    let dark = page
        .eval("getComputedStyle(document.documentElement).colorScheme")
        .await;
    assert_eq!(dark, "dark");
    // What the service says, too.
    let _app = shop
        .service
        .app("short")
        .runs(&["exit:3"], json!({}))
        .install()
        .await;
    shop.service.start("short").await;
    let jobs = shop.service.get("/api/jobs").await.json();
    let id = jobs[0]["id"].as_u64().unwrap();
    page.eval(&format!("location.hash = '#/jobs/{id}'")).await;
    page.sees(".cause", "short 在就绪之前就退出了").await;
    page.eval("location.hash = '#/settings'").await;
    page.sees("h1", "设置").await;
    choose("语言", "").await;
    page.sees("h1", "Settings").await;
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_told_wherever_one_is_and_kept() {
    let shop = Shop::open().await;
    let now = shop.service.scratch().join("now");
    shop.service
        .app("fragile")
        .runs(
            &[&format!("wait-for:{}", now.display()), "exit:7"],
            json!({ "setting": { "isOn": true } }),
        )
        .installed_and_started()
        .await;
    let page = shop.page("#/sources").await;
    std::fs::write(&now, "").unwrap();
    page.sees(".messages", "fragile ended unexpectedly: exit code 7")
        .await;
    page.sees(".bell .count", "").await;
    page.click(".bell", "").await;
    page.sees(".notices", "fragile ended unexpectedly").await;
    page.until(
        "what was seen is no longer counted",
        "!find('.bell .count')",
    )
    .await;
    page.click(".notices a", "fragile").await;
    page.sees("h1", "fragile").await;
    no_mistakes(&page, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_source_the_last_known_catalog_is_shown_with_its_age() {
    let shop = Shop::open().await;
    let is_gone = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&is_gone);
    let list = json!([{ "name": "tree", "version": "2.1", "desc": "grows", "url": "tree.zip" }]);
    let server = Server::start(move |_, head| {
        if gone.load(Ordering::Relaxed) {
            Reply::new("500 Internal Server Error\r\nContent-Length: 0", b"")
        } else if head.contains("/utilities.json") {
            Reply::ok("", list.to_string().as_bytes())
        } else {
            Reply::new("404 Not Found\r\nContent-Length: 0", b"")
        }
    })
    .await;
    let added = json!({ "name": "far", "address": server.url("/") });
    shop.service
        .post("/api/catalogs", &added)
        .await
        .must_be(201);
    is_gone.store(true, Ordering::Relaxed);
    let page = shop.page("#/sources").await;
    page.click("main button", "Refresh all").await;
    page.sees(".sources .bad", "").await;
    page.go("#/catalog").await;
    page.sees(".strip.warn", "far could not be refreshed").await;
    page.sees(".strip.warn", "What is shown was read").await;
    page.sees(".card", "tree").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_installed_as_an_app() {
    let shop = Shop::open().await;
    let page = shop.page("#/").await;
    let manifest = page.call("Page.getAppManifest", json!({})).await;
    assert_eq!(manifest["errors"], json!([]), "{manifest}");
    let data: Value = serde_json::from_str(manifest["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["display"], "standalone");
    let told = page.call("Page.getInstallabilityErrors", json!({})).await;
    let errors: Vec<&Value> = told["installabilityErrors"]
        .as_array()
        .unwrap()
        .iter()
        // The test's pages are private ones, which cannot be installed.
        .filter(|error| error["errorId"] != "in-incognito")
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// What an input method shows while it composes is not yet what is meant.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_waits_until_the_input_method_is_done() {
    let shop = Shop::open().await;
    let entry = |name: &str, desc: &str| json!({ "name": name, "version": "1", "desc": desc, "url": format!("{name}.zip") });
    let list = json!([
        entry("mysql", "关系型数据库"),
        entry("shu", "a tree"),
        entry("chess", "国际象棋")
    ]);
    shop.catalog("shop", list, &[]).await;
    let page = shop.page("#/catalog").await;
    page.sees(".card", "mysql").await;
    page.click("main input[type=search]", "").await;
    page.call(
        "Input.imeSetComposition",
        json!({ "text": "shu'ju'ku", "selectionStart": 9, "selectionEnd": 9 }),
    )
    .await;
    // Longer than the pause after which a search begins.
    page.eval("new Promise((resolve) => setTimeout(() => resolve(true), 500))")
        .await;
    let shown = page.eval("document.querySelectorAll('.card').length").await;
    assert_eq!(shown, 3);
    page.write("数据库").await;
    page.until(
        "one is left",
        "document.querySelectorAll('.card').length === 1 && Boolean(find('.card', 'mysql'))",
    )
    .await;
    page.press("Control+a").await;
    page.write("gjxq").await;
    page.until(
        "the initials are found",
        "document.querySelectorAll('.card').length === 1 && Boolean(find('.card', 'chess'))",
    )
    .await;
}

/// Presses Tab until what has the focus bears these words.
async fn tab_to(page: &Page, words: &str) {
    for _ in 0..80 {
        page.press("Tab").await;
        let at = page
            .eval("(() => { const at = document.activeElement; return `${at.getAttribute('aria-label') ?? ''} ${at.textContent} ${at.id ? document.querySelector(`label[for='${at.id}']`)?.textContent ?? '' : ''}`; })()")
            .await;
        if at.as_str().unwrap().contains(words) {
            return;
        }
    }
    panic!("no Tab leads to `{words}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_with_the_keyboard_alone() {
    let shop = Shop::open().await;
    let (port, other) = (free_port(), free_port());
    shop.service
        .app("web")
        .file("web.conf.tpl", WEB_CONF)
        .runs(&["listen:{port}", "print:ready", "forever"], web(port));
    let service = &shop.service;
    let page = shop.page("#/install/web").await;
    page.sees("main button", "Install").await;
    // The way past the navigation.
    page.press("Tab").await;
    page.press("Enter").await;
    tab_to(&page, "Install").await;
    page.press("Enter").await;
    page.sees("job-view .note.good", "is done").await;
    tab_to(&page, "Show web").await;
    page.press("Enter").await;
    page.sees(".app-top .badge", "Running").await;
    // Settings: a number is typed, and applied.
    tab_to(&page, "Settings").await;
    page.press("Enter").await;
    page.sees("settings-form", "Port").await;
    tab_to(&page, "Port").await;
    page.press("Control+a").await;
    page.write(&other.to_string()).await;
    page.sees(".changes-box", "web.conf").await;
    page.press("Enter").await;
    page.sees(".outcome .good", "web is ready").await;
    assert!(listens(other));
    // Stop and start, and the focus stays on what is there.
    page.go("#/").await;
    page.sees(&row("web", ".badge"), "Running").await;
    tab_to(&page, "Stop web").await;
    page.press("Space").await;
    page.sees(&row("web", ".badge"), "Stopped").await;
    page.until(
        "the focus is where it was",
        "document.activeElement.getAttribute('aria-label') === 'Start web'",
    )
    .await;
    page.press("Space").await;
    page.sees(&row("web", ".badge"), "Running").await;
    // The menu, with its arrows, and the question before the end.
    tab_to(&page, "More for web").await;
    page.press("Enter").await;
    page.sees("[role=menuitem]", "Uninstall").await;
    page.press("Escape").await;
    page.until("the menu is closed", "!find('[role=menuitem]')")
        .await;
    page.press("Enter").await;
    page.sees("[role=menuitem]", "Uninstall").await;
    page.press("End").await;
    page.press("Enter").await;
    page.sees("dialog", "Uninstall web?").await;
    tab_to(&page, "Uninstall").await;
    page.press("Enter").await;
    page.sees(".messages", "web was uninstalled").await;
    until("it is gone", async || {
        let app = service.get("/api/apps/web").await.json();
        app["installed"].is_null().then_some(())
    })
    .await;
    no_mistakes(&page, &[]);
}
