//! YAML as a tree that keeps what it does not understand: a plain word is written again as it was read,
//! whether a reader takes it for a number or for text.

use std::collections::HashMap;
use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// Depth limit of nested lists and maps.
const MAX_DEPTH: usize = 32;

/// Most values of a file; what an alias stands for counts each time.
const MAX_NODES: usize = 5_000_000;

/// A key that is written longer than this says that it is one. YAML's own limit is 1024.
const MAX_SIMPLE_KEY: usize = 1000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A word without quotes: text, a number, a boolean or nothing.
    Plain(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in their order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads YAML, or JSON, which is a kind of it. Of several documents, the first.
    ///
    /// # Errors
    /// What is wrong and where, as half a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_start().starts_with('{')
            && let Ok(value) = serde_json::from_str(text)
        {
            return Ok(Self::of_json(&value));
        }
        Reader::default().read(text)
    }

    /// The same value as JSON has it.
    pub(super) fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Plain("null".to_owned()),
            Value::Bool(value) => Self::Plain(value.to_string()),
            Value::Number(value) => Self::Plain(value.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(list) => Self::List(list.iter().map(Self::of_json).collect()),
            Value::Object(map) => {
                let pairs = map.iter();
                Self::Map(
                    pairs
                        .map(|(key, value)| (key.clone(), Self::of_json(value)))
                        .collect(),
                )
            }
        }
    }

    /// As JSON; a plain word that is a number or a boolean in JSON is one.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Plain(word) => match word.as_str() {
                "" | "~" | "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                word if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => word
                    .parse::<serde_json::Number>()
                    .map_or_else(|_| Value::String(word.to_owned()), Value::Number),
                word => Value::String(word.to_owned()),
            },
            Self::Text(text) => Value::String(text.clone()),
            Self::List(list) => Value::Array(list.iter().map(Self::to_json).collect()),
            Self::Map(map) => Value::Object(
                map.iter()
                    .map(|(key, value)| (key.clone(), value.to_json()))
                    .collect(),
            ),
        }
    }

    /// Whether it is nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Plain(word) if matches!(word.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value as text, whatever a reader would take it for; none for lists and maps.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(_) if self.is_null() => Some(""),
            Self::Plain(text) | Self::Text(text) => Some(text),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Writes a map or a list as YAML in blocks.
    pub(super) fn write(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Map(map) if !map.is_empty() => write_map(map, 0, &mut out),
            Self::List(list) if !list.is_empty() => write_list(list, 0, &mut out),
            scalar => {
                scalar.write_scalar(&mut out);
                out.push('\n');
            }
        }
        out
    }

    fn write_scalar(&self, out: &mut String) {
        match self {
            Self::Plain(word) if is_plain_word(word) => out.push_str(word),
            Self::Plain(text) | Self::Text(text) => write_text(text, out),
            Self::List(_) => out.push_str("[]"),
            Self::Map(_) => out.push_str("{}"),
        }
    }
}

/// Room for a level of nesting.
fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_map(map: &[(String, Node)], depth: usize, out: &mut String) {
    for (place, (key, value)) in map.iter().enumerate() {
        // The first key of a list's item stands behind its dash.
        if place > 0 || depth == 0 || out.ends_with('\n') {
            indent(depth, out);
        }
        let begin = out.len();
        write_text(key, out);
        if out.len() - begin > MAX_SIMPLE_KEY {
            // YAML looks no further for the colon of a key that does not say it is one.
            out.insert_str(begin, "? ");
            out.push('\n');
            indent(depth, out);
        }
        out.push(':');
        match value {
            Node::Map(map) if !map.is_empty() => {
                out.push('\n');
                write_map(map, depth + 1, out);
            }
            Node::List(list) if !list.is_empty() => {
                out.push('\n');
                write_list(list, depth, out);
            }
            scalar => {
                out.push(' ');
                scalar.write_scalar(out);
                out.push('\n');
            }
        }
    }
}

fn write_list(list: &[Node], depth: usize, out: &mut String) {
    for (place, value) in list.iter().enumerate() {
        // As with a map's first key.
        if place > 0 || depth == 0 || out.ends_with('\n') {
            indent(depth, out);
        }
        out.push_str("- ");
        match value {
            Node::Map(map) if !map.is_empty() => write_map(map, depth + 1, out),
            Node::List(list) if !list.is_empty() => write_list(list, depth + 1, out),
            scalar => {
                scalar.write_scalar(out);
                out.push('\n');
            }
        }
    }
}

/// Whether a plain word, as it was read, can be written as it is.
fn is_plain_word(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    !word.is_empty() && word != "-" && !word.starts_with("---") && word.chars().all(allowed)
        || word == "~"
}

/// Writes text: in quotes wherever another reader could take it for something else.
fn write_text(text: &str, out: &mut String) {
    let first = text.chars().next();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let is_word = first.is_some_and(|c| c.is_ascii_alphabetic()) && text.chars().all(allowed);
    let is_special = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if is_word && !is_special {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A list or a map that is being read.
struct Open {
    node: Node,
    key: Option<String>,
    anchor: usize,
}

#[derive(Default)]
struct Reader {
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    count: usize,
}

impl Reader {
    fn read(mut self, text: &str) -> Result<Node, String> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| error.to_string())?;
            let place = |reason: &str| format!("{reason} (line {})", span.start.line());
            match event {
                Event::Scalar(text, style, anchor, tag) => {
                    let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                    let node = if style == ScalarStyle::Plain && !is_text {
                        Node::Plain(text.into_owned())
                    } else {
                        Node::Text(text.into_owned())
                    };
                    self.put(node, anchor, 1).map_err(place)?;
                }
                Event::SequenceStart(anchor, _) => {
                    self.open(Node::List(Vec::new()), anchor).map_err(place)?;
                }
                Event::MappingStart(anchor, _) => {
                    self.open(Node::Map(Vec::new()), anchor).map_err(place)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(Open { node, anchor, .. }) = self.stack.pop() {
                        self.put(node, anchor, 0).map_err(place)?;
                    }
                }
                Event::Alias(anchor) => {
                    let known = self.anchors.get(&anchor).cloned();
                    let (node, size) = known.ok_or_else(|| place("an alias has no anchor"))?;
                    self.put(node, 0, size).map_err(place)?;
                }
                Event::DocumentEnd => break,
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_) => {}
            }
        }
        self.root.ok_or_else(|| "it is empty".to_owned())
    }

    fn open(&mut self, node: Node, anchor: usize) -> Result<(), &'static str> {
        if self.stack.len() >= MAX_DEPTH {
            return Err("it is nested too deeply");
        }
        self.stack.push(Open {
            node,
            key: None,
            anchor,
        });
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), &'static str> {
        self.count += size.max(1);
        if self.count > MAX_NODES {
            return Err("it has too many values");
        }
        if anchor != 0 {
            let size = count(&node);
            self.count += size;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node, open.key.take()) {
            (Node::List(list), _) => list.push(node),
            (Node::Map(map), Some(key)) => map.push((key, node)),
            (Node::Map(_), None) => match node {
                Node::Plain(key) | Node::Text(key) => open.key = Some(key),
                Node::List(_) | Node::Map(_) => return Err("a key is not text"),
            },
            (Node::Plain(_) | Node::Text(_), _) => {}
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    match node {
        Node::Plain(_) | Node::Text(_) => 1,
        Node::List(list) => 1 + list.iter().map(count).sum::<usize>(),
        Node::Map(map) => 1 + map.iter().map(|(_, node)| count(node)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, json: &str) {
        let read = Node::parse(text).unwrap();
        assert_eq!(read.to_json().to_string(), json, "{text}");
        let again = Node::parse(&read.write()).unwrap();
        assert_eq!(again.to_json(), read.to_json(), "{}", read.write());
    }

    #[test]
    fn yaml_is_read_as_others_write_it() {
        check("a: 1\nb: \"1\"\n", r#"{"a":1,"b":"1"}"#);
        check(
            "a:\n- x\n- y: 1\n  z: [1, 2]\n",
            r#"{"a":["x",{"y":1,"z":[1,2]}]}"#,
        );
        check(
            "a:\n  - x\n  - |\n    two\n    lines\n",
            r#"{"a":["x","two\nlines\n"]}"#,
        );
        check("{\"a\": [true, null, 1.10]}", r#"{"a":[true,null,1.10]}"#);
        check("a: &x {b: 1}\nc: *x\n", r#"{"a":{"b":1},"c":{"b":1}}"#);
        check("a: 我的\nb: 'it''s'\n", r#"{"a":"我的","b":"it's"}"#);
        check("a: !!str 1\n", r#"{"a":"1"}"#);
        check("a: >\n  folded\n  text\n", r#"{"a":"folded text\n"}"#);
    }

    #[test]
    fn a_version_that_looks_like_a_number_keeps_its_zeros() {
        let read = Node::parse("version: 1.10\n").unwrap();
        let Node::Map(map) = &read else { panic!() };
        assert_eq!(map[0].1.text(), Some("1.10"));
        assert_eq!(read.write(), "version: 1.10\n");
    }

    /// What the fuzzer found.
    #[test]
    fn a_very_long_key_and_lists_in_lists_are_read_as_they_were() {
        let long = "\u{b}".repeat(200);
        for json in [
            format!("{{\"{long}\": 1, \"b\": 2}}").replace('\u{b}', "\\u000b"),
            format!("{{\"a\": [{{\"{long}\": {{\"c\": [1]}}}}]}}").replace('\u{b}', "\\u000b"),
            "{\"a\": [[1, [2, {\"b\": [[3], 4]}]], [], [[]]]}".to_owned(),
        ] {
            let read = Node::parse(&json).unwrap();
            let again = Node::parse(&read.write()).unwrap();
            assert_eq!(again.to_json(), read.to_json(), "{}", read.write());
        }
    }

    #[test]
    fn what_is_no_yaml_or_too_much_of_it_is_refused() {
        for wrong in ["", "a: [", "{a: 1}: 2", "a: *nothing", "\t- a: b\n\t\tc"] {
            assert!(Node::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Node::parse(&"[".repeat(100)).is_err());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = vec![format!("*a{}", level - 1); 10].join(", ");
            let _ = writeln!(bomb, "a{level}: &a{level} [{before}]");
        }
        assert!(Node::parse(&bomb).is_err());
    }

    fn node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            ".*".prop_map(Node::Text),
            "[a-z0-9.]{1,8}".prop_map(Node::Text),
            Just(Node::Plain("null".to_owned())),
            any::<i32>().prop_map(|number| Node::Plain(number.to_string())),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Node::List),
                prop::collection::vec((".{0,8}", inner), 0..6).prop_map(|pairs| {
                    let mut map: Vec<(String, Node)> = Vec::new();
                    for (key, value) in pairs {
                        if map.iter().all(|(known, _)| *known != key) {
                            map.push((key, value));
                        }
                    }
                    Node::Map(map)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(node in node()) {
            let text = node.write();
            let read = Node::parse(&text);
            prop_assert_eq!(read.map(|read| read.to_json()), Ok(node.to_json()), "{}", text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,200}") {
            let _ = Node::parse(&text);
        }

        #[test]
        fn no_yaml_like_text_does_either(text in "[ a-c:\\-\\[\\]{},&*!|>'\"\n#?%]{0,60}") {
            let _ = Node::parse(&text);
        }
    }
}
