//! The JSON schemas of both manifests, generated from their types.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::config_schema::{KINDS, TYPES};
use super::parse::CATEGORIES;
use super::store::BUILTINS;
use super::{InstallInfo, StoreInfo};

/// The schema of `install.json`, as the text of `install.json.schema`.
pub fn install() -> String {
    let mut schema = schema_of::<InstallInfo>("install.json of an app");
    require(&mut schema, "/required", &["name"]);
    examples(&mut schema, "/properties/category", &CATEGORIES);
    text_of(&schema)
}

/// The schema of `store.json`, as the text of `store.json.schema`.
pub fn store() -> String {
    let mut schema = schema_of::<StoreInfo>("store.json of an app");
    require(&mut schema, "/definitions/Step/required", &["name"]);
    examples(&mut schema, "/properties/category", &CATEGORIES);
    // Lists of the app's own are names too, so the built-in ones are suggested and not demanded.
    examples(&mut schema, "/definitions/Step/properties/name", &BUILTINS);
    examples(
        &mut schema,
        "/definitions/Setting/properties/binPath",
        &["{exePath}/bin/server"],
    );
    examples(&mut schema, "/definitions/Property/properties/type", &TYPES);
    examples(
        &mut schema,
        "/definitions/Property/properties/x-kind",
        &KINDS,
    );
    let one_of: Vec<Value> = ["port", "http", "file", "log"]
        .iter()
        .map(|key| json!({ "required": [key] }))
        .collect();
    if let Some(Value::Object(until)) = schema.pointer_mut("/definitions/Until") {
        until.insert("oneOf".to_owned(), one_of.into());
    }
    text_of(&schema)
}

fn schema_of<T: JsonSchema>(title: &str) -> Schema {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(loosen).transform(&mut schema);
    let mut rest = std::mem::take(schema.ensure_object());
    // What a person looks for first comes first. Editors understand the two about comments, others
    // ignore them. The root is the one object that cannot be left out.
    for (key, value) in [
        ("$schema", rest.remove("$schema").unwrap_or_default()),
        ("title", title.into()),
        (
            "description",
            rest.remove("description").unwrap_or_default(),
        ),
        ("allowComments", true.into()),
        ("allowTrailingCommas", true.into()),
        ("type", "object".into()),
    ] {
        rest.remove(key);
        schema.insert(key.to_owned(), value);
    }
    schema.ensure_object().extend(rest);
    require(&mut schema, "/definitions/Item/required", &["name"]);
    if let Some(Value::Object(value)) = schema.pointer_mut("/definitions/Item/properties/value") {
        value.insert(
            "type".to_owned(),
            json!(["string", "number", "boolean", "null"]),
        );
    }
    schema
}

/// Lets a schema take what the reader takes: null for everything, text for numbers and the other
/// way round.
fn loosen(schema: &mut Schema) {
    schema.remove("format");
    // Every field may be left out; a default says nothing more than that.
    schema.remove("default");
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    let Some(kind) = schema.get("type").cloned() else {
        return;
    };
    let first = match &kind {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    let loose: &[&str] = match first {
        Some("string") => &["string", "number", "boolean", "null"],
        Some("boolean") => &["boolean", "string", "number", "null"],
        Some("integer") => &["integer", "string", "null"],
        Some("number") => {
            schema.insert("minimum".to_owned(), 0.into());
            &["number", "string", "null"]
        }
        Some("array") => &["array", "null"],
        Some("object") => &["object", "null"],
        _ => return,
    };
    schema.insert("type".to_owned(), json!(loose));
}

fn require(schema: &mut Schema, pointer: &str, keys: &[&str]) {
    let parent = pointer.trim_end_matches("/required");
    let parent = match parent {
        "" => Some(schema.ensure_object()),
        parent => schema.pointer_mut(parent).and_then(Value::as_object_mut),
    };
    if let Some(parent) = parent {
        parent.insert("required".to_owned(), json!(keys));
    }
}

fn examples(schema: &mut Schema, pointer: &str, values: &[&str]) {
    if let Some(Value::Object(property)) = schema.pointer_mut(pointer) {
        property.insert("examples".to_owned(), json!(values));
    }
}

fn text_of(schema: &Schema) -> String {
    let mut text = format!("{:#}", schema.as_value());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Compares a schema with its file, or writes the file when `UPDATE_SCHEMAS` is set.
    fn check(file: &str, schema: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, schema).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written.replace("\r\n", "\n") == schema,
            "{file} is not what the types say; run the tests once with UPDATE_SCHEMAS=1"
        );
    }

    #[test]
    fn the_files_at_the_top_are_what_the_types_say() {
        check("install.json.schema", &install());
        check("store.json.schema", &store());
    }

    #[test]
    fn every_field_is_described() {
        for text in [install(), store()] {
            let schema: Value = serde_json::from_str(&text).unwrap();
            let definitions = schema
                .get("definitions")
                .and_then(Value::as_object)
                .unwrap();
            for object in definitions.values().chain([&schema]) {
                for (key, property) in object["properties"].as_object().into_iter().flatten() {
                    assert!(property["description"].is_string(), "{key} in {text}");
                }
            }
        }
    }
}
