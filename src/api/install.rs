//! Installing apps and changing their versions: `POST /api/apps`, and what follows below
//! `/api/apps/{name}`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::apps::{Accepted, Answer, WaitQuery, submit};
use super::body::{Json, MaybeJson};
use super::error::ApiError;
use super::incoming;
use super::provisional::provisional_name;
use super::state::State;
use crate::app::install::History;
use crate::app::origin::Addresses;
use crate::app::{AppName, Origin, parse};
use crate::catalog::Offer;
use crate::job::{Action, Failure, FailureCode, Install, JobRecord, Source};

/// Larger manifests are mistakes.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Body of `POST /api/apps`: exactly one of `folder`, `package`, and `url` with or without `pkg`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that the user makes"
)]
pub(super) struct NewApp {
    /// A folder with an `install.json`: linked when it says `isDev`, else copied.
    #[schema(value_type = Option<String>)]
    folder: Option<PathBuf>,
    /// A package file on this computer, as an absolute path.
    #[schema(value_type = Option<String>)]
    package: Option<PathBuf>,
    /// Address of the app's package, or of its adapter.
    url: String,
    /// Address of the program's official archive, which the adapter is laid over.
    pkg: String,
    /// What the file at `url` must hold, as 64 hexadecimal digits.
    sha256: String,
    /// Likewise for `pkg`.
    pkg_sha256: String,
    /// Further addresses of the file at `url`.
    mirrors: Vec<String>,
    /// Likewise for `pkg`.
    pkg_mirrors: Vec<String>,
    /// The app's name, which the package must then bear.
    #[schema(value_type = Option<String>)]
    name: Option<AppName>,
    /// Install missing dependencies first, from the catalogs.
    dependencies: bool,
    /// Start it at the end: an upgrade that does not become ready is taken back.
    start: bool,
    /// Take an older version than the one that is there.
    older: bool,
    /// Take the place of an app that came from elsewhere.
    replace: bool,
    /// Settings that it gets before its lists run.
    #[schema(value_type = Object)]
    set: Map<String, Value>,
}

/// `?dependencies=true&start=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that the user makes"
)]
pub(super) struct WishQuery {
    /// Install missing dependencies first, from the catalogs.
    dependencies: bool,
    /// Start it at the end: an upgrade that does not become ready is taken back.
    start: bool,
    /// Take an older version than the one that is there.
    older: bool,
    /// Take the place of an app that came from elsewhere.
    replace: bool,
}

impl WishQuery {
    /// The install that is asked for.
    pub(super) fn install(&self, source: Source) -> Install {
        Install {
            source,
            name_is_given: true,
            dependencies: self.dependencies,
            start: self.start,
            older: self.older,
            replace: self.replace,
            only_newer: false,
            settings: Map::new(),
        }
    }
}

/// Body of `POST /api/apps/{name}/install`; it may be left out.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct InstallWish {
    /// Settings that it gets before its lists run.
    #[schema(value_type = Object)]
    set: Map<String, Value>,
}

/// `?version=1.2.3&catalog=main`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct OfferQuery {
    /// That version, perhaps an older one; else the newest.
    version: Option<String>,
    /// That catalog; else the first that has it.
    catalog: Option<String>,
}

impl OfferQuery {
    /// The offer that is meant, and the older version of it, when that is meant.
    ///
    /// # Errors
    /// Nobody offers it.
    pub(super) fn choose<'a>(
        &self,
        app: &AppName,
        offers: &'a [Arc<Offer>],
    ) -> Result<(&'a Offer, Option<&'a History>), ApiError> {
        let wanted = |offer: &&'a Arc<Offer>| {
            let catalog = self.catalog.as_deref();
            catalog.is_none_or(|catalog| offer.catalog.as_str() == catalog)
        };
        let found = offers.iter().filter(wanted).find_map(|offer| {
            let Some(version) = &self.version else {
                return Some((&**offer, None));
            };
            if offer.info.version == *version {
                return Some((&**offer, None));
            }
            let mut history = offer.info.history.iter();
            let older = history.find(|older| older.version == *version)?;
            Some((&**offer, Some(older)))
        });
        found.ok_or_else(|| {
            let version = self.version.as_deref().map_or_else(String::new, |version| {
                let shown: String = version.escape_debug().take(80).collect();
                format!(" {shown}")
            });
            ApiError::not_found(format!(
                "no catalog offers `{app}`{version}; add one that does, or refresh those there are"
            ))
        })
    }
}

/// `?withData=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RollbackQuery {
    /// With the data as they were then, where they were kept.
    with_data: bool,
}

/// Body of `PATCH /api/apps/{name}/offers`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OffersChange {
    /// Stay at the version that is there, or no longer.
    pinned: Option<bool>,
    /// Do not offer this version any more.
    skip: Option<String>,
}

/// Installs the app of a folder, of a package file or of an address.
#[utoipa::path(post, path = "/api/apps", tag = "apps", params(WaitQuery), request_body = NewApp,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord),
              (status = 422, description = "Its manifest has mistakes; `data` lists them")))]
pub(super) async fn add(
    state: web::Data<State>,
    query: web::Query<WaitQuery>,
    Json(body): Json<NewApp>,
) -> Answer {
    let (name, install) = web::block(move || wish(body)).await??;
    submit(&state, &name, Action::Install(install), query.wait).await
}

/// What a body asks for, and under which name. Blocks.
fn wish(body: NewApp) -> Result<(AppName, Install), ApiError> {
    let addresses = Addresses {
        url: body.url,
        pkg: body.pkg,
        sha256: body.sha256,
        pkg_sha256: body.pkg_sha256,
        mirrors: body.mirrors,
        pkg_mirrors: body.pkg_mirrors,
    };
    let mut name_is_given = true;
    let (name, source) = match (body.folder, body.package, addresses.is_empty()) {
        (Some(folder), None, true) => {
            let name = body.name.map_or_else(|| name_of_folder(&folder), Ok)?;
            (name, Source::Folder(folder))
        }
        (None, Some(package), true) => {
            let name = body.name.map_or_else(|| name_of_file(&package), Ok)?;
            (name, Source::File(package))
        }
        (None, None, false) => {
            check_addresses(&addresses)?;
            name_is_given = body.name.is_some();
            let guess = || {
                provisional_name(if addresses.url.is_empty() {
                    &addresses.pkg
                } else {
                    &addresses.url
                })
            };
            (body.name.unwrap_or_else(guess), Source::Address(addresses))
        }
        _ => {
            return Err(ApiError::invalid(
                "exactly one of `folder`, `package` and `url` (or `pkg`) must be given; say what is to be installed",
            ));
        }
    };
    let install = Install {
        source,
        name_is_given,
        dependencies: body.dependencies,
        start: body.start,
        older: body.older,
        replace: body.replace,
        only_newer: false,
        settings: body.set,
    };
    Ok((name, install))
}

/// Refuses what is no address at once, before a job is made of it.
pub(super) fn check_addresses(addresses: &Addresses) -> Result<(), ApiError> {
    let own = [&addresses.url, &addresses.pkg];
    let mirrors = addresses.mirrors.iter().chain(&addresses.pkg_mirrors);
    for address in own.into_iter().filter(|it| !it.is_empty()).chain(mirrors) {
        let scheme = address.split_once("://").map(|(scheme, _)| scheme);
        let known = scheme.is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        });
        if !known {
            let shown: String = address.escape_debug().take(200).collect();
            return Err(ApiError::invalid(format!(
                "`{shown}` is no address of a package; write it out, beginning with http:// or https://"
            )));
        }
    }
    Ok(())
}

/// The name that a folder's `install.json` gives.
fn name_of_folder(folder: &Path) -> Result<AppName, ApiError> {
    let shown = folder.display();
    if !folder.is_absolute() {
        return Err(ApiError::invalid(format!(
            "the folder `{shown}` is not an absolute path; write it out from the root"
        )));
    }
    let path = folder.join("install.json");
    let metadata = std::fs::metadata(&path).map_err(|error| {
        ApiError::not_found(format!(
            "`{}` cannot be read: {error}; give the folder of an app",
            path.display()
        ))
    })?;
    if !metadata.is_file() || metadata.len() > MAX_MANIFEST_BYTES {
        return Err(ApiError::invalid(format!(
            "`{}` is not a manifest: it is no file, or larger than 4 MiB",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| {
        ApiError::invalid(format!("`{}` cannot be read: {error}", path.display()))
    })?;
    let (info, problems) = parse::install(&text);
    if let Some(first) = problems.iter().find(|problem| problem.is_error()) {
        return Err(ApiError::from(Failure {
            code: FailureCode::Manifest,
            message: format!(
                "`{}` has a mistake: {}; run `storekeeper validate {shown}`",
                path.display(),
                first.message
            ),
            data: json!({ "problems": problems }),
        }));
    }
    Ok(AppName::parse(&info.name)?)
}

/// The name of the app in a package file.
fn name_of_file(package: &Path) -> Result<AppName, ApiError> {
    need_file(package, "the package")?;
    incoming::name_in(package, &format!("`{}`", package.display()))
}

/// Makes sure that a path leads to a file and means the same to everybody.
pub(super) fn need_file(path: &Path, what: &str) -> Result<(), ApiError> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(ApiError::invalid(format!(
            "{what} `{shown}` is not an absolute path; write it out from the root"
        )));
    }
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(ApiError::invalid(format!(
            "{what} `{shown}` is no file; name one"
        ))),
        Err(error) => Err(ApiError::not_found(format!(
            "{what} `{shown}` cannot be read: {error}; name a file that is there"
        ))),
    }
}

/// Installs an app: in place when its folder is there and neither a version nor a catalog is named,
/// else from a catalog.
#[utoipa::path(post, path = "/api/apps/{name}/install", tag = "apps",
    params(("name" = String, Path, description = "The app"), OfferQuery, WishQuery, WaitQuery),
    request_body = InstallWish,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn install(
    state: web::Data<State>,
    name: web::Path<AppName>,
    offer: web::Query<OfferQuery>,
    wish: web::Query<WishQuery>,
    wait: web::Query<WaitQuery>,
    MaybeJson(body): MaybeJson<InstallWish>,
) -> Answer {
    let OfferQuery { version, catalog } = offer.into_inner();
    let folder = state.service.library.app_dir(&name);
    let any = version.is_some() || catalog.is_some();
    let source = if !any && web::block(move || folder.is_dir()).await? {
        Source::InPlace
    } else {
        Source::Catalog { version, catalog }
    };
    let wish = Install {
        settings: body.set,
        ..wish.install(source)
    };
    submit(&state, &name, Action::Install(wish), wait.wait).await
}

/// Brings an app to the newest version, or to a given one: from the catalog that it came from, else
/// from one that has it.
#[utoipa::path(post, path = "/api/apps/{name}/upgrade", tag = "apps",
    params(("name" = String, Path, description = "The app"), OfferQuery, WishQuery, WaitQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord),
              (status = 409, description = "It is not installed, or came from elsewhere than the catalog")))]
pub(super) async fn upgrade(
    state: web::Data<State>,
    name: web::Path<AppName>,
    offer: web::Query<OfferQuery>,
    wish: web::Query<WishQuery>,
    wait: web::Query<WaitQuery>,
) -> Answer {
    let OfferQuery { version, catalog } = offer.into_inner();
    let record = state.service.database.app(&name);
    if record.installed.is_none() {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            format!("`{name}` is not installed, so there is nothing to upgrade; install it"),
        ));
    }
    let own = match record.origin {
        Some(Origin::Catalog { catalog, .. }) => Some(catalog),
        Some(
            Origin::Folder { .. }
            | Origin::File { .. }
            | Origin::Upload { .. }
            | Origin::Address(_),
        )
        | None => None,
    };
    let source = Source::Catalog {
        version,
        catalog: catalog.or(own),
    };
    let wish = Install {
        only_newer: true,
        ..wish.install(source)
    };
    submit(&state, &name, Action::Install(wish), wait.wait).await
}

/// Brings the version back that was there before the last upgrade.
#[utoipa::path(post, path = "/api/apps/{name}/rollback", tag = "apps",
    params(("name" = String, Path, description = "The app"), RollbackQuery, WaitQuery),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn rollback(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<RollbackQuery>,
    wait: web::Query<WaitQuery>,
) -> Answer {
    let action = Action::Rollback {
        with_data: query.with_data,
    };
    submit(&state, &name, action, wait.wait).await
}

/// Says which versions are offered: none while it is pinned, none that is skipped.
#[utoipa::path(patch, path = "/api/apps/{name}/offers", tag = "apps",
    params(("name" = String, Path, description = "The app"), WaitQuery),
    request_body = OffersChange,
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord)))]
pub(super) async fn offers(
    state: web::Data<State>,
    name: web::Path<AppName>,
    wait: web::Query<WaitQuery>,
    Json(change): Json<OffersChange>,
) -> Answer {
    if change.pinned.is_none() && change.skip.is_none() {
        return Err(ApiError::invalid(
            "neither `pinned` nor `skip` is given; send one of them, e.g. {\"pinned\": true}",
        ));
    }
    let action = Action::Offers {
        pin: change.pinned,
        skip: change.skip,
    };
    submit(&state, &name, action, wait.wait).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str, word: &str) {
        let body: NewApp = serde_json::from_str(body).unwrap();
        let error = wish(body).unwrap_err();
        assert!(error.message.contains(word), "{error}");
    }

    #[test]
    fn exactly_one_thing_is_installed_at_a_time() {
        for body in [
            "{}",
            r#"{"name": "x"}"#,
            r#"{"folder": "/x", "package": "/x.zip"}"#,
            r#"{"folder": "/x", "url": "http://x/x.zip"}"#,
            r#"{"package": "/x", "pkg": "http://x/x.zip"}"#,
        ] {
            refused(body, "exactly one");
        }
    }

    #[test]
    fn only_web_addresses_are_taken() {
        for address in ["file:///etc/passwd", "x.zip", "ftp://x/y.zip", "http:/x"] {
            refused(&json!({ "url": address }).to_string(), "http://");
            let mirrored = json!({ "url": "http://x/y.zip", "mirrors": [address] });
            refused(&mirrored.to_string(), "http://");
        }
        refused(r#"{"package": "x.zip"}"#, "absolute");
    }

    #[test]
    fn the_name_of_an_address_is_a_guess_unless_it_is_given() {
        for (body, name, is_given) in [
            (json!({ "url": "http://x/redis.zip" }), "redis", false),
            (json!({ "pkg": "http://x/redis.zip" }), "redis", false),
            (
                json!({ "url": "http://x/redis.zip", "name": "y" }),
                "y",
                true,
            ),
        ] {
            let body: NewApp = serde_json::from_value(body).unwrap();
            let (found, install) = wish(body).unwrap();
            assert_eq!(found.as_str(), name);
            assert_eq!(install.name_is_given, is_given);
        }
    }
}
