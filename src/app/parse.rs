//! Reads both manifests as people write them: comments, trailing commas, a BOM, keys in any case,
//! strings for numbers. Every mistake is found in one pass.

use std::collections::HashMap;

use indexmap::IndexMap;
use jsonc_parser::ast::{Object, Value as Node};
use serde_json::{Map, Number, Value};

use super::install::{History, Item};
use super::problem::{self, Problem};
use super::source::{self, Slip, Source};
use super::store::{InstallSection, Setting, StartSection, Step, Until};
use super::suggest::did_you_mean;
use super::{AppName, InstallInfo, StoreInfo};

/// The categories of the desktop.
pub const CATEGORIES: [&str; 10] = [
    "hots",
    "work",
    "development",
    "games",
    "education",
    "news",
    "shopping",
    "social",
    "utilities",
    "others",
];

/// The file of an [`InstallInfo`].
pub const INSTALL_FILE: &str = "install.json";

/// The file of a [`StoreInfo`].
pub const STORE_FILE: &str = "store.json";

/// Reads an `install.json`. The record holds what could be understood; with an error among the
/// problems it must not be used.
pub fn install(text: &str) -> (InstallInfo, Vec<Problem>) {
    read(INSTALL_FILE, text, install_info)
}

/// Reads a `store.json`, likewise.
pub fn store(text: &str) -> (StoreInfo, Vec<Problem>) {
    read(STORE_FILE, text, store_info)
}

fn read<T: Default>(
    file: &'static str,
    text: &str,
    record: impl FnOnce(&mut Reader<'_>, &Object<'_>) -> T,
) -> (T, Vec<Problem>) {
    let mut reader = Reader {
        file,
        text,
        problems: Vec::new(),
    };
    let source = Source::new(text);
    let readable = source.slips.is_empty();
    for slip in &source.slips {
        reader.slip(slip);
    }
    let record = match source.parse() {
        Ok(Some(Node::Object(root))) => record(&mut reader, &root),
        Ok(Some(root)) => {
            let message = format!("{file} must be an object, not {}", kind(&root));
            reader.error(String::new(), &root, message, "write `{ … }`");
            T::default()
        }
        Ok(None) => {
            if readable {
                let problem = Problem::error(file, "", format!("{file} is empty"));
                reader.problems.push(problem.with_help("write `{ … }`"));
            }
            T::default()
        }
        Err(slip) => {
            reader.slip(&slip);
            T::default()
        }
    };
    problem::locate(&mut reader.problems, text);
    reader
        .problems
        .sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
    (record, reader.problems)
}

fn install_info(reader: &mut Reader<'_>, root: &Object<'_>) -> InstallInfo {
    let mut fields = reader.fields(
        "",
        root,
        &[
            "name",
            "url",
            "pkg",
            "webUrl",
            "isDev",
            "version",
            "desc",
            "icon",
            "hasStart",
            "hasRestart",
            "setting",
            "dependencies",
            "category",
            "history",
        ],
    );
    let info = InstallInfo {
        name: fields.text(reader, "name"),
        url: fields.text(reader, "url"),
        pkg: fields.text(reader, "pkg"),
        web_url: fields.text(reader, "webUrl"),
        is_dev: fields.boolean(reader, "isDev"),
        version: fields.text(reader, "version"),
        desc: fields.text(reader, "desc"),
        icon: fields.text(reader, "icon"),
        has_start: fields.boolean(reader, "hasStart"),
        has_restart: fields.boolean(reader, "hasRestart"),
        setting: fields.boolean(reader, "setting"),
        dependencies: fields.items(reader, "dependencies"),
        category: fields.category(reader),
        history: fields.list(reader, "history", |reader, path, node| {
            let mut fields = reader.object(path, node, &["version", "url", "pkg"])?;
            Some(History {
                version: fields.text(reader, "version"),
                url: fields.text(reader, "url"),
                pkg: fields.text(reader, "pkg"),
            })
        }),
        extra: std::mem::take(&mut fields.extra),
    };
    reader.check_name(&info.name, fields.contains("name"));
    info
}

fn store_info(reader: &mut Reader<'_>, root: &Object<'_>) -> StoreInfo {
    let mut fields = reader.fields(
        "",
        root,
        &[
            "name", "icon", "category", "desc", "setting", "config", "commands", "install", "start",
        ],
    );
    StoreInfo {
        name: fields.text(reader, "name"),
        icon: fields.text(reader, "icon"),
        category: fields.category(reader),
        desc: fields.text(reader, "desc"),
        setting: setting(reader, &fields),
        config: config(reader, &fields),
        commands: commands(reader, &fields),
        install: install_section(reader, &fields),
        start: start_section(reader, &fields),
        extra: std::mem::take(&mut fields.extra),
    }
}

fn setting(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> Setting {
    let known = [
        "binPath",
        "confPath",
        "progressName",
        "isOn",
        "ready",
        "stopTimeout",
    ];
    let Some(fields) = fields.object(reader, "setting", &known) else {
        return Setting::default();
    };
    Setting {
        bin_path: fields.path(reader, "binPath"),
        conf_path: fields.path(reader, "confPath"),
        progress_name: fields.text(reader, "progressName"),
        is_on: fields.boolean(reader, "isOn"),
        ready: until(reader, &fields, "ready"),
        stop_timeout: fields.seconds(reader, "stopTimeout"),
    }
}

fn config(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> Map<String, Value> {
    let mut config = Map::new();
    for (key, path, node) in fields.entries(reader, "config") {
        reader.check_drive_paths(&path, node);
        config.insert(key, to_json(node));
    }
    config
}

fn commands(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> IndexMap<String, Vec<Step>> {
    let mut commands = IndexMap::new();
    for (key, path, node) in fields.entries(reader, "commands") {
        if key.is_empty() {
            reader.error(
                path,
                node,
                "a command list has an empty name".to_owned(),
                "name it",
            );
            continue;
        }
        commands.insert(key, reader.list(&path, node, step));
    }
    commands
}

fn step(reader: &mut Reader<'_>, path: &str, node: &Node<'_>) -> Option<Step> {
    if let Node::StringLit(name) = node {
        let message = "a step must be an object, not a text".to_owned();
        let help = format!("write {{ \"name\": \"{}\" }}", name.value);
        reader.error(path.to_owned(), node, message, &help);
        return None;
    }
    let known = [
        "name", "filePath", "content", "binPath", "tplPath", "cmds", "waiting", "kill", "envs",
        "strict", "timeout", "cwd", "detach", "until",
    ];
    let fields = reader.object(path, node, &known)?;
    let step = Step {
        name: fields.text(reader, "name"),
        file_path: fields.path(reader, "filePath"),
        content: fields.text(reader, "content"),
        bin_path: fields.path(reader, "binPath"),
        tpl_path: fields.path(reader, "tplPath"),
        cmds: fields.texts(reader, "cmds"),
        waiting: fields.seconds(reader, "waiting").unwrap_or(0.0),
        kill: fields.boolean(reader, "kill"),
        envs: fields.items(reader, "envs"),
        strict: fields.boolean(reader, "strict"),
        timeout: fields.seconds(reader, "timeout"),
        cwd: fields.path(reader, "cwd"),
        detach: fields.boolean(reader, "detach"),
        until: until(reader, &fields, "until"),
    };
    if let (true, Some((path, node))) = (
        step.name.eq_ignore_ascii_case("unzip") || step.name.eq_ignore_ascii_case("zip"),
        fields.get("content"),
    ) {
        reader.check_drive_paths(&path, node);
    }
    if step.name.is_empty() {
        let message = "a step without a name".to_owned();
        let help = "write \"name\": and a built-in command or a key of `commands`";
        reader.error(path.to_owned(), node, message, help);
    }
    Some(step)
}

fn until(reader: &mut Reader<'_>, fields: &Fields<'_, '_>, key: &'static str) -> Option<Until> {
    let known = ["port", "http", "file", "log", "timeout"];
    let inner = fields.object(reader, key, &known)?;
    let optional = |text: String| (!text.is_empty()).then_some(text);
    let until = Until {
        port: optional(inner.text(reader, "port")),
        http: optional(inner.text(reader, "http")),
        file: optional(inner.path(reader, "file")),
        log: optional(inner.text(reader, "log")),
        timeout: inner.seconds(reader, "timeout"),
    };
    let given = [&until.port, &until.http, &until.file, &until.log]
        .into_iter()
        .flatten()
        .count();
    if given != 1 {
        let path = fields.path_of(key);
        let message = if given == 0 {
            format!("`{key}` waits for nothing")
        } else {
            format!("`{key}` waits for {given} things")
        };
        let help = "give exactly one of `port`, `http`, `file` and `log`";
        reader.push(Problem::error(reader.file, path, message).with_help(help));
    }
    if let Some(port) = &until.port
        && !port.contains('{')
        && !port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        let message = format!("`{}` is not a port", port.escape_debug());
        let help = "write a number from 1 to 65535, or a word of the config such as \"{port}\"";
        reader.push(Problem::error(reader.file, inner.path_of("port"), message).with_help(help));
    }
    Some(until)
}

fn install_section(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> InstallSection {
    match fields.object(reader, "install", &["installEnvs", "installCmds"]) {
        Some(fields) => InstallSection {
            install_envs: fields.items(reader, "installEnvs"),
            install_cmds: fields.texts(reader, "installCmds"),
        },
        None => InstallSection::default(),
    }
}

fn start_section(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> StartSection {
    let known = ["startEnvs", "beforeCmds", "startCmds", "afterCmds"];
    match fields.object(reader, "start", &known) {
        Some(fields) => StartSection {
            start_envs: fields.items(reader, "startEnvs"),
            before_cmds: fields.texts(reader, "beforeCmds"),
            start_cmds: fields.texts(reader, "startCmds"),
            after_cmds: fields.texts(reader, "afterCmds"),
        },
        None => StartSection::default(),
    }
}

/// Collects what is wrong while a file is read.
struct Reader<'t> {
    file: &'static str,
    text: &'t str,
    problems: Vec<Problem>,
}

/// The fields of one object by the manual's spelling of their keys.
struct Fields<'a, 't> {
    path: String,
    known: IndexMap<&'static str, &'a Node<'t>>,
    extra: Map<String, Value>,
}

impl Reader<'_> {
    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn slip(&mut self, slip: &Slip) {
        let problem = Problem::error(self.file, "", slip.message.clone());
        self.push(problem.with_help(slip.help).with_span(slip.span.clone()));
    }

    fn error(&mut self, path: String, node: &Node<'_>, message: String, help: &str) {
        let span = source::value_span(self.text, node);
        let problem = Problem::error(self.file, path, message);
        self.push(problem.with_help(help).with_span(span));
    }

    fn check_name(&mut self, name: &str, given: bool) {
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
    fn object<'a, 't>(
        &mut self,
        path: &str,
        node: &'a Node<'t>,
        known: &[&'static str],
    ) -> Option<Fields<'a, 't>> {
        let object = self.expect_object(path, node)?;
        Some(self.fields(path, object, known))
    }

    fn expect_object<'a, 't>(&mut self, path: &str, node: &'a Node<'t>) -> Option<&'a Object<'t>> {
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

    fn fields<'a, 't>(
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
            let again = match known_key {
                Some(&known) => fields.known.insert(known, &property.value).is_some(),
                None => {
                    let value = to_json(&property.value);
                    fields.extra.insert(key.to_owned(), value).is_some()
                }
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
                    .with_help(match did_you_mean(key, known.iter().copied()) {
                        help if help.is_empty() => elsewhere(key).to_owned(),
                        help => help,
                    });
                self.push(problem.with_span(source::key_span(property)));
            }
        }
        fields
    }

    fn list<T>(
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
    fn text(&mut self, path: &str, node: &Node<'_>) -> String {
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

    /// A text that `C:\temp` may have slipped into: a tab behind a drive is no tab.
    fn check_drive_paths(&mut self, path: &str, node: &Node<'_>) {
        match node {
            Node::StringLit(text) => {
                let mut chars = text.value.chars();
                let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
                    && chars.next() == Some(':');
                if drive && text.value.contains(char::is_control) {
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

    fn control_character(&mut self, path: &str, node: &Node<'_>) {
        let message = "this path holds a tab or a line break".to_owned();
        let help = "write `\\\\` or `/` for a backslash";
        self.error(path.to_owned(), node, message, help);
    }
}

impl<'a, 't> Fields<'a, 't> {
    fn contains(&self, key: &str) -> bool {
        self.known.contains_key(key)
    }

    fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    fn get(&self, key: &str) -> Option<(String, &'a Node<'t>)> {
        let node = self.known.get(key)?;
        Some((self.path_of(key), node))
    }

    fn text(&self, reader: &mut Reader<'_>, key: &str) -> String {
        self.get(key)
            .map(|(path, node)| reader.text(&path, node))
            .unwrap_or_default()
    }

    /// A text that names a file.
    fn path(&self, reader: &mut Reader<'_>, key: &str) -> String {
        let text = self.text(reader, key);
        if let Some((path, node)) = self.get(key)
            && text.contains(char::is_control)
        {
            reader.control_character(&path, node);
        }
        text
    }

    fn texts(&self, reader: &mut Reader<'_>, key: &str) -> Vec<String> {
        self.list(reader, key, |reader, path, node| {
            reader.check_drive_paths(path, node);
            Some(reader.text(path, node))
        })
    }

    fn boolean(&self, reader: &mut Reader<'_>, key: &str) -> bool {
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

    fn seconds(&self, reader: &mut Reader<'_>, key: &str) -> Option<f64> {
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

    fn category(&self, reader: &mut Reader<'_>) -> String {
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

    fn items(&self, reader: &mut Reader<'_>, key: &str) -> Vec<Item> {
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

    fn list<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        element: impl FnMut(&mut Reader<'_>, &str, &Node<'_>) -> Option<T>,
    ) -> Vec<T> {
        self.get(key)
            .map(|(path, node)| reader.list(&path, node, element))
            .unwrap_or_default()
    }

    fn object(
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
    fn entries(&self, reader: &mut Reader<'_>, key: &str) -> Vec<(String, String, &'a Node<'t>)> {
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

fn duplicate(key: &str) -> String {
    format!("the key `{key}` is there twice; the last one counts")
}

/// Where a key belongs that is often written at the wrong place.
fn elsewhere(key: &str) -> &'static str {
    match key {
        "isOn" | "binPath" | "confPath" | "progressName" | "ready" | "stopTimeout" => {
            "it belongs into `setting` of store.json"
        }
        "startEnvs" | "beforeCmds" | "startCmds" | "afterCmds" => {
            "it belongs into `start` of store.json"
        }
        "installEnvs" | "installCmds" => "it belongs into `install` of store.json",
        "config" | "commands" => "it belongs into store.json",
        _ => "",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The last part of a path: what a message calls the thing.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn kind(node: &Node<'_>) -> &'static str {
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
fn shown(node: &Node<'_>) -> String {
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
fn to_json(node: &Node<'_>) -> Value {
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
