//! The one table from kinds of errors to HTTP statuses, and the body that every error has.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::page::Told;
use crate::app::name::InvalidName;
use crate::catalog::CatalogError;
use crate::job::{Failure, FailureCode};
use crate::repository::RepositoryError;

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
        let mut response = response.json(ErrorBody {
            code: -1,
            message: &self.message,
            data: &self.data,
        });
        // A browser that goes to an address gets a page instead; the gate makes it.
        response.extensions_mut().insert(Told {
            status: self.status,
            message: self.message.clone(),
        });
        response
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

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let status = match &error {
            CatalogError::Name { .. } | CatalogError::Address { .. } => StatusCode::BAD_REQUEST,
            CatalogError::Exists(_) => StatusCode::CONFLICT,
            CatalogError::Unknown(_) => StatusCode::NOT_FOUND,
            CatalogError::Download(_)
            | CatalogError::List { .. }
            | CatalogError::Empty { .. }
            | CatalogError::Project { .. } => StatusCode::BAD_GATEWAY,
            CatalogError::File { .. } | CatalogError::Database(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<RepositoryError> for ApiError {
    /// `data` has OpenPitrix's name and number of the error, and what is wrong with a package by file.
    fn from(error: RepositoryError) -> Self {
        use RepositoryError as It;
        let status = match &error {
            It::Name(_) | It::Address { .. } | It::Credential { .. } | It::Unusable { .. } => {
                StatusCode::BAD_REQUEST
            }
            It::Unknown(_) | It::NoVersion { .. } => StatusCode::NOT_FOUND,
            It::NameTaken(_)
            | It::AddressTaken { .. }
            | It::BuiltIn(_)
            | It::Busy(_)
            | It::ReadOnly(_)
            | It::VersionTaken { .. }
            | It::Uploading { .. } => StatusCode::CONFLICT,
            It::Package { .. } | It::Archive(_) => StatusCode::UNPROCESSABLE_ENTITY,
            It::Unreadable { .. }
            | It::Oversized { .. }
            | It::Unwritable { .. }
            | It::Index { .. }
            | It::Mismatch { .. }
            | It::Download(_) => StatusCode::BAD_GATEWAY,
            It::Contended(_) => StatusCode::SERVICE_UNAVAILABLE,
            It::File { .. } | It::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut data = Map::new();
        data.insert("name".to_owned(), json!(error.name()));
        data.insert("errorCode".to_owned(), json!(error.code()));
        if let It::Package { details } = &error {
            let details = details.iter();
            let details: Map<String, Value> = details
                .map(|(file, reason)| (file.clone(), json!(reason)))
                .collect();
            data.insert("details".to_owned(), details.into());
        }
        Self {
            status,
            message: error.to_string(),
            data: data.into(),
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
