//! `/api/shelf`: the packages of the package server that runs inside, for the page.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::apps::Answer;
use super::error::ApiError;
use super::incoming::too_slow;
use super::pace::Pace;
use super::packages::refuse_forms;
use super::server::Served;
use super::state::State;
use crate::package::Kind;
use crate::package::shelf::{Entry, Incoming};

/// Written at once.
const BLOCK: usize = 256 << 10;

/// The package server, and what is on its shelf.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    /// The server; null when none runs inside the service.
    server: Option<Server<'a>>,
    /// The packages, by id.
    packages: Vec<OnShelf<'a>>,
}

/// A package server.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Server<'a> {
    /// Its address.
    url: &'a str,
    /// The project whose clients it answers.
    project: &'a str,
    /// Its data folder; `upload` and `remove` in it are watched.
    folder: String,
    /// The largest package that it takes, bytes.
    max_bytes: u64,
    /// Whether uploads must be signed by developers.
    verifies: bool,
    /// Whether downloads are signed by the store.
    signs: bool,
}

/// A package on the shelf.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct OnShelf<'a> {
    /// Its id; several architectures of it are several packages.
    id: &'a str,
    /// Its architecture; null when it is independent of a platform.
    architecture: Option<&'a str>,
    /// Its version; may be empty.
    version: &'a str,
    /// Names by language.
    names: &'a BTreeMap<String, String>,
    /// Descriptions by language.
    descriptions: &'a BTreeMap<String, String>,
    /// Categories.
    categories: &'a [String],
    /// `ampkg` for Qt's application manager, `app` for one of ours.
    kind: &'static str,
    /// Size of its file.
    bytes: u64,
    /// SHA-256 of its file.
    sha256: String,
    /// Whether a developer's signature is in it.
    developer_signed: bool,
    /// Whether it has an icon.
    has_icon: bool,
}

/// What became of an upload.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Uploaded {
    /// The id of the package.
    id: String,
    /// Its architecture; null when it is independent of a platform.
    architecture: Option<String>,
    /// `added`, `updated` or `no changes`.
    result: &'static str,
}

/// `?architecture=linux_x86_64`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct ArchitectureQuery {
    /// That architecture, or `all` for what is independent.
    architecture: Option<String>,
}

fn served(state: &State) -> Result<&Served, ApiError> {
    state.shelf.as_ref().ok_or_else(|| {
        ApiError::not_found(
            "no package server runs inside this service; start it with `storekeeper serve --package-server localhost:8020`",
        )
    })
}

impl<'a> From<&'a Entry> for OnShelf<'a> {
    fn from(entry: &'a Entry) -> Self {
        let package = &entry.package;
        Self {
            id: &package.id,
            architecture: package.architecture.as_deref(),
            version: &package.version,
            names: &package.names,
            descriptions: &package.descriptions,
            categories: &package.categories,
            kind: match package.kind {
                Kind::Ampkg => "ampkg",
                Kind::App => "app",
            },
            bytes: package.bytes,
            sha256: package.sha256.to_string(),
            developer_signed: package.developer_signed,
            has_icon: entry.has_icon,
        }
    }
}

/// The package server that runs inside, and its packages.
#[utoipa::path(get, path = "/api/shelf", tag = "shelf",
    responses((status = 200, description = "The server, null when none runs, and its packages", body = Shown)))]
pub(super) async fn get(state: web::Data<State>) -> Answer {
    let Some(served) = &state.shelf else {
        return Ok(HttpResponse::Ok().json(Shown {
            server: None,
            packages: Vec::new(),
        }));
    };
    let entries: Vec<Arc<Entry>> = served.shelf.entries();
    let rules = served.shelf.rules();
    Ok(HttpResponse::Ok().json(Shown {
        server: Some(Server {
            url: &served.url,
            project: &served.project,
            folder: served.shelf.folder().display().to_string(),
            max_bytes: rules.max_bytes,
            verifies: rules.developers.is_some(),
            signs: rules.store.is_some(),
        }),
        packages: entries
            .iter()
            .map(|entry| OnShelf::from(&**entry))
            .collect(),
    }))
}

/// Puts a package on the shelf. It is sent as it is, with a content type like
/// `application/octet-stream`.
#[utoipa::path(put, path = "/api/shelf/packages", tag = "shelf",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "It is on the shelf", body = Uploaded),
              (status = 404, description = "No package server runs inside"),
              (status = 408, description = "It comes too slowly"),
              (status = 413, description = "It is too large"),
              (status = 415, description = "It is sent as a form or as text"),
              (status = 422, description = "It is no package, or one that is not taken")))]
pub(super) async fn upload(
    request: HttpRequest,
    state: web::Data<State>,
    mut payload: web::Payload,
) -> Answer {
    refuse_forms(&request)?;
    let shelf = served(&state)?.shelf.clone();
    let limit = shelf.rules().max_bytes;
    let too_large = || {
        let message = format!("the package is larger than the {limit} bytes that this shelf takes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let receiving = shelf.clone();
    let mut file = web::block(move || receiving.receive())
        .await?
        .map_err(|error| disk(&error))?;
    let mut block = BytesMut::with_capacity(BLOCK);
    let mut pace = Pace::begin();
    let mut total = 0_u64;
    loop {
        let chunk = tokio::time::timeout(pace.patience(), payload.next()).await;
        let chunk = chunk
            .map_err(|_| too_slow())?
            .transpose()
            .map_err(|error| {
                ApiError::invalid(format!(
                    "the package did not arrive whole: {error}; send it again"
                ))
            })?;
        let is_last = chunk.is_none();
        if let Some(chunk) = chunk {
            let count = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            pace.add(count);
            total = total.saturating_add(count);
            if total > limit {
                return Err(too_large());
            }
            block.extend_from_slice(&chunk);
        }
        if is_last || block.len() >= BLOCK {
            let whole = block.split().freeze();
            let written = web::block(move || file.write_all(&whole).map(|()| file)).await?;
            file = written.map_err(|error| disk(&error))?;
        }
        if is_last {
            break;
        }
    }
    let put = web::block(move || {
        let put = shelf.put(Incoming::Received(file.into_temp_path()));
        shelf.report_put("the page", &put);
        put
    });
    match put.await? {
        Ok(put) => Ok(HttpResponse::Ok().json(Uploaded {
            id: put.key.id,
            architecture: put.key.architecture,
            result: put.change.word(),
        })),
        Err(error) if error.is_ours() => Err(ApiError::internal(error.to_string())),
        Err(error) => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("this package is not taken: {error}"),
        )),
    }
}

fn disk(error: &io::Error) -> ApiError {
    ApiError::internal(format!(
        "the package cannot be written: {error}; make room or make the data folder writable, and send it again"
    ))
}

/// Takes packages off the shelf: all of an id, or that of an architecture.
#[utoipa::path(delete, path = "/api/shelf/packages/{id}", tag = "shelf",
    params(("id" = String, Path, description = "The package"), ArchitectureQuery),
    responses((status = 200, description = "How many were removed: `{\"removed\": 1}`"),
              (status = 404, description = "There is no such package, or no package server inside")))]
pub(super) async fn remove(
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<ArchitectureQuery>,
) -> Answer {
    let shelf = served(&state)?.shelf.clone();
    let (id, query) = (id.into_inner(), query.into_inner());
    let wanted = id.clone();
    let removed = web::block(move || {
        let removed = shelf.remove(&wanted, query.architecture.as_deref());
        shelf.report_removed(&wanted, query.architecture, &removed);
        removed
    })
    .await?;
    if removed.is_empty() {
        let shown: String = id.escape_debug().take(200).collect();
        return Err(ApiError::not_found(format!(
            "there is no such package `{shown}` on the shelf; GET /api/shelf lists them"
        )));
    }
    Ok(HttpResponse::Ok().json(json!({ "removed": removed.len() })))
}

/// The icon of a package.
#[utoipa::path(get, path = "/api/shelf/packages/{id}/icon", tag = "shelf",
    params(("id" = String, Path, description = "The package"), ArchitectureQuery),
    responses((status = 200, description = "A PNG image", content_type = "image/png"),
              (status = 404, description = "It has none, or there is no such package")))]
pub(super) async fn icon(
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<ArchitectureQuery>,
) -> Answer {
    let shelf = served(&state)?.shelf.clone();
    let icon = web::block(move || {
        let entry = shelf.find(&id, query.architecture.as_deref())?;
        shelf.icon(&entry)
    });
    let icon = icon
        .await?
        .ok_or_else(|| ApiError::not_found("this package has no icon, or is not on the shelf"))?;
    Ok(HttpResponse::Ok()
        .content_type("image/png")
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(icon))
}
