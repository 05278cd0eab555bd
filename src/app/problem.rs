//! A mistake in a manifest: what is wrong, where, and what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::source::{self, Source};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

impl Problem {
    /// A mistake that must be mended before the app can be used.
    pub fn error(file: &str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            path: path.into(),
            span: None,
            line: 0,
            column: 0,
            message: message.into(),
            label: String::new(),
            help: String::new(),
        }
    }

    /// Something that is probably not meant.
    pub fn warning(file: &str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(file, path, message)
        }
    }

    /// With what is written under the place.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// With its place in the text.
    #[must_use]
    pub fn with_span(mut self, span: std::ops::Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// One sentence: ``store.json:6:16: unknown command `exce`; did you mean `exec`?``.
    pub fn sentence(&self) -> String {
        let mut sentence = self.file.clone();
        if self.line > 0 {
            sentence = format!("{sentence}:{}:{}", self.line, self.column);
        }
        sentence = format!("{sentence}: {}", self.message);
        if !self.help.is_empty() {
            sentence = format!("{sentence}; {}", self.help);
        }
        sentence
    }
}

/// Gives the problems of one file their places, line and column, from the file's text.
pub fn locate<'a>(problems: impl IntoIterator<Item = &'a mut Problem>, text: &str) {
    let source = Source::new(text);
    let root = source.parse().ok().flatten();
    for problem in problems {
        if problem.span.is_none() {
            problem.span = root
                .as_ref()
                .and_then(|root| source::find(text, root, &problem.path));
        }
        if let Some(span) = &problem.span {
            (problem.line, problem.column) = line_and_column(text, span.start);
        }
    }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let text = text.strip_prefix('\u{feff}').map_or((text, at), |rest| {
        (rest, at.saturating_sub('\u{feff}'.len_utf8()))
    });
    let (text, at) = text;
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

/// Draws problems under their sources, one below the other. `text_of` answers the text of a file;
/// `folder`, unless empty, is written before the files' names.
pub fn draw(
    problems: &[Problem],
    folder: &str,
    text_of: &dyn Fn(&str) -> Option<String>,
) -> String {
    let renderer = Renderer::plain();
    let mut drawn = String::new();
    for problem in problems {
        let path = if folder.is_empty() {
            problem.file.clone()
        } else {
            format!("{folder}/{}", problem.file)
        };
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let group = Group::with_title(level.primary_title(printable(&problem.message)));
        let place = problem.span.clone().zip(text_of(&problem.file));
        let group = match place {
            Some((span, text)) => {
                let mut annotation = AnnotationKind::Primary.span(span);
                if !problem.label.is_empty() {
                    annotation = annotation.label(printable(&problem.label));
                }
                group.element(Snippet::source(text).path(path).annotation(annotation))
            }
            None => group.element(Origin::path(path)),
        };
        drawn.push_str(&renderer.render(&[group]));
        drawn.push('\n');
        if !problem.help.is_empty() {
            drawn.push_str("help: ");
            drawn.push_str(&printable(&problem.help));
            drawn.push('\n');
        }
        drawn.push('\n');
    }
    drawn
}

/// A text that cannot play with the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
