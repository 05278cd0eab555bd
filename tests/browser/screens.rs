//! Every screen in both languages, light and dark, wide and narrow.

use serde_json::json;

use super::axe;
use super::devtools::Page;
use super::shop::{Shop, WEB_CONF, hello, web};
use crate::support::free_port;

/// What is looked at.
const SCREENS: [&str; 18] = [
    "#/",
    "#/catalog",
    "#/catalog/hello",
    "#/install/hello",
    "#/install/fresh",
    "#/install",
    "#/app/web",
    "#/app/web/settings",
    "#/app/web/logs",
    "#/app/web/about",
    "#/app/crasher",
    "#/jobs",
    "#/jobs/1",
    "#/updates",
    "#/sources",
    "#/ports",
    "#/trash",
    "#/settings",
];

/// Apps in every state: one that runs, one that crashes again and again, one that is stopped and wants
/// the first one's port, one that waits to be installed; a catalog, one that cannot be reached, something
/// in the trash, an origin that was refused.
async fn full_shop() -> Shop {
    let shop = Shop::open().await;
    let service = &shop.service;
    let port = free_port();
    service
        .app("web")
        .install_json(json!({ "desc": "Serves files · 文件服务", "category": "development", "webUrl": format!("http://localhost:{port}/") }))
        .file("web.conf.tpl", WEB_CONF)
        .runs(&[&format!("listen:{port}"), "print:ready", "lines:200:0", "forever"], web(port))
        .installed_and_started()
        .await;
    service
        .app("crasher")
        .runs(
            &["error:fatal: no space left", "exit:3"],
            json!({ "setting": { "isOn": true } }),
        )
        .install()
        .await;
    service.post("/api/apps/crasher/start", &json!({})).await;
    service
        .app("second")
        .runs(&[&format!("listen:{port}"), "forever"], json!({ "config": { "port": port }, "commands": { "setting": [{ "name": "restart" }] } }))
        .install()
        .await;
    service
        .app("fresh")
        .runs(&["listen:{port}", "forever"], json!({ "config": { "port": port, "password": "", "dataDir": "{exePath}/data" },
            "commands": { "init": [{ "name": "mkdir", "filePath": "{dataDir}" }] }, "install": { "installCmds": ["init"] } }));
    service
        .app("gone")
        .runs(&["forever"], json!({}))
        .install()
        .await;
    service
        .post("/api/apps/gone/uninstall?wait=true", &json!({}))
        .await
        .must_be(200);
    let entry = json!([
        { "name": "hello", "version": "1.0.0", "desc": "A page that greets · 打招呼的页面", "url": "hello.zip", "size": 1_049_000, "notes": "The first one." },
        { "name": "web", "version": "2.0.0", "desc": "Serves files", "url": "web.zip", "notes": "Faster.", "dependencies": [{ "name": "hello", "value": ">=1" }] },
    ]);
    shop.catalog("shop", entry, &[("hello.zip", hello(free_port()))])
        .await;
    service
        .post(
            "/api/catalogs",
            &json!({ "name": "away", "address": "http://127.0.0.1:9/store" }),
        )
        .await
        .must_be(201);
    service
        .request(reqwest::Method::GET, "/api/apps")
        .header("Origin", "http://localhost:8215")
        .send()
        .await
        .unwrap();
    shop
}

/// Waits until a screen has shown what it has to show.
async fn settle(page: &Page, screen: &str) {
    page.go(screen).await;
    page.until(
        &format!("{screen} is shown"),
        &format!(
            "location.hash === {} && document.querySelector('main h1') && !document.querySelector('main .placeholder.loading') && document.querySelector('main').innerText.length > 20",
            json!(screen)
        ),
    )
    .await;
    // Twice: what came is drawn before the next picture.
    page.eval("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_is_whole_in_both_languages_colours_and_widths() {
    let shop = full_shop().await;
    let script = axe::script();
    let mut faults = Vec::new();
    for (language, other) in [("en", "已安装"), ("zh-CN", "Installed")] {
        for dark in [false, true] {
            let page = shop.browser.page().await;
            page.language(language).await;
            page.dark(dark).await;
            page.open(&shop.url("#/")).await;
            page.sees("main app-row", "crasher").await;
            for screen in SCREENS {
                settle(&page, screen).await;
                faults.extend(faults_of(&page, screen, language, other, dark, &script).await);
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

/// What is wrong with a screen, in a large window and a small one.
pub(super) async fn faults_of(
    page: &Page,
    screen: &str,
    language: &str,
    other: &str,
    dark: bool,
    script: &str,
) -> Vec<String> {
    let mut faults = Vec::new();
    for width in [1280, 390] {
        page.view(width, 800).await;
        let place = format!("{screen} in {language}, dark: {dark}, {width} pixels");
        let looked = page
            .eval("[document.documentElement.scrollWidth > innerWidth, document.documentElement.textContent.match(/⟦[^⟧]*⟧|\\[object|undefined|NaN/g), document.querySelector('nav').innerText]")
            .await;
        if looked[0] == true {
            faults.push(format!("{place}: wider than the window"));
        }
        if !looked[1].is_null() {
            faults.push(format!("{place}: {}", looked[1]));
        }
        if looked[2].as_str().unwrap().contains(other) {
            faults.push(format!("{place}: another language"));
        }
        for violation in axe::violations(page, script).await {
            faults.push(format!("{place}: {violation}"));
        }
    }
    for mistake in page.mistakes() {
        faults.push(format!("{screen} in {language}: {mistake}"));
    }
    faults
}
