//! `/v1/categories`.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::Answer;
use super::body::V1Json;
use super::call::{Call, all};
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
pub(in crate::api) async fn list(call: Call) -> Answer {
    let mut categories = call.releases().categories().await?;
    let wanted = call.query.list("category_id");
    if !wanted.is_empty() {
        categories.retain(|category| wanted.contains(&category.category_id));
    }
    Ok(all("category_set", categories))
}

/// Adds a category: for administrators.
#[utoipa::path(post, path = "/v1/categories", tag = "publishing", request_body = CategoryFields,
    responses((status = 200, description = "`category_id`"),
              (status = 409, description = "There is one of this name")))]
pub(in crate::api) async fn add(call: Call, V1Json(body): V1Json<CategoryFields>) -> Answer {
    let new = Category {
        category_id: String::new(),
        name: body.name.unwrap_or_default(),
        locale: body.locale.unwrap_or_else(|| "{}".to_owned()),
        description: body.description.unwrap_or_default(),
        icon: body.icon.unwrap_or_default(),
        create_time: String::new(),
    };
    let id = call.releases().add_category(&call.actor, &new).await?;
    Ok(HttpResponse::Ok().json(json!({ "category_id": id })))
}

/// Changes a category: for administrators.
#[utoipa::path(patch, path = "/v1/categories", tag = "publishing", request_body = CategoryFields,
    responses((status = 200, description = "`category_id`"),
              (status = 404, description = "There is no such category")))]
pub(in crate::api) async fn change(call: Call, V1Json(body): V1Json<CategoryFields>) -> Answer {
    if body.category_id.is_empty() {
        return Err(ReleaseError::missing("category_id").into());
    }
    let change = [body.name, body.locale, body.description, body.icon];
    let releases = call.releases();
    releases
        .change_category(&call.actor, &body.category_id, change)
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "category_id": body.category_id })))
}

/// Removes categories that no app is in: for administrators.
#[utoipa::path(delete, path = "/v1/categories", tag = "publishing",
    params(("category_id" = Option<Vec<String>>, Query, description = "The categories; also in a body")),
    responses((status = 200, description = "`category_id`, a list"),
              (status = 403, description = "It is the one of what is in no other"),
              (status = 409, description = "Apps are in it")))]
pub(in crate::api) async fn remove(call: Call, payload: web::Payload) -> Answer {
    let ids = call.ids(payload, "category_id").await?;
    let releases = call.releases();
    releases.remove_categories(&call.actor, &ids).await?;
    Ok(HttpResponse::Ok().json(json!({ "category_id": ids })))
}
