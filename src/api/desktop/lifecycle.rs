//! Installing what is in place, uninstalling, settings, start and stop.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use super::{Envelope, NameQuery, failed, info_answer, programs, run, text, wanted};
use crate::api::apps::{or_none, read};
use crate::api::body::Json;
use crate::api::error::ApiError;
use crate::api::state::State;
use crate::app::AppName;
use crate::job::{Action, JobRecord, Source};
use crate::supervisor::State as AppState;

/// Installs an app whose files are in place. The window looks at `code`, so a failure is 200.
pub(in crate::api) async fn install(
    state: web::Data<State>,
    query: web::Query<NameQuery>,
) -> HttpResponse {
    install_named(&state, &query.name).await
}

async fn install_named(state: &State, name: &str) -> HttpResponse {
    let installed = async {
        let name = wanted(state, name)?;
        let record = run(state, &name, Action::Install(Source::InPlace.into())).await?;
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

/// Uninstalls. The window shows `message` when `code` is negative, and something wrong on any
/// other status than 200.
pub(in crate::api) async fn uninstall(
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
pub(in crate::api) async fn setting(
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
        restart: false,
    };
    run(state, &name, action).await
}

/// Starts an app. The window ignores the answer and asks for the list a second later.
pub(in crate::api) async fn start(
    state: web::Data<State>,
    name: web::Path<String>,
) -> HttpResponse {
    act(&state, &name, Action::Start, "started").await
}

/// Stops an app; it is stopped when answered. The window shows an error's text.
pub(in crate::api) async fn stop(state: web::Data<State>, name: web::Path<String>) -> HttpResponse {
    act(&state, &name, Action::Stop, "stopped").await
}

/// Restarts an app, or starts it.
pub(in crate::api) async fn restart(
    state: web::Data<State>,
    name: web::Path<String>,
) -> HttpResponse {
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

/// Starts every app that is installed and has a program.
pub(in crate::api) async fn start_all(state: web::Data<State>) -> HttpResponse {
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
pub(in crate::api) async fn stop_all(state: web::Data<State>) -> HttpResponse {
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
