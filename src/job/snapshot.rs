//! What is needed to have an app again as it was: where its program comes from, its settings, its data.
//! The trash keeps it as a folder, an export as one file, both of the same form:
//!
//! | path | holds |
//! | --- | --- |
//! | `snapshot.json` | [`Snapshot`] |
//! | `data/` | the app's data, by their paths in the app's folder |

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Failure, FailureCode};
use crate::app::{AppName, Origin};
use crate::archive::{self, Limits};

/// Name of the description in a snapshot.
const FILE: &str = "snapshot.json";

/// Name of the folder with the data in a snapshot.
pub(super) const DATA: &str = "data";

/// The only form there is.
const FORMAT: u32 = 1;

/// Larger descriptions are mistakes.
const MAX_BYTES: u64 = 4 << 20;

/// The description of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Version of this form.
    pub format: u32,
    /// The app.
    pub app: AppName,
    /// Its version.
    pub version: String,
    /// Where its program can be had again.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// The settings that were set.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// The program is with the data.
    #[serde(default)]
    pub whole: bool,
    /// Bytes of the data.
    #[serde(default)]
    pub bytes: u64,
    /// When it was made, in milliseconds since 1970.
    pub at: u64,
}

impl Snapshot {
    /// A description that begins now.
    pub(super) fn new(app: AppName, version: String) -> Self {
        Self {
            format: FORMAT,
            app,
            version,
            origin: None,
            config: Map::new(),
            whole: false,
            bytes: 0,
            at: super::now(),
        }
    }

    /// Writes it into a folder.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let path = dir.join(FILE);
        // Settings may be secrets.
        let file = std::fs::File::create(&path)?;
        crate::platform::set_private_mode(&file)?;
        drop(file);
        crate::library::save(&path, &text)
    }

    /// Reads the one in a folder.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read(dir.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Reads the one in an export. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read, or is no export of ours.
    pub fn peek(file: &Path) -> Result<Self, Failure> {
        let shown = file.display();
        let no_export = |why: String| {
            let message = format!(
                "`{shown}` is no export of an app ({why}); give a file that `storekeeper export` wrote"
            );
            Failure::new(FailureCode::Invalid, message)
        };
        let text = archive::read_entry(file, FILE, MAX_BYTES, &Limits::default())
            .map_err(|error| Failure::from(crate::command::StepError::from(error)))?
            .ok_or_else(|| no_export(format!("it has no {FILE}")))?;
        let snapshot: Self =
            serde_json::from_slice(&text).map_err(|error| no_export(error.to_string()))?;
        if snapshot.format != FORMAT {
            return Err(no_export(format!(
                "its form {} is newer than this program",
                snapshot.format
            )));
        }
        Ok(snapshot)
    }
}
