//! The text of a manifest as a tree of values with their places: JSON with comments and trailing
//! commas, and nothing else that other JSON readers would not take.

use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

/// Depth limit of nested lists and objects; the reader works by recursion.
const MAX_DEPTH: usize = 128;

/// A mistake of writing: its place, what it is, and what to write instead.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slip {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: &'static str,
}

impl Slip {
    pub(super) fn new(span: Range<usize>, message: String, help: &'static str) -> Self {
        Self {
            span,
            message,
            help,
        }
    }
}

/// A text in which the mistakes inside of strings are painted over, byte for byte, so that the rest
/// of it can be read and every place stays what it was.
pub(super) struct Source {
    /// Or the mistake that hides everything behind it.
    text: Result<String, Slip>,
    /// The mistakes that were painted over.
    pub(super) slips: Vec<Slip>,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let mut painter = Painter {
            text,
            painted: Vec::with_capacity(text.len()),
            slips: Vec::new(),
        };
        let text = painter.run().map(|()| {
            String::from_utf8(painter.painted).expect("whole characters are painted over")
        });
        Self {
            text,
            slips: painter.slips,
        }
    }

    /// The root value; `None` for a file without one.
    pub(super) fn parse(&self) -> Result<Option<Value<'_>>, Slip> {
        let text = self.text.as_ref().map_err(Slip::clone)?;
        let options = ParseOptions {
            allow_comments: true,
            allow_loose_object_property_names: false,
            allow_trailing_commas: true,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        parse_to_ast(text, &CollectOptions::default(), &options)
            .map(|result| result.value)
            .map_err(|error| slip(text, &error))
    }
}

/// What the parser found, in our words.
fn slip(text: &str, error: &ParseError) -> Slip {
    use ParseErrorKind as Kind;
    let range = error.range();
    let (message, help) = match error.kind() {
        Kind::ExpectedComma => ("a comma is missing here", "write `,` between two values"),
        Kind::ExpectedColonAfterObjectKey => (
            "a colon is missing behind this key",
            "write `\"key\": value`",
        ),
        Kind::ExpectedObjectValue => ("the value is missing behind the colon", ""),
        Kind::ExpectedStringObjectProperty | Kind::UnexpectedTokenInObject => (
            "a key in double quotes is expected here",
            "write `\"key\": value`",
        ),
        Kind::SingleQuotedStringsNotAllowed => {
            ("text stands in double quotes", "write `\"` instead of `'`")
        }
        Kind::HexadecimalNumbersNotAllowed
        | Kind::UnaryPlusNumbersNotAllowed
        | Kind::BareDecimalPointNumbersNotAllowed
        | Kind::NonFiniteNumbersNotAllowed
        | Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral => (
            "this is not a number as JSON writes it",
            "write it like `12`, `0.5` or `-3`",
        ),
        Kind::UnexpectedWord | Kind::UnexpectedToken => {
            ("this is not a value", "text stands in double quotes")
        }
        Kind::UnexpectedComma => ("there is no value before this comma", "remove the comma"),
        Kind::UnexpectedColon => ("this colon has no key", ""),
        Kind::UnexpectedCloseBrace => (
            "this `}` is not expected here",
            "a value or `]` is missing before it",
        ),
        Kind::UnexpectedCloseBracket => (
            "this `]` is not expected here",
            "a value or `}` is missing before it",
        ),
        Kind::UnterminatedArray => (
            "this `[` is never closed",
            "write `]` behind the last value",
        ),
        Kind::UnterminatedObject => (
            "this `{` is never closed",
            "write `}` behind the last value",
        ),
        Kind::UnterminatedCommentBlock => ("this comment never ends", "write `*/` at its end"),
        Kind::MultipleRootJsonValues => (
            "the file goes on behind its end",
            "remove what follows the last `}`",
        ),
        // The painter has met the first already, and the others are allowed or cannot be.
        Kind::String(_)
        | Kind::CommentsNotAllowed
        | Kind::TrailingCommasNotAllowed
        | Kind::NestingDepthExceeded => ("this cannot be read", ""),
    };
    Slip {
        span: first_line(text, range.start..range.end),
        message: message.to_owned(),
        help,
    }
}

/// The part of a place that lies on its first line.
fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let shown = text.get(span.clone()).unwrap_or_default();
    let length = shown.find(['\r', '\n']).unwrap_or(shown.len());
    span.start..span.start + length
}

struct Painter<'a> {
    text: &'a str,
    painted: Vec<u8>,
    slips: Vec<Slip>,
}

impl Painter<'_> {
    fn run(&mut self) -> Result<(), Slip> {
        let text = self.text;
        let mut depth = 0_usize;
        let mut rest = text;
        if let Some(after) = rest.strip_prefix('\u{feff}') {
            self.painted.extend(b"   ");
            rest = after;
        }
        while let Some(c) = rest.chars().next() {
            let at = text.len() - rest.len();
            let length = if c == '"' {
                self.string(at)?
            } else if rest.starts_with("//") {
                self.copy(rest, rest.find(['\n', '\r']).unwrap_or(rest.len()))
            } else if rest.starts_with("/*") {
                let end = rest.get(2..).and_then(|body| body.find("*/"));
                self.copy(rest, end.map_or(rest.len(), |end| end + 4))
            } else {
                match c {
                    '{' | '[' if depth == MAX_DEPTH => {
                        let message = format!("the file is nested deeper than {MAX_DEPTH} levels");
                        return Err(Slip::new(at..at + 1, message, ""));
                    }
                    '{' | '[' => depth += 1,
                    '}' | ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                self.copy(rest, c.len_utf8())
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn copy(&mut self, rest: &str, length: usize) -> usize {
        let copied = rest.get(..length).unwrap_or(rest);
        self.painted.extend(copied.as_bytes());
        copied.len()
    }

    /// Paints over a text in quotes that begins at `start`; answers its length.
    fn string(&mut self, start: usize) -> Result<usize, Slip> {
        let text = self.text;
        let mut at = start + 1;
        self.painted.push(b'"');
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            at += match c {
                '"' => {
                    self.painted.push(b'"');
                    return Ok(at + 1 - start);
                }
                '\\' => self.escape(at),
                // Most likely the closing quote is missing. Everything after it would be read
                // inside out, so nothing more is.
                '\n' | '\r' => break,
                c if c < ' ' && c != '\t' => {
                    let message = "there is a control character in this text".to_owned();
                    self.slip(at..at + 1, message, "remove it");
                    self.painted.push(b' ');
                    1
                }
                c => self.copy(text.get(at..).unwrap_or_default(), c.len_utf8()),
            };
        }
        let message = "this text never ends".to_owned();
        let help = "write `\"` at its end; a line break inside a text is written `\\n`";
        Err(Slip::new(start..at, message, help))
    }

    /// Copies an escape sequence, or paints over one that means nothing. Answers its length.
    fn escape(&mut self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let length = match rest.as_bytes().get(1) {
            Some(b'"' | b'\\' | b'/' | b'n' | b'r' | b't') => 2,
            Some(b'b' | b'f') => {
                let shown = rest.get(..2).unwrap_or_default();
                self.slip(
                    at..at + 2,
                    format!("`{shown}` is a control character, which no manifest needs"),
                    "write `\\\\` or `/` for a backslash in a path",
                );
                self.painted.extend(b"/ ");
                return 2;
            }
            Some(b'u') => match unicode_escape(rest) {
                Some((length, '\0')) => {
                    self.slip(
                        at..at + length,
                        "there is a NUL character in this text".to_owned(),
                        "remove it",
                    );
                    self.painted.extend(b"/u0000");
                    return length;
                }
                Some((length, _)) => length,
                None => 0,
            },
            _ => 0,
        };
        if length > 0 {
            return self.copy(rest, length);
        }
        let shown: String = rest.chars().take(2).filter(|c| !c.is_control()).collect();
        let shown_bytes = shown.len();
        self.slip(
            at..at + shown_bytes.max(1),
            format!("`{shown}` is not an escape sequence"),
            "write `\\\\` or `/` for a backslash",
        );
        self.painted.push(b'/');
        1
    }

    fn slip(&mut self, span: Range<usize>, message: String, help: &'static str) {
        self.slips.push(Slip::new(span, message, help));
    }
}

/// Length and character of a `\u…` at the start of a text; both halves of a pair are one.
fn unicode_escape(text: &str) -> Option<(usize, char)> {
    let half = |from: usize| {
        let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let first = half(0)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((6, c));
    }
    let pair = [first, half(6)?];
    let c = char::decode_utf16(pair).next()?.ok()?;
    Some((12, c))
}

/// The text of a key.
pub(super) fn key_of<'a>(property: &'a ObjectProp<'_>) -> &'a str {
    property.name.as_str()
}

/// The place of a key, in quotes.
pub(super) fn key_span(property: &ObjectProp<'_>) -> Range<usize> {
    let range = property.name.range();
    range.start..range.end
}

/// The place of a value; of one that goes over several lines, its first line.
pub(super) fn value_span(text: &str, value: &Value<'_>) -> Range<usize> {
    let range = value.range();
    first_line(text, range.start..range.end)
}

/// The place in a text of what a path names, e.g. `commands.initData[1].binPath`. Of a path whose
/// end is not there, what is nearest to it: the `name` of the step, the key of the section.
pub(super) fn find(text: &str, root: &Value<'_>, path: &str) -> Option<Range<usize>> {
    let mut value = root;
    let mut rest = path;
    let mut nearest = None;
    while !rest.is_empty() {
        let Some((next, key, behind)) = step_into(value, rest) else {
            return match value {
                Value::Object(object) if nearest.is_some() => name_of(object)
                    .map(|name| value_span(text, name))
                    .or(nearest),
                _ => nearest,
            };
        };
        nearest = Some(key.unwrap_or_else(|| value_span(text, next)));
        value = next;
        rest = behind;
    }
    match value {
        // A list or an object is known by its key; marking all of it would hide the place.
        Value::Object(object) => name_of(object)
            .map(|name| value_span(text, name))
            .or(nearest),
        Value::Array(_) => nearest,
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => (!path.is_empty()).then(|| value_span(text, value)),
    }
}

fn name_of<'a, 't>(object: &'a Object<'t>) -> Option<&'a Value<'t>> {
    object
        .properties
        .iter()
        .rev()
        .find(|property| key_of(property).eq_ignore_ascii_case("name"))
        .map(|property| &property.value)
}

/// One step of a path: the value, the place of its key, and the rest of the path.
type Found<'a, 't, 'p> = (&'a Value<'t>, Option<Range<usize>>, &'p str);

fn step_into<'a, 't, 'p>(value: &'a Value<'t>, path: &'p str) -> Option<Found<'a, 't, 'p>> {
    match value {
        Value::Array(array) => {
            let (index, behind) = path.strip_prefix('[')?.split_once(']')?;
            let element = array.elements.get(index.parse::<usize>().ok()?)?;
            Some((element, None, behind))
        }
        Value::Object(object) => {
            let path = path.strip_prefix('.').unwrap_or(path);
            // A key may hold dots itself, so the longest one that fits is meant; of equal ones the
            // last, which is the one that counts.
            object
                .properties
                .iter()
                .filter_map(|property| {
                    let key = key_of(property);
                    let (start, behind) = path.split_at_checked(key.len())?;
                    let ends = behind.is_empty() || behind.starts_with(['.', '[']);
                    (ends && start.eq_ignore_ascii_case(key)).then_some((property, behind))
                })
                .max_by_key(|(property, _)| {
                    let key = key_of(property);
                    (key.len(), path.starts_with(key))
                })
                .map(|(property, behind)| (&property.value, Some(key_span(property)), behind))
        }
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => None,
    }
}
