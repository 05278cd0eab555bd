//! The page's files as they lie in `static/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{bundle, shrink};

/// Names and gzipped contents, as the program has them.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("static")
}

/// The keys of a language's texts, in their order.
fn texts(language: &str) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(folder().join(format!("i18n/{name}.js"))).unwrap();
    let text = read(language) + &read(&format!("publishing-{language}"));
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

/// The scripts and stylesheets by name.
fn sources() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(folder()).unwrap();
                files.insert(name.to_str().unwrap().to_owned(), text);
            }
        }
    }
    files
}

/// Each file costs a browser some milliseconds, and each level of imports a way to the service and back.
#[test]
fn the_first_screen_is_one_module_and_one_stylesheet() {
    let (sources, entries) = (sources(), ["main.js", "i18n/en.js", "i18n/zh.js"]);
    let served = bundle::modules(&sources, &entries).unwrap();
    for entry in entries {
        assert!(!served[entry].contains("\nimport "), "{entry}");
    }
    for part in [
        "page-shell.js",
        "screens/installed.js",
        "components/app-icon.js",
    ] {
        assert!(
            served["main.js"].contains(&format!("{part:?}: $")),
            "{part}"
        );
    }
    let styles = bundle::styles(&sources).unwrap();
    assert_eq!(styles.into_keys().collect::<Vec<_>>(), ["style.css"]);
    let index = &sources["index.html"];
    for file in ["main.js", "style.css", "i18n/{{lang}}.js"] {
        assert!(
            index.contains(&format!("\"{{{{base}}}}/{file}\"")),
            "{file}"
        );
    }
}

/// Every screen in both languages, as it is sent.
#[test]
fn the_whole_page_is_small() {
    let packed: usize = FILES.iter().map(|(_, packed)| packed.len()).sum();
    assert!(packed < 150_000, "{packed} bytes, compressed");
    // A gzipped file ends with its size as it was.
    let plain: u32 = FILES
        .iter()
        .map(|(_, packed)| u32::from_le_bytes(*packed.last_chunk().unwrap()))
        .sum();
    assert!(plain < 350_000, "{plain} bytes, before they are compressed");
}

#[test]
fn the_first_screen_is_small() {
    let sources = sources();
    let served = bundle::modules(&sources, &["main.js", "i18n/en.js", "i18n/zh.js"]).unwrap();
    let script = |name: &str| shrink::script(&served[name]).unwrap().len();
    let style = shrink::style(&bundle::styles(&sources).unwrap()["style.css"]).len();
    let others = ["index.html", "icon.svg", "app.svg"];
    let bytes = script("main.js")
        + script("i18n/zh.js")
        + style
        + others
            .iter()
            .map(|name| sources[*name].len())
            .sum::<usize>();
    assert!(bytes < 150_000, "{bytes} bytes, before they are compressed");
}
