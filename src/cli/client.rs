//! The running service as the command line sees it: one method per route.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Failed;
use crate::api::Running;
use crate::app::AppName;
use crate::job::JobRecord;
use crate::library::Library;
use crate::supervisor::Status;

/// A service on this computer accepts a connection at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Talks to the service of one home.
pub(super) struct Client {
    http: reqwest::Client,
    library: Library,
    base: String,
    token: Option<String>,
}

/// One app of `GET /api/apps`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppRow {
    /// Its name.
    pub name: AppName,
    /// Its version.
    pub version: String,
    /// The version that is installed.
    pub installed: Option<String>,
    /// Its process.
    pub status: Status,
    /// Why it cannot be used.
    pub error: Option<String>,
    /// CPU, memory and ports.
    pub usage: Option<UsageRow>,
}

/// What an app uses.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UsageRow {
    /// CPU in percent of one core.
    pub cpu: f64,
    /// Bytes.
    pub memory: u64,
    /// What it listens on.
    pub ports: Vec<PortRow>,
}

/// A listening socket.
#[derive(Debug, Deserialize)]
pub(super) struct PortRow {
    /// The port.
    pub port: u16,
}

/// Lines of a log, as an event.
#[derive(Debug, Deserialize)]
pub(super) struct Lines {
    /// The lines.
    pub lines: Vec<String>,
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StreamEvent {
    /// Its kind.
    pub kind: String,
    /// Its data.
    pub data: String,
}

/// The body of an error.
#[derive(Deserialize)]
struct ErrorBody {
    message: String,
    job: Option<Box<JobRecord>>,
}

impl Client {
    /// Finds the service that runs on a home.
    pub(super) fn of_home(home: &Path) -> Result<Self, Failed> {
        let home = std::path::absolute(home).map_err(Failed::because)?;
        let library = Library::at(&home);
        let running: Running = std::fs::read(library.service_file())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .ok_or_else(|| nobody(&library))?;
        let token = if running.token {
            let path = library.token_file();
            let token = std::fs::read_to_string(&path).map_err(|error| {
                Failed::because(format!(
                    "the service wants its token, and `{}` cannot be read: {error}; run this as the user who started it",
                    path.display()
                ))
            })?;
            Some(token.trim().to_owned())
        } else {
            None
        };
        let http = reqwest::Client::builder()
            // What is on this computer needs no proxy.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(Failed::because)?;
        Ok(Self {
            http,
            library,
            base: format!("http://{}", running.address),
            token,
        })
    }

    /// The paths of the service's home.
    pub(super) fn library(&self) -> &Library {
        &self.library
    }

    /// `GET /api/apps`.
    pub(super) async fn apps(&self, usage: bool) -> Result<Value, Failed> {
        self.get(&format!("/api/apps?usage={usage}")).await
    }

    /// `POST /api/apps`.
    pub(super) async fn add(&self, folder: &Path) -> Result<u64, Failed> {
        self.job(Method::POST, "/api/apps", Some(json!({ "folder": folder })))
            .await
    }

    /// `POST /api/apps/{name}/{verb}`: install, start, stop, restart.
    pub(super) async fn change(&self, name: &AppName, verb: &str) -> Result<u64, Failed> {
        self.job(Method::POST, &format!("/api/apps/{name}/{verb}"), None)
            .await
    }

    /// `POST /api/apps/{name}/uninstall`.
    pub(super) async fn uninstall(&self, name: &AppName, purge: bool) -> Result<u64, Failed> {
        let path = format!("/api/apps/{name}/uninstall?purge={purge}");
        self.job(Method::POST, &path, None).await
    }

    /// `POST /api/apps/{name}/run/{list}`.
    pub(super) async fn run(&self, name: &AppName, list: &str) -> Result<u64, Failed> {
        let path = format!("/api/apps/{name}/run/{}", encoded(list));
        self.job(Method::POST, &path, None).await
    }

    /// `GET /api/apps/{name}/config`.
    pub(super) async fn config(&self, name: &AppName) -> Result<Map<String, Value>, Failed> {
        self.get(&format!("/api/apps/{name}/config")).await
    }

    /// `GET /api/apps/{name}/config/{key}`.
    pub(super) async fn config_value(&self, name: &AppName, key: &str) -> Result<Value, Failed> {
        #[derive(Deserialize)]
        struct Revealed {
            value: Value,
        }
        let path = format!("/api/apps/{name}/config/{}", encoded(key));
        let revealed: Revealed = self.get(&path).await?;
        Ok(revealed.value)
    }

    /// `PATCH /api/apps/{name}/config`.
    pub(super) async fn set_config(
        &self,
        name: &AppName,
        set: Map<String, Value>,
        unset: Vec<String>,
        run: Option<String>,
    ) -> Result<u64, Failed> {
        let body = json!({ "set": set, "unset": unset, "run": run });
        self.job(
            Method::PATCH,
            &format!("/api/apps/{name}/config"),
            Some(body),
        )
        .await
    }

    /// `GET /api/apps/{name}/plan/{list}`.
    pub(super) async fn plan<T: DeserializeOwned>(
        &self,
        name: &AppName,
        list: &str,
    ) -> Result<T, Failed> {
        self.get(&format!("/api/apps/{name}/plan/{}", encoded(list)))
            .await
    }

    /// `GET /api/apps/{name}/doctor`.
    pub(super) async fn doctor(&self, name: &AppName) -> Result<Value, Failed> {
        self.get(&format!("/api/apps/{name}/doctor")).await
    }

    /// `GET /api/apps/{name}/logs`.
    pub(super) async fn logs(&self, name: &AppName, lines: usize) -> Result<Lines, Failed> {
        self.get(&format!("/api/apps/{name}/logs?lines={lines}"))
            .await
    }

    /// `GET /api/apps/{name}/logs?follow=true`.
    pub(super) async fn follow_logs(&self, name: &AppName, lines: usize) -> Result<Stream, Failed> {
        self.stream(&format!("/api/apps/{name}/logs?lines={lines}&follow=true"))
            .await
    }

    /// `GET /api/jobs`.
    pub(super) async fn jobs(
        &self,
        app: Option<&AppName>,
        limit: usize,
    ) -> Result<Vec<JobRecord>, Failed> {
        let app = app.map_or_else(String::new, |app| format!("&app={app}"));
        self.get(&format!("/api/jobs?limit={limit}{app}")).await
    }

    /// `GET /api/jobs/{id}`.
    pub(super) async fn job_record(&self, id: u64) -> Result<JobRecord, Failed> {
        self.get(&format!("/api/jobs/{id}")).await
    }

    /// `DELETE /api/jobs/{id}`.
    pub(super) async fn cancel(&self, id: u64) -> Result<(), Failed> {
        let path = format!("/api/jobs/{id}");
        let _: Value = self.send(self.request(Method::DELETE, &path)).await?;
        Ok(())
    }

    /// `GET /api/jobs/{id}/log`.
    pub(super) async fn job_log(&self, id: u64, lines: usize) -> Result<Lines, Failed> {
        self.get(&format!("/api/jobs/{id}/log?lines={lines}")).await
    }

    /// `GET /api/events`.
    pub(super) async fn events(&self) -> Result<Stream, Failed> {
        self.stream("/api/events").await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("accept", "application/json");
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.send(self.request(Method::GET, path)).await
    }

    async fn job(&self, method: Method, path: &str, body: Option<Value>) -> Result<u64, Failed> {
        #[derive(Deserialize)]
        struct Accepted {
            job: u64,
        }
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let accepted: Accepted = self.send(request).await?;
        Ok(accepted.job)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failed> {
        let response = self.answer(request).await?;
        response.json().await.map_err(|error| {
            Failed::because(format!(
                "the answer of the service cannot be read: {error}; is {} really Storekeeper?",
                self.base
            ))
        })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Failed> {
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                nobody(&self.library)
            } else {
                Failed::because(format!(
                    "the service at {} does not answer: {error}",
                    self.base
                ))
            }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(explain(status, &text))
    }

    async fn stream(&self, path: &str) -> Result<Stream, Failed> {
        let response = self.answer(self.request(Method::GET, path)).await?;
        Ok(Stream {
            bytes: response.bytes_stream().boxed(),
            buffer: Vec::new(),
        })
    }
}

fn explain(status: StatusCode, text: &str) -> Failed {
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(ErrorBody {
            message,
            job: Some(job),
        }) => Failed::Because(format!("{message} (job {})", job.id)),
        Ok(body) => Failed::Because(body.message),
        Err(_) => Failed::Because(format!("the service answered {status}: {text}")),
    }
}

fn nobody(library: &Library) -> Failed {
    Failed::Because(format!(
        "no service runs on the home {}; start one with `storekeeper serve`",
        library.home().display()
    ))
}

/// A word as one part of an address.
fn encoded(word: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a String takes everything");
        }
    }
    text
}

/// A stream of server-sent events.
pub(super) struct Stream {
    bytes: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
}

impl Stream {
    /// The next event; none when the service ended the stream.
    pub(super) async fn next(&mut self) -> Result<Option<StreamEvent>, Failed> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let event = parse(&String::from_utf8_lossy(&block));
                if !event.data.is_empty() {
                    return Ok(Some(event));
                }
                continue;
            }
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                // A service that ends cuts its streams.
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

fn parse(block: &str) -> StreamEvent {
    let mut event = StreamEvent::default();
    for line in block.lines() {
        if let Some(kind) = line.strip_prefix("event: ") {
            kind.clone_into(&mut event.kind);
        } else if let Some(data) = line.strip_prefix("data: ") {
            event.data.push_str(data);
        }
    }
    event
}

/// An existing folder written out from the root.
pub(super) fn absolute(folder: &Path) -> Result<PathBuf, Failed> {
    std::fs::canonicalize(folder).map_err(|error| {
        Failed::because(format!(
            "the folder `{}` cannot be found: {error}",
            folder.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_from_its_block() {
        let event = parse("event: job\nid: a-1\ndata: {\"id\":1}\n\n");
        assert_eq!(event.kind, "job");
        assert_eq!(event.data, "{\"id\":1}");
        assert_eq!(parse("retry: 1000\nid: a-1\n\n"), StreamEvent::default());
        assert_eq!(parse(": still here\n\n"), StreamEvent::default());
    }

    #[test]
    fn words_are_encoded_for_addresses() {
        assert_eq!(encoded("set-up.2"), "set-up.2");
        assert_eq!(encoded("a/b?c 中"), "a%2Fb%3Fc%20%E4%B8%AD");
    }
}
