//! An app's settings: the defaults of `store.json` overlaid by what was set since.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::StoreInfo;
use super::config_schema::ConfigSchema;

/// What a secret is shown as.
pub const MASK: &str = "***";

/// The settings in force, in the order of `store.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    values: Map<String, Value>,
    /// Keys that the author marked as secrets.
    marked: BTreeSet<String>,
}

/// Why a value cannot be a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the config value `{}` holds a control character (a newline, for example); remove it",
    key.escape_debug()
)]
pub struct InvalidValue {
    /// The key.
    pub key: String,
}

impl Config {
    /// The defaults with `overlay` laid over them.
    pub fn new(defaults: &Map<String, Value>, overlay: &Map<String, Value>) -> Self {
        let mut values = defaults.clone();
        for (key, value) in overlay {
            values.insert(key.clone(), value.clone());
        }
        Self {
            values,
            marked: BTreeSet::new(),
        }
    }

    /// The defaults of a `store.json` with `overlay` laid over them, and its secrets known.
    pub fn of(store: &StoreInfo, overlay: &Map<String, Value>) -> Self {
        let marked = store.config_schema.iter().flat_map(ConfigSchema::secrets);
        Self {
            marked: marked.map(str::to_owned).collect(),
            ..Self::new(&store.config, overlay)
        }
    }

    /// Whether a setting is a secret: by its name, or because the author says so.
    pub fn is_secret(&self, key: &str) -> bool {
        is_secret(key) || self.marked.contains(key)
    }

    /// The values by key.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The values with secrets shown as `***`. An empty secret is shown as it is, so that one sees
    /// that nothing was set.
    pub fn masked(&self) -> Map<String, Value> {
        let mut values = self.values.clone();
        mask_secrets(&mut values);
        for key in &self.marked {
            if let Some(value) = values.get_mut(key) {
                mask(value);
            }
        }
        values
    }
}

fn mask_secrets(values: &mut Map<String, Value>) {
    for (key, value) in values.iter_mut() {
        if is_secret(key) {
            mask(value);
        } else {
            mask_nested(value);
        }
    }
}

fn mask(value: &mut Value) {
    let empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if !empty {
        *value = MASK.into();
    }
}

fn mask_nested(value: &mut Value) {
    match value {
        Value::Object(values) => mask_secrets(values),
        Value::Array(values) => values.iter_mut().for_each(mask_nested),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Words that make a key secret wherever they stand in it: `dbpassword`, `PASSWORD_FILE`.
const SECRET_ANYWHERE: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
    "密码",
    "口令",
    "密钥",
];

/// Words that make a key secret at its end: `authtoken` is one, `tokenizer` is none.
const SECRET_AT_END: [&str; 2] = ["token", "pwd"];

/// Words that make a key secret only as a word of their own: `rootPass` is one, `compass` is none.
const SECRET_ALONE: [&str; 3] = ["pass", "pwd", "token"];

/// Whether a key names a secret (a password, a token, …).
pub fn is_secret(key: &str) -> bool {
    let joined: String = key
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_ANYWHERE.iter().any(|word| joined.contains(word))
        || SECRET_AT_END.iter().any(|word| joined.ends_with(word))
        || words_of(key)
            .iter()
            .any(|word| SECRET_ALONE.contains(&word.as_str()))
}

/// The words of a key, in lower case: `dbPassword`, `db_password` and `db-password` are two.
pub(super) fn words_of(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in key.chars() {
        let ends_word = !c.is_alphanumeric() || (c.is_uppercase() && after_lower);
        if ends_word {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    words
}

/// Makes values that came from outside fit to be settings: `\` becomes `/`.
///
/// # Errors
/// The first value with a control character.
pub fn accept(mut changes: Map<String, Value>) -> Result<Map<String, Value>, InvalidValue> {
    for (key, value) in &mut changes {
        let refuse = || InvalidValue { key: key.clone() };
        if key.contains(char::is_control) {
            return Err(refuse());
        }
        clean(value).ok_or_else(refuse)?;
    }
    Ok(changes)
}

/// Turns `\` to `/` in every text of a value; `None` when there is a control character in it.
fn clean(value: &mut Value) -> Option<()> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(()),
        Value::String(text) => {
            if text.contains(char::is_control) {
                return None;
            }
            if text.contains('\\') {
                *text = text.replace('\\', "/");
            }
            Some(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(clean),
        Value::Object(values) => values.iter_mut().try_for_each(|(key, value)| {
            if key.contains(char::is_control) {
                return None;
            }
            clean(value)
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(values) => values,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn what_was_set_lies_over_the_defaults_in_their_order() {
        let config = Config::new(
            &map(json!({"port": 3306, "dataDir": "{exePath}/data"})),
            &map(json!({"dataDir": "/data", "extra": true, "port": 3307})),
        );
        let shown = Value::Object(config.values().clone()).to_string();
        assert_eq!(shown, r#"{"port":3307,"dataDir":"/data","extra":true}"#);
    }

    #[test]
    fn backslashes_from_pages_become_slashes_everywhere() {
        let accepted = accept(map(
            json!({"a": "C:\\data\\x", "b": ["\\"], "c": {"d": "x\\y"}}),
        ));
        assert_eq!(
            accepted.unwrap(),
            map(json!({"a": "C:/data/x", "b": ["/"], "c": {"d": "x/y"}}))
        );
    }

    #[test]
    fn control_characters_are_refused_wherever_they_hide() {
        for value in [
            json!({"k": "a\nb"}),
            json!({"k": "\u{0}"}),
            json!({"k": "\u{85}"}),
            json!({"k": ["ok", "a\rb"]}),
            json!({"k": {"deep": ["x", {"deeper": "\t"}]}}),
            json!({"k": {"bad\nkey": 1}}),
        ] {
            let error = accept(map(value.clone())).unwrap_err();
            assert_eq!(error.key, "k", "{value}");
        }
        let error = accept(map(json!({"bad\nkey": 1}))).unwrap_err();
        assert!(error.to_string().contains(r"`bad\nkey`"), "{error}");
    }

    #[test]
    fn keys_of_secrets_are_known() {
        for key in [
            "password",
            "Password",
            "PASSWD",
            "pwd",
            "rootPwd",
            "dbPassword",
            "db_password",
            "dbpassword",
            "mysql-passwd",
            "secret",
            "clientSecret",
            "token",
            "authToken",
            "authtoken",
            "apikey",
            "api_key",
            "API-Key",
            "apiKey",
            "privateKey",
            "private key",
            "credential",
            "credentials",
            "accessKey",
            "rootPass",
            "passphrase",
            "管理员密码",
        ] {
            assert!(is_secret(key), "{key} is a secret");
        }
        for key in [
            "port",
            "keyboard",
            "monkey",
            "key",
            "compass",
            "bypass",
            "passive",
            "tokenizer",
            "dataDir",
            "author",
            "public_key",
            "",
            "名称",
        ] {
            assert!(!is_secret(key), "{key} is no secret");
        }
    }

    #[test]
    fn what_the_author_marked_is_a_secret_whatever_it_is_called() {
        let store = json!({"config": {"pin": 1234, "port": 1}, "configSchema": {"properties": {"pin": {"x-kind": "secret"}}}});
        let (store, _) = super::super::parse::store(&store.to_string());
        let config = Config::of(&store, &Map::new());
        assert_eq!(config.masked(), map(json!({"pin": "***", "port": 1})));
        assert!(config.is_secret("pin") && !config.is_secret("port"));
    }

    #[test]
    fn masked_values_show_no_secret() {
        let config = Config::new(
            &map(
                json!({"password": "root", "token": "", "port": 1, "db": {"pwd": "x", "n": [{"secret": 5}]}}),
            ),
            &Map::new(),
        );
        assert_eq!(
            config.masked(),
            map(
                json!({"password": "***", "token": "", "port": 1, "db": {"pwd": "***", "n": [{"secret": "***"}]}})
            )
        );
    }
}
