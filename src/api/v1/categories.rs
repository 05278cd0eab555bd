//! `/v1/categories`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::body::{self, V1Json};
use super::query::Query;
use super::{Answer, listed};
use crate::api::access::By;
use crate::api::state::State;
use crate::release::{Category, ReleaseError};

/// Body of `POST` and `PATCH /v1/categories`; what is absent stays.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::api) struct CategoryFields {
    /// The category that is changed.
    category_id: String,
    /// Its name.
    name: Option<String>,
    /// Its names in other languages, as JSON text: `{"zh_cn": "数据库"}`.
    locale: Option<String>,
    /// What is in it.
    description: Option<String>,
    /// Address of its icon.
    icon: Option<String>,
}

/// All categories.
#[utoipa::path(get, path = "/v1/categories", tag = "publishing",
    responses((status = 200, description = "`total_count` and `category_set`", body = Vec<Category>)))]
pub(in crate::api) async fn list(state: web::Data<State>, _by: By, query: Query) -> Answer {
    let mut categories = state.service.releases.categories().await?;
    let wanted = query.list("category_id");
    if !wanted.is_empty() {
        categories.retain(|category| wanted.contains(&category.category_id));
    }
    let total = u64::try_from(categories.len()).unwrap_or(u64::MAX);
    Ok(HttpResponse::Ok().json(listed("category_set", total, categories)))
}

/// Adds a category: for administrators.
#[utoipa::path(post, path = "/v1/categories", tag = "publishing", request_body = CategoryFields,
    responses((status = 200, description = "`category_id`"),
              (status = 409, description = "There is one of this name")))]
pub(in crate::api) async fn add(
    state: web::Data<State>,
    By(actor): By,
    V1Json(body): V1Json<CategoryFields>,
) -> Answer {
    let new = Category {
        category_id: String::new(),
        name: body.name.unwrap_or_default(),
        locale: body.locale.unwrap_or_else(|| "{}".to_owned()),
        description: body.description.unwrap_or_default(),
        icon: body.icon.unwrap_or_default(),
        create_time: String::new(),
    };
    let id = state.service.releases.add_category(&actor, &new).await?;
    Ok(HttpResponse::Ok().json(json!({ "category_id": id })))
}

/// Changes a category: for administrators.
#[utoipa::path(patch, path = "/v1/categories", tag = "publishing", request_body = CategoryFields,
    responses((status = 200, description = "`category_id`"),
              (status = 404, description = "There is no such category")))]
pub(in crate::api) async fn change(
    state: web::Data<State>,
    By(actor): By,
    V1Json(body): V1Json<CategoryFields>,
) -> Answer {
    if body.category_id.is_empty() {
        return Err(ReleaseError::missing("category_id").into());
    }
    let change = [body.name, body.locale, body.description, body.icon];
    let releases = &state.service.releases;
    releases
        .change_category(&actor, &body.category_id, change)
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "category_id": body.category_id })))
}

/// Removes categories that no app is in: for administrators.
#[utoipa::path(delete, path = "/v1/categories", tag = "publishing",
    params(("category_id" = Option<Vec<String>>, Query, description = "The categories; also in a body")),
    responses((status = 200, description = "`category_id`, a list"),
              (status = 403, description = "It is the one of what is in no other"),
              (status = 409, description = "Apps are in it")))]
pub(in crate::api) async fn remove(
    request: HttpRequest,
    state: web::Data<State>,
    By(actor): By,
    query: Query,
    payload: web::Payload,
) -> Answer {
    let ids = body::ids(&request, &query, payload, "category_id").await?;
    let releases = &state.service.releases;
    releases.remove_categories(&actor, &ids).await?;
    Ok(HttpResponse::Ok().json(json!({ "category_id": ids })))
}
