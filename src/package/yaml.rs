//! YAML as Qt's application manager reads and writes it: libyaml's syntax, the types of YAML 1.1.
//!
//! A parser that answers typed values would not do: `version: 1.10` is the text `1.10` where a text is
//! wanted, and what is in a package's `extraSigned` enters its digest by its type. So [`read`] keeps
//! the text of each scalar with the one thing that decides its type, whether it stood in quotes.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A text may have this many bytes. Real ones have a few thousand.
pub const MAX_BYTES: usize = 4 << 20;

/// Lists and maps within each other.
const MAX_DEPTH: usize = 64;

/// Documents in one text.
const MAX_DOCUMENTS: usize = 1000;

/// Longer keys need a mark before them (YAML 1.1, 7.4.2: 1024 characters, their escapes included).
const MAX_SHORT_KEY_BYTES: usize = 128;

/// A node with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Line, from 1.
    pub line: usize,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text.
    Scalar {
        /// As it was written, without its quotes.
        text: String,
        /// Whether it stands there without quotes, so that it can be a number, a boolean or null.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map: keys and values in the order in which they were written. No key is there twice.
    Map(Vec<(Node, Node)>),
}

/// What a node means by the rules of YAML 1.1.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `~`, `null`, nothing.
    Null,
    /// `true`, `yes`, `on` and the like.
    Bool(bool),
    /// A number that fits 64 bits with a sign.
    Int(i64),
    /// A number that only fits 64 bits without one.
    Unsigned(u64),
    /// A number with a dot.
    Double(f64),
    /// Anything else.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
}

/// Why a text is not YAML, or not the YAML that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct YamlError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Node {
    /// The text of a scalar as it was written (`1.10` stays so, `~` too); none for lists and maps.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Keys and values of a map; none for anything else.
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar { .. } | Content::List(_) => None,
        }
    }

    /// Whether nothing was written here, or a null.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if typed(text) == Value::Null)
    }

    /// What it means.
    ///
    /// # Errors
    /// A map with a key that is no text (`1: x`, `no: x`).
    pub fn value(&self) -> Result<Value, YamlError> {
        Ok(match &self.content {
            Content::Scalar { text, plain: true } => typed(text),
            Content::Scalar { text, plain: false } => Value::Text(text.clone()),
            Content::List(nodes) => {
                Value::List(nodes.iter().map(Self::value).collect::<Result<_, _>>()?)
            }
            Content::Map(entries) => {
                let mut map = BTreeMap::new();
                for (key, value) in entries {
                    let Value::Text(name) = key.value()? else {
                        return Err(key.error("a key is not a text; put it in quotes"));
                    };
                    map.insert(name, value.value()?);
                }
                Value::Map(map)
            }
        })
    }

    /// An error that stands where this node does.
    pub fn error(&self, reason: impl Into<String>) -> YamlError {
        YamlError {
            line: self.line,
            reason: reason.into(),
        }
    }
}

/// Reads all documents of a text. Depth, size and number are limited, so that no text takes more time
/// or memory than its length deserves.
///
/// As libyaml does, and unlike YAML 1.2, it takes a `%YAML` line for the end of the document before: the
/// footers of a package are put one behind another.
///
/// # Errors
/// The first mistake, with its line. Aliases are one.
pub fn read(text: &[u8]) -> Result<Vec<Node>, YamlError> {
    let at = |line, reason: &str| YamlError {
        line,
        reason: reason.to_owned(),
    };
    if text.len() > MAX_BYTES {
        return Err(at(
            1,
            &format!("the text has {} bytes, {MAX_BYTES} are allowed", text.len()),
        ));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let before = text.get(..error.valid_up_to()).unwrap_or_default();
        at(line_of(before), "the text is not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    for (first_line, part) in parts(text) {
        let mut reader = Reader {
            parser: Parser::new_from_str(part),
            lines_before: first_line,
        };
        reader.documents(&mut documents)?;
    }
    Ok(documents)
}

fn line_of(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

/// Cuts a text before each directive that follows content; with the lines before each part.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut begin_line) = (0, 0);
    let mut has_content = false;
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("%YAML") || line.starts_with("%TAG") {
            if has_content {
                parts.push((begin_line, text.get(begin..at).unwrap_or_default()));
                (begin, begin_line) = (at, number);
                has_content = false;
            }
        } else {
            let line = line.trim();
            has_content |= !line.is_empty() && !line.starts_with('#');
        }
        at += line.len();
    }
    parts.push((begin_line, text.get(begin..).unwrap_or_default()));
    parts
}

/// Makes nodes of the events of one part.
struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    lines_before: usize,
}

/// A list or map whose end was not read yet.
enum Open {
    List(Vec<Node>),
    Map {
        entries: Vec<(Node, Node)>,
        /// A key whose value is still to come.
        key: Option<Node>,
        names: HashSet<String>,
    },
}

impl<'a> Reader<'a> {
    /// The next event and its line; none at the end.
    fn next(&mut self) -> Result<Option<(Event<'a>, usize)>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let line = self.lines_before + span.start.line();
                Ok(Some((event, line)))
            }
            Some(Err(error)) => Err(YamlError {
                line: self.lines_before + error.marker().line(),
                reason: error.info().to_owned(),
            }),
        }
    }

    fn documents(&mut self, documents: &mut Vec<Node>) -> Result<(), YamlError> {
        let mut open: Vec<(usize, Open)> = Vec::new();
        let mut root = None;
        while let Some((event, line)) = self.next()? {
            let error = |reason: &str| YamlError {
                line,
                reason: reason.to_owned(),
            };
            let done = match event {
                Event::Nothing | Event::StreamStart => None,
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => {
                    if documents.len() >= MAX_DOCUMENTS {
                        return Err(error("there are too many documents"));
                    }
                    root = None;
                    None
                }
                Event::DocumentEnd => {
                    documents.extend(root.take());
                    None
                }
                Event::Alias(_) => {
                    return Err(error(
                        "an alias is not allowed; write the value out once more",
                    ));
                }
                Event::Scalar(text, style, _, tag) => {
                    let is_text =
                        tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                    Some(Node {
                        line,
                        content: Content::Scalar {
                            text: text.into_owned(),
                            plain: style == ScalarStyle::Plain && !is_text,
                        },
                    })
                }
                Event::SequenceStart(..) => {
                    open.push((line, Open::List(Vec::new())));
                    None
                }
                Event::MappingStart(..) => {
                    let map = Open::Map {
                        entries: Vec::new(),
                        key: None,
                        names: HashSet::new(),
                    };
                    open.push((line, map));
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => open.pop().map(|(line, ended)| Node {
                    line,
                    content: match ended {
                        Open::List(nodes) => Content::List(nodes),
                        Open::Map { entries, .. } => Content::Map(entries),
                    },
                }),
            };
            if open.len() > MAX_DEPTH {
                return Err(error("lists and maps lie too deep within each other"));
            }
            let Some(node) = done else { continue };
            match open.last_mut() {
                None => root = Some(node),
                Some((_, Open::List(nodes))) => nodes.push(node),
                Some((
                    _,
                    Open::Map {
                        entries,
                        key,
                        names,
                    },
                )) => match key.take() {
                    Some(key) => entries.push((key, node)),
                    None => *key = Some(checked_key(node, names)?),
                },
            }
        }
        Ok(())
    }
}

/// A key is a text, and there once.
fn checked_key(node: Node, names: &mut HashSet<String>) -> Result<Node, YamlError> {
    let Some(name) = node.text() else {
        return Err(node.error("a key is a list or a map; only texts are allowed"));
    };
    if !names.insert(name.to_owned()) {
        let shown: String = name.escape_debug().take(80).collect();
        return Err(node.error(format!("the key `{shown}` is there twice")));
    }
    Ok(node)
}

/// What a scalar without quotes means (YAML 1.1, as the original reads it).
fn typed(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Value::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Value::Double(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Double(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Double(f64::NEG_INFINITY),
        _ => {}
    }
    integer(text)
        .or_else(|| double(text))
        .unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = if let Some(digits) = digits.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = digits.strip_prefix("0b") {
        (2, digits)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits)
    } else {
        (10, digits)
    };
    if radix == 10 && !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
    // The library's parser would take a second sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let number = u64::from_str_radix(&digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(number).map(Value::Int);
    }
    Some(i64::try_from(number).map_or(Value::Unsigned(number), Value::Int))
}

/// Digits with a dot among them, perhaps with an exponent.
fn double(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let are_digits = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    if !are_digits(whole) || !are_digits(fraction) || whole.starts_with('_') {
        return None;
    }
    if !mantissa.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+'])?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    let plain: String = text.chars().filter(|digit| *digit != '_').collect();
    plain.parse().ok().map(Value::Double)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<'a> FromIterator<(&'a str, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (&'a str, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self::Map(
            entries
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }
}

/// Writes documents as the original does: `%YAML 1.1`, block style, keys sorted, texts in single quotes.
pub fn write(documents: &[Value]) -> String {
    let mut out = String::from("%YAML 1.1\n");
    for document in documents {
        out.push_str("---\n");
        match document {
            Value::Map(map) if !map.is_empty() => write_map(&mut out, map, 0, false),
            Value::List(list) if !list.is_empty() => write_list(&mut out, list, 0),
            scalar => {
                write_scalar(&mut out, scalar);
                out.push('\n');
            }
        }
    }
    out
}

/// `follows` says that the first key stands on a line that was begun already.
fn write_map(out: &mut String, map: &BTreeMap<String, Value>, indent: usize, follows: bool) {
    for (number, (key, value)) in map.iter().enumerate() {
        if number > 0 || !follows {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        // A key that would be read as something else, or not at all, gets its quotes.
        let is_word = key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
            && key.starts_with(|first: char| first.is_ascii_alphabetic());
        if key.len() > MAX_SHORT_KEY_BYTES {
            out.push_str("? ");
            write_text(out, key);
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
        } else if is_word && matches!(typed(key), Value::Text(_)) {
            out.push_str(key);
        } else {
            write_text(out, key);
        }
        out.push(':');
        match value {
            Value::Map(map) if !map.is_empty() => {
                out.push('\n');
                write_map(out, map, indent + 2, false);
            }
            Value::List(list) if !list.is_empty() => {
                out.push('\n');
                write_list(out, list, indent);
            }
            scalar => {
                out.push(' ');
                write_scalar(out, scalar);
                out.push('\n');
            }
        }
    }
}

fn write_list(out: &mut String, list: &[Value], indent: usize) {
    for value in list {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push('-');
        match value {
            Value::Map(map) if !map.is_empty() => {
                out.push(' ');
                write_map(out, map, indent + 2, true);
            }
            Value::List(list) if !list.is_empty() => {
                out.push('\n');
                write_list(out, list, indent + 2);
            }
            scalar => {
                out.push(' ');
                write_scalar(out, scalar);
                out.push('\n');
            }
        }
    }
}

fn write_scalar(out: &mut String, value: &Value) {
    // Nothing can go wrong when a string is written to.
    let _ = match value {
        Value::Null => write!(out, "~"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Unsigned(value) => write!(out, "{value}"),
        Value::Double(value) if value.is_nan() => write!(out, ".nan"),
        Value::Double(value) if value.is_infinite() && *value > 0.0 => write!(out, ".inf"),
        Value::Double(value) if value.is_infinite() => write!(out, "-.inf"),
        // Debug always has a dot, or an exponent without a sign, which needs both.
        Value::Double(value) => {
            let text = format!("{value:?}");
            match text.split_once('e') {
                None => write!(out, "{text}"),
                Some((mantissa, exponent)) => {
                    let dot = if mantissa.contains('.') { "" } else { ".0" };
                    let sign = if exponent.starts_with('-') { "" } else { "+" };
                    write!(out, "{mantissa}{dot}e{sign}{exponent}")
                }
            }
        }
        Value::Text(text) => {
            write_text(out, text);
            Ok(())
        }
        Value::List(_) => write!(out, "[]"),
        Value::Map(_) => write!(out, "{{}}"),
    };
}

/// In single quotes; in double ones what those cannot hold on one line.
fn write_text(out: &mut String, text: &str) {
    let is_odd = |character: char| {
        character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
    };
    if !text.contains(is_odd) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
        return;
    }
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            odd if is_odd(odd) => {
                let _ = write!(out, "\\u{:04X}", u32::from(odd));
            }
            character => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Value) {
        let documents = read(format!("a: {text}\n").as_bytes()).unwrap();
        let Value::Map(map) = documents[0].value().unwrap() else {
            panic!("{text} is not read as a map");
        };
        assert_eq!(&map["a"], expected, "{text}");
    }

    #[test]
    fn scalars_have_the_types_of_yaml_1_1() {
        for (text, number) in [
            ("10", 10),
            ("0x10", 16),
            ("010", 8),
            ("0b10", 2),
            ("0", 0),
            ("-5", -5),
            ("+5", 5),
            ("1_234_567", 1_234_567),
            ("2147483648", 2_147_483_648),
            ("-9223372036854775808", i64::MIN),
        ] {
            check(text, &Value::Int(number));
        }
        check("18446744073709551615", &Value::Unsigned(u64::MAX));
        for (text, number) in [
            ("10.10", 10.1),
            (".10", 0.1),
            ("-1.5e+3", -1500.0),
            ("1.", 1.0),
        ] {
            check(text, &Value::Double(number));
        }
        for text in ["y", "Y", "yes", "Yes", "YES", "on", "true", "True", "TRUE"] {
            check(text, &Value::Bool(true));
        }
        for text in ["n", "N", "no", "No", "NO", "off", "false", "False", "FALSE"] {
            check(text, &Value::Bool(false));
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, &Value::Null);
        }
        for text in [
            "yEs",
            "tRUE",
            "08",
            "1e5",
            "1.2.3",
            "0x",
            "0b2",
            "_1",
            "-x",
            "+-5",
            "1:30",
            "a.b",
            "--5",
            "18446744073709551616",
            ".e+5",
        ] {
            check(text, &Value::from(text));
        }
        check("'10'", &Value::from("10"));
        check("\"yes\"", &Value::from("yes"));
        check("''", &Value::from(""));
        check("!!str 10", &Value::from("10"));
        check("|\n  10\n", &Value::from("10\n"));
    }

    #[test]
    fn the_text_of_a_scalar_stays_as_it_was_written() {
        let documents = read(b"version: 1.10\nother: ~\n").unwrap();
        let entries = documents[0].entries().unwrap();
        assert_eq!(entries[0].1.text(), Some("1.10"));
        assert_eq!(entries[1].1.text(), Some("~"));
        assert!(entries[1].1.is_null());
    }

    #[test]
    fn texts_that_are_put_one_behind_another_are_one_stream() {
        let text = "%YAML 1.1\n---\na: 1\n---\nb: 2\n%YAML 1.1\n---\nc: 3\n";
        assert_eq!(read(text.as_bytes()).unwrap().len(), 3);
        let text = "%YAML 1.1\n---\na: 1\nb: 2\n";
        assert_eq!(read(text.as_bytes()).unwrap().len(), 1);
        assert_eq!(read(b"").unwrap().len(), 0);
        let text = "\u{feff}a: 1\r\nb: 2\r\n---\r\n";
        let documents = read(text.as_bytes()).unwrap();
        assert_eq!(documents.len(), 2);
        assert!(documents[1].is_null());
    }

    /// The error of a text.
    fn refused(text: &str) -> String {
        read(text.as_bytes())
            .and_then(|documents| {
                documents
                    .iter()
                    .map(Node::value)
                    .collect::<Result<Vec<_>, _>>()
            })
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert_eq!(
            refused("a: 1\nb: 2\na: 3\n"),
            "line 3: the key `a` is there twice"
        );
        assert_eq!(
            refused("a: &x 1\nb: *x\n"),
            "line 2: an alias is not allowed; write the value out once more"
        );
        for key in ["1", "no", "~", "1.5"] {
            assert_eq!(
                refused(&format!("x:\n  {key}: 1\n")),
                "line 2: a key is not a text; put it in quotes"
            );
        }
        assert_eq!(
            refused("[a]: 1\n"),
            "line 1: a key is a list or a map; only texts are allowed"
        );
        assert!(
            refused("a:\n\tb: 1\n").starts_with("line 2"),
            "{}",
            refused("a:\n\tb: 1\n")
        );
        assert!(refused("a: b: c\n").starts_with("line 1"));
        assert!(refused("a: 'x\n").starts_with("line "));
        assert!(refused("%YAML 1.1\n---\na: 1\n%YAML 1.1\n---\nb: 'x\n").starts_with("line 6"));
        assert_eq!(
            read(b"a: 1\nb: \xff\n").unwrap_err().to_string(),
            "line 2: the text is not UTF-8"
        );
        let deep = "[".repeat(100);
        assert_eq!(
            refused(&deep),
            "line 1: lists and maps lie too deep within each other"
        );
        let many = "---\n".repeat(2000);
        assert!(refused(&many).contains("too many documents"));
    }

    #[test]
    fn it_is_written_as_the_original_writes_it() {
        let header: Value = [
            ("formatType", Value::from("am-package-header")),
            ("formatVersion", Value::Int(2)),
        ]
        .into_iter()
        .collect();
        let list = Value::List(vec![Value::Int(1), Value::Bool(true), Value::Null]);
        let inner: Value = [("b", Value::from("it's")), ("a", list)]
            .into_iter()
            .collect();
        let data: Value = [
            ("extra", inner),
            ("yes", Value::Double(1.0)),
            ("empty", Value::Map(BTreeMap::new())),
        ]
        .into_iter()
        .collect();
        insta::assert_snapshot!(write(&[header, data]), @r"
        %YAML 1.1
        ---
        formatType: 'am-package-header'
        formatVersion: 2
        ---
        empty: {}
        extra:
          a:
          - 1
          - true
          - ~
          b: 'it''s'
        'yes': 1.0
        ");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (u64::MAX / 2 + 1..).prop_map(Value::Unsigned),
            any::<f64>().prop_map(Value::Double),
            "\\PC{0,12}".prop_map(Value::Text),
            ".{0,12}".prop_map(Value::Text),
            "[-+0-9xb._e~ynotfals '\"#:\\n\\t%]{0,8}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                prop::collection::btree_map("[-0-9a-zA-Z.~ '\\n:#]{0,6}|[a'\\n]{200}", inner, 0..5)
                    .prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(values in prop::collection::vec(any_value(), 1..4)) {
            let text = write(&values);
            let read: Vec<Value> = read(text.as_bytes())
                .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?
                .iter()
                .map(|node| node.value().unwrap())
                .collect();
            prop_assert_eq!(read, values, "{}", text);
        }

        #[test]
        fn an_integer_is_one_in_any_base(number in any::<i64>()) {
            let digits = number.unsigned_abs();
            let sign = if number < 0 { "-" } else { "" };
            prop_assert_eq!(typed(&format!("{sign}{digits}")), Value::Int(number));
            prop_assert_eq!(typed(&format!("{sign}0x{digits:x}")), Value::Int(number));
            prop_assert_eq!(typed(&format!("{sign}0b{digits:b}")), Value::Int(number));
            prop_assert_eq!(typed(&format!("{sign}0{digits:o}")), Value::Int(number));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[-a:\\[\\]{},?&*!|>%@'\"# \\n\\t~0-9.é]{0,40}") {
            let _ = read(text.as_bytes());
        }
    }
}
