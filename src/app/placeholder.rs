//! `{word}` in manifests and templates.

use super::Config;

/// What the words mean for one app at one moment: the built-in words and the app's config, config
/// values already expanded. Frozen, so that one run sees one state.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    words: indexmap::IndexMap<String, String>,
}

/// The built-in words. They win over config keys of the same name.
#[derive(Clone, Debug)]
pub struct Builtins<'a> {
    /// The app's folder; `\` is turned to `/`.
    pub exe_path: &'a str,
    /// The app's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The home; `\` is turned to `/`.
    pub home: &'a str,
}

/// Why a text could not be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// Config values that contain each other.
    #[error("the config values {} contain each other without end; change one of them", path.join(" → "))]
    Cycle {
        /// The keys, the first one again at the end.
        path: Vec<String>,
    },
    /// A path with a word nobody knows.
    #[error("`{{{word}}}` in the path `{text}` is not known; there are {}", known.join(", "))]
    Unknown {
        /// The word.
        word: String,
        /// The whole text.
        text: String,
        /// Every word there is.
        known: Vec<String>,
    },
    /// A Handlebars template that does not render.
    #[error("the template `{name}` cannot be rendered: {reason}")]
    Template {
        /// The template's path.
        name: String,
        /// What Handlebars says, with line and column.
        reason: String,
    },
}

impl Scope {
    /// Expands the config's own values and adds the built-in words.
    ///
    /// # Errors
    /// [`PlaceholderError::Cycle`].
    pub fn new(builtins: &Builtins<'_>, config: &Config) -> Result<Self, PlaceholderError> {
        let _ = (builtins, config);
        todo!()
    }

    /// Expands a path: every word must be known.
    ///
    /// # Errors
    /// [`PlaceholderError::Unknown`].
    pub fn path(&self, text: &str) -> Result<String, PlaceholderError> {
        let _ = text;
        todo!()
    }

    /// Expands any other text; an unknown word stays and is added to `unknown` (once).
    pub fn text(&self, text: &str, unknown: &mut Vec<String>) -> String {
        let _ = (text, unknown, &self.words);
        todo!()
    }

    /// Renders a template: by Handlebars when `name` ends in `.hbs`, else like [`Scope::text`].
    ///
    /// # Errors
    /// [`PlaceholderError::Template`].
    pub fn template(
        &self,
        name: &str,
        text: &str,
        unknown: &mut Vec<String>,
    ) -> Result<String, PlaceholderError> {
        let _ = (name, text, unknown);
        todo!()
    }
}
