//! `/v1/…`: publishing, by OpenPitrix's paths and names, so that its clients go on working. Times are
//! RFC 3339, lists have `total_count` beside what they hold.

pub(super) mod actions;
pub(super) mod apps;
mod body;
pub(super) mod categories;
mod error;
mod query;
pub(super) mod repos;
pub(super) mod review;
pub(super) mod session;
pub(super) mod users;
pub(super) mod versions;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinHandle;

use self::error::V1Error;
use super::error::ApiError;
use crate::release::ReleaseError;

/// What a handler gives back.
type Answer = Result<HttpResponse, V1Error>;

/// A list in an answer. The name of what it holds is OpenPitrix's.
fn listed<T: Serialize>(name: &str, total: u64, rows: T) -> Value {
    serde_json::json!({ "total_count": total, name: rows })
}

/// A value as the bytes of an answer.
fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

/// Bytes that are JSON as an answer.
fn json(body: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}

/// What came of work in the service's own runtime.
async fn done(work: JoinHandle<Result<Value, ReleaseError>>) -> Result<Value, V1Error> {
    match work.await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ApiError::internal(
            "this request met a fault in Storekeeper; its log tells more, other requests go on",
        )
        .into()),
    }
}
