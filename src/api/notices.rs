//! `/api/notices`: what a person should hear of.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::apps::Answer;
use super::body::Json;
use super::state::State;
use crate::job::notice::Notice;

/// The notices.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct List {
    /// Newest first.
    notices: Vec<Notice>,
}

/// Body of `POST /api/notices/seen`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Seen {
    /// All up to this one were seen.
    up_to: u64,
}

/// The newest notices: crashes, ends of long jobs, updates, pages that were turned away.
#[utoipa::path(get, path = "/api/notices", tag = "events",
    responses((status = 200, description = "The notices", body = List)))]
pub(super) async fn list(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(List {
        notices: state.service.notices.list(),
    })
}

/// Marks notices as seen, for all windows.
#[utoipa::path(post, path = "/api/notices/seen", tag = "events", request_body = Seen,
    responses((status = 200, description = "The notices", body = List)))]
pub(super) async fn seen(state: web::Data<State>, Json(seen): Json<Seen>) -> Answer {
    state.service.notices.see(seen.up_to);
    Ok(list(state).await)
}
