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

/// The texts in quotes of a source file of the program, their parts in braces as `{}`.
fn quoted(source: &str, found: &mut BTreeSet<String>) {
    let mut rest = source;
    while let Some((_, after)) = rest.split_once('"') {
        let mut text = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next() {
                None => return,
                Some((at, '"')) => break at,
                Some((_, '\\')) => match chars.next() {
                    Some((_, 'n')) => text.push_str("\\n"),
                    // A line that goes on.
                    Some((at, '\n')) => {
                        let blank = after[at..].len() - after[at..].trim_start().len();
                        while chars.clone().next().is_some_and(|(it, _)| it < at + blank) {
                            chars.next();
                        }
                    }
                    Some((_, other)) => text.push(other),
                    None => return,
                },
                Some((_, other)) => text.push(other),
            }
        };
        found.insert(without_names(&text));
        rest = &after[end + 1..];
    }
}

fn without_names(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        plain.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// A sentence that was changed in the program and not here would be shown in English again.
#[test]
fn what_is_translated_is_what_the_service_says() {
    let mut said = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut steps = BTreeSet::new();
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            quoted(&text, &mut said);
            // The titles of steps that are fixed.
            for rest in text.split(".step(\"").skip(1) {
                steps.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
    let phrases = fs::read_to_string(folder().join("i18n/service-zh.js")).unwrap();
    let phrases: Vec<&str> = phrases
        .lines()
        .filter_map(|line| line.strip_prefix("    \"")?.split_once("\":"))
        .map(|(english, _)| english)
        .collect();
    assert!(phrases.len() > 100 && steps.len() > 5);
    for phrase in &phrases {
        assert!(
            said.contains(&without_names(phrase)),
            "nobody says {phrase}"
        );
    }
    for step in steps {
        assert!(phrases.contains(&&*step), "no Chinese for the step {step}");
    }
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
