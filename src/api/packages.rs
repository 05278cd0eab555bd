//! `POST /api/packages`: a package as the body of a request.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::apps::{Accepted, Answer, WaitQuery, accepted};
use super::error::ApiError;
use super::incoming;
use super::install::WishQuery;
use super::state::State;
use crate::job::{Install, JobRecord, Source};

/// What a page may send without being asked who it is.
const FORMS: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// `?file=mysql5.7.zip`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct SentQuery {
    /// The name of the file that is sent, to be told later where the app came from.
    file: String,
    /// Settings that it gets before its lists run: a JSON object.
    set: Option<String>,
}

impl SentQuery {
    fn settings(&self) -> Result<Map<String, Value>, ApiError> {
        let text = self.set.as_deref().unwrap_or("{}");
        serde_json::from_str(text).map_err(|error| {
            ApiError::invalid(format!(
                "`set` is no JSON object of settings: {error}; write e.g. {{\"port\": 3307}}"
            ))
        })
    }
}

/// Installs a package that is sent as it is, with a content type like `application/octet-stream`.
#[utoipa::path(post, path = "/api/packages", tag = "apps", params(SentQuery, WishQuery, WaitQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 202, description = "The job", body = Accepted),
              (status = 200, description = "With `wait`: the record of the job, done", body = JobRecord),
              (status = 413, description = "It is larger than 8 GiB"),
              (status = 415, description = "It is sent as a form or as text"),
              (status = 422, description = "It is no package, or its manifest has mistakes")))]
pub(super) async fn upload(
    request: HttpRequest,
    state: web::Data<State>,
    sent: web::Query<SentQuery>,
    wish: web::Query<WishQuery>,
    wait: web::Query<WaitQuery>,
    payload: web::Payload,
) -> Answer {
    refuse_forms(&request)?;
    let settings = sent.settings()?;
    let package = incoming::receive(&request, &state.service.library, payload).await?;
    let wish = Install {
        settings,
        ..wish.install(Source::default())
    };
    let ticket = package.submit(&state, &sent.file, wish).await?;
    accepted(&state, ticket, wait.wait).await
}

pub(super) fn refuse_forms(request: &HttpRequest) -> Result<(), ApiError> {
    let headers = request.headers();
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    let is_form = match kind {
        Some(kind) => FORMS.iter().any(|form| form.eq_ignore_ascii_case(kind)),
        // A page may leave it out as well; programs do.
        None => headers.contains_key("sec-fetch-site"),
    };
    if is_form {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a package is taken neither as a form nor as text; send it with `Content-Type: application/octet-stream`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn what_a_page_may_send_unasked_is_no_package() {
        let check = |headers: &[(&'static str, &'static str)], expected: bool| {
            let mut request = TestRequest::post();
            for header in headers {
                request = request.insert_header(*header);
            }
            let passes = refuse_forms(&request.to_http_request()).is_ok();
            assert_eq!(passes, expected, "{headers:?}");
        };
        let browser = ("sec-fetch-site", "same-origin");
        check(&[], true);
        check(&[browser], false);
        check(
            &[("content-type", "application/octet-stream"), browser],
            true,
        );
        check(&[("content-type", "application/zip")], true);
        check(&[("content-type", "Text/Plain; charset=utf-8")], false);
        check(
            &[("content-type", "multipart/form-data; boundary=x")],
            false,
        );
        check(
            &[("content-type", "application/x-www-form-urlencoded")],
            false,
        );
    }
}
