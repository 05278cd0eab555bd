//! The two downloads of the desktop, as streams of JSON texts.
//!
//! Its window decodes each read of the network and parses it as one JSON text. So every text is a
//! write of its own, with a pause before the next; above all, the last one, which alone says that the
//! app is there, must not share a read with the one before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::{Envelope, Page, failed, info_json, json as json_answer, run, wanted};
use crate::api::apps::{failure_of, read};
use crate::api::body::Json;
use crate::api::error::ApiError;
use crate::api::install::check_addresses;
use crate::api::provisional::provisional_name;
use crate::api::state::State;
use crate::app::origin::Addresses;
use crate::app::{App, AppName, Origin};
use crate::catalog::Offer;
use crate::job::progress::Phase;
use crate::job::{Action, Install, JobRecord, JobState, Progress, Source, Ticket};

/// Between two lines of `POST /store/download`.
const BEAT: Duration = Duration::from_millis(100);

/// Between two lines of `GET /store/download`.
const SLOW_BEAT: Duration = Duration::from_millis(200);

/// Between the last line and the end: long enough that no reader gets both at once.
const PAUSE: Duration = Duration::from_millis(150);

/// Body of `POST /store/download`. The desktop sends on what a list says, which may be `null`.
#[derive(Deserialize)]
pub(in crate::api) struct Download {
    name: Option<String>,
    url: Option<String>,
    pkg: Option<String>,
}

/// Installs an app, after a download if it needs one. The job goes on when the client goes away. The
/// window looks only at the texts, so the status is always 200.
///
/// The info at the end leaves `webUrl` out: later desktops throw when it is there, before they have
/// marked the app as installed, and in their requests nothing tells them apart from the earlier
/// ones, which would make an icon from it. They all get the page from `/store/installInfo`.
pub(in crate::api) async fn download(
    state: web::Data<State>,
    body: Result<Json<Download>, ApiError>,
) -> HttpResponse {
    let body = match body {
        Ok(Json(body)) => body,
        Err(error) => return failed(&error, error.status),
    };
    match begin(&state, body).await {
        Ok(Begun::InPlace(envelope)) => as_text(json_answer(StatusCode::OK, envelope)),
        Ok(Begun::Job(ticket)) => {
            let following = Following::new(&state, ticket, BEAT);
            as_text(HttpResponse::Ok().streaming(Box::pin(lines(state, following))))
        }
        Err(error) => as_text(failed(&error, StatusCode::OK)),
    }
}

fn as_text(mut answer: HttpResponse) -> HttpResponse {
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

/// What a download begins with.
enum Begun {
    /// There was nothing to download, and this is the answer.
    InPlace(Vec<u8>),
    /// This job is at it.
    Job(Ticket),
}

async fn begin(state: &State, body: Download) -> Result<Begun, ApiError> {
    let name = wanted(state, &body.name.unwrap_or_default())?;
    let asked = Addresses {
        url: body.url.unwrap_or_default(),
        pkg: body.pkg.unwrap_or_default(),
        ..Addresses::default()
    };
    let app = match read(state, &name).await {
        Ok(app) => Some(app),
        Err(error) if error.status == StatusCode::NOT_FOUND => None,
        Err(error) => return Err(error),
    };
    let origin = state.service.database.app(&name).origin;
    let (catalogs, sought) = (state.service.catalogs.clone(), name.clone());
    let offers = web::block(move || catalogs.find(&sought)).await?;
    let source = source(app.as_deref(), origin.as_ref(), &offers, asked);
    if source == Source::InPlace {
        let record = run(state, &name, Action::Install(source.into())).await?;
        return success(state, &record).await.map(Begun::InPlace);
    }
    let ticket = state.submit(&name, Action::Install(source.into())).await?;
    Ok(Begun::Job(ticket))
}

/// What is to be installed when the desktop asks for these addresses.
fn source(
    app: Option<&App>,
    origin: Option<&Origin>,
    offers: &[Arc<Offer>],
    asked: Addresses,
) -> Source {
    let of_catalog = |catalog: Option<String>| Source::Catalog {
        version: None,
        catalog,
    };
    if let Some(app) = app
        && app.install.is_dev
    {
        return Source::InPlace;
    }
    // What a catalog offered comes with its checksums, and is known to come from there.
    let is_asked = |url: &str, pkg: &str| asked.url == url && asked.pkg == pkg;
    if !asked.is_empty() {
        let offer = offers
            .iter()
            .find(|offer| is_asked(&offer.info.url, &offer.info.pkg));
        if let Some(offer) = offer {
            return of_catalog(Some(offer.catalog.to_string()));
        }
    }
    if let Some(Origin::Catalog { catalog, addresses }) = origin
        && (asked.is_empty() || is_asked(&addresses.url, &addresses.pkg))
    {
        return of_catalog(Some(catalog.clone()));
    }
    // The desktop sends back what the app's own manifest says. That the user gave an address himself is
    // known only of one that he typed for an earlier install.
    let of_app = |app: &App| Source::Again {
        given: matches!(origin, Some(Origin::Address(given)) if is_asked(&given.url, &given.pkg)),
        origin: Origin::Address(Addresses {
            url: app.install.url.clone(),
            pkg: app.install.pkg.clone(),
            ..Addresses::default()
        }),
    };
    match app {
        Some(app) if asked.is_empty() => {
            if app.install.url.is_empty() && app.install.pkg.is_empty() {
                Source::InPlace
            } else {
                of_app(app)
            }
        }
        Some(app) if is_asked(&app.install.url, &app.install.pkg) => of_app(app),
        None if asked.is_empty() => of_catalog(None),
        Some(_) | None => Source::Address(asked),
    }
}

/// The envelope at the end.
async fn success(state: &State, record: &JobRecord) -> Result<Vec<u8>, ApiError> {
    let app = read(state, record.subject()).await?;
    let warnings = record.warnings.clone();
    info_json(
        state,
        "install the app success!",
        app,
        warnings,
        Page::LeftOut,
    )
    .await
}

async fn end(state: &State, outcome: Result<Arc<JobRecord>, ApiError>) -> Vec<u8> {
    let envelope = async {
        let record = outcome?;
        if record.state == JobState::Succeeded {
            success(state, &record).await
        } else {
            Err(failure_of(&record).into())
        }
    };
    envelope
        .await
        .unwrap_or_else(|error| text(&Envelope::failure(&error)))
}

/// One line of progress.
#[derive(Serialize)]
struct Line {
    progress: u64,
    is_finished: bool,
    total: u64,
    completed: u64,
    status: &'static str,
}

impl Line {
    fn new(progress: &Progress) -> Self {
        let loading = progress.phase == Phase::Download;
        Self {
            progress: if loading { percent(progress) } else { 100 },
            is_finished: !loading,
            total: progress.total.unwrap_or(0),
            completed: progress.completed,
            status: if loading { "loading" } else { "loaded" },
        }
    }
}

/// The stream of `POST /store/download`.
fn lines(
    state: web::Data<State>,
    following: Following,
) -> impl Stream<Item = Result<Bytes, ApiError>> {
    stream::unfold(Some((state, following)), |at| async move {
        let (state, mut following) = at?;
        match following.next().await {
            Beat::Progress(progress) => {
                let line = text(&Line::new(&progress));
                Some((Ok(line_of(line)), Some((state, following))))
            }
            Beat::End(outcome) => Some((Ok(end(&state, outcome).await.into()), None)),
        }
    })
}

/// Installs what lies at an address, for the form "remote download" that all desktops have. Its
/// window acts on the line that says `done`.
pub(in crate::api) async fn fetch(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let begun = async {
        let url = address(request.query_string())
            .ok_or_else(|| ApiError::invalid("url is required: the address of a package"))?;
        let name = provisional_name(&url);
        let addresses = Addresses {
            url: url.clone(),
            ..Addresses::default()
        };
        check_addresses(&addresses)?;
        let install = Install {
            source: Source::Address(addresses),
            ..Install::default()
        };
        let ticket = state.submit(&name, Action::Install(install)).await?;
        Ok::<_, ApiError>((url, ticket))
    };
    match begun.await {
        Ok((url, ticket)) => {
            let following = Following::new(&state, ticket, SLOW_BEAT);
            as_text(HttpResponse::Ok().streaming(Box::pin(rows(state, url, following))))
        }
        Err(error) => as_text(failed(&error, error.status)),
    }
}

/// The address in a query. The window does not encode it, so what looks like further parameters
/// is a part of it.
fn address(query: &str) -> Option<String> {
    let rest = query
        .strip_prefix("url=")
        .or_else(|| Some(query.split_once("&url=")?.1))?;
    if rest.contains("://") {
        return Some(rest.to_owned());
    }
    let first = rest.split('&').next().unwrap_or(rest);
    let plain = first.replace('+', " ");
    let url = percent_encoding::percent_decode_str(&plain)
        .decode_utf8()
        .ok()?;
    (!url.is_empty()).then(|| url.into_owned())
}

/// One line of `GET /store/download`.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    path: String,
    url: &'a str,
    current: u64,
    size: u64,
    speed: u64,
    progress: u64,
    downloading: bool,
    done: bool,
}

/// The stream of `GET /store/download`.
fn rows(
    state: web::Data<State>,
    url: String,
    following: Following,
) -> impl Stream<Item = Result<Bytes, ApiError>> {
    let last = Progress {
        phase: Phase::Download,
        item: String::new(),
        completed: 0,
        total: None,
        bytes_per_second: 0,
        seconds_left: None,
    };
    stream::unfold(Some((state, url, following, last)), |at| async move {
        let (state, url, mut following, mut last) = at?;
        match following.next().await {
            Beat::Progress(progress) => {
                if progress.phase == Phase::Download {
                    last = progress;
                }
                let name = provisional_name(&url);
                let text = text(&row(&state, &url, &name, &last, false));
                Some((Ok(line_of(text)), Some((state, url, following, last))))
            }
            Beat::End(outcome) => {
                let text = match outcome {
                    Ok(record) if record.state == JobState::Succeeded => {
                        text(&row(&state, &url, record.subject(), &last, true))
                    }
                    Ok(record) => refusal(&url, &failure_of(&record).into()),
                    Err(error) => refusal(&url, &error),
                };
                Some((Ok(line_of(text)), None))
            }
        }
    })
}

fn row<'a>(
    state: &State,
    url: &'a str,
    name: &'a AppName,
    progress: &Progress,
    done: bool,
) -> Row<'a> {
    // Its window takes the last part of the path up to the first dot, and puts it into the
    // address of its next question as it is.
    let run_dir = state.service.library.run_dir().display().to_string();
    let last = name.as_str().replace('.', "%2E");
    Row {
        name: name.as_str(),
        path: format!("{}/{last}", run_dir.replace('\\', "/")),
        url,
        current: progress.completed,
        size: progress.total.unwrap_or(progress.completed),
        speed: progress.bytes_per_second,
        progress: if done { 100 } else { percent(progress) },
        downloading: !done,
        done,
    }
}

/// The last line of a download that failed.
fn refusal(url: &str, error: &ApiError) -> Vec<u8> {
    text(&json!({
        "url": url, "downloading": false, "done": false,
        "code": -1, "message": error.message, "data": error.data,
    }))
}

/// 0 to 100; 0 as long as nobody knows how much there is.
fn percent(progress: &Progress) -> u64 {
    match progress.total {
        Some(total) if total > 0 => {
            let percent = u128::from(progress.completed) * 100 / u128::from(total);
            u64::try_from(percent.min(100)).unwrap_or(100)
        }
        Some(_) | None => 0,
    }
}

fn text(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers are JSON")
}

fn line_of(mut text: Vec<u8>) -> Bytes {
    text.push(b'\n');
    text.into()
}

/// A job that is followed to its end, in beats.
struct Following {
    state: web::Data<State>,
    job: u64,
    end: Pin<Box<dyn Future<Output = Result<Arc<JobRecord>, ApiError>>>>,
    beat: Duration,
    /// When the last progress was told.
    told: Option<Instant>,
}

/// What is told of a job.
enum Beat {
    Progress(Progress),
    End(Result<Arc<JobRecord>, ApiError>),
}

impl Following {
    fn new(state: &web::Data<State>, ticket: Ticket, beat: Duration) -> Self {
        let waiting = state.clone();
        Self {
            state: state.clone(),
            job: ticket.id,
            end: Box::pin(async move { waiting.finished(ticket).await }),
            beat,
            told: None,
        }
    }

    /// The next progress, a beat after the last one, or the end, after a pause.
    async fn next(&mut self) -> Beat {
        loop {
            tokio::select! {
                biased;
                outcome = &mut self.end => {
                    if let Some(told) = self.told {
                        tokio::time::sleep_until(told + PAUSE).await;
                    }
                    return Beat::End(outcome);
                }
                () = tokio::time::sleep(self.beat) => {}
            }
            let record = self.state.service.jobs.get(self.job).await;
            if let Some(progress) = record.and_then(|record| record.progress.clone()) {
                self.told = Some(Instant::now());
                return Beat::Progress(progress);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_encoded_is_taken_whole() {
        for (query, expected) in [
            ("url=http://x/a.zip", Some("http://x/a.zip")),
            ("url=http://x/a.zip?b=1&c=2", Some("http://x/a.zip?b=1&c=2")),
            (
                "cate=hots&url=http://x/a%20b.zip",
                Some("http://x/a%20b.zip"),
            ),
            ("url=http%3A%2F%2Fx%2Fa.zip&c=2", Some("http://x/a.zip")),
            ("url=", None),
            ("", None),
            ("name=x", None),
        ] {
            assert_eq!(address(query).as_deref(), expected, "{query}");
        }
    }

    fn progress(phase: Phase, completed: u64, total: Option<u64>) -> Progress {
        Progress {
            phase,
            item: String::new(),
            completed,
            total,
            bytes_per_second: 0,
            seconds_left: None,
        }
    }

    #[test]
    fn a_line_is_what_the_desktop_reads() {
        for (progress, expected) in [
            (
                progress(Phase::Download, 1, Some(3)),
                r#"{"progress":33,"is_finished":false,"total":3,"completed":1,"status":"loading"}"#,
            ),
            (
                progress(Phase::Download, 7, None),
                r#"{"progress":0,"is_finished":false,"total":0,"completed":7,"status":"loading"}"#,
            ),
            (
                progress(Phase::Unpack, 7, Some(9)),
                r#"{"progress":100,"is_finished":true,"total":9,"completed":7,"status":"loaded"}"#,
            ),
        ] {
            let line = String::from_utf8(text(&Line::new(&progress))).unwrap();
            assert_eq!(line, expected);
        }
    }

    fn app(is_dev: bool, url: &str) -> App {
        App {
            name: AppName::parse("x").unwrap(),
            dir: std::path::PathBuf::new(),
            install: crate::app::InstallInfo {
                is_dev,
                url: url.to_owned(),
                ..crate::app::InstallInfo::default()
            },
            store: None,
            install_text: String::new(),
            store_text: String::new(),
        }
    }

    fn at(url: &str) -> Addresses {
        Addresses {
            url: url.to_owned(),
            ..Addresses::default()
        }
    }

    #[test]
    fn nothing_is_downloaded_that_is_here_and_has_no_address() {
        let (dev, plain, remote) = (app(true, "u"), app(false, ""), app(false, "u"));
        let again = |url: &str, given| Source::Again {
            origin: Origin::Address(at(url)),
            given,
        };
        for (app, asked, expected) in [
            (Some(&dev), "u", Source::InPlace),
            (Some(&plain), "", Source::InPlace),
            (Some(&plain), "v", Source::Address(at("v"))),
            // The app's own address comes back to us; nobody here has given it.
            (Some(&remote), "", again("u", false)),
            (Some(&remote), "u", again("u", false)),
            (Some(&remote), "v", Source::Address(at("v"))),
            (None, "v", Source::Address(at("v"))),
        ] {
            assert_eq!(source(app, None, &[], at(asked)), expected, "{asked}");
        }
        let typed = Origin::Address(at("u"));
        assert_eq!(
            source(Some(&remote), Some(&typed), &[], at("u")),
            again("u", true)
        );
        let catalog = |name: Option<&str>| Source::Catalog {
            version: None,
            catalog: name.map(str::to_owned),
        };
        assert_eq!(source(None, None, &[], at("")), catalog(None));
        let origin = Origin::Catalog {
            catalog: "main".to_owned(),
            addresses: at("u"),
        };
        for asked in ["", "u"] {
            let found = source(Some(&remote), Some(&origin), &[], at(asked));
            assert_eq!(found, catalog(Some("main")));
        }
        let found = source(Some(&remote), Some(&origin), &[], at("v"));
        assert_eq!(found, Source::Address(at("v")));
    }
}
