//! Fetches files from the network into our cache: whole, checked, and only from where downloads may
//! go. A download that broke off goes on where it stopped; a file that is here is not fetched again.
//!
//! [`Downloader::fetch`] is for packages, [`Downloader::read`] for small files such as lists.

mod address;
mod cache;
mod client;
mod error;
mod header;
mod meter;
mod name;
mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::address::shown;
use self::cache::{Cache, Hold};
use self::client::{Clients, Trusted, explain};
use crate::app::Sha256;

pub use self::client::local_client;
pub use self::error::DownloadError;
pub use self::header::Validators;
pub use self::meter::Progress;

/// Fetches files. Cheap to clone; costs nothing until it is used.
#[derive(Clone)]
pub struct Downloader {
    clients: Arc<Clients>,
    cache: Arc<Cache>,
    settings: Settings,
}

/// How patient a [`Downloader`] is, and how much it keeps.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A server that sends nothing for this long has stopped.
    pub stall: Duration,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// The pauses before each further try at an address.
    pub pauses: Vec<Duration>,
    /// A server that asks to be left alone for longer is given up.
    pub longest_pause: Duration,
    /// Bytes of the cache; what was used longest ago goes.
    pub cache_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            pauses: [500, 2000, 6000].map(Duration::from_millis).to_vec(),
            longest_pause: Duration::from_mins(1),
            cache_bytes: 4 << 30,
        }
    }
}

/// What to fetch.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where the file lies: mirrors of one file, in the order in which they are tried.
    pub addresses: Vec<Url>,
    /// What it must be.
    pub sha256: Option<Sha256>,
    /// How large it may be.
    pub max_bytes: u64,
    /// Who says where it lies.
    pub trust: Trust,
}

/// Who says where a file lies. Link-local addresses and this service itself are never downloaded
/// from, whoever says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A stranger: only servers that everybody can reach.
    Public,
    /// The user: the hosts of the request's addresses may lie on this computer and in private
    /// networks. A host that one of them sends us on to may not.
    Given,
    /// A list that the user configured, at this address: its host may, others may not.
    Source(Url),
}

/// A file that was fetched. It stays in the cache at least as long as this (or a clone) lives.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it lies. To be read only: the cache keeps it.
    pub path: PathBuf,
    /// What the server calls it; one normal path component.
    pub file_name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: Sha256,
    /// The address that gave it; the first one when it was there.
    pub from: Url,
    /// Nothing had to be fetched.
    pub was_there: bool,
    _hold: Arc<Hold>,
}

/// The answer of [`Downloader::read`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is what it was.
    Same,
    /// There is nothing at that address (404 or 410).
    Missing,
    /// It is this.
    Body {
        /// The content.
        bytes: Vec<u8>,
        /// What tells it from the next.
        validators: Validators,
        /// The address that it came from in the end.
        from: Url,
    },
}

impl Downloader {
    /// A downloader with its cache in `dir`, which is made when something is fetched.
    pub fn new(dir: &Path) -> Self {
        Self::with_settings(dir, Settings::default())
    }

    /// Likewise, with settings.
    pub fn with_settings(dir: &Path, settings: Settings) -> Self {
        Self {
            clients: Arc::new(Clients::new(settings.clone())),
            cache: Arc::new(Cache::new(dir, settings.cache_bytes)),
            settings,
        }
    }

    /// The port that this service listens on: nothing is downloaded from there.
    pub fn set_own_port(&self, port: u16) {
        self.clients.set_own_port(port);
    }

    /// The proxy to ask; none: as the environment says (`HTTPS_PROXY` and its kin). This computer is
    /// never asked by way of a proxy.
    pub fn set_proxy(&self, proxy: Option<&Url>) {
        self.clients.set_proxy(proxy);
    }

    /// Fetches a file. `progress` is called at most ten times a second, and at the end. When it is
    /// canceled or fails, what came so far is kept, and the next call goes on from there if the
    /// server can tell that the file is the same. Of several calls for the same file, one fetches it
    /// and the others wait for it.
    ///
    /// # Errors
    /// Every [`DownloadError`]. With several addresses, that of the first one and of the last.
    pub async fn fetch(
        &self,
        request: &Request,
        cancel: &CancellationToken,
        progress: &(dyn Fn(&Progress) + Send + Sync),
    ) -> Result<Fetched, DownloadError> {
        let _use = self.clients.hold();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(DownloadError::Canceled),
            fetched = transfer::fetch(self, request, progress) => fetched,
        }
    }

    /// Reads a small file into memory, past the cache. `known` is what was known of it the last time.
    ///
    /// # Errors
    /// Every [`DownloadError`] that does not speak of our disk.
    pub async fn read(
        &self,
        address: &Url,
        trust: &Trust,
        known: &Validators,
        max_bytes: u64,
    ) -> Result<Answer, DownloadError> {
        let _use = self.clients.hold();
        let trusted = Trusted::new(trust, std::slice::from_ref(address));
        let mut headers = HeaderMap::new();
        ask_for_news(&mut headers, known);
        let (mut response, from) = self.clients.get(address, &trusted, headers).await?;
        match response.status().as_u16() {
            200 => {}
            304 if !known.is_empty() => return Ok(Answer::Same),
            404 | 410 => return Ok(Answer::Missing),
            _ => return Err(transfer::bad_status(&from, &response)),
        }
        if header::says_page(response.headers()) {
            return Err(transfer::is_page(&from));
        }
        let validators = Validators::of(response.headers());
        let too_large = || DownloadError::TooLarge {
            address: shown(&from),
            limit: max_bytes,
        };
        if header::length(response.headers()).is_some_and(|length| length > max_bytes) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        loop {
            let chunk = tokio::time::timeout(self.settings.stall, response.chunk()).await;
            let chunk = chunk.map_err(|_| self.stalled(&from))?;
            match chunk.map_err(|error| explain(&from, error))? {
                None => break,
                Some(chunk) => bytes.extend_from_slice(&chunk),
            }
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max_bytes {
                return Err(too_large());
            }
        }
        if header::looks_like_page(&bytes) {
            return Err(transfer::is_page(&from));
        }
        Ok(Answer::Body {
            bytes,
            validators,
            from,
        })
    }

    /// A client for one server of the user's, by which another protocol than a download talks to it.
    /// It connects to the addresses that downloads may go to, and follows no redirects.
    ///
    /// # Errors
    /// [`DownloadError::Address`], [`DownloadError::Refused`], and when there is no client to be had.
    pub async fn client(
        &self,
        address: &Url,
        trust: &Trust,
    ) -> Result<reqwest::Client, DownloadError> {
        let _use = self.clients.hold();
        let trusted = Trusted::new(trust, std::slice::from_ref(address));
        self.clients.client_for(address, &trusted).await
    }

    /// Removes a fetched file from the cache, because it was of no use.
    pub async fn forget(&self, path: &Path) {
        let (cache, path) = (Arc::clone(&self.cache), path.to_owned());
        // A panic there has been told already, and what stays is removed when room is needed.
        let _ = tokio::task::spawn_blocking(move || cache.forget(&path)).await;
    }

    fn stalled(&self, address: &Url) -> DownloadError {
        DownloadError::Stalled {
            address: shown(address),
            after: self.settings.stall,
        }
    }
}

/// Asks for the file only if it is no longer what it was.
fn ask_for_news(headers: &mut HeaderMap, known: &Validators) {
    let value = |text: &String| HeaderValue::from_str(text).ok();
    if let Some(etag) = known.etag.as_ref().and_then(value) {
        headers.insert(IF_NONE_MATCH, etag);
    } else if let Some(modified) = known.modified.as_ref().and_then(value) {
        headers.insert(IF_MODIFIED_SINCE, modified);
    }
}
