//! One package on the shelf.

use std::cmp::Ordering;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::note::{ALL, Key};
use crate::package::Package;
use crate::platform::Stamp;

/// What stays as it is in an address: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One package on the shelf.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub package: Package,
    /// Its file.
    pub path: PathBuf,
    /// The state of the file when it was checked.
    pub stamp: Stamp,
    /// Whether it has an icon.
    pub has_icon: bool,
    /// What the list says of it, as JSON.
    pub(super) json: Box<[u8]>,
}

/// An entry of the list. The keys stand in alphabetical order, as the original has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    /// Empty, not `all`, when it is independent: the original's clients check that.
    architecture: &'a str,
    categories: &'a [String],
    descriptions: &'a std::collections::BTreeMap<String, String>,
    icon_url: String,
    id: &'a str,
    names: &'a std::collections::BTreeMap<String, String>,
    version: &'a str,
}

impl Entry {
    pub(super) fn new(package: Package, path: PathBuf, stamp: Stamp, has_icon: bool) -> Self {
        let architecture = package.architecture.as_deref();
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        let listed = Listed {
            architecture: architecture.unwrap_or_default(),
            categories: &package.categories,
            descriptions: &package.descriptions,
            icon_url: format!(
                "package/icon?id={}&architecture={}",
                encoded(&package.id),
                encoded(architecture.unwrap_or(ALL))
            ),
            id: &package.id,
            names: &package.names,
            version: &package.version,
        };
        let json = serde_json::to_vec(&listed).expect("texts are JSON");
        Self {
            json: json.into(),
            package,
            path,
            stamp,
            has_icon,
        }
    }

    /// Its place on the shelf.
    pub fn key(&self) -> Key {
        key_of(&self.package)
    }

    pub(super) fn has_category(&self, category: &str) -> bool {
        self.package.categories.iter().any(|it| it == category)
    }

    pub(super) fn has_name_with(&self, text: &str) -> bool {
        self.package.names.values().any(|name| name.contains(text))
    }
}

/// Its place on a shelf.
pub(super) fn key_of(package: &Package) -> Key {
    Key {
        id: package.id.clone(),
        architecture: package.architecture.clone(),
    }
}

/// The name that its file has on a shelf.
pub(super) fn file_name(package: &Package) -> String {
    let architecture = package.architecture.as_deref().unwrap_or(ALL);
    let extension = package.kind.extension();
    format!("{}_{architecture}{extension}", package.id)
}

/// The order of texts in the original, which compares UTF-16.
pub(super) fn by_code_unit(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}
