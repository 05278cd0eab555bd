//! The gate as a layer in front of everything, routes that are not there included. A request that
//! passes costs no allocation.

use std::any::Any;
use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage as _, HttpResponse};
use futures_util::FutureExt as _;
use futures_util::future::{CatchUnwind, Either, Map};

use super::access::Unproven;
use super::error::ApiError;
use super::origins::Origins;
use super::page::{Pages, Told, accept_language};
use super::policy::{Policy, Refusal, Verdict};
use super::revocable::bound_to;

/// Asked by browsers before a public page may talk to this computer.
static REQUEST_PRIVATE: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
static ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// The layer.
#[derive(Clone)]
pub(super) struct Guard {
    /// The rules.
    pub policy: Arc<Policy>,
    /// What browsers see of a failure.
    pub pages: Arc<Pages>,
    /// Remembers who was turned away.
    pub origins: Option<Arc<Origins>>,
}

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Guarded<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Guarded {
            policy: self.policy.clone(),
            pages: self.pages.clone(),
            origins: self.origins.clone(),
            service: Rc::new(service),
        }))
    }
}

/// The service behind the gate.
pub(super) struct Guarded<S> {
    policy: Arc<Policy>,
    pages: Arc<Pages>,
    origins: Option<Arc<Origins>>,
    service: Rc<S>,
}

/// How a handler ended; the outer error is its panic.
type Outcome<B> = Result<Result<ServiceResponse<B>, Error>, Box<dyn Any + Send>>;
type Answer<B> = Result<ServiceResponse<EitherBody<B>>, Error>;
type Caught<F> = CatchUnwind<AssertUnwindSafe<F>>;
type Plain<F, B> = Map<Caught<F>, fn(Outcome<B>) -> Answer<B>>;
type Shared<F, B> = Map<Caught<F>, Box<dyn FnOnce(Outcome<B>) -> Answer<B>>>;

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Plain<S::Future, B>, Either<Shared<S::Future, B>, Ready<Answer<B>>>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        // One request's panic is that request's failure.
        let go = |request| AssertUnwindSafe(self.service.call(request)).catch_unwind();
        let page = ErrorPage::wanted(&request, &self.pages, &self.policy);
        let verdict = self.policy.judge(request.head());
        if let Verdict::Unproven(_) = &verdict {
            request.extensions_mut().insert(Unproven);
        }
        match verdict {
            Verdict::Pass | Verdict::Unproven(None) => match page {
                None => {
                    let settle: fn(Outcome<B>) -> Answer<B> = settle;
                    Either::Left(go(request).map(settle))
                }
                Some(page) => {
                    let show: Box<dyn FnOnce(Outcome<B>) -> Answer<B>> = Box::new(move |outcome| {
                        settle(outcome).map(|response| page.instead_of(response))
                    });
                    Either::Right(Either::Left(go(request).map(show)))
                }
            },
            Verdict::PassFor(origin) | Verdict::Unproven(Some(origin)) => {
                let host = request.headers().get(header::HOST);
                let permit = host.and_then(|host| self.policy.permit(&origin, host));
                let share: Box<dyn FnOnce(Outcome<B>) -> Answer<B>> = Box::new(move |outcome| {
                    settle(outcome).map(|response| {
                        let mut response = match permit {
                            Some(permit) => bound_to(permit, response),
                            None => response,
                        };
                        let headers = response.headers_mut();
                        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                        let varies = headers.get_all(header::VARY).any(|it| it == "Origin");
                        if !varies {
                            headers.append(header::VARY, HeaderValue::from_static("Origin"));
                        }
                        response
                    })
                });
                Either::Right(Either::Left(go(request).map(share)))
            }
            Verdict::Preflight(origin) => {
                let response = preflight(&request, &origin);
                Either::Right(Either::Right(ready(Ok(request
                    .into_response(response)
                    .map_into_right_body()))))
            }
            Verdict::Refuse(refusal) => {
                tracing::debug!(%refusal, path = request.path(), "refused");
                if let (Some(origins), Refusal::ForeignOrigin(origin)) = (&self.origins, &refusal) {
                    origins.refused(origin);
                }
                let response = ApiError::new(refusal.status(), refusal.to_string()).response();
                let response = request.into_response(response.map_into_right_body());
                let response = match page {
                    Some(page) => page.instead_of(response),
                    None => response,
                };
                Either::Right(Either::Right(ready(Ok(response))))
            }
        }
    }
}

/// For a browser that goes to an address: a failure is told in a page.
struct ErrorPage {
    pages: Arc<Pages>,
    languages: String,
    /// Who may show it in a frame: what an app's page may be shown in, its failure may, too.
    frames: Option<HeaderValue>,
}

impl ErrorPage {
    /// A page's own requests and programs get JSON.
    fn wanted(request: &ServiceRequest, pages: &Arc<Pages>, policy: &Policy) -> Option<Self> {
        let headers = request.headers();
        let asks = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        (asks && !headers.contains_key(header::ORIGIN)).then(|| Self {
            pages: pages.clone(),
            languages: accept_language(headers),
            frames: request
                .path()
                .starts_with("/static/")
                .then(|| policy.frame_ancestors()),
        })
    }

    fn instead_of<B: MessageBody>(
        &self,
        response: ServiceResponse<EitherBody<B>>,
    ) -> ServiceResponse<EitherBody<B>> {
        let told = response.response().extensions().get::<Told>().cloned();
        match told {
            Some(told) => {
                let page = self
                    .pages
                    .error(&told, &self.languages, self.frames.as_ref());
                response.into_response(page.map_into_right_body())
            }
            None => response,
        }
    }
}

fn settle<B: MessageBody>(outcome: Outcome<B>) -> Answer<B> {
    match outcome {
        Ok(Ok(response)) => Ok(response.map_into_left_body()),
        Ok(Err(error)) => Err(error),
        // What happened is in the log: the panic hook wrote it.
        Err(_panic) => Err(ApiError::internal(
            "this request met a fault in Storekeeper; its log tells more, other requests go on",
        )
        .into()),
    }
}

fn preflight(request: &ServiceRequest, origin: &HeaderValue) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()))
        .insert_header((header::VARY, "Origin"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, HEAD, POST, PATCH, PUT, DELETE",
        ))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Content-Type, Accept, Authorization, Last-Event-ID",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
    if request.headers().contains_key(&REQUEST_PRIVATE) {
        response.insert_header((ALLOW_PRIVATE.clone(), "true"));
    }
    response.finish()
}

#[cfg(test)]
mod tests {
    use super::super::policy::PolicyOptions;
    use super::*;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
    use actix_web::{App, web};

    macro_rules! app {
        () => {
            init_service(
                App::new()
                    .route("/ping", web::get().to(async || "OK"))
                    .route(
                        "/panic",
                        web::get().to(async || -> &'static str { panic!("on purpose") }),
                    )
                    .wrap(Guard {
                        policy: Arc::new(Policy::new(&PolicyOptions {
                            port: 56780,
                            ..PolicyOptions::default()
                        })),
                        pages: Arc::default(),
                        origins: None,
                    }),
            )
            .await
        };
    }

    fn get(path: &str) -> TestRequest {
        TestRequest::with_uri(path).insert_header(("host", "localhost:56780"))
    }

    #[actix_web::test]
    async fn a_refusal_tells_how_to_allow_it_and_shares_nothing() {
        let app = app!();
        let request = get("/ping").insert_header(("origin", "http://localhost:8215"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert!(
            !response
                .headers()
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
        let body: serde_json::Value = read_body_json(response).await;
        assert_eq!(body["code"], -1);
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains("--allow-origin http://localhost:8215")
        );
    }

    #[actix_web::test]
    async fn a_page_that_is_not_there_is_guarded_too() {
        let app = app!();
        let request = TestRequest::with_uri("/nowhere").insert_header(("host", "evil.example"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    }

    #[actix_web::test]
    async fn an_allowed_origin_may_read_the_answer() {
        let app = app!();
        let request = get("/ping").insert_header(("origin", "wails://wails"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response
                .headers()
                .get("access-control-allow-origin")
                .unwrap(),
            "wails://wails"
        );
        assert_eq!(response.headers().get("vary").unwrap(), "Origin");
    }

    #[actix_web::test]
    async fn a_preflight_ends_at_the_gate() {
        let app = app!();
        let request = get("/nowhere")
            .method(actix_web::http::Method::OPTIONS)
            .insert_header(("origin", "http://wails.localhost"))
            .insert_header(("access-control-request-private-network", "true"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(
            response
                .headers()
                .get("access-control-allow-private-network")
                .unwrap(),
            "true"
        );
    }

    #[actix_web::test]
    async fn a_panic_is_that_requests_500() {
        let app = app!();
        let error = app.call(get("/panic").to_request()).await.unwrap_err();
        assert_eq!(
            error.error_response().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        let response = call_service(&app, get("/ping").to_request()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn a_browser_that_goes_to_an_address_gets_a_page() {
        let app = app!();
        let request = get("/ping")
            .insert_header(("host", "evil.example"))
            .insert_header(("accept", "text/html,*/*;q=0.8"))
            .insert_header(("accept-language", "zh-CN"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
        let kind = response.headers().get("content-type").unwrap();
        assert_eq!(kind, "text/html; charset=utf-8");
        let body = actix_web::test::read_body(response).await;
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("421 主机名不对"), "{body}");
        let request = get("/ping")
            .insert_header(("origin", "http://evil.example"))
            .insert_header(("accept", "text/html"));
        let response = call_service(&app, request.to_request()).await;
        let kind = response.headers().get("content-type").unwrap();
        assert_eq!(kind, "application/json");
    }
}
