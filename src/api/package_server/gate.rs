//! Who may talk to the package server.
//!
//! The original has no gate, and its clients send nothing that tells them apart: they all pass. Web pages
//! do: browsers name the page that asks (`Origin`, `Sec-Fetch-Site`), and a page that points its own name
//! at this computer cannot hide that name (`Host`). So a page of somebody else's can neither put a package
//! on the shelf nor remove one, and reads nothing from a server that only this computer reaches.

use std::net::IpAddr;

use super::request::Request;

/// The rules, made for one address.
#[derive(Debug)]
pub(super) struct Gate {
    /// Only this computer reaches us, so only its own names can be meant.
    is_loopback: bool,
    /// Further names that are ours, in lower case.
    names: Vec<String>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `Host` is not ours.
    Host,
    /// A page of another site wants to change something.
    Page,
}

impl Refusal {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Host => 421,
            Self::Page => 403,
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Host => {
                "this package server does not go by that name; call it `localhost` or by its IP address, or start it with --allow-host NAME"
            }
            Self::Page => {
                "a web page of another site may not change what is on this shelf; use a program, e.g. curl"
            }
        }
    }
}

impl Gate {
    pub(super) fn new(is_loopback: bool, names: &[String]) -> Self {
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.push(crate::platform::host_name().to_ascii_lowercase());
        Self { is_loopback, names }
    }

    /// Whether a request may go on; `changes` says that it wants to change something.
    pub(super) fn check(&self, request: &Request, changes: bool) -> Result<(), Refusal> {
        let host = request.host.as_deref();
        // Without a host it is no browser.
        let is_ours = host.is_none_or(|host| self.is_ours(host));
        if self.is_loopback && !is_ours {
            return Err(Refusal::Host);
        }
        if !changes {
            return Ok(());
        }
        let same_origin = |origin: &str| {
            let authority = origin.strip_prefix("http://").unwrap_or_default();
            host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        };
        if let Some(origin) = &request.origin
            && !(is_ours && same_origin(origin))
        {
            return Err(Refusal::Page);
        }
        match request.fetch_site.as_deref() {
            None | Some("same-origin") => Ok(()),
            Some(_) => Err(Refusal::Page),
        }
    }

    /// An address is safe where a name is not: to point something at this computer it takes a name.
    fn is_ours(&self, host: &str) -> bool {
        let name = if let Some(inner) = host.strip_prefix('[') {
            inner.split(']').next().unwrap_or_default()
        } else {
            host.rsplit_once(':').map_or(host, |(name, _)| name)
        };
        let name = name.to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<IpAddr>().is_ok()
            || self.names.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(loopback: bool, host: &str, origin: &str, site: &str, changes: bool) -> u16 {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let request = Request {
            host: some(host),
            origin: some(origin),
            fetch_site: some(site),
            ..Request::default()
        };
        let gate = Gate::new(loopback, &["my-box".to_owned()]);
        let checked = gate.check(&request, changes);
        checked.map_or_else(Refusal::status, |()| 200)
    }

    #[test]
    fn programs_pass_and_pages_of_others_change_nothing() {
        for host in [
            "",
            "localhost:8020",
            "127.0.0.1:8020",
            "[::1]:1",
            "MY-BOX:8020",
        ] {
            assert_eq!(check(true, host, "", "", true), 200, "{host}");
        }
        // A name that was pointed at this computer.
        assert_eq!(check(true, "evil.example:8020", "", "", false), 421);
        // Where others reach us they may have names for us that we do not know.
        assert_eq!(check(false, "device-host:8020", "", "", true), 200);
        let own = "http://localhost:8020";
        assert_eq!(check(true, "localhost:8020", own, "same-origin", true), 200);
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "https://localhost:8020",
        ] {
            assert_eq!(
                check(true, "localhost:8020", origin, "", true),
                403,
                "{origin}"
            );
            assert_eq!(check(true, "localhost:8020", origin, "", false), 200);
        }
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(check(true, "localhost:8020", "", site, true), 403, "{site}");
        }
        // The page's own name, pointed at us: the browser takes it for the same origin.
        assert_eq!(
            check(
                false,
                "evil.example:8020",
                "http://evil.example:8020",
                "",
                true
            ),
            403
        );
    }
}
