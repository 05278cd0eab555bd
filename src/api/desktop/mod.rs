//! `/ping` and `/store/…`: what an unmodified GodoOS desktop sends and reads. Its window looks at
//! the HTTP status in some places and only at the body in others; each handler says which.

mod download;
mod lifecycle;
mod list;
mod ports;
mod upload;

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::apps::{failure_of, read};
use super::error::ApiError;
use super::roster::Entry;
use super::state::State;
use crate::app::install::{History, InstallInfo, Item};
use crate::app::{App, AppName};
use crate::catalog::Offer;
use crate::job::{Action, JobRecord, JobState, Ticket};

pub(super) use download::{download, fetch};
pub(super) use lifecycle::{
    install, restart, setting, start, start_all, stop, stop_all, uninstall,
};
pub(super) use list::{install_info, list_progress, ping, store_list};
pub(super) use ports::{kill_port, list_port};
pub(super) use upload::upload;

/// The body of most answers. The order of the keys is the original's.
#[derive(Serialize)]
struct Envelope<T> {
    message: String,
    code: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Ours, at the end, and only when there are any: so the body of a plain success is the
    /// original's to the byte.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: Vec<String>,
}

impl<T: Serialize> Envelope<T> {
    fn success(message: &str, data: T) -> Self {
        Self {
            message: message.to_owned(),
            code: 0,
            data: Some(data),
            error: None,
            warnings: Vec::new(),
        }
    }

    fn answer(&self, status: StatusCode) -> HttpResponse {
        HttpResponse::build(status).json(self)
    }
}

impl Envelope<Value> {
    fn failure(error: &ApiError) -> Self {
        Self {
            message: error.message.clone(),
            code: -1,
            data: (!error.data.is_null()).then(|| error.data.clone()),
            error: None,
            warnings: Vec::new(),
        }
    }
}

/// An error as an envelope with a status of its own choice.
fn failed(error: &ApiError, status: StatusCode) -> HttpResponse {
    Envelope::failure(error).answer(status)
}

/// An app as the desktop wants to hear of it.
///
/// `isDev` is always false, and an empty `url` or `pkg` is left out, because else its window never
/// installs an app that is already here; `haStart` (its typing error) and `needInstall` are what
/// its versions ask before they uninstall. The truth is in `/api/apps/{name}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the form is the original's")]
struct DesktopInfo<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pkg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_url: Option<&'a str>,
    is_dev: bool,
    version: &'a str,
    desc: &'a str,
    icon: String,
    has_start: bool,
    has_restart: bool,
    setting: bool,
    dependencies: Option<&'a [Item]>,
    category: &'a str,
    history: Option<&'a [History]>,
    ha_start: bool,
    need_install: bool,
}

impl<'a> DesktopInfo<'a> {
    fn new(entry: &'a Entry, port: u16) -> Self {
        // Its window may lie on another port or in a frame, so the address is whole.
        let icon = if entry.icon.starts_with('/') {
            format!("http://localhost:{port}{}", entry.icon)
        } else {
            entry.icon.clone()
        };
        Self::of(entry.name.as_str(), &entry.install, icon)
    }

    fn of(name: &'a str, install: &'a InstallInfo, icon: String) -> Self {
        Self {
            name,
            url: &install.url,
            pkg: &install.pkg,
            web_url: Some(&install.web_url),
            is_dev: false,
            version: &install.version,
            desc: &install.desc,
            icon,
            has_start: install.has_start,
            has_restart: install.has_restart,
            setting: install.setting,
            dependencies: some(&install.dependencies),
            category: &install.category,
            history: some(&install.history),
            ha_start: true,
            need_install: true,
        }
    }
}

impl<'a> From<&'a Offer> for DesktopInfo<'a> {
    fn from(offer: &'a Offer) -> Self {
        Self::of(offer.name.as_str(), &offer.info, offer.info.icon.clone())
    }
}

fn some<T>(items: &[T]) -> Option<&[T]> {
    (!items.is_empty()).then_some(items)
}

/// `?name=mysql5.7`.
#[derive(Deserialize)]
pub(super) struct NameQuery {
    #[serde(default)]
    name: String,
}

async fn info_of(state: &State, name: &str) -> Result<Arc<App>, ApiError> {
    let name = wanted(state, name)?;
    read(state, &name).await
}

fn wanted(state: &State, name: &str) -> Result<AppName, ApiError> {
    if name.is_empty() {
        return Err(ApiError::invalid("name is required"));
    }
    state.desktop_name(name)
}

/// The envelope with an app's info.
async fn info_answer(
    state: &State,
    message: &'static str,
    app: Arc<App>,
    warnings: Vec<String>,
) -> HttpResponse {
    match info_json(state, message, app, warnings, Page::Told).await {
        Ok(body) => json(StatusCode::OK, body),
        Err(error) => failed(&error, error.status),
    }
}

/// Whether the desktop is told of an app's page, `webUrl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// It is.
    Told,
    /// It is not: see [`download()`].
    LeftOut,
}

/// The envelope with an app's info, as text.
async fn info_json(
    state: &State,
    message: &'static str,
    app: Arc<App>,
    warnings: Vec<String>,
    page: Page,
) -> Result<Vec<u8>, ApiError> {
    let (service, port) = (state.service.clone(), state.port);
    let written = web::block(move || {
        let entry = Entry::fresh(&service, &app);
        let mut info = DesktopInfo::new(&entry, port);
        if page == Page::LeftOut {
            info.web_url = None;
        }
        serde_json::to_vec(&Envelope {
            warnings,
            ..Envelope::success(message, info)
        })
    });
    written
        .await?
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))
}

/// An answer that was written on another thread.
fn json(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(header::ContentType::json())
        .body(body)
}

/// Runs a job to its end.
async fn run(state: &State, name: &AppName, action: Action) -> Result<Arc<JobRecord>, ApiError> {
    let ticket = state.submit(name, action).await?;
    succeeded(state, ticket).await
}

/// Waits for the success of a job.
async fn succeeded(state: &State, ticket: Ticket) -> Result<Arc<JobRecord>, ApiError> {
    let record = state.finished(ticket).await?;
    if record.state == JobState::Succeeded {
        Ok(record)
    } else {
        Err(failure_of(&record).into())
    }
}

fn text(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}

/// The apps that are installed and have a program.
async fn programs(state: &web::Data<State>) -> Result<Vec<Arc<Entry>>, ApiError> {
    let state = state.clone().into_inner();
    let entries = web::block(move || {
        let entries = state.roster.entries(&state.service);
        entries
            .iter()
            .filter(|entry| entry.has_program)
            .filter(|entry| {
                state.service.database.with_apps(|apps| {
                    apps.get(&entry.name)
                        .is_some_and(|record| record.installed.is_some())
                })
            })
            .cloned()
            .collect()
    })
    .await?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_success_is_the_originals_to_the_byte() {
        let body = serde_json::to_string(&Envelope::success("success", "success")).unwrap();
        assert_eq!(body, r#"{"message":"success","code":0,"data":"success"}"#);
    }

    #[test]
    fn warnings_come_last() {
        let envelope = Envelope {
            warnings: vec!["w".to_owned()],
            ..Envelope::success("success", "success")
        };
        let body = serde_json::to_string(&envelope).unwrap();
        assert_eq!(
            body,
            r#"{"message":"success","code":0,"data":"success","warnings":["w"]}"#
        );
    }

    #[test]
    fn a_failure_has_no_data_when_there_is_none() {
        let body = serde_json::to_string(&Envelope::failure(&ApiError::invalid("m"))).unwrap();
        assert_eq!(body, r#"{"message":"m","code":-1}"#);
    }
}
