//! `/api/catalogs` and `/api/catalog`: where apps come from, and which there are.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::apps::{Answer, json_bytes};
use super::body::Json;
use super::error::ApiError;
use super::inspect::{self, Address};
use super::install::OfferQuery;
use super::state::State;
use crate::app::AppName;
use crate::catalog::{self, CatalogError, Offer};

/// A catalog.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes `catalog::Status` in the document")]
pub(super) struct Catalog {
    /// Its name.
    name: String,
    /// Where its lists are, without a password.
    address: String,
    /// When its lists were last brought up to date, in milliseconds since 1970.
    #[schema(rename = "syncedAt")]
    synced_at: Option<u64>,
    /// Why the last refresh failed: `at` in milliseconds since 1970, and `message`.
    #[schema(value_type = Option<Object>)]
    error: Option<()>,
    /// How many apps each of its lists has.
    entries: HashMap<String, usize>,
    /// Entries that are left out because they cannot be read.
    problems: Vec<String>,
}

/// Body of `POST /api/catalogs`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewCatalog {
    /// Its name; made of its address when left out.
    #[serde(default)]
    name: String,
    /// The http or https address of a package server or of the folder with its lists, or a folder of
    /// this computer.
    address: String,
    /// Its place in the order, from 0; the last when left out.
    #[serde(default)]
    position: Option<usize>,
    /// The project that a package server must serve; `PROJECT` when left out.
    #[serde(default)]
    project_id: Option<String>,
}

/// An app that can be installed.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Available<'a> {
    /// Its name.
    name: &'a str,
    /// The version on offer.
    version: &'a str,
    /// What it is, in a sentence.
    desc: &'a str,
    /// Address of its icon; may be empty.
    icon: &'a str,
    /// The lists that it stands in.
    categories: &'a [String],
    /// The catalog that offers it.
    catalog: &'a str,
    /// The other catalogs that offer it, in their order.
    also_in: Vec<Also<'a>>,
    /// Bytes to download; 0 when not known.
    size: u64,
    /// What is new in this version.
    notes: &'a str,
    /// Older versions on offer.
    history: Vec<&'a str>,
    /// The version that is installed; null when it is not.
    installed: Option<String>,
    /// Whether it stays at that version.
    pinned: bool,
    /// Whether the offer is an update of that.
    update: bool,
}

/// An app that can be installed, with all that is known before it is fetched.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfferDetail<'a> {
    #[serde(flatten)]
    app: Available<'a>,
    /// Page that the desktop opens for it.
    web_url: &'a str,
    /// The files that it is made of.
    addresses: Vec<Address>,
    /// Nothing vouches for some of them.
    unchecked: bool,
    /// All versions on offer, the newest first.
    versions: Vec<OfferedVersion<'a>>,
    /// The apps that it needs.
    dependencies: Vec<Dependency<'a>>,
}

/// A version on offer.
#[derive(Serialize, utoipa::ToSchema)]
struct OfferedVersion<'a> {
    /// The version.
    version: &'a str,
    /// What is new in it.
    notes: &'a str,
    /// Bytes to download; 0 when not known.
    size: u64,
}

/// An app that another one needs.
#[derive(Serialize, utoipa::ToSchema)]
struct Dependency<'a> {
    /// Its name.
    name: &'a str,
    /// The version that is wanted; may be empty.
    version: String,
    /// The version that is installed; null when it is not.
    installed: Option<String>,
    /// Whether a catalog offers it.
    available: bool,
}

/// The same app in another catalog.
#[derive(Serialize, utoipa::ToSchema)]
struct Also<'a> {
    /// The catalog.
    catalog: &'a str,
    /// The version there.
    version: &'a str,
}

/// `?category=hots&query=sql&source=main&updates=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct OffersQuery {
    /// Only those of this list.
    category: String,
    /// Only those that have all these words in their name or description.
    query: String,
    /// Only those of this catalog.
    source: String,
    /// Only updates of what is installed.
    updates: bool,
}

/// The catalogs in their order.
#[utoipa::path(get, path = "/api/catalogs", tag = "catalogs",
    responses((status = 200, description = "The catalogs", body = Vec<Catalog>)))]
pub(super) async fn list(state: web::Data<State>) -> Answer {
    let catalogs = state.service.catalogs.clone();
    let list = web::block(move || catalogs.list()).await?;
    Ok(HttpResponse::Ok().json(list))
}

/// Adds a catalog and fetches its lists.
#[utoipa::path(post, path = "/api/catalogs", tag = "catalogs", request_body = NewCatalog,
    responses((status = 201, description = "It was added; `message` tells why its lists did not come"),
              (status = 400, description = "Its name or address cannot be used"),
              (status = 409, description = "There is one of that name")))]
pub(super) async fn add(state: web::Data<State>, Json(body): Json<NewCatalog>) -> Answer {
    let catalogs = state.service.catalogs.clone();
    let name = if body.name.is_empty() {
        catalog::name_of(&body.address)
    } else {
        body.name
    };
    // In the service's own runtime: a caller that goes away does not leave it half done.
    let added = state.main.spawn({
        let name = name.clone();
        async move {
            let (position, project) = (body.position, body.project_id);
            catalogs
                .add(&name, &body.address, position, project)
                .await?;
            Ok::<_, CatalogError>(catalogs.refresh(Some(&name)).await.err())
        }
    });
    let trouble = added.await.map_err(|_| fault())??;
    Ok(HttpResponse::Created().json(json!({
        "name": name,
        "message": trouble.map(|error| error.to_string()),
    })))
}

/// Removes a catalog; what was installed from it stays.
#[utoipa::path(delete, path = "/api/catalogs/{name}", tag = "catalogs",
    params(("name" = String, Path, description = "The catalog")),
    responses((status = 204, description = "It was removed"),
              (status = 404, description = "There is no such catalog")))]
pub(super) async fn remove(state: web::Data<State>, name: web::Path<String>) -> Answer {
    let catalogs = state.service.catalogs.clone();
    let removed = state
        .main
        .spawn(async move { catalogs.remove(&name).await });
    removed.await.map_err(|_| fault())??;
    Ok(HttpResponse::NoContent().finish())
}

/// Brings a catalog's lists up to date.
#[utoipa::path(post, path = "/api/catalogs/{name}/refresh", tag = "catalogs",
    params(("name" = String, Path, description = "The catalog")),
    responses((status = 200, description = "The catalogs", body = Vec<Catalog>),
              (status = 404, description = "There is no such catalog"),
              (status = 502, description = "A list did not come; what was there before is used on")))]
pub(super) async fn refresh(state: web::Data<State>, name: web::Path<String>) -> Answer {
    refresh_some(state, Some(name.into_inner())).await
}

/// Brings the lists of all catalogs up to date.
#[utoipa::path(post, path = "/api/catalogs/refresh", tag = "catalogs",
    responses((status = 200, description = "The catalogs", body = Vec<Catalog>),
              (status = 502, description = "A list did not come; what was there before is used on")))]
pub(super) async fn refresh_all(state: web::Data<State>) -> Answer {
    refresh_some(state, None).await
}

async fn refresh_some(state: web::Data<State>, name: Option<String>) -> Answer {
    let catalogs = state.service.catalogs.clone();
    let refreshed = state
        .main
        .spawn(async move { catalogs.refresh(name.as_deref()).await });
    refreshed.await.map_err(|_| fault())??;
    list(state).await
}

fn fault() -> ApiError {
    ApiError::internal(
        "the catalogs were not changed by a fault in Storekeeper; its log tells more",
    )
}

/// The apps that can be installed: each once, from the first catalog that has it.
#[utoipa::path(get, path = "/api/catalog", tag = "catalogs", params(OffersQuery),
    responses((status = 200, description = "The apps", body = Vec<Available>)))]
pub(super) async fn offers(state: web::Data<State>, query: web::Query<OffersQuery>) -> Answer {
    let service = state.service.clone();
    let body = web::block(move || {
        let offers: Vec<Arc<Offer>> = if query.query.trim().is_empty() {
            service.catalogs.offers().to_vec()
        } else {
            service.catalogs.search(&query.query)
        };
        let fits = |offer: &&Arc<Offer>| {
            (query.category.is_empty() || offer.categories.contains(&query.category))
                && (query.source.is_empty() || offer.catalog.as_str() == query.source)
        };
        let mut apps: indexmap::IndexMap<&AppName, Available<'_>> = indexmap::IndexMap::new();
        service.database.with_apps(|records| {
            for offer in offers.iter().filter(fits) {
                if let Some(known) = apps.get_mut(&offer.name) {
                    known.also_in.push(Also {
                        catalog: offer.catalog.as_str(),
                        version: &offer.info.version,
                    });
                    continue;
                }
                let record = records.get(&offer.name);
                let version = &offer.info.version;
                let app = Available {
                    installed: record.and_then(|record| record.installed.clone()),
                    pinned: record.is_some_and(|record| record.pinned),
                    update: record.is_some_and(|record| catalog::is_update(record, version)),
                    ..Available::from(&**offer)
                };
                apps.insert(&offer.name, app);
            }
        });
        let wanted = apps.values().filter(|app| app.update || !query.updates);
        serde_json::to_vec(&wanted.collect::<Vec<_>>())
    })
    .await?;
    json_bytes(body)
}

/// One app that can be installed, with all that is known before it is fetched.
#[utoipa::path(get, path = "/api/catalog/{name}", tag = "catalogs",
    params(("name" = String, Path, description = "The app"), OfferQuery),
    responses((status = 200, description = "The app", body = OfferDetail),
              (status = 404, description = "Nobody offers it")))]
pub(super) async fn offer(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<OfferQuery>,
) -> Answer {
    let (service, name, query) = (state.service.clone(), name.into_inner(), query.into_inner());
    let body = web::block(move || {
        let all = service.catalogs.offers();
        let offers: Vec<Arc<Offer>> = all.iter().filter(|it| it.name == name).cloned().collect();
        let (offer, _) = query.choose(&name, &offers)?;
        let others = offers.iter().filter(|it| it.catalog != offer.catalog);
        let record = service.database.app(&name);
        let installed = |name: &str| {
            let name = AppName::parse(name).ok()?;
            service.database.app(&name).installed
        };
        let addresses = inspect::addresses(offer);
        let older = offer.info.history.iter().map(|it| OfferedVersion {
            version: &it.version,
            notes: &it.notes,
            size: it.size,
        });
        let newest = OfferedVersion {
            version: &offer.info.version,
            notes: &offer.info.notes,
            size: offer.info.size,
        };
        let dependencies = offer.info.dependencies.iter().map(|needed| Dependency {
            name: &needed.name,
            version: inspect::requirement(&needed.value),
            installed: installed(&needed.name),
            available: all.iter().any(|it| it.name.as_str() == needed.name),
        });
        let detail = OfferDetail {
            app: Available {
                update: catalog::is_update(&record, &offer.info.version),
                pinned: record.pinned,
                installed: record.installed,
                also_in: others
                    .map(|it| Also {
                        catalog: it.catalog.as_str(),
                        version: &it.info.version,
                    })
                    .collect(),
                ..Available::from(offer)
            },
            web_url: &offer.info.web_url,
            unchecked: inspect::is_unchecked(&addresses),
            addresses,
            versions: std::iter::once(newest).chain(older).collect(),
            dependencies: dependencies.collect(),
        };
        Ok::<_, ApiError>(serde_json::to_vec(&detail))
    })
    .await??;
    json_bytes(body)
}

impl<'a> From<&'a Offer> for Available<'a> {
    fn from(offer: &'a Offer) -> Self {
        let info = &offer.info;
        Self {
            name: offer.name.as_str(),
            version: &info.version,
            desc: &info.desc,
            icon: &info.icon,
            categories: &offer.categories,
            catalog: offer.catalog.as_str(),
            also_in: Vec::new(),
            size: info.size,
            notes: &info.notes,
            history: info.history.iter().map(|it| it.version.as_str()).collect(),
            installed: None,
            pinned: false,
            update: false,
        }
    }
}
