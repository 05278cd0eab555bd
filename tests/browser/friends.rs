//! Pages that may use the store can: what keeps strangers out does not stand in their way.

use serde_json::{Value, json};

use super::chromium::Chromium;
use super::site::{Pages, Site};
use super::world::World;
use crate::support::{Service, until_true};

fn page(base: &str, report: &Site, frame: &str) -> String {
    let plan = json!({
        "base": base,
        "report": format!("http://127.0.0.1:{}/report", report.port()),
        "word": "moved",
        "frame": frame,
    });
    include_str!("friend.html").replace("/*PLAN*/", &plan.to_string())
}

/// All that the page asked for was done, and it could read the answers.
async fn was_obeyed(service: &Service, told: &Value, origin: &str) {
    assert_eq!(told["origin"], origin, "{told}");
    for asked in ["setting", "download", "start", "list", "change"] {
        assert_eq!(told[asked]["status"], 200, "{asked}: {told}");
    }
    assert_eq!(told["events"], true, "{told}");
    let rows: Value = serde_json::from_str(told["list"]["text"].as_str().unwrap()).unwrap();
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .any(|row| row["name"] == "y")
    );
    assert!(service.runs("y").await);
    assert!(service.row("z").await.is_some(), "z is not installed");
    let other = service.get("/api/apps/x/config/other").await.json();
    assert_eq!(other["value"], 7);
}

#[tokio::test]
async fn an_apps_own_page_sets_it_up() {
    let world = World::new(&[]).await;
    let mut listener = Site::open("127.0.0.1:0", Pages::default()).await;
    let port = world.service_port();
    let html = page("", &listener, "");
    std::fs::write(world.service.run_dir().join("x/static/index.html"), html).unwrap();
    let url = format!("http://localhost:{port}/static/x/index.html");
    let _browser = Chromium::open(&url, "", world.service.scratch());
    let told = listener.report().await;
    was_obeyed(&world.service, &told, &format!("http://localhost:{port}")).await;
    assert_eq!(world.moved(), "moved");
}

#[tokio::test]
async fn a_page_of_an_origin_that_the_user_allowed_may_use_the_store() {
    // The port has to be known before the service starts, so its page follows it.
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = place.local_addr().unwrap().port();
    let origin = format!("http://localhost:{port}");
    let world = World::new(&["--allow-origin", &origin]).await;
    drop(place);
    let mut listener = Site::open("127.0.0.1:0", Pages::default()).await;
    let base = format!("http://localhost:{}", world.service_port());
    let frame = format!("{base}/static/x/acts.html");
    let html = page(&base, &listener, &frame);
    let site = Site::open(&format!("127.0.0.1:{port}"), Pages::one("/", html)).await;
    let url = format!("{origin}/");
    let _browser = Chromium::open(&url, "", world.service.scratch());
    let told = listener.report().await;
    assert_eq!(site.port(), port);
    was_obeyed(&world.service, &told, &origin).await;
    until_true("the page in the frame acts", || world.moved() == "framed").await;
}

/// As recorded: Wails on Windows shows the desktop at `http://wails.localhost`, which calls the store
/// under that name, earlier versions as `localhost`. Settings pages are shown in a frame.
#[tokio::test]
async fn the_desktop_in_its_window_may_use_the_store() {
    for name in ["wails.localhost", "localhost"] {
        let world = World::new(&[]).await;
        let port = world.service_port();
        let base = format!("http://{name}:{port}");
        let mut listener = Site::open("127.0.0.1:0", Pages::default()).await;
        let frame = format!("http://localhost:{port}/static/x/acts.html");
        let html = page(&base, &listener, &frame);
        let site = Site::open("127.0.0.1:0", Pages::one("/", html)).await;
        let rules = format!("MAP wails.localhost:80 127.0.0.1:{}", site.port());
        let url = "http://wails.localhost/";
        let _browser = Chromium::open(url, &rules, world.service.scratch());
        let told = listener.report().await;
        was_obeyed(&world.service, &told, "http://wails.localhost").await;
        until_true("the page in the frame acts", || world.moved() == "framed").await;
    }
}
