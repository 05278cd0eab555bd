//! Certificates: what of RFC 5280 decides whom to trust.

use super::algorithm::{PublicKey, Scheme, named};
use super::der::{self, Element, Malformed, Reader};
use super::time;

/// Extensions by the last octet of their names, which all begin with these (RFC 5280, 4.2).
const EXTENSIONS: [u8; 2] = [0x55, 0x1d];
const SUBJECT_KEY: u8 = 14;
const KEY_USAGE: u8 = 15;
const BASIC_CONSTRAINTS: u8 = 19;
const NAME_CONSTRAINTS: u8 = 30;
const AUTHORITY_KEY: u8 = 35;

/// Critical ones that are understood, or limit nothing of what is asked here: names of the subject and
/// of the issuer, where to ask for what was revoked, policies, purposes.
const HARMLESS: [u8; 10] = [17, 18, 31, 32, 33, 36, 37, 46, 54, 16];

/// The common name in a name (X.520).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// One certificate.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    /// All of it.
    pub(super) der: Vec<u8>,
    /// What its issuer signed.
    signed: Vec<u8>,
    scheme: Option<Scheme>,
    signature: Vec<u8>,
    /// As it stands there.
    pub(super) serial: Vec<u8>,
    /// As it stands there.
    pub(super) issuer: Vec<u8>,
    issuer_name: Name,
    subject_name: Name,
    not_before: i64,
    not_after: i64,
    pub(super) key: PublicKey,
    /// Of the first version, which knows no extensions.
    is_old: bool,
    /// Whether it may issue others; none when it does not say so.
    is_authority: Option<bool>,
    /// How many authorities may stand between it and the end.
    path_length: Option<u64>,
    /// None when every use is allowed.
    may_sign_certificates: Option<bool>,
    pub(super) subject_key: Option<Vec<u8>>,
    authority_key: Option<Vec<u8>>,
    /// It demands what is not understood here.
    demands: Option<&'static str>,
}

/// A name in a form in which equal names are equal bytes: the kinds of texts, their case and repeated
/// blanks do not count (RFC 5280, 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name(Vec<u8>);

impl Name {
    fn read(name: &Element<'_>) -> Result<Self, Malformed> {
        let mut same = Vec::new();
        let mut sets = name.reader();
        while let Some(set) = sets.next()? {
            let mut attributes = set.reader();
            same.push(b'/');
            while let Some(attribute) = attributes.next()? {
                let mut parts = attribute.reader();
                let kind = parts.expect(der::OID)?;
                let value = parts.next()?.ok_or(Malformed)?;
                same.extend_from_slice(kind.whole);
                match value.tag {
                    // UTF8String, PrintableString, IA5String, VisibleString
                    0x0c | 0x13 | 0x16 | 0x1a => {
                        let text = String::from_utf8_lossy(value.body).to_lowercase();
                        let words: Vec<&str> = text.split_whitespace().collect();
                        let text = words.join(" ");
                        same.extend(der::written(0x0c, &[text.as_bytes()]));
                    }
                    _ => same.extend_from_slice(value.whole),
                }
            }
        }
        Ok(Self(same))
    }
}

impl Certificate {
    /// Reads the DER of one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(bytes);
        let whole = outer.expect(der::SEQUENCE)?;
        let mut parts = whole.reader();
        let signed = parts.expect(der::SEQUENCE)?;
        let scheme = parts.expect(der::SEQUENCE)?;
        let signature = parts.expect(der::BITS)?.bits()?;

        let mut fields = signed.reader();
        let version = fields.optional(der::context(0))?;
        let serial = fields.expect(der::INTEGER)?;
        // What is signed must not say another scheme than what is not.
        if fields.expect(der::SEQUENCE)?.whole != scheme.whole {
            return Err(Malformed);
        }
        let issuer = fields.expect(der::SEQUENCE)?;
        let mut validity = fields.expect(der::SEQUENCE)?.reader();
        let not_before = time::read(&validity.next()?.ok_or(Malformed)?)?;
        let not_after = time::read(&validity.next()?.ok_or(Malformed)?)?;
        let subject = fields.expect(der::SEQUENCE)?;
        let key = PublicKey::read(&fields.expect(der::SEQUENCE)?)?;

        let mut certificate = Self {
            der: whole.whole.to_vec(),
            signed: signed.whole.to_vec(),
            scheme: Scheme::of_name(named(&scheme)?.0),
            signature: signature.to_vec(),
            serial: serial.whole.to_vec(),
            issuer: issuer.whole.to_vec(),
            issuer_name: Name::read(&issuer)?,
            subject_name: Name::read(&subject)?,
            not_before,
            not_after,
            key,
            is_old: version.is_none(),
            is_authority: None,
            path_length: None,
            may_sign_certificates: None,
            subject_key: None,
            authority_key: None,
            demands: None,
        };
        while let Some(field) = fields.next()? {
            if field.tag == der::context(3) {
                let mut extensions = field.reader().expect(der::SEQUENCE)?.reader();
                while let Some(extension) = extensions.next()? {
                    certificate.extension(&extension)?;
                }
            }
        }
        Ok(certificate)
    }

    fn extension(&mut self, extension: &Element<'_>) -> Result<(), Malformed> {
        let mut parts = extension.reader();
        let name = parts.expect(der::OID)?.body;
        let is_critical = parts
            .optional(der::BOOLEAN)?
            .is_some_and(|flag| flag.body != [0]);
        let value = parts.octets()?;
        let mut value = Reader::new(&value);
        let kind = name
            .strip_prefix(&EXTENSIONS)
            .and_then(|rest| <[u8; 1]>::try_from(rest).ok())
            .map(|[kind]| kind);
        match kind {
            Some(BASIC_CONSTRAINTS) => {
                let mut parts = value.expect(der::SEQUENCE)?.reader();
                let is_authority = parts.optional(der::BOOLEAN)?;
                self.is_authority = Some(is_authority.is_some_and(|flag| flag.body != [0]));
                let length = parts.optional(der::INTEGER)?;
                self.path_length = length.map(|length| length.number()).transpose()?;
            }
            Some(KEY_USAGE) => {
                // The first octet tells how many bits of the last do not count.
                let bits = value.expect(der::BITS)?.body;
                let first = bits.get(1).copied().unwrap_or(0);
                self.may_sign_certificates = Some(first & 0b0000_0100 != 0);
            }
            Some(SUBJECT_KEY) => self.subject_key = Some(value.octets()?.into_owned()),
            Some(AUTHORITY_KEY) => {
                let mut parts = value.expect(der::SEQUENCE)?.reader();
                let key = parts.optional(der::context_plain(0))?;
                self.authority_key = key.map(|key| key.body.to_vec());
            }
            Some(NAME_CONSTRAINTS) => {
                self.demands =
                    Some("limits the names that it vouches for, which is not understood");
            }
            Some(kind) if HARMLESS.contains(&kind) => {}
            _ if is_critical => {
                self.demands = Some("has a critical extension that is not understood");
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the name of its issuer is its own.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer_name == self.subject_name
    }

    /// Whether it is its own issuer, as far as it says.
    pub(super) fn is_root(&self) -> bool {
        let key = self.authority_key.as_ref();
        self.is_self_issued() && key.is_none_or(|key| self.subject_key.as_ref() == Some(key))
    }

    /// Whether another certificate says that this one is its issuer.
    pub(super) fn is_named_by(&self, other: &Self) -> bool {
        let same_key = match (&self.subject_key, &other.authority_key) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        other.issuer_name == self.subject_name && same_key
    }

    /// Whether it signed another certificate.
    pub(super) fn has_signed(&self, other: &Self) -> bool {
        other
            .scheme
            .is_some_and(|scheme| self.key.verifies(scheme, &other.signed, &other.signature))
    }

    /// Why it vouches for nobody at that time, wherever it stands; to be read after its name.
    pub(super) fn flaw(&self, now: i64) -> Option<&'static str> {
        if now < self.not_before {
            return Some("is not valid yet");
        }
        if now > self.not_after {
            return Some("has expired");
        }
        self.demands
    }

    /// Why it may not issue a certificate below which so many authorities stand.
    pub(super) fn flaw_as_authority(&self, authorities_below: u64) -> Option<&'static str> {
        let is_authority = match self.is_authority {
            Some(is_authority) => is_authority,
            None => self.is_old && self.is_root(),
        };
        if !is_authority || self.may_sign_certificates == Some(false) {
            return Some("may not vouch for others");
        }
        if self
            .path_length
            .is_some_and(|most| authorities_below > most)
        {
            return Some("may not vouch for so many authorities");
        }
        None
    }

    /// What it is called by people.
    pub(super) fn shown(&self) -> String {
        let name = || -> Option<String> {
            let mut fields = Reader::new(&self.der).expect(der::SEQUENCE).ok()?.reader();
            let mut fields = fields.expect(der::SEQUENCE).ok()?.reader();
            fields.optional(der::context(0)).ok()?;
            // Serial number, scheme, issuer, validity.
            for _ in 0..4 {
                fields.next().ok()??;
            }
            let mut sets = fields.next().ok()??.reader();
            let mut found = None;
            while let Some(set) = sets.next().ok()? {
                let mut parts = set.reader().expect(der::SEQUENCE).ok()?.reader();
                if parts.expect(der::OID).ok()?.body == COMMON_NAME {
                    let text = parts.next().ok()??.body;
                    found = Some(
                        String::from_utf8_lossy(text)
                            .escape_debug()
                            .take(80)
                            .collect(),
                    );
                }
            }
            found
        };
        name().unwrap_or_else(|| "without a name".to_owned())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

/// The certificates in a PEM text (RFC 7468), in order; any other text is left out.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn read_pem(text: &[u8]) -> Result<Vec<Certificate>, String> {
    use base64::Engine as _;

    let text = String::from_utf8_lossy(text);
    let mut certificates = Vec::new();
    let mut body: Option<(String, String)> = None;
    for line in text.lines() {
        let line = line.trim();
        let number = certificates.len() + 1;
        if let Some((label, letters)) = &mut body {
            if line == format!("-----END {label}-----") {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(letters.as_bytes())
                    .map_err(|error| format!("certificate {number} in it is damaged: {error}"))?;
                let certificate = Certificate::read(&bytes)
                    .map_err(|error| format!("certificate {number} in it is none: {error}"))?;
                certificates.push(certificate);
                body = None;
            } else {
                letters.push_str(line);
            }
        } else if let Some(label) = line
            .strip_prefix("-----BEGIN ")
            .and_then(|rest| rest.strip_suffix("-----"))
            && matches!(
                label,
                "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
            )
        {
            body = Some((label.to_owned(), String::new()));
        }
    }
    if body.is_some() {
        let number = certificates.len() + 1;
        return Err(format!("certificate {number} in it is cut off"));
    }
    Ok(certificates)
}
