//! Packages that can be installed: the `.ampkg` of Qt's application manager, and the zips of our own
//! apps. What comes in is hostile and is checked while it streams by; memory does not grow with it.
//!
//! [`mod@inspect`] tells what a package is, [`signature`] who vouches for it, [`store`] makes the copy that
//! the store itself vouches for, [`mod@create`] makes and signs packages for the command line, and [`yaml`]
//! reads and writes the little files that all of it is described by. [`shelf`] keeps packages for a package
//! server.

mod app;
mod architecture;
mod content;
pub mod create;
mod deflate;
mod digest;
mod entries;
mod header;
pub mod inspect;
mod manifest;
pub mod peek;
pub mod settings;
pub mod shelf;
pub mod signature;
pub mod store;
mod writer;
pub mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

pub use self::create::{create, sign, verify};
pub use self::inspect::{Checks, Inspected, inspect};
pub use self::signature::{SignatureError, Signer, TrustStore, Who};
pub use self::store::{Signed, SigningPlan, StoreSigner};
use crate::app::Sha256;

/// What kind of package a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A package of Qt's application manager.
    Ampkg,
    /// An app of ours, as a zip or tar archive with an `install.json`.
    App,
}

impl Kind {
    /// All of them.
    const ALL: [Self; 2] = [Self::Ampkg, Self::App];

    /// How the names of its files end, with the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ampkg => ".ampkg",
            Self::App => ".zip",
        }
    }

    /// Whether this is the name of such a file.
    fn names(self, file: &str) -> bool {
        file.ends_with(self.extension())
    }

    /// What people call it.
    fn shown(self) -> &'static str {
        match self {
            Self::Ampkg => "a package for Qt's application manager",
            Self::App => "an app of ours",
        }
    }
}

/// What is known of a package whose checks passed. It can be kept (by serde) and is then as good as a
/// new look at the same file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The manifest's id, or the app's name.
    pub id: String,
    /// `.ampkg` or an app of ours.
    pub kind: Kind,
    /// The token of its binaries, e.g. `linux_x86_64`; none when it is independent of a platform.
    pub architecture: Option<String>,
    /// The version as it was written; empty when there is none.
    pub version: String,
    /// Names by language.
    pub names: BTreeMap<String, String>,
    /// Descriptions by language.
    pub descriptions: BTreeMap<String, String>,
    /// Categories, sorted; what was written twice is here twice.
    pub categories: Vec<String>,
    /// Size of the complete file.
    pub bytes: u64,
    /// SHA-256 of the complete file: two of the same are the same package.
    pub sha256: Sha256,
    /// Whether a developer's signature is in it; it was verified if [`Checks::developers`] said so.
    pub developer_signed: bool,
    /// How a store signs it; only an `.ampkg` is signed.
    pub plan: Option<SigningPlan>,
}

/// Why a file is not a package that can be taken.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The file cannot be read, which says nothing of what is in it.
    #[error("the package cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It breaks a rule of the format, or a limit.
    #[error("{0}")]
    Refused(String),
    /// A signature is missing, wrong, or cannot be made.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl PackageError {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}
