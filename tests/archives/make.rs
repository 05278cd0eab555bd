//! Makes archives that no program makes.

use std::io::Write as _;

/// One entry; what it declares may be anything.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// As it stands in the archive.
    pub(super) name: Vec<u8>,
    pub(super) content: Vec<u8>,
    /// With the bits of its type.
    pub(super) mode: u32,
    /// Where a link leads.
    pub(super) link: String,
    /// Of a tar archive, where it is not that of the mode.
    pub(super) kind: u8,
    pub(super) size: Option<u64>,
    pub(super) crc32: Option<u32>,
    pub(super) method: Option<u16>,
    pub(super) flags: u16,
    pub(super) extra: Vec<u8>,
    /// In front of the content, where it is another.
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) offset: Option<u32>,
}

pub(super) fn entry(name: impl AsRef<[u8]>, mode: u32, content: impl AsRef<[u8]>) -> Entry {
    Entry {
        name: name.as_ref().to_vec(),
        content: content.as_ref().to_vec(),
        mode,
        link: String::new(),
        kind: 0,
        size: None,
        crc32: None,
        method: None,
        flags: 0,
        extra: Vec::new(),
        local_name: None,
        offset: None,
    }
}

pub(super) fn file(name: impl AsRef<[u8]>) -> Entry {
    entry(name, 0o100_644, "content")
}

pub(super) fn folder(name: impl AsRef<[u8]>) -> Entry {
    entry(name, 0o040_755, "")
}

pub(super) fn link(name: impl AsRef<[u8]>, to: &str) -> Entry {
    Entry {
        link: to.to_owned(),
        ..entry(name, 0o120_777, "")
    }
}

/// Of a tar archive, of any type.
pub(super) fn special(name: impl AsRef<[u8]>, kind: u8, to: &str) -> Entry {
    Entry {
        kind,
        link: to.to_owned(),
        ..entry(name, 0o644, "")
    }
}

pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::best();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::best();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let content = match entry.link.as_str() {
            "" => &entry.content[..],
            link => link.as_bytes(),
        };
        let packed = match entry.method {
            Some(0) => content.to_vec(),
            _ => deflate(content),
        };
        let offset = entry.offset.unwrap_or(u32::try_from(bytes.len()).unwrap());
        let mut common = entry.flags.to_le_bytes().to_vec();
        common.extend(entry.method.unwrap_or(8).to_le_bytes());
        common.extend([0; 4]);
        common.extend(
            entry
                .crc32
                .unwrap_or(crc32fast::hash(content))
                .to_le_bytes(),
        );
        common.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        let size = entry.size.unwrap_or(u64::try_from(content.len()).unwrap());
        common.extend(u32::try_from(size).unwrap().to_le_bytes());
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes.extend(b"PK\x03\x04\x14\0");
        bytes.extend(&common);
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        bytes.extend(length(name));
        bytes.extend(length(&entry.extra));
        bytes.extend(name);
        bytes.extend(&entry.extra);
        bytes.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x03\x14\0");
        directory.extend(&common);
        directory.extend(length(&entry.name));
        directory.extend(length(&entry.extra));
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let at = u32::try_from(bytes.len()).unwrap();
    let length = u32::try_from(directory.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len()).unwrap();
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

pub(super) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(tar_entry).collect();
    bytes.extend([0; 1024]);
    bytes
}

/// One entry of a tar archive; a name too long for it becomes one of GNU tar.
pub(super) fn tar_entry(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    if entry.name.len() > 100 {
        let long = Entry {
            name: b"././@LongLink".to_vec(),
            content: entry.name.clone(),
            ..special("", b'L', "")
        };
        bytes.extend(tar_entry(&long));
    }
    let mut block = [0_u8; 512];
    let name = &entry.name[..entry.name.len().min(100)];
    block[..name.len()].copy_from_slice(name);
    let kind = match (entry.kind, entry.mode & 0o170_000) {
        (0, 0o120_000) => b'2',
        (0, 0o040_000) => b'5',
        (0, _) => b'0',
        (kind, _) => kind,
    };
    block[100..107].copy_from_slice(format!("{:07o}", entry.mode & 0o7777).as_bytes());
    let size = entry
        .size
        .unwrap_or(u64::try_from(entry.content.len()).unwrap());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[157..157 + entry.link.len()].copy_from_slice(entry.link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = entry.crc32.unwrap_or(sum);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.extend(block);
    bytes.extend(&entry.content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A record of a pax header.
pub(super) fn pax(records: &[(&str, &str)]) -> Entry {
    let mut content = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let mut whole = rest.len() + 2;
        if whole >= 100 {
            whole += 1;
        }
        content.extend([format!("{whole:02}"), rest]);
    }
    Entry {
        content: content.into_bytes(),
        ..special("pax", b'x', "")
    }
}
