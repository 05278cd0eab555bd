//! Every route of the package server, and what it answers.

use std::fs::File;
use std::sync::Arc;

use serde_json::json;

use super::Site;
use super::answer::Answer;
use super::connection::{Body, Connection, Gone};
use super::gate::Refusal;
use super::receive;
use super::request::Request;
use super::send;
use crate::package::Signed;
use crate::package::shelf::{Entry, Note, Wish};
use crate::package::store::Piece;

/// A package up to this size is sent together with the head of its answer.
const SMALL: u64 = 64 << 10;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Hello,
    List,
    Icon,
    Download,
    Upload,
    Remove,
    Categories,
    Nowhere,
}

impl Route {
    fn of(request: &Request) -> Self {
        let is_read = matches!(request.method.as_str(), "GET" | "POST");
        match (request.path.as_str(), request.method.as_str()) {
            ("/hello", _) if is_read => Self::Hello,
            ("/package/list", _) if is_read => Self::List,
            ("/package/icon", _) if is_read => Self::Icon,
            ("/package/download", _) if is_read => Self::Download,
            ("/category/list", _) if is_read => Self::Categories,
            ("/package/upload", "PUT") => Self::Upload,
            ("/package/remove", "POST") => Self::Remove,
            _ => Self::Nowhere,
        }
    }

    fn changes(self) -> bool {
        match self {
            Self::Upload | Self::Remove => true,
            Self::Hello
            | Self::List
            | Self::Icon
            | Self::Download
            | Self::Categories
            | Self::Nowhere => false,
        }
    }
}

/// Answers a request. Answers whether the connection goes on.
pub(super) async fn answer(connection: &mut Connection, site: &Site, request: &Request) -> bool {
    let mut body = Body::of(request);
    let route = Route::of(request);
    let answer = match site.gate.check(request, route.changes()) {
        Err(refusal) => refused(refusal),
        Ok(()) if route == Route::Upload => match upload(connection, &mut body, site).await {
            Ok(answer) => answer,
            Err(Gone) => return false,
        },
        Ok(()) => {
            // What a form says does not count, but it has to be read.
            if !body.is_over() && !connection.swallow(&mut body).await {
                return false;
            }
            read(route, site, request).await
        }
    };
    connection.answer(answer, body).await
}

fn refused(refusal: Refusal) -> Answer {
    let answer = json!({ "message": refusal.message(), "status": "fail" });
    Answer::Json(refusal.status(), answer.to_string().into())
}

/// What needs no body.
async fn read(route: Route, site: &Site, request: &Request) -> Answer {
    match route {
        Route::Hello => {
            let project = request.argument("project-id");
            let same = project.is_some_and(|project| project == site.project);
            let status = if same {
                "ok"
            } else {
                "incompatible-project-id"
            };
            Answer::json(&json!({ "status": status }))
        }
        Route::List => list(site, request).await,
        Route::Categories => Answer::Json(200, site.shelf.categories()),
        Route::Icon => icon(site, request).await,
        Route::Download => download(site, request).await,
        Route::Remove => remove(site, request).await,
        Route::Upload | Route::Nowhere => Answer::Empty(404),
    }
}

async fn list(site: &Site, request: &Request) -> Answer {
    let argument = |name| request.argument(name);
    let (architecture, category) = (argument("architecture"), argument("category"));
    let filter = argument("filter");
    if category.is_none()
        && filter.is_none()
        && let Some(list) = site.shelf.ready_list(architecture.as_deref())
    {
        return Answer::Json(200, list);
    }
    let shelf = site.shelf.clone();
    let made = tokio::task::spawn_blocking(move || {
        shelf.list(&Wish {
            architecture: architecture.as_deref(),
            category: category.as_deref(),
            filter: filter.as_deref(),
        })
    });
    made.await
        .map_or(Answer::Empty(500), |list| Answer::Json(200, list))
}

async fn icon(site: &Site, request: &Request) -> Answer {
    let Some(entry) = wanted(site, request) else {
        return Answer::Empty(404);
    };
    let shelf = site.shelf.clone();
    let icon = tokio::task::spawn_blocking(move || shelf.icon(&entry)).await;
    match icon {
        Ok(Some(icon)) => Answer::Png(icon),
        Ok(None) => Answer::Empty(404),
        Err(_) => Answer::Empty(500),
    }
}

fn wanted(site: &Site, request: &Request) -> Option<Arc<Entry>> {
    let id = request.argument("id")?;
    site.shelf
        .find(&id, request.argument("architecture").as_deref())
}

async fn download(site: &Site, request: &Request) -> Answer {
    let Some(entry) = wanted(site, request) else {
        return Answer::Empty(404);
    };
    let hardware_id = request.argument("hardware-id");
    let shelf = site.shelf.clone();
    let answer = tokio::task::spawn_blocking(move || {
        match shelf.signed(&entry, hardware_id.as_deref()) {
            None => {
                let file = File::open(&entry.path).ok()?;
                let length = file.metadata().ok()?.len();
                if length < SMALL {
                    // One write is less than two.
                    let content = send::read_whole(&file, length).ok()?;
                    return Some(Answer::Package(vec![Piece::Bytes(content)]));
                }
                let whole = Piece::File(Arc::new(file), 0..length);
                Some(Answer::Package(vec![whole]))
            }
            // Somebody deleted it.
            Some(Err(_)) if !entry.path.exists() => None,
            Some(Ok(signed)) => Some(signed.into_pieces().map_or_else(
                |anew| {
                    let length = Signed::bytes(&anew);
                    Answer::Stream(Box::new(anew), length)
                },
                Answer::Package,
            )),
            Some(Err(reason)) => {
                shelf.report(&[Note::NotSigned(reason)]);
                Some(Answer::Empty(500))
            }
        }
    });
    match answer.await {
        Ok(answer) => answer.unwrap_or(Answer::Empty(404)),
        Err(_) => Answer::Empty(500),
    }
}

async fn upload(connection: &mut Connection, body: &mut Body, site: &Site) -> Result<Answer, Gone> {
    let put = receive::receive(connection, body, site).await?;
    Ok(Answer::json(&match put {
        Ok(put) => json!({
            "architecture": put.key.architecture_or_all(),
            "id": put.key.id,
            "result": put.change.word(),
            "status": "ok",
        }),
        Err(error) => json!({ "message": error.to_string(), "status": "fail" }),
    }))
}

async fn remove(site: &Site, request: &Request) -> Answer {
    let (id, architecture) = (request.argument("id"), request.argument("architecture"));
    let shelf = site.shelf.clone();
    let removed = tokio::task::spawn_blocking(move || {
        let id = id.unwrap_or_default();
        let removed = shelf.remove(&id, architecture.as_deref());
        shelf.report_removed(&id, architecture, &removed);
        removed.len()
    });
    let count = removed.await.unwrap_or(0);
    let status = if count > 0 { "ok" } else { "fail" };
    Answer::json(&json!({ "removed": count, "status": status }))
}
