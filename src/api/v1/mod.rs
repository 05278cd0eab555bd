//! `/v1/…`: publishing, by OpenPitrix's paths and names, so that its clients go on working. Times are
//! RFC 3339, lists have `total_count` beside what they hold.

pub(super) mod actions;
pub(super) mod apps;
mod body;
mod call;
pub(super) mod categories;
mod error;
mod query;
pub(super) mod repos;
pub(super) mod review;
pub(super) mod session;
pub(super) mod users;
pub(super) mod versions;

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::Value;

use self::error::V1Error;

/// What a handler gives back.
type Answer = Result<HttpResponse, V1Error>;

/// A list in an answer. The name of what it holds is OpenPitrix's.
fn listed<T: Serialize>(name: &str, total: u64, rows: T) -> Value {
    serde_json::json!({ "total_count": total, name: rows })
}
