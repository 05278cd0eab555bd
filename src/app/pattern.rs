//! `pattern` of JSON Schema: a regular expression in the words of JavaScript, tried without going back,
//! so that no pattern and no value takes long.

use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// Bytes that a pattern may take when it is compiled.
const MAX_COMPILED: usize = 1 << 20;

/// What a text must match somewhere in it; `^` and `$` hold it to the whole.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence that says what cannot be understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(&translated(text))
            .size_limit(MAX_COMPILED)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // Its last line says what; those before draw what was translated.
                error => {
                    let told = error.to_string();
                    let last = told.lines().last().unwrap_or_default();
                    last.trim_start_matches("error: ").to_owned()
                }
            })?;
        let text = text.to_owned();
        Ok(Self { text, regex })
    }

    /// As its author wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text has it.
    pub fn fits(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// JavaScript's classes are of ASCII alone, and in brackets it has no set operations.
fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut in_class = false;
    while let Some(next) = chars.next() {
        match next {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('b') if in_class => out.push_str("\\x08"),
                Some('b') => out.push_str("(?-u:\\b)"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' | '&' | '~' if in_class => out.extend(['\\', next]),
            _ => {
                in_class = next == '[' || in_class && next != ']';
                out.push(next);
            }
        }
    }
    out
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, fits: bool) {
        let pattern = Pattern::parse(pattern).unwrap();
        assert_eq!(pattern.fits(text), fits, "{} {text}", pattern.as_str());
    }

    #[test]
    fn a_pattern_may_match_anywhere_unless_it_is_held() {
        check("b", "abc", true);
        check("^b", "abc", false);
        check("^[a-z0-9_-]+$", "my-db_1", true);
        check("^[a-z0-9_-]+$", "my db", false);
        check("^[a-z]+$", "abc\n", false);
        check("", "anything", true);
    }

    #[test]
    fn it_means_what_it_means_in_javascript() {
        check("^\\d+$", "123", true);
        check("^\\d+$", "１２３", false);
        check("^[\\w.]+$", "a.b_1", true);
        check("^\\w+$", "数据", false);
        check("^[\\u4e00-\\u9fa5]+$", "数据", true);
        check("^[[&~]+$", "[&~[", true);
        check("^[a&&b]$", "b", true);
        check("^a\\/b\\-c$", "a/b-c", true);
        check("\\bport\\b", "the port is", true);
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        for (pattern, told) in [
            ("(a", "unclosed group"),
            ("^(?=.*[0-9]).+$", "look-around"),
            ("(a)\\1", "backreferences"),
            ("(a{1000}){1000}", "too large"),
        ] {
            let refusal = Pattern::parse(pattern).unwrap_err();
            assert!(refusal.contains(told), "{pattern}: {refusal}");
        }
    }
}
