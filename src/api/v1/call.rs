//! A request below `/v1/`: who asks, what the address says, and what answers it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;

use super::body::{self, Sent};
use super::error::V1Error;
use super::query::Query;
use super::{Answer, listed};
use crate::api::access::By;
use crate::api::error::ApiError;
use crate::api::state::State;
use crate::library::Library;
use crate::release::account::{Accounts, Actor};
use crate::release::{Listed, ReleaseError, Releases};
use crate::repository::Repositories;

/// A request of somebody who is known.
pub(in crate::api) struct Call {
    /// Who asks.
    pub(super) actor: Actor,
    /// What the address says.
    pub(super) query: Query,
    pub(super) state: web::Data<State>,
    pub(super) request: HttpRequest,
}

impl FromRequest for Call {
    type Error = V1Error;
    type Future = Ready<Result<Self, V1Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl Call {
    fn of(request: &HttpRequest) -> Result<Self, V1Error> {
        let By(actor) = By::of(request)?;
        let state = request.app_data::<web::Data<State>>();
        Ok(Self {
            actor,
            query: Query::of(request),
            state: state.expect("every route has the state").clone(),
            request: request.clone(),
        })
    }

    pub(super) fn releases(&self) -> &Releases {
        &self.state.service.releases
    }

    pub(super) fn accounts(&self) -> &Accounts {
        &self.releases().accounts
    }

    pub(super) fn repositories(&self) -> &Repositories {
        &self.state.service.repositories
    }

    pub(super) fn library(&self) -> &Library {
        &self.state.service.library
    }

    /// What is to be deleted: in the query or in the body, by its OpenPitrix name.
    pub(super) async fn ids(
        &self,
        payload: web::Payload,
        key: &str,
    ) -> Result<Vec<String>, V1Error> {
        body::ids(&self.request, &self.query, payload, key).await
    }

    /// Takes a package with what comes with it.
    pub(super) async fn receive(&self, payload: web::Payload) -> Result<Sent, V1Error> {
        body::receive(&self.request, self.library(), &self.query, payload).await
    }

    /// The checksum that a version's package must still have: its `ETag`, sent back as `If-Match`.
    pub(super) fn expected(&self) -> Option<String> {
        let value = self.request.headers().get(header::IF_MATCH)?;
        let value = value.to_str().unwrap_or_default().trim();
        (value != "*").then(|| value.trim_matches('"').to_owned())
    }

    /// Does something in the service's own runtime: a caller that goes away leaves nothing half done.
    pub(super) async fn done<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, V1Error>
    where
        T: Send + 'static,
        E: Send + 'static,
        V1Error: From<E>,
    {
        match self.state.main.spawn(work).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(ApiError::internal(
                "this request met a fault in Storekeeper; its log tells more, other requests go on",
            )
            .into()),
        }
    }

    /// A list as an answer, remembered until something changes. `what` tells it from others with the same
    /// query, `set` is OpenPitrix's name of what it holds.
    pub(super) async fn list<T, B: Serialize>(
        &self,
        what: &str,
        set: &str,
        read: impl Future<Output = Result<Listed<T>, ReleaseError>>,
        show: impl Fn(T) -> B,
    ) -> Answer {
        // Which actions are possible depends on who asks.
        let whose = format!("{} {}", self.actor.role, self.actor.name);
        let make = async {
            let list = read.await?;
            let rows: Vec<B> = list.rows.into_iter().map(show).collect();
            let value: Value = listed(set, list.total, rows);
            Ok::<_, V1Error>(web::Bytes::from(value.to_string()))
        };
        let key = self.query.key(what, &whose);
        let body = self.releases().remembered(key, make).await?;
        Ok(HttpResponse::Ok()
            .content_type("application/json")
            .body(body))
    }
}

/// All of a short list as an answer.
pub(super) fn all<T: Serialize>(set: &str, rows: Vec<T>) -> HttpResponse {
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    HttpResponse::Ok().json(listed(set, total, rows))
}
