//! `/api/trash`: what uninstalled apps left.

use std::path::PathBuf;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::apps::{Accepted, Answer, WaitQuery, submit};
use super::body::Json;
use super::error::ApiError;
use super::install::need_file;
use super::state::State;
use crate::job::trash::{self, TrashEntry};
use crate::job::{Action, JobRecord};

/// Body of `POST /api/trash/{id}/restore`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Restore {
    /// The package that holds its program, where it cannot be fetched again.
    #[schema(value_type = Option<String>)]
    package: Option<PathBuf>,
}

/// What was deleted.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Removed {
    /// How many entries.
    entries: usize,
    /// How much they held.
    bytes: u64,
}

/// What is kept of uninstalled apps.
#[utoipa::path(get, path = "/api/trash", tag = "trash",
    responses((status = 200, description = "The entries", body = Vec<TrashEntry>)))]
pub(super) async fn list(state: web::Data<State>) -> Answer {
    let library = state.service.library.clone();
    let entries = web::block(move || trash::list(&library)).await?;
    Ok(HttpResponse::Ok().json(entries))
}

/// Puts the data of an uninstalled app back, with its program.
#[utoipa::path(post, path = "/api/trash/{id}/restore", tag = "trash",
    params(("id" = String, Path, description = "The entry"), WaitQuery),
    request_body = Restore,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord),
              (status = 404, description = "There is no such entry")))]
pub(super) async fn restore(
    state: web::Data<State>,
    id: web::Path<String>,
    wait: web::Query<WaitQuery>,
    Json(body): Json<Restore>,
) -> Answer {
    let (library, id) = (state.service.library.clone(), id.into_inner());
    let (app, action) = web::block(move || {
        if let Some(package) = &body.package {
            need_file(package, "the package")?;
        }
        let app = trash::find(&library, &id)?.app;
        let action = Action::Restore {
            entry: id,
            package: body.package,
        };
        Ok::<_, ApiError>((app, action))
    })
    .await??;
    submit(&state, &app, action, wait.wait).await
}

/// Deletes an entry for good.
#[utoipa::path(delete, path = "/api/trash/{id}", tag = "trash",
    params(("id" = String, Path, description = "The entry")),
    responses((status = 200, description = "What was deleted", body = Removed),
              (status = 404, description = "There is no such entry")))]
pub(super) async fn remove(state: web::Data<State>, id: web::Path<String>) -> Answer {
    let id = id.into_inner();
    delete(&state, Some(id)).await
}

/// Deletes all of it for good.
#[utoipa::path(delete, path = "/api/trash", tag = "trash",
    responses((status = 200, description = "What was deleted", body = Removed)))]
pub(super) async fn empty(state: web::Data<State>) -> Answer {
    delete(&state, None).await
}

/// Deletes one entry, or all.
async fn delete(state: &State, id: Option<String>) -> Answer {
    let library = state.service.library.clone();
    let removed = web::block(move || {
        let ids = match id {
            Some(id) => vec![id],
            None => trash::list(&library)
                .into_iter()
                .map(|entry| entry.id)
                .collect(),
        };
        let mut removed = Removed {
            entries: 0,
            bytes: 0,
        };
        for id in ids {
            removed.bytes += trash::remove(&library, &id)?;
            removed.entries += 1;
        }
        Ok::<_, ApiError>(removed)
    });
    Ok(HttpResponse::Ok().json(removed.await??))
}
