//! What is in a package's file: the gzip members unpacked, one after another, while everything is
//! counted and hashed that later matters.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::PackageError;
use crate::archive::{FREE_RATIO_BYTES, Limits};

/// How a gzip member begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes that are read from the file at once.
const BUFFER_BYTES: usize = 128 << 10;

/// What deflate can refer to with one symbol is one byte longer (RFC 1951, 3.2.5).
pub(super) const LAST_BYTES: usize = 257;

/// A place in the content, as it is needed to go on from there with other content.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// Where in the file the gzip member begins.
    pub(super) member: u64,
    /// Unpacked bytes of this member before the place.
    pub(super) out: u64,
    /// Their CRC-32.
    pub(super) crc32: u32,
    /// The last of them, at most [`LAST_BYTES`].
    pub(super) last: Vec<u8>,
    /// Unpacked bytes of all members before the place.
    pub(super) total: u64,
}

/// The file, counted and hashed.
struct Input {
    file: BufReader<Hashed>,
    /// Bytes that were taken.
    at: u64,
}

struct Hashed {
    file: File,
    sha256: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.sha256.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.at += length(count);
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.file.consume(count);
        self.at += length(count);
    }
}

/// The unpacked content of a package. Reading ends where no further member follows: what else lies
/// behind the last one (the original fills its files up with zeros) is left out.
pub(super) struct Content {
    /// None at the end.
    member: Option<GzDecoder<Input>>,
    /// What is left of the file behind the last member.
    rest: Option<Input>,
    place: Place,
    crc32: crc32fast::Hasher,
    /// Size of the file.
    pub(super) packed: u64,
    limits: Limits,
}

impl Content {
    /// Of a file whose size is known, from its beginning.
    ///
    /// # Errors
    /// When it does not begin as gzip does.
    pub(super) fn open(file: File, packed: u64, limits: Limits) -> Result<Self, PackageError> {
        let hashed = Hashed {
            file,
            sha256: Sha256::new(),
        };
        let mut input = Input {
            file: BufReader::with_capacity(BUFFER_BYTES, hashed),
            at: 0,
        };
        if !input.fill_buf()?.starts_with(&GZIP) {
            return Err(PackageError::refused("wrong package format"));
        }
        Ok(Self {
            member: Some(GzDecoder::new(input)),
            rest: None,
            place: Place::default(),
            crc32: crc32fast::Hasher::new(),
            packed,
            limits,
        })
    }

    /// Where it was read to.
    pub(super) fn place(&self) -> Place {
        Place {
            crc32: self.crc32.clone().finalize(),
            ..self.place.clone()
        }
    }

    /// Reads the member to its end, so that its checksum is compared, and then the file, so that all of
    /// it is hashed.
    ///
    /// # Errors
    /// When the member is damaged or cut off, or larger than allowed.
    pub(super) fn finish(mut self) -> Result<crate::app::Sha256, PackageError> {
        let mut buffer = vec![0; 64 << 10];
        while let Some(member) = &mut self.member {
            match member.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.seen(buffer.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        let input = match (self.member.take(), self.rest.take()) {
            (Some(member), _) => Some(member.into_inner()),
            (None, rest) => rest,
        };
        let Some(mut input) = input else {
            return Err(PackageError::refused("the package is cut off"));
        };
        io::copy(&mut input, &mut io::sink())?;
        let hashed = input.file.into_inner();
        Ok(crate::app::Sha256(hashed.sha256.finalize().into()))
    }

    /// Reads what there is, at least one byte except at the end.
    ///
    /// # Errors
    /// When the content is damaged or cut off, or larger than allowed.
    pub(super) fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, PackageError> {
        while let Some(member) = &mut self.member {
            let count = match member.read(buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            if count > 0 {
                self.seen(buffer.get(..count).unwrap_or_default())?;
                return Ok(count);
            }
            let Some(ended) = self.member.take() else {
                break;
            };
            let mut input = ended.into_inner();
            if input.fill_buf()?.starts_with(&GZIP) {
                self.place = Place {
                    member: input.at,
                    total: self.place.total,
                    ..Place::default()
                };
                self.crc32 = crc32fast::Hasher::new();
                self.member = Some(GzDecoder::new(input));
            } else {
                self.rest = Some(input);
            }
        }
        Ok(0)
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// Those of [`Content::read_some`], and when there are fewer.
    pub(super) fn read_all(&mut self, mut buffer: &mut [u8]) -> Result<(), PackageError> {
        while !buffer.is_empty() {
            let count = self.read_some(buffer)?;
            if count == 0 {
                return Err(PackageError::refused("the package is cut off"));
            }
            buffer = buffer.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn seen(&mut self, bytes: &[u8]) -> Result<(), PackageError> {
        let place = &mut self.place;
        place.out += length(bytes.len());
        place.total += length(bytes.len());
        self.crc32.update(bytes);
        let keep = LAST_BYTES.saturating_sub(bytes.len());
        let old = place.last.len().saturating_sub(keep);
        place.last.drain(..old);
        let new = bytes.len().saturating_sub(LAST_BYTES);
        place
            .last
            .extend_from_slice(bytes.get(new..).unwrap_or_default());

        let (total, limits) = (place.total, &self.limits);
        if total > limits.bytes {
            return Err(PackageError::refused(format!(
                "the package unpacks to more than {} bytes, which is not allowed",
                limits.bytes
            )));
        }
        if total > FREE_RATIO_BYTES && total / self.packed.max(1) > limits.ratio {
            return Err(PackageError::refused(format!(
                "the package unpacks to more than {} times its size, which is not allowed",
                limits.ratio
            )));
        }
        Ok(())
    }
}

/// What the unpacking says, in our words.
fn unreadable(error: io::Error) -> PackageError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => PackageError::refused("the package is cut off"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            PackageError::refused(format!("the package is damaged: {error}"))
        }
        _ => PackageError::Read(error),
    }
}

/// A length as a number of bytes.
pub(super) fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
