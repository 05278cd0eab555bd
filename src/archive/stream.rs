//! Compressed streams, member by member: files of several members are one content, and zeros behind
//! the last one, with which tapes and some servers fill up, are no error.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::kind::Compression;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 128 << 10;

/// What is in a file.
pub(super) enum Stream {
    Plain(BufReader<File>),
    Gzip(Box<Members<flate2::bufread::GzDecoder<BufReader<File>>>>),
    Bzip2(Members<bzip2::bufread::BzDecoder<BufReader<File>>>),
}

impl Stream {
    pub(super) fn new(file: File, compression: Compression) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, file);
        match compression {
            Compression::None => Self::Plain(input),
            Compression::Gzip => Self::Gzip(Box::new(Members::new(input))),
            Compression::Bzip2 => Self::Bzip2(Members::new(input)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(members) => members.read(buffer),
            Self::Bzip2(members) => members.read(buffer),
        }
    }
}

/// The content of one member.
pub(super) trait Member: Read + Sized {
    type Input: BufRead;
    fn begin(input: Self::Input) -> Self;
    fn end(self) -> Self::Input;
}

impl<R: BufRead> Member for flate2::bufread::GzDecoder<R> {
    type Input = R;
    fn begin(input: R) -> Self {
        Self::new(input)
    }
    fn end(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Member for bzip2::bufread::BzDecoder<R> {
    type Input = R;
    fn begin(input: R) -> Self {
        Self::new(input)
    }
    fn end(self) -> R {
        self.into_inner()
    }
}

/// The contents of all members, one after another.
pub(super) struct Members<M: Member> {
    /// None at the end.
    member: Option<M>,
}

impl<M: Member> Members<M> {
    fn new(input: M::Input) -> Self {
        Self {
            member: Some(M::begin(input)),
        }
    }
}

impl<M: Member> Read for Members<M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if let Some(ended) = self.member.take() {
                self.member = next_member(ended.end())?.map(M::begin);
            }
        }
        Ok(0)
    }
}

/// Leaves out zeros; the input where more than those follow.
fn next_member<R: BufRead>(mut input: R) -> io::Result<Option<R>> {
    let mut zeros = false;
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let count = bytes.iter().take_while(|byte| **byte == 0).count();
        if count < bytes.len() {
            if zeros || count > 0 {
                let message = "something follows the zeros behind its end";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            return Ok(Some(input));
        }
        zeros = true;
        input.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    fn bzip2(text: &str) -> Vec<u8> {
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text.as_bytes()).unwrap();
        bzip2.finish().unwrap()
    }

    /// Reads pieces one after another; answers the text, or the error.
    fn check<M: Member<Input = &'static [u8]>>(pieces: &[&[u8]]) -> Result<String, String> {
        let bytes: &'static [u8] = pieces.concat().leak();
        let mut text = String::new();
        match Members::<M>::new(bytes).read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(format!("{:?} {error}", error.kind())),
        }
    }

    #[test]
    fn members_follow_each_other_and_zeros_the_last() {
        type Gzip = flate2::bufread::GzDecoder<&'static [u8]>;
        type Bzip2 = bzip2::bufread::BzDecoder<&'static [u8]>;
        let (a, b) = (gzip("hello "), gzip("world"));
        let whole = || Ok("hello world".to_owned());
        assert_eq!(check::<Gzip>(&[&a, &b]), whole());
        assert_eq!(check::<Gzip>(&[&a, &b, &[0; 1000]]), whole());
        assert_eq!(check::<Gzip>(&[&a, &gzip(""), &b]), whole());
        assert!(check::<Gzip>(&[&a, &[0], &b]).is_err());
        assert!(check::<Gzip>(&[&a, b"junk"]).is_err());
        let cut = check::<Gzip>(&[&a, &b[..b.len() - 4]]);
        assert!(cut.unwrap_err().contains("UnexpectedEof"));
        let (a, b) = (bzip2("hello "), bzip2("world"));
        assert_eq!(check::<Bzip2>(&[&a, &b, &[0; 10]]), whole());
        assert!(check::<Bzip2>(&[&a, b"junk"]).is_err());
        let cut = check::<Bzip2>(&[&a, &b[..b.len() - 4]]);
        assert!(cut.unwrap_err().contains("UnexpectedEof"));
    }
}
