//! `/api/apps/{name}/log`: an app's output by the numbers of its lines, so that a page can scroll through
//! a million of them, search and follow without loading them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::apps::{Answer, unknown};
use super::error::ApiError;
use super::log_index::{Found, LogIndex, Search, Window};
use super::state::State;
use crate::app::AppName;

/// Lines when nobody says how many.
const DEFAULT_LINES: usize = 200;

/// Most lines in one answer.
const MAX_LINES: usize = 2000;

/// Most new lines that a follower is told at once.
const MAX_NEW_LINES: usize = 500;

/// Least time between two tellings: nobody reads faster.
const PACE: Duration = Duration::from_millis(200);

/// Proxies and readers take silence for a broken connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Most matches in one answer.
const MAX_MATCHES: usize = 1000;

/// Bytes of a download that are read at once.
const BLOCK: usize = 256 << 10;

/// `?from=-200&count=200`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct WindowQuery {
    /// Number of the first line; a negative one counts from the end. The last lines when left out.
    from: Option<i64>,
    /// How many lines; 200 when left out, 2000 at most.
    count: Option<usize>,
}

/// `?find=error&from=17&up=true&limit=100&case=true`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub(super) struct SearchQuery {
    /// The text to look for.
    find: String,
    /// The line to begin with; the first, or with `up` the last, when left out.
    from: Option<u64>,
    /// Towards older lines.
    up: bool,
    /// How many matches; 100 when left out, 1000 at most.
    limit: Option<usize>,
    /// Upper and lower case differ.
    case: bool,
}

/// `?from=17`.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FollowQuery {
    /// The first line that is told; what comes from now on when left out.
    from: Option<u64>,
    /// Where a reader stopped, beside the header `Last-Event-ID`.
    last_event_id: Option<String>,
}

type Shared = Arc<Mutex<LogIndex>>;

/// The log of an app; what an uninstalled app printed may still be read.
async fn log_of(state: &State, name: &AppName) -> Result<PathBuf, ApiError> {
    let library = &state.service.library;
    let (log, folder) = (library.app_log(name), library.app_dir(name));
    let found = web::block(move || (log.exists() || folder.is_dir()).then_some(log)).await?;
    found.ok_or_else(|| unknown(name))
}

async fn with_index<T: Send + 'static>(
    state: &State,
    log: PathBuf,
    look: impl FnOnce(&LogIndex) -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let index = state.log_indexes.of(&log);
    web::block(move || looked(&index, look))
        .await?
        .map_err(|error| {
            ApiError::internal(format!(
                "the log `{}` cannot be read: {error}",
                log.display()
            ))
        })
}

/// Looks at a log as it is now. Blocks.
fn looked<T>(
    index: &Shared,
    look: impl FnOnce(&LogIndex) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
    index.refresh()?;
    look(&index)
}

/// Some lines of an app's output, by number.
#[utoipa::path(get, path = "/api/apps/{name}/log", tag = "logs",
    params(("name" = String, Path, description = "The app"), WindowQuery),
    responses((status = 200, description = "The lines", body = Window),
              (status = 404, description = "There is no such app")))]
pub(super) async fn window(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<WindowQuery>,
) -> Answer {
    let log = log_of(&state, &name).await?;
    let count = query.count.unwrap_or(DEFAULT_LINES).min(MAX_LINES);
    let last = i64::try_from(count).unwrap_or(i64::MAX);
    let from = query.from.unwrap_or(-last);
    let window = with_index(&state, log, move |index| index.window(from, count)).await?;
    Ok(HttpResponse::Ok().json(window))
}

/// Looks for a text in an app's output.
#[utoipa::path(get, path = "/api/apps/{name}/log/search", tag = "logs",
    params(("name" = String, Path, description = "The app"), SearchQuery),
    responses((status = 200, description = "Where it is", body = Found),
              (status = 400, description = "Nothing to look for is given"),
              (status = 404, description = "There is no such app")))]
pub(super) async fn search(
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<SearchQuery>,
) -> Answer {
    let query = query.into_inner();
    if query.find.is_empty() {
        return Err(ApiError::invalid(
            "`find` is empty; say what is to be looked for",
        ));
    }
    let log = log_of(&state, &name).await?;
    let found = with_index(&state, log, move |index| {
        index.search(&Search {
            text: &query.find,
            case: query.case,
            up: query.up,
            from: query.from,
            limit: query.limit.unwrap_or(100).clamp(1, MAX_MATCHES),
        })
    })
    .await?;
    Ok(HttpResponse::Ok().json(found))
}

/// Follows an app's output: events `lines` with the numbers of the lines, at most five a second, each
/// with at most the last 500 of what is new. Lines that are left out can be asked for by number.
#[utoipa::path(get, path = "/api/apps/{name}/log/follow", tag = "logs",
    params(("name" = String, Path, description = "The app"), FollowQuery),
    responses((status = 200, description = "The stream", content((String = "text/event-stream"))),
              (status = 404, description = "There is no such app")))]
pub(super) async fn follow(
    request: HttpRequest,
    state: web::Data<State>,
    name: web::Path<AppName>,
    query: web::Query<FollowQuery>,
) -> Answer {
    let log = log_of(&state, &name).await?;
    let header = request
        .headers()
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let seen = header.or(query.last_event_id.as_deref()).and_then(|id| {
        let (epoch, line) = id.rsplit_once('-')?;
        Some((epoch.to_owned(), line.parse().ok()?))
    });
    let follower = Follower {
        index: state.log_indexes.of(&log),
        changes: state.service.supervisor.watch_log(&log),
        ending: state.ending.clone(),
        seen,
        from: query.from,
        told: None,
        is_first: true,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream::unfold(follower, Follower::next)))
}

/// One reader of a log.
struct Follower {
    index: Shared,
    changes: watch::Receiver<u64>,
    ending: CancellationToken,
    /// What the reader has seen when it comes back.
    seen: Option<(String, u64)>,
    from: Option<u64>,
    /// What was told last.
    told: Option<Told>,
    is_first: bool,
}

/// How far a reader is.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    epoch: String,
    /// Behind the last whole line.
    next: u64,
    /// The unfinished line behind it.
    rest: Option<String>,
}

#[derive(Serialize)]
struct Lines<'a> {
    #[serde(flatten)]
    window: &'a Window,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Bytes, ApiError>, Self)> {
        loop {
            if !self.is_first {
                let wait = async {
                    tokio::time::sleep(PACE).await;
                    self.changes.changed().await
                };
                tokio::select! {
                    changed = wait => changed.ok()?,
                    () = self.ending.cancelled() => return None,
                    () = tokio::time::sleep(KEEP_ALIVE) => {
                        return Some((Ok(Bytes::from_static(b": still here\n\n")), self));
                    }
                }
            }
            // Before the look, so that what comes meanwhile wakes us again.
            self.changes.mark_unchanged();
            let (index, begin) = (self.index.clone(), self.begin());
            let looked = web::block(move || looked(&index, |index| news(index, begin.as_ref())));
            let window = match looked.await {
                Ok(Ok(window)) => window,
                Ok(Err(error)) => {
                    let error = format!("the log cannot be read: {error}");
                    return Some((Err(ApiError::internal(error)), self));
                }
                Err(_) => return None,
            };
            let told = told(&window);
            let is_news = self.told.as_ref() != Some(&told);
            if is_news || self.is_first {
                let retry = if self.is_first { "retry: 1000\n" } else { "" };
                let data = serde_json::to_string(&Lines { window: &window }).ok()?;
                let text = format!(
                    "{retry}event: lines\nid: {}-{}\ndata: {data}\n\n",
                    told.epoch, told.next
                );
                self.is_first = false;
                self.told = Some(told);
                return Some((Ok(text.into()), self));
            }
        }
    }

    /// Where the next telling begins.
    fn begin(&self) -> Option<(Option<String>, u64)> {
        if let Some(told) = &self.told {
            return Some((Some(told.epoch.clone()), told.next));
        }
        if let Some((epoch, line)) = &self.seen {
            return Some((Some(epoch.clone()), *line));
        }
        self.from.map(|from| (None, from))
    }
}

/// What a reader that is at `begin` does not know; without, what there will be.
fn news(index: &LogIndex, begin: Option<&(Option<String>, u64)>) -> std::io::Result<Window> {
    let extent = index.extent();
    let oldest = extent
        .total
        .saturating_sub(u64::try_from(MAX_NEW_LINES).unwrap_or_default());
    let from = match begin {
        None => extent.total,
        Some((Some(epoch), _)) if *epoch != extent.epoch => oldest,
        Some((_, line)) => (*line).max(oldest),
    };
    index.window(i64::try_from(from).unwrap_or(i64::MAX), MAX_NEW_LINES)
}

fn told(window: &Window) -> Told {
    let total = window.extent.total;
    Told {
        epoch: window.extent.epoch.clone(),
        next: total - u64::from(window.partial && total > 0),
        rest: window
            .partial
            .then(|| window.lines.last().cloned())
            .flatten(),
    }
}

/// All of an app's output that is kept, as one file.
#[utoipa::path(get, path = "/api/apps/{name}/log/download", tag = "logs",
    params(("name" = String, Path, description = "The app")),
    responses((status = 200, description = "The log", content((String = "text/plain"))),
              (status = 404, description = "There is no such app")))]
pub(super) async fn download(state: web::Data<State>, name: web::Path<AppName>) -> Answer {
    let log = log_of(&state, &name).await?;
    let opened = with_index(&state, log, |index| {
        let mut files = Vec::new();
        for path in index.files() {
            // Opened now, so that a rotation changes nothing.
            let file = std::fs::File::open(path)?;
            let length = file.metadata()?.len();
            files.push(std::io::Read::take(file, length));
        }
        files.reverse();
        Ok(files)
    });
    let files = opened.await?;
    let body = stream::unfold(files, |mut files| async move {
        let read = web::block(move || -> std::io::Result<_> {
            use std::io::Read as _;
            while let Some(file) = files.last_mut() {
                let mut block = vec![0; BLOCK];
                let count = file.read(&mut block)?;
                if count > 0 {
                    block.truncate(count);
                    return Ok(Some((Bytes::from(block), files)));
                }
                files.pop();
            }
            Ok(None)
        });
        match read.await {
            Ok(Ok(Some((block, files)))) => Some((Ok(block), files)),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => {
                let error = ApiError::internal(format!("the log cannot be read: {error}"));
                Some((Err(error), Vec::new()))
            }
            Err(error) => Some((Err(error.into()), Vec::new())),
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.log\""),
        ))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(body))
}
