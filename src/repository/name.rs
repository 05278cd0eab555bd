//! What a repository may be called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name, bytes.
const MAX_BYTES: usize = 63;

/// A repository's name: small letters, digits and `-`, beginning with a letter. Always one normal path
/// component, and one segment of an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

/// Why a text is no name of a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a repository cannot be called `{name}`: a name has small letters, digits and `-`, begins with a letter and is at most {MAX_BYTES} long"
)]
pub struct InvalidRepositoryName {
    /// The text, shortened and with control characters escaped.
    pub name: String,
}

impl RepositoryName {
    /// Reads a name.
    ///
    /// # Errors
    /// What a name looks like.
    pub fn parse(text: &str) -> Result<Self, InvalidRepositoryName> {
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        let ends = !text.ends_with('-');
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // Windows gives these names to devices, whatever follows them.
        let is_device = matches!(text, "con" | "prn" | "aux" | "nul")
            || text.len() == 4 && (text.starts_with("com") || text.starts_with("lpt"));
        if begins && ends && !is_device && text.len() <= MAX_BYTES && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRepositoryName {
                name: text.escape_debug().take(80).collect(),
            })
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = InvalidRepositoryName;

    fn try_from(text: String) -> Result<Self, InvalidRepositoryName> {
        Self::parse(&text)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_small_letters() {
        for right in ["local", "r1", "my-store", "a"] {
            assert!(RepositoryName::parse(right).is_ok(), "{right}");
        }
        let long = "a".repeat(64);
        for wrong in [
            "",
            "1repo",
            "repo_underscore",
            "REPO",
            "../x",
            "a/b",
            "a.b",
            "-a",
            "a-",
            "con",
            "com1",
            "存",
            &long,
        ] {
            assert!(RepositoryName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
