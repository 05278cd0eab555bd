//! `/v1/apps`, `/v1/active_apps`, and what belongs to an app.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Answer;
use super::body::{self, V1Json};
use super::call::Call;
use super::query::{ListQuery, Query};
use super::versions::VersionBody;
use crate::release::account::Actor;
use crate::release::clock::rfc3339;
use crate::release::state::Role;
use crate::release::{
    AboutChange, AppFilter, AppRow, Category, NewApp, Picture, ReleaseError, Statistics,
};

/// An app.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct AppBody {
    /// Its id.
    app_id: String,
    /// Whether it is told as the store shows it.
    active: bool,
    /// Its repository.
    repo_id: String,
    /// Its name.
    name: String,
    /// Likewise; the name that OpenPitrix's clients look for.
    chart_name: String,
    /// Whose it is.
    owner: String,
    /// `draft`, `active`, `suspended` or `deleted`; it follows its versions.
    status: String,
    /// In a sentence.
    description: String,
    /// At length.
    readme: String,
    /// What is special about it.
    abstraction: String,
    /// Its home page.
    home: String,
    /// Address of its icon; may be empty.
    icon: String,
    /// Addresses of pictures, with commas between them.
    screenshots: String,
    /// Words by which it is found, with commas between them.
    keywords: String,
    /// Who looks after it, as JSON text.
    maintainers: String,
    /// Where its sources are, with commas between them.
    sources: String,
    /// Terms of service.
    tos: String,
    /// When it was made.
    create_time: String,
    /// When its state changed.
    status_time: String,
    /// When it was changed.
    update_time: String,
    /// The newest of its versions; in the store the newest that was released.
    latest_app_version: Option<VersionBody>,
    /// Its categories.
    category_set: Vec<CategoryOf>,
    /// Of which kind its newest version is.
    app_version_types: String,
}

/// A category of an app.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct CategoryOf {
    /// Its id.
    category_id: String,
    /// Its name.
    name: String,
    /// Its names in other languages.
    locale: String,
    /// Always `enabled`.
    status: &'static str,
    /// When it was made.
    create_time: String,
}

impl From<Category> for CategoryOf {
    fn from(category: Category) -> Self {
        Self {
            category_id: category.category_id,
            name: category.name,
            locale: category.locale,
            status: "enabled",
            create_time: category.create_time,
        }
    }
}

fn shown(row: AppRow, published: bool, actor: &Actor) -> AppBody {
    let AppRow {
        app,
        latest,
        categories,
        pictures,
    } = row;
    let about = match (published, app.published) {
        (true, Some(published)) => published,
        _ => app.about,
    };
    let address = |kind: &str, sequence: u64| {
        format!(
            "/v1/app/attachment?app_id={}&type={kind}&sequence={sequence}",
            app.app_id
        )
    };
    let of = |kind: &'static str| pictures.iter().filter(move |(of, _)| of == kind);
    let icon = of("icon").next().map(|(kind, at)| address(kind, *at));
    let mut screenshots: Vec<String> = of("screenshot")
        .map(|(kind, at)| address(kind, *at))
        .collect();
    screenshots.extend(about.screenshots);
    AppBody {
        active: published,
        repo_id: app.repo_id,
        chart_name: app.name.clone(),
        owner: app.owner,
        status: app.status.to_string(),
        description: about.description,
        readme: about.readme,
        abstraction: about.abstraction,
        home: about.home,
        icon: icon.unwrap_or(about.icon),
        screenshots: screenshots.join(","),
        keywords: about.keywords.join(","),
        maintainers: serde_json::to_string(&about.maintainers).unwrap_or_default(),
        sources: about.sources.join(","),
        tos: about.tos,
        create_time: rfc3339(app.created),
        status_time: rfc3339(app.status_time),
        update_time: rfc3339(app.updated),
        app_version_types: latest
            .as_ref()
            .map(|version| version.manifest.package_type.clone())
            .unwrap_or_default(),
        latest_app_version: latest.map(|version| VersionBody::of(version, &app.name, actor)),
        category_set: categories.into_iter().map(Into::into).collect(),
        app_id: app.app_id,
        name: app.name,
    }
}

/// What of apps is wanted.
#[derive(utoipa::IntoParams)]
#[expect(
    dead_code,
    reason = "it describes the query, whose keys may be repeated"
)]
pub(in crate::api) struct AppQuery {
    /// Those that have all these words in their name, description or keywords.
    search_word: Option<String>,
    /// Those of these names.
    name: Option<Vec<String>>,
    /// Those in these categories.
    category_id: Option<Vec<String>>,
}

fn filter(query: &Query) -> AppFilter {
    let mut name = query.list("name");
    name.extend(query.list("chart_name"));
    AppFilter {
        search_word: query.one("search_word").unwrap_or_default().to_owned(),
        app_id: query.list("app_id"),
        name,
        repo_id: query.list("repo_id"),
        status: query.list("status"),
        owner: query.list("owner"),
        category_id: query.list("category_id"),
    }
}

/// The apps that one may see: all of them, one's own, or those in the store.
#[utoipa::path(get, path = "/v1/apps", tag = "publishing", params(AppQuery, ListQuery),
    responses((status = 200, description = "`total_count` and `app_set`", body = Vec<AppBody>)))]
pub(in crate::api) async fn list(call: Call) -> Answer {
    if call.actor.role == Role::User {
        return in_store(&call, "apps").await;
    }
    let (filter, page) = (filter(&call.query), call.query.page()?);
    let read = call.releases().apps(&call.actor, &filter, &page);
    let show = |row| shown(row, false, &call.actor);
    call.list("apps", "app_set", read, show).await
}

/// The apps in the store, as they were at their last release.
#[utoipa::path(get, path = "/v1/active_apps", tag = "publishing", params(AppQuery, ListQuery),
    responses((status = 200, description = "`total_count` and `app_set`", body = Vec<AppBody>)))]
pub(in crate::api) async fn list_active(call: Call) -> Answer {
    in_store(&call, "active_apps").await
}

async fn in_store(call: &Call, what: &str) -> Answer {
    let (filter, page) = (filter(&call.query), call.query.page()?);
    let read = call.releases().active_apps(&filter, &page);
    let show = |row| shown(row, true, &call.actor);
    call.list(what, "app_set", read, show).await
}

/// Body of `POST /v1/apps`: as JSON, as a form, or in the query beside a package that is sent as it is.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes fields that come in three ways")]
pub(in crate::api) struct CreateApp {
    /// The package: base64 in JSON, a file in a form.
    version_package: String,
    /// The repository, by its id or name; the built-in one when empty.
    repo_id: Option<String>,
    /// The app's name, which the package must bear.
    name: Option<String>,
    /// The categories, with commas between them.
    category_id: Option<String>,
    /// What is new in the first version.
    description: Option<String>,
    /// A picture: base64 in JSON, a file in a form.
    icon: Option<String>,
}

/// Makes an app with its first version, a draft, of a package.
#[utoipa::path(post, path = "/v1/apps", tag = "publishing",
    request_body(content((CreateApp = "application/json"), (CreateApp = "multipart/form-data"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "`app_id` and `version_id`"),
              (status = 400, description = "The package is not what it must be; `details.error_details` says why, by file"),
              (status = 409, description = "The repository has an app of this name"),
              (status = 413, description = "The package is too large")))]
pub(in crate::api) async fn create(call: Call, payload: web::Payload) -> Answer {
    let sent = call.receive(payload).await?;
    let upload = sent.upload().await?;
    let mut categories = sent.list("category_id");
    categories.extend(sent.list("categories"));
    let new = NewApp {
        repo: sent.text("repo_id"),
        name: sent.text("name"),
        categories,
        description: sent.text("description"),
    };
    let icon = sent.bytes("icon")?;
    let (releases, actor) = (call.releases().clone(), call.actor.clone());
    let made = call.done(async move {
        let (app_id, version_id) = releases.create_app(&actor, new, &upload).await?;
        if !icon.is_empty() {
            let kind = Picture::Icon;
            releases.attach(&actor, &app_id, kind, 0, icon).await?;
        }
        drop(sent);
        Ok::<_, ReleaseError>(json!({ "app_id": app_id, "version_id": version_id }))
    });
    Ok(HttpResponse::Ok().json(made.await?))
}

/// Says what is in a package, and what is wrong with it, without keeping it.
#[utoipa::path(post, path = "/v1/apps/validate_package", tag = "publishing",
    request_body(content((CreateApp = "application/json"), (CreateApp = "multipart/form-data"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "`name`, `version_name`, `description`, `url`, and when it cannot be taken `error` and `error_details` by file")))]
pub(in crate::api) async fn validate_package(call: Call, payload: web::Payload) -> Answer {
    let sent = call.receive(payload).await?;
    if !sent.has_package() {
        return Err(ReleaseError::missing("version_package").into());
    }
    Ok(match sent.upload().await {
        Ok(upload) => HttpResponse::Ok().json(json!({
            "name": upload.package().name,
            "version_name": upload.package().version,
            "description": upload.package().description,
            "url": "",
            "package": upload.package(),
        })),
        Err(error) => HttpResponse::Ok().json(error.of_package()),
    })
}

/// Body of `PATCH /v1/apps`.
#[derive(Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct ModifyApp {
    /// The app.
    #[serde(default)]
    app_id: String,
    /// Its categories, with commas between them.
    #[schema(value_type = Option<String>)]
    category_id: Option<crate::release::OneOrMany>,
    #[serde(flatten)]
    change: AboutChange,
}

/// Changes what an app is. The store shows it with the next release.
#[utoipa::path(patch, path = "/v1/apps", tag = "publishing", request_body = ModifyApp,
    responses((status = 200, description = "`app_id`"),
              (status = 409, description = "A version of it is under review")))]
pub(in crate::api) async fn modify(call: Call, V1Json(body): V1Json<ModifyApp>) -> Answer {
    let categories = body.category_id.map(crate::release::OneOrMany::list);
    let releases = call.releases();
    releases
        .edit(&call.actor, &body.app_id, body.change, categories)
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "app_id": body.app_id })))
}

/// Deletes apps whose versions are all deleted.
#[utoipa::path(delete, path = "/v1/apps", tag = "publishing",
    params(("app_id" = Option<Vec<String>>, Query, description = "The apps; also in a body")),
    responses((status = 200, description = "`app_id`, a list"),
              (status = 409, description = "One still has versions")))]
pub(in crate::api) async fn delete(call: Call, payload: web::Payload) -> Answer {
    let ids = call.ids(payload, "app_id").await?;
    call.releases().delete_apps(&call.actor, &ids).await?;
    Ok(HttpResponse::Ok().json(json!({ "app_id": ids })))
}

/// Body of `PATCH /v1/app/attachment`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[derive(Default)]
pub(in crate::api) struct Attach {
    /// The app.
    app_id: String,
    /// `icon` or `screenshot`.
    r#type: String,
    /// Which of the pictures, from 0 to 5.
    sequence: u32,
    /// The picture as base64; an empty one removes what is there.
    attachment_content: String,
}

/// Puts an icon or a picture in its place. The store shows it with the next release.
#[utoipa::path(patch, path = "/v1/app/attachment", tag = "publishing", request_body = Attach,
    responses((status = 200, description = "`app_id`"),
              (status = 400, description = "It is no picture, or there is no such place"),
              (status = 413, description = "It is larger than 2 MiB")))]
pub(in crate::api) async fn attach(call: Call, payload: web::Payload) -> Answer {
    let sent = body::receive_fields(&call.request, &call.query, payload).await?;
    let app_id = sent.text("app_id");
    let kind = sent.text("type").parse::<Picture>()?;
    let sequence = match sent.text("sequence").as_str() {
        "" => 0,
        text => text
            .parse()
            .map_err(|_| ReleaseError::parameter("sequence", "it is a number from 0 on"))?,
    };
    let content = sent.bytes("attachment_content")?;
    let releases = call.releases();
    releases
        .attach(&call.actor, &app_id, kind, sequence, content)
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "app_id": app_id })))
}

/// An icon or a picture, as it is: for `<img>`.
#[utoipa::path(get, path = "/v1/app/attachment", tag = "publishing",
    params(("app_id" = String, Query, description = "The app"),
           ("type" = Option<String>, Query, description = "`icon` or `screenshot`"),
           ("sequence" = Option<u32>, Query, description = "Which of the pictures")),
    responses((status = 200, description = "The picture", content_type = "image/png"),
              (status = 404, description = "There is none")))]
pub(in crate::api) async fn attachment(call: Call) -> Answer {
    let kind = call
        .query
        .one("type")
        .unwrap_or_default()
        .parse::<Picture>()?;
    let sequence = u32::try_from(call.query.number("sequence")?.unwrap_or(0)).unwrap_or(u32::MAX);
    let releases = call.releases();
    let picture = releases
        .attachment(&call.actor, call.query.need("app_id")?, kind, sequence)
        .await?;
    Ok(HttpResponse::Ok()
        .content_type(picture.media_type)
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // A drawing may hold a program, which must not run as if it were ours.
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .body(picture.content))
}

/// How much is published: for administrators.
#[utoipa::path(get, path = "/v1/apps/statistics", tag = "publishing",
    responses((status = 200, description = "The numbers", body = Statistics)))]
pub(in crate::api) async fn statistics(call: Call) -> Answer {
    let found = call.releases().statistics(&call.actor).await?;
    let map = |counts: &[crate::release::Count]| -> Map<String, Value> {
        let pairs = counts.iter();
        pairs.map(|it| (it.name.clone(), it.count.into())).collect()
    };
    Ok(HttpResponse::Ok().json(json!({
        "app_count": found.app_count,
        "active_app_count": found.active_app_count,
        "version_count": found.version_count,
        "repo_count": found.repo_count,
        "last_two_week_created": map(&found.last_two_week_created),
        "top_ten_repos": map(&found.top_ten_repos),
        "version_status": map(&found.version_status),
    })))
}
