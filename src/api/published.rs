//! `/repo/…`: our repositories as http repositories for others. Only what is in the index is given.

use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::StreamExt as _;

use super::apps::Answer;
use super::error::ApiError;
use super::state::State;
use crate::repository::{Repository, RepositoryError};

/// What of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// There is no such part.
    Nothing,
}

/// Looks at `Range` and `If-Range` (RFC 9110). Several parts at once are answered by all of it.
fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Wanted {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|it| it != etag) {
        return Wanted::All;
    }
    let Some(spec) = text(header::RANGE).and_then(|it| it.strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Wanted::All;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(count)) if first.trim().is_empty() => size.saturating_sub(count)..size,
        _ => return Wanted::All,
    };
    if range.start >= size || range.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Part(range)
    }
}

async fn open(state: &State, name: &str) -> Result<Repository, ApiError> {
    let (repositories, name) = (state.service.repositories.clone(), name.to_owned());
    // Connections that are made for it outlive this worker.
    let opened = state
        .main
        .spawn(async move { repositories.open(&name).await });
    Ok(opened.await.map_err(|_| fault())??)
}

fn fault() -> ApiError {
    ApiError::internal(
        "the repository cannot be read by a fault in Storekeeper; its log tells more",
    )
}

/// Whether the reader has it already.
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let known = request.headers().get(header::IF_NONE_MATCH);
    let known = known
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    known
        .split(',')
        .any(|it| matches!(it.trim(), "*") || it.trim().trim_start_matches("W/") == etag)
}

fn headers(response: &mut HttpResponseBuilder, etag: &str, kind: &'static str) {
    response
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag)
        && !etag.is_empty()
    {
        response.insert_header((header::ETAG, etag));
    }
}

/// The index of a repository, with addresses that begin here.
#[utoipa::path(get, path = "/repo/{repository}/index.yaml", tag = "repositories",
    params(("repository" = String, Path, description = "The repository")),
    responses((status = 200, description = "The index, as Helm and OpenPitrix read it", body = String, content_type = "text/yaml"),
              (status = 304, description = "It is what the reader has"),
              (status = 404, description = "There is no such repository")))]
pub(super) async fn index(
    request: HttpRequest,
    state: web::Data<State>,
    name: web::Path<String>,
) -> Answer {
    let repository = open(&state, &name).await?;
    let read = state.main.spawn(async move { repository.served().await });
    let served = read.await.map_err(|_| fault())??;
    if is_known(&request, &served.etag) {
        let mut response = HttpResponse::NotModified();
        headers(&mut response, &served.etag, "text/yaml; charset=utf-8");
        return Ok(response.finish());
    }
    let mut response = HttpResponse::Ok();
    headers(&mut response, &served.etag, "text/yaml; charset=utf-8");
    Ok(response.body(served.text.clone()))
}

/// A package of a repository.
#[utoipa::path(get, path = "/repo/{repository}/{file}", tag = "repositories",
    params(("repository" = String, Path, description = "The repository"),
           ("file" = String, Path, description = "The file, as the index names it")),
    responses((status = 200, description = "The package", body = String, content_type = "application/octet-stream"),
              (status = 206, description = "The part of it that `Range` asks for"),
              (status = 304, description = "It is what the reader has"),
              (status = 404, description = "The index has no such file"),
              (status = 416, description = "It has no such part")))]
pub(super) async fn file(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Answer {
    let (name, file) = path.into_inner();
    let repository = open(&state, &name).await?;
    let reader = repository.clone();
    let served = state.main.spawn(async move { reader.served().await });
    let served = served.await.map_err(|_| fault())??;
    let Some(entry) = served.entry(&file) else {
        return Err(ApiError::not_found(format!(
            "the index of the repository `{name}` has no `{}`",
            file.escape_debug().take(120).collect::<String>()
        )));
    };
    let etag = entry
        .digest
        .map_or_else(String::new, |digest| format!("\"{digest}\""));
    let kind = if file.strip_suffix(".zip").is_some() {
        "application/zip"
    } else {
        "application/octet-stream"
    };
    if !etag.is_empty() && is_known(&request, &etag) {
        let mut response = HttpResponse::NotModified();
        headers(&mut response, &etag, kind);
        return Ok(response.finish());
    }
    let wanted = match entry.size {
        // Only a size that is known can be divided.
        0 => Wanted::All,
        size => wanted(request.headers(), size, &etag),
    };
    let (status, range) = match &wanted {
        Wanted::All => (StatusCode::OK, None),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range.clone())),
        Wanted::Nothing => {
            let all = format!("bytes */{}", entry.size);
            let mut response = HttpResponse::build(StatusCode::RANGE_NOT_SATISFIABLE);
            return Ok(response
                .insert_header((header::CONTENT_RANGE, all))
                .finish());
        }
    };
    let mut response = HttpResponse::build(status);
    headers(&mut response, &etag, kind);
    response.insert_header((header::ACCEPT_RANGES, "bytes"));
    if let Some(range) = &range {
        let last = range.end.saturating_sub(1);
        let part = format!("bytes {}-{last}/{}", range.start, entry.size);
        response.insert_header((header::CONTENT_RANGE, part));
    }
    if request.method() == Method::HEAD && entry.size > 0 {
        let size = range.map_or(entry.size, |range| range.end - range.start);
        let nothing = futures_util::stream::empty::<Result<web::Bytes, RepositoryError>>();
        return Ok(response.body(SizedStream::new(size, nothing)));
    }
    let entry = entry.clone();
    let part = range.clone();
    let opened = state
        .main
        .spawn(async move { repository.content(&entry, part).await });
    let package = opened.await.map_err(|_| fault())??;
    let size = range.map_or(package.size, |range| range.end - range.start);
    // What breaks off on the way cannot be told any more: the connection breaks off, too.
    let stream = package
        .stream
        .inspect(|piece| {
            if let Err(error) = piece {
                tracing::warn!("{error}");
            }
        })
        .boxed_local();
    Ok(response.body(SizedStream::new(size, stream)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_part_of_what_there_is() {
        let check = |range: &str, expected: Wanted| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
            assert_eq!(wanted(&headers, 10, "\"a\""), expected, "{range}");
        };
        check("bytes=0-3", Wanted::Part(0..4));
        check("bytes=8-99", Wanted::Part(8..10));
        check("bytes=4-", Wanted::Part(4..10));
        check("bytes=-3", Wanted::Part(7..10));
        check("bytes=-99", Wanted::Part(0..10));
        check("bytes=10-", Wanted::Nothing);
        check("bytes=-0", Wanted::Nothing);
        check("bytes=3-2", Wanted::All);
        check("bytes=0-1,4-5", Wanted::All);
        check("lines=0-1", Wanted::All);
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-3"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"b\""));
        assert_eq!(wanted(&headers, 10, "\"a\""), Wanted::All);
    }
}
