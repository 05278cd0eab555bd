//! Holds the house: who may import whom, and what no file may say.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules from the top down. One imports from its own layer and from those below.
const LAYERS: &[&[&str]] = &[
    &["cli", "api"],
    &["service", "job"],
    &["command", "release"],
    &["package", "repository", "catalog"],
    &["supervisor", "archive", "download"],
    &["database", "platform", "library"],
    &["app"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Every file below a folder, those of `target` and hidden folders excepted.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        let name = entry.file_name();
        if kind.is_file() {
            files.push(entry.path());
        } else if kind.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            files.extend(files_below(&entry.path()));
        }
    }
    files
}

/// The modules of this crate that a source text names: `crate::job::…`, also in a list:
/// `crate::{app::AppName, job}`.
fn imports(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|character| character.is_alphanumeric() || *character == '_')
            .collect()
    };
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            modules.push(word(rest));
            continue;
        };
        let mut depth = 1;
        let mut begins = true;
        for (at, character) in list.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                _ if begins && !character.is_whitespace() => {
                    modules.push(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    modules
}

#[test]
fn imports_are_found_one_by_one_and_in_lists() {
    let source = "use crate::job::Jobs;\n// crate::cli\nuse crate::{app::{App, AppName}, api};\nlet x = crate::library::OS;";
    assert_eq!(imports(source), ["job", "app", "api", "library"]);
}

#[test]
fn imports_point_downwards_only() {
    let src = root().join("src");
    let mut wrong = Vec::new();
    for file in files_below(&src) {
        let inside = file.strip_prefix(&src).unwrap();
        let first = inside.components().next().unwrap().as_os_str();
        let module = Path::new(first).file_stem().unwrap().to_str().unwrap();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(own) = layer(module) else {
            wrong.push(format!("`{module}` has no place in LAYERS: give it one"));
            continue;
        };
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            if layer(&import).is_some_and(|other| other < own) {
                wrong.push(format!(
                    "{}: `{module}` imports `{import}`, which lies above it",
                    inside.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What works on one machine alone, and hosts that a tool's own settings name better. In pieces, so
/// that this file does not hold them.
fn forbidden() -> Vec<String> {
    [
        ["/wo", "rk/"],
        ["/home/", "user"],
        ["index.crates", ".io"],
        ["static.crates", ".io"],
        ["registry.npmjs", ".org"],
        ["files.pythonhosted", ".org"],
        ["//pypi", ".org"],
        ["proxy.golang", ".org"],
        ["deb.debian", ".org"],
    ]
    .iter()
    .map(|pieces| pieces.concat())
    .collect()
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let places = [
        "src", "tests", "static", "demo", "bench", "benches", "docs", ".ci", ".config", ".github",
    ];
    let mut files: Vec<PathBuf> = places
        .iter()
        .flat_map(|place| files_below(&root().join(place)))
        .collect();
    let top = fs::read_dir(root()).unwrap().flatten();
    files.extend(top.map(|entry| entry.path()).filter(|path| path.is_file()));
    let forbidden = forbidden();
    let mut wrong = Vec::new();
    for file in files {
        // Written by cargo and by git; what is no text was not written here either.
        if file.ends_with("Cargo.lock") || file.ends_with(".git") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (line, words) in (1..).zip(text.lines()) {
            for word in &forbidden {
                if words.contains(word) {
                    wrong.push(format!("{}:{line}: `{word}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
