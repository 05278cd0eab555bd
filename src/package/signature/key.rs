//! Keys with their certificates: PKCS#12 files (RFC 7292), also the old ones with RC2 and triple DES.

use std::fmt;
use std::num::NonZeroU32;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, InnerIvInit as _, KeyInit, KeyIvInit as _};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use ring::{hmac, pbkdf2, signature as ring_signature};

use super::algorithm::{self, Hash, PublicKey, named};
use super::certificate::Certificate;
use super::der::{self, Element, Malformed, Reader};
use super::message;

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];

/// Kinds of bags: their names begin so (RFC 7292, 4.2).
const BAGS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01];
const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];

/// Ciphers of PKCS#12 itself (RFC 7292, C).
const OLD_CIPHERS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];

/// Those of PKCS#5 (RFC 8018), the checksum of RFC 9579, and what they refer to.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const PBMAC1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e];
const HMACS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
const DES_3: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07];

/// More rounds are nobody's wish but an attacker's.
const MAX_ROUNDS: u64 = 20_000_000;

/// Bags within bags, which are allowed and never used.
const MAX_DEPTH: usize = 4;

/// Why a file of keys gives none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("it is no PKCS#12 file (.p12, .pfx); `openssl pkcs12 -export` makes one of PEM files")]
    Kind,
    #[error("it is damaged, or the password is wrong")]
    Password,
    #[error("it is encrypted by a method that is not known")]
    Method,
    #[error("there is no private key in it")]
    NoKey,
    #[error("there is no certificate in it for its private key")]
    NoCertificate,
    #[error("its private key cannot be used: {0}; RSA of 2048 to 4096 bits, P-256 and P-384 can")]
    Key(String),
}

impl From<Malformed> for KeyError {
    fn from(_: Malformed) -> Self {
        Self::Kind
    }
}

/// A private key and the certificates that go with it.
pub(super) struct Signer {
    key: Key,
    certificate: Certificate,
    others: Vec<Certificate>,
    random: SystemRandom,
}

enum Key {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("certificate", &self.certificate.shown())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads a PKCS#12 file.
    pub(super) fn read(bytes: &[u8], password: &str) -> Result<Self, KeyError> {
        let mut file = Reader::new(bytes).expect(der::SEQUENCE)?.reader();
        if file.expect(der::INTEGER)?.number()? != 3 {
            return Err(KeyError::Kind);
        }
        let (kind, content) = content(&file.expect(der::SEQUENCE)?)?;
        if kind != DATA {
            return Err(KeyError::Method);
        }
        let content = content.reader().octets()?;
        let passwords = Passwords::new(password);
        let password = match file.optional(der::SEQUENCE)? {
            Some(mac) => passwords.checked(&mac, &content)?,
            None => passwords.first,
        };
        let mut found = Found::default();
        let mut infos = Reader::new(&content).expect(der::SEQUENCE)?.reader();
        while let Some(info) = infos.next()? {
            let (kind, content) = self::content(&info)?;
            match kind {
                DATA => found.bags(&content.reader().octets()?, &password, 0)?,
                ENCRYPTED_DATA => {
                    let mut parts = content.reader().expect(der::SEQUENCE)?.reader();
                    parts.expect(der::INTEGER)?;
                    let mut parts = parts.expect(der::SEQUENCE)?.reader();
                    parts.expect(der::OID)?;
                    let cipher = parts.expect(der::SEQUENCE)?;
                    let sealed = parts.next()?.ok_or(Malformed)?.octets()?;
                    found.bags(&password.open(&cipher, &sealed)?, &password, 0)?;
                }
                _ => return Err(KeyError::Method),
            }
        }
        found.signer()
    }

    /// Signs some content, as of a moment in seconds since 1970: a detached signature as DER.
    pub(super) fn sign(&self, content: &[u8], seconds: i64) -> Result<Vec<u8>, String> {
        let scheme = match &self.key {
            Key::Rsa(_) => algorithm::RSA,
            Key::P256(_) => algorithm::EC_SHA_256,
            Key::P384(_) => algorithm::EC_SHA_384,
        };
        let (hash, hash_name) = match &self.key {
            Key::Rsa(_) | Key::P256(_) => (Hash::Sha256, algorithm::SHA_256),
            Key::P384(_) => (Hash::Sha384, algorithm::SHA_384),
        };
        let sign = |message: &[u8]| match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let padding = &ring_signature::RSA_PKCS1_SHA256;
                key.sign(padding, &self.random, message, &mut signature)
                    .map(|()| signature)
            }
            Key::P256(key) | Key::P384(key) => key
                .sign(&self.random, message)
                .map(|signature| signature.as_ref().to_vec()),
        };
        let parties = message::Parties {
            certificate: &self.certificate,
            others: &self.others,
        };
        let names = message::Names {
            hash,
            hash_name,
            scheme,
        };
        message::written(content, &parties, &names, seconds, sign)
            .map_err(|_| "the key failed to sign".to_owned())
    }
}

/// The kind and the content of a `ContentInfo`.
fn content<'a>(info: &Element<'a>) -> Result<(&'a [u8], Element<'a>), Malformed> {
    let mut parts = info.reader();
    let kind = parts.expect(der::OID)?.body;
    Ok((kind, parts.expect(der::context(0))?))
}

/// What lies in the bags of a file.
#[derive(Default)]
struct Found {
    /// A `PrivateKeyInfo`.
    key: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
}

impl Found {
    fn bags(&mut self, bags: &[u8], password: &Password, depth: usize) -> Result<(), KeyError> {
        let mut bags = Reader::new(bags)
            .expect(der::SEQUENCE)
            .map_err(|_| KeyError::Password)?
            .reader();
        while let Some(bag) = bags.next()? {
            let (kind, value) = content(&bag)?;
            match kind.strip_prefix(BAGS) {
                Some([1]) => {
                    let key = value.reader().expect(der::SEQUENCE)?.whole;
                    self.key.get_or_insert_with(|| key.to_vec());
                }
                Some([2]) => {
                    let mut parts = value.reader().expect(der::SEQUENCE)?.reader();
                    let cipher = parts.expect(der::SEQUENCE)?;
                    let key = password.open(&cipher, &parts.octets()?)?;
                    self.key.get_or_insert(key);
                }
                Some([3]) => {
                    let mut parts = value.reader().expect(der::SEQUENCE)?.reader();
                    if parts.expect(der::OID)?.body == X509 {
                        let certificate = parts.expect(der::context(0))?.reader().octets()?;
                        self.certificates.push(Certificate::read(&certificate)?);
                    }
                }
                Some([6]) if depth < MAX_DEPTH => {
                    let inner = value.reader().expect(der::SEQUENCE)?.whole;
                    self.bags(inner, password, depth + 1)?;
                }
                // Secrets and lists of what was revoked.
                _ => {}
            }
        }
        Ok(())
    }

    /// The key with the certificate that is its own.
    fn signer(mut self) -> Result<Signer, KeyError> {
        let info = self.key.take().ok_or(KeyError::NoKey)?;
        let refuse = |error: ring::error::KeyRejected| KeyError::Key(error.to_string());
        let mut parts = Reader::new(&info).expect(der::SEQUENCE)?.reader();
        parts.expect(der::INTEGER)?;
        let kind = parts.expect(der::SEQUENCE)?;
        let (kind, mut parameters) = named(&kind)?;
        let private = parts.octets()?;
        let random = SystemRandom::new();
        let (key, at) = match kind {
            algorithm::RSA => {
                let key = RsaKeyPair::from_der(&private).map_err(refuse)?;
                let public = PublicKey::Rsa(key.public_key().as_ref().to_vec());
                let at = self.position(|certificate| certificate.key == public)?;
                (Key::Rsa(key), at)
            }
            algorithm::EC => {
                let curve = parameters.expect(der::OID)?.body;
                let mut parts = Reader::new(&private).expect(der::SEQUENCE)?.reader();
                parts.expect(der::INTEGER)?;
                let private = parts.octets()?;
                // The file need not tell the public key; that of a certificate must fit the private one.
                let pair = |certificate: &Certificate| match (&certificate.key, curve) {
                    (PublicKey::P256(public), algorithm::P_256) => {
                        let algorithm = &ring_signature::ECDSA_P256_SHA256_ASN1_SIGNING;
                        EcdsaKeyPair::from_private_key_and_public_key(
                            algorithm, &private, public, &random,
                        )
                        .ok()
                        .map(Key::P256)
                    }
                    (PublicKey::P384(public), algorithm::P_384) => {
                        let algorithm = &ring_signature::ECDSA_P384_SHA384_ASN1_SIGNING;
                        EcdsaKeyPair::from_private_key_and_public_key(
                            algorithm, &private, public, &random,
                        )
                        .ok()
                        .map(Key::P384)
                    }
                    _ => None,
                };
                if !matches!(curve, algorithm::P_256 | algorithm::P_384) {
                    return Err(KeyError::Key("it lies on another curve".to_owned()));
                }
                let mut pairs = self.certificates.iter().enumerate();
                pairs
                    .find_map(|(at, certificate)| Some((pair(certificate)?, at)))
                    .ok_or(KeyError::NoCertificate)?
            }
            _ => return Err(KeyError::Key("it is of another kind".to_owned())),
        };
        let certificate = self.certificates.remove(at);
        Ok(Signer {
            key,
            certificate,
            others: self.certificates,
            random,
        })
    }

    fn position(&self, is_it: impl Fn(&Certificate) -> bool) -> Result<usize, KeyError> {
        let at = self.certificates.iter().position(is_it);
        at.ok_or(KeyError::NoCertificate)
    }
}

/// A password in both forms in which it is used.
struct Password {
    text: Vec<u8>,
    /// UTF-16 with a zero behind it (RFC 7292, B.1).
    wide: Vec<u8>,
}

/// An empty password has two forms, and programs do not agree which.
struct Passwords {
    first: Password,
    second: Option<Password>,
}

impl Passwords {
    fn new(password: &str) -> Self {
        let text = password.as_bytes().to_vec();
        let mut wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
        wide.extend([0, 0]);
        let second = password.is_empty().then(|| Password {
            text: Vec::new(),
            wide: Vec::new(),
        });
        Self {
            first: Password { text, wide },
            second,
        }
    }

    /// The form that the file's checksum was made with.
    fn checked(self, mac: &Element<'_>, content: &[u8]) -> Result<Password, KeyError> {
        for password in [Some(self.first), self.second].into_iter().flatten() {
            if password.verifies(mac, content)? {
                return Ok(password);
            }
        }
        Err(KeyError::Password)
    }
}

impl Password {
    /// Whether a file's checksum was made with it.
    fn verifies(&self, mac: &Element<'_>, content: &[u8]) -> Result<bool, KeyError> {
        let mut parts = mac.reader();
        let mut digest = parts.expect(der::SEQUENCE)?.reader();
        let salt = parts.octets()?;
        let rounds = match parts.optional(der::INTEGER)? {
            Some(rounds) => rounds.number()?,
            None => 1,
        };
        let identifier = digest.expect(der::SEQUENCE)?;
        let expected = digest.octets()?;
        let (name, mut parameters) = named(&identifier)?;
        let (algorithm, key) = if name == PBMAC1 {
            let mut parts = parameters.expect(der::SEQUENCE)?.reader();
            let derivation = parts.expect(der::SEQUENCE)?;
            let scheme = parts.expect(der::SEQUENCE)?;
            let (_, algorithm) = hmac_of(named(&scheme)?.0)?;
            (algorithm, self.derived(&derivation, None)?)
        } else {
            let hash = Hash::of_name(name).ok_or(KeyError::Method)?;
            let algorithm = match hash {
                Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => hmac::HMAC_SHA256,
                Hash::Sha384 => hmac::HMAC_SHA384,
                Hash::Sha512 => hmac::HMAC_SHA512,
            };
            let length = hash.algorithm().output_len();
            let key = self.old_key(hash, Purpose::Mac, &salt, checked_rounds(rounds)?, length);
            (algorithm, key)
        };
        let key = hmac::Key::new(algorithm, &key);
        Ok(hmac::verify(&key, content, &expected).is_ok())
    }

    /// Decrypts what was encrypted with it.
    fn open(&self, cipher: &Element<'_>, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (name, mut parameters) = named(cipher)?;
        let mut parameters = parameters.expect(der::SEQUENCE)?.reader();
        if name == PBES2 {
            let derivation = parameters.expect(der::SEQUENCE)?;
            let scheme = parameters.expect(der::SEQUENCE)?;
            let (scheme, mut vector) = named(&scheme)?;
            let vector = vector.octets()?;
            let cipher = match (scheme, scheme.strip_prefix(AES)) {
                (_, Some([2])) => Cipher::Aes128,
                (_, Some([22])) => Cipher::Aes192,
                (_, Some([42])) => Cipher::Aes256,
                (DES_3, _) => Cipher::Des3,
                _ => return Err(KeyError::Method),
            };
            let key = self.derived(&derivation, Some(cipher.key_length()))?;
            return cipher.open(&key, &vector, sealed);
        }
        let cipher = match name.strip_prefix(OLD_CIPHERS) {
            Some([3]) => Cipher::Des3,
            Some([4]) => Cipher::Des2,
            Some([5]) => Cipher::Rc2 { bits: 128 },
            Some([6]) => Cipher::Rc2 { bits: 40 },
            _ => return Err(KeyError::Method),
        };
        let salt = parameters.octets()?;
        let rounds = checked_rounds(parameters.expect(der::INTEGER)?.number()?)?;
        let length = cipher.key_length();
        let key = self.old_key(Hash::Sha1, Purpose::Key, &salt, rounds, length);
        let vector = self.old_key(Hash::Sha1, Purpose::Vector, &salt, rounds, 8);
        cipher.open(&key, &vector, sealed)
    }

    /// A key by PBKDF2, with the parameters that the file gives.
    fn derived(
        &self,
        derivation: &Element<'_>,
        length: Option<usize>,
    ) -> Result<Vec<u8>, KeyError> {
        let (name, mut parameters) = named(derivation)?;
        if name != PBKDF2 {
            return Err(KeyError::Method);
        }
        let mut parameters = parameters.expect(der::SEQUENCE)?.reader();
        let salt = parameters.octets()?;
        let rounds = checked_rounds(parameters.expect(der::INTEGER)?.number()?)?;
        let told = parameters.optional(der::INTEGER)?;
        let told = told.map(|length| length.number()).transpose()?;
        let algorithm = match parameters.optional(der::SEQUENCE)? {
            Some(identifier) => hmac_of(named(&identifier)?.0)?.0,
            None => pbkdf2::PBKDF2_HMAC_SHA1,
        };
        let told = told.and_then(|length| usize::try_from(length).ok());
        let length = length.or(told).ok_or(KeyError::Method)?;
        if length > 128 || told.is_some_and(|told| told != length) {
            return Err(KeyError::Method);
        }
        let mut key = vec![0; length];
        pbkdf2::derive(algorithm, rounds, &salt, &self.text, &mut key);
        Ok(key)
    }

    /// A key by the derivation of PKCS#12 itself (RFC 7292, B.2).
    fn old_key(
        &self,
        hash: Hash,
        purpose: Purpose,
        salt: &[u8],
        rounds: NonZeroU32,
        length: usize,
    ) -> Vec<u8> {
        let block = hash.algorithm().block_len();
        let filled = |bytes: &[u8]| -> Vec<u8> {
            let length = bytes.len().div_ceil(block) * block;
            bytes.iter().copied().cycle().take(length).collect()
        };
        let purpose = match purpose {
            Purpose::Key => 1,
            Purpose::Vector => 2,
            Purpose::Mac => 3,
        };
        let mut input = filled(salt);
        input.extend(filled(&self.wide));
        let mut key = Vec::new();
        while key.len() < length {
            let mut context = ring::digest::Context::new(hash.algorithm());
            context.update(&vec![purpose; block]);
            context.update(&input);
            let mut digest = context.finish();
            for _ in 1..rounds.get() {
                digest = hash.of(digest.as_ref());
            }
            key.extend_from_slice(digest.as_ref());
            // Each block of the input becomes itself and the digest and one, as numbers.
            let added: Vec<u8> = digest
                .as_ref()
                .iter()
                .copied()
                .cycle()
                .take(block)
                .collect();
            for piece in input.chunks_mut(block) {
                let mut carry = 1_u16;
                for (octet, added) in piece.iter_mut().zip(&added).rev() {
                    let sum = u16::from(*octet) + u16::from(*added) + carry;
                    let [high, low] = sum.to_be_bytes();
                    (carry, *octet) = (u16::from(high), low);
                }
            }
        }
        key.truncate(length);
        key
    }
}

/// What a derived key is for.
#[derive(Clone, Copy)]
enum Purpose {
    Key,
    Vector,
    Mac,
}

fn checked_rounds(rounds: u64) -> Result<NonZeroU32, KeyError> {
    let number = u32::try_from(rounds).ok().filter(|_| rounds <= MAX_ROUNDS);
    number.and_then(NonZeroU32::new).ok_or(KeyError::Method)
}

/// An HMAC by its name: for a derivation, and for itself.
fn hmac_of(name: &[u8]) -> Result<(pbkdf2::Algorithm, hmac::Algorithm), KeyError> {
    match name.strip_prefix(HMACS) {
        Some([7]) => Ok((
            pbkdf2::PBKDF2_HMAC_SHA1,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        )),
        Some([9]) => Ok((pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256)),
        Some([10]) => Ok((pbkdf2::PBKDF2_HMAC_SHA384, hmac::HMAC_SHA384)),
        Some([11]) => Ok((pbkdf2::PBKDF2_HMAC_SHA512, hmac::HMAC_SHA512)),
        _ => Err(KeyError::Method),
    }
}

/// A block cipher, chained.
#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    Des3,
    /// Triple DES with two keys, the first used twice.
    Des2,
    Rc2 {
        bits: usize,
    },
}

impl Cipher {
    fn key_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Des2 => 16,
            Self::Aes192 | Self::Des3 => 24,
            Self::Aes256 => 32,
            Self::Rc2 { bits } => bits / 8,
        }
    }

    fn open(self, key: &[u8], vector: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Aes128 => opened::<aes::Aes128>(key, vector, sealed),
            Self::Aes192 => opened::<aes::Aes192>(key, vector, sealed),
            Self::Aes256 => opened::<aes::Aes256>(key, vector, sealed),
            Self::Des3 => opened::<des::TdesEde3>(key, vector, sealed),
            Self::Des2 => opened::<des::TdesEde2>(key, vector, sealed),
            Self::Rc2 { bits } => {
                let cipher = rc2::Rc2::new_with_eff_key_len(key, bits);
                cbc::Decryptor::<rc2::Rc2>::inner_iv_slice_init(cipher, vector)
                    .map_err(|_| KeyError::Method)?
                    .decrypt_padded_vec::<Pkcs7>(sealed)
                    .map_err(|_| KeyError::Password)
            }
        }
    }
}

fn opened<C>(key: &[u8], vector: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError>
where
    C: KeyInit + aes::cipher::BlockCipherDecrypt,
{
    cbc::Decryptor::<C>::new_from_slices(key, vector)
        .map_err(|_| KeyError::Method)?
        .decrypt_padded_vec::<Pkcs7>(sealed)
        .map_err(|_| KeyError::Password)
}
