//! What is said about a shelf while it is worked on, line by line as the original says it.

use std::fmt;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What is begun: `> Scanning upload`.
    Heading(String),
    /// There was nothing.
    NoneFound,
    /// A package is new.
    Adding(Key),
    /// A package takes another's place.
    Updating(Key),
    /// A package is there already, byte for byte.
    Unchanged(Key),
    /// A package is taken off the shelf.
    Removing(Key),
    /// What was to be removed is not there; an id with an architecture, or with none for any.
    NotThere {
        /// The id.
        id: String,
        /// The architecture that was named.
        architecture: Option<String>,
    },
    /// The name of a file in `remove` is no package's.
    NoMatch(String),
    /// A file is left where it is.
    Skipping {
        /// Its name.
        file: String,
        /// Why.
        reason: String,
    },
    /// A file is no package.
    Failed {
        /// Where it is.
        file: String,
        /// Why.
        reason: String,
    },
    /// A package was not signed for a download.
    NotSigned(String),
}

/// A package on the shelf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its architecture; none when it is independent of a platform.
    pub architecture: Option<String>,
}

/// What stands for a package that is independent of a platform in names and addresses.
pub const ALL: &str = "all";

impl Key {
    /// The architecture as names and addresses have it.
    pub fn architecture_or_all(&self) -> &str {
        self.architecture.as_deref().unwrap_or(ALL)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.id, self.architecture_or_all())
    }
}

impl Note {
    /// The line, perhaps in the colours of a terminal.
    pub fn line(&self, colours: bool) -> String {
        if !colours {
            return self.to_string();
        }
        // Bold, green, yellow, red (ECMA-48).
        let colour = match self {
            Self::Heading(_) => "1",
            Self::Adding(_) => "32",
            Self::Updating(_) => "33",
            Self::Failed { .. } | Self::NotSigned(_) => "31",
            Self::NoneFound
            | Self::Unchanged(_)
            | Self::Removing(_)
            | Self::NotThere { .. }
            | Self::NoMatch(_)
            | Self::Skipping { .. } => "2",
        };
        format!("\u{1b}[{colour}m{self}\u{1b}[0m")
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heading(text) => write!(f, "> {text}"),
            Self::NoneFound => f.write_str(" (none found)"),
            Self::Adding(key) => write!(f, " + adding   {key}"),
            Self::Updating(key) => write!(f, " ! updating {key}"),
            Self::Unchanged(key) => write!(f, " = skipping {key} (no changes)"),
            Self::Removing(key) => write!(f, " - removing {key}"),
            Self::NotThere { id, architecture } => {
                let architecture = architecture.as_deref().unwrap_or("<any>");
                write!(f, " = skipping {id} [{architecture}] (no match)")
            }
            Self::NoMatch(name) => write!(f, " = skipping {name} (no match)"),
            Self::Skipping { file, reason } => write!(f, " = skipping {file} ({reason})"),
            Self::Failed { file, reason } => write!(f, " x failed   {file} ({reason})"),
            Self::NotSigned(reason) => write!(f, " x failed: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_original() {
        let key = || Key {
            id: "a.b".to_owned(),
            architecture: None,
        };
        let check = |note: Note, expected: &str| assert_eq!(note.to_string(), expected);
        check(
            Note::Heading("Scanning upload".to_owned()),
            "> Scanning upload",
        );
        check(Note::Adding(key()), " + adding   a.b [all]");
        check(Note::Updating(key()), " ! updating a.b [all]");
        check(Note::Removing(key()), " - removing a.b [all]");
        check(Note::Unchanged(key()), " = skipping a.b [all] (no changes)");
        let (id, architecture) = ("a.b".to_owned(), None);
        check(
            Note::NotThere { id, architecture },
            " = skipping a.b [<any>] (no match)",
        );
    }
}
