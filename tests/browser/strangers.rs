//! A page on another origin tries each route by image, script, style, form, fetch, frame, window,
//! beacon, event stream and socket.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::chromium::Chromium;
use super::site::{Pages, Site};
use super::world::World;

/// Where the page lies, for the browser.
enum Place {
    /// On a port of its own, under a name that leads to this computer.
    Name(&'static str),
    /// Likewise, in a sandbox: its origin is `null`.
    Sandbox,
    /// On the name and port under which it finds the service a moment later.
    Rebound,
}

#[tokio::test]
async fn a_page_on_another_port_of_localhost_moves_nothing() {
    moves_nothing(Place::Name("localhost")).await;
}

#[tokio::test]
async fn a_page_on_an_address_of_this_computer_moves_nothing() {
    moves_nothing(Place::Name("127.0.0.1")).await;
}

#[tokio::test]
async fn a_page_of_another_site_moves_nothing() {
    moves_nothing(Place::Name("evil.test")).await;
}

#[tokio::test]
async fn a_page_without_an_origin_moves_nothing() {
    moves_nothing(Place::Sandbox).await;
}

#[tokio::test]
async fn a_page_whose_name_is_rebound_to_this_computer_moves_nothing() {
    moves_nothing(Place::Rebound).await;
}

async fn moves_nothing(place: Place) {
    let world = World::new(&[]).await;
    let port = world.service_port();
    let mut listener = Site::open("127.0.0.1:0", Pages::default()).await;
    let reports = format!("http://127.0.0.1:{}", listener.port());
    let mut plan = json!({
        "bases": [format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}")],
        "own": reports,
        "routes": world.routes().await,
        "frames": [
            format!("http://localhost:{port}/static/x/acts.html"),
            format!("http://127.0.0.1:{port}/static/x/acts.html"),
        ],
        "report": format!("{reports}/report"),
    });
    let rebound = matches!(place, Place::Rebound);
    if rebound {
        plan["bases"] = json!([format!("http://evil.test:{port}")]);
        plan["frames"] = json!([format!("http://evil.test:{port}/static/x/acts.html")]);
    }
    let html = include_str!("attack.html").replace("/*PLAN*/", &plan.to_string());
    let page = Pages::one("/attack", html);
    let (site, name, rules) = match place {
        Place::Name(name) => (
            Site::open("127.0.0.1:0", page).await,
            name,
            "MAP evil.test 127.0.0.1",
        ),
        Place::Sandbox => (
            Site::open("127.0.0.1:0", page.sandboxed()).await,
            "localhost",
            "",
        ),
        Place::Rebound => {
            let page = page.others_go_to(world.service.address());
            let site = Site::open(&format!("127.0.0.2:{port}"), page).await;
            (site, "evil.test", "MAP evil.test 127.0.0.2")
        }
    };
    let before = world.state().await;

    let url = format!("http://{name}:{}/attack", site.port());
    let browser = Chromium::open(&url, rules, world.service.scratch());
    let report = listener.report().await;
    every_request_was_turned_away(&world, &report).await;
    drop(browser);

    for answer in report["readable"].as_array().unwrap() {
        // A page whose name was rebound may read that it is turned away.
        let text = answer["text"].as_str().unwrap();
        assert!(
            rebound
                && (text.contains("is not a name of this service") || text.contains("<title>421 ")),
            "{answer}"
        );
    }
    assert_eq!(world.state().await, before);
    assert_eq!(world.moved(), "");
    world.job_goes_on_to_its_end().await;
}

/// The attack did take place: for each request that the page tells of, the gate wrote a line.
async fn every_request_was_turned_away(world: &World, report: &Value) {
    let made: BTreeMap<&str, u64> = report["made"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, count)| (path.as_str(), count.as_u64().unwrap()))
        .collect();
    assert!(made.values().sum::<u64>() > 300, "{made:?}");
    let missing = async || {
        let output = world.service.output();
        let mut left = made.clone();
        for line in output.lines().filter(|line| line.contains("refused")) {
            if let Some((_, rest)) = line.split_once("path=") {
                let path = rest.split([' ', '"']).find(|part| !part.is_empty());
                if let Some(count) = path.and_then(|path| left.get_mut(path)) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        left.retain(|_, count| *count > 0);
        left
    };
    let mut left = made.clone();
    for _ in 0..100 {
        left = missing().await;
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(left.is_empty(), "not turned away: {left:?}");
}
