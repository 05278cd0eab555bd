//! `/api/events` and `/api/status`.

use std::time::UNIX_EPOCH;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::apps::{Answer, unknown};
use super::error::ApiError;
use super::state::State;
use super::{log, stream};
use crate::app::AppName;

/// Most logs that one stream follows.
const MAX_LOGS: usize = 64;

/// `?logs=mysql5.7,nginx`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EventsQuery {
    /// Apps whose output is told too, separated by commas.
    logs: String,
    /// Where a reader stopped, beside the header `Last-Event-ID`.
    last_event_id: Option<String>,
}

/// What happens, as server-sent events: `app` (a status), `job` (a record), `apps` (the list of
/// apps changed), `log` (lines of an app), `reset` (something was missed: load anew). A reader that
/// comes back with the id of its last event misses nothing.
#[utoipa::path(get, path = "/api/events", tag = "events", params(EventsQuery),
    responses((status = 200, description = "The stream", content((String = "text/event-stream")))))]
pub(super) async fn events(
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<EventsQuery>,
) -> Answer {
    let mut names = Vec::new();
    for name in query.logs.split(',').filter(|name| !name.is_empty()) {
        names.push(AppName::parse(name)?);
    }
    names.sort();
    names.dedup();
    if names.len() > MAX_LOGS {
        return Err(ApiError::invalid(format!(
            "`logs` names more than {MAX_LOGS} apps; open a second stream for the others"
        )));
    }
    let library = state.service.library.clone();
    let logs = web::block(move || {
        names
            .into_iter()
            .map(|name| {
                let path = library.app_log(&name);
                if !path.exists() && !library.app_dir(&name).is_dir() {
                    return Err(unknown(&name));
                }
                let tail = log::tail(&path, 0, false).map_err(|error| {
                    ApiError::internal(format!("the log of `{name}` cannot be read: {error}"))
                })?;
                Ok(stream::Followed {
                    name: name.to_string(),
                    path,
                    tail,
                })
            })
            .collect::<Result<Vec<_>, _>>()
    })
    .await??;
    let service = &state.service;
    let plan = stream::Plan {
        events: Some(&service.events),
        logs,
        until: None,
    };
    Ok(stream::open(
        plan,
        stream::last_seen(&request, query.last_event_id.as_deref()),
        service.events.boot(),
        &service.supervisor,
        &state.ending,
    ))
}

/// The service.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceStatus<'a> {
    /// Version of Storekeeper.
    version: &'a str,
    /// Its process.
    pid: u32,
    /// The data root.
    home: String,
    /// Seconds since it came up.
    uptime: u64,
    /// When it came up, in milliseconds since 1970.
    started_at: u64,
    /// Changes with each start; event ids begin with it.
    boot: &'a str,
}

/// The service itself.
#[utoipa::path(get, path = "/api/status", tag = "service",
    responses((status = 200, description = "The service", body = ServiceStatus)))]
pub(super) async fn status(state: web::Data<State>) -> Answer {
    let since = state.since.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(HttpResponse::Ok().json(ServiceStatus {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        home: state.service.library.home().display().to_string(),
        uptime: state.started.elapsed().as_secs(),
        started_at: u64::try_from(since.as_millis()).unwrap_or_default(),
        boot: state.service.events.boot(),
    }))
}
