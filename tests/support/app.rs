//! Apps made up on the spot.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::service::Service;
use super::{child, place_child};

/// The folder of one app in a service's home.
pub(crate) struct AppFolder<'a> {
    service: &'a Service,
    name: String,
    path: PathBuf,
}

impl<'a> AppFolder<'a> {
    pub(super) fn new(service: &'a Service, name: &str) -> Self {
        let path = service.run_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let app = Self {
            service,
            name: name.to_owned(),
            path,
        };
        app.install_json(json!({}))
    }

    pub(super) fn existing(service: &'a Service, name: &str) -> Self {
        Self {
            service,
            name: name.to_owned(),
            path: service.run_dir().join(name),
        }
    }

    /// Writes `install.json`: what is needed, overlaid by `more`.
    pub(crate) fn install_json(self, more: Value) -> Self {
        let mut info = json!({
            "name": self.name, "version": "1.0.0", "isDev": true,
            "hasStart": true, "hasRestart": true, "setting": true,
        });
        merge(info.as_object_mut().unwrap(), more);
        let text = serde_json::to_string_pretty(&info).unwrap();
        self.file("install.json", &text)
    }

    /// Writes `store.json`.
    pub(crate) fn store(self, store: Value) -> Self {
        let text = serde_json::to_string_pretty(&store).unwrap();
        self.file("store.json", &text)
    }

    /// Writes a `store.json` whose program is the child with these actions; `more` is laid over it.
    pub(crate) fn runs(self, actions: &[&str], more: Value) -> Self {
        let mut store = json!({
            "setting": { "binPath": child() },
            "start": { "startCmds": actions },
        });
        merge(store.as_object_mut().unwrap(), more);
        self.store(store)
    }

    /// Changes a default of `store.json`'s config.
    pub(crate) fn default(self, key: &str, value: Value) -> Self {
        let mut store: Value = serde_json::from_str(&self.read("store.json")).unwrap();
        let config = store["config"].as_object_mut().unwrap();
        assert!(config.insert(key.to_owned(), value).is_some(), "no {key}");
        self.store(store)
    }

    /// Writes a file; its folders are made.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Puts the child program into the folder under a name of its own.
    pub(crate) fn program(self, path: &str) -> Self {
        place_child(&self.path.join(path));
        self
    }

    /// Installs it over HTTP, which must succeed.
    pub(crate) async fn install(self) -> Self {
        self.service.install(&self.name).await.must_succeed();
        self
    }

    /// Installs and starts it, which must succeed.
    pub(crate) async fn installed_and_started(self) -> Self {
        let app = self.install().await;
        app.service.start(&app.name).await.must_be(200);
        app
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, as text.
    pub(crate) fn at(&self, path: &str) -> String {
        self.path.join(path).to_str().unwrap().to_owned()
    }

    /// A file's text; nothing where it is missing.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path.join(path)).unwrap_or_default()
    }

    /// The lines of a file as numbers: pids that children left there.
    pub(crate) fn numbers(&self, path: &str) -> Vec<u32> {
        self.read(path)
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .collect()
    }
}

/// Lays `over` onto `base`, objects key by key.
fn merge(base: &mut Map<String, Value>, over: Value) {
    let Value::Object(over) = over else {
        panic!("only an object can be laid over another");
    };
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(inner)), value @ Value::Object(_)) => merge(inner, value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
