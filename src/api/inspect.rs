//! What a package would do, told before it is installed: its settings as a form, and its effects. Only
//! its manifests and templates are read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::apps::Answer;
use super::error::ApiError;
use super::form::{self, Effects, Form};
use super::incoming;
use super::install::OfferQuery;
use super::packages::refuse_forms;
use super::port_map::PortMap;
use super::state::State;
use super::usage::Look;
use crate::app::store::StoreInfo;
use crate::app::{App, AppName, Config, InstallInfo, Problem};
use crate::archive::{self, Limits};
use crate::catalog::{Offer, Part, Source};
use crate::command::preview::PreviewStep;
use crate::download::{Fetched, Request};

/// Larger manifests and templates are mistakes.
const MAX_ENTRY_BYTES: u64 = 4 << 20;

/// Templates that are read.
const MAX_TEMPLATES: usize = 40;

/// The largest package that is fetched only to be looked at: nobody sees how far that is.
const MAX_FETCHED_BYTES: u64 = 64 << 20;

/// What a package is and does.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Inspection {
    /// The app in it.
    #[schema(value_type = String)]
    name: AppName,
    /// Its version.
    version: String,
    /// What it is, in a sentence.
    desc: String,
    /// The version that is installed; null when it is not.
    installed: Option<String>,
    /// Its `install.json`, as it was understood.
    #[schema(value_type = Object)]
    manifest: InstallInfo,
    /// Its settings.
    form: Form,
    /// What it does.
    effects: Effects,
    /// The mistakes in its manifests.
    #[schema(value_type = Vec<Object>)]
    problems: Vec<Problem>,
}

/// Tells what a package is and would do, without installing it.
#[utoipa::path(post, path = "/api/packages/inspect", tag = "apps",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "What it is", body = Inspection),
              (status = 413, description = "It is larger than 8 GiB"),
              (status = 422, description = "It is no package, or its manifest has mistakes")))]
pub(super) async fn package(
    request: HttpRequest,
    state: web::Data<State>,
    payload: web::Payload,
) -> Answer {
    refuse_forms(&request)?;
    let package = incoming::receive(&request, &state.service.library, payload).await?;
    let look = state.sampler.look(&state.service.supervisor).await?;
    let state = state.into_inner();
    let told = web::block(move || {
        let told = inspect(&state, package.path(), "the package", &look);
        drop(package);
        told
    });
    Ok(json(told.await??))
}

/// Fetches the package of an app that the catalogs offer, unless it is large, and tells what it would do.
/// An install that follows does not fetch it again.
#[utoipa::path(post, path = "/api/catalog/{name}/inspect", tag = "catalogs",
    params(("name" = String, Path, description = "The app"), OfferQuery),
    responses((status = 200, description = "What it is", body = Inspection),
              (status = 404, description = "Nobody offers it"),
              (status = 413, description = "It is too large to be fetched only for that"),
              (status = 502, description = "It did not come")))]
pub(super) async fn offered(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<OfferQuery>,
) -> Answer {
    let (name, query) = (name.into_inner(), query.into_inner());
    let catalogs = state.service.catalogs.clone();
    let source = web::block(move || {
        let offers = catalogs.find(&name);
        let (offer, older) = query.choose(&name, &offers)?;
        let part = |part| match older {
            Some(older) => offer.source_of(older, part, MAX_FETCHED_BYTES),
            None => offer.source(part, MAX_FETCHED_BYTES),
        };
        let is_large = older.is_none() && offer.info.size > MAX_FETCHED_BYTES;
        let source = part(Part::App).or_else(|| part(Part::Program));
        match source {
            Some(Source::Web(_) | Source::Repository { .. }) if is_large => Err(too_large()),
            Some(source) => Ok(source),
            None => Err(ApiError::not_found(format!(
                "nobody says where `{name}` can be fetched"
            ))),
        }
    })
    .await??;
    let look = state.sampler.look(&state.service.supervisor).await?;
    let (package, held) = match source {
        Source::File { path, .. } => (path, None),
        Source::Web(request) => fetched(&state, request).await?,
        Source::Repository { url, sha256 } => {
            let catalogs = &state.service.catalogs;
            let request = catalogs.request_of(&url, sha256, MAX_FETCHED_BYTES).await;
            fetched(&state, request.map_err(bad_gateway)?).await?
        }
    };
    let state = state.into_inner();
    let told = web::block(move || {
        let told = inspect(&state, &package, "the package", &look);
        drop(held);
        told
    });
    Ok(json(told.await??))
}

/// A package in the cache, and what keeps it there.
async fn fetched(state: &State, request: Request) -> Result<(PathBuf, Option<Fetched>), ApiError> {
    let downloader = state.service.downloader.clone();
    // In the service's own runtime: whoever comes back finds what was fetched.
    let fetched = state.main.spawn(async move {
        let cancel = CancellationToken::new();
        downloader.fetch(&request, &cancel, &|_| ()).await
    });
    let fetched = fetched.await.map_err(|_| {
        ApiError::internal("the download ended by a fault in Storekeeper; its log tells more")
    })?;
    let fetched = fetched.map_err(bad_gateway)?;
    Ok((fetched.path.clone(), Some(fetched)))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn bad_gateway(error: impl ToString) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, error.to_string())
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the package is larger than 64 MiB, so it is not fetched only to be looked at; install it to see what it does",
    )
}

fn json(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(text)
}

/// Reads a package's manifests and templates, and tells what they say. Blocks.
fn inspect(state: &State, package: &Path, shown: &str, look: &Look) -> Result<String, ApiError> {
    let name = incoming::name_in(package, shown)?;
    let no_room = |error: std::io::Error| {
        ApiError::internal(format!("there is no room to look into it: {error}"))
    };
    // What is left there by a service that was killed goes with the next start.
    let beside = state.service.library.upload_dir();
    crate::platform::create_private_dir(&beside).map_err(no_room)?;
    let folder = tempfile::Builder::new()
        .prefix("look-")
        .tempdir_in(&beside)
        .map_err(no_room)?;
    // Links are resolved, so that paths in it are known again.
    let dir = folder
        .path()
        .canonicalize()
        .unwrap_or_else(|_| folder.path().to_owned());
    let entry = |path: &str| -> Option<String> {
        let bytes = archive::read_entry(package, path, MAX_ENTRY_BYTES, &Limits::default());
        String::from_utf8(bytes.ok()??).ok()
    };
    let install_text = entry("install.json").unwrap_or_default();
    let store_text = entry("store.json");
    let (app, mut problems) = App::parse(name.clone(), dir.clone(), install_text, store_text);
    app.locate(&mut problems);
    if let Some(store) = &app.store {
        for path in templates(store).into_iter().take(MAX_TEMPLATES) {
            if let Some(text) = entry(&path) {
                let to = dir.join(&path);
                let written = fs::create_dir_all(to.parent().unwrap_or(&dir))
                    .and_then(|()| fs::write(&to, text));
                written.map_err(no_room)?;
            }
        }
    }
    let record = state.service.database.app(&name);
    let ports = PortMap::look(state, look).ok();
    let config = match &app.store {
        Some(store) => Config::of(store, &record.config),
        None => Config::default(),
    };
    let mut effects = form::effects_of(state, &app, &config);
    effects.forgive(is_missing);
    let inspection = Inspection {
        version: app.install.version.clone(),
        desc: app.install.desc.clone(),
        installed: record.installed.clone(),
        form: form::form_of(&app, &record, ports.as_ref(), None),
        effects,
        problems,
        manifest: app.install,
        name: name.clone(),
    };
    let text = serde_json::to_string(&inspection)
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    // It is told as it will be, in its place.
    let place = state.service.library.app_dir(&name);
    let portable = |path: &Path| path.to_string_lossy().replace('\\', "/");
    Ok(text.replace(&portable(&dir), &portable(&place)))
}

/// What the package itself will bring is not there yet.
fn is_missing(error: &str) -> bool {
    error.ends_with("is not there")
}

/// The templates below the app's folder that its lists and its configuration file are made of.
fn templates(store: &StoreInfo) -> BTreeSet<String> {
    let below = |path: &str| {
        let path = path.strip_prefix("{exePath}/").unwrap_or(path);
        let is_plain = !path.is_empty()
            && !path.starts_with('/')
            && !path.contains(['{', '\\', ':'])
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        is_plain.then(|| path.to_owned())
    };
    let steps = store.commands.values().flatten();
    let mut found: BTreeSet<String> = steps.filter_map(|step| below(&step.tpl_path)).collect();
    for ending in ["tpl", "hbs"] {
        found.extend(below(&format!("{}.{ending}", store.setting.conf_path)));
    }
    found
}

impl Effects {
    /// Takes out what only seems to be wrong.
    fn forgive(&mut self, seems: impl Fn(&str) -> bool) {
        let forgive = |step: &mut PreviewStep| step.errors.retain(|error| !seems(error));
        self.install.iter_mut().for_each(forgive);
        self.start.iter_mut().for_each(forgive);
    }
}

/// One of the files that an offer is made of.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Address {
    /// `app` (the app or its adapter) or `program` (the official archive of its program).
    part: &'static str,
    /// Where it is fetched.
    url: String,
    /// The host there; null for a folder of this computer.
    host: Option<String>,
    /// What it must hold, as 64 hexadecimal digits; null when nobody says.
    sha256: Option<String>,
    /// How many further addresses it has.
    mirrors: usize,
}

/// The files of an offer.
pub(super) fn addresses(offer: &Offer) -> Vec<Address> {
    let info = &offer.info;
    let file = |part, url: &str, sha256: &str, mirrors: usize| {
        let url = url::Url::parse(url).ok()?;
        Some(Address {
            part,
            host: url.host_str().map(str::to_owned),
            url: shown(url),
            sha256: (!sha256.is_empty()).then(|| sha256.to_owned()),
            mirrors,
        })
    };
    let app = file("app", &info.url, &info.sha256, info.mirrors.len());
    let program = file(
        "program",
        &info.pkg,
        &info.pkg_sha256,
        info.pkg_mirrors.len(),
    );
    app.into_iter().chain(program).collect()
}

/// An address without what is nobody's affair.
fn shown(mut url: url::Url) -> String {
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

/// Whether nothing vouches for what will be fetched.
pub(super) fn is_unchecked(addresses: &[Address]) -> bool {
    addresses.iter().any(|address| address.sha256.is_none())
}

/// The settings that a manifest's dependency asks for.
pub(super) fn requirement(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::parse;

    #[test]
    fn templates_are_looked_for_only_in_the_package() {
        let store = serde_json::json!({
            "setting": { "binPath": "x", "confPath": "{exePath}/etc/x.conf" },
            "commands": { "a": [
                { "name": "changeFile", "tplPath": "{exePath}/x.tpl", "filePath": "y" },
                { "name": "changeFile", "tplPath": "/etc/passwd", "filePath": "y" },
                { "name": "changeFile", "tplPath": "{exePath}/../x.tpl", "filePath": "y" },
                { "name": "changeFile", "tplPath": "{dataDir}/x.tpl", "filePath": "y" },
            ]}
        });
        let (store, _) = parse::store(&store.to_string());
        let found: Vec<String> = templates(&store).into_iter().collect();
        assert_eq!(found, ["etc/x.conf.hbs", "etc/x.conf.tpl", "x.tpl"]);
    }
}
