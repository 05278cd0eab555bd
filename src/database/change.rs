//! A change of an app's files that is under way: all that the next start needs, when this service is
//! killed, to take it back or to finish it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A change of an app's files that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What is changed.
    pub kind: ChangeKind,
    /// How far it is.
    pub step: ChangeStep,
    /// Whether the app ran before, so that it runs again afterwards.
    pub was_wanted: bool,
    /// What of the old folder goes along.
    #[serde(default)]
    pub take: Vec<Take>,
    /// How it goes along.
    #[serde(default)]
    pub manner: Manner,
    /// The entry of the trash that is filled or emptied.
    #[serde(default)]
    pub trash: Option<String>,
    /// The settings as they were, where the change brings others.
    #[serde(default)]
    pub config: Option<Map<String, Value>>,
    /// Nothing of the app is kept.
    #[serde(default)]
    pub purge: bool,
    /// The app's folder is not ours to remove.
    #[serde(default)]
    pub leaves_folder: bool,
}

impl Change {
    /// A change that begins.
    pub fn new(kind: ChangeKind, was_wanted: bool) -> Self {
        Self {
            kind,
            step: ChangeStep::Staging,
            was_wanted,
            take: Vec::new(),
            manner: Manner::Copy,
            trash: None,
            config: None,
            purge: false,
            leaves_folder: false,
        }
    }
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// There was no app.
    Install,
    /// Its program is replaced.
    Upgrade,
    /// It goes back to the version before.
    Rollback,
    /// Its data come back from the trash, with a program.
    Restore,
    /// It is removed.
    Uninstall,
}

/// How far a change is. Up to `SettingUp` it is taken back, from `Leaving` on it is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeStep {
    /// The new files are laid down beside; the app does not notice.
    Staging,
    /// The app is stopped, and what is the user's goes along.
    Carrying,
    /// The folders change their places.
    Switching,
    /// The lists run, and the app starts.
    SettingUp,
    /// The app's list for its end runs: what that undid, nobody can do again.
    Leaving,
    /// Nothing goes back any more: what is not needed is removed.
    Removing,
}

/// One file or folder that goes along when a program is replaced or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Its path below the app's folder, with forward slashes.
    pub path: String,
    /// The name that the new version's file of this path gets; without one it is not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// The new folder had nothing of this path.
    #[serde(default)]
    pub fresh: bool,
}

/// Whether the old folder keeps what goes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manner {
    /// It keeps it.
    #[default]
    Copy,
    /// It is given away, but for small files: nothing is read or written, however large it is.
    Move,
}
