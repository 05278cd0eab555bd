//! `/api/origins`: pages of other origins that were turned away, and what the user decided on them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::apps::Answer;
use super::body::Json;
use super::error::ApiError;
use super::policy::{Policy, check_origin};
use super::state::State;
use crate::database::Database;
use crate::job::event::Events;
use crate::job::notice::Notices;

/// The setting that holds what was decided for good.
const SETTING: &str = "origins";

/// Origins that were turned away: so many are remembered. Any page can come up with a new one.
const MAX_REFUSED: usize = 50;

/// Decisions that are kept.
const MAX_PAIRED: usize = 200;

/// A page may try without end; so often it is told.
const TELL: Duration = Duration::from_secs(1);

/// What the user decided on an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    /// It may use the store until the service ends.
    Once,
    /// It may use the store.
    Always,
    /// It may not, and is not told of again.
    Block,
}

/// An origin that was decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Paired {
    /// The origin.
    origin: String,
    /// What was decided.
    allow: Decision,
    /// When, in milliseconds since 1970.
    since: u64,
}

/// An origin that was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Refused {
    /// The origin.
    origin: String,
    /// When first, in milliseconds since 1970.
    first: u64,
    /// When last.
    last: u64,
    /// How often.
    count: u64,
}

/// Whose pages may use the store.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Overview {
    /// Our own page.
    own: Vec<String>,
    /// Desktops that ship the store's window.
    desktops: Vec<String>,
    /// What the command line allows.
    configured: Vec<String>,
    /// What was decided here, in order of the origins.
    paired: Vec<Paired>,
    /// Who was turned away, the last one first.
    refused: Vec<Refused>,
}

/// Body of `POST /api/origins`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    /// The origin, as browsers write it.
    origin: String,
    /// What is decided.
    allow: Decision,
}

/// `?origin=http://localhost:8215`.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct Forget {
    /// The origin.
    origin: String,
}

/// What was decided, and who was turned away.
pub(super) struct Origins {
    known: Mutex<Known>,
    events: Events,
    notices: Notices,
}

#[derive(Default)]
struct Known {
    paired: BTreeMap<String, (Decision, u64)>,
    refused: Vec<Refused>,
    told: Option<Instant>,
}

impl Origins {
    /// What was decided before, from the database. Blocks.
    pub(super) fn load(database: &Database, events: &Events, notices: &Notices) -> Self {
        let paired: Vec<Paired> = match database.setting(SETTING) {
            Ok(paired) => paired.unwrap_or_default(),
            Err(error) => {
                // Nobody is let in by a decision that cannot be read.
                tracing::warn!("the allowed origins cannot be read: {error}");
                Vec::new()
            }
        };
        let paired = paired
            .into_iter()
            .map(|it| (it.origin, (it.allow, it.since)))
            .collect();
        Self {
            known: Mutex::new(Known {
                paired,
                ..Known::default()
            }),
            events: events.clone(),
            notices: notices.clone(),
        }
    }

    /// The origins that may use the store by a decision.
    pub(super) fn allowed(&self) -> Vec<String> {
        let known = self.known();
        let paired = known.paired.iter();
        paired
            .filter(|(_, (decision, _))| *decision != Decision::Block)
            .map(|(origin, _)| origin.clone())
            .collect()
    }

    /// Remembers that a page was turned away, unless it is blocked or its origin is none.
    pub(super) fn refused(&self, origin: &str) {
        if check_origin(origin).as_deref() != Ok(origin) {
            return;
        }
        let now = now();
        let mut known = self.known();
        if known.paired.contains_key(origin) {
            return;
        }
        if let Some(refused) = known.refused.iter_mut().find(|it| it.origin == origin) {
            refused.last = now;
            refused.count += 1;
            return;
        }
        if known.refused.len() >= MAX_REFUSED {
            let oldest = known
                .refused
                .iter()
                .enumerate()
                .min_by_key(|(_, it)| it.last);
            if let Some(oldest) = oldest.map(|(place, _)| place) {
                known.refused.swap_remove(oldest);
            }
        }
        known.refused.push(Refused {
            origin: origin.to_owned(),
            first: now,
            last: now,
            count: 1,
        });
        if known.told.is_none_or(|told| told.elapsed() >= TELL) {
            known.told = Some(Instant::now());
            let news = json!({ "origin": origin, "count": 1 });
            self.events.publish("origins", &news);
            self.notices.origin(origin);
        }
    }

    fn overview(&self, policy: &Policy) -> Overview {
        let known = self.known();
        let mut refused = known.refused.clone();
        refused.sort_by_key(|it| std::cmp::Reverse(it.last));
        let (own, desktops, configured) = policy.origins();
        Overview {
            own,
            desktops,
            configured,
            paired: known.list(|_| true),
            refused,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn list(&self, which: impl Fn(Decision) -> bool) -> Vec<Paired> {
        let paired = self.paired.iter();
        paired
            .filter(|(_, (decision, _))| which(*decision))
            .map(|(origin, (allow, since))| Paired {
                origin: origin.clone(),
                allow: *allow,
                since: *since,
            })
            .collect()
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or_default()
}

/// Whose pages may use the store, and who was turned away.
#[utoipa::path(get, path = "/api/origins", tag = "service",
    responses((status = 200, description = "The origins", body = Overview),
              (status = 403, description = "Asked by a page of another origin")))]
pub(super) async fn list(request: HttpRequest, state: web::Data<State>) -> Answer {
    need_own(&request, &state)?;
    Ok(HttpResponse::Ok().json(state.origins.overview(&state.policy)))
}

/// Decides on an origin: allows its pages to use the store, or blocks them.
#[utoipa::path(post, path = "/api/origins", tag = "service", request_body = Decide,
    responses((status = 200, description = "The origins", body = Overview),
              (status = 400, description = "It is no origin"),
              (status = 403, description = "Asked by a page of another origin")))]
pub(super) async fn decide(
    request: HttpRequest,
    state: web::Data<State>,
    Json(body): Json<Decide>,
) -> Answer {
    need_own(&request, &state)?;
    let origin = check_origin(&body.origin).map_err(ApiError::invalid)?;
    let allow = body.allow;
    change(&state, move |known| {
        if known.paired.len() >= MAX_PAIRED && !known.paired.contains_key(&origin) {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                format!("{MAX_PAIRED} origins are decided on already; forget some of them"),
            ));
        }
        known.refused.retain(|it| it.origin != origin);
        known.paired.insert(origin, (allow, now()));
        Ok(())
    })
    .await?;
    Ok(HttpResponse::Ok().json(state.origins.overview(&state.policy)))
}

/// Forgets what was decided on an origin: its pages are turned away again. Or forgets that it was
/// turned away.
#[utoipa::path(delete, path = "/api/origins", tag = "service", params(Forget),
    responses((status = 204, description = "It is forgotten"),
              (status = 403, description = "Asked by a page of another origin"),
              (status = 404, description = "Nothing is known of it")))]
pub(super) async fn forget(
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<Forget>,
) -> Answer {
    need_own(&request, &state)?;
    let origin = query.into_inner().origin;
    change(&state, move |known| {
        let was_refused = known.refused.iter().any(|it| it.origin == origin);
        known.refused.retain(|it| it.origin != origin);
        if known.paired.remove(&origin).is_none() && !was_refused {
            let shown: String = origin.escape_debug().take(200).collect();
            return Err(ApiError::not_found(format!(
                "nothing was decided on `{shown}`; GET /api/origins lists what was"
            )));
        }
        Ok(())
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Only our own page and programs decide who comes in: not those who were let in.
fn need_own(request: &HttpRequest, state: &State) -> Result<(), ApiError> {
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_none_or(|origin| state.policy.is_own(origin)) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "only the store's own page and the command line decide whose pages may use it; open it at its own address",
    ))
}

/// Changes what is decided: first on the disk, then at the gate.
async fn change(
    state: &web::Data<State>,
    change: impl FnOnce(&mut Known) -> Result<(), ApiError> + Send + 'static,
) -> Result<(), ApiError> {
    let shared = state.clone().into_inner();
    // In the service's own runtime, and one at a time: a caller that goes away leaves nothing half done.
    let changed = state.main.spawn(async move {
        let _turn = shared.deciding.lock().await;
        let (kept, before) = {
            let mut known = shared.origins.known();
            let before = (known.paired.clone(), known.refused.clone());
            change(&mut known)?;
            (known.list(|decision| decision != Decision::Once), before)
        };
        let database = &shared.service.database;
        if let Err(error) = database.save_setting(SETTING, Some(&kept)).await {
            let mut known = shared.origins.known();
            (known.paired, known.refused) = before;
            return Err(ApiError::internal(error.to_string()));
        }
        shared.policy.pair(&shared.origins.allowed());
        shared.service.events.publish("origins", &json!({}));
        Ok(())
    });
    changed.await.map_err(|_| {
        ApiError::internal(
            "nothing was decided because of a fault in Storekeeper; its log tells more",
        )
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        let events = Events::new();
        Origins {
            known: Mutex::default(),
            notices: Notices::new(events.clone()),
            events,
        }
    }

    #[test]
    fn who_is_turned_away_is_remembered_once_and_counted() {
        let origins = origins();
        for _ in 0..3 {
            origins.refused("http://a.test");
        }
        for no_origin in ["null", "several origins", "http://A.test", "http://b/x", ""] {
            origins.refused(no_origin);
        }
        let known = origins.known();
        assert_eq!(known.refused.len(), 1);
        assert_eq!(known.refused[0].count, 3);
    }

    #[test]
    fn pages_that_come_up_with_origins_fill_no_memory_and_no_screen() {
        let origins = origins();
        for number in 0..MAX_REFUSED * 4 {
            origins.refused(&format!("http://a{number}.test"));
        }
        assert_eq!(origins.known().refused.len(), MAX_REFUSED);
        assert!(origins.notices.list().len() < 5);
    }

    #[test]
    fn who_is_blocked_is_not_told_of_again() {
        let origins = origins();
        let blocked = (Decision::Block, 0);
        origins
            .known()
            .paired
            .insert("http://a.test".to_owned(), blocked);
        origins.refused("http://a.test");
        assert!(origins.known().refused.is_empty() && origins.allowed().is_empty());
    }
}
