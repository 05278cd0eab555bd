//! Who vouches for a package: detached PKCS#7 signatures, the certificates that are trusted, and the
//! PKCS#12 files that hold a key.
//!
//! The arithmetic is ring's, which the program has for TLS anyway, and of the old ciphers of PKCS#12
//! that of small libraries. The formats around it are read here: the libraries for them that are
//! released cannot verify a chain by the rules that a package asks for (`trust`), and OpenSSL needs
//! perl or cmake where it is built.

mod algorithm;
mod certificate;
mod der;
mod key;
mod message;
mod time;
mod trust;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

pub use self::trust::TrustStore;
use crate::app::Sha256;

/// The largest PKCS#12 file.
const MAX_KEY_BYTES: u64 = 4 << 20;

/// Why a signature is not accepted or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A file of certificates or keys cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of certificates or keys does not hold what it should.
    #[error("`{}` cannot be used: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The package is not signed.
    #[error("no {who} signature")]
    Missing {
        /// `developer` or `store`.
        who: Who,
    },
    /// The signature is broken, of other content, or nobody's who is trusted.
    #[error("invalid {who} signature ({reason})")]
    Invalid {
        /// `developer` or `store`.
        who: Who,
        /// What is wrong.
        reason: String,
    },
    /// The signature could not be made.
    #[error("the package cannot be signed: {0}")]
    Sign(String),
}

/// Who vouches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Who made the package.
    Developer,
    /// Who hands it out.
    Store,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Developer => "developer",
            Self::Store => "store",
        })
    }
}

/// A private key with its certificates.
#[derive(Debug)]
pub struct Signer(key::Signer);

impl Signer {
    /// Reads a PKCS#12 file.
    ///
    /// # Errors
    /// When it cannot be read, is of another kind, has no key, or the password is wrong.
    pub fn load(path: &Path, password: &str) -> Result<Self, SignatureError> {
        let bytes = read_file(path, MAX_KEY_BYTES)?;
        let signer = key::Signer::read(&bytes, password);
        signer.map(Self).map_err(|error| SignatureError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Signs some content: a detached signature (PKCS#7, DER) with the present time.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign(&self, content: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let now = time::seconds(SystemTime::now());
        self.0.sign(content, now).map_err(SignatureError::Sign)
    }

    /// Signs a package's digest; the signature as it stands in the package.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign_digest(
        &self,
        digest: &Sha256,
        hardware_id: Option<&str>,
    ) -> Result<String, SignatureError> {
        let signature = self.sign(signed_content(digest, hardware_id).as_bytes())?;
        Ok(STANDARD.encode(signature))
    }
}

/// What is signed of a package: its digest in base64, or, for one device only, the HMAC-SHA256 of its
/// digest under the device's hardware id in base64.
pub fn signed_content(digest: &Sha256, hardware_id: Option<&str>) -> String {
    let Some(id) = hardware_id.filter(|id| !id.is_empty()) else {
        return STANDARD.encode(digest.0);
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, id.as_bytes());
    STANDARD.encode(hmac::sign(&key, &digest.0))
}

/// Verifies a signature as it stands in a package.
///
/// # Errors
/// [`SignatureError::Missing`] or [`SignatureError::Invalid`].
pub fn verify_digest(
    who: Who,
    signature: Option<&str>,
    digest: &Sha256,
    hardware_id: Option<&str>,
    trusted: &TrustStore,
) -> Result<(), SignatureError> {
    let signature = signature
        .filter(|signature| !signature.is_empty())
        .ok_or(SignatureError::Missing { who })?;
    let invalid = |reason: String| SignatureError::Invalid { who, reason };
    let signature: String = signature.split_whitespace().collect();
    let signature = STANDARD
        .decode(signature)
        .map_err(|error| invalid(format!("it is no base64: {error}")))?;
    let content = signed_content(digest, hardware_id);
    trusted
        .verify(&signature, content.as_bytes(), SystemTime::now())
        .map_err(invalid)
}

/// A whole file, if it is not larger than such a file is.
fn read_file(path: &Path, max_bytes: u64) -> Result<Vec<u8>, SignatureError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(max_bytes + 1).read_to_end(&mut bytes))
        .map_err(|source| SignatureError::Read {
            path: path.to_owned(),
            source,
        })?;
    if u64::try_from(bytes.len()).is_ok_and(|count| count > max_bytes) {
        return Err(SignatureError::File {
            path: path.to_owned(),
            reason: "it is too large for a file of certificates or keys".to_owned(),
        });
    }
    Ok(bytes)
}
