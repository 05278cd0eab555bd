//! Who listens on which port of this computer.

use serde::Serialize;

use super::error::ApiError;

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub(super) struct Port {
    /// The process.
    pub pid: u32,
    /// The port.
    pub port: u16,
    /// `TCP` or `UDP`.
    pub proto: &'static str,
    /// Name of the process.
    pub name: String,
}

/// Every listening socket that this user may see, by port; one row for IPv4 and IPv6 together.
///
/// # Errors
/// What the system says.
pub(super) async fn all() -> Result<Vec<Port>, ApiError> {
    actix_web::web::block(scan).await?.map_err(|reason| {
        ApiError::internal(format!(
            "the system does not tell who listens on which port: {reason}"
        ))
    })
}

/// The same, on this thread.
pub(super) fn scan() -> Result<Vec<Port>, String> {
    use listeners::{Protocol, SocketState};
    let mut ports: Vec<Port> = listeners::get_all()
        .map_err(|error| error.to_string())?
        .into_iter()
        .filter_map(|listener| {
            let proto = match listener.protocol {
                Protocol::TCP if listener.state == SocketState::Listen => "TCP",
                Protocol::UDP if listener.state != SocketState::Established => "UDP",
                Protocol::TCP | Protocol::UDP => return None,
            };
            Some(Port {
                pid: listener.process.pid,
                port: listener.socket.port(),
                proto,
                name: listener.process.name,
            })
        })
        .collect();
    ports.sort_by(|a, b| (a.port, a.proto, a.pid).cmp(&(b.port, b.proto, b.pid)));
    ports.dedup();
    Ok(ports)
}

/// Who holds a TCP port, as `nginx (pid 123)`; nothing when nobody does or it cannot be told.
pub(super) fn holder(port: u16) -> Option<String> {
    scan()
        .ok()?
        .into_iter()
        .find(|row| row.port == port && row.proto == "TCP")
        .map(|row| format!("`{}` (pid {})", row.name, row.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_ours_is_found_by_its_port() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let row = scan().unwrap().into_iter().find(|row| row.port == port);
        let row = row.expect("our own socket is listed");
        assert_eq!((row.pid, row.proto), (std::process::id(), "TCP"));
    }
}
