//! `configSchema` of `store.json`: what the author says about the settings, in the words of JSON Schema
//! (draft 7) as far as a form needs them, and a few of ours that begin with `x-`.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::pattern::Pattern;

/// The types of a setting.
pub const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

/// What a text or a number is used as.
pub const KINDS: [&str; 4] = ["port", "folder", "file", "secret"];

/// Ours: what the settings are, so that a form can ask for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigSchema {
    /// What the form is called.
    pub title: Label,
    /// A sentence above it.
    pub description: Label,
    /// The settings by key.
    pub properties: IndexMap<String, Property>,
    /// Keys that must not be empty.
    pub required: Vec<String>,
    /// The command list that puts the settings into force; `setting` when there is one of that name.
    #[serde(rename = "x-apply")]
    pub apply: String,
    /// Keys that a form does not need, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub extra: Map<String, Value>,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Property {
    /// string, integer, number, boolean, array or object; as the default is when left out.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is called.
    pub title: Label,
    /// A sentence about it.
    pub description: Label,
    /// The values that it may have.
    #[serde(rename = "enum")]
    pub choices: Vec<Value>,
    /// Ours: what these values are called, in the same order.
    #[serde(rename = "x-enum-titles")]
    pub choice_titles: Vec<Label>,
    /// Smallest number.
    pub minimum: Option<f64>,
    /// Largest number.
    pub maximum: Option<f64>,
    /// Fewest characters.
    pub min_length: Option<f64>,
    /// Most characters.
    pub max_length: Option<f64>,
    /// A regular expression that a text must match; anywhere in it, unless it says `^` and `$`.
    pub pattern: Option<Pattern>,
    /// `password` for a secret.
    pub format: String,
    /// Ours: what it is used as: port, folder, file or secret.
    #[serde(rename = "x-kind")]
    pub used_as: String,
    /// Ours: shown only to those who ask for more.
    #[serde(rename = "x-advanced")]
    pub advanced: bool,
    /// Shown and not to be changed.
    pub read_only: bool,
    /// Its place in the form; those without one follow in the order of `config`.
    pub order: Option<f64>,
    /// Keys that a form does not need, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub extra: Map<String, Value>,
}

/// A text for people: one for all, or one for each language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Label {
    /// The same text for everybody.
    pub fn same(text: &str) -> Self {
        Self {
            en: text.to_owned(),
            zh: text.to_owned(),
        }
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.en.is_empty() && self.zh.is_empty()
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.en == self.zh {
            return self.en.serialize(serializer);
        }
        let texts = [("en", &self.en), ("zh", &self.zh)];
        serializer.collect_map(texts.into_iter().filter(|(_, text)| !text.is_empty()))
    }
}

impl JsonSchema for Label {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Label".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text for people: one for all, or one for each language.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "en": { "description": "In English.", "type": "string" },
                        "zh": { "description": "In Chinese.", "type": "string" }
                    }
                }
            ]
        })
    }
}

impl Property {
    /// Whether its value must not be shown.
    pub fn is_secret(&self) -> bool {
        self.used_as == "secret" || self.format == "password"
    }
}

impl ConfigSchema {
    /// The keys whose values must not be shown, whatever they are called.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.properties
            .iter()
            .filter(|(_, property)| property.is_secret())
            .map(|(key, _)| key.as_str())
    }
}
