//! The package server: what clients of Qt's `appman-package-server` talk to, on an address of its own.
//!
//! The routes are on one page (`routes`); who may use them says `gate`. Nothing here blocks the
//! runtime, and no package is ever in memory as a whole.

mod answer;
mod connection;
mod gate;
mod listen;
mod places;
mod receive;
mod request;
mod routes;
mod send;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use self::gate::Gate;
pub use self::listen::{ListenAddress, ListenError, Listening};
use self::places::{Place, Places};
use crate::package::shelf::Shelf;

/// So many clients are served at a time. It is half of the files that most systems let a program open
/// unless told otherwise, so that packages can be opened besides.
const MAX_CONNECTIONS: usize = 512;

/// So many packages come in at a time.
const MAX_UPLOADS: usize = 32;

/// So many packages are checked at a time.
const MAX_CHECKS: usize = 2;

/// How long to wait when the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
struct Site {
    shelf: Shelf,
    project: String,
    gate: Gate,
    uploads: Semaphore,
    checks: Semaphore,
}

/// Answers clients until it is told to end. `hosts` are further names of this computer.
///
/// # Errors
/// When the system does not let the socket be used.
pub async fn serve(
    listening: Listening,
    shelf: Shelf,
    project: String,
    hosts: &[String],
    ending: CancellationToken,
) -> io::Result<()> {
    let site = Arc::new(Site {
        shelf,
        project,
        gate: Gate::new(listening.address.is_loopback(), hosts),
        uploads: Semaphore::new(MAX_UPLOADS),
        checks: Semaphore::new(MAX_CHECKS),
    });
    listening.socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listening.socket)?;
    let places = Places::new(MAX_CONNECTIONS);
    loop {
        let accepted = async {
            match listener.accept().await {
                // A place is looked for only now: nobody leaves before somebody comes.
                Ok((stream, _)) => Some((stream, places.take().await)),
                Err(error) => {
                    // The client is gone already, or no descriptors are left.
                    if error.kind() != io::ErrorKind::ConnectionAborted {
                        places.make_room();
                    }
                    tokio::time::sleep(PAUSE).await;
                    None
                }
            }
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = ending.cancelled() => return Ok(()),
        };
        if let Some((stream, place)) = accepted {
            let (site, ending) = (Arc::clone(&site), ending.clone());
            tokio::spawn(async move { converse(stream, &place, &site, ending).await });
        }
    }
}

async fn converse(stream: TcpStream, place: &Place, site: &Site, ending: CancellationToken) {
    // An answer must not wait for the next one (the original's did, 40 ms each).
    let _ = stream.set_nodelay(true);
    let mut connection = Connection::new(stream);
    loop {
        let request = tokio::select! {
            biased;
            request = place.wait_for(connection.request()) => request,
            () = ending.cancelled() => None,
        };
        let Some(request) = request else { return };
        if !routes::answer(&mut connection, site, &request).await {
            return;
        }
    }
}
