//! Reading a manifest's values, however they are written, and telling what is wrong with which.

use std::collections::HashMap;

use indexmap::IndexMap;
use jsonc_parser::ast::{Object, Value as Node};
use serde_json::{Map, Number, Value};

use super::CATEGORIES;
use crate::app::config_schema::Label;
use crate::app::install::Item;
use crate::app::problem::Problem;
use crate::app::source::{self, Slip};
use crate::app::suggest::did_you_mean;
use crate::app::{AppName, Sha256};

/// Collects what is wrong while a file is read.
pub(super) struct Reader<'t> {
    pub(super) file: &'static str,
    pub(super) text: &'t str,
    pub(super) problems: Vec<Problem>,
}

/// The fields of one object by the manual's spelling of their keys.
pub(super) struct Fields<'a, 't> {
    pub(super) path: String,
    pub(super) known: IndexMap<&'static str, &'a Node<'t>>,
    pub(super) extra: Map<String, Value>,
}

impl Reader<'_> {
    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn slip(&mut self, slip: &Slip, label: &str) {
        let problem = Problem::error(self.file, "", slip.message.clone())
            .with_label(label)
            .with_help(slip.help)
            .with_span(slip.span.clone());
        self.push(problem);
    }

    pub(super) fn error(&mut self, path: String, node: &Node<'_>, message: String, help: &str) {
        let span = source::value_span(self.text, node);
        let problem = Problem::error(self.file, path, message);
        self.push(problem.with_help(help).with_span(span));
    }

    pub(super) fn check_name(&mut self, name: &str, given: bool) {
        if name.is_empty() {
            let message = format!("{} gives no name", self.file);
            let path = if given { "name" } else { "" };
            let help = "write \"name\": and the name of the app's folder";
            self.push(Problem::error(self.file, path, message).with_help(help));
        } else if let Err(error) = AppName::parse(name) {
            self.push(Problem::error(self.file, "name", error.to_string()));
        }
    }

    /// The fields of an object; `None`, with an error, when it is something else.
    pub(super) fn object<'a, 't>(
        &mut self,
        path: &str,
        node: &'a Node<'t>,
        known: &[&'static str],
    ) -> Option<Fields<'a, 't>> {
        let object = self.expect_object(path, node)?;
        Some(self.fields(path, object, known))
    }

    pub(super) fn expect_object<'a, 't>(
        &mut self,
        path: &str,
        node: &'a Node<'t>,
    ) -> Option<&'a Object<'t>> {
        match node {
            Node::Object(object) => Some(object),
            Node::NullKeyword(_) => None,
            Node::Array(_) | Node::StringLit(_) | Node::NumberLit(_) | Node::BooleanLit(_) => {
                let message = format!("`{}` must be an object, not {}", last(path), kind(node));
                self.error(path.to_owned(), node, message, "write `{ … }`");
                None
            }
        }
    }

    pub(super) fn fields<'a, 't>(
        &mut self,
        path: &str,
        object: &'a Object<'t>,
        known: &[&'static str],
    ) -> Fields<'a, 't> {
        let mut fields = Fields {
            path: path.to_owned(),
            known: IndexMap::new(),
            extra: Map::new(),
        };
        for property in &object.properties {
            let key = source::key_of(property);
            let known_key = known.iter().find(|known| known.eq_ignore_ascii_case(key));
            let again = if let Some(&known) = known_key {
                fields.known.insert(known, &property.value).is_some()
            } else {
                let value = to_json(&property.value);
                fields.extra.insert(key.to_owned(), value).is_some()
            };
            let child = join(path, key);
            if again {
                let problem = Problem::warning(self.file, child.clone(), duplicate(key));
                self.push(problem.with_span(source::key_span(property)));
            }
            // Editors find the schema by that key.
            if known_key.is_none() && key != "$schema" {
                let problem = Problem::warning(self.file, child, format!("unknown key `{key}`"))
                    .with_label("nothing reads it")
                    .with_help(match elsewhere(key) {
                        "" => did_you_mean(key, known.iter().copied()),
                        place => place.to_owned(),
                    });
                self.push(problem.with_span(source::key_span(property)));
            }
        }
        fields
    }

    pub(super) fn list<T>(
        &mut self,
        path: &str,
        node: &Node<'_>,
        mut element: impl FnMut(&mut Self, &str, &Node<'_>) -> Option<T>,
    ) -> Vec<T> {
        match node {
            Node::Array(array) => array
                .elements
                .iter()
                .enumerate()
                .filter_map(|(index, node)| element(self, &format!("{path}[{index}]"), node))
                .collect(),
            Node::NullKeyword(_) => Vec::new(),
            Node::Object(_) | Node::StringLit(_) | Node::NumberLit(_) | Node::BooleanLit(_) => {
                let message = format!("`{}` must be a list, not {}", last(path), kind(node));
                self.error(path.to_owned(), node, message, "write `[ … ]`");
                Vec::new()
            }
        }
    }

    /// A text; a number or a boolean is taken as it is written, null is empty.
    pub(super) fn text(&mut self, path: &str, node: &Node<'_>) -> String {
        match node {
            Node::StringLit(text) => text.value.clone().into_owned(),
            Node::NumberLit(number) => number.value.to_owned(),
            Node::BooleanLit(boolean) => boolean.value.to_string(),
            Node::NullKeyword(_) => String::new(),
            Node::Array(_) | Node::Object(_) => {
                let message = format!("`{}` must be a text, not {}", last(path), kind(node));
                self.error(path.to_owned(), node, message, "write \"…\"");
                String::new()
            }
        }
    }

    /// A text for people: one for all, or one for each language.
    pub(super) fn label(&mut self, path: &str, node: &Node<'_>) -> Label {
        if !matches!(node, Node::Object(_)) {
            return Label::same(&self.text(path, node));
        }
        let Some(fields) = self.object(path, node, &["en", "zh"]) else {
            return Label::default();
        };
        let (en, zh) = (fields.text(self, "en"), fields.text(self, "zh"));
        let or = |text: &String, other: &String| if text.is_empty() { other } else { text }.clone();
        Label {
            en: or(&en, &zh),
            zh: or(&zh, &en),
        }
    }

    /// A text that `C:\temp` may have slipped into: a tab behind a drive is no tab.
    pub(super) fn check_drive_paths(&mut self, path: &str, node: &Node<'_>) {
        match node {
            Node::StringLit(text) => {
                let mut chars = text.value.chars();
                let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
                    && chars.next() == Some(':');
                // What `\b`, `\t`, `\n`, `\f` and `\r` become.
                let escaped = ['\u{8}', '\t', '\n', '\u{c}', '\r'];
                if drive && text.value.contains(escaped) {
                    self.control_character(path, node);
                }
            }
            Node::Array(array) => {
                for (index, node) in array.elements.iter().enumerate() {
                    self.check_drive_paths(&format!("{path}[{index}]"), node);
                }
            }
            Node::Object(object) => {
                for property in &object.properties {
                    let path = join(path, source::key_of(property));
                    self.check_drive_paths(&path, &property.value);
                }
            }
            Node::NumberLit(_) | Node::BooleanLit(_) | Node::NullKeyword(_) => {}
        }
    }

    pub(super) fn control_character(&mut self, path: &str, node: &Node<'_>) {
        let message = "this path holds a tab or a line break".to_owned();
        let help = "write `\\\\` or `/` for a backslash";
        self.error(path.to_owned(), node, message, help);
    }
}

impl<'a, 't> Fields<'a, 't> {
    pub(super) fn contains(&self, key: &str) -> bool {
        self.known.contains_key(key)
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(super) fn get(&self, key: &str) -> Option<(String, &'a Node<'t>)> {
        let node = self.known.get(key)?;
        Some((self.path_of(key), node))
    }

    pub(super) fn text(&self, reader: &mut Reader<'_>, key: &str) -> String {
        self.get(key)
            .map(|(path, node)| reader.text(&path, node))
            .unwrap_or_default()
    }

    /// A text that names a file.
    pub(super) fn path(&self, reader: &mut Reader<'_>, key: &str) -> String {
        let text = self.text(reader, key);
        if let Some((path, node)) = self.get(key)
            && text.contains(char::is_control)
        {
            reader.control_character(&path, node);
        }
        text
    }

    pub(super) fn texts(&self, reader: &mut Reader<'_>, key: &str) -> Vec<String> {
        self.list(reader, key, |reader, path, node| {
            reader.check_drive_paths(path, node);
            Some(reader.text(path, node))
        })
    }

    pub(super) fn boolean(&self, reader: &mut Reader<'_>, key: &str) -> bool {
        let Some((path, node)) = self.get(key) else {
            return false;
        };
        let text = match node {
            Node::BooleanLit(boolean) => return boolean.value,
            Node::NullKeyword(_) => return false,
            Node::StringLit(text) => text.value.trim().to_ascii_lowercase(),
            Node::NumberLit(number) => number.value.to_owned(),
            Node::Array(_) | Node::Object(_) => kind(node).to_owned(),
        };
        match text.as_str() {
            "true" | "1" => true,
            "false" | "0" | "" => false,
            _ => {
                let message = format!("`{key}` must be true or false, not {}", shown(node));
                reader.error(path, node, message, "write `true` or `false`");
                false
            }
        }
    }

    pub(super) fn seconds(&self, reader: &mut Reader<'_>, key: &str) -> Option<f64> {
        let (path, node) = self.get(key)?;
        let text = match node {
            Node::NumberLit(number) => number.value,
            Node::StringLit(text) => text.value.trim(),
            Node::NullKeyword(_) => "",
            Node::BooleanLit(_) | Node::Array(_) | Node::Object(_) => kind(node),
        };
        if text.is_empty() {
            return None;
        }
        // No longer than a year, so that the sum with any clock stays a time.
        let in_bounds = |seconds: &f64| (0.0..=31_536_000.0).contains(seconds);
        let seconds = text.parse::<f64>().ok().filter(in_bounds);
        if seconds.is_none() {
            let message = format!("`{key}` must be a number of seconds, not {}", shown(node));
            reader.error(
                path,
                node,
                message,
                "write a number from 0 up, such as `3` or `0.5`",
            );
        }
        seconds
    }

    pub(super) fn label(&self, reader: &mut Reader<'_>, key: &str) -> Label {
        self.get(key)
            .map(|(path, node)| reader.label(&path, node))
            .unwrap_or_default()
    }

    /// One of a few words, or nothing.
    pub(super) fn one_of(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        words: &[&'static str],
    ) -> String {
        let text = self.text(reader, key);
        if !text.is_empty() && !words.contains(&text.as_str()) {
            let message = format!("`{key}` cannot be `{}`", text.escape_debug());
            let help = match did_you_mean(&text, words.iter().copied()) {
                help if help.is_empty() => format!("there are {}", words.join(", ")),
                help => help,
            };
            let problem = Problem::error(reader.file, self.path_of(key), message);
            reader.push(problem.with_help(help));
        }
        text
    }

    pub(super) fn number(&self, reader: &mut Reader<'_>, key: &str) -> Option<f64> {
        let text = self.text(reader, key);
        if text.trim().is_empty() {
            return None;
        }
        let number = text.trim().parse::<f64>().ok().filter(|it| it.is_finite());
        if number.is_none() {
            let message = format!("`{key}` must be a number, not `{}`", text.escape_debug());
            let problem = Problem::error(reader.file, self.path_of(key), message);
            reader.push(problem.with_help("write a number, or leave it out"));
        }
        number
    }

    pub(super) fn sha256(&self, reader: &mut Reader<'_>, key: &str) -> String {
        let text = self.text(reader, key);
        if !text.is_empty()
            && let Err(error) = text.parse::<Sha256>()
        {
            let problem = Problem::error(reader.file, self.path_of(key), error.to_string());
            reader.push(problem);
        }
        text
    }

    pub(super) fn bytes(&self, reader: &mut Reader<'_>, key: &str) -> u64 {
        let text = self.text(reader, key);
        if text.trim().is_empty() {
            return 0;
        }
        text.trim().parse().unwrap_or_else(|_| {
            let message = format!("`{key}` must be a number of bytes");
            let problem = Problem::error(reader.file, self.path_of(key), message);
            reader.push(problem.with_help("write a whole number, or leave it out"));
            0
        })
    }

    pub(super) fn category(&self, reader: &mut Reader<'_>) -> String {
        let category = self.text(reader, "category");
        if !category.is_empty() && !CATEGORIES.contains(&category.as_str()) {
            let message = format!("unknown category `{}`", category.escape_debug());
            let help = match did_you_mean(&category, CATEGORIES) {
                help if help.is_empty() => format!("there are {}", CATEGORIES.join(", ")),
                help => help,
            };
            let path = self.path_of("category");
            reader.push(Problem::warning(reader.file, path, message).with_help(help));
        }
        category
    }

    pub(super) fn items(&self, reader: &mut Reader<'_>, key: &str) -> Vec<Item> {
        self.list(reader, key, |reader, path, node| {
            let fields = reader.object(path, node, &["name", "value"])?;
            let name = fields.text(reader, "name");
            if name.is_empty() {
                let message = format!("an entry of `{key}` without a name");
                let help = "write { \"name\": \"…\", \"value\": \"…\" }";
                reader.error(path.to_owned(), node, message, help);
            }
            let value = match fields.get("value") {
                None => Value::Null,
                Some((path, node @ (Node::Array(_) | Node::Object(_)))) => {
                    reader.text(&path, node);
                    Value::Null
                }
                Some((path, node)) => {
                    reader.check_drive_paths(&path, node);
                    to_json(node)
                }
            };
            Some(Item { name, value })
        })
    }

    pub(super) fn list<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        element: impl FnMut(&mut Reader<'_>, &str, &Node<'_>) -> Option<T>,
    ) -> Vec<T> {
        self.get(key)
            .map(|(path, node)| reader.list(&path, node, element))
            .unwrap_or_default()
    }

    pub(super) fn object(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        known: &[&'static str],
    ) -> Option<Fields<'a, 't>> {
        let (path, node) = self.get(key)?;
        reader.object(&path, node, known)
    }

    /// The entries of an object whose keys are the author's, with their paths; of a key that is
    /// there twice, the last.
    pub(super) fn entries(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
    ) -> Vec<(String, String, &'a Node<'t>)> {
        let Some((path, node)) = self.get(key) else {
            return Vec::new();
        };
        let Some(object) = reader.expect_object(&path, node) else {
            return Vec::new();
        };
        let mut entries: IndexMap<&str, (String, &Node<'_>)> = IndexMap::new();
        let mut spellings: HashMap<String, &str> = HashMap::new();
        for property in &object.properties {
            let key = source::key_of(property);
            let path = join(&path, key);
            let message = match spellings.insert(key.to_lowercase(), key) {
                Some(other) if other == key => Some(duplicate(key)),
                Some(other) => Some(format!("`{key}` and `{other}` differ only in case")),
                None => None,
            };
            if let Some(message) = message {
                let problem = Problem::warning(reader.file, path.clone(), message);
                reader.push(problem.with_span(source::key_span(property)));
            }
            entries.insert(key, (path, &property.value));
        }
        entries
            .into_iter()
            .map(|(key, (path, node))| (key.to_owned(), path, node))
            .collect()
    }
}

pub(super) fn duplicate(key: &str) -> String {
    format!("the key `{key}` is there twice; the last one counts")
}

/// Where a key belongs that is often written at the wrong place.
pub(super) fn elsewhere(key: &str) -> &'static str {
    match key {
        "isOn" | "binPath" | "confPath" | "progressName" | "ready" | "stopTimeout" => {
            "it belongs into `setting` of store.json"
        }
        "startEnvs" | "beforeCmds" | "startCmds" | "afterCmds" => {
            "it belongs into `start` of store.json"
        }
        "installEnvs" | "installCmds" => "it belongs into `install` of store.json",
        "config" | "configSchema" | "commands" => "it belongs into store.json",
        _ => "",
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The last part of a path: what a message calls the thing.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

pub(super) fn kind(node: &Node<'_>) -> &'static str {
    match node {
        Node::StringLit(_) => "a text",
        Node::NumberLit(_) => "a number",
        Node::BooleanLit(_) => "true or false",
        Node::Object(_) => "an object",
        Node::Array(_) => "a list",
        Node::NullKeyword(_) => "null",
    }
}

/// A value as a message shows it: short ones themselves, others by their kind.
pub(super) fn shown(node: &Node<'_>) -> String {
    match node {
        Node::StringLit(text) if text.value.len() <= 40 => {
            format!("`\"{}\"`", text.value.escape_debug())
        }
        Node::NumberLit(number) if number.value.len() <= 40 => format!("`{}`", number.value),
        Node::BooleanLit(boolean) => format!("`{}`", boolean.value),
        Node::StringLit(_)
        | Node::NumberLit(_)
        | Node::Object(_)
        | Node::Array(_)
        | Node::NullKeyword(_) => kind(node).to_owned(),
    }
}

/// A value as it is; numbers keep their text.
pub(super) fn to_json(node: &Node<'_>) -> Value {
    match node {
        Node::StringLit(text) => text.value.clone().into_owned().into(),
        Node::NumberLit(number) => number
            .value
            .parse::<Number>()
            .map_or_else(|_| number.value.into(), Value::Number),
        Node::BooleanLit(boolean) => boolean.value.into(),
        Node::NullKeyword(_) => Value::Null,
        Node::Array(array) => array.elements.iter().map(to_json).collect(),
        Node::Object(object) => object
            .properties
            .iter()
            .map(|property| {
                (
                    source::key_of(property).to_owned(),
                    to_json(&property.value),
                )
            })
            .collect(),
    }
}
