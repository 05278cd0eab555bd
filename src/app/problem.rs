//! A mistake in a manifest: what is wrong, where, and what to write instead.

use serde::Serialize;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The app cannot be used as it is.
    Error,
    /// It works, though probably not as meant.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the app's folder: `store.json`.
    pub file: String,
    /// Place in the file's structure: `commands.initData[1].binPath`; empty for the whole file.
    pub path: String,
    /// Byte range in the file's text, when known.
    #[serde(skip)]
    pub span: Option<std::ops::Range<usize>>,
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column in characters, from 1; 0 when unknown.
    pub column: usize,
    /// What is wrong: ``unknown command `exce` ``.
    pub message: String,
    /// Written under the marked place: ``not a built-in, nor a key of `commands` ``; may be empty.
    pub label: String,
    /// What to write instead: ``did you mean `exec`?``; may be empty.
    pub help: String,
}
