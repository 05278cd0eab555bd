//! `/v1/app_versions`, `/v1/active_app_versions`, and what belongs to a version.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::body;
use super::call::{Call, all};
use super::query::{ListQuery, Query};
use super::{Answer, V1Error};
use crate::api::error::ApiError;
use crate::archive::{self, Limits};
use crate::release::account::Actor;
use crate::release::clock::rfc3339;
use crate::release::state::{self as machine, Action};
use crate::release::{Audit, Kind, NewVersion, ReleaseError, Replacement, Version, VersionFilter};
use crate::repository::Package;

/// Larger packages are not told as base64.
const MAX_TOLD_BYTES: u64 = 32 << 20;

/// Larger files of a package are not told.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// So many of them at once, together as large as one.
const MAX_FILES: usize = 32;

/// A version.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct VersionBody {
    /// Its id.
    version_id: String,
    /// Its app's.
    app_id: String,
    /// The app's name.
    app_name: String,
    /// Its number, and in brackets that of the program in it.
    name: String,
    /// Its number alone.
    version: String,
    /// Whose it is.
    owner: String,
    /// What is new in it.
    description: String,
    /// The name of its package's file.
    package_name: String,
    /// How far it is.
    status: String,
    /// For reviews in several phases; empty.
    phase: String,
    /// The last review's reason.
    message: String,
    /// The id of its review: its own.
    review_id: String,
    /// The kind of its package: `godoos`, `openpitrix`, `helm`.
    r#type: String,
    /// Whether it is in the store.
    active: bool,
    /// The checksum of its package.
    sha256: String,
    /// The size of its package, bytes.
    size: u64,
    /// The systems that it runs on; empty: not said.
    platforms: Vec<String>,
    /// What is worth a look in its package.
    warnings: Vec<String>,
    /// What the one who asks may do with it now.
    actions: Vec<&'static str>,
    /// When it was made.
    create_time: String,
    /// When its state changed.
    status_time: String,
    /// When it was changed.
    update_time: String,
}

impl VersionBody {
    pub(super) fn of(version: Version, app_name: &str, actor: &Actor) -> Self {
        let is_owner = actor.owns(&version.owner);
        let possible = |action: &&Action| {
            **action != Action::Create
                && machine::may(actor.role, is_owner, **action)
                && machine::after(version.status, **action).is_some()
        };
        Self {
            actions: Action::ALL
                .iter()
                .filter(possible)
                .map(|action| action.as_str())
                .collect(),
            app_name: app_name.to_owned(),
            name: version.shown(),
            package_name: file_name(app_name, &version),
            status: version.status.to_string(),
            active: version.status == machine::State::Active,
            r#type: version.manifest.package_type,
            platforms: version.manifest.platforms,
            warnings: version.manifest.warnings,
            review_id: version.version_id.clone(),
            version_id: version.version_id,
            app_id: version.app_id,
            version: version.version,
            owner: version.owner,
            description: version.description,
            phase: version.phase,
            message: version.message,
            sha256: version.sha256,
            size: version.size,
            create_time: rfc3339(version.created),
            status_time: rfc3339(version.status_time),
            update_time: rfc3339(version.updated),
        }
    }
}

fn file_name(app_name: &str, version: &Version) -> String {
    format!("{app_name}-{}.{}", version.version, version.kind)
}

/// What of versions is wanted.
#[derive(utoipa::IntoParams)]
#[expect(
    dead_code,
    reason = "it describes the query, whose keys may be repeated"
)]
pub(in crate::api) struct VersionQuery {
    /// Those whose number begins so, or whose app has all these words.
    search_word: Option<String>,
    /// Those of these ids.
    version_id: Option<Vec<String>>,
    /// Those with these numbers.
    name: Option<Vec<String>>,
}

fn filter(query: &Query) -> VersionFilter {
    VersionFilter {
        search_word: query.one("search_word").unwrap_or_default().to_owned(),
        version_id: query.list("version_id"),
        app_id: query.list("app_id"),
        repo_id: query.list("repo_id"),
        status: query.list("status"),
        owner: query.list("owner"),
        name: query.list("name"),
    }
}

/// The versions that one may see: all of them, one's own, or those in the store.
#[utoipa::path(get, path = "/v1/app_versions", tag = "publishing", params(VersionQuery, ListQuery),
    responses((status = 200, description = "`total_count` and `app_version_set`", body = Vec<VersionBody>)))]
pub(in crate::api) async fn list(call: Call) -> Answer {
    let (filter, page) = (filter(&call.query), call.query.page()?);
    let read = call.releases().versions(&call.actor, &filter, &page);
    call.list(
        "app_versions",
        "app_version_set",
        read,
        shown_to(&call.actor),
    )
    .await
}

/// The versions in the store.
#[utoipa::path(get, path = "/v1/active_app_versions", tag = "publishing", params(VersionQuery, ListQuery),
    responses((status = 200, description = "`total_count` and `app_version_set`", body = Vec<VersionBody>)))]
pub(in crate::api) async fn list_active(call: Call) -> Answer {
    let (filter, page) = (filter(&call.query), call.query.page()?);
    let read = call.releases().active_versions(&filter, &page);
    let show = shown_to(&call.actor);
    call.list("active_app_versions", "app_version_set", read, show)
        .await
}

/// How a row of a list is told to somebody.
fn shown_to(actor: &Actor) -> impl Fn((Version, String)) -> VersionBody {
    move |(version, app)| VersionBody::of(version, &app, actor)
}

/// Body of `POST` and `PATCH /v1/app_versions`: as JSON, as a form, or in the query beside a package
/// that is sent as it is.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes fields that come in three ways")]
pub(in crate::api) struct VersionFields {
    /// The package: base64 in JSON, a file in a form.
    package: String,
    /// The app of a new version.
    app_id: Option<String>,
    /// The version that is changed.
    version_id: Option<String>,
    /// What is new in it.
    description: Option<String>,
}

/// Adds a version to an app, a draft.
#[utoipa::path(post, path = "/v1/app_versions", tag = "publishing",
    request_body(content((VersionFields = "application/json"), (VersionFields = "multipart/form-data"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "`version_id`"),
              (status = 400, description = "The package is not what it must be, or another app's"),
              (status = 409, description = "The app has a version of this number")))]
pub(in crate::api) async fn create(call: Call, payload: web::Payload) -> Answer {
    let sent = call.receive(payload).await?;
    let app_id = sent.text("app_id");
    if app_id.is_empty() {
        return Err(ReleaseError::missing("app_id").into());
    }
    let upload = sent.upload().await?;
    let new = NewVersion {
        app_id,
        description: sent.text("description"),
    };
    let (releases, actor) = (call.releases().clone(), call.actor.clone());
    let made = call.done(async move {
        let version_id = releases.create_version(&actor, new, &upload).await?;
        drop(sent);
        Ok::<_, ReleaseError>(json!({ "version_id": version_id }))
    });
    Ok(HttpResponse::Ok().json(made.await?))
}

/// Puts another package or description in the place of a draft's. `If-Match` may name the checksum that
/// its package must still have.
#[utoipa::path(patch, path = "/v1/app_versions", tag = "publishing",
    request_body(content((VersionFields = "application/json"), (VersionFields = "multipart/form-data"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "`version_id`"),
              (status = 409, description = "It is no draft, or the app has a version of this number"),
              (status = 412, description = "Its package is not the one of `If-Match`")))]
pub(in crate::api) async fn modify(call: Call, payload: web::Payload) -> Answer {
    let sent = call.receive(payload).await?;
    let version_id = sent.text("version_id");
    if version_id.is_empty() {
        return Err(ReleaseError::missing("version_id").into());
    }
    let replacement = Replacement {
        upload: if sent.has_package() {
            Some(sent.upload().await?)
        } else {
            None
        },
        description: sent.optional("description"),
        expected: call.expected(),
    };
    let (releases, actor) = (call.releases().clone(), call.actor.clone());
    let made = call.done(async move {
        releases.replace(&actor, &version_id, replacement).await?;
        drop(sent);
        Ok::<_, ReleaseError>(json!({ "version_id": version_id }))
    });
    Ok(HttpResponse::Ok().json(made.await?))
}

/// The version that a query names: by its id, or as an app's newest in the store.
async fn named(call: &Call) -> Result<String, V1Error> {
    if let Some(id) = call.query.one("version_id") {
        return Ok(id.to_owned());
    }
    let Some(app_id) = call.query.one("app_id") else {
        return Err(ReleaseError::missing("version_id").into());
    };
    let app = call.releases().app(&call.actor, app_id).await?;
    let latest = call.releases().latest(&app.app_id).await?;
    Ok(latest.version_id)
}

/// The package of a version: a released one's for everybody, others' for their developer and for
/// administrators. As JSON with base64 when `Accept` asks for it.
#[utoipa::path(get, path = "/v1/app_version/package", tag = "publishing",
    params(("version_id" = Option<String>, Query, description = "The version"),
           ("app_id" = Option<String>, Query, description = "Instead: the newest version of this app that is in the store")),
    responses((status = 200, description = "The package", content((Vec<u8> = "application/octet-stream"), (Object = "application/json"))),
              (status = 403, description = "It is another developer's, and not in the store")))]
pub(in crate::api) async fn package(call: Call) -> Answer {
    let version_id = named(&call).await?;
    let releases = call.releases();
    let (app, version, package) = releases.package(&call.actor, &version_id).await?;
    let accepts = call.request.headers().get(header::ACCEPT);
    let wants_json = accepts
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("application/json"));
    if wants_json {
        let content = whole(package, MAX_TOLD_BYTES).await?;
        return Ok(HttpResponse::Ok().json(json!({
            "app_id": app.app_id,
            "version_id": version_id,
            "package": body::encode(&content),
        })));
    }
    let name = file_name(&app.name, &version);
    let Package { size, stream, .. } = package;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .insert_header((header::ETAG, format!("\"{}\"", version.sha256)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .no_chunking(size)
        .streaming(
            stream.map(|piece| piece.map_err(|error| ApiError::internal(error.to_string()))),
        ))
}

async fn whole(mut package: Package, limit: u64) -> Result<Vec<u8>, V1Error> {
    if package.size > limit {
        return Err(ReleaseError::new(
            Kind::TooLarge,
            "package_too_large",
            "the package is too large to be told as base64; ask for it with `Accept: application/octet-stream`",
            "配置包过大，请以二进制方式下载",
        )
        .into());
    }
    let mut content = Vec::new();
    while let Some(piece) = package.stream.next().await {
        content.extend_from_slice(&piece?);
    }
    Ok(content)
}

/// Files of a version's package, as base64 by name.
#[utoipa::path(get, path = "/v1/app_version/package/files", tag = "publishing",
    params(("version_id" = String, Query, description = "The version"),
           ("files" = Vec<String>, Query, description = "Which files; `install.json` and `store.json` when absent")),
    responses((status = 200, description = "`version_id` and `files`, by name"),
              (status = 403, description = "It is another developer's, and not in the store")))]
pub(in crate::api) async fn files(call: Call) -> Answer {
    let version_id = call.query.need("version_id")?.to_owned();
    let mut wanted = call.query.list("files");
    if wanted.len() > MAX_FILES {
        let reason = format!("at most {MAX_FILES} files are read at once");
        return Err(ReleaseError::parameter("files", &reason).into());
    }
    if wanted.is_empty() {
        wanted = vec!["install.json".to_owned(), "store.json".to_owned()];
    }
    let releases = call.releases();
    let (_, _, mut package) = releases.package(&call.actor, &version_id).await?;
    let folder = call.library().upload_dir();
    let failed = |error: std::io::Error| {
        ApiError::internal(format!(
            "the package cannot be looked into: {error}; make room"
        ))
    };
    let file = web::block(move || {
        crate::platform::create_private_dir(&folder)?;
        tempfile::Builder::new().prefix("").tempfile_in(&folder)
    });
    let (file, path) = file.await?.map_err(failed)?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    while let Some(piece) = package.stream.next().await {
        file.write_all(&piece?).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    drop(file);
    let read = web::block(move || {
        let mut files = serde_json::Map::new();
        let mut left = MAX_FILE_BYTES;
        for name in wanted {
            let read = archive::read_entry(&path, &name, left, &Limits::default());
            if let Ok(Some(content)) = read {
                left = left.saturating_sub(u64::try_from(content.len()).unwrap_or(u64::MAX));
                files.insert(name, body::encode(&content).into());
            }
        }
        files
    });
    let files = read.await?;
    Ok(HttpResponse::Ok().json(json!({ "version_id": version_id, "files": files })))
}

/// The history of a version, or of all versions of an app, oldest first.
#[utoipa::path(get, path = "/v1/app_version_audits", tag = "publishing",
    params(("version_id" = Option<String>, Query, description = "The version"),
           ("app_id" = Option<String>, Query, description = "Or the app")),
    responses((status = 200, description = "`total_count` and `app_version_audit_set`", body = Vec<Audit>)))]
pub(in crate::api) async fn audits(call: Call) -> Answer {
    let releases = call.releases();
    let (version, app) = (call.query.one("version_id"), call.query.one("app_id"));
    let audits = releases.audits(&call.actor, version, app).await?;
    Ok(all("app_version_audit_set", audits))
}

/// What waits for a review: for administrators.
#[utoipa::path(get, path = "/v1/app_version_reviews", tag = "publishing", params(VersionQuery, ListQuery),
    responses((status = 200, description = "`total_count` and `app_version_review_set`", body = Vec<VersionBody>)))]
pub(in crate::api) async fn reviews(call: Call) -> Answer {
    let (mut filter, page) = (filter(&call.query), call.query.page()?);
    if filter.status.is_empty() {
        filter.status = vec!["submitted".to_owned(), "in-review".to_owned()];
    }
    let read = call.releases().versions(&call.actor, &filter, &page);
    let show = shown_to(&call.actor);
    call.list("app_version_reviews", "app_version_review_set", read, show)
        .await
}
