//! Publishing: every state, action and role; the life cycle; who may; several servers on one database;
//! kills at any moment.

mod accounts;
mod life_cycle;
mod model;
mod places;
mod postgres;
mod review;
mod survival;
mod survival_s3;
mod table;
mod uploads;
mod walk;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, Service, package};

/// Somebody who asks: with a token, or as whoever uses this computer.
pub(crate) struct Someone<'a> {
    service: &'a Service,
    token: Option<String>,
}

impl<'a> Someone<'a> {
    /// Whoever uses this computer, without a token.
    pub(crate) fn local(service: &'a Service) -> Self {
        Self {
            service,
            token: None,
        }
    }

    /// The owner of the home, by the token that lies in it.
    pub(crate) fn owner(service: &'a Service) -> Self {
        let token = std::fs::read_to_string(service.home().join("data/token")).unwrap();
        Self {
            service,
            token: Some(token.trim().to_owned()),
        }
    }

    /// A new user with this role.
    pub(crate) async fn new(service: &'a Service, name: &str, role: &str) -> Self {
        let body = json!({ "name": name, "password": "a good password", "role": role });
        Self::owner(service)
            .post("/v1/users", &body)
            .await
            .must_be(200);
        Self::log_in(service, name).await
    }

    /// A user who is there.
    pub(crate) async fn log_in(service: &'a Service, name: &str) -> Self {
        let body = json!({ "name": name, "password": "a good password" });
        let answer = service.post("/v1/login", &body).await.must_be(200);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        Self {
            service,
            token: Some(token),
        }
    }

    /// A request to be finished by the test.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.service.request(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::DELETE, path).json(body)).await
    }

    /// A package as it is.
    pub(crate) async fn send(&self, method: Method, path: &str, package: Vec<u8>) -> Answer {
        let request = self.request(method, path);
        let request = request.header("content-type", "application/octet-stream");
        Answer::of(request.body(package)).await
    }

    /// Uploads an app; answers its id and that of its first version.
    pub(crate) async fn upload(&self, name: &str, version: &str) -> (String, String) {
        let package = package(name, version, json!({}), 0);
        let answer = self.send(Method::POST, "/v1/apps", package).await;
        let made = answer.must_be(200).json();
        let id = |key: &str| made[key].as_str().unwrap().to_owned();
        (id("app_id"), id("version_id"))
    }

    /// Uploads a further version; answers its id.
    pub(crate) async fn add(&self, app_id: &str, name: &str, version: &str) -> String {
        let package = package(name, version, json!({}), 0);
        let path = format!("/v1/app_versions?app_id={app_id}");
        let answer = self.send(Method::POST, &path, package).await;
        let made = answer.must_be(200).json();
        made["version_id"].as_str().unwrap().to_owned()
    }

    /// Takes an action.
    pub(crate) async fn act(&self, version_id: &str, action: &str) -> Answer {
        let path = format!("/v1/app_version/action/{action}");
        let body = json!({ "version_id": version_id, "message": "because" });
        self.post(&path, &body).await
    }

    /// Takes actions one after another, which must go well.
    pub(crate) async fn lead(&self, version_id: &str, actions: &[&str]) {
        for action in actions {
            self.act(version_id, action).await.must_be(200);
        }
    }

    /// A version as it is told; deleted ones, too.
    pub(crate) async fn version(&self, version_id: &str) -> Value {
        let path = format!("/v1/app_versions?version_id={version_id}&status={ALL}");
        let answer = self.get(&path).await.must_be(200).json();
        answer["app_version_set"][0].clone()
    }

    /// The state of a version.
    pub(crate) async fn status(&self, version_id: &str) -> String {
        let version = self.version(version_id).await;
        version["status"].as_str().unwrap_or_default().to_owned()
    }

    /// The history of a version: the states, in their order.
    pub(crate) async fn history(&self, version_id: &str) -> Vec<String> {
        let path = format!("/v1/app_version_audits?version_id={version_id}");
        let answer = self.get(&path).await.must_be(200).json();
        let rows = answer["app_version_audit_set"].as_array().unwrap();
        let status = |row: &Value| row["status"].as_str().unwrap().to_owned();
        rows.iter().map(status).collect()
    }

    /// The names of the apps in the store.
    pub(crate) async fn store(&self) -> Vec<String> {
        names(
            &self
                .get("/v1/active_apps?reverse=true")
                .await
                .must_be(200)
                .json(),
        )
    }
}

/// The package of an app that has a page.
pub(crate) fn package_of(name: &str, version: &str) -> Vec<u8> {
    package(name, version, json!({}), 0)
}

/// A service of its own: with a database of its own in the PostgreSQL that a test has started, where
/// there is one (`postgres.rs`).
pub(crate) async fn start() -> Service {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Some(folder) = std::env::var_os("STOREKEEPER_TEST_POSTGRES") else {
        return Service::start_new().await;
    };
    let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let address = postgres::make_database(std::path::Path::new(&folder), &name).await;
    let service = Service::start_with(&["--database", &address], &[]).await;
    // What is only one server's is not published to; this is where packages go instead.
    let folder = repository(&service);
    std::fs::create_dir(&folder).unwrap();
    let body = json!({ "name": "shop", "url": folder, "syncPeriod": 0 });
    let answer = service.post("/api/repositories", &body).await;
    assert!(answer.status < 300, "{answer:?}");
    service
}

/// The folder of the repository that apps are published in when nobody says where.
pub(crate) fn repository(service: &Service) -> std::path::PathBuf {
    match std::env::var_os("STOREKEEPER_TEST_POSTGRES") {
        Some(_) => service.scratch().join("shop"),
        None => service.home().join("repository"),
    }
}

/// Its name.
pub(crate) fn shop() -> &'static str {
    match std::env::var_os("STOREKEEPER_TEST_POSTGRES") {
        Some(_) => "shop",
        None => "local",
    }
}

/// All states, for a query.
pub(crate) const ALL: &str = "draft,submitted,in-review,passed,rejected,active,suspended,deleted";

/// The names of a list of apps.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let rows = list["app_set"].as_array().unwrap();
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    rows.iter().map(name).collect()
}

/// Every file below the repository with what it holds: its index without the time at which it
/// was written.
pub(crate) fn storage(service: &Service) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let root = repository(service);
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            // The lock of a folder that was tried out is none of its content.
            if name == ".storekeeper.lock" {
                continue;
            }
            let mut content = std::fs::read(&path).unwrap();
            if name == "index.yaml" {
                let text = String::from_utf8(content).unwrap();
                let lines = text.lines().filter(|line| !line.starts_with("generated"));
                content = lines.collect::<Vec<_>>().join("\n").into_bytes();
            }
            files.push((name, content));
        }
    }
    files.sort();
    files
}

/// The names and versions that the repository's index has.
pub(crate) fn index(service: &Service) -> Vec<String> {
    let path = repository(service).join("index.yaml");
    index_of(&std::fs::read_to_string(path).unwrap_or_default())
}

/// The names and versions of an index.
pub(crate) fn index_of(text: &str) -> Vec<String> {
    let (mut found, mut name) = (Vec::new(), String::new());
    for line in text.lines() {
        let line = line.trim_start_matches(['-', ' ']);
        if let Some(value) = line.strip_prefix("name: ") {
            value.clone_into(&mut name);
        }
        if let Some(value) = line.strip_prefix("version: ") {
            found.push(format!("{name} {}", value.trim_matches(['"', '\''])));
        }
    }
    found.sort();
    found
}
