//! A disk that is full.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::homes::in_a_world_of_its_own;
use super::must_fail;
use crate::support::{Answer, alive, child, terminate, until};

/// A service whose home is a small disk that only it sees. It needs no root: the mount is in a user
/// namespace.
pub(super) struct SmallDisk {
    folder: TempDir,
    process: Child,
    base: String,
    client: Client,
}

impl SmallDisk {
    fn new(size: &str) -> Self {
        Self::with(size, &[])
    }

    /// One whose service has further variables.
    pub(super) fn with(size: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("storekeeper-test-")
            .tempdir()
            .unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs '{0}' && \
             exec \"$STOREKEEPER\" serve --home '{0}' --listen 127.0.0.1:0",
            home.display()
        );
        let errors = File::create(folder.path().join("errors.txt")).unwrap();
        let mut process = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .env("STOREKEEPER", env!("CARGO_BIN_EXE_storekeeper"))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("unshare of util-linux is there");
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let base = line
            .split(' ')
            .find_map(|word| word.strip_prefix("http://localhost:"))
            .map(|port| format!("http://127.0.0.1:{}", port.trim_end_matches('/')));
        let client = storekeeper::download::local_client().build().unwrap();
        let disk = Self {
            process,
            base: base.unwrap_or_default(),
            folder,
            client,
        };
        assert!(
            !disk.base.is_empty(),
            "it did not start: {line}{}",
            disk.errors()
        );
        disk
    }

    /// What the service wrote beside its first line.
    fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors.txt")).unwrap_or_default()
    }

    /// Its home, as it sees it.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder outside of it that goes with the test.
    pub(super) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// A path in its home, as we reach it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        let home = self.home().join(path);
        let pid = self.process.id();
        PathBuf::from(format!("/proc/{pid}/root{}", home.display()))
    }

    pub(super) fn app_file(&self, app: &str, path: &str) -> PathBuf {
        self.path("run")
            .join(storekeeper::library::OS)
            .join(app)
            .join(path)
    }

    fn app(&self, name: &str, store: Value) {
        let folder = self.app_file(name, "");
        fs::create_dir_all(&folder).unwrap();
        let info = json!({ "name": name, "version": "1", "isDev": true, "hasStart": true });
        fs::write(folder.join("install.json"), info.to_string()).unwrap();
        fs::write(folder.join("store.json"), store.to_string()).unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.base))).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.base);
        Answer::of(self.client.request(Method::POST, url).json(body)).await
    }

    async fn setting(&self, values: Value) -> Answer {
        let mut body = json!({ "name": "x", "cmdKey": "work" });
        body.as_object_mut()
            .unwrap()
            .extend(values.as_object().unwrap().clone());
        self.post("/store/setting", &body).await
    }

    async fn config(&self) -> Value {
        self.get("/api/apps/x/config").await.must_be(200).json()
    }

    pub(super) async fn pid(&self, app: &str) -> u32 {
        let status = self.get(&format!("/api/apps/{app}")).await.json()["status"].clone();
        let pid = status["pid"]
            .as_u64()
            .unwrap_or_else(|| panic!("{app} does not run: {status}"));
        pid.try_into().unwrap()
    }

    /// Fills it but for so many bytes.
    pub(super) fn fill_but(&self, left: usize) {
        self.fill();
        let file = File::options()
            .write(true)
            .open(self.path("filler"))
            .unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size - u64::try_from(left).unwrap()).unwrap();
    }

    /// Fills it to the last byte.
    pub(super) fn fill(&self) {
        let mut file = File::create(self.path("filler")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    pub(super) fn empty(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }

    /// No file is there that a half-done change leaves.
    pub(super) fn is_tidy(&self) {
        let mut files = Vec::new();
        super::collect(&self.path(""), &mut files);
        let left: Vec<_> = files
            .iter()
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(".storekeeper-")
            })
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        terminate(self.process.id());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(15)
            && matches!(self.process.try_wait(), Ok(None))
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        if std::thread::panicking() {
            eprintln!("--- output of the service ---\n{}", self.errors());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes `big`, which needs more room than there is, after the settings were saved.
fn writer() -> Value {
    json!({
        "setting": { "binPath": child() },
        "start": { "startCmds": ["forever"] },
        "config": { "word": "still" },
        "commands": { "work": [
            { "name": "writeFile", "filePath": "{exePath}/big", "content": "{word}" },
        ] },
    })
}

#[tokio::test]
async fn a_file_that_does_not_fit_stays_as_it_was_and_everything_goes_on() {
    let disk = SmallDisk::new("4m");
    disk.app("x", writer());
    disk.get("/store/install?name=x").await.must_succeed();
    disk.get("/store/start/x").await.must_be(200);
    let pid = disk.pid("x").await;
    disk.setting(json!({ "word": "old" })).await.must_succeed();
    assert_eq!(
        fs::read_to_string(disk.app_file("x", "big")).unwrap(),
        "old"
    );

    disk.fill();
    let before = disk.config().await;
    let answer = disk.setting(json!({ "word": "y".repeat(500_000) })).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    let message = answer.message();
    assert!(message.contains("disk is full"), "{message}");
    assert!(message.contains("home"), "it does not say where: {message}");
    // All or nothing: the old settings, the old file.
    assert_eq!(disk.config().await, before);
    assert_eq!(
        fs::read_to_string(disk.app_file("x", "big")).unwrap(),
        "old"
    );
    disk.is_tidy();
    assert_eq!(disk.pid("x").await, pid);
    // Reading needs no room, nor does stopping.
    disk.get("/store/listporgress").await.must_be(200);
    disk.get("/store/stop/x").await;
    assert!(!alive(pid), "a full disk keeps an app from being stopped");

    disk.empty();
    disk.setting(json!({ "word": "new" })).await.must_succeed();
    assert_eq!(
        fs::read_to_string(disk.app_file("x", "big")).unwrap(),
        "new"
    );
    disk.get("/store/start/x").await.must_be(200);
}

#[tokio::test]
async fn a_rendered_file_that_does_not_fit_is_named_and_leaves_nothing() {
    let disk = SmallDisk::new("4m");
    let mut store = writer();
    store["commands"]["work"] = json!([
        { "name": "changeFile", "tplPath": "{exePath}/c.tpl", "filePath": "{exePath}/c.txt" },
    ]);
    disk.app("x", store);
    // The settings have room, what they are written into has not.
    fs::write(disk.app_file("x", "c.tpl"), "{word}".repeat(20_000)).unwrap();
    fs::write(disk.app_file("x", "c.txt"), "old").unwrap();
    disk.get("/store/install?name=x").await.must_succeed();
    let answer = disk
        .setting(json!({ "word": "y".repeat(500) }))
        .await
        .must_be(500);
    for word in ["x/c.txt", "disk is full"] {
        assert!(answer.message().contains(word), "{word}: {}", answer.text);
    }
    assert_eq!(
        fs::read_to_string(disk.app_file("x", "c.txt")).unwrap(),
        "old"
    );
    disk.is_tidy();
    disk.setting(json!({ "word": "z" })).await.must_succeed();
}

#[tokio::test]
async fn an_archive_that_does_not_fit_leaves_nothing() {
    let disk = SmallDisk::new("4m");
    let mut store = writer();
    store["commands"]["work"] = json!([
        { "name": "unzip", "filePath": "{exePath}/a.zip", "content": "{exePath}/new" },
    ]);
    disk.app("x", store);
    disk.get("/store/install?name=x").await.must_succeed();
    let mut zip = zip::ZipWriter::new(File::create(disk.app_file("x", "a.zip")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for number in 0..8 {
        zip.start_file(format!("{number}.txt"), options).unwrap();
        let text: String = (0..100_000).map(|line| format!("{line}\n")).collect();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let answer = disk.setting(json!({})).await.must_be(500);
    assert!(answer.message().contains("x/a.zip"), "{}", answer.text);
    let left = fs::read_dir(disk.app_file("x", "new")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "files of the archive stay");
    disk.is_tidy();
}

/// What an app prints is lost on a full disk, the app is not.
#[tokio::test]
async fn an_app_that_prints_onto_a_full_disk_lives_on() {
    let disk = SmallDisk::new("4m");
    let mut store = writer();
    let go = disk.folder.path().join("go");
    let done = disk.folder.path().join("done");
    store["start"]["startCmds"] = json!([
        format!("wait-for:{}", go.display()),
        "lines:100000:0",
        format!("append-pid:{}", done.display()),
        "forever",
    ]);
    disk.app("x", store);
    disk.get("/store/install?name=x").await.must_succeed();
    disk.get("/store/start/x").await.must_be(200);
    let pid = disk.pid("x").await;
    disk.fill();
    fs::write(&go, "").unwrap();
    until("it has printed everything", async || {
        done.exists().then_some(())
    })
    .await;
    assert_eq!(disk.pid("x").await, pid);
    disk.empty();
    disk.get("/store/stop/x").await.must_be(200);
    assert!(!alive(pid));
}

#[test]
fn a_home_on_a_full_disk_is_named_and_the_service_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let output = in_a_world_of_its_own(&format!(
        "mount -t tmpfs -o size=64k tmpfs '{0}' && \
         {{ cat /dev/zero > '{0}/filler' 2>/dev/null; \
         exec \"$STOREKEEPER\" serve --home '{0}' --listen 127.0.0.1:0; }}",
        home.display()
    ));
    must_fail(&output, 1, &[home.to_str().unwrap()]);
}
