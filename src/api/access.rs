//! Who asks, behind the gate. Without accounts it is this computer's own user, who may do everything.
//! With accounts everybody needs a token, and each route a role; what a version's state allows is
//! decided further in, by `release`.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};

use super::error::ApiError;
use super::policy::{Refusal, bears};
use super::state::State;
use crate::release::account::Actor;
use crate::release::state::Role;

/// The request bears no token of this service, where the gate wants one: only an account's token or
/// what is open to everybody helps it on.
#[derive(Clone, Copy)]
pub(super) struct Unproven;

/// The cookie that a browser is known by: its token. It is sent to every port of this computer's name,
/// which is why no more than a login that can be revoked stands in it.
pub(super) const SESSION: &str = "storekeeper_session";

/// The layer.
#[derive(Clone)]
pub(super) struct Access(pub(super) web::Data<State>);

impl<S, B> Transform<S, ServiceRequest> for Access
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Behind<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Behind {
            state: self.0.clone(),
            service: Rc::new(service),
        }))
    }
}

/// The service behind the layer.
pub(super) struct Behind<S> {
    state: web::Data<State>,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for Behind<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (state, service) = (self.state.clone(), Rc::clone(&self.service));
        Box::pin(async move {
            match who(&state, request.request()).await {
                Ok(actor) => {
                    request.extensions_mut().insert(Asker(actor));
                    Ok(service.call(request).await?.map_into_left_body())
                }
                Err(error) => {
                    let response = error.response();
                    Ok(request.into_response(response).map_into_right_body())
                }
            }
        })
    }
}

/// Who asks; none where it is open to everybody and nobody is known.
#[derive(Clone)]
pub(super) struct Asker(pub(super) Option<Actor>);

/// The one who asks, for handlers that need somebody.
pub(super) struct By(pub(super) Actor);

impl FromRequest for By {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl By {
    /// The one who sent a request.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let asker = request.extensions().get::<Asker>().cloned();
        match asker {
            Some(Asker(Some(actor))) => Ok(Self(actor)),
            Some(Asker(None)) | None => Err(nobody()),
        }
    }
}

impl FromRequest for Asker {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let asker = request.extensions().get::<Self>().cloned();
        ready(Ok(asker.unwrap_or(Self(None))))
    }
}

/// Decides who asks, and whether he may ask for this.
async fn who(state: &State, request: &HttpRequest) -> Result<Option<Actor>, ApiError> {
    let unproven = request.extensions().get::<Unproven>().is_some();
    // As the routes see it: `/v1/%72epos` is `/v1/repos` to them.
    let path = request.match_info().as_str();
    let needed = needed(request.method(), path);
    // Pages need nobody, and no database.
    if needed.is_none() && !unproven && !path.starts_with("/v1/") {
        return Ok(None);
    }
    let accounts = &state.service.releases.accounts;
    if !accounts.are_on().await? {
        if unproven {
            return Err(ApiError::new(
                Refusal::Token.status(),
                Refusal::Token.to_string(),
            ));
        }
        return Ok(Some(Actor::local()));
    }
    let actor = match actor(state, request).await? {
        Some(actor) => Some(actor),
        // The desktop cannot log in. On this computer it is believed, as it is with `--token`.
        None if !unproven && path.starts_with("/store/") && is_desktop(state, request) => {
            Some(Actor::local())
        }
        None => None,
    };
    match (actor, needed) {
        (actor, None) => Ok(actor),
        (Some(actor), Some(role)) if actor.is(role) => Ok(Some(actor)),
        (Some(actor), Some(role)) => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            format!(
                "`{}` has the role {}, and this needs the role {role}; ask an administrator of this store",
                actor.name, actor.role
            ),
        )),
        (None, Some(_)) => Err(nobody()),
    }
}

/// By what a request proves who sent it: the one place where that is read.
async fn actor(state: &State, request: &HttpRequest) -> Result<Option<Actor>, ApiError> {
    if bears(request.headers(), &state.owner_token) {
        return Ok(Some(Actor::local()));
    }
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_at_checked(7))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "))
        .map(|(_, token)| token)
        .or_else(|| session(request));
    match token {
        Some(token) => Ok(state.service.releases.accounts.of_token(token).await?),
        None => Ok(None),
    }
}

/// The token in the cookie of a browser that signed in.
fn session(request: &HttpRequest) -> Option<&str> {
    let cookies = request.headers().get_all(header::COOKIE);
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION)
        .map(|(_, token)| token)
}

fn is_desktop(state: &State, request: &HttpRequest) -> bool {
    let origin = request.headers().get(header::ORIGIN);
    let is_local = request
        .peer_addr()
        .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    is_local && origin.is_some_and(|origin| state.policy.is_desktop(origin))
}

fn nobody() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "this store has accounts: log in with POST /v1/login and send `Authorization: Bearer TOKEN`; the owner of this computer uses the command line",
    )
}

/// The role that a route needs; none: it is open to everybody. What is not named here and changes
/// something is an administrator's.
fn needed(method: &Method, path: &str) -> Option<Role> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let is_open = matches!(
        path,
        "/" | "/ping"
            | "/favicon.ico"
            | "/api/openapi.json"
            | "/v1/login"
            | "/v1/me"
            | "/v1/session"
    );
    let begins = |beginning: &str| path.starts_with(beginning);
    if is_open || reads && (begins("/static/") || begins("/schema/") || begins("/repo/")) {
        return None;
    }
    if begins("/v1/repos") && (!reads || path == "/v1/repos/validate") {
        return Some(Role::Admin);
    }
    if begins("/v1/") {
        return Some(Role::User);
    }
    let of_app = path.strip_prefix("/api/apps/");
    let verb = of_app.and_then(|rest| rest.split('/').nth(1));
    if reads {
        // One value of an app's settings is told with its secret.
        let tells_secret =
            verb == Some("config") && of_app.is_some_and(|it| it.split('/').count() > 2);
        let changes = begins("/store/")
            && !matches!(
                path,
                "/store/storelist"
                    | "/store/installInfo"
                    | "/store/listporgress"
                    | "/store/listport"
            );
        return Some(match (tells_secret, changes) {
            (true, _) => Role::Admin,
            (_, true) => Role::Developer,
            _ => Role::User,
        });
    }
    Some(match verb {
        Some("install" | "upgrade" | "start" | "stop" | "restart" | "plan" | "preview") => {
            Role::User
        }
        Some(_) => Role::Developer,
        None if begins("/store/") => Role::Developer,
        None if path == "/api/notices/seen" => Role::User,
        // It only looks into what is on offer.
        None if begins("/api/catalog/") && path.ends_with("/inspect") => Role::User,
        None if matches!(
            path,
            "/api/apps" | "/api/packages" | "/api/packages/inspect" | "/api/import"
        ) =>
        {
            Role::Developer
        }
        None if begins("/api/jobs/") => Role::Developer,
        None => Role::Admin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_needs_a_role_and_unknown_changes_an_administrator() {
        for (method, path, expected) in [
            (Method::GET, "/", None),
            (Method::GET, "/static/hello/index.html", None),
            (Method::POST, "/static/hello", Some(Role::Admin)),
            (Method::POST, "/v1/login", None),
            (Method::DELETE, "/v1/session", None),
            (Method::GET, "/v1/apps", Some(Role::User)),
            (Method::GET, "/v1/repos", Some(Role::User)),
            (Method::GET, "/v1/repos/validate", Some(Role::Admin)),
            (Method::POST, "/v1/repos", Some(Role::Admin)),
            (Method::GET, "/api/apps", Some(Role::User)),
            (Method::GET, "/api/apps/a/config", Some(Role::User)),
            (
                Method::GET,
                "/api/apps/a/config/password",
                Some(Role::Admin),
            ),
            (Method::POST, "/api/apps/a/install", Some(Role::User)),
            (Method::POST, "/api/apps/a/uninstall", Some(Role::Developer)),
            (Method::POST, "/api/packages", Some(Role::Developer)),
            (Method::PATCH, "/api/settings", Some(Role::Admin)),
            (Method::DELETE, "/api/trash", Some(Role::Admin)),
            (Method::POST, "/api/repositories", Some(Role::Admin)),
            (Method::POST, "/api/what-comes-later", Some(Role::Admin)),
            (Method::GET, "/store/storelist", Some(Role::User)),
            (Method::GET, "/store/uninstall", Some(Role::Developer)),
        ] {
            assert_eq!(needed(&method, path), expected, "{method} {path}");
        }
    }
}
