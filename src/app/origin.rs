//! Where an app's program came from: enough to get it again.

use serde::{Deserialize, Serialize};

/// Where an app's program came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Origin {
    /// A folder on this computer that was copied.
    Folder {
        /// Its path.
        path: String,
    },
    /// A package file on this computer.
    File {
        /// Its path.
        path: String,
        /// What it held, as 64 hexadecimal digits.
        sha256: String,
    },
    /// A package that was sent to us; we have no address of it.
    Upload {
        /// The name of the file that was sent.
        name: String,
        /// What it held, as 64 hexadecimal digits.
        sha256: String,
    },
    /// An address that somebody gave.
    Address(Addresses),
    /// An entry of a catalog.
    Catalog {
        /// The catalog's name.
        catalog: String,
        /// The entry's addresses.
        #[serde(flatten)]
        addresses: Addresses,
    },
}

/// Where the two parts of an app can be fetched. One of them may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Addresses {
    /// Of the app, or of its adapter: the package that holds the manifests.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Of the program's official archive, which the adapter is laid over.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg: String,
    /// What the file at `url` must hold, as 64 hexadecimal digits; empty when nobody says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Likewise for `pkg`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg_sha256: String,
    /// Further addresses of the file at `url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// Likewise for `pkg`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pkg_mirrors: Vec<String>,
}

impl Addresses {
    /// Whether there is nothing to fetch.
    pub fn is_empty(&self) -> bool {
        self.url.is_empty() && self.pkg.is_empty()
    }
}

impl Origin {
    /// Whether a package of `other` may take the place of one of this origin without being asked
    /// for: another catalog's app of the same name may be somebody else's.
    pub fn is_succeeded_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Catalog { catalog: old, .. }, Self::Catalog { catalog: new, .. }) => old == new,
            (Self::Catalog { .. }, _) | (_, Self::Catalog { .. }) => false,
            (
                Self::Folder { .. } | Self::File { .. } | Self::Upload { .. } | Self::Address(_),
                Self::Folder { .. } | Self::File { .. } | Self::Upload { .. } | Self::Address(_),
            ) => true,
        }
    }

    /// The origin in words, to be read after "installed from".
    pub fn in_words(&self) -> String {
        let address = |addresses: &Addresses| {
            if addresses.url.is_empty() {
                addresses.pkg.clone()
            } else {
                addresses.url.clone()
            }
        };
        match self {
            Self::Folder { path } => format!("the folder `{path}`"),
            Self::File { path, .. } => format!("the package `{path}`"),
            Self::Upload { name, .. } => format!("the upload `{name}`"),
            Self::Address(addresses) => address(addresses),
            Self::Catalog { catalog, .. } => format!("the catalog `{catalog}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(name: &str) -> Origin {
        Origin::Catalog {
            catalog: name.to_owned(),
            addresses: Addresses::default(),
        }
    }

    #[test]
    fn a_catalogs_app_is_followed_only_by_the_same_catalogs() {
        let file = Origin::File {
            path: "/a.zip".to_owned(),
            sha256: String::new(),
        };
        let address = Origin::Address(Addresses::default());
        assert!(catalog("a").is_succeeded_by(&catalog("a")));
        assert!(!catalog("a").is_succeeded_by(&catalog("b")));
        assert!(!catalog("a").is_succeeded_by(&file));
        assert!(!address.is_succeeded_by(&catalog("a")));
        assert!(file.is_succeeded_by(&address));
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for origin in [
            catalog("a"),
            Origin::Address(Addresses {
                url: "http://x/a.zip".to_owned(),
                ..Addresses::default()
            }),
        ] {
            let text = serde_json::to_string(&origin).unwrap();
            assert_eq!(serde_json::from_str::<Origin>(&text).unwrap(), origin);
        }
    }
}
