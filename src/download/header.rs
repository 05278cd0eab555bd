//! What the fields of an answer mean.

use std::time::{Duration, SystemTime};

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED,
    RETRY_AFTER,
};
use serde::{Deserialize, Serialize};

/// What tells one state of a file from the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
    /// Whether that time alone tells two states apart, byte for byte.
    pub modified_is_strong: bool,
}

impl Validators {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let modified = text(headers, &LAST_MODIFIED);
        let time = |text: &String| httpdate::parse_http_date(text).ok();
        // A file may change twice in the second that it names (RFC 9110, 8.8.2.2).
        let modified_is_strong = match (modified.as_ref().and_then(time), text(headers, &DATE)) {
            (Some(modified), Some(date)) => time(&date)
                .and_then(|date| date.duration_since(modified).ok())
                .is_some_and(|age| age >= Duration::from_mins(1)),
            _ => false,
        };
        Self {
            etag: text(headers, &ETAG),
            modified,
            modified_is_strong,
        }
    }

    /// What an `If-Range` may hold: only what says that every byte is the same.
    pub(super) fn strong(&self) -> Option<&str> {
        match &self.etag {
            Some(etag) if !etag.starts_with("W/") => Some(etag),
            Some(_) => None,
            None => self.modified.as_deref().filter(|_| self.modified_is_strong),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.modified.is_none()
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// `Content-Length`.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, &CONTENT_LENGTH)?.parse().ok()
}

/// `Content-Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First and last byte; none for `bytes */N`.
    pub(super) bytes: Option<(u64, u64)>,
    /// Of the whole file, where it is known.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(&text(headers, &CONTENT_RANGE)?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let bytes = match range.trim() {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                if last < first || total.is_some_and(|total| last >= total) {
                    return None;
                }
                Some((first, last))
            }
        };
        Some(Self { bytes, total })
    }
}

/// `Retry-After`: seconds, or a time.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = httpdate::parse_http_date(&text).ok()?;
    Some(time.duration_since(now).unwrap_or_default())
}

/// Whether the server says that it sends a web page.
pub(super) fn says_page(headers: &HeaderMap) -> bool {
    text(headers, &CONTENT_TYPE).is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or(&kind).trim();
        essence.eq_ignore_ascii_case("text/html")
            || essence.eq_ignore_ascii_case("application/xhtml+xml")
    })
}

/// Whether what comes begins like a web page.
pub(super) fn looks_like_page(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    let text = text.trim_ascii_start();
    ["<!doctype html", "<html"].iter().any(|tag| {
        text.get(..tag.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(tag.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&HeaderName, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| ((*name).clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_content_range_is_read_or_refused() {
        let check = |text: &str, expected: Option<(_, _)>| {
            let expected = expected.map(|(bytes, total)| ContentRange { bytes, total });
            assert_eq!(ContentRange::parse(text), expected, "{text}");
        };
        check("bytes 5-9/10", Some((Some((5, 9)), Some(10))));
        check("bytes 5-9/*", Some((Some((5, 9)), None)));
        check("Bytes */10", Some((None, Some(10))));
        check("bytes 9-5/10", None);
        check("bytes 5-10/10", None);
        check("pages 1-2/3", None);
        check("bytes a-b/c", None);
        check("", None);
    }

    #[test]
    fn a_server_asks_for_time_in_seconds_or_by_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let check = |text: &str, expected: Option<u64>| {
            let found = retry_after(&headers(&[(&RETRY_AFTER, text)]), now);
            assert_eq!(found, expected.map(Duration::from_secs), "{text}");
        };
        check("120", Some(120));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:40:37 GMT", Some(0));
        check("soon", None);
        check("-1", None);
    }

    #[test]
    fn only_what_is_strong_may_join_two_halves() {
        let date = (&DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        let check = |fields: &[(&HeaderName, &str)], expected: Option<&str>| {
            assert_eq!(Validators::of(&headers(fields)).strong(), expected);
        };
        check(&[(&ETAG, "\"a\"")], Some("\"a\""));
        check(&[(&ETAG, "W/\"a\"")], None);
        let old = "Sun, 06 Nov 1994 08:40:37 GMT";
        check(&[(&LAST_MODIFIED, old), date], Some(old));
        check(&[(&LAST_MODIFIED, old)], None);
        check(&[(&LAST_MODIFIED, date.1), date], None);
        check(&[], None);
    }

    #[test]
    fn a_page_is_known_by_its_first_tag() {
        assert!(looks_like_page(b"\xef\xbb\xbf \n<!DOCTYPE html>\n<p>"));
        assert!(looks_like_page(b"<HTML lang=en>"));
        assert!(!looks_like_page(b"PK\x03\x04"));
        assert!(!looks_like_page(b"<ht"));
        assert!(says_page(&headers(&[(
            &CONTENT_TYPE,
            "text/HTML; charset=utf-8"
        )])));
        assert!(!says_page(&headers(&[(&CONTENT_TYPE, "application/zip")])));
    }
}
