//! The HTTP clients, made when they are first needed and given back when nothing is downloaded: a
//! client with its certificates is dear to keep. Redirects are followed here, each checked anew.

use std::error::Error as _;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Proxy, Response};
use url::{Host, Url};

use super::address::{Policy, Refused, Resolver, shown};
use super::error::DownloadError;
use super::{Settings, Trust};

/// Most redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// How long the clients are kept after the last download.
const KEEP: Duration = Duration::from_secs(30);

/// A builder for connections to this computer: without certificates, which are dear to load, and
/// without a proxy.
///
/// # Panics
/// Never: the provider knows the versions that are asked of it.
pub fn local_client() -> ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().no_proxy().tls_backend_preconfigured(tls)
}

/// The clients.
pub(super) struct Clients {
    settings: Settings,
    own_port: AtomicU16,
    /// None until it is needed or set.
    proxy: RwLock<Option<Arc<Matcher>>>,
    built: Mutex<Vec<(Key, Client)>>,
    users: AtomicUsize,
}

/// What makes two connections different: one that was allowed for one host must not serve another.
#[derive(Clone, PartialEq)]
struct Key {
    policy: Policy,
    proxy: Option<Through>,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq)]
struct Through {
    address: Url,
    /// `Proxy-Authorization`.
    password: Option<HeaderValue>,
}

/// Held while something is downloaded.
pub(super) struct Use {
    clients: Arc<Clients>,
}

/// The hosts that may lie in private networks.
pub(super) struct Trusted {
    hosts: Vec<String>,
}

impl Trusted {
    pub(super) fn new(trust: &Trust, addresses: &[Url]) -> Self {
        let host = |address: &Url| address.host_str().map(str::to_owned);
        let hosts = match trust {
            Trust::Public => Vec::new(),
            Trust::Given => addresses.iter().filter_map(host).collect(),
            Trust::Source(source) => host(source).into_iter().collect(),
        };
        Self { hosts }
    }

    fn policy(&self, address: &Url, own_port: u16) -> Policy {
        let host = address.host_str().unwrap_or_default();
        if !self.hosts.iter().any(|trusted| trusted == host) {
            Policy::Public
        } else if own_port != 0 && address.port_or_known_default() == Some(own_port) {
            Policy::Network
        } else {
            Policy::Private
        }
    }
}

impl Clients {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            own_port: AtomicU16::new(0),
            proxy: RwLock::new(None),
            built: Mutex::new(Vec::new()),
            users: AtomicUsize::new(0),
        }
    }

    pub(super) fn set_own_port(&self, port: u16) {
        self.own_port.store(port, Ordering::Release);
    }

    /// None: as the environment says.
    pub(super) fn set_proxy(&self, proxy: Option<&Url>) {
        let matcher = proxy.map(|proxy| {
            let except = ["NO_PROXY", "no_proxy"]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .unwrap_or_default();
            Arc::new(Matcher::builder().all(proxy.as_str()).no(except).build())
        });
        *self.proxy.write().unwrap_or_else(PoisonError::into_inner) = matcher;
        self.forget();
    }

    /// Marks the clients as used.
    pub(super) fn hold(self: &Arc<Self>) -> Use {
        self.users.fetch_add(1, Ordering::AcqRel);
        Use {
            clients: Arc::clone(self),
        }
    }

    fn forget(&self) {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        *built = Vec::new();
    }

    /// Asks for an address and follows redirects. Answers where it ended.
    pub(super) async fn get(
        &self,
        address: &Url,
        trusted: &Trusted,
        mut headers: HeaderMap,
    ) -> Result<(Response, Url), DownloadError> {
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // The file as it is: what is packed once more has other bytes, and cannot be resumed.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut address = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get_once(&address, trusted, headers.clone()).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, address));
            }
            let location = response.headers().get(LOCATION);
            let next = location
                .and_then(|location| std::str::from_utf8(location.as_bytes()).ok())
                .and_then(|location| address.join(location).ok());
            let Some(next) = next else {
                return Err(DownloadError::Content {
                    address: shown(&address),
                    reason: "the server sends us on to an address that cannot be read".to_owned(),
                });
            };
            if address.scheme() == "https" && next.scheme() == "http" {
                return Err(DownloadError::Refused {
                    address: shown(&address),
                    reason: format!(
                        "the server sends us on to `{}`, which is not encrypted",
                        shown(&next)
                    ),
                });
            }
            address = next;
        }
        Err(DownloadError::Content {
            address: shown(&address),
            reason: format!("the server sends us on more than {MAX_REDIRECTS} times"),
        })
    }

    async fn get_once(
        &self,
        address: &Url,
        trusted: &Trusted,
        headers: HeaderMap,
    ) -> Result<Response, DownloadError> {
        let client = self.client_for(address, trusted).await?;
        let answer = client.get(address.clone()).headers(headers).send();
        let stall = self.settings.stall;
        match tokio::time::timeout(stall + self.settings.connect, answer).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(explain(address, error)),
            Err(_) => Err(DownloadError::Stalled {
                address: shown(address),
                after: stall,
            }),
        }
    }

    /// The client for an address, once it is known that it may be connected to.
    pub(super) async fn client_for(
        &self,
        address: &Url,
        trusted: &Trusted,
    ) -> Result<Client, DownloadError> {
        let policy = trusted.policy(address, self.own_port.load(Ordering::Acquire));
        policy.check_url(address)?;
        self.client(policy, address).await
    }

    async fn client(&self, policy: Policy, address: &Url) -> Result<Client, DownloadError> {
        let key = Key {
            policy,
            proxy: self.proxy_of(address),
        };
        if let Some(client) = self.known(&key) {
            return Ok(client);
        }
        // It reads the system's certificates from the disk.
        let (wanted, settings) = (key.clone(), self.settings.clone());
        let built = tokio::task::spawn_blocking(move || build(&wanted, &settings)).await;
        let client = match built {
            Ok(client) => client.map_err(|error| DownloadError::Connection {
                address: shown(address),
                reason: reason(&error),
            })?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        // Two who build one at once both have one; one of them is kept.
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        built.retain(|(known, _)| *known != key);
        built.push((key, client.clone()));
        Ok(client)
    }

    fn known(&self, key: &Key) -> Option<Client> {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, client) = built.iter().find(|(known, _)| known == key)?;
        Some(client.clone())
    }

    /// The proxy for an address. This computer is never asked by way of another.
    fn proxy_of(&self, address: &Url) -> Option<Through> {
        let is_local = match address.host()? {
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        };
        if is_local {
            return None;
        }
        let known = self.proxy.read().unwrap_or_else(PoisonError::into_inner);
        let matcher = known.clone();
        drop(known);
        let matcher = matcher.unwrap_or_else(|| {
            let matcher = Arc::new(Matcher::from_env());
            *self.proxy.write().unwrap_or_else(PoisonError::into_inner) = Some(matcher.clone());
            matcher
        });
        let intercept = matcher.intercept(&address.as_str().parse().ok()?)?;
        let mut address = Url::parse(&intercept.uri().to_string()).ok()?;
        if let Some((name, password)) = intercept.raw_auth() {
            address.set_username(name).ok()?;
            address.set_password(Some(password)).ok()?;
        }
        Some(Through {
            address,
            password: intercept.basic_auth().cloned(),
        })
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        if self.clients.users.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let clients = Arc::clone(&self.clients);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return clients.forget();
        };
        runtime.spawn(async move {
            tokio::time::sleep(KEEP).await;
            if clients.users.load(Ordering::Acquire) == 0 {
                clients.forget();
            }
        });
    }
}

fn build(key: &Key, settings: &Settings) -> reqwest::Result<Client> {
    // Who has installed one already has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let proxy = key.proxy.as_ref();
    let resolver = Resolver {
        policy: key.policy,
        proxy: proxy.and_then(|it| it.address.host_str().map(str::to_owned)),
    };
    let builder = Client::builder()
        .user_agent(concat!("storekeeper/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(settings.connect)
        .pool_idle_timeout(Duration::from_secs(10))
        .http1_only()
        .dns_resolver(resolver);
    match proxy {
        None => builder.no_proxy(),
        Some(Through { address, password }) => {
            let proxy = Proxy::all(address.clone())?;
            builder.proxy(match password {
                Some(password) => proxy.custom_http_auth(password.clone()),
                None => proxy,
            })
        }
    }
    .build()
}

/// What went wrong, in our words: a refused address is told as such.
pub(super) fn explain(address: &Url, error: reqwest::Error) -> DownloadError {
    let error = error.without_url();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return DownloadError::Refused {
                address: shown(address),
                reason: refused.to_string(),
            };
        }
        source = cause.source();
    }
    DownloadError::Connection {
        address: shown(address),
        reason: reason(&error),
    }
}

/// The innermost cause: it says most.
fn reason(error: &reqwest::Error) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() {
        format!("no connection to the server: {reason}")
    } else if error.is_body() || error.is_decode() {
        format!("the connection broke off: {reason}")
    } else {
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_keeps_its_password_and_is_not_asked_for_this_computer() {
        let clients = Clients::new(Settings::default());
        let proxy = Url::parse("http://me:p%40ss@proxy.example:3128").unwrap();
        clients.set_proxy(Some(&proxy));
        let of = |address: &str| clients.proxy_of(&Url::parse(address).unwrap());
        let found = of("https://example.com/a").unwrap();
        assert_eq!(found.address.as_str(), "http://proxy.example:3128/");
        assert_eq!(found.password.unwrap(), "Basic bWU6cEBzcw==");
        for address in [
            "http://localhost:1/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://a.localhost/",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }

    #[test]
    fn only_the_host_that_was_given_is_trusted_and_never_we_ourselves() {
        let url = |text: &str| Url::parse(text).unwrap();
        let given = [url("http://10.0.0.5/a.zip")];
        let trusted = Trusted::new(&Trust::Given, &given);
        let check =
            |address: &str, policy| assert_eq!(trusted.policy(&url(address), 56780), policy);
        check("http://10.0.0.5:8080/", Policy::Private);
        check("http://10.0.0.5:56780/", Policy::Network);
        check("http://10.0.0.6/", Policy::Public);
        let source = Trust::Source(url("http://10.0.0.6/store"));
        let trusted = Trusted::new(&source, &given);
        assert_eq!(trusted.policy(&given[0], 0), Policy::Public);
        assert_eq!(
            trusted.policy(&url("http://10.0.0.6/b"), 0),
            Policy::Private
        );
        let trusted = Trusted::new(&Trust::Public, &given);
        assert_eq!(trusted.policy(&given[0], 0), Policy::Public);
    }
}
