//! `/api/repositories`: where packages are published.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::Asker;
use super::apps::{Answer, json_bytes};
use super::body::Json;
use super::error::ApiError;
use super::state::State;
use crate::release::account::Actor;
use crate::repository::{
    AccessKey, Change, Event, NewRepository, Record, Repositories, RepositoryError, Validation,
};

/// Most events that are asked for at once.
const MAX_EVENTS: usize = 200;

/// A repository that is to be added or tried out.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct New {
    /// Its name: small letters, digits and `-`. Not needed to try it out.
    #[serde(default)]
    name: String,
    /// `s3`, `http`, `https` or `directory`; by the address when left out.
    #[serde(default, rename = "type")]
    kind: String,
    /// `s3://s3.<region>.<host>/<bucket>[/<prefix>]` (by https), `s3://<host>:<port>/<bucket>` (by http),
    /// `https://…`, `http://…` or the absolute path of a folder.
    url: String,
    /// The access key of an S3 repository, or OpenPitrix's JSON text of it in `credential`.
    #[serde(default)]
    access_key_id: String,
    /// Its secret. Nothing shows it again.
    #[serde(default)]
    secret_access_key: String,
    /// `{"access_key_id": …, "secret_access_key": …}`, as text.
    #[serde(default)]
    credential: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// Seconds between two syncs; 0: only by hand; six hours when left out.
    #[serde(default)]
    sync_period: Option<u64>,
}

/// What is to be changed; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Changed {
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Its address. It must be readable, or nothing is changed.
    #[serde(default)]
    url: Option<String>,
    /// The access key of an S3 repository.
    #[serde(default)]
    access_key_id: String,
    /// Its secret.
    #[serde(default)]
    secret_access_key: String,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// Seconds between two syncs; 0: only by hand.
    #[serde(default)]
    sync_period: Option<u64>,
}

/// `?deleted=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct ListQuery {
    /// Removed ones, too.
    deleted: bool,
}

/// `?limit=20`.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct EventsQuery {
    /// How many, at most 200.
    limit: usize,
}

impl Default for EventsQuery {
    fn default() -> Self {
        Self { limit: 20 }
    }
}

/// A package of a repository.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Published {
    /// Its name.
    name: String,
    /// Its versions, the newest first, each as the index has it.
    #[schema(value_type = Vec<Object>)]
    versions: Vec<Value>,
}

/// The key that was sent, if one was.
fn key(id: &str, secret: &str, credential: &str) -> Result<Option<AccessKey>, RepositoryError> {
    if !credential.is_empty() {
        return AccessKey::parse(credential);
    }
    if id.is_empty() && secret.is_empty() {
        return Ok(None);
    }
    AccessKey::new(id, secret).map(Some)
}

/// Does something in the service's own runtime: a caller that goes away does not leave it half done.
async fn in_main<T, F>(
    state: &State,
    work: impl FnOnce(Repositories) -> F + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, RepositoryError>> + Send + 'static,
{
    let repositories = state.service.repositories.clone();
    match state.main.spawn(work(repositories)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ApiError::internal(
            "the repositories were not changed by a fault in Storekeeper; its log tells more",
        )),
    }
}

/// Brings one up to date without anybody waiting for it.
fn sync_soon(state: &State, name: String, owner: &'static str) {
    let repositories = state.service.repositories.clone();
    state.main.spawn(async move {
        // How it went is told by its event; one that is at work already will do.
        let _ = repositories.sync(&name, owner).await;
    });
}

/// The repositories.
#[utoipa::path(get, path = "/api/repositories", tag = "repositories", params(ListQuery),
    responses((status = 200, description = "The repositories", body = Vec<Record>)))]
pub(super) async fn list(state: web::Data<State>, query: web::Query<ListQuery>) -> Answer {
    let list = state.service.repositories.list(query.deleted).await?;
    Ok(HttpResponse::Ok().json(list))
}

/// One repository.
#[utoipa::path(get, path = "/api/repositories/{name}", tag = "repositories",
    params(("name" = String, Path, description = "The repository")),
    responses((status = 200, description = "The repository", body = Record),
              (status = 404, description = "There is no such repository")))]
pub(super) async fn get(state: web::Data<State>, name: web::Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(state.service.repositories.get(&name).await?))
}

/// Adds a repository that can be read, and begins to bring it up to date.
#[utoipa::path(post, path = "/api/repositories", tag = "repositories", request_body = New,
    responses((status = 201, description = "It was added", body = Record),
              (status = 400, description = "Its name, address or key cannot be used"),
              (status = 409, description = "There is one of that name or address"),
              (status = 502, description = "It cannot be read; `data.errorCode` is OpenPitrix's")))]
pub(super) async fn add(state: web::Data<State>, Json(body): Json<New>) -> Answer {
    let new = NewRepository {
        key: key(
            &body.access_key_id,
            &body.secret_access_key,
            &body.credential,
        )?,
        name: body.name,
        kind: body.kind,
        url: body.url,
        description: body.description,
        sync_period: body.sync_period,
    };
    let record = in_main(
        &state,
        |repositories| async move { repositories.add(new).await },
    )
    .await?;
    sync_soon(&state, record.name.to_string(), "created");
    Ok(HttpResponse::Created().json(record))
}

/// Changes a repository.
#[utoipa::path(patch, path = "/api/repositories/{name}", tag = "repositories",
    params(("name" = String, Path, description = "The repository")), request_body = Changed,
    responses((status = 200, description = "As it is now", body = Record),
              (status = 400, description = "Its address or key cannot be used"),
              (status = 404, description = "There is no such repository"),
              (status = 409, description = "There is one of that name or address, or it is built in"),
              (status = 502, description = "It cannot be read there; nothing was changed")))]
pub(super) async fn change(
    state: web::Data<State>,
    name: web::Path<String>,
    Json(body): Json<Changed>,
) -> Answer {
    let key = key(&body.access_key_id, &body.secret_access_key, "")?;
    let moves = body.url.is_some() || body.name.is_some() || key.is_some();
    let change = Change {
        name: body.name,
        url: body.url,
        key,
        description: body.description,
        sync_period: body.sync_period,
    };
    let name = name.into_inner();
    let record = in_main(&state, |repositories| async move {
        repositories.change(&name, change).await
    })
    .await?;
    if moves {
        sync_soon(&state, record.name.to_string(), "changed");
    }
    Ok(HttpResponse::Ok().json(record))
}

/// Removes a repository; what lies in it stays, and what was installed from it, too. What was published
/// in it leaves the store.
#[utoipa::path(delete, path = "/api/repositories/{name}", tag = "repositories",
    params(("name" = String, Path, description = "The repository")),
    responses((status = 204, description = "It was removed"),
              (status = 404, description = "There is no such repository"),
              (status = 409, description = "It is built in")))]
pub(super) async fn remove(
    state: web::Data<State>,
    Asker(actor): Asker,
    name: web::Path<String>,
) -> Answer {
    let (name, actor) = (name.into_inner(), actor.unwrap_or_else(Actor::local));
    let releases = state.service.releases.clone();
    in_main(&state, |_| async move {
        releases.remove_repository(&actor, &name).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Says what works with a repository that is not added, and leaves nothing behind there.
#[utoipa::path(post, path = "/api/repositories/validate", tag = "repositories", request_body = New,
    responses((status = 200, description = "What works; `ok` says whether it can be added", body = Validation)))]
pub(super) async fn try_out(state: web::Data<State>, Json(body): Json<New>) -> Answer {
    let tried = in_main(&state, |repositories| async move {
        let key = key(
            &body.access_key_id,
            &body.secret_access_key,
            &body.credential,
        );
        let tried = match key {
            Ok(key) => {
                repositories
                    .try_out(&body.url, &body.kind, key.as_ref())
                    .await
            }
            Err(error) => Err(error),
        };
        Ok(tried.unwrap_or_else(|error| refused(&error)))
    })
    .await?;
    Ok(HttpResponse::Ok().json(tried))
}

/// Says what works with a repository, and leaves nothing behind there.
#[utoipa::path(post, path = "/api/repositories/{name}/validate", tag = "repositories",
    params(("name" = String, Path, description = "The repository")),
    responses((status = 200, description = "What works", body = Validation),
              (status = 404, description = "There is no such repository")))]
pub(super) async fn validate(state: web::Data<State>, name: web::Path<String>) -> Answer {
    let name = name.into_inner();
    let found = in_main(&state, |repositories| async move {
        match repositories.validate(&name).await {
            Ok(found) => Ok(found),
            Err(error @ RepositoryError::Unknown(_)) => Err(error),
            Err(error) => Ok(refused(&error)),
        }
    })
    .await?;
    Ok(HttpResponse::Ok().json(found))
}

fn refused(error: &RepositoryError) -> Validation {
    Validation {
        error_code: error.code(),
        index: "absent".to_owned(),
        detail: error.to_string(),
        ..Validation::default()
    }
}

/// Brings a repository up to date, and waits for that. A failure is told by the event.
#[utoipa::path(post, path = "/api/repositories/{name}/index", tag = "repositories",
    params(("name" = String, Path, description = "The repository")),
    responses((status = 200, description = "How it went", body = Event),
              (status = 404, description = "There is no such repository"),
              (status = 409, description = "It is being brought up to date already")))]
pub(super) async fn index(state: web::Data<State>, name: web::Path<String>) -> Answer {
    let name = name.into_inner();
    let event = in_main(&state, |repositories| async move {
        repositories.sync_next(&name, "user").await
    })
    .await?;
    Ok(HttpResponse::Ok().json(event))
}

/// What happened with a repository, the newest first.
#[utoipa::path(get, path = "/api/repositories/{name}/events", tag = "repositories",
    params(("name" = String, Path, description = "The repository"), EventsQuery),
    responses((status = 200, description = "The events", body = Vec<Event>),
              (status = 404, description = "There is no such repository")))]
pub(super) async fn events(
    state: web::Data<State>,
    name: web::Path<String>,
    query: web::Query<EventsQuery>,
) -> Answer {
    let limit = query.limit.clamp(1, MAX_EVENTS);
    let events = state.service.repositories.events(&name, limit).await?;
    Ok(HttpResponse::Ok().json(events))
}

/// What a repository has, as it was last known.
#[utoipa::path(get, path = "/api/repositories/{name}/packages", tag = "repositories",
    params(("name" = String, Path, description = "The repository")),
    responses((status = 200, description = "The packages", body = Vec<Published>),
              (status = 404, description = "There is no such repository")))]
pub(super) async fn packages(state: web::Data<State>, name: web::Path<String>) -> Answer {
    let index = state.service.repositories.known_index(&name).await?;
    let body = web::block(move || {
        let index = index.unwrap_or_default();
        let packages = index.packages().map(|(name, versions)| Published {
            name: name.to_owned(),
            versions: versions
                .iter()
                .map(|entry| {
                    let mut version = entry.to_json();
                    if let (Some(reason), Some(version)) =
                        (entry.kind.refusal(), version.as_object_mut())
                    {
                        version.insert("refusal".to_owned(), json!(reason));
                    }
                    version
                })
                .collect(),
        });
        serde_json::to_vec(&packages.collect::<Vec<_>>())
    })
    .await?;
    json_bytes(body)
}
