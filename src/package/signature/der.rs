//! The encoding that certificates, keys and signatures are written in: DER, and of BER what macOS and
//! Windows still write, lengths that are told by an end mark and octets in pieces (ITU-T X.690).

use std::borrow::Cow;

/// Elements within each other whose length is told by an end mark.
const MAX_DEPTH: usize = 32;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BITS: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// `[number]` around an element, or in place of the tag of one that has others in it.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[number]` in place of the tag of an element that has no others in it.
pub(super) const fn context_plain(number: u8) -> u8 {
    0x80 | number
}

/// What does not read as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is damaged, or of another kind")]
pub(super) struct Malformed;

/// One element: its tag, what is in it, and all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    pub(super) fn reader(&self) -> Reader<'a> {
        Reader::new(self.body)
    }

    /// The octets of a string, also of one in pieces.
    pub(super) fn octets(&self) -> Result<Cow<'a, [u8]>, Malformed> {
        // The bit says that there are elements inside.
        if self.tag & 0x20 == 0 {
            return Ok(Cow::Borrowed(self.body));
        }
        let mut octets = Vec::new();
        let mut pieces = self.reader();
        while let Some(piece) = pieces.next()? {
            if piece.tag != OCTETS {
                return Err(Malformed);
            }
            octets.extend_from_slice(piece.body);
        }
        Ok(Cow::Owned(octets))
    }

    /// A number that is not negative and not large.
    pub(super) fn number(&self) -> Result<u64, Malformed> {
        let mut digits = self.body;
        while let Some((0, rest)) = digits.split_first() {
            digits = rest;
        }
        if self.body.first().is_none_or(|first| first & 0x80 != 0) || digits.len() > 8 {
            return Err(Malformed);
        }
        Ok(digits
            .iter()
            .fold(0, |number, digit| number << 8 | u64::from(*digit)))
    }

    /// What is in a bit string of whole octets.
    pub(super) fn bits(&self) -> Result<&'a [u8], Malformed> {
        match self.body.split_first() {
            Some((0, octets)) => Ok(octets),
            _ => Err(Malformed),
        }
    }
}

/// Reads elements one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next element; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (element, rest) = element(self.rest, 0)?;
        self.rest = rest;
        Ok(Some(element))
    }

    /// The next element, which must be of this kind.
    pub(super) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        let element = self.next()?.ok_or(Malformed)?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(Malformed)
        }
    }

    /// The next element if it is of this kind.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.rest.first() == Some(&tag) {
            self.next()
        } else {
            Ok(None)
        }
    }

    /// The next element, which must be a string of octets, in one piece or in several.
    pub(super) fn octets(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        let element = self.next()?.ok_or(Malformed)?;
        if element.tag & !0x20 == OCTETS {
            element.octets()
        } else {
            Err(Malformed)
        }
    }
}

/// The first element of some bytes, and what follows it.
fn element(bytes: &[u8], depth: usize) -> Result<(Element<'_>, &[u8]), Malformed> {
    let (&tag, rest) = bytes.split_first().ok_or(Malformed)?;
    let (&length, mut rest) = rest.split_first().ok_or(Malformed)?;
    // Tags of several octets are in nothing that we read.
    if tag & 0x1f == 0x1f || depth > MAX_DEPTH {
        return Err(Malformed);
    }
    let (body, after) = match length {
        0..0x80 => rest
            .split_at_checked(usize::from(length))
            .ok_or(Malformed)?,
        0x80 => {
            if tag & 0x20 == 0 {
                return Err(Malformed);
            }
            let begin = rest;
            loop {
                if let Some(after) = rest.strip_prefix(&[0, 0]) {
                    let count = begin.len() - rest.len();
                    break (begin.get(..count).ok_or(Malformed)?, after);
                }
                (_, rest) = element(rest, depth + 1)?;
            }
        }
        0x81..=0x84 => {
            let (digits, rest) = rest
                .split_at_checked(usize::from(length & 0x7f))
                .ok_or(Malformed)?;
            let length = digits
                .iter()
                .fold(0_u64, |length, digit| length << 8 | u64::from(*digit));
            let length = usize::try_from(length).map_err(|_| Malformed)?;
            rest.split_at_checked(length).ok_or(Malformed)?
        }
        0x85.. => return Err(Malformed),
    };
    let whole = bytes.get(..bytes.len() - after.len()).ok_or(Malformed)?;
    Ok((Element { tag, body, whole }, after))
}

/// An element of these parts.
pub(super) fn written(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out.push(short);
    } else {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let digits = digits.get(zeros..).unwrap_or_default();
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
        out.extend_from_slice(digits);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_that_are_told_by_an_end_mark_are_read() {
        let bytes = [
            0x30, 0x80, 0x24, 0x80, 0x04, 1, b'a', 0x04, 2, b'b', b'c', 0, 0, 0x02, 1, 5, 0, 0, 9,
        ];
        let mut reader = Reader::new(&bytes);
        let mut inner = reader.expect(SEQUENCE).unwrap().reader();
        assert_eq!(inner.octets().unwrap().as_ref(), b"abc");
        assert_eq!(inner.expect(INTEGER).unwrap().number(), Ok(5));
        assert!(inner.next().unwrap().is_none());
        assert_eq!(reader.rest, [9]);
    }

    #[test]
    fn what_is_cut_off_or_lies_is_malformed() {
        for bytes in [
            &[0x30][..],
            &[0x30, 5, 1],
            &[0x30, 0x80],
            &[0x04, 0x80, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x3f, 0],
            &[0x30, 0x80].repeat(1000),
        ] {
            assert_eq!(
                Reader::new(bytes).next().err(),
                Some(Malformed),
                "{bytes:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(body in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let bytes = written(OCTETS, &[&body]);
            let read = Reader::new(&bytes).octets().unwrap();
            prop_assert_eq!(read.as_ref(), body);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(Some(element)) = reader.next() {
                let _ = (element.octets(), element.number(), element.bits());
            }
        }
    }
}
