//! Detached signatures: PKCS#7 and CMS `SignedData` (RFC 2315, 5652).

use super::algorithm::{self, Hash, Scheme, named};
use super::certificate::Certificate;
use super::der::{self, Element, Malformed, Reader};

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];

/// Nobody needs more signers or certificates.
const MAX_SIGNERS: usize = 8;
const MAX_CERTIFICATES: usize = 64;

/// A signature that was read, but not verified.
pub(super) struct Message {
    certificates: Vec<Certificate>,
    signers: Vec<Signer>,
}

struct Signer {
    who: Who,
    hash: Hash,
    scheme: Scheme,
    /// The signed attributes as they are hashed, and the hash of the content among them.
    attributes: Option<(Vec<u8>, Vec<u8>)>,
    signature: Vec<u8>,
}

/// How the signer's certificate is told.
enum Who {
    IssuerAndSerial { issuer: Vec<u8>, serial: Vec<u8> },
    SubjectKey(Vec<u8>),
}

impl Message {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(bytes).expect(der::SEQUENCE)?.reader();
        if outer.expect(der::OID)?.body != SIGNED_DATA {
            return Err(Malformed);
        }
        let content = outer
            .expect(der::context(0))?
            .reader()
            .expect(der::SEQUENCE)?;
        let mut fields = content.reader();
        fields.expect(der::INTEGER)?;
        fields.expect(der::SET)?;
        if fields
            .expect(der::SEQUENCE)?
            .reader()
            .expect(der::OID)?
            .body
            != DATA
        {
            return Err(Malformed);
        }
        let mut certificates = Vec::new();
        if let Some(set) = fields.optional(der::context(0))? {
            let mut set = set.reader();
            while let Some(certificate) = set.next()? {
                // Others are forms of certificates that nobody uses.
                if certificate.tag == der::SEQUENCE {
                    certificates.push(Certificate::read(certificate.whole)?);
                }
                if certificates.len() > MAX_CERTIFICATES {
                    return Err(Malformed);
                }
            }
        }
        // What was revoked.
        fields.optional(der::context(1))?;
        let mut signers = Vec::new();
        let mut set = fields.expect(der::SET)?.reader();
        while let Some(signer) = set.next()? {
            signers.push(Signer::read(&signer)?);
            if signers.len() > MAX_SIGNERS {
                return Err(Malformed);
            }
        }
        Ok(Self {
            certificates,
            signers,
        })
    }

    /// The certificates of those who signed this content. They need not be trusted.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub(super) fn signers_of(&self, content: &[u8]) -> Result<Vec<&Certificate>, &'static str> {
        if self.signers.is_empty() {
            return Err("nobody has signed it");
        }
        let mut found = Vec::new();
        for signer in &self.signers {
            let certificate = self
                .certificates
                .iter()
                .find(|certificate| signer.who.is(certificate))
                .ok_or("the signer's certificate is not in it")?;
            let message = match &signer.attributes {
                None => content,
                Some((attributes, digest)) => {
                    let right = signer.hash.of(content);
                    if digest != right.as_ref() {
                        return Err("it was made for other content");
                    }
                    attributes
                }
            };
            if !certificate
                .key
                .verifies(signer.scheme, message, &signer.signature)
            {
                return Err("it was not made by that key, or for other content");
            }
            found.push(certificate);
        }
        Ok(found)
    }
}

impl Who {
    fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                certificate.issuer == *issuer && certificate.serial == *serial
            }
            Self::SubjectKey(key) => certificate.subject_key.as_ref() == Some(key),
        }
    }
}

impl Signer {
    fn read(signer: &Element<'_>) -> Result<Self, Malformed> {
        let mut fields = signer.reader();
        fields.expect(der::INTEGER)?;
        let who = fields.next()?.ok_or(Malformed)?;
        let who = if who.tag == der::SEQUENCE {
            let mut parts = who.reader();
            Who::IssuerAndSerial {
                issuer: parts.expect(der::SEQUENCE)?.whole.to_vec(),
                serial: parts.expect(der::INTEGER)?.whole.to_vec(),
            }
        } else if who.tag == der::context_plain(0) {
            Who::SubjectKey(who.body.to_vec())
        } else {
            return Err(Malformed);
        };
        let hash = Hash::of_name(named(&fields.expect(der::SEQUENCE)?)?.0).ok_or(Malformed)?;
        let attributes = fields.optional(der::context(0))?;
        let scheme = named(&fields.expect(der::SEQUENCE)?)?.0;
        let scheme = Scheme::of_message(scheme, hash).ok_or(Malformed)?;
        let signature = fields.octets()?.into_owned();
        Ok(Self {
            who,
            hash,
            scheme,
            attributes: attributes.map(|set| attributes_of(&set)).transpose()?,
            signature,
        })
    }
}

/// Signed attributes as they are hashed, and the digest among them.
fn attributes_of(set: &Element<'_>) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
    let mut digest = None;
    let mut attributes = set.reader();
    while let Some(attribute) = attributes.next()? {
        let mut parts = attribute.reader();
        let name = parts.expect(der::OID)?.body;
        let mut values = parts.expect(der::SET)?.reader();
        match name {
            CONTENT_TYPE if values.expect(der::OID)?.body != DATA => return Err(Malformed),
            MESSAGE_DIGEST if digest.is_some() => return Err(Malformed),
            MESSAGE_DIGEST => digest = Some(values.octets()?.into_owned()),
            _ => {}
        }
    }
    // They are hashed as the set that they are, not by the number that they have in the message.
    Ok((
        der::written(der::SET, &[set.body]),
        digest.ok_or(Malformed)?,
    ))
}

/// Whose certificates go into a message.
pub(super) struct Parties<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) others: &'a [Certificate],
}

/// By which names the hash and the signature are made.
pub(super) struct Names<'a> {
    pub(super) hash: Hash,
    pub(super) hash_name: &'a [u8],
    pub(super) scheme: &'a [u8],
}

/// A signature of some content as DER. `sign` makes the signature itself, of what it is given.
pub(super) fn written<E>(
    content: &[u8],
    parties: &Parties<'_>,
    names: &Names<'_>,
    seconds: i64,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let certificate = parties.certificate;
    let name = |name: &[u8]| der::written(der::OID, &[name]);
    let attribute = |kind: &[u8], value: &[u8]| {
        let values = der::written(der::SET, &[value]);
        der::written(der::SEQUENCE, &[&name(kind), &values])
    };
    let digest = names.hash.of(content);
    let mut attributes = [
        attribute(CONTENT_TYPE, &name(DATA)),
        attribute(SIGNING_TIME, &super::time::written(seconds)),
        attribute(
            MESSAGE_DIGEST,
            &der::written(der::OCTETS, &[digest.as_ref()]),
        ),
    ];
    // A set's elements are sorted by their bytes (X.690, 11.6).
    attributes.sort();
    let attributes = attributes.concat();
    let signature = sign(&der::written(der::SET, &[&attributes]))?;

    let null = der::written(der::NULL, &[]);
    let hash_identifier = der::written(der::SEQUENCE, &[&name(names.hash_name), &null]);
    // The name of ECDSA has no parameters (RFC 5754, 3.3).
    let parameters: &[u8] = if names.scheme == algorithm::RSA {
        &null
    } else {
        &[]
    };
    let one = der::written(der::INTEGER, &[&[1]]);
    let info = der::written(
        der::SEQUENCE,
        &[
            &one,
            &der::written(der::SEQUENCE, &[&certificate.issuer, &certificate.serial]),
            &hash_identifier,
            &der::written(der::context(0), &[&attributes]),
            &der::written(der::SEQUENCE, &[&name(names.scheme), parameters]),
            &der::written(der::OCTETS, &[&signature]),
        ],
    );
    let mut certificates = vec![certificate.der.as_slice()];
    certificates.extend(parties.others.iter().map(|other| other.der.as_slice()));
    certificates.sort_unstable();
    let data = der::written(
        der::SEQUENCE,
        &[
            &one,
            &der::written(der::SET, &[&hash_identifier]),
            &der::written(der::SEQUENCE, &[&name(DATA)]),
            &der::written(der::context(0), &certificates),
            &der::written(der::SET, &[&info]),
        ],
    );
    let data = der::written(der::context(0), &[&data]);
    Ok(der::written(der::SEQUENCE, &[&name(SIGNED_DATA), &data]))
}
