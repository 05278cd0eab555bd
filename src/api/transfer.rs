//! From one computer to another: `POST /api/apps/{name}/export` and `POST /api/import`.

use std::path::PathBuf;

use actix_web::web;
use serde::Deserialize;

use super::apps::{Accepted, Answer, WaitQuery, submit};
use super::body::Json;
use super::error::ApiError;
use super::install::need_file;
use super::state::State;
use crate::app::AppName;
use crate::job::snapshot::Snapshot;
use crate::job::{Action, JobRecord};

/// Body of `POST /api/apps/{name}/export`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Export {
    /// The file to be written, as an absolute path.
    #[schema(value_type = String)]
    file: PathBuf,
    /// With the program itself, too.
    #[serde(default)]
    with_program: bool,
}

/// Body of `POST /api/import`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    /// What an export wrote, as an absolute path.
    #[schema(value_type = String)]
    file: PathBuf,
    /// The package that holds its program, where it cannot be fetched.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    package: Option<PathBuf>,
}

/// Writes config, data and where the program came from into one file.
#[utoipa::path(post, path = "/api/apps/{name}/export", tag = "apps",
    params(("name" = String, Path, description = "The app"), WaitQuery),
    request_body = Export,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn export(
    state: web::Data<State>,
    name: web::Path<AppName>,
    wait: web::Query<WaitQuery>,
    Json(body): Json<Export>,
) -> Answer {
    if !body.file.is_absolute() {
        return Err(ApiError::invalid(format!(
            "the file `{}` is not an absolute path; write it out from the root",
            body.file.display()
        )));
    }
    let action = Action::Export {
        file: body.file,
        with_program: body.with_program,
    };
    submit(&state, &name, action, wait.wait).await
}

/// Installs what an export holds.
#[utoipa::path(post, path = "/api/import", tag = "apps", params(WaitQuery), request_body = Import,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord),
              (status = 422, description = "The file is no export")))]
pub(super) async fn import(
    state: web::Data<State>,
    wait: web::Query<WaitQuery>,
    Json(body): Json<Import>,
) -> Answer {
    let (name, body) = web::block(move || {
        need_file(&body.file, "the export")?;
        if let Some(package) = &body.package {
            need_file(package, "the package")?;
        }
        Ok::<_, ApiError>((Snapshot::peek(&body.file)?.app, body))
    })
    .await??;
    let action = Action::Import {
        file: body.file,
        package: body.package,
    };
    submit(&state, &name, action, wait.wait).await
}
