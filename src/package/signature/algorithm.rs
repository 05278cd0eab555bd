//! Hashes and signatures by their names in certificates and messages (RFC 3279, 4055, 5758, 8410).

use ring::digest;
use ring::signature::{self as ring_signature, UnparsedPublicKey, VerificationAlgorithm};

use super::der::{self, Malformed, Reader};

const SHA_1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
pub(super) const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
pub(super) const SHA_384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_SHA_1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];
const RSA_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA_384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const RSA_SHA_512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];

pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(super) const P_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(super) const P_384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
pub(super) const EC_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
pub(super) const EC_SHA_384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

const ED_25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Only in old signatures, and in the files of old keys.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            SHA_1 => Some(Self::Sha1),
            SHA_256 => Some(Self::Sha256),
            SHA_384 => Some(Self::Sha384),
            SHA_512 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(super) fn of(self, bytes: &[u8]) -> digest::Digest {
        digest::digest(self.algorithm(), bytes)
    }
}

/// The name in an `AlgorithmIdentifier`, and its parameters.
pub(super) fn named<'a>(
    identifier: &der::Element<'a>,
) -> Result<(&'a [u8], Reader<'a>), Malformed> {
    let mut parts = identifier.reader();
    let name = parts.expect(der::OID)?.body;
    Ok((name, parts))
}

/// How a certificate's signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Rsa(Hash),
    Ec(Hash),
    Ed25519,
}

impl Scheme {
    /// By the name of hash and signature together.
    pub(super) fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            RSA_SHA_1 => Some(Self::Rsa(Hash::Sha1)),
            RSA_SHA_256 => Some(Self::Rsa(Hash::Sha256)),
            RSA_SHA_384 => Some(Self::Rsa(Hash::Sha384)),
            RSA_SHA_512 => Some(Self::Rsa(Hash::Sha512)),
            EC_SHA_256 => Some(Self::Ec(Hash::Sha256)),
            EC_SHA_384 => Some(Self::Ec(Hash::Sha384)),
            ED_25519 => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// By the name in a message, where the hash stands beside it.
    pub(super) fn of_message(name: &[u8], hash: Hash) -> Option<Self> {
        match name {
            RSA => Some(Self::Rsa(hash)),
            EC => Some(Self::Ec(hash)),
            _ => Self::of_name(name),
        }
    }
}

/// A public key, as a certificate has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// An `RSAPublicKey`.
    Rsa(Vec<u8>),
    /// A point on P-256.
    P256(Vec<u8>),
    /// A point on P-384.
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    /// One that verifies nothing here.
    Other,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    pub(super) fn read(info: &der::Element<'_>) -> Result<Self, Malformed> {
        let mut parts = info.reader();
        let identifier = parts.expect(der::SEQUENCE)?;
        let key = parts.expect(der::BITS)?.bits()?.to_vec();
        let (name, mut parameters) = named(&identifier)?;
        Ok(match name {
            RSA => Self::Rsa(key),
            ED_25519 => Self::Ed25519(key),
            EC => match parameters.optional(der::OID)?.map(|curve| curve.body) {
                Some(P_256) => Self::P256(key),
                Some(P_384) => Self::P384(key),
                _ => Self::Other,
            },
            _ => Self::Other,
        })
    }

    /// Whether this key made a signature of a message.
    pub(super) fn verifies(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        let verifies = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key)
                .verify(message, signature)
                .is_ok()
        };
        match (self, scheme) {
            (Self::Rsa(key), Scheme::Rsa(hash)) => verifies(
                match hash {
                    Hash::Sha1 => &ring_signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                    Hash::Sha256 => &ring_signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                    Hash::Sha384 => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &ring_signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                },
                key,
            ),
            (Self::P256(key), Scheme::Ec(Hash::Sha256)) => {
                verifies(&ring_signature::ECDSA_P256_SHA256_ASN1, key)
            }
            (Self::P256(key), Scheme::Ec(Hash::Sha384)) => {
                verifies(&ring_signature::ECDSA_P256_SHA384_ASN1, key)
            }
            (Self::P384(key), Scheme::Ec(Hash::Sha256)) => {
                verifies(&ring_signature::ECDSA_P384_SHA256_ASN1, key)
            }
            (Self::P384(key), Scheme::Ec(Hash::Sha384)) => {
                verifies(&ring_signature::ECDSA_P384_SHA384_ASN1, key)
            }
            (Self::Ed25519(key), Scheme::Ed25519) => verifies(&ring_signature::ED25519, key),
            (
                Self::Rsa(_) | Self::P256(_) | Self::P384(_) | Self::Ed25519(_) | Self::Other,
                Scheme::Rsa(_) | Scheme::Ec(_) | Scheme::Ed25519,
            ) => false,
        }
    }
}
