//! The copy of a package that a store vouches for.
//!
//! Only the footers of such a copy are new: the files, the developer's signature and mostly the very
//! bytes in which they are packed stay. So nothing is unpacked or packed when a copy is handed out;
//! where the new bytes must begin was found out when the package was inspected, and is in its
//! [`SigningPlan`].

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use serde::{Deserialize, Serialize};

use super::content::{Content, Place, length};
use super::header::{Footer, Header};
use super::signature::Signer;
use super::writer::{self, End};
use super::{PackageError, SignatureError, deflate, entries};
use crate::app::Sha256;
use crate::archive::Limits;

/// What was learned of an `.ampkg` when it was inspected, so that signing it later neither unpacks nor
/// packs it. It holds for that very file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningPlan {
    digest: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    developer_signature: Option<String>,
    way: Way,
}

/// How the new file is made of the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Way {
    /// The old bytes go on with new ones.
    Continue {
        /// Bytes of the file that are kept.
        keep: u64,
        /// Bytes among them that are written otherwise.
        changes: Vec<(u64, u8)>,
        /// What is written behind them.
        #[serde(with = "base64_text")]
        bridge: Vec<u8>,
        /// Old content that must be packed anew.
        #[serde(with = "base64_text")]
        between: Vec<u8>,
        /// CRC-32 of the old content of the last gzip member, and its length.
        crc32: u32,
        length: u64,
    },
    /// All is packed anew, because the header is of an old version.
    Anew {
        header: String,
        /// Where in the content the files begin and end.
        begin: u64,
        end: u64,
    },
}

/// Bytes as text.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

impl SigningPlan {
    /// Of a package that was read: its header, where its files begin, where its footers do, and these.
    pub(super) fn new(
        file: &mut File,
        header: &Header,
        begin: u64,
        footers: &Place,
        footer: &Footer,
    ) -> Self {
        let kept = if header.version == 2 {
            deflate::cut(file, footers.member, footers.out).ok()
        } else {
            None
        };
        let kept = kept.and_then(|cut| {
            let between = usize::try_from(footers.out - cut.out).ok()?;
            let from = footers.last.len().checked_sub(between)?;
            Some((footers.last.get(from..)?.to_vec(), cut))
        });
        let way = match kept {
            Some((between, cut)) => Way::Continue {
                keep: cut.keep,
                changes: cut.changes,
                bridge: cut.bridge,
                between,
                crc32: footers.crc32,
                length: footers.out,
            },
            None => Way::Anew {
                header: header.written(),
                begin,
                end: footers.total,
            },
        };
        Self {
            digest: footer.digest,
            developer_signature: footer.developer_signature.clone(),
            way,
        }
    }

    /// The package with other signatures, as a stream.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn apply(&self, path: &Path, footer: &Footer) -> Result<Signed, PackageError> {
        let end = writer::end(footer, SystemTime::now());
        let file = File::open(path)?;
        let packed = file.metadata()?.len();
        match &self.way {
            Way::Continue {
                keep,
                changes,
                bridge,
                between,
                crc32,
                length,
            } => {
                if packed < *keep {
                    return Err(PackageError::refused(
                        "the package is not the one that was inspected",
                    ));
                }
                let tail = tail(bridge, between, *crc32, *length, &end)?;
                Ok(Signed(Kind::Continued {
                    file,
                    at: 0,
                    keep: *keep,
                    changes: changes.clone(),
                    tail: io::Cursor::new(tail),
                }))
            }
            Way::Anew {
                header,
                begin,
                end: files_end,
            } => {
                let limits = Limits::default();
                let mut content = Content::open(file, packed, limits)?;
                let mut skip = vec![0; usize::try_from(*begin).unwrap_or(usize::MAX)];
                content.read_all(&mut skip)?;
                let mut out = GzEncoder::new(Vec::new(), Compression::default());
                writer::file(
                    &mut out,
                    entries::HEADER,
                    header.as_bytes(),
                    SystemTime::now(),
                )?;
                Ok(Signed(Kind::Anew(Box::new(Anew {
                    content,
                    left: files_end - begin,
                    out: Some((out, end)),
                    ready: io::Cursor::new(Vec::new()),
                }))))
            }
        }
    }

    /// The footers as they are, without a store's signature.
    pub(super) fn footer(&self) -> Footer {
        Footer {
            digest: self.digest,
            developer_signature: self.developer_signature.clone(),
            store_signature: None,
        }
    }
}

/// What follows the bytes that are kept.
fn tail(bridge: &[u8], between: &[u8], crc32: u32, before: u64, end: &End) -> io::Result<Vec<u8>> {
    let mut tail = bridge.to_vec();
    let mut deflate = DeflateEncoder::new(&mut tail, Compression::default());
    deflate.write_all(between)?;
    deflate.write_all(&end.0)?;
    deflate.finish()?;
    let mut crc32 = crc32fast::Hasher::new_with_initial_len(crc32, before);
    crc32.update(&end.0);
    tail.extend(crc32.finalize().to_le_bytes());
    // The length modulo 2^32 (RFC 1952).
    let all = before.wrapping_add(length(end.0.len()));
    tail.extend(all.to_le_bytes().first_chunk::<4>().into_iter().flatten());
    Ok(tail)
}

/// Signs packages in the name of a store.
#[derive(Debug)]
pub struct StoreSigner(Signer);

impl StoreSigner {
    /// Reads a PKCS#12 file: a key, its certificate, perhaps more certificates.
    ///
    /// # Errors
    /// When it cannot be read, is of another kind, has no key, or the password is wrong.
    pub fn load(path: &Path, password: &str) -> Result<Self, SignatureError> {
        Signer::load(path, password).map(Self)
    }

    /// The signed copy of a package, bound to a device when its hardware id is given. `plan` is that of
    /// this very file.
    ///
    /// # Errors
    /// When the file cannot be read or the signature cannot be made.
    pub fn signed(
        &self,
        path: &Path,
        plan: &SigningPlan,
        hardware_id: Option<&str>,
    ) -> Result<Signed, PackageError> {
        let mut footer = plan.footer();
        footer.store_signature = Some(self.0.sign_digest(&plan.digest, hardware_id)?);
        plan.apply(path, &footer)
    }
}

/// A signed package as a stream. Reading it blocks.
pub struct Signed(Kind);

enum Kind {
    Continued {
        file: File,
        at: u64,
        keep: u64,
        changes: Vec<(u64, u8)>,
        tail: io::Cursor<Vec<u8>>,
    },
    Anew(Box<Anew>),
}

/// Packs while it is read.
struct Anew {
    content: Content,
    /// Bytes of the files that are still to come.
    left: u64,
    /// None once all is written.
    out: Option<(GzEncoder<Vec<u8>>, End)>,
    /// What can be read.
    ready: io::Cursor<Vec<u8>>,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed")
            .field("bytes", &self.bytes())
            .finish()
    }
}

impl Signed {
    /// How many bytes it has; none for the few packages that must be packed anew while they are
    /// read.
    pub fn bytes(&self) -> Option<u64> {
        match &self.0 {
            Kind::Continued { keep, tail, .. } => Some(keep + length(tail.get_ref().len())),
            Kind::Anew(_) => None,
        }
    }

    /// What it is made of, so that the old bytes need not go through memory; the stream itself for the few
    /// packages that are packed anew. To be asked before anything was read.
    ///
    /// # Errors
    /// The stream.
    pub fn into_pieces(self) -> Result<Vec<Piece>, Self> {
        let (file, keep, changes, tail) = match self.0 {
            Kind::Continued {
                file,
                keep,
                changes,
                tail,
                ..
            } => (Arc::new(file), keep, changes, tail.into_inner()),
            anew @ Kind::Anew(_) => return Err(Self(anew)),
        };
        let mut changes = changes;
        changes.sort_by_key(|(place, _)| *place);
        let mut pieces = Vec::new();
        let mut at = 0;
        for (place, byte) in changes.into_iter().filter(|(place, _)| *place < keep) {
            pieces.push(Piece::File(Arc::clone(&file), at..place));
            pieces.push(Piece::Bytes(vec![byte]));
            at = place + 1;
        }
        pieces.push(Piece::File(file, at..keep));
        pieces.push(Piece::Bytes(tail));
        Ok(pieces)
    }
}

/// A piece of a package on its way out.
#[derive(Debug)]
pub enum Piece {
    /// A part of a file.
    File(Arc<File>, Range<u64>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Piece {
    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File(_, part) => part.end.saturating_sub(part.start),
            Self::Bytes(bytes) => length(bytes.len()),
        }
    }
}

impl Read for Signed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Continued {
                file,
                at,
                keep,
                changes,
                tail,
            } => {
                if *at == *keep {
                    return tail.read(buffer);
                }
                let most = usize::try_from(*keep - *at)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                let buffer = buffer.get_mut(..most).unwrap_or_default();
                let count = file.read(buffer)?;
                if count == 0 && !buffer.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                for (place, byte) in changes {
                    let place = place
                        .checked_sub(*at)
                        .and_then(|at| usize::try_from(at).ok());
                    if let Some(old) = place.and_then(|place| buffer.get_mut(place)) {
                        *old = *byte;
                    }
                }
                *at += length(count);
                Ok(count)
            }
            Kind::Anew(anew) => anew.read(buffer),
        }
    }
}

impl Read for Anew {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = vec![0; 64 << 10];
        while self.out.is_some() && self.ready.position() == length(self.ready.get_ref().len()) {
            let Some((mut out, end)) = self.out.take() else {
                break;
            };
            if self.left > 0 {
                let most = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(piece.len());
                let piece = piece.get_mut(..most).unwrap_or_default();
                self.content.read_all(piece).map_err(io::Error::other)?;
                self.left -= length(most);
                out.write_all(piece)?;
                let ready = std::mem::take(out.get_mut());
                self.ready = io::Cursor::new(ready);
                self.out = Some((out, end));
            } else {
                out.write_all(&end.0)?;
                self.ready = io::Cursor::new(out.finish()?);
            }
        }
        self.ready.read(buffer)
    }
}
