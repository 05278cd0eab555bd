//! Reads both manifests as people write them: comments, trailing commas, a BOM, keys in any case,
//! strings for numbers. Every mistake is found in one pass.

use std::collections::HashMap;

use indexmap::IndexMap;
use jsonc_parser::ast::{Object, Value as Node};
use serde_json::{Map, Number, Value};

use super::config_schema::{ConfigSchema, KINDS, Label, Property, TYPES};
use super::install::{History, Item};
use super::pattern::Pattern;
use super::problem::{self, Problem};
use super::source::{self, Slip, Source};
use super::store::{InstallSection, Setting, StartSection, Step, Until};
use super::suggest::did_you_mean;
use super::{AppName, InstallInfo, Sha256, StoreInfo};

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

/// Label of a mistake that hides everything behind it.
const UNREAD: &str = "nothing behind this was read";

/// Whether a file could be read to its end, whatever mistakes are in it. If not, what its record
/// lacks tells nothing.
pub fn was_read(file: &str, problems: &[Problem]) -> bool {
    !problems
        .iter()
        .any(|problem| problem.file == file && problem.label == UNREAD)
}

/// Reads an `install.json`. The record holds what could be understood; with an error among the
/// problems it must not be used.
pub fn install(text: &str) -> (InstallInfo, Vec<Problem>) {
    read(INSTALL_FILE, text, install_info)
}

/// Reads a `store.json`, likewise.
pub fn store(text: &str) -> (StoreInfo, Vec<Problem>) {
    read(STORE_FILE, text, store_info)
}

/// One app of a list, with what is wrong with it.
pub type Listed = (InstallInfo, Vec<Problem>);

/// Reads a list of install infos, as catalogs are: a bare list, or an object that has it in `data`.
/// Each entry is read for itself; one with an error among its problems must not be used.
///
/// # Errors
/// Why the text is no list at all.
pub fn list(text: &str, max_entries: usize) -> Result<Vec<Listed>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let source = Source::new(text);
    let root = source.parse().map_err(|slip| {
        let line = text.get(..slip.span.start).unwrap_or(text).split('\n');
        format!("{} (line {})", slip.message, line.count())
    })?;
    let array = match &root {
        Some(Node::Array(array)) => Some(array),
        Some(Node::Object(object)) => {
            let data = object
                .properties
                .iter()
                .find(|property| source::key_of(property).eq_ignore_ascii_case("data"));
            match data.map(|data| &data.value) {
                Some(Node::Array(array)) => Some(array),
                // An envelope without anything in it.
                Some(Node::NullKeyword(_)) => return Ok(Vec::new()),
                Some(_) | None => None,
            }
        }
        Some(_) | None => None,
    };
    let array = array.ok_or("it is neither a list of apps nor an object with one in `data`")?;
    let entry = |node: &Node<'_>| {
        let mut reader = Reader {
            file: INSTALL_FILE,
            text,
            problems: Vec::new(),
        };
        let info = if let Node::Object(object) = node {
            install_info(&mut reader, object)
        } else {
            let message = format!("an app must be an object, not {}", kind(node));
            reader.error(String::new(), node, message, "write `{ … }`");
            InstallInfo::default()
        };
        (info, reader.problems)
    };
    Ok(array.elements.iter().take(max_entries).map(entry).collect())
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
    for slip in &source.slips {
        reader.slip(slip, "");
    }
    let record = match source.parse() {
        Ok(Some(Node::Object(root))) => record(&mut reader, &root),
        Ok(Some(root)) => {
            let message = format!("{file} must be an object, not {}", kind(&root));
            reader.slip(
                &Slip::new(source::value_span(text, &root), message, "write `{ … }`"),
                UNREAD,
            );
            T::default()
        }
        Ok(None) => {
            let message = format!("{file} is empty");
            let problem = Problem::error(file, "", message).with_help("write `{ … }`");
            reader.push(problem.with_label(UNREAD));
            T::default()
        }
        Err(slip) => {
            reader.slip(&slip, UNREAD);
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
            "sha256",
            "pkgSha256",
            "mirrors",
            "pkgMirrors",
            "size",
            "notes",
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
            let known = [
                "version",
                "url",
                "pkg",
                "sha256",
                "pkgSha256",
                "mirrors",
                "pkgMirrors",
                "size",
                "notes",
            ];
            let fields = reader.object(path, node, &known)?;
            Some(History {
                version: fields.text(reader, "version"),
                url: fields.text(reader, "url"),
                pkg: fields.text(reader, "pkg"),
                sha256: fields.sha256(reader, "sha256"),
                pkg_sha256: fields.sha256(reader, "pkgSha256"),
                mirrors: fields.texts(reader, "mirrors"),
                pkg_mirrors: fields.texts(reader, "pkgMirrors"),
                size: fields.bytes(reader, "size"),
                notes: fields.text(reader, "notes"),
            })
        }),
        sha256: fields.sha256(reader, "sha256"),
        pkg_sha256: fields.sha256(reader, "pkgSha256"),
        mirrors: fields.texts(reader, "mirrors"),
        pkg_mirrors: fields.texts(reader, "pkgMirrors"),
        size: fields.bytes(reader, "size"),
        notes: fields.text(reader, "notes"),
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
            "name",
            "icon",
            "category",
            "desc",
            "setting",
            "config",
            "configSchema",
            "commands",
            "install",
            "start",
        ],
    );
    StoreInfo {
        name: fields.text(reader, "name"),
        icon: fields.text(reader, "icon"),
        category: fields.category(reader),
        desc: fields.text(reader, "desc"),
        setting: setting(reader, &fields),
        config: config(reader, &fields),
        config_schema: config_schema(reader, &fields),
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

/// Keys of JSON Schema that say nothing to a form.
const PLAIN_SCHEMA_KEYS: [&str; 7] = [
    "$id",
    "$comment",
    "type",
    "additionalProperties",
    "default",
    "examples",
    "items",
];

fn config_schema(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> Option<ConfigSchema> {
    let mut known = vec!["title", "description", "properties", "required", "x-apply"];
    known.extend(PLAIN_SCHEMA_KEYS);
    let fields = fields.object(reader, "configSchema", &known)?;
    let mut properties = IndexMap::new();
    for (key, path, node) in fields.entries(reader, "properties") {
        if let Some(property) = property(reader, &path, node) {
            properties.insert(key, property);
        }
    }
    Some(ConfigSchema {
        title: fields.label(reader, "title"),
        description: fields.label(reader, "description"),
        properties,
        required: fields.texts(reader, "required"),
        apply: fields.text(reader, "x-apply"),
        extra: fields.plain_schema_keys(),
    })
}

fn property(reader: &mut Reader<'_>, path: &str, node: &Node<'_>) -> Option<Property> {
    let mut known = vec![
        "title",
        "description",
        "enum",
        "x-enum-titles",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "x-kind",
        "x-advanced",
        "readOnly",
        "order",
    ];
    known.extend(PLAIN_SCHEMA_KEYS);
    let fields = reader.object(path, node, &known)?;
    let property = Property {
        kind: fields.one_of(reader, "type", &TYPES),
        title: fields.label(reader, "title"),
        description: fields.label(reader, "description"),
        choices: fields.list(reader, "enum", |_, _, node| Some(to_json(node))),
        choice_titles: fields.list(reader, "x-enum-titles", |reader, path, node| {
            Some(reader.label(path, node))
        }),
        minimum: fields.number(reader, "minimum"),
        maximum: fields.number(reader, "maximum"),
        min_length: fields.number(reader, "minLength"),
        max_length: fields.number(reader, "maxLength"),
        pattern: pattern(reader, &fields),
        format: fields.text(reader, "format"),
        used_as: fields.one_of(reader, "x-kind", &KINDS),
        advanced: fields.boolean(reader, "x-advanced"),
        read_only: fields.boolean(reader, "readOnly"),
        order: fields.number(reader, "order"),
        extra: {
            let mut extra = fields.plain_schema_keys();
            extra.shift_remove("type");
            extra
        },
    };
    let limits = [
        ("minimum", property.minimum, property.maximum),
        ("minLength", property.min_length, property.max_length),
    ];
    for (key, least, most) in limits {
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            let message =
                format!("`{key}` is {least}, more than the {most} that is allowed at most");
            let problem = Problem::error(reader.file, fields.path_of(key), message);
            reader.push(problem.with_help("no value can be both; change one of them"));
        }
    }
    Some(property)
}

fn pattern(reader: &mut Reader<'_>, fields: &Fields<'_, '_>) -> Option<Pattern> {
    let text = fields.text(reader, "pattern");
    if text.is_empty() {
        return None;
    }
    let path = fields.path_of("pattern");
    match Pattern::parse(&text) {
        Ok(pattern) => Some(pattern),
        Err(reason) => {
            let of = path.rsplit('.').nth(1).unwrap_or_default();
            let message = format!("the `pattern` of `{of}` cannot be used: {reason}");
            let problem = Problem::error(reader.file, path, message);
            reader.push(problem.with_help("write a regular expression as JavaScript has them, without looking around and without references back, or leave it out"));
            None
        }
    }
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

    fn slip(&mut self, slip: &Slip, label: &str) {
        let problem = Problem::error(self.file, "", slip.message.clone())
            .with_label(label)
            .with_help(slip.help)
            .with_span(slip.span.clone());
        self.push(problem);
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

    /// A text for people: one for all, or one for each language.
    fn label(&mut self, path: &str, node: &Node<'_>) -> Label {
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
    fn check_drive_paths(&mut self, path: &str, node: &Node<'_>) {
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

    fn label(&self, reader: &mut Reader<'_>, key: &str) -> Label {
        self.get(key)
            .map(|(path, node)| reader.label(&path, node))
            .unwrap_or_default()
    }

    /// One of a few words, or nothing.
    fn one_of(&self, reader: &mut Reader<'_>, key: &str, words: &[&'static str]) -> String {
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

    fn number(&self, reader: &mut Reader<'_>, key: &str) -> Option<f64> {
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

    /// What of a schema is kept without being understood.
    fn plain_schema_keys(&self) -> Map<String, Value> {
        let known = self.known.iter();
        let plain = known.filter(|(key, _)| PLAIN_SCHEMA_KEYS.contains(*key));
        let mut kept: Map<String, Value> = plain
            .map(|(key, node)| ((*key).to_owned(), to_json(node)))
            .collect();
        kept.extend(self.extra.clone());
        kept
    }

    fn sha256(&self, reader: &mut Reader<'_>, key: &str) -> String {
        let text = self.text(reader, key);
        if !text.is_empty()
            && let Err(error) = text.parse::<Sha256>()
        {
            let problem = Problem::error(reader.file, self.path_of(key), error.to_string());
            reader.push(problem);
        }
        text
    }

    fn bytes(&self, reader: &mut Reader<'_>, key: &str) -> u64 {
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
        "config" | "configSchema" | "commands" => "it belongs into store.json",
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The problems as they are shown to people.
    fn drawn(text: &str, problems: &[Problem]) -> String {
        problem::draw(problems, "app", &|_| Some(text.to_owned()))
            .trim_end()
            .to_owned()
    }

    fn store_problems(text: &str) -> String {
        drawn(text, &store(text).1)
    }

    fn install_problems(text: &str) -> String {
        drawn(text, &install(text).1)
    }

    fn check_store(text: &str) -> StoreInfo {
        let (store, problems) = store(text);
        assert_eq!(drawn(text, &problems), "");
        store
    }

    #[test]
    fn the_manuals_install_json_is_read_with_its_comments() {
        let text = r#"{
            "name": "app",        // string, the name
            "url": "", "pkg": "", /* two
                                     addresses */
            "webUrl":"",
            "isDev": true,        // boolean
            "version": "1.0.0",
            "icon": "", "hasStart": true, "hasRestart": true,
            "setting": true       // the last one, without a comma
        }"#;
        let (info, problems) = install(text);
        assert_eq!(problems, []);
        let expected = InstallInfo {
            name: "app".to_owned(),
            version: "1.0.0".to_owned(),
            is_dev: true,
            has_start: true,
            has_restart: true,
            setting: true,
            ..InstallInfo::default()
        };
        assert_eq!(info, expected);
    }

    #[test]
    fn the_manuals_store_json_is_read_with_its_slips() {
        let info = check_store(
            r#"{
            "name": "mysql5.7",     // may be left out
            "setting": {
                "binPath": "{exePath}/bin/mysqld.exe", // the program
                "confPath": "{exePath}/my.ini",// may be empty
                "progressName": "mysqld.exe",
                "isOn": true // keep it running
            },
            "config": { // anything
            },
            "commands": {
                "initData": [
                    {"name": "exec", "binPath": "x", "cmds": ["a", "b",], "waiting": 1 //seconds
                    },
                    {"name": "mkdir", "FilePath": "x"},
                ],
            },// lists
            "install": { "installEnvs": [], "installCmds": []// both
            },
            "start": {
                "startEnvs": [],
                "beforeCmds": [],
                "startCmds": [// arguments
                    "--defaults-file={exePath}/my.ini"
                ],
                "AfterCmds": ["initData"]// after it
            }
        }"#,
        );
        assert_eq!(info.setting.bin_path, "{exePath}/bin/mysqld.exe");
        assert!(info.setting.is_on);
        assert_eq!(info.commands["initData"][0].cmds, ["a", "b"]);
        assert_eq!(info.commands["initData"][1].file_path, "x");
        assert_eq!(info.start.after_cmds, ["initData"]);
        assert_eq!(info.start.start_cmds, ["--defaults-file={exePath}/my.ini"]);
    }

    #[test]
    fn loose_types_and_any_case_are_understood() {
        let text = "\u{feff}".to_owned()
            + r#"{
            "SETTING": {"BINPATH": "x", "ison": "true", "StopTimeout": "2.5",
                        "ready": {"port": 3306, "timeout": "5"}},
            "config": null,
            "commands": {"a": null, "b": [{"name": "exec", "waiting": "3", "kill": "TRUE",
                "cmds": ["--port", 3306, true, null], "timeout": "", "strict": 1,
                "envs": [{"name": "A", "value": 1.50}, {"NAME": "B", "Value": null}, {"name": "C"}],
                "until": {"port": "{port}"}}]},
            "start": null, "install": {"installCmds": null}
        }"#;
        let info = check_store(&text);
        assert_eq!(info.setting.bin_path, "x");
        assert!(info.setting.is_on);
        assert_eq!(info.setting.stop_timeout, Some(2.5));
        let ready = info.setting.ready.unwrap();
        assert_eq!(
            (ready.port.as_deref(), ready.timeout),
            (Some("3306"), Some(5.0))
        );
        assert_eq!(info.commands["a"], []);
        let step = &info.commands["b"][0];
        assert!((step.waiting - 3.0).abs() < f64::EPSILON && step.kill && step.strict);
        assert_eq!(step.cmds, ["--port", "3306", "true", ""]);
        assert_eq!(step.timeout, None);
        let envs: Vec<String> = step.envs.iter().map(|env| env.value.to_string()).collect();
        assert_eq!(envs, ["1.50", "null", "null"]);
        assert_eq!(step.until.as_ref().unwrap().port.as_deref(), Some("{port}"));
    }

    #[test]
    fn config_values_keep_their_types_their_order_and_the_text_of_numbers() {
        let info = check_store(
            r#"{"config": {"z": 268435456, "a": 1.50, "数据 目录": {"x": [1e400, -0]}, "t": "\u00e9\n\ud83d\ude00"}}"#,
        );
        assert_eq!(
            serde_json::to_string(&info.config).unwrap(),
            r#"{"z":268435456,"a":1.50,"数据 目录":{"x":[1e+400,-0]},"t":"é\n😀"}"#
        );
    }

    #[test]
    fn a_description_of_settings_is_read_and_its_slips_are_told() {
        let read = check_store(
            r#"{ "configSchema": { "title": "T", "properties": { "port": {
                "type": "integer", "title": {"zh": "端口"}, "minimum": "1", "X-Kind": "port", "pattern": "x" } },
                "required": ["port"], "x-apply": "a" } }"#,
        );
        let schema = read.config_schema.unwrap();
        let port = &schema.properties["port"];
        assert_eq!((port.title.en.as_str(), port.minimum), ("端口", Some(1.0)));
        assert_eq!(
            (port.used_as.as_str(), schema.apply.as_str()),
            ("port", "a")
        );
        assert_eq!(port.pattern.as_ref().unwrap().as_str(), "x");
        let told = store_problems(
            r#"{ "configSchema": { "properties": {
                "a": { "type": "int", "x-kind": "dir", "minimum": 5, "maximum": 1, "minLength": "x", "tilte": 1, "pattern": "[a" } } } }"#,
        );
        for word in [
            "`type` cannot be `int`",
            "there are port, folder, file, secret",
            "`minimum` is 5, more than the 1",
            "`minLength` must be a number",
            "did you mean `title`?",
            "the `pattern` of `a` cannot be used: unclosed character class",
        ] {
            assert!(told.contains(word), "{word}: {told}");
        }
    }

    #[test]
    fn the_demo_apps_of_the_original_are_read() {
        let (_, problems) = install(
            r#"{"name": "mysql5.7", "pkg": "https://example.com/a.zip", "isDev": true,
            "version": "5.7.44", "hasStart": true, "hasRestart": true, "setting": true, "isOn": true}"#,
        );
        let text: Vec<String> = problems.iter().map(Problem::sentence).collect();
        assert_eq!(
            text,
            ["install.json:2:89: unknown key `isOn`; it belongs into `setting` of store.json"]
        );
        assert!(!problems[0].is_error());
        let info = check_store(
            r#"{"name": "nginx", "setting": {"binPath": "{exePath}/nginx.exe", "progressName":"nginx.exe"},
            "start": {"startCmds": ["-p", "{exePath}"]}}"#,
        );
        assert_eq!(info.start.start_cmds, ["-p", "{exePath}"]);
    }

    #[test]
    fn keys_that_nobody_knows_are_kept_and_told() {
        let text = r#"{"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null,
            "setting": {"binpaht": 1, "quux": 2}}"#;
        let (info, _) = store(text);
        assert_eq!(
            Value::Object(info.extra),
            json!({"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null})
        );
        insta::assert_snapshot!(store_problems(text), @r#"
        warning: unknown key `comands`
         --> app/store.json:1:35
          |
        1 | {"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null,
          |                                   ^^^^^^^^^ nothing reads it
        help: did you mean `commands`?

        warning: unknown key `zzz`
         --> app/store.json:1:58
          |
        1 | {"$schema": "/schema/store.json", "comands": {"a": [1]}, "zzz": null,
          |                                                          ^^^^^ nothing reads it

        warning: unknown key `binpaht`
         --> app/store.json:2:25
          |
        2 |             "setting": {"binpaht": 1, "quux": 2}}
          |                         ^^^^^^^^^ nothing reads it
        help: did you mean `binPath`?

        warning: unknown key `quux`
         --> app/store.json:2:39
          |
        2 |             "setting": {"binpaht": 1, "quux": 2}}
          |                                       ^^^^^^ nothing reads it
        "#);
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let text = r#"{"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
            "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}"#;
        let (info, _) = store(text);
        assert_eq!(info.name, "b");
        assert_eq!(Value::Object(info.config), json!({"k": 2, "K": 3}));
        assert_eq!(info.commands["x"], []);
        insta::assert_snapshot!(store_problems(text), @r#"
        warning: the key `Name` is there twice; the last one counts
         --> app/store.json:1:15
          |
        1 | {"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
          |               ^^^^^^

        warning: the key `k` is there twice; the last one counts
         --> app/store.json:1:47
          |
        1 | {"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
          |                                               ^^^

        warning: `K` and `k` differ only in case
         --> app/store.json:1:55
          |
        1 | {"name": "a", "Name": "b", "config": {"k": 1, "k": 2, "K": 3},
          |                                                       ^^^

        warning: the key `x` is there twice; the last one counts
         --> app/store.json:2:51
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                   ^^^

        warning: unknown key `zz`
         --> app/store.json:2:61
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                             ^^^^ nothing reads it

        warning: the key `zz` is there twice; the last one counts
         --> app/store.json:2:70
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                                      ^^^^

        warning: unknown key `zz`
         --> app/store.json:2:70
          |
        2 |             "commands": {"x": [{"name": "stop"}], "x": []}, "zz": 1, "zz": 2}
          |                                                                      ^^^^ nothing reads it
        "#);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "that is what the messages need")]
    fn wrong_types_are_all_told_at_once() {
        insta::assert_snapshot!(store_problems(r#"{
    "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
    "config": [],
    "commands": {
        "a": {"name": "stop"},
        "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
        "": []
    },
    "start": {"startCmds": [["x"]]}
}"#), @r#"
        error: `binPath` must be a text, not a list
         --> app/store.json:2:28
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                            ^^^^^
        help: write "…"

        error: `isOn` must be true or false, not `"maybe"`
         --> app/store.json:2:43
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                                           ^^^^^^^
        help: write `true` or `false`

        error: `stopTimeout` must be a number of seconds, not `-1`
         --> app/store.json:2:67
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                                                                   ^^
        help: write a number from 0 up, such as `3` or `0.5`

        error: `ready` must be an object, not true or false
         --> app/store.json:2:80
          |
        2 |     "setting": {"binPath": ["x"], "isOn": "maybe", "stopTimeout": -1, "ready": true},
          |                                                                                ^^^^
        help: write `{ … }`

        error: `config` must be an object, not a list
         --> app/store.json:3:15
          |
        3 |     "config": [],
          |               ^^
        help: write `{ … }`

        error: `a` must be a list, not an object
         --> app/store.json:5:14
          |
        5 |         "a": {"name": "stop"},
          |              ^^^^^^^^^^^^^^^^
        help: write `[ … ]`

        error: a step must be an object, not a text
         --> app/store.json:6:15
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |               ^^^^^^
        help: write { "name": "stop" }

        error: `b[1]` must be an object, not a number
         --> app/store.json:6:23
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                       ^
        help: write `{ … }`

        error: a step without a name
         --> app/store.json:6:26
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        help: write "name": and a built-in command or a key of `commands`

        error: `cmds` must be a list, not a text
         --> app/store.json:6:35
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                   ^^^
        help: write `[ … ]`

        error: `waiting` must be a number of seconds, not `"soon"`
         --> app/store.json:6:51
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                                   ^^^^^^
        help: write a number from 0 up, such as `3` or `0.5`

        error: an entry of `envs` without a name
         --> app/store.json:6:68
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                                                    ^^^^^^^^^^^^
        help: write { "name": "…", "value": "…" }

        error: `value` must be a text, not a list
         --> app/store.json:6:105
          |
        6 |         "b": ["stop", 5, {"cmds": "x", "waiting": "soon", "envs": [{"value": 1}, {"name": "A", "value": []}]}],
          |                                                                                                         ^^
        help: write "…"

        error: a command list has an empty name
         --> app/store.json:7:13
          |
        7 |         "": []
          |             ^^
        help: name it

        error: `startCmds[0]` must be a text, not a list
         --> app/store.json:9:29
          |
        9 |     "start": {"startCmds": [["x"]]}
          |                             ^^^^^
        help: write "…"
        "#);
    }

    #[test]
    fn an_install_json_needs_a_name_that_is_one() {
        insta::assert_snapshot!(install_problems("{}"), @r#"
        error: install.json gives no name
        --> app/install.json
        help: write "name": and the name of the app's folder
        "#);
        insta::assert_snapshot!(install_problems(r#"{"name": "../x", "category": "gmaes", "hasStart": 2}"#), @r#"
        error: `../x` is not an app name: it does not begin with a letter or digit; use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit, the last not a dot
         --> app/install.json:1:10
          |
        1 | {"name": "../x", "category": "gmaes", "hasStart": 2}
          |          ^^^^^^

        warning: unknown category `gmaes`
         --> app/install.json:1:30
          |
        1 | {"name": "../x", "category": "gmaes", "hasStart": 2}
          |                              ^^^^^^^
        help: did you mean `games`?

        error: `hasStart` must be true or false, not `2`
         --> app/install.json:1:51
          |
        1 | {"name": "../x", "category": "gmaes", "hasStart": 2}
          |                                                   ^
        help: write `true` or `false`
        "#);
    }

    #[test]
    fn conditions_wait_for_exactly_one_thing() {
        insta::assert_snapshot!(store_problems(r#"{"setting": {"ready": {"port": 80, "http": "x"}},
"commands": {"a": [{"name": "exec", "until": {"timeout": 5}}, {"name": "exec", "until": {"port": 99999}}]}}"#), @r#"
        error: `ready` waits for 2 things
         --> app/store.json:1:14
          |
        1 | {"setting": {"ready": {"port": 80, "http": "x"}},
          |              ^^^^^^^
        help: give exactly one of `port`, `http`, `file` and `log`

        error: `until` waits for nothing
         --> app/store.json:2:37
          |
        2 | "commands": {"a": [{"name": "exec", "until": {"timeout": 5}}, {"name": "exec", "until": {"port": 99999}}]}}
          |                                     ^^^^^^^
        help: give exactly one of `port`, `http`, `file` and `log`

        error: `99999` is not a port
         --> app/store.json:2:98
          |
        2 | "commands": {"a": [{"name": "exec", "until": {"timeout": 5}}, {"name": "exec", "until": {"port": 99999}}]}}
          |                                                                                                  ^^^^^
        help: write a number from 1 to 65535, or a word of the config such as "{port}"
        "#);
    }

    #[test]
    fn backslashes_that_mean_nothing_or_something_else_are_told_with_their_place() {
        insta::assert_snapshot!(store_problems(r#"{
    "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
    "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
    "commands": {"x": [{"name": "unzip", "filePath": "x", "content": "C:\r"}]}
}"#), @r#"
        error: `\m` is not an escape sequence
         --> app/store.json:2:31
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                               ^^
        help: write `\\` or `/` for a backslash

        error: `\b` is a control character, which no manifest needs
         --> app/store.json:2:37
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                                     ^^
        help: write `\\` or `/` for a backslash in a path

        error: `\x` is not an escape sequence
         --> app/store.json:2:41
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                                         ^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:2:58
          |
        2 |     "setting": {"binPath": "C:\mysql\bin\x", "confPath": "C:\temp"},
          |                                                          ^^^^^^^^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:3:21
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                     ^^^^^^^^^^^^^
        help: write `\\` or `/` for a backslash

        error: `\d` is not an escape sequence
         --> app/store.json:3:24
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                        ^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:3:41
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                                         ^^^^^^^^
        help: write `\\` or `/` for a backslash

        error: `\u` is not an escape sequence
         --> app/store.json:3:71
          |
        3 |     "config": {"a": "D:\data\new", "b": "D:\new", "ok": "a\tb", "c": "\u12"},
          |                                                                       ^^
        help: write `\\` or `/` for a backslash

        error: this path holds a tab or a line break
         --> app/store.json:4:70
          |
        4 |     "commands": {"x": [{"name": "unzip", "filePath": "x", "content": "C:\r"}]}
          |                                                                      ^^^^^^
        help: write `\\` or `/` for a backslash
        "#);
    }

    #[test]
    fn what_is_no_json_is_told_in_plain_words() {
        for (text, expected) in [
            ("", "store.json is empty"),
            ("// nothing", "store.json is empty"),
            ("[]", "store.json must be an object, not a list"),
            ("{\"a\": 1 \"b\": 2}", "a comma is missing here"),
            ("{\"a\" 1}", "a colon is missing behind this key"),
            ("{\"a\": }", "this `}` is not expected here"),
            ("{a: 1}", "a key in double quotes is expected here"),
            ("{'a': 1}", "text stands in double quotes"),
            ("{\"a\": 0x10}", "this is not a number as JSON writes it"),
            ("{\"a\": NaN}", "this is not a value"),
            ("{\"a\": +1}", "this is not a number as JSON writes it"),
            ("{\"a\": yes}", "this is not a value"),
            ("{\"a\": [1, 2}", "this `}` is not expected here"),
            ("{\"a\": 1", "this `{` is never closed"),
            ("{\"a\": [1", "this `[` is never closed"),
            ("{\"a\": \"x\ny\"}", "this text never ends"),
            ("{\"a\": \"x", "this text never ends"),
            ("{} {}", "the file goes on behind its end"),
            ("/* x", "this comment never ends"),
            (
                "{\"a\": \"\u{1}\"}",
                "there is a control character in this text",
            ),
            (
                "{\"a\": \"\\u0000\"}",
                "there is a NUL character in this text",
            ),
        ] {
            let (_, problems) = store(text);
            let errors: Vec<_> = problems
                .iter()
                .filter(|problem| problem.is_error())
                .collect();
            assert_eq!(errors.len(), 1, "{text:?}: {errors:?}");
            assert_eq!(errors[0].message, expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_nested_too_deep_is_refused_before_it_is_parsed() {
        for open in ["[", "{\"a\":"] {
            let text = format!("{{\"config\": {}", open.repeat(200_000));
            let (_, problems) = store(&text);
            assert_eq!(
                problems[0].message,
                "the file is nested deeper than 128 levels"
            );
        }
    }

    #[test]
    fn places_count_lines_and_characters_not_bytes() {
        let (_, problems) = store("\u{feff}{\n  \"名称\": 1, \"isOn\": 2}");
        let places: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(places, [(2, 3), (2, 12)]);
        let (_, problems) = store("\u{feff}{ \"x\": 1}");
        assert_eq!((problems[0].line, problems[0].column), (1, 3));
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            proptest::collection::vec(
                prop_oneof![
                    Just("{"),
                    Just("}"),
                    Just("["),
                    Just("]"),
                    Just(","),
                    Just(":"),
                    Just("\""),
                    Just("\\"),
                    Just("\\u12"),
                    Just("\\ud800"),
                    Just("//"),
                    Just("/*"),
                    Just("*/"),
                    Just("\n"),
                    Just("\"name\""),
                    Just("\"commands\""),
                    Just("\"setting\""),
                    Just("\"until\""),
                    Just("1"),
                    Just("-"),
                    Just("1e5"),
                    Just("null"),
                    Just("true"),
                    Just("é"),
                    Just("\u{feff}"),
                    Just(" "),
                    Just("'")
                ],
                0..40
            )
            .prop_map(|parts| parts.concat()),
        ]
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[^\\x00-\\x1f]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,5}", inner, 0..5)
                    .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any_text()) {
            for (file, problems) in [(INSTALL_FILE, install(&text).1), (STORE_FILE, store(&text).1)] {
                prop_assert!(problems.iter().all(|problem| problem.file == file));
                drawn(&text, &problems);
            }
        }

        #[test]
        fn a_config_is_read_as_it_was_written(config in any_json(), pretty: bool) {
            let written = json!({"name": "a", "config": {"value": config}});
            let text = if pretty { format!("{written:#}") } else { written.to_string() };
            let (store, problems) = store(&text);
            prop_assert_eq!(drawn(&text, &problems), "");
            prop_assert_eq!(Value::Object(store.config), written["config"].clone());
        }

        #[test]
        fn a_record_survives_being_written_and_read(
            words in proptest::collection::vec("[a-zA-Z{}/. \"\\\\é-]{0,12}", 12),
            on: bool, waiting in 0_u32..1000,
        ) {
            let mut words = words.into_iter();
            let mut next = || words.next().unwrap_or_default();
            let step = Step {
                name: format!("x{}", next()), file_path: next(), content: next(), bin_path: next(), cmds: vec![next(), next()],
                waiting: waiting.into(), kill: on, envs: vec![Item { name: format!("n{}", next()), value: next().into() }],
                until: Some(Until { log: Some(format!("l{}", next())), timeout: Some(1.5), ..Until::default() }),
                ..Step::default()
            };
            let info = StoreInfo {
                name: next(), desc: next(),
                setting: Setting { bin_path: next(), is_on: on, stop_timeout: Some(waiting.into()), ..Setting::default() },
                commands: [("a b.c".to_owned(), vec![step])].into_iter().collect(),
                ..StoreInfo::default()
            };
            let text = serde_json::to_string(&info).unwrap();
            let (read, problems) = store(&text);
            prop_assert_eq!(drawn(&text, &problems), "");
            prop_assert_eq!(read, info);
        }
    }
}
