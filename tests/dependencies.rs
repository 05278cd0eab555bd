//! Holds what we depend on: where it comes from, under which licence, and what we do not want.

use std::process::Command;

use serde_json::Value;

/// The licences that may go into a binary that is given away under ours.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
    "bzip2-1.0.6",
];

const BANNED: &[(&str, &str)] = &[
    ("async-std", "a second runtime beside tokio"),
    ("native-tls", "its behaviour differs from system to system"),
    ("serde_yaml", "it is deprecated"),
    ("serde_yml", "it is deprecated and unsound"),
];

/// The packages that are linked into the program, on Linux and on Windows.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args(["--filter-platform", "x86_64-pc-windows-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo metadata failed (it needs a network once): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether a licence expression (SPDX, and the older `MIT/Apache-2.0`) can be met by the allowed
/// ones.
fn is_allowed(expression: &str) -> bool {
    fn any(words: &mut std::iter::Peekable<std::slice::Iter<'_, String>>) -> bool {
        let mut met = all(words);
        while words.next_if(|word| *word == "OR").is_some() {
            met |= all(words);
        }
        met
    }
    fn all(words: &mut std::iter::Peekable<std::slice::Iter<'_, String>>) -> bool {
        let mut met = one(words);
        while words.next_if(|word| *word == "AND").is_some() {
            met &= one(words);
        }
        met
    }
    fn one(words: &mut std::iter::Peekable<std::slice::Iter<'_, String>>) -> bool {
        let Some(word) = words.next() else {
            return false;
        };
        if word == "(" {
            let met = any(words);
            return words.next().is_some_and(|word| word == ")") && met;
        }
        if words.next_if(|word| *word == "WITH").is_some() {
            let exception = words.next().map_or("", String::as_str);
            return ALLOWED.contains(&format!("{word} WITH {exception}").as_str());
        }
        ALLOWED.contains(&word.as_str())
    }
    let words: Vec<String> = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut words = words.iter().peekable();
    any(&mut words) && words.next().is_none()
}

#[test]
fn licence_expressions_are_read() {
    let check = |expression, allowed| assert_eq!(is_allowed(expression), allowed, "{expression}");
    check("MIT", true);
    check("GPL-3.0-only", false);
    check("MIT OR GPL-3.0-only", true);
    check("MIT/Apache-2.0", true);
    check("MIT AND GPL-3.0-only", false);
    check("(MIT OR GPL-3.0-only) AND Unicode-3.0", true);
    check(
        "GPL-3.0-only WITH LLVM-exception OR Apache-2.0 WITH LLVM-exception",
        true,
    );
    check("MIT MIT", false);
    check("", false);
}

#[test]
fn every_dependency_may_be_given_away_with_the_program() {
    let packages = packages();
    let wrong: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{}: {}", package["id"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "licences:\n{}", wrong.join("\n"));
}

#[test]
fn every_dependency_is_a_released_one_and_none_is_banned() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            wrong.push(format!("{name} is banned: {why}"));
        }
        let is_ours = name == env!("CARGO_PKG_NAME");
        let source = package["source"].as_str().unwrap_or_default();
        if !is_ours && !source.starts_with("registry+") {
            wrong.push(format!(
                "{name} does not come from the registry: `{source}`"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
