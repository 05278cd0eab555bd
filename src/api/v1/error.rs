//! Refusals as OpenPitrix's gateway writes them, in two languages.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;

use crate::api::error::ApiError;
use crate::release::{Kind, ReleaseError};
use crate::repository::RepositoryError;

/// A refusal on its way to the client.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::api) struct V1Error(Box<ReleaseError>, Option<StatusCode>);

/// The body of a refusal.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Refusal<'a> {
    /// The number of its kind, as gRPC counts them: 3 invalid, 5 not found, 6 exists, 7 denied, 9 not
    /// in this state, 13 failed, 14 not reached, 16 unknown who asks.
    code: u16,
    /// The name that programs know it by.
    name: &'a str,
    /// What is wrong with which thing, and what to do about it.
    message: &'a str,
    /// Likewise in English.
    message_en: &'a str,
    /// Likewise in Chinese.
    message_zh: &'a str,
    /// Likewise, where OpenPitrix's clients look for it.
    error: &'a str,
    /// More, for programs.
    #[schema(value_type = Object)]
    details: &'a Value,
}

/// The one table: status, and number.
fn table(kind: Kind) -> (StatusCode, u16) {
    match kind {
        Kind::Invalid | Kind::Package => (StatusCode::BAD_REQUEST, 3),
        Kind::Unknown => (StatusCode::UNAUTHORIZED, 16),
        Kind::Denied => (StatusCode::FORBIDDEN, 7),
        Kind::NotFound => (StatusCode::NOT_FOUND, 5),
        Kind::Exists => (StatusCode::CONFLICT, 6),
        Kind::State => (StatusCode::CONFLICT, 9),
        Kind::Changed => (StatusCode::PRECONDITION_FAILED, 9),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 8),
        Kind::Repository => (StatusCode::BAD_GATEWAY, 14),
        Kind::Failed => (StatusCode::INTERNAL_SERVER_ERROR, 13),
    }
}

impl V1Error {
    /// What OpenPitrix answers about a package that cannot be taken: no failure of the request.
    pub(super) fn of_package(&self) -> Value {
        let details = self.0.details.get("error_details");
        serde_json::json!({
            "error": self.0.message,
            "error_zh": self.0.message_zh,
            "error_details": details.cloned().unwrap_or_default(),
        })
    }
}

impl ResponseError for V1Error {
    fn status_code(&self) -> StatusCode {
        self.1.unwrap_or_else(|| table(self.0.kind).0)
    }

    fn error_response(&self) -> HttpResponse {
        let error = &self.0;
        if error.kind == Kind::Failed {
            tracing::error!("{}", error.message);
        }
        HttpResponse::build(self.status_code()).json(Refusal {
            code: table(error.kind).1,
            name: error.name,
            message: &error.message,
            message_en: &error.message,
            message_zh: &error.message_zh,
            error: &error.message,
            details: &error.details,
        })
    }
}

impl From<ReleaseError> for V1Error {
    fn from(error: ReleaseError) -> Self {
        Self(Box::new(error), None)
    }
}

impl From<RepositoryError> for V1Error {
    fn from(error: RepositoryError) -> Self {
        ReleaseError::from(error).into()
    }
}

impl From<actix_web::error::BlockingError> for V1Error {
    fn from(error: actix_web::error::BlockingError) -> Self {
        ApiError::from(error).into()
    }
}

/// What other parts of the interface refuse.
impl From<ApiError> for V1Error {
    fn from(error: ApiError) -> Self {
        let (kind, name) = match error.status.as_u16() {
            401 => (Kind::Unknown, "auth_failure"),
            403 => (Kind::Denied, "permission_denied"),
            404 => (Kind::NotFound, "resource_not_found"),
            409 => (Kind::State, "conflict"),
            413 => (Kind::TooLarge, "package_too_large"),
            422 => (Kind::Package, "load_package_failed"),
            500.. => (Kind::Failed, "internal_error"),
            _ => (Kind::Invalid, "illegal_request"),
        };
        let message = error.message;
        let released = ReleaseError::new(kind, name, message.clone(), message).with(error.data);
        Self(Box::new(released), Some(error.status))
    }
}

/// What the rest of the interface says when accounts cannot be read.
impl From<ReleaseError> for ApiError {
    fn from(error: ReleaseError) -> Self {
        Self {
            status: table(error.kind).0,
            message: error.message,
            data: *error.details,
        }
    }
}
