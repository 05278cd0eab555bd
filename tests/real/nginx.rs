//! A real nginx.

use serde_json::json;

use crate::support::{
    Service, alive, answer_of, descendants, free_port, kill_9, listens, real_app, until,
};

async fn workers(master: u32, count: usize) -> Vec<u32> {
    until("the workers are there", async || {
        let workers = descendants(master);
        (workers.len() == count).then_some(workers)
    })
    .await
}

#[tokio::test]
async fn nginx_serves_moves_and_is_gone_with_its_workers_after_a_stop() {
    let service = Service::start_new().await;
    let first = free_port();
    let _app = real_app(&service, "nginx")
        .default("port", json!(first))
        .installed_and_started()
        .await;
    let page = answer_of(first).await.unwrap();
    assert!(page.contains("nginx serves this page"), "{page}");
    let old = workers(service.app_pid("nginx").await, 2).await;

    let second = free_port();
    service
        .setting("nginx", "setting", json!({ "port": second, "workers": 3 }))
        .await
        .must_succeed();
    assert!(!listens(first));
    assert!(answer_of(second).await.is_some());
    assert!(
        !old.into_iter().any(alive),
        "workers of the old server live"
    );

    let master = service.app_pid("nginx").await;
    let workers = workers(master, 3).await;
    service.stop("nginx").await.must_be(200);
    assert!(!alive(master) && !workers.into_iter().any(alive));
    assert!(!listens(second));
}

#[tokio::test]
async fn nginx_returns_after_its_master_was_killed_and_its_old_workers_are_ended_first() {
    let service = Service::start_new().await;
    let port = free_port();
    let _app = real_app(&service, "nginx")
        .default("port", json!(port))
        .installed_and_started()
        .await;
    let master = service.app_pid("nginx").await;
    let old = workers(master, 2).await;
    kill_9(master);
    let new = service.pid_after("nginx", master).await;
    assert!(!old.into_iter().any(alive), "they would hold the port");
    workers(new, 2).await;
    assert!(answer_of(port).await.is_some());
}

#[tokio::test]
async fn nginx_is_not_restarted_with_settings_that_it_refuses() {
    let service = Service::start_new().await;
    let port = free_port();
    let _app = real_app(&service, "nginx")
        .default("port", json!(port))
        .installed_and_started()
        .await;
    let pid = service.app_pid("nginx").await;
    service
        .setting("nginx", "setting", json!({ "workers": "many" }))
        .await
        .must_be_refused_with("nginx");
    assert_eq!(service.app_pid("nginx").await, pid);
    assert!(answer_of(port).await.is_some());
}
