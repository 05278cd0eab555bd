//! What a request gets, in the few forms that the original knows.

use std::fmt::Write as _;
use std::io::Read;

use bytes::Bytes;

use crate::package::store::Piece;

/// What a request gets.
pub(super) enum Answer {
    /// Nothing but a status.
    Empty(u16),
    /// JSON.
    Json(u16, Bytes),
    /// An icon.
    Png(Vec<u8>),
    /// A package, piece by piece.
    Package(Vec<Piece>),
    /// What is made while it is sent, and its size if that is known before. Reading blocks.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

impl Answer {
    /// JSON that is known to be right.
    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self::Json(200, value.to_string().into())
    }

    fn status(&self) -> u16 {
        match self {
            Self::Empty(status) | Self::Json(status, _) => *status,
            Self::Png(_) | Self::Package(_) | Self::Stream(..) => 200,
        }
    }

    fn content_type(&self) -> &'static str {
        match self {
            Self::Empty(_) => "application/x-empty",
            Self::Json(..) => "application/json",
            Self::Png(_) => "image/png",
            Self::Package(_) | Self::Stream(..) => "application/octet-stream",
        }
    }

    /// The size of the body; none when it tells its end itself.
    pub(super) fn length(&self) -> Option<u64> {
        let of = |bytes: &[u8]| u64::try_from(bytes.len()).ok();
        match self {
            Self::Empty(_) => Some(0),
            Self::Json(_, body) => of(body),
            Self::Png(body) => of(body),
            Self::Package(pieces) => Some(pieces.iter().map(Piece::bytes).sum()),
            Self::Stream(_, length) => *length,
        }
    }

    /// Writes the head: the two fields that the original has, and what a body without a length or a
    /// connection that ends needs.
    pub(super) fn head(&self, out: &mut String, closes: bool) {
        let status = self.status();
        let reason = match status {
            200 => "OK",
            403 => "Forbidden",
            404 => "Not Found",
            421 => "Misdirected Request",
            _ => "Internal Server Error",
        };
        let kind = self.content_type();
        // Writing to a text does not fail.
        let _ = write!(
            out,
            "HTTP/1.1 {status} {reason}\r\ncontent-type: {kind}\r\n"
        );
        let _ = match self.length() {
            Some(length) => write!(out, "content-length: {length}\r\n"),
            None => write!(out, "transfer-encoding: chunked\r\n"),
        };
        if closes {
            out.push_str("connection: close\r\n");
        }
        out.push_str("\r\n");
    }
}
