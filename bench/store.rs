//! A service of our own for what looks at its page: `bench/page` and `demo/pictures`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

/// A running `storekeeper serve`; its apps end with it.
pub(crate) struct Store {
    process: Child,
    /// `http://localhost:PORT`.
    pub(crate) url: String,
    /// Where its apps lie.
    pub(crate) run: PathBuf,
    client: Client,
}

impl Store {
    /// Starts the program that lies beside the folder of this example, in a home of its own.
    pub(crate) fn start(folder: &Path) -> Self {
        let own = std::env::current_exe().unwrap();
        let programs = own.parent().and_then(Path::parent).unwrap();
        let home = folder.join("home");
        // The demo app's program is Storekeeper itself, looked for by its name.
        let path = std::env::var("PATH").unwrap_or_default();
        let mut process = Command::new(programs.join("storekeeper"))
            .args(["serve", "--listen", "127.0.0.1:0", "--home"])
            .arg(&home)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env_remove("STOREKEEPER_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program is built: cargo build --release");
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .unwrap_or_else(|| panic!("the service says `{line}`"))
            .trim_end_matches('/')
            .to_owned();
        Self {
            process,
            url,
            run: home.join("run").join(storekeeper::library::OS),
            client: storekeeper::download::local_client().build().unwrap(),
        }
    }

    /// Puts an app into the home.
    pub(crate) fn put(&self, name: &str, info: Value, store: &Value) -> PathBuf {
        let folder = self.run.join(name);
        std::fs::create_dir_all(folder.join("static")).unwrap();
        let mut all = json!({
            "name": name, "version": "1.0.0", "isDev": true, "hasStart": true, "hasRestart": true, "setting": true,
        });
        if let Value::Object(info) = info {
            all.as_object_mut().unwrap().extend(info);
        }
        std::fs::write(folder.join("install.json"), all.to_string()).unwrap();
        std::fs::write(folder.join("store.json"), store.to_string()).unwrap();
        folder
    }

    /// POST, which must go well.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}{path}", self.url)).json(body);
        let answer = answer.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// GET of JSON.
    #[allow(dead_code, reason = "one of the two commands asks")]
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await;
        let text = answer.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Told to end, it ends its apps.
        crate::process::terminate(self.process.id());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(30) {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
    }
}
