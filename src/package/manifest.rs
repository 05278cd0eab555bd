//! The manifest of a package: its `info.yaml`.
//!
//! It is read as strictly as a device reads it, so that a developer hears of a mistake when he uploads
//! the package and not when it is installed.

use std::collections::{BTreeMap, HashSet};

use super::header::{format, is_id, not_an_id};
use super::yaml::{self, Content, Node, YamlError};

/// The name of the file.
pub(super) const MANIFEST: &str = "info.yaml";

/// The most of it.
pub(super) const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What counts of a manifest here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) id: String,
    /// A file of the package.
    pub(super) icon: Option<String>,
    /// By language.
    pub(super) names: BTreeMap<String, String>,
    pub(super) descriptions: BTreeMap<String, String>,
    /// Sorted.
    pub(super) categories: Vec<String>,
    pub(super) version: String,
    /// The programs of its applications: files of the package.
    pub(super) codes: Vec<String>,
    /// The icons of its applications and intents: files of the package.
    pub(super) further_icons: Vec<String>,
}

/// What a field may hold.
#[derive(Clone, Copy)]
enum Form {
    /// A text.
    Text,
    /// A text that is not empty.
    Filled,
    /// Texts by language.
    Languages,
    /// One text or a list of them.
    Texts,
    /// Any map.
    Map,
    /// `yes`, `no` and the like.
    Flag,
    /// A list of maps with these fields.
    Maps(Fields),
    /// A map with these fields.
    Fields(Fields),
}

/// A field: its name, whether it must be there, and what it holds.
type Field = (&'static str, bool, Form);

/// The fields of a map, in groups that several maps have in common.
type Fields = &'static [&'static [Field]];

const PACKAGE: Fields = &[
    ID,
    SHOWN,
    VERSION,
    &[
        ("applications", true, Form::Maps(APPLICATION)),
        ("intents", false, Form::Maps(INTENT)),
    ],
];

const APPLICATION: Fields = &[ID, SHOWN, PROGRAM];

const INTENT: Fields = &[
    ID,
    SHOWN,
    &[
        ("visibility", false, Form::Text),
        ("handlingApplicationId", false, Form::Text),
        ("requiredCapabilities", false, Form::Texts),
        ("parameterMatch", false, Form::Map),
        ("handleOnlyWhenRunning", false, Form::Flag),
    ],
];

/// The older form: a package of one application, whose fields stand beside those of the package.
const LEGACY: Fields = &[
    ID,
    SHOWN,
    VERSION,
    PROGRAM,
    &[
        ("documentUrl", false, Form::Text),
        ("mimeTypes", false, Form::Texts),
    ],
];

const LOGGING: Fields = &[&[("dlt", false, Form::Fields(DLT))]];

const DLT: Fields = &[&[
    ("id", false, Form::Text),
    ("description", false, Form::Text),
]];

const ID: &[Field] = &[("id", true, Form::Filled)];

/// What people see.
const SHOWN: &[Field] = &[
    ("icon", false, Form::Text),
    ("name", false, Form::Languages),
    ("description", false, Form::Languages),
    ("categories", false, Form::Texts),
];

const VERSION: &[Field] = &[("version", false, Form::Text)];

/// What is started, and how.
const PROGRAM: &[Field] = &[
    ("code", true, Form::Filled),
    ("runtime", true, Form::Filled),
    ("runtimeParameters", false, Form::Map),
    ("supportsApplicationInterface", false, Form::Flag),
    ("capabilities", false, Form::Texts),
    ("opengl", false, Form::Map),
    ("watchdog", false, Form::Map),
    ("applicationProperties", false, Form::Map),
    ("logging", false, Form::Fields(LOGGING)),
];

const PACKAGE_FORMAT: &str = "am-package";
const LEGACY_FORMAT: &str = "am-application";

impl Manifest {
    pub(super) fn read(text: &[u8]) -> Result<Self, YamlError> {
        let documents = yaml::read(text)?;
        let known = [(PACKAGE_FORMAT, &[1][..]), (LEGACY_FORMAT, &[1])];
        let (format, _, rest) = format(&documents, &known)?;
        let Some(data) = rest.first() else {
            return Err(YamlError {
                line: 1,
                reason: "the second document is missing".to_owned(),
            });
        };
        let is_legacy = format == LEGACY_FORMAT;
        let fields = if is_legacy { LEGACY } else { PACKAGE };
        check_fields(data, fields)?;

        let id = text_of(data, "id");
        if !is_id(id) {
            let node = field(data, "id").unwrap_or(data);
            return Err(node.error(not_an_id(id)));
        }
        let mut manifest = Self {
            id: id.to_owned(),
            icon: Some(text_of(data, "icon").to_owned()).filter(|icon| !icon.is_empty()),
            names: languages(field(data, "name")),
            descriptions: languages(field(data, "description")),
            categories: texts(field(data, "categories")),
            version: text_of(data, "version").to_owned(),
            codes: Vec::new(),
            further_icons: Vec::new(),
        };
        manifest
            .categories
            .sort_by(|one, other| one.encode_utf16().cmp(other.encode_utf16()));
        if is_legacy {
            manifest.codes.push(text_of(data, "code").to_owned());
            return Ok(manifest);
        }
        manifest.applications(data)?;
        for intent in items(field(data, "intents")) {
            let visibility = text_of(intent, "visibility");
            if !matches!(visibility, "" | "public" | "private") {
                let node = field(intent, "visibility").unwrap_or(intent);
                return Err(node.error("visibility is neither `public` nor `private`"));
            }
            manifest.further_icon(intent);
        }
        Ok(manifest)
    }

    fn applications(&mut self, data: &Node) -> Result<(), YamlError> {
        let applications = items(field(data, "applications"));
        if applications.is_empty() {
            return Err(data.error("`applications` is empty; a package has one at least"));
        }
        let mut ids = HashSet::new();
        for application in applications {
            let id = text_of(application, "id");
            let node = field(application, "id").unwrap_or(application);
            if !is_id(id) {
                return Err(node.error(not_an_id(id)));
            }
            if !ids.insert(id) {
                return Err(node.error(format!("there are two applications with the id `{id}`")));
            }
            self.codes.push(text_of(application, "code").to_owned());
            self.further_icon(application);
        }
        Ok(())
    }

    fn further_icon(&mut self, node: &Node) {
        let icon = text_of(node, "icon");
        if !icon.is_empty() {
            self.further_icons.push(icon.to_owned());
        }
    }
}

/// Checks that a map has the fields that it must have, and no other, each with what it may hold.
fn check_fields(node: &Node, fields: Fields) -> Result<(), YamlError> {
    let Some(entries) = node.entries() else {
        return Err(node.error("a map was expected"));
    };
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        let mut all = fields.iter().copied().flatten();
        let Some((_, _, form)) = all.find(|(known, _, _)| *known == name) else {
            let all = fields.iter().copied().flatten();
            let known: Vec<_> = all.map(|(known, _, _)| *known).collect();
            let shown: String = name.escape_debug().take(60).collect();
            return Err(key.error(format!(
                "the field `{shown}` is not known; known are {}",
                known.join(", ")
            )));
        };
        form.check(name, value)?;
    }
    let missing: Vec<_> = fields
        .iter()
        .copied()
        .flatten()
        .filter(|(name, is_needed, _)| *is_needed && field(node, name).is_none())
        .map(|(name, _, _)| *name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        let missing = missing.join(", ");
        Err(node.error(format!("Required fields are missing: {missing}")))
    }
}

impl Form {
    fn check(self, name: &str, value: &Node) -> Result<(), YamlError> {
        let expected = |what: &str| value.error(format!("`{name}` is not {what}"));
        let is_text = |node: &Node| node.text().is_some();
        match self {
            Self::Text if is_text(value) => Ok(()),
            Self::Text => Err(expected("a text")),
            Self::Filled if value.text().is_some_and(|text| !text.is_empty()) => Ok(()),
            Self::Filled => Err(expected("a text, or an empty one")),
            Self::Languages => match value.entries() {
                Some(entries) if entries.iter().all(|(_, text)| is_text(text)) => Ok(()),
                _ => Err(expected("a map of languages to texts")),
            },
            Self::Texts => match &value.content {
                Content::Scalar { .. } => Ok(()),
                Content::List(nodes) if nodes.iter().all(is_text) => Ok(()),
                Content::List(_) | Content::Map(_) => Err(expected("a text or a list of texts")),
            },
            Self::Map => match value.value()? {
                yaml::Value::Map(_) => Ok(()),
                _ => Err(expected("a map")),
            },
            Self::Flag => match value.value()? {
                yaml::Value::Bool(_) => Ok(()),
                _ => Err(expected("`true` or `false`")),
            },
            Self::Maps(fields) => match &value.content {
                Content::List(nodes) => {
                    nodes.iter().try_for_each(|node| check_fields(node, fields))
                }
                Content::Scalar { .. } | Content::Map(_) => Err(expected("a list of maps")),
            },
            Self::Fields(fields) => check_fields(value, fields),
        }
    }
}

fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let mut entries = node.entries()?.iter();
    entries
        .find(|(key, _)| key.text() == Some(name))
        .map(|(_, value)| value)
}

/// The text of a field; empty when it is missing.
fn text_of<'a>(node: &'a Node, name: &str) -> &'a str {
    field(node, name).and_then(Node::text).unwrap_or_default()
}

fn items(list: Option<&Node>) -> &[Node] {
    match list.map(|list| &list.content) {
        Some(Content::List(nodes)) => nodes,
        _ => &[],
    }
}

fn texts(node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else {
        return Vec::new();
    };
    let texts = match &node.content {
        Content::List(nodes) => nodes.iter().filter_map(Node::text).collect(),
        Content::Scalar { text, .. } => vec![text.as_str()],
        Content::Map(_) => Vec::new(),
    };
    texts.into_iter().map(str::to_owned).collect()
}

fn languages(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.and_then(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(language, text)| Some((language.text()?.to_owned(), text.text()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = "formatType: am-package\nformatVersion: 1\n---\n";
    const APPLICATION: &str = "applications: [{id: a, code: main.qml, runtime: qml}]\n";

    fn read(data: &str) -> Result<Manifest, String> {
        let text = format!("{FORMAT}{data}");
        Manifest::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_are_kept_as_they_were_written() {
        let manifest = read(&format!(
            "id: 123\nversion: 1.10\nicon: icon.png\nname: {{en: 5, de: 'Fünf'}}\n\
             categories: [zeta, Alpha, zeta]\n{APPLICATION}"
        ))
        .unwrap();
        assert_eq!(manifest.id, "123");
        assert_eq!(manifest.version, "1.10");
        assert_eq!(manifest.names["en"], "5");
        assert_eq!(manifest.categories, ["Alpha", "zeta", "zeta"]);
        assert_eq!(manifest.codes, ["main.qml"]);
        let manifest = read(&format!(
            "id: a\nversion: ~\ncategories: one\n{APPLICATION}"
        ))
        .unwrap();
        assert_eq!((manifest.version.as_str(), manifest.icon), ("~", None));
        assert_eq!(manifest.categories, ["one"]);
    }

    #[test]
    fn every_known_field_is_taken() {
        let manifest = read(
            "id: a\ndescription: {en: x}\napplications:\n- id: a\n  code: x\n  runtime: native\n  name: {en: x}\n\
             \x20 description: {en: x}\n  icon: i.png\n  categories: c\n  runtimeParameters: {a: [1]}\n\
             \x20 supportsApplicationInterface: yes\n  capabilities: [a]\n  opengl: {a: 1}\n  watchdog: {}\n\
             \x20 applicationProperties: {private: {}}\n  logging: {dlt: {id: x, description: y}}\n\
             intents:\n- id: i\n  visibility: private\n  handlingApplicationId: a\n  requiredCapabilities: [x]\n\
             \x20 parameterMatch: {}\n  icon: j.png\n  name: {en: x}\n  description: {en: x}\n  categories: [x]\n\
             \x20 handleOnlyWhenRunning: no\n---\nanything: else\n",
        )
        .unwrap();
        assert_eq!(manifest.further_icons, ["i.png", "j.png"]);
    }

    #[test]
    fn the_older_form_has_its_application_at_the_top() {
        let text = "formatType: am-application\nformatVersion: 1\n---\nid: a\ncode: x\nruntime: qml\nname: {en: A}\n";
        let manifest = Manifest::read(text.as_bytes()).unwrap();
        assert_eq!(manifest.names["en"], "A");
        let text = text.replace("code: x\n", "");
        let error = Manifest::read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "line 4: Required fields are missing: code");
    }

    fn refused(data: &str, reason: &str) {
        let error = read(data).unwrap_err();
        assert!(error.contains(reason), "{data}\n{error}");
    }

    #[test]
    fn mistakes_are_told() {
        refused("id: a\n", "Required fields are missing: applications");
        refused("icon: a\n", "Required fields are missing: id, applications");
        refused("id: a\napplications: []\n", "`applications` is empty");
        refused("id: a\napplications: {}\n", "not a list of maps");
        refused(&format!("id: ':x'\n{APPLICATION}"), "is no id");
        refused(
            &format!("id: ''\n{APPLICATION}"),
            "`id` is not a text, or an empty one",
        );
        refused(
            &format!("id: a\nextra: 1\n{APPLICATION}"),
            "the field `extra` is not known",
        );
        refused(
            &format!("id: a\nid: b\n{APPLICATION}"),
            "the key `id` is there twice",
        );
        refused(
            &format!("id: a\nname: x\n{APPLICATION}"),
            "`name` is not a map of languages",
        );
        refused(
            &format!("id: a\nversion: [1]\n{APPLICATION}"),
            "`version` is not a text",
        );
        refused(
            &format!("id: a\ncategories: {{}}\n{APPLICATION}"),
            "`categories` is not",
        );
        refused(&format!("id: &x a\nversion: *x\n{APPLICATION}"), "an alias");
        refused(
            "id: a\napplications:\n- {id: a, code: '', runtime: qml}\n",
            "`code` is not a text, or an empty one",
        );
        refused(
            "id: a\napplications:\n- {id: a, code: x}\n",
            "line 6: Required fields are missing: runtime",
        );
        refused(
            "id: a\napplications:\n- {id: a, code: x, runtime: qml}\n- {id: a, code: x, runtime: qml}\n",
            "two applications",
        );
        refused(
            &format!("id: a\nintents: [{{id: i, visibility: x}}]\n{APPLICATION}"),
            "visibility",
        );
        refused("", "a map was expected");
        let text = format!(
            "formatType: am-package\nformatVersion: 1\nother: 1\n---\nid: a\n{APPLICATION}"
        );
        let error = Manifest::read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            "line 3: only formatType and formatVersion may stand here"
        );
    }
}
