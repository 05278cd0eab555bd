//! Listens, answers until the service is told to end, and closes it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix_web::{App, HttpServer, web};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::assets::Assets;
use super::error::ApiError;
use super::guard::Guard;
use super::history::History;
use super::incoming;
use super::log_index::LogIndexes;
use super::origins::Origins;
use super::page::{PREFERENCES, Pages, Preferences};
use super::policy::{self, Policy, PolicyOptions};
use super::ports;
use super::roster::Roster;
use super::routes;
use super::state::State;
use super::usage::Sampler;
use crate::library::Library;
use crate::package::shelf::Shelf;
use crate::service::Service;

/// The port that every desktop calls.
pub const PORT: u16 = 56780;

/// Two are enough for one user, and each costs memory.
const WORKERS: usize = 2;

/// How long requests under way may take to end when the service does.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How often another free port is tried when the other family's is taken.
const ATTEMPTS: u32 = 16;

/// What to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    ip: IpAddr,
    port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: PORT,
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

impl FromStr for Listen {
    type Err = String;

    /// `127.0.0.1`, `127.0.0.1:0`, `localhost:8080`, `0.0.0.0`, `::1`, `[::]:80` or only `8080`.
    fn from_str(text: &str) -> Result<Self, String> {
        let default = Self::default();
        if let Ok(port) = text.parse() {
            return Ok(Self { port, ..default });
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse() {
            return Ok(Self { ip, ..default });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                ip: address.ip(),
                port: address.port(),
            });
        }
        match text.split_once(':') {
            None if text == "localhost" => Ok(default),
            Some(("localhost" | "", port)) if port.parse::<u16>().is_ok() => Ok(Self {
                port: port.parse().unwrap_or(PORT),
                ..default
            }),
            _ => Err(format!(
                "`{text}` is no address to listen on; write e.g. `127.0.0.1:8080`, `0.0.0.0` or `8080`"
            )),
        }
    }
}

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Further origins whose pages may use the service.
    pub origins: Vec<Origin>,
    /// Further names of this computer.
    pub hosts: Vec<String>,
    /// Demand a token from programs; always so when not only this computer can connect.
    pub token: bool,
    /// Take the page's files from this folder, for those who work on them.
    pub page: Option<PathBuf>,
    /// The command that starts the service like this again, or why there is none.
    pub command: Result<Vec<OsString>, String>,
    /// The package server that runs beside.
    pub shelf: Option<Served>,
}

/// A shelf that a package server serves.
#[derive(Clone, Debug)]
pub struct Served {
    /// The shelf.
    pub shelf: Shelf,
    /// The server's address.
    pub url: String,
    /// The project whose clients are answered.
    pub project: String,
}

/// An origin, written as browsers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        policy::check_origin(text).map(Self)
    }
}

/// Why the service cannot be reached, or went down.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("port {port} is taken{}; end that program, or choose another port with `--listen 127.0.0.1:0`", by(holder.as_ref()))]
    Taken {
        /// The port.
        port: u16,
        /// Who, when it can be told.
        holder: Option<String>,
    },
    /// The address cannot be listened on.
    #[error(
        "{address} cannot be listened on: {source}; choose an address of this computer and a port above 1023 with `--listen ADDR:PORT`"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file of ours cannot be written.
    #[error("`{path}` cannot be written: {source}; make room, or give another home with --home")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server ended by itself.
    #[error("the HTTP server ended: {0}; start the service again")]
    Server(io::Error),
}

fn by(holder: Option<&String>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

/// Sockets that are listened on; connections wait until [`serve`] answers them.
#[derive(Debug)]
pub struct Bound {
    sockets: Vec<TcpListener>,
    listen: Listen,
    /// The port, chosen by the system if 0 was asked for.
    port: u16,
}

impl Bound {
    /// Where a program of this computer reaches the service.
    pub fn address(&self) -> SocketAddr {
        let ip = match self.listen.ip {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.port)
    }

    /// Its address for people.
    pub fn url(&self) -> String {
        let address = self.address();
        if address.ip().is_loopback() {
            format!("http://localhost:{}", self.port)
        } else {
            format!("http://{address}")
        }
    }
}

/// Listens: on loopback by both families, else on the one address.
///
/// # Errors
/// [`ServeError::Taken`] and [`ServeError::Bind`].
pub fn bind(listen: Listen) -> Result<Bound, ServeError> {
    let is_loopback = listen.ip == Ipv4Addr::LOCALHOST || listen.ip == Ipv6Addr::LOCALHOST;
    if !is_loopback {
        let socket = bind_one(SocketAddr::new(listen.ip, listen.port))?;
        let port = port_of(&socket, listen.port);
        return Ok(Bound {
            sockets: vec![socket],
            listen,
            port,
        });
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let first = bind_one((Ipv4Addr::LOCALHOST, listen.port).into())?;
        let port = port_of(&first, listen.port);
        match bind_one((Ipv6Addr::LOCALHOST, port).into()) {
            Ok(second) => {
                return Ok(Bound {
                    sockets: vec![first, second],
                    listen,
                    port,
                });
            }
            // A port that the system chose is free in one family only: let it choose again.
            Err(ServeError::Taken { .. }) if listen.port == 0 && attempt < ATTEMPTS => {}
            Err(error @ ServeError::Taken { .. }) => return Err(error),
            // Many systems have no IPv6.
            Err(_) => {
                return Ok(Bound {
                    sockets: vec![first],
                    listen,
                    port,
                });
            }
        }
    }
}

fn bind_one(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ServeError::Taken {
                port: address.port(),
                holder: ports::holder(address.port()),
            }
        } else {
            ServeError::Bind { address, source }
        }
    })
}

fn port_of(socket: &TcpListener, asked: u16) -> u16 {
    socket.local_addr().map_or(asked, |address| address.port())
}

/// What the command line needs to find a running service; lies in [`Library::service_file`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it demands the token.
    pub token: bool,
}

/// Answers requests until the service is told to end (SIGTERM, Ctrl-C), then closes it. `ready` is
/// called once, when requests are answered.
///
/// # Errors
/// [`ServeError::File`] and [`ServeError::Server`]; the service is closed then too.
pub async fn serve(
    service: Service,
    bound: Bound,
    options: Options,
    ready: impl FnOnce(&Bound),
) -> Result<(), ServeError> {
    let file = service.library.service_file();
    let result = answer(&service, bound, &options, ready).await;
    // Nobody is to look for us here any more.
    if let Err(error) = tokio::fs::remove_file(&file).await
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %file.display(), %error, "a file that is out of date stays");
    }
    service.close().await;
    result
}

async fn answer(
    service: &Service,
    mut bound: Bound,
    options: &Options,
    ready: impl FnOnce(&Bound),
) -> Result<(), ServeError> {
    let is_local = bound.listen.ip.is_loopback();
    // There from the start: with accounts, it is what this computer's own user is known by.
    let owner_token = token(&service.library)?;
    let token = (options.token || !is_local).then(|| owner_token.clone());
    let address = bound.address();
    service.downloader.set_own_port(bound.port);
    let configured: Vec<String> = options.origins.iter().map(|it| it.0.clone()).collect();
    let policy = Arc::new(Policy::new(&PolicyOptions {
        port: bound.port,
        address: bound.listen.ip,
        hosts: &options.hosts,
        origins: &configured,
        token: token.as_deref(),
    }));
    let library = service.library.clone();
    let left = tokio::task::spawn_blocking(move || incoming::left_over(&library)).await;
    if let Some(left) = left.ok().filter(|left| !left.is_empty()) {
        // Deleting large files takes its time, and nobody waits for it.
        tokio::task::spawn_blocking(move || delete(&left));
    }
    let pages = Arc::new(pages(service, options).await);
    let origins = Arc::new(origins(service).await);
    policy.pair(&origins.allowed());
    let ending = CancellationToken::new();
    let history = Arc::new(History::default());
    let sampling = tokio::spawn(
        history
            .clone()
            .run(service.supervisor.clone(), service.events.clone()),
    );
    let state = web::Data::new(State {
        service: service.clone(),
        policy: policy.clone(),
        owner_token: owner_token.into(),
        port: bound.port,
        since: SystemTime::now(),
        started: Instant::now(),
        ending: ending.clone(),
        main: tokio::runtime::Handle::current(),
        roster: Arc::new(Roster::default()),
        sampler: Arc::new(Sampler::default()),
        history,
        log_indexes: LogIndexes::default(),
        origins: origins.clone(),
        deciding: tokio::sync::Mutex::default(),
        command: options.command.clone(),
        pages: pages.clone(),
        shelf: options.shelf.clone(),
    });
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(
                web::QueryConfig::default().error_handler(|error, _| unreadable(&error).into()),
            )
            .app_data(
                web::PathConfig::default().error_handler(|error, _| unreadable(&error).into()),
            )
            .configure(routes::all)
            .wrap(Access(state.clone()))
            .wrap(Guard {
                policy: policy.clone(),
                pages: pages.clone(),
                origins: Some(origins.clone()),
            })
    })
    .workers(WORKERS)
    .worker_max_blocking_threads(4)
    .disable_signals()
    // The desktop reads one JSON text at a time: none may wait to be sent with the next.
    .tcp_nodelay(true)
    .shutdown_timeout(LAST_REQUESTS.as_secs())
    .client_request_timeout(Duration::from_secs(10))
    .client_disconnect_timeout(Duration::from_secs(5))
    .keep_alive(Duration::from_secs(75));
    for socket in std::mem::take(&mut bound.sockets) {
        server = server
            .listen(socket)
            .map_err(|source| ServeError::Bind { address, source })?;
    }
    let server = server.run();
    let handle = server.handle();
    let mut server = tokio::spawn(server);

    tell_where(service, &bound, token.is_some())?;
    ready(&bound);

    let ended = tokio::select! {
        ended = &mut server => Some(ended),
        () = told_to_end() => None,
    };
    tracing::info!("ending");
    sampling.abort();
    ending.cancel();
    match ended {
        None => handle.stop(true).await,
        Some(Ok(result)) => result.map_err(ServeError::Server)?,
        Some(Err(error)) => return Err(ServeError::Server(io::Error::other(error))),
    }
    Ok(())
}

/// Writes down where the service listens, for the command line and for a second service.
fn tell_where(service: &Service, bound: &Bound, token: bool) -> Result<(), ServeError> {
    let running = Running {
        pid: std::process::id(),
        address: bound.address(),
        token,
    };
    let text = serde_json::to_vec_pretty(&running).expect("numbers and an address are JSON");
    save_private(&service.library.service_file(), &text)?;
    service.set_address(&bound.url());
    Ok(())
}

/// What was decided on pages of other origins.
async fn origins(service: &Service) -> Origins {
    let service = service.clone();
    let load = move || Origins::load(&service.database, &service.events, &service.notices);
    match tokio::task::spawn_blocking(load).await {
        Ok(origins) => origins,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The page, as the user wants it.
async fn pages(service: &Service, options: &Options) -> Pages {
    let assets = options.page.clone().map_or(Assets::Built, Assets::Folder);
    let database = service.database.clone();
    let read = tokio::task::spawn_blocking(move || database.setting(PREFERENCES)).await;
    let preferences = match read {
        Ok(Ok(preferences)) => preferences.unwrap_or_default(),
        Ok(Err(error)) => {
            tracing::warn!("how the page is wanted cannot be read: {error}");
            Preferences::default()
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    Pages::new(assets, preferences)
}

/// Deletes files that nobody needs any more.
fn delete(files: &[PathBuf]) {
    for path in files {
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "a file that nobody needs stays");
        }
    }
}

/// A path or query that is not what a route wants. Only what the value's own type says is for
/// people.
fn unreadable(error: &dyn std::fmt::Display) -> ApiError {
    let error = error.to_string();
    let reason = error
        .split_once("deserialize error: ")
        .map_or(error.as_str(), |(_, reason)| reason);
    ApiError::invalid(format!("the address of this request is wrong: {reason}"))
}

/// The token: the one that is there, or a new one.
fn token(library: &Library) -> Result<String, ServeError> {
    let path = library.token_file();
    if let Ok(token) = std::fs::read_to_string(&path) {
        let token = token.trim();
        if token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(token.to_owned());
        }
    }
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| ServeError::File {
        path: path.display().to_string(),
        source: io::Error::other(error.to_string()),
    })?;
    let token = random
        .iter()
        .fold(String::with_capacity(64), |mut token, byte| {
            let _ = write!(token, "{byte:02x}");
            token
        });
    save_private(&path, format!("{token}\n").as_bytes())?;
    Ok(token)
}

/// Saves a file that is for this user alone.
fn save_private(path: &Path, content: &[u8]) -> Result<(), ServeError> {
    let save = || {
        let dir = path.parent().unwrap_or(Path::new("."));
        // Temporary files are made with mode 0600, and keep it when they are renamed.
        let mut file = tempfile::Builder::new()
            .prefix(".storekeeper-")
            .tempfile_in(dir)?;
        io::Write::write_all(&mut file, content)?;
        file.persist(path)?;
        Ok(())
    };
    save().map_err(|source| ServeError::File {
        path: path.display().to_string(),
        source,
    })
}

/// Returns when the service is told to end; a second time ends the process at once.
async fn told_to_end() {
    signal().await;
    tokio::spawn(async {
        signal().await;
        tracing::warn!("told to end a second time: the apps go on, the next start takes them over");
        std::process::exit(1);
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

#[cfg(windows)]
async fn signal() {
    use tokio::signal::windows;
    macro_rules! wait {
        ($kind:ident) => {
            async {
                match windows::$kind() {
                    Ok(mut signals) => {
                        signals.recv().await;
                    }
                    Err(_) => std::future::pending().await,
                }
            }
        };
    }
    tokio::select! {
        () = wait!(ctrl_c) => {}
        () = wait!(ctrl_break) => {}
        () = wait!(ctrl_close) => {}
        () = wait!(ctrl_shutdown) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on_are_read_as_people_write_them() {
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1:56780")),
            ("127.0.0.1:0", Some("127.0.0.1:0")),
            ("localhost", Some("127.0.0.1:56780")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("8080", Some("127.0.0.1:8080")),
            (":8080", Some("127.0.0.1:8080")),
            ("0.0.0.0", Some("0.0.0.0:56780")),
            ("::1", Some("[::1]:56780")),
            ("[::]:80", Some("[::]:80")),
            ("example.com:80", None),
            ("127.0.0.1:99999", None),
            ("", None),
        ] {
            let found = text
                .parse::<Listen>()
                .ok()
                .map(|listen| SocketAddr::new(listen.ip, listen.port).to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_taken_port_names_who_holds_it() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let error = bind(Listen {
            port,
            ..Listen::default()
        })
        .unwrap_err()
        .to_string();
        let us = format!("(pid {})", std::process::id());
        assert!(
            error.starts_with(&format!("port {port} is taken by ")),
            "{error}"
        );
        assert!(error.contains(&us), "{error}");
    }

    #[test]
    fn both_families_get_the_same_port() {
        let bound = bind("0".parse().unwrap()).unwrap();
        assert_ne!(bound.port, 0);
        for socket in &bound.sockets {
            assert_eq!(socket.local_addr().unwrap().port(), bound.port);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_token_is_kept_and_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(home.path()).unwrap();
        let first = token(&library).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(token(&library).unwrap(), first);
        let mode = std::fs::metadata(library.token_file())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
