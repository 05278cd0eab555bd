//! Our own apps on the shelf of a package server: zips with an `install.json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256 as Hasher};

use super::architecture::{Found, Watcher};
use super::inspect::{ICON, Inspected, MAX_ICON_BYTES, PNG};
use super::{Kind, Package, PackageError};
use crate::app::parse::{self, INSTALL_FILE, STORE_FILE};
use crate::app::placeholder::Builtins;
use crate::app::{AppName, Config, InstallInfo, Problem, Scope, Sha256, StoreInfo};
use crate::archive::{self, ArchiveError, Limits};

/// Manifests are small.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Stands for the app's folder while the path of its program is made out.
const FOLDER: &str = "/app";

/// The language of texts that do not say theirs.
const LANGUAGE: &str = "en";

/// Whether a file begins as zip archives do. The place in the file is the beginning again.
pub(super) fn is_zip(mut file: &File) -> io::Result<bool> {
    use std::io::Seek as _;
    let mut head = Vec::new();
    file.take(4).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head == b"PK\x03\x04")
}

/// Reads an app's package from its beginning to its end.
pub(super) fn inspect(path: &Path, bytes: u64, limits: &Limits) -> Result<Inspected, PackageError> {
    let read = read(path, bytes, limits);
    if let Err(PackageError::Refused(_)) = &read {
        // Where it could not be read on, the disk may be to blame and not the package.
        checksum(path)?;
    }
    read
}

fn read(path: &Path, bytes: u64, limits: &Limits) -> Result<Inspected, PackageError> {
    let manifest = |name: &str| -> Result<Option<String>, PackageError> {
        let text = archive::read_entry(path, name, MAX_MANIFEST_BYTES, limits).map_err(refused)?;
        Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
    };
    let Some(text) = manifest(INSTALL_FILE)? else {
        return Err(PackageError::refused(format!(
            "the package has no {INSTALL_FILE}, neither at its top nor in its one top folder"
        )));
    };
    let (install, problems) = parse::install(&text);
    sound(&problems)?;
    let name = AppName::parse(&install.name).map_err(|error| {
        PackageError::refused(format!("the name in the package's {INSTALL_FILE}: {error}"))
    })?;
    let store = match manifest(STORE_FILE)? {
        Some(text) => {
            let (store, problems) = parse::store(&text);
            sound(&problems)?;
            Some(store)
        }
        None => None,
    };
    let store = store.unwrap_or_default();
    let program = program(&name, &install, &store);
    let icons = icons(&install, &store);

    let mut watcher = Watcher::default();
    let mut found: Vec<Vec<u8>> = vec![Vec::new(); icons.len()];
    archive::visit_zip(path, limits, &mut |file, piece| {
        let is_program = |program: &String| {
            file == program || file.strip_suffix(".exe") == Some(program.as_str())
        };
        if program.as_ref().is_some_and(is_program) {
            watcher.see(piece);
        }
        for (icon, content) in icons.iter().zip(&mut found) {
            let room = usize::try_from(MAX_ICON_BYTES)
                .unwrap_or(usize::MAX)
                .saturating_sub(content.len());
            if file == icon {
                content.extend(piece.iter().take(room));
            }
        }
    })
    .map_err(refused)?;

    let is_icon = |icon: &Vec<u8>| {
        icon.starts_with(PNG) && u64::try_from(icon.len()).is_ok_and(|size| size < MAX_ICON_BYTES)
    };
    let architecture = match watcher.finish() {
        Found::Architecture(found) => Some(found),
        // A program whose sections lie in unusual places; only Android's notes are in doubt.
        Found::Nothing | Found::Needs(_) => None,
    };
    let either = |one: &str, other: &str| if one.is_empty() { other } else { one }.to_owned();
    let text = |text: String| -> BTreeMap<String, String> {
        let texts = (!text.is_empty()).then(|| (LANGUAGE.to_owned(), text));
        texts.into_iter().collect()
    };
    let category = either(&install.category, &store.category);
    Ok(Inspected {
        package: Package {
            id: name.as_str().to_owned(),
            kind: Kind::App,
            architecture,
            version: install.version.clone(),
            names: text(install.name.clone()),
            descriptions: text(either(&install.desc, &store.desc)),
            categories: Some(category)
                .into_iter()
                .filter(|name| !name.is_empty())
                .collect(),
            bytes,
            sha256: checksum(path)?,
            developer_signed: false,
            plan: None,
        },
        icon: found.into_iter().find(is_icon),
    })
}

/// What is wrong with an archive is the sender's mistake, but not what is wrong with our disk.
fn refused(error: ArchiveError) -> PackageError {
    match error {
        ArchiveError::Open { source, .. } | ArchiveError::File { source, .. } => {
            match source.kind() {
                // A place that no file has, where the archive says that there is more of it.
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    PackageError::refused(format!("the package is damaged: {source}"))
                }
                _ => PackageError::Read(source),
            }
        }
        ArchiveError::Format { reason, .. } | ArchiveError::Limit { reason, .. } => {
            PackageError::refused(format!("the package cannot be read: {reason}"))
        }
        ArchiveError::Entry { entry, reason, .. } => {
            PackageError::refused(format!("the entry `{entry}` {reason}"))
        }
        ArchiveError::Canceled => PackageError::refused(error.to_string()),
    }
}

/// A manifest without errors; warnings are none.
fn sound(problems: &[Problem]) -> Result<(), PackageError> {
    match problems.iter().find(|problem| problem.is_error()) {
        Some(problem) => Err(PackageError::refused(problem.sentence())),
        None => Ok(()),
    }
}

/// The program's path below the app's folder.
fn program(name: &AppName, install: &InstallInfo, store: &StoreInfo) -> Option<String> {
    let builtins = Builtins {
        exe_path: FOLDER,
        name: name.as_str(),
        version: &install.version,
        home: "/",
    };
    let config = Config::new(&store.config, &serde_json::Map::new());
    let scope = Scope::new(&builtins, &config).ok()?;
    let path = scope.path(&store.setting.bin_path).ok()?;
    let path = path.strip_prefix(FOLDER).unwrap_or(&path);
    let parts: Vec<_> = path
        .split(['/', '\\'])
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Files that may be the icon, the best first.
fn icons(install: &InstallInfo, store: &StoreInfo) -> Vec<String> {
    let mut icons = vec![ICON.to_owned()];
    for icon in [&install.icon, &store.icon] {
        let icon = icon.trim_start_matches("./").trim_start_matches('/');
        if !icon.is_empty() && !icon.contains(':') {
            icons.push(format!("static/{icon}"));
            icons.push(icon.to_owned());
        }
    }
    icons
}

/// SHA-256 of a file.
fn checksum(path: &Path) -> io::Result<Sha256> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Sha256(hasher.finalize().into())),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}
