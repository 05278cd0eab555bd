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
use crate::app::{AppName, Origin};
use crate::job::JobRecord;
use crate::library::Library;
use crate::supervisor::Status;

/// A service on this computer accepts a connection at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const JSON: &str = "application/json";

/// Talks to the service of one home.
pub(super) struct Client {
    http: reqwest::Client,
    library: Library,
    base: String,
    token: Option<String>,
}

/// How something is to be installed.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that the user makes"
)]
pub(super) struct Wish {
    /// Install missing dependencies first.
    pub dependencies: bool,
    /// Start it at the end.
    pub start: bool,
    /// Take an older version than the one that is there.
    pub older: bool,
    /// Take the place of an app that came from elsewhere.
    pub replace: bool,
}

/// What is wanted of a catalog.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    /// That version; else the newest.
    pub version: Option<&'a str>,
    /// That catalog; else the first that has it.
    pub catalog: Option<&'a str>,
    /// How it is to be installed.
    pub wish: Wish,
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
    /// Where its program came from.
    pub origin: Option<Origin>,
    /// Upgrades leave it alone.
    pub pinned: bool,
    /// Versions that are not offered.
    pub skipped: Vec<String>,
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
    #[serde(default)]
    name: String,
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
        let token = token(&library, running.token)?;
        let http = crate::download::local_client()
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
    pub(super) async fn add(&self, what: Map<String, Value>) -> Result<u64, Failed> {
        self.job(Method::POST, "/api/apps", Some(what.into())).await
    }

    /// `POST /api/apps/{name}/{verb}`: install or upgrade, from a catalog where need be.
    pub(super) async fn obtain(
        &self,
        name: &AppName,
        verb: &str,
        offer: &Offer<'_>,
    ) -> Result<u64, Failed> {
        use std::fmt::Write as _;
        let Offer {
            version,
            catalog,
            wish,
        } = offer;
        let mut path = format!(
            "/api/apps/{name}/{verb}?dependencies={}&start={}&older={}&replace={}",
            wish.dependencies, wish.start, wish.older, wish.replace
        );
        for (key, value) in [("version", version), ("catalog", catalog)] {
            if let Some(value) = value {
                write!(path, "&{key}={}", encoded(value)).expect("a String takes everything");
            }
        }
        self.job(Method::POST, &path, None).await
    }

    /// `POST /api/apps/{name}/rollback`.
    pub(super) async fn rollback(&self, name: &AppName, with_data: bool) -> Result<u64, Failed> {
        let path = format!("/api/apps/{name}/rollback?withData={with_data}");
        self.job(Method::POST, &path, None).await
    }

    /// `PATCH /api/apps/{name}/offers`.
    pub(super) async fn change_offers(
        &self,
        name: &AppName,
        pinned: Option<bool>,
        skip: Option<&str>,
    ) -> Result<u64, Failed> {
        let body = json!({ "pinned": pinned, "skip": skip });
        let path = format!("/api/apps/{name}/offers");
        self.job(Method::PATCH, &path, Some(body)).await
    }

    /// `POST /api/apps/{name}/export`.
    pub(super) async fn export(
        &self,
        name: &AppName,
        file: &Path,
        with_program: bool,
    ) -> Result<u64, Failed> {
        let body = json!({ "file": file, "withProgram": with_program });
        let path = format!("/api/apps/{name}/export");
        self.job(Method::POST, &path, Some(body)).await
    }

    /// `POST /api/import`.
    pub(super) async fn import(&self, file: &Path, package: Option<&Path>) -> Result<u64, Failed> {
        let body = json!({ "file": file, "package": package });
        self.job(Method::POST, "/api/import", Some(body)).await
    }

    /// `GET /api/trash`.
    pub(super) async fn trash(&self) -> Result<Value, Failed> {
        self.get("/api/trash").await
    }

    /// `POST /api/trash/{id}/restore`.
    pub(super) async fn restore(&self, id: &str, package: Option<&Path>) -> Result<u64, Failed> {
        let path = format!("/api/trash/{}/restore", encoded(id));
        let body = json!({ "package": package });
        self.job(Method::POST, &path, Some(body)).await
    }

    /// `DELETE /api/trash/{id}`.
    pub(super) async fn remove_trash(&self, id: &str) -> Result<(), Failed> {
        let path = format!("/api/trash/{}", encoded(id));
        let _: Value = self.send(self.request(Method::DELETE, &path, JSON)).await?;
        Ok(())
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
    pub(super) async fn plan(&self, name: &AppName, list: &str) -> Result<Value, Failed> {
        self.get(&plan_path(name, list)).await
    }

    /// The same, as text for people.
    pub(super) async fn plan_text(&self, name: &AppName, list: &str) -> Result<String, Failed> {
        let request = self.request(Method::GET, &plan_path(name, list), "text/plain");
        let response = self.answer(request).await?;
        response.text().await.map_err(Failed::because)
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
        let _: Value = self.send(self.request(Method::DELETE, &path, JSON)).await?;
        Ok(())
    }

    /// `GET /api/jobs/{id}/log`.
    pub(super) async fn job_log(&self, id: u64, lines: usize) -> Result<Lines, Failed> {
        self.get(&format!("/api/jobs/{id}/log?lines={lines}")).await
    }

    /// `GET /api/catalogs`.
    pub(super) async fn catalogs(&self) -> Result<Value, Failed> {
        self.get("/api/catalogs").await
    }

    /// `POST /api/catalogs`.
    pub(super) async fn add_catalog(
        &self,
        name: &str,
        address: &str,
        position: Option<usize>,
        project: Option<&str>,
    ) -> Result<Value, Failed> {
        let body = json!({
            "name": name,
            "address": address,
            "position": position,
            "projectId": project,
        });
        let request = self.request(Method::POST, "/api/catalogs", JSON);
        self.send(request.json(&body)).await
    }

    /// `DELETE /api/catalogs/{name}`.
    pub(super) async fn remove_catalog(&self, name: &str) -> Result<(), Failed> {
        let path = format!("/api/catalogs/{}", encoded(name));
        self.answer(self.request(Method::DELETE, &path, JSON))
            .await?;
        Ok(())
    }

    /// `POST /api/catalogs/refresh`, or of one.
    pub(super) async fn refresh_catalogs(&self, name: Option<&str>) -> Result<Value, Failed> {
        let path = match name {
            Some(name) => format!("/api/catalogs/{}/refresh", encoded(name)),
            None => "/api/catalogs/refresh".to_owned(),
        };
        self.send(self.request(Method::POST, &path, JSON)).await
    }

    /// `GET /api/catalog`.
    pub(super) async fn offers(&self, query: &str, updates: bool) -> Result<Value, Failed> {
        let query = encoded(query);
        self.get(&format!("/api/catalog?query={query}&updates={updates}"))
            .await
    }

    /// `GET /api/repositories`.
    pub(super) async fn repositories(&self, deleted: bool) -> Result<Value, Failed> {
        let path = format!("/api/repositories?deleted={deleted}");
        self.get(&path).await
    }

    /// `GET /api/repositories/{name}`, and what is below it.
    pub(super) async fn repository(&self, name: &str, below: &str) -> Result<Value, Failed> {
        let path = format!("/api/repositories/{}{below}", encoded(name));
        self.get(&path).await
    }

    /// `POST /api/repositories`.
    pub(super) async fn add_repository(&self, body: &Value) -> Result<Value, Failed> {
        let request = self.request(Method::POST, "/api/repositories", JSON);
        self.send(request.json(body)).await
    }

    /// `POST /api/repositories/validate`.
    pub(super) async fn try_out_repository(&self, body: &Value) -> Result<Value, Failed> {
        let request = self.request(Method::POST, "/api/repositories/validate", JSON);
        self.send(request.json(body)).await
    }

    /// `PATCH /api/repositories/{name}`.
    pub(super) async fn change_repository(
        &self,
        name: &str,
        body: &Value,
    ) -> Result<Value, Failed> {
        let path = format!("/api/repositories/{}", encoded(name));
        let request = self.request(Method::PATCH, &path, JSON);
        self.send(request.json(body)).await
    }

    /// `POST /api/repositories/{name}/{verb}`: validate or index.
    pub(super) async fn ask_repository(&self, name: &str, verb: &str) -> Result<Value, Failed> {
        let path = format!("/api/repositories/{}/{verb}", encoded(name));
        self.send(self.request(Method::POST, &path, JSON)).await
    }

    /// `DELETE /api/repositories/{name}`.
    pub(super) async fn remove_repository(&self, name: &str) -> Result<(), Failed> {
        let path = format!("/api/repositories/{}", encoded(name));
        self.answer(self.request(Method::DELETE, &path, JSON))
            .await?;
        Ok(())
    }

    /// `GET` below `/v1`.
    pub(super) async fn v1_get(&self, path: &str) -> Result<Value, Failed> {
        self.get(path).await
    }

    /// A body of JSON to a path below `/v1`.
    pub(super) async fn v1_send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failed> {
        self.send(self.request(method, path, JSON).json(body)).await
    }

    /// A package to a path below `/v1`, piece by piece.
    pub(super) async fn v1_upload(
        &self,
        method: Method,
        path: &str,
        file: &Path,
    ) -> Result<Value, Failed> {
        let fail = |error: std::io::Error| {
            Failed::because(format!("`{}` cannot be read: {error}", file.display()))
        };
        let source = tokio::fs::File::open(file).await.map_err(fail)?;
        let size = source.metadata().await.map_err(fail)?.len();
        let pieces = futures_util::stream::try_unfold(source, |mut source| async move {
            let mut piece = bytes::BytesMut::with_capacity(256 << 10);
            let count = tokio::io::AsyncReadExt::read_buf(&mut source, &mut piece).await?;
            Ok::<_, std::io::Error>((count > 0).then(|| (piece.freeze(), source)))
        });
        let request = self
            .request(method, path, JSON)
            .header("content-type", "application/octet-stream")
            .header("content-length", size)
            .body(reqwest::Body::wrap_stream(pieces));
        self.send(request).await
    }

    /// What lies at a path below `/v1`, to be read piece by piece.
    pub(super) async fn v1_open(&self, path: &str) -> Result<Response, Failed> {
        let request = self.request(Method::GET, path, "application/octet-stream");
        self.answer(request).await
    }

    /// `GET /api/settings`.
    pub(super) async fn settings(&self) -> Result<Map<String, Value>, Failed> {
        self.get("/api/settings").await
    }

    /// `PATCH /api/settings`.
    pub(super) async fn change_settings(
        &self,
        change: Map<String, Value>,
    ) -> Result<Map<String, Value>, Failed> {
        let request = self.request(Method::PATCH, "/api/settings", JSON);
        self.send(request.json(&change)).await
    }

    /// `GET /api/events`.
    pub(super) async fn events(&self) -> Result<Stream, Failed> {
        self.stream("/api/events").await
    }

    fn request(&self, method: Method, path: &str, accept: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("accept", accept);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.send(self.request(Method::GET, path, JSON)).await
    }

    async fn job(&self, method: Method, path: &str, body: Option<Value>) -> Result<u64, Failed> {
        #[derive(Deserialize)]
        struct Accepted {
            job: u64,
        }
        let mut request = self.request(method, path, JSON);
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
        let response = self
            .answer(self.request(Method::GET, path, "text/event-stream"))
            .await?;
        Ok(Stream {
            bytes: response.bytes_stream().boxed(),
            buffer: Vec::new(),
        })
    }
}

/// By what we are known: the token of the user who runs the service, which lies beside its data, or an
/// account's in `STOREKEEPER_TOKEN`.
fn token(library: &Library, is_needed: bool) -> Result<Option<String>, Failed> {
    if let Ok(token) = std::env::var("STOREKEEPER_TOKEN")
        && !token.trim().is_empty()
    {
        return Ok(Some(token.trim().to_owned()));
    }
    let path = library.token_file();
    match std::fs::read_to_string(&path) {
        Ok(token) => Ok(Some(token.trim().to_owned())),
        // An older service without a token may still run.
        Err(_) if !is_needed => Ok(None),
        Err(error) => Err(Failed::because(format!(
            "the service wants its token, and `{}` cannot be read: {error}; run this as the user who started it",
            path.display()
        ))),
    }
}

fn explain(status: StatusCode, text: &str) -> Failed {
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(ErrorBody {
            message,
            job: Some(job),
            ..
        }) => Failed::Because(format!("{message} (job {})", job.id)),
        // Of `/v1`, where it is 400 like all that makes no sense.
        Ok(body) if body.name == "load_package_failed" => Failed::Refused(422, body.message),
        Ok(body) => Failed::Refused(status.as_u16(), body.message),
        Err(_) => Failed::Because(format!("the service answered {status}: {text}")),
    }
}

fn nobody(library: &Library) -> Failed {
    Failed::Because(format!(
        "no service runs on the home {}; start one with `storekeeper serve`",
        library.home().display()
    ))
}

fn plan_path(name: &AppName, list: &str) -> String {
    format!("/api/apps/{name}/plan/{}", encoded(list))
}

/// A word as one part of an address.
pub(super) fn encoded(word: &str) -> String {
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

/// An existing file or folder written out from the root.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failed> {
    std::fs::canonicalize(path)
        .map_err(|error| Failed::because(format!("`{}` cannot be found: {error}", path.display())))
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
