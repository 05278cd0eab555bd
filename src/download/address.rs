//! Which addresses may be connected to. A name is resolved here, and what is connected to is exactly
//! what was checked: nobody resolves it a second time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::error::DownloadError;

/// What may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Only what everybody on the internet can reach.
    Public,
    /// This computer and its network, too: the user named the host.
    Private,
    /// This computer's network, but not this computer: the port is our own.
    Network,
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    Loopback,
    /// Never, with the reason.
    Never(&'static str),
}

/// An address that must not be connected to.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{ip} {reason}")]
pub(super) struct Refused {
    ip: IpAddr,
    reason: &'static str,
}

const NOT_GIVEN: &str =
    "lies in a private network; only an address that you give yourself may lie there";
const THIS_COMPUTER: &str =
    "is this computer; only an address that you give yourself may lie there";
const OURSELVES: &str = "is this service itself";
const LINK_LOCAL: &str = "is a link-local address, which is never downloaded from";
const SPECIAL: &str = "is no address of a server";

impl Policy {
    /// # Errors
    /// Why an address must not be connected to.
    pub(super) fn check(self, ip: IpAddr) -> Result<(), Refused> {
        let refuse = |reason| Err(Refused { ip, reason });
        match (reach(ip), self) {
            (Reach::Never(reason), _) => refuse(reason),
            (Reach::Public, _)
            | (Reach::Private, Self::Private | Self::Network)
            | (Reach::Loopback, Self::Private) => Ok(()),
            (Reach::Private, Self::Public) => refuse(NOT_GIVEN),
            (Reach::Loopback, Self::Public) => refuse(THIS_COMPUTER),
            (Reach::Loopback, Self::Network) => refuse(OURSELVES),
        }
    }

    /// Checks an address that needs no resolving: its scheme, and an IP address in it.
    ///
    /// # Errors
    /// [`DownloadError::Address`] and [`DownloadError::Refused`].
    pub(super) fn check_url(self, address: &Url) -> Result<(), DownloadError> {
        if !matches!(address.scheme(), "http" | "https") {
            return Err(DownloadError::Address {
                address: shown(address),
                reason: format!(
                    "`{}` is no scheme to download by; give an http or https address",
                    address.scheme()
                ),
            });
        }
        let ip = match address.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) => return Ok(()),
            None => {
                return Err(DownloadError::Address {
                    address: shown(address),
                    reason: "it names no host".to_owned(),
                });
            }
        };
        self.check(ip).map_err(|refused| DownloadError::Refused {
            address: shown(address),
            reason: refused.to_string(),
        })
    }
}

/// By the registries of special addresses (RFC 6890 and its updates).
fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        [127, ..] => Reach::Loopback,
        [10, ..] | [192, 168, ..] => Reach::Private,
        [172, second, ..] if second & 0xf0 == 16 => Reach::Private,
        [169, 254, ..] => Reach::Never(LINK_LOCAL),
        // Shared address space; a cloud keeps its metadata service there.
        [100, second, ..] if second & 0xc0 == 64 => {
            Reach::Never("lies in a provider's own network (100.64.0.0/10)")
        }
        [0, ..] => Reach::Never("is unspecified"),
        [224..=239, ..] => Reach::Never("is a multicast address"),
        [240..=255, ..] => Reach::Never(SPECIAL),
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => {
            Reach::Never(SPECIAL)
        }
        // 198.18.0.0/15 is for measuring, and in practice what a proxy on this computer answers for
        // every name that it takes over: refusing it would refuse everything there.
        _ => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return reach_v4(ip);
    }
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        // By way of a translator, only public addresses: nobody reaches his own network that way.
        match reach_v4(Ipv4Addr::new(a, b, c, d)) {
            Reach::Public => Reach::Public,
            Reach::Private | Reach::Loopback | Reach::Never(_) => {
                Reach::Never("hides an address that is not public")
            }
        }
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("is unspecified"),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        [0xfd00, 0xec2, ..] => Reach::Never("is a cloud's metadata service"),
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::Private,
        [first, ..] if first & 0xffc0 == 0xfe80 => Reach::Never(LINK_LOCAL),
        [first, ..] if first & 0xff00 == 0xff00 => Reach::Never("is a multicast address"),
        // What is given to servers: 2000::/3 without tunnels (2001::/23) and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Reach::Never(SPECIAL),
        [0x3fff, second, ..] if second < 0x1000 => Reach::Never(SPECIAL),
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Never(SPECIAL),
    }
}

/// Resolves names and lets only checked addresses through.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) policy: Policy,
    /// Host of the proxy, which the user chose and which may be anywhere.
    pub(super) proxy: Option<String>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy;
        let is_proxy = self.proxy.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let mut refused = None;
            let mut allowed: Vec<SocketAddr> = Vec::new();
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                match policy.check(address.ip()) {
                    Err(error) if !is_proxy => refused = Some(error),
                    Ok(()) | Err(_) => allowed.push(address),
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(refused)) => Err(refused.into()),
                (true, None) => Err("the name has no address".into()),
                (false, _) => {
                    let addresses: Addrs = Box::new(allowed.into_iter());
                    Ok(addresses)
                }
            }
        })
    }
}

/// An address for messages: without its password, and without its query, which may hold a key.
pub(super) fn shown(address: &Url) -> String {
    let mut text = format!("{}:", address.scheme());
    if let Some(host) = address.host_str() {
        text.push_str("//");
        if !address.username().is_empty() || address.password().is_some() {
            text.push_str("***@");
        }
        text.push_str(host);
        if let Some(port) = address.port() {
            text.push(':');
            text.push_str(&port.to_string());
        }
    }
    text.push_str(address.path());
    if address.query().is_some() {
        text.push_str("?…");
    }
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `public private network`: whether each policy lets an address through.
    fn check(address: &str, expected: &str) {
        let ip = address.parse().unwrap();
        let found: String = [Policy::Public, Policy::Private, Policy::Network]
            .iter()
            .map(|policy| if policy.check(ip).is_ok() { '+' } else { '-' })
            .collect();
        assert_eq!(found, expected, "{address}");
    }

    #[test]
    fn servers_of_the_internet_are_reached_by_everybody() {
        for address in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "198.18.0.7",
            "2606:4700::1111",
            "2001:200::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            check(address, "+++");
        }
    }

    #[test]
    fn private_addresses_need_a_user_who_gave_them() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "fd12::1",
        ] {
            check(address, "-++");
        }
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            check(address, "-+-");
        }
        check("::ffff:192.168.0.1", "-++");
    }

    #[test]
    fn nobody_reaches_what_is_no_server() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1.1.1.1",
            "2002:a9fe:a9fe::1",
            "2002:7f00:1::",
            "100.64.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "::",
            "::7f00:1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
        ] {
            check(address, "---");
        }
    }

    #[test]
    fn an_address_is_checked_however_it_is_written() {
        for address in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:7f00:1]/",
            "http://127.0.0.1:8080/x",
            "file:///etc/passwd",
            "ftp://example.com/",
            "data:,x",
        ] {
            let address = Url::parse(address).unwrap();
            assert!(Policy::Public.check_url(&address).is_err(), "{address}");
        }
        let address = Url::parse("https://example.com/x").unwrap();
        assert!(Policy::Public.check_url(&address).is_ok());
    }

    #[test]
    fn messages_hold_no_secrets() {
        let address = Url::parse("https://me:secret@example.com:8443/a.zip?key=secret#x").unwrap();
        assert_eq!(shown(&address), "https://***@example.com:8443/a.zip?…");
        let address = Url::parse("file:///etc/passwd").unwrap();
        assert_eq!(shown(&address), "file:/etc/passwd");
    }
}
