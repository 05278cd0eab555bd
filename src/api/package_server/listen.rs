//! The listen address, by the original's rules.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

use super::super::ports;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Host,
    /// 0 for any free one.
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    /// All addresses of this computer.
    Any,
    /// Not one that can be listened on.
    Name(String),
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It is none.
    #[error("the listen address needs to have a host part: {0}")]
    Address(String),
    /// The system says no.
    #[error("failed to listen on {address}: {reason}")]
    Bind {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
}

impl FromStr for ListenAddress {
    type Err = ListenError;

    /// `HOST[:PORT]`, the host being `localhost`, `any` or an IP address. A scheme before it and a path
    /// behind it do not matter. Without a port it is any free one.
    fn from_str(text: &str) -> Result<Self, ListenError> {
        let wrong = || ListenError::Address(text.to_owned());
        let lower = text.trim().to_ascii_lowercase();
        let rest = lower.strip_prefix("http://").unwrap_or(&lower);
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
            let (host, port) = inner.split_once(']').ok_or_else(wrong)?;
            let port = match port.strip_prefix(':') {
                Some(port) => Some(port),
                None if port.is_empty() => None,
                None => return Err(wrong()),
            };
            host.parse::<Ipv6Addr>().map_err(|_| wrong())?;
            (host, port)
        } else if rest.parse::<Ipv6Addr>().is_ok() {
            (rest, None)
        } else {
            match rest.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = match port {
            None | Some("") => 0,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().map_err(|_| wrong())?
            }
            Some(_) => return Err(wrong()),
        };
        let host = match host {
            "" => return Err(wrong()),
            "localhost" => Host::Address(Ipv4Addr::LOCALHOST.into()),
            "any" => Host::Any,
            name => name
                .parse()
                .map_or_else(|_| Host::Name(name.to_owned()), Host::Address),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for ListenAddress {
    /// As the original prints it: without brackets around an IPv6 address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => write!(f, "{address}:{}", self.port),
            Host::Any => write!(f, "{}:{}", Ipv4Addr::UNSPECIFIED, self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// A socket that is listened on; connections wait until they are answered.
#[derive(Debug)]
pub struct Listening {
    pub(super) socket: TcpListener,
    /// Where: with the port that was chosen.
    pub address: ListenAddress,
}

impl ListenAddress {
    /// Listens.
    ///
    /// # Errors
    /// [`ListenError::Bind`].
    pub fn listen(self) -> Result<Listening, ListenError> {
        let fail = |reason: String| ListenError::Bind {
            address: self.to_string(),
            reason,
        };
        let bound = match &self.host {
            Host::Address(address) => TcpListener::bind(SocketAddr::new(*address, self.port)),
            // One socket for both families, where there are both.
            Host::Any if cfg!(unix) => TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port))
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AddrInUse => Err(error),
                    _ => TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)),
                }),
            Host::Any => TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)),
            Host::Name(_) => {
                return Err(fail(
                    "the host must be `localhost`, `any` or an IP address".to_owned(),
                ));
            }
        };
        let socket = bound.map_err(|error| {
            let holder = (error.kind() == io::ErrorKind::AddrInUse)
                .then(|| ports::holder(self.port))
                .flatten();
            fail(match holder {
                Some(holder) => format!("{error}, by {holder}"),
                None => error.to_string(),
            })
        })?;
        let port = socket.local_addr().map(|address| address.port());
        let port = port.map_err(|error| fail(error.to_string()))?;
        Ok(Listening {
            socket,
            address: Self { port, ..self },
        })
    }

    /// Whether only this computer reaches it.
    pub(super) fn is_loopback(&self) -> bool {
        matches!(&self.host, Host::Address(address) if address.is_loopback())
    }

    /// Where a program of this computer reaches it.
    pub fn url(&self) -> String {
        match &self.host {
            Host::Address(address) if !address.is_loopback() && !address.is_unspecified() => {
                format!("http://{}", SocketAddr::new(*address, self.port))
            }
            Host::Address(IpAddr::V6(_)) => format!("http://[::1]:{}", self.port),
            Host::Address(IpAddr::V4(_)) | Host::Any | Host::Name(_) => {
                format!("http://localhost:{}", self.port)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_port() {
        let check = |text: &str, expected: &str| {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), expected, "{text}");
        };
        check("localhost:8020", "127.0.0.1:8020");
        check("localhost", "127.0.0.1:0");
        check("LocalHost:", "127.0.0.1:0");
        check("any:7070", "0.0.0.0:7070");
        check("http://Any:1/x?y", "0.0.0.0:1");
        check("::1", "::1:0");
        check("[::1]:8020", "::1:8020");
        check("10.0.0.1:80", "10.0.0.1:80");
        check("example.com:80", "example.com:80");
        for wrong in [
            "",
            ":80",
            "localhost:x",
            "localhost:70000",
            "http://",
            "[::1",
            "[x]:1",
        ] {
            assert!(wrong.parse::<ListenAddress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_not_listened_on_and_a_port_is_chosen() {
        let name: ListenAddress = "example.com:1".parse().unwrap();
        assert!(name.listen().is_err());
        let any: ListenAddress = "any".parse().unwrap();
        let first = any.listen().unwrap();
        assert!(!first.address.to_string().ends_with(":0"));
        let taken: ListenAddress = first.address.clone();
        assert!(taken.listen().is_err());
    }
}
