//! `/ping` and `/store/…`: what an unmodified GodoOS desktop sends and reads. Its window looks at
//! the HTTP status in some places and only at the body in others; each handler says which.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apps::{Answer, failure_of, or_none, read};
use super::body::Json;
use super::error::ApiError;
use super::ports;
use super::roster::Entry;
use super::state::State;
use crate::app::install::{History, Item};
use crate::app::{App, AppName};
use crate::job::{Action, JobRecord, JobState};
use crate::supervisor::{State as AppState, Status};

/// The category that holds every app of this computer, and that is meant when none is named.
const HOTS: &str = "hots";

/// What later versions will do.
const NO_DOWNLOADS: &str = "this version of Storekeeper does not download or unpack packages yet; put the app's folder into the run directory and install it by its name";

/// The body of most answers. The order of the keys is the original's.
#[derive(Serialize)]
struct Envelope<T> {
    message: String,
    code: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Ours, at the end, and only when there are any: so the body of a plain success is the
    /// original's to the byte.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: Vec<String>,
}

impl<T: Serialize> Envelope<T> {
    fn success(message: &str, data: T) -> Self {
        Self {
            message: message.to_owned(),
            code: 0,
            data: Some(data),
            error: None,
            warnings: Vec::new(),
        }
    }

    fn answer(&self, status: StatusCode) -> HttpResponse {
        HttpResponse::build(status).json(self)
    }
}

impl Envelope<Value> {
    fn failure(error: &ApiError) -> Self {
        Self {
            message: error.message.clone(),
            code: -1,
            data: (!error.data.is_null()).then(|| error.data.clone()),
            error: None,
            warnings: Vec::new(),
        }
    }
}

/// An error as an envelope with a status of its own choice.
fn failed(error: &ApiError, status: StatusCode) -> HttpResponse {
    Envelope::failure(error).answer(status)
}

/// An app as the desktop wants to hear of it.
///
/// `isDev` is always false, and an empty `url` or `pkg` is left out, because else its window never
/// installs an app that is already here; `haStart` (its typing error) and `needInstall` are what
/// its versions ask before they uninstall. The truth is in `/api/apps/{name}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the form is the original's")]
struct DesktopInfo<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pkg: &'a str,
    web_url: &'a str,
    is_dev: bool,
    version: &'a str,
    desc: &'a str,
    icon: String,
    has_start: bool,
    has_restart: bool,
    setting: bool,
    dependencies: Option<&'a [Item]>,
    category: &'a str,
    history: Option<&'a [History]>,
    ha_start: bool,
    need_install: bool,
}

impl<'a> DesktopInfo<'a> {
    fn new(entry: &'a Entry, port: u16) -> Self {
        let install = &entry.install;
        Self {
            name: entry.name.as_str(),
            url: &install.url,
            pkg: &install.pkg,
            web_url: &install.web_url,
            is_dev: false,
            version: &install.version,
            desc: &install.desc,
            // Its window may lie on another port or in a frame, so the address is whole.
            icon: if entry.icon.starts_with('/') {
                format!("http://localhost:{port}{}", entry.icon)
            } else {
                entry.icon.clone()
            },
            has_start: install.has_start,
            has_restart: install.has_restart,
            setting: install.setting,
            dependencies: some(&install.dependencies),
            category: &install.category,
            history: some(&install.history),
            ha_start: true,
            need_install: true,
        }
    }
}

fn some<T>(items: &[T]) -> Option<&[T]> {
    (!items.is_empty()).then_some(items)
}

/// Is the service there?
pub(super) async fn ping() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(header::ContentType::plaintext())
        .body("OK")
}

/// `?cate=hots`.
#[derive(Deserialize)]
pub(super) struct CategoryQuery {
    #[serde(default)]
    cate: String,
}

/// The apps of a category. Always 200: the window spins for ever on anything else.
pub(super) async fn store_list(
    state: web::Data<State>,
    query: web::Query<CategoryQuery>,
) -> Answer {
    let state = state.into_inner();
    let body = web::block(move || {
        let entries = state.roster.entries(&state.service);
        let all = query.cate.is_empty() || query.cate == HOTS;
        let infos: Vec<DesktopInfo<'_>> = entries
            .iter()
            .filter(|entry| entry.error.is_none())
            .filter(|entry| all || entry.install.category == query.cate)
            .map(|entry| DesktopInfo::new(entry, state.port))
            .collect();
        serde_json::to_vec(&Envelope::success("success", infos))
    })
    .await;
    Ok(match body {
        Ok(Ok(body)) => HttpResponse::Ok()
            .content_type(header::ContentType::json())
            .body(body),
        Ok(Err(error)) => failed(&ApiError::internal(error.to_string()), StatusCode::OK),
        Err(error) => failed(&error.into(), StatusCode::OK),
    })
}

/// `?name=mysql5.7`.
#[derive(Deserialize)]
pub(super) struct NameQuery {
    #[serde(default)]
    name: String,
}

/// One app. A failure is no 200: the window writes into the data without looking.
pub(super) async fn install_info(
    state: web::Data<State>,
    query: web::Query<NameQuery>,
) -> HttpResponse {
    match info_of(&state, &query.name).await {
        Ok(app) => info_answer(&state, "success", app, Vec::new()).await,
        Err(error) => failed(&error, error.status),
    }
}

async fn info_of(state: &State, name: &str) -> Result<std::sync::Arc<App>, ApiError> {
    let name = wanted(state, name)?;
    read(state, &name).await
}

fn wanted(state: &State, name: &str) -> Result<AppName, ApiError> {
    if name.is_empty() {
        return Err(ApiError::invalid("name is required"));
    }
    state.desktop_name(name)
}

/// The envelope with an app's info.
async fn info_answer(
    state: &State,
    message: &'static str,
    app: std::sync::Arc<App>,
    warnings: Vec<String>,
) -> HttpResponse {
    let service = state.service.clone();
    match web::block(move || Entry::fresh(&service, &app)).await {
        Ok(entry) => Envelope {
            warnings,
            ..Envelope::success(message, DesktopInfo::new(&entry, state.port))
        }
        .answer(StatusCode::OK),
        Err(error) => failed(&error.into(), StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Installs an app whose files are in place. The window looks at `code`, so a failure is 200.
pub(super) async fn install(state: web::Data<State>, query: web::Query<NameQuery>) -> HttpResponse {
    install_named(&state, &query.name).await
}

async fn install_named(state: &State, name: &str) -> HttpResponse {
    let installed = async {
        let name = wanted(state, name)?;
        let record = run(state, &name, Action::Install { folder: None }).await?;
        Ok::<_, ApiError>((read(state, &name).await?, record))
    };
    match installed.await {
        Ok((app, record)) => {
            let warnings = record.warnings.clone();
            info_answer(state, "install the app success!", app, warnings).await
        }
        Err(error) => failed(&error, StatusCode::OK),
    }
}

/// Body of `POST /store/download`.
#[derive(Deserialize)]
pub(super) struct Download {
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    pkg: String,
}

/// Installs an app, after a download if it needs one. The window parses each network read as one
/// JSON text, so the answer is a single one in a single write.
pub(super) async fn download(
    state: web::Data<State>,
    body: Result<Json<Download>, ApiError>,
) -> HttpResponse {
    let body = match body {
        Ok(Json(body)) => body,
        Err(error) => return failed(&error, error.status),
    };
    let mut answer = match info_of(&state, &body.name).await {
        // Its files are here: there is nothing to download.
        Ok(_) => install_named(&state, &body.name).await,
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            if body.url.is_empty() && body.pkg.is_empty() {
                failed(&error, StatusCode::OK)
            } else {
                failed(&not_yet(), StatusCode::NOT_IMPLEMENTED)
            }
        }
        Err(error) => failed(&error, StatusCode::OK),
    };
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

/// `GET /store/download` and `POST /store/upload`, until packages are read.
pub(super) async fn not_offered_yet() -> HttpResponse {
    failed(&not_yet(), StatusCode::NOT_IMPLEMENTED)
}

fn not_yet() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, NO_DOWNLOADS)
}

/// Uninstalls. The window shows `message` when `code` is negative, and something wrong on any
/// other status than 200.
pub(super) async fn uninstall(
    state: web::Data<State>,
    query: web::Query<NameQuery>,
) -> HttpResponse {
    let done = async {
        let name = wanted(&state, &query.name)?;
        run(&state, &name, Action::Uninstall { purge: false }).await
    };
    match done.await {
        Ok(record) => Envelope {
            warnings: record.warnings.clone(),
            ..Envelope::success("success", "success")
        }
        .answer(StatusCode::OK),
        Err(error) => failed(&error, StatusCode::OK),
    }
}

/// Saves settings and runs a command list; done when answered. Settings pages look only at the
/// status, so a failure is no 2xx.
pub(super) async fn setting(
    state: web::Data<State>,
    body: Result<Json<Map<String, Value>>, ApiError>,
) -> HttpResponse {
    let done = async { set(&state, body?.0).await };
    match done.await {
        Ok(record) => Envelope {
            warnings: record.warnings.clone(),
            ..Envelope::success("success", "success")
        }
        .answer(StatusCode::OK),
        Err(error) => failed(&error, error.status),
    }
}

async fn set(
    state: &State,
    mut body: Map<String, Value>,
) -> Result<std::sync::Arc<JobRecord>, ApiError> {
    let mut take = |key: &str| match body.shift_remove(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => {
            Err(ApiError::invalid(format!("{key} is required")))
        }
        Some(_) => Err(ApiError::invalid(format!(
            "{key} is required, and it must be a text"
        ))),
    };
    let name = take("name")?;
    let list = take("cmdKey")?;
    let name = state.desktop_name(&name)?;
    let app = read(state, &name).await?;
    let lists: Vec<&str> = app.store.as_ref().map_or_else(Vec::new, |store| {
        store.commands.keys().map(String::as_str).collect()
    });
    if !lists.contains(&list.as_str()) {
        return Err(ApiError::invalid(format!(
            "cmdKey is not found: `{name}` has no command list `{}`; it has {}",
            list.escape_debug(),
            or_none(&lists)
        )));
    }
    let action = Action::Setting {
        list: Some(list),
        changes: body,
        unset: Vec::new(),
    };
    run(state, &name, action).await
}

/// Runs a job to its end.
async fn run(
    state: &State,
    name: &AppName,
    action: Action,
) -> Result<std::sync::Arc<JobRecord>, ApiError> {
    let ticket = state.submit(name, action).await?;
    let record = state.finished(ticket).await?;
    if record.state == JobState::Succeeded {
        Ok(record)
    } else {
        Err(failure_of(&record).into())
    }
}

/// Starts an app. The window ignores the answer and asks for the list a second later.
pub(super) async fn start(state: web::Data<State>, name: web::Path<String>) -> HttpResponse {
    act(&state, &name, Action::Start, "started").await
}

/// Stops an app; it is stopped when answered. The window shows an error's text.
pub(super) async fn stop(state: web::Data<State>, name: web::Path<String>) -> HttpResponse {
    act(&state, &name, Action::Stop, "stopped").await
}

/// Restarts an app, or starts it.
pub(super) async fn restart(state: web::Data<State>, name: web::Path<String>) -> HttpResponse {
    act(&state, &name, Action::Restart, "restarted").await
}

async fn act(state: &State, name: &str, action: Action, done: &str) -> HttpResponse {
    let acted = async {
        let name = state.desktop_name(name)?;
        run(state, &name, action).await
    };
    match acted.await {
        Ok(record) => text(StatusCode::OK, format!("Process {} {done}.", record.app)),
        Err(error) => text(error.status, error.message),
    }
}

fn text(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}

/// Starts every app that is installed and has a program.
pub(super) async fn start_all(state: web::Data<State>) -> HttpResponse {
    let names = match programs(&state).await {
        Ok(entries) => entries
            .into_iter()
            .map(|entry| entry.name.clone())
            .collect(),
        Err(error) => return text(error.status, error.message),
    };
    act_on_all(&state, names, &Action::Start, "started").await
}

/// Stops every app that is not stopped.
pub(super) async fn stop_all(state: web::Data<State>) -> HttpResponse {
    let names = state
        .service
        .supervisor
        .statuses()
        .into_iter()
        .filter(|(_, status)| status.pid.is_some() || status.state != AppState::Stopped)
        .map(|(name, _)| name)
        .collect();
    act_on_all(&state, names, &Action::Stop, "stopped").await
}

/// All jobs are asked for before the first is waited for: apps start side by side.
async fn act_on_all(
    state: &State,
    names: Vec<AppName>,
    action: &Action,
    done: &str,
) -> HttpResponse {
    let jobs = names.iter().map(|name| run(state, name, action.clone()));
    let failures: Vec<String> = futures_util::future::join_all(jobs)
        .await
        .into_iter()
        .zip(&names)
        .filter_map(|(outcome, name)| Some(format!("{name}: {}", outcome.err()?.message)))
        .collect();
    if failures.is_empty() {
        text(StatusCode::OK, format!("All processes {done}."))
    } else {
        text(StatusCode::INTERNAL_SERVER_ERROR, failures.join("\n"))
    }
}

/// The apps that are installed and have a program.
async fn programs(state: &web::Data<State>) -> Result<Vec<std::sync::Arc<Entry>>, ApiError> {
    let state = state.clone().into_inner();
    let entries = web::block(move || {
        let entries = state.roster.entries(&state.service);
        entries
            .iter()
            .filter(|entry| entry.has_program)
            .filter(|entry| {
                state.service.database.with_apps(|apps| {
                    apps.get(&entry.name)
                        .is_some_and(|record| record.installed.is_some())
                })
            })
            .cloned()
            .collect()
    })
    .await?;
    Ok(entries)
}

/// About what a row of `listporgress` takes.
const BYTES_PER_ROW: usize = 192;

/// One row of `listporgress`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress<'a> {
    name: &'a str,
    running: bool,
    exit_code: i32,
    cmd: Option<()>,
    pid: u32,
    #[serde(rename = "progressName")]
    process_name: &'a str,
    waiting: u32,
    is_on: bool,
    last_ping: Cow<'a, str>,
}

/// What runs: a bare array, as the window throws on anything else. (The typing error in the path
/// is the original's.)
pub(super) async fn list_progress(state: web::Data<State>) -> Answer {
    let mut rows: Vec<(std::sync::Arc<Entry>, Status)> = Vec::new();
    for entry in programs(&state).await? {
        let status = state.service.supervisor.status(&entry.name);
        rows.push((entry, status));
    }
    // Written once for all rows: it would cost as much as everything else together.
    let now = timestamp(crate::job::now());
    let rows: Vec<Progress<'_>> = rows
        .iter()
        .map(|(entry, status)| Progress::new(entry, status, &now))
        .collect();
    let mut text = Vec::with_capacity(rows.len() * BYTES_PER_ROW);
    serde_json::to_writer(&mut text, &rows).expect("rows are texts and numbers");
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(text))
}

impl<'a> Progress<'a> {
    fn new(entry: &'a Entry, status: &Status, now: &'a str) -> Self {
        let running = match status.state {
            AppState::Running | AppState::Unhealthy => true,
            AppState::Starting | AppState::Stopping => status.pid.is_some(),
            AppState::Stopped | AppState::BackingOff | AppState::Failed => false,
        };
        let last_code = || status.last_exit.as_ref().and_then(|exit| exit.code);
        let last_seen = status
            .last_exit
            .as_ref()
            .map_or(status.started_at, |exit| Some(exit.at));
        Self {
            name: entry.name.as_str(),
            running,
            // Go's number for a process without one.
            exit_code: if running {
                -1
            } else {
                last_code().unwrap_or(-1)
            },
            cmd: None,
            pid: status.pid.unwrap_or(0),
            process_name: &entry.process_name,
            waiting: 0,
            is_on: entry.is_on,
            last_ping: if running {
                Cow::Borrowed(now)
            } else {
                Cow::Owned(timestamp(last_seen.unwrap_or(0)))
            },
        }
    }
}

/// Milliseconds since 1970 as `2024-08-01T12:00:00Z`.
fn timestamp(millis: u64) -> String {
    let seconds = millis / 1000;
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

/// Who listens on which port.
pub(super) async fn list_port() -> HttpResponse {
    #[derive(Serialize)]
    struct Processes {
        processes: Vec<ports::Listening>,
    }
    match ports::all().await {
        Ok(processes) => HttpResponse::Ok().json(Processes { processes }),
        Err(error) => text(error.status, error.message),
    }
}

/// `?port=3306&pid=123`, or `?name=mysqld`.
#[derive(Deserialize)]
pub(super) struct KillQuery {
    port: Option<u16>,
    pid: Option<u32>,
    #[serde(default)]
    name: String,
}

/// Frees a port by stopping the app that holds it. Programs that are not of our apps are not ours
/// to end.
pub(super) async fn kill_port(
    state: web::Data<State>,
    query: web::Query<KillQuery>,
) -> HttpResponse {
    match kill(&state, &query).await {
        Ok(said) => text(StatusCode::OK, said),
        Err(error) => text(error.status, error.message),
    }
}

async fn kill(state: &State, query: &KillQuery) -> Result<String, ApiError> {
    if query.port.is_none() && query.pid.is_none() && query.name.is_empty() {
        return Err(ApiError::invalid(
            "port is required (or pid, or name): tell which process is to be ended",
        ));
    }
    let look = state.sampler.anew(&state.service.supervisor).await?;
    let rows = ports::all().await?;
    let matching: Vec<&ports::Listening> = rows
        .iter()
        .filter(|row| query.port.is_none_or(|port| row.port == port))
        .filter(|row| query.pid.is_none_or(|pid| row.pid == pid))
        .filter(|row| {
            let owner = look.owner(row.pid).map(AppName::as_str);
            query.name.is_empty() || row.name == query.name || owner == Some(query.name.as_str())
        })
        .collect();
    let Some(first) = matching.first() else {
        return Err(ApiError::not_found(
            "no process that this user may see listens there; it may have ended already",
        ));
    };
    let mut owners: Vec<AppName> = matching
        .iter()
        .filter_map(|row| look.owner(row.pid).cloned())
        .collect();
    owners.sort();
    owners.dedup();
    if owners.is_empty() {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            format!(
                "port {} belongs to `{}` (pid {}), which no app of this store started; end it with the system's own tools if you are sure",
                first.port, first.name, first.pid
            ),
        ));
    }
    for owner in &owners {
        run(state, owner, Action::Stop).await?;
    }
    let owners: Vec<&str> = owners.iter().map(AppName::as_str).collect();
    Ok(format!("Process {} stopped.", owners.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_success_is_the_originals_to_the_byte() {
        let body = serde_json::to_string(&Envelope::success("success", "success")).unwrap();
        assert_eq!(body, r#"{"message":"success","code":0,"data":"success"}"#);
    }

    #[test]
    fn warnings_come_last() {
        let envelope = Envelope {
            warnings: vec!["w".to_owned()],
            ..Envelope::success("success", "success")
        };
        let body = serde_json::to_string(&envelope).unwrap();
        assert_eq!(
            body,
            r#"{"message":"success","code":0,"data":"success","warnings":["w"]}"#
        );
    }

    #[test]
    fn a_failure_has_no_data_when_there_is_none() {
        let body = serde_json::to_string(&Envelope::failure(&ApiError::invalid("m"))).unwrap();
        assert_eq!(body, r#"{"message":"m","code":-1}"#);
    }

    #[test]
    fn times_are_written_as_the_original_writes_them() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_722_513_599_999, "2024-08-01T11:59:59Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(millis), expected);
        }
    }
}
