//! What an app may be called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Length limit of an app's name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Names that Windows keeps for devices, with or without an extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// An app's name, e.g. `mysql5.7`. Always one normal path component on every system, so joining it
/// to a directory stays inside that directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(std::sync::Arc<str>);

/// Why a text is not an app's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not an app name: {reason}; use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit, the last not a dot"
)]
pub struct InvalidName {
    /// The text, shortened and with control characters escaped.
    pub name: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl AppName {
    /// Checks `name` against the rule.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let refuse = |reason| {
            Err(InvalidName {
                name: name.escape_debug().take(80).collect(),
                reason,
            })
        };
        if name.is_empty() {
            return refuse("it is empty");
        }
        if name.len() > MAX_NAME_BYTES {
            return refuse("it is longer than 64 characters");
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return refuse("it does not begin with a letter or digit");
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        {
            return refuse("it has a character that is not allowed");
        }
        if name.ends_with('.') {
            return refuse("it ends with a dot");
        }
        let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
        if DEVICES.contains(&stem.as_str()) {
            return refuse("it is the name of a Windows device");
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AppName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        Self::parse(&name)
    }
}

impl From<AppName> for String {
    fn from(name: AppName) -> Self {
        name.as_str().to_owned()
    }
}

impl std::str::FromStr for AppName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_apps_pass() {
        for name in [
            "mysql5.7", "nginx", "a", "7zip", "my_app-2", "CONSOLE", "com10",
        ] {
            assert_eq!(AppName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_could_leave_the_folder_or_confuse_a_system_are_refused() {
        let long = "x".repeat(65);
        for name in [
            "", ".", "..", "../x", "a/b", "a\\b", ".hidden", "x.", "con", "NUL", "com1.txt", "a b",
            "a\0", "ä", "C:", "-x", &long,
        ] {
            assert!(AppName::parse(name).is_err(), "{name:?} passed");
        }
    }
}
