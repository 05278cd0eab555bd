//! Where a deflate stream can be left, to go on with other content (RFC 1951).
//!
//! A store that signs a package changes only its last bytes. What is before them need not be packed
//! anew: the stream is kept up to the last symbol that unpacks to nothing but old content, the block is
//! ended there by its own end mark, and new blocks follow. For that the symbols must be walked through
//! once; nothing is unpacked for it, only their lengths are added up. The content was unpacked and
//! checked by the library before, so here only the walk must not go astray.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Codes of up to so many bits are found in one step.
const QUICK_BITS: u32 = 9;
const MAX_BITS: usize = 15;

const END_OF_BLOCK: u16 = 256;

/// Lengths of symbols 257 to 285: the shortest, and how many bits are added (3.2.5).
const LENGTHS: [(u64, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Bits that are added to distances of symbols 0 to 29.
const DISTANCE_BITS: [u32; 30] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
];

/// In this order the lengths of the codes of lengths are written (3.2.7).
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Where a stream is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bytes of the file that are kept.
    pub(super) keep: u64,
    /// Bytes among them that are written otherwise: a block that was the last, or longer.
    pub(super) changes: Vec<(u64, u8)>,
    /// What is written behind them. Then the stream is at the beginning of a byte and of a block.
    pub(super) bridge: Vec<u8>,
    /// Unpacked bytes of the stream up to here; at most 257 fewer than asked for.
    pub(super) out: u64,
}

/// Leaves the gzip member that begins at `member` in the file behind `target` unpacked bytes, or a bit
/// before.
///
/// # Errors
/// When the file cannot be read, or is no such member.
pub(super) fn cut(file: &mut File, member: u64, target: u64) -> io::Result<Cut> {
    let mut bits = Bits::new(file, member)?;
    bits.skip_gzip_header()?;
    let mut walk = Walk {
        bits,
        out: 0,
        target,
        literals: Code::default(),
        distances: Code::default(),
    };
    walk.run()
}

fn astray() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the stream is not what it was when it was unpacked",
    )
}

/// A file as bits.
struct Bits<'a> {
    file: BufReader<&'a mut File>,
    /// The next bits, the first one lowest, and how many they are.
    held: u64,
    count: u32,
    /// Bytes of the file that were taken into `held`.
    at: u64,
}

impl<'a> Bits<'a> {
    fn new(file: &'a mut File, at: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(at))?;
        Ok(Self {
            file: BufReader::with_capacity(64 << 10, file),
            held: 0,
            count: 0,
            at,
        })
    }

    /// Holds at least 56 bits, as long as there are some.
    fn fill(&mut self) -> io::Result<()> {
        while self.count <= 56 {
            let bytes = self.file.fill_buf()?;
            if let Some(bytes) = bytes.first_chunk::<8>() {
                // So many whole bytes have room.
                let take = (64 - self.count) / 8;
                let more = u64::from_le_bytes(*bytes);
                let more = if take == 8 {
                    more
                } else {
                    more & ((1 << (8 * take)) - 1)
                };
                self.held |= more << self.count;
                self.count += 8 * take;
                self.at += u64::from(take);
                self.file.consume(usize::try_from(take).unwrap_or(0));
                return Ok(());
            }
            let Some(byte) = bytes.first() else {
                return Ok(());
            };
            self.held |= u64::from(*byte) << self.count;
            self.count += 8;
            self.at += 1;
            self.file.consume(1);
        }
        Ok(())
    }

    /// Drops bits that are held.
    fn drop(&mut self, count: u32) -> io::Result<()> {
        self.count = self.count.checked_sub(count).ok_or_else(astray)?;
        self.held = self.held.checked_shr(count).unwrap_or(0);
        Ok(())
    }

    /// Takes up to 32 bits.
    fn take(&mut self, count: u32) -> io::Result<u64> {
        if self.count < count {
            self.fill()?;
        }
        let bits = self.held & ((1 << count) - 1);
        self.drop(count)?;
        Ok(bits)
    }

    /// The place of the next bit in the file.
    fn place(&self) -> u64 {
        self.at * 8 - u64::from(self.count)
    }

    fn align(&mut self) -> io::Result<()> {
        self.drop(self.count % 8)
    }

    /// Leaves out whole bytes; the stream is at the beginning of one.
    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 && self.count >= 8 {
            self.drop(8)?;
            bytes -= 1;
        }
        // Behind the buffer it is a jump in the file.
        self.file
            .seek_relative(i64::try_from(bytes).map_err(|_| astray())?)?;
        self.at += bytes;
        Ok(())
    }

    /// RFC 1952, 2.3.
    fn skip_gzip_header(&mut self) -> io::Result<()> {
        if self.take(24)? != 0x08_8b1f {
            return Err(astray());
        }
        let flags = self.take(8)?;
        self.skip(6)?;
        if flags & 4 != 0 {
            let bytes = self.take(16)?;
            self.skip(bytes)?;
        }
        for text in [8, 16] {
            if flags & text != 0 {
                while self.take(8)? != 0 {}
            }
        }
        if flags & 2 != 0 {
            self.skip(2)?;
        }
        Ok(())
    }

    fn byte_at(&mut self, at: u64) -> io::Result<u8> {
        let mut byte = [0];
        let file = self.file.get_mut();
        let back = file.stream_position()?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut byte)?;
        file.seek(SeekFrom::Start(back))?;
        let [byte] = byte;
        Ok(byte)
    }
}

/// A Huffman code (3.2.2).
#[derive(Default)]
struct Code {
    /// By the next bits: a symbol and the length of its code, 0 when that is longer.
    quick: Vec<(u16, u8)>,
    /// How many codes there are of each length.
    counts: [u16; MAX_BITS + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
}

impl Code {
    /// Makes it anew of the lengths of the codes of all symbols.
    fn set(&mut self, lengths: &[u8]) -> io::Result<()> {
        self.counts = [0; MAX_BITS + 1];
        for length in lengths {
            *self
                .counts
                .get_mut(usize::from(*length))
                .ok_or_else(astray)? += 1;
        }
        let mut offsets = [0_usize; MAX_BITS + 2];
        let mut next = [0_u32; MAX_BITS + 2];
        let mut code = 0_u32;
        let mut offset = 0;
        for (bits, count) in self.counts.iter().enumerate().skip(1) {
            *offsets.get_mut(bits).ok_or_else(astray)? = offset;
            *next.get_mut(bits).ok_or_else(astray)? = code;
            offset += usize::from(*count);
            code = (code + u32::from(*count)) << 1;
        }
        self.symbols.clear();
        self.symbols.resize(offset, 0);
        self.quick.clear();
        self.quick.resize(1 << QUICK_BITS, (0, 0));
        for (symbol, bits) in (0_u16..).zip(lengths) {
            if *bits == 0 {
                continue;
            }
            let place = offsets.get_mut(usize::from(*bits)).ok_or_else(astray)?;
            *self.symbols.get_mut(*place).ok_or_else(astray)? = symbol;
            *place += 1;
            let code = next.get_mut(usize::from(*bits)).ok_or_else(astray)?;
            let reversed = reversed(*code, *bits);
            *code += 1;
            if u32::from(*bits) <= QUICK_BITS {
                let first = usize::try_from(reversed).unwrap_or(usize::MAX);
                let entries = self.quick.iter_mut().skip(first).step_by(1 << *bits);
                entries.for_each(|entry| *entry = (symbol, *bits));
            }
        }
        Ok(())
    }

    /// The symbol that the next bits mean, and how many they are. At least [`MAX_BITS`] are held, as
    /// long as there are some.
    fn next(&self, held: u64) -> io::Result<(u16, u32)> {
        let quick = usize::try_from(held & ((1 << QUICK_BITS) - 1)).unwrap_or(0);
        if let Some((symbol, bits @ 1..)) = self.quick.get(quick) {
            return Ok((*symbol, u32::from(*bits)));
        }
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for (bits, count) in (0_u32..).zip(&self.counts).skip(1) {
            code |= u32::from(held >> (bits - 1) & 1 == 1);
            let count = u32::from(*count);
            if let Some(at) = code.checked_sub(first)
                && at < count
            {
                let at = usize::try_from(index + at).unwrap_or(usize::MAX);
                let symbol = self.symbols.get(at).ok_or_else(astray)?;
                return Ok((*symbol, bits));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(astray())
    }

    /// The code of a symbol as it is written, and its length.
    fn code_of(&self, symbol: u16) -> io::Result<(u32, u8)> {
        let mut code = 0_u32;
        let mut symbols = self.symbols.iter();
        for (bits, count) in (0_u8..).zip(&self.counts).skip(1) {
            for number in 0..u32::from(*count) {
                if symbols.next() == Some(&symbol) {
                    return Ok((reversed(code + number, bits), bits));
                }
            }
            code = (code + u32::from(*count)) << 1;
        }
        Err(astray())
    }
}

/// Codes are written with their first bit first.
fn reversed(code: u32, bits: u8) -> u32 {
    if bits == 0 {
        return 0;
    }
    code.reverse_bits() >> (32 - u32::from(bits))
}

struct Walk<'a> {
    bits: Bits<'a>,
    out: u64,
    target: u64,
    literals: Code,
    distances: Code,
}

impl Walk<'_> {
    fn run(&mut self) -> io::Result<Cut> {
        loop {
            let block = self.bits.place();
            if self.out == self.target {
                return self.between_blocks(block);
            }
            let is_last = self.bits.take(1)? == 1;
            match self.bits.take(2)? {
                0 => {
                    self.bits.align()?;
                    let sizes = self.bits.take(32)?;
                    let (size, check) = (sizes & 0xffff, sizes >> 16);
                    if size ^ check != 0xffff {
                        return Err(astray());
                    }
                    let end = self.out + size;
                    if end > self.target || (is_last && end == self.target) {
                        return self.in_stored(block);
                    }
                    self.bits.skip(size)?;
                    self.out += size;
                }
                1 => {
                    let mut lengths = [8; 288];
                    lengths.iter_mut().skip(144).for_each(|length| *length = 9);
                    lengths.iter_mut().skip(256).for_each(|length| *length = 7);
                    lengths.iter_mut().skip(280).for_each(|length| *length = 8);
                    self.literals.set(&lengths)?;
                    self.distances.set(&[5; 30])?;
                    if let Some(place) = self.symbols()? {
                        return self.in_coded(block, place);
                    }
                }
                2 => {
                    self.codes()?;
                    if let Some(place) = self.symbols()? {
                        return self.in_coded(block, place);
                    }
                }
                _ => return Err(astray()),
            }
            if is_last {
                return Err(astray());
            }
        }
    }

    /// Reads the codes of a block (3.2.7).
    fn codes(&mut self) -> io::Result<()> {
        let literals = usize::try_from(self.bits.take(5)?).unwrap_or(0) + 257;
        let distances = usize::try_from(self.bits.take(5)?).unwrap_or(0) + 1;
        let count = usize::try_from(self.bits.take(4)?).unwrap_or(0) + 4;
        let mut lengths = [0_u8; 19];
        for place in ORDER.iter().take(count) {
            let bits = u8::try_from(self.bits.take(3)?).unwrap_or(0);
            *lengths.get_mut(*place).ok_or_else(astray)? = bits;
        }
        self.literals.set(&lengths)?;
        let mut all = Vec::with_capacity(320);
        while all.len() < literals + distances {
            self.bits.fill()?;
            let (symbol, bits) = self.literals.next(self.bits.held)?;
            self.bits.drop(bits)?;
            let (length, times) = match symbol {
                0..16 => (u8::try_from(symbol).unwrap_or(0), 1),
                16 => (*all.last().ok_or_else(astray)?, 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                _ => (0, 11 + self.bits.take(7)?),
            };
            let times = usize::try_from(times).unwrap_or(0);
            all.extend(std::iter::repeat_n(length, times));
        }
        if all.len() > literals + distances {
            return Err(astray());
        }
        let (literals, distances) = all.split_at(literals);
        self.literals.set(literals)?;
        self.distances.set(distances)
    }

    /// Walks through a block; answers the place of the symbol before which the stream is left, if that
    /// is in this block.
    fn symbols(&mut self) -> io::Result<Option<u64>> {
        loop {
            if self.out == self.target {
                return Ok(Some(self.bits.place()));
            }
            // A length and a distance have 48 bits at most.
            if self.bits.count < 48 {
                self.bits.fill()?;
            }
            let place = self.bits.place();
            let (symbol, bits) = self.literals.next(self.bits.held)?;
            self.bits.drop(bits)?;
            if symbol < END_OF_BLOCK {
                self.out += 1;
                continue;
            }
            if symbol == END_OF_BLOCK {
                return Ok(None);
            }
            let number = usize::from(symbol - END_OF_BLOCK - 1);
            let (length, bits) = LENGTHS.get(number).ok_or_else(astray)?;
            let length = length + self.bits.take(*bits)?;
            if self.out + length > self.target {
                return Ok(Some(place));
            }
            let (distance, bits) = self.distances.next(self.bits.held)?;
            let more = DISTANCE_BITS
                .get(usize::from(distance))
                .ok_or_else(astray)?;
            self.bits.drop(bits + more)?;
            self.out += length;
        }
    }

    /// Bits of the byte at which something new begins.
    fn begun_byte(&mut self, place: u64) -> io::Result<Bridge> {
        let mut bridge = Bridge::default();
        let count = u32::try_from(place % 8).unwrap_or(0);
        if count > 0 {
            let byte = self.bits.byte_at(place / 8)?;
            bridge.put(u32::from(byte) & ((1 << count) - 1), count);
        }
        Ok(bridge)
    }

    fn between_blocks(&mut self, place: u64) -> io::Result<Cut> {
        let mut bridge = self.begun_byte(place)?;
        if !place.is_multiple_of(8) {
            bridge.align_by_empty_block();
        }
        Ok(Cut {
            keep: place / 8,
            changes: Vec::new(),
            bridge: bridge.bytes,
            out: self.out,
        })
    }

    /// Ends a block before the symbol at `place`.
    fn in_coded(&mut self, block: u64, place: u64) -> io::Result<Cut> {
        let (code, bits) = self.literals.code_of(END_OF_BLOCK)?;
        let mut bridge = self.begun_byte(place)?;
        bridge.put(code, u32::from(bits));
        bridge.align_by_empty_block();
        let mut cut = Cut {
            keep: place / 8,
            changes: Vec::new(),
            bridge: bridge.bytes,
            out: self.out,
        };
        self.not_last(block, &mut cut)?;
        Ok(cut)
    }

    /// Shortens a block that is stored as it is; its content begins here.
    fn in_stored(&mut self, block: u64) -> io::Result<Cut> {
        let content = self.bits.place() / 8;
        let size = self.target - self.out;
        let sizes = size | (size ^ 0xffff) << 16;
        let sizes = u32::try_from(sizes).map_err(|_| astray())?.to_le_bytes();
        let mut cut = Cut {
            keep: content + size,
            changes: (content - 4..).zip(sizes).collect(),
            bridge: Vec::new(),
            out: self.target,
        };
        self.not_last(block, &mut cut)?;
        Ok(cut)
    }

    /// A block behind which others come is not the last: the bit that says so is its first.
    fn not_last(&mut self, block: u64, cut: &mut Cut) -> io::Result<()> {
        let (at, bit) = (block / 8, block % 8);
        let cleared = |byte: u8| byte & !(1 << bit);
        if at < cut.keep {
            let byte = self.bits.byte_at(at)?;
            if byte != cleared(byte) {
                cut.changes.push((at, cleared(byte)));
            }
        } else if let Some(byte) = cut.bridge.first_mut() {
            *byte = cleared(*byte);
        }
        Ok(())
    }
}

/// Bits that are written.
#[derive(Default)]
struct Bridge {
    bytes: Vec<u8>,
    /// Bits of the last byte that are written; 0 when it is full.
    used: u32,
}

impl Bridge {
    fn put(&mut self, bits: u32, count: u32) {
        for number in 0..count {
            let bit = u8::from(bits >> number & 1 == 1);
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// A stored block of no content ends at the beginning of a byte.
    fn align_by_empty_block(&mut self) {
        self.put(0, 3);
        self.used = 0;
        self.bytes.extend([0, 0, 0xff, 0xff]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compress, Compression, FlushCompress, GzBuilder};
    use proptest::prelude::*;

    use super::*;

    /// Leaves the stream at a target, goes on with other content, and unpacks that.
    fn check(gzip: &[u8], content: &[u8], target: usize) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(gzip).unwrap();
        let target_bytes = u64::try_from(target).unwrap();
        let cut = cut(&mut file, 0, target_bytes).unwrap();
        assert!(cut.out <= target_bytes && target_bytes - cut.out < 258);
        let out = usize::try_from(cut.out).unwrap();
        let mut new = gzip[..usize::try_from(cut.keep).unwrap()].to_vec();
        for (at, byte) in cut.changes {
            new[usize::try_from(at).unwrap()] = byte;
        }
        new.extend(cut.bridge);
        let mut tail = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        tail.write_all(&content[out..target]).unwrap();
        tail.write_all(b"something else").unwrap();
        new.extend(tail.finish().unwrap());
        let expected = [&content[..target], b"something else"].concat();
        new.extend(crc32fast::hash(&expected).to_le_bytes());
        new.extend(u32::try_from(expected.len()).unwrap().to_le_bytes());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(new.as_slice())
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(unpacked == expected, "target {target} of {}", content.len());
    }

    fn packed(content: &[u8], level: u32) -> Vec<u8> {
        let mut gzip = GzBuilder::new()
            .filename("name")
            .comment("comment")
            .extra("extra")
            .write(Vec::new(), Compression::new(level));
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    /// Bytes without order, and of a few kinds only.
    fn noise(count: usize, kinds: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            u8::try_from(state >> 8 & 0xff).unwrap() % u8::try_from(kinds.min(255)).unwrap()
        };
        (0..count).map(|_| next()).collect()
    }

    fn check_all(gzip: &[u8], content: &[u8]) {
        let length = content.len();
        for target in [0, 1, 2, 257, 258, 259, 511, length / 2, length - 1, length] {
            if target <= length {
                check(gzip, content, target);
            }
        }
        for target in (0..length).step_by(length / 20 + 1) {
            check(gzip, content, target);
        }
    }

    #[test]
    fn streams_of_every_kind_of_block_can_be_left_anywhere() {
        let text: Vec<u8> = (0..30_000_u32)
            .flat_map(|number| format!("{} lines of text, ", number * number).into_bytes())
            .collect();
        for content in [
            b"short".to_vec(),
            vec![0; 100_000],
            text,
            noise(200_000, 255),
            noise(200_000, 3),
            [noise(70_000, 255), vec![7; 70_000], noise(70_000, 20)].concat(),
        ] {
            for level in [0, 1, 6, 9] {
                check_all(&packed(&content, level), &content);
            }
            let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::best());
            let mut gzip = vec![0; compressor.gzip_compress_bound(content.len())];
            let count = compressor.gzip_compress(&content, &mut gzip).unwrap();
            gzip.truncate(count);
            check_all(&gzip, &content);
        }
    }

    #[test]
    fn streams_with_empty_blocks_can_be_left() {
        let content = noise(5000, 200);
        let mut compress = Compress::new(Compression::default(), false);
        let mut out = vec![0; 100_000];
        for piece in content.chunks(500) {
            for flush in [
                FlushCompress::None,
                FlushCompress::Sync,
                FlushCompress::Sync,
            ] {
                let begin = usize::try_from(compress.total_out()).unwrap();
                let input = if flush == FlushCompress::None {
                    piece
                } else {
                    &[]
                };
                compress.compress(input, &mut out[begin..], flush).unwrap();
            }
        }
        let begin = usize::try_from(compress.total_out()).unwrap();
        compress
            .compress(&[], &mut out[begin..], FlushCompress::Finish)
            .unwrap();
        out.truncate(usize::try_from(compress.total_out()).unwrap());
        let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &out].concat();
        check_all(&gzip, &content);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_stream_can_be_left_anywhere(
            content in prop::collection::vec(prop_oneof![Just(0), Just(b'a'), any::<u8>()], 0..3000),
            level in 0_u32..10,
            part in 0_usize..=1000,
        ) {
            let target = content.len() * part / 1000;
            check(&packed(&content, level), &content, target);
        }

        #[test]
        fn what_is_no_stream_is_an_error_and_no_endless_walk(
            bytes in prop::collection::vec(any::<u8>(), 0..300), target in 0_u64..5000
        ) {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]).unwrap();
            file.write_all(&bytes).unwrap();
            let _ = cut(&mut file, 0, target);
        }
    }
}
