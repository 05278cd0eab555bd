//! A package server as a catalog: what it lists for this computer, in the form of our lists.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::MAX_PROBLEMS;
use crate::app::AppName;
use crate::app::parse::CATEGORIES;

/// The project of those who named none.
pub(super) const DEFAULT_PROJECT: &str = "PROJECT";

/// The list that its packages are kept in, beside those of [`CATEGORIES`].
pub(super) const LIST: &str = "packages";

/// The category of what is in none of ours.
const OTHERS: &str = "others";

/// The language that is shown, if there is a text in it.
const LANGUAGE: &str = "en";

/// This computer, as package servers call it.
const ARCHITECTURE: &str = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    "linux_x86_64"
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    "linux_arm_64"
} else if cfg!(all(target_os = "windows", target_arch = "x86_64")) {
    "windows_x86_64"
} else if cfg!(all(target_os = "windows", target_arch = "aarch64")) {
    "windows_arm_64"
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    "macos_arm_64"
} else if cfg!(all(target_os = "macos", target_arch = "x86_64")) {
    "macos_x86_64"
} else {
    "all"
};

/// Where it says whether it is one, and of this project.
pub(super) fn hello(base: &Url, project: Option<&str>) -> Option<Url> {
    let mut url = base.join("hello").ok()?;
    let project = encoded(project.unwrap_or(DEFAULT_PROJECT));
    url.set_query(Some(&format!("project-id={project}")));
    Some(url)
}

/// Where it lists what fits this computer.
pub(super) fn list(base: &Url) -> Option<Url> {
    let mut url = base.join("package/list").ok()?;
    url.set_query(Some(&format!("architecture={ARCHITECTURE}")));
    Some(url)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What a server says to our greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// It is a package server of our project.
    Ours,
    /// It is one of another project.
    OtherProject,
    /// It is none.
    Stranger,
}

/// Reads the answer.
pub(super) fn greeting(bytes: &[u8]) -> Greeting {
    let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match answer.get("status").and_then(Value::as_str) {
        Some("ok") => Greeting::Ours,
        Some("incompatible-project-id") => Greeting::OtherProject,
        Some(_) | None => Greeting::Stranger,
    }
}

/// An entry of `package/list`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Package {
    id: String,
    version: String,
    names: BTreeMap<String, String>,
    descriptions: BTreeMap<String, String>,
    categories: Vec<String>,
    icon_url: String,
}

/// Turns its list into one of ours; beside it sentences about what is left out.
///
/// # Errors
/// A sentence, when it is no list of packages.
pub(super) fn convert(bytes: &[u8], base: &Url) -> Result<(Vec<u8>, Vec<String>), String> {
    let packages: Vec<Package> =
        serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    let mut problems = Vec::new();
    let mut entries: Vec<Value> = Vec::new();
    for package in &packages {
        match AppName::parse(&package.id) {
            Ok(_) => entries.push(package.entry(base)),
            // Their ids may be what our names may not.
            Err(error) if problems.len() < MAX_PROBLEMS => {
                problems.push(format!("a package is left out: {error}"));
            }
            Err(_) => {}
        }
    }
    let list = serde_json::to_vec(&entries).map_err(|error| error.to_string())?;
    Ok((list, problems))
}

impl Package {
    fn entry(&self, base: &Url) -> Value {
        let whole = |relative: &str| {
            let url = base.join(relative).ok();
            url.map(String::from).unwrap_or_default()
        };
        let id = encoded(&self.id);
        let download = format!("package/download?id={id}&architecture={ARCHITECTURE}");
        let text = |texts: &BTreeMap<String, String>| {
            let text = texts.get(LANGUAGE).or_else(|| texts.values().next());
            text.cloned().unwrap_or_default()
        };
        let (name, description) = (text(&self.names), text(&self.descriptions));
        let desc = match (name.as_str(), description.as_str()) {
            (_, "") => name,
            ("", _) => description,
            (name, description) => format!("{name}: {description}"),
        };
        let ours = |category: &&String| CATEGORIES.contains(&category.to_lowercase().as_str());
        let category = self.categories.iter().find(ours);
        json!({
            "name": self.id,
            "version": self.version,
            "desc": desc,
            "icon": if self.icon_url.is_empty() { String::new() } else { whole(&self.icon_url) },
            "url": whole(&download),
            "category": category.map_or_else(|| OTHERS.to_owned(), |it| it.to_lowercase()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_becomes_an_app_of_a_list() {
        let base = Url::parse("http://localhost:8020/").unwrap();
        let list = r#"[{"architecture":"","categories":["Nice","Games"],
            "descriptions":{"de":"Ein Spiel","en":"A game"},
            "iconUrl":"package/icon?id=org.example.a_b&architecture=all",
            "id":"org.example.a_b","names":{"en":"Game"},"version":"1.10"},
            {"id":"org.example.a+b"}]"#;
        let (entries, problems) = convert(list.as_bytes(), &base).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let entries: Value = serde_json::from_slice(&entries).unwrap();
        let entry = &entries[0];
        assert_eq!(entry["name"], "org.example.a_b");
        assert_eq!(entry["version"], "1.10");
        assert_eq!(entry["desc"], "Game: A game");
        assert_eq!(entry["category"], "games");
        let icon = "http://localhost:8020/package/icon?id=org.example.a_b&architecture=all";
        assert_eq!(entry["icon"], icon);
        let url = entry["url"].as_str().unwrap();
        let begin = "http://localhost:8020/package/download?id=org%2Eexample%2Ea%5Fb&";
        assert!(url.starts_with(begin), "{url}");
        assert!(convert(b"{}", &base).is_err());
    }

    #[test]
    fn a_stranger_is_no_package_server() {
        assert_eq!(greeting(br#"{"status":"ok"}"#), Greeting::Ours);
        let other = br#"{"status":"incompatible-project-id"}"#;
        assert_eq!(greeting(other), Greeting::OtherProject);
        assert_eq!(greeting(b"<html>hello</html>"), Greeting::Stranger);
    }
}
