//! Who may ask for what: the rules of the gate as one pure function of a request's head.
//!
//! Any web page that the user opens can send requests to this computer, and so can every local
//! program. The order of the checks matters: the host first (a page that rebinds its own name to
//! 127.0.0.1 counts as same-origin for the browser), then the origin, then what the browser says
//! about a request without one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{LazyLock, PoisonError, RwLock};

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use tokio_util::sync::CancellationToken;

/// Origins of desktops that ship the store's window: Wails on macOS and Linux, Wails on Windows,
/// Tauri on macOS and Linux, Tauri on Windows.
const DESKTOPS: [&str; 4] = [
    "wails://wails",
    "http://wails.localhost",
    "tauri://localhost",
    "http://tauri.localhost",
];

/// Names that always mean this computer. Wails on Windows calls us by the third.
const OWN_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "wails.localhost"];

/// The port that addresses leave out.
const HTTP_PORT: u16 = 80;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What the gate knows. Made once, when the port is known; only what the user allows in our page changes.
pub(super) struct Policy {
    hosts: Vec<Box<str>>,
    /// With a wildcard address any address of this computer may stand in `Host`. An address there
    /// is safe where a name is not: rebinding needs a name.
    any_address: Option<u16>,
    own: Vec<Box<str>>,
    allowed: Vec<Box<str>>,
    token: Option<Box<str>>,
    paired: RwLock<Paired>,
}

/// What the user allowed in our page, which may change at any time.
struct Paired {
    /// Each with what ends when it is no longer allowed.
    allowed: Vec<(Box<str>, CancellationToken)>,
    frame_ancestors: HeaderValue,
}

/// What the user configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct PolicyOptions<'a> {
    /// The port that is listened on.
    pub port: u16,
    /// The address that is listened on.
    pub address: IpAddr,
    /// Further names of this computer.
    pub hosts: &'a [String],
    /// Further origins, checked by [`check_origin`].
    pub origins: &'a [String],
    /// The bearer token, when one is demanded.
    pub token: Option<&'a str>,
}

impl Default for PolicyOptions<'_> {
    fn default() -> Self {
        Self {
            port: super::PORT,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            hosts: &[],
            origins: &[],
            token: None,
        }
    }
}

/// What is to be done with a request.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It goes on.
    Pass,
    /// It goes on; the answer may be read by this origin.
    PassFor(HeaderValue),
    /// A question of the browser whether this origin may ask; it may.
    Preflight(HeaderValue),
    /// It lacks the token of this service: only an account's own helps it on, and an answer may be
    /// read by this origin.
    Unproven(Option<HeaderValue>),
    /// It ends here.
    Refuse(Refusal),
}

/// Whether a request says enough of who sends it.
enum Proof {
    Enough,
    Missing,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No `Host`, or several.
    #[error("the request names no host, or more than one; send one `Host` header")]
    NoHost,
    /// `Host` is a name we do not know.
    #[error(
        "`{0}` is not a name of this service; open it as `localhost`, or start it with --allow-host NAME"
    )]
    ForeignHost(String),
    /// `Origin` is not allowed.
    #[error(
        "the page at `{0}` may not use this store; if it is your desktop, allow it in the settings of the store's own page, or start the store with `storekeeper serve --allow-origin {0}`"
    )]
    ForeignOrigin(String),
    /// The browser says that the request comes from elsewhere.
    #[error(
        "a page on another site, or an address typed in, may open only the pages here; use the page of this service, or the command line"
    )]
    OtherSite,
    /// A link, a form or an image that would change something.
    #[error(
        "a link, a form or an image may not change anything here; use the page of this service, or the command line"
    )]
    NotAsked,
    /// The bearer token is missing or wrong.
    #[error(
        "this service wants a token: send `Authorization: Bearer TOKEN` with the content of `data/token` below its home"
    )]
    Token,
}

impl Refusal {
    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::ForeignHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin(_) | Self::OtherSite | Self::NotAsked => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
        }
    }
}

/// Checks an origin that the user wants to allow, and writes it as browsers do.
///
/// # Errors
/// A sentence with the form it must have.
pub(super) fn check_origin(text: &str) -> Result<String, String> {
    let refuse = || {
        format!(
            "`{text}` is not an origin; write scheme, host and port as the browser does, e.g. `http://localhost:8215`"
        )
    };
    // `*` and `null` would let everybody in, so they are no origins here.
    let trimmed = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let uri: Uri = trimmed.parse().map_err(|_| refuse())?;
    let scheme = uri.scheme_str().ok_or_else(refuse)?;
    let authority = uri.authority().ok_or_else(refuse)?;
    let plain = authority.host() != "*" && !authority.as_str().contains('@');
    if !plain || uri.path() != "/" && !uri.path().is_empty() || uri.query().is_some() {
        return Err(refuse());
    }
    let port = match (scheme, authority.port_u16()) {
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    Ok(format!("{scheme}://{}{port}", authority.host()))
}

impl Policy {
    /// The policy of a service on this port.
    pub(super) fn new(options: &PolicyOptions<'_>) -> Self {
        let port = options.port;
        let mut names: Vec<String> = OWN_NAMES.iter().map(ToString::to_string).collect();
        if !options.address.is_unspecified() {
            names.push(host_of(options.address));
        }
        names.extend(options.hosts.iter().map(|name| name.to_ascii_lowercase()));
        let mut unique = BTreeSet::new();
        names.retain(|name| unique.insert(name.clone()));
        let hosts = with_port(&names, port);
        let own: Vec<Box<str>> = hosts
            .iter()
            .map(|host| format!("http://{host}").into())
            .collect();
        let allowed: Vec<Box<str>> = DESKTOPS
            .iter()
            .copied()
            .chain(options.origins.iter().map(String::as_str))
            .map(Into::into)
            .collect();
        Self {
            any_address: options.address.is_unspecified().then_some(port),
            token: options.token.map(Into::into),
            paired: RwLock::new(Paired {
                frame_ancestors: frame_ancestors(&own, &allowed, &[]),
                allowed: Vec::new(),
            }),
            hosts,
            own,
            allowed,
        }
    }

    /// `Content-Security-Policy` of what may be shown in a desktop's frame.
    pub(super) fn frame_ancestors(&self) -> HeaderValue {
        self.paired().frame_ancestors.clone()
    }

    /// From now on these origins are allowed too, and none that was before: what was permitted to those
    /// ends.
    pub(super) fn pair(&self, origins: &[String]) {
        let names: Vec<Box<str>> = origins.iter().map(|it| it.as_str().into()).collect();
        let frame_ancestors = frame_ancestors(&self.own, &self.allowed, &names);
        let mut paired = self.paired.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut paired.allowed);
        let allowed = names.into_iter().map(|name| {
            let known = before.iter().position(|(origin, _)| *origin == name);
            known.map_or_else(
                || (name, CancellationToken::new()),
                |place| before.swap_remove(place),
            )
        });
        *paired = Paired {
            allowed: allowed.collect(),
            frame_ancestors,
        };
        drop(paired);
        for (_, permit) in before {
            permit.cancel();
        }
    }

    /// What ends when an origin that has passed is no longer allowed; nothing for those that are allowed
    /// without the user's decision in our page.
    pub(super) fn permit(
        &self,
        origin: &HeaderValue,
        host: &HeaderValue,
    ) -> Option<CancellationToken> {
        if self.always_knows(origin, host) {
            return None;
        }
        let paired = self.paired();
        let mut allowed = paired.allowed.iter();
        let found = allowed.find(|(known, _)| known.as_bytes() == origin.as_bytes());
        Some(found.map_or_else(
            || {
                // It was revoked since it passed.
                let over = CancellationToken::new();
                over.cancel();
                over
            },
            |(_, permit)| permit.clone(),
        ))
    }

    /// Whether an origin is our own page.
    pub(super) fn is_own(&self, origin: &HeaderValue) -> bool {
        self.own
            .iter()
            .any(|own| own.as_bytes() == origin.as_bytes())
            // Reached by an address of this computer that is not known before.
            || self.any_address.is_some_and(|port| {
                let host = origin.as_bytes().strip_prefix(b"http://");
                host.is_some_and(|host| is_address(host, port))
            })
    }

    /// The origins that are allowed without the user's decision in our page: our own, the desktops',
    /// those of the command line.
    pub(super) fn origins(&self) -> (Vec<String>, Vec<String>, Vec<String>) {
        let texts = |origins: &[Box<str>]| origins.iter().map(ToString::to_string).collect();
        let (desktops, configured) = self
            .allowed
            .split_at_checked(DESKTOPS.len())
            .unwrap_or_default();
        (texts(&self.own), texts(desktops), texts(configured))
    }

    fn paired(&self) -> std::sync::RwLockReadGuard<'_, Paired> {
        self.paired.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges a request by its head.
    pub(super) fn judge(&self, head: &RequestHead) -> Verdict {
        match self.check(head) {
            Err(refusal) => Verdict::Refuse(refusal),
            Ok((origin, Proof::Missing)) => Verdict::Unproven(origin),
            Ok((None, Proof::Enough)) => Verdict::Pass,
            Ok((Some(origin), Proof::Enough)) if head.method == Method::OPTIONS => {
                Verdict::Preflight(origin)
            }
            Ok((Some(origin), Proof::Enough)) => Verdict::PassFor(origin),
        }
    }

    fn check(&self, head: &RequestHead) -> Result<(Option<HeaderValue>, Proof), Refusal> {
        let headers = head.headers();
        let path = head.uri.path();
        let reads = matches!(head.method, Method::GET | Method::HEAD);

        let host = only(headers, &header::HOST)
            .map_err(|()| Refusal::NoHost)?
            .ok_or(Refusal::NoHost)?;
        if !self.knows_host(host) {
            return Err(Refusal::ForeignHost(printable(host)));
        }

        let origin = only(headers, &header::ORIGIN)
            .map_err(|()| Refusal::ForeignOrigin("several origins".to_owned()))?;
        let site = headers.get(&SEC_FETCH_SITE);
        if let Some(origin) = origin {
            if !self.knows_origin(origin, host) {
                return Err(Refusal::ForeignOrigin(printable(origin)));
            }
        } else if let Some(site) = site {
            let passes = match site.as_bytes() {
                b"same-origin" => true,
                b"none" => reads && is_page(path),
                _ => reads && is_open(path),
            };
            if !passes {
                return Err(Refusal::OtherSite);
            }
        }
        if !(reads && is_reading(path))
            && let Some(mode) = headers.get(&SEC_FETCH_MODE)
            && matches!(mode.as_bytes(), b"navigate" | b"no-cors")
        {
            return Err(Refusal::NotAsked);
        }
        if let Some(token) = &self.token {
            // Any program can write an Origin. On this computer a browser is believed, so that the
            // desktop goes on working; from elsewhere only the token counts.
            let browser = origin.is_some() || site.is_some();
            let believed = browser && is_local(head) || reads && is_open(path);
            let asks_first = browser && head.method == Method::OPTIONS;
            if !believed && !asks_first && !bears(headers, token) {
                return Ok((origin.cloned(), Proof::Missing));
            }
        }

        Ok((origin.cloned(), Proof::Enough))
    }

    /// Whether an origin is that of a desktop, or another that the user allowed; not our own page.
    pub(super) fn is_desktop(&self, origin: &HeaderValue) -> bool {
        let mut allowed = self.allowed.iter();
        allowed.any(|known| known.as_bytes() == origin.as_bytes())
    }

    fn knows_host(&self, host: &HeaderValue) -> bool {
        let host = host.as_bytes();
        self.hosts
            .iter()
            .any(|own| own.as_bytes().eq_ignore_ascii_case(host))
            || self.any_address.is_some_and(|port| is_address(host, port))
    }

    fn knows_origin(&self, origin: &HeaderValue, host: &HeaderValue) -> bool {
        self.always_knows(origin, host)
            || self
                .paired()
                .allowed
                .iter()
                .any(|(known, _)| known.as_bytes() == origin.as_bytes())
    }

    fn always_knows(&self, origin: &HeaderValue, host: &HeaderValue) -> bool {
        let origin = origin.as_bytes();
        self.own
            .iter()
            .chain(&self.allowed)
            .any(|known| known.as_bytes() == origin)
            // The host has passed, so the page came from here.
            || self.any_address.is_some()
                && origin.strip_prefix(b"http://") == Some(host.as_bytes())
    }
}

/// The header's one value; an error when it is there twice.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, ()> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(());
    }
    Ok(first)
}

/// What every site may show or ask: it changes nothing and tells nothing about the apps' state.
fn is_open(path: &str) -> bool {
    path == "/ping" || path == "/" || path.starts_with("/static/")
}

/// What may be typed into the address bar.
fn is_page(path: &str) -> bool {
    is_open(path)
        || path.starts_with("/schema/")
        || path == "/favicon.ico"
        || path == "/api/openapi.json"
}

/// Routes that change nothing when they are read. Everything else counts as a change, so that a
/// path written in an unusual way (`/%73tore/start/x`) is not taken for less than it is.
fn is_reading(path: &str) -> bool {
    is_page(path)
        || path.starts_with("/api/")
        || path.starts_with("/v1/")
        || matches!(
            path,
            "/store/storelist" | "/store/installInfo" | "/store/listporgress" | "/store/listport"
        )
}

fn is_local(head: &RequestHead) -> bool {
    head.peer_addr
        .is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// Whether a request bears this token.
pub(super) fn bears(headers: &HeaderMap, token: &str) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(7))
        .is_some_and(|(scheme, given)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && same(given, token.as_bytes())
        })
}

/// Compares in a time that tells nothing of where two texts differ.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    let difference = given
        .iter()
        .zip(wanted)
        .fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    given.len() == wanted.len() && difference == 0
}

/// An address as it stands in `Host`.
pub(super) fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn with_port(names: &[String], port: u16) -> Vec<Box<str>> {
    let mut hosts: Vec<Box<str>> = names
        .iter()
        .map(|name| format!("{name}:{port}").into())
        .collect();
    if port == HTTP_PORT {
        hosts.extend(names.iter().map(|name| name.as_str().into()));
    }
    hosts
}

fn is_address(host: &[u8], port: u16) -> bool {
    static NO_PORT: LazyLock<String> = LazyLock::new(|| format!(":{HTTP_PORT}"));
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let socket = |text: &str| {
        text.parse::<std::net::SocketAddr>()
            .is_ok_and(|address| address.port() == port)
    };
    socket(host) || port == HTTP_PORT && socket(&format!("{host}{}", *NO_PORT))
}

fn frame_ancestors(own: &[Box<str>], allowed: &[Box<str>], paired: &[Box<str>]) -> HeaderValue {
    let mut policy = String::from("frame-ancestors 'self'");
    // The grammar of the policy has no IPv6 addresses; 'self' stands for them.
    let origins = own.iter().chain(allowed).chain(paired);
    for origin in origins.filter(|origin| !origin.contains('[')) {
        policy.push(' ');
        policy.push_str(origin);
    }
    HeaderValue::try_from(policy).expect("origins were checked to be visible ASCII")
}

/// What a stranger sent, fit to be shown.
fn printable(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes())
        .escape_debug()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const HOST: &str = "localhost:56780";

    fn policy(options: PolicyOptions<'_>) -> Policy {
        Policy::new(&options)
    }

    /// The status of a refusal, or 200. `request` is `GET /path`, headers are `name: value`.
    fn judge(policy: &Policy, peer: &str, request: &str, headers: &[&str]) -> u16 {
        let (method, path) = request.split_once(' ').unwrap();
        let mut test = TestRequest::with_uri(path)
            .method(method.parse().unwrap())
            .peer_addr(peer.parse().unwrap());
        for line in headers {
            let (name, value) = line.split_once(": ").unwrap();
            test = test.append_header((name, value));
        }
        match policy.judge(test.to_http_request().head()) {
            Verdict::Pass | Verdict::PassFor(_) => 200,
            Verdict::Preflight(_) => 204,
            Verdict::Unproven(_) => Refusal::Token.status().as_u16(),
            Verdict::Refuse(refusal) => refusal.status().as_u16(),
        }
    }

    fn check(request: &str, headers: &[&str], expected: u16) {
        let mut all = vec!["host: localhost:56780"];
        all.extend(headers);
        let found = judge(
            &policy(PolicyOptions::default()),
            "127.0.0.1:5000",
            request,
            &all,
        );
        assert_eq!(found, expected, "{request} {headers:?}");
    }

    #[test]
    fn only_our_own_names_are_hosts() {
        for (host, expected) in [
            ("localhost:56780", 200),
            ("LOCALHOST:56780", 200),
            ("127.0.0.1:56780", 200),
            ("[::1]:56780", 200),
            ("wails.localhost:56780", 200),
            ("localhost", 421),
            ("localhost:80", 421),
            ("localhost:56780.evil.example", 421),
            ("evil.example", 421),
            ("evil.example:56780", 421),
            ("x.localhost:56780", 421),
            ("localhost.:56780", 421),
            ("127.0.0.2:56780", 421),
            ("192.168.1.5:56780", 421),
            ("2130706433:56780", 421),
            ("user@localhost:56780", 421),
            ("", 421),
        ] {
            let policy = policy(PolicyOptions::default());
            let found = judge(
                &policy,
                "127.0.0.1:1",
                "GET /ping",
                &[&format!("host: {host}")],
            );
            assert_eq!(found, expected, "{host}");
        }
    }

    #[test]
    fn a_host_must_be_there_once() {
        let policy = policy(PolicyOptions::default());
        assert_eq!(judge(&policy, "127.0.0.1:1", "GET /ping", &[]), 400);
        let twice = ["host: localhost:56780", "host: evil.example"];
        assert_eq!(judge(&policy, "127.0.0.1:1", "GET /ping", &twice), 400);
    }

    #[test]
    fn what_a_proxy_says_about_the_host_is_not_believed() {
        let policy = policy(PolicyOptions::default());
        let headers = ["host: evil.example", "x-forwarded-host: localhost:56780"];
        assert_eq!(judge(&policy, "127.0.0.1:1", "GET /ping", &headers), 421);
    }

    #[test]
    fn on_port_80_the_port_may_be_left_out() {
        let policy = policy(PolicyOptions {
            port: 80,
            ..PolicyOptions::default()
        });
        for (host, expected) in [
            ("localhost", 200),
            ("[::1]", 200),
            ("localhost:80", 200),
            ("localhost:56780", 421),
        ] {
            let host = format!("host: {host}");
            assert_eq!(
                judge(&policy, "127.0.0.1:1", "GET /ping", &[&host]),
                expected
            );
        }
    }

    #[test]
    fn only_known_origins_pass() {
        for (origin, expected) in [
            ("http://localhost:56780", 200),
            ("http://127.0.0.1:56780", 200),
            ("http://[::1]:56780", 200),
            ("http://wails.localhost:56780", 200),
            ("wails://wails", 200),
            ("http://wails.localhost", 200),
            ("tauri://localhost", 200),
            ("http://tauri.localhost", 200),
            ("null", 403),
            ("", 403),
            ("http://localhost", 403),
            ("http://localhost:8215", 403),
            ("https://localhost:56780", 403),
            ("http://evil.example", 403),
            ("http://localhost:56780.evil.example", 403),
            ("http://localhost:56780, http://evil.example", 403),
            ("wails://wails.evil", 403),
            ("chrome-extension://abc", 403),
        ] {
            let header = format!("origin: {origin}");
            check("GET /api/apps", &[&header], expected);
            check("POST /store/setting", &[&header], expected);
            check("GET /static/x/icon.png", &[&header], expected);
        }
    }

    #[test]
    fn an_allowed_origin_is_not_overruled_by_a_second_one() {
        check(
            "GET /ping",
            &["origin: wails://wails", "origin: http://evil.example"],
            403,
        );
    }

    #[test]
    fn an_origin_that_the_user_allowed_passes() {
        let origins = ["http://localhost:8215".to_owned()];
        let policy = policy(PolicyOptions {
            origins: &origins,
            ..PolicyOptions::default()
        });
        for (origin, expected) in [
            ("http://localhost:8215", 200),
            ("http://localhost:8216", 403),
        ] {
            let headers = [format!("host: {HOST}"), format!("origin: {origin}")];
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            assert_eq!(
                judge(&policy, "127.0.0.1:1", "GET /store/start/x", &headers),
                expected
            );
        }
    }

    #[test]
    fn without_an_origin_the_browser_says_where_a_request_comes_from() {
        for (site, request, expected) in [
            ("same-origin", "GET /api/apps", 200),
            ("same-origin", "GET /store/start/x", 200),
            ("none", "GET /", 200),
            ("none", "GET /static/x/", 200),
            ("none", "HEAD /static/x/", 200),
            ("none", "GET /schema/install.json.schema", 200),
            ("none", "GET /api/apps", 403),
            ("none", "GET /store/storelist", 403),
            ("none", "GET /store/start/x", 403),
            ("none", "POST /static/x/", 403),
            ("same-site", "GET /static/x/icon.png", 200),
            ("same-site", "GET /api/apps", 403),
            ("cross-site", "GET /", 200),
            ("cross-site", "GET /ping", 200),
            ("cross-site", "GET /static/x/icon.png", 200),
            ("cross-site", "GET /staticx", 403),
            ("cross-site", "GET /pingx", 403),
            ("cross-site", "GET /store/storelist", 403),
            ("cross-site", "GET /store/start/x", 403),
            ("cross-site", "GET /%73tore/start/x", 403),
            ("cross-site", "GET /api/events", 403),
            ("cross-site", "GET /no/such/page", 403),
            ("cross-site", "POST /ping", 403),
            ("cross-site", "DELETE /api/jobs/1", 403),
            ("cross-site", "OPTIONS /store/setting", 403),
            ("something-new", "GET /api/apps", 403),
        ] {
            check(request, &[&format!("sec-fetch-site: {site}")], expected);
        }
    }

    #[test]
    fn a_program_that_is_no_browser_passes_on_loopback() {
        check("GET /api/apps", &[], 200);
        check("GET /store/start/x", &[], 200);
        check("POST /store/setting", &[], 200);
    }

    #[test]
    fn links_forms_and_images_change_nothing() {
        for (mode, request, expected) in [
            ("cors", "GET /store/start/x", 200),
            ("same-origin", "GET /store/start/x", 200),
            ("navigate", "GET /store/start/x", 403),
            ("no-cors", "GET /store/start/x", 403),
            ("navigate", "POST /store/setting", 403),
            ("no-cors", "POST /store/setting", 403),
            ("no-cors", "GET /store/stopall", 403),
            ("no-cors", "GET /store/install", 403),
            ("no-cors", "GET /store/uninstall", 403),
            ("no-cors", "GET /store/killport", 403),
            ("no-cors", "GET /store/download", 403),
            ("no-cors", "GET /%73tore/start/x", 403),
            ("navigate", "GET /static/x/", 200),
            ("no-cors", "GET /static/x/icon.png", 200),
            ("navigate", "GET /", 200),
            ("navigate", "GET /api/openapi.json", 200),
        ] {
            let mode = format!("sec-fetch-mode: {mode}");
            check(request, &[&mode, "sec-fetch-site: same-origin"], expected);
            check(request, &[&mode, "origin: wails://wails"], expected);
        }
    }

    #[test]
    fn a_preflight_is_answered_for_allowed_origins_only() {
        check("OPTIONS /api/apps", &["origin: wails://wails"], 204);
        check("OPTIONS /api/apps", &["origin: http://evil.example"], 403);
    }

    #[test]
    fn the_answer_names_the_origin_that_may_read_it() {
        let request = TestRequest::with_uri("/api/apps")
            .insert_header(("host", HOST))
            .insert_header(("origin", "wails://wails"))
            .to_http_request();
        assert_eq!(
            policy(PolicyOptions::default()).judge(request.head()),
            Verdict::PassFor(HeaderValue::from_static("wails://wails"))
        );
    }

    #[test]
    fn with_a_token_programs_need_it_and_strangers_always() {
        let policy = policy(PolicyOptions {
            address: IpAddr::from([0, 0, 0, 0]),
            token: Some("secret"),
            ..PolicyOptions::default()
        });
        let here = "127.0.0.1:1";
        let there = "192.168.1.9:1";
        for (peer, request, headers, expected) in [
            (here, "GET /api/apps", vec![], 401),
            (
                here,
                "GET /api/apps",
                vec!["authorization: Bearer secret"],
                200,
            ),
            (
                here,
                "GET /api/apps",
                vec!["authorization: bearer secret"],
                200,
            ),
            (
                here,
                "GET /api/apps",
                vec!["authorization: Bearer secre"],
                401,
            ),
            (
                here,
                "GET /api/apps",
                vec!["authorization: Bearer secrets"],
                401,
            ),
            (here, "GET /api/apps", vec!["authorization: Bearer "], 401),
            (here, "GET /api/apps", vec!["authorization: x"], 401),
            (
                here,
                "GET /api/apps",
                vec!["authorization: Basic secret"],
                401,
            ),
            (here, "GET /api/apps", vec!["origin: wails://wails"], 200),
            (here, "GET /ping", vec![], 200),
            (there, "GET /api/apps", vec!["origin: wails://wails"], 401),
            (
                there,
                "GET /api/apps",
                vec!["sec-fetch-site: same-origin"],
                401,
            ),
            (
                there,
                "POST /store/setting",
                vec!["origin: http://localhost:56780"],
                401,
            ),
            (
                there,
                "POST /store/setting",
                vec!["origin: wails://wails", "authorization: Bearer secret"],
                200,
            ),
            (there, "GET /static/x/", vec![], 200),
            (
                "[::ffff:127.0.0.1]:1",
                "GET /api/apps",
                vec!["origin: wails://wails"],
                200,
            ),
        ] {
            let mut all = vec!["host: localhost:56780"];
            all.extend(&headers);
            let found = judge(&policy, peer, request, &all);
            assert_eq!(found, expected, "{peer} {request} {headers:?}");
        }
    }

    #[test]
    fn on_all_addresses_an_address_is_a_host_and_a_name_is_not() {
        let policy = policy(PolicyOptions {
            address: IpAddr::from([0, 0, 0, 0]),
            token: Some("secret"),
            ..PolicyOptions::default()
        });
        for (host, expected) in [
            ("192.168.1.5:56780", 200),
            ("[fe80::1]:56780", 200),
            ("192.168.1.5:80", 421),
            ("192.168.1.5", 421),
            ("nas.example:56780", 421),
        ] {
            let host = format!("host: {host}");
            assert_eq!(
                judge(&policy, "192.168.1.9:1", "GET /ping", &[&host]),
                expected
            );
        }
        let page = [
            "host: 192.168.1.5:56780",
            "origin: http://192.168.1.5:56780",
        ];
        assert_eq!(judge(&policy, "192.168.1.9:1", "GET /ping", &page), 200);
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (text, expected) in [
            ("http://localhost:8215", Some("http://localhost:8215")),
            ("HTTP://LocalHost:8215/", Some("http://localhost:8215")),
            ("http://desk.example:80", Some("http://desk.example")),
            ("https://desk.example:443", Some("https://desk.example")),
            ("wails://wails", Some("wails://wails")),
            ("*", None),
            ("null", None),
            ("localhost:8215", None),
            ("http://*", None),
            ("http://a@b", None),
            ("http://localhost/path", None),
            ("", None),
        ] {
            assert_eq!(check_origin(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_origin_that_the_user_allowed_passes_until_it_is_revoked() {
        let policy = policy(PolicyOptions::default());
        let friend = ["host: localhost:56780", "origin: http://localhost:8215"];
        let ask = || judge(&policy, "127.0.0.1:1", "GET /api/apps", &friend);
        assert_eq!(ask(), 403);
        let (origin, host) = (
            HeaderValue::from_static("http://localhost:8215"),
            HeaderValue::from_static("localhost:56780"),
        );
        policy.pair(&["http://localhost:8215".to_owned()]);
        assert_eq!(ask(), 200);
        let permit = policy.permit(&origin, &host).unwrap();
        policy.pair(&[
            "http://a.test".to_owned(),
            "http://localhost:8215".to_owned(),
        ]);
        assert!(!permit.is_cancelled());
        let frames = policy.frame_ancestors();
        assert!(frames.to_str().unwrap().contains("http://localhost:8215"));
        let other = ["host: localhost:56780", "origin: http://localhost:8216"];
        assert_eq!(judge(&policy, "127.0.0.1:1", "GET /ping", &other), 403);
        policy.pair(&[]);
        assert_eq!(ask(), 403);
        assert!(permit.is_cancelled());
        assert!(policy.permit(&origin, &host).unwrap().is_cancelled());
        policy.pair(&["http://localhost:8215".to_owned()]);
        assert!(!policy.permit(&origin, &host).unwrap().is_cancelled());
        policy.pair(&[]);
        let own = HeaderValue::from_static("http://localhost:56780");
        let friend = HeaderValue::from_static("http://localhost:8215");
        assert!(policy.is_own(&own) && !policy.is_own(&friend));
        assert!(policy.permit(&own, &host).is_none());
    }

    #[test]
    fn frames_are_named_without_what_the_grammar_lacks() {
        let policy = policy(PolicyOptions::default());
        let value = policy.frame_ancestors();
        let value = value.to_str().unwrap();
        assert!(value.starts_with("frame-ancestors 'self' http://localhost:56780"));
        assert!(value.contains(" wails://wails ") && !value.contains('['));
    }
}
