//! The checksum by which a file is known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SHA-256 checksum; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(pub [u8; 32]);

/// Why a text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SHA-256 checksum; write its 64 hexadecimal digits")]
pub struct InvalidSha256 {
    /// The text, shortened and with control characters escaped.
    pub text: String,
}

impl FromStr for Sha256 {
    type Err = InvalidSha256;

    /// Takes digits in any case, with spaces around and with `sha256:` in front, as tools print it.
    fn from_str(text: &str) -> Result<Self, InvalidSha256> {
        let digits = text.trim();
        let digits = match digits.get(..7) {
            Some(prefix) if prefix.eq_ignore_ascii_case("sha256:") => digits.get(7..),
            _ => Some(digits),
        };
        let digits = digits.unwrap_or_default().as_bytes();
        let mut bytes = [0; 32];
        let mut valid = digits.len() == 64;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            match pair {
                [high, low] => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => *byte = high << 4 | low,
                    _ => valid = false,
                },
                _ => valid = false,
            }
        }
        if valid {
            Ok(Self(bytes))
        } else {
            Err(InvalidSha256 {
                text: text.escape_debug().take(80).collect(),
            })
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = InvalidSha256;

    fn try_from(text: String) -> Result<Self, InvalidSha256> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(sha256: Sha256) -> Self {
        sha256.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_read_as_tools_print_it_and_nothing_else_is() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let read: Sha256 = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(read));
        assert_eq!(format!(" sha256:{text}\n").parse(), Ok(read));
        for wrong in [
            "",
            "e3b0",
            &format!("{text}0"),
            &text.replace('e', "g"),
            &"é".repeat(32),
        ] {
            assert!(wrong.parse::<Sha256>().is_err(), "{wrong}");
        }
    }
}
