//! `/v1/repos`: repositories by OpenPitrix's names. What they are is told by `/api/repositories`, too.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::V1Json;
use super::call::Call;
use super::{Answer, V1Error, listed};
use crate::api::error::ApiError;
use crate::release::ReleaseError;
use crate::release::clock::rfc3339;
use crate::repository::{AccessKey, Change, Event, NewRepository, Record, RepositoryError, Status};

/// Events of one repository that are told at most.
const MAX_EVENTS: usize = 200;

/// A repository.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct RepoBody {
    /// Its id.
    repo_id: String,
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
    /// `s3`, `http`, `https` or `directory`.
    #[schema(value_type = String)]
    r#type: Value,
    /// Where it is.
    url: String,
    /// Always `{}`: nobody is told the key.
    credential: &'static str,
    /// Always `public`.
    visibility: &'static str,
    /// `active` or `deleted`.
    status: &'static str,
    /// 1 for the one that is there from the start and cannot be removed.
    controller: u8,
    /// Whether packages can be published to it.
    writable: bool,
    /// Seconds between two syncs; 0: only by hand.
    sync_period: u64,
    /// When it was made.
    create_time: String,
    /// When it was changed.
    status_time: String,
}

fn shown(record: &Record) -> RepoBody {
    RepoBody {
        repo_id: record.id.clone(),
        name: record.name.to_string(),
        description: record.description.clone(),
        r#type: serde_json::to_value(record.kind).unwrap_or_default(),
        url: record.url.clone(),
        credential: "{}",
        visibility: "public",
        status: match record.status {
            Status::Active => "active",
            Status::Deleted => "deleted",
        },
        controller: u8::from(record.built_in),
        writable: record.writable,
        sync_period: record.sync_period,
        create_time: rfc3339(record.created_at),
        status_time: rfc3339(record.changed_at),
    }
}

/// Body of `POST` and `PATCH /v1/repos`; what is absent stays.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::api) struct RepoFields {
    /// The repository that is changed or indexed.
    repo_id: String,
    /// Its name.
    name: Option<String>,
    /// `s3`, `http`, `https` or `directory`; by the address when absent.
    r#type: String,
    /// Where it is: `s3://s3.<region>.<host>/<bucket>`, `http://…`, `https://…` or a folder.
    url: Option<String>,
    /// `{"access_key_id": …, "secret_access_key": …}`, as text. Nothing shows it again.
    credential: String,
    /// What it is for.
    description: Option<String>,
    /// Seconds between two syncs; 0: only by hand.
    sync_period: Option<u64>,
}

fn key(credential: &str) -> Result<Option<AccessKey>, RepositoryError> {
    if matches!(credential.trim(), "" | "{}") {
        return Ok(None);
    }
    AccessKey::parse(credential)
}

/// The repository of an id, or of a name.
async fn named(call: &Call, id: &str) -> Result<Record, V1Error> {
    if id.is_empty() {
        return Err(ReleaseError::missing("repo_id").into());
    }
    let repositories = call.repositories();
    match repositories.by_id(id).await {
        Err(RepositoryError::Unknown(_)) => Ok(repositories.get(id).await?),
        other => Ok(other?),
    }
}

/// The repositories.
#[utoipa::path(get, path = "/v1/repos", tag = "publishing",
    params(("repo_id" = Option<Vec<String>>, Query, description = "Those of these ids"),
           ("name" = Option<Vec<String>>, Query, description = "Those of these names"),
           ("status" = Option<Vec<String>>, Query, description = "`active` when absent"),
           ("search_word" = Option<String>, Query, description = "Those that have this in their name or description"),
           ("limit" = Option<u64>, Query, description = "How many; 20 when absent, 200 at most"),
           ("offset" = Option<u64>, Query, description = "After how many others")),
    responses((status = 200, description = "`total_count` and `repo_set`", body = Vec<RepoBody>)))]
pub(in crate::api) async fn list(call: Call) -> Answer {
    let page = call.query.page()?;
    let status = call.query.list("status");
    let (ids, names) = (call.query.list("repo_id"), call.query.list("name"));
    let word = call
        .query
        .one("search_word")
        .unwrap_or_default()
        .to_lowercase();
    let all = call.repositories().list(true).await?;
    let mut rows: Vec<RepoBody> = all.iter().map(shown).collect();
    rows.retain(|row| {
        let fits = |wanted: &[String], value: &str| {
            wanted.is_empty() || wanted.iter().any(|it| it == value)
        };
        let in_state = if status.is_empty() {
            row.status == "active"
        } else {
            fits(&status, row.status)
        };
        in_state
            && fits(&ids, &row.repo_id)
            && fits(&names, &row.name)
            && (row.name.to_lowercase().contains(&word)
                || row.description.to_lowercase().contains(&word))
    });
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let rows = page.part_of(rows);
    Ok(HttpResponse::Ok().json(listed("repo_set", total, rows)))
}

/// Adds a repository that can be read, and brings it up to date: for administrators.
#[utoipa::path(post, path = "/v1/repos", tag = "publishing", request_body = RepoFields,
    responses((status = 200, description = "`repo_id`"),
              (status = 400, description = "Its name, address or key cannot be used; `details.error_code` has OpenPitrix's number"),
              (status = 409, description = "There is one of this name or address"),
              (status = 502, description = "It cannot be read; `details.error_code` likewise")))]
pub(in crate::api) async fn add(call: Call, V1Json(body): V1Json<RepoFields>) -> Answer {
    let new = NewRepository {
        name: body.name.unwrap_or_default(),
        kind: body.r#type,
        url: body.url.unwrap_or_default(),
        key: key(&body.credential)?,
        description: body.description.unwrap_or_default(),
        sync_period: body.sync_period,
    };
    let repositories = call.repositories().clone();
    let added = call
        .done(async move { repositories.add(new).await })
        .await?;
    let (repositories, name) = (call.repositories().clone(), added.name.to_string());
    call.state.main.spawn(async move {
        // How it went is told by its event.
        let _ = repositories.sync(&name, "created").await;
    });
    Ok(HttpResponse::Ok().json(json!({ "repo_id": added.id })))
}

/// Changes a repository: for administrators. A new address or key must be good before anything changes.
#[utoipa::path(patch, path = "/v1/repos", tag = "publishing", request_body = RepoFields,
    responses((status = 200, description = "`repo_id`"),
              (status = 404, description = "There is no such repository")))]
pub(in crate::api) async fn change(call: Call, V1Json(body): V1Json<RepoFields>) -> Answer {
    let record = named(&call, &body.repo_id).await?;
    let change = Change {
        name: body.name,
        url: body.url,
        key: key(&body.credential)?,
        description: body.description,
        sync_period: body.sync_period,
    };
    let repositories = call.repositories().clone();
    let name = record.name.to_string();
    call.done(async move { repositories.change(&name, change).await })
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "repo_id": record.id })))
}

/// Removes repositories: for administrators. What lies in them stays; what was published in them leaves
/// the store.
#[utoipa::path(delete, path = "/v1/repos", tag = "publishing",
    params(("repo_id" = Option<Vec<String>>, Query, description = "The repositories; also in a body")),
    responses((status = 200, description = "`repo_id`, a list"),
              (status = 403, description = "It is the one that is there from the start")))]
pub(in crate::api) async fn remove(call: Call, payload: web::Payload) -> Answer {
    let ids = call.ids(payload, "repo_id").await?;
    for id in &ids {
        let record = named(&call, id).await?;
        let (releases, actor) = (call.releases().clone(), call.actor.clone());
        let name = record.name.to_string();
        call.done(async move { releases.remove_repository(&actor, &name).await })
            .await?;
    }
    Ok(HttpResponse::Ok().json(json!({ "repo_id": ids })))
}

/// Says what works with a repository that need not be added yet: for administrators. Bad news is no
/// failure of the request.
#[utoipa::path(get, path = "/v1/repos/validate", tag = "publishing",
    params(("type" = Option<String>, Query, description = "`s3`, `http`, `https` or `directory`"),
           ("url" = String, Query, description = "Where it is"),
           ("credential" = Option<String>, Query, description = "The key of an S3 repository, as JSON text")),
    responses((status = 200, description = "`ok`, `error_code` (0, or OpenPitrix's), and what works")))]
pub(in crate::api) async fn validate(call: Call) -> Answer {
    let text = |key: &str| call.query.one(key).unwrap_or_default().to_owned();
    let (url, kind, credential) = (text("url"), text("type"), text("credential"));
    let repositories = call.repositories().clone();
    let tried = call.state.main.spawn(async move {
        let key = key(&credential)?;
        repositories.try_out(&url, &kind, key.as_ref()).await
    });
    let found = match tried.await {
        Ok(Ok(found)) => {
            let mut found = serde_json::to_value(found).unwrap_or_default();
            if let Some(found) = found.as_object_mut() {
                let code = found.get("error_code").cloned().unwrap_or_default();
                found.insert("errorCode".to_owned(), code);
            }
            found
        }
        Ok(Err(error)) => json!({
            "ok": false,
            "error_code": error.code(),
            "errorCode": error.code(),
            "detail": error.to_string(),
        }),
        Err(_) => {
            return Err(ApiError::internal(
                "the repository was not tried out by a fault in Storekeeper; its log tells more",
            )
            .into());
        }
    };
    Ok(HttpResponse::Ok().json(found))
}

/// An event of a repository.
fn event(event: &Event) -> Value {
    json!({
        "repo_event_id": event.id,
        "repo_id": event.repository,
        "status": event.status,
        "result": event.result,
        "problems": event.problems,
        "owner": event.owner,
        "create_time": rfc3339(event.created_at),
        "status_time": rfc3339(event.ended_at.unwrap_or(event.created_at)),
    })
}

/// Brings a repository up to date now: for administrators.
#[utoipa::path(post, path = "/v1/repos/index", tag = "publishing", request_body = RepoFields,
    responses((status = 200, description = "The event that tells how it went"),
              (status = 409, description = "It is at work already")))]
pub(in crate::api) async fn index(call: Call, V1Json(body): V1Json<RepoFields>) -> Answer {
    let record = named(&call, &body.repo_id).await?;
    let repositories = call.repositories().clone();
    let name = record.name.to_string();
    let done = call
        .done(async move { repositories.sync(&name, "user").await })
        .await?;
    Ok(HttpResponse::Ok().json(event(&done)))
}

/// What happened with repositories, the newest first.
#[utoipa::path(get, path = "/v1/repo_events", tag = "publishing",
    params(("repo_id" = String, Query, description = "The repository"),
           ("limit" = Option<u64>, Query, description = "How many; 20 when absent, 200 at most"),
           ("offset" = Option<u64>, Query, description = "After how many others")),
    responses((status = 200, description = "`total_count` and `repo_event_set`")))]
pub(in crate::api) async fn events(call: Call) -> Answer {
    let page = call.query.page()?;
    let record = named(&call, call.query.need("repo_id")?).await?;
    let name = record.name.as_str();
    let all = call.repositories().events(name, MAX_EVENTS).await?;
    let total = u64::try_from(all.len()).unwrap_or(u64::MAX);
    let rows: Vec<Value> = page.part_of(all).iter().map(event).collect();
    Ok(HttpResponse::Ok().json(listed("repo_event_set", total, rows)))
}
