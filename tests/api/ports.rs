//! Who wants and who holds which port.

use serde_json::{Value, json};

use super::get_json;
use crate::support::{Service, free_port, until};

fn port_of(ports: &Value, port: u16) -> Value {
    let ports = ports["ports"].as_array().unwrap();
    let found = ports.iter().find(|it| it["port"] == port);
    found.cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_port_is_told_with_who_wants_and_who_holds_it() {
    let service = Service::start_new().await;
    let port = free_port();
    let store = json!({ "config": { "port": port }, "setting": { "ready": { "port": "{port}" } } });
    let _a = service
        .app("a")
        .runs(&[&format!("listen:{port}"), "forever"], store.clone())
        .installed_and_started()
        .await;
    let of_a = port_of(&get_json(&service, "/api/ports").await, port);
    assert_eq!(of_a["wantedBy"][0]["app"], "a");
    assert_eq!(of_a["wantedBy"][0]["key"], "port");
    assert_eq!(of_a["heldBy"][0]["app"], "a");
    assert_eq!(of_a["heldBy"][0]["pid"], service.app_pid("a").await);
    assert_eq!(of_a["conflict"], Value::Null);
    let _b = service.app("b").runs(&["forever"], store);
    let conflict = until("the new app is seen", async || {
        let both = port_of(&get_json(&service, "/api/ports").await, port);
        both["conflict"].is_object().then_some(both)
    })
    .await;
    assert_eq!(conflict["conflict"]["kind"], "other-app");
    let suggestion = conflict["conflict"]["suggestion"].as_u64().unwrap();
    assert_ne!(suggestion, u64::from(port));
    let form = get_json(&service, "/api/apps/b/form").await;
    let trouble = &form["fields"][0]["port"];
    assert_eq!(trouble["heldBy"][0]["app"], "a");
    assert_eq!(trouble["wantedBy"], json!(["a"]));
    let own = get_json(&service, "/api/apps/a/form").await;
    assert_eq!(own["fields"][0]["port"]["heldBy"], json!([]));
}

#[tokio::test]
async fn a_program_that_is_not_ours_is_named() {
    let service = Service::start_new().await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let quiet = get_json(&service, "/api/ports").await;
    assert_eq!(port_of(&quiet, port), Value::Null);
    let all = get_json(&service, "/api/ports?all=true").await;
    assert_eq!(port_of(&all, port)["heldBy"][0]["pid"], std::process::id());
    let config = json!({ "config": { "httpPort": port.to_string() } });
    let _app = service.app("a").runs(&["forever"], config);
    let found = until("the new app is seen", async || {
        let found = port_of(&get_json(&service, "/api/ports").await, port);
        found["conflict"].is_object().then_some(found)
    })
    .await;
    assert_eq!(found["conflict"]["kind"], "foreign");
    let pid = std::process::id().to_string();
    assert!(
        found["conflict"]["message"]
            .as_str()
            .unwrap()
            .contains(&pid)
    );
}

#[tokio::test]
async fn the_next_free_port_is_free_and_wanted_by_nobody() {
    let service = Service::start_new().await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().port();
    let free = async |query: &str| {
        let answer = get_json(&service, &format!("/api/ports/free{query}")).await;
        u16::try_from(answer["port"].as_u64().unwrap()).unwrap()
    };
    let first = free(&format!("?near={taken}")).await;
    assert!(first != taken && std::net::TcpListener::bind(("127.0.0.1", first)).is_ok());
    let second = free(&format!("?near={taken}&not={first}")).await;
    assert!(second != taken && second != first);
    let config = json!({ "config": { "port": second } });
    let _app = service.app("a").runs(&["forever"], config);
    until("the new app is seen", async || {
        let third = free(&format!("?near={taken}&not={first}")).await;
        (third != second).then_some(())
    })
    .await;
    assert!(free("").await >= 1024);
    service.get("/api/ports/free?not=x").await.must_be(400);
}
