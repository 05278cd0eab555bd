//! `index.yaml`: what a repository has. Helm's and OpenPitrix's files are read, and what is written is
//! understood by both; keys that we do not know stay as they are.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use semver::Version as Semver;
use sha2::Digest as _;

use super::node::Node;
use crate::app::Sha256;
use crate::app::version::Version;

/// The file's name.
pub const INDEX_FILE: &str = "index.yaml";

/// Largest index, bytes.
pub const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Most versions of an index.
const MAX_ENTRIES: usize = 200_000;

/// Versions that cannot be read: so many are named.
const MAX_PROBLEMS: usize = 50;

/// What a package is made for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// Ours: it has an `install.json`.
    Godoos,
    /// OpenPitrix's: `package.json`, `config.json`, `cluster.json.tmpl`. It needs a cluster's runtime.
    Openpitrix,
    /// A Helm chart. It needs Kubernetes.
    Helm,
    /// Its index does not say.
    #[default]
    Unknown,
}

impl PackageKind {
    /// Why a package of this kind cannot be installed on this computer; none when it can, or may.
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Godoos | Self::Unknown => None,
            Self::Openpitrix => Some(
                "it is an OpenPitrix package, which needs a cluster runtime (OpenPitrix on a cloud); this computer has none",
            ),
            Self::Helm => Some(
                "it is a Helm chart, which needs a cluster runtime (Kubernetes); this computer has none",
            ),
        }
    }

    /// As it is written in an index.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Godoos => "godoos",
            Self::Openpitrix => "openpitrix",
            Self::Helm => "helm",
            Self::Unknown => "",
        }
    }
}

/// Somebody who looks after a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Maintainer {
    /// Name.
    pub name: String,
    /// Address for letters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
}

/// One version in an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of what is in it.
    pub app_version: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Its home page.
    pub home: String,
    /// Address of its icon.
    pub icon: String,
    /// Words by which it is found.
    pub keywords: Vec<String>,
    /// Who looks after it.
    pub maintainers: Vec<Maintainer>,
    /// Where its sources are.
    pub sources: Vec<String>,
    /// Addresses of pictures.
    pub screenshots: Vec<String>,
    /// What it is made for.
    pub kind: PackageKind,
    /// Its category.
    pub category: String,
    /// The systems that it runs on, as `linux` or `linux/amd64`; empty: not said.
    pub platforms: Vec<String>,
    /// Address of the program's official archive.
    pub pkg: String,
    /// What that must be.
    pub pkg_digest: Option<Sha256>,
    /// Bytes of the package; 0 when not known.
    pub size: u64,
    /// Where it is; relative ones begin at the repository. Only the first is used.
    pub urls: Vec<String>,
    /// What it must be.
    pub digest: Option<Sha256>,
    /// When it was put there (RFC 3339).
    pub created: String,
    /// It is not offered any more.
    pub removed: bool,
    /// Keys of others.
    pub(super) extra: Vec<(String, Node)>,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// When it was written (RFC 3339); empty when it does not say.
    pub generated: String,
    /// What cannot be read, as sentences.
    pub problems: Vec<String>,
    /// The versions by name, the newest first.
    entries: BTreeMap<String, Vec<Entry>>,
    /// What cannot be read, to be written again.
    unread: Vec<(String, Node)>,
    /// Keys of others.
    extra: Vec<(String, Node)>,
    /// Its last version is not complete.
    ends_badly: bool,
}

impl Index {
    /// Reads an index. A version that cannot be read is told in `problems`, and the others are there.
    ///
    /// # Errors
    /// Why the text is no index.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Node::Map(map) = Node::parse(text)? else {
            return Err("it is no map of keys and values".to_owned());
        };
        let is_index = |key: &str| matches!(key, "entries" | "apiVersion" | "api_version");
        if !map.iter().any(|(key, _)| is_index(key)) {
            return Err("it has neither `apiVersion` nor `entries`".to_owned());
        }
        let mut index = Self::default();
        for (key, value) in map {
            match (key.as_str(), value) {
                ("apiVersion" | "api_version", _) => {}
                ("generated", value) => {
                    value
                        .text()
                        .unwrap_or_default()
                        .clone_into(&mut index.generated);
                }
                ("entries", Node::Map(entries)) => index.read_entries(entries),
                ("entries", value) if value.is_null() => {}
                ("entries", _) => return Err("`entries` is no map of names".to_owned()),
                (_, value) => index.extra.push((key, value)),
            }
        }
        for versions in index.entries.values_mut() {
            versions.sort_by(compare);
            // The same version twice: the one that was put there last counts.
            versions.dedup_by(|later, earlier| {
                let same = later.version == earlier.version;
                if same && later.created > earlier.created {
                    std::mem::swap(later, earlier);
                }
                same
            });
        }
        index.entries.retain(|_, versions| !versions.is_empty());
        Ok(index)
    }

    fn read_entries(&mut self, entries: Vec<(String, Node)>) {
        let mut count = 0;
        for (name, versions) in entries {
            let Node::List(versions) = versions else {
                if !versions.is_null() {
                    self.blame(&name, "its versions are no list");
                    self.ends_badly = true;
                    self.unread.push((name, versions));
                }
                continue;
            };
            for node in versions {
                count += 1;
                if count > MAX_ENTRIES {
                    self.blame(&name, "there are more versions than are read");
                    return;
                }
                match Entry::read(&name, &node) {
                    Ok(entry) => {
                        self.ends_badly = false;
                        self.entries.entry(name.clone()).or_default().push(entry);
                    }
                    Err((version, reason)) => {
                        self.ends_badly = true;
                        let who = format!("{name} {version}");
                        self.blame(who.trim_end(), &reason);
                        self.unread.push((name.clone(), node));
                    }
                }
            }
        }
    }

    fn blame(&mut self, who: &str, reason: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            let who: String = who.escape_debug().take(120).collect();
            self.problems.push(format!("`{who}` is left out: {reason}"));
        }
    }

    /// Whether the file seems to have been cut off: it must not count as a list of all there is.
    /// `earlier` is what was there before.
    pub fn is_cut(&self, earlier: Option<&Self>) -> bool {
        let had_end = earlier.is_some_and(|earlier| !earlier.generated.is_empty());
        self.ends_badly
            || !self.generated.is_empty() && DateTime::parse_from_rfc3339(&self.generated).is_err()
            || had_end && self.generated.is_empty()
    }

    /// Every version, by name and then the newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().flatten()
    }

    /// The names, each with its versions, the newest first.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &[Entry])> {
        let packages = self.entries.iter();
        packages.map(|(name, versions)| (name.as_str(), versions.as_slice()))
    }

    /// Changes every version.
    pub(super) fn each(&mut self, change: impl FnMut(&mut Entry)) {
        self.entries.values_mut().flatten().for_each(change);
    }

    /// How many versions there are.
    pub fn len(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The versions of a package, the newest first.
    pub fn versions(&self, name: &str) -> &[Entry] {
        self.entries
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// One version.
    pub fn get(&self, name: &str, version: &str) -> Option<&Entry> {
        let mut versions = self.versions(name).iter();
        versions.find(|entry| entry.version == version)
    }

    /// Puts a version in; one that is there already is replaced and keeps when it was put there.
    pub fn put(&mut self, mut entry: Entry) {
        let is_it = |name: &str, node: &Node| {
            name == entry.name && text_of(node, "version") == entry.version
        };
        self.unread.retain(|(name, node)| !is_it(name, node));
        let versions = self.entries.entry(entry.name.clone()).or_default();
        if let Some(known) = versions.iter_mut().find(|it| it.version == entry.version) {
            if !known.created.is_empty() {
                known.created.clone_into(&mut entry.created);
            }
            *known = entry;
            return;
        }
        let place = versions
            .binary_search_by(|known| compare(known, &entry))
            .unwrap_or_else(|place| place);
        versions.insert(place, entry);
    }

    /// Takes a version out; the last one of a package takes its name along.
    pub fn remove(&mut self, name: &str, version: &str) -> Option<Entry> {
        let versions = self.entries.get_mut(name)?;
        let place = versions.iter().position(|it| it.version == version)?;
        let removed = versions.remove(place);
        if versions.is_empty() {
            self.entries.remove(name);
        }
        Some(removed)
    }

    /// Adds what another has and this has not.
    pub fn merge(&mut self, other: Self) {
        for entry in other.entries.into_values().flatten() {
            if self.get(&entry.name, &entry.version).is_none() {
                self.put(entry);
            }
        }
    }

    /// Names the moment as that of its writing, and writes it.
    pub fn write(&mut self, now: DateTime<Utc>) -> String {
        self.generated = rfc3339(now);
        self.text()
    }

    /// As it is written.
    pub fn text(&self) -> String {
        let mut text = self.body().write();
        if !self.generated.is_empty() {
            // It may be anything, as all that others wrote.
            let generated = Node::Text(self.generated.clone());
            text.push_str(&Node::Map(vec![("generated".to_owned(), generated)]).write());
        }
        text
    }

    /// What tells it from another, whenever it was written.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256(sha2::Sha256::digest(self.body().write()).into())
    }

    fn body(&self) -> Node {
        let version = || Node::Text("v1".to_owned());
        let mut map = vec![
            ("apiVersion".to_owned(), version()),
            ("api_version".to_owned(), version()),
        ];
        map.extend(self.extra.iter().cloned());
        let mut entries: Vec<(String, Node)> = Vec::with_capacity(self.entries.len());
        for (name, versions) in &self.entries {
            let mut list: Vec<Node> = versions.iter().map(Entry::node).collect();
            let unread = self.unread.iter().filter(|(other, _)| other == name);
            list.extend(unread.map(|(_, node)| node.clone()));
            entries.push((name.clone(), Node::List(list)));
        }
        for (name, node) in &self.unread {
            if !self.entries.contains_key(name) {
                match entries.iter_mut().find(|(known, _)| known == name) {
                    Some((_, Node::List(list))) => list.push(node.clone()),
                    Some(_) => {}
                    None if matches!(node, Node::List(_)) => {
                        entries.push((name.clone(), node.clone()));
                    }
                    None => entries.push((name.clone(), Node::List(vec![node.clone()]))),
                }
            }
        }
        // Last, so that a file that is cut off shows it: nothing but `generated` follows.
        map.push(("entries".to_owned(), Node::Map(entries)));
        Node::Map(map)
    }
}

/// The newest first: by semantic versioning, and what is none of its versions behind all that are.
fn compare(one: &Entry, other: &Entry) -> Ordering {
    let semver = |entry: &Entry| semver(&entry.version);
    match (semver(one), semver(other)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => {
            let version = |entry: &Entry| Reverse(Version::parse(&entry.version));
            let text = |entry: &Entry| Reverse(entry.version.clone());
            version(one)
                .cmp(&version(other))
                .then_with(|| text(one).cmp(&text(other)))
        }
    }
}

/// A version as semantic versioning has it; what follows a blank (OpenPitrix writes `1.0.0 [5.7]`)
/// does not count.
pub fn semver(version: &str) -> Option<Semver> {
    let version = version.split(' ').next().unwrap_or(version);
    Semver::parse(version.strip_prefix('v').unwrap_or(version)).ok()
}

/// A moment as an index has it.
pub fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn text_of<'a>(node: &'a Node, key: &str) -> &'a str {
    let Node::Map(map) = node else { return "" };
    let mut pairs = map.iter();
    let found = pairs.find(|(known, _)| known == key);
    found
        .and_then(|(_, value)| value.text())
        .unwrap_or_default()
}

/// Whether a name can be that of a package: one normal part of a path.
pub(super) fn is_package_name(name: &str) -> bool {
    crate::app::AppName::parse(name).is_ok()
}

/// Whether a version can be part of a file's name.
pub(super) fn is_usable_version(version: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    version.len() <= 128
        && version.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !version.ends_with('.')
        && version.chars().all(allowed)
}

impl Entry {
    /// Reads one version.
    ///
    /// # Errors
    /// Its version, if it has one, and what is wrong with it.
    pub(super) fn read(name: &str, node: &Node) -> Result<Self, (String, String)> {
        let Node::Map(map) = node else {
            return Err((String::new(), "it is no map of keys and values".to_owned()));
        };
        let version = text_of(node, "version");
        let fail = |reason: String| (version.escape_debug().take(80).collect(), reason);
        let mut entry = Self::default();
        let mut kind = "";
        let (mut helm, mut openpitrix) = (false, false);
        for (key, value) in map {
            let text = || {
                let text = value.text().map(str::to_owned);
                text.ok_or_else(|| fail(format!("its `{key}` is no text")))
            };
            match key.as_str() {
                "name" => entry.name = text()?,
                "version" => entry.version = text()?,
                "appVersion" => {
                    helm = true;
                    entry.app_version = text()?;
                }
                "app_version" => entry.app_version = text()?,
                "description" => entry.description = text()?,
                "home" => entry.home = text()?,
                "icon" => entry.icon = text()?,
                "keywords" => entry.keywords = texts(value),
                "sources" => entry.sources = texts(value),
                "screenshots" => entry.screenshots = texts(value),
                "maintainers" => entry.maintainers = maintainers(value),
                "category" => entry.category = text()?,
                "platforms" => entry.platforms = texts(value),
                "pkg" => entry.pkg = text()?,
                "pkg_digest" => entry.pkg_digest = text()?.parse().ok(),
                "size" => entry.size = text()?.parse().unwrap_or_default(),
                "urls" => entry.urls = texts(value),
                "digest" => {
                    let digest = text()?;
                    if !digest.is_empty() {
                        let read = digest.parse().map_err(|_| {
                            fail("its `digest` is no SHA-256; write 64 hexadecimal digits".into())
                        })?;
                        entry.digest = Some(read);
                    }
                }
                "created" => entry.created = text()?,
                "removed" => entry.removed = value.text() == Some("true"),
                "type" => {
                    kind = value.text().unwrap_or_default();
                    if PackageKind::from_word(kind).is_none() {
                        entry.extra.push((key.clone(), value.clone()));
                    }
                }
                other => {
                    helm |= other == "apiVersion" || other == "kubeVersion";
                    openpitrix |= other == "api_version";
                    entry.extra.push((key.clone(), value.clone()));
                }
            }
        }
        if entry.name.is_empty() {
            name.clone_into(&mut entry.name);
        }
        if !is_package_name(&entry.name) {
            return Err(fail("its name cannot be used".to_owned()));
        }
        if entry.name != name {
            return Err(fail("it is listed under another name".to_owned()));
        }
        // OpenPitrix shows `1.0.0 [5.7]`.
        let number = entry.version.split(' ').next().unwrap_or_default();
        let is_number = number
            .trim_start_matches('v')
            .starts_with(|c: char| c.is_ascii_digit());
        if number.is_empty() {
            return Err(fail("it has no version".to_owned()));
        }
        if !is_number || !is_usable_version(number) {
            return Err(fail("its version is none".to_owned()));
        }
        if entry.urls.iter().all(|url| url.trim().is_empty()) {
            return Err(fail("it has no `urls`".to_owned()));
        }
        entry.kind = PackageKind::from_word(kind).unwrap_or({
            let url = entry.urls.first().map_or("", String::as_str);
            let path = url.split(['?', '#']).next().unwrap_or_default();
            if path.to_ascii_lowercase().ends_with(".zip") {
                PackageKind::Godoos
            } else if helm || matches!(kind, "application" | "library") {
                PackageKind::Helm
            } else if openpitrix {
                PackageKind::Openpitrix
            } else {
                PackageKind::Unknown
            }
        });
        Ok(entry)
    }

    /// The file of the package, as `urls` names it: the last part of its path.
    pub fn file(&self) -> Option<&str> {
        file_of(self.urls.first()?)
    }

    /// As it is written.
    pub(super) fn node(&self) -> Node {
        let mut map: Vec<(String, Node)> = Vec::with_capacity(20);
        let mut put = |key: &str, node| map.push((key.to_owned(), node));
        let text = |text: &str| Node::Text(text.to_owned());
        put("name", text(&self.name));
        put("version", text(&self.version));
        // Both spellings: each of the two programs that read it knows one. Of a package of which nobody knows
        // what it is, Helm's would make a chart.
        if !self.app_version.is_empty() {
            if self.kind != PackageKind::Unknown {
                put("appVersion", text(&self.app_version));
            }
            put("app_version", text(&self.app_version));
        }
        for (key, value) in [
            ("description", &self.description),
            ("home", &self.home),
            ("icon", &self.icon),
        ] {
            if !value.is_empty() {
                put(key, text(value));
            }
        }
        let list = |list: &[String]| Node::List(list.iter().map(|it| text(it)).collect());
        for (key, value) in [
            ("keywords", &self.keywords),
            ("sources", &self.sources),
            ("screenshots", &self.screenshots),
            ("platforms", &self.platforms),
        ] {
            if !value.is_empty() {
                put(key, list(value));
            }
        }
        if !self.maintainers.is_empty() {
            let maintainer = |it: &Maintainer| {
                let mut map = vec![("name".to_owned(), text(&it.name))];
                if !it.email.is_empty() {
                    map.push(("email".to_owned(), text(&it.email)));
                }
                Node::Map(map)
            };
            put(
                "maintainers",
                Node::List(self.maintainers.iter().map(maintainer).collect()),
            );
        }
        if self.kind != PackageKind::Unknown {
            put("type", text(self.kind.as_str()));
        }
        let digest = |digest: &Option<Sha256>| digest.map(|it| it.to_string()).unwrap_or_default();
        for (key, value) in [
            ("category", &self.category),
            ("pkg", &self.pkg),
            ("pkg_digest", &digest(&self.pkg_digest)),
        ] {
            if !value.is_empty() {
                put(key, text(value));
            }
        }
        if self.size > 0 {
            put("size", Node::Plain(self.size.to_string()));
        }
        for (key, node) in &self.extra {
            // What Helm calls a type lies beside ours.
            if key != "type" || self.kind == PackageKind::Unknown {
                put(key, node.clone());
            }
        }
        if !self.created.is_empty() {
            put("created", text(&self.created));
        }
        if self.removed {
            put("removed", Node::Plain("true".to_owned()));
        }
        put("urls", list(&self.urls));
        if self.digest.is_some() {
            put("digest", text(&digest(&self.digest)));
        }
        Node::Map(map)
    }

    /// As JSON, with the same keys as in the index.
    pub fn to_json(&self) -> serde_json::Value {
        self.node().to_json()
    }

    /// Reads what [`Entry::to_json`] wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_json(value: &serde_json::Value) -> Result<Self, String> {
        let node = Node::of_json(value);
        let name = text_of(&node, "name").to_owned();
        Self::read(&name, &node).map_err(|(_, reason)| reason)
    }
}

impl PackageKind {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "godoos" => Some(Self::Godoos),
            "openpitrix" => Some(Self::Openpitrix),
            "helm" => Some(Self::Helm),
            _ => None,
        }
    }
}

/// The last part of an address's path, decoded; none when that is no file's name.
pub(super) fn file_of(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let file = path.rsplit('/').next()?;
    is_file_name(file).then_some(file)
}

/// Whether a text can be the name of a package's file. Others are never asked for and never written.
pub(super) fn is_file_name(file: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    file.len() <= 255
        && file.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !file.ends_with('.')
        && file.chars().all(allowed)
}

fn texts(node: &Node) -> Vec<String> {
    match node {
        Node::List(list) => list
            .iter()
            .filter_map(|it| it.text().map(str::to_owned))
            .collect(),
        node if node.is_null() => Vec::new(),
        node => node.text().map(str::to_owned).into_iter().collect(),
    }
}

fn maintainers(node: &Node) -> Vec<Maintainer> {
    let Node::List(list) = node else {
        return Vec::new();
    };
    let read = |node: &Node| match node {
        Node::Map(_) => Maintainer {
            name: text_of(node, "name").to_owned(),
            email: text_of(node, "email").to_owned(),
        },
        node => Maintainer {
            name: node.text().unwrap_or_default().to_owned(),
            email: String::new(),
        },
    };
    list.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HELM: &str = r#"
apiVersion: v1
entries:
  alpine:
  - apiVersion: v2
    appVersion: 3.3.0
    created: "2026-10-06T16:23:20.499814565-06:00"
    description: Deploy a basic Alpine Linux pod
    digest: 99c76e403d752c84ead610644d4b1c2f2b453a74b921f422b9dcb8a7c8b559cd
    home: https://helm.example/helm
    name: alpine
    sources:
    - https://github.example/helm/helm
    urls:
    - https://technosophos.example/tscharts/alpine-0.2.0.tgz
    version: 0.2.0
  - apiVersion: v2
    created: "2026-10-06T16:23:20.499543808-06:00"
    name: alpine
    urls: [alpine-0.10.0.tgz]
    version: 0.10.0
generated: "2026-10-06T16:23:20.499029981-06:00"
"#;

    const OPENPITRIX: &str = r"
api_version: v1
entries:
  nginx:
  - api_version: v1
    app_version: 1.10
    name: nginx
    version: 0.1.0
    maintainers: [{name: OpenPitrix Dev, email: dev@openpitrix.example}]
    unheard_of: {a: [1, 2.50]}
    urls: [nginx-0.1.0.tgz]
generated: 2026-07-19T10:01:02.8Z
";

    /// What the fuzzer found.
    #[test]
    fn a_package_that_nobody_knows_does_not_become_a_chart_by_being_written() {
        let text = "entries: {a: [{version: 1.0.0, app_version: 1.10, urls: [a.tgz]}]}";
        let index = Index::parse(text).unwrap();
        let again = Index::parse(&index.text()).unwrap();
        assert_eq!(again.get("a", "1.0.0").unwrap().kind, PackageKind::Unknown);
        assert_eq!(again.fingerprint(), index.fingerprint());
    }

    /// What the fuzzer found.
    #[test]
    fn a_time_that_is_none_is_written_so_that_it_can_be_read() {
        let text = "entries: {a: [{version: 1.0.0, urls: [a.tgz]}]}\ngenerated: 2026-[\"a\\b\n";
        let index = Index::parse(text).unwrap();
        let again = Index::parse(&index.text()).unwrap();
        assert_eq!(again.generated, "2026-[\"a\\b");
        assert!(again.is_cut(None));
    }

    fn versions(index: &Index, name: &str) -> Vec<String> {
        let versions = index.versions(name).iter();
        versions.map(|entry| entry.version.clone()).collect()
    }

    fn entry(name: &str, version: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            version: version.to_owned(),
            urls: vec![format!("{name}-{version}.zip")],
            kind: PackageKind::Godoos,
            ..Entry::default()
        }
    }

    #[test]
    fn helms_index_is_read() {
        let index = Index::parse(HELM).unwrap();
        assert_eq!(versions(&index, "alpine"), ["0.10.0", "0.2.0"]);
        let newest = index.get("alpine", "0.2.0").unwrap();
        assert_eq!(newest.kind, PackageKind::Helm);
        assert_eq!(newest.app_version, "3.3.0");
        assert!(newest.digest.is_some());
        assert!(!index.is_cut(None));
        assert!(index.problems.is_empty());
    }

    #[test]
    fn openpitrixs_index_is_read_and_what_nobody_knows_is_kept() {
        let mut index = Index::parse(OPENPITRIX).unwrap();
        let nginx = index.get("nginx", "0.1.0").unwrap();
        assert_eq!(nginx.kind, PackageKind::Openpitrix);
        assert_eq!(nginx.app_version, "1.10");
        assert_eq!(nginx.maintainers[0].email, "dev@openpitrix.example");
        let text = index.write(Utc::now());
        assert!(
            text.contains("unheard_of:\n") && text.contains("2.50"),
            "{text}"
        );
        let again = Index::parse(&text).unwrap();
        assert_eq!(again.fingerprint(), index.fingerprint());
        assert_eq!(again.get("nginx", "0.1.0"), index.get("nginx", "0.1.0"));
    }

    #[test]
    fn json_is_an_index_too() {
        let text = r#"{"apiVersion": "v1", "entries": {"a": [{"name": "a", "version": "1.0.0", "urls": ["a.zip"]}]}}"#;
        assert_eq!(Index::parse(text).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_index_is_told_as_such() {
        for wrong in [
            "",
            "hello",
            "- a",
            "a: b",
            "entries: 7\napiVersion: v1",
            "<html>",
            "entries: [",
        ] {
            assert!(Index::parse(wrong).is_err(), "{wrong}");
        }
        for empty in [
            "apiVersion: v1",
            "entries: {}",
            "entries:\napiVersion: v1\n",
        ] {
            assert!(Index::parse(empty).unwrap().is_empty(), "{empty}");
        }
    }

    #[test]
    fn one_bad_version_does_not_hide_the_others_and_stays_in_the_file() {
        let text = "apiVersion: v1\nentries:\n  a:\n  - {name: a, version: 1.0.0, urls: [a-1.0.0.zip]}\n  - {name: a, version: 1.1.0}\n  - {name: a, version: latest, urls: [x]}\n  - {version: 1.2.0, urls: [x], digest: zz}\n  ../b:\n  - {name: ../b, version: 1.0.0, urls: [x]}\n  c: 7\ngenerated: 2026-01-01T00:00:00Z\n";
        let index = Index::parse(text).unwrap();
        assert_eq!(versions(&index, "a"), ["1.0.0"]);
        assert_eq!(index.len(), 1);
        assert_eq!(index.problems.len(), 5, "{:?}", index.problems);
        assert!(index.problems[0].contains("no `urls`"));
        assert!(index.problems[1].contains("version"));
        let again = Index::parse(&index.text()).unwrap();
        assert_eq!(again.problems.len(), 5, "{}", index.text());
    }

    #[test]
    fn versions_are_ordered_as_semantic_versioning_orders_them() {
        let mut index = Index::default();
        for version in [
            "1.2.0",
            "1.10.0",
            "1.10.0-rc.1",
            "8.0",
            "9.1",
            "2.0.0-alpha",
            "0.9.0",
        ] {
            index.put(entry("a", version));
        }
        assert_eq!(
            versions(&index, "a"),
            [
                "2.0.0-alpha",
                "1.10.0",
                "1.10.0-rc.1",
                "1.2.0",
                "0.9.0",
                "9.1",
                "8.0"
            ]
        );
    }

    #[test]
    fn the_same_version_twice_is_one_entry_that_keeps_its_age() {
        let mut index = Index::default();
        index.put(Entry {
            created: "2026-01-01T00:00:00Z".to_owned(),
            ..entry("a", "1.0.0")
        });
        index.put(Entry {
            created: "2026-02-02T00:00:00Z".to_owned(),
            description: "new".to_owned(),
            ..entry("a", "1.0.0")
        });
        assert_eq!(index.len(), 1);
        let kept = index.get("a", "1.0.0").unwrap();
        assert_eq!(kept.created, "2026-01-01T00:00:00Z");
        assert_eq!(kept.description, "new");
    }

    #[test]
    fn the_last_version_takes_its_name_along_and_an_unknown_one_is_no_mistake() {
        let mut index = Index::default();
        index.put(entry("a", "1.0.0"));
        assert!(index.remove("a", "2.0.0").is_none());
        assert!(index.remove("b", "1.0.0").is_none());
        assert!(index.remove("a", "1.0.0").is_some());
        assert!(index.is_empty());
        assert!(!index.text().contains("  a:"));
    }

    #[test]
    fn a_merge_adds_what_is_not_there() {
        let mut index = Index::default();
        index.put(Entry {
            description: "mine".to_owned(),
            ..entry("a", "1.0.0")
        });
        let mut other = Index::default();
        other.put(entry("a", "1.0.0"));
        other.put(entry("a", "0.9.0"));
        other.put(entry("b", "1.0.0"));
        index.merge(other);
        assert_eq!(index.len(), 3);
        assert_eq!(index.get("a", "1.0.0").unwrap().description, "mine");
    }

    #[test]
    fn only_the_moment_of_writing_does_not_count() {
        let mut index = Index::default();
        index.put(entry("a", "1.0.0"));
        let before = index.fingerprint();
        index.write(Utc::now());
        assert_eq!(index.fingerprint(), before);
        index.put(entry("a", "1.0.1"));
        assert_ne!(index.fingerprint(), before);
    }

    /// Wherever a file is cut, it is no index any more, or is seen to be cut.
    #[test]
    fn an_index_that_is_cut_off_is_seen_to_be() {
        let mut index = Index::default();
        for name in ["a", "b", "c"] {
            index.put(Entry {
                digest: Some(Sha256([7; 32])),
                size: 1234,
                description: format!("It is {name}: \"quoted\", and more"),
                ..entry(name, "1.0.0")
            });
        }
        let whole = index.write(Utc::now());
        let earlier = Index::parse(&whole).unwrap();
        for end in 0..whole.len() - 3 {
            let Some(cut) = whole.get(..end) else {
                continue;
            };
            if let Ok(read) = Index::parse(cut) {
                let is_seen = read.is_cut(Some(&earlier)) || read.is_empty();
                assert!(is_seen, "{cut}");
            }
        }
        for text in [HELM, OPENPITRIX] {
            let earlier = Index::parse(text).unwrap();
            let cut = text.split("generated").next().unwrap();
            assert!(Index::parse(cut).unwrap().is_cut(Some(&earlier)), "{cut}");
        }
    }

    #[test]
    fn ten_thousand_versions_are_written_and_read() {
        let mut index = Index::default();
        for package in 0..1000 {
            for version in 0..10 {
                index.put(entry(&format!("app{package}"), &format!("1.{version}.0")));
            }
        }
        let text = index.write(Utc::now());
        assert_eq!(Index::parse(&text).unwrap().len(), 10_000);
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let one = (
            "[a-z][a-z0-9.-]{0,8}[a-z0-9]",
            (0_u64..20, 0_u64..20, 0_u64..3),
            ".{0,30}",
            prop::collection::vec(".{1,10}", 0..3),
            any::<[u8; 32]>(),
            any::<u32>(),
        );
        let one = one.prop_map(
            |(name, (a, b, c), description, keywords, digest, size)| Entry {
                description,
                keywords,
                digest: Some(Sha256(digest)),
                size: u64::from(size),
                ..entry(&name, &format!("{a}.{b}.{c}"))
            },
        );
        prop::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(entries in entries()) {
            let mut index = Index::default();
            for entry in entries {
                if is_package_name(&entry.name) {
                    index.put(entry);
                }
            }
            let text = index.write(Utc::now());
            let read = Index::parse(&text).unwrap();
            prop_assert_eq!(&read.problems, &Vec::<String>::new());
            prop_assert_eq!(read, index);
        }

        #[test]
        fn no_index_makes_the_reader_panic(text in "(apiVersion: v1\n)?entries:\n(  [a-z]{1,3}:( [\\[{]|\n)(  - [a-z]{1,7}: .{0,9}\n){0,4}){0,3}.{0,20}") {
            let _ = Index::parse(&text);
        }
    }
}
