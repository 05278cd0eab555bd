//! Packages for Qt's application manager, made up byte by byte: by another way than the program's own.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

/// A package, part by part.
pub(super) struct Ampkg {
    id: String,
    header_id: String,
    manifest: String,
    files: Vec<(String, Vec<u8>)>,
    by_pax: bool,
}

impl Ampkg {
    /// One with a manifest and an icon.
    pub(super) fn new(id: &str, version: &str) -> Self {
        Self {
            id: id.to_owned(),
            header_id: id.to_owned(),
            manifest: format!(
                "icon: icon.png\nname: {{ en: '{id} in English', de: '{id} auf Deutsch' }}\nversion: '{version}'\n"
            ),
            files: vec![("icon.png".to_owned(), icon())],
            by_pax: false,
        }
    }

    /// Lines for the manifest.
    pub(super) fn says(mut self, lines: &str) -> Self {
        self.manifest.push_str(lines);
        self.manifest.push('\n');
        self
    }

    /// A file in it.
    pub(super) fn file(mut self, name: &str, content: &[u8]) -> Self {
        self.files.push((name.to_owned(), content.to_vec()));
        self
    }

    /// With another file for its icon.
    pub(super) fn icon(mut self, name: &str, content: &[u8]) -> Self {
        let said = format!("icon: {name}");
        self.manifest = self.manifest.replacen("icon: icon.png", &said, 1);
        self.bare().file(name, content)
    }

    /// With the names of its files in notes before them, as POSIX has it for long ones.
    pub(super) fn by_pax(mut self) -> Self {
        self.by_pax = true;
        self
    }

    /// Without its icon.
    pub(super) fn bare(mut self) -> Self {
        self.files.retain(|(name, _)| name != "icon.png");
        self
    }

    /// Another id in its header.
    pub(super) fn header_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.header_id);
        self
    }

    /// Its bytes.
    pub(super) fn build(&self) -> Vec<u8> {
        let manifest = format!(
            "formatType: am-package\nformatVersion: 1\n---\nid: '{}'\n{}applications:\n  - id: '{}'\n    code: main.qml\n    runtime: qml\n",
            self.id, self.manifest, self.id
        );
        let mut files = vec![("info.yaml".to_owned(), manifest.into_bytes())];
        files.extend(self.files.iter().cloned());
        let mut digest = Sha256::new();
        let mut archive = tar::Builder::new(Vec::new());
        let header = format!(
            "%YAML 1.1\n---\nformatType: 'am-package-header'\nformatVersion: 2\n---\ndiskSpaceUsed: 1000\npackageId: '{}'\n",
            self.header_id
        );
        append(&mut archive, "--PACKAGE-HEADER--", header.as_bytes());
        for (name, content) in &files {
            digest.update(content);
            digest.update(format!("F/{}/{name}", content.len()));
            if self.by_pax {
                let path = [("path", name.as_bytes())];
                archive.append_pax_extensions(path).unwrap();
                append(&mut archive, "short", content);
            } else {
                append(&mut archive, name, content);
            }
        }
        let digest: String = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let footer = format!(
            "%YAML 1.1\n---\nformatType: 'am-package-footer'\nformatVersion: 2\n---\ndigest: '{digest}'\n"
        );
        append(&mut archive, "--PACKAGE-FOOTER--", footer.as_bytes());
        let tar = archive.into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        let mut bytes = gzip.finish().unwrap();
        // As the original fills them up.
        bytes.resize(bytes.len().next_multiple_of(10_240), 0);
        bytes
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len().try_into().unwrap());
    header.set_mode(0o400);
    archive.append_data(&mut header, name, content).unwrap();
}

/// How a PNG begins; more of it is nobody's concern here.
pub(super) fn icon() -> Vec<u8> {
    b"\x89PNG\r\n\x1a\n and a picture".to_vec()
}

/// Bytes that do not become smaller, other ones for each seed.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The head of a program for Linux on x86-64, enough to be taken for one.
pub(super) fn program() -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16] = 2; // an executable
    elf[18] = 0x3e; // EM_X86_64
    elf[20] = 1;
    elf[52] = 64; // size of this head
    elf
}
