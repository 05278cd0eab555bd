//! What a package is: all checks of the format, in one pass over the file.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use super::architecture::{Found, Watcher};
use super::content::{Content, Place, length};
use super::digest::Digest;
use super::entries::{Entries, Entry, What};
use super::header::{Footer, Header, MAX_HEADER_BYTES};
use super::manifest::{MANIFEST, MAX_MANIFEST_BYTES, Manifest};
use super::signature::{Who, verify_digest};
use super::{Kind, Package, PackageError, SignatureError, SigningPlan, TrustStore, app};
use crate::archive::Limits;

/// Bytes that a package may have unless told otherwise, as the original has it.
pub const MAX_BYTES: u64 = 100 << 20;

/// An icon of so many bytes or more is not shown.
pub const MAX_ICON_BYTES: u64 = 1 << 20;

/// The file that is a package's icon, whatever the manifest says.
pub(super) const ICON: &str = "icon.png";

/// How PNG images begin.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Programs of an unusual form, which need a second look, in one package.
const MAX_SECOND_LOOKS: usize = 5000;

/// What a package must hold to.
#[derive(Clone, Debug)]
pub struct Checks<'a> {
    /// The file may have this many bytes.
    pub max_bytes: u64,
    /// Those who must vouch for it, which they cannot for an app of ours; none when a developer's
    /// signature is not asked for.
    pub developers: Option<&'a TrustStore>,
    /// What may be in it.
    pub limits: Limits,
}

impl Default for Checks<'_> {
    fn default() -> Self {
        Self {
            max_bytes: MAX_BYTES,
            developers: None,
            limits: Limits::default(),
        }
    }
}

/// A package, and its icon.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// What it is.
    pub package: Package,
    /// Its icon: the root file `icon.png`, else the manifest's icon if that is a PNG. Never empty, and
    /// smaller than [`MAX_ICON_BYTES`].
    pub icon: Option<Vec<u8>>,
}

/// Reads a package from its beginning to its end and checks everything. It blocks.
///
/// # Errors
/// [`PackageError`], as a sentence for whoever sent the package.
pub fn inspect(path: &Path, checks: &Checks<'_>) -> Result<Inspected, PackageError> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > checks.max_bytes {
        return Err(PackageError::refused(format!(
            "package file is too large: it has {bytes} bytes, {} are allowed",
            checks.max_bytes
        )));
    }
    if app::is_zip(&file)? {
        if checks.developers.is_some() {
            // Nobody signs these, so that nobody can vouch for one.
            let who = Who::Developer;
            return Err(SignatureError::Missing { who }.into());
        }
        return app::inspect(path, bytes, &checks.limits);
    }
    let read = Read::whole(file, bytes, &checks.limits)?;
    read.inspected(path, bytes, checks)
}

/// A package that was read to its end.
pub(super) struct Read {
    pub(super) header: Header,
    /// Where the files begin in the content.
    pub(super) files: u64,
    /// Where the footers begin.
    pub(super) footers: Place,
    pub(super) footer: Footer,
    /// Text of the manifest.
    manifest: Vec<u8>,
    /// Contents of PNG files that may be the icon, by path.
    icons: HashMap<String, Vec<u8>>,
    /// What the files are compiled for.
    architectures: Vec<String>,
    /// Numbers of files whose architecture is not clear yet, with the parts that are needed.
    second_looks: HashMap<usize, Vec<(u64, u64)>>,
    /// Of the complete file.
    sha256: crate::app::Sha256,
}

impl Read {
    /// Reads a package whose size is known, and compares its digest.
    pub(super) fn whole(file: File, bytes: u64, limits: &Limits) -> Result<Self, PackageError> {
        let content = Content::open(file, bytes, limits.clone())?;
        let mut entries = Entries::new(content, limits.clone());
        let Some(first) = entries.next()? else {
            return Err(PackageError::refused("the package is empty"));
        };
        let text = entries.read_whole(&first, MAX_HEADER_BYTES)?;
        let header = Header::read(&text).map_err(|error| {
            PackageError::refused(format!("the package's header is wrong: {error}"))
        })?;
        let mut files = Files {
            digest: Digest::new(header.extra_signed.as_ref()),
            manifest: None,
            icon: None,
            icons: HashMap::new(),
            architectures: Vec::new(),
            second_looks: HashMap::new(),
            count: 0,
            buffer: vec![0; BUFFER_BYTES],
        };
        let mut begin = None;
        let mut footers = None;
        let mut text = Vec::new();
        while let Some(entry) = entries.next()? {
            begin.get_or_insert(entries.begin().total);
            match entry.what {
                What::Header => {}
                What::Folder => files.digest.folder(&entry.name),
                What::File => files.file(&entry, &mut entries)?,
                What::Footer => {
                    footers.get_or_insert_with(|| entries.begin().clone());
                    let left = MAX_HEADER_BYTES.saturating_sub(length(text.len()));
                    text.append(&mut entries.read_whole(&entry, left)?);
                }
            }
        }
        let footers = footers.ok_or_else(|| PackageError::refused("the package has no footer"))?;
        let footer = Footer::read(&text).map_err(|error| {
            PackageError::refused(format!("the package's footer is wrong: {error}"))
        })?;
        let sha256 = entries.into_content().finish()?;
        if files.digest.finish() != footer.digest {
            return Err(PackageError::refused(
                "the package is not what it was when it was made: its digest does not match",
            ));
        }
        Ok(Self {
            header,
            files: begin.unwrap_or(footers.total),
            footers,
            footer,
            manifest: files.manifest.unwrap_or_default(),
            icons: files.icons,
            architectures: files.architectures,
            second_looks: files.second_looks,
            sha256,
        })
    }

    fn inspected(
        mut self,
        path: &Path,
        bytes: u64,
        checks: &Checks<'_>,
    ) -> Result<Inspected, PackageError> {
        // A table of sections may tell of names that have gone by as well.
        for _ in 0..2 {
            if !self.second_looks.is_empty() {
                self.look_again(path, bytes, &checks.limits)?;
            }
        }
        let architecture = only(std::mem::take(&mut self.architectures))?;
        if let Some(developers) = checks.developers {
            let signature = self.footer.developer_signature.as_deref();
            let digest = &self.footer.digest;
            verify_digest(Who::Developer, signature, digest, None, developers)?;
        }
        let manifest = Manifest::read(&self.manifest).map_err(|error| {
            PackageError::refused(format!("the package's {MANIFEST} is wrong: {error}"))
        })?;
        if manifest.id != self.header.id {
            return Err(PackageError::refused(format!(
                "the package's header says the id `{}` and its {MANIFEST} says `{}`, which no device takes",
                self.header.id, manifest.id
            )));
        }
        let icon = self.icon(&manifest, path, bytes, &checks.limits)?;
        let plan = SigningPlan::new(
            &mut File::open(path)?,
            &self.header,
            self.files,
            &self.footers,
            &self.footer,
        );
        Ok(Inspected {
            package: Package {
                id: manifest.id,
                kind: Kind::Ampkg,
                architecture,
                version: manifest.version,
                names: manifest.names,
                descriptions: manifest.descriptions,
                categories: manifest.categories,
                bytes,
                sha256: self.sha256,
                developer_signed: self.footer.developer_signature.is_some(),
                plan: Some(plan),
            },
            icon,
        })
    }

    /// The icon: one that was kept, or, when the manifest came behind it, found by one more pass.
    fn icon(
        &mut self,
        manifest: &Manifest,
        path: &Path,
        bytes: u64,
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, PackageError> {
        if let Some(icon) = self.icons.remove(ICON) {
            return Ok(Some(icon));
        }
        let Some(icon) = manifest
            .icon
            .as_deref()
            .map(cleaned)
            .filter(|icon| icon != ICON)
        else {
            return Ok(None);
        };
        if let Some(icon) = self.icons.remove(&icon) {
            return Ok(Some(icon).filter(|icon| icon.starts_with(PNG)));
        }
        let mut entries = again(path, bytes, limits)?;
        while let Some(entry) = entries.next()? {
            if entry.what == What::File && entry.path == icon {
                if entry.size >= MAX_ICON_BYTES {
                    return Ok(None);
                }
                let icon = entries.read_whole(&entry, MAX_ICON_BYTES)?;
                return Ok(Some(icon).filter(|icon| icon.starts_with(PNG)));
            }
        }
        Ok(None)
    }

    /// Reads the files once more whose architecture was not clear from what was kept of them.
    fn look_again(&mut self, path: &Path, bytes: u64, limits: &Limits) -> Result<(), PackageError> {
        let mut wanted = std::mem::take(&mut self.second_looks);
        let mut entries = again(path, bytes, limits)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut number = 0;
        while let Some(entry) = entries.next()? {
            if entry.what != What::File {
                continue;
            }
            number += 1;
            let Some(mut parts) = wanted.remove(&number) else {
                continue;
            };
            let mut watcher = Watcher::again(&parts);
            loop {
                let count = entries.read_some(&mut buffer)?;
                if count == 0 {
                    break;
                }
                watcher.see(buffer.get(..count).unwrap_or_default());
            }
            match watcher.finish() {
                Found::Nothing => {}
                Found::Architecture(found) => self.architectures.push(found),
                Found::Needs(more) => {
                    parts.extend(more);
                    self.second_looks.insert(number, parts);
                }
            }
            if wanted.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Bytes of a file that are handled at once.
const BUFFER_BYTES: usize = 64 << 10;

/// One more pass over a package.
fn again(path: &Path, bytes: u64, limits: &Limits) -> Result<Entries, PackageError> {
    let content = Content::open(File::open(path)?, bytes, limits.clone())?;
    Ok(Entries::new(content, limits.clone()))
}

/// A path as the entries have theirs.
fn cleaned(path: &str) -> String {
    let parts: Vec<_> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    parts.join("/")
}

/// The one architecture of a package.
pub(super) fn only(mut architectures: Vec<String>) -> Result<Option<String>, PackageError> {
    architectures.sort();
    architectures.dedup();
    match architectures.as_slice() {
        [] | [_] => Ok(architectures.pop()),
        [one, other, ..] => Err(PackageError::refused(format!(
            "mixed architectures: {one} and {other}; make a package of each"
        ))),
    }
}

/// What is gathered from the files as they go by.
struct Files {
    digest: Digest,
    manifest: Option<Vec<u8>>,
    /// The icon of the manifest, once that was read.
    icon: Option<String>,
    icons: HashMap<String, Vec<u8>>,
    architectures: Vec<String>,
    second_looks: HashMap<usize, Vec<(u64, u64)>>,
    count: usize,
    buffer: Vec<u8>,
}

impl Files {
    fn file(&mut self, entry: &Entry, entries: &mut Entries) -> Result<(), PackageError> {
        self.count += 1;
        let is_icon = entry.path == ICON || self.icon.as_ref() == Some(&entry.path);
        if entry.path == MANIFEST {
            let text = entries.read_whole(entry, MAX_MANIFEST_BYTES)?;
            self.digest.content(&text);
            // A wrong one is told when all else was checked.
            let manifest = Manifest::read(&text).ok();
            self.icon = manifest.and_then(|manifest| manifest.icon.as_deref().map(cleaned));
            self.manifest = Some(text);
        } else if is_icon && entry.size > 0 && entry.size < MAX_ICON_BYTES {
            let icon = entries.read_whole(entry, MAX_ICON_BYTES)?;
            self.digest.content(&icon);
            self.watch(|watcher| watcher.see(&icon))?;
            self.icons.insert(entry.path.clone(), icon);
        } else {
            let mut watcher = Watcher::default();
            loop {
                let count = entries.read_some(&mut self.buffer)?;
                if count == 0 {
                    break;
                }
                let piece = self.buffer.get(..count).unwrap_or_default();
                self.digest.content(piece);
                watcher.see(piece);
            }
            self.found(&watcher)?;
        }
        self.digest.file(entry.size, &entry.name);
        Ok(())
    }

    fn watch(&mut self, see: impl FnOnce(&mut Watcher)) -> Result<(), PackageError> {
        let mut watcher = Watcher::default();
        see(&mut watcher);
        self.found(&watcher)
    }

    fn found(&mut self, watcher: &Watcher) -> Result<(), PackageError> {
        match watcher.finish() {
            Found::Nothing => {}
            Found::Architecture(found) => {
                if !self.architectures.contains(&found) {
                    self.architectures.push(found);
                }
            }
            Found::Needs(parts) => {
                self.second_looks.insert(self.count, parts);
                if self.second_looks.len() > MAX_SECOND_LOOKS {
                    return Err(PackageError::refused(
                        "the package has too many programs whose sections lie in unusual places",
                    ));
                }
            }
        }
        Ok(())
    }
}
