//! The head of a request, and the arguments in its query.

use percent_encoding::percent_decode_str;

/// The most fields that a head may have.
const MAX_FIELDS: usize = 64;

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Decoded.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) host: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) fetch_site: Option<String>,
    pub(super) body: Length,
    /// The client sends its body only when it is told to.
    pub(super) waits: bool,
}

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none.
    #[default]
    None,
    /// So many bytes.
    Known(u64),
    /// It tells when it ends.
    Chunked,
}

/// What a buffer holds.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A head of so many bytes.
    Head(Box<Request>, usize),
    /// The beginning of one.
    Partial,
    /// Nothing that can be answered.
    Broken,
}

/// Reads a head.
pub(super) fn parse(buffer: &[u8]) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Broken,
    };
    let request = head.method.zip(head.path).and_then(|(method, target)| {
        let mut request = Request {
            method: method.to_owned(),
            ..Request::default()
        };
        request.set_target(target);
        for field in head.headers.iter() {
            request.take(field.name, field.value)?;
        }
        Some(request)
    });
    match request {
        Some(request) => Parsed::Head(Box::new(request), length),
        None => Parsed::Broken,
    }
}

impl Request {
    fn set_target(&mut self, target: &str) {
        // A proxy sends the whole address.
        let target = match target.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest
                .find(['/', '?'])
                .and_then(|at| rest.get(at..))
                .unwrap_or("/"),
            _ => target,
        };
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.path = decode(path);
        query.clone_into(&mut self.query);
    }

    /// None for what makes the length of the body doubtful, which is how requests are smuggled.
    fn take(&mut self, name: &str, value: &[u8]) -> Option<()> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let text = || String::from_utf8_lossy(value).trim().to_owned();
        if is("content-length") {
            let digits = text();
            let only_digits = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
            let length = only_digits.then(|| digits.parse().ok()).flatten()?;
            match self.body {
                Length::None => self.body = Length::Known(length),
                Length::Known(other) if other == length => {}
                Length::Known(_) | Length::Chunked => return None,
            }
        } else if is("transfer-encoding") {
            if self.body != Length::None || !text().eq_ignore_ascii_case("chunked") {
                return None;
            }
            self.body = Length::Chunked;
        } else if is("host") {
            if self.host.is_some() {
                return None;
            }
            self.host = Some(text());
        } else if is("origin") {
            self.origin = Some(text());
        } else if is("sec-fetch-site") {
            self.fetch_site = Some(text());
        } else if is("expect") {
            self.waits = text().eq_ignore_ascii_case("100-continue");
        }
        Some(())
    }

    /// An argument of the query: the first of that name; an empty one counts as absent. `%XX` is decoded,
    /// a plus is a plus.
    pub(super) fn argument(&self, name: &str) -> Option<String> {
        let mut arguments = self.query.split('&');
        let value = arguments.find_map(|argument| {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            (key == name || decode(key) == name).then(|| decode(value))
        });
        value.filter(|value| !value.is_empty())
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &str) -> Option<Request> {
        match parse(head.as_bytes()) {
            Parsed::Head(request, length) => {
                assert_eq!(length, head.len());
                Some(*request)
            }
            Parsed::Partial | Parsed::Broken => None,
        }
    }

    fn argument(query: &str) -> Option<String> {
        let head = format!("GET /x?{query} HTTP/1.1\r\n\r\n");
        request(&head).unwrap().argument("id")
    }

    #[test]
    fn every_escape_is_decoded_and_a_plus_stays() {
        let check = |query: &str, expected: &str| {
            assert_eq!(argument(query).as_deref(), Some(expected), "{query}");
        };
        check("id=a%20b%26c%3Dd%23", "a b&c=d#");
        check("id=%2B%25%3B+;", "+%;+;");
        check("id=%C3%BC", "ü");
        check("%69d=x", "x");
        check("id=first&id=second", "first");
        check("ID=no&id=yes", "yes");
        check("id=a=b", "a=b");
        check("id=%zz%4", "%zz%4");
        for absent in ["", "id", "id=", "id=&id=x", "ID=x"] {
            assert_eq!(argument(absent), None, "{absent}");
        }
    }

    #[test]
    fn paths_are_decoded() {
        let path = |target: &str| {
            request(&format!("GET {target} HTTP/1.1\r\n\r\n"))
                .unwrap()
                .path
        };
        assert_eq!(path("/%68ello"), "/hello");
        assert_eq!(path("http://localhost:8020/hello?x"), "/hello");
        assert_eq!(path("/hello/"), "/hello/");
    }

    #[test]
    fn a_body_has_one_length() {
        let body = |fields: &str| {
            let head = format!("PUT /x HTTP/1.1\r\n{fields}\r\n");
            request(&head).map(|request| request.body)
        };
        assert_eq!(body(""), Some(Length::None));
        assert_eq!(body("Content-Length: 5\r\n"), Some(Length::Known(5)));
        assert_eq!(
            body("transfer-encoding: Chunked\r\n"),
            Some(Length::Chunked)
        );
        for doubtful in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Host: a\r\nHost: b\r\n",
        ] {
            assert_eq!(body(doubtful), None, "{doubtful}");
        }
    }
}
