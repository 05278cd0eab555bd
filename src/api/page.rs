//! The pages of our own: the index, the schemas, the description of the API.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use super::openapi;
use crate::app::schema;

const INDEX: &str = include_str!("../../static/index.html");

/// Nothing from elsewhere, and in nobody's frame: its buttons are not for others to place under a
/// user's pointer.
const POLICY: &str = "default-src 'self'; img-src 'self' http: https: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The page of the service.
pub(super) async fn index() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(INDEX)
}

/// Describes the API.
#[utoipa::path(get, path = "/api/openapi.json", tag = "service",
    responses((status = 200, description = "The OpenAPI document", body = Object)))]
pub(super) async fn openapi() -> HttpResponse {
    // Made when first asked for: most runs never need it.
    static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::document);
    HttpResponse::Ok()
        .content_type(header::ContentType::json())
        .body(DOCUMENT.as_str())
}

/// Describes `install.json` to editors.
pub(super) async fn install_schema() -> Result<HttpResponse, super::error::ApiError> {
    Ok(schema_answer(web::block(schema::install).await?))
}

/// Describes `store.json` to editors.
pub(super) async fn store_schema() -> Result<HttpResponse, super::error::ApiError> {
    Ok(schema_answer(web::block(schema::store).await?))
}

fn schema_answer(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/schema+json")
        .body(text)
}
