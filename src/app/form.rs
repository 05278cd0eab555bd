//! An app's settings as a form: what `configSchema` says, else what can be told from names and values.

use serde::Serialize;
use serde_json::{Map, Value};

use super::StoreInfo;
use super::config::{MASK, is_secret, words_of};
use super::config_schema::{Label, Property};
use super::pattern::Pattern;

/// The list that puts settings into force when the author names no other.
pub const APPLY_LIST: &str = "setting";

/// What a setting is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Switch,
    /// One of a few values.
    Choice,
    /// A TCP port.
    Port,
    /// A folder of this computer.
    Folder,
    /// A file of this computer.
    File,
    /// A text that is not shown.
    Secret,
    /// A list or an object, as JSON.
    Json,
}

/// One setting.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something else that an author may say"
)]
pub struct Field {
    /// Its key in `config`.
    pub key: String,
    /// What it is asked for with.
    pub kind: FieldKind,
    /// What it is called.
    pub title: Label,
    /// A sentence about it; may be empty.
    pub description: Label,
    /// What it is when nobody set it.
    pub default: Value,
    /// It must not be empty.
    pub required: bool,
    /// The values that it may have, with what they are called.
    pub choices: Vec<(Value, Label)>,
    /// Smallest number.
    pub min: Option<f64>,
    /// Largest number.
    pub max: Option<f64>,
    /// Fewest characters.
    pub min_length: Option<f64>,
    /// Most characters.
    pub max_length: Option<f64>,
    /// What a text must match.
    pub pattern: Option<Pattern>,
    /// Shown and not to be changed.
    pub read_only: bool,
    /// Shown only to those who ask for more.
    pub advanced: bool,
    /// The author described it; else it was guessed, and what does not fit is no mistake.
    pub is_described: bool,
}

/// The form of an app: its settings, those that were set beside the defaults included.
pub fn fields(store: &StoreInfo, set: &Map<String, Value>) -> Vec<Field> {
    let described = store.config_schema.as_ref();
    let mut keys: Vec<&String> = store.config.keys().collect();
    for key in described
        .into_iter()
        .flat_map(|schema| schema.properties.keys())
        .chain(set.keys())
    {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut fields: Vec<(f64, Field)> = keys
        .into_iter()
        .map(|key| {
            let default = store.config.get(key).cloned().unwrap_or_default();
            let like = match &default {
                Value::Null => set.get(key).unwrap_or(&Value::Null),
                default => default,
            };
            let property = described.and_then(|schema| schema.properties.get(key));
            let kind = kind_of(key, like, property);
            let field = field(key, kind, property, default);
            let required = described.is_some_and(|schema| schema.required.contains(key));
            let order = property.and_then(|property| property.order);
            (order.unwrap_or(f64::MAX), Field { required, ..field })
        })
        .collect();
    fields.sort_by(|a, b| a.0.total_cmp(&b.0));
    fields.into_iter().map(|(_, field)| field).collect()
}

/// The list that puts settings into force; none when there is none.
pub fn apply_list(store: &StoreInfo) -> Option<&str> {
    let named = store
        .config_schema
        .as_ref()
        .map(|schema| schema.apply.as_str());
    let list = named.filter(|list| !list.is_empty()).unwrap_or(APPLY_LIST);
    store.commands.contains_key(list).then_some(list)
}

fn field(key: &str, kind: FieldKind, property: Option<&Property>, default: Value) -> Field {
    let is_port = kind == FieldKind::Port;
    let none = Property::default();
    let said = property.unwrap_or(&none);
    let title = if said.title.is_empty() {
        title_of(key)
    } else {
        said.title.clone()
    };
    let named = |index: usize, value: &Value| {
        let title = said.choice_titles.get(index).filter(|it| !it.is_empty());
        title.cloned().unwrap_or_else(|| Label::same(&plain(value)))
    };
    Field {
        key: key.to_owned(),
        kind,
        title,
        description: said.description.clone(),
        default,
        required: false,
        choices: said
            .choices
            .iter()
            .enumerate()
            .map(|(index, value)| (value.clone(), named(index, value)))
            .collect(),
        min: said.minimum.or(is_port.then_some(1.0)),
        max: said.maximum.or(is_port.then_some(65535.0)),
        min_length: said.min_length,
        max_length: said.max_length,
        pattern: said.pattern.clone(),
        read_only: said.read_only,
        advanced: said.advanced,
        is_described: property.is_some(),
    }
}

fn kind_of(key: &str, value: &Value, property: Option<&Property>) -> FieldKind {
    if let Some(property) = property {
        match property.used_as.as_str() {
            "port" => return FieldKind::Port,
            "folder" => return FieldKind::Folder,
            "file" => return FieldKind::File,
            "secret" => return FieldKind::Secret,
            _ => {}
        }
        if property.is_secret() {
            return FieldKind::Secret;
        }
        if !property.choices.is_empty() {
            return FieldKind::Choice;
        }
        match property.kind.as_str() {
            "boolean" => return FieldKind::Switch,
            "integer" if !is_port(key) => return FieldKind::Integer,
            "number" => return FieldKind::Number,
            "array" | "object" => return FieldKind::Json,
            _ => {}
        }
    }
    if is_secret(key) {
        return FieldKind::Secret;
    }
    match value {
        Value::Bool(_) => FieldKind::Switch,
        Value::Array(_) | Value::Object(_) => FieldKind::Json,
        Value::Number(number) if is_port(key) && number.is_u64() => FieldKind::Port,
        Value::String(text) if is_port(key) && text.parse::<u16>().is_ok() => FieldKind::Port,
        Value::Null if is_port(key) => FieldKind::Port,
        Value::Number(number) if number.is_i64() || number.is_u64() => FieldKind::Integer,
        Value::Number(_) => FieldKind::Number,
        Value::Null | Value::String(_) => by_name(key),
    }
}

fn by_name(key: &str) -> FieldKind {
    let last = words_of(key)
        .into_iter()
        .rfind(|word| !word.is_empty())
        .unwrap_or_default();
    let ends = |endings: &[&str]| endings.iter().any(|ending| last.ends_with(ending));
    if ends(&["dir", "folder", "directory", "目录", "文件夹"]) {
        FieldKind::Folder
    } else if ends(&["file", "文件"]) {
        FieldKind::File
    } else {
        FieldKind::Text
    }
}

/// Whether a key is called like a port: `port`, `httpPort`, `listen_port`.
pub fn is_port(key: &str) -> bool {
    key.to_ascii_lowercase().ends_with("port") || key.ends_with("端口")
}

/// What common settings are called.
const TITLES: [(&str, &str, &str); 24] = [
    ("port", "Port", "端口"),
    ("host", "Host", "主机"),
    ("bind", "Address", "监听地址"),
    ("address", "Address", "地址"),
    ("password", "Password", "密码"),
    ("user", "User", "用户"),
    ("username", "User name", "用户名"),
    ("name", "Name", "名称"),
    ("datadir", "Data folder", "数据目录"),
    ("data", "Data", "数据"),
    ("logdir", "Log folder", "日志目录"),
    ("log", "Log", "日志"),
    ("loglevel", "Log level", "日志级别"),
    ("root", "Root folder", "根目录"),
    ("rootdir", "Root folder", "根目录"),
    ("tmpdir", "Temporary folder", "临时目录"),
    ("confdir", "Configuration folder", "配置目录"),
    ("httpport", "HTTP port", "HTTP 端口"),
    ("httpsport", "HTTPS port", "HTTPS 端口"),
    ("maxconnections", "Most connections", "最大连接数"),
    ("maxmemory", "Most memory", "最大内存"),
    ("timeout", "Timeout", "超时"),
    ("token", "Token", "令牌"),
    ("debug", "Debug", "调试"),
];

/// What a setting is called by its key: `dataDir` is the data folder, `serverId` the server id.
fn title_of(key: &str) -> Label {
    let words: Vec<String> = words_of(key)
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect();
    let joined = words.concat();
    if let Some((_, en, zh)) = TITLES.iter().find(|(known, _, _)| *known == joined) {
        return Label {
            en: (*en).to_owned(),
            zh: (*zh).to_owned(),
        };
    }
    let text = words.join(" ");
    let mut chars = text.chars();
    let text: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars.as_str().chars())
        .collect();
    if text.is_empty() {
        return Label::same(key);
    }
    Label::same(&text)
}

impl Field {
    /// Why a value cannot be this setting; nothing when it can.
    pub fn refuses(&self, value: &Value) -> Option<String> {
        let key = &self.key;
        let text = plain(value);
        if is_empty(value) {
            return self
                .required
                .then(|| format!("`{key}` must not be empty; give it a value"));
        }
        // What it will be is known only when its words are replaced; a secret that is shown as `***` is
        // the one that is there.
        if text.contains('{') && value.is_string() || self.kind == FieldKind::Secret && text == MASK
        {
            return None;
        }
        if !self.choices.is_empty() && !self.choices.iter().any(|(it, _)| plain(it) == text) {
            let choices: Vec<String> = self.choices.iter().map(|(it, _)| plain(it)).collect();
            return Some(format!(
                "`{key}` cannot be `{}`; choose one of {}",
                shown(&text, self.kind),
                choices.join(", ")
            ));
        }
        match self.kind {
            FieldKind::Port | FieldKind::Integer | FieldKind::Number => self.refuses_number(&text),
            FieldKind::Switch => {
                let fits = value.is_boolean() || matches!(text.as_str(), "true" | "false");
                (!fits).then(|| format!("`{key}` is either true or false, not `{}`", cut(&text)))
            }
            FieldKind::Text | FieldKind::Folder | FieldKind::File | FieldKind::Secret => self
                .refuses_length(&text)
                .or_else(|| self.refuses_pattern(&text)),
            FieldKind::Choice | FieldKind::Json => None,
        }
    }

    fn refuses_number(&self, text: &str) -> Option<String> {
        let key = &self.key;
        let what = match self.kind {
            FieldKind::Port => "a port",
            FieldKind::Integer => "a whole number",
            _ => "a number",
        };
        let number = match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            Ok(_) | Err(_) => return Some(format!("`{key}` must be {what}, not `{}`", cut(text))),
        };
        if self.kind != FieldKind::Number && number.fract() != 0.0 {
            return Some(format!("`{key}` must be {what}, not `{}`", cut(text)));
        }
        match (self.min, self.max) {
            (Some(min), Some(max)) if number < min || number > max => Some(format!(
                "`{key}` must be {what} from {min} to {max}, not {number}"
            )),
            (Some(min), None) if number < min => {
                Some(format!("`{key}` must be {min} at least, not {number}"))
            }
            (None, Some(max)) if number > max => {
                Some(format!("`{key}` must be {max} at most, not {number}"))
            }
            _ => None,
        }
    }

    fn refuses_length(&self, text: &str) -> Option<String> {
        let key = &self.key;
        let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let count = f64::from(count);
        match (self.min_length, self.max_length) {
            (Some(min), _) if count < min => Some(format!(
                "`{key}` must have {min} characters at least, not {count}"
            )),
            (_, Some(max)) if count > max => Some(format!(
                "`{key}` must have {max} characters at most, not {count}"
            )),
            _ => None,
        }
    }

    fn refuses_pattern(&self, text: &str) -> Option<String> {
        let pattern = self.pattern.as_ref().filter(|it| !it.fits(text))?;
        Some(format!(
            "`{}` must match `{}`, not be `{}`",
            self.key,
            pattern.as_str(),
            shown(text, self.kind)
        ))
    }
}

/// A value as a text.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str().is_some_and(str::is_empty)
}

fn shown(text: &str, kind: FieldKind) -> String {
    if kind == FieldKind::Secret {
        MASK.to_owned()
    } else {
        cut(text)
    }
}

fn cut(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::parse;

    fn form(store: &Value) -> Vec<Field> {
        let (store, problems) = parse::store(&store.to_string());
        assert!(problems.is_empty(), "{problems:?}");
        fields(&store, &Map::new())
    }

    fn kinds(store: &Value) -> Vec<(String, FieldKind)> {
        let fields = form(store).into_iter();
        fields.map(|field| (field.key, field.kind)).collect()
    }

    #[test]
    fn without_a_schema_names_and_values_tell_what_is_asked() {
        let config = json!({"config": {
            "port": 3306, "httpPort": "80", "portName": "x", "password": "root", "dataDir": "{exePath}/data",
            "log_file": "a.log", "debug": false, "workers": 4, "ratio": 0.5, "hosts": ["a"], "title": "x", "none": null,
        }});
        let expected = [
            ("port", FieldKind::Port),
            ("httpPort", FieldKind::Port),
            ("portName", FieldKind::Text),
            ("password", FieldKind::Secret),
            ("dataDir", FieldKind::Folder),
            ("log_file", FieldKind::File),
            ("debug", FieldKind::Switch),
            ("workers", FieldKind::Integer),
            ("ratio", FieldKind::Number),
            ("hosts", FieldKind::Json),
            ("title", FieldKind::Text),
            ("none", FieldKind::Text),
        ];
        let expected = expected.map(|(key, kind)| (key.to_owned(), kind));
        assert_eq!(kinds(&config), expected);
    }

    #[test]
    fn the_author_knows_better() {
        let fields = form(&json!({
            "config": {"a": "x", "listen": 80, "pin": "1", "mode": "fast"},
            "configSchema": {
                "properties": {
                    "mode": {"enum": ["fast", "safe"], "x-enum-titles": [{"zh": "快", "en": "Fast"}], "order": 1},
                    "pin": {"format": "password"},
                    "listen": {"x-kind": "port", "title": {"zh": "监听端口", "en": "Listens on"}, "minimum": 1024},
                },
                "required": ["listen"],
            }
        }));
        let keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys, ["mode", "a", "listen", "pin"]);
        let [mode, a, listen, pin] = fields.as_slice() else {
            panic!("four fields");
        };
        assert_eq!(mode.kind, FieldKind::Choice);
        assert_eq!(mode.choices[0].1.zh, "快");
        assert_eq!(mode.choices[1].1, Label::same("safe"));
        assert!(!a.is_described && pin.kind == FieldKind::Secret);
        assert_eq!(listen.title.zh, "监听端口");
        assert_eq!((listen.min, listen.max), (Some(1024.0), Some(65535.0)));
        assert!(listen.required);
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_what_would() {
        let fields = form(&json!({
            "config": {"port": 1, "mode": "a", "name": "abc", "ratio": 0.5, "on": true, "pin": "0000", "host": "a"},
            "configSchema": {
                "properties": {
                    "port": {"minimum": 1024}, "mode": {"enum": ["a", "b"]}, "name": {"minLength": 3, "maxLength": 5},
                    "ratio": {"type": "number", "maximum": 1},
                    "pin": {"x-kind": "secret", "pattern": "^[0-9]{4}$"}, "host": {"pattern": "[a-z]"},
                },
                "required": ["name"],
            }
        }));
        let check = |key: &str, value: Value, word: &str| {
            let field = fields.iter().find(|field| field.key == key).unwrap();
            let refused = field.refuses(&value).unwrap_or_default();
            assert_eq!(
                word.is_empty(),
                refused.is_empty(),
                "{key} {value} {refused}"
            );
            assert!(refused.contains(word), "{refused}");
        };
        check("port", json!(3306), "");
        check("port", json!("3306"), "");
        check("port", json!("{other}"), "");
        check("port", json!(80), "from 1024 to 65535");
        check("port", json!(70000), "from 1024 to 65535");
        check("port", json!(3306.5), "must be a port");
        check("port", json!("x"), "must be a port");
        check("mode", json!("b"), "");
        check("mode", json!("c"), "one of a, b");
        check("name", json!(""), "must not be empty");
        check("name", Value::Null, "must not be empty");
        check("name", json!("ab"), "3 characters at least");
        check("name", json!("数据库的名"), "");
        check("name", json!("abcdef"), "5 characters at most");
        check("ratio", json!(1.5), "1 at most");
        check("on", json!("perhaps"), "either true or false");
        check("pin", json!("1234"), "");
        check("pin", json!(1234), "");
        check("pin", json!("***"), "");
        check(
            "pin",
            json!("12345"),
            "must match `^[0-9]{4}$`, not be `***`",
        );
        check("host", json!("1a"), "");
        check("host", json!("{other}"), "");
        check("host", json!("17"), "must match `[a-z]`, not be `17`");
    }

    #[test]
    fn common_settings_have_names_in_both_languages() {
        for (key, en, zh) in [
            ("port", "Port", "端口"),
            ("dataDir", "Data folder", "数据目录"),
            ("data_dir", "Data folder", "数据目录"),
            ("serverId", "Server id", "Server id"),
            ("端口", "端口", "端口"),
        ] {
            let title = title_of(key);
            assert_eq!((title.en.as_str(), title.zh.as_str()), (en, zh));
        }
    }

    #[test]
    fn the_list_that_applies_settings_is_named_or_called_setting() {
        for (store, expected) in [
            (json!({}), None),
            (json!({"commands": {"setting": []}}), Some("setting")),
            (
                json!({"commands": {"setting": [], "x": []}, "configSchema": {"x-apply": "x"}}),
                Some("x"),
            ),
        ] {
            let (store, _) = parse::store(&store.to_string());
            assert_eq!(apply_list(&store), expected);
        }
    }
}
