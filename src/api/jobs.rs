//! `/api/jobs`: what is being changed, and what was.

use std::path::PathBuf;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::apps::{Accepted, Answer, LogQuery, WaitQuery, accepted, show_log};
use super::error::ApiError;
use super::state::State;
use super::stream;
use crate::app::AppName;
use crate::job::{JobRecord, JobState};
use crate::service::Service;

/// Jobs in a list when nobody says how many.
const DEFAULT_JOBS: usize = 50;

/// Most jobs in a list.
const MAX_JOBS: usize = 1000;

/// `?app=mysql5.7&limit=50`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct JobsQuery {
    /// Only those of this app.
    #[param(value_type = Option<String>)]
    app: Option<AppName>,
    /// How many at most; 50 when absent, 1000 at most.
    limit: Option<usize>,
}

/// The newest jobs, newest first.
#[utoipa::path(get, path = "/api/jobs", tag = "jobs", params(JobsQuery),
    responses((status = 200, description = "The jobs", body = Vec<JobRecord>)))]
pub(super) async fn list(state: web::Data<State>, query: web::Query<JobsQuery>) -> Answer {
    let limit = query.limit.unwrap_or(DEFAULT_JOBS).min(MAX_JOBS);
    let jobs = state.service.jobs.list(query.app.as_ref(), limit).await;
    let jobs: Vec<&JobRecord> = jobs.iter().map(|job| &**job).collect();
    Ok(HttpResponse::Ok().json(jobs))
}

/// One job, running or past.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "jobs",
    params(("id" = u64, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobRecord),
              (status = 404, description = "There is no such job")))]
pub(super) async fn get(state: web::Data<State>, id: web::Path<u64>) -> Answer {
    match state.service.jobs.get(*id).await {
        Some(job) => Ok(HttpResponse::Ok().json(&*job)),
        None => Err(unknown(*id)),
    }
}

/// Asks a job to end. Its record tells when it has.
#[utoipa::path(delete, path = "/api/jobs/{id}", tag = "jobs",
    params(("id" = u64, Path, description = "The job")),
    responses((status = 202, description = "It was asked to end"),
              (status = 404, description = "There is no such job"),
              (status = 409, description = "It has ended already")))]
pub(super) async fn cancel(state: web::Data<State>, id: web::Path<u64>) -> Answer {
    state.service.jobs.cancel(*id)?;
    Ok(HttpResponse::Accepted().json(serde_json::json!({ "job": *id })))
}

/// Asks once more for what a job that did not succeed was asked for.
#[utoipa::path(post, path = "/api/jobs/{id}/retry", tag = "jobs",
    params(("id" = u64, Path, description = "The job"), WaitQuery),
    responses((status = 202, description = "The new job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the new job, done", body = JobRecord),
              (status = 404, description = "There is no such job"),
              (status = 409, description = "It succeeded, or what it was asked for is not known any more")))]
pub(super) async fn retry(
    state: web::Data<State>,
    id: web::Path<u64>,
    query: web::Query<WaitQuery>,
) -> Answer {
    let (jobs, id) = (state.service.jobs.clone(), *id);
    // In the service's own runtime: what a job spawns outlives this worker.
    let asked = state.main.spawn(async move { jobs.retry(id).await });
    let ticket = asked.await.map_err(|_| {
        ApiError::internal(
            "the job was not accepted because of a fault in Storekeeper; its log tells more",
        )
    })??;
    accepted(&state, ticket, query.wait).await
}

/// What the programs of a job printed.
#[utoipa::path(get, path = "/api/jobs/{id}/log", tag = "jobs",
    params(("id" = u64, Path, description = "The job"), LogQuery),
    responses((status = 200, description = "The last lines: text, or JSON when `Accept` asks for it; with `follow` a stream of events `log` that ends with the job",
               content((String = "text/plain"), (Object = "application/json"), (String = "text/event-stream")))))]
pub(super) async fn log(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<u64>,
    query: web::Query<LogQuery>,
) -> Answer {
    let id = *id;
    if state.service.jobs.get(id).await.is_none() {
        return Err(unknown(id));
    }
    let path: PathBuf = state.service.library.job_log(id);
    let until = Box::pin(ended(state.service.clone(), id));
    show_log(&request, &state, stream::JOB, path, &query, Some(until)).await
}

/// Waits for a job's end.
pub(super) async fn ended(service: Service, id: u64) {
    loop {
        // Taken before the look at the job, so that an end in between is not missed.
        let (_, mut coming) = service.events.after(service.events.newest());
        let job = service.jobs.get(id).await;
        if job.is_none_or(|job| !matches!(job.state, JobState::Queued | JobState::Running)) {
            return;
        }
        loop {
            match coming.recv().await {
                Ok(event) if event.kind != "job" => {}
                // A change of some job, or too many events to tell: look again.
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => break,
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

fn unknown(id: u64) -> ApiError {
    ApiError::not_found(format!(
        "there is no job {id}; `storekeeper jobs` lists the newest"
    ))
}
