//! What is remembered of apps and versions, and how rows become them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ReleaseError;
use super::state::State;
use crate::database::shared::Row;
use crate::repository::{Description, Maintainer};

/// Where versions are that nobody put into a category.
pub const UNCATEGORIZED: &str = "ctg-uncategorized";

/// The most pictures of an app.
pub(super) const MAX_SCREENSHOTS: u32 = 6;

/// The largest icon or picture, bytes.
pub const MAX_PICTURE_BYTES: usize = 2 << 20;

/// What an app is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct About {
    /// In a sentence.
    pub description: String,
    /// At length.
    pub readme: String,
    /// What is special about it, in a line.
    pub abstraction: String,
    /// Its home page.
    pub home: String,
    /// Address of its icon, when it was not uploaded.
    pub icon: String,
    /// Words by which it is found.
    pub keywords: Vec<String>,
    /// Who looks after it.
    #[schema(value_type = Vec<Object>)]
    pub maintainers: Vec<Maintainer>,
    /// Where its sources are.
    pub sources: Vec<String>,
    /// Addresses of pictures, when they were not uploaded.
    pub screenshots: Vec<String>,
    /// Terms of service.
    pub tos: String,
}

impl About {
    /// What a package says of itself.
    pub fn of_package(package: &Description) -> Self {
        let entry = package;
        Self {
            description: entry.description.clone(),
            home: entry.home.clone(),
            icon: entry.icon.clone(),
            keywords: entry.keywords.clone(),
            maintainers: entry.maintainers.clone(),
            sources: entry.sources.clone(),
            screenshots: entry.screenshots.clone(),
            ..Self::default()
        }
    }

    /// The text in which words are searched.
    pub fn search(&self, name: &str) -> String {
        let mut text = format!("{name} {} {}", self.description, self.abstraction);
        for keyword in &self.keywords {
            text.push(' ');
            text.push_str(keyword);
        }
        text.to_lowercase()
    }
}

/// A change of what an app is; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct AboutChange {
    /// In a sentence.
    pub description: Option<String>,
    /// At length.
    pub readme: Option<String>,
    /// What is special about it, in a line.
    pub abstraction: Option<String>,
    /// Its home page.
    pub home: Option<String>,
    /// Address of its icon.
    pub icon: Option<String>,
    /// Words by which it is found; OpenPitrix writes them into one text with commas.
    #[schema(value_type = Option<String>)]
    pub keywords: Option<OneOrMany>,
    /// Who looks after it.
    #[schema(value_type = Option<Vec<Object>>)]
    pub maintainers: Option<Vec<Maintainer>>,
    /// Where its sources are.
    #[schema(value_type = Option<String>)]
    pub sources: Option<OneOrMany>,
    /// Addresses of pictures.
    #[schema(value_type = Option<String>)]
    pub screenshots: Option<OneOrMany>,
    /// Terms of service.
    pub tos: Option<String>,
}

/// A list, or one text with commas in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// A text with commas.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The parts.
    pub fn list(self) -> Vec<String> {
        let parts = match self {
            Self::One(text) => text.split(',').map(str::to_owned).collect(),
            Self::Many(parts) => parts,
        };
        let parts = parts.into_iter().map(|part| part.trim().to_owned());
        parts.filter(|part| !part.is_empty()).collect()
    }
}

impl AboutChange {
    /// Lays the change over what there is.
    ///
    /// # Errors
    /// What is too long.
    pub fn lay_over(self, about: &mut About) -> Result<(), ReleaseError> {
        let set = |place: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *place = value;
            }
        };
        set(&mut about.description, self.description);
        set(&mut about.readme, self.readme);
        set(&mut about.abstraction, self.abstraction);
        set(&mut about.home, self.home);
        set(&mut about.icon, self.icon);
        set(&mut about.tos, self.tos);
        let set = |place: &mut Vec<String>, value: Option<OneOrMany>| {
            if let Some(value) = value {
                *place = value.list();
            }
        };
        set(&mut about.keywords, self.keywords);
        set(&mut about.sources, self.sources);
        set(&mut about.screenshots, self.screenshots);
        if let Some(maintainers) = self.maintainers {
            about.maintainers = maintainers;
        }
        let length = serde_json::to_string(about).map_or(0, |text| text.len());
        if length > MAX_ABOUT_BYTES {
            return Err(ReleaseError::parameter(
                "description",
                "all texts of an app together may have 256 KiB; shorten them",
            ));
        }
        Ok(())
    }
}

/// All texts of an app together.
pub(super) const MAX_ABOUT_BYTES: usize = 256 << 10;

/// An app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// `app-…`.
    pub app_id: String,
    /// The repository that it is in.
    pub repo_id: String,
    /// Its name; that of its packages.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// Computed of its versions.
    pub status: State,
    /// What it is.
    pub about: About,
    /// What the store says that it is: as of its last release.
    pub published: Option<About>,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// When it was changed, likewise.
    pub updated: u64,
    /// When its state changed, likewise.
    pub status_time: u64,
}

/// A version of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `appv-…`.
    pub version_id: String,
    /// Its app.
    pub app_id: String,
    /// Its number.
    pub version: String,
    /// Whose it is.
    pub owner: String,
    /// How far it is.
    pub status: State,
    /// For reviews in several phases; always empty now.
    pub phase: String,
    /// The last review's message.
    pub message: String,
    /// What is new in it.
    pub description: String,
    /// What its package says.
    pub manifest: Manifest,
    /// The checksum of its package.
    pub sha256: String,
    /// The size of its package, bytes.
    pub size: u64,
    /// The kind of its archive: what its file's name ends in.
    pub kind: String,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// When it was changed, likewise.
    pub updated: u64,
    /// When its state changed, likewise.
    pub status_time: u64,
}

/// What is kept of what a package says, so that no list has to open it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The version of the program in it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// Its category, as the package names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// The systems that it runs on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Address of the program's official archive.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg: String,
    /// What that must be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pkg_sha256: String,
    /// The name of its package for its kind: `godoos`, `openpitrix`, `helm`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub package_type: String,
    /// What it says in a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is worth a look, without being a mistake.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Version {
    /// `1.2.0 [5.7]`: the number, and that of the program in it.
    pub fn shown(&self) -> String {
        if self.manifest.app_version.is_empty() {
            self.version.clone()
        } else {
            format!("{} [{}]", self.version, self.manifest.app_version)
        }
    }
}

/// A line of a version's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Audit {
    /// The version.
    pub version_id: String,
    /// Its app.
    pub app_id: String,
    /// What was done.
    pub action: String,
    /// The state that it led to.
    pub status: State,
    /// Who did it.
    pub operator: String,
    /// As what: `developer` or `admin`.
    pub operator_type: String,
    /// The reason.
    pub message: String,
    /// When (RFC 3339).
    pub status_time: String,
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Category {
    /// `ctg-…`.
    pub category_id: String,
    /// Its name.
    pub name: String,
    /// Its names in other languages, as JSON text.
    pub locale: String,
    /// What is in it.
    pub description: String,
    /// Address of its icon.
    pub icon: String,
    /// When it was made (RFC 3339).
    pub create_time: String,
}

/// The columns of [`app`].
pub(super) const APP: &str = "release_app.app_id, release_app.repo_id, release_app.name, release_app.owner, release_app.status, release_app.about, release_app.published, release_app.created, release_app.updated, release_app.status_time";

/// The columns of [`version`].
pub(super) const VERSION: &str = "release_version.version_id, release_version.app_id, release_version.version, release_version.owner, release_version.status, release_version.phase, release_version.message, release_version.description, release_version.manifest, release_version.sha256, release_version.size, release_version.kind, release_version.created, release_version.updated, release_version.status_time";

pub(super) fn app(row: &Row) -> App {
    App {
        app_id: row.text(0),
        repo_id: row.text(1),
        name: row.text(2),
        owner: row.text(3),
        status: row.text(4).parse().unwrap_or(State::Deleted),
        about: serde_json::from_str(&row.text(5)).unwrap_or_default(),
        published: serde_json::from_str(&row.text(6)).ok(),
        created: row.count(7),
        updated: row.count(8),
        status_time: row.count(9),
    }
}

pub(super) fn version(row: &Row) -> Version {
    Version {
        version_id: row.text(0),
        app_id: row.text(1),
        version: row.text(2),
        owner: row.text(3),
        // One that cannot be read is offered to nobody.
        status: row.text(4).parse().unwrap_or(State::Deleted),
        phase: row.text(5),
        message: row.text(6),
        description: row.text(7),
        manifest: serde_json::from_str(&row.text(8)).unwrap_or_default(),
        sha256: row.text(9),
        size: row.count(10),
        kind: row.text(11),
        created: row.count(12),
        updated: row.count(13),
        status_time: row.count(14),
    }
}

/// An object as it is stored.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| Value::Object(Map::new()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_openpitrix_writes_them_too() {
        let change: AboutChange =
            serde_json::from_str(r#"{"keywords": "sql, 数据库,", "sources": ["a"]}"#).unwrap();
        let mut about = About {
            home: "kept".to_owned(),
            ..About::default()
        };
        change.lay_over(&mut about).unwrap();
        assert_eq!(about.keywords, ["sql", "数据库"]);
        assert_eq!(about.sources, ["a"]);
        assert_eq!(about.home, "kept");
        assert_eq!(about.search("MySQL"), "mysql   sql 数据库");
    }
}
