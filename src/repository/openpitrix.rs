//! OpenPitrix's packages: `package.json`, `config.json` and `cluster.json.tmpl` in one top folder. They
//! are read, checked and described; what runs them is a cluster, which this computer has not.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::index::{PackageKind, is_package_name};
use super::inspect::{
    Description, Details, Parameter, Reader, below_top, check_version, maintainers, texts,
};

const PACKAGE: &str = "package.json";
const CONFIG: &str = "config.json";
const CLUSTER: &str = "cluster.json.tmpl";

/// What a parameter may be.
const TYPES: [&str; 6] = [
    "array", "string", "integer", "number", "password", "boolean",
];

/// What the machine of a node may be.
const CONTAINERS: [&str; 4] = ["kvm", "docker", "lxc", "bm"];

/// Parameters within parameters.
const MAX_DEPTH: usize = 16;

/// Reads and checks such a package.
///
/// # Errors
/// What is wrong, by file, in OpenPitrix's words.
pub(super) fn describe(reader: &Reader<'_>, files: &[String]) -> Result<Description, Details> {
    let mut details = Details::new();
    for needed in [PACKAGE, CONFIG, CLUSTER] {
        let is_below = files.iter().any(|file| below_top(file) == Some(needed));
        if !is_below {
            let is_at_top = files.iter().any(|file| file == needed);
            let reason = if is_at_top {
                "not found in a top folder: the archive must have one, called as the package"
            } else {
                "not found"
            };
            details.push((needed.to_owned(), reason.to_owned()));
        }
    }
    if !details.is_empty() {
        return Err(details);
    }
    let package = object(reader, PACKAGE)?;
    let config = object(reader, CONFIG)?;
    let template = reader.text(CLUSTER)?.unwrap_or_default();

    let text = |key: &str| {
        let value = package.get(key);
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    };
    let (name, version) = (text("name"), text("version"));
    let mut blame = |reason: String| details.push((PACKAGE.to_owned(), reason));
    if name.is_empty() {
        blame("`name` is missing".to_owned());
    } else if !is_package_name(&name) {
        blame(format!(
            "`name`: `{}` cannot be the name of a package",
            name.escape_debug()
        ));
    }
    check_version(&version, &mut blame);
    let mut parameters = Vec::new();
    let mut values = Map::new();
    if config.get("type").and_then(Value::as_str) != Some("array") {
        details.push((
            CONFIG.to_owned(),
            "its top must be of the type `array`".to_owned(),
        ));
    }
    for property in properties(&config) {
        let read = parameter(property, "", 0, &mut parameters, &mut details);
        if let Some((key, value)) = read {
            values.insert(key, value);
        }
    }
    match render(&template, &Value::Object(values)) {
        Ok(cluster) => check_cluster(&cluster, &mut details),
        Err(reason) => details.push((CLUSTER.to_owned(), reason)),
    }
    if !details.is_empty() {
        return Err(details);
    }
    let mut locales = BTreeMap::new();
    for file in files {
        let Some(language) = below_top(file)
            .and_then(|file| file.strip_prefix("locale/"))
            .and_then(|file| file.strip_suffix(".json"))
        else {
            continue;
        };
        let texts = object(reader, &format!("locale/{language}.json"))?;
        let texts = texts
            .into_iter()
            .filter_map(|(text, translated)| Some((text, translated.as_str()?.to_owned())));
        locales.insert(language.to_owned(), texts.collect());
    }
    Ok(Description {
        kind: PackageKind::Openpitrix,
        name,
        version,
        app_version: text("app_version"),
        description: text("description"),
        home: text("home"),
        icon: text("icon"),
        keywords: texts(package.get("keywords")),
        maintainers: maintainers(package.get("maintainers")),
        sources: texts(package.get("sources")),
        screenshots: texts(package.get("screenshots")),
        parameters,
        locales,
        ..Description::default()
    })
}

/// A file that is a JSON object.
fn object(reader: &Reader<'_>, file: &str) -> Result<Map<String, Value>, Details> {
    let fail = |reason: String| vec![(file.to_owned(), reason)];
    let text = reader.text(file)?;
    let text = text.ok_or_else(|| fail("not found".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(fail("decode failed, it is no object".to_owned())),
        Err(error) => Err(fail(format!("decode failed, {error}"))),
    }
}

fn properties(node: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let list = node.get("properties").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

/// Reads a parameter and those within it; answers its key and its value when nobody sets it.
fn parameter(
    node: &Map<String, Value>,
    above: &str,
    depth: usize,
    found: &mut Vec<Parameter>,
    details: &mut Details,
) -> Option<(String, Value)> {
    let text = |key: &str| {
        let value = node.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let key = text("key");
    let path = if above.is_empty() {
        key.clone()
    } else {
        format!("{above}.{key}")
    };
    let mut blame = |reason: String| details.push((CONFIG.to_owned(), reason));
    if key.is_empty() {
        blame(format!("a parameter of `{above}` has no `key`"));
        return None;
    }
    let kind = text("type");
    if !TYPES.contains(&kind.as_str()) {
        blame(format!(
            "`{path}` has the type `{}`; there are {}",
            kind.escape_debug(),
            TYPES.join(", ")
        ));
        return None;
    }
    if kind == "array" {
        if depth >= MAX_DEPTH {
            blame(format!("`{path}` is nested too deeply"));
            return None;
        }
        let mut values = Map::new();
        for property in properties(node) {
            values.extend(parameter(property, &path, depth + 1, found, details));
        }
        return Some((key, Value::Object(values)));
    }
    let default = node.get("default").cloned().unwrap_or_default();
    let required = node.get("required").and_then(Value::as_bool) == Some(true);
    found.push(Parameter {
        key: path,
        kind,
        label: text("label"),
        description: text("description"),
        default: default.clone(),
        required,
    });
    Some((key, default))
}

/// Fills a template in: `"{{.path}}"`, with its quotes, becomes the value of that path as JSON; what
/// has none becomes null.
fn render(template: &str, values: &Value) -> Result<Value, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("\"{{") {
        out.push_str(before);
        let Some((path, after)) = after.split_once("}}\"") else {
            return Err("render failed, a `{{` is never closed".to_owned());
        };
        let path = path.trim();
        let Some(path) = path.strip_prefix('.') else {
            return Err(format!(
                "parse failed, `{}` is no path: it begins with `.`",
                path.escape_debug().take(80).collect::<String>()
            ));
        };
        let mut value = Some(values);
        for part in path.split('.').filter(|part| !part.is_empty()) {
            value = value.and_then(|value| value.get(part));
        }
        let text = value.map_or_else(|| "null".to_owned(), Value::to_string);
        out.push_str(&text);
        rest = after;
    }
    out.push_str(rest);
    serde_json::from_str(&out).map_err(|error| format!("decode failed, {error}"))
}

/// What OpenPitrix's schema asks of a cluster, as far as it says what runs.
fn check_cluster(cluster: &Value, details: &mut Details) {
    let mut blame = |reason: String| details.push((CLUSTER.to_owned(), reason));
    let Some(cluster) = cluster.as_object() else {
        return blame("decode failed, it is no object".to_owned());
    };
    for needed in ["name", "description", "subnet", "nodes"] {
        if !cluster.contains_key(needed) {
            blame(format!("`{needed}` is missing"));
        }
    }
    let Some(nodes) = cluster.get("nodes") else {
        return;
    };
    let Some(nodes) = nodes.as_array() else {
        return blame("`nodes` is no list".to_owned());
    };
    if nodes.is_empty() {
        blame("`nodes` is empty".to_owned());
    }
    for (number, node) in nodes.iter().enumerate() {
        let container = node.get("container");
        let kind = container
            .and_then(|it| it.get("type"))
            .and_then(Value::as_str);
        if !kind.is_some_and(|kind| CONTAINERS.contains(&kind)) {
            blame(format!(
                "`nodes[{number}].container.type` is none of {}",
                CONTAINERS.join(", ")
            ));
        }
        let image = container
            .and_then(|it| it.get("image"))
            .and_then(Value::as_str);
        if image.is_none_or(str::is_empty) {
            blame(format!("`nodes[{number}].container.image` is missing"));
        }
        if node.get("count").is_none() {
            blame(format!("`nodes[{number}].count` is missing"));
        }
        let services = node.get("services").and_then(Value::as_object);
        for (name, service) in services.into_iter().flatten() {
            let timeout = service.get("timeout").and_then(Value::as_u64);
            if timeout.is_some_and(|seconds| seconds > 86_400) {
                blame(format!(
                    "`nodes[{number}].services.{name}.timeout` is more than a day (86400)"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_filled_in_with_values_of_their_types() {
        let values = json!({"cluster": {"name": "a \"b\"", "count": 3}});
        let check = |template: &str, expected: Value| {
            assert_eq!(render(template, &values), Ok(expected), "{template}");
        };
        check(
            r#"{"name": "{{.cluster.name}}"}"#,
            json!({"name": "a \"b\""}),
        );
        check(r#"{"count": "{{.cluster.count}}"}"#, json!({"count": 3}));
        check(r#"{"x": "{{.cluster.x.y}}"}"#, json!({"x": null}));
        assert!(
            render(r#"{"x": "{{.cluster"#, &values)
                .unwrap_err()
                .contains("render failed")
        );
        assert!(
            render(r#"{"x": "#, &values)
                .unwrap_err()
                .contains("decode failed")
        );
    }

    #[test]
    fn a_cluster_says_what_runs() {
        let check = |cluster: Value| {
            let mut details = Details::new();
            check_cluster(&cluster, &mut details);
            details
                .into_iter()
                .map(|(_, reason)| reason)
                .collect::<Vec<_>>()
                .join("; ")
        };
        let good = json!({"name": "", "description": "", "subnet": "", "nodes": [
            {"container": {"type": "docker", "image": "nginx"}, "count": 1}]});
        assert_eq!(check(good), "");
        assert_eq!(
            check(json!({"name": "", "description": "", "subnet": ""})),
            "`nodes` is missing"
        );
        let bad = json!({"name": "", "description": "", "subnet": "", "nodes": [
            {"container": {"type": "tin"}, "services": {"start": {"timeout": 99999}}}]});
        assert_eq!(check(bad).matches(';').count(), 3);
    }
}
