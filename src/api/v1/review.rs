//! `/v1/app_version/review`: what a reviewer wants to know of a version before he passes it. What it
//! would do on a computer, what its manifests get wrong, and what changed since the version in the
//! store.

use std::path::{Path, PathBuf};

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::call::Call;
use super::{Answer, V1Error};
use crate::api::error::ApiError;
use crate::api::form::effects_of;
use crate::api::incoming::{self, Partial};
use crate::api::state::State;
use crate::app::parse::INSTALL_FILE;
use crate::app::{AppName, Config, StoreInfo};
use crate::archive::{self, Limits, Unpacked};
use crate::platform;
use crate::release::compare::{Comparison, Content, compare};

/// Packages are large: so many reviews are prepared at a time, others wait.
static REVIEWS: Semaphore = Semaphore::const_new(2);

/// What a package under review may unpack to, bytes.
const MAX_BYTES: u64 = 8 << 30;

/// What is to be known of a version.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Review {
    /// What it does on a computer, as `/api/apps/{name}/effects` tells it; null when its manifests do
    /// not say, or when it is not for this store.
    #[schema(value_type = Object)]
    effects: Option<Value>,
    /// What its manifests get wrong, and what is probably not meant, as sentences.
    problems: Vec<String>,
    /// What changed since the version in the store.
    changes: Changes,
}

/// What changed.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Changes {
    /// The newest version in the store; null when there is none.
    since: Option<String>,
    #[serde(flatten)]
    comparison: Comparison,
}

/// A package that lies unpacked beside the others; it is deleted when it is dropped.
struct Laid {
    _staging: TempDir,
    /// The app's folder in it.
    folder: PathBuf,
    top: Option<String>,
    unpacked: Unpacked,
}

/// What a version would do on a computer, and what changed since the version in the store: for its
/// developer and for administrators. Nothing of it is run.
#[utoipa::path(get, path = "/v1/app_version/review", tag = "publishing",
    params(("version_id" = String, Query, description = "The version")),
    responses((status = 200, description = "What it does and what changed", body = Review),
              (status = 403, description = "It is another developer's"),
              (status = 404, description = "There is no such version"),
              (status = 422, description = "Its package cannot be unpacked")))]
pub(in crate::api) async fn review(call: Call) -> Answer {
    let version_id = call.query.need("version_id")?;
    let _turn = REVIEWS.acquire().await;
    let (name, app_id, new) = fetch(&call, version_id).await?;
    let latest = match call.releases().latest(&app_id).await {
        Ok(latest) if latest.version_id != version_id => Some(latest),
        // It is in the store itself, or nothing is.
        Ok(_) | Err(_) => None,
    };
    let old = match &latest {
        Some(latest) => Some(fetch(&call, &latest.version_id).await?.2),
        None => None,
    };
    let since = latest.map(|latest| latest.version);
    let state = call.state.clone().into_inner();
    let review = web::block(move || {
        let upload_dir = state.service.library.upload_dir();
        let lay = |file: &Partial| lay(&upload_dir, file.path(), &name);
        let new = lay(&new)?;
        let old = old.as_ref().map(lay).transpose()?;
        let before = old.as_ref().map(Laid::content);
        let (effects, problems) = about(&state, &name, &new.folder);
        Ok::<_, ApiError>(Review {
            effects,
            problems,
            changes: Changes {
                since,
                comparison: compare(before.as_ref(), &new.content()),
            },
        })
    });
    Ok(HttpResponse::Ok().json(review.await??))
}

/// Brings a version's package here. Gives the name and the id of its app, too.
async fn fetch(call: &Call, version_id: &str) -> Result<(String, String, Partial), V1Error> {
    let releases = call.releases();
    let (app, _, package) = releases.package(&call.actor, version_id).await?;
    let file = incoming::receive_file(&call.request, call.library(), package.stream).await?;
    Ok((app.name, app.app_id, file))
}

/// Unpacks a package of an app. Blocks.
fn lay(beside: &Path, file: &Path, name: &str) -> Result<Laid, ApiError> {
    let failed = |error: &dyn std::fmt::Display| {
        ApiError::internal(format!(
            "the package of `{name}` cannot be unpacked in `{}`: {error}",
            beside.display()
        ))
    };
    platform::create_private_dir(beside).map_err(|error| failed(&error))?;
    // Whatever a kill leaves there is swept at the next start.
    let staging = tempfile::Builder::new()
        .prefix("review-")
        .tempdir_in(beside)
        .map_err(|error| failed(&error))?;
    let content = staging.path().join("content");
    let limits = Limits {
        bytes: MAX_BYTES,
        ..Limits::default()
    };
    let unpacked = archive::unpack_new(file, &content, &limits, &|_, _| {}, &|| false);
    let unpacked = unpacked.map_err(|error| {
        // The name on our disk means nothing to whoever asks.
        let place = format!("`{}`", file.display());
        ApiError::new(
            actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
            error
                .to_string()
                .replace(&place, &format!("the package of `{name}`")),
        )
    })?;
    let top = archive::single_top(&content).map_err(|error| failed(&error))?;
    Ok(Laid {
        _staging: staging,
        folder: match &top {
            Some(top) => content.join(top),
            None => content,
        },
        top,
        unpacked,
    })
}

impl Laid {
    fn content(&self) -> Content<'_> {
        Content::new(&self.folder, &self.unpacked, self.top.as_deref())
    }
}

/// What an app would do, told as if it lay where it would be installed; and what is wrong with it.
fn about(state: &State, name: &str, folder: &Path) -> (Option<Value>, Vec<String>) {
    if !folder.join(INSTALL_FILE).is_file() {
        // A package of OpenPitrix or a Helm chart: its own warnings say what becomes of it.
        return (None, Vec::new());
    }
    let Ok(name) = AppName::parse(name) else {
        return (None, Vec::new());
    };
    let apps = &state.service.apps;
    let place = state.service.library.app_dir(&name);
    let shown = |text: &str| {
        let slashes = |path: &Path| path.to_string_lossy().replace('\\', "/");
        text.replace(&*folder.to_string_lossy(), &place.to_string_lossy())
            .replace(&slashes(folder), &slashes(&place))
    };
    let problems = apps.problems_in(&name, folder);
    let problems = problems.iter().map(|it| shown(&it.sentence())).collect();
    let effects = apps.read_from(&name, folder).ok().and_then(|app| {
        let none = StoreInfo::default();
        let config = Config::of(app.store.as_ref().unwrap_or(&none), &serde_json::Map::new());
        let effects = serde_json::to_value(effects_of(state, &app, &config)).ok()?;
        Some(each_text(effects, &shown))
    });
    (effects, problems)
}

/// The same value with every text in it changed.
fn each_text(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(list) => list.into_iter().map(|it| each_text(it, change)).collect(),
        Value::Object(pairs) => {
            let pairs = pairs.into_iter();
            Value::Object(
                pairs
                    .map(|(key, it)| (key, each_text(it, change)))
                    .collect(),
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
