//! The one table from kinds of errors to HTTP statuses, and the body that every error has.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;

use crate::app::name::InvalidName;
use crate::job::{Failure, FailureCode};

/// The table.
pub(super) fn status(code: FailureCode) -> StatusCode {
    match code {
        FailureCode::NotFound => StatusCode::NOT_FOUND,
        FailureCode::Invalid => StatusCode::BAD_REQUEST,
        FailureCode::Manifest => StatusCode::UNPROCESSABLE_ENTITY,
        FailureCode::Conflict | FailureCode::Canceled => StatusCode::CONFLICT,
        FailureCode::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error on its way to the client.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// What is wrong with which thing, and what to do about it.
    pub message: String,
    /// More, for programs.
    pub data: Value,
}

/// The body of an error.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody<'a> {
    /// Always -1.
    code: i32,
    /// What is wrong with which thing, and what to do about it.
    message: &'a str,
    /// More, for programs: the problems of a manifest, the apps that are missing.
    #[serde(skip_serializing_if = "Value::is_null")]
    data: &'a Value,
}

impl ApiError {
    /// An error without data.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            data: Value::Null,
        }
    }

    /// The request makes no sense.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Something of ours or of the system failed.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The answer.
    pub(super) fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header(("WWW-Authenticate", "Bearer"));
        }
        response.json(ErrorBody {
            code: -1,
            message: &self.message,
            data: &self.data,
        })
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self {
            status: status(failure.code),
            message: failure.message,
            data: failure.data,
        }
    }
}

impl From<InvalidName> for ApiError {
    fn from(error: InvalidName) -> Self {
        Self::invalid(error.to_string())
    }
}

/// A task on a thread for blocking work ended by a panic; the service goes on.
impl From<actix_web::error::BlockingError> for ApiError {
    fn from(_: actix_web::error::BlockingError) -> Self {
        Self::internal(
            "the work for this request ended by a fault in Storekeeper; its log tells more",
        )
    }
}
