//! A service with something to win in each of its routes, and what it looks like from outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::support::{Service, child, free_port, until};

/// App `x` runs, `y` is installed, `z` is not, and a job of `w` is under way.
pub(super) struct World {
    pub(super) service: Service,
    /// What `x` listens on.
    port: u16,
    /// The job under way.
    job: u64,
}

/// Acts when it is shown: for those who may show it in a frame.
const ACTS: &str = r#"<script>fetch("/store/setting", {method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({name: "x", cmdKey: "work", word: "framed"})})</script>"#;

/// All that a page could change.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    apps: Value,
    jobs: Value,
    config: Value,
    files: BTreeMap<PathBuf, (Vec<u8>, SystemTime)>,
}

impl World {
    pub(super) async fn new(options: &[&str]) -> Self {
        // Each request that the gate turns away is written down.
        let environment = [("STOREKEEPER_LOG", "warn,storekeeper::api=debug")];
        let service = Service::start_with(options, &environment).await;
        let port = free_port();
        service
            .app("x")
            .file("static/index.html", "<p>settings")
            .file("static/acts.html", ACTS)
            .runs(
                &[&format!("listen:{port}"), "forever"],
                json!({
                    "config": { "word": "still", "port": port },
                    "setting": { "ready": { "port": port } },
                    "commands": { "work": [
                        { "name": "writeFile", "filePath": "{exePath}/moved.txt", "content": "{word}" },
                    ] },
                }),
            )
            .installed_and_started()
            .await;
        service
            .app("y")
            .runs(&["forever"], json!({}))
            .install()
            .await;
        service.app("z").runs(&["forever"], json!({}));
        let end = service.scratch().join("end");
        service
            .app("w")
            .runs(
                &["forever"],
                json!({ "commands": { "long": [
                    { "name": "exec", "binPath": child(), "cmds": [format!("wait-for:{}", end.display())] },
                ] } }),
            )
            .install()
            .await;
        let answer = service.post("/api/apps/w/run/long", &json!({})).await;
        let job = answer.must_be(202).json()["job"].as_u64().unwrap();
        until("the job is at work", async || {
            let record = service.get(&format!("/api/jobs/{job}")).await.json();
            (record["steps"][0]["state"] == "running").then_some(())
        })
        .await;
        Self { service, port, job }
    }

    /// The port of the service itself.
    pub(super) fn service_port(&self) -> u16 {
        self.service
            .address()
            .rsplit_once(':')
            .unwrap()
            .1
            .parse()
            .unwrap()
    }

    /// What was written by the list that a page is after.
    pub(super) fn moved(&self) -> String {
        std::fs::read_to_string(self.service.run_dir().join("x/moved.txt")).unwrap_or_default()
    }

    pub(super) async fn state(&self) -> State {
        let get = async |path: &str| self.service.get(path).await.must_be(200).json();
        let mut files = BTreeMap::new();
        collect(&self.service.run_dir(), &mut files);
        collect(&self.service.home().join("static"), &mut files);
        State {
            apps: get("/api/apps").await,
            jobs: get("/api/jobs").await,
            config: get("/api/apps/x/config").await,
            files,
        }
    }

    /// Every route, with what would do the most harm there. Ours come from the description that the
    /// service gives of itself, so that a new one is attacked as well.
    pub(super) async fn routes(&self) -> Vec<Value> {
        let (port, job) = (self.port, self.job);
        let elsewhere = self.service.scratch().join("elsewhere");
        let setting = json!({ "name": "x", "cmdKey": "work", "word": "moved" });
        let mut routes: Vec<Value> = [
            ("GET", "/store/storelist", json!({})),
            ("GET", "/store/installInfo?name=x", json!({})),
            ("GET", "/store/install?name=z", json!({})),
            (
                "GET",
                "/store/download?url=http://127.0.0.1:1/z.zip",
                json!({}),
            ),
            ("POST", "/store/download", json!({ "name": "z" })),
            ("POST", "/store/upload", json!({ "files": "z.zip" })),
            ("GET", "/store/uninstall?name=x", json!({})),
            ("POST", "/store/setting", setting),
            ("GET", "/store/start/y", json!({})),
            ("GET", "/store/stop/x", json!({})),
            ("GET", "/store/restart/x", json!({})),
            ("GET", "/store/startall", json!({})),
            ("GET", "/store/stopall", json!({})),
            ("GET", "/store/listporgress", json!({})),
            ("GET", "/store/listport", json!({})),
        ]
        .into_iter()
        .map(|(method, path, body)| route(method, path, &body))
        .collect();
        routes.push(route(
            "GET",
            &format!("/store/killport?port={port}"),
            &json!({}),
        ));
        // What every page may show tells nothing, and still cannot be read.
        for path in ["/", "/ping", "/static/x/index.html", "/static/x/"] {
            let mut open = route("GET", path, &json!({}));
            open["open"] = true.into();
            routes.push(open);
        }
        let document = self
            .service
            .get("/api/openapi.json")
            .await
            .must_be(200)
            .json();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let app = match path.rsplit('/').next() {
                    Some("install") => "z",
                    Some("start") => "y",
                    _ => "x",
                };
                let list = if path.contains("/run/") {
                    "work"
                } else {
                    "long"
                };
                let path = path
                    .replace("{name}", app)
                    .replace("{list}", list)
                    .replace("{key}", "word")
                    .replace("{id}", &job.to_string());
                // A browser sends braces in another spelling than the service writes down.
                let path = path.replace(['{', '}'], "");
                let body = match (method.as_str(), path.as_str()) {
                    ("post", "/api/apps") => json!({ "folder": elsewhere }),
                    ("patch", _) => json!({ "set": { "word": "moved" }, "run": "work" }),
                    _ => json!({}),
                };
                routes.push(route(&method.to_uppercase(), &path, &body));
            }
        }
        routes
    }

    /// Ends the job under way, which must still be there.
    pub(super) async fn job_goes_on_to_its_end(&self) {
        std::fs::write(self.service.scratch().join("end"), "").unwrap();
        let job = self.job;
        let state = until("the job ends", async || {
            let record = self.service.get(&format!("/api/jobs/{job}")).await.json();
            (record["state"] != "running").then(|| record["state"].clone())
        })
        .await;
        assert_eq!(state, "succeeded");
    }
}

fn route(method: &str, path: &str, body: &Value) -> Value {
    let reads = ["storelist", "installInfo", "listporgress", "listport"];
    let changes = path.starts_with("/store/") && !reads.iter().any(|read| path.contains(read));
    json!({ "method": method, "path": path, "body": body.to_string(), "changes": changes })
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, (Vec<u8>, SystemTime)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(&path, files);
        } else {
            let changed = entry.metadata().unwrap().modified().unwrap();
            files.insert(path.clone(), (std::fs::read(path).unwrap(), changed));
        }
    }
}
