//! `install.json`: what an app is. The fields are those of the GodoOS store manual.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The record of one `install.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the manual's fields are what they are"
)]
pub struct InstallInfo {
    /// The app's name; equal to its folder's name.
    pub name: String,
    /// Address of the app or of its adapter package.
    pub url: String,
    /// Address of the program's official archive; may be empty.
    pub pkg: String,
    /// Page that the desktop opens for the app; such an app gets an icon on the desktop.
    pub web_url: String,
    /// The folder belongs to the developer: nothing is downloaded, nothing is deleted.
    pub is_dev: bool,
    /// Version of the app.
    pub version: String,
    /// What the app is, in a sentence.
    pub desc: String,
    /// Icon: an address or a file below `static/`.
    pub icon: String,
    /// Whether start and stop are offered.
    pub has_start: bool,
    /// Whether restart is offered.
    pub has_restart: bool,
    /// Whether there is a settings page (`static/index.html`).
    pub setting: bool,
    /// Apps that must be installed first; `value` is a version or empty.
    pub dependencies: Vec<Item>,
    /// One of hots, work, development, games, education, news, shopping, social, utilities, others.
    pub category: String,
    /// Older versions on offer.
    pub history: Vec<History>,
    /// SHA-256 of the file at `url`: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// SHA-256 of the file at `pkg`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg_sha256: String,
    /// Further addresses of the file at `url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// Further addresses of the file at `pkg`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pkg_mirrors: Vec<String>,
    /// Bytes of the file at `url`; 0 when not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub size: u64,
    /// What is new in this version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// Keys that the manual does not know, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub extra: Map<String, Value>,
}

/// An older version of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct History {
    /// The version.
    pub version: String,
    /// Address of that version's app or adapter package.
    pub url: String,
    /// Address of that version's official archive.
    pub pkg: String,
    /// SHA-256 of the file at `url`: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// SHA-256 of the file at `pkg`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg_sha256: String,
    /// Further addresses of the file at `url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// Further addresses of the file at `pkg`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pkg_mirrors: Vec<String>,
    /// Bytes of the file at `url`; 0 when not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub size: u64,
    /// What is new in this version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A name with a value: an environment variable or a dependency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Item {
    /// The name.
    pub name: String,
    /// The value: text, number or boolean; null is empty.
    pub value: Value,
}
