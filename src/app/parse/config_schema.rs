//! The description of settings that a `store.json` may carry.

use indexmap::IndexMap;
use jsonc_parser::ast::Value as Node;
use serde_json::{Map, Value};

use super::reader::{Fields, Reader, to_json};
use crate::app::config_schema::{ConfigSchema, KINDS, Property, TYPES};
use crate::app::pattern::Pattern;
use crate::app::problem::Problem;

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

pub(super) fn config_schema(
    reader: &mut Reader<'_>,
    fields: &Fields<'_, '_>,
) -> Option<ConfigSchema> {
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

impl Fields<'_, '_> {
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
}
