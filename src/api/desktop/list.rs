//! What the desktop asks without changing anything: the store's list, one app, what runs.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::{DesktopInfo, Envelope, NameQuery, failed, info_answer, info_of, programs, wanted};
use crate::api::apps::Answer;
use crate::api::error::ApiError;
use crate::api::roster::Entry;
use crate::api::state::State;
use crate::app::AppName;
use crate::catalog::{HOTS, Offer};
use crate::supervisor::{State as AppState, Status};

/// Is the service there?
pub(in crate::api) async fn ping() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(header::ContentType::plaintext())
        .body("OK")
}

/// `?cate=hots`.
#[derive(Deserialize)]
pub(in crate::api) struct CategoryQuery {
    #[serde(default)]
    cate: String,
}

/// The apps of a category: those of this computer, and those of the catalogs. `hots`, which is meant
/// when none is named, holds every app of this computer. Always 200: the window spins for ever on
/// anything else.
pub(in crate::api) async fn store_list(
    state: web::Data<State>,
    query: web::Query<CategoryQuery>,
) -> Answer {
    let state = state.into_inner();
    let body = web::block(move || {
        let entries = state.roster.entries(&state.service);
        let all = query.cate.is_empty() || query.cate == HOTS;
        let category = if all { HOTS } else { query.cate.as_str() };
        let offers = state.service.catalogs.category(category);
        // What is here is shown as it is here, whatever a catalog says of that name.
        let here: HashSet<&AppName> = entries.iter().map(|entry| &entry.name).collect();
        let local = entries
            .iter()
            .filter(|entry| entry.error.is_none())
            .filter(|entry| all || entry.install.category == query.cate)
            .map(|entry| DesktopInfo::new(entry, state.port));
        let offered = offers
            .iter()
            .filter(|offer| !here.contains(&offer.name))
            .map(|offer| DesktopInfo::from(&**offer));
        let infos: Vec<DesktopInfo<'_>> = local.chain(offered).collect();
        serde_json::to_vec(&Envelope::success("success", infos))
    })
    .await;
    Ok(match body {
        Ok(Ok(body)) => HttpResponse::Ok()
            .content_type(header::ContentType::json())
            .body(body),
        Ok(Err(error)) => failed(&ApiError::internal(error.to_string()), StatusCode::OK),
        Err(error) => failed(&error.into(), StatusCode::OK),
    })
}

/// One app: as it is here, else as a catalog offers it. A failure is no 200: the window writes into
/// the data without looking.
pub(in crate::api) async fn install_info(
    state: web::Data<State>,
    query: web::Query<NameQuery>,
) -> HttpResponse {
    match info_of(&state, &query.name).await {
        Ok(app) => info_answer(&state, "success", app, Vec::new()).await,
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            match offered(&state, &query.name).await {
                Some(offer) => {
                    let info = DesktopInfo::from(&*offer);
                    Envelope::success("success", info).answer(StatusCode::OK)
                }
                None => failed(&error, error.status),
            }
        }
        Err(error) => failed(&error, error.status),
    }
}

/// What the first catalog that has an app offers.
async fn offered(state: &State, name: &str) -> Option<Arc<Offer>> {
    let name = wanted(state, name).ok()?;
    let catalogs = state.service.catalogs.clone();
    let offers = web::block(move || catalogs.find(&name)).await.ok()?;
    offers.into_iter().next()
}

/// About what a row of `listporgress` takes.
const BYTES_PER_ROW: usize = 192;

/// One row of `listporgress`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress<'a> {
    name: &'a str,
    running: bool,
    exit_code: i32,
    cmd: Option<()>,
    pid: u32,
    #[serde(rename = "progressName")]
    process_name: &'a str,
    waiting: u32,
    is_on: bool,
    last_ping: Cow<'a, str>,
}

/// What runs: a bare array, as the window throws on anything else. (The typing error in the path
/// is the original's.)
pub(in crate::api) async fn list_progress(state: web::Data<State>) -> Answer {
    let mut rows: Vec<(Arc<Entry>, Status)> = Vec::new();
    for entry in programs(&state).await? {
        let status = state.service.supervisor.status(&entry.name);
        rows.push((entry, status));
    }
    // Written once for all rows: it would cost as much as everything else together.
    let now = timestamp(crate::job::now());
    let rows: Vec<Progress<'_>> = rows
        .iter()
        .map(|(entry, status)| Progress::new(entry, status, &now))
        .collect();
    let mut text = Vec::with_capacity(rows.len() * BYTES_PER_ROW);
    serde_json::to_writer(&mut text, &rows).expect("rows are texts and numbers");
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(text))
}

impl<'a> Progress<'a> {
    fn new(entry: &'a Entry, status: &Status, now: &'a str) -> Self {
        let running = match status.state {
            AppState::Running | AppState::Unhealthy => true,
            AppState::Starting | AppState::Stopping => status.pid.is_some(),
            AppState::Stopped | AppState::BackingOff | AppState::Failed => false,
        };
        let last_code = || status.last_exit.as_ref().and_then(|exit| exit.code);
        let last_seen = status
            .last_exit
            .as_ref()
            .map_or(status.started_at, |exit| Some(exit.at));
        Self {
            name: entry.name.as_str(),
            running,
            // Go's number for a process without one.
            exit_code: if running {
                -1
            } else {
                last_code().unwrap_or(-1)
            },
            cmd: None,
            pid: status.pid.unwrap_or(0),
            process_name: &entry.process_name,
            waiting: 0,
            is_on: entry.is_on,
            last_ping: if running {
                Cow::Borrowed(now)
            } else {
                Cow::Owned(timestamp(last_seen.unwrap_or(0)))
            },
        }
    }
}

/// Milliseconds since 1970 as `2024-08-01T12:00:00Z`.
fn timestamp(millis: u64) -> String {
    let seconds = millis / 1000;
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_original_writes_them() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_722_513_599_999, "2024-08-01T11:59:59Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(millis), expected);
        }
    }
}
