//! What can be installed, and how.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::app::Origin;
use crate::app::origin::Addresses;

/// An install that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own that the user makes"
)]
pub struct Install {
    /// What to install.
    pub source: Source,
    /// The package must bear the job's name. Without, the job's name is a guess (made from an
    /// address), and a package of another name is installed under its own.
    pub name_is_given: bool,
    /// Install missing dependencies first, from the catalogs.
    pub dependencies: bool,
    /// Start it at the end: that it becomes ready is the last gate.
    pub start: bool,
    /// Take an older version than the one that is there.
    pub older: bool,
    /// Do nothing when the catalogs offer nothing newer that the user may want.
    pub only_newer: bool,
    /// Take the place of an app that came from elsewhere.
    pub replace: bool,
    /// Settings that it gets before its lists run.
    pub settings: Map<String, Value>,
}

/// What to install.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The app whose files are in place.
    #[default]
    InPlace,
    /// A folder outside the run directory: linked when `isDev`, else copied.
    Folder(PathBuf),
    /// A package file on this computer.
    File(PathBuf),
    /// A package file that was sent to us. The job deletes it.
    Upload {
        /// Where we put it.
        path: PathBuf,
        /// The name that it was sent under.
        name: String,
    },
    /// Addresses that the user gave.
    Address(Addresses),
    /// What an app that is to come back was installed from.
    Again {
        /// Where it was.
        origin: Origin,
        /// The user of this computer named it, so it may lie in a private network.
        given: bool,
    },
    /// The catalogs' app of the job's name.
    Catalog {
        /// That version, perhaps an older one of its `history`; else the newest.
        version: Option<String>,
        /// That catalog; else the first that has it.
        catalog: Option<String>,
    },
}

impl From<Source> for Install {
    fn from(source: Source) -> Self {
        Self {
            source,
            name_is_given: true,
            ..Self::default()
        }
    }
}
