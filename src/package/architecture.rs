//! For which system a file was compiled, as Qt's application manager tells it: by the first bytes of
//! ELF, PE and Mach-O files, and by the notes that Android's compilers leave in the former.
//!
//! The strings are tokens: a device makes its own by the same rules and compares them. So the odd ones
//! stay as they are, e.g. `linux_unknown_be` for everything that is big endian.

use super::content::length;

/// What is kept of the beginning of a file: most of what counts lies there.
const HEAD_BYTES: u64 = 4096;

/// Bytes before the table of sections that are kept: the names of sections mostly lie there.
const BEFORE_TABLE_BYTES: u64 = 64 << 10;

/// From so many sections, or larger entries for them, on nobody looks at them.
const MANY_SECTIONS: u64 = 100;
const MAX_SECTION_BYTES: u64 = 128;

/// The type of sections that hold notes (ELF, `sh_type`).
const SHT_NOTE: u64 = 7;

/// How the names of Android's notes begin.
const ANDROID: &[u8] = b".note.android";

/// Where the header of a PE file begins: behind the place that tells it, and before this.
const PE_PLACE: u64 = 0x3c;
const MAX_PE_OFFSET: u64 = 1_000_000;

/// Entries of a universal Mach-O file; a class file of Java begins alike and says more.
const MAX_UNIVERSAL: u64 = 3;

/// Looks at the bytes of one file as they stream by, and keeps those that count.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Bytes that were seen.
    at: u64,
    ranges: Vec<Range>,
    /// Whether the head was complete and was looked at.
    looked: bool,
}

/// A part of a file.
#[derive(Debug)]
struct Range {
    begin: u64,
    length: u64,
    seen: Vec<u8>,
}

impl Range {
    fn new(begin: u64, length: u64) -> Self {
        Self {
            begin,
            length,
            seen: Vec::new(),
        }
    }

    /// Takes what belongs to it. The same bytes may come twice; what has gone by is lost.
    fn see(&mut self, bytes: &[u8], at: u64) {
        let next = self.begin + length(self.seen.len());
        let end = self.begin.saturating_add(self.length);
        let (Some(from), Some(to)) = (next.checked_sub(at), end.checked_sub(at)) else {
            return;
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let to = usize::try_from(to).unwrap_or(usize::MAX).min(bytes.len());
        self.seen
            .extend_from_slice(bytes.get(from..to).unwrap_or_default());
    }
}

/// What a file is compiled for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// For nothing: it is no program, or one of a kind that does not count.
    Nothing,
    /// For this architecture.
    Architecture(String),
    /// That cannot be told without these parts of the file (begin and length), which have gone by.
    Needs(Vec<(u64, u64)>),
}

/// Some bytes of a file that are not at hand.
enum Lack {
    /// The file ends before.
    Absent,
    /// They have gone by.
    Gone(u64, u64),
}

impl Default for Watcher {
    fn default() -> Self {
        Self::again(&[])
    }
}

impl Watcher {
    /// For one more pass over a file, to see these parts too.
    pub(super) fn again(parts: &[(u64, u64)]) -> Self {
        let parts = parts
            .iter()
            .map(|(begin, length)| Range::new(*begin, *length));
        let head = std::iter::once(Range::new(0, HEAD_BYTES));
        Self {
            at: 0,
            ranges: head.chain(parts).collect(),
            looked: false,
        }
    }

    /// The next bytes of the file.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        for range in &mut self.ranges {
            range.see(bytes, self.at);
        }
        if !self.looked && self.at + length(bytes.len()) >= HEAD_BYTES {
            self.looked = true;
            let mut wanted = self.wanted();
            for range in &mut wanted {
                range.see(bytes, self.at);
            }
            self.ranges.append(&mut wanted);
        }
        self.at += length(bytes.len());
    }

    /// What a head tells that it will need.
    fn wanted(&self) -> Vec<Range> {
        if let Some(elf) = Elf::read(self) {
            let table = elf.table();
            let Some((begin, count)) = table else {
                return Vec::new();
            };
            let from = begin.saturating_sub(BEFORE_TABLE_BYTES);
            return vec![Range::new(from, begin - from + count)];
        }
        match self.pe_offset() {
            Some(offset) => vec![Range::new(offset, 6)],
            None => Vec::new(),
        }
    }

    /// So many bytes of the file, if they were kept.
    fn get(&self, begin: u64, count: u64) -> Result<&[u8], Lack> {
        let inside = |range: &Range| {
            let from = usize::try_from(begin.checked_sub(range.begin)?).ok()?;
            let to = from.checked_add(usize::try_from(count).ok()?)?;
            range.seen.get(from..to).map(|_| (from, to))
        };
        for range in &self.ranges {
            if let Some((from, to)) = inside(range) {
                return Ok(range.seen.get(from..to).unwrap_or_default());
            }
        }
        if begin.checked_add(count).is_none_or(|end| end > self.at) {
            Err(Lack::Absent)
        } else {
            Err(Lack::Gone(begin, count))
        }
    }

    fn number(&self, begin: u64, count: u64, is_big: bool) -> Option<u64> {
        self.get(begin, count)
            .ok()
            .map(|digits| number(digits, is_big))
    }

    fn pe_offset(&self) -> Option<u64> {
        let offset = self.get(0, 2).ok().filter(|magic| *magic == b"MZ")?;
        debug_assert_eq!(offset.len(), 2);
        self.number(PE_PLACE, 4, false)
            .filter(|offset| (PE_PLACE + 1..MAX_PE_OFFSET).contains(offset))
    }

    /// The file has ended: what it is.
    pub(super) fn finish(&self) -> Found {
        if let Some(elf) = Elf::read(self) {
            return elf.found(self);
        }
        if let Some(offset) = self.pe_offset() {
            return match self.get(offset, 6) {
                Ok(header) => pe(header),
                Err(Lack::Absent) => Found::Nothing,
                Err(Lack::Gone(begin, count)) => Found::Needs(vec![(begin, count)]),
            };
        }
        match self.get(0, 8) {
            Ok([0xcf, 0xfa, 0xed, 0xfe, cpu @ ..]) => {
                let cpu = mach_cpu(number(cpu, false));
                let cpu = cpu.unwrap_or_else(|| "unknown".to_owned());
                Found::Architecture(format!("macos_{cpu}"))
            }
            Ok([0xca, 0xfe, 0xba, 0xbe, count @ ..]) => self.universal(number(count, true)),
            _ => Found::Nothing,
        }
    }

    fn universal(&self, count: u64) -> Found {
        if !(1..=MAX_UNIVERSAL).contains(&count) {
            return Found::Nothing;
        }
        let entries = (0..count).map(|entry| self.number(8 + 20 * entry, 4, true));
        let Some(cpus) = entries.collect::<Option<Vec<_>>>() else {
            return Found::Nothing;
        };
        let mut cpus: Vec<_> = cpus.into_iter().filter_map(mach_cpu).collect();
        cpus.sort();
        let cpus = if cpus.is_empty() {
            "unknown".to_owned()
        } else {
            cpus.join("+")
        };
        Found::Architecture(format!("macos_universal_{cpus}"))
    }
}

fn number(digits: &[u8], is_big: bool) -> u64 {
    let fold = |number: u64, digit: &u8| number << 8 | u64::from(*digit);
    if is_big {
        digits.iter().fold(0, fold)
    } else {
        digits.iter().rev().fold(0, fold)
    }
}

fn mach_cpu(cpu: u64) -> Option<String> {
    let bits = if cpu & 0x0100_0000 == 0 { 32 } else { 64 };
    match cpu & 0x00ff_ffff {
        0x07 => Some(format!("x86_{bits}")),
        0x0c => Some(format!("arm_{bits}")),
        _ => None,
    }
}

/// Of the six bytes where a PE header begins.
fn pe(header: &[u8]) -> Found {
    let Some(machine) = header.strip_prefix(b"PE\0\0") else {
        return Found::Nothing;
    };
    let cpu = match number(machine, false) {
        0x14c => "x86_32",
        0x8664 => "x86_64",
        0xaa64 => "arm_64",
        _ => "unknown",
    };
    Found::Architecture(format!("windows_{cpu}"))
}

/// What the head of an ELF file tells.
#[derive(Clone, Copy)]
struct Elf {
    is_32: bool,
    is_big: bool,
    machine: u64,
    /// The table of sections: where it begins, bytes of an entry, entries, which of them has the names.
    sections: Option<(u64, u64, u64, u64)>,
}

impl Elf {
    /// None of a file that is no ELF, or one for a system that does not count.
    fn read(file: &Watcher) -> Option<Self> {
        let head = file.get(0, 24).ok()?;
        // Version 1; System V or Linux.
        let [0x7f, b'E', b'L', b'F', class, data, 1, 0 | 3, ..] = head else {
            return None;
        };
        let (is_32, is_big) = (*class == 1, *data == 2);
        let number = |begin, count| file.number(begin, count, false);
        let sections = || {
            let (place, bytes, count, names) = if is_32 {
                (
                    number(0x20, 4)?,
                    number(0x2e, 2)?,
                    number(0x30, 2)?,
                    number(0x32, 2)?,
                )
            } else {
                (
                    number(0x28, 8)?,
                    number(0x3a, 2)?,
                    number(0x3c, 2)?,
                    number(0x3e, 2)?,
                )
            };
            let counts = count < MANY_SECTIONS && bytes <= MAX_SECTION_BYTES && names < count;
            (counts && place > 0).then_some((place, bytes, count, names))
        };
        Some(Self {
            is_32,
            is_big,
            machine: number(18, 2)?,
            sections: sections().filter(|_| !is_big),
        })
    }

    /// Where the table of sections lies.
    fn table(&self) -> Option<(u64, u64)> {
        let (begin, bytes, count, _) = self.sections?;
        Some((begin, bytes * count))
    }

    fn found(&self, file: &Watcher) -> Found {
        if self.is_big {
            return Found::Architecture("linux_unknown_be".to_owned());
        }
        let system = match self.is_android(file) {
            Ok(true) => "android",
            Ok(false) => "linux",
            Err(needed) => return Found::Needs(needed),
        };
        let cpu = match self.machine {
            0x03 | 0x3e => "x86",
            0x28 | 0xb7 => "arm",
            _ => return Found::Architecture(format!("{system}_unknown")),
        };
        let bits = if self.is_32 { 32 } else { 64 };
        Found::Architecture(format!("{system}_{cpu}_{bits}"))
    }

    /// Whether one of its notes is Android's.
    ///
    /// # Errors
    /// The parts of the file that this cannot be told without.
    fn is_android(&self, file: &Watcher) -> Result<bool, Vec<(u64, u64)>> {
        let Some((begin, bytes, count, names)) = self.sections else {
            return Ok(false);
        };
        let table = match file.get(begin, bytes * count) {
            Ok(table) => table,
            Err(Lack::Absent) => return Ok(false),
            Err(Lack::Gone(begin, count)) => return Err(vec![(begin, count)]),
        };
        let field = |section: u64, at: u64, count: u64| -> Option<u64> {
            if at + count > bytes {
                return None;
            }
            let from = usize::try_from(section * bytes + at).ok()?;
            let to = from + usize::try_from(count).ok()?;
            table.get(from..to).map(|digits| number(digits, false))
        };
        let names = if self.is_32 {
            field(names, 0x10, 4)
        } else {
            field(names, 0x18, 8)
        };
        let Some(names) = names else {
            return Ok(false);
        };
        let mut needed = Vec::new();
        for section in 0..count {
            if field(section, 4, 4) != Some(SHT_NOTE) {
                continue;
            }
            let place = field(section, 0, 4).and_then(|name| names.checked_add(name));
            let Some(place) = place else { continue };
            match file.get(place, length(ANDROID.len())) {
                Ok(name) if name == ANDROID => return Ok(true),
                Ok(_) | Err(Lack::Absent) => {}
                Err(Lack::Gone(begin, count)) => needed.push((begin, count)),
            }
        }
        if needed.is_empty() {
            Ok(false)
        } else {
            Err(needed)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a file is, however it is cut into pieces, in a second pass if needed.
    fn found(file: &[u8], piece: usize) -> Found {
        let pass = |mut watcher: Watcher| {
            for piece in file.chunks(piece) {
                watcher.see(piece);
            }
            watcher.finish()
        };
        let mut found = pass(Watcher::default());
        let mut needed = Vec::new();
        for _ in 0..2 {
            if let Found::Needs(parts) = &found {
                needed.extend(parts.clone());
                found = pass(Watcher::again(&needed));
            }
        }
        found
    }

    fn check(file: &[u8], expected: &str) {
        let expected = match expected {
            "" => Found::Nothing,
            token => Found::Architecture(token.to_owned()),
        };
        for piece in [1, 7, 100, 4096, 5000, 1 << 20] {
            assert_eq!(found(file, piece), expected, "in pieces of {piece}");
        }
    }

    /// An ELF file with sections of these types and names, so many bytes before and behind its names.
    fn elf(is_32: bool, machine: u16, sections: &[(u32, &str)], gap: usize) -> Vec<u8> {
        let mut file = b"\x7fELF".to_vec();
        file.extend([if is_32 { 1 } else { 2 }, 1, 1, 0]);
        file.resize(18, 0);
        file.extend(machine.to_le_bytes());
        file.resize(64, 0);
        if sections.is_empty() {
            return file;
        }
        file.resize(64 + gap, 0xaa);
        let names_begin = file.len();
        let mut places = Vec::new();
        for (_, name) in sections {
            places.push(u32::try_from(file.len() - names_begin).unwrap());
            file.extend(name.as_bytes());
            file.push(0);
        }
        file.resize(file.len() + gap, 0xbb);
        let table = file.len();
        let entry = if is_32 { 40 } else { 64 };
        for (number, (kind, _)) in sections.iter().enumerate() {
            let begin = file.len();
            file.extend(places[number].to_le_bytes());
            file.extend(kind.to_le_bytes());
            if is_32 {
                file.resize(begin + 0x10, 0);
                file.extend(u32::try_from(names_begin).unwrap().to_le_bytes());
            } else {
                file.resize(begin + 0x18, 0);
                file.extend(u64::try_from(names_begin).unwrap().to_le_bytes());
            }
            file.resize(begin + entry, 0);
        }
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        let counts = [
            u16::try_from(entry).unwrap(),
            u16::try_from(sections.len()).unwrap(),
            0,
        ];
        let counts: Vec<u8> = counts
            .iter()
            .flat_map(|count| count.to_le_bytes())
            .collect();
        if is_32 {
            put(0x20, &u32::try_from(table).unwrap().to_le_bytes());
            put(0x2e, &counts);
        } else {
            put(0x28, &u64::try_from(table).unwrap().to_le_bytes());
            put(0x3a, &counts);
        }
        file
    }

    #[test]
    fn programs_of_linux_and_android_are_told() {
        check(&elf(false, 0x3e, &[], 0), "linux_x86_64");
        check(&elf(true, 0x03, &[], 0), "linux_x86_32");
        check(&elf(false, 0xb7, &[], 0), "linux_arm_64");
        check(&elf(true, 0x28, &[], 0), "linux_arm_32");
        check(&elf(false, 0xf3, &[], 0), "linux_unknown");
        // The class counts, whatever the machine is.
        check(&elf(true, 0x3e, &[], 0), "linux_x86_32");
        let android = [
            (3, ".shstrtab"),
            (7, ".note.gnu.build-id"),
            (7, ".note.android.ident"),
        ];
        for gap in [0, 10, 70_000, 300_000] {
            check(&elf(false, 0xb7, &android, gap), "android_arm_64");
            check(&elf(true, 0x28, &android, gap), "android_arm_32");
            check(&elf(true, 0x03, &android, gap), "android_x86_32");
            check(&elf(false, 0x3e, &android[..2], gap), "linux_x86_64");
        }
        // A section of that name that holds no notes is none.
        check(
            &elf(
                false,
                0xb7,
                &[(3, ".shstrtab"), (1, ".note.android.ident")],
                0,
            ),
            "linux_arm_64",
        );
        let mut many = vec![(3, ".shstrtab"); 100];
        many[99] = (7, ".note.android.ident");
        check(&elf(false, 0xb7, &many, 0), "linux_arm_64");
        check(&elf(false, 0xb7, &many[1..], 0), "android_arm_64");
    }

    #[test]
    fn files_that_only_begin_like_elf_do_not_count() {
        let file = elf(false, 0x3e, &[], 0);
        let changed = |at: usize, byte: u8| {
            let mut file = file.clone();
            file[at] = byte;
            file
        };
        check(&changed(7, 9), "");
        check(&changed(7, 3), "linux_x86_64");
        check(&changed(6, 0), "");
        check(&changed(5, 2), "linux_unknown_be");
        check(&file[..23], "");
        check(&file[..24], "linux_x86_64");
        // A table that lies behind the end.
        check(&changed(0x28, 0xff), "linux_x86_64");
    }

    fn pe_file(offset: u32, machine: u16) -> Vec<u8> {
        let mut file = b"MZ".to_vec();
        file.resize(0x3c, 0);
        file.extend(offset.to_le_bytes());
        let at = usize::try_from(offset).unwrap();
        file.resize(at.max(file.len()), 0);
        file.extend(b"PE\0\0");
        file.extend(machine.to_le_bytes());
        file
    }

    #[test]
    fn programs_of_windows_are_told() {
        check(&pe_file(0x80, 0x14c), "windows_x86_32");
        check(&pe_file(0x40, 0x8664), "windows_x86_64");
        check(&pe_file(999_999, 0xaa64), "windows_arm_64");
        check(&pe_file(0x80, 0x1c4), "windows_unknown");
        check(&pe_file(1_000_000, 0x8664), "");
        check(&pe_file(0x3c, 0x8664), "");
        check(b"MZ", "");
        let mut none = pe_file(0x80, 0x8664);
        none[0x80] = b'X';
        check(&none, "");
    }

    fn universal(cpus: &[u32]) -> Vec<u8> {
        let mut file = vec![0xca, 0xfe, 0xba, 0xbe];
        file.extend(u32::try_from(cpus.len()).unwrap().to_be_bytes());
        for cpu in cpus {
            file.extend(cpu.to_be_bytes());
            file.extend([0; 16]);
        }
        file
    }

    #[test]
    fn programs_of_macos_are_told() {
        let thin = |cpu: u32| {
            let mut file = vec![0xcf, 0xfa, 0xed, 0xfe];
            file.extend(cpu.to_le_bytes());
            file
        };
        check(&thin(0x0100_0007), "macos_x86_64");
        check(&thin(0x0100_000c), "macos_arm_64");
        check(&thin(0x0100_0012), "macos_unknown");
        check(&[0xce, 0xfa, 0xed, 0xfe, 7, 0, 0, 0], "");
        check(&[0xfe, 0xed, 0xfa, 0xcf, 1, 0, 0, 7], "");
        let both = "macos_universal_arm_64+x86_64";
        check(&universal(&[0x0100_0007, 0x0100_000c]), both);
        check(&universal(&[0x0100_000c, 0x0100_0007]), both);
        check(&universal(&[0x0100_0007]), "macos_universal_x86_64");
        check(&universal(&[0x12]), "macos_universal_unknown");
        check(&universal(&[7; 4]), "");
        check(&universal(&[]), "");
        // A class file of Java 8.
        check(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 10], "");
    }

    #[test]
    fn other_files_are_for_no_system() {
        for file in [
            &b""[..],
            b"#!/bin/sh\n",
            b"!<arch>\n",
            b"\x7fELF",
            b"PK\x03\x04",
        ] {
            check(file, "");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic_and_two_more_passes_are_enough(
            mut file in prop::collection::vec(any::<u8>(), 0..9000),
            magic in prop::sample::select(vec![
                &b"\x7fELF\x02\x01\x01\0"[..], b"\x7fELF\x01\x01\x01\x03", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x02"
            ]),
            small in prop::collection::vec((0_usize..0x40, any::<u8>()), 0..20),
            piece in 1_usize..9000,
        ) {
            for (at, byte) in small {
                if let Some(place) = file.get_mut(at) {
                    *place = byte & 0x3f;
                }
            }
            file.splice(0..0, magic.iter().copied());
            prop_assert!(!matches!(found(&file, piece), Found::Needs(_)));
        }
    }
}
