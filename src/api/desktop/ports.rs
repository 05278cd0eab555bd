//! The window of listening ports, and its button that frees one.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::{run, text};
use crate::api::error::ApiError;
use crate::api::ports;
use crate::api::state::State;
use crate::app::AppName;
use crate::job::Action;

/// `?port=3306&pid=123`, or `?name=mysqld`.
#[derive(Deserialize)]
pub(in crate::api) struct KillQuery {
    port: Option<u16>,
    pid: Option<u32>,
    #[serde(default)]
    name: String,
}

/// Who listens on which port.
pub(in crate::api) async fn list_port() -> HttpResponse {
    #[derive(Serialize)]
    struct Processes {
        processes: Vec<ports::Listening>,
    }
    match ports::all().await {
        Ok(processes) => HttpResponse::Ok().json(Processes { processes }),
        Err(error) => text(error.status, error.message),
    }
}

/// Frees a port by stopping the app that holds it. Programs that are not of our apps are not ours
/// to end.
pub(in crate::api) async fn kill_port(
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
