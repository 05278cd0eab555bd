//! An app's settings: the defaults of `store.json` overlaid by what was set since.

use serde_json::{Map, Value};

/// The settings in force, in the order of `store.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    values: Map<String, Value>,
}

/// Why a value cannot be a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the config value `{key}` holds a control character (a newline, for example); remove it")]
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
        Self { values }
    }

    /// The values by key.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The values with secrets shown as `***`.
    pub fn masked(&self) -> Map<String, Value> {
        todo!()
    }
}

/// Whether a key names a secret (a password, a token, …).
pub fn is_secret(key: &str) -> bool {
    let _ = key;
    todo!()
}

/// Makes values that came from outside fit to be settings: `\` becomes `/`.
///
/// # Errors
/// The first value with a control character.
pub fn accept(changes: Map<String, Value>) -> Result<Map<String, Value>, InvalidValue> {
    let _ = &changes;
    todo!()
}
