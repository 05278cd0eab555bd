//! `/api/apps`: the apps as they are.

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::body::Json;
use super::error::{ApiError, status};
use super::roster::{About, Entry};
use super::state::State;
use super::usage::Usage;
use super::{doctor, form, log, stream};
use crate::app::{App, AppName, InstallInfo, Origin, Problem};
use crate::command::plan::{self, Plan};
use crate::command::preview;
use crate::database::{AppRecord, Previous};
use crate::job::{Action, Failure, FailureCode, JobRecord, JobState, Ticket};
use crate::supervisor::Status;

/// What a handler gives back.
pub(super) type Answer = Result<HttpResponse, ApiError>;

/// Lines of a log when nobody says how many.
const DEFAULT_LINES: usize = 200;

/// Most lines that are told at once.
const MAX_LINES: usize = 10_000;

/// One app in a list.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    #[serde(flatten)]
    about: About<'a>,
    /// The version that is installed; null when it is not installed.
    installed: Option<String>,
    /// When it was installed, in milliseconds since 1970.
    installed_at: Option<u64>,
    /// Where its program came from; null when somebody put it there by hand.
    origin: Option<Origin>,
    /// The version before, which a rollback brings back.
    previous: Option<Previous>,
    /// Upgrades leave it alone.
    pinned: bool,
    /// Versions that are not offered.
    skipped: Vec<String>,
    /// Its process.
    #[schema(value_type = Object)]
    status: Status,
    /// CPU, memory and ports, when asked for and when it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// One app with everything about it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    /// Its folder.
    dir: String,
    /// Its `install.json`, as it was understood.
    #[schema(value_type = Object)]
    manifest: &'a InstallInfo,
    /// The settings in force, secrets as `***`.
    config: Map<String, Value>,
    /// The settings to go back to; null when those in force are the ones that worked.
    last_working: Option<form::LastWorking>,
}

/// `?usage=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct ListQuery {
    /// Tell CPU, memory and ports too; looked at anew at most every two seconds.
    usage: bool,
}

/// `?wait=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct WaitQuery {
    /// Answer when the job has ended, with its record.
    pub(super) wait: bool,
}

/// `?purge=true&wait=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct UninstallQuery {
    /// Delete its data too.
    purge: bool,
    /// Answer when the job has ended, with its record.
    wait: bool,
}

/// `?lines=200&follow=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct LogQuery {
    /// How many lines from the end; 200 when absent, 10000 at most.
    lines: Option<usize>,
    /// Go on with what is appended, as server-sent events.
    follow: bool,
    /// Where a follower stopped, beside the header `Last-Event-ID`.
    last_event_id: Option<String>,
}

/// Body of `PATCH /api/apps/{name}/config`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConfigChange {
    /// New values.
    set: Map<String, Value>,
    /// Keys to set back to their defaults.
    unset: Vec<String>,
    /// A command list to run then.
    run: Option<String>,
    /// Restart the app afterwards, if it runs.
    restart: bool,
}

/// The number of a job that was accepted.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Accepted {
    /// See `/api/jobs/{id}`.
    job: u64,
}

/// The apps in order of name.
#[utoipa::path(get, path = "/api/apps", tag = "apps", params(ListQuery),
    responses((status = 200, description = "The apps", body = Vec<Summary>)))]
pub(super) async fn list(state: web::Data<State>, query: web::Query<ListQuery>) -> Answer {
    let look = if query.usage {
        Some(state.sampler.look(&state.service.supervisor).await?)
    } else {
        None
    };
    let state = state.into_inner();
    let body = web::block(move || {
        let entries = state.roster.entries(&state.service);
        let apps: Vec<Summary<'_>> = entries
            .iter()
            .map(|entry| {
                let usage = look.as_ref().and_then(|look| look.of(&entry.name)).cloned();
                Summary::new(&state, entry, usage)
            })
            .collect();
        serde_json::to_vec(&apps)
    })
    .await?;
    json_bytes(body)
}

impl<'a> Summary<'a> {
    fn new(state: &State, entry: &'a Entry, usage: Option<Usage>) -> Self {
        // Without a copy of the settings, which a list does not tell.
        let record = state.service.database.with_apps(|apps| {
            apps.get(&entry.name)
                .map(|record| AppRecord {
                    installed: record.installed.clone(),
                    installed_at: record.installed_at,
                    origin: record.origin.clone(),
                    previous: record.previous.clone(),
                    pinned: record.pinned,
                    skipped: record.skipped.clone(),
                    ..AppRecord::default()
                })
                .unwrap_or_default()
        });
        Self {
            about: entry.into(),
            installed: record.installed,
            installed_at: record.installed_at,
            origin: record.origin,
            previous: record.previous,
            pinned: record.pinned,
            skipped: record.skipped,
            status: state.service.supervisor.status(&entry.name),
            usage,
        }
    }
}

/// One app, looked at anew.
#[utoipa::path(get, path = "/api/apps/{name}", tag = "apps",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "The app", body = Detail),
              (status = 404, description = "There is no such app"),
              (status = 422, description = "Its manifests have mistakes; `data` lists them")))]
pub(super) async fn get(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let look = state.sampler.look(&state.service.supervisor).await?;
    let app = read(&state, &name).await?;
    let usage = look.of(&name).cloned();
    let state = state.into_inner();
    let body = web::block(move || {
        let entry = Entry::fresh(&state.service, &app);
        serde_json::to_vec(&Detail {
            summary: Summary::new(&state, &entry, usage),
            dir: app.dir.display().to_string(),
            manifest: &app.install,
            config: state.service.config(&app).masked(),
            last_working: app.store.as_ref().and_then(|store| {
                form::last_working(store, &state.service.database.app(&app.name))
            }),
        })
    })
    .await?;
    json_bytes(body)
}

/// An answer that was written on another thread.
pub(super) fn json_bytes(body: serde_json::Result<Vec<u8>>) -> Answer {
    let body =
        body.map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(body))
}

/// Reads an app's files on a thread for that.
pub(super) async fn read(state: &State, name: &AppName) -> Result<Arc<App>, ApiError> {
    let (service, name) = (state.service.clone(), name.clone());
    Ok(web::block(move || service.app(&name)).await??)
}

/// Uninstalls an app. The folder of a dev app stays, and data unless `purge` is given.
#[utoipa::path(post, path = "/api/apps/{name}/uninstall", tag = "apps",
    params(("name" = String, Path, description = "The app"), UninstallQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn uninstall(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<UninstallQuery>,
) -> Answer {
    let action = Action::Uninstall { purge: query.purge };
    submit(&state, &name, action, query.wait).await
}

/// Starts an app; a running one is a success.
#[utoipa::path(post, path = "/api/apps/{name}/start", tag = "apps",
    params(("name" = String, Path, description = "The app"), WaitQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn start(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<WaitQuery>,
) -> Answer {
    submit(&state, &name, Action::Start, query.wait).await
}

/// Stops an app with all its processes.
#[utoipa::path(post, path = "/api/apps/{name}/stop", tag = "apps",
    params(("name" = String, Path, description = "The app"), WaitQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn stop(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<WaitQuery>,
) -> Answer {
    submit(&state, &name, Action::Stop, query.wait).await
}

/// Stops an app, if it runs, and starts it.
#[utoipa::path(post, path = "/api/apps/{name}/restart", tag = "apps",
    params(("name" = String, Path, description = "The app"), WaitQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn restart(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<WaitQuery>,
) -> Answer {
    submit(&state, &name, Action::Restart, query.wait).await
}

/// Runs a command list.
#[utoipa::path(post, path = "/api/apps/{name}/run/{list}", tag = "apps",
    params(("name" = String, Path, description = "The app"),
           ("list" = String, Path, description = "A key of `commands`"), WaitQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn run(
    state: web::Data<State>,
    path: web::Path<(AppName, String)>,
    query: web::Query<WaitQuery>,
) -> Answer {
    let (name, list) = path.into_inner();
    let action = Action::Setting {
        list: Some(list),
        changes: Map::new(),
        unset: Vec::new(),
        restart: false,
    };
    submit(&state, &name, action, query.wait).await
}

/// Asks for a job, and waits for its end when that is wanted.
pub(super) async fn submit(state: &State, name: &AppName, action: Action, wait: bool) -> Answer {
    let ticket = state.submit(name, action).await?;
    accepted(state, ticket, wait).await
}

/// Tells of a job, after its end when that is wanted.
pub(super) async fn accepted(state: &State, ticket: Ticket, wait: bool) -> Answer {
    if !wait {
        let job = ticket.id;
        return Ok(HttpResponse::Accepted()
            .insert_header((header::LOCATION, format!("/api/jobs/{job}")))
            .json(Accepted { job }));
    }
    let record = state.finished(ticket).await?;
    if record.state == JobState::Succeeded {
        return Ok(HttpResponse::Ok().json(&*record));
    }
    let failure = failure_of(&record);
    Ok(HttpResponse::build(status(failure.code)).json(json!({
        "code": -1,
        "message": failure.message,
        "data": failure.data,
        "job": &*record,
    })))
}

/// Why a job did not succeed.
pub(super) fn failure_of(record: &JobRecord) -> Failure {
    record.error.clone().unwrap_or_else(|| Failure {
        code: FailureCode::Canceled,
        message: format!(
            "the {} of `{}` was ended before it was done; ask for it again",
            record.kind, record.app
        ),
        data: Value::Null,
    })
}

/// The settings in force, secrets as `***`.
#[utoipa::path(get, path = "/api/apps/{name}/config", tag = "config",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "The settings by key", body = Object)))]
pub(super) async fn config(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let app = read(&state, &name).await?;
    Ok(HttpResponse::Ok().json(state.service.config(&app).masked()))
}

/// One setting, even when it is a secret.
#[utoipa::path(get, path = "/api/apps/{name}/config/{key}", tag = "config",
    params(("name" = String, Path, description = "The app"),
           ("key" = String, Path, description = "The setting")),
    responses((status = 200, description = "The setting", body = Object),
              (status = 404, description = "There is no such app or setting")))]
pub(super) async fn config_value(
    state: web::Data<State>,
    path: web::Path<(AppName, String)>,
) -> Answer {
    let (name, key) = path.into_inner();
    let app = read(&state, &name).await?;
    let config = state.service.config(&app);
    let Some(value) = config.values().get(&key) else {
        let known: Vec<&str> = config.values().keys().map(String::as_str).collect();
        return Err(ApiError::not_found(format!(
            "`{name}` has no setting `{key}`; it has {}",
            or_none(&known)
        )));
    };
    Ok(HttpResponse::Ok().json(json!({ "key": key, "value": value })))
}

/// Changes settings, and runs a command list then if one is given.
#[utoipa::path(patch, path = "/api/apps/{name}/config", tag = "config",
    params(("name" = String, Path, description = "The app"), WaitQuery),
    request_body = ConfigChange,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn change_config(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<WaitQuery>,
    Json(change): Json<ConfigChange>,
) -> Answer {
    let action = Action::Setting {
        list: change.run,
        changes: change.set,
        unset: change.unset,
        restart: change.restart,
    };
    submit(&state, &name, action, query.wait).await
}

/// What a command list would do: programs, files with their differences, ports, deletions.
#[utoipa::path(get, path = "/api/apps/{name}/plan/{list}", tag = "apps",
    params(("name" = String, Path, description = "The app"),
           ("list" = String, Path, description = "A key of `commands`")),
    responses((status = 200, description = "The steps: JSON, or text when `Accept` asks for it",
               content((Object = "application/json"), (String = "text/plain"))),
              (status = 422, description = "The list has mistakes; `data` lists them")))]
pub(super) async fn plan(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(AppName, String)>,
) -> Answer {
    let (name, list) = path.into_inner();
    let app = read(&state, &name).await?;
    let state = state.into_inner();
    let steps = web::block(move || {
        let plan = compiled(&app, &list)?;
        let apps = &state.service.apps;
        let scope = apps
            .scope(&app, &state.service.config(&app))
            .map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok::<_, ApiError>(preview::preview(&app, &scope, &plan))
    })
    .await??;
    if accepts(&request, "text/plain") {
        return Ok(text(preview::text(&steps)));
    }
    Ok(HttpResponse::Ok().json(steps))
}

pub(super) fn compiled(app: &App, list: &str) -> Result<Plan, ApiError> {
    let store = app.store.as_ref().ok_or_else(|| {
        ApiError::not_found(format!(
            "`{}` has no store.json, and so no command lists",
            app.name
        ))
    })?;
    plan::compile(store, list).map_err(|mut problems| {
        app.locate(&mut problems);
        let first = problems.first().map(Problem::sentence).unwrap_or_default();
        Failure {
            code: if store.commands.contains_key(list) {
                FailureCode::Manifest
            } else {
                FailureCode::NotFound
            },
            message: format!("the list cannot be run: {first}"),
            data: json!({ "problems": problems }),
        }
        .into()
    })
}

/// Whether the client asks for this kind of answer.
fn accepts(request: &HttpRequest, kind: &str) -> bool {
    request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains(kind))
}

fn text(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}

/// The mistakes in an app's manifests.
#[utoipa::path(get, path = "/api/apps/{name}/problems", tag = "apps",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "Errors and warnings", body = Vec<Object>)))]
pub(super) async fn problems(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let (service, name) = (state.service.clone(), name.into_inner());
    let problems = web::block(move || {
        if service.library.app_dir(&name).is_dir() {
            Ok(service.problems(&name))
        } else {
            Err(unknown(&name))
        }
    })
    .await??;
    Ok(HttpResponse::Ok().json(problems))
}

/// Why an app is not up.
#[utoipa::path(get, path = "/api/apps/{name}/doctor", tag = "apps",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "What was looked at and found", body = doctor::Diagnosis)))]
pub(super) async fn diagnose(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let (service, name) = (state.service.clone(), name.into_inner());
    let own = service.supervisor.processes(&name).await;
    let diagnosis = web::block(move || {
        if service.library.app_dir(&name).is_dir() {
            Ok(doctor::examine(&service, &name, &own))
        } else {
            Err(unknown(&name))
        }
    })
    .await??;
    Ok(HttpResponse::Ok().json(diagnosis))
}

/// An app's output.
#[utoipa::path(get, path = "/api/apps/{name}/logs", tag = "logs",
    params(("name" = String, Path, description = "The app"), LogQuery),
    responses((status = 200, description = "The last lines: text, or JSON when `Accept` asks for it; with `follow` a stream of events `log`",
               content((String = "text/plain"), (Object = "application/json"), (String = "text/event-stream")))))]
pub(super) async fn logs(
    request: HttpRequest,
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<LogQuery>,
) -> Answer {
    let library = &state.service.library;
    let path = library.app_log(&name);
    // What an uninstalled app printed may still be read.
    if !path.exists() && !library.app_dir(&name).is_dir() {
        return Err(unknown(&name));
    }
    show_log(&request, &state, name.as_str(), path, &query, None).await
}

/// Shows the end of a log, or follows it.
pub(super) async fn show_log(
    request: &HttpRequest,
    state: &State,
    name: &str,
    path: PathBuf,
    query: &LogQuery,
    until: Option<std::pin::Pin<Box<dyn Future<Output = ()>>>>,
) -> Answer {
    let count = query.lines.unwrap_or(DEFAULT_LINES).min(MAX_LINES);
    let follow = query.follow;
    let file = path.clone();
    let tail = web::block(move || log::tail(&file, count, !follow))
        .await?
        .map_err(|error| {
            ApiError::internal(format!(
                "the log `{}` cannot be read: {error}",
                path.display()
            ))
        })?;
    if follow {
        let plan = stream::Plan {
            events: None,
            logs: vec![stream::Followed {
                name: name.to_owned(),
                path,
                tail,
            }],
            until,
        };
        let service = &state.service;
        return Ok(stream::open(
            plan,
            stream::last_seen(request, query.last_event_id.as_deref()).as_ref(),
            service.events.boot(),
            &service.supervisor,
            &state.ending,
        ));
    }
    if accepts(request, "application/json") {
        return Ok(HttpResponse::Ok().json(json!({ "lines": tail.lines })));
    }
    let mut lines = tail.lines.join("\n");
    if !lines.is_empty() {
        lines.push('\n');
    }
    Ok(text(lines))
}

/// The error for a name that no app has.
pub(super) fn unknown(name: &AppName) -> ApiError {
    ApiError::not_found(format!(
        "there is no app `{name}`; `storekeeper ps` lists the apps there are"
    ))
}

/// A list of words for a sentence.
pub(super) fn or_none(words: &[&str]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
