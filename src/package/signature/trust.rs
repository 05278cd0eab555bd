//! Whom to believe: a signer whose chain of issuers leads, through given certificates only, to a given
//! root.
//!
//! As the original has it, certificates that come with a signature do not help to build the chain: where
//! an authority below the root has issued the signer's, both must be given. Neither the purpose of a
//! certificate nor whether it was revoked is asked; every one of the chain must be valid now.

use std::path::Path;
use std::time::SystemTime;

use super::certificate::{Certificate, read_pem};
use super::message::Message;
use super::{SignatureError, time};

/// Issuers above each other.
const MAX_CHAIN: usize = 16;

/// Signatures that are verified for one signer: authorities of one name are tried one after another.
const MAX_TRIES: usize = 100;

/// The largest file of certificates.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The certificates that are trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    certificates: Vec<Certificate>,
}

impl TrustStore {
    /// Reads PEM files, several certificates in each; other text around them is left out.
    ///
    /// # Errors
    /// A file that cannot be read, or that has no certificate or a broken one.
    pub fn from_pem_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, SignatureError> {
        let mut certificates = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let text = super::read_file(path, MAX_FILE_BYTES)?;
            let refuse = |reason: String| SignatureError::File {
                path: path.to_owned(),
                reason,
            };
            let found = read_pem(&text).map_err(refuse)?;
            if found.is_empty() {
                return Err(refuse(
                    "there is no certificate in it; give a PEM file (-----BEGIN CERTIFICATE-----)"
                        .to_owned(),
                ));
            }
            certificates.extend(found);
        }
        Ok(Self { certificates })
    }

    /// Verifies a detached signature (PKCS#7, DER) of some content, as of a moment.
    ///
    /// # Errors
    /// Why it does not hold, as a part of a sentence.
    pub fn verify(
        &self,
        signature: &[u8],
        content: &[u8],
        moment: SystemTime,
    ) -> Result<(), String> {
        let message = Message::read(signature)
            .map_err(|error| format!("it is no PKCS#7 signature: {error}"))?;
        let now = time::seconds(moment);
        for signer in message.signers_of(content)? {
            let mut tries = MAX_TRIES;
            self.climb(signer, 0, MAX_CHAIN, now, &mut tries)?;
        }
        Ok(())
    }

    /// Looks for a way from a certificate to a root.
    fn climb(
        &self,
        certificate: &Certificate,
        authorities_below: u64,
        left: usize,
        now: i64,
        tries: &mut usize,
    ) -> Result<(), String> {
        let told = |certificate: &Certificate, flaw: &str| {
            format!("the certificate `{}` {flaw}", certificate.shown())
        };
        if let Some(flaw) = certificate.flaw(now) {
            return Err(told(certificate, flaw));
        }
        if certificate.is_root() && self.certificates.contains(certificate) {
            return Ok(());
        }
        let mut reason = if certificate.is_root() {
            told(certificate, "is its own issuer, and is not trusted")
        } else {
            told(certificate, "has an issuer that is not trusted")
        };
        let issuers = self
            .certificates
            .iter()
            .filter(|issuer| issuer.is_named_by(certificate) && *issuer != certificate);
        for issuer in issuers {
            if *tries == 0 || left == 0 {
                return Err("the chain of its issuers is too long".to_owned());
            }
            *tries -= 1;
            if !issuer.has_signed(certificate) {
                reason = told(certificate, "was not signed by its issuer");
                continue;
            }
            if let Some(flaw) = issuer.flaw_as_authority(authorities_below) {
                reason = told(issuer, flaw);
                continue;
            }
            // One that issued itself anew does not count (RFC 5280, 4.2.1.9).
            let below = authorities_below + u64::from(!issuer.is_self_issued());
            match self.climb(issuer, below, left - 1, now, tries) {
                Ok(()) => return Ok(()),
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }
}
