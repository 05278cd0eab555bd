//! Why something about a repository did not succeed, with OpenPitrix's codes and names.

use std::io;
use std::path::PathBuf;

use super::name::{InvalidRepositoryName, RepositoryName};
use crate::archive::ArchiveError;
use crate::database::DatabaseError;
use crate::download::DownloadError;

/// Why something about a repository did not succeed. Addresses are shown without passwords.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The name cannot be used.
    #[error("{0}")]
    Name(#[from] InvalidRepositoryName),
    /// There is one of that name already.
    #[error("there is a repository `{0}` already; choose another name, or remove it first")]
    NameTaken(RepositoryName),
    /// There is one at that address already.
    #[error("the repository `{name}` has the address `{address}` already")]
    AddressTaken {
        /// That repository.
        name: RepositoryName,
        /// The address.
        address: String,
    },
    /// There is none of that name.
    #[error("there is no repository `{0}`; `storekeeper repo list` lists them")]
    Unknown(String),
    /// It is built in.
    #[error("the repository `{0}` is built in: it cannot be removed or moved")]
    BuiltIn(RepositoryName),
    /// It is being brought up to date already.
    #[error("the repository `{0}` is being indexed already; wait for the end of that")]
    Busy(RepositoryName),
    /// The address cannot be that of a repository.
    #[error("`{address}` cannot be a repository: {reason}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
        /// OpenPitrix's code: 107 format, 108 not http, 110 not https, 111 unknown type, 114 not s3.
        code: u16,
    },
    /// What it is to be opened with is not complete.
    #[error("the access key of a repository is not complete: {reason}")]
    Credential {
        /// What is missing.
        reason: &'static str,
        /// OpenPitrix's code: 103 no JSON, 104 no access key id, 105 no secret access key.
        code: u16,
    },
    /// It cannot be reached or read.
    #[error("the repository at `{address}` cannot be read: {reason}")]
    Unreadable {
        /// Its address.
        address: String,
        /// What happened.
        reason: String,
        /// OpenPitrix's code: 106 for S3, 109 for http and https, 901 for folders.
        code: u16,
    },
    /// A file in it is larger than any that is read.
    #[error(
        "`{file}` in the repository at `{address}` is larger than the {max_bytes} bytes that are read"
    )]
    Oversized {
        /// The repository's address.
        address: String,
        /// The file.
        file: String,
        /// The limit.
        max_bytes: u64,
    },
    /// It cannot be written.
    #[error("the repository at `{address}` cannot be written: {reason}")]
    Unwritable {
        /// Its address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// It is one of those that are only read.
    #[error(
        "the repository `{0}` is read over http, which cannot write; publish to an S3 repository, a folder or `local`"
    )]
    ReadOnly(String),
    /// Its index is no index.
    #[error("`{address}` is not an index of packages: {reason}")]
    Index {
        /// Address of the index.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is such a version already.
    #[error(
        "there is a version {version} of `{name}` already; a version's package never changes: give the package a new version"
    )]
    VersionTaken {
        /// The package.
        name: String,
        /// Its version.
        version: String,
    },
    /// Somebody is uploading that version.
    #[error("version {version} of `{name}` is being uploaded by another; try again later")]
    Uploading {
        /// The package.
        name: String,
        /// Its version.
        version: String,
    },
    /// There is no such version.
    #[error("there is no version {version} of `{name}` in the repository `{repository}`")]
    NoVersion {
        /// The repository.
        repository: String,
        /// The package.
        name: String,
        /// The version.
        version: String,
    },
    /// A package's name, version or file name cannot be used.
    #[error("`{text}` cannot be used as {what}: {reason}")]
    Unusable {
        /// The text.
        text: String,
        /// What it was to be.
        what: &'static str,
        /// The rule.
        reason: &'static str,
    },
    /// A package is none.
    #[error("{}", shown(details))]
    Package {
        /// What is wrong, by file; the key is empty where it is no file's fault.
        details: Vec<(String, String)>,
    },
    /// A file is not what the index says.
    #[error(
        "`{file}` is not the package that was published: its SHA-256 should be {expected} and is {found}"
    )]
    Mismatch {
        /// The file.
        file: String,
        /// The digest of the index.
        expected: String,
        /// That of the file.
        found: String,
    },
    /// Others changed the index again and again.
    #[error("the index of `{0}` is changed by others all the time; try again later")]
    Contended(String),
    /// A file of ours cannot be used.
    #[error("`{}` cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The archive cannot be read.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A download failed.
    #[error("{0}")]
    Download(#[from] DownloadError),
    /// The database cannot be used.
    #[error("{0}")]
    Database(#[from] DatabaseError),
}

/// What is wrong with a package, in a line.
fn shown(details: &[(String, String)]) -> String {
    let parts = details.iter().map(|(file, reason)| {
        if file.is_empty() {
            reason.clone()
        } else {
            format!("{file}: {reason}")
        }
    });
    format!(
        "the package cannot be used: {}",
        parts.collect::<Vec<_>>().join("; ")
    )
}

impl RepositoryError {
    /// OpenPitrix's number for it; 901 for what it has none for.
    pub fn code(&self) -> u16 {
        match self {
            Self::Address { code, .. }
            | Self::Credential { code, .. }
            | Self::Unreadable { code, .. } => *code,
            Self::Index { .. } => 109,
            _ => 901,
        }
    }

    /// The word by which programs know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Name(_) | Self::Address { .. } | Self::Credential { .. } => "validate_failed",
            Self::NameTaken(_) => "conflict_repo_name",
            Self::AddressTaken { .. } => "conflict_repo_url",
            Self::Unknown(_) | Self::NoVersion { .. } => "resource_not_found",
            Self::BuiltIn(_) => "cannot_delete_internal_repo",
            Self::Busy(_) => "repo_event_running",
            Self::Unreadable { .. }
            | Self::Oversized { .. }
            | Self::Index { .. }
            | Self::Download(_) => "cannot_access_repo",
            Self::Unwritable { .. } | Self::ReadOnly(_) => "cannot_write_repo",
            Self::VersionTaken { .. } | Self::Uploading { .. } => "app_version_exists",
            Self::Unusable { .. } | Self::Package { .. } | Self::Archive(_) => {
                "load_package_failed"
            }
            Self::Mismatch { .. } => "digest_mismatch",
            Self::Contended(_) | Self::File { .. } | Self::Database(_) => "internal_error",
        }
    }
}
