//! The real service, each test's own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{AppFolder, kill_9, process, terminate, until};

/// A running `storekeeper serve` with a home of its own. What it left is ended with it.
pub(crate) struct Service {
    folder: TempDir,
    home: PathBuf,
    listen: String,
    options: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    process: Child,
    address: String,
    client: Client,
}

impl Service {
    /// Starts one with an empty home.
    pub(crate) async fn start_new() -> Self {
        Self::start_with(&[], &[]).await
    }

    /// Starts one with further options and variables.
    pub(crate) async fn start_with(options: &[&str], environment: &[(&str, &str)]) -> Self {
        // Links are resolved, because a process tells its program's real path.
        let folder = tempfile::Builder::new()
            .prefix("storekeeper-test-")
            .tempdir_in(std::env::temp_dir().canonicalize().unwrap())
            .unwrap();
        let options: Vec<OsString> = options.iter().map(Into::into).collect();
        let environment: Vec<(OsString, OsString)> = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let listen = "127.0.0.1:0".to_owned();
        let home = folder.path().join("home");
        let process = spawn(folder.path(), &home, &listen, &options, &environment);
        let mut service = Self {
            folder,
            home,
            listen,
            options,
            environment,
            process,
            address: String::new(),
            client: storekeeper::download::local_client()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        };
        service.wait_until_ready().await;
        service
    }

    /// Starts it again on the same home, after an end.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(
            self.folder.path(),
            &self.home,
            &self.listen,
            &self.options,
            &self.environment,
        );
        self.wait_until_ready().await;
    }

    /// SIGKILL for the service alone; its apps are none of our business here.
    pub(crate) fn kill_9(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Listens on this port from the next start on, instead of a free one.
    pub(crate) fn listen_on(&mut self, port: &str) {
        self.listen = format!("127.0.0.1:{port}");
    }

    /// Sets a variable for the next start, or takes it away.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment
            .extend(value.map(|value| (name.into(), value.into())));
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn has_ended(&mut self) {
        until("the service ends by itself", async || {
            self.process.try_wait().unwrap()
        })
        .await;
    }

    /// Starts it on the same home, which it does not survive.
    pub(crate) async fn start_and_end(&mut self) {
        self.process = spawn(
            self.folder.path(),
            &self.home,
            &self.listen,
            &self.options,
            &self.environment,
        );
        self.has_ended().await;
    }

    /// SIGTERM, and waits for its end.
    pub(crate) async fn terminate(&mut self) {
        terminate(self.process.id());
        until("the service ends when it is told to", async || {
            self.process.try_wait().unwrap()
        })
        .await;
    }

    async fn wait_until_ready(&mut self) {
        let pid = self.process.id();
        let file = self.home().join("data/service.json");
        let output = self.output_file();
        self.address = until("the service is ready", async || {
            if let Some(status) = self.process.try_wait().unwrap() {
                let output = fs::read_to_string(&output).unwrap_or_default();
                panic!("the service ended at once ({status}): {output}");
            }
            let state: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            // The file of an earlier service that was killed may still be there.
            (state["pid"] == pid).then(|| state["address"].as_str().unwrap().to_owned())
        })
        .await;
    }

    /// Its own pid.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its home.
    pub(crate) fn home(&self) -> PathBuf {
        self.home.clone()
    }

    /// Gives the home of a service that has ended another path.
    pub(crate) fn move_home(&mut self) {
        let moved = self.folder.path().join("moved");
        fs::rename(&self.home, &moved).unwrap();
        self.home = moved;
    }

    /// A folder beside its home that goes with the test.
    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that holds the apps' folders.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.home().join("run").join(storekeeper::library::OS)
    }

    /// The folder of an app that is there already.
    pub(crate) fn existing_app(&self, name: &str) -> AppFolder<'_> {
        AppFolder::existing(self, name)
    }

    /// The pid of the keeper: the process that owns the apps' processes.
    pub(crate) fn keeper(&self) -> u32 {
        self.processes()
            .into_iter()
            .find(|pid| {
                process::arguments(*pid)
                    .get(1)
                    .is_some_and(|first| first == "keeper")
            })
            .expect("a keeper belongs to the service")
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the service itself wrote to its output.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.output_file()).unwrap_or_default()
    }

    fn output_file(&self) -> PathBuf {
        self.folder.path().join("output.txt")
    }

    /// What an app wrote to its output.
    pub(crate) fn log(&self, app: &str) -> String {
        fs::read_to_string(self.home().join("data/log").join(format!("{app}.log")))
            .unwrap_or_default()
    }

    /// An app's folder, made with a plain `install.json`.
    pub(crate) fn app(&self, name: &str) -> AppFolder<'_> {
        AppFolder::new(self, name)
    }

    /// A request to be finished by the test.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// GET of a path that goes out exactly as it stands: a client would tidy it up.
    pub(crate) async fn get_raw(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let address = &self.address;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// GET /store/install.
    pub(crate) async fn install(&self, app: &str) -> Answer {
        self.get(&format!("/store/install?name={app}")).await
    }

    /// GET /store/uninstall.
    pub(crate) async fn uninstall(&self, app: &str) -> Answer {
        self.get(&format!("/store/uninstall?name={app}")).await
    }

    /// GET /store/start.
    pub(crate) async fn start(&self, app: &str) -> Answer {
        self.get(&format!("/store/start/{app}")).await
    }

    /// GET /store/stop.
    pub(crate) async fn stop(&self, app: &str) -> Answer {
        self.get(&format!("/store/stop/{app}")).await
    }

    /// GET /store/restart.
    pub(crate) async fn restart(&self, app: &str) -> Answer {
        self.get(&format!("/store/restart/{app}")).await
    }

    /// POST /store/setting with `values` beside name and cmdKey.
    pub(crate) async fn setting(&self, app: &str, list: &str, values: Value) -> Answer {
        let mut body = json!({ "name": app, "cmdKey": list });
        let Value::Object(values) = values else {
            panic!("settings are an object");
        };
        body.as_object_mut().unwrap().extend(values);
        self.post("/store/setting", &body).await
    }

    /// The rows of GET /store/listporgress.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        let answer = self.get("/store/listporgress").await.must_be(200);
        match answer.json() {
            Value::Null => Vec::new(),
            Value::Array(rows) => rows.iter().map(Row::of).collect(),
            other => panic!("the desktop needs an array: {other}"),
        }
    }

    /// One app's row.
    pub(crate) async fn row(&self, app: &str) -> Option<Row> {
        self.rows().await.into_iter().find(|row| row.name == app)
    }

    /// Whether an app runs.
    pub(crate) async fn runs(&self, app: &str) -> bool {
        self.row(app).await.is_some_and(|row| row.running)
    }

    /// The pid of a running app's main process; the app must run.
    pub(crate) async fn app_pid(&self, app: &str) -> u32 {
        let row = self.row(app).await;
        match row {
            Some(row) if row.running && row.pid > 0 => row.pid,
            other => panic!("`{app}` does not run: {other:?}\n{}", self.log(app)),
        }
    }

    /// Waits until an app runs as another process than `old`.
    pub(crate) async fn pid_after(&self, app: &str, old: u32) -> u32 {
        until("the app is back as another process", async || {
            let row = self.row(app).await?;
            (row.running && row.pid > 0 && row.pid != old).then_some(row.pid)
        })
        .await
    }

    /// The living processes that belong to this test: the service, its helpers and its apps.
    pub(crate) fn processes(&self) -> Vec<u32> {
        process::of_folder(self.folder.path())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of the service ---\n{}", self.output());
        }
        // One that has ended and was waited for has given its pid back to the system.
        if matches!(self.process.try_wait(), Ok(None)) {
            terminate(self.process.id());
        }
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(15)
            && matches!(self.process.try_wait(), Ok(None))
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        // Its own process first, else it would start again what is ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
        for pid in self.processes() {
            kill_9(pid);
        }
    }
}

fn spawn(
    folder: &Path,
    home: &Path,
    listen: &str,
    options: &[OsString],
    environment: &[(OsString, OsString)],
) -> Child {
    let output = File::options()
        .create(true)
        .append(true)
        .open(folder.join("output.txt"))
        .unwrap();
    Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(["serve", "--listen", listen, "--home"])
        .arg(home)
        .args(options)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env_remove("STOREKEEPER_HOME")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap()
}

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: reqwest::header::HeaderMap,
    /// Body.
    pub(crate) text: String,
}

impl Answer {
    /// Sends a request and reads the answer.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("the service answers");
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.expect("the answer is whole"),
        }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    /// The `message` of an envelope.
    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Fails the test unless the status is this one.
    pub(crate) fn must_be(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Fails the test unless it is an envelope that tells success.
    pub(crate) fn must_succeed(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text);
        assert_eq!(self.json()["code"], 0, "{}", self.text);
        self
    }

    /// Fails the test unless it is an envelope that tells a failure, whose message has this text.
    /// Its status may be 200: the desktop looks only at the code in places.
    pub(crate) fn must_fail_with(self, text: &str) -> Self {
        assert_eq!(self.json()["code"], -1, "{}", self.text);
        assert!(
            self.message().contains(text),
            "{text:?} is not in: {}",
            self.message()
        );
        self
    }

    /// The same with a status that tells the failure, too.
    pub(crate) fn must_be_refused_with(self, text: &str) -> Self {
        assert!(self.status >= 400, "{} {}", self.status, self.text);
        self.must_fail_with(text)
    }
}

/// One row of /store/listporgress.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The app.
    pub(crate) name: String,
    /// Whether it runs.
    pub(crate) running: bool,
    /// Its main process; 0 for none.
    pub(crate) pid: u32,
}

impl Row {
    fn of(row: &Value) -> Self {
        Self {
            name: row["name"].as_str().expect("a row has a name").to_owned(),
            running: row["running"].as_bool().expect("running is a boolean"),
            pid: row["pid"]
                .as_u64()
                .and_then(|pid| pid.try_into().ok())
                .unwrap_or(0),
        }
    }
}
