//! Reads both manifests as people write them: comments, trailing commas, a BOM, keys in any case,
//! strings for numbers. Every mistake is found in one pass.

mod config_schema;
mod install_info;
mod reader;
mod store_info;

use jsonc_parser::ast::{Object, Value as Node};

use self::install_info::install_info;
use self::reader::{Reader, kind};
use self::store_info::store_info;
use super::problem::{self, Problem};
use super::source::{self, Slip, Source};
use super::{InstallInfo, StoreInfo};

/// The categories of the desktop.
pub const CATEGORIES: [&str; 10] = [
    "hots",
    "work",
    "development",
    "games",
    "education",
    "news",
    "shopping",
    "social",
    "utilities",
    "others",
];

/// The file of an [`InstallInfo`].
pub const INSTALL_FILE: &str = "install.json";

/// The file of a [`StoreInfo`].
pub const STORE_FILE: &str = "store.json";

/// Label of a mistake that hides everything behind it.
const UNREAD: &str = "nothing behind this was read";

/// Whether a file could be read to its end, whatever mistakes are in it. If not, what its record
/// lacks tells nothing.
pub fn was_read(file: &str, problems: &[Problem]) -> bool {
    !problems
        .iter()
        .any(|problem| problem.file == file && problem.label == UNREAD)
}

/// Reads an `install.json`. The record holds what could be understood; with an error among the
/// problems it must not be used.
pub fn install(text: &str) -> (InstallInfo, Vec<Problem>) {
    read(INSTALL_FILE, text, install_info)
}

/// Reads a `store.json`, likewise.
pub fn store(text: &str) -> (StoreInfo, Vec<Problem>) {
    read(STORE_FILE, text, store_info)
}

/// One app of a list, with what is wrong with it.
pub type Listed = (InstallInfo, Vec<Problem>);

/// Reads a list of install infos, as catalogs are: a bare list, or an object that has it in `data`.
/// Each entry is read for itself; one with an error among its problems must not be used.
///
/// # Errors
/// Why the text is no list at all.
pub fn list(text: &str, max_entries: usize) -> Result<Vec<Listed>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let source = Source::new(text);
    let root = source.parse().map_err(|slip| {
        let line = text.get(..slip.span.start).unwrap_or(text).split('\n');
        format!("{} (line {})", slip.message, line.count())
    })?;
    let array = match &root {
        Some(Node::Array(array)) => Some(array),
        Some(Node::Object(object)) => {
            let data = object
                .properties
                .iter()
                .find(|property| source::key_of(property).eq_ignore_ascii_case("data"));
            match data.map(|data| &data.value) {
                Some(Node::Array(array)) => Some(array),
                // An envelope without anything in it.
                Some(Node::NullKeyword(_)) => return Ok(Vec::new()),
                Some(_) | None => None,
            }
        }
        Some(_) | None => None,
    };
    let array = array.ok_or("it is neither a list of apps nor an object with one in `data`")?;
    let entry = |node: &Node<'_>| {
        let mut reader = Reader {
            file: INSTALL_FILE,
            text,
            problems: Vec::new(),
        };
        let info = if let Node::Object(object) = node {
            install_info(&mut reader, object)
        } else {
            let message = format!("an app must be an object, not {}", kind(node));
            reader.error(String::new(), node, message, "write `{ … }`");
            InstallInfo::default()
        };
        (info, reader.problems)
    };
    Ok(array.elements.iter().take(max_entries).map(entry).collect())
}

fn read<T: Default>(
    file: &'static str,
    text: &str,
    record: impl FnOnce(&mut Reader<'_>, &Object<'_>) -> T,
) -> (T, Vec<Problem>) {
    let mut reader = Reader {
        file,
        text,
        problems: Vec::new(),
    };
    let source = Source::new(text);
    for slip in &source.slips {
        reader.slip(slip, "");
    }
    let record = match source.parse() {
        Ok(Some(Node::Object(root))) => record(&mut reader, &root),
        Ok(Some(root)) => {
            let message = format!("{file} must be an object, not {}", kind(&root));
            reader.slip(
                &Slip::new(source::value_span(text, &root), message, "write `{ … }`"),
                UNREAD,
            );
            T::default()
        }
        Ok(None) => {
            let message = format!("{file} is empty");
            let problem = Problem::error(file, "", message).with_help("write `{ … }`");
            reader.push(problem.with_label(UNREAD));
            T::default()
        }
        Err(slip) => {
            reader.slip(&slip, UNREAD);
            T::default()
        }
    };
    problem::locate(&mut reader.problems, text);
    reader
        .problems
        .sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
    (record, reader.problems)
}

#[cfg(test)]
mod tests;
