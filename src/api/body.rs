//! The body of a request as JSON, with a limit and clear errors.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Largest body of a request that changes settings or asks for a job.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// Nobody who means it needs longer for that.
const MAX_BODY_TIME: Duration = Duration::from_secs(30);

/// A body that was JSON.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            check_type(&request)?;
            understand(&read(&request, &mut payload).await?).map(Self)
        })
    }
}

/// A body that was JSON, or none at all.
pub(super) struct MaybeJson<T>(pub T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for MaybeJson<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let body = read(&request, &mut payload).await?;
            if body.trim_ascii().is_empty() {
                return Ok(Self(T::default()));
            }
            check_type(&request)?;
            understand(&body).map(Self)
        })
    }
}

async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<BytesMut, ApiError> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    if usize::try_from(declared).map_or(true, |length| length > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    tokio::time::timeout(MAX_BODY_TIME, collect(payload))
        .await
        .map_err(|_| too_slow())?
}

fn understand<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    parse(body).map_err(|error| {
        ApiError::invalid(format!(
            "the body is not the JSON that is wanted here: {error}; send an object, e.g. {{\"name\": \"hello\"}}"
        ))
    })
}

async fn collect(payload: &mut Payload) -> Result<BytesMut, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An array would pass as an object whose keys are left out: `["hello"]` as `{"name": "hello"}`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(serde::de::Error::custom("it is an array"));
    }
    serde_json::from_slice(body)
}

/// A browser sends a form or text without asking first, so from a page only JSON counts as JSON,
/// unless the page's origin is allowed: the gate let nothing else with an `Origin` through, and
/// the desktop sends its JSON as text.
fn check_type(request: &HttpRequest) -> Result<(), ApiError> {
    let headers = request.headers();
    let browser = headers.contains_key("sec-fetch-site");
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| {
            let essence = kind.split(';').next().unwrap_or(kind).trim();
            essence.eq_ignore_ascii_case("application/json")
        });
    if is_json || headers.contains_key(header::ORIGIN) || !browser {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body must be JSON; send it with `Content-Type: application/json`",
    ))
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is larger than 1 MiB, more than settings ever need; send less",
    )
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "the body did not arrive within 30 s; send it again",
    )
}

fn broken(error: &PayloadError) -> ApiError {
    ApiError::invalid(format!("the body could not be read to its end: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use serde_json::Value;

    async fn check(request: TestRequest, expected: u16) {
        let (request, mut payload) = request.to_http_parts();
        let status = match Json::<Value>::from_request(&request, &mut payload).await {
            Ok(_) => 200,
            Err(error) => error.status.as_u16(),
        };
        assert_eq!(status, expected);
    }

    #[actix_web::test]
    async fn json_may_come_as_text_only_from_where_it_is_trusted() {
        let post = || TestRequest::post().set_payload("{}");
        let text = ("content-type", "text/plain;charset=UTF-8");
        let browser = ("sec-fetch-site", "same-origin");
        check(post().insert_header(text), 200).await;
        check(post().insert_header(text).insert_header(browser), 415).await;
        let json = ("content-type", "application/json; charset=utf-8");
        check(post().insert_header(json).insert_header(browser), 200).await;
        let desktop = ("origin", "wails://wails");
        let from_desktop = post().insert_header(text).insert_header(browser);
        check(from_desktop.insert_header(desktop), 200).await;
    }

    #[actix_web::test]
    async fn a_body_has_a_limit() {
        let long = format!("\"{}\"", "x".repeat(MAX_BODY_BYTES));
        check(TestRequest::post().set_payload(long), 413).await;
        let declared = TestRequest::post().insert_header(("content-length", "104857600"));
        check(declared, 413).await;
    }

    #[actix_web::test]
    async fn what_is_no_object_is_refused() {
        for body in ["", "{", "name=hello", "\u{feff}", " [\"hello\"]"] {
            check(TestRequest::post().set_payload(body), 400).await;
        }
    }
}
