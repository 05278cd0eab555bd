//! `{word}` in manifests and templates.

use std::collections::HashMap;

use handlebars::{Handlebars, RenderErrorReason};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Config;
use super::config::MASK;

/// Name of this system in paths and placeholders (GodoOS uses Go's names).
pub const OS: &str = if cfg!(target_os = "windows") {
    "windows"
} else if cfg!(target_os = "macos") {
    "darwin"
} else {
    "linux"
};

/// Name of this processor architecture in paths and placeholders (Go's names).
pub const ARCH: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else if cfg!(target_arch = "x86") {
    "386"
} else {
    std::env::consts::ARCH
};

/// Size limit of one expanded config value.
const MAX_VALUE_BYTES: usize = 1 << 20;

/// Size limit of all expanded config values together.
const MAX_CONFIG_BYTES: usize = 16 << 20;

/// Size limit of one expanded text or rendered template.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// What the words mean for one app at one moment: the built-in words and the app's config, config
/// values already expanded. Frozen, so that one run sees one state.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    words: IndexMap<String, String>,
    /// The same words with their JSON types, for Handlebars.
    data: Map<String, Value>,
    /// What must not be shown, the longest first.
    secrets: Vec<String>,
}

/// The built-in words. They win over config keys of the same name.
#[derive(Clone, Debug)]
pub struct Builtins<'a> {
    /// The app's folder; `\` is turned to `/`.
    pub exe_path: &'a str,
    /// The app's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The home; `\` is turned to `/`.
    pub home: &'a str,
}

/// The names of the built-in words.
pub const BUILTIN_WORDS: [&str; 6] = ["exePath", "name", "version", "home", "os", "arch"];

/// Why a text could not be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// Config values that contain each other.
    #[error("the config values {} contain each other without end; change one of them", path.join(" → "))]
    Cycle {
        /// The keys, the first one again at the end.
        path: Vec<String>,
    },
    /// A text that grows beyond all measure.
    #[error("{what} becomes longer than {} KiB when its words are replaced; shorten it", limit / 1024)]
    TooLong {
        /// ``the config value `a` ``.
        what: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A path with a word nobody knows.
    #[error("`{{{word}}}` in the path `{text}` is not known; there are {}", known.join(", "))]
    Unknown {
        /// The word.
        word: String,
        /// The whole text.
        text: String,
        /// Every word there is.
        known: Vec<String>,
    },
    /// A Handlebars template that does not render.
    #[error("the template `{name}` cannot be rendered: {reason}")]
    Template {
        /// The template's path.
        name: String,
        /// What Handlebars says, with line and column.
        reason: String,
    },
}

impl Scope {
    /// Expands the config's own values and adds the built-in words.
    ///
    /// # Errors
    /// [`PlaceholderError::Cycle`] and [`PlaceholderError::TooLong`].
    pub fn new(builtins: &Builtins<'_>, config: &Config) -> Result<Self, PlaceholderError> {
        let mut scope = Self::default();
        for (word, value) in [
            ("exePath", builtins.exe_path.replace('\\', "/")),
            ("name", builtins.name.to_owned()),
            ("version", builtins.version.to_owned()),
            ("home", builtins.home.replace('\\', "/")),
            ("os", OS.to_owned()),
            ("arch", ARCH.to_owned()),
        ] {
            scope.data.insert(word.to_owned(), value.clone().into());
            scope.words.insert(word.to_owned(), value);
        }
        let mut total = 0;
        for key in in_dependency_order(config)? {
            // A key that comes out of the config is in it, so nothing is skipped here.
            if let Some(value) = config.values().get(key) {
                scope.add(key, value, config.is_secret(key), &mut total)?;
            }
        }
        // Words are listed in the config's own order, whatever order they were expanded in.
        let order: HashMap<&str, usize> = config
            .values()
            .keys()
            .map(String::as_str)
            .filter(|key| !BUILTIN_WORDS.contains(key))
            .zip(1..)
            .collect();
        scope
            .words
            .sort_by_key(|word, _| order.get(word.as_str()).copied().unwrap_or(0));
        scope
            .secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        scope.secrets.dedup();
        Ok(scope)
    }

    /// Adds a config value whose words are all known by now.
    fn add(
        &mut self,
        key: &str,
        value: &Value,
        is_secret: bool,
        total: &mut usize,
    ) -> Result<(), PlaceholderError> {
        let mut left = MAX_VALUE_BYTES;
        let too_long = || PlaceholderError::TooLong {
            what: format!("the config value `{}`", key.escape_debug()),
            limit: MAX_VALUE_BYTES,
        };
        let value = self.expand_value(value, &mut left).ok_or_else(too_long)?;
        let text = text_of(&value);
        if text.len() > MAX_VALUE_BYTES {
            return Err(too_long());
        }
        *total += text.len();
        if *total > MAX_CONFIG_BYTES {
            return Err(PlaceholderError::TooLong {
                what: "the config".to_owned(),
                limit: MAX_CONFIG_BYTES,
            });
        }
        if is_secret && !text.is_empty() {
            self.secrets.push(text.clone());
        }
        self.words.insert(key.to_owned(), text);
        self.data.insert(key.to_owned(), value);
        Ok(())
    }

    fn expand_value(&self, value: &Value, left: &mut usize) -> Option<Value> {
        Some(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) => {
                let text = self.expand(text, *left, &mut |_| {}).ok()?;
                *left = left.saturating_sub(text.len());
                text.into()
            }
            Value::Array(values) => values
                .iter()
                .map(|value| self.expand_value(value, left))
                .collect::<Option<Vec<_>>>()?
                .into(),
            Value::Object(values) => values
                .iter()
                .map(|(key, value)| Some((key.clone(), self.expand_value(value, left)?)))
                .collect::<Option<Map<_, _>>>()?
                .into(),
        })
    }

    /// Every word there is: the built-in ones, then the config's keys in their order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.keys().map(String::as_str)
    }

    /// What a word stands for.
    pub fn value(&self, word: &str) -> Option<&str> {
        self.words.get(word).map(String::as_str)
    }

    /// Expands a path: every word must be known.
    ///
    /// # Errors
    /// [`PlaceholderError::Unknown`] and [`PlaceholderError::TooLong`].
    pub fn path(&self, text: &str) -> Result<String, PlaceholderError> {
        let mut first_unknown = None;
        let expanded = self.expand(text, MAX_VALUE_BYTES, &mut |unknown| {
            first_unknown.get_or_insert_with(|| unknown.word.to_owned());
        });
        match (first_unknown, expanded) {
            (Some(word), _) => Err(PlaceholderError::Unknown {
                word,
                text: text.to_owned(),
                known: self.words().map(|word| format!("{{{word}}}")).collect(),
            }),
            (None, Err(TooLong)) => Err(PlaceholderError::TooLong {
                what: "a path".to_owned(),
                limit: MAX_VALUE_BYTES,
            }),
            (None, Ok(path)) => Ok(path),
        }
    }

    /// Expands any other text; an unknown word stays and is added to `unknown` (once). A text that
    /// would become longer than 64 MiB stays as it is.
    pub fn text(&self, text: &str, unknown: &mut Vec<String>) -> String {
        self.expand(text, MAX_TEXT_BYTES, &mut |word| word.report_to(unknown))
            .unwrap_or_else(|TooLong| text.to_owned())
    }

    /// Renders a template: by Handlebars when `name` ends in `.hbs`, else like [`Scope::text`].
    ///
    /// # Errors
    /// [`PlaceholderError::Template`] and [`PlaceholderError::TooLong`].
    pub fn template(
        &self,
        name: &str,
        text: &str,
        unknown: &mut Vec<String>,
    ) -> Result<String, PlaceholderError> {
        if has_extension(name, "hbs") {
            return self.handlebars(name, text);
        }
        self.expand(text, MAX_TEXT_BYTES, &mut |word| word.report_to(unknown))
            .map_err(|TooLong| PlaceholderError::TooLong {
                what: format!("the template `{name}`"),
                limit: MAX_TEXT_BYTES,
            })
    }

    fn handlebars(&self, name: &str, text: &str) -> Result<String, PlaceholderError> {
        let fail = |reason: String| PlaceholderError::Template {
            name: name.to_owned(),
            reason,
        };
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(handlebars::no_escape);
        engine
            .register_template_string(TEMPLATE, text)
            .map_err(|error| fail(at(error.pos(), &error.reason().to_string())))?;
        engine.render(TEMPLATE, &self.data).map_err(|error| {
            let reason = match error.reason() {
                RenderErrorReason::MissingVariable(Some(word)) => format!("`{word}` is not known"),
                other => other.to_string(),
            };
            fail(at(error.line_no.zip(error.column_no), &reason))
        })
    }

    /// The text with the values of secret config keys shown as `***`: for titles, plans and logs.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in &self.secrets {
            if masked.contains(secret.as_str()) {
                masked = masked.replace(secret.as_str(), MASK);
            }
        }
        masked
    }

    /// One pass over the text; what a word stands for is not looked at again.
    fn expand(
        &self,
        text: &str,
        limit: usize,
        on_unknown: &mut dyn FnMut(UnknownWord<'_>),
    ) -> Result<String, TooLong> {
        let mut expanded = String::with_capacity(text.len());
        for piece in pieces(text, |word| self.words.contains_key(word)) {
            match piece {
                Piece::Text(text) => expanded.push_str(text),
                Piece::Known(word) => expanded.push_str(self.value(word).unwrap_or_default()),
                Piece::Unknown(word) => {
                    on_unknown(UnknownWord {
                        word,
                        after_dollar: expanded.ends_with('$'),
                    });
                    expanded.push('{');
                    expanded.push_str(word);
                    expanded.push('}');
                }
            }
            if expanded.len() > limit {
                return Err(TooLong);
            }
        }
        Ok(expanded)
    }
}

/// The text would be longer than the limit.
#[derive(Debug)]
struct TooLong;

struct UnknownWord<'a> {
    word: &'a str,
    after_dollar: bool,
}

impl UnknownWord<'_> {
    fn report_to(&self, unknown: &mut Vec<String>) {
        // `${HOME}` is the variable of a shell or of the program whose file this is, and no slip.
        if !self.after_dollar && !unknown.iter().any(|known| known == self.word) {
            unknown.push(self.word.to_owned());
        }
    }
}

/// A part of a text.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Known(&'a str),
    Unknown(&'a str),
}

/// Cuts a text at its words. `{` and `}` around anything that is neither a known word nor looks
/// like one are plain text: configuration files and JSON are full of them.
fn pieces(text: &str, known: impl Fn(&str) -> bool) -> Vec<Piece<'_>> {
    let slice = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let next = |from: usize, stops: &[char]| Some(from + text.get(from..)?.find(stops)?);
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    while let Some(open) = next(at, &['{']) {
        let start = open + 1;
        let Some(end) = next(start, &['{', '}']) else {
            break;
        };
        at = end;
        if slice(end..end + 1) == "{" {
            continue;
        }
        let word = slice(start..end);
        let piece = if known(word) {
            Piece::Known(word)
        } else if is_identifier(word) {
            Piece::Unknown(word)
        } else {
            continue;
        };
        if plain < open {
            pieces.push(Piece::Text(slice(plain..open)));
        }
        pieces.push(piece);
        at = end + 1;
        plain = at;
    }
    if plain < text.len() {
        pieces.push(Piece::Text(slice(plain..text.len())));
    }
    pieces
}

/// Whether a text looks like a word that somebody meant to be replaced.
fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The words of a text that look like words, known or not.
pub fn words_in(text: &str) -> Vec<&str> {
    pieces(text, |_| false)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Known(word) | Piece::Unknown(word) => Some(word),
            Piece::Text(_) => None,
        })
        .collect()
}

/// A value as it stands in a text.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The config's keys, each after those whose words its value contains. Without recursion, so that
/// a chain of any length fits the stack.
fn in_dependency_order(config: &Config) -> Result<Vec<&str>, PlaceholderError> {
    let own_key = |word: &str| {
        let (key, _) = config.values().get_key_value(word)?;
        (!BUILTIN_WORDS.contains(&word)).then_some(key.as_str())
    };
    let mut order = Vec::new();
    let mut done: HashMap<&str, bool> = HashMap::new();
    for key in config.values().keys().filter_map(|key| own_key(key)) {
        if done.contains_key(key) {
            continue;
        }
        let mut path = vec![(key, references(config, key, own_key))];
        done.insert(key, false);
        while let Some((key, waits_for)) = path.last_mut() {
            let Some(next) = waits_for.pop() else {
                done.insert(key, true);
                order.push(*key);
                path.pop();
                continue;
            };
            match done.get(next) {
                Some(true) => {}
                Some(false) => {
                    let mut cycle: Vec<String> = path
                        .iter()
                        .map(|(key, _)| (*key).to_owned())
                        .skip_while(|key| key != next)
                        .collect();
                    cycle.push(next.to_owned());
                    return Err(PlaceholderError::Cycle { path: cycle });
                }
                None => {
                    done.insert(next, false);
                    path.push((next, references(config, next, own_key)));
                }
            }
        }
    }
    Ok(order)
}

/// The config keys whose words a value contains.
fn references<'a>(
    config: &Config,
    key: &str,
    own_key: impl Fn(&str) -> Option<&'a str> + Copy,
) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut waiting: Vec<&Value> = config.values().get(key).into_iter().collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => {
                for piece in pieces(text, |word| own_key(word).is_some()) {
                    if let Piece::Known(word) = piece {
                        found.extend(own_key(word));
                    }
                }
            }
            Value::Array(values) => waiting.extend(values),
            Value::Object(values) => waiting.extend(values.values()),
        }
    }
    found
}

fn has_extension(name: &str, extension: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The name that templates are registered under for the moment of their rendering.
const TEMPLATE: &str = "template";

/// What Handlebars says, in one line that begins with the place.
fn at(place: Option<(usize, usize)>, reason: &str) -> String {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match place {
        Some((line, column)) => format!("line {line}, column {column}: {reason}"),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn try_scope(config: Value) -> Result<Scope, PlaceholderError> {
        let builtins = Builtins {
            exe_path: r"C:\apps\mysql5.7",
            name: "mysql5.7",
            version: "5.7.44",
            home: r"C:\home",
        };
        let Value::Object(config) = config else {
            panic!("a config is an object");
        };
        Scope::new(&builtins, &Config::new(&config, &Map::new()))
    }

    fn scope() -> Scope {
        try_scope(json!({
            "port": 3307,
            "dataDir": "{exePath}/data",
            "password": "s3cret",
            "on": true,
            "nothing": null,
            "list": [1, "{port}"],
            "数据 目录": "/数据",
            "big": 268_435_456,
            "shows": "{literally}",
        }))
        .unwrap()
    }

    fn check(text: &str, expected: &str) {
        let mut unknown = Vec::new();
        assert_eq!(scope().text(text, &mut unknown), expected, "from {text:?}");
    }

    #[test]
    fn words_of_the_config_are_replaced() {
        check("port = {port}", "port = 3307");
        check("{port}{port}", "33073307");
        check("{dataDir}/x", "C:/apps/mysql5.7/data/x");
        check("{on} {nothing}.", "true .");
        check("{list}", r#"[1,"3307"]"#);
        check("{数据 目录}", "/数据");
        check("{big}", "268435456");
    }

    #[test]
    fn built_in_words_win_over_the_config() {
        let scope = try_scope(json!({"name": "{name}!", "title": "{name}"})).unwrap();
        assert_eq!(
            scope.text("{name} {title}", &mut Vec::new()),
            "mysql5.7 mysql5.7"
        );
        check("{exePath} {home}", "C:/apps/mysql5.7 C:/home");
        check("{version}", "5.7.44");
        check("{os}/{arch}", &format!("{OS}/{ARCH}"));
    }

    #[test]
    fn numbers_stand_as_they_were_written() {
        let config: Value =
            serde_json::from_str(r#"{"a": 268435456, "b": 1.50, "c": -0.0}"#).unwrap();
        let scope = try_scope(config).unwrap();
        assert_eq!(
            scope.text("{a} {b} {c}", &mut Vec::new()),
            "268435456 1.50 -0.0"
        );
    }

    #[test]
    fn braces_that_are_no_words_stay() {
        for text in [
            "server { listen 80; }",
            r#"{"a": 1}"#,
            "{}",
            "{ port }",
            "{",
            "}",
            "a}{b",
            "{{",
            "x{3,5}",
            "{a b}",
            "{1}",
            "{po\nrt}",
        ] {
            check(text, text);
        }
        check("{{port}}", "{3307}");
        check("{{port", "{{port");
        check("${port}", "$3307");
        check("if ($x) { return {port}; }", "if ($x) { return 3307; }");
    }

    #[test]
    fn a_replaced_value_is_not_looked_at_again() {
        check("{shows}", "{literally}");
        let scope = try_scope(json!({"a": "{b", "c": "}"})).unwrap();
        assert_eq!(scope.text("{a}{c}", &mut Vec::new()), "{b}");
    }

    #[test]
    fn an_unknown_word_stays_and_is_told_once() {
        let mut unknown = Vec::new();
        let text = scope().text("{prot} {prot} {Port} ${HOME} {port}", &mut unknown);
        assert_eq!(text, "{prot} {prot} {Port} ${HOME} 3307");
        assert_eq!(unknown, ["prot", "Port"]);
    }

    #[test]
    fn an_unknown_word_in_a_path_is_an_error_that_lists_the_known_ones() {
        let scope = try_scope(json!({"dataDir": "x"})).unwrap();
        assert_eq!(
            scope.path("{exePath}/my.ini").unwrap(),
            "C:/apps/mysql5.7/my.ini"
        );
        insta::assert_snapshot!(
            scope.path("{exePaht}/my.ini").unwrap_err(),
            @"`{exePaht}` in the path `{exePaht}/my.ini` is not known; there are {exePath}, {name}, {version}, {home}, {os}, {arch}, {dataDir}"
        );
    }

    #[test]
    fn a_cycle_is_named() {
        let error = try_scope(json!({"x": 1, "a": "{b}", "b": ["{x}", "{c}"], "c": {"d": "{a}"}}))
            .unwrap_err();
        insta::assert_snapshot!(
            error,
            @"the config values a → b → c → a contain each other without end; change one of them"
        );
        let error = try_scope(json!({"dir": "{dir}/x"})).unwrap_err();
        assert!(error.to_string().contains("dir → dir"), "{error}");
    }

    #[test]
    fn values_may_refer_to_each_other_in_any_order_and_depth() {
        let mut config = Map::new();
        for number in 0..20_000 {
            config.insert(format!("k{number}"), format!("{{k{}}}", number + 1).into());
        }
        config.insert("k20000".to_owned(), "end".into());
        let scope = try_scope(config.into()).unwrap();
        assert_eq!(scope.value("k0"), Some("end"));
        let words: Vec<_> = scope.words().skip(6).take(2).collect();
        assert_eq!(words, ["k0", "k1"], "words keep the config's order");
    }

    #[test]
    fn a_value_that_blows_up_is_refused() {
        let mut config = Map::new();
        for number in 0..64 {
            let next = number + 1;
            config.insert(
                format!("k{number}"),
                format!("{{k{next}}}{{k{next}}}").into(),
            );
        }
        config.insert("k64".to_owned(), "x".into());
        let error = try_scope(config.into()).unwrap_err().to_string();
        assert!(error.contains("becomes longer than 1024 KiB"), "{error}");
        let mut config = Map::new();
        config.insert("big".to_owned(), "x".repeat(1 << 20).into());
        for number in 0..1000 {
            config.insert(format!("k{number}"), "{big}".into());
        }
        let error = try_scope(config.into()).unwrap_err().to_string();
        assert!(error.starts_with("the config becomes longer"), "{error}");
    }

    #[test]
    fn templates_are_rendered_by_their_name() {
        let scope = scope();
        let mut unknown = Vec::new();
        let text = "{{#if on}}a{{#each list}}[{{this}}]{{/each}}{{/if}} {{port}} {{dataDir}} <{{password}}>";
        assert_eq!(
            scope.template("my.ini.hbs", text, &mut unknown).unwrap(),
            "a[1][3307] 3307 C:/apps/mysql5.7/data <s3cret>"
        );
        assert_eq!(
            scope
                .template("my.ini.tpl", "{port} {x}", &mut unknown)
                .unwrap(),
            "3307 {x}"
        );
        assert_eq!(unknown, ["x"]);
    }

    #[test]
    fn a_handlebars_template_is_strict() {
        for text in ["{{prot}}", "{{#if on}}", "{{#each list}}x"] {
            let error = scope()
                .template("a/my.hbs", text, &mut Vec::new())
                .unwrap_err();
            let error = error.to_string();
            assert!(
                error.starts_with("the template `a/my.hbs` cannot be rendered: line 1, column "),
                "{error}"
            );
        }
        let numbers = try_scope(serde_json::from_str(r#"{"b": 1.50, "c": 268435456}"#).unwrap());
        let text = numbers
            .unwrap()
            .template("x.HBS", "{{b}} {{c}} & <é>", &mut Vec::new());
        assert_eq!(text.unwrap(), "1.50 268435456 & <é>", "nothing is escaped");
    }

    #[test]
    fn secrets_are_masked_the_longest_first() {
        let scope = try_scope(json!({
            "password": "root", "rootPassword": "root-and-more", "token": "", "port": 3306,
            "dsn": "mysql://{password}@localhost"
        }))
        .unwrap();
        assert_eq!(
            scope.mask("a root-and-more b root 3306"),
            "a *** b *** 3306"
        );
        assert_eq!(
            scope.mask(scope.value("dsn").unwrap()),
            "mysql://***@localhost"
        );
    }

    proptest! {
        #[test]
        fn text_without_words_stays(text in "[^{]*") {
            let mut unknown = Vec::new();
            prop_assert_eq!(scope().text(&text, &mut unknown), text);
            prop_assert!(unknown.is_empty());
        }

        #[test]
        fn nothing_is_lost_between_words(text in r"([{}$a ]|\PC|\{port\}|\{x\})*") {
            let pieces = pieces(&text, |word| word == "port");
            let joined: String = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => (*text).to_owned(),
                Piece::Known(word) | Piece::Unknown(word) => format!("{{{word}}}"),
            }).collect();
            prop_assert_eq!(&joined, &text);
            prop_assert_eq!(scope().text(&text, &mut Vec::new()), text.replace("{port}", "3307").replace("{on}", "true"));
        }
    }
}
