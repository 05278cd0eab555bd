//! What is in a package, without unpacking it: ours, OpenPitrix's or a Helm chart.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use sha2::Digest as _;

use super::error::RepositoryError;
use super::index::{Entry, Maintainer, PackageKind, is_package_name, semver};
use super::node::Node;
use super::openpitrix;
use crate::app::parse::{INSTALL_FILE, STORE_FILE};
use crate::app::{App, AppName, Problem, Sha256};
use crate::archive::{self, ArchiveError, Limits};

/// A manifest is smaller than this.
pub(super) const MAX_TEXT_BYTES: u64 = 1 << 20;

/// Longest text that a list shows.
const MAX_SHOWN: usize = 4000;

/// What a package says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Description {
    /// What it is made for.
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of what is in it; empty when it does not say.
    #[serde(rename = "appVersion")]
    pub app_version: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Its home page.
    pub home: String,
    /// Its icon.
    pub icon: String,
    /// Words by which it is found.
    pub keywords: Vec<String>,
    /// Who looks after it.
    pub maintainers: Vec<Maintainer>,
    /// Where its sources are.
    pub sources: Vec<String>,
    /// Addresses of pictures.
    pub screenshots: Vec<String>,
    /// Its category.
    pub category: String,
    /// The systems that it runs on.
    pub platforms: Vec<String>,
    /// Address of the program's official archive.
    pub pkg: String,
    /// What that must be.
    #[serde(skip)]
    pub pkg_digest: Option<Sha256>,
    /// What is asked of the user.
    pub parameters: Vec<Parameter>,
    /// Texts by language: what stands in the package, and what it is there.
    pub locales: BTreeMap<String, BTreeMap<String, String>>,
    /// Its files.
    pub files: Vec<String>,
    /// Bytes of the package.
    pub size: u64,
    /// Its checksum.
    #[serde(serialize_with = "as_text")]
    pub digest: Option<Sha256>,
    /// What it should say better, as sentences.
    pub warnings: Vec<String>,
    /// Why it cannot be installed on this computer; none when it can.
    pub refusal: Option<&'static str>,
}

#[expect(clippy::ref_option, reason = "serde gives references")]
fn as_text<S: serde::Serializer>(
    digest: &Option<Sha256>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    digest
        .map(|digest| digest.to_string())
        .serialize(serializer)
}

/// Something that a package asks of the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parameter {
    /// Its path, with `.` between the parts.
    pub key: String,
    /// `string`, `integer`, `number`, `password`, `boolean`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name for people.
    pub label: String,
    /// What it means.
    pub description: String,
    /// What it is when nobody says otherwise.
    pub default: Value,
    /// Whether it must be given.
    pub required: bool,
}

/// What is wrong with a package, by file.
pub(super) type Details = Vec<(String, String)>;

impl From<&Description> for Entry {
    /// What an index says of a package.
    fn from(it: &Description) -> Self {
        Self {
            name: it.name.clone(),
            version: it.version.clone(),
            app_version: it.app_version.clone(),
            description: it.description.chars().take(MAX_SHOWN).collect(),
            home: it.home.clone(),
            icon: it.icon.clone(),
            keywords: it.keywords.clone(),
            maintainers: it.maintainers.clone(),
            sources: it.sources.clone(),
            screenshots: it.screenshots.clone(),
            kind: it.kind,
            category: it.category.clone(),
            platforms: it.platforms.clone(),
            pkg: it.pkg.clone(),
            pkg_digest: it.pkg_digest,
            size: it.size,
            digest: it.digest,
            ..Self::default()
        }
    }
}

impl Description {
    /// The file that it should have in a repository.
    pub fn file_name(&self, ending: &str) -> String {
        format!("{}-{}{ending}", self.name, self.version)
    }
}

/// Reads what a package says of itself, and checks it. Blocks.
///
/// # Errors
/// [`RepositoryError::Package`] with what is wrong, by file; [`RepositoryError::File`] when it cannot be
/// read at all.
pub fn inspect(package: &Path) -> Result<Description, RepositoryError> {
    let unread = |source| RepositoryError::File {
        path: package.to_owned(),
        source,
    };
    let file = File::open(package).map_err(unread)?;
    let size = file.metadata().map_err(unread)?.len();
    let wrong = |reason: String| RepositoryError::Package {
        details: vec![(String::new(), reason)],
    };
    if size == 0 {
        return Err(wrong("the file is empty".to_owned()));
    }
    let reader = Reader { package };
    let files = archive::names(package, &Limits::default()).map_err(|error| match error {
        ArchiveError::Format { reason, .. } => wrong(format!("it is no archive: {reason}")),
        ArchiveError::Entry { entry, reason, .. } => RepositoryError::Package {
            details: vec![(entry, reason)],
        },
        other => wrong(other.to_string()),
    })?;
    if files.is_empty() {
        return Err(wrong("the archive has no files".to_owned()));
    }
    let has = |name: &str| {
        files
            .iter()
            .any(|file| file == name || below_top(file) == Some(name))
    };
    let described = if has(INSTALL_FILE) {
        ours(&reader, &files)
    } else if has("package.json") || has("cluster.json.tmpl") {
        openpitrix::describe(&reader, &files)
    } else if has("Chart.yaml") {
        chart(&reader)
    } else {
        Err(vec![(
            INSTALL_FILE.to_owned(),
            "not found, neither at the top of the archive nor in its one top folder".to_owned(),
        )])
    };
    let mut described = described.map_err(|details| RepositoryError::Package { details })?;
    let (_, digest) = hash(package).map_err(unread)?;
    described.refusal = described.kind.refusal();
    described.files = files;
    described.size = size;
    described.digest = Some(digest);
    Ok(described)
}

/// A path without its first part.
pub(super) fn below_top(file: &str) -> Option<&str> {
    file.split_once('/').map(|(_, rest)| rest)
}

/// Reads texts of a package.
pub(super) struct Reader<'a> {
    package: &'a Path,
}

impl Reader<'_> {
    /// A text of the package, at its top or in its one top folder; none when there is none.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Details> {
        let read = archive::read_entry(self.package, name, MAX_TEXT_BYTES, &Limits::default());
        match read {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(vec![(name.to_owned(), "it is no text in UTF-8".to_owned())]),
            },
            Err(error) => Err(vec![(name.to_owned(), error.to_string())]),
        }
    }
}

fn ours(reader: &Reader<'_>, files: &[String]) -> Result<Description, Details> {
    let install = reader.text(INSTALL_FILE)?.unwrap_or_default();
    let store = reader.text(STORE_FILE)?;
    // The name is checked by itself below; the record needs some name.
    let (info, _) = crate::app::parse::install(&install);
    let fallback = || AppName::parse("package");
    let Ok(name) = AppName::parse(&info.name).or_else(|_| fallback()) else {
        return Err(vec![(
            INSTALL_FILE.to_owned(),
            "it cannot be read".to_owned(),
        )]);
    };
    let (app, problems) = App::parse(name, "package".into(), install, store);
    let mut details: Details = problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(|problem| (problem.file.clone(), problem.sentence()))
        .collect();
    let info = &app.install;
    let mut blame = |reason: String| details.push((INSTALL_FILE.to_owned(), reason));
    if info.name.is_empty() {
        blame("`name` is missing".to_owned());
    } else if !is_package_name(&info.name) {
        blame(format!(
            "`name`: `{}` cannot be the name of an app",
            info.name.escape_debug()
        ));
    }
    check_version(&info.version, &mut blame);
    let is_at_top = files.iter().any(|file| file == INSTALL_FILE);
    let top = files.first().and_then(|file| file.split('/').next());
    if let (false, Some(top)) = (is_at_top, top)
        && top != info.name
        && !info.name.is_empty()
    {
        blame(format!(
            "the folder `{top}` of the archive must be called as the app, `{}`",
            info.name.escape_debug()
        ));
    }
    if !details.is_empty() {
        return Err(details);
    }
    let extra = |key: &str| info.extra.get(key);
    let text = |key: &str| {
        let value = extra(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let store = app.store.as_ref();
    let parameters = store.into_iter().flat_map(|store| &store.config);
    Ok(Description {
        kind: PackageKind::Godoos,
        name: info.name.clone(),
        version: info.version.clone(),
        app_version: text("appVersion"),
        description: info.desc.clone(),
        home: text("home"),
        icon: info.icon.clone(),
        keywords: texts(extra("keywords")),
        maintainers: maintainers(extra("maintainers")),
        sources: texts(extra("sources")),
        screenshots: texts(extra("screenshots")),
        category: info.category.clone(),
        platforms: texts(extra("platforms")),
        pkg: info.pkg.clone(),
        pkg_digest: info.pkg_sha256.parse().ok(),
        parameters: parameters
            .map(|(key, value)| Parameter {
                key: key.clone(),
                kind: kind_of(value).to_owned(),
                default: value.clone(),
                ..Parameter::default()
            })
            .collect(),
        warnings: problems.iter().map(Problem::sentence).collect(),
        ..Description::default()
    })
}

/// The kind of a setting, by its default.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::Null | Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => "array",
    }
}

/// The version must be one by which later ones are told from earlier ones, and part of a file's name.
pub(super) fn check_version(version: &str, blame: &mut dyn FnMut(String)) {
    if version.is_empty() {
        blame("`version` is missing".to_owned());
    } else if semver(version).is_none()
        || version.starts_with('v')
        || !super::is_usable_version(version)
    {
        blame(format!(
            "`version`: `{}` is no semantic version; write three numbers, such as 1.0.0",
            version.escape_debug().take(80).collect::<String>()
        ));
    }
}

pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

pub(super) fn maintainers(value: Option<&Value>) -> Vec<Maintainer> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|it| {
            let text = |key: &str| it.get(key).and_then(Value::as_str).map(str::to_owned);
            Some(Maintainer {
                name: text("name").or_else(|| it.as_str().map(str::to_owned))?,
                email: text("email").unwrap_or_default(),
            })
        })
        .collect()
}

/// `Chart.yaml`, as far as it describes the chart.
fn chart(reader: &Reader<'_>) -> Result<Description, Details> {
    const FILE: &str = "Chart.yaml";
    let fail = |reason: String| vec![(FILE.to_owned(), reason)];
    let text = reader.text(FILE)?.unwrap_or_default();
    let node = Node::parse(&text).map_err(|reason| fail(format!("decode failed, {reason}")))?;
    let Node::Map(map) = node else {
        return Err(fail(
            "decode failed, it is no map of keys and values".to_owned(),
        ));
    };
    let value = |key: &str| {
        let mut pairs = map.iter();
        pairs
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    };
    let text = |key: &str| {
        let text = value(key).and_then(Node::text);
        text.unwrap_or_default().to_owned()
    };
    let json = |key: &str| value(key).map(Node::to_json);
    let mut details = Vec::new();
    let mut blame = |reason: String| details.push((FILE.to_owned(), reason));
    let name = text("name");
    if !is_package_name(&name) {
        blame(format!(
            "`name`: `{}` cannot be the name of a package",
            name.escape_debug()
        ));
    }
    check_version(&text("version"), &mut blame);
    if !details.is_empty() {
        return Err(details);
    }
    Ok(Description {
        kind: PackageKind::Helm,
        name,
        version: text("version"),
        app_version: text("appVersion"),
        description: text("description"),
        home: text("home"),
        icon: text("icon"),
        keywords: texts(json("keywords").as_ref()),
        maintainers: maintainers(json("maintainers").as_ref()),
        sources: texts(json("sources").as_ref()),
        ..Description::default()
    })
}

fn hash(path: &Path) -> io::Result<(u64, Sha256)> {
    use std::io::Read as _;
    let mut file = File::open(path)?;
    let mut digest = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0_u64;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((size, Sha256(digest.finalize().into())));
        }
        size += u64::try_from(count).unwrap_or(u64::MAX);
        digest.update(buffer.get(..count).unwrap_or_default());
    }
}
