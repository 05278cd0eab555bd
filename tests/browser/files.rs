//! The page's files as they lie in `static/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("static")
}

/// The keys of a language's texts, in their order.
fn texts(language: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(format!("i18n/{language}.js"))).unwrap();
    text.lines()
        .filter_map(|line| {
            let (key, _) = line.strip_prefix("    \"")?.split_once("\": ")?;
            Some(key.to_owned())
        })
        .collect()
}

#[test]
fn both_languages_have_the_same_texts() {
    let english = texts("en");
    assert!(english.len() > 100);
    assert_eq!(english, texts("zh"));
    let once: BTreeSet<&String> = english.iter().collect();
    assert_eq!(once.len(), english.len(), "a text stands there twice");
}

/// What a module imports by its name, below `static/`; what it imports later is not among it.
fn imports(module: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(module)).unwrap();
    let base = Path::new(module).parent().unwrap();
    let mut found = Vec::new();
    // A list of names may go over several lines.
    for statement in text.split(";\n") {
        let statement = statement.trim_start();
        let statement = statement.rsplit("\n\n").next().unwrap().trim_start();
        if !statement.starts_with("import ") {
            continue;
        }
        let path = statement.rsplit('"').nth(1).unwrap();
        let mut whole = PathBuf::new();
        for part in base.join(path).components() {
            match part {
                std::path::Component::ParentDir => assert!(whole.pop()),
                std::path::Component::Normal(name) => whole.push(name),
                _ => {}
            }
        }
        found.push(whole.to_str().unwrap().to_owned());
    }
    found
}

/// The modules of the first screen, and those that they need.
fn first() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec!["main.js".to_owned()];
    while let Some(module) = next.pop() {
        if found.insert(module.clone()) {
            next.extend(imports(&module));
        }
    }
    found
}

/// Each level of imports that is not named there costs a way to the service and back.
#[test]
fn the_page_names_the_modules_of_its_first_screen() {
    let index = fs::read_to_string(folder().join("index.html")).unwrap();
    let named: BTreeSet<String> = index
        .lines()
        .filter(|line| line.contains("modulepreload") && !line.contains("i18n/"))
        .map(|line| {
            let (_, path) = line.split_once("{{base}}/").unwrap();
            path.split('"').next().unwrap().to_owned()
        })
        .collect();
    let mut needed = first();
    assert!(needed.remove("main.js"));
    assert!(needed.len() > 10);
    assert_eq!(named, needed);
    assert!(index.contains("{{base}}/i18n/{{lang}}.js"));
}

#[test]
fn the_first_screen_is_small() {
    let size = |file: &str| fs::metadata(folder().join(file)).unwrap().len();
    let others = [
        "index.html",
        "page.css",
        "i18n/zh.js",
        "icon.svg",
        "app.svg",
    ];
    let modules = first();
    let bytes: u64 = modules
        .iter()
        .map(String::as_str)
        .chain(others)
        .map(size)
        .sum();
    assert!(bytes < 200_000, "{bytes} bytes, before they are compressed");
}
