//! What holds for every demo app.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::demo;

fn apps() -> Vec<PathBuf> {
    let mut apps: Vec<PathBuf> = fs::read_dir(demo())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("install.json").exists())
        .collect();
    apps.sort();
    assert!(apps.len() >= 6, "{apps:?}");
    apps
}

#[test]
fn the_demo_apps_settings_pages_have_the_same_style_and_script() {
    let apps = apps();
    for file in ["static/settings.css", "static/settings.js"] {
        let first = fs::read_to_string(apps[0].join(file)).unwrap();
        for app in &apps {
            let own = fs::read_to_string(app.join(file)).unwrap();
            assert!(own == first, "{}/{file} differs", app.display());
        }
    }
}

#[test]
fn the_demo_apps_have_no_mistakes() {
    for app in apps() {
        // Their programs are fetched, so that `validate` may miss them here and nothing else.
        let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
            .args(["validate", "--json"])
            .arg(&app)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let value: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{output:?}"));
        let mistakes: Vec<String> = problems(&value)
            .into_iter()
            .filter(|problem| !problem.starts_with("the program "))
            .collect();
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", app.display());
    }
}

#[test]
fn fetch_says_what_it_knows_when_it_is_asked_for_something_else() {
    for arguments in [vec![], vec!["postgres"], vec!["redis", "a", "b"]] {
        let output = Command::new(demo().join("fetch"))
            .args(&arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains("mariadb|nginx|redis"), "{text}");
    }
}

/// Every `message` in the answer, wherever it stands.
fn problems(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Array(items) => items.iter().flat_map(problems).collect(),
        serde_json::Value::Object(fields) => fields
            .get("message")
            .and_then(|message| message.as_str())
            .map(str::to_owned)
            .into_iter()
            .chain(fields.values().flat_map(problems))
            .collect(),
        _ => Vec::new(),
    }
}
